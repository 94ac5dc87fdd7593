"""L4: what was sent before is sent again, and what has an order is sent in another: the book does not move.

The book is compared as a whole (`Fingerprint`): every count and every sum, before and after.
"""

from __future__ import annotations

import random
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, connections
from django.utils import timezone

from alliance import org
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from bench.faulty.cast import FLOAT_FEN, Cast, broken_laws
from bench.faulty.clients import Caller, Said, Wish, bill
from bench.faulty.world import World
from merchants import banking
from points import accounts, funding
from points.models import BankLine, Wallet
from stores import feeds
from stores.models import Feed, Store
from tests.factories import members, shops
from tests.factories.merchants import api_key, token
from tests.factories.shops import Shop

ACTOR = Actor.system("faults")
HANDS = 8
Fingerprint = dict[str, Any]


@dataclass
class Found:
    what: str
    sent: int = 0
    differences: list[str] = field(default_factory=list)


def run(world: World, cast: Cast, seed: int, *, is_quick: bool) -> list[Found]:
    drawn = random.Random(seed)
    n = 60 if is_quick else 1_000
    found = [
        requests(world, cast, drawn, n),
        together(world, cast, drawn, n // 2),
        batches(world, cast, drawn, n // 2),
        orders(world, cast, drawn, n),
        bank_lines(cast, drawn, n // 2),
        statement_files(drawn, n // 4),
        till_files(drawn, n // 2),
    ]
    laws, broken = broken_laws()
    found.append(Found(f"laws afterwards ({laws})", laws, broken))
    return found


def fingerprint() -> Fingerprint:
    """Return all of the book in figures."""
    questions = {
        "transfers": "SELECT count(*), sum(points), sum(rest), sum(balance_after) FROM points_transfer",
        "sales": "SELECT count(*), sum(bill_fen), sum(points), sum(rebate_fen), sum(spent_points) FROM points_sale",
        "keys": "SELECT count(*), count(sale_id) FROM points_key WHERE sale_id IS NOT NULL",
        "wallets": "SELECT count(*), sum(balance), sum(balance * (id % 9973)), sum(seq) FROM points_wallet",
        "lots": "SELECT count(*), sum(remaining), sum(earned) FROM points_lot",
        "journals": "SELECT count(*) FROM points_journal",
        "bank lines": "SELECT count(*), sum(amount_fen) FROM points_bank_line",
        "bank files": "SELECT count(*), sum(lines) FROM points_bank_statement WHERE EXISTS"
        " (SELECT FROM points_bank_line l WHERE l.statement_id = points_bank_statement.id)",
        "basket lines": "SELECT count(*), sum(value_fen) FROM stores_basketline",
    }
    with connection.cursor() as cursor:
        found = {}
        for name, question in questions.items():
            cursor.execute(question)
            found[name] = cursor.fetchone()
    return found


def moved(before: Fingerprint, what: str) -> list[str]:
    after = fingerprint()
    return [f"{what} moved {name}: {before[name]} → {after[name]}" for name in before if before[name] != after[name]]


def by_hands(world: World, secrets: list[str], wishes: Sequence[Wish]) -> list[tuple[Wish, Said]]:
    """Let several callers send the requests, each the next one of the list; return what was answered."""
    told: list[tuple[Wish, Said]] = []
    left, lock, errors = iter(wishes), threading.Lock(), list[Exception]()

    def work() -> None:
        caller = Caller(world.inner_port, secrets)
        try:
            while True:
                with lock:
                    wish = next(left, None)
                if wish is None:
                    return
                said = caller.persist(wish)
                with lock:
                    told.append((wish, said))
        except Exception as error:
            errors.append(error)
        finally:
            caller.close()

    _in_threads([work] * HANDS)
    if errors:
        raise errors[0]
    return told


def _in_threads(works: Iterable[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _shuffled(drawn: random.Random, items: Sequence[Any], times: int = 1) -> list[Any]:
    return drawn.sample([*items] * times, len(items) * times)


def _wishes(cast: Cast, drawn: random.Random, n: int, name: str) -> list[Wish]:
    found = []
    for number in range(n):
        shop, wallet, key = drawn.randrange(len(cast.shops)), drawn.choice(cast.wallets), f"{name}-{number:06}"
        body = bill(cast, shop, wallet, drawn)
        if number % 3 == 0:
            body["spend_points"] = min(body["bill_fen"] // 2, 50)
        found.append(Wish("sale", shop, "/api/v1/sales", body, key, {key: wallet}))
    return found


# --- the API ------------------------------------------------------------------------------------


def requests(world: World, cast: Cast, drawn: random.Random, n: int) -> Found:
    """Everything once, then everything twice more in another order; sales and spendings, then their voids."""
    found = Found("API: sales, spendings and voids, each twice more, in other orders")
    sales = _wishes(cast, drawn, n, "again")
    first = _once_and_twice(world, cast, drawn, sales, found)
    _once_and_twice(
        world, cast, drawn, [_void(w, first[w.key]) for w in sales[::4] if first[w.key].status == 201], found
    )
    return found


def _once_and_twice(
    world: World, cast: Cast, drawn: random.Random, wishes: list[Wish], found: Found
) -> dict[str, Said]:
    first = {wish.key: said for wish, said in by_hands(world, cast.secrets, wishes)}
    before = fingerprint()
    for wish, said in by_hands(world, cast.secrets, _shuffled(drawn, wishes, 2)):
        found.sent += 1
        if not _same(first[wish.key], said):
            found.differences.append(f"{wish.key}: first {first[wish.key]}, later {said}")
    found.differences += moved(before, "repeated requests")
    before = fingerprint()
    others = [replace(wish, body=_changed(wish)) for wish in wishes[: len(wishes) // 4] if wish.kind != "void"]
    for wish, said in by_hands(world, cast.secrets, others):
        found.sent += 1
        if first[wish.key].status in (200, 201) and said.json.get("code") != "key_reused":
            found.differences.append(f"{wish.key} with another body: {said}")
    found.differences += moved(before, "known keys with other bodies")
    return first


def _void(wish: Wish, said: Said) -> Wish:
    key = f"{wish.key}-void"
    body = {"outlet": wish.body["outlet"]}
    return Wish("void", wish.shop, f"/api/v1/sales/{said.json['id']}/void", body, key, {key: wish.wallets[wish.key]})


def _changed(wish: Wish) -> dict[str, Any]:
    return {**wish.body, "bill_fen": wish.body["bill_fen"] + 1}


def _same(first: Said, later: Said) -> bool:
    """Tell whether a repetition answered as the first time; what was refused before the book was asked may not say so."""
    if first.status in (200, 201):
        return (later.status, later.text, later.is_replay) == (first.status, first.text, True)
    return later.status == first.status and later.json["code"] == first.json["code"]


def together(world: World, cast: Cast, drawn: random.Random, n: int) -> Found:
    """Three copies of each request at nearly the same time: one books, all three answer alike."""
    found = Found("API: three copies of each request on their way at once")
    wishes = _wishes(cast, drawn, n, "copies")
    before = fingerprint()
    near = [copy for start in range(0, n, 20) for copy in _shuffled(drawn, wishes[start : start + 20], 3)]
    told = by_hands(world, cast.secrets, near)
    found.sent = len(told)
    by_key: dict[str, list[Said]] = {}
    for wish, said in told:
        by_key.setdefault(wish.key, []).append(said)
    for key, saids in by_key.items():
        if len({(said.status, said.text) for said in saids}) != 1 or sum(not said.is_replay for said in saids) != 1:
            found.differences.append(f"{key}: {saids}")
    booked = fingerprint()["sales"][0] - before["sales"][0]
    mine = sum(saids[0].status == 201 for saids in by_key.values())
    if booked != mine:
        found.differences.append(f"{booked} sales were booked for {mine} keys")
    return found


def batches(world: World, cast: Cast, drawn: random.Random, n: int) -> Found:
    """A batch again, in another order, in overlapping halves, and its sales one by one."""
    found = Found("API: batches again, turned round, in halves, one by one")
    singles = [wish for wish in _wishes(cast, drawn, n, "batch") if wish.shop == 0]
    for wish in singles:
        wish.body.pop("spend_points", None)
    outlet = cast.shops[0].outlet.pk

    def batch(of: Sequence[Wish]) -> Wish:
        sales = [{"key": w.key, **{k: v for k, v in w.body.items() if k != "outlet"}} for w in of]
        return Wish("batch", 0, "/api/v1/sales/batch", {"outlet": outlet, "sales": sales})

    (_whole, said), *_ = by_hands(world, cast.secrets, [batch(singles)])
    first = {item["key"]: item["sale"] for item in said.json["results"]}
    before, half = fingerprint(), len(singles) // 2
    again = [
        batch(singles),
        batch(singles[::-1]),
        batch(_shuffled(drawn, singles)),
        batch(singles[: half + 5]),
        batch(singles[half - 5 :]),
    ]
    for wish, said in by_hands(world, cast.secrets, again):
        found.sent += len(wish.body["sales"])
        found.differences += [
            f"{item['key']}: first {first[item['key']]}, in a batch {item}"
            for item in said.json["results"]
            if item["sale"] != first[item["key"]] or not item["is_replay"]
        ]
    for wish, said in by_hands(world, cast.secrets, _shuffled(drawn, singles)):
        found.sent += 1
        if said.json != first[wish.key]:
            found.differences.append(f"{wish.key}: in a batch {first[wish.key]}, alone {said}")
    found.differences += moved(before, "repeated batches")
    return found


def orders(world: World, cast: Cast, drawn: random.Random, n: int) -> Found:
    """The same bills at twin shops, here in their order and there in another, each once or twice: the same balances."""
    found = Found("API: the same bills in two orders at twin shops, some twice")
    twins = [_twin(f"孪生{name}店", 12) for name in ("甲", "乙")]
    lines = [(drawn.randrange(12), drawn.randrange(100, 20_000), drawn.random() < 0.3) for _ in range(n)]
    for number, (shop, secret, wallets) in enumerate(twins):
        wishes = []
        for n_line, (who, fen, is_spent) in enumerate(lines):
            body = {"outlet": shop.outlet.pk, "member": token(shop, wallets[who]), "bill_fen": fen}
            if is_spent:
                body["spend_points"] = min(fen // 2, 20)
            wishes.append(Wish("sale", 0, "/api/v1/sales", body, f"twin-{n_line:06}"))
        if number:
            wishes = _shuffled(drawn, [*wishes, *drawn.sample(wishes, n // 2)])
        told = by_hands(world, [secret], wishes)
        found.sent += len(told)
        found.differences += [f"{wish.key}: {said}" for wish, said in told if said.status != 201]
    sides = [_balances(shop, wallets) for shop, _secret, wallets in twins]
    if sides[0] != sides[1]:
        found.differences.append(f"the twins differ: {sides[0]} and {sides[1]}")
    return found


def _twin(name: str, n: int) -> tuple[Shop, str, list[int]]:
    shop = shops.shop(name, trade="fruit", float_fen=FLOAT_FEN, matures_days=0)
    wallets = [members.member().wallet_id for _ in range(n)]
    for wallet in wallets:
        shops.sale(shop, wallet, 400_000)
    return shop, api_key(shop.merchant), wallets


def _balances(shop: Shop, wallets: list[int]) -> list[int]:
    known = dict(Wallet.objects.filter(pk__in=wallets).values_list("pk", "balance"))
    book = shop.merchant.book
    return [*(known[wallet] for wallet in wallets), *map(accounts.balance, (book.float_id, book.proceeds_id))]


# --- files --------------------------------------------------------------------------------------


def bank_lines(cast: Cast, drawn: random.Random, n: int) -> Found:
    """The lines of a bank's statement and where they went: again, in another order, at once, and with other amounts."""
    found = Found("bank lines and their allotments again, in other orders, at once")
    at = timezone.now()
    lines: list[dict[str, Any]] = [
        {
            "bank": "B",
            "account": "1",
            "serial": f"again-{number}",
            "amount_fen": drawn.randrange(1, 10**6),
            "value_on": at.date(),
        }
        for number in range(n)
    ]
    floats = [drawn.choice(cast.shops).merchant.book.float_id for _ in lines]
    start = fingerprint()

    def take(numbers: Sequence[int]) -> None:
        for number in numbers:
            line = funding.receive(**lines[number], actor=ACTOR, at=at)
            funding.allot(bank_line=line, float_id=floats[number], actor=ACTOR, at=at)

    # Even the first time each line comes on four connections at once.
    rounds = [_shuffled(drawn, range(n)) for _ in range(4)]
    errors: list[str] = []
    _in_threads([lambda numbers=numbers: _watched(take, numbers, errors) for numbers in rounds])  # type: ignore[misc]
    found.sent, found.differences = 4 * n, errors
    after, total = fingerprint(), sum(line["amount_fen"] for line in lines)
    got = [b - a for a, b in zip(start["bank lines"], after["bank lines"], strict=True)]
    if got != [n, total]:
        found.differences.append(f"{n} lines of {total} fen were sent, {got} came in")
    take(_shuffled(drawn, range(n)))
    for number in range(0, n, 5):
        line = lines[number]
        for wrong in ({"amount_fen": line["amount_fen"] + 1}, {"value_on": line["value_on"] - timedelta(days=1)}):
            found.sent += 1
            found.differences += _not_refused(
                lambda line=line, wrong=wrong: funding.receive(**{**line, **wrong}, actor=ACTOR, at=at),
                "amount_fen" in wrong,
            )
        other = next(f for f in (shop.merchant.book.float_id for shop in cast.shops) if f != floats[number])
        kept = BankLine.objects.get(bank="B", serial=line["serial"])
        found.sent += 1
        found.differences += _not_refused(
            lambda kept=kept, other=other: funding.allot(bank_line=kept, float_id=other, actor=ACTOR, at=at), True
        )
    found.sent += n
    found.differences += moved(after, "repeated bank lines")
    return found


def statement_files(drawn: random.Random, n: int) -> Found:
    """Three files of the bank: too early, at once, again, turned round, overlapping. Each line counts once."""
    found = Found("bank files: too early, at once, again, turned round, overlapping")
    third = max(n // 3, 2)
    amounts = [drawn.randrange(1, 10**6) for _ in range(3 * third)]
    spans = [range(third), range(third, 2 * third), range(2 * third, 3 * third)]
    files = [_statement(amounts, span) for span in spans]
    start = fingerprint()

    def book(content: bytes) -> None:
        found.sent += 1
        banking.book(content=content, actor=ACTOR, at=timezone.now(), bank="F")

    book(files[0])
    before = fingerprint()
    found.differences += _not_refused(lambda: book(files[2]), True)  # the second one is missing
    found.differences += moved(before, "a file that came too early")
    errors: list[str] = []
    _in_threads([lambda: _watched(lambda _n: book(files[1]), (), errors)] * 4)
    book(files[2])
    found.differences += errors
    after = fingerprint()
    got = [b - a for a, b in zip(start["bank lines"], after["bank lines"], strict=True)]
    if got != [len(amounts), sum(amounts)]:
        found.differences.append(f"{len(amounts)} lines of {sum(amounts)} fen were sent, {got} came in")
    # The same lines in other files: taken without effect, or refused because they do not follow the last one.
    again = [*files, *(_statement(amounts, span[::-1]) for span in spans), _statement(amounts, range(third, 3 * third))]
    for content in _shuffled(drawn, again, 2):
        _not_refused(lambda content=content: book(content), False)
    found.differences += moved(after, "bank files that were taken before")
    return found


def _statement(amounts: Sequence[int], span: Sequence[int]) -> bytes:
    """Write a bank's file with these lines, in this order."""
    opening, closing = sum(amounts[: min(span)]), sum(amounts[: max(span) + 1])
    today = shanghai_day(timezone.now()).isoformat()
    head = f"账号,2\n期初余额,{opening / 100:.2f}\n期末余额,{closing / 100:.2f}\n流水号,交易日期,收入,支出\n"
    return (head + "".join(f"F{n},{today},{amounts[n] / 100:.2f},\n" for n in span)).encode()


def _watched(work: Callable[[Sequence[int]], None], numbers: Sequence[int], errors: list[str]) -> None:
    try:
        work(numbers)
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")
    finally:
        connections.close_all()


def _not_refused(act: Callable[[], object], must: bool) -> list[str]:
    """Return what is wrong when the act was not refused but had to be."""
    try:
        act()
    except Refused:
        return []
    return ["a line or allotment that differs was taken"] if must else []


def till_files(drawn: random.Random, n: int) -> Found:
    """The same baskets at twin stores: in two files one after the other, and in overlapping ones, turned round and again."""
    found = Found("till files again, under other names, overlapping, in another order")
    noon = timezone.now() - timedelta(hours=4)
    sides = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = folder / "articles.csv"
        listed.write_text("code,name,department,earns\nmilk,鲜牛奶 1L,DAIRY,yes\nend,1\n", encoding="utf-8")
        feeds.take_articles(listed, "faults")
        for side in range(2):
            store, feed, people = _store(side)
            rows = [
                f"B{side}-{number},{store.code},{people[who].number},{(noon + timedelta(seconds=number)).isoformat()},milk,1,{fen / 100:.2f},0"
                for number, (who, fen) in enumerate(_baskets(n))
            ]
            third = n // 3
            parts = [rows[: 2 * third], rows[2 * third :]] if side == 0 else [rows[third:], rows[: 2 * third], rows]
            for part in parts:
                _take(feed, store, _file(folder, drawn, part))
            sides.append([Wallet.objects.get(pk=one.wallet_id).balance for one in people])
            before = fingerprint()
            for part in _shuffled(drawn, parts, 2):
                found.sent += len(part)
                _take(feed, store, _file(folder, drawn, part))
            try:
                _take(feed, store, _file(folder, drawn, rows[::-1]))
                found.differences.append("a file that goes back in time was taken")
            except Refused:
                found.sent += len(rows)
            found.differences += moved(before, "till files that were taken before")
    if sides[0] != sides[1]:
        found.differences.append(f"the twins differ: {sides[0]} and {sides[1]}")
    return found


def _baskets(n: int) -> list[tuple[int, int]]:
    drawn = random.Random(n)
    return [(drawn.randrange(6), drawn.randrange(100, 20_000)) for _ in range(n)]


def _store(side: int) -> tuple[Store, Feed, list[Any]]:
    market = shops.shop(f"超市{side + 1}号", trade="supermarket", float_fen=FLOAT_FEN, matures_days=0, rate_bps=400)
    at: datetime = timezone.now()
    unit = org.found(
        kind="store", code=f"F{side}", name=f"{side + 1}号店", parent=market.merchant.centre.parent, actor=ACTOR, at=at
    )
    store = Store.objects.create(
        code=f"F-{side}", kind="direct", outlet=market.outlet, unit=unit, area_sqm=900, opened_on="2026-01-01"
    )
    feed = Feed.objects.create(code=f"faults-{side}", title="till", created_at=at)
    return store, feed, [members.member() for _ in range(6)]


def _file(folder: Path, drawn: random.Random, rows: Sequence[str]) -> Path:
    path = folder / f"{drawn.getrandbits(64)}.csv"
    text = "basket,store,member,at,product,quantity,value,discount\n" + "".join(f"{row}\n" for row in rows)
    path.write_text(text + f"end,{len(rows)}\n")
    return path


def _take(feed: Feed, store: Store, path: Path) -> None:
    total = feeds.take_file(feed=feed, path=path, catalogue="faults", actor=ACTOR, at=timezone.now(), store=store.code)
    if total.refused_baskets:
        raise RuntimeError(f"{total.refused_baskets} baskets were refused")
