"""Members, made through the verb that makes them in life."""

from __future__ import annotations

from datetime import datetime
from itertools import count

from django.utils import timezone

from alliance.actors import Actor
from alliance.models import User
from members import enrolment
from members.models import Member

_SERIAL = count(1)
LONG_AGO = datetime(2026, 1, 5, 9, tzinfo=timezone.get_default_timezone())
ENROLLER = Actor.system("tests")


def phone() -> str:
    """Return a phone number that no other test row has."""
    return f"+86139{next(_SERIAL):08}"


def member(*, name: str = "", phone_number: str = "", at: datetime | None = None) -> Member:
    return enrolment.join(phone=phone_number or phone(), name=name, actor=ENROLLER, at=at or timezone.now())


def user(*, name: str = "", **fields: object) -> User:
    """A user without any face: neither member nor staff of a shop nor of the console."""
    return User.objects.create_user(phone=phone(), name=name, **fields)
