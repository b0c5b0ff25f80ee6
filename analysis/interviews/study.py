"""A study folder: what a researcher puts into it, and the only way from it to the pipeline.

Transcripts and coder files are read, masked, and admitted where consent and review allow it. The
folder itself stays where it is; what a person must read before a text may pass is written into its
hidden folder `.review`.
"""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.confidentiality.consent import Admitted, admit, approve, write_review
from analysis.confidentiality.deidentify import Masked, deidentify
from analysis.confidentiality.pseudonyms import pseudonym_key
from analysis.confidentiality.registers import read_register
from analysis.interviews.coreq import load_items
from analysis.interviews.corpus import Corpus, CorpusError, check_corpus
from analysis.interviews.importing import import_interviews, study_files
from analysis.project import write_text
from analysis.questionnaires.reading import read_questionnaire, to_attributes
from analysis.sources import read_card

QUESTIONNAIRE = "questionnaire"
PLANTED = Path("truth") / "planted.csv"
INTERVIEWS = ["file", "doc_id", "participant", "case", "role", "date", "lang"]
VIOLATIONS = ["file", "row", "column", "rule", "found", "remedy"]
CARD = """\
title: Our interviews
producer: (who made them)
citation: (how to cite them, if at all)
licence: none, not to be passed on
accessed: {today}
sensitivity: personal
use: Interviews of our own; masked, reviewed and admitted by step 10_import_interviews.
files: all
"""


@dataclass(frozen=True)
class Study:
    """A study folder as read and masked.

    Attributes
    ----------
    original : Corpus
        Confidential: never shown, never written.
    masked : Masked
    violations : DataFrame
        Answers to the questionnaire that break its form: file, row, column, rule, found, remedy.
    """

    original: Corpus
    masked: Masked
    violations: pd.DataFrame


def read_study(folder: Path) -> Study:
    """Read a study folder and mask it.

    Parameters
    ----------
    folder : Path
        With a card `source.yml`; see `import_interviews` for the rest. Answers in `questionnaire/`
        become attributes of the participants they name.

    Raises
    ------
    CorpusError, ConfidentialityError
        As `import_interviews`, `read_questionnaire`, `pseudonym_key` and `deidentify`.
    """
    corpus, violations = _with_answers(import_interviews(folder), folder / QUESTIONNAIRE)
    masked = deidentify(
        corpus,
        key=pseudonym_key(read_card(folder).simulated),
        names=read_register(folder / "names.csv", ["name", "kind"]),
        coders=read_register(folder / "coders.csv", ["name", "coder_id"]),
        interviews=read_register(folder / "interviews.csv", ["doc_id", "participant"]),
    )
    return Study(corpus, masked, violations)


def _with_answers(corpus: Corpus, folder: Path) -> tuple[Corpus, pd.DataFrame]:
    if not folder.is_dir():
        return corpus, pd.DataFrame(columns=VIOLATIONS)
    questionnaire = read_questionnaire(folder)
    columns = questionnaire.respondents.columns
    key, kind = ("doc_id", "document") if "doc_id" in columns else ("participant", "participant")
    answers = to_attributes(questionnaire, entity_kind=kind, key=key)
    known = pd.concat([corpus.attributes, answers], ignore_index=True)
    ordered = known.sort_values(["entity_kind", "entity", "name"], ignore_index=True)
    joined = check_corpus(replace(corpus, attributes=ordered))
    return joined, questionnaire.violations


def admit_study(folder: Path, masked: Masked) -> Admitted:
    """Return what consent and review allow of a masked study, and why the rest is held back.

    Raises
    ------
    ConfidentialityError
        As `consent.admit`.
    """
    return admit(
        masked.corpus,
        read_register(folder / "interviews.csv", ["doc_id", "participant"]),
        read_register(folder / "consent.csv", ["participant", "quote", "share", "withdrawn"]),
        read_register(
            folder / "review.csv", ["doc_id", "text_sha256", "reviewer", "date", "decision"]
        ),
    )


def only_admitted(frame: pd.DataFrame, admitted: Admitted) -> pd.DataFrame:
    """Return the rows that are about admitted documents, or about no document in particular."""
    return frame[frame["doc_id"].isin({"", *admitted.corpus.documents["doc_id"]})]


def masking_quality(folder: Path, masked: Masked) -> pd.DataFrame:
    """Compare what was masked with what was planted, where a study says what was planted.

    Parameters
    ----------
    folder : Path
        Of a simulated study; others have no `truth/planted.csv`.
    masked : Masked

    Returns
    -------
    DataFrame
        kind (`all` for the total), planted, masked_in_full, recall, marks, marks_right (those on
        something planted), precision. Recall and precision in percent.
        Empty where nothing is known to be planted.
    """
    columns = ["kind", "planted", "masked_in_full", "recall", "marks", "marks_right", "precision"]
    if not (folder / PLANTED).is_file():
        return pd.DataFrame(columns=columns)
    planted = pd.read_csv(folder / PLANTED)
    files = read_register(folder / "interviews.csv", ["file", "doc_id"]).set_index("file")["doc_id"]
    planted = planted.assign(doc_id=planted["file"].map(files))
    pairs = planted.reset_index().merge(
        masked.spans.reset_index(), on="doc_id", suffixes=("", "_mark")
    )
    covered = pairs[(pairs["start_mark"] <= pairs["start"]) & (pairs["end"] <= pairs["end_mark"])]
    touched = pairs[(pairs["start_mark"] < pairs["end"]) & (pairs["start"] < pairs["end_mark"])]
    items = planted.assign(found=planted.index.isin(covered["index"]))
    marks = masked.spans.assign(right=masked.spans.index.isin(touched["index_mark"]))
    counted = pd.DataFrame({
        "planted": items.groupby("kind").size(),
        "masked_in_full": items.groupby("kind")["found"].sum(),
        "marks": marks.groupby("kind").size(),
        "marks_right": marks.groupby("kind")["right"].sum(),
    }).fillna(0)  # fmt: skip
    counted.loc["all"] = counted.sum()
    counted = counted.astype(int).rename_axis("kind").reset_index()
    counted["recall"] = 100 * counted["masked_in_full"] / counted["planted"].replace(0, np.nan)
    counted["precision"] = 100 * counted["marks_right"] / counted["marks"].replace(0, np.nan)
    return counted[columns]


def start_study(folder: Path) -> list[Path]:
    """Write the registers that a study folder lacks, with a row for each document and coder found.

    Returns
    -------
    list of Path
        Files written; those already there are left as they are.

    Raises
    ------
    CorpusError
        When the folder is not there or holds nothing to read, and as `import_interviews`.
    """
    if not folder.is_dir() or not study_files(folder):
        raise CorpusError(f"{folder}: put transcripts (docx, txt) and coder files there first")
    found = import_interviews(folder)
    documents = found.documents.assign(
        file=found.documents["source_file"].where(
            ~found.documents.duplicated("source_file", keep=False), found.documents["name"]
        ),
        doc_id=[f"D{k:02d}" for k in range(1, len(found.documents) + 1)],
        participant=[f"P{k:02d}" for k in range(1, len(found.documents) + 1)],
    )
    consent = documents[["participant"]].assign(quote="no", share="no", withdrawn="")
    coders = found.coders[["name"]].assign(
        coder_id=[f"coder{k}" for k in range(1, len(found.coders) + 1)]
    )
    items = load_items().to_dict("records")
    content = {
        "source.yml": CARD.format(today=date.today().isoformat()),
        "interviews.csv": _csv(documents[INTERVIEWS]),
        "consent.csv": _csv(consent),
        "coders.csv": _csv(coders),
        "names.csv": "name,kind\n",
        "study.yml": "coreq:\n" + "".join(f'#  {i["key"]}: ""  # {i["en"]}\n' for i in items),
    }
    written = [folder / name for name in content if not (folder / name).exists()]
    for path in written:
        write_text(path, content[path.name])
    return written


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n")


def review_study(folder: Path) -> tuple[Study, Path]:
    """Mask a study and write its texts and the queue of doubtful places for a person to read.

    Returns
    -------
    tuple of Study and Path
        The folder `.review` of the study.
    """
    study = read_study(folder)
    return study, write_review(study.masked, folder)


def approve_study(folder: Path, documents: list[str], reviewer: str) -> list[str]:
    """Record that a person has read the masked texts as they are now and lets them pass.

    Returns
    -------
    list of str
        Documents approved.
    """
    study = read_study(folder)
    chosen = documents or study.masked.corpus.documents["doc_id"].tolist()
    approve(folder, chosen, reviewer, date.today().isoformat(), study.masked)
    return chosen


def quotable(corpus: Corpus) -> pd.DataFrame:
    """Return the segments of interviews whose participants agreed to be quoted."""
    said = corpus.attributes.query("entity_kind == 'document' and name == 'may_quote'")
    allowed = said.loc[said["value"] == "true", "entity"]
    return corpus.segments[corpus.segments["doc_id"].isin(allowed)]
