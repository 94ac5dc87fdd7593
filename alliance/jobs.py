"""Long work with progress that people can watch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone

from alliance.actors import Actor
from alliance.models import Job


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


def _end(job: Job, state: str, at: datetime, result: dict[str, Any]) -> None:
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(
        state=state, ended_at=at, heartbeat_at=at, result=result
    )
