"""The closing mode (row 37), drilled: a small alliance wound up to the last point."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alliance import approvals
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from points import accounts, adjusting, closing, expiry, partitions, rollup, terms, verify, winding_up
from points.models import Account, Lot, Terms, Transfer, Wallet, Winding
from tests.factories import staff
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = pytest.mark.django_db(transaction=True)
DAY = shanghai_day(NOON)
LAST = DAY + timedelta(days=30)
END = NOON + timedelta(days=32)


def begin(scope: int = 1, floats: tuple[int, ...] = (), number: int = 1) -> Winding:
    partitions.ahead(4, DAY)
    return winding_up.start(
        approval_id=number, scope=scope, title="the end", float_ids=floats, issue_ends_on=DAY, spend_ends_on=LAST,
        actor=TEST, at=NOON, now=NOON,
    )  # fmt: skip


def give_back(mode: Winding) -> int:
    return list(winding_up.give_back(mode, now=END))[-1]


def again(shop: Shop) -> Shop:
    """The shop as a till sees it later: by the terms in force then."""
    shop.terms = Terms.objects.filter(float_id=shop.merchant.float_id).in_force(NOON + timedelta(days=2)).get()
    return shop


def in_order() -> bool:
    return not [check for check in verify.checks() if check.differences]


def test_wound_up_to_the_last_point() -> None:
    hotpot, fruit = open_shop(), open_shop(matures_days=0)
    budget = accounts.open_budget(title="welcome", at=NOON)
    a, b = hotpot.wallet(), fruit.wallet()
    for shop, wallet, paid in ((hotpot, a, 10_000), (fruit, b, 20_000), (fruit, a, 4_000)):
        at = NOON - timedelta(days=10)
        shop.sell(wallet, paid, event_at=at, now=at)
    hotpot.top_up(1_000)
    from points import funding

    line = funding.receive(
        bank="b", account="1", serial="budget", amount_fen=300, value_on=DAY, actor=TEST, at=NOON, now=NOON
    )
    funding.allot(bank_line=line, float_id=budget, actor=TEST, at=NOON, now=NOON)
    adjusting.adjust(
        wallet_id=a.pk, funder_id=budget, points=120, caller=fruit.caller, key="w", actor=TEST, at=NOON, now=NOON
    )
    expiry.mature(DAY)
    # 500 + 200 + 120 and 1,000 points are out.
    assert [Wallet.objects.get(pk=w.pk).balance for w in (a, b)] == [820, 1_000]
    mode = begin()
    # Issue has stopped, spending goes on: 400 of a's points at the hot-pot shop.
    later = NOON + timedelta(days=2)
    sale = again(hotpot).sell(a, 1_000, event_at=later, now=later, spend_points=400)
    assert (sale.status, sale.points) == ("booked", 0) and Wallet.objects.get(pk=a.pk).balance == 420
    assert winding_up.is_stopped(hotpot.merchant.float_id, DAY + timedelta(days=1))
    assert not winding_up.is_stopped(hotpot.merchant.float_id, DAY)
    before = {n: Account.objects.get(pk=n).balance for n in (hotpot.merchant.float_id, fruit.merchant.float_id, budget)}
    own = sum(accounts.balance(n) for n in (3, 4, 5, 6))
    lots = {n: sum(Lot.objects.filter(funder_id=n).values_list("remaining", flat=True)) for n in before}
    assert sum(lots.values()) == 820 + 1_000 - 400
    assert give_back(mode) > 0 and winding_up.finish(mode, actor=TEST, at=END)
    # Every lot is with its funder, nobody's is with the operator.
    assert {n: Account.objects.get(pk=n).balance - fen for n, fen in before.items()} == lots
    assert sum(accounts.balance(n) for n in (3, 4, 5, 6)) == own
    assert not Wallet.objects.exclude(balance=0).exists()
    assert {row.account_id: row.points for row in winding_up.statement(mode)} == {n: x for n, x in lots.items() if x}
    assert give_back(mode) == 0
    # The rests are split by the closes to come; then everything is somebody's, and own money + others' = bank.
    for days in (2, 33):
        closing.close(DAY + timedelta(days=days), now=NOON + timedelta(days=days + 1))
    rollup.run()
    claims = winding_up.order_of_payment()
    assert [claim.name for claim in claims] == ["wallets", "proceeds", "floats", "promo", "centres", "others", "own"]
    # Proceeds 400 less the fee of 4; rests (300 + 600 + 120) and the fee: centre 127 or so, own the remainder; bank 201,300.
    assert claims[0].fen == 0 and claims[1].fen == 396
    rests = Account.objects.filter(kind__in=[5, 6])
    assert sum(accounts.balance(row.pk) for row in rests) == 0
    assert claims[-1].until_fen == -Account.objects.get(pk=1).balance == 201_300
    assert all(claim.is_covered for claim in claims)
    assert in_order()


def test_nothing_expires_in_the_closing_mode() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    adjusting.adjust(
        wallet_id=wallet.pk, funder_id=shop.merchant.float_id, points=50, caller=shop.caller, key="x", actor=TEST, at=NOON,
        now=NOON, expires_on=DAY + timedelta(days=1),
    )  # fmt: skip
    begin()
    later = NOON + timedelta(days=10)
    expiry.expire(DAY, now=NOON)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_expire(%s::smallint, %s::date, 100, %s)", [wallet.pk % 64, shanghai_day(later), later]
        )
        assert cursor.fetchone()[0] == 0
    # Lapsed by its date, and still spendable.
    assert again(shop).sell(wallet, 100, event_at=later, now=later, spend_points=50).status == "booked"


def test_a_merchant_that_stops_alone() -> None:
    stops, stays = open_shop(matures_days=0), open_shop(matures_days=0)
    wallet = stops.wallet()
    at = NOON - timedelta(days=3)
    stops.sell(wallet, 10_000, event_at=at, now=at)
    stays.sell(wallet, 10_000, event_at=at, now=at)
    mode = begin(scope=3, floats=(stops.merchant.float_id,))
    assert winding_up.is_stopped(stops.merchant.float_id, LAST)
    assert not winding_up.is_stopped(stays.merchant.float_id, LAST)
    later = NOON + timedelta(days=2)
    assert again(stops).sell(wallet, 10_000, event_at=later, now=later).points == 0
    assert stays.sell(wallet, 10_000, event_at=later, now=later).points == 500
    float_before = stops.float_fen
    give_back(mode)
    assert winding_up.finish(mode, actor=TEST, at=END)
    assert stops.float_fen == float_before + 500 and Wallet.objects.get(pk=wallet.pk).balance == 1_000 and in_order()


def test_a_region_and_points_that_are_still_pending_keep_it_open() -> None:
    one, two = open_shop(matures_days=60), open_shop(matures_days=0)
    wallet = one.wallet()
    one.sell(wallet, 10_000)
    mode = begin(scope=2, floats=(one.merchant.float_id, two.merchant.float_id))
    assert give_back(mode) == 0
    assert not winding_up.finish(mode, actor=TEST, at=END) and winding_up.due(shanghai_day(END)) == [mode]
    assert in_order()


def test_points_can_be_spent_until_the_last_day() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(500)
    mode = begin()
    with pytest.raises(Refused) as refused:
        list(winding_up.give_back(mode, now=NOON + timedelta(days=30)))
    assert refused.value.code == "winding_too_early" and Wallet.objects.get(pk=wallet.pk).balance == 500


@pytest.mark.parametrize(
    "change",
    [
        {"scope": 1, "float_ids": [7]}, {"scope": 2, "float_ids": []}, {"scope": 3, "float_ids": [1, 2]},
        {"issue_ends_on": DAY - timedelta(days=1)}, {"spend_ends_on": DAY + timedelta(days=27)}, {"scope": 3, "float_ids": [3]},
    ],
)  # fmt: skip
def test_what_is_no_closing_mode(change: dict[str, object]) -> None:
    person = staff.colleague("finance")
    facts = {"scope": 1, "float_ids": [], "issue_ends_on": DAY, "spend_ends_on": LAST, **change}
    with pytest.raises(Refused) as refused:
        winding_up.ask(title="x", unit=person.posts.get().unit, user=person, at=NOON, **facts)  # type: ignore[arg-type]
    assert refused.value.code == "winding_invalid"


def test_two_people_and_an_agreement_that_begins_later_stands_in_the_way() -> None:
    shop = open_shop()
    one, two = staff.colleague("finance"), staff.colleague("finance")
    terms.write(merchant=shop.merchant, version=2, valid_from=NOON + timedelta(days=20), rate_bps=500)
    facts = {"scope": 1, "float_ids": [], "issue_ends_on": DAY + timedelta(days=1), "spend_ends_on": LAST}
    asked = winding_up.ask(title="x", unit=one.posts.get().unit, user=one, at=NOON, **facts)  # type: ignore[arg-type]
    with pytest.raises(Refused) as refused:
        approvals.approve(asked, user=one, at=NOON)
    assert refused.value.code == "approval_same_person"
    with pytest.raises(Refused) as refused:
        approvals.approve(asked, user=two, at=NOON)
    assert refused.value.code == "winding_terms_ahead" and not Winding.objects.exists()
    Terms.objects.filter(version=2).delete()
    mode = approvals.approve(asked, user=two, at=NOON)
    assert isinstance(mode, Winding) and not Transfer.objects.filter(kind=17).exists()
