"""The console: one admin site for all staff, each within their own units."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_update
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite


class Console(UnfoldAdminSite):
    """Unfold's site with our door."""


def environment(request: HttpRequest) -> list[str] | None:
    """Return the mark in the page's corner: this is a demonstration with invented people."""
    return [_("Demo"), "warning"] if settings.LIANHUI_DEMO else None


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    return []
