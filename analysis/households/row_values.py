"""What each household contributes, as an Ibis table: weight, deprivations, score and income.

All are integers, so that sums do not depend on the order in which threads add: weights keep eight
digits of the largest one, scores are multiples of the common denominator of the weights, and money
is in hundredths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from operator import add, mul
from typing import Any

from analysis.households.config import HouseholdConfig
from analysis.households.deprivations import Indicator, score_denominator

LARGEST_WEIGHT = 8
CENTS = 100
LARGEST_INCOME = 5 * 10**9
FIXED = 2**30
"""Parts of one; a power of two, so that taking it out of a sum again is exact."""
TIE = 1e-9


def group_keys(config: HouseholdConfig) -> tuple[str, ...]:
    """Return the concepts that any set of groups needs, in the order of their first use."""
    return tuple(dict.fromkeys(concept for group in config.groups for concept in group))


def row_values(table: Any, config: HouseholdConfig, scale: float) -> Any:
    """Return one row per household with integers to sum.

    Parameters
    ----------
    table : ibis table
        The households.
    config : HouseholdConfig
    scale : float
        Integer weight per unit of weight, see `weight_scale`.

    Returns
    -------
    ibis table
        Key columns `group_*`, `psu_*`, `stratum_*`, `population` (the correction); `v`, the
        weight; `score`, missing where an indicator is, and `lack_1`, ...; `gap`, if all
        indicators are cardinal, and `gap_squared`; `cents`, the income.
    """
    keys = {f"group_{c}": table[config.columns[c]] for c in group_keys(config)}
    keys |= {f"stratum_{i}": table[column] for i, column in enumerate(config.stratum)}
    keys |= unit_keys(table, config)
    if "fpc" in config.columns:
        keys["population"] = number(table, config.columns["fpc"])
    values: dict[str, Any] = {"v": nearest(row_weight(table, config) * scale)}
    if config.indicators:
        values |= _deprivation_values(table, config)
    if "income" in config.columns:
        values["cents"] = nearest(number(table, config.columns["income"]) * CENTS)
        values |= {f"by_{c}": table[config.columns[c]] for c in _line_keys(config)}
    return table.select(**keys, **values)


def unit_keys(table: Any, config: HouseholdConfig) -> dict[str, Any]:
    """Return what names the primary unit; the household, or the row, where none is mapped."""
    import ibis

    if config.psu:
        return {f"psu_{i}": table[column] for i, column in enumerate(config.psu)}
    if "household" in config.columns:
        return {"psu_0": table[config.columns["household"]]}
    return {"psu_0": ibis.row_number()}


def row_weight(table: Any, config: HouseholdConfig) -> Any:
    """Return the weight of a row: sampling weight times persons, or either, or 1."""
    import ibis

    concepts = ["weight", "persons"] if config.count == "persons" else ["weight"]
    factors = [number(table, config.columns[c]) for c in concepts if c in config.columns]
    return reduce(mul, factors) if factors else ibis.literal(1.0)


def weight_scale(largest: float) -> float:
    """Return the power of ten that brings the largest weight to at most 1e8."""
    return 10.0 ** (LARGEST_WEIGHT - math.ceil(math.log10(largest)))


def number(table: Any, column: str) -> Any:
    """Return a column as floating-point number, with NaN as missing."""
    import ibis

    kind, value = table[column].type(), table[column].cast("float64")
    return value.isnan().ifelse(ibis.null("float64"), value) if kind.is_floating() else value


def nearest(value: Any) -> Any:
    """Return the nearest integer, the greater one of two; databases take longer to round."""
    return (value + 0.5).floor().cast("int64")


def poor_from(cut_off: Any, denominator: int) -> int:
    """Return the least integer score that is poor at cut-off k, ties counted within 1e-9."""
    return math.ceil((float(cut_off) - TIE) * denominator)


def poverty_cents(rows: Any, config: HouseholdConfig) -> Any:
    """Return the poverty line of each row in hundredths, missing in a year without one."""
    import ibis

    if isinstance(config.poverty_line, Mapping):
        lines = [(year, round(line * CENTS)) for year, line in sorted(config.poverty_line.items())]
        return rows["by_year"].cases(*lines, else_=ibis.null("int64"))
    return ibis.literal(round((config.poverty_line or 0) * CENTS), "int64")


def _line_keys(config: HouseholdConfig) -> tuple[str, ...]:
    by_year = ("year",) if isinstance(config.poverty_line, Mapping) else ()
    relative = config.relative_by if "relative" in config.measures else ()
    return tuple(dict.fromkeys([*by_year, *relative]))


def _deprivation_values(table: Any, config: HouseholdConfig) -> dict[str, Any]:
    denominator = score_denominator(config.indicators)
    lacks = [deprived(table, indicator) for indicator in config.indicators]
    points = [int(indicator.weight * denominator) for indicator in config.indicators]
    scores = [p * lack if p > 1 else lack for lack, p in zip(lacks, points, strict=True)]
    values = {f"lack_{i}": lack for i, lack in enumerate(lacks, 1)}
    values["score"] = reduce(add, scores)
    if {"M1", "M2"} & set(config.measures):
        gaps = [_gap(table, indicator) for indicator in config.indicators]
        shares = [float(indicator.weight) for indicator in config.indicators]
        pairs = list(zip(gaps, shares, strict=True))
        values["gap"] = reduce(add, [gap * share for gap, share in pairs])
        values["gap_squared"] = reduce(add, [gap * gap * share for gap, share in pairs])
    return values


def deprived(table: Any, indicator: Indicator) -> Any:
    """Return whether each row is deprived in an indicator: 1, 0, or missing."""
    column = table[indicator.column]
    if column.type().is_boolean() and indicator.rule == "equal" and indicator.value is True:
        return column.cast("int32")
    if column.type().is_floating():
        column = number(table, indicator.column)
    if indicator.rule == "below":
        return (column < indicator.value).cast("int32")
    if indicator.rule == "above":
        return (column > indicator.value).cast("int32")
    if indicator.rule == "in":
        return column.isin(indicator.value).cast("int32")
    return (column == indicator.value).cast("int32")


def _gap(table: Any, indicator: Indicator) -> Any:
    gap = (indicator.value - number(table, indicator.column)) / float(indicator.value)
    return (gap > 0).ifelse(gap, 0.0)
