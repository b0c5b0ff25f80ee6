"""A study folder to one corpus: matching, exact moves, one coding once, descriptions, losses."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.interviews.corpus import (
    COLUMNS,
    Corpus,
    CorpusError,
    check_corpus,
    table,
    text_sha256,
)
from analysis.interviews.importing import import_interviews, study_files
from analysis.interviews.joining import join, rename_documents, stack
from analysis.interviews.refi_export import write_codebook, write_project

TEXT = "问：收成怎样？\n答：今年收成不错，比去年好。\n问：缺什么？\n答：缺资金，也缺劳动力。"
PASSAGES = {"收成": "今年收成不错", "资金": "缺资金"}

few = settings(max_examples=40, deadline=None)


def corpus_of(
    text: str, name: str = "访谈1", coder: str = "A", passages: Iterable[str] = PASSAGES
) -> Corpus:
    """Project of one coder: `PASSAGES` in a text that may differ in white space."""
    bare = [k for k, c in enumerate(text) if not c.isspace()]
    inked = "".join(text[k] for k in bare)
    rows = []
    for code in passages:
        at = inked.index(PASSAGES[code])
        rows.append({
            "coding_id": f"{coder}-{code}", "doc_id": name, "start": bare[at],
            "end": bare[at + len(PASSAGES[code]) - 1] + 1, "code_id": code, "coder_id": coder,
            "origin": "human", "source_file": f"{coder}.qdpx",
        })  # fmt: skip
    return Corpus(
        documents=table("documents", [{
            "doc_id": name, "name": name, "text": text, "lang": "zh",
            "text_sha256": text_sha256(text),
        }]),
        codes=table("codes", [{"code_id": c, "label_zh": c, "is_codable": True} for c in PASSAGES]),
        coders=table("coders", [{"coder_id": coder, "name": coder}]),
        codings=table("codings", rows),
    )  # fmt: skip


def passages(corpus: Corpus) -> list[tuple[str, str, str]]:
    """Coder, code and the text at the offsets, in order."""
    texts = dict(zip(corpus.documents["doc_id"], corpus.documents["text"], strict=True))
    columns = ["coder_id", "code_id", "doc_id", "start", "end"]
    rows = corpus.codings[columns].values.tolist()
    return sorted((coder, code, texts[doc_id][a:b]) for coder, code, doc_id, a, b in rows)


def study(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def project(path: Path, corpus: Corpus) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_project(corpus, path)


def losses_of(corpus: Corpus) -> set[tuple[str, str]]:
    return set(zip(corpus.losses["file"], corpus.losses["reason"], strict=True))


def test_transcript_and_three_coders_become_one_document(tmp_path):
    study(tmp_path, {
        "transcripts/访谈1.txt": TEXT,
        "codings/C.csv": "document,start,end,code,quote\n访谈1.docx,12,18,收成,今年收成不错\n",
        "coders.csv": "name,coder_id\nＡnna,A\n",
    })  # fmt: skip
    project(tmp_path / "codings/a.qdpx", corpus_of(TEXT.replace("\n", "\n\n "), coder="anna"))
    project(tmp_path / "codings/b.qdpx", corpus_of(TEXT, coder="B"))
    corpus = import_interviews(tmp_path)
    assert corpus.documents["doc_id"].tolist() == ["访谈1"]
    assert corpus.documents["text"].tolist() == [TEXT]
    assert passages(corpus) == [
        *(("A", code, PASSAGES[code]) for code in sorted(PASSAGES)),
        *(("B", code, PASSAGES[code]) for code in sorted(PASSAGES)),
        ("C", "收成", PASSAGES["收成"]),
    ]
    assert corpus.coders["coder_id"].tolist() == ["A", "B", "C"]
    assert corpus.segments["speaker"].tolist() == ["interviewer", "interviewee"] * 2
    assert not {reason for _, reason in losses_of(corpus)} & {"", "apart"}


@few
@given(st.data())
def test_codings_move_exactly_whatever_the_white_space(data):
    blanks = st.text(" \n\t\u3000", max_size=2)
    spread = "".join(c + data.draw(blanks) for c in TEXT)
    first = corpus_of(TEXT, coder="A", passages=[])
    joined = check_corpus(join(first, corpus_of(spread, coder="B"), "b.qdpx"))
    assert passages(joined) == [("B", code, PASSAGES[code]) for code in sorted(PASSAGES)]
    back = check_corpus(join(corpus_of(spread, coder="A", passages=[]), corpus_of(TEXT), "a.qdpx"))
    assert ["".join(text.split()) for _, _, text in passages(back)] == [
        PASSAGES[code] for code in sorted(PASSAGES)
    ]


def test_notes_links_and_attributes_follow_their_document():
    other = corpus_of(TEXT.replace("\n", " \n"), name="Interview １.docx")
    place = other.codings.set_index("code_id").loc["收成"]
    full = Corpus(**{
        **vars(other),
        "notes": table("notes", [
            {"note_id": "1", "target_kind": "document", "target": "Interview １.docx", "text": "n",
             "start": place["start"], "end": place["end"]},
            {"note_id": "2", "target_kind": "coding", "target": "A-收成", "text": "m"},
        ]),
        "links": table("links", [{"link_id": "1", "source_kind": "coding", "source": "A-收成",
                                  "target_kind": "document", "target": "Interview １.docx"}]),
        "attributes": table("attributes", [{"entity_kind": "document", "name": "age", "value": "5",
                                            "entity": "Interview １.docx", "type": "number"}]),
    })  # fmt: skip
    base = Corpus(**{
        **vars(corpus_of(TEXT, name="interview1", passages=[])),
        "notes": table("notes", [{"note_id": "1", "target_kind": "project", "text": "mine"}]),
    })  # fmt: skip
    joined = check_corpus(join(base, full, "a.qdpx"))
    notes = joined.notes.set_index("text")
    assert notes["note_id"].to_dict() == {"mine": "1", "n": "1 (2)", "m": "2"}
    start, end = notes.loc[["n"], ["start", "end"]].values.tolist()[0]
    assert TEXT[start:end] == "今年收成不错"
    assert notes.loc["n", "target"] == "interview1"
    assert joined.links[["source", "target"]].values.tolist() == [["A-收成", "interview1"]]
    assert joined.attributes["entity"].tolist() == ["interview1"]


def test_a_text_that_differs_stays_a_document_of_its_own():
    changed = TEXT.replace("不错", "很好").replace("今年收成很好", "今年收成不错") + "补充"
    joined = check_corpus(join(corpus_of(TEXT, passages=[]), corpus_of(changed), "a.qdpx"))
    assert joined.documents["doc_id"].tolist() == ["访谈1", "访谈1 (2)"]
    assert set(joined.codings["doc_id"]) == {"访谈1 (2)"}
    assert passages(joined) == [("A", code, PASSAGES[code]) for code in sorted(PASSAGES)]
    assert joined.losses["element"].tolist() == ["document"]
    assert "kept apart" in joined.losses["reason"][0]


def test_documents_match_by_text_only_when_no_name_fits_and_one_has_it():
    base = join(corpus_of(TEXT, passages=[]), corpus_of(TEXT + "x", "b", passages=[]), "b")
    joined = check_corpus(join(base, corpus_of(TEXT + " x", "renamed"), "a.qdpx"))
    assert set(joined.codings["doc_id"]) == {"b"}
    assert "no other has its name" in joined.losses["reason"][0]
    twice = stack([
        corpus_of(TEXT, passages=[]),
        Corpus(documents=corpus_of(TEXT, "b").documents),
    ])  # fmt: skip
    joined = check_corpus(join(twice, corpus_of(TEXT, "renamed"), "a.qdpx"))
    assert set(joined.codings["doc_id"]) == {"renamed"}


def test_two_documents_of_one_name_do_not_share_a_transcript():
    second = corpus_of(TEXT + "\n", "访谈1.docx", coder="B")
    part = stack([corpus_of(TEXT), Corpus(**{**vars(second), "codes": Corpus().codes})])
    joined = check_corpus(join(corpus_of(TEXT, passages=[]), part, "maxqda.qdpx"))
    assert len(joined.documents) == 2 and len(joined.codings) == 4
    assert joined.codings.groupby("doc_id").size().to_dict() == {"访谈1": 2, "访谈1.docx": 2}
    assert "second document" in joined.losses["reason"][0]


def test_a_coding_in_two_files_is_kept_once_and_new_identifiers_are_made():
    first, again = corpus_of(TEXT), corpus_of(TEXT)
    again = Corpus(**{
        **vars(again),
        "codings": again.codings.assign(coding_id=["A-资金", "A-收成"]),  # exchanged
        "notes": table("notes", [{"note_id": "1", "target_kind": "coding", "target": "A-资金"}]),
    })  # fmt: skip
    joined = check_corpus(join(first, again, "again.qdpx"))
    assert joined.codings.equals(first.codings)
    meant = again.codings.set_index("coding_id")["code_id"]["A-资金"]
    assert joined.notes["target"].tolist() == ["A-" + str(meant)]
    assert joined.losses["count"].tolist() == [2]
    other = corpus_of(TEXT, coder="B")
    other = Corpus(**{**vars(other), "codings": other.codings.assign(coding_id=["A-收成", "x"])})
    joined = check_corpus(join(first, other, "b.qdpx"))
    assert len(joined.codings) == 4 and joined.codings["coding_id"].is_unique


def test_codes_are_completed_and_found_without_their_path():
    def with_codes(*rows: dict, passages: Iterable[str] = ()) -> Corpus:
        plain = corpus_of(TEXT, passages=passages)
        return Corpus(**{**vars(plain), "codes": table("codes", rows)})

    base = with_codes(
        {"code_id": "问题"}, {"code_id": "问题/收成", "parent": "问题", "color": "#ff0000"},
        {"code_id": "a/资金", "label_zh": "资金"}, {"code_id": "b/资金", "label_zh": "资金"},
    )  # fmt: skip
    part = with_codes(
        {"code_id": "收成"}, {"code_id": "资金"}, {"code_id": "a/资金", "label_zh": "钱",
                                                "description": "money"}, passages=PASSAGES,
    )  # fmt: skip
    joined = check_corpus(join(base, part, "c.csv"))
    assert sorted(joined.codings["code_id"]) == ["资金", "问题/收成"]
    codes = joined.codes.set_index("code_id")
    assert list(codes.loc["a/资金", ["label_zh", "description"]]) == ["资金", "money"]
    assert len(codes) == 5
    assert sorted(joined.losses["reason"].str[:15]) == ["described other", "named without i"]


def test_the_bare_identifier_of_a_table_is_no_other_label():
    def labelled(label: str) -> Corpus:
        codes = table("codes", [{"code_id": "problem.land", "label_en": label}])
        return Corpus(codes=codes)

    joined = join(labelled("Land"), labelled("problem.land"), "c.csv")
    assert joined.codes["label_en"].tolist() == ["Land"] and joined.losses.empty
    joined = join(labelled("Land"), labelled("Soil"), "c.csv")
    assert joined.codes["label_en"].tolist() == ["Land"] and len(joined.losses) == 1


def test_interviews_csv_names_and_describes_documents(tmp_path):
    study(tmp_path, {
        "transcripts/B 乡.txt": TEXT, "W.txt": TEXT + "嗯",
        "interviews.csv": (
            "file,doc_id,participant,case,role,date,lang,性别\n"
            "B 乡.txt,B1,p1,B,farmer,2024-05-01,zh,女\nw.docx,,p2,W,,,,\ntool,T9,,T,,,,\n"
        ),
        "codings/c.csv": "document,code,quote\nB1,x,缺资金\nW,x,缺资金\nB 乡.txt,y,今年收成不错\n",
    })  # fmt: skip
    project(tmp_path / "codings/t.qdpx", corpus_of(TEXT + "另一篇", name="tool"))
    corpus = import_interviews(tmp_path)
    columns = ["doc_id", "case", "role", "date", "lang", "source_file"]
    assert corpus.documents[columns].values.tolist()[:1] == [
        ["B1", "B", "farmer", "2024-05-01", "zh", "transcripts/B 乡.txt"],
    ]  # fmt: skip
    assert corpus.documents["doc_id"].tolist() == ["B1", "T9", "W"]
    assert corpus.attributes[["entity", "name", "value"]].values.tolist() == [
        ["B1", "participant", "p1"], ["B1", "性别", "女"], ["W", "participant", "p2"],
    ]  # fmt: skip
    assert corpus.codings.groupby("doc_id").size().to_dict() == {"B1": 2, "T9": 2, "W": 1}
    assert corpus.segments.groupby("doc_id")["seg_id"].first().to_dict() == {
        "B1": "B1:001", "T9": "T9:001", "W": "W:001",
    }  # fmt: skip


def test_every_wrong_row_of_interviews_csv_is_listed(tmp_path):
    study(tmp_path, {"a.txt": TEXT, "b.txt": TEXT, "interviews.csv": (
        "file,doc_id,date,lang\na.txt,X,,\nb.txt,X,1 May,\nb.txt,Y,,de\n"
    )})  # fmt: skip
    with pytest.raises(CorpusError) as caught:
        import_interviews(tmp_path)
    for expected in ("row 2, column doc_id", "row 3, column file", "row 3, column date",
                     "row 4, column lang"):  # fmt: skip
        assert expected in str(caught.value)
    study(tmp_path, {"interviews.csv": "file,doc_id\nmissing.txt,M\na.txt,A\n"})
    with pytest.raises(CorpusError, match="row 2, column file: no transcript") as caught:
        import_interviews(tmp_path)
    assert "row 3" not in str(caught.value)
    study(tmp_path, {"interviews.csv": "name\na\n"})
    with pytest.raises(CorpusError, match="no column file"):
        import_interviews(tmp_path)


def test_what_is_not_read_is_said(tmp_path):
    study(tmp_path, {
        "a.txt": TEXT, "sub/a.txt": TEXT + "二", "same.txt": TEXT, "recording.wav": "x",
        "budget.csv": "item,euro\nx,1\n", "README.md": "x", ".hidden.txt": "x", "~$a.docx": "x",
        "truth/codings.csv": "x", "questionnaire/answers.csv": "x", "consent.csv": "x",
        ".review/a.txt": "x",
    })  # fmt: skip
    corpus = import_interviews(tmp_path)
    assert corpus.documents["doc_id"].tolist() == ["a", "same", "sub_a"]
    assert losses_of(corpus) == {
        ("recording.wav", "of a kind that is not read"),
        ("budget.csv", "a table, but of no codings"),
        ("same.txt", "has the text of another transcript: both are kept"),
    }
    assert {f.name for f in study_files(tmp_path)} == {
        "a.txt",
        "same.txt",
        "recording.wav",
        "budget.csv",
    }


def test_a_table_among_the_codings_must_be_one_of_codings(tmp_path):
    study(tmp_path, {"a.txt": TEXT, "codings/c.csv": "documnet,start,end,code\na,1,2,x\n"})
    with pytest.raises(CorpusError, match=r"c\.csv: is no table of codings"):
        import_interviews(tmp_path)


@pytest.mark.parametrize("name", ["a.qdpx", "a.docx", "a.qda", "a.sqlite3", "a.txt", "a.qdc"])
def test_a_web_page_under_any_name_is_called_one(tmp_path, name):
    (tmp_path / name).write_bytes(b"\n<!DOCTYPE html><html><title>Sign in</title></html>")
    with pytest.raises(CorpusError, match="this is a web page, not the file"):
        import_interviews(tmp_path)
    with pytest.raises(CorpusError, match="this is a web page, not the file"):
        import_interviews(tmp_path / name)


def test_one_file_of_each_kind(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    assert len(import_interviews(tmp_path / "a.txt").segments) == 4
    project(tmp_path / "b.qdpx", corpus_of(TEXT))
    found = import_interviews(tmp_path / "b.qdpx")
    assert passages(found) == passages(corpus_of(TEXT)) and len(found.segments) == 4
    write_codebook(corpus_of(TEXT), tmp_path / "c.qdc")
    assert len(import_interviews(tmp_path / "c.qdc").codes) == 2
    for path in (tmp_path / "none", tmp_path / "d.mp3"):
        with pytest.raises(CorpusError):
            import_interviews(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="holds no transcript"):
        import_interviews(tmp_path / "empty")


def test_renaming_reaches_every_table():
    corpus = corpus_of(TEXT)
    corpus = Corpus(**{
        **vars(corpus),
        "segments": table("segments", [{"seg_id": "访谈1:001", "doc_id": "访谈1", "start": 0,
                                        "end": 1, "turn": 1, "text": TEXT[0]}]),
        "notes": table("notes", [{"note_id": "访谈1", "target_kind": "document",
                                  "target": "访谈1"}]),
    })  # fmt: skip
    renamed = check_corpus(rename_documents(corpus, {"访谈1": "B1"}))
    assert renamed.segments["seg_id"].tolist() == ["B1:001"]
    assert renamed.notes[["note_id", "target"]].values.tolist() == [["访谈1", "B1"]]
    assert set(renamed.codings["doc_id"]) == {"B1"}


def test_joining_changes_neither_corpus():
    base, part = corpus_of(TEXT), corpus_of(TEXT + "\n", coder="B")
    before = [getattr(c, n).copy() for c in (base, part) for n in COLUMNS]
    join(base, part, "b.qdpx")
    after = [getattr(c, n) for c in (base, part) for n in COLUMNS]
    assert all(x.equals(y) for x, y in zip(before, after, strict=True))


def test_the_six_fictional_interviews_with_their_qualcoder_project(oracle, tmp_path):
    """54 codings and 15 codes at the text that QualCoder stored; six transcripts beside them."""
    folder = oracle("..") / "../refi/fictional_interviews_ccby"
    if not folder.exists():
        pytest.skip("refi/fictional_interviews_ccby: not beside the folder of ORACLE_DATA")
    for path in [*folder.glob("Transcripts/*.docx"), folder / "qualcoder_data.qda"]:
        (tmp_path / path.name).symlink_to(path.resolve())
    corpus = import_interviews(tmp_path)
    assert len(corpus.documents) == 12 and corpus.codes["is_codable"].sum() == 15
    with sqlite3.connect(f"file:{folder / 'qualcoder_data.qda'}?immutable=1", uri=True) as database:
        stored = sorted(row[0].replace("\ufeff", "") for row in
                        database.execute("SELECT seltext FROM code_text"))  # fmt: skip
    database.close()
    assert sorted(text for _, _, text in passages(corpus)) == stored and len(stored) == 54
    for row in corpus.documents[corpus.documents["source_file"].str.endswith(".docx")].itertuples():
        lines = [p.text for p in docx.Document(str(tmp_path / str(row.source_file))).paragraphs]
        assert row.text == "\n".join(lines)
