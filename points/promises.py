"""Postpaid merchants: sell now, pay by the bill. Until it is paid its members' points are promised (rows 8 to 10).

set a limit     two people, for one merchant              ask → set_line
a sale          the float first, then the line            points.bills.post, by itself
a bill          of the week or month that is over         draw
money           oldest sale first, each whole             pay
no money        promises dropped, in advance again        drop
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import sleep

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alliance import approvals, events
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Unit, User
from alliance.refusals import declare
from points import bonuses, winding_up
from points.models import Account, CreditLine, MerchantBill, Promise

# A region may trust a merchant with up to ¥1,000,000; the table takes more, for an operator who changes this line.
LARGEST_LIMIT_FEN = 100_000_000
# Translators: 赊账额度须在 0 到 ¥%(most)s 之间，付款期限 1–90 天，保留期 1–180 天
LIMIT_INVALID = declare(
    "credit_limit_invalid",
    422,
    gettext_lazy("A limit is ¥0 to ¥%(most)s, with 1 to 90 days to pay and promises kept for 1 to 180 days more."),
)
# Translators: 商户（或联盟）已进入停业清退，不能再赊账
CLOSING = declare(
    "credit_line_while_closing",
    409,
    gettext_lazy("This merchant stops giving points after %(last)s: nothing more can be promised. Stop its line."),
)
CHUNK = 500
_WAIT = 0.05


@dataclass(frozen=True, slots=True)
class Paid:
    """What one payment of promises did; is_more: something is left that money was there for (a wallet was busy)."""

    issued: int = 0
    fen: int = 0
    is_more: bool = False


def ask(
    *,
    float_id: int,
    name: str,
    limit_fen: int,
    unit: Unit,
    user: User,
    at: datetime,
    period: int = CreditLine.Period.MONTH,
    due_days: int = 14,
    drop_days: int = 30,
    is_open: bool = True,
) -> Approval:
    """Ask a second person to let a merchant owe up to a limit, or to stop its line.

    Refuses: credit_limit_invalid, credit_line_while_closing, approval_already_asked.
    """
    if is_open:
        _not_closing(float_id)
    if not (0 <= limit_fen <= LARGEST_LIMIT_FEN and 1 <= due_days <= 90 and 1 <= drop_days <= 180):
        raise LIMIT_INVALID(most=yuan(LARGEST_LIMIT_FEN))
    facts = {
        "float": float_id,
        "name": name,
        "limit_fen": limit_fen,
        "period": int(CreditLine.Period(period)),
        "due_days": due_days,
        "drop_days": drop_days,
        "is_open": is_open,
    }
    return approvals.ask(
        kind="points.credit_line", subject=f"points.creditline:{float_id}", facts=facts, unit=unit, user=user, at=at
    )


def describe(approval: Approval) -> str:
    facts = approval.facts
    if not facts["is_open"]:
        # Translators: %(name)s：停用赊账
        return _("%(name)s: no more promises, in advance again") % {"name": facts["name"]}
    # Translators: %(name)s：赊账额度 ¥%(limit)s · %(period)s账单 · %(due)s 天内付款
    return _("%(name)s: may owe up to ¥%(limit)s · %(period)s bills · %(due)s days to pay") % {
        "name": facts["name"],
        "limit": yuan(facts["limit_fen"]),
        "period": CreditLine.Period(facts["period"]).label,
        "due": facts["due_days"],
    }


# Translators: 赊账额度
@approvals.kind(
    "points.credit_line",
    permission="credit.approve",
    title=gettext_lazy("Credit line of a merchant"),
    describe=describe,
)
def decided(approval: Approval, actor: Actor, at: datetime) -> CreditLine:
    """Set the line that was asked for, with the decision. Refuses credit_line_while_closing."""
    facts = approval.facts
    if facts["is_open"]:
        _not_closing(facts["float"])
    return set_line(
        float_id=facts["float"],
        limit_fen=facts["limit_fen"],
        period=facts["period"],
        due_days=facts["due_days"],
        drop_days=facts["drop_days"],
        is_open=facts["is_open"],
        actor=actor,
        at=at,
        unit_id=approval.unit_id,
    )


def set_line(
    *,
    float_id: int,
    limit_fen: int,
    actor: Actor,
    at: datetime,
    period: int = CreditLine.Period.MONTH,
    due_days: int = 14,
    drop_days: int = 30,
    is_open: bool = True,
    unit_id: int | None = None,
    now: datetime | None = None,
) -> CreditLine:
    """Open, change or stop a merchant's line. What is owed stays owed, whatever the new limit is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_set_line(%s::bigint, %s::bigint, %s::smallint, %s::smallint, %s::smallint, %s,"
            " %s::timestamptz)",
            [float_id, limit_fen, period, due_days, drop_days, is_open, now],
        )
    line = CreditLine.objects.get(pk=float_id)
    facts = {"limit_fen": limit_fen, "period": period, "due_days": due_days, "is_open": is_open}
    events.record("credit_line.set", line, actor, at, facts, unit_id=unit_id)
    return line


def draw(on: date, now: datetime | None = None, *, float_ids: Iterable[int] | None = None) -> int:
    """Draw the bills of the weeks and months that were over on this day; return how many. Again: none."""
    lines = CreditLine.objects.filter(owed_fen__gt=0)
    if float_ids is not None:
        lines = lines.filter(pk__in=list(float_ids))
    ids = list(lines.order_by("pk").values_list("pk", flat=True))
    drawn = 0
    for start in range(0, len(ids), CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_draw_bills(%s::date, %s::bigint[], %s::timestamptz)",
                [on, ids[start : start + CHUNK], now],
            )
            drawn += cursor.fetchone()[0]
    return drawn


def pay(float_id: int, now: datetime | None = None) -> Paid:
    """Pay promises out of the float as far as it goes: the oldest sale first, each whole.

    In chunks, each its own transaction, and a busy wallet is waited for; inside the caller's own transaction one chunk,
    and the clock does the rest (points.tasks.pay_promises). In a closing mode what was promised before is still owed
    and comes as long as it can be spent; after the last day of spending nothing comes.
    """
    if winding_up.is_over(float_id, shanghai_day(now or timezone.now())):
        return Paid()
    issued = fen = 0
    tries = 20
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM points_pay_bills(%s::bigint, %s::timestamptz, %s)", [float_id, now, CHUNK])
            part = Paid(*cursor.fetchone())
        issued, fen = issued + part.issued, fen + part.fen
        if part.issued and not connection.in_atomic_block:
            bonuses.give(now)
        if not part.is_more or connection.in_atomic_block:
            return Paid(issued, fen, part.is_more)
        if part.issued < CHUNK:
            tries -= 1
            if tries == 0:
                return Paid(issued, fen, True)
            sleep(_WAIT)


def payable() -> list[int]:
    """Return the floats that owe something and hold some money."""
    owing = CreditLine.objects.filter(owed_fen__gt=0).values("pk")
    return list(
        Account.objects.filter(pk__in=owing)
        .with_money()
        .filter(money__gt=0)
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def drop(on: date, *, actor: Actor, at: datetime, now: datetime | None = None) -> int:
    """Give up the promises of bills that nobody paid by their last day; those merchants pay in advance again.

    Money that is there is taken first. The member sees it in the wallet. Returns how many bills were dropped.
    """
    dropped = 0
    for bill in MerchantBill.objects.overdue(on).order_by("pk"):
        pay(bill.float_id, now)
        with connection.cursor() as cursor:
            cursor.execute("SELECT points_drop_bill(%s::bigint, %s::timestamptz)", [bill.pk, now])
            fen = cursor.fetchone()[0]
        if fen:
            events.record("bill.dropped", bill, actor, at, {"float": bill.float_id, "fen": fen})
            dropped += 1
    return dropped


def of_wallet(wallet_id: int, at: datetime, days: int = 90) -> list[Promise]:
    """Return what is promised to a wallet, newest first, and what was dropped lately: its member is told."""
    rows = Promise.objects.filter(wallet_id=wallet_id)
    lately = at - timedelta(days=days)
    return list(
        (rows.open() | rows.filter(state=Promise.State.DROPPED, settled_at__gt=lately)).order_by("-booked_at", "-pk")[
            :50
        ]
    )


def line_of(float_id: int) -> CreditLine | None:
    return CreditLine.objects.filter(pk=float_id).first()


def bills_of(float_id: int, n: int = 12) -> list[MerchantBill]:
    """Return a merchant's bills, newest first."""
    return list(MerchantBill.objects.filter(float_id=float_id).order_by("-until_on")[:n])


def is_late(bill: MerchantBill, at: datetime) -> bool:
    return bill.open_fen > 0 and bill.due_on < shanghai_day(at)


def _not_closing(float_id: int) -> None:
    mode = winding_up.mode_of(float_id)
    if mode is not None:
        raise CLOSING(last=mode.issue_ends_on.isoformat())
