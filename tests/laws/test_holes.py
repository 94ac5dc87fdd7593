"""The holes of money.md that the scripted attacks do not play: each is closed, and with its fix off the book notices.

H1 to H9 and H12 are in test_attackers.py, H11 in tests/points/test_rule_sums.py, H13 in tests/points/test_holds.py. H17 is about
households, which the product does not have.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import Error, IntegrityError, connection

from points import accounts, closing, expiry, matrix, opening, partitions, promises, rollup, verify
from points.models import Account, Sale, Transfer, Wallet
from tests.laws.colluders import Colluders, drop_check, weaken
from tests.points.shops import NOON, TEST, moved, open_shop, totals
from tests.points.test_opening import line, members, stage
from tests.points.test_refunds import back

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]
COVER = "custody covers everything that is owed"


def differences() -> set[str]:
    rollup.run()
    return {check.name for check in verify.checks() if check.differences}


# --- H10: who gets what rounding leaves ---------------------------------------------------------------


def small_sales() -> tuple[int, int]:
    """Forty sales of 7 to 18 fen at 8 %, each with a rebate of one fen: what the members got, and what fee and buffer."""
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    at = NOON - timedelta(days=10)
    partitions.ahead(2, at.date())
    for n in range(40):
        shop.sell(wallet, 7 + n % 12, event_at=at, now=at + timedelta(seconds=n))
    closing.close(NOON.date() - timedelta(days=1), now=NOON)
    rollup.run()
    house = [accounts.balance(accounts.house(name)) for name in ("fee", "buffer")]
    return Wallet.objects.get(pk=wallet.pk).balance, sum(house)


def test_h10_small_sales_are_not_free_of_fee() -> None:
    """One fen has no half: the member's part is rounded down, named parties by their running total, the rest is the buffer's."""
    got, house = small_sales()
    # 40 fen of rest: 8/30 to the centre, the others' 22/30 to fee and buffer with what rounding left.
    assert got == 0
    assert house >= 26
    assert differences() == set()


def test_h10_with_the_largest_remainder_the_member_gets_all() -> None:
    down, nearest = "(b.rebate * t.member_bps / 10000)", "((b.rebate * t.member_bps + 5000) / 10000)"
    weaken("points_post_one", (down, nearest))
    with pytest.raises(Error):
        small_sales()


# --- H14: what is not mature cannot be spent ---------------------------------------------------------


FREE = ("z.balance - z.pending - z.held", "z.balance - z.held")
LOTS = "IF left_over > 0 THEN RAISE EXCEPTION 'wallet % has fewer points in its lots than in its balance', p_wallet; END IF;"


def spend_pending() -> str:
    shop = open_shop(matures_days=7, spend_share_bps=10_000)
    wallet = shop.wallet()
    shop.sell(wallet, 10_000)
    return shop.sell(wallet, 0, spend_points=500).code or ""


def test_h14_points_that_are_not_mature_are_not_spent() -> None:
    assert spend_pending() == "points_short"


def test_h14_without_it_the_lots_and_then_the_wallet_say_no() -> None:
    weaken("points_post_one", FREE)
    with pytest.raises(Error, match="fewer points in its lots"):
        spend_pending()
    weaken("points_post_one", (LOTS, ""))
    with pytest.raises(IntegrityError):
        spend_pending()


# --- H15: what a member owes is nobody's money before it is there -------------------------------------


def undo_for_cash(they: Colluders) -> int:
    they.top_up(0, 8_000)
    sale = they.fake(0, 0, 100_000)
    they.spend(0)
    they.undo(sale.sale_id, cash_given=True)
    they.withdraw(0)
    return they.ahead()


def test_h15_a_claim_is_not_yet_the_shop_s_money() -> None:
    """5,000 of goods for 8,000 paid in, of which the 3,000 of the rest come back: nothing gained."""
    assert undo_for_cash(Colluders()) == 0
    assert differences() == set()


def test_h15_credited_at_once_it_would_be_money_that_is_not_there() -> None:
    weaken("points_refund", ("f_bal := f_bal + taken + back;", "f_bal := f_bal + d_points + back;"))
    assert undo_for_cash(Colluders()) == 5_000
    assert COVER in differences()


# --- H16: it does not matter whose points were spent ---------------------------------------------------


def short_of_each() -> list[int]:
    """Two sales of 500 points each, 500 spent: what is short when the one is undone, and when the other is."""
    shops = [open_shop(matures_days=0, spend_share_bps=10_000) for _n in range(2)]
    found = []
    for undone in shops:
        wallet = shops[0].wallet()
        sold = {shop.merchant.float_id: shop.sell(wallet, 10_000).sale_id for shop in shops}
        shops[0].sell(wallet, 0, spend_points=500)
        found.append(back(undone, sold[undone.merchant.float_id], 10_000).points_short)
    return found


def test_h16_what_is_short_depends_on_the_wallet_alone() -> None:
    assert short_of_each() == [0, 0]
    assert differences() == set()


def test_h16_with_its_own_lot_alone_it_would_depend_on_the_order() -> None:
    own = ("AND (z.matures_on = '2000-01-01' OR", "AND (z.matures_on = '2000-01-01' AND z.funder_id = p_funder OR")
    weaken("points_take", own)
    assert short_of_each() == [500, 0]


# --- H18: a refusal is kept, and says so ----------------------------------------------------------------


def test_h18_a_sale_without_points_stays_without_and_the_till_is_told() -> None:
    shop = open_shop(float_fen=0)
    wallet = shop.wallet()
    first = shop.sell(wallet, 10_000, key="once", body="same")
    shop.top_up(100_000, NOON - timedelta(minutes=1))
    again = shop.sell(wallet, 10_000, key="once", body="same")
    assert (first.code, again.code, again.sale_id) == ("float_exhausted", "float_exhausted", first.sale_id)
    assert Sale.objects.count() == 1
    # What the till says of it: tests/api/test_sales.py.


# --- H19: what is promised is not issued ----------------------------------------------------------------


def promise() -> Wallet:
    shop = open_shop(float_fen=0, matures_days=0)
    day = NOON - timedelta(days=60)
    promises.set_line(float_id=shop.merchant.float_id, limit_fen=100_000, actor=TEST, at=NOON, now=day)
    wallet = shop.wallet()
    shop.sell(wallet, 10_000)
    return Wallet.objects.get(pk=wallet.pk)


def test_h19_a_promise_is_in_no_wallet() -> None:
    assert promise().balance == 0
    assert differences() == set()


def test_h19_counted_as_issued_it_is_noticed() -> None:
    line = "is_promised := points_take_line(t_float, rebate); earns := "
    weaken("points_post_one", (f"{line}false;", f"{line}is_promised;"))
    promise()
    assert COVER in differences()


# --- H20: only settled money funds points ---------------------------------------------------------------


def test_h20_money_that_waits_in_suspense_funds_nothing() -> None:
    shop = open_shop(float_fen=0)
    wallet = shop.wallet()
    line(8_000, "told by a card company")
    assert shop.sell(wallet, 10_000).code == "float_exhausted"
    assert differences() == set()


def test_h20_a_float_credited_before_the_bank_has_it_is_noticed() -> None:
    shop = open_shop(float_fen=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE points_account SET balance = balance + 8000 WHERE id = %s", [shop.merchant.float_id])
    assert COVER in differences()


# --- H21: expired points are not the operator's -----------------------------------------------------------


def let_expire() -> int:
    """Return what the operator's fee gained by points that expired, less what it had."""
    at = NOON - timedelta(days=1_000)
    partitions.ahead(40, at.date())
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE points_account SET opened_at = %s", [at])
    shop.sell(wallet, 10_000, event_at=NOON - timedelta(days=999), now=NOON - timedelta(days=999))
    before = totals()
    expiry.expire(NOON.date(), now=NOON)
    change = moved(before)
    assert change.pop(wallet.pk) == -500
    assert sum(change.values()) == 500
    return change.get(accounts.house("fee"), 0)


def test_h21_what_expires_is_breakage() -> None:
    assert let_expire() == 0
    assert differences() == set()


def test_h21_as_fee_it_is_noticed() -> None:
    weaken("points_expire", ("THEN g.funder_id ELSE 5 END", "THEN g.funder_id ELSE 3 END"))
    assert let_expire() == 500
    assert "what expired went to breakage, or back to the budget or promotion credit it came from" in differences()


# --- H22: no opening balance without money -----------------------------------------------------------------


def test_h22_without_the_looks_at_the_money_the_account_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_covered", lambda *_any: None)
    weaken("points_opening_start", ("b.id IS NULL OR b.amount_fen < o.points", "b.id IS NULL"))
    (wallet,) = members(1)
    until = (NOON.date() + timedelta(days=200)).isoformat()
    made = stage(f"M{wallet},100000,{until}\n")
    opening.begin(opening=made, bank_line=line(60_000), actor=TEST, at=NOON, now=NOON)
    with pytest.raises(IntegrityError, match="only_custody_negative"):
        list(opening.book(made, now=NOON))
    assert Wallet.objects.get(pk=wallet).balance == 0
    drop_check("points_account", "points_account_only_custody_negative")
    list(opening.book(made, now=NOON))
    assert "no account but custody is below zero, nothing is overdrawn" in differences()


# --- H24, H25: the sums of a period; everything is prefunded, so the matrix moves nothing -------------------


def crossed() -> tuple[int, int]:
    """Points of one shop are spent at another. Return their floats."""
    giver, taker = (open_shop(matures_days=0, spend_share_bps=10_000) for _n in range(2))
    wallet = giver.wallet()
    giver.sell(wallet, 10_000)
    taker.sell(wallet, 0, spend_points=400)
    return giver.merchant.float_id, taker.merchant.float_id


def test_h24_the_changes_of_a_period_sum_to_zero_and_the_matrix_to_what_was_taken() -> None:
    crossed()
    found = matrix.sums(NOON.date() - timedelta(days=40), NOON.date())
    assert found.is_balanced and found.is_matched and found.spent_points == 400


def test_h24_a_fen_that_vanishes_is_noticed() -> None:
    weaken("points_post_one", ("p_wallet, t_proceeds, p_spend - fee,", "p_wallet, t_proceeds, p_spend - fee - 1,"))
    try:
        crossed()
    except IntegrityError:
        return
    found = matrix.sums(NOON.date() - timedelta(days=40), NOON.date())
    assert not found.is_matched
    assert differences()


def test_h25_the_matrix_is_a_report() -> None:
    """Asking who gave and who took writes nothing, and nobody owes anybody for it."""
    giver, taker = crossed()
    before = totals(), Transfer.objects.count()
    day = NOON.date()
    flows = {(flow.funder_id, flow.redeemer_id): flow.points for flow in matrix.matrix(day - timedelta(days=40), day)}
    assert flows == {(giver, taker): 400}
    assert (totals(), Transfer.objects.count()) == before
    closing.close(day, now=NOON + timedelta(days=1))
    assert Account.objects.get(pk=giver).balance == 100_000 - 800


def test_h25_netting_one_shop_against_another_is_noticed() -> None:
    giver, taker = crossed()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_enter(11::smallint, 'system:netting', %s, %s, %s, %s, %s, 400)",
            [NOON, NOON, NOON.date(), giver, taker],
        )
        cursor.execute("UPDATE points_account SET balance = balance - 400 WHERE id = %s", [giver])
        cursor.execute("UPDATE points_account SET balance = balance + 400 WHERE id = %s", [taker])
    law = (
        "one merchant's money becomes another's by points that were spent or bonuses that were charged, not by clearing"
    )
    assert law in differences()
