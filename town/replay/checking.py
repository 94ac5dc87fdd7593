"""What must be true of a settled year: each month's sums, nothing left over, a member's part that a stranger checks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db.models import Count, Min, Sum

from points import accounts, matrix, proving, rollup
from points.matrix import PeriodSums
from points.models import Account, AccountDay, BankStatement, Clearing, Lot, Payout, Proof, Statement, Wallet
from points.web import reserve
from town.replay import bank

SCRIPT = settings.BASE_DIR / "docs" / "verify_proof.py"
# What belongs to merchants and centres and must have been paid out to them, and what is on its way.
_PASSING = (Account.Kind.PROCEEDS, Account.Kind.CENTRE, Account.Kind.IN_PAYOUT, Account.Kind.SUSPENSE)
_HELD_BACK = (Account.Kind.REST, Account.Kind.FEE_REST)


class NotProved(Exception):
    """The program that knows nothing of ours does not find a member's part among what was published."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a settled year; faults: what does not come out, in words."""

    months: list[tuple[date, PeriodSums]]
    clearings: int
    statements: int
    payouts: int
    paid_fen: int
    files: int
    lapsed: int
    left: int
    bank_fen: int
    faults: list[str]


def figures(last: date) -> Figures:
    """Return the figures of the year whose last cleared day is `last`; its months begin with the first booking."""
    rollup.run()
    first = AccountDay.objects.aggregate(on=Min("booked_on"))["on"] or last
    months = [(month, matrix.sums(month, _next(month) - timedelta(days=1))) for month in _months(first, last)]
    paid = Payout.objects.filter(state=Payout.State.PAID).aggregate(n=Count("pk"), fen=Sum("amount_fen"))
    wallets = Wallet.objects.aggregate(points=Sum("balance"))["points"] or 0
    found = Figures(
        months=months,
        clearings=Clearing.objects.filter(finished_at__isnull=False).count(),
        statements=Statement.objects.count(),
        payouts=paid["n"],
        paid_fen=paid["fen"] or 0,
        files=BankStatement.objects.count(),
        lapsed=accounts.balance(accounts.house("breakage")),
        left=wallets,
        bank_fen=bank.balance() or 0,
        faults=[],
    )
    found.faults.extend(_faults(found))
    return found


def _faults(found: Figures) -> Iterator[str]:
    for month, sums in found.months:
        if not sums.is_balanced:
            yield f"{month:%Y-%m}: the changes of all accounts do not come to zero"
        if not sums.is_matched:
            yield f"{month:%Y-%m}: the matrix is not proceeds and spending fees"
    if Payout.objects.exclude(state=Payout.State.PAID).exists():
        yield "a payout was not paid"
    if found.left or Lot.objects.filter(is_open=True).exists():
        yield "points did not lapse"
    for kind, fen in _balances().items():
        if fen:
            yield f"accounts of kind {Account.Kind(kind).name.lower()} still hold {fen:,} fen"
    if found.bank_fen != -accounts.balance(accounts.house("custody")):
        yield "the bank has another balance than custody"


def _balances() -> dict[int, int]:
    kinds = Account.objects.filter(kind__in=[*_PASSING, *_HELD_BACK]).values_list("kind")
    return dict(kinds.annotate(fen=Sum("balance")))


def strangers_word() -> str:
    """Give somebody's part of the last proof with points, and the published page, to docs/verify_proof.py.

    Returns what it says. Raises NotProved.
    """
    proof = Proof.objects.filter(total_points__gt=0).order_by("-taken_on").first()
    if proof is None:
        raise NotProved("no proof was taken while there were points")
    for wallet_id in Wallet.objects.order_by("-pk").values_list("pk", flat=True).iterator():
        part = proving.evidence(proof.pk, wallet_id)
        if part is not None and part.balance > 0:
            break
    else:
        raise NotProved("nobody has a part of the proof")
    with TemporaryDirectory() as folder:
        names = [Path(folder, "proof.json"), Path(folder, "reserve.json")]
        for name, document in zip(names, (part.document(), reserve.published(reserve.MOST_DAYS)), strict=True):
            name.write_text(json.dumps(document), encoding="utf-8")
        done = subprocess.run([sys.executable, "-I", SCRIPT, *names], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotProved((done.stdout + done.stderr).strip())
    return done.stdout.strip()


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last + timedelta(days=2):
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)
