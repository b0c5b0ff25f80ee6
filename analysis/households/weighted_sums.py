"""Weighted sums by primary unit and group: what the database computes of a measure.

A measure is a ratio of two such sums. A module of measures says which sums it needs and how they
make its ratios; here the sums are computed in one pass and estimates are made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.households.row_values import WIDE
from analysis.households.survey_errors import (
    Cells,
    Domains,
    Floats,
    Integers,
    SurveyDesign,
    degrees_of_freedom,
    design_cells,
    half_width,
    ratio_influence,
    sums_by,
    total_variance,
)

LEAST_LEFT = 1e-6
"""Share of the population that must be left unsampled for a design effect to be known."""
HOUSEHOLDS = "_households"
"""After the name of a sum of weights: the same without persons."""
EDGE = 1e-12


@dataclass(frozen=True)
class Ratio:
    """A measure as a ratio of weighted sums.

    Attributes
    ----------
    measure, item : str
        Name in the result, and what of (indicator, line, cut-off), if anything.
    numerator : mapping of str to float
        Columns of sums and their coefficients.
    denominator, weight, n : str
        Columns: the denominator, and weight and number of the rows that the measure rests on.
    squares : tuple of str and float, or None
        Column and coefficient of the weighted sum of the numerator's squares, where the
        denominator is the weight of rows; gives the design effect.
    """

    measure: str
    item: str
    numerator: Mapping[str, float]
    denominator: str
    weight: str
    n: str
    squares: tuple[str, float] | None = None


@dataclass(frozen=True)
class Sample:
    """Sums by primary unit and group, and the design behind them.

    Attributes
    ----------
    sums : DataFrame
        Columns `group_*`, keys of units and strata, and sums; sorted.
    psu : array of int, shape (len(sums),)
    design : SurveyDesign
    scale : float
        Integer weight per unit of weight.
    corrected : bool
        Whether there is a finite-population correction.
    level : float
        Of the confidence intervals.
    """

    sums: pd.DataFrame
    psu: Integers
    design: SurveyDesign
    scale: float
    corrected: bool
    level: float


@dataclass(frozen=True)
class GroupSums:
    """Sums by primary unit for one set of groups.

    Attributes
    ----------
    labels : DataFrame
        One row for each group, concepts as columns; no column for everybody.
    domains : Domains
    entry : array of int, shape (len(sample.sums),)
        Entry of `domains` that a row of the sample's sums belongs to.
    """

    sample: Sample
    labels: pd.DataFrame
    domains: Domains
    entry: Integers

    @cached_property
    def cells(self) -> Cells:
        """Strata by domain, the same for each measure."""
        return design_cells(self.domains, self.sample.design)

    def entries(self, column: str) -> Floats:
        """Return a sum for each entry, shape (n_entries,)."""
        values = self.sample.sums[column].to_numpy(dtype=float)
        return sums_by(self.entry, values, len(self.domains.psu))

    def groups(self, column: str) -> Floats:
        """Return a sum for each group, shape (n_groups,)."""
        return sums_by(self.domains.domain, self.entries(column), self.domains.n)


def totals(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sums of integers, one expression for each.

    They are converted to floating point only once summed, so the threads that the database used do
    not show. DuckDB adds integers in 128 bits by itself; Spark would in 64, and adds decimals.
    """
    return {name: _widened(value).sum().cast("float64") for name, value in values.items()}


def household_sums(rows: Any, weight: str, used: Any) -> dict[str, Any]:
    """Return the weights without persons of the rows that a sum `weight` rests on, if known."""
    if "households" not in rows.columns:
        return {}
    return {f"{weight}{HOUSEHOLDS}": rows["households"] * used}


def _widened(value: Any) -> Any:
    return value.cast(WIDE) if value.get_backend().name == "pyspark" else value


def sum_rows(rows: Any, keys: Sequence[str], sums: Mapping[str, Any]) -> pd.DataFrame:
    """Aggregate rows by `keys`, sorted by them; missing sums are 0."""
    frame = rows.group_by(list(keys)).agg(rows=rows.count(), **sums).to_pandas()
    filled = frame.fillna(dict.fromkeys(sums, 0.0))
    return filled.sort_values(list(keys), ignore_index=True)


def group_sums(sample: Sample, concepts: Sequence[str]) -> GroupSums:
    """Arrange the sums of a sample by groups and primary units."""
    columns = [f"group_{concept}" for concept in concepts]
    groups = sample.sums[columns].copy()
    group = (
        groups.groupby(columns, dropna=False).ngroup().to_numpy(np.int64)
        if columns
        else np.zeros(len(groups), np.int64)
    )
    first = np.unique(group, return_index=True)[1]
    labels = groups.iloc[first].set_axis(list(concepts), axis=1).reset_index(drop=True)
    units = len(sample.design.stratum)
    keys, entry = np.unique(group * units + sample.psu, return_inverse=True)
    domains = Domains(keys // units, keys % units, len(first))
    return GroupSums(sample, labels, domains, entry)


def ratio_estimates(sums: GroupSums, ratio: Ratio) -> pd.DataFrame:
    """Return value, error, interval, numbers and design effect of a ratio in each group.

    The design effect compares with a simple random sample of as many rows with the same weights,
    without replacement where the design has a finite-population correction; as in R's survey, but
    for the population of that correction, which is of households where persons count.

    A share that is 0 or 1 in the sample has neither error nor interval, unless all was sampled: its
    influences are zero whatever the truth is.
    """
    parts = [sums.entries(c) * factor for c, factor in ratio.numerator.items()]
    value, z = ratio_influence(np.sum(parts, axis=0), sums.entries(ratio.denominator), sums.domains)
    frame = estimate_frame(sums, value, z, weight=ratio.weight, n=ratio.n)
    if (sums.sample.design.fraction < 1).any():
        at_edge = (np.abs(value - 0.5) >= 0.5 - EDGE) & (np.abs(value) <= 1 + EDGE)
        silent = at_edge & (frame["se"].to_numpy() < EDGE)
        frame.loc[silent, ["se", "ci_low", "ci_high"]] = np.nan
    if ratio.squares is not None:
        frame["deff"] = frame["se"] ** 2 / _simple_variance(sums, ratio, value)
    return sums.labels.assign(measure=ratio.measure, item=ratio.item).join(frame)


def estimate_frame(
    sums: GroupSums, value: Floats, z: Floats, *, weight: str, n: str
) -> pd.DataFrame:
    """Return value, se, ci_low, ci_high, n, n_psu, deff (missing) by group from influences z."""
    design = sums.sample.design
    units, df = degrees_of_freedom(sums.domains, design, sums.entries(weight) > 0, cells=sums.cells)
    variance = total_variance(np.nan_to_num(z), sums.domains, design, cells=sums.cells)
    se = np.where(np.isnan(value) | (df < 1), np.nan, np.sqrt(variance))
    width = half_width(se, df, sums.sample.level)
    return pd.DataFrame(
        {
            "value": value, "se": se, "ci_low": value - width, "ci_high": value + width,
            "n": sums.groups(n).astype("int64"), "n_psu": units, "deff": np.nan,
        }
    )  # fmt: skip


def _simple_variance(sums: GroupSums, ratio: Ratio, value: Floats) -> Floats:
    """Return the variance of y / x under simple random sampling, x 0 or 1, and y 0 where x is.

    With a finite-population correction times the share of households left unsampled, 1 - n / sum
    of their weights, persons not counted; R's svymean, to which a weight is a weight, would take
    the persons for rows. Missing where the weights do not add up to more households than were
    asked, as normalised weights do not: that share is then unknown.
    """
    column, factor = ratio.squares or ("", 0.0)
    weight, n = sums.groups(ratio.weight), sums.groups(ratio.n)
    bottom = sums.groups(ratio.denominator)
    residual = sums.groups(column) * factor - value**2 * bottom
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = residual * weight / bottom**2 / (n - 1)
        left = 1 - n / _population(sums, ratio) if sums.sample.corrected else 1.0
        known = (residual > 0) & (np.asarray(left) > LEAST_LEFT)
        return np.where(known, variance * left, np.nan)


def _population(sums: GroupSums, ratio: Ratio) -> Floats:
    """Return how many households, or whatever a row is, the weights of a ratio stand for."""
    apart = f"{ratio.weight}{HOUSEHOLDS}"
    column = apart if apart in sums.sample.sums.columns else ratio.weight
    return sums.groups(column) / sums.sample.scale
