"""The shop's pages: figures, sales, float, staff, keys; who sees them and who does not."""

import csv
import io
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from merchants import keys, onboarding
from merchants.models import ApiKey, Staff, TopUp
from points import rollup
from tests.cast import SYSTEM, Town
from tests.factories.merchants import worker
from tests.factories.shops import OPENED, Shop, days_ago, sale, shop, void
from tests.merchants.conftest import signed_in, words

PAGES = ["/shop/", "/shop/sales/", "/shop/money/float/", "/shop/staff/", "/shop/outlets/", "/shop/keys/"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_works_when_empty(in_shop: Client, path: str) -> None:
    assert in_shop.get(path).status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/shop/sales/export.csv", "/shop/sales/export.xlsx"])
def test_a_cashier_sees_none_of_them(at_till: Client, path: str) -> None:
    assert at_till.get(path).status_code == 404


def test_a_cashiers_till_does_not_lead_there(at_till: Client) -> None:
    assert "/shop/" not in words(at_till.get("/till/"))


def test_the_manager_of_one_outlet_sees_its_sales_and_no_money(town: Town) -> None:
    second = onboarding.open_outlet(
        merchant=town.hotpot.merchant,
        name="二店",
        city=town.hotpot.outlet.city,
        lng=100,
        lat=30,
        actor=SYSTEM,
        at=OPENED,
    )
    there = sale(Shop(town.hotpot.merchant, second), town.zhou.wallet_id, 22_200)
    here = sale(town.hotpot, town.zhou.wallet_id, 11_100)
    manager = signed_in(worker(town.hotpot, Staff.Role.MANAGER, outlet=second))
    page = manager.get("/shop/sales/").content.decode()
    assert f"/shop/sales/{there.sale_id}/" in page
    assert f"/shop/sales/{here.sale_id}/" not in page
    assert manager.get(f"/shop/sales/{here.sale_id}/").status_code == 404
    assert [manager.get(path).status_code for path in PAGES] == [200, 200, 404, 404, 200, 404]


def test_today_in_figures(town: Town, in_shop: Client) -> None:
    sale(town.hotpot, town.lin.wallet_id, 7_000, spend=3_000)
    undone = sale(town.hotpot, town.zhou.wallet_id, 50_000)
    void(town.hotpot, undone.sale_id or 0)
    sale(town.fruit, town.zhou.wallet_id, 99_900)
    page = words(in_shop.get("/shop/"))
    for figure in ("¥100.00", ">350<", ">3,000<", "¥5.60"):
        assert figure in page
    assert "¥999.00" not in page


def test_the_filter_finds(town: Town, in_shop: Client) -> None:
    # A wallet's bookings never go backwards in time: the old one first.
    old = sale(town.hotpot, town.zhou.wallet_id, 33_300, at=days_ago(20), now=days_ago(20))
    first = sale(town.hotpot, town.zhou.wallet_id, 11_100)
    second = sale(town.hotpot, town.lin.wallet_id, 22_200, spend=100)
    undone = void(town.hotpot, first.sale_id or 0)
    other = sale(town.fruit, town.zhou.wallet_id, 11_100)

    def found(query: str) -> set[int]:
        page = words(in_shop.get(f"/shop/sales/?{query}"))
        booked = [first, second, old, undone, other]
        return {row.sale_id or 0 for row in booked if f"/shop/sales/{row.sale_id}/" in page}

    def ids(*rows: Any) -> set[int]:
        return {row.sale_id for row in rows}

    assert found("") == ids(first, second, undone)
    assert found(f"from={days_ago(25):%Y-%m-%d}") == ids(first, second, undone, old)
    assert found("kind=spend") == ids(second)
    assert found("kind=void") == ids(undone)
    assert found("q=111.00") == ids(first, undone)
    assert found(f"q={first.sale_id}") == ids(first, undone)
    assert found("q=%00") == ids(first, second, undone)
    assert found("kind=nonsense&from=x&to=9999-99-99&outlet=😀") == ids(first, second, undone)
    assert found("q=nothing") == set()


LONG = ["from=2000-01-01&to=2200-01-01", "from=2025-01-01&to=2026-01-02", "from=2000-01-01"]


@pytest.mark.parametrize("query", LONG)
def test_a_period_has_a_year_at_most(town: Town, in_shop: Client, query: str) -> None:
    sale(town.hotpot, town.zhou.wallet_id, 11_100)
    with CaptureQueriesContext(connection) as seen:
        answer = in_shop.get(f"/shop/sales/?{query}")
    assert answer.status_code == 422
    assert "366" in answer.context["error"] and answer.context["error"] in words(answer)
    assert not answer.context["entries"] and not answer.context["sums"].n
    assert 'value="2000-01-01"' in words(answer) or 'value="2025-01-01"' in words(answer)
    # Django asks for the sums of nothing as "WHERE 0 = 1".
    assert all("0 = 1" in row["sql"] for row in seen if 'FROM "points_sale"' in row["sql"])
    for form in ("csv", "xlsx"):
        export = in_shop.get(f"/shop/sales/export.{form}?{query}", headers={"Accept": "text/html"})
        assert export.status_code == 422


def test_a_leap_year_is_a_period(town: Town, in_shop: Client) -> None:
    with CaptureQueriesContext(connection) as seen:
        assert in_shop.get("/shop/sales/?from=2024-01-01&to=2024-12-31").status_code == 200
    assert len(seen) <= 25
    assert in_shop.get("/shop/sales/?from=0001-01-01&to=9999-12-31").status_code == 200


def test_pages_of_sales_follow_each_other(town: Town, in_shop: Client) -> None:
    numbers = [sale(town.hotpot, town.zhou.wallet_id, 1_000 + n).sale_id for n in range(33)]
    page = in_shop.get("/shop/sales/")
    assert len(page.context["entries"]) == 30
    following = in_shop.get(f"/shop/sales/{page.context['more']}")
    seen = [entry.sale.pk for each in (page, following) for entry in each.context["entries"]]
    assert seen == numbers[::-1]
    assert in_shop.get("/shop/sales/?before=x").status_code == 404


def test_the_detail_adds_up_to_zero(town: Town, in_shop: Client) -> None:
    booked = sale(town.hotpot, town.lin.wallet_id, 7_000, spend=3_000)
    page = in_shop.get(f"/shop/sales/{booked.sale_id}/")
    rows = [row["fen"] for row in page.context["rows"]]
    assert rows == [-3_000, 2_970, 30, -560, 350, 210]
    assert sum(rows) == 0
    other = sale(town.fruit, town.zhou.wallet_id, 1_000)
    assert in_shop.get(f"/shop/sales/{other.sale_id}/").status_code == 404
    assert in_shop.get(f"/shop/sales/{2**80}/").status_code == 404


def test_exports_hold_the_filtered_set(town: Town, in_shop: Client) -> None:
    sale(town.hotpot, town.zhou.wallet_id, 11_100)
    kept = sale(town.hotpot, town.lin.wallet_id, 22_200, spend=100)
    answer: Any = in_shop.get("/shop/sales/export.csv?kind=spend")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in rows[1:]] == [str(kept.sale_id)]
    assert rows[1][4:8] == ["223.0", "222.0", "1110", "100"]
    book = openpyxl.load_workbook(io.BytesIO(in_shop.get("/shop/sales/export.xlsx").content))
    assert book.active is not None
    assert book.active.max_row == 3


def test_the_float_page(town: Town, in_shop: Client) -> None:
    sale(town.hotpot, town.zhou.wallet_id, 10_000)
    page = words(in_shop.get("/shop/money/float/"))
    assert "¥9,992.00" in page
    assert town.hotpot.merchant.payment_reference in page


def test_a_top_up_is_announced_and_withdrawn(town: Town, in_shop: Client) -> None:
    assert in_shop.post("/shop/money/float/announce/", {"amount": "5,000"}).status_code == 302
    topup = TopUp.objects.get()
    assert (topup.amount_fen, topup.state) == (500_000, "announced")
    stranger = signed_in(worker(town.fruit, Staff.Role.OWNER))
    assert stranger.post(f"/shop/money/float/{topup.pk}/withdraw/").status_code == 404
    in_shop.post(f"/shop/money/float/{topup.pk}/withdraw/")
    topup.refresh_from_db()
    assert topup.state == "withdrawn"


@pytest.mark.parametrize("amount", ["😀", "0", "-1", ""])
def test_amounts_that_are_none_announce_nothing(in_shop: Client, amount: str) -> None:
    assert in_shop.post("/shop/money/float/announce/", {"amount": amount}).status_code == 422
    assert not TopUp.objects.exists()


def test_the_owner_appoints_by_phone_and_dismisses(town: Town, in_shop: Client) -> None:
    answer = in_shop.post(
        "/shop/staff/", {"phone": "139 0000 0001", "role": "cashier", "outlet": town.hotpot.outlet.pk}
    )
    assert answer.status_code == 302
    post = Staff.objects.get(user__phone="+8613900000001")
    client = signed_in(post.user)
    assert client.get("/till/").status_code == 200
    in_shop.post(f"/shop/staff/{post.pk}/dismiss/")
    assert client.get("/till/").status_code == 404


def test_appointing_nonsense(town: Town, in_shop: Client) -> None:
    for fields in (
        {"phone": "😀"},
        {"phone": "13900000001", "role": "king"},
        {"phone": "13900000001", "outlet": town.fruit.outlet.pk},
    ):
        answer = in_shop.post("/shop/staff/", {"role": "cashier", **fields})
        assert answer.status_code == 422
    assert Staff.objects.filter(merchant=town.hotpot.merchant).count() == 1


def test_a_key_is_shown_once(town: Town, in_shop: Client) -> None:
    answer = in_shop.post("/shop/keys/", {"name": "POS", "scopes": ["sales:write"]})
    secret = answer.context["secret"]
    assert secret.startswith("lh_live_")
    assert secret in words(answer)
    assert secret not in words(in_shop.get("/shop/keys/"))
    key = ApiKey.objects.get()
    assert keys.find(secret, timezone.now()) == key
    rotated = in_shop.post(f"/shop/keys/{key.pk}/rotate/").context["secret"]
    assert keys.find(rotated, timezone.now()) is not None
    in_shop.post(f"/shop/keys/{key.pk}/revoke/")
    assert keys.find(secret, timezone.now()) is None


def test_a_strangers_rows_are_not_found(town: Town, in_shop: Client) -> None:
    key, _secret = keys.create(
        merchant=town.fruit.merchant, name="POS", scopes=["sales:write"], actor=SYSTEM, at=timezone.now()
    )
    worker(town.fruit, Staff.Role.OWNER)
    post = Staff.objects.get(merchant=town.fruit.merchant)
    for path in (f"keys/{key.pk}/rotate", f"keys/{key.pk}/revoke", f"staff/{post.pk}/dismiss"):
        assert in_shop.post(f"/shop/{path}/").status_code == 404
    key.refresh_from_db()
    post.refresh_from_db()
    assert key.revoked_at is post.ends_at is None


def test_as_many_queries_for_2_rows_as_for_20(town: Town, in_shop: Client) -> None:
    def fill(n: int) -> None:
        for number in range(n):
            sale(town.hotpot, town.zhou.wallet_id, 1_000)
            worker(town.hotpot)
            keys.create(
                merchant=town.hotpot.merchant, name=str(number), scopes=["sales:write"], actor=SYSTEM, at=timezone.now()
            )

    def queries() -> list[int]:
        found = []
        for path in PAGES:
            with CaptureQueriesContext(connection) as captured:
                in_shop.get(path)
            found.append(len(captured))
        return found

    # The first page of a session notes the device.
    in_shop.get("/shop/")
    fill(2)
    few = queries()
    fill(18)
    assert queries() == few
    assert max(few) <= 25


@pytest.mark.django_db(transaction=True)
def test_days_of_cover(transactional_db: None) -> None:
    town = Town()
    small = shop("小店", float_fen=20_000)
    for day in range(7, 0, -1):
        sale(small, town.zhou.wallet_id, 25_000, at=days_ago(day), now=days_ago(day))
    # The roll-up sees what has been committed.
    rollup.run()
    cover = signed_in(worker(small, Staff.Role.OWNER)).get("/shop/").context["cover"]
    # 14,000 went in 14 days, 1,000 a day, and 6,000 are left.
    assert (cover.balance, cover.daily_fen, cover.days) == (6_000, 1_000, 6)


def test_a_poster_leads_to_the_shops_own_page(town: Town, in_shop: Client, at_till: Client) -> None:
    number = town.hotpot.outlet.pk
    page = words(in_shop.get(f"/shop/outlets/{number}/poster/"))
    assert f"http://testserver/places/{number}/" in page
    assert "<svg" in page
    assert at_till.get(f"/shop/outlets/{number}/poster/").status_code == 404
    assert in_shop.get(f"/shop/outlets/{town.fruit.outlet.pk}/poster/").status_code == 404
    assert Client().get(f"/places/{number}/").status_code == 200


def test_the_list_of_sales_is_found_as_it_was_left(town: Town, in_shop: Client) -> None:
    home = {"Referer": "http://testserver/shop/"}
    in_shop.get("/shop/sales/", {"kind": "void", "from": "2026-01-01", "q": "7"})
    assert in_shop.get("/shop/sales/", headers=home)["Location"] == "/shop/sales/?kind=void"
    in_shop.get("/shop/sales/", headers={"Referer": "http://testserver/shop/sales/?kind=void"})
    assert in_shop.get("/shop/sales/", headers=home).status_code == 200


def test_a_receipt_can_be_reached_from_its_sale_at_ones_own_till(town: Town, in_shop: Client) -> None:
    booked = sale(town.hotpot, town.zhou.wallet_id, 1_000)
    assert f"/till/sales/{booked.sale_id}/" in words(in_shop.get(f"/shop/sales/{booked.sale_id}/"))


def test_a_keys_rights_are_said_in_words(town: Town, in_shop: Client) -> None:
    keys.create(merchant=town.hotpot.merchant, name="POS", scopes=["sales:write"], actor=SYSTEM, at=timezone.now())
    assert '<span class="block text-sm text-muted">sales:write' not in words(in_shop.get("/shop/keys/"))
