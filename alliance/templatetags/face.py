"""Small drawing helpers for templates/cotton: masks, tiles, charts. Amounts are in `lianhui`."""

from __future__ import annotations

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alliance.calc import chart

register = template.Library()

TILE_TONES = ("primary", "in", "warning", "info", "neutral")


@register.filter
def masked_phone(phone: str | None) -> str:
    """+8613800138001 → 138 **** 8001; anything too short to hide in becomes four stars."""
    digits = "".join(c for c in phone or "" if c.isdigit()).removeprefix("86")
    return f"{digits[:3]} **** {digits[-4:]}" if len(digits) >= 9 else "****"


@register.filter
def initial(name: Any) -> str:
    """The first letter or character of a name, for a tile."""
    return (str(name or "").strip() or "·")[0].upper()


@register.filter
def tile_tone(name: Any) -> str:
    """A tint for a name: always the same one, so that a shop is recognised by it."""
    return TILE_TONES[sum(str(name or "").encode()) % len(TILE_TONES)]


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """{% icon "wallet" %}: a line icon of img/icons.svg, hidden from screen readers (write the word beside it)."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', css, static("img/icons.svg"), name
    )


@register.simple_tag
def trade_icon(code: str) -> SafeString:
    """The icon of a trade by its code; img/trades.svg holds one for each trade."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("img/trades.svg"), code)


@register.simple_tag
def bars(values: list[float], width: int = 600, height: int = 160) -> list[chart.Bar]:
    """Rectangles of a bar chart of these values, in a box of width × height."""
    return chart.bars(values, width, height)


@register.simple_tag
def spark(values: list[float], width: int = 120, height: int = 32) -> str:
    """The points attribute of a polyline: straight lines, only through points that exist."""
    return chart.points(values, width, height)


@register.simple_tag
def ticks(values: list[float], height: int = 160) -> list[chart.Tick]:
    """Three or four round numbers for the scale of a chart, with their height in the box."""
    return chart.ticks(values, height)


@register.simple_tag(takes_context=True)
def theme_attribute(context: template.Context) -> SafeString | str:
    """The data-theme attribute of <html>: the browser's choice, else the profile's, else none (the system decides)."""
    request = context.get("request")
    chosen = (request.COOKIES.get("theme") if request else "") or getattr(context.get("user"), "theme", "")
    name = {"light": "lianhui", "dark": "lianhui-dark"}.get(chosen or "")
    return format_html(' data-theme="{}"', name) if name else ""
