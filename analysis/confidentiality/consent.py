"""Whose interview may be used: consent, withdrawal and review, fail closed.

A document passes only when all who take part in it have consented to sharing, none has withdrawn,
and a person has read and passed its masked text as it is now. Everything that refers to a document
held back goes with it, so a withdrawal empties all that is derived at the next run.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.confidentiality.deidentify import Masked
from analysis.confidentiality.pseudonyms import ConfidentialityError
from analysis.confidentiality.registers import (
    ANSWERS,
    CONSENT,
    INTERVIEWS,
    REVIEW,
    REVIEW_FILE,
    as_register,
    check_consent,
    check_review,
    is_day,
    read_register,
)
from analysis.interviews.corpus import COLUMNS, Corpus, check_corpus, table, text_sha256
from analysis.project import bullet_list, write_text
from analysis.storage import write_csv

MAY_QUOTE = "may_quote"
REVIEW_FOLDER = ".review"
UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]|^\.')

People = dict[str, list[str]]
Permits = dict[str, dict[str, bool]]


@dataclass(frozen=True)
class Admitted:
    """What may be used, and why the rest may not.

    Attributes
    ----------
    corpus : Corpus
        Its attributes say for each document `may_quote`: `true` or `false`.
    held : DataFrame
        doc_id, reason, remedy: one row for each document that is held back.
    """

    corpus: Corpus
    held: pd.DataFrame


def admit(
    masked: Corpus, interviews: pd.DataFrame, consent: pd.DataFrame, review: pd.DataFrame
) -> Admitted:
    """Return the documents that may be used, with all that refers to them, and the others' reasons.

    Parameters
    ----------
    masked : Corpus
        Of `deidentify`.
    interviews : DataFrame
        doc_id, participant; several rows of a document for an interview with several people.
    consent : DataFrame
        participant, quote, share (`yes` or `no`), withdrawn (day of withdrawal or empty).
    review : DataFrame
        doc_id, text_sha256 (of the masked text that was read), reviewer, date, decision (`pass` or
        `hold`); of several rows for a text the last counts.

    Raises
    ------
    ConfidentialityError
        When a row of a register cannot be read (every one is listed), or no document passes.
    """
    interviews = as_register(interviews, INTERVIEWS, "interviews.csv")
    consent = as_register(consent, CONSENT, "consent.csv")
    review = as_register(review, REVIEW, REVIEW_FILE)
    check_consent(consent)
    check_review(review)
    permits = _permits(consent)
    people: People = {}
    for doc_id, name in zip(interviews["doc_id"], interviews["participant"], strict=True):
        people.setdefault(doc_id, []).append(name)
    verdicts = {
        doc_id: _consent_fault(people.get(doc_id, []), permits)
        or _review_fault(doc_id, sha, review)
        for doc_id, sha in zip(
            masked.documents["doc_id"], masked.documents["text_sha256"], strict=True
        )
    }
    held = pd.DataFrame(
        [(doc_id, *verdict) for doc_id, verdict in verdicts.items() if verdict],
        columns=["doc_id", "reason", "remedy"],
    ).astype("str")
    kept = {doc_id for doc_id, verdict in verdicts.items() if not verdict}
    if not kept:
        raise ConfidentialityError(_none_passes(held))
    quotable = {d: all(permits[p]["quote"] for p in people[d]) for d in kept}
    return Admitted(
        _with_quoting(_only(masked, kept, _staying(kept, people, permits)), quotable), held
    )


def _none_passes(held: pd.DataFrame) -> str:
    counted = Counter(zip(held["reason"], held["remedy"], strict=True))
    lines = [f"{n} document(s): {reason}. {remedy}" for (reason, remedy), n in counted.items()]
    return bullet_list("no interview may be used:", lines or ["the study has no document"])


def _permits(consent: pd.DataFrame) -> Permits:
    return {
        row["participant"]: {
            "quote": ANSWERS[row["quote"].lower()],
            "share": ANSWERS[row["share"].lower()],
            "withdrawn": row["withdrawn"] != "",
        }
        for _, row in consent.iterrows()
    }


def _consent_fault(people: list[str], permits: Permits) -> tuple[str, str] | None:
    """Why a document may not be shared, and what can be done; None if it may."""
    if not people or not all(people):
        return "no participant", "Give its participant in interviews.csv."
    if any(p in permits and permits[p]["withdrawn"] for p in people):
        return "consent withdrawn", "Nothing: delete the files of the interview."
    if any(p not in permits for p in people):
        return "no consent on record", "Ask the participant and add a row to consent.csv."
    if not all(permits[p]["share"] for p in people):
        return "no consent to sharing", "Nothing, unless the participant agrees."
    return None


def _review_fault(doc_id: str, sha: str, review: pd.DataFrame) -> tuple[str, str] | None:
    """Why a document is not passed by a reviewer, and what can be done; None if it is."""
    read = f"Read it in {REVIEW_FOLDER}/ and approve it."
    own = review[(review["doc_id"] == doc_id) & (review["reviewer"] != "")]
    if own.empty:
        return "not reviewed", read
    current = own.loc[own["text_sha256"] == sha, "decision"]
    if current.empty:
        return "changed since its review", read
    if current.iloc[-1] != "pass":
        return "held back by its reviewer", "Mend what the reviewer saw, then have it read again."
    return None


# --- what is kept --------------------------------------------------------------------------------


def _staying(kept: set[str], people: People, permits: Permits) -> set[str]:
    """Participants of the documents kept, and those who consent but were not interviewed."""
    interviewed = {p for group in people.values() for p in group}
    others = {p for p, may in permits.items() if may["share"] and not may["withdrawn"]}
    return {p for doc_id in kept for p in people[doc_id]} | (others - interviewed)


def _only(corpus: Corpus, kept: set[str], staying: set[str]) -> Corpus:
    """A corpus of some of its documents, without anything that refers to the others."""
    documents = corpus.documents[corpus.documents["doc_id"].isin(kept)]
    codings = corpus.codings[corpus.codings["doc_id"].isin(kept)]
    gone = {
        "document": set(corpus.documents["doc_id"]) - kept,
        "coding": set(corpus.codings["coding_id"]) - set(codings["coding_id"]),
        "case": _entities(corpus, "case") - set(documents["case"]),
        "participant": _entities(corpus, "participant") - staying,
    }
    losses = corpus.losses
    left = set(corpus.documents["source_file"]) - set(documents["source_file"])
    return check_corpus(
        replace(
            corpus,
            documents=documents.reset_index(drop=True),
            segments=corpus.segments[corpus.segments["doc_id"].isin(kept)].reset_index(drop=True),
            codings=codings.reset_index(drop=True),
            attributes=_without(corpus.attributes, gone, [("entity_kind", "entity")]),
            notes=_without(corpus.notes, gone, [("target_kind", "target")]),
            links=_without(
                corpus.links, gone, [("source_kind", "source"), ("target_kind", "target")]
            ),
            losses=losses[~losses["file"].isin(left)].reset_index(drop=True),
        )
    )


def _entities(corpus: Corpus, kind: str) -> set[str]:
    return set(corpus.attributes.loc[corpus.attributes["entity_kind"] == kind, "entity"])


def _without(
    frame: pd.DataFrame, gone: dict[str, set[str]], columns: list[tuple[str, str]]
) -> pd.DataFrame:
    """A table without the rows of which a (kind, name) pair of columns is gone."""
    stays = np.ones(len(frame), dtype=bool)
    for kind_column, column in columns:
        pairs = zip(frame[kind_column], frame[column], strict=True)
        stays &= np.array([name not in gone.get(kind, set()) for kind, name in pairs], dtype=bool)
    return frame[stays].reset_index(drop=True)


def _with_quoting(corpus: Corpus, quotable: dict[str, bool]) -> Corpus:
    said = (corpus.attributes["entity_kind"] == "document") & (
        corpus.attributes["name"] == MAY_QUOTE
    )
    others = corpus.attributes[~said]
    rows = [
        {"entity_kind": "document", "entity": doc_id, "name": MAY_QUOTE, "type": "boolean",
         "value": str(may).lower()}
        for doc_id, may in quotable.items()
    ]  # fmt: skip
    stacked = pd.concat([others, table("attributes", rows)], ignore_index=True)
    ordered = stacked.sort_values(["entity_kind", "entity", "name"], ignore_index=True)
    return replace(corpus, attributes=ordered.astype(COLUMNS["attributes"]))


# --- review --------------------------------------------------------------------------------------


def write_review(masked: Masked, folder: Path) -> Path:
    """Write the masked texts and the queue for a person to read; return the folder.

    Files of documents that are no longer in the corpus go, so that a withdrawn interview does not
    stay behind.

    Parameters
    ----------
    masked : Masked
        Of `deidentify`.
    folder : Path
        Folder of the study; the files lie in `.review/` in it: one text per document,
        documents.csv (doc_id, file, text_sha256, places to look at) and queue.csv.
    """
    target = folder / REVIEW_FOLDER
    documents = masked.corpus.documents
    files = {doc_id: review_file(doc_id) for doc_id in documents["doc_id"]}
    for old in target.glob("*.txt") if target.is_dir() else ():
        if old.name not in files.values():
            old.unlink()
    for doc_id, text in zip(documents["doc_id"], documents["text"], strict=True):
        write_text(target / files[doc_id], text)
    places = masked.queue.groupby("doc_id").size()
    listed = documents[["doc_id", "text_sha256"]].assign(
        file=documents["doc_id"].map(files),
        places=documents["doc_id"].map(places).fillna(0).astype("int64"),
    )
    write_csv(target / "documents.csv", listed)
    write_csv(target / "queue.csv", masked.queue)
    return target


def review_file(doc_id: str) -> str:
    """Return the name of the file in which the masked text of a document is reviewed."""
    safe = UNSAFE.sub("_", doc_id)
    return f"{safe}.txt" if safe == doc_id else f"{safe}-{text_sha256(doc_id)[:8]}.txt"


def approve(
    folder: Path, doc_ids: Iterable[str], reviewer: str, date: str, masked: Masked
) -> pd.DataFrame:
    """Record that a person has read the masked texts and passes them; return the new register.

    Parameters
    ----------
    folder : Path
        Folder of the study, which holds `.review/` and review.csv.
    doc_ids : iterable of str
    reviewer : str
        Initials or another name by which the team knows who read.
    date : str
        Day of the review, YYYY-MM-DD.
    masked : Masked
        Of `deidentify`: the texts as they are now.

    Raises
    ------
    ConfidentialityError
        Listing every document that is not there, was not written for review or has changed since,
        and when the reviewer or the day is missing.
    """
    documents = masked.corpus.documents
    shas = dict(zip(documents["doc_id"], documents["text_sha256"], strict=True))
    texts = dict(zip(documents["doc_id"], documents["text"], strict=True))
    wanted = list(dict.fromkeys(doc_ids))
    problems = [] if reviewer.strip() else ["no reviewer: give initials"]
    problems += [] if is_day(date) else [f"date {date!r} is no day: write YYYY-MM-DD"]
    problems += [fault for d in wanted if (fault := _unread(folder, d, texts.get(d)))]
    if problems:
        raise ConfidentialityError(bullet_list("nothing was approved:", problems))
    before = read_register(folder / REVIEW_FILE, REVIEW)
    rows = [
        {"doc_id": d, "text_sha256": shas[d], "reviewer": reviewer.strip(), "date": date,
         "decision": "pass"}
        for d in wanted
    ]  # fmt: skip
    register = pd.concat([before, pd.DataFrame(rows, columns=list(REVIEW))], ignore_index=True)
    write_csv(folder / REVIEW_FILE, register)
    return register


def _unread(folder: Path, doc_id: str, text: str | None) -> str:
    """Why a document cannot have been read as it is now; empty if it can."""
    if text is None:
        return f"{doc_id}: no such document: ids such as D01 stand in interviews.csv"
    path = folder / REVIEW_FOLDER / review_file(doc_id)
    if not path.is_file():
        return f"{doc_id}: not written for review yet"
    if path.read_bytes() != text.encode("utf-8"):
        return f"{doc_id}: its file in {REVIEW_FOLDER}/ is not the present text: write it anew"
    return ""
