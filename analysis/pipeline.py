"""The engine: notebook headers become pytask tasks, each of which runs papermill.

A step's dependencies are its code cells, its parameters, the modules of `analysis` it reaches,
the files it reads and the versions of the numerical packages. pytask keeps their hashes in
`build/<profile>/pytask.lock` and runs what changed; this module only declares.
"""

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.notebook import module_closure
from analysis.plan import PipelineError, Plan
from analysis.project import CONTRACTS, ProjectError, bullet_list, sweep_temporaries, write_text
from analysis.provenance import versions, write_run
from analysis.sources import sha256

CLAIMS = "claims"
INTERRUPTED = "interrupted, runs again"
PACKAGE_DATA = (*CONTRACTS, "interviews/coreq.yml", "fonts/NotoSansSC-subset.ttf")
SHOWN = 6
READABLE = ("parameter", "version", "number of", "names of")


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
    files = [Path(plan.recorded(path)).name for path in plan.inputs(step)]
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
    """Return one pytask task for each selected step and, in a whole run, one for the claims.

    Parameters
    ----------
    execute : callable
        Runs one step of the plan.
    """
    from pytask import PathNode, TaskWithoutPath

    def node(path: Path) -> PathNode:
        return PathNode(name=plan.project.shown(path), path=path)

    def input_node(path: Path, step: str) -> Any:
        name = plan.recorded(path)
        known_as_file = name == plan.project.shown(path)
        return node(path) if known_as_file else Fact(f"{step}: {name}", sha256(path))

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

    package_data = [node(plan.project.package / name) for name in PACKAGE_DATA]
    tasks = [
        task(
            step,
            run_step(step),
            [
                *facts(plan, step),
                *package_data,
                *(input_node(path, step) for path in plan.inputs(step)),
            ],
            plan.products(step),
        )
        for step in plan.selected
    ]
    if plan.is_whole:
        profile, project = plan.profile.name, plan.project
        claims = [project.step_claims(profile, step) for step in plan.selected]
        names = Fact(f"{CLAIMS}: names of the steps", " ".join(plan.selected))
        gather = task(
            CLAIMS,
            lambda inputs: gather_claims(claims, project.claims(profile)),
            [names, *(node(path) for path in claims)],
            [project.claims(profile)],
        )
        tasks.append(gather)
    return tasks


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
    """What became of one step: run, fresh, failed, waiting, stale or not run; and why."""

    step: str
    state: str
    why: str = ""


def run(
    plan: Plan,
    execute: Callable[[Plan, str], None],
    *,
    workers: int = 2,
    force: bool = False,
    backend: str = "threads",
) -> list[Outcome]:
    """Bring every selected step up to date.

    Parameters
    ----------
    plan : Plan
    execute : callable
        Runs one step.
    workers : int
        Steps at the same time.
    force : bool
        Run even what is fresh.
    backend : str
        Of pytask-parallel: ``"threads"``, or ``"dask"`` for the current Dask client.

    Returns
    -------
    list of Outcome
        One per selected step, in the order of the plan; in a whole run also the gathering of
        claims, which a run of some steps leaves as they are.

    Raises
    ------
    PipelineError
        When another run of the profile is going on in the same folder.
    """
    profile, project = plan.profile.name, plan.project
    options = {"n_workers": workers, "parallel_backend": backend, "force": force}
    folders = (project.processed(profile), project.figures(profile), project.build(profile))
    with _alone(project.build(profile)):
        sweep_temporaries(*folders)
        outcomes = _build(plan, execute, **options)
        sweep_temporaries(*folders)
        states = {outcome.step: outcome.state for outcome in outcomes}
        write_run(project, profile, plan.runnable, states, plan.not_run)
    return outcomes


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a profile; the system frees it even when the process is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PipelineError(
                f"another run is going on in {folder}: wait for it to end, then run again"
            ) from None
        yield


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
        raise PipelineError(
            f"the workflow engine stopped ({session.exit_code.name}), most likely because its "
            f"records in {plan.project.shown(root)} are damaged: remove that folder and run again; "
            "tables and figures are rebuilt. Or the disk is full or the folder not writable"
        )
    reports = {report.task.name: report for report in session.execution_reports}
    steps = (*plan.selected, CLAIMS) if plan.is_whole else plan.selected
    return [_outcome(plan, step, reports.get(step)) for step in steps]


def _outcome(plan: Plan, step: str, report: Any) -> Outcome:
    from pytask import TaskOutcome

    if report is None:
        return Outcome(step, "waiting", INTERRUPTED)
    match report.outcome:
        case TaskOutcome.SUCCESS:
            return Outcome(step, "run")
        case TaskOutcome.SKIP_UNCHANGED:
            return Outcome(step, "fresh")
        case TaskOutcome.SKIP_PREVIOUS_FAILED:
            return Outcome(step, "waiting", "a step before it failed")
        case TaskOutcome.WOULD_BE_EXECUTED if _never_ran(plan, step):
            return Outcome(step, "not run", "never run yet")
        case TaskOutcome.WOULD_BE_EXECUTED:
            return Outcome(step, "stale", _reasons(plan, report.task))
        case _:
            return Outcome(step, "failed", _message(report.exc_info[1]))


def _message(error: BaseException) -> str:
    if isinstance(error, ProjectError):
        return str(error)
    if isinstance(error, OSError):
        return (
            f"cannot use {error.filename}: {error.strerror}. "
            "Mend it and run again; other earlier products are untouched."
        )
    return f"{type(error).__name__}: {error}"


def _never_ran(plan: Plan, step: str) -> bool:
    """Return whether a step has left neither an executed notebook nor, for claims, their file."""
    profile, project = plan.profile.name, plan.project
    left = project.claims(profile) if step == CLAIMS else project.executed(profile, step)
    return not left.is_file()


def _reasons(plan: Plan, task: Any) -> str:
    """Say which dependencies changed, from pytask's explanation, parameters and code first."""
    reasons = task.attributes["explanation"].reasons
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
    by_hand = ", by hand?" if reason.node_type == "product" and reason.reason == "changed" else ""
    return f"{name} {words.get(reason.reason, reason.reason)}{by_hand}"


def _weight(words: str) -> tuple[int, str]:
    kinds = ("waits", "parameter", "number of", "code cell", "module", "names of", "version")
    ranks = [rank for rank, kind in enumerate(kinds) if words.startswith(kind)]
    return (ranks[0] if ranks else len(kinds), words)
