"""The members' figures, registered for the headquarters' page."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from alliance.calc.worktime import SHANGHAI, day_start, shanghai_day
from alliance.metrics import Scope, Value, kept, metric
from members.models import Member

ACTIVE_DAYS = 30
SERIES_DAYS = 30


@metric(
    "members_total",
    # Translators: 会员总数
    name=_("Members"),
    definition=_("Everybody who ever joined and whose membership is not closed."),
    formula="count(member)",
    numerator="members whose user is active",
    window="now",
    unit="count",
    url="admin:members_member_changelist",
    is_alliance_wide=True,
)
def members_total(at: datetime, scope: Scope) -> Value:
    active = Member.objects.filter(user__is_active=True, joined_at__lte=at)
    n = kept(f"members:{shanghai_day(at)}", active.count)
    return Value(n, numerator=n, n=n)


@metric(
    "members_joined_today",
    # Translators: 今日新会员
    name=_("Joined today"),
    definition=_("Members who joined since midnight in Shanghai; beside it the whole day before."),
    formula="count(member joined today)",
    numerator="members with joined_at on this day",
    window="today",
    unit="count",
    url="admin:members_member_changelist",
    is_alliance_wide=True,
)
def members_joined_today(at: datetime, scope: Scope) -> Value:
    today = shanghai_day(at)
    days = [today - timedelta(days=back) for back in range(SERIES_DAYS - 1, -1, -1)]
    joined = Member.objects.joined_between(day_start(days[0]), at)
    counted = joined.annotate(day=TruncDate("joined_at", tzinfo=SHANGHAI)).order_by().values_list("day")
    by_day = kept(f"members_joined:{today}", lambda: dict(counted.annotate(Count("pk"))))
    series = [(day, by_day.get(day, 0)) for day in days]
    n = series[-1][1]
    return Value(n, numerator=n, n=n, before=series[-2][1], series=series)


@metric(
    "members_active_30_days",
    # Translators: 30 天内活跃会员占比
    name=_("Active in 30 days"),
    definition=_("Share of the members whose wallet had at least one movement in the last 30 days."),
    formula="active ÷ members",
    numerator="wallets with a movement in 30 days",
    denominator="members",
    window="30 days",
    unit="ratio",
    is_alliance_wide=True,
)
def members_active(at: datetime, scope: Scope) -> Value:
    joined = Member.objects.filter(joined_at__lte=at)
    moved = Member.objects.filter(wallet__last_at__gt=at - timedelta(days=ACTIVE_DAYS))
    total, active = kept(f"members_active:{shanghai_day(at)}", lambda: (joined.count(), moved.count()))
    return Value(active / total if total else None, numerator=active, denominator=total, n=total)
