"""What a run would do: which steps, in which order, with which parameters and files.

Everything that can be wrong before a kernel starts is found here: a name that nobody writes, two
steps that write one table, a circle, an unknown step, a step whose source the profile lacks.
"""

import functools
import graphlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.notebook import Notebook, read_notebooks
from analysis.parameters import Profile, choose_profile, nearest, read_profiles, resolve
from analysis.project import Project, ProjectError, bullet_list
from analysis.sources import masked_name, read_card
from analysis.step import PROFILE_SOURCES

CARD_TO_COPY = ": copy data/raw/example_own/own_source.yml there as source.yml and fill it in"


class PipelineError(ProjectError):
    """The steps do not form a pipeline, or a step failed."""


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes
    ----------
    project : Project
    profile : Profile
    notebooks : dict of {step: Notebook}
        Every notebook of the project, in the order of their names.
    values : dict of {step: {parameter: value}}
    selected : tuple of str
        Steps of this run, each after those it depends on.
    not_run : dict of {step: reason}
        Steps that this profile cannot run.
    """

    project: Project
    profile: Profile
    notebooks: dict[str, Notebook]
    values: dict[str, dict[str, Any]]
    selected: tuple[str, ...]
    not_run: dict[str, str]

    @property
    def runnable(self) -> list[str]:
        """Steps that this profile can run, selected or not."""
        return [step for step in self.notebooks if step not in self.not_run]

    @functools.cached_property
    def executed(self) -> list[str]:
        """Steps that this profile can run and that have left an executed notebook."""
        name = self.profile.name
        return [s for s in self.runnable if self.project.executed(name, s).is_file()]

    @property
    def is_whole(self) -> bool:
        """Whether every step that the profile can run is selected."""
        return set(self.runnable) == set(self.selected)

    @property
    def sources(self) -> tuple[str, ...]:
        """Raw sources that the selected steps read."""
        read = {name for step in self.selected for name in self.raw_sources(step)}
        return tuple(name for name in self.profile.sources if name in read)

    def raw_sources(self, step: str) -> tuple[str, ...]:
        """Raw sources that one step reads."""
        reads = self.notebooks[step].header.reads
        if PROFILE_SOURCES in reads:
            return self.profile.sources
        served = [self.profile.source(name) for name in reads]
        return tuple(name for name in served if name is not None)

    def inputs(self, step: str) -> list[Path]:
        """Files that a step reads: tables, and everything in the folders of its sources."""
        header = self.notebooks[step].header
        folders = [self.project.source(name) for name in self.raw_sources(step)]
        files = [
            path
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
            and path.suffix not in (".bad", ".pyc")
        ]
        profile, project = self.profile, self.project
        tables = [name for name in header.reads if profile.source(name) is None]
        return [
            *files,
            *(project.table(profile.name, name) for name in tables if name != PROFILE_SOURCES),
            *(project.step_claims(profile.name, name) for name in header.claims),
        ]

    @functools.cached_property
    def confidential(self) -> tuple[Path, ...]:
        """Folders of the sources whose very file names may tell too much."""
        folders = (self.project.source(name) for name in self.profile.sources)
        return tuple(folder for folder in folders if read_card(folder).confidential)

    def recorded(self, path: Path) -> str:
        """Return the name under which records know a file; that of personal data tells nothing."""
        for folder in self.confidential:
            if path.is_relative_to(folder):
                return self.project.shown(folder / masked_name(path))
        return self.project.shown(path)

    def products(self, step: str) -> list[Path]:
        """Files that a step writes, the executed notebook last."""
        header, profile, project = self.notebooks[step].header, self.profile.name, self.project
        figures = project.figures(profile)
        return [
            *(project.table(profile, name) for name in header.writes),
            *(project.dictionary(profile, name) for name in header.writes),
            *(figures / file for name in header.figures for file in figure_files(name)),
            *(figures / file for name in header.tables for file in table_files(name)),
            project.step_claims(profile, step),
            project.executed(profile, step),
        ]

    def undeclared_files(self) -> list[Path]:
        """Exhibits and tables on disk that no step declares: what a renamed step left behind."""
        profile, project = self.profile.name, self.project
        declared = {path for step in self.runnable for path in self.products(step)}
        declared.add(project.claims(profile))
        folders = (project.figures(profile), project.processed(profile))
        files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
        return [path for path in files if path not in declared and path.suffix != ".part"]


def _find(target: str, order: list[str], not_run: dict[str, str]) -> str:
    """Return the step that `target` names, in full or by a beginning that only one step has."""
    known = [*order, *not_run]
    found = [step for step in known if step == target or step.startswith(target)]
    step = target if target in known else found[0] if len(found) == 1 else ""
    if not step:
        hint = nearest(target, known)
        raise PipelineError(f"unknown step {target!r}{hint}; there are {', '.join(sorted(known))}")
    if step in not_run:
        raise PipelineError(f"{step} cannot run in this profile: {not_run[step]}")
    return step


def figure_files(name: str) -> list[str]:
    """Return the file names of a numbered figure: English, Chinese, data."""
    stems = (name, f"{name}_zh")
    return [f"{stem}.{kind}" for stem in stems for kind in ("svg", "pdf", "png")] + [f"{name}.csv"]


def table_files(name: str) -> list[str]:
    """Return the file names of a numbered table: English, Chinese, data."""
    return [f"{stem}.{kind}" for stem in (name, f"{name}_zh") for kind in ("html", "tex")] + [
        f"{name}.csv"
    ]


def make_plan(
    project: Project,
    profile_name: str,
    *,
    settings: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
) -> Plan:
    """Read the notebooks and decide what runs.

    Parameters
    ----------
    settings : tuple of str
        `STEP.PARAM=VALUE`.
    targets : tuple of str
        Run only these steps and those they depend on; all unless given.

    Raises
    ------
    ProjectError
        When a header, a parameter or the graph of steps is wrong; nothing has run then.
    """
    profile = choose_profile(project, profile_name)
    notebooks = read_notebooks(project.notebooks)
    values = resolve({n: nb.parameters for n, nb in notebooks.items()}, profile, settings)
    _check_names(project, profile, notebooks)
    not_run = _steps_not_run(project, profile, notebooks)
    writers = _writers({n: nb for n, nb in notebooks.items() if n not in not_run})
    graph = {
        name: [*nb.header.claims, *(writers[t] for t in nb.header.reads if t in writers)]
        for name, nb in notebooks.items()
        if name not in not_run
    }
    order = _order(graph)
    return Plan(
        project, profile, notebooks, values, _select(order, graph, targets, not_run), not_run
    )


def _check_names(project: Project, profile: Profile, notebooks: dict[str, Notebook]) -> None:
    tables = {table for nb in notebooks.values() for table in nb.header.writes}
    raw = project.source("")
    cards = [*raw.glob("*/source.yml"), *raw.glob("*/*/source.yml")]
    sources = {path.parent.relative_to(raw).as_posix() for path in cards}
    listed = {s for p in read_profiles(project.parameters).values() for s in p.sources}
    served = {source.split("/")[0] for source in sources | listed}
    known = tables | sources | listed | served | {PROFILE_SOURCES}
    problems = [
        f"{name} reads {read!r}, which is neither a raw source nor a table of a step"
        f"{nearest(read, known)}"
        for name, nb in notebooks.items()
        for read in nb.header.reads
        if read not in known
    ]
    problems += [
        f"{name} reads the claims of {step!r}, which is no step{nearest(step, notebooks)}"
        for name, nb in notebooks.items()
        for step in nb.header.claims
        if step not in notebooks
    ]
    problems += [
        f"profile {profile.name} leaves out {step!r}, which is no step{nearest(step, notebooks)}"
        for step in profile.leave_out
        if step not in notebooks
    ]
    problems += [f"{name} is both a raw source and a table" for name in sorted(tables & served)]
    problems += [
        f"profile {profile.name} lists the source {name!r}, but data/raw/{name} has no source.yml"
        + (CARD_TO_COPY if name.endswith("/own") else nearest(name, sources))
        for name in profile.sources
        if name not in sources
    ]
    if problems:
        raise PipelineError(bullet_list("headers that do not fit together:", problems))


def _steps_not_run(
    project: Project, profile: Profile, notebooks: dict[str, Notebook]
) -> dict[str, str]:
    """Return {step: why} for the steps that this profile cannot run."""
    tables = {table for nb in notebooks.values() for table in nb.header.writes}
    reasons = {step: f"left out: {why}" for step, why in profile.leave_out.items()}
    for name, nb in notebooks.items():
        lacking = [
            read
            for read in nb.header.reads
            if read not in tables and profile.source(read) is None and read != PROFILE_SOURCES
        ]
        if lacking:
            reasons[name] = f"profile {profile.name} has no {', '.join(lacking)}"
    changed = True
    while changed:
        available = {t for n, nb in notebooks.items() if n not in reasons for t in nb.header.writes}
        lost = (tables - available) | set(reasons)
        new = {
            name: "needs " + ", ".join(r for r in needed if r in lost)
            for name, nb in notebooks.items()
            if name not in reasons and lost & set(needed := (*nb.header.reads, *nb.header.claims))
        }
        reasons |= new
        changed = bool(new)
    return reasons


def _writers(notebooks: dict[str, Notebook]) -> dict[str, str]:
    """Return {table or exhibit: step}; refuse two steps that write one."""
    writers: dict[str, str] = {}
    problems = []
    for name, nb in notebooks.items():
        for product in (*nb.header.writes, *nb.header.figures, *nb.header.tables):
            if product in writers:
                problems.append(f"{product} is written by {writers[product]} and by {name}")
            writers[product] = name
    if problems:
        raise PipelineError(bullet_list("two steps write one product:", problems))
    return writers


def _order(graph: dict[str, list[str]]) -> list[str]:
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise PipelineError(
            f"the steps form a circle, each needs the one before: {circle}"
        ) from None


def _select(
    order: list[str], graph: dict[str, list[str]], targets: tuple[str, ...], not_run: dict[str, str]
) -> tuple[str, ...]:
    wanted = {_find(target, order, not_run) for target in targets} or set(order)
    for name in reversed(order):
        if name in wanted:
            wanted |= set(graph[name])
    return tuple(sorted(name for name in order if name in wanted))
