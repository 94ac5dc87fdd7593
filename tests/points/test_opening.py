"""Opening balances (row 32): the dry run, the money, lot by lot, and every bad line."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from alliance import approvals
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from points import accounts, expiry, funding, identify, opening, partitions, verify
from points.calc import opening as reading
from points.models import Account, BankLine, Lot, Opening, OpeningLine, Transfer, Wallet
from tests.factories import staff
from tests.points.shops import NOON, TEST, open_shop

pytestmark = pytest.mark.django_db(transaction=True)
DAY = shanghai_day(NOON)
UNTIL = (DAY + timedelta(days=200)).isoformat()
HEAD = "member,points,expires_on\n"


def members(n: int) -> list[int]:
    wallets = accounts.open_wallets(n, NOON - timedelta(days=9))
    identify.open_passes(wallets, NOON)
    rows = [(w, "number", f"M{w}") for w in wallets]
    identify.attach_many(rows, NOON - timedelta(days=9))
    return wallets


def line(fen: int, serial: str = "old operator") -> BankLine:
    return funding.receive(
        bank="bank", account="1", serial=serial, amount_fen=fen, value_on=DAY, actor=TEST, at=NOON, now=NOON
    )


def stage(text: str, title: str = "old scheme") -> Opening:
    return opening.stage(title=title, content=(HEAD + text).encode(), actor=TEST, at=NOON)


def booked(made: Opening) -> Opening:
    for _done in opening.book(made, now=NOON):
        pass
    made.refresh_from_db()
    return made


def in_order() -> bool:
    return not [check for check in verify.checks() if check.differences]


def test_by_hand() -> None:
    a, b = members(2)
    text = f"M{a},500,{UNTIL}\nM{b},300,{UNTIL}\nM{a},70,{DAY.isoformat()}\n"
    found = opening.dry_run((HEAD + text).encode(), at=NOON)
    assert (found.lines, found.members, found.points, found.errors) == (3, 2, 870, [])
    assert not Opening.objects.exists() and not Transfer.objects.exists()
    made = stage(text)
    assert not Transfer.objects.exists()
    opening.begin(opening=made, bank_line=line(1_000), actor=TEST, at=NOON, now=NOON)
    # custody 1,000 → suspense → the import's budget 1,000 → wallets 570 and 300; 130 stay with the import.
    assert booked(made).finished_at
    assert [Wallet.objects.get(pk=w).balance for w in (a, b)] == [570, 300]
    assert Account.objects.get(pk=made.account_id).balance == 130
    assert (Account.objects.get(pk=1).balance, Account.objects.get(pk=2).balance) == (-1_000, 0)
    lots = Lot.objects.filter(wallet_id=a).order_by("lapses_on").values_list("remaining", "lapses_on", "funder_id")
    assert [(n, on.isoformat(), funder) for n, on, funder in lots] == [
        (70, DAY.isoformat(), made.account_id),
        (500, UNTIL, made.account_id),
    ]
    assert in_order()
    # Once: the book has nothing left to do, and the same file is not taken up again.
    n = Transfer.objects.count()
    booked(made)
    assert Transfer.objects.count() == n
    with pytest.raises(Refused) as refused:
        stage(text)
    assert refused.value.code == "opening_twice"


def test_without_its_money_nothing_and_it_says_how_much_is_missing() -> None:
    (a,) = members(1)
    made = stage(f"M{a},100000,{UNTIL}\n")
    person = staff.colleague("finance")
    unit = person.posts.get().unit
    with pytest.raises(Refused) as refused:
        opening.ask(opening=made, bank_line=line(60_000), unit=unit, user=person, at=NOON)
    assert refused.value.code == "opening_uncovered" and refused.value.facts["missing"] == "400.00"
    with pytest.raises(Refused):
        opening.begin(opening=made, bank_line=BankLine.objects.get(), actor=TEST, at=NOON, now=NOON)
    with pytest.raises(Exception, match="not started"):
        list(opening.book(made, now=NOON))
    assert Wallet.objects.get(pk=a).balance == 0 and Account.objects.get(pk=2).balance == 60_000


def test_a_second_person_lets_it_begin() -> None:
    (a,) = members(1)
    made = stage(f"M{a},100,{UNTIL}\n")
    one, two = staff.colleague("finance"), staff.colleague("finance")
    asked = opening.ask(opening=made, bank_line=line(100), unit=one.posts.get().unit, user=one, at=NOON)
    with pytest.raises(Refused) as refused:
        approvals.approve(asked, user=one, at=NOON)
    assert refused.value.code == "approval_same_person"
    approvals.approve(asked, user=two, at=NOON)
    assert opening.waiting() == [made]
    for _done in opening.book(made):
        pass
    assert Wallet.objects.get(pk=a).balance == 100 and opening.waiting() == [] and in_order()


def test_one_bank_line_pays_for_one_import() -> None:
    a, b = members(2)
    money = line(500)
    first, second = stage(f"M{a},500,{UNTIL}\n"), stage(f"M{b},500,{UNTIL}\n")
    opening.begin(opening=first, bank_line=money, actor=TEST, at=NOON, now=NOON)
    with pytest.raises(Refused) as refused:
        opening.begin(opening=second, bank_line=money, actor=TEST, at=NOON, now=NOON)
    assert refused.value.code == "bank_line_allotted"
    opening.cancel(opening=second, actor=TEST, at=NOON)
    with pytest.raises(Refused) as refused:
        opening.cancel(opening=first, actor=TEST, at=NOON)
    assert refused.value.code == "opening_over"


def test_what_expires_goes_back_to_the_import_never_to_the_operator() -> None:
    (a,) = members(1)
    made = stage(f"M{a},70,{DAY.isoformat()}\n")
    opening.begin(opening=made, bank_line=line(70), actor=TEST, at=NOON, now=NOON)
    booked(made)
    later = NOON + timedelta(days=2)
    partitions.ahead(1, DAY)
    expiry.expire(DAY + timedelta(days=1), now=later)
    assert Wallet.objects.get(pk=a).balance == 0
    assert Account.objects.get(pk=made.account_id).balance == 70 and accounts.balance(5) == 0 and in_order()


def test_killed_half_way_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    wallets = members(5)
    made = stage("".join(f"M{w},{n + 1},{UNTIL}\n" for n, w in enumerate(wallets)))
    opening.begin(opening=made, bank_line=line(15), actor=TEST, at=NOON, now=NOON)
    steps = opening.book(made, now=NOON)
    while next(steps) < 2:
        pass
    steps.close()
    assert 0 < OpeningLine.objects.filter(transfer_id__isnull=True).count() < 5 and in_order()
    booked(made)
    assert [Wallet.objects.get(pk=w).balance for w in wallets] == [1, 2, 3, 4, 5] and in_order()


def test_a_hundred_thousand_lines_with_three_bad_ones() -> None:
    wallets = members(50)
    rows = [f"M{wallets[n % 50]},{n + 1},{UNTIL}" for n in range(100_000)]
    rows[10], rows[50_000], rows[99_999] = (
        f"M{wallets[0]},0,{UNTIL}",
        f"nobody,5,{UNTIL}",
        f"M{wallets[1]},5,2020-01-01",
    )
    content = (HEAD + "\n".join(rows)).encode()
    found = opening.dry_run(content, at=NOON)
    assert [(error.no, error.code) for error in found.errors] == [
        (12, "points_wrong"), (50_002, "unknown_member"), (100_001, "day_past"),
    ]  # fmt: skip
    # 1 + 2 + … + 100,000 less the three lines.
    assert found.points == 5_000_050_000 - 11 - 50_001 - 100_000 and found.lines == 99_997
    with pytest.raises(Refused) as refused:
        opening.stage(title="x", content=content, actor=TEST, at=NOON)
    assert refused.value.code == "opening_has_errors" and refused.value.facts["n"] == 3
    assert not Opening.objects.exists() and not OpeningLine.objects.exists()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", [(0, "columns_wrong")]),
        ("a,b\n", [(0, "columns_wrong")]),
        (HEAD + f"M1,5\nM1,-5,{UNTIL}\nM1,1.5,{UNTIL}\nM1,٣,{UNTIL}\n", [(2, "line_wrong"), (3, "points_wrong"), (4, "points_wrong"), (5, "points_wrong")]),
        (HEAD + f"M1,5,soon\nM1,5,2199-01-01\n,5,{UNTIL}\nM1,1000000001,{UNTIL}\n", [(2, "day_wrong"), (3, "day_wrong"), (4, "member_missing"), (5, "points_wrong")]),
        (HEAD + f"M1,5,{UNTIL}\nM1,5,{UNTIL}\n", [(3, "line_repeated")]),
        ("member,points,expires_on\nM1,5\x00,2030-01-01", [(0, "file_unreadable")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_line(text: str, codes: list[Any]) -> None:
    assert [(error.no, error.code) for error in reading.parse(text.encode(), DAY).errors] == codes


def test_members_by_digest_and_files_of_spreadsheets() -> None:
    (a,) = members(1)
    digest = identify.digest_of("number", f"M{a}").hex()
    found = opening.dry_run(("\ufeff" + HEAD + f"{digest},5,{UNTIL}\r\n\r\n").encode(), at=NOON)
    assert found.errors == [] and found.points == 5
    assert reading.parse((HEAD + f"会员,5,{UNTIL}").encode("gb18030"), DAY).balances[0].member == "会员"


def test_points_of_an_import_are_spent_like_others() -> None:
    (a,) = members(1)
    shop = open_shop()
    made = stage(f"M{a},500,{UNTIL}\n")
    opening.begin(opening=made, bank_line=line(500), actor=TEST, at=NOON, now=NOON)
    booked(made)
    assert shop.sell(a, 1_000, spend_points=500).status == "booked"
    assert Wallet.objects.get(pk=a).balance >= 0 and in_order()


def test_the_command_prints_the_money_needed_and_the_lines_that_are_wrong(tmp_path: Path) -> None:
    (a,) = members(1)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(HEAD + f"M{a},12345,{UNTIL}\n")
    bad.write_text(HEAD + f"M{a},12345,{UNTIL}\nM{a},x,{UNTIL}\n")
    text = StringIO()
    call_command("opening", str(good), take_up="old", stdout=text)
    assert "needs a bank line of ¥123.45" in text.getvalue() and Opening.objects.get().points == 12_345
    text = StringIO()
    with pytest.raises(SystemExit):
        call_command("opening", str(bad), stdout=text)
    assert "line 3: points_wrong x" in text.getvalue()
    with pytest.raises(CommandError, match="opening_has_errors"):
        call_command("opening", str(bad), take_up="bad", stdout=StringIO())
