"""Amounts as people type them."""

import pytest

from alliance.amounts import read_fen
from alliance.calc.money import parse_fen, yuan
from alliance.refusals import Refused


@pytest.mark.parametrize(
    ("typed", "fen"),
    [
        ("268", 26800),
        ("268.5", 26850),
        (" 268.05 ", 26805),
        ("¥1,268.50", 126850),
        ("１２．５", 1250),
        ("0", 0),
        ("10000000", 1_000_000_000),
    ],
)
def test_an_amount_is_read_to_the_fen(typed: str, fen: int) -> None:
    assert parse_fen(typed) == fen


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12.345",
        "-5",
        "+5",
        "1e3",
        "12🍎",
        "🍎",
        "1,2",
        "12,34",
        "0x10",
        "١٢",
        "10000000.01",
        "1 2",
        ".5",
        "NaN",
        "1_0",
    ],
)
def test_what_is_no_amount_is_refused_with_a_code(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        read_fen(typed)
    assert refused.value.code == "amount_invalid"
    assert refused.value.status == 422


def test_yuan_has_separators_and_two_decimals() -> None:
    assert [yuan(fen) for fen in (0, 5, -5, 123456789, -100)] == ["0.00", "0.05", "-0.05", "1,234,567.89", "-1.00"]
