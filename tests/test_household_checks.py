"""What cannot be measured, each fault named with its place; and the same numbers on each engine."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.households.config import HouseholdConfig, parse_config
from analysis.households.design_checks import check_design
from analysis.households.measures import measure

ibis = pytest.importorskip("ibis")

ENGINES = 1e-9
"""Relative: the engines round logarithms and divide in their own ways."""
WEIGHTS = ["1/2", "1/4", "1/6", "1/12"]


def indicators(deprived: Any) -> list[dict[str, Any]]:
    return [
        {"name": f"d{i}", "deprived": {"equal": deprived}, "dimension": f"D{i % 2}", "weight": w}
        for i, w in enumerate(WEIGHTS)
    ]


SAMPLE = pd.DataFrame({
    "stratum": [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4],
    "psu": [11, 11, 12, 12, 13, 13, 21, 21, 22, 22, 22, 31, 31, 31, 41, 41],
    "weight": 2.5, "persons": 2, "code": 1, "income": range(100, 116), "household": range(100, 116),
    "fpc": [40] * 6 + [25] * 5 + [10] * 3 + [9] * 2, "d0": 1, "d1": 0, "d2": 1, "d3": 0,
})  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": [0, -3.0, np.nan, *[1.0] * 13]}, "column 'weight': 3 values missing, infinite"),
        ({"weight": [0, -3.0, np.nan, *[1.0] * 13]}, "first: 1 100 11; 1 101 11; 1 102 12"),
        ({"persons": [0, *[1] * 15]}, "column 'persons': 1 values missing"),
        ({"stratum": [None, *[1.0] * 15]}, "column 'stratum': 1 values missing"),
        (
            {"stratum": [2, *SAMPLE["stratum"][1:]]},
            "1 primary units in two strata; first: 11 1; 11 2",
        ),
        ({"d1": None}, "column 'd1'"),
        ({"d1": pd.array([None] * 16, "Int64")}, "column 'd1': always missing"),
        ({"income": np.nan}, "column 'income': always missing"),
        ({"income": [-5.0, *[1.0] * 15]}, "column 'income': 1 negative incomes"),
        ({"income": [6e9, *[1.0] * 15]}, "1 incomes above 5,000,000,000"),
        ({"income": [-6e9, *[1.0] * 15]}, "1 incomes below -5,000,000,000"),
        ({"income": [np.inf, *[1.0] * 15]}, "1 incomes above 5,000,000,000"),
        (
            {"weight": [1e12, *[1.0] * 15]},
            "column 'weight x persons': the least weight, 2, vanishes beside the largest, 2e+12",
        ),
        ({"income": "12"}, "column 'income': string is no number"),
        ({"d2": "yes"}, "column 'd2': compared with 1, but its type is string"),
        ({"fpc": 2}, "1 strata have more primary units in the sample than it says; first: 1"),
        ({"fpc": range(30, 46)}, "column 'fpc': 4 strata have more than one value; first: 1"),
    ],
)
def test_each_fault_is_named_with_its_place(changes: dict[str, Any], message: str) -> None:
    names = (
        "weight", "persons", "stratum", "psu", "income", "code", "household", "fpc",
    )  # fmt: skip
    study = {"columns": {name: name for name in names}, "indicators": indicators(1)}
    table, config = ibis.memtable(SAMPLE.assign(**changes)), parse_config(study)
    for call in (check_design, measure):
        with pytest.raises(ValueError) as caught:
            call(table, config)
        assert message in str(caught.value)


def test_faults_come_in_one_message() -> None:
    table = ibis.memtable(SAMPLE.assign(weight=-1, stratum=[2, *SAMPLE["stratum"][1:]], persons=0))
    columns = {c: c for c in ("weight", "persons", "stratum", "psu", "household")}
    with pytest.raises(ValueError, match="3 violation"):
        check_design(table, parse_config({"columns": columns}))


def test_households_that_serve_as_units_lie_in_one_stratum() -> None:
    columns = {"household": "household", "stratum": "stratum", "income": "income"}
    table = ibis.memtable(SAMPLE.assign(household=[1, 2, 3, 4] * 4))
    with pytest.raises(ValueError, match="column 'household': 4 primary units in two strata"):
        measure(table, parse_config({"columns": columns}))


def test_counties_may_number_their_households_alike() -> None:
    columns = {name: name for name in ("household", "code", "stratum", "income")}
    frame = SAMPLE.assign(
        household=[*range(8)] * 2, code=[1] * 8 + [2] * 8, stratum=[1] * 8 + [2] * 8
    )
    result = measure(ibis.memtable(frame), parse_config({"columns": columns}))
    assert set(result["n_psu"]) == {16}
    split = ibis.memtable(frame.assign(stratum=[*[1] * 7, 2] * 2, household=1))
    with pytest.raises(ValueError, match="column 'code, household': 2 primary units in two"):
        measure(split, parse_config({"columns": columns}))


@pytest.mark.parametrize("measures", [["mean_income"], ["FGT0"], ["monitoring"], ["relative"]])
def test_incomes_beyond_the_limits_are_refused_for_each_measure(measures: list[str]) -> None:
    lines = {"poverty_line": 4000, "monitoring_line": 6000, "measures": measures}
    config = parse_config({"columns": {"income": "income"}, **lines})
    table = ibis.memtable(SAMPLE.assign(income=[99999999999, *range(15)]))
    for call in (check_design, measure):
        with pytest.raises(ValueError, match="1 incomes above 5,000,000,000"):
            call(table, config)


def test_incomes_too_many_lines_below_zero_are_refused() -> None:
    config = parse_config(
        {"columns": {"income": "income"}, "poverty_line": 4000, "measures": ["FGT2"]}
    )
    with pytest.raises(ValueError, match="1 incomes below -40,000,000, too far below zero"):
        measure(ibis.memtable(SAMPLE.assign(income=[-40_000_001, *range(15)])), config)


def test_columns_that_are_not_there_and_empty_tables() -> None:
    study = parse_config({"columns": {"code": "county", "income": "inc"}})
    with pytest.raises(ValueError, match="2 violation"):
        check_design(ibis.memtable(SAMPLE), study)
    empty = ibis.memtable(SAMPLE.iloc[:0])
    with pytest.raises(ValueError, match="the table has no rows"):
        measure(empty, parse_config({"columns": {"income": "income"}}))


def test_a_clean_table_passes_the_check() -> None:
    columns = {c: c for c in ("weight", "stratum", "psu", "income", "fpc")}
    check_design(ibis.memtable(SAMPLE), parse_config({"columns": columns}))


GENERATED = """
COPY (SELECT lpad((i % 40)::VARCHAR, 6, '0') AS code, 2018 + (i // 40 % 3) AS year,
  (i % 40) * 20 + hash(i) % 20 AS psu, (i % 40) // 5 AS stratum, i AS household,
  round(20 + hash(i + 1000000007) % 10007 / 200, 4) AS weight, 1 + hash(i * 3) % 6 AS persons,
  i % 3 = 0 AS urban, round(exp(9 + hash(i * 5) % 10007 / 5000), 2) AS income,
  {flags} FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)
"""
FLAGS = ", ".join(f"hash(i * 7 + {j}) % 10 < 3 AS d{j}" for j in range(4))
NAMES = (
    "code", "year", "household", "weight", "persons", "psu", "stratum", "income", "urban",
)  # fmt: skip
ENGINE_STUDY = {
    "columns": {name: name for name in NAMES},
    "indicators": indicators(True),
    "poverty_line": 12000,
    "monitoring_line": 15000,
    "k_sweep": [0.5],
    "groups": [["code", "year"], ["year", "urban"], []],
}


def generated(path: Path, rows: int) -> HouseholdConfig:
    import duckdb

    duckdb.sql(GENERATED.format(flags=FLAGS, rows=rows, path=path))
    return parse_config(ENGINE_STUDY)


def test_threads_do_not_show(tmp_path: Path) -> None:
    path = tmp_path / "households.parquet"
    config = generated(path, 300_000)
    results = []
    for threads in (1, 2, 2):
        connection = ibis.duckdb.connect(threads=threads)
        results.append(measure(connection.read_parquet(path), config))
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0], other, check_exact=True)
    assert results[0]["value"].notna().all()


def test_no_table_of_rows_is_left_behind(tmp_path: Path) -> None:
    connection = ibis.duckdb.connect()
    SAMPLE.to_parquet(tmp_path / "households.parquet")
    table = connection.read_parquet(tmp_path / "households.parquet")
    measure(table, parse_config({"columns": {"income": "income"}}))
    assert connection.con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: the extra `spark`")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[2]").getOrCreate()
    yield ibis.pyspark.connect(session)
    session.stop()


@pytest.mark.slow
def test_spark_gives_the_same_numbers(tmp_path: Path, spark: Any) -> None:
    path = tmp_path / "households.parquet"
    config = generated(path, 2_000_000)
    here = measure(ibis.duckdb.connect().read_parquet(path), config)
    there = measure(spark.read_parquet(path), config)
    pd.testing.assert_frame_equal(here, there, check_dtype=False, rtol=ENGINES)


@pytest.mark.slow
def test_spark_adds_beyond_64_bits(tmp_path: Path, spark: Any) -> None:
    path = tmp_path / "households.parquet"
    incomes = np.r_[np.zeros(600), -20_000.0, np.full(599, 9000.0)]
    units = np.arange(1200) % 3
    pd.DataFrame({"income": incomes, "psu": units}).to_parquet(path)
    columns = {"income": "income", "psu": "psu"}
    measures = ["FGT1", "FGT2", "mean_income"]
    config = parse_config({"columns": columns, "poverty_line": 4000, "measures": measures})
    here = measure(ibis.duckdb.connect().read_parquet(path), config)
    there = measure(spark.read_parquet(path), config)
    pd.testing.assert_frame_equal(here, there, check_dtype=False, rtol=ENGINES)
