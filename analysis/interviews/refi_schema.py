"""What reading and writing of REFI-QDA share: names, identifiers, the official schemas.

REFI-QDA 1.0 (https://www.qdasoftware.org) is XML: a project (`.qde` inside a `.qdpx` archive) or a
codebook (`.qdc`). Tools leave the schema in details, so files are read leniently and judged here
apart from that.
"""

import json
import re
import uuid
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from analysis.interviews.archives import (
    Archive,
    file_head,
    open_archive,
    parse_xml,
    refuse_web_page,
)
from analysis.interviews.corpus import CorpusError

PROJECT = "urn:QDA-XML:project:1.0"
CODEBOOK = "urn:QDA-XML:codebook:1.0"
ORIGIN = "linkage-compendium"  # `origin` of what this compendium writes
EXTRAS_SET = "linkage-compendium tables"  # Set whose description holds what has no other place
CODE_SET = re.compile(r"(kind|case|dimension): (.+)", re.DOTALL)  # Set of codes of one kind, ...
DOCUMENT_COLUMNS = ("lang", "role", "date")  # carried as variables of a source
COLUMN_NOTE = "documents."  # description of such a variable: documents.<column>
ENTITY_NOTE = "entity: "  # description of a Case that is no case: entity: <kind>
TYPE_NOTE = "type: "  # description of a text variable of another type: type: <type>
COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-](0\d|1[0-3]):[0-5]\d)?")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:linkage-compendium:refi-qda")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPED = re.compile(r"_x((?![dD][89a-fA-F])[0-9A-Fa-f]{4})_")  # no surrogates
_ESCAPABLE = re.compile("_(?=x[0-9A-Fa-f]{4})")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SCHEMAS = Path(__file__).parent / "refi_schemas"
_SUBJECT = re.compile(r"Element '(?:\{[^}]*\})?(\w+)'(?:, attribute '(\w+)')?")


def guid(*parts: str | int) -> str:
    """Return the same GUID for the same parts, on every machine (uuid5)."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def is_guid(text: str) -> bool:
    """Whether a text is a GUID as `guid` writes it."""
    return _GUID.fullmatch(text) is not None


def plain_guid(text: str | None) -> str:
    """Return a GUID without braces and in small letters; tools differ in both."""
    return (text or "").strip().strip("{}").lower()


def distinct(name: str, taken: dict[str, int]) -> str:
    """Return `name`, or `name (2)`, `name (3)`, ... where it is taken; take what is returned."""
    number, found = taken.get(name, 0), name
    while found in taken:
        number += 1
        found = f"{name} ({number})" if number > 1 else name
    taken[name] = max(number, 1)
    taken.setdefault(found, 1)
    return found


def path_of(above: str, name: str) -> str:
    """Return the path of a code below the path `above`; that of the root is empty."""
    return f"{above}/{name}" if above else name or "code"


def escape(text: str) -> str:
    """Return a text that XML can hold: `_xHHHH_` for a character that it cannot.

    Source
    ------
    The form of ECMA-376, part 1, 22.9.2.19, in which `_x005F_` stands for a literal underscore.
    """
    kept = _ESCAPABLE.sub("_x005F_", text)
    return _ILLEGAL.sub(lambda m: f"_x{ord(m.group(0)):04X}_", kept)


def unescape(text: str) -> str:
    """Return the text that `escape` was given."""
    return _ESCAPED.sub(lambda m: chr(int(m.group(1), 16)), text)


def is_date(text: str) -> bool:
    """Whether a text is a day as XML writes it (xsd:date)."""
    return _DATE.fullmatch(text) is not None and _exists(text)


def is_date_time(text: str) -> bool:
    """Whether a text is a moment as XML writes it (xsd:dateTime)."""
    return _DATE_TIME.fullmatch(text) is not None and _exists(text[:19])


def _exists(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def labels_of(name: str) -> dict[str, str]:
    """Return the labels of a code that has nothing but a name: in Chinese if it holds a Han."""
    is_chinese = _HAN.search(name) is not None
    return {"label_en": "" if is_chinese else name, "label_zh": name if is_chinese else ""}


def language_of(text: str) -> str:
    """Return `zh` where at least a fifth of the letters are Han, else `en`; empty without any."""
    letters = sum(map(str.isalpha, text))
    if not letters:
        return ""
    return "zh" if len(_HAN.findall(text)) >= letters / 5 else "en"


def coding_guid(row: dict[str, Any], number: int) -> str:
    """Return the identifier of a coding by its coordinates; `number` counts equal ones from 1.

    Tools mint new identifiers at every export, so those in a file say nothing.
    """
    keys = ("doc_id", "start", "end", "code_id", "coder_id")
    return guid("coding", *(row[k] for k in keys), number)


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace; tools write older ones."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def project_root(path: Path) -> tuple[etree._Element, Archive | None, str]:
    """Return the XML of a project or codebook, its archive if any, and the name of its file.

    The content decides, not the suffix: a bare XML file may be called `.qdpx`.

    Raises
    ------
    CorpusError
        When the file is a web page, damaged, unsafe, or neither kind.
    """
    head = file_head(path)
    refuse_web_page(path, head)
    if head.startswith(b"PK"):
        archive = open_archive(path)
        member = _project_member(archive)
        root, name = parse_xml(archive.read(member), f"{path.name}/{member}"), member
    elif head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
        archive, name = None, path.name
        root = parse_xml(path.read_bytes(), path.name)
    else:
        raise CorpusError(
            f"{path.name}: neither a zip archive nor XML, so no REFI-QDA file. A tool's own "
            "project (.nvp, .atlproj, .mx) must be exported as REFI-QDA project (.qdpx) in the tool"
        )
    if local_name(root) not in ("Project", "CodeBook"):
        raise CorpusError(
            f"{path.name}: its XML is neither a REFI-QDA project nor a codebook: the root element "
            f"is <{local_name(root)}>"
        )
    return root, archive, name


def _project_member(archive: Archive) -> str:
    kept = [n for n in archive.names if not n.startswith(("__MACOSX/", "."))]
    found = [n for n in kept if n.lower().endswith(".qde")]
    found = found or [n for n in kept if n.lower().endswith(".qdc")]
    if not found:
        raise CorpusError(
            f"{archive.path.name}: no project (.qde) among its {len(archive.names)} members: "
            "export it again as REFI-QDA project"
        )
    return min(found, key=lambda n: (n.count("/"), not n.lower().endswith("project.qde"), n))


@cache
def _schema(kind: str) -> etree.XMLSchema:
    file = {"Project": "Project-mrt2019.xsd", "CodeBook": "Codebook-mrt2019.xsd"}[kind]
    return etree.XMLSchema(etree.parse(str(_SCHEMAS / file)))


def schema_problems(path: Path) -> list[str]:
    """Return where a REFI-QDA file leaves the official schema; empty if it does not.

    Parameters
    ----------
    path : Path
        `.qdpx`, `.qde` or `.qdc`.

    Returns
    -------
    list of str
        Line, element, attribute and broken rule; no value is quoted. A file that breaks rules may
        still be read.

    Raises
    ------
    CorpusError
        When the file is no XML of REFI-QDA at all.
    """
    root, _, name = project_root(path)
    schema = _schema(local_name(root))
    schema.validate(root)
    return [f"{name}: {_problem(error)}" for error in schema.error_log]


def _problem(error: etree._LogEntry) -> str:
    subject = _SUBJECT.match(error.message)
    element, attribute = subject.groups() if subject else ("?", None)
    where = f"<{element}> attribute {attribute}" if attribute else f"<{element}>"
    return f"line {error.line}, {where}: {error.type_name}"
