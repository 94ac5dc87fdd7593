"""The registry of figures: each floor registers its own, headquarters draws what is registered.

A figure that must read many rows is `kept`: the longer it takes, the longer its last value is shown, and the clock
reckons it anew before anybody waits for it (alliance.tasks.reckon_figures).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.core.cache import cache


@dataclass(frozen=True, slots=True)
class Scope:
    """For which part of the organisation a figure is asked: paths of units; empty = the whole alliance."""

    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A figure: its value, what it was divided from, its sample size, and the same figure before."""

    value: float | int | None
    numerator: float | int | None = None
    denominator: float | int | None = None
    n: int | None = None
    before: float | int | None = None
    series: Sequence[tuple[Any, float | int]] = ()


Compute = Callable[[datetime, Scope], Value]


@dataclass(frozen=True)
class Metric:
    """What a figure means and how it is computed; every field is shown to the reader and listed in docs/metrics.md."""

    code: str
    name: Any
    definition: Any
    formula: str
    numerator: str
    denominator: str
    window: str
    unit: str
    compute: Compute
    url: str = ""
    query: str = ""
    is_alliance_wide: bool = False


UNITS = ("count", "fen", "points", "ratio", "times", "days")
_METRICS: dict[str, Metric] = {}


def metric(
    code: str,
    *,
    name: Any,
    definition: Any,
    formula: str,
    numerator: str,
    denominator: str = "1",
    window: str,
    unit: str,
    url: str = "",
    query: str = "",
    is_alliance_wide: bool = False,
) -> Callable[[Compute], Compute]:
    """Register a figure.

    unit: one of UNITS. url, query: name of the page that lists what is counted, and its filter. is_alliance_wide: it
    cannot be told apart by unit, so only posts at the top see it.
    """
    if unit not in UNITS:
        raise RuntimeError(f"metric {code}: unit {unit} is not one of {UNITS}")

    def register(compute: Compute) -> Compute:
        if code in _METRICS:
            raise RuntimeError(f"metric {code} is registered twice")
        _METRICS[code] = Metric(
            code,
            name,
            definition,
            formula,
            numerator,
            denominator,
            window,
            unit,
            compute,
            url,
            query,
            is_alliance_wide,
        )
        return compute

    return register


def registered() -> dict[str, Metric]:
    return dict(sorted(_METRICS.items()))


# --- what takes long -------------------------------------------------------------------------------

SHORTEST, LONGEST = 60.0, 1200.0
# A value is shown this many times as long as it took: no figure takes more than 1/600 of a processor.
TIMES = 600
_is_ahead: ContextVar[bool] = ContextVar("is_ahead", default=False)
Kept = TypeVar("Kept")


def kept(name: str, reckon: Callable[[], Kept], *, longest: float = LONGEST) -> Kept:
    """Return what `reckon` gives, a minute old at most; what takes long is older, up to `longest` seconds.

    name: with everything that the value depends on (the day, the units).
    """
    known: tuple[Kept, float] | None = cache.get(f"figures.{name}")
    if known is not None and not (_is_ahead.get() and time.time() > known[1]):
        return known[0]
    began = time.perf_counter()
    value = reckon()
    seconds = min(longest, max(SHORTEST, TIMES * (time.perf_counter() - began)))
    cache.set(f"figures.{name}", (value, time.time() + seconds / 2), timeout=round(seconds))
    return value


@contextmanager
def ahead() -> Iterator[None]:
    """Reckon anew what has half of its time behind it: for the clock, so that nobody waits."""
    token = _is_ahead.set(True)
    try:
        yield
    finally:
        _is_ahead.reset(token)
