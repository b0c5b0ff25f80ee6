"""Two-way fixed effects of panels too large for memory, computed by DuckDB from parquet.

Balanced and unbalanced panels are exact: units are demeaned, period dummies partialled out of the
moments, and nothing iterates over the rows. The small-sample convention is that of the county
models (`analysis.panel`): V = G/(G-1) x (N-1)/(N-K) x sandwich with K = slopes + constant + period
dummies, unit effects being nested in the clusters; intervals from t with G - 1 degrees of freedom.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import bigpanel_queries as queries
from analysis.bigpanel_input import check_columns, check_moments, check_profile
from analysis.bigpanel_moments import Moments, compute_moments
from analysis.bigpanel_queries import Columns, Scaling
from analysis.bigpanel_scores import score_sums
from analysis.panel import COLUMNS, FEW_CLUSTERS, t_inference
from analysis.panel_input import raise_violations

REFINED = 1e-6
"""Rounding error of the slopes, in standard errors, above which the scores are scanned again. It is
removed in any case; what is left then is its product with the rounding error of the moments."""
SCANS = 4
"""Most scans of the scores; each removes the rounding error that the one before found."""


@dataclass(frozen=True)
class BigPanelFit:
    """Two-way fixed effects and what they rest on.

    Attributes
    ----------
    estimates : DataFrame
        One row per regressor, columns `analysis.panel.COLUMNS`. `r2` and `r2_within` are that of
        the unit-demeaned regression, in which period effects count as explained.
    covariance : DataFrame
        (K, K) cluster-robust variance of the slopes.
    n, n_units, n_periods, n_clusters : int
        What the fit uses: complete rows of units seen more than once.
    dropped_missing : int
        Rows left out because a value was missing.
    missing : mapping
        Number of missing values of the columns that have any.
    singletons : int
        Units, of one row each, left out because they are seen once.
    components : int
        Sets of units and periods that nothing connects; more than 1 means that period effects
        are compared within each set only.
    correction : float
        Rounding error of the slopes, in standard errors, that the last scan found and removed.
    """

    estimates: pd.DataFrame
    covariance: pd.DataFrame
    n: int
    n_units: int
    n_periods: int
    n_clusters: int
    dropped_missing: int
    missing: Mapping[str, int]
    singletons: int
    components: int
    correction: float


@dataclass(frozen=True)
class Solution:
    """Slopes (K,) and variance (K, K) in scaled variables; clusters; the last correction."""

    slopes: np.ndarray
    variance: np.ndarray
    clusters: int
    correction: float


def big_panel_fit(
    source: str | Path,
    *,
    y: str,
    x: Sequence[str],
    unit: str,
    time: str,
    cluster: str | None = None,
    weights: str | None = None,
    connection: Any = None,
    memory_limit: str | None = None,
    threads: int | None = None,
    confidence: float = 0.95,
) -> BigPanelFit:
    """Estimate y on x with unit and period effects, errors clustered by unit or above it.

    The rows are scanned five times and never loaded. Every sum is one of integers, so the same
    rows give the same bytes whatever the threads, the order of the rows and the files.

    Parameters
    ----------
    source : str or Path
        Parquet file, folder (all below it but hidden folders) or glob pattern; if `connection` is
        given, the name of its table or view.
    y, x : str, sequence of str
        Numeric or boolean columns.
    unit, time : str
        Key columns of any type; at most `analysis.bigpanel_input.MAX_PERIODS` periods.
    cluster : str, optional
        Column, constant within a unit, by which errors are clustered; default: the unit.
    weights : str, optional
        Positive column, constant within a unit, by which its squares are multiplied. The scale
        does not matter.
    connection : duckdb.DuckDBPyConnection, optional
        Holds the table `source`; its settings are left as they are.
    memory_limit, threads : str, int, optional
        Settings of the connection that is made if none is given, e.g. "1GB" and 2. What does not
        fit goes to the folder for temporary files (environment variable TMPDIR).
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    BigPanelFit

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, section 10.5. Arellano
    (1987), Oxford Bulletin 49(4), and Cameron & Miller (2015), J. Human Resources 50(2), for the
    errors.
    """
    if connection is not None and (memory_limit is not None or threads is not None):
        raise_violations("the call", ["memory_limit and threads are settings of `connection`"])
    columns = Columns((y, *x), unit, time, None if cluster == unit else cluster, weights)
    with _connected(connection, memory_limit, threads) as con:
        origin = queries.from_clause(source, is_table=connection is not None)
        check_columns(con, origin, columns)
        profile = queries.profile(con, origin, columns)
        check_profile(con, origin, columns, profile)
        data = queries.rows(origin, columns, filtered=profile["complete"] < profile["rows"])
        scaling = queries.scaling(columns, profile)
        clustered = columns.cluster is not None
        moments = compute_moments(con, data, scaling, clustered=clustered)
        check_moments(con, origin, columns, moments)
        solution = _solve(con, data, scaling, moments, clustered=clustered)
    return _fit(columns, profile, scaling, moments, solution, confidence)


@contextmanager
def _connected(connection: Any, memory_limit: str | None, threads: int | None) -> Iterator[Any]:
    """Give a connection; a new one spills to a folder that is removed, a given one is tidied."""
    import duckdb

    if connection is not None:
        try:
            yield connection
        finally:
            queries.drop_tables(connection)
        return
    with tempfile.TemporaryDirectory(prefix="big_panel_") as folder:
        config: dict[str, Any] = {"temp_directory": folder, "preserve_insertion_order": False}
        config |= {} if memory_limit is None else {"memory_limit": memory_limit}
        config |= {} if threads is None else {"threads": threads}
        with duckdb.connect(config=config) as con:
            con.execute("SET enable_progress_bar = false")
            yield con


def _solve(con: Any, data: str, scaling: Scaling, moments: Moments, *, clustered: bool) -> Solution:
    """Return slopes and variance; the sum of the scores, zero but for rounding, corrects them."""
    slopes, bread = moments.slopes, moments.bread
    for _ in range(SCANS):
        effects = moments.effects.copy()
        effects[:, 0] -= effects[:, 1:] @ slopes
        total, meat, clusters = score_sums(con, data, scaling, slopes, effects, clustered=clustered)
        if clusters < 2:
            raise_violations("the panel", ["clustered errors need at least 2 clusters"])
        variance = _small_sample(moments, len(slopes), clusters) * bread @ meat @ bread
        step = bread @ total
        slopes = slopes + step
        errors = np.sqrt(np.diag(variance))
        correction = float(np.max(np.abs(step) / np.where(errors > 0, errors, np.inf)))
        if correction <= REFINED:
            break
    return Solution(slopes, variance, clusters, correction)


def _small_sample(moments: Moments, slopes: int, clusters: int) -> float:
    """Return G/(G-1) x (N-1)/(N-K); K has one period dummy less for each component."""
    k = slopes + 1 + moments.periods - moments.components
    return clusters / (clusters - 1) * (moments.n - 1) / (moments.n - k)


def _fit(
    columns: Columns,
    profile: Mapping[str, Any],
    scaling: Scaling,
    moments: Moments,
    solution: Solution,
    confidence: float,
) -> BigPanelFit:
    names = list(columns.variables[1:])
    unscaled = np.array(scaling.factors[1:]) / scaling.factors[0]
    covariance = solution.variance * np.outer(unscaled, unscaled)
    dropped = profile["rows"] - profile["complete"]
    shared = {
        "model": "two_way", "error_type": columns.cluster or "entity", "n": moments.n,
        "entities": moments.units, "periods": moments.periods, "clusters": solution.clusters,
        "r2": moments.r2, "r2_within": moments.r2, "dropped_missing": dropped,
        "note": _note(moments, solution.clusters),
    }  # fmt: skip
    rows = []
    for k, term in enumerate(names):
        estimate, se = float(solution.slopes[k] * unscaled[k]), float(np.sqrt(covariance[k, k]))
        inference = t_inference(estimate, se, solution.clusters - 1, confidence=confidence)
        rows.append(shared | {"term": term, "estimate": estimate, "se": se} | inference)
    missing = {name: profile[f"missing {name}"] for name in columns.optional}
    return BigPanelFit(
        estimates=pd.DataFrame(rows, columns=list(COLUMNS)).astype({"clusters": "Int64"}),
        covariance=pd.DataFrame(covariance, index=names, columns=names),
        n=moments.n,
        n_units=moments.units,
        n_periods=moments.periods,
        n_clusters=solution.clusters,
        dropped_missing=dropped,
        missing={name: count for name, count in missing.items() if count},
        singletons=moments.singletons,
        components=moments.components,
        correction=solution.correction,
    )


def _note(moments: Moments, clusters: int) -> str:
    notes = []
    if clusters < FEW_CLUSTERS:
        few = "intervals tend to be too short, use a wild cluster bootstrap"
        notes.append(f"{clusters} clusters: {few}")
    if moments.singletons:
        notes.append(f"{moments.singletons} entities seen in one period left out")
    if moments.components > 1:
        notes.append(f"{moments.components} sets of entities and periods that nothing connects")
    return "; ".join(notes)
