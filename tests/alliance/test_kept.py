"""A figure that takes long is shown longer, and reckoned anew by the clock before anybody waits."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from alliance import metrics, tasks
from alliance.calc.worktime import shanghai_day


def counter(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Callable[[], int]:
    """Return something to reckon that takes so long, and says how often it was."""
    clock, calls = [0.0], [0]

    def reckon() -> int:
        clock[0] += seconds
        calls[0] += 1
        return calls[0]

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    return reckon


@pytest.mark.parametrize(("takes", "stays"), [(0.001, 60), (0.5, 300), (100, 1200)])
def test_it_stays_as_long_as_it_took(monkeypatch: pytest.MonkeyPatch, takes: float, stays: int) -> None:
    reckon = counter(monkeypatch, takes)
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as now:
        assert metrics.kept("x", reckon) == 1
        now.shift(stays - 1)
        assert metrics.kept("x", reckon) == 1
        now.shift(2)
        assert metrics.kept("x", reckon) == 2


def test_the_clock_is_ahead_of_the_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    reckon = counter(monkeypatch, 100)
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as now:
        metrics.kept("x", reckon)
        now.shift(599)
        with metrics.ahead():
            assert metrics.kept("x", reckon) == 1
        now.shift(2)
        with metrics.ahead():
            assert metrics.kept("x", reckon) == 2
        assert metrics.kept("x", reckon) == 2


def test_nothing_and_no_name_are_values_too(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for _twice in range(2):
        assert metrics.kept("y", lambda: calls.append(1)) is None
    assert len(calls) == 1


@pytest.mark.django_db
def test_the_task_reckons_every_figure_and_list() -> None:
    tasks.reckon_figures()
    today = shanghai_day(timezone.now())
    assert all(cache.get(f"figures.{name}:{today}") for name in ("days", "floats_low", "members", "members_active"))
