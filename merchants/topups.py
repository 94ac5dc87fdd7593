"""Money into a float: announced by the merchant, seen on the bank statement, matched by one person, booked by a second.

bank line          custody → suspense     receive
first person       a question             match
second person      suspense → float       allot, on approval (docs/ledger.md, row 1)
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.models import Approval, User
from alliance.refusals import declare
from merchants.calc import references
from merchants.models import Merchant, TopUp
from points import funding, promises
from points.models import BankLine

# When a top-up is booked, if not now: set by the town, which builds a past as the database's owner.
booking_time: ContextVar[datetime | None] = ContextVar("booking_time", default=None)

AMOUNT_TOO_SMALL = declare("topup_amount_invalid", 422, _("A top-up is more than zero. Write the amount in yuan."))
LINE_TAKEN = declare("bank_line_taken", 409, _("This bank line is matched already. Choose another one."))
ALREADY_MOVED = declare("topup_already_decided", 409, _("This top-up has gone on already. Reload the page."))
_ONCE = "merchants_topup_bank_line_once"


@transaction.atomic
def ask(*, merchant: Merchant, amount_fen: int, actor: Actor, at: datetime) -> TopUp:
    """Announce a transfer, so that finance expects it. Refuses: topup_amount_invalid."""
    if amount_fen <= 0:
        raise AMOUNT_TOO_SMALL()
    topup = TopUp.objects.create(
        merchant=merchant, amount_fen=amount_fen, state=TopUp.State.ANNOUNCED, asked_at=at, asked_by=str(actor)
    )
    facts = {"merchant": merchant.pk, "amount_fen": amount_fen}
    events.record("topup.announced", topup, actor, at, facts, unit_id=merchant.centre_id)
    return topup


@transaction.atomic
def withdraw(*, topup: TopUp, actor: Actor, at: datetime) -> None:
    """Take an announcement back. Refuses: topup_already_decided."""
    announced = TopUp.objects.filter(pk=topup.pk, state=TopUp.State.ANNOUNCED)
    if not announced.update(state=TopUp.State.WITHDRAWN):
        raise ALREADY_MOVED()
    topup.state = TopUp.State.WITHDRAWN
    events.record("topup.withdrawn", topup, actor, at, {}, unit_id=topup.merchant.centre_id)


def suggested(line: BankLine) -> Merchant | None:
    """Return the merchant whose payment reference stands in the bank line's text."""
    merchant_id = references.read_payment_reference(line.memo)
    return Merchant.objects.filter(pk=merchant_id).first() if merchant_id else None


@transaction.atomic
def match(*, line: BankLine, merchant: Merchant, user: User, at: datetime) -> Approval:
    """Say whose money a bank line is, and ask a second person. The merchant's oldest announcement of this amount is
    taken up; without one the top-up begins here.

    Refuses: bank_line_taken, bank_line_asked, approval_already_asked.
    """
    _free(line)
    if TopUp.objects.filter(bank_line=line, state__in=[TopUp.State.MATCHED, TopUp.State.BOOKED]).exists():
        raise LINE_TAKEN()
    if BankLine.objects.filter(pk=line.pk, allotted_to__isnull=False).exists():
        raise LINE_TAKEN()
    funding.asking(line)
    announced = _announcement(merchant, line.amount_fen, at)
    approval = approvals.ask(
        kind="merchants.topup",
        subject=events.subject_of(line),
        facts={
            "merchant": merchant.pk,
            "name": str(merchant),
            "amount_fen": line.amount_fen,
            "serial": line.serial,
        },
        unit=merchant.centre,
        user=user,
        at=at,
    )
    changes = {
        "amount_fen": line.amount_fen,
        "state": TopUp.State.MATCHED,
        "bank_line": line,
        "approval": approval,
    }
    # The book's rows are not ours to lock: of two who match one line at once, the unique index lets one through.
    try:
        with transaction.atomic():
            if announced is not None:
                TopUp.objects.filter(pk=announced.pk).update(**changes)
            else:
                TopUp.objects.create(merchant=merchant, asked_at=at, asked_by=str(Actor.user(user)), **changes)
    except IntegrityError as error:
        if _ONCE in str(error):
            raise LINE_TAKEN() from None
        raise
    return approval


def describe(approval: Approval) -> str:
    return f"{approval.facts['name']} · ¥{yuan(approval.facts['amount_fen'])} · {approval.facts['serial']}"


@approvals.kind("merchants.topup", permission="topup.approve", title=_("Top-up of a float"), describe=describe)
def book(approval: Approval, actor: Actor, at: datetime) -> TopUp:
    """Move the money from suspense into the merchant's float; runs in the transaction of the approval."""
    topup = TopUp.objects.select_for_update(of=("self",)).select_related("merchant", "bank_line").get(approval=approval)
    if topup.bank_line is None:
        raise ALREADY_MOVED()
    float_id = topup.merchant.book.float_id
    funding.allot(bank_line=topup.bank_line, float_id=float_id, actor=actor, at=at, now=booking_time.get())
    # What a postpaid merchant promised is paid at once, oldest sale first; a longer list the clock goes on with.
    promises.pay(float_id, booking_time.get())
    topup.state, topup.booked_at = TopUp.State.BOOKED, at
    topup.save(update_fields=["state", "booked_at"])
    return topup


def refused(approval: Approval) -> None:
    """Close the top-up of a question that was refused or withdrawn; its bank line is free again."""
    TopUp.objects.filter(approval=approval, state=TopUp.State.MATCHED).update(state=TopUp.State.REFUSED)


def _announcement(merchant: Merchant, amount_fen: int, at: datetime) -> TopUp | None:
    """Return the oldest announcement of this amount, locked: whoever matches another line at once gets the next."""
    announced = TopUp.objects.filter(merchant=merchant, state=TopUp.State.ANNOUNCED, amount_fen=amount_fen)
    return announced.filter(asked_at__lte=at).order_by("asked_at", "pk").select_for_update().first()


def _free(line: BankLine) -> None:
    over = [Approval.State.REFUSED, Approval.State.WITHDRAWN]
    TopUp.objects.filter(bank_line=line, state=TopUp.State.MATCHED, approval__state__in=over).update(
        state=TopUp.State.REFUSED
    )
