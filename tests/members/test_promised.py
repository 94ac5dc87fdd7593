"""Promised points stand apart in the wallet, with the name of the shop; what was dropped is said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from members.models import Member
from points import funding, partitions, promises
from points.models import Transfer
from tests.factories import shops
from tests.factories.shops import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def hotpot() -> shops.Shop:
    shop = shops.shop("老灶火锅", matures_days=0, float_fen=0)
    promises.set_line(float_id=shop.merchant.float_id or 0, limit_fen=10_000, actor=SYSTEM, at=timezone.now())
    return shop


def pay(shop: shops.Shop, fen: int) -> None:
    now = timezone.now()
    line = funding.receive(
        bank="T", account="1", serial=f"pay {fen}", amount_fen=fen, value_on=now.date(), actor=SYSTEM, at=now
    )
    funding.allot(bank_line=line, float_id=shop.merchant.float_id or 0, actor=SYSTEM, at=now)
    promises.pay(shop.merchant.float_id or 0)


def test_a_promise_is_shown_apart_and_then_received(page: Client, lin: Member, hotpot: shops.Shop):
    shops.sale(hotpot, lin.wallet_id, 100_00)
    text = page.get("/wallet/").content.decode()
    assert "Promised by 老灶火锅, will come when it has paid." in text
    assert '<p class="figure-xl num">0</p>' in text
    pay(hotpot, 800)
    text = page.get("/wallet/").content.decode()
    assert "Promised by" not in text
    assert "+500" in text
    issue = Transfer.objects.get(kind=Transfer.Kind.ISSUE)
    why = page.get(f"/wallet/entries/{issue.journal_id}/").content.decode()
    assert "Why 500 points?" in why
    assert "The shop pays later; it has paid for this sale now." in why
    assert "Points received" in why


def test_a_bill_with_points_says_what_was_promised(page: Client, lin: Member, hotpot: shops.Shop):
    shops.sale(shops.shop("鲜果", trade="fruit", matures_days=0), lin.wallet_id, 1_000_00)
    outcome = shops.sale(hotpot, lin.wallet_id, 90_00, spend=1_000)
    text = page.get(f"/wallet/entries/{outcome.sale_id}/").content.decode()
    assert "Points promised" in text
    assert "Points received" not in text


def test_a_dropped_promise_is_said(page: Client, lin: Member, hotpot: shops.Shop):
    now = timezone.now()
    old = now - timedelta(days=100)
    partitions.ahead(4, start=old.date())
    shops.sale(hotpot, lin.wallet_id, 100_00, at=old, now=old)
    drawn = (old + timedelta(days=32)).replace(day=1)
    promises.draw(drawn.date(), drawn)
    assert promises.drop(now.date(), actor=SYSTEM, at=now) == 1
    assert "老灶火锅 did not pay: these points will not come." in page.get("/wallet/").content.decode()
