"""Random lives of colluders over the product's verbs: whatever they try, in whatever order, they are never ahead.

They may walk away at any moment: their wealth is looked at after every verb. LAW_SEED chooses other lives, LAW_LIVES how many
the slow test plays.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import override_settings

from alliance.refusals import Refused
from points import adjusting, promises, refunds, rollup, verify
from points.bills import Caller
from points.models import Hold, Sale
from tests.laws.colluders import Colluders
from tests.points.shops import TEST

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]

SEED = int(os.environ.get("LAW_SEED", "1"))
LIVES = int(os.environ.get("LAW_LIVES", "12"))
VERBS = 60


class Life(Colluders):
    """One life: a random alliance, random verbs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        rate = self.random.choice([300, 800, 2_000])
        super().__init__(rates=(self.random.choice([300, rate]), rate), promo_bps=self.random.choice([0, 0, 500]))
        self.seen: Counter[str] = Counter()
        self.most = 0
        if bps := self.random.choice([0, 100, 300]):
            self.gift({"kind": "rate", "bps": bps}, 0, 1, code="percent")
        every = self.random.choice([1, 3])
        self.gift({"kind": "fixed", "points": self.random.choice([50, 500])}, 0, 1, code="card", stamp_every=every)
        self.gift({"kind": "fixed", "points": 100}, 1, code="basket", basket_fen=20_000)
        for shop in self.shops:
            float_id = shop.merchant.float_id
            promises.set_line(float_id=float_id, limit_fen=5_000, period=1, actor=TEST, at=self.now, now=self.now)
        # Something to win: the house has its parts of honest sales, and a part of honest points lapses.
        for n, wallet in enumerate(self.honest_trade(12, 80_000)):
            at = self.tick()
            adjusting.adjust(
                wallet_id=wallet.pk, funder_id=self.honest[n % 2].merchant.float_id, points=600, caller=Caller("staff", 0),
                key=f"soon {n}", actor=TEST, at=at, now=at, expires_on=self.today,
            )  # fmt: skip
        self.sleep(9)

    def play(self, verbs: int) -> None:
        choices: list[tuple[Callable[[], object], float]] = [
            (self._fake, 8), (self._undo, 6), (self._out, 4), (self._own, 4), (self._bill, 3), (self._unspend, 5), (self._card, 3),
            (self._hold, 3), (self._void, 2), (self._day, 3), (self._days, 2), (self._paid, 3), (self._leave, 2), (self._surplus, 0.5),
            (self._fee, 1), (self._postpaid, 1), (self._pay_bill, 0.5), (self._clock, 3),
        ]  # fmt: skip
        doing, weights = zip(*choices, strict=True)
        for _n in range(verbs):
            verb = self.random.choices(doing, weights)[0]
            try:
                done = verb()
            except Refused as refusal:
                done = refusal.code
            self.seen[f"{verb.__name__}: {done}" if isinstance(done, str) else verb.__name__] += 1
            self.most = max(self.most, self.ahead())

    def _shop(self) -> int:
        return self.random.randrange(2)

    def _member(self) -> int:
        return self.random.randrange(3)

    def _fake(self) -> str:
        fen, shop = self.random.choice([100, 5_000, 20_000, 60_000]), self._shop()
        self.top_up(shop, fen // 4)
        return self.fake(shop, self._member(), fen).status

    def _postpaid(self) -> str:
        """Without money: on credit, as far as the line goes."""
        self.withdraw(shop := self._shop())
        return self.fake(shop, self._member(), 20_000).status

    def _pay_bill(self) -> None:
        self.top_up(self._shop(), 3_000)
        promises.draw(self.today, self.tick())
        self.settle()
        promises.drop(self.today, actor=TEST, at=self.tick(), now=self.now)

    def _bill(self) -> str:
        """A fake that is paid partly in points."""
        shop, member = self._shop(), self._member()
        points = min(self.available(member), 2_000)
        at = self.tick()
        outcome = self.shops[shop].sell(self.members[member], 5_000, event_at=at, now=at, spend_points=points)
        return outcome.status

    def _some_sale(self, **where: object) -> Sale | None:
        sales = Sale.objects.filter(kind=Sale.Kind.SALE, wallet_id__in=[wallet.pk for wallet in self.members], **where)
        left = [sale for sale in sales.order_by("pk") if refunds.left_of(sale).bill > 0]
        return self.random.choice(left) if left else None

    def _undo_some(self, sale: Sale | None) -> str:
        if sale is None:
            return "none"
        left = refunds.left_of(sale).bill
        part = self.random.choice([left, left, max(1, left // 2), self.random.randint(1, left), max(1, left - 1)])
        return self.undo(sale.pk, part, cash_given=self.random.random() < 0.5).code or "booked"

    def _undo(self) -> str:
        return self._undo_some(self._some_sale(float_id__in=[shop.merchant.float_id for shop in self.shops]))

    def _unspend(self) -> str:
        return self._undo_some(self._some_sale(spent_points__gt=0))

    def _out(self) -> None:
        self.spend(self._member())

    def _own(self) -> None:
        self.spend(self._member(), shop=self._shop())

    def _card(self) -> str:
        self.top_up(shop := self._shop(), 50)
        return self.fake(shop, self._member(), 200).status

    def _hold(self) -> str:
        """Place a hold, or end one: captured in part (for a fake), released, or left to the clock."""
        held = list(Hold.objects.filter(state=Hold.State.OPEN).order_by("pk"))
        at = self.tick()
        if held and self.random.random() < 0.7:
            hold = self.random.choice(held)
            shop = next(shop for shop in self.shops if shop.outlet.outlet_id == hold.outlet_id)
            if self.random.random() < 0.5:
                return shop.release(hold.pk, now=at).status
            points = self.random.randint(1, hold.points)
            return shop.capture(hold.pk, points, self.random.choice([0, 500]), now=at).status
        member = self._member()
        points = self.available(member)
        if points == 0:
            return "none"
        shop = self.shops[self._shop()]
        return shop.hold(self.members[member], self.random.randint(1, points), now=at, lasts=timedelta(days=2)).status

    def _void(self) -> str:
        """Undo the newest of their bills within ten minutes."""
        floats = [shop.merchant.float_id for shop in self.shops]
        sale = Sale.objects.filter(kind=Sale.Kind.SALE, float_id__in=floats).order_by("-booked_at").first()
        if sale is None:
            return "none"
        at = self.tick()
        shop = next(shop for shop in self.shops if shop.outlet.outlet_id == sale.outlet_id)
        return shop.void(sale.pk, now=at).code or "booked"

    def _day(self) -> None:
        self.sleep()

    def _days(self) -> None:
        self.sleep(9)

    def _paid(self) -> None:
        self.sleep()
        self.pay_out()

    def _leave(self) -> None:
        self.settle()
        self.withdraw(self._shop())

    def _surplus(self) -> None:
        self.share_surplus()

    def _fee(self) -> None:
        self.take_fee()

    def _clock(self) -> None:
        self.settle()


def live(seed: int) -> Life:
    with override_settings(BUFFER_FLOOR_FEN=0):
        life = Life(seed)
        life.play(VERBS)
    return life


def looked_at(life: Life, seed: int) -> None:
    assert life.most <= 0, f"seed {seed}: {life.most} fen ahead; {dict(life.seen)}"
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == [], seed


@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
def test_they_are_never_ahead(seed: int) -> None:
    looked_at(live(seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEED + 5, SEED + 5 + LIVES))
def test_in_many_lives(seed: int) -> None:
    looked_at(live(seed), seed)
