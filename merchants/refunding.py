"""Refunds of a shop: who may give back how much of which sale, where, by amount or by line, and what is told of it.

The book does the sums (points.refunds); this module knows shops. Goods come back at any outlet of the merchant that
sold them. A cashier may give back a little alone, an owner or manager everything. The request keys are those of sales.

    told = preview(outlet=outlet, sale=find(outlet, 90211), request=Request(fen=3_000), most_fen=None, at=now)
    done = refund(outlet=outlet, number=90211, request=…, caller=caller, key="…", actor=actor, most_fen=None, at=now)
    done.figures.cash_back_fen        # what the cashier hands out
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events
from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from alliance.calc.money import MAX_FEN
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Unit, User
from alliance.refusals import Refused, declare
from merchants.calc import returns
from merchants.calc.returns import SoldLine
from merchants.models import Outlet, RefundNote
from merchants.tills import OUTLET_CLOSED
from points import bills, refunds
from points.bills import Caller
from points.calc.refunding import Kept
from points.models import Refund, RefundAward, Sale, Trace
from points.refunds import ByLines, ByTotal, RefundOutcome, Returned
from points.refusals import ALREADY_VOID, REFUND_TOO_MUCH, SALE_UNKNOWN

LINES_UNKNOWN = declare(
    "refund_lines_unknown",
    409,
    _("The lines of this sale are not known, or a part came back by amount. Say how much comes back."),
)
LINE_GONE = declare(
    "refund_line_gone", 409, _("Of line %(line)s only %(left)s are left to come back. Look at the receipt again.")
)
# Translators: 一笔最多可退 %(yuan)s，更多须店长或店主登录办理
NEEDS_MANAGER = declare(
    "refund_needs_manager",
    403,
    _("A cashier may refund up to ¥%(yuan)s of one receipt. Ask an owner or manager to sign in for more."),
)
EITHER = _("Give an amount or lines, not both.")
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Request:
    """What comes back: an amount, lines as (number from 1, units), or, with neither, all that is left."""

    fen: int | None = None
    lines: tuple[tuple[int, int], ...] = ()
    # The money was handed out already, so nothing can be kept back from it.
    cash_given: bool = False
    reason: str = RefundNote.Reason.OTHER
    note: str = ""

    def body(self, outlet_id: int, number: int) -> str:
        """Return what makes two requests the same one."""
        return json.dumps(["refund", outlet_id, number, self.fen, self.lines, self.cash_given, self.reason, self.note])


@dataclass(frozen=True, slots=True)
class Figures:
    """What a refund comes to, for the till and for the customer."""

    # returned_fen = cash_fen + points_back; cash_fen = cash_back_fen + keep_back_fen
    returned_fen: int
    cash_fen: int
    points_back: int
    cash_back_fen: int
    keep_back_fen: int
    # Owed by the member for points that were gone, beyond what was kept back.
    claim_fen: int
    cash_given: bool
    # Of points_back: what comes when the merchant has money again, and what was too old.
    points_promised: int
    points_lapsed: int
    # … and what went on to those who had paid it, since points can be spent no longer.
    points_wound: int
    # Of the earned points and bonuses: taken back, gone already, promised and never given.
    points_taken: int
    points_short: int
    points_unpromised: int
    # What the merchant gets of its rebate and spending fee: at once, or due after the next close.
    rest_back_fen: int
    rest_due_fen: int
    fee_back_fen: int

    @property
    def points_back_now(self) -> int:
        return self.points_back - self.points_promised

    @property
    def float_back_fen(self) -> int:
        """Return what is in the merchant's float again, or kept back in its till."""
        return self.points_taken + self.rest_back_fen


@dataclass(frozen=True, slots=True)
class Done:
    """One refund as it stands in the books."""

    number: int
    n: int
    sale: Sale
    outlet_id: int
    booked_at: datetime
    actor: str
    figures: Figures
    # What was left of the bill after it.
    left_fen: int
    reason: str
    note: str
    lines: tuple[tuple[int, int], ...]
    is_replay: bool = False

    @property
    def reason_words(self) -> str:
        return str(RefundNote.Reason(self.reason).label) if self.reason else ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A sale with what came back of it and what can still come back."""

    sale: Sale
    kept: Kept
    is_void: bool
    history: tuple[Done, ...]
    # Empty: only amounts can come back.
    lines: tuple[SoldLine, ...]
    last_on: Any
    is_late: bool

    @property
    def left_fen(self) -> int:
        return 0 if self.is_void else self.kept.bill

    @property
    def returned_fen(self) -> int:
        return 0 if self.is_void else self.sale.bill_fen - self.kept.bill

    @property
    def can_be_refunded(self) -> bool:
        return self.left_fen > 0 and not self.is_late


def find(outlet: Outlet, number: int) -> Sale:
    """Return a sale of the outlet's merchant, sold at any of its outlets. Refuses: sale_unknown."""
    sale = None
    if 0 < number < 2**63:
        outlets = Outlet.objects.filter(merchant_id=outlet.merchant_id, is_test=outlet.is_test)
        numbers = list(outlets.values_list("pk", flat=True))
        sale = Sale.objects.filter(outlet_id__in=numbers, id=number, kind=Sale.Kind.SALE).first()
    if sale is None:
        raise SALE_UNKNOWN()
    return sale


def standing(sale: Sale, at: datetime) -> Standing:
    """Return what became of a sale."""
    kept = refunds.left_of(sale)
    done = history(sale)
    last_on = shanghai_day(sale.booked_at) + timedelta(days=settings.REFUND_DAYS)
    return Standing(
        sale=sale,
        kept=kept,
        is_void=kept.bill == 0 and not done,
        history=done,
        lines=_lines(sale, done),
        last_on=last_on,
        is_late=shanghai_day(at) > last_on,
    )


def refund(
    *,
    outlet: Outlet,
    number: int,
    request: Request,
    caller: Caller,
    key: str,
    actor: Actor,
    most_fen: int | None,
    at: datetime,
) -> Done:
    """Refund a part of a sale or all that is left, once; the same key and request get the first answer again.

    most_fen: how much of one receipt this person may give back in all; None: all of it.
    Refuses: sale_unknown, outlet_closed, already_void, refund_too_much, refund_too_late, refund_needs_manager,
    refund_lines_unknown, refund_line_gone, amount_invalid, key_reused.
    """
    body = request.body(outlet.pk, number)
    sale = find(outlet, number)
    for n in range(1, _TRIES + 1):
        try:
            with transaction.atomic():
                outcome = _book(outlet, sale, request, caller, key, body, actor, most_fen, at)
            break
        except Refused as refusal:
            # Somebody else's refund came in between: in a transaction of its own it can be tried again.
            if refusal.code != "in_progress" or connection.in_atomic_block or n == _TRIES:
                raise
    # A refusal of the book is kept with its key, so it is raised outside the transaction.
    if not outcome.is_booked:
        raise outcome.refusal()
    done = next(one for one in history(sale) if one.number == outcome.refund_id)
    return replace(done, is_replay=outcome.replayed)


def preview(*, outlet: Outlet, sale: Sale, request: Request, most_fen: int | None, at: datetime) -> Figures:
    """Return what `refund` would come to now; nothing is booked. Refuses what it refuses. sale: from `find`."""
    returned = _returned(outlet, sale, request, most_fen)
    outcome = refunds.preview(sale=sale, returned=returned, at=at, cash_given=request.cash_given)
    if not outcome.is_booked:
        raise outcome.refusal()
    return _of_outcome(outcome, request.cash_given)


def told(outlet: Outlet, refund_id: int) -> Done | None:
    """Return a refund that was booked at an outlet."""
    document = Sale.objects.filter(outlet_id=outlet.pk, id=refund_id, kind=Sale.Kind.REFUND).first()
    if document is None or document.reverses_id is None:
        return None
    try:
        sale = find(outlet, document.reverses_id)
    except Refused:
        return None
    return next((one for one in history(sale) if one.number == refund_id), None)


# --- by headquarters: when a shop cannot, with a second person above a limit --------------------------


def by_staff(*, sale: Sale, request: Request, key: str, user: User, unit: Unit, at: datetime) -> Done | Approval:
    """Refund a sale for its shop; above REFUND_STAFF_FEN of one receipt a second person is asked.

    Refuses what `refund` refuses, and approval_already_asked.
    """
    outlet = _place(sale)
    fen = preview(outlet=outlet, sale=sale, request=request, most_fen=None, at=at).returned_fen
    caller = Caller("staff", user.pk)
    is_known = bills.sale_of(caller, key) is not None
    if not is_known and sale.bill_fen - refunds.left_of(sale).bill + fen > settings.REFUND_STAFF_FEN:
        facts = {
            "sale": sale.pk,
            "outlet": outlet.pk,
            "fen": fen,
            "cash_given": request.cash_given,
            "reason": str(request.reason),
            "note": request.note,
        }
        return approvals.ask(
            kind="merchants.refund", subject=f"points.sale:{sale.pk}", facts=facts, unit=unit, user=user, at=at
        )
    return refund(
        outlet=outlet,
        number=sale.pk,
        request=request,
        caller=caller,
        key=key,
        actor=Actor.user(user),
        most_fen=None,
        at=at,
    )


def describe(approval: Approval) -> str:
    facts = approval.facts
    # Translators: 小票 S123：退款 ¥600.00，理由：商品有问题 机器坏了
    return gettext("Sale S%(sale)s: refund of ¥%(yuan)s · reason: %(reason)s %(note)s") % {
        "sale": facts["sale"],
        "yuan": f"{facts['fen'] / 100:,.2f}",
        "reason": RefundNote.Reason(facts["reason"]).label,
        "note": facts["note"],
    }


# Translators: 退款
@approvals.kind("merchants.refund", permission="sale.refund_approve", title=_("Refund"), describe=describe)
def book(approval: Approval, actor: Actor, at: datetime) -> Done:
    """Book what was asked for, with the decision. Refuses what `refund` refuses."""
    facts = approval.facts
    request = Request(fen=facts["fen"], cash_given=facts["cash_given"], reason=facts["reason"], note=facts["note"])
    return refund(
        outlet=Outlet.objects.get(pk=facts["outlet"]),
        number=facts["sale"],
        request=request,
        caller=Caller("staff", 0),
        key=f"approval:{approval.pk}",
        actor=actor,
        most_fen=None,
        at=at,
    )


def _place(sale: Sale) -> Outlet:
    """Return the outlet that sold it, or another one of the merchant if that one is closed."""
    sold_at = Outlet.objects.select_related("merchant").get(pk=sale.outlet_id)
    if sold_at.is_open:
        return sold_at
    others = Outlet.objects.filter(merchant_id=sold_at.merchant_id, is_test=sold_at.is_test).order_by("pk")
    return next((outlet for outlet in others if outlet.is_open), sold_at)


def history(sale: Sale) -> tuple[Done, ...]:
    """Return the refunds of a sale, oldest first."""
    rows = list(Refund.objects.filter(sale_id=sale.pk).order_by("n"))
    if not rows:
        return ()
    numbers = [row.pk for row in rows]
    notes = {note.pk: note for note in RefundNote.objects.filter(sale_id=sale.pk)}
    places = {sale.outlet_id, *(note.outlet_id for note in notes.values())}
    documents = {
        document.id: document
        for document in Sale.objects.filter(outlet_id__in=places, booked_at__gte=sale.booked_at, id__in=numbers)
    }
    awards: dict[int, list[RefundAward]] = {}
    for award in RefundAward.objects.filter(refund_id__in=numbers, is_reward=False):
        awards.setdefault(award.refund_id, []).append(award)
    found, left = [], sale.bill_fen
    for row in rows:
        document, note = documents[row.pk], notes.get(row.pk)
        left += document.bill_fen
        found.append(
            Done(
                number=row.pk,
                n=row.n,
                sale=sale,
                outlet_id=document.outlet_id,
                booked_at=document.booked_at,
                actor=document.actor,
                figures=_of_rows(row, document, awards.get(row.pk, [])),
                left_fen=left,
                reason=note.reason if note else "",
                note=note.note if note else "",
                lines=tuple((line, units) for line, units in note.lines) if note else (),
            )
        )
    return tuple(found)


def _book(
    outlet: Outlet,
    sale: Sale,
    request: Request,
    caller: Caller,
    key: str,
    body: str,
    actor: Actor,
    most_fen: int | None,
    at: datetime,
) -> RefundOutcome:
    with connection.cursor() as cursor:
        # Lines are counted here and not in the book: one refund of a sale at a time.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('refund:' || %s, 0))", [sale.pk])
    # What was answered before is answered again, whatever became of the sale since: the book looks at the key first.
    is_known = bills.sale_of(caller, key) is not None
    returned = ByTotal(1) if is_known else _returned(outlet, sale, request, most_fen)
    outcome = refunds.refund(
        sale=sale,
        outlet_id=outlet.pk,
        returned=returned,
        caller=caller,
        key=key,
        body=body,
        actor=actor,
        at=at,
        cash_given=request.cash_given,
    )
    if outcome.is_booked and outcome.refund_id and not outcome.replayed:
        note = RefundNote.objects.create(
            refund_id=outcome.refund_id,
            sale_id=sale.pk,
            outlet=outlet,
            reason=request.reason,
            note=request.note,
            lines=request.lines,
            actor=str(actor),
            made_at=at,
        )
        if not _has_moved(outcome):
            facts = {"sale": sale.pk, "fen": outcome.returned_fen, "reason": request.reason}
            events.record("refund.without_points", note, actor, at, facts, unit_id=outlet.centre_id)
    return outcome


def _has_moved(outcome: RefundOutcome) -> bool:
    """Return whether the book has a journal of it: then the diary needs no event."""
    bonuses = sum(bonus.taken + bonus.charged_fen for bonus in outcome.bonuses)
    return outcome.points_back_now + outcome.points_taken + outcome.rest_back_fen + bonuses > 0


def _returned(outlet: Outlet, sale: Sale, request: Request, most_fen: int | None) -> Returned:
    """Return what comes back in the words of the book, after the checks that are a shop's own."""
    if not outlet.is_open:
        raise OUTLET_CLOSED()
    kept = refunds.left_of(sale)
    returned: Returned
    if request.lines:
        lines = _lines(sale, history(sale))
        if not lines:
            raise LINES_UNKNOWN()
        returned = _by_lines(lines, request.lines)
        fen = returned.cash_fen + returned.points
    else:
        fen = kept.bill if request.fen is None else request.fen
        if not 0 < fen <= MAX_FEN and request.fen is not None:
            raise AMOUNT_INVALID(given=str(fen))
        if fen == 0:
            raise REFUND_TOO_MUCH(left_fen=0) if _was_refunded(sale) else ALREADY_VOID()
        returned = ByTotal(fen)
    if most_fen is not None and sale.bill_fen - kept.bill + fen > most_fen:
        raise NEEDS_MANAGER(yuan=f"{most_fen / 100:,.2f}")
    return returned


def _was_refunded(sale: Sale) -> bool:
    return bool(Refund.objects.filter(sale_id=sale.pk).exists())


def _by_lines(lines: tuple[SoldLine, ...], wanted: tuple[tuple[int, int], ...]) -> ByLines:
    try:
        cash, points, earned = returns.coming_back(lines, wanted)
    except returns.TooMany as problem:
        raise LINE_GONE(line=problem.line, left=problem.left) from None
    return ByLines(cash_fen=cash, points=points, eligible_fen=earned, stays=returns.staying(lines, wanted))


def _lines(sale: Sale, done: tuple[Done, ...]) -> tuple[SoldLine, ...]:
    """Return the lines that were kept with a sale and what is left of each; none once a part came back by amount."""
    if any(not one.lines for one in done):
        return ()
    facts: Mapping[str, Any] | None = Trace.objects.filter(pk=sale.pk).values_list("facts", flat=True).first()
    kept = (facts or {}).get("lines", [])
    # A bill without lines is kept as one of no category.
    if not any(category or product for category, product, *_rest in kept):
        return ()
    gone: dict[int, int] = {}
    for one in done:
        for line, units in one.lines:
            gone[line] = gone.get(line, 0) + units
    return returns.sold(kept, paid_fen=sale.paid_fen, spent_points=sale.spent_points, gone=gone)


def _of_outcome(outcome: RefundOutcome, cash_given: bool) -> Figures:
    bonuses = [bonus for bonus in outcome.bonuses if not bonus.is_reward]
    taken = sum(bonus.taken for bonus in bonuses)
    return Figures(
        returned_fen=outcome.returned_fen,
        cash_fen=outcome.cash_fen,
        points_back=outcome.points_back,
        cash_back_fen=outcome.cash_back_fen,
        keep_back_fen=outcome.keep_back_fen,
        claim_fen=outcome.claim_fen,
        cash_given=cash_given,
        points_promised=outcome.points_promised,
        points_lapsed=outcome.points_lapsed,
        points_wound=outcome.points_wound,
        points_taken=outcome.points_taken + taken,
        points_short=outcome.points_short + sum(bonus.points - bonus.home for bonus in bonuses) - taken,
        points_unpromised=outcome.points_unpromised,
        rest_back_fen=outcome.rest_back_fen,
        rest_due_fen=outcome.rest_due_fen,
        fee_back_fen=outcome.fee_back_fen,
    )


def _of_rows(row: Refund, document: Sale, awards: list[RefundAward]) -> Figures:
    taken = sum(award.taken for award in awards)
    return Figures(
        returned_fen=-document.bill_fen,
        cash_fen=row.cash_fen,
        points_back=-document.spent_points,
        cash_back_fen=row.cash_fen - row.keep_back_fen,
        keep_back_fen=row.keep_back_fen,
        claim_fen=row.claimed,
        cash_given=row.is_cash_given,
        points_promised=row.promised,
        points_lapsed=row.lapsed,
        points_wound=row.wound,
        points_taken=row.taken + taken,
        points_short=row.short - row.home + sum(award.points for award in awards) - taken,
        points_unpromised=row.unpromised,
        rest_back_fen=row.rest_back,
        rest_due_fen=row.rest_due,
        fee_back_fen=row.from_fee,
    )
