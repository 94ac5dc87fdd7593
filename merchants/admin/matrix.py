"""Who gave and who took: a heat map by trade or by the largest merchants, the sums that must come out, an export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance.admin import pages
from alliance.calc.sheets import csv_lines
from alliance.calc.worktime import shanghai_day
from alliance.templatetags.lianhui import thousands, yuan
from merchants import crossing

SPANS = (7, 30, 92)


def _period(request: HttpRequest, at: datetime) -> tuple[date, date, str]:
    """Return the period that is asked for, at most a quarter, and what is wrong with it."""
    today = shanghai_day(at)
    default = today - timedelta(days=30), today - timedelta(days=1)
    if not request.GET.get("from") and not request.GET.get("to"):
        return *default, ""
    try:
        first = date.fromisoformat(request.GET.get("from", ""))
        last = date.fromisoformat(request.GET.get("to", ""))
    except ValueError:
        return *default, _t("A day is written like 2026-11-23.")
    if first > last:
        return *default, _t("The first day comes after the last one.")
    if (last - first).days >= crossing.LONGEST_DAYS:
        return *default, _t("A period has 92 days at most. Choose a shorter one.")
    return first, last, ""


@pages.page(
    "points_matrix", route="finance/matrix/", title=_("Who gave, who took"), icon="grid_on", permission="book.view"
)
def matrix(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    first, last, problem = _period(request, at)
    by = "merchant" if request.GET.get("by") == "merchant" else "trade"
    found = crossing.table(first, last, at, by=by)
    # Translators: 其他
    others = _("all others")
    rows = [
        (name or others, [found.cells.get((giver, taker)) for taker, _name in found.takers], found.given[giver])
        for giver, name in found.givers
    ]
    today = shanghai_day(at)
    home = reverse("admin:points_matrix")
    spans = [
        (days, f"{home}?from={today - timedelta(days=days)}&to={today - timedelta(days=1)}&by={by}",
         first == today - timedelta(days=days) and last == today - timedelta(days=1))
        for days in SPANS
    ]  # fmt: skip
    period = f"from={first}&to={last}"
    context = {
        "title": _("Who gave, who took"),
        "first": first,
        "last": last,
        "by": by,
        "problem": problem,
        "spans": spans,
        "by_trade": f"{home}?{period}&by=trade",
        "by_merchant": f"{home}?{period}&by=merchant",
        "export": f"{reverse('admin:points_matrix_export')}?{period}",
        "heads": [name or others for _taker, name in found.takers],
        "rows": rows,
        "taken": [found.taken[taker] for taker, _name in found.takers],
        "total": found.total,
        "elsewhere": found.total - found.kept_at_home,
        "lines": _lines(found),
        "changes": _changes(found),
    }
    return pages.draw(request, "admin/finance/matrix.html", context, status=422 if problem else 200)


def _lines(found: crossing.Table) -> list[tuple[Any, str, bool]]:
    """Return what must come out, in words and figures, and whether it does."""
    sums = found.sums
    spent = f"{thousands(sums.spent_points)} = {thousands(sums.proceeds_fen)} + {thousands(sums.spending_fees_fen)}"
    return [
        # Translators: 使用的积分 = 商户收入 + 核销服务费
        (_("Points spent = proceeds + spending fees"), spent, sums.is_matched),
        # Translators: 所有账户变动合计为零
        (_("All changes of all accounts come to zero"), yuan(sum(sums.changes.values())), sums.is_balanced),
    ]


def _changes(found: crossing.Table) -> list[tuple[Any, int]]:
    names = crossing.change_names()
    return [(names.get(kind, _("wallets")), fen) for kind, fen in sorted(found.sums.changes.items())]


@pages.page(
    "points_matrix_export", route="finance/matrix/export/", title=_("Who gave, who took"), permission="book.view"
)
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    first, last, problem = _period(request, timezone.now())
    if problem:
        return HttpResponse(problem, status=422, content_type="text/plain; charset=utf-8")
    answer = StreamingHttpResponse(csv_lines(_table(first, last)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="matrix-{first}-{last}.csv"'
    return answer


def _table(first: date, last: date) -> Iterator[list[Any]]:
    yield [_t("Account"), _t("Who gave"), _t("Account"), _t("Who took"), _t("Points"), _t("Times")]
    for batch in crossing.every_pair(first, last):
        for giver, gives, taker, takes, points, uses in batch:
            yield [giver, gives or "", taker, takes or "", points, uses]
