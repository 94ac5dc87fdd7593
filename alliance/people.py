"""What people set about themselves, and what others may see of them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from alliance import access, events
from alliance.actors import Actor
from alliance.models import User


def prefer(*, user: User, language: str | None = None, theme: str | None = None) -> None:
    """Keep language or theme in the profile. A taste, not an act: the diary does not hear of it."""
    changes = {name: value for name, value in (("language", language), ("theme", theme)) if value is not None}
    User.objects.filter(pk=user.pk).update(**changes)
    for name, value in changes.items():
        setattr(user, name, value)


@transaction.atomic
def reveal(*, user: User, viewer: User, reason: str, at: datetime) -> str:
    """Return the whole phone number or e-mail of somebody, and write down who looked and why.

    Refuses: not_allowed.
    """
    access.require(viewer, "member.reveal")
    events.record("user.contact_revealed", user, Actor.user(viewer), at, {"reason": reason[:100]})
    return user.phone or user.email or ""
