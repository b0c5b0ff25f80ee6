"""The one form that every transcript and every coding takes here, whatever tool it came from.

A corpus is eight tables. Offsets count Unicode code points of a document's text and exclude the
end; every name resolves; what a file held and the tables do not is a row of `losses`. All that
depends on a tool's format ends at this form, all analysis starts from it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.project import ProjectError, bullet_list
from analysis.storage import read_table, write_table

COLUMNS: dict[str, dict[str, str]] = {
    "documents": {
        "doc_id": "str", "name": "str", "text": "str", "lang": "str", "case": "str",
        "role": "str", "date": "str", "source_file": "str", "text_sha256": "str",
    },
    "segments": {
        "seg_id": "str", "doc_id": "str", "start": "int64", "end": "int64", "turn": "int64",
        "speaker": "str", "text": "str",
    },
    "codes": {
        "code_id": "str", "parent": "str", "label_en": "str", "label_zh": "str", "kind": "str",
        "case": "str", "dimension": "str", "description": "str", "color": "str",
        "is_codable": "bool",
    },
    "coders": {"coder_id": "str", "name": "str"},
    "codings": {
        "coding_id": "str", "doc_id": "str", "start": "int64", "end": "int64", "code_id": "str",
        "coder_id": "str", "origin": "str", "created": "str", "source_file": "str",
    },
    "attributes": {
        "entity_kind": "str", "entity": "str", "name": "str", "type": "str", "value": "str",
    },
    "notes": {
        "note_id": "str", "target_kind": "str", "target": "str", "start": "Int64",
        "end": "Int64", "text": "str", "coder_id": "str", "created": "str",
    },
    "links": {
        "link_id": "str", "name": "str", "source_kind": "str", "source": "str",
        "target_kind": "str", "target": "str", "directed": "bool", "coder_id": "str",
    },
    "losses": {"file": "str", "element": "str", "count": "int64", "reason": "str"},
}  # fmt: skip
KEYS: dict[str, list[str]] = {
    "documents": ["doc_id"],
    "segments": ["seg_id"],
    "codes": ["code_id"],
    "coders": ["coder_id"],
    "codings": ["coding_id"],
    "attributes": ["entity_kind", "entity", "name"],
    "notes": ["note_id"],
    "links": ["link_id"],
    "losses": ["file", "element", "reason"],
}
ORIGINS = ("human", "suggested", "consensus")


class CorpusError(ProjectError):
    """A corpus contradicts itself, or a file of interviews cannot be used."""


def empty_table(name: str) -> pd.DataFrame:
    """Return a table of a corpus without rows, its columns typed."""
    return pd.DataFrame({c: pd.Series(dtype=t) for c, t in COLUMNS[name].items()})


def table(name: str, rows: Iterable[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return a typed and sorted table of a corpus.

    Parameters
    ----------
    name : str
        One of `COLUMNS`.
    rows : iterable of dict
        Columns left out are empty text, or missing where the column may be.
    """
    columns = COLUMNS[name]
    blank = {"str": "", "bool": False, "Int64": pd.NA}
    filled = [{c: row.get(c, blank.get(t)) for c, t in columns.items()} for row in rows]
    if not filled:
        return empty_table(name)
    frame = pd.DataFrame(filled).astype(columns)
    return frame.sort_values(KEYS[name], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Corpus:
    """Documents and what coders did to them.

    Attributes
    ----------
    documents : DataFrame
        doc_id, name, text, lang (`zh`, `en`), case, role, date, source_file, text_sha256. A source
        whose text the file does not hold has the empty text.
    segments : DataFrame
        seg_id, doc_id, start, end, turn (numbered from 1 in a document), speaker, text. One
        paragraph each; a turn is the consecutive paragraphs of one speaker.
    codes : DataFrame
        code_id, parent (a code_id or empty), label_en, label_zh, kind, case, dimension,
        description, color (`#RRGGBB` or empty), is_codable.
    coders : DataFrame
        coder_id, name.
    codings : DataFrame
        coding_id, doc_id, start, end, code_id, coder_id, origin (`human`, `suggested`,
        `consensus`), created (ISO 8601 or empty), source_file.
    attributes : DataFrame
        entity_kind (`document`, `case`, `participant`, `project`), entity, name, type (`text`,
        `number`, `boolean`, `date`), value.
    notes : DataFrame
        note_id, target_kind (`project`, `document`, `code`, `coding`), target, start, end (where
        the note is on a passage of a document), text, coder_id, created.
    links : DataFrame
        link_id, name, source_kind, source, target_kind, target (kinds as of notes), directed,
        coder_id.
    losses : DataFrame
        file, element, count, reason: what a file held and these tables do not.
    """

    documents: pd.DataFrame = field(default_factory=partial(empty_table, "documents"))
    segments: pd.DataFrame = field(default_factory=partial(empty_table, "segments"))
    codes: pd.DataFrame = field(default_factory=partial(empty_table, "codes"))
    coders: pd.DataFrame = field(default_factory=partial(empty_table, "coders"))
    codings: pd.DataFrame = field(default_factory=partial(empty_table, "codings"))
    attributes: pd.DataFrame = field(default_factory=partial(empty_table, "attributes"))
    notes: pd.DataFrame = field(default_factory=partial(empty_table, "notes"))
    links: pd.DataFrame = field(default_factory=partial(empty_table, "links"))
    losses: pd.DataFrame = field(default_factory=partial(empty_table, "losses"))


def text_sha256(text: str) -> str:
    """Return the sha256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check_corpus(corpus: Corpus) -> Corpus:
    """Return the corpus if it holds together.

    Raises
    ------
    CorpusError
        Listing, without quoting any text, every repeated key, name that does not resolve, offset
        outside ``0 <= start <= end <= length`` (a coding without length is kept), text that is not
        the one of its hash and segment whose text is not the one at its offsets.
    """
    problems = [
        f"{name}: {dict(row)} occurs more than once"
        for name, key in KEYS.items()
        for _, row in getattr(corpus, name).loc[lambda t, k=key: t.duplicated(k), key].iterrows()
    ]
    documents = corpus.documents.set_index("doc_id")
    codes, coders = set(corpus.codes["code_id"]), set(corpus.coders["coder_id"])
    for name in ("segments", "codings"):
        frame = getattr(corpus, name)
        problems += _unresolved(frame, name, "doc_id", set(documents.index))
        problems += _outside(frame, name, documents["text"].str.len())
    problems += _unresolved(corpus.codings, "codings", "code_id", codes)
    problems += _unresolved(corpus.codings, "codings", "coder_id", coders)
    problems += _unresolved(corpus.codes, "codes", "parent", codes | {""})
    changed = documents["text"].map(text_sha256) != documents["text_sha256"]
    problems += [f"documents: the text of {doc} is not the one of its hash" for doc in
                 documents.index[changed]]  # fmt: skip
    texts = documents["text"].to_dict()
    places = corpus.segments[["seg_id", "doc_id", "start", "end", "text"]]
    problems += [
        f"segments: the text of {seg_id} is not the one at its offsets"
        for seg_id, doc_id, start, end, text in places.itertuples(index=False, name=None)
        if doc_id in texts and texts[doc_id][start:end] != text
    ]
    if problems:
        raise CorpusError(bullet_list("the corpus does not hold together:", problems))
    return corpus


def _unresolved(frame: pd.DataFrame, name: str, column: str, known: set[str]) -> list[str]:
    unknown = frame.loc[~frame[column].isin(known), column].drop_duplicates()
    return [f"{name}: {column} {value!r} is not known" for value in unknown]


def _outside(frame: pd.DataFrame, name: str, lengths: pd.Series) -> list[str]:
    end = frame["doc_id"].map(lengths).astype("float64")
    wrong = frame[(frame["start"] < 0) | (frame["start"] > frame["end"]) | (frame["end"] > end)]
    return [
        f"{name}: {row[KEYS[name][0]]} in {row['doc_id']} has offsets {row['start']}, {row['end']}"
        for _, row in wrong.iterrows()
    ]


def combine(parts: Iterable[Corpus]) -> Corpus:
    """Return one corpus of several; equal rows are kept once.

    Documents, codes and coders of the same key must be equal in all parts.

    Raises
    ------
    CorpusError
        As `check_corpus`.
    """
    parts = list(parts)
    frames = {}
    for name in COLUMNS:
        stacked = pd.concat([empty_table(name), *(getattr(p, name) for p in parts)])
        frames[name] = table(name, stacked.drop_duplicates().to_dict("records"))
    return check_corpus(Corpus(**frames))


def write_corpus(corpus: Corpus, folder: Path, *, simulated: bool = False) -> None:
    """Write the tables of a corpus as parquet files into a folder."""
    for part in fields(corpus):
        write_table(
            folder / f"{part.name}.parquet",
            getattr(corpus, part.name),
            simulated=simulated,
            step="interviews import",
            profile="",
        )


def read_corpus(folder: Path) -> Corpus:
    """Read the tables that `write_corpus` or a step of the pipeline wrote.

    Raises
    ------
    CorpusError
        When documents, codes or codings are missing, or as `check_corpus`.
    """
    missing = [n for n in ("documents", "codes", "codings")
               if not (folder / f"{n}.parquet").is_file()]  # fmt: skip
    if missing:
        raise CorpusError(
            f"{folder} holds no corpus: {', '.join(f'{n}.parquet' for n in missing)} not there; "
            "python -m analysis interviews import PATH --out DIR writes one"
        )
    frames = {}
    for name, columns in COLUMNS.items():
        path = folder / f"{name}.parquet"
        if path.is_file():
            found = read_table(path)
            known = found[[c for c in columns if c in found]]
            frames[name] = table(name, known.to_dict("records"))
    return check_corpus(Corpus(**frames))
