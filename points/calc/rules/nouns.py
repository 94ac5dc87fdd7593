"""What a rule is, and what it reads. Frozen, integers and texts only: 1 point = 1 fen, rates in 1/10,000.

Accounts are the numbers of the book; a merchant is the number of its float. Times are Unix seconds; hours and weekdays
are Shanghai's, which has had no summer time since 1991.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

NONE: frozenset[str] = frozenset()
NO_NUMBER: frozenset[int] = frozenset()

MULTIPLIER, FIXED, RATE, FACTORS = "multiplier", "fixed", "rate", "factors"
EFFECTS = (MULTIPLIER, FIXED, RATE, FACTORS)
MEMBER, REFERRER = "member", "referrer"


@dataclass(frozen=True, slots=True)
class Scope:
    """When a rule applies. An empty set means: any."""

    trades: frozenset[str] = NONE
    merchants: frozenset[int] = NO_NUMBER
    outlets: frozenset[int] = NO_NUMBER
    categories: frozenset[str] = NONE
    products: frozenset[str] = NONE
    tiers: frozenset[int] = NO_NUMBER
    # 0 = Monday.
    weekdays: frozenset[int] = NO_NUMBER
    # 18 = from 18:00 until before 19:00.
    hours: frozenset[int] = NO_NUMBER
    first_visit: bool = False
    # Least amount of the lines in scope.
    basket_fen: int = 0
    # 10 = each tenth unit of the lines in scope.
    stamp_every: int = 0
    # Exclusions win over everything above.
    without_categories: frozenset[str] = NONE
    without_products: frozenset[str] = NONE
    without_merchants: frozenset[int] = NO_NUMBER
    without_outlets: frozenset[int] = NO_NUMBER


@dataclass(frozen=True, slots=True)
class Factor:
    """The green factor of a product: a part of its base points on top, as long as its evidence is valid."""

    product: str
    bps: int
    evidence: str
    until: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule gives, on top of the base points. Everything proportional is rounded down, once per rule.

    multiplier: bps of the base points that the lines in scope earn (10,000 = double points). rate: bps of the amount of
    the lines in scope. factors: a multiplier of its own for each product. fixed: so many points, whole or not at all.
    """

    kind: str
    bps: int = 0
    points: int = 0
    factors: tuple[Factor, ...] = ()
    # The member who buys, or whoever invited this member; nobody else can be named (G1).
    to: str = MEMBER


@dataclass(frozen=True, slots=True)
class Payer:
    """The account that pays. merchant: the float of the merchant whose money it is, 0 for the operator's."""

    account: int
    merchant: int = 0


@dataclass(frozen=True, slots=True)
class Caps:
    """The most points that a rule gives; None = no limit."""

    bill: int | None = None
    member_day: int | None = None
    member: int | None = None
    day: int | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """A named loss budget: so much may be lost to fakers, decided by two people (G8)."""

    name: str
    fen: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule, in force from a time to a time (half-open)."""

    code: str
    version: int
    effect: Effect
    payer: Payer
    scope: Scope = Scope()
    caps: Caps = Caps()
    # Of the rules of one group at most one gives something: the first in stacking order that can.
    group: str = ""
    priority: int = 100
    starts_at: int = 0
    ends_at: int | None = None
    loss: Loss | None = None
    # (language, what the member reads)
    words: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> tuple[int, str, int]:
        """The stacking order: priority, then code; of two versions at once the newer one first."""
        return (self.priority, self.code, -self.version)

    @property
    def draws_on_all_credit(self) -> bool:
        """Stamps and rewards for inviting reward purchases of the past too: they may draw on all of the credit that
        the buyer has saved; every other gift of a sale lives on this sale's part alone (money.md, row 26)."""
        return self.scope.stamp_every > 0 or self.effect.to == REFERRER

    def is_outside(self, merchant: int) -> bool:
        """Return whether somebody else than the merchant who sells pays: then G8 binds."""
        return self.payer.merchant != merchant or not self.payer.merchant


@dataclass(frozen=True, slots=True)
class Card:
    """The terms in force at a merchant: the rebate and its shares, what is left goes to the buffer."""

    rate_bps: int
    member_bps: int = 6_250
    fee_bps: int = 1_875
    centre_bps: int = 1_250
    promo_bps: int = 0

    @property
    def kept_bps(self) -> int:
        """Operator's fee and buffer, as a share of the rebate: what no coalition of others can get back."""
        return 10_000 - self.member_bps - self.centre_bps - self.promo_bps


class Line(NamedTuple):
    """A line of a receipt. fen: what was paid for it in money, in whole or in part."""

    category: str
    product: str
    fen: int
    units: int = 1
    is_eligible: bool = True


class Receipt(NamedTuple):
    """What was bought, where and when."""

    merchant: int
    outlet: int
    trade: str
    at: int
    lines: tuple[Line, ...]


class Used(NamedTuple):
    """Points that a rule has given before this receipt: to this member (in all, today), to all (today, in all)."""

    member: int = 0
    member_day: int = 0
    day: int = 0
    budget: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """What is known of the buyer. credit: reward credit that is unused before this receipt (G8)."""

    tier: int = 0
    is_first_visit: bool = False
    has_referrer: bool = False
    credit: int = 0
    # Units bought so far and points used so far, by the rule's code.
    stamps: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, Used] = field(default_factory=dict)


class Grant(NamedTuple):
    """Points of one rule from one payer."""

    rule: str
    version: int
    payer: int
    points: int
    to: str
    is_outside: bool
    is_loss: bool


class Step(NamedTuple):
    """One line of the trace: a rule, what became of it, and the figures that decided it.

    `verdict` and `limit` are codes; points/calc/rules/sentences.py has the sentence of each.
    """

    rule: str
    version: int
    verdict: str
    points: int
    limit: str
    inputs: tuple[tuple[str, int | str], ...]


class Answer(NamedTuple):
    """What a receipt comes to. bound: most of this sale's gifts by others; credit: what is unused afterwards."""

    eligible_fen: int
    rebate_fen: int
    points: int
    rest: int
    grants: tuple[Grant, ...]
    bound: int
    credit: int
    trace: tuple[Step, ...]
