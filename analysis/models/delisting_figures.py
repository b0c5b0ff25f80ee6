"""Figures of the effect of delisting: event studies, balance of the cohorts, honest bounds.

Numbers come from the tables of `analysis.models.delisting_design`, `delisting_balance` and
`delisting_sensitivity` only; the texts stand below in both languages.
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
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import require_columns
from analysis.labels import in_language, unit_label
from analysis.models.delisting import ESTIMATORS
from analysis.models.delisting_design import DESIGNS, SPLIT_YEAR
from analysis.schemas import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TEXTS: dict[str, dict[str, str]] = {
    "event": {"en": "Years since delisting", "zh": "摘帽后年数"},
    "effect": {"en": "Effect ({unit})", "zh": "效应（{unit}）"},
    "truth": {"en": "Truth", "zh": "真值"},
    "interval": {"en": "{level} interval", "zh": "{level} 置信区间"},
    "band": {"en": "Simultaneous band", "zh": "同时置信带"},
    "late": {
        "en": "More than half from {year} on",
        "zh": "{year} 年及以后的权重过半",
    },
    "event_note": {
        "en": "Each term averages the cohorts that are observed so many years from delisting; the "
        "year before is the reference (0). Errors clustered by {cluster} ({count}). Imputation has "
        "no terms before delisting, and its band is Sidak's. Terms before delisting near zero do "
        "not show that trends were parallel: see the power of the test.",
        "zh": "各点为可观察到该年数的批次的平均，摘帽前一年为基准（0）。标准误按{cluster}聚类"
        "（{count} 个）。插补法无摘帽前估计，其同时置信带按 Sidak 法。"
        "摘帽前估计接近零并不表明趋势平行：见检验的功效。",
    },
    "code": {"en": "county", "zh": "县"},
    "province": {"en": "province", "zh": "省份"},
    "prefecture": {"en": "prefecture", "zh": "地市"},
    "balance": {
        "en": "Standardised difference from the controls", "zh": "与对照组的标准化差异"
    },
    "cohort": {"en": "Delisted in {year} (n = {count:,})", "zh": "{year} 年摘帽（n = {count:,}）"},
    "balance_note": {
        "en": "Difference of means in the first year over the root of the mean variance. Controls: "
        "counties never designated or, within the designated, the last cohort. Grey band: "
        "differences below .1, commonly taken for small.",
        "zh": "首年均值之差除以两组方差均值的平方根。对照组：从未列入的县；仅含贫困县时为最后一批。"
        "灰带：绝对值小于 0.1，通常视为较小。",
    },
    "smoothness": {
        "en": "Largest change of the departure's slope per year, M",
        "zh": "偏离斜率的每年最大变化 M",
    },
    "relative_magnitude": {
        "en": "Largest movement, as a multiple of that before, M",
        "zh": "最大变动为此前最大变动的倍数 M",
    },
    "honest_note": {
        "en": "Mean effect over the years since delisting if trends depart from parallel within "
        "the stated limit (Rambachan & Roth 2023). Thick: bounds at the point estimates, where "
        "there are any; thin: 95% intervals. Vermilion: the interval holds zero.",
        "zh": "平行趋势在给定限度内偏离时，摘帽后各年平均效应（Rambachan & Roth 2023）。"
        "粗线：按点估计的界（如存在）；细线：95% 置信区间。朱红：区间包含零。",
    },
}  # fmt: skip

_EVENT_COLUMNS = [
    "design", "estimator", "term", "value", "ci_low", "ci_high", "band_low", "band_high",
    "clusters", "cluster_by",
]  # fmt: skip
_COHORT_COLOURS = (
    PALETTE["sky"], PALETTE["blue"], PALETTE["green"], PALETTE["orange"], PALETTE["vermillion"],
)  # fmt: skip
_COHORT_MARKS = ("o", "s", "D", "^", "v")
_SMALL_DIFFERENCE = 0.1


def event_study_plot(
    estimates: pd.DataFrame,
    lang: str,
    *,
    unit: str,
    truth: pd.DataFrame | None = None,
    shares: pd.DataFrame | None = None,
) -> Figure:
    """Draw effects by years since delisting, a panel for each design and estimator.

    Parameters
    ----------
    estimates : DataFrame
        `delisting_design.estimate_designs` at one cluster level.
    lang : str
        ``"en"`` or ``"zh"``.
    unit : str
        Unit of the outcome.
    truth : DataFrame, optional
        design, term, truth: drawn as a line.
    shares : DataFrame, optional
        design, term, share_from: terms that rest mostly on the years from 2020 on are hollow.

    Returns
    -------
    Figure
        180 mm wide, a row for each design; rows share their scale.
    """
    from matplotlib.figure import Figure

    require_columns(estimates, _EVENT_COLUMNS, "estimates")
    text = _texts(lang)
    events = _events(estimates, truth, shares)
    designs = [d for d in DESIGNS if d in set(events["design"])]
    estimators = [e for e in ESTIMATORS if e in set(events["estimator"])]
    with style():
        height = 56 * len(designs) + 26
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        axes = fig.subplots(len(designs), len(estimators), sharex=True, sharey="row", squeeze=False)
        width = DOUBLE_COLUMN_MM / len(estimators) - 12
        for row, design in enumerate(designs):
            for column, estimator in enumerate(estimators):
                ax = axes[row, column]
                part = events[(events["design"] == design) & (events["estimator"] == estimator)]
                _event_panel(ax, part)
                title = (_design(design, lang), _estimator(estimator, lang))
                ax.set_title("\n".join(wrap_text(line, width) for line in title))
            axes[row, 0].set_ylabel(text["effect"].format(unit=unit_label(unit, lang)))
        for ax in axes[-1]:
            ax.set_xlabel(text["event"])
        _event_legend(fig, events, text)
        add_note(fig, _event_note(estimates, text))
    return fig


def balance_plot(balance: pd.DataFrame, lang: str) -> Figure:
    """Draw how far each cohort was from the controls before delisting.

    Parameters
    ----------
    balance : DataFrame
        `delisting_balance.cohort_balance` with a column design.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide, a panel for each design; the reference cohort, which is at 0, is left out.
    """
    from matplotlib.figure import Figure

    require_columns(
        balance, ["design", "variable", "cohort", "n", "reference", "standardised"], "balance"
    )
    text = _texts(lang)
    designs = [d for d in DESIGNS if d in set(balance["design"])]
    variables = list(dict.fromkeys(balance["variable"]))
    cohorts = sorted(set(balance.loc[balance["cohort"] != balance["reference"], "cohort"]))
    with style():
        height = 7.5 * len(variables) + 48
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        axes = fig.subplots(1, len(designs), sharey=True, squeeze=False)[0]
        for ax, design in zip(axes, designs, strict=True):
            _balance_panel(ax, balance[balance["design"] == design], variables, cohorts)
            ax.set_title(_design(design, lang))
            ax.set_xlabel(wrap_text(text["balance"], DOUBLE_COLUMN_MM / 2 - 20))
        names = [wrap_text(label(v, lang), 48) for v in variables]
        axes[0].set_yticks(range(len(variables)), names)
        axes[0].set_ylim(len(variables) - 0.4, -0.6)
        counts = balance.groupby("cohort")["n"].max()
        fig.legend(
            handles=_cohort_handles(cohorts, counts, text), loc="outside upper center",
            ncols=min(3, len(cohorts)),
        )  # fmt: skip
        add_note(fig, text["balance_note"])
    return fig


def honest_plot(bounds: pd.DataFrame, lang: str, *, unit: str) -> Figure:
    """Draw bounds and intervals of the mean effect by the departure that is allowed.

    Parameters
    ----------
    bounds : DataFrame
        `delisting_sensitivity.honest_bounds` with a column design.
    lang : str
        ``"en"`` or ``"zh"``.
    unit : str
        Unit of the outcome.

    Returns
    -------
    Figure
        180 mm wide, a row for each method and a column for each design.
    """
    from matplotlib.figure import Figure

    columns = ["design", "method", "size", "bound_low", "bound_high", "ci_low", "ci_high"]
    require_columns(bounds, columns, "bounds")
    text = _texts(lang)
    designs = [d for d in DESIGNS if d in set(bounds["design"])]
    methods = list(dict.fromkeys(bounds["method"]))
    with style():
        height = 52 * len(methods) + 18
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        axes = fig.subplots(len(methods), len(designs), sharey="row", squeeze=False)
        for row, method in enumerate(methods):
            for column, design in enumerate(designs):
                ax = axes[row, column]
                part = bounds[(bounds["design"] == design) & (bounds["method"] == method)]
                _honest_panel(ax, part)
                ax.set_title(_design(design, lang))
                ax.set_xlabel(wrap_text(text[method], DOUBLE_COLUMN_MM / len(designs) - 18))
            axes[row, 0].set_ylabel(text["effect"].format(unit=unit_label(unit, lang)))
        add_note(fig, text["honest_note"])
    return fig


def _texts(lang: str) -> dict[str, str]:
    return in_language(TEXTS, lang)


def _design(name: str, lang: str) -> str:
    design = DESIGNS[name]
    return design.label_en if lang == "en" else design.label_zh


def _estimator(name: str, lang: str) -> str:
    estimator = ESTIMATORS[name]
    return estimator.label_en if lang == "en" else estimator.label_zh


def _events(
    estimates: pd.DataFrame, truth: pd.DataFrame | None, shares: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the event terms with their year, and truth and share where they are known."""
    levels = estimates["cluster_by"].unique()
    if len(levels) != 1:
        raise ValueError(f"estimates: one cluster level is drawn, got {', '.join(levels)}")
    events = estimates[estimates["term"].str.startswith("event:")]
    for column, extra in (("truth", truth), ("share_from", shares)):
        if extra is None:
            events = events.assign(**{column: np.nan})
        else:
            require_columns(extra, ["design", "term", column], column)
            events = events.merge(
                extra[["design", "term", column]], on=["design", "term"], how="left"
            )
    year = events["term"].str.removeprefix("event:").astype(int)
    return events.assign(event=year).sort_values(["design", "estimator", "event"])


def _event_panel(ax: Axes, part: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.axhline(0, color=GREY, linewidth=0.6)
    ax.axvline(-0.5, color=GREY, linewidth=0.6, linestyle=":")
    colour = PALETTE["blue"]
    for side in (part[part["event"] < 0], part[part["event"] >= 0]):
        band = side.dropna(subset=["band_low"])
        ax.fill_between(band["event"], band["band_low"], band["band_high"], color=PALE, linewidth=0)
    ax.vlines(part["event"], part["ci_low"], part["ci_high"], color=colour, linewidth=1.2)
    late = part["share_from"] > 0.5
    ax.plot(part.loc[~late, "event"], part.loc[~late, "value"], "o", color=colour)
    ax.plot(part.loc[late, "event"], part.loc[late, "value"], "o", color=colour, mfc="white")
    ax.plot(part["event"], part["truth"], color=PALETTE["vermillion"], linewidth=1.2)
    ax.locator_params(axis="y", nbins=5)
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    ax.grid(axis="y")
    ax.set_axisbelow(True)


def _event_legend(fig: Figure, events: pd.DataFrame, text: dict[str, str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colour = PALETTE["blue"]
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colour, marker="o", label=text["interval"].format(level="95%")),
        Patch(color=PALE, label=text["band"]),
    ]
    if (events["share_from"] > 0.5).any():
        late = text["late"].format(year=SPLIT_YEAR)
        handles.append(
            Line2D([], [], color=colour, marker="o", mfc="white", linewidth=0, label=late)
        )
    if events["truth"].notna().any():
        handles.append(Line2D([], [], color=PALETTE["vermillion"], label=text["truth"]))
    fig.legend(handles=handles, loc="outside upper right", ncols=len(handles))


def _event_note(estimates: pd.DataFrame, text: dict[str, str]) -> str:
    counts = sorted(set(estimates["clusters"]))
    cluster = str(estimates["cluster_by"].iloc[0])
    return text["event_note"].format(
        cluster=text.get(cluster, cluster),
        count="–".join(f"{c:,}" for c in dict.fromkeys([counts[0], counts[-1]])),
    )


def _balance_panel(ax: Axes, part: pd.DataFrame, variables: list[str], cohorts: list[int]) -> None:
    ax.axvspan(-_SMALL_DIFFERENCE, _SMALL_DIFFERENCE, color=PALE)
    ax.axvline(0, color=GREY, linewidth=0.6)
    offsets = np.linspace(-0.25, 0.25, len(cohorts)) if len(cohorts) > 1 else [0.0]
    shown = part[part["cohort"] != part["reference"]]
    for place, cohort in enumerate(cohorts):
        own = shown[shown["cohort"] == cohort]
        rows = own["variable"].map(variables.index).to_numpy(dtype=float)
        ax.plot(
            own["standardised"].to_numpy(dtype=float),
            rows + offsets[place],
            _COHORT_MARKS[place % len(_COHORT_MARKS)],
            color=_COHORT_COLOURS[place % len(_COHORT_COLOURS)],
        )
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def _cohort_handles(cohorts: list[int], counts: pd.Series, text: dict[str, str]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [], [], linewidth=0, marker=_COHORT_MARKS[i % len(_COHORT_MARKS)],
            color=_COHORT_COLOURS[i % len(_COHORT_COLOURS)],
            label=text["cohort"].format(year=g, count=int(counts[g])),
        )
        for i, g in enumerate(cohorts)
    ]  # fmt: skip


def _honest_panel(ax: Axes, part: pd.DataFrame) -> None:
    ax.axhline(0, color=INK, linewidth=0.6)
    limits = part[["ci_low", "ci_high", "bound_low", "bound_high"]].to_numpy(dtype=float)
    for place, (low, high, bound_low, bound_high) in enumerate(limits):
        colour = PALETTE["vermillion"] if low <= 0 <= high else PALETTE["blue"]
        if math.isfinite(low):
            ax.vlines(place, low, high, color=colour, linewidth=1.0)
        if math.isfinite(bound_low):
            ax.vlines(place, bound_low, bound_high, color=colour, linewidth=3.2)
    ax.set_xticks(range(len(part)), [f"{size:g}" for size in part["size"]])
    ax.set_xlim(-0.6, len(part) - 0.4)
    ax.locator_params(axis="y", nbins=5)
    ax.grid(axis="y")
    ax.set_axisbelow(True)
