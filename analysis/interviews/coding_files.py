"""Coding files of any tool but REFI-QDA: which it is, and its reader.

The content decides between databases, the header between tables; the name of a file only says
which of the two it is.
"""

from pathlib import Path

import pandas as pd

from analysis.interviews import qualcoder, taguette
from analysis.interviews.coding_tables import (
    is_codebook_table,
    is_coding_table,
    read_codebook_table,
    read_coding_table,
)
from analysis.interviews.corpus import Corpus, CorpusError
from analysis.interviews.qualcoder import read_qualcoder
from analysis.interviews.sqlite_files import open_database
from analysis.interviews.taguette import read_taguette
from analysis.interviews.text_sheets import read_sheet

DATABASES = (".qda", ".sqlite3", ".sqlite")
TABLES = (".csv", ".xlsx")


def is_coding_file(path: Path) -> bool:
    """Whether a table is one of codings or codes; False for a table of anything else.

    Raises
    ------
    CorpusError
        When the table cannot be read.
    """
    sheet = read_sheet(path)
    return is_coding_table(sheet) or is_codebook_table(sheet)


def read_coding_file(path: Path, documents: pd.DataFrame) -> Corpus:
    """Return the corpus in a coding file.

    Parameters
    ----------
    path : Path
        QualCoder project (`data.qda`, or the folder `<name>.qda` around it), Taguette database
        (`.sqlite3`), table of codings or of codes (`.csv`, `.xlsx`; also Taguette's exports).
    documents : DataFrame
        doc_id, name, text, source_file of the transcripts that a table is about; databases hold
        their own.

    Raises
    ------
    CorpusError
        When the file is none of these, damaged or hostile, or as its reader says.
    """
    suffix = path.suffix.casefold()
    if suffix in DATABASES:
        return _read_database(path)
    if suffix not in TABLES:
        raise CorpusError(f"{path.name}: is no coding file ({', '.join((*DATABASES, *TABLES))})")
    if is_codebook_table(read_sheet(path)):
        return read_codebook_table(path)
    return read_coding_table(path, documents)


def _read_database(path: Path) -> Corpus:
    inner = path / qualcoder.DATABASE if path.is_dir() else path
    with open_database(inner) as database:
        known = [qualcoder.is_project(database), taguette.is_project(database)]
    if not any(known):
        raise CorpusError(f"{path.name}: is a database, but neither of QualCoder nor of Taguette")
    return read_qualcoder(path) if known[0] else read_taguette(path)
