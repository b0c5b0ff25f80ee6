"""Sources of a REFI-QDA project: their texts, and what is selected in them.

A source of any kind becomes a document: with the text of a text source, of the representation of a
PDF, of a picture's description or of a transcript, else with the empty text.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.corpus import text_sha256
from analysis.interviews.refi_offsets import (
    Convention,
    Selection,
    StoredText,
    Vote,
    infer_convention,
    to_code_points,
)
from analysis.interviews.refi_reading import Reading, Row, child, children, integer

PASSAGE = ("PlainTextSelection", "TranscriptSelection")
_BODIES = {"PDFSource": "Representation", "PictureSource": "TextDescription"}
_MEDIA = ("AudioSource", "VideoSource")
_SOURCES = ("TextSource", *_BODIES, *_MEDIA)
# What each tool does where no selection carries its text. ATLAS.ti counts a line end once though
# the file holds two characters; Python tools count code points, the others UTF-16 units.
_DEFAULTS = (
    (rs.ORIGIN, Convention(line_end="one")),
    ("atlas", Convention("UTF-16 units", line_end="one")),
    ("qualcoder", Convention(line_end="one")),
    ("taguette", Convention(line_end="one")),
    ("nvivo", Convention("UTF-16 units")),
    ("maxqda", Convention("UTF-16 units")),
    ("quirkos", Convention("UTF-16 units")),
)


def default_convention(origin: str) -> Convention:
    """Return what the tool of this `origin` counts; code points for an unknown one."""
    known = (c for tool, c in _DEFAULTS if tool in origin.lower())
    return next(known, Convention())


@dataclass
class Document:
    """A document and where its parts stand in the file.

    Attributes
    ----------
    key : str
        Its identifier as it follows from the names in the file.
    row : dict
        Its row of `documents`.
    text : StoredText
        Its text.
    label : str
        What the loss report calls it: the kind of element and its name.
    owner : Element
        The source, or one of several transcripts of a recording.
    bodies : list of Element
        Elements whose selections count offsets in the text.
    """

    key: str
    row: Row
    text: StoredText
    label: str
    owner: etree._Element
    bodies: list[etree._Element] = field(default_factory=list)

    @property
    def doc_id(self) -> str:
        """Its identifier."""
        return str(self.row["doc_id"])


@dataclass
class Found:
    """A selection, or a coding of a whole source, in code points once they are known.

    Attributes
    ----------
    document : int
        Position in the list of documents.
    element : Element
        The selection, or the source that is coded as a whole.
    start, end : int or None
        First as they stand in the file, then in code points; None for what is no passage.
    """

    document: int
    element: etree._Element
    start: int | None
    end: int | None

    @property
    def is_whole(self) -> bool:
        """Whether this is a source coded as a whole."""
        return not rs.local_name(self.element).endswith("Selection")


@dataclass
class Placed:
    """Documents with all that is selected in them.

    Attributes
    ----------
    documents : list of Document
        In the order of the file.
    found : list of Found
        Selections in code points.
    vote : Vote
        What the offsets of the file count.
    by_guid : dict
        Position of a document by the GUID of its source or text.
    """

    documents: list[Document]
    found: list[Found]
    vote: Vote
    by_guid: dict[str, int]


def read_sources(reading: Reading, sources: etree._Element | None) -> Placed:
    """Return the documents and selections of a project."""
    documents, by_guid = _documents(reading, sources)
    found = [f for i, d in enumerate(documents) for f in _selections(reading, i, d)]
    vote = _vote(reading, documents, found)
    _to_code_points(reading, documents, found, vote)
    return Placed(documents, found, vote, by_guid)


def _documents(
    reading: Reading, sources: etree._Element | None
) -> tuple[list[Document], dict[str, int]]:
    documents: list[Document] = []
    by_guid: dict[str, int] = {}
    by_path: dict[str, int] = {}
    taken: dict[str, int] = {}
    ids: dict[str, int] = {}
    everything = list(children(sources, *_SOURCES))
    for source in sorted(everything, key=lambda s: rs.local_name(s) in _MEDIA):
        for element, body in _texts(source, by_path):
            documents.append(_document(reading, element, body, taken))
            documents[-1].row["doc_id"] = rs.distinct(documents[-1].doc_id, ids)
            here = len(documents) - 1
            for part in (element, body):
                if part is not None:
                    by_guid.setdefault(rs.plain_guid(part.get("guid")), here)
            if body is source and body.get("plainTextPath"):
                by_path.setdefault(body.get("plainTextPath"), here)
        for shared in children(source, "Transcript"):
            twin = by_path.get(shared.get("plainTextPath", ""))
            if twin is not None:
                documents[twin].bodies.append(shared)
                by_guid.setdefault(rs.plain_guid(shared.get("guid")), twin)
    by_guid.pop("", None)
    return documents, by_guid


def _texts(
    source: etree._Element, by_path: dict[str, int]
) -> Iterator[tuple[etree._Element, etree._Element | None]]:
    """Yield what becomes a document each, and the element that holds its text."""
    kind = rs.local_name(source)
    if kind not in _MEDIA:
        yield source, source if kind == "TextSource" else child(source, _BODIES[kind])
        return
    own = [t for t in children(source, "Transcript") if t.get("plainTextPath") not in by_path]
    yield source, own[0] if len(own) == 1 else None
    if len(own) > 1:
        yield from ((transcript, transcript) for transcript in own)


def _document(
    reading: Reading,
    element: etree._Element,
    body: etree._Element | None,
    taken: dict[str, int],
) -> Document:
    name = reading.name(element)
    doc_id = rs.distinct(name or "source", taken)
    label = f"{rs.local_name(element)} {doc_id!r}"
    text = StoredText("")
    if body is not None:
        text = reading.text_of(body, label)
        if body.get("richTextPath"):
            reading.lose("@richTextPath", "formatted copies of the texts are not carried over")
    else:
        reading.lose(label, "is no text: its codings are kept without passage")
    row = {
        "doc_id": doc_id, "name": name, "text": text.text, "lang": rs.language_of(text.text),
        "source_file": reading.file, "text_sha256": text_sha256(text.text),
    }  # fmt: skip
    row = reading.adopt("documents", doc_id, row)
    return Document(doc_id, row, text, label, element, [] if body is None else [body])


def _selections(reading: Reading, position: int, document: Document) -> Iterator[Found]:
    """Yield the selections of a document with offsets as they stand in the file."""
    in_text: set[str] = set()
    for body in document.bodies:
        for element in children(body, *PASSAGE):
            in_text.add(rs.plain_guid(element.get("guid")))
            start, end = _stated(body, element)
            yield Found(position, element, start, end)
    for part in {id(e): e for e in (document.owner, *document.bodies)}.values():
        if child(part, "Coding") is not None:
            yield Found(position, part, 0, len(document.text.text))
    for element in document.owner:
        kind = rs.local_name(element)
        if not kind.endswith("Selection") or kind in PASSAGE:
            continue
        if document.text.text and rs.plain_guid(element.get("guid")) in in_text:
            reading.lose(kind, "is the same selection as one in the text: counted once")
        else:
            yield Found(position, element, None, None)


def _stated(body: etree._Element, element: etree._Element) -> tuple[int | None, int | None]:
    if rs.local_name(element) == PASSAGE[0]:
        ends = [element.get("startPosition"), element.get("endPosition")]
    else:
        points = {
            rs.plain_guid(p.get("guid")): p.get("position") for p in children(body, "SyncPoint")
        }
        ends = [points.get(rs.plain_guid(element.get(a))) for a in ("fromSyncPoint", "toSyncPoint")]
    start, end = (integer(e) for e in ends)
    return (None, None) if start is None or end is None else (start, end)


def _passages(documents: list[Document], found: Iterable[Found]) -> list[tuple[Found, int, int]]:
    """Selections whose offsets count something in a text, with their offsets."""
    return [
        (f, f.start, f.end)
        for f in found
        if f.start is not None and f.end is not None
        and not f.is_whole and documents[f.document].text.text
    ]  # fmt: skip


def _vote(reading: Reading, documents: list[Document], found: list[Found]) -> Vote:
    default = default_convention(reading.origin)
    passages = _passages(documents, found)
    if reading.is_ours or not passages:
        return Vote(default, {}, 0, 0)
    asked = [Selection(f.document, a, b, reading.name(f.element)) for f, a, b in passages]
    vote = infer_convention([d.text for d in documents], asked, default)
    if not vote.agreeing:
        why = "carries its text" if not vote.voters else "is named after its text"
        reading.lose(
            "PlainTextSelection",
            f"offsets unverified: no selection {why}; read as {vote.convention}",
            len(passages),
        )
    elif vote.agreeing < vote.voters:
        reading.lose(
            "PlainTextSelection/@name",
            f"is not the passage at the offsets (a title, or an offset that is off); of "
            f"{vote.voters} asked, read as {vote.convention}",
            vote.voters - vote.agreeing,
        )
    return vote


def _to_code_points(
    reading: Reading, documents: list[Document], found: list[Found], vote: Vote
) -> None:
    by_document: dict[int, list[tuple[Found, int, int]]] = defaultdict(list)
    for passage in _passages(documents, found):
        by_document[passage[0].document].append(passage)
    for position, passages in by_document.items():
        document = documents[position]
        starts, ends, moved = to_code_points(
            document.text, vote.of(position), [p[1] for p in passages], [p[2] for p in passages]
        )
        for (selection, _, _), start, end in zip(passages, starts, ends, strict=True):
            selection.start, selection.end = int(start), int(end)
        reading.lose(
            document.label,
            "offsets outside the text, reversed or inside a character: moved to the nearest edge",
            int(np.sum(moved)),
        )
    for selection in found:
        is_empty = not documents[selection.document].text.text
        if is_empty and (selection.start, selection.end) != (0, 0):
            selection.start = selection.end = None
