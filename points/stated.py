"""What a statement is made of: the receipts of its proceeds, and what else moved the account; page by page.

period = of_statement(statement)             # or open_period(account_id): what the next statement will have so far
sums(period, outlets)                        # points taken, fees and refunds, each a sum of lines
lines(period, outlets, after=last.place)     # fifty of them, oldest first; every() yields all of them
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from alliance.calc.worktime import day_start
from points.models import Movement, Sale, Statement, Transfer

# The last line of a page: time and number of its receipt, its own number.
Place = tuple[datetime, int, int]
# Each chunk joins anew: few large ones cost a fifth of many small ones.
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Period:
    """What the mark and the day let in, less what the statement before had; an open one has no end."""

    account_id: int
    last: Statement | None
    mark: int = 2**62
    on: date = date.max
    until: datetime | None = None

    def asked(self, outlet_ids: Sequence[int]) -> dict[str, Any]:
        last = self.last
        lower = day_start(last.clearing_id - timedelta(days=1)) if last else day_start(date(2000, 1, 2))
        return {
            "account": self.account_id,
            "outlets": list(outlet_ids),
            "lower": lower,
            "upper": self.until or day_start(date(9000, 1, 1)),
            "mark": self.mark,
            "on": self.on,
            "old_mark": last.mark if last else None,
            "old_on": last.clearing_id if last else None,
            "documents": None,
        }


def before(statement: Statement) -> Statement | None:
    """Return the statement before this one."""
    if statement.since_on is None:
        return None
    return Statement.objects.get(account_id=statement.account_id, clearing_id=statement.since_on)


def of_statement(statement: Statement) -> Period:
    """Return the period of a statement."""
    return Period(statement.account_id, before(statement), statement.mark, statement.clearing_id, statement.booked_at)


def open_period(account_id: int) -> Period:
    """Return the period since the newest statement."""
    return Period(account_id, Statement.objects.of_accounts([account_id]).newest_first().first())


# --- what is not trade ------------------------------------------------------------------------------


def own_rows(statement: Statement) -> list[Transfer]:
    """Return what the run itself booked for a statement: claims, bills, the top-up, the payout."""
    rows = Transfer.objects.filter(bucket=-1, wallet_id=0, booked_at=statement.booked_at)
    return list(rows.filter(journal_id=statement.journal_id).order_by("seq"))


def movements(period: Period) -> list[Movement]:
    """Return what moved the account in a period, other than trade: disputes, payouts that came back."""
    rows = Movement.objects.filter(account_id=period.account_id, xid__lt=period.mark, booked_on__lte=period.on)
    if period.last is not None:
        rows = rows.exclude(xid__lt=period.last.mark, booked_on__lte=period.last.clearing_id)
    return list(rows.order_by("xid", "journal_id"))


# --- trade ------------------------------------------------------------------------------------------

_IN = """t.xid < %(mark)s AND t.booked_on <= %(on)s
  AND NOT coalesce(t.xid < %(old_mark)s::bigint AND t.booked_on <= %(old_on)s::date, false)
  AND t.journal_id NOT IN (SELECT journal_id FROM points_statement WHERE account_id = %(account)s)
  AND NOT EXISTS (SELECT FROM points_movement v WHERE v.account_id = %(account)s AND v.journal_id = t.journal_id)
  AND %(account)s IN (t.debit_id, t.credit_id, t.rest_id)"""
_AMOUNT = "CASE %(account)s WHEN t.debit_id THEN -(t.points + t.rest) WHEN t.credit_id THEN t.points ELSE t.rest END"
_FEE = "CASE %(account)s WHEN t.credit_id THEN t.rest ELSE 0 END"
# By the shop's receipts, which are found by outlet and time.
_RECEIPTS = f"""points_sale s JOIN points_transfer t
  ON t.bucket = (s.wallet_id %% 64)::smallint AND t.wallet_id = s.wallet_id AND t.journal_id = s.id
  AND t.booked_at >= s.booked_at AND t.booked_at <= s.booked_at + interval '1 millisecond'
WHERE s.outlet_id = ANY (%(outlets)s::bigint[]) AND s.booked_at >= %(lower)s AND s.booked_at <= %(upper)s
  AND s.spent_points <> 0 AND (%(documents)s::smallint[] IS NULL OR s.kind = ANY (%(documents)s::smallint[])) AND {_IN}"""
_OF_OUTLETS = f"""
SELECT t.id, t.journal_id, s.booked_at, t.booked_on, t.kind, s.kind, t.outlet_id, t.wallet_id, {_AMOUNT}, {_FEE}, s.bill_fen, s.reference
FROM {_RECEIPTS} AND (s.booked_at, s.id, t.id) > (%(at)s, %(journal)s, %(id)s)
ORDER BY s.booked_at, s.id, t.id LIMIT %(limit)s"""
_SUMS = f"SELECT s.kind, count(*), coalesce(sum({_AMOUNT}), 0), coalesce(sum({_FEE}), 0) FROM {_RECEIPTS} GROUP BY 1"
_OF_JOURNAL = f"""
SELECT t.id, t.journal_id, s.booked_at, t.booked_on, t.kind, s.kind, t.outlet_id, t.wallet_id, {_AMOUNT}, {_FEE}, s.bill_fen, s.reference
FROM {_RECEIPTS} AND s.id = %(journal)s ORDER BY t.id"""
# Rows of no receipt: a centre's parts of the daily closes, and what a merchant paid back between two runs.
_OF_HOUSE = f"""
SELECT t.id, t.journal_id, t.booked_at, t.booked_on, t.kind, NULL::smallint, t.outlet_id, t.wallet_id, {_AMOUNT}, {_FEE}, 0, ''
FROM points_transfer t WHERE t.bucket = -1 AND t.wallet_id = 0 AND t.booked_at >= %(lower)s AND t.booked_at <= %(upper)s AND {_IN}
  AND (t.booked_at, t.journal_id, t.id) > (%(at)s, %(journal)s, %(id)s)
ORDER BY t.booked_at, t.journal_id, t.id LIMIT %(limit)s"""
# Spent points of returned goods that came back later, when the merchant had money again.
_OF_RETURNS = f"""
SELECT t.id, t.journal_id, t.booked_at, t.booked_on, t.kind, NULL::smallint, t.outlet_id, t.wallet_id, {_AMOUNT}, {_FEE}, 0, ''
FROM (SELECT DISTINCT wallet_id FROM points_return_due WHERE float_id = (SELECT float_id FROM points_account WHERE id = %(account)s)) w
JOIN points_transfer t ON t.bucket = (w.wallet_id %% 64)::smallint AND t.wallet_id = w.wallet_id
  AND t.booked_at >= %(lower)s AND t.booked_at <= %(upper)s AND t.kind = 15 AND {_IN}
ORDER BY t.booked_at, t.journal_id, t.id LIMIT %(limit)s"""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a statement's proceeds: what a receipt (or a close) brought to the account, or took from it."""

    id: int
    journal_id: int
    booked_at: datetime
    booked_on: date
    kind: int
    # Of the receipt: sale, void or refund.
    document: int | None
    outlet_id: int | None
    wallet_id: int
    amount_fen: int
    # A spending fee that did not come to the account.
    fee_fen: int
    bill_fen: int
    reference: str

    @property
    def gross_fen(self) -> int:
        return self.amount_fen + self.fee_fen

    @property
    def is_back(self) -> bool:
        """Whether points went back to the member: a void or a refund."""
        return self.document is not None and self.document != Sale.Kind.SALE

    @property
    def place(self) -> Place:
        return (self.booked_at, self.journal_id, self.id)


@dataclass(frozen=True, slots=True)
class Sums:
    """What the receipts of a period come to: taken + back − fees = net."""

    lines: int
    taken_fen: int
    back_fen: int
    fees_fen: int

    @property
    def net_fen(self) -> int:
        return self.taken_fen + self.back_fen - self.fees_fen


def lines(
    period: Period,
    outlet_ids: Sequence[int] | None = None,
    *,
    after: Place | None = None,
    limit: int = 1_000,
    documents: Sequence[int] | None = None,
) -> list[Line]:
    """Return rows of a period's proceeds, oldest first: by the merchant's outlets, or of a centre's closes.

    documents: only of these kinds of receipts.
    """
    asked = {**period.asked(outlet_ids or []), "documents": list(documents) if documents else None}
    if after is not None:
        asked["lower"] = max(asked["lower"], after[0])
    at, journal, number = after or (asked["lower"], 0, 0)
    return _read(
        _OF_HOUSE if outlet_ids is None else _OF_OUTLETS,
        {**asked, "at": at, "journal": journal, "id": number, "limit": limit},
    )


def every(period: Period, outlet_ids: Sequence[int]) -> Iterator[Line]:
    """Yield all rows of a period's proceeds, a chunk in memory at a time."""
    after: Place | None = None
    while chunk := lines(period, outlet_ids, after=after, limit=CHUNK):
        yield from chunk
        after = chunk[-1].place
        if len(chunk) < CHUNK:
            return


def of_journal(period: Period, outlet_ids: Sequence[int], journal_id: int) -> list[Line]:
    """Return the rows of one receipt in a period; none when it is another's, or belongs to another period."""
    return _read(_OF_JOURNAL, {**period.asked(outlet_ids), "journal": journal_id})


def sums(period: Period, outlet_ids: Sequence[int]) -> Sums:
    """Return the sums of a period's receipts."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, period.asked(outlet_ids))
        rows = cursor.fetchall()
    return Sums(
        lines=sum(n for _kind, n, _net, _fee in rows),
        taken_fen=int(sum(net + fee for kind, _n, net, fee in rows if kind == Sale.Kind.SALE)),
        back_fen=int(sum(net + fee for kind, _n, net, fee in rows if kind != Sale.Kind.SALE)),
        fees_fen=int(sum(fee for _kind, _n, _net, fee in rows)),
    )


def others(period: Period, limit: int = 200) -> list[Line]:
    """Return what moved a merchant's proceeds without a receipt of the day: what it paid back of earlier refunds."""
    asked = {**period.asked([]), "limit": limit}
    start = {"at": asked["lower"], "journal": 0, "id": 0}
    found = _read(_OF_HOUSE, {**asked, **start}) + _read(_OF_RETURNS, asked)
    return sorted(found, key=lambda line: line.place)


def _read(statement: str, asked: dict[str, Any]) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return [Line(*row) for row in cursor.fetchall()]
