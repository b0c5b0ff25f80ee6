"""The engine: notebook headers become pytask tasks, each of which runs papermill.

A step's dependencies are its code cells, its parameters, the modules of `analysis` it reaches,
the files it reads and the versions of the numerical packages. pytask keeps their hashes in
`build/<profile>/pytask.lock` and runs what changed; this module only declares.
"""

import graphlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.notebook import Notebook, module_closure, read_notebooks
from analysis.parameters import Profile, choose_profile, nearest, resolve
from analysis.project import Project, ProjectError, bullet_list, sweep_temporaries, write_text
from analysis.provenance import versions, write_run
from analysis.step import PROFILE_SOURCES

CLAIMS = "claims"
PACKAGE_DATA = "contracts.yml"
SHOWN = 6
READABLE = ("parameter", "version", "number of", "names of")


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
    def sources(self) -> tuple[str, ...]:
        """Raw sources that the selected steps read."""
        read = {name for step in self.selected for name in self.raw_sources(step)}
        return tuple(name for name in self.profile.sources if name in read)

    def raw_sources(self, step: str) -> tuple[str, ...]:
        """Raw sources that one step reads."""
        reads = self.notebooks[step].header.reads
        if PROFILE_SOURCES in reads:
            return self.profile.sources
        return tuple(name for name in reads if name in self.profile.sources)

    def inputs(self, step: str) -> list[Path]:
        """Files that a step reads: tables, and everything in the folders of its sources."""
        header = self.notebooks[step].header
        folders = [self.project.source(name) for name in self.raw_sources(step)]
        files = [
            path
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            and not path.name.startswith(".")
            and path.suffix not in (".bad", ".pyc")
        ]
        tables = [name for name in header.reads if name not in self.raw_sources(step)]
        return files + [
            self.project.table(self.profile.name, name)
            for name in tables
            if name != PROFILE_SOURCES
        ]

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
        name: [writers[table] for table in nb.header.reads if table in writers]
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
    sources = {path.parent.name for path in raw.glob("*/source.yml")}
    known = tables | sources | {PROFILE_SOURCES}
    problems = [
        f"{name} reads {read!r}, which is neither a raw source nor a table of a step"
        f"{nearest(read, known)}"
        for name, nb in notebooks.items()
        for read in nb.header.reads
        if read not in known
    ]
    problems += [f"{name} is both a raw source and a table" for name in sorted(tables & sources)]
    problems += [
        f"profile {profile.name} lists the source {name!r}, which has no folder in data/raw"
        f"{nearest(name, sources)}"
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
    reasons: dict[str, str] = {}
    for name, nb in notebooks.items():
        lacking = [
            read
            for read in nb.header.reads
            if read not in tables and read not in profile.sources and read != PROFILE_SOURCES
        ]
        if lacking:
            reasons[name] = f"profile {profile.name} has no {', '.join(lacking)}"
    changed = True
    while changed:
        available = {t for n, nb in notebooks.items() if n not in reasons for t in nb.header.writes}
        new = {
            name: "needs " + ", ".join(r for r in nb.header.reads if r in tables - available)
            for name, nb in notebooks.items()
            if name not in reasons and set(nb.header.reads) & (tables - available)
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
    wanted = set(targets) or set(order)
    for target in targets:
        if target in not_run:
            raise PipelineError(f"{target} cannot run in this profile: {not_run[target]}")
        if target not in graph:
            raise PipelineError(f"unknown step {target!r}{nearest(target, graph)}")
    for name in reversed(order):
        if name in wanted:
            wanted |= set(graph[name])
    return tuple(sorted(name for name in order if name in wanted))


@dataclass
class Fact:
    """A dependency that is no file: a parameter, a code cell, a module, a version.

    Its state is readable text, so that `status` can say what changed from what to what.
    """

    name: str
    value: str
    attributes: dict[Any, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """Unique signature in the graph."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    def state(self) -> str:
        """Text that changes when the dependency does."""
        return self.value

    def load(self, is_product: bool = False) -> str:
        """Value handed to the task, which ignores it."""
        return self.value

    def save(self, value: Any) -> None:
        """Do nothing: a fact is never a product."""


def facts(plan: Plan, step: str) -> list[Fact]:
    """Return everything but files on which a step depends."""
    nb = plan.notebooks[step]
    modules = module_closure(plan.project.package, nb.imports)
    files = [path.name for path in plan.inputs(step)]
    found = {
        "number of code cells": str(len(nb.code)),
        "names of the files read": " ".join(files),
        **{
            f"parameter {k}": json.dumps(v, ensure_ascii=False)
            for k, v in plan.values[step].items()
        },
        **{f"code cell {number}": code for number, code in nb.code.items()},
        **{f"module analysis.{name}": code for name, code in modules.items()},
        **{f"version of {name}": version for name, version in versions().items()},
    }
    return [Fact(f"{step}: {name}", value) for name, value in found.items()]


def make_tasks(plan: Plan, execute: Callable[[Plan, str], None]) -> list[Any]:
    """Return one pytask task for each selected step, and one that gathers the claims.

    Parameters
    ----------
    execute : callable
        Runs one step of the plan.
    """
    from pytask import PathNode, TaskWithoutPath

    def node(path: Path) -> PathNode:
        return PathNode(name=plan.project.shown(path), path=path)

    def task(
        name: str, function: Callable[..., None], inputs: list[Any], products: list[Path]
    ) -> Any:
        return TaskWithoutPath(
            name=name,
            function=function,
            depends_on={"inputs": inputs},
            produces={"products": [node(path) for path in products]},
        )

    def run_step(step: str) -> Callable[..., None]:
        return lambda inputs: execute(plan, step)

    package_data = node(plan.project.package / PACKAGE_DATA)
    tasks = [
        task(
            step,
            run_step(step),
            [*facts(plan, step), package_data, *(node(path) for path in plan.inputs(step))],
            plan.products(step),
        )
        for step in plan.selected
    ]
    claims = claim_files(plan)
    tasks.append(
        task(
            CLAIMS,
            lambda inputs: gather_claims(claims, plan.project.claims(plan.profile.name)),
            [node(path) for path in claims],
            [plan.project.claims(plan.profile.name)],
        )
    )
    return tasks


def claim_files(plan: Plan) -> list[Path]:
    """Return the claims files of the selected steps and of those that ran before."""
    runnable = [step for step in plan.notebooks if step not in plan.not_run]
    files = {step: plan.project.step_claims(plan.profile.name, step) for step in runnable}
    return [path for step, path in files.items() if step in plan.selected or path.is_file()]


def gather_claims(files: list[Path], target: Path) -> None:
    """Merge the claims of all steps into one file; refuse a key that two steps claim."""
    gathered: dict[str, Any] = {}
    problems = []
    for path in files:
        for key, claim in json.loads(path.read_text(encoding="utf-8")).items():
            if key in gathered:
                problems.append(f"{key}: claimed by {gathered[key]['step']} and by {claim['step']}")
            gathered[key] = claim
    if problems:
        raise PipelineError(bullet_list("two steps make one claim:", problems))
    write_text(target, json.dumps(gathered, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Outcome:
    """What became of one step: `run`, `fresh`, `failed`, `waiting` or `stale`, and why."""

    step: str
    state: str
    why: str = ""


def run(
    plan: Plan,
    execute: Callable[[Plan, str], None],
    *,
    workers: int = 2,
    force: bool = False,
) -> list[Outcome]:
    """Bring every selected step up to date.

    Returns
    -------
    list of Outcome
        One per selected step, in the order of the plan, then the gathering of claims.
    """
    profile = plan.profile.name
    sweep_temporaries(
        plan.project.processed(profile), plan.project.figures(profile), plan.project.build(profile)
    )
    outcomes = _build(plan, execute, n_workers=workers, parallel_backend="threads", force=force)
    steps = [step for step in plan.notebooks if step not in plan.not_run]
    write_run(plan.project, profile, steps, plan.not_run)
    return outcomes


def status(plan: Plan) -> list[Outcome]:
    """Say of every selected step whether it is fresh, or stale and why; run nothing."""
    return _build(plan, lambda *_: None, explain=True, dry_run=True)


def _build(plan: Plan, execute: Callable[[Plan, str], None], **options: Any) -> list[Outcome]:
    import pytask
    from _pytask.outcomes import ExitCode

    root = plan.project.build(plan.profile.name)
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text("[tool.pytask.ini_options]\n")
    pytask.console.quiet = True
    session = pytask.build(
        tasks=make_tasks(plan, execute),
        config=root / "pyproject.toml",
        paths=root,
        capture="no",
        verbose=0,
        show_traceback=False,
        **options,
    )
    if session.exit_code not in (ExitCode.OK, ExitCode.FAILED):
        raise PipelineError(f"the workflow engine stopped: {session.exit_code.name}")
    reports = {report.task.name: report for report in session.execution_reports}
    return [_outcome(plan, step, reports.get(step)) for step in (*plan.selected, CLAIMS)]


def _outcome(plan: Plan, step: str, report: Any) -> Outcome:
    from pytask import TaskOutcome

    if report is None:
        return Outcome(step, "waiting", "interrupted")
    match report.outcome:
        case TaskOutcome.SUCCESS:
            return Outcome(step, "run")
        case TaskOutcome.SKIP_UNCHANGED:
            return Outcome(step, "fresh")
        case TaskOutcome.SKIP_PREVIOUS_FAILED:
            return Outcome(step, "waiting", "a step before it failed")
        case TaskOutcome.WOULD_BE_EXECUTED:
            return Outcome(step, "stale", _reasons(plan, report.task))
        case _:
            return Outcome(step, "failed", str(report.exc_info[1]))


def _reasons(plan: Plan, task: Any) -> str:
    """Say which dependencies changed, from pytask's explanation, parameters and code first."""
    reasons = task.attributes["explanation"].reasons
    first_run = [r for r in reasons if r.node_type == "source" and r.reason != "changed"]
    if first_run:
        return "never run"
    words = sorted({_reason(task.name, reason) for reason in reasons}, key=_weight)
    more = f"; and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return "; ".join(words[:SHOWN]) + more


def _reason(step: str, reason: Any) -> str:
    name = reason.node_name.removeprefix(f"{step}: ")
    if reason.reason == "cascade":
        return f"waits for {name}"
    if reason.node_type == "source":
        return "the engine changed"
    if name.startswith(READABLE) and reason.details.get("old_hash"):
        return f"{name}: {reason.details['old_hash']} -> {reason.details['new_hash']}"
    words = {"not_in_db": "is new", "changed": "changed", "missing": "is missing"}
    return f"{name} {words.get(reason.reason, reason.reason)}"


def _weight(words: str) -> tuple[int, str]:
    kinds = ("waits", "parameter", "number of", "code cell", "module", "names of", "version")
    ranks = [rank for rank, kind in enumerate(kinds) if words.startswith(kind)]
    return (ranks[0] if ranks else len(kinds), words)
