"""The registry of figures: each floor registers its own, headquarters draws what is registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


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


UNITS = ("count", "fen", "points", "ratio", "days")
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
