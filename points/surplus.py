"""Closing the surplus: breakage and buffer above its floor become patronage points (row 38).

Two approvals by two people besides the one who proposes. The shares are fixed at the closing; paying them out goes in
chunks and, killed half-way, goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alliance import approvals, events
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Unit, User
from alliance.refusals import declare
from points import accounts, winding_up
from points.calc import rebate
from points.models import SurplusClosing, SurplusShare, Wallet

ACCOUNT = 6
BUCKETS = 64
CHUNK = 2_000

# Translators: 可结算的盈余最多 %(most)s 分
TOO_MUCH = declare(
    "surplus_too_much",
    409,
    gettext_lazy("There is less to close now: breakage and what the buffer has above its floor. Look at the preview."),
)
STILL_SHARING = declare(
    "surplus_still_sharing", 409, gettext_lazy("The last closing is still being shared out. Wait until it is done.")
)
NOTHING = declare("surplus_nothing", 422, gettext_lazy("There is nothing to close."))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a closing would do now. distributable: of the new surplus, what reward credit allows to be shared."""

    breakage_fen: int
    buffer_fen: int
    floor_fen: int
    from_buffer_fen: int
    surplus_fen: int
    credit: int
    members: int

    def of(self, breakage_fen: int, buffer_fen: int) -> Preview:
        """Return the same for a closing of these amounts."""
        return replace(self, breakage_fen=breakage_fen, from_buffer_fen=buffer_fen)

    @property
    def pool_fen(self) -> int:
        return self.surplus_fen + self.breakage_fen + self.from_buffer_fen

    @property
    def points(self) -> int:
        """Return the most that can be shared; each share is rounded down, so that it may be a few points less."""
        return min(self.pool_fen, self.credit)

    @property
    def left_fen(self) -> int:
        return self.pool_fen - self.points


def preview() -> Preview:
    """Return the figures before anybody approves anything."""
    unused = Wallet.objects.filter(credit__gt=F("rewarded")).aggregate(
        credit=Sum(F("credit") - F("rewarded")), members=Sum(1)
    )
    floor = settings.BUFFER_FLOOR_FEN
    buffer = accounts.balance(accounts.house("buffer"))
    return Preview(
        breakage_fen=accounts.balance(accounts.house("breakage")),
        buffer_fen=buffer,
        floor_fen=floor,
        from_buffer_fen=max(buffer - floor, 0),
        surplus_fen=accounts.balance(ACCOUNT),
        credit=unused["credit"] or 0,
        members=unused["members"] or 0,
    )


# --- two approvals ----------------------------------------------------------------------------------


def propose(*, breakage_fen: int, buffer_fen: int, unit: Unit, user: User, at: datetime, reason: str = "") -> Approval:
    """Ask for a closing of these amounts. Refuses: surplus_nothing, surplus_too_much, surplus_still_sharing,
    closing_mode_on, approval_already_asked."""
    winding_up.refuse_if_closing(None)
    found = preview()
    if breakage_fen < 0 or buffer_fen < 0 or breakage_fen + buffer_fen == 0:
        raise NOTHING()
    if found.buffer_fen < found.floor_fen or breakage_fen > found.breakage_fen or buffer_fen > found.from_buffer_fen:
        raise TOO_MUCH()
    if SurplusClosing.objects.filter(finished_at__isnull=True).exists():
        raise STILL_SHARING()
    facts = {
        "breakage_fen": breakage_fen,
        "buffer_fen": buffer_fen,
        "floor_fen": found.floor_fen,
        "surplus_fen": found.surplus_fen,
        "credit": found.credit,
        "members": found.members,
        "reason": reason[:200],
    }
    return approvals.ask(kind="points.surplus", subject="points.surplus", facts=facts, unit=unit, user=user, at=at)


def describe(approval: Approval) -> str:
    facts = approval.facts
    pool = facts["surplus_fen"] + facts["breakage_fen"] + facts["buffer_fen"]
    # Translators: 过期沉淀、缓冲金（下限）→ 盈余；最多 %(points)s 积分分给 %(n)s 位会员
    words = _(
        "breakage %(breakage)s, buffer %(buffer)s (floor %(floor)s) → surplus; up to %(points)s points, %(n)s members"
    ) % {
        "breakage": f"¥{yuan(facts['breakage_fen'])}",
        "buffer": f"¥{yuan(facts['buffer_fen'])}",
        "floor": f"¥{yuan(facts['floor_fen'])}",
        "points": f"{min(pool, facts['credit']):,}",
        "n": f"{facts['members']:,}",
    }
    return f"{words} · {facts['reason']}" if facts.get("reason") else words


@approvals.kind(
    "points.surplus",
    permission="surplus.approve",
    # Translators: 盈余结算（第一次复核）
    title=gettext_lazy("Closing of the surplus, first approval"),
    describe=describe,
)
def approve_first(approval: Approval, actor: Actor, at: datetime) -> Approval:
    """The first yes asks for the second, in the name of the one who proposed. Refuses closing_mode_on."""
    winding_up.refuse_if_closing(None)
    assert approval.decided_by is not None
    facts = {**approval.facts, "first_by": approval.decided_by.pk}
    return approvals.ask(
        kind="points.surplus_final",
        subject="points.surplus",
        facts=facts,
        unit=approval.unit,
        user=approval.asked_by,
        at=at,
    )


@approvals.kind(
    "points.surplus_final",
    permission="surplus.approve",
    # Translators: 盈余结算（第二次复核）
    title=gettext_lazy("Closing of the surplus, second approval"),
    describe=describe,
)
def approve_second(approval: Approval, actor: Actor, at: datetime) -> SurplusClosing:
    """The second yes, of a third person, closes.

    Refuses: approval_same_person, closing_mode_on, surplus_too_much, …
    """
    winding_up.refuse_if_closing(None)
    if approval.decided_by_id == approval.facts["first_by"]:
        raise approvals.SAME_PERSON()
    return close(
        approval_id=approval.pk,
        breakage_fen=approval.facts["breakage_fen"],
        buffer_fen=approval.facts["buffer_fen"],
        actor=actor,
        at=at,
    )


# --- closing and sharing ----------------------------------------------------------------------------


@transaction.atomic
def close(
    *, approval_id: int, breakage_fen: int, buffer_fen: int, actor: Actor, at: datetime, now: datetime | None = None
) -> SurplusClosing:
    """Book breakage and buffer into the surplus and fix every share.

    Refuses: surplus_too_much, surplus_still_sharing, closing_mode_on.
    """
    expires = rebate.expires_on(shanghai_day(now or at))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_surplus_close(%s::bigint, %s::bigint, %s::bigint, %s::bigint, %s::date, %s::text,"
                " %s::timestamptz, %s::timestamptz)",
                [approval_id, breakage_fen, buffer_fen, settings.BUFFER_FLOOR_FEN, expires, str(actor), at, now],
            )
            closing = SurplusClosing.objects.get(pk=cursor.fetchone()[0])
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if state == "LH031":
            raise STILL_SHARING() from error
        if state == "LH032":
            raise TOO_MUCH() from error
        if state == "LH037":
            winding_up.refuse_if_closing(None)
        raise
    facts = {"pool_fen": closing.pool_fen, "points": closing.points, "members": closing.members}
    events.record("surplus.closed", closing, actor, at, facts)
    return closing


def share(closing: SurplusClosing, now: datetime | None = None) -> Iterator[int]:
    """Pay out what is left of the shares; yield how many wallets are done, at the beginning and after each chunk."""
    done = done_of(closing)
    yield done
    for bucket in range(BUCKETS):
        while n := _pay(closing.pk, bucket, now):
            done += n
            yield done


def share_all(closing: SurplusClosing, now: datetime | None = None) -> SurplusClosing:
    for _done in share(closing, now):
        pass
    closing.refresh_from_db()
    return closing


def done_of(closing: SurplusClosing) -> int:
    """Return how many wallets have got their share."""
    return SurplusShare.objects.filter(closing_id=closing.pk, paid__isnull=False).count()


def waiting() -> list[SurplusClosing]:
    """Return the closings that are not shared out yet."""
    return list(SurplusClosing.objects.filter(Q(finished_at__isnull=True)))


def _pay(closing_id: int, bucket: int, now: datetime | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_surplus_pay(%s::bigint, %s::smallint, %s::integer, %s::timestamptz)",
            [closing_id, bucket, CHUNK, now],
        )
        return int(cursor.fetchone()[0])
