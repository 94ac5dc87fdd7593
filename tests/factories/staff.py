"""Console staff with posts, and browsers that have passed both steps of the door."""

from __future__ import annotations

import time
from datetime import date
from itertools import count

from django.test import Client

from alliance import org
from alliance.actors import Actor
from alliance.models import Unit, User
from tests.factories.shops import OPENED, centre

_SERIAL = count(1)
SYSTEM = Actor.system("tests")
PASSWORD = "a-long-password-4711"


def headquarters() -> Unit:
    centre()
    return Unit.objects.get(parent__isnull=True)


def unit(kind: str, name: str, parent: Unit | None = None) -> Unit:
    """Found a unit below `parent`, or below headquarters."""
    code = f"{kind}-{next(_SERIAL)}"
    return org.found(kind=kind, code=code, name=name, parent=parent or headquarters(), actor=SYSTEM, at=OPENED)


def colleague(role: str, at_unit: Unit | None = None, *, name: str = "") -> User:
    """Return somebody with a post since January 2026, at headquarters unless another unit is named."""
    user = User.objects.create_superuser(email=f"staff{next(_SERIAL)}@example.cn", password=PASSWORD, name=name or role)
    place = at_unit or headquarters()
    org.appoint(user=user, unit=place, role=role, starts_on=date(2026, 1, 1), actor=SYSTEM, at=OPENED)
    return user


def console(user: User) -> Client:
    """Return a browser in which this user has passed password and second factor."""
    client = Client()
    client.force_login(user, backend="alliance.auth.StaffBackend")
    session = client.session
    session["console"] = {"user": user.pk, "since": time.time(), "seen": time.time()}
    session.save()
    return client
