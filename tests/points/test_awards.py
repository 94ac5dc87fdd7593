"""Rules at the till: what a sale gets on top, who pays, what limits it, and what stays of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from alliance.refusals import Refused
from points import awards, bills, bonuses, pruning, refunds, rollup, verify
from points.calc.rules import Line
from points.models import Account, Award, AwardUsed, Lot, RuleVersion, Sale, Trace, Transfer, Visit, Wallet
from tests.points.ruling import budget, fund, rule
from tests.points.shops import NOON, TEST, Shop, moved, open_shop, totals

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def balance(account: int) -> int:
    return Account.objects.get(pk=account).balance


def is_sound() -> bool:
    rollup.run()
    found = [(check.name, check.differences) for check in verify.checks() if check.differences]
    assert found == []
    return True


def given(outcome: bills.Outcome) -> list[tuple[str, int]]:
    return [(bonus.rule, bonus.points) for bonus in outcome.bonuses]


def test_a_budget_pays_on_top_of_the_base(slow_shop: Shop) -> None:
    """¥100 at 8 %: base 500; 1 % of the sale by the operator: 100, within 160."""
    payer, wallet = budget(), slow_shop.wallet()
    version = rule(payer, {"kind": "rate", "bps": 100})
    before = totals()
    outcome = slow_shop.sell(wallet, 10_000)
    assert (outcome.points, given(outcome), outcome.balance_after, outcome.available_after) == (
        500,
        [("evening", 100)],
        600,
        0,
    )
    assert outcome.bonuses[0].text == "Evening points: 100 points on top."
    earn, bonus = Transfer.objects.filter(wallet_id=wallet.pk).order_by("seq")
    assert (bonus.kind, bonus.debit_id, bonus.credit_id, bonus.points, bonus.journal_id) == (
        8,
        payer,
        wallet.pk,
        100,
        earn.journal_id,
    )
    assert (bonus.matures_on, bonus.expires_on, bonus.seq, bonus.balance_after) == (
        earn.matures_on,
        earn.expires_on,
        2,
        600,
    )
    lots = {
        lot.funder_id: (lot.remaining, lot.matures_on, lot.expires_on)
        for lot in Lot.objects.filter(wallet_id=wallet.pk)
    }
    assert lots[payer] == (100, earn.matures_on, earn.expires_on) and lots[slow_shop.merchant.float_id][0] == 500
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.pending, wallet.credit, wallet.rewarded) == (600, 600, 160, 100)
    after = totals()
    assert after[payer] - before[payer] == -100 and balance(payer) == 9_900
    row = Award.objects.get(sale_id=outcome.sale_id)
    assert (row.version_id, row.points, row.is_outside, row.is_loss, row.transfer_id) == (
        version.pk,
        100,
        True,
        False,
        bonus.pk,
    )
    assert set(AwardUsed.objects.values_list("wallet_id", "points")) == {(0, 100), (wallet.pk, 100)}
    assert is_sound()


def test_without_a_rule_for_this_shop_nothing_is_asked_of_the_database(shop: Shop) -> None:
    other = open_shop()
    rule(budget(), {"kind": "rate", "bps": 100}, scope={"merchants": [other.merchant.float_id]})
    wallet = shop.wallet()
    shop.sell(wallet, 100)
    draft = shop.draft(wallet, 10_000)
    with CaptureQueriesContext(connection) as asked:
        (outcome,) = bills.post([draft], caller=shop.caller, actor=TEST, now=NOON)
    assert len(asked) == 1 and outcome.bonuses == () and outcome.balance_after == 505
    assert not Trace.objects.exists()


def test_others_give_no_more_than_the_sale_brings(shop: Shop) -> None:
    payer = budget()
    rule(payer, {"kind": "rate", "bps": 400})
    outcome = shop.sell(shop.wallet(), 10_000)
    assert given(outcome) == [("evening", 160)]
    assert "bounded" in outcome.bonuses[0].text
    assert is_sound()


def test_the_merchants_own_money_has_no_bound_but_itself() -> None:
    shop = open_shop(float_fen=1_000)
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 150})
    rule(shop.merchant.float_id, {"kind": "rate", "bps": 200}, code="two")
    outcome = shop.sell(shop.wallet(), 10_000)
    assert given(outcome) == [("evening", 150), ("two", 50)], "800 of 1,000 go into the rebate"
    assert shop.float_fen == 0
    assert Wallet.objects.get().rewarded == 0
    assert shop.sell(shop.wallet(), 10_000).status == "without_points"
    assert is_sound()


def test_promotion_credit_pays_at_its_own_merchant() -> None:
    shop = open_shop()
    fund(shop.merchant.promo_id, 70)
    rule(shop.merchant.promo_id, {"kind": "multiplier", "bps": 10_000})
    wallet = shop.wallet()
    assert given(shop.sell(wallet, 1_000)) == [("evening", 50)]
    assert given(shop.sell(wallet, 1_000)) == [("evening", 20)]
    assert given(shop.sell(wallet, 1_000)) == []
    assert Award.objects.filter(is_outside=True).count() == 0 and balance(shop.merchant.promo_id) == 0
    assert is_sound()


def test_a_partners_float_pays_as_somebody_else() -> None:
    partner, shop = open_shop(), open_shop(matures_days=0)
    rule(partner.merchant.float_id, {"kind": "rate", "bps": 900})
    outcome = shop.sell(shop.wallet(), 10_000)
    assert given(outcome) == [("evening", 160)] and partner.float_fen == 99_840
    assert is_sound()


def test_lines_decide_what_counts_and_what_earns(shop: Shop) -> None:
    rule(
        shop.merchant.float_id,
        {"kind": "rate", "bps": 1_000},
        scope={"categories": ["tofu"], "without_products": ["old"]},
    )
    lines = [
        Line("tofu", "fresh", 3_000),
        Line("tofu", "old", 1_000),
        Line("rice", "", 4_000),
        Line("tofu", "x", 2_000, 1, False),
    ]
    outcome = shop.sell(shop.wallet(), 10_000, lines=lines)
    assert (outcome.points, given(outcome)) == (400, [("evening", 300)])


def test_points_pay_a_part_of_each_line(shop: Shop) -> None:
    rule(shop.merchant.float_id, {"kind": "rate", "bps": 1_000}, scope={"categories": ["tofu"]})
    wallet = shop.wallet(1_000)
    lines = [Line("tofu", "", 3_333), Line("rice", "", 6_667)]
    draft = shop.draft(wallet, 9_000, spend_points=1_000, lines=lines)
    assert [line.fen for line in draft.lines] == [2_999, 6_001]
    (outcome,) = bills.post([draft], caller=shop.caller, actor=TEST, now=NOON)
    assert given(outcome) == [("evening", 299)]
    assert is_sound()


@pytest.mark.parametrize("lines", [[Line("a", "", 9_999)], [Line("a", "", 10_001), Line("b", "", -1)]])
def test_lines_that_do_not_add_up_are_refused(shop: Shop, lines: list[Line]) -> None:
    with pytest.raises(Refused, match="lines_differ"):
        shop.draft(shop.wallet(), 10_000, lines=lines)


def test_caps_hold_over_sales_days_and_members() -> None:
    shop = open_shop()
    rule(
        shop.merchant.float_id,
        {"kind": "fixed", "points": 40},
        caps={"member_day": 80, "member": 120, "day": 160, "budget": 200},
    )
    one, two, three = (shop.wallet() for _ in range(3))
    yesterday = NOON - timedelta(days=1)
    got = [shop.sell(one, 1_000, event_at=yesterday).bonus_points for _ in range(3)]
    assert got == [40, 40, 0], "a member's day"
    assert [shop.sell(one, 1_000).bonus_points for _ in range(2)] == [40, 0], "a member in all"
    assert [shop.sell(two, 1_000).bonus_points for _ in range(2)] == [40, 40], "all in all: 200"
    assert shop.sell(three, 1_000).bonus_points == 0
    assert AwardUsed.objects.get(wallet_id=0, on_day="2000-01-01").points == 200
    assert is_sound()


def test_stamps_count_units_over_sales(shop: Shop) -> None:
    payer = budget()
    rule(payer, {"kind": "fixed", "points": 30}, scope={"categories": ["coffee"], "stamp_every": 5})
    wallet = shop.wallet()

    def buys(units: int) -> int:
        return shop.sell(wallet, 2_000, lines=[Line("coffee", "", 2_000, units)]).bonus_points

    assert [buys(2), buys(2), buys(3), buys(3), buys(10)] == [0, 0, 30, 30, 60]
    assert AwardUsed.objects.get(wallet_id=wallet.pk, on_day="2000-01-01").stamps == 20
    assert is_sound()


def test_the_first_visit_is_one(shop: Shop) -> None:
    old, new = shop.wallet(), shop.wallet()
    shop.sell(old, 100)
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 25}, scope={"first_visit": True})
    assert [shop.sell(old, 100).bonus_points, shop.sell(new, 1).bonus_points, shop.sell(new, 100).bonus_points] == [
        0,
        25,
        0,
    ]
    assert Visit.objects.count() == 1
    assert open_shop().sell(new, 100).bonus_points == 0
    assert is_sound()


def test_a_bonus_on_a_bill_that_earns_nothing_leads_its_journal(shop: Shop) -> None:
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 25}, scope={})
    outcome = shop.sell(shop.wallet(), 1)
    (row,) = Transfer.objects.filter(journal_id=outcome.sale_id)
    assert (outcome.points, outcome.rest, outcome.bonus_points, row.pk) == (0, 0, 25, outcome.sale_id)
    assert is_sound()


def test_a_loss_budget_is_exempt_up_to_it(shop: Shop) -> None:
    rule(budget(), {"kind": "rate", "bps": 900}, loss={"name": "opening", "fen": 1_500})
    wallet = shop.wallet()
    assert [shop.sell(wallet, 5_000 + n).bonus_points for n in range(4)] == [450, 450, 450, 150][:1] + [50, 0, 0]
    wallet.refresh_from_db()
    assert wallet.rewarded == 0
    assert is_sound()


def test_a_repeated_request_gets_the_same_answer_also_when_the_rule_is_over(shop: Shop) -> None:
    version = rule(budget(), {"kind": "rate", "bps": 100})
    draft = shop.draft(shop.wallet(), 10_000)
    first, again = (bills.post([draft], caller=shop.caller, actor=TEST, now=NOON)[0] for _ in range(2))
    version.ends_at = NOON
    version.save()
    awards.forget()
    (later,) = bills.post([draft], caller=shop.caller, actor=TEST, now=NOON + timedelta(hours=1))
    asked = bills.answered(shop.caller, draft.key, draft.body)
    assert asked is not None
    for answer in (again, later, asked):
        assert answer.replayed
        assert (answer.points, answer.balance_after, answer.available_after) == (500, 600, 600)
        assert answer.bonuses == first.bonuses
    assert Award.objects.count() == 1


def test_rules_follow_the_time_of_the_sale(shop: Shop) -> None:
    """A rule of last month is looked at for a till file of last month."""
    ended = NOON - timedelta(days=20)
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 7}, code="old", ends_at=ended)
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 9}, code="new", starts_at=ended)
    wallet = shop.wallet()
    assert given(shop.sell(wallet, 100, event_at=ended - timedelta(days=1), now=NOON)) == [("old", 7)]
    assert given(shop.sell(wallet, 100, event_at=ended, now=NOON)) == [("new", 9)]
    assert given(shop.sell(wallet, 100, event_at=NOON - timedelta(days=200), now=NOON)) == []


def test_a_rule_that_ended_meanwhile_gives_nothing(shop: Shop) -> None:
    version = rule(budget(), {"kind": "rate", "bps": 100})
    draft = shop.draft(shop.wallet(), 10_000)
    assert awards.looking(draft) is not None
    RuleVersion.objects.filter(pk=version.pk).update(ends_at=NOON - timedelta(days=1))
    with pytest.raises(Refused, match="in_progress"):
        # Inside a transaction nothing can be repeated; the till sends it again.
        bills.post([draft], caller=shop.caller, actor=TEST, now=NOON)


def test_a_batch_decides_as_its_bills_one_after_another(db: None) -> None:
    left = []
    for is_batched in (True, False):
        shop = open_shop(float_fen=1_400, matures_days=0)
        evening = NOON + timedelta(hours=-3)
        rule(
            shop.merchant.float_id, {"kind": "rate", "bps": 300}, code=f"r{is_batched}",
            scope={"merchants": [shop.merchant.float_id], "hours": [9]}, caps={"member_day": 40, "budget": 150},
        )  # fmt: skip
        wallets = [shop.wallet() for _ in range(4)]
        drafts = [
            shop.draft(wallets[n * 7 % 4], 300 + 97 * n % 900, event_at=evening if n % 3 else NOON) for n in range(40)
        ]
        calls = [drafts] if is_batched else [[draft] for draft in drafts]
        outcomes = [o for call in calls for o in bills.post(call, caller=shop.caller, actor=TEST, now=NOON)]
        left.append([(o.status, o.points, o.bonus_points, o.balance_after, o.available_after) for o in outcomes])
    assert left[0] == left[1]
    assert sum(row[2] for row in left[0]) == 150 and any(row[0] == "without_points" for row in left[0])
    assert is_sound()


def test_what_was_looked_at_is_kept_with_the_sale(shop: Shop) -> None:
    rule(shop.merchant.float_id, {"kind": "fixed", "points": 9}, scope={"basket_fen": 20_000})
    outcome = shop.sell(shop.wallet(), 10_000)
    assert outcome.bonuses == () and awards.told([outcome.sale_id or 0]) == {outcome.sale_id: ()}
    (line,) = awards.told([outcome.sale_id or 0], only_given=False)[outcome.sale_id or 0]
    assert line.text == "Evening points: from ¥200.00 on; here it is ¥100.00."
    trace = Trace.objects.get()
    assert trace.facts["lines"] == [["", "", 10_000, 1, True]]


def test_the_function_believes_nobody(shop: Shop) -> None:
    """A caller that lies about amounts is refused by the same limits, in the database."""
    payer = budget(1_000)
    version = rule(
        payer, {"kind": "rate", "bps": 100}, caps={"bill": 90, "member": 500, "member_day": 95, "day": 97, "budget": 99}
    )
    draft = shop.draft(shop.wallet(), 10_000)
    looked = awards.looking(draft)
    assert looked is not None
    decision = awards.decide(draft, looked)
    for points in (91, 161, 1_001):
        columns = decision.columns(draft)
        columns[1:5] = [version.pk], [points], [0], [0]
        lies = [1, 1, "system:test", *bills._columns(draft), NOON, False, *columns, False]
        with pytest.raises(Error, match=r"meanwhile|allows"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(bills._POST_AWARDED, lies)


def test_a_threshold_is_looked_at_again_when_goods_come_back(shop: Shop) -> None:
    """“From ¥100: 60 points”; ¥20 come back: what stays is ¥80 and bears none of it. Then the rest, and all is undone."""
    payer, wallet = budget(), shop.wallet()
    rule(payer, {"kind": "fixed", "points": 60}, scope={"basket_fen": 10_000})
    before = totals()
    outcome = shop.sell(wallet, 11_000)
    assert given(outcome) == [("evening", 60)]
    sale = Sale.objects.get(pk=outcome.sale_id)
    assert bonuses.staying(sale, 10_000) == {outcome_award(sale): 60}
    assert bonuses.staying(sale, 9_999) == {outcome_award(sale): 0}
    for fen, gone in ((1_000, 0), (1_000, 60), (9_000, 0)):
        back = refunds.refund(
            sale=sale, outlet_id=sale.outlet_id, returned=refunds.ByTotal(fen), caller=shop.caller, key=f"back {fen} {gone}",
            body="", actor=TEST, at=NOON, now=NOON + timedelta(hours=1),
        )  # fmt: skip
        assert (back.status, sum(bonus.taken for bonus in back.bonuses)) == ("booked", gone)
    assert moved(before) == {}
    assert is_sound()


def outcome_award(sale: Sale) -> int:
    return Award.objects.get(sale_id=sale.pk, points__gt=0).transfer_id or 0


# --- what is let go -----------------------------------------------------------------------------------


def test_sums_that_no_limit_reads_any_more_are_let_go(shop: Shop) -> None:
    """Sums of all time stay, and so do the days of the last 400; a refund of an old sale still adds up."""
    version = rule(budget(), {"kind": "rate", "bps": 100})
    wallet, other = shop.wallet(), shop.wallet()
    old = shop.sell(wallet, 10_000)
    shop.sell(other, 10_000)
    day = NOON.date()
    rows = AwardUsed.objects.filter(rule_id=version.rule_id)
    assert rows.filter(on_day=day).count() == 3 and rows.exclude(on_day=day).count() == 3
    assert pruning.award_sums(day + timedelta(days=400)) == 0
    later = NOON + timedelta(days=401)
    assert pruning.award_sums(later.date(), now=later, chunk=1) == 3
    assert not rows.filter(on_day=day).exists()
    assert sorted(rows.values_list("points", flat=True)) == [100, 100, 200]
    assert is_sound()
    # Nothing is left to do, and what comes back afterwards makes no difference.
    assert pruning.award_sums(later.date(), now=later) == 0
    assert old.sale_id
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_award_count(%s, %s, %s, -40, 0)", [version.rule_id, wallet.pk, day])
    assert set(rows.filter(on_day=day).values_list("points", flat=True)) == {0}
    assert sorted(rows.exclude(on_day=day).values_list("points", flat=True)) == [60, 100, 160]


def test_sums_that_may_still_be_read_are_not_let_go(shop: Shop) -> None:
    rule(budget(), {"kind": "rate", "bps": 100})
    with pytest.raises(Error, match="may still be read"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT points_prune_award_used(1, 0, %s, 10, NULL)", [NOON.date()])
