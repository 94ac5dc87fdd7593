"""A large quarter is lived by processes side by side: the same days as in one process, however often they are broken off."""

from __future__ import annotations

import multiprocessing
import re
from datetime import date, datetime, timedelta

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from alliance.calc.worktime import day_start, shanghai_day
from alliance.models import Event
from alliance.refusals import Refused
from points import verify
from points.models import Sale
from town import building, life
from town.building import build
from town.crew import Crew
from town.quarter import Quarter
from town.world import SCALES, Scale

TINY = Scale(people=24, shops=30, partner_stores=1, districts=8, centres=2, weeks=1)


def quiet(_line: str) -> None:
    return None


def bills(on: date) -> list[tuple[int, int, int, datetime]]:
    sales = Sale.objects.filter(kind=1, event_at__gte=day_start(on), event_at__lt=day_start(on + timedelta(days=1)))
    return list(sales.order_by("event_at", "wallet_id").values_list("wallet_id", "outlet_id", "bill_fen", "event_at"))


class Killed(Exception):
    pass


@pytest.mark.django_db(transaction=True)
def test_a_town_whose_building_is_broken_off_is_whole_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCALES, "small", TINY)
    monkeypatch.setattr(building, "CREW_FROM", 10)
    note = life._note
    today = shanghai_day(timezone.now())
    second, fourth = today - timedelta(days=6), today - timedelta(days=4)

    def dying(q: Quarter, on: date, end: datetime, n: int) -> None:
        if on == fourth:
            raise Killed
        note(q, on, end, n)

    # All of a day is booked, and the diary does not know it yet.
    monkeypatch.setattr(life, "_note", dying)
    with pytest.raises(Killed):
        build("small", 7, quiet, quiet)
    monkeypatch.setattr(life, "_note", note)
    before = bills(fourth)
    assert len(before) > 10

    lines: list[str] = []
    assert build("small", 7, quiet, lines.append)
    assert any(re.fullmatch(r"life of the small town  .*% .* bills  .*/s  .* s left", line) for line in lines), lines
    assert bills(fourth) == before
    days = Event.objects.of("town.layer:small").filter(verb="town.lived", facts__on__gte=second.isoformat())
    assert sorted(day.facts["on"] for day in days) == [(second + timedelta(days=n)).isoformat() for n in range(7)]
    for day in days.exclude(facts__on=today.isoformat()):
        assert day.facts["bills"] == len(bills(date.fromisoformat(day.facts["on"])))
    assert [check.name for check in verify.checks() if check.differences] == []
    sales = Sale.objects.count()
    assert not build("small", 7, quiet, quiet)
    assert Sale.objects.count() == sales


def test_a_worker_that_died_is_reported() -> None:
    gone = Crew(None, size=1)  # type: ignore[arg-type]
    ours, theirs = multiprocessing.Pipe()
    theirs.send(("some", 3))
    theirs.close()
    gone._pipes = [ours]
    heard: list[int] = []
    with pytest.raises(Refused) as refused:
        gone._all([("rebates", [])], heard.append)
    assert refused.value.code == "town_worker_stopped"


@pytest.mark.django_db(transaction=True)
def test_two_do_not_build_at_once() -> None:
    words = {
        name: value for name, value in connection.get_connection_params().items() if name in ("host", "port", "user")
    }
    with psycopg.connect(dbname=connection.settings_dict["NAME"], **words) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", building._LOCK)
        with pytest.raises(Refused) as refused:
            build("small", 7, quiet, quiet)
    assert refused.value.code == "town_busy"
    assert not Event.objects.of("town").exists()


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_words: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("town.management.commands.town.build", stopped)
    monkeypatch.setattr("town.management.commands.town.without_waiting", lambda: None)
    with pytest.raises(CommandError) as interrupted:
        call_command("town", scale="medium")
    assert interrupted.value.returncode == 130
    assert "./run town --scale medium" in str(interrupted.value)
