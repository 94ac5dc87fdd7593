"""A back-test: past receipts carried through two sets of rules side by side, in the order in which they were booked.

Budgets and limits of a day belong to all members at once, so there is one pass in order of time; what is kept between
two receipts is a number for each wallet and limited rule, nothing of the receipts themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from points.calc.rules import FIXED, Answer, Card, Line, Member, Prepared, Receipt, Rule, Used
from points.calc.rules.prepared import SHANGHAI_SECONDS

# What the paying accounts hold limits nothing here: a back-test shows what a rule would have needed.
PLENTY = 10**15
EPOCH = date(1970, 1, 1).toordinal()
MERCHANT, TIER, TRADE, PAYER, RULE, DAY = PARTS = ("merchant", "tier", "trade", "payer", "rule", "day")


class Sold(NamedTuple):
    """A receipt of the past, its buyer and the terms of that time."""

    wallet: int
    tier: int
    is_first_visit: bool
    receipt: Receipt
    card: Card


class Figures(NamedTuple):
    """What one merchant, tier, trade, payer, rule or day comes to. touched: receipts on which the gifts differ.

    before, after: points given on top of the base by the rules in force and with the draft; own: the part of them that
    the merchant who sold pays. better, worse: members (of a tier).
    """

    receipts: int = 0
    touched: int = 0
    before: int = 0
    after: int = 0
    own_before: int = 0
    own_after: int = 0
    better: int = 0
    worse: int = 0


def day_of(at: int) -> int:
    """Return the day in Shanghai, as a count of days."""
    return (at + SHANGHAI_SECONDS) // 86_400


def iso(day: int) -> str:
    return date.fromordinal(EPOCH + day).isoformat()


def staying(lines: Sequence[Line], eligible_fen: int) -> tuple[Line, ...]:
    """Return the lines with what was paid for them in money and was not given back: together what earned points."""
    whole = sum(line.fen for line in lines if line.is_eligible)
    if not whole:
        return (Line("", "", eligible_fen),)
    if whole == eligible_fen:
        return tuple(lines)
    found, seen, given = [], 0, 0
    for line in lines:
        if not line.is_eligible:
            found.append(line)
            continue
        seen += line.fen
        part = seen * eligible_fen // whole - given
        given += part
        found.append(line._replace(fen=part))
    return tuple(found)


class _Counter:
    """What one rule has given so far; members are counted only where a limit reads them."""

    __slots__ = ("budget", "days", "has_day", "has_member", "has_member_day", "member_days", "members")

    def __init__(self, rule: Rule) -> None:
        self.has_member, self.has_member_day = rule.caps.member is not None, rule.caps.member_day is not None
        self.has_day = rule.caps.day is not None
        self.budget = 0
        self.days: dict[int, int] = {}
        self.members: dict[int, int] = {}
        self.member_days: dict[int, tuple[int, int]] = {}

    def used(self, wallet: int, day: int) -> Used:
        on, points = self.member_days.get(wallet, (day, 0))
        return Used(self.members.get(wallet, 0), points if on >= day else 0, self.days.get(day, 0), self.budget)

    def add(self, wallet: int, day: int, points: int) -> None:
        self.budget += points
        if self.has_day:
            self.days[day] = self.days.get(day, 0) + points
        if self.has_member:
            self.members[wallet] = self.members.get(wallet, 0) + points
        if self.has_member_day:
            # A receipt that arrives late counts on the member's newest day.
            on, before = self.member_days.get(wallet, (day, 0))
            self.member_days[wallet] = (max(on, day), points + (before if on >= day else 0))


class _Seen(Mapping[str, Used]):
    """The counters of all rules as one member of one day sees them; made once, pointed at each receipt."""

    __slots__ = ("counters", "day", "wallet")

    def __init__(self, counters: dict[str, _Counter]) -> None:
        self.counters, self.wallet, self.day = counters, 0, 0

    def __getitem__(self, code: str) -> Used:
        return self.counters[code].used(self.wallet, self.day)

    def __iter__(self) -> Iterator[str]:
        return iter(self.counters)

    def __len__(self) -> int:
        return len(self.counters)


class _Stamps(Mapping[str, int]):
    """The stamps of all rules as one member has them."""

    __slots__ = ("held", "wallet")

    def __init__(self, codes: Iterable[str]) -> None:
        self.held: dict[str, dict[int, int]] = {code: {} for code in codes}
        self.wallet = 0

    def __getitem__(self, code: str) -> int:
        return self.held[code].get(self.wallet, 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)


class Course:
    """One set of rules on its way through the receipts: as if it had been in force from the first to the last."""

    def __init__(self, rules: Iterable[Rule], balances: Mapping[int, int]) -> None:
        self.rules = {rule.code: replace(rule, starts_at=0, ends_at=None) for rule in rules}
        self._set = Prepared(self.rules.values())
        self._left = {rule.payer.account: PLENTY for rule in self.rules.values()}
        self._counters = {code: _Counter(rule) for code, rule in self.rules.items()}
        self._seen = _Seen(self._counters)
        self._stamps = _Stamps(code for code, rule in self.rules.items() if rule.scope.stamp_every)
        # Saved credit matters only to what may draw on all of it.
        self._saves = any(rule.draws_on_all_credit for rule in self.rules.values())
        self._credit: dict[int, int] = {}
        self._balances = balances
        self.spent: dict[int, int] = {}
        # The day on which a rule's budget was used up, on which an account would have been empty.
        self.used_up: dict[str, int] = {}
        self.empty: dict[int, int] = {}

    def take(self, sold: Sold) -> Answer:
        """Evaluate one receipt and count what it gave."""
        wallet, day = sold.wallet, day_of(sold.receipt.at)
        self._seen.wallet, self._seen.day = wallet, day
        self._stamps.wallet = wallet
        credit = self._credit.get(wallet, 0) if self._saves else 0
        member = Member(sold.tier, sold.is_first_visit, False, credit, self._stamps, self._seen)
        answer = self._set.tally(sold.receipt, member, sold.card, self._left)
        if self._saves:
            self._credit[wallet] = answer.credit
        for grant in answer.grants:
            self._counters[grant.rule].add(wallet, day, grant.points)
            self._spend(grant.rule, grant.payer, grant.points, day)
        if self._stamps.held:
            for code, units in self._set.stamps(sold.receipt, member):
                self._stamps.held[code][wallet] = self._stamps[code] + units
        return answer

    def _spend(self, code: str, payer: int, points: int, day: int) -> None:
        spent = self.spent[payer] = self.spent.get(payer, 0) + points
        if payer in self._balances and spent > self._balances[payer] and payer not in self.empty:
            self.empty[payer] = day
        if code not in self.used_up:
            rule = self.rules[code]
            limits = [most for most in (rule.caps.budget, rule.loss.fen if rule.loss else None) if most is not None]
            least = rule.effect.points if rule.effect.kind == FIXED else 1
            if limits and min(limits) - self._counters[code].budget < least:
                self.used_up[code] = day


class Comparison:
    """The rules in force and the rules with a draft in its place, over the same receipts."""

    def __init__(self, before: Iterable[Rule], after: Iterable[Rule], balances: Mapping[int, int]) -> None:
        self.before, self.after = Course(before, balances), Course(after, balances)
        self.receipts = self.touched = self.points_before = self.points_after = 0
        self._parts: dict[tuple[str, str], list[int]] = {}
        # Difference by wallet, of each tier.
        self._members: dict[int, dict[int, int]] = {}

    @property
    def needs_lines(self) -> bool:
        """Whether any rule looks into a receipt: only then are lines worth reading."""
        return any(
            rule.effect.factors or scope.categories or scope.products or scope.without_categories
            or scope.without_products or scope.stamp_every
            for course in (self.before, self.after) for rule in course.rules.values() for scope in (rule.scope,)
        )  # fmt: skip

    def first_visits(self) -> frozenset[int] | None:
        """Return the merchants whose first visits matter; empty: none, None: all."""
        rules = [rule for course in (self.before, self.after) for rule in course.rules.values()]
        asked = [rule.scope.merchants for rule in rules if rule.scope.first_visit]
        return None if any(not merchants for merchants in asked) else frozenset().union(*asked)

    def take(self, sold: Sold) -> None:
        merchant = sold.receipt.merchant
        old, new = self.before.take(sold).grants, self.after.take(sold).grants
        before = own_before = after = own_after = 0
        for grant in old:
            before += grant.points
            own_before += 0 if grant.is_outside else grant.points
        for grant in new:
            after += grant.points
            own_after += 0 if grant.is_outside else grant.points
        touched = int(old != new and _paid(old) != _paid(new))
        self.receipts += 1
        self.touched += touched
        self.points_before += before
        self.points_after += after
        for part, key in (
            (MERCHANT, str(merchant)),
            (TIER, str(sold.tier)),
            (TRADE, sold.receipt.trade),
            (DAY, iso(day_of(sold.receipt.at))),
        ):
            row = self._row(part, key)
            row[0] += 1
            if before or after:
                row[1] += touched
                row[2] += before
                row[3] += after
                row[4] += own_before
                row[5] += own_after
        for place, grants in ((2, old), (3, new)):
            for grant in grants:
                for part, key in ((PAYER, str(grant.payer)), (RULE, grant.rule)):
                    row = self._row(part, key)
                    row[place] += grant.points
                    # Receipts on which it gives with the draft.
                    row[0] += place == 3
                    row[1] += touched and place == 3
        if before != after:
            members = self._members.setdefault(sold.tier, {})
            members[sold.wallet] = members.get(sold.wallet, 0) + after - before

    def figures(self) -> Iterator[tuple[str, str, Figures]]:
        """Yield what everything came to: part, key, figures."""
        for (part, key), row in sorted(self._parts.items()):
            better = worse = 0
            if part == TIER:
                moved = self._members.get(int(key), {}).values()
                better, worse = sum(each > 0 for each in moved), sum(each < 0 for each in moved)
            yield part, key, Figures(*row)._replace(better=better, worse=worse)

    def members(self) -> tuple[int, int]:
        """Return how many members get more and how many get less."""
        moved = [each for members in self._members.values() for each in members.values()]
        return sum(each > 0 for each in moved), sum(each < 0 for each in moved)

    def _row(self, part: str, key: str) -> list[int]:
        row = self._parts.get((part, key))
        if row is None:
            row = self._parts[part, key] = [0, 0, 0, 0, 0, 0]
        return row


def _paid(grants: Sequence[tuple[object, ...]]) -> list[object]:
    """Return who gives how much by which rule, whatever the version is called."""
    return [(grant[0], *grant[2:5]) for grant in grants]
