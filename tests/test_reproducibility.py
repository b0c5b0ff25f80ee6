"""The same bytes in another folder, time zone and locale, and after being killed ten times."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KILLS = 10
LONGEST = 15.0  # seconds before a kill; an undisturbed run takes some hundred


def copy(target: Path) -> Path:
    """Copy what git tracks, as a clone would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


def start(folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "analysis", "run"],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def products(folder: Path) -> dict[str, bytes]:
    roots = ("data/processed/demo", "figures/demo", "build/demo/notebooks")
    files = [path for root in roots for path in (folder / root).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}


@pytest.mark.slow
def test_killed_ten_times_elsewhere_gives_the_bytes_of_an_undisturbed_run(tmp_path):
    calm, troubled = copy(tmp_path / "calm"), copy(tmp_path / "troubled" / "deeper")
    shanghai = {"TZ": "Asia/Shanghai", "LANG": "zh_CN.UTF-8", "PYTHONHASHSEED": "1"}
    new_york = {"TZ": "America/New_York", "LANG": "C", "PYTHONHASHSEED": "2"}
    assert start(calm, **shanghai).wait() == 0
    moments = random.Random(832)
    for kill in range(KILLS):
        process = start(troubled, **new_york)
        time.sleep(moments.uniform(0.5, LONGEST))
        if kill % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
    assert start(troubled, **new_york).wait() == 0
    expected, found = products(calm), products(troubled)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert len(expected) > 80
    assert [name for name in found if name.endswith(".part")] == []
