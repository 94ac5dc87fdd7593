"""The base of every class of the console: whose rows, by which permission, and every write through a verb.

    class UnitAdmin(ScopedAdmin):
        scope = "units"                 # rows: Model.objects.visible_to(user)
        view_permission = "org.view"    # one table: alliance.access.PERMISSIONS
        add_permission = "org.change"

        def unit_of(self, row): return row
        def perform(self, request, row, data, change): org.found(...)

The queryset of lists, pages, actions, autocomplete and related choices is the same one, so a row that one may not see
cannot be reached by any of them. Deleting is not part of the console. Django's own log of changes is off: verbs write
the diary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from alliance import access, events, leaving
from alliance.actors import Actor
from alliance.admin import acts
from alliance.models import Unit, User
from alliance.refusals import Refused

SCOPES = ("units", "headquarters", "everybody")
LONGEST_LIST = 2_000
# What a list filter, Django's or Unfold's, writes behind the name of its field; a relation's has its key in between.
FILTER_ENDINGS = ("", "__exact", "__in", "__isnull", "__isempty", "__gte", "__lt")
FILTER_ENDINGS_OF_RANGES = ("_from", "_to", "_from_0", "_from_1", "_to_0", "_to_1")


class CappedPaginator(Paginator):
    """Counts no further than LONGEST_LIST: a list is for looking at, and a table may have a billion rows."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: LONGEST_LIST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, LONGEST_LIST)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than were counted: "2,000+"."""
        return self._counted > LONGEST_LIST


class VerbForm(forms.ModelForm):
    """A form whose saving is a verb: when the verb refuses, the sentence stands above the form and nothing is lost."""

    def verb(self) -> None:
        """Replaced by ScopedAdmin.get_form."""

    def validate_constraints(self) -> None:
        """Say that something does not fit, in words: the name of a constraint is for builders."""
        excluded = self._get_validation_exclusions()  # type: ignore[attr-defined]
        try:
            self.instance.validate_constraints(exclude=excluded)
        except ValidationError as error:
            if any(each.code for found in error.error_dict.values() for each in found):
                self._update_errors(error)  # type: ignore[attr-defined]
            else:
                self.add_error(None, _("These values do not fit together. Please look at them again."))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            try:
                self.verb()
            except Refused as refused:
                self.add_error(None, refused.text())


class ScopedRelatedFilter(RelatedFieldListFilter):
    """A filter that offers only the rows that the reader may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        rows = related_rows(model_admin.admin_site, field.remote_field.model, request)
        return field.get_choices(
            include_blank=False,
            limit_choices_to={"pk__in": rows.values("pk")},
            ordering=self.field_admin_ordering(field, request, model_admin),
        )


def related_rows(site: Any, model: type[models.Model], request: HttpRequest) -> models.QuerySet[Any]:
    """Return what the reader may see of another class's rows; nothing when it is not in the console."""
    other = site._registry.get(model)
    rows: models.QuerySet[Any] = other.get_queryset(request) if other else model._default_manager.none()
    return rows


class Permissions:
    """Who may look, add and change: named permissions of alliance.access, within the reader's units."""

    scope: str = "units"
    view_permission: str = ""
    add_permission: str | None = None
    change_permission: str | None = None

    def unit_of(self, row: Any) -> Unit | None:
        """Return the unit that a row belongs to, for permissions over one row."""
        return None

    def may(self, request: HttpRequest, permission: str | None, row: Any = None) -> bool:
        user = request.user
        if permission is None or not isinstance(user, User):
            return False
        if self.scope == "headquarters" and not access.is_alliance_wide(user, permission):
            return False
        return access.can(user, permission, self.unit_of(row) if row is not None else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.view_permission, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.add_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.change_permission, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScopedAdmin(Permissions, ModelAdmin):
    """A list and a page per row, within the reader's units."""

    form = VerbForm
    acts: Sequence[acts.Act] = ()
    # Whoever sees all units sees all rows: none is asked for its own.
    is_always_of_a_unit: bool = False
    # Whether the search box of the console looks here, and the sign in front of what it finds.
    is_searched: bool = False
    icon: str = "data_object"
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    list_filter_submit = True
    compressed_fields = True
    show_facets = False
    change_form_outer_before_template = "admin/parts/acts.html"

    # --- whose rows ---

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().get_queryset(request)
        if self.list_select_related:
            # Django forgets this list as soon as a queryset joins anything by itself.
            rows = rows.select_related(*self.list_select_related)
        if not self.has_module_permission(request):
            return rows.none()
        if self.scope == "units":
            user = request.user
            assert isinstance(user, User)
            if self.is_always_of_a_unit and access.is_alliance_wide(user, self.view_permission):
                return rows
            visible: models.QuerySet[Any] = self.model._default_manager.visible_to(request.user)  # type: ignore[attr-defined]
            return rows.filter(pk__in=visible.values("pk"))
        return rows

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if "queryset" not in kwargs:
            kwargs["queryset"] = related_rows(self.admin_site, db_field.remote_field.model, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        words = search_term.strip()
        return self.find(request, queryset, words) if words else (queryset, False)

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Return the rows that the words mean, and whether there may be duplicates; by search_fields by default."""
        return super().get_search_results(request, queryset, words)

    def quick_search(self, request: HttpRequest, words: str) -> models.QuerySet[Any]:
        """Return what the console's search box finds here."""
        rows: models.QuerySet[Any] = self.get_search_results(request, self.get_queryset(request), words)[0]
        return rows

    # --- what a list may be asked ---

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Take the parameters of the list's own filters and no other.

        Django takes every local field with every comparison, and so tells by the length of the list, character by
        character, what the page masks or does not show at all.
        """
        filters = self.get_list_filter(request) if request is not None else self.list_filter
        taken = {name for each in filters for name in self._parameters_of(each)}
        if self.date_hierarchy:
            taken |= {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day")}
        return lookup in taken

    def _parameters_of(self, filtered: Any) -> Iterator[str]:
        if isinstance(filtered, type):
            yield filtered.parameter_name  # type: ignore[attr-defined]
            return
        field = filtered[0] if isinstance(filtered, (tuple, list)) else filtered
        name = field.name if isinstance(field, models.Field) else field
        yield from (f"{name}{ending}" for ending in (*FILTER_ENDINGS, *FILTER_ENDINGS_OF_RANGES))
        last: Any = get_fields_from_path(self.model, name)[-1]
        if last.is_relation:
            yield f"{name}__{last.target_field.name}__exact"

    def _is_asked_for_more(self, request: HttpRequest) -> bool:
        given = request.GET.keys() - {*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG}
        return any(not self.lookup_allowed(name, None, request) for name in given)

    # --- every write is a verb ---

    def perform(self, request: HttpRequest, row: Any, data: dict[str, Any], change: bool) -> Any:
        """Call the verb; return the row that was made or changed."""
        raise PermissionDenied

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        base = super().get_form(request, obj, change=change, **kwargs)
        admin = self

        def verb(form: forms.ModelForm) -> None:
            if not (admin.has_change_permission(request, obj) if change else admin.has_add_permission(request)):
                raise PermissionDenied
            made = admin.perform(request, form.instance, form.cleaned_data, change)
            if made is not None:
                form.instance = made

        return type(base.__name__, (base,), {"verb": verb})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The verb has written already, in the form."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Parts are written by the verb too."""

    def log_addition(self, *args: Any) -> None:
        """The diary has it."""

    def log_change(self, *args: Any) -> None:
        """The diary has it."""

    # --- acts: a button, a page that says what will happen, a verb ---

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        view = self.admin_site.admin_view(self.act_view)
        return [path("<path:object_id>/act/<slug:act>/", view, name=name), *super().get_urls()]

    def act_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        return acts.view(self, request, object_id, act)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        if object_id is not None and self.acts:
            row = self.get_object(request, object_id)
            if row is not None:
                context["act_buttons"] = acts.buttons(self, request, row)
        answer = super().changeform_view(request, object_id, form_url, context)
        if request.method == "POST" and answer.status_code == HTTPStatus.OK:
            answer.status_code = int(HTTPStatus.UNPROCESSABLE_ENTITY)
        return answer

    # --- a list is found as it was left ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if self._is_asked_for_more(request):
            # Before it is remembered; Django would answer 400 to it, and the same again on every way back to the list.
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        return leaving.back(request, self.opts.label_lower) or super().changelist_view(request, extra_context)

    def waiting(self, request: HttpRequest) -> int:
        """Return how many rows wait for this reader: the number beside the list's name in the sidebar."""
        return 0

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse('admin:alliance_event_changelist')}?q={events.subject_of(row)}")

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        """What one may not see does not exist."""
        raise Http404

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class FrozenAdmin(ScopedAdmin):
    """Rows that nobody adds, changes or deletes here: the book, the diary."""

    paginator = CappedPaginator
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FrozenInline(Permissions, TabularInline):
    """Parts of a row, to look at. A reader of the whole may read its parts."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    per_page = 20

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def once(row: Any, name: str, ask: Callable[[], Any]) -> Any:
    """Ask once per row: Unfold draws a read-only field several times."""
    if not hasattr(row, name):
        setattr(row, name, ask())
    return getattr(row, name)


def actor_of(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor.user(request.user)


def now() -> Any:
    return timezone.now()
