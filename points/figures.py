"""The book's figures: how much stands behind the points, and whether it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from alliance import metrics, panels
from alliance.calc.money import yuan
from alliance.calc.worktime import shanghai_day
from alliance.metrics import Scope, Value
from points import circulation, expiring, proving, totals, verify
from points.models import Account, BankLine, Proof

# One page asks for several figures of the same moment: the sums are read once for it.
_last: ContextVar[tuple[datetime, totals.Totals] | None] = ContextVar("totals", default=None)


def _totals(at: datetime) -> totals.Totals:
    kept = _last.get()
    if kept is None or kept[0] is not at:
        kept = (at, totals.now())
        _last.set(kept)
    return kept[1]


@metrics.metric(
    "float_total",
    # Translators: 备付金总额
    name=_("Floats in all"),
    definition=_("Money that merchants have paid in and that no sale has turned into points yet."),
    formula="sum(balance of accounts of kind float)",
    numerator="balances of all floats",
    window="now",
    unit="fen",
    url="admin:points_account_changelist",
    query="kind__exact=3",
    is_alliance_wide=True,
)
def float_total(at: datetime, scope: Scope) -> Value:
    return Value(_totals(at).floats)


@metrics.metric(
    "points_outstanding",
    # Translators: 会员手中的积分
    name=_("Points held by members"),
    definition=_("All points in wallets, those that mature later included. One point is worth one fen."),
    formula="sum(balance of wallets)",
    numerator="balances of all wallets",
    window="now",
    unit="points",
    url="admin:points_wallet_changelist",
    is_alliance_wide=True,
)
def points_outstanding(at: datetime, scope: Scope) -> Value:
    return Value(_totals(at).wallets)


@metrics.metric(
    "coverage",
    # Translators: 兑付保障率
    name=_("Coverage"),
    definition=_(
        "Money in custody divided by everything that is owed to others: points, floats, proceeds, rests, service "
        "centres, budgets, suspense. Below 100% it would not be honest. What is above belongs to the operator."
    ),
    formula="custody / (points in wallets + all accounts but fee, buffer and breakage)",
    numerator="money in custody",
    denominator="points in wallets + all accounts of others",
    window="now",
    unit="ratio",
    url="admin:points_account_changelist",
    is_alliance_wide=True,
)
def coverage(at: datetime, scope: Scope) -> Value:
    found = _totals(at)
    # Custody stands for everybody; what is not the operator's own is owed.
    owed = found.custody - sum(found.by_kind[kind] for kind in proving.OWN)
    return Value(found.custody / owed if owed else None, numerator=found.custody, denominator=owed)


@metrics.metric(
    "proof_age",
    # Translators: 储备证明的天数
    name=_("Age of the proof"),
    definition=_("Days since the last proof of reserves was published. More than one: last night's is missing."),
    formula="today - day of the newest proof",
    numerator="days",
    window="now",
    unit="days",
    url="admin:points_proof_changelist",
    is_alliance_wide=True,
)
def proof_age(at: datetime, scope: Scope) -> Value:
    newest = Proof.objects.order_by("-taken_on").values_list("taken_on", flat=True).first()
    return Value((shanghai_day(at) - newest).days if newest else None)


LAPSING_MONTHS = 3


@metrics.metric(
    "points_lapsing",
    # Translators: 三个月内到期的积分
    name=_("Points that lapse within three months"),
    definition=_(
        "Points whose last day lies in this month or the two after it, if nobody spends them, as of last night. The "
        "wallets' list leads to the forecast of 24 months."
    ),
    formula="sum(remaining of open lots with lapses_on in this month or the two after it)",
    numerator="points left in lots, by month of their last day",
    window="3 months ahead",
    unit="points",
    url="admin:points_wallet_changelist",
    is_alliance_wide=True,
)
def points_lapsing(at: datetime, scope: Scope) -> Value:
    found = expiring.newest()
    if found is None:
        return Value(None)
    return Value(found.within(LAPSING_MONTHS), numerator=found.within(LAPSING_MONTHS), series=found.months)


@metrics.metric(
    "spent_elsewhere",
    # Translators: 异店使用率
    name=_("Spent elsewhere than earned"),
    definition=_("Of the points that shops gave and members spent, the part that was spent at another shop."),
    formula="points spent at another merchant / points spent that a merchant gave",
    numerator="points spent at a merchant that did not give them",
    denominator="points spent that a merchant gave",
    window="90 days",
    unit="ratio",
    is_alliance_wide=True,
)
def spent_elsewhere(at: datetime, scope: Scope) -> Value:
    found = circulation.elsewhere(shanghai_day(at))
    return Value(found.value, numerator=found.part, denominator=found.whole)


@metrics.metric(
    "points_velocity",
    # Translators: 积分流通速度（次/年）
    name=_("Velocity of points"),
    definition=_("How often a year the points in wallets are spent, at the pace of the last 90 days."),
    formula="points spent in 90 days * 365 / sum of the 90 daily balances",
    numerator="points spent * 365",
    denominator="sum of the daily balances",
    window="90 days",
    unit="times",
    is_alliance_wide=True,
)
def points_velocity(at: datetime, scope: Scope) -> Value:
    found = circulation.velocity(shanghai_day(at))
    return Value(found.value, numerator=found.part, denominator=found.whole)


@panels.panel(
    "reserve_alarms",
    # Translators: 储备警报
    title=_("Alarms of the reserve"),
    permission="book.view",
    position=5,
    more="admin:points_proof_changelist",
    needs_top=True,
)
def reserve_alarms(at: datetime, scope: Scope) -> Sequence[panels.Row]:
    """Coverage below 100 %, a bank that is silent, a buffer that falls, a proof that is missing."""
    found, today, rows = _totals(at), shanghai_day(at), []
    owed = found.custody - sum(found.by_kind[kind] for kind in proving.OWN)
    if found.custody < owed:
        # Translators: 兑付保障率低于 100%
        rows.append(_alarm(_("Coverage is below 100%"), f"−¥{yuan(owed - found.custody)}"))
    buffer = found.by_kind[Account.Kind.BUFFER]
    proofs = list(Proof.objects.order_by("-taken_on")[:30])
    before = next((proof for proof in proofs if proof.taken_on <= today - timedelta(days=7)), None)
    if before is not None and buffer * 5 < before.published["own_fen"].get("buffer", 0) * 4:
        # Translators: 缓冲金一周内下降超过两成
        rows.append(_alarm(_("The buffer fell by more than a fifth in a week"), f"¥{yuan(buffer)}", "warn"))
    line = BankLine.objects.order_by("-value_on").values_list("value_on", flat=True).first()
    if line is not None and (today - line).days > settings.BANK_LINE_DAYS:
        # Translators: 最近一笔银行流水太旧
        rows.append(_alarm(_("The newest line of the bank is old"), line.isoformat(), "warn"))
    if proofs and (today - proofs[0].taken_on).days > 1:
        # Translators: 储备证明缺失
        rows.append(_alarm(_("Last night’s proof is missing"), proofs[0].taken_on.isoformat(), "warn"))
    return [*laws(at), *rows]


def laws(at: datetime) -> list[panels.Row]:
    """What the nightly verify found, or that there was none for two nights."""
    newest = verify.newest()
    if newest is None:
        return []
    url = reverse("admin:alliance_job_change", args=(newest.pk,))
    if broken := newest.result.get("broken"):
        n = len(broken)
        # Translators: 夜间核对：%(n)s条账规不成立
        words = ngettext("%(n)s law of the book does not hold", "%(n)s laws of the book do not hold", n)
        return [panels.Row(text=words % {"n": n}, url=url, right=newest.started_at.date().isoformat(), sign="bad")]
    if at - newest.started_at > timedelta(days=2):
        # Translators: 账本已有两夜未核对
        text = _("The book has not been verified for two nights")
        return [panels.Row(text=text, url=url, right=newest.started_at.date().isoformat(), sign="warn")]
    return []


def _alarm(text: Any, right: str, sign: str = "bad") -> panels.Row:
    return panels.Row(text=text, url=reverse("admin:points_proof_changelist"), right=right, sign=sign)


@panels.panel(
    "bank_lines_waiting",
    # Translators: 待认领的银行流水
    title=_("Bank lines that belong to nobody yet"),
    permission="book.view",
    position=20,
    more="admin:points_bankline_changelist",
    needs_top=True,
)
def bank_lines_waiting(at: datetime, scope: Scope) -> Sequence[panels.Row]:
    lines = BankLine.objects.waiting().order_by("received_at", "pk")[:6]
    return [
        panels.Row(
            text=f"{line.payer or line.bank} · {line.memo or line.serial}",
            url=reverse("admin:points_bankline_change", args=(line.pk,)),
            right=f"¥{yuan(line.amount_fen)}",
        )
        for line in lines
    ]
