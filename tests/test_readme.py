import re
import shlex
from pathlib import Path

import pytest

from analysis.cli import app
from analysis.project import Project, ProjectError
from analysis.readme import fill

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_generated_parts_are_up_to_date():
    assert fill(TEXT, Project(ROOT)) == TEXT
    assert TEXT.count("<!-- claim ") >= 4


def test_unknown_claim_stops_the_build():
    with pytest.raises(ProjectError, match="unknown claim no.such of profile census"):
        fill("<!-- claim census no.such .1f --><!-- /claim -->", Project(ROOT))


def test_every_link_and_picture_leads_somewhere():
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_verb_that_the_readme_shows_exists():
    makefile = (ROOT / "Makefile").read_text()
    verbs = {line.split()[1] for line in TEXT.splitlines() if re.match(r"make [a-z]", line)}
    assert {"reproduce", "test", "lab"} <= verbs
    assert [verb for verb in verbs if not re.search(rf"^{verb}:", makefile, flags=re.M)] == []
    known = {command.name for command in app.registered_commands} | {"interviews"}
    commands = TEXT.replace("\\\n", " ").splitlines()
    shown = [
        shlex.split(line)[3]
        for line in commands
        if line.startswith(".venv/bin/python -m analysis ")
    ]
    assert set(shown) <= known
    assert shown
