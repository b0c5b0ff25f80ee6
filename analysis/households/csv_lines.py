"""Lines of a csv file of any size: whole, in one encoding, and those that are no rows set aside.

A stretch is checked as a whole, and line by line only where it has to be: for GB18030, for bytes
of another encoding, for a quotation mark that a line leaves open. A broken line costs itself and
nothing else.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

LONGEST_CELL = 50  # lines; a quotation mark still open after them was never closed
THREE_BYTES = "\u0800"  # Chinese in UTF-8 starts above; GB18030 taken for UTF-8 ends below
MARK = b"\xef\xbb\xbf"
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = (",", "\t", ";", "|")
SHOWN_TEXT = 200
NAMES = {"utf-8": "UTF-8", "gb18030": "GB18030"}
OPEN_QUOTE = "a quotation mark is never closed"
NO_ENCODING = "bytes fit neither UTF-8 nor GB18030"
MIXED = "mixed encodings"
STRAY_RETURN = "a carriage return stands inside the line"

Numbered = list[tuple[int, bytes]]


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no row: its number in the file, counted from 1, why, and how it begins."""

    line: int
    rule: str
    text: str

    @classmethod
    def of(cls, line: int, rule: str, content: bytes) -> BrokenLine:
        """Note a line as it stands in the file."""
        shown = content[:SHOWN_TEXT].decode("utf-8", "backslashreplace").strip()
        return cls(line, rule, shown)


@dataclass(frozen=True)
class Cleaned:
    """Rows of a stretch as UTF-8, and what is none.

    Attributes
    ----------
    text : bytes
        Without blank lines; a row has several lines where a quoted cell has.
    begins : ndarray of int64
        Line in which each row begins.
    broken : list of BrokenLine
    rest : bytes
        Last lines, untouched, where a cell may be closed by lines that follow.
    """

    text: bytes
    begins: np.ndarray
    broken: list[BrokenLine]
    rest: bytes


def stretches(path: Path, size: int) -> Iterator[tuple[bytes, bool]]:
    """Read whole lines, and whether they are the last.

    Parameters
    ----------
    path : Path
        A text file, or one packed as `.gz`.
    size : int
        Bytes read at a time.

    Raises
    ------
    ValueError
        When the file is empty or UTF-16.
    """
    with _opened(path) as file:
        start = file.read(len(MARK))
        if start.startswith(WIDE_MARKS):
            raise ValueError(f"{path.name}: the text is UTF-16: save it as UTF-8")
        rest = start.removeprefix(MARK)
        if not start:
            raise ValueError(f"{path.name}: the file is empty: export it again")
        while read := file.read(size):
            rest += read
            if cut := rest.rfind(b"\n") + 1:
                yield rest[:cut], False
                rest = rest[cut:]
    yield (rest + b"\n" if rest else b""), True


def likely_delimiter(line: bytes) -> str:
    """Return the one of comma, tab, semicolon and bar that a line has most of."""
    text = line.decode("utf-8", "replace")
    return max(DELIMITERS, key=text.count)


def likely_encoding(lines: Sequence[bytes]) -> str | None:
    """Return `utf-8` or `gb18030`, as most lines are; None where all are ASCII."""
    counts = Counter(line_encoding(line) for line in lines)
    if not counts["gb18030"] and not counts["utf-8"]:
        return "utf-8" if counts["either"] else None
    return "gb18030" if counts["gb18030"] > counts["utf-8"] else "utf-8"


def line_encoding(line: bytes) -> str:
    """Return `ascii`, `utf-8`, `gb18030`, `either` or `none`.

    Two bytes of GB18030 may be one character of UTF-8, of those below U+0800; a line with such
    characters alone is `either`.
    """
    if line.isascii():
        return "ascii"
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        try:
            line.decode("gb18030")
        except UnicodeDecodeError:
            return "none"
        return "gb18030"
    return "utf-8" if any(c >= THREE_BYTES for c in text) else "either"


def clean_lines(
    raw: bytes, first: int, *, encoding: str, delimiter: str, width: int, last: bool
) -> Cleaned:
    """Return the rows of a stretch as UTF-8, with what is none.

    Parameters
    ----------
    raw : bytes
        Whole lines.
    first : int
        Number of the first line.
    encoding : str
        `utf-8`, `gb18030`, or `mixed` to read each line by its own.
    delimiter : str
    width : int
        Cells of a row; lines are joined only to a row of so many.
    last : bool
        Whether no line follows, so that a cell still open is never closed.
    """
    wide = encoding == "utf-8" and _is_utf8(raw)
    single = raw.count(b"\r") == raw.count(b"\r\n")
    if wide and single and b'"' not in raw and not _has_blank(raw):
        return Cleaned(raw, np.arange(first, first + raw.count(b"\n"), dtype=np.int64), [], b"")
    lines = raw.split(b"\n")[:-1]
    numbered = list(enumerate(lines, first))
    broken: list[BrokenLine] = []
    if not wide:
        numbered, broken = _transcoded(numbered, encoding)
    if not single:
        stray = [BrokenLine.of(n, STRAY_RETURN, v) for n, v in numbered if b"\r" in v[:-1]]
        numbered = [(n, v) for n, v in numbered if b"\r" not in v[:-1]]
        broken += stray
    rest = b""
    if b'"' in raw:
        numbered, unclosed, open_at = _joined(numbered, delimiter, width, last=last)
        if open_at is not None:
            rest = b"".join(line + b"\n" for line in lines[open_at - first :])
            broken = [entry for entry in broken if entry.line < open_at]
        broken += unclosed
    numbered = [(n, line) for n, line in numbered if line not in (b"", b"\r")]
    begins = np.fromiter((n for n, _ in numbered), dtype=np.int64, count=len(numbered))
    return Cleaned(b"".join(line + b"\n" for _, line in numbered), begins, broken, rest)


def _has_blank(raw: bytes) -> bool:
    return raw.startswith((b"\n", b"\r\n")) or b"\n\n" in raw or b"\n\r\n" in raw


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _transcoded(numbered: Numbered, encoding: str) -> tuple[Numbered, list[BrokenLine]]:
    kept, broken = [], []
    for number, line in numbered:
        own = line_encoding(line)
        if own == "either":
            own = "utf-8" if encoding == "mixed" else encoding
        if own == "ascii" or own == encoding or (encoding == "mixed" and own != "none"):
            kept.append((number, line.decode(own).encode() if own == "gb18030" else line))
        elif own == "none":
            broken.append(BrokenLine.of(number, NO_ENCODING, line))
        else:
            rule = f"{MIXED}: the line is in {NAMES[own]}, the file in {NAMES[encoding]}"
            broken.append(BrokenLine.of(number, rule, line))
    return kept, broken


def _joined(
    numbered: Numbered, delimiter: str, width: int, *, last: bool
) -> tuple[Numbered, list[BrokenLine], int | None]:
    """Join the lines of one quoted cell; a line whose quotation mark nothing closes is broken.

    The line of a cell that may be closed in the next stretch is returned apart.
    """
    kept: Numbered = []
    broken: list[BrokenLine] = []
    place = 0
    while place < len(numbered):
        number, line = numbered[place]
        place += 1
        if line.count(b'"') % 2 and _cells(line, delimiter) is None:
            end = _closing(numbered, place)
            if end is None and not last and len(numbered) - place < LONGEST_CELL:
                return kept, broken, number
            whole = b"\n".join([line, *(v for _, v in numbered[place:end])])
            if end is None or _cells(whole, delimiter) != width:
                broken.append(BrokenLine.of(number, OPEN_QUOTE, line))
                continue
            line, place = whole, end
        kept.append((number, line))
    return kept, broken, None


def _closing(numbered: Numbered, place: int) -> int | None:
    """Return the place after the next line with an odd number of quotation marks."""
    for end in range(place, min(place + LONGEST_CELL, len(numbered))):
        if numbered[end][1].count(b'"') % 2:
            return end + 1
    return None


def _cells(row: bytes, delimiter: str) -> int | None:
    """Return how many cells a row has; None where a quotation mark stays open or more follows."""
    text = io.StringIO(row.decode("utf-8"), newline="")
    try:
        rows = list(csv.reader(text, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return len(rows[0]) if len(rows) == 1 else None
