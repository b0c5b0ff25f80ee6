"""The 832 national poverty counties, re-derived from the official notice.

The notice lists, in one block per year, the counties of each province that were delisted, with the
declared count. The embedded table carries the same counties with codes. Deriving the one from the
other proves that the treatment variable of the compendium is the official one, county by county.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.corrections import apply_ledger, read_ledger
from analysis.crosswalk import name_stem
from analysis.project import bullet_list

NOTICE = "poverty_county_notice.xlsx"
LIST = "poverty_counties_832.csv"
# All 52 of the block titled as planned for 2020 were declared delisted by 23 November 2020.
BLOCK_COUNTS = {2016: 28, 2017: 125, 2018: 283, 2019: 344, 2020: 52}
_TITLE = re.compile(r"^[一二三四五]、(\d{4})年(计划)?摘帽贫困县名单$")
_SHEET = "原始名单"


class PovertyListError(ValueError):
    """The notice contradicts itself, or differs from the embedded table; lists every difference."""


def parse_notice(folder: Path) -> pd.DataFrame:
    """Read the official notice.

    Parameters
    ----------
    folder
        Source folder `poverty_county_notice`.

    Returns
    -------
    DataFrame with province (short form of the notice, for example 河北), name (as printed), row
    (Excel row), delisted_year and planned (True in the block titled as planned): 832 rows.

    Raises
    ------
    PovertyListError
        Lists every province whose names are not as many as declared, every block whose total is not
        as declared, and every repeated county.
    """
    from openpyxl import load_workbook

    book = load_workbook(folder / NOTICE, read_only=True, data_only=True)
    if _SHEET not in book.sheetnames:
        raise PovertyListError(f"{NOTICE}: sheet {_SHEET} is not there, only {book.sheetnames}")
    year, planned, rows, problems = 0, False, [], []
    declared: dict[int, int] = {}
    for number, cells in enumerate(book[_SHEET].iter_rows(max_col=3, values_only=True), start=1):
        label = _clean(cells[0])
        title = _TITLE.match(label)
        if title:
            year, planned = int(title[1]), bool(title[2])
        elif label == "合计":
            declared[year] = int(cells[1])
        elif year and isinstance(cells[1], int | float):
            names = [name for name in map(_clean, str(cells[2] or "").split("、")) if name]
            if len(names) != cells[1]:
                problems.append(
                    f"row {number}: {label} {year} declares {cells[1]}, lists {len(names)}"
                )
            rows += [(label, name, number, year, planned) for name in names]
    columns = ["province", "name", "row", "delisted_year", "planned"]
    notice = pd.DataFrame(rows, columns=columns)
    problems += _total_problems(notice, declared)
    if problems:
        raise PovertyListError(bullet_list(f"{NOTICE} contradicts itself:", problems))
    return notice


def load_list(facts_folder: Path) -> pd.DataFrame:
    """The embedded table of the 832, repaired by its ledger.

    Parameters
    ----------
    facts_folder
        Source folder `facts`.

    Returns
    -------
    DataFrame with code (2020), code10 (2010, missing where there was no coded unit), name,
    province, prefecture, delisted_year (Int64), sorted by code; 832 rows with unique codes.

    Raises
    ------
    PovertyListError
        A code occurs twice.
    CorrectionError
        The ledger no longer fits the table.
    """
    raw = pd.read_csv(facts_folder / LIST, dtype=str)
    keyed = raw.set_axis(raw["name"] + " " + raw["prov"]).astype(object)
    table = apply_ledger(keyed, read_ledger(facts_folder), source=LIST).reset_index(drop=True)
    table = table.rename(columns={"prov": "province", "pref": "prefecture"})
    repeated = table[table["code"].duplicated(keep=False)]
    if len(repeated):
        raise PovertyListError(f"{LIST}: codes occur twice: {sorted(set(repeated['code']))}")
    columns = ["code", "code10", "name", "province", "prefecture"]
    listed = table[columns].astype("str").assign(delisted_year=table["exit_year"].astype("Int64"))
    return listed.sort_values("code", ignore_index=True)


def rederive_list(notice_folder: Path, facts_folder: Path) -> pd.DataFrame:
    """Derive the 832 from the notice and prove them equal to the embedded table.

    Parameters
    ----------
    notice_folder, facts_folder
        Source folders `poverty_county_notice` (with the reviewed `aliases.csv`) and `facts`.

    Returns
    -------
    The table of `load_list`, with name_in_notice: one row per county of the notice.

    Raises
    ------
    PovertyListError
        Lists every county that only one side has, every ambiguous name and every other year.
    """
    listed = load_list(facts_folder)
    notice = _full_provinces(parse_notice(notice_folder), listed)
    notice = notice.rename(columns={"name": "name_in_notice"})
    aliases = pd.read_csv(notice_folder / "aliases.csv", dtype=str)
    matched = _match(notice, listed, aliases)
    problems = _differences(matched, listed)
    if problems:
        raise PovertyListError(bullet_list("the notice and the embedded table differ:", problems))
    return (
        matched[["code", "name_in_notice"]]
        .merge(listed, on="code")[[*listed.columns, "name_in_notice"]]
        .sort_values("code", ignore_index=True)
    )


def _clean(cell: Any) -> str:
    return "".join(unicodedata.normalize("NFKC", str(cell or "")).split())


def _total_problems(notice: pd.DataFrame, declared: dict[int, int]) -> list[str]:
    found = notice.groupby("delisted_year").size().to_dict()
    problems = [
        f"block of {year}: {found.get(year, 0)} counties, declared {declared.get(year)}, "
        f"official {count}"
        for year, count in BLOCK_COUNTS.items()
        if not found.get(year) == declared.get(year) == count
    ]
    repeated = notice[notice.duplicated(["province", "name"], keep=False)]
    return problems + [
        f"row {row}: {province}{name} occurs twice"
        for row, province, name in zip(
            repeated["row"], repeated["province"], repeated["name"], strict=True
        )
    ]


def _full_provinces(notice: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    full = listed["province"].unique()
    names = {
        short: next((name for name in full if name.startswith(short)), short)
        for short in notice["province"].unique()
    }
    return notice.assign(province=notice["province"].map(names))


def _match(notice: pd.DataFrame, listed: pd.DataFrame, aliases: pd.DataFrame) -> pd.DataFrame:
    """Each county of the notice with the code of the list: by alias, by name, by unique stem."""
    alias = aliases.set_index(["province", "name"])["listed_name"]
    keys = pd.MultiIndex.from_frame(notice[["province", "name_in_notice"]])
    wanted = pd.Series(alias.reindex(keys).to_numpy(), index=notice.index)
    wanted = wanted.fillna(notice["name_in_notice"])
    by_name = listed.set_index(["province", "name"])["code"]
    code = _looked_up(by_name, notice["province"], wanted)
    stems = listed.assign(stem=listed["name"].map(name_stem))
    stems = stems[~stems.duplicated(["province", "stem"], keep=False)]
    by_stem = stems.set_index(["province", "stem"])["code"]
    return notice.assign(
        code=code.fillna(_looked_up(by_stem, notice["province"], wanted.map(name_stem)))
    )


def _looked_up(table: pd.Series, first: pd.Series, second: pd.Series) -> pd.Series:
    keys = pd.MultiIndex.from_arrays([first, second])
    return pd.Series(table.reindex(keys).to_numpy(), index=first.index)


def _differences(matched: pd.DataFrame, listed: pd.DataFrame) -> list[str]:
    unknown = matched[matched["code"].isna()]
    twice = matched[matched["code"].notna() & matched["code"].duplicated(keep=False)]
    absent = listed[~listed["code"].isin(matched["code"])]
    years = matched.merge(listed, on="code", suffixes=("", "_listed"))
    years = years[years["delisted_year"] != years["delisted_year_listed"]]
    return [
        *(
            f"only in the notice: {p} {n}"
            for p, n in unknown[["province", "name_in_notice"]].values
        ),
        *(f"matched twice: {p} {n}" for p, n in twice[["province", "name_in_notice"]].values),
        *(f"only in the list: {p} {n}" for p, n in absent[["province", "name"]].values),
        *(
            f"{row['name']}: {row['delisted_year']} in the notice, "
            f"{row['delisted_year_listed']} in the list"
            for row in years.to_dict("records")
        ),
    ]
