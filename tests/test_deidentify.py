"""De-identification of a corpus: nothing of the original is left, and every offset is right."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.confidentiality.deidentify import PERSONAL_ATTRIBUTE, Masked, deidentify
from analysis.confidentiality.masking import MARKS, Masker
from analysis.confidentiality.personal_data import rule_findings
from analysis.confidentiality.personal_finding import KINDS, merge
from analysis.confidentiality.pseudonyms import PUBLIC_KEY, ConfidentialityError
from analysis.interviews.corpus import Corpus, check_corpus, table, text_sha256
from analysis.interviews.importing import import_interviews

SIMULATED = Path(__file__).resolve().parents[1] / "data" / "raw" / "interviews" / "simulated"
KEY = b"a key for these tests"
PERSONAL = ["王书记", "王建国", "13812345678", "石笋庄", "11010519491231002X", "a.b@example.com"]
PLAIN = ["收入高了", "大棚坏了。", "我说", "\n", "老百姓", "", "ok "]


def corpus_of(texts: dict[str, str], **tables: pd.DataFrame) -> Corpus:
    documents = [
        {"doc_id": d, "name": d, "text": t, "lang": "zh", "text_sha256": text_sha256(t)}
        for d, t in texts.items()
    ]
    return Corpus(documents=table("documents", documents), **tables)


def codings_of(places: list[tuple[str, int, int]]) -> dict[str, pd.DataFrame]:
    rows = [
        {"coding_id": f"k{n}", "doc_id": d, "start": a, "end": b, "code_id": "c", "coder_id": "A",
         "origin": "human"}
        for n, (d, a, b) in enumerate(places)
    ]  # fmt: skip
    return {
        "codings": table("codings", rows),
        "codes": table("codes", [{"code_id": "c"}]),
        "coders": table("coders", [{"coder_id": "A", "name": "A"}]),
    }


def cells(corpus: Corpus) -> str:
    frames = [getattr(corpus, f.name) for f in fields(corpus)]
    return "\n".join(str(v) for frame in frames for c in frame for v in frame[c])


# --- offsets --------------------------------------------------------------------------------------


@st.composite
def coded_texts(draw):
    parts = draw(st.lists(st.sampled_from(PERSONAL + PLAIN), min_size=1, max_size=10))
    text = "，".join(parts)
    ends = st.integers(0, len(text))
    return text, draw(st.lists(st.tuples(ends, ends).map(sorted), max_size=6))


@settings(max_examples=150)
@given(coded_texts())
def test_every_range_covers_the_same_content(drawn):
    """Cut the text in single characters and whole marks; a range keeps the pieces it touches."""
    text, ranges = drawn
    masked = Masker(KEY, {}).mask(text, "zh")
    pieces, at = [], 0
    for start, end, mark in zip(masked.starts, masked.ends, masked.marks, strict=True):
        pieces += [(k, k + 1, text[k]) for k in range(at, start)] + [(start, end, mark)]
        at = end
    pieces += [(k, k + 1, text[k]) for k in range(at, len(text))]
    assert masked.text == "".join(content for _, _, content in pieces)
    for start, end in ranges:
        a, b = masked.move(np.array([start]), np.array([end]))
        touched = [c for first, last, c in pieces if first < end and start < last and start < end]
        assert masked.text[int(a[0]) : int(b[0])] == "".join(touched)
        assert (a[0] == b[0]) == (start == end)


@settings(max_examples=60)
@given(coded_texts())
def test_nothing_is_found_in_what_is_masked(drawn):
    masked = Masker(KEY, {}).mask(drawn[0], "zh")
    assert [f for f in merge(rule_findings(masked.text)) if f.masked] == []
    assert all(original not in masked.text for original in PERSONAL)


def test_codings_segments_and_notes_move_with_the_text():
    text = "王书记说，收入高了。\n电话13812345678没换。"
    segments = [
        {"seg_id": "d:001", "doc_id": "d", "start": 0, "end": 10, "turn": 1, "text": text[:10]},
        {"seg_id": "d:002", "doc_id": "d", "start": 11, "end": 27, "turn": 2, "text": text[11:]},
    ]
    notes = [{"note_id": "n", "target_kind": "document", "target": "d", "start": 5, "end": 9}]
    corpus = corpus_of(
        {"d": text},
        segments=table("segments", segments),
        notes=table("notes", notes),
        **codings_of([("d", 5, 9), ("d", 1, 4), ("d", 2, 2), ("d", 11, 27)]),
    )
    masked = deidentify(corpus, key=KEY).corpus
    new = masked.documents["text"][0]
    places = masked.codings.sort_values(["start", "end"])[["start", "end"]].to_numpy()
    contents = [new[a:b] for a, b in places]
    name, phone = contents[1][:-1], contents[3][2:-3]
    assert contents == ["", f"{name}说", "收入高了", f"电话{phone}没换。"]
    assert name.startswith("〔人名-") and phone.startswith("〔手机-")
    assert masked.segments["text"].tolist() == [f"{name}说，收入高了。", f"电话{phone}没换。"]
    note = masked.notes.iloc[0]
    assert new[note["start"] : note["end"]] == "收入高了"


# --- marks ----------------------------------------------------------------------------------------


def test_every_kind_has_a_mark():
    assert set(MARKS) == set(KINDS)


def test_a_person_has_one_mark_in_all_texts_and_the_language_decides_its_words():
    texts = {"a": "我叫高砚田。", "b": "去问高砚田吧。张三说。", "c": "My name is Gao Yantian."}
    corpus = corpus_of(texts)
    corpus = Corpus(documents=corpus.documents.assign(lang=["zh", "zh", "en"]))
    a, b, c = deidentify(corpus, key=KEY).corpus.documents["text"]
    mark = a.removeprefix("我叫").removesuffix("。")
    assert b.startswith(f"去问{mark}吧。〔人名-")
    assert b.count(mark) == 1
    assert c.startswith("My name is [name-")
    other = deidentify(corpus, key=b"another key, as long").corpus.documents["text"][0]
    assert other.startswith("我叫〔人名-") and other != a


def test_numbers_in_different_forms_have_one_mark():
    text = "13812345678，138-1234-5678，一三八一二三四五六七八，+86 138 1234 5678"
    masked = Masker(KEY, {}).mask(text, "zh")
    assert len(masked.marks) == 4 and len(set(masked.marks)) == 1


def test_report_and_queue_count_and_point_without_quoting():
    text = "王书记和王书记都在。去望汐村支书家，打13812345678。"
    result = deidentify(corpus_of({"d": text}), key=KEY)
    counts = result.report.set_index(["doc_id", "kind"])["count"].to_dict()
    assert counts == {("d", "mobile"): 1, ("d", "person"): 2, ("d", "village_secretary"): 1}
    queue = result.queue.iloc[0]
    masked = result.corpus.documents["text"][0]
    assert masked[queue["start"] : queue["end"]].startswith("〔村干部-")
    assert queue["reason"] == "village and an office that one person holds"
    shown = result.report.to_csv() + result.queue.to_csv()
    assert all(part not in shown for part in ("王书记", "望汐", "138"))


# --- all other columns ----------------------------------------------------------------------------


def telling_corpus() -> Corpus:
    """A corpus with personal data in every column that a tool may fill."""
    text = "高砚田：我叫高砚田。\n田守垄：好。"
    rows = [
        ("document", "d", "电话", "text", "7551234"),
        ("document", "d", "birth date", "date", "1965-03-12"),
        ("document", "d", "visited", "date", "2023-09-04"),
        ("document", "d", "remark", "text", "13812345678"),
        ("document", "d", "age", "number", "58"),
        ("project", "Zhang San's study", "basePath", "text", r"C:\Users\zhangsan\study"),
    ]
    columns = ("entity_kind", "entity", "name", "type", "value")
    attributes = table("attributes", [dict(zip(columns, a, strict=True)) for a in rows])
    documents = [{
        "doc_id": "d", "name": "高砚田_2023.docx", "text": text, "lang": "zh", "case": "B",
        "role": "farmer", "date": "2023-09-04", "source_file": "访谈/高砚田.docx",
        "text_sha256": text_sha256(text),
    }]  # fmt: skip
    coding = {
        "coding_id": "zhangsan-1", "doc_id": "d", "start": 0, "end": 3, "code_id": "问王书记",
        "coder_id": "zhangsan", "origin": "human", "created": "2023-10-05T08:30:00Z",
        "source_file": "/home/zhangsan/a.qdpx",
    }  # fmt: skip
    note = {
        "note_id": "zhangsan-n", "target_kind": "coding", "target": "zhangsan-1",
        "text": "打13812345678问高砚田", "coder_id": "zhangsan", "created": "2023-10-05",
    }  # fmt: skip
    link = {
        "link_id": "zhangsan-l", "name": "见王书记", "source_kind": "coding",
        "source": "zhangsan-1", "target_kind": "code", "target": "问王书记", "coder_id": "zhangsan",
    }  # fmt: skip
    segments = [
        {"seg_id": "d:001", "doc_id": "d", "start": 0, "end": 10, "turn": 1, "speaker": "高砚田",
         "text": text[:10]},
        {"seg_id": "d:002", "doc_id": "d", "start": 11, "end": 17, "turn": 2, "speaker": "田守垄",
         "text": text[11:]},
    ]  # fmt: skip
    return check_corpus(
        Corpus(
            documents=table("documents", documents),
            segments=table("segments", segments),
            codes=table("codes", [{"code_id": "问王书记", "label_zh": "问王书记",
                                   "description": "见石笋庄"}]),
            coders=table("coders", [{"coder_id": "zhangsan", "name": "Zhang San"}]),
            codings=table("codings", [coding]),
            attributes=attributes,
            notes=table("notes", [note]),
            links=table("links", [link]),
            losses=table("losses", [
                {"file": "访谈/高砚田.docx", "element": "image", "count": 1, "reason": "no text"},
                {"file": "/home/zhangsan/a.qdpx", "element": "王书记", "count": 1, "reason": ""},
            ]),
        )
    )  # fmt: skip


def test_nothing_personal_is_left_in_any_cell():
    masked = deidentify(telling_corpus(), key=KEY)
    shown = cells(masked.corpus) + masked.report.to_csv() + masked.queue.to_csv()
    names = ("高砚田", "砚田", "田守垄", "王书记", "石笋庄", "zhangsan", "Zhang", "访谈/", "home")
    for original in (*names, "13812345678", "7551234", "1965", "09-04", "10-05", "08:30"):
        assert original not in shown, original


def test_what_is_not_personal_stays():
    masked = deidentify(telling_corpus(), key=KEY).corpus
    document = masked.documents.iloc[0]
    assert (document["doc_id"], document["case"], document["role"]) == ("d", "B", "farmer")
    assert (document["date"], document["source_file"]) == ("2023-09", "d.docx")
    values = masked.attributes.set_index("name")["value"]
    assert values["age"] == "58" and values["visited"] == "2023-09"
    assert masked.codings["created"].tolist() == ["2023-10"]
    assert masked.losses["file"].tolist()[0] == "d.docx"
    assert masked.codes["code_id"][0].startswith("问〔人名-")


def test_what_refers_to_a_row_still_does():
    masked = deidentify(telling_corpus(), key=KEY).corpus
    coding, note, link = (getattr(masked, t).iloc[0] for t in ("codings", "notes", "links"))
    assert note["target"] == link["source"] == coding["coding_id"]
    assert link["target"] == coding["code_id"] == masked.codes["code_id"][0]
    assert coding["coder_id"] == masked.coders["coder_id"][0] == note["coder_id"]


def test_listed_coders_keep_their_neutral_names():
    coders = pd.DataFrame({"name": ["zhang san"], "coder_id": ["A"]})
    masked = deidentify(telling_corpus(), key=KEY, coders=coders).corpus
    assert masked.coders.to_dict("records") == [{"coder_id": "A", "name": "A"}]
    assert masked.codings["coder_id"].tolist() == ["A"]
    again = deidentify(masked, key=KEY, coders=coders).corpus
    assert again.codings["coder_id"].tolist() == ["A"]


@pytest.mark.parametrize("label", ["interviewer", "interviewee 2", "受访者", "村民甲", "Q", ""])
def test_roles_of_speakers_stay(label):
    assert Masker(KEY, {}).speaker(label) == label


@pytest.mark.parametrize("name", ["姓名", "电话号码", "E-mail", "date_of_birth", "Full name"])
def test_attributes_that_name_a_person_are_hidden_whole(name):
    assert PERSONAL_ATTRIBUTE.search(name)


@pytest.mark.parametrize("name", ["age", "household size", "name of crop", "收入"])
def test_other_attributes_are_not(name):
    assert not PERSONAL_ATTRIBUTE.search(name)


# --- ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("doc_id", ["王主任访谈", "张三", "李强_2023", "Secretary_Wang"])
def test_ids_that_tell_who_it_is_are_refused_and_not_shown(doc_id):
    with pytest.raises(ConfidentialityError, match=r"interviews\.csv") as caught:
        deidentify(corpus_of({doc_id: "好。"}), key=KEY)
    assert doc_id not in str(caught.value)


@pytest.mark.parametrize("doc_id", ["B1_official", "访谈01", "W3_farmer_en", "Interviewee_01"])
def test_neutral_ids_stay(doc_id):
    masked = deidentify(corpus_of({doc_id: "好。"}), key=KEY).corpus
    assert masked.documents["doc_id"].tolist() == [doc_id]


def test_documents_that_no_one_named_get_pseudonyms():
    corpus = telling_corpus()
    listed = pd.DataFrame({"doc_id": ["another"]})
    masked = deidentify(corpus, key=KEY, interviews=listed).corpus
    doc_id = masked.documents["doc_id"][0]
    assert doc_id.startswith("document-")
    assert masked.segments["seg_id"].tolist() == [f"{doc_id}:001", f"{doc_id}:002"]
    assert set(masked.attributes["entity"]) >= {doc_id} and "d" not in set(
        masked.attributes["entity"]
    )
    kept = deidentify(corpus, key=KEY, interviews=pd.DataFrame({"doc_id": ["d"]})).corpus
    assert kept.documents["doc_id"].tolist() == ["d"]


def test_an_empty_corpus_stays_empty():
    masked = deidentify(Corpus(), key=KEY)
    assert masked.corpus.documents.empty and masked.report.empty and masked.queue.empty


# --- the simulated interviews ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated() -> tuple[Corpus, Masked, pd.DataFrame]:
    corpus = import_interviews(SIMULATED)
    names = pd.read_csv(SIMULATED / "names.csv", dtype="str")
    coders = pd.read_csv(SIMULATED / "coders.csv", dtype="str")
    interviews = pd.read_csv(SIMULATED / "interviews.csv", dtype="str")
    masked = deidentify(corpus, key=PUBLIC_KEY, names=names, coders=coders, interviews=interviews)
    planted = pd.read_csv(SIMULATED / "truth" / "planted.csv", dtype={"kind": "str"})
    ids = dict(zip(interviews["file"], interviews["doc_id"], strict=True))
    return corpus, masked, planted.assign(doc_id=planted["file"].map(ids))


def test_no_planted_item_is_left_in_any_cell(simulated):
    corpus, masked, planted = simulated
    texts = corpus.documents.set_index("doc_id")["text"]
    shown = cells(masked.corpus)
    for row in planted.itertuples():
        assert texts[row.doc_id][row.start : row.end] not in shown, (row.doc_id, row.start)


def test_every_mark_stands_for_a_planted_item(simulated):
    """Precision: as many marks as planted items, document by document and kind by kind."""
    _, masked, planted = simulated
    report = masked.report[masked.report["doc_id"] != ""]
    marks = report.groupby("doc_id")["count"].sum()
    pd.testing.assert_series_equal(
        marks.sort_index(), planted.groupby("doc_id").size().sort_index(),
        check_names=False, check_dtype=False,
    )  # fmt: skip


def test_codings_of_the_simulated_interviews_cover_the_same_content(simulated):
    corpus, masked, _ = simulated
    before = corpus.documents.set_index("doc_id")["text"]
    after = masked.corpus.documents.set_index("doc_id")["text"]
    order = ["doc_id", "start", "end", "code_id", "coder_id"]
    old = corpus.codings.sort_values(order).reset_index(drop=True)
    new = masked.corpus.codings.sort_values(order).reset_index(drop=True)
    assert len(old) == len(new) > 0
    unchanged = 0
    for o, n in zip(old.itertuples(), new.itertuples(), strict=True):
        was, now = before[o.doc_id][o.start : o.end], after[n.doc_id][n.start : n.end]
        plain = now.split("〔")[0].split("[")[0]
        assert was.startswith(plain)
        unchanged += was == now
    assert unchanged > len(old) / 2
