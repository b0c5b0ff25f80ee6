"""Tables as text: a csv or xlsx file to a header and rows of text cells.

No cell is a number, a date or a live formula here; what a column means is for the reader to say.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl

from analysis.interviews.archives import file_head, open_archive, refuse_web_page, xml_text
from analysis.interviews.corpus import CorpusError
from analysis.interviews.text import decode_text
from analysis.project import bullet_list

MAX_COLUMNS = 64
MAX_ROWS = 1_000_000
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Sheet:
    """Cells of a table as text.

    Attributes
    ----------
    header : list of str
    rows : list of (row number in the file, list of cells as long as the header)
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]


def read_sheet(path: Path) -> Sheet:
    """Return the cells of a csv file (comma, semicolon or tab) or of the first sheet of an xlsx.

    Raises
    ------
    CorpusError
        When the file is a web page, damaged, hostile, in no known encoding, or has a row longer
        than its header.
    """
    reader = _xlsx_rows if path.suffix.casefold() == ".xlsx" else _csv_rows
    found = [(n, cells) for n, cells in enumerate(reader(path), 1) if any(map(str.strip, cells))]
    if not found:
        raise CorpusError(f"{path.name}: the table is empty")
    (_, first), rows = found[0], found[1:]
    header = _trimmed(first)
    width = len(header)
    long = [f"row {n}: {len(_trimmed(cells))} cells" for n, cells in rows
            if len(_trimmed(cells)) > width]  # fmt: skip
    if long:
        raise CorpusError(
            bullet_list(f"{path.name}: rows with more cells than the header has ({width}), "
                        "mostly a comma in a text that is not quoted:", long)
        )  # fmt: skip
    return Sheet(header, [(n, (cells + [""] * width)[:width]) for n, cells in rows])


def _trimmed(cells: list[str]) -> list[str]:
    last = max((k for k, cell in enumerate(cells, 1) if cell.strip()), default=0)
    return cells[:last]


def _csv_rows(path: Path) -> list[list[str]]:
    refuse_web_page(path, file_head(path))
    text, _ = decode_text(path.read_bytes(), path.name)
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise CorpusError(f"{path.name}: is no table with {delimiter!r}: {error}") from None


def _xlsx_rows(path: Path) -> list[list[str]]:
    archive = open_archive(path)
    for name in archive.names:
        if name.endswith((".xml", ".rels")):
            xml_text(archive.read(name), f"{path.name}: {name}")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=False)
        sheet = book.worksheets[0]
        found = sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True)
        rows = [[_cell(value) for value in row] for row in found]
        book.close()
    except Exception as error:  # openpyxl lets any error of its parts through
        raise CorpusError(
            f"{path.name}: is no readable workbook ({type(error).__name__}): save it again as xlsx"
        ) from None
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(getattr(value, "text", value))
