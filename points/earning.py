"""Earning on one bill, for callers that want a refusal raised instead of an outcome."""

from __future__ import annotations

from alliance.actors import Actor
from points import bills
from points.bills import Bill, Caller, Outcome


def earn(*, bill: Bill, caller: Caller, actor: Actor) -> Outcome:
    """Book one bill. A float that is too small books the sale without points: look at the outcome (row 3).

    Refuses: wallet_unknown, wallet_frozen, points_short, key_reused, in_progress.
    """
    (outcome,) = bills.post([bill], caller=caller, actor=actor)
    if not outcome.is_booked:
        raise outcome.refusal()
    return outcome
