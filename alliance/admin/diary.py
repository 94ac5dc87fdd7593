"""The diary's events: who did what, when, to what. Money is in the book's journals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from alliance.actors import Actor
from alliance.admin import wording
from alliance.admin.scoped import FrozenAdmin
from alliance.models import Event, User


def link_to(subject: str) -> str:
    """Return a subject such as "merchants.merchant:12" as a link to its page, if the console has one."""
    label, _colon, pk = subject.partition(":")
    try:
        url = reverse(f"admin:{label.replace('.', '_')}_change", args=(pk,))
    except NoReverseMatch:
        return wording.subject(subject)
    return format_html('<a class="console-link" href="{}">{}</a>', url, wording.subject(subject))


@admin.register(Event)
class EventAdmin(FrozenAdmin):
    view_permission = "diary.view"
    list_display = ("at", "shown_verb", "shown_subject", "shown_actor", "shown_facts")
    list_display_links = ("shown_verb",)
    list_filter = (("at", RangeDateTimeFilter),)
    search_fields = ("verb",)
    # Translators: 动作，如 merchant.go_live；对象，如 merchants.merchant:12；或人，如 user:3
    search_help_text = _("A verb (merchant.go_live), a subject (merchants.merchant:12) or an actor (user:3)")
    ordering = ("-id",)
    fields = ("at", "shown_verb", "shown_subject", "shown_actor", "unit", "verb", "subject", "actor", "facts")
    readonly_fields = ("shown_verb", "shown_subject", "shown_actor")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("unit")

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find by equality, which the indexes answer however long the diary is."""
        found = Q(verb=words) | Q(subject=words) | Q(actor=words)
        if words.endswith("."):
            found |= Q(verb__startswith=words)
        return queryset.filter(found), False

    # Translators: 事项
    @display(description=_("what"), ordering="verb")
    def shown_verb(self, event: Event) -> str:
        return wording.verb(event.verb)

    # Translators: 涉及
    @display(description=_("what it is about"))
    def shown_subject(self, event: Event) -> str:
        return link_to(event.subject)

    # Translators: 操作人
    @display(description=_("who"))
    def shown_actor(self, event: Event) -> str:
        return getattr(event, "actor_name", None) or wording.actor(event.actor)

    @display(description=_("facts"))
    def shown_facts(self, event: Event) -> str:
        return wording.facts(event.facts)[:120]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of a page's actors in one query."""
        changelist = super().get_changelist_instance(request)
        actors = {event.actor: Actor.parse(event.actor).user_id for event in changelist.result_list}
        names = {user.pk: str(user) for user in User.objects.filter(pk__in=set(actors.values()) - {None})}
        for event in changelist.result_list:
            event.actor_name = names.get(actors[event.actor] or 0)
        return changelist
