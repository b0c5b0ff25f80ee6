"""What each household contributes, as an Ibis table: weight, deprivations, score and income.

All are integers, so that sums do not depend on the order in which threads add: weights keep eight
digits of the largest one, scores are multiples of the common denominator of the weights, and money
is in hundredths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from operator import add, mul
from typing import Any

from analysis.households.config import HouseholdConfig
from analysis.households.deprivations import Indicator, score_denominator

LARGEST_WEIGHT = 8
CENTS = 100
LARGEST_INCOME = 5 * 10**9
LARGEST_SQUARED = 3 * 10**8
"""Income whose square times the largest weight, in `income_poverty.SQUARE_UNIT`, has 63 bits."""
LEAST_LINES = -(10**4)
"""Income in poverty lines whose gap to the fourth can be added in 38 digits, weights and all."""
WIDE = "decimal(38, 0)"
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
        indicators are cardinal, and `gap_squared`; `cents`, the income; with a correction that
        is for persons, `households`, the weight without them.
    """
    keys = {f"group_{c}": table[config.columns[c]] for c in group_keys(config)}
    keys |= {f"stratum_{i}": table[column] for i, column in enumerate(config.stratum)}
    keys |= unit_keys(table, config)
    if "fpc" in config.columns:
        keys["population"] = number(table, config.columns["fpc"])
    values: dict[str, Any] = {"v": nearest(row_weight(table, config) * scale)}
    if "fpc" in config.columns and config.count == "persons":
        households = row_weight(table, replace(config, count="households"))
        values["households"] = nearest(households * scale)
    if config.indicators:
        values |= _deprivation_values(table, config)
    if "income" in config.columns:
        values["cents"] = nearest(number(table, config.columns["income"]) * CENTS)
        values |= {f"by_{c}": table[config.columns[c]] for c in _line_keys(config)}
    return table.select(**keys, **values)


def unit_keys(table: Any, config: HouseholdConfig) -> dict[str, Any]:
    """Return what names the primary unit: `unit_columns`, or the row where there are none."""
    import ibis

    columns = unit_columns(config)
    return {f"psu_{i}": table[c] for i, c in enumerate(columns)} or {"psu_0": ibis.row_number()}


def unit_columns(config: HouseholdConfig) -> tuple[str, ...]:
    """Return the columns that name the primary unit; where none is mapped, code and household.

    Counties may number their households alike.
    """
    if config.psu or "household" not in config.columns:
        return config.psu
    concepts = ("code", "household")
    return tuple(dict.fromkeys(config.columns[c] for c in concepts if c in config.columns))


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


def rounded(value: Any, *, wide: bool) -> Any:
    """Return a floating-point number as the nearest integer, of 38 digits where `wide`.

    Ibis rounds to 64 bits; the databases round themselves where they make decimals.
    """
    return value.cast(WIDE) if wide else value.round().cast("int64")


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
    """Return whether each row is deprived in an indicator: 1, 0, or missing.

    The column is compared as it stands: an income `below` a line by less than half a cent is
    deprived, while FGT0 compares rounded cents.
    """
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
