"""A merchant's parts: agreements, outlets, staff, keys, top-ups."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.acts import Act
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, ScopedRelatedFilter, actor_of, now
from alliance.admin.wording import acting
from alliance.models import Unit
from alliance.templatetags.lianhui import bps, yuan
from merchants import keys, onboarding, staff, topups
from merchants.models import Agreement, ApiKey, Outlet, Staff, TopUp


class PartAdmin(FrozenAdmin):
    """Something that belongs to a merchant, and with it to the merchant's service centre."""

    view_permission = "merchant.view"
    list_select_related: Any = ("merchant",)

    def unit_of(self, row: Any) -> Unit:
        unit: Unit = row.merchant.centre
        return unit

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("merchant__centre")


@admin.register(Agreement)
class AgreementAdmin(PartAdmin):
    list_display = (
        "merchant",
        "version",
        "shown_rate",
        "shown_member",
        "shown_share",
        "starts_on",
        "ends_on",
        "signed_at",
    )
    list_display_links = ("merchant", "version")
    search_fields = ("merchant__name", "merchant__short_name")
    ordering = ("-signed_at", "-pk")
    fields = (
        ("merchant", "version"),
        ("shown_rate", "shown_spend_fee", "shown_share"),
        ("shown_member", "shown_fee", "shown_centre", "shown_promo", "shown_buffer"),
        ("matures_days", "holdback_days"),
        ("starts_on", "ends_on"),
        ("signed_at", "shown_signed_by"),
    )
    readonly_fields = (
        "shown_rate",
        "shown_member",
        "shown_fee",
        "shown_centre",
        "shown_promo",
        "shown_buffer",
        "shown_spend_fee",
        "shown_share",
        "shown_signed_by",
    )
    shown_signed_by = acting("signed_by", _("signed by"))

    @display(description=_("rebate"), ordering="rate_bps")
    def shown_rate(self, row: Agreement) -> str:
        return bps(row.rate_bps)

    @display(description=_("of it: member"))
    def shown_member(self, row: Agreement) -> str:
        return bps(row.member_bps)

    @display(description=_("operator"))
    def shown_fee(self, row: Agreement) -> str:
        return bps(row.fee_bps)

    @display(description=_("service centre"))
    def shown_centre(self, row: Agreement) -> str:
        return bps(row.centre_bps)

    @display(description=_("promotion"))
    def shown_promo(self, row: Agreement) -> str:
        return bps(row.promo_bps)

    @display(description=_("buffer"))
    def shown_buffer(self, row: Agreement) -> str:
        return bps(10_000 - row.member_bps - row.fee_bps - row.centre_bps - row.promo_bps)

    @display(description=_("spending fee"))
    def shown_spend_fee(self, row: Agreement) -> str:
        return bps(row.spend_fee_bps)

    # Translators: 每单积分上限
    @display(description=_("largest share in points"))
    def shown_share(self, row: Agreement) -> str:
        return bps(row.spend_share_bps)


def _close_outlet(request: HttpRequest, outlet: Outlet, data: dict[str, Any]) -> str:
    onboarding.close_outlet(outlet=outlet, actor=actor_of(request), at=now())
    return _t("The outlet is closed.")


@admin.register(Outlet)
class OutletAdmin(PartAdmin):
    is_searched = True
    icon = "location_on"
    list_display = ("name", "merchant", "shown_state", "city", "district", "centre", "hours")
    list_select_related = ("merchant", "city", "centre")
    list_filter = ("state", ("centre", ScopedRelatedFilter))
    search_fields = ("name", "address", "merchant__short_name")
    ordering = ("-opened_at", "-pk")
    fields = (
        ("name", "merchant"),
        ("city", "district"),
        "address",
        ("lng", "lat"),
        ("hours", "phone"),
        ("centre", "shown_state"),
        ("opened_at", "closed_at"),
    )
    readonly_fields = ("shown_state",)
    acts = (
        Act(
            name="close",
            # Translators: 关店
            title=_("Close for good"),
            permission="merchant.change",
            says=_("Its tills stop at once. Its history stays."),
            run=_close_outlet,
            is_possible=lambda _request, outlet: outlet.is_open,
            is_dangerous=True,
            icon="door_front",
        ),
    )

    def unit_of(self, row: Outlet) -> Unit:
        return row.centre

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("centre")

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find as the class does, which its indexes answer."""
        return queryset.search(words), False

    @labelled(description=_("state"), ordering="state", tones={"open": "success", "closed": "danger"})
    def shown_state(self, outlet: Outlet) -> tuple[str, str]:
        return outlet.state, outlet.get_state_display()


def _dismiss(request: HttpRequest, post: Staff, data: dict[str, Any]) -> str:
    staff.dismiss(post=post, actor=actor_of(request), at=now())
    return _t("They no longer work here.")


@admin.register(Staff)
class StaffAdmin(PartAdmin):
    list_display = ("user", "shown_role", "merchant", "outlet", "starts_at", "ends_at")
    list_select_related = ("user", "merchant", "outlet")
    list_filter = ("role",)
    search_fields = ("user__name", "merchant__short_name")
    ordering = ("-starts_at", "-pk")
    fields = ("shown_user", "shown_role", "merchant", "outlet", "starts_at", "ends_at")
    readonly_fields = ("shown_user", "shown_role")
    acts = (
        Act(
            name="dismiss",
            # Translators: 解除
            title=_("Dismiss"),
            permission="merchant.change",
            says=_("The next thing they try at a till or in the shop is refused."),
            run=_dismiss,
            is_possible=lambda _request, post: post.ends_at is None or post.ends_at > now(),
            is_dangerous=True,
            icon="person_remove",
        ),
    )

    @display(description=_("user"))
    def shown_user(self, post: Staff) -> str:
        return str(post.user)

    @labelled(description=_("role"), ordering="role")
    def shown_role(self, post: Staff) -> str:
        return post.get_role_display()


def _revoke(request: HttpRequest, key: ApiKey, data: dict[str, Any]) -> str:
    keys.revoke(key=key, actor=actor_of(request), at=now())
    return _t("The key no longer opens anything.")


@admin.register(ApiKey)
class ApiKeyAdmin(PartAdmin):
    list_display = ("name", "prefix", "merchant", "outlet", "is_test", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("merchant", "outlet")
    list_filter = ("is_test",)
    search_fields = ("name", "prefix", "merchant__short_name")
    ordering = ("-created_at", "-pk")
    fields = (
        ("name", "prefix", "is_test"),
        ("merchant", "outlet"),
        "scopes",
        ("created_at", "shown_created_by"),
        ("last_used_at", "revoked_at"),
    )
    readonly_fields = ("shown_created_by",)
    shown_created_by = acting("created_by", _("created by"))
    acts = (
        Act(
            name="revoke",
            # Translators: 吊销密钥
            title=_("Revoke"),
            permission="merchant.change",
            says=_("Whatever uses this key stops working at once. It cannot be undone; the merchant makes a new key."),
            run=_revoke,
            is_possible=lambda _request, key: key.is_active(now()),
            is_dangerous=True,
            icon="key_off",
        ),
    )


def _withdraw(request: HttpRequest, topup: TopUp, data: dict[str, Any]) -> str:
    topups.withdraw(topup=topup, actor=actor_of(request), at=now())
    return _t("The announcement is withdrawn.")


@admin.register(TopUp)
class TopUpAdmin(PartAdmin):
    list_display = ("merchant", "shown_amount", "shown_state", "asked_at", "shown_asked_by", "bank_line", "booked_at")
    list_display_links = ("merchant", "shown_amount")
    list_select_related = ("merchant", "bank_line")
    list_filter = ("state",)
    search_fields = ("merchant__short_name",)
    is_always_of_a_unit = True
    ordering = ("-pk",)
    fields = (
        ("merchant", "shown_amount", "shown_state"),
        ("asked_at", "shown_asked_by"),
        ("bank_line", "approval", "booked_at"),
    )
    readonly_fields = ("shown_amount", "shown_state", "shown_asked_by")
    shown_asked_by = acting("asked_by", _("asked by"))
    acts = (
        Act(
            name="withdraw",
            title=_("Withdraw the announcement"),
            permission="topup.ask",
            says=_("The money is no longer expected. If it comes all the same, its bank line can still be matched."),
            run=_withdraw,
            is_possible=lambda _request, topup: topup.state == TopUp.State.ANNOUNCED,
            icon="undo",
        ),
    )

    @display(description=_("amount"), ordering="amount_fen")
    def shown_amount(self, topup: TopUp) -> str:
        return yuan(topup.amount_fen)

    @labelled(
        description=_("state"),
        ordering="state",
        tones={"announced": "info", "matched": "warning", "booked": "success", "refused": "danger"},
    )
    def shown_state(self, topup: TopUp) -> tuple[str, str]:
        return topup.state, topup.get_state_display()
