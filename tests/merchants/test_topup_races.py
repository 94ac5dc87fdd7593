"""Two bank lines of one amount, matched at once: an announcement is taken up by one of them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from alliance import approvals
from alliance.refusals import Refused
from merchants import topups
from merchants.models import TopUp
from points import accounts, funding
from tests.cast import SYSTEM, Town
from tests.merchants.test_verbs import finance, line

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
AMOUNT = 100_000


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


def beside(first: Any, second: Any) -> Any:
    """Run `first` in a transaction that stays open until `second` waits for it (or a second has passed)."""
    answer: list[Any] = []

    def run() -> None:
        try:
            answer.append(second())
        except Refused as refused:
            answer.append(refused)
        finally:
            connections.close_all()

    other = threading.Thread(target=run)
    with transaction.atomic():
        mine = first()
        other.start()
        until = time.monotonic() + 1
        while time.monotonic() < until and other.is_alive() and not is_somebody_waiting():
            time.sleep(0.02)
    other.join(timeout=30)
    return mine, answer[0]


@pytest.mark.parametrize("n_announced", [1, 2])
def test_each_line_has_a_top_up_of_its_own(transactional_db: None, n_announced: int) -> None:
    town, now = Town(), timezone.now()
    merchant, clerk, second = town.hotpot.merchant, finance("first"), finance("second")
    for _each in range(n_announced):
        topups.ask(merchant=merchant, amount_fen=AMOUNT, actor=SYSTEM, at=now)
    lines = [line(merchant, f"S-{n}", AMOUNT) for n in range(2)]

    def match(n: int) -> Any:
        return lambda: topups.match(line=lines[n], merchant=merchant, user=clerk, at=now)

    for approval in beside(match(0), match(1)):
        approvals.approve(approval, user=second, at=now)
    booked = TopUp.objects.filter(merchant=merchant, state=TopUp.State.BOOKED)
    assert sorted(booked.values_list("bank_line_id", flat=True)) == [one.pk for one in lines]
    assert TopUp.objects.filter(asked_by=str(SYSTEM), state=TopUp.State.BOOKED).count() == n_announced
    assert not TopUp.objects.filter(state=TopUp.State.ANNOUNCED).exists()
    assert accounts.balance(merchant.float_id or 0) == 1_000_000 + 2 * AMOUNT


def test_an_announcement_that_is_being_withdrawn_is_not_taken_up(transactional_db: None) -> None:
    town, now = Town(), timezone.now()
    merchant, clerk = town.hotpot.merchant, finance("first")
    announced = topups.ask(merchant=merchant, amount_fen=AMOUNT, actor=SYSTEM, at=now)
    bank_line = line(merchant, "S-1", AMOUNT)
    beside(
        lambda: topups.withdraw(topup=announced, actor=SYSTEM, at=now),
        lambda: topups.match(line=bank_line, merchant=merchant, user=clerk, at=now),
    )
    announced.refresh_from_db()
    assert (announced.state, announced.bank_line) == (TopUp.State.WITHDRAWN, None)
    assert TopUp.objects.get(bank_line=bank_line).state == TopUp.State.MATCHED


def test_a_line_that_the_book_has_allotted_is_taken(transactional_db: None) -> None:
    town, now = Town(), timezone.now()
    merchant, clerk = town.hotpot.merchant, finance("first")
    bank_line = line(merchant, "S-1", AMOUNT)
    funding.allot(bank_line=bank_line, float_id=town.fruit.merchant.float_id or 0, actor=SYSTEM, at=now)
    with pytest.raises(Refused) as refused:
        topups.match(line=bank_line, merchant=merchant, user=clerk, at=now)
    assert refused.value.code == "bank_line_taken"
