"""The accounting days of a replayed year: each is closed, cleared, paid out and answered by the bank.

Every step is found again in the database, so a year that was killed goes on with the day that is not finished. After
the last sale come the days of the hold-back, then each quarter's end on which points lapse and the day after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from math import inf

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from alliance import approvals
from alliance.actors import Actor
from alliance.calc.worktime import day_start
from alliance.models import Unit
from alliance.refusals import declare
from merchants import clearing, payaccounts, payouts
from merchants.models import Merchant, PayoutAccount
from points import circulation, closing, expiry, partitions, proving, sealing
from points import clearing as book
from points.calc import rebate
from points.models import Clearing, Lot, Payout, Proof, Seal, Terms
from town.founding import Organisation
from town.money import BANK
from town.replay import bank, founding
from town.screen import without_waiting

ACTOR = founding.ACTOR
SUNDAY = 6
Say = Callable[[str], None]

DAYS_PASSED = declare(
    "replay_days_passed",
    409,
    # Translators: 这个库里已经结算或封存了更晚的日子，不能再结算回放的年份。请换一个空的状态目录。
    _("Later days were cleared or sealed here already: this year cannot be settled. Use another, empty state."),
)


class Settling:
    """Settles the days of a year in their order, each once. first and last: the days on which something is sold."""

    def __init__(
        self, organised: Organisation, first: date, last: date, *, is_weekly: bool, say: Say, live: Say
    ) -> None:
        self.first, self.last = first, last
        self._organised, self._is_weekly, self._say, self._live = organised, is_weekly, say, live
        holdback = Terms.objects.aggregate(days=Max("holdback_days"))["days"] or 0
        self._tail = list(_tail(first, last, holdback))
        self.end = self._tail[-1]
        self._check()
        partitions.ahead(_months(first, self.end) + 1, start=first - timedelta(days=31))
        self._floats = founding.floats()
        _accounts_on_file(organised, day_start(first) - timedelta(days=1), say)
        self.seconds = 0.0
        without_waiting()
        self._done = _cleared() or first - timedelta(days=1)
        # Killed between a clearing and its payments.
        if Payout.objects.proposed().exists():
            self._money(self._done + timedelta(days=1))

    def __str__(self) -> str:
        return f"settled through {self._done}"

    def through(self, on: date, seconds: float = inf) -> None:
        """Settle what is left of the days on which something is sold, through one on which everything is booked.

        seconds: after so many no other day is begun.
        """
        # The connection may be a new one.
        without_waiting()
        started = time.monotonic()
        while self._done < min(on, self.last) and time.monotonic() < started + seconds:
            self._day(self._done + timedelta(days=1))
            self._live(f"{self}")
        self.seconds += time.monotonic() - started

    def wind_down(self) -> None:
        """Settle the rest of the year, then let the hold-back end and the points lapse, and pay out what is left."""
        self.through(self.last)
        started = time.monotonic()
        for n, on in enumerate(self._tail, start=1):
            if on > self._done:
                self._day(on)
            self._live(f"after the year: {n} of {len(self._tail)} days  {self}")
        # The last answer of the bank is booked on a day that has nothing to clear.
        final = self.end + timedelta(days=2)
        if not Seal.objects.filter(sealed_on__gte=final).exists():
            bank.answer(_clock(final, 8))
            closing.close(final, now=_clock(final + timedelta(days=1), 0, 20), float_ids=self._floats)
            self._say(f"Sealing the days to {final} …")
            sealing.seal(now=_clock(final + timedelta(days=1), 2))
        if not Proof.objects.filter(taken_on__gt=final).exists():
            proving.prove(at=_clock(final + timedelta(days=1), 3))
        while circulation.catch_up():
            pass
        self.seconds += time.monotonic() - started

    def _day(self, on: date) -> None:
        """Do the morning after a day: maturing and expiry, close, clearing, then the payments and the bank."""
        morning = on + timedelta(days=1)
        expiry.mature(morning)
        if Lot.objects.filter(is_open=True, lapses_on__lt=morning).exists():
            expiry.expire(morning, now=_clock(morning, 0, 5))
        closing.close(on, now=_clock(morning, 0, 20), float_ids=self._floats)
        if not self._is_weekly or on.weekday() == SUNDAY or on >= self.last:
            now = _clock(morning, 1, 30)
            # The last of all pays small amounts as well.
            least = 0 if on == self.end else None
            *_before, state = clearing.run(on, actor=Actor.system("clearing"), at=now, now=now, minimum_fen=least)
            if state.failed:
                raise RuntimeError(f"{len(state.failed)} accounts could not be cleared: {state.failed[:10]}")
            self._money(morning)
        self._done = on
        self._proof(on)

    def _money(self, morning: date) -> None:
        """Take the bank's answer to the day before, then let two people decide what is paid, and hand the file in."""
        bank.answer(_clock(morning, 8))
        if not Payout.objects.proposed().exists():
            return
        with transaction.atomic():
            run = payouts.ask(user=self._organised.finance, at=_clock(morning, 9))
            assert run.approval is not None
            approvals.approve(run.approval, user=self._organised.finance2, at=_clock(morning, 9, 30))
            run.refresh_from_db()
            payouts.file(run=run, actor=Actor.user(self._organised.finance), at=_clock(morning, 10))

    def _proof(self, on: date) -> None:
        """Prove what is owed once nothing is sold any more: a proof is of the moment in which it is taken."""
        if on >= self.last:
            proving.prove(at=_clock(on + timedelta(days=1), 11))

    def _check(self) -> None:
        """Refuse replay_days_passed when the clock has been further than this year and its tail."""
        newest = Seal.objects.aggregate(on=Max("sealed_on"))["on"]
        cleared = _cleared()
        is_over = Clearing.objects.filter(cleared_on=self.end, finished_at__isnull=False).exists()
        is_late = bool(cleared and cleared > self.end) or bool(newest and newest >= (cleared or self.first))
        if is_late and not is_over:
            raise DAYS_PASSED()


def _tail(first: date, last: date, holdback_days: int) -> Iterator[date]:
    """Yield the days after the last sale that are settled: the hold-back, and each lapse with the day that books it."""
    quiet = last + timedelta(days=holdback_days + 1)
    on = last
    while on < quiet:
        on += timedelta(days=1)
        yield on
    for end in sorted({rebate.expires_on(first + timedelta(days=n)) for n in range((last - first).days + 1)}):
        yield end
        yield end + timedelta(days=1)


def _accounts_on_file(organised: Organisation, at: datetime, say: Say) -> None:
    """Put a bank account of every replayed merchant and its centre on file, each by two people."""
    known = PayoutAccount.objects.current()
    merchants = Merchant.objects.filter(outlets__store__code__startswith="CJ-").distinct().order_by("pk")
    missing = list(merchants.exclude(pk__in=known.filter(merchant__isnull=False).values("merchant")))
    centres = Unit.objects.filter(pk__in=merchants.values("centre")).exclude(
        pk__in=known.filter(unit__isnull=False).values("unit")
    )
    owners: list[tuple[Merchant | None, Unit | None]] = [(merchant, None) for merchant in missing]
    owners += [(None, unit) for unit in centres.order_by("pk")]
    for merchant, unit in owners:
        owner = merchant or unit
        assert owner is not None
        with transaction.atomic():
            account = payaccounts.ask(
                merchant=merchant,
                unit=unit,
                bank_name=BANK.replace("（", "(").replace("）", ")"),
                holder=f"{'商户' if merchant else '服务中心'} {owner.pk}（模拟）",
                number=f"6200{'1' if merchant else '2'}{owner.pk:011d}",
                user=organised.finance,
                at=at,
            )
            assert account.approval is not None
            approvals.approve(account.approval, user=organised.finance2, at=at + timedelta(minutes=20))
    if owners:
        say(f"{len(owners):,} bank accounts put on file")


def _cleared() -> date | None:
    last = book.last_finished()
    return last.cleared_on if last else None


def _clock(on: date, hours: int, minutes: int = 0) -> datetime:
    return day_start(on) + timedelta(hours=hours, minutes=minutes)


def _months(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month + 2
