"""Rewards under parallel connections, and a referral farm: once, never above the credit, and nothing to gain (H4, H7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from points import closing, refunds, rewards
from points.bills import Caller
from points.models import Account, Reward, RewardBack, Sale, Transfer, Wallet
from points.refunds import ByTotal
from points.rewards import Kind
from tests.laws.colluders import Colluders
from tests.laws.test_races import sound, statuses, together
from tests.points.ruling import budget
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]
SYSTEM = Caller("system", 0)


def invited(shop: Shop, fen: int = 10_000) -> tuple[Wallet, Wallet, int]:
    """Return an inviter, an invitee who has bought and waited, and the number of that sale."""
    inviter, invitee, old = shop.wallet(), shop.wallet(), NOON - timedelta(days=20)
    rewards.refer(invitee_id=invitee.pk, inviter_id=inviter.pk, actor=TEST, at=old, now=old)
    sale = shop.sell(invitee, fen, event_at=old, now=old)
    closing.close(NOON.date() - timedelta(days=1), now=NOON, float_ids=[shop.merchant.float_id])
    return inviter, invitee, sale.sale_id or 0


def give(wallet: Wallet, payer: int, key: str, kind: Kind = Kind.REFERRAL, points: int = 80) -> Any:
    is_pair = kind == Kind.REFERRAL
    subject = rewards.subject_of(wallet.pk) if is_pair else key
    return rewards.give(
        kind=kind, subject=subject, wallet_id=wallet.pk, points=points, inviter_points=points if is_pair else 0, payer_id=payer,
        caller=SYSTEM, key=key, actor=TEST, at=timezone.now(),
    )  # fmt: skip


@pytest.mark.race
def test_of_ten_gives_at_once_exactly_one_wins() -> None:
    shop, payer = open_shop(matures_days=0), budget()
    inviter, invitee, _sale = invited(shop, 100_000)
    answers = together(10, lambda n: [give(invitee, payer, f"give {n}")])
    assert statuses([one for part in answers for one in part]) == {"booked": 1, "reward_given": 9}
    assert Transfer.objects.filter(kind=Transfer.Kind.REWARD).count() == 2
    assert Wallet.objects.get(pk=inviter.pk).balance == 80 and Account.objects.get(pk=payer).balance == 9_840
    sound()


@pytest.mark.race
def test_rewards_at_once_share_the_credit_that_there_is() -> None:
    shop, payer = open_shop(matures_days=0), budget()
    _inviter, invitee, _sale = invited(shop)
    answers = together(8, lambda n: [give(invitee, payer, f"review {n}", Kind.REVIEW, 50)])
    assert statuses([one for part in answers for one in part]) == {"booked": 3, "reward_credit_short": 5}
    sound()


@pytest.mark.race
def test_a_reward_and_the_refund_of_its_sale_at_once_leave_neither_or_none() -> None:
    shop, payer = open_shop(matures_days=0), budget()
    pairs = [invited(shop) for _n in range(4)]

    def act(n: int) -> Any:
        _inviter, invitee, number = pairs[n // 2]
        if n % 2:
            return give(invitee, payer, f"give {n}").status
        sale, now = Sale.objects.get(pk=number), timezone.now()
        return refunds.refund(
            sale=sale, outlet_id=sale.outlet_id, returned=ByTotal(10_000), caller=shop.caller, key=f"back {n}", body="", actor=TEST, at=now,
        ).status  # fmt: skip

    answers = together(8, act)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert Reward.objects.count() * 2 == RewardBack.objects.count() and Account.objects.get(pk=payer).balance == 10_000
    assert {wallet.balance for wallet in Wallet.objects.all()} == {0}
    sound()


class Farm(Colluders):
    """They invite each other's new wallets, ring up ¥1 each, and ask for ¥5 for both."""

    def harvest(self, guests: int) -> list[str]:
        said = []
        for n in range(guests):
            at = self.tick()
            # One of them invites another of their own, who is new.
            inviter, guest = self.members[0], self.shops[0].wallet()
            self.members.append(guest)
            rewards.refer(invitee_id=guest.pk, inviter_id=inviter.pk, actor=TEST, at=at, now=at)
            self.fake(0, len(self.members) - 1, 100)
            self.sleep(9)
            at = self.tick()
            outcome = rewards.give(
                kind=Kind.REFERRAL, subject=rewards.subject_of(guest.pk), wallet_id=guest.pk, points=500, inviter_points=500,
                payer_id=self.budget, caller=SYSTEM, key=f"farm {n}", actor=TEST, at=at, now=at,
            )  # fmt: skip
            said.append(outcome.code or outcome.status)
        return said

    def begin(self) -> Farm:
        self.honest_trade(6, 50_000)
        self.top_up(0, 10_000)
        return self


def test_a_referral_farm_gains_nothing() -> None:
    farm = Farm().begin()
    assert farm.harvest(3) == ["reward_credit_short"] * 3 and farm.ahead() < 0
    sound()


def test_without_the_credit_a_referral_farm_would_be_seen_to_gain() -> None:
    """The same with the check taken out of this database: then it pays, so the test above can tell."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """CREATE OR REPLACE FUNCTION points_reward_room(p_wallet bigint, p_kind smallint) RETURNS bigint LANGUAGE sql STABLE AS
               'SELECT 1000000::bigint'"""
        )
        farm = Farm().begin()
        assert farm.harvest(2) == ["booked"] * 2 and farm.ahead() > 0
        transaction.set_rollback(True)


def test_rewards_and_then_the_money_back_gain_nothing() -> None:
    """H7: real purchases bear the reward, it is spent, and the purchases come back after the hold-back."""
    farm = Farm().begin()
    farm.top_up(0, 100_000)
    at = farm.tick()
    guest = farm.shops[0].wallet()
    farm.members.append(guest)
    rewards.refer(invitee_id=guest.pk, inviter_id=farm.members[0].pk, actor=TEST, at=at, now=at)
    sale = farm.fake(0, 3, 100_000)
    farm.sleep(9)
    at = farm.tick()
    outcome = rewards.give(
        kind=Kind.REFERRAL, subject=rewards.subject_of(guest.pk), wallet_id=guest.pk, points=500, inviter_points=500,
        payer_id=farm.budget, caller=SYSTEM, key="farm", actor=TEST, at=at, now=at,
    )  # fmt: skip
    assert outcome.is_booked
    farm.spend(0)
    farm.spend(3)
    assert farm.undo(sale.sale_id).is_booked and farm.ahead() <= 0
    for _n in range(3):
        farm.sleep(2)
        assert farm.ahead() <= 0
    sound()
