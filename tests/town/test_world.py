"""The town is drawn from a seed, complete, plausible and plainly invented."""

import re
from collections import Counter
from datetime import date, timedelta

import pytest

from alliance import seeds
from alliance.calc.distance import metres
from merchants.calc import creditcode, hours
from points.calc import rebate
from town import tiers
from town.world import World, cast, draw
from town.world.grid import CENTRE_LAT, CENTRE_LNG
from town.world.trades import HABITS
from town.world.visits import Town


@pytest.fixture(scope="module")
def small() -> World:
    return draw("small", 7)


@pytest.fixture(scope="module")
def medium() -> World:
    return draw("medium", 7)


def test_the_same_seed_draws_the_same_town(small: World) -> None:
    assert draw("small", 7) == small
    assert draw("small", 8) != small


def test_a_larger_town_contains_the_smaller_one_unchanged(small: World, medium: World) -> None:
    assert medium.layers[0] == small.layers[0]


def test_medium_is_twenty_thousand_people_and_two_thousand_merchants(medium: World) -> None:
    assert len(medium.people) == 20_000
    assert 2_000 <= len(medium.shops) <= 2_020


def test_the_habits_are_those_of_the_trades_of_the_seed_file() -> None:
    assert set(HABITS) == {row["code"] for row in seeds._load("trades.json")}


def test_every_trade_has_a_shop_in_the_small_town(small: World) -> None:
    assert {shop.trade for shop in small.shops} == set(HABITS)


def test_the_cast_is_there(small: World) -> None:
    assert {"老灶火锅", "鲜果时光", "比那多超市"} <= {shop.short_name for shop in small.shops}
    assert [person.name for person in small.people[:3]] == ["林婶", "小周", "老陈"]


def test_two_direct_stores_are_one_merchant_and_each_partner_store_its_own(small: World) -> None:
    direct = [shop for shop in small.shops if shop.is_direct]
    assert [len(shop.outlets) for shop in direct] == [2]
    partners = [shop for shop in small.shops if shop.outlets[0].store_format and not shop.is_direct]
    assert len(partners) == 4
    assert all(len(shop.outlets) == 1 for shop in partners)


def test_names_and_numbers_are_unique(medium: World) -> None:
    for words in (
        [shop.short_name for shop in medium.shops],
        [shop.credit_code for shop in medium.shops],
        [shop.key for shop in medium.shops],
        [shop.owner_phone for shop in medium.shops]
        + [shop.cashier_phone for shop in medium.shops]
        + [person.phone for person in medium.people],
        [person.number for person in medium.people],
    ):
        assert max(Counter(words).values()) == 1


def test_names_fit_and_codes_are_valid(medium: World) -> None:
    for shop in medium.shops:
        assert len(shop.short_name) <= 30
        assert creditcode.is_valid(shop.credit_code)
        assert 300 <= shop.rate_bps <= 2000
        for outlet in shop.outlets:
            hours.parse(outlet.hours)


def test_everybody_is_plainly_invented(medium: World) -> None:
    named = {member.name for member in cast.MEMBERS}
    for person in medium.people:
        assert person.name in named or re.fullmatch(r"\D+ \d{3,}", person.name)
        assert re.fullmatch(r"\+86(138001380\d\d|1990\d{7})", person.phone)


def test_the_town_lies_within_a_few_kilometres(small: World) -> None:
    for shop in small.shops:
        for outlet in shop.outlets:
            place = outlet.place
            assert metres(CENTRE_LNG, CENTRE_LAT, place.lng, place.lat) < 5_000


def test_an_address_names_its_subdistrict_once(medium: World) -> None:
    for shop in medium.shops:
        for outlet in shop.outlets:
            place = outlet.place
            assert re.fullmatch(r".+街道", place.district_name)
            assert re.fullmatch(r"\D+(路|街|道)\d+号", place.address)
            assert place.district_name not in place.address


def test_the_gold_tier_is_earned_by_lin_on_any_day(small: World) -> None:
    """Less what is voided or paid with points, which is little."""
    town = Town(7, small.people, small.shops)
    town.only([0])
    for start in (date(2026, 1, 5), date(2026, 4, 20), date(2026, 9, 13)):
        visits = [visit for n in range(70) for visit in town.day(start + timedelta(days=n))]
        rebates = sum(rebate.rebate(visit.bill_fen, small.shops[visit.shop].rate_bps) for visit in visits)
        assert tiers.tier_for(rebate.member_part(rebates * 9 // 10, 6250)) == tiers.GOLD


def test_groceries_mature_at_once_and_services_after_fifteen_days() -> None:
    assert {HABITS[trade].matures for trade in ("supermarket", "fruit", "bakery", "convenience")} == {0}
    assert {HABITS[trade].matures for trade in ("salon", "cleaning", "car_care")} == {15}
    assert HABITS["restaurant"].matures == 7


def test_a_day_is_the_same_every_time_and_in_order(small: World) -> None:
    town = Town(7, small.people, small.shops)
    day = date(2026, 9, 5)
    visits = town.day(day)
    assert visits == Town(7, small.people, small.shops).day(day)
    assert visits == sorted(visits)
    assert {visit.at.date() for visit in visits} == {day}
    assert all(visit.bill_fen >= 100 for visit in visits)


def test_who_has_not_joined_does_not_buy_and_changes_nothing_for_others(small: World) -> None:
    town = Town(7, small.people, small.shops)
    day = date(2026, 9, 5)
    joined = [i % 2 == 0 for i in range(len(small.people))]
    half = [visit for visit in town.day(day) if visit.person % 2 == 0]
    assert town.day(day, joined) == half
    town.only(range(0, len(small.people), 2))
    assert town.day(day) == half
    town.forget(day)
    assert town.day(day) == half


def test_as_many_purchases_as_expected(small: World) -> None:
    town, everybody = Town(7, small.people, small.shops), [True] * len(small.people)
    days = [date(2026, 9, 1) + timedelta(days=n) for n in range(28)]
    expected = sum(town.expected(on, everybody) for on in days)
    assert sum(len(town.day(on)) for on in days) == pytest.approx(expected, rel=0.03)


def test_drafts_have_no_customers(small: World) -> None:
    town = Town(7, small.people, small.shops)
    drafts = {i for i, shop in enumerate(small.shops) if shop.is_draft}
    assert len(drafts) == 1
    days = [date(2026, 9, 1) + timedelta(days=n) for n in range(14)]
    assert not drafts & {visit.shop for day in days for visit in town.day(day)}


def test_weekends_fill_the_restaurants(small: World) -> None:
    town = Town(7, small.people, small.shops)
    visits = [visit for n in range(70) for visit in town.day(date(2026, 7, 6) + timedelta(days=n))]
    by_day = Counter(
        visit.at.weekday() for visit in visits if small.shops[visit.shop].trade in ("hotpot", "restaurant")
    )
    assert by_day[5] + by_day[6] > 1.2 * (by_day[0] + by_day[1])
