"""A new version begins so late that no bill on its way can still be booked under the old one."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alliance.calc.worktime import SHANGHAI, day_start, shanghai_day
from alliance.refusals import Refused
from merchants import agreements, sales
from points import terms
from tests.cast import SYSTEM, Town

pytestmark = pytest.mark.django_db
TODAY = shanghai_day(timezone.now())
TOMORROW = TODAY + timedelta(days=1)


def sign(town: Town, at: datetime, **card: Any) -> Any:
    return agreements.sign(
        merchant=town.hotpot.merchant, starts_on=TOMORROW, actor=SYSTEM, at=at, rate_bps=1000, **card
    )


@pytest.mark.parametrize("clock", [time(23, 50), time(23, 59, 59)])
def test_nothing_begins_within_ten_minutes(clock: time) -> None:
    town = Town()
    with pytest.raises(Refused) as refused:
        sign(town, datetime.combine(TODAY, clock, SHANGHAI))
    assert refused.value.code == "agreement_starts_too_early"
    assert refused.value.facts == {"earliest": (TOMORROW + timedelta(days=1)).isoformat()}
    assert terms.in_force(town.hotpot.merchant.float_id or 0, day_start(TOMORROW)).rate_bps == 800


def test_more_than_ten_minutes_before_midnight_is_early_enough() -> None:
    town = Town()
    sign(town, datetime.combine(TODAY, time(23, 49, 59), SHANGHAI))
    assert terms.in_force(town.hotpot.merchant.float_id or 0, day_start(TOMORROW)).rate_bps == 1000


def test_it_is_longer_than_any_clock_may_be_ahead() -> None:
    """A bill that read the old terms is at most five minutes ahead of the clock; the other five are for the signing."""
    assert timedelta(minutes=10) == agreements.NOTICE >= 2 * sales.EARLY
