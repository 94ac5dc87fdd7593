"""Bills: points earned, points spent, or both on one bill, and the void of a whole bill.

`draft` does the sums and books nothing. `post` books one or many in one call of the database: the batch decides
exactly as its bills one after another would (points/sql/post.sql). Every bill carries the request key of its caller;
whoever repeats a request gets its first answer.

Call `post` as the last thing before the commit: it holds the wallet and the float until then. Outside a transaction
it is one round trip, and repeats by itself when two calls got in each other's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import Error, connection

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from alliance.calc.money import MAX_FEN
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from points.calc import rebate
from points.calc.digests import digest
from points.models import Terms
from points.refusals import (
    BOOKED,
    IN_PROGRESS,
    KEY_REUSED,
    SPEND_SHARE_EXCEEDED,
    TERMS_MISSING,
    WITHOUT_POINTS,
    refusal_of,
)
from points.terms import rest_account

__all__ = ["TERMS_MISSING", "Bill", "Caller", "Outcome", "OutletRef", "answered", "draft", "post", "sale_of", "void"]

CALLERS = {"merchant": 1, "till": 2, "feed": 3, "member": 4, "staff": 5, "system": 6, "key": 7, "town": 8}
VOID_WITHIN = timedelta(minutes=10)
# Serialisation failure, deadlock, and a twin that named another wallet: nothing was booked, try again.
_REPEAT = {"40001", "40P01", "23505"}
_TRIES = 5


@dataclass(frozen=True, slots=True)
class OutletRef:
    """Where a bill was made, as far as the book must know it."""

    outlet_id: int
    float_id: int
    centre_account_id: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request keys these are. A key belongs to its caller: merchant, till, feed, member, staff, system."""

    kind: str
    id: int

    @property
    def number(self) -> int:
        return CALLERS[self.kind]


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill with its sums done, not booked yet."""

    outlet_id: int
    wallet_id: int
    terms_id: int
    float_id: int
    rest_id: int
    event_at: datetime
    bill_fen: int
    paid_fen: int
    eligible_fen: int
    spend_points: int
    rate_bps: int
    rebate_fen: int
    points: int
    rest: int
    spend_fee: int
    matures_days: int
    reference: str
    key: str
    body: str

    @property
    def matures_on(self) -> date:
        """The day from which the points can be spent, or the day of the sale."""
        return shanghai_day(self.event_at) + timedelta(days=self.matures_days)

    @property
    def expires_on(self) -> date:
        """The last day on which the points can be spent."""
        return rebate.expires_on(shanghai_day(self.event_at))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a bill or a void; `replayed` when it was given before. All of it is kept with the key."""

    status: str
    replayed: bool
    code: str | None
    sale_id: int | None
    booked_at: datetime | None
    points: int
    spent_points: int
    rest: int
    balance_after: int | None
    available_after: int | None
    # points_short: what there was; without points: what the float lacked money for; void_points_gone: what was gone.
    figure: int | None
    number: int
    # What a postpaid merchant owes this member for the bill; the points come when it has paid.
    promised_points: int = 0

    @property
    def is_booked(self) -> bool:
        return self.status != "refused"

    @property
    def is_without_points(self) -> bool:
        return self.status == "without_points"

    @property
    def needed(self) -> int | None:
        return self.figure

    def refusal(self) -> Refused:
        """Return the exception that says why; for a sale without points: float_exhausted."""
        return refusal_of(self.number, self.figure)


def draft(
    *,
    outlet: OutletRef,
    terms: Terms,
    wallet_id: int,
    paid_fen: int,
    event_at: datetime,
    key: str,
    body: str,
    eligible_fen: int | None = None,
    spend_points: int = 0,
    reference: str = "",
) -> Bill:
    """Do the sums of a bill of which `paid_fen` is paid in money and `spend_points` in points.

    Rebate = eligible × rate, half up; points = the member's share of it, down; spending fee down.
    Refuses: amount_invalid, spend_share_exceeded.
    """
    eligible = paid_fen if eligible_fen is None else eligible_fen
    bill_fen = paid_fen + spend_points
    if not (0 <= paid_fen <= MAX_FEN and 0 <= spend_points <= MAX_FEN and bill_fen > 0 and 0 <= eligible <= paid_fen):
        raise AMOUNT_INVALID(given=str(bill_fen))
    most = rebate.largest_spend(bill_fen, terms.spend_share_bps)
    if spend_points > most:
        raise SPEND_SHARE_EXCEEDED(most=most)
    rebate_fen = rebate.rebate(eligible, terms.rate_bps)
    points = rebate.member_part(rebate_fen, terms.member_bps)
    return Bill(
        outlet_id=outlet.outlet_id,
        wallet_id=wallet_id,
        terms_id=terms.pk,
        float_id=outlet.float_id,
        rest_id=rest_account(terms, outlet.centre_account_id),
        event_at=event_at,
        bill_fen=bill_fen,
        paid_fen=paid_fen,
        eligible_fen=eligible,
        spend_points=spend_points,
        rate_bps=terms.rate_bps,
        rebate_fen=rebate_fen,
        points=points,
        rest=rebate_fen - points,
        spend_fee=rebate.spend_fee(spend_points, terms.spend_fee_bps),
        matures_days=terms.matures_days,
        reference=reference.replace("\0", "")[:64],
        key=key,
        body=body,
    )


_POST_ONE = """SELECT * FROM points_post_one(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint, %s::bigint,
  %s::bigint, %s::timestamptz, %s::integer, %s::integer, %s::integer, %s::text, %s::timestamptz, %s::boolean, %s::boolean)"""
_POST = """SELECT * FROM points_post(%s::smallint, %s::bigint, %s::text, %s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[],
  %s::bigint[], %s::timestamptz[], %s::integer[], %s::integer[], %s::integer[], %s::text[], %s::timestamptz, %s::boolean,
  %s::boolean)"""


def post(
    bills: Sequence[Bill], *, caller: Caller, actor: Actor, now: datetime | None = None, at_event: bool = False
) -> list[Outcome]:
    """Book bills in their order, each for itself: a refused one leaves no trace but its answer.

    now: the time of booking, for the database's owner only (town, replay, tests). at_event: with `now`, each bill is
    booked at its own event_at, never backwards for one wallet.
    """
    if not bills:
        return []
    if len(bills) == 1:
        statement, columns = _POST_ONE, [*_columns(bills[0])]
    else:
        statement, columns = _POST, _arrays(bills)
    rows = _call(statement, [caller.number, caller.id, str(actor), *columns, now, at_event], can_wait=True)
    outcomes: list[Any] = [None] * len(bills)
    for ord_, *row in rows:
        outcomes[ord_ - 1] = _outcome(*row)
    return outcomes


def _columns(bill: Bill) -> tuple[Any, ...]:
    return (
        digest(bill.key),
        digest(bill.body),
        bill.wallet_id,
        bill.outlet_id,
        bill.rest_id,
        bill.event_at,
        bill.paid_fen,
        bill.eligible_fen,
        bill.spend_points,
        bill.reference,
    )


def _arrays(bills: Sequence[Bill]) -> list[str]:
    """Return the columns as array literals: several times as fast as letting the driver adapt each value."""
    *plain, references = zip(*map(_columns, bills), strict=True)
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in references)
    return ["{" + ",".join(values) + "}" for values in [*(map(str, column) for column in plain), quoted]]


_VOID = """SELECT * FROM points_void(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint, %s::bigint, %s::timestamptz,
  %s::timestamptz)"""


def void(
    *,
    sale_id: int,
    outlet_id: int,
    caller: Caller,
    key: str,
    body: str,
    actor: Actor,
    at: datetime,
    now: datetime | None = None,
) -> Outcome:
    """Undo a whole bill at its outlet within ten minutes: spent points come back first, then earned ones are taken.

    Answers "refused" with sale_unknown, already_void, void_too_late, void_points_gone or key_reused.
    """
    arguments = [caller.number, caller.id, str(actor), digest(key), digest(body), outlet_id, sale_id, at, now]
    return _outcome(*_call(_VOID, arguments)[0])


_ANSWERED = """SELECT body, status, true, sale_id, booked_at, points, spent, rest, balance_after, available_after, figure
  FROM points_key WHERE caller_kind = %s AND caller_id = %s AND key = %s"""


def answered(caller: Caller, key: str, body: str) -> Outcome | None:
    """Return the answer that this request got before, or None. Refuses key_reused when its body was another."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERED, [caller.number, caller.id, digest(key)])
        row = cursor.fetchone()
    if row is None:
        return None
    if row[0].hex != digest(body):
        raise KEY_REUSED()
    return _outcome(*row[1:])


_SALE_OF = """SELECT sale_id FROM points_key
  WHERE caller_kind = %s AND caller_id = %s AND key = %s AND status = ANY (%s)"""


def sale_of(caller: Caller, key: str) -> int | None:
    """Return the number of what was booked under this key, whatever its body was."""
    with connection.cursor() as cursor:
        cursor.execute(_SALE_OF, [caller.number, caller.id, digest(key), [BOOKED, WITHOUT_POINTS]])
        row = cursor.fetchone()
    return row[0] if row else None


def _call(statement: str, arguments: list[Any], *, can_wait: bool = False) -> list[tuple[Any, ...]]:
    """Run a posting function; outside a transaction it is repeated when nothing was booked for a reason of timing."""
    tries = 1 if connection.in_atomic_block else _TRIES
    for n in range(1, tries + 1):
        # In somebody's transaction a failure could not be repeated: lock the floats first, then nothing can run short.
        is_patient = connection.in_atomic_block or n > 2
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, [*arguments, is_patient] if can_wait else arguments)
                return cursor.fetchall()
        except Error as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state in ("55P03", "57014") or (state in _REPEAT and n == tries):
                raise IN_PROGRESS() from error
            if state not in _REPEAT:
                raise
    raise AssertionError


def _outcome(
    number: int,
    replayed: bool,
    sale_id: int | None,
    booked_at: datetime | None,
    points: int,
    spent: int,
    rest: int,
    balance_after: int | None,
    available_after: int | None,
    figure: int | None,
) -> Outcome:
    status = {BOOKED: "booked", WITHOUT_POINTS: "without_points"}.get(number, "refused")
    promised = 0
    if number == BOOKED and figure is not None and figure == points + rest > 0:
        # Booked with a figure: the bill is there, its points are not (row 8).
        status, promised, points, rest = "promised", points, 0, 0
    code = None if number == BOOKED else refusal_of(number, figure).code
    return Outcome(
        status,
        replayed,
        code,
        sale_id,
        booked_at,
        points or 0,
        spent or 0,
        rest or 0,
        balance_after,
        available_after,
        figure,
        number,
        promised,
    )
