"""The bank's statements: read, checked by line, booked whole or not at all; then the desk of unclaimed ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, User
from alliance.refusals import Refused
from merchants import payaccounts, topups
from merchants.banks import adapter
from merchants.banks.files import Fault, Statement
from merchants.calc import references
from merchants.models import Merchant, PayoutLine, TopUp
from points import funding
from points.models import BankLine
from points.refusals import BANK_FILE_SUM_WRONG

# So many faults are told; a file with more has another format.
MOST_FAULTS = 200
# Value dates that the book takes.
EARLIEST, LATEST = date(2000, 1, 1), timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: booked, or what is wrong with which line. Never both."""

    booked: funding.Booked | None
    faults: list[Fault] = field(default_factory=list)


def read(content: bytes) -> Statement:
    """Read a statement by the bank's format, without booking anything."""
    found: Statement = adapter(settings.BANK_FORMAT).read(content)
    return found


def book(*, content: bytes, actor: Actor, at: datetime, bank: str = "", now: datetime | None = None) -> Outcome:
    """Book a statement's lines: payouts are paid or come back, credits wait in suspense, others fall on the fee.

    A file with a fault, or whose opening and lines do not make its closing, is not booked at all: the faults say why.
    Refuses: bank_file_gap, bank_line_differs, bank_debit_uncovered.
    """
    found = read(content)
    if not found.faults and not found.entries:
        found.faults.append(Fault(0, "lines_missing"))
    latest = shanghai_day(now or timezone.now()) + LATEST
    found.faults += [
        Fault(entry.line, "date_out_of_range", entry.value_on.isoformat())
        for entry in found.entries
        if not EARLIEST <= entry.value_on <= latest
    ]
    if found.account:
        try:
            funding.custody_account(found.account)
        except Refused:
            found.faults.insert(0, Fault(0, "account_unknown", found.account[:40]))
    if found.faults:
        return _not_booked(found.faults[:MOST_FAULTS], actor, at)
    assert found.opening_fen is not None and found.closing_fen is not None
    lines = [
        funding.Line(
            entry.serial,
            entry.amount_fen,
            entry.value_on,
            entry.payer,
            entry.memo,
            references.read_payout_code(entry.memo),
        )
        for entry in found.entries
    ]
    days = [line.value_on for line in lines]
    try:
        with transaction.atomic():
            booked = funding.book_statement(
                bank=bank or settings.BANK_NAME,
                account=found.account,
                from_on=min(days),
                to_on=max(days),
                opening_fen=found.opening_fen,
                closing_fen=found.closing_fen,
                digest=hashlib.sha256(content).digest(),
                lines=lines,
                actor=actor,
                at=at,
                now=now,
            )
            if booked.is_new:
                _follow(booked, actor, at)
    except Refused as refused:
        if refused.code != BANK_FILE_SUM_WRONG().code:
            raise
        off = found.closing_fen - found.opening_fen - sum(line.amount_fen for line in lines)
        return _not_booked([Fault(0, "sum_wrong", str(off))], actor, at)
    return Outcome(booked)


def _not_booked(faults: list[Fault], actor: Actor, at: datetime) -> Outcome:
    facts = {"faults": len(faults), "codes": sorted({fault.code for fault in faults})}
    events.record("bank_file.refused", "points.bankstatement:0", actor, at, facts)
    return Outcome(None, faults)


def _follow(booked: funding.Booked, actor: Actor, at: datetime) -> None:
    """Write down what a person must know: the file itself, unknown debits, accounts that sent money back."""
    subject = f"points.bankstatement:{booked.statement_id}"
    facts = {"lines": booked.lines, "paid": booked.paid, "returned": booked.returned, "charged": booked.charged}
    events.record("bank_file.booked", subject, actor, at, facts)
    if booked.charged:
        events.record("bank_file.debit_unknown", subject, actor, at, {"charged_fen": booked.charged_fen})
    if booked.returned:
        back = BankLine.objects.filter(statement_id=booked.statement_id, amount_fen__gt=0, payout__isnull=False)
        lines = PayoutLine.objects.filter(payout__in=back.values("payout")).select_related("payout_account__merchant")
        for line in lines:
            payaccounts.came_back(line.payout_account, actor=actor, at=at)


# --- the desk -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A credit that belongs to nobody yet, with whom it may be from and why we think so."""

    line: BankLine
    merchant: Merchant | None
    # reference, announced or name; empty: no idea
    why: str
    is_asked: bool


def desk(*, offset: int = 0, limit: int = 100) -> list[Waiting]:
    """Return the credits that wait, oldest first, each with a suggestion: few queries for the whole page."""
    rows = list(BankLine.objects.waiting().order_by("received_at", "pk")[offset : offset + limit])
    return suggestions(rows)


def suggestions(rows: Sequence[BankLine]) -> list[Waiting]:
    """Return whose money these lines may be: by the reference in the text, an announced amount, the payer's name."""
    named = {row.pk: references.read_payment_reference(row.memo) for row in rows}
    merchants = Merchant.objects.in_bulk([number for number in named.values() if number])
    by_name: dict[str, list[Merchant]] = {}
    for merchant in Merchant.objects.filter(name__in={row.payer for row in rows if row.payer}):
        by_name.setdefault(merchant.name, []).append(merchant)
    by_amount: dict[int, list[Merchant]] = {}
    announced = TopUp.objects.filter(state=TopUp.State.ANNOUNCED, amount_fen__in={row.amount_fen for row in rows})
    for topup in announced.select_related("merchant"):
        by_amount.setdefault(topup.amount_fen, []).append(topup.merchant)
    asked = set(
        TopUp.objects.filter(bank_line__in=rows, state=TopUp.State.MATCHED, approval__state=Approval.State.WAITING)
        .values_list("bank_line_id", flat=True)
    )  # fmt: skip
    found = []
    for row in rows:
        whose, why = merchants.get(named[row.pk] or 0), "reference"
        if whose is None:
            (whose, why) = _only(by_name.get(row.payer, [])), "name"
        if whose is None:
            (whose, why) = _only(by_amount.get(row.amount_fen, [])), "announced"
        found.append(Waiting(row, whose, why if whose else "", row.pk in asked))
    return found


def _only(found: Sequence[Merchant]) -> Merchant | None:
    return found[0] if len({merchant.pk for merchant in found}) == 1 else None


def propose(*, user: User, at: datetime, limit: int = 500) -> list[Approval]:
    """Match waiting lines that carry a payment reference; a second person decides each. Asked ones are left."""
    made: list[Approval] = []
    start = 0
    while len(made) < limit and (rows := desk(offset=start, limit=500)):
        start += len(rows)
        for waiting in rows:
            if waiting.why == "reference" and waiting.merchant and not waiting.is_asked and len(made) < limit:
                try:
                    made.append(topups.match(line=waiting.line, merchant=waiting.merchant, user=user, at=at))
                except Refused:
                    continue  # somebody else was faster
    return made
