"""Bills at a till, with the figures of docs/ledger.md: ¥100 at 8% = 800 rebate = 500 points + 300 rest."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from merchants import onboarding, sales
from merchants.models import SpentToken
from points import accounts, identify
from points.models import Key, Sale, Transfer, Wallet
from tests.cast import LIN_PIN, ZHOU_PHONE, Town
from tests.factories.merchants import till_caller, token
from tests.factories.shops import Shop, shop

ME = Actor.system("tests")


def record(
    at_shop: Shop, member: str, bill_fen: int, spend: int = 0, *, key: str = "k-1", **more: Any
) -> sales.Receipt:
    pin = more.pop("pin", "")
    at = more.pop("at", None) or timezone.now()
    return sales.record(
        outlet=at_shop.outlet,
        request=sales.Request(member, bill_fen, spend, **more),
        caller=till_caller(at_shop),
        key=key,
        actor=ME,
        at=at,
        pin=pin,
    )


def counts() -> tuple[int, ...]:
    return Sale.objects.count(), Transfer.objects.count(), Key.objects.count(), SpentToken.objects.count()


def test_a_sale_of_a_hundred_yuan_at_eight_percent(town: Town) -> None:
    wallet_id = town.zhou.wallet_id
    receipt = record(town.hotpot, token(town.hotpot, wallet_id), 10_000)
    assert (receipt.status, receipt.points, receipt.rebate_fen, receipt.paid_fen) == ("booked", 500, 800, 10_000)
    wallet = Wallet.objects.get(pk=wallet_id)
    assert (wallet.balance, wallet.pending, wallet.available) == (500, 500, 0)
    assert accounts.balance(town.hotpot.merchant.float_id or 0) == 1_000_000 - 800
    sale = Sale.objects.get(pk=receipt.sale_id)
    (transfer,) = Transfer.objects.filter(journal_id=sale.pk)
    assert (transfer.points, transfer.rest, sale.rest) == (500, 300, 300)
    assert receipt.available_points == 0


def test_sale_and_spending_on_one_bill_are_one_journal(town: Town) -> None:
    lin = town.lin
    receipt = record(town.hotpot, token(town.hotpot, lin.wallet_id), 10_000, 3_000)
    # 70 yuan of money earn 8%: 560 = 350 + 210; the fee on 3,000 points is 30.
    assert (receipt.paid_fen, receipt.spent_points, receipt.points, receipt.rebate_fen) == (7_000, 3_000, 350, 560)
    rows = list(Transfer.objects.filter(journal_id=receipt.sale_id).order_by("seq"))
    assert [(row.kind, row.points, row.rest) for row in rows] == [(2, 2_970, 30), (1, 350, 210)]
    assert receipt.available_points == 50_000 - 3_000
    assert accounts.balance(town.hotpot.merchant.proceeds_id or 0) == 2_970


def test_the_same_request_again_gets_the_same_answer(town: Town) -> None:
    member = token(town.hotpot, town.lin.wallet_id)
    first = record(town.hotpot, member, 10_000, 3_000)
    before = counts()
    second = record(town.hotpot, member, 10_000, 3_000)
    assert second == replace(first, is_replay=True)
    assert counts() == before


def test_a_used_code_does_not_stop_the_repetition(town: Town) -> None:
    now = timezone.now()
    code = identify.show_code(town.lin.wallet_id, now).digits
    first = record(town.hotpot, code, 10_000, 1_000, at=now)
    second = record(town.hotpot, code, 10_000, 1_000, at=now + timedelta(minutes=3))
    assert second == replace(first, is_replay=True)
    with pytest.raises(Refused) as refused:
        record(town.hotpot, code, 10_000, 1_000, key="k-2", at=now)
    assert refused.value.code == "code_used"


def test_the_answer_outlives_the_token(town: Town) -> None:
    now = timezone.now()
    member = token(town.hotpot, town.zhou.wallet_id, at=now)
    first = record(town.hotpot, member, 10_000, at=now)
    assert record(town.hotpot, member, 10_000, at=now + timedelta(hours=1)).sale_id == first.sale_id
    with pytest.raises(Refused) as refused:
        record(town.hotpot, member, 10_000, key="k-2", at=now + timedelta(hours=1))
    assert refused.value.code == "member_token_expired"


@pytest.mark.parametrize("change", [{"bill_fen": 10_001}, {"reference": "A1"}, {"eligible_fen": 5}])
def test_the_same_key_with_another_body_is_refused(town: Town, change: dict[str, Any]) -> None:
    member = token(town.hotpot, town.zhou.wallet_id)
    record(town.hotpot, member, 10_000)
    before = counts()
    with pytest.raises(Refused) as refused:
        record(town.hotpot, member, **{"bill_fen": 10_000, **change})
    assert (refused.value.code, refused.value.status) == ("key_reused", 422)
    assert counts() == before


def test_the_same_key_for_another_wallet_is_refused(town: Town) -> None:
    lin = town.lin
    record(town.hotpot, token(town.hotpot, town.zhou.wallet_id), 10_000)
    before = counts()
    with pytest.raises(Refused) as refused:
        record(town.hotpot, token(town.hotpot, lin.wallet_id), 10_000)
    assert refused.value.code == "key_reused"
    assert counts() == before


def test_an_empty_float_makes_a_sale_without_points(town: Town) -> None:
    poor = shop("穷店", float_fen=799)
    receipt = record(poor, token(poor, town.zhou.wallet_id), 10_000)
    assert (receipt.status, receipt.points, receipt.rebate_fen, receipt.matures_on) == ("without_points", 0, 0, None)
    assert accounts.balance(poor.merchant.float_id or 0) == 799
    assert Transfer.objects.filter(journal_id=receipt.sale_id).count() == 0


@pytest.mark.parametrize(
    ("code", "bill", "spend", "more"),
    [
        ("amount_invalid", 0, 0, {}),
        ("amount_invalid", -5, 0, {}),
        ("amount_invalid", 10_000, 10_001, {}),
        ("amount_invalid", 10_000, -1, {}),
        ("amount_invalid", 1_000_000_001, 0, {}),
        ("amount_invalid", 10_000, 1_000, {"eligible_fen": 9_001}),
        ("spend_share_exceeded", 10_000, 5_001, {}),
        ("pin_needed", 100_000, 20_001, {}),
        ("reference_invalid", 10_000, 0, {"reference": "A\x1b[0m"}),
        ("reference_invalid", 10_000, 0, {"reference": "A\nB"}),
        ("time_out_of_range", 10_000, 0, {"occurred_at": timezone.now() - timedelta(days=31)}),
        ("time_out_of_range", 10_000, 0, {"occurred_at": timezone.now() + timedelta(hours=1)}),
    ],
)
def test_a_refusal_writes_nothing(town: Town, code: str, bill: int, spend: int, more: dict[str, Any]) -> None:
    member = token(town.hotpot, town.lin.wallet_id)
    before = counts()
    with pytest.raises(Refused) as refused:
        record(town.hotpot, member, bill, spend, **more)
    assert refused.value.code == code
    assert counts() == before


def test_a_late_sale_repeated_after_the_30_days_gets_its_answer(town: Town) -> None:
    assert town.zhou
    now = timezone.now()
    member, sold_at = ZHOU_PHONE, now - timedelta(days=30) + timedelta(hours=1)
    first = record(town.hotpot, member, 10_000, occurred_at=sold_at, at=now)
    again = record(town.hotpot, member, 10_000, occurred_at=sold_at, at=now + timedelta(hours=2))
    assert (again.sale_id, again.is_replay) == (first.sale_id, True)
    with pytest.raises(Refused) as refused:
        record(town.hotpot, member, 10_000, occurred_at=sold_at, at=now + timedelta(hours=2), key="k-2")
    assert refused.value.code == "time_out_of_range"


@pytest.mark.parametrize(
    ("hours", "synced", "is_believed"), [(71, None, True), (73, None, False), (30, 31, True), (30, 29, False)]
)
def test_row_41_a_late_sale_has_the_terms_of_the_tills_time_while_it_can_be_believed(
    town: Town, hours: int, synced: int | None, is_believed: bool
) -> None:
    assert town.zhou
    now = timezone.now()
    then, sync = now - timedelta(hours=hours), now - timedelta(hours=synced) if synced else None
    receipt = record(town.hotpot, ZHOU_PHONE, 10_000, occurred_at=then, synced_at=sync, at=now)
    sale = Sale.objects.get(pk=receipt.sale_id)
    assert (sale.event_at == then) == is_believed
    today = shanghai_day(sale.booked_at)
    assert sale.booked_on == today
    earned = Transfer.objects.get(journal_id=sale.pk)
    assert (receipt.matures_on, receipt.expires_on) == (earned.matures_on, earned.expires_on)
    assert earned.matures_on == today + timedelta(days=7)


def test_one_number_written_in_two_ways_is_one_request(town: Town) -> None:
    assert town.zhou
    first = record(town.hotpot, "13800138002", 10_000)
    again = record(town.hotpot, " 138 0013-8002", 10_000)
    assert (again.sale_id, again.is_replay) == (first.sale_id, True)


def test_too_few_points_leave_only_the_answer(town: Town) -> None:
    member = token(town.hotpot, town.zhou.wallet_id)
    before = counts()
    with pytest.raises(Refused) as refused:
        record(town.hotpot, member, 10_000, 100)
    assert (refused.value.code, refused.value.facts) == ("points_short", {"available": 0})
    # The answer is kept with its key; the token may be used for a smaller bill.
    assert counts() == (before[0], before[1], before[2] + 1, before[3])
    with pytest.raises(Refused) as again:
        record(town.hotpot, member, 10_000, 100)
    assert again.value.code == "points_short"


def test_one_proof_allows_one_spending(town: Town) -> None:
    member = token(town.hotpot, town.lin.wallet_id)
    record(town.hotpot, member, 10_000, 1_000)
    with pytest.raises(Refused) as refused:
        record(town.hotpot, member, 10_000, 1_000, key="k-2")
    assert refused.value.code == "member_token_spent"
    assert record(town.hotpot, member, 10_000, key="k-3").points == 500


def test_a_merchant_that_is_not_live_serves_nobody(town: Town) -> None:
    merchant = town.hotpot.merchant
    onboarding.pause(merchant=merchant, actor=ME, at=timezone.now(), reason="rent")
    before = counts()
    with pytest.raises(Refused) as refused:
        record(town.hotpot, token(town.hotpot, town.zhou.wallet_id), 10_000)
    assert refused.value.code == "merchant_not_live"
    assert counts()[1:] == before[1:]
    onboarding.resume(merchant=merchant, actor=ME, at=timezone.now())
    assert record(town.hotpot, token(town.hotpot, town.zhou.wallet_id), 10_000).points == 500


def test_a_token_of_another_outlet_is_refused(town: Town) -> None:
    with pytest.raises(Refused) as refused:
        record(town.hotpot, token(town.fruit, town.zhou.wallet_id), 10_000)
    assert refused.value.code == "member_token_of_another_outlet"


def test_a_forged_token_is_refused(town: Town) -> None:
    member = token(town.hotpot, town.zhou.wallet_id)
    with pytest.raises(Refused) as refused:
        record(town.hotpot, member[:-2] + "AA", 10_000)
    assert refused.value.code == "member_token_invalid"


def test_above_two_hundred_yuan_the_pin_is_needed(town: Town) -> None:
    member = token(town.hotpot, town.lin.wallet_id)
    assert record(town.hotpot, member, 60_000, 20_001, pin=LIN_PIN).spent_points == 20_001


def test_spending_by_phone_needs_the_pin(town: Town) -> None:
    town.lin
    with pytest.raises(Refused) as refused:
        record(town.hotpot, "138 0013 8001", 10_000, 100)
    assert refused.value.code == "pin_needed"
    receipt = record(town.hotpot, "138 0013 8001", 10_000, 100, pin=LIN_PIN)
    assert receipt.spent_points == 100
    assert receipt.available_points is None


def test_five_wrong_pins_lock_it_and_book_nothing(town: Town) -> None:
    town.lin, town.hotpot
    before = counts()
    codes = []
    for n in range(6):
        with pytest.raises(Refused) as refused:
            record(town.hotpot, "13800138001", 10_000, 100, pin="000000", key=f"k-{n}")
        codes.append(refused.value.code)
    assert codes == ["pin_wrong"] * 4 + ["pin_locked"] * 2
    assert counts() == before
    with pytest.raises(Refused) as refused:
        record(town.hotpot, "13800138001", 10_000, 100, pin=LIN_PIN, key="k-9")
    assert refused.value.code == "pin_locked"


def test_void_gives_everything_back_once(town: Town) -> None:
    receipt = record(town.hotpot, token(town.hotpot, town.lin.wallet_id), 10_000, 3_000)
    done = sales.void(
        outlet=town.hotpot.outlet,
        sale_id=receipt.sale_id,
        caller=till_caller(town.hotpot),
        key="v-1",
        actor=ME,
        at=timezone.now(),
    )
    assert (done.points_taken, done.points_returned) == (350, 3_000)
    assert Wallet.objects.get(pk=town.lin.wallet_id).available == 50_000
    assert accounts.balance(town.hotpot.merchant.float_id or 0) == 1_000_000
    with pytest.raises(Refused) as refused:
        sales.void(
            outlet=town.hotpot.outlet,
            sale_id=receipt.sale_id,
            caller=till_caller(town.hotpot),
            key="v-2",
            actor=ME,
            at=timezone.now(),
        )
    assert refused.value.code == "already_void"


def test_void_of_another_outlets_sale_is_unknown(town: Town) -> None:
    receipt = record(town.hotpot, token(town.hotpot, town.zhou.wallet_id), 10_000)
    with pytest.raises(Refused) as refused:
        sales.void(
            outlet=town.fruit.outlet,
            sale_id=receipt.sale_id,
            caller=till_caller(town.fruit),
            key="v-1",
            actor=ME,
            at=timezone.now(),
        )
    assert (refused.value.code, refused.value.status) == ("sale_unknown", 404)
