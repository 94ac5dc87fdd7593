"""What people set about themselves, and what others may see of them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from alliance import access, events
from alliance.actors import Actor
from alliance.models import User
from alliance.refusals import declare

# Translators: 这个邮箱已经有账号了
EMAIL_TAKEN = declare("email_taken", 409, _("This e-mail address has an account already."))
# Translators: 密码太弱：…
PASSWORD_WEAK = declare("password_weak", 422, _("This password is too weak. %(why)s"))


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


@transaction.atomic
def rename(*, user: User, name: str, actor: Actor, at: datetime) -> None:
    """Change what somebody is called. The diary says that it changed, not to what."""
    User.objects.filter(pk=user.pk).update(name=name)
    user.name = name
    events.record("user.renamed", user, actor, at)


@transaction.atomic
def invite(*, email: str, name: str, password: str, actor: Actor, at: datetime) -> User:
    """Make a console user; a post gives them something to see. Refuses: email_taken, password_weak."""
    _check_password(password)
    address = email.strip().lower()
    if User.objects.filter(email=address).exists():
        raise EMAIL_TAKEN()
    user = User.objects.create_superuser(email=address, password=password, name=name)
    events.record("user.invited", user, actor, at)
    return user


@transaction.atomic
def set_password(*, user: User, password: str, actor: Actor, at: datetime) -> None:
    """Give a console user a new password; every session that knew the old one ends. Refuses: password_weak."""
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    events.record("user.password_set", user, actor, at)


@transaction.atomic
def close(*, user: User, actor: Actor, at: datetime) -> None:
    """Shut somebody out at once, everywhere."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    user.is_active = False
    events.record("user.closed", user, actor, at)


@transaction.atomic
def reopen(*, user: User, actor: Actor, at: datetime) -> None:
    User.objects.filter(pk=user.pk).update(is_active=True)
    user.is_active = True
    events.record("user.reopened", user, actor, at)


def _check_password(password: str, user: User | None = None) -> None:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise PASSWORD_WEAK(why=" ".join(error.messages)) from None
