"""What a bill comes to. Integers only; 1 point = 1 fen (docs/ledger.md, rows 2, 5 and 22)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from alliance.calc.worktime import quarter_end

MONTHS_TO_EXPIRY = 24
GRACE_DAYS = 30


def rebate(eligible_fen: int, rate_bps: int) -> int:
    """Return eligible × rate, rounded half up to whole fen."""
    return (eligible_fen * rate_bps + 5_000) // 10_000


def member_part(rebate_fen: int, member_bps: int) -> int:
    """Return the member's points: a share of the rebate, rounded down."""
    return rebate_fen * member_bps // 10_000


def spend_fee(points: int, fee_bps: int) -> int:
    """Return what the merchant pays for a spending, rounded down."""
    return points * fee_bps // 10_000


def largest_spend(bill_fen: int, share_bps: int) -> int:
    """Return the most points that may pay for a bill."""
    return bill_fen * share_bps // 10_000


def expires_on(event_on: date) -> date:
    """Return the last day on which points of this day can be used: the end of the quarter 24 months on."""
    return quarter_end(event_on, MONTHS_TO_EXPIRY)


def grace_lapses_on(expired_on: date) -> date:
    """Return the last day of use of points that come back into an expired lot: counted from the original expiry."""
    return expired_on + timedelta(days=GRACE_DAYS)


@dataclass(frozen=True, slots=True)
class Parts:
    fee: int
    centre: int
    promo: int
    buffer: int


def split(total: int, *, member_bps: int, fee_bps: int, centre_bps: int, promo_bps: int) -> Parts:
    """Split a running total of rests: named parties rounded down, the buffer takes what is left."""
    weight = 10_000 - member_bps
    if weight == 0:
        return Parts(0, 0, 0, total)
    fee, centre, promo = (total * part // weight for part in (fee_bps, centre_bps, promo_bps))
    return Parts(fee, centre, promo, total - fee - centre - promo)
