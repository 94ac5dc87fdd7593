"""L3: everything is killed in turn while tills sell, and what they were told is compared with the book after each group."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.faulty import account
from bench.faulty.cast import Cast
from bench.faulty.clients import Entry, Till
from bench.faulty.proxy import wait_until
from bench.faulty.world import World

TILLS = 8
# How often each is killed, of 52 in all.
SHARES = {
    "web worker": 12, "web master": 6, "tasks": 8, "database": 8, "database process": 4,
    "network to the database": 8, "network to the clients": 6,
}  # fmt: skip
TASKS = (
    "points.tasks.roll_up",
    "points.tasks.mature",
    "points.tasks.close",
    "alliance.tasks.run_reactions",
    "points.tasks.expire",
    "points.tasks.seal",
    "points.tasks.release_holds",
    "points.tasks.pay_promises",
    "points.tasks.fold_stripes",
    "merchants.tasks.clear",
)


@dataclass
class Group:
    victim: str
    kills: int = 0
    requests: int = 0
    documents: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    longest: float = 0
    laws: int = 0
    differences: list[str] = field(default_factory=list)
    details: Counter[str] = field(default_factory=Counter)


class Clock(threading.Thread):
    """Hands out the clock's tasks all the time, so that one is under way when something is killed."""

    def __init__(self) -> None:
        super().__init__(name="clock", daemon=True)
        self.is_over = threading.Event()

    def run(self) -> None:
        from alliance.celery import app

        n = 0
        while not self.is_over.wait(0.2):
            n += 1
            app.send_task(TASKS[n % len(TASKS)])


def plan(kills: int) -> dict[str, int]:
    """Share so many kills out; everything is killed once when there are enough."""
    whole = sum(SHARES.values())
    shares = {victim: max(1, kills * share // whole) for victim, share in SHARES.items()}
    # What is much like something else is left out first.
    for victim in itertools.cycle(("database process", "web master", *SHARES)):
        off = kills - sum(shares.values())
        if not off:
            break
        shares[victim] = max(0, shares[victim] + (1 if off > 0 else -1))
    return {victim: n for victim, n in shares.items() if n > 0}


def run(world: World, cast: Cast, kills: int, seed: int, pause: int, logs: Path) -> list[Group]:
    """Kill `kills` times; `pause` answers lie between two kills. The tills go on over all groups."""
    groups, known = [], list[Entry]()
    for n, (victim, times) in enumerate(plan(kills).items()):
        folder = logs / str(n)
        folder.mkdir(parents=True)
        # Keys are unique over the groups: the tills are numbered on.
        tills = [Till(n * TILLS + number, seed, cast, world.port, folder) for number in range(TILLS)]
        groups.append(_group(world, cast, victim, times, tills, pause, known))
        group = groups[-1]
        print(
            f"    {victim}: {group.kills} kills, {group.requests:,} requests, {sum(group.troubles.values()):,} times repeated "
            f"({', '.join(f'{name} {n}' for name, n in sorted(group.troubles.items()))}), everybody answered again after "
            f"{group.longest:.1f} s at most, {group.laws} laws, {len(group.differences)} differences", flush=True,
        )  # fmt: skip
    return groups


def _group(
    world: World, cast: Cast, victim: str, times: int, tills: list[Till], pause: int, known: list[Entry]
) -> Group:
    group, clock = Group(victim), Clock()
    for thread in (*tills, clock):
        thread.start()
    try:
        _wait_for(tills, pause)
        for _ in range(times):
            time.sleep(world.random.uniform(0, 0.1))
            before, at = [len(till.entries) for till in tills], time.monotonic()
            group.details[world.kills[victim]().split(",")[-1].strip()] += 1
            group.kills += 1
            # Each till gets an answer to what it asked for before, or after: one request is always under way.
            if not wait_until(lambda: _all_went_on(tills, before, 2), 150):  # noqa: B023
                group.differences.append(f"not everybody was answered within 150 s after the kill of {victim}")
                break
            group.longest = max(group.longest, time.monotonic() - at)
            _wait_for(tills, pause)
    finally:
        for till in tills:
            till.is_over.set()
        clock.is_over.set()
        for till in tills:
            till.join(200)
        clock.join(20)
    for till in tills:
        group.troubles.update(till.caller.troubles)
        if till.error is not None:
            group.differences.append(f"{till.name} stopped: {type(till.error).__name__}: {till.error}")
        group.differences += [f"repeated and answered otherwise: {text}" for text in till.repeated_otherwise]
        known += till.entries
        group.requests += len(till.entries)
    from django.db import connections

    connections.close_all()
    told, group.laws, differences = account.compare(cast, known)
    group.documents, group.refused = len(told.booked), told.refused
    group.differences += differences
    return group


def _all_went_on(tills: list[Till], before: list[int], n: int) -> bool:
    return all(till.error or len(till.entries) >= had + n for till, had in zip(tills, before, strict=True))


def _wait_for(tills: list[Till], answers: int) -> None:
    before = sum(len(till.entries) for till in tills)
    wait_until(lambda: sum(len(till.entries) for till in tills) >= before + answers or any(t.error for t in tills), 120)
