"""What lapses when: by wallet for those who are told ahead, and in sum over the alliance for finance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncMonth

from alliance.models import Job
from points.models import Lot

BUCKETS = 64
FORECAST = "points.forecast"
MONTHS = 24


def lapsing(bucket: int, on: date) -> list[tuple[int, int]]:
    """Return each wallet of a bucket whose points can be used for the last time on that day, with how many.

    One range of the index points_lot_lapsing; a day on which nothing lapses costs one probe.
    """
    lots = Lot.objects.live().filter(bucket=bucket, is_open=True, lapses_on=on)
    found = lots.values_list("wallet_id").annotate(Sum("remaining")).order_by("wallet_id")
    return [(wallet_id, points) for wallet_id, points in found]


def days(bucket: int, first: date, last: date) -> list[date]:
    """Return the days of a closed period on which anything lapses in a bucket, skipping from one to the next."""
    found: list[date] = []
    open_lots = Lot.objects.filter(bucket=bucket, is_open=True, lapses_on__lte=last).order_by("lapses_on")
    while (day := open_lots.filter(lapses_on__gte=first).values_list("lapses_on", flat=True).first()) is not None:
        found.append(day)
        first = day + timedelta(days=1)
    return found


@dataclass(frozen=True, slots=True)
class Forecast:
    """What lapses by month if nobody spends; the months, what comes after them and what is overdue are all points."""

    on: date
    months: list[tuple[date, int]]
    later: int
    overdue: int

    @property
    def total(self) -> int:
        return self.overdue + sum(points for _month, points in self.months) + self.later

    def within(self, months: int) -> int:
        """Return what lapses in this month and those after it, so many in all."""
        return sum(points for _month, points in self.months[:months])


def reckon(on: date) -> Forecast:
    """Add up all open lots: one pass over the table, so once a day and by the clock (points.tasks.forecast)."""
    lots = Lot.objects.filter(is_open=True)
    by_month = dict(
        lots.filter(lapses_on__gte=on).values_list(TruncMonth("lapses_on")).annotate(Sum("remaining")).order_by()
    )
    overdue = lots.filter(lapses_on__lt=on).aggregate(points=Sum("remaining"))["points"] or 0
    months = [_month(on, n) for n in range(MONTHS)]
    later = sum(points for month, points in by_month.items() if month >= _month(on, MONTHS))
    return Forecast(on, [(month, by_month.get(month, 0)) for month in months], later, overdue)


def document(forecast: Forecast) -> dict[str, object]:
    """Return the forecast as its job keeps it."""
    return {
        "on": forecast.on.isoformat(),
        "months": [[month.isoformat(), points] for month, points in forecast.months],
        "later": forecast.later,
        "overdue": forecast.overdue,
    }


def newest() -> Forecast | None:
    """Return the newest forecast that the clock has reckoned."""
    jobs = Job.objects.filter(kind=FORECAST, state=Job.State.DONE).order_by("-started_at", "-pk")
    kept = jobs.values_list("result", flat=True).first()
    if kept is None:
        return None
    months = [(date.fromisoformat(month), points) for month, points in kept["months"]]
    return Forecast(date.fromisoformat(kept["on"]), months, kept["later"], kept["overdue"])


def _month(on: date, later: int) -> date:
    year, month = divmod(on.year * 12 + on.month - 1 + later, 12)
    return date(year, month + 1, 1)
