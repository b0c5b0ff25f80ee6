"""Maps of local spatial association: clusters of high and low values, and outliers among them.

Drawn like the other maps of counties; only units whose local Moran survives the control of the
false discovery rate are coloured, all others are grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    PALE,
    PALETTE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import in_language, texts
from analysis.maps import HATCH, HATCH_INK, NO_DATA, draw_map
from analysis.models.spatial_local import CLUSTERS
from analysis.schemas import label

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

TEXTS: dict[str, dict[str, str]] = {
    "high-high": {"en": "High among high", "zh": "高—高集聚"},
    "low-low": {"en": "Low among low", "zh": "低—低集聚"},
    "high-low": {"en": "High among low", "zh": "高—低异常"},
    "low-high": {"en": "Low among high", "zh": "低—高异常"},
    "not significant": {"en": "Not significant", "zh": "不显著"},
    "legend": {"en": "Local Moran: {variable}", "zh": "局部莫兰指数：{variable}"},
    "panel": {"en": "{year} ({count:,} counties)", "zh": "{year} 年（{count:,} 个县）"},
    "entry": {"en": "{name} ({count})", "zh": "{name}（{count}）"},
    "note": {
        "en": "High and low: above and below the mean of the year; the second word is the mean of "
        "the neighbours. Two-sided conditional permutation tests; coloured where the false "
        "discovery rate is at most {level:.0%} (Benjamini & Hochberg). {how}",
        "zh": "高、低指高于、低于当年均值，后一字为邻县均值。双侧条件置换检验；"
        "错误发现率不超过 {level:.0%}（Benjamini–Hochberg 法）者着色。{how}",
    },
    "how": {
        "en": "Neighbours share a border or a corner; {joined} units that touch no other are "
        "joined to the nearest.",
        "zh": "邻县指有公共边或公共点的县；{joined} 个不与他县相接的单元以最近的县为邻。",
    },
}

COLOURS = dict(
    zip(
        CLUSTERS,
        (PALETTE["vermillion"], PALETTE["blue"], PALETTE["orange"], PALETTE["sky"], PALE),
        strict=True,
    )
)
_COARSE = 10_000.0  # metres; 0.2 mm on a half page map


def lisa_maps(
    counties: GeoDataFrame,
    provinces: GeoDataFrame,
    maritime: GeoDataFrame,
    clusters: pd.DataFrame,
    lang: str,
    *,
    variable: str,
    years: Sequence[int],
    level: float,
    joined: int,
) -> Figure:
    """Map the clusters of a variable in one or more years.

    Parameters
    ----------
    counties, provinces, maritime : GeoDataFrame
        Layers of ``analysis.geography``.
    clusters : DataFrame
        Columns ``code``, ``year`` and ``cluster``, from ``spatial_local.local_moran``.
    lang : str
        ``"en"`` or ``"zh"``.
    variable : str
        Column with a contract; its label is shown.
    years : sequence of int
        One panel each.
    level : float
        False discovery rate of `clusters`.
    joined : int
        Units that were joined to their nearest neighbour.

    Returns
    -------
    Figure
        180 mm wide. The legend counts the units of each class, year by year; counties without a
        class are hatched.

    Raises
    ------
    ValueError
        If a column is missing, a class is unknown, a unit stands twice or a year has no values.
    """
    from matplotlib.figure import Figure

    text = _texts(lang)
    chosen = _chosen(clusters, years)
    sea = texts("coordination_maps", lang)["inset"]
    with style():
        size = figure_size(DOUBLE_COLUMN_MM, 0.8 * DOUBLE_COLUMN_MM / len(years) + 40)
        fig = Figure(figsize=size, layout="constrained")
        axes = fig.subplots(1, len(years), squeeze=False)[0]
        for ax, year in zip(axes, years, strict=True):
            here = chosen[chosen["year"] == year].set_index("code")["cluster"]
            fill = counties["code"].map(here).map(COLOURS)
            filled = counties.assign(fill=fill)
            draw_map(ax, filled, provinces, maritime, metres=_COARSE, sea=sea)
            ax.set_title(text["panel"].format(year=year, count=fill.notna().sum()))
        fig.legend(
            handles=_handles(chosen, years, text, texts("coordination_maps", lang)["missing"]),
            title=wrap_text(
                text["legend"].format(variable=label(variable, lang)), DOUBLE_COLUMN_MM - 10
            ),
            ncols=3,
            columnspacing=1.2,
            loc="outside upper center",
        )
        add_note(fig, _note(text, lang, level, joined))
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _note(text: dict[str, str], lang: str, level: float, joined: int) -> str:
    boundaries = texts("coordination_maps", lang)["note"]
    source = boundaries[boundaries.index("Boundaries" if lang == "en" else "行政区划") :]
    note = text["note"].format(level=level, how=text["how"].format(joined=joined))
    return f"{note} {source}" if lang == "en" else note + source


def _chosen(clusters: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    require_columns(clusters, ["code", "year", "cluster"], "clusters")
    chosen = clusters[clusters["year"].isin(years)].dropna(subset="cluster")
    faults = [f"no class in {year}" for year in years if year not in set(chosen["year"])]
    unknown = sorted(set(chosen["cluster"]) - set(CLUSTERS))
    if unknown:
        faults.append(f"unknown class {', '.join(unknown)}")
    if chosen.duplicated(["code", "year"]).any():
        faults.append("code and year not unique")
    if faults:
        raise ValueError(f"clusters: {'; '.join(faults)}")
    return chosen


def _handles(
    chosen: pd.DataFrame, years: Sequence[int], text: dict[str, str], missing: str
) -> list[Patch]:
    from matplotlib.patches import Patch

    handles = []
    for name in CLUSTERS:
        counts = [int(((chosen["year"] == y) & (chosen["cluster"] == name)).sum()) for y in years]
        shown = " / ".join(f"{count:,}" for count in counts)
        handles.append(
            Patch(color=COLOURS[name], label=text["entry"].format(name=text[name], count=shown))
        )
    handles.append(Patch(facecolor=NO_DATA, edgecolor=HATCH_INK, hatch=HATCH, label=missing))
    return handles
