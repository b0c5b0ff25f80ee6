"""Fixtures: source folders with the real files, and the folder of oracle data.

A test that needs a fetched file looks for it in `data/raw/<source>/`, then in the folder of the
environment variable COMPENDIUM_MIRROR, and is skipped with a reason where neither has it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from analysis.census import CensusReading, read_census

RAW = Path(__file__).resolve().parents[1] / "data" / "raw"


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`raw(source)`: a folder with links to all files of a source, fetched ones included."""
    folders: dict[str, Path] = {}

    def folder(source: str) -> Path:
        if source not in folders:
            folders[source] = _linked(source, tmp_path_factory.mktemp("raw") / source)
        return folders[source]

    return folder


@pytest.fixture(scope="session")
def real_census(raw: Callable[[str], Path]) -> dict[int, CensusReading]:
    """The two real censuses, read once for all tests."""
    return {year: read_census(raw(f"census_county_{year}"), year) for year in (2010, 2020)}


@pytest.fixture(scope="session")
def oracle() -> Callable[[str], Path]:
    """`oracle(name)`: an oracle data file in the folder that ORACLE_DATA names."""

    def path(name: str) -> Path:
        folder = os.environ.get("ORACLE_DATA")
        if not folder:
            pytest.skip(f"{name}: ORACLE_DATA names no folder with oracle data")
        found = Path(folder) / name
        if not found.exists():
            pytest.skip(f"{name}: not in the folder of ORACLE_DATA")
        return found

    return path


def _linked(source: str, target: Path) -> Path:
    card = yaml.safe_load((RAW / source / "source.yml").read_text(encoding="utf-8"))
    mirror = os.environ.get("COMPENDIUM_MIRROR")
    places = [RAW / source, *([Path(mirror)] if mirror else [])]
    target.mkdir(parents=True)
    listed = card["files"] if isinstance(card["files"], list) else []
    for name in (file["name"] for file in listed):
        found = next((place / name for place in places if (place / name).exists()), None)
        if found is None:
            pytest.skip(f"{name}: neither in data/raw/{source} nor in COMPENDIUM_MIRROR")
        (target / name).symlink_to(found.resolve())
    for extra in (RAW / source).iterdir():
        if not (target / extra.name).exists():
            (target / extra.name).symlink_to(extra)
    return target
