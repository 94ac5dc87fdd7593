from itertools import pairwise

import pytest

from alliance.calc import code128


def test_every_symbol_is_eleven_modules_wide_and_the_stop_thirteen() -> None:
    widths = [sum(int(letter) for letter in symbol) for symbol in code128._WIDTHS]
    assert widths == [11] * 106 + [13]
    assert len(set(code128._WIDTHS)) == 107


def test_bars_of_a_symbol_add_up_to_an_even_number() -> None:
    assert all(sum(int(letter) for letter in symbol[::2]) % 2 == 0 for symbol in code128._WIDTHS[:106])


def test_the_values_of_a_known_code() -> None:
    # 105 + 1×12 + 2×34 + 3×56 = 353; 353 mod 103 = 44
    assert code128.values("123456") == [105, 12, 34, 56, 44, 106]


def test_eighteen_digits_fill_154_modules() -> None:
    drawing = code128.draw("012345678901234567")
    assert drawing.width == 10 + 11 * 11 + 13 + 10
    assert len(drawing.bars) == 11 * 3 + 4
    assert drawing.bars[0] == code128.Bar(10, 2)
    assert drawing.bars[-1].x + drawing.bars[-1].width == drawing.width - 10


def test_bars_never_touch() -> None:
    bars = code128.draw("998877665544332211").bars
    assert all(right.x > left.x + left.width for left, right in pairwise(bars))


def test_the_drawing_is_one_path() -> None:
    assert code128.svg("0000").count("<path") == 1


@pytest.mark.parametrize("digits", ["", "1", "123", "12a4", "١٢", "12 34"])
def test_anything_else_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="even number"):
        code128.values(digits)
