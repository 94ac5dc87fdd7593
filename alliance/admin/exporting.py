"""Lists that can be taken along: the filtered list as CSV, with the list's own columns and the reader's own rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import strip_tags
from django.utils.translation import gettext as _t

from alliance.admin.scoped import FrozenAdmin
from alliance.calc.sheets import csv_lines

# A file beyond this many rows no spreadsheet opens; the last line of the file says that it goes on.
MOST_ROWS = 200_000
CHUNK = 1_000


class ExportedAdmin(FrozenAdmin):
    """A frozen list with a button that gives all its filtered rows as a file."""

    list_before_template = "admin/parts/export.html"

    def attach(self, rows: Sequence[Any]) -> None:
        """Read, for some rows together, what their columns show besides: names, links, states."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        self.attach(changelist.result_list)
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_export")
        asked = request.GET.urlencode()
        context = {"export_url": f"{address}?{asked}" if asked else address}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export_view), name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if self._is_asked_for_more(request):
            return HttpResponseRedirect(f"../?{ERROR_FLAG}=1")
        rows = super().get_changelist_instance(request).queryset
        answer = StreamingHttpResponse(csv_lines(self._table(rows)), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{self.opts.model_name}.csv"'
        return answer

    def _table(self, rows: Any) -> Iterator[list[Any]]:
        columns = list(self.list_display)
        yield [str(label_for_field(name, self.model, self)).capitalize() for name in columns]
        found = rows.iterator(chunk_size=CHUNK)
        n = 0
        while part := list(islice(found, CHUNK)):
            self.attach(part)
            for row in part:
                yield [self._cell(name, row) for name in columns]
            n += len(part)
            if n >= MOST_ROWS:
                # Translators: 已达行数上限，请缩小筛选范围
                yield [_t("The list goes on. Filter it and export the parts.")]
                return

    def _cell(self, name: str, row: Any) -> str:
        field, _attribute, value = lookup_field(name, row, self)
        if value is None:
            return ""
        if field is not None and field.choices:
            return str(dict(field.flatchoices).get(value, value))
        return strip_tags(str(value)).strip()
