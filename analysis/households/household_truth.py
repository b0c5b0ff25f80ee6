"""Parameters of the simulated households, and the risk of falling into poverty that they imply.

Households are simulated so that each estimate can be held against the value it should recover. This
module reads and validates the parameters of the process, which `simulate_households` draws from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.project import bullet_list
from analysis.truth import TRUTH_FILE, _number, _problem, _unknown

DIMENSIONS = ("education", "health", "living", "income")
INDICATORS: Mapping[str, str] = {
    "school_dropout": "education",
    "low_schooling": "education",
    "no_insurance": "health",
    "serious_illness": "health",
    "unsafe_housing": "living",
    "unsafe_water": "living",
    "no_sanitary_toilet": "living",
    "solid_fuel": "living",
    "overcrowded": "living",
    "few_assets": "living",
}
"""Indicators but the income one, in the order of their draws, and their dimensions."""
ANSWERS: Mapping[str, str] = {
    "low_schooling": "schooling_years < 6",
    "unsafe_water": "water_source IN ('river', 'rain')",
}
"""Deprivations that follow from an answer; the data hold the others as 0 and 1."""
PARTS: Mapping[str, int] = dict.fromkeys(INDICATORS, 1) | dict.fromkeys(list(INDICATORS)[:4], 3)
"""Weights in twenty-fourths: 4 x 3 (education, health), 6 x 1 (living); income has the other 6."""
INCOME_PARTS, ALL_PARTS, CUTOFF_PARTS = 6, 24, 8
YEARS = (2021, 2022, 2023)


@dataclass(frozen=True, kw_only=True)
class HouseholdTruth:
    r"""Parameters of the simulated households, validated on construction.

    Attributes
    ----------
    county_sd, village_sd
        Standard deviations of the county and village parts of the latent disadvantage; that of
        the household part is 1.
    urban_share, urban_advantage
        Share of villages that count as urban (seats of townships and county towns), and how much
        lower latent disadvantage is there.
    villages_per_county, households_per_village
        Means over the population.
    county_size_sd, village_size_sd, size_gradient
        Standard deviations of the logarithm of the number of villages and of households, and the
        slope of the latter on the village part of disadvantage (poorer villages are smaller).
    listing_error_sd
        Standard deviation of the logarithm of the households that the frame lists over those
        there are; villages are drawn in proportion to the listed ones.
    take
        Households interviewed per drawn village.
    allocation_power, urban_oversampling
        Villages are allotted to strata in proportion to listed households to this power, times
        the second number in urban strata.
    indicators
        Intercept and slope of the logit of each deprivation on latent disadvantage.
    progress
        What is added to the intercepts (but of illness) with each year.
    poverty_line, monitoring_line
        Yuan per person and year.
    income_level, income_loading, income_sd, urban_income
        Income of the first year is lognormal: median at no disadvantage in rural places, slope of
        its logarithm on disadvantage, standard deviation of the rest, urban premium.
    income_drift, income_persistence, income_illness, income_schooling, income_migrant, income_scale
        Next year's logarithm of income over the line: intercept, slope on this year's, on illness,
        on low schooling, on having a migrant worker, and scale of the logistic shock.
    migrant
        Intercept and slope of the logit of having a migrant worker on disadvantage.
    persons_mean, persons_loading, persons_sd
        Household size: mean, slope on the household part of disadvantage, rest; cut to 1..10.

    Raises
    ------
    ValueError
        Lists every parameter whose type, length or range is wrong.
    """

    county_sd: float = _number(0, 2)
    village_sd: float = _number(0, 2)
    urban_share: float = _number(0.05, 0.95)
    urban_advantage: float = _number(-2, 2)
    villages_per_county: float = _number(8, 1000)
    households_per_village: float = _number(30, 1000)
    county_size_sd: float = _number(0, 1)
    village_size_sd: float = _number(0, 1)
    size_gradient: float = _number(-1, 1)
    listing_error_sd: float = _number(0, 0.5)
    take: float = _number(2, 30)
    allocation_power: float = _number(0, 1)
    urban_oversampling: float = _number(0.2, 5)
    indicators: Mapping[str, tuple[float, float]]
    progress: float = _number(-1, 1)
    poverty_line: float = _number(1, 1e6)
    monitoring_line: float = _number(1, 1e6)
    income_level: float = _number(1, 1e7)
    income_loading: float = _number(-2, 2)
    income_sd: float = _number(0.01, 3)
    urban_income: float = _number(-2, 2)
    income_drift: float = _number(-5, 5)
    income_persistence: float = _number(-0.99, 0.99)
    income_illness: float = _number(-2, 2)
    income_schooling: float = _number(-2, 2)
    income_migrant: float = _number(-2, 2)
    income_scale: float = _number(0.01, 2)
    migrant: tuple[float, float] = _number(-5, 5, length=2)
    persons_mean: float = _number(1, 10)
    persons_loading: float = _number(-2, 2)
    persons_sd: float = _number(0, 3)

    def __post_init__(self) -> None:
        """Refuse values of the wrong type, length or range."""
        values = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        _refuse("parameters of the simulated households", _violations(values))


def _violations(values: Mapping[str, Any]) -> list[str]:
    """List what is wrong with the parameters that are there."""
    found = []
    for spec in fields(HouseholdTruth):
        if spec.name in values and spec.name != "indicators":
            found.append(_problem(spec, values[spec.name]))
    if "indicators" in values:
        found += _indicator_violations(values["indicators"])
    return [problem for problem in found if problem]


def _indicator_violations(given: Any) -> list[str | None]:
    if not isinstance(given, Mapping):
        return [f"indicators: expected `name: [intercept, slope]`, got {given!r}"]
    found: list[str | None] = [
        _unknown(f"indicators.{name}", [f"indicators.{known}" for known in INDICATORS])
        for name in given
        if name not in INDICATORS
    ]
    spec = next(field for field in fields(HouseholdTruth) if field.name == "migrant")
    for name in INDICATORS:
        if name not in given:
            found.append(f"indicators.{name}: missing, add [intercept, slope]")
        elif problem := _problem(spec, given[name]):
            found.append(problem.replace("migrant", f"indicators.{name}", 1))
    return found


def _refuse(where: str, problems: list[str]) -> None:
    if problems:
        head = f"{where}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise ValueError(bullet_list(head, problems))


def load_household_truth(folder: Path) -> HouseholdTruth:
    """Read and validate the parameters of the simulated households.

    Parameters
    ----------
    folder : Path
        Source folder that holds ``truth.yml``.

    Returns
    -------
    HouseholdTruth

    Raises
    ------
    FileNotFoundError
        The file is not there.
    ValueError
        Lists every unknown, missing or inadmissible parameter with its remedy.
    """
    path = folder / TRUTH_FILE
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(found, Mapping):
        raise ValueError(f"{path}: expected lines `name: value`, got {type(found).__name__}")
    names = [spec.name for spec in fields(HouseholdTruth)]
    problems = [_unknown(str(name), names) for name in found if name not in names]
    problems += [f"{name}: missing, add it" for name in names if name not in found]
    _refuse(str(path), problems + _violations(found))
    return HouseholdTruth(**{name: _typed(found[name]) for name in names})


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _typed(value[name]) for name in INDICATORS}
    return tuple(map(float, value)) if isinstance(value, list) else float(value)


def return_risk(truth: HouseholdTruth) -> pd.DataFrame:
    r"""Return the logit of being below the poverty line next year, implied by the process.

    Income over the line follows ``r' = drift + persistence r + effects + scale L`` with L standard
    logistic, so that ``P(r' < 0) = 1 / (1 + exp((drift + persistence r + effects) / scale))``
    exactly, whatever subset of households is looked at, as long as it is chosen by this year's
    variables.

    Returns
    -------
    DataFrame
        term (intercept, log_income_ratio, serious_illness, low_schooling, migrant_worker) and
        truth, its coefficient in the logit. log_income_ratio is ln(income / poverty_line);
        low_schooling is schooling_years below 6.
    """
    slopes = {
        "intercept": truth.income_drift,
        "log_income_ratio": truth.income_persistence,
        "serious_illness": truth.income_illness,
        "low_schooling": truth.income_schooling,
        "migrant_worker": truth.income_migrant,
    }
    values = [-slope / truth.income_scale for slope in slopes.values()]
    return pd.DataFrame({"term": list(slopes), "truth": values})
