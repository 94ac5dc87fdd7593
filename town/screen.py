"""Talking to whoever runs a command: lines for good, and one line that moves."""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection

QUIET_SECONDS = 5.0


class Screen:
    """Writes to a terminal with one moving line, and to a file or pipe with a line now and then."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._moves = bool(getattr(out, "isatty", lambda: False)())
        self._last, self._width = 0.0, 0

    def say(self, line: str) -> None:
        self.end()
        self._out.write(f"· {line}" if not line.startswith(" ") else line)
        self._out.flush()

    def live(self, line: str) -> None:
        if self._moves:
            self._out.write("\r" + line.ljust(self._width), ending="")
            self._width = len(line)
        elif time.monotonic() - self._last >= QUIET_SECONDS:
            self._out.write(line)
            self._last = time.monotonic()
        self._out.flush()

    def end(self) -> None:
        if self._width:
            self._out.write("")
            self._width = 0


class Pace:
    """One long piece of work as people watch it: how much is done, how fast it goes, how long it will take."""

    def __init__(self, title: str, unit: str, total: int, live: Callable[[str], None]) -> None:
        self._title, self._unit, self._total, self._live = title, unit, total, live
        self._done, self._fresh = 0, 0
        self._started: float | None = None

    def add(self, n: int) -> None:
        """Tell that n more are done. The clock starts with the first of them, which may have been done before."""
        now = time.monotonic()
        self._done += n
        if self._started is None:
            self._started = now
        else:
            self._fresh += n
        self._live(progress(self._title, self._unit, self._done, self._total, self._fresh, now - self._started))


def progress(title: str, unit: str, done: int, total: int, fresh: int, seconds: float) -> str:
    """Return the line: share, count, rate, time left. fresh: how many of them were done in so many seconds."""
    rate = fresh / seconds if seconds > 0 else 0
    left = f"{max(total - done, 0) / rate:,.0f} s left" if rate else "…"
    share = min(done * 100 // total, 100) if total else 100
    return f"{title} {share:3d} %  {done:,} of {total:,} {unit}  {rate:,.0f}/s  {left}"


def without_waiting() -> None:
    """Let this connection's commits return before they are on the disk.

    What a crash could lose is the newest commits, never their order; towns and replays go on where the database stands.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


def as_owner() -> None:
    """Start this command again as the owner of the database, unless it runs as that already.

    Only the owner may book into the past; the settings read the role once, when they are loaded.
    """
    if os.environ.get("LIANHUI_DB_ROLE") == "owner" or not settings.DATABASE_HAS_TWO_ROLES:
        return
    os.environ["LIANHUI_DB_ROLE"] = "owner"
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves, with the same words
