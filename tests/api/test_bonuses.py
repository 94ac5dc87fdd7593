"""Bonuses at the doors: quote, sale, batch, replay, receipt, and the member's own page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alliance.actors import Actor
from merchants import sales
from points import identify, rollup, verify
from points.bills import Caller
from points.calc.rules import Line
from points.models import Award, Sale, Transfer
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import token
from tests.points.ruling import budget, rule

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def evening(town: Town) -> None:
    """1 % of tofu in hot-pot restaurants on top, paid by the operator."""
    assert town.hotpot.merchant.float_id
    rule(budget(), {"kind": "rate", "bps": 100}, scope={"trades": ["hotpot"], "categories": ["tofu"]})


def body(town: Town, **more: Any) -> dict[str, Any]:
    return {
        "outlet": town.hotpot.outlet.pk,
        "bill_fen": 10_000,
        "lines": [
            {"fen": 7_000, "category": "tofu", "product": "691", "units": 3},
            {"fen": 2_000, "category": "tofu", "earns": False},
            {"fen": 1_000},
        ],
        **more,
    }


BONUS = {"rule": "evening", "title": "Evening points", "points": 70, "text": "Evening points: 70 points on top."}


def test_the_quote_shows_base_and_bonuses(town: Town, pos: Machine, evening: None) -> None:
    told = pos.post("quote", body(town), key=None, **ENGLISH).json()
    assert (told["points"], told["bonus_points"], told["bonuses"], told["eligible_fen"]) == (400, 70, [BONUS], 8_000)
    assert not Sale.objects.exists()
    told = pos.post("quote", {**body(town), "lines": []}, key=None).json()
    assert (told["points"], told["bonuses"]) == (500, [])


def test_a_sale_gets_what_was_quoted_and_answers_the_same_again(town: Town, pos: Machine, evening: None) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    given = body(town, member=code, reference="T-9")
    answer = pos.post("sales", given, key="bonus-sale-1", **ENGLISH)
    told = answer.json()
    assert answer.status_code == 201 and (told["points"], told["bonus_points"], told["bonuses"]) == (400, 70, [BONUS])
    again = pos.post("sales", given, key="bonus-sale-1", **ENGLISH)
    assert again.headers["Idempotent-Replayed"] == "true" and again.json() == told
    other = {**given, "lines": given["lines"][::-1]}
    assert pos.post("sales", other, key="bonus-sale-1").json()["code"] == "key_reused"
    assert Award.objects.count() == 1
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


@pytest.mark.parametrize(
    "lines",
    [
        [{"fen": 9_999}],
        [{"fen": 10_000, "units": 0}],
        [{"fen": 10_000, "categroy": "x"}],
        [{"fen": -1}, {"fen": 10_001}],
        [{"fen": 50}] * 201,
        "tofu",
        [{"fen": 10_000, "product": "\0"}],
    ],
)
def test_lines_that_are_wrong(town: Town, pos: Machine, lines: Any) -> None:
    answer = pos.post("sales", body(town, member=token(town.hotpot, town.zhou.wallet_id), lines=lines))
    assert answer.status_code == 422 and answer.json()["code"] in ("input_invalid", "lines_differ")
    assert not Sale.objects.exists()


def test_a_batch_decides_as_single_sales(town: Town, pos: Machine, evening: None) -> None:
    member = token(town.hotpot, town.zhou.wallet_id)
    given = [
        {
            **{name: value for name, value in body(town).items() if name != "outlet"},
            "member": member,
            "key": f"key-bonus-{n}",
        }
        for n in range(8)
    ]
    given[3]["lines"] = [{"fen": 10_000, "category": "rice"}]
    told = pos.post("sales/batch", {"outlet": town.hotpot.outlet.pk, "sales": given}, key=None, **ENGLISH).json()
    assert [result["sale"]["bonus_points"] for result in told["results"]] == [70, 70, 70, 0, 70, 70, 70, 70]
    again = pos.post("sales/batch", {"outlet": town.hotpot.outlet.pk, "sales": given}, key=None, **ENGLISH).json()
    assert [result["sale"] for result in again["results"]] == [result["sale"] for result in told["results"]]
    assert Transfer.objects.filter(kind=Transfer.Kind.AWARD).count() == 7


def test_the_till_and_the_member_read_the_same_words(town: Town) -> None:
    rule(budget(), {"kind": "rate", "bps": 100}, scope={"trades": ["hotpot"]})
    rule(budget(), {"kind": "fixed", "points": 9}, code="big", scope={"basket_fen": 50_000})
    till = Client(headers={"Accept-Language": "zh-hans"})
    till.force_login(town.cashier)
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    preview = till.post("/till/quote/", {"member": code, "amount": "100"}).content.decode()
    assert "600" in preview and "晚间积分" in preview
    number = sales.record(
        outlet=town.hotpot.outlet,
        request=sales.Request(token(town.hotpot, town.lin.wallet_id), 10_000, lines=(Line("x", "", 10_000),)),
        caller=Caller("merchant", town.hotpot.merchant.pk),
        key="till-bonus",
        actor=Actor.system("tests"),
        at=timezone.now(),
    ).sale_id
    receipt = till.get(f"/till/sales/{number}/").content.decode()
    assert "+600" in receipt and "晚间积分" in receipt
    me = Client(headers={"Accept-Language": "zh-hans"})
    me.force_login(town.lin.user)
    why = me.get(f"/wallet/entries/{number}/").content.decode()
    for words in ("晚间积分：加送100积分。", "Evenings", "晚间积分：满¥500.00起"):
        assert words in why
