"""A user's household files as one Ibis table with the types that the study needs.

Codes, households and dates stay text; what is counted becomes a number; each row keeps the file
and the row it came from (`_file`, `_row`). Nothing is loaded: DuckDB or Spark query the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.households.backends import connect
from analysis.households.config import HouseholdConfig, read_config
from analysis.households.conversion import PROVENANCE, ReadFile, read_all
from analysis.households.household_files import options_of
from analysis.households.typing_rules import common_kinds, typed_columns, without_declared
from analysis.panel_input import raise_violations

CONFIG = "households.yml"


@dataclass(frozen=True)
class Reading:
    """What the files of a study hold.

    Attributes
    ----------
    files : tuple of ReadFile
    problems : tuple of str
        Why others cannot be read.
    table : ibis table or None
        All rows of all files, typed; None where there is no file.
    checked : ibis table or None
        The same with, for each typed column at place i of `typed`, `_fault_<i>` (its cell does not
        fit its type) and `_cell_<i>` (the cell as text).
    typed : tuple of str
        Columns to which the study gives a type or labels.
    """

    files: tuple[ReadFile, ...]
    problems: tuple[str, ...]
    table: Any
    checked: Any
    typed: tuple[str, ...]

    @property
    def accounts(self) -> pd.DataFrame:
        """One row per file: file, lines (rows and broken ones), rows, broken."""
        rows = [(f.name, f.rows + len(f.broken), f.rows, len(f.broken)) for f in self.files]
        return pd.DataFrame(rows, columns=["file", "lines", "rows", "broken"])

    @property
    def broken(self) -> pd.DataFrame:
        """One row per line that is no row: file, line, rule, text."""
        rows = [(f.name, b.line, b.rule, b.text) for f in self.files for b in f.broken]
        return pd.DataFrame(rows, columns=["file", "line", "rule", "text"])

    @property
    def declared_missing(self) -> pd.DataFrame:
        """What Stata and SPSS files declare missing: file, variable, value, label, count."""
        rows = [{"file": f.name, **entry} for f in self.files for entry in f.missing]
        return pd.DataFrame(rows, columns=["file", "variable", "value", "label", "count"])


def open_households(
    folder: Path, config: HouseholdConfig | None = None, *, leave_out_broken: bool = False
) -> Any:
    """Open the files of a study as one table.

    Parameters
    ----------
    folder : Path
        A folder with files (csv, parquet, Stata, SPSS, IPUMS extracts, partitioned folders) or one
        file.
    config : HouseholdConfig, optional
        Unless given, `households.yml` in the folder.
    leave_out_broken : bool
        Go on without the lines of csv files that are no rows, instead of refusing them.

    Returns
    -------
    ibis table
        Every row, columns of all files by name, with `_file` and `_row` (line of a csv file, else
        row from 1).

    Raises
    ------
    ValueError
        One message with every file that cannot be read and every broken line.
    """
    config = config or read_config(folder / CONFIG)
    reading = read_households(folder, config)
    found = list(reading.problems)
    if not leave_out_broken:
        found += [
            f"{row.file}, line {row.line}: {row.rule}: mend the line, or leave it out on purpose"
            for row in reading.broken.itertuples()
        ]
    raise_violations(f"the files in {folder}", found)
    return reading.table


def read_households(folder: Path, config: HouseholdConfig) -> Reading:
    """Read the files of a study, noting what cannot be read.

    Parameters
    ----------
    folder : Path
        A folder or one file.
    config : HouseholdConfig
        `labels:` gives, by column, `value: label` lines, or `file` to use the value labels of
        Stata, SPSS and IPUMS files; such a column becomes text.

    Returns
    -------
    Reading
    """
    files, problems = read_all(folder.resolve(), config)
    if not files:
        return Reading((), tuple(problems), None, None, ())
    base = (folder if folder.is_dir() else folder.parent).resolve()
    connection = connect(config)
    groups = [
        without_declared(_group_table(connection, base, group), group[0].declared)
        for group in _groups(files)
    ]
    labels = [_labels(config, group[0]) for group in _groups(files)]
    types = {name: kind for table in groups for name, kind in table.schema().items()}
    kinds = common_kinds(config, groups)
    typed = tuple(name for name in types if name in kinds)
    parts = [
        typed_columns(table, types, kinds, given)
        for table, given in zip(groups, labels, strict=True)
    ]
    checked = parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]
    return Reading(tuple(files), tuple(problems), checked.select(list(types)), checked, typed)


def remote_households(address: str, config: HouseholdConfig) -> Any:
    """Open parquet files where the backend finds them, typed as the study needs.

    Parameters
    ----------
    address : str
        E.g. `hdfs://` or `s3a://` for Spark. Such files are not checked row by row here.
    config : HouseholdConfig
        `missing` holds if the entry of `files:` is the only one or its pattern fits the address.

    Returns
    -------
    ibis table
        With the columns of the files.
    """
    declared = options_of(Path(address), config).get("missing", ())
    table = without_declared(connect(config).read_parquet(address), declared)
    kinds, types = common_kinds(config, [table]), dict(table.schema().items())
    labels = {k: v for k, v in (config.carried.get("labels") or {}).items() if v != "file"}
    return typed_columns(table, types, kinds, labels).select(list(types))


def profile_households(table: Any) -> pd.DataFrame:
    """Describe each column in one pass, without loading the table.

    Parameters
    ----------
    table : ibis table

    Returns
    -------
    DataFrame
        One row per column: column, type, rows, missing, distinct (estimated to about a
        tenth by HyperLogLog), minimum, maximum (as text).
    """
    columns = [name for name in table.columns if name not in PROVENANCE]
    asked = {"rows": table.count()}
    for i, name in enumerate(columns):
        column = table[name]
        asked |= {f"n_{i}": column.count(), f"distinct_{i}": column.approx_nunique()}
        if not (column.type().is_nested() or column.type().is_binary()):
            asked |= {f"low_{i}": column.min(), f"high_{i}": column.max()}
    found = table.aggregate(**asked).to_pandas().iloc[0].to_dict()
    return pd.DataFrame(
        {
            "column": name,
            "type": str(table[name].type()),
            "rows": int(found["rows"]),
            "missing": int(found["rows"] - found[f"n_{i}"]),
            "distinct": int(found[f"distinct_{i}"]),
            "minimum": _shown(found.get(f"low_{i}")),
            "maximum": _shown(found.get(f"high_{i}")),
        }
        for i, name in enumerate(columns)
    )


def _shown(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _groups(files: list[ReadFile]) -> list[list[ReadFile]]:
    """Put files of one shape together, in the order of their names."""
    groups: dict[str, list[ReadFile]] = {}
    for file in files:
        partitions = sorted(file.partitions.items() if file.converted else file.partitions)
        labels = sorted((k, sorted(v.items())) for k, v in file.value_labels.items())
        kept = (sorted(file.columns.items()), partitions, labels, file.declared)
        shape = repr((file.converted, *kept))
        groups.setdefault(shape, []).append(file)
    return list(groups.values())


def _group_table(connection: Any, folder: Path, files: list[ReadFile]) -> Any:
    first, paths = files[0], [str(file.parquet) for file in files]
    if connection.name == "pyspark":
        return _spark_table(connection, folder, first, paths)
    if first.converted:
        return _with_partitions(connection.read_parquet(paths), first)
    hive = {"hive_partitioning": bool(first.partitions), "hive_types_autocast": False}
    table = connection.read_parquet(paths, filename="_path", file_row_number=True, **hive)
    name, row = table["_path"].substr(len(str(folder)) + 1), table["file_row_number"] + 1
    return table.mutate(_file=name, _row=row).drop("_path", "file_row_number")


def _with_partitions(table: Any, first: ReadFile) -> Any:
    import ibis

    return table.mutate(**{key: ibis.literal(value) for key, value in first.partitions.items()})


def _spark_table(connection: Any, folder: Path, first: ReadFile, paths: list[str]) -> Any:
    import ibis
    from pyspark.sql import SparkSession

    reader = SparkSession.getActiveSession().read
    if not first.converted and first.partitions:
        reader = reader.option("basePath", str(folder))
    name = f"households_{abs(hash(tuple(paths))):x}"
    reader.parquet(*paths).createOrReplaceTempView(name)
    table = connection.table(name)
    if first.converted:
        return _with_partitions(table, first)
    return table.mutate(_file=ibis.literal(""), _row=ibis.literal(0, "int64"))


def _labels(config: HouseholdConfig, file: ReadFile) -> dict[str, Mapping[str, str]]:
    given = config.carried.get("labels") or {}
    return {
        str(column): file.value_labels.get(column, {})
        if of == "file"
        else {str(value): str(label) for value, label in of.items()}
        for column, of in given.items()
    }
