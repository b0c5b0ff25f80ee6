"""Moments of a big panel after both effects are taken out, and the slopes that solve them.

Demeaning by unit is exact from sums over units. Period dummies are partialled out of the demeaned
moments: their cross-products follow from how many units are seen in which set of periods. So
unbalanced panels need no iteration (Frisch-Waugh-Lovell; the Schur complement of the dummies).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import bigpanel_queries as queries
from analysis.bigpanel_queries import Scaling

CHUNK = 1 << 14
"""Patterns of presence expanded to a matrix at a time."""


@dataclass(frozen=True)
class Moments:
    """Moments of outcome and regressors, in this order, in scaled variables.

    Attributes
    ----------
    within : ndarray
        (K+1, K+1) cross-products less unit and period effects.
    demeaned : float
        Sum of squares of the outcome less unit effects.
    total : ndarray
        (K+1,) sums of squares about the overall mean.
    effects : ndarray
        (T, K+1) period effects of each variable; zero in the first period of each component.
    n, units, periods, singletons : int
        Rows, units and periods used; units left out because they are seen once.
    components : int
        Sets of periods that no unit connects.
    repeated, changing_w, changing_c : int
        Units with a repeated period, with a changing weight, with a changing cluster.
    """

    within: np.ndarray
    demeaned: float
    total: np.ndarray
    effects: np.ndarray
    n: int
    units: int
    periods: int
    singletons: int
    components: int
    repeated: int
    changing_w: int
    changing_c: int

    @property
    def bread(self) -> np.ndarray:
        """(K, K) inverse cross-products of the regressors."""
        return np.linalg.inv(self.within[1:, 1:])

    @property
    def slopes(self) -> np.ndarray:
        """(K,) slopes."""
        return np.linalg.solve(self.within[1:, 1:], self.within[1:, 0])

    @property
    def r2(self) -> float:
        """Share of the unit-demeaned sum of squares that slopes and period effects explain."""
        b = self.slopes
        rss = self.within[0, 0] - 2 * b @ self.within[1:, 0] + b @ self.within[1:, 1:] @ b
        return float(1 - rss / self.demeaned) if self.demeaned > 0 else float("nan")


def compute_moments(con: Any, data: str, scaling: Scaling, *, clustered: bool) -> Moments:
    """Compute the moments in three scans of `data`, a subquery as `bigpanel_queries.rows` makes.

    Source: Frisch & Waugh (1933), Lovell (1963) for the partialling out.
    """
    means = queries.create_periods(con, data, scaling)
    sums = queries.period_sums(con, data, scaling)
    patterns = queries.pattern_sums(con, data, scaling, len(means["n"]), clustered=clustered)
    seen = presence_counts(patterns)
    within = _demeaned(sums, patterns, len(scaling.factors))
    dummies, crossed, rows = _dummies(sums, patterns, len(means["n"]), len(scaling.factors))
    component, count = components(dummies, rows)
    outcome = means["m0"] * scaling.factors[0]
    outcome = outcome - outcome.mean()
    mean_weight = (patterns["w"] * seen).sum() / means["n"].sum()
    effects = period_effects(dummies, crossed, component)
    return Moments(
        within=within - crossed.T @ effects,
        demeaned=float(within[0, 0] + outcome @ (2 * crossed[:, 0] + dummies @ outcome)),
        total=_total(means, sums, scaling.factors, mean_weight),
        effects=effects,
        n=int((patterns["units"] * seen)[seen > 1].sum()),
        units=int(patterns["units"][seen > 1].sum()),
        periods=int((rows > 0).sum()),
        singletons=int(patterns["units"][seen == 1].sum()),
        components=count,
        **{name: _flagged(patterns, name) for name in ("repeated", "changing_w", "changing_c")},
    )


def _flagged(patterns: dict[str, np.ndarray], name: str) -> int:
    return int(patterns[name].sum()) if name in patterns else 0


def presence_counts(patterns: dict[str, np.ndarray]) -> np.ndarray:
    """Return in how many periods the units of each pattern are seen."""
    masks = [values for name, values in patterns.items() if name.startswith("mask_")]
    return np.sum([np.bitwise_count(mask).astype(np.int64) for mask in masks], axis=0)


def presence_matrix(patterns: dict[str, np.ndarray], chosen: slice, periods: int) -> np.ndarray:
    """Return the patterns of `chosen` as a matrix of zeros and ones, (patterns, T)."""
    position = np.arange(periods)
    masks = np.stack([patterns[f"mask_{k}"][chosen] for k in range(-(-periods // queries.BITS))])
    bits = masks[position // queries.BITS].T >> (position % queries.BITS)
    return (bits & 1).astype(float)


def _demeaned(
    sums: dict[str, np.ndarray], patterns: dict[str, np.ndarray], count: int
) -> np.ndarray:
    """Return the cross-products less unit effects: sum zz' - sum_i n_i mean_i mean_i'.

    Where units differ much more than they change, nearly all cancels: sums are added exactly.
    """
    upper = []
    for j, k in queries.pairs(count):
        names = (f"s{j}_{k}", f"s{j}_{k}_rest")
        parts = [sums[name] for name in names] + [-patterns[name] for name in names]
        upper.append(math.fsum(np.concatenate(parts)))
    return queries.symmetric(upper, count)


def _dummies(
    sums: dict[str, np.ndarray], patterns: dict[str, np.ndarray], periods: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return D'D and D'Z less unit effects, (T, T) and (T, K+1), and the weight per period."""
    products, rows = np.zeros((periods, periods)), np.zeros(periods)
    crossed = np.stack([sums[f"s{k}"] for k in range(count)], axis=1)
    means = np.stack([patterns[f"s{k}"] for k in range(count)], axis=1)
    seen = presence_counts(patterns)
    weight = np.where(seen > 1, patterns["w"], 0.0)
    for start in range(0, len(weight), CHUNK):
        chosen = slice(start, start + CHUNK)
        presence = presence_matrix(patterns, chosen, periods)
        products -= (presence * (weight[chosen] / seen[chosen])[:, None]).T @ presence
        rows += presence.T @ weight[chosen]
        crossed -= presence.T @ means[chosen]
    return products + np.diag(rows), crossed, rows


def components(dummies: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the component of each period, -1 where no unit is seen twice, and their number."""
    from scipy.sparse.csgraph import connected_components

    used = rows > 0
    found = np.full(len(rows), -1)
    if not used.any():
        return found, 0
    count, found[used] = connected_components(dummies[np.ix_(used, used)] != 0, directed=False)
    return found, int(count)


def period_effects(dummies: np.ndarray, crossed: np.ndarray, component: np.ndarray) -> np.ndarray:
    """Solve D'D e = D'Z with the first period of each component as its base, (T, K+1)."""
    effects = np.zeros_like(crossed)
    base = [int(np.flatnonzero(component == c)[0]) for c in range(component.max() + 1)]
    free = np.setdiff1d(np.flatnonzero(component >= 0), base)
    if len(free):
        effects[free] = np.linalg.solve(dummies[np.ix_(free, free)], crossed[free])
    return effects


def _total(
    means: dict[str, np.ndarray],
    sums: dict[str, np.ndarray],
    factors: tuple[float, ...],
    weight: float,
) -> np.ndarray:
    """Return the sums of squares about the overall mean; between periods at the mean `weight`."""
    total = []
    for k, factor in enumerate(factors):
        mean = means[f"m{k}"] * factor
        overall = (means["n"] * mean).sum() / means["n"].sum()
        between = (means["n"] * (mean - overall) ** 2).sum() * weight
        total.append(sums[f"s{k}_{k}"].sum() + between)
    return np.array(total)
