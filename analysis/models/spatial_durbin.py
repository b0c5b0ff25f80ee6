"""Spatial lag, error and Durbin models by maximum likelihood, for a cross-section or a panel.

Unit and year effects are taken out by the orthogonal transformations of Lee & Yu (2010), so that
their number does not bias the variance. The likelihood is evaluated from the eigenvalues of W, so
that a fit of 2,848 counties and 13 years takes a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from analysis.models.spatial_input import SpatialData, spatial_data
from analysis.models.spatial_variance import error_variance, lag_variance
from analysis.models.spatial_weights import SpatialWeights
from analysis.panel_input import raise_violations

MODELS = ("durbin", "lag", "error")
ERRORS = ("model", "unit")
INFORMATION = ("expected", "observed")
GRID = 64
"""Points at which the likelihood is tried before its maximum is located between two of them."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpatialFit:
    """Maximum likelihood estimates of a spatial model.

    Attributes
    ----------
    model, effects, errors : str
        As asked for.
    terms : tuple of str, length k
        Regressors, their lags ("W <column>"), the constant.
    variables, lagged : tuple of str
        Regressors, and those of them with a lag.
    coefficients : ndarray, shape (k,)
        Not marginal effects where rho is not zero: see `analysis.models.spatial_effects`.
    rho : float
        Coefficient of the lag of the outcome, or of the error in the error model (lambda).
    sigma2 : float
        Variance of the error: sum of squares over `observations`.
    covariance : ndarray, shape (k + 1, k + 1)
        Of the coefficients and rho.
    log_likelihood, aic : float
        Of the transformed data; the criterion counts k + 2 parameters (rho and sigma2 among them).
    observations : int
        Independent observations N: (T - 1) n with unit effects, (T - 1)(n - 1) with both.
    units, periods : int
        n and T.
    residuals : ndarray, shape (n, T)
        Errors e of the (demeaned) model.
    """

    model: str
    effects: str
    errors: str
    terms: tuple[str, ...]
    variables: tuple[str, ...]
    lagged: tuple[str, ...]
    coefficients: Floats
    rho: float
    sigma2: float
    covariance: Floats
    log_likelihood: float
    aic: float
    observations: int
    units: int
    periods: int
    residuals: Floats


def fit_spatial(
    frame: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    weights: SpatialWeights,
    model: str = "durbin",
    lagged: Sequence[str] | None = None,
    unit: str = "code",
    time: str | None = "year",
    effects: str = "two_way",
    correction: str = "lee_yu",
    errors: str = "model",
    information: str = "expected",
) -> SpatialFit:
    r"""Fit a spatial model by maximum likelihood.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period, balanced and complete (see `complete_units`). Not changed.
    outcome, regressors : str, sequence of str
        Numeric columns.
    weights : SpatialWeights
        Exactly the units of the frame, in any order.
    model : str
        "durbin": y = rho Wy + X b + WX t + e; "lag": without WX; "error": y = X b + u,
        u = rho Wu + e.
    lagged : sequence of str, optional
        Regressors of the Durbin model whose lag enters; all by default.
    unit, time : str
        Key columns; `time` is None for a cross-section, which needs `effects="none"`.
    effects : str
        "none" (a constant), "entity", "time" or "two_way".
    correction : str
        "lee_yu" or "none". With unit effects the likelihood of the demeaned data as if they were
        T independent cross-sections ("none", what splm and spreg do) has the same slopes and rho,
        but a variance too small by (T - 1) / T; with year effects rho is off by O(1 / n) as well.
    errors : str
        "model": inverse information. "unit": robust to any dependence of a unit's errors over time
        and to non-normality, not to variances that differ between units (under which maximum
        likelihood is itself not consistent); not for the error model.
    information : str
        "expected", or "observed" (the Hessian): asymptotically equal; the latter takes no n x n
        inverse and suits repetition.

    Returns
    -------
    SpatialFit

    Raises
    ------
    ValueError
        Lists every violation of the input, or says that rho lies at its bound.

    Notes
    -----
    Concentrated log-likelihood with m independent cross-sections of r rows, N = m r (Ord 1975, J.
    Amer. Statist. Assoc. 70; Lee & Yu 2010, J. Econometrics 154, eqs. 8 and 20)::

        m sum_i log(1 - rho w_i) - N/2 (log(2 pi SSR(rho) / N) + 1)

    w_i are the eigenvalues of W, without one that equals 1 where year effects are taken out, since
    |I - rho F'WF| = |I - rho W| / (1 - rho) for rows of W that sum to one.
    Cross-section: agrees with spdep and spreg; panel with correction "none": with splm.
    """
    raise_violations("the spatial model", _choice_violations(model, lagged, errors, information))
    names = tuple(regressors if lagged is None else lagged) if model == "durbin" else ()
    data = spatial_data(
        frame,
        outcome=outcome,
        regressors=regressors,
        weights=weights,
        lagged=names,
        unit=unit,
        time=time,
        effects=effects,
        correction=correction,
    )
    rho, coefficients, residuals = (_fit_error if model == "error" else _fit_lag)(data, weights)
    sigma2 = float((residuals**2).sum() / data.observations)
    covariance = (
        error_variance(data, weights, rho, sigma2)
        if model == "error"
        else lag_variance(
            data, weights, coefficients, rho, residuals, errors=errors, information=information
        )
    )
    likelihood = _log_determinant(data, np.array([rho]))[0] - data.observations / 2 * (
        np.log(2 * np.pi * sigma2) + 1
    )
    return SpatialFit(
        model=model,
        effects=effects,
        errors=errors,
        terms=data.terms,
        variables=data.variables,
        lagged=data.lagged,
        coefficients=coefficients,
        rho=rho,
        sigma2=sigma2,
        covariance=covariance,
        log_likelihood=float(likelihood),
        aic=float(2 * (len(coefficients) + 2) - 2 * likelihood),
        observations=data.observations,
        units=data.y.shape[0],
        periods=data.y.shape[1],
        residuals=residuals,
    )


def coefficient_table(fit: SpatialFit, *, confidence: float = 0.95) -> pd.DataFrame:
    """Tabulate the coefficients of a fit, rho last.

    Parameters
    ----------
    fit : SpatialFit
        Result of `fit_spatial`.
    confidence : float
        Coverage of the intervals (normal theory).

    Returns
    -------
    DataFrame
        Columns model, effects, error_type, term, estimate, se, statistic, p_value, ci_low, ci_high,
        n (rows of data), observations (N), units, periods, log_likelihood, aic.
    """
    estimate = np.append(fit.coefficients, fit.rho)
    se = np.sqrt(np.diag(fit.covariance))
    wide = stats.norm.ppf((1 + confidence) / 2) * se
    return pd.DataFrame(
        {
            "model": fit.model,
            "effects": fit.effects,
            "error_type": fit.errors,
            "term": [*fit.terms, "rho"],
            "estimate": estimate,
            "se": se,
            "statistic": estimate / se,
            "p_value": 2 * stats.norm.sf(np.abs(estimate / se)),
            "ci_low": estimate - wide,
            "ci_high": estimate + wide,
            "n": fit.units * fit.periods,
            "observations": fit.observations,
            "units": fit.units,
            "periods": fit.periods,
            "log_likelihood": fit.log_likelihood,
            "aic": fit.aic,
        }
    )


def nesting_tests(frame: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Test by likelihood ratios whether the Durbin model may be simplified.

    Parameters
    ----------
    frame : DataFrame
        As for `fit_spatial`. Not changed.
    **options
        Arguments of `fit_spatial` but `model` and `lagged`.

    Returns
    -------
    DataFrame
        Columns test, statistic (twice the difference of log-likelihoods), df, p_value. "lag": no
        WX (theta = 0); "error": the common factor theta = -rho beta (LeSage & Pace 2009, ch. 6).
        The test takes errors to be independent and normal.
    """
    durbin = fit_spatial(frame, **options, model="durbin")
    rows = []
    for model in ("lag", "error"):
        simple = fit_spatial(frame, **options, model=model)
        statistic = 2 * (durbin.log_likelihood - simple.log_likelihood)
        df = len(durbin.lagged)
        rows.append((model, statistic, df, float(stats.chi2.sf(statistic, df))))
    return pd.DataFrame(rows, columns=["test", "statistic", "df", "p_value"])


def _fit_lag(data: SpatialData, weights: SpatialWeights) -> tuple[float, Floats, Floats]:
    """Return rho, coefficients and residuals (n, T) of y = rho Wy + X b + e."""
    both = np.column_stack([data.y.ravel(), data.wy.ravel()])
    slopes = np.linalg.lstsq(data.flat_x, both, rcond=None)[0]
    left = both - data.flat_x @ slopes
    (a, b), (_, c) = left.T @ left

    def squares(rho: Any) -> Any:
        return a - 2 * rho * b + rho**2 * c

    rho = _maximum(data, weights, squares, lambda rho: 2 * (rho * c - b))
    return rho, slopes @ [1, -rho], (left @ [1, -rho]).reshape(data.y.shape)


def _fit_error(data: SpatialData, weights: SpatialWeights) -> tuple[float, Floats, Floats]:
    """Return lambda, coefficients and residuals (n, T) of y = X b + u, u = lambda Wu + e."""
    n, periods, k = data.x.shape
    cube = np.concatenate([data.x, data.y[:, :, None]], axis=2)
    lagged = [data.within(weights.lag(column)) for column in np.moveaxis(cube, 2, 0)]
    columns, lags = cube.reshape(-1, k + 1), np.stack(lagged, axis=2).reshape(-1, k + 1)
    plain, mixed, twice = columns.T @ columns, columns.T @ lags, lags.T @ lags
    mixed = mixed + mixed.T

    def contrast(rho: float) -> Floats:
        gram = plain - rho * mixed + rho**2 * twice
        return np.append(-np.linalg.solve(gram[:k, :k], gram[:k, k]), 1.0)

    def squares(rho: Any) -> Any:
        gram = [plain - r * mixed + r**2 * twice for r in np.atleast_1d(rho)]
        found = [contrast(r) for r in np.atleast_1d(rho)]
        return np.array([c @ g @ c for c, g in zip(found, gram, strict=True)])

    def change(rho: float) -> float:
        found = contrast(rho)
        return float(found @ (2 * rho * twice - mixed) @ found)

    rho = _maximum(data, weights, squares, change)
    found = contrast(rho)
    residuals = ((columns - rho * lags) @ found).reshape(n, periods)
    return rho, -found[:k], residuals


def _log_determinant(data: SpatialData, rho: Floats) -> Floats:
    """Return m log|I - rho W| of the transformed data for each rho."""
    return data.cross_sections * np.log(np.abs(1 - np.outer(rho, data.eigenvalues))).sum(axis=1)


def _maximum(
    data: SpatialData,
    weights: SpatialWeights,
    squares: Callable[[Any], Any],
    change: Callable[[float], float],
) -> float:
    """Maximise the concentrated likelihood over rho: best grid point, then the root of its slope.

    `squares` is SSR(rho), `change` its derivative.
    """
    low, high = weights.bounds
    grid = np.linspace(low, high, GRID + 2)[1:-1]
    n = data.observations
    values = _log_determinant(data, grid) - n / 2 * np.log(squares(grid))
    best = int(values.argmax())
    if best in {0, GRID - 1}:
        raise ValueError(
            f"rho is at its bound, near {grid[best]:.3f}: the outcome or its error is not "
            "stationary over space; use differences, other regressors or other weights"
        )

    def slope(rho: float) -> float:
        trace = (data.eigenvalues / (1 - rho * data.eigenvalues)).sum().real
        fit = n / 2 * change(rho) / float(np.ravel(squares(rho))[0])
        return -data.cross_sections * trace - fit

    return float(optimize.brentq(slope, grid[best - 1], grid[best + 1], xtol=1e-14))


def _choice_violations(
    model: str, lagged: Sequence[str] | None, errors: str, information: str
) -> list[str]:
    found = []
    for name, value, known in (
        ("model", model, MODELS),
        ("errors", errors, ERRORS),
        ("information", information, INFORMATION),
    ):
        if value not in known:
            found.append(f"{name} '{value}' is unknown: use one of {list(known)}")
    if model != "durbin" and lagged is not None:
        found.append(f"model '{model}' has no lagged regressors: leave them out")
    if model == "error" and errors == "unit":
        found.append("errors 'unit' are not available for the error model: use 'model'")
    return found
