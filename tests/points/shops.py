"""Shops and wallets for tests of the book, without a merchant: the book knows numbers only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from alliance.actors import Actor
from points import accounts, bills, funding, holds, terms
from points.bills import Bill, Caller, Outcome, OutletRef
from points.models import Account, Hold, Sale, Terms, Transfer, Wallet

TEST = Actor.system("test")
# The last noon in Shanghai: the book refuses bills of the future.
NOON = (datetime.now(UTC) - timedelta(hours=4)).replace(hour=4, minute=0, second=0, microsecond=0)
_numbers = itertools.count(1)


@dataclass
class Shop:
    outlet: OutletRef
    merchant: accounts.MerchantAccounts
    terms: Terms
    caller: Caller

    def wallet(self, points: int = 0) -> Wallet:
        """Open a wallet, with mature points that this shop paid."""
        wallet = accounts.open_wallet(NOON - timedelta(days=30))
        if points:
            paid = -(-points * 10_000_000 // (self.terms.rate_bps * self.terms.member_bps))
            outcome = self.sell(wallet, paid * 10, key=f"opening {next(_numbers)}")
            assert outcome.points >= points
        return wallet

    def draft(self, wallet: Wallet | int, paid_fen: int, **more: Any) -> Bill:
        number = next(_numbers)
        facts: dict[str, Any] = {"event_at": NOON, "key": f"key {number}", "body": f"body {number}", **more}
        wallet_id = wallet if isinstance(wallet, int) else wallet.pk
        return bills.draft(outlet=self.outlet, terms=self.terms, wallet_id=wallet_id, paid_fen=paid_fen, **facts)

    def sell(self, wallet: Wallet | int, paid_fen: int, now: datetime | None = None, **more: Any) -> Outcome:
        """Book one bill at its own time (or at `now`)."""
        bill = self.draft(wallet, paid_fen, **more)
        (outcome,) = bills.post([bill], caller=self.caller, actor=TEST, now=now or bill.event_at)
        return outcome

    def void(self, sale_id: int | None, now: datetime | None = None, **more: Any) -> Outcome:
        facts = {"key": f"void {next(_numbers)}", "body": "", "outlet_id": self.outlet.outlet_id, **more}
        at = now or NOON + timedelta(minutes=1)
        return bills.void(sale_id=sale_id or 0, caller=self.caller, actor=TEST, at=at, now=at, **facts)

    def hold(self, wallet: Wallet | int, points: int, now: datetime = NOON, **more: Any) -> Outcome:
        """Set points aside; the outcome's sale_id is the number of the hold."""
        number = next(_numbers)
        facts: dict[str, Any] = {
            "bill_fen": points * 10, "key": f"hold {number}", "body": f"hold {number}", "terms": self.terms, "outlet": self.outlet, **more,
        }  # fmt: skip
        wallet_id = wallet if isinstance(wallet, int) else wallet.pk
        return holds.place(wallet_id=wallet_id, points=points, caller=self.caller, actor=TEST, at=now, now=now, **facts)

    def capture(
        self, hold_id: int | None, points: int, paid_fen: int = 0, now: datetime = NOON, **more: Any
    ) -> Outcome:
        """Book the final bill of a hold."""
        hold = Hold.objects.filter(pk=hold_id or 0).first()
        bill = self.draft(hold.wallet_id if hold else 0, paid_fen, spend_points=points, event_at=now, **more)
        return holds.capture(hold_id=hold_id or 0, bill=bill, caller=self.caller, actor=TEST, now=now)

    def release(self, hold_id: int | None, now: datetime = NOON, **more: Any) -> Outcome:
        facts = {"key": f"release {next(_numbers)}", "body": "", "outlet_id": self.outlet.outlet_id, **more}
        return holds.release(hold_id=hold_id or 0, caller=self.caller, actor=TEST, at=now, now=now, **facts)

    def top_up(self, fen: int, at: datetime = NOON) -> None:
        line = funding.receive(
            bank="bank",
            account="1",
            serial=f"line {next(_numbers)}",
            amount_fen=fen,
            value_on=at.date(),
            actor=TEST,
            at=at,
            now=at,
        )
        funding.allot(bank_line=line, float_id=self.merchant.float_id, actor=TEST, at=at, now=at)

    @property
    def float_fen(self) -> int:
        return Account.objects.filter(pk=self.merchant.float_id).money()[self.merchant.float_id]


def open_shop(float_fen: int = 100_000, **card: Any) -> Shop:
    number = next(_numbers)
    at = NOON - timedelta(days=1_000)
    merchant = accounts.open_merchant(owner_no=number, title=f"shop {number}", at=at)
    centre = accounts.open_centre(owner_no=number, title=f"centre {number}", at=at)
    card = {"rate_bps": 800, **card}
    written = terms.write(merchant=merchant, version=1, valid_from=at, **card)
    shop = Shop(OutletRef(number, merchant.float_id, centre), merchant, written, Caller("till", number))
    if float_fen:
        shop.top_up(float_fen, NOON - timedelta(days=20))
    return shop


def moved(before: dict[int, int]) -> dict[int, int]:
    """Return what changed since `totals()`, by account."""
    after = totals()
    return {n: after.get(n, 0) - before.get(n, 0) for n in {*before, *after} if after.get(n, 0) != before.get(n, 0)}


def totals() -> dict[int, int]:
    """Return the sum of all postings per account: the book's own history, no cached balance."""
    sums: dict[int, int] = {}
    for row in Transfer.objects.all():
        for account, fen in (
            (row.debit_id, -row.points - row.rest),
            (row.credit_id, row.points),
            (row.rest_id, row.rest),
        ):
            if account:
                sums[account] = sums.get(account, 0) + fen
    return sums


def everything() -> tuple[int, int, dict[int, int]]:
    """Return what a refusal may not change: history, documents, balances."""
    balances = dict(Wallet.objects.values_list("pk", "balance")) | Account.objects.money()
    return Transfer.objects.count(), Sale.objects.count(), balances
