"""The shop's sales: found, filtered, read one by one, exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.cache import never_cache

from alliance import leaving
from alliance.calc.money import parse_fen
from alliance.calc.worktime import SHANGHAI, shanghai_day
from alliance.refusals import declare
from merchants import refunding, register
from merchants.access import DeskRequest, manager_only
from merchants.calc import sheets
from merchants.web import frame
from points.models import Account, Sale

PAGE = 30
# The sums over a page's period are added up whenever it is opened.
LONGEST_DAYS = 366
PERIOD_TOO_LONG = declare(
    "period_too_long", 422, _lazy("A period has %(days)s days at most. Choose a shorter one; export year by year.")
)
# As many rows as a spreadsheet opens without complaint.
MOST_XLSX = 50_000
_signer = signing.Signer(salt="merchants.web.receipts")


@manager_only
@never_cache
def sales(request: DeskRequest) -> HttpResponse:
    """List the sales in the filter, newest first."""
    if left := leaving.back(request, "shop_sales", only=("kind", "outlet")):
        return left
    desk, now = request.desk, timezone.now()
    outlets = {outlet.pk: outlet for outlet in desk.managed_outlets}
    wanted, given = _filter(request, list(outlets))
    error = PERIOD_TOO_LONG(days=LONGEST_DAYS) if _is_too_long(wanted) else None
    if error:
        # Nothing is read; the form stands as it was filled in.
        wanted = replace(wanted, outlet_ids=())
    rows = list(register.after(wanted.rows(), _cursor(request))[: PAGE + 1])
    context = {
        "entries": register.entries(rows[:PAGE], now),
        "names": {pk: outlet.name for pk, outlet in outlets.items()},
        "outlets": list(outlets.values()),
        "given": given,
        "error": error.text() if error else "",
        "sums": register.figures_of(wanted),
        "kinds": _kinds(),
        "presets": _presets(shanghai_day(now), given["from"], given["to"]),
        "query": _query(request),
        "more": _more(request, rows[PAGE - 1]) if len(rows) > PAGE else "",
    }
    return frame.page(request, desk, "sales.html", "sales", context, status=error.status if error else 200)


@manager_only
@never_cache
def sale(request: DeskRequest, number: int) -> HttpResponse:
    """Show one sale or void with the rows that it left in the book."""
    desk, now = request.desk, timezone.now()
    outlets = {outlet.pk: outlet for outlet in desk.managed_outlets}
    found = register.find(list(outlets), number)
    if found is None:
        raise Http404
    (entry,) = register.entries([found], now)
    original = register.find(list(outlets), found.reverses_id) if found.reverses_id else None
    of_refund = refunding.history(original) if found.kind == register.REFUND and original else ()
    context = {
        "entry": entry,
        "sale": found,
        "refunds": refunding.history(found) if entry.refunded_fen else (),
        "done": next((one for one in of_refund if one.number == found.pk), None),
        "sold_at": outlets[found.outlet_id],
        "rows": _rows(found),
        # The till's page of it: to print, and to undo within ten minutes.
        "is_at_till": found.kind == register.SALE and desk.outlet is not None and desk.outlet.pk == found.outlet_id,
        "is_late": found.kind == register.SALE and found.booked_at - found.event_at > timedelta(minutes=1),
        "original": original,
    }
    return frame.page(request, desk, "sale.html", "sales", context)


@manager_only
@never_cache
def export(request: DeskRequest, form: str) -> HttpResponse | StreamingHttpResponse:
    """Give the filtered sales as CSV (all of them) or XLSX (as many as a spreadsheet opens)."""
    outlets = {outlet.pk: outlet.name for outlet in request.desk.managed_outlets}
    wanted, _given = _filter(request, list(outlets))
    if _is_too_long(wanted):
        raise PERIOD_TOO_LONG(days=LONGEST_DAYS)
    name = f"sales-{wanted.from_on}-{wanted.to_on}"
    if form == "csv":
        lines = sheets.csv_lines(_table(wanted.rows().iterator(chunk_size=2_000), outlets))
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return answer
    book = sheets.xlsx(_table(wanted.rows()[:MOST_XLSX].iterator(chunk_size=2_000), outlets), _("Sales"))
    whole = HttpResponse(book, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    whole["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return whole


def _table(rows: Iterator[Sale], outlets: dict[int, str]) -> Iterator[list[Any]]:
    """Yield the heads and then the sales, amounts in yuan."""
    yield [
        _("Receipt"), _("Time"), _("Outlet"), _("Kind"), _("Bill (yuan)"), _("Paid (yuan)"), _("Points earned"),
        _("Points spent"), _("Cost (yuan)"), _("Reference"), _("Voids or refunds receipt"),
    ]  # fmt: skip
    for row in rows:
        yield [
            str(row.id),
            row.booked_at.astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0),
            outlets[row.outlet_id],
            _kind(row),
            row.bill_fen / 100,
            row.paid_fen / 100,
            row.points,
            row.spent_points,
            (row.points + row.rest) / 100,
            row.reference,
            str(row.reverses_id or ""),
        ]


def _kind(row: Sale) -> str:
    if row.kind == register.VOID:
        return _("Void")
    if row.kind == register.REFUND:
        return _("Refund")
    return _("Without points") if row.reason == register.FLOAT_EXHAUSTED else _("Sale")


def _rows(sale: Sale) -> list[dict[str, Any]]:
    """Return the journal's postings: which account, in words of a shop, and by how much."""
    names = {
        Account.Kind.FLOAT: _("Your float"),
        Account.Kind.PROCEEDS: _("Your proceeds"),
        Account.Kind.REST: _("Rebate to be split: operator, service centre, buffer"),
        Account.Kind.FEE_REST: _("Spending fee, held back"),
    }
    transfers = register.transfers(sale)
    numbers = {number for row in transfers for number in (row.debit_id, row.credit_id, row.rest_id) if number}
    kinds = dict(Account.objects.filter(pk__in=numbers).values_list("pk", "kind"))
    member = _("The member's points")
    postings = []
    for row in transfers:
        legs = [(row.debit_id, -(row.points + row.rest)), (row.credit_id, row.points), (row.rest_id, row.rest)]
        for number, points in legs:
            if number and points:
                kind = kinds.get(number)
                name = names.get(Account.Kind(kind), _("Another account")) if kind else member
                postings.append(
                    {"title": row.get_kind_display(), "name": name, "fen": points, "is_first": points == legs[0][1]}
                )
    return postings


def _kinds() -> list[tuple[str, str]]:
    return [
        ("", _("All")),
        ("sale", _("Sale")),
        # Translators: 用了积分
        ("spend", _("Took points")),
        ("void", _("Voids")),
        # Translators: 退款
        ("refund", _("Refunds")),
        ("without_points", _("Without points")),
    ]


def _filter(request: HttpRequest, outlet_ids: list[int]) -> tuple[register.Filter, dict[str, str]]:
    """Read the filter from the address; what cannot be read is left out, and the form shows what counts."""
    today = shanghai_day(timezone.now())
    to_on = _day(request.GET.get("to"), today)
    from_on = min(_day(request.GET.get("from"), to_on - timedelta(days=6)), to_on)
    chosen = request.GET.get("outlet", "")
    kept = [number for number in outlet_ids if str(number) == chosen] or outlet_ids
    kind = request.GET.get("kind", "")
    words = request.GET.get("q", "").strip().replace("\x00", "")[:64]
    amount = _fen(words) if "." in words or "¥" in words or "￥" in words else None
    wanted = register.Filter(
        kept, from_on, to_on, kind if kind in register.KINDS else "", "" if amount else words, amount
    )
    given = {
        "from": from_on.isoformat(),
        "to": to_on.isoformat(),
        "kind": wanted.kind,
        "q": words,
        "outlet": chosen if len(kept) == 1 and len(outlet_ids) > 1 else "",
    }
    return wanted, given


def _is_too_long(wanted: register.Filter) -> bool:
    return (wanted.to_on - wanted.from_on).days >= LONGEST_DAYS


def _day(text: str | None, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return otherwise
    return day if 2000 <= day.year <= 2200 else otherwise


def _fen(text: str) -> int | None:
    try:
        return parse_fen(text)
    except ValueError:
        return None


def _presets(today: date, from_on: str, to_on: str) -> list[dict[str, Any]]:
    first = today.replace(day=1)
    last_month = first - timedelta(days=1)
    periods = [
        (_("Today"), today, today),
        (_("Yesterday"), today - timedelta(days=1), today - timedelta(days=1)),
        (_("7 days"), today - timedelta(days=6), today),
        (_("30 days"), today - timedelta(days=29), today),
        (_("This month"), first, today),
        (date_format(last_month, "YEAR_MONTH_FORMAT"), last_month.replace(day=1), last_month),
    ]
    return [
        {
            "label": label,
            "from": begin.isoformat(),
            "to": end.isoformat(),
            "current": (begin.isoformat(), end.isoformat()) == (from_on, to_on),
        }
        for label, begin, end in periods
    ]


def _query(request: HttpRequest) -> str:
    """Return the filter as it stands in the address, for the exports."""
    kept = request.GET.copy()
    kept.pop("before", None)
    return kept.urlencode()


def _cursor(request: HttpRequest) -> tuple[datetime, int] | None:
    given = request.GET.get("before", "")
    if not given:
        return None
    try:
        at, number = _signer.unsign_object(given)
        return datetime.fromisoformat(at), int(number)
    except (signing.BadSignature, ValueError, TypeError):
        raise Http404 from None


def _more(request: HttpRequest, last: Sale) -> str:
    kept = request.GET.copy()
    kept["before"] = _signer.sign_object([last.booked_at.isoformat(), last.id])
    return f"?{kept.urlencode()}"
