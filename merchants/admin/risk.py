"""The risk view: is there enough behind the points, who owes what, who runs dry. Each figure opens its list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from alliance.admin import pages
from alliance.calc.worktime import shanghai_day
from alliance.models import Job
from alliance.panels import Row
from alliance.templatetags.lianhui import thousands, yuan
from merchants import desk, risks
from points import figures, proving, totals
from points.models import Account, BankLine, Claim, Proof


@dataclass(frozen=True)
class Figure:
    """A tile: what it is, how much, a word below, where its list is, whether it is trouble."""

    name: Any
    definition: Any
    shown: str
    foot: Any = ""
    url: str = ""
    is_bad: bool = False


@dataclass
class Group:
    """A list of merchants or amounts that stand out; definition: what gets somebody on it."""

    title: Any
    definition: Any
    rows: Sequence[Row]
    more: str = ""
    total: int = 0

    @property
    def sign(self) -> str:
        return self.rows[0].sign if self.rows else "good"


@dataclass
class Ages:
    name: Any
    url: str
    aged: risks.Aged | None
    cells: list[int] = field(default_factory=list)


def _list(label: str, query: str = "") -> str:
    address = reverse(f"admin:{label}_changelist")
    return f"{address}?{query}" if query else address


@pages.page("risk_view", route="risk/", title=_("Risk view"), icon="monitoring", permission="book.view")
def risk_view(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    book = totals.now()
    aged = risks.aged(at)
    groups = [_low_floats(at), _full_lines(), _shortfalls(at), _exposures(), _losses()]
    context = {
        "title": _("Risk view"),
        "alarms": _alarms(at, book),
        "figures": [*_reserve(book), *_own(book), _advances(aged)],
        "ages": _ages(aged),
        # Exceptions first.
        "groups": sorted(groups, key=lambda group: {"bad": 0, "warn": 1}.get(group.sign, 2)),
        "at": at,
    }
    return pages.draw(request, "admin/finance/risk.html", context)


def _coverage(book: totals.Totals) -> tuple[int, int]:
    """Return custody, and what of it is others'."""
    return book.custody, book.custody - sum(book.by_kind[kind] for kind in proving.OWN)


def _reserve(book: totals.Totals) -> list[Figure]:
    custody, owed = _coverage(book)
    share = f"{custody * 100 / owed:.2f}%" if owed else "–"
    return [
        Figure(
            _("Coverage"), _("Money in custody divided by all that is owed to others. Below 100% would be an alarm."),
            share, f"{yuan(custody)} / {yuan(owed)}", _list("points_proof"), bool(owed) and custody < owed,
        ),
        Figure(
            _("Points held by members"), _("All points in wallets; one point is worth one fen."),
            thousands(book.wallets), yuan(book.wallets), _list("points_wallet"),
        ),
        Figure(
            _("Floats in all"), _("Money that merchants paid in and that no sale has turned into points yet."),
            yuan(book.floats), "", _list("points_account", "kind__exact=3"),
        ),
    ]  # fmt: skip


def _own(book: totals.Totals) -> list[Figure]:
    buffer = book.by_kind[Account.Kind.BUFFER]
    floor = settings.BUFFER_FLOOR_FEN
    words = {
        Account.Kind.FEE: _("The operator's released part; it may be withdrawn by two people."),
        Account.Kind.BUFFER: _("Stands behind advances and what nobody else pays. It is not shared below its floor."),
        Account.Kind.BREAKAGE: _("Points that lapsed. Shared only by a closing that two people approve."),
        Account.Kind.SURPLUS: _("What a closing set aside for members."),
    }
    drawn = []
    for kind in proving.OWN:
        is_buffer = kind == Account.Kind.BUFFER
        # Translators: 下限 %(floor)s
        foot = _t("floor %(floor)s") % {"floor": yuan(floor)} if is_buffer else ""
        url = _list("points_account", f"kind__exact={int(kind)}")
        drawn.append(Figure(kind.label, words[kind], yuan(book.by_kind[kind]), foot, url, is_buffer and buffer < floor))
    return drawn


def _advances(aged: dict[int, risks.Aged]) -> Figure:
    found = aged.get(Claim.Why.ADVANCE)
    n = found.n if found else 0
    return Figure(
        _("Advances of the buffer"),
        _("What the buffer laid out for merchants whose refunds they could not pay; taken from their next takings."),
        yuan(found.fen if found else 0),
        # Translators: %(n)s 笔未还
        ngettext("%(n)s still open", "%(n)s still open", n) % {"n": thousands(n)},
        _list("points_claim", f"open=yes&why__exact={int(Claim.Why.ADVANCE)}"),
    )


def _ages(aged: dict[int, risks.Aged]) -> list[Ages]:
    lines = [(risks.DUES, _("Due after late refunds"), _list("points_due", "open=yes"))]
    lines += [(int(why), why.label, _list("points_claim", f"open=yes&why__exact={int(why)}")) for why in Claim.Why]
    # Translators: 待商户有款后退还会员的积分
    lines.append((risks.RETURNS, _("Points that come back when the merchant has money"), ""))
    drawn = []
    for key, name, url in lines:
        found = aged.get(key)
        drawn.append(Ages(name, url, found, list(found.by_age) if found else [0, 0, 0, 0]))
    return drawn


def _merchant(number: int) -> str:
    return reverse("admin:merchants_merchant_change", args=(number,))


def _low_floats(at: datetime) -> Group:
    found = risks.low_floats(at)
    rows = [
        Row(
            text=shop.name,
            url=_merchant(shop.merchant_id),
            right=_t("¥%(left)s · %(days)s days")
            % {"left": yuan(shop.fen).removeprefix("¥"), "days": f"{shop.share / 10:.1f}"},
            sign="bad" if shop.share < 10 else "warn",
        )
        for shop in found
    ]
    return Group(
        _("Floats that last less than 3 days"),
        _("Float divided by what was issued a day in the last four weeks."),
        rows, _list("merchants_merchant", "state__exact=live"), found[0].n if found else 0,
    )  # fmt: skip


def _full_lines() -> Group:
    found = risks.full_lines()
    rows = [
        Row(
            text=shop.name,
            url=_merchant(shop.merchant_id),
            right=f"{yuan(shop.fen)} · {shop.share / 10:.0f}%",
            sign="bad" if shop.share >= 1000 else "warn",
        )
        for shop in found
    ]
    return Group(
        _("Credit lines used above 80%"),
        _("Owed for promised points, of the limit that two people gave."),
        rows, _list("points_creditline", "used=high"), found[0].n if found else 0,
    )  # fmt: skip


def _shortfalls(at: datetime) -> Group:
    found = risks.shortfalls(at)
    kept = risks.kept_fees(found, at)
    rows = [
        Row(
            text=shop.name,
            url=_merchant(shop.merchant_id),
            right=f"{yuan(shop.fen)} · {shop.share / 10:.1f}% · {_kept(kept.get(shop.merchant_id))}",
            sign="bad" if shop.share > 50 else "warn",
        )
        for shop in found
    ]
    return Group(
        _("Refunds whose points were gone, above 1% of sales"),
        # Translators: 近 30 天退货中已被用掉的积分，占本店同期销售额的比例
        _("Points of returned purchases that were spent already, by sales of 30 days: a way to sell points."),
        rows, _list("points_claim", f"open=yes&why__exact={int(Claim.Why.POINTS_GONE)}"), found[0].n if found else 0,
    )  # fmt: skip


def _kept(found: tuple[date, int] | None) -> str:
    """Say whether the fee on missing points of a month was kept (after that month)."""
    if found is None:
        # Translators: 还没有留费（月末后才算）
        return _t("no fee kept yet")
    month, fen = found
    # Translators: %(month)s 已留运营费 %(fen)s
    return _t("fee of %(month)s kept: %(fen)s") % {"month": f"{month:%Y-%m}", "fen": yuan(fen)}


def _exposures() -> Group:
    found = risks.exposures()
    rows = [Row(text=shop.name, url=_merchant(shop.merchant_id), right=yuan(shop.fen), sign="") for shop in found]
    return Group(
        _("Largest exposures"),
        _("What a merchant owes and nothing covers: promised points, advances, bonuses, points to come back."),
        rows, _list("points_creditline"), found[0].n if found else 0,
    )  # fmt: skip


def _losses() -> Group:
    rows = [
        Row(
            text=f"{each.rule} v{each.version} · {each.name}",
            url=reverse("admin:points_ruleversion_change", args=(each.version_id,)),
            right=f"{yuan(each.used)} / {yuan(each.limit)} · {each.share}%",
            sign="" if each.sign == "good" else each.sign,
        )
        for each in risks.loss_budgets()
    ]
    return Group(
        _("Loss budgets used"),
        _("Rules that may give more than reward credit allows, up to a sum that two people approved."),
        rows[:8], reverse("admin:loss_budgets"), len(rows),
    )  # fmt: skip


def _alarms(at: datetime, book: totals.Totals) -> list[Row]:
    today, found = shanghai_day(at), [*figures.laws(at)]
    custody, owed = _coverage(book)
    if owed and custody < owed:
        missing = yuan(owed - custody)
        # Translators: 保障率低于 100%，缺 %(fen)s
        found.append(
            Row(
                text=_t("Coverage is below 100%%: %(fen)s are missing.") % {"fen": missing},
                url=_list("points_account"),
                sign="bad",
            )
        )
    if book.by_kind[Account.Kind.BUFFER] < settings.BUFFER_FLOOR_FEN:
        text = _t("The buffer lies below its floor of %(floor)s.") % {"floor": yuan(settings.BUFFER_FLOOR_FEN)}
        found.append(Row(text=text, url=_list("points_account", "kind__exact=9")))
    debits = desk.unknown_debits(at)
    if debits:
        n = len(debits)
        words = ngettext("%(n)s debit at the bank that nobody knows.", "%(n)s debits at the bank that nobody knows.", n)
        found.append(Row(text=words % {"n": n}, url=f"{reverse('admin:finance_desk')}#debits", sign="bad"))
    for each in risks.loss_budgets():
        if each.sign != "good":
            # Translators: 亏损预算“%(name)s”（规则 %(rule)s）已用 %(share)s%%
            words_of = _t("The loss budget “%(name)s” of the rule %(rule)s is used by %(share)s%%.")
            text = words_of % {"name": each.name, "rule": each.rule, "share": each.share}
            found.append(Row(text=text, url=reverse("admin:loss_budgets"), sign=each.sign))
    newest = BankLine.objects.order_by("-pk").values_list("value_on", flat=True).first()
    if newest is None or (today - newest).days > settings.BANK_LINE_DAYS:
        days = "–" if newest is None else (today - newest).days
        # Translators: 最近一条银行流水已是 %(n)s 天前
        found.append(
            Row(
                text=_t("The newest line of the bank is %(n)s days old.") % {"n": days},
                url=_list("points_bankstatement"),
            )
        )
    proof = Proof.objects.order_by("-taken_on").values_list("taken_on", flat=True).first()
    if proof is None or (today - proof).days > 1:
        found.append(Row(text=_("Last night's proof of reserves is missing."), url=_list("points_proof"), sign="bad"))
    failed = Job.objects.failed().filter(started_at__gt=at - timedelta(days=7)).aggregate(n=Count("pk"))["n"]
    if failed:
        words = ngettext("%(n)s job failed this week.", "%(n)s jobs failed this week.", failed) % {"n": failed}
        found.append(Row(text=words, url=_list("alliance_job", "state__exact=failed")))
    return sorted(found, key=lambda row: row.sign != "bad")
