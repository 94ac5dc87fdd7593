"""Where points are given and taken, as members see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from alliance.calc.worktime import SHANGHAI
from alliance.models import Trade
from merchants.calc import hours
from merchants.models import Merchant, Outlet

SHOWN = 8
# Counting 160,000 shops for everybody who opens the page would be work for nothing.
COUNTS_SECONDS = 60
_COUNTS = "places-shops-by-trade"


@dataclass(frozen=True, slots=True)
class ShortList:
    """The trades with their number of shops, and a few shops of the chosen one."""

    total: int
    trades: list[Trade]
    chosen: str
    outlets: list[Outlet]


def _open() -> Q:
    return Q(state=Outlet.State.OPEN, is_test=False, merchant__state=Merchant.State.LIVE)


def shops_by_trade() -> dict[str, int]:
    """Return how many shops of each trade give and take points, at most a minute old."""
    known: dict[str, int] | None = cache.get(_COUNTS)
    if known is None:
        rows = Outlet.objects.filter(_open()).values("merchant__trade__code").annotate(n=Count("pk")).order_by()
        known = {row["merchant__trade__code"]: row["n"] for row in rows}
        cache.set(_COUNTS, known, COUNTS_SECONDS)
    return known


def totals() -> dict[str, int]:
    """Return how many shops in how many trades give and take points."""
    counts = shops_by_trade()
    return {"shops": sum(counts.values()), "trades": len(counts)}


def short_list(trade: str, at: datetime) -> ShortList:
    """Return the trades that have shops, and the newest shops of one trade, or of all; an unknown trade is none."""
    counts = shops_by_trade()
    trades = list(Trade.objects.filter(code__in=counts).order_by("position", "pk"))
    for each in trades:
        each.n = counts[each.code]  # type: ignore[attr-defined]
    chosen = trade if trade in counts else ""
    outlets = Outlet.objects.filter(_open()).select_related("merchant__trade")
    if chosen:
        outlets = outlets.filter(merchant__trade__code=chosen)
    rows = list(outlets.order_by("-pk")[:SHOWN])
    clock = timezone.localtime(at, SHANGHAI)
    for outlet in rows:
        outlet.is_open_now = hours.is_open(outlet.hours, clock) if outlet.hours else None  # type: ignore[attr-defined]
    return ShortList(sum(counts.values()), trades, chosen, rows)
