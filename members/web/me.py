"""The member's own page: name, language, PIN, freezing, devices, data."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from alliance import codes, people, sessions
from alliance.access import faces_of
from alliance.actors import Actor
from alliance.network import client_ip
from alliance.ports import outbox
from alliance.refusals import Refused
from members import privacy, safety, wallets
from members.access import MemberRequest, member_only
from points import identify

_PIN = {"inputmode": "numeric", "autocomplete": "off", "maxlength": "6", "pattern": "[0-9]*"}


class NameForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What may we call you?"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )


class ProofForm(forms.Form):
    """Something only the member knows or gets: the PIN or a one-time code."""

    pin = forms.CharField(
        # Translators: 现在的支付密码
        label=gettext_lazy("Your PIN"),
        required=False,
        max_length=6,
        widget=forms.PasswordInput(attrs={**_PIN, "autocomplete": "current-password"}),
    )
    code = forms.CharField(
        # Translators: 6 位验证码
        label=gettext_lazy("6-digit code"),
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )

    def __init__(self, *args: Any, by: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["pin" if by == "code" else "code"]
        self.fields[by].required = True


class PinForm(ProofForm):
    new = forms.RegexField(
        r"^[0-9]{6}$",
        # Translators: 新的支付密码
        label=gettext_lazy("New PIN"),
        # Translators: 6 位数字。用积分超过 200 元时要输入。
        help_text=gettext_lazy("Six digits. Asked for when you spend more than ¥200 in points."),
        error_messages={"invalid": gettext_lazy("A PIN has six digits.")},
        widget=forms.PasswordInput(attrs={**_PIN, "autocomplete": "new-password"}),
    )
    again = forms.CharField(
        # Translators: 再输一遍
        label=gettext_lazy("New PIN once more"),
        max_length=6,
        widget=forms.PasswordInput(attrs={**_PIN, "autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "new" in cleaned and cleaned.get("again") != cleaned["new"]:
            # Translators: 两次输入的不一样
            self.add_error("again", _("The two do not match."))
        return cleaned


@member_only
@never_cache
def me(request: MemberRequest) -> HttpResponse:
    member = request.member
    context = {
        "tab": "me",
        "member": member,
        "wallet": wallets.wallet_of(member),
        "has_pin": identify.has_pin(member.wallet_id),
        "devices": len(sessions.devices(request.user, timezone.now())),
        "other_faces": [face for face in faces_of(request) if face not in ("member", "owner")],
        "consents": member.consents.in_force().order_by("purpose"),
        "form": NameForm(initial={"name": member.user.name}),
    }
    return render(request, "members/me.html", context)


@member_only
@require_POST
def rename(request: MemberRequest) -> HttpResponse:
    form = NameForm(request.POST)
    if form.is_valid():
        people.rename(
            user=request.member.user,
            name=form.cleaned_data["name"].strip(),
            actor=Actor.user(request.user),
            at=timezone.now(),
        )
        # Translators: 已保存
        messages.success(request, _("Saved."))
    return redirect("me")


@member_only
@never_cache
@sensitive_post_parameters()
def pin(request: MemberRequest) -> HttpResponse:
    """Set or change the PIN, with the old one or with a one-time code."""
    member = request.member
    has_pin = identify.has_pin(member.wallet_id)
    by = "pin" if has_pin and request.GET.get("by") != "code" else "code"
    form = PinForm(request.POST if request.method == "POST" else None, by=by)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            safety.set_pin(
                member=member,
                new=given["new"],
                pin=given.get("pin", ""),
                code=given.get("code", ""),
                actor=Actor.user(request.user),
                at=timezone.now(),
            )
        except Refused as refused:
            form.add_error("new" if refused.code == "pin_weak" else by, refused.text())
        else:
            # Translators: 支付密码已设好
            messages.success(request, _("Your PIN is set."))
            return redirect("me")
    return _ask(request, "members/pin.html", form, by, has_pin=has_pin)


@member_only
@require_POST
def freeze(request: MemberRequest) -> HttpResponse:
    safety.freeze(member=request.member, actor=Actor.user(request.user), at=timezone.now())
    # Translators: 已冻结，现在谁也不能用您的积分
    messages.success(request, _("Frozen. Nobody can spend your points now."))
    return redirect("me")


@member_only
@never_cache
@sensitive_post_parameters()
def unfreeze(request: MemberRequest) -> HttpResponse:
    member = request.member
    if not wallets.wallet_of(member).frozen_at:
        return redirect("me")
    has_pin = identify.has_pin(member.wallet_id)
    by = "pin" if has_pin and request.GET.get("by") != "code" else "code"
    form = ProofForm(request.POST if request.method == "POST" else None, by=by)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            safety.unfreeze(
                member=member,
                pin=given.get("pin", ""),
                code=given.get("code", ""),
                actor=Actor.user(request.user),
                at=timezone.now(),
            )
        except Refused as refused:
            form.add_error(by, refused.text())
        else:
            # Translators: 已解冻，积分又可以用了
            messages.success(request, _("Your points can be spent again."))
            return redirect("me")
    return _ask(request, "members/unfreeze.html", form, by, has_pin=has_pin)


@member_only
@require_POST
def send_code(request: MemberRequest) -> HttpResponse:
    """Send the member a one-time code for the PIN or for unfreezing, and go back to the form."""
    try:
        safety.send_code(member=request.member, ip=client_ip(request), at=timezone.now())
    except Refused as refused:
        messages.error(request, refused.text())
    page = "unfreeze" if request.POST.get("to") == "unfreeze" else "pin"
    response = redirect(page)
    response["Location"] += "?by=code"
    return response


@member_only
@never_cache
def export(request: MemberRequest) -> HttpResponse:
    """Hand over everything that we hold about the member, as one file."""
    at = timezone.now()
    response = JsonResponse(privacy.export(request.member, at), json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = f'attachment; filename="lianhui-{request.member.number}-{at:%Y%m%d}.json"'
    return response


def _ask(request: HttpRequest, template: str, form: ProofForm, by: str, *, has_pin: bool) -> HttpResponse:
    member = request.member  # type: ignore[attr-defined]
    address = safety.address_of(member)
    is_out = codes.is_out(address=address, purpose=safety.PURPOSE)
    context = {
        "tab": "me",
        "form": form,
        "by": by,
        "has_pin": has_pin,
        "address": member.user.masked,
        "resend_in": codes.resend_in(address=address, purpose=safety.PURPOSE, at=timezone.now()),
        # The outbox keeps one message per address: show it only when it is about this, not the sign-in of before.
        "demo_message": outbox.last(address.value) if settings.LIANHUI_DEMO and is_out else None,
    }
    return render(request, template, context, status=422 if form.errors else 200)
