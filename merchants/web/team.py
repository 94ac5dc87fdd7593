"""Who works here and where: staff (owners only) and outlets."""

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
from alliance.calc.phone import e164
from merchants import staff
from merchants.access import Desk, DeskRequest, manager_only, owner_only
from merchants.models import Outlet, Staff
from merchants.web import frame


class AppointForm(forms.Form):
    # Translators: 手机号（对方用这个号码登录）
    phone = forms.CharField(
        label=gettext_lazy("Phone number"),
        help_text=gettext_lazy("They sign in with it and a one-time code."),
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off", "placeholder": "138 0013 8000"}),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Staff.Role.choices, initial=Staff.Role.CASHIER)
    outlet = forms.ModelChoiceField(
        label=gettext_lazy("Outlet"),
        queryset=Outlet.objects.none(),
        required=False,
        # Translators: 所有门店
        empty_label=gettext_lazy("All outlets"),
    )

    def __init__(self, desk: Desk, data: Any = None) -> None:
        super().__init__(data)
        field: Any = self.fields["outlet"]
        field.queryset = Outlet.objects.open().filter(merchant=desk.merchant).order_by("pk")

    def clean_phone(self) -> str:
        try:
            return e164(self.cleaned_data["phone"])
        except ValueError:
            # Translators: 手机号不对
            raise forms.ValidationError(_("This is no phone number. Write 11 digits, like 138 0013 8000.")) from None


@owner_only
@never_cache
def staff_page(request: DeskRequest) -> HttpResponse:
    """List who works here; appoint somebody by phone."""
    desk = request.desk
    form = AppointForm(desk, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        staff.appoint_by_phone(
            merchant=desk.merchant,
            phone=data["phone"],
            role=data["role"],
            outlet=data["outlet"],
            actor=Actor.user(desk.user),
            at=timezone.now(),
        )
        messages.success(request, _("Appointed. They can sign in with this phone number now."))
        return redirect("shop_staff")
    now = timezone.now()
    posts = Staff.objects.active(now).filter(merchant=desk.merchant).select_related("user", "outlet")
    context = {"form": form, "posts": list(posts.order_by("starts_at", "pk")), "tab": "staff"}
    return frame.page(request, desk, "staff.html", "team", context, status=422 if form.errors else 200)


@owner_only
@require_POST
def dismiss(request: DeskRequest, number: int) -> HttpResponse:
    """Dismiss somebody; it works at once."""
    desk = request.desk
    post = Staff.objects.filter(merchant=desk.merchant, pk=number).first()
    if post is None:
        raise Http404
    staff.dismiss(post=post, actor=Actor.user(desk.user), at=timezone.now())
    messages.success(request, _("Dismissed. Their next request is refused."))
    return redirect("shop_staff")


@manager_only
@never_cache
def outlets_page(request: DeskRequest) -> HttpResponse:
    """List the outlets that this person manages, with their tills."""
    desk = request.desk
    numbers = [outlet.pk for outlet in desk.managed_outlets]
    outlets = Outlet.objects.filter(pk__in=numbers).select_related("city").prefetch_related("tills").order_by("pk")
    return frame.page(request, desk, "outlets.html", "team", {"outlets": list(outlets), "tab": "outlets"})
