"""Roll-forward, cohorts, breakage and circulation, each by a small case worked out by hand."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from django.db import connection

from alliance.calc.worktime import quarter_end, shanghai_day
from points import adjusting, circulation, expiry, verify
from points.calc import breakage
from points.calc.breakage import Cohort
from points.models import FlowDay, Transfer, Wallet
from tests.points.shops import NOON, TEST, open_shop

pytestmark = pytest.mark.django_db(transaction=True)
DAY = shanghai_day(NOON)
Class = FlowDay.Class


def lived() -> None:
    """Earned 500 and 250; 300 spent where they were not earned, 60 where they were; 250 undone; 40 corrected; 30 expired."""
    hotpot, fruit = open_shop(matures_days=0), open_shop(matures_days=0)
    wallet = hotpot.wallet()
    hotpot.sell(wallet, 10_000)
    undone = fruit.sell(wallet, 5_000)
    fruit.void(undone.sale_id)
    fruit.sell(wallet, 600, spend_points=300)
    hotpot.sell(wallet, 120, spend_points=60)
    for points, key, until in ((70, "up", DAY + timedelta(days=90)), (-30, "down", None)):
        adjusting.adjust(
            wallet_id=wallet.pk, funder_id=hotpot.merchant.float_id, points=points, caller=hotpot.caller, key=key, actor=TEST,
            at=NOON, now=NOON, expires_on=until,
        )  # fmt: skip


def test_the_roll_forward_comes_out_to_the_point() -> None:
    lived()
    assert circulation.catch_up() > 0 and circulation.catch_up() == 0
    (month,) = circulation.roll_forward()
    # Earned 500 + 250, and 30 on ¥6 and 6 on ¥1.20 paid beside the points.
    assert (month.first, month.opening) == (DAY.replace(day=1), 0)
    assert (month.issued, month.spent, month.expired, month.reversed, month.adjusted) == (786, 360, 0, -250, 40)
    assert month.closing == 216 == sum(Wallet.objects.values_list("balance", flat=True))
    assert not [check for check in verify.checks() if check.differences]


def test_what_expires_falls_into_the_next_months() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    old = NOON - timedelta(days=35)
    adjusting.adjust(
        wallet_id=wallet.pk, funder_id=shop.merchant.float_id, points=100, caller=shop.caller, key="x", actor=TEST,
        at=NOON - timedelta(days=19), now=NOON - timedelta(days=19), expires_on=shanghai_day(NOON - timedelta(days=19)),
    )  # fmt: skip
    expiry.expire(DAY, now=NOON)
    circulation.catch_up()
    months = circulation.roll_forward()
    assert sum(month.adjusted for month in months) == 100 and sum(month.expired for month in months) == 100
    assert months[-1].closing == 0 and old < NOON
    for before, month in itertools.pairwise(months):
        assert month.opening == before.closing


def test_a_wallets_days_and_a_new_movement_are_taken_once() -> None:
    lived()
    circulation.catch_up()
    n = sum(FlowDay.objects.values_list("n", flat=True))
    open_shop(matures_days=0).wallet(100)
    circulation.catch_up()
    assert sum(FlowDay.objects.values_list("n", flat=True)) == n + 1


def test_shares_and_speed() -> None:
    lived()
    circulation.catch_up()
    # 300 of 360 points were spent elsewhere than earned.
    found = circulation.elsewhere(DAY)
    assert (found.part, found.whole) == (300, 360)
    # One day of 216 points on average, 360 spent in it: × 365 ÷ 198.
    speed = circulation.velocity(DAY, days=1)
    assert (speed.part, speed.whole) == (360 * 365, 216)
    # Ninety days, of which only the last one had any.
    assert circulation.velocity(DAY).whole == 216
    # Nothing has reached its end yet.
    assert circulation.redeemed(DAY).whole == 0
    later = quarter_end(DAY, 24) + timedelta(days=1)
    # The correction upwards (70) belongs to what expires this quarter or the next: it has its own cohort.
    found = circulation.redeemed(later)
    assert found.part == 360 and found.whole == 536 + 70 - 30


def test_cohorts_of_the_book() -> None:
    lived()
    circulation.catch_up()
    found = circulation.reckon(DAY)
    this = next(row for row in found.cohorts if row.expires_on == quarter_end(DAY, 24))
    assert (this.issued, this.expired, this.age) == (786 - 250, 0, 0)
    assert found.live == 216 and found.will_break == 0


def test_every_kind_of_transfer_is_classified() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k, points_flow_class(k::smallint) FROM unnest(%s) k", [[kind.value for kind in Transfer.Kind]]
        )
        found = dict(cursor.fetchall())
    assert {kind for kind, flow in found.items() if flow is None} == set()
    assert set(found.values()) <= {flow.value for flow in Class}
    assert found[Transfer.Kind.AWARD] == Class.ISSUED and found[Transfer.Kind.WIND_UP] == Class.RETURNED


# --- the curve, by hand ---------------------------------------------------------------------------------


def test_rates_are_what_was_spent_of_what_was_there() -> None:
    # Quarter 0: 1,000 issued, 200 then 160 spent. Quarter 1: 1,000 issued, 400 spent. Seen before quarter 2.
    cohorts = [Cohort(0, 1_000, [200, 160, 0]), Cohort(1, 1_000, [400, 0, 0])]
    assert breakage.rates(cohorts, 2)[:3] == [300_000, 200_000, None]
    # Seen before quarter 1: only the first age of the first.
    assert breakage.rates(cohorts, 1)[:2] == [200_000, None]


def test_what_will_break_is_what_no_age_to_come_will_spend() -> None:
    curve: list[int | None] = [300_000, 200_000, *[0] * 6, 500_000]
    # 1,000 points of age 1: 200 spent, then 400 of the 800 in the last quarter.
    assert breakage.surviving(1_000, 1, curve) == 400
    assert breakage.surviving(1_000, 8, curve) == 500
    assert breakage.surviving(1_000, 1, [300_000, 200_000, None]) is None


def test_the_back_test_predicts_quarters_it_has_not_seen() -> None:
    # Known before quarter 2: rates of ages 0 and 1 as above. The cohort of quarter 1 has 600 left: 20 % of it is 120; 90 were.
    # The cohort of quarter 0 is of age 2, which nobody knows: nothing is predicted, 50 were spent.
    cohorts = [Cohort(0, 1_000, [200, 160, 50]), Cohort(1, 1_000, [400, 90])]
    found = breakage.back_test(cohorts, 2, 3)
    assert [(row.quarter, row.predicted, row.actual) for row in found.quarters] == [(2, 120, 140)]
    assert found.error_bps == 20 * 10_000 // 140
    assert breakage.back_test([], 0, 0).error_bps is None


def test_a_steady_life_is_predicted_exactly() -> None:
    # Half of what is there is spent in each quarter, always.
    spent = [512, 256, 128, 64, 32, 16, 8, 4, 2]
    cohorts = [Cohort(began, 1_024, spent[: 12 - began]) for began in range(12)]
    found = breakage.back_test(cohorts, 9, 12)
    assert found.error_bps == 0 and all(row.predicted == row.actual > 0 for row in found.quarters)


def test_quarters_have_numbers() -> None:
    assert circulation.quarter(date(2026, 11, 23)) == 2026 * 4 + 3
    assert circulation.quarter_start(2026 * 4 + 3) == date(2026, 10, 1)
