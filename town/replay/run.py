"""The replay from the first look at the file to its last line: scan, found, book in lanes, close the days, report.

Every step is kept where it stands in the database, so the whole may be killed at any moment and started again.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from multiprocessing.process import BaseProcess

from django.db import connection, connections
from django.utils import timezone

from alliance import jobs
from alliance.calc.worktime import day_start, shanghai_day
from alliance.refusals import Refused
from points import closing, partitions, rollup
from stores import feeds
from stores.calc import baskets as calc
from stores.calc.baskets import Tally
from stores.feeds import refusals
from stores.models import Feed, FeedRun
from town import founding as town_founding
from town.founding import Organisation
from town.replay import founding, source, worker
from town.replay.founding import ACTOR
from town.replay.options import Options, Scan, scan
from town.replay.settling import Settling
from town.screen import progress
from town.world import draw

WORKERS = 2
FOUNDED_DAYS_BEFORE = 14
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a finished run beside those of the file."""

    summary: feeds.Summary
    expected: Tally
    refused_lines: dict[str, int]
    first_day: date
    last_day: date
    seconds: float
    settling: Settling | None = None

    @property
    def agrees(self) -> bool:
        got, want = self.summary, self.expected
        return (got.baskets, got.lines, got.value_fen, got.refused_baskets, got.refused_lines) == (
            want.baskets,
            want.lines,
            want.value_fen,
            want.refused_baskets,
            want.refused_lines.total(),
        )


def replay(options: Options, *, workers: int, say: Say, live: Callable[[str], None]) -> Report:
    """Feed the chosen part of the year through the tills and return what came of it.

    say: one line for good; live: a line that the next one replaces. Refuses: what source and feeds refuse.
    """
    started = time.monotonic()
    found = source.fetch(say)
    say("Reading the year …")
    known, excluded = source.known_and_excluded(found)
    seen = scan((calc.screen(basket, known, excluded) for basket in source.baskets(found)), options)
    at = timezone.now()
    today = shanghai_day(at)
    moved = timedelta(0) if options.keep_dates else calc.weeks_to_yesterday(source.LAST_FULL_DAY, today)
    feed = founding.feed(moved, at)
    if options.keep_dates != (feed.moved_days == 0):
        raise refusals.DATES_DECIDED(days=feed.moved_days)
    moved = timedelta(days=feed.moved_days)
    first, last = source.FIRST_DAY + moved, source.LAST_FULL_DAY + moved
    organised = _found(found, seen, feed, first, say)
    settling = None
    if options.settle:
        begun, ended = _days(options, moved, today)
        settling = Settling(organised, begun, ended, is_weekly=options.settle == "weekly", say=say, live=live)
    run = _run(feed, options, workers, seen.expected.baskets + seen.expected.refused_baskets, at)
    if run.state == FeedRun.State.OPEN:
        _book(run, options, live, settling)
        if settling is None:
            _close(*_days(options, moved, today), say)
        feeds.finish(run=run, actor=ACTOR, at=timezone.now())
    if settling is not None:
        settling.wind_down()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE stores_basketline")
    return Report(
        feeds.summary(run),
        seen.expected,
        feeds.refused_by_reason(run),
        first,
        last,
        time.monotonic() - started,
        settling,
    )


def abandon() -> bool:
    """Let the replay's open run go, so that other options may begin; whether there was one."""
    run = FeedRun.objects.filter(feed__code=founding.FEED, state=FeedRun.State.OPEN).first()
    if run is not None:
        feeds.abandon(run, ACTOR, timezone.now())
    return run is not None


def _found(found: source.Source, seen: Scan, feed: Feed, first: date, say: Say) -> Organisation:
    """Make what the baskets need: partitions, articles, shops with funded floats, households."""
    opened = day_start(first - timedelta(days=FOUNDED_DAYS_BEFORE)) + timedelta(hours=9)
    partitions.ahead(14, start=shanghai_day(opened))
    founding.products(source.articles(found))
    organised = town_founding.organisation(draw("small", town_founding.SEED), opened)
    founding.shops(seen.year.turnover_fen, organised, opened, say)
    founding.households(seen.chosen, opened)
    return organised


def _run(feed: Feed, options: Options, workers: int, baskets: int, at: datetime) -> FeedRun:
    """Return the open run of this scope, else the finished one, else a new one."""
    done = FeedRun.objects.filter(feed=feed, scope=options.scope, state=FeedRun.State.DONE).order_by("-pk").first()
    if done is not None and not FeedRun.objects.filter(feed=feed, state=FeedRun.State.OPEN).exists():
        return done
    return feeds.begin(feed=feed, scope=options.scope, lanes=workers, baskets_expected=baskets, actor=ACTOR, at=at)


def _book(run: FeedRun, options: Options, live: Callable[[str], None], settling: Settling | None) -> None:
    """Let the lanes work in processes of their own, and watch them; days that all of them have passed are settled."""
    numbers = list(run.lanes.order_by("number").values_list("number", flat=True))
    job = jobs.start("town.replay", params=options.scope, actor=ACTOR, at=timezone.now(), total=run.baskets_expected)
    spawn = multiprocessing.get_context("spawn")
    connections.close_all()
    booked = spawn.Array("q", len(numbers))
    processes: list[BaseProcess] = []
    try:
        for number in numbers:
            words = (run.pk, number, len(numbers), os.getpid(), options.scope, booked)
            process: BaseProcess = spawn.Process(target=worker.main, args=words, name=f"replay lane {number}")
            process.start()
            processes.append(process)
        start, begun = time.monotonic(), _settled(run)
        while any(process.is_alive() for process in processes):
            processes[0].join(0.7)
            if processes[0].exitcode is not None:
                time.sleep(0.3)
            settled = _settled(run)
            fresh, seconds = settled - begun, time.monotonic() - start
            line = progress("replay", "baskets", settled, run.baskets_expected, fresh, seconds)
            live(f"{line}  {settling}" if settling else line)
            jobs.progress(job, settled)
            if settling is not None:
                settling.through(date.fromordinal(max(1, min(booked[:]))), seconds=2)
        broken = [process.name for process in processes if process.exitcode]
        if broken:
            raise refusals.WORKER_STOPPED(names=", ".join(broken))
        jobs.finish(job, at=timezone.now(), result={"baskets": _settled(run)})
    except BaseException as error:
        for process in processes:
            process.terminate()
        code = error.code if isinstance(error, Refused) else "interrupted"
        jobs.fail(job, at=timezone.now(), code=code)
        raise


def _settled(run: FeedRun) -> int:
    total = feeds.summary(run)
    return total.baskets + total.refused_baskets


def _days(options: Options, moved: timedelta, today: date) -> tuple[date, date]:
    """Return the first and last day that can be closed: those of the scope that are over.

    What a larger run adds to these days later is booked on the first open one, as the book does with all late entries.
    """
    first = options.first or source.FIRST_DAY
    last = options.last or source.LAST_FULL_DAY + timedelta(days=1)
    return max(first, source.FIRST_DAY) + moved, min(last + moved, today - timedelta(days=1))


def _close(first: date, last: date, say: Say) -> None:
    """Close the replayed days one after another, as the nights after them would have."""
    say(f"Closing the days from {first} to {last} …")
    rollup.run()
    floats = founding.floats()
    on = first
    while on <= last:
        closing.close(on, now=day_start(on + timedelta(days=1)) + timedelta(minutes=20), float_ids=floats)
        on += timedelta(days=1)
