"""A day's purchases at the tills: bills drafted and booked in batches, some of them paid with points, a few undone.

The request key of a bill names its visit and its body leaves the points out, so a day that is booked again after it was
broken off gets its first answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from zlib import crc32

from alliance.actors import Actor
from alliance.calc.worktime import day_start
from points import bills
from points.bills import Bill, Caller, Outcome
from points.calc import rebate
from points.models import Wallet
from town.quarter import Quarter
from town.world.visits import Visit

ACTOR = Actor.system("town")
CALLER = Caller("town", 1)
BATCH = 1_000
# Of each thousand bills so many are undone.
VOIDED = 4
# In points: below this nobody bothers; above that part of it which is their thrift nobody goes.
LEAST_SPEND, MOST_SPEND = 100, 30_000
Tell = Callable[[int], None]


def visits_between(q: Quarter, on: date, after: datetime, end: datetime) -> list[Visit]:
    """Return the purchases of those who were members when the day began, in the half-open part of it."""
    visits = q.town.day(on, q.members_at(day_start(on)))
    return [visit for visit in visits if after <= visit.at < end]


def shop(q: Quarter, visits: Sequence[Visit], end: datetime, tell: Tell) -> int:
    """Book visits and undo a few of them; return how many were booked.

    tell: hears how many bills were settled, batch by batch. Booked bucket by bucket where a quarter is large: rows that
    lie together are written together.
    """
    drafts = _drafts(q, visits)
    if len(drafts) > BATCH:
        drafts.sort(key=lambda bill: (bill.wallet_id % 64, bill.wallet_id, bill.event_at))
    booked = 0
    for start in range(0, len(drafts), BATCH):
        batch = drafts[start : start + BATCH]
        outcomes = bills.post(batch, caller=CALLER, actor=ACTOR, now=end, at_event=True)
        done = [(bill, out) for bill, out in zip(batch, outcomes, strict=True) if out.is_booked]
        _void_some(done)
        booked += len(done)
        tell(len(batch))
    return booked


def _drafts(q: Quarter, visits: Sequence[Visit]) -> list[Bill]:
    """Do the sums of the bills; who wishes to pays a part with points, as far as they go."""
    available = _available([q.wallets[visit.person] for visit in visits if visit.wish])
    receipts: Counter[tuple[int, int]] = Counter()
    twice: Counter[tuple[int, datetime]] = Counter()
    drafts = []
    for visit in visits:
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
        receipts[visit.shop, visit.outlet] += 1
        twice[visit.person, visit.at] += 1
        person = q.town.people[visit.person].number
        drafts.append(
            bills.draft(
                outlet=ref,
                terms=terms,
                wallet_id=wallet,
                paid_fen=visit.bill_fen - spend,
                spend_points=spend,
                event_at=visit.at,
                reference=f"{visit.at:%m%d%H%M}{receipts[visit.shop, visit.outlet]:02d}",
                key=f"{q.names[-1]}/{visit.at.isoformat()}/{person}/{twice[visit.person, visit.at]}",
                body=f"{ref.outlet_id}/{wallet}/{visit.bill_fen}",
            )
        )
    return drafts


def _available(wallets: Iterable[int]) -> dict[int, int]:
    rows = Wallet.objects.filter(pk__in=set(wallets)).values_list("pk", "balance", "pending", "held")
    return {pk: balance - pending - held for pk, balance, pending, held in rows}


def _void_some(booked: Sequence[tuple[Bill, Outcome]]) -> None:
    """Undo a few bills some minutes later, as happens at a till; one whose points are gone stays."""
    for bill, outcome in booked:
        chance = crc32(bill.key.encode())
        if chance % 1000 < VOIDED and outcome.sale_id is not None:
            at = bill.event_at + timedelta(minutes=1 + chance // 1000 % 8)
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


def rebates(q: Quarter, days: Iterable[date]) -> dict[int, int]:
    """Return the rebate, in fen, that each shop gives over the days, by its position; points spent are left aside."""
    total: dict[int, int] = defaultdict(int)
    for on in days:
        for visit in q.town.day(on, q.members_at(day_start(on))):
            if visit.shop in q.terms:
                total[visit.shop] += rebate.rebate(visit.bill_fen, q.terms[visit.shop].rate_bps)
    return total
