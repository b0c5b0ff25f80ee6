"""What a study of the risk of poverty needs to know, and what keeps it from being made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.households.config import HouseholdConfig
from analysis.panel_input import input_violations, raise_violations

FEWEST_PAIRS = 50
"""Households seen again from which on a predictor that follows their later income is refused."""


@dataclass(frozen=True, kw_only=True)
class RiskDesign:
    """Who is at risk, of what, and what is known about them.

    Attributes
    ----------
    predictors : tuple of str
        Numeric columns, known in the year of the row.
    poverty_line : float
        At risk are households with at least this income.
    monitoring_line : float
        Households at risk with less are watched, whatever else is known of them.
    outcome : str
        1 if the household is poor `horizon` years later, 0 if not, missing if unknown.
    household, year, income : str
        Columns.
    weight : str, optional
        Weights above zero; households count alike without them.
    psu, stratum : tuple of str
        Columns that together name primary unit and stratum; each household a unit where empty.
    groups : tuple of str
        Columns by which recall is compared.
    test_year : int, optional
        Year that the model is judged by; the last one with known outcomes where omitted.
    horizon : int
        Years from a row to its outcome.
    returned_only : bool
        Keep only households that were poor in an earlier wave: a return in the strict sense.
    lonely : str
        As `survey_errors.SurveyDesign`.
    """

    predictors: tuple[str, ...]
    poverty_line: float
    monitoring_line: float
    outcome: str = "poor_next_year"
    household: str = "household"
    year: str = "year"
    income: str = "income"
    weight: str | None = None
    psu: tuple[str, ...] = ()
    stratum: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    test_year: int | None = None
    horizon: int = 1
    returned_only: bool = False
    lonely: str = "centre"


def risk_design(config: HouseholdConfig, predictors: Sequence[str], **options: Any) -> RiskDesign:
    """Return a design with columns and lines of a household study.

    Parameters
    ----------
    config : HouseholdConfig
        Maps household, year, income; has a poverty line, one for all years, and a monitoring line.
    predictors : sequence of str
    **options
        Further fields of `RiskDesign`; they come before those of the study.

    Raises
    ------
    ValueError
        Lists what the study lacks.
    """
    columns = config.columns
    found = [
        f"`columns: {concept}:` is not mapped: add it"
        for concept in ("household", "year", "income")
        if concept not in columns and concept not in options
    ]
    lines = {"poverty_line": config.poverty_line, "monitoring_line": config.monitoring_line}
    for name, line in lines.items():
        if name not in options and not isinstance(line, int | float):
            found.append(f"`{name}` is {line}: give one number")
    raise_violations("the study of risk", found)
    known = {name: columns[name] for name in ("household", "year", "income") if name in columns}
    design = {"weight": columns.get("weight"), "psu": config.psu, "stratum": config.stratum}
    given = {**known, **design, **lines, "lonely": config.lonely, **options}
    return RiskDesign(predictors=tuple(predictors), **given)


def next_year_poverty(
    frame: pd.DataFrame,
    *,
    poverty_line: float,
    household: str = "household",
    year: str = "year",
    income: str = "income",
    horizon: int = 1,
) -> pd.Series:
    """Return whether each household is poor `horizon` years later, as the panel shows.

    Returns
    -------
    Series
        1.0, 0.0, or missing where the household was not asked then; index of `frame`.

    Raises
    ------
    ValueError
        A household stands twice in a year, or a column is missing.
    """
    raise_violations(
        "the panel", input_violations(frame, keys=[household, year], numeric=[income], present=[])
    )
    later = _later_income(frame, household, year, income, horizon)
    return (later < poverty_line).astype(float).where(later.notna())


def _later_income(
    frame: pd.DataFrame, household: str, year: str, income: str, horizon: int
) -> pd.Series:
    known = frame.set_index([household, year])[income]
    wanted = pd.MultiIndex.from_arrays([frame[household], frame[year] + horizon])
    return pd.Series(known.reindex(wanted).to_numpy(dtype=float), index=frame.index)


def judged_year(frame: pd.DataFrame, design: RiskDesign) -> int:
    """Return the test year: the one of the design, else the last with known outcomes."""
    known = frame.loc[frame[design.outcome].notna(), design.year]
    return int(known.max()) if design.test_year is None else design.test_year


def input_faults(frame: pd.DataFrame, design: RiskDesign) -> list[str]:
    """List what keeps a frame from being studied."""
    numeric = [design.income, design.outcome, *design.predictors]
    numeric += [design.weight] if design.weight else []
    found = input_violations(
        frame, keys=[design.household, design.year], numeric=numeric, present=list(design.groups)
    )
    if not 0 < design.poverty_line < design.monitoring_line:
        found.append(
            f"poverty line {design.poverty_line:g}, monitoring line {design.monitoring_line:g}: "
            "both above zero, and the monitoring line higher"
        )
    if design.horizon < 1:
        found.append(f"horizon is {design.horizon}: an outcome lies at least one year ahead")
    if design.outcome in design.predictors:
        found.append(f"'{design.outcome}' is the outcome: take it out of the predictors")
    if found:
        return found
    return _value_violations(frame, design) + _later_violations(frame, design)


def _value_violations(frame: pd.DataFrame, design: RiskDesign) -> list[str]:
    outcome = frame[design.outcome]
    wrong = {f"'{design.outcome}' is neither 0 nor 1": outcome.notna() & ~outcome.isin([0, 1])}
    if design.weight:
        wrong[f"'{design.weight}' is not above zero"] = ~(frame[design.weight] > 0)
    found = [
        f"{what} in {rows.sum()} rows, the first at index {frame.index[rows][0]}: correct them"
        for what, rows in wrong.items()
        if rows.any()
    ]
    if not outcome.notna().any():
        found.append(f"'{design.outcome}' is never known: see `next_year_poverty`")
    return found


def _later_violations(frame: pd.DataFrame, design: RiskDesign) -> list[str]:
    """List predictors that rise or fall with the income of the later wave, without exception."""
    later = _later_income(frame, design.household, design.year, design.income, design.horizon)
    seen = frame[later.notna()].assign(later=later).sort_values("later", kind="stable")
    if len(seen) < FEWEST_PAIRS:
        return []
    follows = []
    for name in design.predictors:
        steps = np.diff(seen[name].dropna().to_numpy(dtype=float))
        if steps.any() and ((steps >= 0).all() or (steps <= 0).all()):
            follows.append(name)
    return [
        f"predictor '{name}' follows the income {design.horizon} year(s) later without exception "
        f"({len(seen)} rows): it holds information from the future, use what was known then"
        for name in follows
    ]


def split_faults(frame: pd.DataFrame, design: RiskDesign, training: pd.Series) -> list[str]:
    """List what the split by time leaves without rows; `training` marks complete rows."""
    year = judged_year(frame, design)
    found = []
    if not training.any():
        found.append(
            f"no complete row of a household at risk has an outcome known by {year}: "
            "earlier years, or a later test year, are needed"
        )
    known = frame[design.outcome].notna() & (frame[design.year] == year)
    if not known.any():
        found.append(f"no outcome of {year} is known: choose another test year")
    return found
