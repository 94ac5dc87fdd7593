"""Who gave and who took (H24, H25): points spent in a period by funder and redeemer, and the sums that must come out.

A report, not a debt: everything was prefunded. It reads the lots that each spend drew on; the cost is the number of spends
booked since the period began (rows of points_lot_use joined to their transfer by its key).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from alliance.calc.worktime import day_start

# booked_on is never after the day of booked_at: what was booked before the period began cannot belong to it.
FLOWS = """
SELECT u.funder_id, coalesce(p.float_id, t.credit_id) AS redeemer_id, sum(u.points)::bigint AS points, count(*) AS uses FROM points_lot_use u
JOIN points_transfer t ON t.bucket = u.bucket AND t.wallet_id = u.wallet_id AND t.booked_at = u.booked_at AND t.id = u.transfer_id
JOIN points_account p ON p.id = t.credit_id
WHERE t.kind = 2 AND u.booked_at >= %(lower)s AND t.booked_on BETWEEN %(from_on)s AND %(to_on)s GROUP BY 1, 2"""
_MATRIX = f"{FLOWS} ORDER BY 3 DESC, 1, 2"
_CHANGES = """
SELECT coalesce(a.kind, 0) AS kind, sum(v.amount)::bigint FROM points_transfer t
CROSS JOIN LATERAL (VALUES (t.debit_id, -(t.points + t.rest)), (t.credit_id, t.points), (t.rest_id, t.rest)) v(id, amount)
LEFT JOIN points_account a ON a.id = v.id
WHERE v.id IS NOT NULL AND t.booked_at >= %(lower)s AND t.booked_on BETWEEN %(from_on)s AND %(to_on)s GROUP BY 1 ORDER BY 1"""
_SPENDS = """
SELECT coalesce(sum(t.points), 0)::bigint, coalesce(sum(t.rest), 0)::bigint FROM points_transfer t
WHERE t.kind = 2 AND t.booked_at >= %(lower)s AND t.booked_on BETWEEN %(from_on)s AND %(to_on)s"""


@dataclass(frozen=True, slots=True)
class Flow:
    """Points that one funder gave and one merchant took. funder and redeemer are accounts: a float, a budget, …"""

    funder_id: int
    redeemer_id: int
    points: int
    uses: int


@dataclass(frozen=True, slots=True)
class PeriodSums:
    """The sums of P8: what every kind of account changed by (0: wallets), and points spent against who got them."""

    changes: dict[int, int]
    spent_points: int
    proceeds_fen: int
    spending_fees_fen: int

    @property
    def is_balanced(self) -> bool:
        return sum(self.changes.values()) == 0

    @property
    def is_matched(self) -> bool:
        return self.spent_points == self.proceeds_fen + self.spending_fees_fen


def matrix(from_on: date, to_on: date) -> list[Flow]:
    """Return who funded what was spent where in a period of accounting days (both included), the largest first."""
    return [Flow(*row) for row in _rows(_MATRIX, from_on, to_on)]


def sums(from_on: date, to_on: date, spent: int | None = None) -> PeriodSums:
    """Return the sums of a period: all changes come to zero, and the matrix is proceeds plus spending fees.

    spent: the sum of the matrix, if it is known already.
    """
    ((proceeds, fees),) = _rows(_SPENDS, from_on, to_on)
    if spent is None:
        spent = sum(flow.points for flow in matrix(from_on, to_on))
    return PeriodSums(dict(_rows(_CHANGES, from_on, to_on)), spent, proceeds, fees)


def period(from_on: date, to_on: date) -> dict[str, Any]:
    """Return what FLOWS is asked with."""
    return {"from_on": from_on, "to_on": to_on, "lower": day_start(from_on) - timedelta(days=1)}


def _rows(statement: str, from_on: date, to_on: date) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, period(from_on, to_on))
        return cursor.fetchall()
