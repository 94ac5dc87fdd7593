"""Measure a clearing day: `./run bench clearing [--quick] [--merchants N] [--json FILE]`.

N merchants with two bills each, booked through the posting functions: one whose hold-back ends, one paid in points on
the day. Then the day is closed, cleared, approved and sent, and the bank's statement of all payouts is booked and read.
The laws are verified at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.book import world
from bench.ledger import database

GOAL_SECONDS = 15 * 60
BATCH = 1_000
LAWS = [
    "all balances and what the roll-up has not taken yet sum to zero",
    "what left the bank left a payout or the fee, by its line",
    "custody is the bank's lines, and its files follow each other",
    "what is in payout is the open payouts",
    "a payout went the way that its state says",
    "statements follow each other, and no day is cleared out of turn",
    "each figure of a statement is the sum of its journals",
]
# One bill per merchant: g is the merchant, {spend} points of a wallet are spent, or {paid} fen are paid.
BILLS = """
SELECT count(*) FROM points_post(6::smallint, 1, 'system:bench',
  (SELECT array_agg(md5('{key}' || g)::uuid ORDER BY g) FROM generate_series({first}, {last}) g), (SELECT array_agg(md5(g::text)::uuid ORDER BY g) FROM generate_series({first}, {last}) g),
  (SELECT array_agg({w0} + g ORDER BY g) FROM generate_series({first}, {last}) g), (SELECT array_agg(1 + g::bigint ORDER BY g) FROM generate_series({first}, {last}) g),
  (SELECT array_agg({m0} + 5 * g + 4::bigint ORDER BY g) FROM generate_series({first}, {last}) g), (SELECT array_agg('{at}'::timestamptz) FROM generate_series({first}, {last}) g),
  (SELECT array_agg({paid}) FROM generate_series({first}, {last}) g), (SELECT array_agg({paid}) FROM generate_series({first}, {last}) g),
  (SELECT array_agg({spend}) FROM generate_series({first}, {last}) g), (SELECT array_agg(''::text) FROM generate_series({first}, {last}) g), '{at}'::timestamptz)
"""


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench clearing", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 merchants: shows that it runs")
    parser.add_argument("--merchants", type=int, default=160_000)
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--keep", action="store_true", help="leave the database when done")
    options = parser.parse_args(words)
    with database():
        import django

        django.setup()
        figures = measure(2_000 if options.quick else options.merchants)
        from django.db import connections

        connections.close_all()
    for name, value in figures.items():
        print(f"{name:52} {value:>14,}" if isinstance(value, int) else f"{name:52} {value:>14,.2f}", flush=True)
    is_met = figures["close and clear, seconds"] < GOAL_SECONDS and not figures["laws broken"]
    print(f"goal: {GOAL_SECONDS} s — {'ok' if is_met else 'short'}")
    if options.json:
        options.json.write_text(json.dumps({**figures, "goal_seconds": GOAL_SECONDS}, indent=1), encoding="utf-8")
    return 0


def measure(merchants: int) -> dict[str, Any]:
    from django.core.management import call_command
    from django.utils import timezone

    from alliance.actors import Actor
    from alliance.calc.worktime import day_start, shanghai_day
    from merchants.banks import files, plain
    from merchants.calc import references
    from points import accounts, clearing, closing, funding, matrix, verify
    from points.models import Payout, Statement

    actor, now = Actor.system("bench"), timezone.now()
    call_command("migrate", verbosity=0)
    size = world.Size(wallets=merchants, merchants=merchants)
    for _rate in world.write(size):
        pass
    day = shanghai_day(now) - timedelta(days=1)
    for key, at, paid, spend in (
        ("earn", day_start(day) - timedelta(days=7) + timedelta(hours=12), 10_000, 0),
        ("spend", day_start(day) + timedelta(hours=12), 0, 1_000),
    ):
        for first in range(0, merchants, BATCH):
            last = min(first + BATCH, merchants) - 1
            world.run(
                BILLS.format(key=key, at=at.isoformat(), paid=paid, spend=spend, first=first, last=last, **size.facts)
            )
    figures: dict[str, Any] = {"merchants": merchants, "bills": 2 * merchants}

    def timed(name: str, act: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        answer = act()
        figures[f"{name}, seconds"] = time.perf_counter() - started
        print(f"{name}: {figures[f'{name}, seconds']:.1f} s", flush=True)
        return answer

    timed("close", lambda: closing.close(day))
    timed("clear", lambda: clearing.clear(day, actor=actor))
    figures["close and clear, seconds"] = figures["close, seconds"] + figures["clear, seconds"]
    timed("clear again (nothing is left)", lambda: clearing.clear(day, actor=actor))
    figures["statements"] = Statement.objects.count()
    timed("approve all", lambda: clearing.approve(run_no=1, through=10**12))
    payouts = list(Payout.objects.filter(state=Payout.State.APPROVED).order_by("pk").values_list("pk", "amount_fen"))
    figures["payouts"] = len(payouts)
    timed("send all", lambda: clearing.send(run_no=1, payout_ids=[pk for pk, _fen in payouts]))
    codes = [references.payout_code(pk) for pk, _fen in payouts]
    header = files.Header(1, day, "bench", "1")
    payments = [
        files.Payment(code, "6222020200112233445", "和安鲜果商行", "工商银行", fen)
        for code, (_pk, fen) in zip(codes, payouts, strict=True)
    ]
    timed("write the payout file", lambda: plain.write(header, payments))
    opening = -accounts.balance(1)
    closing_fen = opening - sum(fen for _pk, fen in payouts)
    rows = [
        "账号,1",
        f"期初余额,{opening / 100:.2f}",
        f"期末余额,{closing_fen / 100:.2f}",
        "流水号,交易日期,收入,支出,对方户名,摘要",
    ]
    rows += [f"B{n},{day},,{fen / 100:.2f},x,{codes[n]}" for n, (_pk, fen) in enumerate(payouts)]
    content = "\n".join(rows).encode()
    found = timed("read the bank's statement", lambda: plain.read(content))
    lines = [
        funding.Line(e.serial, e.amount_fen, e.value_on, e.payer, e.memo, references.read_payout_code(e.memo))
        for e in found.entries
    ]
    booked = timed(
        "book the bank's statement",
        lambda: funding.book_statement(
            bank="bench", account="1", from_on=day, to_on=day, opening_fen=found.opening_fen, closing_fen=found.closing_fen,
            digest=hashlib.sha256(content).digest(), lines=lines, actor=actor, at=now,
        ),
    )  # fmt: skip
    assert booked.paid == len(payouts), booked
    flows = timed("matrix of the day", lambda: matrix.matrix(day, day))
    figures["flows"] = len(flows)
    # All laws for a small book; for a large one those of the clearing.
    laws = verify.names() if merchants <= 5_000 else LAWS
    broken = timed("verify", lambda: [check.name for name in laws for check in verify.run(name) if check.differences])
    figures["laws broken"] = len(broken)
    if broken:
        print("broken:", *broken, sep="\n  ")
    return figures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
