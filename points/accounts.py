"""Opening accounts and reading exact balances. Accounts do not know their holders: an owner is a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from alliance import events
from alliance.actors import Actor
from points.models import Account, Wallet
from points.refusals import WALLET_UNKNOWN

# The house's own accounts have fixed numbers, written by the first migration.
HOUSE = {"custody": 1, "suspense": 2, "fee": 3, "buffer": 4, "breakage": 5, "surplus": 6}


@dataclass(frozen=True, slots=True)
class MerchantAccounts:
    float_id: int
    proceeds_id: int
    fee_rest_id: int
    promo_id: int


def house(name: str) -> int:
    """Return the number of a house account: custody, suspense, fee, buffer, breakage, surplus."""
    return HOUSE[name]


def open_wallet(at: datetime) -> Wallet:
    return Wallet.objects.get(pk=open_wallets(1, at)[0])


def open_wallets(n: int, at: datetime) -> list[int]:
    """Open n wallets and return their numbers."""
    if n == 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_open_wallets(%s::integer, %s::timestamptz)", [n, at])
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def open_merchant(*, owner_no: int, title: str, at: datetime) -> MerchantAccounts:
    """Open a merchant's accounts; opening them again returns them."""
    float_id = _open(Account.Kind.FLOAT, owner_no, title, None, at)
    others = (
        _open(kind, owner_no, title, float_id, at)
        for kind in (Account.Kind.PROCEEDS, Account.Kind.FEE_REST, Account.Kind.PROMO)
    )
    return MerchantAccounts(float_id, *others)


def open_centre(*, owner_no: int, title: str, at: datetime) -> int:
    """Open a service centre's account; opening it again returns it."""
    return _open(Account.Kind.CENTRE, owner_no, title, None, at)


def open_budget(*, title: str, at: datetime) -> int:
    """Open the budget of a campaign of the operator, empty. While the alliance closes nothing comes into it."""
    return _open(Account.Kind.BUDGET, 0, title, None, at)


def _open(kind: int, owner_no: int, title: str, float_id: int | None, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_open_account(%s::smallint, %s::bigint, %s::text, %s::bigint, %s::timestamptz)",
            [int(kind), owner_no, title, float_id, at],
        )
        return cursor.fetchone()[0]


# Roll-up so far + what has been booked since, in one snapshot: exact at any moment (points/sql/rollup.sql).
_BALANCE = """
SELECT a.balance + CASE WHEN a.kind NOT BETWEEN 4 AND 10 THEN 0 ELSE (
  SELECT coalesce(sum(
    CASE a.id WHEN t.debit_id THEN -(t.points + t.rest) WHEN t.credit_id THEN t.points ELSE t.rest END), 0)
  FROM points_transfer t WHERE t.xid >= m.xid AND a.id IN (t.debit_id, t.credit_id, t.rest_id)) END::bigint
FROM points_money a, points_mark m WHERE a.id = %s AND m.name = 'rollup'
"""


def balance(account_id: int) -> int:
    """Return an account's balance, exact also for collecting accounts."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE, [account_id])
        return cursor.fetchone()[0]


def holds_money(account_ids: Sequence[int]) -> bool:
    """Return whether any of the accounts has a balance."""
    return any(balance(account_id) for account_id in account_ids)


@transaction.atomic
def freeze(wallet_id: int, *, actor: Actor, at: datetime) -> None:
    """Stop earning and spending of a wallet. Refuses wallet_unknown."""
    _move(wallet_id, at, "wallet.frozen", actor, at)


@transaction.atomic
def unfreeze(wallet_id: int, *, actor: Actor, at: datetime) -> None:
    """Let a wallet earn and spend again. Refuses wallet_unknown."""
    _move(wallet_id, None, "wallet.unfrozen", actor, at)


def _move(wallet_id: int, frozen_at: datetime | None, verb: str, actor: Actor, at: datetime) -> None:
    is_frozen = frozen_at is not None
    changed = Wallet.objects.filter(pk=wallet_id, frozen_at__isnull=is_frozen).update(frozen_at=frozen_at)
    if changed:
        events.record(verb, f"points.wallet:{wallet_id}", actor, at)
    elif not Wallet.objects.filter(pk=wallet_id).exists():
        raise WALLET_UNKNOWN()


@transaction.atomic
def set_tier(wallet_id: int, tier: int, *, actor: Actor, at: datetime) -> None:
    """Keep a member's tier on the wallet, as a number. Refuses wallet_unknown."""
    if not Wallet.objects.filter(pk=wallet_id).update(tier=tier):
        raise WALLET_UNKNOWN()
    events.record("wallet.tier_set", f"points.wallet:{wallet_id}", actor, at, {"tier": tier})
