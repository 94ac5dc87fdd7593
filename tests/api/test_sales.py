from typing import Any

import pytest
from django.utils import timezone

from merchants import onboarding
from points import accounts, identify
from points.models import Key, Sale, Transfer, Wallet
from tests.api.conftest import Machine
from tests.cast import LIN_PIN, SYSTEM, Town
from tests.factories.merchants import api_key, token
from tests.factories.shops import shop


def body(town: Town, member: str = "", **more: Any) -> dict[str, Any]:
    given = member or token(town.hotpot, town.zhou.wallet_id)
    return {"outlet": town.hotpot.outlet.pk, "member": given, "bill_fen": 10_000, **more}


def counts() -> tuple[int, ...]:
    return Sale.objects.count(), Transfer.objects.filter(outlet_id__isnull=False).count(), Key.objects.count()


def test_it_works(town: Town, pos: Machine) -> None:
    answer = pos.post("sales", body(town, reference="T-17"))
    assert answer.status_code == 201
    told = answer.json()
    assert told == {
        "id": Sale.objects.get().pk,
        "status": "booked",
        "outlet": town.hotpot.outlet.pk,
        "booked_at": told["booked_at"],
        "bill_fen": 10_000,
        "paid_fen": 10_000,
        "spent_points": 0,
        "points": 500,
        "promised_points": 0,
        "bonus_points": 0,
        "bonuses": [],
        "rebate_fen": 800,
        "matures_on": told["matures_on"],
        "expires_on": told["expires_on"],
        "available_points": 0,
        "reference": "T-17",
        "void_until": told["void_until"],
        "notice": None,
    }
    assert Sale.objects.get().actor.startswith("key:")


def test_sale_and_spending_on_one_bill(town: Town, pos: Machine) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    told = pos.post("sales", body(town, code, spend_points=3_000)).json()
    assert (told["paid_fen"], told["spent_points"], told["points"], told["available_points"]) == (
        7_000,
        3_000,
        350,
        47_000,
    )


def test_the_same_key_gets_the_same_answer(town: Town, pos: Machine) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    sent = body(town, code, spend_points=1_000)
    first = pos.post("sales", sent, key="same-key-1")
    before = counts()
    second = pos.post("sales", sent, key="same-key-1")
    assert (second.status_code, second.json()) == (201, first.json())
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert counts() == before


def test_the_key_survives_another_api_key(town: Town, pos: Machine) -> None:
    sent = body(town)
    first = pos.post("sales", sent, key="same-key-1")
    other = Machine(api_key(town.hotpot.merchant))
    assert other.post("sales", sent, key="same-key-1").json() == first.json()


@pytest.mark.parametrize("change", [{"bill_fen": 10_001}, {"reference": "x"}, {"member": "13800138001"}])
def test_the_same_key_with_another_body_is_refused(town: Town, pos: Machine, change: dict[str, Any]) -> None:
    town.lin
    sent = body(town)
    pos.post("sales", sent, key="same-key-1")
    before = counts()
    answer = pos.post("sales", {**sent, **change}, key="same-key-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert counts() == before


def test_two_merchants_may_use_the_same_key(town: Town, pos: Machine) -> None:
    pos.post("sales", body(town), key="same-key-1")
    other = Machine(api_key(town.fruit.merchant))
    sent = {"outlet": town.fruit.outlet.pk, "member": token(town.fruit, town.zhou.wallet_id), "bill_fen": 100}
    assert other.post("sales", sent, key="same-key-1").status_code == 201


def test_a_key_is_required(town: Town, pos: Machine) -> None:
    answer = pos.post("sales", body(town), key=None)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    answer = pos.post("sales", body(town), key="kurz")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")
    assert Sale.objects.count() == 0


@pytest.mark.parametrize("amount", ["10000", "😀", "1e4", 100.0, -1, 0, True, None, 1_000_000_001, 10**30, [], {}])
def test_amounts_are_whole_numbers(town: Town, pos: Machine, amount: Any) -> None:
    answer = pos.post("sales", body(town, bill_fen=amount))
    assert (answer.status_code, answer.json()["code"]) == (422, "input_invalid")
    assert answer.json()["fields"][0]["field"] == "bill_fen"
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", b"\xff\xfe", '"text"', "NaN"])
def test_a_body_that_is_none(town: Town, pos: Machine, raw: Any) -> None:
    answer = pos.post("sales", raw)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("body_unreadable", "input_invalid")
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize("when", ["2026-11-22T12:00:00", "gestern", "2026-11-22", 5, "9999-12-31T23:59:59Z"])
def test_times_have_an_offset_and_are_near(town: Town, pos: Machine, when: Any) -> None:
    answer = pos.post("sales", body(town, occurred_at=when))
    assert answer.status_code == 422
    assert counts() == (0, 0, 0)


def test_a_field_that_is_not_known_is_refused(town: Town, pos: Machine) -> None:
    answer = pos.post("sales", body(town, spend_point=100))
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "spend_point")
    assert counts() == (0, 0, 0)


def test_an_empty_float_is_told_clearly(town: Town) -> None:
    poor = shop("穷店", float_fen=0)
    answer = Machine(api_key(poor.merchant)).post(
        "sales", {"member": token(poor, town.zhou.wallet_id), "bill_fen": 10_000, "outlet": poor.outlet.pk}
    )
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["points"]) == ("without_points", 0)
    assert answer.json()["notice"]["code"] == "float_exhausted"


def test_too_few_points(town: Town, pos: Machine) -> None:
    sent = body(town, spend_points=100)
    answer = pos.post("sales", sent, key="same-key-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "points_short")
    assert Sale.objects.count() == Transfer.objects.filter(wallet_id=town.zhou.wallet_id).count() == 0
    again = pos.post("sales", sent, key="same-key-1")
    assert (again.status_code, again.json()["code"]) == (409, "points_short")


def test_a_large_spending_needs_the_pin(town: Town, pos: Machine) -> None:
    sent = body(town, token(town.hotpot, town.lin.wallet_id), bill_fen=60_000, spend_points=20_001)
    answer = pos.post("sales", sent, key="same-key-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "pin_needed")
    done = pos.post("sales", {**sent, "pin": LIN_PIN}, key="same-key-1")
    assert (done.status_code, done.json()["spent_points"]) == (201, 20_001)


def test_a_paused_merchant(town: Town, pos: Machine) -> None:
    onboarding.pause(merchant=town.hotpot.merchant, actor=SYSTEM, at=timezone.now(), reason="rent")
    answer = pos.post("sales", body(town))
    assert (answer.status_code, answer.json()["code"]) == (409, "merchant_not_live")
    assert counts() == (0, 0, 0)


def test_an_outlet_of_another_is_not_found(town: Town, pos: Machine) -> None:
    answer = pos.post("sales", body(town, outlet=town.fruit.outlet.pk))
    assert (answer.status_code, answer.json()["code"]) == (404, "outlet_of_another")
    assert pos.post("sales", body(town, outlet=2**62)).status_code == 404


def test_a_key_bound_to_an_outlet_needs_no_outlet(town: Town) -> None:
    bound = Machine(api_key(town.hotpot.merchant, outlet=town.hotpot.outlet))
    sent = body(town)
    del sent["outlet"]
    assert bound.post("sales", sent).status_code == 201


def test_a_free_key_must_say_which_outlet(town: Town, pos: Machine) -> None:
    sent = body(town)
    del sent["outlet"]
    answer = pos.post("sales", sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "outlet_missing")


def test_spending_needs_its_scope(town: Town) -> None:
    weak = Machine(api_key(town.hotpot.merchant, scopes=["sales:write"]))
    answer = weak.post("sales", body(town, spend_points=1))
    assert (answer.status_code, answer.json()["code"]) == (403, "api_scope_missing")
    assert weak.post("sales", body(town)).status_code == 201


def test_a_test_key_books_nothing_real(town: Town) -> None:
    test = Machine(api_key(town.hotpot.merchant, is_test=True))
    answer = test.post("sales", body(town))
    assert (answer.status_code, answer.json()["code"]) == (409, "test_key_without_outlet")
    assert Sale.objects.count() == 0


def test_messages_speak_the_callers_language(town: Town, pos: Machine) -> None:
    english = pos.post("sales", body(town, spend_points=100), **{"Accept-Language": "en"})
    assert "points to spend" in english.json()["title"]
    assert english["Content-Language"] == "en"


def test_wallet_and_float_move_to_the_fen(town: Town, pos: Machine) -> None:
    pos.post("sales", body(town, bill_fen=12_345, eligible_fen=12_000))
    # 12,000 × 8% = 960 = 600 + 360.
    assert Wallet.objects.get(pk=town.zhou.wallet_id).pending == 600
    assert accounts.balance(town.hotpot.merchant.float_id or 0) == 1_000_000 - 960
