"""A feed's baskets become sales by the same verb as any till's: once, with their lines, and resumable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from alliance import org
from alliance.actors import Actor
from alliance.models import Event
from alliance.refusals import Refused
from members.models import Member
from points.models import Account, Sale, Wallet
from stores import feeds
from stores.calc import baskets as calc
from stores.calc.baskets import Basket, Line, Screened
from stores.models import BasketLine, Feed, FeedLane, FeedRefusal, FeedRun, Product, Store
from tests.factories import members, shops
from tests.factories.shops import Shop

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("tests")
CATALOGUE = "tests"


@pytest.fixture
def noon() -> datetime:
    return timezone.now() - timedelta(hours=3)


@pytest.fixture
def market() -> Shop:
    return shops.shop("比那多超市", trade="supermarket", matures_days=0, rate_bps=400)


@pytest.fixture
def store(market: Shop) -> Store:
    unit = org.found(
        kind="store", code="S1", name="一店", parent=market.merchant.centre.parent, actor=ACTOR, at=timezone.now()
    )
    return Store.objects.create(
        code="NP-01", kind="direct", outlet=market.outlet, unit=unit, area_sqm=900, opened_on="2026-01-01"
    )


@pytest.fixture
def products() -> dict[str, int]:
    rows = [
        Product(catalogue=CATALOGUE, code=code, name=code, department=department, is_excluded=department == "FUEL")
        for code, department in (("milk", "DAIRY"), ("bread", "BAKERY"), ("petrol", "FUEL"))
    ]
    return {row.code: row.pk for row in Product.objects.bulk_create(rows)}


@pytest.fixture
def feed() -> Feed:
    return Feed.objects.create(code="np-tills", title="Tills", created_at=timezone.now())


@pytest.fixture
def lin() -> Member:
    return members.member(name="林婶")


def screened(number: str, at: datetime, *lines: tuple[int, str, int, int], store: str = "NP-01") -> Screened:
    rows = [Line(row, product, quantity, value, 0) for row, product, quantity, value in lines]
    return calc.screen(Basket(number, store, "lin", at, rows), {"milk", "bread", "petrol"}, {"petrol"})


class Counter:
    """Everything that `take` needs besides the baskets."""

    def __init__(self, feed: Feed, store: Store, products: dict[str, int], lin: Member) -> None:
        self.feed, self.products = feed, products
        self.tills = feeds.tills([store])
        self.wallets = {"lin": lin.wallet_id}

    def take(self, *baskets: Screened, lane: FeedLane | None = None) -> feeds.Taken:
        return feeds.take(
            feed=self.feed,
            baskets=baskets,
            tills=self.tills,
            wallets=self.wallets,
            products=self.products,
            actor=ACTOR,
            lane=lane,
        )


@pytest.fixture
def counter(feed: Feed, store: Store, products: dict[str, int], lin: Member) -> Iterator[Counter]:
    yield Counter(feed, store, products, lin)


def test_it_works(counter: Counter, market: Shop, lin: Member, noon: datetime) -> None:
    taken = counter.take(screened("B1", noon, (1, "milk", 2, 1_980), (2, "petrol", 1, 30_000), (3, "bread", 1, 8_020)))
    # 10,000 fen × 4 % = 400, of which 62.5 % are the member's.
    assert taken == feeds.Taken(baskets=1, lines=2, value_fen=10_000, points=250, refused_lines=1)
    assert Wallet.objects.get(pk=lin.wallet_id).balance == 250
    assert Account.objects.get(pk=market.merchant.float_id).balance == 1_000_000 - 400
    sale = Sale.objects.get()
    assert (sale.outlet_id, sale.reference, sale.paid_fen, sale.event_at) == (market.outlet.pk, "B1", 10_000, noon)
    lines = BasketLine.objects.order_by("line").values_list("sale_id", "line", "wallet_id", "quantity", "value_fen")
    assert list(lines) == [(sale.pk, 1, lin.wallet_id, 2, 1_980), (sale.pk, 2, lin.wallet_id, 1, 8_020)]
    refusal = FeedRefusal.objects.get()
    assert (refusal.row, refusal.basket, refusal.product, refusal.reason) == (2, "B1", "petrol", "department_excluded")


def test_a_basket_sent_twice_is_booked_once(counter: Counter, lin: Member, noon: datetime) -> None:
    basket = screened("B1", noon, (1, "milk", 1, 10_000), (2, "petrol", 1, 30_000))
    counter.take(basket)
    again = counter.take(basket)
    assert (again.baskets, again.repeated, again.points, again.value_fen) == (1, 1, 250, 10_000)
    assert Wallet.objects.get(pk=lin.wallet_id).balance == 250
    assert (Sale.objects.count(), BasketLine.objects.count(), FeedRefusal.objects.count()) == (1, 1, 1)


def test_the_same_basket_with_another_content_is_listed_and_changes_nothing(counter: Counter, noon: datetime) -> None:
    counter.take(screened("B1", noon, (1, "milk", 1, 10_000)))
    taken = counter.take(screened("B1", noon, (2, "milk", 1, 20_000)))
    assert (taken.baskets, taken.refused_baskets, taken.refused_lines) == (0, 1, 1)
    refusal = FeedRefusal.objects.get()
    assert (refusal.reason, refusal.detail) == ("book_refused", "key_reused")
    assert (Sale.objects.count(), BasketLine.objects.count()) == (1, 1)


def test_a_basket_of_nobody_is_listed_line_by_line(counter: Counter, noon: datetime) -> None:
    basket = screened("B1", noon, (1, "milk", 1, 100), (2, "bread", 1, 100))
    taken = counter.take(basket._replace(basket=basket.basket._replace(holder="ghost")))
    assert (taken.baskets, taken.refused_baskets, taken.refused_lines) == (0, 1, 2)
    assert set(FeedRefusal.objects.values_list("reason", flat=True)) == {"holder_unknown"}
    assert not Sale.objects.exists()


def test_an_unknown_store_stops_everything(counter: Counter, noon: datetime) -> None:
    good = screened("B1", noon, (1, "milk", 1, 10_000))
    with pytest.raises(Refused) as refused:
        counter.take(good, screened("B2", noon, (2, "milk", 1, 10_000), store="NP-99"))
    assert (refused.value.code, refused.value.facts["stores"]) == ("feed_store_unknown", "NP-99")
    assert not Sale.objects.exists()
    assert not BasketLine.objects.exists()


def test_an_empty_float_keeps_the_sale_and_its_lines_without_points(
    counter: Counter, market: Shop, lin: Member, noon: datetime
) -> None:
    # The float holds 1,000,000 fen: the first basket takes 999,600 of it.
    taken = counter.take(screened("B1", noon, (1, "milk", 1, 24_990_000)), screened("B2", noon, (2, "milk", 1, 50_000)))
    assert (taken.baskets, taken.without_points, taken.points) == (2, 1, 624_750)
    assert Account.objects.get(pk=market.merchant.float_id).balance == 400
    assert BasketLine.objects.count() == 2


def test_the_lane_keeps_its_place_and_its_figures(counter: Counter, feed: Feed, noon: datetime) -> None:
    run = feeds.begin(feed=feed, scope={"n": 1}, lanes=1, baskets_expected=2, actor=ACTOR, at=noon)
    lane = run.lanes.get()
    counter.take(screened("B1", noon, (1, "milk", 1, 10_000), (2, "ghost", 1, 1)), lane=lane)
    counter.take(screened("B2", noon, (3, "petrol", 1, 500)), lane=lane)
    lane.refresh_from_db()
    assert (lane.position, lane.baskets, lane.lines, lane.value_fen, lane.points) == (3, 1, 1, 10_000, 250)
    assert (lane.refused_baskets, lane.refused_lines) == (1, 2)
    assert feeds.refused_by_reason(feed) == {"department_excluded": 1, "product_unknown": 1}


def test_a_killed_run_is_taken_up_and_a_finished_one_is_not(feed: Feed, noon: datetime) -> None:
    words = {"feed": feed, "lanes": 2, "baskets_expected": 5, "actor": ACTOR, "at": noon}
    run = feeds.begin(scope={"to": None}, **words)
    assert feeds.begin(scope={"to": None}, **words) == run
    with pytest.raises(Refused) as refused:
        feeds.begin(scope={"to": "2017-02-01"}, **words)
    assert refused.value.code == "feed_busy"
    feeds.finish(run=run, actor=ACTOR, at=noon)
    feeds.finish(run=run, actor=ACTOR, at=noon)
    assert feeds.begin(scope={"to": None}, **words) != run
    assert Event.objects.filter(verb="feed.finished").count() == 1


HEADER = "basket,store,member,at,product,quantity,value,discount\n"


def till_file(tmp_path: Path, *rows: str, end: bool = True) -> Path:
    path = tmp_path / "till.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows) + (f"end,{len(rows)}\n" if end else ""))
    return path


@pytest.mark.usefixtures("store", "products")
def test_a_till_file_is_booked_once(feed: Feed, lin: Member, noon: datetime, tmp_path: Path) -> None:
    path = till_file(
        tmp_path,
        f"B1,NP-01,{lin.number},{noon.isoformat()},milk,2,100.00,1.50",
        f"B2,NP-01,00000000,{noon.isoformat()},milk,1,50.00,0",
        f"B2,NP-01,00000000,{noon.isoformat()},petrol,1,50.00,0",
    )
    words = {"feed": feed, "path": path, "catalogue": CATALOGUE, "actor": ACTOR, "at": timezone.now()}
    total = feeds.take_file(**words)
    assert (total.baskets, total.lines, total.value_fen, total.points) == (1, 1, 10_000, 250)
    assert (total.refused_baskets, total.refused_lines) == (1, 2)
    assert feeds.take_file(**words) == total
    assert Wallet.objects.get(pk=lin.wallet_id).balance == 250
    assert BasketLine.objects.get().discount_fen == 150
    assert FeedRun.objects.count() == 1


@pytest.mark.usefixtures("store", "products")
@pytest.mark.parametrize(
    ("words", "end", "code"),
    [
        ("B1,NP-01,{member},{at},milk,2,100.00,0", False, "feed_cut"),
        ("B1,NP-01,{member},{at},milk,2,100.00", True, "feed_cut"),
        ("B1,NP-77,{member},{at},milk,2,100.00,0", True, "feed_store_unknown"),
        ("B1,NP-01,{member},{at},milk,2,🍎,0", True, "feed_value_unreadable"),
        ("B1,NP-01,{member},2099-01-01T08:00:00,milk,2,100.00,0", True, "feed_time_ahead"),
    ],
)
def test_a_broken_till_file_leaves_nothing_behind(
    feed: Feed, lin: Member, noon: datetime, tmp_path: Path, words: str, end: bool, code: str
) -> None:
    good = f"B0,NP-01,{lin.number},{noon.isoformat()},milk,2,100.00,0"
    path = till_file(tmp_path, good, words.format(member=lin.number, at=noon.isoformat()), end=end)
    with pytest.raises(Refused) as refused:
        feeds.take_file(feed=feed, path=path, catalogue=CATALOGUE, actor=ACTOR, at=timezone.now())
    assert refused.value.code == code
    assert refused.value.text()
    assert not Sale.objects.exists()
    assert not FeedRun.objects.exists()
    assert not FeedRefusal.objects.exists()
