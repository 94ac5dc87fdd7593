"""What upper floors hang into the ground: sources of the diary and reactions to it.

A reaction runs after the commit of what it reacts to, at least once, in the order of the diary, and must be idempotent:

    @reaction("member.joined")
    def welcome(event): ...
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection, transaction
from django.utils import timezone

from alliance.models import Event, ReactionMark

Reaction = Callable[[Event], None]
_REACTIONS: dict[str, tuple[frozenset[str], Reaction]] = {}

_WATERMARK = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


def reaction(*verbs: str) -> Callable[[Reaction], Reaction]:
    """Register a function that is called with each event of these verbs."""

    def register(function: Reaction) -> Reaction:
        _REACTIONS[f"{function.__module__}.{function.__qualname__}"] = (frozenset(verbs), function)
        return function

    return register


def run_reactions(limit: int = 500) -> int:
    """Run every reaction over what is new in the diary; return how many events were handled.

    A mark is a transaction id below which everything has committed and been handled (never max(id): late commits
    would be lost). Each reaction has its own mark and moves it in the transaction of its work, so that a crash repeats
    and never skips.
    """
    return sum(_run(name, verbs, function, limit) for name, (verbs, function) in sorted(_REACTIONS.items()))


@transaction.atomic
def _run(name: str, verbs: frozenset[str], function: Reaction, limit: int) -> int:
    ReactionMark.objects.get_or_create(name=name)
    mark = ReactionMark.objects.select_for_update(skip_locked=True).filter(name=name).first()
    if mark is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_WATERMARK)
        upto = cursor.fetchone()[0]
    new = Event.objects.filter(verb__in=sorted(verbs), xid__gte=mark.xid, xid__lt=upto).order_by("xid", "id")
    events = list(new[: limit + 1])
    if len(events) > limit:
        # Stop between two transactions: a mark cannot lie inside one.
        upto = events[limit].xid
        kept = [event for event in events if event.xid < upto]
        if kept:
            events = kept
        else:
            upto += 1
            events = list(new.filter(xid__lt=upto))
    for event in events:
        function(event)
    ReactionMark.objects.filter(name=name).update(xid=upto, moved_at=timezone.now())
    return len(events)
