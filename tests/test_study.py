"""A study folder from its files to the tables: fail closed, purge, nothing original left."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.confidentiality.pseudonyms import KEY_VARIABLE, ConfidentialityError
from analysis.interviews import study
from analysis.interviews.corpus import CorpusError
from analysis.interviews.importing import import_interviews

ROOT = Path(__file__).resolve().parents[1]
SIMULATED = ROOT / "data" / "raw" / "interviews" / "simulated"
KEY = "a key for tests only, 0123456789"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The simulated study as if it were a real one: its card does not say simulated."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    folder = tmp_path / "data" / "raw" / "interviews" / "own"
    shutil.copytree(SIMULATED, folder, ignore=shutil.ignore_patterns("truth", ".review"))
    (folder / "review.csv").unlink()
    card = (folder / "source.yml").read_text(encoding="utf-8")
    (folder / "source.yml").write_text(card.replace("simulated: true\n", ""), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def originals():
    """Every planted item of personal data, as it stands in the files."""
    planted = pd.read_csv(SIMULATED / "truth" / "planted.csv")
    documents = import_interviews(SIMULATED).documents.set_index("source_file")["text"]
    places = zip(planted["file"], planted["start"], planted["end"], strict=True)
    items = {documents[file][start:end] for file, start, end in places}
    return {item for item in items if len(item) > 3 or not item.isascii()}


def approve_all(folder):
    study.review_study(folder)
    return study.approve_study(folder, [], "A reviewer")


def test_nothing_passes_before_it_is_reviewed(own):
    with pytest.raises(ConfidentialityError, match=r"48 document\(s\): not reviewed"):
        study.admit_study(own, study.read_study(own).masked)


def test_without_a_key_it_stops(own, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(ConfidentialityError, match="is not set"):
        study.read_study(own)


def test_another_key_gives_other_pseudonyms_and_needs_another_review(own, monkeypatch):
    approve_all(own)
    monkeypatch.setenv(KEY_VARIABLE, KEY[::-1])
    with pytest.raises(ConfidentialityError, match="changed since its review"):
        study.admit_study(own, study.read_study(own).masked)


def test_unread_text_cannot_be_approved(own):
    with pytest.raises(ConfidentialityError):
        study.approve_study(own, ["B1_official"], "A reviewer")


def test_a_withdrawal_takes_everything_of_the_participant(own):
    approve_all(own)
    before = study.admit_study(own, study.read_study(own).masked).corpus
    consent = (own / "consent.csv").read_text(encoding="utf-8")
    (own / "consent.csv").write_text(consent.replace("B1,yes,yes,", "B1,yes,yes,2026-11-01"))
    after = study.admit_study(own, study.read_study(own).masked)
    assert set(after.held["reason"]) == {"consent withdrawn"}
    assert len(after.corpus.documents) == len(before.documents) - 2
    for name in ("documents", "segments", "codings", "attributes", "notes", "links"):
        text = getattr(after.corpus, name).to_csv()
        assert "B1_official" not in text, name
    gone = before.codings[before.codings["doc_id"] == "B1_official"]["coding_id"]
    assert not after.corpus.links["source"].isin(gone).any()


def test_who_must_not_be_quoted_is_not(own):
    approve_all(own)
    corpus = study.admit_study(own, study.read_study(own).masked).corpus
    refused = pd.read_csv(own / "consent.csv").query("quote == 'no'")["participant"]
    interviews = pd.read_csv(own / "interviews.csv")
    silent = set(interviews.loc[interviews["participant"].isin(refused), "doc_id"])
    assert silent
    assert silent.isdisjoint(study.quotable(corpus)["doc_id"])
    assert silent <= set(corpus.segments["doc_id"])


def test_every_planted_item_is_masked_and_nothing_else():
    quality = study.masking_quality(SIMULATED, study.read_study(SIMULATED).masked)
    total = quality.set_index("kind").loc["all"]
    assert total["planted"] > 300
    assert total["recall"] == 100
    assert total["precision"] >= 99


def test_quality_is_unknown_where_nothing_was_planted(own):
    assert study.masking_quality(own, study.read_study(own).masked).empty


def test_answers_become_attributes_of_participants(own):
    attributes = study.read_study(own).masked.corpus.attributes
    assert (attributes["entity_kind"] == "participant").any()
    assert {"years", "age_group"} <= set(attributes["name"])


def test_start_writes_what_is_missing_and_nothing_passes_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    folder = tmp_path / "own"
    (folder / "texts").mkdir(parents=True)
    talk = "访谈者：好吗？\n受访者：好。\n访谈者：嗯。\n受访者：是。\n"
    (folder / "texts" / "talk, one.txt").write_text(talk, encoding="utf-8")
    written = study.start_study(folder)
    assert [p.name for p in written][:3] == ["source.yml", "interviews.csv", "consent.csv"]
    assert study.start_study(folder) == []
    assert pd.read_csv(folder / "interviews.csv")["file"].tolist() == ["texts/talk, one.txt"]
    approve_all(folder)
    with pytest.raises(ConfidentialityError, match="no consent to sharing"):
        study.admit_study(folder, study.read_study(folder).masked)
    consent = (folder / "consent.csv").read_text().replace("no,no", "yes,yes")
    (folder / "consent.csv").write_text(consent)
    assert len(study.admit_study(folder, study.read_study(folder).masked).corpus.documents) == 1


def test_start_without_files_says_what_to_do(tmp_path):
    with pytest.raises(CorpusError, match="put transcripts"):
        study.start_study(tmp_path)


def run(project, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), KEY_VARIABLE: KEY}
    command = [sys.executable, "-m", "analysis", *words]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.fixture
def project(own):
    """A project with the step that imports and the profile `own`."""
    root = own.parents[3]
    (root / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "10_import_interviews.ipynb", root / "notebooks")
    for name in ("cases", "boundaries", "facts"):
        shutil.copytree(ROOT / "data" / "raw" / name, root / "data" / "raw" / name)
    shutil.copy(ROOT / "parameters.yml", root)
    return root


def left_behind(project, originals):
    """Planted items found in anything that a run wrote, in whatever file."""
    folders = [project / name for name in ("data/processed", "figures", "build")]
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
    texts = [
        pd.read_parquet(p).to_csv() if p.suffix == ".parquet" else p.read_text(errors="replace")
        for p in files
    ]
    return {item for item in originals for text in texts if item in text}


def test_nothing_original_leaves_the_study(project, own, originals):
    failed = run(project, "run", "10", "--profile", "own")
    assert failed.returncode == 1
    assert "not reviewed" in failed.stdout, failed.stdout
    approve_all(own)
    done = run(project, "run", "10", "--profile", "own")
    assert done.returncode == 0, done.stdout
    assert (project / "data/processed/own/segments.parquet").is_file()
    assert left_behind(project, originals) == set()
    for output in (failed, done):
        assert not {item for item in originals if item in output.stdout + output.stderr}


def test_a_withdrawal_purges_what_was_written(project, own):
    approve_all(own)
    assert run(project, "run", "10", "--profile", "own").returncode == 0
    consent = (own / "consent.csv").read_text(encoding="utf-8")
    (own / "consent.csv").write_text(consent.replace("S2,yes,yes,", "S2,yes,yes,2026-11-01"))
    assert run(project, "run", "10", "--profile", "own").returncode == 0
    tables = (project / "data/processed/own").glob("*.parquet")
    holding = [p.stem for p in tables if "S2_cooperative_head" in pd.read_parquet(p).to_csv()]
    assert holding == ["held_documents"]
