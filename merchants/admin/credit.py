"""Postpaid merchants: how much they may owe, how much they do, which bills are late. No money moves here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.acts import Act
from alliance.admin.drawing import label, labelled
from alliance.admin.scoped import actor_of, now, once
from alliance.calc.worktime import shanghai_day
from alliance.templatetags.lianhui import local_time
from merchants import reminding
from merchants.admin.owners import OwnedAdmin
from points.admin import links
from points.models import CreditLine, MerchantBill

# A line that is used beyond this share of its limit is looked at.
NEARLY_FULL = 80


class Used(admin.SimpleListFilter):
    # Translators: 额度使用
    title = _("used")
    parameter_name = "used"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        # Translators: 超过额度的 80%
        return [("high", _("above 80 % of the limit"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "high":
            return queryset
        return queryset.filter(owed_fen__gt=F("limit_fen") * NEARLY_FULL / 100)


@admin.register(CreditLine)
class CreditLineAdmin(OwnedAdmin):
    account = "pk"
    held_by = "float_id"
    icon = "credit_score"
    list_display = (
        "shown_owner", "shown_state", "shown_limit", "shown_owed", "shown_used", "period", "due_days", "changed_at",
    )  # fmt: skip
    list_filter = ("state", Used)
    search_fields = ("float__title",)
    # Translators: 商户名称
    search_help_text = _("A merchant's name")
    ordering = ("-owed_fen", "pk")
    fields = (
        ("shown_owner", "shown_state"),
        ("shown_limit", "shown_owed", "shown_used"),
        ("period", "due_days", "drop_days"),
        ("opened_at", "changed_at"),
    )
    readonly_fields = ("shown_owner", "shown_state", "shown_limit", "shown_owed", "shown_used")

    @labelled(description=_("state"), ordering="state", tones={1: "success", 2: "danger"})
    def shown_state(self, row: CreditLine) -> tuple[int, Any]:
        return row.state, row.get_state_display()

    @display(description=_("limit"), ordering="limit_fen")
    def shown_limit(self, row: CreditLine) -> str:
        return links.money(row.limit_fen)

    @display(description=_("owed"), ordering="owed_fen")
    def shown_owed(self, row: CreditLine) -> str:
        return links.money(row.owed_fen)

    # Translators: 已用
    @display(description=_("used"))
    def shown_used(self, row: CreditLine) -> str:
        if not row.limit_fen:
            return "–" if not row.owed_fen else str(label("> 100%", "danger"))
        share = row.owed_fen * 100 // row.limit_fen
        return str(label(f"{share}%", "danger" if share > NEARLY_FULL else "success" if share < 50 else ""))


class Lateness(admin.SimpleListFilter):
    # Translators: 付款情况
    title = _("payment")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            # Translators: 未付 / 逾期
            ("open", _("unpaid")),
            ("late", _("past its day")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "open":
                return queryset.unpaid()
            case "late":
                return queryset.unpaid().filter(due_on__lt=shanghai_day(now()))
        return queryset


def _remind(request: HttpRequest, bill: MerchantBill, data: dict[str, Any]) -> str:
    if reminding.remind(bill=bill, actor=actor_of(request), at=now()):
        return _t("The merchant's contact was reminded.")
    # Translators: 没有联系电话，请人工联系；已记入日志
    return _t("There is no phone number on file. Call them; the diary has that you asked.")


@admin.register(MerchantBill)
class MerchantBillAdmin(OwnedAdmin):
    account = "float_id"
    held_by = "float_id"
    letter = "B"
    icon = "receipt"
    list_display = (
        "shown_number", "shown_owner", "shown_state", "shown_days", "due_on", "drop_on", "shown_open", "shown_amount",
    )  # fmt: skip
    list_filter = (Lateness,)
    # Translators: 账单 B12 或商户名称
    search_help_text = _("A bill (B12) or a merchant's name")
    ordering = ("-id",)
    fields = (
        ("shown_number", "shown_owner", "shown_state"),
        ("from_on", "until_on", "sales"),
        ("due_on", "drop_on", "shown_days"),
        ("shown_amount", "shown_open"),
        ("shown_paid", "shown_dropped", "shown_undone"),
        "shown_reminded",
    )
    readonly_fields = (
        "shown_number", "shown_owner", "shown_state", "shown_days", "shown_amount", "shown_open", "shown_paid",
        "shown_dropped", "shown_undone", "shown_reminded",
    )  # fmt: skip
    acts = (
        Act(
            name="remind",
            # Translators: 催款
            title=_("Remind"),
            permission="credit.approve",
            says=_("The merchant's contact gets a text message with amount and day; once a day at most."),
            run=_remind,
            is_possible=lambda _request, bill: bill.open_fen > 0,
            icon="notifications_active",
        ),
    )

    @display(description=_("bill"), ordering="id")
    def shown_number(self, row: MerchantBill) -> str:
        return str(row)

    @labelled(description=_("state"), tones={"late": "danger", "open": "warning", "over": "success"})
    def shown_state(self, row: MerchantBill) -> tuple[str, Any]:
        if not row.open_fen:
            # Translators: 已结清
            return "over", _("settled")
        return ("late", _("past its day")) if row.due_on < shanghai_day(now()) else ("open", _("unpaid"))

    # Translators: 距到期
    @display(description=_("days left"))
    def shown_days(self, row: MerchantBill) -> str:
        return "–" if not row.open_fen else f"{(row.due_on - shanghai_day(now())).days}"

    @display(description=_("open"), ordering="open_fen")
    def shown_open(self, row: MerchantBill) -> str:
        return links.money(row.open_fen)

    @display(description=_("amount"), ordering="amount_fen")
    def shown_amount(self, row: MerchantBill) -> str:
        return links.money(row.amount_fen)

    @display(description=_("paid"))
    def shown_paid(self, row: MerchantBill) -> str:
        return links.money(row.paid_fen)

    @display(description=_("dropped"))
    def shown_dropped(self, row: MerchantBill) -> str:
        return links.money(row.dropped_fen)

    @display(description=_("undone"))
    def shown_undone(self, row: MerchantBill) -> str:
        return links.money(row.undone_fen)

    # Translators: 上次催款
    @display(description=_("reminded"))
    def shown_reminded(self, row: MerchantBill) -> str:
        return local_time(once(row, "reminded", lambda: reminding.reminded_at(row)))
