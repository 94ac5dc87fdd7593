"""The list of trades, edited at headquarters."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from alliance import events
from alliance.actors import Actor
from alliance.models import Trade


@transaction.atomic
def write(*, code: str, name: str, name_en: str, position: int, actor: Actor, at: datetime) -> Trade:
    """Add a trade, or change its names and place in the list. A code never changes: merchants and rules point to it."""
    trade, is_new = Trade.objects.update_or_create(
        code=code, defaults={"name": name, "name_en": name_en, "position": position}
    )
    events.record("trade.added" if is_new else "trade.changed", trade, actor, at, {"code": code, "position": position})
    return trade
