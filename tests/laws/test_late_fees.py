"""A spending fee that was released comes back from the operator, whenever the rest of the same bill is released."""

from __future__ import annotations

from datetime import timedelta

import pytest

from points import accounts, closing, promises, rollup, verify
from points.models import Sale
from points.refunds import ByTotal, refund
from tests.points.shops import NOON, TEST, open_shop

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]


def test_a_fee_that_was_released_before_its_promise_was_paid_comes_back_from_the_operator() -> None:
    """Bought on credit and paid partly in points; the fee is released, only then the merchant pays: the rest of the rebate is
    held back longer than the fee. When the goods come back the fee rest has nothing any more."""
    start = NOON - timedelta(days=20)
    giver, shop = open_shop(matures_days=0), open_shop(float_fen=0, matures_days=0, spend_share_bps=10_000)
    wallet = giver.wallet()
    giver.sell(wallet, 100_000, event_at=start, now=start)
    float_id = shop.merchant.float_id
    promises.set_line(float_id=float_id, limit_fen=50_000, period=1, actor=TEST, at=start, now=start)
    sold = shop.sell(wallet, 10_000, spend_points=2_000, event_at=start, now=start)
    assert (sold.status, sold.spent_points) == ("promised", 2_000)
    later = start + timedelta(days=9)
    closing.close(later.date() - timedelta(days=1), now=later, float_ids=[float_id])
    assert accounts.balance(accounts.house("fee")) == 20
    shop.top_up(5_000, later)
    assert promises.pay(float_id, later).issued == 1
    now = later + timedelta(hours=1)
    outcome = refund(
        sale=Sale.objects.get(pk=sold.sale_id), outlet_id=shop.outlet.outlet_id, returned=ByTotal(12_000), caller=shop.caller,
        key="back", body="", actor=TEST, at=now, now=now,
    )  # fmt: skip
    rollup.run()
    assert (outcome.status, outcome.fee_back_fen, outcome.rest_due_fen) == ("booked", 20, 0)
    assert (accounts.balance(accounts.house("fee")), accounts.balance(shop.merchant.fee_rest_id)) == (0, 0)
    assert [check for check in verify.checks() if check.differences] == []


def test_what_the_roll_up_has_not_taken_is_owed_no_longer() -> None:
    """Points that came back from a shop are the member's at once, and the shop's no more, whether or not it was rolled up."""
    giver, shop = (
        open_shop(matures_days=0, member_bps=10_000, fee_bps=0, centre_bps=0),
        open_shop(matures_days=0, spend_share_bps=10_000),
    )
    wallet = giver.wallet(points=1_000)
    sold = shop.sell(wallet, 0, spend_points=1_000)
    rollup.run()
    now = NOON + timedelta(minutes=5)
    outcome = refund(
        sale=Sale.objects.get(pk=sold.sale_id), outlet_id=shop.outlet.outlet_id, returned=ByTotal(1_000), caller=shop.caller,
        key="back", body="", actor=TEST, at=now, now=now,
    )  # fmt: skip
    assert outcome.points_back_now == 1_000
    assert [check for check in verify.checks() if check.differences] == []
