"""The tills' documents, with the names of the shops: whoever serves a shop sees its sales."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access
from alliance.admin.drawing import labelled
from alliance.admin.wording import acting
from alliance.models import Unit, User
from alliance.templatetags.lianhui import bps, yuan
from merchants.models import Outlet
from points.admin import links
from points.admin.newest import NewestAdmin
from points.models import Sale


@admin.register(Sale)
class SaleAdmin(NewestAdmin):
    """Scoped by outlet: the book itself knows no units."""

    scope = "everybody"
    view_permission = "merchant.view"
    list_display = (
        "shown_number",
        "shown_kind",
        "shown_shop",
        "shown_bill",
        "shown_paid",
        "shown_given",
        "shown_spent",
        "event_at",
        "reference",
    )
    list_filter = (*NewestAdmin.list_filter, "reason")
    # Translators: 小票号 S123、门店 O12 或钱包 W1024
    search_help_text = _("A sale (S123), an outlet (O12) or a wallet (W1024)")
    fields = (
        ("shown_number", "shown_kind", "shown_shop"),
        ("shown_bill", "shown_paid", "shown_eligible"),
        ("shown_rate", "shown_rebate"),
        ("shown_given", "shown_rest"),
        ("shown_spent", "shown_fee"),
        ("event_at", "booked_at", "booked_on"),
        ("shown_actor", "reference", "reason"),
        ("shown_wallet", "shown_journal", "shown_reverses"),
    )
    readonly_fields = (
        "shown_number",
        "shown_kind",
        "shown_shop",
        "shown_bill",
        "shown_paid",
        "shown_eligible",
        "shown_rate",
        "shown_rebate",
        "shown_given",
        "shown_rest",
        "shown_spent",
        "shown_fee",
        "shown_wallet",
        "shown_journal",
        "shown_reverses",
        "shown_actor",
    )
    shown_actor = acting("actor", _("actor"))

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        user = request.user
        assert isinstance(user, User)
        if access.is_alliance_wide(user, self.view_permission):
            return rows
        return rows.filter(outlet_id__in=Outlet.objects.visible_to(user).values("pk"))

    def unit_of(self, row: Sale) -> Unit | None:
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

    # Translators: 小票号
    @display(description=_("sale"), ordering="id")
    def shown_number(self, sale: Sale) -> str:
        return str(sale)

    @labelled(description=_("kind"), tones={1: "success", 2: "danger"})
    def shown_kind(self, sale: Sale) -> tuple[int, str]:
        return sale.kind, sale.get_kind_display()

    @display(description=_("outlet"))
    def shown_shop(self, sale: Sale) -> str:
        shop: Outlet | None = getattr(sale, "shop", None) or (
            Outlet.objects.select_related("merchant").filter(pk=sale.outlet_id).first()
        )
        return links.link("merchants_outlet", sale.outlet_id, _name(shop) if shop else "?")

    # Translators: 账单金额
    @display(description=_("bill"))
    def shown_bill(self, sale: Sale) -> str:
        return links.money(sale.bill_fen)

    # Translators: 实付
    @display(description=_("paid in money"))
    def shown_paid(self, sale: Sale) -> str:
        return links.money(sale.paid_fen)

    @display(description=_("eligible"))
    def shown_eligible(self, sale: Sale) -> str:
        return links.money(sale.eligible_fen)

    @display(description=_("rate"))
    def shown_rate(self, sale: Sale) -> str:
        return bps(sale.rate_bps)

    @display(description=_("rebate"))
    def shown_rebate(self, sale: Sale) -> str:
        return links.money(sale.rebate_fen)

    # Translators: 获得积分
    @display(description=_("points earned"))
    def shown_given(self, sale: Sale) -> str:
        return links.signed(sale.points)

    @display(description=_("rest of the rebate"))
    def shown_rest(self, sale: Sale) -> str:
        return yuan(sale.rest)

    # Translators: 使用积分
    @display(description=_("points spent"))
    def shown_spent(self, sale: Sale) -> str:
        return links.signed(-sale.spent_points) if sale.spent_points else "–"

    @display(description=_("spending fee"))
    def shown_fee(self, sale: Sale) -> str:
        return yuan(sale.spend_fee)

    @display(description=_("wallet"))
    def shown_wallet(self, sale: Sale) -> str:
        return links.wallet(sale.wallet_id)

    @display(description=_("journal"))
    def shown_journal(self, sale: Sale) -> str:
        return links.journal(sale.pk) if sale.points or sale.rest or sale.spent_points else "–"

    @display(description=_("reverses"))
    def shown_reverses(self, sale: Sale) -> str:
        return links.link("points_sale", sale.reverses_id, f"S{sale.reverses_id}")


def _name(shop: Outlet) -> str:
    """Return the outlet's name, with the merchant's in front unless it says so already."""
    merchant = str(shop.merchant)
    return shop.name if shop.name.startswith(merchant) else f"{merchant} · {shop.name}"
