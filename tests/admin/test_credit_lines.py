"""A credit line needs two people of the merchant's region; neither one's own yes nor another region's counts."""

from __future__ import annotations

from alliance.models import Approval
from points.models import CreditLine
from tests.admin.conftest import World
from tests.admin.test_acts import act
from tests.factories import staff

LINE = {"limit": "1000.50", "period": 2, "due_days": 14, "drop_days": 30}


def test_a_line_is_asked_by_one_and_set_by_another(world: World) -> None:
    merchant = world.a.shop.merchant
    asking = staff.console(world.a.manager)
    assert act(asking, merchant, "credit", **LINE).status_code == 302
    approval = Approval.objects.get(kind="points.credit_line")
    assert act(asking, approval, "approve").status_code == 302
    assert CreditLine.objects.get(pk=merchant.book.float_id).limit_fen == 10_000  # as it was
    other = staff.colleague("region_manager", world.a.unit)
    assert act(staff.console(other), approval, "approve").status_code == 302
    line = CreditLine.objects.get(pk=merchant.book.float_id)
    assert (line.pk, line.limit_fen, line.is_open) == (merchant.float_id, 100_050, True)
    page = asking.get(f"/admin/merchants/merchant/{merchant.pk}/change/").content.decode()
    assert "1,000.50" in page


def test_no_other_region_asks_or_decides(world: World) -> None:
    merchant = world.a.shop.merchant
    assert act(staff.console(world.b.manager), merchant, "credit", **LINE).status_code in (302, 403, 404)
    assert not Approval.objects.filter(kind="points.credit_line").exists()
