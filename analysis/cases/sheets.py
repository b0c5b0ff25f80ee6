"""Figures that are read like tables: cells of wrapped text on a page, placed in millimetres.

Rows are as high as their longest cell, so a longer label moves what is below it and overlaps
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALE,
    SMALL_SIZE,
    add_note,
    figure_size,
    wrap_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHEET_MM = DOUBLE_COLUMN_MM - 2.2  # between the margins
LINE_MM, PAD_MM, BAND_MM = 2.9, 1.0, 5.0


def blank_sheet(height_mm: float, note: str) -> tuple[Figure, Axes]:
    """Return a figure whose axes count millimetres from the top left, with a note below.

    Parameters
    ----------
    height_mm : float
        Of the cells, heads included.
    note : str
        Set with `figure_style.add_note`.
    """
    from matplotlib.figure import Figure

    below = cell_height(wrap_text(note, DOUBLE_COLUMN_MM - 4, size=SMALL_SIZE)) + 3
    fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height_mm + below), layout="constrained")
    ax = fig.subplots()
    ax.set(xlim=(0, SHEET_MM), ylim=(height_mm, 0))
    ax.set_axis_off()
    add_note(fig, note)
    return fig, ax


def fitted(text: str, width_mm: float) -> str:
    """Return a text broken into lines that fit a cell."""
    return wrap_text(text, width_mm, size=SMALL_SIZE)


def cell_height(*texts: str) -> float:
    """Return the height of texts below each other, in mm, padding included."""
    return sum((text.count("\n") + 1) * LINE_MM + PAD_MM for text in texts if text)


def put(ax: Axes, x: float, y: float, text: str, *, colour: str = INK, align: str = "left") -> None:
    """Write a text below and right of a point (around it in x if `align` is ``center``)."""
    ax.text(
        x, y + PAD_MM / 2, text, fontsize=SMALL_SIZE, color=colour, ha=align, va="top",
        linespacing=1.15,
    )  # fmt: skip


def rule(ax: Axes, y: float, *, x: float = 0.0) -> None:
    """Draw a thin line across the sheet, from `x` to its right edge."""
    ax.plot([x, SHEET_MM], [y, y], color=GREY, linewidth=0.3, solid_capstyle="butt")


def band(ax: Axes, y: float, text: str) -> None:
    """Draw the head of a group of rows, `BAND_MM` high."""
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((0, y), SHEET_MM, BAND_MM, facecolor=PALE, edgecolor="none", zorder=0))
    ax.text(0.8, y + BAND_MM / 2, text, va="center")


def heads(ax: Axes, y: float, places: Sequence[float], texts: Sequence[str]) -> None:
    """Write the heads of columns with their lower edge at `y`."""
    for x, text in zip(places, texts, strict=True):
        ax.text(x, y, text, fontsize=SMALL_SIZE, va="bottom", linespacing=1.15)
