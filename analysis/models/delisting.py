"""Effects of delisting by the modern difference-in-differences estimators, in one tidy table.

Callaway-Sant'Anna, Sun-Abraham, imputation and two-way fixed effects on one sample, with errors
clustered at every level asked for; the event study with its joint variance, and the Bacon
decomposition. Conventions that differ between packages are stated at `att_estimates`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.models.delisting_input import StaggeredSample, staggered_sample
from analysis.models.delisting_library import Choices, bacon_pairs, callaway_santanna, imputation
from analysis.models.delisting_regression import sun_abraham, two_way
from analysis.models.delisting_terms import (
    SHARES,
    Fit,
    Inference,
    clustered,
    term_table,
    without_events,
)
from analysis.panel_input import raise_violations


class Estimator(NamedTuple):
    """Labels of an estimator, what runs it, and whether it uses the baseline controls."""

    label_en: str
    label_zh: str
    runs: str
    conditional: bool


ESTIMATORS: Mapping[str, Estimator] = {
    "callaway_santanna": Estimator(
        "Callaway–Sant'Anna, regression adjustment", "Callaway–Sant'Anna（回归调整）", "reg", True
    ),
    "callaway_santanna_dr": Estimator(
        "Callaway–Sant'Anna, doubly robust", "Callaway–Sant'Anna（双重稳健）", "dr", True
    ),
    "callaway_santanna_raw": Estimator(
        "Callaway–Sant'Anna, unconditional", "Callaway–Sant'Anna（无条件）", "reg", False
    ),
    "sun_abraham": Estimator("Sun–Abraham", "Sun–Abraham", "sun_abraham", True),
    "sun_abraham_raw": Estimator(
        "Sun–Abraham, unconditional", "Sun–Abraham（无条件）", "sun_abraham", False
    ),
    "imputation": Estimator("Imputation", "插补法", "imputation", True),
    "imputation_raw": Estimator(
        "Imputation, unconditional", "插补法（无条件）", "imputation", False
    ),
    "two_way": Estimator("Two-way fixed effects", "双向固定效应", "two_way", True),
    "two_way_raw": Estimator(
        "Two-way fixed effects, unconditional", "双向固定效应（无条件）", "two_way", False
    ),
}
"""All estimators; conditional ones use the baseline controls, if there are any."""
DEFAULT_ESTIMATORS = ("callaway_santanna", "sun_abraham", "imputation", "two_way")
BASES = ("universal", "varying")


@dataclass(frozen=True, kw_only=True)
class EventStudy:
    """Event-time effects with their joint variance; input of the pre-trend test and honest bounds.

    Attributes
    ----------
    event_times : ndarray of int, shape (k,)
        Ascending; without the reference period.
    values : ndarray, shape (k,)
        Estimates.
    covariance : ndarray, shape (k, k)
        Clustered variance.
    reference : int
        Reference period, -1 without anticipation.
    df : float
        Degrees of freedom of t and F references, clusters minus one; infinity for normal theory.
    label : str
        Estimator and cluster.
    """

    event_times: np.ndarray
    values: np.ndarray
    covariance: np.ndarray
    reference: int = -1
    df: float = np.inf
    label: str = ""


def att_estimates(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "code",
    time: str = "year",
    cohort: str = "delisted_year",
    baseline: Sequence[str] = (),
    regressors: Sequence[str] = (),
    estimators: Sequence[str] = DEFAULT_ESTIMATORS,
    clusters: Sequence[str] | None = None,
    controls: str = "never",
    base_period: str = "universal",
    anticipation: int = 0,
    split: int | None = None,
    shares: str = "did",
    events: bool = True,
    cells: bool = False,
    unbalanced: str = "refuse",
    smallest_cohort: int = 2,
    inference: Inference | None = None,
) -> pd.DataFrame:
    """Estimate effects of a staggered treatment by several estimators and cluster levels.

    Parameters
    ----------
    frame, outcome, unit, time, cohort, baseline, regressors, controls, unbalanced, smallest_cohort
        As in `delisting_input.staggered_sample`. Baseline controls enter Callaway-Sant'Anna as
        covariates of the untreated change, the other estimators as interactions with the periods.
        Regressors (not for Callaway-Sant'Anna) enter as they are.
    estimators : sequence of str
        Names from `ESTIMATORS`.
    clusters : sequence of str, optional
        Columns by which errors are clustered; default: the unit and, if there is one, `province`.
    base_period : str
        Of Callaway-Sant'Anna: ``"universal"`` compares every period with the last untreated one,
        ``"varying"`` compares periods before treatment with the one before them.
    anticipation : int
        The base lies this many periods earlier; averages still start at treatment.
    split : int, optional
        Adds simple averages of the periods before and from this one.
    shares : str
        Influence of the cohort shares on the term ``group``: ``"did"`` as in R's did, which counts
        the shares of all cohorts at the first one's units, ``"exact"`` each at its own. They
        differ by .25 % of the standard error in did's example; no other term is concerned.
    events : bool
        False: only overall averages, those of `split` and regressors, which is faster.
    cells : bool
        Also return the effects by cohort and period, terms ``cell:<cohort>,<period>``
        (Callaway-Sant'Anna).
    inference : Inference, optional
        Intervals, bands and bootstrap; `delisting_terms.FAST` for intervals only.

    Returns
    -------
    DataFrame
        One row per estimator, cluster level and term: estimator, then the columns of
        `delisting_terms.term_table`. Terms: simple, dynamic, group, calendar (overall averages),
        event:e, group:g, calendar:t, before/from:<split>. Imputation gives simple and event:e >= 0,
        two-way fixed effects simple only (which is not an average of effects with equal weights).

    Raises
    ------
    ValueError
        Lists every violation of the input.

    Notes
    -----
    Standard errors: Callaway-Sant'Anna from influence functions including that of the cohort
    shares, as R's did without bootstrap where clusters are units, times G/(G-1) where they are
    coarser; Sun-Abraham and two-way as fixest, G/(G-1) x (N-1)/(N-K) with nested unit effects not
    counted; imputation by theorem 3 of Borusyak et al. (conservative, cohort x horizon means).
    Intervals from t (R's did: normal) with G-1 degrees of freedom by unit; by larger clusters with
    one less than the effective number of clusters (`delisting_terms.effective_clusters`), since few
    provinces carry a comparison: with G-1 the simulated coverage in D1 was .91. Bands over the
    event, group and calendar terms: sup-t from the joint variance; Sidak for imputation.

    References
    ----------
    Callaway & Sant'Anna (2021) and Sun & Abraham (2021), Journal of Econometrics 225(2); Borusyak,
    Jaravel & Spiess (2024), Review of Economic Studies 91(6).
    """
    _check_estimators(estimators, base_period, shares, regressors)
    if clusters is None:
        clusters = (unit, *(name for name in ("province",) if name in frame))
    sample = staggered_sample(
        frame, outcome=outcome, unit=unit, time=time, cohort=cohort, baseline=baseline,
        regressors=regressors, clusters=clusters, controls=controls, anticipation=anticipation,
        unbalanced=unbalanced, smallest_cohort=smallest_cohort,
    )  # fmt: skip
    choices = Choices(
        controls=controls, base_period=base_period, anticipation=anticipation, split=split,
        cells=cells, shares=shares, events=events,
    )  # fmt: skip
    tables = []
    for name in estimators:
        fit = _fit(sample, ESTIMATORS[name], choices)
        fit = fit if events else without_events(fit)
        table = term_table(fit, sample.clusters, inference=inference or Inference())
        table.insert(0, "estimator", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def event_study(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "code",
    time: str = "year",
    cohort: str = "delisted_year",
    baseline: Sequence[str] = (),
    estimator: str = "callaway_santanna",
    cluster: str | None = None,
    controls: str = "never",
    anticipation: int = 0,
    unbalanced: str = "refuse",
) -> EventStudy:
    """Estimate event-time effects against a universal base with their joint variance.

    Parameters
    ----------
    frame, outcome, unit, time, cohort, baseline, controls, anticipation, unbalanced
        As in `att_estimates`.
    estimator : str
        Name from `ESTIMATORS`; imputation and two-way fixed effects have no such variance.
    cluster : str, optional
        Column by which errors are clustered; default: the unit.

    Returns
    -------
    EventStudy

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    _check_estimators([estimator], "universal", "did", ())
    if ESTIMATORS[estimator].runs in {"imputation", "two_way"}:
        raise ValueError(f"estimator '{estimator}' has no event study: use callaway_santanna")
    cluster = cluster or unit
    sample = staggered_sample(
        frame, outcome=outcome, unit=unit, time=time, cohort=cohort, baseline=baseline,
        clusters=(cluster,), controls=controls, anticipation=anticipation, unbalanced=unbalanced,
    )  # fmt: skip
    choices = Choices(controls=controls, anticipation=anticipation)
    fit = _fit(sample, ESTIMATORS[estimator], choices)
    sums, factor = clustered(fit, sample.clusters[cluster])
    event = [i for i, name in enumerate(fit.names) if name.startswith("event:")]
    event = [i for i in event if (sums[:, i] != 0).any()]
    times = np.array([int(fit.names[i].removeprefix("event:")) for i in event])
    return EventStudy(
        event_times=times,
        values=fit.values[event],
        covariance=factor * sums[:, event].T @ sums[:, event],
        reference=-1 - anticipation,
        df=float(len(sums) - 1),
        label=f"{estimator}, clustered by {cluster}",
    )


def bacon_decomposition(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str = "code",
    time: str = "year",
    cohort: str = "delisted_year",
    pairs: bool = False,
    unbalanced: str = "refuse",
) -> pd.DataFrame:
    """Decompose two-way fixed effects into its comparisons of two groups and two periods.

    Parameters
    ----------
    frame, outcome, unit, time, cohort, unbalanced
        As in `att_estimates`; the panel must be balanced (or be made so by ``"drop"``).
    pairs : bool
        Return every comparison instead of the sums by kind.

    Returns
    -------
    DataFrame
        comparison (treated_vs_never, earlier_vs_later: later ones serve as controls before they
        are treated, later_vs_earlier: the already treated serve as controls, and two_way: the
        whole), weight (sums to 1), estimate (weighted mean within the kind); with `pairs` also
        treated and control, the cohorts (0: never).

    References
    ----------
    Goodman-Bacon (2021), Journal of Econometrics 225(2), theorem 1; exact weights.
    """
    sample = staggered_sample(
        frame, outcome=outcome, unit=unit, time=time, cohort=cohort, clusters=(),
        unbalanced=unbalanced if unbalanced == "drop" else "refuse", controls="not_yet",
        smallest_cohort=1,
    )  # fmt: skip
    table = bacon_pairs(sample)
    if pairs:
        return table
    parts = table.assign(product=table["weight"] * table["estimate"]).groupby("comparison")
    sums = parts[["weight", "product"]].sum()
    kinds = pd.DataFrame({"weight": sums["weight"], "estimate": sums["product"] / sums["weight"]})
    kinds.loc["two_way"] = [sums["weight"].sum(), sums["product"].sum()]
    return kinds.rename_axis("comparison").reset_index()


def _check_estimators(
    estimators: Sequence[str], base_period: str, shares: str, regressors: Sequence[str]
) -> None:
    found = [
        f"estimator '{name}' is unknown: use {list(ESTIMATORS)}"
        for name in estimators if name not in ESTIMATORS
    ]  # fmt: skip
    if base_period not in BASES:
        found.append(f"base_period '{base_period}' is unknown: use {list(BASES)}")
    if shares not in SHARES:
        found.append(f"shares '{shares}' is unknown: use {list(SHARES)}")
    if regressors and (taken := [e for e in estimators if e.startswith("callaway")]):
        found.append(f"{', '.join(taken)} takes no regressors that vary: use baseline controls")
    raise_violations("the options", found)


def _fit(sample: StaggeredSample, estimator: Estimator, choices: Choices) -> Fit:
    runs, conditional = estimator.runs, estimator.conditional
    if runs == "two_way":
        return two_way(sample, conditional=conditional)
    if runs == "sun_abraham":
        return sun_abraham(
            sample, conditional=conditional, anticipation=choices.anticipation, split=choices.split
        )
    if runs == "imputation":
        return imputation(sample, conditional=conditional, choices=choices)
    return callaway_santanna(sample, method=runs, conditional=conditional, choices=choices)
