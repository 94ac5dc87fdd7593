"""Units and posts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access, org
from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenInline, ScopedAdmin, ScopedRelatedFilter, actor_of, now
from alliance.calc.worktime import shanghai_day
from alliance.models import Post, Unit


class PostInline(FrozenInline):
    model = Post
    fields = ("user", "role", "starts_on", "ends_on")
    readonly_fields = fields
    ordering = ("-starts_on", "pk")
    verbose_name_plural = _("Posts")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "unit")


@admin.register(Unit)
class UnitAdmin(ScopedAdmin):
    view_permission = "org.view"
    add_permission = "org.change"
    is_searched = True
    icon = "lan"
    list_display = ("shown_name", "shown_kind", "parent", "province", "city", "code")
    list_select_related = ("parent", "province", "city")
    list_filter = ("kind",)
    search_fields = ("name", "code")
    ordering = ("path", "pk")
    fields = ("kind", "code", "name", "parent", "province", "city", "is_synthetic")
    autocomplete_fields = ("parent", "province", "city")
    inlines = (PostInline,)

    def unit_of(self, row: Unit) -> Unit:
        return row

    @display(description=_("name"), ordering="path")
    def shown_name(self, unit: Unit) -> str:
        return " " * (unit.path.count(".") - 1) + unit.name

    @labelled(description=_("kind"), ordering="kind", tones={"hq": "danger", "region": "warning", "centre": "info"})
    def shown_kind(self, unit: Unit) -> tuple[str, str]:
        return unit.kind, unit.get_kind_display()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def perform(self, request: HttpRequest, row: Unit, data: dict[str, Any], change: bool) -> Unit:
        access.require(request.user, "org.change", data["parent"])  # type: ignore[arg-type]
        return org.found(
            kind=data["kind"],
            code=data["code"],
            name=data["name"],
            parent=data["parent"],
            province=data["province"],
            city=data["city"],
            actor=actor_of(request),
            at=now(),
        )


class LastDay(ActForm):
    # Translators: 从哪天起不再任职
    ends_on = forms.DateField(label=_("First day without the post"))

    def prepare(self) -> None:
        self.fields["ends_on"].initial = shanghai_day(now()) + timedelta(days=1)


def _relieve(request: HttpRequest, post: Post, data: dict[str, Any]) -> str:
    org.relieve(post=post, ends_on=data["ends_on"], actor=actor_of(request), at=now())
    return _t("The post ends.")


@admin.register(Post)
class PostAdmin(ScopedAdmin):
    view_permission = "org.view"
    add_permission = "org.change"
    list_display = ("user", "shown_role", "unit", "starts_on", "ends_on")
    list_select_related = ("user", "unit")
    list_filter = ("role", ("unit", ScopedRelatedFilter))
    search_fields = ("user__name", "=user__email", "unit__name")
    ordering = ("-starts_on", "pk")
    fields = ("user", "unit", "role", "starts_on")
    autocomplete_fields = ("user", "unit")
    acts = (
        Act(
            name="relieve",
            # Translators: 免去岗位
            title=_("End this post"),
            permission="org.change",
            says=_("From that day on this person no longer sees or does anything that came with the post."),
            form=LastDay,
            run=_relieve,
            is_possible=lambda _request, post: post.ends_on is None,
            is_dangerous=True,
            icon="event_busy",
        ),
    )

    def unit_of(self, row: Post) -> Unit:
        return row.unit

    @labelled(description=_("role"), ordering="role")
    def shown_role(self, post: Post) -> str:
        return post.get_role_display()

    def perform(self, request: HttpRequest, row: Post, data: dict[str, Any], change: bool) -> Post:
        access.require(request.user, "org.change", data["unit"])  # type: ignore[arg-type]
        return org.appoint(
            user=data["user"],
            unit=data["unit"],
            role=data["role"],
            starts_on=data["starts_on"],
            actor=actor_of(request),
            at=now(),
        )
