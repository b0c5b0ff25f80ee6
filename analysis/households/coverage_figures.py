"""Figure and table of the coverage study: which intervals hold the truth, and which only seem to.

Numbers come from `coverage.summarise` only.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.exhibits import save_figure, save_table
from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    PALE,
    PALETTE,
    add_note,
    figure_size,
    style,
)
from analysis.geography import require_columns
from analysis.households.coverage import BAND, EVERYBODY, METHODS
from analysis.households.household_labels import figure_texts, item_label
from analysis.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {"design": ("blue", "o"), "weights": ("orange", "s"), "unweighted": ("vermillion", "D")}
GROUP_KEYS = {EVERYBODY: "all", "0": "urban 0", "1": "urban 1"}
_COLUMNS = ["measure", "group", "method", "coverage", "coverage_mc_error", "sd", "mean_se"]
_OFFSETS = {"design": -0.22, "weights": 0.0, "unweighted": 0.22}
_NORMAL_95 = 1.96


def coverage_plot(summary: pd.DataFrame, lang: str) -> Figure:
    """Draw coverage, and mean standard error over standard deviation, by measure and method.

    Parameters
    ----------
    summary : DataFrame
        `coverage.summarise`.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide.

    Raises
    ------
    ValueError
        A column is missing.
    """
    from matplotlib.figure import Figure

    require_columns(summary, [*_COLUMNS, "replications", "households"], "coverage")
    text = figure_texts("coverage_plot", lang)
    rows = list(dict.fromkeys(zip(summary["measure"], summary["group"], strict=True)))
    place = {row: at for at, row in enumerate(rows)}
    with style():
        fig = Figure(
            figsize=figure_size(DOUBLE_COLUMN_MM, 6.2 * len(rows) + 34), layout="constrained"
        )
        left, right = fig.subplots(1, 2, sharey=True)
        left.axvspan(100 * BAND[0], 100 * BAND[1], color=PALE, zorder=0)
        right.axvline(1, color=GREY, linewidth=0.6)
        for method in METHODS:
            part = summary[summary["method"] == method]
            y = [place[key] for key in zip(part["measure"], part["group"], strict=True)]
            _points(left, right, part, np.array(y) + _OFFSETS[method], method, text[method])
        left.set_yticks(range(len(rows)), [_row_label(*row, text["row"], lang) for row in rows])
        left.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-3, 103))
        right.set_xlim(0, None)
        left.set_title(text["coverage"])
        right.set_title(text["ratio"])
        for ax in (left, right):
            ax.grid(axis="x")
            ax.set_axisbelow(True)
        fig.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
        add_note(fig, _note(summary, text["note"]))
    return fig


def coverage_table(summary: pd.DataFrame, lang: str) -> Table:
    """Table of the coverage study: one row per measure, group and method.

    Parameters
    ----------
    summary : DataFrame
        `coverage.summarise`.
    lang : str
        ``"en"`` or ``"zh"``.
    """
    zh, text = lang == "zh", figure_texts("coverage_plot", lang)
    frame = pd.DataFrame(
        {
            ("指标" if zh else "Measure"): [item_label(m, lang) for m in summary["measure"]],
            ("人群" if zh else "Group"): [_group_label(g, lang) for g in summary["group"]],
            ("方法" if zh else "Method"): [text[m] for m in summary["method"]],
            ("真值" if zh else "Truth"): summary["truth"],
            ("均值" if zh else "Mean"): summary["mean"],
            ("标准差" if zh else "SD"): summary["sd"],
            ("平均标准误" if zh else "Mean SE"): summary["mean_se"],
            ("偏误／标准差" if zh else "Bias / SD"): summary["bias"] / summary["sd"],
            ("覆盖率（%）" if zh else "Coverage, %"): 100 * summary["coverage"],
            ("模拟误差" if zh else "MC error"): 100 * summary["coverage_mc_error"],
        }
    )
    digits = (0, 0, 0, 4, 4, 4, 4, 2, 1, 1)
    decimals = dict(zip(map(str, frame), digits, strict=True))
    caption = (
        "家庭指标置信区间的覆盖率" if zh else "Coverage of the intervals of household measures"
    )
    return Table(frame, caption, _note(summary, text["note"]), decimals=decimals)


def write_study(folder: Path, summary: pd.DataFrame) -> None:
    """Write coverage.csv, the figure and the table of the study into a folder."""
    save_figure(folder / "coverage", partial(coverage_plot, summary), summary, simulated=True)
    save_table(folder / "coverage_table", partial(coverage_table, summary), simulated=True)


def _points(
    left: Axes, right: Axes, part: pd.DataFrame, y: np.ndarray, method: str, label: str
) -> None:
    colour, mark = PALETTE[LOOKS[method][0]], LOOKS[method][1]
    share, error = 100 * part["coverage"], 100 * _NORMAL_95 * part["coverage_mc_error"]
    left.hlines(y, share - error, share + error, color=colour)
    left.plot(share, y, mark, color=colour, label=label)
    right.plot(part["mean_se"] / part["sd"], y, mark, color=colour)


def _group_label(group: str, lang: str) -> str:
    return item_label(GROUP_KEYS.get(group, group), lang)


def _row_label(measure: str, group: str, form: str, lang: str) -> str:
    name = item_label(measure, lang)
    if group == EVERYBODY:
        return name
    return form.format(measure=name, group=_group_label(group, lang))


def _note(summary: pd.DataFrame, note: str) -> str:
    return note.format(
        count=int(summary["replications"].max()),
        households=round(summary.loc[summary["group"] == EVERYBODY, "households"].mean(), -2),
        low=BAND[0],
        high=BAND[1],
    )
