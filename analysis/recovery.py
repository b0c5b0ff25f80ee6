"""Estimates on the simulated panel beside the truth that made it.

For each parameter one headline estimator that should recover it and others beside it, naive ones
among them, so that a reader sees both what works and what a shortcut costs.
"""

import pandas as pd

from analysis.panel import estimate_models, lag
from analysis.panel_fit import MODELS

COLUMNS = [
    "parameter", "estimator_en", "estimator_zh", "headline", "estimate", "se", "ci_low", "ci_high",
    "n",
]  # fmt: skip
RUNGS = {
    "raw": ("raw gap", "原始差异"),
    "baseline": ("given disadvantage", "控制劣势程度"),
    "province": ("within provinces", "省内比较"),
    "prefecture": ("within prefectures", "地市内比较"),
}
NEVER_DESIGNATED = ("never designated, two-way effects", "非贫困县，双向固定效应")


def linkage_slopes(panel: pd.DataFrame) -> pd.DataFrame:
    """Estimate the slope of revitalization on last year's alleviation in several models.

    Parameters
    ----------
    panel : DataFrame
        Simulated `county_panel` with the two true scores.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, errors clustered by province; two-way effects are the headline.
    """
    frame = lag(panel, ["alleviation_score"], years=1).dropna(subset="alleviation_score_before")
    fitted = estimate_models(
        frame,
        outcome="revitalization_score",
        regressors=["alleviation_score_before"],
        models=("pooled", "between", "entity", "two_way", "first_difference"),
        errors=("province",),
        time_effects=True,
    )
    slopes = fitted[fitted["term"] == "alleviation_score_before"]
    return slopes.assign(
        parameter="kappa",
        estimator_en=[MODELS[model].label_en for model in slopes["model"]],
        estimator_zh=[MODELS[model].label_zh for model in slopes["model"]],
        headline=slopes["model"] == "two_way",
    )[COLUMNS].reset_index(drop=True)


def delisting_gaps(estimates: pd.DataFrame) -> pd.DataFrame:
    """Take the rungs of the long difference of log income as estimates of the effect in 2020.

    Parameters
    ----------
    estimates : DataFrame
        `ladder_estimates` with the outcome `log_income`.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; the rung within provinces is the headline, since it removes the shocks
        that counties of a province share.
    """
    income = estimates[estimates["outcome"] == "log_income"]
    return income.assign(
        parameter="delisting_effect_2020",
        estimator_en=income["rung"].map(lambda rung: RUNGS[rung][0]),
        estimator_zh=income["rung"].map(lambda rung: RUNGS[rung][1]),
        headline=income["rung"] == "province",
    )[COLUMNS].reset_index(drop=True)


def catch_up_slope(panel: pd.DataFrame) -> pd.DataFrame:
    """Estimate the yearly catch-up per unit of disadvantage among the never designated.

    Two-way fixed effects of log income on disadvantage times the years since 2010.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, one row, errors clustered by province.
    """
    never = panel[~panel["designated"]]
    trend = never["disadvantage"] * (never["year"] - never["year"].min())
    fitted = estimate_models(
        never.assign(disadvantage_trend=trend),
        outcome="log_income",
        regressors=["disadvantage_trend"],
        models=("two_way",),
        errors=("province",),
    )
    slope = fitted[fitted["term"] == "disadvantage_trend"]
    english, chinese = NEVER_DESIGNATED
    return slope.assign(
        parameter="catch_up", estimator_en=english, estimator_zh=chinese, headline=True
    )[COLUMNS]


def compare(truth: pd.DataFrame, *estimates: pd.DataFrame) -> pd.DataFrame:
    """Put estimates beside the truth.

    Parameters
    ----------
    truth : DataFrame
        `simulation_truth`.
    *estimates : DataFrame
        Frames with `COLUMNS`.

    Returns
    -------
    DataFrame
        One row per parameter and estimator, with truth, labels, unit and `covers`: whether the
        interval holds the truth.
    """
    known = truth[["parameter", "truth", "unit", "label_en", "label_zh"]]
    frame = pd.concat(estimates, ignore_index=True).merge(known, on="parameter", how="left")
    return frame.assign(covers=frame["truth"].between(frame["ci_low"], frame["ci_high"]))
