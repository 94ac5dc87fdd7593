"""The town from nothing to this minute: founded, its past lived, and left with something to do on every page.

The dates are decided once and kept in the diary, so that a building that was broken off goes on, days later too.
A short pilot two years ago gave the points that are about to lapse; the weeks before today gave everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.calc.worktime import day_start, quarter_end, shanghai_day
from alliance.models import Event
from alliance.refusals import declare
from members import noticing
from merchants import topups
from merchants.models import Merchant
from points import partitions
from points.models import Account
from town import campaigns, founding, life, money, settling, shopping, tiers
from town.crew import Crew
from town.founding import ACTOR, Organisation
from town.quarter import Quarter, quarter
from town.screen import Pace
from town.world import SCALES, Layer, World, cast, draw
from town.world.trades import HABITS
from town.world.visits import Visit

TOWN_BUSY = declare(
    "town_busy",
    409,
    # Translators: 小镇正由另一个命令建造。请等它做完再运行；想看进度，看那个命令的输出。
    _("Another command is building this town right now. Wait until it has finished, then run this again if need be."),
)
Say = Callable[[str], None]
# From so many people on a crew of processes lives the days; below that, starting them takes longer than the days.
CREW_FROM = 2_000
_LOCK = (7263, 0)
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


def build(scale: str, seed: int, say: Say, live: Say) -> bool:
    """Build the town of a scale, or enlarge the one that is there; return whether there was anything to do.

    Refuses: town_busy, town_not_synthetic.
    """
    with _alone():
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
                size = f"{len(layer.people):,} people, {len(layer.shops):,} shops"
                say(f"Building the {layer.name} town: {size} (synthetic)")
                _build_layer(world, layer, now, say, live)
        return True


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time build; the lock ends with its connection, so also when it is killed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", _LOCK)
        if not cursor.fetchone()[0]:
            raise TOWN_BUSY()
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", _LOCK)


def catch_up(seed: int, now: datetime, say: Say, live: Say) -> bool:
    """Live the days that passed since the town was last awake. Nothing happens twice on one day."""
    names = [name for name in SCALES if _is_built(name)]
    begun = life.lived_until(names)
    today = shanghai_day(now)
    if begun is None or shanghai_day(begun) >= today:
        return False
    world = draw(names[-1], seed)
    first = shanghai_day(begun)
    partitions.ahead(2, start=first)
    q, _organised = _quarter(world, world.layers, now, live)
    say(f"Living on from {begun:%Y-%m-%d %H:%M} …")
    days = _days(first, (today - first).days + 1)
    pace = _pace(q, days, live)
    with _crew(q) as crew:
        for on in days:
            life.live(q, on, now, crew=crew, tell=pace.add)
            if on < today:
                life.night(q, on, is_last=True)
    with transaction.atomic():
        tiers.give(q, now)
    return True


def _crew(q: Quarter) -> Crew | nullcontext[None]:
    """Return the processes that live a large quarter; a small one needs none."""
    return Crew(q) if len(q.wallets) >= CREW_FROM else nullcontext()


def _pace(q: Quarter, days: list[date], live: Say) -> Pace:
    bills = sum(q.town.expected(on, q.members_at(day_start(on))) for on in days)
    return Pace(f"life of the {q.names[-1]} town", "bills", int(bills), live)


def _build_layer(world: World, layer: Layer, now: datetime, say: Say, live: Say) -> None:
    dates = _dates(layer, now)
    if layer.name == "small":
        partitions.ahead(7, start=dates.founded)
    partitions.ahead((dates.today - dates.opened).days // 28 + 4, start=dates.opened)
    q, organised = _quarter(world, [layer], now, live)
    if layer.name == "small":
        campaigns.found(q, _at(dates.today, 0) - timedelta(days=1), _at(dates.founded, 11))
        _pilot(q, dates)
    _past(q, dates, now, say, live)
    with transaction.atomic():
        if layer.name == "small":
            _last_customers(q, now)
            _open_questions(q, organised, now)
            founding.pin(now)
            founding.withdraw_consent(now)
            _tell(dates.today, now)
        tiers.give(q, now)
        events.record("town.built", f"town.layer:{layer.name}", ACTOR, timezone.now(), {"scale": layer.name})
    say(f"The {layer.name} town is built.")


def _quarter(world: World, layers: list[Layer], now: datetime, live: Say) -> tuple[Quarter, Organisation]:
    """Found what is missing of the layers, through the verbs, and return them as people and shops that meet."""
    dates_of = {layer.name: _dates(layer, now) for layer in layers}
    merchants: dict[str, Merchant] = {}
    wallets: list[int] = []
    joined_at: list[datetime] = []
    founded = _at(dates_of[layers[0].name].founded, 9)
    organised = founding.organisation(world, founded)
    for layer in layers:
        when = dates_of[layer.name]
        shops = Pace("opening", "shops", len(layer.shops), live)
        merchants |= founding.shops(layer, organised, _opening(when), shops.add)
        joined = [_joined(world.seed, layer, i, when) for i in range(len(layer.people))]
        joined_at += joined
        people = Pace("enrolling", "people", len(layer.people), live)
        wallets += [one.wallet_id for one in founding.members(layer.people, joined, _at(when.founded, 10), people.add)]
    return quarter(layers, world.seed, wallets, joined_at, merchants, organised), organised


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
    named = {q.position_of(shop.key) for shop in cast.SHOPS}
    for i in sorted(named):
        life.top_up(q, i, 150_000, _at(dates.founded, 14))
    hotpot = q.position_of(cast.HOTPOT)
    for on in dates.pilot:
        visits = [
            visit._replace(wish=False)
            for visit in q.town.day(on, q.members_at(day_start(on)))
            if visit.shop in named and HABITS[q.town.shops[visit.shop].trade].bill_fen < 50_000
        ]
        visits.append(Visit(_at(on, 19) + timedelta(minutes=12), 0, hotpot, 0, 128_800, False))
        life.live(q, on, _at(on, 0) + timedelta(days=1), only=sorted(visits))
        life.night(q, on)


def _past(q: Quarter, dates: Dates, now: datetime, say: Say, live: Say) -> None:
    """Live the weeks before today and today until now. One float is let run low, another one dry."""
    days = _days(dates.lived, (dates.today - dates.lived).days + 1)
    begun = life.lived_until(q.names)
    left = [on for on in days if begun is None or begun <= _at(on, 24)]
    if not left:
        return
    special = _special(q)
    with _crew(q) as crew:
        say(f"Living {len(left)} days …")
        ahead = _days(dates.lived, 14)
        rebates = crew.rebates(ahead) if crew else shopping.rebates(q, ahead)
        q.daily_rebate = {i: total // 14 for i, total in rebates.items()}
        pace = _pace(q, left, live)
        for on in left:
            if on == days[0] or on.weekday() == 0:
                _fund(q, _at(on, 0) - timedelta(hours=7), special, crew, live)
            if special and (dates.today - on).days in (7, len(days) - 1):
                _keep_low(q, special, on, dates, is_first=on == days[0])
            if special and (on == days[0] or on.weekday() == 0):
                settling.owe(q, special[-1], on, dates.today)
            life.live(q, on, now, crew=crew, tell=pace.add)
            if on < dates.today:
                life.night(q, on, is_last=on == days[-2])
                if special:
                    settling.settle(q, on, dates.today, now, cast.FRUIT)


def _fund(q: Quarter, at: datetime, special: list[int], crew: Crew | None, live: Say) -> None:
    """Top up every float that needs it."""
    wanted = [(i, amount_fen, at) for i, amount_fen in life.lacking(q, without=special)]
    if not wanted:
        return
    pace = Pace("funding", "floats", len(wanted), live)
    if crew is not None:
        crew.top_up(wanted, pace.add)
        return
    for i, amount_fen, _at in wanted:
        life.top_up(q, i, amount_fen, at)
        pace.add(1)


def _special(q: Quarter) -> list[int]:
    """Return the shop whose float is nearly empty today, the one whose float has just run out, and the one that pays by
    the bill, if there are such."""
    keys = [shop.key for shop in q.town.shops]
    return [keys.index(key) for key in (cast.FRUIT, "small-0", settling.OWING)] if cast.FRUIT in keys else []


def _keep_low(q: Quarter, special: list[int], on: date, dates: Dates, *, is_first: bool) -> None:
    """Top two floats up for just what is to come: one until the day after tomorrow, one until yesterday."""
    low, dry, _owing = special
    have = Account.objects.filter(pk__in=q.floats).money()
    last = dates.today - timedelta(days=7) if is_first else dates.today + timedelta(days=2)
    wanted = {low: shopping.rebates(q, _days(on, (last - on).days))[low] + (20_000 if is_first else 0)}
    if is_first:
        wanted[dry] = shopping.rebates(q, _days(on, (dates.today - on).days - 1))[dry]
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
        shop = q.position_of(key)
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
        merchant = q.merchants[q.position_of(key)]
        serial = f"HA-{merchant.credit_code}-{morning:%Y%m%d}-open"
        line = money.receive(amount, merchant.short_name, merchant.payment_reference, serial, morning)
        if line.allotted_to_id is None:
            money.match(line, merchant, organised, morning + timedelta(minutes=25))
    hotpot = q.merchants[q.position_of(cast.HOTPOT)]
    settling.contest(hotpot, hotpot.staff.get(role="owner").user, now)
    fruit = q.merchants[q.position_of(cast.FRUIT)]
    topups.ask(merchant=fruit, amount_fen=100_000, actor=ACTOR, at=now - timedelta(minutes=50))


def _tell(today: date, now: datetime) -> None:
    """Say what lapses soon, as the clock would have this morning."""
    for _told in noticing.run(today, None, now - timedelta(hours=5)):
        pass


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
