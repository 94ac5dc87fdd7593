"""A run of a feed and its lanes: opened once, moved forward, resumed after a kill, closed with its figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Sum

from alliance import events
from alliance.actors import Actor
from stores.feeds import refusals
from stores.models import Feed, FeedLane, FeedRefusal, FeedRun


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a run. refused_by_reason counts lines; the two totals stand beside it. Money in fen."""

    baskets: int
    repeated: int
    without_points: int
    lines: int
    value_fen: int
    points: int
    refused_baskets: int
    refused_lines: int


@transaction.atomic
def begin(
    *, feed: Feed, scope: dict[str, Any], lanes: int, baskets_expected: int, actor: Actor, at: datetime
) -> FeedRun:
    """Open a run, or take up the open one of the same scope: a killed run goes on where it stood.

    Refuses: feed_busy when an open run has another scope.
    """
    Feed.objects.select_for_update().get(pk=feed.pk)
    run = FeedRun.objects.filter(feed=feed, state=FeedRun.State.OPEN).first()
    if run is not None:
        if run.scope != scope:
            raise refusals.BUSY(scope=_words(run.scope))
        return run
    run = FeedRun.objects.create(feed=feed, scope=scope, baskets_expected=baskets_expected, started_at=at)
    FeedLane.objects.bulk_create(FeedLane(run=run, number=number) for number in range(lanes))
    events.record("feed.begun", run, actor, at, {"feed": feed.code, "scope": scope})
    return run


@transaction.atomic
def finish(*, run: FeedRun, actor: Actor, at: datetime) -> Summary:
    """Close a run whose lanes have read everything, once."""
    total = summary(run)
    moved = FeedRun.objects.filter(pk=run.pk, state=FeedRun.State.OPEN).update(state=FeedRun.State.DONE, ended_at=at)
    if moved:
        facts = {"baskets": total.baskets, "lines": total.lines, "value_fen": total.value_fen, "points": total.points}
        events.record("feed.finished", run, actor, at, facts)
        run.state, run.ended_at = FeedRun.State.DONE, at
    return total


def summary(run: FeedRun) -> Summary:
    """Return the figures of a run so far."""
    names = list(Summary.__dataclass_fields__)
    sums = FeedLane.objects.filter(run=run).aggregate(**{f"total_{name}": Sum(name, default=0) for name in names})
    return Summary(**{name: sums[f"total_{name}"] for name in names})


def refused_by_reason(feed: Feed) -> dict[str, int]:
    """Return how many lines of a feed were refused for each reason, over all its runs."""
    rows = FeedRefusal.objects.filter(feed=feed).values("reason").annotate(n=Count("pk")).order_by("reason")
    return {row["reason"]: row["n"] for row in rows}


def _words(scope: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(scope.items()) if value is not None) or "everything"
