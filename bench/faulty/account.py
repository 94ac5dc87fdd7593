"""The tills' own logs against the book: acknowledged = booked, once, to the fen, and nothing else was booked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.faulty.cast import Cast, accounts_of, broken_laws, standing
from bench.faulty.clients import Entry
from points.bills import CALLERS
from points.calc.digests import digest
from points.models import Key, Sale


@dataclass(frozen=True)
class Booked:
    """A document that was acknowledged: what its till was told."""

    key: str
    sale: int
    shop: int
    wallet: int
    points: int
    spent: int
    rebate: int
    reverses: int | None = None


@dataclass
class Told:
    """What the tills know together."""

    booked: dict[int, Booked] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    differences: list[str] = field(default_factory=list)


def told_by(entries: Iterable[Entry]) -> Told:
    """Read the logs; a sale that was told under two keys is a difference already."""
    told = Told()
    voids = []
    for entry in entries:
        told.requests += 1
        if entry.wish.kind == "void" and entry.said.status in (200, 201):
            voids.append(entry)
            continue
        for one in _documents(entry, told):
            _add(told, one)
    for entry in voids:  # after the bills, whose rebates they give back
        answer, wish = entry.said.json, entry.wish
        old = told.booked.get(answer["sale"])
        if old is None:
            told.differences.append(f"void {wish.key} names sale {answer['sale']}, which nobody was told of")
            continue
        one = Booked(
            wish.key, answer["id"], wish.shop, wish.wallets[wish.key], -answer["points_taken"],
            -answer["points_returned"], -old.rebate, old.sale,
        )  # fmt: skip
        if (one.points, one.spent) != (-old.points, -old.spent):
            told.differences.append(f"void {wish.key} gave back other amounts: {one} of {old}")
        _add(told, one)
    return told


def _add(told: Told, one: Booked) -> None:
    if one.sale in told.booked:
        told.differences.append(f"sale {one.sale} was told under {told.booked[one.sale].key} and {one.key}")
    told.booked[one.sale] = one


def _documents(entry: Entry, told: Told) -> Iterator[Booked]:
    wish, said = entry.wish, entry.said
    if said.status not in (200, 201):
        told.refused[said.json.get("code", str(said.status))] += 1
    elif wish.kind != "batch":
        yield _bill(wish.key, wish.shop, wish.wallets[wish.key], said.json)
    else:
        for item in said.json["results"]:
            if item["sale"]:
                yield _bill(item["key"], wish.shop, wish.wallets[item["key"]], item["sale"])
            else:
                told.refused[(item["problem"] or {}).get("code", item["status"])] += 1


def _bill(key: str, shop: int, wallet: int, answer: dict[str, Any]) -> Booked:
    return Booked(key, answer["id"], shop, wallet, answer["points"], answer["spent_points"], answer["rebate_fen"])


def compare(cast: Cast, entries: Iterable[Entry]) -> tuple[Told, int, list[str]]:
    """Return what was told, how many laws were looked at, and every difference in words."""
    told = told_by(entries)
    found = [*told.differences, *_documents_of(cast, told), *_keys(cast, told), *_balances(cast, told)]
    laws, broken = broken_laws()
    return told, laws, [*found, *(f"law broken: {text}" for text in broken)]


def _documents_of(cast: Cast, told: Told) -> Iterator[str]:
    outlets = {shop.outlet.pk: number for number, shop in enumerate(cast.shops)}
    rows = {row.pk: row for row in Sale.objects.filter(pk__gt=cast.last_sale)}
    for pk in rows.keys() - told.booked.keys():
        yield f"doubled or unknown: sale {pk} of wallet {rows[pk].wallet_id} is booked and was never acknowledged"
    for pk, one in told.booked.items():
        row = rows.get(pk)
        if row is None:
            yield f"lost: sale {pk} ({one.key}) was acknowledged and is not booked"
            continue
        got = (outlets.get(row.outlet_id), row.wallet_id, row.points, row.spent_points, row.rebate_fen, row.reverses_id)
        mine = (one.shop, one.wallet, one.points, one.spent, one.rebate, one.reverses)
        if got != mine:
            yield f"sale {pk} ({one.key}) is booked as {got} and was acknowledged as {mine}"


def _keys(cast: Cast, told: Told) -> Iterator[str]:
    merchants = {shop.merchant.pk: number for number, shop in enumerate(cast.shops)}
    kept = Key.objects.filter(caller_kind=CALLERS["merchant"], caller_id__in=merchants, sale_id__isnull=False)
    got = {(merchants[row.caller_id], row.key.hex): row.sale_id for row in kept}
    mine = {(one.shop, digest(one.key)): one.sale for one in told.booked.values()}
    for key in got.items() ^ mine.items():
        yield f"request key {key}: {got.get(key[0])} in the book, {mine.get(key[0])} in the log"


def _balances(cast: Cast, told: Told) -> Iterator[str]:
    mine = defaultdict(int, cast.balances)
    for one in told.booked.values():
        float_id, proceeds_id = accounts_of(cast.shops[one.shop])
        mine[one.wallet] += one.points - one.spent
        mine[float_id] -= one.rebate
        sign = -1 if one.spent < 0 else 1
        mine[proceeds_id] += one.spent - sign * (abs(one.spent) * cast.spend_fee_bps[one.shop] // 10_000)
    for number, fen in standing(cast).items():
        if fen != mine[number]:
            yield f"account {number} holds {fen:,} fen, and {mine[number]:,} by what was acknowledged"
