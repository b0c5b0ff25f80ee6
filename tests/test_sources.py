import hashlib
import socket
from typing import Any

import pytest
import yaml

from analysis.project import Project
from analysis.sources import SourceError, fetch, inventory, known_faults, missing_files, read_card

CONTENT = b"a,b\n1,2\n"
SUM = hashlib.sha256(CONTENT).hexdigest()
CARD: dict[str, Any] = {
    "title": "T", "producer": "P", "citation": "C", "licence": "MIT", "accessed": "2026-01-01",
    "sensitivity": "public", "use": "U", "faults": ["one fault"],
    "files": [
        {"name": "t.csv", "sha256": SUM, "bytes": len(CONTENT), "url": "http://127.0.0.1:9/t.csv"}
    ],
}  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPENDIUM_MIRROR", raising=False)
    (tmp_path / "data" / "raw" / "s").mkdir(parents=True)
    write_card(tmp_path)
    return Project(tmp_path)


def write_card(root, **changes):
    card = {key: value for key, value in {**CARD, **changes}.items() if value is not None}
    (root / "data" / "raw" / "s" / "source.yml").write_text(yaml.safe_dump(card))


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "t.csv").write_bytes(CONTENT)
    monkeypatch.setenv("COMPENDIUM_MIRROR", str(folder))
    return folder


def test_mirror_is_copied_and_verified(project, mirror):
    assert missing_files(project, ("s",)) == ["s/t.csv"]
    assert fetch(project, ("s",)) == [project.source("s") / "t.csv"]
    assert missing_files(project, ("s",)) == []
    assert fetch(project, ("s",)) == []
    files = inventory([read_card(project.source("s"))], project.source)
    assert files[["sha256", "origin", "verified"]].iloc[0].tolist() == [SUM, "fetched", True]


def test_download_is_verified(project, tmp_path):
    import functools
    import http.server
    import threading

    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "t.csv").write_bytes(CONTENT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/t.csv"
    write_card(tmp_path, files=[{**CARD["files"][0], "url": url}])
    assert fetch(project, ("s",)) == [project.source("s") / "t.csv"]
    server.shutdown()


def test_wrong_checksum_shows_both_sums_and_keeps_the_bad_file_aside(project, mirror):
    (mirror / "t.csv").write_bytes(b"other")
    with pytest.raises(
        SourceError, match=f"expected {SUM}, found {hashlib.sha256(b'other').hexdigest()}"
    ):
        fetch(project, ("s",))
    assert (project.source("s") / "t.csv.bad").read_bytes() == b"other"
    assert not (project.source("s") / "t.csv").exists()


def test_altered_file_in_place_is_refused_and_left(project, mirror):
    fetch(project, ("s",))
    (project.source("s") / "t.csv").write_bytes(b"x")
    with pytest.raises(SourceError, match="data/raw/s/t.csv is not the file of the card"):
        fetch(project, ("s",))
    assert (project.source("s") / "t.csv").read_bytes() == b"x"


def test_no_network_and_no_mirror_says_three_ways(project, monkeypatch):
    def offline(*_args, **_kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", offline)
    with pytest.raises(SourceError) as error:
        fetch(project, ("s",))
    message = str(error.value)
    assert "s/t.csv is missing and cannot be downloaded" in message
    assert all(
        way in message for way in ("data/raw/s/", "COMPENDIUM_MIRROR", CARD["files"][0]["url"])
    )
    assert sorted(p.name for p in project.source("s").iterdir()) == ["source.yml"]


def test_missing_repository_file_says_how_to_restore_it(project):
    write_card(project.root, files=[{"name": "t.csv"}])
    with pytest.raises(SourceError, match=r"git checkout data/raw/s"):
        fetch(project, ("s",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"licence": None}, "licence is missing"),
        ({"sensitivity": "secret"}, "public or personal"),
        ({"files": [{"name": "a", "url": "http://x"}]}, "with url sha256 and bytes"),
        ({"files": [{"name": "../a"}]}, "inside the folder"),
        ({"files": [{"name": "/a"}]}, "inside the folder"),
    ],
)
def test_bad_card_is_refused(project, changes, words):
    write_card(project.root, **changes)
    with pytest.raises(SourceError, match=words):
        read_card(project.source("s"))


def test_source_without_card_is_refused(project):
    with pytest.raises(SourceError, match=r"data/raw/none/source.yml is missing"):
        read_card(project.source("none"))


def test_faults_are_listed(project):
    assert known_faults([read_card(project.source("s"))])["fault"].tolist() == ["one fault"]


def test_all_files_of_a_folder(project):
    folder = project.source("s")
    (folder / "deep").mkdir()
    for name in ("b.txt", "deep/a.txt", ".hidden", "deep/.c"):
        (folder / name).write_text(name)
    write_card(project.root, files="all")
    assert [file.name for file in read_card(folder).files] == ["b.txt", "deep/a.txt"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [({}, "王芳.txt"), ({"sensitivity": "personal", "simulated": True}, "王芳.txt")],
)
def test_file_names_of_open_sources_are_listed(project, changes, shown):
    (project.source("s") / "王芳.txt").write_text("x")
    write_card(project.root, files="all", **changes)
    files = inventory([read_card(project.source("s"))], project.source)
    assert files["file"].tolist() == [shown]


def test_file_names_of_persons_are_not_listed(project):
    (project.source("s") / "王芳.txt").write_text("x")
    write_card(project.root, files="all", sensitivity="personal")
    name = inventory([read_card(project.source("s"))], project.source)["file"][0]
    assert "王芳" not in name
    assert name.endswith(".txt")
