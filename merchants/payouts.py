"""Payouts: proposed by a clearing, approved by two people in one decision, written into one file, then the bank's word.

ask      whoever looked at sums and exceptions proposes a run: all payouts that wait
decided  a second person approves them, all at once
file     what can be paid today goes into the bank's file; what cannot is stopped and waits for the next clearing
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Count, Max, Sum
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events, flows
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Event, Unit, User
from alliance.refusals import declare
from merchants import payaccounts
from merchants.banks import adapter
from merchants.banks.files import Header, Payment
from merchants.calc import references
from merchants.models import PayoutLine, PayoutRun
from merchants.topups import booking_time
from points import clearing
from points.models import Payout

NOTHING_TO_PAY = declare("payout_nothing", 409, _("No payout is waiting. They come with the next clearing."))
RUN_CHANGED = declare("payout_run_changed", 409, _("Somebody stopped one of these payouts just now. Try once more."))
HANDED_ALREADY = declare("payout_run_handed", 409, _("This file was handed to the bank already."))
NO_FILE = declare("payout_run_no_file", 409, _("This run has no file yet. Write it first."))
LIFE = flows.Flow(
    "payout_run",
    {
        ("proposed", "approve"): "approved",
        ("proposed", "refuse"): "refused",
        ("approved", "file"): "filed",
        # Nobody of it can be paid: all were stopped.
        ("approved", "empty"): "empty",
    },
)
TRIES = 3
HANDED = "payout_run.handed"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a run would pay: number and sum, and whom it could not pay today."""

    payouts: int
    amount_fen: int
    through: int
    largest_fen: int
    held_up: list[Payout]


def proposal(at: datetime) -> Proposal:
    """Return what waits to be approved, with those that cannot be paid today (they would be stopped)."""
    waiting = Payout.objects.proposed()
    sums = waiting.aggregate(n=Count("pk"), fen=Sum("amount_fen"), through=Max("pk"), largest=Max("amount_fen"))
    sources = list(waiting.order_by("source_id").values_list("source_id", flat=True).distinct())
    late = payaccounts.unpaid(sources, at)
    held_up = list(waiting.filter(source_id__in=late).order_by("pk")) if late else []
    return Proposal(sums["n"], sums["fen"] or 0, sums["through"] or 0, sums["largest"] or 0, held_up)


@transaction.atomic
def ask(*, user: User, at: datetime) -> PayoutRun:
    """Propose all payouts that wait as one run. Refuses: payout_nothing, approval_already_asked."""
    found = proposal(at)
    if not found.payouts:
        raise NOTHING_TO_PAY()
    run = PayoutRun.objects.create(
        state_since=at, through=found.through, payouts=found.payouts, amount_fen=found.amount_fen
    )
    facts = {
        "run": run.pk,
        "payouts": found.payouts,
        "amount_fen": found.amount_fen,
        "largest_fen": found.largest_fen,
        "held_up": len(found.held_up),
    }
    # One run waits at a time, whatever its number.
    run.approval = approvals.ask(
        kind="merchants.payouts", subject="points.payout:proposed", facts=facts, unit=_top(), user=user, at=at
    )
    run.save(update_fields=["approval"])
    return run


def describe(approval: Approval) -> str:
    facts = {**approval.facts, "amount": yuan(approval.facts["amount_fen"])}
    # Translators: 付款 %(payouts)s 笔，合计 ¥%(amount)s；其中 %(held_up)s 笔账户暂不能付
    return (
        _t("%(payouts)s payouts, ¥%(amount)s together; %(held_up)s of them cannot be paid to their account now") % facts
    )


# Translators: 付款批次
@approvals.kind("merchants.payouts", permission="payout.approve", title=_("Payout run"), describe=describe)
def decided(approval: Approval, actor: Actor, at: datetime) -> PayoutRun:
    """Approve what was proposed and not stopped since; never more than was shown."""
    run = PayoutRun.objects.select_for_update(of=("self",)).get(approval=approval)
    n, fen = clearing.approve(run_no=run.pk, through=run.through)
    flows.move(LIFE, run, "approve", actor=actor, at=at, payouts=n, amount_fen=fen)
    return run


def refused(approval: Approval, at: datetime) -> None:
    """Close the run of a question that was refused or withdrawn; its payouts wait for another one."""
    run = PayoutRun.objects.filter(approval=approval, state=PayoutRun.State.PROPOSED).first()
    if run is not None:
        flows.move(LIFE, run, "refuse", actor=Actor.system("approvals"), at=at)


def file(*, run: PayoutRun, actor: Actor, at: datetime) -> PayoutRun:
    """Write the file of an approved run, once; written again it is the same bytes.

    Who cannot be paid now (no account, one that cools down or was sent back) is stopped; the money waits for the next
    clearing. Can nobody be paid the run is closed without a file. Refuses: move_not_allowed, payout_run_changed.
    """
    if run.state in (PayoutRun.State.FILED, PayoutRun.State.EMPTY):
        return run
    for left in reversed(range(TRIES)):
        try:
            return _file(run, actor, at)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") not in {"40001", "40P01"}:
                raise
            if not left:
                raise RUN_CHANGED() from error
    raise AssertionError


@transaction.atomic
def _file(run: PayoutRun, actor: Actor, at: datetime) -> PayoutRun:
    run = PayoutRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if run.state in (PayoutRun.State.FILED, PayoutRun.State.EMPTY):
        return run
    payouts = list(Payout.objects.filter(run_no=run.pk, state=Payout.State.APPROVED).order_by("pk"))
    ready = payaccounts.on_file(sorted({payout.source_id for payout in payouts}), at)
    lines = []
    for payout in payouts:
        account = ready.get(payout.source_id)
        if account is not None:
            code = references.payout_code(payout.pk)
            lines.append(
                PayoutLine(run=run, payout=payout, payout_account=account, code=code, amount_fen=payout.amount_fen)
            )
        elif clearing.stop(payout_id=payout.pk, actor=actor, at=at):
            events.record("payout.stopped", payout, actor, at, {"why": "no_account", "amount_fen": payout.amount_fen})
    if not lines:
        flows.move(LIFE, run, "empty", actor=actor, at=at)
        return run
    clearing.send(run_no=run.pk, payout_ids=[line.payout_id for line in lines])
    PayoutLine.objects.bulk_create(lines, batch_size=5_000)
    content = content_of(run, shanghai_day(at), lines)
    changes: dict[str, Any] = {
        "bank_format": settings.BANK_FORMAT,
        "filed_on": shanghai_day(at),
        "content": content,
        "digest": hashlib.sha256(content).hexdigest(),
        "state": PayoutRun.State.FILED,
        "state_since": at,
    }
    total = sum(line.amount_fen for line in lines)
    # A file and its state are one fact (by constraint): one UPDATE for both, and the flow's own event.
    if not PayoutRun.objects.filter(pk=run.pk, state=PayoutRun.State.APPROVED).update(**changes):
        raise flows.MOVE_NOT_ALLOWED(state=run.state, verb="file")
    facts = {"from": "approved", "to": "filed", "payouts": len(lines), "amount_fen": total, "digest": changes["digest"]}
    events.record("payout_run.file", run, actor, at, facts)
    run.refresh_from_db()
    return run


def content_of(run: PayoutRun, filed_on: Any = None, lines: list[PayoutLine] | None = None) -> bytes:
    """Return the bytes of a run's file, made anew from its lines: the same each time."""
    if lines is None:
        lines = list(run.lines.select_related("payout_account").order_by("payout_id"))
    payments = [
        Payment(
            line.code,
            line.payout_account.number,
            line.payout_account.holder,
            line.payout_account.bank_name,
            line.amount_fen,
        )
        for line in lines
    ]
    on = filed_on or run.filed_on
    assert on is not None  # a run in its file has a day
    header = Header(run.pk, on, settings.BANK_NAME, settings.BANK_ACCOUNT, settings.BANK_ACCOUNT_NAME)
    content: bytes = adapter(run.bank_format or settings.BANK_FORMAT).write(header, payments)
    return content


@transaction.atomic
def hand_over(*, run: PayoutRun, actor: Actor, at: datetime) -> None:
    """Keep that somebody gave the file to the bank, and who. Refuses: payout_run_no_file, payout_run_handed."""
    run = PayoutRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if run.state != PayoutRun.State.FILED:
        raise NO_FILE()
    if handed_over([run.pk]):
        raise HANDED_ALREADY()
    events.record(HANDED, run, actor, at, {"digest": run.digest})


def handed_over(run_ids: Sequence[int]) -> dict[int, Event]:
    """Return when these runs' files were given to the bank, and by whom, as the diary has it."""
    subjects = [f"merchants.payoutrun:{number}" for number in run_ids]
    found = Event.objects.filter(subject__in=subjects, verb=HANDED)
    return {int(event.subject.rpartition(":")[2]): event for event in found}


@transaction.atomic
def ask_fee(*, amount_fen: int, user: User, at: datetime) -> Approval:
    """Ask that the operator takes a part of its released fee (row 43). Refuses: approval_already_asked."""
    facts = {"amount_fen": amount_fen}
    return approvals.ask(kind="merchants.fee", subject="points.account:3", facts=facts, unit=_top(), user=user, at=at)


def describe_fee(approval: Approval) -> str:
    return f"¥{yuan(approval.facts['amount_fen'])}"


# Translators: 提取运营费
@approvals.kind("merchants.fee", permission="payout.approve", title=_("Fee withdrawn"), describe=describe_fee)
def fee_decided(approval: Approval, actor: Actor, at: datetime) -> Payout:
    """Set the amount apart; it leaves with the next run. Refuses: fee_short, clearing_amount_invalid."""
    payout = clearing.withdraw_fee(amount_fen=approval.facts["amount_fen"], actor=actor, at=at, now=booking_time.get())
    events.record("fee.withdrawn", payout, actor, at, {"amount_fen": payout.amount_fen})
    return payout


def _top() -> Unit:
    return Unit.objects.get(parent__isnull=True)
