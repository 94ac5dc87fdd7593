"""Opening hours as one line of text.

"10:00-22:00" holds for every day; "1-5 10:00-22:00; 6-7 09:00-02:00" names weekdays (Monday is 1). A closing time
before the opening time lies on the next day. Empty text: unknown.
"""

import re
from datetime import datetime, time

_RULE = re.compile(r"(?:([1-7])(?:-([1-7]))?\s+)?([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)

Rule = tuple[int, int, time, time]


def parse(text: str) -> list[Rule]:
    """Return (first weekday, last weekday, opens, closes) for each part. ValueError when it cannot be read."""
    rules = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        found = _RULE.fullmatch(part)
        if not found:
            raise ValueError(part)
        first, last, *clock = found.groups()
        hours = [int(figure) for figure in clock]
        opens, closes = time(hours[0] % 24, hours[1]), time(hours[2] % 24, hours[3])
        rules.append((int(first or 1), int(last or first or 7), opens, closes))
    return rules


def is_open(text: str, at: datetime) -> bool | None:
    """Say whether a place with these hours is open at the local time `at`; None when the hours are unknown."""
    rules = parse(text)
    if not rules:
        return None
    day, clock = at.isoweekday(), at.time()
    yesterday = (day - 2) % 7 + 1
    for first, last, opens, closes in rules:
        if closes > opens:
            if first <= day <= last and opens <= clock < closes:
                return True
        elif (first <= day <= last and clock >= opens) or (first <= yesterday <= last and clock < closes):
            return True
    return False
