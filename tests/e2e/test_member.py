"""The member's own journeys: joining, the code, the wallet, the PIN, the language."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import DESKTOP, NARROW, PHONE, Person, member_code, overflows

LIN = "13800138001"
PAGES = [
    "/",
    "/places/",
    "/code/",
    "/wallet/",
    "/wallet/lots/",
    "/wallet/years/",
    "/wallet/proof/",
    "/reserve/",
    "/me/",
    "/me/pin/",
    "/devices/",
]


def new_phone() -> str:
    return f"137{random.randrange(10**8):08}"


def join(visit: Person, phone: str, **how: Any) -> Page:
    """Sign in with a phone that nobody knows, and agree."""
    page = visit("/", **how)
    page.locator("main a.btn-primary").click()
    page.locator("input[name=address]").fill(f"{phone[:3]} {phone[3:7]} {phone[7:]}")
    page.keyboard.press("Enter")
    message = page.locator("[data-demo-message]")
    expect(message).to_be_visible()
    found = re.search(r"(?<!\d)\d{6}(?!\d)", message.inner_text())
    assert found
    # Six digits are enough: the form sends itself.
    page.locator("input[name=code]").press_sequentially(found.group())
    page.wait_for_url("**/join/")
    page.locator("input[name=name]").fill("新朋友")
    page.locator("input[name=agreed]").check()
    page.locator("main form button.btn-primary").click()
    page.wait_for_url(lambda url: url.endswith("/"))
    return page


def test_a_newcomer_joins_in_three_screens(visit: Person, shot: Any) -> None:
    page = join(visit, new_phone())
    expect(page.locator(".pass")).to_contain_text("新朋友")
    expect(page.locator("[data-balance]")).to_have_text("0")
    shot(page, "member-new")
    assert len(member_code(page)) == 18


def test_a_wrong_code_says_so_and_the_right_one_still_works(visit: Person) -> None:
    page = visit("/login/")
    page.locator("input[name=address]").fill(LIN)
    page.keyboard.press("Enter")
    message = page.locator("[data-demo-message]")
    expect(message).to_be_visible()
    right = re.search(r"(?<!\d)\d{6}(?!\d)", message.inner_text()).group()  # type: ignore[union-attr]
    page.locator("input[name=code]").press_sequentially(f"{(int(right) + 1) % 10**6:06}")
    expect(page.locator("input[name=code][aria-invalid=true]")).to_be_visible()
    page.locator("input[name=code]").fill("")
    page.locator("input[name=code]").press_sequentially(right)
    page.wait_for_url(lambda url: "/login/" not in url)


def test_the_code_changes_and_can_be_read_without_network(person: Person, shot: Any) -> None:
    page = person(LIN)
    page.goto("/code/")
    digits = page.locator("[data-code-digits]")
    # A till may have used up the code of this half minute; then the page waits for the next one.
    expect(digits).to_have_text(re.compile(r"^\d{4} \d{4} \d{4} \d{4} \d{2}$"), timeout=40_000)
    expect(page.locator("[data-code-qr] svg path").first).to_be_attached()
    shot(page, "member-code")
    before = digits.inner_text()
    page.context.set_offline(True)
    expect(digits).not_to_have_text(before, timeout=35_000)
    expect(page.locator("[data-code-kept]")).to_be_visible()
    page.context.set_offline(False)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("device", [NARROW, DESKTOP], ids=["narrow", "desktop"])
def test_no_page_is_wider_than_its_window(person: Person, shot: Any, device: dict[str, Any], dark: bool) -> None:
    page = person(LIN, device=device, dark=dark)
    for path in PAGES:
        page.goto(path)
        assert not overflows(page), path
        name = path.strip("/").replace("/", "-") or "home"
        shot(page, f"member-{name}-{'dark' if dark else 'light'}-{'narrow' if device is NARROW else 'desktop'}")


def test_why_is_one_tap_from_the_wallet(person: Person, shot: Any) -> None:
    page = person(LIN, device=PHONE)
    page.goto("/wallet/?kind=in")
    page.locator("#rows a.row").first.click()
    page.wait_for_url("**/wallet/entries/*/")
    expect(page.locator("main ol li").first).to_be_visible()
    shot(page, "member-why")
    assert not overflows(page)


def test_show_more_appends_to_the_list(person: Person) -> None:
    page = person(LIN)
    page.goto("/wallet/")
    rows = page.locator("#rows a.row")
    shown = rows.count()
    if shown < 20:
        pytest.skip("this town gave her fewer than 20 movements")
    page.locator("#rows-more a").click()
    expect(rows.nth(shown)).to_be_visible()
    links = rows.evaluate_all("rows => rows.map(row => row.innerText)")
    assert len(links) > shown


def test_pin_freeze_and_unfreeze(visit: Person) -> None:
    page = join(visit, new_phone())
    page.goto("/me/pin/")
    page.locator("form[action='/me/code/'] button").click()
    message = page.locator("[data-demo-message]")
    expect(message).to_be_visible()
    code = re.search(r"(?<!\d)\d{6}(?!\d)", message.inner_text()).group()  # type: ignore[union-attr]
    page.locator("input[name=code]").fill(code)
    page.locator("input[name=new]").fill("738264")
    page.locator("input[name=again]").fill("738264")
    page.locator("main form button.btn-primary").click()
    page.wait_for_url("**/me/")
    page.locator("form[action='/me/freeze/'] button").click()
    page.wait_for_url("**/me/")
    page.goto("/code/")
    expect(page.locator("[data-code]")).to_have_count(0)
    page.goto("/me/unfreeze/")
    page.locator("input[name=pin]").fill("738264")
    page.locator("main form button.btn-primary").click()
    page.wait_for_url("**/me/")
    page.goto("/code/")
    expect(page.locator("[data-code]")).to_be_visible()


def test_language_and_theme_switch_and_stay(visit: Person) -> None:
    page = join(visit, new_phone())
    page.goto("/me/")
    page.locator("main button[name=language][value=en]").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("button[name=theme][value=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "lianhui-dark")
    page.locator("main button[name=language][value=zh-hans]").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_signing_out_leaves_nothing_behind(visit: Person) -> None:
    page = join(visit, new_phone())
    page.goto("/code/")
    page.goto("/me/")
    page.locator("form[data-sign-out] button").last.click()
    page.wait_for_url("**/login/")
    page.goto("/code/")
    page.wait_for_url("**/login/**")
    page.go_back()
    expect(page.locator("[data-code-digits]")).to_have_count(0)


def test_the_browser_checks_that_ones_points_are_counted(person: Person, shot: Any) -> None:
    page = person(LIN)
    page.goto("/wallet/proof/")
    panel = page.locator("[data-proof]")
    expect(panel).to_have_attribute("data-result", "good")
    expect(panel.locator("li.is-bad")).to_have_count(0)
    shot(page, "member-proof")
    page.locator("[data-try]").click()
    expect(panel).to_have_attribute("data-result", "bad")
    expect(panel.locator("li.is-bad")).to_have_count(2)
    page.locator("[data-again]").click()
    expect(panel).to_have_attribute("data-result", "good")


def test_the_browser_sees_another_total_than_the_one_that_was_proved(person: Person) -> None:
    page = person(LIN)

    def forge(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('"total_points": ', '"total_points": 1'))

    page.route("**/reserve.json*", forge)
    page.goto("/wallet/proof/")
    expect(page.locator("[data-proof]")).to_have_attribute("data-result", "bad")
