"""The object through which a notebook loads and saves.

`st = step("NN_verb_noun", profile, reads=[...], writes=[...])` declares what goes in and out;
`st.load`, `st.raw`, `st.save`, `st.figure`, `st.table` and `st.claim` refuse any name that the
header does not declare. What was declared and what was done therefore cannot differ.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from analysis.parameters import choose_profile, nearest, read_profiles
from analysis.project import Project, ProjectError, bullet_list, write_text
from analysis.sources import Card, read_card

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import HTML, Image
    from matplotlib.figure import Figure

    from analysis.tables import Table

PROFILE_SOURCES = "profile_sources"
CLAIM_DIGITS = 10
ENGINE = "COMPENDIUM_ENGINE"
"""Environment variable of a process that runs steps and of its kernels: parameters are checked."""
STAMP = {
    "en": "SIMULATED DATA: no statement about real places or people",
    "zh": "模拟数据（SIMULATED）：不反映真实地区与人物",
}


class StepError(ProjectError):
    """A notebook uses what its header does not declare, or what does not exist yet."""


@dataclass(frozen=True)
class Header:
    """What a step reads and writes.

    Attributes
    ----------
    step : str
        Name, equal to the notebook's file name.
    reads : tuple of str
        Tables and raw sources; `profile_sources` stands for every source of the profile.
    claims : tuple of str
        Steps whose claims it reads.
    writes : tuple of str
        Tables.
    figures, tables : tuple of str
        Numbered exhibits.
    level : str
        What the output discloses: household, village, county or aggregate.
    """

    step: str
    reads: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    level: str = "county"


class Step:
    """One pipeline step, in the pipeline and by hand alike.

    From its making on the kernel uses one thread for linear algebra: more would add numbers in
    another order, and the last digits would differ from run to run.

    Attributes
    ----------
    header : Header
    profile : str
    project : Project
    """

    def __init__(self, header: Header, profile: str, project: Project) -> None:
        self.header = header
        self.profile = profile
        self.project = project
        self._profile = choose_profile(project, profile)
        self._claims: dict[str, dict[str, Any]] = {}
        for library in ("OMP", "OPENBLAS", "MKL"):
            os.environ[f"{library}_NUM_THREADS"] = "1"
        threadpool_limits(1)

    def __repr__(self) -> str:
        return f"step {self.header.step} of profile {self.profile}"

    def load(self, name: str) -> "pd.DataFrame":
        """Return a declared table.

        Raises
        ------
        StepError
            When the header does not read it, or no step has written it yet.
        """
        from analysis.storage import read_table

        self._declared(name, self.header.reads, "reads")
        return read_table(self._existing(name))

    def raw(self, name: str) -> Path:
        """Return the folder of a declared raw source.

        Raises
        ------
        StepError
            When the header does not read it, the profile lacks it, or a file is not there yet.
        """
        declared = self.header.reads
        if PROFILE_SOURCES not in declared:
            self._declared(name, declared, "reads")
        source = self._profile.source(name)
        if source is None:
            raise StepError(f"profile {self.profile} has no source {name!r}; see parameters.yml")
        folder = self.project.source(source)
        missing = [f.name for f in read_card(folder).files if not (folder / f.name).is_file()]
        if missing:
            raise StepError(
                f"{name}: {', '.join(missing)} not there yet: "
                f"python -m analysis fetch --profile {self.profile}{self._elsewhere()}"
            )
        return folder

    def claimed(self) -> dict[str, dict[str, Any]]:
        """Return the claims of the declared steps by key.

        Raises
        ------
        StepError
            When one of the steps has not run yet.
        """
        found: dict[str, dict[str, Any]] = {}
        for step in self.header.claims:
            path = self.project.step_claims(self.profile, step)
            if not path.is_file():
                raise StepError(
                    f"{step} has made no claims yet: "
                    f"python -m analysis run {self.header.step} --profile {self.profile}"
                    f"{self._elsewhere()}"
                )
            found |= json.loads(path.read_text(encoding="utf-8"))
        return found

    def cards(self) -> list[Card]:
        """Return the provenance cards of every source of the profile."""
        self._declared(PROFILE_SOURCES, self.header.reads, "reads")
        return [read_card(self.project.source(name)) for name in self._profile.sources]

    def save(self, name: str, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Check a table against its contract and write it with its data dictionary.

        Returns
        -------
        DataFrame
            The table as written: columns in the contract's order, rows sorted by the key.

        Raises
        ------
        ContractError
            Listing every violation; the earlier table is then untouched.
        """
        from analysis import schemas, storage

        self._declared(name, self.header.writes, "writes")
        checked = schemas.validate(name, frame)
        dictionary = schemas.dictionary(checked, name)
        simulated = self.simulated()
        if simulated:
            dictionary = dictionary.assign(source="SIMULATED; " + dictionary["source"])
        storage.write_table(
            self.project.table(self.profile, name),
            checked,
            simulated=simulated,
            step=self.header.step,
            profile=self.profile,
        )
        storage.write_csv(self.project.dictionary(self.profile, name), dictionary)
        return checked

    def claim(
        self,
        key: str,
        value: float,
        *,
        unit: str,
        se: float | None = None,
        ci: tuple[float, float] | None = None,
        n: int | None = None,
        uses: Sequence[str] | None = None,
    ) -> None:
        """Record a number that a text may quote.

        Parameters
        ----------
        key : str
            Dotted name, unique in the profile.
        value, se : float
            In `unit`.
        ci : tuple of float
            95 % interval.
        n : int
            Observations.
        uses : sequence of str
            The tables and sources it derives from; all that the header reads unless given.

        Raises
        ------
        StepError
            When the key is claimed already or the value is not finite.
        """
        if key in self._claims:
            raise StepError(f"{self.header.step} claims {key} twice")
        if not math.isfinite(value):
            raise StepError(f"{self.header.step} claims {key} = {value}, which is no number")
        low, high = ci if ci is not None else (None, None)
        entry = {"value": value, "se": se, "ci_low": low, "ci_high": high, "n": n}
        kept = {k: _plain(v) for k, v in entry.items() if v is not None}
        self._claims[key] = {
            **kept,
            "unit": unit,
            "step": self.header.step,
            "profile": self.profile,
            "simulated": self.simulated(uses),
        }
        self._write_claims()

    def figure(
        self,
        name: str,
        draw: "Callable[[str], Figure]",
        *,
        data: "pd.DataFrame",
        uses: Sequence[str],
    ) -> "Image":
        """Save a numbered figure in English and Chinese as svg, pdf and png, beside its data.

        Parameters
        ----------
        draw : callable
            Takes `"en"` or `"zh"` and returns a Figure.
        data : DataFrame
            What the figure draws; written as csv.
        uses : sequence of str
            The declared tables and sources it shows; decide whether it is stamped SIMULATED.
        """
        from analysis import exhibits

        self._declared(name, self.header.figures, "figures")
        stem = self.project.figures(self.profile) / name
        return exhibits.save_figure(stem, draw, data, simulated=self.simulated(uses))

    def show(self, draw: "Callable[[str], Figure]", *, uses: Sequence[str]) -> "Image":
        """Show a figure in the notebook only, in English, stamped where it is simulated."""
        from analysis import exhibits

        return exhibits.show_figure(draw, simulated=self.simulated(uses))

    def table(self, name: str, build: "Callable[[str], Table]", *, uses: Sequence[str]) -> "HTML":
        """Save a numbered table in English and Chinese as html and LaTeX, and once as csv."""
        from analysis import exhibits

        self._declared(name, self.header.tables, "tables")
        stem = self.project.figures(self.profile) / name
        return exhibits.save_table(stem, build, simulated=self.simulated(uses))

    def simulated(self, uses: Sequence[str] | None = None) -> bool:
        """Return whether any of `uses` (all that is read, unless given) is simulated."""
        from analysis.storage import is_simulated

        header = self.header
        names = list((*header.reads, *header.claims) if uses is None else uses)
        for name in names:
            if uses is not None and PROFILE_SOURCES not in header.reads:
                known = (*header.reads, *header.claims, *header.writes)
                self._declared(name, known, "reads, claims or writes")
        if set(names) & set(header.claims):
            if any(c["simulated"] for c in self.claimed().values() if c["step"] in names):
                return True
            names = [name for name in names if name not in header.claims]
        if PROFILE_SOURCES in names:
            names = [n for n in names if n != PROFILE_SOURCES] + list(self._profile.sources)
        return any(
            read_card(self.project.source(source)).simulated
            if (source := self._profile.source(name))
            else is_simulated(self._existing(name))
            for name in names
        )

    def _declared(self, name: str, declared: Sequence[str], kind: str) -> None:
        if name not in declared:
            raise StepError(
                f"{self.header.step} uses {name!r}{nearest(name, declared)}, "
                f"but its header declares {kind}={list(declared)}"
            )

    def _existing(self, name: str) -> Path:
        path = self.project.table(self.profile, name)
        if not path.is_file():
            raise StepError(
                f"table {name} of profile {self.profile} does not exist yet: "
                f"python -m analysis run {self.header.step} --profile {self.profile}"
                f"{self._elsewhere()}"
            )
        return path

    def _elsewhere(self) -> str:
        """Return the advice to take a profile in which this step has run, or nothing."""
        project, step = self.project, self.header.step
        others = [name for name in read_profiles(project.parameters) if name != self.profile]
        ran = [name for name in others if project.executed(name, step).is_file()]
        if ENGINE in os.environ or not ran:
            return ""
        return f', or set profile = "{ran[0]}" in the first cell'

    def _write_claims(self) -> None:
        path = self.project.step_claims(self.profile, self.header.step)
        write_text(
            path, json.dumps(self._claims, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        )


def _plain(value: Any) -> Any:
    """Return a number as plain int or float, floats to ten significant digits."""
    if float(value).is_integer() and not isinstance(value, float):
        return int(value)
    return float(f"{float(value):.{CLAIM_DIGITS}g}")


def step(
    name: str,
    profile: str,
    *,
    reads: Sequence[str] = (),
    claims: Sequence[str] = (),
    writes: Sequence[str] = (),
    figures: Sequence[str] = (),
    tables: Sequence[str] = (),
    level: str = "county",
) -> Step:
    """Declare a pipeline step: the header of a notebook.

    Parameters
    ----------
    name : str
        The notebook's file name without its suffix.
    profile : str
        The notebook's parameter of that name.
    reads : sequence of str
        Tables and raw sources; `profile_sources` stands for all sources of the profile.
    claims : sequence of str
        Steps whose claims it reads.
    writes : sequence of str
        Tables, each with a contract in `contracts*.yml`.
    figures, tables : sequence of str
        Numbered exhibits.
    level : str
        What the output discloses: household, village, county or aggregate.

    Returns
    -------
    Step
        Prints the stamp SIMULATED where anything that it reads is simulated, and, by hand, the
        parameters that differ from those of the profile.

    Raises
    ------
    StepError
        By hand: listing each parameter of the first cell whose value its declaration forbids.
    """
    named = {"reads": reads, "claims": claims, "writes": writes, "figures": figures}
    header = Header(
        name, tables=tuple(tables), level=level, **{k: tuple(v) for k, v in named.items()}
    )
    declared = Step(header, profile, Project.find())
    if ENGINE not in os.environ:
        _check_parameters(declared, sys._getframe(1).f_globals)
    if declared.simulated():
        print(STAMP["en"])
    return declared


def _check_parameters(declared: Step, values: dict[str, Any]) -> None:
    """Hold the notebook's variables against its first cell and the profile, as the engine does."""
    from analysis.notebook import declared_parameters

    name, profile = declared.header.step, declared.profile
    parameters = declared_parameters(declared.project.notebooks / f"{name}.ipynb")
    chosen = read_profiles(declared.project.parameters)[profile].overrides.get(name, {})
    given = {key: values.get(key, parameter.default) for key, parameter in parameters.items()}
    problems = [parameters[key].problem(value) for key, value in given.items()]
    if refused := [problem for problem in problems if problem]:
        raise StepError(bullet_list("change in the first cell:", refused))
    for key, value in given.items():
        if key in chosen and value != chosen[key]:
            print(f"differs from profile {profile}: {key} = {value!r}, not {chosen[key]!r}")
