"""Who works for a merchant: appointed and dismissed; a dismissal works at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.models import Event, User
from alliance.refusals import declare
from merchants.models import Merchant, Outlet, Staff

ALREADY_STAFF = declare("staff_already_appointed", 409, _("This person works here already. Dismiss them first."))
LAST_OWNER = declare("staff_last_owner", 409, _("A merchant needs an owner. Appoint another one first."))
ALREADY_DISMISSED = declare("staff_already_dismissed", 409, _("This person has been dismissed already."))
OWNER_EVERYWHERE = declare(
    "staff_owner_everywhere", 422, _("An owner owns all outlets. Choose another role, or no outlet.")
)
OUTLET_OF_ANOTHER = declare("outlet_of_another", 404, _("This outlet does not belong to you. Choose one of yours."))


@transaction.atomic
def appoint(
    *, merchant: Merchant, user: User, role: str, actor: Actor, at: datetime, outlet: Outlet | None = None
) -> Staff:
    """Let somebody work for a merchant, in one outlet or in all, from now on.

    Refuses: staff_already_appointed, staff_owner_everywhere, outlet_of_another.
    """
    if outlet is not None and outlet.merchant_id != merchant.pk:
        raise OUTLET_OF_ANOTHER()
    if outlet is not None and role == Staff.Role.OWNER:
        raise OWNER_EVERYWHERE()
    try:
        with transaction.atomic():
            post = Staff.objects.create(user=user, merchant=merchant, outlet=outlet, role=role, starts_at=at)
    except IntegrityError:
        raise ALREADY_STAFF() from None
    facts = {"merchant": merchant.pk, "user": user.pk, "role": role, "outlet": outlet.pk if outlet else None}
    events.record("staff.appointed", post, actor, at, facts, unit_id=merchant.centre_id)
    return post


@transaction.atomic
def appoint_many(posts: Sequence[Staff], *, actor: Actor) -> None:
    """Let many people work for their merchants, each from the post's starts_at on. For towns and imports.

    Refuses: staff_already_appointed, staff_owner_everywhere, outlet_of_another; then nobody was appointed.
    """
    for post in posts:
        if post.outlet is not None and post.outlet.merchant_id != post.merchant_id:
            raise OUTLET_OF_ANOTHER()
        if post.outlet is not None and post.is_owner:
            raise OWNER_EVERYWHERE()
    try:
        with transaction.atomic():
            Staff.objects.bulk_create(posts)
    except IntegrityError:
        raise ALREADY_STAFF() from None
    Event.objects.bulk_create(
        Event(
            verb="staff.appointed",
            subject=events.subject_of(post),
            actor=str(actor),
            at=post.starts_at,
            facts={"merchant": post.merchant_id, "user": post.user_id, "role": post.role, "outlet": post.outlet_id},
            unit_id=post.merchant.centre_id,
        )
        for post in posts
    )


@transaction.atomic
def appoint_by_phone(
    *, merchant: Merchant, phone: str, role: str, actor: Actor, at: datetime, outlet: Outlet | None = None
) -> Staff:
    """Appoint whoever has this phone number (E.164); who has never signed in gets a user to sign in with."""
    user = User.objects.filter(phone=phone).first() or User.objects.create_user(phone=phone)
    return appoint(merchant=merchant, user=user, role=role, actor=actor, at=at, outlet=outlet)


@transaction.atomic
def dismiss(*, post: Staff, actor: Actor, at: datetime) -> None:
    """End somebody's work here now: the next request of theirs is refused.

    Refuses: staff_last_owner, staff_already_dismissed.
    """
    # The merchant's row is locked so that two owners cannot dismiss each other at the same moment.
    merchant = Merchant.objects.select_for_update().get(pk=post.merchant_id)
    owners = Staff.objects.active(at).filter(merchant=merchant, role=Staff.Role.OWNER)
    if post.is_owner and not owners.exclude(pk=post.pk).exists():
        raise LAST_OWNER()
    if not Staff.objects.active(at).filter(pk=post.pk).update(ends_at=at):
        raise ALREADY_DISMISSED()
    post.ends_at = at
    facts = {"merchant": merchant.pk, "user": post.user_id, "role": post.role}
    events.record("staff.dismissed", post, actor, at, facts, unit_id=merchant.centre_id)
