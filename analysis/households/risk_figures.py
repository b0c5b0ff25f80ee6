"""Figures of the risk of poverty: calibration, precision and recall, groups.

Numbers come from the tables of `risk_scores` only; the texts stand in `risk_labels`.
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
from analysis.households.risk_labels import risk_name, risk_texts
from analysis.households.risk_scores import RULES, average_precision

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = (("blue", "o"), ("vermillion", "s"), ("green", "D"), ("purple", "^"))
SHOWN_POINTS = 300
"""Points of a curve that are drawn: evenly spaced in recall."""


def calibration_plot(calibration: pd.DataFrame, lang: str, *, year: int) -> Figure:
    """Draw observed poverty against forecast risk, plain and logarithmic.

    Parameters
    ----------
    calibration : DataFrame
        `risk_scores.calibration_table` of one or several forecasts, named by a column model.
    lang : str
        ``"en"`` or ``"zh"``.
    year : int
        Test year.

    Returns
    -------
    Figure
        180 x 95 mm.

    Raises
    ------
    ValueError
        A column is missing, or there are more models than can be told apart.
    """
    from matplotlib.figure import Figure

    require_columns(
        calibration, ["model", "predicted", "value", "ci_low", "ci_high"], "calibration"
    )
    models = _few(calibration, "model")
    text = risk_texts("calibration_plot", lang)
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 95), layout="constrained")
        for ax, scale in zip(fig.subplots(1, 2), ("plain", "log"), strict=True):
            shown = _shown_risks(calibration, scale)
            ax.axline((1, 1), (2, 2), color=GREY, linewidth=0.6, linestyle="--")
            for model, (colour, mark) in zip(models, LOOKS, strict=False):
                rows = shown[shown["model"] == model]
                _classes(ax, rows, PALETTE[colour], mark, risk_name(model, lang), scale)
            _risk_axes(ax, shown, scale)
            ax.set(title=text[scale], xlabel=text["x"], ylabel=text["y"])
        handles = fig.axes[0].get_legend_handles_labels()
        fig.legend(*handles, loc="outside upper left", ncols=len(models))
        note = text["note"].format(year=year)
        if "vulnerability" in models:
            note += (" " if lang == "en" else "") + text["vulnerability"].format(year=year)
        add_note(fig, note)
    return fig


def _few(table: pd.DataFrame, column: str) -> list[str]:
    names = [str(name) for name in dict.fromkeys(table[column])]
    if len(names) > len(LOOKS):
        raise ValueError(f"{column}: {len(names)} of them: choose {len(LOOKS)} at most")
    return names


def _shown_risks(calibration: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Return percentages; for logarithms only risks that they can show."""
    numbers = ["predicted", "value", "ci_low", "ci_high"]
    shown = calibration.assign(**{name: 100 * calibration[name].astype(float) for name in numbers})
    return shown if scale == "plain" else shown[(shown["predicted"] > 0) & (shown["ci_high"] > 0)]


def _floor(shown: pd.DataFrame) -> float:
    """Return the lower end of a logarithmic axis."""
    seen = pd.concat([shown["predicted"], shown.loc[shown["value"] > 0, "value"]])
    return float(10 ** np.floor(np.log10(seen.min())))


def _classes(ax: Axes, rows: pd.DataFrame, colour: str, mark: str, name: str, scale: str) -> None:
    floor = 0.0 if scale == "plain" else _floor(rows)
    none = rows["value"] == 0
    ax.vlines(rows["predicted"], rows["ci_low"].clip(lower=floor), rows["ci_high"], color=colour)
    seen = rows[~none]
    ax.plot(seen["predicted"], seen["value"], linestyle="", marker=mark, color=colour, label=name)
    if none.any():
        empty = rows.loc[none, "predicted"]
        ax.plot(empty, [floor] * len(empty), "v", color=colour, mfc="white", clip_on=False)


def _risk_axes(ax: Axes, shown: pd.DataFrame, scale: str) -> None:
    top = 1.06 * float(shown[["predicted", "ci_high"]].max().max())
    if scale == "log":
        ax.set(xscale="log", yscale="log")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
        low = _floor(shown)
        ax.set(xlim=(0.8 * low, 1.5 * top), ylim=(low, 1.5 * top))
    else:
        ax.set(xlim=(0, top), ylim=(0, top))
    ax.set_aspect("equal")
    ax.grid()
    ax.set_axisbelow(True)


def precision_recall_plot(
    curves: pd.DataFrame,
    sweep: pd.DataFrame,
    lang: str,
    *,
    prevalence: float,
    training_years: tuple[int, ...],
    year: int,
) -> Figure:
    """Draw precision against recall, and recall against the share of households watched.

    Parameters
    ----------
    curves : DataFrame
        `risk_scores.precision_recall` of one or several forecasts, named by a column model.
    sweep : DataFrame
        `risk_scores.monitoring_sweep`; the rows of the rule `monitoring` are drawn.
    lang : str
        ``"en"`` or ``"zh"``.
    prevalence : float
        Share of those at risk who became poor.
    training_years, year
        Years that the model was fitted to, and test year.

    Returns
    -------
    Figure
        180 x 95 mm.

    Raises
    ------
    ValueError
        A column is missing, or there are more models than can be told apart.
    """
    from matplotlib.figure import Figure

    require_columns(curves, ["model", "watched", "precision", "recall"], "curves")
    require_columns(sweep, ["line", "rule", "watched", "precision", "recall"], "monitoring lines")
    lines, base = sweep[sweep["rule"] == "monitoring"], 100 * prevalence
    text = risk_texts("precision_recall_plot", lang)
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 95), layout="constrained")
        left, right = fig.subplots(1, 2)
        _curves(left, right, curves, lang)
        _lines(left, lines, "recall", "precision", (-3, -3), text["lines"])
        _lines(right, lines, "watched", "recall", (4, -4), text["lines"])
        for ax, chance in ((left, [base, base]), (right, [0, 100])):
            ax.plot([0, 100], chance, color=GREY, ls="--", linewidth=0.8, label=text["base"])
            ax.set(xlim=(0, 100), ylim=(0, None))
            ax.grid()
            ax.set_axisbelow(True)
        left.set(title=text["precision"], xlabel=text["x_recall"], ylabel=text["y_precision"])
        right.set(title=text["watched"], xlabel=text["x_watched"], ylabel=text["x_recall"])
        fig.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2)
        years = "–".join(str(y) for y in sorted({min(training_years), max(training_years)}))
        add_note(fig, text["note"].format(year=year, prevalence=base, training=years))
    return fig


def _curves(left: Axes, right: Axes, curves: pd.DataFrame, lang: str) -> None:
    text = risk_texts("precision_recall_plot", lang)
    for model, (colour, _) in zip(_few(curves, "model"), LOOKS, strict=False):
        curve = curves[curves["model"] == model]
        name = text["curve"].format(name=risk_name(model, lang), area=average_precision(curve))
        points = 100 * _thinned(curve)
        left.plot(points["recall"], points["precision"], color=PALETTE[colour], label=name)
        right.plot(points["watched"], points["recall"], color=PALETTE[colour])


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """Return points of a curve at about even steps of recall, without those of fewer than ten."""
    numbers = curve[["watched", "precision", "recall"]].iloc[min(9, len(curve) - 1) :]
    steps = np.linspace(numbers["recall"].iloc[0], 1, SHOWN_POINTS)
    places = np.searchsorted(numbers["recall"].to_numpy(), steps)
    return numbers.iloc[np.unique(np.minimum(places, len(numbers) - 1))]


def _lines(
    ax: Axes, lines: pd.DataFrame, x: str, y: str, shift: tuple[int, int], name: str
) -> None:
    ax.plot(100 * lines[x], 100 * lines[y], "s", color=INK, mfc="white", label=name, zorder=4)
    for line, across, up in zip(lines["line"], 100 * lines[x], 100 * lines[y], strict=True):
        ax.annotate(
            f"{line:,.0f}", (across, up), xytext=shift, textcoords="offset points",
            ha="right" if shift[0] < 0 else "left", va="top", fontsize=SMALL_SIZE,
        )  # fmt: skip


def recall_plot(groups: pd.DataFrame, lang: str) -> Figure:
    """Draw recall and precision of both rules by group.

    Parameters
    ----------
    groups : DataFrame
        `risk_scores.recall_by_group`, preceded where wanted by rows of `risk_scores.risk_scores`
        with group and item empty: all at risk.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; rows: groups; columns: recall and precision.

    Raises
    ------
    ValueError
        A column is missing.
    """
    from matplotlib.figure import Figure

    columns = ["group", "item", "rule", "measure", "value", "ci_low", "ci_high"]
    require_columns(groups, columns, "groups")
    text = risk_texts("recall_plot", lang)
    keys = list(dict.fromkeys(zip(groups["group"], groups["item"], strict=True)))
    names = [risk_name(f"{group} {item}".strip() or "all", lang) for group, item in keys]
    with style():
        height = 7 * len(keys) + 44
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        for ax, measure in zip(
            fig.subplots(1, 2, sharey=True), ("recall", "precision"), strict=True
        ):
            for k, (rule, (colour, mark)) in enumerate(zip(RULES, LOOKS, strict=False)):
                rows = groups[(groups["measure"] == measure) & (groups["rule"] == rule)]
                rows = rows.set_index(["group", "item"]).reindex(keys)
                places = np.arange(len(keys)) + 0.3 * (k - 0.5)
                numbers = 100 * rows[["value", "ci_low", "ci_high"]].astype(float)
                ax.hlines(places, numbers["ci_low"], numbers["ci_high"], color=PALETTE[colour])
                ax.plot(numbers["value"], places, linestyle="", marker=mark,
                        color=PALETTE[colour], label=risk_name(rule, lang))  # fmt: skip
            ax.set(title=text[measure], xlim=(0, 100 if measure == "recall" else None))
            ax.set_yticks(range(len(keys)), [wrap_text(name, 44) for name in names])
            ax.set_ylim(len(keys) - 0.5, -0.5)
            ax.grid(axis="x")
            ax.set_axisbelow(True)
        fig.legend(*fig.axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
        add_note(fig, text["note"])
    return fig
