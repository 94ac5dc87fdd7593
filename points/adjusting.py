"""Corrections between a wallet and the funder of its points (row 31). Two people: see the approval kind."""

from __future__ import annotations

import json
from datetime import date, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alliance import approvals
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Unit, User
from alliance.refusals import declare
from points import winding_up
from points.bills import Caller, Outcome, call, outcome_of
from points.calc import rebate
from points.calc.digests import digest
from points.models import Account

# Two people may correct up to ¥1,000 at a time; more than that is another agreement, not a correction.
LARGEST_POINTS = 100_000
# Translators: 一次调整须在 1 到 %(most)s 积分之间
TOO_LARGE = declare(
    "adjustment_too_large", 422, gettext_lazy("A correction is between 1 and %(most)s points, up or down.")
)

_ADJUST = """SELECT * FROM points_adjust(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint, %s::bigint,
  %s::bigint, %s::date, %s::timestamptz, %s::timestamptz)"""


def adjust(
    *,
    wallet_id: int,
    funder_id: int,
    points: int,
    caller: Caller,
    key: str,
    actor: Actor,
    at: datetime,
    expires_on: date | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Book a correction: positive from the float or budget into the wallet, negative back to it; never below zero.

    Answers "refused" with points_short, funder_short, wallet_unknown or key_reused.
    """
    lapses = expires_on or rebate.expires_on(shanghai_day(at))
    body = json.dumps(["adjust", wallet_id, funder_id, points, lapses.isoformat()])
    arguments = [
        caller.number, caller.id, str(actor), digest(key), digest(body), wallet_id, funder_id, points, lapses, at, now,
    ]  # fmt: skip
    return outcome_of(*call(_ADJUST, arguments)[0])


def ask(*, wallet_id: int, funder_id: int, points: int, reason: str, unit: Unit, user: User, at: datetime) -> Approval:
    """Ask a second person to book a correction.

    Refuses: adjustment_too_large, closing_mode_on, approval_already_asked.
    """
    if points == 0 or abs(points) > LARGEST_POINTS:
        raise TOO_LARGE(most=LARGEST_POINTS)
    _not_closing(funder_id, points, at)
    facts = {"wallet": wallet_id, "funder": funder_id, "points": points, "reason": reason[:200]}
    return approvals.ask(
        kind="points.adjustment", subject=f"points.wallet:{wallet_id}", facts=facts, unit=unit, user=user, at=at
    )


def _not_closing(funder_id: int, points: int, at: datetime) -> None:
    """After the last day of issue points are corrected downwards only."""
    if points > 0:
        funder = Account.objects.filter(pk=funder_id).first()
        owner = funder_id if funder is None or funder.kind == Account.Kind.FLOAT else funder.float_id
        winding_up.refuse_if_closing(owner, after=shanghai_day(at))


def describe(approval: Approval) -> str:
    facts = approval.facts
    # Translators: 钱包W1420：+500积分 · 对方账户A1024 · 理由：补录
    return _("Wallet W%(wallet)s: %(points)s points · other account A%(funder)s · reason: %(reason)s") % {
        "wallet": facts["wallet"],
        "points": f"{facts['points']:+,}".replace("-", "−"),
        "funder": facts["funder"],
        "reason": facts["reason"],
    }


# Translators: 积分调整
@approvals.kind(
    "points.adjustment", permission="adjustment.approve", title=gettext_lazy("Adjustment of points"), describe=describe
)
def book(approval: Approval, actor: Actor, at: datetime) -> Outcome:
    """Book what was asked for, with the decision.

    Refuses: closing_mode_on, points_short, funder_short, wallet_unknown.
    """
    facts = approval.facts
    _not_closing(facts["funder"], facts["points"], at)
    outcome = adjust(
        wallet_id=facts["wallet"],
        funder_id=facts["funder"],
        points=facts["points"],
        caller=Caller("staff", 0),
        key=f"approval:{approval.pk}",
        actor=actor,
        at=at,
    )
    if not outcome.is_booked:
        raise outcome.refusal()
    return outcome
