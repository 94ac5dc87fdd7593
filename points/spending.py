"""Spending on one bill, for callers that want a refusal raised instead of an outcome."""

from __future__ import annotations

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from points import earning
from points.bills import Bill, Caller, Outcome


def spend(*, bill: Bill, caller: Caller, actor: Actor) -> Outcome:
    """Book a bill that points pay a part of. Refuses: amount_invalid, points_short, wallet_frozen, key_reused."""
    if bill.spend_points <= 0:
        raise AMOUNT_INVALID(given=str(bill.spend_points))
    return earning.earn(bill=bill, caller=caller, actor=actor)
