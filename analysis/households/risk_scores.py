"""How good a forecast of poverty was: calibration, precision and recall, Brier score, by group.

All is weighted; errors are those of the survey design. Two rules are compared that watch about the
same number of households: `model`, whoever has a high risk, and `monitoring`, whoever has an income
below the monitoring line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.households.influences import ratio_table, share_table
from analysis.households.logit import fit_logit
from analysis.households.return_risk import Forecast, flag_threshold

Floats = NDArray[np.float64]
RULES = {"model": "flagged", "monitoring": "monitored"}
"""Column of the forecast that says whom a rule watches."""
INTERVAL = ("value", "se", "ci_low", "ci_high", "n", "n_psu")


def calibration_table(
    forecast: Forecast, *, risk: str = "risk", bins: int = 10, level: float = 0.95
) -> pd.DataFrame:
    """Compare forecast and observed poverty in classes of risk.

    Parameters
    ----------
    forecast : Forecast
    risk : str
        Column of its frame with probabilities.
    bins : int
        Classes of about equal weight; equal risks share a class, so there may be fewer.
    level : float
        Of the intervals for the observed share.

    Returns
    -------
    DataFrame
        bin, predicted (mean risk), value (observed share), se, ci_low, ci_high, n, n_psu, share
        (of the weight).

    Raises
    ------
    ValueError
        There are fewer than two bins.
    """
    if bins < 2:
        raise ValueError(f"bins is {bins}: use two or more")
    frame = forecast.frame
    weight, p = frame["weight"].to_numpy(dtype=float), frame[risk].to_numpy(dtype=float)
    place = _classes(p, weight, bins)
    n = int(place.max()) + 1
    observed = share_table(
        weight * frame["outcome"].to_numpy(), weight, forecast.units, group=place, n_groups=n,
        level=level,
    )  # fmt: skip
    total = np.bincount(place, weight, n)
    table = observed[list(INTERVAL)]
    table.insert(0, "predicted", np.bincount(place, weight * p, n) / total)
    table.insert(0, "bin", np.arange(1, n + 1))
    return table.assign(share=total / total.sum())


def _classes(risk: Floats, weight: Floats, bins: int) -> NDArray[np.int64]:
    """Return the class of each row by the middle of its risk's rank, none empty."""
    place = np.unique(risk, return_inverse=True)[1]
    held = np.bincount(place, weight)
    middle = (np.cumsum(held) - held / 2) / held.sum()
    _, dense = np.unique(np.minimum((middle * bins).astype(np.int64), bins - 1),
                         return_inverse=True)  # fmt: skip
    return dense[place]


def calibration_line(forecast: Forecast, *, risk: str = "risk") -> pd.DataFrame:
    """Return intercept and slope of the outcome's logit on that of the risk (Cox 1958).

    A calibrated forecast has 0 and 1; a slope below 1 means that risks are too far apart, as in an
    overfitted model.

    Returns
    -------
    DataFrame
        term (`calibration_intercept`, `calibration_slope`), value, se, ci_low, ci_high, n, n_psu.
    """
    frame = forecast.frame
    p = frame[risk].clip(1e-12, 1 - 1e-12)
    fit = fit_logit(
        pd.DataFrame({"slope": np.log(p / (1 - p))}), frame["outcome"],
        frame["weight"].to_numpy(dtype=float), forecast.units,
    )  # fmt: skip
    table = fit.coefficients.rename(columns={"estimate": "value"})
    table["term"] = ["calibration_intercept", "calibration_slope"]
    return table[["term", "value", "se", "ci_low", "ci_high"]].assign(n=fit.n, n_psu=fit.n_psu)


def precision_recall(forecast: Forecast, *, risk: str = "risk") -> pd.DataFrame:
    """Return precision and recall by the risk from which households are watched.

    Returns
    -------
    DataFrame
        threshold (falling), watched (share of the weight), precision, recall; one row per distinct
        risk.
    """
    frame = forecast.frame
    weight = frame["weight"].to_numpy(dtype=float)
    values, place = np.unique(-frame[risk].to_numpy(dtype=float), return_inverse=True)
    watched = np.cumsum(np.bincount(place, weight))
    found = np.cumsum(np.bincount(place, weight * frame["outcome"].to_numpy()))
    return pd.DataFrame(
        {
            "threshold": -values, "watched": watched / weight.sum(), "precision": found / watched,
            "recall": found / found[-1],
        }
    )  # fmt: skip


def average_precision(curve: pd.DataFrame) -> float:
    """Return the area under precision and recall, sum of (R_k - R_k-1) P_k (no interpolation)."""
    return float((np.diff(curve["recall"], prepend=0.0) * curve["precision"]).sum())


def risk_scores(forecast: Forecast, *, risk: str = "risk", level: float = 0.95) -> pd.DataFrame:
    """Return the scores of a forecast, and those of the monitoring line beside it.

    Parameters
    ----------
    forecast : Forecast
    risk : str
        Column of its frame with probabilities.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        rule, measure, value, se, ci_low, ci_high, n, n_psu. Without rule: prevalence. `model`:
        brier, brier_skill (1 - Brier / that of the base rate of the training years),
        average_precision, calibration_intercept, calibration_slope. Both rules: watched, recall,
        precision. Errors of brier_skill and average_precision are missing.
    """
    frame = forecast.frame
    y, p = frame["outcome"].to_numpy(dtype=float), frame[risk].to_numpy(dtype=float)
    weight = frame["weight"].to_numpy(dtype=float)

    def mean(value: Floats, rule: str, measure: str) -> pd.DataFrame:
        found = ratio_table(weight * value, weight, forecast.units, level=level)
        return found.assign(rule=rule, measure=measure)

    brier = mean((p - y) ** 2, "model", "brier")
    base = np.average((frame["base_rate"] - y) ** 2, weights=weight)
    points = {
        "brier_skill": 1 - brier["value"][0] / base,
        "average_precision": average_precision(precision_recall(forecast, risk=risk)),
    }
    single = [
        pd.DataFrame({"rule": ["model"], "measure": [name], "value": [value], "n": [len(frame)],
                      "n_psu": brier["n_psu"]})
        for name, value in points.items()
    ]  # fmt: skip
    line = calibration_line(forecast, risk=risk).rename(columns={"term": "measure"})
    tables = [mean(y, "", "prevalence"), brier, *single, line.assign(rule="model")]
    by_rule = _rule_measures(forecast, np.zeros(len(frame), dtype=np.int64), 1, level)
    table = pd.concat([*tables, by_rule], ignore_index=True)
    return table[["rule", "measure", *INTERVAL]]


def recall_by_group(
    forecast: Forecast, groups: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Return what either rule finds in each group, by one threshold for all.

    Parameters
    ----------
    forecast : Forecast
    groups : sequence of str
        Columns of its frame, taken one by one.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        group (column), item (value as text), rule, measure, value, se, ci_low, ci_high, n, n_psu.
        Measures: recall (share of those who became poor that was watched), precision (share of the
        watched that became poor), watched, and, without rule, prevalence.

    Raises
    ------
    ValueError
        A column is missing or has gaps.
    """
    frame = forecast.frame
    wrong = [c for c in groups if c not in frame or frame[c].isna().any()]
    if wrong:
        raise ValueError(f"recall by group: {', '.join(wrong)} missing or with gaps")
    tables = []
    for column in groups:
        keys = frame.groupby(column, sort=True, observed=True)
        names = [str(value) for value in keys.size().index]
        place = np.asarray(keys.ngroup(), dtype=np.int64)
        found = _rule_measures(forecast, place, len(names), level)
        prevalence = _ratio(forecast, np.ones(len(frame), dtype=bool), place, len(names), level)
        table = pd.concat(
            [prevalence.assign(rule="", measure="prevalence"), found], ignore_index=True
        )
        item = [names[i] for i in table["place"]]
        tables.append(table.assign(group=column, item=item))
    table = pd.concat(tables, ignore_index=True)
    return table[["group", "item", "rule", "measure", *INTERVAL]]


def _rule_measures(
    forecast: Forecast, place: NDArray[np.int64], n: int, level: float
) -> pd.DataFrame:
    frame = forecast.frame
    poor = frame["outcome"].to_numpy(dtype=bool)
    tables = []
    for rule, column in RULES.items():
        seen = frame[column].to_numpy(dtype=bool)
        everyone = np.ones(len(frame), dtype=bool)
        for measure, part, whole in (
            ("watched", seen, everyone), ("recall", seen, poor), ("precision", poor, seen),
        ):  # fmt: skip
            found = _ratio(forecast, whole, place, n, level, part)
            tables.append(found.assign(rule=rule, measure=measure))
    return pd.concat(tables, ignore_index=True)


def _ratio(
    forecast: Forecast,
    whole: NDArray[np.bool_],
    place: NDArray[np.int64],
    n: int,
    level: float,
    part: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return the share of `part` in `whole` by group; that of the poor where no part is given."""
    weight = forecast.frame["weight"].to_numpy(dtype=float)
    part = forecast.frame["outcome"].to_numpy(dtype=bool) if part is None else part
    found = share_table(
        weight * (part & whole), weight * whole, forecast.units, group=place, n_groups=n,
        level=level,
    )  # fmt: skip
    return found.assign(place=np.arange(n))


def monitoring_sweep(forecast: Forecast, lines: Sequence[float]) -> pd.DataFrame:
    """Return what each monitoring line finds, and what the model finds with as many households.

    Parameters
    ----------
    forecast : Forecast
    lines : sequence of float
        Monitoring lines in yuan; one below all incomes watches nobody and is left out.

    Returns
    -------
    DataFrame
        line, rule, watched, precision, recall; two rows per line. The model watches no more than
        the line does (equal risks are taken or left together).
    """
    frame = forecast.frame
    weight, risk = frame["weight"].to_numpy(dtype=float), frame["risk"].to_numpy(dtype=float)
    poor = frame["outcome"].to_numpy(dtype=bool)
    rows = []
    for line in lines:
        below = frame["income"].to_numpy(dtype=float) < line
        if not below.any():
            continue
        from_ = flag_threshold(risk, weight, float(np.average(below, weights=weight)))
        for rule, seen in (("monitoring", below), ("model", risk >= from_)):
            hit, watched = weight[seen & poor].sum(), weight[seen].sum()
            found = (watched / weight.sum(), hit / watched, hit / weight[poor].sum())
            rows.append((line, rule, *found))
    return pd.DataFrame(rows, columns=["line", "rule", "watched", "precision", "recall"])
