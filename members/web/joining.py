"""Becoming a member: after the code, one page with one tick."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from alliance import sessions
from alliance.access import public
from alliance.codes import Address
from alliance.web.login import PROVED, go_on
from members import enrolment
from members.access import member_of

# How long a proved phone may wait on the page.
PROOF_LASTS = timedelta(minutes=15)


def _agreement() -> str:
    # Translators: 我已阅读并同意{terms}和{privacy}
    return format_html(
        _("I have read and agree to the {terms} and the {privacy}."),
        terms=format_html(
            '<a class="link" target="_blank" href="{}">{}</a>',
            reverse_lazy("text", args=["terms"]),
            _("member terms"),
        ),
        privacy=format_html(
            '<a class="link" target="_blank" href="{}">{}</a>',
            reverse_lazy("text", args=["privacy"]),
            _("privacy notice"),
        ),
    )


class JoinForm(forms.Form):
    name = forms.CharField(
        # Translators: 怎么称呼您
        label=gettext_lazy("What may we call you?"),
        # Translators: 只有您自己看得到
        help_text=gettext_lazy("Only you see it."),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    agreed = forms.BooleanField(
        label=lazy(_agreement, str)(),
        # Translators: 同意后才能成为会员
        error_messages={"required": gettext_lazy("To become a member, please agree first.")},
    )


@public
@never_cache
def join(request: HttpRequest) -> HttpResponse:
    """Make a member of whoever just proved a phone or e-mail, or is signed in without being one."""
    if member_of(request) is not None:
        return redirect("home")
    address = _proved(request)
    if address is None:
        return redirect("login")
    form = JoinForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        member = enrolment.join(name=form.cleaned_data["name"].strip(), at=at, **{address.kind: address.value})
        if not request.user.is_authenticated:
            sessions.begin(request, user=member.user, by="joined", at=at)
        # Translators: 欢迎加入！这是您的会员码
        messages.success(request, _("Welcome! You are a member now."))
        return go_on(request)
    context = {"form": form, "address": address.shown}
    return render(request, "members/join.html", context, status=422 if form.errors else 200)


def _proved(request: HttpRequest) -> Address | None:
    if request.user.is_authenticated:
        if request.user.is_staff:
            return None
        phone, email = request.user.phone, request.user.email
        return Address("phone", phone) if phone else Address("email", email or "")
    proved: dict[str, str] | None = request.session.get(PROVED)
    if not proved or datetime.fromisoformat(proved["at"]) + PROOF_LASTS < timezone.now():
        return None
    return Address(proved["kind"], proved["value"])
