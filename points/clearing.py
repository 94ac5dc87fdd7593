"""Clearing (rows 33, 34, 36, 43): once a day what everybody's points brought is netted, stated and set apart to be paid.

run        a statement each; proceeds → disputes, claims, bills, the standing top-up, and the rest → in payout
approve    proposed → approved, all in one decision; send: approved → in the bank's file
the bank   says the rest: `funding.book_statement` makes them paid or returned
retain     a dispute: payouts that no bank has are stopped, the amount is set apart; release: the decision

Nothing here knows whose accounts these are or where their money goes: the floor above says whom not to pay yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.db.models import Count, Sum

from alliance.actors import Actor
from points import rollup
from points.models import Account, Clearing, Payout, Retention, Standing, Statement
from points.refusals import (
    CLEARING_AMOUNT_INVALID,
    CLEARING_DAY_OPEN,
    CLEARING_DAY_PASSED,
    FEE_SHORT,
    RETENTION_DECIDED,
)

CHUNK = 500
# The balances of collecting accounts follow the roll-up: every so many chunks it takes what the run itself has written.
ROLL_UP_EVERY = 20
TRIES = 5

# Whom not to pay now, of some proceeds and centres: no bank account on file, or one that is cooling.
Unpaid = Callable[[Sequence[int]], Collection[int]]


@dataclass(slots=True)
class Run:
    """How far a clearing is: accounts looked at, of how many; statements written; accounts that a law holds up."""

    on: date
    of: int
    done: int = 0
    statements: int = 0
    failed: list[int] = field(default_factory=list)
    # Merchants with money or movements of the day whose books are not closed: it is not finished, and asked again.
    unclosed: int = 0


def clear(
    on: date, *, actor: Actor, minimum_fen: int = 0, unpaid: Unpaid | None = None, now: datetime | None = None
) -> Run:
    """Clear a day for everybody; return what was done. Refuses: clearing_day_open, clearing_day_passed."""
    *_before, last = run(on, actor=actor, minimum_fen=minimum_fen, unpaid=unpaid, now=now)
    return last


def run(
    on: date, *, actor: Actor, minimum_fen: int = 0, unpaid: Unpaid | None = None, now: datetime | None = None
) -> Iterator[Run]:
    """Clear a day that is over and closed, and yield how far it is, at the beginning and after each chunk.

    Each chunk is its own transaction: killed half-way and run again, it does what is left; a day that is finished is
    left alone. What commits late comes with the next run; a day with merchants that are not closed is not finished.
    Refuses: clearing_day_open, clearing_day_passed.
    """
    state = Run(on, 0)
    if not _begin(on, minimum_fen, actor, now):
        yield state
        return
    rollup.run()
    wanted = Account.objects.filter(kind__in=[Account.Kind.PROCEEDS, Account.Kind.CENTRE])
    state.of = wanted.count()
    yield state
    last, n = 0, 0
    while chunk := list(wanted.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        state.statements += _clear(on, chunk, list(unpaid(chunk)) if unpaid else [], now, state.failed)
        state.done += len(chunk)
        last, n = chunk[-1], n + 1
        if n % ROLL_UP_EVERY == 0:
            rollup.run()
        yield state
    rollup.run()
    if not state.failed:
        _rows("SELECT points_finish_clearing(%s::date, %s::timestamptz)", [on, now])
    state.unclosed = int(_rows("SELECT count(*) FROM points_unclosed(%s::date)", [on])[0][0])


def _begin(on: date, minimum_fen: int, actor: Actor, now: datetime | None) -> bool:
    statement = "SELECT points_begin_clearing(%s::date, %s::bigint, %s::text, %s::timestamptz)"
    return bool(_call(statement, [on, minimum_fen, str(actor), now], {"22023": CLEARING_DAY_OPEN})[0][0])


def _clear(on: date, accounts: list[int], unpaid: list[int], now: datetime | None, failed: list[int]) -> int:
    """Clear some accounts; when a law holds one of them up, find it and clear the others."""
    try:
        return _clear_again(on, accounts, unpaid, now)
    except IntegrityError:
        if len(accounts) == 1:
            failed += accounts
            return 0
    half = len(accounts) // 2
    return _clear(on, accounts[:half], unpaid, now, failed) + _clear(on, accounts[half:], unpaid, now, failed)


def _clear_again(on: date, accounts: list[int], unpaid: list[int], now: datetime | None) -> int:
    """Clear; again when the roll-up was behind or two waited for each other."""
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                statement = "SELECT points_clear(%s::date, %s::bigint[], %s::bigint[], %s::timestamptz)"
                return int(_rows(statement, [on, accounts, unpaid, now])[0][0])
        except OperationalError as error:
            if _state_of(error) not in {"40001", "40P01"} or not left or connection.in_atomic_block:
                raise
            rollup.run()
    raise AssertionError


# --- reading ----------------------------------------------------------------------------------------

FIGURES = ("proceeds_fen", "returned_fen", "retained_fen", "claims_fen", "bills_fen", "standing_fen", "paid_fen")


@dataclass(frozen=True, slots=True)
class Sums:
    """The figures of a clearing day over all its statements."""

    statements: int
    opening_fen: int
    closing_fen: int
    figures: dict[str, int]
    payouts: int


def sums(on: date) -> Sums:
    """Return the sums of a clearing day."""
    asked: dict[str, Any] = {name: Sum(name) for name in (*FIGURES, "opening_fen", "closing_fen")}
    found = Statement.objects.filter(clearing=on).aggregate(n=Count("pk"), **asked)
    return Sums(
        statements=found["n"],
        opening_fen=int(found["opening_fen"] or 0),
        closing_fen=int(found["closing_fen"] or 0),
        figures={name: int(found[name] or 0) for name in FIGURES},
        payouts=Payout.objects.filter(statement__clearing=on).count(),
    )


# --- instructions and payouts -----------------------------------------------------------------------


def set_standing(*, float_id: int, fen: int, is_leaving: bool = False) -> None:
    """Say up to which amount a merchant's float is filled at each clearing. Refuses: clearing_amount_invalid."""
    statement = "SELECT points_set_standing(%s::bigint, %s::bigint, %s::boolean)"
    _call(statement, [float_id, fen, is_leaving], {"22023": CLEARING_AMOUNT_INVALID, "23514": CLEARING_AMOUNT_INVALID})


def standing_of(float_id: int) -> Standing:
    """Return how a merchant is cleared; what nobody set is zero."""
    return Standing.objects.filter(pk=float_id).first() or Standing(pk=float_id)


def approve(*, run_no: int, through: int) -> tuple[int, int]:
    """Approve all proposed payouts up to a number, as one decision; return how many and how much."""
    found = _rows("SELECT payouts, fen FROM points_approve_payouts(%s::bigint, %s::bigint)", [run_no, through])[0]
    return int(found[0]), int(found[1])


def send(*, run_no: int, payout_ids: Sequence[int]) -> int:
    """Mark approved payouts of a run as being in the bank's file: all of them, or none (a stopped one: 40001)."""
    return int(_rows("SELECT points_send_payouts(%s::bigint, %s::bigint[])", [run_no, list(payout_ids)])[0][0])


def stop(*, payout_id: int, actor: Actor, at: datetime, now: datetime | None = None) -> bool:
    """Take a payout back before a bank has it; False when it is too late. Its money waits for the next run."""
    statement = "SELECT points_stop_payout(%s::bigint, %s::text, %s::timestamptz, %s::timestamptz)"
    return bool(_rows(statement, [payout_id, str(actor), at, now])[0][0])


def withdraw_fee(*, amount_fen: int, actor: Actor, at: datetime, now: datetime | None = None) -> Payout:
    """Propose that the operator takes a part of its released fee (row 43). Refuses: fee_short, clearing_amount_invalid."""
    statement = "SELECT points_withdraw_fee(%s::bigint, %s::text, %s::timestamptz, %s::timestamptz)"
    says = {"LH005": FEE_SHORT, "22023": CLEARING_AMOUNT_INVALID}
    return Payout.objects.get(pk=_call(statement, [amount_fen, str(actor), at, now], says)[0][0])


def empty_float(*, float_id: int, actor: Actor, at: datetime, now: datetime | None = None) -> int:
    """Move promotion credit and float of a merchant that leaves to its proceeds (row 36); return how much."""
    statement = "SELECT points_empty_float(%s::bigint, %s::text, %s::timestamptz, %s::timestamptz)"
    return int(_call(statement, [float_id, str(actor), at, now], {"22023": CLEARING_AMOUNT_INVALID})[0][0])


# --- disputes ---------------------------------------------------------------------------------------


def retain(
    *, account_id: int, amount_fen: int, actor: Actor, at: datetime, now: datetime | None = None
) -> tuple[Retention, list[int]]:
    """Set an amount of proceeds (or of a centre) apart; payouts that no bank has yet are stopped.

    Returns the retention and which payouts were stopped. What is not there now, the next run sets apart.
    Refuses: clearing_amount_invalid.
    """
    statement = "SELECT points_retain(%s::bigint, %s::bigint, %s::text, %s::timestamptz, %s::timestamptz)"
    with transaction.atomic():
        (found,) = _call(statement, [account_id, amount_fen, str(actor), at, now], {"22023": CLEARING_AMOUNT_INVALID})
        retention = Retention.objects.get(pk=found[0])
        # Those that this call stopped carry its time.
        stopped = Payout.objects.filter(
            source_id=account_id, state=Payout.State.STOPPED, ended_at__gte=retention.opened_at
        )
        ids = list(stopped.order_by("pk").values_list("pk", flat=True))
    return retention, ids


def release(*, retention_id: int, to_id: int, actor: Actor, at: datetime, now: datetime | None = None) -> int:
    """Decide a dispute: the amount goes back to its account, or to another's; return how much that was.

    Refuses: retention_decided, clearing_amount_invalid.
    """
    statement = "SELECT points_release(%s::bigint, %s::bigint, %s::text, %s::timestamptz, %s::timestamptz)"
    says = {"LH004": RETENTION_DECIDED, "22023": CLEARING_AMOUNT_INVALID}
    return int(_call(statement, [retention_id, to_id, str(actor), at, now], says)[0][0])


def _call(statement: str, arguments: list[Any], says: dict[str, Any]) -> list[Any]:
    """Ask the book, and say its no in words."""
    try:
        with transaction.atomic():
            return _rows(statement, arguments)
    except Error as error:
        refusal = {"LH003": CLEARING_DAY_PASSED, **says}.get(_state_of(error))
        if refusal is None:
            raise
        raise refusal() from error


def _state_of(error: Error) -> str:
    return str(getattr(error.__cause__, "sqlstate", ""))


def _rows(statement: str, arguments: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


def last_finished() -> Clearing | None:
    """Return the newest clearing day that was finished."""
    return Clearing.objects.filter(finished_at__isnull=False).order_by("-cleared_on").first()
