"""Checking household files and the two commands, on the worked example and on single faults."""

from __future__ import annotations

import filecmp
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from analysis.households.administrative import Administrative, administrative_units
from analysis.households.checking import SHOWN, Problem, check_households, problem_frame
from analysis.households.commands import check_own, check_risk, households_command
from analysis.households.config import parse_config, read_config
from analysis.households.example import CELLS, write_example
from analysis.households.household_report import county_years
from analysis.households.measures import measure
from analysis.households.reading import open_households
from analysis.households.risk_report import read_risk
from analysis.project import ProjectError
from analysis.sources import read_card

pytest.importorskip("ibis")

RAW = Path(__file__).resolve().parents[1] / "data" / "raw"
EXAMPLE = RAW / "example_own"


@pytest.fixture(scope="module")
def units() -> Administrative:
    return administrative_units(RAW)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    write_example(folder)
    return folder


def test_committed_example_is_what_its_function_writes(example: Path) -> None:
    written = sorted(p.relative_to(example) for p in example.rglob("*") if p.is_file())
    committed = [p for p in EXAMPLE.rglob("*") if p.is_file() and ".read" not in p.parts]
    assert written == sorted(p.relative_to(EXAMPLE) for p in committed)
    assert filecmp.cmpfiles(example, EXAMPLE, map(str, written), shallow=False)[1:] == ([], [])


def test_check_finds_every_planted_fault_and_nothing_else(
    example: Path, units: Administrative
) -> None:
    planted = pd.read_csv(example / "faults.csv", dtype={"row": "Int64"}).fillna(
        {"file": "", "column": ""}
    )
    found = problem_frame(check_households(example / "messy", units))
    assert len(planted) == len(CELLS) + 7
    both = planted.merge(found, on=["file", "row", "column"], suffixes=("", "_found"))
    assert len(both) == len(planted) == len(found)
    said = [rule in text for rule, text in zip(both["rule"], both["rule_found"], strict=True)]
    assert all(said) and found["remedy"].ne("").all()


def test_clean_twin_has_no_problem_and_every_row_is_measured(
    example: Path, units: Administrative
) -> None:
    assert check_households(example / "clean", units) == []
    config = read_config(example / "clean" / "households.yml")
    result = measure(open_households(example / "clean", config), config)
    whole = result[(result["group"] == "all") & (result["item"] == "")]
    value = whole.set_index("measure")["value"].to_dict()
    assert whole.loc[whole["measure"] == "H", "n"].item() + value["left_out_indicators"] == 360
    assert value["M0"] == pytest.approx(value["H"] * value["A"], abs=1e-12)


def test_card_to_be_filled_in_is_valid_and_not_of_simulated_data(
    example: Path, tmp_path: Path
) -> None:
    own = tmp_path / "raw" / "households" / "own"
    shutil.copytree(example / "clean", own)
    shutil.copy(example / "own_source.yml", own / "source.yml")
    card = read_card(own)
    assert not card.simulated and card.confidential
    assert read_card(EXAMPLE).simulated


RISK = {"predictors": ["schooling_years"], "vulnerability": ["urban"], "groups": ["urban"]}


@pytest.mark.parametrize(
    ("risk", "line", "said"),
    [
        ({"predictors": ["wealth"]}, 9000, "neither columns nor indicators: 'wealth'; there are"),
        ({"horizons": [1]}, 9000, "horizons is unknown: use predictors"),
        ({"groups": [{"a": 1}]}, 9000, "groups must hold names of columns or indicators, not"),
        ({}, None, "`monitoring_line` is None: give one number"),
        ({}, 9000, ""),
    ],
)
def test_check_says_what_the_forecast_would_refuse(
    example: Path, tmp_path: Path, capsys: Any, risk: dict[str, Any], line: Any, said: str
) -> None:
    households, own = tmp_path / "households" / "own", tmp_path / "risk" / "own"
    shutil.copytree(example / "clean", households)
    own.mkdir(parents=True)
    for source in ("boundaries", "crosswalk", "facts"):
        (tmp_path / source).symlink_to(RAW / source)
    given = {**RISK, "lines": [6000, 9000], **risk}
    (own / "risk.yml").write_text(yaml.safe_dump(given), encoding="utf-8")
    config = households / "households.yml"
    study = yaml.safe_load(config.read_text(encoding="utf-8")) | {"monitoring_line": line}
    config.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    if said:
        with pytest.raises(ProjectError, match=rf"^the forecast of poverty: .*(\n.*)*{said}"):
            check_risk(households, own)
    else:
        check_risk(households, own)
        assert "forecast of poverty: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "own/risk.yml cannot be read"),
        ("a: [", "own/risk.yml cannot be read"),
        ("- a", "own/risk.yml must be a mapping of predictors"),
    ],
)
def test_an_unreadable_risk_file_is_one_message(
    tmp_path: Path, text: str | None, said: str
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    if text:
        (own / "risk.yml").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_risk(own)


@pytest.mark.parametrize(
    ("code", "name", "remedy"),
    [
        ("130721", None, "130705 宣化区 (宣化县 joined 宣化区 in 2016)"),
        ("522423", None, "520522 黔西县 (re-coded)"),
        ("520581", None, "520522 黔西县 (later code)"),
        ("130421", None, "or 130403 丛台区"),
        ("529999", "黔西市", "520522 黔西县, by its name"),
        ("130125001002", None, "keep the first six digits: 130125 行唐县"),
        ("130125.0", None, "write 130125 without a point"),
        ("130100", None, "province or prefecture"),
        ("110171", None, "development zone"),
        ("999999", None, "six-digit code of the county in 2020"),
        ("x", None, "a county has six digits"),
    ],
)
def test_what_became_of_a_unit_is_suggested(
    units: Administrative, code: str, name: str | None, remedy: str
) -> None:
    assert code not in units.names
    assert remedy in units.remedy(code, name)


BASE = {
    "code": ["130125"] * 4, "year": [2021, 2021, 2022, 2022], "household": ["1", "2", "1", "2"],
    "weight": [1.0, 2.0, 1.0, 2.0], "village": ["a", "b", "a", "b"], "stratum": ["s"] * 4,
    "size": [9] * 4, "income": [1000.0, 2000.0, 3000.0, 4000.0], "lacks": [1, 0, 1, 0],
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "columns": {
        "code": "code", "year": "year", "household": "household", "weight": "weight",
        "psu": "village", "stratum": "stratum", "fpc": "size", "income": "income",
    },
    "indicators": [
        {"name": "lacks", "dimension": "d", "weight": 1, "deprived": {"equal": True}},
    ],
    "poverty_line": {2021: 1500, 2022: 1600},
}  # fmt: skip


def problems(
    folder: Path, units: Administrative, config: dict[str, Any], **changes: Any
) -> list[Problem]:
    pd.DataFrame({**BASE, **changes}).to_parquet(folder / "a.parquet")
    return check_households(folder, units, parse_config(config))


def test_faultless_parquet_has_no_problem(tmp_path: Path, units: Administrative) -> None:
    assert problems(tmp_path, units, CONFIG) == []


@pytest.mark.parametrize(
    ("changes", "row", "column", "rule"),
    [
        ({"weight": [1.0, None, 1, 2]}, 2, "weight", "has no value"),
        ({"weight": [1.0, float("inf"), 1, 2]}, 2, "weight", "is no number"),
        ({"weight": [1.0, -2.0, 1, 2]}, 2, "weight", "'-2' is not above zero"),
        ({"size": [9, 9, 9, 0]}, 4, "size", "'0' is not above zero"),
        ({"size": [9, 9, 9, 8]}, None, "size", "strata have more than one value"),
        ({"stratum": ["s", "s", "s", "t"]}, 4, "village", "the primary unit lies in two strata"),
        ({"stratum": ["s", None, "s", "s"]}, 2, "stratum", "has no value"),
        ({"income": [1, -2, 3, 4]}, 2, "income", "'-2' is negative"),
        ({"income": [None] * 4}, None, "income", "is always missing"),
        ({"year": [2021, 2021, 2022, 2023]}, 4, "year", "has no `poverty_line`"),
        ({"lacks": [1, 0, 2, 0]}, 3, "lacks", "'2' is neither true nor false"),
        ({"household": ["1", "2", "1", "1"], "village": ["a", "b", "a", "a"]}, 4,
         "code, household, year, village", "the same key stands in an earlier row"),
        ({"code": [130125.0, 130126.0, 999999.0, 130125.5]}, 3, "code", "999999 is no county"),
    ],
)  # fmt: skip
def test_one_fault_is_named_with_its_row(
    tmp_path: Path, units: Administrative, changes: Any, row: int | None, column: str, rule: str
) -> None:
    found = problems(tmp_path, units, CONFIG, **changes)
    matching = [p for p in found if p.column == column and rule in p.rule]
    assert [(p.file, p.row) for p in matching] == [("a.parquet" if row else "", row)]


@pytest.mark.parametrize(("psu", "named"), [("village", "village"), (["code", "village"], None)])
def test_a_unit_in_two_counties_is_named_unless_the_county_names_it_too(
    tmp_path: Path, units: Administrative, psu: Any, named: str | None
) -> None:
    config = {**CONFIG, "columns": {**CONFIG["columns"], "psu": psu}}
    del config["columns"]["fpc"]
    codes = ["130125", "130125", "130125", "130126"]
    found = problems(tmp_path, units, config, code=codes)
    assert [(p.row, p.column, p.rule) for p in found] == (
        [(4, named, "the primary unit lies in two counties")] if named else []
    )
    assert all("`psu: [code, village]`" in p.remedy for p in found)


def compared(deprived: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**CONFIG, "indicators": [{**CONFIG["indicators"][0], "deprived": deprived}], **more}


@pytest.mark.parametrize(
    ("cells", "deprived", "rule", "near"),
    [
        (["river", "tap", "well", "tap"], {"in": ["rivr", "River", "tap"]}, "rivr", "'river'"),
        (["river", "tap", "well", "tap"], {"equal": "River"}, "River", "'river'"),
        ([1, 2, 7, 2], {"in": [1, 6]}, "6", "7"),
        ([1.5, 0, 2, 2], {"equal": 1}, "1", "1.5: write that (true where"),
    ],
)
def test_a_value_that_no_row_holds_is_named_with_the_nearest(
    tmp_path: Path, units: Administrative, cells: list[Any], deprived: Any, rule: str, near: str
) -> None:
    found = problems(tmp_path, units, compared(deprived), lacks=cells)
    wrong = [p for p in found if "no row holds" in p.rule]
    assert wrong == found and {p.column for p in wrong} == {"lacks"}
    assert any(rule in p.rule for p in wrong)
    assert len(wrong) == (2 if rule == "rivr" else 1)
    assert all(f"the nearest that one does is {near}" in p.remedy for p in wrong)


def test_labels_and_truth_need_not_occur(tmp_path: Path, units: Administrative) -> None:
    labels = {"lacks": {1: "tap", 2: "river"}}
    config = compared({"in": ["river"]}, labels=labels)
    assert problems(tmp_path, units, config, lacks=[1, 1, 1, 1]) == []
    assert problems(tmp_path, units, CONFIG, lacks=[0, 0, 0, 0]) == []


@pytest.mark.parametrize(
    ("config", "changes", "column", "rule"),
    [
        (compared({"equal": 3}, labels={"lacks": {0: "no", 1: "yes"}}), {}, "lacks",
         "compared with 3, but its type is string"),
        (compared({"below": 1}, labels={"lacks": {0: "no", 1: "yes"}}), {}, "lacks",
         "string is no number"),
        ({**CONFIG, "lonely": "fail"}, {"stratum": ["s", "t", "s", "t"]}, "stratum",
         "2 strata have one primary unit; first: s"),
        (CONFIG, {"income": [1, 2, 3, 6e9]}, "income", "incomes above"),
    ],
)  # fmt: skip
def test_check_refuses_what_measuring_refuses(
    tmp_path: Path, units: Administrative, config: Any, changes: Any, column: str, rule: str
) -> None:
    found = problems(tmp_path, units, config, **changes)
    assert [p.column for p in found] == [column] and rule in found[0].rule and found[0].remedy
    with pytest.raises(ValueError):
        measure(open_households(tmp_path, parse_config(config)), parse_config(config))


def test_a_correction_counts_a_household_of_several_years_once(
    tmp_path: Path, units: Administrative
) -> None:
    columns = {k: v for k, v in CONFIG["columns"].items() if k != "psu"}
    config = {**CONFIG, "columns": columns}
    assert problems(tmp_path, units, config, size=[2] * 4) == []
    found = problems(tmp_path, units, config, size=[2] * 4, household=["1", "2", "3", "4"])
    assert [p.column for p in found] == ["size"] and "than it says" in found[0].rule


def test_a_column_cannot_be_number_and_text(tmp_path: Path, units: Administrative) -> None:
    below = {"name": "few", "dimension": "d", "weight": "1/2", "column": "lacks"}
    two = [{**below, "deprived": {"below": 1}}, {**below, "name": "b", "deprived": {"in": ["x"]}}]
    found = problems(tmp_path, units, {**CONFIG, "indicators": two}, lacks=["x", "y", "x", "y"])
    assert [(p.column, p.rule) for p in found] == [("lacks", "string is no number")]


def test_a_rule_broken_often_is_counted_and_shown_a_few_times(
    tmp_path: Path, units: Administrative
) -> None:
    many = pd.DataFrame(BASE).loc[[0] * 5000].assign(household=range(5000), weight=-1.0)
    many.to_parquet(tmp_path / "a.parquet")
    found = check_households(tmp_path, units, parse_config(CONFIG))
    weights = [p for p in found if p.column == "weight"]
    assert [p.row for p in weights] == list(range(1, SHOWN + 1))
    assert {p.count for p in weights} == {5000} and "(5,000 rows in all)" in str(weights[0])


def test_a_column_that_one_file_lacks_is_named_with_the_file(
    tmp_path: Path, units: Administrative
) -> None:
    pd.DataFrame(BASE).to_parquet(tmp_path / "a.parquet")
    other = pd.DataFrame(BASE).assign(year=[2023, 2023, 2024, 2024]).drop(columns="size")
    other.to_parquet(tmp_path / "b.parquet")
    config = {**CONFIG, "poverty_line": 1500}
    found = check_households(tmp_path, units, parse_config(config))
    assert [(p.file, p.column) for p in found if "not in this file" in p.rule] == [
        ("b.parquet", "size")
    ]


def test_unreadable_files_and_faulty_rows_are_reported_together(
    tmp_path: Path, units: Administrative
) -> None:
    pd.DataFrame(BASE).assign(weight=-1.0).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    found = check_households(tmp_path, units, parse_config(CONFIG))
    rules = [p.rule for p in found]
    assert any("no readable parquet" in r for r in rules)
    assert any("not above zero" in r for r in rules)


def test_files_without_rows_are_a_problem(tmp_path: Path, units: Administrative) -> None:
    (tmp_path / "a.csv").write_text(",".join(BASE) + "\n")
    found = check_households(tmp_path, units, parse_config(CONFIG))
    assert [p.rule for p in found] == ["the files have no rows"]


def test_households_command_writes_measures_and_accounts(example: Path, tmp_path: Path) -> None:
    clean = example / "clean"
    households_command(clean / "households.yml", str(clean), tmp_path)
    accounts = pd.read_csv(tmp_path / "accounts.csv")
    assert (accounts["lines"] == accounts["rows"] + accounts["broken"]).all()
    assert accounts["rows"].sum() == 360
    result = pd.read_csv(tmp_path / "measures.csv", dtype={"code": "str"}, keep_default_na=True)
    table = pd.read_csv(tmp_path / "county_years.csv", dtype={"code": "str"})
    assert len(table) == 18 and table["code"].str.len().eq(6).all()
    one = result[(result["group"] == "code+year") & (result["measure"] == "M0")].iloc[4]
    same = table[(table["code"] == one["code"]) & (table["year"] == one["year"])].iloc[0]
    assert (same["M0"], same["M0_se"]) == (one["value"], one["se"])


def test_county_years_are_written_whatever_the_order_of_the_concepts(
    example: Path, tmp_path: Path
) -> None:
    text = (example / "clean" / "households.yml").read_text(encoding="utf-8")
    config = tmp_path / "households.yml"
    config.write_text(text.replace("[code, year]", "[year, code]"), encoding="utf-8")
    households_command(config, str(example / "clean"), tmp_path)
    assert len(pd.read_csv(tmp_path / "county_years.csv")) == 18


def test_households_command_refuses_faulty_data_and_writes_the_problems(
    example: Path, tmp_path: Path
) -> None:
    messy = example / "messy"
    with pytest.raises(ProjectError, match="nothing is measured before that is mended"):
        households_command(messy / "households.yml", str(messy), tmp_path)
    found = pd.read_csv(tmp_path / "problems.csv")
    assert len(found) == len(pd.read_csv(example / "faults.csv"))
    assert not (tmp_path / "measures.csv").exists()


def test_check_command_profiles_and_reports(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_own(example / "clean", out=tmp_path)
    assert "360 lines = 360 rows + 0 broken" in capsys.readouterr().out
    with pytest.raises(ProjectError, match="mend them"):
        check_own(example / "messy", out=tmp_path)
    out = capsys.readouterr().out
    assert "360 lines = 357 rows + 3 broken" in out and "2021.csv, row 15" in out
    assert len(pd.read_csv(tmp_path / "broken_lines.csv")) == 3
    assert "household" in set(pd.read_csv(tmp_path / "profile.csv")["column"])


def test_county_years_has_one_row_for_each_county_and_year() -> None:
    result = pd.DataFrame(
        {
            "code": ["a", "a", "b", None, "a"], "year": [1, 1, 1, None, 1],
            "group": ["code+year"] * 3 + ["all", "code+year"],
            "measure": ["H", "A", "H", "H", "relative"], "item": ["", "", "", "", "0.5"],
            "value": [0.1, 0.2, 0.3, 9.0, 9.0], "se": [0.01, None, 0.03, 9.0, 9.0],
            "n": [10, 8, 20, 99, 9], "n_psu": [2, 1, 3, 9, 2],
        }
    )  # fmt: skip
    table = county_years(result)
    assert table[["code", "year", "H", "H_se"]].to_numpy().tolist() == [
        ["a", 1, 0.1, 0.01],
        ["b", 1, 0.3, 0.03],
    ]
    assert table["A"].tolist()[0] == 0.2
    assert table[["n", "n_psu"]].to_numpy().tolist() == [[10, 2], [20, 3]]
    turned = result.replace({"group": {"code+year": "year+code"}})
    pd.testing.assert_frame_equal(county_years(turned), table)


@pytest.mark.slow
def test_spark_reads_and_measures_the_example_as_duckdb_does(example: Path) -> None:
    pytest.importorskip("pyspark", reason="optional: pyspark measures on Spark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    config = read_config(example / "clean" / "households.yml")
    spark = replace(config, backend="spark", connection={"spark.master": "local[2]"})
    here = measure(open_households(example / "clean", config), config)
    there = measure(open_households(example / "clean", spark), spark)
    keys = ["group", "measure", "item", "code", "year"]
    both = here.merge(there, on=keys, how="outer", suffixes=("", "_spark"))
    assert len(both) == len(here) == len(there)
    for column in ("value", "se"):
        pd.testing.assert_series_equal(
            both[column], both[f"{column}_spark"], check_names=False, rtol=1e-9, atol=1e-9
        )
