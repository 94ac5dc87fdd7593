"""The named cast of one small town. Tests that need somebody particular take them from here; the rest use factories.

林婶 gold, with a PIN and 50,000 points to spend; 小周 new, without a PIN. The hot-pot restaurant 老灶火锅 with its
owner 灶叔 and cashier 小灶; the fruit shop 鲜果时光, where points can be spent at once; the supermarket 比那多超市.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone

from alliance.actors import Actor
from alliance.models import User
from members.models import Member
from merchants.models import Staff
from points import accounts, identify
from tests.factories import members, merchants, shops
from tests.factories.shops import Shop

LIN_PHONE, ZHOU_PHONE = "+8613800138001", "+8613800138002"
LIN_PIN = "738264"
SYSTEM = Actor.system("tests")


@dataclass
class Town:
    """People and shops, made when they are first asked for."""

    @cached_property
    def hotpot(self) -> Shop:
        return shops.shop("老灶火锅", trade="hotpot")

    @cached_property
    def fruit(self) -> Shop:
        """Its points mature at once."""
        return shops.shop("鲜果时光", trade="fruit", matures_days=0)

    @cached_property
    def market(self) -> Shop:
        return shops.shop("比那多超市", trade="supermarket", matures_days=0, rate_bps=500)

    @cached_property
    def lin(self) -> Member:
        """林婶: gold; 50,000 points that can be spent, from ¥10,000 of fruit."""
        lin = members.member(name="林婶", phone_number=LIN_PHONE)
        accounts.set_tier(lin.wallet_id, 2, actor=SYSTEM, at=timezone.now())
        identify.set_pin(wallet_id=lin.wallet_id, pin=LIN_PIN, actor=SYSTEM, at=timezone.now())
        shops.sale(self.fruit, lin.wallet_id, 10_000_00)
        return lin

    @cached_property
    def zhou(self) -> Member:
        """小周: new, no points, no PIN."""
        return members.member(name="小周", phone_number=ZHOU_PHONE)

    @cached_property
    def owner(self) -> User:
        return merchants.worker(self.hotpot, Staff.Role.OWNER, name="灶叔")

    @cached_property
    def cashier(self) -> User:
        return merchants.worker(self.hotpot, Staff.Role.CASHIER, outlet=self.hotpot.outlet, name="小灶")
