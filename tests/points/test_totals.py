"""The totals of the whole book are exact at any moment, whatever was rolled up, kept or is still open."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from alliance.metrics import Scope
from points import accounts, adjusting, bills, closing, expiry, figures, rollup, totals
from points.bills import Caller
from points.models import Account, Wallet
from tests.points.shops import NOON, TEST, Shop, open_shop


def by_hand() -> tuple[dict[int, int], int]:
    """Return the totals by kind and of the wallets, added up row by row."""
    sums = {kind.value: 0 for kind in Account.Kind}
    for account in Account.objects.all():
        sums[account.kind] += accounts.balance(account.pk)
    return sums, Wallet.objects.aggregate(sum=Sum("balance"))["sum"] or 0


def told() -> tuple[dict[int, int], int]:
    found = totals.now()
    return found.by_kind, found.wallets


@pytest.mark.django_db(transaction=True)  # so that the roll-up has something to take
@pytest.mark.parametrize("seed", range(3))
def test_exact_after_any_act_with_and_without_what_is_kept(seed: int) -> None:
    chance = random.Random(seed)
    shops = [open_shop(matures_days=days, spend_share_bps=10_000, member_bps=5_000, promo_bps=1_000) for days in (0, 7)]
    budget = accounts.open_budget(title="b", at=NOON)
    wallets = [shops[0].wallet(points=300) for _ in range(4)]
    sold: list[tuple[Shop, Any]] = []

    def sell() -> None:
        shop, wallet = chance.choice(shops), chance.choice(wallets)
        spend = min(chance.choice([0, 50]), Wallet.objects.get(pk=wallet.pk).available)
        sold.append((shop, shop.sell(wallet, chance.randint(1, 9_000), spend_points=spend)))

    def undo() -> None:
        if sold:
            shop, outcome = chance.choice(sold)
            shop.void(outcome.sale_id)

    def correct() -> None:
        wallet, points = chance.choice(wallets), chance.choice([7, -3])
        funder = shops[0].merchant.float_id if points < 0 else chance.choice([shops[0].merchant.float_id, budget])
        key = f"{chance.random()}"
        adjusting.adjust(
            wallet_id=wallet.pk,
            funder_id=funder,
            points=points,
            caller=Caller("staff", 0),
            key=key,
            actor=TEST,
            at=NOON,
        )

    acts: list[Any] = [
        sell, sell, sell, undo, correct, rollup.run, cache.clear,
        lambda: chance.choice(shops).top_up(5_000),
        lambda: closing.close(NOON.date() + timedelta(days=chance.randint(1, 9)), NOON + timedelta(days=20)),
        lambda: expiry.expire(NOON.date() + timedelta(days=1_000), NOON + timedelta(days=20)),
    ]  # fmt: skip
    assert told() == by_hand()
    for _step in range(60):
        chance.choice(acts)()
        assert told() == by_hand()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_exact_while_a_booking_is_open_and_after_it() -> None:
    shop, other = open_shop(matures_days=0), open_shop(matures_days=0)
    wallet, second = shop.wallet(points=100), other.wallet(points=100)
    rollup.run()
    totals.now()
    started, done = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                bill = shop.draft(wallet, 10_000, event_at=timezone.now())
                bills.post([bill], caller=shop.caller, actor=TEST)
                started.set()
                done.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    started.wait(30)
    other.sell(second, 10_000)
    assert rollup.run() == 0  # held back by the booking that is open
    assert told() == by_hand()
    done.set()
    thread.join()
    assert told() == by_hand()
    assert rollup.run() == 2
    for _kept in range(2):
        assert told() == by_hand()


@pytest.mark.django_db(transaction=True)
def test_the_place_that_is_kept_moves_with_the_mark() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(points=100)
    before = totals.now().wallets
    for n in range(3):
        shop.sell(wallet, 10_000)
        rollup.run()
        assert totals.now().wallets == before + 500 * (n + 1)


@pytest.mark.django_db
def test_the_figures_read_no_wallet(django_assert_max_num_queries: Any) -> None:
    shop = open_shop(matures_days=0)
    shop.sell(shop.wallet(), 10_000)
    totals.now()
    with django_assert_max_num_queries(6) as seen:
        held = figures.points_outstanding(timezone.now(), Scope())
        floats = figures.float_total(timezone.now(), Scope())
        cover = figures.coverage(timezone.now(), Scope())
    assert not [query for query in seen.captured_queries if "points_wallet" in query["sql"]]
    assert (held.value, floats.value) == (500, 100_000 - 800)
    assert (cover.numerator, cover.denominator) == (100_000, 100_000)
