"""Money that comes in: a bank line goes to suspense, and from there, decided by a second person, to an account (row 1)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import Error, connection, transaction

from alliance.actors import Actor
from points.models import BankLine
from points.refusals import BANK_LINE_ALLOTTED, BANK_LINE_DIFFERS, BANK_LINE_INVALID, BANK_LINE_UNKNOWN


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

    Refuses: bank_line_differs, bank_line_invalid.
    """
    arguments: list[Any] = [bank, account, serial, amount_fen, value_on, payer, memo, str(actor), at, now]
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

    Refuses: bank_line_unknown, bank_line_allotted.
    """
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
