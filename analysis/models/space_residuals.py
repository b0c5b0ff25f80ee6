"""Are the main regressions spatially dependent? Moran's I of residuals, errors that allow for it.

For the province rung of the long difference and for the two-way panel. A panel is turned into
independent cross-sections by forward orthogonal deviations first, because demeaned residuals of one
county are tied to each other and the moments of Moran's I would be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from analysis.long_difference import GROUPS, LOG_CONTROLS
from analysis.models.inference import cluster_inference, conley_inference
from analysis.models.spatial import residual_moran
from analysis.models.spatial_durbin import SpatialFit
from analysis.models.spatial_weights import SpatialWeights, restrict

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

ERROR_COLUMNS = (
    "term", "error_type", "estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high", "n",
    "cluster", "clusters", "cutoff_km", "neighbours", "note",
)  # fmt: skip

Floats = NDArray[np.float64]


def coordinates(polygons: GeoDataFrame) -> pd.DataFrame:
    """Return a point inside each polygon: code, latitude, longitude (degrees)."""
    points = polygons.geometry.representative_point()
    return pd.DataFrame(
        {"code": polygons["code"].to_numpy(), "latitude": points.y.to_numpy(),
         "longitude": points.x.to_numpy()}
    )  # fmt: skip


def change_sample(
    panel: pd.DataFrame,
    *,
    outcome: str,
    baseline_controls: Sequence[str],
    first_year: int,
    last_year: int,
    treatment: str = "designated",
    sample: str = "rural_2010",
) -> tuple[pd.DataFrame, list[str]]:
    """Return the counties of the province rung of `long_difference.ladder`.

    Parameters
    ----------
    panel : DataFrame
        `county_panel`. Not changed.
    outcome : str
        Numeric column.
    baseline_controls : sequence of str
        Columns, held at their level in the first year, in logarithms as in the ladder.
    first_year, last_year : int
        The two years.
    treatment, sample : str
        Boolean columns.

    Returns
    -------
    tuple of DataFrame and list of str
        code, province, prefecture (told apart by province), change and the regressors, complete,
        without counties alone in their province; and the names of the regressors, treatment first.
    """
    first, last = (panel[panel["year"] == y].set_index("code") for y in (first_year, last_year))
    last = last[last[sample].astype(bool)]
    data = last[["province"]].assign(
        prefecture=last[list(GROUPS["prefecture"])].agg(" ".join, axis=1),
        change=last[outcome].astype(float) - first[outcome].astype(float),
        **{treatment: last[treatment].astype(float)},
    )
    names = [treatment]
    for control in dict.fromkeys([outcome, *baseline_controls]):
        values = first[control].astype(float)
        data[f"baseline {control}"] = np.log(values) if control in LOG_CONTROLS else values
        names.append(f"baseline {control}")
    data = data.dropna().sort_index().reset_index()
    return data[data.groupby("province")["code"].transform("size") > 1], names


def change_moran(
    data: pd.DataFrame, regressors: Sequence[str], weights: SpatialWeights
) -> pd.DataFrame:
    """Compute Moran's I of the residuals of change on regressors and province effects.

    Parameters
    ----------
    data, regressors
        From `change_sample`. Counties without weights are left out before the fit.
    weights : SpatialWeights
        Restricted to the counties of the sample; those none of whose neighbours is in it count as
        islands.

    Returns
    -------
    DataFrame
        One row as `spatial.residual_moran`, with islands.
    """
    known = data[data["code"].isin(weights.ids)].set_index("code")
    x = np.column_stack(
        [known[list(regressors)], pd.get_dummies(known["province"]).to_numpy(float)]
    )
    y = known["change"].to_numpy()
    residuals = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    here = restrict(weights, known.index.tolist())
    return residual_moran(residuals, x, here).assign(islands=len(here.islands))


def panel_moran(
    frame: pd.DataFrame, *, outcome: str, regressors: Sequence[str], weights: SpatialWeights
) -> pd.DataFrame:
    """Compute Moran's I of the errors of a two-way fixed effects regression.

    Parameters
    ----------
    frame : DataFrame
        One row per code and year, balanced over the units of the weights. Not changed.
    outcome, regressors : str, sequence of str
        Numeric columns.
    weights : SpatialWeights
        W, used within each of the T - 1 transformed cross-sections.

    Returns
    -------
    DataFrame
        One row as `spatial.residual_moran`, with islands; n counts T - 1 rows per county.

    Notes
    -----
    Forward orthogonal deviations (Arellano & Bover 1995, J. Econometrics 68) take out the county
    effects and leave independent errors independent; year effects become one constant per
    transformed period. The slopes are those of the within estimator.
    """
    cubes = [
        frame.pivot(index="code", columns="year", values=c).loc[list(weights.ids)].to_numpy(float)
        for c in (outcome, *regressors)
    ]
    if any(np.isnan(cube).any() for cube in cubes):
        raise ValueError("the panel has gaps: restrict frame and weights to complete_units()")
    deviations = forward_deviations(cubes[0].shape[1])
    columns = [(cube @ deviations.T).T.ravel() for cube in cubes]
    y, x = columns[0], np.column_stack(columns[1:])
    constants = _period_constants(len(deviations), len(weights.ids))
    both = np.column_stack([x, constants])
    residuals = y - both @ np.linalg.lstsq(both, y, rcond=None)[0]
    return _stacked_moran(residuals.reshape(len(deviations), -1), x, weights)


def durbin_moran(fit: SpatialFit, weights: SpatialWeights) -> pd.DataFrame:
    """Compute Moran's I of the errors of a two-way spatial model, to see what is left.

    Parameters
    ----------
    fit : SpatialFit
        Two-way fit on the units of the weights.
    weights : SpatialWeights
        Those of the fit.

    Returns
    -------
    DataFrame
        As `panel_moran`. The moments are those of least squares on period constants, so the
        p-value is approximate.
    """
    residuals = forward_deviations(fit.periods) @ fit.residuals.T
    return _stacked_moran(residuals, np.empty((residuals.size, 0)), weights)


def forward_deviations(periods: int) -> Floats:
    """Return the matrix of forward orthogonal deviations, shape (periods - 1, periods).

    Row t: sqrt((T - t) / (T - t + 1)) (x_t - mean of the later ones); its rows are orthonormal and
    sum to zero.
    """
    matrix = np.zeros((periods - 1, periods))
    for row in range(periods - 1):
        later = periods - row - 1
        matrix[row, row] = 1.0
        matrix[row, row + 1 :] = -1 / later
        matrix[row] *= np.sqrt(later / (later + 1))
    return matrix


def _stacked_moran(residuals: Floats, x: Floats, weights: SpatialWeights) -> pd.DataFrame:
    """Test residuals of shape (periods, n), stacked, of a regression on x and period constants."""
    periods, n = residuals.shape
    names = tuple(f"{name} {period}" for period in range(periods) for name in weights.ids)
    blocks = sparse.csr_array(sparse.kron(sparse.eye_array(periods), weights.matrix))
    columns = np.column_stack([x, _period_constants(periods, n)])
    row = residual_moran(residuals.ravel(), columns, SpatialWeights(names, blocks))
    return row.assign(islands=len(weights.islands))


def _period_constants(periods: int, n: int) -> Floats:
    return np.asarray(np.kron(np.eye(periods), np.ones((n, 1))))


def error_rows(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    absorb: Sequence[str],
    cluster: str,
    places: pd.DataFrame,
    cutoffs: Sequence[float],
) -> pd.DataFrame:
    """Report the first regressor with clustered errors and with Conley errors.

    Parameters
    ----------
    frame : DataFrame
        Rows with `code`. Not changed.
    outcome, regressors, absorb
        As for `inference.cluster_inference`.
    cluster : str
        Column of groups.
    places : DataFrame
        From `coordinates`; rows without a point are left out of all fits alike.
    cutoffs : sequence of float
        Distances in km from which on counties count as unrelated (Bartlett kernel). All rows of a
        county may be correlated over time, too.

    Returns
    -------
    DataFrame
        Columns `ERROR_COLUMNS`; cutoff_km and neighbours are zero where errors are clustered.
    """
    placed = frame.merge(places, on="code")
    fit: dict[str, Any] = {"outcome": outcome, "regressors": regressors, "absorb": absorb}
    by_group = cluster_inference(placed, **fit, cluster=cluster, variances=["CR1"])
    tables = [by_group.assign(error_type="clustered", cutoff_km=0.0, neighbours=0.0)]
    for cutoff in cutoffs:
        table = conley_inference(
            placed, **fit, latitude="latitude", longitude="longitude", cutoff_km=cutoff
        )
        tables.append(table)
    rows = pd.concat(tables, ignore_index=True)
    mine = rows.loc[rows["term"] == regressors[0], list(ERROR_COLUMNS)]
    return mine.astype({"clusters": "Int64"}).reset_index(drop=True)
