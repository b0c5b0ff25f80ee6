"""Real kernels: what papermill runs, what is kept, how a failure reads."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from toy import MAKE, OTHER, USE, make_project, write_notebook

from analysis.execution import ExecutionError, normalise
from analysis.project import Project


def analysis(project, *words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "analysis", *words],
        cwd=project.root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(make_project(tmp_path_factory.mktemp("run") / "toy"))


def test_command_line_runs_reports_and_rests(project):
    first = analysis(project, "run")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "done     01_make" in first.stdout
    assert "3 run, 0 not run here" in first.stdout
    assert "figures/demo/" in first.stdout
    assert "3 fresh" in analysis(project, "run").stdout
    assert project.claims("demo").read_text().startswith('{\n "toy.rows"')
    assert project.dictionary("demo", "linkage_excluded").is_file()


def test_failure_names_notebook_cell_line_and_partial_copy_and_keeps_products(project):
    analysis(project, "run")
    table = project.table("demo", "linkage_excluded")
    before = table.read_bytes()
    broken = [*MAKE[:3], "rows = 7", *MAKE[3:], "rows = rows\nrows / 0"]
    write_notebook(project.notebooks / "01_make.ipynb", broken)
    write_notebook(project.notebooks / "03_other.ipynb", [*OTHER, "1 + 1"])
    result = analysis(project, "run")
    write_notebook(project.notebooks / "01_make.ipynb", MAKE)
    write_notebook(project.notebooks / "03_other.ipynb", OTHER)
    assert result.returncode == 1
    assert "notebooks/01_make.ipynb, cell 9, line 2: rows / 0" in result.stdout
    assert "ZeroDivisionError: division by zero" in result.stdout
    assert "build/demo/notebooks/01_make.failed.ipynb" in result.stdout
    assert (project.build("demo") / "notebooks" / "01_make.failed.ipynb").is_file()
    assert "done     03_other" in result.stdout
    assert "waiting  02_use" in result.stdout
    assert table.read_bytes() == before
    assert "Traceback" not in result.stderr


def test_product_that_cannot_be_written_is_one_message_and_keeps_the_others(project):
    analysis(project, "run")
    table = project.table("demo", "linkage_excluded")
    dictionary = project.dictionary("demo", "linkage_excluded")
    before = dictionary.read_bytes()
    table.unlink()
    table.mkdir()
    (table / "something").write_text("")
    result = analysis(project, "run", "01_make", "--set", "01_make.rows=5")
    (table / "something").unlink()
    table.rmdir()
    assert result.returncode == 1
    assert f"cannot use {table}: Is a directory" in result.stdout
    assert "run again" in result.stdout
    assert dictionary.read_bytes() == before
    assert "Traceback" not in result.stdout + result.stderr


def test_declared_but_unwritten_product_is_an_error(project):
    analysis(project, "run")
    write_notebook(project.notebooks / "01_make.ipynb", MAKE[:-1])
    result = analysis(project, "run")
    write_notebook(project.notebooks / "01_make.ipynb", MAKE)
    assert result.returncode == 1
    assert (
        "declares but did not write: data/processed/demo/linkage_excluded.parquet" in result.stdout
    )


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('st.load("other")', r"uses 'other', but its header declares reads"),
        ('st.save("linkage_index", table)', "but its header declares writes"),
        ('st.raw("things")', "but its header declares reads"),
        ('st.save("linkage_excluded", table.drop(columns="reason"))', "column reason: required"),
        ('st.claim("a", float("nan"), unit="x")', "which is no number"),
        ('st.claim("a", 1, unit="x"); st.claim("a", 2, unit="x")', "claims a twice"),
    ],
)
def test_undeclared_or_invalid_use_is_refused(project, cell, words, monkeypatch):
    from analysis.step import Header, Step

    analysis(project, "run")
    header = Header("02_use", reads=("linkage_excluded",), writes=("linkage_excluded",))
    st = Step(header, "demo", project)
    with pytest.raises(Exception, match=words):
        exec(cell, {"st": st, "table": st.load("linkage_excluded")})


def test_two_runs_give_the_same_bytes_under_other_locale_zone_and_hash_seed(tmp_path):
    found = []
    for name, zone, seed in (("a", "Asia/Shanghai", "1"), ("b", "America/New_York", "2")):
        project = Project(make_project(tmp_path / name))
        result = analysis(project, "run", TZ=zone, PYTHONHASHSEED=seed, LANG="C")
        assert result.returncode == 0, result.stdout
        files = sorted(
            p for d in ("data/processed", "figures") for p in (project.root / d).rglob("*.*")
        )
        files += sorted((project.build("demo") / "notebooks").glob("*.ipynb"))
        found.append({p.relative_to(project.root): p.read_bytes() for p in files})
    assert found[0] == found[1]
    assert len(found[0]) >= 8


def test_refresh_copies_outputs_by_cell_and_leaves_prose(project):
    analysis(project, "run")
    assert "updated  02_use" in analysis(project, "refresh").stdout
    assert "same     02_use" in analysis(project, "refresh").stdout
    notebook = nbformat.read(project.notebooks / "02_use.ipynb", as_version=4)
    assert notebook.cells[-1].outputs[0].text == "3 rows\n"
    assert [c.source for c in notebook.cells if c.cell_type == "code"] == USE
    assert "3 fresh" in analysis(project, "run").stdout


def test_memory_address_in_an_output_is_refused():
    output = nbformat.v4.new_output("stream", name="stdout", text="<object object at 0x7f00>")
    cell = nbformat.v4.new_code_cell("object()", outputs=[output])
    with pytest.raises(ExecutionError, match="cell 1 prints"):
        normalise(nbformat.v4.new_notebook(cells=[cell]), Path("/nowhere"))


def test_folder_of_the_project_in_an_output_is_refused():
    data = {"text/html": "<p>/some/folder/notebooks</p>"}
    output = nbformat.v4.new_output("display_data", data=data)
    cell = nbformat.v4.new_code_cell("here", outputs=[output])
    with pytest.raises(ExecutionError, match="prints the folder /some/folder"):
        normalise(nbformat.v4.new_notebook(cells=[cell]), Path("/some/folder"))


def test_wrong_use_of_the_command_line_ends_with_one_message_and_code_1(project):
    for words, message in {
        ("run", "--set", "01_make.rwos=4"): "01_make has no parameter 'rwos' (did you mean rows?)",
        ("run", "01_mkae"): "unknown step '01_mkae' (did you mean 01_make?)",
        ("status", "--profile", "dmo"): "unknown profile 'dmo' (did you mean demo?)",
    }.items():
        result = analysis(project, *words)
        assert result.returncode == 1
        assert message in result.stdout
        assert "Traceback" not in result.stdout + result.stderr


def test_check_and_fetch_say_what_is_there(project):
    assert "profile demo: 3 steps, 0 not run" in analysis(project, "check").stdout
    assert (
        "1 sources verified, 0 files brought in" in analysis(project, "fetch", "-p", "demo").stdout
    )


def test_check_passes_where_the_users_folder_is_absent(project):
    text = project.parameters.read_text(encoding="utf-8")
    project.parameters.write_text(text.replace("[things]", "[things, talks/own]"))
    try:
        result = analysis(project, "check")
        assert result.returncode == 0, result.stdout
        assert "profile demo: 3 steps, 0 not run" in result.stdout
    finally:
        project.parameters.write_text(text)


def test_claims_of_another_step_are_read_and_simulated_where_one_is(project):
    from analysis.step import Header, Step, StepError

    analysis(project, "run")
    st = Step(Header("04_quote", claims=("02_use",)), "demo", project)
    assert st.claimed()["toy.rows"]["value"] == 3
    assert not st.simulated()
    path = project.step_claims("demo", "02_use")
    claims = path.read_text(encoding="utf-8")
    path.write_text(claims.replace('"simulated": false', '"simulated": true'), encoding="utf-8")
    assert st.simulated() and st.simulated(["02_use"])
    path.unlink()
    with pytest.raises(StepError, match="02_use has made no claims yet"):
        st.claimed()


@pytest.mark.parametrize(
    ("rows", "profile_rows", "refused", "said"),
    [
        (3, None, "", ""),
        (11, None, r"rows must lie in \[1, 10\], got 11", ""),
        ("3", None, "rows must be int, got str '3'", ""),
        (3, 5, "", "differs from profile demo: rows = 3, not 5\n"),
        (4, 5, "", "differs from profile demo: rows = 4, not 5\n"),
        (5, 5, "", ""),
    ],
)
def test_by_hand_the_first_cell_is_held_against_its_ranges_and_the_profile(
    tmp_path, monkeypatch, capsys, rows, profile_rows, refused, said
):
    from analysis.step import ENGINE, StepError

    project = Project(make_project(tmp_path / "toy"))
    if profile_rows:
        text = project.parameters.read_text(encoding="utf-8")
        chosen = f"sources: [things]\n    parameters: {{01_make: {{rows: {profile_rows}}}}}"
        project.parameters.write_text(text.replace("sources: [things]", chosen), encoding="utf-8")
    monkeypatch.chdir(project.notebooks)
    names = {"profile": "demo", "rows": rows}
    monkeypatch.setenv(ENGINE, "1")
    exec(MAKE[1], dict(names))
    monkeypatch.delenv(ENGINE)
    assert capsys.readouterr().out == ""
    if not refused:
        exec(MAKE[1], dict(names))
    else:
        with pytest.raises(StepError, match=refused):
            exec(MAKE[1], dict(names))
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    "cells", [[*MAKE, "%matplotlib inline"], [*MAKE, "table["], ["rows: int = ", MAKE[1]], None]
)
def test_by_hand_other_cells_may_hold_anything_and_a_copy_another_name(
    tmp_path, monkeypatch, cells
):
    from analysis.step import ENGINE

    project = Project(make_project(tmp_path / "toy"))
    path = project.notebooks / "01_make.ipynb"
    if cells:
        write_notebook(path, cells)
    else:
        path.rename(path.with_name("01_mine.ipynb"))
    monkeypatch.chdir(project.notebooks)
    monkeypatch.delenv(ENGINE, raising=False)
    exec(MAKE[1], {"profile": "demo", "rows": 3})


def test_what_does_not_exist_yet_names_the_profile_that_has_it(tmp_path, monkeypatch):
    from analysis.step import ENGINE, Header, Step, StepError

    monkeypatch.delenv(ENGINE, raising=False)
    project = Project(make_project(tmp_path / "toy"))
    st = Step(Header("02_use", reads=("linkage_excluded",)), "empty", project)
    with pytest.raises(StepError, match="--profile empty$"):
        st.load("linkage_excluded")
    analysis(project, "run")
    with pytest.raises(StepError, match='or set profile = "demo" in the first cell$'):
        st.load("linkage_excluded")
    own = Step(Header("02_use", reads=("codes",)), "demo", project)
    with pytest.raises(StepError, match="--profile demo$"):
        own.load("codes")


@pytest.mark.parametrize(("failures", "message", "calls"), [(1, "", 2), (2, "before repl", 2)])
def test_a_kernel_whose_port_was_taken_is_started_once_more(
    project, monkeypatch, failures, message, calls
):
    import papermill

    from analysis import execution
    from analysis.plan import make_plan

    tried = []

    def start(*words, **options):
        tried.append(words)
        if len(tried) <= failures:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return "done"

    monkeypatch.setattr(papermill, "execute_notebook", start)
    monkeypatch.setenv(execution.ENGINE, "1")
    run = (make_plan(project, "demo"), "03_other", project.root / "partial.ipynb")
    if message:
        with pytest.raises(RuntimeError, match=message):
            execution._papermill(*run)
    else:
        assert execution._papermill(*run) == "done"
    assert len(tried) == calls
