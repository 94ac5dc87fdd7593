"""The town's past, lived day by day through the verbs: sales, spends, voids, top-ups, and each night the close.

A day's sales are one transaction that ends with an event in the diary, so a day is lived whole or not at all; a life
that was broken off goes on with the next day. Booking into the past needs the owner of the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from django.db import transaction

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import day_start, shanghai_day
from alliance.models import Event
from merchants.models import Merchant
from merchants.models import Outlet as ShopOutlet
from points import bills, closing, expiry
from points.bills import Bill, Caller, Outcome, OutletRef
from points.calc import rebate
from points.models import Account, Lot, Terms, Wallet
from points.terms import rest_account
from town import money
from town.founding import Organisation
from town.world import Layer
from town.world.visits import Town, Visit

ACTOR = Actor.system("town")
CALLER = Caller("town", 1)
BATCH = 1_000
VOIDED = 0.004
# In points: below this nobody bothers; above that part of it which is their thrift nobody goes.
LEAST_SPEND, MOST_SPEND = 100, 30_000
COVER_DAYS, REFILL_DAYS = 7, 60


@dataclass(slots=True)
class Quarter:
    """People and shops that meet, with what the book calls them. Positions are those of `town`."""

    names: tuple[str, ...]
    town: Town
    wallets: Sequence[int]
    joined_at: Sequence[datetime]
    merchants: Sequence[Merchant]
    outlets: dict[tuple[int, int], OutletRef]
    terms: dict[int, Terms]
    organised: Organisation
    daily_rebate: dict[int, int] = field(default_factory=dict)

    @property
    def floats(self) -> list[int]:
        return [m.float_id for m in self.merchants if m.float_id is not None]


def quarter(
    layers: Sequence[Layer],
    seed: int,
    wallets: Sequence[int],
    joined_at: Sequence[datetime],
    merchants: dict[str, Merchant],
    organised: Organisation,
) -> Quarter:
    """Return the layers as one neighbourhood, looked up in the book."""
    people = [person for layer in layers for person in layer.people]
    shops = [shop for layer in layers for shop in layer.shops]
    rows = [merchants[shop.key] for shop in shops]
    terms = {t.float_id: t for t in Terms.objects.filter(float_id__in=[m.float_id for m in rows]).order_by("version")}
    outlets = {}
    by_name = {
        (o.merchant_id, o.name): o for o in ShopOutlet.objects.filter(merchant__in=rows, is_test=False).order_by("pk")
    }
    for i, (shop, merchant) in enumerate(zip(shops, rows, strict=True)):
        for j, planned in enumerate(shop.outlets):
            row = by_name[merchant.pk, planned.name]
            if merchant.float_id in terms:
                # Opened outside the day's transaction, so that it is looked up once and not for each bill.
                rest_account(terms[merchant.float_id], row.centre_account_id)
                outlets[i, j] = OutletRef(row.pk, merchant.float_id, row.centre_account_id)
    by_position = {i: terms[m.float_id] for i, m in enumerate(rows) if m.float_id in terms}
    return Quarter(
        tuple(layer.name for layer in layers),
        Town(seed, people, shops),
        wallets,
        joined_at,
        rows,
        outlets,
        by_position,
        organised,
    )


def lived_until(names: Iterable[str]) -> datetime | None:
    """Return the time up to which layers have lived, or None when they have no past yet."""
    last = (
        Event.objects.filter(verb="town.lived", subject__in=[_subject(name) for name in names]).order_by("-at").first()
    )
    return last.at if last else None


def _subject(name: str) -> str:
    return f"town.layer:{name}"


def live(q: Quarter, on: date, until: datetime, *, only: Iterable[Visit] | None = None) -> int:
    """Live a day up to a time and return how many bills were booked; what is lived already is left alone."""
    begun = lived_until(q.names)
    if begun is not None and begun >= min(until, day_start(on + timedelta(days=1))):
        return 0
    after = max(begun, day_start(on)) if begun is not None else day_start(on)
    end = min(until, day_start(on + timedelta(days=1)))
    visits = list(only) if only is not None else q.town.day(on, [joined <= day_start(on) for joined in q.joined_at])
    visits = [visit for visit in visits if after <= visit.at < end]
    with transaction.atomic():
        booked = _shop(q, on, visits, end)
        _void_some(q, on, booked)
        for name in q.names:
            events.record("town.lived", _subject(name), ACTOR, end, {"on": on.isoformat(), "bills": len(booked)})
    return len(booked)


def live_extra(q: Quarter, visits: Sequence[Visit], now: datetime) -> None:
    """Book a few visits beside the day's own ones."""
    with transaction.atomic():
        _shop(q, shanghai_day(now), visits, now)


def night(q: Quarter, on: date, *, is_last: bool = False) -> None:
    """Do what the clock does after a day: close its books, let points mature (here every third night) and lapse."""
    next_day = on + timedelta(days=1)
    morning = day_start(next_day)
    # These two runs go through all 64 buckets; most nights there is nothing to lapse.
    if is_last or on.toordinal() % 3 == 0:
        expiry.mature(next_day, now=morning + timedelta(minutes=7))
    if Lot.objects.filter(is_open=True, lapses_on__lt=next_day).exists():
        expiry.expire(next_day, now=morning + timedelta(minutes=12))
    closing.close(on, now=morning + timedelta(minutes=20), float_ids=q.floats)


def _shop(q: Quarter, on: date, visits: Sequence[Visit], end: datetime) -> list[tuple[Bill, Outcome]]:
    """Book the visits of a day; who wishes to pays a part with points, as far as they go."""
    available = _available([q.wallets[visit.person] for visit in visits if visit.wish])
    drafts = []
    for n, visit in enumerate(visits):
        ref, terms = q.outlets.get((visit.shop, visit.outlet)), q.terms.get(visit.shop)
        if ref is None or terms is None:
            continue
        wallet = q.wallets[visit.person]
        spend = 0
        if visit.wish:
            most = rebate.largest_spend(visit.bill_fen, terms.spend_share_bps)
            habit = int(MOST_SPEND * q.town.people[visit.person].thrift)
            spend = min(available.get(wallet, 0), most, habit) // 10 * 10
            spend = spend if spend >= LEAST_SPEND else 0
            available[wallet] = available.get(wallet, 0) - spend
        drafts.append(
            bills.draft(
                outlet=ref,
                terms=terms,
                wallet_id=wallet,
                paid_fen=visit.bill_fen - spend,
                spend_points=spend,
                event_at=visit.at,
                reference=f"{on:%m%d}{n:05d}",
                key=f"{q.names[-1]}/{visit.at.isoformat()}/{visit.person}/{n}",
                body=f"{ref.outlet_id}/{wallet}/{visit.bill_fen}/{spend}",
            )
        )
    booked = []
    for start in range(0, len(drafts), BATCH):
        batch = drafts[start : start + BATCH]
        outcomes = bills.post(batch, caller=CALLER, actor=ACTOR, now=end, at_event=True)
        booked += [(bill, out) for bill, out in zip(batch, outcomes, strict=True) if out.is_booked]
    return booked


def _available(wallets: Iterable[int]) -> dict[int, int]:
    rows = Wallet.objects.filter(pk__in=set(wallets)).values_list("pk", "balance", "pending", "held")
    return {pk: balance - pending - held for pk, balance, pending, held in rows}


def _void_some(q: Quarter, on: date, booked: Sequence[tuple[Bill, Outcome]]) -> None:
    """Undo a few bills some minutes later, as happens at a till; one whose points are gone stays."""
    random = Random(f"{q.town.seed}/void/{q.names[-1]}/{on}")
    for bill, outcome in booked:
        if random.random() < VOIDED and outcome.sale_id is not None:
            at = bill.event_at + timedelta(minutes=random.randint(1, 8))
            bills.void(
                sale_id=outcome.sale_id,
                outlet_id=bill.outlet_id,
                caller=CALLER,
                key=f"void/{bill.key}",
                body=f"void/{outcome.sale_id}",
                actor=ACTOR,
                at=at,
                now=at,
            )


def estimate(q: Quarter, days: Iterable[date]) -> dict[int, int]:
    """Return the rebate, in fen, that each shop gives over the days, by its position; points spent are left aside."""
    total: dict[int, int] = defaultdict(int)
    for on in days:
        joined = [at <= day_start(on) for at in q.joined_at]
        for visit in q.town.day(on, joined):
            if visit.shop in q.terms:
                total[visit.shop] += rebate.rebate(visit.bill_fen, q.terms[visit.shop].rate_bps)
    return total


def fund(q: Quarter, at: datetime, without: Container[int] = ()) -> None:
    """Give every shop whose float does not cover the next days a top-up for some weeks."""
    balances = dict(Account.objects.filter(pk__in=q.floats).values_list("pk", "balance"))
    for i in q.terms:
        daily = max(q.daily_rebate.get(i, 0), 300)
        if i not in without and balances.get(q.merchants[i].float_id or 0, 0) < daily * COVER_DAYS:
            top_up(q, i, daily * REFILL_DAYS, at)


def top_up(q: Quarter, i: int, amount_fen: int, at: datetime) -> None:
    """Top a float up by about so much: whole hundreds of yuan, at least five of them."""
    merchant = q.merchants[i]
    money.top_up(
        merchant=merchant,
        amount_fen=max(50_000, -(-amount_fen // 10_000) * 10_000),
        organised=q.organised,
        at=at,
        serial=f"HA-{merchant.credit_code}-{shanghai_day(at):%Y%m%d}",
    )


def position_of(q: Quarter, key: str) -> int:
    """Return where a shop stands in the list, by its key."""
    return next(i for i, shop in enumerate(q.town.shops) if shop.key == key)
