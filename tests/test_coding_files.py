"""Coding files of QualCoder, Taguette and tables: offsets, names, losses, hostile files."""

import csv
import io
import json
import os
import sqlite3
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.interviews.coding_files import read_coding_file
from analysis.interviews.corpus import (
    Corpus,
    CorpusError,
    check_corpus,
    empty_table,
    table,
    text_sha256,
)
from analysis.interviews.naming import folded, moment, path_names
from analysis.interviews.qualcoder import read_qualcoder
from analysis.interviews.quoted_offsets import Selection, place_selections
from analysis.interviews.refi_offsets import Convention, StoredText
from analysis.interviews.sqlite_files import as_integer
from analysis.interviews.taguette import html_text, read_taguette

PLACE = ["doc_id", "start", "end"]
NOTHING = empty_table("documents")
RAW = "\ufeff问：𠮷先生好。\r\n答：今年😀收成不错，比去年好。\r\n"
PLAIN = "问：𠮷先生好。\n答：今年😀收成不错，比去年好。\n"
PASSAGES = ("𠮷先生", "今年😀收成不错", "比去年好")

few = settings(max_examples=60, deadline=None)


def documents(**texts: str):
    return table("documents", [
        {"doc_id": name, "name": name, "text": text, "source_file": f"{name}.docx",
         "text_sha256": text_sha256(text)}
        for name, text in texts.items()
    ])  # fmt: skip


def losses_of(corpus: Corpus) -> dict[tuple[str, str], int]:
    rows = corpus.losses[["element", "reason", "count"]].values.tolist()
    return {(element, reason.partition(":")[0]): count for element, reason, count in rows}


def coded(corpus: Corpus) -> list[str]:
    """Passages by offset, checked against the texts of the corpus."""
    texts = dict(zip(corpus.documents["doc_id"], corpus.documents["text"], strict=True))
    rows = corpus.codings.sort_values(["doc_id", "start", "end"])
    return [texts[doc_id][a:b] for doc_id, a, b in rows[PLACE].values.tolist()]


def quoted(part: Corpus, text: str) -> list[str]:
    """Passages of a table about one text, by offset."""
    rows = part.codings.sort_values(["start", "end"])
    return [text[a:b] for _, a, b in rows[PLACE].values.tolist()]


def units(text: str, unit: str) -> int:
    return len(text) if unit == "characters" else len(text.encode(unit)) // (
        2 if unit == "utf-16-le" else 1
    )  # fmt: skip


# --- QualCoder ---------------------------------------------------------------------------------

QUALCODER = """
CREATE TABLE project (databaseversion text, date text, memo text);
CREATE TABLE source (id integer primary key, name text, fulltext text, mediapath text, memo text,
  owner text, date text);
CREATE TABLE code_image (imid integer primary key);
CREATE TABLE annotation (anid integer primary key, fid integer, pos0 integer, pos1 integer,
  memo text, owner text, date text);
CREATE TABLE attribute_type (name text primary key, valuetype text);
CREATE TABLE attribute (attrid integer primary key, name text, attr_type text, value text,
  id integer);
CREATE TABLE cases (caseid integer primary key, name text);
CREATE TABLE case_text (id integer primary key, caseid integer, fid integer, pos0 integer,
  pos1 integer);
CREATE TABLE code_cat (catid integer primary key, name text, memo text, supercatid integer);
CREATE TABLE code_name (cid integer primary key, name text, memo text, catid integer,
  color text, supercid integer);
CREATE TABLE code_text (ctid integer primary key, cid integer, fid integer, seltext text,
  pos0 integer, pos1 integer, owner text, date text, memo text, important integer);
CREATE TABLE journal (jid integer primary key, name text, jentry text, owner text, date text);
"""


def qualcoder_of(path: Path, **rows: list[tuple]) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(QUALCODER)
        for name, values in rows.items():
            for row in values:
                marks = ",".join("?" * len(row))
                connection.execute(f"INSERT INTO {name} VALUES ({marks})", row)
    connection.close()
    return path


def source(number: int = 1, text: str | None = RAW, name: str = "访谈1") -> tuple:
    return (number, name, text, "/docs/a.docx", "", "A", "")


def selections(raw: str, unit: str) -> list[tuple]:
    return [
        (k, 1, 1, passage, units(raw[: raw.index(passage)], unit),
         units(raw[: raw.index(passage) + len(passage)], unit), "A",
         "2024-05-01 09:10:11", "", None)
        for k, passage in enumerate(PASSAGES)
    ]  # fmt: skip


@pytest.mark.parametrize("unit", ["characters", "utf-16-le"])
@pytest.mark.parametrize("shown", [RAW, PLAIN])
def test_qualcoder_offsets_in_every_convention(tmp_path, unit, shown):
    path = qualcoder_of(
        tmp_path / "data.qda", source=[source()],
        code_name=[(1, "收成", "", None, "#ff0000", None)],
        code_text=selections(shown, unit),
    )  # fmt: skip
    corpus = check_corpus(read_qualcoder(path))
    assert corpus.documents["text"].tolist() == [PLAIN]
    assert coded(corpus) == list(PASSAGES)
    assert corpus.losses.empty
    assert corpus.codings["created"].unique().tolist() == ["2024-05-01T09:10:11"]


def test_qualcoder_tree_of_codes_survives_cycles_and_repeats(tmp_path):
    path = qualcoder_of(
        tmp_path / "data.qda",
        code_cat=[(1, "Top", "why#####private", None), (2, "Sub", "", 1), (3, "A", "", 4),
                  (4, "B", "", 3)],
        code_name=[(1, "x", "", 2, "#ff0000", None), (2, "产业/资金", "", 1, "", None),
                   (3, "y", "", None, "", 1), (4, "x", "", 2, "", None)],
    )  # fmt: skip
    codes = check_corpus(read_qualcoder(path)).codes.set_index("code_id")
    assert codes["parent"].to_dict() == {
        "Top": "", "Top/Sub": "Top", "B": "", "B/A": "B", "Top/Sub/x": "Top/Sub",
        "Top/产业/资金": "Top", "Top/Sub/x/y": "Top/Sub/x", "Top/Sub/x (2)": "Top/Sub",
    }  # fmt: skip
    assert codes["is_codable"].to_dict() == {c: c.rpartition("/")[2] not in ("Top", "Sub", "A", "B")
                                             for c in codes.index}  # fmt: skip
    assert codes.loc["Top", "description"] == "why"
    assert codes.loc["Top/产业/资金", "label_zh"] == "产业/资金"


def test_qualcoder_notes_attributes_cases_and_losses(tmp_path):
    text = "abcdefghij"
    path = qualcoder_of(
        tmp_path / "data.qda",
        project=[("v8", "", "about the project")],
        source=[(1, "a", text, "", "on a", "A", ""), (2, "a", "second", "", "", "A", ""),
                (3, "photo", None, "/images/p.png", "", "A", "")],
        code_image=[(1,), (2,)],
        annotation=[(1, 1, 2, 4, "look", "B", "2024-01-02"), (2, 3, 0, 1, "lost", "B", ""),
                    (3, 1, 0, 99, "outside", "B", "")],
        attribute_type=[("Age", "numeric"), ("Sex", "character")],
        attribute=[(1, "Age", "file", "27", 1), (2, "Sex", "case", "F", 1),
                   (3, "Sex", "file", "", 1), (4, "Sex", "journal", "F", 1)],
        cases=[(1, "Linda"), (2, "Otto")],
        case_text=[(1, 1, 1, 0, 10), (2, 2, 1, 0, 3), (3, 1, 2, 0, 6), (4, 2, 2, 0, 6)],
        code_name=[(1, "x", "", None, "", None)],
        code_text=[(1, 1, 1, "cde", 2, 5, "A", "", "why", 1),
                   (2, 1, 3, "", 0, 1, "A", "", "", None),
                   (3, 1, 1, "hij", 90, 93, "A", "", "", None),
                   (4, 1, 1, "zz", 4, 6, "", "", "", None),
                   (5, 1, 1, "", 0, 99, "A", "", "", None)],
        journal=[(1, "Day 1", "went well", "A", "2024-01-01 08:00:00")],
    )  # fmt: skip
    corpus = check_corpus(read_qualcoder(path))
    assert corpus.documents["doc_id"].tolist() == ["a", "a (2)"]
    assert corpus.documents["case"].tolist() == ["Linda", ""]
    assert coded(corpus) == ["cde", "ef", "hij"]
    assert sorted(corpus.coders["coder_id"]) == ["A", "B", "unnamed"]
    notes = corpus.notes.set_index("text")
    columns = ["target_kind", "target", "start", "end", "coder_id"]
    assert list(notes.loc["look", columns]) == ["document", "a", 2, 4, "B"]
    assert notes.loc["on a", "target"] == "a"
    assert notes.loc["Day 1\nwent well", "target_kind"] == "project"
    assert notes.loc["why", "target"] in set(corpus.codings["coding_id"])
    assert len(notes) == 5
    assert corpus.attributes[["entity_kind", "entity", "type", "value"]].values.tolist() == [
        ["case", "Linda", "text", "F"], ["document", "a", "number", "27"],
    ]  # fmt: skip
    assert losses_of(corpus) == {
        ("source without text (images)", "no text to code"): 1,
        ("coding of a picture or page", "the corpus has no place for it"): 2,
        ("coding", "its source or its code is not in the project"): 1,
        ("coding", "offsets did not fit the stored text"): 1,
        ("coding", "offsets unverified"): 1,
        ("coding", "left out"): 1,
        ("importance mark of a coding", "the corpus has no place for it"): 1,
        ("annotation", "its source has no text"): 1,
        ("annotation", "offsets unverified"): 1,
        ("annotation", "left out"): 1,
        ("attribute", "belongs to no text and no case"): 1,
        ("case of a passage", "only whole documents have a case"): 1,
        ("case of a document", "a document of several cases has none"): 1,
    }  # fmt: skip


def test_qualcoder_project_folder_is_read_without_writing(tmp_path):
    folder = tmp_path / "study.qda"
    folder.mkdir()
    path = qualcoder_of(folder / "data.qda", source=[source()])
    before = path.read_bytes()
    assert len(read_coding_file(folder, NOTHING).documents) == 1
    assert path.read_bytes() == before and os.listdir(folder) == ["data.qda"]
    (folder / "data.qda-wal").write_bytes(b"changes")
    with pytest.raises(CorpusError, match="close the tool"):
        read_coding_file(folder, NOTHING)


@pytest.mark.parametrize("column", ["seltext", "pos0", "owner"])
@pytest.mark.parametrize("value", [b"\xff\x00", 1e300, "9" * 5000, -5, None, "\x00"])
def test_qualcoder_cells_of_any_type_give_the_one_error(tmp_path, column, value):
    path = qualcoder_of(
        tmp_path / "data.qda", source=[source()], code_name=[(1, "x", "", None, "", None)],
        code_text=selections(RAW, "characters"),
    )  # fmt: skip
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE code_text SET {column} = ?", (value,))
    connection.close()
    try:
        check_corpus(read_qualcoder(path))
    except CorpusError as error:
        caught = str(error)
    else:
        return
    assert "pos0" in caught or "damaged" in caught


def test_the_fictional_interviews_coded_in_qualcoder(oracle):
    """Counts and stored selections of the project file: 54 codings, 15 codes, 6 sources."""
    path = oracle("..") / "../refi/fictional_interviews_ccby/qualcoder_data.qda"
    if not path.exists():
        pytest.skip("refi/fictional_interviews_ccby: not beside the folder of ORACLE_DATA")
    corpus = check_corpus(read_qualcoder(path))
    assert len(corpus.documents) == 6 and len(corpus.codings) == 54
    assert corpus.codes["is_codable"].sum() == 15 and len(corpus.codes) == 20
    assert len(corpus.attributes) == 18 and corpus.losses.empty
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
        stored = sorted(row[0].replace("\ufeff", "") for row in
                        connection.execute("SELECT seltext FROM code_text"))  # fmt: skip
    connection.close()
    assert sorted(coded(corpus)) == stored


# --- Taguette ----------------------------------------------------------------------------------

TAGUETTE = """
CREATE TABLE users (login text primary key, hashed_password text);
CREATE TABLE documents (id integer primary key, name text, contents text);
CREATE TABLE highlights (id integer primary key, document_id integer, start_offset integer,
  end_offset integer, snippet text);
CREATE TABLE tags (id integer primary key, path text, description text{parent});
CREATE TABLE highlight_tags (highlight_id integer, tag_id integer);
CREATE TABLE commands (id integer primary key, date text, user_login text, payload text);
"""
HTML = "<h1>访谈&amp;记录</h1><p>今年<b>😀收成</b>不错。</p>\n<p>比去年好。<br/>是的</p>"
BETWEEN = "访谈&记录今年😀收成不错。\n比去年好。是的"


def taguette_of(path: Path, *, parent: str = "", **rows: list[tuple]) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(TAGUETTE.format(parent=parent))
        for name, values in rows.items():
            for row in values:
                connection.execute(f"INSERT INTO {name} VALUES ({','.join('?' * len(row))})", row)
    connection.close()
    return path


def highlight(number: int, passage: str, snippet: str | None = None) -> tuple:
    start = len(BETWEEN[: BETWEEN.index(passage)].encode())
    html = snippet if snippet is not None else f"<p>{passage.replace('&', '&amp;')}</p>"
    return number, 1, start, start + len(passage.encode()), html


def test_taguette_bytes_of_html_become_offsets_of_lines(tmp_path):
    path = taguette_of(
        tmp_path / "project.sqlite3",
        users=[("ann", "secret hash")],
        documents=[(1, "访谈1.docx", HTML)],
        highlights=[highlight(1, "访谈&记录"), highlight(2, "😀收成不错"), highlight(3, "好。是的"),
                    highlight(4, "不错。\n比去年"), highlight(5, "今年")],
        tags=[(1, "收成", "how much"), (2, "interesting.places", "")],
        highlight_tags=[(1, 2), (2, 1), (2, 2), (3, 1), (4, 1)],
        commands=[(1, "2024-05-01 10:00:00.5", "ann",
                   json.dumps({"type": "highlight_add", "highlight_id": 2})),
                  (2, "", "ann", "no json"), (3, "", "ann", "[]")],
    )  # fmt: skip
    corpus = check_corpus(read_coding_file(path, NOTHING))
    assert corpus.documents["text"][0] == "访谈&记录\n今年😀收成不错。\n\n比去年好。\n是的\n"
    assert coded(corpus) == [
        "访谈&记录",
        "😀收成不错",
        "😀收成不错",
        "不错。\n\n比去年",
        "好。\n是的",
    ]
    by_coder = corpus.codings.groupby("coder_id")["created"].unique().map(list).to_dict()
    assert by_coder == {"ann": ["2024-05-01T10:00:00.5"], "project": [""]}
    assert corpus.codes["code_id"].tolist() == ["interesting.places", "收成"]
    assert losses_of(corpus) == {
        ("highlight", "has no tag"): 1, ("formatting", "documents are HTML"): 1,
    }  # fmt: skip
    assert "secret" not in "".join(getattr(corpus, n).to_string() for n in vars(corpus))


def test_taguette_tags_with_parents_are_paths(tmp_path):
    path = taguette_of(tmp_path / "p.sqlite3", parent=", parent_id integer",
                       tags=[(1, "a", "", None), (2, "b", "", 1)])  # fmt: skip
    assert read_taguette(path).codes[["code_id", "parent"]].values.tolist() == [
        ["a", ""], ["a/b", "a"],
    ]  # fmt: skip


@few
@given(st.lists(st.sampled_from([
    "<p>", "</p>", "<b>", "</b>", "<br>", "中", "&lt;", "a", "\n", "😀", "<script>x</script>",
])))  # fmt: skip
def test_text_of_html_keeps_every_character_between_tags(pieces):
    text, offsets = html_text("".join(pieces))
    shown = [p for p in pieces if not p.startswith("<")]
    assert "".join(text[k] for k in offsets[:-1]) == "".join(shown).replace("&lt;", "<")
    assert offsets[-1] == len(text)


# --- tables ------------------------------------------------------------------------------------


def csv_of(path: Path, rows: list[list[str]], encoding: str = "utf-8") -> Path:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def xlsx_of(path: Path, rows: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


HEADER = ["document", "start", "end", "code", "coder", "quote", "created"]


def rows_of(passages=PASSAGES, name: str = "访谈1") -> list[list]:
    return [
        [name, PLAIN.index(p), PLAIN.index(p) + len(p), "收成", "C", p, "2024/05/01"]
        for p in passages
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("header", [HEADER, ["文档", "起", "止", "编码", "编码员", "引文", "日期"]])
def test_csv_of_codings(tmp_path, encoding, header):
    path = csv_of(tmp_path / "c.csv", [header, *rows_of()], encoding)
    part = read_coding_file(path, documents(访谈1=PLAIN, 访谈2=PLAIN))
    assert quoted(part, PLAIN) == list(PASSAGES)
    assert part.codings[["doc_id", "code_id", "coder_id", "created"]].drop_duplicates().values.tolist() == [  # noqa: E501
        ["访谈1", "收成", "C", "2024-05-01"],
    ]  # fmt: skip
    assert part.codes["label_zh"].tolist() == ["收成"] and part.losses.empty


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_with_other_separators(tmp_path, separator):
    path = tmp_path / "c.csv"
    rows = [separator.join(map(str, row)) for row in [HEADER, *rows_of()]]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert len(read_coding_file(path, documents(访谈1=PLAIN)).codings) == 3


def test_xlsx_cells_are_text_and_formulas_do_not_run(tmp_path):
    path = xlsx_of(tmp_path / "c.xlsx", [
        ["Document", "Start", "End", "Code", "Coder"],
        ["访谈1.docx", 0, 2.0, "=1+1", '=HYPERLINK("http://x","y")'],
    ])  # fmt: skip
    part = read_coding_file(path, documents(访谈1=PLAIN))
    assert part.codings[["start", "end", "code_id", "coder_id"]].values.tolist() == [
        [0, 2, "=1+1", '=HYPERLINK("http://x","y")'],
    ]  # fmt: skip
    assert losses_of(part) == {("coding", "offsets unverified"): 1}


@pytest.mark.parametrize("unit", ["characters", "utf-16-le", "utf-8"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("inclusive", [0, 1])
def test_offsets_of_a_table_are_recovered_by_its_quotes(tmp_path, unit, line_end, inclusive):
    counted = PLAIN.replace("\n", line_end)
    rows = []
    for passage in PASSAGES:
        at = counted.index(passage)
        end = units(counted[: at + len(passage)], unit) - inclusive
        rows.append(["访谈1", units(counted[:at], unit), end, "x", "C", passage, ""])
    part = read_coding_file(csv_of(tmp_path / "c.csv", [HEADER, *rows]), documents(访谈1=PLAIN))
    assert quoted(part, PLAIN) == list(PASSAGES)
    assert part.losses.empty


def test_quotes_without_offsets_count_only_where_unique(tmp_path):
    text = "今年 收成\n不错。今年好。"
    path = csv_of(tmp_path / "taguette.csv", [
        ["id", "document", "tag", "content"], ["1", "A.docx", "x", "收成不错"],
        ["2", "A.docx", "x", "今年"], ["3", "A.docx", "x", "去年"], ["4", "A.docx", "", "好"],
    ])  # fmt: skip
    part = read_coding_file(path, documents(a=text))
    assert quoted(part, text) == ["收成\n不错"]
    assert part.codings["coder_id"].tolist() == ["taguette"]
    reasons = part.losses.groupby("reason")["count"].sum().to_dict()
    assert reasons == {
        "left out: its quote is not in the document": 1,
        "left out: its quote is in the document more than once and it has no offsets": 1,
        "has no code": 1,
    }


def test_wrong_offsets_are_mended_or_said(tmp_path):
    rows = [["访谈1", 0, 3, "x", "C", "比去年好", ""], ["访谈1", 0, 2, "x", "C", "没有", ""],
            *rows_of()]  # fmt: skip
    part = read_coding_file(csv_of(tmp_path / "c.csv", [HEADER, *rows]), documents(访谈1=PLAIN))
    assert losses_of(part) == {
        ("coding", "offsets did not fit the stored text"): 1, ("coding", "offsets unverified"): 1,
    }  # fmt: skip
    assert quoted(part, PLAIN).count("比去年好") == 2


def test_every_bad_row_is_listed_with_row_column_and_remedy(tmp_path):
    path = csv_of(tmp_path / "c.csv", [
        HEADER, ["b", "0", "1", "x", "", "", ""], ["访谈", "0", "1", "x", "", "", ""],
        ["a", "1.5", "2", "x", "", "", ""], ["a", "3", "2", "x", "", "", ""],
        ["a", "", "", "x", "", "", ""], ["a", "-1", "2", "x", "", "张三", ""],
    ])  # fmt: skip
    known = documents(a="文本文本")
    known = table("documents", [*known.to_dict("records"),
                                *documents(访谈="x", 访谈_2="y").assign(name="访谈").iloc[1:]
                                .to_dict("records"), {**known.to_dict("records")[0],
                                                      "doc_id": "z", "name": "访谈"}])  # fmt: skip
    with pytest.raises(CorpusError) as caught:
        read_coding_file(path, known)
    message = str(caught.value)
    for expected in (
        "c.csv cannot be used", "row 2, column document: is the name of no transcript",
        "row 3, column document: names several", "row 4, columns start, end: expected two whole",
        "row 5, columns start, end: the end lies before", "row 6, columns start, end, quote",
        "row 7, columns start, end: expected",
    ):  # fmt: skip
        assert expected in message
    assert "张三" not in message
    path = csv_of(path, [HEADER, ["a", "2", "9", "x", "", "", ""]])
    with pytest.raises(CorpusError, match=r"offsets outside the document(.|\n)*row 2"):
        read_coding_file(path, known)


def test_tables_of_codes(tmp_path):
    path = csv_of(tmp_path / "codebook.csv", [
        ["tag", "parent", "description", "number of highlights"], ["a", "", "first", "2"],
        ["b", "a", "", "0"], ["c", "gone", "", "0"], ["a", "", "again", "0"],
    ])  # fmt: skip
    corpus = check_corpus(read_coding_file(path, NOTHING))
    assert corpus.codes[["code_id", "parent", "description"]].values.tolist() == [
        ["a", "", "first"], ["b", "a", ""], ["c", "", ""],
    ]  # fmt: skip
    assert corpus.losses["count"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"<html><body>Sign in", "web page"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"document,code\n", "needs columns"),
        ("a.csv", b"document,start,end,code\na,1,2,x,y\n", r"(?s)more cells.*row 2"),
        ("a.csv", b'document,start,end,code\n"a,1', "is no table"),
        ("a.xlsx", b"text", "no zip archive"),
        ("a.qda", b"<!doctype html><title>x</title>", "web page"),
        ("a.qda", b"SQLite format 3\x00" + bytes(200), "damaged"),
        ("a.sqlite3", b"text", "no SQLite database"),
        ("a.pdf", b"%PDF", "no coding file"),
    ],
)
def test_files_that_are_something_else_are_refused(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        read_coding_file(tmp_path / name, NOTHING)


def test_a_database_of_another_program_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    with pytest.raises(CorpusError, match="neither of QualCoder nor of Taguette"):
        read_coding_file(tmp_path / "a.sqlite3", NOTHING)


def test_a_workbook_with_a_document_type_or_rubbish_is_refused(tmp_path):
    for sheet, message in (('<!DOCTYPE a [<!ENTITY b "c">]><worksheet/>', "document type"),
                           ("<worksheet/>", "no readable workbook")):  # fmt: skip
        with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
            archive.writestr("xl/worksheets/sheet1.xml", sheet)
        with pytest.raises(CorpusError, match=message):
            read_coding_file(tmp_path / "a.xlsx", NOTHING)


@few
@given(st.binary(max_size=80))
def test_any_bytes_as_a_table_give_codings_or_the_one_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(b"document,start,end,code\n" + data)
    try:
        read_coding_file(path, documents(a="text"))
    except CorpusError:
        return


@few
@given(st.integers(100, 40_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_database_gives_a_corpus_or_the_one_error(tmp_path_factory, at, data):
    path = tmp_path_factory.mktemp("fuzz") / "a.qda"
    qualcoder_of(path, source=[source()], code_name=[(1, "x", "", None, "", None)],
                 code_text=selections(RAW, "characters"))  # fmt: skip
    content = bytearray(path.read_bytes())
    at %= len(content) - 4
    content[at : at + len(data)] = data
    path.write_bytes(content)
    try:
        check_corpus(read_coding_file(path, NOTHING))
    except CorpusError:
        return


# --- names -------------------------------------------------------------------------------------


def test_names_are_compared_without_suffix_case_width_and_blanks():
    assert folded("Interview １.DOCX") == folded("transcripts\\interview1") == "interview1"
    assert folded(".txt") == ".txt" and folded("v1.2") == "v1.2"


def test_moments_are_iso_or_nothing():
    texts = ("2024-05-01 10:00:00", "2024/05/01", "May 1", "2024-13-01", "")
    assert [moment(t) for t in texts] == ["2024-05-01T10:00:00", "2024-05-01", "", "", ""]


@few
@given(st.dictionaries(st.integers(0, 8), st.tuples(st.sampled_from("ab"), st.integers(0, 8))))
def test_paths_of_any_graph_are_unique_and_end(nodes):
    paths = path_names(nodes)
    found = [path for path, _ in paths.values()]
    assert paths.keys() == nodes.keys() and len(set(found)) == len(found)
    assert {parent for _, parent in paths.values()} <= {*found, ""}


def test_numbers_of_cells():
    assert as_integer("12", "x") == 12
    for value in (None, b"1", 2.5, 2**60, "9" * 400):
        with pytest.raises(CorpusError, match="column y: expected a whole number"):
            as_integer(value, "column y")


def test_a_selection_without_offsets_in_the_text_is_outside():
    texts = {"a": StoredText("abc")}
    found = place_selections(texts, [Selection("a", 1, 9, ""), Selection("a", 1, 9, "zz")],
                             Convention())  # fmt: skip
    assert [place.status for place in found] == ["outside", "outside"]
