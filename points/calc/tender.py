"""How the money of a bill spreads over its lines when a part was paid with points."""

from __future__ import annotations

from collections.abc import Sequence

from points.calc.rules.nouns import Line


def paid_in_money(lines: Sequence[Line], paid_fen: int) -> tuple[Line, ...]:
    """Return the lines with what was paid in money for each, in the proportion of the prices.

    The running total is rounded down, so that the parts add up to `paid_fen` whatever the order of the lines.
    """
    total = sum(line.fen for line in lines)
    if total == paid_fen:
        return tuple(lines)
    found, running, before = [], 0, 0
    for line in lines:
        running += line.fen
        upto = running * paid_fen // total
        found.append(line._replace(fen=upto - before))
        before = upto
    return tuple(found)
