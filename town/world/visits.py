"""Who goes shopping where on a day: the habits of the town, drawn day by day from the seed."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate
from math import exp, log
from random import Random
from typing import NamedTuple

from alliance.calc.worktime import SHANGHAI
from town.world.draw import Person, Shop
from town.world.grid import metres_between
from town.world.trades import HABITS, Habit

FRIENDLY_METRES = 900.0
FAMOUS = 2.5
CENTRAL_DISTRICTS = 9
# So many purchases are kept in memory, days as a whole: the town looks ahead to size its top-ups.
KEPT = 200_000


class Visit(NamedTuple):
    """One purchase. shop, outlet, person: positions in the lists. wish: would like to use points."""

    at: datetime
    person: int
    shop: int
    outlet: int
    bill_fen: int
    wish: bool


class Town:
    """People and shops that meet, with what each person has got used to."""

    def __init__(self, seed: int, people: Sequence[Person], shops: Sequence[Shop]) -> None:
        self.seed, self.people, self.shops = seed, people, shops
        self._trades = [trade for trade in HABITS if any(shop.trade == trade and not shop.is_draft for shop in shops)]
        self._near: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        self._all: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for i, shop in enumerate(shops):
            for j, outlet in enumerate(shop.outlets if not shop.is_draft else ()):
                self._near[shop.trade, outlet.place.district].append((i, j))
                self._all[shop.trade].append((i, j))
        # The shops that people cross the old town for.
        self._famous = {trade: [p for p in places if shops[p[0]].pull >= FAMOUS] for trade, places in self._all.items()}
        self._days: dict[date, list[Visit]] = {}
        self._kept = 0
        self._mine: Sequence[int] = range(len(people))
        self._choices: dict[tuple[int, str], tuple[list[tuple[int, int]], list[float]]] = {}
        self._clock = {trade: _clock(habit) for trade, habit in HABITS.items()}

    def only(self, mine: Sequence[int]) -> None:
        """Draw the purchases of these people only, by position; they are what they were among all."""
        self._mine = mine
        self._days, self._kept = {}, 0

    def forget(self, on: date) -> None:
        """Free the memory of a day that is over."""
        self._kept -= len(self._days.pop(on, ()))

    def expected(self, on: date, joined: Sequence[bool]) -> float:
        """Return how many purchases a day has on average."""
        mean = sum(HABITS[trade].weekly * HABITS[trade].days[on.weekday()] for trade in self._trades) / 7
        return mean * sum(person.appetite for person, there in zip(self.people, joined, strict=True) if there)

    def day(self, on: date, joined: Sequence[bool] | None = None) -> list[Visit]:
        """Return the purchases of a day in time order.

        joined: who is a member by then; None: everybody. A person's draw does not depend on who else has joined.
        """
        visits = self._days.get(on)
        if visits is None:
            visits = self._draw(on)
            if self._kept < KEPT:
                self._days[on] = visits
                self._kept += len(visits)
        return visits if joined is None else [visit for visit in visits if joined[visit.person]]

    def _draw(self, on: date) -> list[Visit]:
        weekday = on.weekday()
        weights = list(accumulate(HABITS[trade].weekly * HABITS[trade].days[weekday] for trade in self._trades))
        mean = weights[-1] / 7
        visits: list[Visit] = []
        for i in self._mine:
            person = self.people[i]
            random = Random((self.seed * 10_000_019 + person.number) * 1_000_003 + on.toordinal())
            for _ in range(_poisson(mean * person.appetite, random)):
                trade = self._trades[bisect(weights, random.random() * weights[-1])]
                visits.append(self._visit(i, person, trade, on, random))
        visits.sort()
        return visits

    def _visit(self, i: int, person: Person, trade: str, on: date, random: Random) -> Visit:
        habit = HABITS[trade]
        places, weights = self._known(i, person, trade)
        shop, outlet = places[bisect(weights, random.random() * weights[-1])]
        hours, chances = self._clock[trade]
        hour = hours[bisect(chances, random.random() * chances[-1])]
        at = datetime(on.year, on.month, on.day, hour, tzinfo=SHANGHAI) + timedelta(seconds=random.randrange(3600))
        bill = int(exp(random.gauss(log(habit.bill_fen), habit.spread)))
        ending = random.choice((10, 10, 50, 100)) if bill < 20_000 else 100
        bill = max(100, bill // ending * ending)
        return Visit(at, i, shop, outlet, bill, random.random() < person.thrift)

    def _known(self, i: int, person: Person, trade: str) -> tuple[list[tuple[int, int]], list[float]]:
        """Return the few places of a trade that a person knows, with running weights: near ones and liked ones."""
        known = self._choices.get((i, trade))
        if known is None:
            random = Random(f"{self.seed}/{person.number}/{trade}")
            everywhere = self._all[trade]
            places = list(self._near.get((trade, person.home.district), ()))
            places += random.sample(everywhere, min(4, len(everywhere)))
            places += [place for place in everywhere if self.shops[place[0]].key in person.favourites]
            if person.home.district < CENTRAL_DISTRICTS:
                places += self._famous[trade]
            places = sorted(set(places))
            weights = []
            for shop, outlet in places:
                metres = metres_between(person.home, self.shops[shop].outlets[outlet].place)
                liking = 12.0 if self.shops[shop].key in person.favourites else random.choice((0.2, 1, 1, 4))
                weights.append(self.shops[shop].pull * liking * (0.05 + exp(-metres / FRIENDLY_METRES)))
            known = self._choices[i, trade] = places, list(accumulate(weights))
        return known


def _clock(habit: Habit) -> tuple[list[int], list[int]]:
    """Return the hours in which customers come, and their running weights."""
    hours, weights = zip(*habit.hours, strict=True)
    return list(hours), list(accumulate(weights))


def _poisson(mean: float, random: Random) -> int:
    """Return a Poisson draw (Knuth's product; fine for the small means of a day)."""
    limit, n, product = exp(-mean), 0, random.random()
    while product > limit:
        n += 1
        product *= random.random()
    return n
