"""The list of movements: every one, by month, with its sum right to the point."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from members import lapsing, wallets, yearly
from members.models import Member
from points.models import Wallet
from tests.factories import members, shops
from tests.members.conftest import browser

pytestmark = pytest.mark.django_db
WALLET = "/wallet/"


@pytest.fixture
def hotpot() -> shops.Shop:
    return shops.shop(matures_days=0)


def test_it_works(page: Client, lin: Member, hotpot: shops.Shop):
    shops.sale(hotpot, lin.wallet_id, 100_00)
    text = page.get(WALLET).content.decode()
    assert hotpot.outlet.name in text
    assert "+500" in text
    assert "balance 500" in text


def test_an_empty_wallet_says_what_to_do(page: Client):
    assert "No points yet" in page.get(WALLET).content.decode()
    assert "Nothing here yet" in page.get(WALLET, {"kind": "out"}).content.decode()


def test_a_bill_with_both_is_two_movements_and_the_fee_is_no_third(page: Client, lin: Member, hotpot: shops.Shop):
    shops.sale(hotpot, lin.wallet_id, 200_00)
    shops.sale(hotpot, lin.wallet_id, 30_00, spend=1000)
    text = page.get(WALLET).content.decode()
    assert "+1,000" in text
    assert "−1,000" in text
    assert "+150" in text
    assert "balance 150" in text


def test_the_tabs_tell_in_from_out(page: Client, lin: Member, hotpot: shops.Shop):
    shops.sale(hotpot, lin.wallet_id, 200_00)
    shops.sale(hotpot, lin.wallet_id, 30_00, spend=1000)
    came, went = (page.get(WALLET, {"kind": kind}).content.decode() for kind in ("in", "out"))
    assert "−1,000" not in came
    assert "+150" in came
    assert "−1,000" in went
    assert "+150" not in went
    assert "+150" in page.get(WALLET, {"kind": "nonsense"}).content.decode()


def test_show_more_goes_on_where_the_page_ended(page: Client, lin: Member, hotpot: shops.Shop):
    for n in range(45):
        shops.sale(hotpot, lin.wallet_id, 1000 + 100 * n)
    seen: list[str] = []
    url = WALLET
    pages = 0
    while url:
        text = page.get(url).content.decode()
        seen += re.findall(r"balance ([\d,]+)", text)
        more = re.search(r'href="(\?before=[^"]+)"', text)
        url = WALLET + more.group(1).replace("&amp;", "&") if more else ""
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == 45


@pytest.mark.parametrize("before", ["x", "1-", "-1", "99999999999999999999-1", "' OR 1=1", "1-1", "١-٢"])
def test_a_made_up_cursor_breaks_nothing(page: Client, lin: Member, hotpot: shops.Shop, before: str):
    shops.sale(hotpot, lin.wallet_id, 100_00)
    assert page.get(WALLET, {"before": before}).status_code == 200


def test_the_sums_reconcile_to_the_point(lin: Member, hotpot: shops.Shop):
    fruit = shops.shop("鲜果时光", trade="fruit", rate_bps=333, matures_days=7)
    for n in range(12):
        shops.sale((hotpot, fruit)[n % 2], lin.wallet_id, 1234 + 777 * n, now=shops.days_ago(40 - n))
    shops.sale(hotpot, lin.wallet_id, 50_00, spend=777, now=shops.days_ago(20))
    undone = shops.sale(hotpot, lin.wallet_id, 99_99)
    shops.void(hotpot, undone.sale_id or 0)
    wallet = Wallet.objects.get(pk=lin.wallet_id)
    rows = wallets.entries(lin, limit=1000).rows
    assert sum(row.points for row in rows) == wallet.balance
    assert rows[0].balance_after == wallet.balance
    assert lapsing.calendar(lin, timezone.now()).total == wallet.balance
    standing = wallets.standing(lin)
    assert standing.available + standing.pending + standing.held == wallet.balance
    year = yearly.statement(lin, rows[0].month.year)
    assert year.opening + sum(line.points for line in year.lines) == year.closing == wallet.balance


def test_another_members_movements_are_not_there(page: Client, zhou: Member, hotpot: shops.Shop):
    shops.sale(hotpot, zhou.wallet_id, 100_00)
    assert "No points yet" in page.get(WALLET).content.decode()


def test_the_page_takes_the_same_queries_for_2_and_20_rows(
    lin: Member, hotpot: shops.Shop, django_assert_max_num_queries
):
    counts = []
    for n in (2, 18):
        for _ in range(n):
            shops.sale(hotpot, lin.wallet_id, 50_00)
        client = browser(lin)
        client.get(WALLET)
        with django_assert_max_num_queries(25) as queries:
            client.get(WALLET)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_strangers_sign_in_and_others_find_nothing(client: Client):
    assert client.get(WALLET)["Location"] == f"{reverse('login')}?next={WALLET}"
    client.force_login(members.user())
    assert client.get(WALLET).status_code == 404
