"""Supermarkets in the console: stores, products, and what became of the tills' files."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Sum
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, ScopedRelatedFilter
from alliance.models import Unit
from alliance.templatetags.lianhui import thousands, yuan
from stores.models import Feed, FeedRefusal, FeedRun, Product, Store

SUMS = ("baskets", "repeated", "without_points", "lines", "value_fen", "points", "refused_baskets", "refused_lines")


@admin.register(Store)
class StoreAdmin(FrozenAdmin):
    view_permission = "store.view"
    is_searched = True
    icon = "shopping_cart"
    list_display = ("code", "shown_outlet", "shown_kind", "format", "unit", "area_sqm", "opened_on")
    list_select_related = ("outlet__merchant", "unit")
    list_filter = ("kind", "format", ("unit", ScopedRelatedFilter))
    search_fields = ("code", "outlet__name")
    ordering = ("code", "pk")
    fields = (("code", "shown_outlet"), ("kind", "format", "area_sqm"), ("unit", "opened_on", "is_synthetic"))
    readonly_fields = ("shown_outlet",)

    def unit_of(self, row: Store) -> Unit:
        return row.unit

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("outlet__merchant", "unit")

    @display(description=_("outlet"), ordering="outlet__name")
    def shown_outlet(self, store: Store) -> str:
        return f"{store.outlet.merchant} · {store.outlet}"

    @labelled(description=_("kind"), ordering="kind", tones={"direct": "info", "partner": "success"})
    def shown_kind(self, store: Store) -> tuple[str, str]:
        return store.kind, store.get_kind_display()


@admin.register(Product)
class ProductAdmin(FrozenAdmin):
    scope = "everybody"
    view_permission = "store.view"
    list_display = ("name", "department", "category", "brand", "package", "code", "is_excluded")
    list_filter = ("catalogue", "is_excluded")
    search_fields = ("name", "=code")
    ordering = ("department", "name", "pk")


class FeedPartAdmin(FrozenAdmin):
    """A feed crosses regions, so only posts at the top of the tree see it."""

    scope = "headquarters"
    view_permission = "store.view"


@admin.register(Feed)
class FeedAdmin(FeedPartAdmin):
    list_display = ("title", "code", "moved_days", "is_synthetic", "created_at")
    search_fields = ("title", "code")
    ordering = ("-created_at", "-pk")


@admin.register(FeedRun)
class FeedRunAdmin(FeedPartAdmin):
    list_display = (
        "__str__",
        "feed",
        "shown_state",
        "shown_progress",
        "shown_lines",
        "shown_value",
        "shown_points",
        "shown_refused",
        "started_at",
        "ended_at",
    )
    list_select_related = ("feed",)
    list_filter = ("state",)
    ordering = ("-started_at", "-pk")
    fields = (
        ("feed", "shown_state"),
        "scope",
        ("shown_progress", "shown_lines"),
        ("shown_value", "shown_points", "shown_refused"),
        ("started_at", "ended_at"),
    )
    readonly_fields = ("shown_state", "shown_progress", "shown_lines", "shown_value", "shown_points", "shown_refused")

    def get_queryset(self, request: HttpRequest) -> Any:
        sums = {f"sum_{name}": Sum(f"lanes__{name}", default=0) for name in SUMS}
        return super().get_queryset(request).select_related("feed").annotate(**sums)

    @labelled(
        description=_("state"), ordering="state", tones={"open": "info", "done": "success", "abandoned": "warning"}
    )
    def shown_state(self, run: FeedRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    # Translators: 购物篮
    @display(description=_("baskets"))
    def shown_progress(self, run: Any) -> str:
        done = run.sum_baskets + run.sum_repeated + run.sum_refused_baskets
        return format_html(
            '<progress class="console-progress" max="{}" value="{}"></progress> {} / {}',
            max(run.baskets_expected, 1),
            done,
            thousands(done),
            thousands(run.baskets_expected),
        )

    @display(description=_("lines"))
    def shown_lines(self, run: Any) -> str:
        return thousands(run.sum_lines)

    @display(description=_("amount"))
    def shown_value(self, run: Any) -> str:
        return yuan(run.sum_value_fen)

    @display(description=_("points"))
    def shown_points(self, run: Any) -> str:
        return thousands(run.sum_points)

    @display(description=_("refused lines"))
    def shown_refused(self, run: Any) -> str:
        return thousands(run.sum_refused_lines)


@admin.register(FeedRefusal)
class FeedRefusalAdmin(FeedPartAdmin):
    list_display = ("row", "basket", "product", "shown_reason", "detail", "feed")
    list_select_related = ("feed",)
    list_filter = ("reason", "feed")
    search_fields = ("=basket", "=product")
    ordering = ("feed", "row", "pk")

    @labelled(description=_("reason"), ordering="reason")
    def shown_reason(self, line: FeedRefusal) -> str:
        return line.get_reason_display()
