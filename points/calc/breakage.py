"""How points of one quarter are spent as they grow older, and what that says of those still there.

Chain ladder: of all points that were alive at an age, which part was spent then. Parts in millionths.
A cohort is what was issued in one quarter; its last age is the one in which it expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MILLION = 1_000_000
# Issued in a quarter, expiring at the end of the quarter 24 months on.
LAST_AGE = 8


@dataclass(frozen=True, slots=True)
class Cohort:
    """One quarter's points. began: number of the quarter of issue. spent[a], gone[a]: points that left at age a."""

    began: int
    issued: int
    spent: Sequence[int]
    gone: Sequence[int] = ()

    def live(self, age: int) -> int:
        """Return what was there at the beginning of an age; at age 0 all that was issued."""
        return self.issued - sum(self.spent[:age]) - sum(self.gone[:age])


@dataclass(frozen=True, slots=True)
class Tried:
    """One quarter that was predicted: what was thought to be spent, and what was."""

    quarter: int
    predicted: int
    actual: int


@dataclass(frozen=True, slots=True)
class BackTest:
    """Predictions of the quarters from `start` on by what was known before it."""

    start: int
    quarters: list[Tried] = field(default_factory=list)

    @property
    def error_bps(self) -> int | None:
        """Return the sum of the quarters' absolute errors over what was spent, in hundredths of a percent."""
        actual = sum(row.actual for row in self.quarters)
        if not actual:
            return None
        return sum(abs(row.predicted - row.actual) for row in self.quarters) * 10_000 // actual


def rates(cohorts: Sequence[Cohort], before: int) -> list[int | None]:
    """Return for each age the part of the living points that was spent, in millionths, from quarters before `before`.

    None for an age that nobody has lived through.
    """
    found: list[int | None] = []
    for age in range(LAST_AGE + 1):
        seen = [row for row in cohorts if row.began + age < before and row.live(age) > 0]
        there = sum(row.live(age) for row in seen)
        spent = sum(max(_at(row.spent, age), 0) for row in seen)
        found.append(min(spent * MILLION // there, MILLION) if there else None)
    return found


def surviving(points: int, age: int, curve: Sequence[int | None]) -> int | None:
    """Return how many of the points of an age will never be spent, if they are spent as the curve says from there on.

    None when the curve does not know every age that is still to come: then nothing is expected to break.
    """
    for each in curve[age:]:
        if each is None:
            return None
        points -= points * each // MILLION
    return points


def back_test(cohorts: Sequence[Cohort], start: int, now: int) -> BackTest:
    """Predict the quarters from `start` to before `now`, by what was known before `start`, and compare."""
    curve = rates(cohorts, start)
    known = [row for row in cohorts if row.began < start]
    left = {row.began: row.live(start - row.began) for row in known}
    tried = BackTest(start)
    for quarter in range(start, now):
        predicted = actual = 0
        for row in known:
            age = quarter - row.began
            if age > LAST_AGE:
                continue
            spent = left[row.began] * (curve[age] or 0) // MILLION
            left[row.began] -= spent
            predicted += spent
            actual += _at(row.spent, age)
        tried.quarters.append(Tried(quarter, predicted, actual))
    return tried


def _at(values: Sequence[int], place: int) -> int:
    return values[place] if place < len(values) else 0
