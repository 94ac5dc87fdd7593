"""Member numbers: eight digits that do not tell how many members there are and catch a wrong digit."""

CAPACITY = 9_000_000
# Coprime with 9,000,000 = 2^6 · 3^2 · 5^6, so that multiplying is a permutation; near the golden ratio: it scatters.
_SCATTER = 5_562_307
# Damm's quasigroup of order 10 (H. M. Damm, 2004): finds every single wrong digit and every swap of neighbours.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def check_digit(digits: str) -> str:
    """Return Damm's check digit of a string of digits."""
    state = 0
    for digit in digits:
        state = _DAMM[state][int(digit)]
    return str(state)


def number_of(n: int) -> str:
    """Return the number of the n-th member, 1 ≤ n ≤ CAPACITY: seven digits without leading zero, and a check digit."""
    if not 1 <= n <= CAPACITY:
        raise ValueError(f"there are {CAPACITY} member numbers, not {n}")
    digits = str(1_000_000 + n * _SCATTER % CAPACITY)
    return digits + check_digit(digits)


def is_valid(number: str) -> bool:
    """Tell whether eight digits with a right check digit were given."""
    return len(number) == 8 and number.isascii() and number.isdigit() and check_digit(number) == "0"
