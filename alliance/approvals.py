"""Decisions by two people. A floor registers what is to be done; the ground keeps who asked and who decided.

    @approvals.kind("points.topup", permission="topup.approve", title=_("Top-up"))
    def allot(approval, actor, at): ...

`allot` runs in the transaction of the decision: either both happen or neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from alliance import access, events
from alliance.actors import Actor
from alliance.calc.worktime import SHANGHAI
from alliance.models import Approval, Event, Unit, User
from alliance.refusals import NOT_ALLOWED, declare

SAME_PERSON = declare("approval_same_person", 403, _("You asked for this yourself. Somebody else has to decide it."))
# Translators: 提交的人已离岗或不再有这项权限，不能按他的提交执行。请驳回，由在岗的人重新提交。
ASKER_GONE = declare(
    "approval_asker_gone",
    409,
    _("Whoever asked for this works here no longer, or may not ask it any more. Refuse it; let somebody else ask."),
)
ALREADY_DECIDED = declare("approval_already_decided", 409, _("Somebody has decided this already. Reload the page."))
# Translators: 您的密码、动态码或岗位在三天内由他人设置过，%(until)s 之后才能复核
HAND_TOO_NEW = declare(
    "approval_hand_too_new",
    403,
    _("Your password, authenticator or post was set by somebody within three days. You can decide from %(until)s on."),
)
ALREADY_ASKED = declare("approval_already_asked", 409, _("This is waiting for a decision already."))

# Whoever can make or take over an account must not be able to be the second person with it.
COOLING = timedelta(days=3)
_TAKEN_IN_HAND = ("user.invited", "user.password_set", "console.second_factor_reset")

Verb = Callable[[Approval, Actor, datetime], Any]


@dataclass(frozen=True)
class Kind:
    """What is decided: who may, what it is called, how it is shown, what follows."""

    name: str
    permission: str
    title: Any
    verb: Verb
    describe: Callable[[Approval], str]


_KINDS: dict[str, Kind] = {}


def kind(
    name: str, *, permission: str, title: Any, describe: Callable[[Approval], str] | None = None
) -> Callable[[Verb], Verb]:
    """Register the verb that follows an approval of this kind."""

    def register(verb: Verb) -> Verb:
        _KINDS[name] = Kind(name, permission, title, verb, describe or (lambda approval: approval.subject))
        return verb

    return register


def kinds() -> dict[str, Kind]:
    return dict(_KINDS)


@transaction.atomic
def ask(*, kind: str, subject: str, facts: dict[str, Any], unit: Unit, user: User, at: datetime) -> Approval:
    """Ask for a decision on `subject`; one may wait at a time. Refuses: approval_already_asked."""
    if kind not in _KINDS:
        raise RuntimeError(f"approval kind {kind} is not registered")
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                kind=kind, subject=subject, facts=facts, unit=unit, asked_by=user, asked_at=at
            )
    except IntegrityError:
        raise ALREADY_ASKED() from None
    events.record("approval.asked", approval, Actor.user(user), at, {"kind": kind, "on": subject}, unit_id=unit.pk)
    return approval


@transaction.atomic
def approve(approval: Approval, *, user: User, at: datetime) -> Any:
    """Decide yes, and do what was asked for, in one transaction.

    Refuses: approval_same_person, approval_asker_gone, approval_hand_too_new, approval_already_decided, not_allowed,
    and whatever the verb refuses.
    """
    row = _open(approval, user)
    _check_asker(row)
    _check_hand(user, at)
    _decide(row, Approval.State.APPROVED, user, at)
    return _KINDS[row.kind].verb(row, Actor.user(user), at)


@transaction.atomic
def refuse(approval: Approval, *, user: User, at: datetime, reason: str) -> None:
    """Decide no. Refuses: approval_same_person, approval_already_decided, not_allowed."""
    _decide(_open(approval, user), Approval.State.REFUSED, user, at, reason)


@transaction.atomic
def withdraw(approval: Approval, *, user: User, at: datetime) -> None:
    """Take the question back; only who asked may. Refuses: not_allowed, approval_already_decided."""
    row = Approval.objects.select_for_update().get(pk=approval.pk)
    if row.asked_by_id != user.pk:
        raise NOT_ALLOWED()
    if row.state != Approval.State.WAITING:
        raise ALREADY_DECIDED()
    _decide(row, Approval.State.WITHDRAWN, user, at)


def _open(approval: Approval, user: User) -> Approval:
    row = Approval.objects.select_for_update().select_related("unit").get(pk=approval.pk)
    if row.state != Approval.State.WAITING:
        raise ALREADY_DECIDED()
    if row.asked_by_id == user.pk:
        raise SAME_PERSON()
    access.require(user, _KINDS[row.kind].permission, row.unit)
    return row


def _check_asker(row: Approval) -> None:
    """Refuse what somebody asked who was dismissed meanwhile: two people stand for it at the moment of deciding."""
    asker = row.asked_by
    if not asker.is_active or (asker.posts.exists() and not access.posts_of(asker)):
        raise ASKER_GONE()


def _check_hand(user: User, at: datetime) -> None:
    """Refuse somebody whose sign-in another person set, or whose post any person gave, less than three days ago."""
    by_others = (
        Event.objects.of(events.subject_of(user)).filter(verb__in=_TAKEN_IN_HAND).exclude(actor=str(Actor.user(user)))
    )
    posts = [f"alliance.post:{pk}" for pk in user.posts.values_list("pk", flat=True)]
    given = Event.objects.filter(subject__in=posts, verb="post.appointed")
    last = (by_others | given).filter(actor__startswith="user:", at__gt=at - COOLING).aggregate(at=Max("at"))["at"]
    if last is not None:
        raise HAND_TOO_NEW(until=f"{(last + COOLING).astimezone(SHANGHAI):%Y-%m-%d %H:%M}")


def _decide(row: Approval, state: str, user: User, at: datetime, reason: str = "") -> None:
    row.state, row.decided_by, row.decided_at, row.reason = state, user, at, reason[:200]
    row.save(update_fields=["state", "decided_by", "decided_at", "reason"])
    facts = {"kind": row.kind, "on": row.subject}
    events.record(f"approval.{state}", row, Actor.user(user), at, facts, unit_id=row.unit_id)
