"""Bonuses after the till: what stays of them when goods come back, and those that come when a promised sale is paid.

Both are evaluated anew: the rules, the lines and the buyer are those of the purchase, as they were kept with it. What
stays is limited by the facts of then; what comes later by the budgets and limits of now, and by what was told at the
till (points/sql/awaited.sql).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import Error, connection, transaction
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from points import rules, winding_up
from points.awards import GIVEN, Known, stamps_of
from points.calc import refunding
from points.calc import rules as sums
from points.models import Account, Awaited, Award, Promise, Reversal, RuleVersion, Sale, Terms, Trace

CHUNK = 500
_REPEAT = {"40001", "40P01", "23505"}
_TRIES = 5
# [fen, units] of a line, as much of it as stays
KeptLine = Sequence[int]

_FACTS = """SELECT seq, credit, used, funds
  FROM points_award_facts(%s::bigint, %s::bigint, %s::date, %s::bigint[], %s::bigint[], false, true)"""
_GIVE = """SELECT points_give_awaited(%s::bigint, %s::bigint, %s::bigint[], %s::bigint[], %s::integer[], %s::bigint[],
  %s::jsonb, %s::timestamptz)"""


@dataclass(frozen=True, slots=True)
class _Purchase:
    """A sale with what its rules saw."""

    sale: Sale
    trace: Trace
    known: tuple[Known, ...]
    terms: Terms

    @property
    def lines(self) -> list[sums.Line]:
        return [sums.Line(*line) for line in self.trace.facts.get("lines", ())]

    def evaluate(self, lines: Sequence[sums.Line], member: sums.Member, left: dict[int, int]) -> sums.Answer:
        sale = self.sale
        receipt = sums.Receipt(
            sale.float_id,
            sale.outlet_id,
            self.trace.facts.get("trade", ""),
            int(sale.event_at.timestamp()),
            tuple(lines),
        )
        return sums.Prepared(each.rule for each in self.known).evaluate(
            receipt, member, rules.card_of(self.terms), left
        )


def staying(sale: Sale, eligible_fen: int, lines: Sequence[KeptLine] | None = None) -> dict[int, int]:
    """Return, by transfer, the points of each bonus of a sale that stay when so much of what earned stays (row 17).

    lines: how much of each line stays, where lines came back as such; what came back by amount is taken from every
    line that is left alike. Thresholds, categories and stamps follow. Never more than what was given.
    """
    given = list(Award.objects.filter(sale_id=sale.pk, journal_id=sale.pk, points__gt=0, transfer_id__isnull=False))
    trace = Trace.objects.filter(pk=sale.pk).first() if given else None
    if trace is None:
        return {}
    known, facts = [step[0] for step in trace.steps], trace.facts
    later = Awaited.objects.filter(pk=sale.pk).first()
    if later is not None and later.facts is not None:
        known, facts = [step[0] for step in later.facts["steps"]], later.facts
    bought = _purchase(sale, trace, known)
    member = sums.Member(
        tier=facts.get("tier", 0),
        is_first_visit=facts.get("first", False),
        credit=facts.get("credit", 0),
        stamps=facts.get("stamps", {}),
        used={code: sums.Used(*used) for code, used in facts.get("used", {}).items()},
    )
    left = {int(account): fen for account, fen in facts.get("left", {}).items()}
    kept = refunding.left_of_lines(bought.lines, lines, eligible_fen)
    answer = bought.evaluate(kept, member, left)
    numbers = {(each.rule.code, each.rule.version): each.version_id for each in bought.known}
    stays = {numbers[grant.rule, grant.version]: grant.points for grant in answer.grants}
    return {row.transfer_id: min(row.points, stays.get(row.version_id, 0)) for row in given if row.transfer_id}


# --- bonuses of promised sales --------------------------------------------------------------------


def give(now: datetime | None = None, *, most: int = CHUNK) -> int:
    """Give the bonuses of promised sales that were paid, each in a transaction of its own; return how many sales.

    One that a law or a busy row holds up is left for the next run.
    """
    due = list(Awaited.objects.due().order_by("pk").values_list("pk", flat=True)[:most])
    done = 0
    for sale_id in due:
        done += _tried(sale_id, now)
    return done


def told(sale_ids: Iterable[int]) -> dict[int, int]:
    """Return how many points promised sales bring on top at most, once they are paid; nothing that was settled."""
    waiting = Awaited.objects.waiting().filter(pk__in=list(sale_ids), told__gt=0)
    return dict(waiting.values_list("pk", "told"))


def _tried(sale_id: int, now: datetime | None) -> bool:
    tries = 1 if connection.in_atomic_block else _TRIES
    for _n in range(tries):
        try:
            with transaction.atomic():
                return _give(sale_id, now)
        except Error as error:
            if getattr(error.__cause__, "sqlstate", None) not in _REPEAT:
                raise
    return False


def _give(sale_id: int, now: datetime | None) -> bool:
    promise = Promise.objects.get(pk=sale_id)
    sale = Sale.objects.get(outlet_id=promise.outlet_id, booked_at=promise.booked_at, id=sale_id)
    trace = Trace.objects.get(pk=sale_id)
    # What was told: the most that each rule gives; a stamp card counts the sale now.
    most = {step[0]: step[2] for step in trace.steps if step[2] or stamps_of(step[1], step[4])}
    on = shanghai_day(now or timezone.now())
    bought = _purchase(sale, trace, list(most))
    payers = _open(sorted({each.rule.payer.account for each in bought.known}), on)
    bought = _Purchase(
        sale, trace, tuple(each for each in bought.known if each.rule.payer.account in payers), bought.terms
    )
    day = shanghai_day(sale.event_at)
    rule_ids = sorted({each.rule_id for each in bought.known})
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, [sale.wallet_id, sale.float_id, day, rule_ids, sorted(payers)])
        seq, credit, used, funds = cursor.fetchone()
    used, funds = (json.loads(each) if isinstance(each, str) else each for each in (used, funds))
    undone = Reversal.objects.filter(pk=sale_id).first()
    eligible = sale.eligible_fen if undone is None else undone.kept_eligible
    card = rules.card_of(bought.terms)
    codes = {each.rule_id: each.rule.code for each in bought.known}
    member = sums.Member(
        tier=trace.facts.get("tier", 0),
        is_first_visit=trace.facts.get("first", False),
        # What this sale bears is in the wallet since it was issued; the evaluation adds it by itself.
        credit=credit - sums.bound_of(refunding.rebate_of(eligible, card.rate_bps), card),
        stamps={codes[row[0]]: row[5] for row in used if row[5]},
        used={codes[row[0]]: sums.Used(*row[1:5]) for row in used},
    )
    left = dict(funds)
    lines = refunding.left_of_lines(bought.lines, undone.kept_lines if undone else None, eligible)
    answer = bought.evaluate(lines, member, left)
    rows, steps = _rows(answer, bought.known, most)
    facts: dict[str, Any] = {
        "tier": member.tier,
        "first": member.is_first_visit,
        "credit": member.credit,
        "used": {code: list(each) for code, each in member.used.items()},
        "stamps": dict(member.stamps),
        "left": {str(account): fen for account, fen in left.items()},
        "steps": steps,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE,
            [sale_id, seq, *([row[n] for row in rows] for n in range(4)), json.dumps(facts, ensure_ascii=False), now],
        )
    return True


def _rows(
    answer: sums.Answer, known: Sequence[Known], most: dict[int, int]
) -> tuple[list[tuple[int, int, int, int]], list[list[Any]]]:
    """Return what is to be posted (version, points, stamps, stamps before), and the steps that say why."""
    by_version = {(each.rule.code, each.rule.version): each for each in known}
    rows, steps = [], []
    for step in answer.trace[1:]:
        each, inputs = by_version[step.rule, step.version], dict(step.inputs)
        points, verdict = step.points, step.verdict
        if not each.rule.scope.stamp_every and points > most[each.version_id]:
            points = most[each.version_id]
            verdict = ("clipped" if points else "refused") if verdict in GIVEN else verdict
        stamps = stamps_of(step.verdict, inputs)
        steps.append([each.version_id, verdict, points, step.limit or ("told" if points < step.points else ""), inputs])
        if points or stamps:
            rows.append((each.version_id, points, stamps, int(inputs.get("before", 0))))
    return rows, steps


def _open(payers: list[int], on: Any) -> set[int]:
    """Return the accounts that still pay on that day: not those whose closing mode is over."""
    owners = Account.objects.filter(pk__in=payers).values_list("pk", "kind", "float_id")
    return {
        number
        for number, kind, float_id in owners
        if not winding_up.is_over(number if kind == Account.Kind.FLOAT else float_id, on)
    }


def _purchase(sale: Sale, trace: Trace, version_ids: Sequence[int]) -> _Purchase:
    found = RuleVersion.objects.filter(pk__in=version_ids).select_related("rule__payer").order_by("pk")
    known = tuple(Known(row.pk, row.rule_id, rules.rule_of(row)) for row in found)
    return _Purchase(sale, trace, known, Terms.objects.get(pk=sale.terms_id))
