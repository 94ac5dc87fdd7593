"""The bank account that a merchant is paid to: shown masked, changed by the owner, decided by two people."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from alliance.refusals import Refused
from merchants import payaccounts
from merchants.access import DeskRequest, money_only, owner_only
from merchants.models import PayoutAccount
from merchants.web import frame
from points.models import Payout


@money_only
@never_cache
def account_page(request: DeskRequest) -> HttpResponse:
    """Show the account on file, what waits for a decision, and payouts that came back."""
    return _page(request, {})


@owner_only
@never_cache
def ask(request: DeskRequest) -> HttpResponse:
    """Ask to be paid to another account."""
    if request.method != "POST":
        return redirect("shop_account")
    # The number is never sent back to the browser, not even when something else was wrong.
    given = {name: request.POST.get(name, "").strip()[:80] for name in ("bank_name", "holder")}
    number = request.POST.get("number", "")[:60]
    desk, now = request.desk, timezone.now()
    try:
        made = payaccounts.ask(merchant=desk.merchant, number=number, user=desk.user, at=now, **given)
    except Refused as refusal:
        return _page(request, given, refusal)
    if made.approval and made.approval.facts["is_change"] and desk.merchant.contact_phone:
        messages.success(request, _("Asked. The contact on file is told. Somebody of finance has to agree."))
    else:
        messages.success(request, _("Asked. Somebody of finance has to agree."))
    return redirect("shop_account")


def _page(request: DeskRequest, given: dict[str, str], refusal: Refused | None = None) -> HttpResponse:
    merchant, now = request.desk.merchant, timezone.now()
    rows = list(PayoutAccount.objects.filter(merchant=merchant).select_related("approval").order_by("-asked_at")[:20])
    current = next((row for row in rows if row.state == PayoutAccount.State.CURRENT), None)
    back = Payout.objects.filter(source=merchant.proceeds_id, state=Payout.State.RETURNED).order_by("-returned_at")
    context: dict[str, Any] = {
        "account": current,
        "asked": next((row for row in rows if row.state == PayoutAccount.State.ASKED), None),
        "past": [row for row in rows if row.state in (PayoutAccount.State.RETIRED, PayoutAccount.State.REFUSED)],
        "is_cooling": current is not None and current.valid_from is not None and current.valid_from > now,
        "returned": back[:5],
        "given": given or {"bank_name": "", "holder": merchant.name},
        "error": refusal.text() if refusal else "",
        "cooling_days": payaccounts.COOLING.days,
    }
    status = refusal.status if refusal else 200
    return frame.page(request, request.desk, "payaccount.html", "money", context, status=status)
