"""Money, points, times and phone numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from alliance.calc import money
from alliance.calc.worktime import SHANGHAI

register = template.Library()
MINUS = "−"


@register.filter
def yuan(fen: int | None) -> str:
    """1234 → ¥12.34"""
    if fen is None:
        return "–"
    return f"{MINUS if fen < 0 else ''}¥{money.yuan(abs(int(fen)))}"


@register.filter
def worth(points: int | None) -> str:
    """-600 → ¥6.00: what points are worth, whichever way they went."""
    return yuan(abs(points)) if points is not None else "–"


@register.filter
def signed_yuan(fen: int | None) -> str:
    """1234 → +¥12.34: sign for people who do not see the colour."""
    if fen is None:
        return "–"
    return f"+{yuan(fen)}" if fen > 0 else yuan(fen)


@register.filter
def thousands(number: int | None) -> str:
    """1234 → 1,234"""
    if number is None:
        return "–"
    return f"{MINUS if number < 0 else ''}{abs(int(number)):,}"


@register.filter
def listed(things: Iterable[Any]) -> str:
    """Several things in one sentence."""
    # Translators: 、
    return pgettext("between things", ", ").join(map(str, things))


@register.filter
def points(number: int | None) -> str:
    """1234 → 1,234 points"""
    if number is None:
        return "–"
    # Translators: 积分
    return _("%(number)s points") % {"number": thousands(number)}


@register.filter
def signed_points(number: int | None) -> str:
    """1234 → +1,234; -5 → −5"""
    if number is None:
        return "–"
    return f"+{thousands(number)}" if number > 0 else thousands(number)


@register.filter
def local_time(at: datetime | None, form: str = "SHORT_DATETIME_FORMAT") -> str:
    """A time in Shanghai, whatever the server's zone."""
    if at is None:
        return "–"
    return date_format(timezone.localtime(at, SHANGHAI), form)


@register.filter
def bps(value: int | None) -> str:
    """800 → 8 %; 1875 → 18.75 %"""
    if value is None:
        return "–"
    return f"{value / 100:.2f}".rstrip("0").rstrip(".") + "%"


@register.filter
def distance(metres: float | None) -> str:
    """348.2 → 350 m; 1234 → 1.2 km"""
    if metres is None:
        return "–"
    if metres < 995:
        # Translators: %(n)s 米
        return _("%(n)s m") % {"n": max(10, round(metres / 10) * 10)}
    # Translators: %(n)s 公里
    return _("%(n)s km") % {"n": f"{metres / 1000:.1f}" if metres < 99_950 else f"{metres / 1000:,.0f}"}


@register.filter
def masked_phone(phone: Any) -> str:
    """+8613800138001 → 138****8001"""
    digits = "".join(letter for letter in str(phone or "") if letter.isdigit())
    if not digits:
        return "–"
    if len(digits) == 13 and digits.startswith("86"):
        digits = digits[2:]
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 9 else "****"


@register.filter
def masked_email(email: Any) -> str:
    """lin@example.cn → l***@example.cn"""
    name, at, host = str(email or "").partition("@")
    return f"{name[:1]}***@{host}" if at else "–"
