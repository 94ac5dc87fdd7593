"""A merchant's money as its owner reads it: what it has, what it owes, what comes when, what moved its float.

Every sum is made of parts that are shown beside it, and each part of rows that a page lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import F, Sum
from django.utils.translation import gettext as _

from alliance.calc.worktime import day_start, shanghai_day
from alliance.metrics import kept
from merchants.models import Dispute, Merchant, PayoutAccount, PayoutRun, TopUp
from points import accounts, promises, stated, statements
from points.models import Account, AccountDay, Claim, CreditLine, Due, MerchantBill, Payout, ReturnDue, Statement

AHEAD = 14
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is the merchant's now: the float, and what members paid with points on its way to the bank."""

    float_fen: int
    proceeds_fen: int
    in_payout_fen: int
    retained_fen: int
    promo_fen: int

    @property
    def total_fen(self) -> int:
        return self.float_fen + self.proceeds_fen + self.in_payout_fen + self.retained_fen + self.promo_fen


@dataclass(frozen=True, slots=True)
class Memo:
    """What is no money yet: parts of late refunds that come back, and what the merchant has still to pay."""

    due_fen: int
    dues: list[Due]
    line: CreditLine | None
    bills: list[MerchantBill]
    promised_fen: int
    advance_fen: int
    claims: list[Claim]

    @property
    def billed_fen(self) -> int:
        return sum(bill.open_fen for bill in self.bills)

    @property
    def owed_fen(self) -> int:
        return (self.line.owed_fen if self.line else 0) + self.promised_fen + self.advance_fen


@dataclass(frozen=True, slots=True)
class Item:
    """Something that happens on a day: what, how much (out: below zero; None: no money moves), where its rows are."""

    what: str
    fen: int | None = None
    place: str = ""
    number: int | None = None


@dataclass(slots=True)
class Day:
    on: date
    items: list[Item] = field(default_factory=list)

    @property
    def fen(self) -> int:
        return sum(item.fen or 0 for item in self.items)


def holdings(merchant: Merchant, float_fen: int | None = None) -> Holdings:
    """Return what is the merchant's, exact at this moment. float_fen: what the float holds, if it was read already."""
    kinds = Account.Kind
    beside = [kinds.IN_PAYOUT, kinds.RETAINED, kinds.PROMO]
    rows = dict(Account.objects.of_float(merchant.book.float_id).filter(kind__in=beside).values_list("kind", "balance"))
    return Holdings(
        float_fen=statements.float_balance(merchant.book.float_id) if float_fen is None else float_fen,
        proceeds_fen=accounts.balance(merchant.book.proceeds_id),
        in_payout_fen=rows.get(kinds.IN_PAYOUT, 0),
        retained_fen=rows.get(kinds.RETAINED, 0),
        promo_fen=rows.get(kinds.PROMO, 0),
    )


def memo(merchant: Merchant) -> Memo:
    """Return what is due to the merchant, and what it owes."""
    float_id = merchant.book.float_id
    dues = list(Due.objects.open().filter(to=float_id).select_related("refund").order_by("pk")[:100])
    claims = list(Claim.objects.open().filter(debtor_id=float_id).select_related("refund").order_by("pk")[:100])
    back = ReturnDue.objects.open().filter(float=float_id)
    line = promises.line_of(float_id)
    # Only who has a line is sent bills.
    bills = list(MerchantBill.objects.unpaid().filter(float_id=float_id).order_by("due_on")[:24]) if line else []
    return Memo(
        due_fen=sum(due.amount - due.paid for due in dues),
        dues=dues,
        line=line,
        bills=bills,
        promised_fen=back.aggregate(fen=Sum(F("points") - F("issued")))["fen"] or 0,
        advance_fen=sum(claim.points - claim.repaid for claim in claims),
        claims=claims,
    )


# --- what comes when ----------------------------------------------------------------------------------


def calendar(
    merchant: Merchant, held: Holdings, owed: Memo, at: datetime, last: Statement | None, account: PayoutAccount | None
) -> list[Day]:
    """Return the next two weeks: payouts on their way, takings to be cleared, dues, bills, the end of a cooling.

    last: the newest statement; account: the bank account on file.
    """
    today = shanghai_day(at)
    days = {on: Day(on) for on in (today + timedelta(days=n) for n in range(AHEAD))}

    def put(on: date, item: Item) -> None:
        # What is late happens today at the earliest; what is further off does not fit in.
        if (on := max(on, today)) in days:
            days[on].items.append(item)

    for payout in Payout.objects.open().filter(source_id=merchant.book.proceeds_id).order_by("pk"):
        # Translators: 付款到您的银行账户
        item = Item(_("Payout to your bank account"), payout.amount_fen, "shop_statement", payout.statement_id)
        put(next_working_day(today), item)
    for topup in TopUp.objects.filter(merchant=merchant, state=TopUp.State.MATCHED):
        # Translators: 充值入账
        put(today, Item(_("Top-up is booked"), topup.amount_fen, "shop_float"))
    for on, fen in takings(merchant, held, today, last):
        cleared = max(on + timedelta(days=settings.CLEARING_DAYS), today)
        # Translators: 会员用的积分：清算后付款
        put(next_working_day(cleared), Item(_("Points taken: cleared and paid out"), fen, "shop_statement_open"))
    if owed.due_fen:
        # Translators: 日结退回的让利
        put(today + timedelta(days=1), Item(_("Rebate of late refunds, with the close"), owed.due_fen, "shop_owed"))
    for bill in owed.bills:
        # Translators: 账单到期
        put(bill.due_on, Item(_("A bill is due"), -bill.open_fen, "shop_float"))
    if account is not None and account.valid_from and account.valid_from > at:
        # Translators: 新收款账户启用
        put(shanghai_day(account.valid_from), Item(_("The new bank account is paid to"), None, "shop_account"))
    return list(days.values())


def takings(merchant: Merchant, held: Holdings, today: date, last: Statement | None) -> list[tuple[date, int]]:
    """Return the proceeds that no statement has yet by accounting day; together they are the balance."""
    rows = AccountDay.objects.filter(account_id=merchant.book.proceeds_id, booked_on__lt=today)
    if last is not None:
        rows = rows.filter(booked_on__gt=last.clearing_id)
    found = {row["booked_on"]: row["fen"] for row in rows.values("booked_on").annotate(fen=Sum("amount")) if row["fen"]}
    # What no day has: kept since the statement before, booked late, or of today.
    left = held.proceeds_fen - sum(found.values())
    carried = min(left, last.closing_fen) if last is not None else 0
    if carried:
        first = max(last.clearing_id + timedelta(days=1), min(found, default=today)) if last is not None else today
        found[min(first, today)] = found.get(min(first, today), 0) + carried
    if left != carried:
        found[today] = found.get(today, 0) + left - carried
    return sorted(found.items())


def next_working_day(on: date) -> date:
    """Return the next day on which banks usually pay; public holidays may make it later."""
    on += timedelta(days=1)
    while on.weekday() >= SATURDAY:
        on += timedelta(days=1)
    return on


# --- what was given and taken -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Traded:
    """What a merchant's sales gave and took in a period, by accounting day; the sums are those of the days."""

    from_on: date
    to_on: date
    days: list[statements.MerchantDay]

    @property
    def issued(self) -> int:
        return sum(day.issued for day in self.days)

    @property
    def rests(self) -> int:
        return sum(day.rests for day in self.days)

    @property
    def cost(self) -> int:
        return self.issued + self.rests

    @property
    def taken(self) -> int:
        return self.proceeds + self.fees

    @property
    def proceeds(self) -> int:
        return sum(day.proceeds for day in self.days)

    @property
    def fees(self) -> int:
        return sum(day.spend_fees for day in self.days)


def traded(merchant: Merchant, from_on: date, to_on: date) -> Traded:
    """Return what was given and taken on the days of a period, both ends included."""
    found = statements.merchant_days(merchant.book.float_id, from_on, to_on + timedelta(days=1))
    days = [day for day in found if day.issued or day.rests or day.proceeds or day.spend_fees]
    return Traded(from_on, to_on, days)


@dataclass(frozen=True, slots=True)
class Moved:
    """One row of a float's book."""

    on: date
    kind: str
    fen: int
    words: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """A float over some weeks: opening + rows = closing. Newest first."""

    from_on: date
    opening: int
    rows: list[Moved]
    closing: int

    @property
    def came(self) -> int:
        return sum(row.fen for row in self.rows if row.fen > 0)

    @property
    def went(self) -> int:
        return sum(row.fen for row in self.rows if row.fen < 0)


def float_book(merchant: Merchant, from_on: date, today: date) -> Book:
    """Return what moved the float: sales by day, top-ups and clearings one by one, and whatever else there was."""
    page = statements.float_page(merchant.book.float_id, from_on)
    rows: list[Moved] = []
    known: dict[date, int] = {}
    for topup in TopUp.objects.filter(merchant=merchant, booked_at__gte=day_start(from_on)).select_related("bank_line"):
        serial = topup.bank_line.serial if topup.bank_line else ""
        if topup.booked_at:
            rows.append(Moved(shanghai_day(topup.booked_at), "topup", topup.amount_fen, serial))
    cleared = Statement.objects.of_accounts([merchant.book.proceeds_id]).filter(clearing__gte=from_on)
    for statement in cleared.filter(standing_fen__gt=0) | cleared.filter(bills_fen__gt=0):
        if statement.standing_fen:
            rows.append(Moved(statement.clearing_id, "standing", statement.standing_fen, "", statement.pk))
        if statement.bills_fen:
            rows.append(Moved(statement.clearing_id, "bills", statement.bills_fen, "", statement.pk))
    for row in rows:
        known[row.on] = known.get(row.on, 0) + row.fen
    since = page.since
    for on, tills, other in page.days:
        rows.append(Moved(on, "sales", tills))
        rows.append(Moved(on, "other", other - known.pop(on, 0)))
    # A top-up of the last seconds: the days do not have it yet.
    since -= sum(known.values())
    rows.append(Moved(today, "since", since))
    order = ("sales", "since", "other", "standing", "bills", "topup")
    kept = sorted((row for row in rows if row.fen), key=lambda row: (row.on, order.index(row.kind)), reverse=True)
    return Book(from_on, page.opening, kept, page.closing)


# --- statements ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement with what became of its payout, and the disputes about it."""

    statement: Statement
    payout: Payout | None
    disputed_fen: int

    @property
    def state(self) -> str:
        """kept (no payout: too small, or no account), proposed, approved, sent, paid, returned, stopped."""
        return Payout.State(self.payout.state).name.lower() if self.payout else "kept"


def stated_of(merchant: Merchant, *, before: date | None = None, limit: int = 20) -> list[Stated]:
    """Return a merchant's statements, newest first, in three queries whatever their number."""
    rows = Statement.objects.of_accounts([merchant.book.proceeds_id]).newest_first()
    if before is not None:
        rows = rows.filter(clearing__lt=before)
    return with_payouts(list(rows[:limit]))


def with_payouts(rows: Sequence[Statement]) -> list[Stated]:
    """Return statements with their payouts and what is in dispute."""
    payouts = {payout.statement_id: payout for payout in Payout.objects.filter(statement__in=rows)}
    open_ = Dispute.objects.open().filter(statement__in=rows).values("statement").annotate(fen=Sum("amount_fen"))
    disputed = {row["statement"]: row["fen"] for row in open_}
    return [Stated(row, payouts.get(row.pk), disputed.get(row.pk, 0)) for row in rows]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A statement (or the days since the newest one), figure by figure: opening + … = closing."""

    period: stated.Period
    statement: Statement | None
    opening_fen: int
    sums: stated.Sums
    other_fen: int
    returned_fen: int
    retained_fen: int
    closing_fen: int

    @property
    def out_fen(self) -> int:
        """Return what the run took: claims, bills, the top-up and the payout."""
        made = self.statement
        return made.claims_fen + made.bills_fen + made.standing_fen + made.paid_fen if made else 0

    @property
    def from_on(self) -> date | None:
        """Return the first day of the period; None: it has all from the beginning."""
        return self.period.last.clearing_id + timedelta(days=1) if self.period.last else None

    @property
    def gross_fen(self) -> int:
        return self.sums.taken_fen + self.sums.back_fen

    @property
    def adds_up(self) -> bool:
        came = self.opening_fen + self.sums.net_fen + self.other_fen + self.returned_fen - self.retained_fen
        return came - self.out_fen == self.closing_fen


def sheet(merchant: Merchant, statement: Statement) -> Sheet:
    """Return a statement's figures."""
    period = stated.of_statement(statement)
    # What a statement has never changes; that of a large merchant has many thousand lines, and pages.
    sums = kept(f"statement.sums:{statement.pk}", lambda: stated.sums(period, merchant.outlet_numbers), longest=3_600)
    return Sheet(
        period,
        statement,
        statement.opening_fen,
        sums,
        statement.proceeds_fen - sums.net_fen,
        statement.returned_fen,
        statement.retained_fen,
        statement.closing_fen,
    )


def open_sheet(merchant: Merchant) -> Sheet:
    """Return the figures since the newest statement; all of it comes with the next one."""
    period = stated.open_period(merchant.book.proceeds_id)
    moved = stated.movements(period)
    back = sum(row.amount_fen for row in moved if row.kind in (row.Kind.STOPPED, row.Kind.RETURNED, row.Kind.EMPTIED))
    apart = -sum(row.amount_fen for row in moved if row.kind in (row.Kind.RETAINED, row.Kind.RELEASED))
    opening = period.last.closing_fen if period.last else 0
    sums = stated.sums(period, merchant.outlet_numbers)
    closing = accounts.balance(merchant.book.proceeds_id)
    other = closing - opening - sums.net_fen - back + apart
    return Sheet(period, None, opening, sums, other, back, apart, closing)


@dataclass(frozen=True, slots=True)
class Way:
    """How far a payout is: who is paid, in which run, since when."""

    payout: Payout
    run: PayoutRun | None
    account: PayoutAccount | None
    code: str


def way_of(payout: Payout) -> Way:
    """Return a payout's way to the bank."""
    run = PayoutRun.objects.defer("content").filter(pk=payout.run_no).first() if payout.run_no else None
    line = run.lines.filter(payout=payout).select_related("payout_account").first() if run else None
    return Way(payout, run, line.payout_account if line else None, line.code if line else "")
