"""API keys: made, shown once, rotated, revoked by the owner."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from merchants import keys
from merchants.access import Desk, DeskRequest, owner_only
from merchants.models import ApiKey, Outlet
from merchants.models.key import Scope
from merchants.web import frame

_TICK = {"class": "checkbox checkbox-primary"}


class KeyForm(forms.Form):
    # Translators: 名称，例如“前台收银机”
    name = forms.CharField(label=gettext_lazy("What is it for?"), max_length=60)
    outlet = forms.ModelChoiceField(
        label=gettext_lazy("Outlet"),
        queryset=Outlet.objects.none(),
        required=False,
        empty_label=gettext_lazy("All outlets"),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What may it do?"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple(_TICK)
    )
    is_test = forms.BooleanField(label=gettext_lazy("Test key: sees test outlets only"), required=False)

    def __init__(self, desk: Desk, data: Any = None) -> None:
        super().__init__(data)
        field: Any = self.fields["outlet"]
        field.queryset = Outlet.objects.open().filter(merchant=desk.merchant).order_by("pk")


@owner_only
@never_cache
def keys_page(request: DeskRequest) -> HttpResponse:
    """List the keys; make one, whose secret is in this answer only."""
    desk = request.desk
    form = KeyForm(desk, request.POST if request.method == "POST" else None)
    made, secret = None, ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made, secret = keys.create(
            merchant=desk.merchant,
            name=data["name"],
            scopes=data["scopes"],
            outlet=data["outlet"],
            is_test=data["is_test"],
            actor=Actor.user(desk.user),
            at=timezone.now(),
        )
        form = KeyForm(desk)
    return _page(request, form, made, secret)


def _page(request: DeskRequest, form: KeyForm, made: ApiKey | None, secret: str) -> HttpResponse:
    desk = request.desk
    found = ApiKey.objects.filter(merchant=desk.merchant).select_related("outlet").order_by("-created_at", "-pk")
    now = timezone.now()
    words = dict(Scope.choices)
    shown = [
        {"key": key, "is_active": key.is_active(now), "scopes": [words.get(scope, scope) for scope in key.scopes]}
        for key in found[:50]
    ]
    context = {"form": form, "keys": shown, "made": made, "secret": secret, "tab": "keys"}
    return frame.page(request, desk, "keys.html", "team", context, status=422 if form.errors else 200)


@owner_only
@require_POST
def rotate(request: DeskRequest, number: int) -> HttpResponse:
    """Make a successor, shown once; the old key works another day."""
    made, secret = keys.rotate(key=_key(request, number), actor=Actor.user(request.desk.user), at=timezone.now())
    return _page(request, KeyForm(request.desk), made, secret)


@owner_only
@require_POST
def revoke(request: DeskRequest, number: int) -> HttpResponse:
    """End a key now."""
    keys.revoke(key=_key(request, number), actor=Actor.user(request.desk.user), at=timezone.now())
    messages.success(request, _("Revoked. The next call with it is refused."))
    return redirect("shop_keys")


def _key(request: DeskRequest, number: int) -> ApiKey:
    key = ApiKey.objects.filter(merchant=request.desk.merchant, pk=number).select_related("merchant", "outlet").first()
    if key is None:
        raise Http404
    return key
