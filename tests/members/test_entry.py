"""“Why did I get 1,340 points?”"""

from __future__ import annotations

from datetime import date, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from members.explaining import explain
from members.models import Member
from points import expiry
from tests.factories import shops
from tests.members.conftest import browser, day

pytestmark = pytest.mark.django_db


def url(journal_id: int | None) -> str:
    return reverse("entry", args=[journal_id])


def test_it_works(page: Client, lin: Member):
    hotpot = shops.shop()
    sale = shops.sale(hotpot, lin.wallet_id, 268_00)
    answer = page.get(url(sale.sale_id))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Why 1,340 points?" in text
    for figure in ("¥268.00", "8%", "¥21.44", "62.5%", "1,340 points", "老灶火锅"):
        assert figure in text
    assert "Receipt" in text


def test_the_reckoning_names_amount_rate_share_days_and_funder(lin: Member):
    hotpot = shops.shop(rate_bps=333, matures_days=7)
    sale = shops.sale(
        hotpot,
        lin.wallet_id,
        12_99,
        eligible_fen=12_34,
        now=datetime(2026, 11, 2, 12, tzinfo=timezone.get_default_timezone()),
    )
    with translation.override("en"):
        detail = explain(lin, sale.sale_id or 0)
    assert detail is not None
    (reason,) = detail.why
    # 12.34 × 3.33 % = 41.09 fen → 41 fen; 62.5 % of 41 = 25.6 → 25 points.
    figures = [step.figure for step in reason.steps]
    assert figures == ["¥12.34", "¥0.41", "25 points", day(2026, 11, 9), day(2028, 12, 31), "老灶火锅"]
    assert "¥0.65" in reason.steps[0].text


def test_a_bill_with_both_tells_which_points_were_spent(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    fruit = shops.shop("鲜果时光", trade="fruit", matures_days=0)
    shops.sale(fruit, lin.wallet_id, 100_00, now=shops.days_ago(100))
    shops.sale(hotpot, lin.wallet_id, 200_00)
    both = shops.sale(hotpot, lin.wallet_id, 60_00, spend=700)
    text = page.get(url(both.sale_id)).content.decode()
    assert "Which points were spent?" in text
    assert "Given by 鲜果时光" in text
    assert "500 points" in text
    assert "Given by 老灶火锅" in text
    assert "200 points" in text
    assert "Paid with points" in text


def test_an_undone_bill_says_so_both_ways(page: Client, lin: Member):
    hotpot = shops.shop()
    sale = shops.sale(hotpot, lin.wallet_id, 100_00)
    shops.void(hotpot, sale.sale_id or 0)
    first = explain(lin, sale.sale_id or 0)
    assert first is not None
    assert first.undone_by is not None
    second = explain(lin, first.undone_by)
    assert second is not None
    assert second.undoes == sale.sale_id
    assert [move.points for move in second.moves] == [-500]
    assert "undone at the till" in page.get(url(sale.sale_id)).content.decode()
    assert "takes back an earlier entry" in page.get(url(first.undone_by)).content.decode()


def test_an_expiry_is_explained(lin: Member, page: Client):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00)
    expiry.expire(date(2029, 1, 1), timezone.now())
    from members import wallets

    (row, _earned) = wallets.entries(lin).rows
    assert row.points == -500
    text = page.get(url(row.journal_id)).content.decode()
    assert "not spent by their last day" in text


def test_another_members_journal_is_404(page: Client, zhou: Member):
    sale = shops.sale(shops.shop(), zhou.wallet_id, 100_00)
    assert page.get(url(sale.sale_id)).status_code == 404
    assert browser(zhou).get(url(sale.sale_id)).status_code == 200
    assert page.get(url(999_999_999)).status_code == 404
    assert page.get("/wallet/entries/99999999999999999999999/").status_code == 404


def test_a_journal_without_a_wallet_is_404(page: Client):
    from points.models import Transfer

    shops.shop()
    row = Transfer.objects.filter(wallet_id=0).first()
    assert row is not None
    assert page.get(url(row.journal_id)).status_code == 404


def test_the_page_takes_few_queries(page: Client, lin: Member, django_assert_max_num_queries):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 200_00)
    both = shops.sale(hotpot, lin.wallet_id, 60_00, spend=700)
    page.get(url(both.sale_id))
    with django_assert_max_num_queries(20):
        page.get(url(both.sale_id))
