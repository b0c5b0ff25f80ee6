"""Simulate a spatial panel on the real map: a Durbin process whose effects are known.

Outcomes are drawn, the map is real. The docstrings state the true direct, indirect and total
effects and what estimators show that leave out the neighbours or the county effects.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from analysis.models.spatial_effects import EFFECTS, average_effects
from analysis.models.spatial_weights import SpatialWeights
from analysis.panel_input import raise_violations

REGRESSORS = ("x1", "x2")

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SpatialTruth:
    """Parameters of the simulated spatial panel.

    Attributes
    ----------
    rho : float
        Dependence on the neighbours' outcome, in (-1, 1).
    beta, theta : tuple of float, length 2
        Coefficients of x1 and x2, and of their neighbours' mean.
    first_year, years : int
        Years of the panel.
    affinity : tuple of float, length 2
        Slope of x1 and x2 on the county effect: what biases estimators without county effects.
    county_sd, county_rho : float
        Standard deviation of the innovations of the county effect, and their spatial dependence.
    regressor_sd, regressor_rho, regressor_ar : float
        The same for the part of the regressors that changes over the years, and its autocorrelation
        over the years (stationary).
    year_sd : float
        Standard deviation of the shocks that all counties share in a year.
    error_sd, error_ar : float
        Standard deviation of the error, and its autocorrelation over the years (stationary).

    Raises
    ------
    ValueError
        Lists every parameter that is out of range.
    """

    rho: float = 0.35
    beta: tuple[float, ...] = (0.30, 0.15)
    theta: tuple[float, ...] = (0.10, -0.05)
    first_year: int = 2010
    years: int = 13
    affinity: tuple[float, ...] = (0.5, -0.3)
    county_sd: float = 1.0
    county_rho: float = 0.5
    regressor_sd: float = 1.0
    regressor_rho: float = 0.3
    regressor_ar: float = 0.0
    year_sd: float = 0.3
    error_sd: float = 1.0
    error_ar: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        found = [
            f"{name} is {getattr(self, name)}: use a number between -1 and 1"
            for name in ("rho", "county_rho", "regressor_rho", "regressor_ar", "error_ar")
            if not -1 < getattr(self, name) < 1
        ]
        found += [
            f"{name} has {len(getattr(self, name))} values: use {len(REGRESSORS)}"
            for name in ("beta", "theta", "affinity")
            if len(getattr(self, name)) != len(REGRESSORS)
        ]
        found += [
            f"{spec.name} is {getattr(self, spec.name)}: use a number that is not negative"
            for spec in fields(self)
            if spec.name.endswith("_sd") and not getattr(self, spec.name) >= 0
        ]
        if self.years < 1:
            found.append(f"years is {self.years}: use at least 1")
        raise_violations("the spatial simulation", found)


def simulate_spatial_panel(
    weights: SpatialWeights, truth: SpatialTruth, *, seed: Any
) -> pd.DataFrame:
    r"""Simulate a spatial Durbin panel.

    Parameters
    ----------
    weights : SpatialWeights
        The map. Not changed.
    truth : SpatialTruth
        Parameters of the process.
    seed
        Seed or SeedSequence of `numpy.random.default_rng`.

    Returns
    -------
    DataFrame
        One row per unit and year, sorted: code, year, y, x1, x2.

    Notes
    -----
    For every year t, with n-vectors::

        mu  = (I - county_rho W)^-1 v
        x_k = affinity_k mu + (I - regressor_rho W)^-1 w_kt
        y   = rho W y + X beta + W X theta + mu + lambda_t + e_t

    v, w and e are normal and independent; e is AR(1) over the years if `error_ar` is not zero.
    Pooled models without county effects overstate rho and distort beta, because mu is correlated
    with x and over space; two-way fixed effects without neighbours take what comes back from them
    for the effect of a county's own x and show no spillover at all. `spatial_truth` has the values
    that a Durbin model with county and year effects recovers.
    """
    rng = np.random.default_rng(seed)
    n, years = len(weights.ids), truth.years
    effect = truth.county_sd * _spread(weights, truth.county_rho)(rng.standard_normal((n, 1)))
    smooth = _spread(weights, truth.regressor_rho)
    x = [
        slope * effect
        + truth.regressor_sd
        * smooth(_stationary(rng.standard_normal((n, years)), truth.regressor_ar))
        for slope in truth.affinity
    ]
    common = truth.year_sd * rng.standard_normal(years)
    errors = truth.error_sd * _stationary(rng.standard_normal((n, years)), truth.error_ar)
    right = effect + common + errors
    for values, own, other in zip(x, truth.beta, truth.theta, strict=True):
        right = right + own * values + other * weights.lag(values)
    y = _spread(weights, truth.rho)(right)
    frame = pd.DataFrame(
        {
            "code": np.repeat(weights.ids, years),
            "year": np.tile(truth.first_year + np.arange(years), n),
            "y": y.ravel(),
            **{name: values.ravel() for name, values in zip(REGRESSORS, x, strict=True)},
        }
    )
    return frame.sort_values(["code", "year"], ignore_index=True)


def spatial_truth(weights: SpatialWeights, truth: SpatialTruth) -> pd.DataFrame:
    """Return the true average effects on a map.

    Parameters
    ----------
    weights : SpatialWeights
        The map.
    truth : SpatialTruth
        Parameters of the process.

    Returns
    -------
    DataFrame
        Columns variable, effect (direct, indirect, total), truth. Where every unit has a neighbour
        the total is (beta + theta) / (1 - rho): .6154 and .1538 by default.
    """
    values = average_effects(
        weights, rho=truth.rho, beta=np.array(truth.beta), theta=np.array(truth.theta)
    )
    return pd.DataFrame(
        {
            "variable": np.repeat(REGRESSORS, len(EFFECTS)),
            "effect": np.tile(EFFECTS, len(REGRESSORS)),
            "truth": values.T.ravel(),
        }
    )


def _spread(weights: SpatialWeights, rho: float) -> Any:
    """Return a function that multiplies by (I - rho W)^-1."""
    return splu(csc_array(eye_array(len(weights.ids)) - rho * weights.matrix)).solve


def _stationary(normal: Floats, ar: float) -> Floats:
    """Turn standard normal draws, shape (n, years), into AR(1) series of variance one."""
    series = normal.copy()
    for year in range(1, series.shape[1]):
        series[:, year] = ar * series[:, year - 1] + np.sqrt(1 - ar**2) * normal[:, year]
    return series
