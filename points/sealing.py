"""Days that are over are sealed: a hash over each bucket's history, hanging on the day before (points/sql/seal.sql).

A row that is changed, added or removed later, behind triggers and roles, is seen with its day and bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from points import rollup
from points.models import Seal

# How many of the newest sealed days `verify` reads again; all of them with --seals.
RECENT_DAYS = 3


@dataclass(frozen=True, slots=True)
class Broken:
    """A day and bucket whose rows are not what was sealed. Bucket −1: rows without a wallet."""

    on: date
    bucket: int
    rows: int
    sealed_rows: int

    def __str__(self) -> str:
        return f"{self.on} bucket {self.bucket}: {self.rows} rows, sealed {self.sealed_rows}"


def seal(now: datetime | None = None) -> int:
    """Seal every day that is over and whose transactions are all finished; return how many days."""
    _call("SELECT points_seal_fence(%s::timestamptz)", now)
    rollup.run()
    done = 0
    while _call("SELECT points_seal_day(%s::timestamptz)", now):
        done += 1
    return done


def newest() -> tuple[date, bytes] | None:
    """Return the last sealed day and the root over its buckets."""
    last = Seal.objects.order_by("-sealed_on").values_list("sealed_on", flat=True).first()
    if last is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_seal_root(%s)", [last])
        return last, bytes(cursor.fetchone()[0])


def days(is_all: bool) -> list[date]:
    """Return the sealed days that are to be read again, oldest first."""
    found = Seal.objects.order_by("-sealed_on").values_list("sealed_on", flat=True).distinct()
    return sorted(found if is_all else found[:RECENT_DAYS])


def broken(days: list[date]) -> Iterator[tuple[int, list[Broken]]]:
    """Yield for each day how many rows it has, and the buckets that are not what was sealed."""
    for on in days:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT f.bucket, f.n, coalesce(s.rows, 0), s.digest IS DISTINCT FROM f.digest OR s.rows <> f.n"
                " FROM points_seal_digests(%s) f LEFT JOIN points_seal s ON s.sealed_on = %s AND s.bucket = f.bucket"
                " ORDER BY f.bucket",
                [on, on],
            )
            found = cursor.fetchall()
        yield sum(row[1] for row in found), [Broken(on, row[0], row[1], row[2]) for row in found if row[3]]


def _call(statement: str, now: datetime | None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [now])
        return bool(cursor.fetchone()[0])
