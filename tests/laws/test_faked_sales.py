"""Red team: a shop owner and friends fake sales under rules, with the real verbs.

Under every set of rules that the linter lets through they lose; of a set that it refuses it shows the cycle, and played by
the real verbs without the bound of gifts the cycle brings exactly what the linter says. The whole space is searched by
sums alone in tests/points/test_rule_lint.py (faked_sales.json); this is a sample of it (LAW_SEED), down to the bank.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from alliance.refusals import Refused
from points import rollup, rules, verify
from points.calc import lint
from points.calc.gaining import Cycle, gains
from points.calc.rules import Card, Rule, prepared
from tests.laws.colluders import START, Colluders, weaken
from tests.points.test_rules import SOON, Make, budget, draft, people  # noqa: F401

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]

SEED = int(os.environ.get("LAW_SEED", "1"))
AMOUNTS = (100, 5_000, 31_250, 100_000)
RATES, PROMOS = (300, 500, 800, 1_200, 2_000), (0, 500, 1_500)
Gift = tuple[dict[str, Any], dict[str, Any]]
FITTING: list[list[Gift]] = [
    [({"kind": "rate", "bps": 50}, {})],
    [({"kind": "multiplier", "bps": 3_000}, {})],
    [({"kind": "fixed", "points": 50}, {"basket_fen": 31_250})],
    [({"kind": "fixed", "points": 500}, {"stamp_every": 3})],
    [({"kind": "fixed", "points": 20}, {"first_visit": True, "basket_fen": 31_250}), ({"kind": "rate", "bps": 30}, {})],
]
PAYING: list[list[Gift]] = [
    [({"kind": "rate", "bps": 400}, {})],
    [({"kind": "fixed", "points": 500}, {})],
    [({"kind": "multiplier", "bps": 8_000}, {}), ({"kind": "fixed", "points": 50}, {})],
]


def put_in_force(they: Colluders, gifts: Sequence[Gift]) -> tuple[list[Rule], Mapping[int, Card]]:
    """Write rules straight into the book, past all approvals; return them with the agreements they meet."""
    for n, (effect, scope) in enumerate(gifts):
        they.gift(effect, 0, 1, code=f"gift{n}", **scope)
    cards = {shop.merchant.float_id: rules.card_of(shop.terms) for shop in they.shops}
    return list(rules.rule_set_in_force(START).rules), cards


def refusals(found: Sequence[lint.Finding]) -> list[str]:
    return [finding.code for finding in found if finding.refuses]


def cases(sets: list[list[Gift]], n: int) -> list[tuple[int, int, int]]:
    """Return so many of all rates, promotion parts and sets, each set at least once."""
    draw = random.Random(SEED)
    return [(draw.choice(RATES), draw.choice(PROMOS), i % len(sets)) for i in range(n)]


def fake_and_spend(they: Colluders, fen: int) -> int:
    """Pay for one faked sale, spend what it brings, wait for all parts; return what the coalition gained."""
    before = they.ahead()
    card = rules.card_of(they.shops[0].terms)
    they.top_up(0, (fen * card.rate_bps + 5_000) // 10_000 or 1)
    assert they.fake(0, 0, fen).status == "booked"
    they.spend(0)
    they.sleep(9)
    they.pay_out()
    return they.ahead() - before


@pytest.mark.parametrize(("rate_bps", "promo_bps", "n"), cases(FITTING, 10))
def test_under_a_set_that_passes_they_lose(rate_bps: int, promo_bps: int, n: int) -> None:
    they = Colluders(rate_bps=rate_bps, promo_bps=promo_bps)
    in_force, cards = put_in_force(they, FITTING[n])
    if refusals(lint.rule_set(in_force, cards, rules.promises())):
        # At a low rate even these are too much: then they would not be in force, and the bound at the till takes over.
        assert rate_bps < 800 or promo_bps
    for fen in AMOUNTS:
        gained = fake_and_spend(they, fen)
        assert gained < 0, (fen, gained)
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


@pytest.mark.parametrize(("rate_bps", "promo_bps", "n"), cases(PAYING, 6))
def test_of_a_set_that_is_refused_the_cycle_is_real(
    rate_bps: int, promo_bps: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    they = Colluders(rate_bps=rate_bps, promo_bps=promo_bps)
    in_force, cards = put_in_force(they, PAYING[n])
    cycle = shown(in_force, cards)
    # As the product is, even then they gain nothing: whatever is in force, others give no more than the sale brings.
    assert fake_and_spend(they, cycle.amount_fen) <= 0
    without_the_bound(monkeypatch)
    assert fake_and_spend(they, cycle.amount_fen) == cycle.net_fen


def shown(in_force: Sequence[Rule], cards: Mapping[int, Card]) -> Cycle:
    """Return the cycle for which the linter refuses these rules, after a look at its numbers."""
    found = lint.rule_set(in_force, cards, rules.promises())
    (finding,) = [each for each in found if each.code == "fake_gains"]
    assert finding.refuses
    cycle = gains(in_force, cards).best
    assert cycle is not None and cycle.net_fen > 0
    facts = dict(finding.facts)
    assert (facts["amount"], facts["net"]) == (cycle.amount_fen, cycle.net_per_1000_yuan)
    lost = sum(flow.fen for flow in cycle.flows if flow.target == "lost")
    assert (facts["pays"], facts["gets"]) == (lost, lost + cycle.net_fen)
    return cycle


def without_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "bound_of", lambda _rebate_fen, _card: 10**9)
    weaken("points_post_awarded", ("own_outside > own_bound OR outside > greatest(w_credit + own_bound, 0)", "false"))


def test_whoever_proposes_it_reads_the_cycle(draft: Make, people: tuple[Any, Any]) -> None:  # noqa: F811
    """A campaign of 9 % at a rebate of 8 %: refused before anybody else sees it, with parties, sums and gain."""
    version = draft(
        {
            "effect": {"kind": "rate", "bps": 900}, "caps": {"member_day": 10**6, "budget": 10**6},
            "words": {"en": "Nine", "zh-hans": "九分"},
        }, starts_at=SOON + timedelta(days=1),
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        rules.submit(version=version, user=people[0], at=SOON - timedelta(days=1))
    assert refused.value.code == "fake_gains"
    # ¥10,000 at 8 % costs 80,000 and brings 50,000 of the rebate, 90,000 of the campaign and the centre's 10,000.
    said = refused.value.text().replace(",000", "000")
    assert all(part in said for part in ("member, shop, centre", "80000", "150000", "7000", "evening"))
