"""Monthly partitions of the history, made ahead of time (points/sql/partitions.sql)."""

from __future__ import annotations

from datetime import date

from django.db import connection
from django.utils import timezone

from alliance.calc.worktime import shanghai_day


def ahead(months: int, start: date | None = None) -> int:
    """Make the partitions of the month of `start` (default: this month) and of `months` more; return how many were new.

    The application's role may look 24 months ahead; only the owner may prepare a past.
    """
    first = (start or shanghai_day(timezone.now())).replace(day=1)
    index = first.year * 12 + first.month - 1 + months
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_make_partitions(%s::date, %s::date)", [first, date(index // 12, index % 12 + 1, 1)]
        )
        return cursor.fetchone()[0]
