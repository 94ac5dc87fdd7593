"""The shop's overview: today's figures, each with its definition, and the last two weeks."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from alliance.calc.worktime import shanghai_day
from alliance.templatetags import lianhui
from merchants import register
from merchants.access import DeskRequest, manager_only
from merchants.web import frame
from points import statements

DAYS = 14


@manager_only
@never_cache
def shop(request: DeskRequest) -> HttpResponse:
    """Draw the overview of the outlets that this person manages."""
    desk = request.desk
    now = timezone.now()
    today = shanghai_day(now)
    outlets = desk.managed_outlets
    days = register.daily([outlet.pk for outlet in outlets], today, DAYS)
    figures = days[-1][1]
    # The same hours of the same weekday: half a day is not compared with a whole one.
    week = timedelta(days=7)
    numbers = [outlet.pk for outlet in outlets]
    last_week = register.figures_of(register.Filter(numbers, today - week, today - week, until=now - week))
    context = {
        "figures": figures,
        "outlets": outlets,
        "today": today,
        "sales_change": _change(figures.bill_fen, last_week.bill_fen),
        "chart": {
            "labels": [date_format(on, "m-d") for on, _figures in days],
            "sales": [max(0, day.bill_fen) / 100 for _on, day in days],
            "sales_shown": [lianhui.yuan(day.bill_fen) for _on, day in days],
            "given": [max(0, day.points) for _on, day in days],
            "taken": [max(0, day.spent_points) for _on, day in days],
        },
        "days": [{"on": on, "figures": day} for on, day in reversed(days)],
        "from_on": today - timedelta(days=DAYS - 1),
        "entries": register.entries(register.Filter([o.pk for o in outlets], today, today).rows()[:6], now),
        "names": {outlet.pk: outlet.name for outlet in outlets},
        "cover": statements.float_cover(desk.merchant.float_id, now) if desk.manages_all else None,
    }
    return frame.page(request, desk, "shop.html", "shop", context)


def _change(now: int, before: int) -> str:
    """Return "+12.4%" against the same weekday of last week; empty when there is nothing to compare with."""
    if before <= 0:
        return ""
    change = (now - before) * 100 / before
    return f"{change:+.1f}%".replace("-", lianhui.MINUS) if abs(change) < 1000 else _("far more")
