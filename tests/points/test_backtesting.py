"""Back-tests over the book's own sales: asked for, run, stopped, kept, and required before a rule is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation

from alliance import approvals
from alliance.models import Approval, Job, User
from alliance.refusals import Refused
from points import accounts, backtesting, rules, sources
from points.calc.rules import Line
from points.models import Account, Backtest, RuleVersion
from tests.points.shops import NOON, TEST, Shop, open_shop
from tests.points.test_rules import people  # noqa: F401 - a fixture

AT = timezone.now().replace(microsecond=0)
EVERY: dict[str, Any] = {
    "scope": {"basket_fen": 5_000},
    "effect": {"kind": "fixed", "points": 10},
    "caps": {"member_day": 20, "budget": 1_000},
    "words": {"en": "Ten points", "zh-hans": "十分"},
}


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop()


@pytest.fixture
def version(shop: Shop) -> RuleVersion:
    payer = Account.objects.get(pk=accounts.open_budget(title="Tens", at=AT))
    return draft(payer)


def draft(payer: Account, definition: Any = EVERY, code: str = "ten") -> RuleVersion:
    return rules.draft(code=code, payer=payer, definition=definition, starts_at=AT + timedelta(1), actor=TEST, at=AT)


@pytest.fixture(autouse=True)
def not_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtesting, "_hand_over", lambda _pk: None)


def made(version: RuleVersion, days: int = 30) -> Backtest:
    asked = backtesting.ask(version=version, days=days, actor=TEST, at=timezone.now())
    assert backtesting.run(asked.pk)
    asked.refresh_from_db()
    return asked


def rows(backtest: Backtest, part: str) -> dict[str, tuple[int, int, int]]:
    return {
        key: (receipts, before, after)
        for key, receipts, before, after in backtest.rows.filter(part=part).values_list(  # type: ignore[attr-defined]
            "key", "receipts", "before", "after"
        )
    }


def test_history_is_carried_through_a_draft(shop: Shop, version: RuleVersion) -> None:
    one, two = shop.wallet(), shop.wallet()
    for wallet in (one, one, one, two):
        shop.sell(wallet, 10_000)
    undone = shop.sell(two, 10_000)
    shop.void(undone.sale_id)
    found = made(version)
    assert (found.state, found.receipts, found.touched) == ("done", 4, 3)
    assert (found.points_before, found.points_after, found.added) == (0, 30, 30)
    assert (found.last_on - found.first_on).days == 29
    assert rows(found, "merchant") == {str(shop.merchant.float_id): (4, 0, 30)}
    assert rows(found, "payer") == {str(version.rule.payer_id): (3, 0, 30)}
    assert found.result["better"] == 2 and found.result["findings"] == []
    # The account is empty: said, and the need is shown all the same.
    assert found.day("empty", str(version.rule.payer_id)) == found.last_on
    assert Job.objects.get(pk=found.job_id).state == "done"


def test_everything_else_that_is_in_force_stays(shop: Shop, version: RuleVersion, people: tuple[User, User]) -> None:  # noqa: F811
    approvals.approve(rules.submit(version=version, user=people[0], at=AT), user=people[1], at=AT)
    other = draft(version.rule.payer, {**EVERY, "effect": {"kind": "fixed", "points": 5}, "priority": 5}, code="five")
    shop.sell(shop.wallet(), 10_000)
    before, after = backtesting.sets(other, AT + timedelta(2))
    assert ([rule.code for rule in before], [rule.code for rule in after]) == (["ten"], ["ten", "five"])
    again = draft(version.rule.payer, {**EVERY, "effect": {"kind": "fixed", "points": 4}})
    assert [rule.version for rule in backtesting.sets(again, AT + timedelta(2))[1]] == [2]
    found = backtesting.compare(again, NOON.date(), NOON.date(), at=AT + timedelta(2))
    assert found is not None and (found.points_before, found.points_after) == (10, 4)


def test_lines_and_trades_come_from_upper_floors(
    shop: Shop, version: RuleVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = shop.sell(shop.wallet(), 10_000).sale_id or 0
    lines = {sale: [Line("tea", "cup", 3_000), Line("tea", "pot", 9_000), Line("ware", "cup", 8_000)]}
    monkeypatch.setattr(sources, "_LINES", [lambda: lambda _ids: lines])
    monkeypatch.setattr(sources, "_TRADES", [lambda: {shop.merchant.float_id: "tea"}])
    scope = {"trades": ["tea"], "categories": ["tea"]}
    rules.change(
        version=version,
        definition={**EVERY, "scope": scope, "effect": {"kind": "rate", "bps": 20}},
        starts_at=AT + timedelta(1),
        actor=TEST,
        at=AT,
    )
    # ¥200 of lines were paid with ¥100: ¥60 of it for tea, 0.2 % of that.
    assert rows(made(version), "trade") == {"tea": (1, 0, 12)}


def test_first_visits_look_beyond_the_period(shop: Shop, version: RuleVersion) -> None:
    old, new = shop.wallet(), shop.wallet()
    shop.sell(old, 10_000, event_at=NOON - timedelta(days=3), now=NOON - timedelta(days=3))
    for wallet in (old, new, new):
        shop.sell(wallet, 10_000)
    rules.change(
        version=version,
        definition={**EVERY, "scope": {"first_visit": True}},
        starts_at=AT + timedelta(1),
        actor=TEST,
        at=AT,
    )
    version.refresh_from_db()
    found = backtesting.compare(version, NOON.date(), NOON.date(), at=AT)
    assert found is not None and (found.receipts, found.points_after) == (3, 10)


def test_a_back_test_is_stopped(shop: Shop, version: RuleVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sell(shop.wallet(), 10_000)
    asked = backtesting.ask(version=version, days=30, actor=TEST, at=timezone.now())
    with pytest.raises(Refused, match="backtest_running"):
        backtesting.ask(version=version, days=30, actor=TEST, at=timezone.now())
    monkeypatch.setattr(backtesting, "PULSE", 0.0)
    progress = backtesting.jobs.progress

    def press(*args: Any, **more: Any) -> None:
        progress(*args, **more)
        if Backtest.objects.running().exists():
            backtesting.cancel(backtest=Backtest.objects.get(pk=asked.pk), actor=TEST, at=timezone.now())

    monkeypatch.setattr(backtesting.jobs, "progress", press)
    assert not backtesting.run(asked.pk)
    asked.refresh_from_db()
    assert asked.state == "cancelled" and not asked.rows.exists()  # type: ignore[attr-defined]
    assert not backtesting.run(asked.pk)


def test_a_killed_run_does_not_stand_in_the_way(shop: Shop, version: RuleVersion) -> None:
    shop.sell(shop.wallet(), 10_000)
    asked = backtesting.ask(version=version, days=30, actor=TEST, at=timezone.now())
    later = timezone.now() + timedelta(minutes=11)
    backtesting.ask(version=version, days=30, actor=TEST, at=later)
    asked.refresh_from_db()
    assert (asked.state, asked.job.result["code"]) == ("failed", "job_stopped")


def test_the_clock_ends_a_run_whose_worker_was_killed(shop: Shop, version: RuleVersion) -> None:
    shop.sell(shop.wallet(), 10_000)
    asked = backtesting.ask(version=version, days=30, actor=TEST, at=timezone.now())
    assert backtesting.bury(timezone.now()) == 0
    assert backtesting.bury(timezone.now() + timedelta(minutes=11)) == 1
    asked.refresh_from_db()
    assert asked.state == "failed"


def test_a_draft_that_changes_meanwhile_is_not_what_was_tested(shop: Shop, version: RuleVersion) -> None:
    shop.sell(shop.wallet(), 10_000)
    asked = backtesting.ask(version=version, days=30, actor=TEST, at=timezone.now())
    rules.change(version=version, definition={**EVERY, "priority": 3}, starts_at=AT, actor=TEST, at=AT)
    assert not backtesting.run(asked.pk)
    asked.refresh_from_db()
    assert asked.state == "failed"


def test_a_run_that_breaks_says_so(shop: Shop, version: RuleVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sell(shop.wallet(), 10_000)
    asked = backtesting.ask(version=version, days=30, actor=TEST, at=timezone.now())

    def broken(*args: Any, **more: Any) -> Iterator[Any]:
        raise OSError

    monkeypatch.setattr(backtesting, "_chunks", broken)
    with pytest.raises(OSError):
        backtesting.run(asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.job.result) == ("failed", {"code": "backtest_failed", "error": "OSError"})


# --- required before a rule is handed in ----------------------------------------------------------


def test_without_history_nothing_is_asked_and_the_second_person_reads_it(
    version: RuleVersion,
    people: tuple[User, User],  # noqa: F811
) -> None:
    with pytest.raises(Refused, match="backtest_no_history"):
        backtesting.ask(version=version, days=30, actor=TEST, at=AT)
    approval = rules.submit(version=version, user=people[0], at=AT)
    with translation.override("en"):
        assert "there is no history" in rules.describe(approval)


def test_what_touches_money_is_back_tested_first(
    shop: Shop,
    version: RuleVersion,
    people: tuple[User, User],  # noqa: F811
) -> None:
    shop.sell(shop.wallet(), 10_000)
    with pytest.raises(Refused, match="rule_not_backtested"):
        rules.submit(version=version, user=people[0], at=AT)
    made(version)
    rules.change(version=version, definition={**EVERY, "priority": 3}, starts_at=AT + timedelta(1), actor=TEST, at=AT)
    with pytest.raises(Refused, match="rule_not_backtested"):
        rules.submit(version=RuleVersion.objects.get(), user=people[0], at=AT)
    rules.change(version=version, definition=EVERY, starts_at=AT + timedelta(1), actor=TEST, at=AT)
    late = timezone.now() + timedelta(days=31)
    rules.change(version=version, definition=EVERY, starts_at=late + timedelta(1), actor=TEST, at=AT)
    with pytest.raises(Refused, match="rule_not_backtested"):
        rules.submit(version=version, user=people[0], at=late)
    approval = rules.submit(version=version, user=people[0], at=timezone.now())
    with translation.override("en"):
        assert "10 points on top of the base instead of 0; 1 of 1 receipts differ" in rules.describe(approval)
    approvals.approve(approval, user=people[1], at=timezone.now())
    # Only words change: no money is touched.
    words = draft(version.rule.payer, {**EVERY, "words": {"en": "Ten!", "zh-hans": "十分！"}})
    assert not rules.needs_backtest(words, late + timedelta(2))
    assert Approval.objects.count() == 1


# --- kept for good ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "UPDATE rules_backtest SET points_after = 0",
        "UPDATE rules_backtest SET result = '{}', state_since = now()",
        "UPDATE rules_backtest SET state = 'running'",
        "DELETE FROM rules_backtest",
        "UPDATE rules_backtest_row SET after = 0",
        "DELETE FROM rules_backtest_row",
        "INSERT INTO rules_backtest_row (backtest_id, part, key, receipts, touched, before, after, own_before, own_after, better, worse)"
        " SELECT id, 'tier', 'x', 1, 1, 0, 9, 0, 0, 0, 0 FROM rules_backtest",
        "TRUNCATE rules_backtest CASCADE",
        "TRUNCATE rules_backtest_row",
    ],
)
def test_a_result_never_changes(shop: Shop, version: RuleVersion, said: str) -> None:
    shop.sell(shop.wallet(), 10_000)
    done = made(version)
    assert done.rows.exists()  # type: ignore[attr-defined]
    with pytest.raises(DatabaseError, match=r"never change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(said)


def test_a_run_stays_one_of_what_it_was_asked_for(shop: Shop, version: RuleVersion) -> None:
    shop.sell(shop.wallet(), 10_000)
    backtesting.ask(version=version, days=30, actor=TEST, at=timezone.now())
    with pytest.raises(DatabaseError, match="asked for"), transaction.atomic():
        Backtest.objects.update(days=7)
