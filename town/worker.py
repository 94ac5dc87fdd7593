"""One process of a crew (town.crew): it has the wallets of some buckets for itself and does what it is told.

Nothing here imports a model before Django is set up: the process starts from nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from town.quarter import Quarter

LOCK_SPACE = 7263


def main(pipe: Connection, database: str, number: int, size: int, parent: int) -> None:
    """Obey one call after another until the parent is gone; its death ends the process after the batch in hand."""
    # Ctrl-C is the parent's: it decides what happens to its crew.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import django

    django.setup()
    from django.db import connection

    from town.screen import without_waiting

    connection.settings_dict["NAME"] = database
    without_waiting()
    with connection.cursor() as cursor:
        # Whoever was left over from a crew that was killed ends first.
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_SPACE, number + 1])
    try:
        hand = Hand(pipe, pipe.recv(), number, size, parent)
        while True:
            verb, *words = pipe.recv()
            pipe.send(("done", getattr(hand, verb)(*words)))
            hand.look_ahead()
    except (EOFError, BrokenPipeError):
        return


class Hand:
    """What a worker can be told. Positions are those of the quarter's town."""

    def __init__(self, pipe: Connection, quarter: Quarter, number: int, size: int, parent: int) -> None:
        self._pipe, self._quarter, self._parent = pipe, quarter, parent
        quarter.town.only([i for i, wallet in enumerate(quarter.wallets) if wallet % 64 % size == number])
        self._next: date | None = None

    def rebates(self, days: Sequence[date]) -> dict[int, int]:
        from town import shopping

        return shopping.rebates(self._quarter, days)

    def top_up(self, wanted: Sequence[tuple[int, int, datetime]]) -> int:
        """Top up the floats of shops: position, amount in fen, time."""
        from town import life

        for i, amount_fen, at in wanted:
            life.top_up(self._quarter, i, amount_fen, at)
            self._tell(1)
        return len(wanted)

    def shop(self, on: date, after: datetime, end: datetime) -> int:
        """Live a day, or a part of it; return how many bills were booked."""
        from town import shopping

        q = self._quarter
        booked = shopping.shop(q, shopping.visits_between(q, on, after, end), end, self._tell)
        q.town.forget(on)
        self._next = on + timedelta(days=1)
        return booked

    def look_ahead(self) -> None:
        """Draw the next day while the parent closes the one before."""
        if self._next is not None:
            self._quarter.town.day(self._next)
            self._next = None

    def _tell(self, n: int) -> None:
        if os.getppid() != self._parent:
            sys.exit(0)
        self._pipe.send(("some", n))
