"""Measure the evaluation of rules: `./run bench rules [--quick] [--backtest] [--json FILE]`.

One core, CPU time, a set of rules that is prepared once; nothing is read from a database. The receipts are invented:
four lines each, a town of 40 merchants, four tiers, all hours of a week. With --backtest a draft is carried through a year of
one chain, which is written into a database of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import backtest
from bench.backtest import GOAL_SECONDS
from bench.ledger import database
from points.calc import lint
from points.calc.rules import (
    FIXED,
    MULTIPLIER,
    RATE,
    Caps,
    Card,
    Effect,
    Line,
    Member,
    Payer,
    Prepared,
    Receipt,
    Rule,
    Scope,
    Used,
)

GOAL = 100_000
MONDAY = 1_795_363_200  # Monday 23 November 2026, midnight in UTC
BUDGET = 900
CARDS = [Card(rate_bps=rate) for rate in (300, 500, 800, 1_200)]


def rules() -> list[Rule]:
    """Twelve rules of every kind, as a town would have them."""
    outside, own = Payer(BUDGET), [Payer(merchant + 500, merchant) for merchant in range(1, 41)]
    caps = Caps(member_day=500, member=20_000, budget=10_000_000)
    return [
        Rule("gold", 1, Effect(MULTIPLIER, bps=500), outside, Scope(tiers=frozenset({2, 3})), caps, "tier"),
        Rule("silver", 1, Effect(MULTIPLIER, bps=300), outside, Scope(tiers=frozenset({1})), caps, "tier"),
        Rule("night", 1, Effect(RATE, bps=50), outside, Scope(hours=frozenset({20, 21})), caps),
        Rule("hotpot-monday", 1, Effect(RATE, bps=40), outside, Scope(frozenset({"hotpot"}), weekdays=frozenset({0}))),
        Rule("fresh", 1, Effect(RATE, bps=30), outside, Scope(categories=frozenset({"fresh"}))),
        Rule("over-200", 1, Effect(FIXED, points=50), outside, Scope(basket_fen=20_000), caps),
        Rule("first", 1, Effect(FIXED, points=200), own[0], Scope(merchants=frozenset({1}), first_visit=True)),
        Rule("coffee", 1, Effect(FIXED, points=300), own[1], Scope(merchants=frozenset({2}), stamp_every=10)),
        *(
            Rule(f"own-{n}", 1, Effect(MULTIPLIER, bps=10_000), own[n], Scope(merchants=frozenset({n + 1})))
            for n in range(2, 6)
        ),
    ]


def receipts(n: int) -> list[tuple[Receipt, Member, Card]]:
    draw = random.Random(7)
    kinds = ("fresh", "drinks", "home", "dishes")
    return [
        (
            Receipt(
                merchant := draw.randint(1, 40),
                merchant * 10,
                ("hotpot", "tea", "fruit", "supermarket")[merchant % 4],
                MONDAY + draw.randrange(7 * 86_400),
                tuple(
                    Line(draw.choice(kinds), f"p{draw.randrange(500)}", draw.randrange(100, 9_000), 1) for _ in range(4)
                ),
            ),
            Member(
                tier=draw.randrange(4),
                is_first_visit=draw.random() < 0.1,
                credit=draw.randrange(500),
                stamps={"coffee": draw.randrange(30)},
                used={"gold": Used(member=draw.randrange(500))},
            ),
            CARDS[merchant % len(CARDS)],
        )
        for _ in range(n)
    ]


def rate_of(work: Callable[[], int], repeats: int) -> float:
    """Return the median of `repeats` rates, by CPU time of this process."""
    rates = []
    for _ in range(repeats):
        started = time.process_time()
        done = work()
        rates.append(done / (time.process_time() - started))
    return statistics.median(rates)


def back_test(is_quick: bool) -> dict[str, float]:
    """Return the figures of a back-test in a scratch database."""
    with database():
        import django

        django.setup()
        from django.db import connections

        figures = backtest.measure(is_quick=is_quick)
        connections.close_all()
    return figures


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench rules", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer receipts: shows that everything runs")
    parser.add_argument("--backtest", action="store_true", help="also a back-test over a grocery year, in a database")
    parser.add_argument("--json", type=Path, help="write the lines into this file")
    options = parser.parse_args(words)
    n, repeats = (5_000, 3) if options.quick else (100_000, 5)
    prepared, drawn, left = Prepared(rules()), receipts(n), {BUDGET: 10**9}
    lines = []

    def add(what: str, figure: float, unit: str, goal: float | None, is_good: bool | None) -> None:
        verdict = {True: "ok", False: "short", None: "–"}[is_good]
        lines.append({"what": what, "figure": round(figure, 2), "unit": unit, "goal": goal, "verdict": verdict})
        print(f"{what:64} {figure:>12,.1f} {unit:12} {f'goal {goal:,.0f}' if goal else '':16} {verdict}", flush=True)

    def bare() -> int:
        """What Python takes to add up the lines and reckon the base, without any rule: the ceiling."""
        empty = Prepared(())
        for receipt, member, card in drawn:
            empty.tally(receipt, member, card, left)
        return len(drawn)

    def tally() -> int:
        for receipt, member, card in drawn:
            prepared.tally(receipt, member, card, left)
        return len(drawn)

    def trace() -> int:
        some = drawn[: len(drawn) // 10]
        for receipt, member, card in some:
            prepared.evaluate(receipt, member, card, left)
        return len(some)

    given = sum(len(prepared.tally(*each, left).grants) for each in drawn)
    print(f"{len(prepared.rules)} rules, {n:,} receipts of 4 lines, {given / n:.2f} grants each; one core, CPU time")
    add("no rule at all: lines, base, bound (the ceiling)", rate_of(bare, repeats), "receipts/s", None, None)
    rate = rate_of(tally, repeats)
    add("12 rules, without trace (batch, back-test)", rate, "receipts/s", GOAL, rate >= GOAL)
    add("12 rules, with the trace of each (till, quote)", rate_of(trace, repeats), "receipts/s", None, None)
    started = time.process_time()
    found = lint.gains(prepared.rules, CARDS)
    seconds = time.process_time() - started
    add("search for a faked sale that gains, whole set", seconds, "s", None, None)
    add("… situations searched", found.searched, "situations", None, None)
    if options.backtest:
        figures = back_test(options.quick)
        print(f"{figures['baskets']:,} baskets, {figures['lines']:,} lines, {figures['touched']:,} receipts differ")
        add("back-test of a year: five rules and a draft", figures["seconds"], "s", GOAL_SECONDS,
            figures["seconds"] < GOAL_SECONDS)  # fmt: skip
        add("… of that this process, without the database", figures["cpu"], "s CPU", None, None)
        add("… memory at most", figures["memory"], "MB", None, None)
    if options.json:
        options.json.write_text(json.dumps(lines, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
