"""What must not go live: checks of rules, each with a stable code, the rule and a sentence (G1, G5–G8, G10, G20).

A finding refuses unless it only tells (`refuses`). The texts are messages of the catalogue with parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from points.calc.gaining import ANY, CREDIT, LESS_THAN_THE_REBATE, Cycle, Excess, Flow, Search, gains
from points.calc.promises import Promises
from points.calc.rules import FIXED, MULTIPLIER, RATE, REFERRER, Card, Rule
from points.calc.rules.reading import faults
from points.calc.rules.sentences import gettext_noop

__all__ = ["ANY", "CREDIT", "LESS_THAN_THE_REBATE", "SENTENCES", "Cycle", "Excess", "Finding", "Flow", "Search",
           "definition", "gains", "rule_set"]  # fmt: skip

# An agreement's rate lies between 3 % and 20 %; what a merchant's rules add may not lead beyond.
MOST_RATE_BPS = 2_000

SENTENCES = {
    "input_not_allowed": gettext_noop("%(rule)s reads “%(name)s”. Rules read nothing but the purchase and its buyer."),
    "second_level": gettext_noop("%(rule)s: “%(name)s” would reward a second level. There is only one."),
    "point_value": gettext_noop("%(rule)s: “%(name)s” would change a point’s worth: one fen, for ever."),
    "value_not_allowed": gettext_noop("%(rule)s: what stands in “%(name)s” cannot be used there."),
    "evidence_missing": gettext_noop("%(rule)s: a green factor needs its product, evidence and a date."),
    "promise_word": gettext_noop("%(rule)s: its text says “%(name)s”. That promises a return; say it differently."),
    "words_missing": gettext_noop("%(rule)s has no words for members in both languages."),
    "caps_missing": gettext_noop("%(rule)s is paid by others and needs a budget and a limit for each member."),
    "fixed_without_cap": gettext_noop("%(rule)s gives fixed points and needs a limit for each member."),
    "budget_without_payer": gettext_noop("%(rule)s has nobody who pays for it."),
    "versions_overlap": gettext_noop("%(rule)s: versions %(version)s and %(other)s would be in force at once."),
    "rule_unreachable": gettext_noop("%(rule)s can never give anything: what it asks for excludes itself."),
    "rate_beyond_agreement": gettext_noop(
        "%(rule)s: with the agreement’s rate the merchant would give %(bps)s of 10,000; the most is %(most)s."
    ),
    "outside_above_bound": gettext_noop(
        "%(rule)s: on a sale of %(amount)s fen others would give %(promised)s points, the bound is %(bound)s. "
        "Lower it, or name a loss budget."
    ),
    "loss_not_approved": gettext_noop("%(rule)s: its loss budget “%(name)s” has not been approved by two people."),
    "fake_gains": gettext_noop(
        "A faked sale gains: %(parties)s invent %(amount)s fen at %(rate)s of 10,000, pay %(pays)s fen and get back "
        "%(gets)s fen: %(net)s fen for each ¥1,000 (%(rules)s)."
    ),
    "loss_budget_gains": gettext_noop(
        "Fakers can gain %(net)s fen for each ¥1,000 until the loss budgets of %(rules)s are used up: "
        "%(loss)s fen at most. Two people have to want that."
    ),
    "loss_budget": gettext_noop(
        "%(rule)s has the loss budget “%(name)s”: others may give %(fen)s fen beyond the bound of G8. "
        "It takes two people, one who hands it in and another who approves it."
    ),
    "search_not_whole": gettext_noop("There are too many rules at once to search all situations for a faked sale."),
}  # fmt: skip
TELLING = {"loss_budget", "loss_budget_gains"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. facts: the parameters of the sentence."""

    code: str
    rule: str
    facts: tuple[tuple[str, int | str], ...] = ()

    @property
    def refuses(self) -> bool:
        return self.code not in TELLING

    def sentence(self) -> tuple[str, dict[str, int | str]]:
        """Return message and parameters."""
        return SENTENCES[self.code], {"rule": self.rule, **dict(self.facts)}


def definition(code: str, stored: Any, promises: Promises) -> list[Finding]:
    """Return what is wrong with one stored definition: its names, its values, its texts."""
    found = [Finding(fault, code, (("name", name),)) for fault, name in faults(stored)]
    if isinstance(stored, Mapping):
        found += [
            Finding("promise_word", code, (("name", word),)) for text in _texts(stored) for word in promises.found(text)
        ]
    return list(dict.fromkeys(found))


def _texts(part: Any) -> list[str]:
    """Return every text in a definition that somebody may read, wherever it stands."""
    if isinstance(part, str):
        return [part]
    inner = part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ()
    return [text for each in inner for text in _texts(each)]


def rule_set(
    rules: Iterable[Rule],
    cards: Mapping[int, Card],
    promises: Promises,
    *,
    approved_losses: frozenset[tuple[str, int]] = frozenset(),
    at: int = 0,
) -> list[Finding]:
    """Return what is wrong with rules that would be in force together.

    cards: the terms of each merchant (by its float). approved_losses: (code, version) of the rules whose loss budget
    two people have approved or are approving. at: what was over before is not looked at.
    """
    wanted = sorted((rule for rule in rules if rule.ends_at is None or rule.ends_at > at), key=lambda rule: rule.place)
    found = [finding for rule in wanted for finding in _alone(rule, promises, approved_losses)]
    found += _overlaps(wanted)
    found += _rates(wanted, cards)
    found += _gains(wanted, cards)
    return found


def _alone(rule: Rule, promises: Promises, approved: frozenset[tuple[str, int]]) -> list[Finding]:
    caps, found = rule.caps, []
    is_own = rule.payer.merchant and rule.scope.merchants == {rule.payer.merchant}
    has_member_cap = caps.member is not None or caps.member_day is not None
    if rule.payer.account <= 0:
        found.append(Finding("budget_without_payer", rule.code))
    if not is_own and (caps.budget is None or not has_member_cap):
        found.append(Finding("caps_missing", rule.code))
    elif rule.effect.kind == FIXED and not has_member_cap:
        found.append(Finding("fixed_without_cap", rule.code))
    if {language for language, _text in rule.words} != {"zh-hans", "en"}:
        found.append(Finding("words_missing", rule.code))
    for _language, text in rule.words:
        found += [Finding("promise_word", rule.code, (("name", word),)) for word in promises.found(text)]
    if rule.effect.to == REFERRER and rule.effect.kind != FIXED:
        found.append(Finding("second_level", rule.code, (("name", "effect.kind"),)))
    if rule.loss and (rule.code, rule.version) not in approved:
        found.append(Finding("loss_not_approved", rule.code, (("name", rule.loss.name),)))
    return found


def _overlaps(rules: Sequence[Rule]) -> list[Finding]:
    found = []
    for n, one in enumerate(rules):
        for other in rules[n + 1 :]:
            if one.code == other.code and (
                (one.ends_at is None or other.starts_at < one.ends_at)
                and (other.ends_at is None or one.starts_at < other.ends_at)
            ):
                versions = sorted((one.version, other.version))
                found.append(Finding("versions_overlap", one.code, (("version", versions[0]), ("other", versions[1]))))
    return found


def _rates(rules: Sequence[Rule], cards: Mapping[int, Card]) -> list[Finding]:
    """What a merchant's own proportional rules add to its agreement's rate, the largest of each group together."""
    found = []
    for merchant, card in sorted(cards.items()):
        total, names = card.rate_bps, []
        groups: dict[str, int] = {}
        for rule in rules:
            if rule.is_outside(merchant):
                continue
            bps = _rate_of(rule, card)
            if bps and rule.group:
                before = groups.get(rule.group, 0)
                groups[rule.group] = max(before, bps)
                total += groups[rule.group] - before
            else:
                total += bps
            names += [rule.code] if bps else []
        if names and total > MOST_RATE_BPS:
            found.append(Finding("rate_beyond_agreement", ", ".join(names), (("bps", total), ("most", MOST_RATE_BPS))))
    return list(dict.fromkeys(found))


def _rate_of(rule: Rule, card: Card) -> int:
    """Return what a rule gives at most of a sale, in bps, rounded up."""
    effect = rule.effect
    if effect.kind == RATE:
        return effect.bps
    if effect.kind == FIXED:
        return 0
    bps = effect.bps if effect.kind == MULTIPLIER else max((each.bps for each in effect.factors), default=0)
    return -(-card.rate_bps * card.member_bps * bps // 100_000_000)


def _gains(rules: Sequence[Rule], cards: Mapping[int, Card]) -> list[Finding]:
    """Search twice: what is promised without a loss budget, and what is given with everything in force."""
    if not cards or not rules:
        return []
    promised = gains([rule for rule in rules if not rule.loss], cards)
    given = gains(rules, cards, is_promised=False)
    found = []
    if promised.best:
        found.append(_told("fake_gains", promised.best))
    elif promised.excess:
        names, amount, points, bound = promised.excess
        facts = (("amount", amount), ("promised", points), ("bound", bound))
        found.append(Finding("outside_above_bound", ", ".join(names), facts))
    if given.best:
        losses = {rule.code: rule.loss.fen for rule in rules if rule.loss}
        named = [code for code in given.best.rules if code in losses]
        if named:
            lost = (("net", given.best.net_per_1000_yuan), ("rules", ", ".join(named)), ("loss", sum(losses.values())))
            found.append(Finding("loss_budget_gains", ", ".join(named), lost))
        elif not promised.best:
            found.append(_told("fake_gains", given.best))
    if not (promised.is_whole and given.is_whole):
        found.append(Finding("search_not_whole", ", ".join(rule.code for rule in rules)))
    else:
        reached = promised.reached | given.reached
        found += [Finding("rule_unreachable", rule.code) for rule in rules if (rule.code, rule.version) not in reached]
    return found


def _told(code: str, cycle: Cycle) -> Finding:
    pays = sum(flow.fen for flow in cycle.flows if flow.target == "lost")
    facts = (
        ("parties", ", ".join(cycle.coalition)),
        ("amount", cycle.amount_fen),
        ("rate", cycle.card.rate_bps),
        ("pays", pays),
        ("gets", pays + cycle.net_fen),
        ("net", cycle.net_per_1000_yuan),
        ("rules", ", ".join(cycle.rules)),
    )
    return Finding(code, ", ".join(cycle.rules), facts)
