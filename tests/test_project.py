"""Writing files: all of it or nothing, whatever goes wrong."""

import os
import resource
import subprocess
import sys

import pytest

from analysis.project import ProjectError, atomic_file, sweep_temporaries, write_text

NO_PROCESS = 999_999_999


def test_file_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "a" / "t.txt"
    write_text(target, "old")

    def write_half():
        with atomic_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["t.txt"]


def test_full_disk_leaves_the_earlier_file(tmp_path):
    target = tmp_path / "t.txt"
    write_text(target, "old")
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from analysis.project import ProjectError, write_text\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_text(Path(sys.argv[1]), 'x' * 5000)\n"
        "except ProjectError as error: print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True
    )
    assert f"cannot write {target}: File too large" in result.stdout
    assert "The earlier file, if any, is untouched" in result.stdout
    assert target.read_text() == "old"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_unwritable_folder_is_one_readable_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="cannot write .*mend the permissions"):
        write_text(tmp_path / "file" / "t.txt", "x")


def test_leftovers_of_killed_runs_are_swept(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f".t.txt.{NO_PROCESS}.part").write_text("half")
    (tmp_path / "deep" / f".u.txt.{os.getpid()}.part").write_text("still being written")
    (tmp_path / "deep" / "t.txt").write_text("whole")
    assert sweep_temporaries(tmp_path) == 1
    left = sorted(p.name for p in (tmp_path / "deep").iterdir())
    assert left == [f".u.txt.{os.getpid()}.part", "t.txt"]
