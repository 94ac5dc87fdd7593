"""Promises of return in texts (G10): 增值, 稳赚, “guaranteed return”, however they are spelt.

A text is looked at without blanks, signs, accents and letter case, in whatever width; each character may stand in its
traditional form, in pinyin or taken apart. The words are data (points/data/promises.json), not code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

GAP = "\x00"


class Promises:
    """The list, ready to look through texts."""

    def __init__(
        self, *, words: Sequence[str], spellings: Mapping[str, Sequence[str]], harmless: Sequence[str]
    ) -> None:
        self._words = {word: re.compile(_pattern(word, spellings)) for word in words}
        self._harmless = [re.compile(_pattern(word, spellings)) for word in harmless]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Promises:
        return cls(words=data["words"], spellings=data["spellings"], harmless=data["harmless"])

    def found(self, text: str) -> list[str]:
        """Return the words that a text contains, in the order of the list."""
        plain = squeezed(text)
        for pattern in self._harmless:
            plain = pattern.sub(GAP, plain)
        return [word for word, pattern in self._words.items() if pattern.search(plain)]


def squeezed(text: str) -> str:
    """Return letters, characters and digits alone, in one case, one width and without accents."""
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).lower())
    return "".join(each for each in apart if unicodedata.category(each)[0] in "LN")


def _pattern(word: str, spellings: Mapping[str, Sequence[str]]) -> str:
    ways = ([each, *spellings.get(each, ())] for each in squeezed(word))
    return "".join(f"(?:{'|'.join(re.escape(squeezed(way)) for way in each)})" for each in ways)
