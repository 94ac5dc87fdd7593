"""Joining: a person becomes a member with a wallet, once.

The row of the user is the lock: two first sign-ins of one phone insert it once (unique phone), the second waits for the
first and then finds its member. The book learns keyed hashes of phone and number (points.identify), never a name.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.models import User
from alliance.refusals import declare
from members import texts
from members.calc import number
from members.models import ConsentRecord, Member
from points import accounts, identify

CHUNK = 5_000
# Translators: 这个账号已停用，请联系客服
ACCOUNT_CLOSED = declare("account_closed", 409, _("This account is closed. Please talk to your service centre."))


@transaction.atomic
def join(
    *, phone: str | None = None, email: str | None = None, name: str = "", actor: Actor | None = None, at: datetime
) -> Member:
    """Make the person with this phone (E.164) or e-mail a member; somebody who is one already stays as they are.

    Joining means that the terms and the privacy notice in force were agreed to: both receipts are written.
    actor: who did it; the person themselves when none is named. Refuses: account_closed.
    """
    if bool(phone) == bool(email):
        raise ValueError("join by a phone or by an e-mail address")
    known = {"phone": phone} if phone else {"email": email}
    User.objects.bulk_create([_new_user(phone, email, name, at)], ignore_conflicts=True)
    user = User.objects.select_for_update().get(**known)
    if not user.is_active:
        raise ACCOUNT_CLOSED()
    member = Member.objects.filter(user=user).first()
    if member is not None:
        return member
    if name and not user.name:
        user.name = name
        user.save(update_fields=["name"])
    wallet = accounts.open_wallet(at)
    member = Member.objects.create(user=user, wallet=wallet, number=next(_numbers(1)), joined_at=at)
    ConsentRecord.objects.bulk_create(_receipts(member, at))
    identify.open_pass(wallet.pk, at)
    identify.attach(wallet_id=wallet.pk, kind="number", value=member.number, at=at)
    if user.phone:
        identify.attach(wallet_id=wallet.pk, kind="phone", value=user.phone, at=at)
    events.record("member.joined", member, actor or Actor.user(user), at, {"by": "phone" if phone else "email"})
    return member


@dataclass(frozen=True, slots=True)
class Newcomer:
    """One line of a list of people to enrol."""

    phone: str
    name: str = ""
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    member_id: int
    wallet_id: int
    user_id: int
    number: str


@transaction.atomic
def join_many(newcomers: Sequence[Newcomer], *, actor: Actor, at: datetime, is_synthetic: bool = True) -> list[Joined]:
    """Enrol many people by phone (E.164); the answer is in the order of the list, known members as they are.

    For towns and imports: two statements per table and 5,000 people, one event for all.
    """
    joined: dict[str, Joined] = {}
    fresh = 0
    for start in range(0, len(newcomers), CHUNK):
        found, n = _join_chunk(newcomers[start : start + CHUNK], at, is_synthetic)
        joined.update(found)
        fresh += n
    if fresh:
        events.record("members.imported", "members.member", actor, at, {"members": fresh})
    return [joined[newcomer.phone] for newcomer in newcomers]


def _join_chunk(chunk: Sequence[Newcomer], at: datetime, is_synthetic: bool) -> tuple[dict[str, Joined], int]:
    # In the order of phones: two imports that overlap wait for each other instead of for ever.
    people = {person.phone: person for person in sorted(chunk, key=lambda person: person.phone)}
    User.objects.bulk_create(
        [_new_user(phone, None, person.name, person.joined_at or at) for phone, person in people.items()],
        ignore_conflicts=True,
    )
    users = {
        user.phone: user.pk
        for user in User.objects.select_for_update().filter(phone__in=list(people)).only("phone").order_by("phone")
    }
    joined = {
        row.user.phone or "": Joined(row.pk, row.wallet_id, row.user_id, row.number)
        for row in Member.objects.filter(user__phone__in=list(people)).select_related("user")
    }
    missing = [phone for phone in people if phone not in joined]
    if not missing:
        return joined, 0
    wallets = accounts.open_wallets(len(missing), at)
    members = Member.objects.bulk_create(
        Member(
            user_id=users[phone],
            wallet_id=wallet_id,
            number=digits,
            joined_at=people[phone].joined_at or at,
            is_synthetic=is_synthetic,
        )
        for phone, wallet_id, digits in zip(missing, wallets, _numbers(len(missing)), strict=True)
    )
    ConsentRecord.objects.bulk_create(
        [receipt for member in members for receipt in _receipts(member, member.joined_at)]
    )
    identify.open_passes(wallets, at)
    identify.attach_many([(member.wallet_id, "number", member.number) for member in members], at)
    identify.attach_many(list(zip(wallets, ["phone"] * len(wallets), missing, strict=True)), at)
    for phone, member in zip(missing, members, strict=True):
        joined[phone] = Joined(member.pk, member.wallet_id, member.user_id, member.number)
    return joined, len(members)


def _new_user(phone: str | None, email: str | None, name: str, at: datetime) -> User:
    # As set_unusable_password writes it, but quick enough for 20,000.
    password = UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(20)
    return User(phone=phone, email=email, name=name, date_joined=at, password=password)


def _receipts(member: Member, at: datetime) -> list[ConsentRecord]:
    return [
        ConsentRecord(member=member, purpose=purpose, text_version=texts.in_force(purpose), given_at=at)
        for purpose in (texts.Purpose.TERMS, texts.Purpose.PRIVACY)
    ]


def _numbers(n: int) -> Iterator[str]:
    """Return n member numbers that nobody has: a sequence gives the place, arithmetic scatters it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('members_number') FROM generate_series(1, %s)", [n])
        places = [row[0] for row in cursor.fetchall()]
    return (number.number_of(place) for place in places)
