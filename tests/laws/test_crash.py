"""kill -9 of the database under load: whatever was acknowledged is booked, once, and every law holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from launch import postgres
from launch.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]

# What a client does in its own process: the same request until it is answered, each answer written down at once.
CLIENT = """
import os, sys, time, json
os.environ["DJANGO_SETTINGS_MODULE"] = "alliance.settings"
import django; django.setup()
from django.db import Error, connection
from django.utils import timezone
from points import bills
from tests.points.shops import TEST
from points.bills import Caller, OutletRef
from points.models import Terms
from alliance.refusals import Refused
number, facts, out = int(sys.argv[1]), json.loads(sys.argv[2]), open(sys.argv[3], "a", buffering=1)
terms = outlet = None
n = 0
while True:
    n += 1
    key, wallet, at = f"{number}-{n}", facts["wallets"][(number * 7 + n) % len(facts["wallets"])], timezone.now()
    while True:
        try:
            if terms is None:
                terms = Terms.objects.get(pk=facts["terms"])
                outlet = OutletRef(1, facts["float"], facts["centre"])
            spend = 20 if n % 3 == 0 else 0
            bill = bills.draft(outlet=outlet, terms=terms, wallet_id=wallet, paid_fen=1000, spend_points=spend, event_at=at, key=key, body=key)
            batch = [bill] if n % 4 else [bill] + [bills.draft(outlet=outlet, terms=terms, wallet_id=w, paid_fen=500, event_at=at, key=f"{key}.{w}", body=key) for w in facts["wallets"][:5]]
            for one, outcome in zip(batch, bills.post(batch, caller=Caller("town", number), actor=TEST)):
                out.write(json.dumps([number, one.key, outcome.status, outcome.sale_id]) + "\\n")
            break
        except (Error, Refused):
            connection.close()
            time.sleep(0.02)
"""

SETUP = """
import os, json
os.environ["DJANGO_SETTINGS_MODULE"] = "alliance.settings"
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.points.shops import open_shop
shop = open_shop(float_fen=50_000_000, matures_days=0)
print(json.dumps({"wallets": [shop.wallet().pk for _ in range(20)], "terms": shop.terms.pk, "float": shop.merchant.float_id,
  "centre": shop.outlet.centre_account_id}))
"""

CHECK = """
import os, sys, json
os.environ["DJANGO_SETTINGS_MODULE"] = "alliance.settings"
import django; django.setup()
from points import rollup, verify
from points.calc.digests import digest
from points.models import Key
rollup.run()
known = {(k.caller_id, k.key.hex): (k.status, k.sale_id) for k in Key.objects.filter(caller_kind=8)}
rows = [json.loads(line) for name in sys.argv[1:] for line in open(name) if line.endswith("\\n")]
wrong = [row for row in rows if known.get((row[0], digest(row[1])), (None, None))[1] != row[3]]
booked = [row[3] for row in rows if row[3]]
print(json.dumps({"answers": len(rows), "lost": len(wrong), "twice": len(booked) - len(set(booked)), "broken": [c.name for c in verify.checks() if c.differences]}))
"""


@pytest.mark.law
@pytest.mark.slow
def test_acknowledged_is_booked_after_the_database_was_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="lianhui-crash-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "s").mkdir()
        cluster = Cluster(folder / "postgres", folder / "s", folder / "log", postgres.DURABLE)
        cluster.start()
        try:
            url = cluster.url(postgres.OWNER)
            env = {
                **os.environ,
                "DATABASE_URL": url,
                "DATABASE_OWNER_URL": url,
                "LIANHUI_DB_ROLE": "owner",
                "PYTHONPATH": str(ROOT),
            }
            facts = _python(SETUP, env)
            logs = [folder / f"answers-{n}" for n in range(8)]
            clients = [
                subprocess.Popen([sys.executable, "-c", CLIENT, str(n), json.dumps(facts), str(log)], env=env, cwd=ROOT)
                for n, log in enumerate(logs)
            ]
            try:
                for _ in range(3):
                    _work(200, logs)
                    assert cluster.child is not None
                    os.kill(cluster.child.process.pid, signal.SIGKILL)
                    cluster.child.process.wait()
                    cluster.start()
                _work(200, logs)
            finally:
                for client in clients:
                    client.kill()
                    client.wait()
            result = _python(CHECK, env, *map(str, logs))
        finally:
            cluster.stop()
    assert result["answers"] >= 800, result
    assert (result["lost"], result["twice"], result["broken"]) == (0, 0, []), result


def _work(answers: int, logs: list[Path]) -> None:
    """Let the clients go on until they have written down so many more answers, each of them at least one."""
    before = written = _written(logs)
    deadline = time.monotonic() + 180
    while sum(written) < sum(before) + answers or not all(written):
        assert time.monotonic() < deadline, f"the clients wrote {written} answers after {before}"
        time.sleep(0.05)
        written = _written(logs)


def _written(logs: list[Path]) -> list[int]:
    return [log.read_bytes().count(b"\n") if log.exists() else 0 for log in logs]


def _python(program: str, env: dict[str, str], *words: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", program, *words], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
