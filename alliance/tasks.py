"""The clock's front of the ground."""

from __future__ import annotations

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from alliance import hooks

HEARTBEAT = "alliance.heartbeat"


@shared_task
def heartbeat() -> None:
    """Leave a sign of life of beat and worker, read by /readyz."""
    cache.set(HEARTBEAT, timezone.now().timestamp(), timeout=24 * 3600)


@shared_task
def run_reactions() -> int:
    """Let the upper floors hear what the diary wrote down since the last time."""
    return hooks.run_reactions()
