"""The clock's front of the members. It may run twice or be killed at any point: nobody is told twice or forgotten."""

from __future__ import annotations

from datetime import date

from celery import shared_task
from django.db import connection
from django.utils import timezone

from alliance import jobs
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Job
from members import noticing
from points import expiring

NOTICES = "members.notices"
_LOCK = (7262, 1)


@shared_task
def notices() -> int:
    """Tell members what lapses in 60, 30 and 7 days, once a day; return how many were told."""
    with connection.cursor() as cursor:
        # The lock belongs to the connection and ends with it.
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", _LOCK)
        if not cursor.fetchone()[0]:
            return 0
        try:
            return _notices()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", _LOCK)


def _notices() -> int:
    now = timezone.now()
    today, since = shanghai_day(now), last_run()
    if since is not None and since >= today:
        return 0
    # Whoever holds the lock knows that a run which says it is running was killed.
    for dead in Job.objects.running().filter(kind=NOTICES):
        jobs.fail(dead, at=now, code="job_stopped")
    job = jobs.start(NOTICES, params={"on": today.isoformat()}, actor=Actor.system("notices"), at=now)
    told = 0
    try:
        for done, n in noticing.run(today, since, now):
            told += n
            jobs.progress(job, done, total=expiring.BUCKETS, note=today.isoformat())
        swept = noticing.sweep(today)
    except Exception as error:
        jobs.fail(job, at=timezone.now(), code="notices_failed", result={"error": type(error).__name__})
        raise
    jobs.finish(job, at=timezone.now(), result={"told": told, "swept": swept})
    return told


def last_run() -> date | None:
    """Return the day of the last run that came to its end."""
    done = Job.objects.filter(kind=NOTICES, state=Job.State.DONE).order_by("-started_at", "-pk").first()
    return date.fromisoformat(done.params["on"]) if done else None


@jobs.restartable(NOTICES)
def _notices_again(job: Job) -> None:
    notices.delay()
