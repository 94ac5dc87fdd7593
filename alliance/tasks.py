"""The clock's front of the ground."""

from __future__ import annotations

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from alliance import hooks, jobs, messages, metrics, panels, sessions
from alliance.metrics import Scope

HEARTBEAT = "alliance.heartbeat"


@shared_task
def heartbeat() -> None:
    """Leave a sign of life of beat and worker, read by /readyz."""
    cache.set(HEARTBEAT, timezone.now().timestamp(), timeout=24 * 3600)


@shared_task
def run_reactions() -> int:
    """Let the upper floors hear what the diary wrote down since the last time."""
    return hooks.run_reactions()


@shared_task
def reckon_figures() -> None:
    """Reckon the figures of the console's first page that take long, before somebody has to wait for them."""
    at = timezone.now()
    with metrics.ahead():
        for metric in metrics.registered().values():
            metric.compute(at, Scope())
        for panel in panels.registered():
            panel.find(at, Scope())


@shared_task
def bury_jobs() -> int:
    """End jobs whose worker was killed, so that nobody waits for them."""
    return jobs.bury(timezone.now())


@shared_task
def sweep_sessions() -> int:
    """Forget sessions that are over."""
    return sessions.sweep(timezone.now())


@shared_task(
    autoretry_for=(OSError,), retry_backoff=2, retry_backoff_max=30, max_retries=4, soft_time_limit=30, time_limit=40
)
def deliver_message(kind: str, to: str, subject: str, text: str) -> None:
    """Bring a text message or an e-mail to its door; tries again for about a minute, then gives up."""
    messages.deliver(kind=kind, to=to, subject=subject, text=text)
