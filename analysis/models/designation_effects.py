"""The effect of designation on a change, for one assignment of designation or for many at once.

What a specification holds fixed (controls, group effects, weights) does not depend on who was
designated. So the part of the change that it explains is removed once, and a thousand permuted
assignments cost a few matrix products instead of a thousand regressions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from analysis.long_difference import ABSORBED

BLOCK = 128
"""Assignments that are computed together: a block of some thousand counties fits a processor's
cache."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything of a specification but the assignment.

    Attributes
    ----------
    change : ndarray, shape (n,)
        Outcome.
    controls : ndarray, shape (n, k)
        Regressors without constant; k may be 0.
    effects : ndarray of int, shape (n,)
        Group of each row, numbered from 0 without gaps; all zeros is a constant.
    weights : ndarray, shape (n,)
        Positive regression weights.
    clusters : mapping of str to ndarray of int, shape (n,)
        Clusters of each row by name, numbered from 0 without gaps.
    """

    change: np.ndarray
    controls: np.ndarray
    effects: np.ndarray
    weights: np.ndarray
    clusters: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Effects:
    """Effects of p assignments.

    Attributes
    ----------
    estimates : ndarray, shape (p,)
        Missing where an assignment does not vary given the controls and effects.
    errors : mapping of str to ndarray, shape (p,)
        Clustered standard errors by name of the clusters.
    """

    estimates: np.ndarray
    errors: Mapping[str, np.ndarray]


def least_squares_effects(comparison: Comparison, assignments: np.ndarray) -> Effects:
    """Return the coefficient of each assignment given controls and group effects.

    Parameters
    ----------
    comparison : Comparison
        What is held fixed.
    assignments : ndarray, shape (n, p)
        One assignment (0 or 1) in each column.

    Returns
    -------
    Effects

    Raises
    ------
    ValueError
        If controls are collinear or absorbed, or there are too few rows or clusters.

    Notes
    -----
    Frisch-Waugh-Lovell: with r = M d and u = M y, where M removes controls and effects,
    b = r'u / r'r and V = G/(G-1) x (N-1)/(N-K) x sum_g (sum_{i in g} r_i e_i)^2 / (r'r)^2.
    K counts the slopes, the constant and the effects, except effects nested in the clusters, as
    `long_difference.ladder`. Weighted rows are scaled by the root of their weight.
    """
    root = np.sqrt(comparison.weights)[:, None]
    groups = _group_basis(comparison)
    basis = _control_basis(comparison, groups, root)

    def residual(values: np.ndarray) -> np.ndarray:
        left = root * values
        left -= groups.T @ (groups @ left)
        left -= basis @ (basis.T @ left)
        return left

    u = residual(comparison.change[:, None])
    factors = {name: _factor(comparison, codes) for name, codes in comparison.clusters.items()}

    def block(d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r = residual(d)
        size = np.einsum("ij,ij->j", r, r)
        varies = size > ABSORBED**2 * np.einsum("ij,ij->j", root * d, root * d)
        size = np.where(varies, size, np.nan)
        estimates = (u.T @ r)[0] / size
        return estimates, r * (u - r * estimates), size

    return _by_blocks(comparison, assignments, block, factors)


def regression_adjusted_effects(comparison: Comparison, assignments: np.ndarray) -> Effects:
    """Return the mean effect on the designated of each assignment by regression adjustment.

    The change is regressed on the controls among the others; the effect is the mean distance of
    the designated from that prediction. Effects may thus differ between counties. Group effects are
    not supported: groups without other counties have no prediction.

    Parameters
    ----------
    comparison : Comparison
        What is held fixed; `effects` must be all zeros.
    assignments : ndarray, shape (n, p)
        One assignment (0 or 1) in each column.

    Returns
    -------
    Effects

    Raises
    ------
    ValueError
        If there are group effects, or controls are collinear among the others.

    Notes
    -----
    With z = (1, controls), A = sum (1-d) w z z', g = A^{-1} sum (1-d) w z y, e = y - z'g and
    W = sum d w: effect = sum d w e / W; influence of county i =
    w_i [d_i (e_i - effect) - (1-d_i) e_i z_i' A^{-1} sum d w z] / W;
    V = G/(G-1) x sum over clusters of the squared sum of influences.

    References
    ----------
    Heckman, Ichimura & Todd (1997), Rev. Econ. Stud. 64(4); Sant'Anna & Zhao (2020),
    J. Econometrics 219(1).
    """
    if comparison.effects.any():
        raise ValueError("regression adjustment takes no group effects: use least squares")
    n = len(comparison.change)
    z = _orthonormal(np.column_stack([np.ones(n), comparison.controls]))
    w, y, k = comparison.weights[:, None], comparison.change[:, None], z.shape[1]
    products = (w * (z[:, :, None] * z[:, None, :]).reshape(n, k * k), w * z * y, w * z)
    counts = {name: int(codes.max()) + 1 for name, codes in comparison.clusters.items()}

    def block(d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        gram, moments, treated = (1 - d).T @ products[0], (1 - d).T @ products[1], d.T @ products[2]
        sides = np.stack([moments, treated], axis=2)
        slopes, spread = np.moveaxis(_solved(gram.reshape(-1, k, k), sides), 2, 0)
        e, size = y - z @ slopes.T, (w * d).sum(axis=0)
        estimates = (w * d * e).sum(axis=0) / size
        return estimates, w * (d * (e - estimates) - (1 - d) * e * (z @ spread.T)), size

    return _by_blocks(comparison, assignments, block, {c: g / (g - 1) for c, g in counts.items()})


def _by_blocks(
    comparison: Comparison,
    assignments: np.ndarray,
    block: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
    factors: Mapping[str, float],
) -> Effects:
    """Compute estimates, scores and their divisor by blocks, and clustered errors from them."""
    sums = {name: _indicator(codes) for name, codes in comparison.clusters.items()}
    estimates: list[np.ndarray] = []
    errors: dict[str, list[np.ndarray]] = {name: [] for name in sums}
    for start in range(0, assignments.shape[1], BLOCK):
        d = np.ascontiguousarray(assignments[:, start : start + BLOCK], dtype=float)
        values, scores, size = block(d)
        estimates.append(values)
        for name, indicator in sums.items():
            totals = indicator @ scores
            errors[name].append(np.sqrt(factors[name] * (totals**2).sum(axis=0)) / size)
    return Effects(
        np.concatenate(estimates), {name: np.concatenate(parts) for name, parts in errors.items()}
    )


def _group_basis(comparison: Comparison) -> sparse.csr_array:
    """Return orthonormal rows that span the group dummies, shape (groups, n)."""
    totals = np.bincount(comparison.effects, weights=comparison.weights)
    values = np.sqrt(comparison.weights / totals[comparison.effects])
    return _indicator(comparison.effects, values)


def _indicator(codes: np.ndarray, values: np.ndarray | None = None) -> sparse.csr_array:
    n = len(codes)
    entries = np.ones(n) if values is None else values
    return sparse.csr_array((entries, (codes, np.arange(n))), shape=(int(codes.max()) + 1, n))


def _control_basis(
    comparison: Comparison, groups: sparse.csr_array, root: np.ndarray
) -> np.ndarray:
    """Return an orthonormal basis of the controls given the groups, shape (n, k)."""
    scaled = root * comparison.controls
    left = scaled - groups.T @ (groups @ scaled)
    before, after = (np.sqrt((v**2).sum(axis=0)) for v in (scaled, left))
    if (after <= ABSORBED * before).any():
        raise ValueError("a control does not vary, or only between the groups of effects: drop it")
    return _orthonormal(left / after)


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    n, k = columns.shape
    if not k:
        return columns
    size = np.sqrt((columns**2).sum(axis=0))
    if n <= k or np.linalg.matrix_rank(columns / np.where(size > 0, size, 1), tol=ABSORBED) < k:
        raise ValueError(f"the controls are collinear in {n} counties: drop one")
    return np.linalg.qr(columns / size)[0]


def _factor(comparison: Comparison, clusters: np.ndarray) -> float:
    """Return the small-sample factor G/(G-1) x (N-1)/(N-K)."""
    g, n = int(clusters.max()) + 1, len(clusters)
    groups = int(comparison.effects.max()) + 1
    pairs = np.unique(np.column_stack([comparison.effects, clusters]), axis=0)
    counted = 0 if len(pairs) == groups else groups - 1
    k = comparison.controls.shape[1] + 2 + counted
    if g < 2 or n <= k:
        raise ValueError(
            f"{n} counties, {g} clusters and {k} coefficients: use fewer controls, coarser effects "
            f"or other clusters"
        )
    return g / (g - 1) * (n - 1) / (n - k)


def _solved(gram: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Solve each of the normal equations; missing where the others do not identify them."""
    conditions = np.linalg.cond(gram)
    usable = np.isfinite(conditions) & (conditions < 1 / ABSORBED)
    solved = np.full(sides.shape, np.nan)
    solved[usable] = np.linalg.solve(gram[usable], sides[usable])
    return solved
