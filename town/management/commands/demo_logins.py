"""Prints who can sign in to the demo, as whom and how."""

import unicodedata
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand

from alliance.models import Post, User
from town.world import cast

HEADINGS = ("who", "face", "page", "sign in with")
_FACES = {
    Post.Role.HQ_ADMIN: "headquarters",
    Post.Role.FINANCE: "finance",
    Post.Role.RISK: "risk",
    Post.Role.REGION_MANAGER: "regional manager",
    Post.Role.CENTRE_STAFF: "service centre",
    Post.Role.STORE_MANAGER: "store manager",
}


class Command(BaseCommand):
    help = "Prints the demo's logins."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="", help="where the demo is served, such as http://127.0.0.1:8000")

    def handle(self, *args: Any, **words: Any) -> None:
        for line in text(words["address"].rstrip("/")):
            self.stdout.write(line)


def text(address: str) -> list[str]:
    """Return the table and how its last column is meant; nothing before there is a town."""
    known = set(User.objects.filter(phone__isnull=False).values_list("phone", flat=True))
    rows = [row for row in _people(address) if f"+86{row[3]}" in known]
    emails = set(User.objects.filter(email__endswith="@demo.lianhui").values_list("email", flat=True))
    rows += [row for row in _staff(address) if row[3] in emails]
    if not rows:
        return ["There is no demo town here yet: ./run town --scale small"]
    return [
        *table([HEADINGS, *rows]),
        "",
        f"Phones get a one-time code, shown on the page. 林婶's PIN is {cast.PIN}.",
        f"E-mail addresses take the password {cast.PASSWORD} and the 6-digit code shown on the page.",
        "Everybody and everything in this town is invented. 本演示中的人物、店铺和数字均为虚构。",
    ]


def _people(address: str) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [(member.name, "member", f"{address}/", member.phone) for member in cast.MEMBERS]
    for shop in cast.SHOPS:
        if shop.cashier_phone:
            rows.append((f"{shop.short_name} 收银员", "cashier", f"{address}/till/", shop.cashier_phone))
        if shop.owner_phone:
            rows.append((f"{shop.short_name} 店主", "owner", f"{address}/shop/", shop.owner_phone))
    return rows


def _staff(address: str) -> list[Sequence[str]]:
    return [(person.name, _FACES[Post.Role(person.role)], f"{address}/admin/", person.email) for person in cast.STAFF]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns; a Chinese character is two columns wide."""
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "  ".join("─" * wide for wide in widths), *lines[1:]]


def width(text: str) -> int:
    """Return how many columns a terminal needs."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
