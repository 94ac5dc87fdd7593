"""Points that tills took offline and that no wallet had: the merchant's risk, listed and exported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core import signing
from django.db.models import Q, Sum
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from alliance.calc.worktime import SHANGHAI
from merchants import offline
from merchants.access import DeskRequest, money_only
from merchants.calc import sheets
from merchants.models import OfflineSpend
from merchants.web import frame

PAGE = 30
_signer = signing.Signer(salt="merchants.web.offline")


@money_only
@never_cache
def offline_page(request: DeskRequest) -> HttpResponse:
    """List them, newest first, with their sum."""
    found = offline.of_merchant(request.desk.merchant)
    rows = list(_after(request)[: PAGE + 1])
    context = {
        "spends": rows[:PAGE],
        "sum_fen": found.aggregate(fen=Sum("points", default=0))["fen"],
        "more": _more(rows[PAGE - 1]) if len(rows) > PAGE else "",
    }
    return frame.page(request, request.desk, "offline.html", "money", context)


@money_only
@never_cache
def export(request: DeskRequest) -> StreamingHttpResponse:
    """Give all of them as CSV."""
    rows = offline.of_merchant(request.desk.merchant).iterator(chunk_size=2_000)
    answer = StreamingHttpResponse(sheets.csv_lines(_table(rows)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="offline-points-not-covered.csv"'
    return answer


def _table(rows: Iterable[OfflineSpend]) -> Iterator[list[Any]]:
    """Yield the heads and then the rows, amounts in yuan."""
    yield [_("Time"), _("Outlet"), _("Reference"), _("Bill (yuan)"), _("Not covered (yuan)"), _("Receipt")]
    for row in rows:
        yield [
            row.taken_at.astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0),
            row.outlet.name,
            row.reference,
            row.bill_fen / 100,
            row.points / 100,
            str(row.sale_id or ""),
        ]


def _after(request: DeskRequest) -> Any:
    found = offline.of_merchant(request.desk.merchant)
    given = request.GET.get("before", "")
    if not given:
        return found
    try:
        at, number = _signer.unsign_object(given)
    except (signing.BadSignature, ValueError, TypeError):
        raise Http404 from None
    return found.filter(Q(taken_at__lt=at) | Q(taken_at=at, pk__lt=number))


def _more(last: OfflineSpend) -> str:
    return f"?before={_signer.sign_object([last.taken_at.isoformat(), last.pk])}"
