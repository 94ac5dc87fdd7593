"""The calendar of expiry: what lapses when, where it came from, what is on its way, what came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from alliance.calc.worktime import shanghai_day
from alliance.templatetags.lianhui import thousands
from members import wallets
from members.calc import strip
from members.calc.ahead import DISTANCES
from members.models import Member
from points.models import Lot

# So many lines of a day stand open; the others are a tap away.
LINES = 5
SOON = timedelta(days=DISTANCES[0])


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one funder that lapse on one day. matures_on is None once they can be spent."""

    points: int
    funder: str
    trade: str
    matures_on: date | None
    # The day on which they would have lapsed, had they not been spent and given back.
    came_back_after: date | None
    # How many of them are set aside for a payment that is not closed yet.
    held: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that lapses on one day, the largest first."""

    on: date
    points: int
    days_left: int
    lines: list[Line]

    @property
    def first_lines(self) -> list[Line]:
        return self.lines[:LINES]

    @property
    def more_lines(self) -> list[Line]:
        return self.lines[LINES:]

    @property
    def is_soon(self) -> bool:
        return self.days_left <= SOON.days

    @property
    def left_words(self) -> str:
        """Return how long the points can still be used."""
        if self.days_left < 0:
            # Translators: 已过期，今晚清零
            return _("over, to be booked tonight")
        if self.days_left == 0:
            # Translators: 今天最后一天
            return _("today is the last day")
        if self.days_left > SOON.days * 2:
            months = self.days_left // 30
            # Translators: 还有约 %(n)s 个月
            return _("in about %(n)s months") % {"n": months}
        # Translators: 还有 %(n)s 天
        return _("in %(n)s days") % {"n": self.days_left} if self.days_left > 1 else _("until tomorrow")


@dataclass(frozen=True, slots=True)
class Ready:
    """Points that can be spent from a day on."""

    on: date
    points: int
    days_left: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """The whole page: days and what is on the way add up to the wallet's balance."""

    days: list[Day]
    ready: list[Ready]
    picture: strip.Strip
    summary: str
    total: int = 0
    soon: int = 0
    months: list[strip.Slot] = field(default_factory=list)

    @property
    def next(self) -> Day | None:
        return self.days[0] if self.days else None


def calendar(member: Member, at: datetime) -> Calendar:
    """Return what lapses when: three queries, however many lots there are."""
    today = shanghai_day(at)
    lots = list(wallets.lots_of(member.wallet_id))
    days = _days(lots, today)
    mature = _by_day((lot.lapses_on, lot.remaining) for lot in lots if lot.is_mature)
    pending = _by_day((lot.lapses_on, lot.remaining) for lot in lots if not lot.is_mature)
    picture = strip.strip(today, mature, pending, today + SOON)
    maturing = _by_day((lot.matures_on, lot.remaining) for lot in lots if not lot.is_mature)
    return Calendar(
        days=days,
        ready=[Ready(on, points, (on - today).days) for on, points in sorted(maturing.items())],
        picture=picture,
        summary=_summary(days),
        total=sum(day.points for day in days),
        soon=sum(day.points for day in days if day.is_soon),
        months=[slot for slot in picture.slots if slot.points],
    )


def _days(lots: list[Lot], today: date) -> list[Day]:
    funders = wallets.funders_of({lot.funder_id for lot in lots})
    lines: dict[date, list[Line]] = {}
    for lot in lots:
        name, trade = funders[lot.funder_id]
        line = Line(
            points=lot.remaining,
            funder=name,
            trade=trade,
            matures_on=None if lot.is_mature else lot.matures_on,
            came_back_after=lot.expires_on if lot.lapses_on > lot.expires_on else None,
            held=lot.held,
        )
        lines.setdefault(lot.lapses_on, []).append(line)
    return [
        Day(on, sum(line.points for line in found), (on - today).days, sorted(found, key=lambda line: -line.points))
        for on, found in sorted(lines.items())
    ]


def _summary(days: list[Day]) -> str:
    """Return the picture in one sentence, for those who do not see it."""
    parts = [
        # Translators: %(day)s 到期 %(points)s 分
        _("%(points)s on %(day)s") % {"points": thousands(day.points), "day": date_format(day.on, "DATE_FORMAT")}
        for day in days
    ]
    # Translators: 、
    return pgettext("between things", ", ").join(parts)


def _by_day(parts: Iterable[tuple[date, int]]) -> dict[date, int]:
    found: dict[date, int] = {}
    for on, points in parts:
        found[on] = found.get(on, 0) + points
    return found
