"""Which type a study gives each column, and how cells come to have it.

A cell that does not fit becomes missing and is a fault, which `analysis.households.checking` lists;
no cell is guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.households.config import HouseholdConfig
from analysis.households.conversion import PROVENANCE

NUMBERS = ("weight", "persons", "fpc", "income")
TRUE = ("1", "true", "t", "yes", "y", "是")
FALSE = ("0", "false", "f", "no", "n", "否")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
DECIMAL = re.compile(r"-?\d+\.\d*")
TRAILING = re.compile(r"\.?0*$")
RULES = {
    "number": "is no number",
    "whole": "is no whole number",
    "truth": "is neither true nor false",
    "label": "has no label",
}


def wanted_kinds(config: HouseholdConfig) -> dict[str, str]:
    """Return the kind that a study needs: `text`, `number`, `whole`, `truth` or `label`, by column.

    Numbers: weight, persons, correction, income, indicators compared with numbers. Whole: year.
    Text: code, and indicators compared with texts. Columns that name groups stay as they are.
    """
    kinds = {}
    for indicator in config.indicators:
        values = indicator.value if indicator.rule == "in" else (indicator.value,)
        kinds[indicator.column] = _value_kind(values)
    named = {"code": "text", "year": "whole", **dict.fromkeys(NUMBERS, "number")}
    kinds |= {config.columns[c]: kind for c, kind in named.items() if c in config.columns}
    return kinds | {str(column): "label" for column in config.carried.get("labels") or {}}


def common_kinds(config: HouseholdConfig, tables: Sequence[Any]) -> dict[str, str]:
    """Return the kinds that a study needs, and `text` for columns whose type differs by file."""
    kinds, schemas = wanted_kinds(config), [table.schema() for table in tables]
    for name in dict.fromkeys(name for schema in schemas for name in schema):
        types = {schema[name] for schema in schemas if name in schema}
        if len(types) > 1 and name not in kinds:
            kinds[name] = "text"
    return kinds


def typed_columns(
    table: Any, types: Mapping[str, Any], kinds: Mapping[str, str], labels: Mapping[str, Any]
) -> Any:
    """Give the columns of files of one shape their types.

    Parameters
    ----------
    table : ibis table
    types : mapping
        Type of every column wanted that has no kind; those it does not have are missing in each
        row.
    kinds : mapping
        As `common_kinds`.
    labels : mapping
        Column -> value as text -> label.

    Returns
    -------
    ibis table
        The columns of `types`, then `_fault_<i>` and `_cell_<i>` for the i-th that has a kind.
    """
    import ibis

    values, checks = {}, {}
    for i, name in enumerate(name for name in types if name in kinds):
        kind = kinds[name]
        cell = _as_text(table[name]) if name in table.columns else ibis.null("string")
        column = table[name] if name in table.columns else cell
        values[name] = _typed(column, cell, kind, labels.get(name, {}))
        checks[f"_fault_{i}"] = cell.notnull() & values[name].isnull()
        checks[f"_cell_{i}"] = cell
    for name, kind in types.items():
        if name not in kinds:
            values[name] = table[name] if name in table.columns else ibis.null(kind)
    return table.select(**{name: values[name] for name in types}, **checks)


def without_declared(table: Any, declared: Sequence[str]) -> Any:
    """Make the cells that a study declares missing missing, whatever the kind of file.

    Parameters
    ----------
    table : ibis table
    declared : sequence of str
        Cells; numbers are compared as numbers: `-9` is also -9.0, as a text too. A text of digits
        that begins with 0 is no number (007 is not 7).

    Returns
    -------
    ibis table
        With the same columns.
    """
    import ibis

    if not declared:
        return table
    texts = sorted({_plain(cell.strip()) for cell in declared})
    numbers = [float(text) for text in texts if NUMBER.fullmatch(text)]
    found = {}
    for name in table.columns:
        column, kind = table[name], table[name].type()
        if name in PROVENANCE or not (kind.is_string() or (kind.is_numeric() and numbers)):
            continue
        absent = _plain_cell(column).isin(texts) if kind.is_string() else column.isin(numbers)
        found[name] = absent.fill_null(False).ifelse(ibis.null(kind), column)
    return table.mutate(**found)


def _plain(text: str) -> str:
    """Return a number without zeros after its point, another text as it is."""
    return TRAILING.sub("", text, count=1) if DECIMAL.fullmatch(text) else text


def _plain_cell(column: Any) -> Any:
    cell = column.strip()
    decimal = cell.re_search(f"^{DECIMAL.pattern}$")
    return decimal.ifelse(cell.re_replace(TRAILING.pattern, ""), cell)


def _value_kind(values: Sequence[Any]) -> str:
    if all(isinstance(value, str) for value in values):
        return "text"
    return "truth" if all(isinstance(value, bool) for value in values) else "number"


def _as_text(column: Any) -> Any:
    """Return cells as text: trimmed, empty ones missing, whole numbers without a point."""
    import ibis

    kind = column.type()
    if kind.is_string():
        return column.strip().nullif("")
    if kind.is_floating():
        whole = column.try_cast("int64")
        exact = (column == whole.cast("float64")).fill_null(False)
        text = exact.ifelse(whole.cast("string"), column.cast("string"))
        return column.isnan().ifelse(ibis.null("string"), text)
    return column.cast("string")


def _typed(column: Any, cell: Any, kind: str, labels: Mapping[str, str]) -> Any:
    import ibis

    if kind == "text":
        return cell
    if kind == "label":
        if not labels:
            return cell
        return cell.cases(*sorted(labels.items()), else_=ibis.null("string"))
    if kind == "truth":
        low = cell.lower()
        pairs = [(word, True) for word in TRUE] + [(word, False) for word in FALSE]
        return low.cases(*pairs, else_=ibis.null("boolean"))
    if column.type().is_string():
        number = cell.try_cast("float64")
    else:
        number = column.cast("float64") if not column.type().is_temporal() else ibis.null("float64")
    number = (number.isnan() | number.isinf()).ifelse(ibis.null("float64"), number)
    if kind == "number":
        return number
    whole = number.try_cast("int64")
    return (number == whole.cast("float64")).ifelse(whole, ibis.null("int64"))
