"""The one place that calls diff-diff.

Group-time effects with the influence of every county, imputation, the Bacon decomposition and
honest bounds, each turned into the project's own types. The library's warnings are counted and
handed on, never hidden. The version is pinned because the influence functions are read from where
3.13 keeps them; a result without them is refused by name.
"""

from __future__ import annotations

import re
import warnings as python_warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.models.delisting_input import NEVER, StaggeredSample
from analysis.models.delisting_regression import baseline_by_period
from analysis.models.delisting_terms import Cells, Fit, average

CONTROL_GROUPS = {"never": "never_treated", "not_yet": "not_yet_treated"}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How Callaway-Sant'Anna and Sun-Abraham compare and average; see `delisting.att_estimates`."""

    controls: str = "never"
    base_period: str = "universal"
    anticipation: int = 0
    split: int | None = None
    cells: bool = False
    shares: str = "did"
    events: bool = True


def callaway_santanna(
    sample: StaggeredSample, *, method: str, conditional: bool, choices: Choices
) -> Fit:
    """Estimate group-time effects and average them.

    Parameters
    ----------
    sample : StaggeredSample
        Rows to use.
    method : str
        ``"reg"`` (outcome regression), ``"dr"`` (doubly robust) or ``"ipw"``.
    conditional : bool
        Use the baseline controls.
    choices : Choices
        Controls, base period, anticipation and averages.

    Returns
    -------
    Fit
        With the influence of every unit.
    """
    from diff_diff import CallawaySantAnna

    model = CallawaySantAnna(
        control_group=CONTROL_GROUPS[choices.controls],
        anticipation=choices.anticipation,
        estimation_method=method,
        base_period=choices.base_period,
    )
    result, warned = _quietly(
        lambda: model.fit(
            sample.frame, outcome="outcome", unit="unit", time="time", first_treat="cohort",
            covariates=list(sample.baseline) if conditional else None,
        )
    )  # fmt: skip
    cells, lost = _group_time_cells(result, sample.cohorts)
    names, stacked = average(cells, split=choices.split, shares=choices.shares)
    if choices.cells:
        pairs = zip(cells.cohort, cells.time, strict=True)
        names = (*names, *(f"cell:{g},{t}" for g, t in pairs))
        stacked = np.hstack([stacked, np.vstack([cells.value, cells.influence])])
    notes = [*sample.notes, *warned]
    notes += [f"{lost} effects by cohort and period not estimable"] if lost else []
    return Fit(
        names=names, values=stacked[0], influence=stacked[1:], errors={}, parameters=None,
        n=len(sample.frame), n_units=len(sample.labels), warnings="; ".join(notes),
    )  # fmt: skip


def imputation(sample: StaggeredSample, *, conditional: bool, choices: Choices) -> Fit:
    """Impute untreated outcomes from unit and period effects of the untreated observations.

    Parameters
    ----------
    sample : StaggeredSample
        Rows to use.
    conditional : bool
        Add the baseline controls interacted with the periods.
    choices : Choices
        Rows in which treatment may be anticipated are left out: they are neither untreated nor
        part of an average; event terms or not.

    Returns
    -------
    Fit
        Terms ``simple`` and ``event:e`` for e >= 0, with standard errors by cluster.
    """
    from diff_diff import ImputationDiD

    data, covariates = sample.frame, list(sample.regressors)
    if conditional and sample.baseline:
        columns = baseline_by_period(sample)
        names = [f"baseline {i}" for i in range(columns.shape[1])]
        data = pd.concat([data, pd.DataFrame(columns, columns=names)], axis=1)
        covariates += names
    early = (data["cohort"] != NEVER) & (data["time"] < data["cohort"])
    data = data[~early | (data["time"] < data["cohort"] - choices.anticipation)]
    errors: dict[str, np.ndarray] = {}
    warned: list[str] = []
    rows = pd.DataFrame(columns=["term", "value", "se"])
    for cluster, groups in sample.clusters.items():
        model = ImputationDiD(cluster="cluster")
        grouped = data.assign(cluster=groups[data["unit"].to_numpy()])
        rows, warned = _quietly(partial(_imputed, model, grouped, covariates, choices.events))
        errors[cluster] = rows["se"].to_numpy()
    return Fit(
        names=tuple(rows["term"]), values=rows["value"].to_numpy(), influence=None,
        errors=errors, parameters=None, n=len(data), n_units=len(sample.labels),
        warnings="; ".join([*sample.notes, *warned]),
    )  # fmt: skip


def bacon_pairs(sample: StaggeredSample) -> pd.DataFrame:
    """Return every comparison of two groups in two-way fixed effects with its exact weight.

    Parameters
    ----------
    sample : StaggeredSample
        Balanced.

    Returns
    -------
    DataFrame
        comparison, treated, control (0: never), weight, estimate.
    """
    from diff_diff import BaconDecomposition

    result, _ = _quietly(
        lambda: BaconDecomposition(weights="exact").fit(
            sample.frame, outcome="outcome", unit="unit", time="time", first_treat="cohort"
        )
    )
    table = result.to_dataframe()
    return pd.DataFrame({
        "comparison": table["comparison_type"].to_numpy(),
        "treated": table["treated_group"].astype(int),
        "control": table["control_group"].replace("never_treated", NEVER).astype(int),
        "weight": table["weight"].to_numpy(),
        "estimate": table["estimate"].to_numpy(),
    })  # fmt: skip


def honest_interval(
    pre: Sequence[int],
    post: Sequence[int],
    values: np.ndarray,
    covariance: np.ndarray,
    *,
    method: str,
    size: float,
    weights: np.ndarray,
    confidence: float,
) -> tuple[float, float, float, float]:
    """Return identified set and interval of a weighted effect under a limited departure.

    Parameters
    ----------
    pre, post : sequence of int
        Event times before and after treatment, in the order of `values`, reference left out.
    values, covariance : ndarray, shapes (k,) and (k, k)
        Estimates and their variance.
    method : str
        ``"smoothness"`` or ``"relative_magnitude"``.
    size : float
        M of the restriction.
    weights : ndarray
        One per event time after treatment.
    confidence : float
        Coverage.

    Returns
    -------
    tuple of float
        Lower and upper bound of the set, lower and upper limit of the interval, from normal
        critical values (the noncentral t of the library overflows).
    """
    from diff_diff import HonestDiD
    from diff_diff.results import MultiPeriodDiDResults, PeriodEffect

    nothing, times = (np.nan, np.nan), [*pre, *post]
    effects = {
        t: PeriodEffect(t, float(v), float(s), np.nan, np.nan, nothing)
        for t, v, s in zip(times, values, np.sqrt(np.diag(covariance)), strict=True)
    }
    results = MultiPeriodDiDResults(
        effects, np.nan, np.nan, np.nan, np.nan, nothing, 0, 0, 0,
        pre_periods=list(pre), post_periods=list(post), vcov=covariance,
        interaction_indices={t: i for i, t in enumerate(times)},
    )  # fmt: skip
    model = HonestDiD(method=method, M=size, alpha=1 - confidence, l_vec=weights)
    found, _ = _quietly(lambda: model.fit(results))
    return float(found.lb), float(found.ub), float(found.ci_lb), float(found.ci_ub)


def _group_time_cells(result: Any, cohorts: np.ndarray) -> tuple[Cells, int]:
    """Take the estimable group-time effects and their influence out of a result."""
    kit = getattr(result, "_aggregation_kit", None)
    if kit is None:
        raise ValueError("diff-diff gives no influence functions: install the pinned version")
    found = {c: e for c, e in result.group_time_effects.items() if np.isfinite(e["effect"])}
    influence = np.zeros((len(cohorts), len(found)))
    for column, cell in enumerate(found):
        part = kit.influence.get(cell)  # reference cells have none
        for side in ("treated", "control") if part is not None else ():
            influence[part[f"{side}_idx"], column] += part[f"{side}_inf"]
    label = np.array([(int(g), int(t)) for g, t in found])
    sizes = dict(zip(*np.unique(cohorts, return_counts=True), strict=True))
    cells = Cells(
        cohort=label[:, 0],
        time=label[:, 1],
        mass=np.array([sizes[g] for g in label[:, 0]], dtype=float),
        value=np.array([float(effect["effect"]) for effect in found.values()]),
        influence=influence,
        unit_cohort=cohorts,
    )
    return cells, len(result.group_time_effects) - len(found)


def _imputed(model: Any, data: pd.DataFrame, covariates: list[str], events: bool) -> pd.DataFrame:
    result = model.fit(
        data, outcome="outcome", unit="unit", time="time", first_treat="cohort",
        covariates=covariates or None,
    )  # fmt: skip
    rows = [("simple", float(result.overall_att), float(result.overall_se))]
    if events:
        table = result.aggregate("event_study").to_dataframe()
        table = table.loc[table["event_time"] >= 0, ["event_time", "att", "se"]]
        rows += [(f"event:{int(e)}", float(v), float(s)) for e, v, s in table.to_numpy()]
    return pd.DataFrame(rows, columns=["term", "value", "se"])


def _quietly(run: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Run the library; return its result and its warnings, each kind once with its count."""
    with python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always")
        result = run()
    kinds = Counter(re.sub(r"\d[\d.,]*", "#", " ".join(str(w.message).split())) for w in caught)
    return result, [f"diff-diff ({count}x): {text[:80]}…" for text, count in sorted(kinds.items())]
