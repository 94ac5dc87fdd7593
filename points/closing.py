"""The daily close: what was released is split among fee, centre, promotion and buffer (row 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from points import rollup
from points.models import Account

CHUNK = 500
# What a chunk has just written is read by the next ones as long as the roll-up has not taken it.
ROLL_UP_EVERY = 2


@dataclass(slots=True)
class Close:
    """How far a close is: merchants done, of how many; entries written; floats that could not be closed."""

    on: date
    of: int
    done: int = 0
    entries: int = 0
    failed: list[int] = field(default_factory=list)


def close(on: date, now: datetime | None = None, *, float_ids: Sequence[int] | None = None) -> int:
    """Close a day that is over for all merchants, or for some; return the number of entries."""
    entries, failed = 0, []
    for step in run(on, now, float_ids=float_ids):
        entries, failed = step.entries, step.failed
    if failed:
        raise RuntimeError(f"{len(failed)} floats could not be closed: {failed[:10]}")
    return entries


def run(on: date, now: datetime | None = None, *, float_ids: Sequence[int] | None = None) -> Iterator[Close]:
    """Close a day that is over, and yield how far it is, at the beginning and after each chunk of merchants.

    Each chunk is its own transaction: killed half-way and run again, it does what is left, and nothing when nothing is.
    A merchant whose books are closed through `on` already is left alone; what commits late falls into the next close's
    difference. A merchant that cannot be closed (a law says no) is named and holds up nobody else.
    """
    rollup.run()
    wanted = None if float_ids is None else sorted(set(float_ids))
    state = Close(on, _open(on).count() if wanted is None else len(wanted))
    yield state
    for n, chunk in enumerate(_chunks(on, wanted), 1):
        state.entries += _close(on, chunk, now, state.failed)
        state.done += len(chunk)
        if n % ROLL_UP_EVERY == 0:
            rollup.run()
        yield state
    rollup.run()


def newest_day() -> date | None:
    """Return the newest day of which the book knows anything; None when it is empty."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_newest_day()")
        found: date | None = cursor.fetchone()[0]
        return found


def is_ahead(on: date) -> bool:
    """Return whether a day lies so far beyond everything in the book that some clock must be wrong (CLOCK_DAYS)."""
    newest = newest_day()
    return newest is not None and on > newest + timedelta(days=settings.CLOCK_DAYS)


def is_closed(on: date) -> bool:
    """Return whether every merchant's books are closed through a day."""
    return not _open(on).exists()


def _open(on: date) -> QuerySet[Account]:
    return Account.objects.floats().filter(Q(closed_on__isnull=True) | Q(closed_on__lt=on))


def _chunks(on: date, wanted: Sequence[int] | None) -> Iterator[list[int]]:
    if wanted is not None:
        yield from (list(wanted[start : start + CHUNK]) for start in range(0, len(wanted), CHUNK))
        return
    last = 0
    while chunk := list(_open(on).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        yield chunk
        last = chunk[-1]


def _close(on: date, floats: list[int], now: datetime | None, failed: list[int]) -> int:
    """Close some merchants; when one of them cannot be closed, find it and close the others."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT points_close(%s::date, %s::bigint[], %s::timestamptz)", [on, floats, now])
            return cursor.fetchone()[0]
    except IntegrityError:
        if len(floats) == 1:
            failed += floats
            return 0
    half = len(floats) // 2
    return _close(on, floats[:half], now, failed) + _close(on, floats[half:], now, failed)
