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
from stores.feeds import filing
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
        self.run, self.lane = self.begin(1)

    def begin(self, number: int) -> tuple[FeedRun, FeedLane]:
        words = {"lanes": 1, "baskets_expected": 2, "actor": ACTOR, "at": timezone.now()}
        run = feeds.begin(feed=self.feed, scope={"n": number}, **words)
        return run, run.lanes.get()

    def take(self, *baskets: Screened) -> feeds.Taken:
        return feeds.take(
            feed=self.feed,
            baskets=baskets,
            tills=self.tills,
            wallets=self.wallets,
            products=self.products,
            actor=ACTOR,
            lane=self.lane,
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
    feeds.finish(run=counter.run, actor=ACTOR, at=timezone.now())
    counter.run, counter.lane = counter.begin(2)
    again = counter.take(basket)
    assert (again.baskets, again.repeated, again.points, again.value_fen) == (1, 1, 250, 10_000)
    assert Wallet.objects.get(pk=lin.wallet_id).balance == 250
    assert (Sale.objects.count(), BasketLine.objects.count()) == (1, 1)
    # Each run lists what it refused, though both files have it in row 2.
    assert list(FeedRefusal.objects.order_by("pk").values_list("run__scope__n", "row")) == [(1, 2), (2, 2)]


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


def test_the_lane_keeps_its_place_and_its_figures(counter: Counter, noon: datetime) -> None:
    lane = counter.lane
    counter.take(screened("B1", noon, (1, "milk", 1, 10_000), (2, "ghost", 1, 1)))
    counter.take(screened("B2", noon, (3, "petrol", 1, 500)))
    lane.refresh_from_db()
    assert (lane.position, lane.baskets, lane.lines, lane.value_fen, lane.points) == (3, 1, 1, 10_000, 250)
    assert (lane.refused_baskets, lane.refused_lines) == (1, 2)
    assert feeds.refused_by_reason(counter.run) == {"department_excluded": 1, "product_unknown": 1}


def test_a_basket_that_the_book_cannot_take_is_listed_beside_the_good_ones(counter: Counter, noon: datetime) -> None:
    taken = counter.take(
        screened("B0", noon - timedelta(days=4_000), (1, "milk", 1, 100)),
        screened("B1", noon, (2, "milk", 1, 10_000)),
        screened("B2", noon, (3, "milk", 1, 999_999_900), (4, "bread", 1, 999_999_900)),
    )
    assert (taken.baskets, taken.points, taken.refused_baskets, taken.refused_lines) == (1, 250, 2, 3)
    listed = FeedRefusal.objects.order_by("row").values_list("row", "reason", "detail")
    assert list(listed) == [
        (1, "book_refused", "terms_missing"),
        (3, "book_refused", "amount_invalid"),
        (4, "book_refused", "amount_invalid"),
    ]


def test_an_abandoned_run_takes_nothing_more_and_makes_room(counter: Counter, noon: datetime) -> None:
    counter.take(screened("B1", noon, (1, "milk", 1, 10_000)))
    for _ in range(2):
        assert feeds.abandon(counter.run, ACTOR, timezone.now()).baskets == 1
    event = Event.objects.get(verb="feed.abandoned")
    assert event.facts == {"baskets": 1, "expected": 2}
    with pytest.raises(Refused) as refused:
        counter.take(screened("B2", noon, (2, "milk", 1, 10_000)))
    assert refused.value.code == "feed_run_closed"
    assert Sale.objects.count() == 1
    dead = counter.run
    counter.run, counter.lane = counter.begin(2)
    dead.refresh_from_db()
    assert (dead.state, counter.run.state) == ("abandoned", "open")


def test_a_lane_that_another_process_moved_is_left_to_it(counter: Counter, noon: datetime) -> None:
    FeedLane.objects.filter(pk=counter.lane.pk).update(position=7)
    with pytest.raises(Refused) as refused:
        counter.take(screened("B1", noon, (1, "milk", 1, 10_000)))
    assert refused.value.code == "feed_run_closed"
    assert not Sale.objects.exists()


def test_a_run_that_stands_still_gives_way_after_a_quarter_of_an_hour(counter: Counter, noon: datetime) -> None:
    words = {"feed": counter.feed, "scope": {"n": 2}, "lanes": 1, "baskets_expected": 1, "actor": ACTOR}
    FeedRun.objects.filter(pk=counter.run.pk).update(started_at=noon)
    counter.take(screened("B1", noon, (1, "milk", 1, 10_000)))
    with pytest.raises(Refused) as refused:
        feeds.begin(at=timezone.now() + timedelta(minutes=14), **words)
    assert refused.value.code == "feed_busy"
    feeds.begin(at=timezone.now() + timedelta(minutes=16), **words)
    counter.run.refresh_from_db()
    assert counter.run.state == "abandoned"


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
    lines = "".join(f"{row}\n" for row in rows)
    count = lines.count("\n")
    path.write_text(HEADER + lines + (f"end,{count}\n" if end else ""))
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
        ("B1,NP-01,{member},{at}," + "7" * 33 + ",2,100.00,0", True, "feed_text_too_long"),
        ("B1,NP-01,{member},{at},milk,9999999999,100.00,0", True, "feed_quantity_too_large"),
        (
            "B1,NP-01,{member},{at},milk,1,9999999,0\nB1,NP-01,{member},{at},milk,1,9999999,0",
            True,
            "feed_basket_too_large",
        ),
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


@pytest.mark.usefixtures("store", "products")
def test_one_bad_basket_behind_the_first_batch_leaves_nothing_and_the_corrected_file_goes_in(
    feed: Feed, lin: Member, noon: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "BATCH", 2)
    good = [f"B{n},NP-01,{lin.number},{noon.isoformat()},milk,1,100.00,0" for n in range(5)]
    words = {"feed": feed, "catalogue": CATALOGUE, "actor": ACTOR, "at": timezone.now()}
    for bad in ("milk,9999999999,1.00,0", "milk,1_0,1.00,0", "7" * 33 + ",1,1.00,0"):
        with pytest.raises(Refused) as refused:
            feeds.take_file(path=till_file(tmp_path, *good, good[0].replace("B0", "B9")[:-15] + bad), **words)
        assert refused.value.facts["row"] == 6
    assert not Sale.objects.exists()
    assert feeds.take_file(path=till_file(tmp_path, *good), **words).baskets == 5


@pytest.mark.usefixtures("store", "products")
def test_a_basket_before_the_agreement_refuses_the_file(
    feed: Feed, lin: Member, noon: datetime, tmp_path: Path
) -> None:
    path = till_file(
        tmp_path,
        f"B1,NP-01,{lin.number},2001-01-01T08:00:00,milk,1,100.00,0",
        f"B2,NP-01,{lin.number},{noon.isoformat()},milk,1,100.00,0",
    )
    with pytest.raises(Refused) as refused:
        feeds.take_file(feed=feed, path=path, catalogue=CATALOGUE, actor=ACTOR, at=timezone.now())
    assert (refused.value.code, refused.value.facts) == ("feed_terms_missing", {"row": 1, "store": "NP-01"})
    assert not FeedRun.objects.exists()
