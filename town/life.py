"""The town's past, lived day by day through the verbs: sales, spends, voids, top-ups, and each night the close.

A day ends with an event in the diary, and a life that was broken off goes on with the first day that has none. A small
quarter's day is one transaction; in a large one a crew books it in batches, and what was booked already gets its first
answer again. Booking into the past needs the owner of the database.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import day_start, shanghai_day
from alliance.models import Event
from points import closing, expiry
from points.models import Account, Lot
from town import money, shopping
from town.crew import Crew
from town.quarter import Quarter
from town.world.visits import Visit

ACTOR = Actor.system("town")
COVER_DAYS, REFILL_DAYS = 7, 60


def lived_until(names: Iterable[str]) -> datetime | None:
    """Return the time up to which layers have lived, or None when they have no past yet."""
    last = (
        Event.objects.filter(verb="town.lived", subject__in=[_subject(name) for name in names]).order_by("-at").first()
    )
    return last.at if last else None


def _subject(name: str) -> str:
    return f"town.layer:{name}"


def live(
    q: Quarter,
    on: date,
    until: datetime,
    *,
    only: Sequence[Visit] | None = None,
    crew: Crew | None = None,
    tell: shopping.Tell = lambda _n: None,
) -> int:
    """Live a day up to a time and return how many bills were booked; what is lived already is left alone.

    only: the visits of the day, where they are others than its own. tell: hears of each batch of bills.
    """
    begun = lived_until(q.names)
    end = min(until, day_start(on + timedelta(days=1)))
    if begun is not None and begun >= end:
        return 0
    after = max(begun, day_start(on)) if begun is not None else day_start(on)
    if crew is not None and only is None:
        booked = crew.shop(on, after, end, tell)
        with transaction.atomic():
            _note(q, on, end, booked)
        return booked
    visits = shopping.visits_between(q, on, after, end) if only is None else only
    with transaction.atomic():
        booked = shopping.shop(q, [visit for visit in visits if after <= visit.at < end], end, tell)
        _note(q, on, end, booked)
    return booked


def _note(q: Quarter, on: date, end: datetime, bills: int) -> None:
    for name in q.names:
        events.record("town.lived", _subject(name), ACTOR, end, {"on": on.isoformat(), "bills": bills})


def live_extra(q: Quarter, visits: Sequence[Visit], now: datetime) -> None:
    """Book a few visits beside the day's own ones."""
    with transaction.atomic():
        shopping.shop(q, visits, now, lambda _n: None)


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


def lacking(q: Quarter, without: Container[int] = ()) -> list[tuple[int, int]]:
    """Return the shops whose float does not cover the next days, with a top-up for some weeks."""
    balances = Account.objects.filter(pk__in=q.floats).money()
    wanted = []
    for i in q.terms:
        daily = max(q.daily_rebate.get(i, 0), 300)
        if i not in without and balances.get(q.merchants[i].float_id or 0, 0) < daily * COVER_DAYS:
            wanted.append((i, daily * REFILL_DAYS))
    return wanted


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
