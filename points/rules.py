"""Earning rules: drafted, checked, decided by a second person, in force from a date, ended (docs/rules.md).

The till applies what is in force (points.awards); nothing here posts. A version is in force by its period, whenever
somebody looks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Max, Min
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import approvals, events
from alliance.actors import Actor
from alliance.flows import Flow, move
from alliance.models import Approval, Unit, User
from alliance.refusals import Refused, declare
from points.calc import lint
from points.calc import rules as sums
from points.calc.promises import Promises
from points.calc.rules.reading import faults, read
from points.models import Account, Backtest, Rule, RuleVersion, Sale, Terms

PROMISES = Path(__file__).resolve().parent / "data" / "promises.json"
# A bill that is on its way may have read the version before (merchants.agreements says the same of agreements).
NOTICE = timedelta(minutes=10)
PAYERS = (Account.Kind.FLOAT, Account.Kind.PROMO, Account.Kind.BUDGET)
KIND = "points.rule"

LIFE = Flow(
    "rule",
    {
        ("draft", "submit"): "submitted",
        ("submitted", "reopen"): "draft",
        ("submitted", "approve"): "approved",
        ("approved", "start"): "live",
        ("approved", "end"): "ended",
        ("live", "end"): "ended",
    },
)

DRAFT_OPEN = declare("rule_draft_open", 409, _("There is a draft of this rule already. Change that one."))
NOT_A_DRAFT = declare("rule_not_a_draft", 409, _("This version was decided or is being decided. Make a new version."))
NOT_YOUR_PAYER = declare("rule_payer_differs", 409, _("Another account pays for this rule, for good. Use a new code."))
PAYER_CANNOT = declare(
    "rule_payer_cannot_pay", 422, _("Only a float, promotion credit or a budget can pay for a rule.")
)
TOO_EARLY = declare("rule_starts_too_early", 422, _("A rule can start on %(earliest)s at the earliest."))
# Translators: 这是您起草的，要由别人批准
OWN_DRAFT = declare("rule_own_draft", 403, _("You drafted this version yourself. Somebody else has to approve it."))
NOT_BEGUN = declare("rule_not_begun", 409, _("This version begins later. It can be ended, but not started before."))
NOT_DECIDED = declare("rule_not_decided", 409, _("Only a version that was in force can be rolled back to."))
NOT_IN_FORCE = declare("rule_not_in_force", 409, _("This version is not in force now, so there is nothing to undo."))
NOTHING_BEFORE = declare(
    "rule_nothing_before", 409, _("No version of this rule was in force before this one. End it instead.")
)
OVER = declare("rule_over", 409, _("The time of this version is over already. Take it back and give it another end."))
UNTRIED = declare(
    "rule_not_backtested",
    409,
    _("This content was not back-tested within %(days)s days. Back-test it first; the second person will see it."),
)


@cache
def promises() -> Promises:
    """Return the words that texts may not say; edited in points/data/promises.json, read again at the next start."""
    return Promises.of(json.loads(PROMISES.read_text(encoding="utf-8")))


# --- drafts -------------------------------------------------------------------------------------


@transaction.atomic
def draft(
    *,
    code: str,
    payer: Account,
    definition: Mapping[str, Any],
    starts_at: datetime,
    actor: Actor,
    at: datetime,
    ends_at: datetime | None = None,
    equals_version: int | None = None,
) -> RuleVersion:
    """Write the next version of a rule, the first one together with the rule. Nothing is checked or applied yet.

    Refuses: rule_payer_cannot_pay, rule_payer_differs, rule_draft_open.
    """
    if payer.kind not in PAYERS:
        raise PAYER_CANNOT()
    rule, _is_new = Rule.objects.get_or_create(code=code, defaults={"payer": payer, "opened_at": at})
    rule = Rule.objects.select_for_update().get(pk=rule.pk)
    if rule.payer_id != payer.pk:
        raise NOT_YOUR_PAYER()
    last = rule.versions.aggregate(last=Max("version"))["last"] or 0
    try:
        with transaction.atomic():
            version = RuleVersion.objects.create(
                rule=rule,
                version=last + 1,
                definition=definition,
                state_since=at,
                starts_at=starts_at,
                ends_at=ends_at,
                drafted_by=str(actor),
                equals_version=equals_version,
            )
    except IntegrityError:
        raise DRAFT_OPEN() from None
    events.record("rule.drafted", version, actor, at, {"rule": code, "version": version.version})
    return version


@transaction.atomic
def change(
    *,
    version: RuleVersion,
    definition: Mapping[str, Any],
    starts_at: datetime,
    actor: Actor,
    at: datetime,
    ends_at: datetime | None = None,
) -> RuleVersion:
    """Write a draft anew. One that was refused or taken back is a draft again. Refuses: rule_not_a_draft."""
    row = _locked(version)
    if row.state == RuleVersion.State.SUBMITTED and not _is_asked(row):
        move(LIFE, row, "reopen", actor=actor, at=at)
    if row.state != RuleVersion.State.DRAFT:
        raise NOT_A_DRAFT()
    row.definition, row.starts_at, row.ends_at, row.equals_version = dict(definition), starts_at, ends_at, None
    row.save(update_fields=["definition", "starts_at", "ends_at", "equals_version"])
    events.record("rule.changed", row, actor, at, {"version": row.version})
    return row


def roll_back(
    *, to: RuleVersion, starts_at: datetime, actor: Actor, at: datetime, ends_at: datetime | None = None
) -> RuleVersion:
    """Draft a new version that is equal to an older one. Refuses: rule_not_decided, rule_draft_open."""
    if not to.is_decided:
        raise NOT_DECIDED()
    return draft(
        code=to.rule.code,
        payer=to.rule.payer,
        definition=to.definition,
        starts_at=starts_at,
        ends_at=ends_at,
        actor=actor,
        at=at,
        equals_version=to.version,
    )


@transaction.atomic
def undo(*, version: RuleVersion, user: User, at: datetime) -> Approval:
    """Propose the return to what was in force before this version; it starts as soon as a second person approves.

    Needs no back-test, because it was in force before. Refuses: rule_not_in_force, rule_nothing_before,
    rule_draft_open, and whatever `submit` refuses.
    """
    row = _locked(version)
    if not (row.was_in_force(at) and (row.ends_at is None or row.ends_at > at)):
        raise NOT_IN_FORCE()
    older = previous(row, at)
    if older is None:
        raise NOTHING_BEFORE()
    back = roll_back(to=older, starts_at=at, ends_at=row.ends_at, actor=Actor.user(user), at=at)
    return submit(version=back, user=user, at=at)


def previous(row: RuleVersion, at: datetime) -> RuleVersion | None:
    """Return the version of the same rule that was in force before this one."""
    older = row.rule.versions.decided().filter(starts_at__lt=row.starts_at).order_by("-starts_at")  # type: ignore[attr-defined]
    return next((each for each in older.exclude(pk=row.pk) if each.was_in_force(at)), None)


# --- deciding -----------------------------------------------------------------------------------


@transaction.atomic
def submit(*, version: RuleVersion, user: User, at: datetime) -> Approval:
    """Check a draft together with everything that will be in force, and ask a second person.

    Refuses: rule_not_a_draft, rule_starts_too_early, rule_not_backtested, approval_already_asked, and the code of the
    first finding.
    """
    row = _locked(version)
    if row.state != RuleVersion.State.DRAFT:
        raise NOT_A_DRAFT()
    _check_start(row, at)
    found = check(row, at)
    _refuse(found)
    tried = tried_by(row, at)
    if tried is None and needs_backtest(row, at):
        raise UNTRIED(days=Backtest.VALID.days)
    actor = Actor.user(user)
    row.submitted_by = str(actor)
    row.save(update_fields=["submitted_by"])
    move(LIFE, row, "submit", actor=actor, at=at)
    facts = {
        "rule": row.rule.code,
        "version": row.version,
        "told": [[each.code, each.rule, dict(each.facts)] for each in found],
        "backtest": tried.pk if tried else None,
    }
    unit = Unit.objects.get(parent__isnull=True)
    return approvals.ask(kind=KIND, subject=events.subject_of(row), facts=facts, unit=unit, user=user, at=at)


def describe(approval: Approval) -> str:
    row = RuleVersion.objects.select_related("rule__payer").get(pk=approval.subject.partition(":")[2])
    changes = (each.text() for each in diff(before(row), row))
    told = (said(lint.Finding(code, rule, tuple(facts.items()))) for code, rule, facts in approval.facts["told"])
    backtest = Backtest.objects.filter(pk=approval.facts.get("backtest")).first()
    return " · ".join([f"{row} · {row.rule.payer}", *changes, *told, _tried(row, backtest, approval.asked_at)])


def _tried(row: RuleVersion, backtest: Backtest | None, at: datetime) -> str:
    """Say what the back-test came to, or why there is none."""
    if backtest is not None:
        facts = {
            "first": backtest.first_on,
            "last": backtest.last_on,
            "before": f"{backtest.points_before:,}",
            "after": f"{backtest.points_after:,}",
            "touched": f"{backtest.touched:,}",
            "receipts": f"{backtest.receipts:,}",
        }
        # Translators: 回测结果，供第二人查看
        return (
            _t(
                "Back-test from %(first)s to %(last)s: %(after)s points on top of the base instead of %(before)s; "
                "%(touched)s of %(receipts)s receipts differ."
            )
            % facts
        )
    if is_return(row, at):
        return _t("Returns to version %(version)s, which was in force before; starts with the approval.") % {
            "version": row.equals_version
        }
    if not says_something_new(row, at):
        return _t("Only words change, so it was not back-tested.")
    return _t("Not back-tested: there is no history yet.")


# Translators: 规则生效
@approvals.kind(KIND, permission="rule.approve", title=_("Rule goes live"), describe=describe)
def approve(approval: Approval, actor: Actor, at: datetime) -> RuleVersion:
    """Put a version in force from its date; the version before it ends there. Checked again: others may have changed.

    Refuses: rule_own_draft, rule_starts_too_early, move_not_allowed, and the code of the first finding.
    """
    row = _locked(RuleVersion.objects.get(pk=approval.subject.partition(":")[2]))
    if row.drafted_by == str(actor):
        raise OWN_DRAFT()
    is_at_once = _check_start(row, at) and row.starts_at <= at
    if is_at_once:
        # What was booked until now was booked by the version that it replaces.
        row.starts_at = at
        if row.ends_at is not None and row.ends_at <= at:
            raise OVER()
        row.save(update_fields=["starts_at"])
    _refuse(check(row, at))
    running = row.rule.versions.from_now(at).exclude(pk=row.pk)  # type: ignore[attr-defined]
    for other in running.filter(starts_at__lt=row.starts_at):
        if other.ends_at is None or other.ends_at > row.starts_at:
            other.ends_at = row.starts_at
            other.save(update_fields=["ends_at"])
        if is_at_once:
            move(LIFE, other, "end", actor=actor, at=at, version=other.version)
    row.approved_by = str(actor)
    row.save(update_fields=["approved_by"])
    move(LIFE, row, "approve", actor=actor, at=at, version=row.version)
    if is_at_once:
        move(LIFE, row, "start", actor=actor, at=at, version=row.version)
    return row


def start(*, version: RuleVersion, actor: Actor, at: datetime) -> None:
    """Note that an approved version's time has come. (It is in force by its period.) Refuses: rule_not_begun."""
    with transaction.atomic():
        row = _locked(version)
        if at < row.starts_at:
            raise NOT_BEGUN()
        move(LIFE, row, "start", actor=actor, at=at, version=row.version)


def end(*, version: RuleVersion, actor: Actor, at: datetime) -> None:
    """End a version now, or before it has begun. What was bought under it keeps it. Refuses: move_not_allowed."""
    with transaction.atomic():
        row = _locked(version)
        ends_at = max(at, row.starts_at)
        if row.is_decided and row.state != RuleVersion.State.ENDED and (row.ends_at is None or row.ends_at > ends_at):
            row.ends_at = ends_at
            row.save(update_fields=["ends_at"])
        move(LIFE, row, "end", actor=actor, at=at, version=row.version)


def turn(*, at: datetime) -> int:
    """Note what the clock has brought: versions whose end or start has come. Return how many were moved."""
    actor, moved = Actor.system("clock"), 0
    rows = RuleVersion.objects.filter(state__in=[RuleVersion.State.APPROVED, RuleVersion.State.LIVE])
    over, begun = rows.filter(ends_at__lte=at), rows.filter(state=RuleVersion.State.APPROVED, starts_at__lte=at)
    for verb, wanted in ((end, over.order_by("ends_at", "pk")), (start, begun.order_by("starts_at", "pk"))):
        for row in list(wanted):
            try:
                verb(version=row, actor=actor, at=at)
            except Refused:
                # Somebody else was faster.
                continue
            moved += 1
    return moved


def _locked(version: RuleVersion) -> RuleVersion:
    return RuleVersion.objects.select_for_update(of=("self",)).select_related("rule__payer").get(pk=version.pk)


def _is_asked(row: RuleVersion) -> bool:
    return Approval.objects.waiting().filter(kind=KIND, subject=events.subject_of(row)).exists()


def _check_start(row: RuleVersion, at: datetime) -> bool:
    """Refuse a start that is too early; return whether the version starts with its approval."""
    if row.starts_at >= at + NOTICE:
        return False
    if not is_return(row, at):
        raise TOO_EARLY(earliest=(at + NOTICE).isoformat(timespec="minutes"))
    return True


def is_return(row: RuleVersion, at: datetime) -> bool:
    """Return whether a version is equal to one that was in force before."""
    if row.equals_version is None:
        return False
    older = row.rule.versions.filter(version=row.equals_version).first()  # type: ignore[attr-defined]
    return older is not None and older.was_in_force(at) and older.digest == row.digest


def says_something_new(row: RuleVersion, at: datetime) -> bool:
    """Return whether a version touches money: whether more than its words differs from what is in force."""
    now = row.rule.versions.in_force(at).first()  # type: ignore[attr-defined]
    if now is None:
        return True
    old, new = ({name: part for name, part in each.definition.items() if name != "words"} for each in (now, row))
    return bool(old != new)


def needs_backtest(row: RuleVersion, at: datetime) -> bool:
    """Return whether a version must be back-tested first: it touches money, is new, and there is history."""
    return says_something_new(row, at) and not is_return(row, at) and Sale.objects.sales().exists()


def tried_by(row: RuleVersion, at: datetime) -> Backtest | None:
    """Return the newest back-test of just this content that is not too old."""
    return Backtest.objects.fresh(row, at).first()


def refuse_faults(row: RuleVersion) -> None:
    """Refuse a definition that cannot be read, with the code of its first fault."""
    if faults(row.definition):
        _refuse(lint.definition(row.rule.code, row.definition, promises()))


def _refuse(found: list[lint.Finding]) -> None:
    for finding in found:
        if finding.refuses:
            message, facts = finding.sentence()
            raise Refused(finding.code, _(message), 422, **facts)


def said(finding: lint.Finding) -> str:
    """Return a finding's sentence in the active language."""
    message, facts = finding.sentence()
    return _t(message) % facts


# --- what is in force ---------------------------------------------------------------------------


def rule_of(row: RuleVersion) -> sums.Rule:
    """Return what a stored version means. ValueError when its definition has faults."""
    payer = row.rule.payer
    merchant = payer.pk if payer.kind == Account.Kind.FLOAT else payer.float_id or 0
    return read(
        row.definition,
        code=row.rule.code,
        version=row.version,
        payer=sums.Payer(payer.pk, merchant),
        starts_at=int(row.starts_at.timestamp()),
        ends_at=int(row.ends_at.timestamp()) if row.ends_at else None,
    )


def rule_set_in_force(at: datetime) -> sums.Prepared:
    """Return the rules of that time, ready to evaluate. Old bills are evaluated by the set of their own time."""
    rows = RuleVersion.objects.in_force(at).select_related("rule__payer")
    return sums.Prepared(rule_of(row) for row in rows)


def _beside(row: RuleVersion, at: datetime) -> list[sums.Rule]:
    """Return this version and what will be in force beside it; the versions before it end where it starts."""
    found = [rule_of(row)]
    for other in RuleVersion.objects.from_now(at).exclude(pk=row.pk).select_related("rule__payer"):
        if other.rule_id == row.rule_id and other.starts_at < row.starts_at:
            other.ends_at = min(other.ends_at or row.starts_at, row.starts_at)
        found.append(rule_of(other))
    return found


def check(row: RuleVersion, at: datetime) -> list[lint.Finding]:
    """Return what the linter says of a version, alone and among the others; its loss budget is being decided."""
    found = lint.definition(row.rule.code, row.definition, promises())
    if faults(row.definition):
        return found
    found += _loss(row)
    checked = _checked(_beside(row, at), at, asked=(row.rule.code, row.version))
    return found + [each for each in checked if each.code != "rule_unreachable" or each.rule == row.rule.code]


def _loss(row: RuleVersion) -> list[lint.Finding]:
    """Name a loss budget to both people, whether or not a faked sale gains by it."""
    loss = row.definition.get("loss")
    facts = (("name", loss["name"]), ("fen", loss["fen"])) if loss else ()
    return [lint.Finding("loss_budget", row.rule.code, facts)] if loss else []


def check_in_force(at: datetime) -> list[lint.Finding]:
    """Return what the linter says of everything that is in force or will be."""
    rows = list(RuleVersion.objects.from_now(at).select_related("rule__payer"))
    found = [each for row in rows for each in lint.definition(row.rule.code, row.definition, promises())]
    # One that was ended early may have had no hour of its own: no fault of the settings.
    return found or [each for each in _checked([rule_of(row) for row in rows], at) if each.code != "rule_unreachable"]


def _checked(rules: list[sums.Rule], at: datetime, asked: tuple[str, int] | None = None) -> list[lint.Finding]:
    losses = {(rule.code, rule.version) for rule in rules if rule.loss}
    decided = set(
        RuleVersion.objects.decided()
        .filter(rule__code__in=[code for code, _version in losses])
        .values_list("rule__code", "version")
    )
    approved = frozenset(losses & decided | ({asked} if asked else set()))
    named = {rule.payer.merchant for rule in rules} | {n for rule in rules for n in rule.scope.merchants}
    return lint.rule_set(rules, cards(at, named), promises(), approved_losses=approved, at=int(at.timestamp()))


_SHARES = ("rate_bps", "member_bps", "fee_bps", "centre_bps", "promo_bps")


def cards(at: datetime, merchants: set[int]) -> dict[int, sums.Card]:
    """Return the terms of the named merchants, and one merchant for each other card that is in force or agreed on."""
    rows = Terms.objects.exclude(valid_to__lte=at)
    different = rows.values(*_SHARES).annotate(one=Min("float_id")).values_list("one", *_SHARES)
    found = {one: sums.Card(*card) for one, *card in different}
    # A merchant that stands for two cards at once (now and next month) keeps both.
    seen = set(found.values())
    extra = (sums.Card(*card) for _one, *card in different)
    found |= {-n: card for n, card in enumerate((card for card in extra if card not in seen), start=1)}
    mine = rows.filter(float_id__in=merchants).order_by("valid_from").values_list("float_id", *_SHARES)
    return found | {float_id: sums.Card(*card) for float_id, *card in mine}


def card_of(terms: Terms) -> sums.Card:
    return sums.Card(*(getattr(terms, name) for name in _SHARES))


def funds(row: RuleVersion, at: datetime) -> dict[int, int]:
    """Return what the accounts hold that pay for this version and for what is in force: rolled up live, so exact."""
    rows = RuleVersion.objects.in_force(at).values("rule__payer")
    found = Account.objects.filter(pk__in=rows) | Account.objects.filter(pk=row.rule.payer_id)
    return found.money()


def dry_run(
    row: RuleVersion, receipt: sums.Receipt, member: sums.Member, card: sums.Card, left: Mapping[int, int], at: datetime
) -> tuple[sums.Answer, list[sums.Rule]]:
    """Evaluate a receipt as if this version were in force beside what is in force at that time; write nothing."""
    rows = RuleVersion.objects.in_force(at).exclude(rule=row.rule_id).select_related("rule__payer")
    tried = rule_of(row)
    rules = [rule_of(other) for other in rows]
    start_of = int(at.timestamp())
    rules.append(replace(tried, starts_at=min(tried.starts_at, start_of), ends_at=None))
    return sums.Prepared(rules).evaluate(receipt, member, card, left), rules


# --- in words -----------------------------------------------------------------------------------


class Change(NamedTuple):
    """One thing that differs between two versions: the name of the input, before, after."""

    name: str
    before: Any
    after: Any

    def text(self) -> str:
        # Translators: effect.bps：50 → 80
        return _t("%(name)s: %(before)s → %(after)s") % {
            "name": self.name,
            "before": _shown(self.before),
            "after": _shown(self.after),
        }


def _shown(value: Any) -> str:
    if value is None or value == []:
        # Translators: 规则差异中，未设置
        return _t("not set")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def before(row: RuleVersion) -> RuleVersion | None:
    """Return the version that was decided last before this one."""
    found: RuleVersion | None = row.rule.versions.decided().filter(version__lt=row.version).order_by("-version").first()  # type: ignore[attr-defined]
    return found


def diff(older: RuleVersion | None, newer: RuleVersion) -> list[Change]:
    """Return what differs, in the order of names; against nothing when there is no older one."""
    old, new = _flat(older), _flat(newer)
    names = sorted({*old, *new})
    return [Change(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _flat(row: RuleVersion | None) -> dict[str, Any]:
    if row is None:
        return {}
    found: dict[str, Any] = {}
    for name, value in row.definition.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def say(step: sums.Step, rules: list[sums.Rule], language: str) -> str:
    """Return a step of the trace as the member reads it, in the active language; `language`: of the rule's words."""
    message, parameters = sums.sentence(step)
    words = next((dict(rule.words) for rule in rules if (rule.code, rule.version) == (step.rule, step.version)), {})
    for name in ("yuan", "least"):
        if name in parameters:
            fen = int(parameters[name])
            parameters[name] = f"{fen // 100:,}.{fen % 100:02d}"
    parameters["limit"] = _t(sums.LIMITS[step.limit]) if step.limit else ""
    return _t(message) % {**parameters, "title": words.get(language) or step.rule}
