"""Transcripts: a Word document or a text file to one document with its paragraphs and speakers.

The text is what a reader of the file sees, with Unix line ends; cues such as 问： stay in it, since
every offset counts them. What the text cannot hold is a row of `losses`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.interviews.archives import file_head, refuse_web_page
from analysis.interviews.corpus import Corpus, CorpusError, table, text_sha256
from analysis.interviews.docx_text import read_docx
from analysis.interviews.refi_schema import language_of
from analysis.interviews.speakers import cues_of_lines, speaker_of_style, speakers_of_lines
from analysis.interviews.text import decode_text, dropped_losses, loss_rows, plain_text

SUFFIXES = (".docx", ".txt")
MAX_TEXT_BYTES = 64 * 1024**2  # of one text file: three hundred long interviews
Found = tuple[str, list[str], dict[tuple[str, str], int]]  # text, speakers of lines, losses
NUMBER_WIDTH = 3  # of a segment within its document, wider where there are more


def read_transcript(path: Path) -> Corpus:
    """Return the document of one file, named after it, with segments and losses.

    Parameters
    ----------
    path : Path
        As of `read_transcripts`.

    Returns
    -------
    Corpus
    """
    return read_transcripts([(path, path.stem, path.name)])


def read_transcripts(files: Iterable[tuple[Path, str, str]]) -> Corpus:
    """Return the documents of several files.

    Parameters
    ----------
    files : iterable of (path, doc_id, source_file)
        `.docx` or `.txt` (UTF-8, UTF-8 or UTF-16 with a byte order mark, GB18030).

    Returns
    -------
    Corpus
        `documents` (case, role and date empty), `segments`, `losses`.

    Raises
    ------
    CorpusError
        When a file is of another kind, damaged, hostile, in no known encoding, or without text.
    """
    documents: list[dict[str, Any]] = []
    losses: list[dict[str, Any]] = []
    spoken: dict[str, list[str]] = {}
    for path, doc_id, shown in files:
        text, speakers, lost = _read(path, shown)
        documents.append({
            "doc_id": doc_id, "name": path.stem, "text": text, "lang": language_of(text),
            "source_file": shown, "text_sha256": text_sha256(text),
        })  # fmt: skip
        spoken[doc_id] = speakers
        losses += loss_rows(shown, lost)
    frame = table("documents", documents)
    return Corpus(
        documents=frame, segments=segments_of(frame, spoken), losses=table("losses", losses)
    )


def _read(path: Path, shown: str) -> Found:
    suffix = path.suffix.casefold()
    if suffix not in SUFFIXES:
        raise CorpusError(f"{shown}: a transcript is a .docx or a .txt file")
    text, speakers, losses = (_from_docx if suffix == ".docx" else _from_txt)(path, shown)
    if not text.strip():
        raise CorpusError(f"{shown}: holds no text")
    if not any(speakers):
        losses["speaker", "no speaker recognised: each paragraph counts as a turn"] = 1
    return text, speakers, losses


def _from_txt(path: Path, shown: str) -> Found:
    refuse_web_page(path, file_head(path))
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise CorpusError(f"{shown}: is larger than {MAX_TEXT_BYTES // 1024**2} MB: split it")
    raw, encoding = decode_text(path.read_bytes(), shown)
    plain = plain_text(raw)
    losses = dropped_losses(plain)
    if encoding == "gb18030":
        losses["encoding", "not UTF-8: read as GB18030, see that the text is right"] = 1
    return plain.text, speakers_of_lines(plain.text.split("\n")), losses


def _from_docx(path: Path, shown: str) -> Found:
    found = read_docx(path)
    plain = plain_text("\n".join(found.lines))
    lines = plain.text.split("\n")
    speakers = speakers_of_lines(lines)
    if any(speaker_of_style(style) for style in set(found.styles)):
        speakers = [
            speaker_of_style(style) or cued
            for style, cued in zip(found.styles, cues_of_lines(lines), strict=True)
        ]
    return plain.text, speakers, dict(found.losses) | dropped_losses(plain)


def segments_of(
    documents: pd.DataFrame, speakers: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Return the paragraphs of documents as segments.

    Parameters
    ----------
    documents : DataFrame
        doc_id, text.
    speakers : mapping, optional
        Of doc_id to the speaker of each line of its text; from the cues in the text unless given.

    Returns
    -------
    DataFrame
        `Corpus.segments`: one row per line that is not blank. A turn is the consecutive paragraphs
        of one speaker; a paragraph of unknown speaker is a turn of its own.
    """
    known = speakers or {}
    rows: list[dict[str, Any]] = []
    for doc_id, text in zip(documents["doc_id"], documents["text"], strict=True):
        lines = text.split("\n")
        rows += _segments(doc_id, lines, known.get(doc_id) or speakers_of_lines(lines))
    return table("segments", rows)


def _segments(doc_id: str, lines: list[str], speakers: Sequence[str]) -> Iterator[dict[str, Any]]:
    width = max(NUMBER_WIDTH, len(str(sum(bool(line.strip()) for line in lines))))
    start = number = turn = 0
    last = ""
    for line, speaker in zip(lines, speakers, strict=True):
        end = start + len(line)
        if line.strip():
            number += 1
            turn += not speaker or speaker != last
            last = speaker
            yield {
                "seg_id": f"{doc_id}:{number:0{width}d}", "doc_id": doc_id, "start": start,
                "end": end, "turn": turn, "speaker": speaker, "text": line,
            }  # fmt: skip
        start = end + 1
