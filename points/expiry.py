"""Points mature (row 4) and expire (row 24), bucket by bucket in chunks, each its own transaction."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import connection

BUCKETS = 64
CHUNK = 2_000


def mature(on: date, now: datetime | None = None) -> int:
    """Let everything mature whose day has come; return the number of lots. Balances stay, `pending` falls."""
    return sum(_all(f"SELECT points_mature({bucket}::smallint, %s::date, {CHUNK})", [on]) for bucket in range(BUCKETS))


def expire(on: date, now: datetime | None = None) -> int:
    """Book away what could be used until the day before `on`; return the number of lots closed.

    Points that a merchant paid for go to breakage, a budget's points go back to it.
    """
    return sum(
        _all(f"SELECT points_expire({bucket}::smallint, %s::date, {CHUNK}, %s::timestamptz)", [on, now])
        for bucket in range(BUCKETS)
    )


def _all(statement: str, arguments: list[Any]) -> int:
    done = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            n = cursor.fetchone()[0]
        if n == 0:
            return done
        done += n
