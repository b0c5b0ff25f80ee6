"""Measure poverty and inequality of households by groups, with errors of the survey design.

`measure` takes an Ibis table, which may lie in files, in DuckDB or on Spark, and a configuration.
The database sums integers by primary unit and group in one pass (a second, sorted one for each set
of groups gives the Gini coefficient); estimates and errors are made of the sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from analysis.households.config import HouseholdConfig
from analysis.households.design_checks import profile_rows, raise_unusable, unit_violations
from analysis.households.income_order import excess_sums, weighted_medians
from analysis.households.income_poverty import (
    INCOME_N,
    gini_estimates,
    income_ratios,
    income_sums,
    theil_estimates,
)
from analysis.households.multidimensional import INDICATOR_N, indicator_ratios, indicator_sums
from analysis.households.row_values import group_keys, row_values, unit_columns, weight_scale
from analysis.households.survey_errors import Integers, survey_design
from analysis.households.weighted_sums import (
    GroupSums,
    Sample,
    group_sums,
    ratio_estimates,
    sum_rows,
    totals,
)

RESULT = ("group", "measure", "item", "value", "se", "ci_low", "ci_high", "n", "n_psu", "deff")
EVERYBODY = "all"


def measure(table: Any, config: HouseholdConfig) -> pd.DataFrame:
    """Measure what a configuration asks for.

    Parameters
    ----------
    table : ibis table
        Households or persons, one row each, with the columns that the configuration names.
    config : HouseholdConfig

    Returns
    -------
    DataFrame
        One row for each set of groups, measure, item and group. Columns: the concepts that groups
        are made of (missing where a set does not use them); group, the set, e.g. `code+year` or
        `all`; measure, of `config.MEASURES`, `H_sweep`, `A_sweep`, `M0_sweep`, `population` (sum
        of weights) or `left_out_indicators` and `left_out_income` (rows without a value there);
        item (indicator, dimension, cut-off or line, or empty); value (shares from 0 to 1);
        se, ci_low, ci_high, the t interval; n, rows used; n_psu; deff (missing for shares of M0,
        gini and theil, which are no means of rows).

    Raises
    ------
    ValueError
        One message with everything that keeps the table from being used, see `check_design`.

    Notes
    -----
    A share of 0 or 1 has no error and no interval, for a sample without spread does not tell how
    far the truth may lie from it. A household with any indicator missing is left out of the
    indicator measures, one without income of the income measures. Relative lines count as given
    in the errors.
    """
    profile = profile_rows(table, config)
    raise_unusable(profile.violations)
    scale = weight_scale(profile.largest_weight)
    rows = row_values(table, config, scale)
    if unit_columns(config):
        return _measured(_with_lines(rows, config), config, scale, wide=profile.wide)
    with _stored(rows) as numbered:
        return _measured(_with_lines(numbered, config), config, scale, wide=profile.wide)


@contextmanager
def _stored(rows: Any) -> Iterator[Any]:
    """Keep rows in a temporary table, so that the numbers that name them stay between queries.

    On DuckDB not by `cache`, whose table Ibis 12 cannot drop.
    """
    from ibis.util import gen_name

    backend = rows.get_backend()
    if backend.name != "duckdb":
        with rows.cache() as held:
            yield held
        return
    name = gen_name("rows")
    held = backend.create_table(name, rows, temp=True)
    try:
        yield held
    finally:
        backend.raw_sql(f'DROP TABLE "{name}"')


def _measured(rows: Any, config: HouseholdConfig, scale: float, *, wide: bool) -> pd.DataFrame:
    keys = [name for name in rows.columns if name.startswith(("group_", "stratum_", "psu_"))]
    keys += ["population"] if "fpc" in config.columns else []
    sums = totals({"v": rows["v"]}) | indicator_sums(rows, config)
    sums |= income_sums(rows, config, wide=wide)
    sample = _sample(sum_rows(rows, keys, sums), config, scale)
    frames = []
    places = [name for name in keys if name.startswith(("group_", "psu_"))]
    for concepts in config.groups:
        grouped = group_sums(sample, concepts)
        frames.append(_estimates(rows, grouped, config, places).assign(group=_name(concepts)))
    return _arranged(frames, group_keys(config))


def subgroup_shares(
    result: pd.DataFrame, *, by: Sequence[str], within: Sequence[str] = (), measure: str = "M0"
) -> pd.DataFrame:
    """Decompose a measure into what subgroups contribute to it.

    share_g = population_g value_g / sum over g of the same; additive for means over persons, such
    as H, M0, M1, M2 and FGT, where no value is left out.

    Parameters
    ----------
    result : DataFrame
        As `measure` returns it, for a set of groups of the concepts `by` and `within` together.
    by, within : sequence of str
        Concepts whose groups contribute; those within which shares sum to 1.
    measure : str

    Returns
    -------
    DataFrame
        Columns `within`, `by`, population_share, value, share.

    Raises
    ------
    ValueError
        Where the result does not have that set of groups or that measure.
    """
    wanted = {*by, *within}
    keys = [*within, *by]
    rows = result[[set(name.split("+")) == wanted for name in result["group"]]]
    if measure not in set(rows["measure"]):
        raise ValueError(f"no {measure} by {'+'.join(keys)}: add this set to `groups:`")
    values = rows[(rows["measure"] == measure) & (rows["item"] == "")].set_index(keys)["value"]
    people = rows[rows["measure"] == "population"].set_index(keys)["value"]
    table = pd.DataFrame({"population": people, "value": values})
    table["weighted"] = table["population"] * table["value"]
    whole = table.groupby(level=list(within)).transform("sum") if within else table.sum()
    table["population_share"] = table["population"] / whole["population"]
    table["share"] = table["weighted"] / whole["weighted"]
    return table[["population_share", "value", "share"]].reset_index()


def _with_lines(rows: Any, config: HouseholdConfig) -> Any:
    import ibis

    if "relative" not in config.measures:
        return rows
    keys = [f"by_{concept}" for concept in config.relative_by]
    lines = weighted_medians(rows, keys)
    for i, share in enumerate(config.relative_lines, 1):
        lines[f"line_{i}"] = lines["median"] * share
    table = ibis.memtable(lines.drop(columns="median"))
    if not keys:
        return rows.cross_join(table)
    same = [rows[key].identical_to(table[key]) for key in keys]
    joined = rows.left_join(table, same, rname="{name}_line")
    return joined.drop(*(f"{key}_line" for key in keys))


def _sample(sums: pd.DataFrame, config: HouseholdConfig, scale: float) -> Sample:
    unit_columns = [name for name in sums.columns if name.startswith("psu_")]
    strata_columns = [name for name in sums.columns if name.startswith("stratum_")]
    raise_unusable(unit_violations(sums, config))
    psu = _numbered(sums, unit_columns)
    first = np.unique(psu, return_index=True)[1]
    stratum = _numbered(sums, strata_columns)[first]
    population = None
    if corrected := "population" in sums.columns:
        population = sums["population"].to_numpy()[first][np.unique(stratum, return_index=True)[1]]
    design = survey_design(stratum, population=population, lonely=config.lonely)
    return Sample(sums, psu, design, scale, corrected, config.level)


def _numbered(sums: pd.DataFrame, columns: list[str]) -> Integers:
    if not columns:
        return np.zeros(len(sums), np.int64)
    return np.asarray(sums.groupby(columns).ngroup(), np.int64)


def _estimates(
    rows: Any, sums: GroupSums, config: HouseholdConfig, keys: Sequence[str]
) -> pd.DataFrame:
    ratios = [*indicator_ratios(config), *income_ratios(config)]
    frames = [ratio_estimates(sums, ratio) for ratio in ratios]
    if "gini" in config.measures:
        frames.append(gini_estimates(sums, excess_sums(rows, sums, keys)))
    if "theil" in config.measures:
        frames.append(theil_estimates(sums))
    return pd.concat([*frames, *_counts(sums)], ignore_index=True)


def _counts(sums: GroupSums) -> list[pd.DataFrame]:
    rows = sums.groups("rows").astype("int64")
    units = np.bincount(sums.domains.domain, minlength=sums.domains.n)
    base = sums.labels.assign(item="", n=rows, n_psu=units)
    people = base.assign(measure="population", value=sums.groups("v") / sums.sample.scale)
    frames = [people]
    for name, column in (("indicators", INDICATOR_N), ("income", INCOME_N)):
        if column in sums.sample.sums.columns:
            missing = rows - sums.groups(column)
            frames.append(base.assign(measure=f"left_out_{name}", value=missing))
    return frames


def _arranged(frames: Sequence[pd.DataFrame], concepts: Sequence[str]) -> pd.DataFrame:
    result = pd.concat(frames, ignore_index=True)
    for concept in concepts:
        if pd.api.types.is_float_dtype(result[concept]):
            result[concept] = result[concept].convert_dtypes()
    return result.reindex(columns=[*concepts, *RESULT])


def _name(concepts: Sequence[str]) -> str:
    return "+".join(concepts) or EVERYBODY
