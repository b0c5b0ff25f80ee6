"""Figures of the specification curve and of its permutation test.

Numbers come from the tables of `specifications` and `specification_summary` only; texts
stand below, names of alternatives in `specification_labels`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALE,
    PALETTE,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import in_language
from analysis.models.specification_labels import (
    DIMENSIONS,
    choice_label,
    outcome_label,
    outcome_unit,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS: dict[str, dict[str, str]] = {
    "estimate": {"en": "Gap in the change ({unit})", "zh": "变化之差（{unit}）"},
    "order": {"en": "Specifications, ordered by estimate", "zh": "各设定，按估计值排序"},
    "significant": {"en": "Significant at 5%", "zh": "在 5% 水平显著"},
    "other": {"en": "Not significant", "zh": "不显著"},
    "headline": {"en": "Headline", "zh": "主设定"},
    "median": {"en": "Median", "zh": "中位数"},
    "null": {"en": "Permuted medians (95%)", "zh": "置换中位数（95%）"},
    "range": {"en": "All specifications", "zh": "全部设定"},
    "curve_note": {
        "en": "Designated minus other counties, {count} declared specifications of which {share} "
        "are significant; lines: 95% intervals, errors clustered. Alternatives were declared "
        "before estimation, the first of each is the headline. {test}Designation was not random: "
        "no causal effect is claimed.",
        "zh": "贫困县与其他县之差，共 {count} 个预先声明的设定，其中 {share} 显著；"
        "线为 95% 置信区间（聚类标准误）。各备选方案均在估计前声明，首项为主设定。{test}"
        "贫困县并非随机认定，不能解释为因果效应。",
    },
    "curve_test": {
        "en": "Permutation test ({draws} draws of designation by lot): p = {p} for the median, {t} "
        "for the mean t statistic, which allows for alike neighbours. ",
        "zh": "置换检验（随机抽签认定 {draws} 次）：中位数 p = {p}；平均 t 统计量 p = {t}，"
        "后者允许相邻县相似。",
    },
    "overview_axis": {
        "en": "Distance from the middle of the permuted medians, in half widths of their band",
        "zh": "与置换中位数区间中点之差（以区间半宽为单位）",
    },
    "overview_value": {"en": "{median} (p = {p}, {t})", "zh": "{median}（p = {p}，{t}）"},
    "overview_note": {
        "en": "Grey band: central 95% of the medians when designation is drawn by lot, which "
        "supposes that it has no effect and goes with nothing that matters. Line: lowest to "
        "highest specification, cut at the axis; arrow: beyond it. Right: median in the unit of "
        "the outcome, and permutation p of the median and of the mean t statistic; the second "
        "allows for alike neighbours. Blue: both below .05. Poor counties that catch up for "
        "whatever reason lead out of the band.",
        "zh": "灰带：随机抽签认定时中位数的中间 95%，其原假设为认定没有影响且与其他因素无关。"
        "线：最低至最高设定，超出坐标处截断；箭头：超出坐标范围。右侧：中位数（结果变量单位），"
        "及中位数与平均 t 统计量的置换检验 p 值，后者允许相邻县相似。蓝色：两者均小于 0.05。"
        "贫困县有所追赶，不论原因，均会落在灰带之外。",
    },
}  # fmt: skip

_LINE_MM = 3.4
_NAME_MM = 52
_LIMIT = 8.0
_CURVE_COLUMNS = [
    *DIMENSIONS, "outcome", "estimate", "ci_low", "ci_high", "p_value", "headline", "unit",
]  # fmt: skip
_SUMMARY_COLUMNS = [
    "outcome", "unit", "median", "lowest", "highest", "headline_estimate", "permutation_p",
    "permutation_p_mean_statistic",
    "null_median_low", "null_median_high", "permutations",
]  # fmt: skip


def specification_curve_plot(
    estimates: pd.DataFrame, summary: pd.DataFrame, lang: str, *, outcome: str
) -> Figure:
    """Draw the estimates of all specifications of an outcome above the choices behind them.

    Parameters
    ----------
    estimates : DataFrame
        `Sweep.estimates`.
    summary : DataFrame
        `curve_summary`.
    lang : str
        ``"en"`` or ``"zh"``.
    outcome : str
        The outcome.

    Returns
    -------
    Figure
        180 mm wide. Choices with one alternative are not shown.
    """
    from matplotlib.figure import Figure

    require_columns(estimates, _CURVE_COLUMNS, "estimates")
    require_columns(summary, [*_SUMMARY_COLUMNS, "share_significant"], "summary")
    text = _texts(lang)
    part = estimates[estimates["outcome"] == outcome].sort_values("estimate", kind="stable")
    if part.empty or outcome not in set(summary["outcome"]):
        raise ValueError(f"outcome {outcome!r} is not in the estimates or not in the summary")
    about = summary[summary["outcome"] == outcome].iloc[0]
    rows = _choice_rows(part, lang)
    lines = sum(name.count("\n") + 1 for name, _, _ in rows)
    with style():
        height = 62 + _LINE_MM * lines + 26
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(62, _LINE_MM * max(lines, 1)))
        _curve(top, part, about)
        top.set_title(outcome_label(outcome, lang))
        top.set_ylabel(text["estimate"].format(unit=outcome_unit(str(about["unit"]), lang)))
        _choices(bottom, part, rows)
        bottom.set_xlabel(text["order"])
        fig.legend(handles=_curve_handles(about, text), loc="outside upper right", ncols=5)
        add_note(fig, _curve_note(part, about, text))
    return fig


def curve_overview_plot(summary: pd.DataFrame, lang: str) -> Figure:
    """Draw the median of each curve beside the medians under permuted designation.

    Parameters
    ----------
    summary : DataFrame
        `curve_summary`, with permutations.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide, a row for each outcome.
    """
    from matplotlib.figure import Figure

    require_columns(summary, _SUMMARY_COLUMNS, "summary")
    if (summary["permutations"] == 0).any():
        raise ValueError("summary: no permutations to compare with; run the sweep with some")
    text = _texts(lang)
    with style():
        height = 7 * len(summary) + 40
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        ax = fig.subplots()
        ax.axvspan(-1, 1, color=PALE)
        ax.axvline(0, color=GREY, linewidth=0.6)
        for row, (_, line) in enumerate(summary.iterrows()):
            _overview_row(ax, row, line)
        ax.set_xlim(-_LIMIT - 0.4, _LIMIT + 0.4)
        ax.set_ylim(len(summary) - 0.5, -0.5)
        names = [wrap_text(outcome_label(o, lang), 44) for o in summary["outcome"]]
        ax.set_yticks(range(len(summary)), names)
        columns = ["median", "permutation_p", "permutation_p_mean_statistic"]
        values = [
            text["overview_value"].format(median=_number(m), p=f"{p:.3f}", t=f"{t:.3f}")
            for m, p, t in summary[columns].itertuples(index=False)
        ]
        twin = ax.secondary_yaxis("right")
        twin.set_yticks(range(len(summary)), values)
        twin.tick_params(length=0)
        twin.spines["right"].set_visible(False)
        ax.set_xlabel(text["overview_axis"])
        fig.legend(handles=_overview_handles(text), loc="outside upper right", ncols=4)
        add_note(fig, text["overview_note"])
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _number(value: float) -> str:
    """Return three significant digits with a true minus sign."""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:z.{min(digits, 6)}f}".replace("-", "−")


def _choice_rows(part: pd.DataFrame, lang: str) -> list[tuple[str, str, str]]:
    """Return name, column and alternative of each row below the curve; headings have no column."""
    rows = []
    for column, both in DIMENSIONS.items():
        alternatives = _declared_order(part, column)
        if len(alternatives) > 1:
            rows.append((both[lang], "", ""))
            rows += [
                (wrap_text(choice_label(column, a, lang), _NAME_MM, size=SMALL_SIZE), column, a)
                for a in alternatives
            ]
    return rows


def _declared_order(part: pd.DataFrame, column: str) -> list[str]:
    order = part.sort_values("specification") if "specification" in part else part
    return list(dict.fromkeys(order[column]))


def _curve(ax: Axes, part: pd.DataFrame, about: pd.Series) -> None:
    places = np.arange(len(part))
    colours = np.where(part["p_value"] < 0.05, PALETTE["blue"], GREY)
    if about["permutations"]:
        ax.axhspan(about["null_median_low"], about["null_median_high"], color=PALE)
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.axhline(about["median"], color=PALETTE["vermillion"], linewidth=0.8, linestyle="--")
    ax.vlines(places, part["ci_low"], part["ci_high"], color=colours, linewidth=0.6, alpha=0.6)
    size = 9.0 if len(part) < 120 else 4.0
    ax.scatter(places, part["estimate"], s=size, color=colours, linewidth=0, zorder=3)
    head = part["headline"].to_numpy(dtype=bool)
    ax.scatter(
        places[head], part["estimate"][head], s=26, marker="D", color=PALETTE["orange"], zorder=4
    )
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    ax.tick_params(axis="x", length=0, labelbottom=False)


def _choices(ax: Axes, part: pd.DataFrame, rows: list[tuple[str, str, str]]) -> None:
    """Mark, below each estimate, the alternatives that it takes."""
    ends = np.cumsum([name.count("\n") + 1 for name, _, _ in rows])
    middles = [
        end - (name.count("\n") + 1) / 2 for end, (name, _, _) in zip(ends, rows, strict=True)
    ]
    places = np.arange(len(part))
    significant = (part["p_value"] < 0.05).to_numpy()
    head = part["headline"].to_numpy(dtype=bool)
    for middle, (_, column, alternative) in zip(middles, rows, strict=True):
        if not column:
            continue
        taken = (part[column] == alternative).to_numpy()
        for chosen, colour in (
            (taken & ~significant, GREY), (taken & significant, PALETTE["blue"]),
            (taken & head, PALETTE["orange"]),
        ):  # fmt: skip
            ax.vlines(places[chosen], middle - 0.36, middle + 0.36, color=colour, linewidth=0.8)
    ax.set_yticks(middles, [name for name, _, _ in rows])
    for tick, (_, column, _) in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_color(INK if column else GREY)
    ax.set_ylim(ends[-1] if len(ends) else 1, 0)
    ax.tick_params(length=0, labelbottom=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlim(-1, len(part))


def _curve_handles(about: pd.Series, text: dict[str, str]) -> list[Artist]:
    from matplotlib.lines import Line2D

    marks = (("o", PALETTE["blue"], "significant"), ("o", GREY, "other"),
             ("D", PALETTE["orange"], "headline"))  # fmt: skip
    handles: list[Artist] = [
        Line2D([], [], linewidth=0, marker=mark, color=colour, label=text[key])
        for mark, colour, key in marks
    ]
    handles.append(
        Line2D(
            [], [], color=PALETTE["vermillion"], linewidth=0.8, linestyle="--",
            label=text["median"],
        )
    )  # fmt: skip
    if about["permutations"]:
        handles.append(Line2D([], [], color=PALE, linewidth=5, label=text["null"]))
    return handles


def _curve_note(part: pd.DataFrame, about: pd.Series, text: dict[str, str]) -> str:
    test = ""
    if about["permutations"]:
        test = text["curve_test"].format(
            p=f"{about['permutation_p']:.3f}",
            t=f"{about['permutation_p_mean_statistic']:.3f}",
            draws=f"{int(about['permutations']):,}",
        )
    share = f"{about['share_significant']:.0%}"
    return text["curve_note"].format(count=f"{len(part):,}", share=share, test=test)


def _overview_row(ax: Axes, row: int, line: pd.Series) -> None:
    """Draw one outcome in half widths of its permuted medians, from their middle."""
    half = (line["null_median_high"] - line["null_median_low"]) / 2
    middle = (line["null_median_high"] + line["null_median_low"]) / 2
    low, high, median, head = (
        (line[name] - middle) / half
        for name in ("lowest", "highest", "median", "headline_estimate")
    )
    span = np.clip([low, high], -_LIMIT, _LIMIT)
    ax.hlines(row, *span, color=GREY, linewidth=1.0)
    largest = max(line["permutation_p"], line["permutation_p_mean_statistic"])
    colour = PALETTE["blue"] if largest < 0.05 else GREY
    for value, mark, own in ((median, "o", colour), (head, "D", PALETTE["orange"])):
        if abs(value) > _LIMIT:
            ax.plot(math.copysign(_LIMIT, value), row, ">" if value > 0 else "<", color=own)
        else:
            ax.plot(value, row, mark, color=own)


def _overview_handles(text: dict[str, str]) -> list[Artist]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=PALETTE["blue"], marker="o", linewidth=0, label=text["median"]),
        Line2D([], [], color=PALETTE["orange"], marker="D", linewidth=0, label=text["headline"]),
        Line2D([], [], color=GREY, label=text["range"]),
        Line2D([], [], color=PALE, linewidth=5, label=text["null"]),
    ]
