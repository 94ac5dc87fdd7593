"""The rules in the console: drafted, looked at, tried out, decided."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance import approvals
from alliance.models import Approval
from points import backtesting, rules
from points.models import Backtest, RuleVersion
from tests.admin.conftest import SYSTEM, World
from tests.factories import staff

LIST, ADD = reverse("admin:points_ruleversion_changelist"), reverse("admin:points_ruleversion_add")


def form(world: World, **more: Any) -> dict[str, Any]:
    starts = timezone.localtime(timezone.now() + timedelta(days=2))
    return {
        "code": "monday", "payer": world.budget.pk, "starts_at_0": f"{starts:%Y-%m-%d}", "starts_at_1": "00:00:00",
        "ends_at_0": "", "ends_at_1": "", "words_zh": "周一火锅", "words_en": "Hot-pot Monday", "kind": "rate",
        "to": "member", "bps": "40", "trades": "hotpot", "weekdays": "0", "hours": "11-13, 18", "priority": "100",
        "member_day": "500", "budget": "100000", **more,
    }  # fmt: skip


def test_a_rule_is_drafted_field_by_field(world: World, as_admin: Client) -> None:
    assert as_admin.get(ADD).status_code == 200
    answer = as_admin.post(ADD, form(world))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    version = RuleVersion.objects.get(rule__code="monday")
    assert version.definition == {
        "scope": {"hours": [11, 12, 13, 18], "trades": ["hotpot"], "weekdays": [0]},
        "effect": {"kind": "rate", "bps": 40},
        "caps": {"budget": 100_000, "member_day": 500},
        "group": "",
        "priority": 100,
        "words": {"zh-hans": "周一火锅", "en": "Hot-pot Monday"},
    }
    page = reverse("admin:points_ruleversion_change", args=(version.pk,))
    fields = as_admin.get(page).context["adminform"].form.initial
    assert (fields["hours"], fields["bps"], fields["trades"]) == ("11, 12, 13, 18", 40, "hotpot")
    assert as_admin.post(page, form(world, bps="45")).status_code == 302
    version.refresh_from_db()
    assert version.definition["effect"]["bps"] == 45


def test_what_cannot_be_read_is_said_beside_its_field(world: World, as_admin: Client) -> None:
    bad = {"hours": "noon", "trades": "casino", "factors": "tofu"}
    answer = as_admin.post(ADD, form(world, **bad))
    assert answer.status_code == 422
    assert answer.context["adminform"].form.errors.keys() == bad.keys()
    assert not RuleVersion.objects.filter(rule__code="monday").exists()


def test_a_rule_is_handed_in_decided_and_shown_as_it_was_decided(world: World, as_finance: Client) -> None:
    version = RuleVersion.objects.get()
    back_tested(as_finance, version)
    assert as_finance.post(reverse("admin:points_ruleversion_act", args=(version.pk, "submit"))).status_code == 302
    approval = Approval.objects.get(kind=rules.KIND)
    second = staff.console(world.second)
    assert second.post(reverse("admin:alliance_approval_act", args=(approval.pk, "approve"))).status_code == 302
    version.refresh_from_db()
    assert version.state == "approved"
    page = as_finance.get(reverse("admin:points_ruleversion_change", args=(version.pk,)))
    assert "effect.bps" in page.content.decode() and 'name="bps"' not in page.content.decode()
    assert (
        as_finance.post(reverse("admin:points_ruleversion_change", args=(version.pk,)), form(world)).status_code == 403
    )


def test_a_rule_that_may_not_go_live_is_refused_with_its_sentence(world: World, as_finance: Client) -> None:
    as_finance.post(ADD, form(world, bps="900"))
    version = RuleVersion.objects.get(rule__code="monday")
    answer = as_finance.post(reverse("admin:points_ruleversion_act", args=(version.pk, "submit")))
    assert answer.status_code == 422 and "monday" in answer.content.decode()
    shown = as_finance.get(reverse("admin:points_ruleversion_change", args=(version.pk,)))
    assert len(shown.context["findings"]) == 1


def test_a_receipt_is_tried_out(world: World, as_admin: Client) -> None:
    version = RuleVersion.objects.get()
    url = reverse("admin:points_ruleversion_try", args=(version.pk,))
    day = timezone.localtime(version.starts_at + timedelta(days=1))
    bill = {
        "merchant": world.a.shop.merchant.float_id, "outlet": 1, "trade": "hotpot", "at": f"{day:%Y-%m-%d} 18:30",
        "lines": "dishes, tofu, 10000, 1", "tier": 0, "credit": 0, "stamps": 0, "used": 0,
    }  # fmt: skip
    answer = as_admin.post(url, bill)
    assert answer.status_code == 200, answer.context["form"].errors
    # The budget is empty: said, not hidden.
    assert (answer.context["answer"].points, answer.context["total"]) == (500, 500)
    assert answer.context["steps"][1][0].limit == "account"
    assert as_admin.post(url, {**bill, "lines": "x"}).status_code == 422
    assert as_admin.post(url, {**bill, "merchant": "999999"}).context["form"].errors.keys() == {"merchant"}


def test_a_region_reaches_none_of_it(world: World) -> None:
    browser = staff.console(world.a.manager)
    version = RuleVersion.objects.get()
    for name in ("change", "try"):
        assert browser.get(reverse(f"admin:points_ruleversion_{name}", args=(version.pk,))).status_code in (403, 404)


# --- back-tests and the way back ------------------------------------------------------------------


def act(version: RuleVersion, name: str) -> str:
    return reverse("admin:points_ruleversion_act", args=(version.pk, name))


def page(backtest: Backtest, name: str = "backtest") -> str:
    return reverse(f"admin:points_ruleversion_{name}", args=(backtest.version_id, backtest.pk))


def back_tested(browser: Client, version: RuleVersion) -> Backtest:
    """Press the button and do the worker's part."""
    assert browser.post(act(version, "backtest"), {"days": 30}).status_code == 302
    found = Backtest.objects.latest("pk")
    assert backtesting.run(found.pk)
    found.refresh_from_db()
    return found


def test_a_draft_is_back_tested_before_it_is_handed_in(world: World, as_finance: Client) -> None:
    version = RuleVersion.objects.get()
    home = reverse("admin:points_ruleversion_change", args=(version.pk,))
    assert as_finance.get(home).context["is_backtest_missing"]
    refused = as_finance.post(act(version, "submit"))
    assert refused.status_code == 409
    assert "回测" in refused.content.decode()
    asked = as_finance.post(act(version, "backtest"), {"days": 30})
    backtest = Backtest.objects.get()
    assert asked["Location"] == page(backtest)
    running = as_finance.get(page(backtest))
    assert running["Refresh"] == "2" and "停止" in running.content.decode()
    assert backtesting.run(backtest.pk)
    shown = as_finance.get(page(backtest))
    assert shown.status_code == 200 and "Refresh" not in shown
    assert not as_finance.get(home).context["is_backtest_missing"]
    assert as_finance.post(act(version, "submit")).status_code == 302
    facts = staff.console(world.second).get(
        reverse("admin:alliance_approval_act", args=(Approval.objects.get(kind=rules.KIND).pk, "approve"))
    )
    assert "回测" in facts.content.decode()


def test_a_result_shows_who_pays_and_who_wins_and_is_exported(world: World, as_finance: Client) -> None:
    as_finance.post(ADD, form(world, hours="", weekdays="", trades="", bps="40"))
    version = RuleVersion.objects.get(rule__code="monday")
    backtest = back_tested(as_finance, version)
    assert (backtest.receipts, backtest.points_after) == (2, 120)
    context = as_finance.get(page(backtest)).context
    assert [(row.after, empty_on == backtest.last_on) for _n, row, _b, empty_on in context["payers"]] == [(120, True)]
    merchants = next(sides for _name, _tier, is_merchant, sides in context["ends"] if is_merchant)
    assert [line.row.difference for line in merchants[0][1]] == [80, 40] and not merchants[1][1]
    assert context["chart"]["rows"][0][2] == 120
    file = b"".join(as_finance.get(page(backtest, "backtest_export"))).decode("utf-8-sig")  # type: ignore[arg-type]
    assert len(file.splitlines()) == 1 + backtest.rows.count() and "晚间" in file  # type: ignore[attr-defined]
    # A back-test belongs to its version.
    other = RuleVersion.objects.exclude(pk=version.pk).get()
    assert as_finance.get(reverse("admin:points_ruleversion_backtest", args=(other.pk, backtest.pk))).status_code == 404


def test_a_back_test_is_stopped_from_its_page(world: World, as_finance: Client) -> None:
    version = RuleVersion.objects.get()
    as_finance.post(act(version, "backtest"), {"days": 365})
    backtest = Backtest.objects.get()
    # Risk may look on, not press.
    risk = staff.console(world.risk)
    assert risk.get(page(backtest)).status_code == 200 and not risk.get(page(backtest)).context["may_stop"]
    risk.post(page(backtest))
    backtest.refresh_from_db()
    assert backtest.state == "running"
    assert as_finance.post(page(backtest)).status_code == 302
    backtest.refresh_from_db()
    assert backtest.state == "cancelled" and not backtesting.run(backtest.pk)
    assert "已被人停止" in as_finance.get(page(backtest)).content.decode()


def test_a_region_sees_no_back_test(world: World, as_finance: Client) -> None:
    backtest = back_tested(as_finance, RuleVersion.objects.get())
    browser = staff.console(world.a.manager)
    for name in ("backtest", "backtest_export"):
        assert browser.get(page(backtest, name)).status_code in (403, 404)


def test_one_press_leads_back_to_the_version_before(world: World, as_finance: Client) -> None:
    first = RuleVersion.objects.get()
    at = timezone.now() - timedelta(days=3)
    decide(world, first, at - timedelta(days=2), at)
    assert "undo" not in " ".join(each["url"] for each in buttons(as_finance, first))
    second = rules.draft(
        code="evening", payer=world.budget, definition={**first.definition, "priority": 9}, starts_at=at,
        actor=SYSTEM, at=at,
    )  # fmt: skip
    decide(world, second, at, at + timedelta(days=1))
    assert any("undo" in each["url"] for each in buttons(as_finance, second))
    assert as_finance.post(act(second, "undo")).status_code == 302
    approval = Approval.objects.waiting().get(kind=rules.KIND)
    assert (
        staff.console(world.second)
        .post(reverse("admin:alliance_approval_act", args=(approval.pk, "approve")))
        .status_code
        == 302
    )
    now = rules.rule_set_in_force(timezone.now()).rules
    assert [(rule.version, rule.priority) for rule in now] == [(3, 100)]


def buttons(browser: Client, version: RuleVersion) -> list[dict[str, str]]:
    answer = browser.get(reverse("admin:points_ruleversion_change", args=(version.pk,)))
    return list(answer.context["act_buttons"])


def decide(world: World, version: RuleVersion, at: datetime, starts_at: datetime) -> None:
    """Hand in and approve at a time of the past, when nothing had been back-tested."""
    rules.change(version=version, definition=version.definition, starts_at=starts_at, actor=SYSTEM, at=at)
    backtest = backtesting.ask(version=version, days=30, actor=SYSTEM, at=at)
    assert backtesting.run(backtest.pk)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE rules_backtest DISABLE TRIGGER rules_backtest_kept")
        Backtest.objects.update(state_since=at)
        cursor.execute("ALTER TABLE rules_backtest ENABLE TRIGGER rules_backtest_kept")
    approval = rules.submit(version=version, user=world.finance, at=at)
    approvals.approve(approval, user=world.second, at=at)
    version.refresh_from_db()
