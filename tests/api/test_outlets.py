from alliance.actors import Actor
from merchants import onboarding
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import api_key, token
from tests.factories.shops import OPENED


def open_outlet(town: Town, name: str, is_test: bool = False) -> int:
    outlet = onboarding.open_outlet(
        merchant=town.hotpot.merchant,
        name=name,
        city=town.hotpot.outlet.city,
        lng=100.1,
        lat=30.1,
        is_test=is_test,
        actor=Actor.system("tests"),
        at=OPENED,
    )
    return outlet.pk


def test_it_works(town: Town, pos: Machine) -> None:
    second = open_outlet(town, "二店")
    town.fruit
    told = pos.get("outlets").json()
    assert [row["id"] for row in told["items"]] == [town.hotpot.outlet.pk, second]
    assert (told["items"][0]["hours"], told["items"][0]["is_open"], told["next"]) == ("00:00-24:00", True, None)


def test_pages(town: Town, pos: Machine) -> None:
    second = open_outlet(town, "二店")
    first_page = pos.get("outlets?limit=1").json()
    assert [row["id"] for row in pos.get(f"outlets?limit=1&cursor={first_page['next']}").json()["items"]] == [second]


def test_a_test_key_sees_test_outlets_only(town: Town, pos: Machine) -> None:
    number = open_outlet(town, "测试", is_test=True)
    test = Machine(api_key(town.hotpot.merchant, is_test=True))
    assert [row["id"] for row in test.get("outlets").json()["items"]] == [number]
    assert number not in [row["id"] for row in pos.get("outlets").json()["items"]]
    assert pos.post("quote", {"outlet": number, "bill_fen": 100}, key=None).status_code == 404
    assert test.post("quote", {"outlet": number, "bill_fen": 100}, key=None).status_code == 200


def test_a_bound_key_sees_its_outlet_only(town: Town) -> None:
    number = open_outlet(town, "二店")
    bound = Machine(api_key(town.hotpot.merchant, outlet=town.hotpot.outlet))
    assert [row["id"] for row in bound.get("outlets").json()["items"]] == [town.hotpot.outlet.pk]
    sent = {"outlet": number, "member": token(town.hotpot, town.zhou.wallet_id), "bill_fen": 100}
    assert bound.post("sales", sent).json()["code"] == "outlet_of_another"
