"""A merchant that pays later: the till is told that the points are promised, singly, again, and in a batch."""

from __future__ import annotations

from django.utils import timezone

from points import promises
from tests.api.conftest import Machine
from tests.api.test_sales import body
from tests.cast import SYSTEM, Town
from tests.factories.merchants import api_key
from tests.factories.shops import shop


def postpaid(town: Town) -> None:
    town.hotpot = shop("老灶火锅", trade="hotpot", float_fen=0)
    promises.set_line(float_id=town.hotpot.merchant.float_id or 0, limit_fen=1_000, actor=SYSTEM, at=timezone.now())


def test_a_promised_sale_is_told_as_one(town: Town) -> None:
    postpaid(town)
    pos = Machine(api_key(town.hotpot.merchant))
    sent = body(town)
    told = pos.post("sales", sent, key="one-and-the-same").json()
    assert (told["status"], told["points"], told["promised_points"], told["rebate_fen"]) == ("promised", 0, 500, 0)
    assert told["notice"]["code"] == "points_promised"
    assert "500" in told["notice"]["text"]
    assert (told["matures_on"], told["expires_on"]) == (None, None)
    again = pos.post("sales", sent, key="one-and-the-same").json()
    assert (again["status"], again["promised_points"]) == ("promised", 500)


def test_a_batch_counts_what_was_promised_and_what_was_not(town: Town) -> None:
    postpaid(town)
    pos = Machine(api_key(town.hotpot.merchant))
    items = [{"key": f"sale-{n}-of-four", "member": "13800138001", "bill_fen": 10_000} for n in range(3)]
    assert town.lin
    told = pos.post("sales/batch", {"outlet": town.hotpot.outlet.pk, "sales": items}, key=None).json()
    assert (told["promised"], told["without_points"], told["booked"]) == (1, 2, 0)
    statement = pos.get("statement").json()["items"]
    assert sorted(item["is_promised"] for item in statement) == [False, False, True]
