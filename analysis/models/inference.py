"""Errors of least squares that few clusters or neighbours call for, as tables.

Clustered variances with corrections for few clusters, the wild cluster bootstrap-t, Conley's
spatial variance, and a bootstrap for families of hypotheses. Each takes a data frame and column
names, absorbs any number of effects exactly, and says what it left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.models.inference_cluster import POWERS, VARIANCES, clustered_variance
from analysis.models.inference_conley import KERNELS, great_circle_km, spatial_variance
from analysis.models.inference_family import Hypothesis, family_inference
from analysis.models.inference_fit import (
    LinearFit,
    RegressionData,
    counted_coefficients,
    group_violations,
    least_squares,
    regression_data,
)
from analysis.models.inference_wild import (
    DISTRIBUTIONS,
    WEBB_BELOW,
    WildKernel,
    draw_violations,
    wild_draws,
    wild_interval,
    wild_kernel,
    wild_p_values,
    wild_weights,
)
from analysis.models.multiple_testing import adjust_families, benjamini_hochberg, holm, romano_wolf
from analysis.panel import FEW_CLUSTERS, t_inference
from analysis.panel_input import CONSTANT, raise_violations

__all__ = [
    "COLUMNS", "DISTRIBUTIONS", "KERNELS", "VARIANCES", "Hypothesis", "adjust_families",
    "benjamini_hochberg", "cluster_inference", "conley_inference", "family_inference",
    "great_circle_km", "holm", "romano_wolf", "wild_cluster_bootstrap",
]  # fmt: skip

COLUMNS = (
    "term", "error_type", "estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high", "n",
    "cluster", "clusters", "effects", "dropped_missing", "dropped_singletons", "note",
)  # fmt: skip
"""Columns of every table here, in this order, before those of the method."""
FEW_DF = 4.0
"""Below this the Satterthwaite approximation is unreliable (Tipton 2015)."""
FEW_EFFECTIVE = 4.0
"""With fewer effective clusters the null-imposed bootstrap hardly ever rejects; our choice."""


def cluster_inference(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    cluster: str | Sequence[str],
    absorb: Sequence[str] = (),
    weights: str | None = None,
    variances: Sequence[str] = ("CR1", "CR2", "jackknife"),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Fit by least squares and report clustered errors of several kinds.

    Parameters
    ----------
    frame : DataFrame
        One row per observation. Not changed.
    outcome, regressors : str and sequence of str
        Numeric or boolean columns.
    cluster : str or two of them
        Columns of groups; labels must be unique (a prefecture's name is not). Two columns give
        two-way clusters with CR0 and CR1. A column of row numbers gives HC0, HC1, HC2 and HC3.
    absorb : sequence of str
        Columns of fixed effects, any number, nested or not. Without them a constant is fitted.
    weights : str, optional
        Regression weights; CR2 then takes variances to be proportional to 1/weight.
    variances : sequence of str
        Names from `VARIANCES`, which states each convention.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, one row per variance and term (the constant included).

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    columns = _cluster_columns(cluster)
    raise_violations("the options", _variance_violations(variances, columns, confidence))
    data = regression_data(
        frame, outcome=outcome, regressors=regressors, absorb=absorb, groups=columns,
        weights=weights,
    )  # fmt: skip
    groups = [data.groups[c] for c in columns]
    raise_violations("the clusters", group_violations(data, columns))
    fit, counted = least_squares(data), counted_coefficients(data, groups)
    tables = []
    for name in variances:
        result = clustered_variance(fit, groups, variance=name, counted=counted)
        notes = _cluster_notes(name, result.clusters, result.decisive, result.df)
        shared = _counts(data) | {
            "error_type": name, "cluster": " & ".join(columns), "clusters": result.clusters,
        }  # fmt: skip
        tables += _rows(fit, result.matrix, result.df, notes, shared, confidence)
    return pd.DataFrame(tables, columns=list(COLUMNS))


def wild_cluster_bootstrap(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    cluster: str,
    rng: np.random.Generator,
    tested: Sequence[str] | None = None,
    absorb: Sequence[str] = (),
    weights: str | None = None,
    null: float = 0.0,
    draws: int = 9999,
    distribution: str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Test slopes by the wild cluster bootstrap-t with the null imposed.

    Parameters
    ----------
    frame, outcome, regressors, cluster, absorb, weights
        As in `cluster_inference`, with one cluster column.
    rng : numpy.random.Generator
        Source of randomness; all terms share the draws.
    tested : sequence of str, optional
        Regressors to test, or "const" where no effects are absorbed; default all regressors.
    null : float
        Value of the slope under the null hypothesis.
    draws : int
        Random draws B. If no more different draws exist (points^G), all are enumerated instead.
    distribution : str, optional
        rademacher or webb. Default: webb with fewer than `WEBB_BELOW` clusters.
    confidence : float
        Coverage of the interval: all null values with p > 1 - confidence, out to the furthest.

    Returns
    -------
    DataFrame
        `COLUMNS` (`se`, `statistic` with CR1; `df` missing), then `null`, `p_strict`,
        `effective_clusters`, `draws`, `enumerated`, `distribution`. `p_value` counts ties and the
        sample itself; `p_strict` is the share of |t*| > |t|, the convention of boottest. They
        differ visibly only where few draws are enumerated. `effective_clusters` is (sum x_g)^2 /
        sum x_g^2 with x_g the sum of squares of the regressor, freed of all others, in cluster g.

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90(3); Roodman, MacKinnon,
    Nielsen & Webb (2019), Stata Journal 19(1); MacKinnon, Nielsen & Webb (2023), J. Econometrics
    232(2), type WCR-C with CV1; Webb (2023), Canadian J. Economics 56(3).
    """
    terms = list(regressors if tested is None else tested)
    allowed = [*regressors, *([] if absorb else [CONSTANT])]
    found = _wild_violations(terms, allowed, draws, distribution, confidence)
    raise_violations("the options", found)
    data = regression_data(
        frame, outcome=outcome, regressors=regressors, absorb=absorb, groups=[cluster],
        weights=weights,
    )  # fmt: skip
    raise_violations("the clusters", group_violations(data, [cluster]))
    codes, fit = data.groups[cluster], least_squares(data)
    g = int(codes.max()) + 1
    chosen = distribution or ("webb" if g < WEBB_BELOW else "rademacher")
    drawn, enumerated = wild_weights(g, draws=draws, distribution=chosen, rng=rng)
    counted = counted_coefficients(data, [codes])
    result = clustered_variance(fit, [codes], variance="CR1", counted=counted)
    shared = _counts(data) | {
        "error_type": "wild cluster bootstrap-t", "cluster": cluster, "clusters": g, "null": null,
        "draws": drawn.shape[1], "enumerated": enumerated, "distribution": chosen,
    }  # fmt: skip
    rows = []
    for term in terms:
        j = fit.names.index(term)
        se = float(np.sqrt(result.matrix[j, j]))
        kernel = wild_kernel(fit, codes, j)
        own = _wild_test(kernel, drawn, null, 1 - confidence, enumerated=enumerated)
        statistic = (kernel.estimate - null) / se
        values = {"term": term, "estimate": kernel.estimate, "se": se, "statistic": statistic}
        rows.append(shared | values | own)
    extra = ["null", "p_strict", "effective_clusters", "draws", "enumerated", "distribution"]
    return pd.DataFrame(rows, columns=[*COLUMNS, *extra])


def conley_inference(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    latitude: str,
    longitude: str,
    cutoff_km: float,
    kernel: str = "bartlett",
    period: str | None = None,
    absorb: Sequence[str] = (),
    weights: str | None = None,
    small_sample: bool = True,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Fit by least squares and report errors that allow for correlation in space.

    Parameters
    ----------
    frame, outcome, regressors, absorb, weights
        As in `cluster_inference`.
    latitude, longitude : str
        Columns of coordinates in degrees.
    cutoff_km : float
        Great-circle distance beyond which rows are unrelated.
    kernel : str
        bartlett: weight 1 - d/cutoff; uniform: weight 1, variance may be negative, then missing.
    period : str, optional
        Column of periods: only rows of the same period may be correlated. Without it all pairs
        within the distance are, so that a location may be correlated with itself over time.
    small_sample : bool
        Multiply by N/(N-K), K counting all effects; with a tiny cutoff the result is HC1.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        `COLUMNS` (`cluster` is the period or "none"; `clusters` missing; t with N - K df), then
        `cutoff_km`, `kernel`, `locations`, `neighbours` (mean number of locations in reach).

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Conley (1999), J. Econometrics 92(1).
    """
    raise_violations("the options", _conley_violations(kernel, cutoff_km, confidence))
    data = regression_data(
        frame, outcome=outcome, regressors=regressors, absorb=absorb, weights=weights,
        groups=[period] if period else [], numbers=[latitude, longitude],
    )  # fmt: skip
    raise_violations("the coordinates", _coordinate_violations(data, latitude, longitude))
    fit, n, k = least_squares(data), len(data.rows), counted_coefficients(data)
    result = spatial_variance(
        fit, latitude=data.numbers[latitude], longitude=data.numbers[longitude],
        cutoff_km=cutoff_km, kernel=kernel, periods=data.groups[period] if period else None,
    )  # fmt: skip
    factor = n / (n - k) if small_sample else 1.0
    own = {
        "cutoff_km": cutoff_km, "kernel": kernel, "locations": result.locations,
        "neighbours": result.neighbours,
    }  # fmt: skip
    shared = _counts(data) | own | {
        "error_type": "Conley", "cluster": period or "none", "clusters": pd.NA,
    }  # fmt: skip
    df = np.full(len(fit.slopes), float(n - k))
    rows = _rows(fit, factor * result.matrix, df, [], shared, confidence)
    return pd.DataFrame(rows, columns=[*COLUMNS, *own])


def _cluster_columns(cluster: str | Sequence[str]) -> list[str]:
    return [cluster] if isinstance(cluster, str) else list(cluster)


def _counts(data: RegressionData) -> dict[str, Any]:
    return {
        "n": len(data.rows), "effects": ", ".join(data.absorb) or "none",
        "dropped_missing": data.missing, "dropped_singletons": data.singletons,
    }  # fmt: skip


def _rows(
    fit: LinearFit,
    matrix: np.ndarray,
    df: np.ndarray,
    notes: Sequence[str],
    shared: dict[str, Any],
    confidence: float,
) -> list[dict[str, Any]]:
    rows = []
    for j, term in enumerate(fit.names):
        own = list(notes)
        if matrix[j, j] > 0:
            se = float(np.sqrt(matrix[j, j]))
        else:
            se = np.nan
            own.append("the variance is not positive: use one-way clusters or the other kernel")
        inference = t_inference(float(fit.slopes[j]), se, float(df[j]), confidence=confidence)
        row = {"term": term, "estimate": float(fit.slopes[j]), "se": se, "note": "; ".join(own)}
        rows.append(shared | row | inference)
    return rows


def _cluster_notes(name: str, clusters: int, decisive: int, df: np.ndarray) -> list[str]:
    notes = []
    if name in {"CR0", "CR1"} and clusters < FEW_CLUSTERS:
        notes.append(
            f"{clusters} clusters: intervals tend to be too short, use CR2 or the wild bootstrap"
        )
    if name == "CR2" and df.min() < FEW_DF:
        notes.append(f"as few as {df.min():.1f} degrees of freedom: the t distribution is rough")
    if decisive:
        notes.append(
            f"without {decisive} of the clusters a slope cannot be estimated: the variance is "
            f"too small"
        )
    return notes


def _wild_test(
    kernel: WildKernel, weights: np.ndarray, null: float, alpha: float, *, enumerated: bool
) -> dict[str, Any]:
    drawn = wild_draws(kernel, weights)
    p_value, strict = wild_p_values(kernel, drawn, null, enumerated=enumerated)
    low, high = wild_interval(kernel, drawn, alpha=alpha, enumerated=enumerated)
    effective = float(kernel.x.sum() ** 2 / (kernel.x**2).sum())
    notes = []
    if effective < FEW_EFFECTIVE:
        notes.append(
            f"the slope rests on {effective:.1f} effective clusters: the test hardly ever rejects"
        )
    if np.isinf([low, high]).any():
        notes.append("no bound: too few different draws, or too few clusters carry the slope")
    return {
        "df": np.nan, "p_value": p_value, "p_strict": strict, "ci_low": low, "ci_high": high,
        "effective_clusters": effective, "note": "; ".join(notes),
    }  # fmt: skip


def _confidence_violations(confidence: float) -> list[str]:
    inside = 0 < confidence < 1
    return [] if inside else [f"confidence {confidence} is not between 0 and 1: use 0.95"]


def _variance_violations(
    variances: Sequence[str], columns: Sequence[str], confidence: float
) -> list[str]:
    found = [
        f"variance '{v}' is unknown: use {list(VARIANCES)}" for v in variances if v not in VARIANCES
    ]
    if not variances:
        found.append(f"no variance is given: use {list(VARIANCES)}")
    if not 1 <= len(set(columns)) == len(columns) <= 2:
        found.append(f"cluster {list(columns)}: name one column or two different ones")
    corrected = [v for v in variances if POWERS.get(v, 0) > 0]
    if len(columns) == 2 and corrected:
        found.append(f"{corrected} need one cluster column: use CR1 for two-way clusters")
    return found + _confidence_violations(confidence)


def _wild_violations(
    tested: Sequence[str],
    allowed: Sequence[str],
    draws: int,
    distribution: str | None,
    confidence: float,
) -> list[str]:
    found = [f"'{t}' is tested but not fitted: use {allowed}" for t in tested if t not in allowed]
    if not tested:
        found.append("no regressor is tested: name at least one")
    return found + draw_violations(draws, distribution) + _confidence_violations(confidence)


def _conley_violations(kernel: str, cutoff_km: float, confidence: float) -> list[str]:
    found = [] if kernel in KERNELS else [f"kernel '{kernel}' is unknown: use {list(KERNELS)}"]
    if not cutoff_km > 0:
        found.append(f"cutoff_km {cutoff_km} is not positive: give kilometres")
    return found + _confidence_violations(confidence)


def _coordinate_violations(data: RegressionData, latitude: str, longitude: str) -> list[str]:
    found = []
    for column, bound in ((latitude, 90), (longitude, 180)):
        if count := int((np.abs(data.numbers[column]) > bound).sum()):
            found.append(f"column '{column}': {count} values beyond {bound} degrees: give degrees")
    return found
