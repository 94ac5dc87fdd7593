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
# Counting every shop for every stranger who opens the page would be work for nothing.
TOTALS_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ShortList:
    """The trades with their number of shops, and a few shops of the chosen one."""

    total: int
    trades: list[Trade]
    chosen: str
    outlets: list[Outlet]


def _open() -> Q:
    return Q(state=Outlet.State.OPEN, is_test=False, merchant__state=Merchant.State.LIVE)


def totals() -> dict[str, int]:
    """Return how many shops in how many trades give and take points."""
    known: dict[str, int] | None = cache.get("places-totals")
    if known is None:
        known = Outlet.objects.filter(_open()).aggregate(
            shops=Count("pk"), trades=Count("merchant__trade", distinct=True)
        )
        cache.set("places-totals", known, TOTALS_SECONDS)
    return known


def short_list(trade: str, at: datetime) -> ShortList:
    """Return the trades that have shops, and a few shops of one trade, or of all; an unknown trade is none."""
    prefix = "merchants__outlets__"
    shops = Count(
        "merchants__outlets",
        filter=Q(
            **{
                f"{prefix}state": Outlet.State.OPEN,
                f"{prefix}is_test": False,
                "merchants__state": Merchant.State.LIVE,
            }
        ),
    )
    trades = list(Trade.objects.annotate(n=shops).filter(n__gt=0).order_by("position", "pk"))
    chosen = trade if any(each.code == trade for each in trades) else ""
    outlets = Outlet.objects.filter(_open()).select_related("merchant__trade")
    if chosen:
        outlets = outlets.filter(merchant__trade__code=chosen)
    rows = list(outlets.order_by("-opened_at", "pk")[:SHOWN])
    clock = timezone.localtime(at, SHANGHAI)
    for outlet in rows:
        outlet.is_open_now = hours.is_open(outlet.hours, clock) if outlet.hours else None  # type: ignore[attr-defined]
    return ShortList(sum(each.n for each in trades), trades, chosen, rows)  # type: ignore[attr-defined]
