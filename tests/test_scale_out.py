"""The steps run on the workers of a Dask cluster as they do in threads, with the same files.

A local cluster stands for one that SLURM or Kubernetes would start: to the engine a cluster is the
current Dask client, whatever is behind it. Notebooks run through papermill, nothing is imitated.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy import MAKE, make_project, write_notebook

from analysis.execution import execute_step
from analysis.pipeline import run, status
from analysis.plan import Plan, make_plan
from analysis.project import Project

distributed = pytest.importorskip(
    "distributed", reason="dask is not installed: pip install 'dask[distributed]'"
)
WORKERS = 2


@pytest.fixture(scope="module")
def client():
    """Give the current client of a local cluster of processes; without a dashboard."""
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def toy_plan(root: Path) -> Plan:
    return make_plan(Project(make_project(root)), "demo")


def execute_quietly() -> Callable[[Plan, str], None]:
    """Return a local function, which travels to a worker by value: workers know no test modules."""

    def execute(plan: Plan, step: str) -> None:
        execute_step(plan, step)

    return execute


def products(plan: Plan) -> dict[str, bytes]:
    """Return the bytes of all tables, executed notebooks and claims, by path in the project."""
    root = plan.project.root
    folders = (plan.project.processed("demo"), plan.project.build("demo") / "notebooks")
    files = [p for folder in folders for p in sorted(folder.rglob("*")) if p.is_file()]
    files.append(plan.project.claims("demo"))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_workers_make_the_same_files_as_threads(tmp_path, client, monkeypatch):
    plan = toy_plan(tmp_path / "dask")
    client.run(os.chdir, str(plan.project.root))
    places = tmp_path / "places"
    places.mkdir()

    def execute(plan: Plan, step: str) -> None:
        execute_step(plan, step)
        (places / step).write_text(str(os.getpid()))

    outcomes = run(plan, execute, workers=WORKERS, backend="dask")
    assert {o.state for o in outcomes} == {"run"}
    used = {int(path.read_text()) for path in places.iterdir()}
    assert len(list(places.iterdir())) == 3
    assert used <= set(client.run(os.getpid).values())
    assert os.getpid() not in used
    assert {o.state for o in status(plan)} == {"fresh"}

    threads = toy_plan(tmp_path / "threads")
    monkeypatch.chdir(threads.project.root)
    run(threads, execute_quietly(), workers=WORKERS)
    assert len(products(plan)) >= 5
    assert products(plan) == products(threads)


def test_a_step_that_fails_on_a_worker_says_why(tmp_path, client):
    root = make_project(tmp_path / "toy")
    broken: list[Any] = [*MAKE[:-1], 'raise ValueError("no such county")']
    write_notebook(root / "notebooks" / "01_make.ipynb", broken)
    plan = make_plan(Project(root), "demo")
    client.run(os.chdir, str(root))
    outcomes = {o.step: o for o in run(plan, execute_quietly(), workers=WORKERS, backend="dask")}
    assert outcomes["01_make"].state == "failed"
    assert "no such county" in outcomes["01_make"].why
    assert outcomes["02_use"].state != "run"
    assert outcomes["03_other"].state == "run"
