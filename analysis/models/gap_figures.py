"""Figures of regional gaps: parts of the Gini and Theil indices, spread and speed of convergence.

Numbers come from the tables of `regional_gaps`, `distributions` and `convergence` only;
the texts stand below in both languages.
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
    PALETTE,
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
    "within": {"en": "Within groups", "zh": "组内"},
    "between": {"en": "Net between groups", "zh": "组间净值"},
    "overlap": {"en": "Overlap (transvariation)", "zh": "超变密度"},
    "dagum": {"en": "Gini coefficient", "zh": "基尼系数"},
    "theil_t": {"en": "Theil index T", "zh": "泰尔指数 T"},
    "theil_l": {"en": "Theil index L (mean log deviation)", "zh": "泰尔指数 L（平均对数离差）"},
    "by": {"en": "By {grouping}", "zh": "按{grouping}分组"},
    "region": {"en": "region", "zh": "四大区域"},
    "designated": {"en": "designation", "zh": "是否贫困县"},
    "province": {"en": "province", "zh": "省份"},
    "prefecture": {"en": "prefecture", "zh": "地市"},
    "weighted": {"en": "weighted by {weight}", "zh": "按{weight}加权"},
    "unweighted": {"en": "counties count equally", "zh": "各县等权"},
    "dagum_note": {
        "en": "Parts of the Gini coefficient (Dagum 1997); {weights}. Overlap: counties of a "
        "poorer group above counties of a richer one. Numbers: share of the net difference "
        "between groups in the total, %.",
        "zh": "基尼系数的 Dagum（1997）分解；{weights}。超变密度：较低组中高于较高组的县"
        "所形成的差异。数字为组间净值占总差异的百分比。",
    },
    "theil_note": {
        "en": "Parts of the index; {weights}. Numbers: share of the difference between groups in "
        "the total, %.",
        "zh": "指数的组内与组间部分；{weights}。数字为组间差异占总差异的百分比。",
    },
    "sd": {"en": "Standard deviation", "zh": "标准差"},
    "variation": {"en": "Coefficient of variation", "zh": "变异系数"},
    "sd_log": {"en": "Standard deviation of logs", "zh": "对数标准差"},
    "speed": {"en": "Speed of convergence (% a year)", "zh": "收敛速度（%／年）"},
    "absolute": {"en": "absolute", "zh": "绝对收敛"},
    "conditional": {"en": "conditional", "zh": "条件收敛"},
    "within_model": {"en": "county effects*", "zh": "县固定效应*"},
    "convergence_note": {
        "en": "Left: spread over counties. Right: rate λ = −ln(1 + b s) / s at which a gap closes, "
        "b from growth per year on the initial level over intervals of s years; 95% intervals, "
        "errors clustered by {cluster}. Conditional: controls or group effects. Errors in the "
        "initial level bias λ upwards.",
        "zh": "左：各县离散程度。右：差距缩小的速度 λ = −ln(1 + b s) / s，b 由 s 年间的年均增长"
        "对期初水平回归得到；线为 95% 置信区间，标准误按{cluster}聚类。"
        "条件收敛：含控制变量或分组固定效应。期初水平的测量误差会高估 λ。",
    },
    "nickell_note": {
        "en": "* Biased upwards with few years (Nickell 1981); square: corrected.",
        "zh": "* 年数少时有向上偏误（Nickell 1981）；方点：校正值。",
    },
    "code": {"en": "county", "zh": "县"},
}  # fmt: skip

_PART_COLOURS = {
    "within": PALETTE["sky"], "between": PALETTE["vermillion"], "overlap": PALETTE["yellow"],
}  # fmt: skip
_LINE_STYLES = (
    (PALETTE["blue"], "o"), (PALETTE["vermillion"], "s"), (PALETTE["green"], "D"),
    (PALETTE["purple"], "^"), (PALETTE["orange"], "v"),
)  # fmt: skip
_MODELS = {"absolute": "absolute", "conditional": "conditional", "within": "within_model"}
_SHOWN_YEARS = 7


def decomposition_plot(table: pd.DataFrame, lang: str, *, measure: str = "dagum") -> Figure:
    """Draw the parts of an index as stacked bars, a column per grouping and a row per variable.

    Parameters
    ----------
    table : DataFrame
        `regional_gaps.decompose_by_year`.
    lang : str
        ``"en"`` or ``"zh"``.
    measure : str
        The one to draw: dagum, theil_t or theil_l.

    Returns
    -------
    Figure
        180 mm wide; panels of a row share their scale.
    """
    from matplotlib.figure import Figure

    columns = ["grouping", "variable", "year", "measure", "component", "value", "share", "weight"]
    require_columns(table, columns, "decomposition")
    text = _texts(lang)
    part = table[table["measure"] == measure]
    variables, groupings = (list(dict.fromkeys(part[c])) for c in ("variable", "grouping"))
    with style():
        fig = Figure(
            figsize=figure_size(DOUBLE_COLUMN_MM, 52 * len(variables) + 24), layout="constrained"
        )
        axes = fig.subplots(len(variables), len(groupings), sharey="row", squeeze=False)
        for row, variable in enumerate(variables):
            for column, grouping in enumerate(groupings):
                own = part[(part["variable"] == variable) & (part["grouping"] == grouping)]
                _stacked_parts(axes[row, column], own, text)
                title = text["by"].format(grouping=text.get(grouping, grouping))
                if len(variables) > 1:
                    title = f"{label(variable, lang)}: {title}"
                axes[row, column].set_title(
                    wrap_text(title, DOUBLE_COLUMN_MM / len(groupings) - 14)
                )
            axes[row, 0].set_ylabel(wrap_text(text[measure], 40))
        handles = axes[0, 0].get_legend_handles_labels()
        fig.legend(*handles, loc="outside upper right", ncols=len(handles[0]))
        note = text["dagum_note" if measure == "dagum" else "theil_note"]
        add_note(fig, note.format(weights=_weights(part, lang, text)))
    return fig


def convergence_plot(
    sigma: pd.DataFrame, beta: pd.DataFrame, lang: str, *, spread: str = "variation"
) -> Figure:
    """Draw the spread over counties by year, and the speed of convergence by model.

    Parameters
    ----------
    sigma : DataFrame
        `distributions.sigma_by_year`.
    beta : DataFrame
        Rows of `convergence.beta_convergence`, one per variable and model.
    lang : str
        ``"en"`` or ``"zh"``.
    spread : str
        Column of `sigma` to draw: sd, variation or sd_log.

    Returns
    -------
    Figure
        180 mm wide.
    """
    from matplotlib.figure import Figure

    require_columns(sigma, ["variable", "year", spread], "spread")
    columns = ["variable", "model", "speed", "speed_low", "speed_high", "cluster"]
    require_columns(beta, [*columns, "span", "estimate_corrected"], "convergence")
    text = _texts(lang)
    variables = list(dict.fromkeys(sigma["variable"]))
    rows = beta.sort_values("model", key=lambda m: m.map(list(_MODELS).index), kind="stable")
    with style():
        fig = Figure(
            figsize=figure_size(DOUBLE_COLUMN_MM, 66 + 4.5 * len(beta)), layout="constrained"
        )
        left, right = fig.subplots(1, 2)
        for variable, (colour, mark) in zip(variables, _LINE_STYLES * 9, strict=False):
            part = sigma[sigma["variable"] == variable]
            left.plot(
                part["year"], part[spread], color=colour, marker=mark, label=label(variable, lang)
            )
        _year_axis(left, sorted(sigma["year"].unique()))
        left.set_ylim(bottom=0)
        left.set_ylabel(text[spread])
        left.grid(axis="y")
        _speed_rows(right, rows.reset_index(drop=True), variables, text)
        fig.legend(loc="outside upper left", ncols=2)
        add_note(fig, _convergence_note(beta, text, lang))
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _only(table: pd.DataFrame, column: str) -> str:
    values = list(dict.fromkeys(table[column]))
    if len(values) != 1:
        raise ValueError(f"{column}: one is drawn at a time, got {values}: select one")
    return str(values[0])


def _weights(part: pd.DataFrame, lang: str, text: dict[str, str]) -> str:
    weight = _only(part, "weight")
    if not weight:
        return text["unweighted"]
    name = label(weight, lang)
    return text["weighted"].format(weight=name.lower() if lang == "en" else name)


def _year_axis(ax: Axes, years: list[int]) -> None:
    """Tick the years; every few of them where there are many."""
    every = math.ceil(len(years) / _SHOWN_YEARS)
    ax.set_xticks(years[::every], [str(y) for y in years[::every]])
    ax.set_axisbelow(True)


def _stacked_parts(ax: Axes, part: pd.DataFrame, text: dict[str, str]) -> None:
    wide = part.pivot(index="year", columns="component", values="value").sort_index()
    share = part[part["component"] == "between"].set_index("year")["share"]
    places, base = np.arange(len(wide)), np.zeros(len(wide))
    shown = places % math.ceil(len(wide) / _SHOWN_YEARS) == 0
    for component, colour in _PART_COLOURS.items():
        if component in wide:
            heights = wide[component].to_numpy()
            ax.bar(places, heights, bottom=base, color=colour, width=0.75, label=text[component])
            base = base + heights
    for place, year in zip(places[shown], wide.index[shown], strict=True):
        ax.annotate(
            f"{100 * share[year]:.0f}", (place, base[place]), xytext=(0, 1.5),
            textcoords="offset points", ha="center", va="bottom", fontsize=SMALL_SIZE,
        )  # fmt: skip
    ax.set_xticks(places[shown], [str(y) for y in wide.index[shown]])
    ax.set_xlim(-0.8, len(wide) - 0.2)
    ax.margins(y=0.12)
    ax.grid(axis="y")
    ax.set_axisbelow(True)


def _speed_rows(ax: Axes, rows: pd.DataFrame, variables: list[str], text: dict[str, str]) -> None:
    styles = dict(zip(variables, _LINE_STYLES * 9, strict=False))
    ax.axvline(0, color=GREY, linewidth=0.6)
    for place, (_, row) in enumerate(rows.iterrows()):
        colour, mark = styles.get(row["variable"], (INK, "o"))
        ax.hlines(place, 100 * row["speed_low"], 100 * row["speed_high"], color=colour)
        ax.plot(100 * row["speed"], place, mark, color=colour)
        corrected = 1 + row["estimate_corrected"] * row["span"]
        if corrected > 0:
            rate = -100 * np.log(corrected) / row["span"]
            ax.plot(rate, place, "s", color=colour, mfc="white")
    ax.set_yticks(range(len(rows)), [text[_MODELS[m]] for m in rows["model"]])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(text["speed"])
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def _convergence_note(beta: pd.DataFrame, text: dict[str, str], lang: str) -> str:
    cluster = _only(beta, "cluster")
    note = text["convergence_note"].format(cluster=text.get(cluster, cluster))
    if not (beta["model"] == "within").any():
        return note
    return note + (" " if lang == "en" else "") + text["nickell_note"]
