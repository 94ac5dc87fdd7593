"""A run of a feed and its lanes: opened once, moved forward, resumed after a kill, closed with its figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Sum

from alliance import events
from alliance.actors import Actor
from stores.feeds import refusals
from stores.models import Feed, FeedLane, FeedRefusal, FeedRun

STILL_AFTER = timedelta(minutes=15)


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

    An open run of another scope that has stood still for a quarter of an hour is abandoned.
    Refuses: feed_busy when an open run of another scope is alive.
    """
    Feed.objects.select_for_update(no_key=True).get(pk=feed.pk)
    run = FeedRun.objects.filter(feed=feed, state=FeedRun.State.OPEN).first()
    if run is not None:
        if run.scope == scope:
            return run
        if at - _heartbeat(run) < STILL_AFTER:
            raise refusals.BUSY(scope=_words(run.scope))
        abandon(run, actor, at)
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


@transaction.atomic
def abandon(run: FeedRun, actor: Actor, at: datetime) -> Summary:
    """Close a run that will not go on, once. What it booked stays; a batch that is being booked is waited for."""
    list(FeedLane.objects.select_for_update().filter(run=run).order_by("pk"))
    total = summary(run)
    ended = {"state": FeedRun.State.ABANDONED, "ended_at": at}
    if FeedRun.objects.filter(pk=run.pk, state=FeedRun.State.OPEN).update(**ended):
        events.record("feed.abandoned", run, actor, at, {"baskets": total.baskets, "expected": run.baskets_expected})
        run.state, run.ended_at = FeedRun.State.ABANDONED, at
    return total


def summary(run: FeedRun) -> Summary:
    """Return the figures of a run so far."""
    names = list(Summary.__dataclass_fields__)
    sums = FeedLane.objects.filter(run=run).aggregate(**{f"total_{name}": Sum(name, default=0) for name in names})
    return Summary(**{name: sums[f"total_{name}"] for name in names})


def refused_by_reason(run: FeedRun) -> dict[str, int]:
    """Return how many lines of a run were refused for each reason."""
    rows = FeedRefusal.objects.filter(run=run).values("reason").annotate(n=Count("pk")).order_by("reason")
    return {row["reason"]: row["n"] for row in rows}


def _heartbeat(run: FeedRun) -> datetime:
    return run.lanes.aggregate(last=Max("moved_at"))["last"] or run.started_at


def _words(scope: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(scope.items()) if value is not None) or "everything"
