"""One till file from its first line to its last: checked whole, then booked, then closed with its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

from alliance.actors import Actor
from alliance.refusals import Refused
from merchants.models import Merchant, Outlet
from points import identify
from stores.calc import baskets as calc
from stores.calc.baskets import Basket
from stores.feeds import files, lanes, refusals, taking
from stores.feeds.lanes import Summary
from stores.models import Feed, FeedRun, Product, Store

BATCH = 500


def take_file(
    *,
    feed: Feed,
    path: Path,
    catalogue: str,
    actor: Actor,
    at: datetime,
    store: str | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Summary:
    """Book a store's till file, once: the same file again changes nothing and gives the same figures.

    store: the only one that the file may name. told: hears after each batch how many baskets of how many are settled.
    Refuses, with nothing booked: feed_columns_wrong, feed_cut, feed_order_wrong, feed_value_unreadable,
    feed_text_too_long, feed_quantity_too_large, feed_basket_too_large, feed_store_unknown (also for a store whose
    merchant is not live), feed_store_other, feed_terms_missing, feed_time_ahead, feed_busy. What only the book can
    know is listed.
    """
    baskets = files.read(path)
    if baskets and baskets[-1].at > at:
        raise refusals.TIME_AHEAD(at=baskets[-1].at.isoformat())
    others = sorted({basket.store for basket in baskets} - {store}) if store else []
    if others:
        raise refusals.STORE_OTHER(file=path.name, store=store, others=", ".join(others[:5]))
    tills = _tills({basket.store for basket in baskets})
    for basket in baskets:
        if tills[basket.store].terms_at(basket.at) is None:
            raise refusals.TERMS_MISSING(row=basket.lines[0].row, store=basket.store)
    scope = scope_of(path)
    done = FeedRun.objects.filter(feed=feed, scope=scope, state=FeedRun.State.DONE).first()
    if done is not None:
        return lanes.summary(done)
    run = lanes.begin(feed=feed, scope=scope, lanes=1, baskets_expected=len(baskets), actor=actor, at=at)
    lane = run.lanes.get(number=0)
    products = {p.code: p for p in Product.objects.filter(catalogue=catalogue, code__in=_products(baskets))}
    excluded = {code for code, product in products.items() if product.is_excluded}
    wallets = _wallets({basket.holder for basket in baskets}, at)
    left = [basket for basket in baskets if basket.lines[-1].row > lane.position]
    for start in range(0, len(left), BATCH):
        taking.take(
            feed=feed,
            baskets=[calc.screen(basket, products, excluded) for basket in left[start : start + BATCH]],
            tills=tills,
            wallets=wallets,
            products={code: product.pk for code, product in products.items()},
            categories={code: product.category or product.department for code, product in products.items()},
            actor=actor,
            lane=lane,
        )
        if told:
            told(len(baskets) - len(left) + min(start + BATCH, len(left)), len(baskets))
    return lanes.finish(run=run, actor=actor, at=at)


def scope_of(path: Path) -> dict[str, str]:
    """Return what a run of this file has as its scope: its content, not its name."""
    with path.open("rb") as file:
        return {"file": file_digest(file, "sha256").hexdigest()}


def _tills(codes: set[str]) -> dict[str, taking.Till]:
    stores = Store.objects.filter(
        code__in=codes, outlet__state=Outlet.State.OPEN, outlet__merchant__state=Merchant.State.LIVE
    ).select_related("outlet__merchant")
    found = taking.tills(stores)
    unknown = sorted(codes - found.keys())
    if unknown:
        raise refusals.STORE_UNKNOWN(stores=", ".join(unknown[:5]))
    return found


def _products(baskets: Iterable[Basket]) -> set[str]:
    return {line.product for basket in baskets for line in basket.lines}


def _wallets(numbers: set[str], at: datetime) -> dict[str, int]:
    """Return the wallets of the member numbers that are known."""
    ordered = sorted(numbers)
    found = identify.many([("number", number) for number in ordered], at)
    return {number: one.wallet_id for number, one in zip(ordered, found, strict=True) if not isinstance(one, Refused)}
