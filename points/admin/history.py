"""Journals and transfers: what was booked, when, by whom, and that it adds up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.drawing import labelled
from alliance.admin.wording import acting
from points.admin import links
from points.admin.newest import NewestAdmin
from points.models import Account, Journal, Sale, Transfer

# The transfers of one journal are booked within this time of each other.
ONE_JOURNAL = timedelta(seconds=30)
KIND_COLOURS = {1: "success", 2: "warning", 3: "danger", 4: "danger", 5: "info", 6: "info", 7: "info"}


@dataclass(frozen=True)
class Leg:
    """One account's part of a journal."""

    transfer: Transfer
    account: Any
    # Translators: 借 / 贷
    amount: int


def transfers_of(journal: Journal) -> list[Transfer]:
    """Return the transfers of a journal, found by the key of its wallet (or of none) and its time."""
    bucket = journal.wallet_id % 64 if journal.wallet_id else -1
    near = Transfer.objects.filter(
        bucket=bucket,
        wallet_id=journal.wallet_id,
        booked_at__gte=journal.booked_at - ONE_JOURNAL,
        booked_at__lte=journal.booked_at + ONE_JOURNAL,
        journal_id=journal.pk,
    )
    return list(near.order_by("seq", "id"))


def legs_of(transfers: list[Transfer]) -> list[Leg]:
    """Return three legs per transfer at most: debit, credit, rest. Together they are zero."""
    numbers = {pk for row in transfers for pk in (row.debit_id, row.credit_id, row.rest_id) if pk}
    titles = {account.pk: account for account in Account.objects.filter(pk__in=numbers)}

    def shown(pk: int) -> Any:
        account = titles.get(pk)
        if account is None:
            return links.wallet(pk)
        return links.link("points_account", pk, " · ".join(filter(None, [account.get_kind_display(), account.title])))

    legs = []
    for row in transfers:
        legs.append(Leg(row, shown(row.debit_id), -(row.points + row.rest)))
        legs.append(Leg(row, shown(row.credit_id), row.points))
        if row.rest_id:
            legs.append(Leg(row, shown(row.rest_id), row.rest))
    return legs


class HistoryAdmin(NewestAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    shown_actor = acting("actor", _("actor"))

    @labelled(description=_("kind"), ordering="kind", tones=KIND_COLOURS)
    def shown_kind(self, row: Any) -> tuple[int, str]:
        return row.kind, row.get_kind_display()

    @display(description=_("wallet"))
    def shown_wallet(self, row: Any) -> str:
        return links.wallet(row.wallet_id)

    @display(description=_("outlet"))
    def shown_outlet(self, row: Any) -> str:
        return links.outlet(row.outlet_id)

    @display(description=_("reverses"))
    def shown_reverses(self, row: Any) -> str:
        return links.journal(row.reverses_id)


@admin.register(Journal)
class JournalAdmin(HistoryAdmin):
    is_searched = True
    icon = "menu_book"
    list_display = (
        "__str__",
        "shown_kind",
        "shown_wallet",
        "shown_outlet",
        "event_at",
        "booked_at",
        "booked_on",
        "shown_actor",
    )
    fields = (
        ("shown_kind", "shown_wallet", "shown_outlet"),
        ("event_at", "booked_at", "booked_on"),
        ("shown_actor", "shown_reverses"),
    )
    readonly_fields = ("shown_kind", "shown_wallet", "shown_outlet", "shown_reverses", "shown_actor")
    change_form_outer_after_template = "admin/book/journal.html"

    def quick_search(self, request: HttpRequest, words: str) -> Any:
        """Find a journal by its number with its letter: a bare number is more likely something else."""
        rows = self.get_queryset(request)
        return self.get_search_results(request, rows, words)[0] if words[:1].upper() == "J" else rows.none()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = extra_context or {}
        journal = self.get_object(request, object_id)
        if journal is not None:
            legs = legs_of(transfers_of(journal))
            sale = Sale.objects.filter(
                pk=journal.pk, outlet_id=journal.outlet_id, booked_at__gte=journal.booked_at - ONE_JOURNAL
            ).first()
            context |= {
                "legs": legs,
                "sum": sum(leg.amount for leg in legs),
                "sale_link": links.link("points_sale", journal.pk, f"S{journal.pk}") if sale else "",
            }
        return super().change_view(request, object_id, form_url, context)


@admin.register(Transfer)
class TransferAdmin(HistoryAdmin):
    list_display = (
        "id",
        "shown_journal",
        "shown_kind",
        "shown_points",
        "shown_rest_part",
        "shown_debit",
        "shown_credit",
        "shown_after",
        "booked_at",
    )
    fields = (
        ("id", "shown_journal", "shown_kind"),
        ("shown_wallet", "seq", "shown_after"),
        ("shown_points", "shown_rest_part"),
        ("shown_debit", "shown_credit", "shown_rest"),
        ("matures_on", "expires_on", "due_on"),
        ("event_at", "booked_at", "booked_on"),
        ("shown_actor", "shown_outlet", "shown_reverses"),
    )
    readonly_fields = (
        "shown_journal",
        "shown_kind",
        "shown_wallet",
        "shown_points",
        "shown_rest_part",
        "shown_after",
        "shown_debit",
        "shown_credit",
        "shown_rest",
        "shown_outlet",
        "shown_reverses",
        "shown_actor",
    )

    @display(description=_("journal"))
    def shown_journal(self, row: Transfer) -> str:
        return links.journal(row.journal_id)

    @display(description=_("points"))
    def shown_points(self, row: Transfer) -> str:
        return links.signed(row.points if row.credit_id == row.wallet_id else -row.points)

    @display(description=_("rest"))
    def shown_rest_part(self, row: Transfer) -> str:
        return links.signed(row.rest) if row.rest else "–"

    @display(description=_("balance after"))
    def shown_after(self, row: Transfer) -> str:
        return links.number(row.balance_after)

    def _party(self, row: Transfer, number: int | None) -> str:
        return links.wallet(number) if number == row.wallet_id else links.account(number)

    @display(description=_("debit"))
    def shown_debit(self, row: Transfer) -> str:
        return self._party(row, row.debit_id)

    @display(description=_("credit"))
    def shown_credit(self, row: Transfer) -> str:
        return self._party(row, row.credit_id)

    @display(description=_("rest account"))
    def shown_rest(self, row: Transfer) -> str:
        return links.account(row.rest_id)
