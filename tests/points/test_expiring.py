"""What lapses when: the question behind the notices, and finance's forecast against sums by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from alliance import metrics
from alliance.metrics import Scope
from alliance.models import Job
from points import accounts, expiring, tasks
from points.models import Lot, Wallet

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 20)
NIGHT = datetime(2026, 11, 20, 0, 23, tzinfo=timezone.get_default_timezone())


def lot(wallet_id: int, lapses_on: date, remaining: int, *, is_open: bool = True, funder: int = 7) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO points_lot (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, is_open, earned, remaining)"
            " VALUES (%s, %s, '2000-01-01', %s, %s, %s, %s, %s, %s)",
            [wallet_id % 64, wallet_id, lapses_on, funder, lapses_on, is_open, remaining, remaining],
        )


@pytest.fixture
def wallet() -> int:
    (found,) = accounts.open_wallets(1, NIGHT)
    return found


def test_it_works(wallet: int) -> None:
    """By hand: November 120, December 300 + 50, March 1,000; 40 after 24 months; 5 that nobody has booked away."""
    lot(wallet, date(2026, 11, 20), 120)
    lot(wallet, date(2026, 12, 31), 300)
    lot(wallet, date(2026, 12, 1), 50)
    lot(wallet, date(2027, 3, 31), 1_000)
    lot(wallet, date(2028, 11, 1), 40)
    lot(wallet, date(2026, 11, 19), 5)
    lot(wallet, date(2026, 12, 31), 999, is_open=False, funder=8)
    found = expiring.reckon(TODAY)
    assert len(found.months) == 24
    assert [(month, points) for month, points in found.months if points] == [
        (date(2026, 11, 1), 120),
        (date(2026, 12, 1), 350),
        (date(2027, 3, 1), 1_000),
    ]
    assert (found.later, found.overdue, found.total) == (40, 5, 1_515)
    assert found.months[0][0] == date(2026, 11, 1)
    assert found.months[-1][0] == date(2028, 10, 1)


def test_the_figure_is_what_the_clock_reckoned_last(wallet: int) -> None:
    figure = metrics.registered()["points_lapsing"]
    assert figure.compute(NIGHT, Scope()).value is None
    lot(wallet, date(2026, 11, 30), 120)
    lot(wallet, date(2027, 1, 31), 300)
    lot(wallet, date(2027, 2, 1), 7_000)
    with time_machine.travel(NIGHT, tick=False):
        assert tasks.forecast() == 1
        assert tasks.forecast() == 0
    value = figure.compute(NIGHT, Scope())
    assert (value.value, len(value.series), value.series[3]) == (420, 24, (date(2027, 2, 1), 7_000))
    assert expiring.newest() == expiring.reckon(TODAY)
    with time_machine.travel(NIGHT + timedelta(days=1), tick=False):
        assert tasks.forecast() == 1
    assert Job.objects.filter(kind=expiring.FORECAST, state="done").count() == 2


def test_a_forecast_that_was_killed_is_made_again(wallet: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_on: date) -> expiring.Forecast:
        raise KeyboardInterrupt

    with time_machine.travel(NIGHT, tick=False), monkeypatch.context() as patch:
        patch.setattr(expiring, "reckon", killed)
        with pytest.raises(KeyboardInterrupt):
            tasks.forecast()
    with time_machine.travel(NIGHT + timedelta(minutes=10), tick=False):
        assert tasks.forecast() == 1
    assert sorted(Job.objects.values_list("state", flat=True)) == ["done", "failed"]


def test_wallets_of_a_day_are_added_up_and_empty_ones_left_out() -> None:
    first, second, third = accounts.open_wallets(3, NIGHT)
    for wallet_id in (first, second, third):
        Wallet.objects.filter(pk=wallet_id).update(balance=0)
    for n, wallet_id in enumerate((first, second, third)):
        for funder in (7, 8):
            lot(wallet_id, TODAY, n * 10, funder=funder)
    found = dict(pair for bucket in range(64) for pair in expiring.lapsing(bucket, TODAY))
    assert found == {second: 20, third: 40}
    assert Lot.objects.aggregate(Sum("remaining"))["remaining__sum"] == 60


def test_the_days_are_found_by_the_index(wallet: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in (
            Lot.objects.live().filter(bucket=1, is_open=True, lapses_on=TODAY),
            Lot.objects.filter(bucket=1, is_open=True, lapses_on__lte=TODAY).order_by("lapses_on")[:1],
        ):
            assert "points_lot_lapsing" in statement.explain()
