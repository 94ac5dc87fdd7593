"""Writing and reading the diary: one row per act that moved no money (the book keeps the others as journals)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from alliance.actors import Actor
from alliance.models import Event


def subject_of(row: models.Model) -> str:
    """Return how the diary names a row: "merchants.merchant:12"."""
    return f"{row._meta.label_lower}:{row.pk}"


def record(
    verb: str,
    subject: models.Model | str,
    actor: Actor,
    at: datetime,
    facts: dict[str, Any] | None = None,
    *,
    unit_id: int | None = None,
) -> Event:
    """Write one event in the caller's transaction.

    verb: "merchant.went_live", listed in docs/events.md. facts: ids, codes and amounts only, nothing personal.
    unit_id: whose staff may read it besides headquarters.
    """
    name = subject if isinstance(subject, str) else subject_of(subject)
    return Event.objects.create(verb=verb, subject=name, actor=str(actor), at=at, facts=facts or {}, unit_id=unit_id)
