"""A back-test's sums: two sets of rules side by side, with counters that are carried from receipt to receipt."""

from __future__ import annotations

from dataclasses import replace

from points.calc.backtest import DAY, MERCHANT, PAYER, RULE, TIER, TRADE, Comparison, Course, Figures, Sold, staying
from points.calc.rules import (
    FIXED,
    RATE,
    Caps,
    Card,
    Effect,
    Line,
    Loss,
    Payer,
    Receipt,
    Rule,
    Scope,
)

MONDAY = 1_795_363_200
DAY_SECONDS = 86_400
BUDGET, SHOP, CARD = 900, 7, Card(rate_bps=800)
TEN = Rule("ten", 1, Effect(FIXED, points=10), Payer(BUDGET), caps=Caps(member_day=20, budget=70))


def sold(wallet: int = 1, day: int = 0, fen: int = 10_000, shop: int = SHOP, tier: int = 0, **more: object) -> Sold:
    lines = (Line("tea", "cup", fen, int(str(more.get("units", 1)))),)
    is_first = bool(more.get("is_first"))
    return Sold(wallet, tier, is_first, Receipt(shop, 1, "tea", MONDAY + day * DAY_SECONDS, lines), CARD)


def given(rule: Rule, *receipts: Sold) -> list[int]:
    course = Course([rule], {})
    return [sum(grant.points for grant in course.take(each).grants) for each in receipts]


def test_limits_are_carried_in_order_of_time() -> None:
    assert given(TEN, *[sold()] * 3, sold(day=1), *[sold(wallet=2)] * 3, sold(day=2), sold(day=3), sold(day=4)) == [
        10, 10, 0, 10, 10, 10, 0, 10, 10, 0,
    ]  # fmt: skip
    day = replace(TEN, caps=Caps(day=25))
    assert given(day, sold(1), sold(2), sold(3), sold(3, day=1)) == [10, 10, 0, 10]
    member = replace(TEN, caps=Caps(member=10))
    assert given(member, sold(1), sold(1, day=9), sold(2)) == [10, 0, 10]


def test_a_late_receipt_counts_on_the_newest_day() -> None:
    assert given(TEN, sold(day=1), sold(day=0), sold(day=1)) == [10, 10, 0]


def test_stamps_and_first_visits_are_carried_too() -> None:
    stamp = replace(TEN, scope=Scope(stamp_every=3), caps=Caps(), payer=Payer(BUDGET, SHOP))
    assert given(stamp, *[sold()] * 4, sold(units=5), sold(2)) == [0, 0, 10, 0, 20, 0]
    first = replace(TEN, scope=Scope(first_visit=True))
    assert given(first, sold(is_first=True), sold()) == [10, 0]


def test_what_stamps_draw_on_is_saved_from_receipt_to_receipt() -> None:
    """One sale of ¥100 leaves 160 of reward credit: 200 points of others need two of them."""
    others = replace(TEN, effect=Effect(FIXED, points=200), scope=Scope(stamp_every=1), caps=Caps())
    assert given(others, *[sold()] * 6) == [0, 200, 200, 200, 200, 0]


def test_the_period_of_a_rule_does_not_matter_here() -> None:
    assert given(replace(TEN, starts_at=MONDAY + 99 * DAY_SECONDS), sold()) == [10]


def test_who_wins_and_who_loses() -> None:
    more = replace(TEN, version=2, effect=Effect(FIXED, points=15))
    own = Rule("own", 1, Effect(RATE, bps=100), Payer(901, SHOP), Scope(merchants=frozenset({SHOP})))
    found = Comparison([TEN, own], [more, own], {BUDGET: 40})
    for each in (sold(1), sold(1), sold(2, shop=8, tier=3, day=1), sold(2, shop=8, tier=3, day=1), sold(9, shop=9)):
        found.take(each)
    rows = {(part, key): figures for part, key, figures in found.figures()}
    # 15 points once, then 5 are left of the day's 20, and fixed points are whole or nothing.
    assert rows[MERCHANT, "7"] == Figures(2, 2, 220, 215, 200, 200)
    assert rows[MERCHANT, "8"] == Figures(2, 2, 20, 15)
    assert rows[MERCHANT, "9"] == Figures(1, 1, 10, 15)
    assert rows[TIER, "0"] == Figures(3, 3, 230, 230, 200, 200, better=1, worse=1)
    assert rows[TIER, "3"] == Figures(2, 2, 20, 15, worse=1)
    assert rows[TRADE, "tea"].after - rows[TRADE, "tea"].before == -5 == found.points_after - found.points_before
    assert rows[PAYER, "900"] == Figures(3, 3, 50, 45)
    assert rows[RULE, "own"] == Figures(2, 2, 200, 200)
    assert [key for part, key in rows if part == DAY] == ["2026-11-23", "2026-11-24"]
    assert found.members() == (1, 2) and (found.receipts, found.touched) == (5, 5)
    assert found.after.empty == {BUDGET: found.after.empty[BUDGET]} and not found.after.used_up


def test_the_same_rule_under_another_number_changes_nothing() -> None:
    found = Comparison([TEN], [replace(TEN, version=9)], {})
    found.take(sold())
    assert (found.touched, found.members()) == (0, (0, 0))


def test_the_day_on_which_a_budget_is_used_up() -> None:
    for rule in (TEN, replace(TEN, caps=Caps(), loss=Loss("x", 70)), replace(TEN, caps=Caps(budget=75))):
        course = Course([rule], {})
        for n in range(9):
            course.take(sold(wallet=n, day=n))
        assert course.used_up == {"ten": (MONDAY + 8 * 3_600) // DAY_SECONDS + 6}


def test_lines_come_to_what_was_paid_and_kept() -> None:
    lines = [Line("a", "1", 100), Line("b", "2", 50, 1, False), Line("c", "3", 200), Line("d", "4", 33)]
    for fen in (333, 332, 100, 1, 0):
        kept = staying(lines, fen)
        assert sum(line.fen for line in kept if line.is_eligible) == fen and kept[1] == lines[1]
    assert staying([], 500) == (Line("", "", 500),)


def test_lines_are_read_only_where_a_rule_looks_at_them() -> None:
    assert not Comparison([TEN], [], {}).needs_lines
    assert Comparison([TEN], [replace(TEN, scope=Scope(categories=frozenset({"tea"})))], {}).needs_lines
    assert Comparison([], [replace(TEN, scope=Scope(first_visit=True))], {}).first_visits() is None
    named = replace(TEN, code="named", scope=Scope(first_visit=True, merchants=frozenset({7})))
    assert Comparison([], [named, TEN], {}).first_visits() == {7}
    assert Comparison([], [TEN], {}).first_visits() == frozenset()
