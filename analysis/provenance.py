"""What ran: versions, hashes, parameters and seconds of every step, in `run.json`."""

import functools
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from analysis.project import Project, write_text
from analysis.sources import sha256

NUMERICAL = (
    "numpy", "scipy", "pandas", "pyarrow", "openpyxl", "pandera", "geopandas", "shapely", "pyproj",
    "linearmodels", "matplotlib", "seaborn", "fonttools", "jinja2", "ipython", "lxml",
    "networkx", "scikit-learn", "diff-diff", "libpysal", "duckdb", "ibis-framework",
)  # fmt: skip


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions on which numbers and pictures depend."""
    found = {name: importlib.metadata.version(name) for name in NUMERICAL}
    major, minor, _ = platform.python_version_tuple()
    return {"python": f"{major}.{minor}", **found}


def write_record(
    project: Project,
    profile: str,
    step: str,
    *,
    parameters: dict[str, Any],
    inputs: dict[str, Path],
    outputs: list[Path],
    seconds: float,
) -> None:
    """Record one run of a step: its parameters, hashes of inputs and outputs, seconds.

    `inputs` are keyed by the names under which they are recorded.
    """
    record = {
        "step": step,
        "parameters": parameters,
        "inputs": {name: sha256(path) for name, path in inputs.items()},
        "outputs": {project.shown(path): sha256(path) for path in outputs},
        "versions": versions(),
        "seconds": round(seconds, 2),
    }
    path = project.record(profile, step)
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def write_run(
    project: Project,
    profile: str,
    steps: list[str],
    states: dict[str, str],
    not_run: dict[str, str],
) -> Path:
    """Gather the records of a profile's steps in `run.json`; return its path.

    Parameters
    ----------
    steps : list of str
        Steps that the profile can run; each has the record of its last successful run.
    states : dict of {step: state}
        What became of the steps of this run.
    not_run : dict of {step: reason}
    """
    entries = []
    for step in steps:
        path = project.record(profile, step)
        record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"step": step}
        entries.append({**record, "state": states.get(step, "not in this run")})
    content = {"profile": profile, "steps": entries, "not_run": not_run}
    target = project.build(profile) / "run.json"
    write_text(target, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return target
