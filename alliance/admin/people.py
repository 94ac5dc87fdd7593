"""Everybody who signs in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from alliance import access, people, staff
from alliance.admin.acts import Act, ActForm
from alliance.admin.organisation import PostInline
from alliance.admin.scoped import CappedPaginator, ScopedAdmin, VerbForm, actor_of, now
from alliance.calc import phone
from alliance.models import User
from alliance.templatetags.lianhui import masked_email, masked_phone


class InviteForm(VerbForm):
    password = forms.CharField(
        label=_("First password"),
        strip=False,
        min_length=12,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. They can change it after signing in."),
    )

    class Meta:
        model = User
        fields = ("email", "name")


class Reason(ActForm):
    reason = forms.CharField(label=_("Reason"), max_length=100)


class NewPassword(ActForm):
    password = forms.CharField(label=_("New password"), min_length=12, strip=False)


def _reveal(request: HttpRequest, user: User, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    contact = people.reveal(user=user, viewer=request.user, reason=data["reason"], at=now())
    # Translators: 已记入日志
    return _t("%(contact)s — the diary has noted that you looked.") % {"contact": contact}


def _set_password(request: HttpRequest, user: User, data: dict[str, Any]) -> str:
    people.set_password(user=user, password=data["password"], actor=actor_of(request), at=now())
    return _t("The new password works from now on.")


def _reset_factor(request: HttpRequest, user: User, data: dict[str, Any]) -> str:
    staff.reset_second_factor(user=user, actor=actor_of(request), at=now())
    return _t("At the next sign-in they bind a new authenticator app.")


def _close(request: HttpRequest, user: User, data: dict[str, Any]) -> str:
    people.close(user=user, actor=actor_of(request), at=now())
    return _t("The account is closed.")


def _reopen(request: HttpRequest, user: User, data: dict[str, Any]) -> str:
    people.reopen(user=user, actor=actor_of(request), at=now())
    return _t("The account is open again.")


def _is_other(request: HttpRequest, user: User) -> bool:
    return bool(user.is_active and user.pk != request.user.pk)


@admin.register(User)
class UserAdmin(ScopedAdmin):
    view_permission = "org.view"
    add_permission = change_permission = "org.change"
    is_searched = True
    icon = "person"
    paginator = CappedPaginator
    list_display = ("name", "shown_phone", "shown_email", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("name",)
    search_help_text = _("Name, e-mail, or the whole phone number")
    ordering = ("-pk",)
    fields = (
        "name",
        ("shown_phone", "shown_email"),
        ("language", "theme"),
        ("is_staff", "is_active"),
        ("date_joined", "last_login"),
    )
    readonly_fields = (
        "shown_phone",
        "shown_email",
        "language",
        "theme",
        "is_staff",
        "is_active",
        "date_joined",
        "last_login",
    )
    inlines = (PostInline,)
    acts = (
        Act(
            name="reveal",
            # Translators: 查看完整联系方式
            title=_("Show phone or e-mail in full"),
            permission="member.reveal",
            says=_("The diary will note that you looked, and why."),
            form=Reason,
            run=_reveal,
            icon="visibility",
        ),
        Act(
            name="password",
            # Translators: 重设密码
            title=_("Set a new password"),
            permission="org.change",
            says=_("The old password stops working at once; tell them the new one in person."),
            form=NewPassword,
            run=_set_password,
            is_possible=lambda request, user: user.is_staff and _is_other(request, user),
            icon="password",
        ),
        Act(
            name="second-factor",
            # Translators: 解绑验证器
            title=_("Forget the authenticator app"),
            permission="org.change",
            says=_("For a lost phone: make sure it is really them who ask. The next sign-in binds a new app."),
            run=_reset_factor,
            is_possible=lambda request, user: user.is_staff and _is_other(request, user) and staff.is_enrolled(user),
            is_dangerous=True,
            icon="phonelink_erase",
        ),
        Act(
            name="close",
            # Translators: 停用账号
            title=_("Close the account"),
            permission="org.change",
            says=_("They are signed out everywhere at once and cannot sign in any more. It can be opened again."),
            run=_close,
            is_possible=_is_other,
            is_dangerous=True,
            icon="block",
        ),
        Act(
            name="reopen",
            title=_("Open the account again"),
            permission="org.change",
            says=_("They can sign in again with what they had."),
            run=_reopen,
            is_possible=lambda _request, user: not user.is_active,
            icon="lock_open",
        ),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = InviteForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("email", "name", "password")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj and obj.is_staff else ()

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find by name, or by the whole of a phone number or e-mail; by a part of it colleagues only, who show it."""
        try:
            return queryset.filter(phone=phone.e164(words)), False
        except ValueError:
            found = Q(name__icontains=words) | Q(email=words.lower()) | Q(is_staff=True, email__icontains=words)
            return queryset.filter(found), False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Members and shop people are seen by those only who look after members."""
        rows = super().get_queryset(request)
        assert isinstance(request.user, User)
        return rows if access.is_alliance_wide(request.user, "member.view") else rows.filter(is_staff=True)

    def quick_search(self, request: HttpRequest, words: str) -> Any:
        """Find colleagues by name, anybody else only by the whole phone number or e-mail."""
        rows = self.get_queryset(request)
        try:
            return rows.filter(phone=phone.e164(words))
        except ValueError:
            found = Q(email=words.lower()) | Q(is_staff=True, name__icontains=words)
            return rows.filter(found).order_by("pk")

    @display(description=_("phone"))
    def shown_phone(self, user: User) -> str:
        return masked_phone(user.phone)

    @display(description=_("e-mail"))
    def shown_email(self, user: User) -> str:
        return (user.email or "–") if user.is_staff else masked_email(user.email)

    def perform(self, request: HttpRequest, row: User, data: dict[str, Any], change: bool) -> User:
        if change:
            people.rename(user=row, name=data["name"], actor=actor_of(request), at=now())
            return row
        return people.invite(
            email=data["email"], name=data["name"], password=data["password"], actor=actor_of(request), at=now()
        )
