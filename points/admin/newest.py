"""Lists over tables that may have a billion rows: the newest ones, unless the reader narrows it down.

The history is keyed by wallet or outlet, and its ids are handed out in order of booking (nearly: in hundreds). So "the
newest" is a window of ids, which the BRIN index over ids finds; a search names a wallet, a journal or an outlet.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alliance.admin.scoped import FrozenAdmin

WINDOW = 50_000
FALL_BACK_DAYS = 7


def newest_id() -> int | None:
    """Return about the highest id given out so far; None when this role may not know."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM pg_sequences WHERE sequencename = 'points_transfer_id'")
        row = cursor.fetchone()
    return row[0] if row else None


class DayFilter(admin.SimpleListFilter):
    """By accounting day, near enough to read a few partitions only."""

    # Translators: 记账日
    title = _("accounting day")
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("0", _("Today")), ("1", _("Yesterday")), ("7", _("Last 7 days")), ("30", _("Last 30 days"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in ("0", "1", "7", "30"):
            return queryset
        back = int(self.value() or 0)
        today = timezone.localdate()
        first = today - timedelta(days=back)
        rows = queryset.filter(booked_at__gte=timezone.now() - timedelta(days=back + 1), booked_on__gte=first)
        return rows.filter(booked_on__lt=today) if back == 1 else rows


class NewestAdmin(FrozenAdmin):
    """A list of the newest rows; `narrowing` names the parameters that make the window unnecessary."""

    narrowing: tuple[str, ...] = ("q", "day")
    list_filter: Any = (DayFilter, "kind")
    # Translators: 钱包 W1024、分录 J123 或门店 O12 的编号
    search_help_text = _("A wallet (W1024), a journal (J123) or an outlet (O12)")
    search_fields = ("id",)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and match.url_name == f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        if not is_list or any(request.GET.get(name) for name in self.narrowing):
            return rows
        newest = newest_id()
        if newest is None:
            return rows.filter(booked_at__gte=timezone.now() - timedelta(days=FALL_BACK_DAYS))
        return rows.filter(id__gte=newest - WINDOW)

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find by number; a letter in front says of what."""
        words = words.upper()
        letter, digits = (words[:1], words[1:]) if words[:1].isalpha() else ("J", words)
        column = {"W": "wallet_id", "J": "id", "S": "id", "O": "outlet_id"}.get(letter)
        if column is None or not digits.isdecimal() or len(digits) > 18:
            return queryset.none(), False
        found = {column: int(digits)}
        if column == "wallet_id" and hasattr(self.model, "bucket"):
            found["bucket"] = int(digits) % 64
        return queryset.filter(**found), False
