"""Every address of the project, found by walking the resolver: a new one is tested without anybody thinking of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """An address with its name and the view behind it."""

    path: str
    name: str
    view: Any

    @property
    def access(self) -> str | None:
        """Return who may call it, as the view declares."""
        return getattr(self.view, "access", None) or getattr(getattr(self.view, "cls", None), "access", None)

    @property
    def is_console(self) -> bool:
        return self.name.startswith("admin:")

    def example(self, number: int = 987_654_321) -> str:
        """Return the address with something in the place of every argument: a number that exists nowhere, or a word."""

        def fill(match: re.Match[str]) -> str:
            kind = match["kind"] or "str"
            return str(2026 if match["name"] == "year" else number) if kind == "int" else "nothing"

        return "/" + re.sub(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>", fill, self.path)


def routes(resolver: Any = None, prefix: str = "", space: str = "") -> Iterator[Route]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from routes(entry, prefix + str(entry.pattern), inner)
        elif isinstance(entry, URLPattern):
            yield Route(prefix + str(entry.pattern), f"{space}{entry.name}", entry.callback)


ALL = list(routes())
OURS = [route for route in ALL if not route.is_console]
CONSOLE = [route for route in ALL if route.is_console]
