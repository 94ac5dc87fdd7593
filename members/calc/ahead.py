"""Which days of expiry a run of the clock speaks about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DISTANCES = (60, 30, 7)


@dataclass(frozen=True, slots=True)
class Window:
    """The days of expiry, first to last, of which members are told at this distance today."""

    distance: int
    first: date
    last: date


def windows(on: date, since: date | None) -> Iterator[Window]:
    """Yield what a run on this day owes when the last complete run was on the day `since`.

    Usually one day for each distance. After days without a run, the days in between are made up for, but no distance
    reaches into the next nearer one: whoever was to be told 60 and 30 days ahead is told once. The very first run tells
    everybody the nearest distance that applies.
    """
    for n, distance in enumerate(DISTANCES):
        nearer = DISTANCES[n + 1] if n + 1 < len(DISTANCES) else 0
        first = on + timedelta(days=nearer + 1)
        if since is not None:
            first = max(first, since + timedelta(days=distance + 1))
        last = on + timedelta(days=distance)
        if first <= last:
            yield Window(distance, first, last)
