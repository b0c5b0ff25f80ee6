"""A household study from its source to the tables: simulated and own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.households import household_report, risk_report
from analysis.households.household_tables import measures_table
from analysis.households.simulated_population import true_measures
from analysis.labels import LANGUAGES
from analysis.schemas import validate

RAW = Path(__file__).parents[1] / "data" / "raw"
COUNTIES = ("130121", "130122", "410221", "520522")
CLEAN = RAW / "example_own" / "clean"


@pytest.fixture(scope="module")
def study():
    source = RAW / "households" / "simulated"
    return household_report.open_study(source, COUNTIES, rows=7200, seed=3)


@pytest.fixture(scope="module")
def result(study):
    return household_report.measure_groups(study)


@pytest.fixture
def own(tmp_path):
    """A source folder of a user, beside the sources that codes are checked against."""
    raw = tmp_path / "raw"
    for name in ("boundaries", "crosswalk", "facts"):
        shutil.copytree(RAW / name, raw / name)
    shutil.copytree(CLEAN, raw / "households" / "own")
    return raw / "households" / "own"


def with_keys(folder, **keys):
    path = folder / "households.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")) | keys))


def test_every_measure_of_the_population_stands_beside_its_estimate(result):
    known = result[result["measure"].isin(["H", "A", "M0", "FGT0", "mean_income", "H_sweep"])]
    assert known["truth"].notna().all()
    main = known[known["item"] == ""]
    assert ((main["value"] - main["truth"]).abs() < 5 * main["se"]).all()
    assert set(result["group"]) == {"all", "year", "year+urban"}


def test_tables_of_a_study_obey_their_contracts(study, result):
    validate("household_measures", household_report.group_table(result))
    counties = household_report.measure_counties(study)
    table = validate("household_county_years", household_report.county_years(counties))
    assert set(table["code"]) <= set(COUNTIES)
    assert {"H", "M0_se", "relative_50", "mean_income", "n_psu"} <= set(table)


def test_relative_lines_without_a_column_are_left_out(study):
    config = replace(study.config, relative_lines=(0.25,))
    table = household_report.county_years(
        household_report.measure_counties(replace(study, config=config))
    )
    assert not [name for name in table if str(name).startswith("relative")]


def test_coverage_by_county_counts_each_estimate_once(study):
    counties = household_report.measure_counties(study)
    table = household_report.county_coverage(study, counties)
    table = table[table["measure"] == "M0"].set_index("n_psu")
    known = true_measures(study.cells, [("code", "year")])
    known = known[known["measure"] == "M0"].astype({"year": int})
    truth = known.set_index(["code", "year"])["truth"]
    rows = counties[counties["measure"] == "M0"].set_index(["code", "year"])
    held = [low <= truth[key] <= high for key, low, high in
            rows.loc[rows["se"].notna(), ["ci_low", "ci_high"]].itertuples()]  # fmt: skip
    whole = table.loc["all"]
    assert whole["coverage"] == pytest.approx(np.mean(held)) and whole["estimates"] == len(rows)
    assert whole["without"] == len(rows) - len(held)
    classes = table.drop(index="all")
    assert classes["estimates"].sum() == len(rows)
    wide = counties.assign(ci_low=-1.0, ci_high=2.0)
    assert (household_report.county_coverage(study, wide)["coverage"] == 1).all()
    never = counties.assign(ci_low=np.nan)
    assert household_report.county_coverage(study, never)["coverage"].isna().all()
    with pytest.raises(ValueError, match="simulated surveys alone"):
        household_report.county_coverage(replace(study, truth=None), counties)


def test_measures_that_the_pipeline_shows_must_be_named(own):
    with_keys(own, measures=["H", "gini"])
    with pytest.raises(ValueError, match=r"measures lacks A(.|\n)*lacks M0(.|\n)*contribution"):
        household_report.open_study(own, ())


def test_groups_are_written_into_one_column(result):
    table = household_report.group_table(result)
    assert not table.duplicated(["group", "subgroup", "measure", "item"]).any()
    assert set(table.loc[table["group"] == "all", "subgroup"]) == {""}
    assert "year 2021, urban 1" in set(table["subgroup"])
    for lang in LANGUAGES:
        assert len(measures_table(table, lang).frame) == 8 * 10


def test_own_files_are_opened_checked_and_have_no_truth(own):
    with_keys(own, groups=[["urban"]])
    study = household_report.open_study(own, ())
    assert study.config.k in study.config.k_sweep
    found = household_report.measure_groups(study)
    assert study.truth is None and "truth" not in found
    assert set(found["group"]) == {"all", "year", "urban"}
    validate("household_measures", household_report.group_table(found))
    counties = household_report.measure_counties(study)
    validate("household_county_years", household_report.county_years(counties))


def test_own_files_with_faults_are_refused_with_all_of_them(own):
    shutil.copytree(RAW / "example_own" / "messy", own, dirs_exist_ok=True)
    with pytest.raises(ValueError, match=r"19 violation(.|\n)*2021.csv, row 15"):
        household_report.open_study(own, ())


def test_what_the_pipeline_needs_is_listed(own):
    content = yaml.safe_load((own / "households.yml").read_text(encoding="utf-8"))
    del content["columns"]["code"], content["indicators"]
    content["groups"] = [[]]
    (own / "households.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=r"code is not mapped(.|\n)*indicators are needed"):
        household_report.open_study(own, ())


def test_design_effect_is_missing_where_weights_add_up_to_the_sample(study):
    """Weights that are normalised to the sample leave the sampling fraction unknown."""
    import ibis

    rows = pd.DataFrame(
        {"poor": [0, 1, 1, 0, 1] * 8, "psu": np.repeat(range(10), 4), "w": 1.0, "n_units": 40}
    )
    config = replace(
        study.config,
        columns={"weight": "w", "fpc": "n_units"},
        stratum=(),
        psu=("psu",),
        indicators=(replace(study.config.indicators[0], name="poor", column="poor", weight=1),),
        groups=((),),
        measures=("H",),
        count="households",
    )
    found = household_report.measure(ibis.memtable(rows), config).set_index("measure")
    found = found.loc[["H"]]
    assert found["se"].gt(0).all() and found["deff"].isna().all()


def test_risk_report_of_the_simulated_survey(study):
    given = risk_report.read_risk(RAW / "risk" / "simulated")
    report = risk_report.risk_report(study, given)
    assert max(report.study.training_years) < report.study.test_year
    assert set(report.calibration["model"]) == {"logit", "vulnerability"}
    assert report.groups.iloc[0][["group", "item"]].tolist() == ["", ""]
    assert set(report.groups.query("group == 'poor_before'")["item"]) == {"0", "1"}
    assert len(report.vulnerability_groups) == 3 * (1 + 2 * len(given["groups"]))
    grouped = household_report.group_table(report.vulnerability_groups)
    validate("vulnerability_groups", grouped)
    assert {"", "urban 0", "urban 1"} <= set(grouped["subgroup"])
    frame = risk_report.risk_frame(study, given)
    assert set(frame["low_schooling"]) == {0, 1} and "log_income_ratio" in frame
    truth = risk_report.true_coefficients(study)
    assert truth is not None
    estimates = report.study.model.coefficients.merge(truth, on="term")
    assert ((estimates["estimate"] - estimates["truth"]).abs() < 5 * estimates["se"]).all()


def test_each_forecast_is_judged_on_the_households_it_is_for(study):
    report = risk_report.risk_report(study, risk_report.read_risk(RAW / "risk" / "simulated"))
    frame = study.table.to_pandas()
    year = frame[frame["year"] == report.study.test_year]
    held = report.calibration.groupby("model")["n"].sum()
    assert held["vulnerability"] == (year["income"] > 0).sum()
    assert held["logit"] == (year["income"] >= study.config.poverty_line).sum()
    classes = report.calibration.query("model == 'vulnerability'")
    observed = np.average(classes["value"], weights=classes["share"])
    assert observed == pytest.approx(np.average(year["poor_next_year"], weights=year["weight"]))


def changed(study, **columns):
    """The simulated survey with other columns."""
    import ibis

    frame = study.table.to_pandas()
    return replace(study, table=ibis.memtable(frame.assign(**columns)))


def test_predictors_that_a_csv_holds_as_text_become_numbers(study):
    given = risk_report.read_risk(RAW / "risk" / "simulated")
    frame = study.table.to_pandas()
    text = frame["migrant_worker"].astype(int).astype("str")
    found = risk_report.risk_report(changed(study, migrant_worker=text), given)
    expected = risk_report.risk_report(study, given).study.model.coefficients
    pd.testing.assert_frame_equal(found.study.model.coefficients, expected)
    assert set(found.groups.query("group == 'migrant_worker'")["item"]) == {"0", "1"}
    with pytest.raises(ValueError, match=r"'migrant_worker' is no number in 1 rows, such as 'no'"):
        risk_report.risk_frame(changed(study, migrant_worker=[*text[:-1], "no"]), given)


def test_zero_incomes_and_gaps_in_predictors_do_not_stop_a_study(study):
    given = risk_report.read_risk(RAW / "risk" / "simulated")
    frame = study.table.to_pandas()
    last = frame.index[frame["year"] == frame["year"].max()]
    income, persons = frame["income"].copy(), frame["unsafe_housing"].astype(float)
    income[last[:2]], persons[last[2:5]] = [0, -10], np.nan
    report = risk_report.risk_report(changed(study, income=income, unsafe_housing=persons), given)
    counts = report.vulnerability.counts
    assert (counts["not_positive"], counts["missing"]) == (2, 3)
    held = report.calibration.groupby("model")["n"].sum()
    assert held["vulnerability"] == len(last) - 5
    assert report.calibration["predicted"].notna().all()
    assert report.curves.notna().all(axis=None)


def test_risk_file_with_faults_lists_them(tmp_path):
    (tmp_path / "risk.yml").write_text("predictors: []\nhorizont: 2\ngroups: [a]\nlines: [1]\n")
    with pytest.raises(ValueError, match=r"horizont is unknown(.|\n)*predictors(.|\n)*vulnerab"):
        risk_report.read_risk(tmp_path)


def test_unknown_columns_of_the_risk_file_are_named(study):
    given = risk_report.read_risk(RAW / "risk" / "simulated") | {"predictors": ["wealth"]}
    with pytest.raises(ValueError, match="neither columns nor indicators: 'wealth'; there are "):
        risk_report.risk_frame(study, given)
