"""Reading the year for one lane and booking it in batches: all wallets of a lane are its own, so no two workers wait
for a wallet, and what happens to one wallet happens in the order of time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection

from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from stores import feeds
from stores.calc import baskets as calc
from stores.calc.baskets import Screened
from stores.feeds import refusals
from stores.models import FeedLane, FeedRun, Product
from town.replay import founding, source, spending
from town.replay.options import Options

ACTOR = Actor.system("replay")
BATCH = 1_000
_AGAIN = {"40001", "40P01"}
_LOCK_SPACE = 7262


def work(
    *,
    run_id: int,
    number: int,
    lanes: int,
    words: dict[str, Any],
    orphaned: Callable[[], bool],
    through: Callable[[int], None],
) -> None:
    """Book what is left of the lane. Holds the lane's lock: a second worker waits until the first is gone.

    through: hears the number of the day up to which everything of this lane is booked.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK_SPACE, run_id * 64 + number])
    run = FeedRun.objects.select_related("feed").get(pk=run_id)
    lane = FeedLane.objects.get(run=run, number=number)
    tills, wallets = founding.tills(), founding.wallets()
    products, excluded = catalogue()
    found = source.find()
    if found is None:
        raise refusals.SOURCE_MISSING(packages=" ".join(source.PACKAGES))
    options = Options(
        households=words["households"],
        first=date.fromisoformat(words["from"]) if words["from"] else None,
        last=date.fromisoformat(words["to"]) if words["to"] else None,
    )
    chosen = set(sorted(wallets, key=int)[: options.households])
    mine = {holder: wallet for holder, wallet in wallets.items() if holder in chosen and wallet % 64 % lanes == number}
    moved, now, spends = timedelta(days=run.feed.moved_days), run.started_at, bool(words.get("settle"))
    position = lane.position

    def ahead() -> Iterator[Screened]:
        for basket in source.baskets(found):
            if basket.holder in mine and basket.lines[-1].row > position:
                yield calc.screen(basket, products, excluded)

    batch: list[Screened] = []
    for screened in options.days(ahead()):
        one = _moved(screened, moved, now)
        # Who spends sees what the days before brought.
        if len(batch) == BATCH or (spends and batch and _day(one) != _day(batch[-1])):
            _take(run, lane, batch, tills, mine, products, now, spends)
            through(_day(one).toordinal() - 1)
            batch = []
            if orphaned():
                return
        batch.append(one)
    _take(run, lane, batch, tills, mine, products, now, spends)
    through(date.max.toordinal())


def catalogue() -> tuple[dict[str, int], set[str]]:
    """Return the products by code, and the codes that earn nothing."""
    rows = Product.objects.filter(catalogue=founding.FEED).values_list("code", "pk", "is_excluded")
    products, excluded = {}, set()
    for code, pk, is_excluded in rows.iterator(chunk_size=20_000):
        products[code] = pk
        if is_excluded:
            excluded.add(code)
    return products, excluded


def _day(screened: Screened) -> date:
    return shanghai_day(screened.basket.at)


def _moved(screened: Screened, moved: timedelta, now: datetime) -> Screened:
    """Return the basket at its new time; the file's last hours, when they have not come yet, happen now."""
    basket = screened.basket
    return screened._replace(basket=basket._replace(at=min(basket.at + moved, now)))


def _take(
    run: FeedRun,
    lane: FeedLane,
    batch: list[Screened],
    tills: dict[str, feeds.Till],
    wallets: dict[str, int],
    products: dict[str, int],
    now: datetime,
    spends: bool,
) -> None:
    """Book a batch; one that lost a race for a float is booked again."""
    paid = spending.plan(batch, wallets, tills) if spends else {}
    for attempt in range(8):
        try:
            feeds.take(
                feed=run.feed, baskets=batch, tills=tills, wallets=wallets, products=products, actor=ACTOR,
                now=now, lane=lane, spends=paid,
            )  # fmt: skip
            return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _AGAIN or attempt == 7:
                raise
            time.sleep(0.05 * (attempt + 1))
