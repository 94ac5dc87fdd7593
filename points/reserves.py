"""The reserve in figures: what is owed, what of it will come, and what became of the points, month by month.

Everything comes from running totals; it is reckoned again when those moved, and kept in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.core.cache import cache

from points import circulation, proving, totals
from points.calc.breakage import LAST_AGE, MILLION
from points.circulation import Month, Reckoning, Share

KEPT_SECONDS = 3_600
MONTHS_OF_AN_AGE = 3


@dataclass(frozen=True, slots=True)
class Age:
    """Points in wallets by how long ago they were issued; months is the lower end, until the upper one (None: open)."""

    months: int
    until: int | None
    points: int


@dataclass(frozen=True, slots=True)
class Reserve:
    """Sums over everybody, as far as the running totals of the movements."""

    as_of: datetime
    months: list[Month]
    reckoning: Reckoning
    ages: list[Age]
    redeemed: Share
    elsewhere: Share
    velocity: Share

    @property
    def points(self) -> int:
        """Return all points in wallets."""
        return sum(age.points for age in self.ages)

    @property
    def unspent(self) -> list[tuple[int, int | None]]:
        """Return by age in quarters which part is still there at its end if spent as the curve says, in millionths."""
        left: int | None = MILLION
        found: list[tuple[int, int | None]] = []
        for age, rate in enumerate(self.reckoning.curve):
            left = None if left is None or rate is None else left - left * rate // MILLION
            found.append((age, left))
        return found


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands behind everything that is owed to others, at this moment."""

    custody_fen: int
    owed_fen: int
    points: int

    @property
    def bps(self) -> int | None:
        """Return the coverage, rounded down."""
        return self.custody_fen * 10_000 // self.owed_fen if self.owed_fen else None


def cover() -> Cover:
    found = totals.now()
    return Cover(found.custody, found.custody - sum(found.by_kind[kind] for kind in proving.OWN), found.wallets)


def figures(today: date) -> Reserve:
    """Return the reserve as of the last time that the movements were added up."""
    as_of = circulation.as_of()
    name = f"points.reserve:{today}:{as_of.timestamp()}"
    known: Reserve | None = cache.get(name)
    if known is None:
        known = _reckon(today, as_of)
        cache.set(name, known, KEPT_SECONDS)
    return known


def _reckon(today: date, as_of: datetime) -> Reserve:
    reckoning = circulation.reckon(today)
    return Reserve(
        as_of=as_of,
        months=circulation.roll_forward(),
        reckoning=reckoning,
        ages=_ages(reckoning),
        redeemed=circulation.redeemed(today),
        elsewhere=circulation.elsewhere(today),
        velocity=circulation.velocity(today),
    )


def _ages(reckoning: Reckoning) -> list[Age]:
    """Return what is there by age; what a correction dated elsewhere counts with the youngest or the oldest."""
    sums = [0] * (LAST_AGE + 2)
    for row in reckoning.cohorts:
        sums[min(max(row.age, 0), LAST_AGE + 1)] += row.live
    last = len(sums) - 1
    return [
        Age(n * MONTHS_OF_AN_AGE, None if n == last else (n + 1) * MONTHS_OF_AN_AGE, points)
        for n, points in enumerate(sums)
    ]
