"""The clock's front of the merchants."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from merchants import tills


@shared_task
def forget_tokens() -> int:
    """Delete member tokens that were spent and have expired, a day later."""
    return tills.forget(timezone.now() - timedelta(days=1))
