"""Risk of falling into poverty within a year: a logit that knows nothing of the future.

It is fitted to households that were not poor when asked, in years whose outcome was known when the
year came that it is judged by. The rule it has to beat is the monitoring line: watch whoever has
less than so many yuan. `risk_scores` holds the judgement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.households.influences import SampleUnits, sample_units
from analysis.households.logit import LogitFit, fit_logit
from analysis.households.risk_design import RiskDesign, input_faults, judged_year, split_faults
from analysis.panel_input import raise_violations

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """Risks of the year that the model is judged by.

    Attributes
    ----------
    frame : DataFrame
        Households at risk with known outcome: household, year, the groups, income, weight, outcome,
        risk, base_rate (share of poor in the training years), monitored (income below the
        monitoring line), flagged (risk of at least the threshold).
    units : SampleUnits
        Of these rows, in the design of the whole sample.
    """

    frame: pd.DataFrame
    units: SampleUnits


@dataclass(frozen=True)
class RiskStudy:
    """A fitted model of risk and its forecast.

    Attributes
    ----------
    model : LogitFit
    forecast : Forecast
    threshold : float
        Risk from which a household is flagged: set in the training years so that the share flagged
        is that below the monitoring line.
    training_years : tuple of int
    test_year : int
    counts : dict
        rows, at_risk, training, test, and what was left out of either for missing values.
    """

    model: LogitFit
    forecast: Forecast
    threshold: float
    training_years: tuple[int, ...]
    test_year: int
    counts: dict[str, int]


def study_risk(frame: pd.DataFrame, design: RiskDesign) -> RiskStudy:
    """Fit the risk in the years known before the test year, and forecast that year.

    A row of year t enters the training only if t + horizon is not after the test year: its outcome
    was then known. Nothing of the test year's outcomes, or of later rows, is used.

    Parameters
    ----------
    frame : DataFrame
        One row per household and year, not changed.
    design : RiskDesign

    Returns
    -------
    RiskStudy

    Raises
    ------
    ValueError
        Lists every violation: columns, households twice in a year, outcomes other than 0 and 1,
        lines in the wrong order, years that leave nothing to train on, predictors that are the
        outcome or follow the income of a later wave.
    """
    raise_violations("the study of risk", input_faults(frame, design))
    split = _split(frame, design)
    units = sample_units(frame, psu=design.psu, stratum=design.stratum, lonely=design.lonely)
    weight = frame[design.weight] if design.weight else pd.Series(1.0, index=frame.index)
    x = frame[list(design.predictors)].astype(float)
    fitted, judged = split.training, split.test
    model = fit_logit(
        x[fitted], frame.loc[fitted, design.outcome], np.asarray(weight[fitted], dtype=float),
        units.of(fitted.to_numpy()),
    )  # fmt: skip
    past = _known_rows(frame[fitted], design, weight[fitted], model.probability(x[fitted]))
    watched = np.average(past["monitored"], weights=past["weight"])
    threshold = flag_threshold(past["risk"].to_numpy(), past["weight"].to_numpy(), watched)
    rows = _known_rows(frame[judged], design, weight[judged], model.probability(x[judged]))
    rows = rows.assign(
        base_rate=np.average(past["outcome"], weights=past["weight"]),
        flagged=rows["risk"] >= threshold,
    )
    return RiskStudy(
        model=model,
        forecast=Forecast(rows, units.of(judged.to_numpy())),
        threshold=threshold,
        training_years=tuple(sorted(int(year) for year in past["year"].unique())),
        test_year=split.year,
        counts=split.counts,
    )


@dataclass(frozen=True)
class _Split:
    training: pd.Series
    test: pd.Series
    year: int
    counts: dict[str, int]


def _split(frame: pd.DataFrame, design: RiskDesign) -> _Split:
    """Mark the complete rows at risk that train, and those that judge."""
    year, at_risk = judged_year(frame, design), _at_risk(frame, design)
    training = at_risk & (frame[design.year] + design.horizon <= year)
    test = at_risk & (frame[design.year] == year)
    complete = frame[[*design.predictors, design.outcome]].notna().all(axis=1)
    raise_violations("the study of risk", split_faults(frame, design, training & complete))
    counts = {
        "rows": len(frame), "at_risk": int(at_risk.sum()),
        "training": int((training & complete).sum()),
        "training_missing": int((training & ~complete).sum()),
        "test": int((test & complete).sum()), "test_missing": int((test & ~complete).sum()),
    }  # fmt: skip
    return _Split(training & complete, test & complete, year, counts)


def flag_threshold(risk: Floats, weight: Floats, share: float) -> float:
    """Return the risk from which on no more than `share` of the weight is flagged.

    At least the households with the highest risk are; equal risks are flagged together.
    """
    values, place = np.unique(-risk, return_inverse=True)
    flagged = np.cumsum(np.bincount(place, weight)) / weight.sum()
    last = int(np.searchsorted(flagged, share * (1 + 1e-12), side="right")) - 1
    return float(-values[max(last, 0)])


def _known_rows(
    rows: pd.DataFrame, design: RiskDesign, weight: pd.Series, risk: Floats
) -> pd.DataFrame:
    named = {design.household: "household", design.year: "year", design.income: "income"}
    kept = list(dict.fromkeys([*named, *design.groups]))
    return rows[kept].rename(columns=named).assign(
        weight=weight, outcome=rows[design.outcome].astype(int), risk=risk,
        monitored=rows[design.income] < design.monitoring_line,
    )  # fmt: skip


def _at_risk(frame: pd.DataFrame, design: RiskDesign) -> pd.Series:
    safe = frame[design.income] >= design.poverty_line
    return safe & poor_before(frame, design) if design.returned_only else safe


def poor_before(frame: pd.DataFrame, design: RiskDesign) -> pd.Series:
    """Return whether each household was poor in an earlier wave: it can return to poverty."""
    ordered = frame.sort_values(design.year, kind="stable")
    poor = (ordered[design.income] < design.poverty_line).astype(int)
    before = poor.groupby(ordered[design.household]).cumsum() - poor
    return before.reindex(frame.index) > 0
