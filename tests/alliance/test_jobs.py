"""Jobs with progress."""

from datetime import UTC, datetime, timedelta

import pytest

from alliance import jobs
from alliance.actors import Actor

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 2, tzinfo=UTC)


def test_a_job_shows_how_far_it_is_and_how_it_ended() -> None:
    job = jobs.start("test.count", params={"n": 4}, actor=Actor.system("test"), at=AT, total=4)
    jobs.progress(job, 3, note="three of four")
    job.refresh_from_db()
    assert (job.percent, job.note, job.state) == (75, "three of four", "running")
    jobs.finish(job, at=AT, result={"counted": 4})
    job.refresh_from_db()
    assert (job.state, job.result, job.ended_at) == ("done", {"counted": 4}, AT)


def test_a_job_ends_once() -> None:
    job = jobs.start("test.count", params={}, actor=Actor.system("test"), at=AT)
    jobs.fail(job, at=AT, code="feed_cut")
    jobs.finish(job, at=AT)
    job.refresh_from_db()
    assert (job.state, job.result) == ("failed", {"code": "feed_cut"})


def test_a_job_whose_worker_was_killed_is_ended_by_the_clock() -> None:
    dead = jobs.start("test.count", params={}, actor=Actor.system("test"), at=AT)
    alive = jobs.start("test.count", params={}, actor=Actor.system("test"), at=AT + timedelta(hours=3))
    assert jobs.bury(AT + timedelta(hours=5)) == 1
    dead.refresh_from_db()
    alive.refresh_from_db()
    assert (dead.state, dead.result, alive.state) == ("failed", {"code": "job_stopped"}, "running")
