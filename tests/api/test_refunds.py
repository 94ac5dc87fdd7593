"""Refunds by machines: by amount, by line, previewed, repeated, refused."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from merchants.models import RefundNote
from points.models import Sale, Wallet
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import api_key, token
from tests.factories.shops import days_ago, sale


def sold(town: Town, pos: Machine, **more: Any) -> int:
    member = token(town.hotpot, town.lin.wallet_id)
    sent = {"outlet": town.hotpot.outlet.pk, "member": member, "bill_fen": 10_000, **more}
    number: int = pos.post("sales", sent).json()["id"]
    return number


def back(town: Town, pos: Machine, number: int, key: str | None = "", **body: Any) -> Any:
    return pos.post(f"sales/{number}/refund", {"outlet": town.hotpot.outlet.pk, **body}, key=key)


def test_it_works(town: Town, pos: Machine) -> None:
    number = sold(town, pos, spend_points=3_000)
    preview = pos.post(
        f"sales/{number}/refund/preview", {"outlet": town.hotpot.outlet.pk, "refund_fen": 4_000}, key=None
    )
    assert preview.status_code == 200
    answer = back(town, pos, number, refund_fen=4_000, reason="defective")
    assert answer.status_code == 201, answer.content
    told = answer.json()
    # 30 % of the bill were points: 1,200 of 4,000; of 7,000 money 4,200 stay: 336 rebate, 210 points.
    assert told["figures"] == preview.json()
    assert {name: told["figures"][name] for name in ("refund_fen", "cash_fen", "cash_back_fen", "keep_back_fen", "claim_fen", "points_returned", "points_taken", "rest_back_fen", "fee_back_fen")} == {
        "refund_fen": 4_000, "cash_fen": 2_800, "cash_back_fen": 2_800, "keep_back_fen": 0, "claim_fen": 0, "points_returned": 1_200, "points_taken": 140, "rest_back_fen": 84, "fee_back_fen": 12,
    }  # fmt: skip
    assert (told["sale"], told["outlet"], told["reason"], told["left_fen"], told["cash_given"]) == (
        number, town.hotpot.outlet.pk, "defective", 6_000, False,
    )  # fmt: skip
    document = Sale.objects.get(pk=told["id"])
    assert (document.kind, document.bill_fen, document.reverses_id) == (Sale.Kind.REFUND, -4_000, number)
    assert RefundNote.objects.get(pk=told["id"]).reason == "defective"


def test_all_that_is_left_and_the_history(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    back(town, pos, number, refund_fen=3_333)
    told = back(town, pos, number).json()
    assert (told["figures"]["refund_fen"], told["left_fen"]) == (6_667, 0)
    listed = pos.get(f"sales/{number}/refunds?outlet={town.hotpot.outlet.pk}").json()
    assert (listed["bill_fen"], listed["left_fen"], listed["is_void"], listed["lines"]) == (10_000, 0, False, [])
    assert [one["left_fen"] for one in listed["refunds"]] == [6_667, 0]
    assert Wallet.objects.get(pk=town.lin.wallet_id).available == 50_000
    again = back(town, pos, number)
    assert (again.status_code, again.json()["code"], again.json()["facts"]) == (422, "refund_too_much", {"left_fen": 0})


def test_the_same_key_refunds_once_and_answers_twice(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    first = back(town, pos, number, key="same-key-1", refund_fen=6_000)
    back(town, pos, number, refund_fen=4_000)
    second = back(town, pos, number, key="same-key-1", refund_fen=6_000)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    other = back(town, pos, number, key="same-key-1", refund_fen=5_000)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert RefundNote.objects.filter(sale_id=number).count() == 2


def test_a_refusal_of_the_book_is_kept_with_its_key(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    for _once in range(2):
        answer = back(town, pos, number, key="too-much-1", refund_fen=10_001)
        assert (answer.status_code, answer.json()["code"]) == (422, "refund_too_much")
    assert not RefundNote.objects.exists()


def test_refusals(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    for body, code in (
        ({"refund_fen": 0}, "input_invalid"),
        ({"refund_fen": "100"}, "input_invalid"),
        ({"reason": "because"}, "input_invalid"),
        ({"refund_fen": 1, "lines": [{"line": 1}]}, "input_invalid"),
        ({"lines": [{"line": 1}]}, "refund_lines_unknown"),
        ({"amount": 1}, "input_invalid"),
    ):
        answer = back(town, pos, number, **body)
        assert answer.json()["code"] == code, body
    assert pos.post(f"sales/{number}/void", {"outlet": town.hotpot.outlet.pk}).status_code == 201
    answer = back(town, pos, number)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_void")
    old = sale(town.hotpot, town.zhou.wallet_id, 5_000, now=days_ago(61))
    answer = back(town, pos, old.sale_id)
    assert (answer.status_code, answer.json()["code"], answer.json()["facts"]) == (409, "refund_too_late", {"days": 60})


def test_a_strangers_sale_is_not_found(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    other, place = Machine(api_key(town.fruit.merchant)), town.fruit.outlet.pk
    for path in (f"sales/{number}/refund", f"sales/{number}/refund/preview"):
        answer = other.post(path, {"outlet": place})
        assert (answer.status_code, answer.json()["code"]) == (404, "sale_unknown")
    assert other.get(f"sales/{number}/refunds?outlet={place}").json()["code"] == "sale_unknown"
    for strange in (0, 1, 2**63 - 1, 2**70):
        assert back(town, pos, strange).status_code == 404


def test_it_needs_key_and_scope(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    assert back(town, pos, number, key=None).json()["code"] == "idempotency_key_missing"
    weak = Machine(api_key(town.hotpot.merchant, scopes=["sales:write", "sales:void"]))
    assert back(town, weak, number).json()["code"] == "api_scope_missing"


def test_a_refunded_sale_cannot_be_void(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    back(town, pos, number, refund_fen=1)
    answer = pos.post(f"sales/{number}/void", {"outlet": town.hotpot.outlet.pk})
    assert (answer.status_code, answer.json()["code"]) == (409, "sale_refunded")


def test_points_that_are_gone_are_kept_back_or_owed(town: Town) -> None:
    zhou, place = town.zhou.wallet_id, town.fruit.outlet.pk
    first = sale(town.fruit, zhou, 100_000, now=days_ago(3)).sale_id
    second = sale(town.fruit, zhou, 10_000, now=days_ago(2)).sale_id
    sale(town.market, zhou, 5_400, spend=5_400, eligible_fen=0, now=days_ago(1))
    fruit = Machine(api_key(town.fruit.merchant))
    told = fruit.post(f"sales/{second}/refund", {"outlet": place}).json()["figures"]
    assert (told["points_taken"], told["points_short"], told["keep_back_fen"]) == (100, 400, 400)
    assert (told["cash_fen"], told["cash_back_fen"], told["claim_fen"]) == (10_000, 9_600, 0)
    given = fruit.post(f"sales/{first}/refund", {"outlet": place, "refund_fen": 50_000, "cash_given": True}).json()
    assert {name: given["figures"][name] for name in ("cash_back_fen", "keep_back_fen", "claim_fen")} == {
        "cash_back_fen": 50_000, "keep_back_fen": 0, "claim_fen": 2_500,
    }  # fmt: skip


def test_the_statement_names_it(town: Town, pos: Machine) -> None:
    number = sold(town, pos)
    told = back(town, pos, number, refund_fen=2_500).json()
    row = pos.get("statement").json()["items"][0]
    assert (row["id"], row["kind"], row["bill_fen"], row["reverses"]) == (told["id"], "refund", -2_500, number)


@pytest.mark.django_db(transaction=True)
def test_two_tills_refund_the_same_sale_at_once() -> None:
    town = Town()
    secret = api_key(town.hotpot.merchant)
    number = sale(town.hotpot, town.lin.wallet_id, 10_000, at=timezone.now() - timedelta(hours=1)).sale_id
    answers: list[Any] = []
    start = threading.Barrier(6)

    def press() -> None:
        start.wait()
        try:
            answers.append(back(town, Machine(secret), number, key=f"press-{threading.get_ident()}"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422, 422, 422]
    assert RefundNote.objects.filter(sale_id=number).count() == 1
