"""A debit that nobody knew, borne by the fee, is charged by two people to the payout or the float that it belonged to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from alliance import approvals
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Event
from alliance.refusals import Refused
from merchants import desk, reassigning
from merchants.models import PayoutLine
from points import accounts, closing, funding, rollup
from points.models import Account, BankLine, Payout
from tests.factories import members, shops, staff
from tests.factories.shops import SYSTEM, Shop
from tests.merchants.test_payouts import book, clear, filed, on_file, people, shop, sound  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small(settings: Any) -> None:
    settings.CLEARING_MINIMUM_FEN = 0
    settings.BANK_NAME = "T"


@pytest.fixture
def fee(shop: Shop) -> int:  # noqa: F811
    """Return what the operator's fee holds: the refund windows of a large sale are over."""
    large = shops.shop("万家百货", matures_days=0)
    shops.sale(large, members.member().wallet_id, 500_000, now=shops.days_ago(12))
    closing.close(shanghai_day(timezone.now()) - timedelta(days=1))
    rollup.run()
    held = accounts.balance(accounts.house("fee"))
    assert held >= 2_970
    return held


def unknown(amount: str = "29.70") -> BankLine:
    outcome = book(("serial-nine", "", amount, "某某公司", "手工转账"))
    assert outcome.booked and outcome.booked.charged == 1
    return BankLine.objects.get(serial="serial-nine")


def agree(approval: Approval, user: Any) -> Any:
    return approvals.approve(approval, user=user, at=timezone.now())


def test_it_paid_a_payout_whose_code_the_bank_forgot(shop: Shop, people: tuple[Any, Any], fee: int) -> None:  # noqa: F811
    on_file(shop, people)
    clear()
    filed(people)
    line, payout = unknown(), Payout.objects.get()
    assert accounts.balance(3) == fee - 2_970
    assert reassigning.candidates(line) == [payout]
    approval = reassigning.ask(line=line, payout=payout, reason="bank's letter 7", user=people[0], at=timezone.now())
    with pytest.raises(Refused, match="approval_already_asked"):
        reassigning.ask(line=line, payout=payout, reason="again", user=people[1], at=timezone.now())
    with pytest.raises(Refused, match="approval_same_person"):
        agree(approval, people[0])
    assert accounts.balance(3) == fee - 2_970
    journal = agree(approval, people[1])
    payout.refresh_from_db()
    line.refresh_from_db()
    assert (payout.state, payout.end_journal_id) == (Payout.State.PAID, journal)
    assert (line.payout_id, line.reassign_journal_id, line.reassigned_to_id) == (payout.pk, journal, payout.account_id)
    rollup.run()
    assert accounts.balance(3) == fee
    assert Account.objects.get(pk=payout.account_id).balance == 0
    facts = Event.objects.get(verb="bank_line.reassigned").facts
    assert (facts["payout"], facts["reason"]) == (payout.pk, "bank's letter 7")
    assert desk.unknown_debits(timezone.now()) == []
    sound()
    # It is a payout like any other now: it may come back.
    code = PayoutLine.objects.get().code
    outcome = book(("S10", "29.70", "", "和安鲜果商行", f"退汇 {code}"))
    assert outcome.booked and outcome.booked.returned == 1
    sound()
    with pytest.raises(Refused, match="bank_debit_known"):
        reassigning.ask(line=line, merchant=shop.merchant, reason="no", user=people[0], at=timezone.now())


def test_it_was_made_for_a_merchant(shop: Shop, people: tuple[Any, Any], fee: int) -> None:  # noqa: F811
    line = unknown("20.00")
    before = accounts.balance(shop.merchant.book.float_id)
    agree(
        reassigning.ask(line=line, merchant=shop.merchant, reason="fee of the bank", user=people[0], at=timezone.now()),
        people[1],
    )
    rollup.run()
    assert accounts.balance(shop.merchant.book.float_id) == before - 2_000
    assert accounts.balance(3) == fee
    sound()


def test_what_does_not_fit_is_refused_with_words(shop: Shop, people: tuple[Any, Any], fee: int) -> None:  # noqa: F811
    on_file(shop, people)
    clear()
    line, payout = unknown("20.00"), Payout.objects.get()
    at = timezone.now()
    with pytest.raises(Refused, match="bank_debit_no_goal"):  # no bank has it yet
        reassigning.ask(line=line, payout=payout, reason="x", user=people[0], at=at)
    filed(people)
    payout.refresh_from_db()
    with pytest.raises(Refused, match="bank_debit_other_amount"):
        reassigning.ask(line=line, payout=payout, reason="x", user=people[0], at=at)
    with pytest.raises(Refused, match="bank_debit_no_goal"):
        reassigning.ask(line=line, payout=payout, merchant=shop.merchant, reason="x", user=people[0], at=at)
    # The book itself says no as well, whatever was asked for.
    for given, code in (
        ({"payout_id": payout.pk}, "bank_debit_other_amount"),
        ({"payout_id": 4_711}, "bank_debit_no_goal"),
        ({"float_id": 2}, "bank_debit_no_goal"),
    ):
        with pytest.raises(Refused, match=code):
            funding.reassign(bank_line=line, actor=SYSTEM, at=at, **given)
    Account.objects.filter(pk=shop.merchant.float_id).update(balance=1_999)
    with pytest.raises(Refused, match="bank_debit_float_short"):
        funding.reassign(bank_line=line, actor=SYSTEM, at=at, float_id=shop.merchant.float_id)
    with pytest.raises(DatabaseError), transaction.atomic():
        BankLine.objects.filter(pk=line.pk).update(reassigned_at=at)


def test_in_the_console(shop: Shop, people: tuple[Any, Any], fee: int) -> None:  # noqa: F811
    line = unknown("20.00")
    first, second = staff.console(people[0]), staff.console(people[1])
    rows = first.get(reverse("admin:points_bankline_changelist"), {"what": "unknown"}).content.decode()
    assert "不明支出，由运营费承担" in rows and "serial-nine" in rows
    act = reverse("admin:points_bankline_act", args=(line.pk, "reassign"))
    assert "没有金额相同的在途付款" in first.get(act).content.decode()
    assert staff.console(staff.colleague("hq_admin")).get(act).status_code == 403
    assert first.post(act, {"reason": "?"}).status_code == 422
    assert first.post(act, {"merchant": shop.merchant.pk}).status_code == 422
    assert first.post(act, {"merchant": shop.merchant.pk, "reason": "bank's letter"}).status_code == 302
    approval = Approval.objects.waiting().get(kind=reassigning.KIND)
    assert second.post(reverse("admin:alliance_approval_act", args=(approval.pk, "approve"))).status_code == 302
    shown = second.get(reverse("admin:points_bankline_change", args=(line.pk,))).content.decode()
    assert "已改记" in shown
    for what, n in (("unknown", 0), ("reassigned", 1), ("waiting", 0), ("payouts", 0)):
        answer = first.get(reverse("admin:points_bankline_changelist"), {"what": what})
        assert ("serial-nine" in answer.content.decode()) is bool(n), what
    # There is nothing more to charge.
    assert first.get(act).status_code == 302
