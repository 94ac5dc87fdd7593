"""Bills at a till: previewed, recorded (a sale, a spending, or both on one bill), voided within ten minutes.

The book does the sums and keeps them (points.bills); this module knows shops: who may serve where, how the member was
recognised, when the PIN is asked for. A request key belongs to its caller: a merchant's machines together, or one
till. Whoever repeats a request gets the first answer, even when the member's code has been used up by the first try.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from alliance.calc.money import MAX_FEN
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused, declare
from merchants import guesses, offline, tills
from merchants.calc import memberfield
from merchants.guesses import Whose
from merchants.models import OfflineSpend, Outlet
from merchants.offline import Taken
from merchants.tills import Member
from points import awards, bills, terms
from points.awards import Said
from points.bills import Bill, Caller, Outcome, OutletRef
from points.calc import rebate
from points.calc.rules import Line
from points.calc.tender import paid_in_money
from points.models import Sale, Terms
from points.refusals import SALE_UNKNOWN

TIME_OUT_OF_RANGE = declare(
    "time_out_of_range", 422, _("A sale can be sent up to 30 days after it happened, and not before. Check the clock.")
)
BATCH_SIZE = declare("batch_size", 422, _("A batch holds 1 to %(limit)s sales. Send the rest in another one."))
REFERENCE_INVALID = declare(
    "reference_invalid", 422, _("A reference has no control characters. Send what is printed on your receipt.")
)
KEY_TWICE = declare("key_twice_in_batch", 422, _("This key stands twice in the batch. Give each sale its own."))

# So long the till's own time is believed; what arrives later is booked under the terms of its arrival.
LATE = timedelta(hours=72)
LATEST = timedelta(days=30)
# The book takes five minutes; one less here, so that a second between two clocks is a refusal and no failure.
EARLY = timedelta(minutes=4)
VOID_WITHIN = timedelta(minutes=10)
BATCH_LIMIT = 500
BUCKETS = 64
# Categories of what nobody sees printed: controls, marks that hide or turn the direction around, breaks, halves.
_UNPRINTED = {"Cc", "Cf", "Zl", "Zp", "Cs"}
# Joins emoji into one.
_JOINER = "\u200d"


def _is_unprinted(char: str) -> bool:
    return char != _JOINER and (unicodedata.category(char) in _UNPRINTED or "\ufff9" <= char <= "\uffff")


@dataclass(frozen=True, slots=True)
class Request:
    """A bill as the till sends it. `bill_fen` is paid with `spend_points` and the rest in money."""

    member: str
    bill_fen: int
    spend_points: int = 0
    # The part of the money that earns points; None: all of it.
    eligible_fen: int | None = None
    reference: str = ""
    occurred_at: datetime | None = None
    # When the device had last sent everything off, by its own word. It says nothing of the bill: no part of what makes
    # two the same.
    synced_at: datetime | None = None
    # What was bought, with prices that add up to the bill; rules read it. Empty: the bill is one line of no category.
    lines: tuple[Line, ...] = ()

    def body(self, outlet_id: int) -> str:
        """Return what makes two requests the same one. A PIN is a proof and no part of it."""
        return json.dumps(
            [
                "bill",
                outlet_id,
                memberfield.plain(self.member),
                self.bill_fen,
                self.spend_points,
                self.eligible_fen,
                self.reference,
                self.occurred_at.isoformat() if self.occurred_at else None,
                *([self.lines] if self.lines else []),
            ]
        )

    def check(self, at: datetime) -> None:
        """Refuse amount_invalid, reference_invalid or time_out_of_range."""
        for amount, least, most in (
            (self.bill_fen, 1, MAX_FEN),
            (self.spend_points, 0, self.bill_fen),
            (self.eligible_fen or 0, 0, self.bill_fen - self.spend_points),
        ):
            if not least <= amount <= most:
                raise AMOUNT_INVALID(given=str(amount))
        if any(map(_is_unprinted, self.reference)):
            raise REFERENCE_INVALID()
        if self.occurred_at and not at - LATEST <= self.occurred_at <= at + EARLY:
            raise TIME_OUT_OF_RANGE()

    def sold_at(self, at: datetime, mark: datetime | None = None) -> datetime:
        """Return whose terms and rules count: the till's time, while it can be believed, else the arrival's (row 41).

        It can be for 72 hours, and not when the device had sent everything off since: by the mark that is kept of it
        (offline.last_sync), or by its own word.
        """
        if self.occurred_at is None or self.occurred_at < at - LATE:
            return at
        syncs = [sync for sync in (mark, self.synced_at) if sync is not None and sync <= at + EARLY]
        return at if any(self.occurred_at < sync for sync in syncs) else self.occurred_at

    def is_late(self, at: datetime) -> bool:
        """Whether the till kept it for a while before it sent it."""
        return self.occurred_at is not None and self.occurred_at < at - offline.FRESH


@dataclass(frozen=True, slots=True)
class Quote:
    """What a bill would bring and cost, booked nowhere."""

    bill_fen: int
    spend_points: int
    paid_fen: int
    eligible_fen: int
    rate_bps: int
    rebate_fen: int
    points: int
    spend_fee: int
    max_spend_points: int
    needs_pin: bool
    matures_on: date
    expires_on: date
    # What rules would give on top, as far as it is known who buys.
    bonuses: tuple[Said, ...] = ()

    @property
    def bonus_points(self) -> int:
        return sum(bonus.points for bonus in self.bonuses)

    @property
    def total_points(self) -> int:
        return self.points + self.bonus_points


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One sale of a batch with its own request key."""

    key: str
    request: Request


@dataclass(frozen=True, slots=True)
class AtRisk:
    """Points taken offline that the wallet had not: no entry. The money part is booked, if there was any."""

    points: int
    receipt: Receipt | None
    is_replay: bool


@dataclass(frozen=True, slots=True)
class VoidReceipt:
    """What a void moved back."""

    void_id: int
    sale_id: int
    outlet_id: int
    booked_at: datetime
    points_taken: int
    points_returned: int
    is_replay: bool = False
    # Bonuses that went back to whoever paid them.
    bonus_points_taken: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was booked, as the till and the customer read it."""

    sale_id: int
    status: str
    outlet_id: int
    booked_at: datetime
    bill_fen: int
    paid_fen: int
    spent_points: int
    points: int
    # What comes when the merchant has paid its bill; then points are 0.
    promised_points: int
    rebate_fen: int
    matures_on: date | None
    expires_on: date | None
    # None unless the member showed a code or typed the PIN.
    available_points: int | None
    reference: str
    is_replay: bool = False
    # What rules gave on top of `points`.
    bonuses: tuple[Said, ...] = ()
    # What they give at most when the merchant has paid for a promised sale.
    promised_bonus: int = 0

    @property
    def bonus_points(self) -> int:
        return sum(bonus.points for bonus in self.bonuses)

    @property
    def void_until(self) -> datetime:
        return self.booked_at + VOID_WITHIN


def quote(*, outlet: Outlet, member: Member | None, request: Request, at: datetime) -> Quote:
    """Preview a bill without booking anything.

    Refuses: merchant_not_live, outlet_closed, amount_invalid, terms_missing, spend_share_exceeded.
    """
    tills.check_serving(outlet)
    request.check(at)
    in_force = terms_at(outlet, at)
    bill = bill_of(outlet, in_force, member.wallet_id if member else 0, request, at, key="", body="")
    most = request.bill_fen * in_force.spend_share_bps // 10_000
    available = tills.available_points(member) if member else None
    return Quote(
        bill_fen=request.bill_fen,
        spend_points=request.spend_points,
        paid_fen=bill.paid_fen,
        eligible_fen=bill.eligible_fen,
        rate_bps=in_force.rate_bps,
        rebate_fen=bill.rebate_fen,
        points=bill.points,
        spend_fee=bill.spend_fee,
        max_spend_points=most if available is None else min(most, available),
        needs_pin=member.needs_pin(request.spend_points) if member else False,
        matures_on=bill.matures_on,
        expires_on=bill.expires_on,
        bonuses=awards.preview(bill),
    )


def record(
    *,
    outlet: Outlet,
    request: Request,
    caller: Caller,
    key: str,
    actor: Actor,
    at: datetime,
    pin: str = "",
    device: str = "",
) -> Receipt:
    """Book a bill once: points are spent first, then earned on what was paid in money, in one journal.

    A float that is too small makes a sale without points (status "without_points"), which no later top-up changes; with
    room on its credit line the merchant promises them (status "promised"). device: which one of the caller's sent it.
    Refuses: merchant_not_live, outlet_closed, amount_invalid, reference_invalid, time_out_of_range, terms_missing,
    pin_needed, key_reused, what tills.identify refuses, and of the book spend_share_exceeded, points_short,
    wallet_frozen, wallet_unknown.
    """
    body = request.body(outlet.pk)
    device = offline.device_name(caller, actor, device)
    try:
        request.check(at)
        mark = offline.last_sync(caller, device) if request.is_late(at) else None
        with _transaction_for(request):
            outcome, refused, bill = _serve(outlet, request, caller, key, body, actor, at, pin, mark)
        if refused:
            raise refused
    except Refused as refusal:
        # A first try may have used up the code, the token, the five minutes or the 30 days: look for its answer first.
        stored = None if refusal.code == "key_reused" else bills.answered(caller, key, body)
        if stored is None:
            raise
        return receipt_of(outlet, request, stored)
    if outcome is None or bill is None:
        raise RuntimeError("a bill was neither booked nor refused")
    receipt = receipt_of(outlet, request, outcome, bill)
    if request.occurred_at and request.is_late(at) and request.occurred_at >= at - LATE:
        offline.sync(caller, device, request.occurred_at)
    return receipt


def _transaction_for(request: Request) -> AbstractContextManager[Any]:
    """A code or a token is used up in the transaction of the booking: a twin waits there and finds the answer."""
    kind, _text = tills.read(request.member)
    needs_one = kind == memberfield.CODE or request.spend_points > 0
    return transaction.atomic() if needs_one else nullcontext()


def _serve(
    outlet: Outlet,
    request: Request,
    caller: Caller,
    key: str,
    body: str,
    actor: Actor,
    at: datetime,
    pin: str,
    mark: datetime | None,
) -> tuple[Outcome | None, Refused | None, Bill | None]:
    """Find the member and book. A refusal that must leave a trace (a wrong PIN is counted) is returned, not raised."""
    tills.check_serving(outlet)
    whose = guesses.who(caller, actor)
    member = tills.find(outlet=outlet, given=request.member, at=at, whose=whose)
    if member.needs_pin(request.spend_points):
        if not pin:
            raise tills.PIN_NEEDED()
        try:
            member = tills.prove(member=member, pin=pin, at=at, whose=whose)
        except Refused as refusal:
            return None, refusal, None
    if request.spend_points:
        tills.take(member)
    event_at = request.sold_at(at, mark)
    in_force = terms_at(outlet, event_at)
    bill = bill_of(outlet, in_force, member.wallet_id, request, event_at, key=key, body=body)
    (outcome,) = bills.post([bill], caller=caller, actor=actor)
    if request.spend_points and outcome.status == "refused":
        tills.give_back(member)
    return outcome, None, bill


def void(*, outlet: Outlet, sale_id: int, caller: Caller, key: str, actor: Actor, at: datetime) -> VoidReceipt:
    """Undo a whole bill at the outlet that booked it, within ten minutes, once.

    Spent points go back to their lots, earned ones are taken back, and the float gets its rebate again.
    Refuses: sale_unknown, void_too_late, already_void, void_points_gone, key_reused.
    """
    if sale_id >= 2**63:
        raise SALE_UNKNOWN()
    body = json.dumps(["void", outlet.pk, sale_id])
    outcome = bills.void(sale_id=sale_id, outlet_id=outlet.pk, caller=caller, key=key, body=body, actor=actor, at=at)
    number, booked_at = _booked(outcome)
    return VoidReceipt(
        void_id=number,
        sale_id=sale_id,
        outlet_id=outlet.pk,
        booked_at=booked_at,
        points_taken=abs(outcome.points),
        points_returned=abs(outcome.spent_points),
        is_replay=outcome.replayed,
        bonus_points_taken=awards.taken_back(sale_id, number),
    )


def batch(
    *,
    outlet: Outlet,
    items: Sequence[BatchItem],
    caller: Caller,
    actor: Actor,
    at: datetime,
    device: str = "",
    more_follows: bool = False,
) -> list[Receipt | AtRisk | Refused]:
    """Book many sales of one outlet, each for itself: the answer has a receipt or a refusal per item, in order.

    They are posted grouped by bucket, so that batches side by side seldom wait for each other; the sales of one member
    stay in their order. Points are taken only as far as tills may take them offline (row 42); of those that the wallet
    has not the money part is booked in a second call, under a request key of its own, and a repetition makes that up.
    device: which one of the caller's sent them. more_follows: it has not sent everything off yet.
    Refuses as a whole: batch_size, key_twice_in_batch, merchant_not_live, outlet_closed.
    """
    if not 1 <= len(items) <= BATCH_LIMIT:
        raise BATCH_SIZE(limit=BATCH_LIMIT)
    if len({item.key for item in items}) < len(items):
        raise KEY_TWICE()
    tills.check_serving(outlet)
    device = offline.device_name(caller, actor, device)
    mark = offline.last_sync(caller, device) if any(item.request.occurred_at for item in items) else None
    answers: list[Receipt | AtRisk | Refused | None] = [None] * len(items)
    # Outside a transaction the book can repeat a call that got in another one's way; codes need one (see record).
    has_codes = any(_is_code(item.request) for item in items)
    with transaction.atomic() if has_codes else nullcontext():
        drafts = _drafts(outlet, items, answers, caller, at, guesses.who(caller, actor), mark)
        drafts = _with_codes(outlet, items, answers, caller, at, drafts)
        drafts.sort(key=lambda draft: (draft.bill.wallet_id % BUCKETS, draft.bill.wallet_id, draft.position))
        outcomes = bills.post([draft.bill for draft in drafts], caller=caller, actor=actor)
        answered = list(zip(drafts, outcomes, strict=True))
        offline.write_down([(draft.taken, outcome) for draft, outcome in answered if draft.taken], caller, at)
    for draft, outcome in answered:
        try:
            answers[draft.position] = receipt_of(outlet, items[draft.position].request, outcome, draft.bill)
        except Refused as refusal:
            answers[draft.position] = refusal
    first = {draft.position for draft, outcome in answered if not outcome.replayed}
    _book_money(outlet, items, answers, caller, actor, at, mark, first)
    done = [answer for answer in answers if answer is not None]
    if not any(_is_passing(answer) for answer in done):
        _mark(items, caller, device, at, has_all=bool(first) and not more_follows)
    return done


def _mark(items: Sequence[BatchItem], caller: Caller, device: str, at: datetime, *, has_all: bool) -> None:
    """Move the device's last sync: to now when it has sent all that it kept, else to the newest that it has sent.

    A batch that was answered before says nothing of what the till has rung up since.
    """
    if has_all:
        offline.sync(caller, device, at)
        return
    times = [item.request.occurred_at for item in items if item.request.occurred_at]
    if believed := [time for time in times if at - LATE <= time <= at]:
        offline.sync(caller, device, max(believed))


def _is_passing(answer: Receipt | AtRisk | Refused) -> bool:
    """Whether the till will send it again: then it has not sent everything off."""
    return isinstance(answer, Refused) and (
        answer.status == 429 or answer.status >= 500 or answer.code == "in_progress"
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    position: int
    bill: Bill
    # Of a member whose code was scanned offline.
    taken: Taken | None = None


def _drafts(
    outlet: Outlet,
    items: Sequence[BatchItem],
    answers: list[Receipt | AtRisk | Refused | None],
    caller: Caller,
    at: datetime,
    whose: Whose,
    mark: datetime | None,
) -> list[_Draft]:
    """Return the bills that can be posted; what is said of the others is written into `answers`."""
    drafts = []
    in_force: dict[date, Terms] = {}
    given = [item.request.member for item in items]
    scanned = [_scanned_at(item.request, at) for item in items]
    members = tills.find_many(outlet=outlet, given=given, at=at, whose=whose, scanned=scanned)
    for position, (item, found) in enumerate(zip(items, members, strict=True)):
        request = item.request
        body = request.body(outlet.pk)
        try:
            request.check(at)
            if isinstance(found, Refused):
                raise found
            offline.refuse(found, request.spend_points, request.occurred_at, at - LATE)
            event_at = request.sold_at(at, mark)
            # Agreements begin at midnight, so that one look serves a whole day.
            day = shanghai_day(event_at)
            if day not in in_force:
                in_force[day] = terms_at(outlet, event_at)
            bill = bill_of(outlet, in_force[day], found.wallet_id, request, event_at, key=item.key, body=body)
            is_coded = found.step is not None and request.occurred_at is not None
            taken = Taken(position, bill, found, request.occurred_at) if is_coded and request.occurred_at else None
            drafts.append(_Draft(position, bill, taken))
        except Refused as refusal:
            answers[position] = _stored(outlet, item, caller, body) or refusal
    return drafts


def _scanned_at(request: Request, at: datetime) -> datetime | None:
    """Return for which time a code is read; None: for now."""
    then = request.occurred_at
    if then is None and request.spend_points:
        # Refused below; the code is not used up for that.
        return at
    return then if then is not None and at - LATEST <= then <= at + EARLY else None


def _with_codes(
    outlet: Outlet,
    items: Sequence[BatchItem],
    answers: list[Receipt | AtRisk | Refused | None],
    caller: Caller,
    at: datetime,
    drafts: list[_Draft],
) -> list[_Draft]:
    """Use up the codes that were scanned offline; return the bills that can still be posted."""
    refused = offline.take([draft.taken for draft in drafts if draft.taken], at)
    for position, refusal in refused.items():
        item = items[position]
        answers[position] = _stored(outlet, item, caller, item.request.body(outlet.pk)) or refusal
    return [draft for draft in drafts if draft.position not in refused]


def _book_money(
    outlet: Outlet,
    items: Sequence[BatchItem],
    answers: list[Receipt | AtRisk | Refused | None],
    caller: Caller,
    actor: Actor,
    at: datetime,
    mark: datetime | None,
    first: set[int],
) -> None:
    """Book the money part of what was taken offline and no wallet had; one after another, each once."""
    short = [
        position for position, item in enumerate(items) if item.request.spend_points and _is_short(answers[position])
    ]
    rows = offline.not_covered(caller, [items[position].key for position in short])
    for position in short:
        item = items[position]
        if (row := rows.get(item.key)) is not None:
            try:
                receipt = _money_of(outlet, item, row, caller, actor, at, mark) if row.cash_fen else None
            except Refused as refusal:
                answers[position] = refusal
                continue
            is_replay = receipt.is_replay if receipt else position not in first
            answers[position] = AtRisk(row.points, receipt, is_replay)


def _is_short(answer: Receipt | AtRisk | Refused | None) -> bool:
    return isinstance(answer, Refused) and answer.code == "points_short"


def _money_of(
    outlet: Outlet,
    item: BatchItem,
    row: OfflineSpend,
    caller: Caller,
    actor: Actor,
    at: datetime,
    mark: datetime | None,
) -> Receipt:
    """Book the money part as the sale that it was. Its first answer stays, whatever is in force when it is repeated."""
    key, body = offline.cash_key(item.key), json.dumps(["money", item.request.body(outlet.pk)])
    request = replace(
        item.request,
        bill_fen=row.cash_fen,
        spend_points=0,
        lines=paid_in_money(item.request.lines, row.cash_fen),
    )
    stored = bills.answered(caller, key, body)
    if stored is not None:
        receipt = receipt_of(outlet, request, stored)
    else:
        event_at = request.sold_at(at, mark)
        bill = bill_of(outlet, terms_at(outlet, event_at), row.wallet_id, request, event_at, key=key, body=body)
        (outcome,) = bills.post([bill], caller=caller, actor=actor)
        receipt = receipt_of(outlet, request, outcome, bill)
    offline.booked_as(row, receipt.sale_id)
    return receipt


def _stored(outlet: Outlet, item: BatchItem, caller: Caller, body: str) -> Receipt | Refused | None:
    try:
        outcome = bills.answered(caller, item.key, body)
        return receipt_of(outlet, item.request, outcome) if outcome else None
    except Refused as refusal:
        return refusal


def _is_code(request: Request) -> bool:
    try:
        return memberfield.read(request.member)[0] == memberfield.CODE
    except ValueError:
        return False


def terms_at(outlet: Outlet, at: datetime) -> Terms:
    """Return what the merchant has agreed to at that time. Refuses: terms_missing."""
    known = outlet.terms_now
    if known is not None and known.valid_from <= at and (known.valid_to is None or at < known.valid_to):
        return known
    return terms.in_force(outlet.merchant.book.float_id, at)


def bill_of(
    outlet: Outlet, in_force: Terms, wallet_id: int, request: Request, event_at: datetime, *, key: str, body: str
) -> Bill:
    return bills.draft(
        outlet=OutletRef(outlet.pk, in_force.float_id, outlet.centre_account_id),
        terms=in_force,
        wallet_id=wallet_id,
        paid_fen=request.bill_fen - request.spend_points,
        eligible_fen=request.eligible_fen,
        spend_points=request.spend_points,
        event_at=event_at,
        reference=request.reference,
        key=key,
        body=body,
        lines=request.lines,
        trade=_trade(outlet) if awards.reads_trades() else "",
    )


def _trade(outlet: Outlet) -> str:
    """Return the merchant's line of business, looked up once."""
    merchant = outlet.merchant
    if merchant.trade_id not in _trades:
        _trades[merchant.trade_id] = merchant.trade.code
    return _trades[merchant.trade_id]


_trades: dict[int, str] = {}


def forget_trades() -> None:
    """Look the lines of business up anew."""
    _trades.clear()


def _booked(outcome: Outcome) -> tuple[int, datetime]:
    """Return number and time of what was booked; refuse what was not."""
    if outcome.sale_id is None or outcome.booked_at is None or not outcome.is_booked:
        raise outcome.refusal()
    return outcome.sale_id, outcome.booked_at


def receipt_of(outlet: Outlet, request: Request, outcome: Outcome, bill: Bill | None = None) -> Receipt:
    """Return the receipt of an outcome; a repeated request is told what stands in the book."""
    number, booked_at = _booked(outcome)
    if outcome.replayed or bill is None:
        bill = _rebuilt(outlet, number, booked_at)
    # Whatever the till's time was: points mature and expire from the day on which the bill arrived.
    arrived = shanghai_day(booked_at) if outcome.points > 0 or outcome.bonuses else None
    return Receipt(
        sale_id=number,
        status=outcome.status,
        outlet_id=outlet.pk,
        booked_at=booked_at,
        bill_fen=bill.bill_fen,
        paid_fen=bill.paid_fen,
        spent_points=outcome.spent_points,
        points=outcome.points,
        promised_points=outcome.promised_points,
        rebate_fen=outcome.points + outcome.rest,
        matures_on=arrived + timedelta(days=bill.matures_days) if arrived else None,
        expires_on=rebate.expires_on(arrived) if arrived else None,
        available_points=outcome.available_after if request.member and tills.shows_balance(request.member) else None,
        reference=request.reference,
        is_replay=outcome.replayed,
        bonuses=outcome.bonuses,
        promised_bonus=outcome.promised_bonus,
    )


def _rebuilt(outlet: Outlet, number: int, booked_at: datetime) -> Bill:
    sale = Sale.objects.get(outlet_id=outlet.pk, booked_at=booked_at, id=number)
    return bills.draft(
        outlet=OutletRef(outlet.pk, sale.float_id, outlet.centre_account_id),
        terms=Terms.objects.get(pk=sale.terms_id),
        wallet_id=sale.wallet_id,
        paid_fen=sale.paid_fen,
        eligible_fen=sale.eligible_fen,
        spend_points=sale.spent_points,
        event_at=sale.event_at,
        reference=sale.reference,
        key="",
        body="",
    )
