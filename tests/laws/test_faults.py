"""`./run bench faults`: it runs whole, and what it compares with would notice a loss, a doubling and a wrong fen."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from bench.faulty import account, kills, lives
from bench.faulty.cast import Cast, assemble
from bench.faulty.clients import Entry, Said, Wish, bill
from bench.faulty.proxy import HOST, Proxy, wait_until
from tests.factories.merchants import token
from tests.laws.oracle import Oracle

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.law
@pytest.mark.slow
def test_nothing_differs_when_everything_is_broken(tmp_path: Path) -> None:
    found = tmp_path / "faults.json"
    command = [sys.executable, "-m", "bench.faults", "--quick", "--seed", "5", "--json", str(found)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = json.loads(found.read_text())
    assert {line["goal_no"] for line in told["lines"]} == {"L1", "L3", "L4"}
    assert told["differences"] == []
    assert (told["facts"]["fsync"], sum(group["kills"] for group in told["facts"]["L3"])) == ("on", 5)


@pytest.mark.parametrize("n", [1, 5, 7, 50, 52, 53, 200])
def test_kills_are_shared_out(n: int) -> None:
    assert sum(kills.plan(n).values()) == n
    assert n < len(kills.SHARES) or kills.plan(n).keys() == kills.SHARES.keys()


# --- what would be noticed ----------------------------------------------------------------------


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return assemble(n_members=2)


@pytest.fixture
def log(cast: Cast) -> list[Entry]:
    """A sale, a spending, its void, a hold that is captured, one that is released, a refund, and a batch, as a till writes them down."""
    import random

    drawn, wallet, shop = random.Random(1), cast.wallets[0], cast.shops[1]
    spend = {"outlet": shop.outlet.pk, "member": token(shop, wallet), "bill_fen": 6_000, "spend_points": 2_999}
    entries = [_ask(cast, "sale", "sales", bill(cast, 1, wallet, drawn), "a-sale-1", {"a-sale-1": wallet})]
    entries.append(_ask(cast, "spend", "spends", spend, "a-spend-1", {"a-spend-1": wallet}))
    sold, names = entries[-1].said.json["id"], {"a-void-1": wallet}
    entries.append(_ask(cast, "void", f"sales/{sold}/void", {"outlet": shop.outlet.pk}, "a-void-1", names))
    here = {"outlet": shop.outlet.pk}
    for n, close in enumerate((("capture", {"bill_fen": 3_000, "points": 501}), ("void", {}))):
        key, kind = f"a-hold-{n}", "capture" if n == 0 else "release"
        wanted = {**here, "member": token(shop, wallet), "bill_fen": 4_000 + n, "points": 700}
        entries.append(_ask(cast, "hold", "holds", wanted, key, {key: wallet}))
        path = f"holds/{entries[-1].said.json['id']}/{close[0]}"
        entries.append(_ask(cast, kind, path, {**here, **close[1]}, f"{key}-end", {f"{key}-end": wallet}))
    path = f"sales/{entries[-3].said.json['id']}/refund"
    entries.append(_ask(cast, "refund", path, {**here, "refund_fen": 1_111}, "a-refund-1", {"a-refund-1": wallet}))
    one = {**bill(cast, 1, wallet, drawn), "key": "an-item-1"}
    body = {"outlet": one.pop("outlet"), "sales": [one]}
    return [*entries, _ask(cast, "batch", "sales/batch", body, "", {"an-item-1": wallet})]


def _ask(cast: Cast, kind: str, path: str, body: dict[str, Any], key: str, wallets: dict[str, int]) -> Entry:
    headers = {"Authorization": f"Bearer {cast.secrets[1]}", **({"Idempotency-Key": key} if key else {})}
    got = Client().post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)
    assert got.status_code in (200, 201), got.content
    return Entry(
        Wish(kind, 1, f"/api/v1/{path}", body, key, wallets), Said(got.status_code, got.content.decode(), False)
    )


def _forgotten(log: list[Entry]) -> list[Entry]:
    return log[1:]


def _invented(log: list[Entry]) -> list[Entry]:
    made = replace(log[0].wish, key="a-sale-2", wallets={"a-sale-2": log[0].wish.wallets["a-sale-1"]})
    answer = json.dumps({**log[0].said.json, "id": 10**9})
    return [*log, Entry(made, replace(log[0].said, text=answer))]


def _one_fen(log: list[Entry]) -> list[Entry]:
    answer = {**log[0].said.json, "points": log[0].said.json["points"] + 1}
    return [Entry(log[0].wish, replace(log[0].said, text=json.dumps(answer))), *log[1:]]


def _lost_hold(log: list[Entry]) -> list[Entry]:
    return [entry for entry in log if entry.wish.key not in ("a-hold-1", "a-hold-1-end")]


def _other_refund(log: list[Entry]) -> list[Entry]:
    def more(answer: dict[str, Any]) -> str:
        return json.dumps(
            {**answer, "figures": {**answer["figures"], "points_taken": answer["figures"]["points_taken"] + 1}}
        )

    return [
        replace(entry, said=replace(entry.said, text=more(entry.said.json))) if entry.wish.kind == "refund" else entry
        for entry in log
    ]


def _twice(log: list[Entry]) -> list[Entry]:
    other = replace(log[0].wish, key="a-sale-2", wallets={"a-sale-2": log[0].wish.wallets["a-sale-1"]})
    return [*log, Entry(other, log[0].said)]


def test_a_true_log_agrees_with_the_book(cast: Cast, log: list[Entry]) -> None:
    told, laws, differences = account.compare(cast, log)
    assert (differences, told.requests, len(told.booked), len(told.holds)) == ([], 9, 6, 2)
    assert laws > 10


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (_forgotten, ("doubled or unknown", "request key", "account")),
        (_invented, ("lost", "request key", "account")),
        (_one_fen, ("is booked as", "account")),
        (_twice, ("was told under", "request key")),
        (_lost_hold, ("is booked only", "request key")),
        (_other_refund, ("is booked as", "account")),
    ],
)
def test_a_false_log_does_not(
    cast: Cast, log: list[Entry], spoil: Callable[[list[Entry]], list[Entry]], noticed: tuple[str, ...]
) -> None:
    differences = "\n".join(account.compare(cast, spoil(log))[2])
    assert all(word in differences for word in noticed), differences


@pytest.mark.law
@pytest.mark.django_db(transaction=True)
def test_a_life_that_differs_ends_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    true = Oracle.top_up
    monkeypatch.setattr(Oracle, "top_up", lambda self, account, fen: true(self, account, fen + 1))
    found = lives.Lives()
    lives._add(found, 1, 300, lives._live(1, 300))
    assert found.differences and found.differences[0].startswith(
        "seed 1 (batched, 300 operations): AssertionError at histories.py:"
    )
    assert found.operations.total() >= 300


@pytest.mark.law
@pytest.mark.django_db(transaction=True)
def test_a_whole_life_is_played_and_counted() -> None:
    found = lives.Lives()
    lives._add(found, 8, 60, lives._live(8, 60))
    assert (found.differences, found.lives) == ([], {"whole, batched": 1})
    assert found.operations["whole, batched"] >= 60 and found.laws > 10


# --- the network --------------------------------------------------------------------------------


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A network to somebody who answers everything with a thousand bytes."""
    listener = socket.create_server((HOST, 0))

    def answer(line: socket.socket) -> None:
        with line:
            while line.recv(100):
                line.sendall(b"x" * 1_000)

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(line,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    network = Proxy(0, listener.getsockname()[1], seed=1)
    network.start()
    yield network
    network.stop()
    listener.close()


def test_the_network_passes_on_and_breaks_off_in_the_middle_of_an_answer(proxy: Proxy) -> None:
    assert isinstance(proxy.at, int)
    with socket.create_connection((HOST, proxy.at), timeout=10) as line:
        line.sendall(b"?")
        assert len(line.recv(1_000, socket.MSG_WAITALL)) == 1_000
        cutter = threading.Thread(target=proxy.cut, args=("answer",))
        cutter.start()
        assert wait_until(lambda: any(link.doomed for link in proxy.links), 10)
        line.sendall(b"?")
        got = b""
        try:
            while data := line.recv(1_000):
                got += data
        except ConnectionResetError:
            pass
        cutter.join()
    assert len(got) < 1_000
    assert proxy.torn == 1
