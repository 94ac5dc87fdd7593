"""Baskets as a till's file tells them, and which of their lines count.

A line is refused for the first of four reasons, in this order; a basket is refused when no line of it is left.
Refused lines are listed, never guessed at.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import NamedTuple

UNKNOWN_PRODUCT = "product_unknown"
EXCLUDED_DEPARTMENT = "department_excluded"
QUANTITY_NOT_POSITIVE = "quantity_not_positive"
VALUE_NOT_POSITIVE = "value_not_positive"
REASONS = (UNKNOWN_PRODUCT, EXCLUDED_DEPARTMENT, QUANTITY_NOT_POSITIVE, VALUE_NOT_POSITIVE)


class Line(NamedTuple):
    """One row of a till's file. row: its number in the file, from 1. Money in fen."""

    row: int
    product: str
    quantity: int
    value_fen: int
    discount_fen: int


class Basket(NamedTuple):
    """What one customer paid at once. at: the till's clock."""

    number: str
    store: str
    holder: str
    at: datetime
    lines: list[Line]


class Refusal(NamedTuple):
    """A line that does not count, and why."""

    line: Line
    reason: str


class Screened(NamedTuple):
    """A basket after screening. kept is empty when the whole basket is refused."""

    basket: Basket
    kept: list[Line]
    refused: list[Refusal]

    @property
    def value_fen(self) -> int:
        return sum(line.value_fen for line in self.kept)


@dataclass(slots=True)
class Tally:
    """Running totals of a feed. Turnover by store counts kept lines only, in fen."""

    baskets: int = 0
    lines: int = 0
    value_fen: int = 0
    refused_baskets: int = 0
    refused_lines: Counter[str] = field(default_factory=Counter)
    turnover_fen: Counter[str] = field(default_factory=Counter)

    def add(self, screened: Screened) -> None:
        if screened.kept:
            value = screened.value_fen
            self.baskets += 1
            self.lines += len(screened.kept)
            self.value_fen += value
            self.turnover_fen[screened.basket.store] += value
        else:
            self.refused_baskets += 1
            self.turnover_fen[screened.basket.store] += 0
        for refusal in screened.refused:
            self.refused_lines[refusal.reason] += 1


def fen(yuan: float) -> int:
    """Return an amount in fen; exact for any binary float that stands for whole fen, else rounded half up.

    Errors: ValueError for what is not a number.
    """
    if not isfinite(yuan):
        raise ValueError(f"{yuan} is not an amount")
    scaled = yuan * 100
    nearest = round(scaled)
    if abs(scaled - nearest) < 1e-6:
        return nearest
    return int(Decimal(repr(yuan)).scaleb(2).quantize(Decimal(1), ROUND_HALF_UP))


def screen(basket: Basket, known: Collection[str], excluded: Collection[str]) -> Screened:
    """Return the basket with its lines sorted into kept and refused.

    known: products of the catalogue. excluded: products of departments that earn nothing.
    """
    kept: list[Line] = []
    refused: list[Refusal] = []
    for line in basket.lines:
        if line.product not in known:
            refused.append(Refusal(line, UNKNOWN_PRODUCT))
        elif line.product in excluded:
            refused.append(Refusal(line, EXCLUDED_DEPARTMENT))
        elif line.quantity <= 0:
            refused.append(Refusal(line, QUANTITY_NOT_POSITIVE))
        elif line.value_fen <= 0:
            refused.append(Refusal(line, VALUE_NOT_POSITIVE))
        else:
            kept.append(line)
    return Screened(basket, kept, refused)


def tally(baskets: Iterable[Screened]) -> Tally:
    """Return the totals of all baskets."""
    total = Tally()
    for screened in baskets:
        total.add(screened)
    return total


def weeks_to_yesterday(last_full_day: date, today: date) -> timedelta:
    """Return the whole weeks that move `last_full_day` to the most recent such weekday before `today`.

    Negative when the file is of the future. Source: the replay keeps weekdays, because shopping follows the week.
    """
    return timedelta(weeks=((today - last_full_day).days - 1) // 7)


def biggest(turnover_fen: Counter[str], n: int) -> list[str]:
    """Return the n stores with the largest turnover, largest first; ties by the store's number."""
    return sorted(turnover_fen, key=lambda store: (-turnover_fen[store], store))[:n]
