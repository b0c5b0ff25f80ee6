"""Stata and SPSS files of any length to parquet, a chunk at a time, in a process of its own.

The parser is a library in C that a damaged file can crash. `convert_statistics` starts this module
once per file; values that the file declares missing become missing and are counted with their
labels, dates become text, and the value labels are returned.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

CHUNK = 100_000
PATIENCE = 6 * 3600.0  # seconds
DATES = re.compile(r"%-?t[cCd]|%-?d|[AEJS]?DATE|D?TIME")  # formats that the parser turns into dates
MODULE = "analysis.households.statistics_chunks"


def convert_statistics(path: Path, target: Path, name: str) -> dict[str, Any]:
    """Write the cases of a file as parquet.

    Parameters
    ----------
    path : Path
        `.dta`, `.sav` or `.zsav`.
    target : Path
        Parquet file: `_file`, `_row` (case, from 1), then the variables: numbers as float64,
        texts, and dates as text in ISO 8601.
    name : str
        What `_file` says.

    Returns
    -------
    dict
        rows; value_labels (variable -> value as text -> label); missing (rows of variable, value,
        label, count of what the file declares missing).

    Raises
    ------
    ValueError
        When the file is damaged or of another kind.
    """
    from analysis.interviews.archives import file_head, refuse_web_page
    from analysis.questionnaires.statistics_files import ENCODINGS, LEGACY_ENCODINGS

    refuse_web_page(path, file_head(path))
    encodings = LEGACY_ENCODINGS if path.suffix.lower() == ".dta" else ENCODINGS
    package = str(Path(__file__).resolve().parents[2])
    searched = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", MODULE, str(path.resolve()), str(target), name, *encodings],
            check=True, capture_output=True, timeout=PATIENCE,
            env={**os.environ, "PYTHONPATH": searched},
        )  # fmt: skip
        return json.loads(done.stdout)
    except (subprocess.SubprocessError, json.JSONDecodeError) as error:
        kind = type(error).__name__
        remedy = "the file is damaged or of another kind; save it again in Stata or SPSS"
        raise ValueError(f"{path.name}: the parser failed over it ({kind}): {remedy}") from None


def write_chunks(path: Path, target: Path, name: str, encodings: list[str]) -> dict[str, Any]:
    """Convert in the first encoding that fits; see `convert_statistics`.

    Raises
    ------
    ValueError
        When none fits.
    """
    from analysis.questionnaires.statistics_reader import FAULTS

    for encoding in encodings:
        try:
            return _written(path, target, name, encoding)
        except FAULTS as error:
            fault = error
    raise ValueError(str(fault))


def _written(path: Path, target: Path, name: str, encoding: str) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import parquet

    meta, rows, declared = None, 0, Counter[tuple[str, str, str]]()
    writer = None
    try:
        for frame, meta in _chunks(path, encoding):
            columns: dict[str, Any] = {
                "_file": pa.array([name] * len(frame), pa.string()),
                "_row": pa.array(range(rows + 1, rows + len(frame) + 1), pa.int64()),
            }
            for variable in meta.column_names:
                values, apart = _without_missing(frame[variable], variable, meta)
                declared.update(apart)
                columns[variable] = _column(values, variable, meta)
            table = pa.table(columns)
            writer = writer or parquet.ParquetWriter(target, table.schema, compression="zstd")
            writer.write_table(table)
            rows += len(frame)
    finally:
        if writer is not None:
            writer.close()
    return {"rows": rows, "value_labels": _labels(meta), "missing": _listed(declared)}


def _chunks(path: Path, encoding: str) -> Iterator[tuple[pd.DataFrame, Any]]:
    """Yield frames of `CHUNK` cases and what the file says of its variables."""
    from analysis.questionnaires.statistics_reader import OWN_ENCODING, READERS

    reader = READERS[path.suffix.lower()]
    chosen = None if encoding == OWN_ENCODING else encoding
    offset = 0
    while True:
        frame, meta = reader(
            str(path), user_missing=True, encoding=chosen, row_offset=offset, row_limit=CHUNK
        )
        if len(frame) or not offset:
            yield frame, meta
        if len(frame) < CHUNK:
            return
        offset += CHUNK


def _without_missing(
    values: pd.Series, variable: str, meta: Any
) -> tuple[pd.Series, Counter[tuple[str, str, str]]]:
    letters = meta.missing_user_values.get(variable, [])
    ranges = meta.missing_ranges.get(variable, [])
    apart = values.isin(letters) if letters else pd.Series(False, index=values.index)
    for entry in ranges:
        low, high = entry["lo"], entry["hi"]
        if isinstance(low, str):
            apart |= values.astype(str).str.rstrip() == low.rstrip()
        else:
            apart |= pd.to_numeric(values, errors="coerce").between(low, high)
    labels = meta.variable_value_labels.get(variable, {})
    counts = values[apart].value_counts()
    found = Counter(
        {(variable, text_of(v), str(labels.get(v, ""))): int(n) for v, n in counts.items()}
    )
    return values.mask(apart) if apart.any() else values, found


def _column(values: pd.Series, variable: str, meta: Any) -> Any:
    import pyarrow as pa

    kind = meta.readstat_variable_types[variable]
    dated = meta.original_variable_types.get(variable) or ""
    if kind == "string" or DATES.match(dated):
        texts = [None if pd.isna(v) or v == "" else text_of(v) for v in values]
        return pa.array(texts, pa.string())
    return pa.array(pd.to_numeric(values).astype("float64"), pa.float64(), from_pandas=True)


def text_of(value: Any) -> str:
    """Return a value as text: whole numbers without a point, dates in ISO 8601."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _labels(meta: Any) -> dict[str, dict[str, str]]:
    found = meta.variable_value_labels if meta else {}
    return {v: {text_of(k): str(label) for k, label in of.items()} for v, of in found.items()}


def _listed(declared: Counter[tuple[str, str, str]]) -> list[dict[str, Any]]:
    return [
        {"variable": variable, "value": value, "label": label, "count": count}
        for (variable, value, label), count in sorted(declared.items())
    ]


if __name__ == "__main__":
    source, parquet_file, shown = sys.argv[1:4]
    answer = write_chunks(Path(source), Path(parquet_file), shown, sys.argv[4:])
    print(json.dumps(answer, ensure_ascii=True))
