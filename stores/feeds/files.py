"""A store's till file: one line per article, closed by a line that counts them.

    basket,store,member,at,product,quantity,value,discount
    B-1001,NP-01,00000042,2026-11-22T09:14:05+08:00,6901234567892,2,19.80,0.00
    end,1

A file without its last line was cut. Values are yuan with at most two decimals; a time without an offset is
Shanghai's. The whole file is read and checked before anything of it is booked (docs/replay.md).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from alliance.calc.money import MAX_FEN, parse_fen, yuan
from alliance.calc.worktime import SHANGHAI
from stores.calc.baskets import Basket, Line
from stores.feeds import refusals

COLUMNS = ["basket", "store", "member", "at", "product", "quantity", "value", "discount"]
END = "end"
MOST_SIGNS = {"basket": 40, "store": 32, "member": 32, "product": 32}
MOST_QUANTITY = 2**31 - 1
MOST_LINES = 2**15 - 1
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def read(path: Path) -> list[Basket]:
    """Return the baskets of a till file, in its order.

    Refuses: feed_columns_wrong, feed_cut, feed_order_wrong, feed_value_unreadable, feed_text_too_long,
    feed_quantity_too_large, feed_basket_too_large.
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
                yield _whole(current)
            return
        if len(row) != len(COLUMNS):
            raise refusals.CUT(file=name)
        _check_texts(count, row)
        number, store, member, clock, *rest = row
        at = _time(count, clock)
        if current is None or number != current.number:
            if number in seen or (current is not None and at < current.at):
                raise refusals.ORDER_WRONG(row=count)
            if current is not None:
                yield _whole(current)
            seen.add(number)
            current = Basket(number, store, member, at, [])
        if (store, member, at) != (current.store, current.holder, current.at):
            raise refusals.ORDER_WRONG(row=count)
        current.lines.append(_line(count, rest))
    raise refusals.CUT(file=name)


def _check_texts(row: int, words: list[str]) -> None:
    for column, text in zip(COLUMNS, words, strict=True):
        most = MOST_SIGNS.get(column)
        if most is None:
            continue
        if len(text) > most:
            raise refusals.TEXT_TOO_LONG(row=row, column=column, most=most)
        if not text.isprintable() or (column == "basket" and not text):
            raise refusals.VALUE_UNREADABLE(row=row, value=ascii(text)[1:-1])


def _whole(basket: Basket) -> Basket:
    """Return the basket when the book has room for its sum and for all its lines."""
    total = sum(line.value_fen for line in basket.lines if line.value_fen > 0)
    if total > MAX_FEN or len(basket.lines) > MOST_LINES:
        raise refusals.BASKET_TOO_LARGE(row=basket.lines[0].row, yuan=yuan(MAX_FEN), lines=f"{MOST_LINES:,}")
    return basket


def _line(row: int, words: list[str]) -> Line:
    product, quantity, value, discount = words
    try:
        line = Line(row, product, _quantity(quantity), _fen(value), _fen(discount))
    except ValueError:
        raise refusals.VALUE_UNREADABLE(row=row, value=" ".join(words)[:80]) from None
    if line.quantity > MOST_QUANTITY:
        raise refusals.QUANTITY_TOO_LARGE(row=row, most=f"{MOST_QUANTITY:,}")
    return line


def _quantity(words: str) -> int:
    """Return a whole number written in ASCII digits; `int` alone would also read "1_0" and full-width digits."""
    if not _WHOLE.fullmatch(words):
        raise ValueError(words)
    return int(words)


def _fen(words: str) -> int:
    """Return yuan as fen. A till writes a return as a negative value: such a line is refused later, not the file."""
    if not words.isascii():
        raise ValueError(words)
    return -parse_fen(words[1:]) if words.startswith("-") else parse_fen(words)


def _time(row: int, words: str) -> datetime:
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        raise refusals.VALUE_UNREADABLE(row=row, value=words[:80]) from None
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)
