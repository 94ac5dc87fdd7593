"""Trades, provinces, cities and days are there from the start; reading them again changes nothing else."""

from __future__ import annotations

from datetime import date

import pytest

from alliance import seeds
from alliance.models import BusinessDay, City, Province, Trade

pytestmark = pytest.mark.django_db


def test_the_migration_planted_them() -> None:
    assert Trade.objects.count() == 28
    assert Province.objects.count() == 31
    assert City.objects.count() > 340
    assert {"和安县", "和康县"} <= set(City.objects.values_list("name", flat=True))
    assert not City.objects.filter(name__in=["市辖区", "县"]).exists()


def test_trades_have_names_in_both_languages_and_an_order() -> None:
    assert list(Trade.objects.order_by("position").values_list("position", flat=True)) == list(range(1, 29))
    assert not Trade.objects.filter(name_en="").exists()


def test_reading_again_repairs_and_doubles_nothing() -> None:
    Trade.objects.filter(code="hotpot").update(name="火锅？")
    before = City.objects.count()
    assert seeds.read()["trades"] == 28
    assert Trade.objects.get(code="hotpot").name == "火锅"
    assert City.objects.count() == before


def test_holidays_and_worked_weekends() -> None:
    assert not BusinessDay.objects.get(on=date(2026, 2, 17)).is_working
    assert BusinessDay.objects.get(on=date(2026, 2, 14)).is_working
