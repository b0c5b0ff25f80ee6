"""Long difference between two census years: how much of a change goes with designation.

The change of each outcome is regressed on designation on a ladder of controls, always over the
same counties, so that what moves between rungs is the comparison and never the sample.
With two years no earlier trend can be tested; the ladder shows how far the estimate depends on
who is compared with whom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.panel import t_inference
from analysis.panel_input import SHOWN, input_violations, raise_violations

OUTCOMES: Mapping[str, str] = {
    "tap_water": "percentage points",
    "toilet": "percentage points",
    "bath": "percentage points",
    "kitchen": "percentage points",
    "illiteracy": "percentage points",
    "schooling": "years",
    "agriculture_employment": "percentage points",
    "manufacturing_employment": "percentage points",
    "services_employment": "percentage points",
    "floor_space": "square metres per person",
}
"""Outcomes of the census, in the order in which they are shown, and the unit of their change."""
SURVEY_OUTCOMES: Mapping[str, str] = {
    "multidimensional_headcount": "percentage points",
    "multidimensional_poverty": "percentage points",
    "income_poverty": "percentage points",
    "relative_poverty": "percentage points",
    "mean_income": "yuan per head",
    "income_gini": "points of Gini",
}
"""Outcomes of a household survey, and the unit of their change."""
UNITS: Mapping[str, str] = {**OUTCOMES, "log_income": "log points", **SURVEY_OUTCOMES}
"""Units of all outcomes."""
BASELINE_CONTROLS = (
    "population",
    "rural_share",
    "schooling",
    "agriculture_employment",
    "minority_share",
    "relief",
)
"""Level in the first year: size, urbanity, human capital, economy, people and terrain, which is
what designation was decided by, and what the catch-up of a poor county depends on."""
LOG_CONTROLS = frozenset({"population"})
"""Controls that enter as logarithms."""
RUNGS = ("raw", "baseline", "province", "prefecture")
GROUPS: Mapping[str, tuple[str, ...]] = {"prefecture": ("province", "prefecture")}
"""Columns that identify a group, where its name alone does not: several provinces have a group of
counties directly under the province."""
ABSORBED = 1e-9
"""A column is absorbed when less than this share of its norm is left; rounding is 1e-15."""
COLUMNS = (
    "outcome", "rung", "estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high", "unit",
    "n", "n_treated", "cluster", "clusters", "controls", "effects", "effect_groups",
    "informative_groups", "excluded_missing", "excluded_singletons",
)  # fmt: skip


@dataclass(frozen=True)
class AbsorbedFit:
    """Least squares with one set of absorbed group effects.

    Attributes
    ----------
    slopes : ndarray, shape (k,)
        Coefficients.
    covariance : ndarray, shape (k, k)
        Clustered variance of the slopes.
    clusters : int
        Number of clusters, G.
    """

    slopes: np.ndarray
    covariance: np.ndarray
    clusters: int


def ladder(
    panel: pd.DataFrame,
    *,
    outcomes: Sequence[str] = tuple(OUTCOMES),
    treatment: str = "designated",
    baseline_controls: Sequence[str] = BASELINE_CONTROLS,
    first_year: int = 2010,
    last_year: int = 2020,
    sample: str | None = "rural_2010",
    exclude: Sequence[str] = (),
    rungs: Sequence[str] = RUNGS,
    cluster: str = "prefecture",
    units: Mapping[str, str] = UNITS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Regress the change of each outcome on designation, rung by rung.

    raw: a constant. baseline: + first-year level of the outcome and the baseline controls.
    province: + province effects. prefecture: prefecture effects instead of province effects.
    Counties and groups are those of the last year's row, controls those of the first year's.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year`, with `province`, `prefecture`, `treatment`, outcomes and
        controls. Not changed.
    outcomes : sequence of str
        Numeric columns; the change is last year minus first year.
    treatment : str
        Boolean column, the same in both years.
    baseline_controls : sequence of str
        Numeric columns; those in `LOG_CONTROLS` enter as logarithms and must be positive.
    first_year, last_year : int
        The two years.
    sample : str, optional
        Boolean column of the counties to use; None for all.
    exclude : sequence of str
        Boolean columns whose counties are left out, e.g. ("area_changed",).
    rungs : sequence of str
        Names from `RUNGS`.
    cluster : str
        Column by which errors are clustered; prefectures are told apart by province.
    units : mapping
        Unit of the change of each outcome.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, one row per outcome and rung. `excluded_missing`: counties of the sample
        that lack a year, the outcome, a control, a province or a prefecture; they are left out of
        all rungs. `excluded_singletons`: counties alone in their effect group, which carry no
        information on that rung. `informative_groups`: effect groups with both kinds of county.

    Raises
    ------
    ValueError
        Lists every violation of the input.

    Notes
    -----
    V = G/(G-1) x (N-1)/(N-K) x sandwich; K counts slopes, the constant and the effects, except
    effects nested in the clusters. Intervals from t with G - 1 degrees of freedom (Cameron &
    Miller 2015, J. Human Resources 50(2)). Without controls the estimate is that of two-way fixed
    effects on designated x last year (Wooldridge 2010, section 10.7.1). Alone in a group: Correia
    (2015), Singletons, cluster-robust standard errors and fixed effects.
    """
    columns = [treatment, *([sample] if sample else []), *exclude]
    groups = list(dict.fromkeys(["province", "prefecture", *_group_columns(cluster)]))
    numeric = list(dict.fromkeys([*outcomes, *baseline_controls]))
    violations = [
        *_option_violations(outcomes, rungs, units),
        *input_violations(
            panel, keys=("code", "year"), numeric=numeric, present=[*columns, *groups]
        ),
        *_flag_violations(panel, columns),
    ]
    raise_violations("the county panel", violations)
    first, last = _year(panel, first_year), _year(panel, last_year)
    violations = _year_violations(first, last, baseline_controls, (first_year, last_year))
    raise_violations("the county panel", violations)
    codes = _sample_codes(panel, sample, exclude)
    rows = []
    for outcome in outcomes:
        controls = [outcome, *(c for c in baseline_controls if c != outcome)]
        data = _differences(first, last, outcome, treatment, controls, groups)
        data = data.reindex(codes).dropna()
        raise_violations("the county panel", _comparison_violations(data, outcome))
        for rung in rungs:
            row = _rung(data, rung, controls, cluster, confidence)
            missing = len(codes) - len(data)
            named = {"outcome": outcome, "unit": units[outcome], "cluster": cluster}
            rows.append(row | named | {"excluded_missing": missing})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sensitivity(panel: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Repeat the ladder with other samples, controls and clusters.

    Parameters
    ----------
    panel : DataFrame
        As for `ladder`. Not changed.
    **options
        Arguments of `ladder` that all variants share, but `cluster`, `sample` and `exclude`.

    Returns
    -------
    DataFrame
        As `ladder`, with a column `variant`: errors by prefecture or by province, all counties
        instead of rural ones, counties of unchanged area only, counties whose relief is found by
        their code of 2020, without relief. A variant whose column the panel lacks is left out.
    """
    controls = options.get("baseline_controls", BASELINE_CONTROLS)
    variants: dict[str, dict[str, Any]] = {
        "errors by prefecture": {"cluster": "prefecture"},
        "errors by province": {"cluster": "province"},
        "all counties": {"sample": None},
    }
    if "area_changed" in panel:
        variants["unchanged area"] = {"exclude": ("area_changed",)}
    if "relief_repaired" in panel:
        variants["relief by code of 2020"] = {"exclude": ("relief_repaired",)}
    if "relief" in controls:
        without = [control for control in controls if control != "relief"]
        variants["without relief"] = {"baseline_controls": without}
    frames = [ladder(panel, **(options | own)).assign(variant=v) for v, own in variants.items()]
    return pd.concat(frames, ignore_index=True)


def as_shown(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a ladder in the order of `UNITS` and `RUNGS`, for figures and tables."""
    order = {name: position for position, name in enumerate((*UNITS, *RUNGS))}
    return estimates.sort_values(
        ["outcome", "rung"], key=lambda names: names.map(order).fillna(len(order)), kind="stable"
    )


def absorbed_least_squares(
    y: np.ndarray, x: np.ndarray, *, effects: np.ndarray, clusters: np.ndarray
) -> AbsorbedFit:
    """Fit y on x and one set of group effects, with clustered errors.

    Demeaning by group is exact for one set of effects (Frisch-Waugh-Lovell).

    Parameters
    ----------
    y : ndarray, shape (n,)
        Outcome.
    x : ndarray, shape (n, k)
        Regressors without constant.
    effects, clusters : ndarray of int, shape (n,)
        Group of each row, numbered from 0 without gaps; all zeros is a constant.

    Returns
    -------
    AbsorbedFit

    Raises
    ------
    ValueError
        If a regressor is absorbed or collinear, or there are fewer than 2 clusters.
    """
    y_within, x_within = _demean(y[:, None], effects)[:, 0], _demean(x, effects)
    scale = np.sqrt((x**2).sum(axis=0))
    left = np.sqrt((x_within**2).sum(axis=0))
    g, n = int(clusters.max()) + 1, len(y)
    k = x.shape[1] + 1 + _counted_effects(effects, clusters)
    unit = x_within / np.where(left > ABSORBED * scale, left, 1.0)
    if g < 2 or n <= k or np.linalg.matrix_rank(unit, tol=ABSORBED) < x.shape[1]:
        raise ValueError(
            f"cannot estimate: {n} rows, {g} clusters, {k} coefficients, or a regressor is "
            f"absorbed by the effects or collinear: use fewer controls or coarser effects"
        )
    slopes = np.linalg.lstsq(unit, y_within, rcond=None)[0]
    scores = unit * (y_within - unit @ slopes)[:, None]
    sums = np.zeros((g, x.shape[1]))
    np.add.at(sums, clusters, scores)
    bread = np.linalg.inv(unit.T @ unit)
    factor = g / (g - 1) * (n - 1) / (n - k)
    covariance = factor * bread @ (sums.T @ sums) @ bread
    return AbsorbedFit(slopes / left, covariance / np.outer(left, left), g)


def _demean(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    sums = np.zeros((groups.max() + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return values - (sums / np.bincount(groups)[:, None])[groups]


def _counted_effects(effects: np.ndarray, clusters: np.ndarray) -> int:
    """Return the degrees of freedom of the effects beyond the constant; 0 if nested in clusters."""
    pairs = np.unique(np.column_stack([effects, clusters]), axis=0)
    nested = len(pairs) == len(np.unique(effects))
    return 0 if nested else len(np.unique(effects)) - 1


def _rung(
    data: pd.DataFrame, rung: str, controls: Sequence[str], cluster: str, confidence: float
) -> dict[str, object]:
    """Estimate one rung; `data` as from `_differences`."""
    used, effects = data, np.zeros(len(data), dtype=int)
    if rung in {"province", "prefecture"}:
        size = data.groupby(list(_group_columns(rung)))["change"].transform("size")
        used = data[size > 1]
        effects = _group_codes(used, rung)
    names = [] if rung == "raw" else [f"baseline {c}" for c in controls]
    x = used[["treated", *names]].to_numpy()
    clusters = _group_codes(used, cluster)
    fit = absorbed_least_squares(used["change"].to_numpy(), x, effects=effects, clusters=clusters)
    se = float(np.sqrt(fit.covariance[0, 0]))
    both = used["treated"].groupby(effects).nunique() == 2
    return {
        "rung": rung,
        "estimate": float(fit.slopes[0]),
        "se": se,
        **t_inference(float(fit.slopes[0]), se, fit.clusters - 1, confidence=confidence),
        "n": len(used),
        "n_treated": int(used["treated"].sum()),
        "clusters": fit.clusters,
        "controls": ", ".join(_control_label(c) for c in controls) if names else "none",
        "effects": rung if rung in {"province", "prefecture"} else "none",
        "effect_groups": len(both),
        "informative_groups": int(both.sum()),
        "excluded_singletons": len(data) - len(used),
    }


def _control_label(control: str) -> str:
    return f"log {control}" if control in LOG_CONTROLS else control


def _group_columns(name: str) -> tuple[str, ...]:
    return GROUPS.get(name, (name,))


def _group_codes(data: pd.DataFrame, name: str) -> np.ndarray:
    return data.groupby(list(_group_columns(name))).ngroup().to_numpy()


def _year(panel: pd.DataFrame, year: int) -> pd.DataFrame:
    return panel[panel["year"] == year].set_index("code").sort_index()


def _sample_codes(panel: pd.DataFrame, sample: str | None, exclude: Sequence[str]) -> pd.Index:
    """Return the codes whose sample flag is true and whose exclusion flags are never true."""
    keep = panel[sample].astype(bool) if sample else pd.Series(True, index=panel.index)
    for column in exclude:
        flagged = panel.loc[panel[column].astype(bool), "code"]
        keep &= ~panel["code"].isin(flagged)
    return pd.Index(sorted(panel.loc[keep, "code"].unique()))


def _differences(
    first: pd.DataFrame,
    last: pd.DataFrame,
    outcome: str,
    treatment: str,
    controls: Sequence[str],
    groups: Sequence[str],
) -> pd.DataFrame:
    """Return columns change, treated, `baseline <control>` (floats) and the groups, per code."""
    data = last[list(groups)].copy()
    data["change"] = last[outcome].astype(float) - first[outcome].astype(float)
    data["treated"] = last[treatment].astype(float)
    for control in controls:
        values = first[control].astype(float)
        data[f"baseline {control}"] = np.log(values) if control in LOG_CONTROLS else values
    return data


def _option_violations(
    outcomes: Sequence[str], rungs: Sequence[str], units: Mapping[str, str]
) -> list[str]:
    found = [f"rung '{r}' is unknown: use {list(RUNGS)}" for r in rungs if r not in RUNGS]
    found += [f"outcome '{o}' has no unit: add it to units" for o in outcomes if o not in units]
    return found


def _flag_violations(panel: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    found = []
    for column in set(columns) & set(panel.columns):
        flag = panel[column]
        if not pd.api.types.is_bool_dtype(flag) or flag.isna().any():
            found.append(f"column '{column}' must be true or false in every row: is {flag.dtype}")
        elif "code" in panel and (changing := (flag.groupby(panel["code"]).nunique() > 1)).any():
            codes = ", ".join(map(str, changing[changing].index[:SHOWN]))
            found.append(f"column '{column}' changes between years, e.g. in {codes}: fix one value")
    return sorted(found)


def _year_violations(
    first: pd.DataFrame, last: pd.DataFrame, controls: Sequence[str], years: tuple[int, int]
) -> list[str]:
    found = []
    for frame, year in zip((first, last), years, strict=True):
        if frame.empty:
            found.append(f"column 'year': no row of {year}: choose years that the panel has")
    for control in LOG_CONTROLS & set(controls):
        bad = first.index[first[control] <= 0]
        if len(bad):
            codes = ", ".join(map(str, bad[:SHOWN]))
            found.append(f"column '{control}', {years[0]}: not positive in {codes}: has no log")
    return found


def _comparison_violations(data: pd.DataFrame, outcome: str) -> list[str]:
    treated, n = int(data["treated"].sum()), len(data)
    if 0 < treated < n:
        return []
    return [
        f"outcome '{outcome}': {n} complete counties, {treated} of them designated: both kinds "
        f"are needed, use a wider sample or fewer controls"
    ]
