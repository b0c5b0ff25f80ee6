"""Spatial dependence: Moran's I of variables and residuals, Lagrange multiplier tests.

Formulas are written out here because the permutations must come from the caller's generator; tests
compare them with esda and spreg. Every p-value is two-sided and says where it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.models.spatial_input import spatial_data
from analysis.models.spatial_weights import SpatialWeights, restrict
from analysis.panel_input import SHOWN, input_violations, raise_violations

MORAN_COLUMNS = (
    "variable", "year", "moran", "expected", "variance", "z", "p_value", "p_simulated", "geary",
    "n", "missing", "islands", "permutations",
)  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moran:
    """Global spatial autocorrelation of one variable.

    Attributes
    ----------
    moran, geary : float
        Moran's I and Geary's c.
    expected, variance : float
        Moments of I under randomisation: -1 / (n - 1) and Cliff & Ord's formula.
    z, p_value : float
        Standardised I and its two-sided normal p-value.
    p_simulated : float
        Share of permutations as far from the expectation as I, on either side, the data counted.
    n, islands : int
        Units used, and units left out because they have no neighbour.
    permutations : int
        Number of permutations.
    """

    moran: float
    geary: float
    expected: float
    variance: float
    z: float
    p_value: float
    p_simulated: float
    n: int
    islands: int
    permutations: int


def moran(
    values: Floats,
    weights: SpatialWeights,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
) -> Moran:
    """Compute Moran's I of a variable.

    Parameters
    ----------
    values : ndarray, shape (n,)
        In the order of `weights.ids`, without missing values.
    weights : SpatialWeights
        Units without neighbours are left out, of n too.
    rng : Generator
        Source of the permutations.
    permutations : int
        Number of permutations; 0 for none (p_simulated is then missing).

    Returns
    -------
    Moran

    Raises
    ------
    ValueError
        If lengths differ, a value is not finite, all are equal or fewer than 4 units remain.

    Notes
    -----
    I = n/S0 z'Wz / z'z. Variance under randomisation: Cliff & Ord (1981), Spatial Processes, p. 46.
    """
    values = np.asarray(values, dtype=float)
    raise_violations("Moran's I", value_violations(values, weights))
    count = len(weights.islands)
    if count:
        alone = set(weights.islands)
        keep = np.array([name not in alone for name in weights.ids])
        weights = restrict(weights, [name for name in weights.ids if name not in alone])
        values = values[keep]
    n, z, w = len(values), values - values.mean(), weights.matrix
    total = float(w.sum())
    scale = n / total / (z @ z)
    observed = float(scale * (z @ (w @ z)))
    expected = -1 / (n - 1)
    variance = _randomisation_variance(z, w)
    score = (observed - expected) / np.sqrt(variance)
    simulated = np.nan
    if permutations:
        mixed = rng.permuted(np.broadcast_to(z, (permutations, n)), axis=1)
        drawn = scale * np.einsum("pn,np->p", mixed, w @ mixed.T)
        as_far = np.abs(drawn - expected) >= np.abs(observed - expected)
        simulated = float((as_far.sum() + 1) / (permutations + 1))
    pairs = w.tocoo()
    gaps = float(pairs.data @ (z[pairs.row] - z[pairs.col]) ** 2)
    return Moran(
        moran=observed,
        geary=(n - 1) / (2 * total) * gaps / float(z @ z),
        expected=expected,
        variance=variance,
        z=float(score),
        p_value=float(2 * stats.norm.sf(abs(score))),
        p_simulated=simulated,
        n=n,
        islands=count,
        permutations=permutations,
    )


def moran_by_year(
    frame: pd.DataFrame,
    variables: Sequence[str],
    weights: SpatialWeights,
    *,
    rng: np.random.Generator,
    unit: str = "code",
    time: str = "year",
    permutations: int = 999,
) -> pd.DataFrame:
    """Compute Moran's I of each variable in each year.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and year. Units outside the weights are ignored. Not changed.
    variables : sequence of str
        Numeric columns. A year without any value is left out.
    weights : SpatialWeights
        Restricted, year by year, to the units that have a value.
    rng : Generator
        Source of the permutations.
    unit, time : str
        Key columns.
    permutations : int
        As for `moran`.

    Returns
    -------
    DataFrame
        Columns `MORAN_COLUMNS`; `missing` are units of the weights without a value, `islands` units
        with a value whose neighbours have none.

    Raises
    ------
    ValueError
        Lists every violation of the input, a variable without any value among them.
    """
    found = input_violations(frame, keys=(unit, time), numeric=variables, present=[])
    empty = [c for c in variables if c in frame and frame[c].isna().all()]
    found += [f"column '{c}' has no values at all: leave it out" for c in empty]
    raise_violations("the frame", found)
    rows = []
    for variable in variables:
        for year, part in frame.dropna(subset=variable).groupby(time, sort=True):
            here = part.set_index(part[unit].astype(str))[variable].astype(float)
            ids = [name for name in weights.ids if name in here.index]
            used = weights if len(ids) == len(weights.ids) else restrict(weights, ids)
            values = np.asarray(here.loc[ids], dtype=float)
            result = moran(values, used, rng=rng, permutations=permutations)
            missing = len(weights.ids) - len(ids)
            rows.append({"variable": variable, "year": year, "missing": missing} | vars(result))
    return pd.DataFrame(rows)[list(MORAN_COLUMNS)]


def residual_moran(residuals: Floats, regressors: Floats, weights: SpatialWeights) -> pd.DataFrame:
    """Test the residuals of a least squares regression for spatial dependence.

    Parameters
    ----------
    residuals : ndarray, shape (n,)
        Of a regression on `regressors`, in the order of `weights.ids`.
    regressors : ndarray, shape (n, k)
        All columns of the regression, constant and dummies included.
    weights : SpatialWeights
        W.

    Returns
    -------
    DataFrame
        One row: moran, expected, variance, z, p_value (two-sided normal), n.

    Notes
    -----
    Moments for normal errors with M = I - X(X'X)^-1 X' (Cliff & Ord 1981, pp. 200-206):
    E = n/S0 tr(MW)/(n-k), Var = (n/S0)^2 [tr(MWMW') + tr(MWMW) + tr(MW)^2] / ((n-k)(n-k+2)) - E^2.
    """
    w, e, n = weights.matrix, np.asarray(residuals, dtype=float), len(weights.ids)
    q = np.linalg.qr(np.asarray(regressors, dtype=float).reshape(n, -1))[0]
    total, df = float(w.sum()), n - q.shape[1]
    inner, forward, back = q.T @ (w @ q), w @ q, w.T @ q
    trace = float(w.diagonal().sum() - np.trace(inner))
    straight = float((w * w).sum() - (forward**2).sum() - (back**2).sum() + (inner**2).sum())
    crossed = float((w * w.T).sum() - 2 * (forward * back).sum() + (inner * inner.T).sum())
    observed = float(n / total * (e @ (w @ e)) / (e @ e))
    expected = n / total * trace / df
    moment = (n / total) ** 2 * (straight + crossed + trace**2) / (df * (df + 2))
    variance = moment - expected**2
    score = (observed - expected) / np.sqrt(variance)
    return pd.DataFrame([{
        "moran": observed,
        "expected": expected,
        "variance": variance,
        "z": score,
        "p_value": float(2 * stats.norm.sf(abs(score))),
        "n": n,
    }])  # fmt: skip


def lm_tests(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    weights: SpatialWeights,
    unit: str = "code",
    time: str | None = None,
    effects: str = "none",
) -> pd.DataFrame:
    """Test a least squares regression for a missing spatial lag or error (Lagrange multipliers).

    Parameters
    ----------
    frame : DataFrame
        One row per unit (and period), balanced and complete. Not changed.
    outcome, regressors : str, sequence of str
        Numeric columns; a constant is added where there are no effects.
    weights : SpatialWeights
        Exactly the units of the frame.
    unit, time, effects
        As for `fit_spatial`: a cross-section by default.

    Returns
    -------
    DataFrame
        Columns test (error, lag, robust_error, robust_lag, sarma), statistic, df, p_value, n.

    Notes
    -----
    Anselin, Bera, Florax & Yoon (1996), Reg. Sci. Urban Econ. 26, with the variance of the errors
    SSR / N. In a panel N, and the number of cross-sections in place of 1, are those of the
    transformed data; with year effects the trace is right up to O(1 / n).
    """
    data = spatial_data(
        frame,
        outcome=outcome,
        regressors=regressors,
        weights=weights,
        lagged=(),
        unit=unit,
        time=time,
        effects=effects,
        correction="lee_yu",
    )
    x, y, w = data.flat_x, data.y.ravel(), weights.matrix
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    e = (y - x @ slopes).reshape(data.y.shape)
    sigma2 = float((e**2).sum() / data.observations)
    trace = data.cross_sections * float((w * w).sum() + (w * w.T).sum())
    mean_lag = data.within(weights.lag((x @ slopes).reshape(data.y.shape))).ravel()
    left = mean_lag - x @ np.linalg.lstsq(x, mean_lag, rcond=None)[0]
    spread = float(left @ left / sigma2 + trace)
    of_error = float((e * weights.lag(e)).sum() / sigma2)
    of_lag = float((e * data.wy).sum() / sigma2)
    robust_lag = (of_lag - of_error) ** 2 / (spread - trace)
    robust_error = (of_error - trace / spread * of_lag) ** 2 / (trace * (1 - trace / spread))
    rows = [
        ("error", of_error**2 / trace, 1),
        ("lag", of_lag**2 / spread, 1),
        ("robust_error", robust_error, 1),
        ("robust_lag", robust_lag, 1),
        ("sarma", robust_lag + of_error**2 / trace, 2),
    ]
    table = pd.DataFrame(rows, columns=["test", "statistic", "df"])
    return table.assign(p_value=stats.chi2.sf(table["statistic"], table["df"]), n=y.size)


def value_violations(values: Floats, weights: SpatialWeights) -> list[str]:
    """List what forbids a test of spatial dependence of `values`, shape (n,); empty if nothing."""
    n = len(weights.ids)
    if values.shape != (n,):
        return [
            f"values have shape {values.shape} for {n} units: give one per unit, in their order"
        ]
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        shown = [weights.ids[row] for row in bad[:SHOWN]]
        return [
            f"{len(bad)} values are missing or infinite, e.g. of {shown}: restrict() the weights"
        ]
    if n - len(weights.islands) < 4:
        return [f"{n - len(weights.islands)} units with neighbours: at least 4 are needed"]
    return [] if np.ptp(values) > 0 else ["all values are equal: there is nothing to explain"]


def _randomisation_variance(z: Floats, w: Any) -> float:
    """Return the variance of I if every order of the values is equally likely."""
    n = len(z)
    s0 = float(w.sum())
    both = w + w.T
    s1 = float((both * both).sum() / 2)
    s2 = float(((w.sum(axis=0) + w.sum(axis=1)) ** 2).sum())
    kurtosis = float(n * (z**4).sum() / (z @ z) ** 2)
    first = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    return (first - second) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - 1 / (n - 1) ** 2
