"""A study of poverty risk from its files to the tables of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.households.household_report import HouseholdStudy
from analysis.households.household_truth import return_risk
from analysis.households.reading import CONFIG
from analysis.households.return_risk import Forecast, RiskStudy, study_risk
from analysis.households.risk_design import next_year_poverty, risk_design
from analysis.households.risk_scores import (
    calibration_table,
    monitoring_sweep,
    precision_recall,
    recall_by_group,
    risk_scores,
)
from analysis.households.row_values import deprived
from analysis.households.vulnerability import VulnerabilityFit, fit_vulnerability
from analysis.panel_input import raise_violations

RISK = "risk.yml"
LISTS = ("predictors", "vulnerability", "groups", "lines")
OPTIONS = ("test_year", "horizon", "returned_only", "monitoring_line")
LOG_INCOME = "log_income_ratio"
OUTCOME = "poor_next_year"


@dataclass(frozen=True)
class RiskReport:
    """Forecasts of poverty and how good they were.

    Attributes
    ----------
    study : RiskStudy
    vulnerability : VulnerabilityFit
        Of the test year alone.
    calibration, curves : DataFrame
        As `risk_scores.calibration_table` and `precision_recall`, with the column model.
    sweep, scores, groups : DataFrame
        As `risk_scores.monitoring_sweep`, `risk_scores` and `recall_by_group` (everybody first).
    """

    study: RiskStudy
    vulnerability: VulnerabilityFit
    calibration: pd.DataFrame
    curves: pd.DataFrame
    sweep: pd.DataFrame
    scores: pd.DataFrame
    groups: pd.DataFrame


def read_risk(folder: Path) -> dict[str, Any]:
    """Read `risk.yml`: predictors, vulnerability (its predictors), groups, lines, and options.

    Raises
    ------
    ValueError
        Lists every missing, unknown or empty key.
    """
    given: dict[str, Any] = yaml.safe_load((folder / RISK).read_text(encoding="utf-8")) or {}
    unknown = sorted(set(given) - {*LISTS, *OPTIONS})
    found = [f"{key} is unknown: use {', '.join((*LISTS, *OPTIONS))}" for key in unknown]
    found += [
        f"{key} must be a list with at least one entry"
        for key in LISTS
        if not isinstance(given.get(key), list) or not given[key]
    ]
    raise_violations(f"{folder.name}/{RISK}", found)
    return given


def risk_frame(study: HouseholdStudy, given: dict[str, Any]) -> pd.DataFrame:
    """Load the columns that the study of risk needs.

    Indicators that are no columns are made by their rules; `log_income_ratio` is the logarithm of
    income over the poverty line, missing without income.

    Raises
    ------
    ValueError
        Lists the names that are neither columns nor indicators, and a missing poverty line.
    """
    config, present = study.config, set(study.table.columns)
    rules = {i.name: i for i in config.indicators if i.name not in present}
    wanted = [*given["predictors"], *given["vulnerability"], *given["groups"]]
    made = {LOG_INCOME, *rules}
    lost = sorted({name for name in wanted if name not in present | made})
    found = [f"{n!r} is neither a column nor an indicator: name one" for n in lost]
    line = config.poverty_line
    if not isinstance(line, int | float):
        found.append(f"`poverty_line` of {CONFIG} is {line}: give one number for all years")
    raise_violations(RISK, found)
    assert isinstance(line, int | float)
    columns = {*config.columns.values(), *config.stratum, *config.psu, *(present & {OUTCOME})}
    columns |= {name for name in wanted if name in present}
    table = study.table.mutate(**{name: deprived(study.table, i) for name, i in rules.items()})
    frame: pd.DataFrame = table.select(sorted((columns & present) | set(rules))).to_pandas()
    keys = [*config.psu, config.columns["household"], config.columns["year"]]
    frame = frame.sort_values(list(dict.fromkeys(keys)), ignore_index=True)
    ratio = frame[config.columns["income"]] / line
    frame[LOG_INCOME] = np.log(ratio.where(ratio > 0))
    return frame


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
    design = risk_design(study.config, given["predictors"], groups=groups, **options)
    if OUTCOME not in frame:
        columns = {name: getattr(design, name) for name in ("household", "year", "income")}
        frame[OUTCOME] = next_year_poverty(
            frame, poverty_line=design.poverty_line, horizon=design.horizon, **columns
        )
    risk = study_risk(frame, design)
    one = frame[frame[design.year] == risk.test_year]
    fit = fit_vulnerability(
        one,
        predictors=given["vulnerability"],
        poverty_line=design.poverty_line,
        income=design.income,
        weight=design.weight,
        psu=design.psu,
        stratum=design.stratum,
        lonely=design.lonely,
    )
    vulnerable = fit.households["vulnerability"].reindex(risk.forecast.frame.index)
    both = replace(risk.forecast, frame=risk.forecast.frame.assign(vulnerability=vulnerable))
    scores = risk_scores(risk.forecast)
    everybody = scores[scores["measure"].isin(["recall", "precision"])].assign(group="", item="")
    return RiskReport(
        study=risk,
        vulnerability=fit,
        calibration=_of_both(both, calibration_table),
        curves=_of_both(both, precision_recall),
        sweep=monitoring_sweep(risk.forecast, given["lines"]),
        scores=scores,
        groups=pd.concat([everybody, recall_by_group(risk.forecast, groups)], ignore_index=True),
    )


def _of_both(forecast: Forecast, table: Any) -> pd.DataFrame:
    """Return a table of the logit and of vulnerability, told apart by the column model."""
    models = {"logit": "risk", "vulnerability": "vulnerability"}
    parts = [table(forecast, risk=column).assign(model=name) for name, column in models.items()]
    return pd.concat(parts, ignore_index=True)


def true_coefficients(study: HouseholdStudy) -> pd.DataFrame | None:
    """Return the coefficients of the logit that made a simulated survey; None for a real one."""
    return None if study.truth is None else return_risk(study.truth)
