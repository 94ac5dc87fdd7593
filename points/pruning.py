"""What the clock lets go: sums of bonuses of days that no limit reads any more. History itself is never let go."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import connection

from points.models import AwardUsed, Rule

# A limit looks at the day of the sale and at all time; a promised sale may be paid ten months after its day.
KEPT_DAYS = 400
CHUNK = 10_000


def award_sums(today: date, *, now: datetime | None = None, chunk: int = CHUNK) -> int:
    """Let go of the sums of days before the last KEPT_DAYS, chunk by chunk; return how many rows."""
    before = today - timedelta(days=KEPT_DAYS)
    gone = 0
    for rule in Rule.objects.order_by("pk").values_list("pk", flat=True):
        gone += _rule(rule, before, now, chunk)
    return gone


def _rule(rule: int, before: date, now: datetime | None, chunk: int) -> int:
    place: int | None = 0
    old = AwardUsed.objects.filter(rule_id=rule, on_day__gt=date(2000, 1, 1), on_day__lt=before)
    were = old.count()
    while were and place is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_prune_award_used(%s::bigint, %s::bigint, %s::date, %s::integer, %s::timestamptz)",
                [rule, place, before, chunk, now],
            )
            place = cursor.fetchone()[0]
    return were - old.count() if were else 0
