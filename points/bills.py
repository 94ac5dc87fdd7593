"""Bills: points earned, points spent, or both on one bill, and the void of a whole bill.

`draft` does the sums and books nothing. `post` books one or many in one call of the database: the batch decides
exactly as its bills one after another would (points/sql/post.sql). Every bill carries the request key of its caller;
whoever repeats a request gets its first answer.

Bills that a rule has to look at go one by one, evaluated and posted with their bonuses (points.awards); all others in
one call, in the order in which they stand.

Call `post` as the last thing before the commit: it holds the wallet and the float until then. Outside a transaction
it is one round trip, and repeats by itself when two calls got in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import Error, connection, transaction
from django.db.models import F, Q, Sum

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from alliance.calc.money import MAX_FEN
from alliance.calc.worktime import shanghai_day
from alliance.refusals import Refused
from points import awards
from points.awards import Decision, Looked, Said
from points.calc import rebate
from points.calc.digests import digest
from points.calc.rules import Line
from points.calc.tender import paid_in_money
from points.models import Awaited, Award, Terms
from points.refusals import (
    BOOKED,
    IN_PROGRESS,
    KEY_REUSED,
    LINES_DIFFER,
    SPEND_SHARE_EXCEEDED,
    TERMS_MISSING,
    WITHOUT_POINTS,
    refusal_of,
)
from points.terms import rest_account

__all__ = [
    "TERMS_MISSING",
    "TRIES",
    "Bill",
    "Caller",
    "Outcome",
    "OutletRef",
    "answered",
    "call",
    "draft",
    "give_up",
    "outcome_of",
    "post",
    "sale_of",
    "void",
    "with_bonuses",
    "with_kept_bonuses",
]

CALLERS = {"merchant": 1, "till": 2, "feed": 3, "member": 4, "staff": 5, "system": 6, "key": 7, "town": 8}
VOID_WITHIN = timedelta(minutes=10)
# Serialisation failure, deadlock, and a twin that named another wallet: nothing was booked, try again.
_REPEAT = {"40001", "40P01", "23505"}
TRIES = 5


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
    terms: Terms = field(compare=False, repr=False)
    # What rules read: the lines with what was paid in money for each, and the line of business.
    lines: tuple[Line, ...] = ()
    trade: str = ""

    @property
    def all_lines(self) -> tuple[Line, ...]:
        """The lines, or the bill as one line of no category."""
        return self.lines or (
            Line("", "", self.eligible_fen),
            *(
                [Line("", "", self.paid_fen - self.eligible_fen, is_eligible=False)]
                if self.paid_fen > self.eligible_fen
                else []
            ),
        )

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
    # … and what rules give on top then, at most.
    promised_bonus: int = 0
    # Points that rules gave on top of `points`; both are in the balance.
    bonuses: tuple[Said, ...] = ()

    @property
    def bonus_points(self) -> int:
        return sum(bonus.points for bonus in self.bonuses)

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
    lines: Sequence[Line] = (),
    trade: str = "",
) -> Bill:
    """Do the sums of a bill of which `paid_fen` is paid in money and `spend_points` in points.

    Rebate = eligible × rate, half up; points = the member's share of it, down; spending fee down.
    lines: with their prices, all of the bill; which of them earn decides what is eligible. trade: the shop's, for rules.
    Refuses: amount_invalid, lines_differ, spend_share_exceeded.
    """
    if lines:
        if any(line.fen < 0 for line in lines) or sum(line.fen for line in lines) != paid_fen + spend_points:
            raise LINES_DIFFER()
        lines = paid_in_money(lines, paid_fen)
        of_lines = sum(line.fen for line in lines if line.is_eligible)
        if eligible_fen not in (None, of_lines):
            raise LINES_DIFFER()
        eligible_fen = of_lines
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
        terms=terms,
        lines=tuple(lines),
        trade=trade,
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
    runs = list(_runs(bills))
    if len(runs) > 1 and connection.in_atomic_block:
        # All of it commits at once: locked in the order of posting, whatever the order of the bills.
        awards.hold([bill for _looked, run in runs for bill in run], [looked for looked, _run in runs if looked])
    found: list[Outcome] = []
    for looked, run in runs:
        if looked is None:
            found += _plain(run, caller, actor, now, at_event)
        else:
            found.append(_awarded(run[0], looked, caller, actor, now, at_event))
    return with_kept_bonuses(found)


def _runs(bills: Sequence[Bill]) -> Iterator[tuple[Looked | None, Sequence[Bill]]]:
    """Yield each bill that rules look at by itself, and the others between them together: the order stays."""
    start = 0
    for n, bill in enumerate(bills):
        if (looked := awards.looking(bill)) is not None:
            if start < n:
                yield None, bills[start:n]
            yield looked, [bill]
            start = n + 1
    if start < len(bills):
        yield None, bills[start:]


def _plain(bills: Sequence[Bill], caller: Caller, actor: Actor, now: datetime | None, at_event: bool) -> list[Outcome]:
    if len(bills) == 1:
        statement, columns = _POST_ONE, [*_columns(bills[0])]
    else:
        statement, columns = _POST, _arrays(bills)
    rows = call(statement, [caller.number, caller.id, str(actor), *columns, now, at_event], can_wait=True)
    outcomes: list[Any] = [None] * len(bills)
    for ord_, *row in rows:
        outcomes[ord_ - 1] = outcome_of(*row)
    return outcomes


_POST_AWARDED = """SELECT * FROM points_post_awarded(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint, %s::bigint,
  %s::bigint, %s::timestamptz, %s::integer, %s::integer, %s::integer, %s::text, %s::timestamptz, %s::boolean,
  %s::bigint, %s::bigint[], %s::bigint[], %s::integer[], %s::bigint[], %s::boolean, %s::jsonb, %s::jsonb, %s::boolean)"""


def _awarded(bill: Bill, looked: Looked, caller: Caller, actor: Actor, now: datetime | None, at_event: bool) -> Outcome:
    """Evaluate a bill and book it with its bonuses; anew, with everything locked, when something moved in between."""

    def post_once(is_patient: bool) -> Outcome:
        nonlocal looked
        with transaction.atomic() if is_patient and not connection.in_atomic_block else nullcontext():
            decision = awards.decide(bill, looked, lock=is_patient)
            columns = [*_columns(bill), now, at_event, *decision.columns(bill), is_patient]
            with connection.cursor() as cursor:
                cursor.execute(_POST_AWARDED, [caller.number, caller.id, str(actor), *columns])
                _ord, *row = cursor.fetchone()
        outcome = outcome_of(*row)
        return with_bonuses(outcome, decision)

    tries = 1 if connection.in_atomic_block else TRIES
    for n in range(1, tries + 1):
        try:
            return post_once(connection.in_atomic_block or n > 1)
        except Error as error:
            give_up(error, is_last=n == tries)
        # A rule that ended meanwhile is not evaluated again.
        awards.forget()
        again = awards.looking(bill)
        if again is None:
            return _plain([bill], caller, actor, now, at_event)[0]
        looked = again
    raise AssertionError


def with_bonuses(outcome: Outcome, decision: Decision) -> Outcome:
    """Return a new outcome with what its rules gave, or will give when a promise is paid."""
    if outcome.replayed:
        return outcome
    if outcome.status == "promised":
        return replace(outcome, promised_bonus=decision.points)
    return replace(outcome, bonuses=decision.said()) if outcome.status == "booked" else outcome


def with_kept_bonuses(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the outcomes; those of repeated requests with the bonuses that stand in the book."""
    waiting = {outcome.sale_id or 0 for outcome in outcomes if outcome.replayed and outcome.status == "promised"}
    if waiting:
        most = dict(Awaited.objects.filter(pk__in=waiting).values_list("pk", "told"))
        outcomes = [
            replace(outcome, promised_bonus=most[outcome.sale_id])
            if outcome.replayed and outcome.sale_id in most
            else outcome
            for outcome in outcomes
        ]
    again = {outcome.sale_id or 0 for outcome in outcomes if outcome.replayed and outcome.status == "booked"}
    if not again:
        return outcomes
    sums = {
        sale_id: (given, mature)
        for sale_id, given, mature in Award.objects.filter(sale_id__in=again, journal_id=F("sale_id"))
        .values("sale_id")
        .annotate(given=Sum("points"), mature=Sum("points", filter=Q(is_pending=False), default=0))
        .values_list("sale_id", "given", "mature")
    }
    if not sums:
        return outcomes
    told = awards.told(sums)
    return [
        replace(
            outcome,
            bonuses=told[outcome.sale_id],
            balance_after=(outcome.balance_after or 0) + sums[outcome.sale_id][0],
            available_after=(outcome.available_after or 0) + sums[outcome.sale_id][1],
        )
        if outcome.replayed and outcome.sale_id in sums
        else outcome
        for outcome in outcomes
    ]


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
    return outcome_of(*call(_VOID, arguments)[0])


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
    return with_kept_bonuses([outcome_of(*row[1:])])[0]


_SALE_OF = """SELECT sale_id FROM points_key
  WHERE caller_kind = %s AND caller_id = %s AND key = %s AND status = ANY (%s)"""


def sale_of(caller: Caller, key: str) -> int | None:
    """Return the number of what was booked under this key, whatever its body was."""
    with connection.cursor() as cursor:
        cursor.execute(_SALE_OF, [caller.number, caller.id, digest(key), [BOOKED, WITHOUT_POINTS]])
        row = cursor.fetchone()
    return row[0] if row else None


def call(statement: str, arguments: list[Any], *, can_wait: bool = False) -> list[tuple[Any, ...]]:
    """Run a posting function; outside a transaction it is repeated when nothing was booked for a reason of timing."""
    tries = 1 if connection.in_atomic_block else TRIES
    for n in range(1, tries + 1):
        # In somebody's transaction a failure could not be repeated: lock the floats first, then nothing can run short.
        is_patient = connection.in_atomic_block or n > 2
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, [*arguments, is_patient] if can_wait else arguments)
                return cursor.fetchall()
        except Error as error:
            give_up(error, is_last=n == tries)
    raise AssertionError


def give_up(error: Error, *, is_last: bool) -> None:
    """Raise in_progress, or the error itself, unless the call may be repeated."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state in ("55P03", "57014") or (state in _REPEAT and is_last):
        raise IN_PROGRESS() from error
    if state not in _REPEAT:
        raise error


def outcome_of(
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
