"""The till as pages: works without a script; presses twice, books once."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from merchants import onboarding, sales, staff
from merchants.models import Staff
from points import identify
from points.models import Sale
from tests.cast import LIN_PIN, SYSTEM, Town
from tests.factories.merchants import till_caller, worker
from tests.factories.shops import OPENED, days_ago, sale, shop
from tests.merchants.conftest import signed_in, words


def ring(client: Client, **fields: Any) -> Any:
    return client.post("/till/", {"request_key": "key-number-1", **fields})


def test_it_works(town: Town, at_till: Client) -> None:
    page = at_till.get("/till/")
    assert page.status_code == 200
    assert "data-till" in words(page)
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    answer = ring(at_till, member=code, amount="100.00", spend_points="3000")
    booked = Sale.objects.get(outlet_id=town.hotpot.outlet.pk)
    assert answer.status_code == 302
    assert answer["Location"] == f"/till/sales/{booked.pk}/"
    assert (booked.bill_fen, booked.paid_fen, booked.spent_points, booked.points) == (10_000, 7_000, 3_000, 350)
    assert booked.actor == f"user:{town.cashier.pk}"
    receipt = words(at_till.get(answer["Location"]))
    assert "¥100.00" in receipt
    assert "¥70.00" in receipt
    assert "林" not in receipt


def test_pressing_twice_books_once(town: Town, at_till: Client) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    first = ring(at_till, member=code, amount="88")
    second = ring(at_till, member=code, amount="88")
    assert first["Location"] == second["Location"]
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 1


def test_a_changed_bill_under_the_key_of_a_booked_one_is_not_rung_up_again(town: Town, at_till: Client) -> None:
    ring(at_till, member=town.zhou.number, amount="88")
    booked = Sale.objects.get(outlet_id=town.hotpot.outlet.pk)
    for amount in ("89", "no amount"):
        answer = ring(at_till, member=town.zhou.number, amount=amount)
        assert answer.status_code == 422
        assert 'name="request_key" value="key-number-1"' in words(answer)
        assert f'href="/till/sales/{booked.pk}/">' in words(answer).split("data-till-pin")[1].split("</form>")[0]
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 1


def test_a_refused_bill_gets_a_new_key(town: Town, at_till: Client) -> None:
    answer = ring(at_till, member=town.zhou.number, amount="88", spend_points="100")
    assert answer.status_code == 409
    assert 'value="key-number-1"' not in words(answer)


def test_the_preview_says_who_and_how_much_and_books_nothing(town: Town, at_till: Client) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now())
    piece = words(at_till.post("/till/quote/", {"member": code.digits, "amount": "268"}))
    for sign in code.mark:
        assert f"<b>{sign}</b>" in piece
    assert "1,340" in piece  # 268.00 × 8% × 62.5%
    assert 'data-max-spend="13400"' in piece
    assert "50,000" in piece
    assert "<html" not in piece
    assert not Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).exists()


def test_the_token_of_the_preview_books_it(town: Town, at_till: Client) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    piece = at_till.post("/till/quote/", {"member": code, "amount": "100"}).content.decode()
    token = re.search(r'name="member_token" value="(mt_[^"]+)"', piece)
    assert token
    again = at_till.post(
        "/till/quote/",
        {"member": code, "member_was": code, "member_token": token[1], "amount": "100", "spend_points": "100"},
    )
    assert "data-stop" not in words(again)
    answer = ring(at_till, member=code, member_was=code, member_token=token[1], amount="100", spend_points="100")
    assert answer.status_code == 302


def test_a_code_that_only_the_preview_has_seen_still_books(town: Town, at_till: Client) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now()).digits
    at_till.post("/till/quote/", {"member": code, "amount": "100"})
    # The answer of the preview never arrived: the form has no token.
    assert ring(at_till, member=code, amount="100").status_code == 302


def test_a_token_never_speaks_for_somebody_typed_in_later(town: Town, at_till: Client) -> None:
    piece = at_till.post("/till/quote/", {"member": town.lin.number}).content.decode()
    token = re.search(r'name="member_token" value="(mt_[^"]+)"', piece)
    assert token
    ring(at_till, member=town.zhou.number, member_was=town.lin.number, member_token=token[1], amount="100")
    assert Sale.objects.get(outlet_id=town.hotpot.outlet.pk).wallet_id == town.zhou.wallet_id


@pytest.mark.parametrize("amount", ["😀", "1e3", "-5", "0", "", "1.234", "99999999999", "١٢"])
def test_amounts_that_are_none_are_said_beside_the_field(town: Town, at_till: Client, amount: str) -> None:
    answer = ring(at_till, member=town.zhou.number, amount=amount)
    assert answer.status_code == 422
    assert 'id="amount" name="amount"' in words(answer)
    assert 'aria-invalid="true"' in words(answer)
    assert not Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).exists()
    piece = at_till.post("/till/quote/", {"member": town.zhou.number, "amount": amount})
    assert piece.status_code == 200


def test_a_code_of_61_seconds_ago(town: Town, at_till: Client) -> None:
    code = identify.show_code(town.lin.wallet_id, timezone.now() - timedelta(seconds=61)).digits
    answer = ring(at_till, member=code, amount="10")
    assert answer.status_code == 409
    assert "data-stop" in words(at_till.post("/till/quote/", {"member": code}))


def test_spending_by_phone_asks_for_the_pin(town: Town, at_till: Client) -> None:
    town.lin
    answer = ring(at_till, member="138 0013 8001", amount="10", spend_points="100")
    assert answer.status_code == 409
    assert "data-till-pin-always" in words(answer)
    assert "data-needs-pin" in words(
        at_till.post("/till/quote/", {"member": "13800138001", "amount": "10", "spend_points": "100"})
    )
    answer = ring(at_till, member="138 0013 8001", amount="10", spend_points="100", pin="000111")
    assert answer.status_code == 403
    answer = ring(at_till, member="138 0013 8001", amount="10", spend_points="100", pin=LIN_PIN)
    assert answer.status_code == 302
    assert LIN_PIN not in words(at_till.get("/till/"))


def test_an_empty_float_is_told_before_and_after(town: Town) -> None:
    poor = shop("穷店", float_fen=0)
    client = signed_in(worker(poor))
    page = words(client.get("/till/"))
    assert "notice soft-error" in page
    assert "notice soft-warning" in words(client.post("/till/quote/", {"member": town.zhou.number, "amount": "10"}))
    answer = ring(client, member=town.zhou.number, amount="10")
    assert "is-warning" in words(client.get(answer["Location"]))


def test_void_within_ten_minutes(town: Town, at_till: Client) -> None:
    booked = sale(town.hotpot, town.zhou.wallet_id, 10_000)
    assert f"/till/sales/{booked.sale_id}/void/" in words(at_till.get("/till/"))
    for _press in range(2):
        assert at_till.post(f"/till/sales/{booked.sale_id}/void/").status_code == 302
    assert Sale.objects.filter(kind=Sale.Kind.VOID).count() == 1
    assert f"/till/sales/{booked.sale_id}/void/" not in words(at_till.get("/till/"))


def test_one_press_undoes_what_was_just_booked_and_says_what_to_give_back(town: Town, at_till: Client) -> None:
    answer = ring(at_till, member=town.zhou.number, amount="88.50")
    page = words(at_till.get(answer["Location"]))
    undo = page.split("data-toast")[1].split('action="')[1].split('"')[0]
    assert undo == f"{answer['Location']}void/"
    assert "data-until" in page
    voided = words(at_till.get(at_till.post(undo)["Location"]))
    assert "¥88.50" in voided.split("done-mark is-warning")[1].split("receipt")[0]
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk, kind=Sale.Kind.VOID).count() == 1


def void_key(page: Any, number: int) -> str:
    found = re.search(
        rf'/till/sales/{number}/void/".*?name="request_key" value="([0-9a-f]{{32}})"', page.content.decode(), re.S
    )
    assert found
    return found[1]


def test_a_void_that_was_refused_can_be_tried_again(town: Town) -> None:
    client, zhou = signed_in(worker(town.fruit)), town.zhou
    booked = sale(town.fruit, zhou.wallet_id, 10_000)
    spent = sale(town.hotpot, zhou.wallet_id, 10_000, spend=booked.points)
    address = f"/till/sales/{booked.sale_id}/"
    first = void_key(client.get(address), booked.sale_id)
    assert client.post(f"{address}void/", {"request_key": first}).status_code == 409
    sales.void(
        outlet=town.hotpot.outlet,
        sale_id=spent.sale_id or 0,
        caller=till_caller(town.hotpot),
        key="void-1",
        actor=SYSTEM,
        at=timezone.now(),
    )
    second = void_key(client.get(address), booked.sale_id)
    assert first != second
    assert client.post(f"{address}void/", {"request_key": second}).status_code == 302
    again = client.post(f"{address}void/", {"request_key": "another-form"}, follow=True)
    assert again.redirect_chain == [(address, 302)]
    assert "is-warning" in words(again)
    assert Sale.objects.filter(kind=Sale.Kind.VOID, outlet_id=town.fruit.outlet.pk).count() == 1


def test_void_after_ten_minutes_is_refused(town: Town, at_till: Client) -> None:
    at = timezone.now() - timedelta(minutes=11)
    booked = sale(town.hotpot, town.zhou.wallet_id, 10_000, at=at, now=at)
    assert "/void/" not in words(at_till.get(f"/till/sales/{booked.sale_id}/"))
    assert at_till.post(f"/till/sales/{booked.sale_id}/void/").status_code == 409
    assert not Sale.objects.filter(kind=Sale.Kind.VOID).exists()


def test_a_strangers_receipt_is_not_found(town: Town, at_till: Client) -> None:
    booked = sale(town.fruit, town.zhou.wallet_id, 10_000)
    assert at_till.get(f"/till/sales/{booked.sale_id}/").status_code == 404
    assert at_till.post(f"/till/sales/{booked.sale_id}/void/").status_code == 404
    assert at_till.get(f"/till/sales/{2**70}/").status_code == 404


def test_the_dismissed_are_out_at_once(town: Town, at_till: Client) -> None:
    assert at_till.get("/till/").status_code == 200
    staff.dismiss(post=Staff.objects.get(user=town.cashier), actor=SYSTEM, at=timezone.now())
    assert at_till.get("/till/").status_code == 404
    assert ring(at_till, member=town.zhou.number, amount="1").status_code == 404
    assert not Sale.objects.exists()


def test_a_member_or_nobody_sees_no_till(town: Town) -> None:
    assert Client().get("/till/").status_code == 302
    assert signed_in(town.zhou.user).get("/till/").status_code == 404


def test_switching_between_outlets(town: Town) -> None:
    second = onboarding.open_outlet(
        merchant=town.hotpot.merchant,
        name="二店",
        city=town.hotpot.outlet.city,
        lng=100,
        lat=30,
        actor=SYSTEM,
        at=OPENED,
    )
    client = signed_in(worker(town.hotpot))
    assert client.post("/till/outlet/", {"outlet": second.pk}).status_code == 302
    ring(client, member=town.zhou.number, amount="10")
    assert Sale.objects.get().outlet_id == second.pk
    assert client.post("/till/outlet/", {"outlet": town.fruit.outlet.pk}).status_code == 404


def test_as_many_queries_for_2_rows_as_for_20(town: Town, at_till: Client) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert at_till.get(path).status_code == 200
        return len(captured)

    # The first page of a session notes the device.
    at_till.get("/till/")
    for _ in range(2):
        sale(town.hotpot, town.zhou.wallet_id, 1_000)
    few = [queries(path) for path in ("/till/", "/till/recent/")]
    for _ in range(18):
        sale(town.hotpot, town.zhou.wallet_id, 1_000)
    assert [queries(path) for path in ("/till/", "/till/recent/")] == few
    assert max(few) <= 25


def test_yesterdays_sales_are_not_recent(town: Town, at_till: Client) -> None:
    sale(town.hotpot, town.zhou.wallet_id, 12_345, at=days_ago(2), now=days_ago(2))
    assert "123.45" not in words(at_till.get("/till/recent/"))
