"""Take personal data out of a corpus before anything else sees it, and keep every offset right.

What the detectors find in a text becomes a mark (see `masking`), and what refers to the
text then refers to the same content. Names of documents, codes, coders and files, attributes, notes
and times go the same way. What needs the judgement of a person stands in a queue of places; neither
it nor the report holds anything of the original.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.confidentiality.masking import ROLE_LABEL, MaskedText, Masker, usual_suffix
from analysis.confidentiality.personal_data import listed_names, rule_findings, spread_names
from analysis.confidentiality.personal_finding import Finding
from analysis.confidentiality.personal_lexicon import alternatives, fold, words
from analysis.confidentiality.pseudonyms import ConfidentialityError, pseudonym
from analysis.interviews.corpus import Corpus, check_corpus, table, text_sha256
from analysis.project import bullet_list

PERSONAL_ATTRIBUTE = re.compile(
    rf"(?i){alternatives(words('personal_attributes'))}|^(?:full |first |last |given )?name$|"
    r"\bqq\b|\bip\b|birth ?da(?:te|y)"
)
MONTH = re.compile(r"((?:19|20)\d{2})[-/.年](0?[1-9]|1[0-2])(?!\d)")
ROW_ID_DIGITS = 16
REPORT = {"doc_id": "str", "kind": "str", "count": "int64"}
SPANS = {"doc_id": "str", "start": "int64", "end": "int64", "kind": "str"}
QUEUE = {"doc_id": "str", "start": "int64", "end": "int64", "kind": "str", "reason": "str"}

Rows = list[dict[str, Any]]
Texts = Mapping[str, MaskedText]


@dataclass(frozen=True)
class Masked:
    """A corpus without the personal data that could be found.

    Attributes
    ----------
    corpus : Corpus
    report : DataFrame
        doc_id, kind, count: how often a kind was masked in the text of a document; doc_id is empty
        for all other columns together.
    queue : DataFrame
        doc_id, start, end (in the masked text), kind, reason: where a person should look.
    spans : DataFrame
        doc_id, start, end (in the original text), kind: what was masked. It measures how well the
        rules find what was planted in simulated interviews.
    """

    corpus: Corpus
    report: pd.DataFrame
    queue: pd.DataFrame
    spans: pd.DataFrame


def deidentify(
    corpus: Corpus,
    *,
    key: bytes,
    names: pd.DataFrame | None = None,
    coders: pd.DataFrame | None = None,
    interviews: pd.DataFrame | None = None,
) -> Masked:
    """Return a corpus without the personal data that can be found, every offset moved along.

    Names that one text gives away are looked for in all texts. Dates keep year and month; a file is
    named after its document, other files and all ids of rows become pseudonyms.

    Parameters
    ----------
    corpus : Corpus
    key : bytes
        Of `pseudonyms.pseudonym_key`.
    names : DataFrame, optional
        Known names: columns name and kind (`person`, `village`, `place`, `organization`).
    coders : DataFrame, optional
        Columns name and coder_id: neutral names of coders. The others become pseudonyms.
    interviews : DataFrame, optional
        Column doc_id: the neutral ids. Documents that it does not list, named after their files,
        get a pseudonym; without it all ids stay.

    Raises
    ------
    ConfidentialityError
        When ids of documents, cases or participants hold personal data (they are shown masked),
        when two originals come to share a pseudonym, or as `personal_data.listed_names`.
    CorpusError
        As `check_corpus`.
    """
    if interviews is not None:
        corpus = _renamed(corpus, set(interviews["doc_id"]), key)
    found = {text: rule_findings(text) for text in corpus.documents["text"]}
    masker = Masker(key, _known_names(corpus, found, names), found)
    _refuse_telling_ids(corpus, masker)
    texts = {d: masker.mask(text, lang) for d, text, lang in
             _columns(corpus.documents, "doc_id", "text", "lang")}  # fmt: skip
    ids = _Ids(
        codes={c: masker.label(c) for c in corpus.codes["code_id"]},
        coders=_coder_ids(corpus.coders, coders, key),
        key=key,
    )
    masked = Corpus(
        documents=_documents(corpus.documents, texts, masker),
        segments=_segments(corpus.segments, texts, masker),
        codes=_codes(corpus.codes, ids, masker),
        coders=_coders(ids),
        codings=_codings(corpus.codings, texts, ids, masker),
        attributes=_attributes(corpus.attributes, masker),
        notes=_notes(corpus.notes, texts, ids, masker),
        links=_links(corpus.links, ids, masker),
        losses=_losses(corpus, masker),
    )
    return Masked(check_corpus(masked), _report(texts, masker), _queue(texts), _spans(texts))


def _known_names(
    corpus: Corpus, found: Mapping[str, list[Finding]], names: pd.DataFrame | None
) -> dict[str, Finding]:
    """Names that the rules find, that speak or that are listed; the last count most."""
    short = [*corpus.documents["name"], *corpus.notes["text"]]
    everywhere = [f for findings in found.values() for f in findings]
    spread = spread_names([*everywhere, *(f for text in short for f in rule_findings(text))])
    labels = sorted(s for s in set(corpus.segments["speaker"]) if s and not ROLE_LABEL.fullmatch(s))
    speaking = listed_names(pd.DataFrame({"name": labels, "kind": "person"}))
    return spread | speaking | listed_names(names)


def _refuse_telling_ids(corpus: Corpus, masker: Masker) -> None:
    others = corpus.attributes[corpus.attributes["entity_kind"].isin(["case", "participant"])]
    ids = [("document", doc_id) for doc_id in corpus.documents["doc_id"]]
    ids += [("case", case) for case in corpus.documents["case"].unique()]
    ids += list(_columns(others, "entity_kind", "entity"))
    masked = {(kind, shown): masker.title(shown) for kind, shown in ids}
    telling = sorted({f"{kind} {text}" for (kind, shown), text in masked.items() if text != shown})
    if telling:
        headline = (
            "ids hold personal data, shown masked here: give neutral ones in interviews.csv "
            "(columns doc_id, case, participant) and wherever else they are used:"
        )
        raise ConfidentialityError(bullet_list(headline, telling))


def _report(texts: Texts, masker: Masker) -> pd.DataFrame:
    found = [(doc_id, f.kind) for doc_id, t in texts.items() for f in t.masked_findings]
    frame = pd.DataFrame([*found, *(("", k) for k in masker.counted)], columns=["doc_id", "kind"])
    counted = frame.groupby(["doc_id", "kind"], as_index=False).size()
    return counted.rename(columns={"size": "count"}).astype(REPORT)


def _queue(texts: Texts) -> pd.DataFrame:
    rows = [
        (doc_id, f.start, f.end, f.kind, f.reason)
        for doc_id, text in texts.items() for f in text.findings if not f.certain
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(QUEUE)).astype(QUEUE)


def _spans(texts: Texts) -> pd.DataFrame:
    rows = [
        (doc_id, int(start), int(end), f.kind)
        for doc_id, text in texts.items()
        for start, end, f in zip(text.starts, text.ends, text.masked_findings, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(SPANS)).astype(SPANS)


# --- ids -----------------------------------------------------------------------------------------


def _renamed(corpus: Corpus, neutral: set[str], key: bytes) -> Corpus:
    """A corpus whose documents have pseudonyms, those with neutral ids excepted."""
    ids = {d: d if d in neutral else f"document-{pseudonym(key, 'document', d)}"
           for d in corpus.documents["doc_id"]}  # fmt: skip

    def new(frame: pd.DataFrame, kind: str, column: str) -> list[str]:
        return [ids.get(i, i) if k == "document" else i for k, i in _columns(frame, kind, column)]

    segments = corpus.segments
    places = _columns(segments, "doc_id", "seg_id")
    return replace(
        corpus,
        documents=corpus.documents.assign(doc_id=corpus.documents["doc_id"].map(ids)),
        segments=segments.assign(
            seg_id=[ids[d] + s.removeprefix(d) for d, s in places],
            doc_id=segments["doc_id"].map(ids),
        ),
        codings=corpus.codings.assign(doc_id=corpus.codings["doc_id"].map(ids)),
        attributes=corpus.attributes.assign(entity=new(corpus.attributes, "entity_kind", "entity")),
        notes=corpus.notes.assign(target=new(corpus.notes, "target_kind", "target")),
        links=corpus.links.assign(
            source=new(corpus.links, "source_kind", "source"),
            target=new(corpus.links, "target_kind", "target"),
        ),
    )


@dataclass(frozen=True)
class _Ids:
    """New ids of codes, coders and rows, and how what refers to them is translated."""

    codes: Mapping[str, str]
    coders: Mapping[str, str]
    key: bytes

    def coder(self, coder_id: str) -> str:
        known = self.coders.get(coder_id)
        return known or (_coder_pseudonym(self.key, coder_id) if coder_id else "")

    def target(self, kind: str, target: str) -> str:
        if kind == "code":
            return self.codes.get(target, target)
        return self.row("coding", target) if kind == "coding" else target

    def row(self, kind: str, row_id: str) -> str:
        """A new id of a row: tools put names of users and files into theirs."""
        return f"{kind}-{pseudonym(self.key, kind, row_id, digits=ROW_ID_DIGITS)}"


def _coder_ids(coders: pd.DataFrame, listed: pd.DataFrame | None, key: bytes) -> dict[str, str]:
    """The neutral id of each coder: the listed one, found by name or id, else a pseudonym."""
    neutral: dict[str, str] = {}
    for name, coder_id in () if listed is None else _columns(listed, "name", "coder_id"):
        neutral |= {_same(name): coder_id, _same(coder_id): coder_id}
    return {
        coder_id: neutral.get(_same(coder_id))
        or neutral.get(_same(name))
        or _coder_pseudonym(key, coder_id)
        for coder_id, name in _columns(coders, "coder_id", "name")
    }


def _same(name: str) -> str:
    return fold(name).casefold().strip()


def _coder_pseudonym(key: bytes, coder_id: str) -> str:
    return f"coder-{pseudonym(key, 'coder', coder_id)}"


# --- tables --------------------------------------------------------------------------------------


def _columns(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(frame[name] for name in names), strict=True)


def _rows(frame: pd.DataFrame) -> Rows:
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]


def _documents(documents: pd.DataFrame, texts: Texts, masker: Masker) -> pd.DataFrame:
    masked = documents.assign(
        text=[texts[d].text for d in documents["doc_id"]],
        name=[masker.title(n) for n in documents["name"]],
        role=[masker.label(r) for r in documents["role"]],
        date=[_month(d) for d in documents["date"]],
        source_file=[_named_after(*r) for r in _columns(documents, "doc_id", "source_file")],
    )
    masked["text_sha256"] = [text_sha256(t) for t in masked["text"]]
    return table("documents", _rows(masked))


def _named_after(doc_id: str, path: str) -> str:
    return f"{doc_id}{usual_suffix(path)}" if path else ""


def _segments(segments: pd.DataFrame, texts: Texts, masker: Masker) -> pd.DataFrame:
    moved = _moved(segments, texts)
    places = _columns(moved, "doc_id", "start", "end")
    return table("segments", _rows(moved.assign(
        speaker=moved["speaker"].map({s: masker.speaker(s) for s in moved["speaker"].unique()}),
        text=[texts[doc_id].text[start:end] for doc_id, start, end in places],
    )))  # fmt: skip


def _codes(codes: pd.DataFrame, ids: _Ids, masker: Masker) -> pd.DataFrame:
    masked = codes.assign(
        code_id=[ids.codes[c] for c in codes["code_id"]],
        parent=[ids.codes.get(p, p) for p in codes["parent"]],
    )
    for name in ("label_en", "label_zh", "description", "dimension", "case", "kind"):
        masked[name] = [masker.label(value) for value in codes[name]]
    return table("codes", _rows(masked))


def _coders(ids: _Ids) -> pd.DataFrame:
    return table("coders", [{"coder_id": i, "name": i} for i in sorted(set(ids.coders.values()))])


def _codings(codings: pd.DataFrame, texts: Texts, ids: _Ids, masker: Masker) -> pd.DataFrame:
    moved = _moved(codings, texts)
    files = {path: masker.file(path) for path in moved["source_file"].unique()}
    return table("codings", _rows(moved.assign(
        coding_id=[ids.row("coding", i) for i in moved["coding_id"]],
        code_id=moved["code_id"].map(dict(ids.codes)),
        coder_id=[ids.coder(c) for c in moved["coder_id"]],
        created=[_month(c) for c in moved["created"]],
        source_file=moved["source_file"].map(files),
    )))  # fmt: skip


def _attributes(attributes: pd.DataFrame, masker: Masker) -> pd.DataFrame:
    rows = _rows(attributes)
    for row in rows:
        if row["value"] and PERSONAL_ATTRIBUTE.search(row["name"]):
            row |= {"value": masker.hidden(row["value"], "number"), "type": "text"}
        elif row["type"] == "date":
            row |= {"value": _month(row["value"]), "type": "text"}
        elif row["type"] != "boolean":
            row["value"] = masker.label(row["value"])
        if row["entity_kind"] == "project":
            row["entity"] = masker.label(row["entity"])
        row["name"] = masker.label(row["name"])
    return table("attributes", rows)


def _notes(notes: pd.DataFrame, texts: Texts, ids: _Ids, masker: Masker) -> pd.DataFrame:
    rows = _rows(notes)
    for row in rows:
        if row["target_kind"] == "document" and pd.notna(row["start"]):
            ends = [np.array([row[end]], dtype=np.int64) for end in ("start", "end")]
            start, end = texts[row["target"]].move(*ends)
            row |= {"start": int(start[0]), "end": int(end[0])}
        row |= {
            "note_id": ids.row("note", row["note_id"]),
            "target": ids.target(row["target_kind"], row["target"]),
            "text": masker.label(row["text"]),
            "coder_id": ids.coder(row["coder_id"]),
            "created": _month(row["created"]),
        }
    return table("notes", rows)


def _links(links: pd.DataFrame, ids: _Ids, masker: Masker) -> pd.DataFrame:
    rows = _rows(links)
    for row in rows:
        row |= {
            "link_id": ids.row("link", row["link_id"]),
            "name": masker.label(row["name"]),
            "source": ids.target(row["source_kind"], row["source"]),
            "target": ids.target(row["target_kind"], row["target"]),
            "coder_id": ids.coder(row["coder_id"]),
        }
    return table("links", rows)


def _losses(corpus: Corpus, masker: Masker) -> pd.DataFrame:
    documents = {path: _named_after(doc_id, path) for doc_id, path in
                 _columns(corpus.documents, "doc_id", "source_file")}  # fmt: skip
    losses = corpus.losses.assign(
        file=[documents.get(f) or masker.file(f) for f in corpus.losses["file"]],
        element=[masker.label(e) for e in corpus.losses["element"]],
        reason=[masker.label(r) for r in corpus.losses["reason"]],
    )
    keys = ["file", "element", "reason"]
    summed = losses.groupby(keys)["count"].sum().to_frame().reset_index()
    return table("losses", _rows(summed))


def _moved(frame: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """A table with start and end moved into the masked texts."""
    parts = []
    for doc_id, rows in frame.groupby("doc_id", sort=False):
        start, end = texts[str(doc_id)].move(rows["start"].to_numpy(), rows["end"].to_numpy())
        parts.append(rows.assign(start=start, end=end))
    return pd.concat(parts) if parts else frame


def _month(moment: str) -> str:
    """Year and month of a date or time; nothing where it cannot be read."""
    match = MONTH.search(moment)
    return f"{match[1]}-{int(match[2]):02d}" if match else ""
