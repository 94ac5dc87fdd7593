"""Where to earn and spend: nearest first when the browser gives its place, by district when it does not."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from members import places
from members.calc import sphere
from members.models import Member
from merchants import onboarding
from merchants.models import Merchant, Outlet
from tests.factories import shops

pytestmark = pytest.mark.django_db
PAGE = "/places/"


def at(shop: shops.Shop, lat: float, lng: float, district: str = "") -> Outlet:
    Outlet.objects.filter(pk=shop.outlet.pk).update(lat=lat, lng=lng, district=district)
    shop.outlet.refresh_from_db()
    return shop.outlet


def names(page: str) -> list[str]:
    return [part.split("<")[0] for part in page.split('block truncate font-semibold">')[1:]]


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ((30.0, 100.0), (30.0, 100.0), 0),
        ((0.0, 0.0), (0.0, 1.0), 111_195),
        ((0.0, 0.0), (1.0, 0.0), 111_195),
        ((60.0, 10.0), (60.0, 11.0), 55_597),
        ((39.9042, 116.4074), (31.2304, 121.4737), 1_067_000),
    ],
)
def test_distances_on_the_sphere(one: tuple[float, float], other: tuple[float, float], metres: int) -> None:
    assert sphere.metres(*one, *other) == pytest.approx(metres, rel=2e-3, abs=1)


def test_the_nearest_stand_first_with_their_distance(page: Client) -> None:
    # A degree east is half a degree north up here: by degrees alone the order would be the other way round.
    north = at(shops.shop("北边"), 60.008, 100.0)
    east = at(shops.shop("东边", trade="fruit"), 60.0, 100.012)
    far = at(shops.shop("远方", trade="tea"), 61.0, 100.0)
    text = page.post(PAGE, {"lat": "60", "lng": "100"}).content.decode()
    assert names(text) == [east.name, north.name, far.name]
    assert "670 m" in text
    assert "890 m" in text
    assert "111 km" in text


def test_a_trade_narrows_the_nearest(page: Client) -> None:
    at(shops.shop("近的火锅"), 30.0, 100.0)
    fruit = at(shops.shop("远的水果", trade="fruit"), 31.0, 100.0)
    text = page.post(PAGE, {"lat": "30", "lng": "100", "trade": "fruit"}).content.decode()
    assert names(text) == [fruit.name]


@pytest.mark.parametrize(
    "place", [{}, {"lat": "😀", "lng": "1"}, {"lat": "nan", "lng": "1"}, {"lat": "91", "lng": "0"}]
)
def test_without_a_readable_place_there_is_a_district(page: Client, place: dict[str, str]) -> None:
    outlet = at(shops.shop(), 30.0, 100.0, "城东")
    assert names(page.post(PAGE, place).content.decode()) == [outlet.name]


def test_a_place_never_stands_in_an_address(page: Client) -> None:
    outlet = at(shops.shop(), 30.0, 100.0, "城东")
    text = page.get(PAGE, {"lat": "60", "lng": "100"}).content.decode()
    assert names(text) == [outlet.name]
    assert " km" not in text


def test_the_district_is_the_one_where_the_member_was_last(page: Client, lin: Member) -> None:
    for name in ("甲", "乙"):
        at(shops.shop(name, trade="tea"), 30.0, 100.0, "城西")
    hotpot = shops.shop()
    at(hotpot, 30.1, 100.1, "城东")
    shops.sale(hotpot, lin.wallet_id, 100_00)
    assert names(page.get(PAGE).content.decode()) == [hotpot.outlet.name]
    west = next(each for each in places.districts() if each.name == "城西")
    assert len(names(page.get(PAGE, {"district": west.key}).content.decode())) == 2


def test_strangers_see_shops_and_the_way_in(client: Client) -> None:
    client.cookies["language"] = "en"
    hotpot = shops.shop()
    text = client.get(PAGE).content.decode()
    assert names(text) == [hotpot.outlet.name]
    shop = client.get(f"/places/{hotpot.outlet.pk}/").content.decode()
    assert "+500 per ¥100" in shop  # 100.00 × 8 % × 62.5 %
    assert "Up to 50% of a bill" in shop
    assert "Every day" in shop
    assert "/login/" in shop


def test_a_shop_that_is_not_live_has_no_page(client: Client) -> None:
    hotpot = shops.shop()
    Merchant.objects.filter(pk=hotpot.merchant.pk).update(state="paused")
    assert client.get(f"/places/{hotpot.outlet.pk}/").status_code == 404
    assert client.get("/places/99999999999999999999/").status_code == 404


def test_closed_outlets_are_not_found(page: Client) -> None:
    hotpot = shops.shop()
    onboarding.close_outlet(outlet=hotpot.outlet, actor=shops.SYSTEM, at=timezone.now())
    assert names(page.post(PAGE, {"lat": "30", "lng": "100"}).content.decode()) == []


@pytest.mark.parametrize("where", [{}, {"lat": "30", "lng": "100"}])
def test_as_many_queries_for_3_shops_as_for_12(page: Client, lin: Member, where: dict[str, str]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page.post(PAGE, where)
        return len(captured)

    for number in range(3):
        shops.shop(f"店{number}")
    page.post(PAGE, where)
    few = queries()
    for number in range(9):
        shops.shop(f"又{number}")
    assert queries() == few <= 25


def test_the_nearest_are_found_by_the_index() -> None:
    shops.shop()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    with CaptureQueriesContext(connection) as captured:
        places.near(30, 100, "", 20, timezone.now())
    asked = next(each["sql"] for each in captured if "<->" in each["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "merchants_outlet_place" in plan


def test_hours_are_said_in_words() -> None:
    with translation.override("en"):
        assert places.hours_in_words("10:00-22:00") == [("Every day", "10:00 – 22:00")]
        assert places.hours_in_words("1-5 10:00-22:00; 6 09:00-02:00") == [
            ("Mon – Fri", "10:00 – 22:00"),
            ("Sat", "09:00 – 02:00"),
        ]
        assert places.hours_in_words("when I like") == [("", "when I like")]
