"""The clock's front of the book. Every task may run twice or on two workers at once: one of them does the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from celery import shared_task
from django.db import connection
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from points import closing, expiry, partitions, rollup, totals

_LOCKS = {"mature": 11, "expire": 12, "close": 13}


@contextmanager
def _alone(name: str) -> Iterator[bool]:
    """Yield whether this worker may do it; the lock belongs to the connection and ends with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(7261, %s)", [_LOCKS[name]])
        is_mine = cursor.fetchone()[0]
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(7261, %s)", [_LOCKS[name]])


@shared_task
def roll_up() -> int:
    done = rollup.run()
    # Keep the place of the totals close to the mark, so that whoever asks has little to add up.
    totals.now()
    return done


@shared_task
def mature() -> int:
    with _alone("mature") as is_mine:
        return expiry.mature(shanghai_day(timezone.now())) if is_mine else 0


@shared_task
def expire() -> int:
    with _alone("expire") as is_mine:
        return expiry.expire(shanghai_day(timezone.now())) if is_mine else 0


@shared_task
def close() -> int:
    """Close the day that ended at midnight in Shanghai."""
    with _alone("close") as is_mine:
        return closing.close(shanghai_day(timezone.now()) - timedelta(days=1)) if is_mine else 0


@shared_task
def partitions_ahead() -> int:
    return partitions.ahead(3)
