"""Drawing of diagrams: boxes, lines, arrowheads and labels at the places that the layout gave."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.diagrams.checks import geometry_faults
from analysis.diagrams.columns import ARROW
from analysis.diagrams.layout import Diagram
from analysis.diagrams.text import text_size
from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    INK,
    PALETTE,
    SMALL_SIZE,
    TEXT_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.labels import LANGUAGES, Texts
from analysis.project import bullet_list

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TEXTS: Texts = {
    "explicit": {"en": "stated by the study", "zh": "研究明确指出"},
    "order": {"en": "order of the study's lists", "zh": "按研究中列举的顺序"},
    "analyst": {"en": "reading of the analyst", "zh": "分析者的解读"},
    "observed": {"en": "observed", "zh": "已有"},
    "expected": {"en": "expected", "zh": "预期"},
    "proposed": {"en": "proposed", "zh": "建议"},
}
DASHES: dict[str, Any] = {
    "explicit": "-",
    "order": (0, (1, 1.5)),
    "analyst": (0, (4, 2)),
}
COLOURS = {
    "": INK,
    "observed": INK,
    "expected": PALETTE["blue"],
    "proposed": PALETTE["vermillion"],
}
FACE = "#EAF3F9"  # a tint of the palette's blue
TITLE_MM, LEGEND_MM, GAP_MM, BOTTOM_MM = 5.0, 5.5, 5.0, 2.0
LINE_PT, HALF_HEAD_MM = 0.8, 0.8
HEAD_SHAPES = {  # where the base of a head lies, seen from its tip
    "right": ((-1, -1), (-1, 1)),
    "left": ((1, -1), (1, 1)),
    "down": ((-1, -1), (1, -1)),
    "up": ((-1, 1), (1, 1)),
}


@dataclass(frozen=True)
class Panel:
    """A diagram with its title; panels stand side by side as far as they fit."""

    title: str
    diagram: Diagram


def draw(panels: Sequence[Panel], lang: str, *, note: str) -> Figure:
    """Draw one or more diagrams with a legend of what the lines rest on.

    Parameters
    ----------
    panels : sequence of Panel
        At least one, none wider than the page.
    lang : str
        ``"en"`` or ``"zh"``.
    note : str
        Below the diagrams.

    Returns
    -------
    Figure
        180 mm wide, as high as the diagrams need.

    Raises
    ------
    ValueError
        When the language is unknown, there is no panel, or a diagram has a fault of geometry
        (`checks.geometry_faults`).
    """
    from matplotlib.figure import Figure

    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    faults = [f"{p.title}: {fault}" for p in panels for fault in geometry_faults(p.diagram)]
    if faults or not panels:
        raise ValueError(bullet_list("cannot be drawn:", faults or ["no panel was given"]))
    corners, below = _arranged(panels)
    lines = wrap_text(note, DOUBLE_COLUMN_MM - 4, size=SMALL_SIZE)
    height = below + text_size(lines)[1] + 2 * BOTTOM_MM
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height))
        ax = fig.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, DOUBLE_COLUMN_MM), ylim=(height, 0))
        ax.set_axis_off()
        for panel, (x, y) in zip(panels, corners, strict=True):
            ax.text(x + 1, y + TITLE_MM / 2, panel.title, va="center", fontsize=TEXT_SIZE)
            _diagram(ax, panel.diagram, x, y + TITLE_MM)
        handles = _legend(panels, lang)
        fig.legend(handles=handles, loc="upper center", ncols=len(handles), borderaxespad=0.2)
        add_note(fig, note)
    return fig


def _arranged(panels: Sequence[Panel]) -> tuple[list[tuple[float, float]], float]:
    """Return the upper left corner of each panel, row by row, and where the last row ends."""
    corners: list[tuple[float, float]] = []
    x, y, tallest = 0.0, LEGEND_MM, 0.0
    for panel in panels:
        if x and x + panel.diagram.width_mm > DOUBLE_COLUMN_MM:
            x, y, tallest = 0.0, y + tallest + GAP_MM, 0.0
        corners.append((x, y))
        x += panel.diagram.width_mm
        tallest = max(tallest, TITLE_MM + panel.diagram.height_mm)
    return corners, y + tallest


def _legend(panels: Sequence[Panel], lang: str) -> list[Line2D]:
    """Return samples of the line styles and colours that the panels use."""
    from matplotlib.lines import Line2D

    used = {name: {value for p in panels for value in p.diagram.lines[name]}
            for name in ("basis", "status")}  # fmt: skip
    plain: dict[str, Any] = {"color": INK, "linewidth": LINE_PT}
    dashes = [
        Line2D([], [], **plain, linestyle=dash, label=TEXTS[basis][lang])
        for basis, dash in DASHES.items()
        if basis in used["basis"]
    ]
    colours = [
        Line2D([], [], color=colour, linewidth=3, label=TEXTS[status][lang])
        for status, colour in COLOURS.items()
        if status and status in used["status"]
    ]
    return dashes + colours


def _diagram(ax: Axes, diagram: Diagram, x: float, y: float) -> None:
    """Draw a diagram whose upper left corner is at a place in mm."""
    from matplotlib.patches import FancyBboxPatch

    for piece in diagram.lines.to_dict("records"):
        look: dict[str, Any] = {
            "color": COLOURS[piece["status"]],
            "linestyle": DASHES[piece["basis"]],
        }
        ends = [x + piece["x0"], x + piece["x1"]], [y + piece["y0"], y + piece["y1"]]
        ax.plot(*ends, linewidth=LINE_PT, zorder=1, solid_capstyle="projecting", **look)
    for corners, colour in _heads(diagram, x, y):
        ax.fill(*zip(*corners, strict=True), color=colour, linewidth=0, zorder=2)
    for node in diagram.nodes.to_dict("records"):
        left, top, width, height = (node[c] for c in ("x_mm", "y_mm", "width_mm", "height_mm"))
        box = FancyBboxPatch(
            (x + left, y + top), width, height, boxstyle="round,pad=0,rounding_size=0.8",
            facecolor=FACE, edgecolor=INK, linewidth=0.5, zorder=3,
        )  # fmt: skip
        ax.add_patch(box)
        _text(ax, node, x, y, INK)
    for label in diagram.labels.to_dict("records"):
        _text(ax, label, x, y, COLOURS[label["status"]])


def _heads(diagram: Diagram, x: float, y: float) -> Iterator[tuple[list[tuple[float, float]], str]]:
    """Yield the corners in mm and the colour of each arrowhead."""
    for head in diagram.heads.to_dict("records"):
        tip = x + head["x"], y + head["y"]
        along = (ARROW, HALF_HEAD_MM) if head["direction"] in ("right", "left") else (
            HALF_HEAD_MM, ARROW)  # fmt: skip
        base = [(tip[0] + dx * along[0], tip[1] + dy * along[1])
                for dx, dy in HEAD_SHAPES[head["direction"]]]  # fmt: skip
        yield [tip, *base], COLOURS[head["status"]]


def _text(ax: Axes, block: Mapping[Hashable, Any], x: float, y: float, colour: str) -> None:
    """Write a label in the middle of its rectangle."""
    ax.text(
        x + block["x_mm"] + block["width_mm"] / 2, y + block["y_mm"] + block["height_mm"] / 2,
        block["label"], ha="center", va="center", fontsize=SMALL_SIZE, color=colour, zorder=4,
    )  # fmt: skip
