"""Days of Shanghai and ends of quarters."""

from datetime import UTC, date, datetime

import pytest

from alliance.calc.distance import metres
from alliance.calc.worktime import day_bounds, quarter_end, shanghai_day


def test_the_day_turns_at_midnight_in_shanghai() -> None:
    assert shanghai_day(datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)) == date(2026, 11, 22)
    assert shanghai_day(datetime(2026, 11, 22, 16, 0, tzinfo=UTC)) == date(2026, 11, 23)


def test_a_day_is_half_open_and_24_hours_long() -> None:
    start, end = day_bounds(date(2026, 11, 22))
    assert shanghai_day(start) == date(2026, 11, 22)
    assert shanghai_day(end) == date(2026, 11, 23)
    assert (end - start).total_seconds() == 86400


@pytest.mark.parametrize(
    ("on", "end"),
    [
        (date(2026, 1, 1), date(2028, 3, 31)),
        (date(2026, 3, 31), date(2028, 3, 31)),
        (date(2026, 11, 22), date(2028, 12, 31)),
        (date(2026, 12, 31), date(2028, 12, 31)),
    ],
)
def test_points_expire_at_the_quarters_end_24_months_on(on: date, end: date) -> None:
    assert quarter_end(on, 24) == end


def test_distance_on_the_globe() -> None:
    assert metres(0, 0, 0, 0) == 0
    assert metres(116.4074, 39.9042, 121.4737, 31.2304) == pytest.approx(1_067_000, rel=0.002)
