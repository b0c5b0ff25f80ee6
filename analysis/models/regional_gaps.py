"""Gaps between groups of counties year by year, as tidy tables: parts of Gini and Theil.

One row per grouping, variable, year and component, so that a figure, a claim and a table read the
same numbers. The formulas are those of `analysis.models.inequality`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from analysis.models.inequality import (
    THEIL_L,
    THEIL_T,
    DagumDecomposition,
    EntropyDecomposition,
    dagum_decomposition,
    entropy_decomposition,
)
from analysis.panel_input import input_violations, raise_violations

MEASURES = ("dagum", "theil_t", "theil_l")
ALPHA = {"theil_t": THEIL_T, "theil_l": THEIL_L}
COMPONENTS = ("total", "within", "between", "overlap")


def decompose_by_year(
    panel: pd.DataFrame,
    *,
    values: Sequence[str],
    groups: Sequence[str],
    time: str = "year",
    weight: str | None = None,
    measures: Sequence[str] = MEASURES,
) -> pd.DataFrame:
    """Decompose each variable by each grouping in every year.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and year. Not changed.
    values : sequence of str
        Columns with numbers >= 0 on a ratio scale; > 0 for ``theil_l``. No logarithms: an index
        of shares needs the level.
    groups : sequence of str
        Columns that divide the units, e.g. ``region`` and ``designated``.
    time : str
        Column of the year.
    weight : str, optional
        Column of weights, e.g. population; counties count equally without.
    measures : sequence of str
        From `MEASURES`.

    Returns
    -------
    DataFrame
        grouping, variable, year, measure, component (total, within, between and, for ``dagum``,
        overlap), value, share (of the total, 0 to 1), n, left_out, n_groups, weight (name, empty
        where units count equally). Years in which a variable is wholly missing have no rows.

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    found = [f"measure '{m}' is unknown: use {MEASURES}" for m in measures if m not in MEASURES]
    rows = []
    for grouping, variable, year, part in _slices(panel, values, groups, time, weight, found):
        for measure in measures:
            result: DagumDecomposition | EntropyDecomposition
            if measure == "dagum":
                result = dagum_decomposition(part, value=variable, group=grouping, weight=weight)
            else:
                result = entropy_decomposition(
                    part, value=variable, group=grouping, weight=weight, alpha=ALPHA[measure]
                )
            shared = (grouping, variable, year, measure)
            counts = (result.n, result.left_out, len(result.groups), weight or "")
            for component in COMPONENTS[: 4 if measure == "dagum" else 3]:
                value = getattr(result, component)
                share = value / result.total if result.total > 0 else float("nan")
                rows.append((*shared, component, value, share, *counts))
    columns = ["grouping", "variable", "year", "measure", "component", "value", "share"]
    return pd.DataFrame(rows, columns=[*columns, "n", "left_out", "n_groups", "weight"])


def group_gaps_by_year(
    panel: pd.DataFrame,
    *,
    values: Sequence[str],
    groups: Sequence[str],
    time: str = "year",
    weight: str | None = None,
) -> pd.DataFrame:
    """Tabulate the Gini within each group and between each two groups in every year.

    Parameters
    ----------
    panel, values, groups, time, weight
        As for `decompose_by_year`.

    Returns
    -------
    DataFrame
        grouping, variable, year, kind (within, between), group, other (the poorer one; empty where
        kind is within), n and mean of `group` (missing where kind is between), gini (G_jj or G_jh),
        affluence (D_jh; missing where kind is within).

    Raises
    ------
    ValueError
        Lists every violation of the input.
    """
    tables = []
    for grouping, variable, year, part in _slices(panel, values, groups, time, weight, []):
        result = dagum_decomposition(part, value=variable, group=grouping, weight=weight)
        within = result.groups[["group", "n", "mean", "gini"]].assign(kind="within", other="")
        between = result.pairs.rename(columns={"richer": "group", "poorer": "other"})
        between = between[["group", "other", "gini", "affluence"]].assign(kind="between")
        both = pd.concat([within, between], ignore_index=True)
        tables.append(both.assign(grouping=grouping, variable=variable, year=year))
    columns = ["grouping", "variable", "year", "kind", "group", "other", "n", "mean", "gini"]
    if not tables:
        return pd.DataFrame(columns=[*columns, "affluence"])
    table = pd.concat(tables, ignore_index=True)[[*columns, "affluence"]]
    return table.astype({"group": str, "other": str, "n": "Int64"})


def _slices(
    panel: pd.DataFrame,
    values: Sequence[str],
    groups: Sequence[str],
    time: str,
    weight: str | None,
    found: list[str],
) -> Iterator[tuple[str, str, int, pd.DataFrame]]:
    """Yield grouping, variable, year and the rows of the year; check the panel first."""
    numeric = [*values, *([weight] if weight else [])]
    columns = [c for c in dict.fromkeys([time, *numeric, *groups]) if c in panel]
    numbered = panel[columns].assign(**{"row number": range(len(panel))})
    keys = ["row number"]
    problems = input_violations(numbered, keys=keys, numeric=[time, *numeric], present=groups)
    problems += [
        f"column '{v}': no value in any year: choose another variable"
        for v in values
        if v in panel and panel[v].isna().all()
    ]
    if not values or not groups:
        problems.append("no variable or no grouping is named: name at least one of each")
    raise_violations("the panel", [*found, *problems])
    for grouping in groups:
        for variable in values:
            known = panel.dropna(subset=[variable, time])
            for year in sorted(known[time].unique()):
                yield grouping, variable, int(year), known[known[time] == year]
