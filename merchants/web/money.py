"""The merchant's money on one page: what it has, what comes when, what was given and taken; and what is owed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache

from alliance.calc.worktime import shanghai_day
from merchants import leaving, leaving_shown, money
from merchants.access import DeskRequest, money_only
from merchants.models import PayoutAccount
from merchants.web import frame
from points import clearing, keeping, statements

LOW_DAYS = 5
NEWEST = 5


@money_only
@never_cache
def money_page(request: DeskRequest) -> HttpResponse:
    """Draw the money page: holdings that add up, two weeks ahead, a month of giving and taking, the last statements."""
    merchant, now = request.desk.merchant, timezone.now()
    today = shanghai_day(now)
    cover = statements.float_cover(merchant.float_id, now)
    held, owed = money.holdings(merchant, cover.balance), money.memo(merchant)
    newest = money.stated_of(merchant, limit=NEWEST)
    states = [PayoutAccount.State.CURRENT, PayoutAccount.State.ASKED]
    on_file = {row.state: row for row in PayoutAccount.objects.filter(merchant=merchant, state__in=states)}
    account = on_file.get(PayoutAccount.State.CURRENT)
    first = _month(request.GET.get("month", ""), today)
    last_day = min((first + timedelta(days=31)).replace(day=1) - timedelta(days=1), today)
    kept = keeping.newest(merchant.book.float_id, today)
    context = {
        "held": held,
        "kept_fee": kept,
        "kept_fee_until": keeping.last_day(kept.month) if kept else None,
        "owed": owed,
        "cover": cover,
        "low_days": LOW_DAYS,
        "calendar": money.calendar(merchant, held, owed, now, newest[0].statement if newest else None, account),
        "traded": money.traded(merchant, first, last_day),
        "months": _months(first, today),
        "stated": newest,
        "standing": clearing.standing_of(merchant.book.float_id),
        "account": account,
        "asked": on_file.get(PayoutAccount.State.ASKED),
        "leaving": leaving_shown.WORDS[leaving.way_of(merchant).state],
        "today": today,
        "now": now,
    }
    return frame.page(request, request.desk, "money.html", "money", context)


@money_only
@never_cache
def owed_page(request: DeskRequest) -> HttpResponse:
    """List what is no money yet, row by row: due to the merchant, and owed by it."""
    merchant = request.desk.merchant
    context = {"owed": money.memo(merchant), "today": shanghai_day(timezone.now())}
    return frame.page(request, request.desk, "owed.html", "money", context)


def _month(given: str, today: date) -> date:
    try:
        first = date.fromisoformat(f"{given}-01")
    except ValueError:
        return today.replace(day=1)
    return first if date(2000, 1, 1) <= first <= today else today.replace(day=1)


def _months(first: date, today: date) -> list[dict[str, Any]]:
    """Return this month and the two before it, and the one that is shown if it is older."""
    found = [today.replace(day=1)]
    for _n in range(2):
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    if first not in found:
        found.append(first)
    return [
        {"label": date_format(each, "YEAR_MONTH_FORMAT"), "month": f"{each:%Y-%m}", "current": each == first}
        for each in found
    ]
