"""Phone numbers and e-mail addresses as people type them."""

import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\-()./·]+")
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")


def e164(text: str) -> str:
    """Return a phone number in E.164 form, "+8613800138000".

    Accepts spaces, dashes and full-width digits; a number without a country code is a Chinese mobile number.
    Raises ValueError for anything else.
    """
    number = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if number.startswith("86") and _CHINESE_MOBILE.fullmatch(number[2:]):
        number = f"+{number}"
    if _CHINESE_MOBILE.fullmatch(number):
        return f"+86{number}"
    if not number.isascii() or not _E164.fullmatch(number):
        raise ValueError("not a phone number")
    if number.startswith("+86") and not _CHINESE_MOBILE.fullmatch(number[3:]):
        raise ValueError("not a Chinese mobile number")
    return number


def email(text: str) -> str:
    """Return an e-mail address in lower case; raises ValueError for anything else."""
    address = unicodedata.normalize("NFKC", text).strip().lower()
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        raise ValueError("not an e-mail address")
    return address
