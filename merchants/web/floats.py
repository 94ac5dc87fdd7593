"""The merchant's float: what it holds, how long it lasts, what moved it, and how to top it up."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from alliance.amounts import read_fen
from alliance.calc.money import yuan
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from merchants import clearing as clearings
from merchants import money, topups
from merchants.access import DeskRequest, money_only, owner_only
from merchants.models import Agreement, TopUp
from merchants.web import frame
from merchants.web.money import LOW_DAYS
from points import clearing, promises, statements

DAYS = 30


@money_only
@never_cache
def float_page(request: DeskRequest) -> HttpResponse:
    """Draw the float and its movements: top-ups one by one, sales by the day."""
    return _page(request, request.GET.get("amount", ""))


def _page(request: DeskRequest, amount: str, refusal: Refused | None = None, standing: str = "") -> HttpResponse:
    merchant = request.desk.merchant
    now = timezone.now()
    today = shanghai_day(now)
    past = list(TopUp.objects.filter(merchant=merchant).select_related("bank_line").order_by("-asked_at", "-pk")[:20])
    context = {
        "cover": statements.float_cover(merchant.float_id, now),
        "agreement": Agreement.objects.in_force(today).filter(merchant=merchant).first(),
        "book": money.float_book(merchant, today - timedelta(days=DAYS - 1), today),
        "standing": clearing.standing_of(merchant.book.float_id),
        "standing_given": standing,
        "pending": [topup for topup in past if topup.state in (TopUp.State.ANNOUNCED, TopUp.State.MATCHED)],
        "topups": past,
        "line": promises.line_of(merchant.float_id),
        "bills": promises.bills_of(merchant.float_id),
        "today": today,
        "amount": amount,
        "low_days": LOW_DAYS,
        "error": refusal.text() if refusal and not standing else "",
        "standing_error": refusal.text() if refusal and standing else "",
    }
    status = refusal.status if refusal else 200
    return frame.page(request, request.desk, "float.html", "money", context, status=status)


@money_only
@never_cache
def announce(request: DeskRequest) -> HttpResponse:
    """Tell finance that money is on its way; what cannot be read is said beside its field."""
    if request.method != "POST":
        return redirect("shop_float")
    amount = request.POST.get("amount", "").strip()[:40]
    actor, at = Actor.user(request.desk.user), timezone.now()
    try:
        topups.ask(merchant=request.desk.merchant, amount_fen=read_fen(amount), actor=actor, at=at)
    except Refused as refusal:
        return _page(request, amount, refusal)
    messages.success(request, _("Announced. It is booked as soon as the money has arrived."))
    return redirect("shop_float")


@money_only
@require_POST
def withdraw(request: DeskRequest, number: int) -> HttpResponse:
    """Take an announcement back."""
    topup = TopUp.objects.filter(merchant=request.desk.merchant, pk=number).select_related("merchant").first()
    if topup is None:
        raise Http404
    topups.withdraw(topup=topup, actor=Actor.user(request.desk.user), at=timezone.now())
    return redirect("shop_float")


@owner_only
@never_cache
def standing(request: DeskRequest) -> HttpResponse:
    """Say up to which amount each clearing fills the float; nothing or zero: no more."""
    if request.method != "POST":
        return redirect("shop_float")
    given = request.POST.get("standing", "").strip()[:40] or "0"
    merchant, actor = request.desk.merchant, Actor.user(request.desk.user)
    try:
        fen = read_fen(given)
        clearings.set_standing(merchant=merchant, fen=fen, actor=actor, at=timezone.now())
    except Refused as refusal:
        return _page(request, "", refusal, given)
    if fen:
        messages.success(request, _("From the next clearing on, your float is filled up to ¥%s first.") % yuan(fen))
    else:
        messages.success(request, _("The float is no longer filled from what members pay with points."))
    return redirect("shop_float")
