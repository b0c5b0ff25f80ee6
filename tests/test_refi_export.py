"""Writing REFI-QDA: valid by the official schema, the same bytes twice, nothing lost on return."""

import io
import re
import zipfile

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.interviews.corpus import (
    COLUMNS,
    ORIGINS,
    Corpus,
    CorpusError,
    check_corpus,
    table,
    text_sha256,
)
from analysis.interviews.refi import read_codebook, read_project, schema_problems
from analysis.interviews.refi_export import write_codebook, write_project
from analysis.interviews.refi_schema import escape, guid, is_guid, unescape

TEXT = "问：收入呢？\n答：比去年好，𠮷家也分红了。\n"


def document(doc_id, text, **columns):
    return {"doc_id": doc_id, "text": text, "text_sha256": text_sha256(text), **columns}


def rich_corpus():
    """One of everything that the tables can hold, with what REFI-QDA has no place for."""
    coded = {"doc_id": "B1", "coder_id": "A", "origin": "human", "source_file": "A.qdpx"}
    return Corpus(
        documents=table("documents", [
            document("B1", TEXT, name="B1.docx", lang="zh", case="B", role="official",
                     date="2024-05-01", source_file="B1.docx"),
            document("empty", "", name="empty", lang="en"),
        ]),
        segments=table("segments", [
            {"seg_id": "B1:001", "doc_id": "B1", "start": 0, "end": 6, "turn": 1,
             "speaker": "访谈者", "text": TEXT[:6]},
        ]),
        codes=table("codes", [
            {"code_id": "问题", "label_zh": "问题", "kind": "problem"},
            {"code_id": "问题/资金", "parent": "问题", "label_en": "money", "label_zh": "资金",
             "kind": "problem", "case": "B", "dimension": "经济", "description": "缺钱\n吗",
             "color": "#ff0000", "is_codable": True},
            {"code_id": "actor.x", "parent": "问题", "color": "red", "is_codable": True},
        ]),
        coders=table("coders", [{"coder_id": "A", "name": "李 编码"}, {"coder_id": "B"}]),
        codings=table("codings", [
            coded | {"coding_id": "c1", "start": 9, "end": 13, "code_id": "问题/资金",
                     "created": "2024-05-02"},
            coded | {"coding_id": "c2", "start": 14, "end": 16, "code_id": "actor.x",
                     "created": "2024-05-02T10:00:00+08:00", "origin": "suggested"},
            coded | {"coding_id": guid("x"), "start": 3, "end": 3, "code_id": "actor.x",
                     "coder_id": "B", "source_file": "B.csv", "origin": "consensus"},
        ]),
        attributes=table("attributes", [
            {"entity_kind": k, "entity": e, "name": n, "type": t, "value": v}
            for k, e, n, t, v in [
                ("document", "B1", "年龄", "number", "45"),
                ("document", "B1", "role", "text", ""),
                ("document", "gone", "年龄", "number", "many"),
                ("case", "B", "年龄", "date", "1999"),
                ("case", "S", "户", "number", "1.5"),
                ("participant", "P1", "on", "boolean", "true"),
                ("project", "", "on", "date", "2024-02-29"),
                ("project", "", "x", "ordinal", "low"),
            ]
        ]),
        notes=table("notes", [
            {"note_id": n, "target_kind": k, "target": t, "start": s, "end": e, "text": x,
             "coder_id": c, "created": d}
            for n, k, t, s, e, x, c, d in [
                ("n1", "coding", "c1", None, None, "为什么？\r\n", "A", "2024-05-02T10:00:00Z"),
                ("n2", "document", "B1", 2, 5, "\x01_x0001_", "gone", "yesterday"),
                ("n3", "project", "", None, None, "", "", ""),
                ("n4", "code", "gone", None, None, "x", "", ""),
                ("n5", "code", "问题", None, None, "x", "", ""),
                ("n6", "document", "B1", None, None, "x", "", ""),
                ("n7", "document", "B1", 2, None, "x", "", ""),
            ]
        ]),
        links=table("links", [
            {"link_id": i, "name": n, "source_kind": k, "source": s, "target_kind": o, "target": t,
             "directed": d, "coder_id": c}
            for i, n, k, s, o, t, d, c in [
                ("l1", "导致", "coding", "c1", "coding", "c2", True, "A"),
                ("l2", "", "project", "", "code", "问题", False, ""),
                (guid("y"), "", "document", "B1", "document", "gone", False, ""),
            ]
        ]),
    )  # fmt: skip


def assert_same(one, two):
    for name in COLUMNS:
        pd.testing.assert_frame_equal(getattr(two, name), getattr(one, name), obj=name)


def test_everything_returns_and_nothing_is_lost(tmp_path):
    corpus = check_corpus(rich_corpus())
    write_project(corpus, tmp_path / "a.qdpx")
    assert schema_problems(tmp_path / "a.qdpx") == []
    assert_same(corpus, read_project(tmp_path / "a.qdpx"))


def test_codes_return_from_a_codebook(tmp_path):
    corpus = rich_corpus()
    write_codebook(corpus, tmp_path / "a.qdc")
    assert schema_problems(tmp_path / "a.qdc") == []
    pd.testing.assert_frame_equal(read_codebook(tmp_path / "a.qdc").codes, corpus.codes)


def test_two_exports_have_the_same_bytes_whatever_they_are_called(tmp_path):
    for write, suffix in ((write_project, "qdpx"), (write_codebook, "qdc")):
        paths = [tmp_path / f"{n}.{suffix}" for n in ("a", "b")]
        for path in paths:
            write(rich_corpus(), path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_archive_tells_no_time_and_no_place(tmp_path):
    write_project(rich_corpus(), tmp_path / "a.qdpx")
    with zipfile.ZipFile(tmp_path / "a.qdpx") as archive:
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "project.qde"
        xml = archive.read("project.qde").decode()
    assert "basePath" not in xml
    assert str(tmp_path) not in xml


def foreign(path, origin="MAXQDA 24"):
    """The same project as another tool would write it again: new origin, new GUIDs."""
    buffer = io.BytesIO()
    minted: dict[str, str] = {}

    def mint(match):
        return minted.setdefault(match.group(0), guid("minted", len(minted))).upper()

    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(buffer, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".qde"):
                text = data.decode().replace('origin="linkage-compendium"', f'origin="{origin}"')
                text = re.sub(r"(?<=\"|/)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", mint, text)
                data = text.encode()
            if name.startswith("Sources/"):
                name = f"sources/{minted[name[8:-4]].upper()}.TXT"
            other.writestr(name, data)
    path.write_bytes(buffer.getvalue())
    return path


def test_what_counts_survives_another_tool(tmp_path):
    corpus = rich_corpus()
    write_project(corpus, tmp_path / "a.qdpx")
    again = read_project(foreign(tmp_path / "a.qdpx"))
    for name in ("codes", "coders", "attributes"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(corpus, name))
    pd.testing.assert_frame_equal(again.documents, corpus.documents)
    where = ["doc_id", "start", "end", "code_id", "coder_id"]
    assert sorted(again.codings[where].to_numpy().tolist()) == sorted(
        corpus.codings[where].to_numpy().tolist()
    )
    assert set(again.links["name"]) >= {"导致"}


def test_import_export_import_is_stable_for_a_foreign_file(tmp_path):
    write_project(rich_corpus(), tmp_path / "a.qdpx")
    first = read_project(foreign(tmp_path / "a.qdpx"))
    write_project(first, tmp_path / "b.qdpx")
    second = read_project(tmp_path / "b.qdpx")
    assert second.losses.empty
    for name in COLUMNS.keys() - {"losses"}:
        pd.testing.assert_frame_equal(getattr(second, name), getattr(first, name))


def test_empty_corpus_is_a_valid_project(tmp_path):
    write_project(Corpus(), tmp_path / "a.qdpx")
    assert schema_problems(tmp_path / "a.qdpx") == []
    assert_same(Corpus(), read_project(tmp_path / "a.qdpx"))


def test_codebook_without_codes_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="at least one code"):
        write_codebook(Corpus(), tmp_path / "a.qdc")
    assert not (tmp_path / "a.qdc").exists()


@pytest.mark.parametrize("text", ["a\r\nb", "\ufeffa"])
def test_text_that_tools_would_count_differently_is_refused(tmp_path, text):
    corpus = Corpus(documents=table("documents", [document("d", text)]))
    with pytest.raises(CorpusError, match="the text of d holds carriage returns or begins"):
        write_project(corpus, tmp_path / "a.qdpx")


def test_code_that_is_its_own_ancestor_is_refused(tmp_path):
    rows = [{"code_id": "a", "parent": "b"}, {"code_id": "b", "parent": "a"}]
    with pytest.raises(CorpusError, match="a is its own ancestor"):
        write_project(Corpus(codes=table("codes", rows)), tmp_path / "a.qdpx")


@given(st.text())
def test_escaping_is_undone_and_leaves_nothing_that_xml_cannot_hold(text):
    escaped = escape(text)
    assert unescape(escaped) == text
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", escaped)


# --- any valid corpus -----------------------------------------------------------------------------

words = st.text(st.sampled_from("aB1 /.:\n\t村路𠮷_x00410<&\"'\x00\x1b\u202e\u3000"), max_size=8)
names = words.filter(bool)
texts = st.text(st.sampled_from("ab 问答。\n𠮷\x00\u3000\u202e"), max_size=30)
kinds = st.sampled_from(["document", "case", "participant", "project"])


DOCUMENT = ("name", "lang", "case", "role", "date", "source_file")


@st.composite
def corpora(draw):
    doc_ids = draw(st.lists(names, max_size=3, unique=True))
    code_ids = draw(st.lists(names, max_size=4, unique=True))
    coders = draw(st.lists(names, max_size=2, unique=True))
    docs = {d: draw(texts) for d in doc_ids}
    blank = st.just("")
    codes = [
        {
            "code_id": c, "parent": draw(st.sampled_from(["", *code_ids[:k]])),
            **{f: draw(blank | words) for f in ("label_en", "label_zh", "kind", "case", "dimension",
                                                "description", "color")},
            "is_codable": draw(st.booleans()),
        }
        for k, c in enumerate(code_ids)
    ]  # fmt: skip
    codings = []
    if docs and code_ids and coders:
        for k in range(draw(st.integers(0, 4))):
            doc_id = draw(st.sampled_from(doc_ids))
            start = draw(st.integers(0, len(docs[doc_id])))
            codings.append({
                "coding_id": draw(st.sampled_from([f"c{k}", guid("c", k)])), "doc_id": doc_id,
                "start": start, "end": draw(st.integers(start, len(docs[doc_id]))),
                "code_id": draw(st.sampled_from(code_ids)),
                "coder_id": draw(st.sampled_from(coders)),
                "origin": draw(st.sampled_from(ORIGINS)),
                "created": draw(st.sampled_from(["", "2024-05-01", "2024-05-01T10:00:00Z"])),
                "source_file": draw(words),
            })  # fmt: skip
    targets = [("project", ""), ("document", draw(words)), *(("document", d) for d in doc_ids)]
    targets += [("code", c) for c in code_ids] + [("coding", c["coding_id"]) for c in codings]
    return Corpus(
        documents=table("documents", [
            document(d, t, **{f: draw(blank | words) for f in DOCUMENT})
            for d, t in docs.items()
        ]),
        codes=table("codes", codes),
        coders=table("coders", [{"coder_id": c, "name": draw(words)} for c in coders]),
        codings=table("codings", codings),
        attributes=table("attributes", draw(st.lists(st.fixed_dictionaries({
            "entity_kind": kinds, "entity": st.sampled_from([*doc_ids, "B", ""]), "name": words,
            "type": st.sampled_from(["text", "number", "boolean", "date"]),
            "value": st.sampled_from(["", "1", "1.5", "true", "2024-02-30", "2024-02-28"]) | words,
        }), max_size=4, unique_by=lambda r: (r["entity_kind"], r["entity"], r["name"])))),
        notes=table("notes", [
            dict(zip(("target_kind", "target"), draw(st.sampled_from(targets)), strict=True),
                 note_id=n, text=draw(words), coder_id=draw(st.sampled_from(["", "x", *coders])),
                 created=draw(words), start=draw(st.none() | st.integers(0, 9)),
                 end=draw(st.none() | st.integers(5, 40)))
            for n in draw(st.lists(names, max_size=3, unique=True))
        ]),
        links=table("links", [
            {"link_id": i, "name": draw(words), "directed": draw(st.booleans()),
             "coder_id": draw(words),
             **dict(zip(("source_kind", "source"), draw(st.sampled_from(targets)), strict=True)),
             **dict(zip(("target_kind", "target"), draw(st.sampled_from(targets)), strict=True))}
            for i in draw(st.lists(names, max_size=3, unique=True))
        ]),
    )  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(corpus=corpora())
def test_any_corpus_returns_from_a_valid_file(tmp_path, corpus):
    path = tmp_path / "a.qdpx"
    write_project(corpus, path)
    assert schema_problems(path) == []
    assert_same(corpus, read_project(path))


def test_guids_are_stable_across_machines():
    assert guid("document", "B1") == "cdf73ee0-2ab7-5290-80b8-70931fa11793"
    assert is_guid(guid("a"))
    assert not is_guid("c1")
