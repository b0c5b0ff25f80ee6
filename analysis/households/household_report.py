"""A household study from its source folder to the tables of the pipeline.

A source holds either the parameters of a simulated survey (`truth.yml`), which is then drawn, or
files of a user. Either way the microdata stay outside the tables: only measures are saved.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.households.administrative import administrative_units
from analysis.households.backends import connect
from analysis.households.checking import check_reading
from analysis.households.config import HouseholdConfig, read_config
from analysis.households.household_truth import HouseholdTruth, load_household_truth
from analysis.households.measures import measure
from analysis.households.reading import CONFIG, read_households
from analysis.households.simulate_households import write_households
from analysis.households.simulated_population import (
    Survey,
    build_population,
    population_cells,
    true_measures,
)
from analysis.panel_input import raise_violations

TRUTH = "truth.yml"
COUNTY_MEASURES = (
    "H", "A", "M0", "FGT0", "FGT1", "FGT2", "relative", "mean_income", "gini", "theil",
)  # fmt: skip
COUNTY_LINES = (0.4, 0.5, 0.6)
NEEDED = ("code", "year")
NEEDED_MEASURES = ("H", "A", "M0", "uncensored", "censored", "contribution")
COVERED = ("H", "M0", "FGT0")
UNIT_CLASSES = {"1-2": 2, "3-4": 4, "5-9": 9, "10+": 10**9}
"""Largest number of primary units of each class of counties."""
SWEEP = tuple(Fraction(k) for k in ("1/5", "1/4", "1/3", "2/5", "1/2", "3/5", "3/4"))
"""Cut-offs to try where a study names none."""
ESTIMATE = ("value", "se", "ci_low", "ci_high", "n", "n_psu", "deff")
PARTS = 24
"""The weights of the simulated indicators are twenty-fourths, and so are its cut-offs."""


@dataclass(frozen=True)
class HouseholdStudy:
    """Households that can be measured.

    Attributes
    ----------
    config : HouseholdConfig
    table : ibis table
        One row per household and year.
    truth : HouseholdTruth or None
        Of a simulated survey.
    counties : tuple of str
        Counties of the simulated population.
    survey : Survey or None
    scratch : TemporaryDirectory or None
        Where the simulated files lie as long as the study is held.
    """

    config: HouseholdConfig
    table: Any
    truth: HouseholdTruth | None = None
    counties: tuple[str, ...] = ()
    survey: Survey | None = None
    scratch: Any = None

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The whole simulated population, added up once: see `population_cells`."""
        import duckdb

        assert self.truth is not None and self.survey is not None
        with duckdb.connect() as connection:
            build_population(connection, self.counties, self.truth, self.survey)
            return population_cells(connection, self.truth, self.survey)


def open_study(
    folder: Path, counties: Iterable[str], *, rows: int = 200_000, seed: int = 1
) -> HouseholdStudy:
    """Open the households of a source.

    Parameters
    ----------
    folder : Path
        `data/raw/households/<source>`: `households.yml` beside `truth.yml` or beside data files.
    counties : iterable of str
        Codes of the counties to simulate.
    rows, seed : int
        Of the simulated survey, see `simulated_population.Survey`.

    Returns
    -------
    HouseholdStudy

    Raises
    ------
    ValueError
        Lists everything wrong with the configuration or the files.
    """
    config = read_config(folder / CONFIG)
    lacking = [name for name in NEEDED if name not in config.columns]
    found = [f"columns.{name} is not mapped: name its column" for name in lacking]
    if not config.indicators:
        found.append("indicators are needed here: add them, or use the command line")
    else:
        unnamed = [name for name in NEEDED_MEASURES if name not in config.measures]
        found += [f"measures lacks {name}: add it, or leave `measures` out" for name in unnamed]
    raise_violations(f"{folder.name}/{CONFIG}", found)
    if not config.k_sweep:
        sweep = tuple(sorted({config.k, *SWEEP}))
        config = replace(config, k_sweep=sweep, measures=(*config.measures, "k_sweep"))
    if not (folder / TRUTH).is_file():
        return _own_study(folder, config)
    truth, codes = load_household_truth(folder), tuple(sorted(counties))
    scratch = tempfile.TemporaryDirectory(prefix="households-")
    survey = Survey(rows=rows, seed=seed)
    parts = write_households(Path(scratch.name), codes, truth, survey)
    table = connect(config).read_parquet([str(part) for part in parts])
    return HouseholdStudy(config, table, truth, codes, survey, scratch)


def _own_study(folder: Path, config: HouseholdConfig) -> HouseholdStudy:
    reading = read_households(folder, config)
    units = administrative_units(folder.parents[1])
    problems = [str(problem) for problem in check_reading(reading, config, units)]
    raise_violations(f"the files in {folder.name}", problems)
    return HouseholdStudy(config, reading.table)


def measure_groups(study: HouseholdStudy) -> pd.DataFrame:
    """Measure everything for everybody, by year, and by groups of the study that name no county.

    Returns
    -------
    DataFrame
        As `measures.measure`; of a simulated survey with the column truth, the value in the whole
        population (missing for measures whose truth is not computed).
    """
    named = [group for group in study.config.groups if "code" not in group]
    groups = tuple(dict.fromkeys([(), ("year",), *named]))
    result = measure(study.table, replace(study.config, groups=groups))
    if study.truth is None:
        return result
    known = _known(study, [g for g in groups if set(g) <= {"year", "urban"}])
    keys = [c for c in ("year", "urban") if c in result] + ["measure", "item"]
    texts = {key: result[key].astype("str") for key in keys}
    return (
        result.assign(**{f"_{key}": text for key, text in texts.items()})
        .merge(
            known[[*keys, "truth"]].astype(dict.fromkeys(keys, "str")).add_prefix("_"),
            how="left",
            on=[f"_{key}" for key in keys],
            validate="m:1",
        )
        .rename(columns={"_truth": "truth"})
        .drop(columns=[f"_{key}" for key in keys])
    )


def _known(study: HouseholdStudy, groups: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    """Return the measures of the whole population, the sweep over cut-offs included."""
    tables = [true_measures(study.cells, groups)]
    for k in study.config.k_sweep:
        swept = true_measures(study.cells, groups, cutoff=round(k * PARTS))
        swept = swept[swept["measure"].isin(["H", "A", "M0"])]
        tables.append(swept.assign(measure=swept["measure"] + "_sweep", item=str(k)))
    known = pd.concat(tables, ignore_index=True)
    return known.assign(**{c: known[c].astype("Int64") for c in ("year", "urban")})


def measure_counties(study: HouseholdStudy) -> pd.DataFrame:
    """Measure by county and year what a county panel can use, as `measures.measure`.

    Of the relative lines those of `COUNTY_LINES`, which have a column in the panel.
    """
    lines = tuple(line for line in study.config.relative_lines if line in COUNTY_LINES)
    possible = set(study.config.measures) - (set() if lines else {"relative"})
    chosen = tuple(name for name in COUNTY_MEASURES if name in possible)
    config = replace(study.config, groups=(NEEDED,), measures=chosen, relative_lines=lines)
    return measure(study.table, config)


def county_coverage(study: HouseholdStudy, result: pd.DataFrame) -> pd.DataFrame:
    """Count how often intervals by county and year hold the value of the whole population.

    Parameters
    ----------
    study : HouseholdStudy
        Of a simulated survey.
    result : DataFrame
        From `measure_counties`.

    Returns
    -------
    DataFrame
        measure (`COVERED`, as far as measured), n_psu (class of primary units of the county in the
        year, `all` last), estimates, without (estimates without an interval, as one of exactly 0),
        coverage (share of the intervals that hold the truth, missing where there are none).

    Raises
    ------
    ValueError
        The study is not simulated: its truth is not known.
    """
    if study.truth is None:
        raise ValueError("coverage by county: the truth is known of simulated surveys alone")
    known = true_measures(study.cells, [NEEDED])
    keys = [*NEEDED, "measure"]
    rows = result[by_county_year(result) & result["measure"].isin(COVERED)]
    rows = rows[rows["value"].notna()].merge(
        known.loc[known["item"] == "", [*keys, "truth"]].astype({"year": "int64"}),
        on=keys, validate="1:1",
    )  # fmt: skip
    given = rows["ci_low"].notna()
    bounds = [0, *UNIT_CLASSES.values()]
    units = pd.cut(rows["n_psu"].astype(float), bounds, labels=list(UNIT_CLASSES)).astype("str")
    within = (rows["ci_low"] <= rows["truth"]) & (rows["truth"] <= rows["ci_high"])
    rows = rows.assign(n_psu=units, held=within.astype(float).where(given), without=~given)
    both = pd.concat([rows, rows.assign(n_psu="all")], ignore_index=True)
    groups = both.groupby(["measure", "n_psu"])
    table = groups.agg(
        estimates=("without", "size"), without=("without", "sum"), coverage=("held", "mean")
    )
    order = [(m, units) for m in COVERED for units in (*UNIT_CLASSES, "all")]
    return table.loc[[key for key in order if key in table.index]].reset_index()


def by_county_year(result: pd.DataFrame) -> pd.Series:
    """Return which rows of a result are measured by county and year, in either order."""
    return pd.Series([set(str(g).split("+")) == set(NEEDED) for g in result["group"]], result.index)


def county_years(result: pd.DataFrame) -> pd.DataFrame:
    """Arrange measures by county and year as a table that can join the county panel.

    Parameters
    ----------
    result : DataFrame
        As `measures.measure`, with the set of groups code and year, in either order.

    Returns
    -------
    DataFrame
        One row per code and year, sorted: n and n_psu (the largest over the measures), then for
        each measure its value and, under the name with `_se`, its error; relative poverty below
        half the median is `relative_50`.
    """
    rows = result[by_county_year(result)]
    shares = rows["measure"] == "relative"
    percent = pd.to_numeric(rows["item"].where(shares)).mul(100).round().astype("Int64")
    name = rows["measure"].where(~shares, "relative_" + percent.astype("str"))
    rows = rows.assign(name=name)[(rows["item"] == "") | shares]
    keys = list(NEEDED)
    values = rows.pivot(index=keys, columns="name", values="value")
    errors = rows.pivot(index=keys, columns="name", values="se").dropna(axis=1, how="all")
    sizes = rows.groupby(keys)[["n", "n_psu"]].max()
    table = values.join(errors.add_suffix("_se")).sort_index(axis=1)
    return sizes.join(table).sort_index().rename_axis(columns=None).reset_index()


def group_table(result: pd.DataFrame) -> pd.DataFrame:
    """Write the group of each measure into one column, whatever concepts it is made of.

    Returns
    -------
    DataFrame
        group (the set, as `year+urban`), subgroup (as `year 2021, urban 1`; empty for everybody),
        measure, item, value, se, ci_low, ci_high, n, n_psu, deff and, where known, truth.
    """
    concepts = list(result.columns[: list(result.columns).index("group")])
    named = [
        ", ".join(f"{c} {v}" for c, v in zip(concepts, row, strict=True) if not pd.isna(v))
        for row in result[concepts].itertuples(index=False)
    ]
    columns = ["group", "subgroup", "measure", "item", *ESTIMATE]
    known = ["truth"] if "truth" in result else []
    return result.assign(subgroup=named)[[*columns, *known]]
