"""Figures of the shops: what was sold, given and taken, by day; who is live; whose float runs dry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import F, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from alliance import metrics, panels
from alliance.calc.money import yuan
from alliance.calc.worktime import day_start, shanghai_day
from alliance.metrics import Scope, Value
from alliance.models import Unit
from merchants.models import Merchant, Outlet
from points.models import Account, AccountDay, Sale
from points.statements import COVER_DAYS

DAYS = 30
FRESH_SECONDS = 60
LOW_DAYS = 5

Day = dict[str, int]


def _days(at: datetime, scope: Scope) -> dict[date, Day]:
    """Return sales, points given and points spent of the last 30 accounting days, at most a minute old."""
    today = shanghai_day(at)
    key = f"figures.days:{today}:{','.join(scope.paths)}"
    known: dict[date, Day] | None = cache.get(key)
    if known is None:
        first = today - timedelta(days=DAYS - 1)
        # A row may be booked after its day, never before: booked_at leaves out the older partitions.
        rows = Sale.objects.filter(booked_at__gte=day_start(first), booked_on__gte=first)
        if scope.paths:
            rows = rows.filter(outlet_id__in=_outlets(scope).values("pk"))
        sums = (
            rows.order_by()
            .values("booked_on")
            .annotate(bill=Sum("bill_fen"), given=Sum("points"), spent=Sum("spent_points"))
        )
        known = {row["booked_on"]: {name: int(row[name]) for name in ("bill", "given", "spent")} for row in sums}
        cache.set(key, known, FRESH_SECONDS)
    return known


def _outlets(scope: Scope) -> Any:
    return Outlet.objects.filter(centre__in=Unit.objects.within(*scope.paths))


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
    balances = dict(Account.objects.filter(pk__in=float_ids).values_list("pk", "balance"))
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


@panels.panel(
    "floats_low",
    # Translators: 备付金快用完的商户
    title=_("Floats nearly empty"),
    permission="merchant.view",
    position=10,
    more="admin:merchants_merchant_changelist",
)
def floats_low(at: datetime, scope: Scope) -> Sequence[panels.Row]:
    key = f"figures.floats_low:{','.join(scope.paths)}"
    known: list[tuple[int, str, int, int]] | None = cache.get(key)
    if known is None:
        live = {row.float_id: row for row in _merchants(scope).live().only("pk", "short_name", "name", "float_id")}
        lasting = cover([number for number in live if number], at)
        known = sorted(
            (
                (live[number].pk, str(live[number]), balance, days)
                for number, (balance, days) in lasting.items()
                if days is not None and days < LOW_DAYS
            ),
            key=lambda row: row[3],
        )[:6]
        cache.set(key, known, FRESH_SECONDS)
    return [
        panels.Row(
            text=name,
            url=reverse("admin:merchants_merchant_change", args=(pk,)),
            # Translators: ¥… · 还能撑 … 天
            right=_("¥%(left)s · %(days)s days") % {"left": yuan(balance), "days": days},
            sign="bad" if days < 1 else "warn",
        )
        for pk, name, balance, days in known
    ]
