"""Simulate a household survey: a stratified two-stage sample of the simulated population.

Villages are drawn with unequal probabilities within strata of province and urban or rural, then
households within villages; the same ones are asked in each year. DuckDB draws and writes, out of
core, from a few thousand to a hundred million rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.households.household_truth import HouseholdTruth
from analysis.households.simulated_answers import answers_sql, uniforms
from analysis.households.simulated_population import Survey, build_population
from analysis.project import atomic_file

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PART_ROWS = 2_000_000


def draw_villages(connection: DuckDBPyConnection, truth: HouseholdTruth, survey: Survey) -> None:
    r"""Create the table `drawn`: villages of the sample and the weights of their households.

    Systematic sampling in random order with probability ``n_h listed_j / listed_h`` within the
    stratum (Madow 1949), then `take` of the households by systematic sampling; the weight is
    ``listed_h / (n_h listed_j) * households_j / take``, rounded to six decimals.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With the table of `build_population`.
    truth : HouseholdTruth
    survey : Survey
    """
    allotted = allot_villages(
        connection.sql(
            "SELECT stratum, any_value(urban) AS urban, sum(listed)::BIGINT AS listed, "
            "max(listed)::BIGINT AS largest FROM villages GROUP BY stratum ORDER BY stratum"
        ).df(),
        villages=round(survey.rows / (truth.take * len(survey.years))),
        power=truth.allocation_power,
        urban=truth.urban_oversampling,
    )
    connection.register("allotted", allotted)
    connection.execute(_drawn_sql(truth, survey))
    connection.unregister("allotted")


def allot_villages(
    strata: pd.DataFrame, *, villages: int, power: float, urban: float
) -> pd.DataFrame:
    """Allot villages to strata, by largest remainder, at least two each.

    Parameters
    ----------
    strata : DataFrame
        One row per stratum: stratum, urban (0 or 1), listed, largest (households of the stratum
        and of its largest village).
    villages : int
        To be drawn in all.
    power : float
        0: the same in each stratum; 1: in proportion to households.
    urban : float
        Times the share of urban strata.

    Returns
    -------
    DataFrame
        With the column `drawn`, at most listed / largest: no village is drawn twice.
    """
    share = strata["listed"] ** power * np.where(strata["urban"] == 1, urban, 1.0)
    wanted = (villages - 2 * len(strata)) * share / share.sum()
    drawn = np.floor(wanted).astype(int)
    rest = max(villages - 2 * len(strata) - int(drawn.sum()), 0)
    first = (drawn - wanted).sort_values(kind="stable").index[:rest]
    drawn.loc[first] += 1
    most = (strata["listed"] // strata["largest"]).astype(int)
    return strata.assign(drawn=np.minimum(drawn.clip(lower=0) + 2, most))


def sample_sql(truth: HouseholdTruth, survey: Survey, *, villages: str = "drawn") -> str:
    """Return the query for the rows of the sample.

    Parameters
    ----------
    truth : HouseholdTruth
    survey : Survey
    villages : str
        Relation like the table `drawn`.

    Returns
    -------
    str
        One row per household and year: code, year, stratum, village, household, urban, weight,
        persons, income (yuan per person), migrant_worker, schooling_years (of the best schooled
        adult), water_source, the deprivations that are not in `ANSWERS`, poor_next_year (income
        of the next year below the poverty line).
    """
    take = int(truth.take)
    picked = (
        f"SELECT v.*, floor((k + v.start) * households / {take})::BIGINT AS house "
        f"FROM {villages} v, range({take}) r(k)"
    )
    return answers_sql(picked, truth, seed=survey.seed, years=survey.years)


def write_households(
    folder: Path,
    counties: Sequence[str],
    truth: HouseholdTruth,
    survey: Survey,
    *,
    threads: int = 2,
    memory: str = "2GB",
) -> list[Path]:
    """Write the sample as parquet files, straight from DuckDB.

    Parameters
    ----------
    folder : Path
        Is made; gets `part-00000.parquet` and so on, of about two million rows each.
    counties, truth, survey
        As `build_population`.
    threads : int
        Any number gives the same rows in the same order.
    memory : str
        What DuckDB may use; beyond it spills to `folder`.

    Returns
    -------
    list of Path
        Sorted by code, village, household and year, over all files.
    """
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    options: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads, "memory_limit": memory, "temp_directory": str(folder / ".spill"),
    }  # fmt: skip
    with duckdb.connect(config=options) as connection:
        build_population(connection, counties, truth, survey)
        draw_villages(connection, truth, survey)
        villages = int(connection.sql("SELECT count(*) FROM drawn").fetchall()[0][0])
        step = max(PART_ROWS // (int(truth.take) * len(survey.years)), 1)
        return [
            _write_part(connection, folder / f"part-{part:05d}.parquet", truth, survey, first, step)
            for part, first in enumerate(range(0, villages, step))
        ]


def _write_part(
    connection: DuckDBPyConnection,
    path: Path,
    truth: HouseholdTruth,
    survey: Survey,
    first: int,
    count: int,
) -> Path:
    chosen = f"(SELECT * FROM drawn WHERE place >= {first} AND place < {first + count})"
    rows = f"{sample_sql(truth, survey, villages=chosen)} ORDER BY village, household, year"
    with atomic_file(path) as temporary:
        connection.execute(
            f"COPY ({rows}) TO '{str(temporary).replace(chr(39), chr(39) * 2)}' "
            "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880, "
            "KV_METADATA {simulated: 'true'})"
        )
    return path


def _drawn_sql(truth: HouseholdTruth, survey: Survey) -> str:
    key = f"'{survey.seed}|{survey.draw}|"
    return f"""
CREATE OR REPLACE TABLE drawn AS
WITH lottery AS (SELECT village, {uniforms(f"{key}village|' || village", ["start", "turn", "tie"])}
                 FROM villages),
origin AS (SELECT stratum, listed / drawn AS step, {uniforms(f"{key}stratum|' || stratum", ["u"])}
           FROM allotted),
line AS (SELECT v.*, start, step, u, sum(v.listed) OVER (
             PARTITION BY stratum ORDER BY turn, tie, village ROWS UNBOUNDED PRECEDING) AS top
         FROM villages v JOIN lottery USING (village) JOIN origin USING (stratum)),
hit AS (SELECT * FROM line WHERE ceil(top / step - u) > ceil((top - listed) / step - u))
SELECT village, code, stratum, urban, households, listed, disadvantage, start,
       round(step / listed * households / {int(truth.take)}, 6) AS weight,
       row_number() OVER (ORDER BY village) - 1 AS place
FROM hit ORDER BY village"""
