r"""Logit of a weighted sample with errors of the survey design.

Weighted maximum likelihood by Newton's method; the variance is A^-1 B A^-1 with A the weighted
information and B the variance of the sum of scores over strata and primary units (Binder 1983, Int.
Stat. Review 51, 279-292), t distributed with as many degrees of freedom as units minus strata.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t as student

from analysis.households.influences import SampleUnits, estimate_table, influence_errors
from analysis.panel_input import raise_violations

Floats = NDArray[np.float64]
INTERCEPT = "intercept"
STEPS, SMALLEST_STEP = 25, 1e-10
"""Newton needs fewer than ten steps unless the outcome can be told apart perfectly."""
COLLINEAR = 1e-9
"""Smallest singular value of the scaled regressors, as a share of the largest."""


@dataclass(frozen=True)
class LogitFit:
    """A fitted logit.

    Attributes
    ----------
    coefficients : DataFrame
        term, estimate, se, ci_low, ci_high, p_value, df; the intercept first.
    n, n_psu : int
        Rows and primary units.
    """

    coefficients: pd.DataFrame
    n: int
    n_psu: int

    def probability(self, x: pd.DataFrame) -> Floats:
        """Return the probability of each row of `x`, which has the predictors as columns."""
        terms = list(self.coefficients["term"][1:])
        slopes = self.coefficients["estimate"].to_numpy()
        return expit(slopes[0] + x[terms].to_numpy(dtype=float) @ slopes[1:])


def fit_logit(x: pd.DataFrame, y: pd.Series, weight: Floats, units: SampleUnits) -> LogitFit:
    """Fit a logit to the rows of a sample or of a domain.

    Parameters
    ----------
    x : DataFrame, shape (n, k)
        Predictors without constant, finite numbers.
    y : Series
        Outcome, 0 or 1.
    weight : array, shape (n,)
        Above zero.
    units : SampleUnits
        Of the same rows.

    Returns
    -------
    LogitFit

    Raises
    ------
    ValueError
        Lists predictors that do not vary, an outcome of one class, collinear predictors, and an
        outcome that the predictors tell apart perfectly.
    """
    values, outcome = x.to_numpy(dtype=float), y.to_numpy(dtype=float)
    raise_violations("the logit", _violations(x, values, outcome))
    centre, spread = values.mean(axis=0), values.std(axis=0)
    design = np.column_stack([np.ones(len(x)), (values - centre) / spread])
    smallest = np.linalg.svd(design, compute_uv=False)[[-1, 0]]
    if smallest[0] < COLLINEAR * smallest[1]:
        raise_violations("the logit", [f"{', '.join(map(str, x))} are collinear: leave one out"])
    slopes = _newton(design, outcome, weight / weight.mean(), list(x))
    back = np.diag(np.concatenate([[1.0], 1 / spread]))
    back[0, 1:] = -centre / spread
    return _described([INTERCEPT, *map(str, x)], back, design, outcome, weight, slopes, units)


def _violations(x: pd.DataFrame, values: Floats, outcome: Floats) -> list[str]:
    still = [str(c) for c, s in zip(x, np.ptp(values, axis=0), strict=True) if s == 0]
    found = [f"predictor '{c}' does not vary: leave it out" for c in still]
    if len(classes := np.unique(outcome)) != 2:
        found.append(f"the outcome is always {classes[0]:.0f}: widen the sample")
    return found


def _newton(design: Floats, y: Floats, weight: Floats, names: list[Hashable]) -> Floats:
    slopes = np.zeros(design.shape[1])
    for _ in range(STEPS):
        p = expit(design @ slopes)
        information = design.T @ ((weight * p * (1 - p))[:, None] * design)
        step = np.linalg.lstsq(information, design.T @ (weight * (y - p)), rcond=None)[0]
        slopes = slopes + step
        if np.abs(step).max() < SMALLEST_STEP:
            return slopes
    worst = names[int(np.abs(slopes[1:]).argmax())]
    raise ValueError(
        f"the predictors tell the outcome apart perfectly, '{worst}' most of all: does it hold "
        "information from the year of the outcome? Leave it out or pool rare categories"
    )


def _described(
    terms: list[str],
    back: Floats,
    design: Floats,
    y: Floats,
    weight: Floats,
    slopes: Floats,
    units: SampleUnits,
) -> LogitFit:
    """Return coefficients on the scale of the data; `back` undoes the scaling."""
    p = expit(design @ slopes)
    information = design.T @ ((weight * p * (1 - p))[:, None] * design)
    scores = (weight * (y - p))[:, None] * design
    influences = scores @ np.linalg.inv(information) @ back.T
    errors = [influence_errors(z, units) for z in influences.T]
    se = np.array([e[0][0] for e in errors])
    n_psu, df = int(errors[0][1][0]), errors[0][2]
    table = estimate_table(back @ slopes, se, np.repeat(df, len(terms)))
    table = table.rename(columns={"value": "estimate"})
    table.insert(0, "term", terms)
    table["p_value"] = 2 * student.sf(np.abs(table["estimate"] / table["se"]), max(df[0], 1))
    return LogitFit(table.assign(df=df[0]), len(y), n_psu)
