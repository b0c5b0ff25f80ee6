"""REFI-QDA projects (`.qdpx`) and codebooks (`.qdc`) of any tool as a corpus.

The exchange format of NVivo, ATLAS.ti, MAXQDA, QualCoder, Quirkos and others; no two write it
alike. It is read leniently: whatever has a clear meaning is taken, whatever has no place in the
tables is counted in `losses` by element, and only a file that is damaged, hostile or something else
is refused. `schema_problems` judges a file by the official schema.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.corpus import Corpus, CorpusError, check_corpus, table
from analysis.interviews.refi_cases import read_cases
from analysis.interviews.refi_codings import UNKNOWN_CODER, Codings, read_codings
from analysis.interviews.refi_reading import Reading, Row, child, children, reference
from analysis.interviews.refi_remarks import Place, read_links, read_notes
from analysis.interviews.refi_schema import schema_problems
from analysis.interviews.refi_sources import Placed, read_sources

__all__ = ["read_codebook", "read_project", "schema_problems"]

_SEGMENT = ("seg_id", "start", "end", "turn", "speaker")
MAX_DEPTH = 64  # of codes in codes
_COLOR = re.compile(r"#?(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})")  # some put the opacity first
_SHORT_COLOR = re.compile(r"#([0-9A-Fa-f])([0-9A-Fa-f])([0-9A-Fa-f])")
_KNOWN = {
    "Project", "CodeBook", "Users", "User", "Codes", "Code", "Description", "Sets", "Set",
    "MemberCode", "MemberSource", "Variables", "Variable", "VariableValue", "VariableRef",
    "TextValue", "BooleanValue", "IntegerValue", "FloatValue", "DateValue", "DateTimeValue",
    "Cases", "Case", "SourceRef", "SelectionRef", "Sources", "TextSource", "PictureSource",
    "PDFSource", "AudioSource", "VideoSource", "TextDescription", "Representation", "Transcript",
    "SyncPoint", "PlainTextContent", "PlainTextSelection", "TranscriptSelection",
    "PictureSelection", "PDFSelection", "AudioSelection", "VideoSelection", "Coding", "CodeRef",
    "Notes", "Note", "NoteRef", "Links", "Link", "Graphs",
}  # fmt: skip
_REASONS = {
    "Graph": "drawings of networks are not carried over",
    "Vertex": "part of a drawing",
    "Edge": "part of a drawing; a link that it shows is kept as link",
    "MemberNote": "sets of notes are not carried over",
}


def read_project(path: Path) -> Corpus:
    r"""Return a REFI-QDA project as a corpus.

    Identifiers are names, because tools mint new GUIDs at every export: a document has the name of
    its source, a code the names from the root joined by ``/``, a coder the name of the user; a
    repeated name gets ``(2)``. Texts have ``\n`` as line ends and no byte order mark; what the
    offsets of the tool count is found by `refi_offsets.infer_convention`.

    Parameters
    ----------
    path : Path
        `.qdpx`, bare `.qde`, or `.qdc`; the content decides.

    Returns
    -------
    Corpus
        `segments` only where `write_project` wrote the file. A document in several cases has the
        boolean attributes ``case: NAME`` instead of a `case`, one in a set has ``set: NAME``.
        `losses` names every kind of element that was not carried over.

    Raises
    ------
    CorpusError
        When the file is empty, a web page, damaged, hostile, or no REFI-QDA.
    """
    root, archive, member = rs.project_root(path)
    if rs.local_name(root) == "CodeBook":
        return _codebook(root, path)
    reading = Reading(path.name, root.get("origin") or "", archive, member)
    reading.load_extras(child(root, "Sets"))
    return check_corpus(_project(reading, root))


def read_codebook(path: Path) -> Corpus:
    """Return the codes of a REFI-QDA codebook, or of a project, as a corpus without documents.

    Parameters
    ----------
    path : Path
        `.qdc`, or as `read_project`.

    Raises
    ------
    CorpusError
        As `read_project`.
    """
    root, _, _ = rs.project_root(path)
    return _codebook(root, path)


def _codebook(root: etree._Element, path: Path) -> Corpus:
    reading = Reading(path.name, root.get("origin") or "")
    sets = child(root, "Sets")
    reading.load_extras(sets)
    book = root if rs.local_name(root) == "CodeBook" else child(root, "CodeBook")
    codes = _codes(reading, book, sets)
    _lose_unknown(reading, root)
    return check_corpus(Corpus(codes=table("codes", codes.rows), losses=reading.losses()))


def _project(reading: Reading, root: etree._Element) -> Corpus:
    codes = _codes(reading, child(root, "CodeBook"), child(root, "Sets"))
    coders, users = _users(reading, child(root, "Users"))
    cases = {rs.plain_guid(c.get("guid")) for c in children(child(root, "Cases"), "Case")}
    placed = read_sources(reading, child(root, "Sources"))
    codings = read_codings(reading, placed, codes.by_guid, users, cases - {""})
    attributes = read_cases(reading, root, placed, codings)
    places = _places(placed, codes, codings)
    notes, linked = read_notes(reading, root, placed, places, users)
    links = read_links(reading, root, places, codings, linked)
    if any(row["coder_id"] == UNKNOWN_CODER for row in codings.rows):
        coders.setdefault(UNKNOWN_CODER, {"coder_id": UNKNOWN_CODER, "name": ""})
    segments = list(_segments(reading, placed))
    _lose_unknown(reading, root)
    reading.lose_unused_members()
    return Corpus(
        documents=table("documents", [d.row for d in placed.documents]),
        segments=table("segments", segments),
        codes=table("codes", codes.rows),
        coders=table("coders", coders.values()),
        codings=table("codings", codings.rows),
        attributes=table("attributes", attributes),
        notes=table("notes", notes),
        links=table("links", links),
        losses=reading.losses(),
    )


@dataclass(frozen=True)
class _Codes:
    """Rows of `codes`, and code_id by GUID."""

    rows: list[Row]
    by_guid: dict[str, str]


def _codes(reading: Reading, book: etree._Element | None, sets: etree._Element | None) -> _Codes:
    """Return the codes in the order of the file, and their kinds from the sets of codes."""
    columns = _columns_of_codes(reading, sets)
    found = _Codes([], {})
    taken: dict[str, int] = {}
    top = [
        *children(book, "Code"),
        *(c for h in children(book, "Codes") for c in children(h, "Code")),
    ]
    waiting = [(element, "", "", 1) for element in reversed(top)]
    while waiting:
        element, above, parent, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise CorpusError(f"{reading.file}: codes lie more than {MAX_DEPTH} deep: refused")
        path = rs.distinct(rs.path_of(above, reading.name(element)), taken)
        guid = rs.plain_guid(element.get("guid"))
        row = _code(reading, element, path, parent) | columns.get(guid, {})
        row = reading.adopt("codes", path, row)
        found.rows.append(row)
        if guid in found.by_guid:
            reading.lose("Code/@guid", "is that of an earlier code, which keeps the codings")
        found.by_guid.setdefault(guid, row["code_id"])
        below = reversed(list(children(element, "Code")))
        waiting += [(c, path, row["code_id"], depth + 1) for c in below]
    found.by_guid.pop("", None)
    return found


def _code(reading: Reading, element: etree._Element, path: str, parent: str) -> Row:
    return {
        "code_id": path,
        "parent": parent,
        "description": reading.words(child(element, "Description")),
        "color": _color(reading, element.get("color") or ""),
        "is_codable": (element.get("isCodable") or "").strip().lower() not in ("false", "0"),
        **rs.labels_of(reading.name(element)),
    }


def _color(reading: Reading, stated: str) -> str:
    short, full = _SHORT_COLOR.fullmatch(stated.strip()), _COLOR.fullmatch(stated.strip())
    if short:
        return "#" + "".join(2 * digit for digit in short.groups())
    if stated and not full:
        reading.lose("Code/@color", "is no colour of the standard")
    return f"#{full.group(1)}" if full else ""


def _columns_of_codes(reading: Reading, sets: etree._Element | None) -> dict[str, Row]:
    columns: dict[str, Row] = {}
    for element in children(sets, "Set"):
        match = rs.CODE_SET.fullmatch(reading.name(element))
        members = list(children(element, "MemberCode"))
        if not match:
            reading.lose("Set/MemberCode", "sets of codes are not carried over", len(members))
            continue
        for member in members:
            columns.setdefault(reference(member), {}).setdefault(*match.groups())
    return columns


def _users(reading: Reading, users: etree._Element | None) -> tuple[dict[str, Row], dict[str, str]]:
    """Return rows of `coders` by coder_id, and coder_id by GUID."""
    coders: dict[str, Row] = {}
    by_guid: dict[str, str] = {}
    taken: dict[str, int] = {}
    for element in children(users, "User"):
        name = reading.name(element) or reading.string(element.get("id"))
        key = rs.distinct(name or "coder", taken)
        row = reading.adopt("coders", key, {"coder_id": key, "name": name})
        coders[row["coder_id"]] = row
        by_guid.setdefault(rs.plain_guid(element.get("guid")), row["coder_id"])
    return coders, by_guid


def _places(placed: Placed, codes: _Codes, codings: Codings) -> dict[str, Place]:
    """Return what a note or link can be on, by GUID."""
    places = {g: Place("document", placed.documents[i].doc_id) for g, i in placed.by_guid.items()}
    places |= {guid: Place("code", code_id) for guid, code_id in codes.by_guid.items()}
    places |= {
        guid: Place("coding", rows[0]["coding_id"]) for guid, rows in codings.by_guid.items()
    }
    for found in placed.found:
        doc_id = placed.documents[found.document].doc_id
        if not found.is_whole:
            guid = rs.plain_guid(found.element.get("guid"))
            places[guid] = Place("document", doc_id, found.start, found.end, is_selection=True)
    places.pop("", None)
    return places


def _segments(reading: Reading, placed: Placed) -> Iterator[Row]:
    """Yield the segments that an export kept aside for texts that are still the same."""
    for document in placed.documents:
        own = reading.extra("segments", document.key)
        if not isinstance(own, dict) or own.get("text_sha256") != document.row["text_sha256"]:
            continue
        for values in _list(own.get("rows")):
            row = reading.typed("segments", dict(zip(_SEGMENT, _list(values), strict=False)))
            if row.keys() == set(_SEGMENT) and 0 <= row["start"] <= row["end"] <= len(
                document.text.text
            ):
                text = document.text.text[row["start"] : row["end"]]
                yield row | {"doc_id": document.doc_id, "text": text}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _lose_unknown(reading: Reading, root: etree._Element) -> None:
    names = Counter(rs.local_name(element) for element in root.iter())
    for name, count in names.items():
        if name and name not in _KNOWN:
            reason = _REASONS.get(name, "is no element that the tables have a place for")
            reading.lose(name, reason, count)
