"""The rules in the console: drafted, looked at, tried out; each page says that they are not applied yet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.models import Approval
from points import rules
from points.models import RuleVersion
from tests.admin.conftest import World
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


def test_pages_say_that_rules_are_not_applied_yet(world: World, as_admin: Client) -> None:
    version = RuleVersion.objects.get()
    urls = [LIST, ADD, *(reverse(f"admin:points_ruleversion_{name}", args=(version.pk,)) for name in ("change", "try"))]
    for url in urls:
        assert "尚未应用" in as_admin.get(url).content.decode(), url


def test_a_rule_is_handed_in_decided_and_shown_as_it_was_decided(world: World, as_finance: Client) -> None:
    version = RuleVersion.objects.get()
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
