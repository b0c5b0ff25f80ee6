"""Write the simulated interviews as the files of a study: what a researcher would have.

Transcripts, the projects and the table of three coders, consent, names, a questionnaire, and the
truth they were made from. `python -m analysis.interviews.simulate` writes the study anew; the
contents are the same every time. Each file says that it is simulated where its format has a place.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.interviews.corpus import Corpus, table, text_sha256
from analysis.interviews.office_files import docx_bytes, xlsx_bytes
from analysis.interviews.refi_export import write_project
from analysis.interviews.simulated_answers import form_sheets, load_questionnaire, simulate_answers
from analysis.interviews.simulation import FILE, SUFFIX, Simulation, simulate_interviews
from analysis.interviews.truth import (
    InterviewTruth,
    code_shares,
    expected_alpha,
    expected_kappa,
    load_interview_truth,
    role_contrasts,
    theme_shares,
)
from analysis.project import Project, atomic_file, write_text
from analysis.storage import write_csv

STUDY = "interviews/simulated"
CASES = "cases"
PARAMETERS = "truth/parameters.yml"
STAMP = "SIMULATED 模拟数据"
TABLE_CODER = "C"  # hands in a table; the others hand in projects
LINKING_CODER = "A"
NOT_QUOTED = "W3"  # the participant who may not be quoted
CODED_FROM = pd.Timestamp("2023-10-09T09:00:00")
TRUTH_HEAD = (
    "# What estimates on the simulated interviews should recover; analysis.interviews.truth.\n"
)


def write_study(folder: Path, cases: Path, truth: InterviewTruth) -> None:
    """Write all files of the simulated study that are made by this module.

    Parameters
    ----------
    folder : Path
        Of the study; files of other names are left alone.
    cases : Path
        Folder with codes.csv, chains.csv and themes.csv.
    truth : InterviewTruth

    Raises
    ------
    CorpusError
        As `simulate_interviews`.
    ProjectError
        When a file cannot be written.
    """
    themes, chains = (pd.read_csv(cases / f"{name}.csv") for name in ("themes", "chains"))
    simulation = simulate_interviews(themes, truth)
    _write_transcripts(folder, simulation)
    _write_codings(folder / "codings", simulation, themes, chains)
    for name, frame in people_tables(simulation).items():
        write_csv(folder / f"{name}.csv", frame)
    _write_questionnaire(folder / "questionnaire", simulation, truth)
    _write_truth(folder / "truth", simulation, themes, truth)


def coder_corpus(
    simulation: Simulation, coder: str, themes: pd.DataFrame, chains: pd.DataFrame
) -> Corpus:
    """Return what one coder hands in: documents, codes, codings and, of one coder, links.

    Parameters
    ----------
    simulation : Simulation
    coder : str
        `A`, `B` or `C`; the tables name the coder as the files do.
    themes, chains : DataFrame
        data/raw/cases/themes.csv (theme, kind, labels) and chains.csv (source, target, relation).
    """
    name = simulation.phrases["coders"][coder]
    documents = [
        {"doc_id": doc_id, "name": doc_id, "text": text, "lang": lang,
         "source_file": f"{doc_id}.txt", "text_sha256": text_sha256(text)}
        for (doc_id, lang), text in simulation.texts.items() if lang == "zh"
    ]  # fmt: skip
    frame = themes.drop_duplicates("theme").rename(columns={"theme": "code_id"})
    codes = frame[["code_id", "kind", "label_en", "label_zh"]].assign(is_codable=True)
    own = simulation.codings[simulation.codings["coder"] == coder]
    codings = own.assign(
        coding_id=[f"{coder}{n:04d}" for n in range(1, len(own) + 1)],
        coder_id=name, origin="human", created=_times(own["order"]), source_file="",
    )  # fmt: skip
    links = coded_links(codings, chains) if coder == LINKING_CODER else []
    return Corpus(
        documents=table("documents", documents),
        codes=table("codes", _records(codes)),
        coders=table("coders", [{"coder_id": name, "name": name}]),
        codings=table("codings", _records(codings)),
        links=table("links", [{**link, "coder_id": name} for link in links]),
    )


def coded_links(codings: pd.DataFrame, chains: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the links between codings of one interview that a coder draws.

    A link is drawn where the interview has answers to both ends of a chain of the case studies and
    the coder gave both the right theme; it joins the first answer to each.

    Parameters
    ----------
    codings : DataFrame
        coding_id, doc_id, order, code_id, true_code, case_code of one coder.
    chains : DataFrame
        source, target (codes of the case studies), relation.
    """
    right = codings[(codings["code_id"] == codings["true_code"]) & (codings["case_code"] != "")]
    first = right.sort_values("order").drop_duplicates(["doc_id", "case_code"])
    ends = first[["doc_id", "case_code", "coding_id"]]
    pairs = chains.merge(
        ends.rename(columns={"case_code": "source", "coding_id": "source_id"}), on="source"
    ).merge(
        ends.rename(columns={"case_code": "target", "coding_id": "target_id"}),
        on=["doc_id", "target"],
    )  # fmt: skip
    pairs = pairs.sort_values(["source_id", "target_id"])
    return [
        {"link_id": f"L{n:03d}", "name": row.relation, "source_kind": "coding",
         "source": row.source_id, "target_kind": "coding", "target": row.target_id,
         "directed": True}
        for n, row in enumerate(pairs.itertuples(), start=1)
    ]  # fmt: skip


def people_tables(simulation: Simulation) -> dict[str, pd.DataFrame]:
    """Return the tables beside the transcripts: interviews, consent, coders, names."""
    phrases = simulation.phrases
    interviews = [
        {"file": FILE[lang].format(i.doc_id), "doc_id": i.doc_id + SUFFIX[lang],
         "participant": i.participant, "case": i.case, "role": i.role, "date": i.date, "lang": lang}
        for lang in FILE for i in simulation.interviews
    ]  # fmt: skip
    consent = [
        {"participant": i.participant, "quote": "no" if i.participant == NOT_QUOTED else "yes",
         "share": "yes", "withdrawn": ""}
        for i in simulation.interviews
    ]  # fmt: skip
    persons = [twins for town in phrases["people"].values() for twins in town]
    names = [(twins, "person") for twins in [*persons, *phrases["named_persons"]]]
    names += [(town["organization"], "organization") for town in phrases["towns"].values()]
    listed = [{"name": twins[lang], "kind": kind} for lang in FILE for twins, kind in names]
    coders = [{"name": name, "coder_id": coder} for coder, name in phrases["coders"].items()]
    rows = {"interviews": interviews, "consent": consent, "names": listed, "coders": coders}
    return {name: pd.DataFrame(found) for name, found in rows.items()}


def truth_summary(simulation: Simulation, truth: InterviewTruth, shares: pd.DataFrame) -> dict:
    """Return what estimates should recover.

    Parameters
    ----------
    shares : DataFrame
        Of `interview_truth.code_shares`.

    Returns
    -------
    dict
        theta; expected_kappa by pair and expected_alpha, both on the themes of the coded answers;
        units; theme_marginal and actor_marginal (shares among the true codings of the Chinese
        interviews, from which wrong codes are drawn); role_contrasts where a weight is not 1.
    """
    spans = simulation.spans[simulation.spans["lang"] == "zh"]
    marginal = {
        family: found.value_counts(normalize=True).sort_index().round(6).to_dict()
        for family, found in spans.groupby("family")["code_id"]
    }
    contrasts = role_contrasts(shares)
    weighted = [
        theme in truth.role_weights.get(role, {})
        for role, theme in zip(contrasts["role"], contrasts["theme"], strict=True)
    ]
    return {
        "theta": dict(truth.theta),
        "expected_kappa": {
            "-".join(p): round(k, 6) for p, k in expected_kappa(truth.theta).items()
        },
        "expected_alpha": round(expected_alpha(truth.theta), 6),
        "units": {str(k): int(n) for k, n in spans["family"].value_counts().items()},
        "theme_marginal": marginal["theme"],
        "actor_marginal": marginal["actor"],
        "role_contrasts": contrasts[weighted].round(6).to_dict("records"),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dict("records")  # type: ignore[return-value]


def _times(order: pd.Series) -> list[str]:
    times = CODED_FROM + pd.to_timedelta(2 * order, unit="min")
    return list(times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _write_transcripts(folder: Path, simulation: Simulation) -> None:
    styles = {"": "", **simulation.phrases["cues"]["zh"]}
    for interview in simulation.interviews:
        doc_id = interview.doc_id
        spoken = [styles[p.speaker] for p in simulation.passages[doc_id]]
        lines = simulation.texts[doc_id, "zh"].split("\n")
        paragraphs = list(zip(spoken, lines, strict=True))
        document = docx_bytes(paragraphs, title=f"SIMULATED interview {doc_id}", stamp=STAMP)
        _write_bytes(folder / FILE["zh"].format(doc_id), document)
        write_text(folder / FILE["en"].format(doc_id), simulation.texts[doc_id, "en"])


def _write_codings(
    folder: Path, simulation: Simulation, themes: pd.DataFrame, chains: pd.DataFrame
) -> None:
    for coder in simulation.phrases["coders"]:
        corpus = coder_corpus(simulation, coder, themes, chains)
        if coder != TABLE_CODER:
            write_project(corpus, folder / f"coder_{coder}.qdpx")
            continue
        texts = dict(zip(corpus.documents["doc_id"], corpus.documents["text"], strict=True))
        rows = corpus.codings.rename(
            columns={"doc_id": "document", "code_id": "code", "coder_id": "coder"}
        )
        places = zip(rows["document"], rows["start"], rows["end"], strict=True)
        rows["quote"] = [texts[doc_id][start:end] for doc_id, start, end in places]
        columns = ["document", "start", "end", "code", "coder", "quote", "created"]
        write_csv(folder / f"coder_{coder}.csv", rows[columns])


def _write_questionnaire(folder: Path, simulation: Simulation, truth: InterviewTruth) -> None:
    content = load_questionnaire()
    book = xlsx_bytes(form_sheets(content), title=content["title"], stamp=STAMP)
    _write_bytes(folder / "form.xlsx", book)
    answers, members = simulate_answers(simulation.interviews, content, seed=truth.seed)
    write_csv(folder / "answers.csv", answers)
    write_csv(folder / "answers-member.csv", members)


def _write_truth(
    folder: Path, simulation: Simulation, themes: pd.DataFrame, truth: InterviewTruth
) -> None:
    shares = code_shares(themes, truth)
    write_csv(folder / "planted.csv", simulation.planted)
    columns = {"code_id": "theme"}
    spans = simulation.spans.rename(columns=columns)
    write_csv(folder / "codings.csv", spans[["doc_id", "start", "end", "theme", "case_code"]])
    write_csv(folder / "expected_shares.csv", theme_shares(shares))
    summary: Mapping[str, Any] = truth_summary(simulation, truth, shares)
    text = yaml.safe_dump(summary, allow_unicode=True, sort_keys=False)
    write_text(folder / "truth.yml", TRUTH_HEAD + text)


def _write_bytes(path: Path, data: bytes) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def main() -> None:
    """Write the simulated study of this project anew."""
    project = Project.find()
    folder = project.source(STUDY)
    write_study(folder, project.source(CASES), load_interview_truth(folder / PARAMETERS))
    print(f"written: {project.shown(folder)}")


if __name__ == "__main__":
    main()
