"""Time the pipeline as a user meets it: `make benchmark`.

Copies the repository to a temporary folder and measures there a cold demo run, a run with nothing
changed, a run after one notebook was edited, and a cold census run if its files are at hand; with
the peak memory of the largest process. Prints one line per measurement; asserts nothing.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
EDITED = "40_estimate_panel_models"


def timed(folder: Path, *words: str) -> tuple[float, str]:
    """Run `python -m analysis` in `folder`; return seconds and its output."""
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-m", "analysis", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, result.stdout


def edit(folder: Path) -> None:
    """Add a line of code that changes no output to one notebook."""
    path = folder / "notebooks" / f"{EDITED}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    last = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"][-1]
    last["source"] = [*last["source"], "\nedited = True"]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def main() -> None:
    """Print the measurements."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "compendium"
        ignore = shutil.ignore_patterns(".venv", "build", ".git", ".*_cache")
        shutil.copytree(ROOT, folder, ignore=ignore)
        shutil.rmtree(folder / "data" / "processed", ignore_errors=True)
        rows = [("demo, cold", timed(folder, "run"))]
        rows.append(("demo, nothing changed", timed(folder, "run")))
        edit(folder)
        rows.append((f"demo, {EDITED} edited", timed(folder, "run")))
        if os.environ.get("COMPENDIUM_MIRROR"):
            rows.append(("census, cold", timed(folder, "run", "--profile", "census")))
            rows.append(("census, nothing changed", timed(folder, "run", "--profile", "census")))
    for name, (seconds, output) in rows:
        summary = next(line for line in output.splitlines() if line.startswith("profile"))
        print(f"{name:42} {seconds:7.1f} s   {summary}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{'peak memory of the largest process':42} {peak:7.0f} MB")


if __name__ == "__main__":
    main()
