"""Figure of places: ranks of the counties that studies name among all rural counties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.exhibits import printed
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
from analysis.schemas import label, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS: dict[str, dict[str, str]] = {
    "x": {
        "en": "Rank among counties rural in 2010 (percentile), {year}",
        "zh": "在 2010 年为乡村的县中的百分位，{year} 年",
    },
    "county": {"en": "{place}: county of the study", "zh": "{place}：研究所在县"},
    "prefecture": {
        "en": "{place}: counties of the prefecture (n = {n})",
        "zh": "{place}：所在地市各县（n = {n}）",
    },
    "values": {
        "en": "{county}\n(median of counties rural in 2010)",
        "zh": "{county}\n（2010 年乡村县的中位数）",
    },
    "none": {
        "en": "No census row of a county that a study names in this profile",
        "zh": "本配置中没有研究所指县的普查数据",
    },
    "anonymous": {
        "en": "Anonymous, not guessed: {places}.",
        "zh": "匿名，不作猜测：{places}。",
    },
    "units": {
        "en": "{unit}: {shown} units are shown, {left_out} left out as urban in 2010; units "
        "missing from the panel are not counted.",
        "zh": "{unit}：显示 {shown} 个单位，{left_out} 个因 2010 年属城市而未显示；"
        "面板中缺失的单位不计。",
    },
    "and": {"en": "; ", "zh": "；"},
    "note": {
        "en": "Each mark is a county; 50 is the middle of the country, high is more of the "
        "variable and not better. A town may be unlike its county. Counties of a prefecture by "
        "code, with those that the province administers or that form a new area.",
        "zh": "每个标记为一个县；50 为全国居中，数值高表示该变量高，不等于更好。"
        "镇未必与所在县相同。地市各县按代码归属，含省直管及新区所辖县。",
    },
}
MARKS = {"county": (PALETTE["vermillion"], "D"), "prefecture": (PALETTE["blue"], "o")}


def places_plot(
    ranks: pd.DataFrame, places: pd.DataFrame, lang: str, *, year: int | None = None
) -> Figure:
    """Draw the rank of each county of a known place, a row per variable.

    Parameters
    ----------
    ranks : DataFrame
        From `places.place_ranks`; without rows the figure says that there are none.
    places : DataFrame
        From `places.place_status`: names of the places, and who is anonymous.
    lang : str
        ``"en"`` or ``"zh"``.
    year : int, optional
        The last one unless given.

    Returns
    -------
    Figure
        180 mm wide.

    Raises
    ------
    ValueError
        If the language is unknown, a column is missing, or two places are of one level: marks tell
        levels apart, not places.
    """
    from matplotlib.figure import Figure

    text = in_language(TEXTS, lang)
    columns = ["case", "level", "year", "variable", "value", "percentile", "national_median"]
    require_columns(ranks, columns, "ranks of places")
    named = ["case", "level", "status", f"place_{lang}", f"unit_{lang}", "counties", "left_out"]
    require_columns(places, named, "places")
    shown = ranks[ranks["year"] == (ranks["year"].max() if year is None else year)]
    _check_one_of_each_level(shown)
    variables = list(dict.fromkeys(shown["variable"]))
    with style():
        size = figure_size(DOUBLE_COLUMN_MM, 34 + 6.2 * max(len(variables), 2))
        fig = Figure(figsize=size, layout="constrained")
        ax = fig.subplots()
        if shown.empty:
            ax.text(0.5, 0.5, text["none"], ha="center", va="center")
            ax.set_axis_off()
        else:
            _rows(ax, shown, variables, lang)
            _marks(ax, shown, variables, places.set_index("case"), text, lang)
            _values(ax, shown, variables, places.set_index("case"), text, lang)
            ax.set_xlabel(text["x"].format(year=shown["year"].iloc[0]))
            fig.legend(loc="outside upper left", ncols=2)
        add_note(fig, _note(places, text, lang))
    return fig


def _check_one_of_each_level(shown: pd.DataFrame) -> None:
    for level, cases in shown.groupby("level")["case"].unique().items():
        if len(cases) > 1:
            raise ValueError(
                f"ranks of places: {', '.join(cases)} are all known by their {level}, whose marks "
                "would look alike; draw a figure for each"
            )


def _note(places: pd.DataFrame, text: Mapping[str, str], lang: str) -> str:
    hidden = places.loc[places["status"] == "anonymous", f"place_{lang}"]
    wide = places[(places["level"] == "prefecture") & (places["status"] == "shown")]
    told = [
        text["units"].format(unit=p[f"unit_{lang}"], shown=p["counties"], left_out=p["left_out"])
        for p in wide.to_dict("records")
    ]
    told += [text["anonymous"].format(places=text["and"].join(hidden))] if len(hidden) else []
    return ("" if lang == "zh" else " ").join([text["note"], *told])


def _rows(ax: Axes, shown: pd.DataFrame, variables: list[str], lang: str) -> None:
    names = [f"{label(v, lang)} ({unit(v)})" if unit(v) else label(v, lang) for v in variables]
    ax.set_yticks(range(len(variables)), [wrap_text(n, 56, size=SMALL_SIZE) for n in names])
    ax.set(xlim=(-2, 102), ylim=(len(variables) - 0.5, -0.5))
    ax.axvline(50, color=GREY, linewidth=0.6)
    ax.grid(axis="y")
    ax.set_axisbelow(True)


def _marks(
    ax: Axes, shown: pd.DataFrame, variables: list[str], places: pd.DataFrame,
    text: Mapping[str, str], lang: str,
) -> None:  # fmt: skip
    for (case, level), part in shown.groupby(["case", "level"], sort=False):
        colour, mark = MARKS[str(level)]
        place, n = places[f"place_{lang}"][str(case)], places["counties"][str(case)]
        name = text[str(level)].format(place=place, n=n)
        rows = part["variable"].map(variables.index)
        look = {"alpha": 0.45, "linewidth": 0} if level == "prefecture" else {"zorder": 3}
        ax.scatter(part["percentile"], rows, s=20, color=colour, marker=mark, label=name, **look)


def _values(
    ax: Axes, shown: pd.DataFrame, variables: list[str], places: pd.DataFrame,
    text: Mapping[str, str], lang: str,
) -> None:  # fmt: skip
    """Write the values of the county, if one is known, with the medians, right of the rows."""
    single = shown[shown["level"] == "county"]
    for case, part in single.groupby("case", sort=False):
        values = part.set_index("variable").reindex(variables)
        side = ax.twinx()
        side.set_ylim(ax.get_ylim())
        side.set_yticks(np.arange(len(variables)), [
            f"{_short(v)} ({_short(m)})"
            for v, m in zip(values["value"], values["national_median"], strict=True)
        ])  # fmt: skip
        side.tick_params(length=0)
        head = text["values"].format(county=places[f"unit_{lang}"][str(case)])
        side.annotate(
            wrap_text(head, 40), (1, 1), xytext=(4, 2), xycoords="axes fraction", va="bottom",
            textcoords="offset points", fontsize=SMALL_SIZE, color=INK,
        )  # fmt: skip


def _short(value: float) -> str:
    return printed(value, 1) if pd.isna(value) or abs(value) < 1000 else f"{value:,.0f}"
