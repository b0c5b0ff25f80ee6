"""Transitions between classes given the neighbours: whether poor surroundings hold a county back.

The class of the neighbours is that of the weighted mean of their values in the starting year.
Conventions, counts and tests are those of `analysis.models.transitions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.models.quantile_classes import Floats, classify
from analysis.models.transitions import HomogeneityTest, count_moves, homogeneity_test
from analysis.panel_input import input_violations, raise_violations

if TYPE_CHECKING:
    from analysis.models.spatial_weights import SpatialWeights

NEIGHBOUR_COLUMNS = ("focal", "neighbor", "weight")


@dataclass(frozen=True)
class SpatialMarkov:
    """Transitions given the class of the neighbours' mean at the start.

    Attributes
    ----------
    counts : DataFrame, shape (k, k)
        All classes of the neighbours together; rows from, columns to.
    by_neighbours : dict of {int: DataFrame}
        Counts for each class of the neighbours, 1 the lowest.
    test : HomogeneityTest
        Whether the classes of the neighbours share their probabilities.
    edges, neighbour_edges : tuple of float
        Inner edges of the classes; empty where they differ by year.
    without_neighbours : tuple
        Units that have a value but no neighbour with one in any year; not counted.
    """

    counts: pd.DataFrame
    by_neighbours: dict[int, pd.DataFrame]
    test: HomogeneityTest
    edges: tuple[float, ...]
    neighbour_edges: tuple[float, ...]
    without_neighbours: tuple[object, ...]


def spatial_markov(
    panel: pd.DataFrame,
    *,
    value: str,
    neighbours: pd.DataFrame,
    unit: str = "code",
    time: str = "year",
    classes: int = 5,
    edges: Sequence[float] | None = None,
    neighbour_classes: int | None = None,
    neighbour_edges: Sequence[float] | None = None,
    by_year: bool = True,
    relative: bool = False,
    step: int = 1,
) -> SpatialMarkov:
    """Count transitions by the class of the neighbours at the start.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    value : str
        Numeric column that is classified and averaged over neighbours.
    neighbours : DataFrame
        focal, neighbor, weight (>= 0), one row per ordered pair, as `neighbour_pairs` or libpysal's
        ``W.to_adjlist()`` give it. Weights are standardised to sum to one over the neighbours that
        have a value in the year; pairs of a unit with itself or of weight 0 are ignored.
    unit, time : str
        Key columns.
    classes, edges, by_year
        As in `quantile_classes.assign_classes`. With `by_year` False and values that grow, the
        class of the neighbours tells the year and the test rejects for growth: set `relative`.
    neighbour_classes, neighbour_edges
        The same for the neighbours' mean: its own quantiles, as many as `classes`, by default;
        give `neighbour_edges` equal to `edges` to class both alike.
    relative : bool
        Divide each value by the mean of its year first (Rey's relative income).
    step : int
        Years between start and end.

    Returns
    -------
    SpatialMarkov

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Rey (2001), Geographical Analysis 33(3), 194-214.
    """
    _check(panel, value, neighbours, unit, time)
    wide = panel.pivot(index=unit, columns=time, values=value).astype(float)
    if relative and not (wide.mean().dropna() > 0).all():
        raise ValueError(f"column '{value}': a yearly mean is not positive: set relative=False")
    wide = wide / wide.mean() if relative else wide
    own = wide.to_numpy()
    mean = _neighbour_means(wide, neighbours)
    years = np.tile(wide.columns.to_numpy(), len(wide))
    first, found = classify(own.ravel(), years, classes=classes, edges=edges, by_year=by_year)
    around, found_around = classify(
        mean.ravel(), years, classes=neighbour_classes or classes, edges=neighbour_edges,
        by_year=by_year,
    )  # fmt: skip
    k = len(edges) + 1 if edges is not None else classes
    m = len(neighbour_edges) + 1 if neighbour_edges is not None else neighbour_classes or classes
    periods = [int(year) for year in wide.columns]
    by_neighbours = _counts(
        first.reshape(own.shape), around.reshape(own.shape), periods, k, m, step
    )  # fmt: skip
    lonely = ~np.isnan(own).all(axis=1) & np.isnan(mean).all(axis=1)
    return SpatialMarkov(
        counts=sum(by_neighbours.values(), start=0 * by_neighbours[1]),
        by_neighbours=by_neighbours,
        test=homogeneity_test(by_neighbours),
        edges=found,
        neighbour_edges=found_around,
        without_neighbours=tuple(wide.index[lonely]),
    )


def neighbour_pairs(weights: SpatialWeights) -> pd.DataFrame:
    """Return the pairs of spatial weights as focal, neighbor and weight."""
    pairs = weights.matrix.tocoo()
    ids = np.array(weights.ids)
    columns = dict(
        zip(NEIGHBOUR_COLUMNS, (ids[pairs.row], ids[pairs.col], pairs.data), strict=True)
    )
    return pd.DataFrame(columns)


def _check(panel: pd.DataFrame, value: str, neighbours: pd.DataFrame, unit: str, time: str) -> None:
    found = input_violations(panel, keys=[unit, time], numeric=[value, time], present=[])
    keys, weight = NEIGHBOUR_COLUMNS[:2], NEIGHBOUR_COLUMNS[2]
    pairs = input_violations(neighbours, keys=keys, numeric=[weight], present=[])
    if not pairs and not (neighbours[weight] >= 0).all():
        pairs.append("negative or missing weights: correct them")
    if not pairs and not found and not set(neighbours["focal"]) & set(panel[unit]):
        pairs.append(f"no 'focal' is among the units of column '{unit}': use the same codes")
    raise_violations("the panel or its neighbours", [*found, *(f"neighbours: {p}" for p in pairs)])


def _neighbour_means(wide: pd.DataFrame, neighbours: pd.DataFrame) -> Floats:
    """Return the weighted mean of the neighbours that have a value, shape (units, years)."""
    from scipy import sparse

    used = neighbours[neighbours["focal"] != neighbours["neighbor"]]
    rows, columns = (wide.index.get_indexer(pd.Index(used[c])) for c in ("focal", "neighbor"))
    inside = (rows >= 0) & (columns >= 0)
    weight = used["weight"].to_numpy(dtype=float)[inside]
    matrix = sparse.csr_array((weight, (rows[inside], columns[inside])), shape=(len(wide),) * 2)
    y = wide.to_numpy()
    mass = matrix @ (~np.isnan(y)).astype(float)
    total = matrix @ np.nan_to_num(y)
    return np.divide(total, mass, out=np.full_like(y, np.nan), where=mass > 0)


def _counts(
    own: np.ndarray, around: np.ndarray, years: list[int], k: int, m: int, step: int
) -> dict[int, pd.DataFrame]:
    """Return counts by class of the neighbours; classes are 1..k and 1..m, 0 where missing."""
    ends = {year: place for place, year in enumerate(years)}
    starts = [year for year in years if year + step in ends]
    if not starts:
        raise ValueError(f"no two years are {step} apart, the years are {years}: change the step")
    before = own[:, [ends[y] for y in starts]].ravel()
    after = own[:, [ends[y + step] for y in starts]].ravel()
    given = around[:, [ends[y] for y in starts]].ravel()
    known = (before > 0) & (after > 0)
    labels = range(1, k + 1)
    return {
        c: count_moves(before[pick] - 1, after[pick] - 1, labels)
        for c in range(1, m + 1)
        for pick in [known & (given == c)]
    }
