"""Variance of maximum likelihood estimates of spatial models.

Inverse of the expected or observed information, or a sandwich that allows the errors of a unit to
depend on each other over time. Notation: G = W (I - rho W)^-1, m independent cross-sections of r
rows, Z the regressors with coefficients d.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.models.spatial_input import SpatialData
from analysis.models.spatial_weights import SpatialWeights

Floats = NDArray[np.float64]


def lag_variance(
    data: SpatialData,
    weights: SpatialWeights,
    coefficients: Floats,
    rho: float,
    residuals: Floats,
    *,
    errors: str,
    information: str,
) -> Floats:
    """Return the variance of coefficients and rho of a lag or Durbin model.

    Parameters
    ----------
    data : SpatialData
        Arrays of the fit.
    weights : SpatialWeights
        W.
    coefficients : ndarray, shape (k,)
        Estimates d.
    rho : float
        Estimate.
    residuals : ndarray, shape (n, T)
        e.
    errors : str
        "model" or "unit".
    information : str
        "expected" or "observed".

    Returns
    -------
    ndarray, shape (k + 1, k + 1)
        The block of d and rho of the inverse, which also has sigma2.

    Notes
    -----
    Expected information: Anselin (1988), Spatial Econometrics, ch. 6; for panels Lee & Yu (2010).
    Sandwich: scores of units i = 1..n written as martingale differences (Kelejian & Prucha 2001, J.
    Econometrics 104), e'Ge = sum_i [G_ii e_i^2 + e_i sum_{j<i} (G_ij + G_ji) e_j], summed over the
    periods of a unit before they are squared; factor n / (n - 1).
    """
    sigma2 = float((residuals**2).sum() / data.observations)
    if information == "observed" and errors == "model":
        return _block(_observed(data, rho, sigma2, residuals))
    multiplier = _multiplier(weights, rho)
    mean_lag = data.within(multiplier @ (data.x @ coefficients))
    if information == "observed":
        bread = _observed(data, rho, sigma2, residuals)
    else:
        bread = _expected(data, multiplier, mean_lag, rho, sigma2)
    if errors == "model":
        return _block(bread)
    scores = _unit_scores(data, multiplier, mean_lag, residuals, sigma2)
    return _block(bread, scores)


def error_variance(data: SpatialData, weights: SpatialWeights, rho: float, sigma2: float) -> Floats:
    """Return the variance of coefficients and lambda of an error model.

    Parameters
    ----------
    data : SpatialData
        Arrays of the fit.
    weights : SpatialWeights
        W.
    rho : float
        Estimate of lambda.
    sigma2 : float
        Variance of e.

    Returns
    -------
    ndarray, shape (k + 1, k + 1)
        Inverse expected information (Anselin 1988, ch. 6); coefficients and lambda are independent.
    """
    k = data.x.shape[2]
    columns = [x - rho * data.within(weights.lag(x)) for x in np.moveaxis(data.x, 2, 0)]
    filtered = np.stack(columns, axis=2).reshape(-1, k)
    one, two, square = _traces(data, _multiplier(weights, rho), rho)
    m = data.cross_sections
    corner = np.array(
        [
            [m * (two + square), m * one / sigma2],
            [m * one / sigma2, data.observations / (2 * sigma2**2)],
        ]
    )
    variance = np.zeros((k + 1, k + 1))
    variance[:k, :k] = sigma2 * np.linalg.inv(filtered.T @ filtered)
    variance[k, k] = np.linalg.inv(corner)[0, 0]
    return variance


def _observed(data: SpatialData, rho: float, sigma2: float, residuals: Floats) -> Floats:
    """Return minus the Hessian for (d, rho, sigma2)."""
    x, lag, k = data.flat_x, data.wy.ravel(), data.x.shape[2]
    ratios = data.eigenvalues / (1 - rho * data.eigenvalues)
    hessian = np.zeros((k + 2, k + 2))
    hessian[:k, :k] = x.T @ x / sigma2
    hessian[:k, k] = x.T @ lag / sigma2
    hessian[k, k] = lag @ lag / sigma2 + data.cross_sections * (ratios**2).sum().real
    hessian[k, k + 1] = lag @ residuals.ravel() / sigma2**2
    hessian[k + 1, k + 1] = data.observations / (2 * sigma2**2)
    return _symmetric(hessian)


def _expected(
    data: SpatialData, multiplier: Floats, mean_lag: Floats, rho: float, sigma2: float
) -> Floats:
    """Return the expected information for (d, rho, sigma2); `mean_lag` is G Z d, shape (n, T)."""
    x, lag, k = data.flat_x, mean_lag.ravel(), data.x.shape[2]
    one, two, square = _traces(data, multiplier, rho)
    m = data.cross_sections
    matrix = np.zeros((k + 2, k + 2))
    matrix[:k, :k] = x.T @ x / sigma2
    matrix[:k, k] = x.T @ lag / sigma2
    matrix[k, k] = lag @ lag / sigma2 + m * (two + square)
    matrix[k, k + 1] = m * one / sigma2
    matrix[k + 1, k + 1] = data.observations / (2 * sigma2**2)
    return _symmetric(matrix)


def _symmetric(upper: Floats) -> Floats:
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)


def _block(bread: Floats, scores: Floats | None = None) -> Floats:
    """Return the block of d and rho of the inverse of `bread`, or of the sandwich with `scores`."""
    inverse = np.linalg.inv(bread)
    if scores is not None:
        n = len(scores)
        inverse = n / (n - 1) * inverse @ (scores.T @ scores) @ inverse
    return np.asarray(inverse[:-1, :-1])


def _multiplier(weights: SpatialWeights, rho: float) -> Floats:
    """Return G = (I - rho W)^-1 W as a dense array, shape (n, n)."""
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import splu

    spread = splu(csc_array(eye_array(len(weights.ids)) - rho * weights.matrix))
    return np.asarray(spread.solve(weights.matrix.toarray()))


def _traces(data: SpatialData, multiplier: Floats, rho: float) -> tuple[float, float, float]:
    """Return tr(G), tr(GG) and tr(GG') of the transformed data.

    Where time effects are taken out G becomes F'GF. Its trace loses the eigenvalue 1 / (1 - rho),
    and tr(F'GFF'G'F) = tr(JGG') with J = I - 11'/n, because G1 is proportional to 1.
    """
    ratios = data.eigenvalues / (1 - rho * data.eigenvalues)
    square = float((multiplier**2).sum())
    if data.rows < len(multiplier):
        square -= float((multiplier.sum(axis=0) ** 2).sum() / len(multiplier))
    return float(ratios.sum().real), float((ratios**2).sum().real), square


def _unit_scores(
    data: SpatialData, multiplier: Floats, mean_lag: Floats, residuals: Floats, sigma2: float
) -> Floats:
    """Return the scores of (d, rho, sigma2) of each unit, shape (n, k + 2)."""
    others = np.tril(multiplier + multiplier.T, -1) @ residuals
    squares = (residuals**2).sum(axis=1) - sigma2 * data.observations / len(residuals)
    of_rho = ((mean_lag + others) * residuals).sum(axis=1) + np.diagonal(multiplier) * squares
    of_x = np.einsum("itk,it->ik", data.x, residuals)
    return np.column_stack([of_x / sigma2, of_rho / sigma2, squares / (2 * sigma2**2)])
