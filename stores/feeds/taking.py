"""Baskets become sales: the same verb as any till's, in batches, with their lines beside them.

One call is one transaction: sales, lines, refusals and the lane's place are all there or none is. Keys belong to the
feed, so a basket that is sent twice is booked once; its lines are not written again either.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from alliance.actors import Actor
from alliance.models import Trade
from alliance.refusals import Refused
from points import awards, bills
from points.bills import Bill, Caller, Outcome, OutletRef
from points.calc.rules import Line
from points.models import Terms
from points.terms import rest_account
from stores.calc.baskets import Basket, Screened
from stores.feeds import refusals
from stores.models import Feed, FeedLane, FeedRefusal, FeedRun, Store

_LINE_COLUMNS = "sale_id, line, wallet_id, sold_at, store_id, product_id, quantity, value_fen, discount_fen"


@dataclass(frozen=True, slots=True)
class Till:
    """Where a store's baskets are booked: its outlet in the book's words, and the terms by time."""

    store_id: int
    outlet: OutletRef
    terms: tuple[Terms, ...]
    trade: str = ""

    def terms_at(self, at: datetime) -> Terms | None:
        return next((t for t in self.terms if t.valid_from <= at and (t.valid_to is None or at < t.valid_to)), None)


def tills(stores: Iterable[Store]) -> dict[str, Till]:
    """Return where the baskets of each store are booked, by the store's code. Rest accounts are opened here, once."""
    rows = list(stores)
    terms: dict[int, list[Terms]] = {}
    for one in Terms.objects.filter(float_id__in=[s.outlet.merchant.float_id for s in rows]).order_by("valid_from"):
        terms.setdefault(one.float_id, []).append(one)
    trades = dict(Trade.objects.values_list("pk", "code"))
    found = {}
    for store in rows:
        outlet, float_id = store.outlet, store.outlet.merchant.float_id
        mine = tuple(terms.get(float_id or 0, ()))
        for one in mine:
            rest_account(one, outlet.centre_account_id)
        ref = OutletRef(outlet.pk, float_id or 0, outlet.centre_account_id)
        found[store.code] = Till(store.pk, ref, mine, trades[outlet.merchant.trade_id])
    return found


@dataclass(slots=True)
class Taken:
    """What one call did."""

    baskets: int = 0
    repeated: int = 0
    without_points: int = 0
    lines: int = 0
    value_fen: int = 0
    points: int = 0
    refused_baskets: int = 0
    refused_lines: int = 0


@transaction.atomic
def take(
    *,
    feed: Feed,
    baskets: Sequence[Screened],
    tills: Mapping[str, Till],
    wallets: Mapping[str, int],
    products: Mapping[str, int],
    actor: Actor,
    lane: FeedLane,
    now: datetime | None = None,
    categories: Mapping[str, str] | None = None,
    spends: Mapping[str, int] | None = None,
) -> Taken:
    """Book the baskets, in their order, and keep their lines.

    tills by the feed's store number, wallets by its holder number, products by their code in the feed's catalogue,
    as their categories, which rules may ask for.
    now: only the database's owner may book into the past; each sale is then booked at its own time, never backwards
    for one wallet. lane: moved to the last row of these baskets.
    spends: how much of a basket, by its number, is paid with points; the rest is paid in money.
    Refuses: feed_store_unknown, feed_run_closed; a basket that the book refuses is listed with its lines.
    """
    _hold(lane)
    unknown = sorted({s.basket.store for s in baskets if s.kept} - tills.keys())
    if unknown:
        raise refusals.STORE_UNKNOWN(stores=", ".join(unknown[:5]))
    taken, listed = Taken(), list[FeedRefusal]()
    good: list[Screened] = []
    drafts: list[Bill] = []
    for screened in baskets:
        if not screened.kept or screened.basket.holder not in wallets:
            continue
        try:
            till, wallet_id = tills[screened.basket.store], wallets[screened.basket.holder]
            drafts.append(
                _draft(screened, till, wallet_id, categories or {}, (spends or {}).get(screened.basket.number, 0))
            )
        except Refused as refused:
            listed += _refused(lane, screened, FeedRefusal.Reason.BOOK_REFUSED, refused.code)
            taken.refused_baskets += 1
            taken.refused_lines += len(screened.kept)
        else:
            good.append(screened)
    caller = Caller("feed", feed.pk)
    outcomes = bills.post(drafts, caller=caller, actor=actor, now=now, at_event=now is not None) if drafts else []
    booked: list[tuple[Screened, Outcome]] = []
    for screened, outcome in zip(good, outcomes, strict=True):
        if outcome.status == "refused":
            listed += _refused(lane, screened, FeedRefusal.Reason.BOOK_REFUSED, outcome.code or "")
            taken.refused_baskets += 1
            taken.refused_lines += len(screened.kept)
            continue
        taken.baskets += 1
        taken.lines += len(screened.kept)
        taken.value_fen += screened.value_fen
        taken.points += outcome.points + outcome.bonus_points
        taken.without_points += outcome.is_without_points
        taken.repeated += outcome.replayed
        if not outcome.replayed:
            booked.append((screened, outcome))
    for screened in baskets:
        listed += [_line_refused(lane, screened.basket, r.line.row, r.line.product, r.reason) for r in screened.refused]
        taken.refused_lines += len(screened.refused)
        if not screened.kept:
            taken.refused_baskets += 1
        elif screened.basket.holder not in wallets:
            listed += _refused(lane, screened, FeedRefusal.Reason.HOLDER_UNKNOWN)
            taken.refused_baskets += 1
            taken.refused_lines += len(screened.kept)
    _keep_lines(booked, tills, wallets, products)
    FeedRefusal.objects.bulk_create(listed)
    if baskets:
        _move(lane, taken, max(s.basket.lines[-1].row for s in baskets))
    return taken


def _hold(lane: FeedLane) -> None:
    """Keep the lane to this transaction. One that moved meanwhile, or whose run was closed, is somebody else's."""
    position = FeedLane.objects.select_for_update().values_list("position", flat=True).get(pk=lane.pk)
    if position != lane.position or not FeedRun.objects.filter(pk=lane.run_id, state=FeedRun.State.OPEN).exists():
        raise refusals.RUN_CLOSED()


def _draft(screened: Screened, till: Till, wallet_id: int, categories: Mapping[str, str], spend: int) -> Bill:
    basket, value = screened.basket, screened.value_fen
    terms = till.terms_at(basket.at)
    if terms is None:
        raise bills.TERMS_MISSING()
    lines = (
        []
        if awards.are_none()
        else [
            Line(categories.get(each.product, ""), each.product, each.value_fen, each.quantity)
            for each in screened.kept
        ]
    )
    body = json.dumps([basket.store, basket.holder, basket.at.isoformat(), value, len(screened.kept)])
    return bills.draft(
        outlet=till.outlet,
        terms=terms,
        wallet_id=wallet_id,
        paid_fen=value - spend,
        spend_points=spend,
        event_at=basket.at,
        reference=basket.number,
        key=basket.number,
        body=body,
        lines=lines,
        trade=till.trade,
    )


def _keep_lines(
    booked: Iterable[tuple[Screened, Outcome]],
    tills: Mapping[str, Till],
    wallets: Mapping[str, int],
    products: Mapping[str, int],
) -> None:
    """Write the lines of new sales by COPY: a few times faster than INSERT, and it shares the transaction."""
    with connection.cursor() as cursor, cursor.copy(f"COPY stores_basketline ({_LINE_COLUMNS}) FROM STDIN") as copy:
        for (basket, kept, _), outcome in booked:
            where = f"{wallets[basket.holder]}\t{basket.at.isoformat()}\t{tills[basket.store].store_id}"
            copy.write(
                "".join(
                    f"{outcome.sale_id}\t{number}\t{where}\t{products[line.product]}\t{line.quantity}"
                    f"\t{line.value_fen}\t{line.discount_fen}\n"
                    for number, line in enumerate(kept, start=1)
                )
            )


def _move(lane: FeedLane, taken: Taken, position: int) -> None:
    names = list(Taken.__dataclass_fields__)
    changes = {name: F(name) + getattr(taken, name) for name in names}
    FeedLane.objects.filter(pk=lane.pk).update(position=position, moved_at=timezone.now(), **changes)
    lane.position = position


def _refused(lane: FeedLane, screened: Screened, reason: str, detail: str = "") -> list[FeedRefusal]:
    return [_line_refused(lane, screened.basket, line.row, line.product, reason, detail) for line in screened.kept]


def _line_refused(lane: FeedLane, basket: Basket, row: int, product: str, reason: str, detail: str = "") -> FeedRefusal:
    return FeedRefusal(
        feed_id=lane.run.feed_id,
        run_id=lane.run_id,
        row=row,
        basket=basket.number,
        product=product,
        reason=reason,
        detail=detail,
    )
