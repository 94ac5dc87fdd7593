"""Every face, as people see it: phone and desktop, Chinese and English, light and dark.

The pictures of the README come from here: `LIANHUI_SHOTS=docs/shots ./run e2e -k pictures`.
"""

from typing import Any

import pytest

from tests.e2e.conftest import DESKTOP, PHONE, Person, overflows

LOOKS = [
    pytest.param(PHONE, "zh-hans", False, id="phone-zh"),
    pytest.param(PHONE, "en", True, id="phone-en-dark"),
    pytest.param(DESKTOP, "zh-hans", False, id="desktop-zh"),
]
FACES = {
    "member": (
        "13800138001",
        {"home": "/", "code": "/code/", "wallet": "/wallet/", "lots": "/wallet/lots/", "places": "/places/"},
    ),
    "shop": ("13800138012", {"overview": "/shop/", "sales": "/shop/sales/", "float": "/shop/money/float/"}),
    "till": ("13800138011", {"": "/till/"}),
}


@pytest.mark.parametrize(("device", "language", "dark"), LOOKS)
@pytest.mark.parametrize("face", FACES)
def test_pictures_of_the_portal(
    person: Person, shot: Any, face: str, device: dict[str, Any], language: str, dark: bool
) -> None:
    phone, pages = FACES[face]
    page = person(phone, device=device, language=language, dark=dark)
    look = f"{'phone' if device is PHONE else 'desktop'}-{language[:2]}{'-dark' if dark else ''}"
    for name, path in pages.items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert not overflows(page), path
        shot(page, "-".join(filter(None, (face, name, look))))


@pytest.mark.parametrize(("language", "dark"), [("zh-hans", False), ("en", True)], ids=["zh", "en-dark"])
def test_pictures_of_the_console(console: Person, shot: Any, language: str, dark: bool) -> None:
    page = console("hq@demo.lianhui", device=DESKTOP, language=language, dark=dark)
    look = f"desktop-{language[:2]}{'-dark' if dark else ''}"
    for name, path in {
        "console": "/admin/",
        "console-merchants": "/admin/merchants/merchant/",
        "console-journals": "/admin/points/journal/",
    }.items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        shot(page, f"{name}-{look}")


@pytest.mark.parametrize("path", ["/", "/login/"])
def test_the_first_view_on_a_phone_is_light(person: Person, visit: Person, path: str) -> None:
    """At most 150 kB come over the wire, without a cache and without a request to the outside."""
    page = visit("about:blank")
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    page.goto(path, wait_until="networkidle")
    assert 0 < sum(sizes) <= 150_000
