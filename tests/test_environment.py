import re
from pathlib import Path

import yaml

from analysis.environment import environment

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()


def test_conda_pins_equal_the_lock():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][-1]["pip"]
    in_lock = set(re.findall(r"^([a-z0-9._-]+==\S+)", LOCK, flags=re.MULTILINE))
    assert {pin.split(" ;")[0] for pin in listed if pin != "-e ."} == in_lock
    assert len(in_lock) > 100


def test_environment_file_is_the_generated_one():
    assert (ROOT / "environment.yml").read_text() == environment(LOCK)


def test_lock_has_hashes_and_no_index_url():
    pins = re.findall(r"^[a-z0-9._-]+==.*$", LOCK, flags=re.MULTILINE)
    assert all(pin.endswith("\\") for pin in pins)
    assert LOCK.count("--hash=sha256:") >= len(pins)
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_every_dependency_says_why():
    text = (ROOT / "pyproject.toml").read_text().partition("[tool.setuptools]")[0]
    lines = re.findall(r'^  "[A-Za-z][^"]+",.*$', text, flags=re.MULTILINE)
    assert len(lines) > 20
    assert [line for line in lines if "# " not in line] == []
