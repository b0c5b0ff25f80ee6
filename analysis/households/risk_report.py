"""A study of poverty risk from its files to the tables of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.households.household_report import HouseholdStudy
from analysis.households.household_truth import return_risk
from analysis.households.reading import CONFIG
from analysis.households.return_risk import Forecast, RiskStudy, poor_before, study_risk
from analysis.households.risk_design import RiskDesign, next_year_poverty, risk_design
from analysis.households.risk_scores import (
    calibration_table,
    monitoring_sweep,
    precision_recall,
    recall_by_group,
    risk_scores,
)
from analysis.households.row_values import deprived
from analysis.households.vulnerability import VulnerabilityFit, fit_vulnerability
from analysis.households.vulnerability_groups import vulnerability_by_group
from analysis.panel_input import raise_violations

RISK = "risk.yml"
NAMES = ("predictors", "vulnerability", "groups")
LISTS = (*NAMES, "lines")
OPTIONS = ("test_year", "horizon", "returned_only", "monitoring_line")
LOG_INCOME = "log_income_ratio"
OUTCOME = "poor_next_year"
BEFORE = "poor_before"
"""Group of its own where a year has both: poor in an earlier wave, so that poverty would return."""


@dataclass(frozen=True)
class RiskReport:
    """Forecasts of poverty and how good they were.

    Attributes
    ----------
    study : RiskStudy
    vulnerability : VulnerabilityFit
        Of the test year alone.
    calibration : DataFrame
        As `risk_scores.calibration_table`, with the column model. The logit is judged on households
        not poor in the test year, vulnerability on all of that year that have one: each forecasts
        for its own.
    curves : DataFrame
        As `risk_scores.precision_recall`, with the column model; both on households not poor.
    sweep, scores, groups : DataFrame
        As `risk_scores.monitoring_sweep`, `risk_scores` and `recall_by_group` (everybody first).
    vulnerability_groups : DataFrame
        As `vulnerability_groups.vulnerability_by_group`, for everybody and the groups of the study.
    vulnerable : Forecast
        Vulnerability of all households of the test year that have one and were asked again.
    """

    study: RiskStudy
    vulnerability: VulnerabilityFit
    calibration: pd.DataFrame
    curves: pd.DataFrame
    sweep: pd.DataFrame
    scores: pd.DataFrame
    groups: pd.DataFrame
    vulnerability_groups: pd.DataFrame
    vulnerable: Forecast


def read_risk(folder: Path) -> dict[str, Any]:
    """Read `risk.yml`: predictors, vulnerability (its predictors), groups, lines, and options.

    Raises
    ------
    ValueError
        Lists every missing, unknown or empty key.
    """
    try:
        given = yaml.safe_load((folder / RISK).read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{folder.name}/{RISK} cannot be read: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"{folder.name}/{RISK} must be a mapping of {', '.join(LISTS)}")
    unknown = sorted(set(given) - {*LISTS, *OPTIONS})
    found = [f"{key} is unknown: use {', '.join((*LISTS, *OPTIONS))}" for key in unknown]
    found += [
        f"{key} must be a list with at least one entry"
        for key in LISTS
        if not isinstance(given.get(key), list) or not given[key]
    ]
    found += [
        f"{key} must hold names of columns or indicators, not {entry!r}"
        for key in NAMES
        if isinstance(given.get(key), list)
        for entry in given[key]
        if not isinstance(entry, str)
    ]
    raise_violations(f"{folder.name}/{RISK}", found)
    return given


def risk_frame(study: HouseholdStudy, given: dict[str, Any]) -> pd.DataFrame:
    """Load the columns that the study of risk needs.

    Indicators that are no columns are made by their rules; `log_income_ratio` is the logarithm of
    income over the poverty line, missing without income. Predictors that the files hold as text or
    as true and false become numbers. All rows are loaded, of these columns alone.

    Raises
    ------
    ValueError
        Lists the names that are neither columns nor indicators, a missing poverty line, and
        predictors with cells that are no numbers.
    """
    config, present = study.config, set(study.table.columns)
    rules = {i.name: i for i in config.indicators if i.name not in present}
    wanted = [*given["predictors"], *given["vulnerability"], *given["groups"]]
    made = {LOG_INCOME, *rules}
    lost = sorted({name for name in wanted if name not in present | made})
    known = ", ".join(sorted(present | made))
    names = ", ".join(repr(name) for name in lost)
    found = [f"neither columns nor indicators: {names}; there are {known}"] if lost else []
    line = config.poverty_line
    if not isinstance(line, int | float):
        found.append(f"`poverty_line` of {CONFIG} is {line}: give one number for all years")
    raise_violations(RISK, found)
    assert isinstance(line, int | float)
    columns = {*config.columns.values(), *config.stratum, *config.psu, *(present & {OUTCOME})}
    columns |= {name for name in wanted if name in present}
    table = study.table.mutate(**{name: deprived(study.table, i) for name, i in rules.items()})
    frame: pd.DataFrame = table.select(sorted((columns & present) | set(rules))).to_pandas()
    used = {*given["predictors"], *given["vulnerability"], OUTCOME} & set(frame) - set(rules)
    frame = _with_whole_groups(_with_numbers(frame, sorted(used)), given["groups"])
    keys = [*config.psu, config.columns["household"], config.columns["year"]]
    frame = frame.sort_values(list(dict.fromkeys(keys)), ignore_index=True)
    ratio = frame[config.columns["income"]] / line
    frame[LOG_INCOME] = np.log(ratio.where(ratio > 0))
    return frame


def _with_numbers(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Turn columns of text and of true and false into numbers."""
    found, numbers = [], {}
    for name in names:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            continue
        cells = column.where(column.astype("str").str.strip() != "")
        numbers[name] = pd.to_numeric(cells, errors="coerce").astype(float)
        wrong = cells[cells.notna() & numbers[name].isna()]
        if len(wrong):
            found.append(
                f"'{name}' is no number in {len(wrong):,} rows, such as {str(wrong.iloc[0])!r}: "
                "code it as numbers, declare the cell under `missing` of its file, or make it an "
                "indicator"
            )
    raise_violations(RISK, found)
    return frame.assign(**numbers)


def _with_whole_groups(frame: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Turn groups that are whole numbers into integers, so that they are named 1 and not 1.0."""
    numbers = frame[[name for name in groups if pd.api.types.is_float_dtype(frame[name])]]
    whole = [name for name in numbers if (numbers[name] % 1 == 0).all()]
    return frame.astype(dict.fromkeys(whole, "int64"))


def risk_report(study: HouseholdStudy, given: dict[str, Any]) -> RiskReport:
    """Forecast poverty a year ahead, and hold the forecast against what happened.

    Parameters
    ----------
    study : HouseholdStudy
        Its configuration maps household, year and income and has both lines.
    given : dict
        From `read_risk`.

    Raises
    ------
    ValueError
        As `risk_design.risk_design` and `return_risk.study_risk`.
    """
    frame = risk_frame(study, given)
    options = {key: given[key] for key in OPTIONS if key in given}
    groups = tuple(given["groups"])
    kept = tuple(dict.fromkeys([*groups, BEFORE]))
    design = risk_design(study.config, given["predictors"], groups=kept, **options)
    if OUTCOME not in frame:
        columns = {name: getattr(design, name) for name in ("household", "year", "income")}
        frame[OUTCOME] = next_year_poverty(
            frame, poverty_line=design.poverty_line, horizon=design.horizon, **columns
        )
    if BEFORE not in frame:
        frame[BEFORE] = poor_before(frame, design).astype(int)
    risk = study_risk(frame, design)
    one = frame[frame[design.year] == risk.test_year]
    fit = _vulnerability(one, given, design)
    scores = risk_scores(risk.forecast)
    everybody = scores[scores["measure"].isin(["recall", "precision"])].assign(group="", item="")
    both = risk.forecast.frame[BEFORE].nunique() > 1
    compared = recall_by_group(risk.forecast, kept if both else groups)
    vulnerable = _vulnerable(one, fit, design)
    return RiskReport(
        study=risk,
        vulnerability=fit,
        calibration=_of_both(risk.forecast, vulnerable, calibration_table),
        curves=_of_both(risk.forecast, _at_risk(risk.forecast, fit), precision_recall),
        sweep=monitoring_sweep(risk.forecast, given["lines"]),
        scores=scores,
        groups=pd.concat([everybody, compared], ignore_index=True),
        vulnerability_groups=vulnerability_by_group(fit, one, [(), *((name,) for name in groups)]),
        vulnerable=vulnerable,
    )


def _vulnerability(
    one: pd.DataFrame, given: dict[str, Any], design: RiskDesign
) -> VulnerabilityFit:
    return fit_vulnerability(
        one,
        predictors=given["vulnerability"],
        poverty_line=design.poverty_line,
        income=design.income,
        weight=design.weight,
        psu=design.psu,
        stratum=design.stratum,
        lonely=design.lonely,
    )


def _vulnerable(one: pd.DataFrame, fit: VulnerabilityFit, design: RiskDesign) -> Forecast:
    """Return vulnerability and outcome of all households of a year, poor in it or not."""
    outcome = one[design.outcome].reindex(fit.households.index)
    known = outcome.notna()
    rows = fit.households.loc[known, ["weight", "vulnerability"]]
    return Forecast(rows.assign(outcome=outcome[known].astype(int)), fit.units.of(known.to_numpy()))


def _at_risk(forecast: Forecast, fit: VulnerabilityFit) -> Forecast:
    """Return the households of a forecast that have a vulnerability, with it."""
    value = fit.households["vulnerability"].reindex(forecast.frame.index)
    known = value.notna()
    frame = forecast.frame[known].assign(vulnerability=value[known])
    return Forecast(frame, forecast.units.of(known.to_numpy()))


def _of_both(logit: Forecast, vulnerable: Forecast, table: Any) -> pd.DataFrame:
    """Return a table of the logit and of vulnerability, told apart by the column model."""
    return pd.concat(
        [
            table(logit, risk="risk").assign(model="logit"),
            table(vulnerable, risk="vulnerability").assign(model="vulnerability"),
        ],
        ignore_index=True,
    )


def true_coefficients(study: HouseholdStudy) -> pd.DataFrame | None:
    """Return the coefficients of the logit that made a simulated survey; None for a real one."""
    return None if study.truth is None else return_risk(study.truth)
