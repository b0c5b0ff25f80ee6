"""Size of labels on paper, measured with the embedded font, and line breaks that fit a width."""

from __future__ import annotations

import re
from functools import cache

from analysis.figure_style import (
    FONT_FAMILY,
    FONT_FILE,
    MM_PER_INCH,
    POINTS_PER_INCH,
    SMALL_SIZE,
    style,
)

MM_PER_POINT = MM_PER_INCH / POINTS_PER_INCH
TALL_LINE = "国Åg"  # as high above and as deep below the line as any label
MEASURING_DPI = 600  # finer than any output, so that rounding to pixels does not matter
WIDTH_STEPS = 24  # tried when a label is balanced
# A unit that may stand at the end of a line: one hanzi or one word, with the marks that cling.
_UNIT = re.compile(
    r"[（《“‘(]*(?:[〇一-鿿]|[^〇一-鿿（《“‘，。；：、！？）》”’-]+-?|-)?[，。；：、！？）》”’％%.,;:)]*"
)


@cache
def _advance(char: str) -> float:
    """Return the advance of one character in em, without hinting."""
    from matplotlib.font_manager import get_font
    from matplotlib.ft2font import LoadFlags

    font = get_font(str(FONT_FILE))
    font.set_size(POINTS_PER_INCH, POINTS_PER_INCH)
    glyph = font.load_char(ord(char), LoadFlags.NO_HINTING)
    return glyph.linearHoriAdvance / 65536 / POINTS_PER_INCH


def line_width(line: str, *, size: float = SMALL_SIZE) -> float:
    """Return the width of one line in mm at a font size in points."""
    return sum(_advance(char) for char in line) * size * MM_PER_POINT


@cache
def _block_height(lines: int, size: float) -> float:
    """Return the height in mm that matplotlib gives to a text of so many lines."""
    from matplotlib.figure import Figure

    with style():
        fig = Figure(dpi=MEASURING_DPI)
        text = fig.text(0, 0, "\n".join([TALL_LINE] * lines), family=FONT_FAMILY, fontsize=size)
        return float(text.get_window_extent().height) / MEASURING_DPI * MM_PER_INCH


def text_size(text: str, *, size: float = SMALL_SIZE) -> tuple[float, float]:
    """Return width and height in mm of a text with its line breaks.

    Parameters
    ----------
    text : str
        One or more lines.
    size : float
        Font size in points.

    Returns
    -------
    tuple of float
        Width of the widest line; height of that many lines with ascenders and descenders.
    """
    lines = text.split("\n")
    return max(line_width(line, size=size) for line in lines), _block_height(len(lines), size)


def cut_words(text: str, width_mm: float, *, size: float = SMALL_SIZE) -> int:
    """Return how many words of a text are wider than the room."""
    return sum(line_width(word.strip(), size=size) > width_mm for word in _words(text))


@cache
def broken(text: str, width_mm: float, *, size: float = SMALL_SIZE) -> str:
    """Break a label into lines that fit a width and are about equally long.

    Hanzi may part anywhere except before a closing or after an opening mark, other words at
    blanks and after hyphens; a word that is wider than the room is cut, because a box must hold
    its label.

    Parameters
    ----------
    text : str
        One paragraph in English or Chinese.
    width_mm : float
        Room; at least one character goes on each line.
    size : float
        Font size in points.

    Returns
    -------
    str
        The label in the fewest lines that this rule gives, their widest as narrow as it may be.
    """
    units = [u for word in _words(text) for u in _cut(word, width_mm, size)]
    lines = _filled(units, width_mm, size)
    widest = max(line_width(unit.strip(), size=size) for unit in units)
    for step in range(WIDTH_STEPS):
        narrower = widest + (width_mm - widest) * step / WIDTH_STEPS
        tried = _filled(units, narrower, size)
        if narrower <= width_mm and len(tried) <= len(lines):
            return "\n".join(tried)
    return "\n".join(lines)


def _words(text: str) -> list[str]:
    """Return the units of a text, each with the blank that follows it."""
    words: list[str] = []
    for part in text.split():
        units = [unit for unit in _UNIT.findall(part) if unit]
        words += [*units[:-1], units[-1] + " "]
    return words


def _cut(unit: str, width_mm: float, size: float) -> list[str]:
    """Return the unit, in pieces if it is wider than the room."""
    if line_width(unit.strip(), size=size) <= width_mm:
        return [unit]
    pieces = [""]
    for char in unit:
        if pieces[-1] and char != " " and line_width(pieces[-1] + char, size=size) > width_mm:
            pieces.append("")
        pieces[-1] += char
    return pieces


def _filled(units: list[str], width_mm: float, size: float) -> list[str]:
    """Fill lines with units one after the other."""
    lines = [""]
    for unit in units:
        if lines[-1] and line_width((lines[-1] + unit).rstrip(), size=size) > width_mm + 1e-9:
            lines.append("")
        lines[-1] += unit
    return [line.rstrip() for line in lines]
