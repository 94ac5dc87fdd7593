"""What finance looks at each morning: questions over all merchants, set-based and cheap at any size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Sum

from alliance.calc.worktime import shanghai_day
from alliance.metrics import kept
from alliance.models import Job
from merchants.clearing import JOB
from points.models import BankLine, BankStatement, Clearing, Payout

SHOWN = 8
UNKNOWN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Day:
    """How the clearing stands: the day that is due, whether it is done, and the job that is at work."""

    due: date
    is_done: bool
    newest: Clearing | None
    job: Job | None

    @property
    def is_ahead(self) -> bool:
        """Whether a day was cleared that is not even due: some clock had jumped."""
        return self.newest is not None and self.newest.cleared_on > self.due

    @property
    def is_running(self) -> bool:
        return self.job is not None and self.job.state == Job.State.RUNNING


def clearing_day(at: datetime) -> Day:
    """Return the newest day that should be cleared by now, and the newest run. Two queries."""
    due = shanghai_day(at) - timedelta(days=settings.CLEARING_DAYS)
    newest = Clearing.objects.order_by("-cleared_on").first()
    is_done = newest is not None and newest.cleared_on >= due and newest.finished_at is not None
    return Day(due, is_done, newest, Job.objects.filter(kind=JOB).order_by("-started_at").first())


@dataclass(frozen=True, slots=True)
class Waiting:
    payouts: int
    amount_fen: int
    through: int


def payouts_waiting() -> Waiting:
    """Return how many payouts are proposed, and how much: by the index of open ones."""
    found = Payout.objects.proposed().aggregate(n=Count("pk"), fen=Sum("amount_fen"), through=Max("pk"))
    return Waiting(found["n"], found["fen"] or 0, found["through"] or 0)


# Who has money to come and no account that may be paid to now. why: none, cooling or back.
_UNPAID = """
SELECT m.id, coalesce(nullif(m.short_name, ''), m.name), a.balance,
  CASE WHEN p.id IS NULL THEN 'none' WHEN p.returned_at IS NOT NULL THEN 'back' ELSE 'cooling' END, p.valid_from,
  count(*) OVER (), sum(a.balance) OVER ()
FROM merchants_merchant m JOIN points_account a ON a.id = m.proceeds_id AND a.balance > 0
LEFT JOIN merchants_payoutaccount p ON p.merchant_id = m.id AND p.state = 'current'
WHERE p.id IS NULL OR p.returned_at IS NOT NULL OR p.valid_from > %s ORDER BY a.balance DESC, m.id LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Unpaid:
    merchant_id: int
    name: str
    fen: int
    why: str
    from_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnpaidSums:
    rows: list[Unpaid]
    merchants: int
    fen: int


def unpaid(at: datetime, limit: int = SHOWN) -> UnpaidSums:
    """Return the merchants with most money that cannot be paid out now, and how many they are in all."""
    rows = kept(f"desk.unpaid:{limit}", lambda: _rows(_UNPAID, [at, limit]))
    return UnpaidSums([Unpaid(*row[:5]) for row in rows], rows[0][5] if rows else 0, int(rows[0][6]) if rows else 0)


# Payouts that wait, to accounts that may not be paid to now: they would be stopped.
_HELD_UP = """
SELECT p.id, m.id, coalesce(nullif(m.short_name, ''), m.name), p.amount_fen,
  CASE WHEN c.id IS NULL THEN 'none' WHEN c.returned_at IS NOT NULL THEN 'back' ELSE 'cooling' END,
  count(*) OVER (), sum(p.amount_fen) OVER ()
FROM points_payout p JOIN merchants_merchant m ON m.proceeds_id = p.source_id
LEFT JOIN merchants_payoutaccount c ON c.merchant_id = m.id AND c.state = 'current'
WHERE p.state = 1 AND p.id <= %s AND (c.id IS NULL OR c.returned_at IS NOT NULL OR c.valid_from > %s)
ORDER BY p.amount_fen DESC, p.id LIMIT %s"""
_DISPUTED = """
SELECT p.id, m.id, coalesce(nullif(m.short_name, ''), m.name), p.amount_fen, sum(d.amount_fen)::bigint
FROM merchants_dispute d JOIN merchants_merchant m ON m.id = d.merchant_id
JOIN points_payout p ON p.source_id = m.proceeds_id AND p.state = 1 AND p.id <= %s
WHERE d.state = 'open' GROUP BY 1, 2, 3, 4 ORDER BY p.amount_fen DESC, p.id LIMIT %s"""


@dataclass(frozen=True, slots=True)
class HeldUp:
    payout_id: int
    merchant_id: int
    name: str
    fen: int
    why: str


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What somebody should look at before a run is proposed."""

    held_up: list[HeldUp]
    held_up_n: int
    held_up_fen: int
    # (payout, merchant, name, its payout, contested)
    disputed: list[tuple[int, int, str, int, int]]
    largest: list[Payout]


def exceptions(through: int, at: datetime, limit: int = 20) -> Exceptions:
    """Return the exceptions among the payouts that wait, up to a number. Three queries."""
    held = _rows(_HELD_UP, [through, at, limit])
    rows = [HeldUp(*row[:5]) for row in held]
    largest = Payout.objects.proposed().filter(pk__lte=through).order_by("-amount_fen", "pk")[:10]
    disputed = [tuple(row) for row in _rows(_DISPUTED, [through, limit])]
    return Exceptions(rows, held[0][5] if held else 0, int(held[0][6]) if held else 0, disputed, list(largest))


def unknown_debits(at: datetime) -> list[BankLine]:
    """Return what left the bank for no payout that we know, of the files of the last month; newest first."""

    def reckon() -> list[int]:
        files = BankStatement.objects.filter(to_on__gte=shanghai_day(at) - timedelta(days=UNKNOWN_DAYS)).values("pk")
        found = BankLine.objects.unknown_debits().filter(statement__in=files).order_by("-pk")
        return list(found.values_list("pk", flat=True)[:100])

    numbers = kept("desk.unknown_debits", reckon)
    return list(BankLine.objects.filter(pk__in=numbers).order_by("-received_at", "-pk"))


def _rows(statement: str, arguments: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()
