"""Keyset pages: a cursor says where the last page ended, so that new rows shift nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core import signing
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from alliance.refusals import declare

CURSOR_INVALID = declare(
    "cursor_invalid", 422, _("This cursor is not one of ours. Start again without it, and pass “next” on as it is.")
)
LIMIT_INVALID = declare("limit_invalid", 422, _("“limit” is a whole number from 1 to %(most)s."))
MOST = 200

CURSOR = OpenApiParameter("cursor", str, description="“next” of the page before.")
LIMIT = OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50})
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page of a list begins (None: at the beginning) and how many rows it has."""

    name: str
    after: Any
    limit: int

    @classmethod
    def of(cls, request: Request, name: str) -> Page:
        """Read cursor and limit of a request for the list `name`. Refuses: cursor_invalid, limit_invalid."""
        given = request.query_params.get("limit", "50")
        if not (given.isascii() and given.isdigit() and 1 <= int(given) <= MOST):
            raise LIMIT_INVALID(most=MOST)
        cursor = request.query_params.get("cursor", "")
        return cls(name, open_cursor(cursor, name) if cursor else None, int(given))

    def cut(self, rows: list[Row], place: Callable[[Row], Any]) -> tuple[list[Row], str | None]:
        """Return the page's rows and the next cursor, given one row more than the page has."""
        if len(rows) <= self.limit:
            return rows, None
        return rows[: self.limit], _signer(self.name).sign_object(place(rows[self.limit - 1]))


def open_cursor(cursor: str, name: str) -> Any:
    """Return what a cursor of this list holds; one of another list is none."""
    try:
        return _signer(name).unsign_object(cursor)
    except (signing.BadSignature, ValueError):
        raise CURSOR_INVALID() from None


def _signer(name: str) -> signing.Signer:
    return signing.Signer(salt=f"merchants.api.cursor.{name}")
