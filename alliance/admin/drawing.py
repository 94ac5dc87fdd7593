"""Small things that lists and pages draw alike. (Unfold's own labels work in lists only.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

TONES = ("success", "warning", "danger", "info", "")


def label(words: Any, tone: str = "") -> SafeString:
    """Return words on a coloured ground."""
    return format_html('<span class="console-label {}">{}</span>', tone, words)


def labelled(
    *, description: Any, tones: Mapping[Any, str] | None = None, ordering: str | None = None
) -> Callable[[Callable[[Any, Any], Any]], Callable[[Any, Any], SafeString]]:
    """A column drawn as a label; the function returns (value, words), or words alone without `tones`."""

    def decorate(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], SafeString]:
        @wraps(function)
        def shown(self: Any, row: Any) -> SafeString:
            answer = function(self, row)
            value, words = answer if tones is not None else ("", answer)
            return label(words, (tones or {}).get(value, ""))

        shown.short_description = description  # type: ignore[attr-defined]
        shown.admin_order_field = ordering  # type: ignore[attr-defined]
        return shown

    return decorate
