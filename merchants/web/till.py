"""The till: who, how much, done."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID, read_fen
from alliance.calc.money import MAX_FEN
from alliance.refusals import NOT_FOUND, Refused
from alliance.templatetags import lianhui
from merchants import guesses, holds, refunding, register, sales, tills
from merchants.access import OUTLET_IN_SESSION, Desk, DeskRequest, cashier_only
from merchants.calc import memberfield
from merchants.web import frame
from points import bills, statements
from points.awards import Said
from points.bills import Caller
from points.models import Sale

# Refusals that are shown beside a field; all others stand above the button.
_PLACES = {
    "amount_invalid": "amount",
    "spend_share_exceeded": "spend_points",
    "points_short": "spend_points",
    "pin_wrong": "pin",
    "pin_missing": "pin",
    "pin_needed": "pin",
    "pin_locked": "pin",
    "member_unclear": "member",
    "member_is_shop_code": "member",
    "member_unknown": "member",
    "code_unknown": "member",
    "code_expired": "member",
    "code_used": "member",
    "wallet_frozen": "member",
}
LOW_DAYS = 3


@dataclass
class Form:
    """What stands in the till's fields."""

    member: str = ""
    amount: str = ""
    spend_points: str = ""
    member_token: str = ""
    # What had been typed when the token was given: a token never speaks for somebody who was typed in later.
    member_was: str = ""
    request_key: str = field(default_factory=lambda: uuid.uuid4().hex)
    errors: dict[str, str] = field(default_factory=dict)
    # The receipt that stands under this form's key already.
    booked: int | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Form:
        given = {
            name: request.POST.get(name, "").strip()[:500]
            for name in ("member", "amount", "spend_points", "member_token", "member_was")
        }
        return cls(**given, request_key=request.POST.get("request_key", "").strip())

    def given(self) -> str:
        """Return the token when it belongs to what stands in the field, else what was typed."""
        return self.member_token if self.member_token and self.member_was == self.member else self.member

    def points(self) -> int:
        """Return how many points are to be spent. Refuses: amount_invalid."""
        text = self.spend_points.replace(",", "")
        if not text:
            return 0
        if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > MAX_FEN:
            raise AMOUNT_INVALID(given=self.spend_points[:20])
        return int(text)

    def refused(self, refusal: Refused) -> None:
        self.errors[_PLACES.get(refusal.code, "form")] = refusal.text()


@cashier_only
@never_cache
@sensitive_post_parameters("pin", "member")
def till(request: DeskRequest) -> HttpResponse:
    """Draw the till, or book what was rung up."""
    if request.method == "POST":
        return _book(request)
    return _page(request, Form(member=request.GET.get("member", "")[:40]))


@cashier_only
@require_POST
@never_cache
def quote(request: DeskRequest) -> HttpResponse:
    """Answer the piece of the page that says who it is and what the bill comes to; books nothing."""
    form = Form.of(request)
    context: dict[str, Any] = {"form": form}
    outlet = _outlet(request.desk)
    now = timezone.now()
    try:
        if form.given():
            whose = guesses.who(_caller(request.desk), Actor.user(request.desk.user))
            member = tills.identify(outlet=outlet, given=_known(form, outlet.pk), at=now, whose=whose)
            _remember(form, outlet.pk, member)
            context |= {"member": member, "available": tills.available_points(member)}
        if form.amount:
            bill = sales.Request(form.member, read_fen(form.amount), form.points())
            context["quote"] = sales.quote(outlet=outlet, member=context.get("member"), request=bill, at=now)
            context["short"] = _is_short(outlet.merchant.float_id, context["quote"].rebate_fen)
    except Refused as refusal:
        context["refusal"] = refusal
    return render(request, "merchants/till_preview.html", context)


@cashier_only
@never_cache
def receipt(request: DeskRequest, number: int) -> HttpResponse:
    """Show what was booked: to print, to share, to undo, and on to the next one."""
    outlet = _outlet(request.desk)
    now = timezone.now()
    sale = register.find([outlet.pk], number)
    if sale is None or sale.kind != Sale.Kind.SALE:
        raise Http404
    (entry,) = register.entries([sale], now)
    earned = next((row for row in register.transfers(sale) if row.matures_on), None)
    bonuses = register.bonuses(sale)
    context = {
        "entry": entry,
        "sale": sale,
        "earned": earned,
        "bonuses": bonuses,
        "total_points": sale.points + sum(bonus.points for bonus in bonuses),
        "refunds": refunding.history(sale) if entry.refunded_fen else (),
        "can_be_refunded": entry.left_fen > 0 and now.date() - sale.booked_at.date() <= timedelta(settings.REFUND_DAYS),
        "share": _share(outlet, sale, earned.matures_on if earned else None, bonuses),
    }
    return frame.page(request, request.desk, "receipt.html", "till", context)


@cashier_only
@require_POST
def void(request: DeskRequest, number: int) -> HttpResponse:
    """Undo a sale of this outlet; pressing twice undoes once. After a refusal the form drawn anew may try again."""
    desk = request.desk
    outlet = _outlet(desk)
    key = request.POST.get("request_key", "").strip()[:100] or uuid.uuid4().hex
    try:
        sales.void(
            outlet=outlet,
            sale_id=number,
            caller=_caller(desk),
            key=f"void:{number}:{key}",
            actor=Actor.user(desk.user),
            at=timezone.now(),
        )
    except Refused as refusal:
        if refusal.code != "already_void":
            raise
        messages.info(request, refusal.text())
        return redirect("till_receipt", number)
    # Translators: 已撤销
    messages.success(request, _("Receipt %(number)s is void.") % {"number": number})
    return redirect("till_receipt", number)


@cashier_only
@require_POST
def choose_outlet(request: DeskRequest) -> HttpResponse:
    """Serve at another outlet from now on."""
    chosen = request.POST.get("outlet", "")
    for outlet in request.desk.outlets:
        if str(outlet.pk) == chosen:
            request.session[OUTLET_IN_SESSION] = outlet.pk
            return redirect("shop" if request.POST.get("back") == "shop" else "till")
    raise NOT_FOUND()


def _book(request: DeskRequest) -> HttpResponse:
    desk, form = request.desk, Form.of(request)
    outlet = _outlet(desk)
    now = timezone.now()
    try:
        if not form.request_key or len(form.request_key) > 200:
            raise NOT_FOUND()
        booked = sales.record(
            outlet=outlet,
            request=sales.Request(_known(form, outlet.pk), read_fen(form.amount), form.points()),
            caller=_caller(desk),
            key=form.request_key,
            actor=Actor.user(desk.user),
            at=now,
            pin=request.POST.get("pin", "").strip()[:6],
        )
    except Refused as refusal:
        form.booked = bills.sale_of(_caller(desk), form.request_key)
        if form.booked is None or refusal.code != "key_reused":
            form.refused(refusal)
        # A key under which something is booked, or is just being booked, stays: a new one would ring it up twice.
        # Else a refusal at most is kept under it, and a corrected bill is another request.
        if form.booked is None and refusal.code != "in_progress":
            form.request_key = uuid.uuid4().hex
        # What is answered 429 the page's script sends again by itself.
        return _page(request, form, status=409 if refusal.status == 429 else refusal.status)
    # Translators: ¥88.50已入账
    words = _("%(yuan)s booked") % {"yuan": lianhui.yuan(read_fen(form.amount))}
    messages.success(request, words, extra_tags=reverse("till_void", args=[booked.sale_id]))
    return redirect("till_receipt", booked.sale_id)


def _page(request: DeskRequest, form: Form, status: int = 200) -> HttpResponse:
    desk = request.desk
    now = timezone.now()
    context: dict[str, Any] = {"form": form, "entries": [], "pin_always": "pin" in form.errors}
    if desk.outlet:
        context["entries"] = register.recent(desk.outlet.pk, now, 6)
        context["cover"] = statements.float_cover(desk.merchant.float_id, now)
        context["low_days"] = LOW_DAYS
        context["n_holds"] = holds.open_count(desk.outlet.pk, now)
    return frame.page(request, desk, "till.html", "till", context, status=status)


def _outlet(desk: Desk) -> Any:
    if desk.outlet is None:
        raise NOT_FOUND()
    return desk.outlet


def _caller(desk: Desk) -> Caller:
    """Return whose request keys these are: the till's, whoever stands at it."""
    if desk.till is None:
        raise NOT_FOUND()
    return Caller("till", desk.till.pk)


def _known(form: Form, outlet_id: int) -> str:
    """Return the token that the preview got for this very code: the preview has used the code up."""
    given = form.given()
    if tills.read(given)[0] != memberfield.CODE:
        return given
    return cache.get(_cache_name(outlet_id, given)) or given


def _remember(form: Form, outlet_id: int, member: tills.Member) -> None:
    if form.member and tills.read(form.member)[0] == memberfield.CODE and member.proof == "code":
        cache.set(_cache_name(outlet_id, form.member), member.token, timeout=int(tills.LIFETIME.total_seconds()))


def _cache_name(outlet_id: int, code: str) -> str:
    digest = salted_hmac("merchants.till", tills.read(code)[1], algorithm="sha256").hexdigest()
    return f"till:{outlet_id}:{digest}"


def _is_short(float_id: int, rebate_fen: int) -> bool:
    return rebate_fen > statements.float_balance(float_id)


def _share(outlet: Any, sale: Sale, matures_on: Any, bonuses: Sequence[Said]) -> str:
    """Return the receipt as a message that a shop sends on."""
    lines = [
        f"{outlet.merchant.short_name} · {outlet.name}",
        # Translators: 消费
        _("Bill %(yuan)s") % {"yuan": lianhui.yuan(sale.bill_fen)},
    ]
    if sale.spent_points:
        # Translators: 用积分
        lines.append(_("Paid with %(points)s") % {"points": lianhui.points(sale.spent_points)})
    if sale.points:
        # Translators: 获得积分
        lines.append(_("Earned %(points)s") % {"points": lianhui.points(sale.points)})
    lines += [f"{bonus.title} +{lianhui.points(bonus.points)}" for bonus in bonuses]
    if matures_on:
        # Translators: 可用日期
        lines.append(_("Can be spent from %(on)s") % {"on": date_format(matures_on, "SHORT_DATE_FORMAT")})
    # Translators: 小票号
    lines.append(_("Receipt %(number)s") % {"number": sale.id})
    return "\n".join(lines)
