"""Map of multidimensional poverty by county, beside a map of how uncertain it is."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    PALE,
    add_note,
    figure_size,
    style,
)
from analysis.geography import require_columns
from analysis.households.household_labels import boundary_note, figure_texts
from analysis.labels import texts
from analysis.maps import HATCH, HATCH_INK, NO_DATA, draw_map, map_colours

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

FEWEST = 2
"""Villages that it takes to estimate how villages differ."""
CLASSES = 6
_COARSE = 10_000.0  # metres; 0.2 mm on a half page map


def poverty_map(
    counties: GeoDataFrame,
    provinces: GeoDataFrame,
    maritime: GeoDataFrame,
    measured: pd.DataFrame,
    lang: str,
    *,
    year: int,
    fewest: int = FEWEST,
) -> Figure:
    """Map M0 by county and the half width of its 95 % interval, on one scale.

    Parameters
    ----------
    counties, provinces, maritime : GeoDataFrame
        Layers of ``analysis.geography``.
    measured : DataFrame
        M0 of one year: code (that of a polygon, see `geography.fix_poverty_codes`), value, ci_low,
        ci_high, n_psu.
    lang : str
        ``"en"`` or ``"zh"``.
    year : int
        Printed.
    fewest : int
        A county with fewer primary units is hatched, and so is one without an interval: its
        villages lie in strata of their own, say, or none of their households is poor.

    Returns
    -------
    Figure
        180 mm wide.

    Raises
    ------
    ValueError
        A column is missing, a code stands twice, or no county has enough primary units.
    """
    from matplotlib.figure import Figure

    shown = _shown(measured, fewest)
    known = shown[~shown["thin"]]
    units = (known if len(known) else shown)["n_psu"].median()
    text = figure_texts("poverty_map", lang)
    bounds = class_bounds(100 * known["value"])
    colours = map_colours(CLASSES)[::-1]
    with style():
        size = figure_size(DOUBLE_COLUMN_MM, 0.4 * DOUBLE_COLUMN_MM + 42)
        fig = Figure(figsize=size, layout="constrained")
        left, right = fig.subplots(1, 2)
        layers = (provinces, maritime)
        for ax, name in ((left, "value"), (right, "error")):
            fill = _fills(shown, name, bounds, colours)
            own = counties["code"].map(fill)
            own = own.where(counties["code"].isin(shown["code"]), PALE)
            _panel(ax, counties.assign(fill=own), layers, text[name].format(year=year), lang)
        fig.legend(
            handles=_handles(bounds, colours, text, hatched=bool(shown["thin"].any())),
            loc="outside upper center",
            ncols=4,
            columnspacing=1.2,
        )
        note = text["note"].format(count=len(known), median=units)
        add_note(fig, note + (" " if lang == "en" else "") + boundary_note(lang))
    return fig


def class_bounds(values: pd.Series) -> np.ndarray:
    """Return the lower bounds of six classes of a round width; the last class is open.

    Parameters
    ----------
    values : Series
        Percent.

    Returns
    -------
    ndarray
        0, w, 2w .. 5w, where w of 1, 2, 2.5, 5 times a power of ten is the smallest for which at
        most a twentieth of the values reach beyond 6w; w is 1 where there are no values.
    """
    if values.empty:
        return np.arange(float(CLASSES))
    wanted = float(np.quantile(values, 0.95)) / CLASSES
    tens = 10.0 ** np.floor(np.log10(max(wanted, 1e-6)))
    width = next(step * tens for step in (1, 2, 2.5, 5, 10) if step * tens >= wanted * (1 - 1e-9))
    return width * np.arange(CLASSES)


def _shown(measured: pd.DataFrame, fewest: int) -> pd.DataFrame:
    require_columns(measured, ["code", "value", "ci_low", "ci_high", "n_psu"], "M0 by county")
    if measured["code"].duplicated().any():
        raise ValueError("M0 by county: code not unique: select one year")
    error = (measured["ci_high"] - measured["ci_low"]) / 2
    thin = (measured["n_psu"] < fewest) | error.isna() | measured["value"].isna()
    if (measured["n_psu"] < fewest).all():
        raise ValueError(f"M0 by county: no county has {fewest} primary units: survey more of them")
    return measured.assign(error=error, thin=thin)


def _fills(
    shown: pd.DataFrame, name: str, bounds: np.ndarray, colours: list[str]
) -> dict[str, str | float]:
    place = np.searchsorted(bounds, 100 * shown[name].to_numpy(float) + 1e-9, side="right") - 1
    filled = [
        np.nan if thin else colours[max(step, 0)]
        for step, thin in zip(place, shown["thin"], strict=True)
    ]
    return dict(zip(shown["code"], filled, strict=True))


def _panel(
    ax: Axes, filled: GeoDataFrame, layers: tuple[GeoDataFrame, GeoDataFrame], title: str, lang: str
) -> None:
    sea = texts("coordination_maps", lang)["inset"]
    draw_map(ax, filled, *layers, metres=_COARSE, sea=sea)
    ax.set_title(title)


def _handles(
    bounds: np.ndarray, colours: list[str], text: dict[str, str], *, hatched: bool
) -> list[Patch]:
    from matplotlib.patches import Patch

    names = [f"{low:g}–{high:g}" for low, high in pairwise(bounds)]
    names.append(text["over"].format(low=bounds[-1]))
    handles = [Patch(color=c, label=name) for c, name in zip(colours, names, strict=True)]
    handles.append(Patch(color=PALE, label=text["outside"]))
    if hatched:
        label = text["missing"]
        handles.append(Patch(facecolor=NO_DATA, edgecolor=HATCH_INK, hatch=HATCH, label=label))
    return handles
