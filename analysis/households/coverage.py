"""Repeated samples of the simulated population: 95 % intervals should hold the truth in 95 %.

The same samples are measured three times: with the design, with the weights alone, and as if they
were simple random samples. The numbers do not depend on the number of processes.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.households.config import HouseholdConfig, read_config
from analysis.households.household_truth import (
    YEARS,
    HouseholdTruth,
    load_household_truth,
)
from analysis.households.measures import measure
from analysis.households.simulate_households import draw_villages, sample_sql
from analysis.households.simulated_population import (
    Survey,
    build_population,
    population_cells,
    true_gini,
    true_measures,
)
from analysis.panel_input import raise_violations
from analysis.poverty_list import load_list

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SOURCE = "households/simulated"
SEED = 832
HOUSEHOLDS = 7_200
CHUNK = 10
BAND = (0.93, 0.97)
"""Coverage that is accepted; 500 samples have a Monte Carlo error of one percentage point."""
MEASURES = ("H", "A", "M0", "FGT0", "mean_income", "gini")
GROUPS: tuple[tuple[str, ...], ...] = ((), ("urban",))
METHODS = ("design", "weights", "unweighted")
EVERYBODY = "everybody"
KEYS = ["measure", "group", "method"]
SUMMARY = (
    *KEYS, "truth", "mean", "bias", "bias_mc_error", "sd", "mean_se", "coverage",
    "coverage_mc_error", "households", "replications", "failures",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What all samples share.

    Attributes
    ----------
    counties : tuple of str
        Codes.
    truth : HouseholdTruth
    config : HouseholdConfig
    survey : Survey
        Of one year; its draw is replaced by the number of the replication.
    """

    counties: tuple[str, ...]
    truth: HouseholdTruth
    config: HouseholdConfig
    survey: Survey


def load_world(raw: Path, *, seed: int = SEED, households: int = HOUSEHOLDS) -> World:
    """Read what the study needs.

    Parameters
    ----------
    raw : Path
        Folder of the raw sources.
    seed : int
        Of the population.
    households : int
        In each sample, about.

    Raises
    ------
    ValueError
        A file of the source is wrong, or a number out of range.
    """
    config = read_config(raw / SOURCE / "households.yml")
    return World(
        tuple(load_list(raw / "facts")["code"]),
        load_household_truth(raw / SOURCE),
        replace(config, groups=GROUPS, measures=MEASURES),
        Survey(rows=households, seed=seed, years=YEARS[:1]),
    )


def method_configs(config: HouseholdConfig) -> Mapping[str, HouseholdConfig]:
    """Return the configuration of each method.

    Returns
    -------
    mapping
        `design`, as given; `weights`, where households count as drawn independently with the right
        weights; `unweighted`, where they count as a simple random sample (of households: their
        persons still count).
    """
    loose = replace(config, stratum=(), psu=())
    bare = {concept: name for concept, name in config.columns.items() if concept != "weight"}
    return {"design": config, "weights": loose, "unweighted": replace(loose, columns=bare)}


def coverage_study(
    world: World,
    *,
    replications: int = 500,
    workers: int = 2,
    tell: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Draw samples, measure each by every method, and hold the intervals against the truth.

    Parameters
    ----------
    world : World
        From `load_world`.
    replications : int
        Sample r is draw r of the survey.
    workers : int
        Processes. Any number gives the same table.
    tell : callable
        Is told of the progress.

    Returns
    -------
    DataFrame
        As `summarise`.

    Raises
    ------
    ValueError
        A number is not positive.
    """
    numbers = {"replications": replications, "workers": workers}
    found = [f"{name} is {n}: use at least 1" for name, n in numbers.items() if n < 1]
    raise_violations("the coverage study", found)
    tell("adding up the population")
    truth = population_truth(world)
    draws = [range(at, min(at + CHUNK, replications)) for at in range(0, replications, CHUNK)]
    tables: dict[int, pd.DataFrame] = {}
    with ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_use_one_thread
    ) as pool:
        futures = {pool.submit(replicate, world, chunk): chunk.start for chunk in draws}
        for future in as_completed(futures):
            tables[futures[future]] = future.result()
            tell(f"{len(tables)} of {len(draws)} chunks")
    return summarise(pd.concat([tables[start] for start in sorted(tables)]), truth)


def population_truth(world: World) -> pd.DataFrame:
    """Return measure, group (everybody, 0 rural, 1 urban) and truth of the whole population."""
    with _population(world, threads=os.cpu_count() or 1) as connection:
        cells = population_cells(connection, world.truth, world.survey)
        ginis = _true_ginis(connection, world)
    table = true_measures(cells, GROUPS)
    group = table["urban"].map({0: "0", 1: "1"}).fillna(EVERYBODY)
    kept = table.assign(group=group)[table["measure"].isin(MEASURES)]
    return pd.concat([kept[["measure", "group", "truth"]], ginis], ignore_index=True)


def replicate(world: World, draws: Sequence[int]) -> pd.DataFrame:
    """Measure some samples by every method.

    Parameters
    ----------
    world : World
    draws : sequence of int
        Numbers of the samples.

    Returns
    -------
    DataFrame
        replication, measure, group, method, value, se, ci_low, ci_high, n.
    """
    import ibis

    tables = []
    configs = method_configs(world.config)
    with _population(world, threads=1) as connection:
        database = ibis.duckdb.from_connection(connection)
        for draw in draws:
            survey = replace(world.survey, draw=draw)
            draw_villages(connection, world.truth, survey)
            rows = sample_sql(world.truth, survey)
            connection.execute(f"CREATE OR REPLACE TABLE survey AS {rows}")
            table = database.table("survey")
            for method, config in configs.items():
                found = _tidy(measure(table, config))
                tables.append(found.assign(replication=draw, method=method))
    return pd.concat(tables, ignore_index=True)


def summarise(estimates: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Summarise the estimates of each measure, group and method over the samples.

    Parameters
    ----------
    estimates : DataFrame
        From `replicate`.
    truth : DataFrame
        From `population_truth`.

    Returns
    -------
    DataFrame
        Columns `SUMMARY`: mean, bias (mean less truth) and its Monte Carlo error, standard
        deviation over samples, mean standard error, coverage with its Monte Carlo error, mean
        number of households. Samples without a finite interval are counted in `failures` and left
        out.
    """
    joined = estimates.merge(truth, on=["measure", "group"], validate="m:1")
    rows = [
        dict(zip(KEYS, key, strict=True)) | _moments(part)
        for key, part in joined.groupby(KEYS, sort=False)
    ]
    return pd.DataFrame(rows, columns=list(SUMMARY))


def _moments(rows: pd.DataFrame) -> dict[str, Any]:
    known = rows[np.isfinite(rows[["value", "se", "ci_low", "ci_high"]]).all(axis=1)]
    held = known["truth"].between(known["ci_low"], known["ci_high"]).mean()
    count, sd = len(known), known["value"].std()
    return {
        "truth": rows["truth"].iloc[0],
        "mean": known["value"].mean(),
        "bias": (known["value"] - known["truth"]).mean(),
        "bias_mc_error": sd / np.sqrt(count) if count else np.nan,
        "sd": sd,
        "mean_se": known["se"].mean(),
        "coverage": held,
        "coverage_mc_error": np.sqrt(held * (1 - held) / count) if count else np.nan,
        "households": rows["n"].mean(),
        "replications": len(rows),
        "failures": len(rows) - count,
    }


def _population(world: World, *, threads: int) -> DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    build_population(connection, world.counties, world.truth, world.survey)
    return connection


def _true_ginis(connection: DuckDBPyConnection, world: World) -> pd.DataFrame:
    year = world.survey.years[0]
    values = {EVERYBODY: true_gini(connection, world.truth, world.survey)[year]}
    for urban in (0, 1):
        part = true_gini(connection, world.truth, world.survey, where=f"urban = {urban}")
        values[str(urban)] = part[year]
    return pd.DataFrame({"measure": "gini", "group": list(values), "truth": list(values.values())})


def _tidy(found: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `measure` with one column for the group."""
    urban = found["urban"].map({0: "0", 1: "1"}).fillna(EVERYBODY)
    kept = ["measure", "value", "se", "ci_low", "ci_high", "n"]
    return found[kept].assign(group=urban)


def _use_one_thread() -> None:
    """Keep a process to one core: several would slow each other down."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
