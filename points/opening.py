"""Opening balances of an earlier scheme: a dry run first, then the money, then lot by lot (row 32).

No bank line, no points: what the old operator did not hand over is not booked; the refusal says how much is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import Error, IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alliance import approvals, events
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Unit, User
from alliance.refusals import declare
from points import funding, identify, winding_up
from points.calc import opening as reading
from points.models import BankLine, Handle, Opening, OpeningLine
from points.refusals import BANK_LINE_ALLOTTED

BUCKETS = 64
CHUNK = 2_000
_LOOKUP = 5_000

# Translators: 银行流水只有 %(there)s 元，还差 %(missing)s 元
UNCOVERED = declare(
    "opening_uncovered",
    409,
    gettext_lazy("These balances need ¥%(needed)s; the bank line has ¥%(there)s. ¥%(missing)s are missing."),
)
HAS_ERRORS = declare("opening_has_errors", 422, gettext_lazy("%(n)s lines are wrong. Nothing was taken up."))
# Translators: 这个文件已上传过
TWICE = declare("opening_twice", 409, gettext_lazy("This file was taken up before."))
OVER = declare("opening_over", 409, gettext_lazy("This import was started or cancelled already."))


@dataclass(slots=True)
class DryRun:
    """What a file comes to: the money that it needs, and every line that is wrong."""

    digest: bytes
    lines: int = 0
    members: int = 0
    points: int = 0
    errors: list[reading.Error] = field(default_factory=list)
    balances: list[tuple[reading.Balance, int]] = field(default_factory=list)


def dry_run(content: bytes, *, at: datetime) -> DryRun:
    """Read a file and find its members; nothing is written."""
    parsed = reading.parse(content, shanghai_day(at))
    found = DryRun(sha256(content).digest(), errors=list(parsed.errors))
    digests = {row.no: row.digest or identify.digest_of("number", row.member) for row in parsed.balances}
    holders: dict[bytes, int] = {}
    wanted = sorted(set(digests.values()))
    for start in range(0, len(wanted), _LOOKUP):
        rows = Handle.objects.open(at).filter(digest__in=wanted[start : start + _LOOKUP])
        holders |= {bytes(digest): wallet for digest, wallet in rows.values_list("digest", "wallet_id")}
    for row in parsed.balances:
        wallet = holders.get(digests[row.no])
        if wallet is None:
            found.errors.append(reading.Error(row.no, reading.UNKNOWN_MEMBER, row.member))
        else:
            found.balances.append((row, wallet))
    found.errors.sort(key=lambda error: error.no)
    found.lines = len(found.balances)
    found.members = len({wallet for _row, wallet in found.balances})
    found.points = sum(row.points for row, _wallet in found.balances)
    return found


@transaction.atomic
def stage(*, title: str, content: bytes, actor: Actor, at: datetime) -> Opening:
    """Take up a file without an error; no points move yet. Refuses: opening_has_errors, opening_twice."""
    found = dry_run(content, at=at)
    if found.errors or not found.balances:
        raise HAS_ERRORS(n=len(found.errors))
    arguments: list[Any] = [
        title, found.digest, [row.no for row, _wallet in found.balances], [wallet for _row, wallet in found.balances],
        [row.points for row, _wallet in found.balances], [row.expires_on for row, _wallet in found.balances],
        str(actor), at,
    ]  # fmt: skip
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_opening_stage(%s::text, %s::bytea, %s::integer[], %s::bigint[], %s::bigint[],"
                " %s::date[], %s::text, %s::timestamptz)",
                arguments,
            )
            made = Opening.objects.get(pk=cursor.fetchone()[0])
    except IntegrityError as error:
        if "points_opening_file_once" in str(error):
            raise TWICE() from None
        raise
    events.record("opening.staged", made, actor, at, {"lines": made.lines, "points": made.points})
    return made


def cancel(*, opening: Opening, actor: Actor, at: datetime) -> None:
    """Let go of a file that was not started. Refuses opening_over."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT points_opening_cancel(%s::bigint, %s::timestamptz)", [opening.pk, at])
        if not cursor.fetchone()[0]:
            raise OVER()
        events.record("opening.cancelled", opening, actor, at)


@transaction.atomic
def ask(*, opening: Opening, bank_line: BankLine, unit: Unit, user: User, at: datetime) -> Approval:
    """Ask a second person to book the balances with this money.

    Refuses: opening_uncovered, opening_over, bank_line_allotted, bank_line_asked, closing_mode_on,
    approval_already_asked.
    """
    if opening.started_at or opening.cancelled_at:
        raise OVER()
    winding_up.refuse_if_closing(None)
    funding.asking(bank_line)
    _covered(opening, bank_line)
    facts = {
        "opening": opening.pk,
        "title": opening.title,
        "points": opening.points,
        "line": bank_line.pk,
        "serial": bank_line.serial,
        "amount_fen": bank_line.amount_fen,
    }
    return approvals.ask(
        kind="points.opening", subject=events.subject_of(opening), facts=facts, unit=unit, user=user, at=at
    )


def describe(approval: Approval) -> str:
    facts = approval.facts
    # Translators: %(title)s：%(points)s积分，银行流水 %(serial)s 共 %(amount)s
    return _("%(title)s: %(points)s points, bank line %(serial)s of %(amount)s") % {
        "title": facts["title"],
        "points": f"{facts['points']:,}",
        "serial": facts["serial"],
        "amount": f"¥{yuan(facts['amount_fen'])}",
    }


# Translators: 期初余额导入
@approvals.kind(
    "points.opening", permission="opening.approve", title=gettext_lazy("Import of opening balances"), describe=describe
)
def start(approval: Approval, actor: Actor, at: datetime) -> Opening:
    """Move the money out of suspense; the clock books lot by lot. Refuses: opening_uncovered, …"""
    opening = Opening.objects.get(pk=approval.facts["opening"])
    begin(opening=opening, bank_line=BankLine.objects.get(pk=approval.facts["line"]), actor=actor, at=at)
    return opening


@transaction.atomic
def begin(*, opening: Opening, bank_line: BankLine, actor: Actor, at: datetime, now: datetime | None = None) -> Opening:
    """Suspense → the import's own budget.

    Refuses: opening_uncovered, opening_over, bank_line_allotted, closing_mode_on.
    """
    winding_up.refuse_if_closing(None)
    _covered(opening, bank_line)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_opening_start(%s::bigint, %s::bigint, %s::text, %s::timestamptz, %s::timestamptz)",
                [opening.pk, bank_line.pk, str(actor), at, now],
            )
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if state == "LH002":
            raise BANK_LINE_ALLOTTED() from error
        if state == "LH034":
            raise OVER() from error
        raise
    opening.refresh_from_db()
    events.record("opening.started", opening, actor, at, {"points": opening.points, "line": bank_line.pk})
    return opening


def book(opening: Opening, now: datetime | None = None) -> Iterator[int]:
    """Book what is left, lot by lot; yield how many lines are done, at the beginning and after each chunk."""
    done = done_of(opening)
    yield done
    for bucket in range(BUCKETS):
        while n := _book(opening.pk, bucket, now):
            done += n
            yield done


def done_of(opening: Opening) -> int:
    """Return how many lines are booked."""
    return OpeningLine.objects.filter(opening_id=opening.pk, transfer_id__isnull=False).count()


def waiting() -> list[Opening]:
    """Return the imports that are started and not booked to their last line."""
    return list(Opening.objects.filter(started_at__isnull=False, finished_at__isnull=True))


def _book(opening_id: int, bucket: int, now: datetime | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_opening_book(%s::bigint, %s::smallint, %s::integer, %s::timestamptz)",
            [opening_id, bucket, CHUNK, now],
        )
        return int(cursor.fetchone()[0])


def _covered(opening: Opening, bank_line: BankLine | None) -> None:
    there = bank_line.amount_fen if bank_line else 0
    if there < opening.points:
        raise UNCOVERED(needed=yuan(opening.points), there=yuan(there), missing=yuan(opening.points - there))
