"""What moved in a wallet, at an outlet, for a merchant: questions that pages ask, each a few index probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum

from alliance.calc.worktime import shanghai_day
from points.models import Account, AccountDay, Lot, Sale, Transfer


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of a wallet; `points` is what it did to the balance."""

    journal_id: int
    transfer_id: int
    at: datetime
    booked_at: datetime
    seq: int
    kind: int
    points: int
    balance_after: int
    outlet_id: int | None
    matures_on: date | None
    expires_on: date | None
    funder_id: int | None
    reverses_id: int | None
    sale: Sale | None


_NEWEST = "SELECT * FROM points_newest(%s::bigint, %s::timestamptz, %s::bigint, %s::integer, %s::text)"


def wallet(
    wallet_id: int,
    before: tuple[datetime, int] | None = None,
    limit: int = 20,
    kind: str | None = None,
) -> list[Movement]:
    """Return movements, newest first. before: (booked_at, seq) of the last one seen. kind: in, out or expired."""
    found = list(Transfer.objects.raw(_NEWEST, [wallet_id, *(before or (None, None)), limit, kind]))
    sales = _sales_of(found)
    return [_movement(row, wallet_id, sales.get(row.journal_id)) for row in found]


def journal(wallet_id: int, journal_id: int) -> list[Movement]:
    """Return a journal's movements in this wallet, in order; empty when the journal is not the wallet's."""
    rows = Transfer.objects.filter(bucket=wallet_id % 64, wallet_id=wallet_id, journal_id=journal_id)
    found = list(rows.order_by("booked_at"))
    sales = _sales_of(found)
    return [_movement(row, wallet_id, sales.get(row.journal_id)) for row in found]


def _sales_of(rows: Sequence[Transfer]) -> dict[int, Sale]:
    """Return the till documents of movements: by the primary key's first two columns, all in one query."""
    at_tills = [row for row in rows if row.outlet_id is not None]
    if not at_tills:
        return {}
    found = Sale.objects.filter(
        outlet_id__in={row.outlet_id for row in at_tills},
        booked_at__gte=min(row.booked_at for row in at_tills) - timedelta(milliseconds=1),
        booked_at__lte=max(row.booked_at for row in at_tills),
        id__in=[row.journal_id for row in at_tills],
    )
    return {sale.pk: sale for sale in found}


def _movement(row: Transfer, wallet_id: int, sale: Sale | None) -> Movement:
    is_credit = row.credit_id == wallet_id
    return Movement(
        journal_id=row.journal_id,
        transfer_id=row.pk,
        at=row.event_at,
        booked_at=row.booked_at,
        seq=row.seq,
        kind=row.kind,
        points=row.points if is_credit else -(row.points + row.rest),
        balance_after=row.balance_after or 0,
        outlet_id=row.outlet_id,
        matures_on=row.matures_on,
        expires_on=row.expires_on,
        funder_id=row.debit_id if is_credit else None,
        reverses_id=row.reverses_id,
        sale=sale,
    )


def lots(wallet_id: int) -> QuerySet[Lot]:
    """Return the lots that hold points, soonest lapse first."""
    rows = Lot.objects.filter(bucket=wallet_id % 64, wallet_id=wallet_id)
    return rows.live().order_by("lapses_on", "funder_id", "expires_on", "matures_on")


def balance_as_of(wallet_id: int, at: datetime) -> int:
    """Return what a wallet held at that time, its last movement then included: one probe of its chain."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_balance_as_of(%s, %s)", [wallet_id, at])
        return int(cursor.fetchone()[0])


def outlet(outlet_ids: Sequence[int], before: tuple[datetime, int] | None = None, limit: int = 20) -> list[Sale]:
    """Return the sales and voids of outlets, newest first. before: (booked_at, id) of the last one seen."""
    rows = Sale.objects.filter(outlet_id__in=list(outlet_ids))
    if before is not None:
        rows = rows.filter(
            Q(booked_at__lt=before[0]) | Q(booked_at=before[0], id__lt=before[1]), booked_at__lte=before[0]
        )
    return list(rows.order_by("-booked_at", "-id")[:limit])


def sale(outlet_ids: Sequence[int], sale_id: int) -> Sale | None:
    """Return a sale of these outlets."""
    return Sale.objects.filter(outlet_id__in=list(outlet_ids), id=sale_id).first()


@dataclass(frozen=True, slots=True)
class MerchantDay:
    """One accounting day of a merchant: what its float gave, what members spent there."""

    on: date
    issued: int
    rests: int
    proceeds: int
    spend_fees: int

    @property
    def cost(self) -> int:
        return self.issued + self.rests

    @property
    def taken(self) -> int:
        return self.proceeds + self.spend_fees


def merchant_days(float_id: int, from_on: date, to_on: date) -> list[MerchantDay]:
    """Return the accounting days of a merchant in a half-open period, as far as the roll-up."""
    accounts = dict(Account.objects.of_float(float_id).values_list("pk", "kind"))
    sums: dict[date, dict[int, int]] = {}
    rows = AccountDay.objects.filter(account_id__in=[float_id, *accounts], booked_on__gte=from_on, booked_on__lt=to_on)
    # Only what tills booked: it is released after the hold-back; top-ups and closes are not.
    tills = rows.filter(due_on__gt=F("booked_on")).exclude(due_on=date.max)
    for row in tills.values("account_id", "booked_on").annotate(amount=Sum("amount")):
        kind = accounts.get(row["account_id"], Account.Kind.FLOAT)
        day = sums.setdefault(row["booked_on"], {})
        day[kind] = day.get(kind, 0) + row["amount"]
    kinds = Account.Kind
    return [
        MerchantDay(
            on=on,
            # Of what left the float, the rests did not go to members.
            issued=-day.get(kinds.FLOAT, 0) - day.get(kinds.REST, 0),
            rests=day.get(kinds.REST, 0),
            proceeds=day.get(kinds.PROCEEDS, 0),
            spend_fees=day.get(kinds.FEE_REST, 0),
        )
        for on, day in sorted(sums.items())
    ]


def float_balance(float_id: int) -> int:
    """Return what a merchant's float holds now."""
    return Account.objects.filter(pk=float_id).money()[float_id]


@dataclass(frozen=True, slots=True)
class Cover:
    """How long a float lasts at the pace of the last two weeks; `days` is None when nothing was issued."""

    balance: int
    daily_fen: int
    days: int | None


COVER_DAYS = 14


def float_cover(float_id: int, at: datetime) -> Cover:
    """Return the days of cover of a float: balance ⁄ mean daily issue over 14 days, rounded down."""
    today = shanghai_day(at)
    held = float_balance(float_id)
    issued = _issued(float_id, today - timedelta(days=COVER_DAYS), today)
    if issued <= 0:
        return Cover(held, 0, None)
    return Cover(held, issued // COVER_DAYS, held * COVER_DAYS // issued)


def _issued(float_id: int, from_on: date, to_on: date) -> int:
    """Return what sales took from a float in a half-open period of accounting days."""
    rows = AccountDay.objects.filter(account_id=float_id, booked_on__gte=from_on, booked_on__lt=to_on)
    # Top-ups are released on their own day, sales after the hold-back.
    taken = rows.filter(due_on__gt=F("booked_on")).aggregate(total=Sum("amount"))["total"]
    return -(taken or 0)


@dataclass(frozen=True, slots=True)
class Page:
    """A float's book over some days: opening + days + since = closing. days: at tills, and otherwise."""

    opening: int
    days: list[tuple[date, int, int]]
    # What was booked after the roll-up's last look.
    since: int
    closing: int


def float_page(float_id: int, from_on: date) -> Page:
    """Return what moved a float since a day, each day's sales and the rest apart."""
    rows = AccountDay.objects.filter(account_id=float_id)
    opening = rows.filter(booked_on__lt=from_on).aggregate(total=Sum("amount"))["total"] or 0
    tills = Q(due_on__gt=F("booked_on")) & ~Q(due_on=date.max)
    found = rows.filter(booked_on__gte=from_on).values("booked_on").order_by("booked_on")
    days = [
        (row["booked_on"], row["at_tills"] or 0, row["else_"] or 0)
        for row in found.annotate(at_tills=Sum("amount", filter=tills), else_=Sum("amount", filter=~tills))
    ]
    closing = float_balance(float_id)
    return Page(opening, days, closing - opening - sum(till + other for _on, till, other in days), closing)
