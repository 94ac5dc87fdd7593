"""Row 17 by line: rules see the lines that stay, in whatever order the others came back."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from points import bonuses, rollup, verify
from points.calc import refunding
from points.calc.rules import Line
from points.models import Account, Award, Reversal, Sale, Wallet
from points.refunds import ByLines, ByTotal, refund
from tests.points.ruling import budget, rule
from tests.points.shops import NOON, TEST, Shop, open_shop, totals

pytestmark = pytest.mark.django_db
TEA, RICE, BEER = (
    Line("tea", "a", 4_000, 4),
    Line("rice", "b", 6_000, 3),
    Line("beer", "c", 2_000, 2, is_eligible=False),
)
LINES = [TEA, RICE, BEER]


def sound() -> None:
    rollup.run()
    assert [(check.name, check.differences) for check in verify.checks() if check.differences] == []


def stays(gone: dict[int, int]) -> tuple[tuple[int, int], ...]:
    found = []
    for n, line in enumerate(LINES):
        units = line.units - gone.get(n, 0)
        found.append((line.fen - line.fen * gone.get(n, 0) // line.units, units))
    return tuple(found)


def take(shop: Shop, sale_id: int | None, before: dict[int, int], after: dict[int, int], n: int = 0) -> None:
    """Let units of lines come back: `before` had come already, `after` have then."""
    was, now = stays(before), stays(after)
    cash = sum(old[0] - new[0] for old, new in zip(was, now, strict=True))
    earned = sum(old[0] - new[0] for old, new, line in zip(was, now, LINES, strict=True) if line.is_eligible)
    done(shop, sale_id, ByLines(cash, eligible_fen=earned, stays=now), n)


def done(shop: Shop, sale_id: int | None, returned: ByLines | ByTotal, n: int = 0) -> None:
    at = NOON + timedelta(minutes=1 + n)
    sale = Sale.objects.get(id=sale_id)
    outcome = refund(
        sale=sale, outlet_id=sale.outlet_id, returned=returned, caller=shop.caller, key=f"{sale_id} {n}", body="", actor=TEST, at=at, now=at,
    )  # fmt: skip
    assert outcome.is_booked


def bonus(sale_id: int | None) -> dict[str, int]:
    """Return what stays of each rule's bonus."""
    found: dict[str, int] = {}
    for code, points in Award.objects.filter(sale_id=sale_id).values_list("version_id", "points"):
        found[code] = found.get(code, 0) + points
    return found


def sell(shop: Shop, **more: Any) -> tuple[Wallet, int | None]:
    wallet = shop.wallet()
    sale = shop.sell(wallet, 12_000, lines=LINES, **more)
    assert sale.status == "booked"
    return wallet, sale.sale_id


def test_a_rule_about_tea_sees_the_tea_that_stays() -> None:
    shop, payer = open_shop(matures_days=0), budget()
    version = rule(payer, {"kind": "rate", "bps": 100}, scope={"categories": ["tea"]})
    wallet, sale = sell(shop)
    assert bonus(sale) == {version.pk: 40}
    take(shop, sale, {}, {1: 3})  # all the rice: the tea is still there
    assert bonus(sale) == {version.pk: 40}
    take(shop, sale, {1: 3}, {1: 3, 0: 1}, 1)  # one of four teas
    assert bonus(sale) == {version.pk: 30}
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.rewarded) == (150 + 30, 30)
    sound()


def test_a_threshold_falls_when_its_own_lines_fall_below_it() -> None:
    shop, payer = open_shop(matures_days=0), budget()
    version = rule(payer, {"kind": "fixed", "points": 50}, scope={"categories": ["rice"], "basket_fen": 5_000})
    _wallet, sale = sell(shop)
    take(shop, sale, {}, {0: 4})
    assert bonus(sale) == {version.pk: 50}
    take(shop, sale, {0: 4}, {0: 4, 1: 1}, 1)
    assert bonus(sale) == {version.pk: 0}
    sound()


def test_by_amount_after_lines_takes_from_what_is_left_alike() -> None:
    shop, payer = open_shop(matures_days=0), budget()
    version = rule(payer, {"kind": "rate", "bps": 100}, scope={"categories": ["tea"]})
    _wallet, sale = sell(shop)
    take(shop, sale, {}, {1: 3})
    done(shop, sale, ByTotal(3_000), 1)  # 9,000 of 12,000 are gone: of the 10,000 that earned 2,500 stay, all of it tea
    assert bonus(sale) == {version.pk: 25}
    assert Reversal.objects.get(pk=sale).kept_lines == [[4_000, 4], [0, 0], [2_000, 2]]
    sound()


def test_without_lines_the_amount_is_the_basis() -> None:
    shop, payer = open_shop(matures_days=0), budget()
    version = rule(payer, {"kind": "rate", "bps": 100})
    sale = shop.sell(shop.wallet(), 10_000).sale_id
    done(shop, sale, ByTotal(2_500))
    assert (bonus(sale), Reversal.objects.get(pk=sale).kept_lines) == ({version.pk: 75}, None)
    sound()


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_lines_ends_the_same(seed: int) -> None:
    """Twin worlds: the same units come back in two orders, or all of it does; every account and wallet stands alike."""
    chance = random.Random(seed)
    shop, payer = open_shop(matures_days=chance.choice([0, 7])), budget(50_000)
    rule(payer, {"kind": "rate", "bps": 90}, scope={"categories": ["tea"]}, code="tea")
    rule(payer, {"kind": "fixed", "points": 30}, scope={"categories": ["rice"], "basket_fen": 3_000}, code="rice")
    rule(
        shop.merchant.float_id,
        {"kind": "fixed", "points": 7},
        scope={"stamp_every": 3, "categories": ["tea"]},
        code="card",
    )
    units = [n for n, line in enumerate(LINES) for _ in range(line.units)]
    all_of_it = seed % 3 == 0
    chance.shuffle(units)
    back = units if all_of_it else units[: chance.randrange(1, len(units))]
    ends = []
    for _world in range(2):
        before = totals()
        wallet, sale = sell(shop)
        gone: dict[int, int] = {}
        chance.shuffle(back)
        for n, place in enumerate(back):
            after = {**gone, place: gone.get(place, 0) + 1}
            take(shop, sale, gone, after, n)
            gone = after
        wallet.refresh_from_db()
        after_all = totals()
        moved = {k: v - before.get(k, 0) for k, v in after_all.items() if k != wallet.pk and v != before.get(k, 0)}
        ends.append((moved, wallet.balance, wallet.pending, wallet.credit, wallet.rewarded, bonus(sale)))
        if all_of_it:
            assert (moved, wallet.balance, wallet.credit, wallet.rewarded) == ({}, 0, 0, 0)
    assert ends[0] == ends[1]
    sound()


def test_what_rules_see_adds_up_to_what_stays() -> None:
    chance = random.Random(7)
    for _ in range(300):
        lines = [
            Line("", "", chance.randrange(0, 900), chance.randrange(1, 5), chance.random() < 0.8) for _n in range(4)
        ]
        kept = [(line.fen * left // line.units, left) for line in lines for left in [chance.randrange(line.units + 1)]]
        most = sum(fen for (fen, _units), line in zip(kept, lines, strict=True) if line.is_eligible)
        eligible = chance.randrange(most + 1)
        found = refunding.left_of_lines(lines, kept, eligible)
        assert sum(line.fen for line in found if line.is_eligible) == eligible
        assert all(0 <= new.fen <= fen and new.units <= units for new, (fen, units) in zip(found, kept, strict=True))


def test_nothing_is_left_of_a_payer_that_gave_nothing() -> None:
    sale = open_shop(matures_days=0)
    wallet, number = sell(sale)
    assert bonuses.staying(Sale.objects.get(id=number), 5_000) == {}
    assert Account.objects.filter(kind=11).count() == 0 and wallet.pk
