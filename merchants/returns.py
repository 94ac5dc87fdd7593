"""Payouts that came back without saying so: no code in the text, or less than was paid. Two people say which one."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.models import Approval, Unit, User
from merchants import payaccounts
from merchants.calc import references
from merchants.models import PayoutLine
from points import funding
from points.models import BankLine, Payout
from points.refusals import PAYOUT_NOT_OUT


@transaction.atomic
def ask(*, line: BankLine, code: str, user: User, at: datetime) -> Approval:
    """Ask a second person to agree that a waiting credit is this payout, come back: in full, or less a bank's fee.

    Refuses: payout_not_out, bank_line_allotted, bank_line_asked, approval_already_asked.
    """
    number = references.read_payout_code(code)
    paid = Payout.objects.filter(pk=number or 0, state=Payout.State.PAID, amount_fen__gte=line.amount_fen).first()
    if paid is None or line.amount_fen <= 0:
        raise PAYOUT_NOT_OUT()
    funding.asking(line)
    facts = {
        "line": line.pk,
        "serial": line.serial,
        "amount_fen": line.amount_fen,
        "payout": paid.pk,
        "code": references.payout_code(paid.pk),
        "paid_fen": paid.amount_fen,
    }
    top = Unit.objects.get(parent__isnull=True)
    return approvals.ask(
        kind="merchants.return", subject=events.subject_of(line), facts=facts, unit=top, user=user, at=at
    )


def describe(approval: Approval) -> str:
    facts = {**approval.facts, "back": yuan(approval.facts["amount_fen"]), "paid": yuan(approval.facts["paid_fen"])}
    # Translators: 流水 %(serial)s（¥%(back)s）是付款 %(code)s（¥%(paid)s）的退汇
    return _t("Bank line %(serial)s, ¥%(back)s, is payout %(code)s of ¥%(paid)s, come back") % facts


# Translators: 退汇认领
@approvals.kind("merchants.return", permission="topup.approve", title=_("Payout that came back"), describe=describe)
def decided(approval: Approval, actor: Actor, at: datetime) -> Payout:
    """Bring it back to where it came from; the account on file is not paid to before it is checked anew.

    Refuses: payout_not_out, bank_line_allotted.
    """
    facts = approval.facts
    line = BankLine.objects.get(pk=facts["line"])
    funding.bring_back(bank_line=line, payout_id=facts["payout"], actor=actor, at=at)
    payout = Payout.objects.get(pk=facts["payout"])
    events.record("payout.came_back", payout, actor, at, {"amount_fen": line.amount_fen, "line": line.pk})
    for sent in PayoutLine.objects.filter(payout=payout).select_related("payout_account__merchant"):
        payaccounts.came_back(sent.payout_account, actor=actor, at=at)
    return payout
