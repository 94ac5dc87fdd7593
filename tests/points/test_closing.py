"""The daily close goes in chunks, can be stopped at any of them and run again, and one merchant holds up nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from alliance import jobs
from alliance.calc.worktime import shanghai_day
from alliance.models import Job
from points import accounts, closing, tasks, verify
from points.models import Account, Split, Transfer
from tests.points.shops import NOON, Shop, open_shop

pytestmark = pytest.mark.django_db(transaction=True)
DUE = NOON.date() + timedelta(days=7)
LATER = NOON + timedelta(days=9)


@pytest.fixture
def shops() -> list[Shop]:
    """Seven shops with one sale each, whose rests are released in seven days."""
    made = [open_shop(matures_days=0) for _ in range(7)]
    for shop in made:
        shop.sell(shop.wallet(), 10_000)
    return made


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CHUNK", 3)


def closed() -> int:
    return Account.objects.floats().filter(closed_on=DUE).count()


def sound() -> bool:
    return not [check for check in verify.checks() if check.differences]


def test_it_says_how_far_it_is(shops: list[Shop]) -> None:
    steps = [(state.done, state.of, state.entries) for state in closing.run(DUE, LATER)]
    assert steps == [(0, 7, 0), (3, 7, 9), (6, 7, 18), (7, 7, 21)]
    assert accounts.balance(accounts.house("fee")) == 7 * 150
    assert sound()


def test_stopped_after_any_chunk_it_does_what_is_left(shops: list[Shop]) -> None:
    for chunks in range(4):
        running = closing.run(DUE + timedelta(days=chunks), LATER + timedelta(days=chunks))
        for _step in range(chunks + 1):
            next(running)
        running.close()
        states = [(s.done, s.of) for s in closing.run(DUE + timedelta(days=chunks), LATER + timedelta(days=chunks))]
        assert states[-1] == (max(7 - 3 * chunks, 0), max(7 - 3 * chunks, 0))
    assert Transfer.objects.filter(kind=Transfer.Kind.CLOSE).count() == 21
    assert sound()


def test_again_it_does_nothing(shops: list[Shop], django_assert_max_num_queries: Any) -> None:
    assert closing.close(DUE, LATER) == 21
    with django_assert_max_num_queries(4):
        assert closing.close(DUE, LATER) == 0
    assert sound()


def test_some_merchants_only_in_chunks_of_their_own(shops: list[Shop]) -> None:
    chosen = [shop.merchant.float_id for shop in shops[:4]]
    assert closing.close(DUE, LATER, float_ids=[*chosen, *chosen]) == 12
    assert closed() == 4
    assert closing.close(DUE, LATER, float_ids=[]) == 0


def broken(shop: Shop) -> None:
    """Let a shop's close fail: more was split than was ever released, and the operator does not have it."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(
            "INSERT INTO points_split (account_id, total, fee, closed_on) SELECT id, 9000000, 9000000, %s FROM points_account"
            " WHERE kind = 5 AND float_id = %s",
            [NOON.date(), shop.merchant.float_id],
        )


def test_a_merchant_that_cannot_be_closed_holds_up_nobody(shops: list[Shop]) -> None:
    broken(shops[1])
    broken(shops[6])
    states = list(closing.run(DUE, LATER))
    bad = [shops[1].merchant.float_id, shops[6].merchant.float_id]
    assert (states[-1].failed, states[-1].done, states[-1].entries) == (bad, 7, 15)
    assert closed() == 5
    assert sorted(Account.objects.floats().exclude(closed_on=DUE).values_list("pk", flat=True)) == bad
    with pytest.raises(RuntimeError, match="2 floats could not be closed"):
        closing.close(DUE, LATER)
    # Once it is mended the next run closes it.
    Split.objects.filter(fee=9_000_000).delete()
    assert closing.close(DUE, LATER) == 6
    assert sound()


# --- the task --------------------------------------------------------------------------------------


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven shops whose rests were released yesterday."""
    for _shop in range(7):
        shop = open_shop(matures_days=0)
        shop.sell(shop.wallet(), 10_000, event_at=NOON - timedelta(days=9))


@pytest.mark.usefixtures("due")
def test_the_task_leaves_a_job_with_its_progress() -> None:
    assert tasks.close() == 21
    job = Job.objects.get(kind="points.close")
    yesterday = shanghai_day(timezone.now()) - timedelta(days=1)
    assert (job.state, job.done, job.total, job.params) == ("done", 7, 7, {"on": yesterday.isoformat()})
    assert job.result == {"entries": 21, "merchants": 7, "failed": []}
    assert tasks.close() == 0
    assert sound()


@pytest.mark.usefixtures("due")
def test_a_killed_task_is_said_to_be_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = jobs.progress

    def killed(job: Job, done: int, **about: Any) -> None:
        if done == 6:
            raise SystemExit
        progress(job, done, **about)

    monkeypatch.setattr(jobs, "progress", killed)
    with pytest.raises(SystemExit):
        tasks.close()
    monkeypatch.undo()
    assert Job.objects.get().state == "running"
    tasks.close()
    first, second = Job.objects.order_by("pk")
    assert (first.state, first.result) == ("failed", {"code": "job_stopped"})
    assert (second.state, second.result["merchants"]) == ("done", 1)
    assert sound()


@pytest.mark.usefixtures("due")
def test_an_incomplete_close_can_be_run_again_from_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    close, again = closing._close, []

    def one_fails(on: Any, floats: list[int], now: Any, failed: list[int]) -> int:
        failed += floats[:1]
        return close(on, floats[1:], now, failed)

    monkeypatch.setattr(closing, "_close", one_fails)
    tasks.close()
    job = Job.objects.get()
    assert (job.state, job.result["code"], len(job.result["failed"])) == ("failed", "close_incomplete", 3)
    assert jobs.can_restart(job)
    monkeypatch.undo()
    monkeypatch.setattr(tasks.close, "delay", lambda on: again.append(tasks.close(on)))
    tasks._close_again(job)
    assert again == [9]
