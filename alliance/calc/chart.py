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
    middle: float


@dataclass(frozen=True)
class Tick:
    """One line of the scale: its value, and its distance from the top of the box."""

    value: int | float
    y: float


def ceiling(values: Sequence[float]) -> float:
    """Return the smallest 1, 2, 2.5 or 5 × 10ⁿ × 4 that no value exceeds; 4 when there is nothing to show."""
    top = max(values, default=0)
    if top <= 0:
        return 4
    unit = 10 ** math.floor(math.log10(top / 4))
    for step in (1, 2, 2.5, 5, 10):
        if step * unit * 4 >= top:
            return float(step * unit * 4)
    return float(10 * unit * 4)


def bars(values: Sequence[float], width: float, height: float) -> list[Bar]:
    """Return one bar per value, two thirds of its slot wide; negative values count as zero."""
    if not values:
        return []
    top, slot = ceiling(values), width / len(values)
    wide = min(slot * 2 / 3, 48)
    out = []
    for n, value in enumerate(values):
        tall = max(value, 0) / top * height
        middle = (n + 0.5) * slot
        out.append(Bar(_r(middle - wide / 2), _r(height - tall), _r(wide), _r(tall), _r(middle)))
    return out


def points(values: Sequence[float], width: float, height: float) -> str:
    """Return "x,y x,y …" for a polyline from edge to edge, lowest value at the bottom, 2 units of air."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = width / max(len(values) - 1, 1)
    return " ".join(
        f"{_r(n * step)},{_r(2 + (height - 4) * (1 - (value - low) / span) if high > low else height / 2)}"
        for n, value in enumerate(values)
    )


def ticks(values: Sequence[float], height: float) -> list[Tick]:
    """Return the lines at 0, ¼, ½, ¾ and 1 of the ceiling."""
    top = ceiling(values)
    lines = []
    for n in range(5):
        value = top * n / 4
        lines.append(Tick(int(value) if value == int(value) else value, _r(height * (1 - n / 4))))
    return lines


def _r(number: float) -> float:
    return round(number, 2)
