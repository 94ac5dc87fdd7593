"""Talking to whoever runs a command: lines for good, and one line that moves."""

import os
import sys
import time
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
