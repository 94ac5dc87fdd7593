"""What shops have set aside, in the member's words."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from members import wallets
from members.models import Member
from points import holds
from points.bills import Caller
from tests.factories import shops
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db


def test_shop_and_end_are_shown_and_no_movement(page: Client, lin: Member) -> None:
    shop = shops.shop(matures_days=0)
    shops.sale(shop, lin.wallet_id, 200_00)  # 1,000 points
    before = len(wallets.entries(lin).rows)
    number = shops.hold(shop, lin.wallet_id, 300)
    text = page.get("/wallet/").content.decode()
    held = text.split('id="holds"')[1].split("</section>")[0]
    assert shop.outlet.name in held
    assert ">300<" in held
    assert 'figure-xl num">700<' in text
    assert len(wallets.entries(lin).rows) == before
    assert "300 set aside" in page.get("/").content.decode()
    (line,) = wallets.export(lin)["holds"]
    assert (line["points"], line["where"]) == (300, shop.outlet.name)
    holds.release(
        hold_id=number, outlet_id=shop.outlet.pk, caller=Caller("till", 1), key="r", body="", actor=SYSTEM,
        at=timezone.now(),
    )  # fmt: skip
    assert 'id="holds"' not in page.get("/wallet/").content.decode()
