"""Returning a part of a receipt: evaluate what stays, post the difference (docs/ledger.md, row 17).

What stays is evaluated by the rules, terms and facts of the purchase, so thresholds, stamps and gifts follow. The
differences of any order of parts add up to the difference to nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from points.calc.rules.nouns import Answer, Receipt


class Move(NamedTuple):
    """Points of one rule that go (negative: come back)."""

    rule: str
    version: int
    payer: int
    to: str
    points: int


class Difference(NamedTuple):
    """After minus before."""

    rebate_fen: int
    points: int
    rest: int
    grants: tuple[Move, ...]


def staying(receipt: Receipt, gone: Sequence[tuple[int, int]]) -> Receipt:
    """Return the receipt without (fen, units) of each line. ValueError when more goes than was bought."""
    if len(gone) != len(receipt.lines):
        raise ValueError("one pair for each line")
    lines = []
    for line, (fen, units) in zip(receipt.lines, gone, strict=True):
        if not (0 <= fen <= line.fen and 0 <= units <= line.units):
            raise ValueError(f"{fen} fen and {units} units of {line}")
        lines.append(line._replace(fen=line.fen - fen, units=line.units - units))
    return receipt._replace(lines=tuple(lines))


def difference(before: Answer, after: Answer) -> Difference:
    """Return what has to be posted when a receipt that came to `before` comes to `after`."""
    moves: dict[tuple[str, int, int, str], int] = {}
    for answer, sign in ((before, -1), (after, 1)):
        for grant in answer.grants:
            key = (grant.rule, grant.version, grant.payer, grant.to)
            moves[key] = moves.get(key, 0) + sign * grant.points
    return Difference(
        after.rebate_fen - before.rebate_fen,
        after.points - before.points,
        after.rest - before.rest,
        tuple(Move(*key, points) for key, points in sorted(moves.items()) if points),
    )
