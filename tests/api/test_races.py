"""Real threads on committed rows: the same points, the same key, at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from points import identify
from points.models import Sale, Transfer, Wallet
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import api_key, token
from tests.factories.shops import sale

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def at_once(n: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act` in n threads that begin together, each with a connection of its own."""
    start, answers = threading.Barrier(n), [None] * n

    def run(number: int) -> None:
        start.wait()
        try:
            answers[number] = act(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return answers


@pytest.fixture
def open_town(transactional_db: None) -> Town:
    cache.clear()
    return Town()


def code_of(answer: Any) -> Any:
    return 201 if answer.status_code == 201 else answer.json()["code"]


def test_fifty_attempts_to_spend_the_same_points(open_town: Town) -> None:
    town = open_town
    wallet_id = town.zhou.wallet_id
    # 5,000 points, and every attempt wants 3,000 of them with a proof and a key of its own.
    sale(town.fruit, wallet_id, 100_000)
    secret = api_key(town.hotpot.merchant)
    outlet = town.hotpot.outlet.pk

    def spend(_number: int) -> Any:
        body = {"outlet": outlet, "member": token(town.hotpot, wallet_id), "bill_fen": 6_000, "spend_points": 3_000}
        return Machine(secret).post("spends", body)

    answers = Counter(code_of(answer) for answer in at_once(50, spend))
    assert answers == {201: 1, "points_short": 49}
    wallet = Wallet.objects.get(pk=wallet_id)
    assert wallet.available == 2_000
    assert Transfer.objects.filter(wallet_id=wallet_id, kind=Transfer.Kind.SPEND).count() == 1


def test_one_proof_in_fifty_hands(open_town: Town) -> None:
    town = open_town
    wallet_id = town.lin.wallet_id
    secret, proof, outlet = api_key(town.hotpot.merchant), token(town.hotpot, wallet_id), town.hotpot.outlet.pk

    def spend(_number: int) -> Any:
        body = {"outlet": outlet, "member": proof, "bill_fen": 1_000, "spend_points": 100}
        return Machine(secret).post("spends", body)

    answers = Counter(code_of(answer) for answer in at_once(20, spend))
    assert answers == {201: 1, "member_token_spent": 19}


@pytest.mark.parametrize("spend_points", [0, 1_000])
@pytest.mark.parametrize("way", ["token", "code"])
def test_twins_get_the_same_answer(open_town: Town, way: str, spend_points: int) -> None:
    town = open_town
    wallet_id = town.lin.wallet_id
    given = token(town.hotpot, wallet_id)
    if way == "code":
        given = identify.show_code(wallet_id, timezone.now()).digits
    secret, outlet = api_key(town.hotpot.merchant), town.hotpot.outlet.pk
    body = {"outlet": outlet, "member": given, "bill_fen": 10_000, "spend_points": spend_points}

    answers = at_once(4, lambda _number: Machine(secret).post("sales", body, key="the-same-key"))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer for answer in answers) == 3
    assert Sale.objects.filter(outlet_id=outlet).count() == 1


def test_twins_with_another_wallet_book_one(open_town: Town) -> None:
    town = open_town
    secret, outlet = api_key(town.hotpot.merchant), town.hotpot.outlet.pk
    wallets = [town.lin.wallet_id, town.zhou.wallet_id]

    def earn(number: int) -> Any:
        body = {"outlet": outlet, "member": token(town.hotpot, wallets[number % 2]), "bill_fen": 10_000}
        return Machine(secret).post("sales", body, key="the-same-key")

    answers = Counter(code_of(answer) for answer in at_once(6, earn))
    assert answers == {201: 1, "key_reused": 5}
    assert Sale.objects.filter(outlet_id=outlet).count() == 1


def test_twenty_voids_undo_once(open_town: Town) -> None:
    town = open_town
    booked = sale(town.hotpot, town.lin.wallet_id, 7_000, spend=3_000)
    secret, outlet = api_key(town.hotpot.merchant), town.hotpot.outlet.pk

    answers = at_once(20, lambda _number: Machine(secret).post(f"sales/{booked.sale_id}/void", {"outlet": outlet}))
    assert Counter(code_of(answer) for answer in answers) == {201: 1, "already_void": 19}
    assert Wallet.objects.get(pk=town.lin.wallet_id).available == 50_000


def test_a_float_pays_what_it_can_and_no_more(open_town: Town) -> None:
    from points import accounts
    from tests.factories.shops import shop

    town = open_town
    # Room for three rebates of 800.
    poor = shop("穷店", float_fen=2_500)
    wallets = [town.lin.wallet_id, town.zhou.wallet_id]
    secret = api_key(poor.merchant)

    def earn(number: int) -> Any:
        body = {"outlet": poor.outlet.pk, "member": token(poor, wallets[number % 2]), "bill_fen": 10_000}
        return Machine(secret).post("sales", body).json()["status"]

    assert Counter(at_once(12, earn)) == {"booked": 3, "without_points": 9}
    assert accounts.balance(poor.merchant.float_id or 0) == 100
