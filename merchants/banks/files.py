"""What every adapter takes and gives: payments to be made, a statement, and what is wrong with a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Header:
    """Whose file it is: the account that pays, the run, the day."""

    run_no: int
    day: date
    bank: str
    account: str
    # In whose name the account is; empty when nobody said.
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    code: str
    number: str
    holder: str
    bank_name: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a statement: above zero it came in, below zero it went out."""

    line: int
    serial: str
    value_on: date
    amount_fen: int
    payer: str
    memo: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line (0: with the file): a stable code and what stands there, cut short."""

    line: int
    code: str
    value: str = ""


@dataclass(slots=True)
class Statement:
    account: str = ""
    opening_fen: int | None = None
    closing_fen: int | None = None
    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
