"""Pages behind the finance desk: a payout run to be proposed, a statement to be imported, the fee to be withdrawn."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from alliance.admin import pages
from alliance.admin.exporting import ExportedAdmin
from alliance.admin.scoped import actor_of, once
from alliance.admin.wording import acting
from alliance.amounts import read_fen
from alliance.models import User
from alliance.refusals import Refused
from alliance.templatetags.lianhui import thousands, yuan
from merchants import banking, desk, payouts
from merchants.admin.finance import WHY
from merchants.admin.owners import owners_of
from merchants.banks.files import Fault
from points import accounts
from points.admin import links
from points.models import BankLine, BankStatement

LARGEST_FILE = 50 * 1024 * 1024
FAULTS = {
    # Translators: 文件无法读取
    "file_unreadable": _("The file cannot be read as text (UTF-8 or GB18030)."),
    "columns_missing": _("There is no row with the names of the columns."),
    "account_missing": _("The account number is missing above the table."),
    # Translators: 不是本联盟的存管账户，未入账
    "account_unknown": _("This account is none of the alliance's custody accounts. Nothing was booked."),
    "opening_missing": _("The opening balance is missing above the table."),
    "closing_missing": _("The closing balance is missing above the table."),
    "opening_unreadable": _("The opening balance cannot be read."),
    "closing_unreadable": _("The closing balance cannot be read."),
    "lines_missing": _("There are no lines in the table."),
    "serial_missing": _("The serial number is missing."),
    "serial_differs": _("The same serial number stands twice, with another amount or day."),
    # Translators: 流水号超过80个字符
    "serial_too_long": _("The serial number is longer than 80 characters."),
    "date_unreadable": _("The date cannot be read."),
    # Translators: 日期早于2000年，或晚于一年之后
    "date_out_of_range": _("The date lies before 2000, or more than a year ahead."),
    "amount_unreadable": _("The amount cannot be read."),
    "amount_not_one": _("A line has either an amount that came in or one that went out: not both, not neither."),
    "sum_wrong": _("Opening balance and lines do not make the closing balance."),
}


# --- a payout run -------------------------------------------------------------------------------------


@pages.page("finance_payouts", route="finance/payouts/", title=_("Propose a payout run"), permission="payout.ask")
def propose(request: HttpRequest) -> HttpResponse:
    """Show what a run would pay and what somebody should look at first; a POST proposes exactly that."""
    user, at, status = request.user, timezone.now(), 200
    assert isinstance(user, User)
    waiting = desk.payouts_waiting()
    problem = ""
    if request.method == "POST":
        seen = (request.POST.get("through"), request.POST.get("amount"))
        if seen != (str(waiting.through), str(waiting.amount_fen)):
            problem, status = _t("This has changed since you looked. Please look again."), 409
        else:
            try:
                run = payouts.ask(user=user, at=at)
            except Refused as refused:
                problem, status = refused.text(), refused.status
            else:
                messages.success(request, _t("Proposed. A second person decides on all of it at once."))
                return HttpResponseRedirect(reverse("admin:merchants_payoutrun_change", args=(run.pk,)))
    found = desk.exceptions(waiting.through, at)
    owners = owners_of({payout.source_id for payout in found.largest})
    context = {
        "title": _("Propose a payout run"),
        "waiting": waiting,
        "payable": (waiting.payouts - found.held_up_n, waiting.amount_fen - found.held_up_fen),
        "found": found,
        "held_up": [(row, WHY[row.why]) for row in found.held_up],
        "largest": [(payout, owners.get(payout.source_id)) for payout in found.largest],
        "problem": problem,
    }
    return pages.draw(request, "admin/finance/payouts.html", context, status=status)


# --- a statement ---------------------------------------------------------------------------------------


class Upload(forms.Form):
    # Translators: 对账文件（CSV）
    file = forms.FileField(label=_("File of the bank (CSV)"), allow_empty_file=True, widget=UnfoldAdminFileFieldWidget)

    def clean_file(self) -> Any:
        given = self.cleaned_data["file"]
        if given.size > LARGEST_FILE:
            raise forms.ValidationError(_t("This file is larger than 50 MB. Ask the bank for shorter periods."))
        return given


@pages.page("finance_import", route="finance/import/", title=_("Import a statement"), permission="bank.receive")
def import_statement(request: HttpRequest) -> HttpResponse:
    """Read a file of the bank: booked whole, or not at all, with what is wrong by line."""
    form = Upload(request.POST or None, request.FILES or None)
    faults: list[Fault] = []
    problem, status = "", 200
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data["file"]
        try:
            outcome = banking.book(content=given.read(), actor=actor_of(request), at=timezone.now())
        except Refused as refused:
            problem, status = refused.text(), refused.status
        else:
            if outcome.booked is not None:
                booked = outcome.booked
                if not booked.is_new:
                    messages.info(request, _t("This file was booked before. Nothing was changed."))
                else:
                    messages.success(request, _summary(booked))
                return HttpResponseRedirect(reverse("admin:points_bankstatement_change", args=(booked.statement_id,)))
            faults, status = outcome.faults, 422
    elif request.method == "POST":
        status = 422
    context = {
        "title": _("Import a statement"),
        "form": form,
        "problem": problem,
        "faults": [(fault, FAULTS.get(fault.code, fault.code), _value(fault)) for fault in faults],
        "is_cut": len(faults) >= banking.MOST_FAULTS,
        "format": settings.BANK_FORMAT,
    }
    return pages.draw(request, "admin/finance/import.html", context, status=status)


def _value(fault: Fault) -> str:
    """Return what stands in the file; for a wrong sum by how much, in yuan."""
    if fault.code == "sum_wrong" and fault.value.lstrip("-").isdecimal():
        return yuan(int(fault.value))
    return fault.value


def _summary(booked: Any) -> str:
    parts = [
        ngettext("%(n)s new line", "%(n)s new lines", booked.lines) % {"n": thousands(booked.lines)},
        ngettext("%(n)s payout paid", "%(n)s payouts paid", booked.paid) % {"n": thousands(booked.paid)},
    ]
    if booked.returned:
        parts.append(ngettext("%(n)s came back", "%(n)s came back", booked.returned) % {"n": booked.returned})
    if booked.charged:
        words = ngettext("%(n)s debit that nobody knows", "%(n)s debits that nobody knows", booked.charged)
        parts.append(f"{words % {'n': booked.charged}} ({yuan(booked.charged_fen)})")
    # Translators: 已全部入账：
    return _t("Booked whole:") + " " + " · ".join(parts)


@admin.register(BankStatement)
class BankStatementAdmin(ExportedAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    icon = "request_quote"
    list_display = (
        "to_on", "bank", "shown_opening", "shown_closing", "lines", "shown_unknown", "booked_at", "shown_actor",
    )  # fmt: skip
    ordering = ("-to_on", "-id")
    search_fields = ("bank", "account")
    fields = (
        ("bank", "account"),
        ("from_on", "to_on"),
        ("shown_opening", "shown_moved", "shown_closing"),
        ("lines", "shown_paid", "shown_returned", "shown_unknown"),
        "shown_digest",
        ("booked_at", "shown_actor"),
    )
    readonly_fields = (
        "shown_opening", "shown_moved", "shown_closing", "shown_paid", "shown_returned", "shown_unknown",
        "shown_digest", "shown_actor",
    )  # fmt: skip
    shown_actor = acting("actor", _("actor"))

    def attach(self, rows: Any) -> None:
        from django.db.models import Count

        # Of all lines of the files that are listed those are few, and have an index.
        found = BankLine.objects.unknown_debits().filter(statement__in=[row.pk for row in rows]).order_by()
        counts = dict(found.values_list("statement").annotate(Count("pk")))
        for row in rows:
            row.unknown = counts.get(row.pk, 0)

    def _count(self, row: BankStatement, name: str) -> int:
        """Return how many payouts a file paid, or how many came back with it: its lines are counted once."""
        from django.db.models import Count, Q

        def count() -> dict[str, int]:
            lines = BankLine.objects.filter(statement=row, payout__isnull=False)
            paid, back = Count("pk", filter=Q(amount_fen__lt=0)), Count("pk", filter=Q(amount_fen__gt=0))
            return lines.aggregate(paid=paid, back=back)

        return int(once(row, "payouts", count)[name])

    @display(description=_("opening balance"))
    def shown_opening(self, row: BankStatement) -> str:
        return links.money(row.opening_fen)

    # Translators: 本期变动
    @display(description=_("moved"))
    def shown_moved(self, row: BankStatement) -> str:
        return links.money(row.closing_fen - row.opening_fen)

    @display(description=_("closing balance"))
    def shown_closing(self, row: BankStatement) -> str:
        return links.money(row.closing_fen)

    @display(description=_("payouts paid"))
    def shown_paid(self, row: BankStatement) -> Any:
        return links.number(self._count(row, "paid"))

    @display(description=_("payouts that came back"))
    def shown_returned(self, row: BankStatement) -> Any:
        return links.number(self._count(row, "back"))

    # Translators: 不明支出
    @display(description=_("debits that nobody knows"))
    def shown_unknown(self, row: BankStatement) -> Any:
        if not hasattr(row, "unknown"):
            self.attach([row])
        return links.number(row.unknown)  # type: ignore[attr-defined]

    @display(description=_("SHA-256 of the file"))
    def shown_digest(self, row: BankStatement) -> str:
        return bytes(row.digest).hex()


# --- the fee -------------------------------------------------------------------------------------------


class Amount(forms.Form):
    amount = forms.CharField(
        label=_("Amount in yuan"), max_length=20, widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"})
    )

    def clean_amount(self) -> int:
        try:
            fen = read_fen(self.cleaned_data["amount"])
        except Refused as refused:
            raise forms.ValidationError(refused.text()) from None
        if fen <= 0:
            raise forms.ValidationError(_t("More than zero, please."))
        return fen


@pages.page("finance_fee", route="finance/fee/", title=_("Withdraw a part of the fee"), permission="payout.ask")
def withdraw_fee(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    free = accounts.balance(accounts.house("fee"))
    form = Amount(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        fen = form.cleaned_data["amount"]
        try:
            if fen > free:
                # Translators: 目前最多可提取 %(free)s
                form.add_error("amount", _t("There is %(free)s now.") % {"free": yuan(free)})
            else:
                payouts.ask_fee(amount_fen=fen, user=user, at=timezone.now())
                messages.success(request, _t("Asked. When a second person agrees, it leaves with the next payout run."))
                return HttpResponseRedirect(reverse("admin:finance_desk"))
        except Refused as refused:
            form.add_error(None, refused.text())
    if form.errors:
        status = 422
    context = {"title": _("Withdraw a part of the fee"), "form": form, "free": free}
    return pages.draw(request, "admin/finance/fee.html", context, status=status)
