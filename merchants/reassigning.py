"""A debit at the bank that nobody knew: the fee bears it until two people charge it to whose it was (row 43)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.models import Approval, Unit, User
from merchants.models import Merchant
from merchants.topups import booking_time
from points import funding
from points.models import BankLine, Payout
from points.refusals import BANK_DEBIT_KNOWN, BANK_DEBIT_NO_GOAL, BANK_DEBIT_OTHER_AMOUNT

KIND = "merchants.reassign"


def candidates(line: BankLine) -> list[Payout]:
    """Return the payouts that the bank has and has not answered, of just this amount; the oldest first."""
    sent = Payout.objects.filter(state=Payout.State.SENT, amount_fen=-line.amount_fen)
    return list(sent.order_by("pk")[:50])


def asked(line: BankLine) -> Approval | None:
    """Return the question about this line that waits for a second person."""
    return Approval.objects.waiting().filter(kind=KIND, subject=events.subject_of(line)).first()


@transaction.atomic
def ask(
    *,
    line: BankLine,
    reason: str,
    user: User,
    at: datetime,
    payout: Payout | None = None,
    merchant: Merchant | None = None,
) -> Approval:
    """Ask a second person to charge a debit that the fee bears to a payout, or to a merchant's float.

    Refuses: bank_debit_known, bank_debit_no_goal, bank_debit_other_amount, approval_already_asked.
    """
    if not BankLine.objects.unknown_debits().filter(pk=line.pk).exists():
        raise BANK_DEBIT_KNOWN()
    if (payout is None) == (merchant is None) or (payout is not None and payout.state != Payout.State.SENT):
        raise BANK_DEBIT_NO_GOAL()
    if payout is not None and payout.amount_fen != -line.amount_fen:
        raise BANK_DEBIT_OTHER_AMOUNT()
    facts = {
        "line": line.pk,
        "serial": line.serial,
        "amount_fen": -line.amount_fen,
        "payout": payout.pk if payout else None,
        "merchant": merchant.pk if merchant else None,
        "name": str(payout or merchant),
        "reason": reason[:200],
    }
    top = Unit.objects.get(parent__isnull=True)
    return approvals.ask(kind=KIND, subject=events.subject_of(line), facts=facts, unit=top, user=user, at=at)


def describe(approval: Approval) -> str:
    facts = {**approval.facts, "amount": yuan(approval.facts["amount_fen"])}
    # Translators: ¥%(amount)s（流水 %(serial)s）改由 %(name)s 承担：%(reason)s
    return _t("¥%(amount)s (bank line %(serial)s) is charged to %(name)s: %(reason)s") % facts


# Translators: 不明支出改记
@approvals.kind(KIND, permission="topup.approve", title=_("Unknown debit charged anew"), describe=describe)
def decided(approval: Approval, actor: Actor, at: datetime) -> int:
    """Give the fee its money back out of the payout or the float.

    Refuses: bank_debit_known, bank_debit_no_goal, bank_debit_other_amount, bank_debit_float_short.
    """
    facts = approval.facts
    line = BankLine.objects.get(pk=facts["line"])
    merchant = Merchant.objects.get(pk=facts["merchant"]) if facts["merchant"] else None
    journal = funding.reassign(
        bank_line=line,
        payout_id=facts["payout"],
        float_id=merchant.book.float_id if merchant else None,
        actor=actor,
        at=at,
        now=booking_time.get(),
    )
    told = {name: facts[name] for name in ("payout", "merchant", "amount_fen", "reason")} | {"journal": journal}
    unit_id = merchant.centre_id if merchant else None
    events.record("bank_line.reassigned", line, actor, at, told, unit_id=unit_id)
    return journal
