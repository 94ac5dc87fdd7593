"""Random histories of everything that happens to money: what tests.laws.histories knows, and refunds, rules, promises and
bills, dues and claims, clearing and payouts, fees, leaving and the surplus; against tests.laws.whole_oracle."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.test import override_settings

from points import accounts, awards, clearing, funding, promises, refunds, surplus, verify
from points.models import Account, Claim, CreditLine, Due, MerchantBill, Promise, ReturnDue, Sale, Split, Wallet
from points.models import Payout as PayoutRow
from points.refunds import ByLines, ByTotal, Returned
from tests.laws.histories import ACTOR, START, History
from tests.laws.oracle import Bill, day_of
from tests.laws.whole_oracle import BREAKAGE, BUFFER, CUSTODY, FEE, SURPLUS, Line, Rule, WholeOracle, WholeSale
from tests.points.ruling import rule

HOUSE = (CUSTODY, 2, FEE, BUFFER, BREAKAGE, SURPLUS)
STATES = {"proposed": 1, "approved": 2, "sent": 3, "paid": 4, "returned": 5, "stopped": 6}
PROMISES = {"open": 1, "issued": 2, "dropped": 3, "undone": 4}


class WholeHistory(History):
    """A town of a few shops and wallets and everything that can happen to its points and its money."""

    oracle: WholeOracle

    def __init__(self, seed: int, *, is_batched: bool, n_wallets: int = 16, n_shops: int = 4) -> None:
        self.house: dict[int, int] = {account: accounts.balance(account) for account in HOUSE}
        self.runs = self.files = self.bank_fen = self.surpluses = 0
        self.cleared = START.date() - timedelta(days=1)
        self.payout_ids: list[int] = []
        self.refunds: list[tuple[str, int, int | tuple[int, int], bool]] = []
        super().__init__(seed, is_batched=is_batched, n_wallets=n_wallets, n_shops=n_shops)
        for shop in self.shops:
            self.oracle.proceeds_of[shop.float_id] = shop.proceeds_id
            self.oracle.budgets.add(shop.promo_id)
        for account in (self.shops[0].promo_id, self.shops[2].promo_id):
            self._top_up(account, self.random.randrange(500, 20_000))
        self._make_rules()
        self._line()

    def _model(self) -> WholeOracle:
        return WholeOracle()

    def verbs(self) -> list[tuple[Callable[[], None], float]]:
        return [
            *super().verbs(), (self._close, 10), (self._there_and_back, 6), (self._refunds, 34), (self._settle, 8), (self._line, 3), (self._pay_bills, 6), (self._draw, 4), (self._drop, 3),
            (self._clear, 5), (self._bank, 5), (self._stop, 1), (self._fee_out, 1), (self._leave, 2), (self._standing, 1), (self._surplus, 0.7),
        ]  # fmt: skip

    def _post(self, chosen: list[Bill], *, at_event: bool = False) -> None:
        """Each is booked when it arrives: only the town books into the past, and it has no rules."""
        super()._post(chosen)

    def _bills(self) -> None:
        self._post([self._bill() for _each in range(self.random.choice([1, 2, 3, 8, 12]))])

    def _there_and_back(self) -> None:
        """Earn at one shop, spend all of it at another; perhaps the shops are paid; then one of the bills is undone."""
        r, wallet = self.random, self.random.choice(self.wallets)
        before = max(self.oracle.sales, default=-1)
        earned = replace(self._bill(), wallet=wallet, paid=30_000, eligible=30_000, spend=0, body="")
        self._post([replace(earned, key=f"t{self.n}")])
        if r.random() < 0.4:
            self.now += timedelta(days=r.choice([1, 8, 16]))
            self._prepare()
            self._age()
        there = self.oracle.wallets[wallet].available
        if there:
            spent = replace(
                self._bill(), wallet=wallet, paid=r.choice([0, 500, 40_000]), eligible=0, spend=there, body=""
            )
            self._post([replace(spent, key=f"u{self.n}")])
        if r.random() < 0.7:
            self.now += timedelta(days=r.choice([1, 8, 32]))
            self._prepare()
            self._clear()
            self._bank()
            if r.random() < 0.5:
                self._leave()
        for number in range(before + 1, max(self.oracle.sales, default=-1) + 1):
            if number in self.sale_ids and r.random() < 0.7:
                self._refund(number)

    # --- rules ----------------------------------------------------------------------------------

    def _make_rules(self) -> None:
        begins, ends = START - timedelta(days=30), START + timedelta(days=900)
        first, second, third = self.floats[0], self.floats[1], self.floats[2]
        tag = f"s{self.callers.id}"
        self.oracle.rules = [
            Rule(f"{tag}-a", self.budget, 0, frozenset({first, second}), begins, ends, bps=100, most_bill=150, most_member_day=260),
            Rule(f"{tag}-b", self.shops[0].promo_id, first, frozenset({first}), begins, ends, bps=70, most_all=90_000),
            Rule(f"{tag}-c", second, second, frozenset({third}), begins, ends, points=35, basket=9_000, most_member=900),
            Rule(f"{tag}-d", self.budget, 0, frozenset({second, third}), begins, ends, points=120, every=3, most_day=2_000),
            Rule(f"{tag}-e", third, third, frozenset({third}), begins, ends, bps=50, basket=500, most_bill=90),
        ]  # fmt: skip
        for mine in self.oracle.rules:
            effect = {"kind": "rate", "bps": mine.bps} if mine.bps else {"kind": "fixed", "points": mine.points}
            scope = {"merchants": sorted(mine.shops), "stamp_every": mine.every, "basket_fen": mine.basket}
            caps = {
                "bill": mine.most_bill, "member_day": mine.most_member_day, "member": mine.most_member, "day": mine.most_day,
                "budget": mine.most_all,
            }  # fmt: skip
            caps = {name: most for name, most in caps.items() if most is not None}
            rule(mine.payer, effect, code=mine.code, starts_at=begins, ends_at=ends, scope=scope, caps=caps)
        awards.forget()

    # --- refunds --------------------------------------------------------------------------------

    def _refunds(self) -> None:
        """Goods come back, in part or all of them, in any order; and some requests come twice."""
        for number in self.random.choices(list(self.sale_ids)[-160:], k=5) if self.sale_ids else ():
            self.operations += 1
            self._refund(number)
        if self.refunds and self.random.random() < 0.3:
            self._ask_refund(*self.random.choice(self.refunds[-50:]))

    def _refund(self, number: int) -> None:
        sale = self.oracle.sales[number]
        assert isinstance(sale, WholeSale)
        left, r = sale.kept, self.random
        returned: int | tuple[int, int]
        if r.random() < 0.25 and left.bill:
            cash = r.choice([0, left.bill - left.spent, r.randrange(0, left.bill - left.spent + 1)])
            points = r.choice([0, left.spent, r.randrange(0, left.spent + 1)])
            returned = (cash, points) if cash + points else left.bill
        else:
            returned = r.choice([left.bill, left.bill, left.bill // 2, r.randrange(0, left.bill + 1), left.bill + 1, 1])
            returned = max(1, returned)
        self.n += 1
        request = (f"b{self.n}-back", number, returned, r.random() < 0.3)
        self.refunds.append(request)
        self._ask_refund(*request)

    def _ask_refund(self, key: str, number: int, returned: int | tuple[int, int], cash_given: bool) -> None:
        expected = self.oracle.refund(key, number, returned, self.now, cash_given=cash_given)
        row = Sale.objects.get(pk=self.sale_ids[number])
        goods: Returned = ByTotal(returned) if isinstance(returned, int) else ByLines(*returned)
        got = refunds.refund(
            sale=row, outlet_id=row.outlet_id, returned=goods, caller=self.callers, key=key, body="", actor=ACTOR, at=self.now,
            cash_given=cash_given, now=self.now,
        )  # fmt: skip
        said = expected.answer
        status = got.code if got.status == "refused" else got.status
        self.seen[f"refund {said.status}"] = self.seen.get(f"refund {said.status}", 0) + 1
        for name in ("claimed", "promised", "advanced", "rest_due", "charged", "lapsed", "unpromised"):
            if getattr(expected, name):
                self.seen[f"refund {name}"] = self.seen.get(f"refund {name}", 0) + 1
        assert (status, got.figure) == (said.status, said.figure), (self.oracle.sales[number], returned, got, expected)
        if said.status != "booked":
            return
        theirs = (
            got.cash_fen, got.keep_back_fen, got.claim_fen, got.points_taken, got.points_short, got.points_unpromised, got.points_promised,
            got.advanced_fen, got.rest_back_fen, got.rest_due_fen, got.fee_back_fen, got.credit_charged_fen, got.points_lapsed,
            -got.points_undone, -got.points_back, got.balance_after, got.available_after,
        )  # fmt: skip
        mine = (
            expected.cash, expected.keep_back, expected.claimed, expected.taken, expected.short, expected.unpromised, expected.promised,
            expected.advanced, expected.rest_back, expected.rest_due, expected.fee_back, expected.charged, expected.lapsed,
            said.points, said.spent, said.balance, said.available,
        )  # fmt: skip
        assert theirs == mine, (self.oracle.sales[number], returned, got, expected)

    def _settle(self) -> None:
        self.oracle.settle(self.now)
        refunds.settle(self.now)

    # --- promises and bills ---------------------------------------------------------------------

    def _line(self) -> None:
        """The last merchant, where no rule gives anything, may owe so much, or more, or less than it does, or nothing any more."""
        r, float_id = self.random, self.floats[-1]
        limit, period, due_days, drop_days = (
            r.choice([0, 9_000, 40_000, 90_000]),
            r.choice(["week", "month"]),
            r.choice([1, 14]),
            r.choice([1, 30]),
        )
        line = self.oracle.lines.setdefault(float_id, Line(0, "week", 1, 1))
        line.limit, line.period, line.due_days, line.drop_days, line.is_open = (
            limit,
            period,
            due_days,
            drop_days,
            r.random() < 0.85,
        )
        promises.set_line(
            float_id=float_id, limit_fen=limit, period=1 if period == "week" else 2, due_days=due_days, drop_days=drop_days,
            is_open=line.is_open, actor=ACTOR, at=self.now, now=self.now,
        )  # fmt: skip

    def _pay_bills(self) -> None:
        float_id = self.floats[-1]
        if self.random.random() < 0.4:
            self._top_up(float_id, self.random.choice([700, 9_000, 40_000]))
        self.oracle.pay(float_id, self.now)
        promises.pay(float_id, self.now)

    def _draw(self) -> None:
        on = day_of(self.now)
        assert promises.draw(on, self.now) == self.oracle.draw(on)

    def _drop(self) -> None:
        on = day_of(self.now)
        expected = self.oracle.drop(on, self.now)
        assert promises.drop(on, actor=ACTOR, at=self.now, now=self.now) == expected

    # --- clearing, payouts, the bank ------------------------------------------------------------

    def _clear(self) -> None:
        """Close a day for all but perhaps one, and clear it."""
        on = day_of(self.now) - timedelta(days=1)
        if on <= self.cleared:
            return
        if self.random.random() < 0.8:
            self._close_day(on, list(self.floats))
        self.cleared, minimum = on, self.random.choice([0, 0, 1_500])
        self.oracle.clear(on, minimum, self.centres, self.now)
        assert not clearing.clear(on, actor=ACTOR, minimum_fen=minimum, now=self.now).failed
        self._know_payouts()

    def _know_payouts(self) -> None:
        """Payouts by number: those of one run in the order of their accounts."""
        rows = list(
            PayoutRow.objects.filter(
                pk__gt=self.payout_ids[-1] if self.payout_ids else 0, pk__in=self._own_payouts()
            ).order_by("pk")
        )
        new = self.oracle.payouts[len(self.payout_ids) :]
        self._equal(
            "new payouts", [(row.source_id, row.amount_fen) for row in rows], [(one.source, one.fen) for one in new]
        )
        self.payout_ids += [row.pk for row in rows]

    def _own_payouts(self) -> list[int]:
        sources = [FEE, *self.centres, *self.oracle.proceeds_of.values()]
        return list(PayoutRow.objects.filter(source_id__in=sources).values_list("pk", flat=True))

    def _bank(self) -> None:
        """Approve, put some into a file, let the bank pay some of those and bring some back, and charge something itself."""
        self.runs += 1
        r, oracle, run_no = self.random, self.oracle, self.callers.id * 100_000 + self.runs
        clearing.approve(run_no=run_no, through=10**12)
        chosen, paid, back = [], [], []
        for n, payout in enumerate(oracle.payouts):
            if payout.state == "proposed":
                payout.state = "approved"
                if r.random() < 0.8:
                    payout.state = "sent"
                    chosen.append(self.payout_ids[n])
            if payout.state == "sent" and r.random() < 0.85:
                paid.append(n)
            elif payout.state == "paid" and r.random() < 0.04:
                back.append(n)
        clearing.send(run_no=run_no, payout_ids=chosen)
        on = day_of(self.now)
        lines = []
        for n in paid:
            oracle.paid(oracle.payouts[n])
            lines.append(
                funding.Line(f"{self.files} out {n}", -oracle.payouts[n].fen, on, payout_id=self.payout_ids[n])
            )
        for n in back:
            oracle.came_back(oracle.payouts[n], on)
            lines.append(
                funding.Line(f"{self.files} back {n}", oracle.payouts[n].fen, on, payout_id=self.payout_ids[n])
            )
        if r.random() < 0.3 and oracle.accounts[FEE] >= 7:
            oracle.accounts[FEE] -= 7
            oracle.accounts[CUSTODY] += 7
            lines.append(funding.Line(f"{self.files} charge", -7, on))
        if not lines:
            return
        self.files += 1
        opening, self.bank_fen = self.bank_fen, self.bank_fen + sum(line.amount_fen for line in lines)
        for repeat in range(r.choice([1, 1, 2])):
            booked = funding.book_statement(
                bank=f"payouts {self.callers.id}", account="1", from_on=on, to_on=on, opening_fen=opening, closing_fen=self.bank_fen,
                digest=hashlib.sha256(b"%d %d" % (self.callers.id, self.files)).digest(), lines=lines, actor=ACTOR, at=self.now, now=self.now,
            )  # fmt: skip
            assert (booked.is_new, booked.paid, booked.returned) == (
                (True, len(paid), len(back)) if not repeat else (False, 0, 0)
            )

    def _stop(self) -> None:
        for n, payout in enumerate(self.oracle.payouts):
            if payout.state in ("proposed", "approved") and self.random.random() < 0.5:
                self.oracle.stop(payout, day_of(self.now))
                assert clearing.stop(payout_id=self.payout_ids[n], actor=ACTOR, at=self.now, now=self.now)

    def _fee_out(self) -> None:
        there = self.oracle.accounts[FEE] - self.oracle.fee_owed_back()
        if there > 0:
            fen = self.random.choice([there, there // 2 + 1])
            assert self.oracle.withdraw_fee(fen, day_of(self.now))
            clearing.withdraw_fee(amount_fen=fen, actor=ACTOR, at=self.now, now=self.now)
            self._know_payouts()

    def _standing(self) -> None:
        float_id, fen = self.random.choice(self.floats), self.random.choice([0, 2_000, 30_000])
        self.oracle.standing[float_id] = fen
        clearing.set_standing(float_id=float_id, fen=fen, is_leaving=False)

    def _leave(self) -> None:
        """A merchant leaves with all its money, and thinks better of it."""
        shop = self.random.choice(self.shops)
        clearing.set_standing(float_id=shop.float_id, fen=0, is_leaving=True)
        self.oracle.empty(shop.float_id, shop.promo_id, day_of(self.now))
        clearing.empty_float(float_id=shop.float_id, actor=ACTOR, at=self.now, now=self.now)
        self.oracle.standing[shop.float_id] = 0
        clearing.set_standing(float_id=shop.float_id, fen=0, is_leaving=False)

    def _surplus(self) -> None:
        r, oracle = self.random, self.oracle
        breakage = r.choice([oracle.accounts[BREAKAGE], oracle.accounts[BREAKAGE] // 3])
        buffer = r.choice([oracle.accounts[BUFFER] // 4, 0])
        if breakage + buffer <= 0:
            return
        self.surpluses += 1
        oracle.share_surplus(breakage, buffer, self.now)
        with override_settings(BUFFER_FLOOR_FEN=0):
            made = surplus.close(
                approval_id=self.callers.id * 100_000 + self.surpluses, breakage_fen=breakage, buffer_fen=buffer, actor=ACTOR, at=self.now, now=self.now,
            )  # fmt: skip
            surplus.share_all(made, now=self.now)

    # --- comparison -----------------------------------------------------------------------------

    def compare(self, laws: Sequence[verify.Check] = ()) -> None:
        super().compare(laws)
        oracle = self.oracle
        for wallet in Wallet.objects.filter(pk__in=self.wallets):
            self._equal(
                f"credit of {wallet.pk}",
                (wallet.credit, wallet.rewarded),
                (oracle.credit[wallet.pk], oracle.rewarded[wallet.pk]),
            )
        for account in HOUSE:
            self._equal(f"house {account}", accounts.balance(account) - self.house[account], oracle.accounts[account])
        for row in Account.objects.filter(kind=Account.Kind.IN_PAYOUT):
            source = oracle.proceeds_of[row.float_id] if row.float_id else row.centre_id
            self._equal(f"in payout of {source}", row.balance, oracle.accounts[-(source or 0)])
        for split in Split.objects.filter(account__in=[*oracle.rest_of, *oracle.fee_rest_of]):
            mine = oracle.posted[split.account_id]
            theirs = (split.fee, split.centre, split.promo, split.buffer, split.unpaid, split.short)
            posted = tuple(mine[part] for part in ("fee", "centre", "promo", "buffer"))
            self._equal(
                f"split of {split.account_id}",
                theirs,
                (*posted, oracle.unpaid[split.account_id], oracle.short[split.account_id]),
            )
        owed = [
            (row.why, row.debtor_id, row.creditor_id, row.points, row.repaid) for row in Claim.objects.order_by("pk")
        ]
        self._equal("claims", owed, [(c.why, c.debtor, c.creditor, c.points, c.repaid) for c in oracle.claims])
        due = [(row.account_id, row.to_id, row.amount, row.paid) for row in Due.objects.order_by("pk")]
        self._equal("dues", due, [(d.account, d.to, d.amount, d.paid) for d in oracle.dues])
        late = [(row.wallet_id, row.float_id, row.points, row.issued) for row in ReturnDue.objects.order_by("pk")]
        self._equal("returns", late, [(d.wallet, d.float_id, d.points, d.issued) for d in oracle.returns])
        lines = {row.pk: (row.limit_fen, row.owed_fen, row.state == 1) for row in CreditLine.objects.all()}
        self._equal(
            "lines", lines, {float_id: (line.limit, line.owed, line.is_open) for float_id, line in oracle.lines.items()}
        )
        bills = [(row.float_id, row.until_on, row.drop_on, row.open_fen, row.paid_fen, row.dropped_fen, row.undone_fen)
                 for row in MerchantBill.objects.order_by("pk")]  # fmt: skip
        self._equal(
            "bills",
            bills,
            [(b.float_id, b.until, b.drop_on, b.open, b.paid, b.dropped, b.undone) for b in oracle.bills],
        )
        promised = {row.pk: (row.state, row.points, row.rest) for row in Promise.objects.all()}
        mine = {
            self.sale_ids[number]: (PROMISES[sale.promise], *sale.promised)
            for number, sale in oracle.sales.items() if isinstance(sale, WholeSale) and sale.reason == 2
        }  # fmt: skip
        self._equal("promises", promised, mine)
        states = dict(PayoutRow.objects.filter(pk__in=self.payout_ids).values_list("pk", "state"))
        self._equal("payouts", [states[pk] for pk in self.payout_ids], [STATES[one.state] for one in oracle.payouts])
        assert settings.REFUND_DAYS == 60
