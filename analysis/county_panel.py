"""Joins the two censuses, the 832, night lights and relief to one balanced county panel.

One row per linked county and census year. Every join is audited: what matched, by which rule, what
did not, and why; the rows of the audit of a source add to the rows of the source.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.corrections import apply_ledger, read_ledger
from analysis.crosswalk import linked_units, name_stem
from analysis.geography import REGIONS
from analysis.match_audit import audit_census, audit_matches, audit_poverty
from analysis.project import bullet_list

RURAL_LIMIT = 40.0  # percent rural in 2010, above which a county belongs to the rural sample
_RELIEF_COLUMNS = {
    "行政区划代码": "code",
    "县域名称": "name",
    "所属省份": "province",
    "经度": "lon",
    "纬度": "lat",
    "地形起伏度": "relief",
}


def region_of(province: pd.Series) -> pd.Series:
    """The region of the National Bureau of Statistics of each province.

    Raises
    ------
    ValueError
        Lists every name that is not one of the 31 provinces.
    """
    region = province.map(REGIONS)
    if region.isna().any():
        unknown = sorted(set(province[region.isna()].astype(str)))
        raise ValueError(f"not a province of the mainland: {', '.join(unknown)}")
    return region


def read_lights(folder: Path) -> pd.DataFrame:
    """Read the yearly mean radiance of counties.

    Parameters
    ----------
    folder
        Source folder `county_lights` with `county_lights_2013_2020.dta`.

    Returns
    -------
    DataFrame with code (as in the source, mostly of 2020), year and radiance (nW/cm2/sr).

    Raises
    ------
    ValueError
        Lists what is wrong: unbalanced, repeated, missing or negative values.
    """
    raw = pd.read_stata(folder / "county_lights_2013_2020.dta")
    lights = pd.DataFrame(
        {
            "code": raw["county_id"].astype(int).astype(str),
            "year": raw["year"].astype("int64"),
            "radiance": raw["viirs_mean_masked"].astype("float64"),
        }
    )
    years = lights["year"].nunique()
    faults = {
        "a county-year occurs once": lights.duplicated(["code", "year"]),
        "radiance is not missing and not negative": ~(lights["radiance"] >= 0),
        f"a county has {years} years": lights.groupby("code")["year"].transform("size") != years,
    }
    _refuse(faults, lights, "county_lights_2013_2020.dta")
    return lights.sort_values(["code", "year"], ignore_index=True)


def read_relief(folder: Path) -> pd.DataFrame:
    """Read relief degree and position of counties.

    Parameters
    ----------
    folder
        Source folder `county_relief` with `county_relief.csv`.

    Returns
    -------
    DataFrame with code (as in the source, mostly of 2013), name, province (both missing in eleven
    rows of the source), lon and lat (degrees), relief.

    Raises
    ------
    ValueError
        Lists repeated codes, missing or negative relief, positions outside China.
    """
    raw = pd.read_csv(folder / "county_relief.csv", dtype={"行政区划代码": str})
    absent = [column for column in _RELIEF_COLUMNS if column not in raw]
    if absent:
        raise ValueError(f"county_relief.csv, row 1: columns missing: {', '.join(absent)}")
    cells = raw[list(_RELIEF_COLUMNS)].astype(object).set_axis(raw["行政区划代码"])
    mended = apply_ledger(cells, read_ledger(folder), source="county_relief.csv")
    relief = mended.reset_index(drop=True).rename(columns=_RELIEF_COLUMNS)
    relief = relief.astype({"lon": "float64", "lat": "float64", "relief": "float64"})
    outside = ~(relief["lon"].between(73, 136) & relief["lat"].between(3, 54))
    faults = {
        "a code occurs once": relief["code"].duplicated(keep=False),
        "relief is not missing and not negative": ~(relief["relief"] >= 0),
        "a position lies in China": outside & relief["lon"].notna(),
    }
    _refuse(faults, relief, "county_relief.csv")
    return relief.sort_values("code", ignore_index=True)


def match_lights(lights: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Give the codes of the lights a county of 2020.

    Parameters
    ----------
    lights
        As `read_lights` returns it.
    links
        As `link_counties` returns it.

    Returns
    -------
    One row per code of the source: source_code, code (2020; missing where there is no linked
    county) and rule (`code of 2020`, `code of 2010`, or why it did not match).
    """
    linked = linked_units(links)
    found = pd.DataFrame({"source_code": lights["code"].unique()})
    current = found["source_code"].where(found["source_code"].isin(linked["code_2020"]))
    earlier = found["source_code"].map(linked.set_index("code_2010")["code_2020"])
    earlier = earlier.mask(earlier.isin(current))  # the county has lights of its own
    known = found["source_code"].isin(links["code_2020"])
    rule = pd.Series("no county of the census has this code", index=found.index)
    rule = rule.mask(known, "county of 2020 that is not linked to 2010")
    rule = rule.mask(earlier.notna(), "code of 2010").mask(current.notna(), "code of 2020")
    return found.assign(code=current.fillna(earlier), rule=rule)


def lights_by_county(lights: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Yearly radiance of linked counties: code (2020), year, radiance.

    Parameters
    ----------
    lights
        As `read_lights` returns it.
    links
        As `link_counties` returns it.
    """
    code = match_lights(lights, links).set_index("source_code")["code"]
    table = lights.assign(code=lights["code"].map(code)).dropna(subset="code")
    return table.sort_values(["code", "year"], ignore_index=True)


def match_relief(relief: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of the relief table a county of 2020.

    Codes are accepted only where the name stem agrees (codes of dissolved counties were given
    away); what is left is matched by a name stem that is unique in the province.

    Parameters
    ----------
    relief
        As `read_relief` returns it.
    links
        As `link_counties` returns it.

    Returns
    -------
    One row per row of the source: source_code, code (2020, missing where unmatched), rule.
    """
    linked = linked_units(links)
    rows = relief[["code", "province"]].rename(columns={"code": "source_code"})
    rows["stem"] = relief["name"].map(name_stem, na_action="ignore")
    rows["code"] = pd.NA
    rules = {
        "code of 2020 and name": ("source_code", "code_2020", "name_2020"),
        "code of 2020 and name of 2010": ("source_code", "code_2020", "name_2010"),
        "code of 2010 and name": ("source_code", "code_2010", "name_2010"),
        "name of 2020 in the province": ("province", "province", "name_2020"),
        "name of 2010 in the province": ("province", "province", "name_2010"),
    }
    rows["rule"] = "no linked county of that name"
    for rule, (left, right, name) in rules.items():
        free = linked[~linked["code_2020"].isin(rows["code"].dropna())]
        keyed = pd.DataFrame(
            {"key": free[right], "stem": free[name].map(name_stem), "found": free["code_2020"]}
        )
        keyed = keyed[~keyed.duplicated(["key", "stem"], keep=False)]
        open_rows = rows[rows["code"].isna() & rows["stem"].notna()]
        open_rows = open_rows[~open_rows.duplicated([left, "stem"], keep=False)]
        hits = open_rows.reset_index().merge(
            keyed, left_on=[left, "stem"], right_on=["key", "stem"]
        )
        rows.loc[hits["index"], "code"] = hits["found"].to_numpy()
        rows.loc[hits["index"], "rule"] = rule
    rows.loc[rows["stem"].isna(), "rule"] = "no name and no position in the source"
    return rows[["source_code", "code", "rule"]]


def build_census_panel(
    census: pd.DataFrame,
    quarantine: pd.DataFrame,
    links: pd.DataFrame,
    poverty: pd.DataFrame,
    lights: pd.DataFrame,
    relief: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join all sources to a balanced panel of the linked counties.

    Parameters
    ----------
    census, quarantine
        Counties, and rows and cells set aside, of both censuses as `read_census` returns them.
    links
        As `link_counties` returns it.
    poverty
        As `load_list` returns it: the 832 with code and delisted_year.
    lights, relief
        As `read_lights` and `read_relief` return them.

    Returns
    -------
    panel : DataFrame
        One row per linked county and year (2010, 2020), key code (of 2020) and year; place names of
        2020; the census variables; region, designated, delisted_year, rural_2010, area_changed,
        relief, lon, lat, relief_repaired, radiance_2013, radiance_2020.
    audit : DataFrame
        source, fate, reason, count, codes: what became of every unit of every source.
    """
    linked = linked_units(links).set_index("code_2020")
    before = census[census["year"] == 2010].set_index("code").loc[linked["code_2010"]]
    rural = pd.Series((before["rural_share"] > RURAL_LIMIT).to_numpy(), index=linked.index)
    after = census[census["year"] == 2020].set_index("code").loc[linked.index]
    places = after[["name", "province", "prefecture"]].assign(
        code_2010=linked["code_2010"],
        region=region_of(after["province"]),
        designated=linked.index.isin(poverty["code"]),
        delisted_year=poverty.set_index("code")["delisted_year"].reindex(linked.index),
        rural_2010=rural,
        area_changed=linked["area_changed"].astype(bool),
    )
    places = places.join(_relief_columns(relief, links)).join(_radiance_columns(lights, links))
    places["relief_repaired"] = places["relief_repaired"].eq(True)
    stack = [
        frame.drop(columns=["name", "province", "prefecture"]).set_axis(linked.index)
        for frame in (before, after)
    ]
    panel = pd.concat(stack).join(places).rename_axis("code").reset_index()
    panel = panel[[*_leading(places), *(c for c in panel if c not in _leading(places))]]
    audit = pd.concat(
        [
            audit_census(quarantine, links, 2010),
            audit_census(quarantine, links, 2020),
            audit_poverty(poverty, links),
            audit_matches(match_lights(lights, links), linked.index, "county_lights"),
            audit_matches(match_relief(relief, links), linked.index, "county_relief"),
        ],
        ignore_index=True,
    )
    return panel.sort_values(["code", "year"], ignore_index=True), audit


def _leading(places: pd.DataFrame) -> list[str]:
    return ["code", "year", *places.columns.intersection(["name", "province", "prefecture"])]


def _relief_columns(relief: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    matches = match_relief(relief, links).set_index("source_code")
    matched = relief.assign(
        code=relief["code"].map(matches["code"]),
        relief_repaired=~relief["code"].map(matches["rule"]).str.startswith("code of 2020"),
    ).dropna(subset="code")
    return matched.set_index("code")[["relief", "lon", "lat", "relief_repaired"]]


def _radiance_columns(lights: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    wide = lights_by_county(lights, links).pivot(index="code", columns="year", values="radiance")
    return wide[[2013, 2020]].add_prefix("radiance_").rename_axis(columns=None)


def _refuse(faults: dict[str, pd.Series], table: pd.DataFrame, file: str) -> None:
    problems = [
        f"{file}, code {code}: broken rule: {rule}"
        for rule, mask in faults.items()
        for code in table.loc[mask, "code"]
    ]
    if problems:
        raise ValueError(bullet_list(f"{len(problems)} violation(s):", problems))
