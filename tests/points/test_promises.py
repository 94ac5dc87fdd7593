"""Rows 8 to 10: postpaid merchants. Promised points are in no balance until the merchant has paid."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction

from points import bills, closing, partitions, promises, proving, rollup, verify
from points.models import Account, CreditLine, Lot, MerchantBill, Promise, Sale, Transfer, Wallet
from tests.points.shops import NOON, TEST, Shop, everything, moved, open_shop, totals
from tests.points.test_posting import trace


def postpaid(limit_fen: int = 100_000, float_fen: int = 0, **card: Any) -> Shop:
    shop = open_shop(float_fen=float_fen, **card)
    promises.set_line(
        float_id=shop.merchant.float_id, limit_fen=limit_fen, actor=TEST, at=NOON, now=NOON - timedelta(days=60)
    )
    return shop


def line(shop: Shop) -> CreditLine:
    return CreditLine.objects.get(pk=shop.merchant.float_id)


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def test_row_8_a_postpaid_sale_is_promised_and_moves_nothing(db: None) -> None:
    shop = postpaid(matures_days=0)
    wallet, before = shop.wallet(), totals()
    outcome = shop.sell(wallet, 10_000)
    assert (outcome.status, outcome.code, outcome.points, outcome.promised_points) == ("promised", None, 0, 500)
    assert moved(before) == {}
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.pending, wallet.credit, wallet.seq) == (0, 0, 0, 0)
    sale = Sale.objects.get(pk=outcome.sale_id)
    assert (sale.reason, sale.points, sale.rest) == (Sale.Reason.PROMISED, 500, 300)
    promise = Promise.objects.get(pk=outcome.sale_id)
    assert (promise.points, promise.rest, promise.state, promise.owed_after) == (500, 300, 1, 800)
    assert line(shop).owed_fen == 800
    assert not Lot.objects.filter(wallet_id=wallet.pk).exists()
    sound()


def test_the_float_pays_first_and_then_the_line(db: None) -> None:
    shop = postpaid(float_fen=1_000, matures_days=0)
    wallet = shop.wallet()
    assert [shop.sell(wallet, 10_000).status for _ in range(2)] == ["booked", "promised"]
    assert shop.sell(wallet, 2_000).status == "booked"  # 160 of the 200 that are left
    assert (shop.float_fen, line(shop).owed_fen) == (40, 800)
    sound()


def test_beyond_the_limit_a_sale_is_without_points(db: None) -> None:
    shop = postpaid(limit_fen=1_599, matures_days=0)
    wallet = shop.wallet()
    outcomes = [shop.sell(wallet, 10_000) for _ in range(2)]
    assert [outcome.status for outcome in outcomes] == ["promised", "without_points"]
    assert outcomes[1].refusal().code == "float_exhausted"
    assert shop.sell(wallet, 9_000).status == "promised"  # 720 of the 799 that are left
    sound()


def test_points_spent_on_a_promised_bill_are_booked_as_ever(db: None) -> None:
    shop = postpaid(matures_days=0)
    wallet = open_shop(matures_days=0).wallet(2_000)
    before, balance = totals(), Wallet.objects.get(pk=wallet.pk).balance
    outcome = shop.sell(wallet, 9_000, spend_points=1_000)
    assert (outcome.status, outcome.spent_points, outcome.promised_points) == ("promised", 1_000, 450)
    assert outcome.balance_after == balance - 1_000
    assert moved(before)[wallet.pk] == -1_000
    sound()


def test_a_repeated_request_is_told_the_same(db: None) -> None:
    shop = postpaid(matures_days=0)
    bill = shop.draft(shop.wallet(), 10_000)
    first, again = (bills.post([bill], caller=shop.caller, actor=TEST, now=NOON)[0] for _ in range(2))
    assert again.replayed
    assert (again.status, again.promised_points, again.points) == (first.status, 500, 0)
    assert line(shop).owed_fen == 800


def test_row_9_money_pays_the_oldest_sales_first_and_each_whole(db: None) -> None:
    shop = postpaid(matures_days=7)
    wallets = [shop.wallet() for _ in range(3)]
    old = NOON - timedelta(days=10)
    for n, wallet in enumerate(wallets):
        shop.sell(wallet, 10_000, event_at=old + timedelta(days=4 * n))
    shop.top_up(2_399)
    before = totals()
    assert promises.pay(shop.merchant.float_id, NOON) == promises.Paid(2, 1_600)
    rest = Account.objects.get(terms=shop.terms, kind=Account.Kind.REST).pk
    assert moved(before) == {shop.merchant.float_id: -1_600, rest: 600, wallets[0].pk: 500, wallets[1].pk: 500}
    assert (shop.float_fen, line(shop).owed_fen) == (799, 800)
    for wallet in wallets:
        wallet.refresh_from_db()
    # The first sale's seven days are over; the second matures when it would have; credit comes with the points.
    assert [(w.balance, w.pending, w.credit) for w in wallets] == [(500, 0, 160), (500, 500, 160), (0, 0, 0)]
    issued = Transfer.objects.filter(kind=Transfer.Kind.ISSUE).order_by("seq", "wallet_id")
    assert [(t.points, t.rest, t.matures_on) for t in issued] == [
        (500, 300, NOON.date()),
        (500, 300, (NOON + timedelta(days=1)).date()),
    ]
    assert promises.pay(shop.merchant.float_id, NOON) == promises.Paid()
    sound()


def test_a_promise_in_no_proof_and_then_in_it(db: None) -> None:
    shop = postpaid(matures_days=0)
    shop.sell(shop.wallet(), 10_000)
    rollup.run()
    before = proving.prove(at=NOON - timedelta(days=1))
    assert before is not None
    assert before.total_points == 0
    shop.top_up(800)
    promises.pay(shop.merchant.float_id, NOON)
    rollup.run()
    after = proving.prove(at=NOON)
    assert after is not None
    assert (after.total_points, after.custody_fen) == (500, 800)


def test_points_paid_after_their_expiry_are_good_for_thirty_days(db: None) -> None:
    shop = postpaid(matures_days=0)
    wallet = shop.wallet()
    shop.sell(wallet, 10_000)
    late = NOON + timedelta(days=1_200)
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_make_partitions(%s, %s)", [late.date().replace(day=1), late.date()])
    shop.top_up(800)
    promises.pay(shop.merchant.float_id, late)
    assert Lot.objects.get(wallet_id=wallet.pk).expires_on == late.date() + timedelta(days=30)


def test_a_bill_is_drawn_once_for_its_period(db: None) -> None:
    shop = postpaid(matures_days=0)
    first = NOON.replace(day=1)
    old = first - timedelta(days=3)
    partitions.ahead(1, start=old.date())
    shop.sell(shop.wallet(), 10_000, event_at=old)
    shop.sell(shop.wallet(), 5_000, event_at=old)
    shop.sell(shop.wallet(), 1_000, event_at=first)
    assert promises.draw(NOON.date(), NOON) == 1
    assert promises.draw(NOON.date(), NOON) == 0
    bill = MerchantBill.objects.get()
    assert (bill.sales, bill.amount_fen, bill.open_fen) == (2, 1_200, 1_200)
    assert bill.until_on == first.date() - timedelta(days=1)
    assert (bill.due_on - NOON.date()).days == 14
    shop.top_up(1_000)
    promises.pay(shop.merchant.float_id, NOON)
    bill.refresh_from_db()
    assert (bill.open_fen, bill.paid_fen) == (400, 800)
    sound()


def test_row_10_an_unpaid_bill_is_dropped_and_the_merchant_pays_in_advance_again(db: None) -> None:
    shop = postpaid(matures_days=0)
    wallet = shop.wallet()
    old = NOON - timedelta(days=100)
    partitions.ahead(4, start=old.date())
    sale = shop.sell(wallet, 10_000, event_at=old)
    shop.sell(wallet, 5_000)
    drawn_on = (old + timedelta(days=32)).date().replace(day=1)
    drawn_at = NOON - (NOON.date() - drawn_on)
    assert promises.draw(drawn_on, drawn_at) == 1
    bill = MerchantBill.objects.get()
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_drop_bill(%s, %s)",
            [bill.pk, NOON.replace(year=bill.drop_on.year, month=bill.drop_on.month, day=bill.drop_on.day)],
        )
    before = everything()
    assert promises.drop(NOON.date(), actor=TEST, at=NOON, now=NOON) == 1
    assert promises.drop(NOON.date(), actor=TEST, at=NOON, now=NOON) == 0
    assert everything() == before
    assert Promise.objects.get(pk=sale.sale_id).state == Promise.State.DROPPED
    assert (line(shop).owed_fen, line(shop).is_open) == (400, False)
    assert shop.sell(wallet, 10_000).status == "without_points"
    assert [p.state for p in promises.of_wallet(wallet.pk, NOON)] == [Promise.State.OPEN, Promise.State.DROPPED]
    # The younger sale is still owed, and still comes when it is paid.
    shop.top_up(400)
    assert promises.pay(shop.merchant.float_id, NOON) == promises.Paid(1, 400)
    sound()


def test_a_lower_limit_lets_nothing_more_be_promised(db: None) -> None:
    shop = postpaid(matures_days=0)
    wallet = shop.wallet()
    shop.sell(wallet, 10_000)
    promises.set_line(float_id=shop.merchant.float_id, limit_fen=500, actor=TEST, at=NOON, now=NOON)
    assert shop.sell(wallet, 100).status == "without_points"
    assert line(shop).room_fen == 0
    with pytest.raises(Error, match="owes no more"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE points_credit_line SET owed_fen = owed_fen + 1")
    sound()


def test_part_of_a_promised_sale_undone(db: None) -> None:
    shop = postpaid(matures_days=0)
    sale = shop.sell(shop.wallet(), 10_000)

    def drop(points: int, rest: int) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT points_drop_promise(%s, %s, %s, %s)", [sale.sale_id, points, rest, NOON])
            return cursor.fetchone()[0]

    assert drop(250, 150)
    assert line(shop).owed_fen == 400
    assert drop(0, 0)
    assert (line(shop).owed_fen, Promise.objects.get().state) == (0, Promise.State.UNDONE)
    assert not drop(0, 0)


@pytest.mark.parametrize("limit_fen", [0, 9_000, 1_000_000])
def test_a_batch_with_a_line_is_its_bills_one_by_one(db: None, limit_fen: int) -> None:
    left = []
    for is_batched in (True, False):
        chance = random.Random(11)
        shop = postpaid(limit_fen=limit_fen, float_fen=5_000, matures_days=0, spend_share_bps=10_000)
        other = open_shop(float_fen=4_000, matures_days=7)
        wallets = [shop.wallet() for _ in range(5)]
        drafts = [
            chance.choice([shop, shop, other]).draft(chance.choice(wallets), chance.randrange(1, 9_000), spend_points=0)
            if chance.random() < 0.6
            else shop.draft(chance.choice(wallets), chance.randrange(1, 9_000), spend_points=chance.choice([90, 400]))
            for _ in range(60)
        ]
        drafts += drafts[:4]
        calls = [drafts] if is_batched else [[draft] for draft in drafts]
        outcomes = [o for call in calls for o in bills.post(call, caller=shop.caller, actor=TEST, now=NOON)]
        answers = [
            (
                o.status,
                o.code,
                o.replayed,
                o.points,
                o.promised_points,
                o.spent_points,
                o.rest,
                o.balance_after,
                o.available_after,
                o.figure,
            )
            for o in outcomes
        ]
        owed = [
            (p.points, p.rest, p.owed_after, p.limit_fen)
            for p in Promise.objects.filter(float_id=shop.merchant.float_id).order_by("booked_at", "owed_after")
        ]
        left.append((answers, trace(5), owed))
    assert left[0] == left[1]
    assert ("promised" in {answer[0] for answer in left[0][0]}) == (limit_fen > 0)
    sound()


@pytest.mark.django_db(transaction=True)
def test_the_close_of_a_paid_promise_waits_its_hold_back() -> None:
    shop = postpaid(matures_days=0)
    partitions.ahead(1, start=(NOON - timedelta(days=40)).date())
    old = NOON - timedelta(days=40)
    shop.sell(shop.wallet(), 10_000, event_at=old)
    shop.top_up(800, NOON - timedelta(days=20))
    promises.pay(shop.merchant.float_id, NOON - timedelta(days=20))
    rollup.run()
    assert closing.close(NOON.date() - timedelta(days=15), now=NOON) == 0
    assert closing.close(NOON.date() - timedelta(days=1), now=NOON) > 0
    sound()
