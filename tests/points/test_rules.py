"""Rules as rows: drafted, checked, decided by a second person, in force from a date, rolled back; never changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation
from psycopg import errors

from alliance import approvals, org
from alliance.actors import Actor
from alliance.models import Approval, Event, Unit, User
from alliance.refusals import Refused
from points import accounts, rules
from points.calc import lint
from points.calc.rules import Card, Line, Member, Receipt
from points.models import Account, Rule, RuleVersion
from tests.points.shops import TEST, open_shop

AT = timezone.now().replace(microsecond=0)
SOON = AT + timedelta(days=1)
EVENING: dict[str, Any] = {
    "scope": {"hours": [18, 19], "trades": ["hotpot"]},
    "effect": {"kind": "rate", "bps": 50},
    "caps": {"member_day": 500, "budget": 100_000},
    "words": {"en": "Evening points", "zh-hans": "晚间积分"},
}
Make = Callable[..., RuleVersion]


@pytest.fixture
def budget(db: None) -> Account:
    open_shop()
    return Account.objects.get(pk=accounts.open_budget(title="Evenings", at=AT))


@pytest.fixture
def people(db: None) -> tuple[User, User]:
    hq = Unit.objects.filter(parent__isnull=True).first() or org.found(
        kind="hq", code="HQ", name="总部", parent=None, actor=TEST, at=AT
    )
    made = []
    for n in range(2):
        user = User.objects.create_superuser(email=f"rules{n}@x.cn", password="not-used-here-1")
        org.appoint(user=user, unit=hq, role="finance", starts_on=date(2020, 1, 1), actor=TEST, at=AT - timedelta(9))
        made.append(user)
    return made[0], made[1]


@pytest.fixture
def draft(budget: Account) -> Make:
    def make(definition: Any = None, code: str = "evening", starts_at: datetime = SOON, **more: Any) -> RuleVersion:
        facts = {"payer": budget, "actor": TEST, "at": AT, **more}
        return rules.draft(code=code, definition=definition or EVENING, starts_at=starts_at, **facts)

    return make


def decide(version: RuleVersion, people: tuple[User, User], at: datetime = AT) -> RuleVersion:
    approvals.approve(rules.submit(version=version, user=people[0], at=at), user=people[1], at=at)
    version.refresh_from_db()
    return version


def test_whoever_drafted_a_version_does_not_approve_it(draft: Make, people: tuple[User, User]) -> None:
    one, two = people
    version = draft(actor=Actor.user(two))
    approval = rules.submit(version=version, user=one, at=AT)
    with pytest.raises(Refused) as refused:
        approvals.approve(approval, user=two, at=AT)
    assert refused.value.code == "rule_own_draft"
    version.refresh_from_db()
    assert version.state == "submitted"


def test_a_rule_goes_live_by_two_people_and_from_its_date(draft: Make, people: tuple[User, User]) -> None:
    version = decide(draft(), people)
    assert (version.state, version.submitted_by, version.approved_by) == (
        "approved", f"user:{people[0].pk}", f"user:{people[1].pk}",
    )  # fmt: skip
    assert rules.rule_set_in_force(AT).rules == ()
    assert [rule.code for rule in rules.rule_set_in_force(SOON).rules] == ["evening"]
    with pytest.raises(Refused, match="rule_not_begun"):
        rules.start(version=version, actor=TEST, at=SOON - timedelta(seconds=1))
    rules.start(version=version, actor=TEST, at=SOON)
    verbs = Event.objects.of(f"points.ruleversion:{version.pk}").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["rule.drafted", "rule.submit", "rule.approve", "rule.start"]


def test_who_asked_does_not_decide(draft: Make, people: tuple[User, User]) -> None:
    version = draft()
    approval = rules.submit(version=version, user=people[0], at=AT)
    with pytest.raises(Refused, match="approval_same_person"):
        approvals.approve(approval, user=people[0], at=AT)
    version.refresh_from_db()
    assert version.state == "submitted"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"caps": {}}, "caps_missing"),
        ({"scope": {"pool_size": 3}}, "input_not_allowed"),
        ({"words": {"en": "x", "zh-hans": "天天增 值"}}, "promise_word"),
        ({"effect": {"kind": "rate", "bps": 900}}, "fake_gains"),
        ({"effect": {"kind": "rate", "bps": 170}}, "outside_above_bound"),
        ({"words": {"en": "x"}}, "words_missing"),
        ({"scope": {"downline": 1}}, "second_level"),
        ({"point_value": 2}, "point_value"),
    ],
)
def test_a_finding_refuses_with_its_code(draft: Make, people: tuple[User, User], change: Any, code: str) -> None:
    version = draft({**EVENING, **change})
    with pytest.raises(Refused) as refused:
        rules.submit(version=version, user=people[0], at=AT)
    assert refused.value.code == code
    assert refused.value.text()
    version.refresh_from_db()
    assert version.state == "draft" and not Approval.objects.exists()


def test_rules_are_checked_together(draft: Make, people: tuple[User, User]) -> None:
    """Each alone is within the bound of 8 %, both are not."""
    part = {**EVENING, "effect": {"kind": "rate", "bps": 90}}
    decide(draft(part, code="a"), people)
    with pytest.raises(Refused, match="outside_above_bound"):
        rules.submit(version=draft(part, code="b"), user=people[0], at=AT)


def test_what_became_wrong_while_waiting_is_refused_at_the_decision(draft: Make, people: tuple[User, User]) -> None:
    part = {**EVENING, "effect": {"kind": "rate", "bps": 90}}
    waiting = draft(part, code="a")
    approval = rules.submit(version=waiting, user=people[0], at=AT)
    decide(draft(part, code="b"), people)
    with pytest.raises(Refused, match="outside_above_bound"):
        approvals.approve(approval, user=people[1], at=AT)
    waiting.refresh_from_db()
    assert waiting.state == "submitted" and rules.rule_set_in_force(SOON).rules[0].code == "b"


def test_a_loss_budget_is_decided_by_two_and_says_what_it_may_cost(draft: Make, people: tuple[User, User]) -> None:
    lost = {**EVENING, "effect": {"kind": "rate", "bps": 900}, "loss": {"name": "opening week", "fen": 5_000}}
    version = draft(lost)
    approval = rules.submit(version=version, user=people[0], at=AT)
    with translation.override("en"):
        assert "5000 fen at most" in rules.describe(approval) or "5,000" in rules.describe(approval)
    approvals.approve(approval, user=people[1], at=AT)
    assert [finding.code for finding in rules.check_in_force(SOON)] == ["loss_budget_gains"]


def test_a_rule_starts_in_the_future(draft: Make, people: tuple[User, User]) -> None:
    with pytest.raises(Refused, match="rule_starts_too_early"):
        rules.submit(version=draft(starts_at=AT + timedelta(minutes=9)), user=people[0], at=AT)


def test_the_next_version_ends_the_one_before(draft: Make, people: tuple[User, User]) -> None:
    first = decide(draft(), people)
    later = SOON + timedelta(days=5)
    second = decide(draft({**EVENING, "effect": {"kind": "rate", "bps": 80}}, starts_at=later), people)
    first.refresh_from_db()
    assert first.ends_at == later
    assert [rule.version for rule in rules.rule_set_in_force(later - timedelta(seconds=1)).rules] == [1]
    assert [rule.version for rule in rules.rule_set_in_force(later).rules] == [2]
    changes = rules.diff(first, second)
    assert [tuple(change) for change in changes] == [("effect.bps", 50, 80)]
    with translation.override("en"):
        assert changes[0].text() == "effect.bps: 50 → 80"


def test_rolling_back_makes_a_version_that_is_equal(draft: Make, people: tuple[User, User]) -> None:
    first = decide(draft(), people)
    decide(draft({**EVENING, "effect": {"kind": "rate", "bps": 80}}, starts_at=SOON + timedelta(1)), people)
    back = rules.roll_back(to=first, starts_at=SOON + timedelta(2), actor=TEST, at=AT)
    assert (back.version, back.equals_version, back.definition) == (3, 1, EVENING)
    assert rules.diff(first, back) == []
    decide(back, people)
    at = SOON + timedelta(3)
    assert [rule.version for rule in rules.rule_set_in_force(at).rules] == [3]


def test_one_draft_at_a_time_and_only_drafts_change(draft: Make, people: tuple[User, User]) -> None:
    version = draft()
    with pytest.raises(Refused, match="rule_draft_open"):
        draft()
    rules.change(version=version, definition={**EVENING, "priority": 5}, starts_at=SOON, actor=TEST, at=AT)
    approval = rules.submit(version=version, user=people[0], at=AT)
    with pytest.raises(Refused, match="rule_not_a_draft"):
        rules.change(version=version, definition=EVENING, starts_at=SOON, actor=TEST, at=AT)
    with pytest.raises(Refused, match="rule_not_decided"):
        rules.roll_back(to=version, starts_at=SOON, actor=TEST, at=AT)
    approvals.refuse(approval, user=people[1], at=AT, reason="too much")
    again = rules.change(version=version, definition=EVENING, starts_at=SOON, actor=TEST, at=AT)
    assert (again.state, again.definition) == ("draft", EVENING)
    with pytest.raises(Refused, match="rule_not_a_draft"):
        rules.change(version=decide(version, people), definition=EVENING, starts_at=SOON, actor=TEST, at=AT)


def test_a_payer_stays_and_has_to_be_one(draft: Make, budget: Account) -> None:
    draft()
    other = Account.objects.get(pk=accounts.open_budget(title="Other", at=AT))
    with pytest.raises(Refused, match="rule_payer_differs"):
        draft(payer=other)
    with pytest.raises(Refused, match="rule_payer_cannot_pay"):
        draft(code="x", payer=Account.objects.get(pk=accounts.house("fee")))
    assert not Rule.objects.filter(code="x").exists()


def test_a_version_is_ended_now_or_called_off_before_it_begins(draft: Make, people: tuple[User, User]) -> None:
    version = decide(draft(), people)
    rules.end(version=version, actor=TEST, at=SOON + timedelta(hours=1))
    assert rules.rule_set_in_force(SOON).rules and not rules.rule_set_in_force(SOON + timedelta(hours=1)).rules
    called_off = decide(draft(code="other"), people)
    rules.end(version=called_off, actor=TEST, at=AT)
    assert [rule.code for rule in rules.rule_set_in_force(SOON).rules] == ["evening"]
    with pytest.raises(Refused, match="move_not_allowed"):
        rules.end(version=called_off, actor=TEST, at=AT)


# --- what the database keeps --------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    ["definition = '{}'", "starts_at = starts_at - interval '1 day'", "ends_at = starts_at + interval '99 days'",
     "state = 'draft'", "state = 'submitted'", "version = 9", "approved_by = 'user:0'", "rule_id = rule_id + 1"],
)  # fmt: skip
def test_what_was_decided_never_changes(draft: Make, people: tuple[User, User], change: str) -> None:
    version = decide(draft(ends_at=SOON + timedelta(days=9)), people)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE rules_version SET {change} WHERE id = %s", [version.pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError), transaction.atomic():
        version.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Rule.objects.update(code="other")
    assert RuleVersion.objects.get().definition == EVENING


def test_nobody_approves_alone_even_by_sql(draft: Make, people: tuple[User, User]) -> None:
    version = draft()
    rules.submit(version=version, user=people[0], at=AT)
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        RuleVersion.objects.update(state="approved", approved_by=f"user:{people[0].pk}")
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleVersion.objects.create(rule=version.rule, version=2, definition={}, state="live", state_since=AT,
                                   starts_at=AT, drafted_by="x", submitted_by="a", approved_by="b")  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_the_application_may_draft_but_not_delete(application_connection: psycopg.Connection[Any]) -> None:
    open_shop()
    payer = Account.objects.get(pk=accounts.open_budget(title="Evenings", at=AT))
    rules.draft(code="evening", payer=payer, definition=EVENING, starts_at=SOON, actor=TEST, at=AT)
    application_connection.execute("UPDATE rules_version SET definition = '{}'")
    for statement in ("DELETE FROM rules_version", "DELETE FROM rules_rule", "UPDATE rules_rule SET code = 'x'",
                      "TRUNCATE rules_version", "ALTER TABLE rules_version DISABLE TRIGGER ALL"):  # fmt: skip
        with pytest.raises((errors.CheckViolation, errors.InsufficientPrivilege)):
            application_connection.execute(statement)
    assert RuleVersion.objects.count() == 1


# --- words, dry run, checks ---------------------------------------------------------------------


def test_a_dry_run_says_why_in_the_readers_language_and_writes_nothing(draft: Make) -> None:
    version = draft()
    evening = SOON.replace(hour=10, minute=30)  # 18:30 in Shanghai
    bill = Receipt(7, 70, "hotpot", int(evening.timestamp()), (Line("dishes", "a", 10_000),))
    left = {version.rule.payer_id: 1_000}
    answer, tried = rules.dry_run(version, bill, Member(), Card(rate_bps=800), left, evening)
    assert (answer.points, [grant.points for grant in answer.grants]) == (500, [50])
    with translation.override("zh-hans"):
        assert [rules.say(step, tried, "zh-hans") for step in answer.trace][1].startswith("晚间积分")
    with translation.override("en"):
        assert rules.say(answer.trace[1], tried, "en") == "Evening points: 50 points on top."
        assert rules.say(answer.trace[0], tried, "en") == "500 points: your part of the rebate on ¥100.00."
    version.refresh_from_db()
    assert version.state == "draft"


def test_the_check_of_the_configuration_names_what_is_wrong(
    draft: Make, people: tuple[User, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("check", tags=["rules"], databases=["default"])
    decide(draft(), people)
    call_command("check", tags=["rules"], databases=["default"])
    # The list of words grew after the rule went live.
    stricter = rules.Promises(words=["晚间"], spellings={}, harmless=[])
    monkeypatch.setattr(rules, "promises", lambda: stricter)
    with pytest.raises(SystemCheckError, match=r"rules\.promise_word"):
        call_command("check", tags=["rules"], databases=["default"])


def test_every_finding_and_limit_is_documented() -> None:
    from pathlib import Path

    text = Path("docs/rules.md").read_text(encoding="utf-8")
    assert not {code for code in lint.SENTENCES if f"`{code}`" not in text}


def test_the_agreements_of_the_named_merchants_are_theirs(db: None) -> None:
    dear, cheap = open_shop(rate_bps=2_000), open_shop(rate_bps=300)
    found = rules.cards(timezone.now(), {dear.merchant.float_id, cheap.merchant.float_id})
    assert (found[dear.merchant.float_id].rate_bps, found[cheap.merchant.float_id].rate_bps) == (2_000, 300)
    assert len(set(found.values())) == 2


# --- the clock and the way back -----------------------------------------------------------------


def test_the_clock_starts_and_ends_versions(draft: Make, people: tuple[User, User]) -> None:
    version = decide(draft(ends_at=SOON + timedelta(days=2)), people)
    assert rules.turn(at=SOON - timedelta(seconds=1)) == 0
    assert rules.turn(at=SOON) == 1
    version.refresh_from_db()
    assert version.state == "live"
    assert (rules.turn(at=SOON), rules.turn(at=SOON + timedelta(days=2)), rules.turn(at=SOON + timedelta(9))) == (
        0,
        1,
        0,
    )
    version.refresh_from_db()
    assert (version.state, version.ends_at) == ("ended", SOON + timedelta(days=2))


def test_a_version_whose_whole_time_was_missed_is_ended(draft: Make, people: tuple[User, User]) -> None:
    version = decide(draft(ends_at=SOON + timedelta(days=2)), people)
    assert rules.turn(at=SOON + timedelta(days=9)) == 1
    version.refresh_from_db()
    assert version.state == "ended"


def test_one_press_proposes_the_way_back_and_it_starts_with_the_approval(
    draft: Make, people: tuple[User, User]
) -> None:
    first = decide(draft(), people)
    until = SOON + timedelta(days=30)
    eighty = {**EVENING, "effect": {"kind": "rate", "bps": 80}}
    second = decide(draft(eighty, starts_at=SOON + timedelta(1), ends_at=until), people)
    with pytest.raises(Refused, match="rule_not_in_force"):
        rules.undo(version=second, user=people[0], at=SOON)
    at = SOON + timedelta(days=2)
    rules.turn(at=at)
    with pytest.raises(Refused, match="rule_not_in_force"):
        rules.undo(version=first, user=people[0], at=at)
    approval = rules.undo(version=second, user=people[0], at=at)
    with translation.override("en"):
        assert "Returns to version 1" in rules.describe(approval)
    assert [rule.version for rule in rules.rule_set_in_force(at).rules] == [2]
    with pytest.raises(Refused, match="approval_same_person"):
        approvals.approve(approval, user=people[0], at=at)
    decided = at + timedelta(hours=3)
    back = approvals.approve(approval, user=people[1], at=decided)
    second.refresh_from_db()
    assert (back.definition, back.starts_at, back.ends_at, back.state) == (EVENING, decided, until, "live")
    assert (second.ends_at, second.state) == (decided, "ended")
    # What was booked until then stays with the version that was in force.
    before = decided - timedelta(seconds=1)
    assert [rule.version for rule in rules.rule_set_in_force(before).rules] == [2]
    assert [rule.version for rule in rules.rule_set_in_force(decided).rules] == [3]
    # And back again.
    assert rules.previous(back, decided) == second


def test_there_is_no_way_back_from_a_first_version(draft: Make, people: tuple[User, User]) -> None:
    version = decide(draft(), people)
    with pytest.raises(Refused, match="rule_nothing_before"):
        rules.undo(version=version, user=people[0], at=SOON)


def test_a_version_that_was_called_off_is_no_way_back(draft: Make, people: tuple[User, User]) -> None:
    called_off = decide(draft(), people)
    rules.end(version=called_off, actor=TEST, at=AT)
    second = decide(draft({**EVENING, "priority": 7}, starts_at=SOON + timedelta(1)), people)
    at = SOON + timedelta(2)
    assert rules.previous(second, at) is None
    # Nor may a draft equal to it start at once.
    back = rules.roll_back(to=called_off, starts_at=at, actor=TEST, at=at)
    with pytest.raises(Refused, match="rule_starts_too_early"):
        rules.submit(version=back, user=people[0], at=at)


def test_a_way_back_whose_time_is_over_is_refused(draft: Make, people: tuple[User, User]) -> None:
    decide(draft(), people)
    until = SOON + timedelta(days=3)
    second = decide(draft({**EVENING, "priority": 7}, starts_at=SOON + timedelta(1), ends_at=until), people)
    approval = rules.undo(version=second, user=people[0], at=SOON + timedelta(2))
    with pytest.raises(Refused, match="rule_over"):
        approvals.approve(approval, user=people[1], at=until)


def test_only_a_way_back_comes_to_start_later(draft: Make, people: tuple[User, User]) -> None:
    """Even by SQL: what was handed in keeps its start, a return may only start later."""
    first = decide(draft(), people)
    second = decide(draft({**EVENING, "priority": 7}, starts_at=SOON + timedelta(1)), people)
    at = SOON + timedelta(2)
    rules.undo(version=second, user=people[0], at=at)
    waiting = RuleVersion.objects.filter(equals_version=first.version)
    with pytest.raises(IntegrityError), transaction.atomic():
        waiting.update(starts_at=at - timedelta(seconds=1))
    waiting.update(starts_at=at + timedelta(seconds=1))
    other = draft(code="other", starts_at=SOON)
    rules.submit(version=other, user=people[0], at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleVersion.objects.filter(pk=other.pk).update(starts_at=SOON + timedelta(1))


def test_a_loss_budget_is_named_even_if_no_faker_gains(draft: Make, people: tuple[User, User]) -> None:
    """170 of 10,000 are above the bound of gifts by others, and still below what a faked sale would need."""
    lost = {**EVENING, "effect": {"kind": "rate", "bps": 170}}
    with pytest.raises(Refused, match="outside_above_bound"):
        rules.submit(version=draft(lost, code="without"), user=people[0], at=AT)
    version = draft({**lost, "loss": {"name": "opening week", "fen": 5_000}})
    assert [finding.code for finding in rules.check(version, AT)] == ["loss_budget"]
    approval = rules.submit(version=version, user=people[0], at=AT)
    with translation.override("en"):
        assert "loss budget “opening week”: others may give 5000 fen" in rules.describe(approval)
    with pytest.raises(Refused, match="approval_same_person"):
        approvals.approve(approval, user=people[0], at=AT)
    # Whoever writes past the verbs is stopped by the table.
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        RuleVersion.objects.filter(pk=version.pk).update(state="approved", approved_by=f"user:{people[0].pk}")
    # In force by another way than two people, the linter refuses it.
    found = rules._checked([rules.rule_of(version)], AT)
    assert "loss_not_approved" in [finding.code for finding in found]
