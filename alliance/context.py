"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from alliance.operator import operator


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "site_name": settings.LIANHUI_NAME,
        "is_demo": settings.LIANHUI_DEMO,
        "version": settings.LIANHUI_VERSION,
        "operator": operator(),
        "languages": settings.LANGUAGES,
        "theme": getattr(request, "theme", "system"),
        "request_id": getattr(request, "request_id", ""),
    }
