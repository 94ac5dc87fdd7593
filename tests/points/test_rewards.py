"""Rewards for what is not a sale (rows 26 and 27): once, within the reward credit, both of a referral or none, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.test import override_settings
from django.utils import translation

from alliance.models import Event
from alliance.refusals import Refused
from points import accounts, closing, refunds, rewards, rollup, verify, winding_up
from points.models import Account, Claim, Referral, Reward, RewardBack, Transfer, Wallet
from points.rewards import Kind
from tests.points.ruling import budget
from tests.points.shops import NOON, TEST, Shop, everything, moved, open_shop, totals
from tests.points.test_refunds import back

pytestmark = pytest.mark.django_db

OLD = NOON - timedelta(days=20)


def balance(account: int) -> int:
    return Account.objects.get(pk=account).balance


def is_sound() -> bool:
    rollup.run()
    assert [(check.name, check.differences) for check in verify.checks() if check.differences] == []
    return True


def pair(shop: Shop) -> tuple[Wallet, Wallet]:
    """Return an inviter and whom they invited, before anything was bought."""
    inviter, invitee = shop.wallet(), shop.wallet()
    at = NOON - timedelta(days=25)
    assert rewards.refer(invitee_id=invitee.pk, inviter_id=inviter.pk, actor=TEST, at=at, now=at)
    return inviter, invitee


def give(shop: Shop, wallet: Wallet, payer: int, kind: Kind = Kind.REFERRAL, points: int = 80, **more: Any) -> Any:
    facts: dict[str, Any] = {"at": NOON, "now": NOON, "key": f"give {kind} {wallet.pk}", **more}
    if kind == Kind.REFERRAL:
        facts = {"subject": rewards.subject_of(wallet.pk), "inviter_points": points, **facts}
    facts.setdefault("subject", f"R{wallet.pk}")
    return rewards.give(
        kind=kind, wallet_id=wallet.pk, points=points, payer_id=payer, caller=shop.caller, actor=TEST, **facts
    )


def released(shop: Shop, through: int = 1) -> None:
    closing.close(NOON.date() - timedelta(days=through), now=NOON, float_ids=[shop.merchant.float_id])


def wallet_of(wallet: Wallet) -> tuple[int, int, int]:
    wallet.refresh_from_db()
    return wallet.balance, wallet.credit, wallet.rewarded


def test_both_are_rewarded_against_the_invitees_credit_once(shop: Shop) -> None:
    """¥100 at 8 % bears 160: 80 for each, from the budget, on account of who was invited."""
    payer, (inviter, invitee) = budget(), pair(shop)
    shop.sell(invitee, 10_000, event_at=OLD, now=OLD)
    released(shop)
    before = totals()
    outcome = give(shop, invitee, payer)
    assert (outcome.status, outcome.points, outcome.balance_after, outcome.available_after) == ("booked", 80, 580, 580)
    assert moved(before) == {payer: -160, inviter.pk: 80, invitee.pk: 80} and balance(payer) == 9_840
    assert wallet_of(invitee) == (580, 160, 160) and wallet_of(inviter) == (80, 0, 0)
    row = Reward.objects.get()
    assert (row.pk, row.inviter_id, row.is_outside, row.subject) == (
        outcome.sale_id,
        inviter.pk,
        True,
        f"W{invitee.pk}",
    )
    again = give(shop, invitee, payer)
    assert again.replayed and again.sale_id == outcome.sale_id
    other = give(shop, invitee, payer, key="another key")
    assert (other.code, other.figure) == ("reward_given", row.pk)
    assert give(shop, invitee, payer, points=70).code == "key_reused"
    assert Transfer.objects.filter(kind=Transfer.Kind.REWARD).count() == 2 and is_sound()


def test_over_the_credit_none_is_given_and_what_is_missing_is_said(shop: Shop) -> None:
    payer, (inviter, invitee) = budget(), pair(shop)
    shop.sell(invitee, 10_000, event_at=OLD, now=OLD)
    released(shop)
    before = everything()
    outcome = give(shop, invitee, payer, points=81)
    assert (outcome.code, outcome.figure) == ("reward_credit_short", 2)
    with translation.override("en"):
        assert "2 points" in str(outcome.refusal())
    assert give(shop, invitee, payer, key="k2", kind=Kind.REVIEW, points=161).figure == 1
    assert everything() == before and not Reward.objects.exists()
    assert (
        give(shop, invitee, payer, key="k3").is_booked
        and give(shop, invitee, payer, key="k4", kind=Kind.REVIEW, points=1).code == "reward_credit_short"
    )
    assert wallet_of(inviter)[0] == 80 and is_sound()


def test_credit_of_a_referral_counts_after_the_hold_back_only(shop: Shop) -> None:
    payer, (_inviter, invitee) = budget(), pair(shop)
    shop.sell(invitee, 10_000)
    outcome = give(shop, invitee, payer)
    assert (outcome.code, outcome.figure) == ("reward_credit_short", 160)
    assert rewards.room(invitee.pk, Kind.REFERRAL) == 0 and rewards.room(invitee.pk, Kind.REVIEW) == 160
    shop.sell(invitee, 10_000, event_at=OLD + timedelta(hours=1), now=NOON)
    later = NOON + timedelta(days=8)
    closing.close(later.date() - timedelta(days=1), now=later, float_ids=[shop.merchant.float_id])
    assert give(shop, invitee, payer, key="later", at=later, now=later).is_booked
    assert is_sound()


def test_the_inviters_own_credit_counts_for_nothing(shop: Shop) -> None:
    payer, (inviter, invitee) = budget(), pair(shop)
    shop.sell(inviter, 1_000_000, event_at=OLD, now=OLD)
    released(shop)
    assert give(shop, invitee, payer, points=1).code == "reward_credit_short"


def test_a_shops_own_money_needs_no_credit_but_is_spent(shop: Shop) -> None:
    (inviter, invitee), start = pair(shop), shop.float_fen
    before = totals()
    assert give(shop, invitee, shop.merchant.float_id, points=500).is_booked
    assert moved(before) == {shop.merchant.float_id: -1_000, inviter.pk: 500, invitee.pk: 500}
    assert wallet_of(invitee) == (500, 0, 0) and shop.float_fen == start - 1_000
    poor = open_shop(float_fen=999)
    _other, guest = pair(poor)
    refused = give(poor, guest, poor.merchant.float_id, points=500)
    assert (refused.code, refused.figure) == ("funder_short", 1_000)
    assert not Reward.objects.filter(member_id=guest.pk).exists() and is_sound()


def test_who_can_be_invited(shop: Shop) -> None:
    inviter, invitee = pair(shop)

    def refer(invitee: Wallet, inviter: Wallet | int) -> bool:
        number = inviter if isinstance(inviter, int) else inviter.pk
        return rewards.refer(invitee_id=invitee.pk, inviter_id=number, actor=TEST, at=NOON, now=NOON)

    assert not refer(invitee, inviter), "again"
    assert Event.objects.filter(verb="points.invited").count() == 1
    for who, by, code in (
        (invitee, invitee, "referral_of_oneself"),
        (invitee, shop.wallet(), "referral_exists"),
        (shop.wallet(points=10), inviter, "referral_too_late"),
        (shop.wallet(), 999_999_999, "wallet_unknown"),
    ):
        with pytest.raises(Refused) as refused:
            refer(who, by)
        assert refused.value.code == code
    returned = shop.wallet()
    gone = shop.sell(returned, 1_000)
    back(shop, gone.sale_id, 1_000)
    assert refer(returned, inviter), "who kept nothing is new"
    assert give(shop, shop.wallet(), shop.merchant.float_id).code == "referral_unknown" and is_sound()


def test_a_second_level_is_impossible(shop: Shop) -> None:
    """No row can pay the inviter's inviter on account of an invitee, and no invitation changes."""
    grand, middle = shop.wallet(), shop.wallet()
    rewards.refer(invitee_id=middle.pk, inviter_id=grand.pk, actor=TEST, at=OLD, now=OLD)
    invitee = shop.wallet()
    rewards.refer(invitee_id=invitee.pk, inviter_id=middle.pk, actor=TEST, at=OLD, now=OLD)
    assert give(shop, invitee, shop.merchant.float_id, points=5).is_booked
    assert wallet_of(grand)[0] == 0 and wallet_of(middle)[0] == 5
    insert = """INSERT INTO points_reward SELECT id + 1, kind, subject || 'x', member_id, %s, payer_id, is_outside, points, inviter_points, 1, on_day, booked_at, actor
        FROM points_reward"""
    for statement, arguments in (
        (insert.replace("subject || 'x'", "'W' || member_id"), [grand.pk]),
        (insert, [middle.pk]),
        ("UPDATE points_referral SET inviter_id = %s", [grand.pk]),
        ("DELETE FROM points_referral WHERE inviter_id = %s", [middle.pk]),
        ("INSERT INTO points_referral VALUES (%s, %s, now(), 'x')", [invitee.pk, grand.pk]),
        ("INSERT INTO points_referral VALUES (%s, %s, now(), 'x')", [grand.pk, grand.pk]),
    ):
        with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_nothing_reads_another_referral_for_an_amount() -> None:
    """G1: what is given is what was asked for, or nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'points_give_reward'")
        text = cursor.fetchone()[0]
    assert text.count("points_referral") == 1 and "z.invitee_id = p_wallet" in text
    assert "p_inviter_points :=" not in text and "p_points :=" not in text


@override_settings(REFERRAL_DAY_POINTS=150, REFERRAL_YEAR_POINTS=200)
def test_inviting_is_capped_by_day_and_year(shop: Shop) -> None:
    inviter = shop.wallet()
    payer, found = shop.merchant.float_id, []
    for _n in range(4):
        guest = shop.wallet()
        rewards.refer(invitee_id=guest.pk, inviter_id=inviter.pk, actor=TEST, at=OLD, now=OLD)
        found.append(guest)
    assert give(shop, found[0], payer, points=100).is_booked
    over = give(shop, found[1], payer, points=51)
    assert (over.code, over.figure) == ("referral_limit", 50)
    assert give(shop, found[2], payer, points=50).is_booked
    later = NOON + timedelta(days=1)
    if later.year == NOON.year:
        over = give(shop, found[3], payer, points=51, at=later, now=later)
        assert (over.code, over.figure) == ("referral_limit", 50)
    assert wallet_of(inviter)[0] == 150 and is_sound()


def test_a_refund_takes_both_back(shop: Shop) -> None:
    payer, (inviter, invitee) = budget(), pair(shop)
    sale = shop.sell(invitee, 10_000, event_at=OLD, now=OLD)
    released(shop)
    assert give(shop, invitee, payer).is_booked
    assert back(shop, sale.sale_id, 10_000).is_booked
    assert wallet_of(invitee) == (0, 0, 0) and wallet_of(inviter) == (0, 0, 0) and balance(payer) == 10_000
    backs = list(RewardBack.objects.order_by("wallet_id"))
    assert [(row.taken, row.charged, row.owed) for row in backs] == [(80, 0, 0), (80, 0, 0)]
    assert not Claim.objects.exists() and is_sound()
    assert give(shop, invitee, payer, key="again").code == "reward_given", "it pays once, also after it went back"


def test_a_refund_that_the_credit_bears_leaves_the_reward(shop: Shop) -> None:
    payer, (inviter, invitee) = budget(), pair(shop)
    kept = shop.sell(invitee, 10_000, event_at=OLD, now=OLD)
    other = shop.sell(invitee, 10_000, event_at=OLD, now=OLD)
    released(shop)
    assert give(shop, invitee, payer).is_booked
    assert back(shop, other.sale_id, 10_000).is_booked and not RewardBack.objects.exists()
    # One fen of credit less than both rewards need.
    assert back(shop, kept.sale_id, 100).is_booked and RewardBack.objects.count() == 2
    assert wallet_of(inviter)[0] == 0 and balance(payer) == 10_000 and is_sound()


def test_what_is_gone_is_charged_up_to_the_rest_and_then_owed(shop: Shop) -> None:
    """Row 27: wallet → budget; missing: the merchant, at most the rest that returns; then the members."""
    payer, (inviter, invitee) = budget(), pair(shop)
    sink = open_shop(matures_days=0, spend_share_bps=10_000)
    sale = shop.sell(invitee, 10_000)
    bill = NOON + timedelta(days=8)
    closing.close(bill.date() - timedelta(days=1), now=bill, float_ids=[shop.merchant.float_id])
    assert give(shop, invitee, payer, at=bill, now=bill).is_booked
    sink.sell(inviter, 0, spend_points=80, event_at=bill, now=bill)
    sink.sell(invitee, 0, spend_points=580, event_at=bill, now=bill)
    held = shop.float_fen
    done = back(shop, sale.sale_id, 10_000, now=bill + timedelta(minutes=5))
    assert done.is_booked and done.points_short == 500
    row = {row.wallet_id: row for row in RewardBack.objects.all()}
    # The rest of 300 is due, and 160 of it lacked: all of it is charged.
    assert (row[invitee.pk].charged, row[inviter.pk].charged) == (80, 80) and shop.float_fen == held - 160
    assert balance(payer) == 10_000 and wallet_of(invitee)[2] == 0 and is_sound()


def test_without_money_of_the_merchant_members_owe_and_pay_later() -> None:
    shop = open_shop(float_fen=800, matures_days=0)
    payer, (inviter, invitee) = budget(), pair(shop)
    sink = open_shop(matures_days=0, spend_share_bps=10_000)
    sale = shop.sell(invitee, 10_000, event_at=OLD, now=OLD)
    released(shop)
    assert give(shop, invitee, payer).is_booked
    sink.sell(inviter, 0, spend_points=80)
    sink.sell(invitee, 0, spend_points=580)
    assert back(shop, sale.sale_id, 10_000).is_booked
    claims = {claim.debtor_id: claim for claim in Claim.objects.filter(why=Claim.Why.REWARD)}
    assert {number: claim.points for number, claim in claims.items()} == {inviter.pk: 80, invitee.pk: 80}
    assert balance(payer) == 9_840 and is_sound()
    sink.sell(inviter, 1_000)
    assert rewards.settle(NOON + timedelta(minutes=9)) == 50
    sink.sell(inviter, 1_000, event_at=NOON + timedelta(minutes=10))
    assert rewards.settle(NOON + timedelta(minutes=11)) == 30 and rewards.settle(NOON + timedelta(minutes=12)) == 0
    assert balance(payer) == 9_920 and wallet_of(inviter)[0] == 20 and is_sound()


def test_a_refund_that_is_refused_or_repeated_moves_no_reward(shop: Shop) -> None:
    payer, (_inviter, invitee) = budget(), pair(shop)
    sale = shop.sell(invitee, 10_000, event_at=OLD, now=OLD)
    released(shop)
    assert give(shop, invitee, payer).is_booked
    before = everything()
    assert back(shop, sale.sale_id, 10_001).code == "refund_too_much" and everything() == before
    first = back(shop, sale.sale_id, 10_000, key="one", body="b")
    after = everything()
    again = back(shop, sale.sale_id, 10_000, key="one", body="b")
    assert again.replayed and again.refund_id == first.refund_id and everything() == after and is_sound()


def test_a_sale_that_bears_a_reward_is_not_voided(shop: Shop) -> None:
    payer, wallet = budget(), shop.wallet()
    sale = shop.sell(wallet, 10_000)
    assert give(shop, wallet, payer, kind=Kind.REVIEW, points=100).is_booked
    assert shop.void(sale.sale_id).code == "void_rewarded"
    assert back(shop, sale.sale_id, 10_000).is_booked and wallet_of(wallet) == (0, 0, 0) and is_sound()


def test_a_removed_review_takes_its_points_back_once(shop: Shop) -> None:
    wallet = shop.wallet(points=200)
    outcome = give(shop, wallet, shop.merchant.float_id, kind=Kind.REVIEW, points=100)
    held = shop.float_fen

    def take(key: str, number: int = outcome.sale_id or 0) -> rewards.Taken:
        return rewards.take_back(reward_id=number, caller=shop.caller, key=key, actor=TEST, at=NOON, now=NOON)

    assert take("back") == rewards.Taken(outcome.sale_id or 0, 0, False) and shop.float_fen == held + 100
    assert take("back").replayed
    for key, number, code in (
        ("x", outcome.sale_id or 0, "reward_taken_back"),
        ("y", 1, "reward_unknown"),
        ("back", 1, "key_reused"),
    ):
        with pytest.raises(Refused) as refused:
            take(key, number)
        assert refused.value.code == code
    assert is_sound()


def test_a_removed_review_whose_points_are_gone_is_owed(shop: Shop) -> None:
    wallet, start = shop.wallet(), shop.float_fen
    outcome = give(shop, wallet, shop.merchant.float_id, kind=Kind.REVIEW, points=100)
    open_shop(spend_share_bps=10_000).sell(wallet, 0, spend_points=70)
    taken = rewards.take_back(
        reward_id=outcome.sale_id or 0, caller=shop.caller, key="back", actor=TEST, at=NOON, now=NOON
    )
    assert taken.owed_points == 70 and shop.float_fen == start - 70 and wallet_of(wallet)[0] == 0
    (claim,) = Claim.objects.all()
    assert (claim.why, claim.refund_id, claim.debtor_id, claim.points) == (Claim.Why.REWARD, None, wallet.pk, 70)
    assert is_sound()


def test_who_closes_gives_no_more(shop: Shop) -> None:
    wallet, decided = shop.wallet(), NOON - timedelta(days=2)
    winding_up.start(
        approval_id=9, scope=3, title="stops", float_ids=[shop.merchant.float_id], issue_ends_on=decided.date(),
        spend_ends_on=(decided + timedelta(days=40)).date(), actor=TEST, at=decided, now=decided,
    )  # fmt: skip
    assert give(shop, wallet, shop.merchant.float_id, kind=Kind.MISSION, points=5).code == "reward_stopped"
    assert give(shop, wallet, budget(), kind=Kind.MISSION, points=5, key="b").code == "reward_credit_short"


def test_an_unknown_wallet_and_a_wrong_payer(shop: Shop) -> None:
    ghost = Wallet(pk=999_999_999)
    assert give(shop, ghost, shop.merchant.float_id, kind=Kind.MISSION).code == "wallet_unknown"
    for payer in (shop.merchant.proceeds_id, 5, 999_999_999):
        with pytest.raises(Error), transaction.atomic():
            give(shop, shop.wallet(), payer, kind=Kind.MISSION, key=f"wrong {payer}")
    assert accounts.balance(5) == 0 and Referral.objects.count() == 0 and refunds.settle(NOON) == (0, 0)
