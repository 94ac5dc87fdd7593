"""The till as a cashier uses it: keyboard only, thumbs only, without scripts, with a bad network."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import DESKTOP, NARROW, PHONE, Person, overflows

# The till of the tea house's owner would do as well: these journeys need a cashier, a member's phone and no code.
CASHIER, OWNER, MEMBER = "13800138011", "13800138012", "13800138002"


def receipt_number(page: Page) -> str:
    found = re.search(r"/till/sales/(\d+)/", page.url)
    assert found, page.url
    return found.group(1)


def test_a_sale_by_keyboard_alone(person: Person, shot: Any) -> None:
    till = person(CASHIER, device=DESKTOP)
    till.goto("/till/")
    till.keyboard.press("/")
    till.keyboard.type(MEMBER)
    till.keyboard.press("Enter")
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()
    till.keyboard.type("18.80")
    expect(till.locator("[data-till-preview] dl")).to_contain_text("18.80")
    till.keyboard.press("Enter")
    expect(till.locator(".done-mark")).to_be_visible()
    shot(till, "till-receipt-desktop")
    first = receipt_number(till)
    till.keyboard.press("Enter")
    expect(till.locator("form[data-till]")).to_be_visible()
    expect(till.locator("#latest")).to_contain_text("18.80")
    assert till.locator("#latest .row").first.locator(f"a[href$='/till/sales/{first}/']").count() >= 1


def test_a_sale_by_thumb_and_its_void(person: Person, shot: Any) -> None:
    till = person(CASHIER, device=PHONE)
    till.goto("/till/")
    till.locator("input[name=member]").fill(MEMBER)
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()
    for key in "66.60":
        till.locator(f"[data-keypad-key='{key}']").click()
    expect(till.locator("[data-till-preview] dl")).to_contain_text("66.60")
    shot(till, "till-phone")
    till.locator("[data-till-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    till.locator("button[data-dialog]").first.click()
    till.locator("dialog[open] .btn-error").click()
    expect(till.locator(".done-mark.is-warning")).to_be_visible()
    assert till.locator("button[data-dialog]").count() == 0
    assert not overflows(till)


def test_spending_by_phone_number_asks_for_the_pin(person: Person) -> None:
    till = person(CASHIER, device=PHONE)
    till.goto("/till/")
    till.locator("input[name=member]").fill(MEMBER)
    till.locator("input[name=amount]").fill("20")
    expect(till.locator("[data-till-pin]")).to_be_hidden()
    till.locator("details summary").first.click()
    till.locator("input[name=spend_points]").fill("100")
    expect(till.locator("[data-till-pin]")).to_be_visible()


def test_an_emoji_is_no_amount_and_a_shop_code_no_member(person: Person) -> None:
    till = person(CASHIER, device=PHONE)
    till.goto("/till/")
    till.locator("input[name=member]").fill("LHS:1:00")
    till.locator("input[name=amount]").fill("5")
    till.locator("input[name=member]").press("Tab")
    expect(till.locator("[data-till-preview] .soft-error")).to_be_visible()
    expect(till.locator("[data-till-finish]")).to_be_disabled()
    till.locator("input[name=amount]").fill("💰8")
    expect(till.locator("input[name=amount]")).to_have_value("8")


def test_a_lost_answer_books_once(person: Person) -> None:
    till = person(CASHIER, device=DESKTOP)
    till.goto("/till/recent/")
    booked = till.locator(".row").filter(has_text="31.31").count()
    till.goto("/till/")
    till.locator("input[name=member]").fill(MEMBER)
    till.locator("input[name=amount]").fill("31.31")
    expect(till.locator("[data-till-preview] dl")).to_contain_text("31.31")
    lost: list[int] = []

    def lose(route: Any) -> None:
        # The sale is booked, and its answer never arrives.
        if route.request.method == "POST" and not lost:
            lost.append(1)
            route.fetch(max_redirects=0)
            return route.fulfill(status=429)
        return route.continue_()

    till.route(re.compile(r"/till/$"), lose)
    till.locator("[data-till-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible(timeout=30_000)
    assert lost
    till.goto("/till/recent/")
    assert till.locator(".row").filter(has_text="31.31").count() == booked + 1


def test_without_scripts_it_is_a_plain_form(person: Person, browser: Any, address: str, doors: dict[str, Any]) -> None:
    person(CASHIER, device=DESKTOP)
    context = browser.new_context(base_url=address, java_script_enabled=False, storage_state=doors[CASHIER])
    page = context.new_page()
    page.goto("/till/")
    page.locator("input[name=member]").fill(MEMBER)
    page.locator("input[name=amount]").fill("7.70")
    page.locator("[data-till-finish]").click()
    expect(page.locator(".done-mark")).to_be_visible()
    context.close()


def test_a_cashier_has_no_way_to_the_shop(person: Person) -> None:
    till = person(CASHIER, device=DESKTOP)
    till.goto("/till/")
    assert till.locator("a[href^='/shop/']").count() == 0
    answer = till.request.get("/shop/money/float/")
    assert answer.status == 404


@pytest.mark.parametrize(("device", "dark"), [(PHONE, False), (NARROW, True), (DESKTOP, False), (DESKTOP, True)])
def test_the_owners_pages(person: Person, shot: Any, device: dict[str, Any], dark: bool) -> None:
    shop = person(OWNER, device=device, dark=dark)
    name = f"{device['viewport']['width']}{'-dark' if dark else ''}"
    for path in (
        "/till/",
        "/shop/",
        "/shop/sales/",
        "/shop/money/float/",
        "/shop/staff/",
        "/shop/outlets/",
        "/shop/keys/",
    ):
        shop.goto(path)
        expect(shop.locator("main")).to_be_visible()
        assert not overflows(shop), path
        shot(shop, f"shop-{path.strip('/').replace('/', '-')}-{name}")
    shop.goto("/shop/sales/")
    shop.locator("#rows a").first.click()
    expect(shop.locator("#postings")).to_be_visible()
    shot(shop, f"shop-sale-{name}")
