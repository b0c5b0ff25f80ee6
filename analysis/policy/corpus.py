"""The policy texts: Government Work Reports, one No. 1 document, two laws, two regulations.

What a file holds beside the text (title, speaker, date, licence, markup) is cut off by the rules of
`text_files`, and every cut is counted. A record that is no report is left out with its reason; a
year between the first and the last report that has none is listed. Offsets count code points of
the text after the cuts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.panel_input import raise_violations
from analysis.policy.text_files import (
    REPORTS,
    TEXT_FILES,
    PolicyText,
    read_reports,
    read_single_text,
)

HANZI = re.compile(r"[㐀-䶿一-鿿]")
SENTENCE = re.compile(r"[^。！？!?；]*(?:[。！？!?；]+[”’」』）》]*|$)")


@dataclass(frozen=True)
class Corpus:
    """Texts that can be counted.

    Attributes
    ----------
    documents : DataFrame
        One row per text, by year and `doc_id`: doc_id, kind (report, no1, law, regulation), year
        (int), date (ISO, of delivery or of the last passage; empty where the file gives none),
        title, file, row (line of the file, 1 for a file that is one text), n_characters (code
        points), n_hanzi (those in U+3400-4DBF and U+4E00-9FFF), sha256 (of the text in UTF-8).
    texts : mapping of str to str
        Text by `doc_id`: one paragraph per line, no blank line, no line end at the end.
    exclusions : DataFrame
        file, row, title, year (Int64, missing where the record gives none), n_characters, reason.
    missing_years : DataFrame
        year, resolution (whether the file holds a resolution on a report of that year).
    cuts : DataFrame
        doc_id, part (header, footer, heading_mark, line_break, invisible), count (code points for
        header and footer, else occurrences); only what was found.
    """

    documents: pd.DataFrame
    texts: Mapping[str, str]
    exclusions: pd.DataFrame
    missing_years: pd.DataFrame
    cuts: pd.DataFrame


def read_corpus(folder: Path) -> Corpus:
    """Read all policy texts of a folder.

    Parameters
    ----------
    folder : Path
        Holds the files that `text_files.REPORTS` and `text_files.TEXT_FILES` name.

    Returns
    -------
    Corpus

    Raises
    ------
    ValueError
        Lists every missing file, every line that is no record, and every record without year or
        date or with the year of another, with file and row.
    """
    faults = [
        f"{folder.name}/{name} is missing: fetch the source"
        for name in (REPORTS, *TEXT_FILES)
        if not (folder / name).is_file()
    ]
    raise_violations("the policy texts", faults)
    texts, excluded = read_reports(folder / REPORTS, faults)
    for name, (stem, kind) in TEXT_FILES.items():
        texts += read_single_text(folder / name, stem, kind, faults)
    raise_violations("the policy texts", faults)
    texts.sort(key=lambda text: (text.year, text.doc_id))
    columns = ["file", "row", "title", "year", "n_characters", "reason"]
    exclusions = pd.DataFrame(excluded, columns=columns).astype({"year": "Int64"})
    return Corpus(
        documents=pd.DataFrame([_document(text) for text in texts]),
        texts={text.doc_id: text.body for text in texts},
        exclusions=exclusions,
        missing_years=_missing_years(texts, exclusions),
        cuts=pd.DataFrame(
            [
                {"doc_id": text.doc_id, "part": part, "count": count}
                for text in texts
                for part, count in sorted(text.cuts.items())
                if count
            ],
            columns=["doc_id", "part", "count"],
        ),
    )


def segments(corpus: Corpus, *, unit: str = "sentence") -> pd.DataFrame:
    """Split every text into sentences or paragraphs.

    A sentence ends after 。！？； (or half-width ! and ?) with the closing marks that follow, and
    at the end of a paragraph; a heading is a sentence of its own.

    Parameters
    ----------
    corpus : Corpus
    unit : str
        ``"sentence"`` or ``"paragraph"``.

    Returns
    -------
    DataFrame
        doc_id, paragraph and segment (both from 1 within a document), start, end (code points of
        ``corpus.texts[doc_id]``), text (equal to that slice, no white space at its ends). Every
        character that is not white space lies in exactly one segment.

    Raises
    ------
    ValueError
        If the unit is unknown.
    """
    if unit not in ("sentence", "paragraph"):
        raise ValueError(f"unit must be sentence or paragraph, got {unit!r}")
    rows = []
    for doc_id in corpus.documents["doc_id"]:
        text = corpus.texts[doc_id]
        for number, (paragraph, start, end) in enumerate(_spans(text, unit), start=1):
            rows.append((doc_id, paragraph, number, start, end, text[start:end]))
    return pd.DataFrame(rows, columns=["doc_id", "paragraph", "segment", "start", "end", "text"])


def n_hanzi(text: str) -> int:
    """Return the number of Chinese characters in a text."""
    return len(HANZI.findall(text))


def _document(text: PolicyText) -> dict[str, Any]:
    keys = ("doc_id", "kind", "year", "date", "title", "file", "row")
    return {key: getattr(text, key) for key in keys} | {
        "n_characters": len(text.body),
        "n_hanzi": n_hanzi(text.body),
        "sha256": hashlib.sha256(text.body.encode()).hexdigest(),
    }


def _missing_years(texts: list[PolicyText], exclusions: pd.DataFrame) -> pd.DataFrame:
    years = {text.year for text in texts if text.kind == "report"}
    absent = sorted(set(range(min(years), max(years) + 1)) - years) if years else []
    resolved = set(exclusions["year"].dropna())
    rows = [{"year": year, "resolution": year in resolved} for year in absent]
    return pd.DataFrame(rows, columns=["year", "resolution"])


def _spans(text: str, unit: str) -> Iterator[tuple[int, int, int]]:
    """Yield paragraph number, start and end of each piece that holds more than white space."""
    start = 0
    for paragraph, line in enumerate(text.split("\n"), start=1):
        pieces = [line] if unit == "paragraph" else SENTENCE.findall(line)
        for piece in pieces:
            if bare := piece.strip():
                first = start + len(piece) - len(piece.lstrip())
                yield paragraph, first, first + len(bare)
            start += len(piece)
        start += 1
