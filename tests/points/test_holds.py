"""Holds: set aside, captured in part or whole, released, timed out; what each verb says in each state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction

from alliance.models import Event
from alliance.refusals import Refused
from points import accounts, adjusting, expiry, holds, rollup, verify
from points.models import Hold, Lot, Transfer, Wallet
from tests.points.ruling import rule
from tests.points.shops import NOON, TEST, Shop, everything, moved, open_shop, totals

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=31)


def standing(wallet: Wallet) -> tuple[int, int, int]:
    row = Wallet.objects.get(pk=wallet.pk)
    return row.balance, row.held, row.available


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def adjust(shop: Shop, wallet: Wallet, points: int, expires: Any, at: Any = NOON) -> Any:
    return adjusting.adjust(
        wallet_id=wallet.pk, funder_id=shop.merchant.float_id, points=points, caller=shop.caller,
        key=f"a {wallet.pk} {points} {expires}", actor=TEST, at=at, now=at, expires_on=expires,
    )  # fmt: skip


def expire(on: Any, at: Any) -> int:
    return expiry.expire(on, now=at)


def test_row_11_moves_nothing_and_leaves_an_event() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(points=5_000)
    before, was = totals(), standing(wallet)
    outcome = shop.hold(wallet, 3_000)
    assert (outcome.status, outcome.spent_points, outcome.available_after) == ("booked", 3_000, was[2] - 3_000)
    assert (moved(before), standing(wallet)) == ({}, (was[0], 3_000, was[2] - 3_000))
    hold = Hold.objects.get(pk=outcome.sale_id)
    assert (hold.points, hold.ends_at - hold.placed_at) == (3_000, timedelta(minutes=30))
    assert sum(part.points for part in hold.lots.all()) == 3_000
    event = Event.objects.get(subject=f"points.hold:{hold.pk}")
    assert (event.verb, event.facts) == ("hold.placed", {"points": 3_000})
    sound()


def test_row_12_captures_a_part_and_the_rest_comes_back() -> None:
    """3,000 held, 2,000 captured, ¥80.00 of the bill paid in money, which earns."""
    shop = open_shop(matures_days=0, spend_fee_bps=100)
    wallet = shop.wallet(points=5_000)
    was = standing(wallet)
    held = shop.hold(wallet, 3_000)
    before = totals()
    outcome = shop.capture(held.sale_id, 2_000, paid_fen=8_000)
    assert (outcome.status, outcome.spent_points, outcome.points, outcome.rest) == ("booked", 2_000, 400, 240)
    card = shop.merchant
    terms_rest = {
        n: fen
        for n, fen in moved(before).items()
        if n not in (wallet.pk, card.float_id, card.proceeds_id, card.fee_rest_id)
    }
    assert list(terms_rest.values()) == [240]
    moves = moved(before)
    assert (moves[wallet.pk], moves[card.float_id], moves[card.proceeds_id], moves[card.fee_rest_id]) == (
        -1_600,
        -640,
        1_980,
        20,
    )
    assert standing(wallet) == (was[0] - 1_600, 0, was[2] - 1_600)
    hold = Hold.objects.get(pk=held.sale_id)
    assert (hold.state, hold.captured, hold.sale_id) == (Hold.State.CAPTURED, 2_000, outcome.sale_id)
    sound()


def test_row_13_a_release_gives_all_back() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(points=5_000)
    was, before = standing(wallet), totals()
    held = shop.hold(wallet, 3_000)
    outcome = shop.release(held.sale_id)
    assert (outcome.status, outcome.spent_points, outcome.available_after) == ("booked", -3_000, was[2])
    assert (moved(before), standing(wallet)) == ({}, was)
    assert Event.objects.filter(subject=f"points.hold:{held.sale_id}", verb="hold.released").count() == 1
    sound()


def test_row_13_what_nobody_captures_in_time_goes_back_by_the_clock() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(points=5_000)
    was = standing(wallet)
    held = [shop.hold(wallet, 1_000), shop.hold(wallet, 500, lasts=timedelta(days=7))]
    assert holds.release_overdue(at=NOON, now=NOON + timedelta(minutes=29)) == 0
    assert holds.release_overdue(at=LATER, now=LATER) == 1
    assert holds.release_overdue(at=LATER, now=LATER) == 0
    assert standing(wallet) == (was[0], 500, was[2] - 500)
    assert [Hold.objects.get(pk=each.sale_id).state for each in held] == [Hold.State.LAPSED, Hold.State.OPEN]
    assert Event.objects.filter(verb="hold.timed_out").count() == 1
    sound()


def test_many_overdue_holds_go_back_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "CHUNK", 3)
    shop = open_shop(matures_days=0)
    wallets = [shop.wallet(points=100) for _ in range(8)]
    for wallet in wallets:
        shop.hold(wallet, 10)
    assert holds.release_overdue(at=LATER, now=LATER) == 8
    assert {standing(wallet)[1] for wallet in wallets} == {0}


# --- every verb in every state -----------------------------------------------------------------

STATES = ("none", "elsewhere", "open", "overdue", "captured", "released", "timed out", "frozen")
VERBS: dict[str, Callable[[Shop, int], Any]] = {
    "capture": lambda shop, hold: shop.capture(hold, 100, now=NOON + timedelta(minutes=5)),
    "capture late": lambda shop, hold: shop.capture(hold, 100, now=LATER),
    "capture more": lambda shop, hold: shop.capture(hold, 101, now=NOON + timedelta(minutes=5)),
    "release": lambda shop, hold: shop.release(hold, now=NOON + timedelta(minutes=5)),
    "release late": lambda shop, hold: shop.release(hold, now=LATER),
}
UNKNOWN, CLOSED, EXPIRED, SMALL = "hold_unknown", "hold_closed", "hold_expired", "hold_too_small"
ANSWERS = {
    "none": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "elsewhere": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "open": (None, EXPIRED, SMALL, None, None),
    "overdue": (EXPIRED, EXPIRED, EXPIRED, None, None),
    "captured": (CLOSED, CLOSED, CLOSED, CLOSED, CLOSED),
    "released": (CLOSED, CLOSED, CLOSED, CLOSED, CLOSED),
    "timed out": (EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED),
    "frozen": (None, EXPIRED, SMALL, None, None),
}


def brought(state: str, shop: Shop) -> int:
    """Return the number of a hold of 100 points in that state."""
    wallet = shop.wallet(points=500)
    placed_by = open_shop(matures_days=0, spend_share_bps=10_000) if state == "elsewhere" else shop
    lasts = timedelta(minutes=4) if state == "overdue" else None
    hold = placed_by.hold(wallet, 100, lasts=lasts).sale_id or 0
    if state == "none":
        return hold + 10**12
    if state == "captured":
        shop.capture(hold, 60)
    elif state == "released":
        shop.release(hold)
    elif state == "timed out":
        holds.release_overdue(at=LATER, now=LATER)
    elif state == "frozen":
        Wallet.objects.filter(pk=wallet.pk).update(frozen_at=NOON)
    return hold


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_in_each_state(state: str, verb: str) -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    hold = brought(state, shop)
    expected = ANSWERS[state][list(VERBS).index(verb)]
    before = everything()
    outcome = VERBS[verb](shop, hold)
    assert outcome.code == expected
    if expected:
        assert everything() == before
    assert outcome.figure == (100 if expected == SMALL else None)
    sound()


def test_a_capture_of_a_frozen_wallet_leaves_it_frozen() -> None:
    """The shop served on the word of the hold; nothing new can be held or spent."""
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(points=500)
    held = shop.hold(wallet, 100)
    Wallet.objects.filter(pk=wallet.pk).update(frozen_at=NOON)
    assert shop.hold(wallet, 100).code == "wallet_frozen"
    assert shop.capture(held.sale_id, 100, paid_fen=1_000).status == "booked"
    assert Wallet.objects.get(pk=wallet.pk).frozen_at == NOON
    assert shop.sell(wallet, 1_000).code == "wallet_frozen"


# --- out of reach -------------------------------------------------------------------------------


def test_what_is_held_is_out_of_reach() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    sale = shop.sell(wallet, 20_000)  # 1,000 points
    shop.hold(wallet, 700)
    assert (shop.sell(wallet, 0, spend_points=301).code, shop.hold(wallet, 301).code) == ("points_short",) * 2
    assert adjust(shop, wallet, -301, NOON.date()).code == "points_short"
    voided = shop.void(sale.sale_id)
    assert (voided.code, voided.figure) == ("void_points_gone", 700)
    assert shop.sell(wallet, 0, spend_points=300).status == "booked"
    assert standing(wallet) == (700, 700, 0)
    sound()


def test_share_time_and_amount_are_bounded() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=5_000)
    wallet = shop.wallet(points=5_000)
    for more, code in (
        ({"bill_fen": 5_999}, "spend_share_exceeded"),
        ({"bill_fen": 2_999}, "amount_invalid"),
        ({"lasts": timedelta(days=7, seconds=1)}, "hold_time_invalid"),
        ({"lasts": timedelta(seconds=59)}, "hold_time_invalid"),
    ):
        with pytest.raises(Refused) as refused:
            shop.hold(wallet, 3_000, **more)
        assert refused.value.code == code
    held = shop.hold(wallet, 3_000, bill_fen=6_000)
    # The bill as it came out has the same share.
    with pytest.raises(Refused) as refused:
        shop.capture(held.sale_id, 3_000, paid_fen=2_000)
    assert refused.value.code == "spend_share_exceeded"


def test_a_capture_at_another_merchants_account_is_refused_by_the_database() -> None:
    shop, other = open_shop(matures_days=0), open_shop(matures_days=0)
    wallet = shop.wallet(points=500)
    held = shop.hold(wallet, 100)
    bill = other.draft(0, 1_000, spend_points=100)
    with pytest.raises(Error), transaction.atomic():
        stranger = bill.__class__(
            **{**{name: getattr(bill, name) for name in bill.__slots__}, "outlet_id": shop.outlet.outlet_id}
        )
        holds.capture(hold_id=held.sale_id or 0, bill=stranger, caller=shop.caller, actor=TEST, now=NOON)


# --- request keys -------------------------------------------------------------------------------


def test_the_same_request_gets_the_same_answer() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=5_000)
    first = shop.hold(wallet, 100, key="place", body="b")
    again = shop.hold(wallet, 100, key="place", body="b")
    assert (again.replayed, again.sale_id, again.available_after) == (True, first.sale_id, first.available_after)
    assert shop.hold(wallet, 100, key="place", body="other").code == "key_reused"
    done = shop.capture(first.sale_id, 60, key="capture", body="b")
    once = shop.capture(first.sale_id, 60, key="capture", body="b")
    assert (done.replayed, once.replayed, once.sale_id, once.balance_after) == (
        False,
        True,
        done.sale_id,
        done.balance_after,
    )
    refused = [shop.release(first.sale_id, key="release", body="b") for _ in range(2)]
    assert [(each.code, each.replayed) for each in refused] == [("hold_closed", False), ("hold_closed", True)]
    assert shop.release(first.sale_id, key="capture", body="b", now=LATER).replayed
    assert Event.objects.filter(verb="hold.placed").count() == 1
    # A void of the captured bill gives the points back; the hold stays captured.
    assert shop.void(done.sale_id).status == "booked"
    assert standing(wallet)[1] == 0
    sound()


# --- expiry under a hold (H13, row 25) ----------------------------------------------------------


def lapsing(shop: Shop) -> tuple[Wallet, Hold, Any]:
    """A wallet with 100 points that expire today, 60 of them held for a week, and 40 that expire much later."""
    wallet, today = shop.wallet(), NOON.date()
    adjust(shop, wallet, 100, today)
    hold = Hold.objects.get(pk=shop.hold(wallet, 60, lasts=timedelta(days=7)).sale_id)
    adjust(shop, wallet, 40, today + timedelta(days=500))
    return wallet, hold, today


def test_h13_a_lot_does_not_expire_under_a_hold() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet, hold, today = lapsing(shop)
    tomorrow = NOON + timedelta(days=1)
    assert expire(today + timedelta(days=1), tomorrow) == 1
    assert standing(wallet) == (100, 60, 40)  # only the 40 that nobody held are gone
    assert expire(today + timedelta(days=1), tomorrow) == 0
    sound()
    assert shop.capture(hold.pk, 60, now=tomorrow).status == "booked"
    sound()
    assert (standing(wallet), accounts.balance(5)) == ((40, 0, 40), 40)


def test_row_25_what_comes_back_into_a_lapsed_lot_is_usable_until_thirty_days_after_its_expiry() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet, hold, today = lapsing(shop)
    in_two_days = NOON + timedelta(days=2)
    expire(today + timedelta(days=2), in_two_days)
    assert shop.release(hold.pk, now=in_two_days).status == "booked"
    (lot,) = Lot.objects.filter(wallet_id=wallet.pk, remaining__gt=0, expires_on=today)
    assert (lot.lapses_on, lot.remaining, lot.held) == (today + timedelta(days=30), 60, 0)
    sound()
    # Held and let go again, it never lives longer than that: thirty days are counted from the expiry, once.
    at = NOON + timedelta(days=29)
    held = shop.hold(wallet, 60, lasts=timedelta(days=7), now=at)
    late = NOON + timedelta(days=36)
    expire(today + timedelta(days=36), late)
    assert standing(wallet) == (100, 60, 40)
    holds.release_overdue(at=late, now=late)
    expire(today + timedelta(days=36), late)
    assert (standing(wallet), Hold.objects.get(pk=held.sale_id).state) == ((40, 0, 40), Hold.State.LAPSED)
    sound()


def test_what_a_capture_leaves_in_a_lapsed_lot_stays_for_thirty_days_too() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet, hold, today = lapsing(shop)
    tomorrow = NOON + timedelta(days=1)
    assert shop.capture(hold.pk, 10, now=tomorrow).status == "booked"
    expire(today + timedelta(days=1), tomorrow)
    kept = Lot.objects.filter(wallet_id=wallet.pk, remaining__gt=0).order_by("lapses_on")
    # The forty that were free lapsed first: ten of them paid, thirty expired.
    assert [(lot.lapses_on, lot.remaining) for lot in kept] == [
        (today + timedelta(days=30), 60),
        (today + timedelta(days=500), 40),
    ]
    sound()


WITHOUT_THE_FIX = (
    ("AND (remaining > held OR held = 0)", ""),
    ("z.remaining - z.held AS remaining", "z.remaining"),
    ("AND (z.remaining > z.held OR z.held = 0)", ""),
    ("SET remaining = z.held, is_open = z.held > 0", "SET remaining = 0, held = 0, is_open = false"),
)


def test_h13_without_its_fix_is_noticed() -> None:
    """The expiry run as it would be had holds been forgotten: the member loses what a shop holds, and a law says so."""
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet, _hold, today = lapsing(shop)
    tomorrow = NOON + timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'points_expire'")
        forgetful = cursor.fetchone()[0]
        for right, wrong in WITHOUT_THE_FIX:
            assert right in forgetful
            forgetful = forgetful.replace(right, wrong)
        cursor.execute(forgetful)
    with pytest.raises(Error), transaction.atomic():
        expire(today + timedelta(days=1), tomorrow)  # the wallet's own CHECK: less there than is held
    # Had the wallet more elsewhere, the CHECK would be silent; the law is not.
    adjust(shop, wallet, 60, today + timedelta(days=400))
    expire(today + timedelta(days=1), tomorrow)
    rollup.run()
    broken = {check.name for check in verify.checks() if check.differences}
    assert "what is held of a lot is what open holds name, and only mature lots are held" in broken


# --- guards -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE points_hold SET state = 1, closed_at = NULL, closed_by = ''",
        "UPDATE points_hold SET closed_at = closed_at + interval '1 second'",
        "DELETE FROM points_hold_lot",
        "DELETE FROM points_hold",
        "TRUNCATE points_hold_lot",
        "UPDATE points_hold_lot SET points = points + 1",
    ],
)
def test_a_closed_hold_is_never_changed(statement: str) -> None:
    shop = open_shop(matures_days=0)
    shop.release(shop.hold(shop.wallet(points=500), 100).sale_id)
    with connection.cursor() as cursor, pytest.raises(Error), transaction.atomic():
        cursor.execute(statement)


def test_a_clock_that_jumps_back_neither_shortens_nor_loses_a_hold() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=500)
    first = shop.hold(wallet, 100, now=NOON)
    earlier = NOON - timedelta(hours=2)
    assert holds.release_overdue(at=earlier, now=earlier) == 0
    assert shop.release(first.sale_id, now=earlier).status == "booked"
    second = shop.hold(wallet, 100, now=earlier)
    assert Hold.objects.get(pk=second.sale_id).ends_at == earlier + timedelta(minutes=30)
    # The wallet's own time runs ahead of this clock, and a bill is never booked backwards: then the hold is over.
    assert shop.capture(second.sale_id, 100, now=earlier).code == "hold_expired"
    assert holds.release_overdue(at=NOON, now=NOON) == 1
    sound()


def test_nothing_of_a_hold_is_in_the_history_until_it_is_captured() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(points=500)
    n = Transfer.objects.count()
    shop.release(shop.hold(wallet, 100).sale_id)
    assert Transfer.objects.count() == n


def test_what_rules_give_on_a_final_bill_is_given_on_a_capture_too() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=500)
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 7}, code="more")
    held = shop.hold(wallet, 100)
    outcome = shop.capture(held.sale_id, 60, paid_fen=10_000, key="k", body="b")
    assert (outcome.points, outcome.bonus_points, outcome.spent_points) == (500, 7, 60)
    again = shop.capture(held.sale_id, 60, paid_fen=10_000, key="k", body="b")
    assert (again.replayed, again.bonus_points, again.balance_after) == (True, 7, outcome.balance_after)
    sound()
