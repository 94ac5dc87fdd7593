"""Lists as their readers want them: an honest count, found again as they were left, and decisions one press away."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alliance.admin import scoped
from alliance.models import Approval
from merchants.models import Merchant
from points.models import Terms
from tests.admin.conftest import World, receive
from tests.factories import shops, staff

APPROVALS = "/admin/alliance/approval/"


def test_a_list_that_goes_on_says_so(world: World, as_finance: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _n in range(3):
        shops.sale(world.a.shop, world.member.wallet_id, 30_000)
    monkeypatch.setattr(scoped, "LONGEST_LIST", 2)
    page = as_finance.get(reverse("admin:points_sale_changelist")).content.decode()
    assert "2+" in page
    monkeypatch.setattr(scoped, "LONGEST_LIST", 2_000)
    assert "2+" not in as_finance.get(reverse("admin:points_sale_changelist")).content.decode()


def test_a_list_is_found_as_it_was_left(world: World, as_admin: Client) -> None:
    home: Any = {"Referer": "http://testserver/admin/"}
    assert as_admin.get(APPROVALS, {"state__exact": "waiting", "p": "1"}).status_code == 200
    answer = as_admin.get(APPROVALS, headers=home)
    assert answer["Location"] == f"{APPROVALS}?state__exact=waiting"
    # Taken away on the list itself, it stays away.
    assert (
        as_admin.get(APPROVALS, headers={"Referer": f"http://testserver{APPROVALS}?state__exact=waiting"}).status_code
        == 200
    )
    assert as_admin.get(APPROVALS, headers=home).status_code == 200


def test_a_search_is_not_kept(world: World, as_admin: Client) -> None:
    people = reverse("admin:members_member_changelist")
    as_admin.get(people, {"q": "13800138001"})
    assert as_admin.get(people, headers={"Referer": "http://testserver/admin/"}).status_code == 200


def test_decisions_are_offered_in_the_list_to_whoever_may_take_them(world: World, as_finance: Client) -> None:
    waiting = Approval.objects.filter(state="waiting").first()
    assert waiting is not None
    approve = reverse("admin:alliance_approval_act", args=(waiting.pk, "approve"))
    page = as_finance.get(APPROVALS).content.decode()
    assert (approve in page) == (waiting.asked_by_id != world.finance.pk)
    assert approve not in staff.console(world.admin).get(APPROVALS).content.decode()


def test_the_sidebar_counts_what_waits(world: World, as_finance: Client) -> None:
    before = as_finance.get("/admin/").context["sidebar_navigation"]
    receive("T-waits")
    after = as_finance.get("/admin/").context["sidebar_navigation"]

    def lines(groups: Any) -> int:
        entries = [item for group in groups for item in group["items"]]
        return next((int(e.get("badge", 0)) for e in entries if "points/bankline" in str(e["link"])), 0)

    assert lines(after) == lines(before) + 1


@pytest.mark.parametrize("points", ["😀", " ", "1.5", "9" * 30])
def test_a_correction_that_cannot_be_read_is_answered_422(world: World, as_finance: Client, points: str) -> None:
    url = reverse("admin:points_wallet_act", args=(world.member.wallet_id, "adjust"))
    answer = as_finance.post(url, {"points": points, "reason": "x", "funder": world.a.shop.merchant.float_id})
    assert answer.status_code == 422
    assert not Approval.objects.filter(kind="points.adjustment").exists()


def test_a_credit_code_that_is_none_is_refused_beside_its_field(world: World, as_admin: Client) -> None:
    form = {"name": "某店", "short_name": "某店", "kind": "partner", "credit_code": "123", "contact_phone": ""}
    form |= {"trade": str(world.a.shop.merchant.trade_id), "centre": str(world.a.centre.pk)}
    answer = as_admin.post(reverse("admin:merchants_merchant_add"), form)
    assert answer.status_code == 422
    assert "well_formed" not in answer.content.decode()
    assert answer.context["adminform"].form.errors.keys() == {"credit_code"}
    assert not Merchant.objects.filter(name="某店").exists()


def test_terms_are_shown_in_percent(world: World, as_finance: Client) -> None:
    terms = Terms.objects.get(float_id=world.a.shop.merchant.float_id)
    page = as_finance.get(reverse("admin:points_terms_change", args=(terms.pk,))).content.decode()
    assert "8%" in page
    assert ">800<" not in page
