"""What expires when, who paid, and that it all adds up."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from members.models import Member
from points.models import Wallet
from tests.factories import shops
from tests.members.conftest import browser, day

pytestmark = pytest.mark.django_db
LOTS = "/wallet/lots/"


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
    assert total(text) == Wallet.objects.get(pk=lin.wallet_id).balance == 1500


def test_nothing_to_expire_says_so(page: Client):
    assert "Nothing can expire" in page.get(LOTS).content.decode()


def test_the_first_to_expire_stands_first(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=datetime(2026, 5, 20, 12, tzinfo=timezone.get_default_timezone()))
    shops.sale(hotpot, lin.wallet_id, 100_00, now=datetime(2026, 11, 1, 12, tzinfo=timezone.get_default_timezone()))
    days = re.findall(r'panel-title num">([^<]+)<', page.get(LOTS).content.decode())
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


def test_strangers_sign_in(client: Client):
    assert client.get(LOTS)["Location"].startswith(reverse("login"))
