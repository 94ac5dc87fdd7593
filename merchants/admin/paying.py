"""Payout runs and their files; bank accounts that are paid to; disputes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from alliance import events
from alliance.admin.acts import Act, ActForm, look_up
from alliance.admin.drawing import label, labelled
from alliance.admin.exporting import ExportedAdmin
from alliance.admin.scoped import CappedPaginator, ScopedAdmin, VerbForm, actor_of, now, once
from alliance.admin.wording import acting
from alliance.models import Approval, Unit, User
from alliance.templatetags.lianhui import local_time, yuan
from merchants import disputes, payaccounts, payouts
from merchants.models import Dispute, Merchant, PayoutAccount, PayoutRun
from points.admin import links

# --- runs ---------------------------------------------------------------------------------------------


def _file(request: HttpRequest, run: PayoutRun, data: dict[str, Any]) -> str:
    if payouts.file(run=run, actor=actor_of(request), at=now()).state == PayoutRun.State.EMPTY:
        return _t("Nobody of this run can be paid now: it is closed, and the money waits for the next clearing.")
    return _t("The file is written. Download it, hand it to the bank, and say so here.")


def _hand_over(request: HttpRequest, run: PayoutRun, data: dict[str, Any]) -> str:
    payouts.hand_over(run=run, actor=actor_of(request), at=now())
    return _t("Noted. The bank's next statement says what was paid.")


def _handed(run: PayoutRun) -> Any:
    return once(run, "handed", lambda: payouts.handed_over([run.pk]).get(run.pk))


@admin.register(PayoutRun)
class PayoutRunAdmin(ExportedAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    icon = "drive_file_move"
    list_display = (
        "shown_number", "shown_state", "shown_handed", "payouts", "shown_amount", "state_since", "filed_on",
    )  # fmt: skip
    list_filter = ("state",)
    ordering = ("-id",)
    fields = (
        ("shown_number", "shown_state", "shown_handed"),
        ("payouts", "shown_amount", "shown_approval"),
        ("filed_on", "bank_format"),
        "digest",
        "shown_file",
    )
    readonly_fields = ("shown_number", "shown_state", "shown_handed", "shown_amount", "shown_approval", "shown_file")
    acts = (
        Act(
            name="file",
            # Translators: 生成付款文件
            title=_("Write the file"),
            permission="payout.ask",
            says=_(
                "From then on these payouts are with the bank and can no longer be stopped. Whoever cannot be paid now"
                " is left out; that money waits for the next clearing. Written again it is the same file."
            ),
            run=_file,
            is_possible=lambda _request, run: run.state == PayoutRun.State.APPROVED,
            icon="description",
        ),
        Act(
            name="handed",
            # Translators: 标记为已交给银行
            title=_("Mark as handed to the bank"),
            permission="payout.ask",
            says=_("You gave this file to the bank. It is written into the diary, once."),
            shows=lambda _request, run: [
                (_("Payouts"), run.payouts),
                (_("Amount"), yuan(run.amount_fen)),
                (_("SHA-256 of the file"), run.digest),
            ],
            run=_hand_over,
            is_possible=lambda _request, run: run.state == PayoutRun.State.FILED and _handed(run) is None,
            icon="outbox",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")

    def attach(self, rows: Any) -> None:
        handed = payouts.handed_over([row.pk for row in rows])
        for row in rows:
            row.handed = handed.get(row.pk)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.download_view)
        return [path("<int:number>/file/", view, name="merchants_payoutrun_file"), *super().get_urls()]

    def download_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Give the file as it was written: the same bytes each time. Only whoever may propose payouts takes it."""
        if not self.may(request, "payout.ask"):
            raise PermissionDenied
        run = PayoutRun.objects.filter(pk=number, state=PayoutRun.State.FILED).first()
        if run is None or run.content is None:
            raise Http404
        events.record("payout_run.downloaded", run, actor_of(request), now(), {"digest": run.digest})
        answer = HttpResponse(bytes(run.content), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="payouts-{run.pk}-{run.filed_on}.csv"'
        answer["Cache-Control"] = "no-store"
        return answer

    @display(description=_("payout run"), ordering="id")
    def shown_number(self, run: PayoutRun) -> str:
        return str(run)

    @labelled(
        description=_("state"),
        ordering="state",
        tones={"proposed": "warning", "approved": "info", "filed": "success", "refused": "danger", "empty": "info"},
    )
    def shown_state(self, run: PayoutRun) -> tuple[str, Any]:
        # Translators: 文件已生成
        return run.state, _("File written") if run.state == PayoutRun.State.FILED else run.get_state_display()

    # Translators: 已交给银行
    @display(description=_("handed to the bank"))
    def shown_handed(self, run: PayoutRun) -> str:
        event = _handed(run)
        if event is None:
            return str(label(_("not yet"), "warning")) if run.state == PayoutRun.State.FILED else "–"
        return local_time(event.at)

    @display(description=_("amount"), ordering="amount_fen")
    def shown_amount(self, run: PayoutRun) -> str:
        return links.money(run.amount_fen)

    @display(description=_("approval"))
    def shown_approval(self, run: PayoutRun) -> str:
        return links.link("alliance_approval", run.approval_id, f"#{run.approval_id}")

    @display(description=_("file"))
    def shown_file(self, run: PayoutRun) -> str:
        if run.state != PayoutRun.State.FILED:
            return "–"
        url = reverse("admin:merchants_payoutrun_file", args=(run.pk,))
        # Translators: 下载付款文件（每次内容完全相同）
        return format_html(
            '<a class="console-link" href="{}">{}</a>', url, _("Download the file (the same bytes each time)")
        )


# --- accounts that are paid to -----------------------------------------------------------------------


class AccountForm(VerbForm):
    # Translators: 银行账号
    number = forms.CharField(
        label=_("Account number"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget({"inputmode": "numeric", "autocomplete": "off"}),
    )

    class Meta:
        model = PayoutAccount
        fields = ("merchant", "bank_name", "holder")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["merchant"].required = True


def _check(request: HttpRequest, account: PayoutAccount, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    payaccounts.ask_check(account=account, user=request.user, at=now())
    return _t("Asked. When a second person agrees, it can be paid to again.")


@admin.register(PayoutAccount)
class PayoutAccountAdmin(ScopedAdmin):
    view_permission = "merchant.view"
    add_permission = "payout_account.ask"
    icon = "credit_card"
    paginator = CappedPaginator
    list_display = ("shown_whose", "shown_state", "shown_account", "holder", "asked_at", "shown_asked_by", "valid_from")
    list_select_related = ("merchant", "unit")
    list_filter = ("state", ("returned_at", admin.EmptyFieldListFilter))
    search_fields = ("merchant__name", "merchant__short_name", "holder")
    is_always_of_a_unit = True
    ordering = ("-pk",)
    autocomplete_fields = ("merchant",)
    fields = (
        ("shown_whose", "shown_state"),
        ("shown_account", "holder"),
        ("asked_at", "shown_asked_by"),
        ("valid_from", "ended_at", "returned_at"),
        "shown_approval",
    )
    readonly_fields = ("shown_whose", "shown_state", "shown_account", "shown_asked_by", "shown_approval")
    shown_asked_by = acting("asked_by", _("asked by"))
    acts = (
        Act(
            name="check",
            # Translators: 申请恢复付款
            title=_("Checked: pay to it again"),
            permission="payout_account.ask",
            says=_(
                "The bank sent a payout back. Speak with the merchant about number and holder first. A second person"
                " has to agree; then the next clearing pays it again."
            ),
            run=_check,
            is_possible=lambda _request, row: row.state == PayoutAccount.State.CURRENT and row.returned_at is not None,
            icon="verified_user",
        ),
    )

    def unit_of(self, row: PayoutAccount) -> Unit | None:
        return row.merchant.centre if row.merchant else row.unit

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("merchant__centre", "unit")
        return rows.defer("number_sealed", "number_fingerprint")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = AccountForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("merchant", "bank_name", "holder", "number")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def perform(self, request: HttpRequest, row: PayoutAccount, data: dict[str, Any], change: bool) -> PayoutAccount:
        user = request.user
        assert isinstance(user, User)
        return payaccounts.ask(
            merchant=data["merchant"],
            bank_name=data["bank_name"],
            holder=data["holder"],
            number=data["number"],
            user=user,
            at=now(),
        )

    @display(description=_("whose"))
    def shown_whose(self, row: PayoutAccount) -> str:
        return str(row.merchant or row.unit)

    @display(description=_("account"))
    def shown_account(self, row: PayoutAccount) -> str:
        return str(row)

    @labelled(
        description=_("state"),
        ordering="state",
        tones={"asked": "warning", "current": "success", "refused": "danger", "back": "danger", "cooling": "warning"},
    )
    def shown_state(self, row: PayoutAccount) -> tuple[str, Any]:
        if row.state == PayoutAccount.State.CURRENT and row.returned_at:
            # Translators: 银行曾退回，待复核
            return "back", _("Sent back by the bank")
        if row.state == PayoutAccount.State.CURRENT and row.valid_from and row.valid_from > now():
            # Translators: 冷静期，暂不付款
            return "cooling", _("Cooling down, not paid yet")
        return row.state, row.get_state_display()

    @display(description=_("approval"))
    def shown_approval(self, row: PayoutAccount) -> str:
        return links.link("alliance_approval", row.approval_id, f"#{row.approval_id}")


# --- disputes -----------------------------------------------------------------------------------------


class Decision(ActForm):
    # Translators: 裁定
    to = forms.ChoiceField(
        label=_("Where the amount goes"),
        choices=[
            # Translators: 退还该商户
            ("merchant", _("Back to the merchant")),
            # Translators: 判给会员（以积分）
            ("wallet", _("To a member, in points")),
            # Translators: 判给另一商户
            ("other", _("To another merchant")),
        ],
    )
    # Translators: 会员钱包号
    wallet = forms.IntegerField(label=_("Number of the wallet"), min_value=1, required=False)
    other = forms.ModelChoiceField(Merchant.objects.none(), label=_("The other merchant"), required=False)

    def prepare(self) -> None:
        field = self.fields["other"]
        assert isinstance(field, forms.ModelChoiceField)
        rows = Merchant.objects.visible_to(self.request.user).filter(proceeds_id__isnull=False)
        field.queryset = rows.exclude(pk=self.row.merchant_id)
        look_up(field, Dispute._meta.get_field("merchant"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        needed = {"wallet": "wallet", "other": "other"}.get(data.get("to", ""))
        if needed and not data.get(needed) and needed not in self.errors:
            self.add_error(needed, _t("Say to whom it goes."))
        return data


def _decide(request: HttpRequest, dispute: Dispute, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    disputes.ask(
        dispute=dispute,
        user=request.user,
        at=now(),
        to_wallet=data["wallet"] if data["to"] == "wallet" else None,
        to_merchant=data["other"] if data["to"] == "other" else None,
    )
    return _t("Asked. When a second person agrees, the amount goes there.")


def _is_undecided(request: HttpRequest, dispute: Dispute) -> bool:
    is_asked = dispute.approval is not None and dispute.approval.state == Approval.State.WAITING
    return dispute.state == Dispute.State.OPEN and not is_asked


@admin.register(Dispute)
class DisputeAdmin(ExportedAdmin):
    view_permission = "merchant.view"
    icon = "balance"
    list_display = ("shown_number", "shown_state", "merchant", "shown_amount", "shown_apart", "reason", "opened_at")
    list_select_related = ("merchant", "retention", "approval")
    list_filter = ("state",)
    search_fields = ("merchant__name", "merchant__short_name", "reason")
    is_always_of_a_unit = True
    ordering = ("-pk",)
    fields = (
        ("shown_number", "shown_state", "merchant"),
        ("shown_amount", "shown_apart", "shown_owed", "shown_statement"),
        "reason",
        ("opened_at", "shown_opened_by"),
        ("shown_approval", "shown_journal"),
    )
    readonly_fields = (
        "shown_number", "shown_state", "shown_amount", "shown_apart", "shown_owed", "shown_statement",
        "shown_opened_by", "shown_approval", "shown_journal",
    )  # fmt: skip
    shown_opened_by = acting("opened_by", _("opened by"))
    acts = (
        Act(
            name="decide",
            # Translators: 提出裁定
            title=_("Propose a decision"),
            permission="dispute.ask",
            says=_("A second person has to agree. Until then the amount lies apart and nobody has it."),
            shows=lambda _request, row: [
                (_("Merchant"), row.merchant),
                (_("Contested"), yuan(row.amount_fen)),
                (_("Set apart so far"), yuan(row.retention.held_fen)),
                # Translators: 判给对方后由其接下来的应收款补足
                (_("An award would owe, from its next proceeds"), yuan(row.waits_fen)),
                (_("Reason"), row.reason),
            ],
            form=Decision,
            run=_decide,
            is_possible=_is_undecided,
            icon="gavel",
        ),
    )

    def unit_of(self, row: Dispute) -> Unit:
        return row.merchant.centre

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("merchant__centre", "retention", "approval")

    @display(description=_("dispute"), ordering="id")
    def shown_number(self, row: Dispute) -> str:
        return f"D{row.pk}"

    @labelled(
        description=_("state"),
        ordering="state",
        tones={"open": "danger", "asked": "warning", "returned": "success", "awarded": "success"},
    )
    def shown_state(self, row: Dispute) -> tuple[str, Any]:
        if row.state == Dispute.State.OPEN and row.approval and row.approval.state == Approval.State.WAITING:
            return "asked", _("Waiting for the second person")
        return row.state, row.get_state_display()

    @display(description=_("contested amount"), ordering="amount_fen")
    def shown_amount(self, row: Dispute) -> str:
        return links.money(row.amount_fen)

    @display(description=_("set apart so far"))
    def shown_apart(self, row: Dispute) -> str:
        return links.money(row.retention.held_fen)

    # Translators: 判给对方、尚未付清
    @display(description=_("awarded and still owed"))
    def shown_owed(self, row: Dispute) -> str:
        return links.money(row.owed_fen)

    @display(description=_("statement"))
    def shown_statement(self, row: Dispute) -> str:
        return links.link("points_statement", row.statement_id, f"ST{row.statement_id}")

    @display(description=_("approval"))
    def shown_approval(self, row: Dispute) -> str:
        return links.link("alliance_approval", row.approval_id, f"#{row.approval_id}")

    @display(description=_("journal"))
    def shown_journal(self, row: Dispute) -> str:
        return links.journal(row.journal_id)
