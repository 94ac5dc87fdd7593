"""Earning rules at the till: which are looked at, what goes in, what they give, and how that is told afterwards.

The rules of the alliance are kept in the process and looked after once a second: a bill that no rule is about costs no
statement. A version starts ten minutes after it was decided at the earliest, and the database looks again whether it
is in force (points/sql/award.sql), so that a second is soon enough. Posting is in points.bills.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import Sum
from django.utils.translation import get_language

from alliance.calc.worktime import shanghai_day
from points import rules
from points.calc import rules as sums
from points.models import Awaited, Award, RuleVersion, Trace

if TYPE_CHECKING:
    from points.bills import Bill

LOOK_EVERY_SECONDS = 1.0
# A bill can come three days late (offline tills); versions that ended before are read only for older bills (feeds).
LATE = timedelta(hours=73)
# Places remembered; a set that has more starts again.
MOST_PLACES = 20_000
GIVEN = frozenset({"applied", "clipped"})
# What a stamp card counts: the lines took part, whatever became of the gift.
_STAMPED = GIVEN | {"refused", "stamps_missing"}
# Reasons by which a member learns nothing.
_ELSEWHERE = frozenset({"not_yet", "over", "other_trade", "other_merchant", "other_outlet"})


class Known(NamedTuple):
    """A version as it is stored, and what it means."""

    version_id: int
    rule_id: int
    rule: sums.Rule


@dataclass(frozen=True, slots=True)
class Looked:
    """The rules that a bill has to be shown to: in force at its time, at its place."""

    known: tuple[Known, ...]
    prepared: sums.Prepared
    asks_visits: bool

    @property
    def payers(self) -> list[int]:
        return sorted({each.rule.payer.account for each in self.known})

    @property
    def rule_ids(self) -> list[int]:
        return sorted({each.rule_id for each in self.known})


class Said(NamedTuple):
    """What became of one rule on one bill, in words. points: what it gave."""

    rule: str
    version: int
    title: str
    points: int
    text: str
    verdict: str
    payer_id: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read for one evaluation."""

    seq: int
    member: sums.Member
    left: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Decision:
    """A bill evaluated: what is to be posted beside it."""

    looked: Looked
    facts: Facts
    answer: sums.Answer

    @property
    def is_first(self) -> bool:
        return self.looked.asks_visits and self.facts.member.is_first_visit

    @property
    def points(self) -> int:
        return sum(grant.points for grant in self.answer.grants)

    def said(self) -> tuple[Said, ...]:
        """Return what the rules gave, in the active language."""
        return tuple(
            one
            for step in self.answer.trace[1:]
            if step.verdict in GIVEN
            for one in [_said(step, [each.rule for each in self.looked.known])]
        )

    def columns(self, bill: Bill) -> list[Any]:
        """Return what the posting function wants to know besides the bill."""
        by_version = {(each.rule.code, each.rule.version): each.version_id for each in self.looked.known}
        rows, steps = [], []
        for step in self.answer.trace[1:]:
            number, inputs = by_version[step.rule, step.version], dict(step.inputs)
            steps.append([number, step.verdict, step.points, step.limit, inputs])
            stamps = stamps_of(step.verdict, inputs)
            if step.points or stamps:
                rows.append((number, step.points, stamps, int(inputs.get("before", 0))))
        kept = json.dumps(self._kept(bill), separators=(",", ":"), ensure_ascii=False)
        told = json.dumps(steps, separators=(",", ":"), ensure_ascii=False)
        return [self.facts.seq, *([row[n] for row in rows] for n in range(4)), self.is_first, told, kept]

    def _kept(self, bill: Bill) -> dict[str, Any]:
        """Return what is needed to evaluate this bill anew when a part of it comes back."""
        member = self.facts.member
        kept: dict[str, Any] = {
            "lines": [list(line) for line in bill.all_lines],
            "trade": bill.trade,
            "tier": member.tier,
            "credit": member.credit,
            "used": {code: list(used) for code, used in member.used.items()},
            "stamps": dict(member.stamps),
            "left": {str(account): fen for account, fen in self.facts.left.items()},
        }
        if self.looked.asks_visits:
            kept["first"] = member.is_first_visit
        return {name: value for name, value in kept.items() if value not in ("", {}, 0)}


# --- the rules of the alliance, kept in the process -----------------------------------------------


@dataclass(slots=True)
class _Kept:
    mark: str
    looked_at: float
    known: tuple[Known, ...]
    reads_trades: bool
    # The versions that had ended three days ago; read when an older bill comes.
    ended: tuple[Known, ...] | None = None
    # How many closing modes there are; none is ever taken back.
    modes: int = 0
    # Who issues nothing any more, and after which day: floats and promotion accounts; 0 is the whole alliance.
    stops: Mapping[int, date] = field(default_factory=dict)
    places: dict[tuple[int, int, str, bool], tuple[Known, ...]] = field(default_factory=dict)
    sets: dict[tuple[int, ...], Looked] = field(default_factory=dict)


class _Memory:
    """What this process knows; one for all of its threads."""

    kept: _Kept | None = None


_MARK = """SELECT coalesce(md5(string_agg(id || ':' || xmin::text, ',' ORDER BY id)), ''),
  (SELECT count(*) FROM points_winding) FROM rules_version WHERE state IN ('approved', 'live', 'ended')"""
_STOPS = """SELECT 0::bigint, issue_ends_on FROM points_winding WHERE scope = 1
  UNION ALL SELECT a.id, w.issue_ends_on FROM points_winding w JOIN points_winding_float f ON f.winding_id = w.id
    JOIN points_account a ON a.id = f.float_id OR a.kind = 12 AND a.float_id = f.float_id"""


def stamps_of(verdict: str, inputs: Mapping[str, Any]) -> int:
    """Return the units that a step counts on a stamp card."""
    return int(inputs["units"]) if "every" in inputs and verdict in _STAMPED else 0


def forget() -> None:
    """Read the rules anew at the next bill."""
    _Memory.kept = None


def _now() -> _Kept:
    kept, clock = _Memory.kept, time.monotonic()
    if kept is not None and clock - kept.looked_at < LOOK_EVERY_SECONDS:
        return kept
    with connection.cursor() as cursor:
        cursor.execute(_MARK)
        mark, modes = cursor.fetchone()
        # One that closes is shown to no rule: the mark of the rules alone says whether there are any.
        if kept is not None and (kept.mark, kept.modes) == (mark, modes):
            kept.looked_at = clock
            return kept
        stops: dict[int, date] = {}
        if mark and modes:
            cursor.execute(_STOPS)
            stops = dict(cursor.fetchall())
    known = _read(RuleVersion.objects.from_now(datetime.now(UTC) - LATE)) if mark else ()
    trades = any(each.rule.scope.trades for each in known)
    _Memory.kept = kept = _Kept(mark, clock, known, trades, None if mark else (), modes, stops)
    return kept


def _read(rows: Any) -> tuple[Known, ...]:
    found = rows.select_related("rule__payer").order_by("pk")
    return tuple(Known(row.pk, row.rule_id, rules.rule_of(row)) for row in found)


def are_none() -> bool:
    """Return whether there is no rule at all: then nobody need say what was bought."""
    return not _now().mark


def reads_trades() -> bool:
    """Return whether any rule asks for the line of business: only then it has to be looked up."""
    return _now().reads_trades


def looking(bill: Bill) -> Looked | None:
    """Return the rules that this bill has to be shown to, or None: then it is posted as if there were none."""
    kept = _now()
    if not kept.known and kept.ended == ():
        return None
    is_old = bill.event_at < datetime.now(UTC) - LATE
    if is_old and kept.ended is None:
        decided = RuleVersion.objects.decided()
        kept.ended = _read(decided.exclude(pk__in=[each.version_id for each in kept.known]))
    place = (bill.float_id, bill.outlet_id, bill.trade, is_old)
    here = kept.places.get(place)
    if here is None:
        if len(kept.places) >= MOST_PLACES:
            kept.places.clear()
        everything = (*(kept.ended or ()), *kept.known) if is_old else kept.known
        here = tuple(each for each in everything if _is_for(each.rule.scope, bill))
        kept.places[place] = here
    if not here:
        return None
    at = int(bill.event_at.timestamp())
    known = tuple(
        each for each in here if each.rule.starts_at <= at and (each.rule.ends_at is None or at < each.rule.ends_at)
    )
    if kept.stops:
        known = _issuing(known, bill, kept.stops)
    if not known:
        return None
    names = tuple(each.version_id for each in known)
    found = kept.sets.get(names)
    if found is None:
        found = Looked(
            known,
            sums.Prepared(each.rule for each in known),
            any(each.rule.scope.first_visit for each in known),
        )
        kept.sets[names] = found
    return found


def _issuing(known: tuple[Known, ...], bill: Bill, stops: Mapping[int, date]) -> tuple[Known, ...]:
    """Leave out what a closing mode stops: everything at a merchant that closes, and what it would pay elsewhere."""
    on = shanghai_day(bill.event_at)

    def is_stopped(account: int) -> bool:
        return account in stops and on > stops[account]

    if is_stopped(0) or is_stopped(bill.float_id):
        return ()
    return tuple(each for each in known if not is_stopped(each.rule.payer.account))


def _is_for(scope: sums.Scope, bill: Bill) -> bool:
    return (
        (not scope.trades or bill.trade in scope.trades)
        and (not scope.merchants or bill.float_id in scope.merchants)
        and bill.float_id not in scope.without_merchants
        and (not scope.outlets or bill.outlet_id in scope.outlets)
        and bill.outlet_id not in scope.without_outlets
    )


# --- evaluation -----------------------------------------------------------------------------------

_FACTS = """SELECT * FROM points_award_facts(%s::bigint, %s::bigint, %s::date, %s::bigint[], %s::bigint[],
  %s::boolean, %s::boolean)"""


def decide(bill: Bill, looked: Looked, *, lock: bool = False) -> Decision:
    """Evaluate a bill. lock: the facts stay as they are until the end of the caller's transaction."""
    facts = _facts(bill, looked, lock)
    receipt = sums.Receipt(
        bill.float_id, bill.outlet_id, bill.trade, int(bill.event_at.timestamp()), tuple(bill.all_lines)
    )
    answer = looked.prepared.evaluate(receipt, facts.member, rules.card_of(bill.terms), facts.left)
    return Decision(looked, facts, answer)


def _facts(bill: Bill, looked: Looked, lock: bool) -> Facts:
    day = shanghai_day(bill.event_at)
    arguments: list[Any] = [
        bill.wallet_id,
        bill.float_id,
        day,
        looked.rule_ids,
        looked.payers,
        looked.asks_visits,
        lock,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, arguments)
        seq, tier, credit, is_first, used, funds = cursor.fetchone()
    codes = {each.rule_id: each.rule.code for each in looked.known}
    used, funds = (json.loads(each) if isinstance(each, str) else each for each in (used, funds))
    left = {account: fen - (bill.rebate_fen if account == bill.float_id else 0) for account, fen in funds}
    member = sums.Member(
        tier=tier or 0,
        is_first_visit=bool(is_first),
        credit=credit or 0,
        stamps={codes[row[0]]: row[5] for row in used if row[5]},
        used={codes[row[0]]: sums.Used(*row[1:5]) for row in used},
    )
    return Facts(seq or 0, member, left)


def hold(bills: Sequence[Bill], looked: Iterable[Looked]) -> None:
    """Lock what bills of one transaction will need: wallets, floats, then what else pays."""
    payers = {account for each in looked for account in each.payers}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_award_hold(%s::bigint[], %s::bigint[])",
            [sorted({bill.wallet_id for bill in bills}), sorted({bill.float_id for bill in bills} | payers)],
        )


def preview(bill: Bill) -> tuple[Said, ...]:
    """Return what the rules would give now, booked nowhere; nothing when the float is too small for the bill."""
    looked = looking(bill)
    return decide(bill, looked).said() if looked else ()


def taken_back(sale_id: int, journal_id: int) -> int:
    """Return how many points of a sale's bonuses a journal took back, as long as any rule of these days is known."""
    if not _now().known:
        return 0
    found = Award.objects.filter(sale_id=sale_id, journal_id=journal_id).aggregate(points=Sum("points", default=0))
    return -int(found["points"])


# --- in words -------------------------------------------------------------------------------------


def _said(step: sums.Step, known: Sequence[sums.Rule]) -> Said:
    language = "zh-hans" if (get_language() or "").startswith("zh") else "en"
    rule = next(rule for rule in known if (rule.code, rule.version) == (step.rule, step.version))
    title = dict(rule.words).get(language) or rule.code
    text = rules.say(step, [rule], language)
    return Said(step.rule, step.version, title, step.points, text, step.verdict, rule.payer.account)


def told(sale_ids: Iterable[int], *, only_given: bool = True) -> dict[int, tuple[Said, ...]]:
    """Return what the rules did on sales, as it was kept with them; a sale that no rule looked at is left out.

    only_given: leave out the rules that gave nothing.
    """
    traces = dict(Trace.objects.filter(pk__in=list(sale_ids)).values_list("sale_id", "steps"))
    if not traces:
        return {}
    # Of a promised sale: what was given when it was paid; nothing once its promise was dropped.
    for later in Awaited.objects.filter(pk__in=traces):
        if later.facts is not None or later.state == Awaited.State.DROPPED:
            traces[later.pk] = later.facts["steps"] if later.facts is not None else []
    numbers = {step[0] for steps in traces.values() for step in steps}
    versions = {each.version_id: each.rule for each in _read(RuleVersion.objects.filter(pk__in=numbers))}
    found: dict[int, tuple[Said, ...]] = {}
    for sale_id, steps in traces.items():
        lines = []
        for version_id, verdict, points, limit, inputs in steps:
            if (verdict not in GIVEN) if only_given else (verdict in _ELSEWHERE):
                continue
            rule = versions[version_id]
            step = sums.Step(rule.code, rule.version, verdict, points, limit, tuple(inputs.items()))
            lines.append(_said(step, [rule]))
        found[sale_id] = tuple(lines)
    return found
