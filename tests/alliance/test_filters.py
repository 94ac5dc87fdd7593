from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import translation
from django.utils.formats import number_format

from alliance.templatetags import lianhui as filters


@pytest.mark.parametrize(
    ("fen", "shown"), [(0, "¥0.00"), (5, "¥0.05"), (123456, "¥1,234.56"), (-123456, "−¥1,234.56"), (None, "–")]
)
def test_yuan(fen: int | None, shown: str) -> None:
    assert filters.yuan(fen) == shown


@pytest.mark.parametrize(("n", "shown"), [(0, "0"), (1234, "+1,234"), (-5, "−5"), (None, "–")])
def test_signed_points(n: int | None, shown: str) -> None:
    assert filters.signed_points(n) == shown


@pytest.mark.parametrize(("bps", "shown"), [(800, "8%"), (1875, "18.75%"), (0, "0%"), (10_000, "100%"), (None, "–")])
def test_bps(bps: int | None, shown: str) -> None:
    assert filters.bps(bps) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("+8613800138001", "138****8001"), ("138 0013 8001", "138****8001"), ("", "–"), (None, "–"), ("12345", "****")],
)
def test_masked_phone(phone: str | None, shown: str) -> None:
    assert filters.masked_phone(phone) == shown


def test_masked_email() -> None:
    assert filters.masked_email("lin@example.cn") == "l***@example.cn"
    assert filters.masked_email(None) == "–"


@pytest.mark.parametrize(("language", "shown"), [("zh-hans", "2026-11-23 03:44"), ("en", "2026-11-23 03:44")])
def test_times_are_those_of_shanghai(language: str, shown: str) -> None:
    with translation.override(language):
        assert filters.local_time(datetime(2026, 11, 22, 19, 44, tzinfo=UTC)) == shown


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_digits_are_grouped_by_three(language: str) -> None:
    with translation.override(language):
        assert number_format(1234567, force_grouping=True) == "1,234,567"
