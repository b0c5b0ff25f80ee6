"""Files of a household study, as a folder and the `files:` of its configuration name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.households.config import HouseholdConfig
from analysis.parameters import nearest

KINDS = {
    "csv": (".csv", ".csv.gz", ".tsv", ".txt"),
    "statistics": (".dta", ".sav", ".zsav"),
    "parquet": (".parquet", ".pq"),
    "fixed": (".dat", ".dat.gz"),
}
ENCODINGS = ("utf-8", "gb18030", "mixed")
OPTIONS = ("path", "encoding", "delimiter", "missing", "codebook")


@dataclass(frozen=True)
class SourceFile:
    """A file as the study names it.

    Attributes
    ----------
    name : str
        Path below the folder.
    path : Path
    options : mapping
        `encoding`, `delimiter`, `missing`, `codebook`, as given.
    partitions : mapping of str to str
        Columns that the names of folders give, `year=2021`.
    """

    name: str
    path: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    partitions: Mapping[str, str] = field(default_factory=dict)


def find_files(folder: Path, config: HouseholdConfig) -> tuple[list[SourceFile], list[str]]:
    """Find the files of a study.

    Parameters
    ----------
    folder : Path
        A folder, or one file.
    config : HouseholdConfig
        `files:` is a pattern or a list of patterns below the folder (`wave_*.csv`), each a text
        or a mapping of `path` and options: `encoding` (utf-8, gb18030, mixed), `delimiter`,
        `missing` (cells that mean missing, in files of every kind), `codebook` (DDI of an IPUMS
        extract). Unless given, every csv, parquet, Stata and SPSS file below the folder.

    Returns
    -------
    tuple
        Files, sorted by name, and what is wrong with `files:`.
    """
    if not folder.exists():
        return [], [f"{folder}: no such file or folder: mend the path"]
    if folder.is_file():
        return [SourceFile(folder.name, folder, options_of(folder, config))], []
    entries, problems = _entries(config)
    found: dict[str, SourceFile] = {}
    for entry in entries:
        matches = [p for p in sorted(folder.glob(entry["path"])) if _is_data(folder, p)]
        inside = [q for p in matches if p.is_dir() for q in sorted(p.rglob("*"))]
        files = [p for p in [*matches, *inside] if p.is_file() and _is_data(folder, p)]
        readable = [p for p in files if file_kind(p)]
        if not readable:
            remedy = "put csv, parquet, dta, sav or an IPUMS extract there, or mend `files:`"
            problems.append(f"files {entry['path']!r}: nothing to read in {folder}: {remedy}")
        for path in readable:
            name = path.relative_to(folder).as_posix()
            options = {k: v for k, v in entry.items() if k != "path"}
            found.setdefault(name, SourceFile(name, path, options, _partitions(name)))
    return [found[name] for name in sorted(found)], problems


def options_of(file: Path, config: HouseholdConfig) -> dict[str, Any]:
    """Return the options of the entry that names a file, or of the only entry there is."""
    entries, _ = _entries(config)
    naming = [e for e in entries if file.match(e["path"])] or entries
    named = naming[0] if len(naming) == 1 or naming is not entries else {}
    return {k: v for k, v in named.items() if k != "path"}


def _entries(config: HouseholdConfig) -> tuple[list[dict[str, Any]], list[str]]:
    given = config.carried.get("files", "**/*")
    entries, problems = [], []
    for number, entry in enumerate(given if isinstance(given, list) else [given], 1):
        entry = {"path": entry} if isinstance(entry, str) else entry
        if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
            problems.append(f"files[{number}]: {entry!r} names no `path`: give a file or pattern")
            continue
        for key in set(entry) - set(OPTIONS):
            known = ", ".join(OPTIONS)
            problems.append(
                f"files[{number}].{key}: unknown{nearest(key, OPTIONS)}: known: {known}"
            )
        if entry.get("encoding") not in (None, *ENCODINGS):
            known = ", ".join(ENCODINGS)
            what = f"{entry['encoding']!r} is unknown"
            problems.append(f"files[{number}].encoding: {what}: choose of {known}")
        missing = entry.get("missing", [])
        missing = missing if isinstance(missing, list) else [missing]
        entries.append({**entry, "missing": [str(value) for value in missing]})
    return entries, sorted(problems)


def _is_data(folder: Path, path: Path) -> bool:
    parts = path.relative_to(folder).parts
    return not any(part.startswith((".", "_")) for part in parts)


def file_kind(path: Path) -> str:
    """Return `csv`, `statistics`, `parquet`, `fixed` or nothing."""
    name = path.name.lower()
    return next((kind for kind, ends in KINDS.items() if name.endswith(ends)), "")


def _partitions(name: str) -> dict[str, str]:
    pairs = [part.split("=", 1) for part in name.split("/")[:-1] if "=" in part]
    return {key: value for key, value in pairs if key and value}
