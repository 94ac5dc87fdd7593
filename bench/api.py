"""Measure the API through gunicorn: `./run bench api [--quick] [--json FILE]`.

A1: POST /api/v1/sales, each with its own request key, against a bare view with one indexed SELECT on the same server.
A2: POST /api/v1/sales/batch with 500 sales. A small synthetic town, 2 workers with 4 threads as `./run` starts them;
32 connections of one client process that does nothing but write bytes and count answers, on the same machine.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import selectors
import socket
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ledger import database

CONNECTIONS = 32
BATCH = 500
KEYS = 200
GOALS = {"A1 ratio": 0.45, "A1 p99 / p50": 8.0, "A2 sales a second": 5_000, "A2 / A1": 25.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What the connections did together; times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    statuses: dict[int, int]


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench api", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three seconds a measurement: shows that it runs")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--keep", action="store_true", help="leave the database when done")
    options = parser.parse_args(words)
    with database():
        figures = measure(3 if options.quick else 15)
    for name, value in figures.items():
        goal = GOALS.get(name)
        verdict = "" if goal is None else ("ok" if (value < goal) == (name == "A1 p99 / p50") else f"short of {goal:g}")
        print(f"{name:44} {value:>12,.2f}  {verdict}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measure(seconds: int) -> dict[str, float]:
    import django

    os.environ["DATABASE_URL"] = _as_application()  # whose rights are granted; the owner measures
    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from points import rollup, verify

    call_command("migrate", verbosity=0)
    call_command("grants", verbosity=0)
    call_command("town", "--scale", "small", verbosity=0)
    keys, phones, wallets = cast()
    connections.close_all()
    figures: dict[str, float] = {"processors": os.cpu_count() or 1, "connections": CONNECTIONS}
    rounds: list[tuple[Load, Load]] = []
    with server("bench.web.settings") as port:
        for n in range(3):
            bare = drive(port, bares(wallets, n), seconds)
            sold = drive(port, single(keys, phones, n), seconds)
            rounds.append((bare, sold))
        batched = drive(port, batches(keys, phones), seconds, connections=4)
    with server("bench.web.bare") as port:
        naked = drive(port, bares(wallets, 9), seconds)
    sold = sorted((sold for _bare, sold in rounds), key=lambda load: load.per_second)[1]
    figures |= {
        "bare view, a second": statistics.median(bare.per_second for bare, _sold in rounds),
        "bare view without middleware, a second": naked.per_second,
        "A1 sales a second": sold.per_second,
        "A1 p50 ms": sold.p50,
        "A1 p99 ms": sold.p99,
        "A1 ratio": statistics.median(sold.per_second / bare.per_second for bare, sold in rounds),
        "A1 against the view without middleware": sold.per_second / naked.per_second,
        "A1 p99 / p50": sold.p99 / sold.p50,
        "A2 sales a second": batched.per_second * BATCH,
        "A2 / A1": batched.per_second * BATCH / sold.per_second,
    }
    rollup.run()
    broken = [check.name for check in verify.checks() if check.differences]
    if broken:
        raise SystemExit(f"laws are broken: {broken}")
    connections.close_all()
    return figures


def cast() -> tuple[list[tuple[str, int]], list[str], list[int]]:
    """Return API keys with their outlet, members' phones, wallets; every float is made to suffice."""
    from django.utils import timezone

    from alliance.actors import Actor
    from members.models import Member
    from merchants import keys
    from merchants.models import Outlet
    from merchants.models.key import Scope
    from points import funding
    from points.models import Wallet

    at, actor, found = timezone.now(), Actor.system("bench"), []
    outlets = (
        Outlet.objects.open().filter(is_test=False, merchant__state="live").select_related("merchant").order_by("pk")
    )
    for outlet in outlets[:KEYS]:
        _key, secret = keys.create(
            merchant=outlet.merchant, name="bench", scopes=Scope.values, outlet=outlet, actor=actor, at=at
        )
        serial = f"bench-{outlet.pk}"
        line = funding.receive(
            bank="bench", account="1", serial=serial, amount_fen=10_000_000_000, value_on=at.date(), payer="", memo="",
            actor=actor, at=at,
        )  # fmt: skip
        funding.allot(bank_line=line, float_id=outlet.merchant.book.float_id, actor=actor, at=at)
        found.append((secret, outlet.pk))
    phones = [phone for phone in Member.objects.values_list("user__phone", flat=True) if phone]
    return found, phones, list(Wallet.objects.values_list("pk", flat=True))


def bares(wallets: list[int], seed: int) -> Iterator[bytes]:
    drawn = random.Random(seed)
    while True:
        yield f"GET /bare/{drawn.choice(wallets)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _post(address: str, secret: str, body: object, key: str = "") -> bytes:
    text = json.dumps(body, ensure_ascii=False).encode()
    head = f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\nContent-Type: application/json\r\n"
    head += f"Idempotency-Key: {key}\r\n" if key else ""
    return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text


def single(keys: list[tuple[str, int]], phones: list[str], seed: int) -> Iterator[bytes]:
    drawn = random.Random(seed)
    while True:
        secret, outlet = drawn.choice(keys)
        bill = {"outlet": outlet, "member": drawn.choice(phones), "bill_fen": drawn.randint(500, 30_000)}
        yield _post("/api/v1/sales", secret, bill, str(uuid.UUID(int=drawn.getrandbits(128))))


def batches(keys: list[tuple[str, int]], phones: list[str]) -> Iterator[bytes]:
    drawn = random.Random(77)
    made = []
    for _ in range(40):  # written beforehand, so that the client is not what is measured; the keys are set in each time
        secret, outlet = drawn.choice(keys)
        sales = [
            {"key": f"KEY{n:05}@{{serial:012}}", "member": drawn.choice(phones), "bill_fen": drawn.randint(500, 30_000)}
            for n in range(BATCH)
        ]
        made.append((secret, outlet, json.dumps({"outlet": outlet, "sales": sales}).encode()))
    for serial in itertools.count(1):
        secret, _outlet, body = made[serial % len(made)]
        text = body.replace(b"{serial:012}", b"%012d" % serial)
        head = f"POST /api/v1/sales/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n"
        yield f"{head}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


@contextmanager
def server(settings: str) -> Iterator[int]:
    """Serve the bench's database as the application, as `./run` does; yield the port."""
    from launch import serve
    from launch.home import State
    from launch.process import Child

    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder))
        state.prepare()
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": settings,
            "DATABASE_URL": _as_application(),
            "LIANHUI_DB_ROLE": "app",
        }
        env.setdefault("LIANHUI_DEMO", "true")
        listener = socket.create_server((serve.HOST, 0), backlog=512)
        port = listener.getsockname()[1]
        children: list[Child] = []
        serve.start_web(state, env, listener, children)
        try:
            serve.wait_until_answered(f"http://{serve.HOST}:{port}", children[0])
            yield port
        except BaseException:
            print((state.logs / "web.log").read_text()[-3_000:], file=sys.stderr)
            raise
        finally:
            for child in children:
                child.stop()


def drive(port: int, requests: Iterator[bytes], seconds: float, connections: int = CONNECTIONS) -> Load:
    """Send one request after another on each connection for so many seconds, after a second of warming up."""
    warm = _run(port, requests, 1.0, connections)
    if not warm[0]:
        raise SystemExit("the server gave no answer")
    waits, statuses, odd, took = _run(port, requests, seconds, connections)
    if set(statuses) - {200, 201}:
        raise SystemExit(f"not every answer was good: {dict(statuses)}, the first: {odd[0]!r}")
    waits.sort()
    return Load(len(waits) / took, waits[len(waits) // 2] * 1e3, waits[int(len(waits) * 0.99)] * 1e3, dict(statuses))


def _run(
    port: int, requests: Iterator[bytes], seconds: float, connections: int
) -> tuple[list[float], Counter[int], list[bytes], float]:
    waits: list[float] = []
    odd: list[bytes] = []
    statuses: Counter[int] = Counter()
    with selectors.DefaultSelector() as chosen:
        for _ in range(connections):
            line = socket.create_connection(("127.0.0.1", port))
            line.sendall(next(requests))
            chosen.register(line, selectors.EVENT_READ, [line, time.perf_counter(), b""])
        started = time.perf_counter()
        until = started + seconds
        while chosen.get_map():
            for ready, _mask in chosen.select():
                state = ready.data
                line = state[0]
                state[2] += line.recv(1 << 20)
                status = _answered(state[2])
                if status is None:
                    continue
                now = time.perf_counter()
                waits.append(now - state[1])
                statuses[status] += 1
                if status not in (200, 201):
                    odd.append(state[2][-300:])
                if now >= until:
                    chosen.unregister(line)
                    line.close()
                    continue
                state[:] = [line, time.perf_counter(), b""]
                line.sendall(next(requests))
        return waits, statuses, odd, time.perf_counter() - started


def _answered(received: bytes) -> int | None:
    """Return the status when the whole answer is there."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        raise http.client.HTTPException(f"an answer without length: {received[:200]!r}")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    return int(received[9:12]) if len(received) >= end + 4 + length else None


def _as_application() -> str:
    """Return the address of the bench's database for the application's role."""
    from urllib.parse import urlsplit

    owner, application = urlsplit(os.environ["DATABASE_OWNER_URL"]), os.environ["BENCH_APPLICATION_URL"]
    return urlsplit(application)._replace(path=owner.path).geturl()


if __name__ == "__main__":
    os.environ["BENCH_APPLICATION_URL"] = os.environ["DATABASE_URL"]
    sys.exit(main(sys.argv[1:]))
