"""Tills that call the API and do not give up: the same request, with the same key, until it is acknowledged.

Each till writes down what was acknowledged, at once and before it asks for anything else: that is all it knows.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from bench.faulty.cast import Cast
from bench.faulty.proxy import HOST
from tests.factories.merchants import token

PATIENCE = 150  # seconds until a request that is never answered is a difference
TIMEOUT = 60


@dataclass(frozen=True)
class Wish:
    """One request, whole: it is sent again as it is."""

    kind: str  # sale, spend, void, batch, hold, capture, release, refund
    shop: int
    path: str
    body: dict[str, Any]
    key: str = ""
    # Whose wallets: of the bill, of the bill or hold that is undone, of a batch's items by their keys.
    wallets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """What was acknowledged: the first whole answer below 500."""

    status: int
    text: str
    is_replay: bool

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Entry:
    wish: Wish
    said: Said


class NeverAnswered(Exception):
    """A request was repeated for longer than anybody waits."""


class Caller:
    """One line to the API: kept open, opened again when it breaks."""

    def __init__(self, port: int, secrets: list[str]) -> None:
        self.port, self.secrets = port, secrets
        self.line: http.client.HTTPConnection | None = None
        self.troubles: Counter[str] = Counter()

    def persist(self, wish: Wish) -> Said:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                said = self._once(wish)
                if said.status < 500:
                    return said
                self.troubles[f"answer {said.status}"] += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.troubles["refused" if isinstance(error, ConnectionRefusedError) else "torn"] += 1
                self.close()
            if time.monotonic() > deadline:
                raise NeverAnswered(f"{wish.kind} {wish.key}: {dict(self.troubles)}")
            time.sleep(0.03)

    def _once(self, wish: Wish) -> Said:
        if self.line is None:
            self.line = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT)
        head = {"Authorization": f"Bearer {self.secrets[wish.shop]}", "Content-Type": "application/json"}
        if wish.key:
            head["Idempotency-Key"] = wish.key
        self.line.request("POST", wish.path, json.dumps(wish.body).encode(), head)
        got = self.line.getresponse()
        length, body = got.getheader("Content-Length"), got.read()
        if length is None or int(length) != len(body):
            raise http.client.HTTPException("the answer broke off")
        json.loads(body)
        return Said(got.status, body.decode(), got.getheader("Idempotent-Replayed") is not None)

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None


class Till(threading.Thread):
    """Draws requests by its seed, one after another, until it is told to stop; `entries` is its log."""

    def __init__(self, number: int, seed: int, cast: Cast, port: int, folder: Path) -> None:
        super().__init__(name=f"till {number}", daemon=True)
        self.number, self.cast = number, cast
        self.random = random.Random(f"{seed}/{number}")
        self.caller = Caller(port, cast.secrets)
        self.shop = number % len(cast.shops)
        self.entries: list[Entry] = []
        self.sold: list[tuple[int, int]] = []  # sales not undone yet, with their wallets
        self.held: list[tuple[int, int, int]] = []  # holds not closed yet, with their wallets and points
        self.path = folder / f"till-{number}.jsonl"
        self.is_over = threading.Event()
        self.error: Exception | None = None
        self.repeated_otherwise: list[str] = []
        self.n = 0

    def run(self) -> None:
        try:
            with self.path.open("w", encoding="utf-8", buffering=1) as log:
                while not self.is_over.is_set():
                    wish = self._wish()
                    self._keep(log, wish, self.caller.persist(wish))
                    if self.random.random() < 0.05:
                        self._again()
        except Exception as error:
            self.error = error
        finally:
            self.caller.close()
            from django.db import connections

            connections.close_all()

    def _keep(self, log: Any, wish: Wish, said: Said) -> None:
        log.write(json.dumps([wish.kind, wish.path, wish.key, wish.body, said.status, said.text]) + "\n")
        self.entries.append(Entry(wish, said))
        if wish.kind in ("sale", "spend", "capture") and said.status == 201:
            self.sold.append((said.json["id"], wish.wallets[wish.key]))
        elif wish.kind == "hold" and said.status == 201:
            self.held.append((said.json["id"], wish.wallets[wish.key], said.json["points"]))

    def _again(self) -> None:
        """Repeat something that was acknowledged long ago: the same answer."""
        old = self.random.choice(self.entries)
        if old.wish.kind == "batch" or old.said.status not in (200, 201):
            return
        said = self.caller.persist(old.wish)
        # A hold is shown as it stands now.
        is_same = said.text == old.said.text or (old.wish.kind == "hold" and said.json["id"] == old.said.json["id"])
        if said.status != old.said.status or not is_same or not said.is_replay:
            self.repeated_otherwise.append(f"{old.wish.key}: first {old.said}, later {said}")

    # --- what is asked for ----------------------------------------------------------------------

    def _wish(self) -> Wish:
        self.n += 1
        drawn, key = self.random.random(), f"till-{self.number}-{self.n:07}"
        if drawn < 0.15 and self.sold:
            sale, wallet = self.sold.pop(self.random.randrange(max(0, len(self.sold) - 20), len(self.sold)))
            body = {"outlet": self.cast.shops[self.shop].outlet.pk}
            return Wish("void", self.shop, f"/api/v1/sales/{sale}/void", body, key, {key: wallet})
        if drawn < 0.25:
            return self._batch(key)
        if drawn > 0.7 and (wish := self._undone(key) if drawn > 0.85 else self._held(key)):
            return wish
        wallet = self.random.choice(self.cast.wallets)
        body = self._bill(wallet)
        if drawn < 0.45:
            body["spend_points"] = self.random.randrange(1, body["bill_fen"] // 2)
            is_spend = drawn < 0.35 and "occurred_at" not in body
            path = "spends" if is_spend else "sales"
            return Wish("spend", self.shop, f"/api/v1/{path}", body, key, {key: wallet})
        return Wish("sale", self.shop, "/api/v1/sales", body, key, {key: wallet})

    def _held(self, key: str) -> Wish | None:
        """Set points aside; capture some of them, or give them back."""
        here = {"outlet": self.cast.shops[self.shop].outlet.pk}
        if not self.held or self.random.random() < 0.5:
            wallet = self.random.choice(self.cast.wallets)
            points = self.random.randrange(1, 400)
            body = {
                **here,
                "member": token(self.cast.shops[self.shop], wallet),
                "bill_fen": points * 3,
                "points": points,
            }
            return Wish("hold", self.shop, "/api/v1/holds", body, key, {key: wallet})
        hold, wallet, points = self.held.pop(self.random.randrange(len(self.held)))
        if self.random.random() < 0.3:
            return Wish("release", self.shop, f"/api/v1/holds/{hold}/void", here, key, {key: wallet})
        taken = self.random.randrange(1, points + 1)
        body = {**here, "bill_fen": taken * self.random.randrange(2, 9), "points": taken}
        return Wish("capture", self.shop, f"/api/v1/holds/{hold}/capture", body, key, {key: wallet})

    def _undone(self, key: str) -> Wish | None:
        """Bring a part of some goods back, or all that is left of them."""
        if not self.sold:
            return None
        n = self.random.randrange(len(self.sold))
        sale, wallet = self.sold[n] if self.random.random() < 0.4 else self.sold.pop(n)
        body: dict[str, Any] = {"outlet": self.cast.shops[self.shop].outlet.pk}
        if self.random.random() < 0.6:
            body["refund_fen"] = self.random.randrange(1, 3_000)
        return Wish("refund", self.shop, f"/api/v1/sales/{sale}/refund", body, key, {key: wallet})

    def _batch(self, key: str) -> Wish:
        wallets = {f"{key}.{n:02}": self.random.choice(self.cast.wallets) for n in range(self.random.randrange(2, 20))}
        sales = [{"key": name, **self._bill(wallet)} for name, wallet in wallets.items()]
        outlet = sales[0]["outlet"]
        for one in sales:
            del one["outlet"]
        return Wish("batch", self.shop, "/api/v1/sales/batch", {"outlet": outlet, "sales": sales}, "", wallets)

    def _bill(self, wallet: int) -> dict[str, Any]:
        return bill(self.cast, self.shop, wallet, self.random)


def bill(cast: Cast, shop: int, wallet: int, drawn: random.Random) -> dict[str, Any]:
    """Return the body of a sale; every fifth was made hours ago and is sent only now."""
    body: dict[str, Any] = {
        "outlet": cast.shops[shop].outlet.pk,
        "member": token(cast.shops[shop], wallet),
        "bill_fen": drawn.choice([drawn.randrange(10, 300), drawn.randrange(500, 20_000)]),
    }
    if drawn.random() < 0.2:
        body["occurred_at"] = (timezone.now() - timedelta(minutes=drawn.randrange(1, 70 * 60))).isoformat()
    return body
