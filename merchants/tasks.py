"""The clock's front of the merchants."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from alliance import jobs
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Job
from merchants import clearing, offline, sales, tills
from points import closing
from points.clearing import Run
from points.models import Clearing

CLEAR = clearing.JOB
# Of its own: 11 to 18, 21 and 31 to 36 are the book's (points.tasks).
_LOCK = 41


@shared_task
def forget_tokens() -> int:
    """Delete member tokens that were spent and have expired, a day later; and last syncs that mean nothing any more."""
    now = timezone.now()
    offline.forget(now - sales.LATE - timedelta(days=1))
    return tills.forget(now - timedelta(days=1))


@shared_task
def clear(on: str | None = None, by: str | None = None) -> int:
    """Clear the newest day that is due (CLEARING_DAYS after its trade), once; return the number of statements.

    by: who asked for it, if it was not the clock.
    """
    day = date.fromisoformat(on) if on else shanghai_day(timezone.now()) - timedelta(days=settings.CLEARING_DAYS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(7261, %s)", [_LOCK])
        if not cursor.fetchone()[0]:
            if by:
                _not_now(day, by)
            return 0
        try:
            return _clear(day, Actor.parse(by or "system:clearing"))
        finally:
            cursor.execute("SELECT pg_advisory_unlock(7261, %s)", [_LOCK])


def _not_now(on: date, by: str) -> None:
    """Whoever asked must see that nothing was begun: another one is running."""
    at = timezone.now()
    job = jobs.start(CLEAR, params={"on": on.isoformat()}, actor=Actor.parse(by), at=at)
    jobs.fail(job, at=at, code="clearing_running")


def _clear(on: date, actor: Actor) -> int:
    if Clearing.objects.filter(cleared_on=on, finished_at__isnull=False).exists():
        return 0
    # A later day was cleared, or this one lies far ahead: some clock jumped. Once a day is enough to say so.
    later = Clearing.objects.filter(cleared_on__gt=on).exists()
    if later or closing.is_ahead(on):
        code, at = "clearing_day_passed" if later else "clock_ahead", timezone.now()
        if not Job.objects.filter(kind=CLEAR, params__on=on.isoformat(), result__code=code).exists():
            job = jobs.start(CLEAR, params={"on": on.isoformat()}, actor=actor, at=at)
            jobs.fail(job, at=at, code=code)
        return 0
    for dead in Job.objects.running().filter(kind=CLEAR):
        jobs.fail(dead, at=timezone.now(), code="job_stopped")
    at = timezone.now()
    job = jobs.start(CLEAR, params={"on": on.isoformat()}, actor=actor, at=at)
    state = Run(on, 0)
    try:
        clearing.sweep(actor=actor, at=at)
        for state in clearing.run(on, actor=actor, at=at):
            jobs.progress(job, state.done, total=state.of, note=on.isoformat())
    except Exception as error:
        jobs.fail(job, at=timezone.now(), code="clearing_failed", result={"error": type(error).__name__})
        raise
    result = {"statements": state.statements, "accounts": state.done, "failed": state.failed[:100]}
    if state.failed:
        jobs.fail(job, at=timezone.now(), code="clearing_incomplete", result=result)
    elif state.unclosed:
        jobs.fail(job, at=timezone.now(), code="clearing_unclosed", result={**result, "unclosed": state.unclosed})
    else:
        jobs.finish(job, at=timezone.now(), result=result)
    return state.statements


@jobs.restartable(CLEAR)
def _clear_again(job: Job) -> None:
    clear.delay(job.params["on"])


@jobs.startable(CLEAR)
def _clear_asked(params: dict[str, Any], actor: Actor) -> None:
    clear.delay(params["on"], str(actor))
