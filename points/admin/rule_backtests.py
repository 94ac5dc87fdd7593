"""Back-tests in the console: asked for on a draft, watched while they run, looked at, exported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance.admin.acts import ActForm
from alliance.admin.dashboard import COLOURS, OPTIONS
from alliance.admin.scoped import ScopedAdmin, actor_of, now
from alliance.calc.sheets import csv_lines
from alliance.models import Trade
from alliance.refusals import Refused
from points import backtesting, rules
from points.admin import links
from points.calc.backtest import DAY, MERCHANT, PARTS, PAYER, RULE, TIER, TRADE
from points.calc.lint import Finding
from points.models import Account, Backtest, BacktestRow, RuleVersion

TONES = {"running": "info", "done": "success", "failed": "danger", "cancelled": "warning"}
PERIODS = {30: _("30 days"), 90: _("90 days"), 365: _("a year")}
# Of merchants, tiers and trades: so many at each end.
ENDS = 10
REFRESH_SECONDS = 2
# From so many days on the chart shows weeks.
WEEKS_FROM = 92
NAMES = {
    MERCHANT: _("Merchant"),
    TIER: _("Tier"),
    TRADE: _("Trade"),
    PAYER: _("Paid by"),
    RULE: _("Rule"),
    DAY: _("Day"),
}
assert set(NAMES) == set(PARTS) and set(PERIODS) == set(backtesting.PERIODS)


class Period(ActForm):
    days = forms.TypedChoiceField(
        label=_("Period, up to the newest receipt"), coerce=int, choices=list(PERIODS.items()), initial=90
    )


def ask(request: HttpRequest, version: RuleVersion, data: dict[str, Any]) -> str:
    backtesting.ask(version=version, days=data["days"], actor=actor_of(request), at=now())
    return ""


def newest_page(version: RuleVersion) -> str:
    """Return the address of the back-test that was asked for last."""
    last = version.backtests.order_by("-pk").values_list("pk", flat=True).first()  # type: ignore[attr-defined]
    return reverse("admin:points_ruleversion_backtest", args=(version.pk, last))


def of_version(version: RuleVersion) -> dict[str, Any]:
    """Return what the page of a version says about its back-tests."""
    found = list(version.backtests.order_by("-pk")[:5])  # type: ignore[attr-defined]
    is_open = not version.is_decided and version.state == RuleVersion.State.DRAFT
    return {
        "backtests": [(each, TONES[each.state], each.digest == version.digest) for each in found],
        "is_backtest_missing": is_open
        and rules.needs_backtest(version, now())
        and rules.tried_by(version, now()) is None,
        "is_without_history": not version.is_decided and not found and backtesting.newest(now()) is None,
    }


# --- pages --------------------------------------------------------------------------------------


def page(admin: ScopedAdmin, request: HttpRequest, version: RuleVersion, number: int) -> HttpResponse:
    """Show how far a back-test is, or what came of it; a POST stops it."""
    backtest = _found(version, number)
    home = reverse("admin:points_ruleversion_backtest", args=(version.pk, backtest.pk))
    may_stop = admin.may(request, "rule.draft", version)
    if request.method == "POST":
        if may_stop:
            try:
                backtesting.cancel(backtest=backtest, actor=actor_of(request), at=now())
            except Refused as refused:
                messages.error(request, refused.text())
        return HttpResponseRedirect(home)
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Back-test"),
        "subtitle": str(version),
        "version": version,
        "backtest": backtest,
        "tone": TONES[backtest.state],
        "may_stop": may_stop,
        "is_other_content": backtest.digest != version.digest,
        "list_url": reverse("admin:points_ruleversion_changelist"),
        "home": reverse("admin:points_ruleversion_change", args=(version.pk,)),
        "again": reverse("admin:points_ruleversion_act", args=(version.pk, "backtest")),
        "may_ask": may_stop and not version.is_decided,
    }
    if backtest.state == Backtest.State.DONE:
        context |= _result(backtest)
    answer = TemplateResponse(request, "admin/rules/backtest.html", context)
    if backtest.state == Backtest.State.RUNNING:
        # The browser looks again by itself, without a script.
        answer["Refresh"] = str(REFRESH_SECONDS)
    return answer


def export(version: RuleVersion, number: int) -> StreamingHttpResponse:
    """Give every line of a back-test as CSV."""
    backtest = _found(version, number)
    answer = StreamingHttpResponse(csv_lines(_table(backtest)), content_type="text/csv; charset=utf-8")
    name = f"backtest-{version.rule.code}-v{version.version}-{backtest.first_on}-{backtest.last_on}"
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _found(version: RuleVersion, number: int) -> Backtest:
    found = version.backtests.filter(pk=number).select_related("job").first()  # type: ignore[attr-defined]
    if found is None:
        raise Http404
    return found  # type: ignore[no-any-return]


def _table(backtest: Backtest) -> Iterator[list[Any]]:
    yield [
        _t("Part"), _t("Number or code"), _t("Name"), _t("Receipts"), _t("Receipts that differ"),
        _t("Points by the rules in force"), _t("Points with the draft"), _t("Difference in points"),
        _t("Own money by the rules in force"), _t("Own money with the draft"), _t("Members who get more"),
        _t("Members who get less"),
    ]  # fmt: skip
    names = _Names()
    for part in PARTS:
        rows = _rows(backtest, part).order_by("-difference", "key")
        batch: list[BacktestRow] = []
        for row in rows.iterator(chunk_size=2_000):
            batch.append(row)
            if len(batch) == 2_000:
                yield from _lines(batch, names)
                batch = []
        yield from _lines(batch, names)


def _lines(rows: Sequence[BacktestRow], names: _Names) -> Iterator[list[Any]]:
    names.learn(rows)
    for row in rows:
        yield [
            str(NAMES[row.part]), row.key, str(names.of(row)), row.receipts, row.touched, row.before, row.after,
            row.difference, row.own_before, row.own_after, row.better, row.worse,
        ]  # fmt: skip


# --- what came of it ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A row of a table: what it is, where it leads, its figures."""

    name: Any
    row: BacktestRow
    share: int = 0


class _Names:
    """The names of what rows are about, asked for in batches."""

    def __init__(self) -> None:
        self._accounts: dict[str, str] = {}
        self._trades = {trade.code: str(trade) for trade in Trade.objects.all()}

    def learn(self, rows: Iterable[BacktestRow]) -> None:
        wanted = {row.key for row in rows if row.part in (MERCHANT, PAYER)} - self._accounts.keys()
        if wanted:
            self._accounts |= {str(account.pk): str(account) for account in Account.objects.filter(pk__in=wanted)}

    def of(self, row: BacktestRow) -> Any:
        match row.part:
            case "merchant" | "payer":
                return self._accounts.get(row.key, row.key)
            case "trade":
                return self._trades.get(row.key, row.key) or _t("without a trade")
            case "tier":
                # Translators: 会员等级 %(tier)s
                return _t("Tier %(tier)s") % {"tier": row.key}
            case _:
                return row.key


def _rows(backtest: Backtest, part: str) -> Any:
    return BacktestRow.objects.filter(backtest=backtest, part=part)


def _ends(backtest: Backtest, part: str) -> tuple[list[BacktestRow], list[BacktestRow]]:
    """Return who gains most and who loses most; nobody twice, nobody whom nothing happens to."""
    rows = _rows(backtest, part)
    return (
        list(rows.filter(difference__gt=0).order_by("-difference", "key")[:ENDS]),
        list(rows.filter(difference__lt=0).order_by("difference", "key")[:ENDS]),
    )


def _result(backtest: Backtest) -> dict[str, Any]:
    names = _Names()
    payers = list(_rows(backtest, PAYER).order_by("-after", "key")[: 2 * ENDS])
    ends = {part: _ends(backtest, part) for part in (MERCHANT, TIER, TRADE)}
    names.learn([*payers, *ends[MERCHANT][0], *ends[MERCHANT][1]])
    balances = backtest.result.get("balances", {})
    return {
        "payers": [
            (_linked(row, names), row, balances.get(row.key), backtest.day("empty", row.key)) for row in payers
        ],
        "rules": [
            (row, backtest.day("used_up", row.key)) for row in _rows(backtest, RULE).order_by("-after", "key")[:50]
        ],
        "ends": [
            (NAMES[part], part == TIER, part == MERCHANT, [
                (_("get more"), [Line(_linked(row, names), row) for row in winners]),
                (_("get less"), [Line(_linked(row, names), row) for row in losers]),
            ])
            for part, (winners, losers) in ends.items()
        ],
        "chart": _chart(list(_rows(backtest, DAY).order_by("key").values_list("key", "before", "after"))),
        "findings": [
            rules.said(Finding(code, rule, tuple(facts.items())))
            for code, rule, facts in backtest.result.get("findings", [])
        ],
        "export": reverse("admin:points_ruleversion_backtest_export", args=(backtest.version_id, backtest.pk)),
    }  # fmt: skip


def _linked(row: BacktestRow, names: _Names) -> Any:
    return links.link("points_account", int(row.key), names.of(row)) if row.part in (MERCHANT, PAYER) else names.of(row)


def _chart(days: Sequence[tuple[str, int, int]]) -> dict[str, Any] | None:
    """Return the points by day, or by week where there are many days: by the rules in force and with the draft."""
    if not days:
        return None
    sums: dict[date, list[int]] = {}
    is_by_week = len(days) > WEEKS_FROM
    for key, before, after in days:
        on = date.fromisoformat(key)
        if is_by_week:
            on = date.fromordinal(on.toordinal() - on.weekday())
        total = sums.setdefault(on, [0, 0])
        total[0] += before
        total[1] += after
    heads = (("in", _("rules in force")), ("out", _("with the draft")))
    datasets = [
        {
            "label": str(name),
            "data": [total[n] for total in sums.values()],
            "backgroundColor": COLOURS[tone],
            "borderRadius": 3,
            "maxBarThickness": 18,
        }
        for n, (tone, name) in enumerate(heads)
    ]
    return {
        "title": _("Points on top of the base, by week") if is_by_week else _("Points on top of the base, by day"),
        "is_by_week": is_by_week,
        "legend": heads,
        "data": json.dumps({"labels": [date_format(on, "m-d") for on in sums], "datasets": datasets}),
        "options": json.dumps(OPTIONS),
        "rows": [(on, *total) for on, total in reversed(sums.items())],
    }
