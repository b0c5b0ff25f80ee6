"""Linear models of a county panel, and the two tests that choose between them.

Six estimators (`MODELS`) with the errors of `ERRORS`, in one tidy table: what each model assumes
is part of the table's notes, and what cannot be computed is a row that says why.
The fits are linearmodels'; the small-sample convention, which differs between packages, is fixed
here: V = G/(G-1) x (N-1)/(N-K) x sandwich, intervals from t with G - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.panel_fit import (
    CLUSTER_CONVENTION,
    ERRORS,
    FIXED_EFFECTS,
    MODELS,
    count_clusters,
    count_entities,
    fit_options,
    option_violations,
    refusal,
    unfitted_model,
)
from analysis.panel_input import CONSTANT, WITHIN_MODELS, Sample, Specification, complete_sample

__all__ = [
    "CLUSTER_CONVENTION", "ERRORS", "MODELS", "estimate_models", "hausman", "lag", "mundlak",
]  # fmt: skip

FEW_CLUSTERS = 40
"""Cluster-robust tests over-reject below about this number (Cameron & Miller 2015)."""
SINGULAR = 1e-10
"""Smallest eigenvalue of a variance scaled to unit diagonal that is told from rounding."""
COLUMNS = (
    "model", "error_type", "term", "estimate", "se", "statistic", "df", "p_value", "ci_low",
    "ci_high", "n", "entities", "periods", "clusters", "r2", "r2_within", "dropped_missing", "note",
)  # fmt: skip


@dataclass(frozen=True)
class SpecificationTest:
    """Result of `hausman` or `mundlak`.

    Attributes
    ----------
    test : str
        Name of the test.
    chi2 : float
        Wald statistic; NaN where it is not defined (see `note`).
    df : int
        Number of restrictions.
    df_denominator : float
        Degrees of freedom of the F reference distribution of chi2 / df; infinity for chi-square.
    p_value : float
        Probability of a larger statistic if county effects and regressors are unrelated.
    n, entities, clusters, dropped_missing : int
        Observations, counties, clusters (0: none) and rows left out for a missing value.
    note : str
        Why the statistic is missing or weak; empty otherwise.
    """

    test: str
    chi2: float
    df: int
    df_denominator: float
    p_value: float
    n: int
    entities: int
    clusters: int
    dropped_missing: int
    note: str


def lag(panel: pd.DataFrame, columns: Sequence[str], *, years: int) -> pd.DataFrame:
    """Add the value of each column some years before, as `<column>_before`.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year`. Not changed.
    columns : sequence of str
        Columns to lag.
    years : int
        Years, not rows: where the earlier year is missing the value is missing.

    Returns
    -------
    DataFrame
        The rows of `panel` in their order, with the new columns.
    """
    earlier = panel[["code", "year", *columns]].assign(year=panel["year"] + years)
    names = {column: f"{column}_before" for column in columns}
    return panel.merge(
        earlier.rename(columns=names), on=["code", "year"], how="left", validate="one_to_one"
    )


def estimate_models(
    panel: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    entity: str = "code",
    time: str = "year",
    models: Sequence[str] = tuple(MODELS),
    errors: Sequence[str] = ("classical", "entity", "province", "driscoll_kraay"),
    cluster_columns: Sequence[str] = ("province",),
    time_effects: bool = False,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Estimate panel models with several standard errors.

    All models use the same rows: those complete in outcome, regressors and cluster columns. Fixed
    effects further leave out counties seen once, which carry no information there (see `note`).

    Parameters
    ----------
    panel : DataFrame
        One row per entity and time. Not changed.
    outcome, regressors : str, sequence of str
        Numeric or boolean columns, in the units in which the estimate shall be read.
    entity, time : str
        Key columns; `time` is an integer year.
    models : sequence of str
        Names from `MODELS`.
    errors : sequence of str
        Names from `ERRORS` or from `cluster_columns`.
    cluster_columns : sequence of str
        Columns, constant within a county, by which errors may be clustered.
    time_effects : bool
        Add period dummies to pooled, random effects and first differences.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, one row per model, error and term. Period dummies and the constant of
        the fixed-effects models are not shown. `clusters` is missing for classical errors and T
        for Driscoll-Kraay. `r2` is that of the transformed regression (uncentred for first
        differences), `r2_within` that of the county-demeaned data. An error that cannot be
        computed leaves `se` and what follows missing, with the reason in `note`.

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, ch. 10. Swamy & Arora
    (1972) for the variances of the random effects. Cameron & Miller (2015), J. Human Resources
    50(2), for the clustered errors. Driscoll & Kraay (1998), Rev. Econ. Stat. 80(4).
    """
    spec = Specification(
        outcome, tuple(regressors), entity, time, tuple(cluster_columns), tuple(models),
        time_effects,
    )  # fmt: skip
    sample = _checked(panel, spec, errors)
    rows = []
    for model in models:
        fitted = unfitted_model(sample, spec, model)
        for error in errors:
            rows += _rows(sample, spec, model, error, fitted, confidence)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"clusters": "Int64"})


def hausman(
    panel: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    entity: str = "code",
    time: str = "year",
    time_effects: bool = False,
    common_variance: bool = False,
) -> SpecificationTest:
    """Test random against fixed effects by the distance of their slopes (Hausman 1978).

    chi2 = d' (V_FE - V_RE)^{-1} d with d = b_FE - b_RE and classical variances, each with its own
    error variance. Only valid if errors are independent and of one variance; else use `mundlak`.
    If random effects fail clearly, their error variance is so large that V_FE - V_RE need not be
    positive definite; `common_variance` avoids this.

    Parameters
    ----------
    panel, outcome, regressors, entity, time
        As in `estimate_models`; every regressor must vary within counties.
    time_effects : bool
        Compare two-way fixed effects with random effects plus period dummies.
    common_variance : bool
        Scale both variances by the error variance of the fixed effects (Stata's `sigmaless`).

    Returns
    -------
    SpecificationTest
        `chi2` and `p_value` are NaN where V_FE - V_RE is not positive definite.

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Hausman (1978), Econometrica 46(6).
    """
    fixed = "two_way" if time_effects else "entity"
    names = list(regressors)
    spec = Specification(outcome, tuple(names), entity, time, (), (fixed, "random"), time_effects)
    sample = _checked(panel, spec, ())
    fe, re = (
        unfitted_model(sample, spec, model).fit(cov_type="unadjusted")
        for model in (fixed, "random")
    )
    ratio = fe.s2 / re.s2 if common_variance else 1.0
    gap = (fe.params[names] - re.params[names]).to_numpy()
    variance = (fe.cov.loc[names, names] - ratio * re.cov.loc[names, names]).to_numpy()
    chi2, p_value, note = _hausman_statistic(gap, variance, fe.std_errors[names].to_numpy())
    counts = (len(sample.frame), count_entities(sample.frame), 0, sample.dropped)
    return SpecificationTest("Hausman", chi2, len(names), np.inf, p_value, *counts, note)


def mundlak(
    panel: pd.DataFrame,
    *,
    outcome: str,
    regressors: Sequence[str],
    entity: str = "code",
    time: str = "year",
    cluster: str | None = None,
    time_effects: bool = False,
) -> SpecificationTest:
    """Test random against fixed effects by adding county means, robust to clustering.

    County means of the regressors are added to the random-effects model; their coefficients are
    zero if the county effects are unrelated to the regressors. The Wald statistic uses the
    clustered variance (convention of `ERRORS`); W / k is referred to F(k, G - 1).

    Parameters
    ----------
    panel, outcome, regressors, entity, time, time_effects
        As in `hausman`.
    cluster : str, optional
        Column by which errors are clustered; default: the county.

    Returns
    -------
    SpecificationTest

    Raises
    ------
    ValueError
        Lists every violation of the input.

    References
    ----------
    Mundlak (1978), Econometrica 46(1); Wooldridge (2010), section 10.7.3.
    """
    clusters = () if cluster is None else (cluster,)
    spec = Specification(
        outcome, tuple(regressors), entity, time, clusters, ("entity", "random"), time_effects
    )
    error = cluster or "entity"
    sample = _checked(panel, spec, (error,))
    means = sample.frame.groupby(level=0)[list(regressors)].transform("mean")
    means = means.add_prefix("mean of ")
    augmented = Sample(sample.frame.join(means), sample.dropped)
    wide = Specification(
        outcome, (*regressors, *means.columns), entity, time, clusters, ("random",), time_effects
    )
    fitted = unfitted_model(augmented, wide, "random").fit(
        **fit_options(augmented, "random", error)
    )
    g, df = count_clusters(sample.frame, error), len(means.columns)
    chi2, note = _wald(fitted.params[means.columns], fitted.cov.loc[means.columns, means.columns])
    note = note or _few(g)
    p_value = float(stats.f.sf(chi2 / df, df, g - 1))
    counts = (len(sample.frame), count_entities(sample.frame), g, sample.dropped)
    return SpecificationTest("Mundlak", chi2, df, float(g - 1), p_value, *counts, note)


def t_inference(
    estimate: float, se: float, df: float, *, confidence: float = 0.95
) -> dict[str, float]:
    """Return statistic, df, p_value, ci_low and ci_high of an estimate, from t with `df`."""
    statistic = estimate / se
    margin = se * float(stats.t.ppf(0.5 + confidence / 2, df))
    return {
        "statistic": statistic,
        "df": df,
        "p_value": float(2 * stats.t.sf(abs(statistic), df)),
        "ci_low": estimate - margin,
        "ci_high": estimate + margin,
    }


def _checked(panel: pd.DataFrame, spec: Specification, errors: Sequence[str]) -> Sample:
    return complete_sample(panel, spec, violations=option_violations(spec, errors))


def _rows(
    sample: Sample, spec: Specification, model: str, error: str, fitted: Any, confidence: float
) -> list[dict[str, Any]]:
    refused = refusal(sample.frame, model, error)
    result = fitted.fit(**({} if refused else fit_options(sample, model, error)))
    counts = _counts(sample.frame, model, error, result)
    notes = [refused, _singletons(sample.frame, model)]
    if error not in {"classical", "driscoll_kraay"} and not refused:
        notes.append(_few(counts["clusters"]))
    shared = {
        "model": model,
        "error_type": error,
        "r2": result.rsquared,
        "r2_within": result.rsquared_within,
        "dropped_missing": sample.dropped,
        "note": "; ".join(filter(None, notes)),
    }
    constant = [] if model in FIXED_EFFECTS | {"first_difference"} else [CONSTANT]
    df = result.df_resid if error == "classical" else counts["clusters"] - 1
    df = np.nan if refused else df
    rows = []
    for term in [*spec.regressors, *constant]:
        estimate = float(result.params[term])
        se = np.nan if refused else float(result.std_errors[term])
        inference = t_inference(estimate, se, df, confidence=confidence)
        rows.append(shared | counts | {"term": term, "estimate": estimate, "se": se} | inference)
    if error == "classical" or refused:
        rows = [row | {"clusters": pd.NA} for row in rows]
    return rows


def _counts(frame: pd.DataFrame, model: str, error: str, result: Any) -> dict[str, int]:
    used = result.resids.index
    rows = frame if model == "between" else frame.loc[used]
    periods = rows.index.get_level_values(1).nunique()
    clusters = periods if error == "driscoll_kraay" else count_clusters(rows, error)
    return {
        "n": len(used),
        "entities": count_entities(rows),
        "periods": periods,
        "clusters": clusters,
    }


def _singletons(frame: pd.DataFrame, model: str) -> str:
    if model not in WITHIN_MODELS:
        return ""
    count = int((frame.groupby(level=0).size() == 1).sum())
    return f"{count} entities seen in one period left out" if count else ""


def _few(clusters: int) -> str:
    if clusters >= FEW_CLUSTERS:
        return ""
    return f"{clusters} clusters: intervals tend to be too short, use a wild cluster bootstrap"


def _hausman_statistic(
    gap: np.ndarray, variance: np.ndarray, scale: np.ndarray
) -> tuple[float, float, str]:
    """Return chi2, p and note; `scale` (errors of the fixed effects) frees it from units."""
    variance = variance / np.outer(scale, scale)
    if np.linalg.eigvalsh(variance).min() <= SINGULAR:
        note = (
            "not defined: the difference of the variances is not positive definite; use "
            "common_variance or the Mundlak test"
        )
        return np.nan, np.nan, note
    chi2 = float(gap / scale @ np.linalg.solve(variance, gap / scale))
    return chi2, float(stats.chi2.sf(chi2, len(gap))), ""


def _wald(estimates: pd.Series, variance: pd.DataFrame) -> tuple[float, str]:
    """Return the Wald statistic of all `estimates` being zero, and a note if there is none."""
    scale = np.sqrt(np.diag(variance))
    correlation = variance.to_numpy() / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlation).min() <= SINGULAR:
        return np.nan, "not defined: the clustered variance is singular, too few clusters"
    z = estimates.to_numpy() / scale
    return float(z @ np.linalg.solve(correlation, z)), ""
