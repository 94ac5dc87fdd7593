"""The daily proof of what is owed: one snapshot, one hash over every balance, and a member's way up to that hash.

Proves the debts, not the money: that custody is at the bank is for the bank's statement to say. Written once a day after
the close, by the clock. Format and attacks: points/calc/merkle.py; why it is so: docs/decisions/proof-of-reserves.md.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, transaction

from alliance.calc.worktime import shanghai_day
from points import sealing
from points.calc import merkle
from points.calc.merkle import Bucket, Node, Step
from points.models import Account, BankLine, Proof, ProofBucket

FORMAT = "lianhui-proof-1"
# What belongs to the operator: it stands behind everybody else and is not counted as owed.
OWN = (Account.Kind.FEE, Account.Kind.BUFFER, Account.Kind.BREAKAGE, Account.Kind.SURPLUS)


class ProofDiffers(Exception):
    """The balances do not come to what the accounts say. Nothing is written; `./run verify` tells where."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The book at one moment. kinds: by kind of account, wallets left out."""

    buckets: list[Bucket]
    pending: int
    held: int
    kinds: dict[int, int]
    bank_on: date | None
    seal: tuple[date, bytes] | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One wallet's part of a day's proof, as it is shown and downloaded."""

    proof: Proof
    wallet: int
    balance: int
    salt: bytes
    path: list[Step]

    def document(self) -> dict[str, Any]:
        """Return the file that docs/verify_proof.py reads."""
        return {
            "format": FORMAT,
            "on": self.proof.taken_on.isoformat(),
            "wallet": self.wallet,
            "balance": self.balance,
            "salt": self.salt.hex(),
            "path": [{"side": step.side, "hash": step.hash.hex(), "sum": step.sum} for step in self.path],
            "root": bytes(self.proof.root).hex(),
            "total_points": self.proof.total_points,
        }


def prove(*, at: datetime) -> Proof | None:
    """Write the proof of `at`'s day; None when the day has one already. Raises ProofDiffers, and then writes nothing."""
    on = shanghai_day(at)
    if Proof.objects.filter(pk=on).exists():
        return None
    secret = secrets.token_bytes(32)
    found = _snapshot(secret)
    top = merkle.root([bucket.top for bucket in found.buckets])
    if top.sum != -sum(found.kinds.values()):
        raise ProofDiffers(f"wallets {top.sum}, accounts {-sum(found.kinds.values())}")
    figures = _figures(found, top.sum, on, at)
    with transaction.atomic():
        proof = Proof.objects.create(
            taken_on=on,
            taken_at=at,
            root=top.hash,
            total_points=top.sum,
            wallets=figures["wallets"],
            custody_fen=figures["custody_fen"],
            figures=json.dumps(figures, sort_keys=True, separators=(",", ":")),
            bank_on=found.bank_on,
            secret=secret,
            chain=merkle.START,
        )
        ProofBucket.objects.bulk_create(
            ProofBucket(
                taken_on=on,
                bucket=number,
                wallets=bucket.wallets,
                leaves=bucket.leaves,
                groups=bucket.groups,
                root=bucket.top.hash,
                total_points=bucket.top.sum,
            )
            for number, bucket in enumerate(found.buckets)
        )
    proof.refresh_from_db()
    return proof


def prune() -> int:
    """Let go of the balances of old days; return of how many days. Roots and figures stay."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_prune_proofs()")
        return int(cursor.fetchone()[0])


def evidence(on: date, wallet_id: int) -> Evidence | None:
    """Return a wallet's part of a day's proof; None when there is none, it is pruned, or the wallet came later."""
    proof = Proof.objects.filter(pk=on).first()
    tops = {
        number: Node(bytes(root), total)
        for number, root, total in ProofBucket.objects.filter(taken_on=on).values_list("bucket", "root", "total_points")
    }
    if proof is None or len(tops) != merkle.BUCKETS:
        return None
    number = wallet_id % merkle.BUCKETS
    kept = ProofBucket.objects.get(taken_on=on, bucket=number)
    place = merkle.find(bytes(kept.leaves), bytes(kept.groups), bytes(proof.secret), wallet_id)
    if place is None:
        return None
    above = merkle.path([tops[n] for n in range(merkle.BUCKETS)], number)
    return Evidence(proof, wallet_id, place.balance, place.salt, [*place.path, *above])


def kept_days() -> list[date]:
    """Return the days of which a member's part can be shown, newest first."""
    return list(ProofBucket.objects.filter(bucket=0).order_by("-taken_on").values_list("taken_on", flat=True))


def links(limit: int, until: date | None = None) -> list[tuple[Proof, str]]:
    """Return the newest proofs (up to a day), newest first, each with the chain of the one before it."""
    found = Proof.objects.filter(taken_on__lte=until) if until else Proof.objects.all()
    rows = list(found.order_by("-taken_on")[: limit + 1])
    before = [bytes(row.chain).hex() for row in rows[1:]] + [merkle.START.hex()]
    return list(zip(rows, before, strict=False))[:limit]


# --- the snapshot -------------------------------------------------------------------------------------

# Live accounts are of this moment; collecting ones are as far as the mark, what came since is added.
_KINDS = """
SELECT a.kind, sum(a.balance) + coalesce(sum(l.amount) FILTER (WHERE NOT a.kind = ANY(%s)), 0) FROM points_money a LEFT JOIN (
  SELECT v.id, sum(v.amount) AS amount FROM points_transfer t
    CROSS JOIN LATERAL (VALUES (t.debit_id, -(t.points + t.rest)), (t.credit_id, t.points), (t.rest_id, t.rest)) v(id, amount)
    WHERE t.xid >= (SELECT xid FROM points_mark WHERE name = 'rollup') AND v.id <> t.wallet_id GROUP BY 1) l ON l.id = a.id
GROUP BY a.kind ORDER BY a.kind"""
_BUCKETS = """
SELECT (id % 64)::integer, string_agg(int8send(id) || int8send(balance), ''::bytea), sum(pending), sum(held)
FROM points_wallet GROUP BY 1"""


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let everything that is read be of one moment. Inside somebody's transaction (a test) the moment is theirs."""
    with transaction.atomic():
        if not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _snapshot(secret: bytes) -> Snapshot:
    """Read the whole book in one snapshot; a bucket at a time, so that millions of wallets need little memory."""
    empty = merkle.grow(b"", secret)
    buckets, pending, held = [empty] * merkle.BUCKETS, 0, 0
    with _one_moment():
        with connection.cursor() as cursor:
            cursor.execute(_KINDS, [[kind.value for kind in Account.LIVE]])
            kinds = {kind: int(total) for kind, total in cursor.fetchall()}
        bank_on = BankLine.objects.order_by("-value_on").values_list("value_on", flat=True).first()
        seal = sealing.newest()
        with connection.chunked_cursor() as cursor:
            cursor.execute(_BUCKETS)
            while row := cursor.fetchone():
                buckets[row[0]] = merkle.grow(bytes(row[1]), secret)
                pending, held = pending + int(row[2]), held + int(row[3])
    return Snapshot(buckets, pending, held, kinds, bank_on, seal)


def _figures(found: Snapshot, total: int, on: date, at: datetime) -> dict[str, Any]:
    """Return what is published of a day. Money and points are in fen: 1 point = 1 fen."""
    named = {Account.Kind(kind).name.lower(): amount for kind, amount in found.kinds.items()}
    own = {kind.name.lower() for kind in OWN}
    custody = -named.pop("custody")
    return {
        "on": on.isoformat(),
        "taken_at": at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "wallets": sum(bucket.wallets for bucket in found.buckets),
        "points": {"spendable": total - found.pending - found.held, "pending": found.pending, "held": found.held},
        "custody_fen": custody,
        "owed_fen": {name: amount for name, amount in named.items() if name not in own},
        "own_fen": {name: amount for name, amount in named.items() if name in own},
        "bank_on": found.bank_on.isoformat() if found.bank_on else None,
        # The newest sealed day of the history and the hash over its seals (points/sealing.py).
        "seal": {"on": found.seal[0].isoformat(), "root": found.seal[1].hex()} if found.seal else None,
    }
