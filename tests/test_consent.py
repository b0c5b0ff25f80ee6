"""Consent and review: a document passes only with both, and what is held back leaves no trace."""

from dataclasses import fields, replace

import pandas as pd
import pytest

from analysis.confidentiality.consent import admit, approve, review_file, write_review
from analysis.confidentiality.deidentify import QUEUE, Masked
from analysis.confidentiality.pseudonyms import ConfidentialityError
from analysis.confidentiality.registers import CONSENT, INTERVIEWS, REVIEW, read_register
from analysis.interviews.corpus import Corpus, check_corpus, table, text_sha256

TEXTS = {"d1": "alpha alpha", "d2": "bravo bravo", "d3": "charlie"}


def corpus() -> Corpus:
    """Three documents of three participants, with something of every kind about each."""
    docs = list(TEXTS)
    return check_corpus(
        Corpus(
            documents=table("documents", [
                {"doc_id": d, "name": d, "text": t, "case": f"town {d}", "source_file": f"{d}.txt",
                 "text_sha256": text_sha256(t)} for d, t in TEXTS.items()
            ]),
            segments=table("segments", [
                {"seg_id": f"{d}:001", "doc_id": d, "start": 0, "end": len(t), "turn": 1, "text": t}
                for d, t in TEXTS.items()
            ]),
            codes=table("codes", [{"code_id": "c"}]),
            coders=table("coders", [{"coder_id": "A", "name": "A"}]),
            codings=table("codings", [
                {"coding_id": f"k-{d}", "doc_id": d, "start": 0, "end": 5, "code_id": "c",
                 "coder_id": "A", "origin": "human"} for d in docs
            ]),
            attributes=table("attributes", [
                {"entity_kind": kind, "entity": entity, "name": "x", "type": "text", "value": d}
                for d in docs
                for kind, entity in (("document", d), ("case", f"town {d}"),
                                     ("participant", f"p-{d}"))
            ]),
            notes=table("notes", [
                {"note_id": f"n-{kind}-{d}", "target_kind": kind, "target": target, "text": d}
                for d in docs for kind, target in (("document", d), ("coding", f"k-{d}"))
            ] + [{"note_id": "n-project", "target_kind": "project", "target": "", "text": "kept"}]),
            links=table("links", [
                {"link_id": f"l-{a}-{b}", "source_kind": "coding", "source": f"k-{a}",
                 "target_kind": "coding", "target": f"k-{b}"} for a in docs for b in docs if a < b
            ]),
            losses=table("losses", [
                {"file": f"{d}.txt", "element": "image", "count": 1, "reason": "no text"}
                for d in docs
            ]),
        )
    )  # fmt: skip


def interviews(**participants: str) -> pd.DataFrame:
    rows = [(d, participants.get(d, f"p-{d}")) for d in TEXTS]
    return pd.DataFrame(rows, columns=list(INTERVIEWS))


def consent(**changes: dict[str, str]) -> pd.DataFrame:
    rows = [
        {"participant": f"p-{d}", "quote": "yes", "share": "yes", "withdrawn": ""}
        | changes.get(d, {})
        for d in TEXTS
    ]
    return pd.DataFrame(rows, columns=list(CONSENT))


def reviews(**changes: dict[str, str]) -> pd.DataFrame:
    rows = [
        {"doc_id": d, "text_sha256": text_sha256(t), "reviewer": "rs", "date": "2026-01-05",
         "decision": "pass"} | changes.get(d, {})
        for d, t in TEXTS.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(REVIEW))


def all_cells(found: Corpus) -> list[str]:
    frames = [getattr(found, f.name) for f in fields(found)]
    return [str(v) for frame in frames for c in frame for v in frame[c]]


# --- what is held back ----------------------------------------------------------------------------


def test_with_consent_and_review_everything_passes():
    admitted = admit(corpus(), interviews(), consent(), reviews())
    assert admitted.held.empty
    for name in ("documents", "segments", "codings", "notes", "links", "losses", "codes"):
        pd.testing.assert_frame_equal(getattr(admitted.corpus, name), getattr(corpus(), name))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((interviews(), consent(d2={"withdrawn": "2025-11-02"}), reviews()), "consent withdrawn"),
        ((interviews(), consent(d2={"share": "no"}), reviews()), "no consent to sharing"),
        ((interviews(d2="p-x"), consent().drop(1), reviews()), "no consent on record"),
        ((interviews(d2=""), consent().drop(1), reviews()), "no participant"),
        ((interviews().drop(1), consent().drop(1), reviews()), "no participant"),
        ((interviews(), consent(), reviews().drop(1)), "not reviewed"),
        ((interviews(), consent(), reviews(d2={"reviewer": ""})), "not reviewed"),
        (
            (interviews(), consent(), reviews(d2={"text_sha256": "0" * 64})),
            "changed since its review",
        ),
        ((interviews(), consent(), reviews(d2={"decision": "hold"})), "held back by its reviewer"),
    ],
)
def test_each_reason_holds_one_document_back_with_all_that_refers_to_it(arguments, reason):
    admitted = admit(corpus(), *arguments)
    assert admitted.held[["doc_id", "reason"]].to_numpy().tolist() == [["d2", reason]]
    assert admitted.held["remedy"].ne("").all()
    left = all_cells(admitted.corpus)
    assert not [cell for cell in left if "d2" in cell or "bravo" in cell]
    assert set(admitted.corpus.documents["doc_id"]) == {"d1", "d3"}
    assert admitted.corpus.links["link_id"].tolist() == ["l-d1-d3"]
    assert "n-project" in set(admitted.corpus.notes["note_id"])


def test_a_withdrawal_goes_before_all_other_reasons():
    held = admit(
        corpus(), interviews(), consent(d2={"withdrawn": "2025-11-02", "share": "no"}),
        reviews().drop(1),
    ).held  # fmt: skip
    assert held["reason"].tolist() == ["consent withdrawn"]


def test_all_who_take_part_must_agree():
    both = pd.concat([interviews(), pd.DataFrame([{"doc_id": "d1", "participant": "p-d2"}])])
    admitted = admit(corpus(), both, consent(d2={"share": "no"}), reviews())
    assert admitted.held["doc_id"].tolist() == ["d1", "d2"]


def test_a_participant_of_another_document_keeps_what_is_said_of_them():
    shared = interviews(d2="p-d1")
    admitted = admit(corpus(), shared, consent(), reviews().drop(1))
    attributes = admitted.corpus.attributes
    participants = set(attributes.loc[attributes["entity_kind"] == "participant", "entity"])
    assert "p-d1" in participants


def test_of_those_not_interviewed_only_the_willing_stay():
    rows = [
        {"entity_kind": "participant", "entity": p, "name": "y", "type": "text", "value": "1"}
        for p in ("p-yes", "p-no", "p-unasked")
    ]
    more = [["p-yes", "no", "yes", ""], ["p-no", "yes", "no", ""]]
    asked = pd.concat([consent(), pd.DataFrame(more, columns=list(CONSENT))])
    with_more = replace(corpus(), attributes=table("attributes", rows))
    attributes = admit(with_more, interviews(), asked, reviews()).corpus.attributes
    assert set(attributes.loc[attributes["name"] == "y", "entity"]) == {"p-yes"}


def test_the_last_decision_on_the_present_text_counts():
    later = pd.concat([reviews(d2={"decision": "hold"}), reviews().iloc[[1]]], ignore_index=True)
    assert admit(corpus(), interviews(), consent(), later).held.empty
    earlier = pd.concat([reviews(), reviews(d2={"decision": "hold"}).iloc[[1]]], ignore_index=True)
    assert admit(corpus(), interviews(), consent(), earlier).held["doc_id"].tolist() == ["d2"]


def test_a_review_of_another_document_with_the_same_text_does_not_count():
    moved = reviews(d2={"doc_id": "d1"})
    assert admit(corpus(), interviews(), consent(), moved).held["doc_id"].tolist() == ["d2"]


def test_quoting_is_said_of_each_document():
    admitted = admit(corpus(), interviews(), consent(d2={"quote": "no"}), reviews())
    attributes = admitted.corpus.attributes
    said = attributes[attributes["name"] == "may_quote"]
    assert dict(zip(said["entity"], said["value"], strict=True)) == {
        "d1": "true", "d2": "false", "d3": "true"}  # fmt: skip
    assert set(said["entity_kind"]) == {"document"} and set(said["type"]) == {"boolean"}
    again = admit(admitted.corpus, interviews(), consent(), reviews()).corpus.attributes
    assert again.loc[again["name"] == "may_quote", "value"].tolist() == ["true"] * 3


def test_where_none_passes_it_stops_and_says_why():
    changed = consent(d1={"withdrawn": "2025-11-02"})
    with pytest.raises(ConfidentialityError, match=r"(?s)no interview may be used") as caught:
        admit(corpus(), interviews(), changed, reviews().iloc[:0])
    assert "1 document(s): consent withdrawn" in str(caught.value)
    assert "2 document(s): not reviewed" in str(caught.value)


def test_without_any_register_nothing_passes(tmp_path):
    registers = [read_register(tmp_path / "absent.csv", c) for c in (INTERVIEWS, CONSENT, REVIEW)]
    with pytest.raises(ConfidentialityError, match=r"3 document\(s\): no participant"):
        admit(corpus(), *registers)


# --- registers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("register", "faults"),
    [
        (
            consent(d1={"share": "maybe"}, d2={"withdrawn": "last week"}, d3={"quote": ""}),
            ["row 1: share is 'maybe'", "row 2: withdrawn", "row 3: quote is ''"],
        ),
        (
            pd.concat([consent(), consent(d1={"share": "no"}).iloc[[0]]]),
            ["row 1: participant p-d1 has more", "row 4: participant p-d1 has more"],
        ),
    ],
)
def test_an_unclear_consent_stops_everything(register, faults):
    with pytest.raises(ConfidentialityError, match=r"consent\.csv") as caught:
        admit(corpus(), interviews(), register, reviews())
    assert all(fault in str(caught.value) for fault in faults)


def test_an_unclear_decision_stops_everything():
    with pytest.raises(ConfidentialityError, match=r"review\.csv.*(?s:.*)row 2: decision is 'ok'"):
        admit(corpus(), interviews(), consent(), reviews(d2={"decision": "ok"}))


def test_a_register_without_a_column_is_refused():
    with pytest.raises(ConfidentialityError, match=r"consent\.csv: no column share"):
        admit(corpus(), interviews(), consent().drop(columns="share"), reviews())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_registers_are_read_in_the_usual_encodings(tmp_path, encoding):
    path = tmp_path / "consent.csv"
    path.write_text("participant,quote,share,withdrawn\n甲一, 是 ,否,\n", encoding=encoding)
    frame = read_register(path, CONSENT)
    assert frame.to_numpy().tolist() == [["甲一", "是", "否", ""]]


def test_chinese_answers_and_missing_cells_are_understood():
    register = consent(d2={"share": "否"}, d3={"share": "是"})
    register["withdrawn"] = [None, None, None]
    assert admit(corpus(), interviews(), register, reviews()).held["doc_id"].tolist() == ["d2"]


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "consent.csv").write_bytes(b"\xff\xff\xff\x00")
    with pytest.raises(ConfidentialityError, match=r"consent\.csv is neither"):
        read_register(tmp_path / "consent.csv", CONSENT)
    (tmp_path / "review.csv").write_text('a,b\n"1,2\n3,4,5\n', encoding="utf-8")
    with pytest.raises(ConfidentialityError, match=r"review\.csv"):
        read_register(tmp_path / "review.csv", REVIEW)


# --- review ---------------------------------------------------------------------------------------


QUEUE_ROW = pd.DataFrame([["d2", 0, 5, "person", "name without a cue"]], columns=list(QUEUE))


def masked(found: Corpus | None = None) -> Masked:
    empty = pd.DataFrame()
    return Masked(corpus() if found is None else found, empty, QUEUE_ROW, empty)


def test_what_is_written_for_review_is_the_text_and_the_places(tmp_path):
    folder = write_review(masked(), tmp_path)
    assert (folder / "d2.txt").read_text(encoding="utf-8") == TEXTS["d2"]
    listed = pd.read_csv(folder / "documents.csv")
    assert dict(zip(listed["doc_id"], listed["places"], strict=True)) == {"d1": 0, "d2": 1, "d3": 0}
    pd.testing.assert_frame_equal(pd.read_csv(folder / "queue.csv"), QUEUE_ROW)


def test_files_of_documents_that_left_go(tmp_path):
    folder = write_review(masked(), tmp_path)
    fewer = admit(corpus(), interviews(), consent(d2={"withdrawn": "2025-11-02"}), reviews()).corpus
    write_review(masked(fewer), tmp_path)
    assert sorted(p.name for p in folder.glob("*.txt")) == ["d1.txt", "d3.txt"]


def test_what_is_approved_passes_until_it_changes(tmp_path):
    write_review(masked(), tmp_path)
    approve(tmp_path, ["d1", "d2", "d3"], "rs", "2026-01-05", masked())
    register = read_register(tmp_path / "review.csv", REVIEW)
    assert admit(corpus(), interviews(), consent(), register).held.empty
    approve(tmp_path, ["d1"], "rs", "2026-01-06", masked())
    assert len(read_register(tmp_path / "review.csv", REVIEW)) == 4

    changed = corpus().documents
    changed.loc[1, ["text", "text_sha256"]] = ["bravo [x]", text_sha256("bravo [x]")]
    newer = Corpus(documents=changed)
    held = admit(newer, interviews(), consent(), register).held
    assert held[["doc_id", "reason"]].to_numpy().tolist() == [["d2", "changed since its review"]]
    with pytest.raises(ConfidentialityError, match="d2: its file in .review/ is not the present"):
        approve(tmp_path, ["d2"], "rs", "2026-01-07", masked(newer))


def test_what_nobody_could_have_read_is_not_approved(tmp_path):
    with pytest.raises(ConfidentialityError) as caught:
        approve(tmp_path, ["d1", "d9"], " ", "5 January", masked())
    for fault in ("no reviewer", "date '5 January'", "d1: not written", "d9: no such document"):
        assert fault in str(caught.value)
    assert not (tmp_path / "review.csv").exists()


def test_names_of_review_files_are_safe_and_different():
    names = [review_file(d) for d in ("a/b", "a_b", "../x", "访谈01", ".hidden", "a:b")]
    assert len(set(names)) == len(names)
    assert all("/" not in n and not n.startswith(".") and ":" not in n for n in names)
    assert "访谈01.txt" in names
