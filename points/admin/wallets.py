"""Wallets: a number, its points, its lots. Whose it is, the book does not know."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, actor_of, now
from alliance.models import Unit, User
from alliance.templatetags.lianhui import thousands, yuan
from points import accounts, adjusting, expiring
from points.models import Account, Lot, Transfer, Wallet

MOVEMENTS = 20


class Why(ActForm):
    reason = forms.CharField(label=_("Reason"), max_length=100)


def _freeze(request: HttpRequest, wallet: Wallet, data: dict[str, Any]) -> str:
    accounts.freeze(wallet.pk, actor=actor_of(request), at=now())
    return _t("The wallet is frozen: it neither earns nor spends.")


def _unfreeze(request: HttpRequest, wallet: Wallet, data: dict[str, Any]) -> str:
    accounts.unfreeze(wallet.pk, actor=actor_of(request), at=now())
    return _t("The wallet works again.")


class Correction(ActForm):
    # Translators: 积分（减少请写负数）
    points = forms.IntegerField(label=_("Points (negative to take away)"))
    # Translators: 出资账户
    funder = forms.ModelChoiceField(Account.objects.none(), label=_("Paid by"))
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def prepare(self) -> None:
        """Offer who paid for points of this wallet before, and the budgets."""
        wallet: Wallet = self.row
        lots = Lot.objects.filter(bucket=wallet.pk % 64, wallet_id=wallet.pk)
        funders = list(lots.values_list("funder_id", flat=True).distinct())
        field = self.fields["funder"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Account.objects.filter(
            Q(kind=Account.Kind.BUDGET) | Q(pk__in=funders, kind=Account.Kind.FLOAT)
        ).order_by("kind", "pk")


def _adjust(request: HttpRequest, wallet: Wallet, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    adjusting.ask(
        wallet_id=wallet.pk,
        funder_id=data["funder"].pk,
        points=data["points"],
        reason=data["reason"],
        unit=Unit.objects.get(parent__isnull=True),
        user=request.user,
        at=now(),
    )
    return _t("Asked. A second person decides it in the approvals.")


def drawn(forecast: expiring.Forecast) -> list[tuple[Any, int, int]]:
    """Return month, points and the length of its bar of 100 for each month of a forecast."""
    most = max((points for _month, points in forecast.months), default=0)
    return [(month, points, points * 100 // most if most else 0) for month, points in forecast.months]


@admin.register(Wallet)
class WalletAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    is_searched = True
    icon = "account_balance_wallet"
    list_display = ("shown_number", "shown_balance", "shown_pending", "tier", "shown_state", "last_at", "opened_at")
    list_filter = (("frozen_at", admin.EmptyFieldListFilter),)
    search_fields = ("id",)
    # Translators: 钱包编号，如 W1024
    search_help_text = _("The wallet's number (W1024)")
    ordering = ("-id",)
    fields = (
        ("shown_number", "shown_state"),
        ("shown_balance", "shown_pending", "shown_available"),
        ("tier", "opened_at", "last_at"),
    )
    readonly_fields = ("shown_number", "shown_state", "shown_balance", "shown_pending", "shown_available")
    change_form_outer_after_template = "admin/book/wallet.html"
    change_list_template = "admin/book/wallets.html"
    acts = (
        Act(
            name="adjust",
            # Translators: 申请调整积分
            title=_("Ask to correct points"),
            permission="adjustment.ask",
            says=_(
                "Nothing is booked yet. A second person has to agree; then the points move between this wallet "
                "and the account that you name."
            ),
            form=Correction,
            run=_adjust,
            icon="tune",
        ),
        Act(
            name="freeze",
            # Translators: 冻结钱包
            title=_("Freeze"),
            permission="wallet.freeze",
            says=_("The member can neither earn nor spend until somebody lifts it. Points keep their dates."),
            form=Why,
            run=_freeze,
            is_possible=lambda _request, wallet: wallet.frozen_at is None,
            is_dangerous=True,
            icon="ac_unit",
        ),
        Act(
            name="unfreeze",
            # Translators: 解除冻结
            title=_("Lift the freeze"),
            permission="wallet.freeze",
            says=_("The wallet earns and spends again."),
            run=_unfreeze,
            is_possible=lambda _request, wallet: wallet.frozen_at is not None,
            icon="lock_open",
        ),
    )

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        digits = words.upper().removeprefix("W")
        return (queryset.filter(pk=int(digits)) if digits.isdecimal() and len(digits) <= 18 else queryset.none()), False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.forecast_view)
        return [path("forecast/", view, name="points_wallet_forecast"), *super().get_urls()]

    def forecast_view(self, request: HttpRequest) -> HttpResponse:
        """Show what lapses in the next 24 months if nobody spends, as the clock reckoned it last."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = expiring.newest()
        context = {
            **self.admin_site.each_context(request),
            # Translators: 积分到期预测
            "title": _("What lapses when"),
            "forecast": found,
            "rows": drawn(found) if found else [],
            "list_url": reverse("admin:points_wallet_changelist"),
        }
        return TemplateResponse(request, "admin/book/forecast.html", context)

    @display(description=_("wallet"), ordering="id")
    def shown_number(self, wallet: Wallet) -> str:
        return str(wallet)

    @display(description=_("points"), ordering="balance")
    def shown_balance(self, wallet: Wallet) -> str:
        return format_html(
            '<span class="console-n">{} <span class="console-quiet">≈ {}</span></span>',
            thousands(wallet.balance),
            yuan(wallet.balance),
        )

    # Translators: 未生效
    @display(description=_("not yet mature"), ordering="pending")
    def shown_pending(self, wallet: Wallet) -> str:
        return thousands(wallet.pending)

    # Translators: 可用
    @display(description=_("available"))
    def shown_available(self, wallet: Wallet) -> str:
        return thousands(wallet.available)

    @labelled(description=_("state"), tones={"frozen": "danger", "open": "success"})
    def shown_state(self, wallet: Wallet) -> tuple[str, Any]:
        return ("frozen", _("Frozen")) if wallet.frozen_at else ("open", _("Works"))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = extra_context or {}
        if object_id.isdecimal():
            number = int(object_id)
            mine = {"bucket": number % 64, "wallet_id": number}
            context |= {
                "lots": Lot.objects.live().filter(**mine).order_by("lapses_on", "matures_on", "funder_id"),
                "movements": Transfer.objects.filter(**mine).order_by("-booked_at", "-seq")[:MOVEMENTS],
                "today": timezone.localdate(),
                "number": number,
            }
        return super().change_view(request, object_id, form_url, context)
