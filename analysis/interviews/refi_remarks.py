"""Notes and links of a REFI-QDA project.

A note can hang on anything by a reference, by a link (NVivo's annotations), or by a selection of
its own (Quirkos); a description of a source, a selection or the project is a note, too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.refi_codings import Codings
from analysis.interviews.refi_offsets import to_code_points
from analysis.interviews.refi_reading import Reading, Row, child, children, integer
from analysis.interviews.refi_sources import Placed


class Place(NamedTuple):
    """What a note or link is on.

    Attributes
    ----------
    target_kind, target : str
        As in `notes`.
    start, end : int or None
        Passage of a document.
    is_selection : bool
        Whether it is a selection, which only a note can be on.
    """

    target_kind: str
    target: str
    start: int | None = None
    end: int | None = None
    is_selection: bool = False

    @property
    def row(self) -> Row:
        """The columns of `notes` that say it."""
        return {c: getattr(self, c) for c in ("target_kind", "target", "start", "end")}


def read_notes(
    reading: Reading,
    root: etree._Element,
    placed: Placed,
    places: dict[str, Place],
    users: dict[str, str],
) -> tuple[list[Row], set[str]]:
    """Return rows of `notes`, and the GUIDs of the links that only say what a note is on.

    Parameters
    ----------
    reading : Reading
        The file.
    root : Element
        The project.
    placed : Placed
        Its documents and selections.
    places : dict
        What a note can be on, by GUID.
    users : dict
        coder_id by GUID.
    """
    elements = list(children(child(root, "Notes"), "Note"))
    guids = {rs.plain_guid(e.get("guid")) for e in elements} - {""}
    on, consumed, noted = _places_of_notes(reading, root, places, guids)
    rows: list[Row] = []
    taken: dict[str, int] = {}
    for element in elements:
        text = _note_text(reading, element)
        own = _own_passage(element)
        for place in on[rs.plain_guid(element.get("guid"))] or [Place("project", "")]:
            key = rs.distinct(reading.name(element) or "note", taken)
            row = {"note_id": key, "text": text, **_author(element, users)}
            row |= _passage(placed, place, own).row
            rows.append(reading.adopt("notes", key, row))
    for title, place, described in _descriptions(root, placed, places):
        text = reading.words(child(described, "Description"))
        if text.strip():
            key = rs.distinct(title, taken)
            author = _author(described, users)
            rows.append({"note_id": key, "text": text, **author, **place.row})
    _lose_bare_selections(reading, placed, noted)
    return rows, consumed


def _places_of_notes(
    reading: Reading, root: etree._Element, places: dict[str, Place], notes: set[str]
) -> tuple[dict[str, list[Place]], set[str], set[str]]:
    """Return what each note is on, the links used up for it, and the GUIDs of what has a note."""
    on: dict[str, list[Place]] = defaultdict(list)
    for element in root.iter("{*}NoteRef"):
        parent = element.getparent()
        place = places.get(rs.plain_guid(parent.get("guid")))
        if rs.local_name(parent) == "Project":
            place = Place("project", "")
        target = rs.plain_guid(element.get("targetGUID"))
        if target not in notes:
            reading.lose("NoteRef", "to no note of the project")
        elif place is None:
            reading.lose("NoteRef", f"of a {rs.local_name(parent)}: the note is kept by itself")
        else:
            on[target].append(place)
    consumed: set[str] = set()
    noted = {rs.plain_guid(e.getparent().get("guid")) for e in root.iter("{*}NoteRef")}
    for element in children(child(root, "Links"), "Link"):
        ends = [rs.plain_guid(element.get(a)) for a in ("originGUID", "targetGUID")]
        for note, other in (ends, ends[::-1]):
            if note in notes and other in places:
                on[note].append(places[other])
                consumed.add(rs.plain_guid(element.get("guid")))
                noted.add(other)
    return on, consumed, noted


def _note_text(reading: Reading, element: etree._Element) -> str:
    label = f"Note {reading.name(element)!r}"
    parts = [reading.words(child(element, p)) for p in ("Description", "PlainTextContent")]
    if not parts[1] and element.get("plainTextPath"):
        parts[1] = reading.text_of(element, label).text
    coded = [s for s in children(element, "PlainTextSelection") if child(s, "Coding") is not None]
    reading.lose("Note/PlainTextSelection", "codings of notes are not carried over", len(coded))
    return "\n\n".join(filter(None, parts))


def _author(element: etree._Element, users: dict[str, str]) -> Row:
    named = (rs.plain_guid(element.get(a)) for a in ("creatingUser", "modifyingUser"))
    return {
        "coder_id": next((users[g] for g in named if g in users), ""),
        "created": element.get("creationDateTime") or element.get("modifiedDateTime") or "",
    }


def _own_passage(note: etree._Element) -> tuple[int, int] | None:
    for element in children(note, "PlainTextSelection"):
        start, end = integer(element.get("startPosition")), integer(element.get("endPosition"))
        if child(element, "Coding") is None and start is not None and end is not None:
            return start, end
    return None


def _passage(placed: Placed, place: Place, own: tuple[int, int] | None) -> Place:
    """Put a note with a selection of its own on that passage of the document that it is on."""
    if own is None or place.target_kind != "document" or place.start is not None:
        return place
    position = next(i for i, d in enumerate(placed.documents) if d.doc_id == place.target)
    text = placed.documents[position].text
    if not text.text:
        return place
    start, end, _ = to_code_points(text, placed.vote.of(position), [own[0]], [own[1]])
    return place._replace(start=int(start[0]), end=int(end[0]))


def _descriptions(
    root: etree._Element, placed: Placed, places: dict[str, Place]
) -> Iterator[tuple[str, Place, etree._Element]]:
    """Yield what has a description, with the title that the description gets as a note."""
    yield "project: description", Place("project", ""), root
    for document in placed.documents:
        yield f"{document.doc_id}: description", Place("document", document.doc_id), document.owner
    for found in placed.found:
        if found.is_whole:
            continue
        doc_id = placed.documents[found.document].doc_id
        where = "" if found.start is None else f" {found.start}-{found.end}"
        place = Place("document", doc_id, found.start, found.end)
        codings = [rs.plain_guid(c.get("guid")) for c in children(found.element, "Coding")]
        if len(codings) == 1:
            place = places.get(codings[0], place)
        yield f"{doc_id}{where}: description", place, found.element


def _lose_bare_selections(reading: Reading, placed: Placed, noted: set[str]) -> None:
    for found in placed.found:
        element = found.element
        says = child(element, "Coding") is not None or (
            reading.words(child(element, "Description")).strip() != ""
        )
        if not says and rs.plain_guid(element.get("guid")) not in noted:
            reading.lose(rs.local_name(element), "marks something without coding or note")


def read_links(
    reading: Reading,
    root: etree._Element,
    places: dict[str, Place],
    codings: Codings,
    consumed: set[str],
) -> list[Row]:
    """Return rows of `links`.

    Parameters
    ----------
    reading : Reading
        The file.
    root : Element
        The project.
    places : dict
        What a link can be on, by GUID.
    codings : Codings
        The codings; a link on a selection is one on its coding, on the first of several.
    consumed : set of str
        GUIDs of links that are none.
    """
    rows: list[Row] = []
    alike: Counter[tuple[str, ...]] = Counter()
    for element in children(child(root, "Links"), "Link"):
        guid = rs.plain_guid(element.get("guid"))
        if guid in consumed:
            continue
        direction = (element.get("direction") or "").strip().lower()
        row: Row = {"name": reading.name(element), "directed": direction == "oneway"}
        for side, attribute in (("source", "originGUID"), ("target", "targetGUID")):
            end = _end(reading, rs.plain_guid(element.get(attribute)), places, codings)
            row |= {f"{side}_kind": end.target_kind, side: end.target}
        key = tuple(str(v) for v in row.values())
        alike[key] += 1
        row["link_id"] = guid if reading.is_ours else rs.guid("link", *key, alike[key])
        row = reading.adopt("links", guid, row)
        if not row["source_kind"] or not row["target_kind"]:
            reading.lose("Link", "between things that the tables do not hold")
            continue
        if direction == "bidirectional":
            reading.lose("Link/@direction", "in both directions: kept without direction")
        rows.append(row)
    return rows


def _end(reading: Reading, guid: str, places: dict[str, Place], codings: Codings) -> Place:
    coded = codings.by_guid.get(guid, [])
    if len(coded) > 1:
        reading.lose("Link", "on a passage with several codings: kept on the first")
    if coded:
        return Place("coding", coded[0]["coding_id"])
    place = places.get(guid, Place("", ""))
    return Place("", "") if place.is_selection else place
