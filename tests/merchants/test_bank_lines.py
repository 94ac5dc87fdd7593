"""A line of the bank is booked once, however account and serial are written, and only of accounts that are custody."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from merchants import banking
from points import accounts, funding, partitions, verify
from points.calc import bankaccounts
from points.models import BankLine, BankStatement
from tests.factories.shops import SYSTEM

pytestmark = pytest.mark.django_db
ACCOUNT = "8888-0000-0001"


@pytest.fixture(autouse=True)
def _custody(settings: Any) -> None:
    settings.BANK_ACCOUNT, settings.BANK_ACCOUNTS, settings.BANK_NAME = ACCOUNT, ["7777 0000 0002"], "B"
    partitions.ahead(2)


def today() -> date:
    return shanghai_day(timezone.now())


def file(*rows: tuple[str, int], opening: int = 0, account: str = ACCOUNT, bank: str = "") -> banking.Outcome:
    closing = opening + sum(fen for _serial, fen in rows)
    lines = [
        f"账号,{account}",
        f"期初余额,{opening / 100:.2f}",
        f"期末余额,{closing / 100:.2f}",
        "流水号,交易日期,收入,支出",
    ]
    lines += [f"{serial},{today()},{fen / 100:.2f}," for serial, fen in rows]
    return banking.book(content="\n".join(lines).encode(), actor=SYSTEM, at=timezone.now(), bank=bank)


def typed(serial: str, fen: int, *, account: str = ACCOUNT, bank: str = "B", value_on: date | None = None) -> BankLine:
    return funding.receive(
        bank=bank, account=account, serial=serial, amount_fen=fen, value_on=value_on or today(), actor=SYSTEM, at=timezone.now()
    )  # fmt: skip


def test_a_file_of_another_account_is_not_booked() -> None:
    outcome = file(("S1", 100_000), account="9999999999")
    assert [(fault.code, fault.value) for fault in outcome.faults] == [("account_unknown", "9999999999")]
    assert (outcome.booked, accounts.balance(1), BankLine.objects.count()) == (None, 0, 0)
    with pytest.raises(Refused) as refused:
        typed("S1", 100, account="9999999999")
    assert refused.value.code == "account_unknown"
    facts: dict[str, Any] = {"bank": "B", "from_on": today(), "to_on": today(), "actor": SYSTEM, "at": timezone.now()}
    with pytest.raises(Refused, match="account_unknown"):
        funding.book_statement(
            account="99", opening_fen=0, closing_fen=5, digest=b"1" * 32, lines=[funding.Line("S", 5, today())], **facts
        )
    assert accounts.balance(1) == 0


@pytest.mark.parametrize(
    "account", ["8888-0000-0001", "8888 0000 0001", "88880000 0001", "８８８８－００００－０００１", "8888–0000—0001"]
)
def test_one_account_however_it_is_written(account: str) -> None:
    assert bankaccounts.normal(account) == "888800000001"
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_account_number(%s), points_bank_serial(%s)", [account, " Ｓ１ "])
        assert cursor.fetchone() == ("888800000001", "S1")
    first = file(("S1", 500))
    assert first.booked and first.booked.lines == 1
    again = file(("S1", 500), account=account)
    assert again.booked and again.booked.lines == 0
    assert typed(" Ｓ１", 500, account=account, bank="another name") == BankLine.objects.get()
    assert (accounts.balance(2), BankLine.objects.get().account) == (500, "888800000001")
    with pytest.raises(Refused, match="bank_line_differs"):
        typed("S1", 501, account=account, bank="C")
    assert [check for check in verify.checks() if check.differences] == []


def test_files_of_one_account_follow_each_other_under_any_name_of_the_bank() -> None:
    assert file(("S1", 500), bank="B").booked
    with pytest.raises(Refused, match="bank_file_gap"):
        file(("S2", 300), bank="C")
    assert file(("S2", 300), opening=500, bank="C", account="88880000 0001").booked
    # The other account has a way of its own.
    assert file(("S1", 70), account="777700000002").booked
    assert (accounts.balance(1), BankStatement.objects.values("account").distinct().count()) == (-870, 2)
    assert [check for check in verify.checks() if check.differences] == []


def test_the_first_file_opens_with_what_the_book_knows_of_the_account() -> None:
    typed("T1", 1_000, value_on=today() - timedelta(days=1))
    typed("T2", 40, value_on=today() + timedelta(days=1))  # after the file
    with pytest.raises(Refused) as refused:
        file(("S1", 500))
    assert (refused.value.code, refused.value.facts["closing"]) == ("bank_file_gap", "1000")
    assert accounts.balance(1) == -1_040
    booked = file(("S1", 500), opening=1_000).booked
    assert booked and booked.lines == 1
    assert [check for check in verify.checks() if check.differences] == []


def test_the_database_itself_keeps_the_identity() -> None:
    line = typed("S1", 500)
    for other in ({"account": "8888-00000001"}, {"serial": "Ｓ1"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            BankLine.objects.filter(pk=line.pk).update(**other)
    typed("S2", 500)
    with pytest.raises(IntegrityError), transaction.atomic():
        BankLine.objects.filter(serial="S2").update(serial="S1")


def test_lines_that_were_doubled_before_stay_as_they_were(settings: Any) -> None:
    """What the migration does with a state in which one line stands under three spellings."""
    first, second = typed("S1", 500), typed("X2", 500)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE points_bank_line DROP COLUMN is_double CASCADE;"
            "ALTER TABLE points_bank_line ADD CONSTRAINT points_bank_line_once UNIQUE (bank, account, serial)"
        )
        for pk, account in ((first.pk, "8888-0000-0001"), (second.pk, "8888 00000001")):
            cursor.execute("UPDATE points_bank_line SET account = %s, serial = 'S1' WHERE id = %s", [account, pk])
        script = (settings.BASE_DIR / "points/sql/bank.sql").read_text(encoding="utf-8")
        cursor.execute(script.partition("\n-- What came back")[0])
        cursor.execute("SELECT account, is_double FROM points_bank_line ORDER BY id")
        assert cursor.fetchall() == [("888800000001", False), ("8888 00000001", True)]
    assert [check for check in verify.checks() if check.differences] == []
    assert typed("S1", 500) == first
