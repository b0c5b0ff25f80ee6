"""Direct, indirect and total effects of a spatial model, with simulated errors.

A coefficient of a model with a lag of the outcome is not an effect: a change in one county moves
its neighbours and comes back. The averages of LeSage & Pace (2009) are what may be reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.models.spatial_durbin import SpatialFit, fit_spatial
from analysis.models.spatial_weights import SpatialWeights

EFFECTS = ("direct", "indirect", "total")
DRAWS = 2000
COLUMNS = (
    "variable", "effect", "value", "se", "statistic", "p_value", "ci_low", "ci_high", "model",
    "effects", "error_type", "n", "units", "periods", "draws",
)  # fmt: skip

Floats = NDArray[np.float64]


def average_effects(
    weights: SpatialWeights, *, rho: NDArray[Any] | float, beta: Floats, theta: Floats
) -> Floats:
    """Return direct, indirect and total effects.

    Parameters
    ----------
    weights : SpatialWeights
        W.
    rho : float or ndarray, shape (d,)
        Coefficient of the lag of the outcome, one or several draws.
    beta, theta : ndarray, shape (k,) or (d, k)
        Coefficients of X and of WX.

    Returns
    -------
    ndarray, shape (3, k) or (3, d, k)
        Averages over units of S = (I - rho W)^-1 (beta I + theta W): direct, the mean of its
        diagonal; total, the mean of its row sums, (beta + theta) / (1 - rho) for units with
        neighbours and beta for islands; indirect, their difference.
    """
    rho, eigenvalues = np.asarray(rho, dtype=float)[..., None], weights.eigenvalues
    inverse = 1 / (1 - rho * eigenvalues)
    returned = (inverse @ eigenvalues).real[..., None] / len(eigenvalues)  # tr(S W) / n
    direct = (1 + rho * returned) * beta + returned * theta
    alone = len(weights.islands) / len(weights.ids)
    total = (1 - alone) * (beta + theta) / (1 - rho) + alone * beta
    return np.stack([direct, total - direct, total])


def effect_table(
    fit: SpatialFit,
    weights: SpatialWeights,
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the effects of every regressor with errors by simulation.

    Parameters
    ----------
    fit : SpatialFit
        A Durbin, lag or error model.
    weights : SpatialWeights
        The weights of the fit.
    rng : Generator
        Source of the draws.
    draws : int
        Draws of the parameters from their joint normal distribution; those with rho outside the
        bounds of W are drawn again.
    confidence : float
        Coverage of the intervals, percentiles of the draws.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, three rows per regressor. `value` is at the estimates, `se` the standard
        deviation of the draws, `p_value` that of value / se (normal).

    Raises
    ------
    ValueError
        If more than half of the draws leave the bounds: the estimate is too close to them.
    """
    theta_of, k = dict(zip(fit.terms, range(len(fit.terms)), strict=True)), len(fit.variables)
    places = [theta_of.get(f"W {name}") for name in fit.variables]
    centre = np.append(fit.coefficients, fit.rho)
    sample = _bounded_draws(centre, fit.covariance, weights, draws, rng)
    if fit.model == "error":
        centre, sample = centre.copy(), sample.copy()
        centre[-1] = sample[:, -1] = 0.0
    value = average_effects(weights, rho=centre[-1], beta=centre[:k], theta=_picked(centre, places))
    spread = average_effects(
        weights, rho=sample[:, -1], beta=sample[:, :k], theta=_picked(sample, places)
    )
    low, high = np.quantile(spread, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    se = spread.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = value / se
    table = pd.DataFrame(
        {
            "variable": np.repeat(fit.variables, 3),
            "effect": np.tile(EFFECTS, k),
            "value": value.T.ravel(),
            "se": se.T.ravel(),
            "statistic": statistic.T.ravel(),
            "p_value": 2 * stats.norm.sf(np.abs(statistic.T.ravel())),
            "ci_low": low.T.ravel(),
            "ci_high": high.T.ravel(),
        }
    )
    return table.assign(
        model=fit.model,
        effects=fit.effects,
        error_type=fit.errors,
        n=fit.units * fit.periods,
        units=fit.units,
        periods=fit.periods,
        draws=draws,
    )[list(COLUMNS)]


def durbin_effects(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    weights: SpatialWeights,
    rng: np.random.Generator,
    draws: int = DRAWS,
    confidence: float = 0.95,
    **options: Any,
) -> pd.DataFrame:
    """Fit a spatial Durbin model and tabulate its effects.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period. Not changed.
    outcome, regressors : str, sequence of str
        Numeric columns.
    weights : SpatialWeights
        Exactly the units of the frame.
    rng : Generator
        Source of the draws.
    draws, confidence
        As for `effect_table`.
    **options
        Further arguments of `fit_spatial`; `information="observed"` is fastest.

    Returns
    -------
    DataFrame
        As `effect_table`.
    """
    fit = fit_spatial(frame, outcome=outcome, regressors=regressors, weights=weights, **options)
    return effect_table(fit, weights, rng=rng, draws=draws, confidence=confidence)


def _picked(values: Floats, places: Sequence[int | None]) -> Floats:
    """Take the columns of WX, zero where a regressor has no lag."""
    padded = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
    return padded[..., [-1 if place is None else place for place in places]]


def _bounded_draws(
    centre: Floats,
    covariance: Floats,
    weights: SpatialWeights,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Draw parameters, rho last, until enough have rho within the bounds; shape (draws, k + 1)."""
    low, high = weights.bounds
    sample = rng.multivariate_normal(centre, covariance, size=2 * draws, method="cholesky")
    inside = sample[(sample[:, -1] > low) & (sample[:, -1] < high)]
    if len(inside) < draws:
        raise ValueError(
            f"rho = {centre[-1]:.3f} is so close to its bounds ({low:.3f}, {high:.3f}) that more "
            "than half of the draws leave them: effects have no usable errors"
        )
    return inside[:draws]
