from typing import Any

from points.models import Sale, Transfer
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import api_key, token


def body(town: Town, **more: Any) -> dict[str, Any]:
    member = token(town.hotpot, town.lin.wallet_id)
    return {"outlet": town.hotpot.outlet.pk, "member": member, "bill_fen": 10_000, "spend_points": 3_000, **more}


def test_it_works(town: Town, pos: Machine) -> None:
    answer = pos.post("spends", body(town))
    assert answer.status_code == 201
    told = answer.json()
    assert (told["spent_points"], told["paid_fen"], told["points"], told["rebate_fen"]) == (3_000, 7_000, 0, 0)
    (row,) = Transfer.objects.filter(journal_id=told["id"])
    assert (row.points, row.rest) == (2_970, 30)


def test_the_same_key_spends_once(town: Town, pos: Machine) -> None:
    sent = body(town)
    first = pos.post("spends", sent, key="same-key-1")
    second = pos.post("spends", sent, key="same-key-1")
    assert first.json() == second.json()
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 1


def test_nothing_to_spend_is_no_spending(town: Town, pos: Machine) -> None:
    assert pos.post("spends", body(town, spend_points=0)).json()["code"] == "input_invalid"


def test_it_needs_its_own_scope(town: Town) -> None:
    weak = Machine(api_key(town.hotpot.merchant, scopes=["sales:write"]))
    assert weak.post("spends", body(town)).json()["code"] == "api_scope_missing"
    strong = Machine(api_key(town.hotpot.merchant, scopes=["spends:write"]))
    assert strong.post("spends", body(town)).status_code == 201


def test_an_outlet_of_another_is_not_found(town: Town, pos: Machine) -> None:
    assert pos.post("spends", body(town, outlet=town.fruit.outlet.pk)).status_code == 404
