"""Every movement of the wallet, why it is so, what expires when, and a year on one page."""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from alliance.calc.worktime import SHANGHAI, shanghai_day
from members import explaining, lapsing, wallets, yearly
from members.access import MemberRequest, member_only
from merchants.calc import sheets
from merchants.models import Merchant

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# So many merchants stand in the statement by name, the others in one line that leads to all of them.
TOP_SHOPS = 8


@member_only
@never_cache
def entries(request: MemberRequest) -> HttpResponse:
    """List the movements, newest first, by month; "show more" asks for the page before the last row shown."""
    wanted, given, chosen = _wanted(request)
    page = wallets.entries(request.member, wanted=wanted, before=request.GET.get("before") or None)
    months = [
        {"on": month, "rows": list(rows), "continues": f"{month:%Y-%m}" == request.GET.get("month")}
        for month, rows in groupby(page.rows, key=lambda row: row.month)
    ]
    context = {
        "tab": "wallet",
        "standing": (standing := wallets.standing(request.member)),
        "claims": [] if chosen else wallets.claims(request.member),
        "returning": [] if chosen else wallets.returning(request.member),
        "holds": wallets.holds(request.member) if standing.held else [],
        "owed": [] if chosen else wallets.owed(request.member),
        "kind": wanted.kind,
        "tabs": _tabs(wanted.kind),
        "months": months,
        "more": _more(given, page.before, page.rows[-1].month) if page.before else "",
        # What a figure of the year's statement leads to: which rows, and what they come to.
        "chosen": chosen,
        "total": wallets.total(request.member, wanted) if chosen else None,
        "back": reverse("wallet_year", args=(wanted.start.astimezone(SHANGHAI).year,)) if wanted.start else "",
    }
    return render(request, "members/entries.html", context)


@member_only
@never_cache
def entry(request: MemberRequest, journal_id: int) -> HttpResponse:
    """Explain one movement: how many, why, when they can be spent, until when, who paid."""
    detail = explaining.explain(request.member, journal_id)
    if detail is None:
        raise Http404
    context = {"tab": "wallet", "entry": detail, "is_new": "new" in request.GET}
    return render(request, "members/entry.html", context)


@member_only
@never_cache
def lots(request: MemberRequest) -> HttpResponse:
    """Show the calendar of expiry: what lapses when, where it came from, what is on its way."""
    context = {
        "tab": "wallet",
        "calendar": lapsing.calendar(request.member, timezone.now()),
        "standing": wallets.standing(request.member),
    }
    return render(request, "members/lots.html", context)


@member_only
@never_cache
def year(request: MemberRequest, year: int | None = None) -> HttpResponse:
    """Show one year: what there was, what came and went by month and by shop, what was left."""
    chosen, years = _year(request, year)
    today = shanghai_day(timezone.now())
    last = min(date(chosen, 12, 31), today)
    statement = yearly.statement(request.member, chosen)
    context = {
        "tab": "wallet",
        "member": request.member,
        "year": chosen,
        "years": years,
        # Translators: %(year)s 年对账单
        "title": _("Your points in %(year)s") % {"year": chosen},
        "period": f"{chosen}-01-01 – {last:%Y-%m-%d}",
        "is_under_way": chosen == today.year,
        "printed_at": timezone.now(),
        "statement": statement,
        **_shops(statement, is_whole=request.GET.get("shops") == "all"),
    }
    return render(request, "members/year.html", context)


def _shops(statement: yearly.Year, *, is_whole: bool) -> dict[str, Any]:
    """Return the merchants to show, and what those that are not shown come to."""
    named = [shop for shop in statement.shops if shop.is_shop]
    shown = named if is_whole or len(named) <= TOP_SHOPS + 1 else named[:TOP_SHOPS]
    rest = named[len(shown) :]
    nowhere = [shop for shop in statement.shops if not shop.is_shop]
    return {"shops": shown, "n_rest": len(rest), "rest": yearly.together(rest), "nowhere": nowhere}


@member_only
@never_cache
def year_file(request: MemberRequest, year: int, form: str) -> HttpResponse:
    """Give every movement of a year between its two balances, as CSV or XLSX."""
    chosen, _years = _year(request, year)
    rows = yearly.table(request.member, chosen)
    name = f"points-{chosen}"
    if form == "csv":
        # Not streamed: its words would be made after the reader's language is put away, and a year is short.
        answer = HttpResponse("".join(sheets.csv_lines(rows)), content_type="text/csv; charset=utf-8")
    else:
        answer = HttpResponse(sheets.xlsx(rows, name), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer


def _year(request: MemberRequest, number: int | None) -> tuple[int, list[int]]:
    """Return the year asked for and all years of the membership, newest first."""
    this = shanghai_day(timezone.now()).year
    years = list(range(this, shanghai_day(request.member.joined_at).year - 1, -1))
    chosen = number if number is not None else this
    if chosen not in years:
        raise Http404
    return chosen, years


_PERIOD = re.compile(r"(20[0-9]{2})(?:-(0[1-9]|1[0-2]))?", re.ASCII)


def _wanted(request: MemberRequest) -> tuple[wallets.Wanted, dict[str, str], list[str]]:
    """Return which movements are asked for, the same as a query, and in words; what cannot be read is left out.

    in: a year or a month ("2026", "2026-03"); shop: a merchant's number, 0 for none; kind: one of wallets.KINDS.
    """
    asked = request.GET
    given: dict[str, str] = {}
    words: list[str] = []
    start = end = None
    shop = None
    if found := _PERIOD.fullmatch(asked.get("in", "")):
        start, end = _period(int(found[1]), int(found[2] or 0))
        given["in"] = found[0]
        words.append(date_format(start, "YEAR_MONTH_FORMAT") if found[2] else _year_words(found[1]))
    number = asked.get("shop", "")
    if number.isascii() and number.isdigit() and len(number) < 19:
        shop = int(number)
        name = Merchant.objects.filter(pk=shop).values_list("short_name", flat=True).first() if shop else ""
        given["shop"] = number
        # Translators: 不在门店（过期、更正等）
        words.append(name or _("At no shop"))
    kind = asked.get("kind", "")
    if kind in wallets.KINDS:
        given["kind"] = kind
        if kind in yearly.GROUPS:
            words.append(str(yearly.GROUPS[kind]))
    else:
        kind = ""
    return wallets.Wanted(kind, start, end, shop), given, words


def _period(year: int, month: int) -> tuple[datetime, datetime]:
    if not month:
        return yearly.bounds(year)
    following = (year + month // 12, month % 12 + 1)
    return datetime(year, month, 1, tzinfo=SHANGHAI), datetime(*following, 1, tzinfo=SHANGHAI)


def _year_words(year: str) -> str:
    # Translators: %(year)s 年
    return _("in %(year)s") % {"year": year}


def _tabs(kind: str) -> list[dict[str, Any]]:
    words = [
        # Translators: 全部
        ("", _("All")),
        # Translators: 得到
        ("in", _("Received")),
        # Translators: 用掉
        ("out", _("Spent")),
    ]
    tabs = [
        {"href": f"?{urlencode({'kind': code})}" if code else "?", "label": label, "current": "true" * (code == kind)}
        for code, label in words
    ]
    # Translators: 即将到期
    return [*tabs, {"href": reverse("lots"), "label": _("Expiring"), "current": ""}]


def _more(given: dict[str, str], before: str, month: date) -> str:
    return f"?{urlencode({'before': before, 'month': f'{month:%Y-%m}', **given})}"
