"""The calendar of expiry as a picture: one slot for each month, a bar where points lapse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from alliance.calc.chart import ceiling

WIDTH, HEIGHT = 600.0, 160.0
# A low bar is still to be seen and touched.
LOWEST = 3.0
SHORTEST_MONTHS, MOST_MONTHS = 12, 36


@dataclass(frozen=True, slots=True)
class Slot:
    """One month: what can be spent already and what cannot yet, with the geometry of both parts of the bar."""

    month: date
    ready: int
    pending: int
    x: float
    width: float
    ready_y: float
    ready_height: float
    pending_y: float
    pending_height: float
    is_soon: bool
    # Below stand the last month of each quarter and the year, under its first month.
    is_labelled: bool
    starts_year: bool

    @property
    def points(self) -> int:
        return self.ready + self.pending


@dataclass(frozen=True, slots=True)
class Strip:
    slots: list[Slot]
    top: int


def strip(today: date, ready: Mapping[date, int], pending: Mapping[date, int], soon_until: date) -> Strip:
    """Lay out the months from this one to the last in which anything lapses, a year at least and three at most.

    ready, pending: points by day of expiry. What lapses after the last month stands in none; it is in the list.
    """
    days = [*ready, *pending]
    last = max([index(day) for day in days], default=0)
    start = index(today)
    count = min(max(last - start + 1, SHORTEST_MONTHS), MOST_MONTHS)
    months = [start + n for n in range(count)]
    by_month = [(_sum(ready, month, start), _sum(pending, month, start)) for month in months]
    top = ceiling([sum(both) for both in by_month])
    slot = WIDTH / count
    width = min(slot * 2 / 3, 40.0)
    slots = []
    for n, (month, (now, later)) in enumerate(zip(months, by_month, strict=True)):
        first = date(month // 12, month % 12 + 1, 1)
        tall, rest = _tall(now, top), _tall(later, top)
        slots.append(
            Slot(
                month=first,
                ready=now,
                pending=later,
                x=round((n + 0.5) * slot - width / 2, 2),
                width=round(width, 2),
                ready_y=round(HEIGHT - tall, 2),
                ready_height=round(tall, 2),
                pending_y=round(HEIGHT - tall - rest, 2),
                pending_height=round(rest, 2),
                is_soon=any(index(day) == month and day <= soon_until for day in days),
                is_labelled=first.month % 3 == 0,
                # The first year's number wants room before the next one's.
                starts_year=first.month == 1 or (n == 0 and first.month <= 9),
            )
        )
    return Strip(slots, round(top))


def index(day: date) -> int:
    """Return the month as a number, so that months can be counted."""
    return day.year * 12 + day.month - 1


def _sum(by_day: Mapping[date, int], month: int, start: int) -> int:
    """Return what lapses in a month; what should have lapsed before the first one stands in it."""
    return sum(points for day, points in by_day.items() if max(index(day), start) == month)


def _tall(points: int, top: float) -> float:
    return max(points / top * HEIGHT, LOWEST) if points else 0.0
