"""L1: random histories of all verbs against the oracle (tests.laws), each a process with a new database.

As many clusters as processors, for the roll-up keeps its place by the oldest transaction of its cluster. A life ends
with the first difference; its seed plays it again: `python -m bench.faulty.lives SEED OPERATIONS`, on a copy of the
database that DATABASE_OWNER_URL names.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {"PLAIN_STATIC": "true", "CELERY_EAGER": "true", "HTTPS": "false", "LIANHUI_DB_ROLE": "owner"}
LIFE = "life"
GIVES = {"booked", "without_points", "promised"}
# Operations of a batched life; one that goes one by one has a quarter of them.
MOST = 20_000
# Every so many lives one knows everything that happens to money (refunds, rules, promises, clearing, the surplus); its
# operations cost ten times as much.
WHOLE_EVERY, WHOLE_PART = 4, 10


@dataclass
class Lives:
    lives: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    laws: int = 0
    comparisons: int = 0
    seconds: float = 0
    differences: list[str] = field(default_factory=list)

    @property
    def refusals(self) -> int:
        return sum(n for status, n in self.answers.items() if status not in GIVES)


def play(operations: int, first_seed: int, most: int = MOST) -> Lives:
    """Play lives with seeds from `first_seed` on, batched and single in turn, until there are so many operations."""
    from launch import backing

    found, lock, seeds = Lives(), threading.Lock(), itertools.count(first_seed)
    started = time.monotonic()

    def work(env: Mapping[str, str]) -> None:
        _run(env, "prepare")
        while True:
            with lock:
                if found.operations.total() + planned.total() >= operations:
                    return
                seed = next(seeds)
                n = _length(seed, most)
                planned[seed] = n
            told = _run(env, str(seed), str(n))
            with lock:
                del planned[seed]
                _add(found, seed, n, told)

    planned: Counter[int] = Counter()
    with ExitStack() as stack:
        worlds = [stack.enter_context(backing.throw_away()) for _ in range(os.cpu_count() or 1)]
        envs = [{**world, **PLAIN, "DJANGO_SETTINGS_MODULE": "alliance.settings"} for world in worlds]
        workers = [threading.Thread(target=work, args=(env,)) for env in envs]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    found.seconds = time.monotonic() - started
    return found


def _length(seed: int, most: int) -> int:
    if _is_whole(seed):
        return most // WHOLE_PART
    return most if _is_batched(seed) else most // 4


def _is_whole(seed: int) -> bool:
    return seed % WHOLE_EVERY == 0


def _is_batched(seed: int) -> bool:
    """Of the whole lives every second one, of the others too."""
    return seed % (2 * WHOLE_EVERY) == 0 if _is_whole(seed) else seed % 2 == 1


def _kind(seed: int) -> str:
    return ("whole, " if _is_whole(seed) else "") + ("batched" if _is_batched(seed) else "single")


def _run(env: Mapping[str, str], *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.faulty.lives", *words]
    done = subprocess.run(command, cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        return {"difference": f"the process ended with {done.returncode}: {done.stderr[-1500:]}"}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def _add(found: Lives, seed: int, planned: int, told: dict[str, Any]) -> None:
    kind = _kind(seed)
    found.lives[kind] += 1
    found.operations[kind] += told.get("operations", 0)
    found.answers.update(told.get("answers", {}))
    found.laws = max(found.laws, told.get("laws", 0))
    found.comparisons += told.get("comparisons", 0)
    if told.get("difference"):
        # A broken life counts as played, or a broken book would be played for ever.
        found.operations["not played, after a difference"] += max(planned - told.get("operations", 0), 0)
        found.differences.append(f"seed {seed} ({kind}, {planned:,} operations): {told['difference']}")
    else:
        print(f"    seed {seed}: {told['operations']:,} operations, {kind}, until {told['until']}", flush=True)


# --- in the process of a life -------------------------------------------------------------------


def main(words: list[str]) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    if words == ["prepare"]:
        call_command("migrate", verbosity=0)
        call_command("grants", verbosity=0)
        told: dict[str, Any] = {}
    else:
        _new_database()
        told = _live(int(words[0]), int(words[1]))
    connections.close_all()
    print(json.dumps(told))
    return 0


def _new_database() -> None:
    """Copy the migrated database, and point Django at the copy."""
    from urllib.parse import urlsplit

    import psycopg
    from django.db import connection

    owner = urlsplit(os.environ["DATABASE_OWNER_URL"])
    with psycopg.connect(owner._replace(path="/postgres").geturl(), autocommit=True) as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {LIFE} WITH (FORCE)")
        maintenance.execute(f"CREATE DATABASE {LIFE} TEMPLATE {owner.path[1:]} STRATEGY file_copy")
    connection.close()
    connection.settings_dict["NAME"] = LIFE


def _live(seed: int, operations: int) -> dict[str, Any]:
    from tests.laws.histories import History
    from tests.laws.whole_histories import WholeHistory

    counted = Counter[str]()
    chosen: type[History] = WholeHistory if _is_whole(seed) else History

    class Counted(chosen):  # type: ignore[misc, valid-type]
        def compare(self, *args: Any, **words: Any) -> None:
            laws = words.get("laws", args[0] if args else ())
            counted["laws"] = max(counted["laws"], len(laws))
            counted["comparisons"] += 1
            super().compare(*args, **words)

    history, difference = None, ""
    try:
        history = Counted(seed, is_batched=_is_batched(seed))
        history.play(operations)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        difference = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {str(error)[:600]}"
        traceback.print_exc(file=sys.stderr)
    return {
        "operations": history.operations if history else 0,
        "answers": history.seen if history else {},
        "until": f"{history.now:%Y-%m-%d}" if history else "",
        "difference": difference,
        **counted,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
