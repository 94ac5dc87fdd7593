"""The laws are asked every night, by the application's own role, and the desks say what was found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone, translation

from alliance.models import Job
from points import figures, rollup, tasks, verify
from tests.points.shops import open_shop

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_application_may_ask_every_law(application_connection: psycopg.Connection[Any]) -> None:
    for statement in verify.statements():
        application_connection.execute(statement)


def test_a_sound_book_is_a_job_that_is_done() -> None:
    shop = open_shop(matures_days=0)
    shop.sell(shop.wallet(), 10_000)
    rollup.run()
    assert tasks.check_laws() == 0
    job = Job.objects.get(kind=verify.KIND)
    assert (job.state, job.result["laws"], job.result["broken"]) == ("done", len(verify.names()), {})
    assert job.result["rows"] > 0
    assert figures.laws(timezone.now()) == []
    (late,) = figures.laws(timezone.now() + timedelta(days=3))
    assert late.sign == "warn"


def test_a_broken_law_is_named_on_the_desks() -> None:
    shop = open_shop()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE points_account SET balance = balance + 1 WHERE id = %s", [shop.merchant.float_id])
    assert tasks.check_laws() == 3
    job = Job.objects.get(kind=verify.KIND)
    assert (job.state, job.result["code"]) == ("failed", "law_broken")
    assert "a live account is the sum of its postings" in job.result["broken"]
    with translation.override("en"):
        (row,) = figures.laws(timezone.now())
    assert row.sign == "bad" and str(job.pk) in row.url
    assert str(row.text) == "3 laws of the book do not hold"
