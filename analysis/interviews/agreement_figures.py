"""Figure of the agreement between coders: coefficients by unit, with intervals and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
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
)
from analysis.geography import require_columns
from analysis.interviews.agreement import RELIABLE, TENTATIVE
from analysis.labels import LANGUAGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS: dict[str, dict[str, str]] = {
    "axis": {"en": "Agreement", "zh": "一致性"},
    "segment": {"en": "Segments (n = {n:,})", "zh": "段落（n = {n:,}）"},
    "turn": {"en": "Turns (n = {n:,})", "zh": "话轮（n = {n:,}）"},
    "character": {"en": "Characters (n = {n:,})", "zh": "字符（n = {n:,}）"},
    "truth": {"en": "True value", "zh": "真值"},
    "undefined": {"en": "undefined", "zh": "未定义"},
    "not_applicable": {"en": "Not applicable", "zh": "不适用"},
    "percent": {"en": "Percent agreement", "zh": "百分比一致率"},
    "alpha_nominal": {"en": "Krippendorff's α, nominal", "zh": "Krippendorff α（定类）"},
    "alpha_ordinal": {"en": "Krippendorff's α, ordinal", "zh": "Krippendorff α（定序）"},
    "alpha_interval": {"en": "Krippendorff's α, interval", "zh": "Krippendorff α（定距）"},
    "alpha_ratio": {"en": "Krippendorff's α, ratio", "zh": "Krippendorff α（定比）"},
    "alpha_jaccard": {"en": "Krippendorff's α, sets (Jaccard)", "zh": "Krippendorff α（Jaccard）"},
    "alpha_masi": {"en": "Krippendorff's α, sets (MASI)", "zh": "Krippendorff α（MASI）"},
    "cohen": {"en": "Cohen's κ", "zh": "Cohen κ"},
    "cohen_linear": {"en": "Cohen's κ, linear weights", "zh": "Cohen κ（线性加权）"},
    "cohen_quadratic": {"en": "Cohen's κ, quadratic weights", "zh": "Cohen κ（二次加权）"},
    "scott": {"en": "Scott's π", "zh": "Scott π"},
    "fleiss": {"en": "Fleiss' κ", "zh": "Fleiss κ"},
    "conger": {"en": "Conger's κ", "zh": "Conger κ"},
    "gwet_ac1": {"en": "Gwet's AC1", "zh": "Gwet AC1"},
    "brennan_prediger": {"en": "Brennan–Prediger", "zh": "Brennan–Prediger 系数"},
    "note": {
        "en": "{coders} coders, {documents} interviews. Lines: {level:.0%} intervals, percentiles "
        "of resampled interviews; right: value and interval. Dashed: {low:.3f} and {high:.3f}, "
        "between which conclusions are tentative (Krippendorff 2004); they do not apply to percent "
        "agreement, which does not correct for chance. Cohen's κ and Scott's π of more than two "
        "coders are means over pairs.",
        "zh": "编码员 {coders} 名，访谈 {documents} 份。线段为 {level:.0%} 区间（以访谈为单位"
        "重抽样的百分位数）；右侧为数值与区间。虚线为 {low:.3f} 与 {high:.3f}，其间只能作初步结论"
        "（Krippendorff 2004）；百分比一致率未扣除偶然一致，不适用该标准。"
        "编码员多于两名时，Cohen κ 与 Scott π 为各对编码员的平均。",
    },
}  # fmt: skip
MARKS = {
    "segment": (PALETTE["blue"], "o"),
    "turn": (PALETTE["orange"], "s"),
    "character": (PALETTE["green"], "D"),
}
ROW_MM = 4.4


def agreement_plot(
    table: pd.DataFrame,
    lang: str,
    *,
    truth: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> Figure:
    """Draw coefficients of agreement with their intervals, by unit.

    Parameters
    ----------
    table : DataFrame
        coefficient, unit, estimate, ci_low, ci_high, n_units, n_documents, n_coders: one table of
        `agreement_table` or several below each other, one row per coefficient and unit.
    lang : str
        ``"en"`` or ``"zh"``.
    truth : mapping, optional
        True value by coefficient, as of `expected_agreement`; a cross on each of its rows.
    confidence : float
        Level of the intervals in the table.

    Returns
    -------
    Figure
        180 mm wide; a missing value is said to be undefined.

    Raises
    ------
    ValueError
        If the language is unknown or a column is missing.
    """
    from matplotlib.figure import Figure

    columns = ["coefficient", "unit", "estimate", "ci_low", "ci_high", "n_units", "n_documents"]
    require_columns(table, [*columns, "n_coders"], "agreement")
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, got {lang!r}")
    text = {key: words[lang] for key, words in TEXTS.items()}
    rows = _rows(table)
    with style():
        height = ROW_MM * (rows["row"].max() + 1) + 38
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        ax = fig.subplots()
        for unit, part in rows.groupby("unit", sort=False):
            _intervals(ax, part, str(unit), text)
        _truths(ax, rows, truth or {}, text["truth"])
        _thresholds(ax)
        _label_rows(ax, rows, text)
        ax.set_xlabel(text["axis"])
        marks = ax.get_legend_handles_labels()
        if marks[0]:
            fig.legend(*marks, loc="outside upper right", ncols=4)
        add_note(fig, _note(table, text["note"], confidence))
    return fig


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows from above: coefficients in the order of `TEXTS`, units within, gaps between."""
    order = {name: list(TEXTS).index(name) for name in table["coefficient"].unique()}
    rows = table.assign(
        group=table["coefficient"].map(order), rank=table["unit"].map(list(MARKS).index)
    ).sort_values(["group", "rank"], ignore_index=True)
    gaps = rows["group"].rank(method="dense") - 1
    return rows.assign(row=np.arange(len(rows)) + 0.6 * gaps)


def _intervals(ax: Axes, part: pd.DataFrame, unit: str, text: dict[str, str]) -> None:
    colour, mark = MARKS[unit]
    known = part.dropna(subset="estimate")
    ax.hlines(known["row"], known["ci_low"], known["ci_high"], color=colour, linewidth=1.4)
    if len(known):
        name = text[unit].format(n=int(part["n_units"].max()))
        ax.plot(known["estimate"], known["row"], mark, color=colour, label=name)


def _truths(ax: Axes, rows: pd.DataFrame, truth: Mapping[str, float], name: str) -> None:
    shown = rows[rows["coefficient"].isin(truth) & rows["estimate"].notna()]
    shown = shown[shown["unit"] == "segment"]
    if len(shown):
        values = shown["coefficient"].map(dict(truth))
        ax.plot(values, shown["row"], "x", color=PALETTE["vermillion"], zorder=4, label=name)


def _thresholds(ax: Axes) -> None:
    low, _ = ax.get_xlim()
    ax.set_xlim(min(low, 0.0), 1.02)
    for threshold in (TENTATIVE, RELIABLE):
        ax.axvline(threshold, color=INK, linewidth=0.6, linestyle="--", zorder=0)
    ax.set_xticks([*np.arange(np.ceil(min(low, 0.0) * 5), 6) / 5])
    ax.xaxis.set_major_formatter("{x:.1f}")
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def _label_rows(ax: Axes, rows: pd.DataFrame, text: dict[str, str]) -> None:
    """Name each coefficient on the left; on the right, value and interval of each row."""
    places = rows.groupby("coefficient", sort=False)["row"].mean()
    ax.set_yticks(places, [text[str(name)] for name in places.index])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(rows["row"].max() + 0.8, -0.8)
    twin = ax.secondary_yaxis("right")
    twin.set_yticks(rows["row"], [_printed(row, text) for _, row in rows.iterrows()])
    twin.tick_params(length=0, labelsize=SMALL_SIZE)
    twin.spines["right"].set_visible(False)
    for edge in (rows.groupby("group")["row"].max() + 0.8).iloc[:-1]:
        ax.axhline(edge, color=GREY, linewidth=0.2)


def _printed(row: pd.Series, text: dict[str, str]) -> str:
    if row["coefficient"] == "not_applicable":
        return ""
    if pd.isna(row["estimate"]):
        return text["undefined"]
    if pd.isna(row["ci_low"]):
        return _number(row["estimate"])
    return f"{_number(row['estimate'])} [{_number(row['ci_low'])}, {_number(row['ci_high'])}]"


def _number(value: float) -> str:
    return f"{value:z.3f}".replace("-", "−")


def _note(table: pd.DataFrame, note: str, confidence: float) -> str:
    return note.format(
        coders=table["n_coders"].max(),
        documents=table["n_documents"].max(),
        level=confidence,
        low=TENTATIVE,
        high=RELIABLE,
    )
