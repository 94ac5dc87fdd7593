"""Browser journeys against a running Lianhui (`./run e2e` starts one and names it in LIANHUI_URL).

`person("13800138001")` signs somebody in and gives the page they land on; every page fails its test when the browser
reports a script error, a refused resource or a request to the outside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

# A machine that builds and serves at once is slow; waiting costs nothing when it is not.
expect.set_options(timeout=20_000)

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
NARROW = {"viewport": {"width": 360, "height": 740}}

# Without these Chromium asks its maker's hosts at every start.
_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A page that refuses something answers with a 4xx on purpose; the browser reports that as an error of loading.
_EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d)")

Person = Callable[..., Page]


@pytest.fixture(scope="session")
def address() -> str:
    return os.environ["LIANHUI_URL"].rstrip("/")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": os.environ.get("CHROMIUM", "/usr/bin/chromium"), "args": _ARGS}


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Person]:
    """Open a page as a stranger: visit("/", device=PHONE, dark=False, language="zh-hans")."""
    complaints: list[str] = []
    contexts = []

    def open_page(
        path: str = "/", device: dict[str, Any] = PHONE, dark: bool = False, language: str = "", state: Any = None
    ) -> Page:
        context = browser.new_context(
            base_url=address,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            storage_state=state,
            **device,
        )
        contexts.append(context)
        if language:
            context.add_cookies([{"name": "language", "value": language, "url": address}])
        page = context.new_page()

        def hear(message: ConsoleMessage) -> None:
            if message.type == "error" and not _EXPECTED.match(message.text):
                complaints.append(f"{page.url}: {message.text}")

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "request",
            lambda request: (
                complaints.append(f"outside: {request.url}")
                if not request.url.startswith((address, "data:", "blob:"))
                else None
            ),
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def doors() -> dict[str, Any]:
    """The cookies of those who signed in once: only a few codes an hour go to one phone."""
    return {}


@pytest.fixture
def person(visit: Person, doors: dict[str, Any]) -> Person:
    """Sign in by phone and one-time code: person("13800138001", device=…, dark=…, language=…)."""

    def enter(phone: str, **how: Any) -> Page:
        if phone in doors:
            page = visit("/front/", state=doors[phone], **how)
            if "/login/" not in page.url:
                return page
        page = visit("/login/", **how)
        page.locator("input[name=address]").fill(phone)
        page.keyboard.press("Enter")
        message = page.locator("[data-demo-message]").first
        expect(message).to_be_visible()
        found = re.search(r"(?<!\d)\d{6}(?!\d)", message.inner_text())
        assert found, "the demo shows no code"
        page.locator("input[name=code]").fill(found.group())
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login/" not in url)
        # Only the session: language and theme belong to each test.
        cookies = [each for each in page.context.cookies() if each["name"] == "sessionid"]
        doors[phone] = {"cookies": cookies, "origins": []}
        return page

    return enter


@pytest.fixture
def console(visit: Person) -> Person:
    """Sign in to the console with password and second factor: console("hq@demo.lianhui", device=…)."""

    def enter(email: str, **how: Any) -> Page:
        page = visit("/admin/login/", **{"device": DESKTOP, **how})
        page.locator("input[name=email]").fill(email)
        page.locator("input[name=password]").fill("lianhui-demo-2026")
        page.keyboard.press("Enter")
        page.locator("input[name=code]").fill(page.locator("[data-demo-code]").inner_text().strip())
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login/" not in url and "second" not in url)
        return page

    return enter


@pytest.fixture
def shot(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keep a picture for people to look at: in LIANHUI_SHOTS, else in the test's own folder."""
    folder = Path(os.environ.get("LIANHUI_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return take


def member_code(page: Page) -> str:
    """Return the code that works now as the member's page has it, or nothing while a used one waits for the next."""
    answer = page.request.get("/code.json").json()
    now = [step for step in answer["steps"] if datetime.fromisoformat(step["valid_from"]) <= datetime.now(UTC)]
    return re.sub(r"\D", "", now[-1]["digits"]) if now else ""


def overflows(page: Page) -> bool:
    """Return whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"))
