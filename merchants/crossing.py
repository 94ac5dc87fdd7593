"""Who gave and who took, with names: the book's matrix by trade, or by the merchants that give and take most.

It is added up by the database; the cost is the number of spends of the period. Periods that are over are kept for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from alliance.calc.worktime import shanghai_day
from alliance.metrics import LONGEST, kept
from alliance.models import Trade
from merchants.models import Merchant
from points import matrix
from points.matrix import PeriodSums
from points.models import Account

LONGEST_DAYS = 92
TOP = 12
A_DAY = 86_400.0
# Whoever is no merchant, or not among the first.
OTHERS = 0


@dataclass(frozen=True, slots=True)
class Cell:
    points: int
    uses: int
    # Tenths of the largest cell, for the colour.
    heat: int


@dataclass(frozen=True, slots=True)
class Table:
    """A matrix, largest givers and takers first; sums of rows and columns; the sums that must come out."""

    givers: list[tuple[int, Any]]
    takers: list[tuple[int, Any]]
    cells: dict[tuple[int, int], Cell]
    given: dict[int, int]
    taken: dict[int, int]
    sums: PeriodSums

    @property
    def total(self) -> int:
        return sum(self.given.values())

    @property
    def kept_at_home(self) -> int:
        """Return what was spent where it came from."""
        return sum(cell.points for (giver, taker), cell in self.cells.items() if giver == taker and giver != OTHERS)


_FLOWS = f"WITH f AS ({matrix.FLOWS})"
_BY_TRADE = f"""{_FLOWS}
SELECT coalesce(g.trade_id, {OTHERS}), coalesce(t.trade_id, {OTHERS}), sum(f.points)::bigint, sum(f.uses)::bigint FROM f
LEFT JOIN merchants_merchant g ON g.float_id = f.funder_id LEFT JOIN merchants_merchant t ON t.float_id = f.redeemer_id GROUP BY 1, 2"""
# Merchants that gave or took most stand for themselves, all others together.
_BY_MERCHANT = f"""{_FLOWS},
m AS (SELECT f.*, g.id AS giver, t.id AS taker FROM f
  LEFT JOIN merchants_merchant g ON g.float_id = f.funder_id LEFT JOIN merchants_merchant t ON t.float_id = f.redeemer_id),
gs AS (SELECT giver AS id FROM m WHERE giver IS NOT NULL GROUP BY 1 ORDER BY sum(points) DESC, 1 LIMIT {TOP}),
ts AS (SELECT taker AS id FROM m WHERE taker IS NOT NULL GROUP BY 1 ORDER BY sum(points) DESC, 1 LIMIT {TOP})
SELECT coalesce(gs.id, {OTHERS}), coalesce(ts.id, {OTHERS}), sum(m.points)::bigint, sum(m.uses)::bigint FROM m
LEFT JOIN gs ON gs.id = m.giver LEFT JOIN ts ON ts.id = m.taker GROUP BY 1, 2"""


def table(from_on: date, to_on: date, at: datetime, *, by: str = "trade") -> Table:
    """Return the matrix of a period of accounting days, both included. by: trade or merchant."""
    longest = A_DAY if to_on < shanghai_day(at) else LONGEST

    def reckon() -> tuple[list[Any], PeriodSums]:
        rows = _rows(_BY_TRADE if by == "trade" else _BY_MERCHANT, from_on, to_on)
        return rows, matrix.sums(from_on, to_on, sum(row[2] for row in rows))

    rows, sums = kept(f"matrix:{by}:{from_on}:{to_on}", reckon, longest=longest)
    given: dict[int, int] = {}
    taken: dict[int, int] = {}
    for giver, taker, points, _uses in rows:
        given[giver] = given.get(giver, 0) + points
        taken[taker] = taken.get(taker, 0) + points
    most = max((row[2] for row in rows), default=0)
    cells = {
        (giver, taker): Cell(points, uses, -(-9 * max(points, 0) // most) if most > 0 else 0)
        for giver, taker, points, uses in rows
    }
    model: Any = Trade if by == "trade" else Merchant
    names = {number: str(row) for number, row in model.objects.in_bulk([*given, *taken]).items()}
    return Table(_ordered(given, names), _ordered(taken, names), cells, given, taken, sums)


def _ordered(sums: dict[int, int], names: dict[int, str]) -> list[tuple[int, Any]]:
    """Return numbers and names, the largest first, the others last."""
    order = sorted(sums, key=lambda number: (number == OTHERS, -sums[number], number))
    return [(number, names.get(number)) for number in order]


_ALL = f"""{_FLOWS}
SELECT f.funder_id, coalesce(g.name, a.title), f.redeemer_id, t.name, f.points, f.uses FROM f
LEFT JOIN merchants_merchant g ON g.float_id = f.funder_id LEFT JOIN points_account a ON a.id = f.funder_id
LEFT JOIN merchants_merchant t ON t.float_id = f.redeemer_id ORDER BY f.points DESC, 1, 3"""
BATCH = 2_000


def every_pair(from_on: date, to_on: date) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all pairs of a period in batches, the largest first: (giver, its name, taker, its name, points, uses)."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL, matrix.period(from_on, to_on))
        while rows := cursor.fetchmany(BATCH):
            yield rows


def change_names() -> dict[int, Any]:
    """Return what the kinds of account in the sums are called; 0: wallets."""
    return {int(kind): kind.label for kind in Account.Kind}


def _rows(statement: str, from_on: date, to_on: date) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, matrix.period(from_on, to_on))
        return cursor.fetchall()
