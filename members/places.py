"""Where points are given and taken, as members see it: the nearest shops, those of a district, one shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, F, FloatField, Func, Q, QuerySet, Value
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from alliance.calc.worktime import SHANGHAI, shanghai_day
from alliance.models import Trade
from members.calc import sphere
from members.models import Member
from merchants.calc import hours
from merchants.models import Agreement, Merchant, Outlet
from merchants.models.outlet import Point
from points.models import Transfer

SHOWN = 8
PAGE = 20
MOST = 100
# Counting 160,000 shops for everybody who opens the page would be work for nothing.
COUNTS_SECONDS = 60
_COUNTS = "places-shops-by-district-and-trade"
# The index orders by degrees, and a degree east is shorter than one north: so many more are read and put in order.
_READ_MORE = 4
_SAMPLE_FEN = 100_00


@dataclass(frozen=True, slots=True)
class District:
    """A part of a town, with the number of its shops."""

    city_id: int
    city: str
    name: str
    n: int

    @property
    def key(self) -> str:
        return f"{self.city_id}-{self.name}"


@dataclass(frozen=True, slots=True)
class ShortList:
    """The trades with their number of shops, and a few shops of the chosen one."""

    total: int
    trades: list[Trade]
    chosen: str
    outlets: list[Outlet]


@dataclass(frozen=True, slots=True)
class Found:
    """Shops in the order in which they are wanted, and whether there are more."""

    outlets: list[Outlet]
    has_more: bool


def _open() -> Q:
    return Q(state=Outlet.State.OPEN, is_test=False, merchant__state=Merchant.State.LIVE)


def _counts() -> list[tuple[int, str, str, str, int]]:
    """Return (city, its name, district, trade, shops), at most a minute old."""
    known: list[tuple[int, str, str, str, int]] | None = cache.get(_COUNTS)
    if known is None:
        rows = Outlet.objects.filter(_open()).values_list("city_id", "city__name", "district", "merchant__trade__code")
        known = [(*row[:4], row[4]) for row in rows.annotate(n=Count("pk")).order_by("city_id", "district")]
        cache.set(_COUNTS, known, COUNTS_SECONDS)
    return known


def shops_by_trade() -> dict[str, int]:
    """Return how many shops of each trade give and take points."""
    counts: dict[str, int] = {}
    for *_place, trade, n in _counts():
        counts[trade] = counts.get(trade, 0) + n
    return counts


def districts() -> list[District]:
    """Return the districts that have shops, those with most of them first."""
    counts: dict[tuple[int, str, str], int] = {}
    for city_id, city, district, _trade, n in _counts():
        counts[city_id, city, district] = counts.get((city_id, city, district), 0) + n
    found = [District(*place, n) for place, n in counts.items()]
    return sorted(found, key=lambda each: (-each.n, each.key))


def totals() -> dict[str, int]:
    """Return how many shops in how many trades give and take points."""
    counts = shops_by_trade()
    return {"shops": sum(counts.values()), "trades": len(counts)}


def trades_with_shops() -> list[Trade]:
    """Return the trades that have shops, each with `n`: how many."""
    counts = shops_by_trade()
    trades = list(Trade.objects.filter(code__in=counts).order_by("position", "pk"))
    for each in trades:
        each.n = counts[each.code]  # type: ignore[attr-defined]
    return trades


def short_list(trade: str, at: datetime) -> ShortList:
    """Return the trades that have shops, and the newest shops of one trade, or of all; an unknown trade is none."""
    trades = trades_with_shops()
    chosen = _known(trade, trades)
    rows = list(_of_trade(chosen).order_by("-pk")[:SHOWN])
    return ShortList(sum(each.n for each in trades), trades, chosen, _told(rows, at))  # type: ignore[attr-defined]


def near(lat: float, lng: float, trade: str, n: int, at: datetime) -> Found:
    """Return the shops nearest to a place, each with `metres`, found by the index over their places."""
    here = Point(Value(lng), Value(lat))
    apart = Func(Point(F("lng"), F("lat")), here, template="%(expressions)s", arg_joiner=" <-> ")
    apart.output_field = FloatField()
    rows = list(_of_trade(trade).order_by(apart)[: (n + 1) * _READ_MORE])
    for outlet in rows:
        outlet.metres = sphere.metres(lat, lng, outlet.lat, outlet.lng)  # type: ignore[attr-defined]
    rows.sort(key=lambda outlet: outlet.metres)  # type: ignore[attr-defined]
    return Found(_told(rows[:n], at), len(rows) > n)


def of_district(district: District, trade: str, n: int, at: datetime) -> Found:
    """Return the shops of a district by name."""
    rows = _of_trade(trade).filter(city=district.city_id, district=district.name).order_by("name", "pk")
    found = list(rows[: n + 1])
    return Found(_told(found[:n], at), len(found) > n)


def district_of(member: Member | None, key: str) -> District | None:
    """Return the district that is asked for, else the one where the member was last, else the largest."""
    known = districts()
    asked = next((each for each in known if each.key == key), None)
    if asked is None and member is not None:
        mine = {"bucket": member.wallet_id % 64, "wallet_id": member.wallet_id, "outlet_id__isnull": False}
        last = (
            Transfer.objects.filter(**mine).order_by("-booked_at", "-seq").values_list("outlet_id", flat=True).first()
        )
        outlet = Outlet.objects.filter(pk=last).first() if last else None
        place = f"{outlet.city_id}-{outlet.district}" if outlet else ""
        asked = next((each for each in known if each.key == place), None)
    return asked or (known[0] if known else None)


def shop(number: int, at: datetime) -> Outlet | None:
    """Return one shop that gives and takes points now."""
    found = Outlet.objects.filter(_open(), pk=number).select_related("merchant__trade", "city").first()
    if found is None:
        return None
    (told,) = _told([found], at)
    return told


def hours_in_words(text: str) -> list[tuple[str, str]]:
    """Return (days, hours) of each rule: "1-5 10:00-22:00" → Mon – Fri, 10:00 – 22:00."""
    try:
        rules = hours.parse(text)
    except ValueError:
        return [("", text)]
    return [(_days(first, last), f"{opens:%H:%M} – {closes:%H:%M}") for first, last, opens, closes in rules]


def _days(first: int, last: int) -> str:
    if (first, last) == (1, 7):
        # Translators: 每天
        return _("Every day")
    monday = date(2026, 1, 5)
    names = [date_format(monday + timedelta(days=day - 1), "D") for day in (first, last)]
    return names[0] if first == last else " – ".join(names)


def _known(trade: str, trades: Sequence[Trade]) -> str:
    return trade if any(each.code == trade for each in trades) else ""


def _of_trade(trade: str) -> QuerySet[Outlet]:
    outlets = Outlet.objects.filter(_open()).select_related("merchant__trade")
    return outlets.filter(merchant__trade__code=trade) if trade else outlets


def _told(rows: list[Outlet], at: datetime) -> list[Outlet]:
    """Say of each whether it is open, what 100 yuan earn there, and how much of a bill points may pay."""
    clock = timezone.localtime(at, SHANGHAI)
    wanted = {outlet.merchant_id for outlet in rows}
    in_force = Agreement.objects.in_force(shanghai_day(at)).filter(merchant__in=wanted)
    cards = {card.merchant_id: card for card in in_force.order_by("version")}
    for outlet in rows:
        card = cards.get(outlet.merchant_id)
        outlet.is_open_now = hours.is_open(outlet.hours, clock) if outlet.hours else None  # type: ignore[attr-defined]
        earned = _SAMPLE_FEN * card.rate_bps * card.member_bps // 10_000**2 if card else 0
        outlet.earns = earned  # type: ignore[attr-defined]
        outlet.share_bps = card.spend_share_bps if card else None  # type: ignore[attr-defined]
    return rows
