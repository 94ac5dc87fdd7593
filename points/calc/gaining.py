"""Can a faked sale gain? A search over the situations that a set of rules tells apart, and over coalitions.

A faked sale: member and shop invent it, the shop pays the rebate, nothing is bought. The points are spent at par
elsewhere. Together, with whoever invited the member and with the service centre, they get back the member's part, the
gifts of others, the promotion credit and the centre's part. The operator is honest: fee and buffer are lost to them.

What is searched is what the rules promise, before the evaluator clips it to the reward credit; stamps and rewards for
inviting promise nothing beyond saved credit, so they are looked at as the evaluator gives them. Every set of rules that
can apply together (merchants, outlets, trades, tiers, hours, periods, first visit, invited or not), every kind of line
alone and all together, whole rounds of stamps on one receipt, and the amounts where something turns: thresholds, caps,
rounding, from one fen to ¥10,000. Several lines of one kind are as one line, so nothing is lost by leaving them out.
Under the bound of G8 no amount at all can gain: member's part + promotion + centre's part ≤ rebate − (fee + buffer),
and others give at most 0.8 of those. The search shows that the arithmetic does what the sentence says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from points.calc import rebate
from points.calc.rules import (
    FACTORS,
    MEMBER,
    REFERRER,
    Answer,
    Card,
    Line,
    Loss,
    Member,
    Prepared,
    Receipt,
    Rule,
    bound_of,
    misses,
)
from points.calc.rules.prepared import SHANGHAI_SECONDS

AMOUNTS = (1, 7, 13, 63, 100, 625, 1_000, 10_000, 100_000, 1_000_000)
OTHER = 10**15
ENDLESS = 10**15
HOUR, WEEK = 3_600, 168 * 3_600
# Monday, 1 January 2024, midnight in Shanghai: where a set without dates is looked at.
EPOCH = 1_704_067_200 - SHANGHAI_SECONDS
MOST_PLACES = 50_000

# Which sets of rules are looked at: all; those that give less than the rebate (too weak: a centre could win); G8.
ANY, LESS_THAN_THE_REBATE, CREDIT = "any", "less_than_the_rebate", "credit"


class _Endless(Mapping[int, int]):
    """Accounts that never run dry: what is promised, not what happens to be left."""

    def __getitem__(self, account: int) -> int:
        return ENDLESS

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Flow(NamedTuple):
    """Who gives how much to whom in one faked sale."""

    source: str
    target: str
    fen: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """A faked sale that gains, with its numbers."""

    coalition: tuple[str, ...]
    rules: tuple[str, ...]
    amount_fen: int
    units: int
    card: Card
    flows: tuple[Flow, ...]
    net_fen: int

    @property
    def net_per_1000_yuan(self) -> int:
        """Fen gained per ¥1,000 of faked sales, rounded down."""
        return self.net_fen * 100_000 // self.amount_fen


class Excess(NamedTuple):
    """A sale on which others promise more than G8 allows."""

    rules: tuple[str, ...]
    amount_fen: int
    promised: int
    bound: int


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found. best: the cycle that gains most, None when none of `admitted` situations does."""

    best: Cycle | None
    excess: Excess | None
    searched: int
    admitted: int
    paying: int
    reached: frozenset[tuple[str, int]]
    is_whole: bool


def gains(
    rules: Iterable[Rule],
    cards: Sequence[Card] | Mapping[int, Card],
    *,
    bound: str = ANY,
    is_promised: bool = True,
    amounts: Sequence[int] | None = None,
    with_centre: Sequence[bool] = (False, True),
    forgets_returns: bool = False,
) -> Search:
    """Search for a coalition and a faked sale that gains.

    cards: terms of merchants; by merchant, a named one is looked at with its own only. bound: which situations are
    admitted. is_promised: look at what is promised, else at what is given. amounts: look
    at these only. forgets_returns: as if gifts were kept when all but one fen is returned (hole H11); the product
    recalculates, so that a returned sale is a smaller one.
    """
    looked_at = list(rules)
    if is_promised:
        free = [rule for rule in looked_at if not rule.draws_on_all_credit]
        looked_at = [replace(rule, loss=Loss("promised", ENDLESS)) for rule in free]
    places, is_whole = _places(looked_at, cards)
    kinds, units = _kinds(looked_at), _units(looked_at)
    state = _State(bound, tuple(with_centre))
    for fitting, receipt, member, terms in places:
        prepared = Prepared(fitting)
        for card, amount in product(terms, amounts or _amounts(fitting)):
            for basket in _baskets(kinds, amount, units):
                answer = prepared.tally(receipt._replace(lines=basket), member, card, _Endless())
                after = answer
                if forgets_returns and amount > 1:
                    rest = (basket[0]._replace(fen=1),)
                    after = prepared.tally(receipt._replace(lines=rest), member, card, _Endless())
                    after = after._replace(grants=answer.grants)
                state.look(after, card, amount, sum(line.units for line in basket), member)
    found = (state.best, state.excess, state.searched, state.admitted, state.paying)
    return Search(*found, frozenset(state.reached), is_whole)


class _State:
    """What the search has seen so far."""

    def __init__(self, bound: str, with_centre: tuple[bool, ...]) -> None:
        self.bound, self.with_centre = bound, with_centre
        self.best: Cycle | None = None
        self.excess: Excess | None = None
        self.searched = self.admitted = self.paying = 0
        self.reached: set[tuple[str, int]] = set()

    def look(self, answer: Answer, card: Card, amount: int, units: int, member: Member) -> None:
        self.reached.update((grant.rule, grant.version) for grant in answer.grants)
        outside = sum(grant.points for grant in answer.grants if grant.is_outside)
        # (What is promised is marked as a loss, so that nothing clips it.)
        if outside > answer.bound and (self.excess is None or outside - answer.bound > self.excess[2] - self.excess[3]):
            names = tuple(grant.rule for grant in answer.grants if grant.is_outside)
            self.excess = Excess(names, amount, outside, answer.bound)
        for has_centre, has_referrer in product(self.with_centre, (False, True) if member.has_referrer else (False,)):
            self.searched += 1
            if not _admits(self.bound, answer, card, outside):
                continue
            self.admitted += 1
            flows = _flows(answer, card, has_centre, has_referrer)
            net = sum(flow.fen if flow.target != "lost" else -flow.fen for flow in flows)
            if net <= 0:
                continue
            self.paying += 1
            parties = ("member", "shop", *(("referrer",) if has_referrer else ()), *(("centre",) if has_centre else ()))
            best = self.best
            if best is None or (net, -len(parties)) > (best.net_fen, -len(best.coalition)):
                names = tuple(grant.rule for grant in answer.grants)
                self.best = Cycle(parties, names, amount, units, card, flows, net)


def _admits(bound: str, answer: Answer, card: Card, outside: int) -> bool:
    if bound == CREDIT:
        return outside <= bound_of(answer.rebate_fen, card)
    if bound == LESS_THAN_THE_REBATE:
        parts = _parts(answer, card)
        return not outside or answer.points + parts.promo + outside < answer.rebate_fen
    return True


def _parts(answer: Answer, card: Card) -> rebate.Parts:
    return rebate.split(
        answer.rest,
        member_bps=card.member_bps,
        fee_bps=card.fee_bps,
        centre_bps=card.centre_bps,
        promo_bps=card.promo_bps,
    )


def _flows(answer: Answer, card: Card, has_centre: bool, has_referrer: bool) -> tuple[Flow, ...]:
    """Return what leaves the coalition (to "lost") and what comes in. The shop's own gifts stay inside."""
    parts = _parts(answer, card)
    flows = [
        Flow("shop", "lost", answer.rebate_fen),
        Flow("rebate", "member", answer.points),
        Flow("rebate", "shop", parts.promo),
    ]
    if has_centre:
        flows.append(Flow("rebate", "centre", parts.centre))
    for grant in answer.grants:
        is_inside = grant.to == MEMBER or has_referrer
        if grant.is_outside and is_inside:
            flows.append(Flow(f"A{grant.payer}", grant.to, grant.points))
        elif not grant.is_outside and not is_inside:
            flows.append(Flow("shop", "lost", grant.points))
    return tuple(flow for flow in flows if flow.fen)


# --- the space ----------------------------------------------------------------------------------

Place = tuple[tuple[Rule, ...], Receipt, Member, tuple[Card, ...]]


def _places(rules: Sequence[Rule], cards: Sequence[Card] | Mapping[int, Card]) -> tuple[list[Place], bool]:
    """Return one situation for each set of rules that can apply together, and whether all of them were looked at."""
    merchants = _values(rules, "merchants") | {rule.payer.merchant for rule in rules if rule.payer.merchant} | {OTHER}
    tiers = _values(rules, "tiers") | {0}
    axes = product(
        sorted(merchants),
        sorted(_values(rules, "outlets") | {OTHER}),
        sorted({trade for rule in rules for trade in rule.scope.trades} | {""}),
        sorted({*tiers, max(tiers) + 1}),
        (False, True) if any(rule.scope.first_visit for rule in rules) else (False,),
        (False, True) if any(rule.effect.to == REFERRER for rule in rules) else (False,),
        _times(rules),
    )
    own = cards if isinstance(cards, Mapping) else {}
    every = tuple(dict.fromkeys(cards.values() if isinstance(cards, Mapping) else cards))
    found: dict[tuple[tuple[tuple[int, bool], ...], tuple[Card, ...]], Place] = {}
    for n, (merchant, outlet, trade, tier, is_first, has_referrer, at) in enumerate(axes):
        if n >= MOST_PLACES:
            return list(found.values()), False
        receipt = Receipt(merchant, outlet, trade, at, ())
        member = Member(tier=tier, is_first_visit=is_first, has_referrer=has_referrer)
        fits = [(i, rule) for i, rule in enumerate(rules) if not misses(rule, receipt, member)]
        terms = (own[merchant],) if merchant in own else every
        key = (tuple((i, rule.is_outside(merchant)) for i, rule in fits), terms)
        found.setdefault(key, (tuple(rule for _i, rule in fits), receipt, member, terms))
    return list(found.values()), True


def _values(rules: Sequence[Rule], name: str) -> set[int]:
    return {value for rule in rules for value in getattr(rule.scope, name)}


def _times(rules: Sequence[Rule]) -> list[int]:
    """Return a time for each period between starts and ends, and in it for each hour of a week that differs."""
    turns = sorted({rule.starts_at or EPOCH for rule in rules} | {rule.ends_at for rule in rules if rule.ends_at})
    turns += [each.until for rule in rules for each in rule.effect.factors]
    times = []
    for start in sorted(set(turns)) or [EPOCH]:
        seen = set()
        for hour in range(168):
            at = start + hour * HOUR
            weekday_hour = (at + SHANGHAI_SECONDS) // HOUR
            weekday, hour_of_day = (weekday_hour // 24 + 3) % 7, weekday_hour % 24
            sign = tuple(
                (not s.weekdays or weekday in s.weekdays, not s.hours or hour_of_day in s.hours)
                for s in (rule.scope for rule in rules)
            )
            if sign not in seen:
                seen.add(sign)
                times.append(at)
    return times


def _kinds(rules: Sequence[Rule]) -> list[tuple[str, str]]:
    """Return (category, product) of one line for each way in which rules tell lines apart."""
    products = {p for rule in rules for p in rule.scope.products | rule.scope.without_products}
    products |= {each.product for rule in rules for each in rule.effect.factors}
    categories = {c for rule in rules for c in rule.scope.categories | rule.scope.without_categories}
    found: dict[tuple[tuple[bool | int, ...], ...], tuple[str, str]] = {}
    for kind in [("", ""), *((c, "") for c in sorted(categories)), *(("", p) for p in sorted(products))]:
        found.setdefault(tuple(_sign(rule, *kind) for rule in rules), kind)
    return list(found.values())


def _sign(rule: Rule, category: str, product_code: str) -> tuple[bool | int, ...]:
    scope = rule.scope
    is_in = not (scope.products or scope.categories) or product_code in scope.products or category in scope.categories
    is_out = product_code in scope.without_products or category in scope.without_categories
    factor = next((each.bps for each in rule.effect.factors if each.product == product_code), 0)
    return (is_in and not is_out, factor if rule.effect.kind == FACTORS else 0)


def _units(rules: Sequence[Rule]) -> int:
    """Return how many units make a whole round of every stamp rule, as far as that is short."""
    return max((rule.scope.stamp_every for rule in rules), default=0) or 1


def _amounts(rules: Sequence[Rule]) -> list[int]:
    turns = set(AMOUNTS)
    for rule in rules:
        least = rule.scope.basket_fen
        turns |= {least - 1, least, least + 1} if least else set()
        if rule.caps.bill is not None and rule.effect.bps:
            corner = rule.caps.bill * 10_000 // rule.effect.bps
            turns |= {corner - 1, corner, corner + 1}
    return sorted(turn for turn in turns if 0 < turn <= AMOUNTS[-1])


def _baskets(kinds: list[tuple[str, str]], amount: int, units: int) -> Iterator[tuple[Line, ...]]:
    """Yield a basket of each kind alone, and one with all of them."""
    for category, product_code in kinds:
        yield (Line(category, product_code, amount, units),)
    if len(kinds) > 1 and amount >= len(kinds):
        each, over = divmod(amount, len(kinds))
        yield tuple(Line(c, p, each + (over if n == 0 else 0), units) for n, (c, p) in enumerate(kinds))
