"""Sums without a database: what is typed at a till, licence codes, references, opening hours, sheets."""

from datetime import datetime

import pytest

from merchants.calc import creditcode, hours, memberfield, references, sheets


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ("482913049120485531", "code", "482913049120485531"),
        ("4829 1304 9120 4855 31", "code", "482913049120485531"),
        ("LHM:482913049120485531", "code", "482913049120485531"),
        ("https://lianhui.example/m/482913049120485531", "code", "482913049120485531"),
        ("４８２９１３０４９１２０４８５５３１", "code", "482913049120485531"),
        ("13800138001", "phone", "+8613800138001"),
        (" 138-0013 8001 ", "phone", "+8613800138001"),
        ("+8613800138001", "phone", "+8613800138001"),
        ("+44 20 7946 0000", "phone", "+442079460000"),
        ("1234 5678", "number", "12345678"),
        ("6222021234567890", "card", "6222021234567890"),
        ("mt_abc", "token", "mt_abc"),
        ("lhs:12:4K", "shop", "lhs:12:4K"),
    ],
)
def test_what_stands_in_the_one_field(given: str, kind: str, text: str) -> None:
    assert memberfield.read(given) == (kind, text)


@pytest.mark.parametrize("given", ["", "😀", "abc", "123", "1" * 20, "+", "+12", "12345678901", "١٢٣٤٥٦٧٨", "-5"])
def test_what_is_nobody(given: str) -> None:
    if given == "12345678901":
        # 11 digits beginning with 1 look like a phone; the book knows whether it is one.
        assert memberfield.read(given)[0] == "phone"
        return
    with pytest.raises(ValueError):
        memberfield.read(given)


def test_a_licence_code_carries_its_check_character() -> None:
    # The example of GB 32100-2015.
    assert creditcode.is_valid("91350100M000100Y43")
    assert creditcode.check_character("91350100M000100Y4") == "3"
    for wrong in ("91350100M000100Y44", "91350100M000100Y4", "91350100I000100Y43", "", "😀" * 18):
        assert not creditcode.is_valid(wrong)


def test_a_slip_in_a_payment_reference_names_nobody() -> None:
    text = references.payment_reference(12)
    assert references.read_payment_reference(f"充值 {text.lower()}，谢谢") == 12
    assert references.read_payment_reference(text.replace("12", "13")) is None
    assert references.read_payment_reference("") is None
    wrong = sum(
        references.payment_reference(a)[-2:] == references.payment_reference(b)[-2:]
        for a in range(1, 60)
        for b in range(1, 60)
        if a != b
    )
    assert wrong < 60


def test_a_shops_own_code() -> None:
    assert references.read_shop_code(references.shop_code(7)) == 7
    assert references.read_shop_code("LHS:7:00") is None
    assert references.read_shop_code("13800138001") is None


@pytest.mark.parametrize(
    ("text", "at", "is_open"),
    [
        ("10:00-22:00", "2026-11-22 10:00", True),
        ("10:00-22:00", "2026-11-22 22:00", False),
        ("17:00-02:00", "2026-11-23 01:59", True),
        ("17:00-02:00", "2026-11-23 02:00", False),
        ("00:00-24:00", "2026-11-22 23:59", True),
        ("1-5 09:00-18:00; 6-7 10:00-02:00", "2026-11-22 19:00", True),  # Sunday
        ("1-5 09:00-18:00; 6-7 10:00-02:00", "2026-11-23 01:00", True),  # Sunday's night
        ("1-5 09:00-18:00; 6-7 10:00-02:00", "2026-11-24 01:00", False),
        ("3 09:00-12:00", "2026-11-25 11:00", True),
        ("", "2026-11-22 12:00", None),
    ],
)
def test_opening_hours(text: str, at: str, is_open: bool | None) -> None:
    assert hours.is_open(text, datetime.fromisoformat(at)) is is_open


@pytest.mark.parametrize("text", ["ten to six", "10-22", "25:00-26:00", "10:00-22:60", "8-9 10:00-12:00"])
def test_hours_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError):
        hours.parse(text)


def test_no_text_becomes_a_formula() -> None:
    lines = "".join(sheets.csv_lines([["=1+1", "@x", -5, "好"]]))
    assert lines == "\ufeff'=1+1,'@x,-5,好\r\n"


def test_a_sheet_leaves_out_what_it_cannot_hold() -> None:
    assert sheets.safe("a\x00\x0b\x1f\ufffeb\ud800") == "ab"
    assert sheets.safe("\x01=1+1") == "'=1+1"
    assert sheets.xlsx([["\x07=1", "好\x1b[0m", 5, None]], "x")[:2] == b"PK"
