"""Back-tests: a draft in the place of what is in force, over a period of real history (docs/rules.md).

    backtest = ask(version=draft, days=90, actor=actor, at=now)     a job is opened and handed to a worker
    run(backtest.pk)                                                the worker's part: reads, reckons, keeps the result

One pass in order of time, a chunk of receipts at a time: budgets belong to everybody at once. Nothing is booked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alliance import events, jobs
from alliance.actors import Actor
from alliance.calc.worktime import day_start, shanghai_day
from alliance.flows import Flow, move
from alliance.refusals import Refused, declare
from points import rules, sources
from points.calc import backtest as sums
from points.calc.rules import Card, Line, Receipt, Rule
from points.models import Account, Backtest, BacktestRow, Reversal, RuleVersion, Sale, Terms, Wallet

KIND = "points.backtest"
PERIODS = (30, 90, 365)
CHUNK = 1_000
# Between two looks at whether somebody stopped it, and two signs of life.
PULSE = 1.0
# A run that has said nothing for so long was killed.
SILENT = timedelta(minutes=10)
_LOCK = 7262

LIFE = Flow(
    "backtest",
    {
        ("running", "finish"): "done",
        ("running", "fail"): "failed",
        ("running", "cancel"): "cancelled",
    },
)

RUNNING = declare("backtest_running", 409, _("A back-test of this version is running. Wait for it or stop it."))
NO_HISTORY = declare("backtest_no_history", 409, _("Nothing has been sold yet, so there is nothing to test against."))
DECIDED = declare("backtest_decided", 409, _("This version was decided. Only drafts are back-tested."))

Told = Callable[[int, int, int], bool]


# --- asking -------------------------------------------------------------------------------------


@transaction.atomic
def ask(*, version: RuleVersion, days: int, actor: Actor, at: datetime) -> Backtest:
    """Open a back-test over the last `days` days of history and hand it to a worker.

    Refuses: backtest_decided, backtest_no_history, backtest_running, and the code of a fault of the definition.
    """
    row = RuleVersion.objects.select_for_update(of=("self",)).select_related("rule__payer").get(pk=version.pk)
    if row.is_decided:
        raise DECIDED()
    rules.refuse_faults(row)
    last = newest(at)
    if last is None:
        raise NO_HISTORY()
    bury(at, row)
    last_on = shanghai_day(last)
    first_on = last_on - timedelta(days=days - 1)
    params = {"rule": row.rule.code, "version": row.version, "days": days}
    job = jobs.start(KIND, params=params, actor=actor, at=at, total=days)
    try:
        with transaction.atomic():
            made = Backtest.objects.create(
                version=row,
                digest=row.digest,
                days=days,
                first_on=first_on,
                last_on=last_on,
                state_since=at,
                job=job,
                asked_by=str(actor),
                asked_at=at,
            )
    except IntegrityError:
        raise RUNNING() from None
    events.record("backtest.asked", made, actor, at, params)
    transaction.on_commit(lambda: _hand_over(made.pk))
    return made


def cancel(*, backtest: Backtest, actor: Actor, at: datetime) -> None:
    """Stop a back-test; the worker notices within a second or two. Refuses: move_not_allowed."""
    with transaction.atomic():
        move(LIFE, backtest, "cancel", actor=actor, at=at)
        jobs.fail(backtest.job, at=at, code="backtest_cancelled")


def newest(at: datetime) -> datetime | None:
    """Return when something was sold last. Spans that grow, so that the newest partitions answer first."""
    for days in (1, 31, 366, None):
        sales = Sale.objects.sales()
        sales = sales.filter(booked_at__gt=at - timedelta(days=days)) if days else sales
        if (found := sales.order_by("-booked_at").values_list("booked_at", flat=True).first()) is not None:
            return found
    return None


def bury(at: datetime, row: RuleVersion | None = None) -> int:
    """Let go of runs that were killed (of one version, or all), so that nobody waits for them; return how many."""
    dead = Backtest.objects.running().filter(job__heartbeat_at__lt=at - SILENT)
    found = list(dead if row is None else dead.filter(version=row))
    for each in found:
        _fail(each, at, "job_stopped")
    return len(found)


def _fail(backtest: Backtest, at: datetime, code: str, **result: Any) -> None:
    with transaction.atomic():
        move(LIFE, backtest, "fail", actor=Actor.system("backtest"), at=at, code=code)
        jobs.fail(backtest.job, at=at, code=code, result=result)


def _hand_over(pk: int) -> None:
    from points.tasks import back_test

    back_test.delay(pk)


# --- running ------------------------------------------------------------------------------------


def run(pk: int) -> bool:
    """Do the work of a back-test that was asked for; return whether it came to its end.

    May be called twice: whoever comes second finds the lock taken or the row no longer running. A run that was killed
    begins anew.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, pk])
        if not cursor.fetchone()[0]:
            return False
        try:
            backtest = Backtest.objects.select_related("version__rule__payer", "job").get(pk=pk)
            return backtest.state == Backtest.State.RUNNING and _run(backtest)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, pk])


def _run(backtest: Backtest) -> bool:
    started = monotonic()
    beat = started

    def told(days: int, of: int, receipts: int) -> bool:
        """Say how far it is; return whether to go on."""
        nonlocal beat
        if monotonic() - beat < PULSE:
            return True
        beat = monotonic()
        jobs.progress(backtest.job, days, total=of, note=f"{receipts:,}")
        return Backtest.objects.running().filter(pk=backtest.pk).exists()

    try:
        version = backtest.version
        if version.digest != backtest.digest:
            _fail(backtest, timezone.now(), "backtest_outdated")
            return False
        found = compare(version, backtest.first_on, backtest.last_on, at=backtest.asked_at, told=told)
        if found is None:
            return False
        _keep(backtest, found, monotonic() - started)
    except Refused:
        # Somebody stopped it in the last moment.
        return False
    except Exception as error:
        _fail(backtest, timezone.now(), "backtest_failed", error=type(error).__name__)
        raise
    return True


def compare(
    version: RuleVersion, first_on: date, last_on: date, *, at: datetime, told: Told = lambda *_far: True
) -> sums.Comparison | None:
    """Carry the rules in force and the rules with this version through history; None when `told` says to stop.

    Both as if they had been in force from the first day to the last, with fresh counters.
    """
    before, after = sets(version, at)
    payers = {rule.payer.account for rule in (*before, *after)}
    comparison = sums.Comparison(before, after, dict(_balances(payers)))
    history = _History(comparison, first_on)
    whole = (last_on - first_on).days + 1
    for n in range(whole):
        for chunk in _chunks(first_on + timedelta(days=n)):
            for sold in history.receipts(chunk):
                comparison.take(sold)
            if not told(n, whole, comparison.receipts):
                return None
        if not told(n + 1, whole, comparison.receipts):
            return None
    return comparison


def sets(version: RuleVersion, at: datetime) -> tuple[list[Rule], list[Rule]]:
    """Return the rules in force, and the same with this version in the place of its rule's."""
    rows = list(RuleVersion.objects.in_force(at).select_related("rule__payer"))
    before = [rules.rule_of(row) for row in rows]
    others = [rule for row, rule in zip(rows, before, strict=True) if row.rule_id != version.rule_id]
    return before, [*others, rules.rule_of(version)]


def _balances(accounts: set[int]) -> Iterator[tuple[int, int]]:
    yield from Account.objects.filter(pk__in=accounts).money().items()


_COLUMNS = ("id", "wallet_id", "float_id", "outlet_id", "terms_id", "event_at", "eligible_fen")
_Row = tuple[int, int, int, int, int, datetime, int]


def _chunks(day: date) -> Iterator[list[_Row]]:
    """Yield the sales of a day that earned points, in the order in which they were booked."""
    rows = (
        Sale.objects.sales()
        .filter(booked_at__gte=day_start(day), booked_at__lt=day_start(day + timedelta(days=1)))
        .exclude(reason=Sale.Reason.FLOAT_EXHAUSTED)
        .order_by("booked_at", "id")
        .values_list(*_COLUMNS)
    )
    chunk: list[_Row] = []
    for row in rows.iterator(chunk_size=CHUNK):
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _History:
    """Rows of the book as receipts: with their lines, trades, tiers, terms, and without what was given back."""

    def __init__(self, comparison: sums.Comparison, first_on: date) -> None:
        self._read = sources.reader() if comparison.needs_lines else None
        self._trades = sources.trades_by_float()
        self._cards: dict[int, Card] = {}
        self._asked = comparison.first_visits()
        self._visited = self._before(first_on)

    def receipts(self, rows: Sequence[_Row]) -> Iterator[sums.Sold]:
        ids = [row[0] for row in rows]
        gone = {
            sale_id: (part, whole)
            for sale_id, part, whole in Reversal.objects.filter(sale_id__in=ids).values_list(
                "sale_id", "reversed", "amount"
            )
        }
        tiers = dict(Wallet.objects.filter(pk__in={row[1] for row in rows}).values_list("pk", "tier"))
        self._learn({row[4] for row in rows} - self._cards.keys())
        lines = self._read(ids) if self._read else {}
        for sale_id, wallet, merchant, outlet, terms, at, fen in rows:
            is_first = self._visit(wallet, merchant)
            part, whole = gone.get(sale_id, (0, 1))
            stays = fen - fen * part // whole if whole else fen
            if stays <= 0:
                continue
            known = lines.get(sale_id)
            bought = sums.staying(known, stays) if known else (Line("", "", stays),)
            receipt = Receipt(merchant, outlet, self._trades.get(merchant, ""), int(at.timestamp()), bought)
            yield sums.Sold(wallet, tiers.get(wallet, 0), is_first, receipt, self._cards[terms])

    def _learn(self, terms: set[int]) -> None:
        for row in Terms.objects.filter(pk__in=terms):
            self._cards[row.pk] = rules.card_of(row)

    def _is_asked(self, merchant: int) -> bool:
        return self._asked is None or merchant in self._asked

    def _visit(self, wallet: int, merchant: int) -> bool:
        """Return whether this is the member's first purchase at a merchant whose first visits matter."""
        if not self._is_asked(merchant):
            return False
        pair = wallet << 64 | merchant
        if pair in self._visited:
            return False
        self._visited.add(pair)
        return True

    def _before(self, first_on: date) -> set[int]:
        """Return who had bought where before the period: read only if a rule asks for first visits."""
        if self._asked is not None and not self._asked:
            return set()
        sales = Sale.objects.sales().filter(booked_at__lt=day_start(first_on))
        if self._asked is not None:
            sales = sales.filter(float_id__in=self._asked)
        pairs = sales.order_by().values_list("wallet_id", "float_id").distinct()
        return {wallet << 64 | merchant for wallet, merchant in pairs.iterator(chunk_size=10_000)}


# --- keeping ------------------------------------------------------------------------------------


@transaction.atomic
def _keep(backtest: Backtest, found: sums.Comparison, seconds: float) -> None:
    """Write the result; only a run that is still wanted has one."""
    now = timezone.now()
    version = backtest.version
    before, after = found.before, found.after
    better, worse = found.members()
    accounts = {*before.spent, *after.spent}
    result = {
        "used_up": {code: sums.iso(day) for code, day in sorted(after.used_up.items())},
        "empty": {str(account): sums.iso(day) for account, day in sorted(after.empty.items())},
        "balances": {str(account): balance for account, balance in _balances(accounts)},
        "better": better,
        "worse": worse,
        "findings": [[each.code, each.rule, dict(each.facts)] for each in rules.check(version, now)],
        "rules": sorted(found.before.rules),
        "is_without_inviters": any(rule.effect.to == "referrer" for rule in after.rules.values()),
        "seconds": round(seconds, 1),
    }
    BacktestRow.objects.filter(backtest=backtest).delete()
    rows = (
        BacktestRow(backtest=backtest, part=part, key=key, **figures._asdict())
        for part, key, figures in found.figures()
    )
    BacktestRow.objects.bulk_create(rows, batch_size=2_000)
    Backtest.objects.filter(pk=backtest.pk).update(
        receipts=found.receipts,
        touched=found.touched,
        points_before=found.points_before,
        points_after=found.points_after,
        result=result,
    )
    actor = Actor.system("backtest")
    move(LIFE, backtest, "finish", actor=actor, at=now, receipts=found.receipts)
    jobs.progress(backtest.job, backtest.days, total=backtest.days, note=f"{found.receipts:,}")
    jobs.finish(backtest.job, at=now, result={"backtest": backtest.pk, "receipts": found.receipts})
