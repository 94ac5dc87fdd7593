"""Holds, with the names of the shops: to look at, and to give back when a shop cannot do it itself."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access
from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, actor_of, now
from alliance.admin.wording import acting
from alliance.models import Unit, User
from merchants import holds
from merchants.admin.sales import _name
from merchants.models import Outlet
from points.admin import links
from points.bills import Caller
from points.models import Hold


class Once(ActForm):
    """One key per page that was opened: pressing twice gives back once."""

    key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def prepare(self) -> None:
        self.fields["key"].initial = uuid4().hex


def _release(request: HttpRequest, hold: Hold, data: dict[str, Any]) -> str:
    outlet = Outlet.objects.get(pk=hold.outlet_id)
    key = f"hold:{hold.pk}:{data['key'] or uuid4().hex}"
    holds.release(outlet=outlet, hold_id=hold.pk, caller=Caller("staff", 0), key=key, actor=actor_of(request), at=now())
    return _t("Given back to the member.")


@admin.register(Hold)
class HoldAdmin(FrozenAdmin):
    """Scoped by outlet, like sales: the book itself knows no units."""

    scope = "everybody"
    view_permission = "merchant.view"
    list_display = ("shown_number", "shown_state", "shown_shop", "shown_points", "shown_bill", "placed_at", "ends_at")
    list_filter = ("state",)
    # Translators: 预占 H123、门店 O12 或钱包 W1024
    search_help_text = _("A hold (H123), an outlet (O12) or a wallet (W1024)")
    search_fields = ("id",)
    ordering = ("-id",)
    fields = (
        ("shown_number", "shown_state", "shown_shop"),
        ("shown_points", "shown_bill", "shown_captured"),
        ("placed_at", "ends_at", "closed_at"),
        ("shown_actor", "shown_closer", "reference"),
        ("shown_wallet", "shown_sale"),
    )
    readonly_fields = (
        "shown_number",
        "shown_state",
        "shown_shop",
        "shown_points",
        "shown_bill",
        "shown_captured",
        "shown_actor",
        "shown_closer",
        "shown_wallet",
        "shown_sale",
    )
    shown_actor = acting("actor", _("actor"))
    shown_closer = acting("closed_by", _("closed by"))
    acts = (
        Act(
            name="release",
            # Translators: 取消预占
            title=_("Give the points back"),
            permission="hold.release",
            # Translators: 积分立即退回会员，门店不能再收取这笔预占。
            says=_("The points are the member's again at once, and the shop cannot take this hold any more."),
            form=Once,
            run=_release,
            is_possible=lambda _request, hold: hold.is_open,
            is_dangerous=True,
            icon="undo",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        user = request.user
        assert isinstance(user, User)
        if access.is_alliance_wide(user, self.view_permission):
            return rows
        return rows.filter(outlet_id__in=Outlet.objects.visible_to(user).values("pk"))

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find by number; a letter in front says of what."""
        words = words.upper()
        letter, digits = (words[:1], words[1:]) if words[:1].isalpha() else ("H", words)
        column = {"W": "wallet_id", "H": "id", "S": "sale_id", "O": "outlet_id"}.get(letter)
        if column is None or not digits.isdecimal() or len(digits) > 18:
            return queryset.none(), False
        return queryset.filter(**{column: int(digits)}), False

    def unit_of(self, row: Hold) -> Unit | None:
        outlet = Outlet.objects.select_related("centre").filter(pk=row.outlet_id).first()
        return outlet.centre if outlet else None

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of a page's shops in one query."""
        changelist = super().get_changelist_instance(request)
        numbers = {row.outlet_id for row in changelist.result_list}
        names = {shop.pk: shop for shop in Outlet.objects.filter(pk__in=numbers).select_related("merchant")}
        for row in changelist.result_list:
            row.shop = names.get(row.outlet_id)
        return changelist

    # Translators: 预占号
    @display(description=_("hold"), ordering="id")
    def shown_number(self, hold: Hold) -> str:
        return str(hold)

    @labelled(description=_("state"), tones={1: "warning", 2: "success", 5: "danger"})
    def shown_state(self, hold: Hold) -> tuple[int, Any]:
        if hold.is_open and hold.is_over(timezone.now()):
            # Translators: 已到时，待退回
            return 5, _("time over")
        return hold.state, hold.get_state_display()

    @display(description=_("outlet"))
    def shown_shop(self, hold: Hold) -> str:
        shop: Outlet | None = getattr(hold, "shop", None) or (
            Outlet.objects.select_related("merchant").filter(pk=hold.outlet_id).first()
        )
        return links.link("merchants_outlet", hold.outlet_id, _name(shop) if shop else "?")

    @display(description=_("points set aside"), ordering="points")
    def shown_points(self, hold: Hold) -> Any:
        return links.number(hold.points)

    @display(description=_("expected bill"))
    def shown_bill(self, hold: Hold) -> Any:
        return links.money(hold.bill_fen)

    @display(description=_("points captured"))
    def shown_captured(self, hold: Hold) -> Any:
        return links.number(hold.captured)

    @display(description=_("wallet"))
    def shown_wallet(self, hold: Hold) -> Any:
        return links.wallet(hold.wallet_id)

    @display(description=_("sale"))
    def shown_sale(self, hold: Hold) -> Any:
        return links.link("points_sale", hold.sale_id, f"S{hold.sale_id}")
