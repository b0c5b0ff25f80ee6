"""Simulate the county panel of the default profile: the real map, a process with known truth.

Counties, provinces, designation and years of delisting are real; outcomes are drawn here. The demo
can then show each estimate beside the value it should recover, offline and without anyone's data.
Parameters, true values and the bias of naive estimators are in `analysis.truth`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.indicators import Indicator, IndicatorSystem
from analysis.project import bullet_list
from analysis.truth import COHORTS, YEARS, Truth, delisting_effect

COUNTY_COLUMNS = ("code", "name", "prefecture", "province", "region")
POVERTY_COLUMNS = ("code", "delisted_year")
SCORES = {"alleviation": "alleviation_score", "revitalization": "revitalization_score"}
DECIMALS = 4
DISTRICT = "区"

Floats = NDArray[np.float64]


def simulate_counties(
    counties: pd.DataFrame,
    poverty: pd.DataFrame,
    truth: Truth,
    *,
    seed: int,
    system: IndicatorSystem | None = None,
) -> pd.DataFrame:
    r"""Simulate the county panel 2010-2022.

    Parameters
    ----------
    counties
        One row per county: code, name, prefecture, province, region (others are ignored). Those
        without a region (Hong Kong, Macao and Taiwan: no mainland county statistics) are left out.
    poverty
        One row per designated county: code, delisted_year (2016..2020). Rows with the same code
        and year are one county here (on the map two of the 832 lie in 茫崖市).
    truth
        Parameters of the process.
    seed
        Each component draws from its own stream, named and seeded by this number: changing one
        parameter or adding a component leaves the other draws as they are.
    system
        Indicator system, see `measure_indicators`; without it the panel has no indicators.

    Returns
    -------
    DataFrame
        13 rows per county, sorted by code and year: code, year, name, prefecture, province,
        region, designated, delisted_year (missing where never designated), rural_2010 (here: not
        an urban district, or designated), disadvantage (s, constant over the years), log_income
        (missing at random if asked for), alleviation_score and revitalization_score (0-1), and the
        indicators.

    Raises
    ------
    ValueError
        Lists every missing column or value, repeated code, year of delisting out of range and
        designated county that `counties` lacks.

    Notes
    -----
    Log income of county i in province p and year t, delisted in g::

        s_i  = province_p + county_i + gap_g
        y_it = level + gradient s_i + v_i + lambda_t + gamma s_i (t - 2010) + tau_{g,t-g}
               + eta_pt + e_it,        e_it = phi e_{i,t-1} + innovation (stationary)

    The raw long difference on designation is off by ``10 gamma gap`` because poor counties catch
    up; given s it recovers the average effect in 2020. Precisely so where the slope on s is fitted
    on the never designated; with s as an ordinary control the effects that differ by cohort add
    less than .001. Province shocks need errors clustered by province, which are more than
    1.3 times those clustered by county.

    Linkage of the two scores::

        b_i   = gradient s_i + county_i
        U1_it = level_t + b_i + u_it,  u_it = phi u_{i,t-1} + innovation (stationary)
        a_i   = level + affinity b_i + other_i
        U2_it = a_i + Lambda_t + kappa U1_{i,t-1} + zeta_it

    Pooled, between and random-effects estimators of kappa are biased upwards by the affinity,
    county effects alone by the common rise; two-way effects and first differences with year effects
    recover it. `analysis.truth.naive_bias` has the closed forms. Scores are cut to 0-1, which
    touches no value under the default parameters (four standard deviations away).
    """
    frame = _designate(counties, poverty)
    frame["disadvantage"] = _disadvantage(frame, truth, seed)
    panel = frame.loc[frame.index.repeat(len(YEARS))].reset_index(drop=True)
    panel.insert(1, "year", np.tile(YEARS, len(frame)))
    panel["log_income"] = _log_income(frame, truth, seed).ravel()
    alleviation, revitalization = _scores(frame, truth, seed)
    panel["alleviation_score"] = alleviation.ravel()
    panel["revitalization_score"] = revitalization.ravel()
    return panel if system is None else measure_indicators(panel, system, truth, seed=seed)


def measure_indicators(
    panel: pd.DataFrame, system: IndicatorSystem, truth: Truth, *, seed: int
) -> pd.DataFrame:
    r"""Add noisy indicators of the two scores to a panel.

    Parameters
    ----------
    panel
        Panel with alleviation_score and revitalization_score.
    system
        Indicator system; each indicator needs its typical range.
    truth
        Parameters of the process.
    seed
        As in `simulate_counties`; each indicator has its own stream.

    Returns
    -------
    DataFrame
        The panel with one more column per indicator, in its own unit and rounded to about a
        thousandth of its range.

    Raises
    ------
    ValueError
        Lists every indicator without a typical range.

    Notes
    -----
    ``x = low + (high - low) z`` with ``z = (1 - l)/2 + l U + noise``, turned round (1 - z) where
    less is better; the loading l is drawn once per indicator. Percentages are cut to 0-100, others
    at 0. Noise is independent over years, so a regression of one *measured* index on another
    understates kappa, most of all with county effects: that is a lesson, not a fault.
    """
    _raise([
        f"indicator {i.variable} of {system.name} has no typical range: add `typical: [low, high]`"
        for i in system.indicators if i.typical is None
    ])  # fmt: skip
    columns = {
        i.variable: _indicator(panel[SCORES[i.subsystem]].to_numpy(float), i, truth, seed)
        for i in system.indicators
    }
    return panel.assign(**columns)


def _stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of a named component."""
    return np.random.default_rng([seed, *name.encode()])


def _designate(counties: pd.DataFrame, poverty: pd.DataFrame) -> pd.DataFrame:
    """Join the list of designated counties to the counties, sorted by code."""
    _raise(_county_faults(counties, poverty))
    frame = counties.loc[counties["region"].notna(), list(COUNTY_COLUMNS)]
    frame = pd.DataFrame(frame).sort_values("code", ignore_index=True)
    listed = poverty[list(POVERTY_COLUMNS)].drop_duplicates()
    year = listed.set_index("code")["delisted_year"].astype("Int64")
    delisted = frame["code"].map(year).astype("Int64")
    designated = delisted.notna()
    rural = ~frame["name"].str.endswith(DISTRICT) | designated
    return frame.assign(designated=designated, delisted_year=delisted, rural_2010=rural)


def _county_faults(counties: pd.DataFrame, poverty: pd.DataFrame) -> list[str]:
    faults = _table_faults("counties", counties, COUNTY_COLUMNS, ("prefecture", "region"))
    listed = poverty.drop_duplicates([c for c in POVERTY_COLUMNS if c in poverty] or None)
    faults += _table_faults("poverty", listed, POVERTY_COLUMNS, ())
    if "delisted_year" in poverty:
        years = pd.to_numeric(poverty["delisted_year"], errors="coerce")
        expected = f"expected {COHORTS[0]}..{COHORTS[-1]}"
        faults += [
            f"poverty: row {row} has delisted_year {value}, {expected}"
            for row, value in poverty["delisted_year"][~years.isin(COHORTS)].items()
        ]
    if "code" in poverty and {"code", "region"} <= set(counties):
        known = counties.loc[counties["region"].notna(), "code"]
        faults += [
            f"counties: designated county {code} or its region is missing; correct its code"
            for code in sorted(set(poverty["code"].dropna()) - set(known))
        ]
    return faults


def _table_faults(
    label: str, table: pd.DataFrame, columns: tuple[str, ...], optional: tuple[str, ...]
) -> list[str]:
    """List missing columns, missing values and repeated codes."""
    faults = [f"{label}: column {name} is missing" for name in columns if name not in table]
    for name in columns:
        if name in table and name not in optional:
            rows = table.index[table[name].isna()]
            faults += [f"{label}: row {row} has no {name}" for row in rows]
    if "code" in table:
        twice = table.loc[table["code"].duplicated(), "code"].dropna()
        faults += [f"{label}: code {code} stands twice" for code in twice.unique()]
    return faults


def _raise(faults: list[str]) -> None:
    if faults:
        head = f"simulation: {len(faults)} problem{'s' if len(faults) > 1 else ''} in its input"
        raise ValueError(bullet_list(head, faults))


def _disadvantage(frame: pd.DataFrame, truth: Truth, seed: int) -> Floats:
    """Draw s, one value per county, rounded as it stands in the panel."""
    province, names = pd.factorize(frame["province"], sort=True)
    of_province = _stream(seed, "disadvantage province").standard_normal(len(names))
    of_county = _stream(seed, "disadvantage county").standard_normal(len(frame))
    gap = frame["delisted_year"].map(dict(zip(COHORTS, truth.disadvantage_gap, strict=True)))
    s = (
        truth.disadvantage_province_sd * of_province[province]
        + truth.disadvantage_county_sd * of_county
        + gap.fillna(0).to_numpy(float)
    )
    return s.round(DECIMALS)


def _autoregressive(normal: Floats, sd: float, ar: float) -> Floats:
    """Turn standard normal draws, shape (counties, years), into stationary AR(1) errors."""
    errors = sd * normal
    errors[:, 0] /= np.sqrt(1 - ar**2)
    for year in range(1, errors.shape[1]):
        errors[:, year] += ar * errors[:, year - 1]
    return errors


def _log_income(frame: pd.DataFrame, truth: Truth, seed: int) -> Floats:
    """Return log income, shape (counties, years)."""
    s = frame["disadvantage"].to_numpy(float)[:, None]
    shape = (len(frame), len(YEARS))
    province, names = pd.factorize(frame["province"], sort=True)
    shocks = _stream(seed, "income province year").standard_normal((len(names), len(YEARS)))
    county = _stream(seed, "income county").standard_normal((len(frame), 1))
    errors = _stream(seed, "income error").standard_normal(shape)
    delisted = frame["delisted_year"].to_numpy(float, na_value=np.nan)[:, None]
    income: Floats = (
        truth.income_level
        + truth.income_gradient * s
        + truth.income_county_sd * county
        + np.cumsum([0.0, *truth.income_growth])
        + truth.catch_up * s * np.arange(len(YEARS))
        + delisting_effect(truth, delisted, np.array(YEARS))
        + truth.province_shock_sd * shocks[province]
        + _autoregressive(errors, truth.error_sd, truth.error_ar)
    ).round(DECIMALS)
    income[_stream(seed, "income missing").random(shape) < truth.missing_share] = np.nan
    return income


def _scores(frame: pd.DataFrame, truth: Truth, seed: int) -> tuple[Floats, Floats]:
    """Return alleviation and revitalization scores, each of shape (counties, years)."""
    n, years = len(frame), len(YEARS)
    county = truth.alleviation_county_sd * _stream(seed, "alleviation").standard_normal((n, 1))
    county += truth.alleviation_gradient * frame["disadvantage"].to_numpy(float)[:, None]
    level = truth.alleviation_level + np.cumsum([0.0, *truth.alleviation_growth])
    normal = _stream(seed, "alleviation error").standard_normal((n, years + 1))
    errors = _autoregressive(normal, truth.alleviation_error_sd, truth.alleviation_error_ar)
    alleviation = np.clip(level + county + errors, 0, 1).round(DECIMALS)
    other = _stream(seed, "revitalization").standard_normal((n, 1))
    zeta = _stream(seed, "revitalization error").standard_normal((n, years))
    revitalization = (
        truth.revitalization_level
        + truth.revitalization_affinity * county
        + truth.revitalization_county_sd * other
        + np.cumsum([0.0, *truth.revitalization_growth])
        + truth.kappa * alleviation[:, :-1]
        + truth.revitalization_error_sd * zeta
    )
    return alleviation[:, 1:], np.clip(revitalization, 0, 1).round(DECIMALS)


def _indicator(score: Floats, indicator: Indicator, truth: Truth, seed: int) -> Floats:
    """Measure one indicator with noise."""
    assert indicator.typical is not None
    low, high = indicator.typical
    rng = _stream(seed, f"indicator {indicator.variable}")
    lowest, highest = truth.loading
    loading = lowest + (highest - lowest) * rng.random()
    noise = truth.indicator_noise_sd * rng.standard_normal(len(score))
    share = (1 - loading) / 2 + loading * score + noise
    value = low + (high - low) * (share if indicator.direction == "+" else 1 - share)
    top = 100.0 if indicator.unit == "percent" else np.inf
    digits = max(0, 3 - int(np.floor(np.log10(high - low))))
    return np.clip(value, 0, top).round(digits)
