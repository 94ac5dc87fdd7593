"""A closing mode keeps its word to the end and after it (row 37): nothing lapses, nothing is paid twice, nothing stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alliance import approvals
from alliance.calc.worktime import day_start, shanghai_day
from alliance.refusals import Refused
from points import (
    accounts,
    adjusting,
    bills,
    closing,
    expiry,
    funding,
    identify,
    opening,
    refunds,
    rollup,
    surplus,
    verify,
    winding_up,
)
from points.models import Hold, Lot, Refund, Sale, Transfer, Wallet
from points.refunds import ByTotal, RefundOutcome
from tests.factories import staff
from tests.laws.colluders import weaken
from tests.points.shops import NOON, TEST, Shop, open_shop
from tests.points.test_winding_up import DAY, END, again, begin, give_back

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
    wallet, before = shop.wallet(), shop.float_fen
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


def over(scope: int = 1, *floats: int) -> Any:
    """A closing mode whose last day of spending is over; its clock has not run."""
    begin(scope, floats)
    return END


def test_after_the_last_day_nothing_is_spent_or_held_whether_or_not_the_clock_has_run() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(500)
    end = over()
    shop = again(shop)
    for found in (shop.sell(wallet, 0, event_at=end, now=end, spend_points=50), shop.hold(wallet, 50, now=end)):
        assert found.status == "refused" and found.code == "spending_ended" and found.figure == 0
        assert "使用期已过" in found.refusal().text()
    # Money is taken as ever, and more than there is stays "too few".
    assert shop.sell(wallet, 1_000, event_at=end, now=end).status == "booked"
    assert shop.sell(wallet, 0, event_at=end, now=end, spend_points=5_000).code == "points_short"
    mixed = [shop.draft(wallet, 500, event_at=end), shop.draft(wallet, 0, event_at=end, spend_points=5)]
    answers = bills.post(mixed, caller=shop.caller, actor=TEST, now=end)
    assert [answer.code for answer in answers] == [None, "spending_ended"] and in_order()


def test_points_of_a_merchant_that_closed_are_left_and_all_others_spent_anywhere() -> None:
    closed, stays = open_shop(matures_days=0, spend_share_bps=10_000), open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = closed.wallet()
    give(closed, wallet, 300, DAY + timedelta(days=100), "a")
    give(stays, wallet, 200, DAY + timedelta(days=200), "b")
    end = over(3, closed.merchant.float_id)
    refused = stays.sell(wallet, 0, event_at=end, now=end, spend_points=201)
    assert (refused.code, refused.figure) == ("spending_ended", 200)
    assert stays.hold(wallet, 201, now=end).code == "spending_ended"
    held = stays.hold(wallet, 50, now=end)
    assert stays.capture(held.sale_id, 50, now=end).is_booked
    assert again(closed).sell(wallet, 0, event_at=end, now=end, spend_points=150).is_booked
    assert dict(Lot.objects.filter(wallet_id=wallet.pk).values_list("funder_id", "remaining")) == {
        closed.merchant.float_id: 300, stays.merchant.float_id: 0,
    }  # fmt: skip
    assert in_order()


def test_a_hold_ends_with_the_last_day_of_spending() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(500)
    begin()
    last = NOON + timedelta(days=30)
    held = again(shop).hold(wallet, 50, now=last, lasts=timedelta(days=3))
    assert Hold.objects.get(pk=held.sale_id).ends_at == day_start(DAY + timedelta(days=31))
    assert again(shop).capture(held.sale_id, 50, now=END).code == "hold_expired"


def test_a_void_over_midnight_is_a_refund() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(500)
    begin()
    midnight = day_start(DAY + timedelta(days=31))
    before = midnight - timedelta(minutes=3)
    sale = again(shop).sell(wallet, 0, event_at=before, now=before, spend_points=50)
    assert shop.void(sale.sale_id, now=midnight + timedelta(minutes=3)).code == "void_too_late"
    assert undo(shop, sale.sale_id, 50, midnight + timedelta(minutes=4)).points_wound == 50 and in_order()


def test_nothing_is_corrected_upwards_or_shared_after_the_end(settings: Any) -> None:
    settings.BUFFER_FLOOR_FEN = 0
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    at = NOON - timedelta(days=40)
    shop.sell(wallet, 100_000, event_at=at, now=at)
    closing.close(DAY - timedelta(days=1), now=NOON)
    rollup.run()
    free = accounts.balance(4)
    made = surplus.close(approval_id=1, breakage_fen=0, buffer_fen=free // 2, actor=TEST, at=NOON, now=NOON)
    end = over()
    up = adjusting.adjust(
        wallet_id=wallet.pk, funder_id=shop.merchant.float_id, points=7, caller=shop.caller, key="up", actor=TEST, at=end, now=end,
        expires_on=DAY + timedelta(days=90),
    )  # fmt: skip
    assert up.code == "issue_stopped" and up.refusal().text()
    with pytest.raises(Refused) as refused:
        surplus.close(approval_id=2, breakage_fen=0, buffer_fen=1, actor=TEST, at=end, now=end)
    assert refused.value.code in ("surplus_still_sharing", "closing_mode_on")
    assert surplus.share_all(made, now=end).paid == 0 and made.finished_at is not None
    with pytest.raises(Refused) as refused:
        surplus.close(approval_id=2, breakage_fen=0, buffer_fen=1, actor=TEST, at=end, now=end)
    assert refused.value.code == "closing_mode_on"


def test_what_was_asked_before_the_closing_mode_is_not_decided_in_it(settings: Any) -> None:
    settings.BUFFER_FLOOR_FEN = 0
    people = [staff.colleague("hq_admin"), staff.colleague("finance"), staff.colleague("finance")]
    shop = open_shop(matures_days=0)
    at = NOON - timedelta(days=40)
    shop.sell(shop.wallet(), 100_000, event_at=at, now=at)
    closing.close(DAY - timedelta(days=1), now=NOON)
    rollup.run()
    unit = people[0].posts.get().unit
    asked = surplus.propose(breakage_fen=0, buffer_fen=accounts.balance(4), unit=unit, user=people[0], at=NOON)
    final = approvals.approve(asked, user=people[1], at=NOON)
    begin()
    with pytest.raises(Refused) as refused:
        approvals.approve(final, user=people[2], at=NOON)
    assert refused.value.code == "closing_mode_on"


def test_no_opening_balances_in_the_closing_mode() -> None:
    wallet = accounts.open_wallet(NOON)
    identify.attach(wallet_id=wallet.pk, kind="number", value="M1", at=NOON)
    file = f"member,points,expires_on\nM1,40,{DAY + timedelta(days=90)}\n".encode()
    made = opening.stage(title="old scheme", content=file, actor=TEST, at=NOON)
    line = funding.receive(
        bank="b", account="1", serial="old", amount_fen=40, value_on=DAY, actor=TEST, at=NOON, now=NOON
    )
    person = staff.colleague("finance")
    begin()
    for act in (
        lambda: opening.ask(opening=made, bank_line=line, unit=person.posts.get().unit, user=person, at=NOON),
        lambda: opening.begin(opening=made, bank_line=line, actor=TEST, at=NOON, now=NOON),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "closing_mode_on"
    assert balance(wallet) == 0


# --- with a fix off the book notices ------------------------------------------------------------------------


def wrong() -> set[str]:
    rollup.run()
    return {check.name for check in verify.checks() if check.differences}


def test_without_the_look_at_closing_modes_a_refund_lapses_and_the_law_sees_it() -> None:
    weaken("points_refund", ("kept := points_not_expiring(today)", "kept := '{}'::bigint[]"))
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    give(shop, wallet, 500, DAY - timedelta(days=29), "x", NOON - timedelta(days=30))
    sale = shop.sell(wallet, 0, spend_points=10, event_at=NOON - timedelta(days=30), now=NOON - timedelta(days=30))
    begin()
    assert undo(shop, sale.sale_id, 10, NOON + timedelta(days=10)).points_lapsed == 10
    assert wrong() == {"nothing expires once the issue of a closing mode has ended"}


def test_with_the_shortfall_of_before_the_merchant_is_ahead_by_what_was_wound_up() -> None:
    weaken(
        "points_refund",
        (
            "home_own := CASE WHEN short > 0 THEN greatest(0, least(short, points_home_of(wallet, s.float_id))) ELSE 0 END",
            "home_own := 0",
        ),
    )
    shop = open_shop(matures_days=0)
    wallet, before = shop.wallet(), shop.float_fen
    sale = shop.sell(wallet, 10_000, now=NOON)
    give_back(begin())
    assert undo(shop, sale.sale_id, 10_000, LATE).keep_back_fen == 500 and shop.float_fen == before
    assert wrong() == {"a refund keeps back nothing that its funder has already"}


def test_points_that_stay_after_the_end_are_seen() -> None:
    weaken("points_refund", ("overs := points_over(today)", "overs := '{}'::bigint[]"))
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(500)
    sale = shop.sell(wallet, 0, spend_points=100, now=NOON)
    mode = begin()
    give_back(mode)
    assert winding_up.finish(mode, actor=TEST, at=END)
    undo(shop, sale.sale_id, 100, LATE)
    assert wrong() == {"after a closing mode points went to their funders, and after its end none is left"}
