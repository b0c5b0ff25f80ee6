"""Databases of coding tools, read without ever writing to them.

The file is opened read-only and immutable, so no journal is replayed and no lock is left; only
tables are read, never views or triggers that a stranger may have put in.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from analysis.interviews.archives import file_head, refuse_web_page
from analysis.interviews.corpus import CorpusError

MAGIC = b"SQLite format 3\x00"
MAX_VALUE_BYTES = 64 * 1024**2
LARGEST = 2**53  # whole numbers that a float holds exactly; no text is as long
JOURNALS = ("-wal", "-journal")

Row = dict[str, Any]


class Database:
    """Tables of one open file; `Database.rows` is all that is needed of it."""

    def __init__(self, connection: sqlite3.Connection, shown: str) -> None:
        self._connection = connection
        self._shown = shown
        found = self._all("SELECT name FROM sqlite_master WHERE type = 'table'")
        self.tables = frozenset(str(row["name"]) for row in found)

    def rows(self, table: str, *columns: str) -> list[Row]:
        """Return the rows of a table in the order of their row number.

        Parameters
        ----------
        table : str
        *columns : str
            Read no others (a database of users holds passwords). One that the table lacks is None,
            as its version of the tool did not have it; a table that is not there has no rows.

        Raises
        ------
        CorpusError
            When the file is damaged.
        """
        if table not in self.tables:
            return []
        there = {row["name"] for row in self._all(f'PRAGMA table_info("{table}")')}
        known = [c for c in columns if c in there]
        if not known:
            return []
        selected = ", ".join(f'"{c}"' for c in known)
        found = self._all(f'SELECT {selected} FROM "{table}" ORDER BY rowid')
        return [dict.fromkeys(columns) | row for row in found]

    def count(self, table: str) -> int:
        """Return the number of rows of a table, 0 when it is not there."""
        if table not in self.tables:
            return 0
        return int(self._all(f'SELECT count(*) AS n FROM "{table}"')[0]["n"])

    def _all(self, query: str) -> list[Row]:
        try:
            return [dict(row) for row in self._connection.execute(query)]
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            raise _damaged(self._shown) from error


def _damaged(shown: str) -> CorpusError:
    return CorpusError(f"{shown}: the database is damaged or no text: copy or export it again")


@contextlib.contextmanager
def open_database(path: Path) -> Iterator[Database]:
    """Yield the database in a file.

    Raises
    ------
    CorpusError
        When it is a web page, no SQLite database, damaged, or was left open by its tool.
    """
    head = file_head(path)
    refuse_web_page(path, head)
    if not head.startswith(MAGIC):
        raise CorpusError(f"{path.name}: is no SQLite database, as its kind of file is")
    pending = [n for n in (path.name + j for j in JOURNALS) if _has_content(path.with_name(n))]
    if pending:
        raise CorpusError(
            f"{path.name}: {pending[0]} beside it holds changes that are not in it yet: close the "
            "tool that has it open, then copy it"
        )
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.row_factory = sqlite3.Row
            yield Database(connection, path.name)
    except sqlite3.Error as error:
        raise _damaged(path.name) from error


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def as_text(value: object) -> str:
    """Return the text of a cell; SQLite does not hold columns to their types."""
    return "" if value is None or isinstance(value, bytes) else str(value)


def as_integer(value: object, shown: str) -> int:
    """Return the whole number in a cell that `shown` describes.

    Raises
    ------
    CorpusError
        When it holds none.
    """
    try:
        number = value if isinstance(value, int) else int(as_text(value))
    except ValueError:
        number = LARGEST + 1
    if abs(number) > LARGEST:
        raise CorpusError(f"{shown}: expected a whole number")
    return number
