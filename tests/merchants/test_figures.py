"""Figures of the shops by day and by part of the organisation; the emptiest floats."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alliance import metrics, org
from alliance.metrics import Scope
from alliance.models import Unit
from merchants import figures
from merchants.models import Merchant, Outlet
from points import rollup
from tests.cast import SYSTEM, Town
from tests.factories import members, shops
from tests.factories.shops import OPENED

pytestmark = pytest.mark.django_db


def series(name: str, scope: Scope) -> list[tuple[date, Any]]:
    return [(on, n) for on, n in metrics.registered()[name].compute(timezone.now(), scope).series if n]


def elsewhere(merchant: Merchant, outlet: Outlet) -> Unit:
    """Move a shop to a service centre of its own."""
    unit = org.found(kind="centre", code="C2", name="乙", parent=shops.centre().parent, actor=SYSTEM, at=OPENED)
    Merchant.objects.filter(pk=merchant.pk).update(centre=unit)
    Outlet.objects.filter(pk=outlet.pk).update(centre=unit)
    return unit


def test_days_by_part_of_the_organisation() -> None:
    town, wallet_id = Town(), members.member().wallet_id
    unit = elsewhere(town.fruit.merchant, town.fruit.outlet)
    today = timezone.localdate()
    shops.sale(town.hotpot, wallet_id, 10_000)
    shops.sale(town.fruit, wallet_id, 20_000)
    shops.void(town.fruit, shops.sale(town.fruit, wallet_id, 30_000).sale_id or 0)
    shops.sale(town.hotpot, wallet_id, 5_000, now=shops.days_ago(3))
    shops.sale(town.hotpot, wallet_id, 7_000, now=shops.days_ago(40))
    earlier = today - timedelta(days=3)
    assert series("sales", Scope()) == [(earlier, 5_000), (today, 30_000)]
    assert series("sales", Scope((unit.path,))) == [(today, 20_000)]
    assert series("sales", Scope((shops.centre().path,))) == [(earlier, 5_000), (today, 10_000)]
    assert series("points_given", Scope((shops.centre().path,))) == [(earlier, 250), (today, 500)]
    assert series("points_spent", Scope()) == []


def test_today_is_read_again_and_the_days_before_are_not(django_assert_num_queries: Any) -> None:
    at = timezone.now()
    figures.sales(at, Scope())
    with django_assert_num_queries(0):
        figures.points_given(at, Scope())


@pytest.mark.django_db(transaction=True)
def test_the_emptiest_floats_of_ones_own_units() -> None:
    town, wallet_id = Town(), members.member().wallet_id
    unit = elsewhere(town.fruit.merchant, town.fruit.outlet)
    # ¥10,000 each, at the pace of 14 days.
    for shop, bill in ((town.hotpot, 11_500_000), (town.fruit, 11_000_000), (town.market, 1_000)):
        shops.sale(shop, wallet_id, bill, now=shops.days_ago(2))
    rollup.run()
    at = timezone.now()

    def shown(*paths: str) -> list[str]:
        return [str(row.text) for row in figures.floats_low(at, Scope(paths))]

    assert shown() == ["老灶火锅", "鲜果时光"]
    assert shown(unit.path) == ["鲜果时光"]
    # Topped up: gone at once, though the list behind it is a minute old.
    from points import funding

    line = funding.receive(
        bank="T", account="1", serial="top", amount_fen=9_000_000, value_on=at.date(), actor=SYSTEM, at=at
    )
    funding.allot(bank_line=line, float_id=town.hotpot.merchant.float_id or 0, actor=SYSTEM, at=at)
    assert shown() == ["鲜果时光"]


def test_members_served_are_counted_once_and_by_part() -> None:
    town = Town()
    unit = elsewhere(town.fruit.merchant, town.fruit.outlet)
    lin, zhou, old = (members.member().wallet_id for _each in range(3))
    for shop, wallet_id, ago in (
        (town.hotpot, lin, 0), (town.hotpot, lin, 1), (town.fruit, lin, 2), (town.fruit, zhou, 3), (town.fruit, old, 31),
    ):  # fmt: skip
        shops.sale(shop, wallet_id, 1_000, now=shops.days_ago(ago) if ago else None)

    def served(*paths: str) -> Any:
        return metrics.registered()["customers_30_days"].compute(timezone.now(), Scope(paths)).value

    assert (served(), served(unit.path), served(shops.centre().path)) == (2, 2, 1)
