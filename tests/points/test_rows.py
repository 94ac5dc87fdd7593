"""The worked example of docs/ledger.md, row by row, with every account that moves and by how much."""

from datetime import date, timedelta

from points import accounts, adjusting, closing, expiry, funding, rollup
from points.bills import Caller
from points.calc import rebate
from points.models import Account, BankLine, Lot, Sale, Transfer
from tests.points.shops import NOON, TEST, Shop, everything, moved, open_shop, totals

CUSTODY, SUSPENSE, FEE, BUFFER, BREAKAGE = (
    accounts.house(name) for name in ("custody", "suspense", "fee", "buffer", "breakage")
)


def rest_of(shop: Shop) -> int:
    return Account.objects.get(terms=shop.terms, kind=Account.Kind.REST).pk


def test_row_1_a_top_up_waits_in_suspense_until_it_is_allotted(db: None) -> None:
    shop, before = open_shop(float_fen=0), totals()
    facts = {
        "bank": "ICBC",
        "account": "1",
        "serial": "A-1",
        "amount_fen": 100_000,
        "value_on": NOON.date(),
        "actor": TEST,
        "at": NOON,
    }
    line = funding.receive(**facts)
    assert moved(before) == {CUSTODY: -100_000, SUSPENSE: 100_000}
    assert funding.receive(**facts) == line  # row 35: the same serial again is no entry
    funding.allot(bank_line=line, float_id=shop.merchant.float_id, actor=TEST, at=NOON)
    assert moved(before) == {CUSTODY: -100_000, shop.merchant.float_id: 100_000}
    assert shop.float_fen == 100_000


def test_row_2_a_prepaid_sale_pays_the_member_and_the_rest_account(slow_shop: Shop) -> None:
    wallet, before = slow_shop.wallet(), totals()
    outcome = slow_shop.sell(wallet, 10_000)
    assert (outcome.status, outcome.points, outcome.rest) == ("booked", 500, 300)
    assert moved(before) == {slow_shop.merchant.float_id: -800, wallet.pk: 500, rest_of(slow_shop): 300}
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.pending, wallet.available) == (500, 500, 0)


def test_row_2_rounding_is_half_up_then_down(db: None) -> None:
    shop = open_shop(matures_days=0)
    # 18 fen at 8 % are 1.44 → 1; the member's part of 1 is 0.625 → 0; the rest is 1.
    small = shop.sell(shop.wallet(), 18)
    assert (small.points, small.rest) == (0, 1)
    nothing = shop.sell(shop.wallet(), 6)
    assert (nothing.status, nothing.points, nothing.rest) == ("booked", 0, 0)
    assert Transfer.objects.filter(journal_id=nothing.sale_id).count() == 0
    assert Sale.objects.get(pk=nothing.sale_id).rebate_fen == 0


def test_row_3_a_float_that_is_too_small_books_the_sale_without_points(db: None) -> None:
    shop = open_shop(float_fen=799)
    wallet, before = shop.wallet(), totals()
    outcome = shop.sell(wallet, 10_000, key="till 1")
    assert (outcome.status, outcome.code, outcome.points, outcome.needed) == (
        "without_points",
        "float_exhausted",
        0,
        800,
    )
    assert moved(before) == {}
    assert Sale.objects.get(pk=outcome.sale_id).reason == Sale.Reason.FLOAT_EXHAUSTED
    shop.top_up(10_000)
    again = shop.sell(wallet, 10_000, key="till 1", body="body")
    assert again.code == "key_reused"
    assert shop.sell(wallet, 10_000).points == 500


def test_row_4_maturing_moves_nothing_but_pending(slow_shop: Shop) -> None:
    wallet = slow_shop.wallet()
    slow_shop.sell(wallet, 10_000)
    before = totals()
    assert expiry.mature(NOON.date() + timedelta(days=6)) == 0
    assert expiry.mature(NOON.date() + timedelta(days=7)) == 1
    assert expiry.mature(NOON.date() + timedelta(days=7)) == 0
    wallet.refresh_from_db()
    assert (wallet.balance, wallet.available, moved(before)) == (500, 500, {})


def test_row_5_the_split_of_300_is_150_100_50() -> None:
    assert rebate.split(300, member_bps=6250, fee_bps=1875, centre_bps=1250, promo_bps=0) == rebate.Parts(
        150, 100, 0, 50
    )
    assert rebate.split(7, member_bps=10_000, fee_bps=0, centre_bps=0, promo_bps=0) == rebate.Parts(0, 0, 0, 7)


def test_rows_11_and_12_a_spend_pays_the_merchant_less_the_fee(shop: Shop) -> None:
    other = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=3_000)
    before = totals()
    outcome = other.sell(wallet, 0, spend_points=3_000)
    assert (outcome.status, outcome.spent_points, outcome.points) == ("booked", 3_000, 0)
    assert moved(before) == {wallet.pk: -3_000, other.merchant.proceeds_id: 2_970, other.merchant.fee_rest_id: 30}


def test_a_spend_takes_the_lot_that_lapses_first(db: None) -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    for months, paid in ((0, 10_000), (4, 10_000)):
        shop.sell(wallet, paid, event_at=NOON - timedelta(days=30 * months), now=NOON)
    shop.sell(wallet, 700, spend_points=700)
    left = (
        Lot.objects.filter(wallet_id=wallet.pk, remaining__gt=0)
        .order_by("lapses_on")
        .values_list("remaining", flat=True)
    )
    assert list(left) == [335]  # 500 of the old lot and 200 of the new one are gone; 35 came with this bill


def test_row_22_points_and_money_on_one_bill_are_one_journal(shop: Shop) -> None:
    wallet = shop.wallet(points=1_000)
    before = totals()
    outcome = shop.sell(wallet, 9_000, spend_points=1_000)
    rows = Transfer.objects.filter(journal_id=outcome.sale_id).order_by("seq")
    assert [row.kind for row in rows] == [Transfer.Kind.SPEND, Transfer.Kind.EARN]
    assert moved(before) == {
        wallet.pk: 450 - 1_000,
        shop.merchant.proceeds_id: 990,
        shop.merchant.fee_rest_id: 10,
        shop.merchant.float_id: -720,
        rest_of(shop): 270,
    }
    assert Sale.objects.get(pk=outcome.sale_id).bill_fen == 10_000


def test_row_22_without_float_keeps_the_spend(shop: Shop) -> None:
    wallet, poor = shop.wallet(points=1_000), open_shop(float_fen=0)
    outcome = poor.sell(wallet, 1_000, spend_points=1_000)
    assert (outcome.status, outcome.spent_points, outcome.points) == ("without_points", 1_000, 0)


def test_rows_14_and_16_a_void_undoes_everything(slow_shop: Shop) -> None:
    slow_shop.terms.spend_share_bps = 10_000
    shop = open_shop(matures_days=0)
    wallet = shop.wallet(points=1_000)
    before = totals()
    outcome = slow_shop.sell(wallet, 9_000, spend_points=1_000)
    undone = slow_shop.void(outcome.sale_id)
    assert (undone.status, undone.points, undone.spent_points, undone.rest) == ("booked", -450, -1_000, -270)
    assert moved(before) == {}
    rows = Transfer.objects.filter(journal_id=undone.sale_id).order_by("seq")
    assert [(row.kind, row.points, row.rest) for row in rows] == [(2, -990, -10), (1, -450, -270)]
    wallet.refresh_from_db()
    assert (wallet.pending, wallet.balance) == (0, before[wallet.pk])


def test_void_refusals_change_nothing(shop: Shop) -> None:
    wallet = shop.wallet()
    sale = shop.sell(wallet, 10_000)
    spent = shop.sell(wallet, 500, spend_points=500)
    seen = everything()
    assert shop.void(sale.sale_id, now=NOON + timedelta(minutes=11)).code == "void_too_late"
    assert shop.void(sale.sale_id, outlet_id=99).code == "sale_unknown"
    assert shop.void(123_456_789).code == "sale_unknown"
    gone = shop.void(sale.sale_id)
    assert (gone.code, gone.figure) == ("void_points_gone", 475)  # 25 came with the second bill, in the same lot
    assert everything() == seen
    assert shop.void(spent.sale_id).status == "booked"
    assert shop.void(spent.sale_id).code == "already_void"
    assert shop.void(sale.sale_id).status == "booked"


def test_row_24_a_merchants_points_go_to_breakage_a_budgets_back_to_it(shop: Shop) -> None:
    wallet = shop.wallet(points=500)
    budget = accounts.open_budget(title="spring", at=NOON)
    line = funding.receive(
        bank="b", account="1", serial="budget", amount_fen=1_000, value_on=NOON.date(), actor=TEST, at=NOON
    )
    funding.allot(bank_line=line, float_id=budget, actor=TEST, at=NOON)
    lapses = NOON.date() + timedelta(days=5)
    adjusting.adjust(
        wallet_id=wallet.pk, funder_id=budget, points=300, caller=Caller("staff", 1), key="a", actor=TEST, at=NOON, expires_on=lapses, now=NOON
    )  # fmt: skip
    before = totals()
    assert expiry.expire(lapses, now=NOON + timedelta(days=5)) == 0  # the last day of use
    assert expiry.expire(lapses + timedelta(days=1), now=NOON + timedelta(days=6)) == 1
    assert moved(before) == {wallet.pk: -300, budget: 300}
    assert Account.objects.get(pk=budget).balance == 1_000
    expiry.expire(date(NOON.year + 3, 1, 1), now=NOON + timedelta(days=7))
    wallet.refresh_from_db()
    assert (wallet.balance, moved(before)[BREAKAGE]) == (0, before[wallet.pk] - 300)


def test_row_24_points_of_promotion_credit_go_back_to_it(shop: Shop) -> None:
    wallet, other = shop.wallet(points=500), shop.wallet(points=200)
    promo = shop.terms.promo_id
    Lot.objects.filter(wallet_id=wallet.pk).update(funder_id=promo)  # as if a campaign of the shop's had given them
    before = totals()
    expiry.expire(date(NOON.year + 3, 1, 1), now=NOON + timedelta(days=7))
    assert moved(before) == {wallet.pk: -500, other.pk: -200, promo: 500, BREAKAGE: 200}


def test_row_31_a_correction_never_goes_below_zero(shop: Shop) -> None:
    wallet = shop.wallet()
    facts = {
        "wallet_id": wallet.pk,
        "funder_id": shop.merchant.float_id,
        "caller": Caller("staff", 1),
        "actor": TEST,
        "at": NOON,
        "now": NOON,
    }
    assert adjusting.adjust(points=200, key="1", **facts).balance_after == 200
    assert adjusting.adjust(points=-150, key="2", **facts).balance_after == 50
    seen = everything()
    short = adjusting.adjust(points=-51, key="3", **facts)
    assert (short.code, short.figure) == ("points_short", 50)
    assert adjusting.adjust(points=10**8, key="4", **facts).code == "funder_short"
    assert adjusting.adjust(points=-51, key="3", **facts).replayed
    assert everything() == seen


def test_refusals_of_a_bill_change_nothing_but_their_answer(shop: Shop) -> None:
    wallet = shop.wallet(points=300)
    shop.sell(wallet, 10_000, key="k", body="b")
    seen = everything()
    assert shop.sell(wallet, 10_000, key="k", body="b").replayed
    assert shop.sell(wallet, 10_000, key="k", body="other").code == "key_reused"
    assert shop.sell(shop.wallet(), 10_000, key="k", body="b").code == "key_reused"
    seen = (seen[0], seen[1], everything()[2])
    assert everything() == seen
    short = shop.sell(wallet, 90_000, spend_points=80_000, key="s", body="b")
    assert (short.code, short.figure) == ("points_short", wallet_points(wallet.pk))
    assert shop.sell(wallet, 90_000, spend_points=80_000, key="s", body="b").replayed
    assert shop.sell(999_999_999, 10_000).code == "wallet_unknown"
    accounts.freeze(wallet.pk, actor=TEST, at=NOON)
    assert shop.sell(wallet, 10_000).code == "wallet_frozen"
    assert everything() == seen


def wallet_points(wallet_id: int) -> int:
    return sum(Lot.objects.filter(wallet_id=wallet_id).values_list("remaining", flat=True))


def test_a_day_that_is_closed_takes_no_more_entries(shop: Shop) -> None:
    wallet = shop.wallet()
    rollup.run()
    closing.close(NOON.date() - timedelta(days=1), now=NOON, float_ids=[shop.merchant.float_id])
    late = shop.sell(wallet, 10_000, event_at=NOON - timedelta(days=3), now=NOON)
    assert Sale.objects.get(pk=late.sale_id).booked_on == NOON.date()
    assert BankLine.objects.waiting().count() == 0
