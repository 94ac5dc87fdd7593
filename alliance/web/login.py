"""Signing in with one field and a one-time code; which face somebody sees; on which devices they are signed in.

Console staff prove themselves with a password and an authenticator app at admin:login and never come in by code:
whoever reads their phone is sent there. Nothing before the right code tells whether an address is known.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from alliance import access, codes, sessions
from alliance.access import public, signed_in
from alliance.actors import Actor
from alliance.codes import Address
from alliance.models import SignIn, User
from alliance.network import client_ip
from alliance.ports import outbox
from alliance.refusals import Refused

PURPOSE = "login"
FACE_COOKIE = "face"
YEAR = 365 * 24 * 3600
# What the session holds on the way in: the address that was typed, then the address that was proved.
ASKED = "login_asked"
PROVED = "login_proved"


class AddressForm(forms.Form):
    address = forms.CharField(
        # Translators: 手机号或邮箱
        label=gettext_lazy("Phone or e-mail"),
        max_length=254,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "placeholder": "138 0013 8000",
            }
        ),
    )

    def clean_address(self) -> Address:
        try:
            return Address.read(self.cleaned_data["address"])
        except Refused as refused:
            raise forms.ValidationError(refused.text()) from None


class CodeForm(forms.Form):
    code = forms.CharField(
        # Translators: 6 位验证码
        label=gettext_lazy("6-digit code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autofocus": True,
                "data-otp": "6",
                "class": "one-time",
            }
        ),
    )


@access.face("console", "admin:index")
def _console(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated and request.user.is_staff else None


@public
@never_cache
def start(request: HttpRequest) -> HttpResponse:
    """Ask for a phone number or an e-mail address, and send a code there."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(_next(request) or reverse("front"))
    form = AddressForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        address: Address = form.cleaned_data["address"]
        request.session[ASKED] = {"kind": address.kind, "value": address.value, "next": _next(request)}
        try:
            _send(request, address)
        except Refused as refused:
            if refused.code != "code_too_soon":
                form.add_error("address", refused.text())
                return render(request, "account/login.html", {"form": form}, status=refused.status)
            # The code of a moment ago still works: let them type it.
        return redirect("login_code")
    return render(
        request,
        "account/login.html",
        {"form": form, "next": _next(request)},
        status=422 if request.method == "POST" else 200,
    )


@public
@never_cache
@sensitive_post_parameters("code")
def code(request: HttpRequest) -> HttpResponse:
    """Take the code; let in whoever is known, take newcomers on to joining, send console staff to their own door."""
    address = _asked(request)
    if address is None:
        return redirect("login")
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            codes.check(address=address, code=form.cleaned_data["code"], purpose=PURPOSE, at=timezone.now())
        except Refused as refused:
            form.add_error("code", refused.text())
        else:
            return _come_in(request, address)
    now = timezone.now()
    context = {
        "form": form,
        "address": address.shown,
        "resend_in": codes.resend_in(address=address, purpose=PURPOSE, at=now),
        "demo_message": outbox.last(address.value) if settings.LIANHUI_DEMO else None,
    }
    return render(request, "account/code.html", context, status=422 if form.errors else 200)


@public
@require_POST
def resend(request: HttpRequest) -> HttpResponse:
    """Send a new code to the same address."""
    address = _asked(request)
    if address is None:
        return redirect("login")
    try:
        _send(request, address)
    except Refused as refused:
        messages.error(request, refused.text())
    else:
        # Translators: 新验证码已发送，之前的已作废
        messages.success(request, _("A new code is on its way. The one before no longer works."))
    return redirect("login_code")


@public
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Sign out here, and wipe what this browser kept of the pages (the service worker's copies included)."""
    sessions.leave(request)
    response = redirect(settings.LOGOUT_REDIRECT_URL)
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


@signed_in
@never_cache
def front(request: HttpRequest) -> HttpResponse:
    """Go to the face that the user has; with several, ask once and remember the answer on this device."""
    faces = access.faces_of(request)
    if "cashier" in faces:
        # One door for a shop's people: an owner goes on from the till to the shop's pages.
        faces.pop("owner", None)
    if not faces:
        return redirect("join")
    chosen = request.POST.get("face") if request.method == "POST" else request.COOKIES.get(FACE_COOKIE)
    if len(faces) == 1:
        chosen = next(iter(faces))
    if chosen in faces and "choose" not in request.GET:
        response = redirect(faces[chosen])
        if request.method == "POST":
            response.set_cookie(FACE_COOKIE, chosen, max_age=YEAR, samesite="Lax", secure=settings.HTTPS, httponly=True)
        return response
    return render(
        request,
        "account/faces.html",
        {"faces": list(faces), "may_join": "member" not in faces and "console" not in faces},
    )


@signed_in
@never_cache
def devices(request: HttpRequest) -> HttpResponse:
    """Show where the user is signed in."""
    rows = sessions.devices(request.user, timezone.now())
    here = request.session.session_key
    context = {
        "here": next((row for row in rows if row.session_key == here), None),
        "others": [row for row in rows if row.session_key != here],
    }
    return render(request, "account/devices.html", context)


@signed_in
@require_POST
def end_elsewhere(request: HttpRequest) -> HttpResponse:
    sessions.end_elsewhere(
        user=request.user,
        session_key=request.session.session_key or "",
        actor=Actor.user(request.user),
        at=timezone.now(),
    )
    # Translators: 已退出其他设备，只有这台还登录着
    messages.success(request, _("Signed out everywhere else. Only this device is left."))
    return redirect("devices")


@signed_in
@require_POST
def end_one(request: HttpRequest, pk: int) -> HttpResponse:
    row = SignIn.objects.of(request.user).filter(pk=pk).first()
    if row is None:
        raise Http404
    sessions.end(user=request.user, sign_in=row, actor=Actor.user(request.user), at=timezone.now())
    messages.success(request, _("Signed out on that device."))
    return redirect("devices")


def go_on(request: HttpRequest) -> HttpResponse:
    """Lead whoever just came in to the page they wanted, else to their face."""
    asked: dict[str, Any] = request.session.pop(ASKED, {})
    request.session.pop(PROVED, None)
    return HttpResponseRedirect(asked.get("next") or reverse("front"))


def _send(request: HttpRequest, address: Address) -> None:
    codes.send(address=address, ip=client_ip(request), purpose=PURPOSE, at=timezone.now())


def _come_in(request: HttpRequest, address: Address) -> HttpResponse:
    known = {"phone": address.value} if address.kind == "phone" else {"email": address.value}
    user = User.objects.filter(**known).first()
    if user is not None and user.is_staff:
        request.session.pop(ASKED, None)
        # Translators: 后台人员请用密码和动态验证码登录
        messages.info(request, _("Console staff sign in with a password and an authenticator app."))
        return redirect("admin:login")
    if user is not None and not user.is_active:
        request.session.pop(ASKED, None)
        # Translators: 这个账号已停用，请联系服务中心
        messages.error(request, _("This account is closed. Please talk to your service centre."))
        return redirect("login")
    if user is None:
        request.session[PROVED] = {"kind": address.kind, "value": address.value, "at": timezone.now().isoformat()}
        return redirect("join")
    sessions.begin(request, user=user, by="code", at=timezone.now())
    return go_on(request)


def _asked(request: HttpRequest) -> Address | None:
    asked: dict[str, str] | None = request.session.get(ASKED)
    return Address(asked["kind"], asked["value"]) if asked and "kind" in asked else None


def _next(request: HttpRequest) -> str:
    url = request.POST.get("next") or request.GET.get("next") or ""
    return url if url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure()) else ""
