"""Accounts of merchants, centres and the house; the terms that the book goes by."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, once
from alliance.templatetags.lianhui import bps
from points import accounts
from points.admin import links
from points.models import Account, AccountDay, Terms

DAYS = 60


@admin.register(Account)
class AccountAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    is_searched = True
    icon = "account_tree"
    list_display = ("__str__", "shown_kind", "shown_balance", "closed_on", "opened_at")
    list_filter = ("kind",)
    search_fields = ("title",)
    search_help_text = _("The account's title, or its number (A1024)")
    ordering = ("kind", "-balance", "pk")
    fields = (
        ("shown_number", "shown_kind", "title"),
        ("shown_exact", "shown_balance"),
        ("shown_float", "shown_terms", "shown_centre"),
        ("closed_on", "opened_at"),
    )
    readonly_fields = (
        "shown_number",
        "shown_kind",
        "shown_exact",
        "shown_balance",
        "shown_float",
        "shown_terms",
        "shown_centre",
    )
    change_form_outer_after_template = "admin/book/account.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.with_money()

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        digits = words.upper().removeprefix("A")
        if digits.isdecimal() and len(digits) <= 18:
            return queryset.filter(pk=int(digits)), False
        return super().find(request, queryset, words)

    @display(description=_("account"))
    def shown_number(self, account: Account) -> str:
        return f"A{account.pk}"

    @labelled(description=_("kind"), ordering="kind")
    def shown_kind(self, account: Account) -> str:
        return account.get_kind_display()

    # Translators: 余额（截至上次归集）
    @display(description=_("balance as far as rolled up"), ordering="balance")
    def shown_balance(self, account: Account) -> str:
        return links.money(getattr(account, "money", account.balance))

    # Translators: 此刻余额
    @display(description=_("balance at this moment"))
    def shown_exact(self, account: Account) -> str:
        return links.money(once(account, "exact", lambda: accounts.balance(account.pk)))

    @display(description=_("float"))
    def shown_float(self, account: Account) -> str:
        return links.account(account.float_id)

    @display(description=_("terms"))
    def shown_terms(self, account: Account) -> str:
        return links.link("points_terms", account.terms_id, f"T{account.terms_id}")

    @display(description=_("service centre"))
    def shown_centre(self, account: Account) -> str:
        return links.account(account.centre_id)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = extra_context or {}
        if object_id.isdecimal():
            days = AccountDay.objects.filter(account_id=int(object_id)).order_by("-booked_on", "-due_on")[:DAYS]
            context["days"] = days
        return super().change_view(request, object_id, form_url, context)


@admin.register(Terms)
class TermsAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    list_display = (
        "__str__",
        "shown_float",
        "version",
        "shown_rate",
        "shown_member",
        "shown_fee",
        "shown_centre",
        "shown_promo",
        "shown_buffer",
        "valid_from",
        "valid_to",
    )
    list_select_related = ("float",)
    search_fields = ("float__title",)
    ordering = ("-valid_from", "-pk")
    fields = (
        ("shown_float", "version"),
        ("shown_rate", "shown_spend_fee", "shown_share"),
        ("shown_member", "shown_fee", "shown_centre", "shown_promo", "shown_buffer"),
        ("matures_days", "holdback_days"),
        ("valid_from", "valid_to"),
    )
    readonly_fields = (
        "shown_float",
        "shown_rate",
        "shown_spend_fee",
        "shown_share",
        "shown_member",
        "shown_fee",
        "shown_centre",
        "shown_promo",
        "shown_buffer",
    )

    @display(description=_("float"))
    def shown_float(self, terms: Terms) -> str:
        return links.link("points_account", terms.float_id, str(terms.float))

    @display(description=_("rebate"), ordering="rate_bps")
    def shown_rate(self, terms: Terms) -> str:
        return bps(terms.rate_bps)

    @display(description=_("member"))
    def shown_member(self, terms: Terms) -> str:
        return bps(terms.member_bps)

    @display(description=_("operator"))
    def shown_fee(self, terms: Terms) -> str:
        return bps(terms.fee_bps)

    @display(description=_("centre"))
    def shown_centre(self, terms: Terms) -> str:
        return bps(terms.centre_bps)

    @display(description=_("promotion"))
    def shown_promo(self, terms: Terms) -> str:
        return bps(terms.promo_bps)

    @display(description=_("buffer"))
    def shown_buffer(self, terms: Terms) -> str:
        return bps(terms.buffer_bps)

    @display(description=_("spending fee"))
    def shown_spend_fee(self, terms: Terms) -> str:
        return bps(terms.spend_fee_bps)

    # Translators: 每单积分上限
    @display(description=_("largest share in points"))
    def shown_share(self, terms: Terms) -> str:
        return bps(terms.spend_share_bps)
