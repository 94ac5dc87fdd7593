"""What may stand in the till's one field: a code that was scanned or typed, a phone number, a card, a token."""

import re

TOKEN, CODE, PHONE, NUMBER, CARD, SHOP = "token", "code", "phone", "number", "card", "shop"

_SPACES = re.compile(r"[\s\-·]+")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９＋", "0123456789+")
# A member's QR code may carry its digits behind a name or in an address of ours.
_QR = re.compile(r"(?:LHM:|https?://[^\s]*[/=])(\d{18})", re.ASCII | re.IGNORECASE)


def read(given: str) -> tuple[str, str]:
    """Return the kind and the plain text of what was scanned or typed. ValueError when it is none of them.

    18 digits are a member code, 11 digits beginning with 1 a Chinese phone number (+ and a country code for others),
    8 digits a member number, 12 to 19 other digits a card.
    """
    text = given.strip()
    if text.startswith("mt_"):
        return TOKEN, text
    if text.upper().startswith("LHS:"):
        return SHOP, text
    scanned = _QR.fullmatch(text)
    if scanned:
        return CODE, scanned[1]
    plain = _SPACES.sub("", text.translate(_FULL_WIDTH))
    if plain.startswith("+") and plain[1:].isascii() and plain[1:].isdigit() and 7 <= len(plain) - 1 <= 15:
        return PHONE, plain
    if not (plain.isascii() and plain.isdigit()):
        raise ValueError(given)
    if len(plain) == 18:
        return CODE, plain
    if len(plain) == 11 and plain[0] == "1":
        return PHONE, f"+86{plain}"
    if len(plain) == 8:
        return NUMBER, plain
    if 12 <= len(plain) <= 19:
        return CARD, plain
    raise ValueError(given)


def plain(given: str) -> str:
    """Return the plain text of the field, or what was given when it cannot be read."""
    try:
        return read(given)[1]
    except ValueError:
        return given
