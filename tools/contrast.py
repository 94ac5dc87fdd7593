"""Check the contrast of every pair of ink and ground that the style sheet uses, in both themes.

    python tools/contrast.py        prints the pairs that fail, and exits with 1 if there are any

Levels of WCAG 2.2: 4.5 for text, 3 for large figures, edges of fields and the focus ring.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

THEME = Path(__file__).resolve().parent.parent / "alliance" / "styles" / "theme.css"
GROUNDS = ("color-base-100", "color-base-200")
TEXT = [
    *[(ink, ground) for ground in GROUNDS for ink in ("color-base-content", "ink-muted", "money-in", "link")],
    *[(ink, ground) for ground in GROUNDS for ink in ("color-primary", "color-error")],
    *[(f"color-{n}-content", f"color-{n}") for n in ("primary", "secondary", "accent", "neutral", "info", "success")],
    *[(f"color-{n}-content", f"color-{n}") for n in ("warning", "error")],
    *[(f"soft-{n}-ink", f"soft-{n}") for n in ("primary", "in", "warning", "error", "info", "neutral")],
    *[(ink, ground) for ground in ("pass-1", "pass-2") for ink in ("pass-ink", "pass-ink-soft")],
    ("ink-muted", "tab-ground"),
    ("color-primary", "tab-ground"),
    ("ink-muted", "soft-neutral"),
    ("ink-muted", "color-base-100"),
]
SHAPES = [
    *[("field-rule", ground) for ground in GROUNDS],
    *[("color-primary", ground) for ground in GROUNDS],
    ("pass-ink", "pass-1"),
    ("pass-ink", "pass-line"),
    ("color-primary", "soft-neutral"),
    ("money-in", "soft-neutral"),
]


def themes(css: str) -> dict[str, dict[str, str]]:
    """Return the colours of each theme by name, without the leading dashes."""
    found = {}
    for block in re.findall(r'@plugin "daisyui/theme" \{(.*?)\n\}', css, re.S):
        name = re.search(r'name: "([^"]+)"', block)
        if name:
            found[name[1]] = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    return found


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def faults(css: str) -> list[str]:
    """Return one sentence for each pair below its level."""
    said = []
    for name, colours in themes(css).items():
        for pairs, level in ((TEXT, 4.5), (SHAPES, 3.0)):
            for ink, ground in pairs:
                value = ratio(colours[ink], colours[ground])
                if value < level:
                    said.append(f"{name}: {ink} on {ground} is {value:.2f}, needs {level}")
    return said


if __name__ == "__main__":
    found = faults(THEME.read_text(encoding="utf-8"))
    print("\n".join(found) or f"{2 * (len(TEXT) + len(SHAPES))} pairs pass")
    sys.exit(bool(found))
