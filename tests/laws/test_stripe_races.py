"""Sales on a striped float beside everybody who takes from it otherwise: exact to the last point, and nobody waits in a circle."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from points import accounts, adjusting, clearing, stripes
from points.models import Account, Allowance
from tests.laws.test_races import post, sound, statuses, together
from tests.points.ruling import budget, rule
from tests.points.shops import TEST, Shop, open_shop

pytestmark = [pytest.mark.race, pytest.mark.law, pytest.mark.django_db(transaction=True)]


def make(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_make_stripes(%s)", [shop.merchant.float_id])


def has(shop: Shop) -> int:
    return accounts.balance(shop.merchant.float_id)


@pytest.mark.parametrize("funded", [0, 1, 33, 50])
def test_fifty_sales_and_money_for_some_of_them(funded: int) -> None:
    shop = open_shop(float_fen=funded * 80 + 79, matures_days=0)
    wallets = accounts.open_wallets(50, timezone.now())
    make(shop)
    # Most parts hold less than one sale: nearly everybody has to gather.
    answers = together(50, lambda n: post(shop, wallets[n], 1_000))
    assert statuses(answers) == ({"booked": funded} if funded else {}) | (
        {"float_exhausted": 50 - funded} if funded < 50 else {}
    )
    assert has(shop) == 79
    sound()


def test_stripes_are_made_again_and_again_while_fifty_sell() -> None:
    """Money for exactly 300 sales; somebody makes and folds stripes all the time."""
    shop = open_shop(float_fen=300 * 80, matures_days=0)
    wallets = accounts.open_wallets(50, timezone.now())
    make(shop)
    over = threading.Event()

    def act(n: int) -> Any:
        if n < 50:
            return [post(shop, wallets[n], 1_000) for _ in range(8)]
        while not over.is_set():
            make(shop) if n == 50 else stripes.fold()
            time.sleep(0.01)
        return []

    def stop() -> None:
        time.sleep(1)
        while Account.objects.filter(pk=shop.merchant.float_id).money()[shop.merchant.float_id] >= 80:
            time.sleep(0.1)
        time.sleep(0.5)
        over.set()
        connection.close()

    watch = threading.Thread(target=stop)
    watch.start()
    answers = together(52, act)
    watch.join(timeout=60)
    assert statuses([answer for one in answers for answer in one]) == {"booked": 300, "float_exhausted": 100}
    assert has(shop) == 0
    sound()


def test_sales_beside_a_top_up_a_correction_a_batch_and_those_who_gather() -> None:
    """Whoever waits in a circle is killed by the database after a second: nobody was."""
    shop = open_shop(float_fen=2_000_000, matures_days=0)
    rule(budget(), {"kind": "rate", "bps": 10})
    wallets = accounts.open_wallets(60, timezone.now())
    make(shop)
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        before = cursor.fetchone()[0]

    def act(n: int) -> Any:
        if n < 50:
            return [post(shop, wallets[n], 1_000) for _ in range(6)]
        if n == 50:
            return [shop.top_up(1_000, timezone.now()) for _ in range(6)]
        if n == 51:
            return [take(shop, wallets[n], number) for number in range(6)]
        if n == 52:
            return [stripes.fold() for _ in range(12) if not time.sleep(0.02)]
        if n == 53:
            return [make(shop) for _ in range(12) if not time.sleep(0.02)]
        if n == 54:
            with transaction.atomic():
                return [post(shop, wallets[n], 1_000) for _ in range(6)]
        return [shop.draft(wallets[n], 1_000) and post(shop, wallets[n], 1_000) for _ in range(6)]

    answers = together(56, act)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    sold = [answer for n, one in enumerate(answers) if n < 50 or n > 53 for answer in one]
    assert statuses(sold) == {"booked": 52 * 6}
    assert has(shop) == 2_000_000 + 6_000 - 6 * 10 - 52 * 6 * 80
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone()[0] == before
    sound()


def test_a_rule_that_the_float_itself_pays() -> None:
    """Such a sale takes the row twice: it never does so with an allowance in hand."""
    shop = open_shop(float_fen=2_000_000, matures_days=0)
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 5})
    wallets = accounts.open_wallets(20, timezone.now())

    def act(n: int) -> Any:
        if n == 20:
            return [make(shop) for _ in range(30) if not time.sleep(0.02)]
        if n == 21:
            return [stripes.fold() for _ in range(30) if not time.sleep(0.02)]
        return [post(shop, wallets[n], 1_000) for _ in range(6)]

    answers = together(22, act)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    sold = [answer for one in answers[:20] for answer in one]
    assert {answer.status for answer in sold} <= {"booked"} and {answer.bonus_points for answer in sold} == {5}
    assert has(shop) == 2_000_000 - 120 * 85
    sound()


def take(shop: Shop, wallet: int, number: int) -> Any:
    return adjusting.adjust(
        wallet_id=wallet, funder_id=shop.merchant.float_id, points=10, caller=shop.caller, key=f"take {number}", actor=TEST,
        at=timezone.now(),
    )  # fmt: skip


def test_a_merchant_leaves_while_its_tills_sell() -> None:
    shop = open_shop(float_fen=500_000, matures_days=0)
    wallets = accounts.open_wallets(30, timezone.now())
    make(shop)
    clearing.set_standing(float_id=shop.merchant.float_id, fen=0, is_leaving=True)

    def act(n: int) -> Any:
        if n < 30:
            return [post(shop, wallets[n], 1_000) for _ in range(6)]
        time.sleep(0.2)
        with connection.cursor() as cursor:
            at = timezone.now()
            cursor.execute("SELECT points_empty_float(%s, 'system:test', %s)", [shop.merchant.float_id, at])
            return cursor.fetchone()[0]

    *answers, left = together(31, act)
    booked = statuses([answer for one in answers for answer in one])["booked"]
    assert has(shop) == 0 and not Allowance.objects.exists()
    assert accounts.balance(shop.merchant.proceeds_id) == left == 500_000 - booked * 80
    sound()


def test_a_float_that_is_waited_for_gets_stripes_by_itself() -> None:
    shop = open_shop(float_fen=50_000_000, matures_days=0)
    wallets = accounts.open_wallets(20, timezone.now())
    locked, made = threading.Event(), threading.Event()

    def act(n: int) -> Any:
        if n == 20:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM points_account WHERE id = %s FOR UPDATE", [shop.merchant.float_id])
                locked.set()
                time.sleep(0.2)
            made.set()
            return None
        locked.wait(timeout=30)
        first = post(shop, wallets[n], 1_000)
        made.wait(timeout=30)
        return [first, *(post(shop, wallets[n], 1_000) for _ in range(3))]

    *answers, _lock = together(21, act)
    assert statuses([answer for one in answers for answer in one]) == {"booked": 80}
    parts = Allowance.objects.filter(float_id=shop.merchant.float_id)
    assert parts.count() == 16 and has(shop) == 50_000_000 - 80 * 80
    assert len(set(parts.values_list("balance", flat=True))) > 1  # drawn on
    sound()


def test_a_small_float_never_gets_stripes() -> None:
    shop = open_shop(float_fen=1_000_000, matures_days=0)
    wallets = accounts.open_wallets(20, timezone.now())
    together(20, lambda n: [post(shop, wallets[n], 1_000) for _ in range(5)])
    assert not Allowance.objects.exists()
    assert Account.objects.get(pk=shop.merchant.float_id).balance == 1_000_000 - 100 * 80
    sound()
