"""A year on one page."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from members import yearly
from members.models import Member
from points import expiry, partitions
from points.models import Wallet
from tests.factories import members, shops
from tests.laws.histories import START, History
from tests.members.conftest import browser

pytestmark = pytest.mark.django_db


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.get_default_timezone())


def test_it_works(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=at(2026, 9, 30, 23, 59))
    shops.sale(hotpot, lin.wallet_id, 200_00, now=at(2026, 10, 1, 0, 1))
    shops.sale(hotpot, lin.wallet_id, 20_00, spend=600, now=at(2026, 11, 2, 10))
    with time_machine.travel(at(2026, 11, 20)):
        answer = page.get("/wallet/years/2026/")
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "Your points in 2026" in text
        assert "Balance today" in text
        assert "still under way" in text
    year = yearly.statement(lin, 2026)
    assert [(month.on.month, month.sums.received, month.sums.spent, month.balance) for month in year.months] == [
        (9, 500, 0, 500),
        (10, 1000, 0, 1500),
        (11, 100, -600, 1000),
    ]
    assert (year.opening, year.closing) == (0, 1000)
    assert [(shop.name, shop.sums.received, shop.sums.spent) for shop in year.shops] == [("老灶火锅", 1600, -600)]


def test_a_year_begins_where_the_last_one_ended(lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=at(2026, 10, 5))
    year = yearly.statement(lin, 2027)
    assert (year.opening, year.closing, year.months, year.shops) == (500, 500, [], [])


def test_the_last_second_of_a_year_belongs_to_it(lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=at(2026, 12, 31, 23, 59, 59, 999_999))
    shops.sale(hotpot, lin.wallet_id, 200_00, now=at(2027, 1, 1))
    assert (yearly.statement(lin, 2026).closing, yearly.statement(lin, 2027).opening) == (500, 500)
    assert yearly.statement(lin, 2027).closing == 1500


def shown_sum(text: str) -> int:
    return int(re.search(r"data-sum>([^<]+)<", text).group(1).replace(",", "").replace("−", "-"))


def test_every_figure_leads_to_its_rows(page: Client, lin: Member):
    hotpot, fruit = shops.shop(matures_days=0), shops.shop("鲜果时光", trade="fruit", matures_days=0)
    for month, where in ((3, hotpot), (3, fruit), (6, hotpot), (9, fruit)):
        shops.sale(where, lin.wallet_id, month * 100_00, now=at(2026, month, 15, 12))
    shops.sale(fruit, lin.wallet_id, 30_00, spend=700, now=at(2026, 10, 1, 12))
    undone = shops.sale(hotpot, lin.wallet_id, 99_00)
    shops.void(hotpot, undone.sale_id or 0)
    partitions.ahead(0, start=date(2028, 7, 1))
    expiry.expire(date(2028, 7, 1), now=at(2028, 7, 1, 0, 12))
    for number, expired in ((2026, 0), (2028, -5_300)):
        year = yearly.statement(lin, number)
        assert year.sums.expired == expired
        with time_machine.travel(at(2028, 8, 1)):
            browsing = browser(lin)
            for figures in (
                [(line.url, line.points) for line in year.lines],
                [(month.url, month.sums.net) for month in year.months],
                [(shop.url, shop.sums.net) for shop in year.shops],
            ):
                assert sum(points for _url, points in figures) == year.closing - year.opening
                for url, points in figures:
                    assert shown_sum(browsing.get(url).content.decode()) == points, url


def test_what_is_made_up_in_the_filter_is_left_out(page: Client, lin: Member):
    shops.sale(shops.shop(matures_days=0), lin.wallet_id, 100_00)
    for query in ("in=1999", "in=2026-13", "in=x", "shop=x", "shop=-1", "kind=x", "in=２０２６", "shop=" + "9" * 30):
        answer = page.get(f"/wallet/?{query}")
        assert answer.status_code == 200
        assert "data-sum" not in answer.content.decode()
    assert "Nothing here yet" in page.get("/wallet/?shop=999999").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [4, 9])
def test_statements_meet_the_book_over_random_histories(seed: int):
    history = History(seed, is_batched=True, n_wallets=10)
    history.play(1_500)
    # In the end everything lapses.
    history.now += timedelta(days=900)
    partitions.ahead(1, start=history.now.date())
    expiry.mature(history.now.date())
    expiry.expire(history.now.date(), now=history.now)
    years = range(START.year, history.now.year + 1)
    seen = set()
    for wallet_id in history.wallets:
        owner = cast(Member, SimpleNamespace(wallet_id=wallet_id))
        carried = 0
        for number in years:
            year = yearly.statement(owner, number)
            assert year.opening == carried
            assert year.opening + year.sums.net == year.closing
            assert sum(month.sums.net for month in year.months) == year.sums.net
            assert sum(shop.sums.net for shop in year.shops) == year.sums.net
            assert not year.months or year.months[-1].balance == year.closing
            rows = list(yearly.table(owner, number))
            assert rows[1][4] + sum(row[3] for row in rows[2:-1]) == rows[-1][4] == year.closing
            seen |= {group for group in yearly.GROUPS if getattr(year.sums, group)}
            carried = year.closing
        assert carried == Wallet.objects.get(pk=wallet_id).balance
    # Not a tame history: every group of the statement was met.
    assert seen == set(yearly.GROUPS)


def test_the_file_holds_every_movement_between_two_balances(page: Client, lin: Member):
    hotpot = shops.shop("=老灶", matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=at(2026, 2, 5, 12))
    shops.sale(hotpot, lin.wallet_id, 20_00, spend=300, now=at(2026, 3, 5, 12))
    lines = page.get("/wallet/years/2026/points.csv").content.decode("utf-8-sig").splitlines()
    rows = list(csv.reader(lines))
    assert rows[0][0] == "Time"
    assert [row[3] for row in rows[2:-1]] == ["500", "-300", "100"]
    assert (rows[1][4], rows[-1][4]) == ("0", "300")
    assert rows[2][2].startswith("'=")
    answer = page.get("/wallet/years/2026/points.xlsx")
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert [row[4].value for row in sheet.iter_rows(min_row=2)] == [0, 500, 200, 300, 300]
    assert page.get("/wallet/years/1999/points.csv").status_code == 404


def test_many_shops_are_one_line_that_leads_to_all(page: Client, lin: Member):
    for n in range(11):
        shops.sale(shops.shop(f"店{n:02}", matures_days=0), lin.wallet_id, 10_00 + n * 100)
    text = page.get("/wallet/years/").content.decode()
    assert "3 others" in text
    assert "店00" not in text
    assert "店00" in page.get("/wallet/years/?shops=all").content.decode()


def test_this_year_is_shown_without_a_number(page: Client):
    assert page.get("/wallet/years/").status_code == 200


def test_only_years_of_membership_exist(page: Client):
    for number in (1999, 2025, 9999):
        assert page.get(f"/wallet/years/{number}/").status_code == 404


def test_a_quiet_year_says_so(page: Client):
    assert "A quiet year" in page.get("/wallet/years/").content.decode()


def test_the_page_takes_few_queries(page: Client, django_assert_max_num_queries):
    page.get("/wallet/years/")
    with django_assert_max_num_queries(12):
        page.get("/wallet/years/")


def test_others_find_nothing(client: Client):
    client.force_login(members.user())
    assert client.get("/wallet/years/").status_code == 404


def test_the_page_speaks_the_language_of_the_reader(lin: Member):
    assert '<html lang="zh-CN"' in browser(lin, "zh-hans").get("/wallet/years/").content.decode()
