"""The committed notebooks: thin, plain, and giving the outputs that they show."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from analysis.notebook import read_notebooks
from analysis.parameters import choose_profile, read_profiles
from analysis.project import Project
from analysis.sources import missing_files

ROOT = Path(__file__).parents[1]
PROJECT = Project(ROOT)
NOTEBOOKS = read_notebooks(PROJECT.notebooks)
PARAMETER_LINES = 12
CODE_CELLS, CODE_LINES = 25, 25
OWN_STEP = "24_build_own_panel"
FORBIDDEN = (
    "read_csv",
    "read_excel",
    "read_parquet",
    "rcParams",
    "filterwarnings",
    "to_csv",
    "open(",
)
PATH = re.compile(r"""["'](\.{0,2}/|data/|figures/|build/)""")


@pytest.fixture(params=NOTEBOOKS, ids=str)
def notebook(request):
    return nbformat.read(NOTEBOOKS[request.param].path, as_version=4)


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_notebook_is_thin_enough_to_read_aloud(notebook):
    cells = code(notebook)
    lengths = sorted(len(cell.splitlines()) for cell in cells)
    assert len(cells) <= CODE_CELLS
    assert lengths[-1] <= CODE_LINES
    assert lengths[len(lengths) // 2] <= 6
    assert len(cells[0].splitlines()) <= PARAMETER_LINES


def test_notebook_starts_with_title_and_question_and_ends_with_limits(notebook):
    first, last = notebook.cells[0], notebook.cells[-1]
    assert re.match(r"# \d\d · .+\n\*\*.+\?\*\*", first.source, flags=re.DOTALL)
    assert last.cell_type == "markdown"
    assert "what it does not" in last.source


def test_notebook_holds_no_plumbing_and_no_paths(notebook):
    text = "\n".join(code(notebook))
    assert [word for word in FORBIDDEN if word in text] == []
    assert PATH.findall(text) == []
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 8] == []


def test_committed_notebook_was_run_from_top_to_bottom(notebook):
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    errors = [
        o for cell in notebook.cells for o in cell.get("outputs", []) if o.output_type == "error"
    ]
    assert errors == []


def profile_of(name):
    return str(NOTEBOOKS[name].parameters["profile"].default)


@pytest.mark.parametrize("profile", sorted({profile_of(name) for name in NOTEBOOKS}))
def test_notebooks_give_the_outputs_that_they_show(profile):
    """Run nbval over them: by hand, each in a kernel of its own, as JupyterLab would."""
    if absent := choose_profile(PROJECT, profile).absent:
        pytest.skip(f"the user's own files are not there: {', '.join(absent)}")
    missing = missing_files(PROJECT, read_profiles(PROJECT.parameters)[profile].sources)
    if missing:
        pytest.skip(f"not fetched: {', '.join(missing)} (make fetch)")
    subprocess.run([sys.executable, "-m", "analysis", "run", "-p", profile], cwd=ROOT, check=True)
    paths = [str(nb.path) for name, nb in NOTEBOOKS.items() if profile_of(name) == profile]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-p",
         "no:cacheprovider", *paths],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-4000:]
    assert re.search(r"\d+ passed", result.stdout)


@pytest.mark.slow
def test_example_goes_into_the_panel_as_the_committed_notebook_shows(tmp_path):
    """The tutorial of the README in a copy of the tree; the copy's package runs."""
    left_out = shutil.ignore_patterns(
        ".*", "build", "figures", "processed", "own", "*.xlsx", "*.dta"
    )
    shutil.copytree(ROOT, tmp_path / "copy", ignore=left_out)
    copy = Project(tmp_path / "copy")
    own, example = copy.source("households/own"), ROOT / "data" / "raw" / "example_own"
    shutil.copytree(example / "clean", own)
    shutil.copy(example / "source.yml", own)
    text = copy.parameters.read_text(encoding="utf-8")
    uncommented = re.sub(r"(?m)^    # (leave_out|  \d\d_)", r"    \1", text)
    assert uncommented != text
    copy.parameters.write_text(uncommented, encoding="utf-8")
    command = [sys.executable, "-m", "analysis", "run", "-p", "own_panel"]
    environment = {**os.environ, "PYTHONPATH": str(copy.root)}
    subprocess.run(command, cwd=copy.root, env=environment, check=True)
    shown = nbformat.read(NOTEBOOKS[OWN_STEP].path, as_version=4)
    executed = nbformat.read(copy.executed("own_panel", OWN_STEP), as_version=4)
    outputs = {cell.id: cell.outputs for cell in executed.cells if cell.cell_type == "code"}
    for cell in shown.cells:
        if cell.cell_type == "code":
            assert cell.outputs == outputs[cell.id]
