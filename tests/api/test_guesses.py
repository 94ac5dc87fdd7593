"""Whoever tries numbers and PINs one after another waits; who shows a code is served."""

from typing import Any

import pytest
from django.utils import timezone

from merchants import guesses
from points import identify
from points.models import Sale
from tests.api.conftest import Machine
from tests.cast import LIN_PIN, Town
from tests.factories.merchants import api_key, token
from tests.merchants.conftest import signed_in, words


def code(answer: Any) -> str:
    return str(answer.json().get("code", ""))


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "LIMIT", 3)


def bill(town: Town, member: str, **more: Any) -> dict[str, Any]:
    return {"outlet": town.hotpot.outlet.pk, "member": member, "bill_fen": 10_000, **more}


def test_more_than_thirty_unknown_numbers_within_ten_minutes(town: Town, pos: Machine) -> None:
    outlet, lin = town.hotpot.outlet.pk, town.lin
    body = bill(town, lin.number)
    booked = pos.post("sales", body, key="key-number-1")
    for n in range(31):
        assert code(pos.post("identify", {"outlet": outlet, "member": f"1390000{n:04}"})) == "member_unknown"
    answer = pos.post("identify", {"outlet": outlet, "member": lin.number})
    assert (answer.status_code, code(answer), answer["Retry-After"]) == (429, "too_many_tries", "600")
    assert code(pos.post("sales", body)) == "too_many_tries"
    (told,) = pos.post("sales/batch", {"outlet": outlet, "sales": [{**_item(lin.number), "key": "key-2-2-2"}]}).json()[
        "results"
    ]
    assert told["problem"]["code"] == "too_many_tries"
    # What was booked keeps its answer, a code is served, and so is another key.
    assert pos.post("sales", body, key="key-number-1").json()["id"] == booked.json()["id"]
    shown = identify.show_code(lin.wallet_id, timezone.now()).digits
    assert pos.post("identify", {"outlet": outlet, "member": shown}).status_code == 200
    other = Machine(api_key(town.hotpot.merchant))
    assert other.post("identify", {"outlet": outlet, "member": lin.number}).status_code == 200


def _item(member: str) -> dict[str, Any]:
    return {"member": member, "bill_fen": 10_000}


@pytest.mark.usefixtures("_few")
def test_a_batch_is_counted_item_by_item(town: Town, pos: Machine) -> None:
    items = [{**_item(f"1390000{n:04}"), "key": f"key-of-{n}"} for n in range(4)]
    assert pos.post("sales/batch", {"outlet": town.hotpot.outlet.pk, "sales": items}).json()["refused"] == 4
    assert code(pos.post("identify", {"outlet": town.hotpot.outlet.pk, "member": town.lin.number})) == "too_many_tries"


@pytest.mark.usefixtures("_few")
def test_wrong_pins_over_many_wallets(town: Town, pos: Machine) -> None:
    lin = token(town.hotpot, town.lin.wallet_id, proof="phone")
    for _try in range(4):
        assert code(pos.post("sales", bill(town, lin, spend_points=100, pin="111222"))) == "pin_wrong"
    assert code(pos.post("sales", bill(town, lin, spend_points=100, pin=LIN_PIN))) == "too_many_tries"
    assert not Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).exists()


@pytest.mark.usefixtures("_few")
def test_the_till_waits_too(town: Town) -> None:
    client = signed_in(town.cashier)
    for n in range(4):
        client.post("/till/quote/", {"member": f"1390000{n:04}"})
    assert "data-stop" in words(client.post("/till/quote/", {"member": town.lin.number}))
    answer = client.post("/till/", {"request_key": "key-number-1", "member": town.lin.number, "amount": "10"})
    # Not 429: the page's script would send it again by itself.
    assert answer.status_code == 409
    assert str(guesses.TOO_MANY_TRIES().text()) in words(answer)
