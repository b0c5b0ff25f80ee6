"""State of reading one REFI-QDA file: its members, what is lost, what an export kept aside."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import pandas as pd
from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.archives import Archive
from analysis.interviews.corpus import COLUMNS, table
from analysis.interviews.refi_offsets import StoredText

Row = dict[str, Any]

_SCHEME = re.compile(r"([A-Za-z]+):/*(.*)", re.DOTALL)
_INTEGER = re.compile(r"\s*([+-]?\d{1,17})(?:\.0*)?\s*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST = 2**62
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def children(element: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    """Yield the children of these names, whatever their namespace."""
    for child in element if element is not None else ():
        if rs.local_name(child) in names:
            yield child


def child(element: etree._Element | None, name: str) -> etree._Element | None:
    """Return the first child of this name."""
    return next(children(element, name), None)


def reference(element: etree._Element | None) -> str:
    """Return the GUID that a reference points at; codebooks call the attribute differently."""
    if element is None:
        return ""
    return rs.plain_guid(element.get("targetGUID") or element.get("guid"))


def integer(value: str | None) -> int | None:
    """Return an attribute as whole number; None where it is missing or none."""
    match = _INTEGER.fullmatch(value or "")
    return int(match.group(1)) if match else None


def decoded(data: bytes) -> tuple[str, str]:
    """Return a text file as text, and what is wrong with it or the empty text.

    A byte order mark is kept as first character, because offsets may count it.
    """
    marked = [encoding for mark, encoding in _MARKS if data.startswith(mark)]
    tries = marked or [*_wide(data[:4096]), "utf-8", "gb18030"]
    for encoding in tries:
        try:
            return data.decode(encoding), _NATIONAL if encoding == "gb18030" else ""
        except UnicodeDecodeError:
            continue
    return data.decode((marked or ["utf-8"])[0], errors="replace"), _BROKEN


def _wide(head: bytes) -> list[str]:
    """UTF-16 without mark: every second byte of a line end or Latin letter is zero."""
    low, high = head[1::2].count(0), head[::2].count(0)
    return (["utf-16-le"] if low >= high else ["utf-16-be"]) if low + high else []


_BROKEN = "holds bytes that are no text; each is replaced by one sign"
_NATIONAL = "is not UTF-8; read as GB18030"


@dataclass
class Reading:
    """One file while it is read.

    Attributes
    ----------
    file : str
        Name of the file.
    origin : str
        The tool that wrote it, by its own account.
    archive : Archive or None
        Its members; None for a bare XML file.
    member : str
        Member that holds the XML.
    extras : dict
        What an export kept aside, by table and key; see `refi_elements`.
    """

    file: str
    origin: str
    archive: Archive | None = None
    member: str = ""
    extras: dict[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    _members: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        folder = PurePosixPath(self.member).parent.as_posix()
        prefix = "" if folder == "." else f"{folder}/"
        for name in reversed(self.archive.names if self.archive else []):
            if name.startswith(prefix):
                self._members[name.removeprefix(prefix).lower()] = name

    @property
    def is_ours(self) -> bool:
        """Whether this compendium wrote the file."""
        return self.origin == rs.ORIGIN

    def lose(self, element: str, reason: str, count: int = 1) -> None:
        """Count what is not carried over."""
        if count:
            self._lost[element, reason] += count

    def losses(self) -> pd.DataFrame:
        """Return the loss report."""
        return table("losses", [
            {"file": self.file, "element": element, "count": count, "reason": reason}
            for (element, reason), count in self._lost.items()
        ])  # fmt: skip

    def string(self, value: str | None) -> str:
        """Return the text of an element or attribute."""
        return rs.unescape(value or "") if self.is_ours else (value or "")

    def words(self, element: etree._Element | None) -> str:
        r"""Return the text inside an element, line ends as `\n`."""
        text = self.string("".join(element.itertext())) if element is not None else ""
        return text if self.is_ours else text.replace("\r\n", "\n").replace("\r", "\n")

    def name(self, element: etree._Element) -> str:
        """Return the name that an element states."""
        return self.string(element.get("name"))

    def extra(self, kind: str, key: str) -> Any:
        """Return what an export kept aside under a key; None where it kept nothing."""
        kept = self.extras.get(kind)
        return kept.get(key) if isinstance(kept, dict) else None

    def adopt(self, kind: str, key: str, row: Row) -> Row:
        """Return a row with what an export kept aside for it."""
        other = self.extra(kind, key)
        return row | self.typed(kind, other if isinstance(other, dict) else {})

    def typed(self, kind: str, row: Row) -> Row:
        """Return the columns of a row that a table has and that are of its type."""
        types = COLUMNS[kind]
        return {c: v for c, v in row.items() if c in types and _is_of(v, types[c])}

    def load_extras(self, sets: etree._Element | None) -> None:
        """Read what an export kept aside."""
        for element in children(sets, "Set"):
            if element.get("name") != rs.EXTRAS_SET:
                continue
            try:
                found = json.loads(self.words(child(element, "Description")))
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                self.extras = found
            else:
                self.lose("Set", f"{rs.EXTRAS_SET!r}: its description is no longer readable")

    def text_of(self, element: etree._Element, label: str) -> StoredText:
        """Return the text of a source, inline or from a member; empty, and counted, if missing.

        Members are read by exact name below the archive's folder of sources. A path outside the
        file (`relative://`, `absolute://`) is never followed.
        """
        inline = child(element, "PlainTextContent")
        content = "".join(inline.itertext()) if inline is not None else ""
        if content:
            return StoredText.of(self.string(content))
        path = element.get("plainTextPath")
        if not path:
            if inline is None:
                self.lose(label, f"{_no_text(element)} and is kept empty")
            return StoredText("")
        data, problem = self._member(path)
        raw, flaw = "", ""
        if data is not None:
            raw, flaw = (data.decode("utf-8", "replace"), "") if self.is_ours else decoded(data)
        for reason in filter(None, (problem, flaw)):
            self.lose(label, reason)
        return StoredText.of(raw)

    def _member(self, path: str) -> tuple[bytes | None, str]:
        match = _SCHEME.fullmatch(path)
        scheme, name = match.groups() if match else ("internal", path)
        if scheme.lower() != "internal":
            return None, f"its text lies outside the file ({scheme.lower()}://): not followed"
        for known in (name, unquote(name)):
            for place in (f"sources/{known}", known):
                found = self._members.get(place.lower().replace("\\", "/").lstrip("/"))
                if found and self.archive:
                    self.used.add(found)
                    return self.archive.read(found), ""
        return None, "its text is not in the file: it is kept empty"

    def lose_unused_members(self) -> None:
        """Count the members of the archive that no text came from."""
        for name in self.archive.names if self.archive else ():
            if name not in self.used and name != self.member:
                suffix = PurePosixPath(name).suffix.lower() or PurePosixPath(name).name
                self.lose(f"member {suffix}", "of the archive: no text of a source is read from it")


def _no_text(element: etree._Element) -> str:
    rich = element.get("richTextPath")
    return "has only a formatted text" if rich else "has no text"


def _is_of(value: object, kind: str) -> bool:
    if kind == "str":
        return isinstance(value, str) and not _SURROGATE.search(value)
    if kind == "bool":
        return isinstance(value, bool)
    if value is None:
        return kind == "Int64"
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
