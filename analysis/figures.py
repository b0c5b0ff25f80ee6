"""Charts of the exhibits: poverty over time, obstacles, the ladder of controls, estimate and truth.

Each function takes tables and a language and returns a figure; maps are in `analysis.maps`.
Names of variables come from the contracts, all other words from `analysis.labels`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

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
from analysis.labels import texts, unit_label
from analysis.long_difference import RUNGS, as_shown
from analysis.schemas import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REGION_COLOURS = {
    "east": PALETTE["sky"],
    "central": PALETTE["orange"],
    "west": PALETTE["vermillion"],
}
_YEAR_MARKS = ((PALETTE["sky"], "o"), (PALETTE["blue"], "D"))
_POINT = {"s": 16, "linewidth": 1, "edgecolor": "face", "zorder": 3}  # above the joining lines
_RUNG_COLOURS = dict(zip(RUNGS, (GREY, PALETTE["sky"], PALETTE["blue"], INK), strict=True))
_PANELS_PER_ROW = 5
_BAR_LABEL_SHARE = 0.12  # of the highest bar: a lower part of a bar has no room for its number


def rural_poverty(national: pd.DataFrame, regional: pd.DataFrame, lang: str) -> Figure:
    """Draw the rural poor and the incidence of poverty since 1978, and by region.

    Parameters
    ----------
    national : DataFrame
        year, rural_poor_10k (10,000 persons), incidence_pct (percent, may be missing).
    regional : DataFrame
        The same with region3: east, central, west.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 x 92 mm. Lines join consecutive years only.
    """
    from matplotlib.figure import Figure

    require_columns(national, ["year", "rural_poor_10k", "incidence_pct"], "national series")
    require_columns(regional, ["year", "region3", "rural_poor_10k"], "regional series")
    text = texts("rural_poverty", lang)
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 92), layout="constrained")
        axes = fig.subplot_mosaic(
            [["poor", "regional"], ["incidence", "regional"]], width_ratios=(1.6, 1)
        )
        for name, column in (("poor", "rural_poor_10k"), ("incidence", "incidence_pct")):
            _broken_line(axes[name], national, column)
            axes[name].set_ylabel(wrap_text(text[name], 30))
        axes["incidence"].sharex(axes["poor"])
        axes["poor"].tick_params(labelbottom=False)
        axes["poor"].set_title(text["national"])
        axes["regional"].set_title(text["regional"])
        _stacked_regions(axes["regional"], regional, text)
        add_note(fig, text["note"])
    return fig


def _broken_line(ax: Axes, series: pd.DataFrame, column: str) -> None:
    """Mark every year; join consecutive ones."""
    known = series.dropna(subset=column).sort_values("year")
    years, values = known["year"].to_numpy(), known[column].to_numpy()
    ax.plot(years, values, "o", color=PALETTE["vermillion"])
    for run in known.groupby((known["year"].diff() != 1).cumsum()):
        ax.plot(run[1]["year"], run[1][column], color=PALETTE["vermillion"])
    ax.set_ylim(0, values.max() * 1.1)
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    ax.yaxis.set_major_formatter("{x:,.0f}")


def _stacked_regions(ax: Axes, regional: pd.DataFrame, text: dict[str, str]) -> None:
    wide = regional.pivot(index="year", columns="region3", values="rural_poor_10k").sort_index()
    top, base = wide.sum(axis=1).max(), pd.Series(0.0, index=wide.index)
    for region, colour in _REGION_COLOURS.items():
        bars = ax.bar(
            wide.index.astype(str), wide[region], bottom=base, color=colour, label=text[region]
        )
        numbers = [f"{v:,.0f}" if v > _BAR_LABEL_SHARE * top else "" for v in wide[region]]
        ax.bar_label(bars, numbers, label_type="center", fontsize=SMALL_SIZE)
        base = base + wide[region]
    ax.set_ylabel(text["poor"])
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.legend(reverse=True)


def obstacle_chart(obstacles: pd.DataFrame, lang: str) -> Figure:
    """Draw the mean obstacle degree of every indicator in the first and the last year.

    Parameters
    ----------
    obstacles : DataFrame
        variable, subsystem, year, obstacle (percent), en, zh.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide, 5 mm per indicator; sorted by the last year within subsystems.
    """
    from matplotlib.figure import Figure

    require_columns(
        obstacles, ["variable", "subsystem", "year", "obstacle", "en", "zh"], "obstacles"
    )
    text = texts("obstacle_chart", lang)
    years = sorted({obstacles["year"].min(), obstacles["year"].max()})
    last = obstacles[obstacles["year"] == years[-1]]
    subsystems = [s for s in ("alleviation", "revitalization") if s in set(last["subsystem"])]
    sizes = [int((last["subsystem"] == s).sum()) for s in subsystems]
    with style():
        height = 5.2 * sum(sizes) + 36
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        axes = fig.subplots(len(subsystems), 1, height_ratios=sizes, sharex=True, squeeze=False)
        for ax, subsystem in zip(axes[:, 0], subsystems, strict=True):
            part = obstacles[obstacles["subsystem"] == subsystem]
            _obstacle_rows(ax, part[part["year"].isin(years)], years, lang)
            ax.set_title(text[subsystem])
        axes[-1, 0].set_xlim(left=0)
        axes[-1, 0].set_xlabel(text["axis"])
        marks = axes[0, 0].get_legend_handles_labels()  # one legend for all panels
        for ax in axes[:, 0]:
            ax.get_legend().remove()
        fig.legend(*marks, loc="outside upper right", ncols=2)
        add_note(fig, text["note"].format(year=years[-1]))
    return fig


def _obstacle_rows(ax: Axes, part: pd.DataFrame, years: list[int], lang: str) -> None:
    import seaborn as sns

    wide = part.pivot(index="variable", columns="year", values="obstacle")
    wide = wide.loc[wide[years[-1]].sort_values().index]
    names = part.drop_duplicates("variable").set_index("variable")[lang]
    rows = range(len(wide))
    ax.hlines(rows, wide[years].min(axis=1), wide[years].max(axis=1), color=GREY, linewidth=0.8)
    sns.scatterplot(
        part.assign(row=part["variable"].map(dict(zip(wide.index, rows, strict=True)))),
        x="obstacle",
        y="row",
        hue="year",
        style="year",
        palette={year: colour for year, (colour, _) in zip(years, _YEAR_MARKS, strict=False)},
        markers={year: mark for year, (_, mark) in zip(years, _YEAR_MARKS, strict=False)},
        ax=ax,
        **_POINT,
    )
    ax.set(xlabel="", ylabel="")
    ax.set_yticks(rows, [wrap_text(names[v], 80) for v in wide.index])
    ax.set_ylim(-0.6, len(wide) - 0.4)
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def ladder_plot(ladder: pd.DataFrame, lang: str) -> Figure:
    """Draw the estimate of every rung, one panel per outcome.

    Parameters
    ----------
    ladder : DataFrame
        outcome, rung, estimate, ci_low, ci_high, unit, n, cluster.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; each panel has its own scale, named on its axis.
    """
    from matplotlib.figure import Figure

    require_columns(
        ladder,
        ["outcome", "rung", "estimate", "ci_low", "ci_high", "unit", "n", "cluster"],
        "ladder",
    )
    text = texts("ladder_plot", lang)
    outcomes = list(dict.fromkeys(as_shown(ladder)["outcome"]))
    columns = min(_PANELS_PER_ROW, len(outcomes))
    rows = math.ceil(len(outcomes) / columns)
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 44 * rows + 20), layout="constrained")
        axes = fig.subplots(rows, columns, sharey=True, squeeze=False)
        for ax in axes.flat[len(outcomes) :]:
            ax.set_axis_off()
        for ax, outcome in zip(axes.flat, outcomes, strict=False):
            _rungs(ax, ladder[ladder["outcome"] == outcome], lang, text)
            ax.set_title(wrap_text(label(outcome, lang), DOUBLE_COLUMN_MM / columns - 7))
        for ax in axes[:, 0]:
            present = [rung for rung in RUNGS if rung in set(ladder["rung"])]
            ax.set_yticks(range(len(present)), [text[rung] for rung in present])
            ax.set_ylim(len(present) - 0.5, -0.5)
        add_note(fig, text["note"].format(cluster=text[f"by_{ladder['cluster'].iloc[0]}"]))
    return fig


def _rungs(ax: Axes, part: pd.DataFrame, lang: str, text: dict[str, str]) -> None:
    present = part.set_index("rung").reindex([r for r in RUNGS if r in set(part["rung"])])
    ax.axvline(0, color=GREY, linewidth=0.6)
    for row, (rung, line) in enumerate(present.iterrows()):
        colour = _RUNG_COLOURS[str(rung)]
        ax.hlines(row, line["ci_low"], line["ci_high"], color=colour, linewidth=1.4)
        ax.plot(line["estimate"], row, "o", color=colour)
    unit = unit_label(str(part["unit"].iloc[0]), lang)
    low, high = int(part["n"].min()), int(part["n"].max())
    count = text["count"].format(count=f"{high:,}" if low == high else f"{low:,}–{high:,}")
    ax.set_xlabel(f"{wrap_text(unit, 30)}\n{count}")
    ax.locator_params(axis="x", nbins=4)
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def truth_plot(compare: pd.DataFrame, lang: str) -> Figure:
    """Draw the distance of each estimate from the truth, in half widths of its interval.

    Parameters
    ----------
    compare : DataFrame
        parameter, estimator, headline, truth, estimate, ci_low, ci_high, label_en, label_zh,
        estimator_en, estimator_zh.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide; an interval holds the truth where it crosses zero. Distances beyond the axis
        are cut and marked by an arrow.
    """
    from matplotlib.figure import Figure

    text = texts("truth_plot", lang)
    frame = compare.sort_values(
        ["parameter", "headline"], ascending=[True, False], kind="stable", ignore_index=True
    )
    half = (frame["ci_high"] - frame["ci_low"]) / 2
    distance = (frame["estimate"] - frame["truth"]) / half
    limit = 6.0
    with style():
        height = 6.5 * len(frame) + 28
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        ax = fig.subplots()
        ax.axvspan(-1, 1, color=PALE)
        ax.axvline(0, color=INK, linewidth=0.8)
        for row, (shift, headline) in enumerate(zip(distance, frame["headline"], strict=True)):
            _distance(ax, row, shift, limit, bold=headline)
        ax.set_xlim(-limit - 0.4, limit + 0.4)
        ax.set_ylim(len(frame) - 0.5, -0.5)
        names = frame[f"label_{lang}"] + " · " + frame[f"estimator_{lang}"]
        ax.set_yticks(range(len(frame)), [wrap_text(name, 62) for name in names])
        values = frame.apply(lambda r: f"{r['estimate']:.4f} / {r['truth']:.4f}", axis=1)
        twin = ax.secondary_yaxis("right")
        twin.set_yticks(range(len(frame)), list(values))
        twin.tick_params(length=0)
        twin.spines["right"].set_visible(False)
        ax.set_xlabel(text["axis"])
        add_note(fig, text["note"])
    return fig


def _distance(ax: Axes, row: int, shift: float, limit: float, *, bold: bool) -> None:
    colour = PALETTE["blue"] if abs(shift) <= 1 else PALETTE["vermillion"]
    low, high = max(shift - 1, -limit), min(shift + 1, limit)
    if abs(shift) > limit:
        edge = math.copysign(limit, shift)
        ax.plot(edge, row, ">" if shift > 0 else "<", color=colour)
        return
    ax.hlines(row, low, high, color=colour, linewidth=2.2 if bold else 1.0)
    ax.plot(shift, row, "o" if bold else "s", color=colour)
