"""Figures of coded policy texts: instruments, quality of the coding, linkage.

Each function takes a table of `coding`, `coding_quality` or `co_occurrence` and a language,
and returns a figure of the width of a page. All numbers come from the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALETTE,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.policy.coding import AXES, NONE
from analysis.policy.coding_labels import GROUP_LABELS, NAMES, figure_texts, group_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

PANEL_COLUMNS = 4
DARK_FROM = 0.6
"""Share of the colour scale above which numbers are white."""
FEWEST_WINDOWS = 5
"""Groups whose rarer vocabulary stands in fewer windows are not drawn: their lift is noise."""
LIFT_COLOURS = {"all": PALETTE["blue"], "without_linkage_terms": PALETTE["vermillion"]}


def instrument_heatmap(table: pd.DataFrame, lang: str) -> Figure:
    """Draw instruments against revitalizations, one panel per group of documents.

    Parameters
    ----------
    table : DataFrame
        `coding.coding_table`.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; numbers are segments, colours their share of the segments in scope.
    """
    from matplotlib.figure import Figure

    columns = ["group", "segments", "instrument", "revitalization", "n", "share"]
    require_columns(table, columns, "coding table")
    text = figure_texts("instrument_heatmap", lang)
    groups = sorted(set(table["group"]), key=lambda g: [*GROUP_LABELS, g].index(g))
    lines = -(-len(groups) // PANEL_COLUMNS)
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 54 * lines + 26), layout="constrained")
        axes = fig.subplots(lines, PANEL_COLUMNS, sharex=True, sharey=True, squeeze=False)
        for ax, group in zip(axes.flat, groups, strict=False):
            own = table[table["group"] == group]
            mesh = _instrument_cells(ax, own, float(table["share"].max()))
            size = int(own["segments"].iloc[0])
            title = text["panel"].format(group=group_label(group, lang), n=size)
            ax.set_title("\n".join(wrap_text(part, 32) for part in title.split("\n")))
        for ax in axes.flat[len(groups) :]:
            ax.set_axis_off()
        _axis_names(axes, lang)
        fig.colorbar(mesh, ax=axes, label=text["share"], fraction=0.03, shrink=0.6)
        add_note(fig, text["note"])
    return fig


def _instrument_cells(ax: Axes, table: pd.DataFrame, largest: float) -> QuadMesh:
    from matplotlib.colors import LinearSegmentedColormap

    order = {axis: [*AXES[axis], NONE] for axis in ("instrument", "revitalization")}
    share, n = (
        table.pivot(index="revitalization", columns="instrument", values=value)
        .reindex(index=order["revitalization"], columns=order["instrument"])
        .to_numpy(dtype=float)
        for value in ("share", "n")
    )
    colours = LinearSegmentedColormap.from_list("share", ["#FFFFFF", PALETTE["blue"]])
    top = largest if largest > 0 else 1.0
    mesh = ax.pcolormesh(share, cmap=colours, vmin=0, vmax=top, edgecolor="white", linewidth=1)
    for (row, column), count in np.ndenumerate(n):
        colour = "white" if share[row, column] > DARK_FROM * top else INK
        ax.text(
            column + 0.5, row + 0.5, f"{count:.0f}", ha="center", va="center", color=colour,
            fontsize=SMALL_SIZE,
        )  # fmt: skip
    ax.set_ylim(len(share), 0)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return mesh


def _axis_names(axes: np.ndarray, lang: str) -> None:
    for ax in axes.flat:
        columns, rows = ([*AXES[axis], NONE] for axis in ("instrument", "revitalization"))
        ax.set_xticks(np.arange(len(columns)) + 0.5, [NAMES[c][lang] for c in columns], rotation=90)
        ax.set_yticks(np.arange(len(rows)) + 0.5, [NAMES[r][lang] for r in rows])


def quality_plot(quality: pd.DataFrame, lang: str) -> Figure:
    """Draw precision and recall of each class, one mark per split.

    Parameters
    ----------
    quality : DataFrame
        `coding_quality.measured_quality`, of one or both splits.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide.
    """
    from matplotlib.figure import Figure

    measures = ("precision", "recall")
    ends = [f"{m}{end}" for m in measures for end in ("", "_low", "_high")]
    require_columns(quality, ["class", "split", "labelled", "flagged", *ends], "quality")
    text = figure_texts("quality_plot", lang)
    classes = list(dict.fromkeys(quality["class"]))
    splits = {"test": (PALETTE["blue"], "o", -0.13), "development": (PALETTE["orange"], "s", 0.13)}
    with style():
        fig = Figure(
            figsize=figure_size(DOUBLE_COLUMN_MM, 6.4 * len(classes) + 34), layout="constrained"
        )
        panels = fig.subplots(1, 2, sharey=True)
        for ax, measure, base in zip(panels, measures, ("flagged", "labelled"), strict=True):
            for split, (colour, mark, shift) in splits.items():
                rows = quality[quality["split"] == split].set_index("class").reindex(classes)
                if rows[measure].isna().all():
                    continue
                places = np.arange(len(classes)) + shift
                ax.hlines(places, rows[f"{measure}_low"], rows[f"{measure}_high"], color=colour)
                name = text[split] if measure == "precision" else "_"
                ax.plot(rows[measure], places, mark, color=colour, label=name)
                for place, n in zip(places, rows[base], strict=True):
                    if split == "test" and n == n:
                        ax.text(1.04, place + 0.13, f"{n:.0f}", va="center", fontsize=SMALL_SIZE)
            ax.set(xlim=(-0.03, 1.14), ylim=(len(classes) - 0.5, -0.5))
            ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
            ax.set_xlabel(text[measure])
            ax.grid(axis="x")
            ax.set_axisbelow(True)
        panels[0].set_yticks(range(len(classes)), [NAMES[c][lang] for c in classes])
        fig.legend(loc="outside upper left", ncols=2)
        add_note(fig, text["note"])
    return fig


def linkage_plot(table: pd.DataFrame, lang: str) -> Figure:
    """Draw how much more often than by chance the two vocabularies meet.

    Parameters
    ----------
    table : DataFrame
        `co_occurrence.linkage`; windows of sentences and paragraphs are drawn, of groups whose
        rarer vocabulary stands in at least `FEWEST_WINDOWS` of them.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide.
    """
    from matplotlib.figure import Figure

    columns = ["terms", "window", "group", "alleviation", "revitalization", "both",
               "expected_within", "lift_within", "lift", "lift_low", "lift_high"]  # fmt: skip
    require_columns(table, columns, "linkage")
    text = figure_texts("linkage_plot", lang)
    rarer = table[["alleviation", "revitalization"]].min(axis=1)
    drawn = table[(rarer >= FEWEST_WINDOWS) & table["window"].isin(["sentence", "paragraph"])]
    groups = [g for g in dict.fromkeys(table["group"]) if g in set(drawn["group"])]
    with style():
        fig = Figure(
            figsize=figure_size(DOUBLE_COLUMN_MM, 13 * len(groups) + 38), layout="constrained"
        )
        panels = fig.subplots(1, 2, sharey=True, sharex=True)
        for ax, window in zip(panels, ("sentence", "paragraph"), strict=True):
            _lift_rows(ax, drawn[drawn["window"] == window], groups, text)
            ax.set_title(text[window])
            ax.set_xlabel(text["lift"])
        panels[0].set_yticks(
            range(len(groups)), [wrap_text(group_label(g, lang), 34) for g in groups]
        )
        handles = panels[0].get_legend_handles_labels()
        once = dict(zip(handles[1], handles[0], strict=True))
        fig.legend(once.values(), once.keys(), loc="outside upper left", ncols=2)
        add_note(fig, text["note"])
    return fig


def _lift_rows(ax: Axes, rows: pd.DataFrame, groups: list[str], text: dict[str, str]) -> None:
    ax.axvline(1, color=GREY, linewidth=0.6)
    ax.set_xscale("symlog", linthresh=1, base=10)
    for terms, shift in zip(LIFT_COLOURS, (-0.2, 0.2), strict=True):
        own = rows[rows["terms"] == terms]
        places = own["group"].map(groups.index).to_numpy() + shift
        colour = LIFT_COLOURS[terms]
        ax.hlines(places, own["lift_low"], own["lift_high"], color=colour)
        ax.plot(own["lift"], places, "o", color=colour, label=text[terms])
        ax.plot(
            own["lift_within"], places, "D", color=colour, mfc="white",
            label=text["within"].format(terms=text[terms]),
        )  # fmt: skip
        for place, both, expected in zip(places, own["both"], own["expected_within"], strict=True):
            ax.text(
                0.99, place, f"{both:.0f} / {expected:.1f}", va="center", ha="right",
                transform=ax.get_yaxis_transform(), fontsize=SMALL_SIZE,
            )  # fmt: skip
    ax.set_xticks([0, 1, 3, 10, 30], ["0", "1", "3", "10", "30"])
    ax.minorticks_off()
    ax.set(xlim=(-0.1, 300), ylim=(len(groups) - 0.5, -0.5))
    ax.grid(axis="x")
    ax.set_axisbelow(True)
