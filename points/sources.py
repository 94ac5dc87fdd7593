"""What upper floors know of past receipts, for back-tests: the lines of a receipt and the trade of a merchant.

    @sources.lines
    def lines(): return reader          # reader(sale_ids) → {sale_id: [Line(category, product, fen, units, …), …]}

    @sources.trades
    def trades(): return {float_id: code}

The book knows neither. Without a source a receipt is one line without product, and no trade fits. A reader serves one
back-test and may remember what it has looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from points.calc.rules import Line

Read = Callable[[Sequence[int]], Mapping[int, Sequence[Line]]]
Lines = Callable[[], Read]
Trades = Callable[[], Mapping[int, str]]
_LINES: list[Lines] = []
_TRADES: list[Trades] = []


def lines(function: Lines) -> Lines:
    """Register who knows the lines of some sales."""
    _LINES.append(function)
    return function


def trades(function: Trades) -> Trades:
    """Register who knows the trades of merchants, by their floats."""
    _TRADES.append(function)
    return function


def reader() -> Read:
    """Return what reads the lines of sales, from all sources together."""
    readers = [source() for source in _LINES]

    def read(sale_ids: Sequence[int]) -> dict[int, Sequence[Line]]:
        found: dict[int, Sequence[Line]] = {}
        for each in readers:
            found |= each(sale_ids)
        return found

    return read


def trades_by_float() -> dict[int, str]:
    found: dict[int, str] = {}
    for source in _TRADES:
        found |= source()
    return found
