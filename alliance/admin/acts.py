"""Acts: what can be done with one row. A button leads to a page that says what will happen; the page calls one verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from alliance.refusals import Refused


class ActForm(forms.Form):
    """The questions of an act; most have none."""

    def __init__(self, *args: Any, request: HttpRequest, row: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.row = request, row
        self.prepare()
        for asked in self.fields.values():
            _dress(asked)

    def prepare(self) -> None:
        """Limit choices to what this reader may see."""


def look_up(asked: forms.Field, related: Any) -> None:
    """Let a choice be looked up while typing, within what the reader may see. related: a foreign key to its rows."""
    assert isinstance(asked, forms.ModelChoiceField)
    asked.widget = AutocompleteSelect(related, site)
    asked.widget.choices = asked.choices


def _dress(asked: forms.Field) -> None:
    """Give a plain field the console's looks."""
    if isinstance(asked.widget, forms.HiddenInput | AutocompleteSelect):
        return
    dressed: forms.Widget
    match asked:
        case forms.ModelChoiceField() | forms.TypedChoiceField() | forms.ChoiceField():
            dressed = UnfoldAdminSelectWidget(choices=asked.choices)  # type: ignore[arg-type]
        case forms.DateField():
            dressed = UnfoldAdminSingleDateWidget()
        case forms.CharField() if isinstance(asked.widget, forms.Textarea):
            dressed = UnfoldAdminTextareaWidget(attrs={"rows": 3})
        case _:
            dressed = UnfoldAdminTextInputWidget(attrs=dict(asked.widget.attrs))
    dressed.is_required = asked.required
    asked.widget = dressed


@dataclass(frozen=True)
class Act:
    """One thing that can be done.

    says: what will happen, in one or two sentences. run: calls the verb and returns the words of success. url: where to
    go afterwards (the row's page by default).
    """

    name: str
    title: Any
    permission: str
    says: Any
    run: Callable[[HttpRequest, Any, dict[str, Any]], Any]
    form: type[ActForm] = ActForm
    is_possible: Callable[[HttpRequest, Any], bool] = field(default=lambda _request, _row: True)
    is_dangerous: bool = False
    icon: str = ""
    shows: Callable[[HttpRequest, Any], list[tuple[Any, Any]]] = field(default=lambda _request, _row: [])
    url: Callable[[Any], str] | None = None


def buttons(admin: Any, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
    """Return the acts that this reader can do with this row now."""
    return [
        {"title": act.title, "url": _url(admin, row, act), "is_dangerous": act.is_dangerous, "icon": act.icon}
        for act in admin.acts
        if admin.may(request, act.permission, row) and act.is_possible(request, row)
    ]


def _url(admin: Any, row: models.Model, act: Act) -> str:
    return reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_act", args=(row.pk, act.name))


def view(admin: Any, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
    """Ask, then do."""
    row = admin.get_object(request, object_id)
    act = next((act for act in admin.acts if act.name == name), None)
    if row is None or act is None:
        raise Http404
    if not admin.may(request, act.permission, row):
        raise PermissionDenied
    home = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_change", args=(row.pk,))
    if not act.is_possible(request, row):
        return HttpResponseRedirect(home)
    form = act.form(request.POST if request.method == "POST" else None, request=request, row=row)
    status = HTTPStatus.OK
    if request.method == "POST" and form.is_valid():
        try:
            words = act.run(request, row, form.cleaned_data)
        except Refused as refused:
            form.add_error(None, refused.text())
            status = HTTPStatus(refused.status)
        else:
            if words:
                messages.success(request, words)
            return HttpResponseRedirect(act.url(row) if act.url else home)
    elif form.errors:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    context = {
        **admin.admin_site.each_context(request),
        "title": act.title,
        "subtitle": str(row),
        "act": act,
        "row": row,
        "facts": act.shows(request, row),
        "form": form,
        "home": home,
        "list_url": reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist"),
        "plural": admin.opts.verbose_name_plural,
    }
    return TemplateResponse(request, "admin/act.html", context, status=int(status))
