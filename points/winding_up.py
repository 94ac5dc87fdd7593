"""The closing mode: an alliance, a region or a merchant stops, and everybody gets what is theirs (row 37).

Issue and expiry stop at a date, spending goes on for months, and at the end what was not spent goes back to those who
paid for it, lot by lot: a merchant's points to its float, a budget's to the budget, never to the operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import Error, connection, transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alliance import approvals, events
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Unit, User
from alliance.refusals import declare
from points import rollup, totals
from points.models import Account, Lot, Winding, WindingFloat

BUCKETS = 64
CHUNK = 2_000
Kind = Account.Kind

INVALID = declare(
    "winding_invalid",
    422,
    gettext_lazy(
        "A closing mode has merchants (or is the alliance's), begins today or later, and leaves at least four weeks to "
        "spend points. Each merchant can close once."
    ),
)
TERMS_AHEAD = declare(
    "winding_terms_ahead",
    409,
    gettext_lazy("An agreement is signed that begins after the last day of issue. End it first."),
)
# Translators: 停业清退期间不能做这件事
NOT_NOW = declare(
    "closing_mode_on",
    409,
    gettext_lazy(
        "A closing mode is on: points are issued until %(last)s and nothing new is given. Corrections downwards, "
        "refunds and payouts stay possible; money that is left goes back to whoever paid it."
    ),
)
TOO_EARLY = declare("winding_too_early", 409, gettext_lazy("Points can still be spent. Wait for the last day."))


def ask(
    *, scope: int, title: str, float_ids: Sequence[int], issue_ends_on: date, spend_ends_on: date, unit: Unit,
    user: User, at: datetime,
) -> Approval:  # fmt: skip
    """Ask a second person to let somebody close. Refuses: winding_invalid, approval_already_asked."""
    floats = sorted(set(float_ids))
    is_whole = scope == Winding.Scope.ALLIANCE
    if (
        is_whole != (not floats)
        or (scope == Winding.Scope.MERCHANT and len(floats) != 1)
        or issue_ends_on < shanghai_day(at)
        or (spend_ends_on - issue_ends_on).days < 28
        or Account.objects.floats().filter(pk__in=floats).count() != len(floats)
    ):
        raise INVALID()
    facts = {
        "scope": int(scope),
        "title": title[:120],
        "floats": floats,
        "issue_ends_on": issue_ends_on.isoformat(),
        "spend_ends_on": spend_ends_on.isoformat(),
    }
    return approvals.ask(kind="points.winding", subject="points.winding", facts=facts, unit=unit, user=user, at=at)


def describe(approval: Approval) -> str:
    facts = approval.facts
    # Translators: %(title)s（%(n)s 家商户）：发放到 %(issue)s，使用到 %(spend)s
    return _("%(title)s (%(n)s merchants): issue until %(issue)s, spending until %(spend)s") % {
        "title": facts["title"],
        "n": len(facts["floats"]) or Account.objects.floats().count(),
        "issue": facts["issue_ends_on"],
        "spend": facts["spend_ends_on"],
    }


# Translators: 停业清退
@approvals.kind("points.winding", permission="winding.approve", title=gettext_lazy("Closing mode"), describe=describe)
def decide(approval: Approval, actor: Actor, at: datetime) -> Winding:
    facts = approval.facts
    return start(
        approval_id=approval.pk,
        scope=facts["scope"],
        title=facts["title"],
        float_ids=facts["floats"],
        issue_ends_on=date.fromisoformat(facts["issue_ends_on"]),
        spend_ends_on=date.fromisoformat(facts["spend_ends_on"]),
        actor=actor,
        at=at,
    )


@transaction.atomic
def start(
    *, approval_id: int, scope: int, title: str, float_ids: Sequence[int], issue_ends_on: date, spend_ends_on: date,
    actor: Actor, at: datetime, now: datetime | None = None,
) -> Winding:  # fmt: skip
    """Let it begin: from the day after the last day of issue each agreement goes on with a rebate of nothing.

    Refuses: winding_invalid, winding_terms_ahead.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_winding_start(%s::smallint, %s::text, %s::bigint[], %s::date, %s::date, %s::bigint,"
                " %s::text, %s::timestamptz, %s::timestamptz)",
                [scope, title, list(float_ids), issue_ends_on, spend_ends_on, approval_id, str(actor), at, now],
            )
            found = Winding.objects.get(pk=cursor.fetchone()[0])
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if state == "LH035":
            raise TERMS_AHEAD() from error
        if state in ("22023", "23505", "23514"):
            raise INVALID() from error
        raise
    facts = {"scope": found.scope, "issue_ends_on": issue_ends_on.isoformat(), "merchants": len(float_ids)}
    events.record("winding.started", found, actor, at, facts)
    return found


def mode_of(float_id: int | None) -> Winding | None:
    """Return the closing mode that a merchant is in or will be in; the alliance's before its own."""
    whole = Winding.objects.filter(scope=Winding.Scope.ALLIANCE).first()
    if whole is not None or float_id is None:
        return whole
    mine = WindingFloat.objects.filter(float_id=float_id).values("winding_id")
    return Winding.objects.filter(pk__in=mine).first()


def is_stopped(float_id: int, on: date) -> bool:
    """Return whether a merchant issues no points any more on that day: nothing may be promised or awarded there."""
    modes = Winding.objects.filter(issue_ends_on__lt=on)
    if modes.filter(scope=Winding.Scope.ALLIANCE).exists():
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM points_winding_float f JOIN points_winding w ON w.id = f.winding_id"
            " WHERE f.float_id = %s AND w.issue_ends_on < %s)",
            [float_id, on],
        )
        return bool(cursor.fetchone()[0])


def refuse_if_closing(float_id: int | None, *, after: date | None = None) -> None:
    """Refuse closing_mode_on where the alliance closes, or this merchant (None: only the alliance counts).

    after: only once the last day of issue is before that day; without it, as soon as the mode is decided.
    """
    mode = mode_of(float_id)
    if mode is not None and (after is None or mode.issue_ends_on < after):
        raise NOT_NOW(last=mode.issue_ends_on.isoformat())


def is_over(float_id: int, on: date) -> bool:
    """Return whether a merchant's points cannot be spent any more on that day: then none may come into a wallet."""
    mode = mode_of(float_id)
    return mode is not None and mode.spend_ends_on < on


# --- the end ----------------------------------------------------------------------------------------


def give_back(winding: Winding, now: datetime | None = None) -> Iterator[int]:
    """Move what was not spent back to its funders; yield how many lots so far. Again: what is left.

    Refuses winding_too_early.
    """
    done = 0
    yield done
    for bucket in range(BUCKETS):
        while n := _wind(winding.pk, bucket, now):
            done += n
            yield done
    rollup.run()


@transaction.atomic
def finish(winding: Winding, *, actor: Actor, at: datetime) -> bool:
    """Close the mode when no lot of it holds anything; held and pending points keep it open."""
    was = winding.ended_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_winding_finish(%s::bigint, %s::timestamptz)", [winding.pk, at])
        is_over = bool(cursor.fetchone()[0])
    winding.refresh_from_db()
    if is_over and was is None:
        events.record("winding.ended", winding, actor, at)
    return is_over


def due(on: date) -> list[Winding]:
    """Return the modes whose last day of spending is over and that hold points yet."""
    return list(Winding.objects.filter(spend_ends_on__lt=on, ended_at__isnull=True).order_by("pk"))


def _wind(winding_id: int, bucket: int, now: datetime | None) -> int:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_wind_up(%s::bigint, %s::smallint, %s::integer, %s::timestamptz)",
                [winding_id, bucket, CHUNK, now],
            )
            return int(cursor.fetchone()[0])
    except Error as error:
        if getattr(error.__cause__, "sqlstate", None) == "LH036":
            raise TOO_EARLY() from error
        raise


def floats_of(winding: Winding) -> list[int]:
    """Return the floats that a mode names; none for the alliance's, which is about everybody."""
    rows = WindingFloat.objects.filter(winding_id=winding.pk).order_by("float_id")
    return list(rows.values_list("float_id", flat=True))


def left(winding: Winding) -> int:
    """Return how many points of the mode are in wallets yet; one pass over the lots unless everybody closes."""
    if winding.scope == Winding.Scope.ALLIANCE:
        return totals.now().wallets
    floats = floats_of(winding)
    funders = Account.objects.filter(Q(pk__in=floats) | Q(kind=Kind.PROMO, float_id__in=floats)).values("pk")
    return Lot.objects.filter(remaining__gt=0, funder_id__in=funders).aggregate(n=Sum("remaining"))["n"] or 0


# --- what is owed, in which order -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """One group that is paid before the next; until: everything up to and with it."""

    name: str
    fen: int
    until_fen: int
    is_covered: bool


# Wallets first, then merchants' money, then centres, then what the operator itself set aside, its own money last.
ORDER: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("wallets", ()),
    ("proceeds", (Kind.PROCEEDS, Kind.IN_PAYOUT, Kind.RETAINED)),
    ("floats", (Kind.FLOAT,)),
    ("promo", (Kind.PROMO,)),
    ("centres", (Kind.CENTRE, Kind.REST, Kind.FEE_REST)),
    ("others", (Kind.BUDGET, Kind.SUSPENSE)),
    ("own", (Kind.FEE, Kind.BUFFER, Kind.BREAKAGE, Kind.SURPLUS)),
)


def order_of_payment() -> list[Claim]:
    """Return who is paid in which order, and whether the money in custody reaches that far. At this moment."""
    found = totals.now()
    until, claims = 0, []
    for name, kinds in ORDER:
        fen = sum(found.by_kind[kind] for kind in kinds) if kinds else found.wallets
        until += fen
        claims.append(Claim(name, fen, until, until <= found.custody))
    return claims


@dataclass(frozen=True, slots=True)
class Returned:
    """What went back to one account at the end."""

    account_id: int
    points: int
    wallets: int


def statement(winding: Winding) -> list[Returned]:
    """Return what each funder got back, largest first. The members' own statement is their wallet's history."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.credit_id, sum(t.points)::bigint, count(DISTINCT t.wallet_id) FROM points_transfer t"
            " WHERE t.kind = 17 AND t.booked_at > %s AND (%s OR EXISTS (SELECT FROM points_winding_float f"
            " JOIN points_account a ON a.id = t.credit_id"
            " WHERE f.winding_id = %s AND f.float_id IN (a.id, a.float_id)))"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
            [winding.decided_at, winding.scope == Winding.Scope.ALLIANCE, winding.pk],
        )
        return [Returned(*row) for row in cursor.fetchall()]
