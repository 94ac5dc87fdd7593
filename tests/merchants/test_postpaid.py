"""A postpaid merchant at its own desk: the till's receipt says promised, the float's page what is owed and by when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from points import partitions, promises
from points.models import CreditLine
from tests.cast import SYSTEM, Town
from tests.factories.shops import Shop, sale, shop
from tests.merchants.conftest import words


@pytest.fixture
def postpaid(town: Town) -> Shop:
    """The hot-pot restaurant without a float, with a line of ¥1,000."""
    town.hotpot = shop("老灶火锅", trade="hotpot", float_fen=0)
    promises.set_line(float_id=town.hotpot.merchant.float_id or 0, limit_fen=100_000, actor=SYSTEM, at=timezone.now())
    return town.hotpot


def test_the_receipt_says_promised(town: Town, postpaid: Shop, at_till: Client) -> None:
    outcome = sale(postpaid, town.zhou.wallet_id, 10_000)
    at_till.cookies["language"] = "en"
    page = words(at_till.get(reverse("till_receipt", args=(outcome.sale_id,))))
    assert "points promised" in page
    assert "Points promised" in page
    assert "Points earned" not in page
    assert "Promised" in words(at_till.get("/till/"))


def test_the_list_and_the_sale_say_promised(town: Town, postpaid: Shop, in_shop: Client) -> None:
    outcome = sale(postpaid, town.zhou.wallet_id, 10_000)
    in_shop.cookies["language"] = "en"
    assert "Promised" in words(in_shop.get("/shop/sales/"))
    page = words(in_shop.get(f"/shop/sales/{outcome.sale_id}/"))
    assert "Sale with promised points" in page
    assert "This receipt moved no money" in page


def test_the_float_page_shows_line_and_bills(town: Town, postpaid: Shop, in_shop: Client) -> None:
    now = timezone.now()
    old = now - timedelta(days=40)
    partitions.ahead(2, start=old.date())
    sale(postpaid, town.zhou.wallet_id, 10_000, at=old, now=old)
    sale(postpaid, town.zhou.wallet_id, 5_000)
    assert promises.draw(now.date()) == 1
    in_shop.cookies["language"] = "en"
    page = words(in_shop.get("/shop/money/float/"))
    assert "Credit line" in page
    assert "¥12.00" in page  # owed
    assert "¥988.00" in page  # left of the limit
    assert "1 sale" in page
    assert "pay by" in page
    assert "The float is empty" not in page


def test_a_line_used_up_is_said(town: Town, postpaid: Shop, in_shop: Client) -> None:
    sale(postpaid, town.zhou.wallet_id, 1_250_000)
    assert CreditLine.objects.get().room_fen == 0
    in_shop.cookies["language"] = "en"
    assert "The credit line is used up" in words(in_shop.get("/shop/money/float/"))


def test_a_merchant_without_a_line_reads_nothing_of_it(in_shop: Client) -> None:
    in_shop.cookies["language"] = "en"
    assert "Credit line" not in words(in_shop.get("/shop/money/float/"))
