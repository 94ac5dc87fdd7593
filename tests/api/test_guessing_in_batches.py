"""A batch is no way around the limit of guesses: it is held back in its middle; codes have a limit of their own."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from merchants import guesses
from merchants.models import ApiKey
from points import identify
from points.models import Sale
from tests.api.conftest import Machine
from tests.cast import LIN_PHONE, Town
from tests.factories.merchants import api_key, token


def sent(town: Town, *members: str, name: str = "guess") -> dict[str, Any]:
    items = [{"key": f"{name}-{n:04}", "member": member, "bill_fen": 10_000} for n, member in enumerate(members)]
    return {"outlet": town.hotpot.outlet.pk, "sales": items}


def said(answer: Any) -> list[str]:
    return [row["problem"]["code"] if row["problem"] else row["status"] for row in answer.json()["results"]]


def unknown(n: int) -> list[str]:
    return [f"1390000{number:04}" for number in range(n)]


def shown(town: Town) -> str:
    return identify.show_code(town.lin.wallet_id, timezone.now()).digits


def wrong_codes(town: Town, n: int) -> list[str]:
    """Return codes with the right number of 林婶's pass and wrong digits behind it."""
    right = shown(town)
    return [f"{right[:10]}{(int(right[10:]) + 1 + step) % 10**8:08}" for step in range(n)]


def test_of_five_hundred_guesses_thirty_one_are_answered(town: Town, pos: Machine) -> None:
    given = [*unknown(40), LIN_PHONE, town.lin.number, *unknown(40)[20:]]
    told = said(pos.post("sales/batch", sent(town, *given)))
    assert told == ["member_unknown"] * 31 + ["too_many_tries"] * (len(given) - 31)
    assert not Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).exists()


def test_a_number_that_is_known_shows_nothing_once_it_is_held_back(
    town: Town, pos: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "LIMIT", 3)
    given = [town.lin.number, *unknown(4), LIN_PHONE, token(town.hotpot, town.lin.wallet_id), shown(town), "123"]
    answer = pos.post("sales/batch", sent(town, *given))
    assert said(answer) == ["booked", *["member_unknown"] * 4, "too_many_tries", "booked", "booked", "member_unclear"]
    held = answer.json()["results"][5]["problem"]
    assert (held["status"], held["facts"]) == (429, {"seconds": 600})
    # What was booked is answered again, whoever is held back.
    assert said(pos.post("sales/batch", sent(town, *given)))[0] == "booked"


def test_one_wrong_number_in_many_sales_is_one_guess(town: Town, pos: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "LIMIT", 3)
    told = said(pos.post("sales/batch", sent(town, *["13900000001"] * 20, town.lin.number)))
    assert told == ["member_unknown"] * 20 + ["booked"]


def test_batches_side_by_side_share_the_count(town: Town, pos: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reads the count when it begins; what the others add meanwhile counts with its own next wrong number."""
    monkeypatch.setattr(guesses, "LIMIT", 3)
    ask = identify.many

    def meanwhile(*facts: Any) -> Any:
        cache.set(f"guesses:numbers:key:{ApiKey.objects.get().pk}", 3, timeout=600)
        return ask(*facts)

    pos.post("identify", {"outlet": town.hotpot.outlet.pk, "member": "13900009999"})
    monkeypatch.setattr(identify, "many", meanwhile)
    assert said(pos.post("sales/batch", sent(town, *unknown(3)))) == ["member_unknown", *["too_many_tries"] * 2]


def test_codes_cannot_be_guessed_either(town: Town, pos: Machine) -> None:
    """The number of a pass stands in every code that a till has seen: a code is then one of 100 million, for a minute."""
    given = [*wrong_codes(town, 40), shown(town), token(town.hotpot, town.lin.wallet_id), town.lin.number]
    told = said(pos.post("sales/batch", sent(town, *given)))
    assert told == ["code_unknown"] * 31 + ["too_many_codes"] * 10 + ["booked", "booked"]
    body = {"outlet": town.hotpot.outlet.pk, "member": shown(town)}
    answer = pos.post("identify", body)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "too_many_codes", "600")
    other = Machine(api_key(town.hotpot.merchant))
    assert other.post("identify", body).status_code == 200


def test_a_code_that_is_over_is_no_guess(town: Town, pos: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "LIMIT", 3)
    old = identify.show_code(town.lin.wallet_id, timezone.now() - timezone.timedelta(minutes=5)).digits
    for _again in range(5):
        answer = pos.post("identify", {"outlet": town.hotpot.outlet.pk, "member": old})
        assert answer.json()["code"] == "code_expired"
    assert pos.post("identify", {"outlet": town.hotpot.outlet.pk, "member": shown(town)}).status_code == 200


def test_one_key_after_another_meets_a_limit_for_all(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "LIMIT_OF_KEYS", 5)
    told = [
        said(Machine(api_key(town.hotpot.merchant)).post("sales/batch", sent(town, *unknown(12)[4 * n :][:4])))
        for n in range(3)
    ]
    assert told == [["member_unknown"] * 4, ["member_unknown"] * 2 + ["too_many_tries"] * 2, ["too_many_tries"] * 4]
