"""What becomes of points: the roll-forward by month, cohorts and their breakage, where and how fast points are spent.

Everything is read from the running totals by day (points/sql/flow.sql), never from the history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import TruncMonth

from points.calc import breakage
from points.calc.breakage import LAST_AGE, BackTest, Cohort
from points.models import FlowDay, Mark

Class, Origin = FlowDay.Class, FlowDay.Origin
VELOCITY_DAYS = 90


@dataclass(frozen=True, slots=True)
class Month:
    """opening + issued − spent − expired − returned ± reversed ± adjusted = closing, in points."""

    first: date
    opening: int
    issued: int
    spent: int
    expired: int
    returned: int
    reversed: int
    adjusted: int

    @property
    def closing(self) -> int:
        out = self.spent + self.expired + self.returned
        return self.opening + self.issued - out + self.reversed + self.adjusted


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One quarter's points as people read them; rates in hundredths of a percent."""

    issued_in: date
    expires_on: date
    age: int
    issued: int
    spent: int
    expired: int
    other: int
    live: int
    will_break: int | None

    @property
    def redeemed_bps(self) -> int | None:
        return self.spent * 10_000 // self.issued if self.issued else None


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Cohorts, their curve, what is expected to break, and how good such a forecast was."""

    cohorts: list[CohortRow]
    curve: list[int | None]
    test: BackTest | None

    @property
    def live(self) -> int:
        return sum(row.live for row in self.cohorts)

    @property
    def will_break(self) -> int:
        return sum(row.will_break or 0 for row in self.cohorts)


def catch_up() -> int:
    """Add up what moved since the last time; return how many movements. Of two workers one does it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_flows()")
        return int(cursor.fetchone()[0])


def as_of() -> datetime:
    """Return when the totals were last brought up to date."""
    return Mark.objects.get(name="flow").moved_at


# --- the roll-forward -----------------------------------------------------------------------------------


def roll_forward(months: int | None = None) -> list[Month]:
    """Return every month from the first movement on (or the newest ones), oldest first, without a gap."""
    sums: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = FlowDay.objects.annotate(month=TruncMonth("booked_on")).values_list("month", "flow", "is_back")
    for month, flow, is_back, points in rows.annotate(total=Sum("points")):
        sums[month]["reversed" if is_back and flow != Class.ADJUSTED else _NAMES[flow]] += points
    found: list[Month] = []
    opening, first = 0, min(sums, default=None)
    while first is not None and first <= max(sums):
        of = sums[first]
        row = Month(
            first, opening, of["issued"], -of["spent"], -of["expired"], -of["returned"], of["reversed"], of["adjusted"]
        )
        found.append(row)
        opening, first = row.closing, (first + timedelta(days=32)).replace(day=1)
    return found[-months:] if months else found


_NAMES = {
    Class.ISSUED: "issued", Class.SPENT: "spent", Class.EXPIRED: "expired", Class.ADJUSTED: "adjusted",
    Class.RETURNED: "returned",
}  # fmt: skip


# --- cohorts --------------------------------------------------------------------------------------------


def quarter(on: date) -> int:
    """Return the number of a quarter: four a year."""
    return on.year * 4 + (on.month - 1) // 3


def quarter_start(number: int) -> date:
    return date(number // 4, number % 4 * 3 + 1, 1)


def reckon(today: date, tested: int = 4) -> Reckoning:
    """Return the cohorts as of today, the curve of quarters that are over, and the test of the last `tested` ones."""
    now = quarter(today)
    issued: dict[date, int] = defaultdict(int)
    spent: dict[date, list[int]] = defaultdict(lambda: [0] * (LAST_AGE + 2))
    gone: dict[date, list[int]] = defaultdict(lambda: [0] * (LAST_AGE + 2))
    expired: dict[date, int] = defaultdict(int)
    for on, cohort, flow, points in _by_quarter():
        age = min(max(quarter(on) - (quarter(cohort) - LAST_AGE), 0), LAST_AGE + 1)
        if flow == Class.SPENT:
            spent[cohort][age] -= points
        elif flow in (Class.EXPIRED, Class.RETURNED):
            gone[cohort][age] -= points
            expired[cohort] -= points if flow == Class.EXPIRED else 0
        else:  # issued, taken back, adjusted: all that is there to be spent
            issued[cohort] += points
    cohorts = {
        end: Cohort(quarter(end) - LAST_AGE, issued[end], spent[end], gone[end])
        for end in sorted({*issued, *spent, *gone})
    }
    curve = breakage.rates(list(cohorts.values()), now)
    rows = []
    for end, row in cohorts.items():
        live = row.live(LAST_AGE + 2)
        age = now - row.began
        rows.append(
            CohortRow(
                issued_in=quarter_start(row.began),
                expires_on=end,
                age=age,
                issued=row.issued,
                spent=sum(row.spent),
                expired=expired[end],
                other=sum(row.gone) - expired[end],
                live=live,
                will_break=breakage.surviving(live, age, curve) if 0 <= age <= LAST_AGE else None,
            )
        )
    first = min((row.began for row in cohorts.values()), default=now)
    start = max(now - tested, first + 1)
    test = breakage.back_test(list(cohorts.values()), start, now) if start < now else None
    return Reckoning(rows, curve, test)


def _by_quarter() -> Sequence[tuple[date, date, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc('quarter', booked_on)::date, cohort_on, class, sum(points)::bigint FROM points_flow_day"
            " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        return [(on, cohort, flow, int(points)) for on, cohort, flow, points in cursor.fetchall()]


# --- circulation ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None


def redeemed(today: date) -> Share:
    """Return what has been spent of the points that have reached their end: cohorts whose expiry is over."""
    rows = [row for row in reckon(today).cohorts if row.expires_on < today]
    return Share(sum(row.spent for row in rows), sum(row.issued for row in rows))


def elsewhere(today: date, days: int = VELOCITY_DAYS) -> Share:
    """Return which part of what merchants gave and members spent was spent at another merchant, in the last days."""
    spent = FlowDay.objects.filter(flow=Class.SPENT, booked_on__gt=today - timedelta(days=days), booked_on__lte=today)
    found = {origin: -points for origin, points in spent.values_list("origin").annotate(Sum("points"))}
    away = found.get(Origin.ELSEWHERE, 0)
    return Share(away, away + found.get(Origin.SAME, 0))


def velocity(today: date, days: int = VELOCITY_DAYS) -> Share:
    """Return how often a year the points change hands: spent in the last days × 365, over the sum of their balances."""
    changes = dict(
        FlowDay.objects.filter(booked_on__lte=today).order_by().values_list("booked_on").annotate(Sum("points"))
    )
    first = today - timedelta(days=days - 1)
    balance = sum(points for on, points in changes.items() if on < first)
    spread = 0
    for n in range(days):
        balance += changes.get(first + timedelta(days=n), 0)
        spread += balance
    spent = FlowDay.objects.filter(flow=Class.SPENT, booked_on__range=(first, today)).aggregate(n=Sum("points"))["n"]
    return Share(-(spent or 0) * 365, spread)
