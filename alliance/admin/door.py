"""The console's door: e-mail and password, then the authenticator app; nobody gets past without both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import segno
from allauth.mfa.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from alliance import access, staff
from alliance.actors import Actor
from alliance.models import User
from alliance.network import client_ip
from alliance.refusals import Refused

if TYPE_CHECKING:
    from alliance.admin.site import Console

# Between password and code: ten minutes. A console session: twelve hours at most, two without a click.
PENDING_SECONDS = 600
SESSION_SECONDS = 12 * 3600
IDLE_SECONDS = 2 * 3600
_PENDING, _SECRET, _OPEN, _SHOW_CODES = "console_pending", "console_secret", "console", "console_show_codes"


class PasswordForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"), widget=UnfoldAdminTextInputWidget({"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=UnfoldAdminPasswordWidget({"autocomplete": "current-password"})
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        # Translators: 动态码
        label=_("Code"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


def is_open(request: HttpRequest) -> bool:
    """Return whether this session has passed both steps, for this user, not too long ago."""
    user = request.user
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return False
    passed: dict[str, Any] = request.session.get(_OPEN) or {}
    now = time.time()
    if passed.get("user") != user.pk or now - passed["since"] > SESSION_SECONDS or now - passed["seen"] > IDLE_SECONDS:
        return False
    if now - passed["seen"] > 60:
        request.session[_OPEN] = {**passed, "seen": now}
    return bool(access.posts_of(user))


def password(site: Console, request: HttpRequest) -> HttpResponse:
    """Step one."""
    if is_open(request):
        return HttpResponseRedirect(_next(request))
    demo = _demo_users() if settings.LIANHUI_DEMO else []
    form = PasswordForm(request.POST if request.method == "POST" else None, initial=_demo_initial(request, demo))
    form.fields["password"].widget.render_value = bool(demo)
    if request.method == "POST" and form.is_valid():
        try:
            user = staff.check_password(request=request, ip=client_ip(request), **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, refused.text())
            return _page(site, request, "login", {"form": form, "demo": demo}, status=refused.status)
        request.session[_PENDING] = {"user": user.pk, "since": time.time()}
        step = "second_factor" if staff.is_enrolled(user) else "enrol"
        return _redirect(request, f"admin:{step}")
    return _page(site, request, "login", {"form": form, "demo": demo})


def second_factor(site: Console, request: HttpRequest) -> HttpResponse:
    """Step two: the code of the app, or a recovery code."""
    user = _pending(request)
    if user is None:
        return _redirect(request, "admin:login")
    form = CodeForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "demo_code": staff.demo_code(user)}
    if request.method == "POST" and form.is_valid():
        try:
            staff.check_second_factor(user=user, code=form.cleaned_data["code"], at=timezone.now())
        except Refused as refused:
            form.add_error("code", refused.text())
            return _page(site, request, "second_factor", context, status=refused.status)
        return _enter(request, user)
    return _page(site, request, "second_factor", context)


def enrol(site: Console, request: HttpRequest) -> HttpResponse:
    """Step two for the first time: bind an authenticator app."""
    user = _pending(request)
    if user is None or staff.is_enrolled(user):
        return _redirect(request, "admin:login")
    secret: str = request.session.setdefault(_SECRET, staff.new_secret())
    form = CodeForm(request.POST if request.method == "POST" else None)
    link = get_adapter().build_totp_url(user, secret)
    context = {"form": form, "secret": secret, "qr": segno.make(link).svg_data_uri(scale=5, border=2, light="white")}
    if request.method == "POST" and form.is_valid():
        try:
            code = form.cleaned_data["code"]
            staff.enrol(user=user, secret=secret, code=code, actor=Actor.user(user), at=timezone.now())
        except Refused as refused:
            form.add_error("code", refused.text())
            return _page(site, request, "enrol", context, status=refused.status)
        del request.session[_SECRET]
        response = _enter(request, user)
        request.session[_SHOW_CODES] = True
        return HttpResponseRedirect(reverse("admin:recovery_codes")) if response.status_code == 302 else response
    return _page(site, request, "enrol", context)


def recovery_codes(site: Console, request: HttpRequest) -> HttpResponse:
    """Show the recovery codes, once, right after the app was bound."""
    if not request.session.pop(_SHOW_CODES, False) or not isinstance(request.user, User):
        return HttpResponseRedirect(reverse("admin:index"))
    return _page(site, request, "recovery_codes", {"codes": staff.recovery_codes(request.user)})


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    target = _next(request)
    login(request, user, backend="alliance.auth.StaffBackend")
    request.session.pop(_PENDING, None)
    now = time.time()
    request.session[_OPEN] = {"user": user.pk, "since": now, "seen": now}
    request.session.set_expiry(SESSION_SECONDS)
    return HttpResponseRedirect(target)


def _pending(request: HttpRequest) -> User | None:
    waiting: dict[str, Any] = request.session.get(_PENDING) or {}
    if time.time() - waiting.get("since", 0) > PENDING_SECONDS:
        return None
    return User.objects.filter(pk=waiting["user"], is_active=True, is_staff=True).first()


def _page(site: Console, request: HttpRequest, name: str, more: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {**site.each_context(request), "next": _next(request), **more}
    request.current_app = site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, f"admin/door/{name}.html", context, status=status)


def _next(request: HttpRequest) -> str:
    url = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure()):
        return url
    return reverse("admin:index")


def _redirect(request: HttpRequest, name: str) -> HttpResponse:
    target = _next(request)
    query = "" if target == reverse("admin:index") else f"?{urlencode({'next': target})}"
    return HttpResponseRedirect(reverse(name) + query)


DEMO_PASSWORD = "lianhui-demo-2026"  # noqa: S105


def _demo_users() -> list[User]:
    return list(User.objects.filter(email__endswith=staff.DEMO_DOMAIN, is_staff=True).order_by("pk")[:12])


def _demo_initial(request: HttpRequest, demo: list[User]) -> dict[str, str]:
    chosen = request.GET.get("as", "")
    return {"email": chosen, "password": DEMO_PASSWORD} if chosen in {user.email for user in demo} else {}
