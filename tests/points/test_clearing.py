"""Clearing: what was taken is stated, netted and set apart to be paid, to the fen; again, nothing happens (rows 33–36, 43)."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from alliance.refusals import Refused
from points import accounts, clearing, closing, funding, matrix, rollup, verify
from points import stated as stated_rows
from points.models import Account, BankLine, Clearing, Payout, Retention, Statement, Transfer
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = pytest.mark.django_db(transaction=True)
# Trade is on the first day; each following day closes and clears the one before.
DAY = NOON.date() - timedelta(days=20)
_files = itertools.count(1)


def noon(day: date) -> datetime:
    return NOON - (NOON.date() - day)


def run(day: date, **more: Any) -> clearing.Run:
    """Close and clear a day, at noon of the next."""
    now = noon(day + timedelta(days=1))
    closing.close(day, now)
    return clearing.clear(day, actor=TEST, now=now, **more)


def take(shop: Shop, points: int, day: date = DAY, giver: Shop | None = None) -> None:
    """Let a shop take points that another one gave."""
    giver = giver or open_shop(matures_days=0, float_fen=10_000_000)
    at = noon(day)
    wallet = giver.wallet()
    giver.sell(wallet, points * 20, event_at=at, now=at)
    assert shop.sell(wallet, points, event_at=at, now=at, spend_points=points).is_booked


@pytest.fixture
def taker() -> Shop:
    """A shop that took 3,000 points: 30 of them are the spending fee."""
    shop = open_shop(matures_days=0)
    take(shop, 3_000)
    return shop


@pytest.fixture(autouse=True)
def _sound() -> Iterator[None]:
    yield
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def statement(shop: Shop, day: date) -> Statement:
    return Statement.objects.get(account_id=shop.merchant.proceeds_id, clearing_id=day)


def balance(shop: Shop, kind: int) -> int:
    account = Account.objects.filter(kind=kind, float_id=shop.merchant.float_id).first()
    return accounts.balance(account.pk) if account else 0


def in_payout(shop: Shop) -> int:
    return balance(shop, Account.Kind.IN_PAYOUT)


def proceeds(shop: Shop) -> int:
    return accounts.balance(shop.merchant.proceeds_id)


def approved(run_no: int = 1) -> list[Payout]:
    clearing.approve(run_no=run_no, through=10**9)
    return list(Payout.objects.filter(run_no=run_no, state=Payout.State.APPROVED).order_by("pk"))


def sent(run_no: int = 1) -> list[Payout]:
    payouts = approved(run_no)
    clearing.send(run_no=run_no, payout_ids=[payout.pk for payout in payouts])
    return payouts


def bank(
    *lines: tuple[int, int | None], day: date, opening: int | None = None, off: int = 0, **more: Any
) -> funding.Booked:
    """Book a file of the bank with these amounts and payouts."""
    last = -accounts.balance(1) if opening is None else opening
    number = next(_files)
    rows = [
        funding.Line(f"F{number}-{n}", fen, day, "payer", f"payout {payout}", payout)
        for n, (fen, payout) in enumerate(lines)
    ]
    facts: dict[str, Any] = {
        "bank": "bank", "account": "1", "from_on": day, "to_on": day, "opening_fen": last, "lines": rows,
        "closing_fen": last + sum(fen for fen, _payout in lines) + off, "digest": hashlib.sha256(b"%d" % number).digest(),
        "actor": TEST, "at": noon(day), "now": noon(day),
    }  # fmt: skip
    return funding.book_statement(**{**facts, **more})


def test_a_day_of_one_merchant_by_hand(taker: Shop) -> None:
    done = run(DAY)
    stated = statement(taker, DAY)
    assert (stated.opening_fen, stated.proceeds_fen, stated.paid_fen, stated.closing_fen) == (0, 2_970, 2_970, 0)
    assert done.statements == 1 and not done.failed
    assert (proceeds(taker), in_payout(taker)) == (0, 2_970)
    payout = Payout.objects.get()
    assert (payout.amount_fen, payout.state, payout.statement_id) == (2_970, Payout.State.PROPOSED, stated.pk)
    assert [row.points for row in stated_rows.own_rows(stated)] == [2_970]
    (line,) = stated_rows.lines(stated_rows.of_statement(stated), [taker.outlet.outlet_id])
    assert (line.amount_fen, line.fee_fen) == (2_970, 30)


def test_again_nothing_happens(taker: Shop) -> None:
    run(DAY)
    before = Transfer.objects.count()
    assert clearing.clear(DAY, actor=TEST, now=noon(DAY + timedelta(days=2))).statements == 0
    assert run(DAY + timedelta(days=1)).statements == 0
    assert Transfer.objects.count() == before
    with pytest.raises(Refused, match="clearing_day_passed"):
        clearing.clear(DAY - timedelta(days=1), actor=TEST, now=noon(DAY + timedelta(days=2)))
    with pytest.raises(Refused, match="clearing_day_open"):
        clearing.clear(DAY + timedelta(days=5), actor=TEST, now=noon(DAY + timedelta(days=5)))


def test_stopped_after_any_chunk_it_does_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "CHUNK", 2)
    giver = open_shop(matures_days=0, float_fen=100_000_000)
    shops = [open_shop(matures_days=0) for _n in range(5)]
    for shop in shops:
        take(shop, 1_000, giver=giver)
    closing.close(DAY, noon(DAY + timedelta(days=1)))
    for chunks in range(1, 4):
        running = clearing.run(DAY, actor=TEST, now=noon(DAY + timedelta(days=1)))
        for _step in range(chunks):
            next(running)
        running.close()
        assert not Clearing.objects.get().finished_at
    clearing.clear(DAY, actor=TEST, now=noon(DAY + timedelta(days=1)))
    assert [in_payout(shop) for shop in shops] == [990] * 5
    assert Payout.objects.count() == Statement.objects.count() == 5
    assert Clearing.objects.get().finished_at


def test_only_what_was_booked_through_the_day(taker: Shop) -> None:
    take(taker, 500, DAY + timedelta(days=1))
    closing.close(DAY, noon(DAY + timedelta(days=2)))
    clearing.clear(DAY, actor=TEST, now=noon(DAY + timedelta(days=2)))
    assert (in_payout(taker), proceeds(taker)) == (2_970, 495)
    run(DAY + timedelta(days=1))
    assert statement(taker, DAY + timedelta(days=1)).proceeds_fen == 495


def test_a_void_that_the_roll_up_has_not_seen_is_not_paid(taker: Shop) -> None:
    wallet = open_shop(matures_days=0, float_fen=10_000_000).wallet(2_000)
    at = noon(DAY) + timedelta(hours=11, minutes=58)
    sale = taker.sell(wallet, 1_000, event_at=at, now=at, spend_points=1_000)
    closing.close(DAY, noon(DAY + timedelta(days=1)))
    running = clearing.run(DAY, actor=TEST, now=noon(DAY + timedelta(days=1)))
    next(running)
    assert taker.void(sale.sale_id, at + timedelta(minutes=5)).is_booked
    list(running)
    assert (in_payout(taker), proceeds(taker)) == (2_970, 0)
    run(DAY + timedelta(days=1))
    assert proceeds(taker) == 0


def test_the_standing_top_up_comes_before_the_payout(taker: Shop) -> None:
    clearing.set_standing(float_id=taker.merchant.float_id, fen=taker.float_fen + 1_000)
    before = taker.float_fen
    run(DAY)
    assert (taker.float_fen - before, in_payout(taker)) == (1_000, 1_970)
    with pytest.raises(Refused, match="clearing_amount_invalid"):
        clearing.set_standing(float_id=taker.merchant.float_id, fen=-1)


def test_less_than_the_smallest_payout_waits(taker: Shop) -> None:
    run(DAY, minimum_fen=5_000)
    assert (in_payout(taker), statement(taker, DAY).closing_fen) == (0, 2_970)
    take(taker, 3_000, DAY + timedelta(days=1))
    run(DAY + timedelta(days=1), minimum_fen=5_000)
    stated = statement(taker, DAY + timedelta(days=1))
    assert (stated.opening_fen, stated.paid_fen, stated.closing_fen) == (2_970, 5_940, 0)


def test_who_has_no_bank_account_is_paid_later(taker: Shop) -> None:
    run(DAY, unpaid=lambda _chunk: [taker.merchant.proceeds_id])
    assert (in_payout(taker), proceeds(taker)) == (0, 2_970)
    run(DAY + timedelta(days=1))
    assert in_payout(taker) == 2_970


def test_a_centre_is_paid_its_part_of_the_close() -> None:
    shop = open_shop(matures_days=0)
    shop.sell(shop.wallet(), 10_000, event_at=noon(DAY), now=noon(DAY))
    run(DAY + timedelta(days=7))
    stated = Statement.objects.get(account_id=shop.outlet.centre_account_id)
    assert (stated.proceeds_fen, stated.paid_fen) == (100, 100)
    (line,) = stated_rows.lines(stated_rows.of_statement(stated))
    assert line.amount_fen == 100


def test_a_payout_is_paid_on_the_bank_s_line_and_may_come_back(taker: Shop) -> None:
    run(DAY)
    (payout,) = sent()
    assert bank((-2_970, payout.pk), day=DAY + timedelta(days=2)).paid == 1
    payout.refresh_from_db()
    assert (payout.state, in_payout(taker)) == (Payout.State.PAID, 0)
    assert bank((2_970, payout.pk), day=DAY + timedelta(days=3)).returned == 1
    assert proceeds(taker) == 2_970
    assert accounts.balance(2) == 0
    run(DAY + timedelta(days=3))
    stated = statement(taker, DAY + timedelta(days=3))
    assert (stated.returned_fen, stated.proceeds_fen, stated.paid_fen) == (2_970, 0, 2_970)
    assert [row.amount_fen for row in stated_rows.movements(stated_rows.of_statement(stated))] == [2_970]


def test_a_debit_that_nobody_knows_is_the_operator_s(taker: Shop) -> None:
    with pytest.raises(Refused, match="bank_debit_uncovered"):
        bank((-100, None), day=DAY)
    taker.top_up(1_000_000, noon(DAY))
    taker.sell(taker.wallet(), 500_000, event_at=noon(DAY), now=noon(DAY))
    run(DAY + timedelta(days=8))
    fee = accounts.balance(3)
    payout = next(one for one in approved() if one.source_id == taker.merchant.proceeds_id)
    # Not yet in a file, so the bank cannot have paid it: nobody knows that line. Nor one with another amount.
    booked = bank((-100, None), (-2_970, payout.pk), day=DAY + timedelta(days=9))
    assert (booked.charged, booked.charged_fen, booked.paid) == (2, 3_070, 0)
    assert accounts.balance(3) == fee - 3_070
    assert BankLine.objects.unknown_debits().count() == 2


def test_a_file_is_booked_whole_or_not_at_all(taker: Shop) -> None:
    before = Transfer.objects.count()
    with pytest.raises(Refused, match="bank_file_sum_wrong"):
        bank((500, None), day=DAY, off=1)
    booked = bank((500, None), (700, None), day=DAY, digest=b"1" * 32)
    assert booked.lines == 2 and accounts.balance(2) == 1_200
    again = bank((500, None), (700, None), day=DAY, digest=b"1" * 32)
    assert not again.is_new
    with pytest.raises(Refused, match="bank_file_gap"):
        bank((900, None), day=DAY, opening=5)
    assert Transfer.objects.count() == before + 2


def test_a_line_twice_is_once(taker: Shop) -> None:
    opening = -accounts.balance(1)
    line = funding.Line("S1", 500, DAY, "payer", "")
    facts: dict[str, Any] = {"opening": opening, "day": DAY}
    bank(lines=[line], closing_fen=opening + 500, **facts)
    bank(lines=[line, funding.Line("S2", 300, DAY)], closing_fen=opening + 800, **facts)
    assert accounts.balance(2) == 800
    with pytest.raises(Refused, match="bank_line_differs"):
        bank(lines=[funding.Line("S2", 301, DAY)], closing_fen=opening + 801, opening=opening + 500, day=DAY)


def test_a_dispute_stops_a_payout_that_no_bank_has(taker: Shop) -> None:
    run(DAY)
    approved()
    day = DAY + timedelta(days=1)
    retention, stopped = clearing.retain(
        account_id=taker.merchant.proceeds_id, amount_fen=1_000, actor=TEST, at=noon(day), now=noon(day)
    )
    assert (retention.held_fen, len(stopped)) == (1_000, 1)
    assert (in_payout(taker), balance(taker, Account.Kind.RETAINED), proceeds(taker)) == (0, 1_000, 1_970)
    run(day)
    stated = statement(taker, day)
    assert (stated.returned_fen, stated.retained_fen, stated.paid_fen) == (2_970, 1_000, 1_970)
    later = day + timedelta(days=1)
    clearing.release(
        retention_id=retention.pk, to_id=taker.merchant.proceeds_id, actor=TEST, at=noon(later), now=noon(later)
    )
    run(later)
    assert (statement(taker, later).retained_fen, in_payout(taker)) == (-1_000, 2_970)
    with pytest.raises(Refused, match="retention_decided"):
        clearing.release(retention_id=retention.pk, to_id=taker.merchant.proceeds_id, actor=TEST, at=noon(later))


def test_a_dispute_after_the_file_is_taken_by_the_next_run(taker: Shop) -> None:
    run(DAY)
    (payout,) = sent()
    day = DAY + timedelta(days=1)
    at = noon(day)
    retention, stopped = clearing.retain(
        account_id=taker.merchant.proceeds_id, amount_fen=1_000, actor=TEST, at=at, now=at
    )
    assert (retention.held_fen, stopped, in_payout(taker)) == (0, [], 2_970)
    take(taker, 800, day)
    run(day)
    assert Retention.objects.get().held_fen == 792
    take(taker, 800, day + timedelta(days=1))
    run(day + timedelta(days=1))
    assert statement(taker, day + timedelta(days=1)).paid_fen == 792 - 208
    other = open_shop(matures_days=0)
    at = noon(day + timedelta(days=2))
    clearing.release(retention_id=retention.pk, to_id=other.merchant.float_id, actor=TEST, at=at, now=at)
    assert other.float_fen == 101_000
    assert payout.amount_fen == 2_970


def test_the_operator_takes_its_fee_only_when_it_is_released(taker: Shop) -> None:
    at = noon(DAY + timedelta(days=1))
    with pytest.raises(Refused, match="fee_short"):
        clearing.withdraw_fee(amount_fen=10, actor=TEST, at=at, now=at)
    run(DAY + timedelta(days=8))
    at = noon(DAY + timedelta(days=9))
    payout = clearing.withdraw_fee(amount_fen=30, actor=TEST, at=at, now=at)
    assert payout in sent()
    assert bank((-30, payout.pk), day=DAY + timedelta(days=9)).paid == 1


def test_who_leaves_gets_float_and_proceeds(taker: Shop) -> None:
    clearing.set_standing(float_id=taker.merchant.float_id, fen=5_000_000, is_leaving=True)
    at, had = noon(DAY + timedelta(days=1)), taker.float_fen
    assert clearing.empty_float(float_id=taker.merchant.float_id, actor=TEST, at=at, now=at) == had
    assert clearing.empty_float(float_id=taker.merchant.float_id, actor=TEST, at=at, now=at) == 0
    run(DAY + timedelta(days=1), minimum_fen=10_000_000)
    assert (taker.float_fen, in_payout(taker), proceeds(taker)) == (0, had + 2_970, 0)


def test_who_gave_and_who_took(taker: Shop) -> None:
    giver = open_shop(matures_days=0, float_fen=10_000_000)
    take(taker, 400, DAY + timedelta(days=1), giver)
    flows = matrix.matrix(DAY, DAY + timedelta(days=1))
    assert {(flow.funder_id, flow.redeemer_id): flow.points for flow in flows}[
        giver.merchant.float_id, taker.merchant.float_id
    ] == 400
    assert sum(flow.points for flow in flows) == 3_400
    found = matrix.sums(DAY, DAY)
    assert found.is_balanced and found.is_matched
    assert (found.spent_points, found.proceeds_fen, found.spending_fees_fen) == (3_000, 2_970, 30)
