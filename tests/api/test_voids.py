from typing import Any

from points.models import Sale, Wallet
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import api_key, token


def sold(town: Town, pos: Machine, **more: Any) -> int:
    member = token(town.hotpot, town.lin.wallet_id)
    number: int = pos.post(
        "sales", {"outlet": town.hotpot.outlet.pk, "member": member, "bill_fen": 10_000, **more}
    ).json()["id"]
    return number


def test_it_works(town: Town, pos: Machine) -> None:
    number = sold(town, pos, spend_points=3_000)
    answer = pos.post(f"sales/{number}/void", {"outlet": town.hotpot.outlet.pk})
    assert answer.status_code == 201
    told = answer.json()
    assert (told["sale"], told["points_taken"], told["points_returned"]) == (number, 350, 3_000)
    assert Wallet.objects.get(pk=town.lin.wallet_id).available == 50_000
    assert Sale.objects.get(pk=told["id"]).bill_fen == -10_000


def test_the_same_key_voids_once_and_answers_twice(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    sent = {"outlet": town.hotpot.outlet.pk}
    first = pos.post(f"sales/{number}/void", sent, key="same-key-1")
    second = pos.post(f"sales/{number}/void", sent, key="same-key-1")
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    other = pos.post(f"sales/{number}/void", sent)
    assert (other.status_code, other.json()["code"]) == (409, "already_void")


def test_a_strangers_sale_is_not_found(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    other = Machine(api_key(town.fruit.merchant))
    answer = other.post(f"sales/{number}/void", {"outlet": town.fruit.outlet.pk})
    assert (answer.status_code, answer.json()["code"]) == (404, "sale_unknown")
    answer = other.post(f"sales/{number}/void", {"outlet": town.hotpot.outlet.pk})
    assert (answer.status_code, answer.json()["code"]) == (404, "outlet_of_another")
    assert Sale.objects.filter(kind=Sale.Kind.VOID).count() == 0


def test_a_number_that_is_none(town: Town, pos: Machine) -> None:
    for number in (0, 1, 2**63 - 1, 2**70):
        answer = pos.post(f"sales/{number}/void", {"outlet": town.hotpot.outlet.pk})
        assert (answer.status_code, answer.json()["code"]) in [(404, "sale_unknown"), (404, "not_found")]


def test_it_needs_key_and_scope(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    sent = {"outlet": town.hotpot.outlet.pk}
    assert pos.post(f"sales/{number}/void", sent, key=None).json()["code"] == "idempotency_key_missing"
    weak = Machine(api_key(town.hotpot.merchant, scopes=["sales:write"]))
    assert weak.post(f"sales/{number}/void", sent).json()["code"] == "api_scope_missing"
