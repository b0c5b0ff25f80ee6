"""Figures of household poverty: deprivation profile, contributions, robustness to the cut-off.

Numbers come from rows of `measures.measure` only; the texts stand in `household_labels` in both
languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
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
from analysis.households.household_labels import figure_texts, item_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIMENSION_COLOURS = ("blue", "green", "orange", "purple", "sky", "vermillion", "yellow", "black")
LINES = (("blue", "o"), ("vermillion", "s"), ("green", "D"), ("purple", "^"), ("orange", "v"))
_ROBUST = {"H": "H_sweep", "M0": "M0_sweep"}
_BARS = {"uncensored": (0.8, 0.35, -0.32), "censored": (0.45, 1.0, 0.0)}
"""Height and opacity of the bars of a measure, and shift of its intervals."""
PALEST = 0.75
"""How far the last shade of a dimension is mixed with white."""
_DARK = 0.5
"""Luminance below which a number is printed white."""
_NARROW = 6.0
"""Percent of a bar below which its number would not fit."""


def dimension_colours(dimensions: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for each dimension of indicators, in their order; grey beyond the eighth."""
    return _colours(list(dict.fromkeys(dimensions.values())))


def _shades(indicators: Sequence[str], dimensions: Mapping[str, str]) -> dict[str, str]:
    """Return the colour of the dimension for each indicator, paler from one to the next."""
    from matplotlib.colors import to_hex, to_rgb

    base = dimension_colours({name: dimensions[name] for name in indicators})
    shades = {}
    for dimension, colour in base.items():
        inside = [name for name in indicators if dimensions[name] == dimension]
        for place, name in enumerate(inside):
            pale = PALEST * place / max(len(inside) - 1, 1)
            red, green, blue = (c + (1 - c) * pale for c in to_rgb(colour))
            shades[name] = to_hex((red, green, blue))
    return {name: shades[name] for name in indicators}


def _colours(names: Sequence[str]) -> dict[str, str]:
    colours = [PALETTE[name] for name in DIMENSION_COLOURS] + [GREY] * len(names)
    return dict(zip(names, colours, strict=False))


def deprivation_profile(
    estimates: pd.DataFrame,
    lang: str,
    *,
    dimensions: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the share of people deprived in each indicator, and of people poor and deprived.

    Parameters
    ----------
    estimates : DataFrame
        Rows of `measures.measure` for one group; those of `uncensored` and `censored` are drawn.
    lang : str
        ``"en"`` or ``"zh"``.
    dimensions : mapping
        Dimension of each indicator, in the order to draw.
    labels : mapping, optional
        Names of indicators and dimensions in the language; those of the simulated survey are
        known.

    Returns
    -------
    Figure
        180 mm wide; light bars: deprived; dark bars: poor and deprived; lines: 95 % intervals.

    Raises
    ------
    ValueError
        A column is missing, or an indicator has not one row of either measure.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    parts = _headcounts(estimates, list(dimensions))
    text, colours = figure_texts("deprivation_profile", lang), dimension_colours(dimensions)
    with style():
        height = 5.6 * len(dimensions) + 36
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, height), layout="constrained")
        ax = fig.subplots()
        fills = [colours[dimension] for dimension in dimensions.values()]
        for measure, (width, shade, shift) in _BARS.items():
            _profile_bars(ax, parts[measure], fills, (width, shade, shift))
        names = [item_label(name, lang, labels) for name in dimensions]
        ax.set_yticks(range(len(names)), [wrap_text(name, 58) for name in names])
        ax.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, None), xlabel=text["axis"])
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        handles = [
            Patch(color=colour, label=item_label(name, lang, labels))
            for name, colour in colours.items()
        ]
        handles += [
            Patch(color=GREY, alpha=shade, label=text[name])
            for name, (_, shade, _) in _BARS.items()
        ]
        fig.legend(handles=handles, loc="outside upper left", ncols=4)
        add_note(fig, text["note"])
    return fig


def _headcounts(estimates: pd.DataFrame, indicators: list[str]) -> dict[str, pd.DataFrame]:
    require_columns(estimates, ["measure", "item", "value", "ci_low", "ci_high"], "estimates")
    rows = estimates[estimates["measure"].isin(_BARS) & estimates["item"].isin(indicators)]
    counts = rows.value_counts(["measure", "item"])
    wrong = [
        f"{measure} {name} has {counts.get((measure, name), 0)} rows"
        for measure in _BARS
        for name in indicators
        if counts.get((measure, name), 0) != 1
    ]
    if wrong:
        raise ValueError(f"estimates: {'; '.join(wrong)}: select one group with all indicators")
    return {
        str(measure): part.set_index("item").loc[indicators]
        for measure, part in rows.groupby("measure")
    }


def _profile_bars(
    ax: Axes, part: pd.DataFrame, fills: list[str], look: tuple[float, float, float]
) -> None:
    """Draw one measure; `look`: height and opacity of its bars, shift of its intervals."""
    height, shade, shift = look
    places = np.arange(len(part))
    values = 100 * part[["value", "ci_low", "ci_high"]].astype(float)
    ax.barh(places, values["value"], height=height, color=fills, alpha=shade, linewidth=0)
    low, high = values["ci_low"].clip(lower=0), values["ci_high"]
    ax.hlines(places + shift, low, high, color=INK, linewidth=0.8)


def contribution_bars(
    contributions: pd.DataFrame,
    lang: str,
    *,
    dimensions: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Draw what each dimension, or each indicator, contributes to M0, a bar for each group.

    Parameters
    ----------
    contributions : DataFrame
        Rows of `measures.measure` with the measure `dimension` or `contribution`, and a column
        label, what is printed at the bar, see `household_labels.label_groups`.
    lang, labels
        As `deprivation_profile`.
    dimensions : mapping, optional
        Dimension of each indicator: indicators are then shades of the colour of their dimension.

    Returns
    -------
    Figure
        180 mm wide; numbers are percent, those under six are left out, and so are groups in which
        nobody is poor: M0 has no parts there.

    Raises
    ------
    ValueError
        A column is missing, or the shares of a group do not sum to 1.
    """
    from matplotlib.figure import Figure

    require_columns(contributions, ["label", "item", "value"], "contributions")
    wide = contributions.pivot(index="label", columns="item", values="value")
    wide = wide.loc[contributions["label"].unique(), contributions["item"].unique()]
    wide = wide.dropna(how="all")
    off = wide.index[~np.isclose(wide.sum(axis=1), 1, atol=1e-6)]
    if len(off):
        listed = ", ".join(map(str, off))
        raise ValueError(f"contributions: shares of {listed} do not sum to 1: give all items")
    text = figure_texts("contribution_bars", lang)
    items = [str(item) for item in wide]
    colours = _shades(items, dimensions) if dimensions else _colours(items)
    with style():
        fig = Figure(
            figsize=figure_size(DOUBLE_COLUMN_MM, 7.5 * len(wide) + 38), layout="constrained"
        )
        ax = fig.subplots()
        left = np.zeros(len(wide))
        for item, colour in colours.items():
            share = 100 * wide[item].to_numpy(float)
            name = item_label(item, lang, labels)
            ax.barh(range(len(wide)), share, left=left, color=colour, height=0.7, label=name)
            _percentages(ax, left, share, colour)
            left = left + share
        ax.set_yticks(range(len(wide)), [wrap_text(str(name), 44) for name in wide.index])
        ax.set(ylim=(max(len(wide), 1) - 0.5, -0.5), xlim=(0, 100), xlabel=text["axis"])
        if wide.empty:
            ax.text(50, 0, text["none"], ha="center", va="center")
        else:
            fig.legend(loc="outside upper left", ncols=min(len(wide.columns), 4))
        add_note(fig, text["note"])
    return fig


def _percentages(ax: Axes, left: np.ndarray, share: np.ndarray, colour: str) -> None:
    from matplotlib.colors import to_rgb

    dark = float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))) < _DARK
    for place, (start, width) in enumerate(zip(left, share, strict=True)):
        if width >= _NARROW:
            ax.text(
                start + width / 2, place, f"{width:.0f}", ha="center", va="center",
                color="white" if dark else INK, fontsize=SMALL_SIZE,
            )  # fmt: skip


def robustness_plot(sweep: pd.DataFrame, lang: str, *, cutoff: float) -> Figure:
    """Draw H and M0 against the poverty cut-off k, with 95 % intervals, a line for each group.

    Parameters
    ----------
    sweep : DataFrame
        Rows of `measures.measure` with the measures `H_sweep` and `M0_sweep`, whose item is k, and
        a column label as for `contribution_bars`; where the truth is known, a column truth.
    lang : str
        ``"en"`` or ``"zh"``.
    cutoff : float
        The k of the study, marked by a line.

    Returns
    -------
    Figure
        180 x 88 mm. Groups whose lines cross change places with the cut-off.

    Raises
    ------
    ValueError
        A column is missing, or there are more groups than lines can be told apart.
    """
    from matplotlib.figure import Figure

    columns = ["label", "measure", "item", "value", "ci_low", "ci_high"]
    require_columns(sweep, columns, "sweep of the cut-off")
    sweep = sweep[sweep["measure"].isin(_ROBUST.values())]
    sweep = sweep.assign(k=[float(Fraction(item)) for item in sweep["item"]])
    groups = list(dict.fromkeys(sweep["label"]))
    if len(groups) > len(LINES):
        raise ValueError(f"sweep of the cut-off: {len(groups)} groups: choose {len(LINES)} at most")
    text = figure_texts("robustness_plot", lang)
    known = "truth" in sweep
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 88), layout="constrained")
        for ax, (name, measure) in zip(fig.subplots(1, 2), _ROBUST.items(), strict=True):
            ax.axvline(cutoff, color=GREY, linewidth=0.6, linestyle="--")
            for group, (colour, mark) in zip(groups, LINES, strict=False):
                rows = sweep[(sweep["label"] == group) & (sweep["measure"] == measure)]
                _swept(ax, rows.sort_values("k"), PALETTE[colour], mark, str(group))
            ax.set_title(text[name])
            ax.set(xlabel=text["k"], ylim=(0, None))
            ax.grid(axis="y")
            ax.set_axisbelow(True)
        handles = fig.axes[0].get_legend_handles_labels()
        fig.legend(*handles, loc="outside upper left", ncols=len(groups))
        note = text["note"].format(cutoff=f"{cutoff:.3g}")
        gap = " " if lang == "en" else ""
        add_note(fig, note + gap + text["truth"] if known else note)
    return fig


def _swept(ax: Axes, rows: pd.DataFrame, colour: str, mark: str, group: str) -> None:
    values = 100 * rows[["ci_low", "ci_high", "value"]].astype(float)
    ax.fill_between(rows["k"], values["ci_low"], values["ci_high"], color=colour, alpha=0.2, lw=0)
    ax.plot(rows["k"], values["value"], color=colour, marker=mark, label=group)
    if "truth" in rows:
        ax.plot(rows["k"], 100 * rows["truth"], "x", color=INK, markersize=5, zorder=4)
