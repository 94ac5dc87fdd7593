"""The merchant's statements: listed, each figure opened to its rows, printed, exported, contested."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alliance.actors import Actor
from alliance.amounts import read_fen
from alliance.calc.money import yuan
from alliance.calc.worktime import SHANGHAI
from alliance.refusals import Refused, declare
from merchants import disputes, money
from merchants.access import DeskRequest, money_only, owner_only
from merchants.calc import sheets
from merchants.models import Dispute, Merchant, Outlet
from merchants.web import frame
from points import stated
from points.models import Account, Payout, Sale, Statement
from points.stated import Line, Place

LIST, PAGE, PRINTED = 20, 50, 2_000
# So many take seconds to write; the CSV has them all.
MOST_XLSX = 50_000
STATEMENT_TOO_LONG = declare(
    "statement_too_long", 422, _lazy("This statement has more than %(most)s lines. Take the CSV file: it has them all.")
)
_signer = signing.Signer(salt="merchants.web.statements")
BACK = (Sale.Kind.VOID, Sale.Kind.REFUND)


@money_only
@never_cache
def statement_list(request: DeskRequest) -> HttpResponse:
    """List the statements, newest first; above them the one that is being made."""
    merchant = request.desk.merchant
    before = _day(request.GET.get("before"))
    rows = money.stated_of(merchant, before=before, limit=LIST + 1)
    context = {
        "stated": rows[:LIST],
        "more": f"?before={rows[LIST - 1].statement.clearing_id}" if len(rows) > LIST else "",
        "open": money.open_sheet(merchant) if before is None else None,
        "disputed": Dispute.objects.open().filter(merchant=merchant).count(),
    }
    return frame.page(request, request.desk, "statements.html", "money", context)


@money_only
@never_cache
def statement_page(request: DeskRequest, number: int) -> HttpResponse:
    """Show a statement: figures that add up, their rows, the payout's way, disputes."""
    merchant = request.desk.merchant
    found = _statement(merchant, number)
    return _page(request, money.sheet(merchant, found), found)


@money_only
@never_cache
def open_page(request: DeskRequest) -> HttpResponse:
    """Show what the next statement has so far."""
    return _page(request, money.open_sheet(request.desk.merchant), None)


def _page(request: DeskRequest, sheet: money.Sheet, statement: Statement | None) -> HttpResponse:
    merchant = request.desk.merchant
    outlets = dict(Outlet.objects.filter(merchant=merchant).values_list("pk", "name"))
    show = request.GET.get("show", "")
    documents = {"taken": [Sale.Kind.SALE], "back": list(BACK)}.get(show)
    after = _place(request.GET.get("after", ""))
    rows = stated.lines(sheet.period, list(outlets), after=after, limit=PAGE + 1, documents=documents)
    about = Dispute.objects.filter(statement=statement) if statement else Dispute.objects.none()
    (row,) = money.with_payouts([statement]) if statement else (None,)
    context = {
        "sheet": sheet,
        "statement": statement,
        "row": row,
        "way": money.way_of(row.payout) if row and row.payout else None,
        "others": stated.others(sheet.period) if sheet.other_fen else [],
        "movements": stated.movements(sheet.period),
        "own": _own_rows(statement) if statement else [],
        "lines": rows[:PAGE],
        "more": _more(request, rows[PAGE - 1]) if len(rows) > PAGE else "",
        "show": show if documents else "",
        "names": outlets,
        "disputes": about.select_related("retention", "approval").order_by("pk"),
        "contested": {dispute.journal_id for dispute in about if dispute.state == Dispute.State.OPEN},
        "minimum": settings.CLEARING_MINIMUM_FEN,
    }
    return frame.page(request, request.desk, "statement.html", "money", context)


@money_only
@never_cache
def print_page(request: DeskRequest, number: int) -> HttpResponse:
    """Draw a statement for A4: legal names, figures, fees for the invoice, lines, a place for the seals."""
    merchant = request.desk.merchant
    found = _statement(merchant, number)
    sheet = money.sheet(merchant, found)
    outlets = dict(Outlet.objects.filter(merchant=merchant).values_list("pk", "name"))
    (row,) = money.with_payouts([found])
    context = {
        "sheet": sheet,
        "statement": found,
        "row": row,
        "way": money.way_of(row.payout) if row.payout else None,
        "lines": stated.lines(sheet.period, list(outlets), limit=PRINTED),
        "left_out": max(0, sheet.sums.lines - PRINTED),
        "names": outlets,
        "now": timezone.now(),
    }
    return frame.page(request, request.desk, "statement_print.html", "money", context)


@money_only
@never_cache
def export(request: DeskRequest, number: int, form: str) -> HttpResponse | StreamingHttpResponse:
    """Give a statement with all its lines as CSV or XLSX; the last column runs from the opening to the closing."""
    merchant = request.desk.merchant
    sheet = money.sheet(merchant, _statement(merchant, number))
    name = f"statement-{number}"
    if form == "csv":
        answer = StreamingHttpResponse(
            sheets.csv_lines(_table(merchant, sheet)), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return answer
    if sheet.sums.lines > MOST_XLSX:
        raise STATEMENT_TOO_LONG(most=f"{MOST_XLSX:,}")
    book = sheets.xlsx(_table(merchant, sheet), _("Statement"))
    whole = HttpResponse(book, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    whole["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return whole


def _table(merchant: Merchant, sheet: money.Sheet) -> Iterator[list[Any]]:
    """Yield the heads, the opening balance, every row, the sums and the closing balance; amounts in yuan."""
    outlets = dict(Outlet.objects.filter(merchant=merchant).values_list("pk", "name"))
    made = sheet.statement
    assert made is not None
    yield [
        _("Receipt"), _("Time"), _("Outlet"), _("What"), _("Bill (yuan)"), _("Points taken (yuan)"),
        _("Spending fee (yuan)"), _("Change (yuan)"), _("Reference"),
    ]  # fmt: skip
    yield ["", "", "", _("Opening balance"), "", "", "", sheet.opening_fen / 100, ""]
    for line in stated.every(sheet.period, list(outlets)):
        yield [
            str(line.journal_id), _time(line.booked_at), outlets.get(line.outlet_id or 0, ""), what(line),
            line.bill_fen / 100, line.gross_fen / 100, -line.fee_fen / 100, line.amount_fen / 100, line.reference,
        ]  # fmt: skip
    for line in stated.others(sheet.period) if sheet.other_fen else []:
        yield [str(line.journal_id), _time(line.booked_at), "", what(line), "", "", "", line.amount_fen / 100, ""]
    for row in stated.movements(sheet.period):
        yield [
            str(row.journal_id),
            row.booked_on,
            "",
            str(row.get_kind_display()),
            "",
            "",
            "",
            row.amount_fen / 100,
            "",
        ]
    for own in _own_rows(made):
        yield [str(own["journal"]), _time(made.booked_at), "", own["words"], "", "", "", -own["fen"] / 100, ""]
    sums = sheet.sums
    gross = (sums.taken_fen + sums.back_fen) / 100
    change = (sheet.closing_fen - sheet.opening_fen) / 100
    yield ["", "", "", _("Sum"), "", gross, -sums.fees_fen / 100, change, ""]
    yield ["", "", "", _("Closing balance"), "", "", "", sheet.closing_fen / 100, ""]


def what(line: Line) -> str:
    """Return in a word what a line is."""
    words = {
        Sale.Kind.SALE: _("Points taken"),
        Sale.Kind.VOID: _("Void"),
        # Translators: 退货
        Sale.Kind.REFUND: _("Refund"),
    }
    if line.document in words:
        return words[Sale.Kind(line.document)]
    # Translators: 补付此前的退货
    return _("Paid for earlier refunds")


def _own_rows(statement: Statement) -> list[dict[str, Any]]:
    """Return what the run took, in words."""
    rows = stated.own_rows(statement)
    kinds = dict(Account.objects.filter(pk__in=[row.credit_id for row in rows]).values_list("pk", "kind"))
    words = {
        Account.Kind.RETAINED: _("Set apart for disputes"),
        Account.Kind.IN_PAYOUT: _("Paid out"),
        Account.Kind.FLOAT: _("Into your float: bills, standing top-up"),
    }
    return [
        {
            "words": words.get(Account.Kind(kinds[row.credit_id]), _("Advances repaid")),
            "fen": row.points + row.rest,
            "journal": row.journal_id,
            "kind": kinds[row.credit_id],
        }
        for row in rows
    ]


# --- disputes -----------------------------------------------------------------------------------------


@money_only
@never_cache
def dispute_list(request: DeskRequest) -> HttpResponse:
    """List the disputes: what is contested, what lies apart, who decides."""
    rows = Dispute.objects.filter(merchant=request.desk.merchant)
    found = rows.select_related("retention", "approval", "statement").order_by("-opened_at", "-pk")[:100]
    return frame.page(request, request.desk, "disputes.html", "money", {"disputes": found})


@owner_only
@never_cache
def dispute(request: DeskRequest, number: int) -> HttpResponse:
    """Ask what is contested and why; what happens to the money is said before."""
    merchant = request.desk.merchant
    statement = _statement(merchant, number)
    journal = _number(request.GET.get("line") or request.POST.get("line") or "")
    most = disputes.contestable(merchant, statement, journal)
    given = {
        "amount": request.POST.get("amount", yuan(most) if journal else "").strip()[:40],
        "reason": request.POST.get("reason", "").strip()[:200],
    }
    refusal: Refused | None = None
    if request.method == "POST":
        try:
            made = disputes.open(
                merchant=merchant,
                statement=statement,
                amount_fen=read_fen(given["amount"]),
                reason=given["reason"],
                actor=Actor.user(request.desk.user),
                at=timezone.now(),
                journal_id=journal,
            )
        except Refused as refused:
            refusal = refused
        else:
            _tell(request, made)
            return redirect("shop_disputes")
    payout = Payout.objects.filter(statement=statement).first()
    context = {
        "statement": statement,
        "payout": payout,
        "is_late": payout is not None and payout.state in (Payout.State.SENT, Payout.State.PAID),
        "journal": journal,
        "most": most,
        "given": given,
        "error": refusal.text() if refusal else "",
        "is_reason": refusal is not None and refusal.code == "dispute_invalid" and not given["reason"],
    }
    status = refusal.status if refusal else 200
    return frame.page(request, request.desk, "dispute.html", "money", context, status=status)


def _tell(request: DeskRequest, made: Dispute) -> None:
    held, waits = made.retention.held_fen, made.waits_fen
    if not waits:
        messages.success(request, _("¥%(held)s is set apart until the dispute is decided.") % {"held": yuan(held)})
        return
    words = _("¥%(held)s is set apart now. ¥%(waits)s was paid already: it goes into the next run, out of what comes.")
    messages.warning(request, words % {"held": yuan(held), "waits": yuan(waits)})


@owner_only
@require_POST
def withdraw(request: DeskRequest, number: int) -> HttpResponse:
    """Take a dispute back."""
    found = Dispute.objects.filter(merchant=request.desk.merchant, pk=number).first()
    if found is None:
        raise Http404
    disputes.withdraw(dispute=found, actor=Actor.user(request.desk.user), at=timezone.now())
    messages.success(request, _("Withdrawn. What lay apart comes with your next payout."))
    return redirect("shop_disputes")


# --- reading what was given ---------------------------------------------------------------------------


def _statement(merchant: Merchant, number: int) -> Statement:
    rows = Statement.objects.select_related("clearing").of_accounts([merchant.book.proceeds_id])
    found = rows.filter(pk=number).first()
    if found is None:
        raise Http404
    return found


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Http404 from None


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404
    return int(text)


def _place(text: str) -> Place | None:
    if not text:
        return None
    try:
        at, journal, number = _signer.unsign_object(text)
        return datetime.fromisoformat(at), int(journal), int(number)
    except (signing.BadSignature, ValueError, TypeError):
        raise Http404 from None


def _more(request: DeskRequest, last: Line) -> str:
    kept = request.GET.copy()
    kept["after"] = _signer.sign_object([last.booked_at.isoformat(), last.journal_id, last.id])
    return f"?{kept.urlencode()}"


def _time(at: datetime) -> datetime:
    return at.astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0)
