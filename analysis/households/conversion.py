"""Bring the files of a household study to parquet once, with every row accounted for.

Parquet is used where it lies. Other files are converted into the hidden folder `.read` beside
them, which may be deleted at any time; a file that changes is converted again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from analysis.households.config import HouseholdConfig
from analysis.households.csv_blocks import read_blocks
from analysis.households.csv_lines import BrokenLine
from analysis.households.household_files import SourceFile, file_kind, find_files
from analysis.households.ipums import convert_ipums
from analysis.households.statistics_chunks import convert_statistics
from analysis.project import atomic_file, write_text

READ = ".read"
VERSION = 2  # of what is written into it
PROVENANCE = ("_file", "_row")


@dataclass(frozen=True)
class ReadFile:
    """A file that can be queried.

    Attributes
    ----------
    name : str
    parquet : Path
        The file itself, or what it was converted to.
    converted : bool
        Whether `_file`, `_row` and the columns of `partitions` are in the parquet file.
    columns : mapping of str to str
        Type by name, as parquet has it.
    rows : int
        Rows that can be queried.
    broken : tuple of BrokenLine
        Lines that are no rows; with `rows`, every line that is a row or should be one.
    value_labels : mapping
        Variable -> value as text -> label.
    missing : tuple
        Values that the file declares missing: variable, value, label, count.
    partitions : mapping of str to str
    declared : tuple of str
        Cells that the study declares missing.
    """

    name: str
    parquet: Path
    converted: bool
    columns: Mapping[str, str]
    rows: int
    broken: tuple[BrokenLine, ...] = ()
    value_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: tuple[Mapping[str, Any], ...] = ()
    partitions: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] = ()


def read_file(source: SourceFile, folder: Path) -> ReadFile:
    """Make one file ready to be queried, converting it unless that was done before.

    Parameters
    ----------
    source : SourceFile
    folder : Path
        Converted files go into `.read` there.

    Raises
    ------
    ValueError
        When the file cannot be read at all; its name and the remedy are in the message.
    """
    if file_kind(source.path) == "parquet":
        return _parquet_file(source)
    stem = source.name.replace("/", "+")
    target = folder / READ / f"{stem}-{_digest(source)}.parquet"
    record = target.with_suffix(".json")
    if not (target.is_file() and record.is_file()):
        for old in (folder / READ).glob(f"{_escaped(stem)}-{'[0-9a-f]' * 12}.*"):
            old.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as temporary:
            done = _convert(source, folder, temporary)
        write_text(record, json.dumps(done, ensure_ascii=False))
    done = json.loads(record.read_text(encoding="utf-8"))
    return ReadFile(
        name=source.name,
        parquet=target,
        converted=True,
        columns=_schema(source.name, target),
        rows=done["rows"],
        broken=tuple(BrokenLine(**line) for line in done.get("broken", ())),
        value_labels=done.get("value_labels", {}),
        missing=tuple(done.get("missing", ())),
        partitions={} if file_kind(source.path) == "csv" else source.partitions,
        declared=_declared(source),
    )


def _digest(source: SourceFile) -> str:
    paths = [source.path]
    if "codebook" in source.options:
        paths.append(source.path.parent / str(source.options["codebook"]))
    states = [(p.stat().st_size, p.stat().st_mtime_ns) for p in paths if p.exists()]
    options = {key: value for key, value in source.options.items() if key != "missing"}
    what = json.dumps([VERSION, source.name, states, options], sort_keys=True)
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def _escaped(stem: str) -> str:
    return "".join(f"[{c}]" if c in "[*?" else c for c in stem)


def _convert(source: SourceFile, folder: Path, target: Path) -> dict[str, Any]:
    if "codebook" in source.options:
        codebook = source.path.parent / str(source.options["codebook"])
        return convert_ipums(source.path, codebook, target, source.name)
    if file_kind(source.path) == "fixed":
        remedy = "give the DDI of the extract as its `codebook:` in `files:`"
        raise ValueError(f"{source.name}: fixed-width without a codebook: {remedy}")
    if file_kind(source.path) == "statistics":
        return convert_statistics(source.path, target, source.name)
    return convert_csv(source, target)


def convert_csv(source: SourceFile, target: Path) -> dict[str, Any]:
    """Write the rows of a csv file as parquet, all cells as text.

    Returns
    -------
    dict
        rows, and broken: the lines that are no rows.

    Raises
    ------
    ValueError
        When it has no usable headings.
    """
    import pyarrow as pa
    from pyarrow import parquet

    options: dict[str, Any] = {k: source.options.get(k) for k in ("encoding", "delimiter")}
    rows, broken, writer = 0, [], None
    try:
        for block in read_blocks(source.path, **options):
            if clash := set(block.table.column_names) & set(PROVENANCE):
                raise ValueError(f"{source.name}: rename the column {min(clash)}, it is added here")
            count = block.table.num_rows
            columns = {"_file": pa.array([source.name] * count, pa.string())}
            columns |= {"_row": pa.array(block.lines, pa.int64())}
            columns |= dict(zip(block.table.column_names, block.table.columns, strict=True))
            columns |= {k: pa.array([v] * count, pa.string()) for k, v in source.partitions.items()}
            table = pa.table(columns)
            writer = writer or parquet.ParquetWriter(target, table.schema, compression="zstd")
            writer.write_table(table)
            rows += count
            broken += [asdict(line) for line in block.broken]
    except EOFError as error:
        raise ValueError(f"{source.name}: cut off: {error}: download it again") from error
    finally:
        if writer is not None:
            writer.close()
    return {"rows": rows, "broken": broken}


def _parquet_file(source: SourceFile) -> ReadFile:
    from pyarrow import parquet

    columns = _schema(source.name, source.path)
    if clash := set(columns) & set(PROVENANCE):
        raise ValueError(f"{source.name}: rename the column {min(clash)}, it is added here")
    rows = parquet.read_metadata(source.path).num_rows
    columns = {**columns, **dict.fromkeys(source.partitions, "string")}
    return ReadFile(
        source.name, source.path, False, columns, rows,
        partitions=source.partitions, declared=_declared(source),
    )  # fmt: skip


def _declared(source: SourceFile) -> tuple[str, ...]:
    return tuple(source.options.get("missing", ()))


def _schema(name: str, path: Path) -> dict[str, str]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{name}: no readable parquet file ({error}): write it again") from error
    return {field.name: str(field.type) for field in schema}


def read_all(folder: Path, config: HouseholdConfig) -> tuple[list[ReadFile], list[str]]:
    """Find and read the files of a study.

    Returns
    -------
    tuple
        The files that can be queried, and what is wrong with `files:` and the others.
    """
    sources, problems = find_files(folder, config)
    base = folder if folder.is_dir() else folder.parent
    files = []
    for source in sources:
        try:
            files.append(read_file(source, base))
        except (ValueError, OSError) as error:
            problems.append(str(error))
    return files, problems
