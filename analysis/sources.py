"""Raw sources: their provenance cards, fetching them, proving them unaltered.

A source is a folder `data/raw/<source>/` with a card `source.yml`. A file is taken from that
folder, else from the mirror folder that `COMPENDIUM_MIRROR` names, else from its pinned url; it
is accepted only with the sha256 of the card. A missing file is never replaced by simulated data.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from analysis.project import Project, ProjectError, atomic_file, bullet_list

if TYPE_CHECKING:
    import pandas as pd

MIRROR = "COMPENDIUM_MIRROR"
REQUIRED = ("title", "producer", "citation", "licence", "accessed", "sensitivity", "use", "files")


class SourceError(ProjectError):
    """A source is missing, altered or has no valid card."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes
    ----------
    name : str
    sha256 : str or None
        None for a file of the repository that its users may edit.
    bytes : int or None
    url : str or None
        None when the file is part of the repository.
    """

    name: str
    sha256: str | None = None
    bytes: int | None = None
    url: str | None = None


@dataclass(frozen=True)
class Card:
    """The provenance card of a source.

    Attributes
    ----------
    name, title, producer, citation, licence, accessed, sensitivity, use : str
        `sensitivity` is `public` or `personal`; `use` says what the compendium does with it.
    faults : tuple of str
        Known faults of the data.
    simulated : bool
    files : tuple of SourceFile
        A card that says `files: all` lists whatever its folder holds.
    """

    name: str
    title: str
    producer: str
    citation: str
    licence: str
    accessed: str
    sensitivity: str
    use: str
    files: tuple[SourceFile, ...]
    faults: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def confidential(self) -> bool:
        """Whether it holds data on real persons, whose very file names may tell too much."""
        return self.sensitivity == "personal" and not self.simulated


def read_card(folder: Path) -> Card:
    """Read `source.yml` of a source folder.

    Raises
    ------
    SourceError
        Naming every key that is missing or wrong.
    """
    path = folder / "source.yml"
    name = _source_name(folder)
    where = f"data/raw/{name}/source.yml"
    if not path.is_file():
        raise SourceError(
            f"{where} is missing: every source needs its provenance card; copy one, or for "
            "interviews: python -m analysis interviews start"
        )
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise SourceError(f"{where} is not valid YAML: {error}") from None
    problems = [f"{key} is missing" for key in REQUIRED if key not in content]
    if content.get("sensitivity") not in ("public", "personal"):
        problems.append("sensitivity must be public or personal")
    files = []
    for entry in _listed(content.get("files"), folder):
        if "name" not in entry or ("url" in entry and not {"sha256", "bytes"} <= set(entry)):
            problems.append(
                f"file {entry.get('name', entry)}: needs name; with url sha256 and bytes"
            )
        elif {"..", ""} & set(entry["name"].split("/")):
            problems.append(f"file {entry['name']}: must be a path inside the folder")
        else:
            rest = {key: entry.get(key) for key in ("sha256", "bytes", "url")}
            files.append(SourceFile(str(entry["name"]), **rest))
    if problems:
        raise SourceError(bullet_list(f"{where}:", problems))
    text = {key: str(content[key]).strip() for key in REQUIRED if key != "files"}
    return Card(
        name=name,
        **text,
        files=tuple(files),
        faults=tuple(content.get("faults") or ()),
        simulated=bool(content.get("simulated", False)),
    )


def _source_name(folder: Path) -> str:
    """Return the name of a source: its path below `data/raw`."""
    parts = folder.parts
    return "/".join(parts[-2:]) if parts[-3:-2] == ("raw",) else folder.name


def _listed(files: Any, folder: Path) -> list[dict[str, Any]]:
    """Return the entries of a card's `files`; for `all`, every visible file of the folder."""
    if files != "all":
        return files or []
    found = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        {"name": path.as_posix()}
        for path in found
        if path.name != "source.yml" and not any(part.startswith(".") for part in path.parts)
    ]


def masked_name(path: Path) -> str:
    """Return a name for a file of personal data that says nothing but its kind."""
    digest = hashlib.sha256(f"{path.parent.name}/{path.name}".encode()).hexdigest()
    return f"{digest[:12]}{path.suffix.lower()}"


def sha256(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def missing_files(project: Project, names: tuple[str, ...]) -> list[str]:
    """Return `source/file` of every file that is not in `data/raw`."""
    cards = [read_card(project.source(name)) for name in names]
    return [
        f"{card.name}/{file.name}"
        for card in cards
        for file in card.files
        if not (project.source(card.name) / file.name).is_file()
    ]


def fetch(
    project: Project, names: tuple[str, ...], tell: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Bring every file of the sources into `data/raw` and verify all of them.

    Parameters
    ----------
    names : tuple of str
        Sources.
    tell : callable
        Receives one line of text per file brought in.

    Returns
    -------
    list of Path
        The files brought in now; those already there are only verified.

    Raises
    ------
    SourceError
        Listing every file that is missing or whose checksum is wrong. A bad download is kept
        aside as `<name>.bad`.
    """
    brought: list[Path] = []
    problems: list[str] = []
    for name in names:
        for file in read_card(project.source(name)).files:
            target = project.source(name) / file.name
            try:
                if not target.is_file():
                    tell(f"{name}/{file.name}: {_bring(file, target)}")
                    brought.append(target)
                elif file.sha256 and (found := sha256(target)) != file.sha256:
                    problems.append(_mismatch(target, file, found, project))
            except SourceError as error:
                problems.append(str(error))
    if problems:
        raise SourceError(bullet_list("sources that cannot be used:", problems))
    return brought


def _mismatch(path: Path, file: SourceFile, found: str, project: Project) -> str:
    restore = (
        "Remove it to fetch it again"
        if file.url
        else f"Restore it: git checkout {project.shown(path)}"
    )
    return (
        f"{project.shown(path)} is not the file of the card: sha256 expected {file.sha256}, "
        f"found {found}. {restore}, or record the new file in the card"
    )


def _bring(file: SourceFile, target: Path) -> str:
    """Copy or download one file to `target`; return where it came from."""
    mirror = os.environ.get(MIRROR)
    if mirror and not Path(mirror).is_dir():
        raise SourceError(f"{MIRROR}={mirror} is not a folder: mend it or unset it")
    copy = Path(mirror) / file.name if mirror and file.url else None
    if copy is not None and copy.is_file():
        with atomic_file(target) as temporary:
            shutil.copyfile(copy, temporary)
            _accept(temporary, file, target, f"the mirror file {copy}")
        return f"copied from the mirror, {file.bytes:,} bytes, sha256 verified"
    if file.url is None:
        raise SourceError(
            f"{target.parent.name}/{file.name} is part of the repository but missing: "
            f"git checkout data/raw/{target.parent.name}"
        )
    with atomic_file(target) as temporary:
        _download(file, temporary, target)
        _accept(temporary, file, target, file.url)
    return f"downloaded, {file.bytes:,} bytes, sha256 verified"


def _download(file: SourceFile, temporary: Path, target: Path) -> None:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    download = pooch.HTTPDownloader(progressbar=True, timeout=60)
    try:
        download(file.url, str(temporary), None, check_only=False)
    except Exception as error:
        raise SourceError(
            f"{target.parent.name}/{file.name} is missing and cannot be downloaded "
            f"({type(error).__name__}). Supply it in one of three ways: put it into "
            f"data/raw/{target.parent.name}/; set {MIRROR} to a folder that holds it; "
            f"or connect to the network, its url is {file.url}"
        ) from None


def _accept(temporary: Path, file: SourceFile, target: Path, origin: str) -> None:
    found = sha256(temporary)
    aside = target.with_name(f"{target.name}.bad")
    if found == file.sha256:
        aside.unlink(missing_ok=True)
        return
    shutil.copyfile(temporary, aside)
    raise SourceError(
        f"{origin} is not the file of the card: sha256 expected {file.sha256}, found {found}. "
        f"It is kept as data/raw/{target.parent.name}/{aside.name}"
    )


def inventory(cards: list[Card], folder_of: Callable[[str], Path]) -> "pd.DataFrame":
    """List every file of the sources as found now.

    Parameters
    ----------
    cards : list of Card
    folder_of : callable
        Returns the folder of a source.

    Returns
    -------
    DataFrame
        One row per file: source, file, bytes, sha256, origin (`repository` or `fetched`),
        verified (equal to the card, true where the card pins none), licence, simulated.
    """
    import pandas as pd

    rows = []
    for card in cards:
        for file in card.files:
            path = folder_of(card.name) / file.name
            found = sha256(path)
            rows.append(
                {
                    "source": card.name,
                    "file": masked_name(path) if card.confidential else file.name,
                    "bytes": path.stat().st_size,
                    "sha256": found,
                    "origin": "fetched" if file.url else "repository",
                    "verified": file.sha256 in (None, found),
                    "licence": card.licence,
                    "simulated": card.simulated,
                }
            )
    return pd.DataFrame(rows)


def known_faults(cards: list[Card]) -> "pd.DataFrame":
    """List the known faults of the sources: one row per fault, with its source."""
    import pandas as pd

    rows = [{"source": card.name, "fault": fault} for card in cards for fault in card.faults]
    return pd.DataFrame(rows, columns=["source", "fault"])
