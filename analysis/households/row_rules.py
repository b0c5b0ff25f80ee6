"""Rules that each row of a household study must keep, as expressions for the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.households.config import HouseholdConfig
from analysis.households.typing_rules import RULES, wanted_kinds

if TYPE_CHECKING:
    from analysis.households.reading import Reading

YEARS = (1949, 2100)
MOST_PERSONS = 50
REMEDIES = {
    "number": "write a plain number, or declare the cell under `missing` of its file",
    "whole": "write four digits",
    "truth": "write 1 and 0, or true and false",
    "label": "add the value under `labels:`, or declare it under `missing` of its file",
}


@dataclass(frozen=True)
class RowRule:
    """A rule about one column.

    Attributes
    ----------
    column, rule, remedy : str
    broken : ibis expression
        Boolean, of the table `Reading.checked`.
    cell : ibis expression
        The cell as text.
    """

    column: str
    rule: str
    remedy: str
    broken: Any
    cell: Any

    def says(self, cell: Any) -> str:
        """Return the rule with the cell that breaks it, if there is one."""
        return f"'{cell}' {self.rule}" if isinstance(cell, str) else self.rule


def row_rules(reading: Reading, config: HouseholdConfig) -> list[RowRule]:
    """Return the rules for the columns that are there.

    Parameters
    ----------
    reading : Reading
    config : HouseholdConfig

    Returns
    -------
    list of RowRule
        Types; codes, years, households, strata, units, weights, persons and corrections that are
        missing; weights, persons and corrections that are not above zero; years and persons out
        of range; negative incomes where inequality is measured; years without a poverty line.
    """
    table, kinds, rules = reading.checked, wanted_kinds(config), []
    cells, faults = {}, {}
    for i, column in enumerate(reading.typed):
        cells[column], faults[column] = table[f"_cell_{i}"], table[f"_fault_{i}"]
        if (kind := kinds.get(column)) in RULES:
            rule = RowRule(column, RULES[kind], REMEDIES[kind], faults[column], cells[column])
            rules.append(rule)
    for column in _required(reading, config):
        absent = table[column].isnull()
        if column in faults:
            absent = absent & ~faults[column]
        cell = table[column].cast("string")
        rules.append(RowRule(column, "has no value", "give each row one", absent, cell))
    return rules + _ranges(reading, config)


def key_columns(reading: Reading, config: HouseholdConfig) -> list[str]:
    """Return the columns that together name a row; none unless `household` is mapped."""
    concepts = ("code", "household", "person", "year")
    named = [config.columns[c] for c in concepts if c in config.columns]
    there = "household" in config.columns and set(named) <= set(reading.table.columns)
    return list(dict.fromkeys([*named, *design_columns(reading, config)[0]])) if there else []


def design_columns(reading: Reading, config: HouseholdConfig) -> tuple[list[str], list[str]]:
    """Return the columns of primary units and of strata, each only if all are there."""
    known = set(reading.table.columns)
    psu = list(config.psu) if set(config.psu) <= known else []
    return psu, list(config.stratum) if set(config.stratum) <= known else []


def _required(reading: Reading, config: HouseholdConfig) -> list[str]:
    concepts = ("code", "year", "household", "weight", "persons", "fpc")
    named = [config.columns[c] for c in concepts if c in config.columns]
    known = reading.table.columns
    return [c for c in dict.fromkeys([*named, *config.stratum, *config.psu]) if c in known]


def _ranges(reading: Reading, config: HouseholdConfig) -> list[RowRule]:
    table, rules = reading.checked, []

    def add(concept: str, rule: str, remedy: str, broken: Any) -> None:
        column = config.columns.get(concept, "")
        if column in table.columns:
            cell = table[f"_cell_{reading.typed.index(column)}"]
            rules.append(RowRule(column, rule, remedy, broken(table[column]), cell))

    for concept in ("weight", "persons", "fpc"):
        add(concept, "is not above zero", "give each row a number above zero", lambda x: x <= 0)
    low, high = YEARS
    add("year", f"lies outside {low}-{high}", "correct it", lambda x: (x < low) | (x > high))
    rule = f"is above {MOST_PERSONS}"
    add("persons", rule, "give the members of the household", lambda x: x > MOST_PERSONS)
    if {"gini", "theil"} & set(config.measures):
        remedy = "leave gini and theil out of `measures:`, or treat negative incomes before"
        add("income", "is negative", remedy, lambda x: x < 0)
    if isinstance(config.poverty_line, Mapping):
        lines = [*config.poverty_line]
        remedy = "add a line for the year"
        add("year", "has no `poverty_line`", remedy, lambda x: x.notin(lines))
    return rules
