"""Refunds as a cashier does them: choose, read the figure, press once; with a network that breaks; on a phone."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.conftest import DESKTOP, NARROW, PHONE, Person, overflows
from tests.e2e.test_till import CASHIER, MEMBER, receipt_number


def sell(till: Page, amount: str) -> str:
    till.goto("/till/")
    till.locator("input[name=member]").fill(MEMBER)
    expect(till.locator("[data-till-preview] .check-mark")).to_be_visible()
    till.locator("input[name=amount]").fill(amount)
    expect(till.locator("[data-till-preview] dl")).to_contain_text(amount)
    till.locator("[data-till-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    return receipt_number(till)


def test_a_part_then_the_rest(person: Person, shot: Any) -> None:
    till = person(CASHIER, device=PHONE)
    number = sell(till, "88.00")
    till.locator(f"a[href$='/till/sales/{number}/refund/']").click()
    expect(till.locator("[data-cash-back]")).to_have_text("¥88.00")
    shot(till, "refund-all-phone")
    till.locator("input[name=what][value=amount]").check()
    till.locator("input[name=amount]").fill("30.5")
    expect(till.locator("[data-cash-back]")).to_have_text("¥30.50")
    assert not overflows(till)
    till.locator("[data-refund-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    assert "/till/refunds/" in till.url
    shot(till, "refunded-phone")
    assert not overflows(till)
    till.go_back()
    expect(till.locator("[data-cash-back]")).to_have_text("¥57.50")
    shot(till, "refund-rest-phone")
    till.locator("[data-refund-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    till.goto(f"/till/sales/{number}/refund/")
    expect(till.locator("[data-refund-finish]")).to_have_count(0)
    shot(till, "refund-nothing-left-phone")


def test_found_by_its_number_and_reckoned_while_choosing(person: Person, shot: Any) -> None:
    till = person(CASHIER, device=DESKTOP, language="en")
    number = sell(till, "45.60")
    till.goto("/till/recent/")
    shot(till, "refund-find-desktop")
    till.locator("input[name=q]").fill(number)
    till.keyboard.press("Enter")
    till.locator(f"a[href$='/till/sales/{number}/refund/']").click()
    till.locator("input[name=cash_given]").check()
    till.locator("input[name=what][value=amount]").check()
    expect(till.locator("[data-refund-finish]")).to_have_count(0)
    till.locator("input[name=amount]").fill("45.61")
    expect(till.locator("[data-refund-preview] .soft-error")).to_be_visible()
    till.locator("input[name=amount]").fill("45.60")
    expect(till.locator("[data-cash-back]")).to_have_text("¥45.60")
    shot(till, "refund-desktop-en")
    till.keyboard.press("Enter")
    expect(till.locator(".done-mark")).to_be_visible()
    shot(till, "refunded-desktop-en")


def test_an_answer_that_is_lost_refunds_once(person: Person, shot: Any) -> None:
    till = person(CASHIER, device=NARROW)
    number = sell(till, "12.00")
    till.goto(f"/till/sales/{number}/refund/")
    expect(till.locator("[data-refund-finish]")).to_be_visible()
    lost: list[str] = []

    def lose(route: Any) -> None:
        if route.request.method == "POST" and len(lost) < 3:
            lost.append(route.request.url)
            route.fetch(max_redirects=0)
            return route.fulfill(status=429)
        return route.continue_()

    till.route(re.compile(r"/refund/$"), lose)
    till.locator("[data-refund-finish]").click()
    expect(till.locator("[data-refund-trouble]")).to_be_visible()
    shot(till, "refund-trouble-phone")
    till.locator("[data-refund-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    assert len(lost) == 3
    till.goto(f"/till/sales/{number}/")
    assert till.locator("a[href*='/till/refunds/']").count() == 1
    assert not overflows(till)


def test_above_a_cashiers_limit(person: Person, shot: Any) -> None:
    till = person(CASHIER, device=PHONE)
    number = sell(till, "260.00")
    till.goto(f"/till/sales/{number}/refund/")
    expect(till.locator("[data-refund-preview] .soft-error")).to_be_visible()
    shot(till, "refund-needs-manager-phone")
    till.locator("input[name=what][value=amount]").check()
    till.locator("input[name=amount]").fill("200")
    expect(till.locator("[data-cash-back]")).to_have_text("¥200.00")


def test_the_member_reads_it(person: Person, shot: Any) -> None:
    till = person(CASHIER, device=PHONE)
    number = sell(till, "66.00")
    till.goto(f"/till/sales/{number}/refund/")
    till.locator("[data-refund-finish]").click()
    expect(till.locator(".done-mark")).to_be_visible()
    done = till.url.rstrip("/").rsplit("/", 1)[1]
    page = person(MEMBER, device=PHONE)
    page.goto(f"/wallet/entries/{done}/")
    expect(page.locator("main")).to_contain_text("66.00")
    shot(page, "refund-member-phone")
    assert not overflows(page)
