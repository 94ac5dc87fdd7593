"""The theme keeps its promise: every pair of ink and ground passes AA, in both themes."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "contrast.py"), run_name="contrast")
CSS = (ROOT / "alliance" / "styles" / "theme.css").read_text(encoding="utf-8")


def test_black_on_white_is_twenty_one() -> None:
    assert TOOL["ratio"]("#000000", "#ffffff") == 21


def test_there_are_two_themes_with_the_same_colours() -> None:
    light, dark = TOOL["themes"](CSS).values()
    assert set(light) == set(dark)


def test_every_pair_passes_in_both_themes() -> None:
    assert TOOL["faults"](CSS) == []


def test_a_faint_ink_is_found() -> None:
    assert TOOL["faults"](CSS.replace("--ink-muted: #5c554f", "--ink-muted: #aaa39c"))
