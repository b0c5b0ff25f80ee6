"""Look of the figures, and the checks that guard it.

One font (embedded, so that Chinese and English look the same on every machine), one
palette that colour-blind readers can tell apart, sizes in millimetres. The checks find
what a reader would stumble over: texts that overlap, texts cut off by the edge, and
characters that the font lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

FONT_FILE = Path(__file__).parent / "fonts" / "NotoSansSC-subset.ttf"
FONT_FAMILY = "Linkage Sans SC"

DOUBLE_COLUMN_MM = 180
MM_PER_INCH = 25.4
POINTS_PER_INCH = 72

TEXT_SIZE = 7.5
SMALL_SIZE = 7.0

# Okabe & Ito (2008), Color Universal Design: jfly.uni-koeln.de/color
PALETTE = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
    "black": "#000000",
}
GREY = "#8C8C8C"
PALE = "#ECECEC"
INK = "#262626"

TOUCHING_PT = 0.5  # boxes may share this much: they hold the descent of letters not drawn

_SETTINGS: dict[Any, Any] = {
    "font.family": [FONT_FAMILY],
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "legend.fontsize": SMALL_SIZE,
    "legend.title_fontsize": SMALL_SIZE,
    "figure.titlesize": 8.0,
    "text.color": INK,
    "text.hinting": "none",
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 4.0,
    "hatch.linewidth": 0.3,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "svg.hashsalt": "linkage",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the settings of the figures while drawing and while saving.

    Registers the embedded font on first use. Figures are drawn inside it already; saving
    inside it too makes svg and pdf deterministic (give the writers ``metadata`` without a
    date as well).

    Raises
    ------
    ValueError
        If the font file is missing.
    """
    import matplotlib as mpl
    from matplotlib import font_manager

    if not FONT_FILE.is_file():
        raise ValueError(f"{FONT_FILE}: font missing; restore it from version control")
    if FONT_FAMILY not in font_manager.fontManager.get_font_names():
        font_manager.fontManager.addfont(str(FONT_FILE))
    with mpl.rc_context({**mpl.rcParamsDefault, "backend": mpl.rcParams["backend"], **_SETTINGS}):
        yield


def figure_size(width_mm: float, height_mm: float) -> tuple[float, float]:
    """Convert millimetres to the inches that matplotlib wants.

    Parameters
    ----------
    width_mm, height_mm : float
        Size on paper; ``DOUBLE_COLUMN_MM`` (180) is the width of a page.

    Returns
    -------
    tuple of float
        Width and height in inches.

    Raises
    ------
    ValueError
        If a length is not positive.
    """
    if width_mm <= 0 or height_mm <= 0:
        raise ValueError(f"figure size must be positive, got {width_mm} x {height_mm} mm")
    return width_mm / MM_PER_INCH, height_mm / MM_PER_INCH


def wrap_text(text: str, width_mm: float, *, size: float = TEXT_SIZE) -> str:
    """Break a text, Chinese or English, into lines that fit a width.

    Hanzi take one em and may part anywhere except before a closing and after an opening mark;
    other words stay whole. Latin characters are counted as 0.56 em, a little more than their mean
    in the font.

    Parameters
    ----------
    text : str
        One paragraph.
    width_mm : float
        Room on the paper.
    size : float
        Font size in points.

    Returns
    -------
    str
        The text with line breaks.
    """
    room = width_mm / MM_PER_INCH * POINTS_PER_INCH / size
    closing = r"[，。；：、）》”’％,.;:)%]*"
    opening = r"[（《“‘]*"
    pieces = re.findall(
        rf"{opening}[一-鿿]{closing}|{opening}[^\s一-鿿（《“‘]+|{opening}\s+|[（《“‘]+$", text
    )
    lines, line, used = [], "", 0.0
    for piece in pieces:
        ems = sum(1.0 if ord(char) > 0x2E7F else 0.56 for char in piece)
        if line and used + ems > room and not piece.isspace():
            lines.append(line.rstrip())
            line, used = "", 0.0
        line, used = line + piece, used + ems
    return "\n".join([*lines, line.rstrip()])


def add_note(fig: Figure, text: str) -> None:
    """Set a note, wrapped to the width of the figure, at its lower left edge.

    Parameters
    ----------
    fig : Figure
        With constrained layout, which makes room for the note.
    text : str
        Sources and conditions a reader needs.
    """
    width_mm = fig.get_size_inches()[0] * MM_PER_INCH
    fig.supxlabel(
        wrap_text(text, width_mm - 4, size=SMALL_SIZE),
        x=2 / width_mm,
        ha="left",
        multialignment="left",
        size=SMALL_SIZE,
    )


def visible_texts(fig: Figure) -> list[Text]:
    """Return the texts that a drawing of the figure shows (ticks out of view are not).

    Parameters
    ----------
    fig : Figure
        Laid out afresh by this call.

    Returns
    -------
    list of Text
        In the order of the artists.
    """
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    fig.draw_without_rendering()
    hidden: set[int] = set()
    for ax in fig.findobj(Axes):
        hidden |= _hidden_texts(ax)
    return [
        text
        for text in fig.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]


def overlapping_texts(fig: Figure) -> list[tuple[str, str]]:
    """List pairs of visible texts whose boxes on the canvas overlap.

    Parameters
    ----------
    fig : Figure
        Any figure.

    Returns
    -------
    list of tuple of str
        The two texts of each pair; empty if none overlap by more than ``TOUCHING_PT``.
    """
    slack = TOUCHING_PT * fig.dpi / POINTS_PER_INCH
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible_texts(fig)]
    return [
        (one, other)
        for (one, box), (other, other_box) in combinations(boxes, 2)
        if _shared(box, other_box) > slack
    ]


def clipped_texts(fig: Figure) -> list[str]:
    """List visible texts and legends that reach beyond the edge of the canvas.

    Parameters
    ----------
    fig : Figure
        Any figure.

    Returns
    -------
    list of str
        The texts, and "legend" for a legend; empty if all lie inside to ``TOUCHING_PT``.
    """
    from matplotlib.legend import Legend

    slack = TOUCHING_PT * fig.dpi / POINTS_PER_INCH
    canvas = fig.bbox.padded(slack)
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible_texts(fig)]
    boxes += [("legend", legend.get_window_extent()) for legend in fig.findobj(Legend)]
    return [
        text
        for text, box in boxes
        if not (canvas.contains(box.x0, box.y0) and canvas.contains(box.x1, box.y1))
    ]


def missing_glyphs(fig: Figure) -> list[str]:
    """List the characters of visible texts that the font of the text lacks.

    A text that is set in another font than the embedded one counts as lacking altogether,
    because that font differs from machine to machine.

    Parameters
    ----------
    fig : Figure
        Any figure.

    Returns
    -------
    list of str
        Single characters, sorted.
    """
    from fontTools.ttLib import TTFont
    from matplotlib import font_manager

    with TTFont(FONT_FILE, lazy=True) as font:
        covered = {chr(code) for code in font.getBestCmap()} | {"\n"}
    lacking: set[str] = set()
    for text in visible_texts(fig):
        found = Path(str(font_manager.findfont(text.get_fontproperties())))
        known = covered if found == FONT_FILE else {"\n"}
        lacking |= set(text.get_text()) - known
    return sorted(lacking)


def _hidden_texts(ax: Axes) -> set[int]:
    """Ids of texts of axes that are switched off and of ticks outside the view."""
    from matplotlib.text import Text

    hidden: set[int] = set()
    for axis in (ax.xaxis, ax.yaxis):
        if not (ax.axison and ax.get_visible() and axis.get_visible()):
            hidden |= {id(text) for text in axis.findobj(Text)}
            continue
        low, high = sorted(axis.get_view_interval())
        slack = 1e-9 * (high - low)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low - slack <= tick.get_loc() <= high + slack:
                hidden |= {id(tick.label1), id(tick.label2)}
    return hidden


def _shared(one: Bbox, other: Bbox) -> float:
    """Extent of the smaller side of the common box in pixels; negative if apart."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return min(wide, high)
