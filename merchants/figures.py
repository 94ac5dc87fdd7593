"""Figures of the shops: what was sold, given and taken, by day; who is live; whose float runs dry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from alliance import metrics, panels
from alliance.calc.money import yuan
from alliance.calc.worktime import day_start, shanghai_day
from alliance.metrics import Scope, Value
from alliance.models import Unit
from merchants.models import Merchant
from points.models import Account, AccountDay
from points.statements import COVER_DAYS

DAYS = 30
LOW_DAYS = 5
A_DAY = 86_400.0
SHOWN = 6

Day = dict[str, int]

# A row may be booked after its day, never before: booked_at leaves out the older partitions.
_SUMS = """SELECT s.booked_on, o.centre_id, sum(s.bill_fen), sum(s.points), sum(s.spent_points)
  FROM points_sale s LEFT JOIN merchants_outlet o ON o.id = s.outlet_id
  WHERE s.booked_at >= %s AND s.booked_on >= %s AND s.booked_on < %s GROUP BY 1, 2"""


def _sums(first: date, end: date) -> dict[date, dict[int | None, Day]]:
    """Return sales, points given and points spent of a half-open period, by accounting day and service centre."""
    days: dict[date, dict[int | None, Day]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [day_start(first), first, end])
        for on, centre_id, bill, given, spent in cursor.fetchall():
            days.setdefault(on, {})[centre_id] = {"bill": int(bill), "given": int(given), "spent": int(spent)}
    return days


def _days(at: datetime, scope: Scope) -> dict[date, Day]:
    """Return sales, points given and points spent of the last 30 accounting days.

    Today is read often; the days before, which hardly change any more, as often as their number of rows allows.
    """
    today = shanghai_day(at)
    first, end = today - timedelta(days=DAYS - 1), today + timedelta(days=1)
    days = metrics.kept(f"days:{first}:{today}", lambda: _sums(first, today))
    days = {**days, **metrics.kept(f"days:{today}", lambda: _sums(today, end))}
    centres = _centres(scope)
    return {
        on: {
            name: sum(day[name] for centre, day in parts.items() if centres is None or centre in centres)
            for name in ("bill", "given", "spent")
        }
        for on, parts in days.items()
    }


def _centres(scope: Scope) -> set[int] | None:
    """Return the numbers of the scope's units; None for the whole alliance."""
    return set(Unit.objects.within(*scope.paths).values_list("pk", flat=True)) if scope.paths else None


def _merchants(scope: Scope) -> Any:
    rows = Merchant.objects.all()
    return rows.filter(centre__in=Unit.objects.within(*scope.paths)) if scope.paths else rows


def _series(at: datetime, scope: Scope, name: str) -> Value:
    days, today = _days(at, scope), shanghai_day(at)
    series = [
        (day, days.get(day, {}).get(name, 0))
        for day in (today - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
    ]
    return Value(series[-1][1], before=series[-2][1], series=series)


@metrics.metric(
    "sales",
    # Translators: 今日销售额
    name=_("Sales today"),
    definition=_("Bills of today at all outlets, in money and points, less what was voided."),
    formula="sum(bill_fen of sales and voids of the accounting day)",
    numerator="bills of today in fen",
    window="today (Shanghai)",
    unit="fen",
    url="admin:points_sale_changelist",
)
def sales(at: datetime, scope: Scope) -> Value:
    return _series(at, scope, "bill")


@metrics.metric(
    "points_given",
    # Translators: 今日发放积分
    name=_("Points given today"),
    definition=_("Points that members earned today, less what was voided. Each is paid for by a merchant's float."),
    formula="sum(points of sales and voids of the accounting day)",
    numerator="points earned today",
    window="today (Shanghai)",
    unit="points",
    url="admin:points_sale_changelist",
)
def points_given(at: datetime, scope: Scope) -> Value:
    return _series(at, scope, "given")


@metrics.metric(
    "points_spent",
    # Translators: 今日使用积分
    name=_("Points spent today"),
    definition=_("Points that members paid with today, less what was voided."),
    formula="sum(spent_points of sales and voids of the accounting day)",
    numerator="points spent today",
    window="today (Shanghai)",
    unit="points",
    url="admin:points_sale_changelist",
)
def points_spent(at: datetime, scope: Scope) -> Value:
    return _series(at, scope, "spent")


# Whom the outlets served, as wallets: who they are, this floor does not know.
_CUSTOMERS = """SELECT count(DISTINCT s.wallet_id) FROM points_sale s
  WHERE s.booked_at >= %s AND s.kind = 1"""
_OF_UNITS = " AND s.outlet_id IN (SELECT id FROM merchants_outlet WHERE centre_id = ANY (%s))"


def _customers(since: datetime, centres: set[int] | None) -> int:
    with connection.cursor() as cursor:
        if centres is None:
            cursor.execute(_CUSTOMERS, [since])
        else:
            cursor.execute(_CUSTOMERS + _OF_UNITS, [since, sorted(centres)])
        return int(cursor.fetchone()[0])


@metrics.metric(
    "customers_30_days",
    # Translators: 近 30 天到店会员
    name=_("Members served in 30 days"),
    definition=_(
        "Members with at least one sale at these outlets, each counted once. They belong to the alliance and to no"
        " region: names and balances are with headquarters."
    ),
    formula="count(distinct wallet of sales)",
    numerator="wallets with a sale at the outlets",
    window="30 days",
    unit="count",
    url="admin:points_sale_changelist",
)
def customers(at: datetime, scope: Scope) -> Value:
    today = shanghai_day(at)
    since = day_start(today - timedelta(days=DAYS - 1))
    name = f"customers:{today}:{','.join(scope.paths)}"
    n = metrics.kept(name, lambda: _customers(since, _centres(scope)), longest=A_DAY)
    return Value(n, numerator=n, n=n)


@metrics.metric(
    "merchants_live",
    # Translators: 营业中商户
    name=_("Merchants live"),
    definition=_("Merchants that may give and take points now."),
    formula="count(merchants in state live)",
    numerator="merchants in state live",
    denominator="1",
    window="now",
    unit="count",
    url="admin:merchants_merchant_changelist",
    query="state__exact=live",
)
def merchants_live(at: datetime, scope: Scope) -> Value:
    n = _merchants(scope).live().count()
    return Value(n, n=n)


def cover(float_ids: Sequence[int], at: datetime) -> dict[int, tuple[int, int | None]]:
    """Return for each float its balance and its days of cover, as points.statements.float_cover does for one.

    None: nothing was issued in four weeks. Two queries, whatever the number of floats.
    """
    today = shanghai_day(at)
    balances = Account.objects.filter(pk__in=float_ids).money()
    taken = AccountDay.objects.filter(
        account_id__in=float_ids,
        booked_on__gte=today - timedelta(days=COVER_DAYS),
        booked_on__lt=today,
        due_on__gt=F("booked_on"),
    )
    issued = dict(taken.order_by().values_list("account_id").annotate(Sum("amount")))
    return {
        number: (balance, balance * COVER_DAYS // -issued[number] if issued.get(number, 0) < 0 else None)
        for number, balance in balances.items()
    }


# What each live float issued in a half-open period. Only sales are released after their own day.
_PACES = """SELECT d.account_id, -sum(d.amount)::bigint FROM merchants_merchant m JOIN points_account_day d
    ON d.account_id = m.float_id AND d.booked_on >= %s AND d.booked_on < %s AND d.due_on > d.booked_on
  WHERE m.state = 'live' GROUP BY 1 HAVING sum(d.amount) < 0"""
# The emptiest floats of each service centre that last for less than five days.
_LOW = """SELECT centre_id, float_id FROM (
    SELECT m.centre_id, m.float_id, a.balance::numeric / p.issued AS lasts,
      row_number() OVER (PARTITION BY m.centre_id ORDER BY a.balance::numeric / p.issued, m.id) AS place
    FROM unnest(%s::bigint[], %s::bigint[]) AS p(float_id, issued)
    JOIN points_money a ON a.id = p.float_id JOIN merchants_merchant m ON m.float_id = a.id
    WHERE a.balance * %s < %s * p.issued) z
  WHERE place <= %s ORDER BY lasts, float_id"""


def _paces(today: date) -> tuple[list[int], list[int]]:
    """Return live floats, and what each issued in the four weeks before today."""
    with connection.cursor() as cursor:
        cursor.execute(_PACES, [today - timedelta(days=COVER_DAYS), today])
        rows = cursor.fetchall()
    return [number for number, _issued in rows], [issued for _number, issued in rows]


def _low(today: date) -> list[tuple[int, int]]:
    """Return (centre, float) of the emptiest floats of each centre, emptiest first; more than are shown, in case that
    some are topped up."""
    floats, issued = metrics.kept(f"paces:{today}", lambda: _paces(today), longest=A_DAY)
    with connection.cursor() as cursor:
        cursor.execute(_LOW, [floats, issued, COVER_DAYS, LOW_DAYS, 2 * SHOWN])
        return cursor.fetchall()


@panels.panel(
    "floats_low",
    # Translators: 备付金快用完的商户
    title=_("Floats nearly empty"),
    permission="merchant.view",
    position=10,
    more="admin:merchants_merchant_changelist",
)
def floats_low(at: datetime, scope: Scope) -> Sequence[panels.Row]:
    today, centres = shanghai_day(at), _centres(scope)
    known = metrics.kept(f"floats_low:{today}", lambda: _low(today))
    mine = [number for centre, number in known if centres is None or centre in centres][: 2 * SHOWN]
    lasting = cover(mine, at)  # as they are now
    low = sorted(
        (days, balance, number) for number, (balance, days) in lasting.items() if days is not None and days < LOW_DAYS
    )[:SHOWN]
    merchants = Merchant.objects.filter(float_id__in=[number for *_cover, number in low]).live()
    live = {row.float_id: row for row in merchants.only("pk", "short_name", "name", "float_id")}
    return [
        panels.Row(
            text=str(live[number]),
            url=reverse("admin:merchants_merchant_change", args=(live[number].pk,)),
            # Translators: ¥… · 还能撑 … 天
            right=_("¥%(left)s · %(days)s days") % {"left": yuan(balance), "days": days},
            sign="bad" if days < 1 else "warn",
        )
        for days, balance, number in low
        if number in live
    ]
