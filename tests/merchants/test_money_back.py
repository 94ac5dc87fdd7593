"""What comes back from the bank, what an award lacks, and runs in which nobody can be paid."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from alliance import approvals
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval
from alliance.refusals import Refused
from merchants import banking, clearing, disputes, payouts, returns, topups
from merchants.models import Dispute, PayoutAccount, PayoutRun
from points import accounts, closing, partitions, rollup
from points import clearing as book_clearing
from points.models import BankLine, Payout, Retention, Statement, Wallet
from tests.factories import members, shops, staff
from tests.factories.shops import SYSTEM, Shop
from tests.laws.test_races import together
from tests.merchants.test_payouts import (  # noqa: F401
    _no_smallest_payout,
    book,
    clear,
    filed,
    on_file,
    people,
    shop,
    sound,
)

pytestmark = pytest.mark.django_db(transaction=True)


def code_of(payout: Payout) -> str:
    from merchants.calc import references

    return references.payout_code(payout.pk)


def next_day(days: int = 1) -> Any:
    at = timezone.now() + timedelta(days=days)
    partitions.ahead(1, shanghai_day(at))
    return at


def clear_later(days: int = 1) -> None:
    """Close and clear the day before `days` from now."""
    at = next_day(days)
    day = shanghai_day(at) - timedelta(days=1)
    closing.close(day, at)
    list(clearing.run(day, actor=SYSTEM, at=at, now=at))


@pytest.mark.parametrize("turned", [False, True])
def test_paid_and_back_in_one_file(shop: Shop, people: tuple[Any, Any], turned: bool) -> None:  # noqa: F811
    on_file(shop, people)
    clear()
    filed(people)
    payout = Payout.objects.get()
    rows = [("S1", "", "29.70", "", code_of(payout)), ("S2", "29.70", "", "", f"退汇 {code_of(payout)}")]
    outcome = book(*(reversed(rows) if turned else rows))
    assert outcome.booked and (outcome.booked.paid, outcome.booked.returned) == (1, 1)
    payout.refresh_from_db()
    assert payout.state == Payout.State.RETURNED and accounts.balance(2) == 0
    rollup.run()
    assert accounts.balance(shop.merchant.book.proceeds_id) == 2_970
    assert PayoutAccount.objects.get(state="current").returned_at is not None
    sound()


def test_a_return_that_does_not_say_so_is_taken_back_by_two(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    on_file(shop, people)
    clear()
    filed(people)
    payout = Payout.objects.get()
    book(("S1", "", "29.70", "", code_of(payout)))
    book(("S2", "29.60", "", "", "returned, less 0.10"), ("S3", "30.00", "", "", "too much"))
    line, other = BankLine.objects.get(serial="S2"), BankLine.objects.get(serial="S3")
    for wrong, given in ((line, "LHP00001"), (other, code_of(payout))):
        with pytest.raises(Refused, match="payout_not_out"):
            returns.ask(line=wrong, code=given, user=people[0], at=timezone.now())
    asked = returns.ask(line=line, code=code_of(payout), user=people[0], at=timezone.now())
    assert "29.60" in returns.describe(asked) and "29.70" in returns.describe(asked)
    with pytest.raises(Refused, match="bank_line_asked"):
        topups.match(line=line, merchant=shop.merchant, user=people[0], at=timezone.now())
    approvals.approve(asked, user=people[1], at=timezone.now())
    payout.refresh_from_db()
    line.refresh_from_db()
    assert (payout.state, line.allotted_to_id) == (Payout.State.RETURNED, shop.merchant.book.proceeds_id)
    rollup.run()
    assert (accounts.balance(2), accounts.balance(shop.merchant.book.proceeds_id)) == (3_000, 2_960)
    assert PayoutAccount.objects.get(state="current").returned_at is not None
    sound()
    clear_later()
    stated = Statement.objects.order_by("-clearing").first()
    assert stated and (stated.returned_fen, stated.proceeds_fen) == (2_960, 0)
    sound()


def test_a_run_in_which_nobody_can_be_paid_ends(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    on_file(shop, people)
    clear()
    run = payouts.ask(user=people[0], at=timezone.now())
    assert run.approval
    approvals.approve(run.approval, user=people[1], at=timezone.now())
    PayoutAccount.objects.update(returned_at=timezone.now())
    run = payouts.file(run=PayoutRun.objects.get(), actor=SYSTEM, at=timezone.now())
    assert (run.state, Payout.objects.get().state) == ("empty", Payout.State.STOPPED)
    assert payouts.file(run=run, actor=SYSTEM, at=timezone.now()).state == "empty"
    sound()


# --- disputes -----------------------------------------------------------------------------------------


def contested(shop: Shop, people: tuple[Any, Any], fen: int = 500) -> tuple[Dispute, int]:  # noqa: F811
    """A dispute about money that the bank has; 99 fen are there to be set apart."""
    on_file(shop, people)
    clear()
    filed(people)
    stated = Statement.objects.get(account_id=shop.merchant.book.proceeds_id)
    giver = shops.shop("another", matures_days=0, spend_share_bps=10_000)
    wallet = members.member().wallet_id
    shops.sale(giver, wallet, 100_000)
    shops.sale(shop, wallet, 0, spend=100)
    made = disputes.open(
        merchant=shop.merchant, statement=stated, amount_fen=fen, reason="x", actor=SYSTEM, at=timezone.now()
    )
    assert made.retention.held_fen == 99
    return made, wallet


def award(made: Dispute, people: tuple[Any, Any], **to: Any) -> Approval:  # noqa: F811
    asked = disputes.ask(dispute=made, user=people[0], at=timezone.now(), **to)
    said = disputes.describe(asked)
    approvals.approve(asked, user=people[1], at=timezone.now())
    made.refresh_from_db()
    assert ("0.99" in said and "4.01" in said) and made.state == "awarded"
    return asked


def test_what_an_award_to_a_member_lacks_comes_from_the_next_proceeds(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    made, giver = contested(shop, people)
    other = members.member().wallet_id
    award(made, people, to_wallet=other)
    assert (Wallet.objects.get(pk=other).balance, made.owed_fen) == (99, 401)
    sound()
    shops.sale(shop, giver, 0, spend=200)
    clear_later(1)
    assert (Wallet.objects.get(pk=other).balance, made.owed_fen) == (99 + 198, 203)
    sound()
    shops.sale(shop, giver, 0, spend=2_000)
    clear_later(2)
    made = Dispute.objects.get(pk=made.pk)
    assert (Wallet.objects.get(pk=other).balance, made.owed_fen) == (500, 0)
    assert Retention.objects.filter(root=made.retention_id).count() == 2
    last = Statement.objects.filter(account_id=shop.merchant.book.proceeds_id).order_by("-clearing").first()
    assert last and (last.retained_fen, last.paid_fen) == (203, 1_980 - 203)
    clear_later(3)
    assert Wallet.objects.get(pk=other).balance == 500
    sound()


def test_what_an_award_to_a_merchant_lacks_comes_too_and_goes_out_with_its_clearing(
    shop: Shop,  # noqa: F811
    people: tuple[Any, Any],  # noqa: F811
) -> None:
    made, giver = contested(shop, people)
    winner = shops.shop("winner", matures_days=0)
    award(made, people, to_merchant=winner.merchant)
    shops.sale(shop, giver, 0, spend=2_000)
    clear_later(1)
    rollup.run()
    assert (accounts.balance(winner.merchant.book.proceeds_id), made.owed_fen) == (500, 0)
    sound()


def test_a_receipt_is_contested_once(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    on_file(shop, people)
    clear()
    stated = Statement.objects.get(account_id=shop.merchant.book.proceeds_id)
    from points import stated as rows

    (line,) = rows.lines(rows.of_statement(stated), shop.merchant.outlet_numbers)
    about: dict[str, Any] = {"merchant": shop.merchant, "statement": stated, "reason": "x\0", "actor": SYSTEM}
    whole = disputes.contestable(shop.merchant, stated)
    made = disputes.open(**about, at=timezone.now(), amount_fen=1_000, journal_id=line.journal_id)
    assert made.reason == "x"
    assert disputes.contestable(shop.merchant, stated, line.journal_id) == 2_000
    assert disputes.contestable(shop.merchant, stated) == whole - 1_000
    asked = disputes.ask(dispute=made, user=people[0], at=timezone.now(), to_wallet=members.member().wallet_id)
    approvals.approve(asked, user=people[1], at=timezone.now())
    # What went to the other side is gone: it is not contested again, neither by the receipt nor by the statement.
    assert disputes.contestable(shop.merchant, stated, line.journal_id) == 2_000
    assert disputes.contestable(shop.merchant, stated) == whole - 1_000
    disputes.open(**about, at=timezone.now(), amount_fen=whole - 1_000)
    with pytest.raises(Refused, match="dispute_too_much"):
        disputes.open(**about, at=timezone.now(), amount_fen=1, journal_id=line.journal_id)


def together_with_a_pause(holding: int, *works: Any) -> list[str]:
    """Let works begin one after another while somebody holds an account's row; return what went wrong."""
    wrong: list[str] = []

    def run(work: Any) -> None:
        try:
            work()
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}"[:200])
        finally:
            connections.close_all()

    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM points_account WHERE id = %s FOR NO KEY UPDATE", [holding])
        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
            time.sleep(1)
        cursor.execute("COMMIT")
    for thread in threads:
        thread.join(60)
    return wrong


@pytest.mark.race
def test_a_dispute_is_withdrawn_while_its_merchant_is_cleared(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    made, giver = contested(shop, people)
    shops.sale(shop, giver, 0, spend=2_000)
    at = next_day()
    day, proceeds = shanghai_day(at) - timedelta(days=1), shop.merchant.book.proceeds_id
    closing.close(day, at)
    rollup.run()
    assert book_clearing._begin(day, 0, SYSTEM, at)
    wrong = together_with_a_pause(
        proceeds,
        lambda: book_clearing._clear_again(day, [proceeds], [], at),
        lambda: disputes.withdraw(dispute=made, actor=SYSTEM, at=timezone.now()),
    )
    assert wrong == []
    sound()


@pytest.mark.race
def test_an_award_to_a_member_who_buys_there_at_that_moment(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    made, giver = contested(shop, people)
    asked = disputes.ask(dispute=made, user=people[0], at=timezone.now(), to_wallet=giver)
    works = [lambda: approvals.approve(asked, user=people[1], at=timezone.now())]
    works += [lambda: shops.sale(shop, giver, 1_000)] * 5
    answers = together(6, lambda n: works[n]())
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    sound()


# --- one question about a line ------------------------------------------------------------------------


def test_a_bank_line_is_asked_for_once(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    book(("S1", "500.00", "", "", ""))
    line = BankLine.objects.get(serial="S1")
    unit = staff.colleague("finance", name="third").posts.get().unit
    asked = topups.match(line=line, merchant=shop.merchant, user=people[0], at=timezone.now())
    from points import funding

    with pytest.raises(Refused, match="bank_line_asked"):
        funding.asking(line)
    approvals.refuse(asked, user=people[1], at=timezone.now(), reason="no")
    funding.asking(line)
    Approval.objects.create(
        kind="points.opening", subject="points.opening:1", facts={"line": line.pk}, unit=unit, asked_by=people[0],
        asked_at=timezone.now(),
    )  # fmt: skip
    with pytest.raises(Refused, match="bank_line_asked"):
        topups.match(line=line, merchant=shop.merchant, user=people[0], at=timezone.now())


# --- what stands in a file ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("S\0,{day},5.00,,x\0,y", None),
        ("S,{day} 10:05:33,5.00,,,", None),
        ("S,{day}5x,5.00,,,", ("date_unreadable", 5)),
        ("S,2026-1-123,5.00,,,", ("date_unreadable", 5)),
        ("S,1999-12-31,5.00,,,", ("date_out_of_range", 5)),
        ("S,2999-12-31,5.00,,,", ("date_out_of_range", 5)),
        ("S" * 81 + ",{day},5.00,,,", ("serial_too_long", 5)),
    ],
)
def test_what_stands_in_a_line(row: str, fault: tuple[str, int] | None, db: None) -> None:
    day = shanghai_day(timezone.now())
    partitions.ahead(1, day)
    text = "账号,1\n期初余额,0.00\n期末余额,5.00\n流水号,交易日期,收入,支出,对方户名,摘要\n" + row.format(day=day)
    outcome = banking.book(content=text.encode(), actor=SYSTEM, at=timezone.now())
    assert [(found.code, found.line) for found in outcome.faults] == ([fault] if fault else [])
    assert BankLine.objects.count() == (0 if fault else 1)
    assert not any("\0" in line.payer + line.serial for line in BankLine.objects.all())


def test_the_operator_takes_no_fee_that_it_owes() -> None:
    from points import refunds
    from points.models import Sale
    from tests.points.shops import NOON, TEST, open_shop

    seller = open_shop(matures_days=0, holdback_days=7)
    at = NOON - timedelta(days=12)
    sale = seller.sell(seller.wallet(), 10_000, event_at=at, now=at)
    closing.close(shanghai_day(NOON) - timedelta(days=1), now=NOON)
    rollup.run()
    free = accounts.balance(3)
    assert free == 150
    refunds.refund(
        sale=Sale.objects.get(pk=sale.sale_id), outlet_id=seller.outlet.outlet_id, returned=refunds.ByTotal(10_000),
        caller=seller.caller, key="r", body="r", actor=TEST, at=NOON, now=NOON,
    )  # fmt: skip
    with pytest.raises(Refused, match="fee_short"):
        book_clearing.withdraw_fee(amount_fen=1, actor=TEST, at=NOON, now=NOON)
    with connection.cursor() as cursor:
        cursor.execute("SELECT fee, buffer FROM points_owed_back()")
        assert cursor.fetchone() == (150, 50)
        with pytest.raises(Exception, match="more than breakage and buffer"):
            cursor.execute(
                "SELECT points_surplus_close(9, 0, 1, 0, %s, 'x', %s, %s)",
                [shanghai_day(NOON) + timedelta(30), NOON, NOON],
            )
    had, later = seller.float_fen, NOON + timedelta(days=1)
    partitions.ahead(1, shanghai_day(later))
    closing.close(shanghai_day(NOON), now=later)
    assert seller.float_fen - had == 300
    sound()
