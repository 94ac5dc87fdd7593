"""Lines of a bill that come back: how much of the money and of the points each was paid with. Integers, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class TooMany(ValueError):
    """More of a line comes back than is left of it; or there is no such line (left 0)."""

    def __init__(self, line: int, left: int) -> None:
        super().__init__(f"line {line}: {left} left")
        self.line, self.left = line, left


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line with how it was paid. units_gone: how many came back."""

    number: int
    category: str
    product: str
    units: int
    units_gone: int
    cash_fen: int
    points: int
    earns: bool

    @property
    def fen(self) -> int:
        return self.cash_fen + self.points

    @property
    def units_left(self) -> int:
        return self.units - self.units_gone

    @property
    def fen_left(self) -> int:
        return sum(self.share(self.units_left))

    def share(self, units: int) -> tuple[int, int]:
        """Return money and points of the next `units`: for all that came back then, less what was given before."""
        upto = self.units_gone + units
        return (
            self.cash_fen * upto // self.units - self.cash_fen * self.units_gone // self.units,
            self.points * upto // self.units - self.points * self.units_gone // self.units,
        )


def sold(
    kept: Sequence[Sequence[Any]], *, paid_fen: int, spent_points: int, gone: Mapping[int, int]
) -> tuple[SoldLine, ...]:
    """Return the lines (category, product, money, units, earns) with their part of the points, by running totals."""
    found, money, before = [], 0, 0
    for number, (category, product, fen, units, earns) in enumerate(kept, 1):
        money += fen
        upto = spent_points * money // paid_fen if paid_fen else 0
        found.append(SoldLine(number, category, product, units, gone.get(number, 0), fen, upto - before, bool(earns)))
        before = upto
    return tuple(found)


def coming_back(lines: Sequence[SoldLine], wanted: Sequence[tuple[int, int]]) -> tuple[int, int, int]:
    """Return money, points, and the part of the money that had earned. Raises TooMany."""
    cash = points = earned = 0
    by_number = {line.number: line for line in lines}
    units: dict[int, int] = {}
    for number, n in wanted:
        units[number] = units.get(number, 0) + n
    for number, n in units.items():
        line = by_number.get(number)
        if line is None or not 0 < n <= line.units_left:
            raise TooMany(number, line.units_left if line else 0)
        money, share = line.share(n)
        cash, points = cash + money, points + share
        earned += money if line.earns else 0
    return cash, points, earned


def staying(lines: Sequence[SoldLine], wanted: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return money and units of each line that stay when these come back too."""
    units: dict[int, int] = {}
    for number, n in wanted:
        units[number] = units.get(number, 0) + n
    found = []
    for line in lines:
        gone = line.units_gone + units.get(line.number, 0)
        found.append((line.cash_fen - line.cash_fen * gone // line.units, line.units - gone))
    return tuple(found)
