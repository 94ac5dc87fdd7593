"""The inbox: what the member was told, what was read, and the switch."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from members import noticing
from members.access import MemberRequest, member_only


@member_only
@never_cache
def notices(request: MemberRequest) -> HttpResponse:
    told = noticing.inbox(request.member, timezone.now())
    context = {
        "tab": "me",
        "notices": told,
        "n_unread": sum(notice.is_unread for notice in told),
        "is_wanted": noticing.wanted(request.member),
    }
    return render(request, "members/notices.html", context)


@member_only
@require_POST
def open_notice(request: MemberRequest, notice_id: int) -> HttpResponse:
    """Mark a notice as read and go to its day in the calendar."""
    notice = noticing.read(member=request.member, notice_id=notice_id, at=timezone.now())
    if notice is None:
        raise Http404
    return redirect(f"{reverse('lots')}#d{notice.lapses_on:%Y-%m-%d}")


@member_only
@require_POST
def read_all(request: MemberRequest) -> HttpResponse:
    noticing.read_all(member=request.member, at=timezone.now())
    return redirect("notices")


@member_only
@require_POST
def choose(request: MemberRequest) -> HttpResponse:
    """Switch the notices on or off."""
    is_wanted = request.POST.get("wanted") == "yes"
    noticing.choose(member=request.member, is_wanted=is_wanted, actor=Actor.user(request.user), at=timezone.now())
    # Translators: 到期提醒已打开 / 到期提醒已关闭
    messages.success(request, _("You will be told ahead.") if is_wanted else _("You will not be told ahead."))
    return redirect("notices")
