"""`./run doctor`: is this machine, this state and this database fit to run Lianhui?"""

import json
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping

from launch import backing, django, packages, valkey
from launch.home import State
from launch.packages import ROOT
from launch.serve import FIRST_PORT, HOST, is_demo

OK, WARN, BAD = "ok", "warn", "BAD"
Finding = tuple[str, str, str]
ENOUGH_DISK = 2 * 1024**3


def doctor(words: list[str]) -> int:
    """Print one line for each thing looked at; exit status 1 when one is bad."""
    packages.ensure(packages.SERVE_LOCK)
    state = State.chosen()
    verdicts = [_tell(finding) for finding in _machine(state)]
    if backing.is_new(state):
        verdicts.append(_tell(("database", OK, "none yet: the first `./run` makes it")))
        return 1 if BAD in verdicts else 0
    with backing.borrowed_or_started(state) as env:
        for about in (_database, _settings, _rules):
            verdicts += [_tell(finding) for finding in about(env)]
    return 1 if BAD in verdicts else 0


def _tell(finding: Finding) -> str:
    name, verdict, note = finding
    print(f"{verdict:5} {name:12} {note}", flush=True)
    return verdict


def _machine(state: State) -> Iterator[Finding]:
    yield "python", OK, f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores"
    state.prepare()
    free = shutil.disk_usage(state.path).free
    yield "disk", OK if free >= ENOUGH_DISK else WARN, f"{free / 1024**3:.1f} GiB free in {state.path}"
    running = state.running()
    yield "running", OK, (running.get("address") or f"pid {running.get('pid')}") if running else "no"
    named = os.environ.get("PORT", "")
    port = int(named) if named.isdecimal() else FIRST_PORT
    with socket.socket() as probe:
        is_free = probe.connect_ex((HOST, port)) != 0
    note = "free" if is_free else "in use" + ("" if named else "; `./run` takes the next free one")
    yield "port", OK if is_free or running or not named else BAD, f"{port} {note}"
    yield "clock", *_clock()
    for name in ("psycopg", "django", "celery", "gunicorn"):
        yield name, OK, _package_version(name)
    yield "valkey", OK, valkey.version()


def _clock() -> tuple[str, str]:
    """Codes live 60 seconds and days end at midnight in Shanghai: a wrong clock is a wrong book."""
    note = time.strftime("%Y-%m-%d %H:%M:%S %z")
    newest = max(path.stat().st_mtime for path in (packages.SERVE_LOCK, ROOT / "run"))
    if time.time() < newest:
        return BAD, f"{note}: before this program was written"
    if shutil.which("timedatectl"):
        words = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
        said = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
        if said == "no":
            return WARN, f"{note}: not synchronised with a time server"
    return OK, note


def _database(env: Mapping[str, str]) -> Iterator[Finding]:
    probe = subprocess.run(
        [str(packages.PYTHON), "-m", "launch.probe"],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode:
        yield "database", BAD, probe.stderr.strip().splitlines()[-1] if probe.stderr.strip() else "no answer"
        return
    facts = json.loads(probe.stdout)
    major = facts["version"] // 10_000
    verdict = OK if 15 <= major <= 18 else WARN
    yield "database", verdict, f"PostgreSQL {facts['version_text']}, {facts['size']}; tried on 15 to 18"
    missing = sorted({"btree_gist", "pg_trgm"} - set(facts["extensions"]))
    yield "extensions", BAD if missing else OK, f"missing: {', '.join(missing)}" if missing else "btree_gist, pg_trgm"
    if facts["application"] == facts["owner"]:
        note = "one role only: the application could change the book's history. Set DATABASE_OWNER_URL"
        yield "roles", WARN, f"{note} (docs/operations.md)"
    else:
        yield "roles", OK, f"application {facts['application']}, owner {facts['owner']}"
    if facts["is_superuser"]:
        yield "rights", BAD, f"{facts['application']} is a superuser: no law of the book binds it"
    skew = abs(facts["skew_seconds"])
    yield "clock skew", OK if skew < 2 else BAD, f"{skew:.1f} s between this machine and the database"
    pending = django.run({**env, "LIANHUI_DB_ROLE": "owner"}, "migrate", "--check", "--verbosity", "0")
    yield "migrations", BAD if pending else OK, "pending: ./run upgrade" if pending else "none pending"


def _settings(env: Mapping[str, str]) -> Iterator[Finding]:
    if is_demo(env):
        yield "settings", WARN, "demo: one-time codes are shown on screen; production sets LIANHUI_DEMO=false"
        return
    failed = django.run(env, "check", "--deploy", "--fail-level", "ERROR")
    yield "settings", BAD if failed else OK, "manage.py check --deploy (see above)" if failed else "fit for production"


def _rules(env: Mapping[str, str]) -> Iterator[Finding]:
    """The configuration linter: nothing in force lets a faked sale gain, promises a return or has no limit."""
    failed = django.run(env, "check", "--tag", "rules", "--database", "default")
    yield (
        "rules",
        BAD if failed else OK,
        "refused by the linter (see above, docs/rules.md)" if failed else "pass the linter",
    )


def _package_version(name: str) -> str:
    found = sorted(packages.site_packages().glob(f"{name}-*.dist-info"))
    return found[0].name.removeprefix(f"{name}-").removesuffix(".dist-info") if found else "not installed"
