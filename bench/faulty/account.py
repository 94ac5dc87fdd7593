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
from points.models import Hold, Key, Sale, Wallet


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
    # What wallet, float and proceeds gained, when that is not told by the figures above: a refund.
    moved: tuple[int, int, int] | None = None


@dataclass
class Held:
    """A hold that was acknowledged, and how it was closed: by which bill, or released."""

    key: str
    shop: int
    wallet: int
    points: int
    sale: int | None = None
    released: str = ""


@dataclass
class Told:
    """What the tills know together."""

    booked: dict[int, Booked] = field(default_factory=dict)
    holds: dict[int, Held] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    differences: list[str] = field(default_factory=list)


def told_by(entries: Iterable[Entry]) -> Told:
    """Read the logs; a sale that was told under two keys is a difference already."""
    told = Told()
    voids = []
    later: list[tuple[Entry, int | None]] = []
    for entry in entries:
        told.requests += 1
        if entry.wish.kind == "void" and entry.said.status in (200, 201):
            voids.append(entry)
            continue
        for one in _documents(entry, told):
            _add(told, one)
            if entry.wish.kind == "capture":
                later.append((entry, one.sale))
        if entry.wish.kind == "release" and entry.said.status in (200, 201):
            later.append((entry, None))
    for entry, sale in later:  # after the holds that they close
        _close(told, entry, sale)
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


def _close(told: Told, entry: Entry, sale: int | None) -> None:
    number = int(entry.wish.path.split("/")[-2])
    hold = told.holds.get(number)
    if hold is None or hold.sale or hold.released:
        told.differences.append(f"{entry.wish.kind} {entry.wish.key} closed hold {number}, which is {hold}")
    else:
        hold.sale, hold.released = sale, "" if sale else entry.wish.key


def _add(told: Told, one: Booked) -> None:
    if one.sale in told.booked:
        told.differences.append(f"sale {one.sale} was told under {told.booked[one.sale].key} and {one.key}")
    told.booked[one.sale] = one


def _documents(entry: Entry, told: Told) -> Iterator[Booked]:
    wish, said = entry.wish, entry.said
    if said.status not in (200, 201):
        told.refused[said.json.get("code", str(said.status))] += 1
    elif wish.kind == "hold":
        answer = said.json
        told.holds[answer["id"]] = Held(wish.key, wish.shop, wish.wallets[wish.key], answer["points"])
    elif wish.kind == "refund":
        yield _refund(wish.key, wish.shop, wish.wallets[wish.key], said.json)
    elif wish.kind == "release":
        return
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


def _refund(key: str, shop: int, wallet: int, answer: dict[str, Any]) -> Booked:
    told = answer["figures"]
    undone, back = told["points_taken"] + told["points_short"], told["points_returned"]
    rest = told["rest_back_fen"] + told["rest_due_fen"]
    now = back - told["points_promised"] - told["points_lapsed"]
    moved = (now - told["points_taken"], told["points_taken"] + told["rest_back_fen"], told["fee_back_fen"] - back)
    return Booked(key, answer["id"], shop, wallet, -undone, -back, -undone - rest, answer["sale"], moved)


def compare(cast: Cast, entries: Iterable[Entry]) -> tuple[Told, int, list[str]]:
    """Return what was told, how many laws were looked at, and every difference in words."""
    told = told_by(entries)
    found = [
        *told.differences,
        *_documents_of(cast, told),
        *_keys(cast, told),
        *_balances(cast, told),
        *_holds(cast, told),
    ]
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
    for number, hold in told.holds.items():
        mine[hold.shop, digest(hold.key)] = number
        if hold.released:
            mine[hold.shop, digest(hold.released)] = number
    for key in got.items() ^ mine.items():
        yield f"request key {key}: {got.get(key[0])} in the book, {mine.get(key[0])} in the log"


def _balances(cast: Cast, told: Told) -> Iterator[str]:
    mine = defaultdict(int, cast.balances)
    for one in told.booked.values():
        float_id, proceeds_id = accounts_of(cast.shops[one.shop])
        if one.moved is not None:
            for number, fen in zip((one.wallet, float_id, proceeds_id), one.moved, strict=True):
                mine[number] += fen
            continue
        mine[one.wallet] += one.points - one.spent
        mine[float_id] -= one.rebate
        sign = -1 if one.spent < 0 else 1
        mine[proceeds_id] += one.spent - sign * (abs(one.spent) * cast.spend_fee_bps[one.shop] // 10_000)
    for number, fen in standing(cast).items():
        if fen != mine[number]:
            yield f"account {number} holds {fen:,} fen, and {mine[number]:,} by what was acknowledged"


def _holds(cast: Cast, told: Told) -> Iterator[str]:
    """Each hold once, as it was closed, and what is still held."""
    held: dict[int, int] = defaultdict(int)
    rows = {row.pk: row for row in Hold.objects.filter(wallet_id__in=cast.wallets)}
    for pk in rows.keys() ^ told.holds.keys():
        yield f"hold {pk} is {'booked' if pk in rows else 'told'} only"
    for pk, one in told.holds.items():
        if (row := rows.get(pk)) is None:
            continue
        state = Hold.State.CAPTURED if one.sale else Hold.State.RELEASED if one.released else Hold.State.OPEN
        got, mine = (row.state, row.sale_id, row.points, row.wallet_id), (state, one.sale, one.points, one.wallet)
        if got != mine:
            yield f"hold {pk} ({one.key}) is booked as {got} and was acknowledged as {mine}"
        held[one.wallet] += one.points if row.state == Hold.State.OPEN else 0
    for wallet, points in Wallet.objects.filter(pk__in=cast.wallets).values_list("pk", "held"):
        if points != held[wallet]:
            yield f"wallet {wallet} holds {points:,} points back, and {held[wallet]:,} by what was acknowledged"
