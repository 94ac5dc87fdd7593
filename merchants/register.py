"""What the tills booked: read from the book's sales, for the outlets that somebody may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from alliance.calc.worktime import SHANGHAI, day_bounds, day_start
from points import awards
from points.awards import Said
from points.models import Reversal, Sale, Transfer

SALE, VOID, REFUND = 1, 2, 3
WHAT = {SALE: "sale", VOID: "void", REFUND: "refund"}
FLOAT_EXHAUSTED, PROMISED = 1, 2
VOID_WITHIN = timedelta(minutes=10)
KINDS = ("sale", "spend", "void", "refund", "without_points")


@dataclass(frozen=True, slots=True)
class Filter:
    """What somebody looks for among the sales of their outlets; days are Shanghai's, both included."""

    outlet_ids: Sequence[int]
    from_on: date
    to_on: date
    kind: str = ""
    # A receipt number or the shop's own reference.
    words: str = ""
    amount_fen: int | None = None
    until: datetime | None = None

    def rows(self) -> QuerySet[Sale]:
        """Return the sales in the filter, newest first."""
        rows = Sale.objects.filter(
            outlet_id__in=list(self.outlet_ids),
            booked_at__gte=day_start(self.from_on),
            booked_at__lt=day_bounds(self.to_on)[1],
        )
        if self.until is not None:
            rows = rows.filter(booked_at__lt=self.until)
        if self.kind == "sale":
            rows = rows.filter(kind=SALE)
        elif self.kind == "spend":
            rows = rows.filter(kind=SALE, spent_points__gt=0)
        elif self.kind == "void":
            rows = rows.filter(kind=VOID)
        elif self.kind == "refund":
            rows = rows.filter(kind=REFUND)
        elif self.kind == "without_points":
            rows = rows.filter(kind=SALE, reason=FLOAT_EXHAUSTED)
        if self.amount_fen is not None:
            rows = rows.filter(bill_fen__in=[self.amount_fen, -self.amount_fen])
        if self.words:
            number = int(self.words) if self.words.isascii() and self.words.isdigit() and len(self.words) < 19 else 0
            rows = rows.filter(
                Q(reference__icontains=self.words) | Q(id=number) | Q(reverses_id=number, kind__in=[VOID, REFUND])
            )
        return rows.order_by("-booked_at", "-id")


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over sales, voids and refunds taken off."""

    bill_fen: int = 0
    n: int = 0
    points: int = 0
    spent_points: int = 0
    cost_fen: int = 0
    without_points: int = 0


def after(rows: QuerySet[Sale], cursor: tuple[datetime, int] | None) -> QuerySet[Sale]:
    """Return the rows that follow a cursor (booked_at, id) in the order newest first."""
    if cursor is None:
        return rows
    at, number = cursor
    return rows.filter(Q(booked_at__lt=at) | Q(booked_at=at, id__lt=number))


@dataclass(frozen=True, slots=True)
class Entry:
    """A sale with what became of it."""

    sale: Sale
    voided_by: Sale | None
    at: datetime
    # What came back of the bill by refunds.
    refunded_fen: int = 0
    # The request key of the form that voids it: pressing twice is one request, the form drawn anew is another.
    void_key: str = field(default_factory=lambda: uuid4().hex)

    @property
    def void_until(self) -> datetime:
        return self.sale.booked_at + VOID_WITHIN

    @property
    def can_be_voided(self) -> bool:
        return (
            self.sale.kind == SALE and self.voided_by is None and self.refunded_fen == 0 and self.at <= self.void_until
        )

    @property
    def left_fen(self) -> int:
        """Return what of the bill has not come back."""
        return 0 if self.voided_by else self.sale.bill_fen - self.refunded_fen

    @property
    def is_refunded(self) -> bool:
        return self.refunded_fen > 0 and self.left_fen == 0

    @property
    def is_without_points(self) -> bool:
        return bool(self.sale.reason == FLOAT_EXHAUSTED)

    @property
    def is_promised(self) -> bool:
        """The merchant paid later, or has still to pay: this sale's own journal has no points."""
        return bool(self.sale.reason == PROMISED)


def recent(outlet_id: int, at: datetime, n: int = 8) -> list[Entry]:
    """Return an outlet's latest sales of the last day, with what became of each."""
    rows = Sale.objects.filter(outlet_id=outlet_id, booked_at__gt=at - timedelta(days=1), kind=SALE)
    return entries(rows.order_by("-booked_at", "-id")[:n], at)


def on(outlet_id: int, day: date, words: str, at: datetime, n: int) -> list[Entry]:
    """Return an outlet's sales of one day, newest first; words: the shop's own reference, or a receipt's number."""
    rows = Filter([outlet_id], day, day, "sale", words).rows()
    return entries(rows[:n], at)


def entries(rows: Iterable[Sale], at: datetime) -> list[Entry]:
    """Return the sales with their voids and what was refunded, which are found in a query each."""
    sales = list(rows)
    originals = [sale for sale in sales if sale.kind == SALE]
    voids, refunded = {}, {}
    if originals:
        undone = Reversal.objects.filter(pk__in=[sale.id for sale in originals], refunds__gt=0)
        kept = dict(undone.values_list("pk", "kept_bill"))
        refunded = {sale.id: sale.bill_fen - kept[sale.id] for sale in originals if sale.id in kept}
        first, last = min(sale.booked_at for sale in originals), max(sale.booked_at for sale in originals)
        found = Sale.objects.filter(
            outlet_id__in={sale.outlet_id for sale in originals},
            booked_at__gte=first,
            # A few minutes more than the ten: a void's own time is taken under the lock of the wallet.
            booked_at__lte=last + VOID_WITHIN + timedelta(minutes=5),
            kind=VOID,
            reverses_id__in=[sale.id for sale in originals],
        )
        voids = {void.reverses_id: void for void in found}
    return [Entry(sale, voids.get(sale.id), at, refunded.get(sale.id, 0)) for sale in sales]


def find(outlet_ids: Sequence[int], number: int, booked_at: datetime | None = None) -> Sale | None:
    """Return one sale or void of these outlets."""
    rows = Sale.objects.filter(outlet_id__in=list(outlet_ids), id=number)
    if booked_at is not None:
        rows = rows.filter(booked_at=booked_at)
    return rows.first()


def bonuses(sale: Sale) -> tuple[Said, ...]:
    """Return what rules gave on a sale, in words."""
    return awards.told([sale.pk]).get(sale.pk, ())


def transfers(sale: Sale) -> list[Transfer]:
    """Return the rows of the sale's journal, in the order in which they were booked."""
    rows = Transfer.objects.filter(
        bucket=sale.wallet_id % 64,
        wallet_id=sale.wallet_id,
        booked_at__gte=sale.booked_at,
        booked_at__lte=sale.booked_at + timedelta(milliseconds=1),
        journal_id=sale.id,
    )
    return list(rows.order_by("booked_at", "seq"))


def figures_of(wanted: Filter) -> Figures:
    """Return the sums of what is in a filter."""
    found = wanted.rows().order_by().aggregate(**_SUMS)
    return Figures(**{name: value or 0 for name, value in found.items()})


def daily(outlet_ids: Sequence[int], last_on: date, days: int) -> list[tuple[date, Figures]]:
    """Return the sums of each of the last days, oldest first; a day without sales is there too."""
    first_on = last_on - timedelta(days=days - 1)
    rows = Filter(outlet_ids, first_on, last_on).rows().order_by()
    by_day: Any = rows.annotate(on=TruncDate("booked_at", tzinfo=SHANGHAI)).values("on").annotate(**_SUMS)
    found = {row["on"]: Figures(**{name: row[name] or 0 for name in _SUMS}) for row in by_day}
    return [(on, found.get(on, Figures())) for on in (first_on + timedelta(days=n) for n in range(days))]


_SUMS: dict[str, Any] = {
    "bill_fen": Sum("bill_fen"),
    "n": Count("id", filter=Q(kind=SALE)) - Count("id", filter=Q(kind=VOID)),
    # Before "points": from there on that name means the sum.
    "cost_fen": Sum("points") + Sum("rest"),
    "points": Sum("points"),
    "spent_points": Sum("spent_points"),
    "without_points": Count("id", filter=Q(kind=SALE, reason=FLOAT_EXHAUSTED)),
}
