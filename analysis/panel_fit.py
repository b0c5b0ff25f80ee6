"""The six panel models and their errors: what each is, assumes, and how linearmodels fits it.

Packages differ in the small-sample factor of clustered errors. Here it is fixed for all models:
V = G/(G-1) x (N-1)/(N-K) x sandwich, where K leaves out county effects nested in the clusters.
Period effects enter as dummies, so that K counts them and unbalanced panels are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import pandas as pd

from analysis.panel_input import CONSTANT, Sample, Specification, period_dummies

MIN_PERIODS_DRISCOLL_KRAAY = 10
"""Below this the sum over periods has too few terms for its large-T argument; our choice."""


class Model(NamedTuple):
    """Labels of a model and, in one sentence, the assumption under which it is consistent."""

    label_en: str
    label_zh: str
    assumption: str


class Error(NamedTuple):
    """Label of a standard error and its convention."""

    label_en: str
    label_zh: str
    convention: str


MODELS: Mapping[str, Model] = {
    "pooled": Model(
        "Pooled OLS", "混合回归",
        "Neither county nor period effects are correlated with the regressors.",
    ),
    "entity": Model(
        "County fixed effects", "个体固定效应",
        "Given a county effect of any kind, errors of all periods are unrelated to the regressors "
        "of all periods (strict exogeneity); no common shocks correlated with the regressors.",
    ),
    "two_way": Model(
        "County and period fixed effects", "双向固定效应",
        "As county fixed effects, with common period shocks removed: without treatment all "
        "counties would have moved in parallel; effects do not differ by county or over time.",
    ),
    "random": Model(
        "Random effects", "随机效应",
        "As county fixed effects, and the county effect is unrelated to the regressors.",
    ),
    "first_difference": Model(
        "First differences", "一阶差分",
        "A change in the error is unrelated to the same period's change in the regressors; no "
        "drift unless period effects are asked for.",
    ),
    "between": Model(
        "Between counties", "组间估计",
        "County effects and mean errors are unrelated to the county means of the regressors.",
    ),
}  # fmt: skip
ERRORS: Mapping[str, Error] = {
    "classical": Error(
        "Classical", "经典标准误", "Independent errors of one variance; t with N - K df.",
    ),
    "entity": Error(
        "Clustered by county", "县级聚类",
        "G/(G-1) x (N-1)/(N-K); K counts slopes, constant and period dummies, not the county "
        "effects, which are nested in the clusters; t with G - 1 df.",
    ),
    "time": Error(
        "Clustered by period", "时间聚类",
        "As clustered by county, but county effects are counted in K; t with T - 1 df.",
    ),
    "entity_time": Error(
        "Clustered by county and by period", "双向聚类",
        "County plus period minus intersection, each with its own G (Cameron, Gelbach & Miller "
        "2011); county effects are counted in K; t with min(G, T) - 1 df.",
    ),
    "driscoll_kraay": Error(
        "Driscoll-Kraay", "Driscoll-Kraay 标准误",
        "Bartlett kernel over the period sums of the scores, bandwidth floor(4 (T/100)^(2/9)); "
        "N/(N-K) with county effects counted; t with T - 1 df.",
    ),
}  # fmt: skip
CLUSTER_CONVENTION = (
    "As clustered by county: counties are nested in the clusters, so county effects are not "
    "counted in K; t with G - 1 df."
)

FIXED_EFFECTS = {"entity", "two_way"}


def option_violations(spec: Specification, errors: Sequence[str]) -> list[str]:
    """List unknown models and errors, and regressors that cannot be regressors."""
    found = [f"model '{m}' is unknown: use {list(MODELS)}" for m in spec.models if m not in MODELS]
    known = [*ERRORS, *spec.clusters]
    found += [f"error '{e}' is unknown: use {known}" for e in errors if e not in known]
    if not spec.regressors:
        found.append("no regressor is given: name at least one")
    for name in {CONSTANT, spec.outcome, spec.entity, spec.time} & set(spec.regressors):
        found.append(f"regressor '{name}' is the constant, the outcome or a key: remove it")
    if len(set(spec.regressors)) < len(spec.regressors):
        found.append(f"regressors repeat: {list(spec.regressors)}: name each once")
    return found


def model_rows(frame: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows that `model` uses: fixed effects leave out entities seen once."""
    if model not in FIXED_EFFECTS:
        return frame
    return frame[frame.groupby(level=0)[frame.columns[0]].transform("size") > 1]


def unfitted_model(sample: Sample, spec: Specification, model: str) -> Any:
    """Return the linearmodels object of `model`, not yet fitted."""
    from linearmodels import panel as lm

    frame = model_rows(sample.frame, model)
    exog = frame[list(spec.regressors)]
    if model == "two_way" or (spec.time_effects and model not in {"entity", "between"}):
        exog = period_dummies(frame).join(exog)
    if model != "first_difference":
        exog = exog.assign(**{CONSTANT: 1.0})[[CONSTANT, *exog.columns]]
    if model in FIXED_EFFECTS:
        return lm.PanelOLS(frame[spec.outcome], exog, entity_effects=True)
    classes = {
        "pooled": lm.PooledOLS,
        "random": lm.RandomEffects,
        "first_difference": lm.FirstDifferenceOLS,
        "between": lm.BetweenOLS,
    }
    return classes[model](frame[spec.outcome], exog)


def fit_options(sample: Sample, model: str, error: str) -> dict[str, Any]:
    """Translate an error into linearmodels' options, by the convention of `ERRORS`."""
    options: dict[str, Any]
    if error == "classical":
        return {"cov_type": "unadjusted"}
    if error == "driscoll_kraay":
        options = {"cov_type": "kernel", "kernel": "bartlett"}
    else:
        codes = cluster_codes(model_rows(sample.frame, model), error)
        options = {"cov_type": "clustered", "clusters": codes, "group_debias": True}
    if model in FIXED_EFFECTS:
        nested = error not in {"driscoll_kraay", "time", "entity_time"}
        options |= {"auto_df": False, "count_effects": not nested}
    return options


def cluster_codes(frame: pd.DataFrame, error: str) -> pd.DataFrame:
    """Return one or two columns of integer codes, indexed as `frame`."""
    if f"cluster {error}" in frame:
        return frame[[f"cluster {error}"]]
    levels = {"entity": ["entity"], "time": ["time"]}.get(error, ["entity", "time"])
    index = cast("pd.MultiIndex", frame.index)
    codes = dict(zip(("entity", "time"), index.codes, strict=True))
    return pd.DataFrame({level: codes[level] for level in levels}, index=frame.index)


def count_clusters(frame: pd.DataFrame, error: str) -> int:
    """Return the number of clusters, the smaller one if there are two dimensions; 0 if none."""
    if error == "classical":
        return 0
    return int(cluster_codes(frame, error).nunique().min())


def count_entities(frame: pd.DataFrame) -> int:
    """Return the number of entities of a sample's frame."""
    return int(frame.index.get_level_values(0).nunique())


def refusal(frame: pd.DataFrame, model: str, error: str) -> str:
    """Return why this error cannot be computed for this model; empty if it can."""
    if model == "between" and error in {"time", "entity_time", "driscoll_kraay"}:
        return "not computed: the between model has one row per entity and no periods"
    periods = frame.index.get_level_values(1).nunique() - (model == "first_difference")
    if error == "driscoll_kraay" and periods < MIN_PERIODS_DRISCOLL_KRAAY:
        return (
            f"not computed: Driscoll-Kraay averages over periods and needs at least "
            f"{MIN_PERIODS_DRISCOLL_KRAAY}, the model has {periods}"
        )
    return ""
