"""The clock's front of the book. Every task may run twice or on two workers at once: one of them does the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from celery import shared_task
from django.db import connection
from django.utils import timezone

from alliance import jobs
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import Job
from points import (
    backtesting,
    bonuses,
    circulation,
    closing,
    expiring,
    expiry,
    holds,
    keeping,
    opening,
    partitions,
    promises,
    proving,
    pruning,
    refunds,
    rewards,
    rollup,
    rules,
    sealing,
    stripes,
    surplus,
    totals,
    verify,
    winding_up,
)
from points.models import Proof

_LOCKS = {"mature": 11, "expire": 12, "close": 13, "prove": 14, "seal": 15, "forecast": 16, "bills": 17, "holds": 18}
_LOCKS |= {
    "flows": 31,
    "share": 32,
    "openings": 33,
    "wind_up": 34,
    "refunds": 21,
    "prune": 35,
    "verify": 37,
    "keep": 38,
}
CLOSE = "points.close"
PROVE = "points.prove"
SHARE, OPEN, WIND_UP = "points.surplus", "points.opening", "points.winding"


@contextmanager
def _alone(name: str) -> Iterator[bool]:
    """Yield whether this worker may do it; the lock belongs to the connection and ends with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(7261, %s)", [_LOCKS[name]])
        is_mine = cursor.fetchone()[0]
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(7261, %s)", [_LOCKS[name]])


@shared_task
def roll_up() -> int:
    done = rollup.run()
    # Keep the place of the totals close to the mark, so that whoever asks has little to add up.
    totals.now()
    return done


@shared_task
def fold_stripes() -> int:
    """Gather the stripes of floats; those that are still busy have them again at the next wait."""
    return stripes.fold()


@shared_task
def mature() -> int:
    with _alone("mature") as is_mine:
        return expiry.mature(shanghai_day(timezone.now())) if is_mine else 0


@shared_task
def release_holds() -> int:
    with _alone("holds") as is_mine:
        return holds.release_overdue(at=timezone.now()) if is_mine else 0


@shared_task
def expire() -> int:
    with _alone("expire") as is_mine:
        return expiry.expire(shanghai_day(timezone.now())) if is_mine else 0


@shared_task
def close(on: str | None = None) -> int:
    """Close the day that ended at midnight in Shanghai, with all days before it that were left open.

    Again it does what is left. A day far ahead of the book is not closed: the job fails with `clock_ahead`.
    """
    day = date.fromisoformat(on) if on else shanghai_day(timezone.now()) - timedelta(days=1)
    with _alone("close") as is_mine:
        return _close(day) if is_mine else 0


def _close(on: date) -> int:
    # Whoever holds the lock knows that a close which says it is running was killed.
    for dead in Job.objects.running().filter(kind=CLOSE):
        jobs.fail(dead, at=timezone.now(), code="job_stopped")
    if closing.is_closed(on):
        return 0
    actor = Actor.system("close")
    job = jobs.start(CLOSE, params={"on": on.isoformat()}, actor=actor, at=timezone.now())
    state = None
    if closing.is_ahead(on):
        jobs.fail(job, at=timezone.now(), code="clock_ahead", result={"newest": str(closing.newest_day())})
        return 0
    try:
        for state in closing.run(on):
            jobs.progress(job, state.done, total=state.of, note=on.isoformat())
    except Exception as error:
        jobs.fail(job, at=timezone.now(), code="close_failed", result={"error": type(error).__name__})
        raise
    assert state is not None
    result = {"entries": state.entries, "merchants": state.done, "failed": state.failed[:100]}
    if state.failed:
        jobs.fail(job, at=timezone.now(), code="close_incomplete", result=result)
    else:
        jobs.finish(job, at=timezone.now(), result=result)
    return state.entries


@jobs.restartable(CLOSE)
def _close_again(job: Job) -> None:
    close.delay(job.params["on"])


@shared_task
def pay_promises() -> int:
    """Issue what money is there for (top-ups do so at once, this is the rest), then the bonuses of what was paid;
    return how many promises."""
    issued = sum(promises.pay(float_id).issued for float_id in promises.payable())
    bonuses.give()
    return issued


@shared_task
def bills() -> int:
    """Draw the bills of weeks and months that are over, give up what nobody paid; return how many bills were drawn."""
    with _alone("bills") as is_mine:
        if not is_mine:
            return 0
        now = timezone.now()
        drawn = promises.draw(shanghai_day(now))
        promises.drop(shanghai_day(now), actor=Actor.system("bills"), at=now)
        return drawn


@shared_task
def settle_refunds() -> list[int]:
    """Let members and merchants pay what they owe because of refunds, as far as they have it."""
    with _alone("refunds") as is_mine:
        return [*refunds.settle(), rewards.settle()] if is_mine else [0, 0, 0]


@shared_task
def keep_fees() -> int:
    """Keep the fee of months in which too many points of returned purchases were gone; return how many merchants."""
    with _alone("keep") as is_mine:
        if not is_mine:
            return 0
        now, done = timezone.now(), 0
        for month in keeping.months(shanghai_day(now)):
            if floats := keeping.due(month):
                number = month.year * 100 + month.month
                done += _watched(keeping.KEEP, number, len(floats), keeping.run(month, float_ids=floats))
        return done


@shared_task
def prove() -> int:
    """Write the proof of today, once, and let go of old balances; return how many proofs were written."""
    with _alone("prove") as is_mine:
        return _prove() if is_mine else 0


def _prove() -> int:
    now = timezone.now()
    for dead in Job.objects.running().filter(kind=PROVE):
        jobs.fail(dead, at=now, code="job_stopped")
    if Proof.objects.filter(pk=shanghai_day(now)).exists():
        return 0
    job = jobs.start(PROVE, params={"on": shanghai_day(now).isoformat()}, actor=Actor.system("prove"), at=now)
    try:
        proof = proving.prove(at=now)
        proving.prune()
    except Exception as error:
        jobs.fail(job, at=timezone.now(), code="proof_failed", result={"error": type(error).__name__})
        raise
    if proof is None:  # somebody else has just written it
        jobs.finish(job, at=timezone.now())
        return 0
    result = {"on": proof.taken_on.isoformat(), "wallets": proof.wallets, "root": bytes(proof.root).hex()}
    jobs.finish(job, at=timezone.now(), result=result)
    return 1


@jobs.restartable(PROVE)
def _prove_again(job: Job) -> None:
    prove.delay()


@shared_task
def forecast() -> int:
    """Reckon once a day what lapses in the next months; return how many forecasts were made."""
    with _alone("forecast") as is_mine:
        return _forecast() if is_mine else 0


def _forecast() -> int:
    now = timezone.now()
    today = shanghai_day(now)
    known = expiring.newest()
    if known is not None and known.on >= today:
        return 0
    for dead in Job.objects.running().filter(kind=expiring.FORECAST):
        jobs.fail(dead, at=now, code="job_stopped")
    job = jobs.start(expiring.FORECAST, params={"on": today.isoformat()}, actor=Actor.system("forecast"), at=now)
    try:
        found = expiring.reckon(today)
    except Exception as error:
        jobs.fail(job, at=timezone.now(), code="forecast_failed", result={"error": type(error).__name__})
        raise
    jobs.finish(job, at=timezone.now(), result=expiring.document(found))
    return 1


@jobs.restartable(expiring.FORECAST)
def _forecast_again(job: Job) -> None:
    forecast.delay()


@shared_task
def seal() -> int:
    """Seal the days that are over; what a long transaction still holds back is sealed an hour later."""
    with _alone("seal") as is_mine:
        return sealing.seal() if is_mine else 0


@shared_task
def flows() -> int:
    """Bring the running totals of what moved in wallets up to date."""
    with _alone("flows") as is_mine:
        return circulation.catch_up() if is_mine else 0


@shared_task
def share_surplus() -> int:
    """Go on sharing out closings of the surplus; return how many wallets are done."""
    with _alone("share") as is_mine:
        return (
            sum(_watched(SHARE, each.pk, each.members, surplus.share(each)) for each in surplus.waiting())
            if is_mine
            else 0
        )


@shared_task
def book_openings() -> int:
    """Go on booking opening balances; return how many lines are done."""
    with _alone("openings") as is_mine:
        return (
            sum(_watched(OPEN, each.pk, each.lines, opening.book(each)) for each in opening.waiting()) if is_mine else 0
        )


@shared_task
def wind_up() -> int:
    """Give back what was not spent where a closing mode is over; return how many lots."""
    with _alone("wind_up") as is_mine:
        if not is_mine:
            return 0
        now, done = timezone.now(), 0
        for each in winding_up.due(shanghai_day(now)):
            done += _watched(WIND_UP, each.pk, None, winding_up.give_back(each))
            winding_up.finish(each, actor=Actor.system("winding"), at=now)
        return done


def _watched(kind: str, pk: int, total: int | None, steps: Iterator[int]) -> int:
    """Go through work that says how far it is, as a job; what was killed before goes on here."""
    for dead in Job.objects.running().filter(kind=kind):
        jobs.fail(dead, at=timezone.now(), code="job_stopped")
    job = jobs.start(kind, params={"of": pk}, actor=Actor.system("clock"), at=timezone.now(), total=total)
    done = 0
    try:
        for done in steps:
            jobs.progress(job, done)
    except Exception as error:
        jobs.fail(job, at=timezone.now(), code="job_stopped", result={"error": type(error).__name__})
        raise
    jobs.finish(job, at=timezone.now(), result={"done": done})
    return done


@shared_task(time_limit=jobs.LONGEST_SECONDS)
def check_laws() -> int:
    """Verify the whole book, once a night; return how many laws do not hold. Whoever looks at the desks is told."""
    with _alone("verify") as is_mine:
        return _check_laws() if is_mine else 0


def _check_laws() -> int:
    now = timezone.now()
    for dead in Job.objects.running().filter(kind=verify.KIND):
        jobs.fail(dead, at=now, code="job_stopped")
    job = jobs.start(verify.KIND, params={}, actor=Actor.system("verify"), at=now, total=len(verify.names()))
    broken, rows = {}, 0
    try:
        for check in verify.run():
            rows += check.rows
            if check.differences:
                broken[check.name] = check.differences
    except Exception as error:
        jobs.fail(job, at=timezone.now(), code="verify_failed", result={"error": type(error).__name__})
        raise
    result = {"laws": len(verify.names()), "rows": rows, "broken": broken}
    if broken:
        jobs.fail(job, at=timezone.now(), code="law_broken", result=result)
    else:
        jobs.finish(job, at=timezone.now(), result=result)
    return len(broken)


@jobs.restartable(verify.KIND)
def _check_laws_again(job: Job) -> None:
    check_laws.delay()


@shared_task
def partitions_ahead() -> int:
    return partitions.ahead(3)


@shared_task
def prune_awards() -> int:
    """Let go of the sums of bonuses that no limit reads any more."""
    with _alone("prune") as is_mine:
        return pruning.award_sums(shanghai_day(timezone.now())) if is_mine else 0


@shared_task
def turn_rules() -> int:
    """Start and end rule versions whose time has come."""
    return rules.turn(at=timezone.now())


@shared_task
def back_test(pk: int) -> bool:
    return backtesting.run(pk)


@shared_task
def bury_back_tests() -> int:
    """End back-tests whose worker was killed, so that whoever asked is told; return how many."""
    return backtesting.bury(timezone.now())
