"""Code 128 bar codes of digits, as the widths of bars and spaces."""

from __future__ import annotations

from dataclasses import dataclass

# Widths of bar, space, bar, space, bar, space for the values 0 … 106 (ISO/IEC 15417, table 1).
_TABLE = """
212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122
123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323
131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131
213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122
141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112
124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141
411131 211412 211214 211232 2331112
"""
_WIDTHS = _TABLE.split()
_START_C, _STOP = 105, 106
QUIET = 10


@dataclass(frozen=True)
class Bar:
    """One black bar: its left edge and width, in modules."""

    x: int
    width: int


@dataclass(frozen=True)
class Drawing:
    """The bars of a code and the whole width, quiet zones of ten modules included."""

    bars: tuple[Bar, ...]
    width: int


def values(digits: str) -> list[int]:
    """Return the symbol values of an even number of digits in code set C: start, pairs, check, stop.

    The check value is (105 + Σ position × value) mod 103. Raises ValueError for anything but an even number of digits.
    """
    if not digits or len(digits) % 2 or not (digits.isascii() and digits.isdigit()):
        raise ValueError("an even number of the digits 0-9 is needed")
    pairs = [int(digits[n : n + 2]) for n in range(0, len(digits), 2)]
    check = (_START_C + sum(n * pair for n, pair in enumerate(pairs, start=1))) % 103
    return [_START_C, *pairs, check, _STOP]


def draw(digits: str) -> Drawing:
    """Return the bars of an even number of digits; 18 digits take 154 modules with their quiet zones."""
    x, bars = QUIET, []
    for value in values(digits):
        for n, width in enumerate(int(letter) for letter in _WIDTHS[value]):
            if n % 2 == 0:
                bars.append(Bar(x, width))
            x += width
    return Drawing(tuple(bars), x + QUIET)


def svg(digits: str, height: int = 40) -> str:
    """Return the code as one SVG path, black on nothing, stretched by its box."""
    drawing = draw(digits)
    path = "".join(f"M{bar.x} 0h{bar.width}v{height}h-{bar.width}z" for bar in drawing.bars)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width} {height}" preserveAspectRatio="none" '
        f'shape-rendering="crispEdges"><path d="{path}"/></svg>'
    )
