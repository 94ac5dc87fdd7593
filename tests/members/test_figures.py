"""The members' figures."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from alliance import metrics
from alliance.metrics import Scope
from tests.factories import members, shops

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.get_default_timezone())


def figure(code: str, at: datetime = NOON) -> metrics.Value:
    return metrics.registered()[code].compute(at, Scope())


def test_it_works():
    members.member(at=NOON - timedelta(hours=11, minutes=59))
    members.member(at=NOON - timedelta(hours=12, minutes=1))
    members.member(at=NOON - timedelta(days=40))
    assert figure("members_total").value == 3
    today = figure("members_joined_today")
    assert (today.value, today.before) == (1, 1)


def test_active_is_who_had_a_movement_in_thirty_days():
    shop = shops.shop(matures_days=0)
    lin, zhou = members.member(), members.member()
    shops.sale(shop, lin.wallet_id, 10_00, now=shops.days_ago(31))
    shops.sale(shop, zhou.wallet_id, 10_00, now=shops.days_ago(3))
    found = figure("members_active_30_days", timezone.now())
    assert (found.value, found.numerator, found.denominator) == (0.5, 1, 2)


def test_without_members_the_share_is_unknown():
    assert figure("members_active_30_days").value is None
