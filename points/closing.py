"""The daily close: what was released is split among fee, centre, promotion and buffer (row 5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import connection

from points import rollup
from points.models import Account

CHUNK = 500


def close(on: date, now: datetime | None = None, *, float_ids: Sequence[int] | None = None) -> int:
    """Close a day that is over for all merchants, or for some; return the number of entries.

    In chunks of merchants, each its own transaction: killed half-way and run again, it does what is left. A merchant
    whose books are closed through `on` already is left alone; what commits late falls into the next close's difference.
    """
    rollup.run()
    posted, last = 0, 0
    while True:
        floats = Account.objects.floats().filter(pk__gt=last)
        if float_ids is not None:
            floats = floats.filter(pk__in=list(float_ids))
        chunk = list(floats.order_by("pk").values_list("pk", flat=True)[:CHUNK])
        if not chunk:
            break
        with connection.cursor() as cursor:
            cursor.execute("SELECT points_close(%s::date, %s::bigint[], %s::timestamptz)", [on, chunk, now])
            posted += cursor.fetchone()[0]
        last = chunk[-1]
    rollup.run()
    return posted
