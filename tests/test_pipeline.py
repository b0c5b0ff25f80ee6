import json

import pytest
from toy import MAKE, OTHER, USE, make_project, write_notebook

from analysis import pipeline
from analysis.parameters import ParameterError
from analysis.pipeline import run, status
from analysis.plan import PipelineError, make_plan
from analysis.project import Project, ProjectError


@pytest.fixture
def project(tmp_path):
    return Project(make_project(tmp_path / "toy"))


class Kernel:
    """Stands for papermill: writes every product of a step, the same bytes each time."""

    def __init__(self):
        self.ran = []

    def __call__(self, plan, step):
        self.ran.append(step)
        for path in plan.products(step):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}" if path.suffix == ".json" else step)


def ran(project, **options):
    kernel = Kernel()
    run(make_plan(project, "demo", **options), kernel)
    return kernel.ran


def why(project, step, **options):
    outcomes = {outcome.step: outcome for outcome in status(make_plan(project, "demo", **options))}
    return f"{outcomes[step].state}: {outcomes[step].why}"


def edit(project, name, cells, **options):
    write_notebook(project.notebooks / f"{name}.ipynb", cells, **options)


def test_everything_runs_once_and_then_nothing(project):
    assert sorted(ran(project)) == ["01_make", "02_use", "03_other"]
    assert ran(project) == []
    assert why(project, "02_use") == "fresh: "


def test_status_before_the_first_run_says_so(project):
    assert why(project, "01_make") == "not run: never run yet"
    assert why(project, "02_use") == "not run: never run yet"
    ran(project)
    (project.source("things") / "things.txt").write_text("two\n")
    assert why(project, "02_use") == "stale: waits for 01_make"


def test_prose_and_comments_re_run_nothing(project):
    ran(project)
    edit(project, "01_make", [*MAKE[:-1], f"{MAKE[-1]}  # as is"], prose="Other words")
    assert ran(project) == []


def test_added_prose_re_runs_nothing(project):
    ran(project)
    path = project.notebooks / "01_make.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"].insert(2, {**notebook["cells"][0], "id": "more", "source": "More words"})
    path.write_text(json.dumps(notebook))
    assert ran(project) == []


def test_edited_code_with_equal_output_re_runs_only_itself(project):
    ran(project)
    edit(project, "01_make", [*MAKE, "2 + 2"])
    assert why(project, "01_make").startswith(
        "stale: number of code cells: 5 -> 6; code cell 6 is new"
    )
    assert ran(project) == ["01_make"]


def test_deleted_last_cell_is_noticed(project):
    ran(project)
    edit(project, "02_use", USE[:-1])
    assert ran(project) == ["02_use"]


def test_changed_parameter_is_named_with_both_values(project):
    ran(project)
    assert why(project, "01_make", settings=("01_make.rows=4",)) == "stale: parameter rows: 3 -> 4"
    assert ran(project, settings=("01_make.rows=4",)) == ["01_make"]


def test_changed_raw_file_is_named(project):
    ran(project)
    (project.source("things") / "things.txt").write_text("two\n")
    assert "data/raw/things/things.txt changed" in why(project, "03_other")
    assert sorted(ran(project)) == ["01_make", "03_other"]


@pytest.mark.parametrize("damage", ["delete", "alter"])
def test_damaged_product_is_rebuilt(project, damage):
    ran(project)
    table = project.table("demo", "linkage_excluded")
    table.unlink() if damage == "delete" else table.write_text("else")
    assert ran(project) == ["01_make"]
    assert table.read_text() == "01_make"


def test_changed_module_is_named(project, monkeypatch, tmp_path):
    package = tmp_path / "analysis"
    package.mkdir()
    (package / "__init__.py").write_text("from analysis.step import step\n")
    for name in pipeline.PACKAGE_DATA:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    (package / "step.py").write_text("x = 1\n")
    monkeypatch.setattr(Project, "package", property(lambda self: package))
    ran(project)
    (package / "step.py").write_text('"""Words."""\nx = 1  # as before\n')
    assert ran(project) == []
    (package / "step.py").write_text("x = 22\n")
    assert why(project, "03_other") == "stale: module analysis.step changed"


def test_changed_font_is_named(project, monkeypatch, tmp_path):
    package = tmp_path / "package"
    for name in pipeline.PACKAGE_DATA:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("1")
    monkeypatch.setattr(Project, "package", property(lambda self: package))
    ran(project)
    (package / pipeline.PACKAGE_DATA[-1]).write_text("2")
    assert "NotoSansSC-subset.ttf changed" in why(project, "03_other")


def test_claims_of_a_removed_step_go_with_it(project):
    def execute(plan, step):
        Kernel()(plan, step)
        claims = {f"{step}.x": {"value": 1, "step": step}}
        plan.project.step_claims("demo", step).write_text(json.dumps(claims))

    run(make_plan(project, "demo"), execute)
    assert "03_other.x" in project.claims("demo").read_text()
    (project.notebooks / "03_other.ipynb").unlink()
    assert why(project, "claims").startswith("stale: names of the steps")
    run(make_plan(project, "demo"), execute)
    assert "03_other.x" not in project.claims("demo").read_text()


def test_run_of_some_steps_leaves_the_gathered_claims(project):
    ran(project)
    before = project.claims("demo").read_bytes()
    outcomes = run(make_plan(project, "demo", targets=("01_make",)), Kernel())
    assert [outcome.step for outcome in outcomes] == ["01_make"]
    assert project.claims("demo").read_bytes() == before


def test_files_of_no_step_are_listed(project):
    ran(project)
    plan = make_plan(project, "demo")
    assert plan.undeclared_files() == []
    old = project.figures("demo") / "fig99_old.svg"
    old.write_text("")
    assert plan.undeclared_files() == [old]


def test_second_run_in_one_folder_is_refused(project):
    plan = make_plan(project, "demo")

    def execute(plan, step):
        Kernel()(plan, step)
        with pytest.raises(PipelineError, match="another run is going on"):
            run(plan, Kernel())

    assert {outcome.state for outcome in run(plan, execute)} == {"run"}


def test_damaged_engine_records_name_the_remedy(project):
    ran(project)
    (project.build("demo") / "pytask.lock").write_text("[[task]\nid = ")
    with pytest.raises(PipelineError, match=r"build/demo are damaged: remove that folder"):
        status(make_plan(project, "demo"))


def test_target_runs_with_what_it_needs(project):
    assert ran(project, targets=("02_use",)) == ["01_make", "02_use"]
    with pytest.raises(PipelineError, match="did you mean 02_use"):
        make_plan(project, "demo", targets=("02_usw",))


def test_partial_run_leaves_the_rest_known(project):
    ran(project)
    assert ran(project, targets=("01_make",)) == []
    assert ran(project) == []


def test_step_without_its_source_is_not_run_and_says_why(project):
    plan = make_plan(project, "empty")
    assert plan.selected == ()
    assert plan.not_run["01_make"] == "profile empty has no things"
    assert plan.not_run["02_use"] == "needs linkage_excluded"


def test_failing_step_stops_its_branch_only(project):
    kernel = Kernel()

    def execute(plan, step):
        if step == "01_make":
            raise RuntimeError("no luck")
        kernel(plan, step)

    outcomes = {o.step: o for o in run(make_plan(project, "demo"), execute)}
    assert outcomes["01_make"].state == "failed"
    assert outcomes["01_make"].why == "RuntimeError: no luck"
    assert outcomes["02_use"].state == "waiting"
    assert outcomes["03_other"].state == "run"


def test_cycle_is_shown(project):
    edit(project, "01_make", [MAKE[0], MAKE[1].replace('"things"', '"linkage_index"')])
    edit(project, "02_use", [USE[0], USE[1].replace("writes=[]", 'writes=["linkage_index"]')])
    with pytest.raises(PipelineError, match="circle.*01_make -> 02_use|circle.*02_use -> 01_make"):
        make_plan(project, "demo")


def test_two_steps_writing_one_table_are_named(project):
    edit(
        project,
        "03_other",
        [OTHER[0], OTHER[1].replace("reads", 'writes=["linkage_excluded"], reads')],
    )
    with pytest.raises(
        PipelineError, match="linkage_excluded is written by 01_make and by 03_other"
    ):
        make_plan(project, "demo")


def test_unknown_read_names_the_nearest(project):
    edit(project, "03_other", [OTHER[0], OTHER[1].replace('"things"', '"thing"')])
    with pytest.raises(PipelineError, match=r"reads 'thing'.*did you mean things"):
        make_plan(project, "demo")


def test_unknown_profile_and_parameter_stop_before_anything_runs(project):
    with pytest.raises(ParameterError, match=r"unknown profile 'dmo' \(did you mean demo"):
        make_plan(project, "dmo")
    with pytest.raises(ParameterError, match="nothing was run"):
        make_plan(project, "demo", settings=("01_make.rows=99",))
    assert not project.build("demo").exists()


def test_claims_of_two_steps_may_not_clash(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in files:
        path.write_text(json.dumps({"x": {"value": 1, "step": path.stem}}))
    with pytest.raises(PipelineError, match="x: claimed by a and by b"):
        pipeline.gather_claims(files, tmp_path / "claims.json")
    assert not (tmp_path / "claims.json").exists()


def test_run_record_lists_what_was_not_run(project):
    run(make_plan(project, "empty"), Kernel())
    record = json.loads((project.build("empty") / "run.json").read_text())
    assert set(record["not_run"]) == {"01_make", "02_use", "03_other"}
    run(make_plan(project, "demo"), Kernel())
    record = json.loads((project.build("demo") / "run.json").read_text())
    assert {step["state"] for step in record["steps"]} == {"run"}


def test_no_project_above_is_an_error(tmp_path):
    with pytest.raises(ProjectError, match=r"no parameters.yml"):
        Project.find(tmp_path)


def test_what_an_orphan_leaves_during_a_run_is_swept_at_its_end(project):
    left = project.figures("demo") / ".fig01.svg.999999999.part"

    def execute(plan, step):
        Kernel()(plan, step)
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_text("half")

    run(make_plan(project, "demo"), execute)
    assert not left.exists()


PERSONAL = """\
title: Talks
producer: us
citation: none
licence: none
accessed: 2026-01-01
sensitivity: personal
use: tests
files: all
"""
LISTEN = [
    'profile: str = "demo"',
    'from analysis import step\nst = step("04_listen", profile, reads=["talks"])',
]


@pytest.fixture
def with_talks(project):
    text = project.parameters.read_text().replace("[things]", "[things, talks/own]")
    project.parameters.write_text(text)
    edit(project, "04_listen", LISTEN)
    return project


def test_step_without_the_users_folder_is_not_run(with_talks):
    assert make_plan(with_talks, "demo").not_run == {"04_listen": "profile demo has no talks"}


def test_users_folder_serves_the_step(with_talks):
    folder = with_talks.source("talks/own")
    folder.mkdir(parents=True)
    (folder / "source.yml").write_text(PERSONAL)
    assert "04_listen" in ran(with_talks)
    (folder / "王芳.txt").write_text("x")
    assert ran(with_talks) == ["04_listen"]


def test_no_record_holds_the_name_of_a_file_of_persons(with_talks):
    folder = with_talks.source("talks/own")
    folder.mkdir(parents=True)
    (folder / "source.yml").write_text(PERSONAL)
    (folder / "王芳.txt").write_text("x")
    ran(with_talks)
    (folder / "王芳.txt").write_text("y")
    assert "王芳" not in why(with_talks, "04_listen")
    left = [path.read_bytes() for path in with_talks.build("demo").rglob("*") if path.is_file()]
    assert not any("王芳".encode() in content for content in left)


def test_two_sources_of_one_kind_are_refused(with_talks):
    text = with_talks.parameters.read_text().replace("talks/own]", "talks/own, talks/other]")
    with_talks.parameters.write_text(text)
    with pytest.raises(ParameterError, match="two sources serve talks"):
        make_plan(with_talks, "demo")


READER = [
    'profile: str = "demo"',
    'from analysis import step\nst = step("00_quote", profile, claims=["02_use"])',
    'print(st.claimed()["toy.rows"]["value"])',
]


def test_step_that_reads_claims_runs_after_the_one_that_makes_them(project):
    write_notebook(project.notebooks / "00_quote.ipynb", READER)
    order = ran(project)
    assert order.index("00_quote") > order.index("02_use")
    assert ran(project) == []
    project.step_claims("demo", "02_use").write_text('{"a": 1}')
    assert "02_use.json" in why(project, "00_quote") or "waits" in why(project, "00_quote")


def test_step_that_reads_claims_is_not_run_where_their_step_is_not(project):
    write_notebook(project.notebooks / "00_quote.ipynb", READER)
    plan = make_plan(project, "empty")
    assert plan.not_run["00_quote"] == "needs 02_use"


def test_claims_of_an_unknown_step_name_the_nearest(project):
    write_notebook(
        project.notebooks / "00_quote.ipynb",
        [READER[0], READER[1].replace("02_use", "02_uses"), READER[2]],
    )
    with pytest.raises(PipelineError, match="claims of '02_uses', which is no step.*02_use"):
        make_plan(project, "demo")


def test_step_that_a_profile_leaves_out_is_not_run_with_the_reason(project):
    text = project.parameters.read_text()
    left_out = "  demo:\n    leave_out: {01_make: nobody to compare with}\n"
    project.parameters.write_text(text.replace("  demo:\n", left_out))
    plan = make_plan(project, "demo")
    assert plan.not_run["01_make"] == "left out: nobody to compare with"
    assert plan.not_run["02_use"] == "needs linkage_excluded"
    assert plan.selected == ("03_other",)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{01_mkae: why}", "leaves out '01_mkae', which is no step.*01_make"),
        ("{01_make: ''}", "leave_out must map steps to reasons"),
        ("[01_make]", "leave_out must map steps to reasons"),
    ],
)
def test_faulty_leave_out_is_named(project, entry, words):
    text = project.parameters.read_text()
    project.parameters.write_text(text.replace("  demo:\n", f"  demo:\n    leave_out: {entry}\n"))
    with pytest.raises(ProjectError, match=words):
        make_plan(project, "demo")
