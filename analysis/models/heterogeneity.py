"""Differences in the gap between designated and other counties by kind of county.

Moderators are declared before estimation, and their tests are adjusted for their number. A
moderator enters as a level and in interaction with designation: by group if it is a category, at a
low and a high value if it is a number. A difference between groups is again an association.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.long_difference import ABSORBED, BASELINE_CONTROLS, absorbed_least_squares
from analysis.models.multiple_testing import adjust_families
from analysis.models.specification_choices import (
    GROUP_EFFECTS,
    NO_SCHEME,
    UNWEIGHTED,
    Choices,
    Design,
    control_terms,
    window,
)
from analysis.models.specification_input import comparable_counties, group_codes, sweep_input
from analysis.models.specifications import CURVE_UNITS
from analysis.panel import t_inference
from analysis.panel_input import input_violations, raise_violations

QUANTILES = (0.25, 0.75)
"""Low and high value of a numeric moderator: quantiles among the designated counties."""
FEW = 20
"""Below this number of designated or of other counties a level says little; our choice."""
DEEP_POVERTY_PREFECTURES: Mapping[str, tuple[str, ...]] = {
    "西藏": (),
    "青海": ("海北", "黄南", "海南", "果洛", "玉树", "海西"),
    "四川": ("阿坝", "甘孜", "凉山"),
    "云南": ("迪庆", "怒江"),
    "甘肃": ("甘南", "临夏"),
    "新疆": ("和田", "阿克苏", "喀什", "克孜勒苏"),
}
"""Prefectures of the three regions and three prefectures (三区三州) by province, all of a province
where none is named: Tibet, the Tibetan areas of four provinces, four prefectures of southern
Xinjiang; Liangshan, Nujiang, Linxia (General Offices of the Central Committee and of the State
Council, opinion on supporting deeply poor areas, 2017)."""
DEEP_POVERTY_COUNTIES = ("天祝藏族自治县",)
"""Counties of the Tibetan areas outside these prefectures; 木里 lies in Liangshan."""
COLUMNS = (
    "outcome", "moderator", "level", "level_value", "estimate", "se", "statistic", "df", "p_value",
    "ci_low", "ci_high", "unit", "n", "n_treated", "n_other", "cluster", "clusters",
    "equality_statistic", "equality_df", "equality_p_value", "sample", "controls", "estimator",
    "years", "note",
)  # fmt: skip


@dataclass(frozen=True)
class _Moderated:
    """Columns of a regression: effects by level are `contrasts` (levels x slopes) of its slopes."""

    x: np.ndarray
    contrasts: np.ndarray
    levels: pd.DataFrame
    note: str


def moderated_effects(
    panel: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    moderators: Sequence[str],
    baseline_controls: Sequence[str] = BASELINE_CONTROLS,
    treatment: str = "designated",
    sample: str = "rural_2010",
    controls: str = "baseline",
    estimator: str = "province_effects",
    cluster: str = "province",
    years: str = "2010-2020",
    units: Mapping[str, str] = CURVE_UNITS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Estimate the gap in the change of each outcome by level of each moderator.

    Parameters
    ----------
    panel : DataFrame
        One row per `code` and `year`, as for `specifications.sweep`. Not changed.
    outcomes : sequence of str
        Numeric columns.
    moderators : sequence of str
        Text or boolean columns are categories, taken in the last year; numbers are taken in the
        first year of the comparison.
    baseline_controls, treatment, units, confidence
        As in `specifications.sweep`.
    sample, controls, estimator, cluster, years : str
        One alternative of each, as in `specification_choices.Choices`; no regression adjustment.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, one row per outcome, moderator and level: categories, or ``p25`` and
        ``p75`` of a number among the designated (`level_value`). `n_treated` and `n_other` count
        the level's designated and other counties (of a number: all). `equality_*`: F test that all
        levels have one effect. `note` names levels with fewer than `FEW` counties of a kind, and
        those that are no rows because given the effects no other county is left to compare with.

    Raises
    ------
    ValueError
        Lists every violation.

    Notes
    -----
    change = sum_l b_l d 1(m = l) + c'(moderator, controls) + effects, or for a number
    change = (b_0 + b_1 (m - mean)) d + ..., so that controls have one slope over all levels. Errors
    as in `long_difference.absorbed_least_squares`; F has (levels - 1, G - 1) degrees of freedom.
    """
    choices = Choices(
        samples=(sample,), controls=(controls,), estimators=(estimator,), clusters=(cluster,),
        years=(years,),
    )  # fmt: skip
    data = sweep_input(
        panel, outcomes=outcomes, choices=choices, baseline=baseline_controls, treatment=treatment,
        indices=(), units=units, within=(),
    )  # fmt: skip
    raise_violations("the county panel", _moderator_violations(panel, moderators, estimator))
    kinds = {m: _moderator_values(panel, m, window(years).first) for m in moderators}
    rows, faults = [], []
    for outcome in outcomes:
        terms = control_terms(controls, outcome=outcome, baseline=baseline_controls)
        design = Design(outcome, NO_SCHEME, years, sample, controls, terms, estimator, UNWEIGHTED)
        counties, _ = comparable_counties(data, design, terms)
        shared = {
            "outcome": outcome, "unit": units[outcome], "cluster": cluster, "sample": sample,
            "controls": controls, "estimator": estimator, "years": years,
        }  # fmt: skip
        for moderator, values in kinds.items():
            known = counties.join(values.rename("moderator")).dropna(subset="moderator")
            treated = data.designated[known["position"].to_numpy()]
            own = [t for t in terms if t != moderator]
            try:
                found = _levels(known, treated, own, design, cluster, confidence)
            except ValueError as error:
                faults.append(f"{outcome} by {moderator}: {error}")
                continue
            rows += [shared | {"moderator": moderator} | row for row in found]
    raise_violations("the declared moderators", faults)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def moderation_tests(
    effects: pd.DataFrame, *, family: str | Sequence[str] = "outcome"
) -> pd.DataFrame:
    """Return the test that all levels have one effect, adjusted for the tests of its family.

    Parameters
    ----------
    effects : DataFrame
        `moderated_effects`. Not changed.
    family : str or sequence of str
        Columns that name the family: by default all moderators of an outcome.

    Returns
    -------
    DataFrame
        One row per outcome and moderator: statistic, degrees of freedom and p-value of the test,
        family_size, p_holm and p_benjamini_hochberg.
    """
    columns = ["outcome", "moderator", "equality_statistic", "equality_df", "df",
               "equality_p_value", "n", "clusters", "note"]  # fmt: skip
    tests = effects[columns].drop_duplicates(["outcome", "moderator"])
    tests = tests.rename(columns={"df": "df_denominator"}).reset_index(drop=True)
    return adjust_families(tests, p_value="equality_p_value", family=family)


def deep_poverty_area(panel: pd.DataFrame) -> pd.Series:
    """Tell which rows lie in the three regions and three prefectures.

    Parameters
    ----------
    panel : DataFrame
        With `province`, `prefecture` and `name` in Chinese. Not changed.

    Returns
    -------
    Series of bool
        Indexed as the panel.
    """
    inside = panel["name"].isin(DEEP_POVERTY_COUNTIES)
    for province, prefectures in DEEP_POVERTY_PREFECTURES.items():
        there = panel["province"].str.startswith(province)
        if prefectures:
            there &= panel["prefecture"].str.startswith(prefectures, na=False)
        inside |= there
    return inside.astype(bool).rename("deep_poverty_area")


def _levels(
    known: pd.DataFrame,
    treated: np.ndarray,
    terms: Sequence[str],
    design: Design,
    cluster: str,
    confidence: float,
) -> list[dict[str, object]]:
    """Estimate the effects by level of one moderator."""
    effects = group_codes(known, GROUP_EFFECTS.get(design.estimator))
    controls = known[[f"control {t}" for t in terms]].to_numpy()
    numeric = pd.api.types.is_float_dtype(known["moderator"])
    build = _number_columns if numeric else _category_columns
    moderated = build(known["moderator"], treated.astype(float), controls, effects)
    fit = absorbed_least_squares(
        known["change"].to_numpy(), moderated.x, effects=effects,
        clusters=group_codes(known, cluster),
    )  # fmt: skip
    estimates = moderated.contrasts @ fit.slopes
    covariance = moderated.contrasts @ fit.covariance @ moderated.contrasts.T
    equality = _equality(estimates, covariance, fit.clusters - 1)
    rows: list[dict[str, object]] = []
    for i, level in enumerate(moderated.levels.to_dict("records")):
        se = float(np.sqrt(covariance[i, i]))
        inference = t_inference(float(estimates[i]), se, fit.clusters - 1, confidence=confidence)
        own = {str(name): value for name, value in level.items()} | inference | equality
        own |= {"estimate": float(estimates[i]), "se": se, "clusters": fit.clusters}
        rows.append(own | {"n": len(known), "note": moderated.note})
    return rows


def _category_columns(
    values: pd.Series, treated: np.ndarray, controls: np.ndarray, effects: np.ndarray
) -> _Moderated:
    """Return columns for a category: what of it is absorbed or not identified is left out."""
    text = values.astype(str).str.lower() if values.dtype == bool else values.astype(str)
    names = sorted(text.unique())
    members = np.column_stack([text == name for name in names]).astype(float)
    gaps = members * treated[:, None]
    held = np.column_stack([members[:, 1:], controls])
    held = held[:, _independent(held, effects)]
    used = _independent(np.column_stack([held, gaps]), effects)[held.shape[1] :]
    if not used.any():
        raise ValueError("no level of the moderator has both kinds of county: drop the moderator")
    lost = [name for name, kept in zip(names, used, strict=True) if not kept]
    levels = pd.DataFrame({
        "level": names, "level_value": np.nan,
        "n_treated": gaps.sum(axis=0).astype(int),
        "n_other": (members - gaps).sum(axis=0).astype(int),
    })[used]  # fmt: skip
    fewest = levels[["n_treated", "n_other"]].min(axis=1)
    notes = [f"{name}: not estimated, no other county to compare with" for name in lost]
    notes += [
        f"{name}: only {count} counties of a kind"
        for name, count in zip(levels["level"], fewest, strict=True)
        if count < FEW
    ]
    x = np.column_stack([gaps[:, used], held])
    return _Moderated(x, np.eye(int(used.sum()), x.shape[1]), levels, "; ".join(notes))


def _number_columns(
    values: pd.Series, treated: np.ndarray, controls: np.ndarray, effects: np.ndarray
) -> _Moderated:
    """Return columns for a number: its level, designation, and their product."""
    m = values.to_numpy(dtype=float)
    low, high = np.quantile(m[treated == 1], QUANTILES)
    centred = m - m[treated == 1].mean()
    x = np.column_stack([treated, treated * centred, m, controls])
    if not _independent(x, effects)[:3].all():
        raise ValueError("the moderator does not vary between counties of a group: drop it")
    contrasts = np.zeros((2, x.shape[1]))
    contrasts[:, 0] = 1.0
    contrasts[:, 1] = np.array([low, high]) - m[treated == 1].mean()
    levels = pd.DataFrame({
        "level": [f"p{round(100 * q)}" for q in QUANTILES], "level_value": [low, high],
        "n_treated": int(treated.sum()), "n_other": int((1 - treated).sum()),
    })  # fmt: skip
    return _Moderated(x, contrasts, levels, "")


def _independent(columns: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Tell which columns are not explained by the effects and the columns before them."""
    means = pd.DataFrame(columns).groupby(effects).transform("mean").to_numpy()
    left, kept = columns - means, np.zeros(columns.shape[1], dtype=bool)
    basis = np.empty((len(columns), 0))
    for j in range(columns.shape[1]):
        rest = left[:, j] - basis @ (basis.T @ left[:, j])
        rest -= basis @ (basis.T @ rest)
        size = np.linalg.norm(rest)
        if size > ABSORBED * np.linalg.norm(columns[:, j]):
            kept[j] = True
            basis = np.column_stack([basis, rest / size])
    return kept


def _equality(estimates: np.ndarray, covariance: np.ndarray, df: int) -> dict[str, float]:
    """Return the F test that all estimates are equal; missing if there is one or too few df."""
    q = len(estimates) - 1
    names = ("equality_statistic", "equality_df", "equality_p_value")
    if not 0 < q <= df:
        return dict(zip(names, (np.nan, float(q), np.nan), strict=True))
    difference = np.eye(q, q + 1, 1) - np.eye(q, q + 1)
    gap, variance = difference @ estimates, difference @ covariance @ difference.T
    statistic = float(gap @ np.linalg.solve(variance, gap)) / q
    return dict(zip(names, (statistic, float(q), float(stats.f.sf(statistic, q, df))), strict=True))


def _moderator_values(panel: pd.DataFrame, moderator: str, year: int) -> pd.Series:
    """Return the value of each county: numbers of the first year, categories of the last."""
    values = panel[moderator]
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    rows = panel[panel["year"] == year] if numeric else panel.sort_values("year")
    rows = rows.drop_duplicates("code", keep="last").set_index("code")
    return rows[moderator].astype(float) if numeric else rows[moderator]


def _moderator_violations(
    panel: pd.DataFrame, moderators: Sequence[str], estimator: str
) -> list[str]:
    found = input_violations(panel, keys=("code", "year"), numeric=(), present=moderators)
    if not moderators:
        found.append("no moderator is given: name at least one")
    if estimator == "regression_adjustment":
        found.append("regression adjustment has no interactions here: use least squares")
    for moderator in [m for m in moderators if m in panel]:
        if panel[moderator].nunique() < 2:
            found.append(f"moderator '{moderator}' has one value: drop it")
    return found
