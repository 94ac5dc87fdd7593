"""The linter, each check both ways, and the search for a faked sale that gains against the simulation's own results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from points.calc import lint
from points.calc.lint import CREDIT, LESS_THAN_THE_REBATE, gains
from points.calc.promises import Promises
from points.calc.rules import (
    FIXED,
    MULTIPLIER,
    RATE,
    REFERRER,
    Caps,
    Card,
    Effect,
    Factor,
    Loss,
    Payer,
    Rule,
    Scope,
)
from points.calc.rules.reading import faults, read

PROMISES = Promises.of(json.loads(Path("points/data/promises.json").read_text(encoding="utf-8")))
FIXTURE = json.loads((Path(__file__).parent / "faked_sales.json").read_text(encoding="utf-8"))
HOTPOT, BUDGET = 7, 900
CARDS = {HOTPOT: Card(rate_bps=800)}
WORDS = (("en", "Evening points"), ("zh-hans", "晚间积分"))
OUTSIDE = Caps(member_day=500, budget=100_000)
# ¥100 at 8 %: others may give 160; 1.5 % of the sale fits for every amount from ¥1 on, if rounding allows it.
FINE = Rule("evening", 1, Effect(MULTIPLIER, bps=3_000), Payer(BUDGET), Scope(), OUTSIDE, words=WORDS)


def codes(*rules: Rule, cards: dict[int, Card] | None = None, **more: Any) -> list[str]:
    return [finding.code for finding in lint.rule_set(rules, cards or CARDS, PROMISES, **more)]


def test_a_set_that_is_fine_has_no_findings() -> None:
    assert codes(FINE) == []
    assert codes() == []


# --- definitions --------------------------------------------------------------------------------

PLAIN: dict[str, Any] = {
    "scope": {"trades": ["hotpot"], "hours": [18, 19], "basket_fen": 10_000},
    "effect": {"kind": "rate", "bps": 50},
    "caps": {"member_day": 500, "budget": 100_000},
    "words": {"en": "Evening points", "zh-hans": "晚间积分"},
}


def test_a_stored_definition_is_read() -> None:
    assert lint.definition("evening", PLAIN, PROMISES) == []
    rule = read(PLAIN, code="evening", version=3, payer=Payer(BUDGET))
    assert (rule.scope.hours, rule.effect.bps, rule.caps.budget, rule.version) == (frozenset({18, 19}), 50, 100_000, 3)
    assert rule.words == WORDS


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"growth": 1}, ("input_not_allowed", "growth")),
        ({"scope": {"pool_size": 1}}, ("input_not_allowed", "scope.pool_size")),
        ({"scope": {"joined_after": 1}}, ("input_not_allowed", "scope.joined_after")),
        ({"effect": {"kind": "rate", "bps": 5, "members_total": 3}}, ("input_not_allowed", "effect.members_total")),
        ({"scope": {"downline": 3}}, ("second_level", "scope.downline")),
        ({"effect": {"kind": "fixed", "points": 5, "levels": 2}}, ("second_level", "effect.levels")),
        ({"effect": {"kind": "fixed", "points": 5, "to": "upline"}}, ("second_level", "effect.to")),
        ({"effect": {"kind": "rate", "bps": 5, "to": "referrer"}}, ("second_level", "effect.kind")),
        ({"point_value": 2}, ("point_value", "point_value")),
        ({"effect": {"kind": "rate", "bps": 5, "fen_per_point": 2}}, ("point_value", "effect.fen_per_point")),
        ({"effect": {"kind": "lottery"}}, ("value_not_allowed", "effect.kind")),
        ({"effect": {"kind": "rate", "bps": 0.5}}, ("value_not_allowed", "effect.bps")),
        ({"effect": {"kind": "rate", "bps": True}}, ("value_not_allowed", "effect.bps")),
        ({"effect": {"kind": "fixed", "points": -5}}, ("value_not_allowed", "effect.points")),
        ({"scope": {"hours": [24]}}, ("value_not_allowed", "scope.hours")),
        ({"scope": {"weekdays": "0"}}, ("value_not_allowed", "scope.weekdays")),
        ({"scope": {"stamp_every": 10}}, ("value_not_allowed", "scope.stamp_every")),
        ({"scope": []}, ("value_not_allowed", "scope")),
        ({"caps": {"member": -1}}, ("value_not_allowed", "caps.member")),
        ({"loss": {"name": "x"}}, ("value_not_allowed", "loss")),
        ({"words": {"fr": "x"}}, ("value_not_allowed", "words")),
        ({"priority": "first"}, ("value_not_allowed", "priority")),
        ({"group": 3}, ("value_not_allowed", "group")),
        ({"effect": {"kind": "factors", "factors": []}}, ("evidence_missing", "effect.factors")),
        ({"effect": {"kind": "factors", "factors": [{"product": "a", "bps": 5}]}}, ("evidence_missing", "effect.factors")),
    ],
)  # fmt: skip
def test_what_a_definition_may_not_say(change: dict[str, Any], fault: tuple[str, str]) -> None:
    bad = {**PLAIN, **change}
    assert fault in faults(bad)
    assert fault[0] in [finding.code for finding in lint.definition("evening", bad, PROMISES)]
    with pytest.raises(ValueError, match=fault[1].split(".")[0]):
        read(bad, code="evening", version=1, payer=Payer(BUDGET))


def test_anything_at_all_is_answered() -> None:
    for bad in (None, 3, "x", [], {}, {"effect": None}, {"effect": {"kind": []}}, {"scope": {"hours": [None]}}):
        assert faults(bad), bad


# --- promises of return -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("积分天天增值", "增值"),
        ("积分天天增 值", "增值"),
        ("积分天天增·值!", "增值"),
        ("积分增\u200b值", "增值"),
        ("積分增値", "增值"),
        ("积分 zēng zhí", "增值"),
        ("积分ZENG值", "增值"),
        ("土曾值积分", "增值"),
        ("消费倍返", "倍返"),
        ("躺賺", "躺赚"),
        ("躺 zhuàn 不累", "躺赚"),
        ("穩 賺 不 賠", "稳赚"),
        ("分紅率 8%", "分红率"),
        ("fēn hóng lǜ", "分红率"),
        ("ＧＵＡＲＡＮＴＥＥＤ　ｒｅｔｕｒｎ", "guaranteed return"),
        ("Risk-free points", "risk free"),
        ("0风险", "零风险"),
    ],
)
def test_a_promise_is_found_however_it_is_spelt(text: str, word: str) -> None:
    assert word in PROMISES.found(text)
    assert "promise_word" in codes(replace(FINE, words=(("en", "Evening points"), ("zh-hans", text))))
    found = lint.definition("evening", {**PLAIN, "words": {"zh-hans": text, "en": "x"}}, PROMISES)
    assert [finding.code for finding in found][:1] == ["promise_word"]


@pytest.mark.parametrize(
    "text",
    ["晚间积分", "满100元送88积分", "可开增值税发票", "可開增值稅發票", "送积分红包", "部分红酒除外", "确保本店有货", "周年化妆品节", "Evening points, paid by the hot-pot restaurant", "双倍积分，返场一周"],
)  # fmt: skip
def test_an_honest_text_passes(text: str) -> None:
    assert PROMISES.found(text) == []


# --- one rule alone -----------------------------------------------------------------------------

OWN = Rule(
    "own", 1, Effect(FIXED, points=50), Payer(507, HOTPOT), Scope(merchants=frozenset({HOTPOT}), basket_fen=5_000),
    Caps(member_day=50), words=WORDS,
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (replace(FINE, caps=Caps(member_day=500)), "caps_missing"),
        (replace(FINE, caps=Caps(budget=500)), "caps_missing"),
        (replace(OWN, caps=Caps()), "fixed_without_cap"),
        (replace(FINE, payer=Payer(0)), "budget_without_payer"),
        (replace(FINE, words=()), "words_missing"),
        (replace(FINE, loss=Loss("opening", 1_000)), "loss_not_approved"),
        (replace(FINE, ends_at=0, starts_at=5), "rule_unreachable"),
        (replace(FINE, scope=Scope(trades=frozenset({"tea"}), merchants=frozenset({3}),
                                   without_merchants=frozenset({3}))), "rule_unreachable"),
        (replace(FINE, scope=Scope(products=frozenset({"a"}), without_products=frozenset({"a"}))), "rule_unreachable"),
    ],
)  # fmt: skip
def test_a_rule_that_may_not_go_live(rule: Rule, code: str) -> None:
    assert code in codes(rule, at=-1)


def test_the_same_rules_put_right_pass() -> None:
    assert codes(OWN) == []
    assert codes(replace(FINE, scope=Scope(products=frozenset({"a"}), without_products=frozenset({"b"})))) == []
    assert "loss_not_approved" not in codes(
        replace(FINE, loss=Loss("opening", 1_000)), approved_losses=frozenset({("evening", 1)})
    )


def test_a_rule_behind_one_that_always_wins_is_unreachable() -> None:
    first = replace(FINE, group="g", priority=1)
    never = replace(FINE, code="never", group="g", priority=2)
    assert codes(first, never) == ["rule_unreachable"]
    assert codes(replace(first, scope=Scope(hours=frozenset({8}))), never) == []


# --- several rules ------------------------------------------------------------------------------


def test_two_versions_at_once_are_found() -> None:
    old, new = replace(FINE, starts_at=10, ends_at=20), replace(FINE, version=2, starts_at=19)
    found = lint.rule_set([new, old], CARDS, PROMISES)
    assert [finding.code for finding in found if finding.code == "versions_overlap"] == ["versions_overlap"]
    assert dict(found[0].facts) == {"version": 1, "other": 2}
    assert codes(old, replace(new, starts_at=20)) == []


def test_a_merchant_may_not_go_beyond_the_rate_of_agreements() -> None:
    """8 % + 11 % + double points of 5 % = 24 %."""
    scope = Scope(merchants=frozenset({HOTPOT}))
    rate = replace(OWN, effect=Effect(RATE, bps=1_100), scope=scope)
    double = replace(OWN, code="double", effect=Effect(MULTIPLIER, bps=10_000), scope=scope)
    found = lint.rule_set([rate, double], CARDS, PROMISES)
    assert [(f.code, dict(f.facts)["bps"]) for f in found] == [("rate_beyond_agreement", 2_400)]
    assert codes(rate) == [] and codes(double) == []
    # Of one group only one is given at a time.
    assert codes(replace(rate, group="g"), replace(double, group="g", priority=1)) != ["rate_beyond_agreement"]


def test_every_finding_has_a_sentence_with_its_parameters() -> None:
    bad = [
        replace(FINE, caps=Caps(), words=(), payer=Payer(0), effect=Effect(RATE, bps=900), loss=None),
        replace(FINE, code="lost", loss=Loss("l", 5)),
        replace(FINE, version=2),
    ]
    found = lint.rule_set(bad, CARDS, PROMISES) + lint.definition("x", {"team": 1, "worth": 1, "pool": 2}, PROMISES)
    for finding in found:
        message, facts = finding.sentence()
        assert message % facts
    assert len({finding.code for finding in found}) > 8


# --- can a faked sale gain? ---------------------------------------------------------------------


def sets() -> Any:
    """The simulation's sets: a rate, promotion credit, a bonus and a fixed gift by others, with or without the centre."""
    axes = FIXTURE["axes"]
    for rate in axes["rate_bps"]:
        for promo in axes["promo_bps"]:
            card = Card(rate, 6_250 - promo, 1_880, 1_250, promo)
            for bonus in axes["outside_bps"]:
                for fixed in axes["fixed"]:
                    rules = [Rule("bonus", 1, Effect(RATE, bps=bonus), Payer(BUDGET))] if bonus else []
                    rules += [Rule("fixed", 1, Effect(FIXED, points=fixed), Payer(BUDGET))] if fixed else []
                    for centre in axes["centre"]:
                        for amount in axes["amount_fen"]:
                            yield [rate, promo, bonus, fixed, centre, amount], rules, card


@pytest.mark.parametrize(("bound", "name"), [("any", "any"), (LESS_THAN_THE_REBATE, "less"), (CREDIT, "credit")])
def test_the_search_finds_what_the_simulation_found(bound: str, name: str) -> None:
    """H5: of 2,402 sets that "gifts below the rebate" lets through 117 pay; under the reward credit none of 1,890."""
    admitted, paying = 0, []
    for facts, rules, card in sets():
        found = gains(rules, [card], bound=bound, amounts=(facts[5],), with_centre=(bool(facts[4]),))
        assert found.searched == 1
        admitted += found.admitted
        if found.best:
            paying.append([*facts, found.best.net_fen])
    assert {"admitted": admitted, "paying": len(paying)} == FIXTURE["sets"][name]
    if name == "less":
        assert sorted(paying) == sorted(FIXTURE["paying_under_less_than_the_rebate"])


def test_the_cycle_of_h5_is_shown_with_its_numbers() -> None:
    """12 %, a campaign of 4 % and a gift of 50, the centre takes part: ¥10.50 on ¥1,000 (75 + 15 + 40.50 − 120)."""
    card = Card(1_200, 6_250, 1_880, 1_250, 0)
    campaign = [
        replace(FINE, code="campaign", effect=Effect(RATE, bps=400), caps=Caps(member_day=9_999, budget=99_999)),
        replace(FINE, code="gift", effect=Effect(FIXED, points=50)),
    ]
    cycle = gains(campaign, [card], bound=LESS_THAN_THE_REBATE, amounts=(100_000,)).best
    assert cycle is not None
    assert (cycle.coalition, cycle.rules) == (("member", "shop", "centre"), ("campaign", "gift"))
    assert [tuple(flow) for flow in cycle.flows] == [
        ("shop", "lost", 12_000),
        ("rebate", "member", 7_500),
        ("rebate", "centre", 1_500),
        ("A900", "member", 4_000),
        ("A900", "member", 50),
    ]
    assert (cycle.net_fen, cycle.net_per_1000_yuan) == (1_050, 1_050)
    (finding,) = [f for f in lint.rule_set(campaign, {1: card}, PROMISES) if f.code == "fake_gains"]
    assert dict(finding.facts)["parties"] == "member, shop, centre"
    assert finding.refuses


def test_above_the_bound_is_refused_before_it_pays() -> None:
    # 1.7 % on a sale at 8 %: above 1.6 %, below what would pay.
    assert "outside_above_bound" in codes(replace(FINE, effect=Effect(RATE, bps=165)))
    assert codes(replace(FINE, effect=Effect(RATE, bps=100))) == []


def test_a_fixed_gift_needs_the_sale_that_bears_it() -> None:
    """Hole H4: ¥5 for a sale of ¥1. From ¥625 on, 8 % bears ¥10."""
    gift = replace(FINE, effect=Effect(FIXED, points=500))
    assert "fake_gains" in codes(gift)
    assert codes(replace(gift, scope=Scope(basket_fen=31_250))) == []
    assert "outside_above_bound" in codes(replace(gift, scope=Scope(basket_fen=31_000)))


def test_stamps_and_invitations_wait_for_saved_credit() -> None:
    stamps = replace(FINE, effect=Effect(FIXED, points=400), scope=Scope(stamp_every=10))
    assert codes(stamps) == []
    invite = replace(FINE, effect=Effect(FIXED, points=500, to=REFERRER))
    assert codes(invite) == []


def test_a_loss_budget_is_shown_for_what_it_is() -> None:
    lost = replace(FINE, effect=Effect(RATE, bps=900), loss=Loss("opening week", 5_000))
    found = lint.rule_set([lost], CARDS, PROMISES, approved_losses=frozenset({("evening", 1)}))
    assert [(finding.code, finding.refuses) for finding in found] == [("loss_budget_gains", False)]
    assert dict(found[0].facts)["loss"] == 5_000


def test_a_merchants_own_gift_never_gains_whatever_it_is() -> None:
    scope = Scope(merchants=frozenset({HOTPOT}))
    own = replace(OWN, effect=Effect(FIXED, points=50_000), scope=scope, caps=Caps(member_day=50_000))
    assert codes(own) == []


def test_thresholds_that_a_return_forgets_would_pay() -> None:
    """Hole H11, switched on: the search would notice."""
    gift = replace(FINE, effect=Effect(FIXED, points=500), scope=Scope(basket_fen=31_250))
    cards = list(CARDS.values())
    assert gains([gift], cards).best is None
    forgotten = gains([gift], cards, forgets_returns=True)
    assert forgotten.best is not None and forgotten.best.net_fen > 400


def test_green_factors_count_as_gifts_too() -> None:
    factors = (Factor("tofu", 20_000, "EL-1", 2**40),)
    assert "fake_gains" in codes(replace(FINE, effect=Effect("factors", factors=factors)))
    assert codes(replace(FINE, effect=Effect("factors", factors=(Factor("tofu", 2_000, "EL-1", 2**40),)))) == []


def test_rules_that_meet_only_at_some_hour_are_found_together() -> None:
    """Each alone is within the bound; on Monday at 18:00, in a tea shop, for gold, together they are not."""
    parts = [
        replace(FINE, code=f"r{n}", effect=Effect(RATE, bps=60), scope=scope)
        for n, scope in enumerate(
            (Scope(hours=frozenset({18})), Scope(weekdays=frozenset({0}), trades=frozenset({"tea"})),
             Scope(tiers=frozenset({2}))),
        )
    ]  # fmt: skip
    for n in range(3):
        assert codes(*(part for i, part in enumerate(parts) if i != n)) == []
    found = lint.rule_set(parts, CARDS, PROMISES)
    assert [(finding.code, finding.rule) for finding in found] == [("outside_above_bound", "r0, r1, r2")]
