"""Household configurations: what they become, and one message for all that is wrong."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.households.config import MEASURES, parse_config, read_config
from analysis.households.deprivations import score_denominator
from analysis.households.row_values import poor_from

SCHOOLING = {
    "name": "schooling",
    "column": "years",
    "deprived": {"below": 6},
    "dimension": "education",
    "weight": "1/3",
}
HOUSING = {
    "name": "housing",
    "deprived": {"in": ["mud", "none"]},
    "dimension": "living",
    "weight": 2 / 3,
}
COLUMNS = {"code": "county", "year": "wave", "income": "inc", "stratum": ["prov", "urban"]}
STUDY = {"columns": COLUMNS, "indicators": [SCHOOLING, HOUSING], "groups": [["code", "year"], []]}


def test_a_study_becomes_exact_values_and_defaults() -> None:
    config = parse_config(STUDY)
    assert [indicator.weight for indicator in config.indicators] == [
        Fraction(1, 3),
        Fraction(2, 3),
    ]
    assert config.indicators[0].column == "years" and config.indicators[1].column == "housing"
    assert config.indicators[1].value == ("mud", "none")
    assert (config.k, config.stratum, config.psu) == (Fraction(1, 3), ("prov", "urban"), ())
    assert config.groups == (("code", "year"), ()) and config.relative_by == ("year",)
    assert config.used_columns == ("county", "wave", "inc", "prov", "urban", "years", "housing")
    assert (config.backend, config.lonely, config.level) == ("duckdb", "centre", 0.95)


def test_measures_are_those_that_the_study_has_columns_for() -> None:
    without_line = {"M1", "M2", "k_sweep", "FGT0", "FGT1", "FGT2", "monitoring"}
    assert set(parse_config(STUDY).measures) == set(MEASURES) - without_line
    lines = {**STUDY, "poverty_line": {2019: 3218, 2020: 4000}, "monitoring_line": 6000}
    assert parse_config(lines).measures == tuple(
        name for name in MEASURES if name not in ("M1", "M2", "k_sweep")
    )
    assert parse_config({**lines, "measures": ["gini", "H"]}).measures == ("H", "gini")


@pytest.mark.parametrize("written", ["1/24", 1 / 24, "0.0416666666667"])
def test_a_repeating_decimal_is_read_as_the_fraction_it_means(written: str | float) -> None:
    entries = [{**SCHOOLING, "name": f"i{i}", "weight": written} for i in range(24)]
    config = parse_config({"columns": COLUMNS, "indicators": entries})
    assert score_denominator(config.indicators) == 24


@pytest.mark.parametrize(
    ("k", "least"),
    [("1/3", 8), (1 / 3, 8), (0.3333333333, 8), (0.3333, 8), (0.334, 9), (1, 24), (0.01, 1)],
)
def test_the_least_poor_score_counts_ties(k: str | float, least: int) -> None:
    assert poor_from(parse_config({**STUDY, "k": k}).k, 24) == least


def test_the_backend_is_one_line() -> None:
    assert parse_config({**STUDY, "backend": "spark"}).backend == "spark"
    options = {"name": "duckdb", "memory_limit": "2GB", "threads": 2}
    config = parse_config({**STUDY, "backend": options})
    assert config.backend == "duckdb" and dict(config.connection) == {
        "memory_limit": "2GB",
        "threads": 2,
    }


def test_what_readers_of_files_need_is_carried() -> None:
    assert parse_config({**STUDY, "files": "*.csv"}).carried == {"files": "*.csv"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k: 0 lies outside (0, 1]"),
        ({"k": 1.01}, "k: 1.01 lies outside (0, 1]"),
        ({"k": "1/0"}, "k: '1/0' lies outside (0, 1]"),
        ({"k": math.nan}, "k: nan lies outside (0, 1]"),
        ({"k_sweep": [0.2, 2]}, "k_sweep: 2 lies outside (0, 1]"),
        ({"indicators": [SCHOOLING]}, "the weights sum to 0.3333333333 and not to 1"),
        ({"indicators": [SCHOOLING, SCHOOLING, SCHOOLING]}, "'schooling' stands there 3 times"),
        ({"indicators": [{**SCHOOLING, "weight": -1}]}, "weight: -1 lies outside (0, 1]"),
        ({"indicators": [{**SCHOOLING, "deprived": {"under": 6}}]}, "{'under': 6} is no rule"),
        ({"indicators": [{**SCHOOLING, "deprived": {"below": "six"}}]}, "'six' is no finite"),
        ({"indicators": [{**HOUSING, "cardinal": True}]}, "cardinal needs `below`"),
        ({"indicators": [{**HOUSING, "dimension": None}]}, "dimension: is missing"),
        ({"groups": [["cod"]]}, "'cod' is mapped to no column (did you mean code?)"),
        ({"poverty_line": -1}, "poverty_line: -1 is not above zero"),
        ({"poverty_line": {2020: 0}}, "poverty_line.2020: 0 is not above zero"),
        ({"backend": "sprk"}, "'sprk' is unknown (did you mean spark?)"),
        ({"lonely": "center"}, "'center' is unknown (did you mean centre?)"),
        ({"measures": ["FGT0"]}, "FGT0 needs columns or lines that are not given"),
        ({"measures": ["Gini"]}, "'Gini' is unknown (did you mean gini?)"),
        ({"level": 95}, "level: 95 lies outside (0, 1)"),
        ({"columns": {"code": 3}}, "columns.code: 3 is no column name"),
        ({"columns": {**COLUMNS, "psu": [1]}}, "columns.psu: [1] names no columns"),
        ({"lonely": "certainty"}, "'certainty' is unknown"),
        ({"labels": ["water"]}, "labels: ['water'] is no mapping"),
        ({"labels": {"water": "flie"}}, "labels.water: 'flie' gives no labels"),
        ({"labels": {"water": ["tap"]}}, "labels.water: ['tap'] gives no labels"),
        ({"group": []}, "file.group: unknown key (did you mean groups?)"),
    ],
)
def test_each_violation_says_where_and_what(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_config({**STUDY, **change}, "households.yml")
    assert message in str(caught.value) and "households.yml" in str(caught.value)


def test_all_violations_come_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "households.yml"
    path.write_text(yaml.safe_dump({**STUDY, "k": 0, "level": 2, "lonely": "drop"}), "utf-8")
    with pytest.raises(ValueError, match="3 violation") as caught:
        read_config(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["- a list", "columns: [", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "households.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="households.yml"):
        read_config(path)
