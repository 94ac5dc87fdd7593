"""Refunds at the till: found, previewed, pressed twice, refused; by lines, elsewhere, above a cashier's limit."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone, translation

from merchants import onboarding
from merchants.calc import returns
from merchants.models import RefundNote, Staff
from points.calc.rules import Line
from points.models import Sale, Wallet
from tests.cast import SYSTEM, Town
from tests.factories.merchants import worker
from tests.factories.shops import days_ago, sale, shop, void
from tests.merchants.conftest import signed_in, words
from tests.points.ruling import budget, rule


def sold(town: Town, fen: int = 10_000, **more: Any) -> int:
    number = sale(town.hotpot, town.lin.wallet_id, fen, **more).sale_id
    assert number
    return number


def press(client: Client, number: int, **fields: Any) -> Any:
    return client.post(f"/till/sales/{number}/refund/", {"request_key": "key-1", "reason": "defective", **fields})


def documents() -> int:
    return Sale.objects.filter(kind=Sale.Kind.REFUND).count()


def test_it_works(town: Town, at_till: Client) -> None:
    number = sold(town, 7_000, spend=3_000)
    page = words(at_till.get(f"/till/sales/{number}/refund/"))
    assert "data-cash-back>¥70.00<" in page
    assert "+3,000" in page
    assert documents() == 0
    answer = press(at_till, number, what="amount", amount="40")
    assert answer.status_code == 302
    note = RefundNote.objects.get()
    assert answer["Location"] == f"/till/refunds/{note.pk}/"
    document = Sale.objects.get(pk=note.pk)
    assert (document.bill_fen, document.paid_fen, document.spent_points, document.points) == (
        -4_000, -2_800, -1_200, -140,
    )  # fmt: skip
    assert (note.reason, note.actor, document.actor) == ("defective", f"user:{town.cashier.pk}", note.actor)
    done = words(at_till.get(answer["Location"]))
    assert "¥28.00" in done
    assert "林" not in done
    receipt = words(at_till.get(f"/till/sales/{number}/"))
    assert "¥60.00" in receipt
    assert f"/till/refunds/{note.pk}/" in receipt
    assert "till_void" not in receipt
    assert f"/till/sales/{number}/void/" not in receipt


def test_pressing_twice_refunds_once(town: Town, at_till: Client) -> None:
    number = sold(town)
    first, second = (press(at_till, number, what="amount", amount="30") for _n in range(2))
    assert first["Location"] == second["Location"]
    assert documents() == 1
    changed = press(at_till, number, what="amount", amount="31")
    assert changed.status_code == 422
    assert first["Location"] in words(changed)
    assert documents() == 1


def test_the_preview_books_nothing_and_follows_the_choice(town: Town, at_till: Client) -> None:
    number = sold(town)
    address = f"/till/sales/{number}/refund/preview/"
    piece = words(at_till.post(address, {"what": "amount", "amount": "12.34"}))
    assert "data-cash-back>¥12.34<" in piece
    assert "<html" not in piece
    assert "data-refund-finish" not in words(at_till.post(address, {"what": "amount", "amount": "100.01"}))
    assert "data-refund-finish" not in words(at_till.post(address, {"what": "amount", "amount": ""}))
    assert at_till.get(address).status_code == 405
    whole = words(at_till.post(f"/till/sales/{number}/refund/", {"step": "preview", "what": "amount", "amount": "5"}))
    assert "data-cash-back>¥5.00<" in whole
    assert documents() == 0


@pytest.mark.parametrize("amount", ["😀", "1e3", "-5", "0", "", "1.234", "99999999999", "100.01"])
def test_amounts_that_are_none(town: Town, at_till: Client, amount: str) -> None:
    answer = press(at_till, sold(town), what="amount", amount=amount)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in words(answer)
    assert 'value="key-1"' not in words(answer)
    assert documents() == 0


def test_spent_points_are_kept_back_with_the_reason(town: Town) -> None:
    zhou = town.zhou.wallet_id
    number = sale(town.fruit, zhou, 10_000, now=days_ago(2)).sale_id
    sale(town.market, zhou, 400, spend=400, eligible_fen=0, now=days_ago(1))
    client = signed_in(worker(town.fruit, outlet=town.fruit.outlet))
    assert number
    with translation.override("en"):
        page = words(client.get(f"/till/sales/{number}/refund/", headers={"Accept-Language": "en"}))
    assert "data-cash-back>¥96.00<" in page
    assert "−¥4.00" in page
    given = words(client.post(f"/till/sales/{number}/refund/preview/", {"what": "all", "cash_given": "1"}))
    assert "data-cash-back>¥100.00<" in given
    assert "¥4.00" in given
    press(client, number, what="all", cash_given="1")
    note = RefundNote.objects.get()
    assert "¥4.00" in words(client.get(f"/till/refunds/{note.pk}/"))


def test_a_cashier_gives_back_a_little_a_manager_all(town: Town, at_till: Client, in_shop: Client) -> None:
    number = sold(town, 30_000)
    assert press(at_till, number, what="amount", amount="150").status_code == 302
    # In parts it is no less.
    answer = press(at_till, number, request_key="key-2", what="amount", amount="50.01")
    assert answer.status_code == 403
    assert "¥200.00" in words(answer)
    assert "data-refund-finish" not in words(at_till.get(f"/till/sales/{number}/refund/"))
    assert press(at_till, number, request_key="key-3", what="amount", amount="50").status_code == 302
    assert press(in_shop, number, request_key="key-4", what="all").status_code == 302


def test_a_chain_takes_it_back_anywhere_a_stranger_nowhere(town: Town) -> None:
    number = sold(town, 5_000)
    other = onboarding.open_outlet(
        merchant=town.hotpot.merchant, name="二店", city=town.hotpot.outlet.city, address="", lng=116.4, lat=39.9, actor=SYSTEM, at=timezone.now(),
    )  # fmt: skip
    client = signed_in(worker(town.hotpot, outlet=other))
    assert client.get(f"/till/recent/?q={number}")["Location"] == f"/till/sales/{number}/refund/"
    assert town.hotpot.outlet.name in words(client.get(f"/till/sales/{number}/refund/"))
    assert press(client, number, what="all").status_code == 302
    assert Sale.objects.get(kind=Sale.Kind.REFUND).outlet_id == other.pk
    stranger = signed_in(worker(town.fruit, Staff.Role.OWNER))
    done = RefundNote.objects.get().pk
    for path in (f"/till/sales/{number}/refund/", f"/till/refunds/{done}/", f"/till/refunds/{2**70}/"):
        assert stranger.get(path).status_code == 404
    assert stranger.post(f"/till/sales/{number}/refund/preview/").status_code == 404
    assert press(stranger, number).status_code == 404
    assert stranger.get(f"/till/recent/?q={number}").status_code == 200


def test_states_that_cannot_be_refunded(town: Town, at_till: Client) -> None:
    gone = sold(town)
    void(town.hotpot, gone)
    old = sale(town.hotpot, town.zhou.wallet_id, 5_000, now=days_ago(61)).sale_id
    whole = sold(town)
    press(at_till, whole, what="all")
    for number in (gone, old, whole):
        assert "data-refund-finish" not in words(at_till.get(f"/till/sales/{number}/refund/"))
        assert press(at_till, number, request_key=f"again-{number}", what="all").status_code in (409, 422)
    assert documents() == 1
    assert at_till.get(f"/till/sales/{RefundNote.objects.get().pk}/refund/").status_code == 404


def test_a_sale_without_points_leaves_an_event(town: Town) -> None:
    from alliance.models import Event

    poor = shop("穷店", float_fen=0)
    number = sale(poor, town.zhou.wallet_id, 5_000).sale_id
    assert number
    assert press(signed_in(worker(poor)), number, what="all").status_code == 302
    event = Event.objects.get(verb="refund.without_points")
    assert event.facts == {"sale": number, "fen": 5_000, "reason": "defective"}


def by_lines(town: Town) -> int:
    from merchants import sales
    from tests.factories.merchants import till_caller, token

    assert town.hotpot.merchant.float_id
    rule(budget(), {"kind": "rate", "bps": 100}, scope={"trades": ["hotpot"], "categories": ["tofu"]})
    lines = (Line("tofu", "毛肚", 7_000, 3), Line("tofu", "押金", 2_000, 1, False), Line("", "米饭", 1_000))
    given = sales.Request(token(town.hotpot, town.lin.wallet_id), 10_000, lines=lines)
    receipt = sales.record(
        outlet=town.hotpot.outlet, request=given, caller=till_caller(town.hotpot), key="lines", actor=SYSTEM, at=timezone.now()
    )  # fmt: skip
    return receipt.sale_id


def test_lines_come_back_each_once(town: Town, at_till: Client) -> None:
    number = by_lines(town)
    page = words(at_till.get(f"/till/sales/{number}/refund/"))
    assert "毛肚" in page
    assert 'max="3"' in page
    answer = press(at_till, number, what="lines", **{"line-1": "2", "line-3": "1"})
    assert answer.status_code == 302
    # ⌊7,000 × 2 / 3⌋ = 4,666, and the rice.
    assert Sale.objects.get(kind=Sale.Kind.REFUND).bill_fen == -5_666
    assert RefundNote.objects.get().lines == [[1, 2], [3, 1]]
    for fields in ({"line-1": "2"}, {"line-3": "1"}, {"line-9": "1"}):
        answer = press(at_till, number, request_key="key-2", what="lines", **fields)
        assert answer.status_code == 409
    assert press(at_till, number, request_key="key-2", what="lines").status_code == 422
    assert (
        press(at_till, number, request_key="key-3", what="lines", **{"line-1": "1", "line-2": "1"}).status_code == 302
    )
    assert "data-refund-finish" not in words(at_till.get(f"/till/sales/{number}/refund/"))
    assert Wallet.objects.get(pk=town.lin.wallet_id).available == 50_000


def test_after_an_amount_there_are_no_lines_any_more(town: Town, at_till: Client) -> None:
    number = by_lines(town)
    press(at_till, number, what="amount", amount="1")
    assert "毛肚" not in words(at_till.get(f"/till/sales/{number}/refund/"))
    assert press(at_till, number, request_key="key-2", what="lines", **{"line-3": "1"}).status_code == 409


def test_how_lines_share_what_was_paid() -> None:
    kept = [["a", "", 2_333, 3, True], ["b", "", 4_667, 1, False]]
    lines = returns.sold(kept, paid_fen=7_000, spent_points=3_000, gone={1: 1})
    assert [(line.cash_fen, line.points, line.units_left) for line in lines] == [(2_333, 999, 2), (4_667, 2_001, 1)]
    assert returns.coming_back(lines, [(1, 1), (1, 1), (2, 1)]) == (1_556 + 4_667, 666 + 2_001, 1_556)
    with pytest.raises(returns.TooMany):
        returns.coming_back(lines, [(1, 3)])


def test_finding_by_day_and_reference(town: Town, at_till: Client) -> None:
    number = sold(town)
    assert at_till.get(f"/till/recent/?q={number}")["Location"] == f"/till/sales/{number}/"
    today = timezone.localdate().isoformat()
    assert f"/till/sales/{number}/" in words(at_till.get(f"/till/recent/?day={today}"))
    assert f"/till/sales/{number}/" not in words(at_till.get(f"/till/recent/?day={today}&q=nothing"))
    for odd in ("?q=%00", "?day=x", "?q=99999999999999999999", "?day=1999-01-01", f"?q={2**63 - 1}"):
        assert at_till.get(f"/till/recent/{odd}").status_code == 200


def test_the_shop_sees_it(town: Town, in_shop: Client) -> None:
    number = sold(town)
    press(in_shop, number, what="amount", amount="25")
    done = RefundNote.objects.get().pk
    listed = words(in_shop.get("/shop/sales/?kind=refund"))
    assert f"/shop/sales/{done}/" in listed
    assert f'href="/shop/sales/{number}/"' not in listed
    assert "−¥25.00" in words(in_shop.get(f"/shop/sales/{done}/"))
    assert f"/till/refunds/{done}/" in words(in_shop.get(f"/shop/sales/{number}/"))
    assert str(done) in in_shop.get("/shop/sales/export.csv?kind=refund").getvalue().decode()  # type: ignore[attr-defined]


def test_without_the_token_of_the_form(town: Town) -> None:
    number = sold(town)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(town.cashier)
    assert press(strict, number, what="all").status_code == 403
    assert strict.post(f"/till/sales/{number}/refund/preview/", {"what": "all"}).status_code == 403
    assert documents() == 0


def test_few_questions(town: Town, at_till: Client, django_assert_max_num_queries: Any) -> None:
    number = by_lines(town)
    press(at_till, number, what="lines", **{"line-3": "1"})
    with django_assert_max_num_queries(25):
        at_till.get(f"/till/sales/{number}/refund/")
    with django_assert_max_num_queries(25):
        at_till.get(f"/till/refunds/{RefundNote.objects.get().pk}/")


@pytest.mark.django_db(transaction=True)
def test_two_tills_refund_the_same_line() -> None:
    town = Town()
    number = by_lines(town)
    clients = [signed_in(worker(town.hotpot, outlet=town.hotpot.outlet)) for _n in range(4)]
    answers: list[int] = []
    start = threading.Barrier(len(clients))

    def run(n: int, client: Client) -> None:
        start.wait()
        try:
            answers.append(press(client, number, request_key=f"till-{n}", what="lines", **{"line-3": "1"}).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [302, 409, 409, 409]
    assert RefundNote.objects.get().lines == [[3, 1]]
