from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from points import identify
from points.models import Sale
from tests.api.conftest import Machine
from tests.cast import LIN_PIN, Town
from tests.factories.merchants import api_key


def body(town: Town, member: str, **more: Any) -> dict[str, Any]:
    return {"outlet": town.hotpot.outlet.pk, "member": member, **more}


def test_it_works(town: Town, pos: Machine) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now())
    answer = pos.post("identify", body(town, code.digits))
    assert answer.status_code == 200
    told = answer.json()
    assert (told["proof"], told["tier"], told["mark"], told["available_points"]) == ("code", 2, code.mark, 50_000)
    assert told["member_token"].startswith("mt_")
    assert "林" not in answer.content.decode()


def test_a_phone_shows_no_balance(town: Town, pos: Machine) -> None:
    town.lin
    told = pos.post("identify", body(town, "13800138001")).json()
    assert (told["proof"], told["available_points"]) == ("phone", None)


def test_a_phone_and_the_pin_show_it(town: Town, pos: Machine) -> None:
    town.lin
    told = pos.post("identify", body(town, "+86 138 0013 8001", pin=LIN_PIN)).json()
    assert (told["proof"], told["available_points"]) == ("pin", 50_000)


def test_a_member_number_works(town: Town, pos: Machine) -> None:
    assert pos.post("identify", body(town, town.zhou.number)).json()["proof"] == "number"


def test_a_code_works_once(town: Town, pos: Machine) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    assert pos.post("identify", body(town, code)).status_code == 200
    again = pos.post("identify", body(town, code))
    assert (again.status_code, again.json()["code"]) == (409, "code_used")


def test_a_code_of_61_seconds_ago_is_over(town: Town, pos: Machine) -> None:
    old = identify.show_code(town.lin.wallet_id, timezone.now() - timedelta(seconds=61)).digits
    answer = pos.post("identify", body(town, old))
    assert (answer.status_code, answer.json()["code"]) == (409, "code_expired")


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        ("13900000000", "member_unknown", 404),
        ("1" * 18, "code_unknown", 404),
        ("😀", "member_unclear", 422),
        ("林婶", "member_unclear", 422),
        ("12345", "member_unclear", 422),
        ("LHS:1:00", "member_is_shop_code", 422),
        ("mt_nonsense", "member_token_invalid", 422),
    ],
)
def test_who_cannot_be_found(town: Town, pos: Machine, given: str, code: str, status: int) -> None:
    answer = pos.post("identify", body(town, given))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_an_outlet_of_another_is_not_found(town: Town, pos: Machine) -> None:
    answer = pos.post("identify", {"outlet": town.fruit.outlet.pk, "member": "13800138001"})
    assert (answer.status_code, answer.json()["code"]) == (404, "outlet_of_another")


def test_a_wrong_pin_says_how_many_are_left(town: Town, pos: Machine) -> None:
    town.lin
    answer = pos.post("identify", body(town, "13800138001", pin="111222"))
    assert (answer.status_code, answer.json()["code"], answer.json()["facts"]) == (403, "pin_wrong", {"left": 4})


def test_it_needs_its_scope(town: Town) -> None:
    weak = Machine(api_key(town.hotpot.merchant, scopes=["sales:write"]))
    answer = weak.post("identify", body(town, "13800138001"))
    assert (answer.status_code, answer.json()["code"]) == (403, "api_scope_missing")
    assert Sale.objects.count() == 0
