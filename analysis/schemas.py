"""Contracts of the tables: checked before a table is saved, and the source of its data dictionary.

A file of contracts has one line per column, with type, unit, range, labels and derivation, and one
line per table: `contracts.yml` for counties, `contracts_<subject>.yml` for the other subjects. A
column means what its own file says and, where that says nothing, what `contracts.yml` says. A table
that breaks its contract gives one error that lists every violation; a column that has no contract
cannot be saved. So the dictionary beside a table is never stale.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.project import CONTRACTS, ProjectError, bullet_list

_TYPES = ("int", "float", "str", "bool")
_DICTIONARY = [
    "name", "type", "unit", "minimum", "maximum", "label_en", "label_zh", "source", "derived",
]  # fmt: skip
_REMEDY = "mend the step that makes the value, or the contract in {file} if the rule is wrong"


class ContractError(ProjectError, ValueError):
    """A table that breaks its contract; the message lists every violation."""


def validate(table_name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Check a table against its contract.

    Parameters
    ----------
    table_name
        A table of a file of contracts.
    frame
        The table; its index is ignored.

    Returns
    -------
    A copy sorted by the key, the key columns first and the others in the order of the contract,
    with the types of the contract (int64, or Int64 where values are missing; float64, str, bool).

    Raises
    ------
    ContractError
        One line per violation: table, row key, column, value, rule, remedy.
    """
    table = _table(table_name)
    variables = table["variables"]
    absent = [column for column in table["required"] if column not in frame]
    unknown = [column for column in frame if column not in variables]
    problems = [f"column {c}: required, but missing" for c in absent]
    problems += [f"column {c}: not defined in {table['file']}" for c in unknown]
    key = [column for column in table["key"] if column in frame]
    plain = frame.reset_index(drop=True)
    known = [str(column) for column in plain if column not in unknown]
    of_type = {column: _fits(plain[column], variables[column]["type"]) for column in known}
    problems += [
        f"column {column}: has type {plain[column].dtype}, expected {variables[column]['type']}"
        for column, fits in of_type.items()
        if not fits
    ]
    checked = [column for column, fits in of_type.items() if fits]
    problems += _value_problems(plain, checked, key, table)
    if problems:
        remedy = _REMEDY.format(file=table["file"])
        head = f"table {table_name}: {len(problems)} violation(s); {remedy}"
        raise ContractError(bullet_list(head, [f"{table_name}: {text}" for text in problems]))
    order = [*table["key"], *(c for c in variables if c in known)]
    typed = {c: _typed(plain[c], variables[c]["type"]) for c in dict.fromkeys(order)}
    return pd.DataFrame(typed).sort_values(table["key"], ignore_index=True)


def dictionary(frame: pd.DataFrame, table_name: str) -> pd.DataFrame:
    """The data dictionary of a table.

    Parameters
    ----------
    frame
        A table all of whose columns have a contract.

    Returns
    -------
    One row per column: name, type, unit, minimum, maximum (bounds allowed, not found), label_en,
    label_zh, source, derived; in the order of the table.

    Raises
    ------
    ContractError
        A column has no contract.
    """
    rows = []
    for name in map(str, frame.columns):
        line = variable(name, table_name)
        low, high = line.get("range", (None, None))
        words = [line["en"], line["zh"], line["source"], line["derived"]]
        rows.append([name, line["type"], line.get("unit", ""), low, high, *words])
    return pd.DataFrame(rows, columns=_DICTIONARY)


def label(name: str, lang: str) -> str:
    """The label of a column in English (`en`) or Chinese (`zh`).

    Raises
    ------
    ContractError
        The column has no contract or the language is not one of the two.
    """
    if lang not in ("en", "zh"):
        raise ContractError(f"labels are in en and zh, not in {lang!r}")
    return str(variable(name)[lang])


def unit(name: str) -> str:
    """The unit of a column, empty where it has none."""
    return str(variable(name).get("unit", ""))


def variable(name: str, table_name: str | None = None) -> dict[str, Any]:
    """The contract of a column, of a county table unless another is named.

    Raises
    ------
    ContractError
        The column has no contract.
    """
    file, variables = CONTRACTS[0], _contracts()["variables"]
    if table_name is not None:
        table = _table(table_name)
        file, variables = table["file"], table["variables"]
    try:
        line: dict[str, Any] = variables[name]
    except KeyError:
        raise ContractError(f"column {name!r} is not defined in {file}; add its line") from None
    return line


@lru_cache
def _contracts() -> dict[str, Any]:
    """Return the variables of counties, and all tables, each with its file and its variables."""
    common: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for file in CONTRACTS:
        found = _read_contracts(file, common)
        variables = {**common, **found["variables"]}
        common = common or variables
        for name, line in found["tables"].items():
            tables[name] = {**line, "file": file, "variables": variables}
    return {"variables": common, "tables": tables}


def _read_contracts(file: str, common: dict[str, Any]) -> dict[str, Any]:
    path = Path(__file__).with_name(file)
    try:
        contracts: dict[str, Any] = yaml.load(
            path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
        )
    except yaml.YAMLError as error:
        raise ContractError(f"analysis/{file} is not valid YAML: {error}") from None
    problems = [
        f"variable {name}: lacks {field}"
        for name, line in contracts["variables"].items()
        for field in ("type", "en", "zh", "source", "derived")
        if field not in line
    ]
    problems += [
        f"variable {name}: type {line['type']!r} is not one of {_TYPES}"
        for name, line in contracts["variables"].items()
        if line.get("type") not in _TYPES
    ]
    problems += [
        f"table {name}: column {column} is not defined"
        for name, line in contracts["tables"].items()
        for column in [*line["key"], *line["required"]]
        if column not in contracts["variables"] and column not in common
    ]
    if problems:
        raise ContractError(bullet_list(f"{file} is malformed:", problems))
    return contracts


def _table(name: str) -> dict[str, Any]:
    try:
        line: dict[str, Any] = _contracts()["tables"][name]
    except KeyError:
        known = ", ".join(_contracts()["tables"])
        raise ContractError(f"table {name!r} has no contract; known tables: {known}") from None
    return line


def _value_problems(
    frame: pd.DataFrame, columns: list[str], key: list[str], table: dict[str, Any]
) -> list[str]:
    """Violations of values, found by pandera in one lazy pass."""
    import pandera.pandas as pa
    from pandera.errors import SchemaErrors

    optional, variables = set(table.get("nullable", [])), table["variables"]
    schema = pa.DataFrameSchema(
        {
            column: pa.Column(
                nullable=column in optional or variables[column].get("nullable", True),
                checks=_checks(variables[column]),
            )
            for column in columns
        },
        unique=[column for column in key if column in columns] or None,
    )
    try:
        schema.validate(frame[columns], lazy=True)
    except SchemaErrors as errors:
        return _described(errors.failure_cases, frame, key)
    return []


def _checks(line: dict[str, Any]) -> list[Any]:
    import pandera.pandas as pa

    checks = []
    if "range" in line:
        low, high = line["range"]
        checks.append(pa.Check.in_range(low, high, error=f"lies in {low:g} to {high:g}"))
    if "values" in line:
        checks.append(pa.Check.isin(line["values"], error=f"is one of {line['values']}"))
    if "pattern" in line:
        pattern = f"^(?:{line['pattern']})$"
        checks.append(pa.Check.str_matches(pattern, error=f"has the form {line['pattern']}"))
    return checks


def _described(cases: pd.DataFrame, frame: pd.DataFrame, key: list[str]) -> list[str]:
    texts = []
    for case in cases.to_dict("records"):
        row = frame.loc[case["index"]] if not pd.isna(case["index"]) else None
        if row is None:
            texts.append(f"column {case['column']}: {case['check']} ({case['failure_case']})")
            continue
        where = ", ".join(f"{column} {row[column]}" for column in key) or f"row {case['index']}"
        if case["check"] == "multiple_fields_uniqueness":
            texts.append(f"{where}: the key occurs more than once")
            continue
        rule = "is never missing" if case["check"] == "not_nullable" else case["check"]
        texts.append(f"{where}, column {case['column']}: {case['failure_case']} breaks: {rule}")
    return list(dict.fromkeys(texts))


def _fits(column: pd.Series, kind: str) -> bool:
    """Whether a column has the type of its contract without loss; an empty one has any."""
    if column.empty:
        return True
    types = pd.api.types
    if kind == "bool":
        return bool(types.is_bool_dtype(column))
    if kind == "int":
        whole = types.is_float_dtype(column) and bool((column.dropna() % 1 == 0).all())
        return bool(types.is_integer_dtype(column) or whole)
    if kind == "float":
        numeric = types.is_numeric_dtype(column) and not types.is_bool_dtype(column)
        return bool(numeric or column.isna().all())
    present = column.dropna()
    return bool(types.is_string_dtype(present) or present.map(lambda v: isinstance(v, str)).all())


def _typed(column: pd.Series, kind: str) -> pd.Series:
    if kind == "int":
        return column.astype("Int64" if column.isna().any() else "int64")
    if kind == "float":
        return pd.to_numeric(column).astype("float64")
    return column.astype("bool") if kind == "bool" else column.astype("str")
