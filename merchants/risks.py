"""What could go wrong with money: questions over all merchants, each one statement, kept as long as it is dear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from alliance.calc.worktime import day_start, shanghai_day
from alliance.metrics import kept
from points.models import Claim
from points.statements import COVER_DAYS

# A float that lasts shorter is a risk; a credit line used beyond this is one; so is a shop whose members kept so much (H23).
LOW_DAYS = 3
NEARLY_FULL = 80
SHORTFALL_PER_MILLE = 10
MONTH = 30
SHOWN = 8
A_DAY = 86_400.0
# Ages in days: up to a week, a month, a quarter, longer.
AGES = (7, 30, 90)


@dataclass(frozen=True, slots=True)
class Aged:
    """Open amounts of one kind by age: how many, how much, and how much in each class of AGES and beyond."""

    why: int
    n: int
    fen: int
    by_age: tuple[int, ...]


_AGE = """coalesce(sum(x) FILTER (WHERE made_at > %(a)s), 0)::bigint, coalesce(sum(x) FILTER (WHERE made_at <= %(a)s AND made_at > %(b)s), 0)::bigint,
  coalesce(sum(x) FILTER (WHERE made_at <= %(b)s AND made_at > %(c)s), 0)::bigint, coalesce(sum(x) FILTER (WHERE made_at <= %(c)s), 0)::bigint"""
# 0: dues; the kinds of claims; 100: points that come back when the merchant has money.
_AGED = f"""SELECT why, count(*), sum(x)::bigint, {_AGE} FROM (
    SELECT 0 AS why, amount - paid AS x, made_at FROM points_due WHERE paid < amount
    UNION ALL SELECT why, points - repaid, made_at FROM points_claim WHERE repaid < points
    UNION ALL SELECT 100, points - issued, made_at FROM points_return_due WHERE issued < points) z GROUP BY 1 ORDER BY 1"""
DUES, RETURNS = 0, 100


def aged(at: datetime) -> dict[int, Aged]:
    """Return what is due and owed because of refunds, by kind and age."""
    days = dict(zip("abc", (at - timedelta(days=days) for days in AGES), strict=True))
    rows = kept("risk.aged", lambda: _rows(_AGED, days))
    return {why: Aged(why, n, fen, tuple(ages)) for why, n, fen, *ages in rows}


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant that stands out. fen: how much; share: of what, in 1/1000; n: how many there are in all."""

    merchant_id: int
    name: str
    fen: int
    share: int
    n: int


_NAME = "coalesce(nullif(m.short_name, ''), m.name)"
_LOW = f"""SELECT m.id, {_NAME}, a.balance, (a.balance * {COVER_DAYS} * 10 / p.issued)::bigint, count(*) OVER ()
FROM (SELECT d.account_id, -sum(d.amount) AS issued FROM points_account_day d
    WHERE d.booked_on >= %(since)s AND d.booked_on < %(today)s AND d.due_on > d.booked_on
      AND d.account_id IN (SELECT float_id FROM merchants_merchant WHERE state = 'live') GROUP BY 1 HAVING sum(d.amount) < 0) p
JOIN points_money a ON a.id = p.account_id JOIN merchants_merchant m ON m.float_id = a.id
WHERE a.balance * {COVER_DAYS} < {LOW_DAYS} * p.issued ORDER BY a.balance / p.issued, m.id LIMIT {SHOWN}"""


def low_floats(at: datetime) -> list[Shop]:
    """Return the live merchants whose float lasts for less than three days; share: tenths of a day."""
    today = shanghai_day(at)
    facts = {"since": today - timedelta(days=COVER_DAYS), "today": today}
    return _shops(f"risk.low:{today}", _LOW, facts)


_LINES = f"""SELECT m.id, {_NAME}, l.owed_fen, (l.owed_fen * 1000 / greatest(l.limit_fen, 1))::bigint, count(*) OVER ()
FROM points_credit_line l JOIN merchants_merchant m ON m.float_id = l.float_id
WHERE l.owed_fen * 100 > l.limit_fen * {NEARLY_FULL} ORDER BY 4 DESC, l.owed_fen DESC, 1 LIMIT {SHOWN}"""


def full_lines() -> list[Shop]:
    """Return the merchants that used more than 80 % of their credit line."""
    return _shops("risk.lines", _LINES, {})


# Refunds of the month with points that were gone, against the same month's sales of those merchants.
_SHORT = f"""WITH s AS (SELECT r.float_id, sum(r.short)::bigint AS short FROM points_sale d JOIN points_refund r ON r.refund_id = d.id
    WHERE d.booked_at >= %(since)s AND d.kind = 3 GROUP BY 1 HAVING sum(r.short) > 0),
  b AS (SELECT d.float_id, sum(d.bill_fen)::bigint AS bill FROM points_sale d JOIN s ON s.float_id = d.float_id
    WHERE d.booked_at >= %(since)s AND d.kind = 1 GROUP BY 1)
SELECT m.id, {_NAME}, s.short, CASE WHEN b.bill > 0 THEN (s.short * 1000 / b.bill)::bigint ELSE 1000 END, count(*) OVER ()
FROM s LEFT JOIN b ON b.float_id = s.float_id JOIN merchants_merchant m ON m.float_id = s.float_id
WHERE s.short * 1000 > coalesce(b.bill, 0) * {SHORTFALL_PER_MILLE} ORDER BY 4 DESC, s.short DESC, 1 LIMIT {SHOWN}"""


def shortfalls(at: datetime) -> list[Shop]:
    """Return the merchants whose refunds lacked points worth more than 1 % of a month's sales (H23)."""
    today = shanghai_day(at)
    since = day_start(today - timedelta(days=MONTH))
    return _shops(f"risk.short:{today}", _SHORT, {"since": since}, longest=A_DAY)


_KEPT = """SELECT DISTINCT ON (m.id) m.id, k.month, k.fee FROM points_kept_fee k JOIN merchants_merchant m ON m.float_id = k.float_id
WHERE m.id = ANY (%(ids)s) AND k.fee > 0 AND k.month >= %(since)s ORDER BY m.id, k.month DESC"""


def kept_fees(shops: list[Shop], at: datetime) -> dict[int, tuple[date, int]]:
    """Return, by merchant, the newest month whose fee on missing points was kept, and how much; of the last two months."""
    since = shanghai_day(at) - timedelta(days=2 * MONTH)
    rows = _rows(_KEPT, {"ids": [shop.merchant_id for shop in shops], "since": since.replace(day=1)}) if shops else []
    return {number: (month, fee) for number, month, fee in rows}


# What the alliance would lose if a merchant never came back: what it owes and has not set aside.
_EXPOSED = f"""SELECT m.id, {_NAME}, e.fen::bigint, 0, count(*) OVER () FROM (
    SELECT float_id, sum(fen) AS fen FROM (
      SELECT float_id, owed_fen AS fen FROM points_credit_line WHERE owed_fen > 0
      UNION ALL SELECT debtor_id, points - repaid FROM points_claim WHERE repaid < points AND why IN ({Claim.Why.ADVANCE}, {Claim.Why.BONUS}, {Claim.Why.KEPT_FEE})
      UNION ALL SELECT float_id, points - issued FROM points_return_due WHERE issued < points) x GROUP BY 1) e
JOIN merchants_merchant m ON m.float_id = e.float_id ORDER BY e.fen DESC, m.id LIMIT {SHOWN}"""


def exposures() -> list[Shop]:
    """Return the merchants that owe most: promised points, advances, bonuses, points that are to come back."""
    return _shops("risk.exposed", _EXPOSED, {})


# From these shares of a loss budget on somebody should look at it, or at once, in 1/100.
LOSS_WARN, LOSS_BAD = 80, 100


@dataclass(frozen=True, slots=True)
class LossBudget:
    """A rule that may give more than the bound of gifts by others, up to a sum that two people approved."""

    version_id: int
    rule: str
    version: int
    name: str
    state: str
    payer_id: int
    asked_by: str
    approved_by: str
    starts_at: datetime
    ends_at: datetime | None
    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def share(self) -> int:
        """How much of it is used, in 1/100, rounded down."""
        return self.used * 100 // self.limit if self.limit else 100

    @property
    def sign(self) -> str:
        return "bad" if self.share >= LOSS_BAD else "warn" if self.share >= LOSS_WARN else "good"


# What a rule gave counts through all its versions; so the newest that has a loss budget says what is left.
_LOSSES = """SELECT v.id, r.code, v.version, v.definition -> 'loss' ->> 'name', v.state, r.payer_id, v.submitted_by, v.approved_by,
  v.starts_at, v.ends_at, coalesce(u.points, 0)::bigint, (v.definition -> 'loss' ->> 'fen')::bigint
FROM rules_version v JOIN rules_rule r ON r.id = v.rule_id
LEFT JOIN points_award_used u ON u.rule_id = v.rule_id AND u.wallet_id = 0 AND u.on_day = date '2000-01-01'
WHERE jsonb_typeof(v.definition -> 'loss') = 'object' AND v.state = ANY (%(states)s)
ORDER BY coalesce(u.points, 0)::numeric / (v.definition -> 'loss' ->> 'fen')::numeric DESC, r.code, v.version DESC LIMIT 200"""


def loss_budgets(*, are_over: bool = False) -> list[LossBudget]:
    """Return the rules in force (or over) with a loss budget, those that used most of theirs first."""
    states = ["ended"] if are_over else ["approved", "live"]
    rows = kept(f"risk.losses:{'over' if are_over else 'now'}", lambda: _rows(_LOSSES, {"states": states}))
    return [LossBudget(*row) for row in rows]


def _shops(name: str, statement: str, facts: dict[str, Any], longest: float = 1_200.0) -> list[Shop]:
    return [Shop(*row) for row in kept(name, lambda: _rows(statement, facts), longest=longest)]


def _rows(statement: str, facts: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, facts or None)
        return cursor.fetchall()
