"""Read a csv file of any size in blocks, as text; a row with too few or many cells is set aside."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.households.csv_lines import (
    SHOWN_TEXT,
    BrokenLine,
    Cleaned,
    clean_lines,
    likely_delimiter,
    likely_encoding,
    line_encoding,
    stretches,
)

if TYPE_CHECKING:
    import pyarrow

BLOCK = 16 * 2**20


@dataclass(frozen=True)
class Block:
    """Rows of one stretch of a file.

    Attributes
    ----------
    table : pyarrow.Table
        One text column per heading, missing where a cell is empty.
    lines : ndarray of int64
        Line of the file in which each row begins.
    broken : tuple of BrokenLine
        By line.
    """

    table: pyarrow.Table
    lines: np.ndarray
    broken: tuple[BrokenLine, ...]


def read_blocks(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    size: int = BLOCK,
) -> Iterator[Block]:
    """Read a csv file whose first line has the headings.

    Parameters
    ----------
    path : Path
        `.csv`, or `.csv.gz`.
    encoding : str, optional
        `utf-8`, `gb18030`, or `mixed` to read each line by its own; unless given, the one that
        most lines have in the first stretch with other than ASCII characters.
    delimiter : str, optional
        Unless given, the one of comma, tab, semicolon and bar that the headings have most of.
    size : int
        Bytes read at a time.

    Yields
    ------
    Block
        Rows and broken lines together are all lines but headings, blank lines, and those that
        continue a quoted cell.

    Raises
    ------
    ValueError
        When the file has no usable headings, is empty or is UTF-16.
    """
    header: list[str] = []
    first, rest = 1, b""
    for lines, last in stretches(path, size):
        raw = rest + lines
        if not encoding and not raw.isascii():
            encoding = likely_encoding(raw.split(b"\n"))
        if not header:
            start = raw[: raw.find(b"\n") + 1]
            delimiter = delimiter or likely_delimiter(start)
            header = _header(path.name, start, encoding or "utf-8", delimiter)
            first, raw = 2, raw[len(start) :]
        options: Any = {"encoding": encoding or "utf-8", "delimiter": delimiter}
        cleaned = clean_lines(raw, first, width=len(header), last=last, **options)
        rest = cleaned.rest
        first += raw.count(b"\n") - rest.count(b"\n")
        yield _block(cleaned, header, options["delimiter"])


def _header(name: str, line: bytes, encoding: str, delimiter: str) -> list[str]:
    chosen = line_encoding(line) if encoding == "mixed" else encoding
    try:
        text = line.decode(chosen)
    except (UnicodeDecodeError, LookupError):
        raise ValueError(f"{name}, line 1, headings: not in {encoding}: mend them") from None
    cells = [c.strip() for c in next(csv.reader([text], delimiter=delimiter))]
    faults = [f"column {n} has none" for n, cell in enumerate(cells, 1) if not cell]
    faults += [f"{c!r} stands there {n} times" for c, n in Counter(cells).items() if c and n > 1]
    if faults or not cells:
        what = "; ".join(faults) or "there are none"
        raise ValueError(f"{name}, line 1, headings: {what}: give each column one name")
    return cells


def _block(cleaned: Cleaned, header: list[str], delimiter: str) -> Block:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    wrong: list[Any] = []

    def note(row: Any) -> str:
        wrong.append(row)
        return "skip"

    types = dict.fromkeys(header, pa.string())
    text, broken = cleaned.text, list(cleaned.broken)
    if not text:
        return Block(pa.schema(types).empty_table(), cleaned.begins, tuple(broken))
    table = arrow_csv.read_csv(
        pa.BufferReader(text),
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=len(text) + 1, column_names=header
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, null_values=[""]
        ),
    )
    places = [row.number - 1 for row in wrong]
    for place, row in zip(places, wrong, strict=True):
        rule = f"{row.actual_columns} cells instead of {row.expected_columns}"
        broken.append(BrokenLine(int(cleaned.begins[place]), rule, row.text[:SHOWN_TEXT]))
    found = tuple(sorted(broken, key=lambda entry: entry.line))
    return Block(table, np.delete(cleaned.begins, places), found)
