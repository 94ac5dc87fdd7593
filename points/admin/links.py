"""Numbers of the book as links. The book does not know its holders, so a name is never needed."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alliance.templatetags.lianhui import signed_points, thousands, yuan


def link(label: str, pk: int | None, text: str) -> str | SafeString:
    if not pk:
        return "–"
    try:
        return format_html(
            '<a class="console-link" href="{}">{}</a>', reverse(f"admin:{label}_change", args=(pk,)), text
        )
    except NoReverseMatch:
        return text


def wallet(pk: int | None) -> str | SafeString:
    return link("points_wallet", pk, f"W{pk}")


def account(pk: int | None) -> str | SafeString:
    return link("points_account", pk, f"A{pk}")


def journal(pk: int | None) -> str | SafeString:
    return link("points_journal", pk, f"J{pk}")


def outlet(pk: int | None) -> str | SafeString:
    return link("merchants_outlet", pk, f"O{pk}")


def signed(points: int | None) -> SafeString | str:
    """Return points with sign and colour."""
    if points is None:
        return "–"
    return format_html('<span class="console-{}">{}</span>', "in" if points >= 0 else "out", signed_points(points))


def money(fen: int | None) -> SafeString:
    return format_html('<span class="console-n">{}</span>', yuan(fen))


def number(points: int | None) -> SafeString | str:
    return "–" if points is None else format_html('<span class="console-n">{}</span>', thousands(points))
