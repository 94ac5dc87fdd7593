"""The organisation's verbs: found units, appoint people to posts and relieve them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.models import Post, Unit, User
from alliance.refusals import declare

POST_TAKEN = declare("post_taken", 409, _("This person has this post in that time already."))


@transaction.atomic
def found(*, kind: str, code: str, name: str, parent: Unit | None, actor: Actor, at: datetime, **fields: Any) -> Unit:
    """Add a unit below `parent`, once per code."""
    existing = Unit.objects.filter(code=code).first()
    if existing:
        return existing
    unit = Unit.objects.create(kind=kind, code=code, name=name, parent=parent, path=f"new:{code}", **fields)
    unit.path = f"{parent.path if parent else ''}{unit.pk}."
    unit.save(update_fields=["path"])
    events.record("unit.founded", unit, actor, at, {"kind": kind, "code": code}, unit_id=unit.pk)
    return unit


@transaction.atomic
def appoint(*, user: User, unit: Unit, role: str, starts_on: date, actor: Actor, at: datetime) -> Post:
    """Give somebody a post from a day on. Refuses: post_taken."""
    try:
        with transaction.atomic():
            post = Post.objects.create(user=user, unit=unit, role=role, starts_on=starts_on)
    except IntegrityError:
        raise POST_TAKEN() from None
    if not user.is_staff:
        User.objects.filter(pk=user.pk).update(is_staff=True)
        user.is_staff = True
    events.record("post.appointed", post, actor, at, {"user": user.pk, "role": role}, unit_id=unit.pk)
    return post


@transaction.atomic
def relieve(*, post: Post, ends_on: date, actor: Actor, at: datetime) -> None:
    """End a post on a day (the first one without it); it stops counting at once on that day."""
    Post.objects.filter(pk=post.pk).update(ends_on=ends_on)
    post.ends_on = ends_on
    events.record("post.relieved", post, actor, at, {"ends_on": ends_on.isoformat()}, unit_id=post.unit_id)
