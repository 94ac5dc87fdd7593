"""The tills' documents, with the names of the shops: whoever serves a shop sees its sales."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access
from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import now, once
from alliance.admin.wording import acting
from alliance.amounts import read_fen
from alliance.models import Unit, User
from alliance.refusals import Refused
from alliance.templatetags.lianhui import bps, local_time, thousands, yuan
from merchants import refunding
from merchants.models import Outlet, RefundNote
from points import refunds
from points.admin import links
from points.admin.newest import NewestAdmin
from points.models import Sale


class Back(ActForm):
    """What comes back. One key per page that was opened: pressing twice refunds once."""

    # Translators: 退多少（元），不填为全部
    amount = forms.CharField(label=_("Amount in yuan; empty: all that is left"), max_length=20, required=False)
    reason = forms.ChoiceField(label=_("Reason"), choices=RefundNote.Reason)
    # Translators: 说明
    note = forms.CharField(label=_("Note"), max_length=200)
    # Translators: 钱已经退给顾客
    cash_given = forms.BooleanField(label=_("The money was given back already"), required=False)
    key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def prepare(self) -> None:
        self.fields["key"].initial = uuid4().hex

    def clean_amount(self) -> int | None:
        try:
            return read_fen(self.cleaned_data["amount"]) if self.cleaned_data["amount"] else None
        except Refused as refused:
            raise forms.ValidationError(refused.text()) from None


def _facts(request: HttpRequest, sale: Sale) -> list[tuple[Any, Any]]:
    kept = refunds.left_of(sale)
    return [
        (_("Bill"), yuan(sale.bill_fen)),
        # Translators: 还可退
        (_("Left"), yuan(kept.bill)),
        (_("Paid in money"), yuan(kept.paid)),
        (_("Paid with points"), thousands(kept.spent)),
    ]


def _refund(request: HttpRequest, sale: Sale, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    outlet = Outlet.objects.select_related("centre").get(pk=sale.outlet_id)
    wanted = refunding.Request(
        fen=data["amount"], cash_given=data["cash_given"], reason=data["reason"], note=data["note"]
    )
    key = f"refund:{sale.pk}:{data['key'] or uuid4().hex}"
    done = refunding.by_staff(sale=sale, request=wanted, key=key, user=request.user, unit=outlet.centre, at=now())
    if isinstance(done, refunding.Done):
        # Translators: 已退款，请商户退给顾客 …
        words = _t("Refunded. The shop hands out %(cash)s and keeps %(kept)s.")
        figures = done.figures
        return words % {"cash": yuan(figures.cash_back_fen), "kept": yuan(figures.keep_back_fen)}
    return _t("Asked. A second person decides it in the approvals.")


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
        "shown_refunds",
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
        "shown_refunds",
        "shown_actor",
    )
    acts = (
        Act(
            name="refund",
            # Translators: 退款
            title=_("Refund"),
            permission="sale.refund",
            says=_(
                "Points that were spent come back, earned ones are taken back. The shop hands out the money. "
                "Above a limit a second person has to agree first."
            ),
            form=Back,
            run=_refund,
            shows=_facts,
            is_possible=lambda _request, sale: sale.kind == Sale.Kind.SALE and refunds.left_of(sale).bill > 0,
            is_dangerous=True,
            icon="assignment_return",
        ),
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

    @labelled(description=_("kind"), tones={1: "success", 2: "danger", 3: "warning"})
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

    # Translators: 退款记录
    @display(description=_("refunds"))
    def shown_refunds(self, sale: Sale) -> Any:
        if sale.kind != Sale.Kind.SALE:
            return "–"
        done = once(sale, "known_refunds", lambda: refunding.history(sale))
        if not done:
            return "–"
        return format_html_join(
            mark_safe("<br>"),
            "{} · {} · −{} · {}",
            (
                (
                    links.link("points_refund", one.number, f"R{one.number}"),
                    local_time(one.booked_at),
                    yuan(one.figures.returned_fen),
                    one.reason_words,
                )
                for one in done
            ),
        )


def _name(shop: Outlet) -> str:
    """Return the outlet's name, with the merchant's in front unless it says so already."""
    merchant = str(shop.merchant)
    return shop.name if shop.name.startswith(merchant) else f"{merchant} · {shop.name}"
