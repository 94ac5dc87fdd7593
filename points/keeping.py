"""Hole H23: points that returned purchases lacked were sold for cash; above a share the fee on them is kept.

    for month in months(today):              # those that may lack something yet
        for done in run(month, now):         # in chunks, each its own transaction; again, it does what is left
            ...

The share is SHORTFALL_SHARE_BPS of what the merchant issued in that month (docs/ledger.md, row 44).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import day_start
from points.models import KeptFee

KEEP = "points.keep_fees"
CHUNK = 500
# A month is looked at for so many months after its end: its last days may be closed late.
MONTHS = 3
_DUE = """SELECT DISTINCT r.float_id FROM points_sale d JOIN points_refund r ON r.refund_id = d.id
    JOIN points_account a ON a.id = r.float_id
    WHERE d.kind = 3 AND d.booked_at >= %(since)s AND d.booked_on >= %(month)s AND d.booked_on < %(until)s
      AND r.short > r.home_own AND a.closed_on >= %(until)s - 1
      AND NOT EXISTS (SELECT FROM points_kept_fee k WHERE k.float_id = r.float_id AND k.month = %(month)s) ORDER BY 1"""


def months(today: date) -> list[date]:
    """Return the first days of the newest months that are over, oldest first."""
    found = [_before(today.replace(day=1))]
    while len(found) < MONTHS:
        found.append(_before(found[-1]))
    return found[::-1]


def due(month: date) -> list[int]:
    """Return the floats with a shortfall in a month, closed through its end, that were not reckoned yet."""
    until = _after(month)
    facts = {"month": month, "until": until, "since": day_start(month - timedelta(days=7))}
    with connection.cursor() as cursor:
        cursor.execute(_DUE, facts)
        return [row[0] for row in cursor.fetchall()]


def run(month: date, now: datetime | None = None, *, float_ids: list[int] | None = None) -> Iterator[int]:
    """Reckon a month that is over and keep what is to be kept; yield how many merchants are done."""
    wanted = due(month) if float_ids is None else sorted(float_ids)
    for start in range(0, max(len(wanted), 1), CHUNK):
        chunk = wanted[start : start + CHUNK]
        _keep(month, chunk, now)
        yield start + len(chunk)


def newest(float_id: int, today: date) -> KeptFee | None:
    """Return the newest of the last months of which a merchant's fee was kept."""
    rows = KeptFee.objects.filter(float_id=float_id, fee__gt=0, month__gte=months(today)[0])
    return rows.select_related("claim").order_by("-month").first()


def last_day(month: date) -> date:
    return _after(month) - timedelta(days=1)


def _keep(month: date, floats: list[int], now: datetime | None) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT float_id, fee FROM points_keep_fees(%s::date, %s::bigint[], %s::integer, %s::timestamptz)",
                [month, floats, settings.SHORTFALL_SHARE_BPS, now],
            )
            done = cursor.fetchall()
        kept = KeptFee.objects.filter(month=month, float_id__in=[float_id for float_id, fee in done if fee])
        for row in kept.order_by("float_id"):
            facts = {"month": f"{month:%Y-%m}", "points": row.short, "fen": row.fee, "owed_fen": row.fee - row.taken}
            events.record("fee.kept", f"points.account:{row.float_id}", Actor.system("keep"), row.kept_at, facts)


def _before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
