"""Clustered variances of least squares: CR0 to CR3, the jackknife and two-way clusters.

With few or unequal clusters the plain sandwich is too small, for residuals understate errors most
where leverage is high. CR2 and CR3 scale the residuals of each cluster by a power of I - H_gg; the
degrees of freedom of CR2 come from the design (Bell & McCaffrey 2002). H_gg = L_g L_g' has low
rank, so one thin decomposition of L_g per cluster replaces that of a matrix of the cluster's size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.models.inference_fit import LinearFit, cluster_rows, group_sums, nested

POWERS: Mapping[str, float] = {"CR0": 0.0, "CR1": 0.0, "CR2": 0.5, "CR3": 1.0, "jackknife": 1.0}
"""Power of the inverse of I - H_gg that scales the residuals of a cluster."""
VARIANCES: Mapping[str, str] = {
    "CR0": "Sandwich without correction; t with G - 1 df.",
    "CR1": "G/(G-1) x (N-1)/(N-K) x CR0, where K leaves out effects nested in the clusters, as in "
    "Stata and fixest; t with G - 1 df. Two-way: sum less intersection, each with its own G; t "
    "with min(G) - 1 df.",
    "CR2": "Unbiased if errors are independent with variance 1/weight (Bell & McCaffrey 2002; "
    "Pustejovsky & Tipton 2018); t with Satterthwaite df under the same working model.",
    "CR3": "Residuals scaled by the inverse of I - H_gg, no further factor; t with G - 1 df.",
    "jackknife": "(G-1)/G x CR3 = (G-1)/G x sum over clusters of the squared change of the "
    "estimate when the cluster is left out (CV3 of MacKinnon, Nielsen & Webb 2023); t with G - 1 "
    "df.",
}
"""Variances and their conventions."""
SINGULAR = 1e-10
"""Eigenvalues of I - H_gg below this are zero: rounding is 1e-15, their scale is 1."""


@dataclass(frozen=True)
class ClusteredVariance:
    """Variance of the slopes.

    Attributes
    ----------
    matrix : ndarray, shape (k, k)
        Variance.
    df : ndarray, shape (k,)
        Degrees of freedom of each slope.
    clusters : int
        Number of clusters, the smaller one of two-way clusters.
    decisive : int
        Clusters without which a slope could not be estimated (CR2, CR3, jackknife), e.g. the only
        treated one. Its contribution cannot be corrected, the variance is too small.
    """

    matrix: np.ndarray
    df: np.ndarray
    clusters: int
    decisive: int


def clustered_variance(
    fit: LinearFit, clusters: Sequence[np.ndarray], *, variance: str, counted: int
) -> ClusteredVariance:
    """Return a clustered variance of the slopes.

    Parameters
    ----------
    fit : LinearFit
        Fitted regression.
    clusters : sequence of ndarray of int, each of shape (n,)
        Cluster of each row, numbered from 0; two of them for two-way clusters (CR0, CR1).
    variance : str
        Name from `VARIANCES`.
    counted : int
        Coefficients K of the factor of CR1.

    Returns
    -------
    ClusteredVariance

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28(2); Cameron, Gelbach & Miller (2011), J. Business
    and Economic Statistics 29(2); Pustejovsky & Tipton (2018), J. Business and Economic Statistics
    36(4); MacKinnon, Nielsen & Webb (2023), J. Applied Econometrics 38(5).
    """
    g = min(int(codes.max()) + 1 for codes in clusters)
    if POWERS[variance] == 0:
        meat = _multiway_meat(fit, clusters, counted if variance == "CR1" else None)
        matrix = fit.bread @ meat @ fit.bread
        return ClusteredVariance(matrix, np.full(len(fit.slopes), g - 1.0), g, 0)
    scores, df, decisive = _adjusted(fit, clusters[0], POWERS[variance])
    factor = (g - 1) / g if variance == "jackknife" else 1.0
    matrix = factor * fit.bread @ (scores.T @ scores) @ fit.bread
    df = df if variance == "CR2" else np.full(len(fit.slopes), g - 1.0)
    return ClusteredVariance(matrix, df, g, decisive)


def _multiway_meat(
    fit: LinearFit, clusters: Sequence[np.ndarray], counted: int | None
) -> np.ndarray:
    """Return the sum over cluster dimensions less their intersection."""
    signed = [(1.0, codes) for codes in clusters]
    if len(clusters) == 2:
        pairs = np.column_stack(clusters)
        both = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
        signed.append((-1.0, both))
    scores = fit.x * fit.residuals[:, None]
    n, total = len(scores), np.zeros_like(fit.bread)
    for sign, codes in signed:
        sums, g = group_sums(scores, codes), int(codes.max()) + 1
        factor = 1.0 if counted is None else g / (g - 1) * (n - 1) / (n - counted)
        total += sign * factor * sums.T @ sums
    return total


def _adjusted(
    fit: LinearFit, codes: np.ndarray, power: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return scores of each cluster (G, k), Satterthwaite df (k,) and the decisive clusters."""
    clusters = cluster_rows(codes)
    inside = fit.demeaned.size == 0 or nested(fit.demeaned, codes)
    scores, squares, decisive = [], [], 0
    overlaps: list[tuple[np.ndarray, np.ndarray]] = []
    for rows in clusters:
        leverage, groups = _leverage(fit, rows, inside=inside)
        adjusted, lost = _scaled(fit.x[rows], leverage, power)
        scores.append(fit.residuals[rows] @ adjusted)
        directions = adjusted @ fit.bread
        squares.append((directions**2).sum(axis=0))
        overlaps.append((groups, leverage.T @ directions))
        decisive += lost
    tall = 0 if inside else int(fit.demeaned.max()) + 1
    df = _satterthwaite(np.array(squares), overlaps, tall)
    return np.array(scores), df, decisive


def _leverage(fit: LinearFit, rows: np.ndarray, *, inside: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return L_g with H_gg = L_g L_g', shape (n_g, f_g + q), and the f_g demeaned groups in it.

    Demeaned groups inside the cluster are left out: x, residuals and Q_g are orthogonal to them.
    """
    if inside:
        return fit.basis[rows], np.empty(0, dtype=int)
    groups, local = np.unique(fit.demeaned[rows], return_inverse=True)
    dummies = np.zeros((len(rows), len(groups)))
    dummies[np.arange(len(rows)), local] = fit.demeaned_scale[rows]
    return np.hstack([dummies, fit.basis[rows]]), groups


def _scaled(x: np.ndarray, leverage: np.ndarray, power: float) -> tuple[np.ndarray, bool]:
    """Return (I - L L')^(-power) x, Moore-Penrose, and whether a slope hangs on a lost direction.

    With L = U s V', the matrix is I + U ((1 - s^2)^(-power) - 1) U'.
    """
    u, s, _ = np.linalg.svd(leverage, full_matrices=False)
    gap = 1 - s**2
    alive = gap > SINGULAR
    scale = np.where(alive, np.where(alive, gap, 1.0) ** -power, 0.0)
    inner = u.T @ x
    size = np.sqrt((x**2).sum(axis=0))
    lost = bool((np.abs(inner[~alive]) > np.sqrt(SINGULAR) * size).any())
    return x + u @ ((scale - 1)[:, None] * inner), lost


def _satterthwaite(
    squares: np.ndarray, overlaps: Sequence[tuple[np.ndarray, np.ndarray]], tall: int
) -> np.ndarray:
    """Return (tr P)^2 / ||P||^2 per slope.

    P_gh = a_g'(I - H)_gh a_h = 1(g = h) a_g'a_g - w_g'w_h with a_g = A_g x_g B and w_g = L_g'a_g;
    the first `tall` rows of w belong to the demeaned groups.
    """
    q = len(overlaps[0][1]) - len(overlaps[0][0])
    df = np.empty(squares.shape[1])
    for j, own in enumerate(squares.T):
        w = np.zeros((tall + q, len(own)))
        for g, (groups, overlap) in enumerate(overlaps):
            w[tall:, g] = overlap[len(groups) :, j]
            w[groups, g] = overlap[: len(groups), j]
        diagonal = (w**2).sum(axis=0)
        gram = w @ w.T if len(w) < len(own) else w.T @ w
        norm = (own**2).sum() - 2 * (own * diagonal).sum() + (gram**2).sum()
        df[j] = (own - diagonal).sum() ** 2 / norm
    return df
