"""Every icon that a template names is in the sprite, and every trade has one."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "alliance" / "static" / "img"
IN_TAG = re.compile(r'{% icon "([\w-]+)"')
IN_ATTRIBUTE = re.compile(r'<c-(?:badge|empty)\b[^>]*?\sicon="([\w-]+)"')


def names(sprite: str) -> set[str]:
    return set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / sprite).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", sorted((ROOT / "templates").rglob("*.html")), ids=lambda page: page.stem)
def test_icons_of_a_template_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(IN_TAG.findall(text)) | set(IN_ATTRIBUTE.findall(text)) <= names("icons.svg")


def test_every_trade_has_an_icon() -> None:
    trades = json.loads((ROOT / "alliance" / "data" / "trades.json").read_text(encoding="utf-8"))
    assert {trade["code"] for trade in trades} <= names("trades.svg")
