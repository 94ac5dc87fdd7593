"""Points held at the till: set aside, list of what is open, the final bill, or given back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID, read_fen
from alliance.calc.money import MAX_FEN
from alliance.refusals import NOT_FOUND, Refused
from alliance.templatetags import lianhui
from merchants import holds
from merchants.access import DeskRequest, cashier_only
from merchants.web import frame, till
from points import bills
from points import holds as book
from points.models import Hold

# How long, in minutes: offered beside the usual time.
CHOICES = (30, 60, 180, 1_440, 4_320, 10_080)


@dataclass
class Final:
    """What stands in the fields of the final bill."""

    amount: str = ""
    points: str = ""
    request_key: str = field(default_factory=lambda: uuid.uuid4().hex)
    errors: dict[str, str] = field(default_factory=dict)

    def read(self) -> holds.Final:
        """Refuses: amount_invalid."""
        text = self.points.replace(",", "")
        if not (text.isascii() and text.isdigit()) or len(text) > 10 or not 0 < int(text) <= MAX_FEN:
            raise AMOUNT_INVALID(given=self.points[:20])
        return holds.Final(read_fen(self.amount), int(text))


@cashier_only
@never_cache
@sensitive_post_parameters("pin", "member")
def holds_page(request: DeskRequest) -> HttpResponse:
    """Draw the form and what is open, or set points aside."""
    if request.method == "POST":
        return _place(request)
    return _page(request, till.Form(member=request.GET.get("member", "")[:40]), str(settings_minutes()))


def settings_minutes() -> int:
    return int(book.usual_time().total_seconds()) // 60


@cashier_only
@never_cache
def hold(request: DeskRequest, number: int) -> HttpResponse:
    """Show one hold; while it is open, ring up its final bill."""
    outlet = till._outlet(request.desk)
    found = holds.find([outlet.pk], number)
    if found is None:
        raise Http404
    if request.method == "POST":
        return _capture(request, found)
    return _hold_page(request, found, Final(points=str(found.points)))


@cashier_only
@require_POST
def release(request: DeskRequest, number: int) -> HttpResponse:
    """Give the points back; pressing twice gives back once."""
    desk = request.desk
    key = request.POST.get("request_key", "").strip()[:100] or uuid.uuid4().hex
    try:
        holds.release(
            outlet=till._outlet(desk),
            hold_id=number,
            caller=till._caller(desk),
            key=f"release:{number}:{key}",
            actor=Actor.user(desk.user),
            at=timezone.now(),
        )
    except Refused as refusal:
        if refusal.code not in ("hold_closed", "hold_expired"):
            raise
        messages.info(request, refusal.text())
        return redirect("till_hold", number)
    # Translators: 已取消，积分已退回会员
    messages.success(request, _("Given back to the member."))
    return redirect("till_holds")


def _place(request: DeskRequest) -> HttpResponse:
    desk, form = request.desk, till.Form.of(request)
    outlet = till._outlet(desk)
    minutes = request.POST.get("minutes", "")
    try:
        if not form.request_key or len(form.request_key) > 200:
            raise NOT_FOUND()
        if not (minutes.isascii() and minutes.isdigit()) or len(minutes) > 6:
            raise book.TOO_LONG()
        held = holds.place(
            outlet=outlet,
            request=holds.Request(till._known(form, outlet.pk), read_fen(form.amount), form.points(), int(minutes)),
            caller=till._caller(desk),
            key=form.request_key,
            actor=Actor.user(desk.user),
            at=timezone.now(),
            pin=request.POST.get("pin", "").strip()[:6],
        )
    except Refused as refusal:
        is_booked = bills.sale_of(till._caller(desk), form.request_key) is not None
        form.refused(refusal)
        if not is_booked and refusal.code != "in_progress":
            form.request_key = uuid.uuid4().hex
        # What is answered 429 the page's script sends again by itself.
        return _page(request, form, minutes, status=409 if refusal.status == 429 else refusal.status)
    # Translators: 已预占 3,000积分
    words = _("%(points)s set aside") % {"points": lianhui.points(held.hold.points)}
    messages.success(request, words)
    return redirect("till_hold", held.hold.pk)


def _capture(request: DeskRequest, found: Hold) -> HttpResponse:
    desk = request.desk
    form = Final(*(request.POST.get(name, "").strip()[:100] for name in ("amount", "points", "request_key")))
    try:
        if not form.request_key:
            raise NOT_FOUND()
        booked = holds.capture(
            outlet=till._outlet(desk),
            hold_id=found.pk,
            final=form.read(),
            caller=till._caller(desk),
            key=form.request_key,
            actor=Actor.user(desk.user),
            at=timezone.now(),
        )
    except Refused as refusal:
        places = {"spend_share_exceeded": "points", "hold_too_small": "points"}
        place = places.get(refusal.code, "form")
        if refusal.code == "amount_invalid":
            place = "points" if _is_amount(form.amount) else "amount"
        form.errors[place] = refusal.text()
        if refusal.code != "in_progress" and bills.sale_of(till._caller(desk), form.request_key) is None:
            form.request_key = uuid.uuid4().hex
        found.refresh_from_db()
        return _hold_page(request, found, form, status=refusal.status)
    # Translators: ¥88.50已入账
    words = _("%(yuan)s booked") % {"yuan": lianhui.yuan(booked.bill_fen)}
    messages.success(request, words, extra_tags=reverse("till_void", args=[booked.sale_id]))
    return redirect("till_receipt", booked.sale_id)


def _is_amount(text: str) -> bool:
    try:
        return read_fen(text) > 0
    except Refused:
        return False


def _page(request: DeskRequest, form: till.Form, minutes: str, status: int = 200) -> HttpResponse:
    desk, now = request.desk, timezone.now()
    usual = settings_minutes()
    context: dict[str, Any] = {
        "form": form,
        "minutes": minutes,
        "choices": [(str(each), _lasting(each)) for each in sorted({usual, *CHOICES})],
        "pin_always": "pin" in form.errors,
        "open": _rows(holds.open_at(desk.outlet.pk), now) if desk.outlet else [],
        "closed": holds.lately_closed(desk.outlet.pk, now) if desk.outlet else [],
    }
    return frame.page(request, desk, "holds.html", "till", context, status=status)


def _hold_page(request: DeskRequest, found: Hold, form: Final, status: int = 200) -> HttpResponse:
    now = timezone.now()
    is_open = found.is_open and not found.is_over(now)
    context = {"hold": found, "is_open": is_open, "form": form, "now": now, "release_key": uuid.uuid4().hex}
    return frame.page(request, request.desk, "hold.html", "till", context, status=status)


def _rows(found: list[Hold], at: datetime) -> list[Hold]:
    """Return what can still be captured; what is over goes back within a minute."""
    return [row for row in found if not row.is_over(at)]


def _lasting(minutes: int) -> str:
    if minutes % 1_440 == 0:
        # Translators: %(n)s 天
        return _("%(n)s d") % {"n": minutes // 1_440}
    if minutes % 60 == 0:
        # Translators: %(n)s 小时
        return _("%(n)s h") % {"n": minutes // 60}
    # Translators: %(n)s 分钟
    return _("%(n)s min") % {"n": minutes}
