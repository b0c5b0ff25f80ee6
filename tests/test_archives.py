"""Archives and XML from strangers: what is hostile is refused, what is merely odd is read."""

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.interviews import archives
from analysis.interviews.archives import open_archive, parse_xml, xml_text
from analysis.interviews.corpus import CorpusError


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


@pytest.fixture
def saved(tmp_path):
    def save(data, name="interviews.qdpx"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return save


def test_members_are_read_by_exact_name(saved):
    archive = open_archive(saved(zipped(("a/", b""), ("a\\b.txt", "村".encode()), ("c", b"1"))))
    assert archive.names == ["a/b.txt", "c"]
    assert archive.read("a/b.txt").decode() == "村"
    with pytest.raises(CorpusError, match="no member 'A/b.txt'"):
        archive.read("A/b.txt")


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "C:\\evil", "..\\evil"])
def test_name_that_leaves_the_archive_is_refused(saved, name):
    with pytest.raises(CorpusError, match="would lie outside the archive"):
        open_archive(saved(zipped((name, b"x"))))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["Sources/a.txt", "Sources\\a.txt"])
def test_two_members_of_one_name_are_refused(saved, twin):
    with pytest.raises(CorpusError, match="'Sources/a.txt' occurs more than once"):
        open_archive(saved(zipped(("Sources/a.txt", b"1"), (twin, b"2"))))


def test_bomb_is_refused_before_it_is_unpacked(saved):
    data = zipped(("project.qde", bytes(archives.RATIO_FREE_BYTES + 1)))
    assert len(data) < 50_000
    with pytest.raises(CorpusError, match="refused as a bomb"):
        open_archive(saved(data))


def test_bomb_that_lies_about_its_size_yields_no_more_than_it_states(saved):
    data = bytearray(zipped(("project.qde", bytes(archives.RATIO_FREE_BYTES * 2))))
    for signature, position in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        at = data.index(signature) + position
        data[at : at + 4] = struct.pack("<I", 1000)
    archive = open_archive(saved(bytes(data)))
    with pytest.raises(CorpusError, match="'project.qde' is damaged"):
        archive.read("project.qde")


def test_total_that_is_read_is_capped(saved, monkeypatch):
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 15)
    archive = open_archive(saved(zipped(("a", b"x" * 10), ("b", b"y" * 10))))
    archive.read("a")
    with pytest.raises(CorpusError, match="refused as a bomb"):
        archive.read("b")


def test_one_member_is_capped(saved, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 9)
    with pytest.raises(CorpusError, match="refused as a bomb"):
        open_archive(saved(zipped(("a", b"x" * 10)))).read("a")


def test_too_many_members_are_refused(saved, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    with pytest.raises(CorpusError, match="3 members, more than 2"):
        open_archive(saved(zipped(*((n, b"") for n in "abc"))))


def test_encrypted_member_is_refused(saved):
    data = bytearray(zipped(("a", b"x")))
    data[data.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(CorpusError, match="'a' is encrypted"):
        open_archive(saved(bytes(data)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page, not the file"),
        (b"\xef\xbb\xbf\n<!-- saved --><HTML lang=zh>", "a web page, not the file"),
        (b"\xd0\xcf\x11\xe0 an office file", "no zip archive"),
        (zipped(("a", b"x" * 99))[:60], "damaged or cut off"),
    ],
)
def test_what_is_no_archive_is_named(saved, data, message):
    with pytest.raises(CorpusError, match=message):
        open_archive(saved(data))


def test_member_with_broken_bytes_is_named(saved):
    data = bytearray(zipped(("a", b"0123456789" * 9), compression=zipfile.ZIP_STORED))
    data[60] ^= 0xFF
    with pytest.raises(CorpusError, match="member 'a' is damaged"):
        open_archive(saved(bytes(data))).read("a")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CorpusError, match="gone.qdpx: cannot be read"):
        open_archive(tmp_path / "gone.qdpx")


# --- XML ------------------------------------------------------------------------------------------

BOMB = """<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><p>&b;</p>"""
OUTSIDE = """<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x;</p>"""


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, "<!DOCTYPE p SYSTEM 'http://x/y.dtd'><p/>"])
@pytest.mark.parametrize("prolog", ["", "<?xml version='1.0'?>\n<!-- a -->\n<?b c?> "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_document_type_is_refused_in_any_encoding(text, prolog, encoding):
    with pytest.raises(CorpusError, match="DOCTYPE"):
        parse_xml((prolog + text).encode(encoding), "p.qde")


@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-16-le-hidden"])
def test_document_type_cannot_hide_behind_a_declared_encoding(encoding):
    real = "utf-16-le" if encoding.endswith("hidden") else encoding
    data = f"<?xml version='1.0' encoding='{encoding}'?>{OUTSIDE}".encode(real)
    with pytest.raises(CorpusError, match=r"DOCTYPE|not well-formed|neither UTF-8"):
        parse_xml(data, "p.qde")


def test_entity_without_document_type_is_not_well_formed():
    with pytest.raises(CorpusError, match="not well-formed XML at line 2"):
        parse_xml(b"<p>\n&x;</p>", "p.qde")


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("utf-16", "utf-8"), ("utf-16", "utf-16"),
        ("utf-8", "utf-16"), ("UTF-8", "gb18030"), ("gb2312", "gb2312"), ("gb2312", "utf-8"),
        (None, "gb18030"), ("utf-16", "utf-16-le"), ("no-such", "utf-8"),
    ],
)  # fmt: skip
def test_encoding_is_what_it_is_and_not_what_is_declared(declared, actual):
    stated = f" encoding='{declared}'" if declared else ""
    data = f"<?xml version='1.0'{stated}?><p>访谈者，乡村振兴</p>".encode(actual)
    assert parse_xml(data, "p.qde").text == "访谈者，乡村振兴"


def test_damaged_xml_names_file_and_line_and_quotes_nothing():
    with pytest.raises(CorpusError) as caught:
        parse_xml("<p>\n<q>秘密</p>".encode(), "p.qde")
    assert "p.qde: is not well-formed XML at line 2" in str(caught.value)
    assert "秘密" not in str(caught.value)


def test_text_is_kept_whole_around_comments_and_sections():
    root = parse_xml("<p>一<!-- x -->二<![CDATA[<!DOCTYPE 三]]></p>".encode(), "p.qde")
    assert root.text == "一二<!DOCTYPE 三"


def test_depth_is_survived():
    deep = b"<p>" * 100_000 + b"</p>" * 100_000
    with pytest.raises(CorpusError, match="not well-formed"):
        parse_xml(deep, "p.qde")


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200) | st.text(max_size=80).map(lambda t: f"<p>{t}</p>".encode()))
def test_any_bytes_are_parsed_or_refused(data):
    try:
        text, _ = xml_text(data, "p.qde")
        assert isinstance(text, str)
        parse_xml(data, "p.qde")
    except CorpusError:
        pass
