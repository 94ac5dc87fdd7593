"""Saying no: one exception with a stable code, mapped once per front.

A module declares each code that it raises, once, when it is imported:

    FLOAT_EXHAUSTED = declare("float_exhausted", 409, _("The float is %(short_fen)s fen short. Top it up first."))
    ...
    raise FLOAT_EXHAUSTED(short_fen=300)

The code never changes; the sentence is shown in the reader's language and says what to do. docs/api.md lists them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """A verb says no. Nothing was changed."""

    def __init__(self, code: str, message: Any, status: int = 422, **facts: Any) -> None:
        super().__init__(code)
        self.code, self.message, self.status, self.facts = code, message, status, facts

    def text(self) -> str:
        """Return the sentence in the active language."""
        return str(self.message) % self.facts if self.facts else str(self.message)

    def __str__(self) -> str:
        return f"{self.code}: {self.text()}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line of the catalogue; calling it makes the exception."""

    code: str
    status: int
    message: Any

    def __call__(self, **facts: Any) -> Refused:
        return Refused(self.code, self.message, self.status, **facts)


_CATALOGUE: dict[str, Refusal] = {}


def declare(code: str, status: int, message: Any) -> Callable[..., Refused]:
    """Register `code` with its HTTP status and its sentence; a second declaration is a programming error."""
    if code in _CATALOGUE:
        raise RuntimeError(f"refusal {code} is declared twice")
    _CATALOGUE[code] = refusal = Refusal(code, status, message)
    return refusal


def catalogue() -> dict[str, Refusal]:
    return dict(sorted(_CATALOGUE.items()))


NOT_ALLOWED = declare("not_allowed", 403, _("You may not do this. Ask somebody whose post includes it."))
NOT_FOUND = declare("not_found", 404, _("There is nothing here, or it is not yours to see."))
