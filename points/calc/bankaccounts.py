"""Numbers of bank accounts in one form, however they were written."""

from __future__ import annotations

import re
import unicodedata

_BETWEEN = re.compile(r"[\s\u200b\u2010-\u2015\u2212-]+")


def normal(number: str) -> str:
    """Return an account number with narrow signs, without spaces and hyphens, in capitals: as the book keeps it."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", number)).upper()
