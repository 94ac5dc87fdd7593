"""Reading a file of opening balances: member, points, last day of use; and what is wrong with which line."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import date

COLUMNS = ("member", "points", "expires_on")
MOST_LINES = 1_000_000
MOST_POINTS = 1_000_000_000
# Codes of errors; `unknown_member` is for the caller, who knows the members.
FILE_UNREADABLE, COLUMNS_WRONG, TOO_LONG = "file_unreadable", "columns_wrong", "file_too_long"
LINE_WRONG, POINTS_WRONG, DAY_WRONG, DAY_PAST, MEMBER_MISSING = (
    "line_wrong", "points_wrong", "day_wrong", "day_past", "member_missing",
)  # fmt: skip
REPEATED, UNKNOWN_MEMBER = "line_repeated", "unknown_member"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Balance:
    """One lot. digest: the keyed digest of a handle, where the file gives that and no number."""

    no: int
    member: str
    points: int
    expires_on: date

    @property
    def digest(self) -> bytes | None:
        return bytes.fromhex(self.member) if _DIGEST.fullmatch(self.member) else None


@dataclass(frozen=True, slots=True)
class Error:
    """What is wrong with a line; line 0 is the file."""

    no: int
    code: str
    text: str = ""


@dataclass(slots=True)
class Parsed:
    balances: list[Balance] = field(default_factory=list)
    errors: list[Error] = field(default_factory=list)

    @property
    def points(self) -> int:
        return sum(row.points for row in self.balances)


def parse(content: bytes, today: date) -> Parsed:
    """Read a CSV file with a header (UTF-8 or GB 18030)."""
    found = Parsed()
    text = _text(content)
    if text is None:
        found.errors.append(Error(0, FILE_UNREADABLE))
        return found
    rows = csv.reader(io.StringIO(text, newline=""))
    head = [name.strip().lower() for name in next(rows, [])]
    if tuple(head) != COLUMNS:
        found.errors.append(Error(0, COLUMNS_WRONG, ",".join(head)[:80]))
        return found
    seen: set[tuple[str, int, date]] = set()
    try:
        for cells in rows:
            if not cells or not any(cell.strip() for cell in cells):
                continue
            if len(found.balances) >= MOST_LINES:
                found.errors.append(Error(rows.line_num, TOO_LONG))
                break
            row = _line(rows.line_num, cells, today)
            if isinstance(row, Balance):
                same = (row.member, row.points, row.expires_on)
                if same in seen:
                    row = Error(row.no, REPEATED, row.member)
                seen.add(same)
            (found.errors if isinstance(row, Error) else found.balances).append(row)  # type: ignore[arg-type]
    except csv.Error:
        found.errors.append(Error(rows.line_num, FILE_UNREADABLE))
    return found


def _line(no: int, cells: list[str], today: date) -> Balance | Error:
    if len(cells) != len(COLUMNS):
        return Error(no, LINE_WRONG, str(len(cells)))
    member, points, day = (cell.strip() for cell in cells)
    if not member or len(member) > 64:
        return Error(no, MEMBER_MISSING, member[:64])
    if not (points.isascii() and points.isdecimal() and len(points) <= 10 and 1 <= int(points) <= MOST_POINTS):
        return Error(no, POINTS_WRONG, points[:20])
    try:
        on = date.fromisoformat(day)
    except ValueError:
        return Error(no, DAY_WRONG, day[:20])
    if on < today:
        return Error(no, DAY_PAST, day)
    if on.year > today.year + 10:
        return Error(no, DAY_WRONG, day)
    return Balance(no, member, int(points), on)


def _text(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\x00" in text else text
    return None
