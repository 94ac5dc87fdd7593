"""Promises under parallel connections: the limit holds, no promise is paid twice, and none is both paid and dropped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from points import partitions, promises
from points.bills import post as book
from points.models import CreditLine, MerchantBill, Promise, Transfer
from tests.laws.test_races import post, sound, statuses, together
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = [pytest.mark.race, pytest.mark.law, pytest.mark.django_db(transaction=True)]


def postpaid(limit_fen: int, float_fen: int = 0) -> Shop:
    shop = open_shop(float_fen=float_fen, matures_days=0)
    promises.set_line(float_id=shop.merchant.float_id, limit_fen=limit_fen, actor=TEST, at=NOON)
    return shop


def owed(shop: Shop) -> int:
    return CreditLine.objects.get(pk=shop.merchant.float_id).owed_fen


@pytest.mark.parametrize("is_batched", [False, True])
def test_of_fifty_sales_the_limit_lets_seven_be_promised(is_batched: bool) -> None:
    shop = postpaid(limit_fen=6_399, float_fen=1_000)
    wallets = [shop.wallet() for _ in range(50)]

    def sell(n: int) -> list[Any]:
        mine = wallets[n * 5 : n * 5 + 5] if is_batched else wallets[n : n + 1]
        return book(
            [shop.draft(wallet, 10_000, event_at=timezone.now()) for wallet in mine], caller=shop.caller, actor=TEST
        )

    answers = [outcome for part in together(10 if is_batched else 50, sell) for outcome in part]
    assert statuses(answers) == {"booked": 1, "promised": 7, "float_exhausted": 42}
    assert owed(shop) == 5_600
    sound()


def test_payments_at_once_and_sales_meanwhile_pay_each_promise_once() -> None:
    shop = postpaid(limit_fen=1_000_000)
    wallets = [shop.wallet() for _ in range(6)]
    for n in range(30):
        post(shop, wallets[n % 6], 10_000)
    shop.top_up(30 * 800 + 500)

    def act(n: int) -> Any:
        if n % 2:
            return promises.pay(shop.merchant.float_id)
        return [post(shop, wallets[(n + i) % 6], 10_000).status for i in range(5)]

    answers = together(8, act)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    while promises.pay(shop.merchant.float_id).issued:
        pass
    assert shop.float_fen < 800
    assert Transfer.objects.filter(kind=Transfer.Kind.ISSUE).count() == Promise.objects.filter(state=2).count()
    # Money was there for 30 sales of 800 and 500 fen more; whoever came first had it.
    assert (50 * 800 - owed(shop)) + shop.float_fen == 30 * 800 + 500
    sound()


def test_a_bill_is_paid_or_dropped_and_never_both() -> None:
    old = NOON - timedelta(days=100)
    partitions.ahead(4, start=old.date())
    shop = postpaid(limit_fen=1_000_000)
    wallets = [shop.wallet() for _ in range(4)]
    for n in range(20):
        at = old + timedelta(minutes=n)
        shop.sell(wallets[n % 4], 10_000, event_at=at)
    drawn_on = (old + timedelta(days=32)).date().replace(day=1)
    promises.draw(drawn_on, NOON)
    shop.top_up(20 * 800)

    def act(n: int) -> Any:
        if n % 2:
            return promises.pay(shop.merchant.float_id)
        with connection.cursor() as cursor:
            cursor.execute("SELECT points_drop_bill(%s, NULL)", [MerchantBill.objects.get().pk])
            return cursor.fetchone()[0]

    answers = together(6, act)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    bill = MerchantBill.objects.get()
    assert bill.open_fen == 0
    assert bill.paid_fen + bill.dropped_fen == 16_000
    assert shop.float_fen == 16_000 - bill.paid_fen
    sound()


def test_bills_are_drawn_once_by_two_workers() -> None:
    old = NOON - timedelta(days=40)
    partitions.ahead(2, start=old.date())
    shops = [postpaid(limit_fen=10_000) for _ in range(4)]
    for shop in shops:
        shop.sell(shop.wallet(), 10_000, event_at=old)
    assert sum(together(4, lambda _n: promises.draw(NOON.date()))) == 4
    assert MerchantBill.objects.count() == 4
    sound()
