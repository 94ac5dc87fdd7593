"""The finance desk: what needs somebody's hand today, exceptions first, and the four things that are done from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from alliance import access, approvals, jobs
from alliance.admin import pages
from alliance.admin.scoped import actor_of
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Job, User
from alliance.panels import Row
from alliance.refusals import Refused
from alliance.templatetags.lianhui import local_time, thousands, yuan
from merchants import banking, desk, payouts
from merchants.clearing import JOB
from merchants.models import Dispute, PayoutAccount, PayoutRun
from points import accounts
from points.models import BankLine, BankStatement, MerchantBill, Payout

SHOWN = desk.SHOWN
REFRESH_SECONDS = 3
# What finance decides; other questions stand in the list of all approvals.
KINDS = (
    "merchants.payouts", "merchants.payout_account", "merchants.payout_account_check", "merchants.topup",
    "merchants.dispute", "merchants.return", "merchants.fee", "merchants.leaving",
    "merchants.reassign", "points.credit_line", "points.adjustment",
)  # fmt: skip
WHY = {
    # Translators: 没有收款账户
    "none": _("no account on file"),
    # Translators: 账户变更冷静期
    "cooling": _("account cooling down"),
    # Translators: 银行退回过
    "back": _("sent back by the bank"),
}


@dataclass
class Card:
    """A work list: how much there is, the first rows, where all of it stands, what can be done."""

    code: str
    title: Any
    rows: Sequence[Row] = ()
    # Of how many rows these are the first; is_work: it waits for a hand of this desk.
    total: int = 0
    is_work: bool = True
    says: Any = ""
    more: str = ""
    links: list[tuple[str, Any]] = field(default_factory=list)
    # A form's address and the words of its button.
    post: tuple[str, Any] | None = None
    job: Job | None = None

    @property
    def sign(self) -> str:
        if not self.is_work or not (self.total or self.rows):
            return "good"
        return self.rows[0].sign if self.rows else "warn"


def _may(request: HttpRequest, permission: str) -> bool:
    assert isinstance(request.user, User)
    return access.is_alliance_wide(request.user, permission)


def _list(label: str, query: str = "") -> str:
    address = reverse(f"admin:{label}_changelist")
    return f"{address}?{query}" if query else address


def _page(label: str, pk: Any) -> str:
    return reverse(f"admin:{label}_change", args=(pk,))


@pages.page("finance_desk", route="finance/", title=_("Finance desk"), icon="payments", permission="book.view")
def finance_desk(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    cards = [
        _approvals(request),
        _clearing(request, at),
        _payouts(request, at),
        _returned(at),
        _unpaid(at),
        _unknown_debits(at),
        _suspense(request),
        _disputes(),
        _bills(at),
        _statements(request, at),
        _fee(request),
    ]
    # Exceptions first; what is in order keeps its place below.
    cards.sort(key=lambda card: {"bad": 0, "warn": 1}.get(card.sign, 2))
    answer = pages.draw(
        request,
        "admin/finance/desk.html",
        {
            "title": _("Finance desk"),
            "cards": cards,
            "waiting": [card for card in cards if card.sign != "good"],
            "at": at,
        },
    )
    if any(card.job and card.job.state == Job.State.RUNNING for card in cards):
        # The browser looks again by itself, without a script.
        answer["Refresh"] = str(REFRESH_SECONDS)
    return answer


def _approvals(request: HttpRequest) -> Card:
    rows = Approval.objects.waiting().filter(kind__in=KINDS).select_related("asked_by").order_by("asked_at", "pk")
    found = list(rows[: 4 * SHOWN])
    known = approvals.kinds()
    drawn = []
    for one in found[:SHOWN]:
        is_own = one.asked_by_id == request.user.pk
        drawn.append(
            Row(
                text=f"{known[one.kind].title} · {known[one.kind].describe(one)}",
                url=_page("alliance_approval", one.pk),
                # Translators: 您本人申请，须由他人复核
                right=_("yours: somebody else decides") if is_own else _("decide"),
                sign="" if is_own else "warn",
            )
        )
    return Card(
        "approvals", _("Waiting for a second person"), sorted(drawn, key=lambda row: row.sign == ""), len(found),
        more=_list("alliance_approval", "state__exact=waiting"),
    )  # fmt: skip


def _clearing(request: HttpRequest, at: datetime) -> Card:
    day = desk.clearing_day(at)
    card = Card("clearing", _("Clearing"), more=_list("points_clearing"), is_work=not day.is_done)
    job = day.job
    if day.newest is not None:
        state = local_time(day.newest.finished_at) if day.newest.finished_at else _("not finished")
        text = _("Newest run: %(day)s") % {"day": f"{day.newest.cleared_on:%Y-%m-%d}"}
        sign = "good" if day.newest.finished_at and not day.is_ahead else "bad"
        card.rows = [Row(text=text, url=_page("points_clearing", day.newest.pk), right=state, sign=sign)]
    if job is not None and (day.is_running or job.state == Job.State.FAILED):
        card.job = job
    if day.is_ahead:
        # A clock that jumped: what is due now is refused until that day has come.
        card.is_work, card.total = True, 1
        # Translators: 已清分到 %(day)s，晚于应清分日：请检查服务器时钟
        card.says = _("%(day)s, which lies ahead, is cleared already: check the clocks of the servers.") % {
            "day": f"{day.newest.cleared_on:%Y-%m-%d}" if day.newest else ""
        }
        return card
    if job is not None and job.state == Job.State.FAILED and job.result.get("code") == "clock_ahead":
        # Translators: 待清分日比账上最新一天晚太多：请检查服务器时钟
        card.says = _("The day that is due lies far ahead of everything in the book: check the clocks of the servers.")
        card.is_work, card.total = True, 1
        return card
    if day.is_done:
        return card
    card.total = 1
    # Translators: %(day)s 应清分而未完成
    card.says = _("%(day)s is due and not cleared yet.") % {"day": f"{day.due:%Y-%m-%d}"}
    if not day.is_running and _may(request, "payout.ask"):
        # Translators: 清分 %(day)s
        card.post = (reverse("admin:finance_clear"), _("Clear %(day)s now") % {"day": f"{day.due:%Y-%m-%d}"})
    return card


def _payouts(request: HttpRequest, at: datetime) -> Card:
    waiting = desk.payouts_waiting()
    runs = list(PayoutRun.objects.exclude(state__in=["refused", "empty"]).defer("content").order_by("-pk")[:5])
    numbers = [run.pk for run in runs]
    handed = payouts.handed_over(numbers)
    # The bank has answered for the others: nobody needs to say that they were handed over.
    sent = Payout.objects.filter(run_no__in=numbers, state=Payout.State.SENT)
    unanswered = set(sent.values_list("run_no", flat=True).distinct())
    rows = []
    for run in runs:
        is_open = run.pk not in handed and (run.state != "filed" or run.pk in unanswered)
        right = {
            "proposed": _("waits for the second person"),
            # Translators: 待生成文件
            "approved": _("write the file"),
            # Translators: 待交银行 / 已交银行
            "filed": _("hand it to the bank") if is_open else _("handed to the bank"),
        }[run.state]
        words = ngettext("%(n)s payout", "%(n)s payouts", run.payouts) % {"n": thousands(run.payouts)}
        url = _page("merchants_payoutrun", run.pk)
        sign = "warn" if is_open and run.state != "proposed" else "" if is_open else "good"
        rows.append(Row(text=f"{run} · {words} · {yuan(run.amount_fen)}", url=url, right=right, sign=sign))
    rows.sort(key=lambda row: row.sign != "warn")
    card = Card("payouts", _("Payouts"), rows, waiting.payouts, more=_list("merchants_payoutrun"))
    card.is_work = bool(waiting.payouts) or any(row.sign == "warn" for row in rows)
    if waiting.payouts:
        # Translators: %(n)s 笔付款待审批，合计 %(amount)s
        card.says = ngettext(
            "%(n)s payout waits, %(amount)s.", "%(n)s payouts wait, %(amount)s together.", waiting.payouts
        ) % {"n": thousands(waiting.payouts), "amount": yuan(waiting.amount_fen)}
        if not any(run.state == "proposed" for run in runs):
            # Translators: 核对并提出付款批次
            card.links = [(reverse("admin:finance_payouts"), _("Look through and propose a run"))]
        if not rows or rows[0].sign != "warn":
            card.rows = [Row(text=card.says, url=reverse("admin:finance_payouts"), sign="warn"), *rows]
    return card


def _returned(at: datetime) -> Card:
    rows = PayoutAccount.objects.current().filter(Q(returned_at__isnull=False) | Q(valid_from__gt=at))
    found = list(
        rows.select_related("merchant", "unit").defer("number_sealed").order_by("-returned_at", "-asked_at")[:100]
    )
    back = [row for row in found if row.returned_at]
    cooling = [row for row in found if not row.returned_at]
    drawn = [
        Row(
            text=f"{row.merchant or row.unit} · {row}",
            url=_page("merchants_payoutaccount", row.pk),
            # Translators: 退回于 %(at)s / %(at)s 起可付
            right=(
                _("came back %(at)s") % {"at": local_time(row.returned_at)}
                if row.returned_at
                else _("paid from %(at)s") % {"at": local_time(row.valid_from)}
            ),
            sign="bad" if row.returned_at else "",
        )
        for row in [*back, *cooling][:SHOWN]
    ]
    return Card(
        "returned", _("Payouts that came back, accounts cooling down"), drawn, len(back), is_work=bool(back),
        more=_list("merchants_payoutaccount", "returned_at__isempty=0"),
    )  # fmt: skip


def _unpaid(at: datetime) -> Card:
    found = desk.unpaid(at)
    rows = [
        Row(text=f"{row.name} · {WHY[row.why]}", url=_page("merchants_merchant", row.merchant_id), right=yuan(row.fen))
        for row in found.rows
    ]
    card = Card("unpaid", _("Money to come that cannot be paid out"), rows, found.merchants)
    if found.merchants:
        # Translators: %(n)s 家商户共 %(amount)s 没有可用的收款账户
        card.says = ngettext(
            "%(n)s merchant with %(amount)s has no account that can be paid to.",
            "%(n)s merchants with %(amount)s have no account that can be paid to.",
            found.merchants,
        ) % {"n": thousands(found.merchants), "amount": yuan(found.fen)}
    card.more = _list("merchants_payoutaccount")
    return card


def _unknown_debits(at: datetime) -> Card:
    found = desk.unknown_debits(at)
    rows = [
        Row(
            text=f"{line.value_on:%m-%d} · {line.payer or line.bank} · {line.memo or line.serial}",
            url=_page("points_bankline", line.pk),
            right=yuan(line.amount_fen),
            sign="bad",
        )
        for line in found[:SHOWN]
    ]
    # Translators: 请立即向银行查询；由运营费承担
    says = _("Nobody here asked for them; the operating fee bears them. Ask the bank at once.") if rows else ""
    more = _list("points_bankline", "what=unknown")
    return Card("debits", _("Debits that nobody knows, 30 days"), rows, len(found), says=says, more=more)


def _suspense(request: HttpRequest) -> Card:
    found = banking.desk(limit=SHOWN)
    n = BankLine.objects.waiting()[:1_000].count()
    names = {
        # Translators: 附言编号 / 户名 / 已预告金额
        "reference": _("by the reference"),
        "name": _("by the payer's name"),
        "announced": _("by the announced amount"),
    }
    rows = []
    for one in found:
        guess = f" → {one.merchant} ({names[one.why]})" if one.merchant else ""
        rows.append(
            Row(
                text=f"{one.line.payer or one.line.bank} · {one.line.memo or one.line.serial}{guess}",
                url=reverse("admin:points_bankline_act", args=(one.line.pk, "match"))
                if not one.is_asked
                else _page("points_bankline", one.line.pk),
                right=yuan(one.line.amount_fen),
                sign="" if one.is_asked else "warn",
            )
        )
    rows.sort(key=lambda row: row.sign == "")
    card = Card(
        "suspense", _("Money that belongs to nobody yet"), rows, n, is_work=any(row.sign for row in rows),
        more=_list("points_bankline", "allotted_to__isempty=1"),
    )  # fmt: skip
    if any(one.why == "reference" and not one.is_asked for one in found) and _may(request, "topup.ask"):
        # Translators: 把附言含编号的全部提交复核
        card.post = (reverse("admin:finance_match"), _("Ask a second person for all with a reference"))
    return card


def _disputes() -> Card:
    found = list(Dispute.objects.open().select_related("merchant", "approval").order_by("opened_at", "pk")[:100])
    rows = [
        Row(
            text=f"{row.merchant} · {row.reason}",
            url=_page("merchants_dispute", row.pk),
            right=yuan(row.amount_fen),
            sign="" if row.approval and row.approval.state == "waiting" else "warn",
        )
        for row in found
    ]
    rows.sort(key=lambda row: row.sign == "")
    return Card(
        "disputes", _("Disputes to decide"), rows[:SHOWN], len(found), is_work=any(row.sign for row in rows),
        more=_list("merchants_dispute", "state__exact=open"),
    )  # fmt: skip


def _bills(at: datetime) -> Card:
    today = shanghai_day(at)
    found = list(MerchantBill.objects.unpaid().order_by("due_on", "pk")[:100])
    from merchants.admin.owners import owners_of

    owners = owners_of({bill.float_id for bill in found[:SHOWN]}, "float_id")
    rows = []
    for bill in found[:SHOWN]:
        days = (bill.due_on - today).days
        # Translators: 逾期 %(n)s 天 / 还有 %(n)s 天
        late = ngettext("%(n)s day late", "%(n)s days late", -days) % {"n": -days}
        left = ngettext("%(n)s day left", "%(n)s days left", days) % {"n": days}
        rows.append(
            Row(
                text=f"{owners.get(bill.float_id, bill)} · {late if days < 0 else left}",
                url=_page("points_merchantbill", bill.pk),
                right=yuan(bill.open_fen),
                sign="bad" if days < 0 else "warn" if days < 3 else "",
            )
        )
    return Card(
        "bills", _("Unpaid bills"), rows, len(found), is_work=bool(rows) and rows[0].sign != "",
        more=_list("points_merchantbill", "late=open"),
    )  # fmt: skip


def _statements(request: HttpRequest, at: datetime) -> Card:
    newest = BankStatement.objects.order_by("-to_on", "-pk").first()
    today = shanghai_day(at)
    age = (today - newest.to_on).days if newest else None
    is_old = age is None or age > 1
    rows = []
    if newest is not None:
        text = f"{newest.bank} · {newest.to_on:%Y-%m-%d}"
        sign = "warn" if is_old else "good"
        words = ngettext("%(n)s line", "%(n)s lines", newest.lines) % {"n": thousands(newest.lines)}
        rows = [Row(text=text, url=_page("points_bankstatement", newest.pk), right=words, sign=sign)]
    card = Card("statements", _("Bank statements"), rows, 1, is_work=is_old, more=_list("points_bankstatement"))
    # Translators: 还没有导入过 / 最近一份已过 %(n)s 天
    card.says = (
        ""
        if not is_old
        else _("None was imported yet.")
        if age is None
        else _("The newest is %(n)s days old.") % {"n": age}
    )
    if _may(request, "bank.receive"):
        card.links = [(reverse("admin:finance_import"), _("Import a statement"))]
    return card


def _fee(request: HttpRequest) -> Card:
    fen = accounts.balance(accounts.house("fee"))
    rows = [
        Row(
            text=_("Released operating fee"),
            url=_page("points_account", accounts.house("fee")),
            right=yuan(fen),
            sign="good",
        )
    ]
    card = Card("fee", _("Operating fee"), rows, is_work=False)
    if fen > 0 and _may(request, "payout.ask"):
        card.links = [(reverse("admin:finance_fee"), _("Withdraw a part of it"))]
    return card


# --- what is done from here ---------------------------------------------------------------------------


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:finance_desk"))


def _do(request: HttpRequest, verb: Any) -> HttpResponse:
    """Call a verb and go back to the desk, with its words or with why not."""
    if request.method == "POST":
        try:
            messages.success(request, verb())
        except Refused as refused:
            messages.error(request, refused.text())
    return _back(request)


@pages.page("finance_clear", route="finance/clear/", title=_("Clearing"), permission="payout.ask")
def clear(request: HttpRequest) -> HttpResponse:
    def begin() -> str:
        at = timezone.now()
        day = desk.clearing_day(at)
        if day.is_done:
            return _t("This day is cleared already.")
        on = day.due.isoformat()
        jobs.ask(JOB, params={"on": on}, subject=f"points.clearing:{on}", actor=actor_of(request), at=at)
        return _t("It runs. Its progress stands here.")

    return _do(request, begin)


@pages.page("finance_match", route="finance/match/", title=_("Bank lines"), permission="topup.ask")
def match(request: HttpRequest) -> HttpResponse:
    def propose() -> str:
        assert isinstance(request.user, User)
        n = len(banking.propose(user=request.user, at=timezone.now()))
        # Translators: 已提交 %(n)s 笔，待他人复核
        return ngettext(
            "%(n)s line was handed to a second person.", "%(n)s lines were handed to a second person.", n
        ) % {"n": n}

    return _do(request, propose)
