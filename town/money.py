"""Money into floats, as finance does it: announced, seen on the bank's statement, matched by one person, booked by a
second. Bank and payer say that they are synthetic.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from alliance import approvals
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval
from merchants import topups
from merchants.models import Merchant, TopUp
from points import funding
from points.models import BankLine
from town.founding import Organisation

# Those of the installation; the demo's are synthetic and say so.
BANK, ACCOUNT = settings.BANK_NAME, settings.BANK_ACCOUNT
ACTOR = Actor.system("town")


def top_up(*, merchant: Merchant, amount_fen: int, organised: Organisation, at: datetime, serial: str) -> None:
    """Bring an amount into a merchant's float at a time in the past, once per serial.

    In three steps, each its own transaction: everybody's money goes through the same two accounts, which must not be
    held for longer than it takes. A top-up that was broken off goes on with the step that is missing.
    """
    line = receive(amount_fen, merchant.short_name, merchant.payment_reference, serial, at)
    if line.allotted_to_id is not None:
        return
    matched = TopUp.objects.filter(bank_line=line, state=TopUp.State.MATCHED).select_related("approval").first()
    approval = matched.approval if matched else None
    if approval is None:
        with transaction.atomic():
            topups.ask(merchant=merchant, amount_fen=amount_fen, actor=ACTOR, at=at - timedelta(hours=2))
            approval = match(line, merchant, organised, at + timedelta(minutes=20))
    later = at + timedelta(minutes=45)
    token = topups.booking_time.set(later)
    try:
        approvals.approve(approval, user=organised.finance2, at=later)
    finally:
        topups.booking_time.reset(token)


def receive(amount_fen: int, payer: str, memo: str, serial: str, at: datetime) -> BankLine:
    """Book a line of the bank's statement at its own time."""
    return funding.receive(
        bank=BANK,
        account=ACCOUNT,
        serial=serial,
        amount_fen=amount_fen,
        value_on=shanghai_day(at),
        payer=payer,
        memo=memo,
        actor=ACTOR,
        at=at,
        now=at,
    )


def match(line: BankLine, merchant: Merchant, organised: Organisation, at: datetime) -> Approval:
    """Let the first person say whose money it is; the question waits for the second."""
    return topups.match(line=line, merchant=merchant, user=organised.finance, at=at)
