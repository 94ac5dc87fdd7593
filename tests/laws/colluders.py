"""People who mean to cheat, with the product's own verbs: two shops, three members and a service centre of their own.

They fake sales among themselves, undo them, spend the points on goods at an honest shop, and walk away from debts. `ahead`
is what they have gained since they began: goods, what their accounts hold and what banks paid them, less what they paid in.
Fakes cost them nothing but the rebate: no goods change hands, the cash goes round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from django.db import connection

from alliance.calc.worktime import shanghai_day
from points import accounts, clearing, closing, expiry, funding, holds, partitions, promises, refunds, rollup, surplus
from points.bills import Outcome
from points.models import Account, Payout, RuleVersion, Sale, SurplusClosing, Wallet
from points.refunds import ByTotal, RefundOutcome
from tests.points.ruling import fund, rule
from tests.points.shops import TEST, Shop, open_shop

# A Monday morning in Shanghai.
START = datetime(2025, 3, 3, 2, 0, tzinfo=UTC)
FAR = "2000-01-01"


class Colluders:
    """A quiet alliance with honest money to win, and those who want it."""

    def __init__(
        self, *, rate_bps: int = 800, rates: Sequence[int] = (), honest_bps: int = 800, promo_bps: int = 0
    ) -> None:
        partitions.ahead(12, START.date() - timedelta(days=31))
        self.now = START
        self.goods = self.paid_in = self.runs = self.files = self.bank_fen = self.closings = 0
        first, second = rates or (rate_bps, rate_bps)
        self.shops = [self._open(first, promo_bps), self._open(second, promo_bps)]
        self.honest = [self._open(honest_bps, 0) for _n in range(2)]
        # The two shops are served by one centre, which is one of them.
        self.shops[1].outlet = replace(self.shops[1].outlet, centre_account_id=self.centre)
        self.members = [accounts.open_wallet(START - timedelta(days=30)) for _n in range(3)]
        self.budget = accounts.open_budget(title="operator", at=START - timedelta(days=30))
        fund(self.budget, 10_000_000)
        for shop in self.honest:
            shop.top_up(10_000_000, START - timedelta(days=20))

    @staticmethod
    def _open(rate_bps: int, promo_bps: int) -> Shop:
        card = {"rate_bps": rate_bps, "matures_days": 0, "spend_share_bps": 10_000}
        return open_shop(float_fen=0, member_bps=6_250 - promo_bps, promo_bps=promo_bps, **card)

    @property
    def centre(self) -> int:
        return self.shops[0].outlet.centre_account_id

    @property
    def today(self) -> date:
        return shanghai_day(self.now)

    def tick(self, minutes: int = 1) -> datetime:
        self.now += timedelta(minutes=minutes)
        return self.now

    # --- what they have -------------------------------------------------------------------------

    def ahead(self) -> int:
        """Return what they have gained, in fen."""
        rollup.run()
        floats = [shop.merchant.float_id for shop in self.shops]
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT (SELECT coalesce(sum(greatest(balance, 0)), 0) FROM points_account WHERE id = ANY (%(floats)s) OR id = %(centre)s
                    OR centre_id = %(centre)s AND kind IN (13, 14) AND float_id IS NULL OR float_id = ANY (%(floats)s) AND kind IN (4, 12, 13, 14))
                  + (SELECT coalesce(sum(balance), 0) FROM points_wallet WHERE id = ANY (%(members)s))
                  + (SELECT coalesce(sum(p.amount_fen), 0) FROM points_payout p JOIN points_account a ON a.id = p.source_id
                      WHERE p.state = 4 AND (a.id = %(centre)s OR a.float_id = ANY (%(floats)s)))""",
                {"floats": floats, "centre": self.centre, "members": [wallet.pk for wallet in self.members]},
            )
            held = int(cursor.fetchone()[0])
        return held + self.goods - self.paid_in

    def available(self, member: int) -> int:
        return Wallet.objects.get(pk=self.members[member].pk).available

    # --- shops and members ----------------------------------------------------------------------

    def top_up(self, shop: int, fen: int) -> None:
        self.shops[shop].top_up(fen, self.tick())
        self.paid_in += fen

    def fake(self, shop: int, member: int, fen: int) -> Outcome:
        """Ring up a sale that never was."""
        at = self.tick()
        return self.shops[shop].sell(self.members[member], fen, event_at=at, now=at)

    def spend(self, member: int, points: int | None = None, shop: int | None = None) -> Outcome | None:
        """Spend points (all of them) on goods of the honest shop, or at one of their own."""
        points = self.available(member) if points is None else points
        if points <= 0:
            return None
        at = self.tick()
        where = self.honest[0] if shop is None else self.shops[shop]
        outcome = where.sell(self.members[member], 0, event_at=at, now=at, spend_points=points)
        if outcome.is_booked and shop is None:
            self.goods += points
        return outcome

    def undo(self, sale_id: int | None, fen: int | None = None, *, cash_given: bool = False) -> RefundOutcome:
        """Take a sale of theirs, or goods of the honest shop, back: all that stays of it, or a part."""
        at = self.tick()
        sale = Sale.objects.get(pk=sale_id)
        fen = refunds.left_of(sale).bill if fen is None else fen
        outcome = refunds.refund(
            sale=sale, outlet_id=sale.outlet_id, returned=ByTotal(fen), caller=self.shops[0].caller, key=f"undo {at}", body="",
            actor=TEST, at=at, now=at, cash_given=cash_given,
        )  # fmt: skip
        if outcome.status == "booked" and sale.outlet_id == self.honest[0].outlet.outlet_id:
            self.goods -= outcome.returned_fen
        return outcome

    def withdraw(self, shop: int) -> None:
        """Take the whole float out, with the next payout."""
        at, float_id = self.tick(), self.shops[shop].merchant.float_id
        clearing.set_standing(float_id=float_id, fen=0, is_leaving=True)
        clearing.empty_float(float_id=float_id, actor=TEST, at=at, now=at)
        clearing.set_standing(float_id=float_id, fen=0)

    def gift(self, effect: dict[str, object], *shops: int, code: str = "gift", **scope: object) -> RuleVersion:
        """Let the operator's budget give something on sales of theirs, whatever a linter says."""
        floats = [self.shops[shop].merchant.float_id for shop in shops]
        caps = {"member_day": 10**6, "member": 10**6, "budget": 10**6}
        begins = START - timedelta(days=1)
        return rule(self.budget, effect, code=code, starts_at=begins, scope={"merchants": floats, **scope}, caps=caps)

    # --- the house ------------------------------------------------------------------------------

    def sleep(self, nights: int = 1) -> None:
        """Let nights pass, with everything that the clock does."""
        for _n in range(nights):
            self.now = datetime.combine(self.today + timedelta(days=1), START.timetz()) - timedelta(hours=1)
            expiry.expire(self.today, now=self.tick())
            expiry.mature(self.today, now=self.tick())
            holds.release_overdue(at=self.now, now=self.now)
            closing.close(self.today - timedelta(days=1), now=self.tick())
            self.settle()

    def settle(self) -> None:
        """What the clock does every minute: promises that can be paid, and debts."""
        for float_id in promises.payable():
            promises.pay(float_id, self.tick())
        refunds.settle(self.tick())

    def pay_out(self) -> None:
        """Clear yesterday, if nobody has, and let the bank pay everybody."""
        at = self.tick()
        yesterday = self.today - timedelta(days=1)
        closing.close(yesterday, now=at)
        assert not clearing.clear(yesterday, actor=TEST, now=at).failed
        self.runs += 1
        clearing.approve(run_no=self.runs, through=10**9)
        payouts = list(Payout.objects.filter(run_no=self.runs).order_by("pk"))
        if not payouts:
            return
        clearing.send(run_no=self.runs, payout_ids=[payout.pk for payout in payouts])
        lines = [
            funding.Line(f"payout {payout.pk}", -payout.amount_fen, self.today, payout_id=payout.pk)
            for payout in payouts
        ]
        opening, self.bank_fen = self.bank_fen, self.bank_fen + sum(line.amount_fen for line in lines)
        booked = funding.book_statement(
            bank="payouts", account="2", from_on=self.today, to_on=self.today, opening_fen=opening, closing_fen=self.bank_fen,
            digest=hashlib.sha256(b"%d" % self.runs).digest(), lines=lines, actor=TEST, at=at, now=at,
        )  # fmt: skip
        assert booked.paid == len(payouts)

    def share_surplus(self, floor_fen: int = 0) -> SurplusClosing | None:
        """Close breakage and the buffer above its floor, and share it."""
        rollup.run()
        at = self.tick()
        breakage = accounts.balance(accounts.house("breakage"))
        buffer = max(0, accounts.balance(accounts.house("buffer")) - floor_fen)
        if breakage + buffer == 0:
            return None
        self.closings += 1
        made = surplus.close(
            approval_id=self.closings, breakage_fen=breakage, buffer_fen=buffer, actor=TEST, at=at, now=at
        )
        return surplus.share_all(made, now=self.tick())

    def take_fee(self) -> None:
        """The operator takes the fee that is released (row 43)."""
        rollup.run()
        fee = accounts.balance(accounts.house("fee"))
        if fee > 0:
            clearing.withdraw_fee(amount_fen=fee, actor=TEST, at=self.tick(), now=self.now)

    def honest_trade(self, sales: int, fen: int) -> list[Wallet]:
        """Honest people buy: their points stay in their wallets, and the house gets its parts."""
        found = []
        for n in range(sales):
            at = self.tick()
            wallet = accounts.open_wallet(at)
            assert self.honest[n % 2].sell(wallet, fen, event_at=at, now=at).points
            found.append(wallet)
        return found


def weaken(function: str, *changes: tuple[str, str]) -> None:
    """Put a function of the book without one of its fixes in place of it, for the rest of this test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [function])
        text = cursor.fetchone()[0]
        for old, new in changes:
            assert text.count(old) == 1, (function, old)
            text = text.replace(old, new)
        cursor.execute(text)


def drop_check(table: str, name: str) -> None:
    """Take a law of a table away, for the rest of this test."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def overdrawn() -> int:
    """Return how much is missing in accounts below zero: what others would have to pay."""
    rollup.run()
    rows = Account.objects.filter(balance__lt=0).exclude(kind=Account.Kind.CUSTODY)
    return -sum(rows.values_list("balance", flat=True))
