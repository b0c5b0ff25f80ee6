"""What keeps a table of households from being measured, found before anything is estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.households.config import INCOME_MEASURES, HouseholdConfig
from analysis.households.row_values import (
    LARGEST_INCOME,
    LARGEST_SQUARED,
    LEAST_LINES,
    number,
    row_weight,
    unit_columns,
    unit_keys,
    weight_scale,
)
from analysis.panel_input import raise_violations

SHOWN = 3
Fault = tuple[str, str, Any]
Values = tuple[bool, Any, Any]
"""Of a column: whether each row has one, the least and the greatest (None where no number)."""
NUMERIC = ("weight", "persons", "fpc", "income")


@dataclass(frozen=True)
class Profile:
    """What one pass over the table tells.

    Attributes
    ----------
    rows : int
    largest_weight : float
        Of weight times persons.
    violations : list of str
    wide : bool
        Whether incomes are negative or so large that products with them may exceed 64 bits.
    """

    rows: int
    largest_weight: float
    violations: list[str]
    wide: bool = False


def check_design(table: Any, config: HouseholdConfig) -> None:
    """Check that a table can be measured.

    Parameters
    ----------
    table : ibis table
    config : HouseholdConfig

    Raises
    ------
    ValueError
        One message with every violation: columns that are missing or of the wrong type; weights
        and persons that are missing or not above zero, or vanish beside the largest; missing
        strata, units and corrections; indicators and incomes that are always missing; incomes too
        large to add; negative incomes where inequality is measured; years without a poverty line;
        units in two strata; corrections that differ within a stratum or are smaller than the
        sample.
    """
    profile = profile_rows(table, config)
    found = list(profile.violations)
    if not _column_violations(table, config):
        keys = {f"stratum_{i}": table[column] for i, column in enumerate(config.stratum)}
        keys |= unit_keys(table, config)
        if "fpc" in config.columns:
            keys["population"] = number(table, config.columns["fpc"])
        if config.stratum or "fpc" in config.columns:
            units = table.select(**keys).distinct().to_pandas()
            found += unit_violations(units.sort_values(list(keys), ignore_index=True), config)
    raise_unusable(found)


def raise_unusable(violations: Sequence[str]) -> None:
    """Raise one ValueError with all violations, if there are any."""
    raise_violations("the household table", violations)


def profile_rows(table: Any, config: HouseholdConfig) -> Profile:
    """Count rows, the largest weight and what is wrong, in one pass; see `check_design`."""
    found = _column_violations(table, config)
    if found:
        return Profile(0, 1.0, found)
    needed = _needed(config)
    faults, wide = _possible_faults(table, config)
    values = _profile(table, config, needed, faults)
    if values["rows"] == 0:
        return Profile(0, 1.0, ["the table has no rows: check the files and filters behind it"])
    for i, name in enumerate(needed):
        if values[f"present_{i}"] == 0:
            found.append(f"column '{name}': always missing: map another one or leave it out")
    for i, (column, rule, fault) in enumerate(faults):
        if values[f"fault_{i}"]:
            where = _first_rows(table, config, fault)
            found.append(f"column '{column}': {int(values[f'fault_{i}'])} {rule}; first: {where}")
    least, largest = float(values["least"]), float(values["largest"])
    if 0 < least < largest < float("inf") and least * weight_scale(largest) < 0.5:
        found.append(_vanishing(config, least, largest))
    return Profile(int(values["rows"]), largest, found, wide)


def _vanishing(config: HouseholdConfig, least: float, largest: float) -> str:
    columns = [config.columns[c] for c in ("weight", "persons") if c in config.columns]
    rule = f"the least weight, {least:g}, vanishes beside the largest, {largest:g}"
    return f"column '{' x '.join(columns)}': {rule}: mend the largest, or leave out the least"


def _profile(
    table: Any, config: HouseholdConfig, needed: list[str], faults: list[Fault]
) -> dict[str, Any]:
    """Return rows, least and largest weight, values present in `needed`, rows with a fault."""
    present = {f"present_{i}": table[name] for i, name in enumerate(needed)}
    faulty = {f"fault_{i}": fault.fill_null(False) for i, (_, _, fault) in enumerate(faults)}
    flags = table.select(weight=row_weight(table, config), **present, **faulty)
    counts = {name: flags[name].count() for name in present}
    counts |= {name: flags[name].sum() for name in faulty}
    counts |= {"least": flags["weight"].min(), "largest": flags["weight"].max()}
    return dict(flags.aggregate(rows=flags.count(), **counts).to_pandas().iloc[0])


def unit_violations(units: pd.DataFrame, config: HouseholdConfig) -> list[str]:
    """List units in two strata and corrections that cannot be.

    Parameters
    ----------
    units : DataFrame
        Columns `psu_*`, `stratum_*` and, with a correction, `population`; rows may repeat.
    config : HouseholdConfig
    """
    psu = [name for name in units.columns if name.startswith("psu_")]
    strata = [name for name in units.columns if name.startswith("stratum_")]
    found = []
    named = unit_columns(config)
    if strata and named:
        pairs = units[[*psu, *strata]].drop_duplicates()
        twice = pairs[pairs.duplicated(psu, keep=False)]
        if len(twice):
            number_of_units = len(twice[psu].drop_duplicates())
            what = f"column '{', '.join(named)}': {number_of_units} primary"
            remedy = "a unit lies in one stratum: correct it, or name units by several columns"
            found.append(f"{what} units in two strata; first: {_listed(twice)}: {remedy}")
    if "population" in units.columns:
        found += _correction_violations(units, psu, strata, config)
    return found


def _correction_violations(
    units: pd.DataFrame, psu: list[str], strata: list[str], config: HouseholdConfig
) -> list[str]:
    groups = units.groupby(strata) if strata else units.groupby(lambda _: "the whole table")
    sampled = groups.apply(lambda part: len(part[psu].drop_duplicates()))
    least, most = groups["population"].min(), groups["population"].max()
    column, found = config.columns["fpc"], []
    if (varying := least != most).any():
        rule = f"{int(varying.sum())} strata have more than one value"
        found.append(f"column '{column}': {rule}; first: {varying.idxmax()}: give one to each")
    if (small := (most > 1) & (most < sampled)).any():
        rule = f"{int(small.sum())} strata have more primary units in the sample than it says"
        remedy = "give the number of primary units in the population, or the share sampled"
        found.append(f"column '{column}': {rule}; first: {small.idxmax()}: {remedy}")
    return found


def _column_violations(table: Any, config: HouseholdConfig) -> list[str]:
    found = []
    schema = table.schema()
    for name in config.used_columns:
        if name not in schema:
            found.append(f"column '{name}': not in the table: mend `columns:` or `indicators:`")
    numeric = [config.columns[concept] for concept in NUMERIC if concept in config.columns]
    numeric += [i.column for i in config.indicators if i.rule in ("below", "above")]
    for name in dict.fromkeys(numeric):
        if name in schema and not (schema[name].is_numeric() or schema[name].is_boolean()):
            found.append(f"column '{name}': {schema[name]} is no number: convert it")
    for indicator in config.indicators:
        if indicator.rule in ("equal", "in") and indicator.column in schema:
            found += _value_violations(indicator, schema[indicator.column])
    return found


def _value_violations(indicator: Any, kind: Any) -> list[str]:
    values = indicator.value if indicator.rule == "in" else (indicator.value,)
    wrong = [value for value in values if isinstance(value, str) != kind.is_string()]
    if not wrong:
        return []
    rule = f"compared with {wrong[0]!r}, but its type is {kind}"
    return [f"column '{indicator.column}': {rule}: write the value as the column has it"]


def _needed(config: HouseholdConfig) -> list[str]:
    income = [config.columns["income"]] if "income" in config.columns else []
    return list(dict.fromkeys([*(i.column for i in config.indicators), *income]))


def _possible_faults(table: Any, config: HouseholdConfig) -> tuple[list[Fault], bool]:
    """Return the faults that number, least and greatest of the values do not rule out.

    Files state these, so that for a sound table no row is read. Also whether incomes are wide, see
    `Profile`.
    """
    faults = _row_faults(table, config)
    columns = list(dict.fromkeys(fault[0] for fault, _ in faults))
    known = {f"count_{i}": table[name].count() for i, name in enumerate(columns)}
    for i, name in enumerate(columns):
        if table[name].type().is_numeric():
            known |= {f"least_{i}": table[name].min(), f"most_{i}": table[name].max()}
    found = dict(table.aggregate(rows=table.count(), **known).to_pandas().iloc[0])
    values = {
        name: (
            found[f"count_{i}"] == found["rows"],
            found.get(f"least_{i}"),
            found.get(f"most_{i}"),
        )
        for i, name in enumerate(columns)
    }
    _, least, most = values.get(config.columns.get("income", ""), (True, None, None))
    wide = least is not None and most is not None and not (least >= 0 and most <= LARGEST_SQUARED)
    return [fault for fault, sound in faults if not sound(values[fault[0]])], wide


def _row_faults(
    table: Any, config: HouseholdConfig
) -> list[tuple[Fault, Callable[[Values], bool]]]:
    """Return column, rule and faulty rows, and what of the values rules the fault out."""
    faults: list[tuple[Fault, Callable[[Values], bool]]] = []
    for concept in ("weight", "persons", "fpc"):
        if concept in config.columns:
            value = number(table, config.columns[concept])
            rule = "values missing, infinite or not above zero: give each row one"
            bad = value.isnull() | (value <= 0) | value.isinf()
            faults.append(((config.columns[concept], rule, bad), _all_positive))
    for column in (*config.stratum, *config.psu):
        rule = "values missing: give each row one"
        faults.append(((column, rule, table[column].isnull()), lambda values: bool(values[0])))
    faults += _income_faults(table, config)
    if isinstance(config.poverty_line, Mapping):
        year = table[config.columns["year"]]
        without = ~year.isin([*config.poverty_line])
        rule = "rows of a year without `poverty_line`"
        faults.append(((config.columns["year"], rule, without), lambda _: False))
    return faults


def _income_faults(
    table: Any, config: HouseholdConfig
) -> list[tuple[Fault, Callable[[Values], bool]]]:
    wanted = set(config.measures) & set(INCOME_MEASURES)
    if not wanted:
        return []
    column = config.columns["income"]
    value = number(table, column)
    rule = f"incomes above {LARGEST_INCOME:,}: give them in a larger unit, or mend them"
    large = (column, rule, value > LARGEST_INCOME)
    faults = [(large, lambda v: v[2] is not None and v[2] <= LARGEST_INCOME)]
    if {"gini", "theil"} & wanted:
        rule = "negative incomes: leave gini and theil out of `measures:`, or treat them before"
        faults.append(((column, rule, value < 0), lambda v: v[1] is not None and v[1] >= 0))
    least = _least_income(config)
    rule = f"incomes below {least:,.0f}, too far below zero to be added: mend them"
    faults.append(((column, rule, value < least), lambda v: v[1] is not None and v[1] >= least))
    return faults


def _least_income(config: HouseholdConfig) -> float:
    lines = config.poverty_line
    if not {"FGT0", "FGT1", "FGT2"} & set(config.measures) or lines is None:
        return -float(LARGEST_INCOME)
    lowest = min(lines.values()) if isinstance(lines, Mapping) else lines
    return max(-float(LARGEST_INCOME), LEAST_LINES * lowest)


def _all_positive(values: Values) -> bool:
    full, least, most = values
    return bool(full and least is not None and least > 0 and most < float("inf"))


def _first_rows(table: Any, config: HouseholdConfig, fault: Any) -> str:
    concepts = ("code", "year", "household")
    keys = [config.columns[c] for c in concepts if c in config.columns]
    keys = list(dict.fromkeys([*keys, *config.psu])) or list(table.columns[:3])
    found = table.filter(fault).select(*keys).order_by(keys).limit(SHOWN).to_pandas()
    return _listed(found)


def _listed(frame: pd.DataFrame) -> str:
    rows = frame.head(SHOWN).itertuples(index=False)
    return "; ".join(" ".join(map(str, row)) for row in rows)
