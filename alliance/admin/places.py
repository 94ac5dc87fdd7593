"""Trades, provinces, cities and exceptional days."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from alliance import calendar, trades
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, ScopedAdmin, actor_of, now
from alliance.models import BusinessDay, City, Province, Trade


@admin.register(Trade)
class TradeAdmin(ScopedAdmin):
    scope = "everybody"
    view_permission = "org.view"
    add_permission = change_permission = "trade.change"
    list_display = ("name", "name_en", "code", "position")
    search_fields = ("name", "name_en", "code")
    ordering = ("position", "pk")
    fields = ("code", "name", "name_en", "position")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("code",) if obj else ()

    def perform(self, request: HttpRequest, row: Trade, data: dict[str, Any], change: bool) -> Trade:
        return trades.write(
            code=row.code,
            name=data["name"],
            name_en=data["name_en"],
            position=data["position"],
            actor=actor_of(request),
            at=now(),
        )


@admin.register(Province)
class ProvinceAdmin(FrozenAdmin):
    scope = "everybody"
    view_permission = "org.view"
    list_display = ("name", "name_en", "code")
    search_fields = ("name", "name_en", "code")
    ordering = ("code", "pk")


@admin.register(City)
class CityAdmin(FrozenAdmin):
    scope = "everybody"
    view_permission = "org.view"
    list_display = ("name", "province", "code")
    list_select_related = ("province",)
    list_filter = ("province",)
    search_fields = ("name", "code")
    ordering = ("code", "pk")


@admin.register(BusinessDay)
class BusinessDayAdmin(ScopedAdmin):
    scope = "everybody"
    view_permission = "org.view"
    add_permission = change_permission = "calendar.change"
    list_display = ("on", "name", "shown_working")
    list_filter = ("is_working",)
    ordering = ("-on", "pk")
    fields = ("on", "is_working", "name")

    @labelled(description=_("day of"), tones={"work": "info", "rest": "success"})
    def shown_working(self, day: BusinessDay) -> tuple[str, Any]:
        # Translators: 上班 / 休息
        return ("work", _("Work")) if day.is_working else ("rest", _("Rest"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("on",) if obj else ()

    def perform(self, request: HttpRequest, row: BusinessDay, data: dict[str, Any], change: bool) -> BusinessDay:
        return calendar.declare_day(
            on=row.on, is_working=data["is_working"], name=data["name"], actor=actor_of(request), at=now()
        )
