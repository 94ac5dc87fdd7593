"""docs/api.md and docs/openapi.json say what is true."""

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from alliance.refusals import catalogue
from merchants.api import urls
from merchants.models.key import Scope

DOCS = Path(__file__).resolve().parents[2] / "docs"
FLOORS = ("alliance", "points", "merchants", "stores", "members", "town")


def schema() -> Any:
    return json.loads(json.dumps(SchemaGenerator().get_schema(public=True), default=str))


def test_every_code_is_described_with_its_status() -> None:
    for floor in FLOORS:
        package = importlib.import_module(floor)
        for module in pkgutil.walk_packages(package.__path__, f"{floor}."):
            if "migrations" not in module.name and "commands" not in module.name:
                importlib.import_module(module.name)
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (\d{3}) \|", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    codes = [code for code, _status in rows]
    assert len(codes) == len(set(codes))
    assert dict(rows) == {code: str(refusal.status) for code, refusal in catalogue().items()}


def test_the_committed_description_is_fresh() -> None:
    """Refresh it by: ./run manage spectacular --format openapi-json --file docs/openapi.json"""
    assert json.loads((DOCS / "openapi.json").read_text(encoding="utf-8")) == schema()


def test_every_endpoint_is_documented_with_three_examples() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    for path, methods in schema()["paths"].items():
        short = path.removeprefix("/api/v1").replace("{sale_id}", "{id}").replace("{hold_id}", "{id}")
        for method in methods:
            assert f"{method.upper()} {short}" in text
    assert text.count("```sh\n") == text.count("```python\n") == text.count("```js\n")
    for scope in Scope.values:
        assert f"`{scope}`" in text


def test_every_address_says_who_may_call_it() -> None:
    for pattern in urls.urlpatterns:
        assert pattern.callback.access.startswith(("api:", "public"))


@pytest.mark.django_db
def test_both_are_served_here() -> None:
    client = Client()
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.json()["openapi"]) == (200, "3.1.0")
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "unsafe-inline" in page["Content-Security-Policy"]
    assert "://" not in re.sub(r'href="https?://(127|localhost)[^"]*"', "", page.content.decode()).replace(
        "http://www.w3.org", ""
    )
    script = client.get("/api/v1/docs?script=")
    assert script.status_code == 200
