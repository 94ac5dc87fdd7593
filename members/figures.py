"""The members' figures, registered for the headquarters' page."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django.utils.translation import gettext_lazy as _

from alliance.calc.worktime import SHANGHAI, shanghai_day
from alliance.metrics import Scope, Value, metric
from members.models import Member

ACTIVE_DAYS = 30


@metric(
    "members_total",
    # Translators: 会员总数
    name=_("Members"),
    definition=_("Everybody who ever joined and whose membership is not closed."),
    formula="count(member)",
    numerator="members whose user is active",
    window="now",
    unit="count",
)
def members_total(at: datetime, scope: Scope) -> Value:
    n = Member.objects.filter(user__is_active=True, joined_at__lte=at).count()
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
)
def members_joined_today(at: datetime, scope: Scope) -> Value:
    midnight = datetime.combine(shanghai_day(at), time(), SHANGHAI)
    n = Member.objects.joined_between(midnight, at).count()
    before = Member.objects.joined_between(midnight - timedelta(days=1), midnight).count()
    return Value(n, numerator=n, n=n, before=before)


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
)
def members_active(at: datetime, scope: Scope) -> Value:
    total = Member.objects.filter(joined_at__lte=at).count()
    active = Member.objects.filter(wallet__last_at__gt=at - timedelta(days=ACTIVE_DAYS)).count()
    return Value(active / total if total else None, numerator=active, denominator=total, n=total)
