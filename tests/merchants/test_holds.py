"""Points set aside at the till, as pages: without a script, pressed twice, out of time, somebody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from points import holds as book
from points import identify
from points.models import Hold, Sale, Wallet
from tests.cast import LIN_PIN, Town
from tests.factories.merchants import worker
from tests.merchants.conftest import signed_in, words

HOLDS = "/till/holds/"


def place(client: Client, town: Town, key: str = "hold-key-1", **more: Any) -> Any:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    fields = {"member": code, "amount": "100.00", "spend_points": "3000", "minutes": "60", "request_key": key, **more}
    return client.post(HOLDS, fields)


def held(town: Town) -> int:
    return Wallet.objects.get(pk=town.lin.wallet_id).held


def test_it_works(town: Town, at_till: Client) -> None:
    assert "data-till" in words(at_till.get(HOLDS))
    answer = place(at_till, town)
    hold = Hold.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/till/holds/{hold.pk}/")
    assert (hold.points, hold.bill_fen, hold.ends_at - hold.placed_at) == (3_000, 10_000, timedelta(hours=1))
    assert held(town) == 3_000
    page = words(at_till.get(answer["Location"]))
    assert "3,000" in page
    assert "data-until" in page
    assert f"H{hold.pk}" in words(at_till.get(HOLDS))
    done = at_till.post(answer["Location"], {"amount": "80", "points": "2000", "request_key": "final-1"})
    sale = Sale.objects.get(outlet_id=town.hotpot.outlet.pk)
    assert done["Location"] == f"/till/sales/{sale.pk}/"
    assert (sale.bill_fen, sale.spent_points, sale.points, sale.actor) == (8_000, 2_000, 300, f"user:{town.cashier.pk}")
    assert held(town) == 0
    assert f"/till/sales/{sale.pk}/" in words(at_till.get(answer["Location"]))


def test_pressing_twice_holds_takes_and_gives_back_once(town: Town, at_till: Client) -> None:
    first = place(at_till, town)
    fields = {"member": town.lin.number, "pin": LIN_PIN, "amount": "50", "spend_points": "100", "minutes": "30"}
    fields["request_key"] = "hold-key-2"
    twice = [at_till.post(HOLDS, fields)["Location"] for _ in range(2)]
    assert twice[0] == twice[1] != first["Location"]
    final = {"amount": "80", "points": "3000", "request_key": "final-1"}
    assert [at_till.post(first["Location"], final).status_code for _ in range(2)] == [302, 302]
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 1
    back = [at_till.post(f"{twice[0]}release/", {"request_key": "r"})["Location"] for _ in range(2)]
    assert back[0] == HOLDS
    assert held(town) == 0


def test_the_final_bill_says_what_is_wrong_beside_the_field(town: Town, at_till: Client) -> None:
    where = place(at_till, town)["Location"]
    for fields, status in (
        ({"amount": "80", "points": "3001"}, 409),
        ({"amount": "80", "points": "x"}, 422),
        ({"amount": "-1", "points": "3000"}, 422),
        ({"amount": "1.00", "points": "100"}, 422),
    ):
        answer = at_till.post(where, {**fields, "request_key": f"final-{fields}"})
        assert answer.status_code == status
        assert 'aria-invalid="true"' in words(answer)
    assert held(town) == 3_000


def test_more_than_the_pin_limit_asks_for_the_pin(town: Town, at_till: Client) -> None:
    answer = place(at_till, town, amount="1000.00", spend_points="20001")
    assert answer.status_code == 409
    assert "data-till-pin-always" in words(answer)
    assert held(town) == 0


def test_after_its_time_it_is_the_members_again(town: Town, at_till: Client) -> None:
    where = place(at_till, town)["Location"]
    later = timezone.now() + timedelta(hours=2)
    assert book.release_overdue(at=later, now=later) == 1
    assert at_till.post(where, {"amount": "80", "points": "3000", "request_key": "f"}).status_code == 409
    page = words(at_till.get(where))
    assert 'name="points"' not in page
    assert at_till.post(f"{where}release/", {})["Location"] == where


def test_a_time_that_is_none_is_refused(town: Town, at_till: Client) -> None:
    for minutes in ("", "0", "10081", "１", "9999999"):
        assert place(at_till, town, minutes=minutes).status_code == 422
    assert held(town) == 0


def test_another_shop_neither_sees_nor_takes_it(town: Town, at_till: Client) -> None:
    where = place(at_till, town)["Location"]
    stranger = signed_in(worker(town.fruit))
    assert stranger.get(where).status_code == 404
    assert stranger.post(where, {"amount": "80", "points": "3000", "request_key": "f"}).status_code == 404
    assert stranger.post(f"{where}release/", {}).status_code == 404
    assert held(town) == 3_000


def test_the_pages_take_few_queries(town: Town, at_till: Client, django_assert_max_num_queries: Any) -> None:
    for n in range(3):
        book_one = place(at_till, town, key=f"hold-key-{n}", spend_points="100")
        assert book_one.status_code in (302, 409)
    with django_assert_max_num_queries(25):
        at_till.get(HOLDS)
