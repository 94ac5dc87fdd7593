"""Member numbers: unique, eight digits, with a check digit that catches what people mistype."""

import pytest

from members.calc import number


def test_it_works():
    assert number.check_digit("572") == "4"  # Damm's own example
    assert number.number_of(1) != number.number_of(2)
    assert len(number.number_of(1)) == 8


def test_numbers_do_not_repeat():
    sample = [number.number_of(n) for n in range(1, 200_001)]
    assert len(set(sample)) == len(sample)
    assert all(len(each) == 8 and each[0] != "0" for each in sample)


def test_the_last_number_exists_and_the_next_does_not():
    assert number.is_valid(number.number_of(number.CAPACITY))
    for n in (0, number.CAPACITY + 1):
        with pytest.raises(ValueError, match="member numbers"):
            number.number_of(n)


def test_every_wrong_digit_and_every_swap_of_neighbours_is_found():
    good = number.number_of(4711)
    for place in range(8):
        for digit in "0123456789":
            if digit != good[place]:
                assert not number.is_valid(good[:place] + digit + good[place + 1 :])
    for place in range(7):
        swapped = good[:place] + good[place + 1] + good[place] + good[place + 2 :]
        assert swapped == good or not number.is_valid(swapped)


@pytest.mark.parametrize("text", ["", "1234567", "123456789", "abcdefgh", "１２３４５６７８"])
def test_anything_else_is_no_number(text: str):
    assert not number.is_valid(text)
