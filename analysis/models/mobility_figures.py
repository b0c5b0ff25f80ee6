"""Figures of mobility between counties: densities by year, transitions given the neighbours.

Numbers come from the tables of `distributions` and `transitions` only; the texts stand
below in both languages.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    INK,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import in_language
from analysis.schemas import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS: dict[str, dict[str, str]] = {
    "density": {"en": "Density", "zh": "密度"},
    "density_note": {
        "en": "Gaussian kernel, reflected at the bounds; one bandwidth ({bandwidth}) for all years "
        "and groups. Area under each line: 1.",
        "zh": "高斯核，边界处反射；各年各组带宽相同（{bandwidth}）。各曲线下面积均为 1。",
    },
    "true": {"en": "Designated counties", "zh": "贫困县"},
    "false": {"en": "Never designated", "zh": "非贫困县"},
    "east": {"en": "East", "zh": "东部"},
    "central": {"en": "Central", "zh": "中部"},
    "west": {"en": "West", "zh": "西部"},
    "northeast": {"en": "North-east", "zh": "东北"},
    "all": {"en": "All counties (n = {n:,})", "zh": "全部（n = {n:,}）"},
    "neighbours": {
        "en": "Neighbours in class {condition} (n = {n:,})",
        "zh": "邻县属第 {condition} 类（n = {n:,}）",
    },
    "other_condition": {"en": "{condition} (n = {n:,})", "zh": "{condition}（n = {n:,}）"},
    "from": {"en": "Class at the start", "zh": "期初类别"},
    "to": {"en": "Class at the end", "zh": "期末类别"},
    "steady": {"en": "steady", "zh": "稳态"},
    "transition_note": {
        "en": "Probability of moving between classes, 1 the lowest; rows sum to 1. Below the line: "
        "steady state, the shares that these probabilities would keep, no forecast; dashes: "
        "unknown. Neighbours: class of their mean at the start. {test}",
        "zh": "类别间转移概率（1 为最低），各行合计为 1。线下为稳态分布，即保持上述概率时"
        "不再变化的份额，并非预测；短横：无法得到。邻县类别按期初均值划分。{test}",
    },
    "test": {
        "en": "Same probabilities for all neighbours: LR {lr:.0f}, Q {q:.0f}, {df} df; transitions "
        "are not independent, so the test rejects too readily.",
        "zh": "各邻县类别转移概率相同的检验：LR {lr:.0f}，Q {q:.0f}，自由度 {df}；转移并不独立，"
        "该检验过易拒绝。",
    },
}  # fmt: skip


def density_plot(densities: pd.DataFrame, lang: str) -> Figure:
    """Draw the density of one variable by year, a panel for each group.

    Parameters
    ----------
    densities : DataFrame
        `distributions.density_by_year` of one variable.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; panels share both scales; years from pale to dark.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    columns = ["variable", "group", "year", "x", "density", "bandwidth"]
    require_columns(densities, columns, "densities")
    text = _texts(lang)
    if densities["variable"].nunique() != 1:
        raise ValueError(f"one variable is drawn, got {sorted(set(densities['variable']))}")
    variable = str(densities["variable"].iloc[0])
    groups, years = list(dict.fromkeys(densities["group"])), sorted(densities["year"].unique())
    colours = colormaps["viridis_r"](np.linspace(0.15, 1, len(years)))
    with style():
        columns_shown = 2 if len(groups) == 4 else min(len(groups), 3)
        rows = math.ceil(len(groups) / columns_shown)
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 52 * rows + 26), layout="constrained")
        axes = fig.subplots(rows, columns_shown, sharex=True, sharey=True, squeeze=False)
        for ax, group in zip(axes.flat, groups, strict=False):
            for year, colour in zip(years, colours, strict=True):
                part = densities[(densities["group"] == group) & (densities["year"] == year)]
                ax.plot(part["x"], part["density"], color=colour, label=str(year))
            ax.set_title(text.get(group.lower(), group))
            ax.tick_params(labelbottom=True)
            ax.set_xlabel(wrap_text(label(variable, lang), DOUBLE_COLUMN_MM / columns_shown - 14))
        for ax in axes.flat[len(groups) :]:
            ax.set_axis_off()
        for ax in axes[:, 0]:
            ax.set_ylabel(text["density"])
        axes[0, 0].set_ylim(bottom=0)
        fig.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside upper right",
            ncols=min(len(years), 8),
        )  # fmt: skip
        bandwidth = f"{densities['bandwidth'].iloc[0]:.3f}"
        add_note(fig, text["density_note"].format(bandwidth=bandwidth))
    return fig


def transition_plot(
    table: pd.DataFrame, lang: str, *, test: tuple[float, float, int] | None = None
) -> Figure:
    """Draw transition probabilities and steady states, a panel for each condition.

    Parameters
    ----------
    table : DataFrame
        `transitions.transition_table`; condition ``all`` and numbers, the classes of the
        neighbours.
    lang : str
        ``"en"`` or ``"zh"``.
    test : tuple, optional
        Likelihood ratio, Q and degrees of freedom of the test over the classes of the neighbours.

    Returns
    -------
    Figure
        180 mm wide.
    """
    from matplotlib.figure import Figure

    columns = ["condition", "from", "to", "n", "probability", "steady"]
    require_columns(table, columns, "transitions")
    text = _texts(lang)
    conditions = list(dict.fromkeys(table["condition"]))
    across = min(len(conditions), 3)
    rows = math.ceil(len(conditions) / across)
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 58 * rows + 22), layout="constrained")
        axes = fig.subplots(rows, across, squeeze=False)
        for ax in axes.flat[len(conditions) :]:
            ax.set_axis_off()
        for ax, condition in zip(axes.flat, conditions, strict=False):
            part = table[table["condition"] == condition]
            _heat(ax, part, text)
            key = condition if condition == "all" else "neighbours"
            key = key if condition == "all" or condition.isdigit() else "other_condition"
            title = text[key].format(condition=condition, n=int(part["n"].sum()))
            ax.set_title(wrap_text(title, DOUBLE_COLUMN_MM / across - 10))
            ax.set_xlabel(text["to"])
        for ax in axes[:, 0]:
            ax.set_ylabel(text["from"])
        tested = text["test"].format(lr=test[0], q=test[1], df=test[2]) if test else ""
        add_note(fig, text["transition_note"].format(test=tested).strip())
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _heat(ax: Axes, part: pd.DataFrame, text: dict[str, str]) -> None:
    """Draw one matrix with the steady state below it."""
    wide = part.pivot(index="from", columns="to", values="probability")
    steady = part.drop_duplicates("to").set_index("to")["steady"].reindex(wide.columns)
    cells = np.vstack([wide.to_numpy(), steady.to_numpy()[None, :]])
    k = len(wide)
    ax.imshow(np.ma.masked_invalid(cells), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.axhline(k - 0.5, color=INK, linewidth=1.2)
    for (row, column), value in np.ndenumerate(cells):
        shown = "–" if np.isnan(value) else f"{value:.2f}"
        colour = "white" if value > 0.55 else INK
        ax.text(column, row, shown, ha="center", va="center", fontsize=SMALL_SIZE, color=colour)
    ax.set_xticks(range(k), [str(c) for c in wide.columns])
    ax.set_yticks(range(k + 1), [*(str(c) for c in wide.index), text["steady"]])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
