"""`./run test`: pytest on throw-away clusters, one process per core, each with a cluster and a broker of its own.

They do not share a cluster, for the diary and the roll-up keep their place by its oldest open transaction: a test that
waits in one process would hold back those of another. What asks for few tests (a path, -k) or for the terminal (--pdb,
-s) runs in one process; -n decides otherwise.
"""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Sequence

from launch import backing, packages
from launch.packages import ROOT

# Compressed static files, real tasks and https belong to a served installation.
PLAIN = {"PLAIN_STATIC": "true", "CELERY_EAGER": "true", "HTTPS": "false"}
# The custody accounts of the tests' banks.
PLAIN |= {"BANK_ACCOUNT": "1", "BANK_ACCOUNTS": "2, a, 6222"}
WORLDS = "LIANHUI_TEST_WORLDS"
MOST_WORKERS = 4
# What picks a few tests, runs none, or wants the terminal for itself.
ALONE = re.compile(r"-[skhV].*|--(pdb|trace|capture=no|co|collect-only|fixtures|markers|help|version|setup-.*)$")
# The word after one of these is its value, whatever it looks like.
TAKES_A_VALUE = {"-m", "-p", "-o", "-W", "-c", "-r", "--maxfail", "--durations", "--tb", "--deselect", "--ignore"}


def test(words: list[str]) -> int:
    """Run pytest on throw-away clusters: PostgreSQL of PG_BIN, else of the wheel."""
    packages.ensure(packages.SERVE_LOCK, packages.DEV_LOCK)
    n, rest = workers(words)
    with contextlib.ExitStack() as stack:
        worlds = [stack.enter_context(backing.throw_away()) for _ in range(max(n, 1))]
        env = {**worlds[0], **PLAIN, "LIANHUI_DB_ROLE": "owner"}
        command = [str(packages.PYTHON), "-m", "pytest"]
        if n:
            # What differs from world to world travels as JSON; launch.worker unpacks it in each process.
            own = [{name: world[name] for name in ("LIANHUI_STATE", *backing.URLS)} for world in worlds]
            env |= {WORLDS: json.dumps(own), "PYTEST_PLUGINS": "launch.worker"}
            command += ["-n", str(n), "--dist", "worksteal", "--max-worker-restart", "0"]
        return subprocess.run([*command, *rest], cwd=ROOT, env=env, check=False).returncode


def workers(words: Sequence[str]) -> tuple[int, list[str]]:
    """Return how many processes share the tests, 0 for this one alone, and the words without -n."""
    rest: list[str] = []
    asked, are_few = "", False
    left = iter(words)
    for word in left:
        if found := re.match(r"(?:-n|--numprocesses)=?(.*)", word):
            asked = found[1] or next(left, "")
            continue
        rest.append(word)
        if word in TAKES_A_VALUE:
            rest.append(next(left, ""))
        else:
            is_path = not word.startswith("-") and (ROOT / word.split("::")[0]).exists()
            are_few = are_few or is_path or bool(ALONE.match(word))
    if asked.isdecimal():
        return int(asked), rest
    cores = min(_cores(), MOST_WORKERS)
    return (0 if cores == 1 or (are_few and not asked) else cores), rest


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
