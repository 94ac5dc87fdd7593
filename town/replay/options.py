"""What part of the year is replayed, and what its figures should be: pure, so that it can be tested by itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from stores.calc.baskets import Screened, Tally


@dataclass(frozen=True, slots=True)
class Options:
    """The words of the command. first and last: days of the source, both included.

    settle: how often the year is cleared while it is replayed, `daily` or `weekly`; households then also spend.
    """

    households: int | None = None
    first: date | None = None
    last: date | None = None
    keep_dates: bool = False
    settle: str | None = None

    @property
    def scope(self) -> dict[str, Any]:
        """Return what a run must have in common with the one that it goes on with."""
        scope = {
            "households": self.households,
            "from": self.first.isoformat() if self.first else None,
            "to": self.last.isoformat() if self.last else None,
        }
        return scope | ({"settle": self.settle} if self.settle else {})

    def days(self, screened: Iterable[Screened]) -> Iterator[Screened]:
        """Yield the baskets of the chosen days; the source is in time order, so reading stops after the last."""
        for one in screened:
            on = one.basket.at.date()
            if self.last is not None and on > self.last:
                return
            if self.first is None or on >= self.first:
                yield one


@dataclass(frozen=True, slots=True)
class Scan:
    """What one reading of the whole file tells. chosen: households of the scope, by number."""

    year: Tally
    expected: Tally
    chosen: frozenset[str]


def scan(screened: Iterable[Screened], options: Options) -> Scan:
    """Return the totals of the whole file and of the chosen part.

    The first N households are those with the lowest numbers, so a larger N contains a smaller one.
    """
    year = Tally()
    scoped: dict[str, Tally] = {}
    everybody: set[str] = set()
    for one in screened:
        year.add(one)
        on = one.basket.at.date()
        if (options.first is None or on >= options.first) and (options.last is None or on <= options.last):
            scoped.setdefault(one.basket.holder, Tally()).add(one)
        everybody.add(one.basket.holder)
    chosen = sorted(everybody, key=int)[: options.households]
    expected = Tally()
    for household in chosen:
        if household in scoped:
            _merge(expected, scoped[household])
    return Scan(year, expected, frozenset(chosen))


def _merge(total: Tally, part: Tally) -> None:
    total.baskets += part.baskets
    total.lines += part.lines
    total.value_fen += part.value_fen
    total.refused_baskets += part.refused_baskets
    total.refused_lines.update(part.refused_lines)
    total.turnover_fen.update(part.turnover_fen)
