"""Codings of a REFI-QDA project.

A coding of something that is no passage of a text (a region of a page, a stretch of a film, a
source whose text the file does not hold) is kept without length at the beginning and counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.corpus import ORIGINS
from analysis.interviews.refi_reading import Reading, Row, child, children, reference
from analysis.interviews.refi_sources import Placed

UNKNOWN_CODER = "unknown"


@dataclass(frozen=True)
class Codings:
    """The codings of a project.

    Attributes
    ----------
    rows : list of dict
        Rows of `codings`.
    by_guid : dict
        Rows by the GUID of the coding and of its selection.
    memberships : list of tuple
        GUID of a case and position of a document that is coded with it: NVivo says so that a text
        belongs to a case.
    """

    rows: list[Row]
    by_guid: dict[str, list[Row]]
    memberships: list[tuple[str, int]]


def read_codings(
    reading: Reading, placed: Placed, codes: dict[str, str], users: dict[str, str], cases: set[str]
) -> Codings:
    """Return the codings of a project.

    Parameters
    ----------
    reading : Reading
        The file.
    placed : Placed
        Its documents and selections.
    codes, users : dict
        code_id and coder_id by GUID.
    cases : set of str
        GUIDs of the cases.
    """
    found = Codings([], defaultdict(list), [])
    alike: Counter[tuple[object, ...]] = Counter()
    for selection in placed.found:
        document = placed.documents[selection.document]
        for element in children(selection.element, "Coding"):
            target = reference(child(element, "CodeRef"))
            if target in cases:
                found.memberships.append((target, selection.document))
            elif target not in codes:
                reading.lose("Coding", "of a code that the codebook does not hold")
            if target not in codes:
                continue
            row = {
                "doc_id": document.doc_id, "start": selection.start or 0,
                "end": selection.end or 0, "code_id": codes[target],
                "coder_id": _coder(reading, (element, selection.element), users),
                "created": _created(element) or _created(selection.element),
            }  # fmt: skip
            found.rows.append(_identified(reading, row, element, alike))
            found.by_guid[rs.plain_guid(element.get("guid"))].append(found.rows[-1])
            if not selection.is_whole:
                found.by_guid[rs.plain_guid(selection.element.get("guid"))].append(found.rows[-1])
            if selection.start is None:
                reading.lose(document.label, "codings kept without passage, at the beginning")
    return found


def _identified(
    reading: Reading, row: Row, element: etree._Element, alike: Counter[tuple[object, ...]]
) -> Row:
    place = tuple(row[c] for c in ("doc_id", "start", "end", "code_id", "coder_id"))
    alike[place] += 1
    guid = rs.plain_guid(element.get("guid"))
    row |= {"coding_id": rs.coding_guid(row, alike[place]), "origin": ORIGINS[0]}
    row["source_file"] = reading.file
    if reading.is_ours:
        row["coding_id"] = guid or row["coding_id"]
        usual = {"source_file": reading.extra("source_files", row["coder_id"])}
        row |= reading.typed("codings", usual)
    return reading.adopt("codings", guid, row)


def _created(element: etree._Element) -> str:
    return element.get("creationDateTime") or element.get("modifiedDateTime") or ""


def _coder(reading: Reading, elements: Iterable[etree._Element], users: dict[str, str]) -> str:
    for element in elements:
        for attribute in ("creatingUser", "modifyingUser"):
            coder = users.get(rs.plain_guid(element.get(attribute)))
            if coder is not None:
                return coder
    if len(users) == 1:
        return next(iter(users.values()))
    reading.lose("Coding/@creatingUser", f"names nobody of the users: coder {UNKNOWN_CODER!r}")
    return UNKNOWN_CODER
