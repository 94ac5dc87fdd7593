"""A merchant that leaves (row 36), as both sides read it: what will happen, how far it is, the final statement.

Asked for by the merchant itself or in the console, decided by somebody of finance; the clock does the rest
(`clearing.sweep`): refund windows end, bills and advances are paid, the float goes to the proceeds and out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext as _

from alliance import events
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Event
from merchants import money, payaccounts
from merchants.models import Dispute, Merchant, PayoutAccount
from points.models import Account, AccountDay, Movement, Payout, Standing, Statement

KIND = "merchants.leaving"


@dataclass(frozen=True, slots=True)
class Way:
    """How far a leaving is. state: none, asked, leaving or left."""

    state: str
    # The question that waits, or the decision.
    approval: Approval | None
    decided_at: datetime | None
    # What it had when it was decided, as the diary keeps it.
    had: dict[str, int]

    @property
    def is_begun(self) -> bool:
        return self.state in {"leaving", "left"}


def way_of(merchant: Merchant) -> Way:
    """Return whether a merchant leaves, and since when."""
    subject = events.subject_of(merchant)
    waiting = Approval.objects.waiting().filter(kind=KIND, subject=subject).select_related("asked_by").first()
    is_leaving = Standing.objects.filter(pk=merchant.float_id, is_leaving=True).exists()
    is_left = merchant.state == Merchant.State.LEFT
    if not is_leaving and not (is_left and merchant.float_id):
        return Way("asked" if waiting else "none", waiting, None, {})
    last = Event.objects.filter(subject=subject, verb="merchant.leaving").order_by("-pk").first()
    if last is None:
        return Way("left" if is_left else "leaving", None, None, {})
    decided = Approval.objects.filter(kind=KIND, subject=subject, state=Approval.State.APPROVED)
    row = decided.select_related("asked_by", "decided_by").order_by("-decided_at").first()
    had = {name: int(fen) for name, fen in last.facts.items() if name.endswith("_fen")}
    return Way("left" if is_left else "leaving", row, last.at, had)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merchant has and owes, what is held back until when, and when the last of it can be paid."""

    held: money.Holdings
    owed: money.Memo
    # Parts of sales that are held back for refunds; the day after the last of them they are free.
    windows_until: date | None
    disputes: int
    payable_on: date | None
    account: PayoutAccount | None
    # none, back, cooling, or nothing in the way.
    account_why: str

    @property
    def owed_fen(self) -> int:
        return self.owed.owed_fen

    @property
    def comes_fen(self) -> int:
        """What is paid out in the end, as things stand: what it has less what it owes, never below zero."""
        return max(0, self.held.total_fen - self.owed_fen)

    @property
    def missing_fen(self) -> int:
        """What it owes and cannot pay: promises are given up, the buffer keeps the loss of its own advance."""
        return max(0, self.owed_fen - self.held.total_fen)


def plan(merchant: Merchant, at: datetime) -> Plan:
    """Return what leaving means for this merchant today."""
    today = shanghai_day(at)
    kinds = [Account.Kind.REST, Account.Kind.FEE_REST]
    held_back = Account.objects.filter(float_id=merchant.float_id, kind__in=kinds)
    due = AccountDay.objects.filter(account_id__in=held_back.values("pk"), due_on__gte=today, amount__gt=0)
    until = due.aggregate(on=Max("due_on"))["on"]
    disputes = Dispute.objects.open().filter(merchant=merchant).count()
    account = payaccounts.current(merchant=merchant)
    why = "none"
    if account is not None:
        is_cooling = account.valid_from is not None and account.valid_from > at
        why = "back" if account.returned_at else "cooling" if is_cooling else ""
    # Closed and swept in the night after, cleared so many days later, paid on the next day of banks.
    begins = max(today, until + timedelta(days=1)) if until else today
    payable = money.next_working_day(begins + timedelta(days=settings.CLEARING_DAYS))
    found = money.memo(merchant)
    return Plan(
        money.holdings(merchant), found, until, disputes, None if disputes else payable, account, why
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Final:
    """The final statement: the float's part, the proceeds' statements, the payouts; each sum made of its rows.

    had + between − moved = float now: `between` is what came to float and promotion credit after the decision
    (top-ups, points that came back) less what was paid from them (bills, returns).
    """

    had_fen: int
    between_fen: int
    moved_fen: int
    left_fen: int
    moves: list[Movement]
    statements: list[Statement]
    payouts: list[Payout]
    paid_fen: int
    open_fen: int

    @property
    def claims_fen(self) -> int:
        return sum(row.claims_fen for row in self.statements)

    @property
    def bills_fen(self) -> int:
        return sum(row.bills_fen for row in self.statements)


def final(merchant: Merchant, way: Way) -> Final | None:
    """Return what became of a merchant's money since it was decided; None before."""
    if not way.is_begun or way.decided_at is None:
        return None
    proceeds, since = merchant.book.proceeds_id, way.decided_at
    moves = list(
        Movement.objects.filter(account_id=proceeds, kind=Movement.Kind.EMPTIED, booked_on__gte=shanghai_day(since))
        .order_by("journal_id")
    )  # fmt: skip
    held = money.holdings(merchant)
    had = way.had.get("float_fen", 0) + way.had.get("promo_fen", 0)
    moved, left = sum(row.amount_fen for row in moves), held.float_fen + held.promo_fen
    payouts = Payout.objects.filter(source_id=proceeds)
    after = payouts.filter(opened_at__gte=since) | payouts.filter(ended_at__gte=since) | payouts.open()
    rows = list(after.order_by("pk").distinct())
    is_open = {Payout.State.PROPOSED, Payout.State.APPROVED, Payout.State.SENT}
    return Final(
        had_fen=had,
        between_fen=moved + left - had,
        moved_fen=moved,
        left_fen=left,
        moves=moves,
        statements=list(Statement.objects.filter(account_id=proceeds, booked_at__gte=since).order_by("clearing_id")),
        payouts=rows,
        paid_fen=sum(row.amount_fen for row in rows if row.state == Payout.State.PAID),
        open_fen=sum(row.amount_fen for row in rows if row.state in is_open),
    )


def table(merchant: Merchant, found: Final) -> list[list[object]]:
    """Return the final statement as rows of a sheet, amounts in yuan."""
    rows: list[list[object]] = [[_("What"), _("Day"), _("Reference"), _("Amount (yuan)")]]
    rows.append([_("Float and promotion credit when it was decided"), "", "", found.had_fen / 100])
    rows.append([_("Since then: came in, less bills and points returned"), "", "", found.between_fen / 100])
    rows += [
        [_("Moved to the proceeds"), move.booked_on, f"J{move.journal_id}", -move.amount_fen / 100]
        for move in found.moves
    ]
    rows.append([_("Left on float and promotion credit"), "", "", found.left_fen / 100])
    for row in found.statements:
        number = f"ST{row.pk}"
        rows.append([_("Statement: opening balance"), row.clearing_id, number, row.opening_fen / 100])
        for title, fen in figures(row):
            rows.append([title, row.clearing_id, number, fen / 100])
        rows.append([_("Statement: closing balance"), row.clearing_id, number, row.closing_fen / 100])
    for payout in found.payouts:
        title = f"{_('Payout')}: {payout.get_state_display()}"
        rows.append(
            [title, shanghai_day(payout.ended_at or payout.opened_at), f"P{payout.pk}", payout.amount_fen / 100]
        )
    rows.append([_("Paid to the bank account"), "", "", found.paid_fen / 100])
    rows.append([_("Still on its way"), "", "", found.open_fen / 100])
    return rows


def figures(row: Statement) -> list[tuple[str, int]]:
    """Return what made a statement's closing out of its opening; zeros are left out."""
    found = [
        (_("Points taken, less fees and refunds"), row.proceeds_fen),
        (_("From the float, and payouts that came back"), row.returned_fen),
        (_("Set apart for disputes"), -row.retained_fen),
        (_("Advances and claims repaid"), -row.claims_fen),
        (_("Bills paid"), -row.bills_fen),
        (_("To be paid out"), -row.paid_fen),
    ]
    return [(title, fen) for title, fen in found if fen]
