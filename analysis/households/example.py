"""The worked example of a user's own household survey: simulated, once clean and once messy.

``python -m analysis.households.example`` writes `data/raw/example_own`: `clean/`, `messy/` and
`faults.csv`, which lists every fault planted in `messy/` with file, row and column;
`own_source.yml` is the provenance card to be filled in for a survey of one's own.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.project import Project, write_text

SEED = 20210705
COUNTIES = {
    "130125": "行唐县", "130126": "灵寿县", "130705": "宣化区",
    "520522": "黔西县", "520523": "金沙县", "520524": "织金县",
}  # fmt: skip
PROVINCES = {"13": "河北", "52": "贵州"}
WATER = {1: "tap", 2: "well", 3: "river"}
VILLAGES, HOUSEHOLDS = 4, 5
STAMP = dt.datetime(2024, 1, 1)
ASSETS = "    column: assets\n"
CONFIG = """\
# A small simulated survey: copy this file beside your own data and change the names on the right.
title: Simulated example of a household survey
files:
  - {path: "*.csv", missing: ["-9"]}      # -9: no answer
  - "*.dta"
labels:                                   # what the codes mean; a labelled column is text
  water_source: {1: tap, 2: well, 3: river}
columns:
  code: county_code
  name: county
  year: year
  household: household
  weight: weight
  persons: persons
  stratum: stratum
  psu: village
  urban: urban
  income: income
indicators:
  - name: low_schooling
    dimension: education
    weight: 1/4
    column: schooling_years
    deprived: {below: 6}
  - {name: serious_illness, dimension: health, weight: 1/4, deprived: {equal: 1}}
  - name: unsafe_water
    dimension: living
    weight: 1/8
    column: water_source
    deprived: {in: [river]}
  - name: few_assets
    dimension: living
    weight: 1/8
    column: assets
    deprived: {below: 2}
  - {name: low_income, dimension: income, weight: 1/4, column: income, deprived: {below: 5000}}
k: 1/3
poverty_line: 5000
relative_lines: [0.5]
groups: [[], [year], [code, year]]
lonely: centre
"""
OWN_SOURCE = "own_source.yml"
CARD = """\
title: Simulated example of a user's own household survey
producer: Authors of this compendium
citation: Written for this compendium; see CITATION.cff
licence: MIT
accessed: 2026-11-22
sensitivity: public
simulated: true
faults:
  - Nothing here is an observation. The county codes are real; households and answers are random.
  - messy/ is faulty on purpose; faults.csv lists every fault with file, row and column.
use: >-
  The tutorial on your own household data: check messy/, mend it, measure clean/. Written by
  `python -m analysis.households.example`.
files: all
"""

OWN_CARD = """\
# The card of your own survey: copy this file to data/raw/households/own/source.yml and fill it in.
title: Household survey of (place, years)
producer: (who collected it)
citation: (how the producer wants it cited)
licence: (terms under which you may use it)
accessed: (date on which you got it, YYYY-MM-DD)
sensitivity: personal                     # file names stay out of the records; or public
faults:
  - (what is known to be wrong or missing; one line for each)
use: (what it is measured for)
files: all
"""

Fault = tuple[str, int | None, str, str]


def simulate_survey(rng: np.random.Generator) -> pd.DataFrame:
    """Draw the households of the example.

    Parameters
    ----------
    rng : Generator

    Returns
    -------
    DataFrame
        One row per household and year, 2021 to 2023: county_code, county, year, stratum, village,
        household, weight, persons, urban, income (yuan per person, sometimes missing),
        schooling_years, serious_illness, water_source (code), assets, interview_date.
    """
    rows = [
        (code, name, PROVINCES[code[:2]], f"{code}{v:02d}", f"{code}{v:02d}{h:02d}", int(v == 1))
        for code, name in COUNTIES.items()
        for v in range(1, VILLAGES + 1)
        for h in range(1, HOUSEHOLDS + 1)
    ]
    columns = ["county_code", "county", "province", "village", "household", "urban"]
    base = pd.DataFrame(rows, columns=columns)
    base["stratum"] = base["province"] + base["urban"].map({1: "-urban", 0: "-rural"})
    base["weight"] = rng.integers(200, 2000, len(base)) / 10
    base["persons"] = rng.integers(1, 8, len(base))
    base["schooling_years"] = rng.integers(0, 16, len(base))
    base["water_source"] = rng.choice([*WATER], len(base), p=[0.6, 0.25, 0.15])
    years = [_in_year(base, year, rng) for year in (2021, 2022, 2023)]
    order = ["county_code", "county", "year", "stratum", "village", "household", "weight"]
    order += ["persons", "urban", "income", "schooling_years", "serious_illness", "water_source"]
    return pd.concat(years, ignore_index=True)[[*order, "assets", "interview_date"]]


def _in_year(base: pd.DataFrame, year: int, rng: np.random.Generator) -> pd.DataFrame:
    n = len(base)
    income = np.round(np.exp(rng.normal(9.0 + 0.05 * (year - 2021), 0.6, n)))
    day = pd.Timestamp(year, 7, 1) + pd.to_timedelta(rng.integers(0, 30, n), unit="D")
    return base.assign(
        year=year,
        income=np.where(rng.random(n) < 0.04, np.nan, income),
        serious_illness=(rng.random(n) < 0.15).astype(int),
        assets=rng.integers(0, 6, n),
        interview_date=pd.Series(day).dt.strftime("%Y-%m-%d"),
    )


def write_example(folder: Path) -> None:
    """Write the example: `clean/`, `messy/`, `faults.csv`, its card and one to be filled in.

    Parameters
    ----------
    folder : Path
        `data/raw/example_own`; the same bytes on each run.
    """
    survey = simulate_survey(np.random.default_rng(SEED))
    texts = {year: _lines(survey[survey["year"] == year]) for year in (2021, 2022)}
    last = survey[survey["year"] == 2023]
    for name in ("clean", "messy"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "clean" / "2021.csv", texts[2021], "utf-8-sig", "\n")
    _write_lines(folder / "clean" / "2022.csv", texts[2022], "gb18030", "\r\n")
    _write_stata(folder / "clean" / "2023.dta", last)
    write_text(folder / "clean" / "households.yml", CONFIG)
    faults = _write_messy(folder / "messy", texts, last)
    table = pd.DataFrame(faults, columns=["file", "row", "column", "rule"]).astype({"row": "Int64"})
    table = table.sort_values(["file", "row", "column"], ignore_index=True)
    write_text(folder / "faults.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "source.yml", CARD)
    write_text(folder / OWN_SOURCE, OWN_CARD)


def _lines(survey: pd.DataFrame) -> list[list[str]]:
    """Return headings and rows as text, row n of the file at place n - 1."""
    income = survey["income"].map(lambda x: "-9" if np.isnan(x) else f"{x:.0f}")
    rows = survey.assign(income=income).astype(str).to_numpy().tolist()
    return [list(survey.columns), *rows]


def _write_lines(path: Path, lines: list[list[str]], encoding: str, end: str) -> None:
    path.write_bytes("".join(",".join(line) + end for line in lines).encode(encoding))


def _write_stata(path: Path, survey: pd.DataFrame) -> None:
    labels: dict[str, dict[float, str]] = {"water_source": {v: text for v, text in WATER.items()}}
    survey.assign(county_code=survey["county_code"].astype("int32")).to_stata(
        path,
        write_index=False,
        version=118,
        time_stamp=STAMP,
        data_label="SIMULATED",
        value_labels=labels,
    )


def _write_messy(
    folder: Path, texts: dict[int, list[list[str]]], last: pd.DataFrame
) -> list[Fault]:
    place = {name: i for i, name in enumerate(texts[2021][0])}
    faults: list[Fault] = [
        ("", None, "asset", "is in no file"),
        ("", None, "serious_illness", "is always missing"),
    ]
    files = {year: [line.copy() for line in lines] for year, lines in texts.items()}
    for lines in files.values():
        for line in lines[1:]:
            line[place["serious_illness"]] = "-9"
    for year, row, column, cell, rule in CELLS:
        files[year][row - 1][place[column]] = cell
        faults.append((f"{year}.csv", row, NAMED.get(rule, column), rule))
    twice = files[2021][45].copy()
    files[2021][46] = twice
    faults.append(("2021.csv", 47, "county_code, household, year, village", "the same key"))
    data = _with_broken_lines(files[2021], faults)
    (folder / "2021.csv").write_bytes(data)
    _write_lines(folder / "2022.csv", files[2022], "gb18030", "\r\n")
    persons = last["persons"].astype(float).where(np.arange(len(last)) != 16)
    _write_stata(folder / "2023.dta", last.assign(persons=persons, serious_illness=np.nan))
    faults.append(("2023.dta", 17, "persons", "has no value"))
    write_text(folder / "households.yml", CONFIG.replace(ASSETS, ASSETS.replace("assets", "asset")))
    return faults


CELLS = (
    (2021, 30, "weight", "-85.3", "is not above zero"),
    (2021, 31, "weight", "0", "is not above zero"),
    (2021, 40, "income", "12000元", "is no number"),
    (2021, 55, "stratum", "", "has no value"),
    (2022, 8, "county_code", "130721", "is no county"),
    (2022, 65, "county_code", "522423", "is no county"),
    (2022, 70, "county", "大方县", "the row says"),
    (2022, 12, "year", "2202", "lies outside"),
    (2022, 18, "persons", "0", "is not above zero"),
    (2022, 19, "persons", "120", "is above 50"),
    (2022, 26, "stratum", "贵州-rural", "two strata"),
    (2022, 90, "water_source", "5", "has no label"),
)
"""Planted cells: year, row, column, what stands there, what the check says."""
NAMED = {"two strata": "village", "the row says": "county_code, county"}
"""Columns that the check names where a rule is about others than the planted one."""


def _with_broken_lines(lines: list[list[str]], faults: list[Fault]) -> bytes:
    """Return the file with a cell lost, a quotation mark left open and a line in GB18030."""
    texts = [",".join(line) for line in lines]
    texts[8] = ",".join(lines[8][:-2])
    texts[14] = ",".join([lines[14][0], '"' + lines[14][1], *lines[14][2:]])
    data = [text.encode() + b"\n" for text in texts]
    data[21] = texts[21].encode("gb18030") + b"\n"
    rules = {9: "cells instead of", 15: "quotation mark", 22: "mixed encodings"}
    faults += [("2021.csv", row, "", rule) for row, rule in rules.items()]
    return b"\xef\xbb\xbf" + b"".join(data)


if __name__ == "__main__":
    write_example(Project.find().source("example_own"))
