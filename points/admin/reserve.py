"""The reserve in the console: coverage, liability, breakage, roll-forward, age and circulation; each table as CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance.admin.dashboard import COLOURS, OPTIONS
from alliance.admin.scoped import ScopedAdmin, now
from alliance.calc.sheets import csv_lines
from alliance.calc.worktime import shanghai_day
from alliance.templatetags.lianhui import bps
from points import circulation, reserves
from points.calc.breakage import MILLION
from points.reserves import Age, Reserve

MONTHS_SHOWN = 24


def page(admin: ScopedAdmin, request: HttpRequest) -> HttpResponse:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    today = shanghai_day(now())
    found, cover = reserves.figures(today), reserves.cover()
    months = found.months[-MONTHS_SHOWN:]
    broken = found.reckoning.will_break
    context = {
        **admin.admin_site.each_context(request),
        # Translators: 储备
        "title": _("Reserve"),
        "list_url": reverse("admin:points_proof_changelist"),
        "found": found,
        "cover": cover,
        "coverage": bps(cover.bps),
        "is_covered": cover.custody_fen >= cover.owed_fen,
        "will_break": broken,
        "will_come": found.points - broken,
        "is_curve_known": all(rate is not None for rate in found.reckoning.curve),
        "shares": [(name, text, _share(share)) for name, text, share in _shares(found)],
        "months": list(reversed(months)),
        "cohorts": list(reversed(found.reckoning.cohorts)),
        "tried": _tried(found),
        "error": _error(found),
        "ages": [(_age(age), age.points, _part(age.points, found.points)) for age in found.ages],
        "charts": [chart for chart in (_flows(months), _curve(found), _by_age(found)) if chart],
        "exports": [
            (name, reverse("admin:points_proof_reserve_export", args=(part,))) for part, (name, _x) in PARTS.items()
        ],
    }
    return TemplateResponse(request, "admin/book/reserve.html", context)


def export(admin: ScopedAdmin, request: HttpRequest, part: str) -> StreamingHttpResponse:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    if part not in PARTS:
        raise Http404
    today = shanghai_day(now())
    rows = PARTS[part][1](reserves.figures(today))
    answer = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="reserve-{part}-{today}.csv"'
    return answer


# --- figures ----------------------------------------------------------------------------------------


def _shares(found: Reserve) -> list[tuple[Any, Any, circulation.Share]]:
    return [
        # Translators: 已到期批次的使用率
        (_("Spent of what has reached its end"), _("points of quarters whose expiry is over"), found.redeemed),
        (_("Spent elsewhere than earned"), _("of what merchants gave, 90 days"), found.elsewhere),
        # Translators: 积分年周转次数
        (_("Turnover a year"), _("points spent × 365 ÷ balances of 90 days"), found.velocity),
    ]


def _share(share: circulation.Share) -> str:
    return bps(share.part * 10_000 // share.whole) if share.whole else "–"


def _part(points: int, whole: int) -> int:
    return max(points, 0) * 100 // whole if whole > 0 else 0


def _quarter(number: int) -> str:
    start = circulation.quarter_start(number)
    # Translators: %(year)s 年第 %(n)s 季度
    return _t("Q%(n)s %(year)s") % {"year": start.year, "n": (start.month + 2) // 3}


def _tried(found: Reserve) -> list[tuple[str, int, int, int]]:
    test = found.reckoning.test
    if test is None:
        return []
    return [(_quarter(row.quarter), row.predicted, row.actual, row.predicted - row.actual) for row in test.quarters]


def _error(found: Reserve) -> str:
    test = found.reckoning.test
    return bps(test.error_bps) if test is not None and test.error_bps is not None else "–"


def _age(age: Age) -> str:
    if age.until is None:
        # Translators: %(n)s 个月以上
        return _t("older than %(n)s months") % {"n": age.months}
    # Translators: %(first)s–%(last)s 个月
    return _t("%(first)s–%(last)s months") % {"first": age.months, "last": age.until}


# --- charts, as the dashboard draws them --------------------------------------------------------------


def _chart(
    title: Any, labels: Sequence[str], lines: Sequence[tuple[str, Any, Sequence[float | None]]]
) -> dict[str, Any]:
    datasets = [
        {
            "label": str(name),
            "data": list(values),
            "backgroundColor": COLOURS[tone],
            "borderRadius": 3,
            "maxBarThickness": 18,
        }
        for tone, name, values in lines
    ]
    return {
        "title": title,
        "legend": [(tone, name) for tone, name, _values in lines] if len(lines) > 1 else [],
        "data": json.dumps({"labels": list(labels), "datasets": datasets}),
        "options": json.dumps(OPTIONS),
    }


def _flows(months: Sequence[circulation.Month]) -> dict[str, Any] | None:
    if not months:
        return None
    return _chart(
        _("Points that came and went, by month"),
        [date_format(month.first, "Y-m") for month in months],
        [
            ("in", _("Issued"), [month.issued for month in months]),
            ("out", _("Spent"), [month.spent for month in months]),
            ("info", _("Expired"), [month.expired for month in months]),
        ],
    )


def _curve(found: Reserve) -> dict[str, Any] | None:
    known = [(age, left) for age, left in found.unspent if left is not None]
    if not known:
        return None
    return _chart(
        # Translators: 沉淀曲线：按月龄仍未使用的比例（%）
        _("Breakage curve: still unspent at this age, percent"),
        [_age(Age(age * 3, age * 3 + 3, 0)) for age, _left in known],
        [("info", _("still unspent"), [round(left * 100 / MILLION, 1) for _age, left in known])],
    )


def _by_age(found: Reserve) -> dict[str, Any] | None:
    if not any(age.points for age in found.ages):
        return None
    return _chart(
        # Translators: 积分库龄
        _("Age of the points in wallets"),
        [_age(age) for age in found.ages],
        [("in", _("points"), [age.points for age in found.ages])],
    )


# --- CSV --------------------------------------------------------------------------------------------


def _month_rows(found: Reserve) -> Iterator[list[Any]]:
    yield [
        _t("Month"), _t("Opening"), _t("Issued"), _t("Spent"), _t("Expired"), _t("Returned to funders"),
        _t("Taken or given back"), _t("Corrected"), _t("Closing"),
    ]  # fmt: skip
    for row in found.months:
        yield [
            f"{row.first:%Y-%m}", row.opening, row.issued, -row.spent, -row.expired, -row.returned, row.reversed,
            row.adjusted, row.closing,
        ]  # fmt: skip


def _cohort_rows(found: Reserve) -> Iterator[list[Any]]:
    yield [
        _t("Issued in the quarter from"), _t("Expires"), _t("Issued"), _t("Spent"), _t("Expired"), _t("Other"),
        _t("Still there"), _t("Expected never to be spent"),
    ]  # fmt: skip
    for row in found.reckoning.cohorts:
        yield [row.issued_in, row.expires_on, row.issued, row.spent, row.expired, row.other, row.live, row.will_break]


def _age_rows(found: Reserve) -> Iterator[list[Any]]:
    yield [_t("From (months)"), _t("To (months)"), _t("Points")]
    for age in found.ages:
        yield [age.months, age.until, age.points]


def _test_rows(found: Reserve) -> Iterator[list[Any]]:
    yield [_t("Quarter"), _t("Predicted"), _t("Spent"), _t("Difference")]
    for quarter, predicted, actual, difference in _tried(found):
        yield [quarter, predicted, actual, difference]


PARTS: dict[str, tuple[Any, Callable[[Reserve], Iterator[list[Any]]]]] = {
    # Translators: 月度结转
    "months": (_("Roll-forward"), _month_rows),
    # Translators: 发放批次
    "cohorts": (_("Cohorts"), _cohort_rows),
    # Translators: 库龄
    "ages": (_("Age"), _age_rows),
    # Translators: 预测检验
    "test": (_("Test of the forecast"), _test_rows),
}
