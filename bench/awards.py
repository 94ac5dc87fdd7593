"""Measure the whole sale with rules in force: `./run bench awards [--quick] [--json FILE]`.

One client on one connection books sales one after another, in a database of its own; then four clients share one budget.
The first line has no rule at all; the others have so many rules for this shop, of which so many give something on each
sale. Wall time with the commit; statements are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.ledger import database

CLIENTS = 4
WORDS = {"zh-hans": "测算", "en": "Bench"}
CAPS = {"member_day": 10**8, "member": 10**8, "budget": 10**9}


def measure(*, is_quick: bool) -> list[dict[str, Any]]:  # noqa: C901
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from alliance.actors import Actor
    from points import accounts, awards, bills, funding, partitions, rules, terms
    from points.models import Account, RuleVersion

    call_command("migrate", verbosity=0)
    actor, at = Actor.system("bench"), timezone.now()
    opened = at - timedelta(days=10)
    partitions.ahead(2, start=opened.date())

    def fund(account: int, serial: str) -> None:
        line = funding.receive(
            bank="b", account="1", serial=serial, amount_fen=10**9, value_on=at.date(), actor=actor, at=at
        )  # fmt: skip
        funding.allot(bank_line=line, float_id=account, actor=actor, at=at)

    merchant = accounts.open_merchant(owner_no=1, title="shop", at=opened)
    centre = accounts.open_centre(owner_no=1, title="centre", at=opened)
    card = terms.write(merchant=merchant, version=1, rate_bps=800, valid_from=opened)
    other = accounts.open_merchant(owner_no=2, title="other", at=opened)
    outlet = bills.OutletRef(1, merchant.float_id, centre)
    wallets = accounts.open_wallets(2_000, opened)
    budget = accounts.open_budget(title="budget", at=opened)
    fund(merchant.float_id, "float")
    fund(budget, "budget")
    caller, numbers = bills.Caller("system", 1), iter(range(10**9))

    def sell(paid: int = 10_000) -> Any:
        n = next(numbers)
        bill = bills.draft(
            outlet=outlet, terms=card, wallet_id=wallets[n * 7_919 % len(wallets)], paid_fen=paid,
            event_at=timezone.now(), key=f"k{n}", body=f"b{n}",
        )  # fmt: skip
        (outcome,) = bills.post([bill], caller=caller, actor=actor)
        return outcome

    def in_force(code: str, definition: dict[str, Any], payer: int) -> None:
        version = rules.draft(
            code=code, payer=Account.objects.get(pk=payer), definition={"caps": CAPS, "words": WORDS, **definition},
            starts_at=opened, actor=actor, at=opened,
        )  # fmt: skip
        row = RuleVersion.objects.filter(pk=version.pk)
        row.update(state="submitted", submitted_by="user:1")
        row.update(state="approved", approved_by="user:2")

    def end_all() -> None:
        RuleVersion.objects.filter(ends_at__isnull=True).update(ends_at=opened)
        awards.forget()

    def backend_seconds() -> float:
        """Return the CPU time of this connection's server process: on a busy machine the only steady figure."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")

    lines: list[dict[str, Any]] = []
    each = 200 if is_quick else 1_500

    def timed(what: str, gives: int) -> None:
        sell()
        with CaptureQueriesContext(connection) as asked:
            assert len(sell().bonuses) == gives
        took, busy, served = [], time.process_time(), backend_seconds()
        for _ in range(each):
            started = time.perf_counter()
            sell()
            took.append((time.perf_counter() - started) * 1_000)
        busy = (time.process_time() - busy) * 1_000 / each
        served = (backend_seconds() - served) * 1_000 / each
        took.sort()
        found = {
            "what": what,
            "median_ms": round(statistics.median(took), 3),
            "p95_ms": round(took[len(took) * 95 // 100], 3),
            "client_cpu_ms": round(busy, 3),
            "server_cpu_ms": round(served, 3),
            "statements": len(asked),
        }
        lines.append(found)
        figures = f"median {found['median_ms']:7.3f} ms   p95 {found['p95_ms']:7.3f} ms   CPU: client {busy:6.3f} ms, server {served:6.3f} ms"
        print(f"{what:52} {figures}   {len(asked)} statements", flush=True)

    def together(what: str, act: Callable[[], Any]) -> None:
        def client() -> None:
            for _ in range(each // CLIENTS):
                act()
            connection.close()

        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = each // CLIENTS * CLIENTS / (time.perf_counter() - started)
        lines.append({"what": what, "sales_per_second": round(rate)})
        print(f"{what:52} {rate:8,.0f} sales/s", flush=True)

    # Warm: plans, caches of the connection.
    for _ in range(200):
        sell()
    timed("no rule at all", 0)
    together(f"no rule at all, {CLIENTS} clients", sell)
    for n in range(50):
        in_force(f"away{n}", {"effect": {"kind": "rate", "bps": 10}, "scope": {"merchants": [other.float_id]}}, budget)
    awards.forget()
    timed("50 rules, all for another shop", 0)
    end_all()
    gift, far = {"effect": {"kind": "rate", "bps": 10}}, {"scope": {"basket_fen": 10**8}}
    for looked, gives in ((5, 1), (5, 5), (50, 0), (50, 1), (50, 5)):
        for n in range(looked):
            in_force(f"r{looked}-{gives}-{n}", {**gift, **({} if n < gives else far)}, budget)
        awards.forget()
        timed(f"{looked} rules for this shop, {gives} of them give", gives)
        if gives == 1:
            together(f"{looked} rules, {gives} gives, {CLIENTS} clients on one budget", sell)
        end_all()
    timed("none again: 160 versions that are over", 0)
    return lines


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench awards", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer sales: shows that everything runs")
    parser.add_argument("--json", type=Path, help="write the lines into this file")
    options = parser.parse_args(words)
    with database():
        import django

        django.setup()
        from django.db import connections

        try:
            lines = measure(is_quick=options.quick)
        finally:
            connections.close_all()
    if options.json:
        options.json.write_text(json.dumps({"lines": lines}, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
