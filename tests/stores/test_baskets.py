"""Which lines of a till's file count, in what order they are refused, and how dates move."""

from collections import Counter
from datetime import date, datetime, timedelta

import pytest

from alliance.calc.worktime import SHANGHAI
from stores.calc import baskets as calc
from stores.calc.baskets import Basket, Line

NOON = datetime(2017, 5, 1, 12, tzinfo=SHANGHAI)
KNOWN, EXCLUDED = {"milk", "petrol"}, {"petrol"}


def basket(*lines: tuple[str, int, int], store: str = "1") -> Basket:
    rows = [Line(row, product, quantity, value, 0) for row, (product, quantity, value) in enumerate(lines, start=1)]
    return Basket("b1", store, "h1", NOON, rows)


def reasons(*lines: tuple[str, int, int]) -> list[str]:
    return [refusal.reason for refusal in calc.screen(basket(*lines), KNOWN, EXCLUDED).refused]


def test_a_good_line_is_kept() -> None:
    screened = calc.screen(basket(("milk", 2, 598)), KNOWN, EXCLUDED)
    assert screened.kept == [Line(1, "milk", 2, 598, 0)]
    assert screened.value_fen == 598
    assert not screened.refused


def test_a_line_with_every_fault_is_refused_for_the_first() -> None:
    assert reasons(("ghost", 0, 0)) == [calc.UNKNOWN_PRODUCT]
    assert reasons(("petrol", 0, 0)) == [calc.EXCLUDED_DEPARTMENT]
    assert reasons(("milk", 0, 0)) == [calc.QUANTITY_NOT_POSITIVE]
    assert reasons(("milk", 1, 0)) == [calc.VALUE_NOT_POSITIVE]
    assert reasons(("milk", -1, 300), ("milk", 1, -300)) == [calc.QUANTITY_NOT_POSITIVE, calc.VALUE_NOT_POSITIVE]


def test_a_basket_is_refused_only_when_no_line_is_left() -> None:
    total = calc.tally(
        calc.screen(one, KNOWN, EXCLUDED)
        for one in (
            basket(("milk", 1, 300), ("petrol", 40, 4000), store="7"),
            basket(("petrol", 40, 4000), store="8"),
            basket(("milk", 3, 900), store="7"),
        )
    )
    assert (total.baskets, total.lines, total.value_fen, total.refused_baskets) == (2, 2, 1200, 1)
    assert total.refused_lines == Counter({calc.EXCLUDED_DEPARTMENT: 2})
    assert total.turnover_fen == Counter({"7": 1200, "8": 0})


@pytest.mark.parametrize(
    ("yuan", "fen"),
    [(0.29, 29), (1.15, 115), (4.35, 435), (0.57, 57), (1.1, 110), (840.0, 84_000), (-1.01, -101), (0.0, 0)],
)
def test_a_float_that_stands_for_whole_fen_gives_exactly_those(yuan: float, fen: int) -> None:
    assert calc.fen(yuan) == fen


def test_every_amount_up_to_a_thousand_yuan_survives_the_float() -> None:
    assert all(calc.fen(n / 100) == n for n in range(100_000))


def test_a_part_of_a_fen_is_rounded_half_up() -> None:
    assert calc.fen(1.005) == 101
    assert calc.fen(1.0049) == 100


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_amount_is_an_error(bad: float) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        calc.fen(bad)


@pytest.mark.parametrize(
    ("today", "moved"),
    [
        (date(2018, 1, 1), date(2017, 12, 31)),
        (date(2018, 1, 7), date(2017, 12, 31)),
        (date(2018, 1, 8), date(2018, 1, 7)),
        (date(2026, 11, 23), date(2026, 11, 22)),
        (date(2026, 11, 22), date(2026, 11, 15)),
    ],
)
def test_the_last_full_day_moves_to_the_most_recent_such_weekday_before_today(today: date, moved: date) -> None:
    last = date(2017, 12, 31)
    assert last + calc.weeks_to_yesterday(last, today) == moved
    assert moved < today <= moved + timedelta(days=7)
    assert moved.weekday() == last.weekday()


def test_the_biggest_stores_come_first_and_ties_keep_an_order() -> None:
    turnover = Counter({"30": 5, "4": 9, "12": 9, "1": 1})
    assert calc.biggest(turnover, 3) == ["12", "4", "30"]
