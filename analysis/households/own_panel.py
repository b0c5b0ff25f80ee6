"""The county panel of a survey of one's own: its measures beside place, designation and delisting.

Measures of households by county and year take the place that census tables have elsewhere: the
linkage index, the regional gaps and the panel models read the same columns. As they are estimates
from a sample, `sampling_share` says how much of what sets counties apart is sampling error.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.panel_input import input_violations, raise_violations
from analysis.simulate import COUNTY_COLUMNS, DISTRICT

KEYS = ("code", "year")
PANEL_MEASURES: Mapping[str, tuple[str, float]] = {
    "H": ("multidimensional_headcount", 100.0),
    "M0": ("multidimensional_poverty", 100.0),
    "FGT0": ("income_poverty", 100.0),
    "relative_50": ("relative_poverty", 100.0),
    "mean_income": ("mean_income", 1.0),
    "gini": ("income_gini", 1.0),
}
"""Measure -> its column of the county panel, and what it is multiplied by."""
SHARES = frozenset({"H", "M0", "FGT0", "relative_50", "gini"})
"""Measures that lie between 0 and 1."""


def own_county_panel(
    measured: pd.DataFrame, counties: pd.DataFrame, poverty: pd.DataFrame
) -> pd.DataFrame:
    """Make the county panel of a household survey.

    Parameters
    ----------
    measured : DataFrame
        One row per county and year: code (of 2020), year and measures of `PANEL_MEASURES`, as far
        as the survey has them, shares from 0 to 1; other columns are ignored.
    counties : DataFrame
        One row per county of the map: code, name, prefecture, province, region.
    poverty : DataFrame
        One row per designated county with the code of its polygon
        (`analysis.geography.fix_poverty_codes`): code, delisted_year; equal rows are one county.

    Returns
    -------
    DataFrame
        As many rows, sorted by code and year: code, year, name, prefecture, province, region,
        designated, delisted_year (missing where never designated), rural_2010 (as in the simulated
        panel: not an urban district, or designated) and, as far as measured,
        multidimensional_headcount, multidimensional_poverty, income_poverty, relative_poverty
        (percent), mean_income (unit of the survey), income_gini (0 to 1).

    Raises
    ------
    ValueError
        Lists every missing or repeated key, measure out of range, and county that the map lacks
        or to which it gives no region, with the remedy.
    """
    found = [name for name in PANEL_MEASURES if name in measured]
    listed = poverty[["code", "delisted_year"]].drop_duplicates()
    violations = _measure_violations(measured, found) + _place_violations(counties, listed)
    if not violations:
        violations = _unplaced(measured, counties)
    raise_violations("the measures of households", violations)
    places = counties.set_index("code")[list(COUNTY_COLUMNS[1:])]
    panel = measured[list(KEYS)].join(places, on="code")
    delisted = panel["code"].map(listed.set_index("code")["delisted_year"]).astype("Int64")
    designated = delisted.notna()
    rural = ~panel["name"].str.endswith(DISTRICT) | designated
    panel = panel.assign(designated=designated, delisted_year=delisted, rural_2010=rural)
    for name in found:
        column, scale = PANEL_MEASURES[name]
        panel[column] = measured[name].astype("float64") * scale
    return panel.sort_values(list(KEYS), ignore_index=True)


def year_patterns(panel: pd.DataFrame) -> pd.DataFrame:
    """Count counties by the years in which the survey has them.

    Parameters
    ----------
    panel : DataFrame
        As `own_county_panel` returns it.

    Returns
    -------
    DataFrame
        One row per set of years, the commonest first: years (e.g. `2021, 2023`), counties,
        designated (counties). The panel is balanced if there is one row.
    """
    ordered = panel.sort_values("year")
    years = ordered.groupby("code")["year"].agg(lambda held: ", ".join(map(str, held)))
    flags = panel.groupby("code")["designated"].first()
    table = pd.DataFrame({"years": years, "designated": flags})
    counted = table.groupby("years").agg(
        counties=("designated", "size"), designated=("designated", "sum")
    )
    counted = counted.reset_index()
    return counted.sort_values(["counties", "years"], ascending=[False, True], ignore_index=True)


def sampling_share(measured: pd.DataFrame) -> pd.DataFrame:
    """Say how much of the variance between counties is sampling error.

    Parameters
    ----------
    measured : DataFrame
        As for `own_county_panel`, with the standard error of each measure under its name with
        `_se`; a measure without that column is left out, a row without either value too.

    Returns
    -------
    DataFrame
        One row per measure and year: variable (column of the panel), year, counties, mean, sd
        (between counties), typical_se (root mean square), all in the unit of the panel, and
        sampling_share (percent; missing where the counties do not differ). 100 and more says that
        counties cannot be told apart.

    Notes
    -----
    100 mean(se^2) / var(estimate): one minus the reliability of the estimate as a measure of the
    county (Fuller 1987, Measurement Error Models, section 1.1), with errors taken as independent
    of the true values and of each other. Counties whose few primary units give no error are left
    out, and an estimate of exactly 0 or 1 has an error of 0: the share is then understated.
    """
    rows = []
    for name, (column, scale) in PANEL_MEASURES.items():
        if not {name, f"{name}_se"} <= set(measured):
            continue
        values = measured[["year", name, f"{name}_se"]].dropna()
        for year, group in values.groupby("year"):
            estimate, error = group[name] * scale, group[f"{name}_se"] * scale
            variance, noise = float(estimate.var()), float((error**2).mean())
            share = 100 * noise / variance if variance > 0 else float("nan")
            row = (len(group), float(estimate.mean()), variance**0.5, noise**0.5, share)
            rows.append((column, year, *row))
    columns = ["variable", "year", "counties", "mean", "sd", "typical_se", "sampling_share"]
    return pd.DataFrame(rows, columns=columns)


def _measure_violations(measured: pd.DataFrame, found: list[str]) -> list[str]:
    violations = input_violations(measured, keys=KEYS, numeric=found, present=())
    if not found:
        names = ", ".join(PANEL_MEASURES)
        violations.append(f"none of {names} is measured: map income or give indicators")
    if violations:
        return violations
    for name in found:
        high = measured[name] > 1 if name in SHARES else False
        rows = measured[(measured[name] < 0) | high]
        rule = "give a share from 0 to 1" if name in SHARES else "it cannot be negative"
        cells = rows[[*KEYS, name]].itertuples(index=False)
        violations += [f"county {c}, year {y}: {name} is {value}: {rule}" for c, y, value in cells]
    return violations


def _place_violations(counties: pd.DataFrame, listed: pd.DataFrame) -> list[str]:
    places = input_violations(counties, keys=("code",), numeric=(), present=COUNTY_COLUMNS)
    treated = input_violations(listed, keys=("code",), numeric=(), present=())
    return [f"counties: {v}" for v in places] + [f"poverty counties: {v}" for v in treated]


def _unplaced(measured: pd.DataFrame, counties: pd.DataFrame) -> list[str]:
    region = counties.set_index("code")["region"]
    surveyed = pd.Series(sorted(measured["code"].unique()))
    unknown = surveyed[~surveyed.isin(region.index)]
    outside = surveyed[surveyed.isin(region.index[region.isna()])]
    return [
        f"county {code}: the map has no such code: give the code of 2020 in the survey; the check "
        "of the household files names the unit that an earlier one became"
        for code in unknown
    ] + [
        f"county {code}: lies outside the four regions of the 31 provinces: leave its households "
        "out of the survey"
        for code in outside
    ]
