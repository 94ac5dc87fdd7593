"""A region lists no members, and is told why (docs/decisions/regions-list-no-members.md)."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.html import escape

from alliance import access
from members.admin import OF_THE_ALLIANCE
from tests.factories import members, shops, staff

pytestmark = pytest.mark.django_db
LIST = "admin:members_member_changelist"


@pytest.mark.parametrize("role", ["region_manager", "centre_staff", "store_manager"])
def test_the_page_says_why(role: str) -> None:
    lin = members.member(name="林婶")
    browser = staff.console(staff.colleague(role, shops.centre()))
    answer = browser.get(reverse(LIST))
    assert answer.status_code == 403
    assert escape(OF_THE_ALLIANCE().text()) in answer.content.decode()
    assert browser.get(reverse("admin:members_member_change", args=(lin.pk,))).status_code in (403, 404)


def test_headquarters_sees_the_list() -> None:
    members.member(name="林婶")
    answer = staff.console(staff.colleague("hq_admin")).get(reverse(LIST))
    assert answer.status_code == 200 and "林婶" in answer.content.decode()


def test_no_role_of_a_part_has_a_right_that_it_cannot_use() -> None:
    for role in ("region_manager", "centre_staff", "store_manager"):
        assert not any(right.startswith("member.") for right in access.PERMISSIONS[role])


def test_its_first_page_counts_them() -> None:
    page = staff.console(staff.colleague("region_manager", shops.centre().parent)).get(reverse("admin:index"))
    assert "近30天到店会员" in page.content.decode()
