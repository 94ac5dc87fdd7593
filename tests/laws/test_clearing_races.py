"""Clearing under parallel hands, and killed in the middle: nothing is lost, nothing is doubled."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import OperationalError

from points import accounts, clearing, closing, funding
from points.models import Account, BankLine, Clearing, Payout, Statement
from tests.laws.test_races import sound, together
from tests.points.shops import TEST, Shop, open_shop
from tests.points.test_clearing import DAY, noon, sent, take

pytestmark = [pytest.mark.race, pytest.mark.law, pytest.mark.django_db(transaction=True)]
NEXT = noon(DAY + timedelta(days=1))
ROOT = Path(__file__).resolve().parents[2]


def took(n: int) -> list[Shop]:
    """Return shops that took 1,000 points each; their day is closed."""
    giver = open_shop(matures_days=0, float_fen=100_000_000)
    shops = [open_shop(matures_days=0) for _n in range(n)]
    for shop in shops:
        take(shop, 1_000, giver=giver)
    closing.close(DAY, NEXT)
    return shops


def in_payout() -> int:
    return sum(Account.objects.filter(kind=Account.Kind.IN_PAYOUT).values_list("balance", flat=True))


def test_two_runs_at_once_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "CHUNK", 2)
    took(6)
    answers = together(4, lambda _n: clearing.clear(DAY, actor=TEST, now=NEXT).statements)
    assert sum(answers) == 6, answers
    assert Payout.objects.count() == Statement.objects.count() == 6
    assert in_payout() == 6 * 990
    sound()


def test_a_dispute_and_a_file_do_not_share_a_payout() -> None:
    shops = took(8)
    clearing.clear(DAY, actor=TEST, now=NEXT)
    clearing.approve(run_no=1, through=10**9)
    payouts = {payout.source_id: payout for payout in Payout.objects.all()}

    def act(n: int) -> Any:
        shop = shops[n // 2]
        payout = payouts[shop.merchant.proceeds_id]
        if n % 2:
            try:
                return clearing.send(run_no=1, payout_ids=[payout.pk])
            except OperationalError:
                return 0
        return len(
            clearing.retain(account_id=payout.source_id, amount_fen=500, actor=TEST, at=NEXT, now=NEXT)[1]
        )  # fmt: skip

    answers = together(16, act)
    for n, shop in enumerate(shops):
        payout = Payout.objects.get(source_id=shop.merchant.proceeds_id)
        # Exactly one of the two had it.
        assert sorted(answers[2 * n : 2 * n + 2]) == [0, 1], answers
        assert payout.state == (Payout.State.STOPPED if answers[2 * n] else Payout.State.SENT)
    sound()


def test_one_file_of_the_bank_in_ten_hands_is_booked_once() -> None:
    took(2)
    clearing.clear(DAY, actor=TEST, now=NEXT)
    payouts = sent()
    opening = -accounts.balance(1)
    lines = [funding.Line(f"P{payout.pk}", -payout.amount_fen, DAY, "", "", payout.pk) for payout in payouts]
    lines.append(funding.Line("C1", 5_000, DAY))

    def book(_n: int) -> Any:
        return funding.book_statement(
            bank="bank", account="1", from_on=DAY, to_on=DAY, opening_fen=opening, digest=hashlib.sha256(b"one").digest(),
            closing_fen=opening + sum(line.amount_fen for line in lines), lines=lines, actor=TEST, at=NEXT, now=NEXT,
        )  # fmt: skip

    answers = together(10, book)
    assert sorted(answer.is_new for answer in answers) == [False] * 9 + [True], answers
    assert BankLine.objects.filter(statement__isnull=False).count() == 3
    assert in_payout() == 0
    sound()


# The run in a process of its own, slow enough to be killed in the middle.
RUN = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "alliance.settings"
import django; django.setup()
from datetime import datetime
from points import clearing
from tests.points.shops import TEST
clearing.CHUNK = 1
now = datetime.fromisoformat(sys.argv[1])
for state in clearing.run(datetime.fromisoformat(sys.argv[2]).date(), actor=TEST, now=now):
    print(state.statements, flush=True)
    time.sleep(0.05)
"""


def test_killed_in_the_middle_it_goes_on(application_url: str) -> None:
    took(8)
    owner = urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path="/" + settings.DATABASES["default"]["NAME"])
    environment = {
        **os.environ,
        "DATABASE_OWNER_URL": owner.geturl(),
        "LIANHUI_DB_ROLE": "owner",
        "PYTHONPATH": str(ROOT),
    }
    for kills in range(3):
        words = [sys.executable, "-c", RUN, NEXT.isoformat(), DAY.isoformat()]
        with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            while (line := running.stdout.readline()) and int(line) < 1 + kills % 2:
                pass
            time.sleep(0.03 * kills)
            running.kill()
        assert 0 < Statement.objects.count() < 8
        assert Clearing.objects.get().finished_at is None
        assert in_payout() == 990 * Payout.objects.count()
    clearing.clear(DAY, actor=TEST, now=NEXT)
    assert Payout.objects.count() == Statement.objects.count() == 8
    assert in_payout() == 8 * 990
    assert Clearing.objects.get().finished_at
    sound()
