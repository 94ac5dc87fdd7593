"""A busy float has allowances beside its row: made, drawn on, gathered to the last point."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from points import accounts, bills, clearing, promises, proving, rollup, statements, stripes, totals, verify
from points.models import Account, Allowance
from tests.points.ruling import rule
from tests.points.shops import NOON, TEST, Shop, open_shop
from tests.points.test_refunds import back


def make(shop: Shop) -> int:
    """Give the shop's float stripes; return what it has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_make_stripes(%s)", [shop.merchant.float_id])
    return has(shop)


def has(shop: Shop) -> int:
    return accounts.balance(shop.merchant.float_id)


def row(shop: Shop) -> Account:
    return Account.objects.get(pk=shop.merchant.float_id)


def parts(shop: Shop) -> dict[int, int]:
    return dict(Allowance.objects.filter(float_id=shop.merchant.float_id).values_list("stripe", "balance"))


def sale(shop: Shop, paid: int, *, is_patient: bool = False, wallet: int | None = None) -> int:
    """One sale as a till books it, outside of any transaction as far as the database knows; return its status."""
    wallet = wallet or shop.wallet().pk
    bill = shop.draft(wallet, paid)
    with connection.cursor() as cursor:
        columns = [shop.caller.number, shop.caller.id, str(TEST), *bills._columns(bill), NOON, False, is_patient]
        cursor.execute(bills._POST_ONE, columns)
        return cursor.fetchone()[1]


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def test_half_of_the_row_goes_beside_it_and_every_reader_counts_both(shop: Shop) -> None:
    before = totals.now().floats
    assert make(shop) == 100_000
    assert set(parts(shop)) == set(range(16)) and set(parts(shop).values()) == {3_125}
    assert (row(shop).balance, row(shop).stripes) == (50_000, 16)
    assert statements.float_balance(shop.merchant.float_id) == 100_000
    assert Account.objects.filter(pk=shop.merchant.float_id).money() == {shop.merchant.float_id: 100_000}
    assert totals.now().floats == before and proving._snapshot(b"0" * 32).kinds[Account.Kind.FLOAT] == 100_000
    sound()


def test_a_single_sale_draws_on_the_allowance_of_its_wallet(shop: Shop) -> None:
    make(shop)
    wallet = shop.wallet()
    assert sale(shop, 5_000, wallet=wallet.pk) == 0
    assert row(shop).balance == 50_000 and parts(shop)[wallet.pk % 16] == 3_125 - 400 and has(shop) == 99_600
    sound()


def test_in_a_transaction_of_the_caller_the_row_pays(shop: Shop) -> None:
    make(shop)
    shop.sell(shop.wallet(), 5_000)
    assert row(shop).balance == 49_600 and set(parts(shop).values()) == {3_125}
    sound()


def test_an_allowance_that_runs_low_is_filled_while_the_float_is_plenty(shop: Shop) -> None:
    shop.top_up(10_000_000)
    make(shop)
    wallet = shop.wallet()
    mine = wallet.pk % 16
    Allowance.objects.filter(float_id=shop.merchant.float_id, stripe=mine).update(balance=100)
    Account.objects.filter(pk=shop.merchant.float_id).update(balance=5_050_000 + 315_625 - 100)
    assert sale(shop, 5_000, wallet=wallet.pk) == 0
    left = 5_050_000 + 315_625 - 100 - 400
    assert parts(shop)[mine] == 100 + left // 32 and row(shop).balance == left - left // 32
    sound()


def test_a_float_that_runs_low_is_one_row_again(shop: Shop) -> None:
    make(shop)
    wallet = shop.wallet()
    # Four times 800 is more than the allowance: the row pays, and half of it would not last for eight sales a part.
    assert sale(shop, 10_000, wallet=wallet.pk) == 0
    assert parts(shop) == {} and (row(shop).balance, row(shop).stripes) == (99_200, 0)
    sound()


@pytest.mark.parametrize("is_patient", [False, True])
def test_a_sale_is_paid_out_of_all_of_it_and_refused_only_after_gathering(shop: Shop, is_patient: bool) -> None:
    make(shop)
    assert sale(shop, 1_250_000, is_patient=is_patient) == 0  # 100,000: all there is, and half of it lies beside
    assert (has(shop), row(shop).balance, parts(shop)) == (0, 0, {})
    assert sale(shop, 100, is_patient=is_patient) == 1
    sound()


def test_one_point_too_little_is_without_points_and_gathered(shop: Shop) -> None:
    make(shop)
    assert sale(shop, 1_250_013) == 1
    assert (row(shop).balance, parts(shop)) == (100_000, {})
    sound()


def test_a_postpaid_sale_is_promised_only_after_gathering(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_set_line(%s, 1000000, 1::smallint, 7::smallint, 7::smallint, true, %s)",
            [shop.merchant.float_id, NOON],
        )
    make(shop)
    paid = shop.sell(shop.wallet(), 1_250_000)
    assert (paid.status, paid.points + paid.rest) == ("booked", 100_000)
    assert shop.sell(shop.wallet(), 1_000).status == "promised"
    # What comes is put beside the row before the promises are paid: they are paid out of all of it.
    shop.top_up(80)
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_make_stripes(%s)", [shop.merchant.float_id])
    assert row(shop).stripes == 16 and promises.payable() == [shop.merchant.float_id]
    assert promises.pay(shop.merchant.float_id, NOON + timedelta(minutes=1)).issued == 1
    assert (has(shop), parts(shop)) == (0, {})
    sound()


def test_a_batch_takes_the_row_and_gathers_when_that_is_short(shop: Shop) -> None:
    make(shop)
    few = [shop.draft(shop.wallet(), 10_000) for _ in range(3)]
    bills.post(few, caller=shop.caller, actor=TEST, now=NOON)
    assert (row(shop).balance, row(shop).stripes, has(shop)) == (47_600, 16, 97_600)
    many = [shop.draft(shop.wallet(), 122_000) for _ in range(11)]
    answers = bills.post(many, caller=shop.caller, actor=TEST, now=NOON)
    assert [answer.status for answer in answers] == ["booked"] * 10 + ["without_points"]
    assert (has(shop), parts(shop)) == (0, {})
    sound()


def test_a_correction_gathers(shop: Shop) -> None:
    make(shop)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT status FROM points_adjust(5::smallint, 1, 'staff:1', gen_random_uuid(), gen_random_uuid(), %s, %s, 80000,
               (%s::timestamptz + interval '90 days')::date, %s, %s)""",
            [shop.wallet().pk, shop.merchant.float_id, NOON, NOON, NOON],
        )
        assert cursor.fetchone()[0] == 0
    assert (has(shop), parts(shop)) == (20_000, {})
    sound()


def test_a_refund_that_the_float_pays_gathers_and_a_void_only_credits(shop: Shop) -> None:
    taker = open_shop(float_fen=2_000, matures_days=0, spend_share_bps=10_000)
    make(taker)
    wallet = shop.wallet(points=2_000)
    spent = taker.sell(wallet, 0, spend_points=2_000)
    clearing.retain(
        account_id=taker.merchant.proceeds_id, amount_fen=accounts.balance(taker.merchant.proceeds_id), actor=TEST,
        at=NOON, now=NOON,
    )  # fmt: skip
    make(shop)
    voided = shop.sell(shop.wallet(), 1_000)
    assert shop.void(voided.sale_id).status == "booked" and row(shop).stripes == 16
    # The proceeds are gone: 1,980 come from the float, of which the row alone has 1,008, and 20 from the fee.
    outcome = back(taker, spent.sale_id, 2_000)
    assert (outcome.status, outcome.points_promised) == ("booked", 0)
    assert (has(taker), parts(taker)) == (20, {})
    sound()


def test_a_capture_is_paid_out_of_all_of_it(shop: Shop) -> None:
    wallet = shop.wallet(points=500)
    hold = shop.hold(wallet, 100, now=NOON)
    make(shop)
    left = has(shop)
    paid = left * 10_000 // 800
    assert shop.capture(hold.sale_id, 50, paid_fen=paid).status == "booked"
    assert has(shop) < 80 and parts(shop) == {}
    sound()


def test_a_rule_that_the_float_pays_counts_all_of_it(shop: Shop) -> None:
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 450})
    make(shop)
    # The row could pay the sale, and then has less than the bonus.
    outcome = shop.sell(shop.wallet(), 620_000)
    assert [bonus.points for bonus in outcome.bonuses] == [450]
    assert (has(shop), parts(shop)) == (100_000 - 49_600 - 450, {})
    sound()


def test_a_merchant_that_leaves_takes_all_of_it(shop: Shop) -> None:
    make(shop)
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_set_standing(%s, 0, true)", [shop.merchant.float_id])
        cursor.execute("SELECT points_empty_float(%s, 'system:test', %s, %s)", [shop.merchant.float_id, NOON, NOON])
        assert cursor.fetchone()[0] == 100_000
    assert (has(shop), parts(shop), accounts.balance(shop.merchant.proceeds_id)) == (0, {}, 100_000)
    sound()


def test_a_close_gathers(shop: Shop) -> None:
    make(shop)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_close((%s::timestamptz AT TIME ZONE 'Asia/Shanghai')::date - 1, ARRAY[%s::bigint], %s)",
            [NOON, shop.merchant.float_id, NOON],
        )
    assert (row(shop).balance, parts(shop)) == (100_000, {})


def test_the_clock_folds_stripes(shop: Shop) -> None:
    make(shop)
    assert (stripes.fold(), stripes.fold()) == (1, 0)
    assert (row(shop).balance, row(shop).stripes, parts(shop)) == (100_000, 0, {})


def test_an_allowance_that_somebody_else_emptied_fails_and_books_nothing(shop: Shop) -> None:
    """The predicate of the last statement: without it the allowance would go below zero, which its own law refuses."""
    make(shop)
    with pytest.raises(IntegrityError), transaction.atomic():
        Allowance.objects.filter(float_id=shop.merchant.float_id, stripe=0).update(balance=-1)


def test_nothing_is_made_of_nothing(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_make_stripes(%s)", [shop.merchant.proceeds_id])
        cursor.execute("SELECT points_make_stripes(%s), points_make_stripes(%s)", [shop.merchant.float_id] * 2)
    assert (has(shop), len(parts(shop))) == (100_000, 16)
