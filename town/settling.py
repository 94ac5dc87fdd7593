"""The small town's last days are cleared as finance does it: statements, payouts by two people, the bank's files.

One payout comes back because the holder's name was wrong; one merchant pays by the bill and owes the last one.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction

from alliance import approvals
from alliance.actors import Actor
from alliance.calc.worktime import day_start
from alliance.models import User
from merchants import banking, clearing, disputes, payaccounts, payouts
from merchants.calc import references
from merchants.models import Merchant, PayoutAccount
from points import promises, stated
from points.calc import bankaccounts
from points.models import BankLine, BankStatement, Clearing, CreditLine, Payout, Statement
from town import money
from town.quarter import Quarter

ACTOR = Actor.system("town")
DAYS = 7
# The payout of this many days ago comes back the day after.
RETURNED_AGO = 3
OWING = "small-1"


@transaction.atomic
def settle(q: Quarter, on: date, today: date, now: datetime, returned: str) -> None:
    """Clear a day of the last week on its morning after, pay it out, and book the bank's file: whole, and once."""
    if (today - on).days > DAYS or Clearing.objects.filter(cleared_on=on).exists():
        return
    morning = day_start(on) + timedelta(days=1, hours=6)
    if morning > now:
        return
    if not PayoutAccount.objects.filter(merchant__in=q.merchants).exists():
        _register(q, morning - timedelta(days=2))
    list(clearing.run(on, actor=ACTOR, at=morning, now=morning))
    noon, evening = morning + timedelta(hours=4), morning + timedelta(hours=11)
    if noon > now or not Payout.objects.proposed().exists():
        return
    run = payouts.ask(user=q.organised.finance, at=noon - timedelta(hours=1))
    assert run.approval
    approvals.approve(run.approval, user=q.organised.finance2, at=noon)
    run.refresh_from_db()
    payouts.file(run=run, actor=Actor.user(q.organised.finance), at=noon)
    if evening <= now:
        merchant = q.merchants[q.position_of(returned)]
        is_day = (today - on).days == RETURNED_AGO - 1
        _book_file(evening, merchant if is_day else None)


def _register(q: Quarter, at: datetime) -> None:
    for merchant in q.merchants:
        if merchant.proceeds_id and merchant.is_live:
            account = payaccounts.ask(
                merchant=merchant,
                bank_name="演示银行和安支行",
                holder=merchant.name,
                number=f"62220200{merchant.pk:011d}",
                user=q.organised.finance,
                at=at,
            )
            assert account.approval
            approvals.approve(account.approval, user=q.organised.finance2, at=at)


def _book_file(at: datetime, returned: Merchant | None) -> None:
    """Write the bank's file of a day as the bank would, and book it."""
    last = BankStatement.objects.filter(account=bankaccounts.normal(money.ACCOUNT)).order_by("-pk").first()
    typed = BankLine.objects.filter(
        account=bankaccounts.normal(money.ACCOUNT), statement__isnull=True, received_at__lte=at
    ).order_by("pk")
    rows = [(line.serial, line.value_on, line.amount_fen, line.payer, line.memo) for line in typed]
    for payout in Payout.objects.filter(state=Payout.State.SENT).order_by("pk"):
        code = references.payout_code(payout.pk)
        rows.append((f"HA-OUT-{payout.pk}", at.date(), -payout.amount_fen, "", f"代付 {code}"))
    paid = Payout.objects.filter(source=returned.proceeds_id, state=Payout.State.PAID) if returned else None
    newest = paid.order_by("pk").last() if paid is not None else None
    if returned and newest:
        memo = f"退汇 {references.payout_code(newest.pk)} 户名不符"
        rows.append((f"HA-BACK-{newest.pk}", at.date(), newest.amount_fen, returned.name, memo))
    opening = last.closing_fen if last else 0
    closing = opening + sum(fen for _serial, _on, fen, _payer, _memo in rows)
    lines = [f"账号,{money.ACCOUNT}", f"期初余额,{opening / 100:.2f}", f"期末余额,{closing / 100:.2f}"]
    lines.append("流水号,交易日期,收入,支出,对方户名,摘要")
    for serial, on, fen, payer, memo in rows:
        came, went = (f"{fen / 100:.2f}", "") if fen > 0 else ("", f"{-fen / 100:.2f}")
        lines.append(f"{serial},{on:%Y-%m-%d},{came},{went},{payer},{memo}")
    outcome = banking.book(content="\r\n".join(lines).encode(), actor=ACTOR, at=at, bank=money.BANK, now=at)
    if outcome.booked is None:
        raise RuntimeError(f"the town's bank file: {outcome.faults}")


def owe(q: Quarter, i: int, on: date, today: date) -> None:
    """Let a merchant sell by the bill: drawn on Mondays, and paid, but for the last one."""
    float_id, at = q.merchants[i].book.float_id, day_start(on) + timedelta(hours=1)
    if not CreditLine.objects.filter(pk=float_id).exists():
        promises.set_line(float_id=float_id, limit_fen=500_000, period=1, due_days=7, actor=ACTOR, at=at, now=at)
        return
    promises.draw(on, now=at, float_ids=[float_id])
    owed = CreditLine.objects.get(pk=float_id).owed_fen
    if owed and (today - on).days >= 7:
        merchant = q.merchants[i]
        serial = f"HA-{merchant.credit_code}-{on:%Y%m%d}"
        at += timedelta(hours=2)
        money.top_up(merchant=merchant, amount_fen=owed, organised=q.organised, at=at, serial=serial)


def contest(merchant: Merchant, owner: User, at: datetime) -> None:
    """Let an owner contest the first line of the newest statement."""
    statement = Statement.objects.of_accounts([merchant.book.proceeds_id]).newest_first().first()
    rows = stated.lines(stated.of_statement(statement), merchant.outlet_numbers, limit=1) if statement else []
    for row in rows:
        if statement and not row.is_back:
            disputes.open(
                merchant=merchant,
                statement=statement,
                amount_fen=row.gross_fen,
                reason="同一单收了两次积分",
                actor=Actor.user(owner),
                at=at,
                journal_id=row.journal_id,
            )
