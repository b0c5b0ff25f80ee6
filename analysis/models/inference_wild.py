"""Wild cluster bootstrap-t with the null imposed, its interval by inversion, and joint draws.

With few clusters the t statistic is not t-distributed; its distribution under the null is
simulated by flipping whole clusters of restricted residuals (Cameron, Gelbach & Miller 2008).
Everything reduces to one G x G matrix (Roodman, MacKinnon, Nielsen & Webb 2019), and in the null
value the statistic is a ratio of quadratics, so that the interval costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from analysis.models.inference_fit import LinearFit, group_sums

DISTRIBUTIONS: Mapping[str, tuple[float, ...]] = {
    "rademacher": (-1.0, 1.0),
    "webb": tuple(float(s * np.sqrt(v)) for s in (-1, 1) for v in (0.5, 1.0, 1.5)),
}
"""Points of the bootstrap weights, equally likely (Webb 2023 has six, for few clusters)."""
WEBB_BELOW = 13
"""With fewer clusters Rademacher weights give too few different draws; the default is then Webb."""
TIE = 1e-9
"""Statistics closer than this, relatively, are ties: rounding is 1e-14, ties are by symmetry."""
OUTER = 1e6
"""An interval that is still open at so many standard errors is reported as infinite."""
GRID = 100
"""Points at which the p-value is looked at between the estimate and the outer bound."""


@dataclass(frozen=True)
class WildKernel:
    """What the bootstrap needs of one regression and one slope.

    With weights v and delta = estimate - null, the numerator of t* is (u + delta x)'v and the
    scores are (U + delta X) v.

    Attributes
    ----------
    estimate : float
        Slope.
    u, x : ndarray, shape (G,)
        Sums by cluster of x times residual and of x squared.
    scores_u, scores_x : ndarray, shape (G, G)
        U and X.
    """

    estimate: float
    u: np.ndarray
    x: np.ndarray
    scores_u: np.ndarray
    scores_x: np.ndarray


@dataclass(frozen=True)
class WildDraws:
    """Quadratic forms of the draws; each of shape (B,)."""

    numerator_u: np.ndarray
    numerator_x: np.ndarray
    square_u: np.ndarray
    cross: np.ndarray
    square_x: np.ndarray


def wild_kernel(fit: LinearFit, codes: np.ndarray, term: int) -> WildKernel:
    """Return the kernel of slope `term`; `codes` (n,) are clusters numbered from 0.

    Notes
    -----
    The tested regressor x is freed of all others and of the effects. Restricted residuals are then
    residuals + x delta, and the score of cluster g after refitting is
    x_g' [v_g r_g - sum_h H_gh v_h r_h], H = Z Z' + Q Q'.
    """
    x = _freed(fit, term)
    restricted = {"u": fit.residuals, "x": x}
    direct = {name: group_sums((x * r)[:, None], codes)[:, 0] for name, r in restricted.items()}
    left = group_sums(fit.basis * x[:, None], codes)
    scores = {}
    for name, r in restricted.items():
        hat = left @ group_sums(fit.basis * r[:, None], codes).T
        hat += _demeaned_hat(fit, codes, x, r)
        scores[name] = np.diag(direct[name]) - hat
    return WildKernel(fit.slopes[term], direct["u"], direct["x"], scores["u"], scores["x"])


def wild_weights(
    clusters: int, *, draws: int, distribution: str, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Return bootstrap weights, shape (clusters, B), and whether they enumerate all draws.

    Parameters
    ----------
    clusters : int
        Number of clusters.
    draws : int
        Number of random draws. If there are no more than this many different draws in all, every
        one of them is returned once instead, the sample itself (all weights 1) included.
    distribution : str
        Name from `DISTRIBUTIONS`.
    rng : numpy.random.Generator
        Source of randomness.
    """
    points = DISTRIBUTIONS[distribution]
    if clusters * np.log(len(points)) <= np.log(draws):
        return np.array(list(product(points, repeat=clusters))).T, True
    return rng.choice(points, size=(clusters, draws)), False


def draw_violations(draws: int, distribution: str | None) -> list[str]:
    """List what is wrong with the options of a bootstrap."""
    found = []
    if distribution is not None and distribution not in DISTRIBUTIONS:
        found.append(f"distribution '{distribution}' is unknown: use {list(DISTRIBUTIONS)}")
    if draws < 1:
        found.append(f"{draws} draws: use 999 or more")
    return found


def wild_draws(kernel: WildKernel, weights: np.ndarray, *, block: int = 1000) -> WildDraws:
    """Return the quadratic forms of all draws, computed in blocks of `block` draws."""
    parts = []
    for start in range(0, weights.shape[1], block):
        v = weights[:, start : start + block]
        u, x = kernel.scores_u @ v, kernel.scores_x @ v
        sums = [(u * u).sum(axis=0), (u * x).sum(axis=0), (x * x).sum(axis=0)]
        parts.append(np.array([kernel.u @ v, kernel.x @ v, *sums]))
    return WildDraws(*np.hstack(parts))


def observed_square(kernel: WildKernel, null: float) -> float:
    """Return the squared t statistic of the sample, but for the factor of the variance."""
    delta = kernel.estimate - null
    return float((delta * kernel.x.sum()) ** 2 / (kernel.u**2).sum())


def drawn_squares(kernel: WildKernel, draws: WildDraws, null: float) -> np.ndarray:
    """Return the squared t* statistics (B,), but for the same factor; infinite if t* has no se."""
    delta = kernel.estimate - null
    top = (draws.numerator_u + delta * draws.numerator_x) ** 2
    bottom = draws.square_u + 2 * delta * draws.cross + delta**2 * draws.square_x
    floor = np.finfo(float).eps * (draws.square_u + delta**2 * draws.square_x)
    empty = bottom <= floor
    return np.where(empty, np.where(top > 0, np.inf, 0.0), top / np.where(empty, 1.0, bottom))


def wild_p_values(
    kernel: WildKernel, draws: WildDraws, null: float, *, enumerated: bool
) -> tuple[float, float]:
    """Return the p-value and the share of draws with a strictly larger |t*|.

    Notes
    -----
    The p-value counts ties: share of |t*| >= |t| of all draws if they are enumerated (the sample
    itself is one), else (1 + number) / (1 + B), which is valid at any B (Davison & Hinkley 1997).
    """
    drawn, observed = drawn_squares(kernel, draws, null), observed_square(kernel, null)
    reached = int((drawn >= observed * (1 - TIE)).sum())
    strict = float((drawn > observed * (1 + TIE)).mean())
    if enumerated:
        return reached / len(drawn), strict
    return (1 + reached) / (1 + len(drawn)), strict


def wild_interval(
    kernel: WildKernel, draws: WildDraws, *, alpha: float, enumerated: bool
) -> tuple[float, float]:
    """Return the null values that are not rejected at `alpha`, the outermost on each side.

    Infinite if no value on that side is rejected, as with 5 clusters and Rademacher weights,
    whose smallest p-value is 2/32.
    """
    se = float(np.sqrt((kernel.u**2).sum()) / kernel.x.sum())

    def edge(sign: int) -> float:
        def accepted(width: float) -> bool:
            null = kernel.estimate + sign * width * se
            return wild_p_values(kernel, draws, null, enumerated=enumerated)[0] > alpha

        return kernel.estimate + sign * _outermost(accepted) * se

    return edge(-1), edge(1)


def _outermost(accepted: Callable[[float], bool]) -> float:
    """Return the largest accepted width; the p-value need not fall steadily, hence the grid."""
    outer = 1.0
    while accepted(outer):
        outer *= 2
        if outer > OUTER:
            return np.inf
    widths = np.linspace(0, 4 * outer, GRID)
    last = next((i for i in range(GRID - 1, 0, -1) if accepted(widths[i])), 0)
    low, high = widths[last], widths[min(last + 1, GRID - 1)]
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return float(low)


def _freed(fit: LinearFit, term: int) -> np.ndarray:
    """Return regressor `term` without what the other regressors explain, shape (n,)."""
    return fit.x @ fit.bread[:, term] / fit.bread[term, term]


def _demeaned_hat(fit: LinearFit, codes: np.ndarray, x: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Return sums over groups f of (Z_f'x_g)(Z_f'r_h), shape (G, G); zeros without effects."""
    from scipy import sparse

    clusters = int(codes.max()) + 1
    if not fit.demeaned.size:
        return np.zeros((clusters, clusters))
    shape = (clusters, int(fit.demeaned.max()) + 1)
    scaled = [
        sparse.coo_array((v * fit.demeaned_scale, (codes, fit.demeaned)), shape=shape)
        for v in (x, r)
    ]
    return (scaled[0].tocsr() @ scaled[1].tocsr().T).toarray()
