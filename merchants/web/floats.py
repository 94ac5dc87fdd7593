"""The merchant's float: what it holds, how long it lasts, what moved it, and how to top it up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from alliance.amounts import read_fen
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from merchants import topups
from merchants.access import DeskRequest, money_only
from merchants.models import Agreement, TopUp
from merchants.web import frame
from points import accounts, promises, statements

DAYS = 30


@money_only
@never_cache
def float_page(request: DeskRequest) -> HttpResponse:
    """Draw the float and its movements: top-ups one by one, sales by the day."""
    return _page(request, request.GET.get("amount", ""))


def _page(request: DeskRequest, amount: str, refusal: Refused | None = None) -> HttpResponse:
    merchant = request.desk.merchant
    now = timezone.now()
    today = shanghai_day(now)
    days = statements.merchant_days(merchant.float_id, today - timedelta(days=DAYS - 1), today + timedelta(days=1))
    past = list(TopUp.objects.filter(merchant=merchant).select_related("bank_line").order_by("-asked_at", "-pk")[:20])
    context = {
        "cover": statements.float_cover(merchant.float_id, now),
        "proceeds": accounts.balance(merchant.proceeds_id),
        "fee_rest": accounts.balance(merchant.fee_rest_id),
        "agreement": Agreement.objects.in_force(today).filter(merchant=merchant).first(),
        "days": _with_topups(reversed(days), past),
        "pending": [topup for topup in past if topup.state in (TopUp.State.ANNOUNCED, TopUp.State.MATCHED)],
        "topups": past,
        "line": promises.line_of(merchant.float_id),
        "bills": promises.bills_of(merchant.float_id),
        "today": today,
        "amount": amount,
        "error": refusal.text() if refusal else "",
    }
    status = refusal.status if refusal else 200
    return frame.page(request, request.desk, "float.html", "float", context, status=status)


def _with_topups(days: Any, past: list[TopUp]) -> list[dict[str, Any]]:
    """Return the movements of the float, newest first."""
    rows = [{"on": day.on, "kind": "sales", "fen": -(day.issued + day.rests), "points": day.issued} for day in days]
    for topup in past:
        if topup.booked_at:
            on = shanghai_day(topup.booked_at)
            rows.append({"on": on, "kind": "topup", "fen": topup.amount_fen, "serial": topup.bank_line.serial})
    rows = [row for row in rows if row["fen"]]
    return sorted(rows, key=lambda row: (row["on"], row["kind"] == "topup"), reverse=True)


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
