"""The first page of the console: what is wrong, then today's figures, then the last month."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from alliance import access, metrics, panels
from alliance.metrics import Metric, Scope, Value
from alliance.models import User
from alliance.templatetags.lianhui import thousands, yuan

# Tiles in this order; whatever else is registered follows.
FIRST = (
    "sales",
    "points_given",
    "points_spent",
    "float_total",
    "points_outstanding",
    "coverage",
    "members_joined_today",
    "members_total",
    "merchants_live",
    "approvals_waiting",
    "jobs_failed",
)
SPANS = (14, 30)
# As in console.css: coming in, going out, neither.
COLOURS = {"in": "#0f766e", "out": "#ea580c", "info": "#0369a1"}
# Unfold's own options leave the axis without commas and count half members. Grey that can be read in both themes.
_INK = "#7c8493"
OPTIONS: dict[str, Any] = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {
            "border": {"width": 0},
            "grid": {"display": False},
            "ticks": {"color": _INK, "maxTicksLimit": 10, "maxRotation": 0},
        },
        "y": {
            "beginAtZero": True,
            "border": {"width": 0},
            "grid": {"tickWidth": 0},
            "ticks": {"color": _INK, "maxTicksLimit": 6, "precision": 0},
        },
    },
}
# A figure above zero that is trouble.
ALARMING = frozenset({"jobs_failed"})


@dataclass(frozen=True)
class Tile:
    """A figure, drawn."""

    metric: Metric
    shown: str
    small: str
    before: str
    url: str
    is_alarming: bool


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return what templates/admin/index.html draws, within the reader's units."""
    user = request.user
    assert isinstance(user, User)
    at = timezone.now()
    is_top = access.is_at_the_top(user)
    scope = Scope() if is_top else Scope(tuple(access.paths_of(user)))
    span = SPANS[-1] if request.GET.get("days") == str(SPANS[-1]) else SPANS[0]
    values = [(metric, metric.compute(at, scope)) for metric in _mine(is_top)]
    # Unfold's skeleton looks for "opts"; a dashboard has none and must not set it.
    return {
        **context,
        "title": _("Dashboard"),
        "posts": access.posts_of(user),
        "tiles": [_tile(request, metric, value) for metric, value in values],
        "panels": _panels(user, at, scope, is_top),
        "charts": _charts({metric.code: (metric, value) for metric, value in values}, span),
        "span": span,
        "spans": SPANS,
        "at": at,
    }


def _mine(is_top: bool) -> list[Metric]:
    known = metrics.registered()
    order = [*FIRST, *(code for code in known if code not in FIRST)]
    return [known[code] for code in order if code in known and (is_top or not known[code].is_alliance_wide)]


def _tile(request: HttpRequest, metric: Metric, value: Value) -> Tile:
    shown, small = _shown(metric.unit, value.value)
    url = _list_of(request, metric)
    return Tile(metric, shown, small, _before(metric.unit, value), url, metric.code in ALARMING and bool(value.value))


def _list_of(request: HttpRequest, metric: Metric) -> str:
    """Return the address of the list behind a figure, if this reader may open it."""
    address = _reversed(metric.url)
    lists = {
        reverse(f"admin:{entry.opts.app_label}_{entry.opts.model_name}_changelist"): entry
        for entry in admin.site._registry.values()
    }
    if address not in lists or not lists[address].has_module_permission(request):
        return ""
    return f"{address}?{metric.query}" if metric.query else address


def _shown(unit: str, value: float | int | None) -> tuple[str, str]:
    """Return a figure and the small word behind it."""
    if value is None:
        return "–", ""
    match unit:
        case "fen":
            return yuan(int(value)), ""
        case "points":
            return thousands(int(value)), f"≈ {yuan(int(value))}"
        case "ratio":
            return f"{value * 100:.2f}%", ""
        case "times":
            # Translators: 次
            return f"{value:.1f}", str(_("times"))
        case "days":
            return f"{value:.1f}", str(_("days"))
        case _:
            return thousands(int(value)), ""


def _before(unit: str, value: Value) -> str:
    """Return the whole day before, to compare with; a day that is not over is neither up nor down."""
    if value.before is None:
        return ""
    shown = yuan(int(value.before)) if unit == "fen" else thousands(int(value.before))
    # Translators: 昨日全天 %(value)s
    return str(_("%(value)s in all of yesterday") % {"value": shown})


def _panels(user: User, at: datetime, scope: Scope, is_top: bool) -> list[dict[str, Any]]:
    drawn = []
    for panel in panels.registered():
        if (panel.needs_top and not is_top) or not access.can(user, panel.permission):
            continue
        rows = panel.find(at, scope)
        drawn.append({"title": panel.title, "rows": rows, "more": _reversed(panel.more)})
    # Exceptions first: what has rows stands above what is in order.
    return sorted(drawn, key=lambda panel: not panel["rows"])


def _reversed(name: str) -> str:
    try:
        return reverse(name) if name else ""
    except NoReverseMatch:
        return ""


def _charts(values: dict[str, tuple[Metric, Value]], span: int) -> list[dict[str, Any]]:
    plans: Sequence[tuple[Any, str, Sequence[tuple[str, Any, str]]]] = (
        # Translators: 积分发放与使用
        (
            _("Points given and spent"),
            "points",
            (
                ("points_given", _("given"), "in"),
                ("points_spent", _("spent"), "out"),
            ),
        ),
        # Translators: 销售额
        (_("Sales, in yuan"), "fen", (("sales", _("Sales, in yuan"), "out"),)),
        (_("Members joined"), "count", (("members_joined_today", _("joined"), "info"),)),
    )
    drawn = []
    for title, unit, lines in plans:
        known = [(values[code][1].series[-span:], name, tone) for code, name, tone in lines if code in values]
        if known and all(series for series, _name, _tone in known):
            drawn.append(_chart(title, unit, known))
    return drawn


def _chart(title: Any, unit: str, lines: list[tuple[Sequence[tuple[Any, Any]], Any, str]]) -> dict[str, Any]:
    scale = 100 if unit == "fen" else 1
    labels = [date_format(day, "m-d") for day, _value in lines[0][0]]
    datasets = [
        {
            "label": str(name),
            "data": [value / scale for _day, value in series],
            "backgroundColor": COLOURS[tone],
            "borderRadius": 3,
            "maxBarThickness": 18,
        }
        for series, name, tone in lines
    ]
    rows = [
        [date_format(day, "SHORT_DATE_FORMAT"), *(_cell(unit, series[index][1]) for series, _n, _c in lines)]
        for index, (day, _value) in enumerate(lines[0][0])
    ]
    totals = [_cell(unit, sum(value for _day, value in series)) for series, _n, _c in lines]
    return {
        "title": title,
        "data": json.dumps({"labels": labels, "datasets": datasets}),
        "options": json.dumps(OPTIONS),
        "heads": [name for _series, name, _tone in lines],
        "legend": [(tone, name) for _series, name, tone in lines],
        "rows": list(reversed(rows)),
        "totals": totals,
    }


def _cell(unit: str, value: int) -> str:
    return yuan(value) if unit == "fen" else thousands(value)
