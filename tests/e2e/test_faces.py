"""What the scripts promise where the world is rough: a lost answer, a double press, a scanner, no connection."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import DESKTOP, NARROW, PHONE, Person, member_code, overflows

LIN, ZHOU, HOTPOT, OWNER = "13800138001", "13800138002", "13800138011", "13800138012"
SHOP_PAGES = [
    "/till/",
    "/till/recent/",
    "/shop/",
    "/shop/sales/",
    "/shop/money/float/",
    "/shop/staff/",
    "/shop/outlets/",
    "/shop/keys/",
]
# Two frames later the page has been laid out again.
RESIZE = """size => { document.documentElement.style.fontSize = size;
    return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))); }"""


def latest(till: Page) -> list[str]:
    till.goto("/till/recent/")
    return [str(link.get_attribute("href")) for link in till.locator("#latest .row > a:first-child").all()]


def ring_up(till: Page, amount: str) -> None:
    till.goto("/till/")
    till.locator("input[name=member]").fill("138 0013 8002")
    till.keyboard.press("Enter")
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()
    till.locator("input[name=amount]").fill(amount)
    expect(till.locator("[data-till-preview] dd.text-in")).to_be_visible()


def test_a_sale_whose_answer_was_lost_is_repeated_and_booked_once(person: Person) -> None:
    till = person(HOTPOT, device=DESKTOP)
    before = latest(till)
    lost: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(str(route.request.post_data))
            route.fetch(max_redirects=0)
            return route.fulfill(status=429)
        if route.request.method == "POST":
            assert route.request.post_data == lost[0]
        return route.continue_()

    ring_up(till, "31.20")
    till.route(re.compile(r"/till/$"), lose_the_first_answer)
    till.keyboard.press("Enter")
    expect(till.locator("[data-till-trouble]")).to_be_visible()
    expect(till.locator(".done-mark")).to_be_visible()
    till.unroute_all()
    assert len(lost) == 1
    assert len(set(latest(till)) - set(before)) == 1


def test_without_an_answer_the_till_says_so_locks_and_repeats_when_asked(person: Person) -> None:
    till = person(HOTPOT, device=PHONE)
    before = latest(till)
    ring_up(till, "17.60")
    till.route(re.compile(r"/till/$"), lambda route: route.fulfill(status=429))
    till.locator("[data-till-finish]").click()
    expect(till.locator("input[name=amount]")).to_have_attribute("readonly", "", timeout=15_000)
    expect(till.locator("[data-till-finish]")).to_be_enabled()
    till.unroute_all()
    till.locator("[data-till-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    assert len(set(latest(till)) - set(before)) == 1


def test_two_presses_are_one_sale(person: Person) -> None:
    till = person(HOTPOT, device=DESKTOP)
    before = latest(till)
    ring_up(till, "22.40")
    till.evaluate("for (let n = 0; n < 3; n++) document.querySelector('form[data-till]').requestSubmit()")
    expect(till.locator(".done-mark")).to_be_visible()
    assert len(set(latest(till)) - set(before)) == 1


def test_a_scanner_fills_the_member_wherever_the_cursor_stands(person: Person) -> None:
    lin, till = person(LIN), person(HOTPOT, device=DESKTOP)
    till.goto("/till/")
    till.locator("input[name=amount]").fill("5")
    code = ""
    while not code:
        lin.wait_for_timeout(500)
        code = member_code(lin)
    # One script, so that the pace is a scanner's also on a slow machine.
    till.evaluate(
        """digits => { const field = document.activeElement; const at = field.value;
        for (const key of [...digits, "Enter"]) {
          const press = new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true});
          if (field.dispatchEvent(press) && key !== "Enter") field.value += key; } }""",
        code,
    )
    expect(till.locator("input[name=member]")).to_have_value(code)
    expect(till.locator("input[name=amount]")).to_have_value("5")
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()


def test_the_amount_keys_of_a_phone(person: Person) -> None:
    till = person(HOTPOT, device=PHONE)
    till.goto("/till/")
    for key in "12.345":
        till.locator(f"[data-keypad-key='{key}']").tap()
    expect(till.locator("input[name=amount]")).to_have_value("12.34")
    till.locator("[data-keypad-key=back]").tap()
    expect(till.locator("input[name=amount]")).to_have_value("12.3")


def test_the_keys_of_a_desk(person: Person) -> None:
    till = person(OWNER, device=DESKTOP)
    till.goto("/shop/")
    till.keyboard.press("?")
    expect(till.locator("#keyboard-sheet")).to_be_visible()
    till.keyboard.press("Escape")
    till.keyboard.press("n")
    till.wait_for_url("**/till/")


def test_the_theme_stays(visit: Person) -> None:
    page = visit("/login/", dark=True)
    with page.expect_response("**/theme/"):
        page.locator("[data-theme-switch]").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "lianhui"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "lianhui"


@pytest.mark.parametrize("size", ["100%", "200%"])
def test_pages_of_a_shop_fit_a_small_phone(person: Person, size: str) -> None:
    page = person(OWNER, device=NARROW, language="zh-hans")
    wide = []
    for path in SHOP_PAGES:
        page.goto(path)
        page.evaluate(RESIZE, size)
        if overflows(page):
            wide.append(path)
    assert wide == []


def test_without_a_connection_there_is_the_own_home_and_after_signing_out_nothing(
    browser: Browser, address: str, person: Person
) -> None:
    state: Any = person(ZHOU).context.storage_state()
    context = browser.new_context(base_url=address, storage_state=state, **PHONE)
    page = context.new_page()
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    page.reload()
    page.wait_for_function("caches.match('/', {cacheName: 'member-pages', ignoreVary: true})")
    context.set_offline(True)
    page.goto("/")
    expect(page.locator(".pass")).to_be_visible()
    page.goto("/wallet/")
    expect(page.locator("[data-offline-page]")).to_be_visible()
    context.set_offline(False)
    page.goto("/me/")
    page.locator("form[data-sign-out] button").click()
    page.wait_for_url("**/login/")
    # Signing out cleared everything, the worker too; it comes back with the next page.
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    context.set_offline(True)
    page.goto("/")
    expect(page.locator("[data-offline-page]")).to_be_visible()
    context.close()
