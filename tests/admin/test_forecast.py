"""The forecast of expiry in the console: for whoever may see the book, from what the clock kept."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from points import tasks
from tests.admin.conftest import World
from tests.factories import members, shops, staff

PAGE = "admin:points_wallet_forecast"


def test_it_works(world: World, as_finance: Client) -> None:
    empty = as_finance.get(reverse(PAGE)).content.decode()
    assert "还没有算出" in empty or "Not reckoned yet" in empty
    member = members.member()
    shops.sale(world.a.shop, member.wallet_id, 1_234_00)
    tasks.forecast()
    page = as_finance.get(reverse(PAGE)).content.decode()
    assert page.count('class="console-bar"') == 24
    assert reverse(PAGE) in as_finance.get(reverse("admin:points_wallet_changelist")).content.decode()


def test_a_region_may_not_see_it(world: World) -> None:
    assert staff.console(world.a.manager).get(reverse(PAGE)).status_code == 403
