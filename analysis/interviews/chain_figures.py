"""Chains of problem, cause and countermeasure as ribbons between three columns of boxes.

The layout is a table of boxes and one of ribbons in millimetres, so that a test can tell whether
every chain is drawn once; the drawing only looks them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALE,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.interviews.chains import SOLID, STAGES
from analysis.interviews.theme_figures import case_colours, code_labels, figure_texts

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HATCHES = {"order": "/////", "analyst": "....."}
PAGE_MM = DOUBLE_COLUMN_MM - 2  # between the margins
BOX_MM, GAP_MM, LINE_MM = 40.0, 2.0, 3.2
CHAIN_MM, TALLEST_MM = 3.0, 90.0  # width of one chain at most, height of all chains at most
SWEEPS = 4  # of the ordering by neighbours; it settles after two or three


@dataclass(frozen=True)
class Alluvial:
    """Boxes and ribbons on a page, in millimetres from its top left.

    Attributes
    ----------
    nodes : DataFrame
        stage, name (empty: no cause named), paths, label, x_mm, y_mm, width_mm, height_mm.
    ribbons : DataFrame
        case, basis, stage, source, target (names), paths, height_mm, x_source, y_source, x_target,
        y_target (upper corners).
    height_mm : float
        Of the tallest column.
    """

    nodes: pd.DataFrame
    ribbons: pd.DataFrame
    height_mm: float


def alluvial_layout(paths: pd.DataFrame, labels: Mapping[str, str], node_text: str) -> Alluvial:
    """Place boxes and ribbons; boxes are ordered so that neighbours lie at one height.

    Parameters
    ----------
    paths : DataFrame
        As `chains.chain_paths`. A path without problem or countermeasure starts or ends at its
        cause; one without cause passes an empty box.
    labels : mapping
        Label of each theme and, under the empty name, of the empty box.
    node_text : str
        With the fields `name` and `n`.

    Returns
    -------
    Alluvial

    Raises
    ------
    ValueError
        When there is no path.

    Source
    ------
    Order by the mean place of the neighbours: Sugiyama, Tagawa & Toda (1981), IEEE Trans. Systems,
    Man, and Cybernetics 11(2), 109-125.
    """
    require_columns(paths, ["case", *STAGES, "basis_first", "basis_second", "paths"], "paths")
    if paths.empty:
        raise ValueError("no chain to draw: no edge joins a problem, a cause and a countermeasure")
    ribbons = _flows(paths)
    nodes = _boxes_of(ribbons, labels, node_text)
    order = _ordered(nodes, ribbons)
    columns = []
    height = max(column["height_mm"].sum() + GAP_MM * (len(column) - 1)
                 for _, column in nodes.groupby("stage"))  # fmt: skip
    for k, stage in enumerate(STAGES):
        column = (
            nodes[nodes["stage"] == stage].set_index("name").reindex(order[stage]).reset_index()
        )
        used = column["height_mm"].sum() + GAP_MM * (len(column) - 1)
        above = (column["height_mm"] + GAP_MM).cumsum().shift(fill_value=0.0)
        column = column.assign(y_mm=(height - used) / 2 + above, width_mm=BOX_MM)
        columns.append(column.assign(x_mm=k * (PAGE_MM - BOX_MM) / 2))
    placed = pd.concat(columns, ignore_index=True)
    return Alluvial(placed, _attached(ribbons, placed), float(height))


def _flows(paths: pd.DataFrame) -> pd.DataFrame:
    """Return ribbons: paths of one case and basis between the same two boxes."""
    parts = []
    for k, basis in enumerate(("basis_first", "basis_second")):
        named = {STAGES[k]: "source", STAGES[k + 1]: "target", basis: "basis"}
        part = paths[paths[basis] != ""][["case", *named, "paths"]].rename(columns=named)
        parts.append(part.assign(stage=STAGES[k], target_stage=STAGES[k + 1]))
    key = ["stage", "target_stage", "source", "target", "case", "basis"]
    ribbons = pd.concat(parts).groupby(key)["paths"].sum().reset_index()
    unit = min(CHAIN_MM, TALLEST_MM / ribbons.groupby("stage")["paths"].sum().max())
    return ribbons.assign(height_mm=ribbons["paths"] * unit)


def _boxes_of(ribbons: pd.DataFrame, labels: Mapping[str, str], node_text: str) -> pd.DataFrame:
    """Return boxes as tall as their ribbons, or as their label where that needs more."""
    ends = [
        ribbons.groupby([stage, end])[["paths", "height_mm"]].sum().rename_axis(["stage", "name"])
        for stage, end in (("stage", "source"), ("target_stage", "target"))
    ]
    nodes = pd.concat(ends).groupby(level=[0, 1]).max().reset_index()
    named = zip(nodes["name"].map(lambda name: labels.get(name, name)), nodes["paths"], strict=True)
    nodes["label"] = [
        wrap_text(node_text.format(name=name, n=n), BOX_MM - 2, size=SMALL_SIZE)
        for name, n in named
    ]
    text = LINE_MM * (nodes["label"].str.count("\n") + 1) + 1.5
    return nodes.assign(height_mm=nodes["height_mm"].clip(lower=text))


def _ordered(nodes: pd.DataFrame, ribbons: pd.DataFrame) -> dict[str, list[str]]:
    """Return the boxes of each stage from top to bottom."""
    by_size = nodes.sort_values(["paths", "name"], ascending=[False, True])
    order = {stage: by_size.loc[by_size["stage"] == stage, "name"].tolist() for stage in STAGES}
    for sweep in range(SWEEPS):
        pairs = [(0, 1), (1, 2)] if sweep % 2 == 0 else [(2, 1), (1, 0)]
        for fixed, moved in pairs:
            ends = ("source", "target") if fixed < moved else ("target", "source")
            between = ribbons[ribbons["stage"] == STAGES[min(fixed, moved)]]
            rank = {name: k for k, name in enumerate(order[STAGES[fixed]])}
            place = between[ends[0]].map(rank).astype("float64")
            weighted = (place * between["paths"]).groupby(between[ends[1]]).sum()
            mean = (weighted / between.groupby(ends[1])["paths"].sum()).to_dict()
            names = order[STAGES[moved]]
            places = [(mean.get(name, len(rank)), name) for name in names]
            order[STAGES[moved]] = [name for _, name in sorted(places)]
    return order


def _attached(ribbons: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """Stack the ribbons at each side of each box, centred, in the order of their other ends."""
    top = nodes.set_index(["stage", "name"])
    found = ribbons.copy()
    ends = {
        "source": ("stage", "target_stage", "target"),
        "target": ("target_stage", "stage", "source"),
    }
    for end, (stage, other_stage, other) in ends.items():
        here = pd.MultiIndex.from_frame(found[[stage, end]])
        there = pd.MultiIndex.from_frame(found[[other_stage, other]])
        found["y_other"] = top["y_mm"].reindex(there).to_numpy()
        ranked = found.sort_values(["y_other", "case", "basis"], kind="stable")
        stacks = ranked.groupby([stage, end])["height_mm"]
        offset = stacks.cumsum() - ranked["height_mm"]
        total = found.groupby([stage, end])["height_mm"].transform("sum")
        box = top.reindex(here).reset_index()
        found[f"y_{end}"] = (
            box["y_mm"] + (box["height_mm"] - total) / 2 + offset.reindex(found.index)
        )
        found[f"x_{end}"] = box["x_mm"] + (BOX_MM if end == "source" else 0.0)
    return found.drop(columns="y_other")


def chain_alluvial(
    paths: pd.DataFrame,
    codes: pd.DataFrame,
    lang: str,
    *,
    case_names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw chains of problem, cause and countermeasure as ribbons, coloured by case.

    Parameters
    ----------
    paths : DataFrame
        As `chains.chain_paths`, at least one.
    codes : DataFrame
        Labels of the themes: code_id, label_en, label_zh.
    lang, case_names
        As `theme_figures.theme_heatmap`.

    Returns
    -------
    Figure
        180 mm wide. Ribbons are plain where coded or explicit, else hatched with a dashed outline.
    """
    from matplotlib.figure import Figure

    text, names = figure_texts("chain_alluvial", lang), case_names or {}
    layout = alluvial_layout(paths, {**code_labels(codes, lang), "": text["none"]}, text["node"])
    colours = case_colours(paths["case"])
    legend = _chain_legend(layout, colours, names, text)
    with style():
        height = layout.height_mm + 6 + 5 * (-(-len(legend) // 4)) + 16
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        ax = fig.subplots()
        _ribbons(ax, layout, colours)
        _boxes(ax, layout, text)
        ax.set(xlim=(-1, DOUBLE_COLUMN_MM - 1), ylim=(layout.height_mm + 1, -6))
        ax.set_axis_off()
        fig.legend(handles=legend, loc="outside upper center", ncols=4)
        add_note(fig, text["note"])
    return fig


def _chain_legend(
    layout: Alluvial, colours: dict[str, str], names: Mapping[str, str], text: dict[str, str]
) -> list[Artist]:
    from matplotlib.patches import Patch

    cases = {names.get(c, c): colour for c, colour in colours.items() if colour != GREY}
    cases |= {text["other"]: GREY} if GREY in colours.values() else {}
    shown = [b for b in (*SOLID, *HATCHES) if b in set(layout.ribbons["basis"])]
    return [
        *(Patch(color=colour, label=name) for name, colour in cases.items()),
        *(Patch(**_look(GREY, basis), label=text[basis]) for basis in shown),
    ]


def _look(colour: str, basis: str) -> dict[str, Any]:
    """Face, outline and hatch of a ribbon by what it rests on."""
    from matplotlib.colors import to_rgba

    if basis in SOLID:
        return {"facecolor": to_rgba(colour, 0.7), "edgecolor": "none"}
    hatched = {"hatch": HATCHES[basis], "linestyle": (0, (4, 2)), "linewidth": 0.7}
    return {"facecolor": to_rgba(colour, 0.12), "edgecolor": colour, **hatched}


def _ribbons(ax: Axes, layout: Alluvial, colours: dict[str, str]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for ribbon in layout.ribbons.to_dict("records"):
        x0, x1, top, end = (ribbon[c] for c in ("x_source", "x_target", "y_source", "y_target"))
        low, middle = ribbon["height_mm"], (x0 + x1) / 2
        points = [
            (x0, top), (middle, top), (middle, end), (x1, end),
            (x1, end + low), (middle, end + low), (middle, top + low), (x0, top + low), (x0, top),
        ]  # fmt: skip
        curve, line = Path.CURVE4, Path.LINETO
        steps = [Path.MOVETO, curve, curve, curve, line, curve, curve, curve, Path.CLOSEPOLY]
        look = _look(colours[ribbon["case"]], ribbon["basis"])
        ax.add_patch(PathPatch(Path(points, steps), **look))


def _boxes(ax: Axes, layout: Alluvial, text: dict[str, str]) -> None:
    from matplotlib.patches import Rectangle

    for node in layout.nodes.to_dict("records"):
        x, y, width, height = (node[c] for c in ("x_mm", "y_mm", "width_mm", "height_mm"))
        face, line = (PALE, "-") if node["name"] else ("white", ":")
        box = Rectangle((x, y), width, height, facecolor=face, edgecolor=INK, linestyle=line)
        box.set(linewidth=0.4, zorder=3)
        ax.add_patch(box)
        ax.text(
            x + width / 2, y + height / 2, node["label"], ha="center", va="center",
            fontsize=SMALL_SIZE, zorder=4,
        )  # fmt: skip
    for stage, nodes in layout.nodes.groupby("stage"):
        x = nodes["x_mm"].iloc[0] + nodes["width_mm"].iloc[0] / 2
        ax.text(x, -2.5, text[str(stage)], ha="center", va="center")
