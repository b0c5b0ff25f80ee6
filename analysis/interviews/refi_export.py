"""A corpus as a REFI-QDA project or codebook that opens in NVivo, ATLAS.ti, MAXQDA and others.

The content is put into elements by `refi_elements`; here it becomes a file. The same corpus gives
the same bytes: no time, no name of a file or machine, identifiers from names.
"""

import io
import zipfile
from pathlib import Path

from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.corpus import Corpus, CorpusError, check_corpus
from analysis.interviews.refi_elements import Elements, project_element
from analysis.project import atomic_file, bullet_list

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def write_project(corpus: Corpus, path: Path) -> None:
    """Write a corpus as `.qdpx`.

    Offsets count code points and exclude the end. `losses` are not written: they are those of an
    earlier import.

    Parameters
    ----------
    corpus : Corpus
        Any table may be empty.
    path : Path
        File to write; its name is not part of the content.

    Raises
    ------
    CorpusError
        As `check_corpus`; when codes are their own ancestors; when a text holds carriage returns
        or begins with a byte order mark, which no two tools count alike.
    ProjectError
        When the file cannot be written.
    """
    _check_exportable(corpus)
    members = {"project.qde": _bytes(project_element(corpus))}
    for doc_id, text in zip(corpus.documents["doc_id"], corpus.documents["text"], strict=True):
        members[f"Sources/{rs.guid('text', doc_id)}.txt"] = text.encode("utf-8")
    _write(path, _zipped(members))


def write_codebook(corpus: Corpus, path: Path) -> None:
    """Write the codes of a corpus as `.qdc`.

    Parameters
    ----------
    corpus : Corpus
        Only `codes` is written.
    path : Path
        File to write.

    Raises
    ------
    CorpusError
        As `write_project`, or when there is no code, which the standard does not allow.
    ProjectError
        When the file cannot be written.
    """
    _check_exportable(corpus)
    if corpus.codes.empty:
        raise CorpusError(f"{path.name}: a codebook needs at least one code; the corpus has none")
    root = etree.Element(f"{{{rs.CODEBOOK}}}CodeBook", nsmap={None: rs.CODEBOOK}, origin=rs.ORIGIN)
    elements = Elements(Corpus(codes=corpus.codes))
    elements.add_codes(root)
    elements.add_sets(root, member="guid")
    _write(path, _bytes(root))


def _check_exportable(corpus: Corpus) -> None:
    check_corpus(corpus)
    documents = corpus.documents
    odd = documents["text"].str.contains("\r", regex=False) | documents["text"].str.startswith(
        "\ufeff"
    )
    problems = [
        f"documents: the text of {doc_id} holds carriage returns or begins with a byte order "
        "mark; import it again"
        for doc_id in documents.loc[odd, "doc_id"]
    ]
    parents = dict(zip(corpus.codes["code_id"], corpus.codes["parent"], strict=True))
    problems += [f"codes: {c} is its own ancestor" for c in parents if _is_cyclic(c, parents)]
    if problems:
        raise CorpusError(bullet_list("the corpus cannot be exported:", problems))


def _is_cyclic(code: str, parents: dict[str, str]) -> bool:
    seen: set[str] = set()
    while code and code not in seen:
        seen.add(code)
        code = parents[code]
    return bool(code)


def _write(path: Path, data: bytes) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members, key=lambda n: (n.startswith("Sources/"), n)):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.create_system, info.external_attr = _UNIX, 0o644 << 16
            archive.writestr(info, members[name], zipfile.ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()
