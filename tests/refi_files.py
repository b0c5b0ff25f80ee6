"""Builder of small REFI-QDA files, byte by byte, as the tools write them."""

import io
import zipfile
from pathlib import Path

PROJECT = "urn:QDA-XML:project:1.0"
USER, CODE, SOURCE, SELECTION = (f"0000000{k}-0000-4000-8000-000000000000" for k in range(1, 5))
TEXT = "问：收入呢？\n答：比去年好，合作社分红了。\n"
PASSAGE = "比去年好"
START = TEXT.index(PASSAGE)
END = START + len(PASSAGE)


def guid(number: int) -> str:
    """A GUID of its own for each number, with capital letters and digits."""
    return f"{number:08X}-ABCD-4000-8000-000000000000"


def codes(*names: str) -> str:
    """A codebook of codes side by side; the first has the GUID `CODE`."""
    guids = [CODE, *(guid(100 + k) for k in range(1, len(names)))]
    inside = "".join(
        f'<Code guid="{g}" name="{n}" isCodable="true"/>' for g, n in zip(guids, names, strict=True)
    )
    return f"<CodeBook><Codes>{inside}</Codes></CodeBook>"


def coding(code: str = CODE, number: int = 1, inside: str = "") -> str:
    """A coding by the only user."""
    return (
        f'<Coding guid="{guid(number)}" creatingUser="{USER}" '
        f'creationDateTime="2024-05-01T08:00:00Z"><CodeRef targetGUID="{code}"/>{inside}</Coding>'
    )


def selection(
    inside: str, *, start: int = START, end: int = END, name: str = PASSAGE, number: int = 0
) -> str:
    """A selection of the passage that all small files share."""
    named = f' name="{name}"' if name else ""
    own = guid(number) if number else SELECTION
    return (
        f'<PlainTextSelection guid="{own}"{named} startPosition="{start}" endPosition="{end}">'
        f"{inside}</PlainTextSelection>"
    )


def source(
    inside: str = "", *, name: str = "访谈01", own: str = SOURCE, path: str = "a.txt"
) -> str:
    """A text source whose text is the member `path` of the folder of sources."""
    return (
        f'<TextSource guid="{own}" name="{name}" plainTextPath="internal://{path}">'
        f"{inside}</TextSource>"
    )


def project(
    inside: str, *, origin: str = "", namespace: str = PROJECT, users: str | None = None
) -> bytes:
    """The XML of a project with one user."""
    people = f'<User guid="{USER}" name="李编码"/>' if users is None else users
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<Project xmlns="{namespace}" name="p" '
        f'origin="{origin}"><Users>{people}</Users>{inside}</Project>'
    ).encode()


def simple(*, origin: str = "", **selected: object) -> bytes:
    """A project with one document, one code and one coding."""
    book, text = codes("收入"), source(selection(coding(), **selected))  # type: ignore[arg-type]
    return project(f"{book}<Sources>{text}</Sources>", origin=origin)


def qdpx(
    folder: Path,
    xml: bytes,
    texts: dict[str, bytes] | None = None,
    *,
    name: str = "p.qdpx",
    member: str = "project.qde",
    sources: str = "Sources/",
) -> Path:
    """Write a project as archive; without `texts` its one source is `a.txt` with `TEXT`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, xml)
        for text, data in ({"a.txt": TEXT.encode()} if texts is None else texts).items():
            archive.writestr(f"{sources}{text}", data)
    path = folder / name
    path.write_bytes(buffer.getvalue())
    return path
