"""The bank of a settled year, synthetic and called so: it takes payout files and answers with a statement."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime

from merchants import banking
from merchants.models import PayoutRun
from points.calc import bankaccounts
from points.models import BankLine, BankStatement, Payout
from town.money import ACCOUNT, ACTOR, BANK


class BankDiffers(Exception):
    """The book did not take the bank's statement as it stands: nothing of it was booked."""


def handed_in() -> list[PayoutRun]:
    """Return the runs whose files the bank has and has not answered yet."""
    sent = Payout.objects.filter(state=Payout.State.SENT).values("run_no")
    return list(PayoutRun.objects.filter(state=PayoutRun.State.FILED, pk__in=sent).order_by("pk"))


def statement(runs: Sequence[PayoutRun], on: date) -> bytes:
    """Return the statement after the last one: credits that nobody has seen in a file yet, and each payment made.

    What is paid is read from the files, as a bank does; opening + lines = closing.
    """
    last = BankStatement.objects.filter(account=bankaccounts.normal(ACCOUNT)).order_by("-pk").first()
    opening = last.closing_fen if last else 0
    typed = BankLine.objects.filter(account=bankaccounts.normal(ACCOUNT), statement=None).order_by("pk")
    lines = [(row.serial, row.value_on, row.amount_fen, row.payer, row.memo) for row in typed]
    for run in runs:
        for row in csv.reader(io.StringIO(bytes(run.content or b"").decode())):
            if row[0] == "D":
                _d, code, _number, holder, _bank, amount, _currency = row
                lines.append((f"{on:%Y%m%d}-{code}", on, -_fen(amount), holder, f"代付 {code}"))
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["账号", ACCOUNT])
    rows.writerow(["期初余额", _yuan(opening)])
    rows.writerow(["期末余额", _yuan(opening + sum(line[2] for line in lines))])
    rows.writerow(["流水号", "交易日期", "收入", "支出", "对方户名", "摘要"])
    for serial, value_on, fen, party, memo in lines:
        rows.writerow([serial, value_on, _yuan(fen) if fen > 0 else "", _yuan(-fen) if fen < 0 else "", party, memo])
    return out.getvalue().encode()


def answer(at: datetime) -> int:
    """Send the statement of the payments that were handed in, and let it be imported; return how many were paid."""
    runs = handed_in()
    if not runs:
        return 0
    content = statement(runs, max(run.filed_on for run in runs if run.filed_on))
    outcome = banking.book(content=content, actor=ACTOR, at=at, bank=BANK, now=at)
    if outcome.booked is None or outcome.booked.charged or Payout.objects.filter(state=Payout.State.SENT).exists():
        raise BankDiffers(f"{outcome}")
    return outcome.booked.paid


def balance() -> int | None:
    """Return what the bank says is on the account; None before the first statement."""
    last = BankStatement.objects.filter(account=bankaccounts.normal(ACCOUNT)).order_by("-pk").first()
    return last.closing_fen if last else None


def _fen(amount: str) -> int:
    whole, _point, cents = amount.partition(".")
    return int(whole) * 100 + int(cents)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}"
