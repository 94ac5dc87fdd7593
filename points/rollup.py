"""Collecting accounts catch up with the history (points/sql/rollup.sql)."""

from __future__ import annotations

from django.db import connection


def run() -> int:
    """Sum what was booked since the last time; return how many transfers. Of two workers one does it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_rollup()")
        return cursor.fetchone()[0]
