"""A small year from its first basket to its last payout, by the same verbs as the real one: and again after a kill."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from alliance.calc.worktime import day_start
from alliance.models import Approval
from alliance.refusals import Refused
from merchants.models import PayoutRun
from points import clearing as book
from points import partitions, verify
from points.models import BankStatement, Clearing, Payout, Statement, Transfer
from stores import feeds
from stores.calc import baskets as calc
from stores.models import Feed
from tests.town.test_replay import Row, write
from town import founding as town_founding
from town.replay import bank, checking, founding, lane, source
from town.replay.options import Options, scan
from town.replay.settling import DAYS_PASSED, Settling
from town.world import draw

pytestmark = pytest.mark.django_db(transaction=True)
FIRST, LAST = date(2017, 1, 1), date(2017, 1, 20)
OPENED = day_start(FIRST - timedelta(days=14)) + timedelta(hours=9)


class Killed(Exception):
    """The process ended here."""


def rows() -> list[Row]:
    """Three households who buy for ¥90 and more each day, in the twelve stores of the chain and of two partners."""
    found: list[Row] = []
    for day in range((LAST - FIRST).days + 1):
        for household in (1, 2, 3):
            at = datetime(2017, 1, 1, 9, household) + timedelta(days=day)
            store = 1 + (day * 3 + household) % 14
            number = day * 3 + household
            found.append((household, 30 + store, number, 7, 1, 90.0 + number, at))
            found.append((household, 30 + store, number, 9, 1, 5.0, at))
    return found


class Year:
    """A year of one lane in this process: founded, booked and settled as the command does it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found = write(folder, rows())
        monkeypatch.setattr(source, "find", lambda: self.found)
        self.options = Options(keep_dates=True, settle="daily")
        known, excluded = source.known_and_excluded(self.found)
        screened = (calc.screen(basket, known, excluded) for basket in source.baskets(self.found))
        self.seen = scan(screened, self.options)
        self.lines: list[str] = []
        feed = founding.feed(timedelta(0), timezone.now())
        founding.products(source.articles(self.found))
        self.organised = town_founding.organisation(draw("small", town_founding.SEED), OPENED)
        founding.shops(self.seen.year.turnover_fen, self.organised, OPENED, self.lines.append)
        founding.households(self.seen.chosen, OPENED)
        self.run = feeds.begin(
            feed=feed, scope=self.options.scope, lanes=1, baskets_expected=60, actor=founding.ACTOR, at=timezone.now()
        )

    def settling(self) -> Settling:
        say = self.lines.append
        return Settling(self.organised, FIRST, LAST, is_weekly=False, say=say, live=say)

    def book(self, through: Any) -> None:
        words = self.options.scope
        lane.work(run_id=self.run.pk, number=0, lanes=1, words=words, orphaned=lambda: False, through=through)


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Year:
    settings.CLEARING_MINIMUM_FEN = 0
    partitions.ahead(14, start=OPENED.date())
    return Year(tmp_path, monkeypatch)


def test_a_year_is_closed_cleared_paid_expired_and_proved(year: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    settling = year.settling()
    answer = bank.answer

    def killed(at: datetime) -> int:
        if at > day_start(date(2017, 1, 6)) and Payout.objects.proposed().exists():
            raise Killed
        return answer(at)

    # Days are settled while the lane goes on; in the middle everything ends, after a clearing and before its payments.
    monkeypatch.setattr(bank, "answer", killed)
    with pytest.raises(Killed):
        year.book(lambda day: settling.through(date.fromordinal(day)))
    assert FIRST < book.last_finished().cleared_on < LAST  # type: ignore[union-attr]
    assert Payout.objects.proposed().exists()
    monkeypatch.setattr(bank, "answer", answer)

    again = year.settling()
    assert not Payout.objects.proposed().exists(), "what was proposed before the kill is decided and handed in first"
    year.book(lambda day: again.through(date.fromordinal(day)))
    again.wind_down()

    found = checking.figures(again.end)
    assert found.faults == []
    assert feeds.summary(year.run).baskets == year.seen.expected.baskets == 60
    assert feeds.summary(year.run).value_fen == year.seen.expected.value_fen
    january = dict(found.months)[date(2017, 1, 1)]
    assert january.spent_points > 0
    assert (january.is_balanced, january.is_matched) == (True, True)
    assert all(sums.is_balanced and sums.is_matched for _month, sums in found.months)

    # Twenty days and the hold-back, then the quarter's end on which January's points lapse, and the day after it.
    days = list(Clearing.objects.order_by("cleared_on").values_list("cleared_on", flat=True))
    assert days == [FIRST + timedelta(days=n) for n in range(28)] + [date(2019, 3, 31), date(2019, 4, 1)]
    assert Transfer.objects.filter(kind=3, booked_on=date(2019, 4, 1)).exists()
    assert found.left == 0
    assert found.lapsed > 0

    # Two people decided each run, and every payment has its line in a file of the bank.
    assert not PayoutRun.objects.exclude(state=PayoutRun.State.FILED).exists()
    for asked in Approval.objects.filter(kind="merchants.payouts"):
        assert asked.asked_by_id == year.organised.finance.pk
        assert asked.decided_by_id == year.organised.finance2.pk
    assert found.payouts == Payout.objects.count() == Statement.objects.filter(paid_fen__gt=0).count() > 20
    assert found.files == PayoutRun.objects.count()
    opening = 0
    for statement in BankStatement.objects.order_by("pk"):
        assert statement.opening_fen == opening
        opening = statement.closing_fen

    assert [check for check in verify.checks() if check.differences] == []
    assert checking.strangers_word().startswith("proved: ")

    # A second call finds everything done.
    before = Transfer.objects.count()
    year.settling().wind_down()
    assert Transfer.objects.count() == before


def test_a_stranger_does_not_prove_what_was_not_published(year: Year, monkeypatch: pytest.MonkeyPatch) -> None:
    settling = year.settling()
    year.book(lambda _day: None)
    settling.through(LAST)
    monkeypatch.setattr(checking.reserve, "published", lambda _days: {"days": []})
    with pytest.raises(checking.NotProved, match="NOT PROVED"):
        checking.strangers_word()


def test_points_that_did_not_lapse_and_money_that_was_not_paid_are_named(year: Year) -> None:
    settling = year.settling()
    year.book(lambda _day: None)
    settling.through(LAST)
    faults = checking.figures(LAST).faults
    assert "a payout was not paid" in faults
    assert "points did not lapse" in faults
    assert any("in_payout" in fault for fault in faults)


def test_a_year_before_days_that_were_cleared_is_refused(year: Year) -> None:
    Clearing.objects.create(
        cleared_on=date(2026, 1, 1), started_at=OPENED, finished_at=OPENED, minimum_fen=0, actor="x"
    )
    with pytest.raises(Refused) as refused:
        year.settling()
    assert refused.value.code == DAYS_PASSED.code


def test_a_weekly_year_is_cleared_on_sundays(year: Year) -> None:
    say = year.lines.append
    settling = Settling(year.organised, FIRST, LAST, is_weekly=True, say=say, live=say)
    year.book(lambda _day: None)
    settling.through(LAST)
    days = list(Clearing.objects.order_by("cleared_on").values_list("cleared_on", flat=True))
    assert days == [date(2017, 1, n) for n in (1, 8, 15, 20)]
    assert Feed.objects.get().moved_days == 0
