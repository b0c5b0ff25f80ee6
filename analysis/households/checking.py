"""Everything that is wrong with a user's household files, at once, with file, row and column.

Each rule is counted over all rows by the database, out of core; the first rows that break it are
listed. Loaded is one row for each primary unit, stratum and county. Nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.households.administrative import Administrative
from analysis.households.config import HouseholdConfig, read_config
from analysis.households.csv_lines import MIXED
from analysis.households.reading import CONFIG, Reading, read_households
from analysis.households.row_rules import RowRule, design_columns, key_columns, row_rules
from analysis.households.study_checks import absent_values, design_faults
from analysis.households.typing_rules import wanted_kinds
from analysis.parameters import nearest

SHOWN = 5
NO_COUNTY = "is no county of 2020"
NAME = "name"  # concept: the county's name beside its code


@dataclass(frozen=True)
class Problem:
    """One place where a rule is broken.

    Attributes
    ----------
    file : str
        Empty where it concerns all files.
    row : int or None
        Line of a csv file, row of another from 1.
    column, rule, remedy : str
    count : int
        Rows that break the rule in this column; at most five of them are listed.
    """

    file: str
    row: int | None
    column: str
    rule: str
    remedy: str
    count: int = 1

    def __str__(self) -> str:
        row = f"row {self.row}" if self.row else ""
        column = f"column {self.column}" if self.column else ""
        place = ", ".join(part for part in (self.file, row, column) if part) or "the study"
        more = f" ({self.count:,} rows in all)" if self.count > 1 else ""
        return f"{place}: {self.rule}{more}: {self.remedy}"


def check_households(
    folder: Path, administrative: Administrative, config: HouseholdConfig | None = None
) -> list[Problem]:
    """Check the files of a study against its configuration.

    Parameters
    ----------
    folder : Path
        Folder or file, see `analysis.households.reading.open_households`.
    administrative : Administrative
        Units that codes must name.
    config : HouseholdConfig, optional
        Unless given, `households.yml` in the folder.

    Returns
    -------
    list of Problem
        By file, row and column; empty if the files can be measured.

    Raises
    ------
    ValueError
        When the configuration itself is faulty.
    """
    config = config or read_config(folder / CONFIG)
    return check_reading(read_households(folder, config), config, administrative)


def check_reading(
    reading: Reading,
    config: HouseholdConfig,
    administrative: Administrative,
    *,
    leave_out_broken: bool = False,
) -> list[Problem]:
    """Check files that were read, as `check_households`; broken lines only if they are to count."""
    found = [Problem("", None, "", *_halves(text)) for text in reading.problems]
    found += [] if leave_out_broken else _broken_lines(reading)
    if reading.table is not None:
        found += _missing_columns(reading, config)
        found += _row_problems(reading, config)
        found += _repeated_keys(reading, config)
        found += _unit_problems(reading, config, administrative)
        found += _code_problems(reading, config, administrative)
        found += [Problem("", None, *fault) for fault in absent_values(reading, config)]
        found += _design_problems(reading, config, found)
    return sorted(found, key=lambda p: (p.file, p.row or 0, p.column, p.rule))


def problem_frame(problems: list[Problem]) -> pd.DataFrame:
    """Return problems as a table: file, row, column, rule, remedy, count."""
    columns = ["file", "row", "column", "rule", "remedy", "count"]
    frame = pd.DataFrame([asdict(problem) for problem in problems], columns=columns)
    return frame.astype({"row": "Int64", "count": "int64"})


def _halves(text: str) -> tuple[str, str]:
    rule, _, remedy = text.rpartition(": ")
    return (rule, remedy) if rule else (text, "mend it")


def _broken_lines(reading: Reading) -> list[Problem]:
    found = []
    for (file, rule), lines in reading.broken.groupby(["file", "rule"]):
        remedy = "mend the line, or leave it out on purpose"
        if MIXED in str(rule):
            remedy = "save the file in one encoding, or give it `encoding: mixed` in `files:`"
        rows = lines["line"].head(SHOWN)
        found += [Problem(str(file), int(row), "", str(rule), remedy, len(lines)) for row in rows]
    return found


def _missing_columns(reading: Reading, config: HouseholdConfig) -> list[Problem]:
    found, known = [], [c for c in reading.table.columns if not c.startswith("_")]
    for column in dict.fromkeys([*config.used_columns, *wanted_kinds(config)]):
        lacking = [f.name for f in reading.files if column not in f.columns]
        if not lacking:
            continue
        everywhere = len(lacking) == len(reading.files)
        remedy = f"mend `columns:`, `indicators:` or the headings{nearest(column, known)}"
        rule = "is in no file" if everywhere else "is not in this file"
        for name in [""] if everywhere else lacking[:SHOWN]:
            found.append(Problem(name, None, column, rule, remedy))
    return found


def _row_problems(reading: Reading, config: HouseholdConfig) -> list[Problem]:
    table = reading.checked
    rules, needed = row_rules(reading, config), _measured(reading, config)
    counts = {f"rule_{i}": rule.broken.sum() for i, rule in enumerate(rules)}
    counts |= {f"n_{i}": table[column].count() for i, column in enumerate(needed)}
    row = table.aggregate(rows=table.count(), **counts).to_pandas().iloc[0].fillna(0).to_dict()
    if not row["rows"]:
        return [Problem("", None, "", "the files have no rows", "check the files and `files:`")]
    empty = [column for i, column in enumerate(needed) if not row[f"n_{i}"]]
    rule, remedy = "is always missing", "map another column or leave it out"
    found = [Problem("", None, column, rule, remedy, int(row["rows"])) for column in empty]
    for i, entry in enumerate(rules):
        if row[f"rule_{i}"]:
            found += _first_rows(table, entry, int(row[f"rule_{i}"]))
    return found


def _measured(reading: Reading, config: HouseholdConfig) -> list[str]:
    income = [config.columns["income"]] if "income" in config.columns else []
    named = [*(indicator.column for indicator in config.indicators), *income]
    return [column for column in dict.fromkeys(named) if column in reading.table.columns]


def _first_rows(table: Any, rule: RowRule, count: int) -> list[Problem]:
    shown = table.filter(rule.broken).select("_file", "_row", cell=rule.cell)
    rows = shown.order_by(["_file", "_row"]).limit(SHOWN).to_pandas()
    return [
        Problem(file, int(line), rule.column, rule.says(cell), rule.remedy, count)
        for file, line, cell in rows.itertuples(index=False, name=None)
    ]


def _repeated_keys(reading: Reading, config: HouseholdConfig) -> list[Problem]:
    table, keys = reading.table, key_columns(reading, config)
    if not keys:
        return []
    several = table.group_by(keys).aggregate(_times=table.count())
    several = several.filter(several["_times"] > 1)
    total = several.aggregate(extra=(several["_times"] - 1).sum()).to_pandas()["extra"].iloc[0]
    if pd.isna(total) or not total:
        return []
    rows = table.semi_join(several, keys).select(*keys, "_file", "_row")
    rows = rows.order_by([*keys, "_file", "_row"]).limit(100 * SHOWN).to_pandas()
    again = rows[rows.duplicated(keys)].sort_values(["_file", "_row"]).head(SHOWN)
    named, remedy = ", ".join(keys), "keep one row for each, or map what tells them apart"
    return [
        Problem(file, int(row), named, "the same key stands in an earlier row", remedy, int(total))
        for file, row in zip(again["_file"], again["_row"], strict=True)
    ]


def _unit_problems(
    reading: Reading, config: HouseholdConfig, administrative: Administrative
) -> list[Problem]:
    psu, strata = design_columns(reading, config)
    code = config.columns.get("code", "")
    found = []
    if psu and strata:
        rule, remedy = "the primary unit lies in two strata", "correct it, or name units by more"
        found += _strays(_pairs(reading, psu, strata), psu, rule, f"{remedy} columns")
    if psu and code in reading.table.columns and code not in psu:
        pairs = _pairs(reading, psu, [code])
        known = pairs[pairs[code].isin([*administrative.names])]
        rule = "the primary unit lies in two counties"
        remedy = f"correct it, or name units by the county too: `psu: [{', '.join([code, *psu])}]`"
        found += _strays(known, psu, rule, remedy)
    return found


def _pairs(reading: Reading, psu: list[str], places: list[str]) -> pd.DataFrame:
    keys = list(dict.fromkeys([*psu, *places]))
    return _with_place(reading.table, keys).dropna(subset=keys)


def _strays(pairs: pd.DataFrame, psu: list[str], rule: str, remedy: str) -> list[Problem]:
    """List the rows of units outside the place where most of their rows lie."""
    pairs = pairs.sort_values(["_n", "_place"], ascending=[False, True])
    strays = pairs[pairs.duplicated(psu)].sort_values("_place")
    named, count = ", ".join(psu), int(strays["_n"].sum())
    rows = strays.head(SHOWN).to_dict("records")
    return [Problem(*_place(row), named, rule, remedy, count) for row in rows]


def _design_problems(
    reading: Reading, config: HouseholdConfig, found: list[Problem]
) -> list[Problem]:
    """List what measuring would refuse in columns in which nothing else was found."""
    named = {column for problem in found for column in problem.column.split(", ")}
    faults = [fault for fault in design_faults(reading, config) if fault[0] not in named - {""}]
    return [Problem("", None, *fault) for fault in faults]


def _with_place(table: Any, keys: list[str]) -> pd.DataFrame:
    """Count rows by keys as `_n`, with the first `_place` of each also as `_file` and `_row`."""
    place = table["_file"] + ":" + table["_row"].cast("string").lpad(15, "0")
    frame = table.group_by(keys).aggregate(_n=table.count(), _place=place.min()).to_pandas()
    parts = frame["_place"].str.rsplit(":", n=1)
    return frame.assign(_file=parts.str[0], _row=parts.str[1].astype("int64"))


def _place(row: Mapping[Hashable, Any]) -> tuple[str, int]:
    return str(row["_file"]), int(row["_row"])


def _code_problems(
    reading: Reading, config: HouseholdConfig, administrative: Administrative
) -> list[Problem]:
    code, name = config.columns.get("code", ""), config.columns.get(NAME, "")
    if code not in reading.table.columns:
        return []
    named = [name] if name in reading.table.columns else []
    found = []
    for row in _with_place(reading.table, [code, *named]).dropna(subset=[code]).to_dict("records"):
        given = row.get(name) if named and not pd.isna(row[name]) else None
        place, count = _place(row), int(row["_n"])
        if row[code] not in administrative.names:
            rule, remedy = f"{row[code]} {NO_COUNTY}", administrative.remedy(row[code], given)
            found.append(Problem(*place, code, rule, remedy, count))
        elif given and administrative.disagrees(row[code], given):
            rule = f"{row[code]} is {administrative.names[row[code]]}, the row says {given}"
            remedy = "correct the code or the name, or do not map `name`"
            found.append(Problem(*place, f"{code}, {name}", rule, remedy, count))
    return found
