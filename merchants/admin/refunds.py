"""Refunds, what is still owed because of them, and what is due to merchants: to look at, to filter, to export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, Q
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin
from alliance.models import Unit, User
from alliance.templatetags.lianhui import yuan
from merchants.calc import sheets
from merchants.models import Merchant
from points.admin import links
from points.models import Account, Claim, Due, Refund


class OpenFilter(admin.SimpleListFilter):
    """What is still to be paid, or settled."""

    title = _("state")
    parameter_name = "open"
    columns: ClassVar[tuple[str, str]] = ("repaid", "points")

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        # Translators: 未结清 / 已结清
        return [("yes", _("Open")), ("no", _("Settled"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        paid, whole = self.columns
        match self.value():
            case "yes":
                return queryset.filter(**{f"{paid}__lt": F(whole)})
            case "no":
                return queryset.filter(**{paid: F(whole)})
        return queryset


class OpenDueFilter(OpenFilter):
    columns = ("paid", "amount")


class OfMerchants(FrozenAdmin):
    """Scoped by the merchant whose float it is: the book itself knows no units. path: from the row to that float."""

    scope = "everybody"
    view_permission = "merchant.view"
    path = "refund__float_id"
    number = "refund_id"
    ordering = ("-pk",)
    # Translators: 退款 R123、小票 S123，或商户名称
    search_help_text = _("A refund (R123), a sale (S123) or a merchant’s name")
    search_fields = ("pk",)
    actions = ("export",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        user = request.user
        assert isinstance(user, User)
        if access.is_alliance_wide(user, self.view_permission):
            return rows
        return rows.filter(**{f"{self.path}__in": Merchant.objects.visible_to(user).values("float_id")})

    def unit_of(self, row: Any) -> Unit | None:
        merchant = Merchant.objects.select_related("centre").filter(float_id=self.float_of(row)).first()
        return merchant.centre if merchant else None

    def float_of(self, row: Any) -> int:
        number: int = row.refund.float_id
        return number

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        digits = words[1:] if words[:1].upper() in ("R", "S") else words
        if digits.isdecimal() and len(digits) <= 18:
            sale = "sale_id" if self.number == "refund_id" and self.path == "float_id" else "refund__sale_id"
            return queryset.filter(Q(**{self.number: int(digits)}) | Q(**{sale: int(digits)})), False
        named = Merchant.objects.filter(Q(name__icontains=words) | Q(short_name__icontains=words)).values("float_id")
        return queryset.filter(**{f"{self.path}__in": named}), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of a page's merchants in one query."""
        changelist = super().get_changelist_instance(request)
        name(changelist.result_list, self.float_of)
        return changelist

    # Translators: 导出 CSV
    @admin.action(description=_("Export as CSV"))
    def export(self, request: HttpRequest, queryset: Any) -> StreamingHttpResponse:
        rows = list(queryset[:50_000])
        name(rows, self.float_of)
        answer = StreamingHttpResponse(sheets.csv_lines(self.table(rows)), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{self.opts.model_name}s.csv"'
        return answer

    def table(self, rows: list[Any]) -> Iterator[list[Any]]:
        raise NotImplementedError

    # Translators: 商户
    @display(description=_("merchant"))
    def shown_merchant(self, row: Any) -> Any:
        if not hasattr(row, "merchant"):
            name([row], self.float_of)
        return links.link("merchants_merchant", row.merchant.pk, str(row.merchant)) if row.merchant else "–"

    # Translators: 退款单
    @display(description=_("refund"))
    def shown_refund(self, row: Any) -> Any:
        return links.link("points_refund", row.refund_id, f"R{row.refund_id}") if row.refund_id else "–"


def name(rows: Any, float_of: Any) -> None:
    """Put its merchant beside each row."""
    found = {row.float_id: row for row in Merchant.objects.filter(float_id__in={float_of(row) for row in rows})}
    for row in rows:
        row.merchant = found.get(float_of(row))


@admin.register(Refund)
class RefundAdmin(OfMerchants):
    path = "float_id"
    list_display = (
        "shown_refund",
        "shown_sale",
        "shown_merchant",
        "shown_cash",
        "shown_kept",
        "shown_taken",
        "shown_claimed",
        "shown_due",
        "shown_promised",
    )
    list_filter = ("is_late", "is_cash_given")
    fields = (
        ("shown_refund", "shown_sale", "shown_merchant"),
        ("shown_cash", "shown_kept", "shown_claimed"),
        ("shown_taken", "shown_short"),
        ("shown_back", "shown_promised", "shown_advanced"),
        ("shown_rest", "shown_due", "shown_charged"),
    )
    readonly_fields = tuple(name for row in fields for name in row)

    def float_of(self, row: Refund) -> int:
        number: int = row.float_id
        return number

    def table(self, rows: list[Refund]) -> Iterator[list[Any]]:
        yield [
            _t("Refund"), _t("Sale"), _t("Merchant"), _t("Paid in money (yuan)"), _t("Kept back (yuan)"),
            _t("Claimed (yuan)"), _t("Due (yuan)"), _t("Points to come"),
        ]  # fmt: skip
        for row in rows:
            yield [
                str(row.pk), str(row.sale_id), str(row.merchant or ""), row.cash_fen / 100, row.keep_back_fen / 100,  # type: ignore[attr-defined]
                row.claimed / 100, row.rest_due / 100, row.promised,
            ]  # fmt: skip

    @display(description=_("sale"))
    def shown_sale(self, row: Refund) -> Any:
        return links.link("points_sale", row.sale_id, f"S{row.sale_id}")

    # Translators: 其中现金
    @display(description=_("paid in money"))
    def shown_cash(self, row: Refund) -> Any:
        return links.money(row.cash_fen)

    # Translators: 从现金中扣下
    @display(description=_("kept back"))
    def shown_kept(self, row: Refund) -> Any:
        return links.money(row.keep_back_fen)

    # Translators: 会员待还
    @display(description=_("claimed"))
    def shown_claimed(self, row: Refund) -> Any:
        return links.money(row.claimed)

    # Translators: 收回积分
    @display(description=_("points taken back"))
    def shown_taken(self, row: Refund) -> Any:
        return links.number(row.taken)

    # Translators: 已用掉收不回
    @display(description=_("points that were gone"))
    def shown_short(self, row: Refund) -> Any:
        return links.number(row.short)

    # Translators: 退回积分
    @display(description=_("points given back"))
    def shown_back(self, row: Refund) -> Any:
        return links.number(row.from_fee + row.from_proceeds + row.from_float + row.advanced)

    # Translators: 待退积分
    @display(description=_("points to come"))
    def shown_promised(self, row: Refund) -> Any:
        return links.number(row.promised)

    # Translators: 缓冲金垫付
    @display(description=_("advanced by the buffer"))
    def shown_advanced(self, row: Refund) -> Any:
        return links.money(row.advanced)

    # Translators: 已退让利余款
    @display(description=_("rest of the rebate returned"))
    def shown_rest(self, row: Refund) -> Any:
        return links.money(row.rest_back)

    # Translators: 日结后退的余款
    @display(description=_("due after the close"))
    def shown_due(self, row: Refund) -> Any:
        return links.money(row.rest_due)

    # Translators: 奖励额度不足而收
    @display(description=_("charged for rewards"))
    def shown_charged(self, row: Refund) -> Any:
        return links.money(row.credit_charged)


@admin.register(Claim)
class ClaimAdmin(OfMerchants):
    list_select_related = ("refund", "creditor")
    list_display = (
        "shown_number", "shown_refund", "shown_merchant", "why", "shown_debtor", "shown_creditor", "shown_points",
        "shown_open", "made_at",
    )  # fmt: skip
    list_filter = (OpenFilter, "why")
    fields = (
        ("shown_number", "shown_refund", "shown_merchant"),
        ("why", "shown_debtor", "shown_creditor"),
        ("shown_points", "shown_open", "made_at"),
    )
    readonly_fields = (
        "shown_number", "shown_refund", "shown_merchant", "shown_debtor", "shown_creditor", "shown_points",
        "shown_open",
    )  # fmt: skip

    def float_of(self, row: Claim) -> int:
        # A fee kept is the merchant's own; a reward that was taken back may have neither refund nor merchant.
        return row.refund.float_id if row.refund else row.debtor_id

    def table(self, rows: list[Claim]) -> Iterator[list[Any]]:
        yield [_t("Refund"), _t("Merchant"), _t("Why"), _t("Amount (yuan)"), _t("Still open (yuan)"), _t("Day")]
        for row in rows:
            yield [
                str(row.refund_id or ""), str(row.merchant or ""), row.get_why_display(), row.points / 100,  # type: ignore[attr-defined]
                (row.points - row.repaid) / 100, row.made_at.date(),
            ]  # fmt: skip

    @display(description=_("number"), ordering="id")
    def shown_number(self, row: Claim) -> str:
        return f"C{row.pk}"

    # Translators: 谁欠
    @display(description=_("debtor"))
    def shown_debtor(self, row: Claim) -> Any:
        if row.why in (Claim.Why.POINTS_GONE, Claim.Why.REWARD):
            return links.wallet(row.debtor_id)
        return links.account(row.debtor_id)

    # Translators: 欠谁
    @display(description=_("creditor"))
    def shown_creditor(self, row: Claim) -> Any:
        return links.account(row.creditor_id)

    @display(description=_("amount"), ordering="points")
    def shown_points(self, row: Claim) -> Any:
        return links.money(row.points)

    # Translators: 未还
    @labelled(description=_("still open"), tones={True: "warning", False: "success"})
    def shown_open(self, row: Claim) -> tuple[bool, str]:
        return row.repaid < row.points, yuan(row.points - row.repaid)


@admin.register(Due)
class DueAdmin(OfMerchants):
    list_select_related = ("refund", "to")
    list_display = (
        "shown_number",
        "shown_refund",
        "shown_merchant",
        "shown_to",
        "shown_amount",
        "shown_open",
        "made_at",
    )
    list_filter = (OpenDueFilter,)
    fields = (
        ("shown_number", "shown_refund", "shown_merchant"),
        ("shown_to", "shown_amount", "shown_open"),
        ("made_at", "taken_on"),
    )
    readonly_fields = ("shown_number", "shown_refund", "shown_merchant", "shown_to", "shown_amount", "shown_open")

    def table(self, rows: list[Due]) -> Iterator[list[Any]]:
        yield [_t("Refund"), _t("Merchant"), _t("Amount (yuan)"), _t("Still open (yuan)"), _t("Day")]
        for row in rows:
            yield [
                str(row.refund_id), str(row.merchant or ""), row.amount / 100, (row.amount - row.paid) / 100,  # type: ignore[attr-defined]
                row.made_at.date(),
            ]  # fmt: skip

    @display(description=_("number"), ordering="id")
    def shown_number(self, row: Due) -> str:
        return f"D{row.pk}"

    # Translators: 退给
    @display(description=_("goes to"))
    def shown_to(self, row: Due) -> Any:
        if row.to.kind == Account.Kind.FLOAT:
            # Translators: 商户备付金
            return _("the merchant’s float")
        return links.account(row.to_id)

    @display(description=_("amount"), ordering="amount")
    def shown_amount(self, row: Due) -> Any:
        return links.money(row.amount)

    @labelled(description=_("still open"), tones={True: "warning", False: "success"})
    def shown_open(self, row: Due) -> tuple[bool, str]:
        return row.paid < row.amount, yuan(row.amount - row.paid)
