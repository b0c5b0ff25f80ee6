"""Multidimensional poverty: the sums it needs and the ratios it is.

c_i = sum_j w_j [i lacks j]; i is poor if c_i >= k, ties counted within 1e-9. H = share of poor,
A = mean c of the poor, M0 = H A; M1 and M2 have gaps and squared gaps in place of deprivations.
Source: Alkire and Foster (2011), Journal of Public Economics 95, 476-487.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from analysis.households.config import INDICATOR_MEASURES, HouseholdConfig
from analysis.households.deprivations import score_denominator
from analysis.households.row_values import FIXED, poor_from, rounded
from analysis.households.weighted_sums import Ratio, household_sums, totals

INDICATOR_WEIGHT, INDICATOR_N = "indicator_weight", "indicator_n"


def indicator_sums(rows: Any, config: HouseholdConfig) -> dict[str, Any]:
    """Return the sums of integers, one expression for each column of sums.

    Parameters
    ----------
    rows : ibis table
        As `row_values` makes it.
    config : HouseholdConfig
    """
    wanted = set(config.measures)
    if not wanted & set(INDICATOR_MEASURES):
        return {}
    used = rows["score"].notnull().cast("int64")
    poor = _poor(rows, config, config.k)
    sums = {INDICATOR_WEIGHT: rows["v"] * used} | _score_sums(rows, "poor", poor)
    for i in range(1, len(config.indicators) + 1):
        lack = rows["v"] * rows[f"lack_{i}"]
        if "uncensored" in wanted:
            sums[f"uncensored_{i}"] = lack * used
        if wanted & {"censored", "contribution", "dimension"}:
            sums[f"censored_{i}"] = lack * poor
    for i, k in enumerate(config.k_sweep if "k_sweep" in wanted else ()):
        sums |= _score_sums(rows, f"sweep_{i}", _poor(rows, config, k))
    for name, column in (("M1", "gap"), ("M2", "gap_squared")):
        if name in wanted:
            gap = rows[column]
            sums[name] = rows["v"] * poor * rounded(gap * FIXED, wide=True)
            sums[f"{name}_squares"] = poor * rounded(rows["v"] * gap * gap, wide=True)
    sums |= household_sums(rows, INDICATOR_WEIGHT, used)
    return {INDICATOR_N: rows["score"].count(), **totals(sums)}


def indicator_ratios(config: HouseholdConfig) -> list[Ratio]:
    """Return the measures that the configuration asks for, as ratios of those sums."""
    chosen = [*_headline(config, "poor", ""), *_gap_ratios()]
    names = [indicator.name for indicator in config.indicators]
    for i, name in enumerate(names, 1):
        chosen.append(_share("uncensored", name, f"uncensored_{i}"))
        chosen.append(_share("censored", name, f"censored_{i}"))
    chosen = [ratio for ratio in chosen if ratio.measure in config.measures]
    chosen += [ratio for ratio in _contributions(config) if ratio.measure in config.measures]
    for i, k in enumerate(config.k_sweep if "k_sweep" in config.measures else ()):
        chosen += _headline(config, f"sweep_{i}", str(k))
    return chosen


def _poor(rows: Any, config: HouseholdConfig, k: Fraction) -> Any:
    return (rows["score"] >= poor_from(k, score_denominator(config.indicators))).cast("int32")


def _score_sums(rows: Any, name: str, poor: Any) -> dict[str, Any]:
    weight, score = rows["v"] * poor, rows["score"]
    return {
        f"{name}_weight": weight,
        f"{name}_score": weight * score,
        f"{name}_squares": weight * score * score,
    }


def _headline(config: HouseholdConfig, name: str, item: str) -> list[Ratio]:
    unit = 1 / score_denominator(config.indicators)
    suffix = "_sweep" if item else ""
    weight, score = f"{name}_weight", {f"{name}_score": unit}
    squares = (f"{name}_squares", unit**2)
    return [
        Ratio(
            "H" + suffix,
            item,
            {weight: 1.0},
            INDICATOR_WEIGHT,
            INDICATOR_WEIGHT,
            INDICATOR_N,
            (weight, 1.0),
        ),
        Ratio("A" + suffix, item, score, weight, INDICATOR_WEIGHT, INDICATOR_N, squares),
        Ratio("M0" + suffix, item, score, INDICATOR_WEIGHT, INDICATOR_WEIGHT, INDICATOR_N, squares),
    ]


def _gap_ratios() -> list[Ratio]:
    return [
        Ratio(
            name,
            "",
            {name: 1 / FIXED},
            INDICATOR_WEIGHT,
            INDICATOR_WEIGHT,
            INDICATOR_N,
            (f"{name}_squares", 1.0),
        )
        for name in ("M1", "M2")
    ]


def _share(measure: str, item: str, column: str) -> Ratio:
    return Ratio(
        measure, item, {column: 1.0}, INDICATOR_WEIGHT, INDICATOR_WEIGHT, INDICATOR_N, (column, 1.0)
    )


def _contributions(config: HouseholdConfig) -> list[Ratio]:
    """Return shares of M0 by indicator, w_j censored_j / M0, and by dimension."""
    denominator = score_denominator(config.indicators)
    parts = {
        indicator: {f"censored_{i}": float(indicator.weight * denominator)}
        for i, indicator in enumerate(config.indicators, 1)
    }
    dimensions: dict[str, dict[str, float]] = {}
    for indicator, part in parts.items():
        dimensions.setdefault(indicator.dimension, {}).update(part)
    bottom = ("poor_score", INDICATOR_WEIGHT, INDICATOR_N)
    return [
        *(Ratio("contribution", i.name, part, *bottom) for i, part in parts.items()),
        *(Ratio("dimension", name, part, *bottom) for name, part in dimensions.items()),
    ]
