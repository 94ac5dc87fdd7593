"""Rewards for what is not a sale: inviting somebody, a review, a mission (rows 26 and 27).

    refer(invitee_id=1420, inviter_id=1400, actor=actor, at=now)
    give(kind=Kind.REFERRAL, subject=rewards.subject_of(1420), wallet_id=1420, points=500, inviter_points=500,
         payer_id=budget, caller=caller, key="…", actor=actor, at=now)

A reward is given once per kind and subject. What a budget pays is bounded by the reward credit of the member on whose
account it is given (`room`), for a referral by that of the invited member once the hold-back of the purchases is over; a
merchant's own float or promotion account needs none. Both rewards of a referral are given, or none. Nothing here reads
another reward, or who invited the inviter, for an amount (G1).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import Error, connection, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.refusals import declare
from points.bills import Caller, Outcome, call, outcome_of
from points.calc import rebate
from points.calc.digests import digest
from points.models import Claim, Referral, Reward
from points.refusals import UNKNOWN, WALLET_UNKNOWN

Kind = Reward.Kind
_REPEAT = {"40001", "40P01", "23505"}
_TRIES = 5

ONESELF = declare("referral_of_oneself", 422, _("Nobody can invite oneself. Send the link to somebody else."))
INVITED_BEFORE = declare(
    "referral_exists", 409, _("Somebody else has invited this member already. There is one inviter, for good.")
)
BOUGHT_BEFORE = declare(
    "referral_too_late", 409, _("This member has bought here before, and only who is new can be invited.")
)
_NOT_REFERRED = {46: ONESELF, 47: INVITED_BEFORE, 48: BOUGHT_BEFORE}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a reward that was taken back. owed: what was gone, and is owed by whoever had it."""

    reward_id: int
    owed_points: int
    replayed: bool


def subject_of(invitee_id: int) -> str:
    """Return what a referral is about: one reward for each invited member, whatever it is called."""
    return f"W{invitee_id}"


def refer(*, invitee_id: int, inviter_id: int, actor: Actor, at: datetime, now: datetime | None = None) -> bool:
    """Note who invited a member; return whether that is new. Who has bought and kept it can no longer be invited.

    Refuses: referral_of_oneself, referral_exists, referral_too_late, wallet_unknown.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        was_known = Referral.objects.filter(pk=invitee_id).exists()
        cursor.execute(
            "SELECT points_refer(%s::bigint, %s::bigint, %s::text, %s::timestamptz, %s::timestamptz)",
            [invitee_id, inviter_id, str(actor), at, now],
        )
        status = cursor.fetchone()[0]
        if status == UNKNOWN:
            raise WALLET_UNKNOWN()
        if status in _NOT_REFERRED:
            raise _NOT_REFERRED[status]()
        if not was_known:
            facts = {"inviter": inviter_id}
            events.record("points.invited", actor=actor, at=at, subject=f"points.wallet:{invitee_id}", facts=facts)
    return not was_known


def room(wallet_id: int, kind: Kind) -> int:
    """Return how many points budgets may still give on account of a member for this; below zero: none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_reward_room(%s::bigint, %s::smallint)", [wallet_id, int(kind)])
        found = cursor.fetchone()[0]
    return int(found or 0)


def give(
    *,
    kind: Kind,
    subject: str,
    wallet_id: int,
    points: int,
    payer_id: int,
    caller: Caller,
    key: str,
    actor: Actor,
    at: datetime,
    inviter_points: int = 0,
    expires_on: date | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Give a reward, once: payer → member, and for a referral payer → inviter as well.

    payer_id: a budget, or a merchant's float or promotion account. subject: what it is for; `subject_of` for a referral.
    Answers "refused" with reward_credit_short (figure: how much is missing), reward_given, referral_unknown, referral_limit,
    reward_stopped, funder_short, wallet_unknown or key_reused. now: for the owner of the database only.
    """
    lapses = expires_on or rebate.expires_on(shanghai_day(now or at))
    body = json.dumps(["reward", int(kind), subject, wallet_id, points, inviter_points, payer_id])
    arguments = [
        caller.number, caller.id, str(actor), digest(key), digest(body), int(kind), subject, wallet_id, points, inviter_points, payer_id, lapses,
        settings.REFERRAL_DAY_POINTS, settings.REFERRAL_YEAR_POINTS, at, now,
    ]  # fmt: skip
    return outcome_of(*call(_GIVE, arguments)[0])


def take_back(
    *, reward_id: int, caller: Caller, key: str, actor: Actor, at: datetime, now: datetime | None = None
) -> Taken:
    """Take a reward back, both parts of a referral: wallet → payer; what is gone is owed, and paid from the next points.

    Refuses: reward_unknown, reward_taken_back, key_reused.
    """
    body = json.dumps(["reward back", reward_id])
    arguments = [caller.number, caller.id, str(actor), digest(key), digest(body), reward_id, at, now]
    outcome = outcome_of(*call(_TAKE, arguments)[0])
    if not outcome.is_booked:
        raise outcome.refusal()
    return Taken(reward_id, outcome.figure or 0, outcome.replayed)


def settle(now: datetime | None = None) -> int:
    """Let members pay what they owe for rewards out of their next mature points; return the sum."""
    owing = Claim.objects.open().filter(why=Claim.Why.REWARD).values_list("debtor_id", flat=True)
    return sum(_recover(wallet_id, now) for wallet_id in sorted(set(owing)))


def kinds_of(transfer_ids: Iterable[int]) -> dict[int, tuple[Reward, bool]]:
    """Return the reward of each of these transfers, and whether it was given for inviting somebody."""
    numbers = list(transfer_ids)
    if not numbers:
        return {}
    found = {row.pk: (row, False) for row in Reward.objects.filter(pk__in=numbers)}
    for row in Reward.objects.filter(inviter_transfer_id__in=numbers):
        found[row.inviter_transfer_id or 0] = (row, True)
    return found


_GIVE = """SELECT * FROM points_give_reward(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::smallint, %s::text, %s::bigint,
  %s::bigint, %s::bigint, %s::bigint, %s::date, %s::bigint, %s::bigint, %s::timestamptz, %s::timestamptz)"""
_TAKE = """SELECT * FROM points_take_reward(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint, %s::timestamptz,
  %s::timestamptz)"""


def _recover(wallet_id: int, now: datetime | None) -> int:
    tries = 1 if connection.in_atomic_block else _TRIES
    for n in range(1, tries + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT points_recover_rewards(%s::bigint, %s::timestamptz)", [wallet_id, now])
                return int(cursor.fetchone()[0])
        except Error as error:
            if getattr(error.__cause__, "sqlstate", None) not in _REPEAT or n == tries:
                raise
    raise AssertionError
