"""What stands beside the estimates of delisting, by design: who is compared, and what is known.

Balance and overlap of the cohorts, the comparisons inside two-way fixed effects, bounds under
departures from parallel trends, the index along which a catch-up is stated, and, where the panel is
simulated, the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.models.delisting import bacon_decomposition
from analysis.models.delisting_balance import cohort_balance, overlap_report
from analysis.models.delisting_design import (
    DESIGNS,
    design_sample,
    design_studies,
    share_from,
    true_effects,
)
from analysis.models.delisting_report import CLUSTER, HEADLINE, as_saved
from analysis.models.delisting_sensitivity import honest_bounds
from analysis.parameters import choose_profile
from analysis.truth import Truth, load_truth

if TYPE_CHECKING:
    from analysis.step import Step

SIMULATION, TRUE_OUTCOME = "simulation", "log_income"
MULTIPLES = (0.0, 0.5, 1.0)
"""Departures after delisting as multiples of the largest before, in the second set of bounds."""
SMALLEST_GAP = 1e-9
"""Below this the fitted share of the designated does not differ between the groups."""


def with_index(panel: pd.DataFrame, baseline: Sequence[str]) -> pd.DataFrame:
    """Add the direction of the baseline in which the designated differ from the others.

    Parameters
    ----------
    panel : DataFrame
        Of `county_years.annual_panel`. Not changed.
    baseline : sequence of str
        Columns constant within counties.

    Returns
    -------
    DataFrame
        With `baseline_index`: fitted values of a regression of designation on the baseline among
        the designated and the other rural counties (Fisher's discriminant), moved and scaled so
        that the mean of these others is 0 and that of the designated 1.

    Raises
    ------
    ValueError
        If designation does not vary, or is not related to the baseline.
    """
    counties = panel.drop_duplicates("code").set_index("code")
    designated = counties["designated"].to_numpy(dtype=bool)
    others = ~designated & counties["rural_2010"].to_numpy(dtype=bool)
    x = counties[list(baseline)].to_numpy(dtype=float)
    used = designated | others
    x = (x - x[used].mean(axis=0)) / x[used].std(axis=0)
    design = np.column_stack([np.ones(len(x)), x])
    fitted = design @ np.linalg.lstsq(design[used], designated[used].astype(float), rcond=None)[0]
    low = fitted[others].mean() if others.any() else np.nan
    gap = fitted[designated].mean() - low
    if not gap > SMALLEST_GAP:
        raise ValueError(
            f"baseline {list(baseline)} does not tell designated from other rural counties: "
            f"name other columns, or a sample that holds both"
        )
    index = pd.Series((fitted - low) / gap, index=counties.index)
    return panel.assign(baseline_index=panel["code"].map(index))


def design_rows(panel: pd.DataFrame, *, anticipation: int = 0) -> dict[str, pd.DataFrame]:
    """Return the rows of each design, as `delisting_design.design_sample` takes them."""
    return {name: design_sample(panel, name, anticipation=anticipation) for name in DESIGNS}


def truth_of(st: Step, *, outcome: str, transformation: str) -> Truth | None:
    """Return the parameters behind the county panel where the profile simulates it.

    Parameters
    ----------
    st : Step
        Reads `county_panel`.
    outcome, transformation : str
        The true effect is known for log income as it is.

    Returns
    -------
    Truth or None
        None where the panel is real, or another outcome is looked at.
    """
    source = choose_profile(st.project, st.profile).source(SIMULATION)
    if source is None or not st.simulated(["county_panel"]):
        return None
    known = (outcome, transformation) == (TRUE_OUTCOME, "none")
    return load_truth(st.project.source(source)) if known else None


def truth_lines(rows: Mapping[str, pd.DataFrame], truth: Truth | None) -> pd.DataFrame | None:
    """Return design, term, truth of the effects, None where the truth is not known."""
    return None if truth is None else _by_design(rows, lambda part, _: true_effects(truth, part))


def late_shares(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return design, term and share_from: what of a term rests on 2020 and later."""
    return _by_design(rows, lambda part, _: share_from(part))


def balance(rows: Mapping[str, pd.DataFrame], baseline: Sequence[str]) -> pd.DataFrame:
    """Return `delisting_balance.cohort_balance` of each design."""
    return _by_design(rows, lambda part, _: cohort_balance(part, baseline))


def overlap(rows: Mapping[str, pd.DataFrame], baseline: Sequence[str]) -> pd.DataFrame:
    """Return `delisting_balance.overlap_report` of each design."""
    table = _by_design(
        rows, lambda part, name: overlap_report(part, baseline, controls=DESIGNS[name].controls)
    )
    return table.rename(columns=lambda name: name.replace("difference", "largest_difference"))


def weights(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the Bacon decomposition of two-way fixed effects without controls in each design.

    In D1 the cohorts that are still on the list at its end stand where it says never treated.
    """
    table = _by_design(rows, lambda part, _: bacon_decomposition(part, outcome="outcome"))
    return as_saved(table)


def bounds(
    panel: pd.DataFrame,
    baseline: Sequence[str],
    departures: Sequence[float],
    *,
    anticipation: int = 0,
) -> pd.DataFrame:
    """Bound the mean effect of each design under departures of two kinds from parallel trends.

    Parameters
    ----------
    panel : DataFrame
        Of `county_years.annual_panel`.
    baseline : sequence of str
        Baseline controls of the headline estimator, whose errors are clustered by province.
    departures : sequence of float
        Changes of slope a year; the second kind takes `MULTIPLES`.

    Returns
    -------
    DataFrame
        design, estimator, cluster and the columns of `delisting_sensitivity.honest_bounds`.
    """
    studies = design_studies(
        panel, outcome="outcome", baseline=baseline, estimators=(HEADLINE,), clusters=(CLUSTER,),
        anticipation=anticipation,
    )  # fmt: skip
    kinds = {"smoothness": departures, "relative_magnitude": MULTIPLES}
    tables = [
        honest_bounds(study, method=method, sizes=sizes).assign(
            design=design, estimator=estimator, cluster=cluster
        )
        for (design, estimator, cluster), study in studies.items()
        for method, sizes in kinds.items()
    ]
    return as_saved(pd.concat(tables, ignore_index=True))


def _by_design(
    rows: Mapping[str, pd.DataFrame], report: Callable[[pd.DataFrame, str], pd.DataFrame]
) -> pd.DataFrame:
    """Stack the reports on the designs under a column design."""
    tables = []
    for name, part in rows.items():
        table = report(part, name)
        table.insert(0, "design", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
