"""Indexes: the searches over a hundred thousand shops can use theirs, and none stands there twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from alliance.actors import Actor
from alliance.models import City, Trade
from merchants import onboarding
from merchants.models import Dispute, Merchant, Outlet, PayoutAccount, TopUp
from points.models import BankLine, Due, MerchantBill, Payout
from tests.factories.shops import OPENED, centre, shop

SYSTEM = Actor.system("tests")
N = 3_000


@pytest.fixture
def many(db: None) -> None:
    """A few thousand shops, written past the verbs: they sell nothing."""
    first = shop()
    like_it = {"trade": Trade.objects.get(code="hotpot"), "centre": centre(), "state_since": OPENED}
    made = Merchant.objects.bulk_create(
        Merchant(name=f"{n} 号巷口面馆有限公司", short_name=f"巷口面馆{n}", opened_at=OPENED, **like_it)
        for n in range(N)
    )
    city = City.objects.order_by("pk").first()
    Outlet.objects.bulk_create(
        Outlet(
            merchant=merchant,
            name=f"河滨路{merchant.pk}店",
            address=f"Riverside{merchant.pk}",
            city=city,
            lng=100,
            lat=30,
            centre=merchant.centre,
            centre_account_id=first.outlet.centre_account_id,
            opened_at=OPENED,
        )
        for merchant in made
    )
    with connection.cursor() as cursor:
        # As vacuum leaves them: what was written last waits in a list beside the index.
        cursor.execute(
            "SELECT gin_clean_pending_list(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
            " JOIN pg_am ON pg_am.oid = relam AND amname = 'gin' WHERE relname LIKE 'merchants_%%'"
        )
        cursor.execute("ANALYZE merchants_merchant, merchants_outlet")
        cursor.execute("SET LOCAL enable_seqscan = off")


def plan(rows: Any) -> str:
    return str(rows.explain())


def test_a_search_for_merchants_uses_its_indexes(many: None) -> None:
    found = plan(Merchant.objects.search("巷口面馆29"))
    assert "merchants_merchant_name" in found
    assert "merchants_merchant_short_name" in found
    assert "Seq Scan" not in found


def test_a_search_for_outlets_uses_its_indexes(many: None) -> None:
    found = plan(Outlet.objects.search("e29"))
    for index in ("merchants_outlet_name", "merchants_outlet_address", "merchants_merchant_short_name"):
        assert index in found, found
    assert "Seq Scan on merchants" not in found, found


def test_searches_find_what_they_found_before(db: None) -> None:
    one = onboarding.open(
        name="老灶餐饮有限公司", short_name="老灶火锅", trade=Trade.objects.get(code="hotpot"), centre=centre(),
        credit_code="91350100M000100Y43", actor=SYSTEM, at=OPENED,
    )  # fmt: skip
    city = City.objects.order_by("pk").first()
    assert city is not None
    outlet = onboarding.open_outlet(
        merchant=one, name="Riverside", address="河滨路 12 号", city=city, lng=100, lat=30, actor=SYSTEM, at=OPENED
    )
    for words in ("老灶", "餐饮有限", "火锅 老灶", "91350100m000100y43"):
        assert list(Merchant.objects.search(words)) == [one], words
    for words in ("99999999", "老灶 面馆", "%", "_"):
        assert not Merchant.objects.search(words), words
    for words in ("river", "河滨", "老灶", "RIVERSIDE 河滨路 火锅"):
        assert list(Outlet.objects.search(words)) == [outlet], words
    assert not Outlet.objects.search("riverside 面馆")


TWICE = """
SELECT a.indexrelid::regclass, b.indexrelid::regclass
FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
JOIN pg_class ca ON ca.oid = a.indexrelid JOIN pg_class cb ON cb.oid = b.indexrelid AND cb.relam = ca.relam
JOIN pg_am ON pg_am.oid = ca.relam AND amname = 'btree'
WHERE a.indrelid::regclass::text ~ '^(alliance|merchants|members)_'
  AND NOT a.indisunique AND a.indpred IS NULL AND a.indexprs IS NULL AND b.indpred IS NULL AND b.indexprs IS NULL
  AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %')
  AND (b.indclass::text || ' ') LIKE (a.indclass::text || ' %')
"""


def test_no_index_begins_as_another_one_does(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TWICE)
        assert cursor.fetchall() == []


def test_nobody_pays_for_indexes_that_answer_nothing(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%%\\_like'"
            " AND (tablename, split_part(indexdef, '(', 2)) IN (SELECT t, c || ' varchar_pattern_ops)' FROM"
            " (VALUES ('alliance_user', 'phone'), ('alliance_user', 'email'), ('merchants_merchant', 'credit_code'))"
            " AS unused (t, c))"
        )
        assert cursor.fetchall() == []


def questions() -> dict[str, Any]:
    """What the desks of finance ask, and the index that answers."""
    unknown = BankLine.objects.unknown_debits().order_by("-pk")
    current = PayoutAccount.objects.current()
    return {
        "points_bank_line_unknown": unknown[:100],
        "points_due_open": Due.objects.open().filter(to=1),
        "points_bill_due": MerchantBill.objects.unpaid().order_by("due_on", "pk")[:100],
        "points_payout_back": Payout.objects.filter(state=Payout.State.RETURNED).order_by("-pk")[:100],
        "merchants_dispute_open": Dispute.objects.open().order_by("opened_at", "pk")[:100],
        "merchants_payoutaccount_back": PayoutAccount.objects.filter(returned_at__isnull=False)[:100],
        "merchants_payoutaccount_from": current.filter(valid_from__gt=OPENED),
        "merchants_topup_announced": TopUp.objects.filter(state=TopUp.State.ANNOUNCED, amount_fen__in=[1, 2]),
    }


@pytest.mark.parametrize("index", sorted(questions()))
def test_the_desks_of_finance_use_their_indexes(db: None, index: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    found = plan(questions()[index])
    assert index in found, found
    assert "Seq Scan" not in found, found
