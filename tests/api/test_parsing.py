"""Bodies that two readers would understand in two ways, or that could not be answered."""

import json

import pytest

from points.models import Sale
from tests.api.conftest import Machine
from tests.cast import Town


@pytest.mark.parametrize("half", ["\\ud800", "\\uDC00", "x\\ud83d"])
def test_half_a_character_is_refused_before_anything_is_booked(town: Town, pos: Machine, half: str) -> None:
    good = json.dumps({"key": "key-number-1", "member": town.zhou.number, "bill_fen": 10_000})
    outlet = town.hotpot.outlet.pk
    for spoilt in (f'{{"key": "{half}"}}', f'{{"{half}": 1}}', f'{{"key": ["{half}"]}}'):
        answer = pos.post("sales/batch", f'{{"outlet": {outlet}, "sales": [{good}, {spoilt}]}}')
        assert (answer.status_code, answer.json()["code"]) == (400, "body_unreadable")
    assert not Sale.objects.filter(outlet_id=outlet).exists()


def test_a_whole_character_is_none_of_them(town: Town, pos: Machine) -> None:
    body = {
        "outlet": town.hotpot.outlet.pk,
        "member": town.zhou.number,
        "bill_fen": 10_000,
        "reference": "😀",
    }
    answer = pos.post("sales", json.dumps(body))
    assert (answer.status_code, answer.json()["reference"]) == (201, "😀")


def test_nesting_without_end(town: Town, pos: Machine) -> None:
    for n in (200, 900, 100_000):
        deep = "[" * n + "]" * n
        answer = pos.post("sales", f'{{"outlet": {town.hotpot.outlet.pk}, "member": {deep}, "bill_fen": 1}}')
        assert answer.status_code in (400, 422)
        answer = pos.post("sales/batch", f'{{"outlet": {town.hotpot.outlet.pk}, "sales": [{{"key": {deep}}}]}}')
        assert answer.status_code in (200, 400)
    assert answer.json()["code"] == "body_unreadable"


@pytest.mark.parametrize("name", ["bill_fen", "bill\\u005ffen"])
def test_a_name_given_twice(town: Town, pos: Machine, name: str) -> None:
    body = f'{{"outlet": {town.hotpot.outlet.pk}, "member": "{town.zhou.number}", "bill_fen": 1, "{name}": 2}}'
    answer = pos.post("sales", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "field_twice")
    assert answer.json()["facts"] == {"name": "bill_fen"}
    assert not Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).exists()
