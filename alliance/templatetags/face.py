"""Small drawing helpers for templates/cotton: icons, tiles, form fields, charts. Amounts and masks are in `lianhui`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select, Textarea
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alliance.calc import chart

register = template.Library()

TILE_TONES = ("primary", "in", "info", "neutral")


@register.filter
def initial(name: Any) -> str:
    """The first letter or character of a name, for a tile."""
    return (str(name or "").strip() or "·")[0].upper()


@register.filter
def tile_tone(name: Any) -> str:
    """A tint for a name or trade: always the same one, so that it is recognised. Never the yellow of warnings."""
    return TILE_TONES[crc32(str(name or "").encode()) % len(TILE_TONES)]


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """{% icon "wallet" %}: a line icon of img/icons.svg, hidden from screen readers (write the word beside it)."""
    sprite = static("img/icons.svg")
    return format_html('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', css, sprite, name)


@register.simple_tag
def trade_icon(code: str) -> SafeString:
    """The icon of a trade by its code: img/trades.svg holds one for each of alliance/data's trades."""
    sprite = static("img/trades.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, code)


@register.simple_tag
def route(name: str, otherwise: str, *args: Any) -> str:
    """The address of a named page, or the other one where this installation does not have that page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return otherwise


@register.simple_tag
def dressed(field: BoundField) -> SafeString:
    """A form field's widget with our classes, and with its hint and error tied to it."""
    widget = field.field.widget
    attrs: dict[str, Any] = {}
    if isinstance(widget, CheckboxInput):
        attrs["class"] = "checkbox checkbox-primary"
    elif isinstance(widget, Select):
        attrs["class"] = "select"
    elif isinstance(widget, Textarea):
        attrs["class"] = "textarea"
    elif isinstance(widget, CheckboxSelectMultiple):
        attrs["class"] = "checkbox checkbox-primary"
    elif isinstance(widget, RadioSelect):
        attrs["class"] = "radio radio-primary"
    else:
        attrs["class"] = "input"
    if own := widget.attrs.get("class"):
        attrs["class"] = f"{attrs.get('class', '')} {own}".strip()
    if field.errors:
        attrs["aria-invalid"] = "true"
    described = [f"{field.auto_id}_helptext"] if field.help_text else []
    described += [f"{field.auto_id}_error"] if field.errors else []
    if described:
        attrs["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attrs)


@register.simple_tag
def spark(values: Sequence[float], width: int = 120, height: int = 32) -> str:
    """The points of a polyline: straight lines, only through points that exist."""
    return chart.points(values, width, height)


@register.simple_tag
def chart_box(labels: Sequence[Any], values: Sequence[float], shown: Sequence[Any] | None = None) -> chart.Box:
    """Everything that <c-chart> draws: bars, scale, words."""
    words = [str(word) for word in (shown or [f"{value:,}" for value in values])]
    return chart.box([str(label) for label in labels], values, words, width=600, height=160)
