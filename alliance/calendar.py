"""The exceptional days: public holidays, and weekend days that are worked."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from alliance import events
from alliance.actors import Actor
from alliance.models import BusinessDay


@transaction.atomic
def declare_day(*, on: date, is_working: bool, name: str, actor: Actor, at: datetime) -> BusinessDay:
    """Say that a day is worked or not, whatever its weekday; a second word about the same day replaces the first."""
    day, _is_new = BusinessDay.objects.update_or_create(on=on, defaults={"is_working": is_working, "name": name})
    events.record("calendar.day_declared", day, actor, at, {"on": on.isoformat(), "is_working": is_working})
    return day
