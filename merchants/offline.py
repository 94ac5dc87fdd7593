"""What tills did without a connection: the last sync of each device, and points taken offline (rows 41 and 42).

The server keeps until when a device has sent off what it kept; a late bill from before that goes by its arrival. A
batch may hold small spendings that were made offline with the member's rotating code, which is read for its own time
and counts once. What the wallet lacks then is the merchant's risk: it is no entry, and stands in a list.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused, declare
from merchants.models import Merchant, OfflineSpend, SyncMark
from merchants.tills import Member
from points import identify as book
from points.bills import Bill, Caller, Outcome
from points.calc.digests import digest

NEEDS_CODE = declare(
    "offline_spend_needs_code",
    422,
    _("Points taken offline need the 18-digit member code and the time (occurred_at) at which it was scanned."),
)
TOO_LARGE = declare(
    "offline_spend_too_large",
    422,
    _("Offline at most %(most)s points are taken on one bill. The rest is paid in money."),
)
DAY_USED_UP = declare(
    "offline_spend_day_used_up",
    409,
    _("This member has used up the %(most)s points that can be spent offline in one day. Take money."),
)
TOO_LATE = declare(
    "offline_code_too_late", 422, _("A code that was scanned offline counts for 72 hours. Send sales sooner.")
)
AT_RISK = declare(
    "spend_at_merchants_risk",
    409,
    _("The wallet lacked the %(points)s points taken offline: they are not booked, and the shop bears them."),
)

# What is sent within five minutes was not kept: it moves no mark, so that a busy till does not write one row all day.
FRESH = timedelta(minutes=5)
# As many devices of one caller are told apart; further ones count as one together.
MOST_DEVICES = 2_000
_OTHERS = "*"


# --- the last sync ------------------------------------------------------------------------------


def device_name(caller: Caller, actor: Actor, given: str) -> str:
    """Return how a device is called among its caller's: by what it says; else the API key or the till is one device."""
    if given:
        return f"device:{given}"
    return str(actor) if caller.kind == "merchant" else ""


def last_sync(caller: Caller, device: str) -> datetime | None:
    """Return until when the device has sent everything off, as far as it is known."""
    names = SyncMark.objects.filter(caller_kind=caller.number, caller_id=caller.id, device__in=[device, _OTHERS])
    marks = dict(names.values_list("device", "synced_at"))
    return marks.get(device, marks.get(_OTHERS))


def sync(caller: Caller, device: str, at: datetime) -> None:
    """Move the mark of a device forward to `at`; it never goes back."""
    whose = {"caller_kind": caller.number, "caller_id": caller.id}
    known = SyncMark.objects.filter(**whose, device=device).values_list("synced_at", flat=True).first()
    if known is None and device and SyncMark.objects.filter(**whose).count() >= MOST_DEVICES:
        device = _OTHERS
    if known is None or known < at:
        with connection.cursor() as cursor:
            cursor.execute(_SYNC, [caller.number, caller.id, device, at])


_SYNC = """INSERT INTO merchants_syncmark AS m (caller_kind, caller_id, device, synced_at) VALUES (%s, %s, %s, %s)
  ON CONFLICT (caller_kind, caller_id, device) DO UPDATE SET synced_at = excluded.synced_at
    WHERE m.synced_at < excluded.synced_at"""


def forget(before: datetime) -> int:
    """Delete marks from before that time; return how many."""
    return SyncMark.objects.filter(synced_at__lt=before).delete()[0]


# --- points taken offline -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """A bill of a batch whose member showed a code to a till that was offline."""

    position: int
    bill: Bill
    member: Member
    taken_at: datetime


def refuse(member: Member, spend_points: int, occurred_at: datetime | None, oldest: datetime) -> None:
    """Refuse offline_spend_needs_code, offline_spend_too_large, offline_code_too_late."""
    if spend_points and (member.step is None or occurred_at is None):
        raise NEEDS_CODE()
    if member.step is not None and occurred_at is not None and occurred_at < oldest:
        raise TOO_LATE()
    if spend_points > settings.OFFLINE_SPEND_FEN:
        raise TOO_LARGE(most=settings.OFFLINE_SPEND_FEN)


def take(bills: Sequence[Taken], at: datetime) -> dict[int, Refused]:
    """Use up the codes, in the transaction of the booking; return by position what is refused.

    The passes are locked first, so that neither a code nor the limit of a day is used twice.
    Refuses: code_used, offline_spend_day_used_up.
    """
    if not bills:
        return {}
    used = book.lock_passes(one.member.wallet_id for one in bills)
    spent = _spent({(one.member.wallet_id, shanghai_day(one.taken_at)) for one in bills if one.bill.spend_points})
    refused: dict[int, Refused] = {}
    steps = []
    for one in bills:
        wallet_id, step, points = one.member.wallet_id, one.member.step or 0, one.bill.spend_points
        day = wallet_id, shanghai_day(one.taken_at)
        if step in used[wallet_id]:
            refused[one.position] = book.CODE_USED()
            continue
        if points and spent.get(day, 0) + points > settings.OFFLINE_SPEND_DAY_FEN:
            refused[one.position] = DAY_USED_UP(most=settings.OFFLINE_SPEND_DAY_FEN)
            continue
        used[wallet_id].add(step)
        spent[day] = spent.get(day, 0) + points
        steps.append((wallet_id, step))
    book.use_steps(steps, at)
    return refused


def _spent(days: set[tuple[int, date]]) -> dict[tuple[int, date], int]:
    """Return what each member has spent offline on a day, whether the wallet had it or not."""
    if not days:
        return {}
    which = Q()
    for wallet_id, day in days:
        which |= Q(wallet_id=wallet_id, taken_on=day)
    sums = OfflineSpend.objects.filter(which).values("wallet_id", "taken_on").annotate(points_sum=Sum("points"))
    return {(row["wallet_id"], row["taken_on"]): row["points_sum"] for row in sums}


def write_down(answered: Iterable[tuple[Taken, Outcome]], caller: Caller, at: datetime) -> None:
    """Keep what was taken offline and whether the wallet had it, in the transaction of the booking."""
    rows = [
        OfflineSpend(
            outlet_id=one.bill.outlet_id,
            caller_kind=caller.number,
            caller_id=caller.id,
            key=uuid.UUID(digest(one.bill.key)),
            wallet_id=one.member.wallet_id,
            taken_on=shanghai_day(one.taken_at),
            taken_at=one.taken_at,
            arrived_at=at,
            bill_fen=one.bill.bill_fen,
            points=one.bill.spend_points,
            reference=one.bill.reference,
            state=OfflineSpend.State.COVERED if outcome.is_booked else OfflineSpend.State.NOT_COVERED,
        )
        for one, outcome in answered
        if one.bill.spend_points and not outcome.replayed and (outcome.is_booked or outcome.code == "points_short")
    ]
    if rows:
        OfflineSpend.objects.bulk_create(rows)


def not_covered(caller: Caller, keys: Sequence[str]) -> Mapping[str, OfflineSpend]:
    """Return by request key which points taken offline the wallet lacked."""
    if not keys:
        return {}
    digests = {uuid.UUID(digest(key)): key for key in keys}
    rows = OfflineSpend.objects.filter(
        caller_kind=caller.number, caller_id=caller.id, key__in=digests, state=OfflineSpend.State.NOT_COVERED
    )
    return {digests[row.key]: row for row in rows}


def cash_key(key: str) -> str:
    """Return the request key of the money part: no till can send one with a space."""
    return f"{key} cash"


def booked_as(row: OfflineSpend, sale_id: int) -> None:
    """Note the sale that the money part was booked as."""
    if row.sale_id != sale_id:
        OfflineSpend.objects.filter(pk=row.pk).update(sale_id=sale_id)


def of_merchant(merchant: Merchant) -> QuerySet[OfflineSpend]:
    """Return what the merchant's tills took offline and no wallet had, newest first."""
    rows = OfflineSpend.objects.filter(outlet__merchant=merchant, state=OfflineSpend.State.NOT_COVERED)
    return rows.select_related("outlet").order_by("-taken_at", "-id")
