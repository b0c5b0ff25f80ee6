"""What is wrong with a study as a whole: values that no row holds, what measuring would refuse.

Each function returns triples of column, rule and remedy.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.households.config import HouseholdConfig
from analysis.households.design_checks import profile_rows, unit_violations
from analysis.households.row_rules import design_columns
from analysis.households.survey_errors import survey_design
from analysis.households.typing_rules import wanted_kinds

if TYPE_CHECKING:
    from analysis.households.reading import Reading

COMPARED = 1000  # values of a column, the most frequent first
Fault = tuple[str, str, str]


def absent_values(reading: Reading, config: HouseholdConfig) -> list[Fault]:
    """List the values of `equal` and `in` that no row holds, with the nearest that some row does.

    Labels that the study or its files define need not occur; neither need true and false. Columns
    that are always missing, or of another type than the value, are left to other rules.
    """
    table, asked = reading.table, _asked(reading, config)
    columns = list(dict.fromkeys(column for column, _ in asked))
    counts = {f"n_{i}": table[column].count() for i, column in enumerate(columns)}
    counts |= {f"v_{i}": (table[c] == value).sum() for i, (c, value) in enumerate(asked)}
    if not asked:
        return []
    held = table.aggregate(**counts).to_pandas().iloc[0].fillna(0).to_dict()
    empty = {column for i, column in enumerate(columns) if not held[f"n_{i}"]}
    absent = [a for i, a in enumerate(asked) if not held[f"v_{i}"] and a[0] not in empty]
    return [
        (column, f"no row holds {value!r}", _remedy(table, column, value))
        for column, value in absent
    ]


def _asked(reading: Reading, config: HouseholdConfig) -> list[tuple[str, Any]]:
    kinds, schema = wanted_kinds(config), reading.table.schema()
    asked = []
    for indicator in config.indicators:
        column = indicator.column
        if indicator.rule not in ("equal", "in") or column not in schema:
            continue
        if kinds[column] == "truth":
            continue
        values = indicator.value if indicator.rule == "in" else (indicator.value,)
        defined = _labels(reading, config, column)
        asked += [
            (column, value)
            for value in values
            if isinstance(value, str) == schema[column].is_string() and value not in defined
        ]
    return list(dict.fromkeys(asked))


def _labels(reading: Reading, config: HouseholdConfig, column: str) -> set[str]:
    given = (config.carried.get("labels") or {}).get(column, {})
    if given == "file":
        return {label for f in reading.files for label in f.value_labels.get(column, {}).values()}
    return {str(label) for label in given.values()}


def _remedy(table: Any, column: str, value: Any) -> str:
    found = table.select(value=table[column]).drop_null()
    found = found.group_by("value").aggregate(n=found.count())
    found = found.order_by([found["n"].desc(), "value"]).limit(COMPARED)
    values = sorted(found.to_pandas()["value"].tolist())
    if isinstance(value, str):
        near = repr(max(values, key=lambda v: difflib.SequenceMatcher(None, value, v).ratio()))
        return f"the nearest that one does is {near}: write that, or leave it out"
    near = f"{min(values, key=lambda v: abs(v - value)):.10g}"
    whether = " (true where 1 and 0 mean yes and no)" if value in (0, 1) else ""
    return f"the nearest that one does is {near}: write that{whether}, or leave it out"


def design_faults(reading: Reading, config: HouseholdConfig) -> list[Fault]:
    """List what measuring would refuse; see `analysis.households.design_checks`."""
    if not reading.accounts["rows"].sum():
        return []
    return [*_profile_faults(reading, config), *_unit_faults(reading, config)]


def _profile_faults(reading: Reading, config: HouseholdConfig) -> list[Fault]:
    return [_parts(text) for text in profile_rows(reading.table, config).violations]


def _parts(text: str) -> Fault:
    rule, _, remedy = text.rpartition(": ")
    column, _, rest = rule.removeprefix("column '").partition("': ")
    return (column, rest, remedy) if rest else ("", rule, remedy)


def _unit_faults(reading: Reading, config: HouseholdConfig) -> list[Fault]:
    table, fpc = reading.table, config.columns.get("fpc")
    psu, strata = design_columns(reading, config)
    psu = psu or _household(reading, config)
    corrected = fpc in table.columns
    if not psu or not (corrected or config.lonely == "fail"):
        return []
    names = {f"psu_{i}": table[column] for i, column in enumerate(psu)}
    names |= {f"stratum_{i}": table[column] for i, column in enumerate(strata)}
    names |= {"population": table[fpc]} if corrected else {}
    units = table.select(**names).drop_null().distinct().to_pandas()
    if units.empty:
        return []
    found = []
    if corrected:
        own = [_parts(text) for text in unit_violations(units, config)]
        found = [fault for fault in own if fault[0] == fpc]
    return found if config.lonely != "fail" else [*found, *_lonely(units, strata)]


def _household(reading: Reading, config: HouseholdConfig) -> list[str]:
    """Return the columns that name a household; none unless `household` is mapped."""
    named = [config.columns[c] for c in ("code", "household") if c in config.columns]
    there = "household" in config.columns and set(named) <= set(reading.table.columns)
    return named if there else []


def _lonely(units: pd.DataFrame, strata: list[str]) -> list[Fault]:
    psu = [name for name in units.columns if name.startswith("psu_")]
    keys = [name for name in units.columns if name.startswith("stratum_")]
    units = units.sort_values([*keys, *psu]).drop_duplicates([*keys, *psu], ignore_index=True)
    grouped = units.groupby(keys) if keys else units.groupby(np.zeros(len(units)))
    stratum = np.asarray(grouped.ngroup(), np.int64)
    population = grouped["population"].min().to_numpy() if "population" in units else None
    design = survey_design(stratum, population=population)
    alone = np.flatnonzero((design.sampled == 1) & (design.fraction < 1))
    if not len(alone):
        return []
    first = " ".join(map(str, units.loc[stratum == alone[0], keys].iloc[0])) or "the whole table"
    rule = f"{len(alone)} strata have one primary unit; first: {first}"
    remedy = "merge strata, or choose another rule than `lonely: fail`"
    return [(", ".join(strata), rule, remedy)]
