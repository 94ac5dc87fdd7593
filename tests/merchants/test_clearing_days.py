"""The clock's front of the days: a close that was missed, a clock that jumped, two who clear at once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from alliance.models import Job
from merchants import tasks
from points import closing, rollup
from points import tasks as book_tasks
from points.models import Account, Clearing, Statement
from tests.factories import staff
from tests.factories.shops import Shop
from tests.merchants.test_payouts import _no_smallest_payout, on_file, people, shop  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_finance(db: None) -> Client:
    return staff.console(staff.colleague("finance", name="desk"))


def yesterday() -> date:
    return shanghai_day(timezone.now()) - timedelta(days=1)


def test_a_day_whose_close_was_missed_is_not_done(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    on_file(shop, people)
    rollup.run()
    assert tasks.clear() == 0
    job = Job.objects.get(kind=tasks.CLEAR)
    assert (job.state, job.result["code"], job.result["unclosed"]) == ("failed", "clearing_unclosed", 1)
    assert Clearing.objects.get().finished_at is None
    book_tasks.close()
    assert tasks.clear() == 1
    assert Clearing.objects.get().finished_at is not None
    assert Statement.objects.get(account_id=shop.merchant.book.proceeds_id).paid_fen == 2_970
    assert tasks.clear() == 0


@pytest.mark.parametrize("name", ["close", "expire", "winding-up", "clear"])
def test_what_was_missed_at_night_is_done_in_the_next_hour(name: str) -> None:
    assert len(configured.CELERY_BEAT_SCHEDULE[name]["schedule"].hour) == 24


def test_a_close_with_nothing_to_do_leaves_no_trace(shop: Shop) -> None:  # noqa: F811
    book_tasks.close()
    before = Job.objects.count()
    assert book_tasks.close() == 0 and Job.objects.count() == before


def test_a_clock_that_jumped_closes_and_clears_nothing_and_says_so(
    shop: Shop,  # noqa: F811
    settings: Any,
    as_finance: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.CLOCK_DAYS = 7
    far = timezone.now() + timedelta(days=40)
    assert closing.newest_day() is not None and not closing.is_ahead(yesterday())
    monkeypatch.setattr(timezone, "now", lambda: far)
    assert (book_tasks.close(), tasks.clear(), tasks.clear()) == (0, 0, 0)
    monkeypatch.undo()
    assert [(job.kind, job.result["code"]) for job in Job.objects.order_by("pk")] == [
        ("points.close", "clock_ahead"), ("merchants.clear", "clock_ahead")]  # fmt: skip
    assert not Clearing.objects.exists() and not Account.objects.filter(closed_on__gte=far.date()).exists()
    assert "请检查服务器时钟" in as_finance.get(reverse("admin:finance_desk")).content.decode()


def test_a_day_ahead_that_was_cleared_is_an_alarm(shop: Shop, as_finance: Client) -> None:  # noqa: F811
    at = timezone.now()
    Clearing.objects.create(
        cleared_on=yesterday() + timedelta(days=30), started_at=at, finished_at=at, minimum_fen=0, actor="x"
    )
    assert (tasks.clear(), tasks.clear()) == (0, 0)
    assert Job.objects.get(kind=tasks.CLEAR).result == {"code": "clearing_day_passed"}
    assert "请检查服务器时钟" in as_finance.get(reverse("admin:finance_desk")).content.decode()


def test_who_clears_now_while_another_does_sees_it(shop: Shop) -> None:  # noqa: F811
    closing.close(yesterday())
    # Refunds that are settled at that moment are no other clearing.
    assert tasks._LOCK not in book_tasks._LOCKS.values()
    known = connection.get_connection_params()
    address = {name: known[name] for name in ("dbname", "user", "password", "host", "port") if name in known}
    with psycopg.connect(**address, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(7261, %s)", [tasks._LOCK])
        assert tasks.clear(by="user:1") == 0
        assert Job.objects.get(kind=tasks.CLEAR).result == {"code": "clearing_running"}
        assert tasks.clear() == 0 and Job.objects.filter(kind=tasks.CLEAR).count() == 1
        other.execute("SELECT pg_advisory_unlock(7261, %s)", [tasks._LOCK])
    with psycopg.connect(**address, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(7261, %s)", [book_tasks._LOCKS["refunds"]])
        tasks.clear()
        assert Clearing.objects.exists()
