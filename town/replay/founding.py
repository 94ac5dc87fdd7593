"""The shops, floats, articles and households of the replayed year, made through the verbs before its first day.

The twelve stores with the largest turnover are outlets of one chain merchant made for the replay; every other store is
its own partner merchant. One top-up each, marked as synthetic and booked by two people, funds the year.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random

from django.db import connection, transaction

from alliance import org
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import City, Trade, Unit
from members import enrolment
from members.enrolment import Newcomer
from members.models import Member
from merchants import agreements, onboarding
from merchants.models import Merchant
from stores import feeds
from stores.calc import baskets as calc
from stores.models import Feed, Product, Store
from town import money
from town.founding import Organisation
from town.replay import source
from town.world.draw import credit_code
from town.world.grid import to_degrees

FEED = "complete-journey"
ACTOR = Actor.system("replay")
CITY_CODE = "653229"
CHAIN_STORES = 12
RATE_BPS = 400
_EAST_OF_TOWN = (0.62, -0.14)
Say = Callable[[str], None]


def feed(moved: timedelta, at: datetime) -> Feed:
    """Return the feed, made at its first use; its dates are decided then and for good."""
    row, _new = Feed.objects.get_or_create(
        code=FEED,
        defaults={
            "title": "Complete Journey",
            "moved_days": moved.days,
            "created_at": at,
            "is_synthetic": True,
        },
    )
    return row


def shops(turnover_fen: Counter[str], organised: Organisation, at: datetime, say: Say) -> None:
    """Open what is missing of the chain and of the partner stores, funded for the whole year."""
    city = City.objects.select_related("province").get(code=CITY_CODE)
    place = {"province": city.province, "city": city, "is_synthetic": True}
    region = org.found(
        kind="region", code="HK", name="和康大区(回放)", parent=organised.hq, actor=ACTOR, at=at, **place
    )
    centre = org.found(
        kind="centre", code="HK-C1", name="和康服务中心(回放)", parent=region, actor=ACTOR, at=at, **place
    )
    chain = calc.biggest(turnover_fen, CHAIN_STORES)
    partners = sorted(turnover_fen.keys() - set(chain), key=int)
    known = set(Store.objects.filter(code__startswith="CJ-").values_list("code", flat=True))
    groups = [("chain", chain), *((store, [store]) for store in partners)]
    missing = [(name, stores) for name, stores in groups if _code(stores[0]) not in known]
    for n, (name, stores) in enumerate(missing, start=1):
        _open(name, stores, sum(turnover_fen[store] for store in stores), organised, centre, city, at)
        if n % 50 == 0 or n == len(missing):
            say(f"{n:,} of {len(missing):,} merchants opened and funded")


@transaction.atomic
def _open(
    name: str, stores: list[str], turnover_fen: int, organised: Organisation, centre: Unit, city: City, at: datetime
) -> None:
    is_chain = name == "chain"
    merchant = onboarding.open(
        name="和康万家连锁超市(回放)" if is_chain else f"和康加盟店 {name}(回放)",
        short_name="和康万家" if is_chain else f"和康加盟店 {name}",
        trade=Trade.objects.get(code="supermarket"),
        centre=centre,
        credit_code=credit_code(Random(f"cj/{name}"), CITY_CODE),
        kind=Merchant.Kind.DIRECT if is_chain else Merchant.Kind.PARTNER,
        is_synthetic=True,
        actor=ACTOR,
        at=at,
    )
    for store in stores:
        _open_store(store, merchant, is_chain, city, at)
    agreements.sign(
        merchant=merchant, rate_bps=RATE_BPS, matures_days=0, starts_on=shanghai_day(at), actor=ACTOR, at=at
    )
    onboarding.go_live(merchant=merchant, actor=ACTOR, at=at)
    # The rebate of the whole year, and room for a rounding of half a fen on each sale.
    amount = -(-turnover_fen * RATE_BPS * 102 // 1_000_000 // 10_000) * 10_000 + 100_000
    money.top_up(
        merchant=merchant, amount_fen=amount, organised=organised, at=at + timedelta(hours=1), serial=f"CJ-{name}"
    )


def _open_store(store: str, merchant: Merchant, is_chain: bool, city: City, at: datetime) -> None:
    random = Random(f"cj/place/{store}")
    lng, lat = to_degrees(random.gauss(0, 4_000), random.gauss(0, 4_000))
    outlet = onboarding.open_outlet(
        merchant=merchant,
        name=f"和康万家 {store} 店" if is_chain else f"和康加盟店 {store}",
        city=city,
        address=f"和康回放路{store}号",
        lng=round(lng + _EAST_OF_TOWN[0], 6),
        lat=round(lat + _EAST_OF_TOWN[1], 6),
        hours="00:00-24:00",
        tills=1,
        actor=ACTOR,
        at=at,
    )
    unit = org.found(
        kind="store", code=f"S{outlet.pk}", name=outlet.name, parent=merchant.centre.parent, actor=ACTOR, at=at,
        province=city.province, city=city, is_synthetic=True,
    )  # fmt: skip
    Store.objects.create(
        code=_code(store),
        kind=Store.Kind.DIRECT if is_chain else Store.Kind.PARTNER,
        format=Store.Format.SUPERMARKET,
        outlet=outlet,
        unit=unit,
        area_sqm=random.randrange(800, 4_000, 50),
        opened_on=shanghai_day(at),
        is_synthetic=True,
    )


def products(articles: Iterable[source.Article]) -> int:
    """Write the catalogue by COPY, all of it or nothing, once; return how many articles it has."""
    known = Product.objects.filter(catalogue=FEED).count()
    if known:
        return known
    columns = "catalogue, code, name, department, category, brand, package, is_excluded, is_synthetic"
    n = 0
    with (
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(f"COPY stores_product ({columns}) FROM STDIN") as copy,
    ):
        for article in articles:
            n += 1
            excluded = article.department in source.EXCLUDED_DEPARTMENTS
            name = " ".join(filter(None, (article.name or article.category or article.department, article.package)))
            copy.write_row(
                    (FEED, article.code, name[:120], article.department[:40], article.category[:80],
                     article.brand[:80], article.package[:40], excluded, False)
                )  # fmt: skip
    return n


def households(numbers: Iterable[str], at: datetime) -> None:
    """Enrol the households as synthetic members; who is one already stays."""
    newcomers = [Newcomer(_phone(number), f"回放家庭 {number}", at) for number in sorted(numbers, key=int)]
    enrolment.join_many(newcomers, actor=ACTOR, at=at)


def wallets() -> dict[str, int]:
    """Return the wallet of each enrolled household."""
    rows = Member.objects.filter(user__phone__startswith=_PHONES).values_list("user__phone", "wallet_id")
    return {str(int((phone or "").removeprefix(_PHONES))): wallet for phone, wallet in rows}


def tills() -> dict[str, feeds.Till]:
    """Return where each store's baskets are booked, by the source's number of the store."""
    stores = Store.objects.filter(code__startswith="CJ-").select_related("outlet__merchant")
    return {code.removeprefix("CJ-"): till for code, till in feeds.tills(stores).items()}


_PHONES = "+861991"


def _phone(household: str) -> str:
    return f"{_PHONES}{int(household):07d}"


def _code(store: str) -> str:
    return f"CJ-{store}"


def floats() -> list[int]:
    """Return the floats of the replayed merchants."""
    merchants = Merchant.objects.filter(outlets__store__code__startswith="CJ-").distinct().order_by("pk")
    return [merchant.float_id for merchant in merchants if merchant.float_id is not None]
