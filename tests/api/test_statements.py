from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alliance.calc.worktime import shanghai_day
from tests.api.conftest import Machine
from tests.cast import Town
from tests.factories.merchants import api_key
from tests.factories.shops import days_ago, sale, void


def test_it_works(town: Town, pos: Machine) -> None:
    booked = sale(town.hotpot, town.lin.wallet_id, 7_000, spend=3_000)
    void(town.hotpot, booked.sale_id or 0)
    told = pos.get("statement").json()
    assert told["next"] is None
    assert [
        (row["kind"], row["bill_fen"], row["points"], row["spent_points"], row["cost_fen"]) for row in told["items"]
    ] == [
        ("void", -10_000, -350, -3_000, -560),
        ("sale", 10_000, 350, 3_000, 560),
    ]
    assert told["items"][0]["reverses"] == booked.sale_id


def test_pages_follow_each_other(town: Town, pos: Machine) -> None:
    numbers = [sale(town.hotpot, town.lin.wallet_id, 1_000 + n).sale_id for n in range(7)]
    seen, cursor = [], ""
    while True:
        told = pos.get(f"statement?limit=3&cursor={cursor}").json()
        seen += [row["id"] for row in told["items"]]
        cursor = told["next"]
        # What is booked meanwhile shifts nothing.
        sale(town.hotpot, town.lin.wallet_id, 9_999)
        if cursor is None:
            break
    assert seen == numbers[::-1]


def test_days_and_outlets(town: Town, pos: Machine) -> None:
    old = sale(town.hotpot, town.zhou.wallet_id, 1_000, at=days_ago(3), now=days_ago(3))
    new = sale(town.hotpot, town.zhou.wallet_id, 2_000)
    sale(town.fruit, town.zhou.wallet_id, 3_000)
    day = shanghai_day(days_ago(3)).isoformat()
    assert [row["id"] for row in pos.get(f"statement?from={day}&to={day}").json()["items"]] == [old.sale_id]
    assert [row["id"] for row in pos.get("statement").json()["items"]] == [new.sale_id, old.sale_id]
    assert pos.get(f"statement?outlet={town.fruit.outlet.pk}").status_code == 404


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "limit_invalid"),
        ("limit=201", "limit_invalid"),
        ("limit=😀", "limit_invalid"),
        ("cursor=x", "cursor_invalid"),
        ("from=2026-13-01", "day_invalid"),
        ("from=2026-11-02&to=2026-11-01", "day_invalid"),
        ("outlet=0", "number_invalid"),
    ],
)
def test_questions_that_are_none(pos: Machine, query: str, code: str) -> None:
    answer = pos.get(f"statement?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_as_many_queries_for_2_rows_as_for_20(town: Town, pos: Machine) -> None:
    def queries(n: int) -> int:
        for _ in range(n):
            sale(town.hotpot, town.zhou.wallet_id, 1_000)
        with CaptureQueriesContext(connection) as captured:
            answer: Any = pos.get("statement")
        assert answer.status_code == 200
        return len(captured)

    queries(1)
    few = queries(1)
    assert queries(18) == few <= 8


def test_it_needs_its_scope(town: Town) -> None:
    weak = Machine(api_key(town.hotpot.merchant, scopes=["sales:write"]))
    assert weak.get("statement").json()["code"] == "api_scope_missing"
