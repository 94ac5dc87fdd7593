"""The surplus, by hand (row 38): breakage 500 buffer 63 with a floor of 40, three members with credit 160, 24 and 16."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import Error, connection, transaction
from django.test import override_settings

from alliance import approvals
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval
from alliance.refusals import Refused
from points import accounts, adjusting, closing, expiry, partitions, rollup, surplus, verify
from points.models import Account, Lot, SurplusClosing, SurplusShare, Transfer, Wallet
from tests.factories import staff
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = pytest.mark.django_db(transaction=True)

FEE, BUFFER, BREAKAGE, SURPLUS = 3, 4, 5, 6


def realised(shop: Shop) -> list[Wallet]:
    """Let 500 points expire, and a close bring the buffer 63: credit of the three members 160, 24 and 16.

    ¥100 at 8 %: rebate 800, fee and buffer keep 25 % = 200, eight tenths are 160. ¥15: 120 → 30 → 24. ¥10: 80 → 20 → 16.
    """
    old = NOON - timedelta(days=21)
    adjusting.adjust(
        wallet_id=shop.wallet().pk, funder_id=shop.merchant.float_id, points=500, caller=shop.caller, key="gone", actor=TEST,
        at=old, now=old, expires_on=shanghai_day(old),
    )  # fmt: skip
    wallets = [shop.wallet() for _n in range(3)]
    for wallet, paid in zip(wallets, (10_000, 1_500, 1_000), strict=True):
        at = NOON - timedelta(days=20)
        shop.sell(wallet, paid, event_at=at, now=at)
    expiry.expire(shanghai_day(NOON), now=NOON)
    closing.close(shanghai_day(NOON - timedelta(days=1)), now=NOON)
    rollup.run()
    return [Wallet.objects.get(pk=wallet.pk) for wallet in wallets]


def close(breakage: int, buffer: int, number: int = 1) -> SurplusClosing:
    return surplus.close(approval_id=number, breakage_fen=breakage, buffer_fen=buffer, actor=TEST, at=NOON, now=NOON)


def figures() -> dict[int, int]:
    return {number: accounts.balance(number) for number in (BUFFER, BREAKAGE, SURPLUS)}


@override_settings(BUFFER_FLOOR_FEN=40)
def test_by_hand(shop: Shop) -> None:
    wallets = realised(shop)
    assert [wallet.credit for wallet in wallets] == [160, 24, 16]
    # Rests 300 + 45 + 30 = 375: fee ⌊187.5⌋, centre 125, buffer the remainder 63.
    assert figures() == {BUFFER: 63, BREAKAGE: 500, SURPLUS: 0}
    seen = surplus.preview()
    assert (seen.breakage_fen, seen.from_buffer_fen, seen.credit, seen.members) == (500, 23, 200, 3)
    assert (seen.pool_fen, seen.points, seen.left_fen) == (523, 200, 323)
    # A closing of 101: less than the credit of 200, so pro rata and rounded down: 80.8, 12.12, 8.08.
    made = close(100, 1)
    assert (made.pool_fen, made.credit, made.points, made.members, made.left_fen) == (101, 200, 100, 3, 1)
    assert figures() == {BUFFER: 62, BREAKAGE: 400, SURPLUS: 101}
    done = surplus.share_all(made, now=NOON)
    assert done.finished_at and done.paid == 100
    assert [Wallet.objects.get(pk=wallet.pk).balance - wallet.balance for wallet in wallets] == [80, 12, 8]
    assert [Wallet.objects.get(pk=wallet.pk).rewarded for wallet in wallets] == [80, 12, 8]
    # What is left stays in the pool, to the last point.
    assert figures()[SURPLUS] == 1
    lot = Lot.objects.get(wallet_id=wallets[0].pk, funder_id=SURPLUS)
    assert lot.remaining == 80 and lot.is_mature
    assert [check for check in verify.checks() if check.differences] == []


@override_settings(BUFFER_FLOOR_FEN=0)
def test_no_share_is_above_the_credit_and_the_next_closing_takes_what_was_left(shop: Shop) -> None:
    wallets = realised(shop)
    surplus.share_all(close(500, 0), now=NOON)
    # 500 for 200 of credit: everybody gets all that others may still give, 300 stay.
    assert [Wallet.objects.get(pk=wallet.pk).rewarded for wallet in wallets] == [160, 24, 16]
    assert figures()[SURPLUS] == 300
    second = close(0, 13, number=2)
    assert (second.pool_fen, second.credit, second.points, second.members) == (313, 0, 0, 0)
    assert second.finished_at and figures()[SURPLUS] == 313
    shop.sell(wallets[2], 10_000)
    third = surplus.share_all(close(0, 1, number=3), now=NOON)
    assert (third.pool_fen, third.points, third.paid) == (314, 160, 160)
    assert figures()[SURPLUS] == 154
    assert [check for check in verify.checks() if check.differences] == []


@override_settings(BUFFER_FLOOR_FEN=0)
def test_credit_that_went_meanwhile_is_not_paid(shop: Shop) -> None:
    wallets = realised(shop)
    made = close(500, 0)
    # Others gave the first member 150 of 160 between closing and sharing.
    Wallet.objects.filter(pk=wallets[0].pk).update(rewarded=150)
    done = surplus.share_all(made, now=NOON)
    assert done.paid == 10 + 24 + 16 and figures()[SURPLUS] == 450
    assert list(SurplusShare.objects.order_by("-points").values_list("points", "paid")) == [
        (160, 10),
        (24, 24),
        (16, 16),
    ]


@override_settings(BUFFER_FLOOR_FEN=0)
def test_killed_half_way_it_goes_on_with_the_same_shares(shop: Shop) -> None:
    wallets = realised(shop)
    made = close(101, 0)
    steps = surplus.share(made, now=NOON)
    while next(steps) == 0:
        pass
    steps.close()
    left = SurplusShare.objects.filter(paid__isnull=True).count()
    assert 0 < left < 3
    # Somebody earns more meanwhile: the shares stay as they were fixed.
    shop.sell(wallets[1], 50_000)
    assert surplus.waiting() == [made]
    surplus.share_all(made, now=NOON)
    assert [Wallet.objects.get(pk=wallet.pk).rewarded for wallet in wallets] == [80, 12, 8]
    before = Transfer.objects.count()
    surplus.share_all(made, now=NOON)
    assert Transfer.objects.count() == before and surplus.waiting() == []


@override_settings(BUFFER_FLOOR_FEN=50)
def test_the_reserve_comes_first(shop: Shop) -> None:
    realised(shop)
    for breakage, buffer in ((501, 0), (0, 14)):
        with pytest.raises(Refused) as refused:
            close(breakage, buffer)
        assert refused.value.code == "surplus_too_much"
    with override_settings(BUFFER_FLOOR_FEN=64), pytest.raises(Refused):
        close(1, 0)  # the buffer is below its floor: nothing is distributed at all
    assert figures() == {BUFFER: 63, BREAKAGE: 500, SURPLUS: 0}
    assert close(500, 13).pool_fen == 513


@override_settings(BUFFER_FLOOR_FEN=0)
def test_one_closing_at_a_time_and_each_once(shop: Shop) -> None:
    realised(shop)
    made = close(100, 0)
    assert close(100, 0) == made and figures()[SURPLUS] == 100
    with pytest.raises(Refused) as refused:
        close(100, 0, number=2)
    assert refused.value.code == "surplus_still_sharing"


@override_settings(BUFFER_FLOOR_FEN=0)
def test_they_are_spent_like_others_and_expire_to_breakage(shop: Shop) -> None:
    wallets = realised(shop)
    surplus.share_all(close(100, 0), now=NOON)
    assert shop.sell(wallets[0], 1_000, spend_points=100).status == "booked"
    later = NOON + timedelta(days=1_000)
    partitions.ahead(1, later.date())
    breakage = accounts.balance(BREAKAGE)
    floats = Account.objects.get(pk=SURPLUS).balance
    expiry.expire(shanghai_day(NOON), now=later)
    with connection.cursor() as cursor:
        for bucket in range(64):
            cursor.execute(
                "SELECT points_expire(%s::smallint, %s::date, 1000, %s)", [bucket, shanghai_day(later), later]
            )
    assert Wallet.objects.get(pk=wallets[1].pk).balance == 0
    assert accounts.balance(BREAKAGE) > breakage and Account.objects.get(pk=SURPLUS).balance == floats


@override_settings(BUFFER_FLOOR_FEN=0)
def test_two_approvals_by_two_others(shop: Shop) -> None:
    realised(shop)
    proposer, first, second = (staff.colleague("finance") for _n in range(3))
    unit = proposer.posts.get().unit
    asked = surplus.propose(breakage_fen=100, buffer_fen=0, unit=unit, user=proposer, at=NOON)
    with pytest.raises(Refused) as refused:
        approvals.approve(asked, user=proposer, at=NOON)
    assert refused.value.code == "approval_same_person"
    again = approvals.approve(asked, user=first, at=NOON)
    assert isinstance(again, Approval) and not SurplusClosing.objects.exists()
    for same in (proposer, first):
        with pytest.raises(Refused) as refused, transaction.atomic():
            approvals.approve(again, user=same, at=NOON)
        assert refused.value.code == "approval_same_person"
    made = approvals.approve(again, user=second, at=NOON)
    assert made.pool_fen == 100 and made.actor == str(Actor.user(second))


def test_nothing_to_close_is_refused(shop: Shop) -> None:
    proposer = staff.colleague("finance")
    unit = proposer.posts.get().unit
    for amounts, code in (((0, 0), "surplus_nothing"), ((-1, 5), "surplus_nothing"), ((1, 0), "surplus_too_much")):
        with pytest.raises(Refused) as refused:
            surplus.propose(breakage_fen=amounts[0], buffer_fen=amounts[1], unit=unit, user=proposer, at=NOON)
        assert refused.value.code == code


def test_shares_are_never_deleted_nor_written_by_the_application(application_connection: object) -> None:
    open_shop()
    for statement in (
        "DELETE FROM points_surplus_share",
        "TRUNCATE points_surplus_share",
        "DELETE FROM points_surplus_closing",
    ):
        with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(Exception, match="permission denied"):
        application_connection.execute("UPDATE points_surplus_share SET paid = 0")  # type: ignore[attr-defined]
