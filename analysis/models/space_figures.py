"""Charts of spatial dependence: Moran's I over the years, effects of a Durbin model, rings.

Numbers come from the tables of `spatial`, `spatial_effects` and `spillover` only; the
texts stand below in both languages.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    GREY,
    INK,
    PALETTE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import in_language, texts, unit_label
from analysis.models.spatial_effects import EFFECTS
from analysis.models.spillover import RUNGS
from analysis.schemas import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TEXTS: dict[str, dict[str, str]] = {
    "x1": {"en": "x1", "zh": "x1"},
    "x2": {"en": "x2", "zh": "x2"},
    "y": {"en": "y", "zh": "y"},
    "moran": {"en": "Moran's I", "zh": "莫兰指数 I"},
    "year": {"en": "Year", "zh": "年份"},
    "expected": {"en": "Expected without dependence", "zh": "无空间依赖时的期望"},
    "moran_note": {
        "en": "Filled: two-sided permutation p-value at most {level:.0%} ({permutations:,} "
        "permutations); hollow: above. Row-standardised contiguity weights, {counties} counties.",
        "zh": "实心：双侧置换检验 p 值不超过 {level:.0%}（置换 {permutations:,} 次）；"
        "空心：大于该值。行标准化邻接权重，{counties} 个县。",
    },
    "direct": {"en": "Direct", "zh": "直接效应"},
    "indirect": {"en": "Indirect", "zh": "间接效应"},
    "total": {"en": "Total", "zh": "总效应"},
    "effect": {"en": "Effect of one unit", "zh": "每单位的效应"},
    "truth": {"en": "Truth", "zh": "真值"},
    "estimate": {"en": "Estimate and 95% interval", "zh": "估计值与 95% 置信区间"},
    "effects_note": {
        "en": "Average effect of one more unit in a county: on itself (direct), on all others "
        "together (indirect), on all (total). Spatial Durbin model by maximum likelihood; "
        "intervals from {draws:,} draws of its parameters. n = {n:,}.",
        "zh": "某县增加一个单位的平均效应：对本县（直接）、对其他各县之和（间接）、对全部（总）。"
        "空间杜宾模型，极大似然估计；置信区间由参数的 {draws:,} 次抽样得到。n = {n:,}。",
    },
    "ring": {"en": "Ring {ring} ({count:,})", "zh": "第 {ring} 圈（{count:,}）"},
    "rings_note": {
        "en": "Change from the first to the last year of never designated counties, by the number "
        "of borders to the nearest designated county, minus that of counties {far} or more away "
        "({n_far:,}). Lines: 95% intervals, errors clustered by {cluster}. Who borders a "
        "designated county was not drawn by lot: no causal effect is claimed.",
        "zh": "从未列入贫困县的县首年至末年的变化，按距最近贫困县的边界数分圈，"
        "减去相距 {far} 圈及以上各县（{n_far:,} 个）的变化。线为 95% 置信区间，"
        "标准误按{cluster}聚类。与贫困县相邻并非随机，不能解释为因果效应。",
    },
}

_COLOURS = (
    PALETTE["blue"], PALETTE["vermillion"], PALETTE["green"], PALETTE["orange"], PALETTE["purple"],
    PALETTE["sky"],
)  # fmt: skip
_MARKS = ("o", "s", "D", "^", "v", "P")
_PANELS_PER_ROW = 4
_DODGE = 0.16
LEVEL = 0.05


def moran_plot(moran: pd.DataFrame, lang: str) -> Figure:
    """Draw Moran's I of one or more variables over the years.

    Parameters
    ----------
    moran : DataFrame
        Result of `analysis.models.spatial.moran_by_year`, at most six variables.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 x 78 mm.

    Raises
    ------
    ValueError
        If a column is missing or there are more than six variables.
    """
    from matplotlib.figure import Figure

    columns = ["variable", "year", "moran", "expected", "p_simulated", "n", "permutations"]
    require_columns(moran, columns, "moran table")
    text, variables = _texts(lang), list(dict.fromkeys(moran["variable"]))
    if len(variables) > len(_COLOURS):
        raise ValueError(f"moran table: at most {len(_COLOURS)} variables, got {len(variables)}")
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 78), layout="constrained")
        ax = fig.subplots()
        handles = [
            _moran_line(ax, moran[moran["variable"] == name], colour, mark, _name(name, lang))
            for name, colour, mark in zip(variables, _COLOURS, _MARKS, strict=False)
        ]
        handles.append(
            ax.axhline(moran["expected"].mean(), color=GREY, dashes=(4, 3), label=text["expected"])
        )
        years = sorted(set(moran["year"]))
        ax.set_xticks(years, [str(year) for year in years])
        ax.set(xlabel=text["year"], ylabel=text["moran"])
        fig.legend(handles=handles, loc="outside right upper")
        low, high = int(moran["n"].min()), int(moran["n"].max())
        counties = f"{low:,}" if low == high else f"{low:,}–{high:,}"
        draws = int(moran["permutations"].max())
        note = text["moran_note"].format(level=LEVEL, permutations=draws, counties=counties)
        add_note(fig, note)
    return fig


def effects_plot(effects: pd.DataFrame, lang: str, *, truth: pd.DataFrame | None = None) -> Figure:
    """Draw direct, indirect and total effects, one panel per regressor.

    Parameters
    ----------
    effects : DataFrame
        Result of `analysis.models.spatial_effects.effect_table`.
    lang : str
        ``"en"`` or ``"zh"``.
    truth : DataFrame, optional
        variable, effect, truth: drawn as a diamond.

    Returns
    -------
    Figure
        180 mm wide; each panel has its own scale.
    """
    from matplotlib.figure import Figure

    columns = ["variable", "effect", "value", "ci_low", "ci_high", "n", "draws"]
    require_columns(effects, columns, "effects")
    text, variables = _texts(lang), list(dict.fromkeys(effects["variable"]))
    with style():
        fig, axes = _panels(Figure, len(variables), 34)
        for ax, name in zip(axes, variables, strict=False):
            _effect_rows(ax, effects[effects["variable"] == name], truth)
            ax.set_title(wrap_text(_name(name, lang), _panel_width(len(variables))))
            ax.set_yticks(range(len(EFFECTS)), [text[effect] for effect in EFFECTS])
            ax.set_ylim(len(EFFECTS) - 0.5, -0.5)
            ax.set_xlabel(text["effect"])
        fig.legend(handles=_effect_handles(text, truth), loc="outside upper right", ncols=2)
        facts = {"draws": int(effects["draws"].max()), "n": int(effects["n"].max())}
        add_note(fig, text["effects_note"].format(**facts))
    return fig


def ring_plot(estimates: pd.DataFrame, lang: str) -> Figure:
    """Draw the rings around designated counties, one panel per outcome.

    Parameters
    ----------
    estimates : DataFrame
        Result of `analysis.models.spillover.spillover_estimates`.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; each panel has its own scale, named on its axis.
    """
    from matplotlib.figure import Figure

    columns = [
        "outcome", "rung", "ring", "estimate", "ci_low", "ci_high", "unit", "n_ring", "n_far",
        "cluster",
    ]  # fmt: skip
    require_columns(estimates, columns, "estimates")
    text, outcomes = _texts(lang), list(dict.fromkeys(estimates["outcome"]))
    rungs = [rung for rung in RUNGS if rung in set(estimates["rung"])]
    ladder = texts("ladder_plot", lang)
    with style():
        fig, axes = _panels(Figure, len(outcomes), 30 + 5 * len(rungs))
        for ax, outcome in zip(axes, outcomes, strict=False):
            part = estimates[estimates["outcome"] == outcome]
            _ring_rows(ax, part, rungs)
            ax.set_title(wrap_text(_name(outcome, lang), _panel_width(len(outcomes))))
            ax.set_xlabel(wrap_text(unit_label(str(part["unit"].iloc[0]), lang), 34))
            ax.set_yticks(range(len(rungs)), [ladder[rung] for rung in rungs])
            ax.set_ylim(len(rungs) - 0.5, -0.5)
        fig.legend(handles=_ring_handles(estimates, text), loc="outside upper right", ncols=3)
        facts = {
            "far": int(estimates["ring"].max()) + 1,
            "n_far": int(estimates["n_far"].max()),
            "cluster": ladder[f"by_{estimates['cluster'].iloc[0]}"],
        }
        add_note(fig, text["rings_note"].format(**facts))
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _name(variable: str, lang: str) -> str:
    """Return the label of a simulated variable or of one with a contract."""
    return TEXTS[variable][lang] if variable in TEXTS else label(variable, lang)


def _panel_width(count: int) -> float:
    return DOUBLE_COLUMN_MM / min(_PANELS_PER_ROW, count) - 10


def _panels(figure: type[Figure], count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels that share their rows; `height` in mm of each row."""
    columns = min(_PANELS_PER_ROW, count)
    rows = math.ceil(count / columns)
    size = figure_size(DOUBLE_COLUMN_MM, height * rows + 30)
    fig = figure(figsize=size, layout="constrained")
    axes = list(fig.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return fig, axes


def _moran_line(ax: Axes, part: pd.DataFrame, colour: str, mark: str, name: str) -> Line2D:
    part = part.sort_values("year")
    ax.plot(part["year"], part["moran"], color=colour)
    found = part["p_simulated"] <= LEVEL
    for rows, face in ((part[found], colour), (part[~found], "white")):
        ax.plot(rows["year"], rows["moran"], mark, color=colour, markerfacecolor=face)
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker=mark, label=wrap_text(name, 42))


def _effect_rows(ax: Axes, part: pd.DataFrame, truth: pd.DataFrame | None) -> None:
    ax.axvline(0, color=GREY, linewidth=0.6)
    for row, effect in enumerate(EFFECTS):
        line = part[part["effect"] == effect].iloc[0]
        ax.hlines(row, line["ci_low"], line["ci_high"], color=PALETTE["blue"], linewidth=1.6)
        ax.plot(line["value"], row, "o", color=PALETTE["blue"])
        if truth is not None:
            same = (truth["variable"] == line["variable"]) & (truth["effect"] == effect)
            known = truth.loc[same, "truth"]
            ax.plot(known, [row - 0.25] * len(known), "d", color=PALETTE["vermillion"])
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def _effect_handles(text: dict[str, str], truth: pd.DataFrame | None) -> list[Line2D]:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=PALETTE["blue"], marker="o", label=text["estimate"])]
    if truth is not None:
        mark = Line2D([], [], color=PALETTE["vermillion"], marker="d", linestyle="none")
        mark.set_label(text["truth"])
        handles.append(mark)
    return handles


def _ring_rows(ax: Axes, part: pd.DataFrame, rungs: list[str]) -> None:
    ax.axvline(0, color=GREY, linewidth=0.6)
    numbers = sorted(set(part["ring"]))
    for place, ring in enumerate(numbers):
        shift = _DODGE * (2 * place - len(numbers) + 1)
        for row, rung in enumerate(rungs):
            line = part[(part["ring"] == ring) & (part["rung"] == rung)].iloc[0]
            colour = _COLOURS[place % len(_COLOURS)]
            ax.hlines(row + shift, line["ci_low"], line["ci_high"], color=colour, linewidth=1.4)
            ax.plot(line["estimate"], row + shift, _MARKS[place % len(_MARKS)], color=colour)
    ax.locator_params(axis="x", nbins=4)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", colors=INK)


def _ring_handles(estimates: pd.DataFrame, text: dict[str, str]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    counts = estimates.groupby("ring")["n_ring"].max()
    return [
        Line2D(
            [], [], color=_COLOURS[place % len(_COLOURS)], marker=_MARKS[place % len(_MARKS)],
            label=text["ring"].format(ring=ring, count=count),
        )
        for place, (ring, count) in enumerate(counts.items())
    ]  # fmt: skip
