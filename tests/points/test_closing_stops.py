"""In the closing mode nothing is given any more: not by the agreement, not by a rule, not on credit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alliance import approvals
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from merchants import agreements
from points import accounts, adjusting, awards, bills, partitions, promises, rollup, surplus, verify, winding_up
from points.models import Account, Award, Promise, Terms, Winding
from tests.factories import shops, staff
from tests.points.ruling import budget, fund, rule
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = pytest.mark.django_db
DAY = shanghai_day(NOON)
LATER = NOON + timedelta(days=2)


def stop(scope: int = 1, *floats: int) -> Winding:
    partitions.ahead(4, DAY)
    mode = winding_up.start(
        approval_id=1, scope=scope, title="the end", float_ids=floats, issue_ends_on=DAY,
        spend_ends_on=DAY + timedelta(days=30), actor=TEST, at=NOON, now=NOON,
    )  # fmt: skip
    awards.forget()
    return mode


def sell(shop: Shop, wallet: Any, at: Any, paid: int = 10_000) -> tuple[int, list[int]]:
    """Sell by the terms of that time; return base and bonuses."""
    shop.terms = Terms.objects.filter(float_id=shop.merchant.float_id).in_force(at).get()
    found = shop.sell(wallet, paid, event_at=at, now=at)
    assert found.status == "booked"
    return found.points, [bonus.points for bonus in found.bonuses]


@pytest.mark.parametrize("effect", [{"kind": "rate", "bps": 100}, {"kind": "fixed", "points": 50}])
def test_rules_give_nothing_where_the_alliance_closes(shop: Shop, effect: dict[str, Any]) -> None:
    rule(budget(), effect)
    wallet = shop.wallet()
    stop()
    base, bonuses = sell(shop, wallet, NOON)
    assert base > 0 and len(bonuses) == 1
    n = Award.objects.count()
    assert sell(shop, wallet, LATER) == (0, []) and Award.objects.count() == n
    rollup.run()
    assert not [check for check in verify.checks() if check.differences]


def test_rules_give_nothing_at_a_merchant_that_closes_and_as_before_at_others(shop: Shop) -> None:
    other = open_shop()
    rule(budget(), {"kind": "rate", "bps": 100})
    wallet = shop.wallet()
    stop(3, shop.merchant.float_id)
    assert sell(shop, wallet, LATER) == (0, [])
    base, bonuses = sell(other, wallet, LATER)
    assert base > 0 and bonuses == [100]


def test_a_closing_merchant_pays_for_no_rule_elsewhere(shop: Shop) -> None:
    """What belongs to a merchant that closes is not given away, wherever the rule applies."""
    other = open_shop()
    rule(shop.merchant.float_id, {"kind": "rate", "bps": 50})
    wallet = other.wallet()
    before = sell(other, wallet, NOON)
    assert before[1] == [50]
    stop(3, shop.merchant.float_id)
    assert sell(other, wallet, LATER)[1] == []


def test_rules_cost_no_statement_more_when_nobody_closes(shop: Shop) -> None:
    rule(budget(), {"kind": "rate", "bps": 100}, scope={"merchants": [open_shop().merchant.float_id]})
    wallet = shop.wallet()
    shop.sell(wallet, 100)
    draft = shop.draft(wallet, 10_000)
    with CaptureQueriesContext(connection) as asked:
        bills.post([draft], caller=shop.caller, actor=TEST, now=NOON)
    assert len(asked) == 1


def test_nothing_is_promised_and_no_line_opened() -> None:
    shop = open_shop(0)
    wallet = shop.wallet()
    float_id = shop.merchant.float_id
    promises.set_line(float_id=float_id, limit_fen=100_000, actor=TEST, at=NOON, now=NOON)
    first = shop.sell(wallet, 10_000)
    assert first.status == "promised"
    one, two = staff.colleague("hq_admin"), staff.colleague("finance")
    facts: dict[str, Any] = {
        "float_id": float_id,
        "name": "x",
        "limit_fen": 5,
        "unit": one.posts.get().unit,
        "user": one,
    }
    asked = promises.ask(**facts, at=NOON)
    stop(3, float_id)
    assert sell(shop, wallet, LATER) == (0, []) and Promise.objects.count() == 1
    with pytest.raises(Refused) as refused:
        approvals.approve(asked, user=two, at=NOON)
    assert refused.value.code == "credit_line_while_closing"
    approvals.withdraw(asked, user=one, at=NOON)
    with pytest.raises(Refused) as refused:
        promises.ask(**facts, at=NOON)
    assert refused.value.code == "credit_line_while_closing"
    promises.ask(**facts, at=NOON, is_open=False)


def test_what_was_promised_before_is_owed_until_the_last_day_of_spending() -> None:
    shop = open_shop(0)
    wallet, late = shop.wallet(), shop.wallet()
    float_id = shop.merchant.float_id
    promises.set_line(float_id=float_id, limit_fen=100_000, actor=TEST, at=NOON, now=NOON)
    for each in (wallet, late):
        assert shop.sell(each, 10_000).status == "promised"
    stop(3, float_id)
    shop.top_up(800, LATER)
    assert promises.pay(float_id, LATER).issued == 1
    shop.top_up(800, LATER)
    assert promises.pay(float_id, NOON + timedelta(days=31)).issued == 0
    assert promises.pay(float_id, NOON + timedelta(days=29)).issued == 1
    assert accounts.balance(float_id) == 0


def test_no_agreement_is_signed_while_closing() -> None:
    one, other = shops.shop("甲店"), shops.shop("乙店")
    stop(3, one.merchant.float_id or 0)
    facts: dict[str, Any] = {"rate_bps": 900, "starts_on": DAY + timedelta(days=40), "actor": TEST, "at": NOON}
    with pytest.raises(Refused) as refused:
        agreements.sign(merchant=one.merchant, **facts)
    assert refused.value.code == "agreement_while_closing" and "the end" in refused.value.text()
    assert agreements.sign(merchant=other.merchant, **facts).version == 2


def test_no_agreement_is_signed_while_the_alliance_closes() -> None:
    one = shops.shop("甲店")
    stop()
    with pytest.raises(Refused) as refused:
        agreements.sign(merchant=one.merchant, rate_bps=900, starts_on=DAY + timedelta(days=40), actor=TEST, at=NOON)
    assert refused.value.code == "agreement_while_closing"
    with pytest.raises(Refused) as refused:
        agreements.sign_first([], actor=TEST)
    assert refused.value.code == "agreement_while_closing"


def code_of(act: Any, *arguments: Any, **facts: Any) -> str:
    with pytest.raises(Refused) as refused:
        act(*arguments, **facts)
    assert refused.value.text()
    return str(refused.value.code)


def test_nothing_new_is_given_while_closing_and_corrections_stay_possible(shop: Shop) -> None:
    """Upward corrections, budgets, opening balances and surplus are refused; downward corrections and floats are not."""
    one, two = staff.colleague("hq_admin"), staff.colleague("finance")
    facts: dict[str, Any] = {"unit": one.posts.get().unit, "user": one}
    wallet, payer = shop.wallet(points=500), budget()
    up: dict[str, Any] = {"wallet_id": wallet.pk, "funder_id": shop.merchant.float_id, "reason": "x", **facts}
    asked = adjusting.ask(points=10, at=NOON, **up)
    stop()
    with pytest.raises(Refused) as refused:
        approvals.approve(asked, user=two, at=LATER)
    assert refused.value.code == "closing_mode_on"
    approvals.withdraw(asked, user=one, at=LATER)
    assert code_of(adjusting.ask, points=10, at=LATER, **up) == "closing_mode_on"
    assert code_of(fund, payer, 100) == "closing_mode_on"
    assert code_of(surplus.propose, breakage_fen=1, buffer_fen=0, at=LATER, **facts) == "closing_mode_on"
    down = adjusting.ask(points=-10, at=LATER, **up)
    assert down.pk
    shop.top_up(800, LATER)


def test_a_merchant_that_closes_gets_no_promotion_credit_and_others_do() -> None:
    shop, other = open_shop(), open_shop()
    stop(3, shop.merchant.float_id)
    promo = {each.float_id: each.pk for each in Account.objects.filter(kind=Account.Kind.PROMO)}
    assert code_of(fund, promo[shop.merchant.float_id], 100) == "closing_mode_on"
    fund(promo[other.merchant.float_id], 100)
    fund(budget(), 100)
