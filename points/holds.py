"""Holds: points set aside for a bill that is not final, then captured in part or whole, released, or timed out.

Rows 11 to 13 of docs/ledger.md. A hold moves nothing, so that its acts are events; a capture is an ordinary bill and so
a journal. The database's clock decides when a hold is over, never the caller's. A frozen wallet takes no new hold; one
that was placed before can still be captured.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from alliance.calc.money import MAX_FEN
from alliance.refusals import declare
from points import awards
from points.bills import (
    TRIES,
    Bill,
    Caller,
    Outcome,
    OutletRef,
    call,
    give_up,
    outcome_of,
    with_bonuses,
    with_kept_bonuses,
)
from points.calc import rebate
from points.calc.digests import digest
from points.models import Hold, Terms
from points.refusals import SPEND_SHARE_EXCEEDED

LONGEST = timedelta(days=7)
SHORTEST = timedelta(minutes=1)
CHUNK = 500
TOO_LONG = declare(
    "hold_time_invalid", 422, _("Points can be held from one minute to seven days. Choose a time between.")
)

_PLACE = """SELECT * FROM points_place_hold(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint,
  %s::bigint, %s::bigint, %s::timestamptz, %s::integer, %s::bigint, %s::interval, %s::text, %s::timestamptz)"""
_CAPTURE = """SELECT * FROM points_capture_hold(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint,
  %s::bigint, %s::bigint, %s::timestamptz, %s::integer, %s::integer, %s::integer, %s::text, %s::timestamptz, %s::bigint,
  %s::bigint[], %s::bigint[], %s::integer[], %s::bigint[], %s::boolean, %s::jsonb, %s::jsonb, %s::boolean)"""
_RELEASE = """SELECT * FROM points_release_hold(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint,
  %s::bigint, %s::timestamptz)"""
_OVERDUE = "SELECT hold_id, wallet_id, points FROM points_release_overdue(%s::integer, %s::timestamptz)"


def usual_time() -> timedelta:
    """Return how long points are held when nobody says otherwise: the setting HOLD_MINUTES."""
    return timedelta(minutes=settings.HOLD_MINUTES)


def check(*, points: int, bill_fen: int, terms: Terms, lasts: timedelta) -> None:
    """Refuse amount_invalid, spend_share_exceeded or hold_time_invalid."""
    if not (0 < points <= MAX_FEN and points <= bill_fen <= 2 * MAX_FEN):
        raise AMOUNT_INVALID(given=str(points))
    if points > (most := rebate.largest_spend(bill_fen, terms.spend_share_bps)):
        raise SPEND_SHARE_EXCEEDED(most=most)
    if not SHORTEST <= lasts <= LONGEST:
        raise TOO_LONG()


@transaction.atomic
def place(
    *,
    outlet: OutletRef,
    terms: Terms,
    wallet_id: int,
    points: int,
    bill_fen: int,
    caller: Caller,
    key: str,
    body: str,
    actor: Actor,
    at: datetime,
    lasts: timedelta | None = None,
    reference: str = "",
    unit_id: int | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Set points aside for a bill of about `bill_fen`; the outcome's `sale_id` is the number of the hold.

    Refuses amount_invalid, spend_share_exceeded, hold_time_invalid; answers "refused" with points_short, wallet_frozen,
    wallet_unknown or key_reused.
    """
    lasts = usual_time() if lasts is None else lasts
    check(points=points, bill_fen=bill_fen, terms=terms, lasts=lasts)
    arguments = [
        caller.number, caller.id, str(actor), digest(key), digest(body), wallet_id, outlet.outlet_id, terms.pk, at,
        points, bill_fen, lasts, reference.replace("\0", "")[:64], now,
    ]  # fmt: skip
    outcome = outcome_of(*call(_PLACE, arguments)[0])
    if outcome.is_booked and not outcome.replayed:
        _tell("hold.placed", outcome.sale_id, actor, now or at, unit_id, points=points)
    return outcome


def capture(*, hold_id: int, bill: Bill, caller: Caller, actor: Actor, now: datetime | None = None) -> Outcome:
    """Book the final bill of a hold: `bill.spend_points` of what is held, the rest of them goes back to the member.

    Answers "refused" with hold_unknown, hold_closed, hold_expired, hold_too_small or key_reused; like any bill it may
    be without points for its money when the float is short.
    """
    if bill.spend_points <= 0:
        raise AMOUNT_INVALID(given=str(bill.spend_points))
    facts = [
        caller.number, caller.id, str(actor), digest(bill.key), digest(bill.body), hold_id, bill.outlet_id,
        bill.rest_id, bill.event_at, bill.paid_fen, bill.eligible_fen, bill.spend_points, bill.reference, now,
    ]  # fmt: skip
    tries = 1 if connection.in_atomic_block else TRIES
    for n in range(1, tries + 1):
        try:
            outcome = _capture(bill, facts, is_patient=connection.in_atomic_block or n > 1)
            return with_kept_bonuses([outcome])[0]
        except Error as error:
            give_up(error, is_last=n == tries)
        # A rule that ended meanwhile is not evaluated again.
        awards.forget()
    raise AssertionError


def _capture(bill: Bill, facts: list[Any], *, is_patient: bool) -> Outcome:
    """Evaluate the rules that look at the bill, and book it with what they give."""
    looked = awards.looking(bill)
    with transaction.atomic() if looked and is_patient and not connection.in_atomic_block else nullcontext():
        decision = awards.decide(bill, looked, lock=is_patient) if looked else None
        given = decision.columns(bill) if decision else [None] * 8
        with connection.cursor() as cursor:
            cursor.execute(_CAPTURE, [*facts, *given, is_patient])
            outcome = outcome_of(*cursor.fetchone())
    return with_bonuses(outcome, decision) if decision else outcome


@transaction.atomic
def release(
    *,
    hold_id: int,
    outlet_id: int,
    caller: Caller,
    key: str,
    body: str,
    actor: Actor,
    at: datetime,
    unit_id: int | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Give everything back: no bill came of it. The outcome's `spent_points` is negative: what came back.

    Answers "refused" with hold_unknown, hold_closed, hold_expired (it timed out before) or key_reused.
    """
    arguments = [caller.number, caller.id, str(actor), digest(key), digest(body), hold_id, outlet_id, now]
    outcome = outcome_of(*call(_RELEASE, arguments)[0])
    if outcome.is_booked and not outcome.replayed:
        _tell("hold.released", hold_id, actor, now or at, unit_id, points=-outcome.spent_points)
    return outcome


def release_overdue(*, at: datetime, now: datetime | None = None) -> int:
    """Give back what nobody captured in time; return how many holds that were. Each chunk is a transaction.

    A wallet that is being booked on at this moment is left for the next run.
    """
    done = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_OVERDUE, [CHUNK, now])
            rows = cursor.fetchall()
            for hold_id, _wallet_id, points in rows:
                _tell("hold.timed_out", hold_id, Actor.system("hold"), now or at, None, points=points)
        if not rows:
            return done
        done += len(rows)


def _tell(verb: str, hold_id: int | None, actor: Actor, at: datetime, unit_id: int | None, **facts: Any) -> None:
    events.record(verb, f"{Hold._meta.label_lower}:{hold_id}", actor, at, facts, unit_id=unit_id)
