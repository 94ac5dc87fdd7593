"""What people do beside the main job: look for a shop, print its poster, undo at once, leave."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import DESKTOP, NARROW, PHONE, Person, overflows

LIN, ZHOU, CASHIER, OWNER = "13800138001", "13800138002", "13800138011", "13800138012"
# The main square of the demo town.
SQUARE = {"latitude": 37.11, "longitude": 79.92}


def metres(page: Page) -> list[float]:
    """Return the distances as they stand in the list."""
    words = page.locator("#shops .row span.num.text-sm.font-semibold").all_inner_texts()
    found = [re.search(r"([\d.,]+) *(米|m|公里|km)", text) for text in words]
    return [float(each[1].replace(",", "")) * (1000 if each[2] in ("公里", "km") else 1) for each in found if each]


def test_the_nearest_shops_when_the_place_is_given(browser: Browser, address: str, person: Person) -> None:
    state = person(LIN).context.storage_state()
    context = browser.new_context(
        base_url=address, storage_state=state, geolocation=SQUARE, permissions=["geolocation"], **PHONE
    )
    page = context.new_page()
    page.goto("/places/")
    assert metres(page) == []
    page.locator("[data-near-ask]").click()
    expect(page.locator("[data-near-leave]")).to_be_visible()
    far = metres(page)
    assert len(far) >= 10
    assert far == sorted(far)
    assert "37.11" not in page.url
    # A trade narrows it, a shop's page leads back to the same list.
    page.locator("#found .chips a").nth(1).click()
    expect(page.locator("#found .chips a").nth(1)).to_have_attribute("aria-current", "true")
    page.locator("#shops a.row").first.click()
    page.wait_for_url(re.compile(r"/places/\d+/$"))
    page.go_back()
    expect(page.locator("[data-near-leave]")).to_be_visible()
    page.locator("[data-near-leave]").click()
    expect(page.locator("[data-near-ask]")).to_be_visible()
    assert metres(page) == []
    context.close()


def test_without_the_place_there_are_districts(person: Person) -> None:
    page = person(ZHOU)
    page.goto("/places/")
    page.locator("[data-near-ask]").click()
    expect(page.locator("[data-toast]")).to_be_visible()
    page.locator("#found .chips").first.locator("a").nth(1).click()
    page.wait_for_url(re.compile("district="))
    expect(page.locator("#shops a.row").first).to_be_visible()


def test_a_poster_fits_one_sheet_and_its_code_leads_to_the_shop(person: Person, visit: Person) -> None:
    page = person(OWNER, device=DESKTOP)
    page.goto("/shop/outlets/")
    page.locator("a[href$='/poster/']").first.click()
    link = page.locator(".poster-foot").inner_text().split(" ")[0]
    assert len(re.findall(rb"/Type */Page\b", page.pdf(format="A4"))) == 1
    stranger = visit(link)
    expect(stranger.locator("h1")).to_be_visible()
    expect(stranger.locator("main a.btn-primary")).to_be_visible()


def test_one_press_undoes_what_was_just_booked(person: Person) -> None:
    till = person(CASHIER, device=PHONE)
    till.goto("/till/")
    till.locator("input[name=member]").fill(ZHOU)
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()
    till.locator("[data-till-finish]").click()
    # Nothing typed: said beside the field, in the page's language.
    expect(till.locator("#amount-error")).not_to_be_empty()
    till.locator("input[name=amount]").fill("-5")
    expect(till.locator("[data-till-preview] .soft-error")).to_be_visible()
    till.locator("input[name=amount]").fill("12.50")
    expect(till.locator("[data-till-preview] dl")).to_contain_text("62")
    till.locator("[data-till-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    till.locator("#toasts form button").click()
    expect(till.locator(".done-mark.is-warning")).to_be_visible()
    expect(till.locator("main [role=status]")).to_contain_text("12.50")


def test_a_cashier_leaves_from_a_phone(person: Person) -> None:
    till = person(CASHIER, device=NARROW)
    till.goto("/till/")
    till.locator("header [data-dialog=account-sheet]").click()
    expect(till.locator("#account-sheet form[data-sign-out] button")).to_be_visible()
    assert not overflows(till)
    till.locator("#account-sheet a[href*='choose']").click()
    expect(till.locator("button[name=face]").first).to_be_visible()


def test_the_console_shows_points_given_and_spent_as_bars(console: Person) -> None:
    page = console("hq@demo.lianhui")
    page.goto("/admin/")
    bars = page.evaluate(
        "Chart.getChart(document.querySelector('canvas.chart')).data.datasets.map(set => Math.max(...set.data))"
    )
    assert len(bars) == 2
    assert min(bars) > 0


def test_a_console_list_is_found_as_it_was_left(console: Person) -> None:
    page = console("finance@demo.lianhui")
    page.goto("/admin/alliance/approval/?state__exact=approved")
    page.goto("/admin/")
    page.locator("#nav-sidebar-apps a[href='/admin/alliance/approval/']").click()
    page.wait_for_url("**/approval/?state__exact=approved")
    page.locator("h1 a[href='?']").click()
    page.wait_for_url(lambda url: "state__exact" not in url)
