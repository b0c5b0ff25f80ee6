"""Lesson on village data: why errors are clustered, and what an instrument adds.

Rice farmers of one village decided on insurance after the same meetings. Whether a household buys
when more of its neighbours did cannot be read off their shares: neighbours are alike. Sessions that
came before offered insurance with or without buying as the default, at random by natural village;
that default is the instrument. Insurance data, not poverty data. Source of the data and of the
design: Cai, de Janvry and Sadoulet (2015), AEJ: Applied Economics 7(2), 81-108.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from analysis.panel_input import CONSTANT, raise_violations

DATA_FILE = "social_insure.csv"
OUTCOME, NEIGHBOURS, DEFAULT, SESSION = "takeup_survey", "pre_takeup_rate", "default", "intensive"
CONTROLS = (
    "male", "age", "agpop", "ricearea_2010", "literacy", "intensive", "risk_averse",
    "disaster_prob",
)  # fmt: skip
NATURAL_VILLAGE, VILLAGE = "address", "village"
RANGES = {
    OUTCOME: (0, 1), NEIGHBOURS: (0, 1), DEFAULT: (0, 1), SESSION: (0, 1), "male": (0, 1),
    "literacy": (0, 1), "risk_averse": (0, 1), "disaster_prob": (0, 100), "age": (15, 110),
    "agpop": (1, 40), "ricearea_2010": (0, 1000),
}  # fmt: skip
BINARY = (OUTCOME, DEFAULT, SESSION, "male", "literacy")
ERRORS = {"iid": None, "robust": None, "natural_village": NATURAL_VILLAGE, "village": VILLAGE}
"""Kinds of errors, and the column of their clusters."""
MODELS = {
    "session": (OUTCOME, SESSION),
    "association": (OUTCOME, NEIGHBOURS),
    "first_stage": (NEIGHBOURS, DEFAULT),
    "reduced_form": (OUTCOME, DEFAULT),
    "instrument": (OUTCOME, NEIGHBOURS),
}
"""Outcome and regressor of each model; the last is two-stage least squares by `DEFAULT`."""
COLUMNS = (
    "model", "outcome", "term", "error_type", "estimate", "se", "df", "p_value", "ci_low",
    "ci_high", "n", "clusters",
)  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """Estimates of the lesson.

    Attributes
    ----------
    estimates : DataFrame
        Columns `COLUMNS`; one row per model of `MODELS` and kind of error.
    tests : DataFrame
        test, error_type, value, p_value, low, high: `first_stage_F` (squared t of the instrument),
        `anderson_rubin` (p of no effect; interval that a weak instrument does not harm, whose ends
        are infinite where it is unbounded) and `endogeneity` (t of the first-stage residual in the
        outcome's regression, Hausman 1978).
    counts : dict
        rows, used, missing, natural_villages, villages.
    """

    estimates: pd.DataFrame
    tests: pd.DataFrame
    counts: dict[str, int]


def read_rice_insurance(folder: Path) -> pd.DataFrame:
    """Read the households of the lesson.

    Parameters
    ----------
    folder : Path
        Source folder with `social_insure.csv`.

    Returns
    -------
    DataFrame
        One row per household, columns as in the file: natural and administrative village (text),
        the others numbers, some missing.

    Raises
    ------
    ValueError
        Lists every column that is missing and every value out of range, with the first row.
    """
    path = folder / DATA_FILE
    frame = pd.read_csv(path, dtype={NATURAL_VILLAGE: "str", VILLAGE: "str"})
    wanted = [NATURAL_VILLAGE, VILLAGE, *RANGES]
    found = [f"{path}: column '{c}' is missing" for c in wanted if c not in frame]
    for column, (low, high) in RANGES.items():
        if column not in frame:
            continue
        values = pd.to_numeric(frame[column], errors="coerce")
        wrong = frame[column].notna() & ~values.between(low, high)
        if column in BINARY:
            wrong |= values.notna() & ~values.isin([0, 1])
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            kind = "0 or 1" if column in BINARY else f"a number from {low} to {high}"
            found.append(
                f"{path}: row {row + 2}, column '{column}': {frame[column].iloc[row]} is not "
                f"{kind} ({wrong.sum()} rows in all): restore the file"
            )
    raise_violations("the rice farmers", found)
    return frame


def rice_insurance_lesson(frame: pd.DataFrame) -> Lesson:
    """Estimate all models of the lesson with four kinds of errors.

    Every model has the household's characteristics and effects of administrative villages.
    Clustered errors have the factor G/(G-1) (n-1)/(n-k), k with the village effects, and t with
    G - 1 degrees of freedom. The natural village is where the default was assigned; the
    administrative village, which holds several, allows for more dependence with fewer clusters.

    Parameters
    ----------
    frame : DataFrame
        As `read_rice_insurance`; households with a missing value are left out. Not changed.

    Returns
    -------
    Lesson
    """
    used = frame[[NATURAL_VILLAGE, VILLAGE, *RANGES]].dropna().reset_index(drop=True)
    rows, tests = [], []
    for error_type in ERRORS:
        fits = {model: _fit(used, model, error_type) for model in MODELS}
        for model, fit in fits.items():
            rows.append(_row(used, model, error_type, fit))
        tests += _tests(used, error_type, fits)
    order = {model: place for place, model in enumerate(MODELS)}
    estimates = pd.DataFrame(rows, columns=list(COLUMNS))
    estimates = estimates.sort_values("model", key=lambda m: m.map(order), kind="stable")
    return Lesson(
        estimates=estimates.reset_index(drop=True),
        tests=pd.DataFrame(tests),
        counts={
            "rows": len(frame), "used": len(used), "missing": len(frame) - len(used),
            "natural_villages": used[NATURAL_VILLAGE].nunique(),
            "villages": used[VILLAGE].nunique(),
        },
    )  # fmt: skip


def _fit(used: pd.DataFrame, model: str, error_type: str, *extra: pd.Series) -> Any:
    """Fit one model by linearmodels; `extra` are further regressors."""
    from linearmodels.iv import IV2SLS

    outcome, regressor = MODELS[model]
    exogenous = [_controls(used), *extra]
    endogenous = instrument = None
    if model == "instrument":
        endogenous, instrument = used[[regressor]], used[[DEFAULT]]
    elif regressor not in CONTROLS:
        exogenous.append(used[regressor])
    options: dict[str, Any] = {"cov_type": "unadjusted" if error_type == "iid" else "robust"}
    if column := ERRORS[error_type]:
        codes = used.groupby(column).ngroup()
        options = {"cov_type": "clustered", "clusters": codes}
    x = pd.concat(exogenous, axis=1)
    return IV2SLS(used[outcome], x, endogenous, instrument).fit(debiased=True, **options)


def _controls(used: pd.DataFrame) -> pd.DataFrame:
    villages = pd.get_dummies(used[VILLAGE], prefix="village", drop_first=True, dtype=float)
    constant = pd.Series(1.0, index=used.index, name=CONSTANT)
    return pd.concat([constant, used[list(CONTROLS)], villages], axis=1)


def _degrees(used: pd.DataFrame, error_type: str, fit: Any) -> int:
    column = ERRORS[error_type]
    return used[column].nunique() - 1 if column else len(used) - len(fit.params)


def _row(used: pd.DataFrame, model: str, error_type: str, fit: Any) -> tuple[Any, ...]:
    outcome, term = MODELS[model]
    estimate, se = float(fit.params[term]), float(fit.std_errors[term])
    df, column = _degrees(used, error_type, fit), ERRORS[error_type]
    half = student.ppf(0.975, df) * se
    p_value = 2 * student.sf(abs(estimate / se), df)
    clusters = used[column].nunique() if column else len(used)
    return (
        model, outcome, term, error_type, estimate, se, df, p_value, estimate - half,
        estimate + half, len(used), clusters,
    )  # fmt: skip


def _tests(used: pd.DataFrame, error_type: str, fits: dict[str, Any]) -> list[dict[str, Any]]:
    first = fits["first_stage"]
    df = _degrees(used, error_type, first)
    square = float(first.params[DEFAULT] / first.std_errors[DEFAULT]) ** 2
    residual = pd.Series(np.asarray(first.resids), index=used.index, name="residual")
    control = _fit(used, "association", error_type, residual)
    df_residual = _degrees(used, error_type, control)
    t_residual = float(control.params["residual"] / control.std_errors["residual"])
    reduced = fits["reduced_form"]
    t_reduced = float(reduced.params[DEFAULT] / reduced.std_errors[DEFAULT])
    low, high = anderson_rubin_interval(used, error_type)
    values = (
        ("first_stage_F", square, 2 * student.sf(np.sqrt(square), df), np.nan, np.nan),
        ("anderson_rubin", t_reduced**2, 2 * student.sf(abs(t_reduced), df), low, high),
        ("endogeneity", t_residual, 2 * student.sf(abs(t_residual), df_residual), np.nan, np.nan),
    )
    names = ("test", "value", "p_value", "low", "high")
    return [{**dict(zip(names, row, strict=True)), "error_type": error_type} for row in values]


def anderson_rubin_interval(used: pd.DataFrame, error_type: str) -> tuple[float, float]:
    r"""Return the effects b for which y - b d does not depend on the instrument (Anderson, Rubin).

    With one instrument the set solves (r - b f)^2 <= t^2 (V_rr - 2 b V_rf + b^2 V_ff), r and f the
    instrument's coefficients in the reduced form and the first stage. V is found from three
    regressions, of y, d and y + d on the instrument. Source: Anderson and Rubin (1949), Annals of
    Mathematical Statistics 20, 46-63.

    Returns
    -------
    low, high : float
        -inf and inf where the set is unbounded, which a weak instrument makes it.
    """
    both = used.assign(**{OUTCOME: used[OUTCOME] + used[NEIGHBOURS]})
    fits = [
        _fit(frame, model, error_type)
        for frame, model in ((used, "reduced_form"), (used, "first_stage"), (both, "reduced_form"))
    ]
    r, f = (float(fit.params[DEFAULT]) for fit in fits[:2])
    v_r, v_f, v_sum = (float(fit.std_errors[DEFAULT]) ** 2 for fit in fits)
    v_rf = (v_sum - v_r - v_f) / 2
    limit = student.ppf(0.975, _degrees(used, error_type, fits[1])) ** 2
    a, b, c = f**2 - limit * v_f, -2 * (r * f - limit * v_rf), r**2 - limit * v_r
    if a <= 0:
        return -np.inf, np.inf
    root = np.sqrt(max(b**2 - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
