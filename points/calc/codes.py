"""The member's rotating code: 18 digits that a till can scan or type, worth something for less than a minute.

    6 nnnnnnnnn cccccccc    prefix, number of the pass, HMAC-SHA256(secret, step) mod 10⁸

A step is 30 seconds of Unix time. A code counts in its own step and in the next one, and once.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

STEP_SECONDS = 30
LENGTH = 18
PREFIX = "6"
# Without I, L, O, 0, 1 and their like: read over a counter without mistakes.
MARKS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class Code:
    """What the member's phone shows."""

    digits: str
    valid_from: datetime
    valid_to: datetime
    mark: str


def step_of(at: datetime) -> int:
    return int(at.timestamp()) // STEP_SECONDS


def step_start(step: int) -> datetime:
    return datetime.fromtimestamp(step * STEP_SECONDS, UTC)


def digits_of(number: int, secret: bytes, step: int) -> str:
    """Return the 18 digits of a pass in a step."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), sha256)
    return f"{PREFIX}{number:09d}{int.from_bytes(mac[:8], 'big') % 10**8:08d}"


def read(digits: str) -> int | None:
    """Return the pass number in a code, or None when this is no member code."""
    plain = "".join(digits.split())
    if len(plain) != LENGTH or not plain.isascii() or not plain.isdigit() or not plain.startswith(PREFIX):
        return None
    return int(plain[1:10])


def mark_of(secret: bytes, on: date) -> str:
    """Return the three characters that member and till both see on a day, to know that they mean the same wallet."""
    mac = hmac.digest(secret, b"mark:" + on.isoformat().encode(), sha256)
    return "".join(MARKS[byte % len(MARKS)] for byte in mac[:3])


def code_of(number: int, secret: bytes, step: int, mark: str) -> Code:
    """Return the code of a step; a till takes it for two steps."""
    start = step_start(step)
    return Code(digits_of(number, secret, step), start, start + timedelta(seconds=2 * STEP_SECONDS), mark)
