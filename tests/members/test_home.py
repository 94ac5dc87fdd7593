"""The first page: a stranger reads what this is, a member sees the pass."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from members.models import ConsentRecord, Member
from points import expiry, identify
from tests.factories import members, shops
from tests.members.conftest import browser, day

pytestmark = pytest.mark.django_db
HOME = "/"


def test_it_works(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 268_00)
    answer = page.get(HOME)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "1,340" in text  # 268.00 × 8 % × 62.5 %
    assert "¥13.40" in text
    assert lin.grouped_number in text
    assert identify.mark_of(lin.wallet_id, timezone.now()) in text
    assert hotpot.outlet.name in text


def test_a_stranger_reads_what_this_is(client: Client):
    shops.shop()
    client.cookies["language"] = "en"
    text = client.get(HOME).content.decode()
    assert "1 shops in 1 trades" in text or "1 shop" in text
    assert reverse("login") in text
    assert "1 point is 1 fen" in text


def test_a_new_member_is_shown_the_next_step(page: Client):
    text = page.get(HOME).content.decode()
    assert "No points yet" in text
    assert reverse("code") in text
    assert "Nothing expires" in text


def test_points_on_the_way_are_told_apart_with_their_day(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=7)
    now = timezone.now()
    shops.sale(hotpot, lin.wallet_id, 268_00)
    text = page.get(HOME).content.decode()
    assert "1,340 more on the way" in text
    assert "data-balance>0<" in text
    expiry.mature(shanghai_day(now + timedelta(days=7)), now)
    text = page.get(HOME).content.decode()
    assert "data-balance>1,340<" in text
    assert "on the way" not in text


def test_the_next_expiry_is_shown_with_day_and_amount(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=datetime(2026, 7, 20, 12, tzinfo=timezone.get_default_timezone()))
    shops.sale(hotpot, lin.wallet_id, 200_00)
    assert f"500 expire on {day(2028, 9, 30)}" in page.get(HOME).content.decode()


def test_shops_can_be_narrowed_to_a_trade(page: Client):
    shops.shop()
    shops.shop("鲜果时光", trade="fruit")
    text = page.get(HOME, {"trade": "fruit"}).content.decode()
    assert "鲜果时光（人民路店）" in text
    assert "老灶火锅（人民路店）" not in text
    assert "老灶火锅（人民路店）" in page.get(HOME, {"trade": "'; --"}).content.decode()


def test_a_shop_that_is_not_live_is_not_shown(page: Client):
    from merchants import onboarding

    hotpot = shops.shop()
    onboarding.pause(merchant=hotpot.merchant, actor=shops.SYSTEM, at=timezone.now(), reason="test")
    assert hotpot.outlet.name not in page.get(HOME).content.decode()


def test_a_changed_wording_asks_again(page: Client, lin: Member, monkeypatch):
    from members import texts

    monkeypatch.setitem(texts.VERSIONS, "terms", ("2026-11", "2027-01"))
    assert "Please read and agree" in page.get(HOME).content.decode()
    assert page.post(reverse("agree", args=["terms"])).status_code == 302
    page.post(reverse("agree", args=["terms"]))
    assert "Please read and agree" not in page.get(HOME).content.decode()
    assert ConsentRecord.objects.filter(member=lin, purpose="terms").count() == 2
    assert page.post(reverse("agree", args=["everything"])).status_code == 404


def test_whoever_is_no_member_is_sent_on(client: Client):
    client.force_login(members.user())
    assert client.get(HOME)["Location"] == reverse("front")


def test_the_page_takes_the_same_queries_for_2_and_20_rows(lin: Member, django_assert_max_num_queries):
    hotpot = shops.shop(matures_days=0)
    counts = []
    for n in (2, 18):
        for _ in range(n):
            shops.sale(hotpot, lin.wallet_id, 50_00)
        client = browser(lin)
        client.get(HOME)
        with django_assert_max_num_queries(25) as queries:
            client.get(HOME)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_speaks_the_language_of_the_reader(lin: Member):
    assert '<html lang="en"' in browser(lin, "en").get(HOME).content.decode()
    assert '<html lang="zh-CN"' in browser(lin, "zh-hans").get(HOME).content.decode()
