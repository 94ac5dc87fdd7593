"""The main job, as people do it: points earned on dinner pay for detergent.

林婶 eats at the hot-pot restaurant 老灶火锅; its cashier books the bill with her code. Later she buys detergent at the
supermarket 比那多 and pays a part of it with points. Both tills, her phone, no typing of names anywhere.
"""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import DESKTOP, PHONE, Person, member_code, overflows

LIN, HOTPOT, MARKET = "13800138001", "13800138011", "13800138013"


def points_of(page: Page) -> dict[str, int]:
    """Return what 林婶 has by her own data export: what she can spend, and all of it."""
    page.goto("/code/")
    return {"free": _number(page.locator(".figure").first.inner_text())}


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def fresh_code(page: Page, old: str = "") -> str:
    """Wait for a code that was not used yet: a new one comes every 30 seconds."""
    for _ in range(70):
        code = member_code(page)
        if code and code != old:
            return code
        page.wait_for_timeout(500)
    raise AssertionError("no new member code within 35 seconds")


def identify(till: Page, code: str) -> None:
    till.goto("/till/")
    till.locator("input[name=member]").fill(code)
    till.keyboard.press("Enter")
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_dinner_pays_for_detergent(person: Person, shot: Any, device: dict[str, Any]) -> None:
    name = "phone" if device is PHONE else "desktop"
    lin = person(LIN, device=PHONE)
    hotpot = person(HOTPOT, device=device)
    market = person(MARKET, device=device)
    free = points_of(lin)["free"]

    # Dinner: scan, amount, Enter.
    code = fresh_code(lin)
    identify(hotpot, code)
    hotpot.locator("input[name=amount]").fill("268")
    expect(hotpot.locator("[data-till-preview] dl")).to_contain_text("1,340")  # 268 × 8 % × 62.5 %
    shot(hotpot, f"journey-1-till-{name}")
    hotpot.locator("[data-till-finish]").click()
    expect(hotpot.locator(".done-mark")).to_be_visible()
    expect(hotpot.locator("main")).to_contain_text("+1,340")
    shot(hotpot, f"journey-2-receipt-{name}")

    # She sees it at once; it matures in seven days.
    lin.goto("/wallet/")
    expect(lin.locator("main")).to_contain_text("+1,340")
    shot(lin, f"journey-3-wallet-{name}")

    # Detergent: 12 yuan of a 39.90 bill in points that she earned before.
    assert free >= 1200, "the town gives 林婶 points to spend"
    identify(market, fresh_code(lin, code))
    market.locator("input[name=amount]").fill("39.90")
    market.locator("summary").first.click()
    market.locator("input[name=spend_points]").fill("1200")
    expect(market.locator("[data-till-preview] dl")).to_contain_text("27.90")
    shot(market, f"journey-4-detergent-{name}")
    market.locator("[data-till-finish]").click()
    expect(market.locator(".done-mark")).to_be_visible()
    expect(market.locator("main")).to_contain_text("27.90")
    assert not overflows(market)

    lin.goto("/wallet/")
    expect(lin.locator("main")).to_contain_text("1,200")
    shot(lin, f"journey-5-spent-{name}")
    # The supermarket's own points are usable at once (groceries), so she has 1,200 less and what this bill earned.
    assert free - 1200 <= points_of(lin)["free"] < free


def test_a_code_opens_one_sale_only(person: Person) -> None:
    lin, hotpot, market = person(LIN), person(HOTPOT), person(MARKET)
    code = fresh_code(lin)
    identify(hotpot, code)
    market.goto("/till/")
    market.locator("input[name=member]").fill(code)
    market.keyboard.press("Enter")
    expect(market.locator("[data-till-preview] [role=alert], [data-till-preview] .notice").first).to_be_visible()
    expect(market.locator("[data-till-finish]")).to_be_disabled()


def test_a_void_takes_everything_back(person: Person) -> None:
    lin, hotpot = person(LIN), person(HOTPOT, device=DESKTOP)
    identify(hotpot, fresh_code(lin))
    hotpot.locator("input[name=amount]").fill("55.50")
    expect(hotpot.locator("[data-till-preview] dl")).to_contain_text("277")
    hotpot.locator("[data-till-finish]").click()
    expect(hotpot.locator(".done-mark")).to_be_visible()
    hotpot.locator("[data-dialog^=void]").first.click()
    hotpot.locator("dialog[open] form button.btn-error").click()
    expect(hotpot.locator("main .done-mark.is-warning")).to_be_visible()
    lin.goto("/wallet/")
    expect(lin.locator("main")).to_contain_text("-277".replace("-", "−"))
