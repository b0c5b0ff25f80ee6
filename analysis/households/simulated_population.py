"""Simulated population of the 832 counties: villages, households, and the truth about them.

A finite population is drawn once, whatever is sampled from it afterwards; truth is what all of its
households say, added up here without the estimators that are to recover it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis.households.household_truth import (
    ALL_PARTS,
    ANSWERS,
    CUTOFF_PARTS,
    INCOME_PARTS,
    INDICATORS,
    PARTS,
    YEARS,
    HouseholdTruth,
)
from analysis.households.simulated_answers import answers_sql, normal, uniforms
from analysis.project import bullet_list

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LOW_INCOME = "low_income"
CELL = ("code", "year", "urban")
ROWS = 200_000
SMALLEST, LARGEST = 3_600, 100_000_000
SAMPLED_VILLAGES = 0.125
"""The population has at least eight times the villages that a sample asks for."""
SMALLEST_VILLAGE, LARGEST_VILLAGE = 30, 3.0
"""Households; and times the mean, so that no village is drawn twice."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What is drawn from the population.

    Attributes
    ----------
    rows : int
        Households times years asked for; what comes is a multiple of households per village times
        years, and a little less where an allotment exceeds its stratum.
    seed : int
        Of the population.
    draw : int
        Number of the sample: another one interviews other households of the same population.
    years : tuple of int
        The first one to three of `YEARS`; the same households are asked in each.

    Raises
    ------
    ValueError
        Lists every number that is out of range.
    """

    rows: int = ROWS
    seed: int = 1
    draw: int = 0
    years: tuple[int, ...] = YEARS

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        found = []
        if not SMALLEST <= self.rows <= LARGEST:
            found.append(f"rows is {self.rows:,}: use {SMALLEST:,} to {LARGEST:,}")
        found += [
            f"{name} is {value}: use a whole number from 0"
            for name, value in (("seed", self.seed), ("draw", self.draw))
            if value < 0
        ]
        if not self.years or self.years != YEARS[: len(self.years)]:
            found.append(f"years are {self.years}: use the first one to three of {YEARS}")
        if found:
            raise ValueError(bullet_list("simulated survey:", found))


def build_population(
    connection: DuckDBPyConnection,
    counties: Sequence[str],
    truth: HouseholdTruth,
    survey: Survey,
) -> None:
    """Create the table `villages`, the sampling frame.

    Parameters
    ----------
    connection : DuckDBPyConnection
    counties : sequence of str
        Six-digit codes, each once.
    truth : HouseholdTruth
    survey : Survey
        Its seed fixes the population; a survey of many rows gets a population with more villages.

    Raises
    ------
    ValueError
        A code has not six digits or stands twice.

    Notes
    -----
    Columns: village, code, stratum (province and U or R), urban, households, listed (households
    according to the frame), disadvantage (county and village part, less the urban advantage).
    """
    wrong = sorted({code for code in counties if not (len(code) == 6 and code.isdigit())})
    twice = sorted({code for code in counties if list(counties).count(code) > 1})
    found = [f"code {code!r} has not six digits" for code in wrong]
    found += [f"code {code} stands twice" for code in twice]
    if found:
        raise ValueError(bullet_list("counties of the simulated households:", found))
    county_list = pd.DataFrame({"code": sorted(counties)})
    connection.register("county_list", county_list)
    connection.execute(_villages_sql(truth, survey, len(county_list)))
    connection.unregister("county_list")


def census_sql(truth: HouseholdTruth, survey: Survey) -> str:
    """Return the query for all households of the population, weight 1; columns as `sample_sql`."""
    everyone = "SELECT v.*, 1.0 AS weight, house FROM villages v, range(v.households) r(house)"
    return answers_sql(everyone, truth, seed=survey.seed, years=survey.years)


def population_cells(
    connection: DuckDBPyConnection, truth: HouseholdTruth, survey: Survey
) -> pd.DataFrame:
    """Add up the whole population by county, year, urban and deprivation score.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With the table of `build_population`.
    truth : HouseholdTruth
    survey : Survey
        Its years.

    Returns
    -------
    DataFrame
        code, year, urban, score (weighted deprivations in twenty-fourths), persons, persons
        deprived in each indicator, income (persons times income per person), gap0 to gap2 (persons
        times powers of the relative gap to the poverty line).
    """
    flags = {name: ANSWERS.get(name, f"{name} = 1") for name in INDICATORS}
    flags[LOW_INCOME] = f"income < {truth.poverty_line}"
    parts = {**PARTS, LOW_INCOME: INCOME_PARTS}
    score = " + ".join(f"{parts[name]} * ({rule})::INTEGER" for name, rule in flags.items())
    sums = [f"sum(persons) FILTER ({rule}) AS {name}" for name, rule in flags.items()]
    fen, line = "round(100 * income)::BIGINT", round(100 * truth.poverty_line)
    below = f"FILTER (income < {truth.poverty_line})"
    gap = f"({line} - {fen})::HUGEINT"
    powers = {"gap0": "1", "gap1": gap, "gap2": f"{gap} * {gap}"}
    sums += [f"sum(persons * {power}) {below} AS {name}" for name, power in powers.items()]
    cells = connection.sql(
        f"SELECT code, year, urban, {score} AS score, sum(persons) AS persons, "
        f"sum(persons * {fen}) AS income, {', '.join(sums)} "
        f"FROM ({census_sql(truth, survey)}) GROUP BY ALL ORDER BY ALL"
    ).df()
    numbers = [name for name in cells if name not in (*CELL, "score")]
    scale = {"income": 100.0} | {f"gap{power}": float(line**power) for power in range(3)}
    sizes = {name: cells[name].fillna(0).astype(float) / scale.get(name, 1.0) for name in numbers}
    return cells.assign(**sizes)


def true_measures(
    cells: pd.DataFrame, groups: Iterable[Sequence[str]] = ((),), *, cutoff: int = CUTOFF_PARTS
) -> pd.DataFrame:
    r"""Return the measures of the whole population, persons counting.

    Parameters
    ----------
    cells : DataFrame
        From `population_cells`.
    groups : iterable of sequences of str
        Each is a set of the columns code, year and urban; the empty one is everybody.
    cutoff : int
        Twenty-fourths of the weights from which a household is poor.

    Returns
    -------
    DataFrame
        code, year, urban (missing where not grouped by), measure, item and truth. Measures: H, A,
        M0 (Alkire and Foster 2011), FGT0 to FGT2 (Foster, Greer and Thorbecke 1984), mean_income;
        `uncensored` and `censored` with the indicator as item.
    """
    tables = []
    for group in groups:
        keys = list(group)
        sums = _sums(cells, cutoff).assign(everybody=0)
        total = sums.drop(columns=[c for c in CELL if c not in keys])
        total = total.groupby([*keys, "everybody"], as_index=False).sum()
        wide = total[keys].reindex(columns=list(CELL)).join(_ratios(total))
        tables.append(wide.melt(id_vars=list(CELL), var_name="measure", value_name="truth"))
    table = pd.concat(tables, ignore_index=True)
    named = table["measure"].str.partition(" ")
    table["measure"] = named[0]
    table.insert(len(CELL) + 1, "item", named[2])
    return table


def _sums(cells: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """Return additive parts of the measures, one row per cell."""
    poor = (cells["score"] >= cutoff).astype(float)
    names = [*INDICATORS, LOW_INCOME]
    kept = [*CELL, "persons", "income", "gap0", "gap1", "gap2"]
    return cells[kept].assign(
        poor=poor * cells["persons"],
        missed=poor * cells["persons"] * cells["score"] / ALL_PARTS,
        **{f"uncensored {name}": cells[name] for name in names},
        **{f"censored {name}": poor * cells[name] for name in names},
    )


def _ratios(total: pd.DataFrame) -> pd.DataFrame:
    persons = total["persons"]
    shares = {name: total[name] / persons for name in map(str, total) if "censored" in name}
    return pd.DataFrame(
        {
            "H": total["poor"] / persons,
            "A": total["missed"] / total["poor"],
            "M0": total["missed"] / persons,
            "FGT0": total["gap0"] / persons,
            "FGT1": total["gap1"] / persons,
            "FGT2": total["gap2"] / persons,
            "mean_income": total["income"] / persons,
            **shares,
        }
    )


def true_gini(
    connection: DuckDBPyConnection, truth: HouseholdTruth, survey: Survey, *, where: str = "true"
) -> pd.Series:
    r"""Return the Gini coefficient of income per person in each year of the population.

    ``G = sum w x (2 C - w) / (W sum w x) - 1`` with C the running sum of the weights w (persons)
    in the order of x; ties may stand in any order.

    Parameters
    ----------
    connection, truth, survey
        As `population_cells`.
    where : str
        Condition in SQL for the households that count.

    Returns
    -------
    Series
        By year.
    """
    ranked = (
        "SELECT year, persons, income, sum(persons) OVER (PARTITION BY year ORDER BY income "
        f"ROWS UNBOUNDED PRECEDING) AS below FROM ({census_sql(truth, survey)}) WHERE {where}"
    )
    table = connection.sql(
        "SELECT year, sum(persons * income * (2 * below - persons)) "
        "/ (sum(persons) * sum(persons * income)) - 1 AS gini "
        f"FROM ({ranked}) GROUP BY year ORDER BY year"
    ).df()
    return table.set_index("year")["gini"]


def _villages_sql(truth: HouseholdTruth, survey: Survey, counties: int) -> str:
    asked = survey.rows / (truth.take * len(survey.years) * SAMPLED_VILLAGES * counties)
    mean = max(truth.villages_per_county, asked)
    size, effect = truth.county_size_sd, normal("c1", "c2")
    spread = f"{truth.village_size_sd} * {normal('v1', 'v2', wave='sin')}"
    homes = truth.households_per_village
    county = uniforms(f"'{survey.seed}|county|' || code", ["c1", "c2", "c3", "c4"])
    village = uniforms(
        f"'{survey.seed}|village|' || village", [f"v{number}" for number in range(1, 6)]
    )
    listed = f"households * exp({truth.listing_error_sd} * {normal('v3', 'v4')})"
    return f"""
CREATE OR REPLACE TABLE villages AS
WITH county AS (SELECT code, {county}
                FROM county_list),
sized AS (SELECT code, {truth.county_sd} * {effect} AS county_effect,
                 greatest(4, round({mean} * exp({size} * {normal("c3", "c4")}
                                                - {size**2 / 2})))::BIGINT AS villages FROM county),
village AS (SELECT *, code || '-' || lpad((n + 1)::VARCHAR, 5, '0') AS village
            FROM sized, range(sized.villages) r(n)),
drawn AS (SELECT *, {village}
          FROM village),
placed AS (SELECT *, (v5 < {truth.urban_share})::TINYINT AS urban,
                  {truth.village_sd} * {normal("v1", "v2")} AS village_effect FROM drawn),
counted AS (SELECT *, least({LARGEST_VILLAGE * homes}, greatest({SMALLEST_VILLAGE},
                round({homes} * exp({spread} + {truth.size_gradient} * village_effect))))::BIGINT
                AS households FROM placed)
SELECT village, code, substr(code, 1, 2) || CASE urban WHEN 1 THEN 'U' ELSE 'R' END AS stratum,
       urban, households,
       greatest(10, round({listed}))::BIGINT AS listed,
       county_effect + village_effect - {truth.urban_advantage} * urban AS disadvantage
FROM counted ORDER BY village"""
