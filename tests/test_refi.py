"""Reading REFI-QDA: what the tools are known to write, each built from bytes, and hostile files."""

import contextlib
import os
import random
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refi_files import (
    CODE,
    END,
    PASSAGE,
    SELECTION,
    SOURCE,
    START,
    TEXT,
    USER,
    codes,
    coding,
    guid,
    project,
    qdpx,
    selection,
    simple,
    source,
)

from analysis.interviews.corpus import Corpus, CorpusError
from analysis.interviews.refi import MAX_DEPTH, read_codebook, read_project, schema_problems


def read(folder, xml, texts=None, **options) -> Corpus:
    return read_project(qdpx(folder, xml, texts, **options))


def placed(corpus):
    """The passages that are coded, as text."""
    texts = corpus.documents.set_index("doc_id")["text"]
    return [texts[r.doc_id][r.start : r.end] for r in corpus.codings.itertuples()]


def lost(corpus):
    """The loss report as {element: reason}."""
    return dict(zip(corpus.losses["element"], corpus.losses["reason"], strict=True))


def reference_file(name):
    folder = os.environ.get("ORACLE_DATA")
    path = Path(folder).parents[1] / "refi" / name if folder else None
    if path is None or not path.exists():
        pytest.skip(f"{name}: ORACLE_DATA names no folder with it")
    return path


# --- real files -----------------------------------------------------------------------------------


def test_project_of_atlasti_keeps_all_codes_and_codings_and_names_its_empty_sources():
    # counted in the XML: 14 Code, 16 Coding, 12 sources of which none has its text in the archive
    corpus = read_project(reference_file("atlasti_standard_project.qdpx"))
    assert (len(corpus.codes), len(corpus.codings), len(corpus.documents)) == (14, 16, 12)
    assert (corpus.documents["text"] == "").all()
    empty = {re.sub(r"^\w+ ", "", e)[1:-1] for e in lost(corpus) if "Source " in e}
    assert empty == set(corpus.documents["doc_id"])
    assert set(corpus.codings["coder_id"]) == {"Friedrich Markgraf"}
    assert "set: gender: male" in set(corpus.attributes["name"])
    assert {"Graph", "Set/MemberCode", "Vertex"} <= set(lost(corpus))
    assert schema_problems(reference_file("atlasti_standard_project.qdpx")) == []


def test_codebook_of_the_specification():
    corpus = read_codebook(reference_file("spec_annexA1_codebook.qdc"))
    assert len(corpus.codes) == 6
    economy = corpus.codes.set_index("code_id").loc["Economy"]
    assert economy["color"] == "#ffff00"
    assert economy["description"] == "Anything about jobs or taxes or business"
    assert not corpus.codes.set_index("code_id").loc["Topics", "is_codable"]


# --- archive and XML ------------------------------------------------------------------------------


def test_small_project_is_read_whole(tmp_path):
    corpus = read(tmp_path, simple())
    assert placed(corpus) == [PASSAGE]
    row = corpus.codings.iloc[0]
    assert (row["code_id"], row["coder_id"], row["doc_id"]) == ("收入", "李编码", "访谈01")
    assert (row["origin"], row["created"], row["source_file"]) == (
        "human", "2024-05-01T08:00:00Z", "p.qdpx")  # fmt: skip
    assert (corpus.codes.loc[0, "label_zh"], corpus.codes.loc[0, "label_en"]) == ("收入", "")
    assert corpus.documents.loc[0, "lang"] == "zh"
    assert corpus.losses.empty


@pytest.mark.parametrize("member", ["project.qde", "PROJECT.QDE", "My study (2024).qde"])
@pytest.mark.parametrize("sources", ["Sources/", "sources/", "SOURCES/", ""])
def test_project_and_folder_of_sources_may_have_any_name_and_case(tmp_path, member, sources):
    assert placed(read(tmp_path, simple(), member=member, sources=sources)) == [PASSAGE]


def test_project_zipped_again_inside_a_folder_by_hand(tmp_path):
    path = qdpx(tmp_path, simple(), member="study/project.qde", sources="study/Sources/")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/study/._project.qde", b"junk")
    assert placed(read_project(path)) == [PASSAGE]


def test_entries_that_no_source_refers_to_are_counted(tmp_path):
    texts = {"a.txt": TEXT.encode(), ".root": b"", "b.docx": b"x", "c.docx": b"x"}
    corpus = read(tmp_path, simple(origin="NVivo 14"), texts)
    counts = corpus.losses.set_index("element")["count"]
    assert (counts["member .root"], counts["member .docx"]) == (1, 2)
    assert placed(corpus) == [PASSAGE]


def test_older_namespace(tmp_path):
    xml = simple().replace(b"urn:QDA-XML:project:1.0", b"http://schema.qdasoftware.org/project/0.9")
    path = qdpx(tmp_path, xml)
    assert placed(read_project(path)) == [PASSAGE]
    assert schema_problems(path)[0].startswith("project.qde: line 2, <Project>: ")


def test_prefixed_namespace(tmp_path):
    xml = re.sub(rb"<(/?)(?=[A-Z])", rb"<\1qda:", simple()).replace(b"xmlns=", b"xmlns:qda=")
    assert placed(read(tmp_path, xml)) == [PASSAGE]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "gb18030"])
def test_project_in_another_encoding_than_it_declares(tmp_path, codec):
    assert placed(read(tmp_path, simple().decode().encode(codec))) == [PASSAGE]


def test_guids_in_braces_and_capitals_are_the_same(tmp_path):
    xml = simple().replace(f'targetGUID="{CODE}"'.encode(), f'targetGUID="{{{CODE}}}"'.encode())
    xml = xml.replace(USER.encode(), USER.upper().encode(), 1)
    assert placed(read(tmp_path, xml)) == [PASSAGE]


def test_bare_xml_under_the_name_of_an_archive(tmp_path):
    path = tmp_path / "p.qdpx"
    path.write_bytes(simple())
    corpus = read_project(path)
    assert placed(corpus) == [""]
    assert "its text is not in the file: it is kept empty" in set(corpus.losses["reason"])


def test_ids_do_not_depend_on_guids_that_tools_mint_anew(tmp_path):
    first, again = simple(), simple()
    for k, own in enumerate((USER, CODE, SOURCE, SELECTION, guid(1))):
        again = again.replace(own.encode(), guid(900 + k).encode())
    one, two = read(tmp_path, first), read(tmp_path, again)
    for name in ("documents", "codes", "coders", "codings"):
        assert getattr(one, name).equals(getattr(two, name))


# --- texts and offsets ----------------------------------------------------------------------------


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize("mark", [False, True])
def test_line_ends_and_byte_order_mark_go(tmp_path, crlf, mark):
    body = TEXT.replace("\n", "\r\n") if crlf else TEXT
    data = body.encode("utf-8-sig" if mark else "utf-8")
    for shift in (0, crlf, mark, crlf + mark):  # counted or not; the passage lies in line 2
        corpus = read(tmp_path, simple(start=START + shift, end=END + shift), {"a.txt": data})
        assert corpus.documents.loc[0, "text"] == TEXT
        assert placed(corpus) == [PASSAGE]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "gb18030"])
def test_text_in_another_encoding(tmp_path, codec):
    corpus = read(tmp_path, simple(), {"a.txt": TEXT.encode(codec)})
    assert placed(corpus) == [PASSAGE]
    assert ("TextSource '访谈01'" in lost(corpus)) == (codec == "gb18030")


def test_bytes_that_are_no_text_are_counted(tmp_path):
    corpus = read(tmp_path, simple(), {"a.txt": b"\xff\xff\xff" + TEXT.encode()})
    assert "bytes that are no text" in lost(corpus)["TextSource '访谈01'"]


def test_utf16_units_and_utf8_bytes_are_recognised_by_the_names(tmp_path):
    text = "𠮷家：合作社分红了，大家都说好。\n"
    for unit, width in (("utf-16-le", 2), ("utf-8", 1)):
        passages = ["合作社分红", "大家都说好", "分红了，大家"]
        inside = ""
        for k, passage in enumerate(passages):
            before = text[: text.index(passage)]
            start = len(before.encode(unit)) // width
            end = start + len(passage.encode(unit)) // width
            inside += selection(coding(number=k + 1), start=start, end=end, name=passage,
                                number=50 + k)  # fmt: skip
        xml = project(f"{codes('x')}<Sources>{source(inside)}</Sources>")
        assert sorted(placed(read(tmp_path, xml, {"a.txt": text.encode()}))) == sorted(passages)


@pytest.mark.parametrize(
    ("origin", "shift"),
    [("ATLAS.ti 8.4", 0), ("NVivo 14", 1), ("MAXQDA 24", 1), ("Quirkos", 1), ("QualCoder 3", 0)],
)
def test_without_names_the_default_of_the_tool_counts_and_is_reported(tmp_path, origin, shift):
    # line ends of two characters in the file count once in ATLAS.ti and in Python tools
    data = {"a.txt": TEXT.replace("\n", "\r\n").encode()}
    corpus = read(
        tmp_path, simple(origin=origin, name="", start=START + shift, end=END + shift), data
    )
    assert placed(corpus) == [PASSAGE]
    assert lost(corpus)["PlainTextSelection"].startswith("offsets unverified: no selection carries")


def test_names_that_are_titles_are_reported_and_do_not_move_anything(tmp_path):
    corpus = read(tmp_path, simple(name="a title of mine"))
    assert placed(corpus) == [PASSAGE]
    assert "offsets unverified" in lost(corpus)["PlainTextSelection"]


def test_offsets_outside_the_text_are_clipped_and_counted(tmp_path):
    corpus = read(tmp_path, simple(start=START, end=10**9, name=""))
    assert placed(corpus) == [TEXT[START:]]
    assert "moved to the nearest edge" in lost(corpus)["TextSource '访谈01'"]


@pytest.mark.parametrize("stated", ["", "x", "9" * 5000])
def test_offsets_that_are_no_numbers_keep_the_coding_without_passage(tmp_path, stated):
    xml = simple().replace(f'endPosition="{END}"'.encode(), f'endPosition="{stated}"'.encode())
    corpus = read(tmp_path, xml)
    assert placed(corpus) == [""]
    assert "kept without passage" in lost(corpus)["TextSource '访谈01'"]


def test_text_inside_the_xml(tmp_path):
    inline = source(f"<PlainTextContent>{TEXT}</PlainTextContent>{selection(coding())}")
    inline = inline.replace(' plainTextPath="internal://a.txt"', "")
    corpus = read(tmp_path, project(f"{codes('x')}<Sources>{inline}</Sources>"), {})
    assert placed(corpus) == [PASSAGE]
    assert corpus.losses.empty


@pytest.mark.parametrize(
    "path", ["absolute:///etc/passwd", "relative:///a.txt", "file:///a.txt", "https://x/a.txt"]
)
def test_text_outside_the_file_is_never_read(tmp_path, path):
    xml = simple().replace(b"internal://a.txt", path.encode())
    corpus = read(tmp_path, xml)
    assert corpus.documents.loc[0, "text"] == ""
    assert "not followed" in " ".join(corpus.losses["reason"])


@pytest.mark.parametrize("path", ["internal://../a.txt", "internal:///etc/passwd", "../../a.txt"])
def test_path_of_a_text_never_leaves_the_archive(tmp_path, path):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    corpus = read(tmp_path, simple().replace(b"internal://a.txt", path.encode()), {})
    assert corpus.documents.loc[0, "text"] == ""


# --- codes and coders -----------------------------------------------------------------------------


def test_codes_are_paths_of_names_and_repeated_ones_are_numbered(tmp_path):
    book = (
        "<CodeBook><Codes>"
        f'<Code guid="{CODE}" name="问题" isCodable="false"><Description>d</Description>'
        f'<Code guid="{guid(1)}" name="资金" isCodable="true" color="#abc"/>'
        f'<Code guid="{guid(2)}" name="资金" color="#80FF0000"/></Code>'
        f'<Code guid="{guid(3)}" name="Coke::diet"/></Codes><Sets/></CodeBook>'
    )
    found = read(tmp_path, project(book)).codes.set_index("code_id")
    assert set(found.index) == {"问题", "问题/资金", "问题/资金 (2)", "Coke::diet"}
    assert found.loc["问题/资金", "parent"] == "问题"
    assert found.loc[["问题/资金", "问题/资金 (2)"], "color"].tolist() == ["#aabbcc", "#FF0000"]
    assert found["is_codable"].to_dict() == {
        "问题": False, "问题/资金": True, "问题/资金 (2)": True, "Coke::diet": True}  # fmt: skip
    assert found.loc["Coke::diet", "label_en"] == "Coke::diet"


def test_codebook_with_empty_sets_is_read_and_judged_apart(tmp_path):
    path = tmp_path / "taguette.qdc"
    path.write_text(
        f'<CodeBook xmlns="urn:QDA-XML:codebook:1.0" origin="Taguette 1.4"><Codes>'
        f'<Code guid="{CODE}" name="村" isCodable="true"/></Codes><Sets/></CodeBook>',
        encoding="utf-8",
    )
    assert read_codebook(path).codes["code_id"].tolist() == ["村"]
    assert read_project(path).codes["code_id"].tolist() == ["村"]
    assert schema_problems(path) == ["taguette.qdc: line 1, <Sets>: SCHEMAV_ELEMENT_CONTENT"]


def test_codes_too_deep_are_refused(tmp_path):
    deep = "<Code name='a'>" * (MAX_DEPTH + 1) + "</Code>" * (MAX_DEPTH + 1)
    with pytest.raises(CorpusError, match=f"more than {MAX_DEPTH} deep"):
        read(tmp_path, project(f"<CodeBook><Codes>{deep}</Codes></CodeBook>"))


def test_users_of_one_name_are_two_coders(tmp_path):
    users = f'<User guid="{USER}" name="李"/><User guid="{guid(9)}" name="李"/>'
    other = coding(number=2).replace(USER, guid(9))
    xml = project(
        f"{codes('x')}<Sources>{source(selection(coding() + other))}</Sources>", users=users
    )
    assert sorted(read(tmp_path, xml).codings["coder_id"]) == ["李", "李 (2)"]


def test_coding_without_user_has_that_of_the_selection_else_is_reported(tmp_path):
    users = f'<User guid="{USER}" name="李"/><User guid="{guid(9)}" name="王"/>'
    bare = coding().replace(f'creatingUser="{USER}"', "")
    book, text = codes("x"), source(selection(bare))
    xml = project(f"{book}<Sources>{text}</Sources>", users=users)
    corpus = read(tmp_path, xml)
    assert corpus.codings.loc[0, "coder_id"] == "unknown"
    assert "Coding/@creatingUser" in lost(corpus)
    owned = text.replace("<PlainTextSelection", f'<PlainTextSelection creatingUser="{guid(9)}"')
    corpus = read(tmp_path, project(f"{book}<Sources>{owned}</Sources>", users=users))
    assert corpus.codings.loc[0, "coder_id"] == "王"
    assert corpus.losses.empty


def test_coding_of_a_code_that_is_not_there_is_counted(tmp_path):
    corpus = read(tmp_path, simple().replace(f'targetGUID="{CODE}"'.encode(), b'targetGUID="0"'))
    assert corpus.codings.empty
    assert lost(corpus)["Coding"] == "of a code that the codebook does not hold"


# --- sources --------------------------------------------------------------------------------------


def test_documents_of_one_name_stay_apart(tmp_path):
    # MAXQDA repeats names, and makes a document of each answer to a survey
    texts = [source(own=guid(k), name="Q1", path=f"{k}.txt") for k in range(3)]
    xml = project(f"<Sources>{''.join(texts)}</Sources>", origin="MAXQDA 2022")
    corpus = read(tmp_path, xml, {f"{k}.txt": f"答{k}".encode() for k in range(3)})
    assert corpus.documents.set_index("doc_id")["text"].to_dict() == {
        "Q1": "答0", "Q1 (2)": "答1", "Q1 (3)": "答2"}  # fmt: skip


def test_source_coded_as_a_whole(tmp_path):
    xml = project(f"{codes('x')}<Sources>{source(coding())}</Sources>")
    assert placed(read(tmp_path, xml)) == [TEXT]


PDF = (
    f'<PDFSource guid="{SOURCE}" name="a.pdf" path="internal://a.pdf">'
    f'<PDFSelection guid="{SELECTION}" page="0" firstX="1" firstY="1" secondX="2" secondY="2" '
    f'name="x"><Representation guid="{guid(70)}"><PlainTextContent>x</PlainTextContent>'
    f"</Representation>{coding(number=5)}</PDFSelection>"
    f'<Representation guid="{guid(71)}" plainTextPath="internal://a.txt">'
    f"{selection(coding(number=6))}</Representation></PDFSource>"
)


def test_selection_of_a_pdf_that_is_given_twice_counts_once_where_the_text_is_there(tmp_path):
    xml = project(f"{codes('x')}<Sources>{PDF}</Sources>")
    corpus = read(tmp_path, xml)
    assert placed(corpus) == [PASSAGE]
    assert "counted once" in lost(corpus)["PDFSelection"]
    assert len(read(tmp_path, xml, {}).codings) == 2


def test_picture_and_film_keep_their_codings_without_passage(tmp_path):
    region = f'<PictureSelection guid="{guid(8)}">{coding(number=3)}</PictureSelection>'
    stretch = (
        f'<VideoSelection guid="{guid(9)}" begin="1" end="2">{coding(number=4)}</VideoSelection>'
    )
    media = (
        f'<PictureSource guid="{guid(80)}" name="a.jpg">{region}</PictureSource>'
        f'<VideoSource guid="{guid(81)}" name="a.mp4">{stretch}</VideoSource>'
    )
    corpus = read(tmp_path, project(f"{codes('x')}<Sources>{media}</Sources>"))
    assert placed(corpus) == ["", ""]
    reasons = set(corpus.losses["reason"])
    assert "codings kept without passage, at the beginning" in reasons
    assert {"PictureSource 'a.jpg'", "VideoSource 'a.mp4'"} <= set(lost(corpus))


def test_transcript_is_coded_between_points_of_time(tmp_path):
    spots = "".join(
        f'<SyncPoint guid="{guid(60 + k)}" position="{p}" timeStamp="{k}"/>'
        for k, p in enumerate((START, END))
    )
    chosen = (
        f'<TranscriptSelection guid="{guid(62)}" name="{PASSAGE}" fromSyncPoint="{guid(60)}" '
        f'toSyncPoint="{guid(61)}">{coding()}</TranscriptSelection>'
    )
    transcript = f'<Transcript guid="{guid(63)}" plainTextPath="internal://a.txt">{spots}{chosen}</Transcript>'
    film = f'<AudioSource guid="{SOURCE}" name="a.m4a">{transcript}</AudioSource>'
    corpus = read(tmp_path, project(f"{codes('x')}<Sources>{film}</Sources>"))
    assert placed(corpus) == [PASSAGE]
    # the same text as a text source, too: one document has both
    both = project(f"{codes('x')}<Sources>{film}{source()}</Sources>")
    corpus = read(tmp_path, both)
    assert placed(corpus) == [PASSAGE]
    assert corpus.documents.set_index("doc_id")["text"].to_dict() == {"a.m4a": "", "访谈01": TEXT}


# --- cases, variables, sets -----------------------------------------------------------------------

VARIABLES = (
    f'<Variables><Variable guid="{guid(30)}" name="年龄" typeOfVariable="Integer"/>'
    f'<Variable guid="{guid(31)}" name="性别" typeOfVariable="Text"/></Variables>'
)


def value(number, tag, text):
    reference = f'<VariableRef targetGUID="{guid(number)}"/>'
    return f"<VariableValue>{reference}<{tag}>{text}</{tag}></VariableValue>"


VALUES = value(30, "IntegerValue", "45") + value(31, "TextValue", "女")


def attributes(corpus):
    return {
        (r.entity_kind, r.entity, r.name): (r.type, r.value) for r in corpus.attributes.itertuples()
    }


@pytest.mark.parametrize(
    ("cases", "inside"),
    [
        ("", VALUES),  # MAXQDA: in the source
        (
            f'<Case guid="{guid(40)}">{VALUES}<SourceRef targetGUID="{SOURCE}"/></Case>',
            "",
        ),  # Quirkos
    ],
)
def test_variables_of_a_document_stand_in_the_source_or_in_a_nameless_case(tmp_path, cases, inside):
    xml = project(f"{VARIABLES}<Cases>{cases}</Cases><Sources>{source(inside)}</Sources>")
    corpus = read(tmp_path, xml)
    assert attributes(corpus) == {
        ("document", "访谈01", "年龄"): ("number", "45"),
        ("document", "访谈01", "性别"): ("text", "女"),
    }
    assert corpus.documents.loc[0, "case"] == ""
    assert corpus.losses.empty


def case(number, name, inside=""):
    member = f'<SourceRef targetGUID="{SOURCE}"/>'
    return f'<Case guid="{guid(number)}" name="{name}">{inside}{member}</Case>'


def test_case_of_a_document_and_its_variables(tmp_path):
    xml = project(
        f"{VARIABLES}<Cases>{case(40, 'B镇', VALUES)}</Cases><Sources>{source()}</Sources>"
    )
    corpus = read(tmp_path, xml)
    assert corpus.documents.loc[0, "case"] == "B镇"
    assert attributes(corpus)["case", "B镇", "年龄"] == ("number", "45")


def test_document_in_several_cases_has_them_as_attributes(tmp_path):
    xml = project(f"<Cases>{case(40, '女')}{case(41, '45')}</Cases><Sources>{source()}</Sources>")
    corpus = read(tmp_path, xml)
    assert corpus.documents.loc[0, "case"] == ""
    assert set(attributes(corpus)) == {("document", "访谈01", f"case: {c}") for c in ("女", "45")}


def test_text_coded_with_a_case_belongs_to_it(tmp_path):
    # NVivo: the code of the coding has the GUID of a case and may be missing from the codebook
    xml = project(
        f'{codes("x")}<Cases><Case guid="{guid(40)}" name="Anna"/></Cases>'
        f"<Sources>{source(selection(coding(guid(40))))}</Sources>", origin="NVivo"
    )  # fmt: skip
    corpus = read(tmp_path, xml)
    assert corpus.documents.loc[0, "case"] == "Anna"
    assert corpus.codings.empty


def test_sets_of_sources_are_attributes_and_sets_of_codes_are_counted(tmp_path):
    sets = (
        f'<Sets><Set guid="{guid(50)}" name="gender: male">'
        f'<MemberSource targetGUID="{SOURCE}"/></Set>'
        f'<Set guid="{guid(51)}" name="Feelings"><MemberCode targetGUID="{CODE}"/></Set></Sets>'
    )
    corpus = read(tmp_path, project(f"{codes('x')}<Sources>{source()}</Sources>{sets}"))
    assert attributes(corpus) == {("document", "访谈01", "set: gender: male"): ("boolean", "true")}
    assert lost(corpus) == {"Set/MemberCode": "sets of codes are not carried over"}


# --- notes and links ------------------------------------------------------------------------------


def note(inside, number=20, name="备忘"):
    author = f'creatingUser="{USER}"'
    return f'<Notes><Note guid="{guid(number)}" name="{name}" {author}>{inside}</Note></Notes>'


CONTENT = "<PlainTextContent>想一想</PlainTextContent>"
ON = f'<NoteRef targetGUID="{guid(20)}"/>'


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (source(selection(coding(inside=ON))), ("coding", None)),
        (source(selection(coding() + ON)), ("document", (START, END))),
        (source(selection(coding()) + ON), ("document", None)),
        (source(selection(coding())), ("project", None)),
    ],
)
def test_note_is_on_what_refers_to_it(tmp_path, inside, expected):
    corpus = read(tmp_path, project(f"{codes('x')}<Sources>{inside}</Sources>{note(CONTENT)}"))
    row = corpus.notes.iloc[0]
    assert (row["note_id"], row["text"], row["coder_id"]) == ("备忘", "想一想", "李编码")
    passage = (
        (row["start"], row["end"]) if row["start"] is not None and row.notna()["start"] else None
    )
    assert (row["target_kind"], passage) == expected
    targets = {"coding": set(corpus.codings["coding_id"]), "document": {"访谈01"}, "project": {""}}
    assert row["target"] in targets[row["target_kind"]]


def test_annotation_of_nvivo_is_a_selection_that_a_link_ties_to_a_note(tmp_path):
    link = (
        f'<Links><Link guid="{guid(25)}" originGUID="{guid(20)}" targetGUID="{SELECTION}"/></Links>'
    )
    memo = f'<Notes><Note guid="{guid(20)}" plainTextPath="internal://n.txt"/></Notes>'
    xml = project(f"<Sources>{source(selection(''))}</Sources>{memo}{link}", origin="NVivo 12")
    corpus = read(tmp_path, xml, {"a.txt": TEXT.encode(), "n.txt": "想一想".encode("utf-8-sig")})
    row = corpus.notes.iloc[0]
    assert (row["target_kind"], row["start"], row["end"], row["text"]) == (
        "document",
        START,
        END,
        "想一想",
    )
    assert corpus.links.empty
    assert corpus.codings.empty
    assert corpus.losses.empty


def test_memo_of_quirkos_selects_its_passage_itself(tmp_path):
    own = selection("", name="", number=21)
    xml = project(f"<Sources>{source(ON)}</Sources>{note(CONTENT + own)}", origin="Quirkos 2")
    row = read(tmp_path, xml).notes.iloc[0]
    assert (row["target"], row["start"], row["end"]) == ("访谈01", START, END)


def test_description_of_a_selection_is_a_note_on_its_passage_or_coding(tmp_path):
    said = "<Description>为什么？</Description>"
    for inside, kind in ((said, "document"), (said + coding(), "coding")):
        xml = project(f"{codes('x')}<Sources>{source(selection(inside))}</Sources>")
        corpus = read(tmp_path, xml)
        assert corpus.notes[["target_kind", "text"]].to_numpy().tolist() == [[kind, "为什么？"]]
        assert corpus.losses.empty


def test_selection_that_says_nothing_is_counted(tmp_path):
    corpus = read(tmp_path, project(f"<Sources>{source(selection(''))}</Sources>"))
    assert lost(corpus)["PlainTextSelection"] == "marks something without coding or note"


def test_links_between_codings_and_codes(tmp_path):
    other = selection(coding(number=2), start=0, end=2, name="问：", number=5)
    ends = [
        f'name="导致" direction="OneWay" originGUID="{SELECTION}" targetGUID="{guid(5)}"',
        f'direction="Bidirectional" originGUID="{CODE}" targetGUID="{SOURCE}"',
        f'originGUID="{CODE}" targetGUID="x"',
    ]
    links = "".join(f'<Link guid="{guid(25 + k)}" {end}/>' for k, end in enumerate(ends))
    links = f"<Links>{links}</Links>"
    text = source(selection(coding()) + other)
    corpus = read(tmp_path, project(f"{codes('x')}<Sources>{text}</Sources>{links}"))
    ids = corpus.codings.set_index("start")["coding_id"]
    cause = corpus.links[corpus.links["name"] == "导致"].iloc[0]
    assert (cause["source"], cause["target"], cause["directed"]) == (ids[START], ids[0], True)
    assert set(corpus.links["source_kind"]) == {"coding", "code"}
    assert lost(corpus) == {
        "Link": "between things that the tables do not hold",
        "Link/@direction": "in both directions: kept without direction",
    }


def test_unknown_elements_and_drawings_are_counted_by_name(tmp_path):
    extra = f'<Graphs><Graph guid="{guid(1)}"><Vertex/><Vertex/></Graph></Graphs><Emotion/>'
    corpus = read(tmp_path, simple().replace(b"</Project>", f"{extra}</Project>".encode()))
    counts = corpus.losses.set_index("element")["count"].to_dict()
    assert counts == {"Graph": 1, "Vertex": 2, "Emotion": 1}


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!doctype html><html><title>Sign in</title></html>", "this is a web page, not the file"),
        (b"", "is empty"),
        (b"SQLite format 3\0", "neither a zip archive nor XML"),
        (b"<Project", "not well-formed XML at line 1"),
        (b"<Notebook/>", "the root element is <Notebook>"),
        (simple().replace(b"<Project", b"<!DOCTYPE Project><Project"), "DOCTYPE"),
    ],
)
def test_what_is_no_project_is_refused_with_a_reason(tmp_path, data, message):
    path = tmp_path / "p.qdpx"
    path.write_bytes(data)
    for reader in (read_project, read_codebook, schema_problems):
        with pytest.raises(CorpusError, match=message):
            reader(path)


def test_archive_without_project_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"no project \(.qde\) among its 2 members"):
        read(tmp_path, b"x", member="word/document.xml")


def test_archive_cut_off_is_refused(tmp_path):
    path = qdpx(tmp_path, simple())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CorpusError, match="damaged or cut off"):
        read_project(path)


PIECES = [
    codes("a", "a"), VARIABLES, f"<Cases>{case(40, 'c', VALUES)}</Cases>",
    f"<Sources>{source(selection(coding() + ON))}{PDF}</Sources>", note(CONTENT),
    f'<Links><Link originGUID="{CODE}" targetGUID="{SELECTION}"/></Links>',
    '<Sets><Set name="linkage-compendium tables"><Description>{"codes": {"a": {"code_id": 1}}, '
    '"documents": {"a.pdf": {"doc_id": "访谈01"}}, "segments": {"a.pdf": []}, "coders": 3, '
    '"source_files": {"李编码": 7}}</Description></Set></Sets>',
]  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_mutilated_projects_are_read_or_refused_with_the_one_error(tmp_path, data):
    chosen = data.draw(st.lists(st.sampled_from(PIECES), max_size=8))
    origin = data.draw(st.sampled_from(["", "NVivo", "linkage-compendium"]))
    xml = bytearray(project("".join(chosen), origin=origin))
    chance = random.Random(data.draw(st.integers(0, 10**9)))
    for _ in range(data.draw(st.integers(0, 4))):
        at, size = chance.randrange(len(xml)), chance.randrange(40)
        kind = chance.randrange(3)
        if kind == 0:
            del xml[at : at + size]
        elif kind == 1:
            xml[at : at + 1] = chance.choice([b"9", b"<", b"&", b"-", b"\xff", b'"', b"_xD800_"])
        else:
            xml[at:at] = xml[max(0, at - size) : at]
    try:
        corpus = read(tmp_path, bytes(xml), {"a.txt": chance.randbytes(9) + TEXT.encode()})
    except CorpusError:
        return
    assert set(corpus.codings["doc_id"]) <= set(corpus.documents["doc_id"])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_mutilated_archives_are_read_or_refused_with_the_one_error(tmp_path, data):
    path = qdpx(tmp_path, simple())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(CorpusError):
        assert len(read_project(path).codings) <= 1
