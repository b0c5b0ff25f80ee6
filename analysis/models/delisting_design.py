"""Two designs for the effect of delisting, who is compared in them, and what they can detect.

D1 compares designated counties with those delisted later, D2 with counties that were never
designated. Neither is an experiment: the order of delisting follows disadvantage, and poor counties
were catching up before. Balance, overlap and the power of the pre-trend test belong to the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.models.delisting import EventStudy, att_estimates, event_study
from analysis.models.delisting_sensitivity import pretrend_test
from analysis.models.delisting_terms import term_weights
from analysis.panel_input import input_violations, raise_violations
from analysis.truth import Truth, delisting_effect

SPLIT_YEAR = 2020
"""From this year on no designated county is left untreated; effects are shown apart."""


class Design(NamedTuple):
    """Labels of a design, its controls, and what has to be said with its estimates."""

    label_en: str
    label_zh: str
    controls: str
    caveat_en: str
    caveat_zh: str


DESIGNS: Mapping[str, Design] = {
    "D1": Design(
        "D1: delisted later", "D1：以更晚摘帽县为对照", "not_yet",
        "Designated counties only, compared with those not yet delisted, up to the year before the "
        "last cohort is. Delisting went from the less to the more disadvantaged, so that the "
        "comparison rests on the conditional baseline.",
        "仅含贫困县，以尚未摘帽的县为对照，截至最后一批摘帽的前一年。摘帽顺序由轻到重，"
        "因此比较依赖于对基期条件的控制。",
    ),
    "D2": Design(
        "D2: never designated", "D2：以非贫困县为对照", "never",
        "Designated counties compared with rural counties that were never designated: an "
        "extrapolation from other, richer counties by the conditional baseline. From 2020 on no "
        "designated county is left untreated.",
        "以从未列为贫困县的乡村县为对照：借助基期条件从较富裕的县外推。"
        "自 2020 年起已无尚未摘帽的贫困县。",
    ),
}  # fmt: skip


def design_sample(
    panel: pd.DataFrame,
    design: str,
    *,
    unit: str = "code",
    time: str = "year",
    cohort: str = "delisted_year",
    sample: str | None = "rural_2010",
    last_year: int | None = None,
    anticipation: int = 0,
) -> pd.DataFrame:
    """Return the rows of a design.

    Parameters
    ----------
    panel : DataFrame
        County panel; designated counties have a cohort. Not changed.
    design : str
        ``"D1"`` or ``"D2"``.
    unit, time, cohort : str
        Columns.
    sample : str, optional
        Boolean column of the never designated to keep; None for all of them.
    last_year : int, optional
        Default: the panel's last year. D1 ends the year before the last cohort is treated, by
        `anticipation` years earlier. D2 leaves out the cohorts treated after the last year, which
        were designated and are no controls there.
    anticipation : int
        Years before delisting in which an effect may already show.

    Returns
    -------
    DataFrame
        A subset of the rows of `panel`.

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    found = input_violations(
        panel, keys=(unit, time), numeric=[], present=[cohort, *([sample] if sample else [])]
    )
    if design not in DESIGNS:
        found.append(f"design '{design}' is unknown: use {list(DESIGNS)}")
    raise_violations("the county panel", found)
    designated = panel[cohort].notna()
    years = panel[time] <= (panel[time].max() if last_year is None else last_year)
    if design == "D1":
        end = int(panel.loc[designated, cohort].max()) - 1 - anticipation
        return panel[designated & years & (panel[time] <= end)]
    treated = (panel[cohort] <= panel.loc[years, time].max()).fillna(False).astype(bool)
    others = ~designated & (panel[sample].astype(bool) if sample else True)
    return panel[(treated | others) & years]


def estimate_designs(
    panel: pd.DataFrame,
    *,
    outcome: str,
    designs: Sequence[str] = tuple(DESIGNS),
    sample: str | None = "rural_2010",
    last_year: int | None = None,
    anticipation: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """Estimate the effect of delisting in several designs.

    Parameters
    ----------
    panel, sample, last_year, anticipation
        As in `design_sample`.
    outcome : str
        Numeric column.
    designs : sequence of str
        Names from `DESIGNS`.
    **options
        Arguments of `delisting.att_estimates`, e.g. baseline, estimators, clusters; `controls` and
        `split` (2020) are set here.

    Returns
    -------
    DataFrame
        design, then the columns of `delisting.att_estimates`. ``before:2020`` of D2 has the
        cohorts and years of D1's ``simple``, so that the two can be compared.
    """
    tables = []
    for name in designs:
        rows = design_sample(
            panel, name, sample=sample, last_year=last_year, anticipation=anticipation,
            **_columns(options),
        )  # fmt: skip
        table = att_estimates(
            rows, outcome=outcome, controls=DESIGNS[name].controls, anticipation=anticipation,
            split=SPLIT_YEAR, **options,
        )  # fmt: skip
        table.insert(0, "design", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def design_studies(
    panel: pd.DataFrame,
    *,
    outcome: str,
    designs: Sequence[str] = tuple(DESIGNS),
    estimators: Sequence[str] = ("callaway_santanna", "callaway_santanna_raw"),
    clusters: Sequence[str] = ("code", "province"),
    sample: str | None = "rural_2010",
    last_year: int | None = None,
    anticipation: int = 0,
    **options: Any,
) -> dict[tuple[str, str, str], EventStudy]:
    """Return the event studies of several designs, for the pre-trend test and honest bounds.

    Parameters
    ----------
    panel, outcome, designs, sample, last_year, anticipation
        As in `estimate_designs`.
    estimators : sequence of str
        Callaway-Sant'Anna or Sun-Abraham, conditional or not.
    clusters : sequence of str
        Cluster columns.
    **options
        Arguments of `delisting.event_study`: baseline, unit, time, cohort, unbalanced.

    Returns
    -------
    dict
        Event study by (design, estimator, cluster).
    """
    studies = {}
    for name in designs:
        rows = design_sample(
            panel, name, sample=sample, last_year=last_year, anticipation=anticipation,
            **_columns(options),
        )  # fmt: skip
        for estimator in estimators:
            for cluster in clusters:
                studies[name, estimator, cluster] = event_study(
                    rows, outcome=outcome, estimator=estimator, cluster=cluster,
                    controls=DESIGNS[name].controls, anticipation=anticipation, **options,
                )  # fmt: skip
    return studies


def pretrend_designs(
    panel: pd.DataFrame,
    *,
    outcome: str,
    drift: tuple[str, float] | None = None,
    leads: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Test earlier trends in several designs, with the power of each test.

    Parameters
    ----------
    panel, outcome, **options
        As in `design_studies`.
    drift : tuple of (str, float), optional
        Column and yearly growth per unit of it against which power is computed, e.g.
        ``("disadvantage", 0.0105)``: the departure that this growth causes in the estimator
        without baseline controls. Default: the slope that would produce the estimate.
    leads : int, optional
        Use the last so many leads.

    Returns
    -------
    DataFrame
        design, estimator, cluster_by and the columns of `delisting_sensitivity.pretrend_test`.
    """
    studies = design_studies(panel, outcome=outcome, **options)
    departures: dict[tuple[str, str], Mapping[int, float]] = {}
    if drift is not None:
        departures = _departures(panel, list(studies), drift, options)
    rows = []
    for (design, estimator, cluster), study in studies.items():
        stated = departures.get((design, estimator))
        row = pretrend_test(study, leads=leads, stated=stated).drop(columns="label")
        rows.append(row.assign(design=design, estimator=estimator, cluster_by=cluster))
    table = pd.concat(rows, ignore_index=True)
    first = ["design", "estimator", "cluster_by"]
    return table[[*first, *(c for c in table if c not in first)]]


def true_effects(truth: Truth, rows: pd.DataFrame, *, split: int = SPLIT_YEAR) -> pd.DataFrame:
    """Average the true effects as the estimators average their estimates.

    Parameters
    ----------
    truth : Truth
        Parameters of the simulated panel.
    rows : DataFrame
        Rows of a design: code, year, delisted_year.
    split : int
        As in `delisting_terms.term_weights`.

    Returns
    -------
    DataFrame
        term, truth; effects of anticipation included in the terms before delisting.
    """
    cohort, time, size = _treated_cells(rows)
    effect = delisting_effect(truth, cohort, time)
    weights = term_weights(cohort, time, size, split=split)
    return pd.DataFrame({
        "term": list(weights), "truth": [float(w @ effect) for w in weights.values()]
    })  # fmt: skip


def share_from(rows: pd.DataFrame, *, year: int = SPLIT_YEAR) -> pd.DataFrame:
    """Return how much of each term rests on the years from `year` on.

    Parameters
    ----------
    rows : DataFrame
        Rows of a design: code, year, delisted_year.
    year : int
        First of the years.

    Returns
    -------
    DataFrame
        term, share_from (0 to 1).
    """
    cohort, time, size = _treated_cells(rows)
    weights = term_weights(cohort, time, size)
    shares = [float(w[time >= year].sum()) for w in weights.values()]
    return pd.DataFrame({"term": list(weights), "share_from": shares})


def _treated_cells(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cohort, year and counties of each cell of the cohorts treated within the window."""
    treated = rows[rows["delisted_year"].notna() & (rows["delisted_year"] <= rows["year"].max())]
    sizes = treated.groupby(["delisted_year", "year"])["code"].nunique()
    cohort, time = (sizes.index.get_level_values(i).to_numpy(dtype=int) for i in (0, 1))
    return cohort, time, sizes.to_numpy(dtype=float)


def _departures(
    panel: pd.DataFrame,
    keys: Sequence[tuple[str, str, str]],
    drift: tuple[str, float],
    options: Mapping[str, Any],
) -> dict[tuple[str, str], Mapping[int, float]]:
    """Return, by design and estimator, the event study of the drift alone."""
    variable, rate = drift
    unit, time = options.get("unit", "code"), options.get("time", "year")
    raise_violations(
        "the county panel",
        input_violations(panel, keys=(unit, time), numeric=[variable], present=[]),
    )
    own = {k: v for k, v in options.items() if k not in {"baseline", "clusters", "estimators"}}
    plain = {name: _without_baseline(name) for _, name, _ in keys}
    studies = design_studies(
        panel.assign(drift=rate * panel[variable] * (panel[time] - panel[time].min())),
        outcome="drift", estimators=tuple(set(plain.values())), clusters=(unit,), **own,
    )  # fmt: skip
    departures: dict[tuple[str, str], Mapping[int, float]] = {}
    for design, name, _ in keys:
        study = studies[design, plain[name], unit]
        departures[design, name] = dict(zip(study.event_times.tolist(), study.values, strict=True))
    return departures


def _without_baseline(estimator: str) -> str:
    family = "sun_abraham" if estimator.startswith("sun_abraham") else "callaway_santanna"
    return f"{family}_raw"


def _columns(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: options[name] for name in ("unit", "time", "cohort") if name in options}
