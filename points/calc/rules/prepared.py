"""The evaluation of receipts by a set of rules: prepared once, the same for till, quote, batch and back-test.

    prepared = Prepared(rules)
    prepared.evaluate(receipt, member, card, left)      with a trace of every rule
    prepared.tally(receipt, member, card, left)         the same figures without the trace, fast

Stacking (docs/rules.md): the base first; then the rules by priority and code, whatever the order of the rows. Every
rule reckons from the base alone, never from another rule's points, so the order matters only where two rules meet at
one limit: a group, a budget, the reward credit.

`tally` looks only at rules whose merchant, outlet, trade, tier, hour and period fit, remembered by combination; whether
they fit is decided by `misses` in both.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from points.calc import rebate
from points.calc.rules.nouns import (
    FACTORS,
    FIXED,
    MULTIPLIER,
    REFERRER,
    Answer,
    Card,
    Grant,
    Member,
    Receipt,
    Rule,
    Step,
    Used,
)

SHANGHAI_SECONDS = 8 * 3_600
# 1 January 1970 was a Thursday.
FIRST_WEEKDAY = 3
# Gifts by others: at most 8/10 of the operator's fee and buffer; the other 2/10 stand behind advances (money.md, H8).
CREDIT_TENTHS = 8
# Combinations of place, tier and hour remembered; a set that has more starts again.
MOST_REMEMBERED = 65_536
UNUSED = Used()
NOTHING: Mapping[int, int] = {}
Inputs = tuple[tuple[str, int | str], ...]


def hour_of(at: int) -> tuple[int, int]:
    """Return weekday (0 = Monday) and hour in Shanghai."""
    hours = (at + SHANGHAI_SECONDS) // 3_600
    return (hours // 24 + FIRST_WEEKDAY) % 7, hours % 24


def bound_of(rebate_fen: int, card: Card) -> int:
    """Return the most that others may give on a sale: 0.8 × (fee + buffer), both rounded down."""
    return rebate_fen * card.kept_bps // 10_000 * CREDIT_TENTHS // 10


def misses(rule: Rule, receipt: Receipt, member: Member) -> str:
    """Return why a rule does not fit this place, time and member; empty when it does."""
    scope = rule.scope
    weekday, hour = hour_of(receipt.at)
    fits = (
        ("not_yet", receipt.at >= rule.starts_at),
        ("over", rule.ends_at is None or receipt.at < rule.ends_at),
        ("other_trade", not scope.trades or receipt.trade in scope.trades),
        ("other_merchant", not scope.merchants or receipt.merchant in scope.merchants),
        ("other_merchant", receipt.merchant not in scope.without_merchants),
        ("other_outlet", not scope.outlets or receipt.outlet in scope.outlets),
        ("other_outlet", receipt.outlet not in scope.without_outlets),
        ("other_tier", not scope.tiers or member.tier in scope.tiers),
        ("other_day", not scope.weekdays or weekday in scope.weekdays),
        ("other_hour", not scope.hours or hour in scope.hours),
        ("not_first_visit", not scope.first_visit or member.is_first_visit),
        ("no_referrer", rule.effect.to != REFERRER or member.has_referrer),
    )
    return next((why for why, is_so in fits if not is_so), "")


class _Plan:
    """A rule, taken apart for speed."""

    __slots__ = (
        "account", "bps", "categories", "every", "factors", "fixed", "group", "has_lines", "is_loss",
        "is_multiplier", "is_saved", "is_stamp", "least", "limits", "merchant", "no_categories", "no_products",
        "products", "rule", "to",
    )  # fmt: skip

    def __init__(self, rule: Rule) -> None:
        scope, effect = rule.scope, rule.effect
        self.rule, self.to, self.group = rule, effect.to, rule.group
        self.account, self.merchant = rule.payer.account, rule.payer.merchant
        self.least = max(scope.basket_fen, 1)
        self.every, self.is_stamp = scope.stamp_every, scope.stamp_every > 0
        self.is_saved = rule.draws_on_all_credit
        self.bps, self.is_multiplier = effect.bps, effect.kind == MULTIPLIER
        self.fixed = effect.points if effect.kind == FIXED else 0
        self.factors = {each.product: each for each in effect.factors} if effect.kind == FACTORS else None
        self.is_loss = rule.loss is not None
        self.categories, self.products = scope.categories, scope.products
        self.no_categories, self.no_products = scope.without_categories, scope.without_products
        self.has_lines = bool(self.categories or self.products or self.no_categories or self.no_products)
        caps, used = rule.caps, Used._fields.index
        limits = (
            ("bill", caps.bill, -1),
            ("member_day", caps.member_day, used("member_day")),
            ("member", caps.member, used("member")),
            ("day", caps.day, used("day")),
            ("budget", caps.budget, used("budget")),
            ("loss", rule.loss.fen if rule.loss else None, used("budget")),
        )
        # (name, most, place in Used of what was used before)
        self.limits = tuple((name, most, place) for name, most, place in limits if most is not None)

    def lines(self, receipt: Receipt) -> tuple[int, int]:
        """Return amount and units of the eligible lines in scope."""
        fen = units = 0
        categories, products, is_any = self.categories, self.products, not (self.categories or self.products)
        for category, product, line_fen, line_units, is_eligible in receipt.lines:
            if (
                is_eligible
                and (is_any or product in products or category in categories)
                and product not in self.no_products
                and category not in self.no_categories
            ):
                fen += line_fen
                units += line_units
        return fen, units

    def weighed(self, receipt: Receipt) -> int:
        """Return Σ amount × bps of the lines whose product has a factor with valid evidence."""
        factors, total = self.factors or {}, 0
        for category, product, fen, _units, is_eligible in receipt.lines:
            factor = factors.get(product)
            is_out = product in self.no_products or category in self.no_categories
            if factor is not None and is_eligible and receipt.at < factor.until and not is_out:
                total += fen * factor.bps
        return total


class _Bill:
    """What is left of the limits while the rules of one receipt are gone through."""

    __slots__ = ("credit", "drawn", "eligible", "points", "room", "taken")

    def __init__(self, eligible: int, points: int, room: int, credit: int) -> None:
        self.eligible, self.points, self.room, self.credit = eligible, points, room, credit
        self.taken: set[str] = set()
        self.drawn: dict[int, int] = {}


class Prepared:
    """A set of rules, ready to evaluate receipts. It keeps nothing of them."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.place))
        self._plans = tuple(_Plan(rule) for rule in self.rules)
        scopes = [rule.scope for rule in self.rules]
        self._merchants = frozenset().union(*(s.merchants | s.without_merchants for s in scopes))
        self._outlets = frozenset().union(*(s.outlets | s.without_outlets for s in scopes))
        self._trades = frozenset().union(*(s.trades for s in scopes))
        self._has_hours = any(s.hours or s.weekdays for s in scopes)
        ends = {rule.starts_at for rule in self.rules} | {rule.ends_at for rule in self.rules if rule.ends_at}
        self._turns = sorted(ends)
        self._known: dict[tuple[int | str | bool, ...], tuple[_Plan, ...]] = {}

    def evaluate(self, receipt: Receipt, member: Member, card: Card, left: Mapping[int, int] = NOTHING) -> Answer:
        """Return what the receipt comes to, with one step of trace for the base and for every rule.

        left: points in the accounts that pay. An account of others that is not named has nothing; the merchant's own
        is checked where it is booked.
        """
        steps: list[Step] = []
        fitting = []
        why: dict[int, str] = {}
        for plan in self._plans:
            if missed := misses(plan.rule, receipt, member):
                why[id(plan)] = missed
            else:
                fitting.append(plan)
        answer = _go(fitting, receipt, member, card, left, steps)
        told = iter(steps)
        of_rules = (
            _missed(plan.rule, why[id(plan)], receipt, member) if id(plan) in why else next(told)
            for plan in self._plans
        )
        return answer._replace(trace=(_base(answer, card), *of_rules))

    def tally(self, receipt: Receipt, member: Member, card: Card, left: Mapping[int, int] = NOTHING) -> Answer:
        """Return the same as `evaluate`, without the trace."""
        return _go(self._fitting(receipt, member), receipt, member, card, left, None)

    def stamps(self, receipt: Receipt, member: Member) -> list[tuple[str, int]]:
        """Return the stamps that a receipt brings: (code, units) of each stamp rule that fits, from its threshold on.

        They count whether or not the rule could give something this time.
        """
        found = []
        for plan in self._fitting(receipt, member):
            if plan.is_stamp:
                fen, units = plan.lines(receipt)
                if fen >= plan.least and units:
                    found.append((plan.rule.code, units))
        return found

    def _fitting(self, receipt: Receipt, member: Member) -> tuple[_Plan, ...]:
        """Return the rules that fit, in order: remembered by what the set reads of place, tier and time."""
        at = receipt.at
        key = (
            receipt.merchant if receipt.merchant in self._merchants else 0,
            receipt.outlet if receipt.outlet in self._outlets else 0,
            receipt.trade if receipt.trade in self._trades else "",
            (at + SHANGHAI_SECONDS) // 3_600 % 168 if self._has_hours else 0,
            bisect_right(self._turns, at),
            member.tier,
            member.is_first_visit,
            member.has_referrer,
        )
        plans = self._known.get(key)
        if plans is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            plans = tuple(plan for plan in self._plans if not misses(plan.rule, receipt, member))
            self._known[key] = plans
        return plans


def _go(
    plans: Iterable[_Plan],
    receipt: Receipt,
    member: Member,
    card: Card,
    left: Mapping[int, int],
    steps: list[Step] | None,
) -> Answer:
    """Go through the rules that fit, in order."""
    eligible = 0
    for line in receipt.lines:
        if line[4]:
            eligible += line[2]
    whole = rebate.rebate(eligible, card.rate_bps)
    points = rebate.member_part(whole, card.member_bps)
    bound = bound_of(whole, card)
    bill = _Bill(eligible, points, bound, member.credit + bound)
    grants: list[Grant] = []
    for plan in plans:
        asked, verdict = _amount(plan, receipt, member, bill)
        amount, limit = asked, ""
        if asked:
            is_outside = plan.merchant != receipt.merchant or not plan.merchant
            amount, limit = _limited(plan, asked, is_outside, member, bill, left)
            if amount < asked and plan.fixed:
                amount = 0
            if amount:
                _take(plan, amount, is_outside, bill)
                rule = plan.rule
                grants.append(Grant(rule.code, rule.version, plan.account, amount, plan.to, is_outside, plan.is_loss))
            verdict = "applied" if amount == asked else "clipped" if amount else "refused"
        if steps is not None:
            inputs = _inputs(plan, receipt, member, bill, asked)
            steps.append(Step(plan.rule.code, plan.rule.version, verdict, amount, limit, inputs))
    return Answer(eligible, whole, points, whole - points, tuple(grants), bound, bill.credit, ())


def _amount(plan: _Plan, receipt: Receipt, member: Member, bill: _Bill) -> tuple[int, str]:
    """Return what a rule would give if nothing limited it, or why it gives nothing."""
    if plan.group and plan.group in bill.taken:
        return 0, "group_taken"
    if plan.factors is not None:
        weighed = plan.weighed(receipt)
        amount = bill.points * weighed // (bill.eligible * 10_000) if weighed and bill.eligible else 0
        return amount, "rounds_to_nothing" if weighed else "no_evidence"
    if plan.has_lines or plan.is_stamp:
        fen, units = plan.lines(receipt)
    else:
        fen, units = bill.eligible, 0
    if fen < plan.least:
        return 0, "below_threshold" if fen else "no_line"
    if plan.fixed:
        if not plan.is_stamp:
            return plan.fixed, ""
        before = member.stamps.get(plan.rule.code, 0)
        return plan.fixed * ((before + units) // plan.every - before // plan.every), "stamps_missing"
    if plan.is_multiplier:
        return bill.points * fen * plan.bps // (bill.eligible * 10_000), "rounds_to_nothing"
    return fen * plan.bps // 10_000, "rounds_to_nothing"


def _inputs(plan: _Plan, receipt: Receipt, member: Member, bill: _Bill, asked: int) -> Inputs:
    """Return the figures that decided, for the trace."""
    more: Inputs
    if plan.factors is not None:
        more = (("weighed", plan.weighed(receipt)), ("base", bill.points))
    else:
        fen, units = plan.lines(receipt)
        more = (("fen", fen), ("least", plan.least))
        if plan.is_stamp:
            before = member.stamps.get(plan.rule.code, 0)
            more = (*more, ("before", before), ("units", units), ("every", plan.every))
        elif not plan.fixed:
            more = (*more, ("bps", plan.bps), ("base", bill.points))
    return (*more, ("asked", asked))


def _limited(
    plan: _Plan, amount: int, is_outside: bool, member: Member, bill: _Bill, left: Mapping[int, int]
) -> tuple[int, str]:
    """Return what the limits leave of an amount, and the name of the one that bound."""
    limit = ""
    if plan.limits:
        used = member.used.get(plan.rule.code, UNUSED)
        for name, most, which in plan.limits:
            rest = most - (used[which] if which >= 0 else 0)
            if amount > rest:
                amount, limit = max(rest, 0), name
    account = plan.account
    funds = left.get(account, 0 if is_outside else None)
    if funds is not None and amount > funds - bill.drawn.get(account, 0):
        amount, limit = max(funds - bill.drawn.get(account, 0), 0), "account"
    if is_outside and not plan.is_loss:
        room = bill.credit if plan.is_saved else min(bill.room, bill.credit)
        if amount > room:
            amount, limit = max(room, 0), "credit"
    return amount, limit


def _take(plan: _Plan, amount: int, is_outside: bool, bill: _Bill) -> None:
    if plan.group:
        bill.taken.add(plan.group)
    bill.drawn[plan.account] = bill.drawn.get(plan.account, 0) + amount
    if is_outside and not plan.is_loss:
        bill.credit -= amount
        if not plan.is_saved:
            bill.room -= amount


def _base(answer: Answer, card: Card) -> Step:
    inputs = (
        ("fen", answer.eligible_fen),
        ("rate_bps", card.rate_bps),
        ("rebate", answer.rebate_fen),
        ("member_bps", card.member_bps),
        ("bound", answer.bound),
    )
    return Step("", 0, "base", answer.points, "", inputs)


def _missed(rule: Rule, why: str, receipt: Receipt, member: Member) -> Step:
    weekday, hour = hour_of(receipt.at)
    inputs: dict[str, tuple[str, int | str]] = {
        "not_yet": ("starts_at", rule.starts_at),
        "over": ("ends_at", rule.ends_at or 0),
        "other_trade": ("trade", receipt.trade),
        "other_merchant": ("merchant", receipt.merchant),
        "other_outlet": ("outlet", receipt.outlet),
        "other_tier": ("tier", member.tier),
        "other_day": ("weekday", weekday),
        "other_hour": ("hour", hour),
    }
    found = inputs.get(why)
    return Step(rule.code, rule.version, why, 0, "", (found,) if found else ())
