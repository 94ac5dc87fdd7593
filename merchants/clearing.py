"""A clearing day for everybody (rows 33 and 36), and merchants that leave: their float goes back to them.

The book nets and states (`points.clearing`); this says whom it may pay, and when a leaving merchant has nothing open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events
from alliance.actors import Actor
from alliance.models import Approval, User
from alliance.refusals import declare
from merchants import disputes, money, onboarding, payaccounts
from merchants.models import Dispute, Merchant
from points import accounts, clearing, promises, refunds
from points.models import Account, Payout, Standing
from points.refusals import CLEARING_AMOUNT_INVALID

# The job that clears; `merchants.tasks` does it.
JOB = "merchants.clear"
NOT_PAUSED = declare(
    "leaving_not_paused", 409, _("A merchant that leaves sells no longer. Pause it first, then let it leave.")
)
NOT_LEAVING = declare("leaving_not_begun", 409, _("This merchant is not leaving, or it has left already."))
REFUNDS_OPEN = declare(
    "leaving_refunds_open",
    409,
    _("Refund windows or disputes of this merchant are still open. Its float is paid back when they are over."),
)


def run(
    on: date, *, actor: Actor, at: datetime, now: datetime | None = None, minimum_fen: int | None = None
) -> Iterator[clearing.Run]:
    """Clear a day for all merchants and centres; who has no usable account on file keeps the money in the book.

    minimum_fen: the smallest payout, CLEARING_MINIMUM_FEN when it is not given.
    Money that came to a merchant first gives members back what refunds still owe them, and repays what others laid out.
    Refuses: clearing_day_open, clearing_day_passed.
    """
    refunds.settle(now)
    yield from clearing.run(
        on,
        actor=actor,
        minimum_fen=settings.CLEARING_MINIMUM_FEN if minimum_fen is None else minimum_fen,
        unpaid=lambda chunk: payaccounts.unpaid(chunk, at),
        now=now,
    )
    # What was awarded before and has been set apart by this run.
    disputes.pay_awards(actor=actor, at=at, now=now)


@transaction.atomic
def set_standing(*, merchant: Merchant, fen: int, actor: Actor, at: datetime) -> None:
    """Fill the merchant's float up to an amount at each clearing. Refuses: clearing_amount_invalid."""
    kept = clearing.standing_of(merchant.book.float_id)
    clearing.set_standing(float_id=merchant.book.float_id, fen=fen, is_leaving=kept.is_leaving)
    events.record("standing.set", merchant, actor, at, {"standing_fen": fen}, unit_id=merchant.centre_id)


# --- leaving ------------------------------------------------------------------------------------------


@transaction.atomic
def ask_leave(*, merchant: Merchant, user: User, at: datetime, is_own: bool = False) -> Approval:
    """Ask a second person to let a merchant leave.

    is_own: the merchant asks itself; it may go on selling until that is decided, and is paused then.
    Refuses: leaving_not_paused, leaving_not_begun, approval_already_asked.
    """
    if merchant.state != Merchant.State.PAUSED and not (is_own and merchant.state == Merchant.State.LIVE):
        raise NOT_PAUSED()
    if is_leaving(merchant):
        raise NOT_LEAVING()
    return approvals.ask(
        kind="merchants.leaving",
        subject=events.subject_of(merchant),
        facts={"merchant": merchant.pk, "name": str(merchant), "is_own": is_own},
        unit=merchant.centre,
        user=user,
        at=at,
    )


def describe(approval: Approval) -> str:
    # Translators: %(name)s 退出联盟：退款期满后付清余额
    return _t("%(name)s leaves; what is left is paid when the refund windows are over") % approval.facts


# Translators: 商户退出
@approvals.kind("merchants.leaving", permission="leaving.approve", title=_("Merchant leaves"), describe=describe)
def leaving(approval: Approval, actor: Actor, at: datetime) -> None:
    """From now on the merchant's clearings have no smallest payout and no standing top-up."""
    merchant = Merchant.objects.select_for_update().get(pk=approval.facts["merchant"])
    if merchant.state == Merchant.State.LIVE:
        onboarding.pause(merchant=merchant, actor=actor, at=at, reason="leaves")
    elif merchant.state != Merchant.State.PAUSED:
        raise NOT_PAUSED()
    clearing.set_standing(float_id=merchant.book.float_id, fen=0, is_leaving=True)
    # What it has now stands at the head of the final statement.
    held = money.holdings(merchant)
    had = {name: getattr(held, name) for name in money.Holdings.__slots__}
    events.record("merchant.leaving", merchant, actor, at, had, unit_id=merchant.centre_id)


def is_leaving(merchant: Merchant) -> bool:
    return Standing.objects.filter(pk=merchant.float_id, is_leaving=True).exists()


@transaction.atomic
def cancel_leave(*, merchant: Merchant, actor: Actor, at: datetime, reason: str) -> None:
    """Let a merchant stay after all. What moved to its proceeds stays there; it is paused until it is resumed.

    Refuses: leaving_not_begun.
    """
    merchant = Merchant.objects.select_for_update().get(pk=merchant.pk)
    if merchant.state != Merchant.State.PAUSED or not is_leaving(merchant):
        raise NOT_LEAVING()
    clearing.set_standing(float_id=merchant.book.float_id, fen=0, is_leaving=False)
    facts = {"reason": reason[:200]}
    events.record("merchant.leaving_cancelled", merchant, actor, at, facts, unit_id=merchant.centre_id)


@transaction.atomic
def settle(*, merchant: Merchant, actor: Actor, at: datetime, now: datetime | None = None) -> int:
    """Pay what a leaving merchant owes from its float, and move what is left to its proceeds; the next run pays it.

    Returns what moved; again it moves what came since. Refuses: leaving_refunds_open, clearing_amount_invalid.
    """
    if windows_open(merchant):
        raise REFUNDS_OPEN()
    float_id = merchant.book.float_id
    if not Standing.objects.filter(pk=float_id, is_leaving=True).exists():
        raise CLEARING_AMOUNT_INVALID()
    promises.pay(float_id, now=now)
    return clearing.empty_float(float_id=float_id, actor=actor, at=at, now=now)


def windows_open(merchant: Merchant) -> bool:
    """Return whether rests or fees are still held back for refunds, or a dispute is open."""
    if Dispute.objects.open().filter(merchant=merchant).exists():
        return True
    held = Account.objects.filter(float_id=merchant.float_id, kind__in=[Account.Kind.REST, Account.Kind.FEE_REST])
    return accounts.holds_money(list(held.values_list("pk", flat=True)))


def sweep(*, actor: Actor, at: datetime, now: datetime | None = None) -> tuple[int, int]:
    """Settle every leaving merchant whose windows are over, and let those go that were paid; return both numbers."""
    settled = gone = 0
    floats = Standing.objects.filter(is_leaving=True).values("float_id")
    for merchant in Merchant.objects.filter(state=Merchant.State.PAUSED, float_id__in=floats).order_by("pk"):
        if windows_open(merchant):
            continue
        settled += settle(merchant=merchant, actor=actor, at=at, now=now) > 0
        waiting = Payout.objects.open().filter(source_id=merchant.proceeds_id).exists()
        if not waiting and not accounts.holds_money(merchant.book):
            onboarding.leave(merchant=merchant, actor=actor, at=at)
            gone += 1
    return settled, gone
