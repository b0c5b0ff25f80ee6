"""Monte Carlo study of the estimators: many simulated panels, in parallel, resumable.

Replications are computed in chunks by several processes with one thread each, and each chunk is a
file. A study that was interrupted, or that is asked for more replications, computes what is
missing; the numbers do not depend on the number of processes. Chunks live in a folder named after
the code, the data and the scenario that made them, so that none outlives a change.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from analysis.models.montecarlo_replications import (
    KEYS,
    SCENARIOS,
    SPACE,
    Scenario,
    World,
    load_world,
    replicate,
    replication_seed,
)
from analysis.models.montecarlo_theory import expectation
from analysis.notebook import module_closure
from analysis.panel_input import raise_violations
from analysis.project import sweep_temporaries
from analysis.sources import sha256
from analysis.storage import read_table, write_table

SEED = 832
CHUNK = 10
"""Replications in a file: half a minute of work at most is lost by an interruption."""
SOURCES = ("boundaries/counties.parquet", "facts/poverty_counties_832.csv", "simulation/truth.yml")
LIBRARIES = ("diff-diff", "geopandas", "libpysal", "numpy", "pandas", "scipy", "shapely")
SUMMARY = (
    "scenario", "gamma", "sigma_p", *KEYS, "truth", "mean", "bias", "bias_mc_error", "sd",
    "mean_se", "coverage", "coverage_mc_error", "replications", "failures", "expected", "reason_en",
    "reason_zh",
)  # fmt: skip


class Chunk(NamedTuple):
    """Replications of one scenario that are computed together, and the file that keeps them."""

    scenario: Scenario
    first: int
    stop: int
    path: Path


@dataclass(frozen=True)
class MonteCarlo:
    """Estimates of a study.

    Attributes
    ----------
    estimates : DataFrame
        scenario, replication, then the columns of `montecarlo_replications.replicate`; in the order
        of the scenarios and replications.
    minutes : float
        Processor time of all replications, earlier runs of a resumed study included.
    """

    estimates: pd.DataFrame
    minutes: float


def run_montecarlo(
    raw: Path,
    folder: Path,
    *,
    replications: int = 1000,
    workers: int = 2,
    scenarios: Sequence[Scenario] = SCENARIOS,
    seed: int = SEED,
    chunk: int = CHUNK,
    tell: Callable[[str], None] = lambda line: None,
) -> MonteCarlo:
    """Repeat the scenarios, or what is missing of them, and return all estimates.

    Parameters
    ----------
    raw : Path
        Folder of the raw sources.
    folder : Path
        Where chunks are kept; those of other code, data or scenarios are not touched.
    replications : int
        Of each scenario.
    workers : int
        Processes. Any number gives the same estimates.
    scenarios : sequence of Scenario
        What to simulate.
    seed : int
        Of the study.
    chunk : int
        Replications in a file; another number gives the same estimates, but starts afresh.
    tell : callable
        Is told of the progress, one line after each chunk.

    Returns
    -------
    MonteCarlo

    Raises
    ------
    ValueError
        A number is not positive, or two scenarios share a name.
    """
    _check({"replications": replications, "workers": workers, "chunk": chunk}, scenarios)
    sweep_temporaries(folder)
    chunks = list(_chunks(raw, folder, range(0, replications, chunk), scenarios, seed))
    missing = [chunk for chunk in chunks if not chunk.path.is_file()]
    if missing:
        world = load_world(raw, space=any(chunk.scenario.study == SPACE for chunk in missing))
        tell(f"{len(chunks) - len(missing)} of {len(chunks)} chunks are there")
        _compute(world, missing, workers, seed, tell)
    return _gather(chunks, scenarios)


def summarise(estimates: pd.DataFrame) -> pd.DataFrame:
    """Summarise the estimates of each estimator over the replications.

    Parameters
    ----------
    estimates : DataFrame
        `MonteCarlo.estimates`.

    Returns
    -------
    DataFrame
        One row per scenario, design, estimator, cluster level and term, columns `SUMMARY`: mean,
        bias (mean less truth) and its Monte Carlo error (sd over the root of the replications),
        standard deviation, mean standard error, coverage (share of the intervals that hold the
        truth) with its Monte Carlo error, the root of c (1 - c) / R. Replications without a finite
        estimate and error are counted in `failures` and left out of the rest. `expected` is what
        theory says, "covers" or "fails", with the reason.
    """
    groups = estimates.groupby(["scenario", "gamma", "sigma_p", *KEYS], sort=False, dropna=False)
    table = pd.DataFrame([
        dict(zip(groups.keys, key, strict=True)) | _moments(rows) for key, rows in groups
    ])  # fmt: skip
    theory = [expectation(row) for _, row in table.iterrows()]
    names = ["expected", "reason_en", "reason_zh"]
    table = table.join(pd.DataFrame(theory, columns=names, index=table.index))
    return table[list(SUMMARY)]


def _check(numbers: Mapping[str, int], scenarios: Sequence[Scenario]) -> None:
    found = [f"{name} is {n}: use at least 1" for name, n in numbers.items() if n < 1]
    names = [scenario.name for scenario in scenarios]
    found += [f"scenario '{n}' stands twice: rename one" for n in names if names.count(n) > 1]
    found += [] if names else ["no scenario: name at least one"]
    raise_violations("the Monte Carlo study", found)


def _chunks(
    raw: Path, folder: Path, firsts: range, scenarios: Sequence[Scenario], seed: int
) -> Iterator[Chunk]:
    """Yield all chunks, in turn through the scenarios: an early stop leaves all of them begun."""
    package = Path(__file__).resolve().parent
    modules = module_closure(package, frozenset({"montecarlo_replications"}))
    data = [sha256(raw / name) for name in SOURCES]
    packages = {name: importlib.metadata.version(name) for name in LIBRARIES}
    for first in firsts:
        stop = min(first + firsts.step, firsts.stop)
        for scenario in scenarios:
            made_by = repr((tuple(scenario), seed, modules, data, packages))
            digest = hashlib.sha256(made_by.encode()).hexdigest()[:16]
            yield Chunk(scenario, first, stop, folder / digest / f"{first:05d}-{stop:05d}.parquet")


def _compute(
    world: World,
    chunks: Sequence[Chunk],
    workers: int,
    seed: int,
    tell: Callable[[str], None],
) -> None:
    """Compute chunks in processes of their own; what is done is kept if one of them fails."""
    start = time.monotonic()
    with ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_use_one_thread
    ) as pool:
        futures = [pool.submit(_compute_chunk, world, chunk, seed) for chunk in chunks]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                elapsed = (time.monotonic() - start) / 60
                left = elapsed / done * (len(chunks) - done)
                tell(f"{done} of {len(chunks)} chunks in {elapsed:.1f} min, {left:.1f} min to go")
        finally:
            pool.shutdown(cancel_futures=True)


def _use_one_thread() -> None:
    """Keep a process to one core: several would slow each other down, and add in another order."""
    for library in ("OMP", "OPENBLAS", "MKL", "RAYON"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    threadpool_limits(1)


def _compute_chunk(world: World, chunk: Chunk, seed: int) -> None:
    scenario = chunk.scenario
    tables = []
    for number in range(chunk.first, chunk.stop):
        start = time.process_time()
        table = replicate(world, scenario, seed=replication_seed(seed, number))
        table.insert(0, "scenario", scenario.name)
        table.insert(1, "replication", number)
        tables.append(table.assign(seconds=time.process_time() - start))
    table = pd.concat(tables, ignore_index=True)
    write_table(chunk.path, table, simulated=True, step="montecarlo", profile=scenario.name)


def _gather(chunks: Sequence[Chunk], scenarios: Sequence[Scenario]) -> MonteCarlo:
    """Read chunks scenario by scenario; `chunks` ascend within each."""
    tables = [
        read_table(chunk.path) for name in scenarios for chunk in chunks if chunk.scenario == name
    ]
    table = pd.concat(tables, ignore_index=True)
    seconds = table.drop_duplicates(["scenario", "replication"])["seconds"].sum()
    return MonteCarlo(table.drop(columns="seconds"), float(seconds / 60))


def _moments(rows: pd.DataFrame) -> dict[str, float]:
    """Return the summary of one estimator."""
    known = rows[np.isfinite(rows[["value", "se", "ci_low", "ci_high"]]).all(axis=1)]
    held = known["truth"].between(known["ci_low"], known["ci_high"]).mean()
    count, sd = len(known), known["value"].std()
    return {
        "truth": rows["truth"].mean(),
        "mean": known["value"].mean(),
        "bias": (known["value"] - known["truth"]).mean(),
        "bias_mc_error": sd / np.sqrt(count) if count else np.nan,
        "sd": sd,
        "mean_se": known["se"].mean(),
        "coverage": held,
        "coverage_mc_error": np.sqrt(held * (1 - held) / count) if count else np.nan,
        "replications": len(rows),
        "failures": len(rows) - count,
    }
