"""Long work with progress that people can watch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.models import Job
from alliance.refusals import declare

# No task may run longer; most are cut off after CELERY_TASK_TIME_LIMIT.
LONGEST_SECONDS = 4 * 3600

# Translators: 这个任务不能重跑
NOT_RESTARTABLE = declare("job_not_restartable", 409, _("This job has not failed, or cannot be run again from here."))


def start(kind: str, *, params: dict[str, Any], actor: Actor, at: datetime, total: int | None = None) -> Job:
    """Open a job that is running from `at`."""
    return Job.objects.create(kind=kind, params=params, actor=str(actor), started_at=at, heartbeat_at=at, total=total)


def progress(job: Job, done: int, *, total: int | None = None, note: str = "") -> None:
    """Say how far it is; also the sign of life."""
    Job.objects.filter(pk=job.pk).update(
        done=done, total=total if total is not None else F("total"), note=note[:200], heartbeat_at=timezone.now()
    )


def finish(job: Job, *, at: datetime, result: dict[str, Any] | None = None) -> None:
    _end(job, Job.State.DONE, at, result or {})


def fail(job: Job, *, at: datetime, code: str, result: dict[str, Any] | None = None) -> None:
    """Close a job that could not be done; `code` is a stable error code, never a stack trace."""
    _end(job, Job.State.FAILED, at, {"code": code, **(result or {})})


# --- asked for by somebody ---------------------------------------------------------------------------

# Translators: 这个任务正在运行，请等它结束
ALREADY_RUNNING = declare("job_running", 409, _("This is running already. Watch its progress and wait for its end."))
# A job without a sign of life for so long is dead, and keeps nobody from asking again.
STILL = timedelta(minutes=15)
Begin = Callable[[dict[str, Any], Actor], None]
_BEGINNINGS: dict[str, Begin] = {}


def startable(kind: str) -> Callable[[Begin], Begin]:
    """Register how work of this kind is handed to a worker; only for work that is safe to hand over twice."""

    def register(function: Begin) -> Begin:
        _BEGINNINGS[kind] = function
        return function

    return register


@transaction.atomic
def ask(kind: str, *, params: dict[str, Any], subject: str, actor: Actor, at: datetime) -> None:
    """Hand work to a worker, which opens its own job. Refuses: job_running."""
    if Job.objects.running().filter(kind=kind, heartbeat_at__gt=at - STILL).exists():
        raise ALREADY_RUNNING()
    events.record("job.asked", subject, actor, at, {"kind": kind, **params})
    transaction.on_commit(lambda: _BEGINNINGS[kind](params, actor))


@transaction.atomic
def bury(at: datetime) -> int:
    """End jobs that have said nothing for longer than any may run: their worker was killed. Return how many."""
    silent = Job.objects.running().filter(heartbeat_at__lt=at - timedelta(seconds=LONGEST_SECONDS))
    return silent.update(state=Job.State.FAILED, ended_at=at, result={"code": "job_stopped"})


# --- running again -----------------------------------------------------------------------------------

Restart = Callable[[Job], None]
_RESTARTS: dict[str, Restart] = {}


def restartable(kind: str) -> Callable[[Restart], Restart]:
    """Register how a failed job of this kind is run again; only for work that is safe to run twice."""

    def register(function: Restart) -> Restart:
        _RESTARTS[kind] = function
        return function

    return register


def can_restart(job: Job) -> bool:
    return job.state == Job.State.FAILED and job.kind in _RESTARTS


@transaction.atomic
def restart(*, job: Job, actor: Actor, at: datetime) -> None:
    """Run a failed job again, from where it can go on. Refuses: job_not_restartable."""
    if not can_restart(job):
        raise NOT_RESTARTABLE()
    events.record("job.restarted", job, actor, at, {"kind": job.kind})
    transaction.on_commit(lambda: _RESTARTS[job.kind](job))


def _end(job: Job, state: str, at: datetime, result: dict[str, Any]) -> None:
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(
        state=state, ended_at=at, heartbeat_at=at, result=result
    )
