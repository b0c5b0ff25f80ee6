"""Report of the regional gaps: decompositions, convergence and mobility as tables to be saved.

Composes `regional_gaps`, `distributions`, `convergence` and `spatial_markov` for one
variable of the linkage index; no formula stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.models.convergence import beta_convergence
from analysis.models.distributions import density_by_year
from analysis.models.regional_gaps import decompose_by_year
from analysis.models.spatial_markov import SpatialMarkov, neighbour_pairs, spatial_markov
from analysis.models.spatial_weights import SpatialWeights
from analysis.models.transitions import transition_table

PLACE = ("code", "year", "province", "region", "designated")
UNWEIGHTED = "none"
CLUSTER = "province"
"""Level at which errors of convergence are clustered: counties of a province move together."""
LEAST_INTERVALS = 2
"""County effects need a county to be seen over so many intervals."""


def index_panel(
    index: pd.DataFrame, counties: pd.DataFrame, columns: Sequence[str] = ()
) -> pd.DataFrame:
    """Join the index with the place of each county and further columns of the county panel.

    Parameters
    ----------
    index, counties : DataFrame
        `linkage_index` and `county_panel`, one row per code and year. Not changed.
    columns : sequence of str
        Columns of `counties`; `none` is ignored, so that weights can be handed in.

    Returns
    -------
    DataFrame
        The rows of the index.
    """
    chosen = [c for c in columns if c != UNWEIGHTED and c not in (*PLACE, *index)]
    known = counties[list(dict.fromkeys([*PLACE, *chosen]))]
    return index.merge(known, on=["code", "year"], how="left", validate="one_to_one")


def decompositions(
    panel: pd.DataFrame, *, variable: str, groupings: Sequence[str], weights: Sequence[str]
) -> pd.DataFrame:
    """Decompose the inequality of one variable under several weights.

    Parameters
    ----------
    panel : DataFrame
        From `index_panel`. Not changed.
    variable : str
        Column on a ratio scale.
    groupings : sequence of str
        Columns that divide the counties.
    weights : sequence of str
        Columns, or `none`: counties count equally.

    Returns
    -------
    DataFrame
        As `regional_gaps.decompose_by_year`, which `gap_figures.decomposition_plot` draws.
    """
    named = [None if name == UNWEIGHTED else name for name in weights]
    tables = [
        decompose_by_year(panel, values=[variable], groups=groupings, weight=name) for name in named
    ]
    return pd.concat(tables, ignore_index=True)


def saved_decompositions(table: pd.DataFrame) -> pd.DataFrame:
    """Return a decomposition with the column names of its contract, shares in percent."""
    renamed = table.rename(columns={"value": "estimate", "weight": "weighted_by"})
    shares = {"share_of_total": 100 * renamed.pop("share")}
    return renamed.assign(weighted_by=renamed["weighted_by"].replace("", UNWEIGHTED), **shares)


def years_apart(panel: pd.DataFrame, interval: int) -> list[int]:
    """Return the first year of the panel and every `interval`-th one after it."""
    first, last = int(panel["year"].min()), int(panel["year"].max())
    return list(range(first, last + 1, interval))


def convergence(
    panel: pd.DataFrame, *, variables: Sequence[str], years: Sequence[int], controls: Sequence[str]
) -> pd.DataFrame:
    """Estimate absolute and conditional convergence, and with county effects where possible.

    Parameters
    ----------
    panel : DataFrame
        From `index_panel` with the controls. Not changed.
    variables : sequence of str
        Positive columns; growth is that of the logarithm.
    years : sequence of int
        Ends of the intervals.
    controls : sequence of str
        Columns held fixed, beside province effects, in conditional convergence.

    Returns
    -------
    DataFrame
        Rows of `convergence.beta_convergence`. County effects need `LEAST_INTERVALS` intervals, so
        two census years give no such row.
    """
    options: list[dict[str, Any]] = [{}, {"controls": controls, "effects": "province"}]
    if len(years) > LEAST_INTERVALS:
        options.append({"effects": "code"})
    rows = [
        beta_convergence(panel, value=variable, years=years, cluster=CLUSTER, **own)
        for variable in variables
        for own in options
    ]
    return pd.concat(rows, ignore_index=True)


def saved_convergence(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of convergence with the column names of their contract."""
    names = {"model": "convergence", "units": "entities", "effects": "absorbed"}
    renamed = rows.rename(columns=names)
    absorbed = renamed["absorbed"].replace({"": "none", "code": "county"})
    return renamed.assign(absorbed=absorbed, controls=renamed["controls"].replace("", "none"))


def densities(
    panel: pd.DataFrame, *, variable: str, grouping: str, years: Sequence[int]
) -> pd.DataFrame:
    """Estimate densities on [0, 1] by group and year, with one bandwidth for all."""
    return density_by_year(panel, value=variable, group=grouping, years=years).assign(
        grouping=grouping
    )


def mobility(
    panel: pd.DataFrame,
    weights: SpatialWeights,
    *,
    variable: str,
    years: Sequence[int],
    classes: int,
) -> tuple[SpatialMarkov, pd.DataFrame]:
    """Count moves between quantile classes from each of `years` to the next, given neighbours.

    Parameters
    ----------
    panel : DataFrame
        From `index_panel`. Not changed.
    weights : SpatialWeights
        Neighbours; counties without a polygon have none and are not counted.
    variable : str
        Column that is classed.
    years : sequence of int
        Equally spaced; only moves between two that follow each other count, so none overlap.
    classes : int
        Quantile classes of each year: a county rises only past another.

    Returns
    -------
    tuple of SpatialMarkov and DataFrame
        The counts with their test, and `transitions.transition_table` for all neighbours together
        and for each class of them.
    """
    chosen = panel[panel["year"].isin(years)]
    result = spatial_markov(
        chosen, value=variable, neighbours=neighbour_pairs(weights), classes=classes,
        step=years[1] - years[0],
    )  # fmt: skip
    conditions = {str(c): counts for c, counts in result.by_neighbours.items()}
    return result, transition_table({"all": result.counts, **conditions})
