"""Geometry of the small charts that the server draws as SVG. No smoothing: a line joins points that exist."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One bar, in the units of the SVG's box; x and y are its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    label: str
    words: str
    is_labelled: bool


@dataclass(frozen=True)
class Tick:
    """One line of the scale: its value as words, and its distance from the top of the box."""

    words: str
    y: float


@dataclass(frozen=True)
class Box:
    """A bar chart: its bars, its scale, and one sentence for those who do not see it."""

    bars: list[Bar]
    ticks: list[Tick]
    summary: str


def ceiling(values: Sequence[float]) -> float:
    """Return the smallest 4 × {1, 2, 2.5, 5, 10} × 10ⁿ that no value exceeds; 4 when there is nothing to show."""
    top = max(values, default=0)
    if top <= 0:
        return 4.0
    unit = 10.0 ** math.floor(math.log10(top / 4))
    return next(step * unit * 4 for step in (1, 2, 2.5, 5, 10, 20) if step * unit * 4 >= top)


def box(labels: Sequence[str], values: Sequence[float], words: Sequence[str], *, width: float, height: float) -> Box:
    """Lay out a bar chart in a box of width × height.

    Each bar takes at most two thirds of its slot; negative values count as zero; at most six labels are shown,
    the last one always.
    """
    top, count = ceiling(values), len(values)
    slot = width / max(count, 1)
    wide, every = min(slot * 2 / 3, 48), max(1, math.ceil(count / 6))
    bars = []
    for n, (label, value, word) in enumerate(zip(labels, values, words, strict=True)):
        tall, middle = max(value, 0) / top * height, (n + 0.5) * slot
        shown = (count - 1 - n) % every == 0
        bars.append(Bar(_r(middle - wide / 2), _r(height - tall), _r(wide), _r(tall), label, word, shown))
    ticks = [Tick(f"{top * n / 4:,.10g}", _r(height * (1 - n / 4))) for n in range(5)]
    summary = f"{labels[0]} {words[0]} … {labels[-1]} {words[-1]}" if count else ""
    return Box(bars, ticks, summary)


def points(values: Sequence[float], width: float, height: float) -> str:
    """Return "x,y x,y …" for a polyline from edge to edge, lowest value at the bottom, 2 units of air."""
    low, high = min(values, default=0), max(values, default=0)
    step = width / max(len(values) - 1, 1)

    def level(value: float) -> float:
        return height / 2 if high == low else 2 + (height - 4) * (high - value) / (high - low)

    return " ".join(f"{_r(n * step)},{_r(level(value))}" for n, value in enumerate(values))


def _r(number: float) -> float:
    return round(number, 2)
