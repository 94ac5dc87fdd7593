"""What stays of a sale after a return. Integers only: fen and points (docs/ledger.md, rows 14 to 23).

Every figure is reckoned for all that was returned so far, not for one return: so any order of parts ends at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from points.calc import rebate
from points.calc.rules import Line


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays of a bill: its amount, how much of it was paid in points, how much of the money earns points."""

    bill: int
    spent: int
    eligible: int

    @property
    def paid(self) -> int:
        return self.bill - self.spent

    @property
    def is_possible(self) -> bool:
        return min(self.bill, self.spent, self.paid, self.eligible) >= 0


@dataclass(frozen=True, slots=True)
class Rates:
    """The terms of the day of purchase, in basis points."""

    rate_bps: int
    member_bps: int
    spend_fee_bps: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What such a bill comes to: rebate half up, points and spending fee down, the rest is what is left."""

    rebate: int
    points: int
    rest: int
    spend_fee: int


def by_total(sold: Kept, kept: Kept, returned: int) -> Kept:
    """Return what stays when goods of `returned` fen come back: points and money in the proportion of the whole bill.

    Points back, of all returns together: ⌊spent × returned / bill⌋; what earns likewise, by the money that came back.
    The last return takes whatever is left.
    """
    bill = kept.bill - returned
    back = sold.bill - bill
    spent = sold.spent - sold.spent * back // sold.bill
    # Returns by line may have gone another way before: never more of either than there still is.
    spent = min(max(spent, bill - kept.paid), kept.spent, max(bill, 0))
    return Kept(bill, spent, _eligible(sold, kept, bill - spent))


def by_lines(sold: Kept, kept: Kept, *, cash: int, points: int, eligible: int | None = None) -> Kept:
    """Return what stays when lines come back that were paid with `cash` and `points`; eligible: what of it earned."""
    bill, spent = kept.bill - cash - points, kept.spent - points
    if eligible is None:
        return Kept(bill, spent, _eligible(sold, kept, bill - spent))
    left = kept.eligible - eligible
    return Kept(bill, spent, left if left < 0 else min(left, max(bill - spent, 0)))


def _eligible(sold: Kept, kept: Kept, paid: int) -> int:
    if sold.paid == 0:
        return 0
    return max(0, min(sold.eligible - sold.eligible * (sold.paid - paid) // sold.paid, kept.eligible, max(paid, 0)))


def figures(kept: Kept, rates: Rates) -> Figures:
    rebate_fen = rebate.rebate(kept.eligible, rates.rate_bps)
    points = rebate.member_part(rebate_fen, rates.member_bps)
    return Figures(rebate_fen, points, rebate_fen - points, rebate.spend_fee(kept.spent, rates.spend_fee_bps))


def rebate_of(eligible: int, rate_bps: int) -> int:
    return rebate.rebate(eligible, rate_bps)


def left_of_lines(lines: Sequence[Line], kept: Sequence[Sequence[int]] | None, eligible: int) -> tuple[Line, ...]:
    """Return what rules see of a sale of which `eligible` fen that earned stay.

    kept: [fen, units] of each line, where lines came back as such. What came back by amount is taken from all lines
    that are left alike, in running totals, so that the sum is exact.
    """
    left = (
        [line._replace(fen=fen, units=units) for line, (fen, units) in zip(lines, kept, strict=True)]
        if kept is not None
        else list(lines)
    )
    whole = sum(line.fen for line in left if line.is_eligible)
    found: list[Line] = []
    before = after = 0
    for line in left:
        if not line.is_eligible or not whole or whole == eligible:
            found.append(line)
            continue
        before += line.fen
        fen = before * eligible // whole - after
        after += fen
        found.append(line._replace(fen=fen, units=line.units * fen // line.fen if line.fen else 0))
    return tuple(found)
