"""The wallet in a member's words: what there is, what moved, and until when.

The book answers in accounts and outlets by number; here they get names. Every question takes the same few queries,
however many rows it answers with. Why a movement is as it is: members.explaining.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import BigIntegerField, Case, F, QuerySet, Sum, When
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alliance.calc.worktime import SHANGHAI
from alliance.templatetags.lianhui import local_time, thousands
from members.models import Member
from merchants.models import Merchant, Outlet
from points.models import Account, Lot, Transfer, Wallet

PAGE = 20
EXPORT_CHUNK = 1000
KINDS = ("in", "out")
Kind = Transfer.Kind

# In a member's words; the second column when it takes an earlier movement back.
WORDS: dict[int, tuple[Promise, Promise]] = {
    # Translators: 得到 / 得到的积分收回
    Kind.EARN: (gettext_lazy("Received"), gettext_lazy("Taken back")),
    # Translators: 用掉 / 用掉的积分退回
    Kind.SPEND: (gettext_lazy("Spent"), gettext_lazy("Given back")),
    # Translators: 过期 / 过期撤回
    Kind.EXPIRE: (gettext_lazy("Expired"), gettext_lazy("Expiry taken back")),
    # Translators: 更正 / 更正撤回
    Kind.ADJUST: (gettext_lazy("Corrected"), gettext_lazy("Correction taken back")),
}


@dataclass(frozen=True, slots=True)
class Part:
    """So many points, on such a day."""

    points: int
    on: date


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the wallet stands: all that a member wants to know at a glance."""

    balance: int
    available: int
    pending: int
    held: int
    frozen_at: datetime | None
    next_maturing: Part | None
    next_expiry: Part | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement, with the name of the place."""

    journal_id: int
    at: datetime
    month: date
    points: int
    balance_after: int
    title: str
    trade: str
    what: str

    @property
    def sub(self) -> str:
        # Where nobody's name is known the title says what it is already.
        what = "" if self.what == self.title else f"{self.what} · "
        return f"{what}{local_time(self.at, 'MONTH_DAY_FORMAT')} {local_time(self.at, 'TIME_FORMAT')}"

    @property
    def balance_words(self) -> str:
        # Translators: 余额 %(points)s
        return _("balance %(points)s") % {"points": thousands(self.balance_after)}


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Entry]
    before: str | None


@dataclass(frozen=True, slots=True)
class LotLine:
    """Points of one funder that expire on one day; matures_on is None once they can be spent."""

    points: int
    funder: str
    trade: str
    matures_on: date | None

    @property
    def is_mature(self) -> bool:
        return self.matures_on is None


@dataclass(frozen=True, slots=True)
class LotDay:
    """Everything that expires on one day, with the total."""

    on: date
    points: int
    lines: list[LotLine] = field(default_factory=list)


def wallet_of(member: Member) -> Wallet:
    return Wallet.objects.get(pk=member.wallet_id)


def transfers_of(wallet_id: int) -> QuerySet[Transfer]:
    """Return the movements of a wallet with `signed`: what each did to the balance.

    A spend takes points and the spending fee together (rest): to the member they are one figure.
    """
    taken = -F("points") - F("rest")
    signed = Case(When(credit_id=wallet_id, then=F("points")), default=taken, output_field=BigIntegerField())
    return Transfer.objects.filter(bucket=wallet_id % 64, wallet_id=wallet_id).annotate(signed=signed)


def lots_of(wallet_id: int) -> QuerySet[Lot]:
    """Return what is left in the wallet, in the order in which it expires."""
    lots = Lot.objects.filter(bucket=wallet_id % 64, wallet_id=wallet_id, remaining__gt=0)
    return lots.order_by("lapses_on", "matures_on", "funder_id", "expires_on")


def standing(member: Member) -> Standing:
    """Return balance and worth, what matures next and what expires next."""
    wallet = wallet_of(member)
    rows = list(lots_of(wallet.pk))
    return Standing(
        balance=wallet.balance,
        available=wallet.available,
        pending=wallet.pending,
        held=wallet.held,
        frozen_at=wallet.frozen_at,
        next_maturing=_first((lot.matures_on, lot.remaining) for lot in rows if not lot.is_mature),
        next_expiry=_first((lot.lapses_on, lot.remaining) for lot in rows),
    )


def entries(member: Member, *, kind: str | None = None, before: str | None = None, limit: int = PAGE) -> Page:
    """Return one page of movements, newest first.

    kind: "in" or "out" by what it did to the balance. before: the cursor of the page above, as it came out of Page.
    """
    found = transfers_of(member.wallet_id)
    if kind:
        found = found.filter(**{"signed__gt" if kind == "in" else "signed__lt": 0})
    if cursor := _read_cursor(before):
        found = found.filter(booked_at__lte=cursor[0], seq__lt=cursor[1])
    rows = list(found.order_by("-booked_at", "-seq")[: limit + 1])
    shown = rows[:limit]
    return Page(_named(shown), _cursor(shown[-1]) if len(rows) > limit else None)


def lots(member: Member) -> list[LotDay]:
    """Return what expires when and who paid for it; the days together are the whole balance."""
    rows = list(lots_of(member.wallet_id))
    funders = funders_of({row.funder_id for row in rows})
    days: dict[date, list[LotLine]] = {}
    for row in rows:
        name, trade = funders[row.funder_id]
        line = LotLine(row.remaining, name, trade, None if row.is_mature else row.matures_on)
        days.setdefault(row.lapses_on, []).append(line)
    return [LotDay(on, sum(line.points for line in lines), lines) for on, lines in days.items()]


def funders_of(account_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Return name and trade of who funds: merchants by their float, else the title of the budget."""
    wanted = set(account_ids)
    merchants = Merchant.objects.filter(float_id__in=wanted).values_list("float_id", "short_name", "trade__code")
    names = {float_id: (name, trade) for float_id, name, trade in merchants if float_id is not None}
    if missing := wanted - set(names):
        titles = Account.objects.filter(pk__in=missing).values_list("pk", "title")
        names.update({pk: (title, "") for pk, title in titles})
    return names


@dataclass(frozen=True, slots=True)
class Month:
    on: date
    received: int
    spent: int
    other: int
    balance: int


@dataclass(frozen=True, slots=True)
class Total:
    label: str
    points: int


@dataclass(frozen=True, slots=True)
class Year:
    """One year of a wallet: opening + totals = closing, and the same by month."""

    opening: int
    closing: int
    totals: list[Total]
    months: list[Month]


def year(member: Member, number: int) -> Year:
    """Return the year's statement, counted by the days of Shanghai."""
    start, end = (datetime(each, 1, 1, tzinfo=SHANGHAI) for each in (number, number + 1))
    found = transfers_of(member.wallet_id)
    last = found.filter(booked_at__lt=start).order_by("-booked_at", "-seq").first()
    opening = last.balance_after or 0 if last else 0
    sums = (
        found.filter(booked_at__gte=start, booked_at__lt=end)
        .annotate(
            month=TruncMonth("booked_at", tzinfo=SHANGHAI), is_undo=Case(When(reverses_id=None, then=0), default=1)
        )
        .values("month", "kind", "is_undo")
        .annotate(points=Sum("signed"))
        .order_by("month", "kind", "is_undo")
    )
    by_word: dict[tuple[int, int], int] = {}
    by_month: dict[date, dict[tuple[int, int], int]] = {}
    for row in sums:
        word = (row["kind"], row["is_undo"])
        by_word[word] = by_word.get(word, 0) + row["points"]
        by_month.setdefault(row["month"].date(), {})[word] = row["points"]
    months, balance = [], opening
    for on, parts in by_month.items():
        balance += sum(parts.values())
        received, spent = parts.get((Kind.EARN, 0), 0), parts.get((Kind.SPEND, 0), 0)
        months.append(Month(on, received, -spent, sum(parts.values()) - received - spent, balance))
    totals = [Total(str(WORDS[kind][is_undo]), points) for (kind, is_undo), points in sorted(by_word.items())]
    return Year(opening, balance, totals, months)


def export(member: Member) -> dict[str, Any]:
    """Return balance, lots and every movement for the member's own file."""
    wallet = wallet_of(member)
    movements: list[dict[str, Any]] = []
    before: str | None = None
    while True:
        page = entries(member, before=before, limit=EXPORT_CHUNK)
        movements += [
            {
                "at": row.at.isoformat(),
                "what": row.what,
                "where": row.title,
                "points": row.points,
                "balance_after": row.balance_after,
                "journal": row.journal_id,
            }
            for row in page.rows
        ]
        before = page.before
        if before is None:
            break
    return {
        "balance": wallet.balance,
        "pending": wallet.pending,
        "held": wallet.held,
        "lots": [
            {"expires_on": day.on.isoformat(), "points": line.points, "paid_by": line.funder,
             "can_be_spent_from": line.matures_on.isoformat() if line.matures_on else None}
            for day in lots(member)
            for line in day.lines
        ],
        "movements": movements,
    }  # fmt: skip


def _named(rows: list[Transfer]) -> list[Entry]:
    outlets = Outlet.objects.select_related("merchant__trade").in_bulk({row.outlet_id for row in rows if row.outlet_id})
    return [_entry(row, outlets.get(row.outlet_id or 0)) for row in rows]


def _entry(row: Transfer, outlet: Outlet | None) -> Entry:
    what = str(WORDS[row.kind][row.reverses_id is not None])
    booked = timezone.localtime(row.booked_at, SHANGHAI)
    return Entry(
        journal_id=row.journal_id,
        at=row.event_at,
        month=booked.date().replace(day=1),
        points=row.signed,  # type: ignore[attr-defined]
        balance_after=row.balance_after or 0,
        title=outlet.name if outlet else what,
        trade=outlet.merchant.trade.code if outlet else "",
        what=what,
    )


def _first(parts: Iterable[tuple[date, int]]) -> Part | None:
    """Return the earliest day with all that falls on it."""
    days: dict[date, int] = {}
    for on, points in parts:
        days[on] = days.get(on, 0) + points
    if not days:
        return None
    on = min(days)
    return Part(days[on], on)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _cursor(row: Transfer) -> str:
    since = row.booked_at - _EPOCH
    return f"{(since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds}-{row.seq}"


def _read_cursor(text: str | None) -> tuple[datetime, int] | None:
    """Read a cursor; one that somebody made up starts at the top."""
    micros, _dash, seq = (text or "").partition("-")
    if not (micros.isdigit() and seq.isdigit() and len(micros) < 18 and len(seq) < 19):
        return None
    return datetime.fromtimestamp(int(micros) // 1_000_000, UTC).replace(microsecond=int(micros) % 1_000_000), int(seq)
