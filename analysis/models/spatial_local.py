"""Local Moran's I with control of the false discovery rate: where values cluster.

With one test per county, some would be significant by chance alone; a map of raw p-values shows
clusters where there are none. Only what survives Benjamini & Hochberg is called a cluster.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, stats

from analysis.models.spatial import value_violations
from analysis.models.spatial_weights import SpatialWeights
from analysis.panel_input import raise_violations

CLUSTERS = ("high-high", "low-low", "high-low", "low-high", "not significant")
"""Classes of a local Moran: own value, then mean of the neighbours, against the overall mean."""
BLOCK = 2_000_000
"""Numbers held at once by the permutations."""

Floats = NDArray[np.float64]


def local_moran(
    values: Floats,
    weights: SpatialWeights,
    *,
    rng: np.random.Generator,
    permutations: int = 9999,
    level: float = 0.05,
) -> pd.DataFrame:
    """Compute local indicators of spatial association with control of the false discovery rate.

    Parameters
    ----------
    values : ndarray, shape (n,)
        In the order of `weights.ids`, without missing values.
    weights : SpatialWeights
        Units without neighbours get a missing statistic.
    rng : Generator
        Source of the conditional permutations, shared by all units.
    permutations : int
        The smallest p-value is 2 / (permutations + 1): with few permutations the rate cannot be
        controlled for a few units among thousands.
    level : float
        False discovery rate.

    Returns
    -------
    DataFrame
        One row per unit: code, value, z (standardised, divisor n), lag (of z), local_moran = z lag
        (Anselin 1995, Geogr. Anal. 27, with m2 = 1), p_value (two-sided: twice the smaller tail of
        the permutations of the other units' values, the data counted), p_fdr (Benjamini & Hochberg
        1995 over all units with neighbours), quadrant and cluster (one of `CLUSTERS`; the quadrant
        where p_fdr <= level).

    Raises
    ------
    ValueError
        As for `moran`.
    """
    values = np.asarray(values, dtype=float)
    raise_violations("the local Moran", value_violations(values, weights))
    z = (values - values.mean()) / values.std()
    lag = weights.lag(z)
    p_value = _local_p(z, lag, weights, rng, permutations)
    linked = np.isfinite(p_value)
    p_fdr = np.full(len(z), np.nan)
    p_fdr[linked] = stats.false_discovery_control(p_value[linked])
    names = np.array(CLUSTERS, dtype=object)
    quadrant = names[np.where(z > 0, np.where(lag > 0, 0, 2), np.where(lag > 0, 3, 1))]
    quadrant[~linked] = None
    cluster = np.where(p_fdr <= level, quadrant, CLUSTERS[-1])
    cluster[~linked] = None
    return pd.DataFrame(
        {
            "code": list(weights.ids),
            "value": values,
            "z": z,
            "lag": np.where(linked, lag, np.nan),
            "local_moran": np.where(linked, z * lag, np.nan),
            "p_value": p_value,
            "p_fdr": p_fdr,
            "quadrant": quadrant,
            "cluster": cluster,
        }
    )


def _local_p(
    z: Floats, lag: Floats, weights: SpatialWeights, rng: np.random.Generator, permutations: int
) -> Floats:
    """Return two-sided conditional permutation p-values; missing for islands.

    For each unit its neighbours are replaced by units drawn without replacement from all others.
    Positions are drawn once and shared, so that each unit's own position is skipped over.
    """
    matrix = sparse.csr_array(weights.matrix)
    n, degree = len(z), np.diff(matrix.indptr)
    widest = int(degree.max())
    drawn = _distinct(n - 1, widest, permutations, rng)
    larger, smaller = np.zeros(n), np.zeros(n)
    step = max(1, BLOCK // widest)
    for start in range(0, permutations, step):
        block = drawn[start : start + step]
        for i in np.flatnonzero(degree):
            chosen = block[:, : degree[i]]
            share = matrix.data[matrix.indptr[i] : matrix.indptr[i + 1]]
            simulated = z[chosen + (chosen >= i)] @ share
            larger[i] += (simulated >= lag[i]).sum()
            smaller[i] += (simulated <= lag[i]).sum()
    tail = (np.minimum(larger, smaller) + 1) / (permutations + 1)
    return np.where(degree > 0, np.minimum(1.0, 2 * tail), np.nan)


def _distinct(n: int, size: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `count` ordered samples of `size` distinct integers below n.

    Floyd's algorithm (Bentley & Floyd 1987, Comm. ACM 30), its samples put in random order.
    """
    drawn = np.empty((count, size), dtype=np.int64)
    for column, top in enumerate(range(n - size, n)):
        pick = rng.integers(0, top + 1, size=count)
        taken = (drawn[:, :column] == pick[:, None]).any(axis=1)
        drawn[:, column] = np.where(taken, top, pick)
    shuffled: NDArray[np.int64] = rng.permuted(drawn, axis=1)
    return shuffled
