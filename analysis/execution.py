"""Running one notebook through papermill, and making its output reproducible.

An executed notebook is kept without clocks, paths and random ids, so two runs give the same
bytes. A notebook that fails is kept as far as it got, and the error says where to look.
"""

import os
import re
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from analysis.pipeline import status
from analysis.plan import Plan
from analysis.project import ProjectError, atomic_file, write_text
from analysis.provenance import write_record
from analysis.step import ENGINE

ANSI = re.compile(r"\x1b\[[0-9;]*m")
LINE_IN_CELL = re.compile(r"Cell In\[\d+\], line (\d+)")
ADDRESS = re.compile(r"<[\w.]+ (?:object )?at 0x[0-9a-f]+>")
NOT_STARTED = "Kernel died before replying"
"""Another program may have taken the port that was chosen for the kernel."""
INJECTED = "injected-parameters"
CLOCK_GRAIN = 0.05
"""Seconds by which the clock of a file system may lag behind that of Python."""


class ExecutionError(ProjectError):
    """A notebook raised an error, or did not write what it declares."""


def execute_step(plan: Plan, step: str) -> float:
    """Run one step and write its executed notebook and record; return the seconds it took.

    Raises
    ------
    ExecutionError
        With notebook, cell number, source line, error and the path of the partial copy.
    """
    start = time.time()
    executed = plan.project.executed(plan.profile.name, step)
    partial = executed.with_name(f"{step}.failed.ipynb")
    executed.parent.mkdir(parents=True, exist_ok=True)
    with _products_kept(plan, step):
        notebook = _papermill(plan, step, partial)
        _complete_claims(plan, step, start)
        _check_written(plan, step, start)
        write_notebook(executed, normalise(notebook, plan.project.root))
    partial.unlink(missing_ok=True)
    seconds = time.time() - start
    write_record(
        plan.project,
        plan.profile.name,
        step,
        parameters=plan.values[step],
        inputs={plan.recorded(path): path for path in plan.inputs(step)},
        outputs=plan.products(step),
        seconds=seconds,
    )
    return seconds


@contextmanager
def _products_kept(plan: Plan, step: str) -> Iterator[None]:
    """Put the earlier products back when a step fails, so that old and new never mix."""
    backup = plan.project.build(plan.profile.name) / "earlier" / step
    shutil.rmtree(backup, ignore_errors=True)
    backup.mkdir(parents=True)
    earlier = {path: backup / str(i) for i, path in enumerate(plan.products(step))}
    for path, copy in earlier.items():
        if path.is_file():
            copy.hardlink_to(path)
    try:
        yield
    except BaseException:
        for path, copy in earlier.items():
            with suppress(OSError):
                copy.replace(path) if copy.is_file() else path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(backup, ignore_errors=True)


def _complete_claims(plan: Plan, step: str, start: float) -> None:
    """Write the empty claims of a step that made none in this run."""
    path = plan.project.step_claims(plan.profile.name, step)
    if not _written_since(path, start):
        write_text(path, "{}\n")


def _written_since(path: Path, start: float) -> bool:
    return path.is_file() and path.stat().st_mtime > start - CLOCK_GRAIN


def _papermill(plan: Plan, step: str, partial: Path) -> Any:
    import logging

    import papermill

    logging.getLogger("traitlets").setLevel(logging.ERROR)
    os.environ[ENGINE] = "1"
    nb = plan.notebooks[step]
    defaults = {name: parameter.default for name, parameter in nb.parameters.items()}
    changed = {k: v for k, v in plan.values[step].items() if v != defaults[k]}
    options = {
        "parameters": changed,
        "kernel_name": "python3",
        "progress_bar": False,
        "extra_arguments": ["--IPKernelApp.log_level=50"],
    }
    blank = clear_outputs(nbformat.read(nb.path, as_version=4))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return papermill.execute_notebook(blank, partial, **options)
            except RuntimeError as error:
                if NOT_STARTED not in str(error):
                    raise
            return papermill.execute_notebook(blank, partial, **options)
    except papermill.PapermillExecutionError as error:
        raise ExecutionError(_failure(plan, step, error, partial)) from None


def _failure(plan: Plan, step: str, error: Any, partial: Path) -> str:
    """Return one readable message; papermill put two marker cells before the failing one."""
    cells = nbformat.read(partial, as_version=4).cells
    markers = 2
    before = [c for c in cells[: error.cell_index + markers] if not _added_by_papermill(c)]
    trace = ANSI.sub("", "\n".join(error.traceback))
    lines = LINE_IN_CELL.findall(trace)
    source = error.source.splitlines()
    number = int(lines[0]) if lines and int(lines[0]) <= len(source) else 1
    path = plan.project.shown(plan.notebooks[step].path)
    return (
        f"{path}, cell {len(before) + 1}, line {number}: {source[number - 1].strip()}\n"
        f"{error.ename}: {ANSI.sub('', error.evalue)}\n"
        f"Partial copy with the full traceback: {plan.project.shown(partial)}"
    )


def _added_by_papermill(cell: Any) -> bool:
    tags = cell.metadata.get("tags", [])
    return INJECTED in tags or any(tag.startswith("papermill-error") for tag in tags)


def _check_written(plan: Plan, step: str, start: float) -> None:
    """Refuse a step that left a declared product unwritten, even if an old one lies there."""
    expected = plan.products(step)[:-1]
    stale = [path for path in expected if not _written_since(path, start)]
    if stale:
        names = ", ".join(plan.project.shown(path) for path in stale)
        raise ExecutionError(f"{step} declares but did not write: {names}")


def clear_outputs(notebook: Any) -> Any:
    """Return a notebook without outputs and counts, so that none is taken for new."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def normalise(notebook: Any, root: Path) -> Any:
    """Return an executed notebook without papermill's clocks, paths, random ids and split streams.

    Parameters
    ----------
    root : Path
        Folder of the project.

    Raises
    ------
    ExecutionError
        When an output shows a memory address or the folder, which differ from run to run.
    """
    notebook = nbformat.from_dict(notebook)
    notebook.metadata.pop("papermill", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if _added_by_papermill(cell):
            cell.id = f"injected-{number}"
        if cell.cell_type == "code":
            cell.outputs = _join_streams(cell.outputs)
            _refuse_passing(cell.outputs, number + 1, root)
    return notebook


def _join_streams(outputs: list[Any]) -> list[Any]:
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if output.output_type == "stream" and last is not None and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _refuse_passing(outputs: list[Any], number: int, root: Path) -> None:
    """Refuse what a reader elsewhere would see differently."""
    for output in outputs:
        shown = {k: v for k, v in output.get("data", {}).items() if k.startswith("text/")}
        text = " ".join([output.get("text", ""), *(str(value) for value in shown.values())])
        if match := ADDRESS.search(text):
            raise ExecutionError(f"cell {number} prints {match.group()}: show its content instead")
        if line := next((line for line in text.splitlines() if str(root) in line), ""):
            raise ExecutionError(
                f"cell {number} prints the folder {root}: show a name instead, of: {line.strip()}"
            )


def write_notebook(path: Path, notebook: Any) -> None:
    """Write a notebook atomically."""
    nbformat.validate(notebook)
    with atomic_file(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


@dataclass(frozen=True)
class Refreshed:
    """Outcome of copying outputs into the committed notebooks."""

    step: str
    changed: bool


def _code(notebook: Any) -> list[Any]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if not _added_by_papermill(cell)]


def refresh_outputs(plan: Plan) -> list[Refreshed]:
    """Copy the outputs of the executed notebooks into `notebooks/`.

    Only steps whose default parameters are those of the plan are copied: what a reader sees in
    `notebooks/` is what the notebook gives when it is opened and run as it is.

    Raises
    ------
    ExecutionError
        When a step is not fresh: its outputs would not be those of its code.
    """
    if stale := [o.step for o in status(plan) if o.state != "fresh"]:
        raise ExecutionError(f"not fresh, run them first: {', '.join(stale)}")
    done = []
    for step in plan.selected:
        nb = plan.notebooks[step]
        defaults = {name: parameter.default for name, parameter in nb.parameters.items()}
        if plan.values[step] != defaults:
            continue
        executed = nbformat.read(plan.project.executed(plan.profile.name, step), as_version=4)
        committed = nbformat.read(nb.path, as_version=4)
        before = nbformat.writes(committed)
        for cell, done_cell in zip(_code(committed), _code(executed), strict=True):
            cell.outputs = done_cell.outputs
            cell.execution_count = done_cell.execution_count
        committed.metadata = executed.metadata
        if changed := nbformat.writes(committed) != before:
            write_notebook(nb.path, committed)
        done.append(Refreshed(step, changed))
    return done
