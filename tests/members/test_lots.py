"""What expires when, who paid, and that it all adds up."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from members import lapsing
from members.models import Member
from points.models import Lot, Wallet
from tests.factories import shops
from tests.members.conftest import browser, day

pytestmark = pytest.mark.django_db
LOTS = "/wallet/lots/"
TODAY = shanghai_day(timezone.now())


def total(text: str) -> int:
    return int(re.search(r"data-total>([\d,]+)<", text).group(1).replace(",", ""))


def test_it_works(page: Client, lin: Member):
    shops.sale(shops.shop(matures_days=0), lin.wallet_id, 100_00)
    fruit = shops.shop("鲜果时光", trade="fruit", matures_days=7)
    shops.sale(fruit, lin.wallet_id, 200_00)
    text = page.get(LOTS).content.decode()
    assert "老灶火锅" in text
    assert "鲜果时光" in text
    assert "ready to spend" in text
    assert "can be spent from" in text
    assert reverse("places") in text
    assert total(text) == Wallet.objects.get(pk=lin.wallet_id).balance == 1500


def test_nothing_to_expire_says_so(page: Client):
    assert "Nothing can expire" in page.get(LOTS).content.decode()


def test_the_first_to_expire_stands_first(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=datetime(2026, 5, 20, 12, tzinfo=timezone.get_default_timezone()))
    shops.sale(hotpot, lin.wallet_id, 100_00, now=datetime(2026, 11, 1, 12, tzinfo=timezone.get_default_timezone()))
    text = page.get(LOTS).content.decode()
    days = re.findall(r'panel-title num">([^<]+)<', text)
    assert 'id="d2028-06-30"' in text
    assert days == [day(2028, 6, 30), day(2028, 12, 31)]


def test_the_page_takes_the_same_queries_for_2_and_20_lots(lin: Member, django_assert_max_num_queries):
    names = [f"店{n:02}" for n in range(20)]
    counts = []
    for part in (names[:2], names[2:]):
        for name in part:
            shops.sale(shops.shop(name, matures_days=0), lin.wallet_id, 50_00)
        client = browser(lin)
        client.get(LOTS)
        with django_assert_max_num_queries(25) as queries:
            text = client.get(LOTS).content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert "店19" in text


def test_what_came_back_after_its_day_says_that_it_has_thirty_days(page: Client, lin: Member):
    shops.sale(shops.shop(matures_days=0), lin.wallet_id, 100_00)
    Lot.objects.filter(wallet_id=lin.wallet_id).update(
        expires_on=TODAY - timedelta(days=10), lapses_on=TODAY + timedelta(days=20)
    )
    text = page.get(LOTS).content.decode()
    assert "30 days more" in text
    assert "given back" in text
    assert "in 20 days" in text
    assert "within 60 days" in text


def test_what_is_set_aside_stands_apart(page: Client, lin: Member):
    shops.sale(shops.shop(matures_days=0), lin.wallet_id, 100_00)
    assert "Set aside" not in page.get(LOTS).content.decode()
    Lot.objects.filter(wallet_id=lin.wallet_id).update(held=120)
    Wallet.objects.filter(pk=lin.wallet_id).update(held=120)
    text = page.get(LOTS).content.decode()
    assert "Set aside for an open payment" in text
    assert "120 of them set aside" in text
    assert total(text) == 500


def test_many_shops_of_one_day_are_a_tap_away(page: Client, lin: Member):
    for n in range(7):
        shops.sale(shops.shop(f"店{n}", matures_days=0), lin.wallet_id, 50_00 + n * 100)
    text = page.get(LOTS).content.decode()
    assert "2 more" in text
    assert all(f"店{n}" in text for n in range(7))


def test_the_table_behind_the_picture_says_the_same(lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00)
    shops.sale(shops.shop("鲜果时光", trade="fruit", matures_days=7), lin.wallet_id, 200_00)
    found = lapsing.calendar(lin, timezone.now())
    assert sum(slot.points for slot in found.months) == found.total == 1500
    assert [(sum(slot.ready for slot in found.months), sum(slot.pending for slot in found.months))] == [(500, 1000)]
    assert [(part.points, part.days_left) for part in found.ready] == [(1000, 7)]


def test_strangers_sign_in(client: Client):
    assert client.get(LOTS)["Location"].startswith(reverse("login"))
