"""A till's file is taken whole or not at all, with a code and a sentence for each way to be broken."""

from datetime import datetime
from pathlib import Path

import pytest

from alliance.calc.worktime import SHANGHAI
from alliance.refusals import Refused
from stores.calc.baskets import Basket, Line
from stores.feeds import files

HEADER = "basket,store,member,at,product,quantity,value,discount\n"
GOOD = (
    "B1,NP-01,00000042,2026-11-20T09:14:05+08:00,milk,2,19.80,0.20\n"
    "B1,NP-01,00000042,2026-11-20T09:14:05+08:00,bread,1,6.5,0\n"
    "B2,NP-01,00000043,2026-11-20T09:20:00,milk,1,9.90,0\n"
)


def read(tmp_path: Path, text: str | bytes) -> list[Basket]:
    path = tmp_path / "till.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return files.read(path)


def refusal(tmp_path: Path, text: str | bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        read(tmp_path, text)
    assert refused.value.text()
    return refused.value


def test_it_works(tmp_path: Path) -> None:
    first, second = read(tmp_path, HEADER + GOOD + "end,3\n")
    assert first == Basket(
        "B1",
        "NP-01",
        "00000042",
        datetime(2026, 11, 20, 9, 14, 5, tzinfo=SHANGHAI),
        [Line(1, "milk", 2, 1980, 20), Line(2, "bread", 1, 650, 0)],
    )
    assert second.at == datetime(2026, 11, 20, 9, 20, tzinfo=SHANGHAI)


def test_an_empty_day_is_a_file_too(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + "end,0\n") == []


def test_a_return_keeps_its_sign_and_is_refused_later(tmp_path: Path) -> None:
    (basket,) = read(tmp_path, HEADER + "B1,NP-01,1,2026-11-20T09:14:05,milk,-1,-9.90,0\nend,1\n")
    assert basket.lines == [Line(1, "milk", -1, -990, 0)]


@pytest.mark.parametrize("cut", range(1, len(GOOD), 7))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    assert refusal(tmp_path, HEADER + GOOD[:-cut]).code in {"feed_cut", "feed_value_unreadable"}


@pytest.mark.parametrize("tail", ["", "end\n", "end,2\n", "end,4\n", "end,3\nB9\n"])
def test_the_last_line_must_count_the_others(tmp_path: Path, tail: str) -> None:
    assert refusal(tmp_path, HEADER + GOOD + tail).code == "feed_cut"


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    refused = refusal(tmp_path, "basket,shop,member,at,product,quantity,value,discount\n" + GOOD + "end,3\n")
    assert refused.code == "feed_columns_wrong"
    assert refused.facts["missing"] == "store"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"\xff\xfe\x00").code == "feed_cut"


@pytest.mark.parametrize(
    "line",
    [
        "B1,NP-01,1,2026-11-20T09:14:05,milk,one,9.90,0",
        "B1,NP-01,1,2026-11-20T09:14:05,milk,1,9.901,0",
        "B1,NP-01,1,2026-11-20T09:14:05,milk,1,9🍎,0",
        "B1,NP-01,1,2026-11-20T09:14:05,milk,1,1e3,0",
        "B1,NP-01,1,yesterday,milk,1,9.90,0",
        "B1,NP-01,1,2026-11-20T09:14:05,milk,1_0,9.90,0",
        "B1,NP-01,1,2026-11-20T09:14:05,milk,２,9.90,0",
        "B1,NP-01,1,2026-11-20T09:14:05,milk,1,９.90,0",
        "B1,NP-01,1,2026-11-20T09:14:05,mi\0lk,1,9.90,0",
        ",NP-01,1,2026-11-20T09:14:05,milk,1,9.90,0",
    ],
)
def test_what_cannot_be_read_is_named_with_its_row(tmp_path: Path, line: str) -> None:
    refused = refusal(tmp_path, HEADER + line + "\nend,1\n")
    assert refused.code == "feed_value_unreadable"
    assert refused.facts["row"] == 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["B" * 41 + ",NP-01,1,2026-11-20T09:14:05,milk,1,9.90,0"], "feed_text_too_long"),
        (["B1," + "N" * 33 + ",1,2026-11-20T09:14:05,milk,1,9.90,0"], "feed_text_too_long"),
        (["B1,NP-01," + "1" * 33 + ",2026-11-20T09:14:05,milk,1,9.90,0"], "feed_text_too_long"),
        (["B1,NP-01,1,2026-11-20T09:14:05," + "7" * 33 + ",1,9.90,0"], "feed_text_too_long"),
        (["B1,NP-01,1,2026-11-20T09:14:05,milk,2147483648,9.90,0"], "feed_quantity_too_large"),
        (["B1,NP-01,1,2026-11-20T09:14:05,milk,1,9999999,0"] * 2, "feed_basket_too_large"),
        (["B1,NP-01,1,2026-11-20T09:14:05,milk,1,0.01,0"] * 32_768, "feed_basket_too_large"),
    ],
)
def test_what_the_book_has_no_room_for_is_named_with_its_row(tmp_path: Path, lines: list[str], code: str) -> None:
    refused = refusal(tmp_path, HEADER + "\n".join(lines) + f"\nend,{len(lines)}\n")
    assert refused.code == code
    assert refused.facts["row"] == 1


@pytest.mark.parametrize(
    "second",
    [
        "B2,NP-01,1,2026-11-20T09:13:00,milk,1,9.90,0",
        "B1,NP-02,1,2026-11-20T09:14:05,milk,1,9.90,0",
        "B1,NP-01,2,2026-11-20T09:14:05,milk,1,9.90,0",
    ],
)
def test_time_does_not_go_back_and_a_basket_has_one_store_member_and_time(tmp_path: Path, second: str) -> None:
    first = "B1,NP-01,1,2026-11-20T09:14:05,milk,1,9.90,0\n"
    assert refusal(tmp_path, HEADER + first + second + "\nend,2\n").code == "feed_order_wrong"


def test_a_basket_must_not_come_twice(tmp_path: Path) -> None:
    again = GOOD + "B1,NP-01,00000042,2026-11-20T09:30:00,milk,1,9.90,0\n"
    assert refusal(tmp_path, HEADER + again + "end,4\n").code == "feed_order_wrong"
