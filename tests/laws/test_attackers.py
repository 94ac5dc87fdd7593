"""Scripted attacks with the product's own verbs: nobody gets ahead, and without the fix the test would notice.

Two shops, their members and their centre attack; each attack is played twice, as the product is and with one fix switched off
in this test's database. What they gain is reckoned by hand beside it. All at 8 %, unless said: a faked sale of ¥1,000
costs 8,000, of which the member gets 5,000 and, after the hold-back, the centre 1,000.

Referral and review rewards are no verbs of the product yet. Fixed rewards are those of stamp cards, which draw on saved
reward credit like those will.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.test import override_settings

from points import adjusting, expiry, rollup, verify
from points.bills import Caller
from points.calc.rules import Card, prepared
from points.models import Account, Lot
from tests.laws.colluders import Colluders, drop_check, overdrawn, weaken
from tests.points.shops import TEST, open_shop

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]

FAKE = 100_000
BELOW_ZERO = ("points_account", "points_account_only_custody_negative")


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def allow_below_zero() -> None:
    drop_check(*BELOW_ZERO)


# --- H2 and H8: points spent at a friend's shop, the shop is paid, the points come back -----------------


def refund_after_payout(they: Colluders, rounds: int = 4) -> None:
    they.top_up(0, 8_000)
    they.fake(0, 0, FAKE)
    for _n in range(rounds):
        spent = they.spend(0, shop=1)
        if spent is None:
            break
        they.sleep()
        they.pay_out()
        they.undo(spent.sale_id)
    they.spend(0)


def test_1_a_refund_to_points_after_the_payout() -> None:
    """The shop was paid 4,950; only its fee of 50 comes back at once, then nothing of it that could be spent a third time.

    They lose 3,000, what the fake cost (the centre's 1,000 are still held back).
    """
    they = Colluders()
    refund_after_payout(they)
    assert they.ahead() == -3_000
    they.sleep(9)
    assert they.ahead() == -2_000
    sound()


def test_1_without_the_order_of_the_proceeds() -> None:
    they = Colluders()
    weaken(
        "points_refund",
        ("from_proceeds := greatest(0, least(need, points_free(t.proceeds_id)));", "from_proceeds := need;"),
    )
    # The book itself says no first: no roll-up is possible.
    with pytest.raises(IntegrityError, match=BELOW_ZERO[1]):
        refund_after_payout(they)
        they.ahead()


def test_1_without_the_order_and_without_the_law() -> None:
    they = Colluders()
    allow_below_zero()
    weaken(
        "points_refund",
        ("from_proceeds := greatest(0, least(need, points_free(t.proceeds_id)));", "from_proceeds := need;"),
    )
    refund_after_payout(they)
    # 4,950 paid out and 5,000 of goods for a fake of 8,000; the shop's proceeds are below zero for ever.
    assert (they.ahead(), overdrawn()) == (1_950, 4_950)


def test_8_an_advance_needs_sales_of_ones_own() -> None:
    """The buffer holds what honest sales brought; a shop that brought nothing has no advance."""
    they = Colluders()
    they.honest_trade(10, 1_000_000)
    they.sleep(9)
    refund_after_payout(they)
    assert they.ahead() == -3_000
    sound()


def test_8_without_own_contribution() -> None:
    they = Colluders()
    they.honest_trade(10, 1_000_000)
    they.sleep(9)
    weaken("points_refund", ("advanced := greatest(0, least(need, buffer, room));", "advanced := least(need, buffer);"))
    refund_after_payout(they)
    assert they.ahead() > 0


# --- H3 and H9: the centre is paid, then the sale is undone ---------------------------------------------

AT_ONCE = ("back := CASE WHEN is_late THEN 0 ELSE d_rest END;", "back := d_rest;")
KEPT_ROW = "CASE WHEN is_late THEN 0 ELSE d_rest END, CASE WHEN is_late THEN d_rest ELSE 0 END"


def centre_first(they: Colluders, nights: int, rounds: int) -> None:
    for _n in range(rounds):
        they.top_up(0, 8_000)
        sale = they.fake(0, 0, FAKE)
        they.sleep(nights)
        they.pay_out()
        they.undo(sale.sale_id)


@pytest.mark.parametrize("nights", [2, 9])
def test_2_the_centre_is_paid_before_the_refund(nights: int) -> None:
    """In the hold-back the centre has nothing yet. After it, its 1,000 are paid once; from then on its parts pay what is due."""
    they = Colluders()
    centre_first(they, nights, 3)
    assert they.ahead() <= 0
    they.sleep(9)
    they.pay_out()
    assert they.ahead() <= 0
    sound()


@pytest.mark.parametrize("nights", [2, 9])
def test_2_without_each_partys_own_part(nights: int) -> None:
    """As if the merchant got all of the rest at once, out of other people's money, and nothing were held back."""
    they = Colluders()
    allow_below_zero()
    if nights < 7:
        with pytest.raises(IntegrityError, match="holdback"):
            open_shop(holdback_days=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = 'points_terms'::regclass AND conname LIKE '%holdback%'"
            )
            drop_check("points_terms", cursor.fetchone()[0])
            cursor.execute("ALTER TABLE points_terms DISABLE TRIGGER USER")
            cursor.execute("UPDATE points_terms SET holdback_days = 0")
    weaken("points_refund", AT_ONCE, (KEPT_ROW, "d_rest, 0"))
    centre_first(they, nights, 1)
    # The centre's 1,000 were paid by others, and the merchant's day can never be closed again.
    assert (they.ahead(), overdrawn()) == (1_000, 3_000)
    with pytest.raises(RuntimeError, match="could not be closed"):
        they.sleep(2)


# --- H6: a bonus of others is spent, then the sale is undone --------------------------------------------


def spend_the_bonus(they: Colluders, rounds: int = 3) -> None:
    they.gift({"kind": "rate", "bps": 100}, 0)
    for _n in range(rounds):
        they.top_up(0, 8_000)
        sale = they.fake(0, 0, FAKE)
        assert sale.bonus_points == 1_000
        they.spend(0)
        they.undo(sale.sale_id)


def test_3_a_bonus_is_spent_and_the_sale_undone() -> None:
    """The shop pays the 1,000 of the bonus: 6,000 of goods against 6,000 of its float."""
    they = Colluders()
    spend_the_bonus(they)
    assert they.ahead() == 0
    assert Account.objects.get(pk=they.budget).balance == 10_000_000
    sound()


def test_3_without_the_charge() -> None:
    they = Colluders()
    drop_check("points_refund_award", "points_refund_award_whole")
    weaken("points_refund", ("one.charged := least(x, f_bal);", "x := 0; one.charged := 0;"))
    spend_the_bonus(they)
    assert they.ahead() == 3_000


# --- H7: a fixed reward was given on the sale, then it is undone late -----------------------------------


def reward_then_return(they: Colluders) -> None:
    they.gift({"kind": "fixed", "points": 1_000}, 1, code="card", stamp_every=1)
    they.top_up(1, 100)
    they.top_up(0, 8_000)
    sale = they.fake(0, 0, FAKE)
    they.sleep(9)
    assert they.fake(1, 0, 100).bonus_points == 1_000
    they.spend(0)
    they.undo(sale.sale_id)
    they.sleep(9)


def test_4_a_fixed_reward_and_a_late_refund() -> None:
    """The credit of the sale bore the reward; without it 1 of 1,000 is borne, and 999 come out of the rest that returns.

    The fake of ¥1 that got the stamp cost 8 and brought 5 to the member and 1 to the centre.
    """
    they = Colluders()
    reward_then_return(they)
    assert they.ahead() == 1 - 2
    sound()


def test_4_without_the_charge() -> None:
    they = Colluders()
    weaken("points_refund", ("IF lacking > 0 THEN", "IF false THEN"))
    reward_then_return(they)
    assert they.ahead() == 1_000 - 2


# --- H4 and H5: gifts above what the sale brings --------------------------------------------------------


def forget_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if others might give whatever a rule says."""

    def endless(rebate_fen: int, card: Card) -> int:
        return 10**9

    monkeypatch.setattr(prepared, "bound_of", endless)
    weaken("points_post_awarded", ("own_outside > own_bound OR outside > greatest(w_credit + own_bound, 0)", "false"))


def campaign(they: Colluders, sales: int = 3) -> None:
    """2.8 % of the operator's, which "all gifts below the rebate" lets through: 5,000 + 2,800 < 8,000."""
    they.gift({"kind": "rate", "bps": 280}, 0)
    for _n in range(sales):
        they.top_up(0, 8_000)
        they.fake(0, 0, FAKE)
        they.spend(0)
        they.sleep(9)
    they.pay_out()


def test_5_a_campaign_and_the_centre() -> None:
    """0.8 × 2,000 = 1,600 at most: each fake brings 5,000 + 1,600 + 1,000 and costs 8,000."""
    they = Colluders()
    campaign(they)
    assert they.ahead() == -1_200
    sound()


def test_5_without_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    they = Colluders()
    forget_the_bound(monkeypatch)
    campaign(they)
    assert they.ahead() == 2_400


def fixed(they: Colluders, stamp_every: int) -> None:
    they.gift({"kind": "fixed", "points": 500}, 0, **({"stamp_every": stamp_every} if stamp_every else {}))
    they.top_up(0, 1_000)
    for _n in range(10):
        they.fake(0, 0, 100)
    they.spend(0)


@pytest.mark.parametrize("stamp_every", [0, 1])
def test_6_a_fixed_reward_on_a_sale_of_one_yuan(stamp_every: int) -> None:
    """Rebate 8, points 5: ten of them cost 80 and bring 50. A credit of 1 each bears no reward of 500."""
    they = Colluders()
    fixed(they, stamp_every)
    assert they.ahead() == -30
    sound()


@pytest.mark.parametrize("stamp_every", [0, 1])
def test_6_without_the_credit(stamp_every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    they = Colluders()
    forget_the_bound(monkeypatch)
    fixed(they, stamp_every)
    assert they.ahead() == 5_000 - 30


# --- H1: the surplus is shared by spending instead of by what one's sales brought -----------------------


def let_points_lapse(they: Colluders) -> None:
    """Honest people buy for ¥20,000 at 8 %, and 15 % of their points will lapse tonight."""
    people = they.honest_trade(20, FAKE)
    for n, wallet in enumerate(people):
        at = they.tick()
        given = adjusting.adjust(
            wallet_id=wallet.pk, funder_id=they.honest[n % 2].merchant.float_id, points=750, caller=Caller("staff", 0), key=f"soon {n}",
            actor=TEST, at=at, now=at, expires_on=they.today,
        )  # fmt: skip
        assert given.is_booked


def patronage(they: Colluders) -> None:
    """The attackers fake ¥4,000 at 3 % beside honest trade of ¥20,000 at 8 %."""
    for shop in (0, 1):
        they.top_up(shop, 6_000)
    let_points_lapse(they)
    for n in range(4):
        they.fake(n % 2, 0, FAKE)
    they.sleep(9)
    made = they.share_surplus()
    assert made is not None and made.pool_fen > 20_000
    they.spend(0)
    they.pay_out()


@override_settings(BUFFER_FLOOR_FEN=0)
def test_7_the_surplus_follows_the_credit() -> None:
    """A fake at 3 % costs 3,000 and brings 1,875 + 375; credit 600. Four of them lose 3,000, and win back less than 2,400."""
    they = Colluders(rate_bps=300)
    patronage(they)
    assert -3_000 < they.ahead() <= -600
    sound()


@override_settings(BUFFER_FLOOR_FEN=0)
def test_7_without_the_credit() -> None:
    """Shared by what one has bought: 4/24 of some 25,000."""
    they = Colluders(rate_bps=300)
    bought = "(SELECT coalesce(sum(s.bill_fen), 0) FROM points_sale s WHERE s.wallet_id = w.id)"
    weaken(
        "points_surplus_close",
        ("SELECT coalesce(sum(credit - rewarded), 0) INTO total FROM points_wallet WHERE credit > rewarded;",
         f"SELECT sum({bought}) INTO total FROM points_wallet w;"),
        ("SELECT closing, (w.id % 64)::smallint, w.id, w.credit - w.rewarded, floor(share * (w.credit - w.rewarded) / total)::bigint",
         f"SELECT closing, (w.id % 64)::smallint, w.id, {bought}, floor(share * {bought} / total)::bigint"),
        ("WHERE w.credit > w.rewarded AND floor(share * (w.credit - w.rewarded) / total) > 0;", f"WHERE {bought} > 0;"),
    )  # fmt: skip
    weaken(
        "points_surplus_pay", ("greatest(least(s.points, w.credit - w.rewarded), 0) AS points", "s.points AS points")
    )
    patronage(they)
    assert they.ahead() > 0


# --- H12: points that never die -------------------------------------------------------------------------


def spend_and_return(they: Colluders, days: int) -> int:
    """Spend before the points lapse and give the goods back after; return how many days they lived."""
    they.top_up(1, 10_000)
    at = they.tick()
    last = they.today + timedelta(days=20)
    adjusting.adjust(
        wallet_id=they.members[0].pk, funder_id=they.shops[1].merchant.float_id, points=1_000, caller=Caller("staff", 0), key="soon",
        actor=TEST, at=at, now=at, expires_on=last,
    )  # fmt: skip
    start, lived = they.today, 0
    they.now += timedelta(days=19)
    while they.available(0) and (they.today - start).days < days:
        lived = (they.today - start).days
        spent = they.spend(0, shop=1)
        assert spent is not None
        they.now += timedelta(days=25)
        they.undo(spent.sale_id)
        expiry.expire(they.today, now=they.tick())
    return lived


def test_12_points_end_thirty_days_after_their_first_expiry() -> None:
    """They lapse on day 20: spent on 19, back on 44, spent again, back on 69, and gone."""
    they = Colluders()
    assert spend_and_return(they, 150) == 44
    assert not Lot.objects.filter(wallet_id=they.members[0].pk, remaining__gt=0).exists()
    sound()


def test_12_counted_from_the_refund_they_would_never_end() -> None:
    they = Colluders()
    weaken("points_give_back", ("ELSE r.expires_on + 30 END", "ELSE p_today + 30 END"))
    assert spend_and_return(they, 150) > 100
    assert they.available(0) > 0
    assert any(check.differences for check in verify.checks())


# --- Found by random lives ------------------------------------------------------------------------------


@pytest.mark.parametrize("nights", [0, 9])
@override_settings(BUFFER_FLOOR_FEN=0)
def test_a_share_of_the_surplus_and_then_the_sale_undone(nights: int) -> None:
    """A fake brings a credit of 1,600 and so up to 1,600 of the surplus; undone, it has to give them back."""
    they = Colluders()
    let_points_lapse(they)
    they.sleep(9)
    they.top_up(0, 8_000)
    sale = they.fake(0, 0, FAKE)
    they.sleep(nights)
    made = they.share_surplus()
    assert made is not None and made.paid > 0
    they.spend(0)
    they.undo(sale.sale_id)
    they.sleep(9)
    assert they.ahead() <= 0
    sound()


def test_a_reward_is_charged_and_then_its_own_sale_is_void() -> None:
    """999 of the reward were paid by the shop whose sale bore it; the void of the stamp's sale has 1 to take, or says no."""
    they = Colluders()
    they.gift({"kind": "fixed", "points": 1_000}, 1, code="card", stamp_every=1)
    they.top_up(1, 100)
    they.top_up(0, 8_000)
    bore = they.fake(0, 0, FAKE)
    got = they.fake(1, 0, 100)
    assert they.undo(bore.sale_id).credit_charged_fen == 999
    they.shops[1].void(got.sale_id, now=they.tick())
    assert they.ahead() <= 0
    sound()
