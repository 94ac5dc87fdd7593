"""Drawing the town: shops, stores and people, from a seed.

A larger scale contains the smaller one unchanged as its first layer, so a town can be enlarged. People and shops of one
layer meet in the past; from today on, everybody meets everybody.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

from merchants.calc import creditcode
from town.world import cast
from town.world.grid import Grid, Place, lay_out
from town.world.trades import HABITS

CITY_CODE = "653228"
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_TITLES = ("阿姨", "叔", "姐", "哥", "老师", "师傅", "大爷", "婆婆", "妹", "先生", "女士", "嫂")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a layer is, counted without the layers below it."""

    people: int
    shops: int
    partner_stores: int
    districts: int
    centres: int
    weeks: int


SCALES: dict[str, Scale] = {
    "small": Scale(people=300, shops=66, partner_stores=4, districts=8, centres=2, weeks=10),
    "medium": Scale(people=19_700, shops=1_900, partner_stores=30, districts=24, centres=6, weeks=6),
}


@dataclass(frozen=True, slots=True)
class Outlet:
    """One place of a shop. store_format and area are set for supermarket stores only."""

    key: str
    name: str
    place: Place
    hours: str
    store_format: str = ""
    area_sqm: int = 0


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant with its outlets and the rebate it chose."""

    key: str
    name: str
    short_name: str
    trade: str
    is_direct: bool
    credit_code: str
    centre: int
    rate_bps: int
    matures_days: int
    owner_phone: str
    cashier_phone: str
    pull: float
    outlets: tuple[Outlet, ...]
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A member-to-be. joined: share of the past life that had gone by when they joined. thrift: how they spend points.

    appetite: visits relative to the average. favourites: keys of shops that they always choose in their trade.
    """

    number: int
    name: str
    phone: str
    home: Place
    appetite: float
    thrift: float
    joined: float
    favourites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """What one scale adds."""

    name: str
    shops: tuple[Shop, ...]
    people: tuple[Person, ...]
    weeks: int


@dataclass(slots=True)
class World:
    """The whole town."""

    seed: int
    grid: Grid
    centres: int
    layers: list[Layer] = field(default_factory=list)

    @property
    def shops(self) -> list[Shop]:
        return [shop for layer in self.layers for shop in layer.shops]

    @property
    def people(self) -> list[Person]:
        return [person for layer in self.layers for person in layer.people]


def draw(scale: str, seed: int) -> World:
    """Return the town of a scale and all layers below it. The same words always draw the same town."""
    names = list(SCALES)[: list(SCALES).index(scale) + 1]
    top = SCALES[scale]
    world = World(seed, lay_out(top.districts), top.centres)
    phones, people, taken = count(9_000_000), count(1), Counter[str]()
    for name in names:
        random = Random(f"{seed}/{name}")
        size = SCALES[name]
        shops = tuple(_shops(name, size, world.grid, random, phones, taken))
        persons = tuple(_people(name, size, world.grid, random, people))
        world.layers.append(Layer(name, shops, persons, size.weeks))
    return world


def phone(number: int) -> str:
    """Return the E.164 number of somebody in the town: 1990 and seven digits, invented."""
    return f"+861990{number:07d}"


def _shops(
    layer: str, size: Scale, grid: Grid, random: Random, phones: Iterator[int], taken: Counter[str]
) -> Iterator[Shop]:
    if layer == "small":
        for named in cast.SHOPS:
            yield _named(named, grid, random, size, phones)
    for i in range(size.partner_stores):
        district = i % size.districts
        place = grid.place(district, random)
        short = _unique(f"比那多社区店·{grid.districts[district]}", taken)
        key, area = f"{layer}-store-{i}", random.randrange(120, 420, 10)
        outlet = Outlet(key, short, place, "07:30-22:00", "convenience", area)
        yield _shop(key, f"{short}(个体)", short, "supermarket", size, random, phones, (outlet,), 2.0)
    for i, trade in enumerate(_trades(size.shops, random)):
        habit = HABITS[trade]
        place = grid.place(random.randrange(size.districts), random)
        name = random.choice(habit.first.split()) + random.choice(habit.last.split())
        short = _unique(name, taken)
        key = f"{layer}-{i}"
        outlet = Outlet(key, short, place, habit.opening)
        # The last one of the small town has signed nothing yet: it shows what a draft looks like.
        draft = layer == "small" and i == size.shops - 1
        pull = random.choice((0.6, 0.8, 1.0, 1.0, 1.3, 1.8))
        yield _shop(key, f"和安{short}", short, trade, size, random, phones, (outlet,), pull, draft)


def _named(named: cast.NamedShop, grid: Grid, random: Random, size: Scale, phones: Iterator[int]) -> Shop:
    if named.key == cast.MARKET:
        outlets = tuple(
            Outlet(f"{named.key}-{i}", f"{named.short_name}{where}店", grid.place(district, random, 120),
                   "07:30-22:30", "super", area)
            for i, (where, district, area) in enumerate((("人民路", 0, 2600), ("新区", 5, 3400)))
        )  # fmt: skip
    else:
        place = grid.place(random.randrange(3), random, 200)
        outlets = (Outlet(named.key, named.short_name, place, HABITS[named.trade].opening),)
    shop = _shop(named.key, named.name, named.short_name, named.trade, size, random, phones, outlets, named.pull)
    return Shop(
        shop.key, shop.name, shop.short_name, shop.trade, named.key == cast.MARKET, shop.credit_code, 0,
        named.rate_bps, shop.matures_days,
        f"+86{named.owner_phone}" if named.owner_phone else shop.owner_phone,
        f"+86{named.cashier_phone}" if named.cashier_phone else shop.cashier_phone,
        named.pull, outlets,
    )  # fmt: skip


def _shop(
    key: str, name: str, short: str, trade: str, size: Scale, random: Random, phones: Iterator[int],
    outlets: tuple[Outlet, ...], pull: float, draft: bool = False,
) -> Shop:  # fmt: skip
    habit = HABITS[trade]
    return Shop(
        key, name, short, trade, False, credit_code(random, CITY_CODE), outlets[0].place.district % size.centres,
        random.choice(habit.rates), habit.matures, phone(next(phones)), phone(next(phones)), pull, outlets, draft,
    )  # fmt: skip


def _trades(shops: int, random: Random) -> list[str]:
    """Return the trade of each shop: every trade at least once, the others by their weight, shuffled."""
    weights = {trade: habit.shops for trade, habit in HABITS.items()}
    total = sum(weights.values())
    quota = {trade: max(1, int(shops * weight / total)) for trade, weight in weights.items()}
    order = [trade for trade, n in quota.items() for _ in range(n)][:shops]
    while len(order) < shops:
        order.append(random.choices(list(weights), list(weights.values()))[0])
    random.shuffle(order)
    return order


def _people(layer: str, size: Scale, grid: Grid, random: Random, numbers: Iterator[int]) -> Iterator[Person]:
    named = cast.MEMBERS if layer == "small" else ()
    for member in named:
        home = grid.place(0, random)
        number, phone_number = next(numbers), f"+86{member.phone}"
        yield Person(
            number, member.name, phone_number, home, member.appetite, member.thrift, member.joined, member.favourites
        )
    for _ in range(size.people - len(named)):
        number = next(numbers)
        name = f"{random.choice(_SURNAMES)}{random.choice(_TITLES)} {number:03d}"
        home = grid.place(random.randrange(size.districts), random, 550)
        appetite = random.gammavariate(3, 1 / 3)
        thrift = random.betavariate(1.5, 6)
        joined = 0.0 if random.random() < 0.75 else random.random()
        yield Person(number, name, phone(number), home, appetite, thrift, joined)


def _unique(name: str, taken: Counter[str]) -> str:
    taken[name] += 1
    return name if taken[name] == 1 else f"{name}（{taken[name]}店）"


def credit_code(random: Random, city: str) -> str:
    """Return a well-formed credit code that no licence has: an invented registrar of the county."""
    first = f"93{city}" + "".join(random.choices("0123456789ABCDEFGHJKLMNPQRTUWXY", k=9))
    return first + creditcode.check_character(first)
