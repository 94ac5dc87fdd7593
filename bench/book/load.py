"""Clients that post as fast as they can: one process each, each with its own connection."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
import traceback
import uuid
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, cast

from django.db import connection, transaction

from alliance.actors import Actor
from bench.book import peers
from bench.book.world import CENTRES, MERCHANT_0, WALLET_0, Size
from points import bills
from points.bills import Caller, OutletRef
from points.models import Terms

EARNS = 0.6
ACTOR = Actor.system("bench")
BUCKETS = 64


@dataclass(frozen=True, slots=True)
class Result:
    """What the clients did together; times in milliseconds per call."""

    per_second: float
    p50: float
    p99: float
    booked: int
    errors: int


class Draw:
    """Whose turn it is: merchants by Zipf, wallets by a milder Zipf, 60 % sales and 40 % spends."""

    def __init__(self, size: Size, zipf: float = 1.05) -> None:
        self.size = size
        self.merchants = array("d", accumulate(1 / n**zipf for n in range(1, size.merchants + 1)))
        self.wallets = array("d", accumulate(1 / n**0.5 for n in range(1, size.wallets + 1)))

    def take(self, rng: random.Random, n: int, bucket: int | None = None) -> list[tuple[int, int, int, bool]]:
        """Return n of (wallet, merchant, fen, is_sale), all of one bucket if it is given."""
        rows = []
        for _ in range(n):
            # Spread the popular wallets over the buckets, and shops over their numbers.
            wallet = bisect_left(self.wallets, rng.random() * self.wallets[-1]) * 7_919 % self.size.wallets
            if bucket is not None:
                wallet += (bucket - wallet - WALLET_0) % BUCKETS
                wallet -= BUCKETS * (wallet >= self.size.wallets)
            merchant = bisect_left(self.merchants, rng.random() * self.merchants[-1])
            is_sale = rng.random() < EARNS
            rows.append(
                (WALLET_0 + wallet, merchant, rng.randrange(100, 10_000) if is_sale else rng.randrange(1, 150), is_sale)
            )
        return rows


@dataclass
class _Terms:
    """Terms as `bills.draft` reads them, without the cost of making a model of each shop in each client."""

    pk: int
    _rest_accounts: dict[int, int]
    rate_bps: int = 800
    member_bps: int = 6250
    spend_fee_bps: int = 100
    spend_share_bps: int = 10_000
    matures_days: int = 7


_offices: dict[int, tuple[OutletRef, Terms]] = {}


def bill(row: tuple[int, int, int, bool], at: datetime) -> bills.Bill:
    """Return the bill of a draw, with its sums done by the product's own code."""
    wallet, merchant, fen, is_sale = row
    if merchant not in _offices:
        _offices[merchant] = _office(merchant)
    outlet, terms = _offices[merchant]
    return bills.draft(
        outlet=outlet,
        terms=terms,
        wallet_id=wallet,
        paid_fen=fen if is_sale else 1,
        eligible_fen=None if is_sale else 0,
        spend_points=0 if is_sale else fen,
        event_at=at,
        key=uuid.uuid4().hex,
        body=f"{wallet} {merchant} {fen}",
    )


def _office(merchant: int) -> tuple[OutletRef, Terms]:
    """Return a shop and its terms, as a caller that knows its shops has them at hand."""
    base, centre = MERCHANT_0 + 5 * merchant, MERCHANT_0 - CENTRES + merchant % CENTRES
    terms = cast("Terms", _Terms(merchant + 1, {centre: base + 4}))
    return OutletRef(merchant, base, centre), terms


def _product(rows: list[Any], number: int) -> int:
    now = datetime.now(UTC)
    outcomes = bills.post([bill(row, now) for row in rows], caller=Caller("merchant", number % 97), actor=ACTOR)
    return sum(outcome.status == "booked" for outcome in outcomes)


VARIANTS: dict[str, Callable[[list[Any], int], int]] = {
    "product": _product,
    "raw": peers.raw_pair,
    "orm": peers.naive_orm,
    "bulk": peers.bulk_create,
    "copy": peers.copy_rows,
    "hordak": peers.hordak,
}


def run(
    variant: str,
    clients: int,
    seconds: float,
    draw: Draw,
    *,
    batch: int = 1,
    by_bucket: bool = False,
    work: Callable[..., Any] | None = None,
) -> Result:
    """Let `clients` processes post for some seconds and return what they did."""
    connection.close()
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(clients + 1), context.Queue()
    arguments = (variant, clients, seconds, draw, batch, by_bucket, barrier, queue)
    processes = [context.Process(target=_client, args=(n, *arguments), daemon=True) for n in range(clients)]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    if work is not None:
        work()
    parts = [queue.get() for _ in processes]
    took = max(time.perf_counter() - started, seconds)
    for process in processes:
        process.join()
    times = sorted(ms for part in parts for ms in part[1])
    booked, errors = sum(part[0] for part in parts), sum(part[2] for part in parts)
    return Result(booked / took, times[len(times) // 2], times[int(len(times) * 0.99)], booked, errors)


def _client(
    n: int,
    variant: str,
    clients: int,
    seconds: float,
    draw: Draw,
    batch: int,
    by_bucket: bool,
    barrier: Any,
    queue: Any,
) -> None:
    connection.close()
    rng = random.Random(f"{os.getpid()} {time.time_ns()}")
    post, own = (
        VARIANTS[variant],
        [bucket for bucket in range(BUCKETS) if bucket % clients == n % BUCKETS] or [n % BUCKETS],
    )
    times, booked, errors = [], 0, 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    pool = draw.take(rng, 500) if batch == 1 else []
    barrier.wait()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if batch == 1:
            rows = [pool[rng.randrange(len(pool))]]
            if len(times) % 400 == 399:
                pool = draw.take(rng, 500)
        else:
            rows = draw.take(rng, batch, rng.choice(own) if by_bucket else None)
        started = time.perf_counter()
        try:
            booked += post(rows, n)
        except Exception:
            errors += 1
            if errors == 1:
                traceback.print_exc()
        times.append((time.perf_counter() - started) * 1000)
    connection.close()
    queue.put((booked, times, errors))


def hold_open(seconds: float) -> None:
    """Keep one transaction with a transaction id open: the roll-up may not step over it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        time.sleep(seconds)


def days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)
