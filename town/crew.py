"""Several processes that live one quarter side by side, each with the wallets of some buckets for itself.

No two of them wait for a wallet, and what happens to one wallet happens in the order of time. They hold nothing that is
not in the database: a crew may be killed at any moment, and the next one does what is left.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from alliance.refusals import declare
from town import worker
from town.quarter import Quarter

SIZE = 2
WORKER_STOPPED = declare(
    "town_worker_stopped",
    500,
    # Translators: 建镇的一个进程中途停了，已建好的都在。再运行一次就会接着做。
    _("A process of the town stopped on the way. What is built stays; run the same command again to go on."),
)
Tell = Callable[[int], None]


class Crew:
    """A quarter and the processes that live it; ends them when it is left."""

    def __init__(self, quarter: Quarter, size: int = SIZE) -> None:
        self._quarter, self._size = quarter, size
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []

    def __enter__(self) -> Crew:
        spawn = multiprocessing.get_context("spawn")
        database = connection.settings_dict["NAME"]
        for number in range(self._size):
            ours, theirs = spawn.Pipe()
            words = (theirs, database, number, self._size, os.getpid())
            process: BaseProcess = spawn.Process(target=worker.main, args=words, name=f"town {number}", daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            self._send(pipe, self._quarter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            if kind is not None:
                process.terminate()
            process.join()

    def rebates(self, days: Sequence[date]) -> dict[int, int]:
        """Return the rebate, in fen, that each shop gives over the days, by its position."""
        total: dict[int, int] = defaultdict(int)
        for part in self._all([("rebates", days)] * self._size, _nothing):
            for i, fen in part.items():
                total[i] += fen
        return total

    def top_up(self, wanted: Sequence[tuple[int, int, datetime]], tell: Tell) -> None:
        """Top up the floats of shops: position, amount in fen, time."""
        self._all([("top_up", wanted[number :: self._size]) for number in range(self._size)], tell)

    def shop(self, on: date, after: datetime, end: datetime, tell: Tell) -> int:
        """Live a day, or a part of it; return how many bills were booked."""
        return sum(self._all([("shop", on, after, end)] * self._size, tell))

    def _all(self, calls: Sequence[tuple[Any, ...]], tell: Tell) -> list[Any]:
        """Give each process its call and return the answers. Refuses: town_worker_stopped."""
        for pipe, call in zip(self._pipes, calls, strict=True):
            self._send(pipe, call)
        answers: dict[int, Any] = {}
        while len(answers) < self._size:
            for ready in wait([pipe for n, pipe in enumerate(self._pipes) if n not in answers]):
                assert isinstance(ready, Connection)
                try:
                    word, what = ready.recv()
                except (EOFError, ConnectionError):
                    raise WORKER_STOPPED() from None
                if word == "some":
                    tell(what)
                else:
                    answers[self._pipes.index(ready)] = what
        return [answers[number] for number in range(self._size)]

    def _send(self, pipe: Connection, what: Any) -> None:
        try:
            pipe.send(what)
        except OSError:
            raise WORKER_STOPPED() from None


def _nothing(_done: int) -> None:
    return None
