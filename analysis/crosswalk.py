"""Links the county units of the census of 2010 to those of 2020.

Codes alone fail where prefectures were re-coded (Bijie, Tongren, all of Tibet); names alone fail
where counties became districts. So: equal code and equal name stem; then a name stem that occurs
once in the province in both years; then a reviewed list of manual rows with a reason each. What is
left stays unmatched, with a row that says so: nothing disappears.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.project import bullet_list

POPULATION_RATIO = (0.6, 1.6)  # 2020 / 2010; outside, a changed area is likelier than migration
_ACTIONS = ("link", "area", "none")
_COLUMNS = [
    "code_2020", "code_2010", "name_2020", "name_2010", "province", "method", "reason",
    "area_changed",
]  # fmt: skip
_ETHNIC = (
    "蒙古族", "蒙古", "回族", "藏族", "维吾尔", "苗族", "彝族", "壮族", "布依族", "朝鲜族", "满族",
    "侗族", "瑶族", "白族", "土家族", "哈尼族", "哈萨克族", "哈萨克", "傣族", "黎族", "傈僳族",
    "佤族", "畲族", "拉祜族", "水族", "东乡族", "纳西族", "景颇族", "柯尔克孜", "土族", "达斡尔族",
    "仫佬族", "羌族", "布朗族", "撒拉族", "毛南族", "仡佬族", "锡伯", "阿昌族", "普米族", "塔吉克",
    "怒族", "鄂温克族", "鄂温克", "德昂族", "保安族", "裕固族", "独龙族", "鄂伦春", "各族",
)  # fmt: skip
_UNITS = (
    "自治县", "自治旗", "联合旗", "行政委员会", "行委", "特区", "县", "市", "区", "旗",
)  # fmt: skip


def name_stem(name: str) -> str:
    """The name of a county without its unit and without the names of nationalities.

    Parameters
    ----------
    name
        Name as printed, for example 玉屏侗族自治县.

    Returns
    -------
    The stem, 玉屏. A name whose stem would be shorter than two characters keeps its unit (滦县),
    since one character identifies nothing; 巿 (U+5DFF) is read as 市.
    """
    clean = "".join(name.split()).replace("巿", "市")
    unit = next((suffix for suffix in _UNITS if clean.endswith(suffix)), "")
    stem = clean.removesuffix(unit)
    if unit.startswith("自治") or unit == "联合旗":
        stem = _without_nationalities(stem)
    return stem if len(stem) > 1 else clean


def read_manual(folder: Path) -> pd.DataFrame:
    """Read the reviewed rows `manual_2010_2020.csv`.

    Parameters
    ----------
    folder
        Source folder `crosswalk`.

    Returns
    -------
    DataFrame with code_2010, name_2010, code_2020, name_2020, action, area_changed, reason. The
    action is `link` (the same unit), `area` (the unit of 2010 gave area to that of 2020) or `none`
    (no counterpart).

    Raises
    ------
    ValueError
        Lists every row with an unknown action, no reason, or a unit linked twice.
    """
    path = folder / "manual_2010_2020.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    linked = rows["action"] == "link"
    twice = {
        year: linked & rows[f"code_{year}"].where(linked).duplicated() for year in ("2010", "2020")
    }
    faults = {
        f"the action is one of {_ACTIONS}": ~rows["action"].isin(_ACTIONS),
        "a row has a reason": rows["reason"].str.strip() == "",
        "a unit of 2010 is linked once": twice["2010"],
        "a unit of 2020 is linked once": twice["2020"],
    }
    problems = [
        f"{path.name}, row {row + 2}: broken rule: {rule}"
        for rule, mask in faults.items()
        for row in rows.index[mask]
    ]
    if problems:
        raise ValueError(bullet_list("mend the reviewed crosswalk rows:", problems))
    return rows.assign(area_changed=rows["area_changed"] == "1")


def link_counties(
    counties_2010: pd.DataFrame, counties_2020: pd.DataFrame, manual: pd.DataFrame
) -> pd.DataFrame:
    """Link the counties of two censuses.

    Parameters
    ----------
    counties_2010, counties_2020
        County tables with code, name, province and population, one row per county.
    manual
        As `read_manual` returns it. Manual links come first, so that a reviewed row overrules a
        coincidence of names (庐山区 became 濂溪区, while 庐山市 is the former 星子县).

    Returns
    -------
    One row per county of 2020 and per unmatched county of 2010: code_2020, code_2010, name_2020,
    name_2010, province, method, reason, area_changed. `area_changed` is True where a manual row
    says so or where the population of 2020 is outside 0.6-1.6 times that of 2010.

    Raises
    ------
    ValueError
        Lists every manual row whose unit is not in the census it names.
    """
    _check_manual(manual, counties_2010, counties_2020)
    old = counties_2010.assign(stem=counties_2010["name"].map(name_stem))
    new = counties_2020.assign(stem=counties_2020["name"].map(name_stem))
    pairs = _manual_pairs(manual)
    pairs = pd.concat([pairs, _code_pairs(*_unlinked(old, new, pairs))])
    pairs = pd.concat([pairs, _stem_pairs(*_unlinked(old, new, pairs))])
    left_old, left_new = _unlinked(old, new, pairs)
    parts = [
        pairs,
        _unmatched(left_new, manual, "2020"),
        _unmatched(left_old, manual, "2010"),
    ]
    links = pd.concat(parts, ignore_index=True)
    links = _with_names(links, counties_2010, counties_2020)
    links["area_changed"] = _area_changed(links, manual, counties_2010, counties_2020)
    return links[_COLUMNS].sort_values(["code_2020", "code_2010"], ignore_index=True)


def linked_units(links: pd.DataFrame) -> pd.DataFrame:
    """The rows of `link_counties` that link a county of 2010 with one of 2020."""
    return links[links["code_2020"].notna() & links["code_2010"].notna()]


def _check_manual(manual: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame) -> None:
    problems = []
    for year, table in (("2010", old), ("2020", new)):
        names = table.set_index("code")["name"]
        named = manual[manual[f"code_{year}"] != ""]
        found = named[f"code_{year}"].map(names)
        problems += [
            f"{row[f'code_{year}']} {row[f'name_{year}']}: the census of {year} has {there!r} there"
            for row, there in zip(named.to_dict("records"), found, strict=True)
            if there != row[f"name_{year}"]
        ]
    if problems:
        raise ValueError(bullet_list("stale rows in manual_2010_2020.csv:", problems))


def _manual_pairs(manual: pd.DataFrame) -> pd.DataFrame:
    rows = manual[manual["action"] == "link"]
    return rows[["code_2020", "code_2010", "reason"]].assign(method="manual")


def _unlinked(
    old: pd.DataFrame, new: pd.DataFrame, pairs: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    return old[~old["code"].isin(pairs["code_2010"])], new[~new["code"].isin(pairs["code_2020"])]


def _code_pairs(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    both = new[["code", "stem"]].merge(old[["code", "stem"]], on=["code", "stem"])
    return pd.DataFrame(
        {
            "code_2020": both["code"],
            "code_2010": both["code"],
            "reason": "equal code and equal name stem",
            "method": "code_and_stem",
        }
    )


def _stem_pairs(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    keys = ["province", "stem"]
    once_old = old[~old.duplicated(keys, keep=False)][["code", *keys]]
    once_new = new[~new.duplicated(keys, keep=False)][["code", *keys]]
    both = once_new.merge(once_old, on=keys, suffixes=("_2020", "_2010"))
    return both[["code_2020", "code_2010"]].assign(
        reason="name stem occurs once in the province; re-coded or changed its kind",
        method="province_and_stem",
    )


def _unmatched(left: pd.DataFrame, manual: pd.DataFrame, year: str) -> pd.DataFrame:
    code = f"code_{year}"
    known = (
        manual[manual["action"] != "link"]
        .groupby(code)["reason"]
        .agg(lambda reasons: "; ".join(dict.fromkeys(reasons)))
    )
    zone = (year == "2020") & left["code"].str[4].eq("7")
    fallback = zone.map(
        {
            True: "development zone counted apart in 2020, part of the districts around it in 2010",
            False: "no unit of that code or name in the other census",
        }
    )
    reason = left["code"].map(known).astype(object).fillna(fallback)
    return pd.DataFrame({code: left["code"], "reason": reason, "method": f"unmatched_{year}"})


def _with_names(links: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    before, after = old.set_index("code"), new.set_index("code")
    return links.assign(
        name_2020=links["code_2020"].map(after["name"]),
        name_2010=links["code_2010"].map(before["name"]),
        province=links["code_2020"]
        .map(after["province"])
        .fillna(links["code_2010"].map(before["province"])),
    )


def _area_changed(
    links: pd.DataFrame, manual: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame
) -> pd.Series:
    said = manual[manual["area_changed"]]
    before = links["code_2010"].map(old.set_index("code")["population"]).astype(float)
    after = links["code_2020"].map(new.set_index("code")["population"]).astype(float)
    ratio = after / before
    low, high = POPULATION_RATIO
    return (
        links["code_2020"].isin(said["code_2020"])
        | links["code_2010"].isin(said["code_2010"])
        | (ratio < low)
        | (ratio > high)
    )


def _without_nationalities(stem: str) -> str:
    """Strip the nationalities from the end of a stem, as long as something is left."""
    while True:
        tail = next((n for n in _ETHNIC if stem.endswith(n) and len(stem) > len(n)), "")
        if not tail:
            return stem
        stem = stem.removesuffix(tail)
