"""Every movement of the wallet, why it is so, what expires when, and a year on one page."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from alliance.calc.worktime import shanghai_day
from members import explaining, wallets
from members.access import MemberRequest, member_only


@member_only
@never_cache
def entries(request: MemberRequest) -> HttpResponse:
    """List the movements, newest first, by month; "show more" asks for the page before the last row shown."""
    kind = request.GET.get("kind", "")
    if kind not in wallets.KINDS:
        kind = ""
    page = wallets.entries(request.member, kind=kind or None, before=request.GET.get("before") or None)
    months = [
        {"on": month, "rows": list(rows), "continues": f"{month:%Y-%m}" == request.GET.get("month")}
        for month, rows in groupby(page.rows, key=lambda row: row.month)
    ]
    context = {
        "tab": "wallet",
        "standing": wallets.standing(request.member),
        "kind": kind,
        "tabs": _tabs(kind),
        "months": months,
        "more": _more(kind, page.before, page.rows[-1].month) if page.before else "",
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
    days = wallets.lots(request.member)
    context = {
        "tab": "wallet",
        "days": days,
        "total": sum(day.points for day in days),
        "standing": wallets.standing(request.member),
    }
    return render(request, "members/lots.html", context)


@member_only
@never_cache
def year(request: MemberRequest, year: int | None = None) -> HttpResponse:
    """Show one year: what there was, what came and went, what was left."""
    today = shanghai_day(timezone.now())
    years = list(range(today.year, shanghai_day(request.member.joined_at).year - 1, -1))
    chosen = year if year is not None else today.year
    if chosen not in years:
        raise Http404
    last = min(date(chosen, 12, 31), today)
    context = {
        "tab": "wallet",
        "member": request.member,
        "year": chosen,
        "years": years,
        # Translators: %(year)s 年对账单
        "title": _("Your points in %(year)s") % {"year": chosen},
        "period": f"{chosen}-01-01 – {last:%Y-%m-%d}",
        "statement": wallets.year(request.member, chosen),
    }
    return render(request, "members/year.html", context)


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


def _more(kind: str, before: str, month: date) -> str:
    query = {"before": before, "month": f"{month:%Y-%m}"}
    if kind:
        query["kind"] = kind
    return f"?{urlencode(query)}"
