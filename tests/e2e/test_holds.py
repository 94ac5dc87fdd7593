"""Points set aside for an open bill, by a cashier with a phone: held, seen by the member, taken with the final bill."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PHONE, Person, member_code, overflows

CASHIER, MEMBER = "13800138011", "13800138001"


def fresh_code(member: Page) -> str:
    for _ in range(70):
        if code := member_code(member):
            return code
        time.sleep(1)
    raise AssertionError("no member code that works")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_points_are_held_seen_and_taken(person: Person, shot: Any, language: str) -> None:
    member = person(MEMBER, device=PHONE, language=language)
    till = person(CASHIER, device=PHONE, language=language)
    till.goto("/till/")
    till.locator("a[href='/till/holds/']").click()
    till.locator("input[name=member]").fill(fresh_code(member))
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()
    till.locator("input[name=amount]").fill("40")
    till.locator("input[name=spend_points]").fill("300")
    till.locator("select[name=minutes]").select_option("180")
    assert not overflows(till)
    shot(till, f"hold-form-{language}")
    till.locator("[data-till-finish]").click()
    till.wait_for_url(re.compile(r"/till/holds/\d+/$"))
    expect(till.locator("[data-until]")).to_contain_text(re.compile(r"\d+:\d\d"))
    assert not overflows(till)
    shot(till, f"hold-open-{language}")
    where = till.url
    member.goto("/wallet/")
    expect(member.locator("#holds")).to_contain_text("300")
    assert not overflows(member)
    shot(member, f"hold-wallet-{language}")
    held = member.locator("#holds .row").count()
    till.goto("/till/holds/")
    expect(till.locator("#open-holds")).to_contain_text("300")
    till.locator("#open-holds").scroll_into_view_if_needed()
    shot(till, f"hold-list-{language}")
    till.goto(where)
    till.locator("input[name=amount]").fill("36.50")
    till.locator("input[name=points]").fill("200")
    till.locator("form button.btn-primary").click()
    till.wait_for_url(re.compile(r"/till/sales/\d+/$"))
    expect(till.locator("main")).to_contain_text("36.50")
    member.goto("/wallet/")
    expect(member.locator("#holds .row")).to_have_count(held - 1)
