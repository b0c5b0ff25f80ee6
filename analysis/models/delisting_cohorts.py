"""Change of census outcomes by year of delisting, against counties that never were on the list.

Two censuses give one change for each county, and at the second all are delisted: the only
comparison is with the never designated, and no earlier trend can be tested. Every row says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.long_difference import UNITS
from analysis.models.delisting import att_estimates
from analysis.models.delisting_design import design_sample
from analysis.models.delisting_report import CLUSTER, as_saved
from analysis.models.multiple_testing import adjust_families
from analysis.panel_input import input_violations, raise_violations

CENSUS_YEARS = (2010, 2020)
NO_PRETREND = "two years: no earlier trend can be tested"
RUNGS = {"callaway_santanna_raw": "none", "callaway_santanna": "level and baseline"}
"""Estimators, and what they hold fixed."""
COLUMNS = (
    "outcome", "term", "controls", "estimate", "se", "p_value", "p_holm", "p_benjamini_hochberg",
    "family_size", "ci_low", "ci_high", "unit", "n", "n_treated", "cluster", "clusters",
    "note",
)  # fmt: skip


def cohort_outcomes(
    panel: pd.DataFrame,
    counties: pd.DataFrame,
    outcomes: Sequence[str],
    *,
    baseline: Sequence[str],
    years: tuple[int, int] = CENSUS_YEARS,
) -> pd.DataFrame:
    """Compare the change of outcomes in each cohort with that of the never designated.

    Parameters
    ----------
    panel : DataFrame
        Of `county_years.annual_panel`: the counties that are compared, and their baseline.
    counties : DataFrame
        `county_panel`, which holds the outcomes in both years.
    outcomes : sequence of str
        Numeric columns of `counties`.
    baseline : sequence of str
        Columns of `panel`; the outcome's own level in the first year is always added to them.
    years : tuple of int
        First and last year.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, for each outcome with controls ``none`` and ``level and baseline``: terms
        ``group:<year of delisting>`` and ``simple``, the mean over the designated. Errors by
        province, intervals from t with the effective number of provinces; p-values adjusted
        over all cohorts and outcomes of the same controls.

    Raises
    ------
    ValueError
        Lists outcomes that are no numeric columns, and years that the counties lack.

    Notes
    -----
    With one change per county the estimate is the cohort's mean change less that of the never
    designated or, given the baseline, less what a regression of the change on the baseline among
    the never designated predicts for the cohort.
    """
    found = input_violations(counties, keys=("code", "year"), numeric=list(outcomes), present=[])
    found += [
        f"year {y} is missing: choose other years" for y in years if y not in {*counties["year"]}
    ]
    raise_violations("the county panel", found)
    known = panel.drop_duplicates("code").drop(columns=["year", "outcome"])
    tables = [_changes(known, counties, name, list(baseline), years) for name in outcomes]
    table = pd.concat(tables, ignore_index=True)
    tests = adjust_families(table.assign(family=table["controls"]))
    return tests[list(COLUMNS)]


def _changes(
    known: pd.DataFrame,
    counties: pd.DataFrame,
    outcome: str,
    baseline: list[str],
    years: tuple[int, int],
) -> pd.DataFrame:
    """Return the rows of one outcome."""
    values = counties.pivot(index="code", columns="year", values=outcome)[list(years)].dropna()
    rows = values.reset_index().melt(id_vars="code", var_name="year", value_name="outcome")
    rows["year"] = rows["year"].astype(int)
    rows = rows.merge(known, on="code").assign(level=lambda t: t["code"].map(values[years[0]]))
    rows = design_sample(rows, "D2")
    held = ["level", *(name for name in baseline if name != outcome)]
    table = att_estimates(
        rows, outcome="outcome", baseline=held, estimators=tuple(RUNGS), clusters=(CLUSTER,)
    )
    wanted = (table["term"] == "simple") | table["term"].str.startswith("group:")
    table = as_saved(table[wanted])
    sizes = rows.drop_duplicates("code")["delisted_year"].value_counts()
    sizes.index = "group:" + sizes.index.astype(str)
    treated = table["term"].map({**sizes, "simple": sizes.sum()}).astype(int)
    notes = table["note"].map(lambda note: "; ".join(filter(None, [NO_PRETREND, note])))
    return table.assign(
        outcome=outcome, controls=table["estimator"].map(RUNGS), unit=UNITS.get(outcome, ""),
        n_treated=treated, note=notes,
    )  # fmt: skip
