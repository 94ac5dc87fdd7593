"""Refunds at the till: find the sale, choose what comes back, read what to hand out, press once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID, read_fen
from alliance.calc.worktime import shanghai_day
from alliance.refusals import NOT_FOUND, Refused
from alliance.templatetags import lianhui
from merchants import refunding, register
from merchants.access import Desk, DeskRequest, cashier_only
from merchants.models import Outlet, RefundNote
from merchants.web import frame
from points import bills
from points.bills import Caller
from points.models import Sale

MOST_FOUND = 100
_PLACES = {"amount_invalid": "amount", "refund_too_much": "amount", "refund_line_gone": "lines"}


@dataclass
class Form:
    """What stands in the page's fields."""

    what: str = "all"
    amount: str = ""
    units: dict[int, str] = field(default_factory=dict)
    reason: str = RefundNote.Reason.UNWANTED
    cash_given: bool = False
    request_key: str = field(default_factory=lambda: uuid.uuid4().hex)
    errors: dict[str, str] = field(default_factory=dict)
    # The refund that stands under this form's key already.
    booked: int | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Form:
        given = request.POST
        reason = given.get("reason", "")
        return cls(
            what=given.get("what", "all"),
            amount=given.get("amount", "").strip()[:40],
            units={
                int(name[5:]): value.strip()[:7]
                for name, value in given.items()
                if name.startswith("line-") and name[5:].isascii() and name[5:].isdigit() and len(name) < 10
            },
            reason=reason if reason in RefundNote.Reason.values else RefundNote.Reason.OTHER,
            cash_given=bool(given.get("cash_given")),
            request_key=given.get("request_key", "").strip(),
        )

    def wanted(self) -> refunding.Request:
        """Return what is asked for. Refuses: amount_invalid."""
        more: dict[str, Any] = {"reason": self.reason, "cash_given": self.cash_given}
        if self.what == "amount":
            return refunding.Request(fen=read_fen(self.amount), **more)
        if self.what == "lines":
            lines = []
            for number, text in sorted(self.units.items()):
                if text in ("", "0"):
                    continue
                if not (text.isascii() and text.isdigit()):
                    raise AMOUNT_INVALID(given=text)
                lines.append((number, int(text)))
            if not lines:
                raise NOTHING_CHOSEN
            return refunding.Request(lines=tuple(lines), **more)
        return refunding.Request(**more)

    def refused(self, refusal: Refused) -> None:
        self.errors[_PLACES.get(refusal.code, "form") if self.what != "all" else "form"] = _said(refusal)


def _said(refusal: Refused) -> str:
    """Return the words of a refusal; people read yuan where the book says fen."""
    if refusal.code != "refund_too_much":
        return refusal.text()
    # Translators: 这张小票只剩 ¥57.50 可退。请改小金额。
    words = _("Only %(yuan)s of this receipt are left. Lower the amount.")
    return words % {"yuan": lianhui.yuan(refusal.facts["left_fen"])}


class _NothingChosen(Exception):
    """No line is chosen yet: nothing to reckon, nothing to complain about."""


NOTHING_CHOSEN = _NothingChosen()


@cashier_only
@never_cache
def recent(request: DeskRequest) -> HttpResponse:
    """Show the outlet's latest sales, or those of one day; a receipt's number leads to it, at any outlet."""
    outlet = _outlet(request.desk)
    now = timezone.now()
    words = request.GET.get("q", "").strip().replace("\x00", "")[:64]
    today = shanghai_day(now)
    day = _day(request.GET.get("day", ""), today)
    number = int(words) if words.isascii() and words.isdigit() and len(words) < 19 else 0
    if number:
        try:
            sale = refunding.find(outlet, number)
        except Refused:
            pass
        else:
            return redirect("till_receipt" if sale.outlet_id == outlet.pk else "till_refund", sale.pk)
    context = {
        "q": words,
        "day": day,
        "today": today,
        "entries": (
            register.on(outlet.pk, day or today, words, now, MOST_FOUND)
            if words or day
            else register.recent(outlet.pk, now, 30)
        ),
        "is_found": bool(words or day),
    }
    return frame.page(request, request.desk, "recent.html", "recent", context)


@cashier_only
@never_cache
def refund(request: DeskRequest, number: int) -> HttpResponse:
    """Draw the refund of a sale with what it comes to, or book it."""
    desk = request.desk
    outlet = _outlet(desk)
    sale = sale_of(desk, number)
    if request.method != "POST":
        return _page(request, sale, Form())
    form = Form.of(request)
    if request.POST.get("step") == "preview":
        return _page(request, sale, form)
    try:
        if not form.request_key or len(form.request_key) > 100:
            raise NOT_FOUND()
        done = refunding.refund(
            outlet=outlet,
            number=number,
            request=form.wanted(),
            caller=_caller(desk),
            key=_key(number, form),
            actor=Actor.user(desk.user),
            most_fen=most_fen(desk),
            at=timezone.now(),
        )
    except _NothingChosen:
        return _page(request, sale, form, status=422)
    except Refused as refusal:
        form.booked = bills.sale_of(_caller(desk), _key(number, form))
        if form.booked is None or refusal.code != "key_reused":
            form.refused(refusal)
        # A key under which something stands, or is just being booked, stays; else a corrected form is another request.
        if form.booked is None and refusal.code != "in_progress":
            form.request_key = uuid.uuid4().hex
        return _page(request, sale, form, status=409 if refusal.status == 429 else refusal.status)
    return redirect("till_refunded", done.number)


@cashier_only
@require_POST
@never_cache
def preview(request: DeskRequest, number: int) -> HttpResponse:
    """Answer the piece of the page that says what the refund comes to; books nothing."""
    sale = sale_of(request.desk, number)
    form = Form.of(request)
    return render(request, "merchants/refund_preview.html", {"form": form, **_told(request.desk, sale, form)})


@cashier_only
@never_cache
def refunded(request: DeskRequest, number: int) -> HttpResponse:
    """Show a refund: what to hand out, to print, to share."""
    desk = request.desk
    note = (
        RefundNote.objects.filter(pk=number, outlet__merchant_id=desk.merchant.pk).first() if number < 2**63 else None
    )
    if note is None:
        raise Http404
    sale = sale_of(desk, note.sale_id)
    done = next(one for one in refunding.history(sale) if one.number == number)
    place = Outlet.objects.get(pk=done.outlet_id)
    context = {"done": done, "sale": sale, "figures": done.figures, "place": place, "share": _share(desk, place, done)}
    return frame.page(request, desk, "refunded.html", "till", context)


def most_fen(desk: Desk) -> int | None:
    """Return how much of one receipt this person may give back: a cashier a little, an owner or manager all of it."""
    return None if desk.manages else settings.REFUND_CASHIER_FEN


def sale_of(desk: Desk, number: int) -> Sale:
    """Return a sale of this merchant; 404 for any other."""
    try:
        return refunding.find(_outlet(desk), number)
    except Refused:
        raise Http404 from None


def _told(desk: Desk, sale: Sale, form: Form) -> dict[str, Any]:
    """Return what the refund comes to, or why it cannot be."""
    try:
        figures = refunding.preview(
            outlet=_outlet(desk), sale=sale, request=form.wanted(), most_fen=most_fen(desk), at=timezone.now()
        )
    except _NothingChosen:
        return {"is_waiting": True}
    except Refused as refusal:
        if form.what == "amount" and not form.amount:
            return {"is_waiting": True}
        return {"refusal": _said(refusal)}
    return {"figures": figures}


def _page(request: DeskRequest, sale: Sale, form: Form, status: int = 200) -> HttpResponse:
    desk, outlet, now = request.desk, _outlet(request.desk), timezone.now()
    standing = refunding.standing(sale, now)
    if form.what == "lines" and not standing.lines:
        form.what = "all"
    context: dict[str, Any] = {
        "form": form,
        "sale": sale,
        "standing": standing,
        "sold_at": outlet if sale.outlet_id == outlet.pk else Outlet.objects.get(pk=sale.outlet_id),
        "is_elsewhere": sale.outlet_id != outlet.pk,
        "reasons": RefundNote.Reason.choices,
        "lines": [(line, form.units.get(line.number, "")) for line in standing.lines],
        "most_fen": most_fen(desk),
    }
    if standing.can_be_refunded:
        context |= _told(desk, sale, form)
    return frame.page(request, desk, "refund.html", "till", context, status=status)


def _share(desk: Desk, place: Outlet, done: refunding.Done) -> str:
    """Return the refund as a message that a shop sends on."""
    figures = done.figures
    lines = [
        f"{desk.merchant.short_name} · {place.name}",
        # Translators: 退款 ¥88.00
        _("Refund %(yuan)s") % {"yuan": lianhui.yuan(figures.returned_fen)},
        # Translators: 退现金 ¥88.00
        _("Money back %(yuan)s") % {"yuan": lianhui.yuan(figures.cash_back_fen)},
    ]
    if figures.keep_back_fen:
        # Translators: 已用掉的积分从退款中扣 ¥3.20
        words = _("Kept back for points that were spent already %(yuan)s")
        lines.append(words % {"yuan": lianhui.yuan(figures.keep_back_fen)})
    if figures.points_back:
        # Translators: 退回积分
        lines.append(_("Points back %(points)s") % {"points": lianhui.points(figures.points_back)})
    if figures.points_taken:
        # Translators: 收回积分
        lines.append(_("Points taken back %(points)s") % {"points": lianhui.points(figures.points_taken)})
    # Translators: 原小票号
    lines.append(_("For receipt %(number)s") % {"number": done.sale.pk})
    # Translators: 退款单号
    lines.append(_("Refund number %(number)s") % {"number": done.number})
    return "\n".join(lines)


def _key(number: int, form: Form) -> str:
    return f"refund:{number}:{form.request_key}"


def _day(text: str, today: date) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year >= 2000 and day <= today else None


def _outlet(desk: Desk) -> Outlet:
    if desk.outlet is None:
        raise NOT_FOUND()
    return desk.outlet


def _caller(desk: Desk) -> Caller:
    if desk.till is None:
        raise NOT_FOUND()
    return Caller("till", desk.till.pk)
