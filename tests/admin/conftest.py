from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from alliance import calendar, events, jobs
from alliance.actors import Actor
from alliance.models import City, Trade
from members.models import Member
from merchants import agreements, keys, onboarding, topups
from merchants.models import Merchant, Outlet, Staff
from points import accounts, funding, partitions, proving, rules
from points.models import Account
from stores.models import Feed, FeedRefusal, FeedRun, Product, Store
from tests.factories import members, merchants, shops, staff
from tests.factories.shops import Shop

SYSTEM = Actor.system("tests")


@pytest.fixture(autouse=True)
def _clean_cache(db: None) -> None:
    cache.clear()


class Region:
    """One region with a centre, a shop that sells, a store, a post, a question and a page in the diary."""

    def __init__(self, name: str) -> None:
        at = timezone.now()
        self.unit = staff.unit("region", f"{name}大区")
        self.centre = staff.unit("centre", f"{name}服务中心", self.unit)
        self.manager = staff.colleague("region_manager", self.unit, name=f"{name}经理")
        self.helper = staff.colleague("centre_staff", self.centre, name=f"{name}专员")
        self.shop = self._shop(name)
        self.owner = merchants.worker(self.shop, Staff.Role.OWNER, name=f"{name}店主")
        keys.create(merchant=self.shop.merchant, name=name, scopes=["sales:write"], actor=SYSTEM, at=at)
        topups.ask(merchant=self.shop.merchant, amount_fen=10_000, actor=SYSTEM, at=at)
        line = receive(f"{name}-1", self.shop.merchant.payment_reference)
        finance = staff.colleague("finance", name=f"{name}会计")
        self.approval = topups.match(line=line, merchant=self.shop.merchant, user=finance, at=at)
        self.store = Store.objects.create(
            code=f"S-{self.unit.pk}",
            kind="partner",
            outlet=self.shop.outlet,
            unit=staff.unit("store", f"{name}店", self.centre),
            area_sqm=300,
            opened_on=date(2026, 1, 1),
        )

    def _shop(self, name: str) -> Shop:
        at = shops.OPENED
        merchant = onboarding.open(
            name=f"{name}火锅", trade=Trade.objects.get(code="hotpot"), centre=self.centre, actor=SYSTEM, at=at
        )
        city = City.objects.order_by("pk").first()
        assert city is not None
        outlet = onboarding.open_outlet(
            merchant=merchant, name=f"{name}总店", city=city, lng=100, lat=30, actor=SYSTEM, at=at
        )
        agreements.sign(merchant=merchant, rate_bps=800, starts_on=date(2026, 1, 1), actor=SYSTEM, at=at)
        onboarding.go_live(merchant=merchant, actor=SYSTEM, at=timezone.now())
        fund(merchant, 1_000_000)
        return Shop(merchant, outlet)


def receive(serial: str, memo: str = "", amount_fen: int = 500_000) -> funding.BankLine:
    return funding.receive(
        bank="工商银行",
        account="6222",
        serial=serial,
        amount_fen=amount_fen,
        value_on=date(2026, 1, 2),
        payer="老灶",
        memo=memo,
        actor=SYSTEM,
        at=timezone.now(),
    )


def fund(merchant: Merchant, amount_fen: int) -> None:
    line = receive(f"fund-{merchant.pk}", amount_fen=amount_fen)
    funding.allot(bank_line=line, float_id=merchant.float_id or 0, actor=SYSTEM, at=timezone.now())


class World:
    """Two regions that must not see each other, and something of everything that belongs to the whole alliance."""

    def __init__(self) -> None:
        at = timezone.now()
        partitions.ahead(1)
        self.hq = staff.headquarters()
        self.a, self.b = Region("甲"), Region("乙")
        self.admin = staff.colleague("hq_admin", name="何总")
        self.finance = staff.colleague("finance", name="钱会计")
        self.second = staff.colleague("finance", name="孙会计")
        self.risk = staff.colleague("risk", name="严风控")
        self.member: Member = members.member(name="林婶")
        shops.sale(self.a.shop, self.member.wallet_id, 10_000)
        shops.sale(self.b.shop, self.member.wallet_id, 20_000)
        shops.gift(self.a.shop, self.member.wallet_id, 100)
        for region in (self.a, self.b):
            shops.hold(region.shop, self.member.wallet_id, 30)
        job = jobs.start("town", params={}, actor=SYSTEM, at=at, total=10)
        jobs.fail(job, at=at, code="stopped")
        events.record("test.done", "town", SYSTEM, at)
        calendar.declare_day(on=date(2026, 1, 1), is_working=False, name="元旦", actor=SYSTEM, at=at)
        feed = Feed.objects.create(code="tills", title="收银", created_at=at)
        run = FeedRun.objects.create(feed=feed, baskets_expected=10, started_at=at)
        FeedRefusal.objects.create(feed=feed, run=run, row=1, basket="1", reason="product_unknown")
        self.budget = Account.objects.get(pk=accounts.open_budget(title="晚间", at=at))
        rules.draft(
            code="evening",
            payer=self.budget,
            definition={
                "scope": {"hours": [18, 19]},
                "effect": {"kind": "rate", "bps": 50},
                "caps": {"member_day": 500, "budget": 100_000},
                "words": {"en": "Evening points", "zh-hans": "晚间积分"},
            },
            starts_at=at + timedelta(days=1),
            actor=SYSTEM,
            at=at,
        )
        proving.prove(at=at - timedelta(days=10))
        Product.objects.create(catalogue="cj", code="1", name="洗洁精", department="日化")

    def outlets(self) -> list[Outlet]:
        return [self.a.shop.outlet, self.b.shop.outlet]


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture
def as_admin(world: World) -> Client:
    return staff.console(world.admin)


@pytest.fixture
def as_finance(world: World) -> Client:
    return staff.console(world.finance)
