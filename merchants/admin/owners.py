"""Rows of the book with their holders' names: the book knows accounts, this floor knows whose they are.

Headquarters sees all of them; a region, a centre or a store its own merchants' and its own centre accounts'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access
from alliance.admin.exporting import ExportedAdmin
from alliance.models import Unit, User
from merchants.models import Merchant
from merchants.models.merchant import MerchantQuerySet
from points.admin import links
from points.models import Account

Owner = Merchant | Unit


class OwnedAdmin(ExportedAdmin):
    """A list of the book's rows. account: the row's column; held_by: which account of a merchant that is."""

    scope = "everybody"
    view_permission = "merchant.view"
    account = "account_id"
    held_by = "proceeds_id"
    # What a number with this letter in front finds.
    letter = ""
    search_fields: Any = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        user = request.user
        assert isinstance(user, User)
        if access.is_alliance_wide(user, self.view_permission):
            return rows
        mine = Q(**{f"{self.account}__in": self._shops(user).values(self.held_by)})
        if self.held_by == "proceeds_id":
            mine |= Q(**{f"{self.account}__in": self._centres(user).values("pk")})
        return rows.filter(mine)

    def _shops(self, user: User) -> MerchantQuerySet:
        return Merchant.objects.visible_to(user).filter(**{f"{self.held_by}__isnull": False})

    def _centres(self, user: User) -> QuerySet[Account]:
        return Account.objects.filter(kind=Account.Kind.CENTRE, owner_no__in=access.units_of(user).values("pk"))

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find by number, or by the merchant's name."""
        digits = words.upper().removeprefix(self.letter)
        if self.letter and digits.isdecimal() and len(digits) <= 18:
            return queryset.filter(pk=int(digits)), False
        user = request.user
        assert isinstance(user, User)
        accounts = list(self._shops(user).search(words).values_list(self.held_by, flat=True)[:500])
        return queryset.filter(**{f"{self.account}__in": accounts}), False

    def attach(self, rows: Sequence[Any]) -> None:
        owners = owners_of({getattr(row, self.account) for row in rows}, self.held_by)
        for row in rows:
            row.owner = owners.get(getattr(row, self.account))

    def owner(self, row: Any) -> Owner | None:
        if not hasattr(row, "owner"):
            self.attach([row])
        found: Owner | None = row.owner
        return found

    def unit_of(self, row: Any) -> Unit | None:
        owner = self.owner(row)
        return owner.centre if isinstance(owner, Merchant) else owner

    # Translators: 商户或服务中心
    @display(description=_("whose"))
    def shown_owner(self, row: Any) -> str:
        owner = self.owner(row)
        if owner is None:
            return links.account(getattr(row, self.account))
        label = "merchants_merchant" if isinstance(owner, Merchant) else "alliance_unit"
        return links.link(label, owner.pk, str(owner))


def owners_of(account_ids: set[int], held_by: str = "proceeds_id") -> dict[int, Owner]:
    """Return whose these accounts are, in two queries at most."""
    shops = Merchant.objects.filter(**{f"{held_by}__in": account_ids}).select_related("centre")
    found: dict[int, Owner] = {getattr(shop, held_by): shop for shop in shops}
    if held_by == "proceeds_id" and (rest := account_ids - found.keys()):
        centres = Account.objects.filter(pk__in=rest, kind=Account.Kind.CENTRE)
        numbers = dict(centres.values_list("pk", "owner_no"))
        units = Unit.objects.in_bulk(set(numbers.values()))
        found |= {account: units[number] for account, number in numbers.items() if number in units}
    return found


def money(fen: int | None, tone: str = "") -> str:
    """Return an amount; a tone marks trouble."""
    return links.money(fen) if not tone else format_html('<span class="console-down">{}</span>', links.money(fen))
