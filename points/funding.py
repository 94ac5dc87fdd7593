"""The lines of the bank (rows 1, 34, 35, 43): what came in goes to suspense, and from there, decided by a second person, to an
account; what went out is charged to the payout that it pays, or to the operator's fee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Q

from alliance import events
from alliance.actors import Actor
from alliance.models import Approval
from points import winding_up
from points.calc import bankaccounts
from points.models import Account, BankLine
from points.refusals import (
    ACCOUNT_UNKNOWN,
    BANK_DEBIT_FLOAT_SHORT,
    BANK_DEBIT_KNOWN,
    BANK_DEBIT_NO_GOAL,
    BANK_DEBIT_OTHER_AMOUNT,
    BANK_DEBIT_UNCOVERED,
    BANK_FILE_GAP,
    BANK_FILE_SUM_WRONG,
    BANK_LINE_ALLOTTED,
    BANK_LINE_ASKED,
    BANK_LINE_DIFFERS,
    BANK_LINE_INVALID,
    BANK_LINE_UNKNOWN,
    PAYOUT_NOT_OUT,
)


def custody_account(number: str) -> str:
    """Return an account that holds the members' money, in its normal form. Refuses: account_unknown, bank_line_invalid."""
    found = bankaccounts.normal(number)
    if not found:
        raise BANK_LINE_INVALID()
    if found not in {bankaccounts.normal(own) for own in (settings.BANK_ACCOUNT, *settings.BANK_ACCOUNTS)}:
        raise ACCOUNT_UNKNOWN(account=number[:40])
    return found


def receive(
    *,
    bank: str,
    account: str,
    serial: str,
    amount_fen: int,
    value_on: date,
    actor: Actor,
    at: datetime,
    payer: str = "",
    memo: str = "",
    now: datetime | None = None,
) -> BankLine:
    """Book a line of the bank's statement, once: custody → suspense. The same line again changes nothing (row 35).

    Refuses: account_unknown, bank_line_differs, bank_line_invalid.
    """
    arguments: list[Any] = [
        bank,
        custody_account(account),
        serial,
        amount_fen,
        value_on,
        payer,
        memo,
        str(actor),
        at,
        now,
    ]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT line_id FROM points_receive(%s::text, %s::text, %s::text, %s::bigint, %s::date, %s::text, %s::text,"
                " %s::text, %s::timestamptz, %s::timestamptz)",
                arguments,
            )
            line_id = cursor.fetchone()[0]
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if state == "23505":
            raise BANK_LINE_DIFFERS() from error
        if state == "22023":
            raise BANK_LINE_INVALID() from error
        raise
    return BankLine.objects.get(pk=line_id)


def allot(*, bank_line: BankLine, float_id: int, actor: Actor, at: datetime, now: datetime | None = None) -> int:
    """Move a whole bank line from suspense to a float or budget; return the journal. Again to the same: no effect.

    Into a budget or a merchant's promotion credit only where nobody closes: a float pays what is owed yet.
    Refuses: bank_line_unknown, bank_line_allotted, closing_mode_on.
    """
    into = Account.objects.filter(pk=float_id, kind__in=[Account.Kind.BUDGET, Account.Kind.PROMO]).first()
    if into is not None and bank_line.allotted_to_id is None:
        winding_up.refuse_if_closing(into.float_id)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_allot(%s::bigint, %s::bigint, %s::text, %s::timestamptz, %s::timestamptz)",
                [bank_line.pk, float_id, str(actor), at, now],
            )
            return cursor.fetchone()[0]
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if state == "LH001":
            raise BANK_LINE_UNKNOWN() from error
        if state == "LH002":
            raise BANK_LINE_ALLOTTED() from error
        raise


def reassign(
    *,
    bank_line: BankLine,
    actor: Actor,
    at: datetime,
    payout_id: int | None = None,
    float_id: int | None = None,
    now: datetime | None = None,
) -> int:
    """Charge a debit that the fee bears to the payout that it paid, or to a float; return the journal.

    Refuses: bank_line_unknown, bank_debit_known, bank_debit_no_goal, bank_debit_other_amount, bank_debit_float_short.
    """
    says = {
        "LH001": BANK_LINE_UNKNOWN,
        "LH002": BANK_DEBIT_KNOWN,
        "LH014": BANK_DEBIT_NO_GOAL,
        "LH015": BANK_DEBIT_OTHER_AMOUNT,
        "LH016": BANK_DEBIT_FLOAT_SHORT,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_reassign(%s::bigint, %s::bigint, %s::bigint, %s::text, %s::timestamptz, %s::timestamptz)",
                [bank_line.pk, payout_id, float_id, str(actor), at, now],
            )
            return int(cursor.fetchone()[0])
    except Error as error:
        refusal = says.get(getattr(error.__cause__, "sqlstate", ""))
        if refusal is None:
            raise
        raise refusal() from error


def bring_back(*, bank_line: BankLine, payout_id: int, actor: Actor, at: datetime, now: datetime | None = None) -> int:
    """Say that a credit is a payout that came back: suspense → where it came from; return the journal.

    It may be less than the payout was (a bank's fee). Refuses: bank_line_unknown, bank_line_allotted, payout_not_out.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_bring_back(%s::bigint, %s::bigint, %s::text, %s::timestamptz, %s::timestamptz)",
                [bank_line.pk, payout_id, str(actor), at, now],
            )
            return int(cursor.fetchone()[0])
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        says = {"LH001": BANK_LINE_UNKNOWN, "LH002": BANK_LINE_ALLOTTED, "LH014": PAYOUT_NOT_OUT}
        if state not in says:
            raise
        raise says[state]() from error


def asking(bank_line: BankLine) -> None:
    """Make sure that nobody asks for a line twice, whatever for: of two who ask at once the second one waits here.

    Refuses: bank_line_allotted, bank_line_asked.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7263, %s::integer)", [bank_line.pk % 2**31])
    if BankLine.objects.filter(pk=bank_line.pk, allotted_to__isnull=False).exists():
        raise BANK_LINE_ALLOTTED()
    about = Q(subject=events.subject_of(bank_line)) | Q(facts__line=bank_line.pk)
    kinds = ["merchants.topup", "merchants.return", "points.opening"]
    if Approval.objects.filter(about, state=Approval.State.WAITING, kind__in=kinds).exists():
        raise BANK_LINE_ASKED()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bank's file: above zero what came in, below zero what went out. `payout_id`: which one its text names."""

    serial: str
    amount_fen: int
    value_on: date
    payer: str = ""
    memo: str = ""
    payout_id: int | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of a file: lines that were new, payouts that were paid or came back, debits that nobody knows."""

    statement_id: int
    is_new: bool
    lines: int
    paid: int
    returned: int
    charged: int
    charged_fen: int


_BOOK = """SELECT * FROM points_book_statement(%s::text, %s::text, %s::date, %s::date, %s::bigint, %s::bigint, %s::bytea, %s::text[], %s::bigint[],
  %s::date[], %s::text[], %s::text[], %s::bigint[], %s::text, %s::timestamptz, %s::timestamptz)"""


def book_statement(
    *,
    bank: str,
    account: str,
    from_on: date,
    to_on: date,
    opening_fen: int,
    closing_fen: int,
    digest: bytes,
    lines: Sequence[Line],
    actor: Actor,
    at: datetime,
    now: datetime | None = None,
) -> Booked:
    """Book a file of the bank whole, or nothing of it. Known lines and the same file again change nothing (row 35).

    Refuses: account_unknown, bank_file_sum_wrong, bank_file_gap, bank_line_differs, bank_debit_uncovered, bank_line_invalid.
    """
    columns: list[Any] = [
        [line.serial for line in lines],
        [line.amount_fen for line in lines],
        [line.value_on for line in lines],
        [line.payer for line in lines],
        [line.memo for line in lines],
        [line.payout_id for line in lines],
    ]
    arguments: list[Any] = [
        bank,
        custody_account(account),
        from_on,
        to_on,
        opening_fen,
        closing_fen,
        digest,
        *columns,
        str(actor),
        at,
        now,
    ]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_BOOK, arguments)
            return Booked(*cursor.fetchone())
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        detail = getattr(getattr(error.__cause__, "diag", None), "message_detail", None)
        if state == "LH010":
            raise BANK_FILE_SUM_WRONG() from error
        if state == "LH011":
            raise BANK_LINE_DIFFERS() from error
        if state == "LH012":
            raise BANK_FILE_GAP(closing=detail) from error
        if state == "LH013":
            raise BANK_DEBIT_UNCOVERED(fen=detail) from error
        if state == "22023":
            raise BANK_LINE_INVALID() from error
        raise
