"""How alike the compared counties are: balance of the cohorts, overlap of their propensities.

Parallel trends given the baseline need controls like the treated. Balance shows how far the cohorts
lie apart before delisting, overlap whether regression adjustment compares or extrapolates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.models.delisting_input import COLLINEAR, CONTROLS, NEVER
from analysis.panel_input import input_violations, raise_violations

NEARLY_SURE = 0.99
"""Propensity from which a treated county has hardly any control like it."""
ITERATIONS = 50
STEP = 1e-10
LARGEST_INDEX = 30.0
"""Where a fitted index exceeds this, treatment is predicted without error (separation)."""


def cohort_balance(
    panel: pd.DataFrame,
    variables: Sequence[str],
    *,
    unit: str = "code",
    time: str = "year",
    cohort: str = "delisted_year",
    year: int | None = None,
) -> pd.DataFrame:
    """Describe the cohorts before treatment and their distance from the controls.

    Parameters
    ----------
    panel : DataFrame
        Rows of a design (`delisting_design.design_sample`). Not changed.
    variables : sequence of str
        Numeric columns.
    unit, time, cohort : str
        Columns; a missing cohort is never treated.
    year : int, optional
        Year of the values; default: the first.

    Returns
    -------
    DataFrame
        variable, cohort (0: never treated), n, mean, sd, reference (the cohort compared with: never
        treated or, without any, the last), difference, standardised (difference over the root of
        the mean of the two variances; Austin 2009, Statistics in Medicine 28).

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    _check(panel, variables, unit, time, cohort)
    rows = panel[panel[time] == (panel[time].min() if year is None else year)]
    groups = rows[cohort].fillna(NEVER).astype(int)
    reference = NEVER if (groups == NEVER).any() else int(groups.max())
    tables = []
    for variable in variables:
        values = rows[variable].astype(float).groupby(groups)
        table = values.agg(n="count", mean="mean", sd="std").rename_axis("cohort").reset_index()
        base = table.set_index("cohort").loc[reference]
        difference = table["mean"] - base["mean"]
        spread = np.sqrt((table["sd"] ** 2 + base["sd"] ** 2) / 2)
        table = table.assign(
            reference=reference, difference=difference, standardised=difference / spread
        )
        table.insert(0, "variable", variable)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def overlap_report(
    panel: pd.DataFrame,
    baseline: Sequence[str],
    *,
    controls: str = "never",
    unit: str = "code",
    time: str = "year",
    cohort: str = "delisted_year",
    year: int | None = None,
) -> pd.DataFrame:
    """Report for every cohort whether its controls are like it.

    Parameters
    ----------
    panel : DataFrame
        Rows of a design. Not changed.
    baseline : sequence of str
        Baseline controls, the regressors of a logit of the cohort against its controls.
    controls : str
        ``"never"``: never treated; ``"not_yet"``: also those treated in a later year.
    unit, time, cohort, year
        As in `cohort_balance`.

    Returns
    -------
    DataFrame
        cohort, n_treated, n_controls, excluded_missing; difference, difference_weighted: largest
        absolute standardised difference before and after weighting the controls by p / (1 - p);
        effective_controls: (sum of weights)^2 / sum of squares; outside: share of the treated
        above or below all propensities of the controls; nearly_sure: share of the treated with
        a propensity above .99; note. Cohorts without controls are left out.

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    _check(panel, baseline, unit, time, cohort)
    if controls not in CONTROLS:
        raise ValueError(f"controls '{controls}' is unknown: use {list(CONTROLS)}")
    rows = panel[panel[time] == (panel[time].min() if year is None else year)]
    complete = rows.dropna(subset=list(baseline))
    groups = complete[cohort].fillna(NEVER).astype(int).to_numpy()
    x = complete[list(baseline)].to_numpy(dtype=float)
    later = (lambda g: groups > g) if controls == "not_yet" else (lambda g: groups < 0)
    reports = []
    for g in np.unique(groups[groups != NEVER]):
        treated, control = groups == g, (groups == NEVER) | later(g)
        if control.any() and g <= panel[time].max():
            report = _overlap(x[treated], x[control])
            reports.append({"cohort": int(g), "excluded_missing": len(rows) - len(x)} | report)
    return pd.DataFrame(reports)


def propensity(x: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Return fitted probabilities of a logit by iteratively reweighted least squares.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Regressors without constant.
    treated : ndarray of bool, shape (n,)
        Outcome.

    Returns
    -------
    ndarray, shape (n,)
        Under separation, where the likelihood has no maximum, the iteration stops at an index
        of 30 and the probabilities are zero or one.
    """
    spread = x.std(axis=0)
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / np.where(spread, spread, 1)])
    coefficients = np.zeros(design.shape[1])
    for _ in range(ITERATIONS):
        index = np.clip(design @ coefficients, -LARGEST_INDEX, LARGEST_INDEX)
        p = 1 / (1 + np.exp(-index))
        weight = np.maximum(p * (1 - p), COLLINEAR)
        working = design.T @ (weight[:, None] * design)
        step = np.linalg.lstsq(working, design.T @ (treated - p), rcond=None)[0]
        coefficients = coefficients + step
        if np.abs(step).max() < STEP or np.abs(design @ coefficients).max() > LARGEST_INDEX:
            break
    index = np.clip(design @ coefficients, -LARGEST_INDEX, LARGEST_INDEX)
    return np.asarray(1 / (1 + np.exp(-index)))


def _overlap(treated: np.ndarray, control: np.ndarray) -> dict[str, object]:
    labels = np.repeat([True, False], [len(treated), len(control)])
    score = propensity(np.vstack([treated, control]), labels)
    own, other = score[labels], score[~labels]
    weight = other / np.maximum(1 - other, COLLINEAR)
    separated = own.min() > other.max()
    return {
        "n_treated": len(own),
        "n_controls": len(other),
        "difference": _largest_difference(treated, control, np.ones(len(control))),
        "difference_weighted": _largest_difference(treated, control, weight),
        "effective_controls": float(weight.sum() ** 2 / (weight**2).sum()),
        "outside": float(((own > other.max()) | (own < other.min())).mean()),
        "nearly_sure": float((own > NEARLY_SURE).mean()),
        "note": "no overlap: treatment is predicted without error" if separated else "",
    }


def _largest_difference(treated: np.ndarray, control: np.ndarray, weight: np.ndarray) -> float:
    spread = np.sqrt((treated.var(axis=0, ddof=1) + control.var(axis=0, ddof=1)) / 2)
    gap = treated.mean(axis=0) - np.average(control, axis=0, weights=weight)
    return float(np.abs(gap / np.where(spread > 0, spread, np.nan)).max())


def _check(
    panel: pd.DataFrame, variables: Sequence[str], unit: str, time: str, cohort: str
) -> None:
    raise_violations(
        "the staggered panel",
        input_violations(panel, keys=(unit, time), numeric=list(variables), present=[cohort]),
    )
