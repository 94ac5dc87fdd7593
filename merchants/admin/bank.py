"""Lines of the bank's statement: received by one person, matched to a merchant, booked when a second one agrees."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from alliance.admin.acts import Act, ActForm, look_up
from alliance.admin.drawing import labelled
from alliance.admin.scoped import CappedPaginator, ScopedAdmin, VerbForm, actor_of, now
from alliance.amounts import read_fen
from alliance.models import Approval, User
from alliance.refusals import Refused
from alliance.templatetags.lianhui import yuan
from merchants import reassigning, returns, topups
from merchants.calc import references
from merchants.models import Merchant, TopUp
from points import funding
from points.admin import links
from points.models import BankLine, Payout


class LineForm(VerbForm):
    # Translators: 金额（元）
    amount = forms.CharField(
        label=_("Amount in yuan"), max_length=20, widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"})
    )

    account = forms.ChoiceField(label=_("account"), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = self.fields["account"]
        assert isinstance(own, forms.ChoiceField)
        own.choices = [(number, number) for number in (settings.BANK_ACCOUNT, *settings.BANK_ACCOUNTS)]
        self.fields["bank"].initial = settings.BANK_NAME

    class Meta:
        model = BankLine
        fields = ("bank", "account", "serial", "value_on", "payer", "memo")

    def clean_amount(self) -> int:
        try:
            return read_fen(self.cleaned_data["amount"])
        except Refused as refused:
            raise forms.ValidationError(refused.text()) from None


class WhoseMoney(ActForm):
    merchant = forms.ModelChoiceField(Merchant.objects.none(), label=_("Merchant"))

    def prepare(self) -> None:
        field = self.fields["merchant"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Merchant.objects.visible_to(self.request.user).filter(float_id__isnull=False)
        look_up(field, TopUp._meta.get_field("merchant"))
        suggested = topups.suggested(self.row)
        field.initial = suggested.pk if suggested else None
        if suggested:
            # Translators: 附言中的编号指向：%(merchant)s
            field.help_text = _t("The reference in the bank's text names %(merchant)s.") % {"merchant": suggested}


class WhoseDebit(ActForm):
    # Translators: 对应的付款 / 商户备付金
    payout = forms.ModelChoiceField(
        Payout.objects.none(),
        label=_("The payout that it paid"),
        required=False,
        help_text=_("Payouts of just this amount that the bank has and has not answered."),
    )
    merchant = forms.ModelChoiceField(
        Merchant.objects.none(),
        label=_("Or the merchant whose float bears it"),
        required=False,
        help_text=_("Its float has to hold the whole amount."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("What the bank said, and where it stands."))

    def prepare(self) -> None:
        payout, merchant = self.fields["payout"], self.fields["merchant"]
        assert isinstance(payout, forms.ModelChoiceField) and isinstance(merchant, forms.ModelChoiceField)
        payout.queryset = Payout.objects.filter(pk__in=[found.pk for found in reassigning.candidates(self.row)])
        payout.label_from_instance = _payout_words  # type: ignore[method-assign,assignment]
        # Translators: 没有金额相同的在途付款
        payout.empty_label = "–" if payout.queryset.exists() else _t("none of this amount is on its way")
        merchant.queryset = Merchant.objects.visible_to(self.request.user).filter(float_id__isnull=False)
        look_up(merchant, TopUp._meta.get_field("merchant"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and bool(data.get("payout")) == bool(data.get("merchant")):
            self.add_error("payout", _t("Choose either a payout or a merchant."))
        return data


def _payout_words(payout: Any) -> str:
    return f"{payout} · {yuan(payout.amount_fen)} · {payout.opened_at:%Y-%m-%d}"


def _reassign(request: HttpRequest, line: BankLine, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    given = {name: data[name] for name in ("payout", "merchant", "reason")}
    reassigning.ask(line=line, user=request.user, at=now(), **given)
    return _t("Asked. When a second person agrees, the fee gets its money back.")


def _is_unknown(_request: HttpRequest, line: BankLine) -> bool:
    is_borne = line.amount_fen < 0 and line.payout_id is None and line.reassigned_at is None
    return is_borne and reassigning.asked(line) is None


class What(admin.SimpleListFilter):
    # Translators: 处理情况
    title = _("what became of it")
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("waiting", _("Belongs to nobody yet")),
            # Translators: 不明支出，由运营费承担
            ("unknown", _("Unknown debit, borne by the fee")),
            # Translators: 已改记
            ("reassigned", _("Charged anew")),
            # Translators: 付款及退回
            ("payouts", _("Payouts, out and back")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "waiting":
                return queryset.filter(allotted_to__isnull=True)
            case "unknown":
                return queryset.unknown_debits()
            case "reassigned":
                return queryset.filter(reassigned_at__isnull=False)
            case "payouts":
                return queryset.filter(payout__isnull=False)
        return queryset


class WhichPayout(ActForm):
    # Translators: 付款编号，例如 LHP00042-4K
    code = forms.CharField(label=_("Code of the payout, like LHP00042-4K"), max_length=40)

    def prepare(self) -> None:
        number = references.read_payout_code(self.row.memo)
        self.fields["code"].initial = references.payout_code(number) if number else None


def _facts(request: HttpRequest, line: BankLine) -> list[tuple[Any, Any]]:
    return [
        (_("Amount"), yuan(line.amount_fen)),
        (_("Payer"), line.payer or "–"),
        (_("Text"), line.memo or "–"),
        (_("Serial number"), line.serial),
        (_("Value date"), line.value_on),
    ]


def _match(request: HttpRequest, line: BankLine, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    topups.match(line=line, merchant=data["merchant"], user=request.user, at=now())
    return _t("Asked. When a second person agrees, the money is in the merchant's float.")


def _came_back(request: HttpRequest, line: BankLine, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    returns.ask(line=line, code=data["code"], user=request.user, at=now())
    return _t("Asked. When a second person agrees, the money goes back to where the payout came from.")


def _is_free(_request: HttpRequest, line: BankLine) -> bool:
    return line.allotted_to_id is None and _asked(line) is None


@admin.register(BankLine)
class BankLineAdmin(ScopedAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    add_permission = "bank.receive"
    paginator = CappedPaginator
    list_display = ("value_on", "shown_amount", "payer", "memo", "serial", "shown_state", "received_at")
    list_display_links = ("value_on", "shown_amount")
    list_filter = (What, ("allotted_to", admin.EmptyFieldListFilter))
    search_fields = ("serial", "payer", "memo")
    # As they were booked: of millions of lines the newest page is the end of the key.
    ordering = ("-pk",)
    fields = (
        ("shown_amount", "value_on", "received_at"),
        ("payer", "memo"),
        ("shown_state", "shown_allotted", "allotted_at"),
        ("bank", "account", "serial"),
        ("shown_journal", "shown_allot_journal"),
        ("shown_payout", "shown_reassigned", "shown_reassign_journal"),
    )
    readonly_fields = (
        "shown_amount", "shown_state", "shown_allotted", "shown_journal", "shown_allot_journal", "shown_payout",
        "shown_reassigned", "shown_reassign_journal",
    )  # fmt: skip
    acts = (
        Act(
            name="match",
            # Translators: 认领给商户
            title=_("Say whose money it is"),
            permission="topup.ask",
            says=_("A second person has to agree. Until then the money waits in suspense and nobody can spend it."),
            shows=_facts,
            form=WhoseMoney,
            run=_match,
            is_possible=_is_free,
            icon="person_search",
            url=lambda _line: reverse("admin:points_bankline_changelist"),
        ),
        Act(
            name="reassign",
            # Translators: 改由付款或商户承担
            title=_("Charge it to whose it is"),
            permission="topup.ask",
            says=_(
                "The operating fee bears this debit now. It gets its money back from the payout that it paid (which is "
                "paid then) or from a merchant's float. A second person has to agree."
            ),
            shows=_facts,
            form=WhoseDebit,
            run=_reassign,
            is_possible=_is_unknown,
            icon="swap_horiz",
            url=lambda _line: reverse("admin:points_bankline_changelist"),
        ),
        Act(
            name="came_back",
            # Translators: 这是退回的付款
            title=_("This is a payout that came back"),
            permission="topup.ask",
            says=_("A second person has to agree. Then it is in the proceeds again, and the account must be checked."),
            shows=_facts,
            form=WhichPayout,
            run=_came_back,
            is_possible=_is_free,
            icon="undo",
            url=lambda _line: reverse("admin:points_bankline_changelist"),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("allotted_to")

    def waiting(self, request: HttpRequest) -> int:
        """Return how many lines belong to nobody yet and wait for no second person either."""
        if not self.may(request, "topup.ask"):
            return 0
        asked = _waiting().filter(bank_line__isnull=False).values("bank_line")
        rows = self.get_queryset(request).filter(allotted_to__isnull=True).exclude(pk__in=asked)
        return int(rows.order_by()[:100].count())

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = LineForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else (("bank", "account"), ("serial", "value_on"), ("amount", "payer"), "memo")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read which lines of a page wait for a decision in one query."""
        changelist = super().get_changelist_instance(request)
        numbers = [row.pk for row in changelist.result_list]
        waiting = set(_waiting().filter(bank_line__in=numbers).values_list("bank_line_id", flat=True))
        for row in changelist.result_list:
            row.is_asked = row.pk in waiting
        return changelist

    def perform(self, request: HttpRequest, row: BankLine, data: dict[str, Any], change: bool) -> BankLine:
        return funding.receive(
            bank=data["bank"],
            account=data["account"],
            serial=data["serial"],
            amount_fen=data["amount"],
            value_on=data["value_on"],
            payer=data["payer"],
            memo=data["memo"],
            actor=actor_of(request),
            at=now(),
        )

    @display(description=_("amount"), ordering="amount_fen")
    def shown_amount(self, line: BankLine) -> str:
        return links.money(line.amount_fen)

    @labelled(
        description=_("state"),
        tones={"waiting": "warning", "asked": "info", "booked": "success", "unknown": "danger", "anew": "success"},
    )
    def shown_state(self, line: BankLine) -> tuple[str, Any]:
        if line.reassigned_at is not None:
            return "anew", _("Charged anew")
        if line.amount_fen < 0 and line.payout_id is None:
            return "unknown", _("Unknown debit, borne by the fee")
        if line.allotted_to_id is not None:
            # Translators: 已入账
            return "booked", _("Booked")
        is_asked = getattr(line, "is_asked", None)
        if is_asked if is_asked is not None else _asked(line) is not None:
            # Translators: 待复核
            return "asked", _("Waiting for the second person")
        # Translators: 待认领
        return "waiting", _("Belongs to nobody yet")

    @display(description=_("allotted to"))
    def shown_allotted(self, line: BankLine) -> str:
        return links.link("points_account", line.allotted_to_id, str(line.allotted_to))

    @display(description=_("journal of receipt"))
    def shown_journal(self, line: BankLine) -> str:
        return links.journal(line.journal_id)

    @display(description=_("journal of allotment"))
    def shown_allot_journal(self, line: BankLine) -> str:
        return links.journal(line.allot_journal_id)

    @display(description=_("payout"))
    def shown_payout(self, line: BankLine) -> str:
        return links.link("points_payout", line.payout_id, f"P{line.payout_id}")

    @display(description=_("charged afterwards to"))
    def shown_reassigned(self, line: BankLine) -> str:
        return links.link("points_account", line.reassigned_to_id, str(line.reassigned_to))

    @display(description=_("journal of that"))
    def shown_reassign_journal(self, line: BankLine) -> str:
        return links.journal(line.reassign_journal_id)


def _waiting() -> QuerySet[TopUp]:
    return TopUp.objects.filter(state=TopUp.State.MATCHED, approval__state=Approval.State.WAITING)


def _asked(line: BankLine) -> TopUp | None:
    return _waiting().filter(bank_line=line).first()
