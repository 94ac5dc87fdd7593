"""The shop's list of offline points that no wallet had."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone

from alliance.calc.worktime import SHANGHAI, shanghai_day
from merchants.models import OfflineSpend, Staff
from tests.factories import shops
from tests.factories.merchants import worker
from tests.factories.shops import Shop
from tests.merchants.conftest import signed_in, words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(db: None) -> None:
    cache.clear()


def risk(shop: Shop, at: datetime, points: int, *, state: str = "not_covered", reference: str = "") -> OfflineSpend:
    return OfflineSpend.objects.create(
        outlet=shop.outlet,
        caller_kind=1,
        caller_id=shop.merchant.pk,
        key=uuid4(),
        wallet_id=1,
        taken_on=shanghai_day(at),
        taken_at=at,
        arrived_at=at,
        bill_fen=5_000,
        points=points,
        reference=reference,
        state=state,
    )


def test_the_list_is_empty_at_first() -> None:
    shop = shops.shop()
    owner = signed_in(worker(shop, Staff.Role.OWNER))
    assert "没有未到账的离线积分" in words(owner.get("/shop/money/offline/"))
    assert "/shop/money/offline/" in owner.get("/shop/money/").content.decode()


def test_it_lists_date_receipt_and_amount_of_this_shop_alone() -> None:
    shop, other = shops.shop(), shops.shop("别家", trade="fruit")
    at = timezone.now() - timedelta(hours=3)
    risk(shop, at, 1_500, reference="=A-17")
    risk(shop, at, 700, state="covered", reference="B-18")
    risk(other, at, 900, reference="C-19")
    owner = signed_in(worker(shop, Staff.Role.OWNER))
    told = words(owner.get("/shop/money/offline/"))
    assert "=A-17" in told and f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" in told and "15.00" in told
    assert "B-18" not in told and "C-19" not in told
    file = owner.get("/shop/money/offline/export.csv")
    rows = list(csv.reader(io.StringIO(b"".join(file.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined, arg-type]
    assert len(rows) == 2
    assert rows[1][3:5] == ["50.0", "15.0"]
    # No formula for a spreadsheet.
    assert not rows[1][2].startswith("=")


def test_it_goes_on_over_pages() -> None:
    shop = shops.shop()
    at = timezone.now() - timedelta(hours=3)
    for n in range(35):
        # All at one moment: the number decides.
        risk(shop, at, 100 + n, reference=f"N-{n:02d}")
    owner = signed_in(worker(shop, Staff.Role.OWNER))
    first = owner.get("/shop/money/offline/")
    assert "N-05" in words(first) and "N-04" not in words(first)
    second = words(owner.get("/shop/money/offline/" + first.context["more"]))
    assert "N-04" in second and "N-00" in second and "N-05" not in second
    assert owner.get("/shop/money/offline/?before=x").status_code == 404


def test_a_cashier_does_not_see_it() -> None:
    shop = shops.shop()
    cashier = signed_in(worker(shop, Staff.Role.CASHIER, outlet=shop.outlet))
    for path in ("/shop/money/offline/", "/shop/money/offline/export.csv"):
        assert cashier.get(path).status_code == 404
