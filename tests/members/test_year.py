"""A year on one page."""

from __future__ import annotations

from datetime import datetime

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from members import wallets
from members.models import Member
from tests.factories import members, shops
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
    year = wallets.year(lin, 2026)
    assert [(month.on.month, month.received, month.spent, month.balance) for month in year.months] == [
        (9, 500, 0, 500),
        (10, 1000, 0, 1500),
        (11, 100, 600, 1000),
    ]
    assert (year.opening, year.closing) == (0, 1000)


def test_a_year_begins_where_the_last_one_ended(lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00, now=at(2026, 10, 5))
    assert wallets.year(lin, 2027) == wallets.Year(500, 500, [], [])


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
