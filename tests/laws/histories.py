"""Random histories of all verbs, played to the book and to the oracle; every answer and every balance must agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from alliance.actors import Actor
from points import accounts, adjusting, bills, closing, expiry, funding, holds, partitions, rollup, terms, verify
from points.bills import Caller, Outcome
from points.models import Account, Lot, Sale, Transfer, Wallet
from tests.laws.oracle import Answer, Bill, Oracle, Terms, day_of
from tests.laws.oracle import Wallet as oracle_wallet

ACTOR = Actor.system("test")
START = datetime(2022, 1, 3, 1, 0, tzinfo=UTC)


class History:
    """A town of a few shops and wallets and everything that can happen to its points."""

    def __init__(self, seed: int, *, is_batched: bool, n_wallets: int = 24, n_shops: int = 4) -> None:
        self.random = random.Random(seed)
        self.is_batched = is_batched
        self.now = START
        self.n = 0
        self.operations = 0
        self.seen: dict[str, int] = {}
        self.oracle = self._model()
        self.prepared = START.date() - timedelta(days=31)
        self._prepare()
        opened = START - timedelta(days=1)
        self.callers = Caller("town", seed)
        self.wallets = accounts.open_wallets(n_wallets, opened)
        for wallet_id in self.wallets:
            self.oracle.wallets[wallet_id] = oracle_wallet()
        base = 10**6 * (seed + 1)
        self.centres = [accounts.open_centre(owner_no=base + n, title="centre", at=opened) for n in range(2)]
        self.budget = accounts.open_budget(title="campaign", at=opened)
        self.oracle.budgets.add(self.budget)
        self.shops = [accounts.open_merchant(owner_no=base + n, title="shop", at=opened) for n in range(n_shops)]
        self.floats = [shop.float_id for shop in self.shops]
        self.versions: dict[int, list[tuple[terms.Terms, Terms]]] = {}
        self.rows: dict[int, terms.Terms] = {}
        self.sale_ids: dict[int, int] = {}
        self.bills: list[Bill] = []
        self.hold_ids: list[int] = []
        for shop in self.shops:
            self._sign(shop, opened)
        for account in [*self.floats, self.budget]:
            self._top_up(account, self.random.randrange(1_000, 80_000))

    def _model(self) -> Oracle:
        return Oracle()

    def verbs(self) -> list[tuple[Callable[[], None], float]]:
        """What may happen next, and how often."""
        return [
            (self._bills, 60), (self._voids, 14), (self._wait, 14), (self._adjust, 4), (self._more_money, 8), (self._age, 5),
            (self._close, 4), (self._freeze, 2), (self._new_version, 1), (self._drain, 2), (self._holds, 30), (self._overdue, 8),
        ]  # fmt: skip

    def play(self, operations: int) -> None:
        verbs, weights = zip(*self.verbs(), strict=True)
        next_check = 0
        while self.operations < operations:
            self.random.choices(verbs, weights)[0]()
            self.operations += 1
            if self.operations >= next_check:
                self.compare()
                next_check = self.operations + max(500, operations // 4)
        self.compare(laws=verify.checks())

    # --- verbs ----------------------------------------------------------------------------------

    def _bills(self) -> None:
        count = self.random.choice([1, 2, 3, 8, 30, 90])
        self._post([self._bill() for _ in range(count)], at_event=self.random.random() < 0.3)

    def _post(self, chosen: list[Bill], *, at_event: bool = False) -> None:
        expected = [self.oracle.post(bill, bill.event_at if at_event else self.now) for bill in chosen]
        drafts = [self._draft(bill) for bill in chosen]
        if self.is_batched:
            got = bills.post(drafts, caller=self.callers, actor=ACTOR, now=self.now, at_event=at_event)
        else:
            got = [
                bills.post([one], caller=self.callers, actor=ACTOR, now=self.now, at_event=at_event)[0]
                for one in drafts
            ]
        for bill, outcome, answer in zip(chosen, got, expected, strict=True):
            self._same(outcome, answer, bill)
            self._remember(bill.key, outcome)
        self.bills += chosen
        self.operations += len(chosen) - 1

    def _bill(self) -> Bill:
        if self.bills and self.random.random() < 0.06:
            old = self.random.choice(self.bills[-400:])
            if self.random.random() < 0.6:
                return old
            changed = (
                {**old.__dict__, "body": old.body + "!"}
                if self.random.random() < 0.5
                else {**old.__dict__, "wallet": self.wallets[0]}
            )
            return Bill(**changed)
        self.n += 1
        shop = self.random.randrange(len(self.shops))
        event_at = self.now - timedelta(seconds=self.random.choice([0, 0, 5, 600, 50_000, 250_000]))
        event_at = max(event_at, START)
        mine = [mine for row, mine in self.versions[self.floats[shop]] if row.valid_from <= event_at][-1]
        centre = self.random.choice(self.centres)
        wallet = self.random.choice(self.wallets)
        paid = self.random.choice([0, 1, 7, 18, 99, 500, 2_600, 9_999, self.random.randrange(1, 60_000)])
        spend = self.random.randrange(0, paid + 1) if paid and self.random.random() < 0.35 else 0
        if self.random.random() < 0.3 and spend > 400:
            spend = 400
        if self.random.random() < 0.04:
            # To the last point: what was earned just now is gone then.
            paid, spend = 1, self.oracle.wallets[wallet].available
        paid = paid or spend + 1
        eligible = paid if self.random.random() < 0.8 else self.random.randrange(0, paid + 1)
        wallet = wallet if self.random.random() < 0.99 else 999_999_999
        return Bill(
            f"k{self.n}",
            f"b{self.n}",
            wallet,
            shop + 1,
            mine,
            centre,
            self._rest(mine, centre),
            event_at,
            paid,
            eligible,
            spend,
        )

    def _drain(self) -> None:
        """Earn, spend to the last point, and undo what was earned."""
        earned = replace(
            self._bill(),
            key=f"d{self.n}",
            body="",
            wallet=self.random.choice(self.wallets),
            paid=9_000,
            eligible=9_000,
            spend=0,
        )
        self._post([earned])
        left = self.oracle.wallets[earned.wallet].available
        self._post([replace(earned, key=f"e{self.n}", paid=1, eligible=0, spend=left)])
        self._void(max(self.oracle.sales) - (left > 0), earned.outlet)

    def _draft(self, bill: Bill) -> bills.Bill:
        row = self.rows[bill.terms.id]
        outlet = bills.OutletRef(bill.outlet, bill.terms.float_id, bill.centre)
        return bills.draft(
            outlet=outlet, terms=row, wallet_id=bill.wallet, paid_fen=bill.paid, eligible_fen=bill.eligible,
            spend_points=bill.spend, event_at=bill.event_at, key=bill.key, body=bill.body,
        )  # fmt: skip

    def _voids(self) -> None:
        """Undo some of what was booked last, now and then twice or at the wrong outlet."""
        for number in self.random.choices(list(self.sale_ids)[-40:], k=8) if self.sale_ids else ():
            self.operations += 1
            self._void(number)

    def _void(self, number: int, at: int | None = None) -> None:
        sale = self.oracle.sales[number]
        if at is None and self.random.random() < 0.4:
            self.now = max(self.now, sale.booked_at + timedelta(minutes=self.random.choice([1, 9, 11])))
        outlet = at or (sale.bill.outlet if self.random.random() < 0.95 else sale.bill.outlet + 1)
        self.n += 1
        key = f"v{self.n}"
        expected = self.oracle.void(key, number, outlet, self.now)
        for _repeat in range(self.random.choice([1, 1, 2])):
            got = bills.void(
                sale_id=self.sale_ids[number], outlet_id=outlet, caller=self.callers, key=key, body="", actor=ACTOR,
                at=self.now, now=self.now,
            )  # fmt: skip
            self._same(got, expected, sale.bill)

    def _holds(self) -> None:
        """Set points aside, and close some of what was: in part or whole, too late, twice, at the wrong outlet."""
        for _each in range(self.random.randrange(1, 4)):
            self._place()
        for number in self.random.choices(range(len(self.oracle.holds))[-30:], k=4) if self.oracle.holds else ():
            self.operations += 1
            self.random.choice([self._capture, self._capture, self._release])(number)

    def _place(self) -> None:
        shop, wallet = self.random.randrange(len(self.shops)), self.random.choice(self.wallets)
        row = self.versions[self.floats[shop]][-1][0]
        there = self.oracle.wallets[wallet].available
        points = max(1, self.random.choice([1, 40, 700, there // 2, there // 3, there, there + 1]))
        lasts = timedelta(minutes=self.random.choice([1, 5, 30, 600, 4_000, 7 * 24 * 60]))
        self.n += 1
        key, centre = f"h{self.n}", self.random.choice(self.centres)
        before = len(self.oracle.holds)
        expected = self.oracle.place(key, wallet, shop + 1, points, lasts, self.now)
        for _repeat in range(self.random.choice([1, 1, 2])):
            got = holds.place(
                outlet=bills.OutletRef(shop + 1, row.float_id, centre), terms=row, wallet_id=wallet, points=points,
                bill_fen=points + 7, lasts=lasts, caller=self.callers, key=key, body="", actor=ACTOR, at=self.now, now=self.now,
            )  # fmt: skip
            self._same(got, expected, None)
        if len(self.oracle.holds) > before:
            assert got.sale_id is not None
            self.hold_ids.append(got.sale_id)

    def _capture(self, number: int) -> None:
        hold = self.oracle.holds[number]
        outlet = hold.outlet if self.random.random() < 0.95 else hold.outlet % len(self.shops) + 1
        self.n += 1
        mine = self.versions[self.floats[outlet - 1]][-1][1]
        centre = self.random.choice(self.centres)
        paid = self.random.choice([0, 1, 99, 2_600, self.random.randrange(1, 30_000)])
        spend = max(
            1, self.random.choice([hold.points, hold.points, hold.points // 2, hold.points - 1, hold.points + 1])
        )
        bill = Bill(
            f"c{self.n}", "", hold.wallet, outlet, mine, centre, self._rest(mine, centre), self.now, paid, paid, spend
        )
        expected = self.oracle.capture(number, bill, self.now)
        for _repeat in range(self.random.choice([1, 1, 2])):
            got = holds.capture(
                hold_id=self.hold_ids[number], bill=self._draft(bill), caller=self.callers, actor=ACTOR, now=self.now
            )
            self._same(got, expected, bill)
        self._remember(bill.key, got)

    def _release(self, number: int) -> None:
        hold = self.oracle.holds[number]
        outlet = hold.outlet if self.random.random() < 0.95 else hold.outlet % len(self.shops) + 1
        self.n += 1
        key = f"r{self.n}"
        expected = self.oracle.release(key, number, outlet, self.now)
        for _repeat in range(self.random.choice([1, 1, 2])):
            got = holds.release(
                hold_id=self.hold_ids[number], outlet_id=outlet, caller=self.callers, key=key, body="", actor=ACTOR,
                at=self.now, now=self.now,
            )  # fmt: skip
            self._same(got, expected, None)

    def _overdue(self) -> None:
        assert holds.release_overdue(at=self.now, now=self.now) == self.oracle.release_overdue(self.now)

    def _adjust(self) -> None:
        wallet = self.random.choice(self.wallets)
        funder = self.random.choice([self.budget, *self.floats])
        points = self.random.choice([1, -1]) * self.random.choice([5, 300, 900, 90_000])
        expires = day_of(self.now) + timedelta(days=self.random.choice([5, 40, 400]))
        self.n += 1
        expected = self.oracle.adjust(wallet, funder, points, expires, self.now)
        got = adjusting.adjust(
            wallet_id=wallet, funder_id=funder, points=points, caller=self.callers, key=f"a{self.n}", actor=ACTOR,
            at=self.now, expires_on=expires, now=self.now,
        )  # fmt: skip
        self._same(got, expected, None)

    def _more_money(self) -> None:
        self._top_up(self.random.choice([*self.floats, self.budget]), self.random.choice([90, 20_000, 300_000]))

    def _wait(self) -> None:
        """Mostly minutes, sometimes days: then points mature, rests are released, lots lapse."""
        self.now += self.random.choice(
            [timedelta(seconds=30), timedelta(minutes=4), timedelta(hours=3), timedelta(days=1), timedelta(days=9)]
            + [timedelta(days=100)] * (self.random.random() < 0.25)
        )
        self._prepare()

    def _prepare(self) -> None:
        if day_of(self.now) >= self.prepared:
            partitions.ahead(13, start=self.prepared)
            self.prepared = day_of(self.now) + timedelta(days=300)

    def _age(self) -> None:
        on = day_of(self.now)
        self.oracle.mature(on)
        expiry.mature(on)
        if self.random.random() < 0.6:
            self.oracle.expire(on, self.now)
            expiry.expire(on, now=self.now)

    def _close(self) -> None:
        on = day_of(self.now) - timedelta(days=self.random.choice([1, 1, 2]))
        self._close_day(on, self.random.sample(self.floats, self.random.randrange(1, len(self.floats) + 1)))

    def _close_day(self, on: date, chosen: list[int]) -> None:
        self.oracle.close(on, chosen)
        closing.close(on, now=self.now, float_ids=chosen)

    def _freeze(self) -> None:
        wallet = self.random.choice(self.wallets)
        mine = self.oracle.wallets[wallet]
        mine.is_frozen = not mine.is_frozen
        Wallet.objects.filter(pk=wallet).update(frozen_at=self.now if mine.is_frozen else None)
        if mine.is_frozen:
            self._post([replace(self._bill(), key=f"f{self.n}", wallet=wallet)])
            self._voids()
            self._holds()
            mine.is_frozen = False
            Wallet.objects.filter(pk=wallet).update(frozen_at=None)

    def _new_version(self) -> None:
        # Not into the past of bills that were booked under the version before.
        self.now += timedelta(seconds=1)
        self._sign(self.random.choice(self.shops), self.now)

    # --- helpers --------------------------------------------------------------------------------

    def _sign(self, shop: accounts.MerchantAccounts, at: datetime) -> None:
        known = self.versions.setdefault(shop.float_id, [])
        if known and known[-1][0].valid_from >= at:
            return
        member = self.random.choice([6250, 6250, 5000, 10_000, 0])
        left = 10_000 - member
        fee, centre, promo = left // 2, left // 3, self.random.choice([0, left // 12])
        card = {
            "rate_bps": self.random.choice([300, 500, 800, 1200, 2000]), "member_bps": member, "fee_bps": fee, "centre_bps": centre,
            "promo_bps": promo, "spend_fee_bps": self.random.choice([0, 100, 350]), "matures_days": self.random.choice([0, 0, 7, 15]),
            "holdback_days": self.random.choice([7, 7, 30]),
        }  # fmt: skip
        row = terms.write(merchant=shop, version=len(known) + 1, valid_from=at, spend_share_bps=10_000, **card)
        mine = Terms(
            row.pk, card["rate_bps"], member, fee, centre, promo, card["spend_fee_bps"], card["matures_days"], card["holdback_days"],
            shop.float_id, shop.proceeds_id, shop.fee_rest_id, shop.promo_id,
        )  # fmt: skip
        self.rows[row.pk] = row
        known.append((row, mine))

    def _rest(self, mine: Terms, centre: int) -> int:
        return terms.rest_account(self.rows[mine.id], centre)

    def _top_up(self, account: int, fen: int) -> None:
        self.n += 1
        at = self.now
        facts = {
            "bank": "b",
            "account": "a",
            "serial": f"{self.callers.id}-{self.n}",
            "amount_fen": fen,
            "value_on": day_of(at),
        }
        line = funding.receive(**facts, actor=ACTOR, at=at, now=at)
        if self.random.random() < 0.2:
            assert funding.receive(**facts, actor=ACTOR, at=at, now=at) == line
        funding.allot(bank_line=line, float_id=account, actor=ACTOR, at=at, now=at)
        self.oracle.top_up(account, fen)

    def _remember(self, key: str, outcome: Outcome) -> None:
        number = self.oracle.keys[key][3]
        if number is not None and outcome.sale_id is not None:
            self.sale_ids[number] = outcome.sale_id

    def _same(self, got: Outcome, expected: Answer, bill: Bill | None) -> None:
        status = got.code if got.status == "refused" else got.status
        self.seen[expected.status] = self.seen.get(expected.status, 0) + 1
        assert status == expected.status, (bill, got, expected)
        if expected.status == "key_reused":
            return
        mine = (expected.points, expected.spent, expected.rest, expected.balance, expected.available, expected.figure)
        assert (got.points, got.spent_points, got.rest, got.balance_after, got.available_after, got.figure) == mine, (
            bill,
            got,
            expected,
        )

    @staticmethod
    def _equal(what: str, got: object, mine: object) -> None:
        if got == mine:
            return
        if isinstance(got, list) and isinstance(mine, list):
            n = next(
                (n for n, pair in enumerate(zip(got, mine, strict=False)) if pair[0] != pair[1]),
                min(len(got), len(mine)),
            )
            got, mine = (len(got), n, got[n : n + 5]), (len(mine), n, mine[n : n + 5])
        raise AssertionError(f"{what}: the book says {got}, the oracle {mine}")

    def compare(self, laws: Sequence[verify.Check] = ()) -> None:
        """Every balance, lot and movement, and the laws as they were checked."""
        rollup.run()
        oracle = self.oracle
        rows = {row.pk: row for row in Wallet.objects.filter(pk__in=self.wallets)}
        for wallet_id, wallet in oracle.wallets.items():
            row = rows[wallet_id]
            self._equal(
                f"wallet {wallet_id}",
                (row.balance, row.pending, row.held),
                (wallet.balance, wallet.pending, wallet.held),
            )
            lots = Lot.objects.filter(wallet_id=wallet_id, remaining__gt=0)
            got = sorted(
                (
                    str(None if lot.is_mature else lot.matures_on),
                    lot.lapses_on,
                    lot.funder_id,
                    lot.expires_on,
                    lot.remaining,
                    lot.held,
                )
                for lot in lots
            )
            mine = sorted(
                (str(lot.matures), lot.lapses, lot.funder, lot.expires, lot.points, lot.held)
                for lot in wallet.lots
                if lot.points
            )
            self._equal(f"lots of {wallet_id}", got, mine)
            moved = [
                (row.points if row.credit_id == wallet_id else -row.points - row.rest, row.balance_after)
                for row in Transfer.objects.filter(bucket=wallet_id % 64, wallet_id=wallet_id).order_by("seq")
            ]
            self._equal(f"movements of {wallet_id}", moved, wallet.movements)
        named = (
            set(self.floats)
            | {self.budget, *self.centres}
            | {n for shop in self.shops for n in (shop.proceeds_id, shop.fee_rest_id, shop.promo_id)}
        )
        named |= set(oracle.rest_of)
        for account in Account.objects.filter(pk__in=named):
            self._equal(f"account {account.pk} of kind {account.kind}", account.balance, oracle.accounts[account.pk])
        assert Sale.objects.filter(float_id__in=self.floats).count() == oracle.n_sales
        assert -oracle.accounts[1] == sum(fen for account, fen in oracle.accounts.items() if account != 1) + sum(
            w.balance for w in oracle.wallets.values()
        )
        broken = [check for check in laws if check.differences]
        assert not broken, broken
