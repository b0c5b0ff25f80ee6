"""Transcripts: encodings, what Word keeps and hides, speakers, segments, hostile files."""

import zipfile
from pathlib import Path

import docx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.interviews.corpus import CorpusError, check_corpus, table
from analysis.interviews.speakers import speakers_of_lines
from analysis.interviews.text import align, decode_text, find_ink, ink, plain_text
from analysis.interviews.transcripts import read_transcript, segments_of

CHINESE = "问：您好，𠮷先生。\n答：今年收成不错。"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"

few = settings(max_examples=60, deadline=None)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=40)


def docx_of(path: Path, body: str, **parts: str) -> Path:
    """Word file with this XML as body; `parts` are members of `word/` by name without `.xml`."""
    root = f'<w:{{}} xmlns:w="{W}" xmlns:mc="{MC}">{{}}</w:{{}}>'
    members = {"word/document.xml": root.format("document", f"<w:body>{body}</w:body>", "document")}
    for name, xml in parts.items():
        members[f"word/{name}.xml"] = root.format(name, xml, name)
    with zipfile.ZipFile(path, "w") as archive:
        for name, xml in members.items():
            archive.writestr(name, xml)
    return path


def p(*runs: str, style: str = "", mark: str = "") -> str:
    name = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{name}<w:rPr>{mark}</w:rPr></w:pPr>{''.join(runs)}</w:p>"


def r(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def losses_of(corpus) -> dict[str, int]:
    return corpus.losses.groupby("element")["count"].sum().to_dict()


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("gb18030", b""), ("utf-16-le", b"\xff\xfe"),
     ("utf-16-be", b"\xfe\xff")],
)  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_txt_of_every_encoding_gives_one_text(tmp_path, encoding, mark, line_end):
    path = tmp_path / "访谈1.txt"
    path.write_bytes(mark + CHINESE.replace("\n", line_end).encode(encoding))
    corpus = check_corpus(read_transcript(path))
    assert corpus.documents["text"].tolist() == [CHINESE]
    assert corpus.documents[["doc_id", "lang", "source_file"]].iloc[0].tolist() == [
        "访谈1", "zh", "访谈1.txt",
    ]  # fmt: skip
    assert ("encoding" in losses_of(corpus)) == (encoding == "gb18030")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"ab\xff\xff", "byte 2 fits no text"),
        (b"\xef\xbb\xbfab\xff", "byte 5 fits no text"),
        (b"\xff\xfea\x00\x00\xd8", "byte 4 fits no text"),
        ("ab".encode("utf-16-le"), "byte 1 is zero"),
        (b"<!DOCTYPE html><p>Log in", "this is a web page, not the file"),
        (b"", "empty"),
        (b" \r\n ", "holds no text"),
    ],
)
def test_txt_that_is_no_text_is_refused_with_its_place(tmp_path, data, message):
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        read_transcript(path)


def test_hidden_characters_are_left_out_and_counted(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("pay \u202eevil\u202c now\x07\x1b[2K\u2028next", encoding="utf-8")
    corpus = read_transcript(path)
    assert corpus.documents["text"][0] == "pay evil now[2K\nnext"
    assert losses_of(corpus) == {
        "control character": 2, "writing direction control": 2, "speaker": 1,
    }  # fmt: skip


@few
@given(texts)
def test_plain_text_maps_every_offset(raw):
    plain = plain_text(raw)
    assert len(plain.offsets) == len(raw) + 1 and plain.offsets[-1] == len(plain.text)
    for k, character in enumerate(raw):
        piece = plain.text[plain.offsets[k] : plain.offsets[k + 1]]
        assert piece in ("", character) or piece == "\n"
    again = plain_text(plain.text)
    assert again.text == plain.text and again.offsets.tolist() == list(range(len(plain.text) + 1))


@few
@given(st.lists(st.sampled_from("ab中𠮷。"), max_size=20), st.data())
def test_alignment_covers_the_same_characters(characters, data):
    blanks = st.lists(
        st.text(" \t\n\u3000", max_size=2),
        min_size=len(characters) + 1,
        max_size=len(characters) + 1,
    )
    source, target = (
        "".join(b + c for b, c in zip(data.draw(blanks), [*characters, ""], strict=True))
        for _ in range(2)
    )
    alignment = align(source, target)
    assert alignment is not None
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, len(source)))
    (low,), (high,) = alignment.move(np.array([start]), np.array([end]))
    assert 0 <= low <= high <= len(target)
    assert "".join(target[low:high].split()) == "".join(source[start:end].split())


def test_texts_that_differ_by_a_letter_do_not_align():
    assert align("今年 收成", "今年收 入") is None


def test_quotes_are_found_with_overlaps_and_offsets():
    text = "aa a\nba"
    assert find_ink(*ink(text), "aa") == [(0, 2), (1, 4)]
    assert find_ink(*ink(text), "") == []


def test_docx_text_is_what_a_reader_sees_with_changes_accepted(tmp_path):
    body = (
        p(r("one "), f'<w:ins w:id="1">{r("new ")}</w:ins>',
          '<w:del w:id="2"><w:r><w:delText>old</w:delText></w:r></w:del>', r("two"))
        + p(r("a"), "<w:r><w:tab/></w:r>", r("b"), "<w:r><w:br/></w:r>", r("c"),
            '<w:r><w:br w:type="page"/></w:r>')
        + p(r("joined "), mark="<w:del/>") + p(r("here"))
        + f'<w:tbl><w:tr><w:tc>{p(r("x"))}{p(r("y"))}</w:tc><w:tc>{p(r("z"))}</w:tc></w:tr>'
        + f'<w:tr><w:trPr><w:del/></w:trPr><w:tc>{p(r("gone"))}</w:tc></w:tr></w:tbl>'
        + f"<w:sdt><w:sdtContent>{p(r('inside'))}</w:sdtContent></w:sdt>"
    )  # fmt: skip
    corpus = check_corpus(read_transcript(docx_of(tmp_path / "a.docx", body)))
    assert corpus.documents["text"][0] == (
        "one new two\na\tb\nc\njoined here\nx y\tz\ninside"
    )  # fmt: skip
    assert losses_of(corpus) == {
        "speaker": 1, "table": 1, "tracked deletion": 2, "tracked insertion": 1,
    }  # fmt: skip


def test_docx_counts_what_text_cannot_hold(tmp_path):
    shape = f"<w:drawing><w:txbxContent>{p(r('boxed'))}</w:txbxContent></w:drawing>"
    body = p(
        r("shown"), f"<w:r><mc:AlternateContent><mc:Choice>{shape}</mc:Choice><mc:Fallback>"
        f"<w:pict>{p(r('again'))}</w:pict></mc:Fallback></mc:AlternateContent></w:r>",
        '<w:r><w:sym w:char="F0E0"/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>',
    ) + "<w:p><w:pPr><w:numPr/></w:pPr></w:p>"  # fmt: skip
    corpus = read_transcript(docx_of(
        tmp_path / "a.docx", body,
        comments=f'<w:comment w:id="0">{p(r("secret"))}</w:comment>',
        footnotes=f'<w:footnote w:type="separator"/><w:footnote>{p(r("note"))}</w:footnote>',
        header1=p(r("SIMULATED")), footer1=p(),
    ))  # fmt: skip
    assert corpus.documents["text"][0].strip() == "shown"
    assert losses_of(corpus) == {
        "comment": 1, "footnote": 1, "header or footer": 1, "picture or drawing": 1,
        "text box": 1, "symbol": 1, "numbered paragraph": 1, "speaker": 1,
    }  # fmt: skip
    assert "secret" not in corpus.losses.to_string()


def test_docx_speakers_come_from_styles(tmp_path):
    names = {"s1": "访谈者", "s2": "受访者", "s3": "Interviewee Answer"}
    styles = "".join(
        f'<w:style w:styleId="{k}"><w:name w:val="{v}"/></w:style>' for k, v in names.items()
    )
    body = (
        p(r("模拟")) + p(r("您好。"), style="s1") + p(r("好。"), style="s2")
        + p(r("还行。"), style="s2") + p() + p(r("Fine."), style="s3") + p(r("嗯。"), style="s1")
    )  # fmt: skip
    segments = read_transcript(docx_of(tmp_path / "a.docx", body, styles=styles)).segments
    assert segments["speaker"].tolist() == [
        "", "interviewer", "interviewee", "interviewee", "interviewee", "interviewer",
    ]  # fmt: skip
    assert segments["turn"].tolist() == [1, 2, 3, 3, 3, 4]


def test_docx_of_python_docx_reads_alike(tmp_path):
    document = docx.Document()
    for text in ("第一段 ", "", "second\nline\ttab"):
        document.add_paragraph(text)
    document.save(str(tmp_path / "a.docx"))
    text = read_transcript(tmp_path / "a.docx").documents["text"][0]
    assert text == "\n".join(paragraph.text for paragraph in document.paragraphs)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["问：好吗？", "答：好。", "还行。", "问：嗯"], "r e e r"),
        (["Q1: a", "A1: b", "Q2: c", "A2: d"], "r e r e"),
        (["Ｑ：a", "Ａ：b"], "r e"),
        (["[00:01:02] 访谈者：a", "[00:01:09] 受访者：b"], "r e"),
        (["访谈者\ta", "受访者\tb"], "r e"),
        (["主持人：a", "受访者1：b", "受访者2：c"], "r e1 e2"),
        (["title", "Interviewer: a", "Respondent: b"], "- r e"),
        (["王强：a", "李梅：b", "王强：c", "李梅：d"], "王强 李梅 王强 李梅"),
        (["说话人1 00:01", "a", "说话人2 00:09", "b", "说话人1 00:12", "说话人2 00:15"],
         "说话人1 说话人1 说话人2 说话人2 说话人1 说话人2"),
        # a lone heading, a list of labels, times and sentences are no dialogue
        (["Interviewee: Otto", "Niche: Travel", "Reach: 10", "text", "more"], "- - - - -"),
        (["Interviewee: A", "b", "c", "d", "Interviewer: e", "f", "g", "h"], "- - - - - - - -"),
        (["10:30 start", "11:30 end", "10:30 start", "11:30 end"], "- - - -"),
        (["He said, yes: a", "He said, yes: b", "And, no: c", "And, no: d"], "- - - -"),
    ],
)  # fmt: skip
def test_cues_name_speakers_only_in_a_dialogue(lines, expected):
    short = {"interviewer": "r", "interviewee": "e", "": "-"}
    found = [s.replace("interviewee ", "e") for s in speakers_of_lines(lines)]
    assert " ".join(short.get(s, s) for s in found) == expected


def test_segments_are_paragraphs_with_the_text_at_their_offsets():
    text = "标题\n\n问：一\n答：二\n \n三\n问：四"
    documents = table("documents", [{"doc_id": "a", "text": text}, {"doc_id": "b", "text": "x\ny"}])
    segments = segments_of(documents)
    assert segments["seg_id"].tolist() == [f"a:00{k}" for k in range(1, 6)] + ["b:001", "b:002"]
    assert segments["text"].tolist() == ["标题", "问：一", "答：二", "三", "问：四", "x", "y"]
    assert segments["turn"].tolist() == [1, 2, 3, 3, 4, 1, 2]
    inside = segments[segments["doc_id"] == "a"]
    assert [text[s:e] for s, e in zip(inside["start"], inside["end"], strict=True)] == (
        inside["text"].tolist()
    )


def test_more_than_999_segments_stay_in_order():
    documents = table("documents", [{"doc_id": "a", "text": "\n".join(map(str, range(1000)))}])
    assert segments_of(documents)["text"].tolist() == [str(k) for k in range(1000)]


def test_hostile_or_wrong_docx_is_refused(tmp_path):
    good = f'<w:document xmlns:w="{W}"><w:body>{p(r("&e;"))}</w:body></w:document>'
    cases = {
        "bomb": ('<!DOCTYPE d [<!ENTITY e "x">]>' + good, "document type"),
        "broken": ("<w:document", "not well-formed"),
    }
    for name, (xml, message) in cases.items():
        with zipfile.ZipFile(tmp_path / f"{name}.docx", "w") as archive:
            archive.writestr("word/document.xml", xml)
        with pytest.raises(CorpusError, match=message):
            read_transcript(tmp_path / f"{name}.docx")
    for data, message in (
        (b"\xd0\xcf\x11\xe0" + bytes(99), "old Word file"),
        (b"<html>", "web page"),
        (b"text", "no zip archive"),
    ):
        (tmp_path / "x.docx").write_bytes(data)
        with pytest.raises(CorpusError, match=message):
            read_transcript(tmp_path / "x.docx")
    with pytest.raises(CorpusError, match="nested too deeply"):
        read_transcript(docx_of(tmp_path / "deep.docx", "<w:sdt>" * 1500 + "</w:sdt>" * 1500))
    with zipfile.ZipFile(tmp_path / "y.docx", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(CorpusError, match=r"no word/document\.xml"):
        read_transcript(tmp_path / "y.docx")


@few
@given(st.binary(max_size=60))
def test_any_bytes_give_text_or_the_one_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "a.txt"
    path.write_bytes(data)
    try:
        check_corpus(read_transcript(path))
    except CorpusError:
        return


@few
@given(st.integers(0, 800), st.integers(0, 255))
def test_a_damaged_docx_gives_text_or_the_one_error(tmp_path_factory, at, byte):
    folder = tmp_path_factory.mktemp("fuzz")
    data = bytearray(docx_of(folder / "a.docx", p(r("问：a")) + p(r("答：b"))).read_bytes())
    data[at % len(data)] = byte
    (folder / "a.docx").write_bytes(data)
    try:
        check_corpus(read_transcript(folder / "a.docx"))
    except CorpusError:
        return


def test_decoding_names_the_file_and_never_quotes_it():
    with pytest.raises(CorpusError) as caught:
        decode_text("张三的电话".encode() + b"\xff\xff", "a.txt")
    assert "a.txt" in str(caught.value) and "张三" not in str(caught.value)
