"""Points sold for cash through faked and undone sales: the fee that they would have carried is kept (hole H23)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import Error, transaction

from alliance.models import Event, Job
from points import accounts, closing, keeping, refunds, rollup, tasks, verify
from points.models import Claim, KeptFee, Terms, Transfer
from tests.points.shops import NOON, Shop, moved, open_shop, totals
from tests.points.test_refunds import back

pytestmark = pytest.mark.django_db
FEE = accounts.house("fee")
# Noon of the third day of the month that is over, and that month.
MONTH = (NOON.date().replace(day=1) - timedelta(days=1)).replace(day=1)
THEN = NOON.replace(year=MONTH.year, month=MONTH.month, day=3)


def shop_of(float_fen: int = 100_000, **card: int) -> Shop:
    shop = open_shop(0, matures_days=0, **card)
    shop.top_up(float_fen, THEN - timedelta(days=2))
    return shop


def fake(shop: Shop, fen: int = 10_000, at: datetime = THEN, *, spent_at: Shop | None = None) -> None:
    """Buy what is not there, spend its points elsewhere, and undo it: the till keeps the points back from cash."""
    other = spent_at or open_shop(0, matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    sale = shop.sell(wallet, fen, event_at=at, now=at)
    other.sell(wallet, 0, spend_points=sale.points, event_at=at + timedelta(minutes=1), now=at + timedelta(minutes=1))
    undone = back(shop, sale.sale_id, fen, now=at + timedelta(minutes=5))
    assert (undone.points_short, undone.keep_back_fen) == (sale.points, sale.points)


def close(shop: Shop) -> None:
    closing.close(keeping.last_day(MONTH), now=NOON, float_ids=[shop.merchant.float_id])


def keep(month: date = MONTH) -> KeptFee | None:
    list(keeping.run(month, NOON))
    return KeptFee.objects.order_by("-float_id").first()


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def test_above_the_share_the_fee_is_kept_to_the_fen() -> None:
    shop = shop_of()
    # Issued: 500 that were spent and undone, and 250 that stay; gone: 500. Fee: ⌊500 × 18.75 / 62.5⌋ = 150.
    fake(shop)
    shop.sell(shop.wallet(), 5_000, event_at=THEN, now=THEN)
    assert (shop.terms.fee_bps, shop.terms.member_bps) == (1_875, 6_250)
    assert keep() is None, "its books are not closed through the month"
    close(shop)
    before = totals()
    kept = keep()
    assert kept is not None
    assert (kept.month, kept.issued, kept.short, kept.fee, kept.taken, kept.claim_id) == (
        MONTH,
        750,
        500,
        150,
        150,
        None,
    )
    assert moved(before) == {shop.merchant.float_id: -150, FEE: 150}
    event = Event.objects.get(verb="fee.kept")
    assert event.facts == {"month": f"{MONTH:%Y-%m}", "points": 500, "fen": 150, "owed_fen": 0}
    # Again, it does nothing.
    before = totals()
    assert keeping.due(MONTH) == []
    list(keeping.run(MONTH, NOON, float_ids=[shop.merchant.float_id]))
    assert moved(before) == {}
    assert KeptFee.objects.count() == Event.objects.filter(verb="fee.kept").count() == 1
    sound()


def test_the_part_of_a_fen_stays_with_the_merchant() -> None:
    shop = shop_of()
    # 7 points were gone: 7 × 1,875 / 6,250 = 2.1
    fake(shop, 150)
    close(shop)
    kept = keep()
    assert kept is not None
    assert (kept.short, kept.fee) == (7, 2)
    sound()


@pytest.mark.parametrize(("more", "fee"), [(990_000, 0), (989_990, 150)])
def test_up_to_one_percent_nothing_is_kept(more: int, fee: int) -> None:
    shop = shop_of()
    fake(shop)
    # 990,000 give 49,500: 500 of 50,000 is one percent and no more; one point less, and it is above.
    shop.sell(shop.wallet(), more, event_at=THEN, now=THEN)
    close(shop)
    before = totals()
    kept = keep()
    assert kept is not None
    assert (kept.issued, kept.fee) == (500 + more // 20, fee)
    assert moved(before) == ({shop.merchant.float_id: -fee, FEE: fee} if fee else {})
    sound()


def test_sales_that_come_back_whole_do_not_swell_what_was_issued() -> None:
    shop = shop_of(200_000)
    fake(shop)
    wallet = shop.wallet()
    sale = shop.sell(wallet, 2_000_000, event_at=THEN, now=THEN)
    assert back(shop, sale.sale_id, 2_000_000, now=THEN + timedelta(minutes=9)).points_short == 0
    close(shop)
    kept = keep()
    assert kept is not None
    assert (kept.issued, kept.fee) == (500, 150)
    sound()


def test_a_float_that_is_short_owes_the_rest_and_pays_it_later() -> None:
    shop = shop_of(800)
    fake(shop)
    # 300 of the rest came back into the float; 240 leave again with another sale.
    shop.sell(shop.wallet(), 3_000, event_at=THEN, now=THEN + timedelta(minutes=9))
    close(shop)
    before = totals()
    kept = keep()
    assert kept is not None
    assert (kept.fee, kept.taken) == (150, 60)
    claim = Claim.objects.get()
    assert (claim.why, claim.debtor_id, claim.creditor_id, claim.points) == (6, shop.merchant.float_id, FEE, 90)
    sound()
    shop.top_up(50)
    assert refunds.settle(NOON)[1] == 50
    rollup.run()
    sound()
    shop.top_up(1_000)
    assert refunds.settle(NOON)[1] == 40
    assert refunds.settle(NOON)[1] == 0
    claim.refresh_from_db()
    assert (claim.repaid, shop.float_fen) == (90, 960)
    assert moved(before)[FEE] == 150
    assert accounts.balance(FEE) == totals()[FEE]
    sound()


def test_what_is_owed_is_taken_from_proceeds_first() -> None:
    shop = shop_of(800, spend_share_bps=10_000)
    fake(shop)
    shop.sell(shop.wallet(), 3_750, event_at=THEN, now=THEN + timedelta(minutes=9))
    assert shop.float_fen == 0
    close(shop)
    kept = keep()
    assert kept is not None
    assert (kept.fee, kept.taken, kept.transfer_id) == (150, 0, None)
    guest = shop_of()
    shop.sell(guest.wallet(points=1_000), 0, spend_points=1_000)
    rollup.run()
    assert refunds.settle(NOON)[1] == 150
    row = Transfer.objects.get(kind=18, credit_id=FEE)
    assert (row.debit_id, row.points) == (shop.merchant.proceeds_id, 150)
    sound()


def test_a_month_that_is_not_over_is_refused() -> None:
    shop = shop_of()
    with pytest.raises(Error, match="month that is over"), transaction.atomic():
        list(keeping.run(NOON.date().replace(day=1), NOON, float_ids=[shop.merchant.float_id]))
    with pytest.raises(Error, match="month that is over"), transaction.atomic():
        list(keeping.run(MONTH + timedelta(days=1), NOON, float_ids=[shop.merchant.float_id]))


def test_points_sold_for_cash_gain_nothing_and_then_cost(settings) -> None:  # type: ignore[no-untyped-def]
    """The merchant's side: what its float lost against the cash that the till kept; 500 points were sold for ¥5.00."""
    settings.SHORTFALL_SHARE_BPS = 10_000
    shop = shop_of()
    before = totals()
    fake(shop)
    close(shop)
    kept = keep()
    assert kept is not None
    assert kept.fee == 0
    cash = 500
    assert cash + moved(before)[shop.merchant.float_id] == 0, "at par, without a fee"
    settings.SHORTFALL_SHARE_BPS = 100
    other = shop_of()
    before = totals()
    fake(other)
    close(other)
    keep()
    assert cash + moved(before)[other.merchant.float_id] == -150
    sound()


def test_two_versions_of_terms_each_by_its_own() -> None:
    first, second = shop_of(), shop_of(member_bps=5_000, fee_bps=3_000)
    for shop in (first, second):
        fake(shop)
        close(shop)
    keep()
    found = {row.float_id: (row.short, row.fee) for row in KeptFee.objects.all()}
    assert found == {first.merchant.float_id: (500, 150), second.merchant.float_id: (400, 240)}
    assert Terms.objects.filter(member_bps=5_000).exists()
    sound()


def test_the_clock_does_it_once_as_a_job() -> None:
    shop = shop_of()
    fake(shop)
    close(shop)
    assert tasks.keep_fees() == 1
    assert tasks.keep_fees() == 0
    job = Job.objects.get(kind=keeping.KEEP)
    assert (job.state, job.result) == (Job.State.DONE, {"done": 1})
    assert keeping.months(date(2026, 1, 15)) == [date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1)]
