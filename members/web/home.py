"""The first page: for a stranger what this is, for a member the pass, for a shop's people their own door."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alliance.access import public
from alliance.actors import Actor
from members import places, privacy, texts, wallets
from members.access import MemberRequest, member_of, member_only
from points import identify

RECENT = 5


@public
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return render(request, "members/landing.html", places.totals())
    member = member_of(request)
    if member is None:
        return redirect("front")
    now = timezone.now()
    standing = wallets.standing(member)
    context = {
        "tab": "home",
        "member": member,
        "standing": standing,
        "mark": None if standing.frozen_at else identify.mark_of(member.wallet_id, now),
        "has_pin": identify.has_pin(member.wallet_id),
        "entries": wallets.entries(member, limit=RECENT).rows,
        "shops": places.short_list(request.GET.get("trade", ""), now),
        "unread": privacy.unread(member),
    }
    return render(request, "members/home.html", context)


@member_only
@require_POST
def agree(request: MemberRequest, purpose: str) -> HttpResponse:
    """Agree to the wording in force."""
    if purpose not in texts.VERSIONS:
        raise Http404
    privacy.agree(member=request.member, purpose=purpose, actor=Actor.user(request.user), at=timezone.now())
    return redirect("home")
