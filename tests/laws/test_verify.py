"""Each law is broken once, by the owner with the guards off, and must be seen by `verify`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from points import closing, proving, rollup, verify
from tests.points.shops import NOON, Shop, open_shop

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]

BREAKS = {
    "all balances and what the roll-up has not taken yet sum to zero": "UPDATE points_account SET balance = balance + 1 WHERE id = 2",
    "a wallet is the sum of its transfers": "UPDATE points_wallet SET seq = seq + 1 WHERE id = {wallet}",
    "each transfer continues the chain of its wallet": "UPDATE points_transfer SET balance_after = balance_after + 1 WHERE wallet_id = {wallet} AND seq = 1",
    "a wallet is the sum of its lots, pending of its pending lots": "UPDATE points_wallet SET pending = pending + 1 WHERE id = {wallet}",
    "no account but custody is below zero, nothing is overdrawn": "UPDATE points_account SET balance = 5 WHERE id = 1",
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
    "nothing is held, for there are no holds": "UPDATE points_wallet SET held = 1 WHERE id = {wallet}",
    "a void is its sale with all amounts negated, once": "DELETE FROM points_reversal",
    "a red-letter row is its original negated, on the same accounts": "UPDATE points_transfer SET due_on = due_on + 1 WHERE reverses_id IS NOT NULL",
    "what was released is split by its terms, no more and no less": "UPDATE points_split SET fee = fee + 1, buffer = buffer - 1 WHERE buffer > 0",
    "every account, wallet and lot that is named exists": "UPDATE points_transfer SET credit_id = 777777777 WHERE wallet_id = {wallet} AND kind = 2",
    "suspense holds the bank lines that wait": "UPDATE points_bank_line SET amount_fen = amount_fen + 1",
    "each day's proof hangs on the one before it and says what was owed": "UPDATE points_proof SET custody_fen = custody_fen + 1, figures = replace(figures, '\"held\":0', '\"held\":1')",
    "a proof's buckets make its root and its total": "UPDATE points_proof_bucket SET total_points = total_points + 1 WHERE bucket = 5",
    "the guards of the history are on": "ALTER TABLE points_transfer DISABLE TRIGGER points_immutable",
}


def lived(shop: Shop) -> dict[str, int]:
    """Let a shop sell, take points, void, and close its first week."""
    wallet = shop.wallet()
    old = NOON - timedelta(days=15)
    sale = shop.sell(wallet, 10_000, event_at=old, now=old)
    shop.sell(wallet, 100, event_at=old, now=old, spend_points=100)
    other = shop.sell(wallet, 5_000)
    shop.void(other.sale_id)
    closing.close(NOON.date() - timedelta(days=1), now=NOON)
    rollup.run()
    proving.prove(at=NOON)
    return {"wallet": wallet.pk, "sale": sale.sale_id or 0, "float": shop.merchant.float_id}


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
                    "points_proof",
                    "points_proof_bucket",
                ):
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER points_immutable")
            cursor.execute(statement.format(**facts))
            (check,) = verify.run(name)
            assert check.differences > 0, name
            with pytest.raises(SystemExit):
                call_command("verify")
            transaction.set_rollback(True)
    assert [check for check in verify.checks() if check.differences] == []
