"""Who reaches what: every address × every role. Each view declares its access; here it is held to it.

public      anybody
signed_in   whoever signed in; others are sent to the login page
member, cashier, owner
            who has that face; other people get 404 (they learn nothing), strangers the login page
api:<scope> a key with that scope; without a key 401, without the scope 403
console     both steps of the console's door and the class's permission (tests/admin)
"""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from merchants.models.key import Scope
from tests.cast import Town
from tests.factories import members, merchants, staff
from tests.house.routes import CONSOLE, OURS, Route

FACES = ("member", "cashier", "owner")
PEOPLE = ("anonymous", "stranger", "member", "cashier", "owner", "centre", "region", "hq", "finance", "risk")
# Which faces each role has.
HAS: dict[str, set[str]] = {
    "member": {"member"},
    "cashier": {"cashier"},
    "owner": {"cashier", "owner"},
}
BEFORE_THE_DOOR = {"admin:login", "admin:second_factor", "admin:enrol"}


def test_every_view_declares_its_access() -> None:
    known = {"public", "signed_in", *FACES, "api:any", *(f"api:{scope}" for scope in Scope.values)}
    undeclared = {route.path: route.access for route in OURS if route.access not in known}
    assert not undeclared


def test_every_address_has_a_name() -> None:
    assert not [route.path for route in OURS if route.name.endswith("None")]


@pytest.fixture
def browsers(db: None) -> dict[str, Client]:
    """One browser per role."""
    cache.clear()
    town = Town()
    found = {"anonymous": Client()}
    users: dict[str, Any] = {
        "stranger": members.user(),
        "member": town.zhou.user,
        "cashier": town.cashier,
        "owner": town.owner,
    }
    for name, user in users.items():
        found[name] = Client()
        found[name].force_login(user, backend="alliance.auth.StaffBackend")
    region = staff.unit("region", "甲大区")
    posts = {
        "centre": ("centre_staff", staff.unit("centre", "甲中心", region)),
        "region": ("region_manager", region),
        "hq": ("hq_admin", None),
        "finance": ("finance", None),
        "risk": ("risk", None),
    }
    for name, (role, unit) in posts.items():
        found[name] = staff.console(staff.colleague(role, unit))
    return found


def outcome(answer: Any) -> str:
    """Return in one word what happened."""
    location = answer.headers.get("Location", "")
    if answer.status_code in (301, 302) and location.startswith(("/login/", "/admin/login/")):
        return "login"
    if answer.status_code in (401, 403, 404):
        return {401: "no key", 403: "forbidden", 404: "not there"}[answer.status_code]
    assert answer.status_code < 500 or answer.status_code == 503, answer.status_code
    return "reached"


def expected(route: Route, role: str, method: str) -> set[str]:
    """Return what may happen. Whoever is let in may still be told that a row, or what an empty form names, is not there."""
    access = route.access or ""
    reached = {"reached", "not there"} if "<" in route.path or method == "post" else {"reached"}
    if access == "public":
        # A later step of signing in sends back to its first one.
        return {*reached, "login"}
    if access.startswith("api:"):
        return {"no key"}
    if role == "anonymous":
        return {"login"}
    if access == "signed_in":
        return reached
    return reached if access in HAS.get(role, set()) else {"not there"}


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_address_answers_every_role_as_declared(browsers: dict[str, Client], method: str) -> None:
    wrong = []
    for route in OURS:
        for role in PEOPLE:
            browser = browsers[role]
            if route.name == "logout":
                continue
            answer = getattr(browser, method)(route.example())
            if (got := outcome(answer)) not in expected(route, role, method):
                wrong.append(f"{method} /{route.path} as {role}: {got}, expected {expected(route, role, method)}")
    assert not wrong, "\n".join(wrong)


def test_the_console_is_shut_for_everybody_without_its_door(browsers: dict[str, Client]) -> None:
    wrong = []
    for route in CONSOLE:
        if route.name in BEFORE_THE_DOOR or route.name.endswith(":logout") or "(?P<" in route.path:
            continue
        for role in ("anonymous", "member", "owner"):
            for method in ("get", "post"):
                got = outcome(getattr(browsers[role], method)(route.example()))
                if got != "login":
                    wrong.append(f"{method} /{route.path} as {role}: {got}")
    assert not wrong, "\n".join(wrong)


def test_every_api_address_wants_its_scope(db: None) -> None:
    cache.clear()
    town = Town()
    wrong = []
    for scope in Scope.values:
        secret = merchants.api_key(town.hotpot.merchant, scopes=[scope])
        headers = {"Authorization": f"Bearer {secret}"}
        for route in OURS:
            if not (route.access or "").startswith("api:"):
                continue
            may = route.access in ("api:any", f"api:{scope}")
            for method in ("get", "post"):
                answer = getattr(Client(), method)(
                    route.example(),
                    **({"content_type": "application/json"} if method == "post" else {}),
                    headers=headers,
                )
                refused = answer.status_code in (401, 403)
                if answer.status_code == 405 and not may:
                    continue
                if refused is may:
                    wrong.append(f"{method} /{route.path} with {scope}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_an_api_key_opens_no_page(db: None) -> None:
    cache.clear()
    secret = merchants.api_key(Town().hotpot.merchant)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    for route in OURS:
        if route.access in (*FACES, "signed_in"):
            assert outcome(client.get(route.example())) == "login", route.path
    assert outcome(client.get("/admin/")) == "login"


def test_an_unknown_key_is_told_nothing(db: None) -> None:
    client = Client(headers={"Authorization": "Bearer lh_live_0000000000000000000000"})
    for route in OURS:
        if (route.access or "").startswith("api:"):
            assert client.get(route.example()).status_code in (401, 405), route.path
