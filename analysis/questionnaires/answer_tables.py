"""Spreadsheets of answers as text: csv in any usual encoding, and workbooks.

Nothing is typed here: every cell is the text that the file shows, a formula is its own text and is
never computed, and row numbers are those of the spreadsheet, the first row being 1.
"""

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from analysis.interviews.archives import file_head, open_archive, refuse_web_page, xml_text
from analysis.interviews.corpus import CorpusError
from analysis.project import bullet_list

DELIMITERS = ",;\t"
MAX_CELL_CHARACTERS = 10_000_000
WORKBOOK_FAULTS = (
    InvalidFileException,
    zipfile.BadZipFile,
    OSError,
    RuntimeError,
    SyntaxError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
)  # what openpyxl raises over a damaged workbook; parsers of XML raise a SyntaxError


@dataclass(frozen=True)
class AnswerTable:
    """One sheet or csv file.

    Attributes
    ----------
    file : name of the file, with the sheet in brackets where it is a workbook
    name : name of the sheet; of a csv file, what its name has after that of the main file
    header : the cells of the first row that holds anything
    rows : (row number, cells), as many cells as the header; rows without any text are left out
    """

    file: str
    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def records(self) -> list[tuple[int, dict[str, str]]]:
        """Return (row number, cell by heading), where headings are repeated the last one."""
        return [(number, dict(zip(self.header, cells, strict=True))) for number, cells in self.rows]


def read_tables(path: Path) -> list[AnswerTable]:
    """Read a workbook, or a csv file and those beside it that its name begins.

    Of `answers.csv` the file `answers-household.csv` is the table `household`, as ODK Central
    writes repeats; of a workbook every sheet is a table, as Kobo writes them.

    Parameters
    ----------
    path : `.csv` (UTF-8 with or without a mark, UTF-16 with one, or GB18030; separated by comma,
        semicolon or tab) or `.xlsx`

    Returns
    -------
    list of AnswerTable, the main one first

    Raises
    ------
    CorpusError
        When a file cannot be read, is a web page, is damaged, has no header or has rows longer
        than it.
    """
    suffix = path.suffix.lower()
    refuse_web_page(path, file_head(path))
    if suffix in {".csv", ".tsv", ".txt"}:
        beside = sorted(
            other
            for other in path.parent.glob(f"*{path.suffix}")
            if re.match(re.escape(path.stem) + r"[-_.]", other.stem)
        )
        names = ["", *(other.stem[len(path.stem) + 1 :] for other in beside)]
        return [
            _table(file.name, name, _csv_rows(file))
            for file, name in zip([path, *beside], names, strict=True)
        ]
    if suffix in {".xlsx", ".xlsm"}:
        sheets = read_sheets(path)
        filled = {name: rows for name, rows in sheets.items() if any(any(r) for _, r in rows)}
        if not filled:
            raise CorpusError(f"{path.name}: no sheet holds anything: export the answers again")
        return [_table(f"{path.name}[{n}]", n, rows) for n, rows in filled.items()]
    raise CorpusError(
        f"{path.name}: answers are read from .csv and .xlsx; save an .xls or .ods file as .xlsx, "
        "unpack a .zip file first"
    )


def read_sheets(path: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """Return the rows of every sheet of a workbook as (row number, cells).

    Raises
    ------
    CorpusError
        When the file is no safe archive or no workbook.
    """
    archive = open_archive(path)
    for member in archive.names:
        if member.lower().endswith((".xml", ".rels")):
            xml_text(archive.read(member), f"{path.name}: {member}")  # refuses a document type
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=False)
        sheets = {sheet.title: _sheet_rows(sheet) for sheet in book.worksheets}
        book.close()
    except WORKBOOK_FAULTS as error:
        raise CorpusError(
            f"{path.name}: is no workbook or is damaged ({type(error).__name__}): open it in a "
            "spreadsheet program and save it as .xlsx"
        ) from None
    return sheets


def _sheet_rows(sheet: Any) -> list[tuple[int, list[str]]]:
    if hasattr(sheet, "reset_dimensions"):
        sheet.reset_dimensions()  # some writers declare a wrong extent
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    return [(number, [cell_text(value) for value in row]) for number, row in rows]


def cell_text(value: Any) -> str:
    """Return the text of a cell: whole numbers without a point, dates as in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return str(value).strip()


def decode_text(path: Path) -> str:
    """Return the text of a file by its byte order mark, else as UTF-8, else as GB18030.

    Raises
    ------
    CorpusError
        With the position of the first byte that fits neither.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from error
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            position = error.start
    raise CorpusError(
        f"{path.name}: byte {position} fits neither UTF-8, UTF-16 nor GB18030: save it as UTF-8"
    )


def _csv_rows(path: Path) -> list[tuple[int, list[str]]]:
    text = decode_text(path)
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    head = re.sub(r'"[^"]*"', "", text[:100_000]).lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [(n, [cell.strip() for cell in row]) for n, row in enumerate(reader, start=1)]
    except csv.Error as error:
        raise CorpusError(
            f"{path.name}: line {reader.line_num} is no csv ({error}): a quotation mark is not "
            "closed or stands alone; export the file again"
        ) from None


def _table(file: str, name: str, rows: Iterable[tuple[int, list[str]]]) -> AnswerTable:
    filled = [(number, cells) for number, cells in rows if any(cells)]
    if not filled:
        raise CorpusError(f"{file}: has no header: export the answers again")
    (_, first), *rest = filled
    width = max(k for k, cell in enumerate(first, start=1) if cell)
    long = [
        f"row {number} has {len(cells)} cells, the header {width}"
        for number, cells in rest
        if any(cells[width:])
    ]
    if long:
        raise CorpusError(
            bullet_list(f"{file}: text with the separator in it is not quoted, or the header "
                        "lacks a heading; mend the file or export it again:", long)
        )  # fmt: skip
    padded = tuple((n, tuple((cells + [""] * width)[:width])) for n, cells in rest)
    return AnswerTable(file, name, tuple(first[:width]), padded)
