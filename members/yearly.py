"""The statement of a year: what there was, what came and went by month and by merchant, what was left.

Both balances are the book's own (points_balance_as_of); the movements between them are added up here, and a test holds
the two together over random histories. Every figure names the filter of the wallet's list that shows its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Q, QuerySet, Sum, When
from django.db.models.functions import TruncMonth
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from alliance.calc.worktime import SHANGHAI
from members import wallets
from members.models import Member
from merchants.models import Merchant, Outlet
from points import statements
from points.models import Transfer

GROUPS: dict[str, Promise] = {
    # Translators: 得到
    "received": gettext_lazy("Received"),
    # Translators: 用掉
    "spent": gettext_lazy("Spent"),
    # Translators: 过期
    "expired": gettext_lazy("Expired"),
    # Translators: 退回和收回
    "returned": gettext_lazy("Given back or taken back"),
    # Translators: 更正
    "corrected": gettext_lazy("Corrected"),
}
CHUNK = 2_000
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sums:
    """What movements did to the balance, by group, each with its sign."""

    received: int = 0
    spent: int = 0
    expired: int = 0
    returned: int = 0
    corrected: int = 0

    @property
    def net(self) -> int:
        return self.received + self.spent + self.expired + self.returned + self.corrected

    @property
    def other(self) -> int:
        """Return what is neither received, spent nor expired."""
        return self.returned + self.corrected

    def plus(self, group: str, points: int) -> Sums:
        parts = {name: getattr(self, name) for name in GROUPS}
        parts[group] += points
        return Sums(**parts)


@dataclass(frozen=True, slots=True)
class Line:
    """One group of the year, with the rows behind it."""

    label: str
    points: int
    url: str


@dataclass(frozen=True, slots=True)
class Month:
    on: date
    sums: Sums
    balance: int
    url: str


@dataclass(frozen=True, slots=True)
class Shop:
    """One merchant's part of the year; without a name: what happened at no shop."""

    name: str
    trade: str
    sums: Sums
    url: str

    @property
    def is_shop(self) -> bool:
        return bool(self.trade)

    @property
    def other(self) -> int:
        """Return what is neither received nor spent."""
        return self.sums.net - self.sums.received - self.sums.spent


@dataclass(frozen=True, slots=True)
class Year:
    """One year of a wallet: opening + lines = closing; months and shops add up to the same."""

    number: int
    opening: int
    closing: int
    sums: Sums
    lines: list[Line]
    months: list[Month]
    shops: list[Shop]

    @property
    def is_quiet(self) -> bool:
        return not self.months

    @property
    def has_undone(self) -> bool:
        """Return whether the months need a column for what is neither received, spent nor expired."""
        return any(month.sums.returned or month.sums.corrected for month in self.months)

    @property
    def has_other(self) -> bool:
        """Return whether the shops need a column for what is neither received nor spent."""
        return any(shop.other for shop in self.shops)

    @property
    def other(self) -> int:
        return self.sums.net - self.sums.received - self.sums.spent


def bounds(number: int) -> tuple[datetime, datetime]:
    """Return the half-open period of a year in Shanghai."""
    return datetime(number, 1, 1, tzinfo=SHANGHAI), datetime(number + 1, 1, 1, tzinfo=SHANGHAI)


def statement(member: Member, number: int) -> Year:
    """Return the year's statement, counted by the days of Shanghai; of a year under way as far as it has come."""
    start, end = bounds(number)
    opening, closing = (statements.balance_as_of(member.wallet_id, at - _MICROSECOND) for at in (start, end))
    rows = list(
        _of(member, start, end)
        .annotate(month=TruncMonth("booked_at", tzinfo=SHANGHAI), is_undo=_IS_UNDO)
        .values("month", "outlet_id", "kind", "is_undo")
        .annotate(points=Sum("signed"))
        .order_by("month", "outlet_id", "kind", "is_undo")
    )
    sums = Sums()
    by_month: dict[date, Sums] = {}
    by_outlet: dict[int, Sums] = {}
    for row in rows:
        group, points = wallets.group_of(row["kind"], row["is_undo"]), row["points"]
        month, outlet = row["month"].date(), row["outlet_id"] or 0
        sums = sums.plus(group, points)
        by_month[month] = by_month.get(month, Sums()).plus(group, points)
        by_outlet[outlet] = by_outlet.get(outlet, Sums()).plus(group, points)
    return Year(
        number=number,
        opening=opening,
        closing=closing,
        sums=sums,
        lines=[
            Line(str(label), getattr(sums, group), _rows(number, kind=group))
            for group, label in GROUPS.items()
            if getattr(sums, group) or group in ("received", "spent", "expired")
        ],
        months=_months(by_month, opening),
        shops=_shops(by_outlet, number),
    )


def _months(by_month: dict[date, Sums], opening: int) -> list[Month]:
    found, balance = [], opening
    for on, sums in sorted(by_month.items()):
        balance += sums.net
        found.append(Month(on, sums, balance, _rows(f"{on:%Y-%m}")))
    return found


def _shops(by_outlet: dict[int, Sums], number: int) -> list[Shop]:
    """Return the parts by merchant, the busiest first; what happened at no shop stands last."""
    outlets = Outlet.objects.filter(pk__in=[pk for pk in by_outlet if pk]).values_list("pk", "merchant_id")
    merchant_of = dict(outlets)
    by_merchant: dict[int, Sums] = {}
    for outlet, sums in by_outlet.items():
        merchant = merchant_of.get(outlet, 0)
        whole = by_merchant.get(merchant, Sums())
        for group in GROUPS:
            whole = whole.plus(group, getattr(sums, group))
        by_merchant[merchant] = whole
    names = {
        pk: (name, trade)
        for pk, name, trade in Merchant.objects.filter(pk__in=by_merchant).values_list(
            "pk", "short_name", "trade__code"
        )
    }
    shops = []
    for merchant, sums in by_merchant.items():
        # Translators: 不在门店发生（过期、更正）
        name, trade = names.get(merchant, (_("At no shop (expired, corrected)"), ""))
        shops.append(Shop(name, trade, sums, _rows(number, shop=merchant)))
    return sorted(shops, key=lambda shop: (not shop.is_shop, -shop.sums.received + shop.sums.spent, shop.name))


def together(shops: list[Shop]) -> Shop:
    """Return what several merchants' parts come to."""
    sums = Sums(*(sum(getattr(shop.sums, group) for shop in shops) for group in GROUPS))
    return Shop("", "", sums, "")


def table(member: Member, number: int) -> Iterator[list[Any]]:
    """Yield the year as a sheet: heads, the balance at the start, every movement, the balance at the end."""
    start, end = bounds(number)
    yield [
        _("Time"),
        _("What"),
        pgettext("statement", "Shop"),
        _("Points"),
        _("Balance"),
        _("Worth (yuan)"),
        _("Number"),
    ]
    opening, closing = (statements.balance_as_of(member.wallet_id, at - _MICROSECOND) for at in (start, end))
    yield [f"{number}-01-01", _("Balance at the start"), "", "", opening, opening / 100, ""]
    shops: dict[int, str] = {}
    for row in _of(member, start, end).order_by("booked_at", "seq").iterator(chunk_size=CHUNK):
        yield [
            timezone.localtime(row.booked_at, SHANGHAI).replace(tzinfo=None, microsecond=0),
            wallets.word_of(row.kind, row.reverses_id is not None),
            _name(row.outlet_id, shops),
            row.signed,
            row.balance_after,
            (row.balance_after or 0) / 100,
            str(row.journal_id),
        ]
    last = min(end - timedelta(days=1), timezone.localtime(timezone.now(), SHANGHAI))
    yield [f"{last:%Y-%m-%d}", _("Balance at the end"), "", "", closing, closing / 100, ""]


def _name(outlet_id: int | None, known: dict[int, str]) -> str:
    """Return an outlet's name; a year knows few of them."""
    if outlet_id is None:
        return ""
    if outlet_id not in known:
        known[outlet_id] = Outlet.objects.filter(pk=outlet_id).values_list("name", flat=True).first() or ""
    return known[outlet_id]


_IS_UNDO = Case(When(Q(reverses_id=None), then=0), default=1)


def _of(member: Member, start: datetime, end: datetime) -> QuerySet[Transfer, Any]:
    return wallets.transfers_of(member.wallet_id).filter(booked_at__gte=start, booked_at__lt=end)


def _rows(period: int | str, **more: Any) -> str:
    return f"{reverse('wallet')}?{urlencode({'in': period, **more})}"
