"""Taguette projects: the exported database, to a corpus.

Taguette keeps a document as HTML and counts a highlight in UTF-8 bytes of the text in it, tags not
counted. Blocks of HTML become lines here, and the offsets follow. The tables that Taguette exports
(id, document, tag, content) hold no offsets: `coding_files` reads them.
"""

import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from analysis.interviews.corpus import Corpus, table, text_sha256
from analysis.interviews.naming import moment, path_names, with_coding_ids
from analysis.interviews.quoted_offsets import OUTSIDE, REASONS, Placed, Selection, place_selections
from analysis.interviews.refi_offsets import Convention, StoredText
from analysis.interviews.refi_schema import distinct, labels_of, language_of
from analysis.interviews.sqlite_files import Database, Row, as_integer, as_text, open_database
from analysis.interviews.text import loss_table, plain_text

BLOCKS = {
    "address", "article", "blockquote", "br", "center", "dd", "div", "dl", "dt", "figcaption",
    "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre",
    "section", "table", "td", "th", "tr", "ul",
}  # fmt: skip
HIGHLIGHT_COLUMNS = ("id", "document_id", "start_offset", "end_offset", "snippet")
COUNTED = Convention("UTF-8 bytes")
Sources = dict[int, tuple[str, str]]  # doc_id and HTML by number of the document
NOT_SHOWN = {"script", "style", "title"}


class _Text(HTMLParser):
    """Characters of an HTML text, with the lines that its blocks make."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.counted: list[bool] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in NOT_SHOWN
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in NOT_SHOWN and self._hidden > 0
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
            self.counted.append(True)

    def _break(self, tag: str) -> None:
        if tag in BLOCKS and self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")
            self.counted.append(False)


def html_text(html: str) -> tuple[str, np.ndarray]:
    """Return the text of an HTML fragment with its blocks as lines.

    Returns
    -------
    str
    ndarray of int64
        The offset in it of each character of the text between the tags, and of its end.
    """
    parser = _Text()
    parser.feed(html)
    parser.close()
    widths = [len(part) for part in parser.parts]
    counted = np.repeat(np.array(parser.counted, dtype=bool), widths)
    text = "".join(parser.parts)
    return text, np.concatenate([np.flatnonzero(counted), [len(text)]])


def between(text: str, offsets: np.ndarray) -> str:
    """Return the text between the tags from what `html_text` returns."""
    return "".join(text[k] for k in offsets[:-1])


def is_project(database: Database) -> bool:
    """Whether a database is one of Taguette."""
    return {"documents", "highlights", "tags", "highlight_tags"} <= database.tables


def read_taguette(path: Path) -> Corpus:
    """Return the corpus in a Taguette database.

    Returns
    -------
    Corpus
        Codes are tags; the coder of a highlight is the user whose command added it, else the name
        of the file. Accounts are not read.

    Raises
    ------
    CorpusError
        When it is no database, damaged, or a number is none.
    """
    shown = path.name
    losses: Counter = Counter()
    with open_database(path) as database:
        sources = _sources(database)
        codes, code_of = _codes(database)
        codings = _codings(database, path, sources, code_of, losses)
    documents = []
    for name, html in sources.values():
        text = plain_text(html_text(html)[0]).text
        documents.append({
            "doc_id": name, "name": name, "text": text, "lang": language_of(text),
            "source_file": shown, "text_sha256": text_sha256(text),
        })  # fmt: skip
        losses["formatting", "documents are HTML: only their text is kept"] += 1
    coders = sorted({row["coder_id"] for row in codings})
    return Corpus(
        documents=table("documents", documents),
        codes=table("codes", codes),
        coders=table("coders", [{"coder_id": c, "name": c} for c in coders]),
        codings=table("codings", codings),
        losses=loss_table(shown, losses),
    )


def _sources(database: Database) -> Sources:
    taken: dict[str, int] = {}
    return {
        as_integer(row["id"], "documents.id"): (
            distinct(as_text(row["name"]) or "untitled", taken),
            as_text(row["contents"]),
        )
        for row in database.rows("documents", "id", "name", "contents")
    }


def _codes(database: Database) -> tuple[list[dict[str, Any]], dict[Any, str]]:
    found = database.rows("tags", "id", "path", "description", "parent_id")
    paths = path_names({row["id"]: (as_text(row["path"]), row["parent_id"]) for row in found})
    rows = [
        {
            "code_id": paths[row["id"]][0], "parent": paths[row["id"]][1], "is_codable": True,
            "description": as_text(row["description"]), **labels_of(as_text(row["path"])),
        }
        for row in found
    ]  # fmt: skip
    return rows, {key: path for key, (path, _) in paths.items()}


def _codings(
    database: Database,
    path: Path,
    sources: Sources,
    code_of: dict[Any, str],
    losses: Counter,
) -> list[dict[str, Any]]:
    found = database.rows("highlights", *HIGHLIGHT_COLUMNS)
    highlights = [row for row in found if row["document_id"] in sources]
    losses["highlight", "its document is not in the file"] += len(found) - len(highlights)
    tags: dict[Any, list[str]] = {}
    for row in database.rows("highlight_tags", "highlight_id", "tag_id"):
        if row["tag_id"] in code_of:
            tags.setdefault(row["highlight_id"], []).append(code_of[row["tag_id"]])
    makers = _makers(database)
    rows = []
    for row, place in zip(highlights, _places(highlights, sources, path.name), strict=True):
        coder, created = makers.get(row["id"], (path.stem, ""))
        losses["highlight", "has no tag"] += row["id"] not in tags
        losses["highlight", REASONS.get(place.status, "")] += place.status in REASONS
        rows += [
            {"doc_id": sources[row["document_id"]][0], "start": place.start, "end": place.end,
             "code_id": code, "coder_id": coder, "origin": "human", "created": created,
             "source_file": path.name}
            for code in tags.get(row["id"], []) if place.status != OUTSIDE
        ]  # fmt: skip
    return with_coding_ids(rows)


def _places(highlights: list[Row], sources: Sources, shown: str) -> list[Placed]:
    """Return where highlights lie in the plain text of their documents."""
    texts = {key: html_text(html) for key, (_, html) in sources.items()}
    inner = {key: between(*text) for key, text in texts.items()}
    selections = [
        Selection(
            row["document_id"],
            as_integer(row["start_offset"], f"{shown}: column start_offset"),
            as_integer(row["end_offset"], f"{shown}: column end_offset"),
            between(*html_text(as_text(row["snippet"]))),
        )
        for row in highlights
    ]
    stored = {key: StoredText(text) for key, text in inner.items()}
    places = place_selections(stored, selections, COUNTED)
    maps = {key: (offsets, plain_text(text).offsets) for key, (text, offsets) in texts.items()}
    return [
        Placed(*_in_lines(maps[row["document_id"]], place.start, place.end), place.status)
        for row, place in zip(highlights, places, strict=True)
    ]


def _in_lines(maps: tuple[np.ndarray, np.ndarray], start: int, end: int) -> tuple[int, int]:
    """Return offsets in the lines; the line end that a block adds after a passage is not in it."""
    between_tags, plain = maps
    first = int(between_tags[start])
    after = int(between_tags[end - 1]) + 1 if end > start else first
    return int(plain[first]), int(plain[after])


def _makers(database: Database) -> dict[Any, tuple[str, str]]:
    """Return user and time of the command that last set each highlight."""
    makers: dict[Any, tuple[str, str]] = {}
    for row in database.rows("commands", "date", "user_login", "payload"):
        try:
            payload = json.loads(as_text(row["payload"]) or "{}")
        except (json.JSONDecodeError, RecursionError):  # then the file is the coder
            continue
        if isinstance(payload, dict) and payload.get("type") == "highlight_add":
            number = payload.get("highlight_id")
            if isinstance(number, int):
                when = moment(as_text(row["date"]))
                makers[number] = as_text(row["user_login"]) or "unnamed", when
    return makers
