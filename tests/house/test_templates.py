"""Templates hold no style and no script of their own: the content policy would ignore them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
BAD = {
    "a style attribute": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script of its own": re.compile(r"<script\b(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE),
    "an event attribute": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "another host": re.compile(r"(?:src|href)\s*=\s*[\"']https?://", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "unescaped text": re.compile(r"\|\s*safe\b(?!seq)"),
}

# What the server draws itself: a form field's widget, the QR and bar code of a member.
DRAWN_HERE = {"merchants/poster.html", "cotton/bound_field.html", "members/code.html"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_no_style_and_no_script(path: Path) -> None:
    text = re.sub(r"{#.*?#}|{% comment %}.*?{% endcomment %}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = {what for what, pattern in BAD.items() if pattern.search(text)}
    if path.relative_to(ROOT / "templates").as_posix() in DRAWN_HERE:
        found.discard("unescaped text")
    assert not found, f"{path.relative_to(ROOT)} has {', '.join(found)}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_every_post_form_carries_its_token(path: Path) -> None:
    for form in re.findall(
        r"<form\b[^>]*method=\"post\".*?</form>", path.read_text(encoding="utf-8"), re.DOTALL | re.IGNORECASE
    ):
        assert "csrf_token" in form, path
