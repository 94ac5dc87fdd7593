"""From what a shop took to money on its bank account: two people, three days, one file, and whatever a bank sends back."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alliance import approvals
from alliance.calc.worktime import day_start, shanghai_day
from alliance.models import Approval, Event
from alliance.refusals import Refused
from merchants import banking, clearing, disputes, onboarding, payaccounts, payouts, reactions
from merchants.calc import references
from merchants.models import Dispute, Merchant, PayoutAccount, PayoutLine, PayoutRun
from points import accounts, closing, rollup, verify
from points.models import BankLine, Payout, Statement
from tests.factories import members, shops, staff
from tests.factories.shops import SYSTEM, Shop

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER = "6222020200112233445"


@pytest.fixture(autouse=True)
def _no_smallest_payout(settings: Any) -> None:
    settings.CLEARING_MINIMUM_FEN = 0


@pytest.fixture
def people(db: None) -> tuple[Any, Any]:
    return staff.colleague("finance", name="first"), staff.colleague("finance", name="second")


@pytest.fixture
def shop(db: None) -> Shop:
    """A fruit shop that took 3,000 points yesterday."""
    giver = shops.shop(matures_days=0, spend_share_bps=10_000)
    taker = shops.shop("鲜果时光", trade="fruit", matures_days=0, spend_share_bps=10_000)
    wallet = members.member().wallet_id
    at = day_start(shanghai_day(timezone.now())) - timedelta(hours=2)
    shops.sale(giver, wallet, 100_000, now=at - timedelta(hours=1))
    shops.sale(taker, wallet, 0, spend=3_000, now=at)
    return taker


def on_file(shop: Shop, people: tuple[Any, Any], number: str = NUMBER, at: datetime | None = None) -> PayoutAccount:
    first, second = people
    facts: dict[str, Any] = {"bank_name": "中国工商银行和安支行", "holder": "和安鲜果商行", "number": number}
    account = payaccounts.ask(merchant=shop.merchant, user=first, at=at or timezone.now(), **facts)
    assert account.approval
    approvals.approve(account.approval, user=second, at=at or timezone.now())
    account.refresh_from_db()
    return account


def clear() -> None:
    now = timezone.now()
    day = shanghai_day(now) - timedelta(days=1)
    closing.close(day)
    list(clearing.run(day, actor=SYSTEM, at=now))


def filed(people: tuple[Any, Any]) -> PayoutRun:
    first, second = people
    run = payouts.ask(user=first, at=timezone.now())
    assert run.approval
    approvals.approve(run.approval, user=second, at=timezone.now())
    return payouts.file(run=PayoutRun.objects.get(pk=run.pk), actor=SYSTEM, at=timezone.now())


def statement_file(*rows: tuple[str, str, str, str, str], opening: int | None = None, off: int = 0) -> bytes:
    """Write a bank's file: serial, credit, debit, payer, memo."""
    from merchants.banks.plain import _fen

    start = -accounts.balance(1) if opening is None else opening
    total = sum((_fen(row[1]) or 0 if row[1] else 0) - (_fen(row[2]) or 0 if row[2] else 0) for row in rows)
    day = shanghai_day(timezone.now()).isoformat()
    lines = ["账号,1", f"期初余额,{start / 100:.2f}", f"期末余额,{(start + total + off) / 100:.2f}"]
    lines.append("流水号,交易日期,收入,支出,对方户名,摘要")
    lines += [f'{serial},{day},"{credit}","{debit}",{payer},{memo}' for serial, credit, debit, payer, memo in rows]
    return "\r\n".join(lines).encode()


def book(*rows: tuple[str, str, str, str, str], **more: Any) -> banking.Outcome:
    return banking.book(content=statement_file(*rows, **more), actor=SYSTEM, at=timezone.now(), bank="T")


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def test_from_points_taken_to_money_at_the_bank(shop: Shop, people: tuple[Any, Any]) -> None:
    on_file(shop, people)
    clear()
    run = filed(people)
    assert run.content
    text = bytes(run.content).decode()
    line = PayoutLine.objects.get()
    assert f"D,{line.code},{NUMBER},和安鲜果商行,中国工商银行和安支行,29.70,CNY" in text
    assert text.endswith("T,1,29.70\r\n")
    assert payouts.content_of(run) == bytes(run.content)
    assert hashlib.sha256(bytes(run.content)).hexdigest() == run.digest
    assert payouts.file(run=run, actor=SYSTEM, at=timezone.now()).digest == run.digest
    outcome = book(("S1", "", "29.70", "", f"代付 {line.code}"))
    assert outcome.booked and outcome.booked.paid == 1
    assert Payout.objects.get().state == Payout.State.PAID
    sound()


def test_nobody_approves_what_he_proposed(shop: Shop, people: tuple[Any, Any]) -> None:
    on_file(shop, people)
    clear()
    run = payouts.ask(user=people[0], at=timezone.now())
    assert run.approval
    with pytest.raises(Refused, match="approval_same_person"):
        approvals.approve(run.approval, user=people[0], at=timezone.now())
    with pytest.raises(Refused, match="not_allowed"):
        approvals.approve(run.approval, user=staff.colleague("risk"), at=timezone.now())
    with pytest.raises(Refused, match="approval_already_asked"):
        payouts.ask(user=people[1], at=timezone.now())
    approvals.refuse(run.approval, user=people[1], at=timezone.now(), reason="wrong day")
    reactions.close_what_was_asked(Event.objects.filter(verb="approval.refused").get())
    assert PayoutRun.objects.get().state == "refused"
    assert payouts.ask(user=people[1], at=timezone.now()).payouts == 1


def test_without_an_account_the_money_stays(shop: Shop, people: tuple[Any, Any]) -> None:
    clear()
    assert accounts.balance(shop.merchant.proceeds_id or 0) == 2_970
    with pytest.raises(Refused, match="payout_nothing"):
        payouts.ask(user=people[0], at=timezone.now())


def test_the_account_changed_the_day_before(shop: Shop, people: tuple[Any, Any]) -> None:
    """The classic fraud: approved payouts are stopped, nothing goes to the new account for three days."""
    on_file(shop, people, at=timezone.now() - timedelta(days=20))
    clear()
    first, second = people
    run = payouts.ask(user=first, at=timezone.now())
    assert run.approval
    approvals.approve(run.approval, user=second, at=timezone.now())
    Merchant.objects.filter(pk=shop.merchant.pk).update(contact_phone="+8613900001111")
    thief = on_file(shop, people, number="6222020200999999999")
    assert thief.valid_from and thief.valid_from > timezone.now() + timedelta(days=2, hours=23)
    told = Event.objects.filter(verb="payout_account.old_contact_told")
    assert [event.facts["what"] for event in told.order_by("pk")] == ["asked", "decided"]
    assert not [event for event in Event.objects.all() if "6222020200" in str(event.facts)]
    assert payouts.proposal(timezone.now()).payouts == 0
    assert payouts.file(run=PayoutRun.objects.get(), actor=SYSTEM, at=timezone.now()).state == "empty"
    proceeds = shop.merchant.proceeds_id or 0
    assert payaccounts.unpaid([proceeds], timezone.now()) == [proceeds]
    assert payaccounts.unpaid([proceeds], timezone.now() + timedelta(days=3, minutes=1)) == []
    sound()


def test_what_is_no_account(shop: Shop, people: tuple[Any, Any]) -> None:
    facts: dict[str, Any] = {"merchant": shop.merchant, "user": people[0], "at": timezone.now()}
    for wrong in (
        {"number": "12"},
        {"holder": "=cmd()"},
        {"holder": "a\nb,c"},
        {"bank_name": ""},
        {"number": "6222x2020"},
    ):
        given = {"bank_name": "工商银行", "holder": "和安商行", "number": NUMBER, **wrong}
        with pytest.raises(Refused, match="payout_account_invalid"):
            payaccounts.ask(**given, **facts)
    account = on_file(shop, people, number="６２２２ 0202 0011 2233 445")
    assert account.number == NUMBER and NUMBER.encode() not in bytes(account.number_sealed)
    assert account.masked == "•••• 3445"
    with pytest.raises(Refused, match="payout_account_same"):
        on_file(shop, people)
    other = shops.shop("别家")
    with pytest.raises(Refused, match="payout_account_elsewhere"):
        on_file(other, people)


def test_a_payout_that_comes_back_needs_a_new_check(shop: Shop, people: tuple[Any, Any]) -> None:
    account = on_file(shop, people)
    clear()
    filed(people)
    code = PayoutLine.objects.get().code
    book(("S1", "", "29.70", "", code))
    outcome = book(("S2", "29.70", "", "", f"退汇 {code} 户名不符"))
    assert outcome.booked and outcome.booked.returned == 1
    account.refresh_from_db()
    proceeds = shop.merchant.proceeds_id or 0
    assert account.returned_at and accounts.balance(proceeds) == 2_970
    assert payaccounts.unpaid([proceeds], timezone.now()) == [proceeds]
    approval = payaccounts.ask_check(account=account, user=people[0], at=timezone.now())
    approvals.approve(approval, user=people[1], at=timezone.now())
    assert payaccounts.unpaid([proceeds], timezone.now()) == []
    sound()


def test_a_statement_disputed_before_the_file_stops_the_payout(shop: Shop, people: tuple[Any, Any]) -> None:
    on_file(shop, people)
    clear()
    run = payouts.ask(user=people[0], at=timezone.now())
    assert run.approval
    approvals.approve(run.approval, user=people[1], at=timezone.now())
    statement = Statement.objects.get(account_id=shop.merchant.proceeds_id)
    facts: dict[str, Any] = {"merchant": shop.merchant, "statement": statement, "actor": SYSTEM, "at": timezone.now()}
    for wrong in ({"amount_fen": 0}, {"reason": " "}):
        with pytest.raises(Refused, match="dispute_invalid"):
            disputes.open(**{"amount_fen": 500, "reason": "twice", **facts, **wrong})
    dispute = disputes.open(amount_fen=500, reason="taken twice", **facts)
    assert Payout.objects.get().state == Payout.State.STOPPED
    assert payouts.file(run=PayoutRun.objects.get(), actor=SYSTEM, at=timezone.now()).state == "empty"
    approval = disputes.ask(dispute=dispute, user=people[0], at=timezone.now())
    with pytest.raises(Refused, match="approval_same_person"):
        approvals.approve(approval, user=people[0], at=timezone.now())
    approvals.approve(approval, user=people[1], at=timezone.now())
    assert Dispute.objects.get().state == "returned"
    assert accounts.balance(shop.merchant.proceeds_id or 0) == 2_970
    sound()


def test_a_dispute_decided_for_the_member(shop: Shop, people: tuple[Any, Any]) -> None:
    on_file(shop, people)
    clear()
    statement = Statement.objects.get(account_id=shop.merchant.proceeds_id)
    at = timezone.now()
    dispute = disputes.open(
        merchant=shop.merchant, statement=statement, amount_fen=500, reason="never got it", actor=SYSTEM, at=at
    )
    wallet = members.member().wallet_id
    approval = disputes.ask(dispute=dispute, user=people[0], at=at, to_wallet=wallet)
    assert "W" in payouts.approvals.kinds()["merchants.dispute"].describe(approval)
    approvals.approve(approval, user=people[1], at=timezone.now())
    from points.models import Wallet

    assert Wallet.objects.get(pk=wallet).balance == 500
    assert Dispute.objects.get().state == "awarded"
    sound()


def test_a_file_with_faults_is_not_booked(shop: Shop) -> None:
    before = BankLine.objects.count()
    content = statement_file(
        ("S1", "5.00", "", "", ""), ("S2", "x", "", "", ""), ("", "5.00", "", "", ""), ("S4", "1", "1", "", "")
    )
    outcome = banking.book(content=content, actor=SYSTEM, at=timezone.now(), bank="T")
    assert [(fault.line, fault.code) for fault in outcome.faults] == [
        (6, "amount_unreadable"), (7, "serial_missing"), (8, "amount_not_one")]  # fmt: skip
    wrong = book(("S1", "5.00", "", "", ""), off=1)
    assert [(fault.code, fault.value) for fault in wrong.faults] == [("sum_wrong", "1")]
    assert BankLine.objects.count() == before
    assert Event.objects.filter(verb="bank_file.refused").count() == 2


def test_files_as_banks_write_them(shop: Shop) -> None:
    start = -accounts.balance(1)
    day = shanghai_day(timezone.now())
    rows = [
        "账号：１", f"\"期初余额：{start // 100:,}.{start % 100:02}\"", f"期末余额,\"{(start + 123_456) // 100:,}.{(start + 123_456) % 100:02}\"",
        "交易日期,流水号,借方金额,贷方金额,对方户名,摘要", f"{day:%Y年%m月%d日},Ｓ１,,\"１，２３４．５６\",和安鲜果商行,货款",
        f"{day:%Y%m%d},S1,,1234.56,和安鲜果商行,货款",
    ]  # fmt: skip
    outcome = banking.book(content="\n".join(rows).encode("gb18030"), actor=SYSTEM, at=timezone.now(), bank="T")
    assert outcome.faults == [] and outcome.booked and outcome.booked.lines == 1
    line = BankLine.objects.order_by("-pk").first()
    assert line and (line.serial, line.amount_fen, line.payer) == ("S1", 123_456, "和安鲜果商行")
    assert banking.read(b"\xff\xff\xff").faults[0].code == "file_unreadable"
    assert "columns_missing" in {fault.code for fault in banking.read("期初余额,1".encode()).faults}
    sound()


def test_the_desk_suggests_and_a_second_person_decides(shop: Shop, people: tuple[Any, Any]) -> None:
    reference = shop.merchant.payment_reference
    book(
        ("S1", "500.00", "", "x", f"充值 {reference}"),
        ("S2", "7.00", "", shop.merchant.name, ""),
        ("S3", "8.00", "", "?", ""),
    )
    desk = banking.desk()
    assert [(one.why, one.merchant == shop.merchant) for one in desk] == [
        ("reference", True),
        ("name", True),
        ("", False),
    ]
    (approval,) = banking.propose(user=people[0], at=timezone.now())
    assert banking.propose(user=people[0], at=timezone.now()) == []
    before = accounts.balance(shop.merchant.float_id or 0)
    approvals.approve(approval, user=people[1], at=timezone.now())
    assert accounts.balance(shop.merchant.float_id or 0) == before + 50_000
    assert len(banking.desk()) == 2
    sound()


def test_an_unknown_debit_rings_the_alarm(shop: Shop) -> None:
    with pytest.raises(Refused, match="bank_debit_uncovered"):
        book(("S1", "", "5.00", "?", "?"))
    assert not Event.objects.filter(verb="bank_file.debit_unknown").exists()


def test_a_code_with_a_slip_names_no_payout() -> None:
    code = references.payout_code(4711)
    assert references.read_payout_code(f"代付/{code}；") == 4711
    assert references.read_payout_code(code.replace("4711", "4712")) is None
    assert references.read_payout_code(f"{code}X") is None


def test_a_merchant_leaves_with_all_its_money(
    shop: Shop, people: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_file(shop, people)
    with pytest.raises(Refused, match="leaving_not_paused"):
        clearing.ask_leave(merchant=shop.merchant, user=people[0], at=timezone.now())
    onboarding.pause(merchant=shop.merchant, reason="leaves", actor=SYSTEM, at=timezone.now())
    shop.merchant.refresh_from_db()
    approval = clearing.ask_leave(merchant=shop.merchant, user=people[0], at=timezone.now())
    approvals.approve(approval, user=people[1], at=timezone.now())
    assert clearing.sweep(actor=SYSTEM, at=timezone.now()) == (0, 0)
    with pytest.raises(Refused, match="leaving_refunds_open"):
        clearing.settle(merchant=shop.merchant, actor=SYSTEM, at=timezone.now())
    # Eight days on, the windows are over.
    later = timezone.now() + timedelta(days=8)
    day = shanghai_day(later)
    closing.close(day - timedelta(days=1), later)
    assert clearing.sweep(actor=SYSTEM, at=later, now=later) == (1, 0)
    after = later + timedelta(days=1)
    closing.close(day, after)
    list(clearing.run(day, actor=SYSTEM, at=after, now=after))
    (payout,) = Payout.objects.filter(source_id=shop.merchant.proceeds_id)
    assert payout.amount_fen == 1_000_000 + 2_970
    first, second = people
    run = payouts.ask(user=first, at=timezone.now())
    assert run.approval
    approvals.approve(run.approval, user=second, at=timezone.now())
    payouts.file(run=PayoutRun.objects.get(), actor=SYSTEM, at=timezone.now())
    code = references.payout_code(payout.pk)
    banking.book(
        content=statement_file(("S1", "", "10029.70", "", code)), actor=SYSTEM, at=timezone.now(), bank="T", now=after
    )
    assert clearing.sweep(actor=SYSTEM, at=after, now=after) == (0, 1)
    shop.merchant.refresh_from_db()
    assert shop.merchant.state == Merchant.State.LEFT
    sound()


def test_the_clock_clears_once(shop: Shop, people: tuple[Any, Any]) -> None:
    from alliance.models import Job
    from merchants import tasks

    on_file(shop, people)
    closing.close(shanghai_day(timezone.now()) - timedelta(days=1))
    assert tasks.clear() == 1
    assert tasks.clear() == 0
    assert Job.objects.get(kind=tasks.CLEAR).state == Job.State.DONE
    assert Approval.objects.waiting().count() == 0
