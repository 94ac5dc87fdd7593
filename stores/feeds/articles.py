"""A chain's list of articles: what a till's line may name, and which departments earn nothing.

    code,name,department,earns
    6901234567892,鲜牛奶 1L,DAIRY,yes
    end,1

Read whole before anything of it is written; an article that is known already takes the new words.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from stores.feeds import refusals
from stores.models import Product

COLUMNS = ["code", "name", "department", "earns"]
MOST_SIGNS = {"code": 32, "name": 120, "department": 40}
EARNS = {"yes": True, "no": False}
BATCH = 2_000


def take_articles(path: Path, catalogue: str) -> int:
    """Write the articles of a file into a catalogue; return how many it has.

    Refuses, with nothing written: feed_columns_wrong, feed_cut, feed_value_unreadable, feed_text_too_long.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            articles = {article.code: article for article in _articles(path.name, csv.reader(file), catalogue)}
    except (UnicodeDecodeError, csv.Error):
        raise refusals.CUT(file=path.name) from None
    Product.objects.bulk_create(
        articles.values(),
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["catalogue", "code"],
        update_fields=["name", "department", "is_excluded"],
    )
    return len(articles)


def _articles(name: str, rows: Iterator[list[str]], catalogue: str) -> Iterator[Product]:
    header = next(rows, [])
    if header != COLUMNS:
        raise refusals.COLUMNS_WRONG(file=name, missing=", ".join(c for c in COLUMNS if c not in header) or "order")
    for count, row in enumerate(rows, start=1):
        if row[:1] == ["end"]:
            if row != ["end", str(count - 1)] or next(rows, None) is not None:
                raise refusals.CUT(file=name)
            return
        if len(row) != len(COLUMNS):
            raise refusals.CUT(file=name)
        code, title, department, earns = row
        for column, text in (("code", code), ("name", title), ("department", department)):
            if len(text) > MOST_SIGNS[column]:
                raise refusals.TEXT_TOO_LONG(row=count, column=column, most=MOST_SIGNS[column])
            if not text or not text.isprintable():
                raise refusals.VALUE_UNREADABLE(row=count, value=ascii(text)[1:-1])
        if earns not in EARNS:
            raise refusals.VALUE_UNREADABLE(row=count, value=earns[:80])
        yield Product(catalogue=catalogue, code=code, name=title, department=department, is_excluded=not EARNS[earns])
    raise refusals.CUT(file=name)
