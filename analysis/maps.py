"""Maps of counties: year of delisting, and degree of coordination.

Each function takes the three boundary layers and a table and returns a figure; all are
drawn on the Albers equal-area conic with province borders, the maritime line and an inset
of the South China Sea. Polygons are simplified once more to what the paper can show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.figure_style import (
    DOUBLE_COLUMN_MM,
    INK,
    PALE,
    SMALL_SIZE,
    add_note,
    figure_size,
    style,
    wrap_text,
)
from analysis.geography import (
    fix_poverty_codes,
    require_columns,
    to_albers,
)
from analysis.labels import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geopandas import GeoDataFrame
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DELISTING_YEARS = (2016, 2017, 2018, 2019, 2020)
CLASS_WIDTH = 0.1
NO_DATA = "#F2F2F2"
HATCH, HATCH_INK = "////////", "#9A9A9A"

# View of the mainland and of the inset in Albers metres: left, right, bottom, top.
_MAINLAND = (-2.68e6, 2.62e6, 1.76e6, 5.98e6)
_SEA = (0.25e6, 1.92e6, 0.30e6, 2.78e6)
_INSET_HEIGHT = 0.22  # of the height of the map
_BAR, _BAR_START, _BAR_HEIGHT = 1e6, -0.75e6, 1.82e6  # metres: length and left end, off the coast
_FINE, _COARSE = 4_500.0, 10_000.0  # metres; 0.15 mm on a full, 0.2 mm on a half page map
_PROVINCE_LINE, _SEA_LINE = 0.35, 0.9  # points


def delisting_map(
    counties: GeoDataFrame,
    provinces: GeoDataFrame,
    maritime: GeoDataFrame,
    poverty: pd.DataFrame,
    lang: str,
) -> Figure:
    """Map the national poverty counties by the year in which they were delisted.

    Parameters
    ----------
    counties, provinces, maritime : GeoDataFrame
        Layers of ``analysis.geography``.
    poverty : DataFrame
        Columns ``code``, ``name`` and ``exit_year`` (or ``delisted_year``), 2016 to 2020.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 x 158 mm. Legend counts are rows of `poverty`.

    Raises
    ------
    ValueError
        If a column is missing or a year is outside 2016-2020.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    text = texts("delisting_map", lang)
    listed = _delisting_years(poverty)
    counts = listed["year"].value_counts()
    colours = dict(zip(DELISTING_YEARS, map_colours(len(DELISTING_YEARS)), strict=True))
    year_of = listed.drop_duplicates("code").set_index("code")["year"]
    fill = counties["code"].map(year_of).map(colours).fillna(PALE)
    unplaced = len(set(listed["code"]) - set(counties["code"]))
    with style():
        fig = Figure(figsize=figure_size(DOUBLE_COLUMN_MM, 158), layout="constrained")
        ax = fig.subplots()
        filled = counties.assign(fill=fill)
        draw_map(ax, filled, provinces, maritime, metres=_FINE, sea=text["inset"])
        handles: list[Any] = [
            Patch(color=colours[year], label=f"{year} ({counts.get(year, 0)})")
            for year in DELISTING_YEARS
        ]
        handles += [
            Patch(color=PALE, label=text["other"]),
            Line2D([], [], color=INK, linewidth=_PROVINCE_LINE, label=text["province"]),
            Line2D([], [], color=INK, linewidth=_SEA_LINE, label=text["maritime"]),
        ]
        if unplaced:
            handles.append(Patch(color="none", label=f"{unplaced} {text['unplaced']}"))
        ax.legend(handles=handles, title=text["legend"], loc="lower left", alignment="left")
        add_note(fig, text["note"].format(total=len(listed)))
    return fig


def coordination_maps(
    counties: GeoDataFrame,
    provinces: GeoDataFrame,
    maritime: GeoDataFrame,
    index: pd.DataFrame,
    years: Sequence[int],
    lang: str,
) -> Figure:
    """Map the coordination degree in two (or more) years with one legend.

    Parameters
    ----------
    counties, provinces, maritime : GeoDataFrame
        Layers of ``analysis.geography``.
    index : DataFrame
        Columns ``code``, ``year`` and ``coordination`` (D in [0, 1]).
    years : sequence of int
        One panel each.
    lang : str
        ``"en"`` or ``"zh"``.

    Returns
    -------
    Figure
        180 mm wide. Classes are 0.1 wide from the lowest to the highest value of all panels.

    Raises
    ------
    ValueError
        If a column is missing, a year has no values or D leaves [0, 1].
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    text = texts("coordination_maps", lang)
    chosen = _coordination(index, years)
    classes = chosen["class"]
    steps = range(int(classes.min()), int(classes.max()) + 1)
    colours = dict(zip(steps, map_colours(len(steps)), strict=True))
    with style():
        size = figure_size(DOUBLE_COLUMN_MM, 0.8 * DOUBLE_COLUMN_MM / len(years) + 32)
        fig = Figure(figsize=size, layout="constrained")
        axes = fig.subplots(1, len(years), squeeze=False)
        for ax, year in zip(axes[0], years, strict=True):
            here = chosen[chosen["year"] == year].set_index("code")["class"]
            fill = counties["code"].map(here).map(colours)
            filled = counties.assign(fill=fill)
            draw_map(ax, filled, provinces, maritime, metres=_COARSE, sea=text["inset"])
            ax.set_title(text["panel"].format(year=year, count=fill.notna().sum()))
        handles = [
            Patch(color=colours[k], label=f"{k * CLASS_WIDTH:.1f}–{(k + 1) * CLASS_WIDTH:.1f}")
            for k in steps
        ]
        handles.append(
            Patch(facecolor=NO_DATA, edgecolor=HATCH_INK, hatch=HATCH, label=text["missing"])
        )
        fig.legend(
            handles=handles,
            title=text["legend"],
            ncols=len(handles),
            columnspacing=1.0,
            handletextpad=0.5,
            loc="outside upper center",
        )
        add_note(fig, text["note"])
    return fig


def _delisting_years(poverty: pd.DataFrame) -> pd.DataFrame:
    column = "exit_year" if "exit_year" in poverty else "delisted_year"
    require_columns(poverty, ["code", "name", column], "poverty table")
    years = pd.to_numeric(poverty[column])
    wrong = sorted(set(years[~years.isin(DELISTING_YEARS)].astype(str)))
    if wrong:
        raise ValueError(f"poverty table: {column} must be 2016 to 2020, found {', '.join(wrong)}")
    return fix_poverty_codes(poverty).assign(year=years.astype(int))


def _coordination(index: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    require_columns(index, ["code", "year", "coordination"], "index table")
    chosen = index[index["year"].isin(years)].dropna(subset="coordination")
    faults = [f"no value in {year}" for year in years if year not in set(chosen["year"])]
    if not chosen["coordination"].between(0, 1).all():
        faults.append("coordination outside [0, 1]")
    if chosen.duplicated(["code", "year"]).any():
        faults.append("code and year not unique")
    if faults:
        raise ValueError(f"index table: {'; '.join(faults)}")
    # the small addend keeps 0.3 in the class 0.3-0.4 although 0.3 / 0.1 is 2.9999999999999996
    step = (chosen["coordination"] / CLASS_WIDTH + 1e-9).astype(int)
    return chosen.assign(**{"class": step.clip(upper=round(1 / CLASS_WIDTH) - 1)})


def map_colours(count: int) -> list[str]:
    """Colours from dark to light, readable in grey and by the colour-blind (viridis)."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    cmap = colormaps["viridis"]
    return [to_hex(cmap(k / max(count - 1, 1))) for k in range(count)]


def draw_map(
    ax: Axes,
    counties: GeoDataFrame,
    provinces: GeoDataFrame,
    maritime: GeoDataFrame,
    *,
    metres: float,
    sea: str,
) -> None:
    """Draw counties in their ``fill`` (hatched if missing), borders, line, inset and scale."""
    merged = [PALE] if metres == _FINE else list(counties["fill"].dropna().unique())
    filled = _merge(_thin(counties, metres), merged)
    layers = (filled, _thin(provinces, metres), to_albers(maritime))
    _paint(ax, *layers, view=_MAINLAND)
    ax.set_axis_off()
    width, height = _SEA[1] - _SEA[0], _SEA[3] - _SEA[2]
    share = _INSET_HEIGHT * (_MAINLAND[3] - _MAINLAND[2]) / (_MAINLAND[1] - _MAINLAND[0])
    share *= width / height
    inset = ax.inset_axes((1 - share, 0.0, share, _INSET_HEIGHT))
    _paint(inset, *layers, view=_SEA)
    inset.set_xticks([])
    inset.set_yticks([])
    for side in inset.spines.values():
        side.set_visible(True)
    inset_mm = share * DOUBLE_COLUMN_MM / len(ax.figure.axes)
    inset.set_title(wrap_text(sea, inset_mm, size=SMALL_SIZE), loc="right", pad=2, size=SMALL_SIZE)
    _add_scale_bar(ax)


def _thin(frame: GeoDataFrame, metres: float) -> GeoDataFrame:
    """Project and simplify a coverage to what the paper can show."""
    import shapely

    projected = to_albers(frame)
    shapes = shapely.coverage_simplify(projected.geometry.to_numpy(), metres)
    return projected.set_geometry(shapes, crs=projected.crs)


def _merge(counties: GeoDataFrame, fills: list[str]) -> GeoDataFrame:
    """Merge neighbours of one colour: their borders would hide a small map, and swell the file."""
    chosen = counties["fill"].isin(fills)
    areas = counties[chosen][["fill", "geometry"]].dissolve(by="fill", method="coverage")
    rest = counties[~chosen][["fill", "geometry"]]
    return pd.concat([areas.reset_index(), rest], ignore_index=True)


def _paint(
    ax: Axes,
    counties: GeoDataFrame,
    provinces: GeoDataFrame,
    maritime: GeoDataFrame,
    *,
    view: tuple[float, float, float, float],
) -> None:
    """Paint the projected layers that touch a view and set the view."""
    import geopandas
    import shapely

    left, right, bottom, top = view
    shown, outlines, line = (f.cx[left:right, bottom:top] for f in (counties, provinces, maritime))
    known, unknown = shown[shown["fill"].notna()], shown[shown["fill"].isna()]
    if len(known):
        known.plot(ax=ax, color=known["fill"], edgecolor="white", linewidth=0.1, aspect=None)
    if len(unknown):
        unknown.dissolve(method="coverage").plot(
            ax=ax, facecolor=NO_DATA, edgecolor=HATCH_INK, hatch=HATCH, linewidth=0, aspect=None
        )
    borders = geopandas.GeoSeries([shapely.union_all(outlines.boundary.to_numpy())])
    borders.plot(ax=ax, color=INK, linewidth=_PROVINCE_LINE, aspect=None)
    line.plot(ax=ax, color=INK, linewidth=_SEA_LINE, aspect=None)
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel="", ylabel="")


def _add_scale_bar(ax: Axes) -> None:
    """Draw a bar of 1000 km; the projection keeps areas, lengths to about three percent."""
    ends = [_BAR_START, _BAR_START + _BAR]
    ax.plot(ends, [_BAR_HEIGHT] * 2, color=INK, linewidth=1.2, solid_capstyle="butt")
    ax.annotate(
        f"{_BAR / 1e3:.0f} km",
        (_BAR_START + _BAR / 2, _BAR_HEIGHT),
        (0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
    )
