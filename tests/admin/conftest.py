from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from alliance import calendar, events, jobs
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import City, Trade, User
from members.models import Member
from merchants import agreements, keys, onboarding, payaccounts, topups
from merchants.models import Dispute, Merchant, Outlet, PayoutRun, Staff
from points import accounts, funding, partitions, promises, proving, rules
from points.models import (
    Account,
    BankStatement,
    Clearing,
    MerchantBill,
    Opening,
    Payout,
    Retention,
    Statement,
    SurplusClosing,
    Winding,
    WindingFloat,
)
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
        self._money(at, finance)
        self.store = Store.objects.create(
            code=f"S-{self.unit.pk}",
            kind="partner",
            outlet=self.shop.outlet,
            unit=staff.unit("store", f"{name}店", self.centre),
            area_sqm=300,
            opened_on=date(2026, 1, 1),
        )

    def _money(self, at: datetime, finance: User) -> None:
        """A statement with its payout, a dispute about it, an account to be paid to, a credit line with a bill."""
        book = self.shop.merchant.book
        on = shanghai_day(at) - timedelta(days=1)
        run, _new = Clearing.objects.get_or_create(
            cleared_on=on, defaults={"started_at": at, "minimum_fen": 0, "actor": str(SYSTEM)}
        )
        self.statement = Statement.objects.create(
            clearing=run, account_id=book.proceeds_id, opening_fen=0, proceeds_fen=900, returned_fen=0, retained_fen=0,
            paid_fen=900, closing_fen=0, free_fen=900, journal_id=0, mark=1, xid=1, booked_at=at,
        )  # fmt: skip
        apart = Account.objects.filter(kind=Account.Kind.IN_PAYOUT).first() or Account.objects.create(
            kind=Account.Kind.IN_PAYOUT, title="out", opened_at=at
        )
        self.payout = Payout.objects.create(
            account=apart,
            source_id=book.proceeds_id,
            statement=self.statement,
            amount_fen=900,
            opened_at=at,
            journal_id=0,
        )
        retention = Retention.objects.create(source_id=book.proceeds_id, wanted_fen=100, held_fen=0, opened_at=at)
        self.dispute = Dispute.objects.create(
            merchant=self.shop.merchant, statement=self.statement, retention=retention, amount_fen=100,
            reason="重复扣款", state_since=at, opened_at=at, opened_by=str(SYSTEM),
        )  # fmt: skip
        self.payout_account = payaccounts.ask(
            merchant=self.shop.merchant, bank_name="工商银行", holder="和安商行", number=f"62220202{book.float_id:011}",
            user=finance, at=at,
        )  # fmt: skip
        self.line = promises.set_line(float_id=book.float_id, limit_fen=10_000, actor=SYSTEM, at=at)
        self.bill = MerchantBill.objects.create(
            float=self.line, from_on=on - timedelta(days=6), until_on=on, due_on=on + timedelta(days=1), drop_on=on + timedelta(days=30), drawn_at=at, sales=1,
            amount_fen=500, open_fen=500,
        )  # fmt: skip

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
        self.run = PayoutRun.objects.create(state_since=at, through=0, payouts=2, amount_fen=1_800)
        BankStatement.objects.create(
            bank="工商银行", account="6222", from_on=shanghai_day(at), to_on=shanghai_day(at), opening_fen=0, closing_fen=0,
            lines=1, digest=b"x" * 32, booked_at=at, actor=str(SYSTEM),
        )  # fmt: skip
        kept = {
            "approval_id": 1,
            "actor": "user:1",
            "breakage_fen": 60,
            "buffer_fen": 40,
            "floor_fen": 0,
            "pool_fen": 100,
        }
        SurplusClosing.objects.create(
            **kept,
            closed_at=at,
            credit=100,
            members=1,
            points=100,
            paid=100,
            finished_at=at,
            expires_on=date(2030, 12, 31),
        )
        Opening.objects.create(title="旧积分", digest=b"0" * 32, lines=1, points=100, staged_at=at, staged_by="user:1")
        today = timezone.localdate()
        mode = Winding.objects.create(
            scope=3, title="停业", issue_ends_on=today, spend_ends_on=today + timedelta(days=60), approval_id=1, decided_at=at,
            actor="user:1",
        )  # fmt: skip
        gone = onboarding.open(
            name="歇业小店", trade=Trade.objects.get(code="hotpot"), centre=shops.centre(), actor=SYSTEM, at=at
        )
        WindingFloat.objects.create(winding_id=mode.pk, float_id=gone.float_id)
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
