"""Disputes about a statement: the amount lies apart in the book until two people have decided where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events, flows
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.models import Approval, User
from alliance.refusals import Refused, declare
from merchants.models import Dispute, Merchant
from points import adjusting, clearing, stated
from points.bills import Caller
from points.models import Retention, Statement, Wallet

DISPUTE_INVALID = declare(
    "dispute_invalid",
    422,
    _("A dispute names a statement of this merchant, an amount above zero, and says why. Check what was typed."),
)
TOO_MUCH = declare("dispute_too_much", 422, _("At most %(most)s yuan of this can be contested. Type a smaller amount."))
LINE_UNKNOWN = declare("dispute_line_unknown", 404, _("This receipt is not on the statement. Choose one of its lines."))
LINE_TAKEN = declare("dispute_line_taken", 409, _("A dispute about this receipt is open already."))
BEING_DECIDED = declare(
    "dispute_being_decided",
    409,
    _("Somebody has proposed a decision and a second person is looking at it. It can no longer be withdrawn."),
)
LIFE = flows.Flow(
    "dispute", {("open", "return"): "returned", ("open", "withdraw"): "returned", ("open", "award"): "awarded"}
)


@transaction.atomic
def open(  # noqa: A001 - disputes are opened
    *,
    merchant: Merchant,
    statement: Statement,
    amount_fen: int,
    reason: str,
    actor: Actor,
    at: datetime,
    journal_id: int | None = None,
) -> Dispute:
    """Contest an amount of a statement. A payout that no bank has yet is stopped; what is there is set apart, the rest
    by the next clearing.

    Refuses: dispute_invalid, dispute_line_unknown, dispute_line_taken, dispute_too_much.
    """
    reason = reason.replace("\0", "").strip()
    if statement.account_id != merchant.proceeds_id or amount_fen <= 0 or not reason:
        raise DISPUTE_INVALID()
    # Of two who press at once the second one waits here.
    Merchant.objects.select_for_update().get(pk=merchant.pk)
    if journal_id is not None and Dispute.objects.open().filter(merchant=merchant, journal_id=journal_id).exists():
        raise LINE_TAKEN()
    if amount_fen > (most := contestable(merchant, statement, journal_id)):
        raise TOO_MUCH(most=yuan(most))
    retention, stopped = clearing.retain(account_id=statement.account_id, amount_fen=amount_fen, actor=actor, at=at)
    dispute = Dispute.objects.create(
        merchant=merchant,
        statement=statement,
        retention=retention,
        journal_id=journal_id,
        amount_fen=amount_fen,
        reason=reason[:200],
        state_since=at,
        opened_at=at,
        opened_by=str(actor),
    )
    facts = {"amount_fen": amount_fen, "held_fen": retention.held_fen, "stopped": stopped}
    events.record("dispute.opened", dispute, actor, at, facts, unit_id=merchant.centre_id)
    return dispute


def contestable(merchant: Merchant, statement: Statement, journal_id: int | None = None) -> int:
    """Return how much of a statement (or of one receipt on it) can be contested, less what is contested already.

    Refuses: dispute_line_unknown.
    """
    period, outlets = stated.of_statement(statement), merchant.outlet_numbers
    if journal_id is not None:
        rows = stated.of_journal(period, outlets, journal_id)
        if not rows:
            raise LINE_UNKNOWN()
        line = abs(sum(row.gross_fen for row in rows))
        return max(0, min(line - _contested(statement, journal_id), _left(statement, period, outlets)))
    return max(0, _left(statement, period, outlets))


def _contested(statement: Statement, journal_id: int | None = None) -> int:
    """Return what is contested of a statement (or of one receipt on it), or was and went to somebody else."""
    about = Dispute.objects.filter(statement=statement, state__in=[Dispute.State.OPEN, Dispute.State.AWARDED])
    if journal_id is not None:
        about = about.filter(journal_id=journal_id)
    return int(about.aggregate(fen=Sum("amount_fen"))["fen"] or 0)


def _left(statement: Statement, period: stated.Period, outlets: Sequence[int]) -> int:
    sums = stated.sums(period, outlets)
    return statement.opening_fen + sums.taken_fen - sums.back_fen + statement.returned_fen - _contested(statement)


@transaction.atomic
def withdraw(*, dispute: Dispute, actor: Actor, at: datetime) -> Dispute:
    """Take a dispute back: what lies apart goes to the merchant's proceeds and comes with its next payout.

    Refuses: dispute_being_decided, move_not_allowed, retention_decided.
    """
    row = Dispute.objects.select_for_update(of=("self",)).select_related("merchant", "approval").get(pk=dispute.pk)
    if row.state != Dispute.State.OPEN:
        raise flows.MOVE_NOT_ALLOWED(state=row.state, verb="withdraw")
    if row.approval is not None and row.approval.state == Approval.State.WAITING:
        raise BEING_DECIDED()
    row.approval = None
    row.save(update_fields=["approval"])
    fen = clearing.release(retention_id=row.retention_id, to_id=row.merchant.book.proceeds_id, actor=actor, at=at)
    flows.move(LIFE, row, "withdraw", actor=actor, at=at, amount_fen=fen)
    return row


@transaction.atomic
def ask(
    *, dispute: Dispute, user: User, at: datetime, to_wallet: int | None = None, to_merchant: Merchant | None = None
) -> Approval:
    """Ask a second person to decide: back to the merchant, or to the other side, a wallet or another merchant.

    Refuses: dispute_invalid, move_not_allowed, approval_already_asked.
    """
    if (to_wallet is not None and to_merchant is not None) or to_merchant == dispute.merchant:
        raise DISPUTE_INVALID()
    if dispute.state != Dispute.State.OPEN:
        raise flows.MOVE_NOT_ALLOWED(state=dispute.state, verb="award" if to_wallet or to_merchant else "return")
    facts = {
        "dispute": dispute.pk,
        "name": str(dispute.merchant),
        "amount_fen": dispute.amount_fen,
        "held_fen": dispute.retention.held_fen,
        "to_wallet": to_wallet,
        "to_merchant": to_merchant.pk if to_merchant else None,
        "to_name": str(to_merchant) if to_merchant else "",
    }
    approval = approvals.ask(
        kind="merchants.dispute",
        subject=events.subject_of(dispute),
        facts=facts,
        unit=dispute.merchant.centre,
        user=user,
        at=at,
    )
    Dispute.objects.filter(pk=dispute.pk).update(approval=approval)
    return approval


def describe(approval: Approval) -> str:
    facts = {**approval.facts, "amount": yuan(approval.facts["amount_fen"])}
    if not facts["to_wallet"] and not facts["to_merchant"]:
        # Translators: %(name)s 的争议金额 ¥%(amount)s 退还该商户
        return _t("¥%(amount)s contested at %(name)s goes back to it") % facts
    if facts["to_wallet"]:
        # Translators: %(name)s 的争议金额 ¥%(amount)s 判给会员钱包 W%(to_wallet)s
        says = _t("¥%(amount)s contested at %(name)s goes to wallet W%(to_wallet)s") % facts
    else:
        says = _t("¥%(amount)s contested at %(name)s goes to %(to_name)s") % facts
    lacking = facts["amount_fen"] - facts.get("held_fen", facts["amount_fen"])
    if lacking:
        # Translators: 目前只留存了 ¥%(held)s，其余 ¥%(lacking)s 由该商户下次应收款补足
        told = {"held": yuan(facts["held_fen"]), "lacking": yuan(lacking)}
        says += " · " + _t("only ¥%(held)s is set apart; its next proceeds pay the other ¥%(lacking)s") % told
    return says


# Translators: 争议裁定
@approvals.kind("merchants.dispute", permission="dispute.decide", title=_("Dispute"), describe=describe)
def decided(approval: Approval, actor: Actor, at: datetime) -> Dispute:
    """Do what was decided with what lies apart; of an award, what is not there yet is owed and follows (`pay_awards`).

    Refuses: retention_decided, move_not_allowed.
    """
    facts = approval.facts
    if facts["to_wallet"]:
        _hold(facts["to_wallet"])
    dispute = Dispute.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=facts["dispute"])
    fen = _move(dispute, approval, dispute.retention_id, f"dispute:{dispute.pk}", actor, at)
    verb = "award" if facts["to_wallet"] or facts["to_merchant"] else "return"
    owed = dispute.amount_fen - fen if verb == "award" else 0
    flows.move(LIFE, dispute, verb, actor=actor, at=at, amount_fen=fen, owed_fen=owed)
    return dispute


def pay_awards(*, actor: Actor, at: datetime, now: datetime | None = None) -> int:
    """Bring what was awarded and came in meanwhile to whose it is, the oldest dispute first; return how much."""
    total = 0
    for retention in Retention.objects.to_be_paid():
        dispute = Dispute.objects.select_related("merchant", "approval").filter(retention=retention.root_id).first()
        if dispute is None or dispute.approval is None:
            continue
        try:
            with transaction.atomic():
                if dispute.approval.facts["to_wallet"]:
                    _hold(dispute.approval.facts["to_wallet"])
                key = f"dispute:{dispute.pk}:{retention.pk}"
                fen = _move(dispute, dispute.approval, retention.pk, key, actor, at, now)
                events.record(
                    "dispute.paid", dispute, actor, at, {"amount_fen": fen}, unit_id=dispute.merchant.centre_id
                )
                total += fen
        except Refused:
            continue  # a wallet that takes nothing now: it waits
    return total


def _hold(wallet_id: int) -> None:
    """Take the wallet before any account: the order of every lock in the book."""
    Wallet.objects.select_for_update(no_key=True).filter(pk=wallet_id).first()


def _move(
    dispute: Dispute,
    approval: Approval,
    retention_id: int,
    key: str,
    actor: Actor,
    at: datetime,
    now: datetime | None = None,
) -> int:
    facts, book = approval.facts, dispute.merchant.book
    goal = book.proceeds_id
    if facts["to_wallet"]:
        # By the merchant's float, which is then the funder of these points.
        goal = book.float_id
    elif facts["to_merchant"]:
        goal = Merchant.objects.get(pk=facts["to_merchant"]).book.proceeds_id
    fen = clearing.release(retention_id=retention_id, to_id=goal, actor=actor, at=at, now=now)
    if facts["to_wallet"] and fen:
        outcome = adjusting.adjust(
            wallet_id=facts["to_wallet"],
            funder_id=book.float_id,
            points=fen,
            caller=Caller("staff", 0),
            key=key,
            actor=actor,
            at=at,
            now=now,
        )
        if not outcome.is_booked:
            raise outcome.refusal()
    return fen
