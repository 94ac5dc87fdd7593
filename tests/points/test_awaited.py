"""Rows 6 and 8 to 10 together: a promised sale's bonuses are told at the till and given when the sale is paid."""

from __future__ import annotations

from datetime import timedelta

import pytest

from points import bills, bonuses, promises, refunds, rollup, verify
from points.calc.rules import Line
from points.models import Account, Awaited, Award, AwardUsed, Transfer, Visit, Wallet
from tests.points.ruling import budget, fund, rule
from tests.points.shops import NOON, TEST, Shop, moved, open_shop, totals
from tests.points.test_promises import line, postpaid
from tests.points.test_refunds import back

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def sound() -> None:
    rollup.run()
    assert [(check.name, check.differences) for check in verify.checks() if check.differences] == []


def balance(account: int) -> int:
    return Account.objects.get(pk=account).balance


def pay(shop: Shop, fen: int) -> int:
    """Pay the oldest promises with so much money, then their bonuses; return how many sales got theirs."""
    shop.top_up(fen)
    promises.pay(shop.merchant.float_id, LATER)
    return bonuses.give(LATER)


def test_a_bonus_is_told_at_the_till_and_given_when_the_sale_is_paid() -> None:
    shop, payer = postpaid(matures_days=0), budget()
    rule(payer, {"kind": "rate", "bps": 100})
    wallet, before = shop.wallet(), totals()
    outcome = shop.sell(wallet, 10_000)
    assert (outcome.status, outcome.promised_points, outcome.promised_bonus, outcome.bonuses) == (
        "promised",
        500,
        100,
        (),
    )
    # Nothing is set aside for a bill that may never be paid.
    assert moved(before) == {} and not Award.objects.exists() and not AwardUsed.objects.exists()
    row = Awaited.objects.get(pk=outcome.sale_id)
    assert (row.told, row.state, row.points) == (100, Awaited.State.OPEN, 0)
    assert bonuses.told([row.pk]) == {row.pk: 100}
    sound()
    assert bonuses.give(LATER) == 0
    assert pay(shop, 800) == 1
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.credit, wallet.rewarded, balance(payer)) == (600, 160, 100, 9_900)
    row.refresh_from_db()
    assert (row.state, row.points) == (Awaited.State.GIVEN, 100)
    bonus = Transfer.objects.get(kind=8)
    assert (bonus.journal_id, bonus.debit_id, bonus.points, bonus.matures_on) == (row.pk, payer, 100, LATER.date())
    assert bonuses.give(LATER) == 0
    sound()


def test_a_repeated_request_is_told_the_same() -> None:
    shop = postpaid(matures_days=0)
    rule(budget(), {"kind": "rate", "bps": 100})
    bill = shop.draft(shop.wallet(), 10_000)
    first, again = (bills.post([bill], caller=shop.caller, actor=TEST, now=NOON)[0] for _ in range(2))
    assert again.replayed and (first.promised_bonus, again.promised_bonus) == (100, 100)


def test_what_is_given_later_is_limited_by_what_is_left_then() -> None:
    """The budget paid others meanwhile; it never gives more than was told, whatever came into it."""
    shop, other, payer = postpaid(matures_days=0), open_shop(matures_days=0), budget(150)
    rule(payer, {"kind": "rate", "bps": 100})
    wallets = [shop.wallet() for _ in range(2)]
    told = [shop.sell(wallet, 10_000).promised_bonus for wallet in wallets]
    assert told == [100, 100]
    assert other.sell(other.wallet(), 10_000).bonus_points == 100
    assert pay(shop, 800) == 1
    assert (balance(payer), Wallet.objects.get(pk=wallets[0].pk).balance) == (0, 550)
    fund(payer, 10_000)
    assert pay(shop, 800) == 1
    assert (balance(payer), Wallet.objects.get(pk=wallets[1].pk).balance) == (9_900, 600)
    sound()


def test_never_more_than_was_told() -> None:
    shop, payer = postpaid(matures_days=0), budget(40)
    rule(payer, {"kind": "rate", "bps": 100})
    wallet = shop.wallet()
    assert shop.sell(wallet, 10_000).promised_bonus == 40
    fund(payer, 10_000)
    pay(shop, 800)
    wallet.refresh_from_db()
    assert (wallet.balance, balance(payer)) == (540, 10_000)
    sound()


def test_a_bill_that_is_not_paid_drops_them() -> None:
    shop, payer, old = postpaid(matures_days=0), budget(), NOON - timedelta(days=40)
    rule(payer, {"kind": "rate", "bps": 100})
    sale = shop.sell(shop.wallet(), 10_000, event_at=old)
    promises.set_line(
        float_id=shop.merchant.float_id,
        limit_fen=100_000,
        period=1,
        due_days=1,
        drop_days=1,
        actor=TEST,
        at=old,
        now=old,
    )
    promises.draw(NOON.date(), NOON)
    assert promises.drop((NOON + timedelta(days=3)).date(), actor=TEST, at=NOON, now=NOON + timedelta(days=3)) == 1
    row = Awaited.objects.get(pk=sale.sale_id)
    assert (row.state, bonuses.told([row.pk]), balance(payer)) == (Awaited.State.DROPPED, {}, 10_000)
    sound()


@pytest.mark.parametrize("is_void", [True, False])
def test_void_and_full_refund_drop_them(is_void: bool) -> None:
    shop, payer = postpaid(matures_days=0), budget()
    rule(payer, {"kind": "rate", "bps": 100}, scope={"first_visit": True})
    wallet = shop.wallet()
    sale = shop.sell(wallet, 10_000)
    assert Visit.objects.filter(wallet_id=wallet.pk).exists()
    assert (shop.void(sale.sale_id) if is_void else back(shop, sale.sale_id, 10_000)).is_booked
    assert (Awaited.objects.get(pk=sale.sale_id).state, bonuses.give(LATER)) == (Awaited.State.DROPPED, 0)
    # … and the next visit is the first again.
    assert not Visit.objects.filter(wallet_id=wallet.pk).exists()
    assert shop.sell(wallet, 10_000).promised_bonus == 100
    sound()


@pytest.mark.parametrize("when", ["before it is paid", "paid, bonus due", "given"])
def test_a_part_that_comes_back_leaves_the_bonus_of_what_stays(when: str) -> None:
    shop, payer = postpaid(matures_days=0), budget()
    rule(payer, {"kind": "rate", "bps": 100})
    wallet = shop.wallet()
    sale = shop.sell(wallet, 10_000)
    if when == "before it is paid":
        back(shop, sale.sale_id, 4_000)
        assert line(shop).owed_fen == 480
        pay(shop, 480)
    else:
        shop.top_up(800)
        promises.pay(shop.merchant.float_id, NOON)
        if when == "given":
            assert bonuses.give(NOON) == 1
        back(shop, sale.sale_id, 4_000)
        bonuses.give(LATER)
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.rewarded, balance(payer)) == (360, 60, 9_940)
    sound()


@pytest.mark.parametrize("given", [True, False])
def test_all_of_it_comes_back_after_it_was_paid(given: bool) -> None:
    shop, payer = postpaid(matures_days=0), budget()
    rule(payer, {"kind": "rate", "bps": 100})
    wallet = shop.wallet()
    sale = shop.sell(wallet, 10_000)
    shop.top_up(800)
    promises.pay(shop.merchant.float_id, NOON)
    if given:
        assert bonuses.give(NOON) == 1
    assert shop.void(sale.sale_id).is_booked
    bonuses.give(LATER)
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.rewarded, wallet.credit, balance(payer), shop.float_fen) == (0, 0, 0, 10_000, 800)
    sound()


def test_a_stamp_card_counts_a_sale_when_it_is_paid() -> None:
    """Three sales, every second cup is free: the card cannot be told at the till, and no cup is given twice."""
    shop, payer = postpaid(matures_days=0), budget()
    rule(payer, {"kind": "fixed", "points": 50}, scope={"stamp_every": 2})
    wallet = shop.wallet()
    outcomes = [shop.sell(wallet, 5_000) for _ in range(4)]
    assert [outcome.promised_bonus for outcome in outcomes] == [0, 0, 0, 0]
    shop.top_up(1_600)
    promises.pay(shop.merchant.float_id, NOON)
    assert bonuses.give(LATER) == 4
    wallet.refresh_from_db()
    assert (wallet.balance, balance(payer)) == (4 * 250 + 100, 9_900)
    given = list(Award.objects.order_by("sale_id").values_list("points", "stamps"))
    assert given == [(0, 1), (50, 1), (0, 1), (50, 1)]
    sound()


def test_rules_see_the_lines_of_a_promised_sale_that_stay() -> None:
    shop, payer = postpaid(matures_days=0), budget()
    rule(payer, {"kind": "rate", "bps": 100}, scope={"categories": ["tea"]})
    wallet = shop.wallet()
    lines = [Line("tea", "a", 4_000), Line("rice", "b", 6_000)]
    sale = shop.sell(wallet, 10_000, lines=lines)
    assert sale.promised_bonus == 40
    by_line(shop, sale.sale_id, lines, [1])
    pay(shop, 800)
    wallet.refresh_from_db()
    assert (wallet.balance, balance(payer)) == (240, 9_960)
    sound()


def by_line(shop: Shop, sale_id: int | None, lines: list[Line], gone: list[int], cash: int | None = None) -> None:
    """Take back whole lines, by their places: those of `gone` in all, the last of them now."""
    from points.models import Sale

    sale = Sale.objects.get(id=sale_id)
    now = lines[gone[-1]]
    stays = tuple((0, 0) if n in gone else (each.fen, each.units) for n, each in enumerate(lines))
    returned = refunds.ByLines(now.fen, eligible_fen=now.fen if now.is_eligible else 0, stays=stays)
    done = refunds.refund(
        sale=sale, outlet_id=sale.outlet_id, returned=returned, caller=shop.caller, key=f"{sale_id} {gone}", body="", actor=TEST,
        at=LATER, now=LATER,
    )  # fmt: skip
    assert done.is_booked
