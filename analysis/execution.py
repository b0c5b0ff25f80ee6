"""Running one notebook through papermill, and making its output reproducible.

An executed notebook is kept without clocks, paths and random ids, so two runs give the same
bytes. A notebook that fails is kept as far as it got, and the error says where to look.
"""

import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from analysis.pipeline import Plan, status
from analysis.project import ProjectError, atomic_file
from analysis.provenance import write_record

ANSI = re.compile(r"\x1b\[[0-9;]*m")
LINE_IN_CELL = re.compile(r"Cell In\[\d+\], line (\d+)")
ADDRESS = re.compile(r"<[\w.]+ (?:object )?at 0x[0-9a-f]+>")
INJECTED = "injected-parameters"


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
    notebook = _papermill(plan, step, partial)
    _check_written(plan, step, start)
    write_notebook(executed, normalise(notebook))
    partial.unlink(missing_ok=True)
    seconds = time.time() - start
    write_record(
        plan.project,
        plan.profile.name,
        step,
        parameters=plan.values[step],
        inputs=plan.inputs(step),
        outputs=plan.products(step),
        seconds=seconds,
    )
    return seconds


def _papermill(plan: Plan, step: str, partial: Path) -> Any:
    import logging

    import papermill

    logging.getLogger("traitlets").setLevel(logging.ERROR)
    nb = plan.notebooks[step]
    defaults = {name: parameter.default for name, parameter in nb.parameters.items()}
    changed = {k: v for k, v in plan.values[step].items() if v != defaults[k]}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return papermill.execute_notebook(
                clear_outputs(nbformat.read(nb.path, as_version=4)),
                partial,
                parameters=changed,
                kernel_name="python3",
                progress_bar=False,
                extra_arguments=["--IPKernelApp.log_level=50"],
            )
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
    stale = [p for p in expected if not p.is_file() or p.stat().st_mtime < start - 1]
    if stale:
        names = ", ".join(plan.project.shown(path) for path in stale)
        raise ExecutionError(f"{step} declares but did not write: {names}")


def clear_outputs(notebook: Any) -> Any:
    """Return a notebook without outputs and counts, so that none is taken for new."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def normalise(notebook: Any) -> Any:
    """Return an executed notebook without clocks, paths, random ids and split streams.

    Raises
    ------
    ExecutionError
        When an output shows a memory address, which differs from run to run.
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
            _refuse_addresses(cell.outputs, number + 1)
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


def _refuse_addresses(outputs: list[Any], number: int) -> None:
    for output in outputs:
        text = output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
        if match := ADDRESS.search(text):
            raise ExecutionError(f"cell {number} prints {match.group()}: show its content instead")


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
        outputs = {cell.id: cell for cell in executed.cells}
        committed = nbformat.read(nb.path, as_version=4)
        before = nbformat.writes(committed)
        for cell in committed.cells:
            if cell.cell_type == "code":
                cell.outputs = outputs[cell.id].outputs
                cell.execution_count = outputs[cell.id].execution_count
        committed.metadata = executed.metadata
        if changed := nbformat.writes(committed) != before:
            write_notebook(nb.path, committed)
        done.append(Refreshed(step, changed))
    return done
