"""Notices: who is told ahead that points expire, what the inbox says, and the member's switch.

A notice is a row of facts (members.models.notice); it is written once for each member, day of expiry and distance, by
a constraint, so that a run may be killed or doubled. Who has switched them off gets none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.templatetags.lianhui import thousands, yuan
from members import wallets
from members.calc import ahead
from members.models import Member, MutedNotice, Notice
from points import expiring

CHUNK = 2_000
# What is told at all about small sums is told at this distance.
SMALL_SUMS_AT = 30
# A notice stays so long after the day that it was about.
KEPT_DAYS = 180
SHOWN = 60
LAPSING = Notice.Code.LAPSING

_TELL = """
INSERT INTO members_notice (member_id, code, lapses_on, days_ahead, points, created_at)
SELECT m.id, %s, %s::date, %s, w.points, %s::timestamptz
FROM unnest(%s::bigint[], %s::bigint[]) AS w(wallet_id, points)
JOIN members_member m ON m.wallet_id = w.wallet_id
JOIN alliance_user u ON u.id = m.user_id AND u.is_active
WHERE NOT EXISTS (SELECT FROM members_mutednotice q WHERE q.member_id = m.id AND q.code = %s)
ON CONFLICT DO NOTHING"""


def tell_bucket(bucket: int, windows: list[ahead.Window], at: datetime) -> int:
    """Tell whose points of this bucket lapse in the windows; return how many were told. Each chunk is committed."""
    return sum(
        _tell(expiring.lapsing(bucket, day), day, window.distance, at)
        for window in windows
        for day in expiring.days(bucket, window.first, window.last)
    )


def _tell(due: list[tuple[int, int]], lapses_on: date, distance: int, at: datetime) -> int:
    least = 1 if distance == SMALL_SUMS_AT else settings.EXPIRY_NOTICE_POINTS
    rows = [row for row in due if row[1] >= least]
    told = 0
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        arrays = [[wallet_id for wallet_id, _points in chunk], [points for _wallet_id, points in chunk]]
        with connection.cursor() as cursor:
            cursor.execute(_TELL, [LAPSING.value, lapses_on, distance, at, *arrays, LAPSING.value])
            told += cursor.rowcount
    return told


def run(on: date, since: date | None, at: datetime) -> Iterator[tuple[int, int]]:
    """Tell everybody, bucket by bucket; yield how many buckets are done and how many members were told in each."""
    windows = list(ahead.windows(on, since))
    for bucket in range(expiring.BUCKETS):
        yield bucket + 1, tell_bucket(bucket, windows, at)


def sweep(on: date) -> int:
    """Forget notices about days long gone, in chunks; return how many."""
    gone = 0
    while True:
        old = Notice.objects.filter(lapses_on__lt=on - timedelta(days=KEPT_DAYS)).values("pk")[:CHUNK]
        n, _by_model = Notice.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
        gone += n
        if n < CHUNK:
            return gone


# --- the member's side -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A notice in words of the reader's language, with what has become of its points."""

    pk: int
    at: datetime
    title: str
    text: str
    now: str
    tone: str
    is_unread: bool


def inbox(member: Member, at: datetime) -> list[Told]:
    """Return the newest notices; the state of their points comes from the lots of this moment."""
    rows = list(Notice.objects.filter(member=member).newest_first()[:SHOWN])
    left: dict[date, int] = {}
    if rows:
        for lot in wallets.lots_of(member.wallet_id):
            left[lot.lapses_on] = left.get(lot.lapses_on, 0) + lot.remaining
    return [_told(row, left.get(row.lapses_on, 0), shanghai_day(at)) for row in rows]


def unread(member: Member) -> int:
    return Notice.objects.filter(member=member).unread().count()


def read(*, member: Member, notice_id: int, at: datetime) -> Notice | None:
    """Mark one of the member's notices as read and return it; None when the member has no such notice."""
    found = Notice.objects.filter(member=member, pk=notice_id)
    found.unread().update(read_at=at)
    return found.first()


def read_all(*, member: Member, at: datetime) -> int:
    """Mark everything as read; return how many were not."""
    return Notice.objects.filter(member=member).unread().update(read_at=at)


def wanted(member: Member, code: str = LAPSING) -> bool:
    """Return whether the member wants notices of this kind."""
    return not MutedNotice.objects.filter(member=member, code=code).exists()


@transaction.atomic
def choose(*, member: Member, is_wanted: bool, actor: Actor, at: datetime, code: str = LAPSING) -> None:
    """Switch notices of one kind on or off; choosing what is so already leaves no trace."""
    if is_wanted:
        changed, _by_model = MutedNotice.objects.filter(member=member, code=code).delete()
    else:
        _row, changed = MutedNotice.objects.get_or_create(member=member, code=code, defaults={"since": at})
    if changed and is_wanted:
        events.record("notices.unmuted", member, actor, at, {"code": code})
    elif changed:
        events.record("notices.muted", member, actor, at, {"code": code})


def _told(notice: Notice, left: int, today: date) -> Told:
    day = date_format(notice.lapses_on, "DATE_FORMAT")
    facts = {"points": thousands(notice.points), "day": day, "worth": yuan(notice.points)}
    now, tone = _now(notice, left, today)
    return Told(
        pk=notice.pk,
        at=notice.created_at,
        # Translators: %(points)s 分 %(day)s 到期
        title=_("%(points)s points expire on %(day)s") % facts,
        # Translators: 可抵 %(worth)s，到期日当天还能用
        text=_("Worth %(worth)s. That day is the last one.") % facts,
        now=now,
        tone=tone,
        is_unread=notice.read_at is None,
    )


def _now(notice: Notice, left: int, today: date) -> tuple[str, str]:
    """Return what has become of the points, and how it looks."""
    days = (notice.lapses_on - today).days
    if days < 0:
        # Translators: 已过到期日
        return _("that day is over"), "neutral"
    if left == 0:
        # Translators: 已经用完
        return _("all used"), "in"
    # Translators: 还剩 %(points)s 分
    return _("%(points)s left") % {"points": thousands(left)}, "warning" if days <= SMALL_SUMS_AT else "neutral"
