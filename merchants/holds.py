"""Points held at a till for a bill that is not final: a room, a meal, a repair. Then captured, or given back.

The member is there when the points are set aside: code or PIN are asked for as for a spending, and the token is used
up. Capturing needs nobody: the bill as it came out takes at most what is held, and money paid on it earns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from alliance.refusals import Refused
from merchants import guesses, sales, tills
from merchants.calc import memberfield
from merchants.models import Outlet
from merchants.sales import Receipt
from points import bills, holds
from points.bills import Caller, Outcome, OutletRef
from points.models import Hold, Terms
from points.refusals import HOLD_UNKNOWN

MOST_MINUTES = int(holds.LONGEST.total_seconds()) // 60


@dataclass(frozen=True, slots=True)
class Request:
    """What the till wants to set aside. `bill_fen` is what the bill is expected to be; minutes None: the usual time."""

    member: str
    bill_fen: int
    points: int
    minutes: int | None = None
    reference: str = ""

    @property
    def lasts(self) -> timedelta:
        return holds.usual_time() if self.minutes is None else timedelta(minutes=min(self.minutes, MOST_MINUTES + 1))

    def body(self, outlet_id: int) -> str:
        """Return what makes two requests the same one. A PIN is a proof and no part of it."""
        member = memberfield.plain(self.member)
        return json.dumps(["hold", outlet_id, member, self.bill_fen, self.points, self.minutes, self.reference])

    def check(self, at: datetime) -> None:
        """Refuse amount_invalid or reference_invalid."""
        if self.points < 1:
            raise AMOUNT_INVALID(given=str(self.points))
        sales.Request(self.member, self.bill_fen, self.points, reference=self.reference).check(at)


@dataclass(frozen=True, slots=True)
class Final:
    """The bill as it came out. points None: all that is held, as far as the bill and the agreement allow it."""

    bill_fen: int
    points: int | None = None
    eligible_fen: int | None = None
    reference: str = ""

    def body(self, outlet_id: int, hold_id: int) -> str:
        facts = [self.bill_fen, self.points, self.eligible_fen, self.reference]
        return json.dumps(["capture", outlet_id, hold_id, *facts])


@dataclass(frozen=True, slots=True)
class Held:
    """A hold as it stands after an act."""

    hold: Hold
    available_points: int | None = None
    is_replay: bool = False


def place(
    *, outlet: Outlet, request: Request, caller: Caller, key: str, actor: Actor, at: datetime, pin: str = ""
) -> Held:
    """Set points aside, once.

    Refuses: merchant_not_live, outlet_closed, amount_invalid, reference_invalid, terms_missing, pin_needed, key_reused,
    what tills.identify refuses, member_token_spent, hold_time_invalid, spend_share_exceeded, points_short,
    wallet_frozen, wallet_unknown.
    """
    body = request.body(outlet.pk)
    try:
        request.check(at)
        with transaction.atomic():
            outcome, refused = _serve(outlet, request, caller, key, body, actor, at, pin)
        if refused:
            raise refused
    except Refused as refusal:
        # A first try may have used up the code or the token: look for its answer first.
        stored = None if refusal.code == "key_reused" else bills.answered(caller, key, body)
        if stored is None:
            raise
        outcome = stored
    if outcome is None:
        raise RuntimeError("a hold was neither placed nor refused")
    shown = outcome.available_after if tills.shows_balance(request.member) else None
    return Held(_hold(outcome), shown, outcome.replayed)


def _serve(
    outlet: Outlet, request: Request, caller: Caller, key: str, body: str, actor: Actor, at: datetime, pin: str
) -> tuple[Outcome | None, Refused | None]:
    """Find the member and hold. A refusal that must leave a trace (a wrong PIN is counted) is returned, not raised."""
    tills.check_serving(outlet)
    whose = guesses.who(caller, actor)
    member = tills.find(outlet=outlet, given=request.member, at=at, whose=whose)
    if member.needs_pin(request.points):
        if not pin:
            raise tills.PIN_NEEDED()
        try:
            member = tills.prove(member=member, pin=pin, at=at, whose=whose)
        except Refused as refusal:
            return None, refusal
    in_force = sales.terms_at(outlet, at)
    holds.check(points=request.points, bill_fen=request.bill_fen, terms=in_force, lasts=request.lasts)
    tills.take(member)
    outcome = holds.place(
        outlet=_ref(outlet, in_force),
        terms=in_force,
        wallet_id=member.wallet_id,
        points=request.points,
        bill_fen=request.bill_fen,
        lasts=request.lasts,
        caller=caller,
        key=key,
        body=body,
        actor=actor,
        at=at,
        reference=request.reference,
        unit_id=outlet.centre_id,
    )
    if not outcome.is_booked:
        tills.give_back(member)
    return outcome, None


def capture(
    *, outlet: Outlet, hold_id: int, final: Final, caller: Caller, key: str, actor: Actor, at: datetime
) -> Receipt:
    """Book the bill of a hold, once: points are taken first, then earned on what was paid in money, in one journal.

    Refuses: merchant_not_live, outlet_closed, amount_invalid, reference_invalid, terms_missing, spend_share_exceeded,
    hold_unknown, hold_closed, hold_expired, hold_too_small, key_reused.
    """
    body = final.body(outlet.pk, hold_id)
    hold = find([outlet.pk], hold_id)
    # Nobody shows a code for the final bill.
    request = sales.Request("", final.bill_fen, 0, final.eligible_fen, final.reference)
    if hold is not None and not final.reference:
        request = replace(request, reference=hold.reference)
    stored = bills.answered(caller, key, body)
    if stored is not None:
        return sales.receipt_of(outlet, request, stored)
    tills.check_serving(outlet)
    if hold is None:
        raise HOLD_UNKNOWN()
    in_force = sales.terms_at(outlet, at)
    points = final.points
    if points is None:
        points = min(hold.points, final.bill_fen * in_force.spend_share_bps // 10_000)
    if points < 1:
        raise AMOUNT_INVALID(given=str(points))
    request = replace(request, spend_points=points)
    request.check(at)
    bill = sales.bill_of(outlet, in_force, hold.wallet_id, request, at, key=key, body=body)
    outcome = holds.capture(hold_id=hold_id, bill=bill, caller=caller, actor=actor)
    return sales.receipt_of(outlet, request, outcome, bill)


def release(*, outlet: Outlet, hold_id: int, caller: Caller, key: str, actor: Actor, at: datetime) -> Held:
    """Give the points back: no bill came of it. Refuses: hold_unknown, hold_closed, hold_expired, key_reused."""
    if hold_id >= 2**63:
        raise HOLD_UNKNOWN()
    outcome = holds.release(
        hold_id=hold_id, outlet_id=outlet.pk, caller=caller, key=key, body=json.dumps(["release", outlet.pk, hold_id]),
        actor=actor, at=at, unit_id=outlet.centre_id,
    )  # fmt: skip
    return Held(_hold(outcome), None, outcome.replayed)


def find(outlet_ids: list[int], number: int) -> Hold | None:
    """Return one hold of these outlets."""
    if number >= 2**63:
        return None
    return Hold.objects.of_outlets(outlet_ids).filter(pk=number).first()


def open_at(outlet_id: int, n: int = 100) -> list[Hold]:
    """Return what the outlet has set aside and not closed, what ends first first."""
    return list(Hold.objects.open().filter(outlet_id=outlet_id).order_by("ends_at", "pk")[:n])


def open_count(outlet_id: int, at: datetime) -> int:
    """Return how many holds of the outlet can still be captured."""
    return Hold.objects.open().filter(outlet_id=outlet_id, ends_at__gt=at).count()


def lately_closed(outlet_id: int, at: datetime, n: int = 10) -> list[Hold]:
    """Return the outlet's holds of the last days that are closed, newest first."""
    rows = Hold.objects.filter(outlet_id=outlet_id, placed_at__gt=at - timedelta(days=8))
    return list(rows.exclude(state=Hold.State.OPEN).order_by("-closed_at", "-pk")[:n])


def _ref(outlet: Outlet, in_force: Terms) -> OutletRef:
    return OutletRef(outlet.pk, in_force.float_id, outlet.centre_account_id)


def _hold(outcome: Outcome) -> Hold:
    """Return the hold that an outcome names; refuse what was refused."""
    if not outcome.is_booked or outcome.sale_id is None:
        raise outcome.refusal()
    return Hold.objects.get(pk=outcome.sale_id)
