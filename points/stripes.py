"""Stripes of busy floats: the sales make them (points/sql/stripe.sql), the clock gathers them again.

A float that is still waited for has them again within a sale; one that is quiet now is one row.
"""

from __future__ import annotations

from django.db import connection

from points.models import Allowance


def fold() -> int:
    """Gather the allowances of every striped float, each in its own transaction; return how many floats."""
    done = 0
    for float_id in sorted(set(Allowance.objects.values_list("float_id", flat=True))):
        with connection.cursor() as cursor:
            cursor.execute("SELECT points_fold_stripes(%s::bigint)", [float_id])
            done += cursor.fetchone()[0]
    return done
