"""Tests of the regional gaps as one table: equal variances, equal mobility between classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.models.distributions import variance_test
from analysis.models.quantile_classes import assign_classes
from analysis.models.spatial_markov import SpatialMarkov
from analysis.models.transitions import (
    HomogeneityTest,
    homogeneity_test,
    transition_counts,
    transition_counts_by_period,
)

LEAST_YEARS = 2
"""With more years than these there are several periods whose mobility can be compared."""


class ChiSquared(NamedTuple):
    """One test: its statistic is chi-squared with test_df degrees if the hypothesis holds."""

    test: str
    test_statistic: float
    test_df: float
    p_value: float
    n: int
    note: str


def gap_tests(
    panel: pd.DataFrame,
    markov: SpatialMarkov,
    *,
    variables: Sequence[str],
    years: Sequence[int],
    groupings: Sequence[str],
) -> pd.DataFrame:
    """Test whether the spread changed and whether mobility is the same for everybody.

    Parameters
    ----------
    panel : DataFrame
        From `regional_gaps_report.index_panel`. Not changed.
    markov : SpatialMarkov
        From `regional_gaps_report.mobility`.
    variables : sequence of str
        Columns whose spread is compared; the first is that of `markov`.
    years : sequence of int
        As for `regional_gaps_report.mobility`.
    groupings : sequence of str
        Columns whose groups are tested for the same mobility.

    Returns
    -------
    DataFrame
        test, test_statistic, test_df, p_value, n, note.
    """
    step = years[1] - years[0]
    chosen = panel[panel["year"].isin(years)]
    states = list(range(1, len(markov.counts) + 1))
    chosen = chosen.assign(state=assign_classes(chosen, value=variables[0], classes=len(states)))
    rows = [row for name in variables for row in _variance_rows(panel, name, years[0], years[-1])]
    rows += _mobility_rows("neighbours", markov.test, [markov.counts])
    for name in groupings:
        parts = [
            transition_counts(part, state="state", step=step, states=states)
            for _, part in chosen.groupby(name)
        ]
        rows += _mobility_rows(name, homogeneity_test(parts), parts)
    if len(years) > LEAST_YEARS:
        spans = list(pairwise(years))
        periods = transition_counts_by_period(chosen, periods=spans, state="state", step=step)
        rows += _mobility_rows("period", homogeneity_test(periods), list(periods.values()))
    return pd.DataFrame(rows)


def _variance_rows(panel: pd.DataFrame, variable: str, first: int, last: int) -> list[ChiSquared]:
    logs = panel.assign(**{variable: np.log(panel[variable].where(panel[variable] > 0))})
    rows = []
    for name, frame in ((variable, panel), (f"log {variable}", logs)):
        test = variance_test(frame, value=variable, first=first, last=last)
        note = f"standard deviation {test.sd_first:.4f} → {test.sd_last:.4f}"
        row = (f"same variance of {name}", test.statistic, 1.0, test.p_value, test.n, note)
        rows.append(ChiSquared(*row))
    return rows


def _mobility_rows(
    name: str, test: HomogeneityTest, counts: Sequence[pd.DataFrame]
) -> list[ChiSquared]:
    moves = sum(int(table.to_numpy().sum()) for table in counts)
    note = f"{test.small_share:.0%} of expected counts below 5; moves are not independent"
    pairs = (
        ("LR", test.likelihood_ratio, test.p_likelihood_ratio), ("Q", test.pearson, test.p_pearson),
    )  # fmt: skip
    return [
        ChiSquared(f"same mobility by {name}, {kind}", value, float(test.df), p, moves, note)
        for kind, value, p in pairs
    ]
