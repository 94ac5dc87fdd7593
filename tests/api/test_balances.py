from datetime import timedelta

import pytest
from django.utils import timezone

from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import api_key, token
from tests.factories.shops import sale


def ask(pos: Machine, town: Town, member: str, outlet: object = "") -> tuple[int, dict[str, object]]:
    answer = pos.get(f"members/balance?outlet={outlet or town.hotpot.outlet.pk}", **{"Member-Token": member})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("proof", ["code", "pin"])
def test_it_works(town: Town, pos: Machine, proof: str) -> None:
    sale(town.hotpot, town.lin.wallet_id, 10_000)
    told = ask(pos, town, token(town.hotpot, town.lin.wallet_id, proof=proof))
    assert told == (200, {"available_points": 50_000, "pending_points": 500})


@pytest.mark.parametrize("proof", ["phone", "number", "card"])
def test_without_a_proof_there_is_no_balance(town: Town, pos: Machine, proof: str) -> None:
    status, told = ask(pos, town, token(town.hotpot, town.lin.wallet_id, proof=proof))
    assert (status, told["code"]) == (403, "member_proof_needed")


def test_tokens_that_do_not_count(town: Town, pos: Machine) -> None:
    wallet_id = town.lin.wallet_id
    old = token(town.hotpot, wallet_id, at=timezone.now() - timedelta(minutes=6))
    assert ask(pos, town, old)[1]["code"] == "member_token_expired"
    assert ask(pos, town, token(town.fruit, wallet_id))[1]["code"] == "member_token_of_another_outlet"
    assert ask(pos, town, "")[1]["code"] == "member_token_invalid"


def test_strangers_and_nonsense(town: Town, pos: Machine) -> None:
    mine = token(town.fruit, town.lin.wallet_id)
    assert ask(pos, town, mine, town.fruit.outlet.pk)[0] == 404
    assert ask(pos, town, mine, "x")[1]["code"] == "number_invalid"
    weak = Machine(api_key(town.hotpot.merchant, scopes=["sales:write"]))
    assert ask(weak, town, mine)[1]["code"] == "api_scope_missing"
