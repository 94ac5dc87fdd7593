"""The wallet in a member's words: what there is, what moved, and until when.

The book answers in accounts and outlets by number; here they get names. Every question takes the same few queries,
however many rows it answers with. Why a movement is as it is: members.explaining.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import BigIntegerField, Case, F, QuerySet, Sum, When
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alliance.calc.worktime import SHANGHAI
from alliance.templatetags.lianhui import local_time, thousands
from members.models import Member
from merchants.models import Merchant, Outlet
from points import bonuses, promises
from points.models import Account, Claim, Hold, Lot, ReturnDue, Transfer, Wallet
from points.models import Promise as Promised

PAGE = 20
EXPORT_CHUNK = 1000
KINDS = ("in", "out", "received", "spent", "expired", "returned", "corrected")
Kind = Transfer.Kind

# In a member's words; the second column when it takes an earlier movement back. What has no word here has the book's.
WORDS: Mapping[int, tuple[Promise | str, Promise | str]] = {kind.value: (kind.label, kind.label) for kind in Kind} | {
    # Translators: 得到 / 得到的积分收回
    Kind.EARN: (gettext_lazy("Received"), gettext_lazy("Taken back")),
    # Translators: 奖励 / 奖励收回
    Kind.AWARD: (gettext_lazy("Bonus"), gettext_lazy("Bonus taken back")),
    # Translators: 用掉 / 用掉的积分退回
    Kind.SPEND: (gettext_lazy("Spent"), gettext_lazy("Given back")),
    # Translators: 过期 / 过期撤回
    Kind.EXPIRE: (gettext_lazy("Expired"), gettext_lazy("Expiry taken back")),
    # Translators: 待发积分到账
    Kind.ISSUE: (gettext_lazy("Received, paid by the shop"), gettext_lazy("Taken back")),
    # Translators: 惠顾积分 / 惠顾积分收回
    Kind.SURPLUS: (gettext_lazy("Patronage points"), gettext_lazy("Patronage points taken back")),
    # Translators: 奖励（邀请、评价、任务）/ 奖励收回
    Kind.REWARD: (gettext_lazy("Reward"), gettext_lazy("Reward taken back")),
    # Translators: 旧会员积分转入 / 转入撤回
    Kind.OPEN: (gettext_lazy("Taken over"), gettext_lazy("Taken over, undone")),
    # Translators: 停业退回 / 停业退回撤回
    Kind.WIND_UP: (gettext_lazy("Returned to who paid for them"), gettext_lazy("Return undone")),
    # Translators: 退回
    Kind.ADVANCE: (gettext_lazy("Given back"), gettext_lazy("Given back")),
    # Translators: 退货时已用掉的积分，现在扣回
    Kind.REPAY: (gettext_lazy("Taken for a return"), gettext_lazy("Taken for a return")),
    # Translators: 更正 / 更正撤回
    Kind.ADJUST: (gettext_lazy("Corrected"), gettext_lazy("Correction taken back")),
}
# How the statement of a year groups them: an undoing is "returned", what is not named here "received".
GROUP_OF = {Kind.SPEND.value: "spent", Kind.EXPIRE.value: "expired", Kind.ADJUST.value: "corrected"}


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
class Owed:
    """Points that a shop promised: they come when it has paid. is_dropped: it did not, and they will not come."""

    shop: str
    points: int
    at: datetime
    is_dropped: bool
    # What rules give on top then, at most.
    bonus: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """What a return left open: points that a shop still gives back, or that are taken from the next ones."""

    shop: str
    points: int
    at: datetime
    # None: a reward that was taken back by itself.
    sale_id: int | None


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Entry]
    before: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which movements are asked for; each part may be missing.

    kind: one of KINDS, "in" and "out" by what it did to the balance, the others as the year's statement groups them.
    start, end: a half-open period. shop: a merchant; 0 is what happened at no shop.
    """

    kind: str = ""
    start: datetime | None = None
    end: datetime | None = None
    shop: int | None = None


EVERYTHING = Wanted()


def wallet_of(member: Member) -> Wallet:
    return Wallet.objects.get(pk=member.wallet_id)


def owed(member: Member) -> list[Owed]:
    """Return what shops promised, newest first, and for 90 days what they did not keep."""
    rows = promises.of_wallet(member.wallet_id, timezone.now())
    shops = (
        {float_id: name for float_id, (name, _trade) in funders_of({row.float_id for row in rows}).items()}
        if rows
        else {}
    )
    on_top = bonuses.told([row.pk for row in rows]) if rows else {}
    return [
        Owed(
            shops.get(row.float_id, ""),
            row.points,
            row.booked_at,
            row.state == Promised.State.DROPPED,
            on_top.get(row.pk, 0),
        )
        for row in rows
        if row.points
    ]


def claims(member: Member) -> list[Open]:
    """Return what is taken from the member's next points: those of returned purchases, and of rewards that were taken
    back, were spent already."""
    rows = Claim.objects.open().filter(debtor_id=member.wallet_id, why__in=(Claim.Why.POINTS_GONE, Claim.Why.REWARD))
    return _open([(row.creditor_id, row.points - row.repaid, row) for row in rows.select_related("refund")])


def returning(member: Member) -> list[Open]:
    """Return points that had been spent on returned purchases and come back when the shop has money again."""
    rows = ReturnDue.objects.open().filter(wallet_id=member.wallet_id)
    return _open([(row.float_id, row.points - row.issued, row) for row in rows.select_related("refund")])


def _open(rows: list[tuple[int, int, Any]]) -> list[Open]:
    if not rows:
        return []
    names = funders_of({float_id for float_id, _points, _row in rows})
    return [
        Open(names.get(float_id, ("", ""))[0], points, row.made_at, row.refund.sale_id if row.refund else None)
        for float_id, points, row in rows
    ]


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


def entries(member: Member, *, wanted: Wanted = EVERYTHING, before: str | None = None, limit: int = PAGE) -> Page:
    """Return one page of movements, newest first. before: the cursor of the page above, as it came out of Page."""
    found = movements(member, wanted)
    if cursor := _read_cursor(before):
        found = found.filter(booked_at__lte=cursor[0], seq__lt=cursor[1])
    rows = list(found.order_by("-booked_at", "-seq")[: limit + 1])
    shown = rows[:limit]
    return Page(_named(shown), _cursor(shown[-1]) if len(rows) > limit else None)


def movements(member: Member, wanted: Wanted) -> QuerySet[Transfer]:
    """Return the member's movements that are asked for, each with `signed`."""
    found = transfers_of(member.wallet_id)
    match wanted.kind:
        case "in" | "out":
            found = found.filter(**{"signed__gt" if wanted.kind == "in" else "signed__lt": 0})
        case "returned":
            found = found.filter(reverses_id__isnull=False)
        case "received":
            found = found.filter(reverses_id__isnull=True).exclude(kind__in=GROUP_OF)
        case "":
            pass
        case group:
            kinds = [kind for kind, name in GROUP_OF.items() if name == group]
            found = found.filter(reverses_id__isnull=True, kind__in=kinds)
    if wanted.start is not None:
        found = found.filter(booked_at__gte=wanted.start)
    if wanted.end is not None:
        found = found.filter(booked_at__lt=wanted.end)
    if wanted.shop == 0:
        found = found.filter(outlet_id__isnull=True)
    elif wanted.shop is not None:
        outlets = Outlet.objects.filter(merchant_id=wanted.shop).values_list("pk", flat=True)
        found = found.filter(outlet_id__in=list(outlets))
    return found


def total(member: Member, wanted: Wanted) -> int:
    """Return what the movements asked for did to the balance, all of them."""
    return movements(member, wanted).aggregate(points=Sum("signed"))["points"] or 0


def word_of(kind: int, is_undo: bool) -> str:
    """Return what a movement is in a member's words."""
    return str(WORDS[kind][is_undo])


def group_of(kind: int, is_undo: bool | int) -> str:
    """Return the group of the year's statement that a movement belongs to."""
    return "returned" if is_undo else GROUP_OF.get(kind, "received")


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
class HoldLine:
    """Points that a shop has set aside for an open bill, and when they come back by themselves."""

    points: int
    shop: str
    trade: str
    placed_at: datetime
    ends_at: datetime


def holds(member: Member) -> list[HoldLine]:
    """Return what shops have set aside, what ends first first."""
    rows = list(Hold.objects.open().filter(wallet_id=member.wallet_id).order_by("ends_at", "pk"))
    shops = Outlet.objects.select_related("merchant__trade").in_bulk({row.outlet_id for row in rows})
    lines = []
    for row in rows:
        shop = shops.get(row.outlet_id)
        name, trade = (shop.name, shop.merchant.trade.code) if shop else ("", "")
        lines.append(HoldLine(row.points, name, trade, row.placed_at, row.ends_at))
    return lines


def export(member: Member) -> dict[str, Any]:
    """Return balance, lots and every movement for the member's own file."""
    wallet = wallet_of(member)
    rows = list(lots_of(member.wallet_id))
    funders = funders_of({lot.funder_id for lot in rows})
    found: list[dict[str, Any]] = []
    before: str | None = None
    while True:
        page = entries(member, before=before, limit=EXPORT_CHUNK)
        found += [
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
        "holds": [
            {"points": line.points, "where": line.shop, "placed_at": line.placed_at.isoformat(),
             "ends_at": line.ends_at.isoformat()}
            for line in holds(member)
        ],
        "lots": [
            {"expires_on": lot.lapses_on.isoformat(), "points": lot.remaining, "paid_by": funders[lot.funder_id][0],
             "can_be_spent_from": None if lot.is_mature else lot.matures_on.isoformat()}
            for lot in rows
        ],
        "movements": found,
    }  # fmt: skip


def _named(rows: list[Transfer]) -> list[Entry]:
    outlets = Outlet.objects.select_related("merchant__trade").in_bulk({row.outlet_id for row in rows if row.outlet_id})
    return [_entry(row, outlets.get(row.outlet_id or 0)) for row in rows]


def _entry(row: Transfer, outlet: Outlet | None) -> Entry:
    what = word_of(row.kind, row.reverses_id is not None)
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
