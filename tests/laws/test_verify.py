"""Each law is broken once, by the owner with the guards off, and must be seen by `verify`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import Error, connection, transaction
from django.test import override_settings

from points import (
    accounts,
    adjusting,
    bonuses,
    circulation,
    clearing,
    closing,
    expiry,
    funding,
    holds,
    identify,
    keeping,
    opening,
    promises,
    proving,
    refunds,
    rewards,
    rollup,
    sealing,
    surplus,
    verify,
    winding_up,
)
from points.calc.rules import Line
from points.models import Allowance, Awaited, Payout, Wallet
from tests.points import test_keeping as keeps
from tests.points.ruling import budget, rule
from tests.points.shops import NOON, TEST, Shop, open_shop
from tests.points.test_refunds import back

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]

BREAKS = {
    "all balances and what the roll-up has not taken yet sum to zero": "UPDATE points_account SET balance = balance + 1 WHERE id = 2",
    "a wallet is the sum of its transfers": "UPDATE points_wallet SET seq = seq + 1 WHERE id = {wallet}",
    "each transfer continues the chain of its wallet": "UPDATE points_transfer SET balance_after = balance_after + 1 WHERE wallet_id = {wallet} AND seq = 1",
    "a wallet is the sum of its lots, pending of its pending lots": "UPDATE points_wallet SET pending = pending + 1 WHERE id = {wallet}",
    "no account but custody is below zero, nothing is overdrawn": "UPDATE points_account SET balance = 5 WHERE id = 1",
    "only floats have stripes, as many as they say, numbered from zero": "DELETE FROM points_allowance WHERE stripe = 7",
    "custody covers everything that is owed": "UPDATE points_account SET balance = 0 WHERE id = 1",
    "a live account is the sum of its postings": "UPDATE points_account SET balance = balance - 1 WHERE id = {float}",
    "a collecting account is the sum of its postings up to the mark": "UPDATE points_account SET balance = balance + 1 WHERE id = 3",
    "running totals are the sums of the history up to the mark": "UPDATE points_account_day SET n = n + 1 WHERE account_id = {float}",
    "every sale has its key, every booked key its journal": "DELETE FROM points_key WHERE sale_id = {sale}",
    "every sale has its transfers, every transfer of a till its sale": "DELETE FROM points_sale WHERE id = {sale}",
    "a sale was reckoned by its terms": "UPDATE points_sale SET terms_id = terms_id + 1000 WHERE id = {sale}",
    "what left a wallet left its lots": "DELETE FROM points_lot_use WHERE wallet_id = {wallet}",
    "per funder and expiry: given − used = what is left in lots": "UPDATE points_lot SET expires_on = expires_on + 1 WHERE wallet_id = {wallet}",
    "a sale happened while its terms were in force": "UPDATE points_terms SET valid_to = valid_from + interval '1 day' WHERE float_id = {float}",
    "a bill moved the accounts of its terms": "UPDATE points_transfer SET credit_id = 3 WHERE wallet_id = {wallet} AND kind = 2",
    "terms name the accounts of their own merchant": "UPDATE points_terms SET proceeds_id = 3 WHERE float_id = {float}",
    "one key per sale, with the figures of the sale": "UPDATE points_key SET spent = spent + 1 WHERE sale_id = {sale}",
    "what a wallet holds back is the sum of its open holds and of its lots": "UPDATE points_wallet SET held = held + 1 WHERE id = {wallet}",
    "what is held of a lot is what open holds name, and only mature lots are held": "UPDATE points_hold_lot SET funder_id = funder_id + 1",
    "a hold is the sum of the parts it names": "DELETE FROM points_hold_lot",
    "a hold is in a lawful state, of one merchant, and was closed in its time": "UPDATE points_hold SET float_id = 3 WHERE state = 3",
    "a capture's bill is booked under its hold": "UPDATE points_hold SET captured = captured + 1 WHERE state = 2",
    "a hold has the key of its placing, and of its release by the outlet": "UPDATE points_key SET spent = spent + 1 WHERE spent < 0",
    "a void is its sale with all amounts negated, once": "DELETE FROM points_reversal",
    "a red-letter row undoes its original on the same accounts, never more of it": "UPDATE points_transfer SET due_on = due_on + 1 WHERE reverses_id IS NOT NULL",
    "what was released is split by its terms, no more and no less": "UPDATE points_split SET fee = fee + 1, buffer = buffer - 1 WHERE buffer > 0",
    "every account, wallet and lot that is named exists": "UPDATE points_transfer SET credit_id = 777777777 WHERE wallet_id = {wallet} AND kind = 2",
    "suspense holds the bank lines that wait": "DELETE FROM points_bank_line WHERE id NOT IN (SELECT bank_line_id FROM points_opening)",
    "what was allotted came from a bank line, whole": "UPDATE points_bank_line SET allotted_to_id = 5",
    "a float is closed through its last close, and no month ahead": "UPDATE points_account SET closed_on = '2099-01-01' WHERE id = {float}",
    "the key of an adjustment has its figures": "UPDATE points_key SET balance_after = balance_after + 1",
    "a request that booked nothing moved nothing": "UPDATE points_key SET points = 1 WHERE status = 2",
    "the transfers of a bill have its time, day and actor": "UPDATE points_sale SET actor = 'user:2' WHERE id = {sale}",
    "the days of a bill follow from its terms": "UPDATE points_terms SET holdback_days = holdback_days + 1",
    "every row lies in the bucket of its wallet": "UPDATE points_lot SET bucket = (bucket + 1) % 64",
    "a lot lapses at its expiry or thirty days later, and is closed only when empty": "UPDATE points_lot SET lapses_on = '2099-01-01'",
    "a pending lot is what was earned for its day": "UPDATE points_lot SET matures_on = matures_on + 1 WHERE matures_on > '2000-01-01'",
    "a use of a lot is of its own transfer": "UPDATE points_lot_use SET booked_at = booked_at + interval '1 second'",
    "a bonus is one transfer from the payer of its rule, as its reckoning says": "UPDATE points_award SET is_outside = NOT is_outside WHERE points > 0",
    "a bonus is undone by what took it back, and never more than it was": """
        INSERT INTO points_award SELECT sale_id, version_id, 1, rule_id, wallet_id, payer_id, NULL, on_day, -points - 1, 0, is_outside, is_loss, is_saved, is_pending
        FROM points_award WHERE points > 0 AND journal_id = sale_id""",
    "bonuses of a promised sale come once, when it is paid, and never more than was told": "UPDATE points_awaited SET told = told + 1",
    "what stays of a sale by line is a part of its lines, and covers what earns yet": "UPDATE points_reversal SET kept_lines = '[[1, 1]]' WHERE refunds > 0",
    "what limits count is what rules gave": "UPDATE points_award_used SET points = points + 1",
    "what a wallet was given by others is the sum of their bonuses, its shares of the surplus and rewards": "UPDATE points_wallet SET rewarded = rewarded + 1 WHERE id = {wallet}",
    "others give on a sale no more than it brings the alliance": "UPDATE points_award SET points = points + 1000 WHERE points > 0",
    "a reward is one transfer to each of its two from its payer, under its key": "UPDATE points_reward SET payer_id = 5 WHERE kind = 1",
    "a reward that was taken back went back whole: taken, charged or owed, both parts": "UPDATE points_reward_back SET taken = taken - 1, owed = owed + 1 WHERE taken > 1",
    "who was invited had bought nothing before, and one inviter is paid": "UPDATE points_referral SET invited_at = invited_at + interval '1 year'",
    "each day's proof hangs on the one before it and says what was owed": "UPDATE points_proof SET custody_fen = custody_fen + 1, figures = replace(figures, '\"held\":0', '\"held\":1')",
    "a proof's buckets make its root and its total": "UPDATE points_proof_bucket SET total_points = total_points + 1 WHERE bucket = 5",
    "each seal hangs on the day before, no day and bucket is missing, and proofs carry them": "DELETE FROM points_seal WHERE bucket = 7 AND sealed_on = (SELECT max(sealed_on) FROM points_seal)",
    "the fee on points of returned purchases that were gone is kept once a month, above the share, by the terms": "UPDATE points_kept_fee SET issued = issued + 1",
    "sealed days are as they were when they were sealed": "UPDATE points_key SET body = gen_random_uuid()",
    "a merchant owes what was promised": "UPDATE points_credit_line SET owed_fen = owed_fen - 1",
    "a promise is its sale, and within the limit of its time": "UPDATE points_promise SET points = points + 1, rest = rest - 1 WHERE state = 1",
    "what was issued had been promised, and is paid for": "UPDATE points_promise SET points = points + 1, rest = rest - 1 WHERE state = 2",
    "a merchant's bill is the sum of its promises": "UPDATE points_bill SET open_fen = open_fen - 1, paid_fen = paid_fen + 1",
    "what was charged to the fee by mistake was charged to whose it was, once": "UPDATE points_bank_line SET reassigned_to_id = 5, reassigned_at = allotted_at, reassign_journal_id = journal_id + 1 WHERE amount_fen < 0 AND allotted_to_id = 3",
    "what left the bank left a payout or the fee, by its line": "UPDATE points_bank_line SET allotted_to_id = 4 WHERE amount_fen < 0",
    "custody is the bank's lines, and its files follow each other": "UPDATE points_bank_statement SET closing_fen = closing_fen + 1",
    "a line of the bank is known once, by account and serial": "ALTER TABLE points_bank_line DROP CONSTRAINT points_bank_line_of_a_normal_account; UPDATE points_bank_line SET account = account || ' '",
    "what is in payout is the open payouts": "UPDATE points_payout SET state = 4, ended_at = opened_at, end_journal_id = journal_id, run_no = 1 WHERE state = 1",
    "what is retained is the open disputes": "UPDATE points_retention SET held_fen = held_fen - 1 WHERE decided_at IS NULL AND held_fen > 0",
    "a dispute is what was set apart for it, and its decision": "UPDATE points_retention SET decided_to_id = {float} WHERE decided_at IS NOT NULL",
    "what an award could not move is owed until it has moved": "UPDATE points_retention SET wanted_fen = wanted_fen - 1 WHERE root_id IS NOT NULL AND held_fen = 0",
    "a payout went the way that its state says": "UPDATE points_payout SET amount_fen = amount_fen + 1 WHERE state = 5",
    "what moved an account between two clearings has its journal": "UPDATE points_movement SET amount_fen = amount_fen - 1 WHERE kind = 1",
    "statements follow each other, and no day is cleared out of turn": "UPDATE points_statement SET opening_fen = opening_fen + 1, proceeds_fen = proceeds_fen - 1 WHERE since_on IS NOT NULL",
    "each figure of a statement is the sum of its journals": "UPDATE points_statement SET standing_fen = standing_fen + 1, paid_fen = paid_fen - 1 WHERE paid_fen > 0",
    "what stays of a sale is the sale less its refunds": "UPDATE points_reversal SET kept_bill = kept_bill + 1 WHERE refunds > 0",
    "what stays after each refund follows the terms of the sale": "UPDATE points_sale SET points = points + 1, rest = rest - 1 WHERE kind = 3 AND points < -2",
    "a refund accounts for all that came back and all that is missing": "UPDATE points_refund SET from_proceeds = from_proceeds + 1, from_float = from_float - 1 WHERE from_float > 0",
    "reward credit is what kept sales bear": "UPDATE points_wallet SET credit = credit + 1 WHERE id = {wallet}",
    "what was repaid was booked: claims, dues, promised returns": "UPDATE points_due SET paid = paid - 1 WHERE paid > 0",
    "claims, dues and promises name the parties of their refund": "UPDATE points_claim SET creditor_id = 5 WHERE why = 2",
    "flows by day are what moved in wallets, up to their mark": "UPDATE points_flow_day SET points = points + 1",
    "a closing shares pro rata, rounded down, never above the credit, and what was taken": "UPDATE points_surplus_closing SET breakage_fen = breakage_fen + 1",
    "patronage points are the shares that were paid": "UPDATE points_surplus_share SET transfer_id = transfer_id + 1",
    "opening balances are the lines of their file, with the money of its bank line": "UPDATE points_opening_line SET points = points + 1",
    "after a closing mode points went to their funders, and after its end none is left": "UPDATE points_transfer SET credit_id = 5 WHERE kind = 17",
    "nothing expires once the issue of a closing mode has ended": "INSERT INTO points_winding_float SELECT min(id), {float} FROM points_winding",
    "a refund keeps back nothing that its funder has already": "INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on, balance_after) SELECT wallet_id % 64, wallet_id, now() - interval '3 days', 99999, 1, 1, 17, now(), '2020-01-01', 'x', wallet_id, float_id, 1, '2020-01-01', 0 FROM points_refund WHERE short > 0 ORDER BY refund_id DESC LIMIT 1",
    "a refund counts as back with its funder only what was wound up, and each point once": "UPDATE points_refund SET home = 1, home_own = 1 WHERE short > 0",
    "what expired went to breakage, or back to the budget or promotion credit it came from": "UPDATE points_transfer SET credit_id = 3 WHERE kind = 3",
    "one merchant's money becomes another's by points that were spent or bonuses that were charged, not by clearing": "UPDATE points_transfer t SET credit_id = (SELECT min(f.id) FROM points_account f WHERE f.kind = 3 AND f.id <> a.float_id) FROM points_account a WHERE a.id = t.debit_id AND a.kind = 4 AND t.kind = 11",
    "the guards of the history are on": "ALTER TABLE points_transfer DISABLE TRIGGER points_immutable",
}


def cleared(shop: Shop, wallet: Wallet) -> None:
    """Close and clear twice; one payout is paid, one comes back, one is proposed; one dispute is decided, one is open."""
    proceeds, day = shop.merchant.proceeds_id, NOON.date() - timedelta(days=1)
    clearing.set_standing(float_id=shop.merchant.float_id, fen=shop.float_fen + 10)
    closing.close(day - timedelta(days=1), now=NOON)
    clearing.clear(day - timedelta(days=1), actor=TEST, now=NOON)
    before = NOON - timedelta(days=1)
    early, _stopped = clearing.retain(account_id=proceeds, amount_fen=20, actor=TEST, at=before, now=before)
    shop.sell(wallet, 200, event_at=before, now=NOON, spend_points=200)
    clearing.release(retention_id=early.pk, to_id=proceeds, actor=TEST, at=before, now=before)
    shop.sell(wallet, 200, event_at=before, now=NOON, spend_points=200)
    closing.close(day, now=NOON)
    clearing.clear(day, actor=TEST, now=NOON)
    clearing.approve(run_no=1, through=10**9)
    payouts = list(Payout.objects.filter(state=Payout.State.APPROVED).order_by("source_id"))
    assert payouts[0].source_id == proceeds
    clearing.send(run_no=1, payout_ids=[payout.pk for payout in payouts])
    lines = [funding.Line(f"P{payout.pk}", -payout.amount_fen, day, "", "", payout.pk) for payout in payouts]
    lines.append(funding.Line("fee", -1, day))
    for number, part in enumerate((lines, [funding.Line("back", payouts[0].amount_fen, day, "", "", payouts[0].pk)])):
        opening = -accounts.balance(1)
        funding.book_statement(
            bank="bank",
            account="1",
            from_on=day,
            to_on=NOON.date(),
            opening_fen=opening,
            closing_fen=opening + sum(line.amount_fen for line in part),
            digest=bytes([number]) * 32,
            lines=part,
            actor=TEST,
            at=NOON,
            now=NOON,
        )
    clearing.withdraw_fee(amount_fen=1, actor=TEST, at=NOON, now=NOON)
    clearing.retain(account_id=proceeds, amount_fen=20, actor=TEST, at=NOON, now=NOON)
    # One is awarded to another merchant before anything of it is there.
    third, _stopped = clearing.retain(account_id=proceeds, amount_fen=10_000, actor=TEST, at=NOON, now=NOON)
    clearing.release(retention_id=third.pk, to_id=open_shop().merchant.proceeds_id, actor=TEST, at=NOON, now=NOON)


def lived(shop: Shop) -> dict[str, int]:
    """Let a shop sell, take points, void, and close its first week."""
    # Before there are rules.
    sold_for_cash()
    wallet = shop.wallet()
    old, yesterday = NOON - timedelta(days=15), NOON - timedelta(days=1)
    sale = shop.sell(wallet, 10_000, event_at=old, now=old)
    shop.sell(wallet, 100, event_at=old, now=old, spend_points=100)
    shop.sell(wallet, 1_000, event_at=yesterday, now=yesterday, spend_points=10)
    other = shop.sell(wallet, 5_000)
    shop.void(other.sale_id)
    rule(budget(), {"kind": "rate", "bps": 100})
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 5}, code="stamps", scope={"stamp_every": 2})
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 3}, code="first", scope={"first_visit": True})
    guest = shop.wallet()
    shop.sell(guest, 6_000)
    shop.sell(guest, 6_000)
    lines = [Line("tea", "a", 400), Line("rice", "b", 600)]
    one_of_two = shop.sell(guest, 1_000, lines=lines)
    back(shop, one_of_two.sale_id, refunds.ByLines(600, eligible_fen=600, stays=((400, 1), (0, 0))))
    assert shop.sell(wallet, 90_000_000).status == "without_points"
    assert shop.sell(wallet, 90_000_000, spend_points=9_000_000).code == "points_short"
    open_shop(matures_days=7).sell(wallet, 8_000)
    adjusting.adjust(
        wallet_id=wallet.pk,
        funder_id=shop.merchant.float_id,
        points=30,
        caller=shop.caller,
        key="adjust",
        actor=TEST,
        at=NOON,
        now=NOON,
    )
    promised()
    refunded()
    rewarded()
    cleared(shop, wallet)
    settled(shop)
    sealing.seal(now=NOON)
    shop.sell(wallet, 10_000)
    held = [shop.hold(wallet, 40).sale_id or 0 for _ in range(4)]
    assert shop.capture(held[1], 30, paid_fen=100).status == "booked"
    assert shop.release(held[2]).status == "booked"
    assert holds.release_overdue(at=NOON, now=NOON + timedelta(minutes=45)) == 2
    assert shop.hold(wallet, 50, now=NOON + timedelta(minutes=46)).status == "booked"
    striped(open_shop(float_fen=0, matures_days=0), wallet)
    rollup.run()
    proving.prove(at=NOON)
    return {"wallet": wallet.pk, "sale": sale.sale_id or 0, "float": shop.merchant.float_id}


def striped(shop: Shop, wallet: Wallet) -> None:
    """Let a float have stripes, and sell."""
    shop.top_up(100_000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_make_stripes(%s)", [shop.merchant.float_id])
    assert shop.sell(wallet, 100).status == "booked"
    assert Allowance.objects.filter(float_id=shop.merchant.float_id).count() == 16


def promised() -> None:
    """Let a postpaid shop promise three sales, draw a bill for two, and pay for one."""
    shop = open_shop(float_fen=0, matures_days=0)
    wallet, old = shop.wallet(), NOON - timedelta(days=8)
    promises.set_line(float_id=shop.merchant.float_id, limit_fen=5_000, period=1, actor=TEST, at=old, now=old)
    for at in (old, old + timedelta(minutes=5), NOON):
        assert shop.sell(wallet, 10_000, event_at=at, now=at).status == "promised"
    promises.draw(NOON.date(), NOON)
    shop.top_up(800)
    assert promises.pay(shop.merchant.float_id, NOON).issued == 1
    bonuses.give(NOON)
    assert Awaited.objects.filter(state=Awaited.State.GIVEN).count() == 1


def refunded() -> None:
    """Let a shop take goods back, early and late, by every way that points and money can go, and half of the debts be paid."""
    shop, other = open_shop(float_fen=9_800, matures_days=0), open_shop(matures_days=0, spend_share_bps=10_000)
    old, before = NOON - timedelta(days=20), NOON - timedelta(days=15)
    wallet = other.wallet(points=2_500)
    kept = shop.sell(wallet, 100_000, event_at=old, now=old)
    late = shop.sell(wallet, 10_000, event_at=old, now=old)
    clearing.retain(account_id=shop.outlet.centre_account_id, amount_fen=1, actor=TEST, at=NOON, now=NOON)
    closing.close(NOON.date() - timedelta(days=9), now=NOON, float_ids=[shop.merchant.float_id])
    back(shop, late.sale_id, 4_000)
    back(shop, late.sale_id, 6_000)
    # Spent points that come back from everywhere, and a promise of which a part is kept.
    shop.sell(shop.wallet(), 8_000, event_at=before, now=before)
    spent = shop.sell(wallet, 2_000, spend_points=2_000)
    clearing.retain(
        account_id=shop.merchant.proceeds_id,
        amount_fen=accounts.balance(shop.merchant.proceeds_id),
        actor=TEST,
        at=NOON,
        now=NOON,
    )
    assert back(shop, spent.sale_id, 3_900).points_promised > 0
    shop.top_up(700)
    assert refunds.settle(NOON + timedelta(minutes=7))[1] == 700 + 156
    # Earned points, and a bonus of the operator's, that are gone; the cash is gone too.
    guest = other.wallet()
    gone = other.sell(guest, 30_000)
    shop.sell(guest, 10_000, spend_points=1_400)
    assert back(other, gone.sale_id, 30_000, cash_given=True).claim_fen > 0
    other.sell(guest, 2_000)
    assert refunds.settle(NOON + timedelta(minutes=8))[0] > 0
    assert kept.status == "booked"


def sold_for_cash() -> None:
    """Let two shops sell points for cash in the month before: one pays its fee, one owes a part of it."""
    rich, poor = keeps.shop_of(), keeps.shop_of(800)
    for shop, fen in ((rich, 390_000), (poor, 3_000)):
        keeps.fake(shop)
        at = keeps.THEN + timedelta(minutes=9)
        assert shop.sell(shop.wallet(), fen, event_at=at, now=at).status == "booked"
        keeps.close(shop)
    assert list(keeping.run(keeps.MONTH, NOON)) == [2]
    poor.top_up(20)
    assert refunds.settle(NOON)[1] >= 20


def rewarded() -> None:
    """Let a budget reward an invitation, and a shop reviews; two are taken back, of which points were gone."""
    shop, other, payer = open_shop(matures_days=0), open_shop(matures_days=0, spend_share_bps=10_000), budget()
    old = NOON - timedelta(days=20)
    inviter, invitee, third = shop.wallet(), shop.wallet(), shop.wallet()
    for guest in (invitee, third):
        rewards.refer(invitee_id=guest.pk, inviter_id=inviter.pk, actor=TEST, at=old, now=old)
    sale = shop.sell(invitee, 40_000, event_at=old + timedelta(hours=1), now=old + timedelta(hours=1))
    closing.close(NOON.date() - timedelta(days=9), now=NOON, float_ids=[shop.merchant.float_id])

    def give(kind: rewards.Kind, wallet: Wallet, payer: int, points: int) -> int:
        subject = rewards.subject_of(wallet.pk) if kind == rewards.Kind.REFERRAL else f"R{wallet.pk}"
        outcome = rewards.give(
            kind=kind, subject=subject, wallet_id=wallet.pk, points=points, inviter_points=points if kind == 1 else 0, payer_id=payer,
            caller=shop.caller, key=f"reward {kind} {wallet.pk}", actor=TEST, at=NOON, now=NOON,
        )  # fmt: skip
        assert outcome.is_booked
        return outcome.sale_id or 0

    give(rewards.Kind.REFERRAL, third, shop.merchant.float_id, 30)
    review = give(rewards.Kind.REVIEW, third, shop.merchant.float_id, 40)
    other.sell(third, 0, spend_points=50)
    taken = rewards.take_back(reward_id=review, caller=shop.caller, key="removed", actor=TEST, at=NOON, now=NOON)
    assert taken.owed_points == 20
    give(rewards.Kind.REFERRAL, invitee, payer, 80)
    other.sell(inviter, 0, spend_points=100)
    assert back(shop, sale.sale_id, 40_000).is_booked
    shop.sell(third, 200)
    assert 0 < rewards.settle(NOON + timedelta(minutes=8)) < 20


def settled(shop: Shop) -> None:
    """Let points expire and the surplus be shared, balances be taken over, and one merchant wind up."""
    early, decided = NOON - timedelta(days=40), NOON - timedelta(days=32)
    adjusting.adjust(
        wallet_id=shop.wallet().pk, funder_id=shop.merchant.float_id, points=70, caller=shop.caller, key="gone", actor=TEST,
        at=NOON - timedelta(days=9), now=NOON - timedelta(days=9), expires_on=(NOON - timedelta(days=9)).date(),
    )  # fmt: skip
    expiry.expire(NOON.date(), now=NOON)
    rollup.run()
    with override_settings(BUFFER_FLOOR_FEN=0):
        made = surplus.close(approval_id=1, breakage_fen=60, buffer_fen=0, actor=TEST, at=NOON, now=NOON)
    surplus.share_all(made, now=NOON)
    (member,) = accounts.open_wallets(1, early)
    identify.attach(wallet_id=member, kind="number", value="M1", at=early)
    file = f"member,points,expires_on\nM1,40,{NOON.date() + timedelta(days=90)}\n".encode()
    taken_over = opening.stage(title="old scheme", content=file, actor=TEST, at=NOON)
    line = funding.receive(
        bank="b", account="1", serial="old", amount_fen=50, value_on=NOON.date(), actor=TEST, at=NOON, now=NOON
    )
    opening.begin(opening=taken_over, bank_line=line, actor=TEST, at=NOON, now=NOON)
    assert list(opening.book(taken_over, now=NOON))[-1] == 1
    stops = open_shop(float_fen=0, matures_days=0)
    stops.top_up(1_000, early)
    stops.sell(stops.wallet(), 1_000, event_at=early, now=early)
    mode = winding_up.start(
        approval_id=2, scope=3, title="stops", float_ids=[stops.merchant.float_id], issue_ends_on=decided.date(),
        spend_ends_on=(decided + timedelta(days=28)).date(), actor=TEST, at=decided, now=decided,
    )  # fmt: skip
    assert list(winding_up.give_back(mode, now=NOON))[-1] == 1 and winding_up.finish(mode, actor=TEST, at=NOON)
    circulation.catch_up()


def test_every_law_has_a_break() -> None:
    assert set(BREAKS) == set(verify.names())


def test_a_broken_law_is_seen() -> None:
    facts = lived(open_shop(matures_days=0))
    assert [check for check in verify.checks() if check.differences or not check.rows] == []
    call_command("verify")
    for name, statement in BREAKS.items():
        with transaction.atomic(), connection.cursor() as cursor:
            if "DISABLE" not in statement:
                for table in (
                    "points_transfer",
                    "points_sale",
                    "points_key",
                    "points_lot_use",
                    "points_award",
                    "points_hold",
                    "points_hold_lot",
                    "points_proof",
                    "points_proof_bucket",
                    "points_seal",
                    "points_refund",
                    "points_refund_award",
                    "points_referral",
                    "points_reward",
                    "points_reward_back",
                    "points_kept_fee",
                ):
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER points_immutable")
            cursor.execute(statement.format(**facts))
            (check,) = verify.run(name)
            assert check.differences > 0, name
            with pytest.raises(SystemExit):
                call_command("verify")
            transaction.set_rollback(True)
    assert [check for check in verify.checks() if check.differences] == []


# What a change of one column may do unseen: nothing else in the book repeats it. Triggers and roles guard it until days are
# sealed; names and texts are not money.
UNSEEN = {
    "points_account": {"title", "opened_at", "owner_no"},
    # A line is known by account and serial, whatever the bank is called.
    "points_bank_line": {"bank", "serial", "value_on", "payer", "memo"},
    # A file may hold lines that an earlier one brought; its own count of lines is the bank's word.
    "points_bank_statement": {"bank", "lines", "to_on", "booked_at", "actor"},
    "points_clearing": {"finished_at", "minimum_fen", "actor"},
    # Which decision, what the merchant wishes: not money.
    "points_payout": {"run_no"},
    "points_standing": {"float_id", "standing_fen", "is_leaving"},
    # No transaction lies between a mark and the next number.
    "points_statement": {"mark", "free_fen"},
    "points_terms": {"version", "valid_from"},
    "points_credit_line": {"limit_fen", "period", "due_days", "drop_days", "state", "opened_at", "changed_at"},
    "points_bill": {"drawn_at", "drop_on"},
    "points_promise": {"limit_fen", "owed_after"},
    "points_wallet": {"tier", "opened_at"},
    "points_mark": {"moved_at", "xid"},
    "points_proof": {"taken_at"},
    "points_proof_bucket": {"leaves", "groups"},
    "points_seal": {"sealed_at"},
    "points_lot": {"earned"},
    "points_hold": {"actor", "bill_fen", "reference"},
    # Who noted it, and at which hour before the first purchase.
    "points_referral": {"actor", "invited_at"},
    "points_return_due": {"id"},
    "points_opening": {"title", "staged_at", "staged_by", "started_at", "finished_at"},
    "points_opening_line": {"no"},
    "points_surplus_closing": {"approval_id", "actor", "closed_at", "credit", "floor_fen", "expires_on", "finished_at"},
    "points_surplus_share": {"credit"},
    "points_winding": {"title", "approval_id", "actor", "decided_at", "ended_at"},
    "points_trace": {"facts"},
    "points_awaited": {"facts"},
}
# Who holds which wallet (handles, passes) is not the book's to prove.
BOOK = {
    "points_account", "points_account_day", "points_allowance", "points_awaited", "points_award", "points_award_used", "points_bank_line",
    "points_bank_statement", "points_bill",
    "points_claim", "points_clearing", "points_credit_line", "points_due", "points_flow_day", "points_hold", "points_hold_lot", "points_kept_fee", "points_key",
    "points_lot", "points_lot_use", "points_mark", "points_movement", "points_opening", "points_opening_line", "points_payout", "points_promise",
    "points_proof", "points_proof_bucket", "points_referral", "points_refund", "points_refund_award", "points_retention", "points_return_due",
    "points_reversal", "points_reward", "points_reward_back",
    "points_sale", "points_seal", "points_split", "points_standing", "points_statement", "points_surplus_closing", "points_surplus_share",
    "points_terms", "points_trace", "points_transfer", "points_visit", "points_wallet", "points_winding", "points_winding_float",
}  # fmt: skip
CHANGES = {
    "smallint": "{c} + 1", "integer": "{c} + 300", "bigint": "{c} + 1", "date": "{c} + 400", "boolean": "NOT {c}", "uuid": "gen_random_uuid()",
    "timestamp with time zone": "{c} + interval '3 hours'", "character varying": "left({c} || 'x', 20)", "text": "{c} || ' '",
    "bytea": "{c} || '\\x00'::bytea", "jsonb": "CASE jsonb_typeof({c}) WHEN 'array' THEN '[]' ELSE {c} || '{{\"x\": 1}}' END",
}  # fmt: skip


def test_a_change_of_any_column_is_seen_or_refused() -> None:
    """Change one row's column at a time: `verify` sees it, a constraint refuses it, or it is listed above with a reason."""
    lived(open_shop(matures_days=0))
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c JOIN pg_class t ON t.relname = c.table_name
               WHERE c.table_schema = 'public' AND c.table_name LIKE 'points\\_%' AND t.relkind IN ('r', 'p') AND NOT t.relispartition
                 AND c.is_generated = 'NEVER' ORDER BY 1, c.ordinal_position"""
        )
        columns = [row for row in cursor.fetchall() if row[0] in BOOK]
    unseen: dict[str, set[str]] = {}
    for table, column, kind in columns:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            try:
                with transaction.atomic():
                    change = CHANGES[kind].format(c=column)
                    cursor.execute(f"UPDATE {table} SET {column} = {change} WHERE {column} IS NOT NULL")
                    changed = cursor.rowcount
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            except Error:
                changed = 0  # refused
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            if changed and not any(check.differences for check in verify.checks()):
                unseen.setdefault(table, set()).add(column)
            transaction.set_rollback(True)
    assert unseen == UNSEEN
