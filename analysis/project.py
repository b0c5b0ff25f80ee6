"""Where everything lies, and how a file is written.

A project is the folder that holds `parameters.yml`. Every path is derived from it here, so no
notebook and no other module spells one. A file is written beside its target and renamed, so a
kill at any moment leaves the old file or the new one, never half of one.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONTRACTS = (
    "contracts.yml",
    "contracts_interviews.yml",
    "contracts_models.yml",
    "contracts_cases.yml",
    "contracts_policy.yml",
    "contracts_households.yml",
)
"""Files of the package that hold the table contracts, `analysis.schemas`."""


class ProjectError(Exception):
    """A problem that the user can mend: its message says what, where and how."""


def bullet_list(headline: str, problems: list[str]) -> str:
    """Return one message that names every problem on a line of its own."""
    return "\n".join([headline, *(f"  - {problem}" for problem in problems)])


@dataclass(frozen=True)
class Project:
    """The folders of one compendium.

    Attributes
    ----------
    root : Path
        Folder that holds `parameters.yml`.
    """

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """Return the project around `start` (the working directory unless given).

        Raises
        ------
        ProjectError
            When no folder from `start` upwards holds `parameters.yml`.
        """
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "parameters.yml").is_file():
                return cls(folder)
        raise ProjectError(f"no parameters.yml in {start} or above: change into the compendium")

    @property
    def parameters(self) -> Path:
        """The only file of overrides."""
        return self.root / "parameters.yml"

    @property
    def notebooks(self) -> Path:
        """Folder of the notebooks."""
        return self.root / "notebooks"

    @property
    def package(self) -> Path:
        """Folder of the package that runs, wherever the project lies."""
        return Path(__file__).resolve().parent

    def source(self, name: str) -> Path:
        """Folder of a raw source."""
        return self.root / "data" / "raw" / name

    def processed(self, profile: str) -> Path:
        """Folder of the tables of a profile."""
        return self.root / "data" / "processed" / profile

    def table(self, profile: str, name: str) -> Path:
        """Parquet file of a table."""
        return self.processed(profile) / f"{name}.parquet"

    def dictionary(self, profile: str, name: str) -> Path:
        """Csv of the data dictionary beside a table."""
        return self.processed(profile) / f"{name}.dictionary.csv"

    def step_claims(self, profile: str, step: str) -> Path:
        """Claims that one step makes."""
        return self.processed(profile) / "claims" / f"{step}.json"

    def figures(self, profile: str) -> Path:
        """Folder of the exhibits of a profile."""
        return self.root / "figures" / profile

    def claims(self, profile: str) -> Path:
        """All claims of a profile."""
        return self.figures(profile) / "claims.json"

    def build(self, profile: str) -> Path:
        """Folder of executed notebooks, records and the engine's lock."""
        return self.root / "build" / profile

    def executed(self, profile: str, step: str) -> Path:
        """Path of the executed notebook of a step."""
        return self.build(profile) / "notebooks" / f"{step}.ipynb"

    def record(self, profile: str, step: str) -> Path:
        """Provenance record of the last run of a step."""
        return self.build(profile) / "records" / f"{step}.json"

    def shown(self, path: Path) -> str:
        """Return `path` as text relative to the project where it lies inside."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )


TEMPORARY = ".{name}.{pid}.part"


@contextlib.contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success flush it to disk and rename it.

    Raises
    ------
    ProjectError
        When the disk is full or the folder cannot be written; `target` is then untouched.
    """
    temporary = target.with_name(TEMPORARY.format(name=target.name, pid=os.getpid()))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise ProjectError(
            f"cannot write {target}: {error.strerror or error}. "
            "The earlier file, if any, is untouched. Free space or mend the permissions, run again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` atomically, UTF-8 with Unix line ends."""
    with atomic_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sweep_temporaries(*folders: Path) -> int:
    """Remove what killed processes left half-written; return how many files.

    A file whose process still runs is left to it: a kernel outlives its killed parent by a moment.
    """
    found = [path for folder in folders for path in folder.rglob(".*.part")]
    leftovers = [path for path in found if not _is_running(int(path.name.split(".")[-2]))]
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
