"""Members in the console: the one place where a person and a wallet stand side by side, and looking leaves a trace."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import people
from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, FrozenInline, now
from alliance.calc import phone
from alliance.models import User
from alliance.refusals import declare
from alliance.templatetags.lianhui import masked_email, masked_phone, thousands, yuan
from members.models import ConsentRecord, Member
from points.admin import links

# Translators: 会员属于整个联盟，不属于某个大区。您可以看到所辖门店的销售和到店会员数；个别会员的问题请交总部处理
OF_THE_ALLIANCE = declare(
    "members_of_the_alliance",
    403,
    _(
        "Members belong to the whole alliance and to no region. You see the sales of your outlets and how many members"
        " they served; for one member's question ask headquarters."
    ),
)


class ConsentInline(FrozenInline):
    model = ConsentRecord
    fields = ("purpose", "text_version", "given_at", "withdrawn_at")
    readonly_fields = fields
    ordering = ("-given_at", "pk")


class Why(ActForm):
    reason = forms.CharField(label=_("Reason"), max_length=100)


def _reveal(request: HttpRequest, member: Member, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    contact = people.reveal(user=member.user, viewer=request.user, reason=data["reason"], at=now())
    return _t("%(contact)s — the diary has noted that you looked.") % {"contact": contact}


@admin.register(Member)
class MemberAdmin(FrozenAdmin):
    # Members belong to the alliance, not to a region.
    scope = "headquarters"
    view_permission = "member.view"
    is_searched = True
    icon = "group"
    list_display = ("number", "shown_name", "shown_phone", "shown_points", "shown_state", "joined_at", "is_synthetic")
    list_select_related = ("user", "wallet")
    list_filter = (("wallet__frozen_at", admin.EmptyFieldListFilter), "is_synthetic")
    search_fields = ("number",)
    # Translators: 会员号，或完整的手机号、邮箱
    search_help_text = _("Member number, or the whole phone number or e-mail")
    ordering = ("-joined_at", "-pk")
    fields = (
        ("number", "shown_name", "joined_at"),
        ("shown_phone", "shown_email"),
        ("shown_points", "shown_state", "shown_wallet"),
        "is_synthetic",
    )
    readonly_fields = ("shown_name", "shown_phone", "shown_email", "shown_points", "shown_state", "shown_wallet")
    inlines = (ConsentInline,)
    acts = (
        Act(
            name="reveal",
            # Translators: 查看完整联系方式
            title=_("Show phone or e-mail in full"),
            permission="member.reveal",
            says=_("The diary will note that you looked, and why."),
            form=Why,
            run=_reveal,
            icon="visibility",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "wallet")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Say why, not only no, to whoever looks for members from a region or a shop's side."""
        if not self.has_view_permission(request):
            raise OF_THE_ALLIANCE()
        return super().changelist_view(request, extra_context)

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find by the whole of a number, phone or e-mail: nobody leafs through people by a part of it."""
        digits = words.replace(" ", "")
        found = Q(user__email=words.lower())
        if digits.isdecimal() and len(digits) == 8:
            found |= Q(number=digits)
        with suppress(ValueError):
            found |= Q(user__phone=phone.e164(words))
        return queryset.filter(found), False

    @display(description=_("name"))
    def shown_name(self, member: Member) -> str:
        return member.user.name or "–"

    @display(description=_("phone"))
    def shown_phone(self, member: Member) -> str:
        return masked_phone(member.user.phone)

    @display(description=_("e-mail"))
    def shown_email(self, member: Member) -> str:
        return masked_email(member.user.email)

    @display(description=_("points"), ordering="wallet__balance")
    def shown_points(self, member: Member) -> str:
        balance = member.wallet.balance
        return format_html(
            '<span class="console-n">{} <span class="console-quiet">≈ {}</span></span>',
            thousands(balance),
            yuan(balance),
        )

    @labelled(description=_("state"), tones={"frozen": "danger", "closed": "danger", "open": "success"})
    def shown_state(self, member: Member) -> tuple[str, Any]:
        if not member.user.is_active:
            return "closed", _("Closed")
        return ("frozen", _("Frozen")) if member.wallet.frozen_at else ("open", _("Works"))

    @display(description=_("wallet"))
    def shown_wallet(self, member: Member) -> str:
        return links.wallet(member.wallet_id)
