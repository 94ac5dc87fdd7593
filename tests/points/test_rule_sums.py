"""Rules and their evaluation: figures by hand for every kind, then what must hold for any set.

老灶火锅 (float 7) gives 8 %: of ¥100.00 the rebate is 800, the member's 500, and others may give 0.8 × (150 + 50) = 160.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alliance.calc.worktime import SHANGHAI
from points.calc import rebate
from points.calc.rules import (
    FACTORS,
    FIXED,
    LIMITS,
    MULTIPLIER,
    RATE,
    REFERRER,
    VERDICTS,
    Answer,
    Caps,
    Card,
    Effect,
    Factor,
    Line,
    Loss,
    Member,
    Payer,
    Prepared,
    Receipt,
    Rule,
    Scope,
    Used,
    bound_of,
    difference,
    hour_of,
    sentence,
    staying,
)

HOTPOT, OUTLET, BUDGET, PROMO = 7, 70, 900, 507
CARD = Card(rate_bps=800)
OUTSIDE, OWN = Payer(BUDGET), Payer(PROMO, HOTPOT)
LEFT = {BUDGET: 1_000_000}
# Monday, 23 November 2026, 18:30 in Shanghai.
MONDAY = int(datetime(2026, 11, 23, 18, 30, tzinfo=SHANGHAI).timestamp())
DAY = 86_400
DOUBLE = Effect(MULTIPLIER, bps=10_000)
PERCENT = Effect(RATE, bps=100)


def receipt(*fen: int, at: int = MONDAY, **more: Any) -> Receipt:
    lines = tuple(Line("dishes", f"dish{n}", each) for n, each in enumerate(fen or (10_000,)))
    return Receipt(HOTPOT, OUTLET, "hotpot", at, lines)._replace(**more)


def rule(effect: Effect, payer: Payer = OWN, code: str = "r", **more: Any) -> Rule:
    return Rule(code, 1, effect, payer, **more)


def came_to(rules: Rule | list[Rule], bill: Receipt | None = None, who: Member | None = None, **more: Any) -> Answer:
    """Evaluate both ways, which have to agree, and return the one with the trace."""
    prepared = Prepared([rules] if isinstance(rules, Rule) else rules)
    arguments = (bill or receipt(), who or Member(), more.get("card", CARD), more.get("left", LEFT))
    answer = prepared.evaluate(*arguments)
    assert prepared.tally(*arguments) == answer._replace(trace=())
    return answer


def extra(*args: Any, **more: Any) -> int:
    return sum(grant.points for grant in came_to(*args, **more).grants)


# --- the base -----------------------------------------------------------------------------------


def test_the_base_is_the_one_of_the_book() -> None:
    answer = came_to([])
    assert (answer.eligible_fen, answer.rebate_fen, answer.points, answer.rest) == (10_000, 800, 500, 300)
    assert (answer.bound, answer.credit, answer.grants) == (160, 160, ())
    assert [step.verdict for step in answer.trace] == ["base"]


@given(st.integers(0, 10_000_000), st.integers(300, 2_000), st.integers(0, 10_000))
def test_the_base_never_differs_from_the_rebate_sums(fen: int, rate_bps: int, member_bps: int) -> None:
    card = Card(rate_bps=rate_bps, member_bps=member_bps, fee_bps=0, centre_bps=0)
    answer = came_to([], receipt(fen), card=card)
    assert answer.rebate_fen == rebate.rebate(fen, rate_bps)
    assert answer.points == rebate.member_part(answer.rebate_fen, member_bps)
    assert answer.points + answer.rest == answer.rebate_fen


def test_what_is_not_eligible_earns_nothing() -> None:
    bill = receipt()._replace(lines=(Line("dishes", "a", 10_000), Line("deposit", "b", 5_000, is_eligible=False)))
    assert came_to([rule(PERCENT)], bill).eligible_fen == 10_000
    assert extra([rule(PERCENT)], bill) == 100


# --- each kind of effect ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "points"),
    [
        (DOUBLE, 500),  # 500 × 100 %
        (Effect(MULTIPLIER, bps=2_500), 125),
        (PERCENT, 100),  # 10,000 × 1 %
        (Effect(RATE, bps=33), 33),
        (Effect(FIXED, points=88), 88),
    ],
)
def test_an_effect_on_the_whole_bill(effect: Effect, points: int) -> None:
    assert extra(rule(effect)) == points


def test_an_effect_on_some_lines_counts_their_part_of_the_base() -> None:
    scope = Scope(products=frozenset({"dish1"}))
    # ¥30 of ¥100: 500 × 3,000 ⁄ 10,000.
    assert extra(rule(DOUBLE, scope=scope), receipt(7_000, 3_000)) == 150
    assert extra(rule(PERCENT, scope=scope), receipt(7_000, 3_000)) == 30


def test_a_green_factor_counts_as_long_as_its_evidence_is_valid() -> None:
    factors = (Factor("dish0", 5_000, "EL-2026-11", MONDAY + 1), Factor("dish1", 2_000, "EL-2026-12", MONDAY))
    green = rule(Effect(FACTORS, factors=factors))
    # 500 × 6,000 × 50 % ⁄ 10,000; the second product's evidence has just run out.
    assert extra(green, receipt(6_000, 4_000)) == 150
    late = came_to(green, receipt(6_000, 4_000, at=MONDAY + 1))
    assert (late.grants, late.trace[1].verdict) == ((), "no_evidence")


@pytest.mark.parametrize(("before", "units", "times"), [(9, 1, 1), (8, 1, 0), (0, 9, 0), (0, 10, 1), (5, 25, 3)])
def test_the_tenth_coffee(before: int, units: int, times: int) -> None:
    stamps = rule(Effect(FIXED, points=20), scope=Scope(stamp_every=10, categories=frozenset({"coffee"})))
    bill = receipt()._replace(lines=(Line("coffee", "latte", 100 * units, units), Line("cake", "x", 900, 7)))
    answer = came_to(stamps, bill, Member(stamps={"r": before}))
    assert sum(grant.points for grant in answer.grants) == 20 * times
    assert answer.trace[1].verdict == ("applied" if times else "stamps_missing")


def test_a_referrers_reward_names_the_referrer() -> None:
    invite = rule(Effect(FIXED, points=60, to=REFERRER))
    assert came_to(invite, who=Member(has_referrer=True)).grants[0].to == REFERRER
    assert came_to(invite).trace[1].verdict == "no_referrer"


# --- each kind of scope -------------------------------------------------------------------------

SCOPES: list[tuple[Scope, Receipt, Receipt, str]] = [
    (Scope(trades=frozenset({"hotpot"})), receipt(), receipt(trade="tea"), "other_trade"),
    (Scope(merchants=frozenset({HOTPOT})), receipt(), receipt(merchant=8), "other_merchant"),
    (Scope(without_merchants=frozenset({8})), receipt(), receipt(merchant=8), "other_merchant"),
    (Scope(outlets=frozenset({OUTLET})), receipt(), receipt(outlet=71), "other_outlet"),
    (Scope(without_outlets=frozenset({71})), receipt(), receipt(outlet=71), "other_outlet"),
    (Scope(weekdays=frozenset({0})), receipt(), receipt(at=MONDAY + DAY), "other_day"),
    (Scope(hours=frozenset({18})), receipt(), receipt(at=MONDAY + 1_800), "other_hour"),
    (Scope(basket_fen=10_000), receipt(), receipt(9_999), "below_threshold"),
    (Scope(categories=frozenset({"dishes"})), receipt(), receipt(lines=(Line("tea", "x", 1),)), "no_line"),
    (Scope(without_categories=frozenset({"tea"})), receipt(), receipt(lines=(Line("tea", "x", 1),)), "no_line"),
    (Scope(products=frozenset({"dish0"})), receipt(), receipt(lines=(Line("tea", "x", 1),)), "no_line"),
    (Scope(without_products=frozenset({"x"})), receipt(), receipt(lines=(Line("tea", "x", 1),)), "no_line"),
]


@pytest.mark.parametrize(("scope", "inside", "outside", "why"), SCOPES)
def test_a_rule_applies_within_its_scope_only(scope: Scope, inside: Receipt, outside: Receipt, why: str) -> None:
    wide = rule(Effect(FIXED, points=5), Payer(BUDGET, 0), scope=scope, loss=Loss("test", 100))
    assert came_to(wide, inside).trace[1].verdict == "applied"
    answer = came_to(wide, outside)
    assert (answer.trace[1].verdict, answer.grants) == (why, ())


@pytest.mark.parametrize(
    ("scope", "inside", "outside", "why"),
    [
        (Scope(tiers=frozenset({2})), Member(tier=2), Member(tier=1), "other_tier"),
        (Scope(first_visit=True), Member(is_first_visit=True), Member(), "not_first_visit"),
    ],
)
def test_a_rule_applies_to_its_members_only(scope: Scope, inside: Member, outside: Member, why: str) -> None:
    assert came_to(rule(PERCENT, scope=scope), who=inside).trace[1].verdict == "applied"
    assert came_to(rule(PERCENT, scope=scope), who=outside).trace[1].verdict == why


def test_a_period_is_half_open() -> None:
    timed = rule(PERCENT, starts_at=MONDAY, ends_at=MONDAY + 60)
    verdicts = [came_to(timed, receipt(at=MONDAY + s)).trace[1].verdict for s in (-1, 0, 59, 60)]
    assert verdicts == ["not_yet", "applied", "applied", "over"]


def test_hours_and_weekdays_are_shanghais() -> None:
    assert hour_of(MONDAY) == (0, 18)
    assert hour_of(int(datetime(2026, 11, 23, 0, 0, tzinfo=SHANGHAI).timestamp())) == (0, 0)
    assert hour_of(int(datetime(2026, 11, 22, 23, 59, tzinfo=SHANGHAI).timestamp())) == (6, 23)


# --- caps, budgets, groups ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caps", "used", "points", "limit"),
    [
        (Caps(bill=40), Used(), 40, "bill"),
        (Caps(member_day=150), Used(member_day=90), 60, "member_day"),
        (Caps(member=150), Used(member=130), 20, "member"),
        (Caps(day=1_000), Used(day=999), 1, "day"),
        (Caps(budget=1_000), Used(budget=1_000), 0, "budget"),
        (Caps(bill=100, budget=1_000), Used(), 100, ""),
    ],
)
def test_a_cap_clips_what_is_proportional(caps: Caps, used: Used, points: int, limit: str) -> None:
    answer = came_to(rule(PERCENT, caps=caps), who=Member(used={"r": used}))
    assert sum(grant.points for grant in answer.grants) == points
    assert answer.trace[1].limit == limit


def test_fixed_points_are_given_whole_or_not_at_all() -> None:
    answer = came_to(rule(Effect(FIXED, points=100), caps=Caps(member_day=150)), who=Member(used={"r": Used(0, 60)}))
    assert (answer.grants, answer.trace[1].verdict, answer.trace[1].limit) == ((), "refused", "member_day")


def test_two_rules_share_one_account() -> None:
    pair = [rule(PERCENT, code="a"), rule(PERCENT, code="b")]
    answer = came_to(pair, left={PROMO: 130})
    assert [(grant.rule, grant.points) for grant in answer.grants] == [("a", 100), ("b", 30)]


def test_an_account_of_others_that_is_not_named_has_nothing() -> None:
    answer = came_to(rule(PERCENT, OUTSIDE), left={})
    assert (answer.grants, answer.trace[1].limit) == ((), "account")


def test_of_a_group_the_first_that_can_gives() -> None:
    group = [
        rule(DOUBLE, code="big", group="g", priority=1, scope=Scope(basket_fen=20_000)),
        rule(PERCENT, code="small", group="g", priority=2),
        rule(PERCENT, code="other", group="g", priority=3),
    ]
    assert [grant.rule for grant in came_to(group).grants] == ["small"]
    assert [grant.rule for grant in came_to(group, receipt(20_000)).grants] == ["big"]
    assert [step.verdict for step in came_to(group).trace] == ["base", "below_threshold", "applied", "group_taken"]


# --- G8 -----------------------------------------------------------------------------------------


def test_gifts_of_others_end_at_the_bound_of_the_sale() -> None:
    answer = came_to(rule(Effect(RATE, bps=300), OUTSIDE))
    assert (answer.grants[0].points, answer.trace[1].verdict, answer.trace[1].limit) == (160, "clipped", "credit")
    assert answer.credit == 0


def test_the_merchants_own_gifts_have_no_bound() -> None:
    answer = came_to(rule(Effect(RATE, bps=300), OWN))
    assert (answer.grants[0].points, answer.credit) == (300, 160)


def test_another_merchants_money_is_bound_too() -> None:
    assert extra(rule(Effect(RATE, bps=300), Payer(508, 8)), left={508: 10_000}) == 160


def test_each_fen_of_credit_counts_once() -> None:
    pair = [rule(PERCENT, OUTSIDE, code="a"), rule(PERCENT, OUTSIDE, code="b")]
    assert [grant.points for grant in came_to(pair).grants] == [100, 60]


def test_credit_of_earlier_sales_is_for_stamps_only() -> None:
    """A sale's own gifts stay within this sale; a stamp rewards earlier purchases as well (row 26)."""
    rich = Member(credit=1_000, stamps={"r": 9})
    assert extra(rule(Effect(RATE, bps=300), OUTSIDE), who=rich) == 160
    stamp = rule(Effect(FIXED, points=900), OUTSIDE, scope=Scope(stamp_every=10))
    answer = came_to(stamp, who=rich)
    assert (answer.grants[0].points, answer.credit) == (900, 260)
    assert came_to(stamp, who=replace(rich, credit=700)).trace[1].limit == "credit"


def test_a_debt_of_credit_is_made_up_first() -> None:
    answer = came_to(rule(PERCENT, OUTSIDE), who=Member(credit=-100))
    assert (answer.grants[0].points, answer.credit) == (60, 0)
    assert extra(rule(PERCENT, OUTSIDE), who=Member(credit=-500)) == 0


def test_a_loss_budget_goes_above_the_bound_and_is_called_so() -> None:
    lost = rule(Effect(RATE, bps=300), OUTSIDE, loss=Loss("opening week", 1_000))
    answer = came_to(lost)
    assert (answer.grants[0].points, answer.grants[0].is_loss, answer.credit) == (300, True, 160)
    assert extra(lost, who=Member(used={"r": Used(budget=900)})) == 100


# --- trace --------------------------------------------------------------------------------------


def test_every_rule_leaves_one_step_with_its_version_and_inputs() -> None:
    pair = [rule(PERCENT, code="a"), replace(rule(PERCENT, code="b"), version=4, scope=Scope(tiers=frozenset({3})))]
    trace = came_to(pair, who=Member(tier=1)).trace
    assert [(step.rule, step.version, step.verdict, step.points) for step in trace] == [
        ("", 0, "base", 500),
        ("a", 1, "applied", 100),
        ("b", 4, "other_tier", 0),
    ]
    assert dict(trace[1].inputs) == {"fen": 10_000, "least": 1, "bps": 100, "base": 500, "asked": 100}
    assert dict(trace[2].inputs) == {"tier": 1}


def test_every_verdict_has_a_sentence_whose_parameters_are_there() -> None:
    bills = [receipt(), receipt(50), receipt(lines=(Line("coffee", "x", 300, 3),))]
    seen = set()
    for scope in (scope for scope, *_rest in SCOPES):
        for bill in bills:
            for step in came_to([rule(PERCENT, scope=scope), rule(Effect(FIXED, points=3), code="s",
                                                                  scope=Scope(stamp_every=9))], bill).trace:  # fmt: skip
                message, parameters = sentence(step)
                assert message % {**parameters, "title": "Offer"}
                seen.add(step.verdict)
    assert seen <= VERDICTS.keys() and {"base", "applied", "below_threshold", "stamps_missing"} <= seen
    assert {"bill", "member_day", "member", "day", "budget", "loss", "account", "credit", "told"} == LIMITS.keys()


# --- what must hold for any set -----------------------------------------------------------------

PRODUCTS = ("rice", "tea", "soap")
PAYERS = (OUTSIDE, OWN, Payer(508, 8))
numbers = st.integers(0, 3_000)
maybe = st.none() | st.integers(0, 400)


@st.composite
def any_rule(draw: Any, code: str) -> Rule:
    kind = draw(st.sampled_from([MULTIPLIER, RATE, FIXED, FACTORS]))
    factors = tuple(Factor(p, draw(numbers), "E", MONDAY + draw(st.sampled_from([-1, 1]))) for p in PRODUCTS)
    return Rule(
        code,
        1,
        Effect(kind, bps=draw(numbers), points=draw(st.integers(0, 300)), factors=factors),
        draw(st.sampled_from(PAYERS)),
        Scope(
            products=frozenset(draw(st.sets(st.sampled_from(PRODUCTS)))),
            without_products=frozenset(draw(st.sets(st.sampled_from(PRODUCTS), max_size=1))),
            tiers=frozenset(draw(st.sets(st.integers(0, 1)))),
            basket_fen=draw(st.sampled_from([0, 500, 5_000])),
            stamp_every=draw(st.sampled_from([0, 0, 3])) if kind == FIXED else 0,
        ),
        Caps(bill=draw(maybe), member_day=draw(maybe), budget=draw(maybe)),
        group=draw(st.sampled_from(["", "g"])),
        priority=draw(st.integers(1, 3)),
        loss=draw(st.none() | st.just(Loss("l", 90))),
    )


@st.composite
def any_case(draw: Any) -> tuple[list[Rule], Receipt, Member, Card, dict[int, int]]:
    rules = [draw(any_rule(f"r{n}")) for n in range(draw(st.integers(0, 5)))]
    lines = tuple(
        Line("any", draw(st.sampled_from(PRODUCTS)), draw(st.integers(0, 9_000)), draw(st.integers(0, 5)), draw(st.booleans()))
        for _ in range(draw(st.integers(0, 4)))
    )  # fmt: skip
    who = Member(
        tier=draw(st.integers(0, 1)),
        credit=draw(st.integers(-100, 500)),
        stamps={f"r{n}": draw(st.integers(0, 9)) for n in range(5)},
        used={f"r{n}": Used(*[draw(st.integers(0, 300))] * 4) for n in range(2)},
    )
    card = Card(draw(st.integers(300, 2_000)), promo_bps=draw(st.sampled_from([0, 500])))
    return rules, receipt(lines=lines), who, card, {BUDGET: draw(st.integers(0, 500)), 508: 200}


@settings(max_examples=80, deadline=None)
@given(any_case(), st.randoms())
def test_the_same_input_gives_the_same_result_whatever_the_order_of_rows(case: Any, shuffle: random.Random) -> None:
    rules, bill, who, card, left = case
    first = came_to(rules, bill, who, card=card, left=left)
    mixed = list(rules)
    shuffle.shuffle(mixed)
    assert came_to(mixed, bill, who, card=card, left=left) == first
    assert Prepared(rules).evaluate(bill, who, card, left) == first


@settings(max_examples=80, deadline=None)
@given(any_case())
def test_amounts_are_whole_positive_and_within_every_limit(case: Any) -> None:
    rules, bill, who, card, left = case
    answer = came_to(rules, bill, who, card=card, left=left)
    assert all(type(grant.points) is int and grant.points > 0 for grant in answer.grants)
    outside = [grant for grant in answer.grants if grant.is_outside and not grant.is_loss]
    stamps = {each.code for each in rules if each.scope.stamp_every}
    assert sum(grant.points for grant in outside if grant.rule not in stamps) <= answer.bound
    assert sum(grant.points for grant in outside) <= max(who.credit, 0) + answer.bound
    assert answer.credit == who.credit + answer.bound - sum(grant.points for grant in outside)
    for account, funds in left.items():
        assert sum(grant.points for grant in answer.grants if grant.payer == account) <= funds
    groups = [each.group for each in rules for grant in answer.grants if grant.rule == each.code and each.group]
    assert len(groups) == len(set(groups))


@settings(max_examples=80, deadline=None)
@given(any_case(), st.integers(0, 200))
def test_a_higher_cap_never_gives_less_of_a_rule_alone(case: Any, more: int) -> None:
    rules, bill, who, card, left = case
    for each in rules:
        looser = replace(each, caps=Caps(*((cap + more if cap is not None else None) for cap in (
            each.caps.bill, each.caps.member_day, each.caps.member, each.caps.day, each.caps.budget))))  # fmt: skip
        tight, loose = (extra([r], bill, who, card=card, left=left) for r in (each, looser))
        assert tight <= loose


@settings(max_examples=80, deadline=None)
@given(any_case(), st.randoms())
def test_any_order_of_parts_that_adds_up_to_all_returns_to_zero(case: Any, draw: random.Random) -> None:
    rules, bill, who, card, left = case
    prepared = Prepared(rules)
    before = whole = prepared.tally(bill, who, card, left)
    posted: dict[Any, int] = {}
    gone = [(0, 0) for _line in bill.lines]
    while any(part != (line.fen, line.units) for part, line in zip(gone, bill.lines, strict=True)):
        n = draw.randrange(len(gone))
        line, (fen, units) = bill.lines[n], gone[n]
        rest = (line.fen, line.units) if draw.random() < 0.3 else (fen + draw.randint(0, line.fen - fen), units)
        gone[n] = (max(rest[0], fen), draw.randint(units, line.units) if rest[0] < line.fen else line.units)
        after = prepared.tally(staying(bill, gone), who, card, left)
        moved = difference(before, after)
        for key, points in [("rebate", moved.rebate_fen), ("points", moved.points), ("rest", moved.rest)]:
            posted[key] = posted.get(key, 0) + points
        for move in moved.grants:
            posted[move[:4]] = posted.get(move[:4], 0) + move.points
        before = after
    if bill.lines:
        assert posted.get("rebate", 0) == -whole.rebate_fen and posted.get("points", 0) == -whole.points
        given_by = {(g.rule, g.version, g.payer, g.to): g.points for g in whole.grants}
        assert {key: -points for key, points in posted.items() if not isinstance(key, str) and points} == given_by
        assert before.grants == () and before.credit == who.credit


def test_thresholds_follow_what_stays() -> None:
    """Hole H11: ¥100 bought, a gift from ¥100 on; ¥1 returned takes the gift back."""
    prepared, bill = Prepared([rule(Effect(FIXED, points=88), scope=Scope(basket_fen=10_000))]), receipt(9_900, 100)
    before = prepared.tally(bill, Member(), CARD)
    after = prepared.tally(staying(bill, [(0, 0), (100, 1)]), Member(), CARD)
    moved = difference(before, after)
    assert (moved.rebate_fen, moved.points, [move.points for move in moved.grants]) == (-8, -5, [-88])


def test_more_than_was_bought_cannot_go() -> None:
    with pytest.raises(ValueError, match="10001 fen"):
        staying(receipt(), [(10_001, 0)])


def test_the_bound_is_rounded_down_twice() -> None:
    # ¥0.63 at 8 %: rebate 5, kept ⌊5 × 25 %⌋ = 1, bound ⌊0.8⌋ = 0.
    assert [bound_of(r, CARD) for r in (0, 5, 8, 10, 800)] == [0, 0, 1, 1, 160]
