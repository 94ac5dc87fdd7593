"""A closing mode keeps its word to the end and after it (row 37): nothing lapses, nothing is paid twice, nothing stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alliance.calc.worktime import shanghai_day
from points import accounts, adjusting, expiry, refunds, rollup, verify, winding_up
from points.models import Lot, Refund, Sale, Transfer, Wallet
from points.refunds import ByTotal, RefundOutcome
from tests.points.shops import NOON, TEST, Shop, open_shop
from tests.points.test_winding_up import DAY, END, begin, give_back

pytestmark = pytest.mark.django_db(transaction=True)
LATE = END + timedelta(minutes=5)


def undo(shop: Shop, sale_id: int | None, fen: int, at: Any, key: str = "r") -> RefundOutcome:
    found = refunds.refund(
        sale=Sale.objects.get(pk=sale_id), outlet_id=shop.outlet.outlet_id, returned=ByTotal(fen), caller=shop.caller,
        key=key, body=key, actor=TEST, at=at, now=at,
    )  # fmt: skip
    assert found.is_booked, found
    return found


def give(shop: Shop, wallet: Wallet, points: int, last: Any, key: str, at: Any = NOON) -> None:
    assert adjusting.adjust(
        wallet_id=wallet.pk, funder_id=shop.merchant.float_id, points=points, caller=shop.caller, key=key, actor=TEST,
        at=at, now=at, expires_on=last,
    ).is_booked  # fmt: skip


def in_order() -> bool:
    rollup.run()
    wrong = [check.name for check in verify.checks() if check.differences]
    assert not wrong, wrong
    return True


def balance(wallet: Wallet) -> int:
    return Wallet.objects.get(pk=wallet.pk).balance


@pytest.mark.parametrize("scope", [1, 3])
def test_a_refund_in_the_closing_mode_lapses_nothing(scope: int) -> None:
    shop, other = open_shop(matures_days=0, spend_share_bps=10_000), open_shop(matures_days=0)
    wallet = shop.wallet()
    give(shop, wallet, 500, DAY + timedelta(days=2), "x")
    sale = shop.sell(wallet, 0, spend_points=10, now=NOON)
    begin(scope, () if scope == 1 else (shop.merchant.float_id,))
    later, breakage = NOON + timedelta(days=10), accounts.balance(5)
    assert undo(shop, sale.sale_id, 10, later).points_lapsed == 0
    assert balance(wallet) == 500 and accounts.balance(5) == breakage
    expiry.expire(shanghai_day(later), now=later)
    assert balance(wallet) == 500 and in_order()
    assert other.float_fen == 100_000


def test_only_what_came_back_with_a_refund_lapses_with_it() -> None:
    """Other lots that are over stay for the run that tells everybody; what is over in another's scope lapses as ever."""
    shop, other = open_shop(matures_days=0, spend_share_bps=10_000), open_shop(matures_days=0)
    wallet = shop.wallet()
    give(shop, wallet, 10, DAY + timedelta(days=2), "a")
    sale = shop.sell(wallet, 0, spend_points=10, now=NOON)
    give(shop, wallet, 40, DAY + timedelta(days=2), "b")
    give(other, wallet, 70, DAY + timedelta(days=3), "c")
    begin(3, (other.merchant.float_id,))
    later = NOON + timedelta(days=40)
    assert undo(shop, sale.sale_id, 10, later).points_lapsed == 10
    assert balance(wallet) == 110
    expiry.expire(shanghai_day(later), now=later)
    assert dict(Lot.objects.filter(wallet_id=wallet.pk, remaining__gt=0).values_list("funder_id", "remaining")) == {
        other.merchant.float_id: 70
    }
    assert in_order()


def test_points_that_were_wound_up_are_no_shortfall() -> None:
    """¥100, 500 points; they go back to the float at the end. On day 32 the goods come back: nobody pays them again."""
    shop = open_shop(matures_days=0)
    wallet, before = shop.wallet(), 0
    before = shop.float_fen
    sale = shop.sell(wallet, 10_000, now=NOON)
    mode = begin()
    give_back(mode)
    assert winding_up.finish(mode, actor=TEST, at=END) and shop.float_fen == before - 300
    half = undo(shop, sale.sale_id, 5_000, LATE, "1")
    assert (half.cash_back_fen, half.keep_back_fen, half.claim_fen, half.points_short) == (5_000, 0, 0, 0)
    rest = undo(shop, sale.sale_id, 5_000, LATE, "2")
    assert (rest.cash_back_fen, rest.keep_back_fen, rest.claim_fen) == (5_000, 0, 0)
    assert shop.float_fen == before and balance(wallet) == 0
    assert sum(Refund.objects.values_list("home", flat=True)) == 500 and in_order()


def test_points_that_were_spent_before_the_end_are_kept_back_as_ever() -> None:
    """Two sales of 500 points each; 600 are spent, 400 wound up: of both refunds together 600 are missing."""
    shop, other = open_shop(matures_days=0), open_shop(matures_days=0, spend_share_bps=10_000)
    wallet, before = shop.wallet(), shop.float_fen
    sales = [shop.sell(wallet, 10_000, now=NOON) for _n in range(2)]
    other.sell(wallet, 0, spend_points=600, now=NOON)
    mode = begin()
    give_back(mode)
    found = [undo(shop, sale.sale_id, 10_000, LATE, str(n)) for n, sale in enumerate(sales)]
    assert [each.keep_back_fen for each in found] == [100, 500]
    # 600 stay in the till, 600 were paid to the other shop: the merchant is whole and no fen ahead.
    assert shop.float_fen == before - 600 and in_order()


def test_spent_points_that_come_back_after_the_end_go_to_their_funders() -> None:
    giver, shop = open_shop(matures_days=0), open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = giver.wallet(500)
    sale = shop.sell(wallet, 0, spend_points=100, now=NOON)
    mode = begin()
    give_back(mode)
    assert winding_up.finish(mode, actor=TEST, at=END)
    before = giver.float_fen
    found = undo(shop, sale.sale_id, 100, LATE)
    assert (found.points_back, found.points_wound, found.points_lapsed, found.available_after) == (100, 100, 0, 0)
    assert balance(wallet) == 0 and giver.float_fen == before + 100
    assert Transfer.objects.filter(journal_id=found.refund_id, kind=17).count() == 1 and in_order()


