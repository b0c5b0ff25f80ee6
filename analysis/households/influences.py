"""Errors of estimates from a frame of households, by their influences.

The frame is one that fits in memory: an estimate is linearised household by household, influences
are added up by primary unit, and `survey_errors` gives the variance of the design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.households.survey_errors import (
    Domains,
    SurveyDesign,
    degrees_of_freedom,
    half_width,
    survey_design,
    total_variance,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SHOWN = 3


@dataclass(frozen=True)
class SampleUnits:
    """Primary unit of each row, and the design of the whole sample.

    Attributes
    ----------
    psu : array of int, shape (n_rows,)
        Position in `design.stratum`.
    design : SurveyDesign
        Of all primary units, also those that a subset of the rows does not reach.
    """

    psu: Integers
    design: SurveyDesign

    def of(self, rows: NDArray[np.bool_]) -> SampleUnits:
        """Return the units of a domain: its rows, in the design of the whole sample."""
        return SampleUnits(self.psu[rows], self.design)


def sample_units(
    frame: pd.DataFrame, *, psu: Sequence[str], stratum: Sequence[str] = (), lonely: str = "centre"
) -> SampleUnits:
    """Read strata and primary units of a sample.

    Parameters
    ----------
    frame : DataFrame
        All rows of the sample, before any are chosen.
    psu, stratum : sequence of str
        Columns that together name a unit, and a stratum. No stratum columns: one stratum; no unit
        columns: each row is a unit.
    lonely : str
        Rule of `SurveyDesign` for strata with one unit.

    Raises
    ------
    ValueError
        Lists columns that are missing or have gaps, and units that lie in two strata.
    """
    found = [f"column '{c}' is missing" for c in (*psu, *stratum) if c not in frame]
    found += [
        f"column '{c}' has {frame[c].isna().sum()} empty rows, the first at index "
        f"{frame.index[frame[c].isna()][0]}: complete it"
        for c in (*psu, *stratum)
        if c in frame and frame[c].isna().any()
    ]
    if found:
        raise ValueError(f"the survey design cannot be used: {'; '.join(found)}")
    unit = _numbered(frame, psu) if psu else np.arange(len(frame))
    layer = _numbered(frame, stratum) if stratum else np.zeros(len(frame), dtype=np.int64)
    own = np.zeros(unit.max(initial=-1) + 1, dtype=np.int64)
    own[unit] = layer
    split = np.flatnonzero(own[unit] != layer)
    if len(split):
        names = frame.iloc[split[:SHOWN]][list(psu)].astype(str).agg(" ".join, axis=1).unique()
        raise ValueError(
            f"{len(np.unique(unit[split]))} primary units lie in two strata, such as "
            f"{', '.join(names)}: give each one stratum, or name it by more columns"
        )
    return SampleUnits(unit, survey_design(own, lonely=lonely))


def _numbered(frame: pd.DataFrame, columns: Sequence[str]) -> Integers:
    return np.asarray(frame.groupby(list(columns), sort=True).ngroup(), dtype=np.int64)


def influence_errors(
    z: Floats, units: SampleUnits, *, group: Integers | None = None, n_groups: int = 1
) -> tuple[Floats, Integers, Integers]:
    """Return errors of estimates whose influences are given row by row.

    Parameters
    ----------
    z : array, shape (n_rows,)
        Influences, weights included; an estimate's error is that of their sum.
    units : SampleUnits
    group : array of int, shape (n_rows,), optional
        Estimate to which a row belongs; all to one where omitted.
    n_groups : int

    Returns
    -------
    se, n_psu, df : arrays, shape (n_groups,)
        n_psu counts units with rows in the group; df subtracts their strata.
    """
    group = np.zeros(len(z), dtype=np.int64) if group is None else group
    count = len(units.design.stratum)
    keys, place = np.unique(group * count + units.psu, return_inverse=True)
    totals = np.bincount(place, z, len(keys)).astype(np.float64)
    domains = Domains(keys // count, keys % count, n_groups)
    variance = total_variance(totals, domains, units.design)
    n_psu, df = degrees_of_freedom(domains, units.design, np.ones(len(keys), dtype=bool))
    return np.sqrt(variance), n_psu, df


def ratio_table(
    numerator: Floats,
    denominator: Floats,
    units: SampleUnits,
    *,
    group: Integers | None = None,
    n_groups: int = 1,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return ratios of weighted sums by group with linearised errors, z = (y - R x) / X.

    Parameters
    ----------
    numerator, denominator : array, shape (n_rows,)
        Weighted values.
    units, group, n_groups
        As `influence_errors`.
    level : float
        Of the t intervals.

    Returns
    -------
    DataFrame
        One row per group: value, se, ci_low, ci_high, n (rows with a denominator), n_psu, df.
    """
    group = np.zeros(len(numerator), dtype=np.int64) if group is None else group
    bottom = np.bincount(group, denominator, n_groups)
    bottom = np.where(bottom == 0, np.nan, bottom)
    value = np.bincount(group, numerator, n_groups) / bottom
    counted = denominator != 0
    z = (numerator - value[group] * denominator) / bottom[group]
    se, n_psu, df = influence_errors(
        z[counted], units.of(counted), group=group[counted], n_groups=n_groups
    )
    return estimate_table(value, se, df, level).assign(
        n=np.bincount(group[counted], minlength=n_groups), n_psu=n_psu, df=df
    )


def share_table(
    numerator: Floats,
    denominator: Floats,
    units: SampleUnits,
    *,
    group: Integers | None = None,
    n_groups: int = 1,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return shares as `ratio_table`, with intervals that stay within 0 and 1.

    Exact binomial intervals for the effective number of rows, p (1 - p) / se^2 times (t of n - 1 /
    t of df)^2 but at most their number, which also stands where the share has no error: Korn and
    Graubard (1998), Survey Methodology 24, 193-201.
    """
    from scipy.stats import beta, t

    table = ratio_table(numerator, denominator, units, group=group, n_groups=n_groups, level=level)
    p, n = table["value"].to_numpy(), table["n"].to_numpy(dtype=float)
    df, tail = table["df"].to_numpy(dtype=float), (1 - level) / 2
    inner = (p > 0) & (p < 1) & (df > 0) & (table["se"].to_numpy() > 0)
    spread = np.where(inner, table["se"], 1.0)
    ratio = t.ppf(tail, np.maximum(n - 1, 1)) / t.ppf(tail, np.maximum(df, 1))
    effective = np.where(inner, np.minimum(p * (1 - p) / spread**2 * ratio**2, n), n)
    known = df > 0
    low = np.where(p > 0, beta.ppf(tail, effective * p, effective * (1 - p) + 1), 0.0)
    high = np.where(p < 1, beta.ppf(1 - tail, effective * p + 1, effective * (1 - p)), 1.0)
    return table.assign(ci_low=np.where(known, low, np.nan), ci_high=np.where(known, high, np.nan))


def estimate_table(value: Floats, se: Floats, df: Integers, level: float = 0.95) -> pd.DataFrame:
    """Return estimates with t intervals: value, se, ci_low, ci_high."""
    half = half_width(se, df, level)
    shown_se = np.where(np.isnan(half), np.nan, se)
    return pd.DataFrame(
        {"value": value, "se": shown_se, "ci_low": value - half, "ci_high": value + half}
    )
