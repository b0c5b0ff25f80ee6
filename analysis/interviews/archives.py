"""Zip archives and XML from strangers: read by exact name, never extracted, capped, without DTD.

Exports of coding tools and office files are zip archives with XML inside. Everything that opens
one comes through here, so that a bomb, an external entity or a name that leaves the archive is
refused once, with a message, before any content is looked at.
"""

import re
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lxml import etree

from analysis.interviews.corpus import CorpusError
from analysis.project import bullet_list

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 512 * 1024**2  # of one member, unpacked
MAX_TOTAL_BYTES = 2 * 1024**3  # read from one archive, unpacked
MAX_RATIO = 250  # unpacked to packed; XML and text stay below 60
RATIO_FREE_BYTES = 8 * 1024**2  # a member this small harms nobody, whatever its ratio

_WEB_PAGE = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
                       re.IGNORECASE | re.DOTALL)  # fmt: skip
_DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_ENCODING = re.compile(rb"""\A\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DOCTYPE = re.compile(r"\A(?:\s+|<\?.*?\?>|<!--.*?-->)*<!DOCTYPE", re.DOTALL | re.IGNORECASE)
_DECLARABLE = {"utf-8", "us-ascii", "gb18030", "gbk", "gb2312", "iso-8859-1", "windows-1252"}
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


@dataclass
class Archive:
    """The members of a zip archive, held open to be read one by one.

    Attributes
    ----------
    path : Path
        File of the archive.
    members : dict of str to ZipInfo
        By name with forward slashes; folders left out.
    file : ZipFile
        The open file; closed when the archive is forgotten.
    spent : int
        Bytes unpacked so far.
    """

    path: Path
    members: dict[str, zipfile.ZipInfo]
    file: zipfile.ZipFile
    spent: int = 0

    @property
    def names(self) -> list[str]:
        """Names of the members in the order of the archive, folders left out."""
        return list(self.members)

    def read(self, name: str) -> bytes:
        """Return the bytes of the member with exactly this name.

        Raises
        ------
        CorpusError
            When there is no such member, or it is damaged, encrypted or too large, or more than
            `MAX_TOTAL_BYTES` have been read.
        """
        member = self.members.get(name)
        if member is None:
            raise CorpusError(f"{self.path.name}: no member {name!r} in the archive")
        try:
            with self.file.open(member) as handle:
                data = handle.read(MAX_MEMBER_BYTES + 1)
        except _DAMAGE as error:
            raise _damaged(self.path, name) from error
        self.spent += len(data)
        if len(data) > MAX_MEMBER_BYTES or self.spent > MAX_TOTAL_BYTES:
            raise CorpusError(f"{self.path.name}: {name!r} {_TOO_LARGE}")
        return data


_TOO_LARGE = (
    f"unpacks to more than {MAX_MEMBER_BYTES // 1024**2} MB or more than {MAX_RATIO} times its "
    "packed size: refused as a bomb"
)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError,
           ValueError, OverflowError)  # fmt: skip


def _damaged(path: Path, name: str = "") -> CorpusError:
    where = f"{path.name}: member {name!r}" if name else path.name
    return CorpusError(f"{where} is damaged or cut off: export or download the file again")


def is_web_page(data: bytes) -> bool:
    """Whether bytes are the beginning of an HTML page."""
    return _WEB_PAGE.match(data[:4096]) is not None


def refuse_web_page(path: Path, data: bytes) -> None:
    """Refuse a file whose beginning `data` is a web page under another name.

    Raises
    ------
    CorpusError
        Saying so, and how to get the file itself.
    """
    if is_web_page(data):
        raise CorpusError(
            f"{path.name}: this is a web page, not the file. The browser saved the page around "
            "it, often one that asks for a login: download the file itself"
        )


def file_head(path: Path, size: int = 4096) -> bytes:
    """Return the first bytes of a file.

    Raises
    ------
    CorpusError
        When it is not there, cannot be read or is empty.
    """
    try:
        with path.open("rb") as file:
            head = file.read(size)
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from error
    if not head:
        raise CorpusError(f"{path.name}: the file is empty: export or download it again")
    return head


def open_archive(path: Path) -> Archive:
    """Return the members of a zip archive after checking that it is safe to read.

    Parameters
    ----------
    path : Path
        `.qdpx`, `.docx`, `.xlsx` or any other zip archive.

    Raises
    ------
    CorpusError
        When the file is a web page, no zip archive, cut off or encrypted; holds too many members,
        two of one name, a name that leaves the archive; or would unpack to more than the caps.
    """
    refuse_web_page(path, file_head(path))
    try:
        file = zipfile.ZipFile(path)
    except _DAMAGE as error:
        if file_head(path, 2) == b"PK":
            raise _damaged(path) from error
        raise CorpusError(f"{path.name}: this is no zip archive, which its kind of file is") from (
            error
        )
    found = file.infolist()
    problems = _unsafe(found)
    if problems:
        file.close()
        raise CorpusError(bullet_list(f"{path.name} is refused:", problems))
    return Archive(path, {_name(m): m for m in found if not _name(m).endswith("/")}, file)


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.replace("\\", "/")


def _unsafe(members: list[zipfile.ZipInfo]) -> list[str]:
    if len(members) > MAX_MEMBERS:
        return [f"{len(members)} members, more than {MAX_MEMBERS}"]
    names = [_name(m) for m in members]
    doubled = sorted(n for n, count in Counter(names).items() if count > 1)
    problems = [f"member {n!r} occurs more than once" for n in doubled]
    problems += [f"member {n!r} would lie outside the archive" for n in names if _leaves(n)]
    problems += [f"member {_name(m)!r} is encrypted" for m in members if m.flag_bits & 0x1]
    problems += [f"member {_name(m)!r} {_TOO_LARGE}" for m in members if _is_bomb(m)]
    return problems


def _leaves(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name.startswith("/") or ".." in parts or bool(re.match(r"[A-Za-z]:", name))


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    return member.file_size > RATIO_FREE_BYTES and (
        member.file_size > MAX_RATIO * max(member.compress_size, 1)
    )


def xml_text(data: bytes, name: str) -> tuple[str, str]:
    """Return an XML file as text without its declaration, and the encoding it turned out to have.

    A byte order mark decides, then the declared encoding, then UTF-8, then GB18030: tools declare
    UTF-16 over UTF-8, or UTF-8 over a national encoding.

    Raises
    ------
    CorpusError
        When no encoding fits, or the file declares a document type.
    """
    text, encoding = _decoded_xml(data, name)
    if _DOCTYPE.match(text):
        raise CorpusError(
            f"{name}: declares a document type (DOCTYPE), which no tool writes and which can "
            "pull in other files or grow without bound: refused"
        )
    return _DECLARATION.sub("", text, count=1), encoding


def _decoded_xml(data: bytes, name: str) -> tuple[str, str]:
    marked = [encoding for mark, encoding in _MARKS if data.startswith(mark)]
    declared = _ENCODING.match(data)
    stated = declared.group(1).decode().lower() if declared else ""
    unmarked = [stated] if stated in _DECLARABLE else []
    if data[:4] == b"<\x00?\x00":
        unmarked = ["utf-16-le"]
    elif data[:4] == b"\x00<\x00?":
        unmarked = ["utf-16-be"]
    for encoding in (*marked[:1], *unmarked, "utf-8", "gb18030"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise CorpusError(f"{name}: is neither UTF-8, UTF-16 nor GB18030: export it again as UTF-8")


def parse_xml(data: bytes, name: str) -> etree._Element:
    """Return the root element of an XML file.

    No entity is resolved, nothing outside the file is read, comments are dropped.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What messages call it.

    Raises
    ------
    CorpusError
        As `xml_text`, or with the line where the file is not well-formed; its text is not quoted.
    """
    text, _ = xml_text(data, name)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False,
                             remove_comments=True, remove_pis=True, huge_tree=True)  # fmt: skip
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise CorpusError(
            f"{name}: is not well-formed XML at line {line}: export or download it again"
        ) from None
    return root
