from typing import Any

import pytest

from points.models import Key, Sale
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import token


def body(town: Town, **more: Any) -> dict[str, Any]:
    return {"outlet": town.hotpot.outlet.pk, "bill_fen": 10_000, **more}


def test_it_works(town: Town, pos: Machine) -> None:
    told = pos.post("quote", body(town), key=None).json()
    assert (told["points"], told["rebate_fen"], told["paid_fen"], told["rate_bps"]) == (500, 800, 10_000, 800)
    assert (told["max_spend_points"], told["needs_pin"], told["spend_fee"]) == (5_000, False, 0)
    assert Sale.objects.count() == Key.objects.count() == 0


def test_a_part_in_points(town: Town, pos: Machine) -> None:
    told = pos.post("quote", body(town, spend_points=3_000), key=None).json()
    assert (told["paid_fen"], told["points"], told["rebate_fen"], told["spend_fee"]) == (7_000, 350, 560, 30)


def test_the_members_balance_limits_it_after_a_proof(town: Town, pos: Machine) -> None:
    told = pos.post("quote", body(town, member_token=token(town.hotpot, town.zhou.wallet_id)), key=None).json()
    assert told["max_spend_points"] == 0
    by_phone = token(town.hotpot, town.zhou.wallet_id, proof="phone")
    told = pos.post("quote", body(town, member_token=by_phone, spend_points=1), key=None).json()
    assert (told["max_spend_points"], told["needs_pin"]) == (5_000, True)


@pytest.mark.parametrize("amount", [0, -1, "😀", 1.5])
def test_amounts_that_are_none(town: Town, pos: Machine, amount: Any) -> None:
    assert pos.post("quote", body(town, bill_fen=amount), key=None).json()["code"] == "input_invalid"


def test_more_points_than_the_agreement_allows(town: Town, pos: Machine) -> None:
    answer = pos.post("quote", body(town, spend_points=5_001), key=None)
    assert (answer.status_code, answer.json()["code"], answer.json()["facts"]) == (
        422,
        "spend_share_exceeded",
        {"most": 5_000},
    )


def test_an_outlet_of_another_is_not_found(town: Town, pos: Machine) -> None:
    assert pos.post("quote", body(town, outlet=town.fruit.outlet.pk), key=None).status_code == 404
