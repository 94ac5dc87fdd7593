"""Leaving the alliance, as the owner sees it: what it means, asking for it, how far it is, the final statement."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from alliance import approvals
from alliance.refusals import Refused
from merchants import clearing, leaving, leaving_shown
from merchants.access import DeskRequest, money_only, owner_only
from merchants.web import frame


@money_only
@never_cache
def leaving_page(request: DeskRequest) -> HttpResponse:
    """Show what leaving would bring, or how far it is."""
    return _page(request)


@owner_only
@never_cache
def ask(request: DeskRequest) -> HttpResponse:
    """Ask to leave; somebody of finance decides."""
    if request.method != "POST":
        return redirect("shop_leaving")
    desk = request.desk
    try:
        clearing.ask_leave(merchant=desk.merchant, user=desk.user, at=timezone.now(), is_own=True)
    except Refused as refusal:
        return _page(request, refusal)
    messages.success(request, _("Asked. Until it is decided you go on as before, and you can take it back."))
    return redirect("shop_leaving")


@owner_only
@never_cache
def withdraw(request: DeskRequest) -> HttpResponse:
    """Take the question back, as long as nobody has decided it."""
    if request.method != "POST":
        return redirect("shop_leaving")
    way = leaving.way_of(request.desk.merchant)
    try:
        if way.state != "asked" or way.approval is None:
            raise approvals.ALREADY_DECIDED()
        approvals.withdraw(way.approval, user=request.desk.user, at=timezone.now())
    except Refused as refusal:
        return _page(request, refusal)
    messages.success(request, _("Taken back. Everything stays as it is."))
    return redirect("shop_leaving")


@money_only
@never_cache
def sheet(request: DeskRequest) -> HttpResponse:
    """Give the final statement as a table; who is not leaving has none."""
    merchant = request.desk.merchant
    found = leaving.final(merchant, leaving.way_of(merchant))
    if found is None:
        return redirect("shop_leaving")
    return leaving_shown.sheet(merchant, found)


def _page(request: DeskRequest, refusal: Refused | None = None) -> HttpResponse:
    desk = request.desk
    context = leaving_shown.context(desk.merchant, timezone.now())
    context["error"] = refusal.text() if refusal else ""
    approval = context["way"].approval
    context["is_mine"] = approval is not None and approval.asked_by_id == desk.user.pk
    status = refusal.status if refusal else 200
    return frame.page(request, desk, "leaving.html", "money", context, status=status)
