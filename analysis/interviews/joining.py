"""Several files about the same interviews to one corpus.

A document of a coder's file is that of a transcript when the name is the same (or, failing that,
no other has the text) and the texts agree but for white space: then its codings are moved onto the
transcript, character by character. Where texts differ, both are kept and the losses say so.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from analysis.interviews.corpus import COLUMNS, KEYS, Corpus, empty_table, table
from analysis.interviews.naming import folded
from analysis.interviews.refi_schema import distinct, guid
from analysis.interviews.text import Alignment, align, ink, loss_table

PLACE = ["doc_id", "start", "end", "code_id", "coder_id", "origin"]
FILLED = {
    "documents": ["lang", "case", "role", "date"],
    "codes": ["label_en", "label_zh", "kind", "case", "dimension", "description", "color"],
}
SEPARATE = "another text than the document of its name: kept apart, codings stay on it"
TWICE = "a second document of one name and text: kept apart"
BY_TEXT = "no other has its name: joined to the only one with its text"
SEVERAL = "several have its name and text: joined to the first"
NO_TEXT = "the file holds no text for it: joined by name"
ALREADY = "also in an earlier file: kept once"
OTHERWISE = "described otherwise in an earlier file, which counts"
BY_NAME = "named without its path: taken for the only code of this name"


@dataclass
class _Matches:
    target: dict[str, str] = field(default_factory=dict)
    alignments: dict[str, Alignment] = field(default_factory=dict)
    losses: Counter = field(default_factory=Counter)


def stack(parts: Iterable[Corpus]) -> Corpus:
    """Return the rows of several corpora under each other; equal losses are added up."""
    parts = list(parts)
    frames = {n: pd.concat([empty_table(n), *(getattr(p, n) for p in parts)]) for n in COLUMNS}
    frames["losses"] = frames["losses"].groupby(KEYS["losses"], as_index=False)["count"].sum()
    return Corpus(**{
        n: frame.astype(COLUMNS[n]).sort_values(KEYS[n], kind="stable", ignore_index=True)
        for n, frame in frames.items()
    })  # fmt: skip


def join(base: Corpus, part: Corpus, shown: str) -> Corpus:
    """Return a corpus with what another file holds.

    Parameters
    ----------
    base : Corpus
        What was read before; its texts and descriptions count where the two differ.
    part : Corpus
        Of one file.
    shown : str
        Name of the file in `losses`.

    Returns
    -------
    Corpus
        Offsets of `part` refer to the texts of `base` where these have the document. Codings,
        notes and links of both are in it once; identifiers of `part` that are taken are new ones.
    """
    matches = _match(base.documents, part.documents)
    losses = matches.losses
    taken = dict.fromkeys(base.documents["doc_id"], 1)
    apart = {d: distinct(d, taken) for d in part.documents["doc_id"] if d not in matches.target}
    part = _moved(part, matches.target | apart, matches.alignments)
    part = _new_codings(base, _renamed_codes(base, part, losses), shown, losses)
    described = {n: _filled(getattr(base, n), getattr(part, n), n, losses) for n in FILLED}
    added = {
        "documents": part.documents[part.documents["doc_id"].isin(apart.values())],
        "segments": part.segments[part.segments["doc_id"].isin(apart.values())],
        "codes": part.codes[~part.codes["code_id"].isin(base.codes["code_id"])],
        "coders": part.coders[~part.coders["coder_id"].isin(base.coders["coder_id"])],
        "attributes": new_attributes(base.attributes, part.attributes, losses),
        "notes": _new_rows("notes", base, part),
        "links": _new_rows("links", base, part),
    }
    counted = Corpus(losses=loss_table(shown, losses))
    return stack([_replaced(base, **described), _replaced(part, **added), counted])


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _replaced(corpus: Corpus, **frames: pd.DataFrame) -> Corpus:
    return Corpus(**{n: frames.get(n, getattr(corpus, n)) for n in COLUMNS})


def _match(base: pd.DataFrame, part: pd.DataFrame) -> _Matches:
    texts = dict(zip(base["doc_id"], base["text"], strict=True))
    named: dict[str, list[str]] = {}
    for row in base.itertuples():
        for name in {folded(str(n)) for n in (row.doc_id, row.name, row.source_file)}:
            named.setdefault(name, []).append(str(row.doc_id))
    by_text = cache(lambda: _by_text(texts))
    matches, used = _Matches(), set[str]()
    for row in part.itertuples():
        doc_id, text = str(row.doc_id), str(row.text)
        candidates = named.get(folded(str(row.name))) or named.get(folded(doc_id)) or []
        found = {c: a for c in candidates if (a := _alignment(text, texts[c]))}
        reason = SEVERAL if len(found) > 1 else "" if text.strip() else NO_TEXT
        if not candidates and text.strip():
            same = by_text().get(ink(text)[0], [])
            found = {c: a for c in same[:1] if len(same) == 1 and (a := align(text, texts[c]))}
            reason = BY_TEXT
        target = next((c for c in found if c not in used), None)
        if target is None:
            matches.losses["document", TWICE if found else SEPARATE] += bool(candidates)
            continue
        matches.losses["document", reason] += bool(reason)
        used.add(target)
        matches.target[doc_id], matches.alignments[doc_id] = target, found[target]
    return matches


def _alignment(text: str, target: str) -> Alignment | None:
    if text.strip():
        return align(text, target)
    nothing = np.zeros(0, dtype=np.int64)
    return Alignment(nothing, nothing, 0, False)


def _by_text(texts: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for doc_id, text in texts.items():
        found.setdefault(ink(text)[0], []).append(doc_id)
    return found


def _moved(part: Corpus, names: dict[str, str], alignments: dict[str, Alignment]) -> Corpus:
    """Return a corpus with documents renamed and offsets on the texts that they are joined to."""
    codings, notes = part.codings.copy(), part.notes.copy()
    _move(codings, codings["doc_id"], alignments)
    on_passage = (notes["target_kind"] == "document") & notes["start"].notna()
    _move(notes, notes["target"].where(on_passage), alignments)
    return rename_documents(_replaced(part, codings=codings, notes=notes), names)


def _move(frame: pd.DataFrame, documents: pd.Series, alignments: dict[str, Alignment]) -> None:
    for doc_id, rows in frame.groupby(documents).groups.items():
        if alignment := alignments.get(str(doc_id)):
            place = [frame.loc[rows, c].to_numpy(dtype=np.int64) for c in ("start", "end")]
            frame.loc[rows, "start"], frame.loc[rows, "end"] = alignment.move(*place)


def rename_documents(corpus: Corpus, names: dict[str, str]) -> Corpus:
    """Return a corpus with other doc_ids, wherever they stand.

    Parameters
    ----------
    corpus : Corpus
    names : dict
        From the doc_id to the new one; one left out stays.
    """
    frames = {n: getattr(corpus, n).copy() for n in COLUMNS}
    for name in ("documents", "segments", "codings"):
        frames[name]["doc_id"] = frames[name]["doc_id"].map(lambda d: names.get(d, d))
    segments = frames["segments"]
    segments["seg_id"] = [
        f"{doc}:{seg.rpartition(':')[2]}" if seg.rpartition(":")[0] in names else seg
        for seg, doc in zip(segments["seg_id"], segments["doc_id"], strict=True)
    ]
    return _retargeted(Corpus(**frames), names, "document")


def _retargeted(corpus: Corpus, names: dict[str, str], kind: str = "coding") -> Corpus:
    columns = {
        "attributes": [("entity_kind", "entity")],
        "notes": [("target_kind", "target")],
        "links": [("source_kind", "source"), ("target_kind", "target")],
    }
    frames = {n: getattr(corpus, n).copy() for n in columns}
    for name, pairs in columns.items():
        for kind_column, column in pairs:
            of_kind = frames[name][kind_column] == kind
            new = frames[name][column].map(lambda d: names.get(d, d))
            frames[name][column] = frames[name][column].where(~of_kind, new)
    return _replaced(corpus, **frames)


def _renamed_codes(base: Corpus, part: Corpus, losses: Counter) -> Corpus:
    """Return a corpus whose codes without path are those of `base` that end in their name."""
    known = set(base.codes["code_id"])
    ends: dict[str, set[str]] = {}
    for row in base.codes.itertuples():
        for name in (str(row.code_id).removeprefix(f"{row.parent}/"), row.label_en, row.label_zh):
            ends.setdefault(str(name), set()).add(str(row.code_id))
    parents = set(part.codes["parent"])
    single = part.codes[(part.codes["parent"] == "") & ~part.codes["code_id"].isin(parents)]
    names = {c: next(iter(ends[c])) for c in single["code_id"]
             if c not in known and len(ends.get(c, ())) == 1}  # fmt: skip
    losses["code", BY_NAME] += len(names)
    codes = part.codes[~part.codes["code_id"].isin(names)]
    codings = part.codings.assign(code_id=part.codings["code_id"].map(lambda c: names.get(c, c)))
    return _retargeted(_replaced(part, codes=codes, codings=codings), names, "code")


def _new_codings(base: Corpus, part: Corpus, shown: str, losses: Counter) -> Corpus:
    """Return a corpus without the codings of `base`; what refers to them refers to those."""
    known = _by_place(base.codings)
    taken = set(base.codings["coding_id"])
    places = list(part.codings[PLACE].itertuples(index=False, name=None))
    ids: dict[str, str] = {}
    fresh = []
    for coding_id, place in zip(part.codings["coding_id"], places, strict=True):
        fresh.append(place not in known)
        if not fresh[-1]:
            ids[coding_id] = known[place]
        elif coding_id in taken:
            ids[coding_id] = guid("coding of", shown, coding_id)
    losses["coding", ALREADY] += len(fresh) - sum(fresh)
    codings = part.codings[np.array(fresh, dtype=bool)]
    codings = codings.assign(coding_id=codings["coding_id"].map(lambda c: ids.get(c, c)))
    return _retargeted(_replaced(part, codings=codings), ids)


def _by_place(codings: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    places = codings[PLACE].itertuples(index=False, name=None)
    return dict(zip(places, codings["coding_id"], strict=True))


def _filled(base: pd.DataFrame, part: pd.DataFrame, name: str, losses: Counter) -> pd.DataFrame:
    """Return the rows of `base`, empty cells filled from `part`; a bare identifier is no label."""
    key = KEYS[name][0]
    others = {
        row[key]: {c: "" if c != key and value == row[key] else value for c, value in row.items()}
        for row in _rows(part)
    }
    rows = _rows(base)
    for row in rows:
        other = others.get(row[key], row)
        differing = [c for c in FILLED[name] if row[c] and other[c] and row[c] != other[c]]
        losses[name.removesuffix("s"), OTHERWISE] += bool(differing)
        row.update({c: other[c] for c in FILLED[name] if not row[c]})
    return table(name, rows)


def new_attributes(base: pd.DataFrame, part: pd.DataFrame, losses: Counter) -> pd.DataFrame:
    """Return the attributes of `part` that `base` lacks; other values are counted as losses."""
    columns = KEYS["attributes"]
    known = dict(zip(base[columns].itertuples(index=False, name=None), base["value"], strict=True))
    keys = list(part[columns].itertuples(index=False, name=None))
    changed = [known.get(k, v) != v for k, v in zip(keys, part["value"], strict=True)]
    losses["attribute", OTHERWISE] += sum(changed)
    return part[[k not in known for k in keys]]


def _new_rows(name: str, base: Corpus, part: Corpus) -> pd.DataFrame:
    """Return the rows of `part` that are not in `base`; a taken identifier gets a number."""
    key = KEYS[name][0]
    earlier = _rows(getattr(base, name))
    known = {repr(row) for row in earlier}
    taken = {row[key]: 1 for row in earlier}
    new = [row for row in _rows(getattr(part, name)) if repr(row) not in known]
    return table(name, [row | {key: distinct(row[key], taken)} for row in new])
