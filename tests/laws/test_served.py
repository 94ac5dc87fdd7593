"""The laws through the front door: a real gunicorn, fifty callers at the same moment, a worker killed in the middle."""

from __future__ import annotations

import http.client
import itertools
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from points import rollup, verify
from points.bills import CALLERS
from points.calc.digests import digest
from points.models import Key, Sale, Transfer, Wallet
from tests.cast import Town
from tests.factories.merchants import api_key, till_caller, token
from tests.factories.shops import sale
from tests.served import Answer, Line, Server, at_once, gunicorn

pytestmark = [pytest.mark.race, pytest.mark.law, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def town(transactional_db: None) -> Town:
    return Town()


@pytest.fixture
def server(transactional_db: None, application_url: str, tmp_path: Path) -> Iterator[Server]:
    with gunicorn(tmp_path, application_url) as running:
        yield running


def machines(server: Server, town: Town, n: int) -> list[Line]:
    secret = api_key(town.hotpot.merchant)
    return [Line(server, {"Authorization": f"Bearer {secret}"}) for _ in range(n)]


def code_of(answer: Answer) -> Any:
    return answer.status if answer.status == 201 else (answer.status, answer.json["code"])


def spent_once(wallet_id: int, pending: int = 0) -> None:
    """Of 5,000 points 3,000 were spent by one bill, and every law holds."""
    wallet = Wallet.objects.get(pk=wallet_id)
    assert (wallet.available, wallet.pending) == (2_000, pending)
    assert Transfer.objects.filter(wallet_id=wallet_id, kind=Transfer.Kind.SPEND).count() == 1
    sound()


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def roles_of_others() -> set[str]:
    """Return as whom others are connected to this database: the application's role, or these tests show nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT usename FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND usename IS NOT NULL"  # the server's own processes have none
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.fixture
def zhou(town: Town) -> int:
    """小周's wallet, with 5,000 points that can be spent at once."""
    sale(town.fruit, town.zhou.wallet_id, 100_000)
    return town.zhou.wallet_id


def test_of_fifty_machines_that_spend_the_same_points_one_wins(server: Server, town: Town, zhou: int) -> None:
    outlet = town.hotpot.outlet.pk
    bills = [
        {"outlet": outlet, "member": token(town.hotpot, zhou), "bill_fen": 6_000, "spend_points": 3_000}
        for _ in range(50)
    ]
    answers = at_once(
        machines(server, town, 50),
        lambda n, line: line.post("/api/v1/spends", bills[n], **{"Idempotency-Key": f"attempt-{n}"}),
    )
    assert Counter(map(code_of, answers)) == {201: 1, (409, "points_short"): 49}
    assert Sale.objects.filter(outlet_id=outlet).count() == 1
    assert roles_of_others() == {"lianhui"}
    spent_once(zhou)


def test_fifty_times_the_same_request_are_one_booking_and_fifty_equal_answers(
    server: Server, town: Town, zhou: int
) -> None:
    outlet = town.hotpot.outlet.pk
    bill = {"outlet": outlet, "member": token(town.hotpot, zhou), "bill_fen": 6_000, "spend_points": 3_000}
    answers = at_once(
        machines(server, town, 50),
        lambda _n, line: line.post("/api/v1/spends", bill, **{"Idempotency-Key": "the-same"}),
    )
    assert Counter(map(code_of, answers)) == {201: 50}
    assert len({answer.body for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 49
    assert answers[0].json["id"] == Sale.objects.get(outlet_id=outlet).pk
    spent_once(zhou)


def test_of_fifty_tills_that_spend_the_same_points_one_wins(server: Server, town: Town, zhou: int) -> None:
    """One cashier, signed in, with fifty pages open: each has its own form, and its own proof of the member."""
    desk = Client()
    desk.force_login(town.cashier)
    cookies = {settings.SESSION_COOKIE_NAME: desk.cookies[settings.SESSION_COOKIE_NAME].value, "language": "en"}
    browser = Line(server, {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())})
    page = browser.get("/till/")
    assert page.status == 200
    cookies["csrftoken"] = page.cookies["csrftoken"]
    browser.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    browser.close()
    facts = {
        "csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1],
        "member": "123456", "member_was": "123456", "amount": "60.00", "spend_points": "3000",
    }  # fmt: skip
    forms = [{**facts, "request_key": f"form-{n}", "member_token": token(town.hotpot, zhou)} for n in range(50)]
    lines = [Line(server, browser.headers) for _ in range(50)]
    answers = at_once(lines, lambda n, line: line.send_form("/till/", forms[n]))
    assert Counter(answer.status for answer in answers) == {302: 1, 409: 49}
    booked = Sale.objects.get(outlet_id=town.hotpot.outlet.pk)
    assert next(answer for answer in answers if answer.status == 302).headers["location"] == f"/till/sales/{booked.pk}/"
    refused = [answer.text for answer in answers if answer.status == 409]
    assert all("There are only 2000 points to spend" in text for text in refused)
    assert Key.objects.filter(caller_kind=till_caller(town.hotpot).number, sale_id=booked.pk).count() == 1
    spent_once(zhou, pending=150)  # for the ¥30 that were paid in money


@pytest.mark.slow
def test_what_was_acknowledged_is_booked_when_workers_are_killed(server: Server, town: Town) -> None:
    """Eight machines sell and spend; each repeats a request, under its key, until it is answered."""
    outlet = town.hotpot.outlet.pk
    wallets = [town.lin.wallet_id, town.zhou.wallet_id]
    is_over = threading.Event()
    # By machine: key → what was answered.
    told: list[dict[str, int]] = [{} for _ in range(8)]
    killed: list[int] = []
    broken = itertools.count()

    def work(number: int, line: Line) -> None:
        for n in itertools.count():
            if is_over.is_set():
                return
            key, wallet = f"machine-{number}-{n}", wallets[(number + n) % 2]
            bill = {"outlet": outlet, "member": token(town.hotpot, wallet), "bill_fen": 1_000}
            if n % 3 == 0 and wallet == wallets[0]:
                bill["spend_points"] = 20
            told[number][key] = persist(line, bill, key)

    def persist(line: Line, bill: dict[str, Any], key: str) -> int:
        while True:
            try:
                answer = line.post("/api/v1/sales", bill, **{"Idempotency-Key": key})
            except (OSError, http.client.HTTPException):
                next(broken)
                line.close()
                time.sleep(0.02)
                continue
            assert answer.status == 201, answer.text
            return int(answer.json["id"])

    def wait_for(answers: int) -> None:
        deadline = time.monotonic() + 60
        while sum(map(len, told)) < answers and time.monotonic() < deadline:
            time.sleep(0.01)

    def kill() -> None:
        for n in range(1, 6):
            wait_for(60 * n)
            killed.append(server.workers()[0])
            os.kill(killed[-1], signal.SIGKILL)
        wait_for(360)
        is_over.set()

    killer = threading.Thread(target=kill)
    killer.start()
    at_once(machines(server, town, 8), work)
    killer.join()

    answered = {key: sale_id for mine in told for key, sale_id in mine.items()}
    assert len(set(killed)) == 5
    assert len(answered) >= 360
    # Some requests were torn apart, or this test shows nothing.
    torn = next(broken)
    assert torn > 0
    print(f"{len(answered):,} requests answered, {torn} torn apart by 5 kills")
    known = {
        row.key.hex: row.sale_id
        for row in Key.objects.filter(caller_kind=CALLERS["merchant"], caller_id=town.hotpot.merchant.pk)
    }
    assert {digest(key): sale_id for key, sale_id in answered.items()} == known
    assert Sale.objects.filter(outlet_id=outlet).count() == len(set(answered.values())) == len(answered)
    sound()
