"""Days and hours of Shanghai, where every accounting day begins and ends."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def shanghai_day(at: datetime) -> date:
    """Return the calendar day in Shanghai of an aware time."""
    return at.astimezone(SHANGHAI).date()


def day_start(on: date) -> datetime:
    return datetime.combine(on, time(), SHANGHAI)


def day_bounds(on: date) -> tuple[datetime, datetime]:
    """Return the half-open period of a day in Shanghai."""
    return day_start(on), day_start(on + timedelta(days=1))


def quarter_end(on: date, months_later: int) -> date:
    """Return the last day of the quarter that `on` falls into after `months_later` months."""
    index = on.year * 12 + on.month - 1 + months_later
    index += 2 - index % 3
    year, month = divmod(index + 1, 12)
    return date(year, month + 1, 1) - timedelta(days=1)
