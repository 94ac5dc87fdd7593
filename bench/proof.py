"""Measure the daily proof: `./run bench proof [--quick] [--wallets N] [--json FILE]`.

A database with N wallets and nothing else is proved once, and members ask for their part. Prints wallets a second, bytes
a day, and how long a member waits.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.ledger import database

ROOT = Path(__file__).resolve().parent.parent
# Balances as they are in life: most are small, a few are large, a fifth is empty.
FILL = """
SELECT setseed(0.5);
INSERT INTO points_wallet (id, balance, opened_at)
  SELECT 1024 + n, CASE WHEN random() < 0.2 THEN 0 ELSE least(50000000, (300 / (random() + 0.000006))::bigint) END, now() FROM generate_series(1, {wallets}) n;
UPDATE points_account SET balance = -(SELECT sum(balance) FROM points_wallet) WHERE id = 1;
ANALYZE points_wallet;
"""


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench proof", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100,000 wallets: shows that it runs")
    parser.add_argument("--wallets", type=int, default=6_000_000)
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--keep", action="store_true", help="leave the database when done")
    options = parser.parse_args(words)
    wallets = 100_000 if options.quick else options.wallets
    with database():
        import django

        django.setup()
        figures = measure(wallets)
        from django.db import connections

        connections.close_all()
    for name, value in figures.items():
        print(f"{name:44} {value:>16,}" if isinstance(value, int) else f"{name:44} {value:>16,.2f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measure(wallets: int) -> dict[str, float]:
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from points import proving
    from points.models import ProofBucket

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(wallets=wallets))
    at = timezone.now()
    wall, busy = time.perf_counter(), time.process_time()
    proof = proving.prove(at=at)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    assert proof is not None and proof.wallets == wallets
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(length(leaves)), sum(length(groups)) FROM points_proof_bucket")
        leaves, groups = cursor.fetchone()
        cursor.execute("SELECT pg_total_relation_size('points_proof_bucket')")
        (on_disk,) = cursor.fetchone()
    assert ProofBucket.objects.count() == 64
    drawn = random.Random(1)
    waits, steps = [], 0
    document = {}
    for _n in range(200):
        wallet = 1024 + drawn.randrange(1, wallets + 1)
        started = time.perf_counter()
        evidence = proving.evidence(proof.taken_on, wallet)
        waits.append((time.perf_counter() - started) * 1000)
        assert evidence is not None
        document, steps = evidence.document(), len(evidence.path)
    waits.sort()
    return {
        "wallets": wallets,
        "seconds for the whole proof": wall,
        "of these seconds of this process": busy,
        "wallets a second, reading and writing too": int(wallets / wall),
        "wallets a second of this process": int(wallets / busy),
        "memory of this process, most, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "bytes a day, leaves": int(leaves),
        "bytes a day, nodes": int(groups),
        "bytes a day on disk": int(on_disk),
        "bytes of a wallet and day": on_disk / wallets,
        "a member's part, ms, median": statistics.median(waits),
        "a member's part, ms, 99 of 100": waits[int(len(waits) * 0.99)],
        "steps of a member's path": steps,
        "bytes of a member's file": len(json.dumps(document)),
        "docs/verify_proof.py, seconds": outsider(document),
    }


def outsider(document: dict[str, object]) -> float:
    """Let the script that knows nothing of us check the last member's file; return how long it took."""
    published = {"days": [{"on": document["on"], "root": document["root"], "total_points": document["total_points"]}]}
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = Path(folder) / "proof.json", Path(folder) / "reserve.json"
        mine.write_text(json.dumps(document), encoding="utf-8")
        theirs.write_text(json.dumps(published), encoding="utf-8")
        started = time.perf_counter()
        script = ROOT / "docs" / "verify_proof.py"
        subprocess.run([sys.executable, str(script), str(mine), str(theirs)], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
