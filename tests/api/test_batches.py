from typing import Any

import pytest
from django.utils import timezone

from points import identify
from points.models import Sale
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.members import member, phone
from tests.factories.merchants import token


def batch(town: Town, *items: dict[str, Any]) -> dict[str, Any]:
    return {"outlet": town.hotpot.outlet.pk, "sales": list(items)}


def item(key: str, given: str, bill_fen: Any = 10_000, **more: Any) -> dict[str, Any]:
    return {"key": key, "member": given, "bill_fen": bill_fen, **more}


def test_it_works(town: Town, pos: Machine) -> None:
    town.lin
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    answer = pos.post(
        "sales/batch",
        batch(
            town,
            item("key-number-1", "13800138001", 10_000, reference="A"),
            item("key-number-2", token(town.hotpot, town.zhou.wallet_id), 20_000),
            item("key-number-3", "13999999999"),
            item("key-number-4", code, 30_000),
            item("key-number-5", "13800138001", "😀"),
            item("short", "13800138001"),
        ),
    )
    assert answer.status_code == 200
    told = answer.json()
    assert (told["booked"], told["without_points"], told["refused"]) == (3, 0, 3)
    assert [
        (r["key"], r["status"], (r["sale"] or {}).get("points"), (r["problem"] or {}).get("code"))
        for r in told["results"]
    ] == [
        ("key-number-1", "booked", 500, None),
        ("key-number-2", "booked", 1_000, None),
        ("key-number-3", "refused", None, "member_unknown"),
        ("key-number-4", "booked", 1_500, None),
        ("key-number-5", "refused", None, "input_invalid"),
        ("short", "refused", None, "input_invalid"),
    ]
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 3


def test_again_books_nothing_and_answers_the_same(town: Town, pos: Machine) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    sent = batch(
        town, item("key-number-1", "13800138001"), item("key-number-2", code), item("key-number-3", "13999999999")
    )
    first = pos.post("sales/batch", sent).json()
    second = pos.post("sales/batch", sent).json()
    assert [r["sale"] for r in first["results"]] == [r["sale"] for r in second["results"]]
    assert [r["is_replay"] for r in second["results"]] == [True, True, False]
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 2


def test_a_single_sale_and_a_batch_share_their_keys(town: Town, pos: Machine) -> None:
    given = token(town.hotpot, town.zhou.wallet_id)
    single = pos.post(
        "sales", {"outlet": town.hotpot.outlet.pk, "member": given, "bill_fen": 10_000}, key="key-number-1"
    )
    told = pos.post("sales/batch", batch(town, item("key-number-1", given), item("key-number-2", given))).json()
    assert told["results"][0]["sale"]["id"] == single.json()["id"]
    changed = pos.post("sales/batch", batch(town, item("key-number-1", given, 5))).json()
    assert changed["results"][0]["problem"]["code"] == "key_reused"


def test_the_float_runs_out_in_the_middle(town: Town, pos: Machine) -> None:
    # 10,000.00 of float: 12 sales of 1,000.00 cost 80.00 each … 125 of them fit exactly.
    given = token(town.hotpot, town.zhou.wallet_id)
    sent = batch(town, *(item(f"key-number-{n}", given, 4_000_000) for n in range(5)))
    told = pos.post("sales/batch", sent).json()
    # 40,000.00 × 8% = 3,200.00: three fit into 10,000.00.
    assert [r["status"] for r in told["results"]] == ["booked"] * 3 + ["without_points"] * 2


def test_many_members_in_one_call(town: Town, pos: Machine) -> None:
    numbers = [phone() for _ in range(60)]
    for number in numbers:
        member(phone_number=number)
    sent = batch(town, *(item(f"key-number-{n}", number, 1_000 + n) for n, number in enumerate(numbers)))
    told = pos.post("sales/batch", sent).json()
    assert told["booked"] == 60
    assert [r["sale"]["bill_fen"] for r in told["results"]] == [1_000 + n for n in range(60)]


@pytest.mark.parametrize("n", [0, 501])
def test_too_few_or_too_many(town: Town, pos: Machine, n: int) -> None:
    answer = pos.post("sales/batch", batch(town, *(item(f"key-number-{i}", "13800138001") for i in range(n))))
    assert (answer.status_code, answer.json()["code"]) == (422, "input_invalid")


def test_one_key_twice_is_refused_as_a_whole(town: Town, pos: Machine) -> None:
    town.lin
    sent = batch(town, item("key-number-1", "13800138001"), item("key-number-1", "13800138001"))
    assert pos.post("sales/batch", sent).json()["code"] == "key_twice_in_batch"
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 0


def test_spending_needs_the_members_code(town: Town, pos: Machine) -> None:
    sent = batch(town, item("key-number-1", token(town.hotpot, town.lin.wallet_id), spend_points=100))
    told = pos.post("sales/batch", sent).json()
    assert told["results"][0]["status"] == "refused"
    assert told["results"][0]["problem"]["code"] == "offline_spend_needs_code"
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 0


def test_an_outlet_of_another_is_not_found(town: Town, pos: Machine) -> None:
    sent = {"outlet": town.fruit.outlet.pk, "sales": [item("key-number-1", "13800138001")]}
    assert pos.post("sales/batch", sent).status_code == 404
