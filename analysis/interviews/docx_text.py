"""The text of a Word document as its reader sees it with all changes accepted.

Paragraphs become lines, rows of tables become lines with tabs. What a plain text cannot hold
(comments, notes, headers, pictures, automatic numbers) is counted, never dropped in silence.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from analysis.interviews.archives import Archive, file_head, open_archive, parse_xml
from analysis.interviews.corpus import CorpusError

OLD_WORD = b"\xd0\xcf\x11\xe0"
DOCUMENT = "word/document.xml"
# Word numbers the separators of notes -1, 0 and 1 or types them; a note of the author has no type.
NOTE_PARTS = {
    "word/comments.xml": ("comment", "comment"),
    "word/footnotes.xml": ("footnote", "footnote"),
    "word/endnotes.xml": ("endnote", "endnote"),
}
OUTSIDE_TEXT = "not part of the text"
REASONS = {
    "comment": OUTSIDE_TEXT,
    "footnote": OUTSIDE_TEXT,
    "endnote": OUTSIDE_TEXT,
    "header or footer": OUTSIDE_TEXT,
    "picture or drawing": "no text",
    "text box": OUTSIDE_TEXT,
    "formula": "no plain text",
    "symbol": "a character of a symbol font has no text",
    "embedded object": "no plain text",
    "numbered paragraph": "automatic numbers and bullets are not in the text",
    "table": "kept as lines, cells separated by tabs",
    "tracked insertion": "accepted: in the text",
    "tracked deletion": "accepted: not in the text",
}
LEFT_OUT = {
    "del": "tracked deletion",
    "moveFrom": "tracked deletion",
    "sym": "symbol",
    "oMath": "formula",
    "oMathPara": "formula",
    "object": "embedded object",
    "drawing": "picture or drawing",
    "pict": "picture or drawing",
}
SILENT = {"pPr", "rPr", "tblPr", "tcPr", "trPr", "sdtPr", "sdtEndPr", "instrText", "Fallback", "rt"}
CHARACTERS = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "-"}
KEPT = {"ins", "moveTo"}
IN_RUN = str.maketrans("\n\r\x85\u2028\u2029", "  \n\n\n")  # Word shows a raw line end as a blank


@dataclass(frozen=True)
class DocxText:
    """Lines of a Word document.

    Attributes
    ----------
    lines : list of str
    styles : list of str
        Name of the paragraph style of each line; empty in tables.
    losses : Counter
        Number of elements by (element, reason).
    """

    lines: list[str]
    styles: list[str]
    losses: Counter


@dataclass
class _Reading:
    styles: dict[str, str]
    seen: Counter = field(default_factory=Counter)


def read_docx(path: Path) -> DocxText:
    """Return the lines of a Word document.

    Raises
    ------
    CorpusError
        When the file is a web page, an old or encrypted Word file, damaged, hostile, or nested
        beyond reading.
    """
    if file_head(path, len(OLD_WORD)) == OLD_WORD:
        raise CorpusError(
            f"{path.name}: is an old Word file (.doc) or has a password: open it and save it as "
            ".docx without a password"
        )
    archive = open_archive(path)
    if DOCUMENT not in archive.names:
        raise CorpusError(f"{path.name}: holds no {DOCUMENT}, so it is no Word document")
    reading = _Reading(_style_names(archive), _outside(archive))
    body = _part(archive, DOCUMENT).find("{*}body")
    try:
        lines = [] if body is None else list(_blocks(body, reading))
    except RecursionError:
        raise CorpusError(f"{path.name}: is nested too deeply to be a transcript") from None
    losses = Counter({(kind, REASONS[kind]): n for kind, n in reading.seen.items()})
    return DocxText([line for line, _ in lines], [style for _, style in lines], losses)


def _part(archive: Archive, name: str) -> etree._Element:
    return parse_xml(archive.read(name), f"{archive.path.name}: {name}")


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _value(element: etree._Element | None, name: str = "val") -> str:
    if element is None:
        return ""
    return next((v for k, v in element.items() if etree.QName(k).localname == name), "")


def _style_names(archive: Archive) -> dict[str, str]:
    if "word/styles.xml" not in archive.names:
        return {}
    styles = _part(archive, "word/styles.xml").iterfind("{*}style")
    return {_value(s, "styleId"): _value(s.find("{*}name")) for s in styles}


def _outside(archive: Archive) -> Counter:
    seen: Counter = Counter()
    for name, (kind, tag) in NOTE_PARTS.items():
        if name in archive.names:
            notes = _part(archive, name).iterfind(f"{{*}}{tag}")
            seen[kind] += sum(_value(note, "type") in ("", "normal") for note in notes)
    for name in archive.names:
        if name.startswith(("word/header", "word/footer")) and name.endswith(".xml"):
            texts = _part(archive, name).iterfind(".//{*}t")
            seen["header or footer"] += any((t.text or "").strip() for t in texts)
    return +seen


def _blocks(parent: etree._Element, reading: _Reading) -> Iterator[tuple[str, str]]:
    """Yield (line, style); a paragraph whose mark was deleted runs on into the next."""
    held = ""
    for block, kind in _unwrapped(parent, reading):
        if kind == "tbl":
            reading.seen["table"] += 1
            yield from ((row, "") for row in _rows(block, reading))
            continue
        text = held + "".join(_pieces(block, reading))
        held = text if block.find("{*}pPr/{*}rPr/{*}del") is not None else ""
        if not held:
            style = reading.styles.get(_value(block.find("{*}pPr/{*}pStyle")), "")
            yield from ((line, style) for line in text.split("\n"))
    if held:
        yield from ((line, "") for line in held.split("\n"))


def _unwrapped(parent: etree._Element, reading: _Reading) -> Iterator[tuple[etree._Element, str]]:
    for child in parent:
        kind = _local(child)
        if kind in ("p", "tbl"):
            yield child, kind
        elif kind in LEFT_OUT:
            reading.seen[LEFT_OUT[kind]] += 1
        elif kind not in SILENT:
            reading.seen["tracked insertion"] += kind in KEPT
            yield from _unwrapped(child, reading)


def _rows(tbl: etree._Element, reading: _Reading) -> Iterator[str]:
    for row in _own(tbl, "tbl", "tr"):
        if row.find("{*}trPr/{*}del") is not None:
            reading.seen["tracked deletion"] += 1
            continue
        cells = (" ".join(line for line, _ in _blocks(cell, reading) if line.strip())
                 for cell in _own(row, "tr", "tc"))  # fmt: skip
        yield "\t".join(cells)


def _own(parent: etree._Element, kind: str, part: str) -> list[etree._Element]:
    """Return the parts of a table or row, not those of a table inside one of its cells."""
    found = parent.iterfind(f".//{{*}}{part}")
    return [e for e in found if next(e.iterancestors(f"{{*}}{kind}")) is parent]


def _pieces(parent: etree._Element, reading: _Reading) -> Iterator[str]:
    for child in parent:
        kind = _local(child)
        if kind == "t":
            yield (child.text or "").translate(IN_RUN)
        elif kind in CHARACTERS:
            yield CHARACTERS[kind]
        elif kind == "br":
            yield "" if _value(child, "type") in ("page", "column") else "\n"
        elif kind in LEFT_OUT:
            reading.seen[LEFT_OUT[kind]] += 1
            reading.seen["text box"] += len(child.findall(".//{*}txbxContent"))
        elif kind in SILENT:
            reading.seen["numbered paragraph"] += child.find("{*}numPr") is not None
        else:
            reading.seen["tracked insertion"] += kind in KEPT
            yield from _pieces(child, reading)
