"""Refunds by the rows of docs/ledger.md: every account that moves, and by how much, reckoned by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from points import accounts, clearing, closing, expiry, partitions, promises, rollup, verify
from points.models import Account, Claim, Due, Lot, Reversal, Sale, Split, Wallet
from points.refunds import ByLines, ByTotal, RefundOutcome, left_of, preview, refund, settle
from tests.points.ruling import budget, rule
from tests.points.shops import NOON, TEST, Shop, everything, moved, open_shop, totals

FEE, BUFFER, BREAKAGE = (accounts.house(name) for name in ("fee", "buffer", "breakage"))
_numbers = itertools.count(1)


def back(
    shop: Shop, sale_id: int | None, fen: int | ByLines, now: datetime = NOON + timedelta(minutes=5), **more: Any
) -> RefundOutcome:
    """Refund a part of a sale at its shop."""
    sale = Sale.objects.get(pk=sale_id)
    facts: dict[str, Any] = {"key": f"refund {next(_numbers)}", "body": "", **more}
    returned = ByTotal(fen) if isinstance(fen, int) else fen
    return refund(
        sale=sale, outlet_id=shop.outlet.outlet_id, returned=returned, caller=shop.caller, actor=TEST, at=now, now=now, **facts
    )  # fmt: skip


def rest_of(shop: Shop) -> int:
    return Account.objects.get(terms=shop.terms, kind=Account.Kind.REST).pk


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def test_row_16_a_full_refund_in_the_hold_back(slow_shop: Shop) -> None:
    wallet, before = slow_shop.wallet(), totals()
    sale = slow_shop.sell(wallet, 10_000)
    outcome = back(slow_shop, sale.sale_id, 10_000)
    assert (outcome.status, outcome.points_undone, outcome.points_taken, outcome.rest_back_fen) == (
        "booked",
        500,
        500,
        300,
    )
    assert (outcome.cash_fen, outcome.cash_back_fen, outcome.keep_back_fen) == (10_000, 10_000, 0)
    assert moved(before) == {}
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.pending, wallet.credit) == (0, 0, 0)
    sound()


def test_row_17_any_parts_are_the_sale_reckoned_again(shop: Shop) -> None:
    wallet, before = shop.wallet(), totals()
    sale = shop.sell(wallet, 10_000)
    # 9,993 stay: rebate 799.44 → 799, points 499.375 → 499, rest 300.
    first = back(shop, sale.sale_id, 7)
    assert (first.points_undone, first.rest_back_fen, first.cash_back_fen) == (1, 0, 7)
    assert moved(before) == {shop.merchant.float_id: -799, wallet.pk: 499, rest_of(shop): 300}
    # 5,000 stay: rebate 400, points 250, rest 150.
    second = back(shop, sale.sale_id, 4_993)
    assert (second.points_undone, second.rest_back_fen) == (249, 150)
    assert moved(before) == {shop.merchant.float_id: -400, wallet.pk: 250, rest_of(shop): 150}
    assert back(shop, sale.sale_id, 5_000).points_undone == 250
    assert moved(before) == {}
    assert left_of(Sale.objects.get(pk=sale.sale_id)).bill == 0
    sound()


def test_rows_14_and_23_points_and_money_come_back_in_their_proportion(shop: Shop) -> None:
    other = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=3_000)
    before = totals()
    # 12,000 = 3,000 points and 9,000 fen: 720 rebate, 450 points, 270 rest; spending fee 30.
    sale = other.sell(wallet, 9_000, spend_points=3_000)
    assert moved(before) == {
        wallet.pk: 450 - 3_000, other.merchant.proceeds_id: 2_970, other.merchant.fee_rest_id: 30, other.merchant.float_id: -720, rest_of(other): 270,
    }  # fmt: skip
    # 4,001 come back: ⌊3,000 × 4,001 / 12,000⌋ = 1,000 points and 3,001 fen; 1 % of the 2,000 that stay is 20.
    part = back(other, sale.sale_id, 4_001)
    assert (part.points_back, part.cash_fen, part.fee_back_fen) == (1_000, 3_001, 10)
    # 5,999 stay: rebate 479.92 → 480, points 300, rest 180.
    assert (part.points_undone, part.rest_back_fen) == (150, 90)
    assert moved(before) == {
        wallet.pk: 300 - 2_000, other.merchant.proceeds_id: 1_980, other.merchant.fee_rest_id: 20, other.merchant.float_id: -480, rest_of(other): 180,
    }  # fmt: skip
    sound()
    assert back(other, sale.sale_id, 7_999).points_back == 2_000
    assert moved(before) == {}
    sound()


def test_row_23_by_lines(shop: Shop) -> None:
    wallet = shop.wallet(points=1_000)
    before = totals()
    sale = shop.sell(wallet, 9_000, spend_points=1_000, eligible_fen=6_000)
    # A line that was paid with 400 points and 2,000 fen, of which 1,500 had earned: 4,500 stay, rebate 360, points 225.
    part = back(shop, sale.sale_id, ByLines(cash_fen=2_000, points=400, eligible_fen=1_500))
    assert (part.returned_fen, part.points_back, part.cash_back_fen, part.points_undone) == (2_400, 400, 2_000, 75)
    back(shop, sale.sale_id, 7_600)
    assert moved(before) == {}
    sound()


def test_row_19_what_is_spent_is_kept_back_from_the_cash(shop: Shop) -> None:
    other = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    before = totals()
    sale = shop.sell(wallet, 10_000)
    other.sell(wallet, 0, spend_points=380)
    outcome = back(shop, sale.sale_id, 10_000)
    assert (outcome.points_taken, outcome.points_short, outcome.keep_back_fen, outcome.cash_back_fen) == (
        120,
        380,
        380,
        9_620,
    )
    # The shop got 120 + 300 back into its float and keeps 380 of the cash: whole.
    assert moved(before)[shop.merchant.float_id] == -380
    sound()


def test_row_20_what_cannot_be_kept_back_is_a_claim(shop: Shop) -> None:
    other = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    sale = shop.sell(wallet, 10_000)
    other.sell(wallet, 0, spend_points=500)
    outcome = back(shop, sale.sale_id, 10_000, cash_given=True)
    assert (outcome.keep_back_fen, outcome.claim_fen, outcome.cash_back_fen) == (0, 500, 10_000)
    claim = Claim.objects.get()
    assert (claim.debtor_id, claim.creditor_id, claim.points, claim.repaid) == (
        wallet.pk,
        shop.merchant.float_id,
        500,
        0,
    )
    sound()


def test_row_18_after_the_release_each_party_gives_back_its_own_part(db: None) -> None:
    shop = open_shop(matures_days=0, fee_bps=1_875, member_bps=6_250, centre_bps=1_250)
    wallet, before = shop.wallet(), totals()
    old = NOON - timedelta(days=20)
    sale = shop.sell(wallet, 10_000, event_at=old, now=old)
    closing.close(NOON.date() - timedelta(days=2), now=NOON)
    centre = shop.outlet.centre_account_id
    assert moved(before) == {shop.merchant.float_id: -800, wallet.pk: 500, FEE: 150, centre: 100, BUFFER: 50}
    outcome = back(shop, sale.sale_id, 5_000)
    assert (outcome.rest_back_fen, outcome.rest_due_fen, outcome.points_taken) == (0, 150, 250)
    assert moved(before) == {shop.merchant.float_id: -550, wallet.pk: 250, FEE: 150, centre: 100, BUFFER: 50}
    sound()
    closing.close(NOON.date() - timedelta(days=1), now=NOON)
    assert moved(before) == {shop.merchant.float_id: -400, wallet.pk: 250, FEE: 75, centre: 50, BUFFER: 25}
    assert Due.objects.open().count() == 0
    sound()
    back(shop, sale.sale_id, 5_000)
    closing.close(NOON.date(), now=NOON + timedelta(days=1))
    assert moved(before) == {}
    sound()


def test_refusals(shop: Shop) -> None:
    wallet = shop.wallet()
    sale, undone = shop.sell(wallet, 10_000), shop.sell(wallet, 10_000)
    shop.void(undone.sale_id)
    first = back(shop, sale.sale_id, 4_000, key="twice")
    seen = everything()
    again = back(shop, sale.sale_id, 4_000, key="twice")
    assert (again.replayed, again.refund_id, again.cash_back_fen) == (True, first.refund_id, 4_000)
    much = back(shop, sale.sale_id, 6_001)
    assert (much.code, much.figure) == ("refund_too_much", 6_000)
    assert back(shop, undone.sale_id, 1).code == "already_void"
    assert back(shop, sale.sale_id, 1, now=NOON + timedelta(days=61)).code == "refund_too_late"
    assert back(shop, sale.sale_id, 1, key="twice", body="x").code == "key_reused"
    assert shop.void(sale.sale_id).code == "sale_refunded"
    assert (
        preview(sale=Sale.objects.get(pk=sale.sale_id), returned=ByTotal(6_000), at=NOON, now=NOON).cash_back_fen
        == 6_000
    )
    assert everything() == seen
    assert Reversal.objects.get(pk=sale.sale_id).kept_bill == 6_000


def test_a_sale_without_points_gives_back_money_only(db: None) -> None:
    shop = open_shop(float_fen=0)
    wallet, before = shop.wallet(), totals()
    sale = shop.sell(wallet, 10_000)
    outcome = back(shop, sale.sale_id, 2_500)
    assert (outcome.cash_back_fen, outcome.points_undone, outcome.rest_back_fen) == (2_500, 0, 0)
    assert moved(before) == {}
    assert Wallet.objects.get(pk=wallet.pk).credit == 0
    sound()


def test_row_6_a_bonus_of_others_goes_back_to_its_payer_and_what_is_spent_is_charged(db: None) -> None:
    shop = open_shop(matures_days=0)
    other = open_shop(matures_days=0, spend_share_bps=10_000)
    payer, wallet = budget(), shop.wallet()
    rule(payer, {"kind": "rate", "bps": 100})
    before = totals()
    sale = shop.sell(wallet, 10_000)
    assert moved(before)[payer] == -100
    # Half comes back: half of the bonus goes back to its budget.
    part = back(shop, sale.sale_id, 5_000)
    assert [(bonus.points, bonus.taken, bonus.charged_fen) for bonus in part.bonuses] == [(50, 50, 0)]
    assert moved(before)[payer] == -50
    sound()
    # 270 of the 300 points are spent elsewhere (first those that the shop paid); then the rest comes back: 30 are there.
    other.sell(wallet, 0, spend_points=270)
    rest = back(shop, sale.sale_id, 5_000)
    (bonus,) = rest.bonuses
    assert (rest.points_taken, rest.points_short, bonus.taken, bonus.charged_fen) == (30, 220, 0, 50)
    assert (rest.keep_back_fen, rest.cash_back_fen) == (270, 4_730)
    # The budget is whole; the shop has 250 − 30 − 50 less than before and keeps 270 of the cash.
    assert moved(before).get(payer, 0) == 0
    assert moved(before)[shop.merchant.float_id] == -270
    wallet.refresh_from_db()
    assert (wallet.credit, wallet.rewarded) == (0, 0)
    sound()


def test_a_void_undoes_bonuses_with_the_sale(shop: Shop) -> None:
    payer, wallet = budget(), shop.wallet()
    rule(payer, {"kind": "rate", "bps": 100})
    before = totals()
    sale = shop.sell(wallet, 10_000)
    assert shop.void(sale.sale_id).status == "booked"
    assert moved(before) == {}
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.credit, wallet.rewarded) == (0, 0, 0)
    sound()


def test_a_promise_is_refunded_before_and_after_it_is_paid(db: None) -> None:
    shop = open_shop(float_fen=0, matures_days=0)
    wallet, before = shop.wallet(), totals()
    old = NOON - timedelta(days=1)
    promises.set_line(float_id=shop.merchant.float_id, limit_fen=5_000, period=1, actor=TEST, at=old, now=old)
    sale = shop.sell(wallet, 10_000)
    assert sale.status == "promised"
    part = back(shop, sale.sale_id, 5_000)
    assert (part.points_undone, part.points_unpromised, part.cash_back_fen) == (250, 250, 5_000)
    assert moved(before) == {}
    sound()
    shop.top_up(1_000)
    assert promises.pay(shop.merchant.float_id, NOON + timedelta(minutes=6)).issued == 1
    assert moved(before)[wallet.pk] == 250
    sound()
    rest = back(shop, sale.sale_id, 5_000, now=NOON + timedelta(minutes=7))
    assert (rest.points_taken, rest.rest_back_fen) == (250, 150)
    assert moved(before) == {accounts.house("custody"): -1_000, shop.merchant.float_id: 1_000}
    sound()


def pay_out(shop: Shop, at: datetime = NOON) -> None:
    """Take everything out of a shop's proceeds, as a payout would."""
    held = accounts.balance(shop.merchant.proceeds_id)
    clearing.retain(account_id=shop.merchant.proceeds_id, amount_fen=held, actor=TEST, at=at, now=at)


def test_rows_14_and_15_where_points_come_from_when_the_proceeds_are_gone(shop: Shop) -> None:
    """First the float, then a fifth of what the alliance kept of the shop's own sales, then a promise; nothing below zero."""
    other = open_shop(float_fen=9_000, matures_days=0, spend_share_bps=10_000)
    old = NOON - timedelta(days=20)
    # Its own kept sale: rebate 8,000; fee 1,500 and buffer 500 of it are released. A fifth is 400.
    other.sell(other.wallet(), 100_000, event_at=old, now=old)
    closing.close(NOON.date() - timedelta(days=2), now=NOON)
    wallet = shop.wallet(points=3_000)
    sale = other.sell(wallet, 0, spend_points=3_000)
    pay_out(other)
    before = totals()
    outcome = back(other, sale.sale_id, 3_000)
    assert (outcome.fee_back_fen, outcome.advanced_fen, outcome.points_promised, outcome.points_back_now) == (
        30,
        400,
        1_570,
        1_430,
    )
    assert moved(before) == {
        wallet.pk: 1_430,
        other.merchant.fee_rest_id: -30,
        other.merchant.float_id: -1_000,
        BUFFER: -400,
    }
    sound()
    # The advance is there once: no second one before it is paid back.
    again = other.sell(wallet, 0, spend_points=100)
    pay_out(other)
    assert back(other, again.sale_id, 100).points_promised == 99
    # Money comes: the advance first, then the points, in their order.
    other.top_up(1_000)
    assert settle(NOON + timedelta(minutes=6)) == (0, 1_000)
    assert moved(before).get(BUFFER, 0) == 0
    assert moved(before)[wallet.pk] == 1_430 + 600 - 99
    sound()
    other.top_up(5_000)
    assert settle(NOON + timedelta(minutes=7)) == (0, 970 + 99)
    assert moved(before)[wallet.pk] == 3_000
    assert settle(NOON + timedelta(minutes=8)) == (0, 0)
    sound()


def test_row_20_a_claim_is_recovered_from_the_next_mature_points(slow_shop: Shop) -> None:
    other = open_shop(matures_days=0, spend_share_bps=10_000)
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    sale = shop.sell(wallet, 10_000)
    other.sell(wallet, 0, spend_points=500)
    back(shop, sale.sale_id, 10_000, cash_given=True)
    before = totals()
    slow_shop.sell(wallet, 6_000)  # 300 points that are not mature yet
    assert settle(NOON + timedelta(minutes=6)) == (0, 0)
    other.sell(wallet, 4_000)  # 200 that are
    assert settle(NOON + timedelta(minutes=7)) == (200, 0)
    assert moved(before)[shop.merchant.float_id] == 200
    expiry.mature(NOON.date() + timedelta(days=7))
    assert settle(NOON + timedelta(days=7)) == (300, 0)
    assert (Claim.objects.get().repaid, moved(before).get(wallet.pk, 0)) == (500, 0)
    sound()


def test_row_18_a_party_that_is_short_makes_the_merchant_wait(db: None) -> None:
    shop = open_shop(matures_days=0)
    wallet, before = shop.wallet(), totals()
    old, centre = NOON - timedelta(days=20), shop.outlet.centre_account_id
    sale = shop.sell(wallet, 10_000, event_at=old, now=old)
    closing.close(NOON.date() - timedelta(days=2), now=NOON)
    clearing.retain(account_id=centre, amount_fen=100, actor=TEST, at=NOON, now=NOON)
    back(shop, sale.sale_id, 10_000)
    closing.close(NOON.date() - timedelta(days=1), now=NOON)
    # Fee and buffer gave back their own 200; the centre's 100 wait.
    assert moved(before).get(FEE, 0) == moved(before).get(BUFFER, 0) == 0
    assert moved(before)[shop.merchant.float_id] == -100
    due = Due.objects.get()
    assert (due.amount, due.paid) == (300, 200)
    split = Split.objects.get(account_id=rest_of(shop))
    assert (split.total, split.centre, split.unpaid, split.short) == (0, 100, 100, 100)
    sound()
    # The centre's next takings, of another merchant: the next close takes them.
    second = open_shop(matures_days=0)
    third = Shop(replace(second.outlet, centre_account_id=centre), second.merchant, second.terms, second.caller)
    third.sell(third.wallet(), 20_000, event_at=old + timedelta(days=12), now=old + timedelta(days=12))
    closing.close(NOON.date(), now=NOON + timedelta(days=1))
    closing.close(NOON.date() + timedelta(days=1), now=NOON + timedelta(days=2))
    assert (Due.objects.get().paid, shop.merchant.float_id in moved(before)) == (300, False)
    sound()


def test_row_21_rewards_that_the_credit_no_longer_bears_are_charged(db: None) -> None:
    """A stamp card's 100 points are borne by the credit of sales before; the sale that bore them comes back."""
    shop = open_shop(matures_days=0)
    payer, wallet = budget(), shop.wallet()
    first = shop.sell(wallet, 10_000)  # credit 160
    rule(payer, {"kind": "fixed", "points": 100}, code="card", scope={"stamp_every": 1})
    shop.sell(wallet, 100)  # credit + 1
    wallet.refresh_from_db()
    assert (wallet.credit, wallet.rewarded) == (161, 100)
    before = totals()
    outcome = back(shop, first.sale_id, 10_000)
    # 1 stays, 100 were given: 99 are lacking, less than the 300 of the rest that return.
    assert (outcome.credit_charged_fen, outcome.rest_back_fen, outcome.keep_back_fen) == (99, 300, 0)
    assert moved(before) == {wallet.pk: -500, rest_of(shop): -300, payer: 99, shop.merchant.float_id: 701}
    wallet.refresh_from_db()
    assert (wallet.credit, wallet.rewarded) == (1, 1)
    sound()


def test_row_25_points_into_a_lapsed_lot(shop: Shop) -> None:
    """They can be used until thirty days after their original expiry, however often they go there and back."""
    other = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=100)
    lot = Lot.objects.get(wallet_id=wallet.pk)
    last = datetime.combine(lot.expires_on, NOON.timetz())
    partitions.ahead(4, last.date() - timedelta(days=62))
    first = other.sell(wallet, 0, spend_points=100, event_at=last - timedelta(days=1), now=last - timedelta(days=1))
    back(other, first.sale_id, 100, now=last + timedelta(days=20))
    assert Lot.objects.get(wallet_id=wallet.pk, remaining=100).lapses_on == lot.expires_on + timedelta(days=30)
    at = last + timedelta(days=25)
    second = other.sell(wallet, 0, spend_points=100, event_at=at, now=at)
    before = totals()
    late = back(other, second.sale_id, 100, now=last + timedelta(days=31))
    assert (late.points_back, late.points_lapsed, late.available_after) == (100, 100, 0)
    assert moved(before) == {other.merchant.proceeds_id: -99, other.merchant.fee_rest_id: -1, BREAKAGE: 100}
    sound()
