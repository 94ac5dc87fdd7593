"""What stripes of a busy merchant's float give. `./run bench stripes [--quick] [--json FILE]`.

Fifty tills of one merchant, without stripes and with those that the system makes by itself, and fifty tills of fifty
merchants: that is what perfect stripes would give, since no two tills share a float there. A database is made in a
durable cluster of its own and dropped at the end. What was decided: docs/decisions/stripes-of-floats.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

TILLS = 50
GAIN = 1.3

# Each till serves any member; {merchant} is where it stands, {patient} whether the float is locked first.
SALE = """\\set w random({w0}, {w1})
\\set m {merchant}
\\set rest {m0} + 5 * :m + 4
\\set paid random(100, 10000)
SELECT status FROM points_post_one(1::smallint, 1::bigint, 'bench', gen_random_uuid(), gen_random_uuid(), :w::bigint, :m::bigint, :rest::bigint,
  now(), :paid::int, :paid::int, 0, '', NULL, false, {patient});
"""
ONE, STRIPED, FIFTY = (
    "one merchant, its float taken last",
    "one merchant, stripes made by the system",
    "fifty merchants: perfect stripes",
)
WAYS = {
    ONE: ("7", "false"),
    "one merchant, its float locked first (nearly empty)": ("7", "true"),
    STRIPED: ("7", "false"),
    FIFTY: (":client_id", "false"),
}
# The system makes stripes, or (to measure without) it makes none.
NONE = "CREATE OR REPLACE FUNCTION points_make_stripes(p_float bigint) RETURNS void LANGUAGE sql AS ''"


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench stripes", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it runs, not how fast")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    options = parser.parse_args(words)
    from bench import ledger

    with ledger.database():
        figures = _measure(ledger.pgbench_program(), 1 if options.quick else 6, 1 if options.quick else 5)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def _measure(program: str | None, seconds: int, rounds: int) -> dict[str, float]:
    if program is None:
        raise SystemExit("no pgbench found")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, connections

    from bench.book import world
    from points import stripes
    from points.models import Allowance

    size = world.Size(20_000, 64)
    call_command("migrate", "points", verbosity=0)
    list(world.write(size))
    connections.close_all()
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('points_make_stripes'::regproc)")
        makes = cursor.fetchone()[0]
    for _ in range(rounds):
        for way, (merchant, patient) in WAYS.items():
            with connection.cursor() as cursor:
                cursor.execute(makes if way == STRIPED else NONE)
            stripes.fold()
            connections.close_all()
            facts = {**size.facts, "w1": world.WALLET_0 + size.wallets - 1, "merchant": merchant, "patient": patient}
            found[way].append(_pgbench(program, SALE.format(**facts), seconds))
            if Allowance.objects.exists() != (way == STRIPED):
                raise SystemExit(f"{way}: stripes {'are missing' if way == STRIPED else 'were made'}")
    figures = {way: statistics.median(rates) for way, rates in found.items()}
    for way, rate in figures.items():
        print(f"{way:52} {rate:8,.0f} sales/s   {', '.join(f'{one:,.0f}' for one in found[way])}", flush=True)
    best, gain = figures[FIFTY] / figures[ONE], figures[STRIPED] / figures[ONE]
    print(f"stripes give {gain:.2f} times as much, at most {best:.2f}; worth it from {GAIN} on", flush=True)
    from points import rollup, verify

    rollup.run()
    broken = [check.name for check in verify.checks() if check.differences]
    if broken:
        raise SystemExit(f"laws broken: {broken}")
    connections.close_all()
    return {**figures, "gain": gain, "gain at most": best}


def _pgbench(program: str, script: str, seconds: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [program, "-n", "-M", "prepared", "-c", str(TILLS), "-j", "2", "-T", str(seconds), "--max-tries", "5", "-f", file.name,
                   os.environ["DATABASE_OWNER_URL"]]  # fmt: skip
        out = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in out.stdout.splitlines() if line.startswith("tps")]
    if not lines:
        raise SystemExit(f"pgbench failed: {out.stderr[-500:]}")
    return float(lines[-1].split()[2])


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
