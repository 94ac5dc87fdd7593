"""The unified social credit code of a Chinese licence (GB 32100-2015)."""

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = [3**i % 31 for i in range(17)]


def check_character(first17: str) -> str:
    """Return the 18th character for the first 17. ValueError for characters outside the alphabet."""
    total = sum(_ALPHABET.index(char) * weight for char, weight in zip(first17, _WEIGHTS, strict=True))
    return _ALPHABET[(31 - total % 31) % 31]


def is_valid(code: str) -> bool:
    """Say whether `code` has 18 allowed characters and the right check character."""
    return (
        len(code) == 18
        and all(char in _ALPHABET for char in code)
        and code[2:8].isdigit()
        and check_character(code[:17]) == code[17]
    )
