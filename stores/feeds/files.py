"""A store's till file: one line per article, closed by a line that counts them.

    basket,store,member,at,product,quantity,value,discount
    B-1001,NP-01,00000042,2026-11-22T09:14:05+08:00,6901234567892,2,19.80,0.00
    end,1

A file without its last line was cut. Values are yuan with at most two decimals; a time without an offset is
Shanghai's. The whole file is read and checked before anything of it is booked (docs/replay.md).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from alliance.calc.money import parse_fen
from alliance.calc.worktime import SHANGHAI
from stores.calc.baskets import Basket, Line
from stores.feeds import refusals

COLUMNS = ["basket", "store", "member", "at", "product", "quantity", "value", "discount"]
END = "end"


def read(path: Path) -> list[Basket]:
    """Return the baskets of a till file, in its order.

    Refuses: feed_columns_wrong, feed_cut, feed_order_wrong, feed_value_unreadable.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_baskets(path.name, csv.reader(file)))
    except (UnicodeDecodeError, csv.Error):
        raise refusals.CUT(file=path.name) from None


def _baskets(name: str, rows: Iterator[list[str]]) -> Iterator[Basket]:
    header = next(rows, [])
    if header != COLUMNS:
        raise refusals.COLUMNS_WRONG(file=name, missing=", ".join(c for c in COLUMNS if c not in header) or "order")
    current: Basket | None = None
    seen: set[str] = set()
    for count, row in enumerate(rows, start=1):
        if row[:1] == [END]:
            if row != [END, str(count - 1)] or next(rows, None) is not None:
                raise refusals.CUT(file=name)
            if current is not None:
                yield current
            return
        if len(row) != len(COLUMNS):
            raise refusals.CUT(file=name)
        number, store, member, clock, *rest = row
        at = _time(count, clock)
        if current is None or number != current.number:
            if number in seen or (current is not None and at < current.at):
                raise refusals.ORDER_WRONG(row=count)
            if current is not None:
                yield current
            seen.add(number)
            current = Basket(number, store, member, at, [])
        if (store, member, at) != (current.store, current.holder, current.at):
            raise refusals.ORDER_WRONG(row=count)
        current.lines.append(_line(count, rest))
    raise refusals.CUT(file=name)


def _line(row: int, words: list[str]) -> Line:
    product, quantity, value, discount = words
    try:
        return Line(row, product, int(quantity), _fen(value), _fen(discount))
    except ValueError:
        raise refusals.VALUE_UNREADABLE(row=row, value=" ".join(words)) from None


def _fen(words: str) -> int:
    """Return yuan as fen. A till writes a return as a negative value: such a line is refused later, not the file."""
    return -parse_fen(words[1:]) if words.startswith("-") else parse_fen(words)


def _time(row: int, words: str) -> datetime:
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        raise refusals.VALUE_UNREADABLE(row=row, value=words) from None
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)
