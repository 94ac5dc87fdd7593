"""Refunds: goods come back, in part or in full, and the sale is reckoned again for what stays of it (rows 14 to 23).

    before = preview(sale=sale, returned=ByTotal(3_000), at=now)          # what the till will be told; nothing is written
    outcome = refund(sale=sale, outlet_id=7, returned=ByTotal(3_000), caller=caller, key="…", body="…", actor=actor, at=now)
    outcome.cash_back_fen                                                 # what the cashier hands out

Points that had been spent come back first, to their lots; then the earned ones are taken back. What is missing of those is
kept back from the cash, never more than the cash; the rest is a claim on the member. All amounts are fen, 1 point = 1 fen.

`settle` is the clock's: money that came to a merchant pays what it owes, and members pay back out of their next points.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction

from alliance.actors import Actor
from alliance.amounts import AMOUNT_INVALID
from alliance.refusals import Refused
from points import bonuses as after_the_till
from points.bills import Caller
from points.calc import refunding
from points.calc.digests import digest
from points.calc.refunding import Kept
from points.models import Claim, Refund, RefundAward, ReturnDue, Reversal, Sale
from points.refusals import BOOKED, IN_PROGRESS, refusal_of

_REPEAT = {"40001", "40P01", "23505"}
_TRIES = 5


@dataclass(frozen=True, slots=True)
class ByTotal:
    """Goods worth `fen` of the bill come back; points and money in the proportion of the bill."""

    fen: int


@dataclass(frozen=True, slots=True)
class ByLines:
    """Lines come back that were paid with `cash_fen` and `points`; eligible_fen: how much of that money had earned points
    (None: in the proportion of the bill). stays: (fen, units) that then stay of each line that was kept with the sale,
    all refunds by line together; None: nobody knows, and goods of every line are taken to come back alike."""

    cash_fen: int
    points: int = 0
    eligible_fen: int | None = None
    stays: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class BonusBack:
    """A bonus that is undone. points: by how much; taken from the wallet; the merchant pays charged_fen now, due_fen out of
    what is due to it, and owes owed_fen; home: wound up before. is_outside: somebody else than the merchant had paid it."""

    transfer_id: int
    payer_id: int
    is_outside: bool
    is_reward: bool
    points: int
    taken: int
    charged_fen: int
    due_fen: int
    owed_fen: int
    home: int = 0


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """The answer to a refund, also when it is asked for again (`replayed`).

    status is "booked" or "refused" (then code: sale_unknown, already_void, refund_too_much, refund_too_late, key_reused).
    What stays of the bill: `left_of(sale)`. For the figures of a refusal see `refusal()`.
    """

    status: str
    code: str | None
    replayed: bool
    refund_id: int | None
    sale_id: int
    booked_at: datetime | None
    # What came back: returned_fen = cash_fen + points_back
    returned_fen: int = 0
    cash_fen: int = 0
    points_back: int = 0
    # … of points_back, what is in the wallet now; promised: comes when the merchant has money; lapsed: was too old
    points_back_now: int = 0
    points_promised: int = 0
    points_lapsed: int = 0
    # … gone on to whoever had paid them, since their last day of spending is over (row 37)
    points_wound: int = 0
    # What the sale had earned and no longer does: points_undone = taken + short + home + unpromised (promised, never given);
    # home: wound up before, so with whoever had paid them already
    points_undone: int = 0
    points_taken: int = 0
    points_short: int = 0
    points_home: int = 0
    points_unpromised: int = 0
    bonuses: tuple[BonusBack, ...] = ()
    # What the till does: cash_fen = cash_back_fen + keep_back_fen; claim_fen is owed by the member beyond that
    cash_back_fen: int = 0
    keep_back_fen: int = 0
    claim_fen: int = 0
    # What the merchant gets of the rebate: at once, or due after the next close; and the spending fee it gets back
    rest_back_fen: int = 0
    rest_due_fen: int = 0
    fee_back_fen: int = 0
    credit_charged_fen: int = 0
    advanced_fen: int = 0
    balance_after: int | None = None
    available_after: int | None = None
    figure: int | None = None
    number: int = BOOKED

    @property
    def is_booked(self) -> bool:
        return self.status == "booked"

    @property
    def is_late(self) -> bool:
        return self.rest_due_fen > 0

    def refusal(self) -> Refused:
        """Return the exception that says why it was refused."""
        return refusal_of(self.number, self.figure)


Returned = ByTotal | ByLines


def left_of(sale: Sale) -> Kept:
    """Return what stays of a sale after the refunds so far; nothing of a void one."""
    return _left(sale)[1]


def refund(
    *,
    sale: Sale,
    outlet_id: int,
    returned: Returned,
    caller: Caller,
    key: str,
    body: str,
    actor: Actor,
    at: datetime,
    cash_given: bool = False,
    bonus_kept: Mapping[int, int] | None = None,
    now: datetime | None = None,
) -> RefundOutcome:
    """Refund a part of a sale, or all of it; the same key and body get the first answer again.

    sale: the document (kind sale) itself; outlet_id: where the goods came back, which must belong to the same merchant.
    cash_given: the money was handed out before, so nothing can be kept back. bonus_kept: by transfer of a bonus of this
    sale, the points of it that stay; default: what its rules give for what stays (points.bonuses.staying). now: for the owner of the database only.
    Raises amount_invalid for nothing or less; answers everything else, see RefundOutcome.
    """
    _check(returned)
    tries = 1 if connection.in_atomic_block else _TRIES
    for n in range(1, tries + 1):
        # What stays is reckoned for the refunds that are seen; another one in between makes the book say 40001.
        seen, kept, lines = _left(sale)
        stays = _stays(sale, kept, returned)
        if isinstance(returned, ByLines) and returned.stays is not None:
            lines = returned.stays
        bonuses = bonus_kept
        if bonuses is None:
            bonuses = after_the_till.staying(sale, max(stays.eligible, 0), lines)
        kept_ids, kept_points = list(bonuses.keys()), list(bonuses.values())
        facts: list[Any] = [
            caller.number, caller.id, str(actor), digest(key), digest(body), outlet_id, sale.pk, sale.outlet_id, sale.booked_at, seen,
            stays.bill, stays.spent, stays.eligible, kept_ids, kept_points, cash_given, settings.REFUND_DAYS, at, now,
            json.dumps(lines) if lines is not None else None,
        ]  # fmt: skip
        try:
            with connection.cursor() as cursor:
                cursor.execute(_REFUND, facts)
                row = cursor.fetchone()
            return _outcome(sale, *row)
        except Error as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state in ("55P03", "57014") or (state in _REPEAT and n == tries):
                raise IN_PROGRESS() from error
            if state not in _REPEAT:
                raise
    raise AssertionError


def preview(
    *,
    sale: Sale,
    returned: Returned,
    at: datetime,
    cash_given: bool = False,
    bonus_kept: Mapping[int, int] | None = None,
    now: datetime | None = None,
) -> RefundOutcome:
    """Return what `refund` would answer now; nothing of it is kept. It is the refund itself, taken back."""
    with transaction.atomic():
        outcome = refund(
            sale=sale,
            outlet_id=sale.outlet_id,
            returned=returned,
            caller=Caller("system", 0),
            key=f"preview {sale.pk}",
            body="",
            actor=Actor.system("preview"),
            at=at,
            cash_given=cash_given,
            bonus_kept=bonus_kept,
            now=now,
        )
        transaction.set_rollback(True)
    return outcome


def settle(now: datetime | None = None) -> tuple[int, int]:
    """Let members and merchants pay what they still owe because of refunds; return both sums. Again, it moves nothing."""
    recovered = settled = 0
    wallets = Claim.objects.open().filter(why=Claim.Why.POINTS_GONE).values_list("debtor_id", flat=True)
    for wallet_id in sorted(set(wallets)):
        recovered += _run("points_recover_claims", wallet_id, now)
    floats = {
        *Claim.objects.open()
        .filter(why__in=(Claim.Why.ADVANCE, Claim.Why.BONUS, Claim.Why.KEPT_FEE))
        .values_list("debtor_id", flat=True),
        *Claim.objects.open().filter(why=Claim.Why.FEE).values_list("creditor_id", flat=True),
        *ReturnDue.objects.open().values_list("float_id", flat=True),
    }
    for float_id in sorted(floats):
        settled += _run("points_settle_debts", float_id, now)
    return recovered, settled


_REFUND = """SELECT * FROM points_refund_rewarded(%s::smallint, %s::bigint, %s::text, %s::uuid, %s::uuid, %s::bigint, %s::bigint, %s::bigint,
  %s::timestamptz, %s::integer, %s::integer, %s::integer, %s::integer, %s::bigint[], %s::bigint[], %s::boolean, %s::integer, %s::timestamptz,
  %s::timestamptz, %s::jsonb)"""


def _check(returned: Returned) -> None:
    if isinstance(returned, ByTotal):
        is_lawful, given = returned.fen > 0, returned.fen
    else:
        given = returned.cash_fen + returned.points
        is_lawful = min(returned.cash_fen, returned.points, returned.eligible_fen or 0) >= 0 and given > 0
        is_lawful = is_lawful and (returned.eligible_fen or 0) <= returned.cash_fen
    if not is_lawful or given >= 2**31:
        raise AMOUNT_INVALID(given=str(given))


def _left(sale: Sale) -> tuple[int, Kept, Sequence[Sequence[int]] | None]:
    """Return how many refunds of a sale there are, what stays, and of which line how much."""
    seen = Reversal.objects.filter(pk=sale.pk).first()
    if seen is None:
        return 0, _sold(sale), None
    return seen.refunds, Kept(seen.kept_bill, seen.kept_spent, seen.kept_eligible), seen.kept_lines


def _sold(sale: Sale) -> Kept:
    return Kept(sale.bill_fen, sale.spent_points, sale.eligible_fen)


def _stays(sale: Sale, kept: Kept, returned: Returned) -> Kept:
    if isinstance(returned, ByTotal):
        stays = refunding.by_total(_sold(sale), kept, returned.fen)
    else:
        stays = refunding.by_lines(
            _sold(sale), kept, cash=returned.cash_fen, points=returned.points, eligible=returned.eligible_fen
        )
    # More than was bought: the book says so, and keeps the answer.
    return stays if stays.is_possible else Kept(-1, 0, 0)


def _outcome(
    sale: Sale,
    number: int,
    replayed: bool,
    refund_id: int | None,
    booked_at: datetime | None,
    points: int,
    spent: int,
    rest: int,
    balance_after: int | None,
    available_after: int | None,
    figure: int | None,
) -> RefundOutcome:
    if number != BOOKED:
        code = refusal_of(number, figure).code
        return RefundOutcome("refused", code, replayed, None, sale.pk, None, figure=figure, number=number)
    assert refund_id is not None  # what is booked has a row
    facts = Refund.objects.get(pk=refund_id)
    awards = RefundAward.objects.filter(refund_id=refund_id).order_by("transfer_id")
    bonuses = tuple(
        BonusBack(row.transfer_id, row.payer_id, row.is_outside, row.is_reward, row.points, row.taken, row.charged, row.due, row.owed, row.home)
        for row in awards
    )  # fmt: skip
    return RefundOutcome(
        "booked",
        None,
        replayed,
        refund_id,
        sale.pk,
        booked_at,
        returned_fen=facts.cash_fen - spent,
        cash_fen=facts.cash_fen,
        points_back=-spent,
        points_back_now=-spent - facts.promised,
        points_promised=facts.promised,
        points_lapsed=facts.lapsed,
        points_wound=facts.wound,
        points_undone=-points,
        points_taken=facts.taken,
        points_short=facts.short - facts.home_own,
        points_home=facts.home_own,
        points_unpromised=facts.unpromised,
        bonuses=bonuses,
        cash_back_fen=facts.cash_fen - facts.keep_back_fen,
        keep_back_fen=facts.keep_back_fen,
        claim_fen=facts.claimed,
        rest_back_fen=facts.rest_back,
        rest_due_fen=facts.rest_due,
        fee_back_fen=facts.from_fee,
        credit_charged_fen=facts.credit_charged,
        advanced_fen=facts.advanced,
        balance_after=balance_after,
        available_after=available_after,
        figure=figure,
    )


def _run(function: str, about: int, now: datetime | None) -> int:
    """Settle one wallet's or merchant's debts in a transaction of its own; again when it got in somebody's way."""
    tries = 1 if connection.in_atomic_block else _TRIES
    for n in range(1, tries + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SELECT {function}(%s::bigint, %s::timestamptz)", [about, now])
                answer: Any = cursor.fetchone()[0]
                return int(answer)
        except Error as error:
            if getattr(error.__cause__, "sqlstate", None) not in _REPEAT or n == tries:
                raise
    raise AssertionError
