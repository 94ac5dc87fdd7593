"""Short codes that people copy by hand: each carries check characters, so that a slip is noticed."""

import re

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUVWXY"


def _check(kind: str, number: int) -> str:
    """Return two check characters: 31 × 31 remainders of a weighted sum of the digits."""
    total = sum((position + 2) * (ord(char) - 40) ** 2 for position, char in enumerate(f"{kind}{number}"))
    return _ALPHABET[total % 31] + _ALPHABET[total // 31 % 31]


def payment_reference(merchant_id: int) -> str:
    """Return the reference on a merchant's bank transfers, such as LH00012-4K."""
    return f"LH{merchant_id:05d}-{_check('LH', merchant_id)}"


def shop_code(outlet_id: int) -> str:
    """Return the content of an outlet's QR code, such as LHS:12:4K."""
    return f"LHS:{outlet_id}:{_check('LHS', outlet_id)}"


def read_payment_reference(text: str) -> int | None:
    """Return the merchant named anywhere in a bank line's text, or None; a wrong check character names nobody."""
    for word in text.upper().replace("，", " ").replace(",", " ").split():
        number, dash, _given = word.removeprefix("LH").partition("-")
        if dash and number.isascii() and number.isdigit() and payment_reference(int(number)) == word:
            return int(number)
    return None


def read_shop_code(text: str) -> int | None:
    """Return the outlet of a shop code, or None."""
    prefix, _colon, rest = text.strip().upper().partition(":")
    number = rest.partition(":")[0]
    if prefix == "LHS" and number.isascii() and number.isdigit() and shop_code(int(number)) == text.strip().upper():
        return int(number)
    return None


def payout_code(payout_id: int) -> str:
    """Return the code of a line in a payout file, such as LHP00012-4K; the bank repeats it on its statement."""
    return f"LHP{payout_id:05d}-{_check('LHP', payout_id)}"


_PAYOUT = re.compile(r"LHP(\d{5,18})-([0-9A-Z]{2})(?![0-9A-Z])")


def read_payout_code(text: str) -> int | None:
    """Return the payout named anywhere in a bank line's text, or None; a wrong check character names nobody."""
    for found in _PAYOUT.finditer(text.upper()):
        if payout_code(int(found[1])) == found[0]:
            return int(found[1])
    return None
