"""Money and points as people write them. All values are integers; 1 point = 1 fen."""

import re

MAX_FEN = 1_000_000_000
_AMOUNT = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d{1,8})(?:\.(\d{1,2}))?", re.ASCII)
_FULL_WIDTH = str.maketrans("０１２３４５６７８９．，￥。", "0123456789.,¥.")


def yuan(fen: int) -> str:
    """Return fen as yuan with separators and two decimals: -123456 → "-1,234.56"."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def parse_fen(given: str) -> int:
    """Return yuan as a person typed them, in fen.

    Accepts "268", "268.5", "1,268.50", a leading ¥, blanks around, and full-width digits as Chinese keyboards make
    them. ValueError on all else: signs, exponents, more than two decimals, emoji, more than ¥10,000,000.
    """
    text = given.strip().translate(_FULL_WIDTH).removeprefix("¥").strip()
    if not _AMOUNT.fullmatch(text):
        raise ValueError(given)
    whole, _dot, part = text.replace(",", "").partition(".")
    fen = int(whole) * 100 + int((part + "00")[:2])
    if fen > MAX_FEN:
        raise ValueError(given)
    return fen
