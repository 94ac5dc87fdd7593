"""The town from nothing to this minute: founded, its past lived, and left with something to do on every page.

The dates are decided once and kept in the diary, so that a building that was broken off goes on, days later too.
A short pilot two years ago gave the points that are about to lapse; the weeks before today gave everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from django.db import transaction
from django.utils import timezone

from alliance import events
from alliance.calc.worktime import day_start, quarter_end, shanghai_day
from alliance.models import Event
from merchants import topups
from merchants.models import Merchant
from points import partitions
from points.models import Account
from town import founding, life, money
from town.founding import ACTOR, Organisation
from town.life import Quarter
from town.world import SCALES, Layer, World, cast, draw
from town.world.trades import HABITS
from town.world.visits import Visit

Say = Callable[[str], None]
PILOT_PEOPLE = 40
PILOT_DAYS = (20, 48, 76)
LATE_DAYS = (4, 18, 32)


@dataclass(frozen=True, slots=True)
class Dates:
    """The days that a layer's past hangs on. founded: of the pilot; lived: first day of the weeks before today."""

    founded: date
    opened: date
    lived: date
    today: date

    @property
    def pilot(self) -> list[date]:
        """Return the pilot's days: points of the first three lapsed with the last quarter, the others with this one."""
        this = quarter_end(self.today, -27) + timedelta(days=1)
        last = quarter_end(self.today, -30) + timedelta(days=1)
        return [last + timedelta(days=n) for n in PILOT_DAYS] + [this + timedelta(days=n) for n in LATE_DAYS]


def build(scale: str, seed: int, say: Say, live: Callable[[str], None]) -> bool:
    """Build the town of a scale, or enlarge the one that is there; return whether there was anything to do."""
    now = timezone.now()
    if not Event.objects.of("town").filter(verb="town.seeded").exists():
        founding.check_synthetic()
    seed = _seed(seed)
    names = list(SCALES)[: list(SCALES).index(scale) + 1]
    missing = [name for name in names if not _is_built(name)]
    if not missing:
        return catch_up(seed, now, say, live)
    world = draw(scale, seed)
    for layer in world.layers:
        if layer.name in missing:
            say(f"Building the {layer.name} town: {len(layer.people):,} people, {len(layer.shops):,} shops (synthetic)")
            _build_layer(world, layer, now, say, live)
    return True


def catch_up(seed: int, now: datetime, say: Say, live: Say) -> bool:
    """Live the days that passed since the town was last awake. Nothing happens twice on one day."""
    names = [name for name in SCALES if _is_built(name)]
    begun = life.lived_until(names)
    today = shanghai_day(now)
    if begun is None or shanghai_day(begun) >= today:
        return False
    world = draw(names[-1], seed)
    partitions.ahead(2, start=shanghai_day(begun))
    q, _ = _quarter(world, world.layers, now, live)
    say(f"Living on from {begun:%Y-%m-%d %H:%M} …")
    on = shanghai_day(begun)
    while on <= today:
        life.live(q, on, now)
        if on < today:
            life.night(q, on, is_last=True)
        on += timedelta(days=1)
    return True


def _build_layer(world: World, layer: Layer, now: datetime, say: Say, live: Callable[[str], None]) -> None:
    dates = _dates(layer, now)
    if layer.name == "small":
        partitions.ahead(7, start=dates.founded)
    partitions.ahead((dates.today - dates.opened).days // 28 + 4, start=dates.opened)
    q, organised = _quarter(world, [layer], now, live)
    if layer.name == "small":
        _pilot(q, dates)
    _past(q, dates, now, live)
    with transaction.atomic():
        if layer.name == "small":
            _last_customers(q, now)
            _open_questions(q, organised, now)
            founding.pin(now)
        events.record("town.built", f"town.layer:{layer.name}", ACTOR, timezone.now(), {"scale": layer.name})
    say(f"The {layer.name} town is built.")


def _quarter(
    world: World, layers: list[Layer], now: datetime, live: Callable[[str], None]
) -> tuple[Quarter, Organisation]:
    """Found what is missing of the layers, through the verbs, and return them as people and shops that meet."""
    dates_of = {layer.name: _dates(layer, now) for layer in layers}
    merchants: dict[str, Merchant] = {}
    wallets: list[int] = []
    joined_at: list[datetime] = []
    founded = _at(dates_of[layers[0].name].founded, 9)
    organised = founding.organisation(world, founded)
    for layer in layers:
        when = dates_of[layer.name]
        merchants |= founding.shops(layer, organised, _opening(when), live)
        joined = [_joined(world.seed, layer, i, when) for i in range(len(layer.people))]
        joined_at += joined
        wallets += [one.wallet_id for one in founding.members(layer.people, joined, _at(when.founded, 10))]
    return life.quarter(layers, world.seed, wallets, joined_at, merchants, organised), organised


def _opening(dates: Dates) -> Callable[[str], datetime]:
    """Return when a shop opened, by its key: the named ones with the pilot, the others before the weeks of life."""
    named = {shop.key for shop in cast.SHOPS}
    return lambda key: _at(dates.founded, 9) if key in named else _at(dates.opened, 9)


def _joined(seed: int, layer: Layer, i: int, dates: Dates) -> datetime:
    person = layer.people[i]
    random = Random(f"{seed}/joined/{person.number}")
    if layer.name == "small" and i < PILOT_PEOPLE and not person.joined:
        return _at(dates.founded, 10) + timedelta(minutes=random.randrange(2000))
    begin = _at(dates.lived, 8)
    if not person.joined:
        return begin - timedelta(minutes=random.randrange(14 * 1440))
    return begin + (_at(dates.today, 0) - begin) * person.joined


def _pilot(q: Quarter, dates: Dates) -> None:
    """Live the few days of the pilot: named shops, the first people, and three banquets for 林婶."""
    named = {life.position_of(q, shop.key) for shop in cast.SHOPS}
    for i in sorted(named):
        life.top_up(q, i, 150_000, _at(dates.founded, 14))
    hotpot = life.position_of(q, cast.HOTPOT)
    for on in dates.pilot:
        visits = [
            visit._replace(wish=False)
            for visit in q.town.day(on, [at <= day_start(on) for at in q.joined_at])
            if visit.shop in named and HABITS[q.town.shops[visit.shop].trade].bill_fen < 50_000
        ]
        visits.append(Visit(_at(on, 19) + timedelta(minutes=12), 0, hotpot, 0, 128_800, False))
        life.live(q, on, _at(on, 0) + timedelta(days=1), only=sorted(visits))
        life.night(q, on)


def _past(q: Quarter, dates: Dates, now: datetime, live: Callable[[str], None]) -> None:
    """Live the weeks before today and today until now. One float is let run low, another one dry."""
    q.daily_rebate = {i: total // 14 for i, total in life.estimate(q, _days(dates.lived, 14)).items()}
    special = _special(q)
    total = (dates.today - dates.lived).days
    begun = life.lived_until(q.names)
    for n in range(total + 1):
        on = dates.lived + timedelta(days=n)
        if begun is not None and begun > _at(on, 24):
            continue
        if n == 0 or on.weekday() == 0:
            life.fund(q, _at(on, 0) - timedelta(hours=7), without=special)
        if special and n in (0, total - 7):
            _keep_low(q, special, on, dates, is_first=n == 0)
        life.live(q, on, now)
        if n < total:
            life.night(q, on, is_last=n == total - 1)
        live(f"lived {n:3d} of {total} days")


def _special(q: Quarter) -> list[int]:
    """Return the shop whose float is nearly empty today and the one whose float has just run out, if there are such."""
    keys = [shop.key for shop in q.town.shops]
    return [keys.index(cast.FRUIT), keys.index("small-0")] if cast.FRUIT in keys else []


def _keep_low(q: Quarter, special: list[int], on: date, dates: Dates, *, is_first: bool) -> None:
    """Top two floats up for just what is to come: one until the day after tomorrow, one until yesterday."""
    low, dry = special
    have = dict(Account.objects.filter(pk__in=q.floats).values_list("pk", "balance"))
    last = dates.today - timedelta(days=7) if is_first else dates.today + timedelta(days=2)
    wanted = {low: life.estimate(q, _days(on, (last - on).days))[low] + (20_000 if is_first else 0)}
    if is_first:
        wanted[dry] = life.estimate(q, _days(on, (dates.today - on).days - 1))[dry]
    for i, amount in wanted.items():
        lacking = amount - have.get(q.merchants[i].float_id or 0, 0)
        if lacking > 10_000:
            life.top_up(q, i, lacking, _at(on, 0) - timedelta(hours=6))


def _last_customers(q: Quarter, now: datetime) -> None:
    """See that the demo's tills had customers within the last two hours, at whatever hour the town is built."""
    begun = life.lived_until(q.names)
    random = Random(f"{q.town.seed}/last")
    visits = []
    for key, bill in ((cast.HOTPOT, 18_800), (cast.MARKET, 6_480), (cast.FRUIT, 3_590)):
        shop = life.position_of(q, key)
        for n in range(3):
            at = now - timedelta(minutes=17 + 23 * n + random.randrange(15))
            person = random.randrange(3, len(q.town.people) // 2)
            visits.append(Visit(at, person, shop, 0, bill + 110 * random.randrange(40), False))
    if begun is not None:
        life.live_extra(q, sorted(visits), now)


def _open_questions(q: Quarter, organised: Organisation, now: datetime) -> None:
    """Leave work for the desks: money that nobody knows, money that waits for a second person, money announced."""
    morning = now - timedelta(hours=3)
    money.receive(300_000, "和安某商贸行（模拟）", "货款", f"HA-UNKNOWN-{morning:%Y%m%d}", morning)
    for key, amount in (("bakery-0", 200_000), ("salon-0", 150_000)):
        merchant = q.merchants[life.position_of(q, key)]
        serial = f"HA-{merchant.credit_code}-{morning:%Y%m%d}-open"
        line = money.receive(amount, merchant.short_name, merchant.payment_reference, serial, morning)
        if line.allotted_to_id is None:
            money.match(line, merchant, organised, morning + timedelta(minutes=25))
    fruit = q.merchants[life.position_of(q, cast.FRUIT)]
    topups.ask(merchant=fruit, amount_fen=100_000, actor=ACTOR, at=now - timedelta(minutes=50))


def _days(first: date, n: int) -> list[date]:
    return [first + timedelta(days=i) for i in range(n)]


def _at(on: date, hour: int) -> datetime:
    return day_start(on) + timedelta(hours=hour)


def _is_built(name: str) -> bool:
    return Event.objects.of(f"town.layer:{name}").filter(verb="town.built").exists()


def _seed(seed: int) -> int:
    """Return the seed of the town that is there, else note the one given: a town has one for life."""
    begun = Event.objects.of("town").filter(verb="town.seeded").order_by("pk").first()
    if begun is None:
        begun = events.record("town.seeded", "town", ACTOR, timezone.now(), {"seed": seed})
    return int(begun.facts["seed"])


def _dates(layer: Layer, now: datetime) -> Dates:
    """Return the layer's dates, decided when it was begun."""
    subject = f"town.layer:{layer.name}"
    begun = Event.objects.of(subject).filter(verb="town.begun").order_by("pk").first()
    if begun is None:
        today = shanghai_day(now)
        lived = today - timedelta(weeks=layer.weeks)
        dates = Dates(today, lived - timedelta(days=20), lived, today)
        founded = dates.pilot[0] - timedelta(days=10) if layer.name == "small" else dates.opened
        facts = {
            "founded": founded.isoformat(),
            "opened": dates.opened.isoformat(),
            "lived": lived.isoformat(),
            "today": today.isoformat(),
        }
        begun = events.record("town.begun", subject, ACTOR, now, facts)
    facts = begun.facts
    return Dates(*(date.fromisoformat(facts[name]) for name in ("founded", "opened", "lived", "today")))
