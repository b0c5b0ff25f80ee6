"""Risk of poverty: known truth recovered, no future used, scores as others define them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from analysis.households.config import parse_config, read_config
from analysis.households.household_truth import load_household_truth, return_risk
from analysis.households.influences import sample_units
from analysis.households.logit import fit_logit
from analysis.households.return_risk import Forecast, flag_threshold, study_risk
from analysis.households.risk_design import RiskDesign, next_year_poverty, risk_design
from analysis.households.risk_scores import (
    average_precision,
    calibration_line,
    calibration_table,
    monitoring_sweep,
    precision_recall,
    recall_by_group,
    risk_scores,
)

SOURCE = Path(__file__).parents[1] / "data" / "raw" / "households" / "simulated"
CONFIG = read_config(SOURCE / "households.yml")
TRUTH = load_household_truth(SOURCE)
TERMS = list(return_risk(TRUTH)["term"][1:])
SIGMAS = 4.5  # a correct estimator fails one check in 150,000


def panel(n: int = 1500, seed: int = 1, years: tuple[int, ...] = (2020, 2021, 2022)):
    """Households whose income moves about; illness matters, noise does not."""
    rng = np.random.default_rng(seed)
    income = 8000 * np.exp(0.5 * rng.standard_normal(n))
    rows = []
    for year in years:
        ill = rng.integers(0, 2, n).astype(float)
        after = 8000 * (income / 8000) ** 0.7 * np.exp(0.4 * rng.standard_normal(n) - 0.4 * ill)
        rows.append(pd.DataFrame({
            "household": np.arange(n), "year": year, "income": income, "ill": ill,
            "noise": rng.standard_normal(n), "village": np.arange(n) // 10,
            "poor_next_year": (after < 5000).astype(float), "ratio": np.log(income / 5000),
        }))  # fmt: skip
        income = after
    return pd.concat(rows, ignore_index=True)


DESIGN = RiskDesign(
    predictors=("ratio", "ill"), poverty_line=5000, monitoring_line=7500, psu=("village",)
)


def forecast(outcome, risk, weight=None, **columns) -> Forecast:
    n = len(outcome)
    frame = pd.DataFrame({
        "outcome": outcome, "risk": risk, "weight": np.ones(n) if weight is None else weight,
        "base_rate": np.mean(outcome), "monitored": np.arange(n) < n // 3,
        "flagged": np.asarray(risk) >= np.median(risk), **columns,
    })  # fmt: skip
    return Forecast(frame, sample_units(frame, psu=[]))


# --- the logit


def test_logit_equals_r_survey(oracle):
    """R survey 4.1.1: svyglm(api00 < 600 ~ meals + ell), clusters dnum, glm epsilon 1e-15."""
    schools = pd.read_csv(oracle("apiclus1.csv"))
    units = sample_units(schools, psu=["dnum"])
    y, weight = (schools["api00"] < 600).astype(int), schools["pw"].to_numpy()
    fit = fit_logit(schools[["meals", "ell"]], y, weight, units)
    table = fit.coefficients
    np.testing.assert_allclose(
        table["estimate"], [-6.525666974259, 0.09719023320301, 0.01647034169918], rtol=1e-9
    )
    np.testing.assert_allclose(
        table["se"], [1.299545292704, 0.01713012765971, 0.01157087393152], rtol=1e-8
    )
    assert (table["df"] == 14).all()


def test_logit_of_a_domain_keeps_all_primary_units(oracle):
    """R survey: the same with subset(design, ell < 30); three districts have no school left."""
    schools = pd.read_csv(oracle("apiclus1.csv"))
    rows = (schools["ell"] < 30).to_numpy()
    own = schools[rows]
    fit = fit_logit(
        own[["meals", "ell"]], (own["api00"] < 600).astype(int), own["pw"].to_numpy(),
        sample_units(schools, psu=["dnum"]).of(rows),
    )  # fmt: skip
    np.testing.assert_allclose(
        fit.coefficients["estimate"],
        [-7.561723897102, 0.1064712074061, 0.06097967298189],
        rtol=1e-9,
    )
    assert (fit.coefficients["df"] == 11).all()
    np.testing.assert_allclose(
        fit.coefficients["se"], [1.611098424481, 0.02458432797354, 0.04195939956066], rtol=1e-8
    )


def test_logit_equals_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    frame = panel()
    x = frame[["ratio", "ill"]]
    fit = fit_logit(
        x, frame["poor_next_year"], np.ones(len(x)), sample_units(frame, psu=["village"])
    )
    reference = sm.Logit(frame["poor_next_year"], sm.add_constant(x)).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": frame["village"]}, tol=1e-12
    )
    factor = (len(x) - 1) / (len(x) - 3)  # statsmodels has it in the variance, survey samples not
    np.testing.assert_allclose(fit.coefficients["estimate"], reference.params, rtol=1e-7)
    np.testing.assert_allclose(fit.coefficients["se"] * np.sqrt(factor), reference.bse, rtol=1e-7)
    np.testing.assert_allclose(fit.probability(x), reference.predict(), rtol=1e-7)


def test_an_outcome_told_apart_perfectly_is_refused():
    x = pd.DataFrame({"good": np.arange(40.0), "bad": np.tile([0.0, 1.0], 20)})
    units = sample_units(x, psu=[])
    with pytest.raises(ValueError, match="apart perfectly, 'good' most of all"):
        fit_logit(x, (x["good"] > 20).astype(int), np.ones(40), units)
    with pytest.raises(ValueError, match="good, bad are collinear"):
        fit_logit(x.assign(bad=1 - x["good"]), x["bad"], np.ones(40), units)
    with pytest.raises(ValueError, match=r"'bad' does not vary.*\n.*always 1"):
        fit_logit(x.assign(bad=3.0), pd.Series(np.ones(40)), np.ones(40), units)


# --- the study


@pytest.fixture(scope="module")
def survey() -> pd.DataFrame:
    duckdb = pytest.importorskip("duckdb", reason="households need duckdb: make setup")
    from analysis.households.simulate_households import draw_villages, sample_sql
    from analysis.households.simulated_population import Survey, build_population

    counties = [f"{province}01{n:02d}" for province in (13, 51, 62) for n in range(21, 51)]
    with duckdb.connect() as connection:
        build_population(connection, counties, TRUTH, Survey(rows=60_000, seed=5))
        draw_villages(connection, TRUTH, Survey(rows=60_000, seed=5))
        query = sample_sql(TRUTH, Survey(rows=60_000, seed=5))
        rows = connection.sql(f"SELECT * FROM ({query}) ORDER BY household, year").df()
    return rows.assign(
        log_income_ratio=np.log(rows["income"] / TRUTH.poverty_line),
        low_schooling=(rows["schooling_years"] < 6).astype(int),
    )


def test_recovers_the_risk_of_the_simulated_households(survey):
    study = study_risk(survey, risk_design(CONFIG, TERMS, groups=("urban",)))
    assert (study.training_years, study.test_year) == ((2021, 2022), 2023)
    table = study.model.coefficients.merge(return_risk(TRUTH), on="term", validate="1:1")
    assert len(table) == len(TERMS) + 1
    assert ((table["estimate"] - table["truth"]) / table["se"]).abs().max() < SIGMAS
    line = calibration_line(study.forecast)
    assert ((line["value"] - [0, 1]) / line["se"]).abs().max() < SIGMAS
    classes = calibration_table(study.forecast, bins=5)
    seen = classes[classes["value"] > 0]
    assert ((seen["value"] - seen["predicted"]) / seen["se"]).abs().max() < SIGMAS
    scores = risk_scores(study.forecast).set_index(["rule", "measure"])["value"]
    assert scores["model", "recall"] > scores["monitoring", "recall"]
    assert scores["model", "brier_skill"] > 0.05


def test_the_outcome_is_what_the_panel_shows_a_year_later(survey):
    found = next_year_poverty(survey, poverty_line=TRUTH.poverty_line)
    assert found.isna().equals(survey["year"] == 2023)
    seen = found.notna()
    assert (found[seen] == survey.loc[seen, "poor_next_year"]).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 2))
def test_what_comes_later_changes_neither_model_nor_risks(seed, horizon):
    """Outcomes of the test year, and all of later years, may be anything."""
    design = replace(DESIGN, test_year=2022, horizon=horizon)
    frame = panel(years=(2020, 2021, 2022, 2023))
    rng = np.random.default_rng(seed)
    other = frame.copy()
    unknown = other["year"] + horizon > 2022
    other.loc[unknown, "poor_next_year"] = rng.integers(0, 2, unknown.sum())
    later = other["year"] > 2022
    other.loc[later, ["income", "ill", "ratio"]] = rng.uniform(1, 2, (later.sum(), 3))
    one, two = study_risk(frame, design), study_risk(other, design)
    pd.testing.assert_frame_equal(one.model.coefficients, two.model.coefficients)
    assert one.threshold == two.threshold
    pd.testing.assert_series_equal(one.forecast.frame["risk"], two.forecast.frame["risk"])
    assert max(one.training_years) + horizon <= one.test_year


def test_who_is_at_risk_and_who_is_watched():
    frame = panel()
    study = study_risk(frame, DESIGN)
    rows = study.forecast.frame
    assert (rows["income"] >= 5000).all() and (rows["year"] == 2022).all()
    assert rows["monitored"].equals(rows["income"] < 7500)
    past = frame[(frame["year"] < 2022) & (frame["income"] >= 5000)]
    assert study.counts["training"] == len(past)
    risk = study.model.probability(past[["ratio", "ill"]])
    watched = (past["income"] < 7500).mean()
    assert watched - 2 / len(past) < (risk >= study.threshold).mean() <= watched + 1e-12
    assert rows["base_rate"].unique() == pytest.approx([past["poor_next_year"].mean()])


def test_a_return_needs_earlier_poverty_seen_in_earlier_waves():
    frame = panel().sample(frac=1, random_state=1)
    study = study_risk(frame, replace(DESIGN, returned_only=True))
    assert study.training_years == (2021,)
    before = frame[(frame["year"] < 2022) & (frame["income"] < 5000)]["household"]
    now = frame[(frame["year"] == 2022) & (frame["income"] >= 5000)]
    expected = now[now["household"].isin(before)]
    assert set(study.forecast.frame["household"]) == set(expected["household"])


@pytest.mark.parametrize(
    "leak",
    [
        lambda later: later,
        lambda later: -np.log(later),
        lambda later: (later < 5000).astype(float),
        lambda later: (later < 9000).astype(float),
    ],
)
def test_a_predictor_from_the_future_is_refused(leak):
    frame = panel()
    later = frame.groupby("household")["income"].shift(-1)
    frame["secret"] = leak(later).where(later.notna())
    with pytest.raises(ValueError, match="'secret' follows the income 1 year"):
        study_risk(frame, replace(DESIGN, predictors=("ratio", "secret"), test_year=2021))


def test_missing_values_are_left_out_and_counted():
    frame = panel()
    frame.loc[frame.index[frame["year"] == 2021][:7], "ill"] = np.nan
    frame.loc[frame["year"] == 2021, "income"] = 6000.0
    frame.loc[frame.index[frame["year"] == 2022][:4], "poor_next_year"] = np.nan
    frame.loc[frame["year"] == 2022, "income"] = 6000.0
    before = frame.copy()
    counts = study_risk(frame, DESIGN).counts
    assert counts["training_missing"] == 7 and counts["test_missing"] == 4
    assert counts["test"] == 1496
    pd.testing.assert_frame_equal(frame, before)


def test_every_fault_of_the_study_is_named_at_once():
    frame = pd.concat([panel(60), panel(60).head(1)]).assign(word="a")
    design = replace(
        DESIGN, predictors=("absent", "word", "poor_next_year"), monitoring_line=4000, horizon=0
    )
    with pytest.raises(ValueError) as error:
        study_risk(frame, design)
    for part in ("absent", "word", "household", "is the outcome", "monitoring line 4000",
                 "horizon is 0"):  # fmt: skip
        assert part in str(error.value)
    wrong = panel(60).assign(poor_next_year=2.0, weight=0.0)
    with pytest.raises(ValueError, match=r"neither 0 nor 1 in 180 rows.*\n.*above zero in 180"):
        study_risk(wrong, replace(DESIGN, weight="weight"))
    with pytest.raises(ValueError, match="known by 2020"):
        study_risk(panel(60), replace(DESIGN, test_year=2020))


def test_a_household_study_gives_its_columns_and_lines():
    design = risk_design(CONFIG, ["income"], groups=("urban",))
    assert (design.poverty_line, design.monitoring_line) == (5000, 7500)
    assert (design.psu, design.stratum, design.weight) == (("village",), ("stratum",), "weight")
    bare = parse_config(
        {"columns": {"income": "y"}, "poverty_line": {2020: 1.0}}
        | {"columns": {"income": "y", "year": "t"}}
    )
    with pytest.raises(ValueError) as error:
        risk_design(bare, ["x"])
    for part in ("columns: household:", "poverty_line", "monitoring_line"):
        assert part in str(error.value)
    assert risk_design(CONFIG, ["x"], monitoring_line=9000).monitoring_line == 9000


# --- scores


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(
        st.tuples(st.booleans(), st.integers(1, 6), st.integers(1, 5)), min_size=2, max_size=40
    ).filter(lambda rows: any(y for y, _, _ in rows))
)
def test_precision_recall_equal_scikit_learn(data):
    metrics = pytest.importorskip("sklearn.metrics")
    outcome, risk, weight = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    curve = precision_recall(forecast(outcome, risk / 7, weight))
    expected = metrics.average_precision_score(outcome, risk, sample_weight=weight)
    assert average_precision(curve) == pytest.approx(expected, rel=1e-12)
    precision, recall, _ = metrics.precision_recall_curve(outcome, risk, sample_weight=weight)
    np.testing.assert_allclose(curve["precision"], precision[-2::-1], rtol=1e-12)
    np.testing.assert_allclose(curve["recall"], recall[-2::-1], rtol=1e-12)
    assert curve["watched"].iloc[-1] == pytest.approx(1)


def test_slope_and_intercept_tell_how_risks_are_distorted():
    rng = np.random.default_rng(3)
    risk = expit(rng.normal(-2, 1, 20_000))
    found = forecast((rng.uniform(size=20_000) < risk).astype(int), risk)
    plain = calibration_line(found).set_index("term")["value"]
    doubled = Forecast(found.frame.assign(risk=expit(2 * logit(risk) + 1)), found.units)
    other = calibration_line(doubled).set_index("term")["value"]
    assert other["calibration_slope"] == pytest.approx(plain["calibration_slope"] / 2, rel=1e-9)
    expected = plain["calibration_intercept"] - plain["calibration_slope"] / 2
    assert other["calibration_intercept"] == pytest.approx(expected, rel=1e-9)


def test_classes_of_risk_add_up_and_keep_equal_risks_together():
    rng = np.random.default_rng(4)
    risk = np.concatenate([rng.uniform(0, 1, 500), np.full(100, 0.25)])
    weight = rng.uniform(1, 3, 600)
    found = forecast((rng.uniform(size=600) < risk).astype(int), risk, weight)
    table = calibration_table(found)
    assert table["n"].sum() == 600 and table["share"].sum() == pytest.approx(1)
    for column, values in (("predicted", risk), ("value", found.frame["outcome"])):
        total = np.average(values, weights=weight)
        assert (table[column] * table["share"]).sum() == pytest.approx(total, rel=1e-12)
    assert table["predicted"].is_monotonic_increasing
    assert table["n"].max() >= 100
    with pytest.raises(ValueError, match="bins is 1"):
        calibration_table(found, bins=1)


def test_brier_score_by_hand():
    found = forecast([1, 0, 0, 1], [0.8, 0.4, 0.1, 0.3], [1, 2, 1, 1])
    scores = risk_scores(found).set_index(["rule", "measure"])["value"]
    brier = (0.04 + 2 * 0.16 + 0.01 + 0.49) / 5
    assert scores["model", "brier"] == pytest.approx(brier, rel=1e-12)
    assert scores["model", "brier_skill"] == pytest.approx(1 - brier / 0.25, rel=1e-12)
    assert scores["", "prevalence"] == pytest.approx(0.4)


def test_recall_by_group_by_hand():
    found = forecast(
        [1, 1, 0, 1, 0, 0], [0.9, 0.1, 0.8, 0.7, 0.2, 0.1], [1, 3, 2, 1, 1, 1],
        town=["a", "a", "a", "b", "b", "b"],
    )  # fmt: skip
    frame = found.frame.assign(flagged=[True, False, True, True, False, False],
                               monitored=[False, True, True, False, False, False])  # fmt: skip
    table = recall_by_group(Forecast(frame, found.units), ["town"])
    value = table.set_index(["item", "rule", "measure"])["value"]
    assert value["a", "model", "recall"] == pytest.approx(1 / 4)
    assert value["a", "model", "precision"] == pytest.approx(1 / 3)
    assert value["a", "model", "watched"] == pytest.approx(3 / 6)
    assert value["a", "monitoring", "recall"] == pytest.approx(3 / 4)
    assert value["b", "model", "recall"] == 1
    assert value["b", "monitoring", "recall"] == 0
    assert np.isnan(value["b", "monitoring", "precision"])
    assert value["b", "", "prevalence"] == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="county missing"):
        recall_by_group(found, ["county"])


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 0.7), (0.49, 0.9), (0.75, 0.7), (1.0, 0.1), (0.0, 0.9)]
)
def test_threshold_flags_no_more_than_the_share(share, expected):
    risk, weight = np.array([0.1, 0.7, 0.9, 0.7]), np.array([2.0, 1.0, 1.0, 0.0])
    assert flag_threshold(risk, weight, share) == expected


def test_monitoring_lines_against_as_many_of_the_highest_risks():
    found = forecast([1, 0, 1, 0], [0.9, 0.2, 0.1, 0.3], income=[5500.0, 6000.0, 8000.0, 9000.0])
    table = monitoring_sweep(found, [5000, 6500, 20_000])
    assert list(table["line"]) == [6500, 6500, 20_000, 20_000]
    rows: Any = table.set_index(["line", "rule"])
    assert rows.loc[(6500, "monitoring")].tolist() == [0.5, 0.5, 0.5]
    assert rows.loc[(6500, "model")].tolist() == [0.5, 0.5, 0.5]
    assert rows.loc[(20_000, "model")].tolist() == [1.0, 0.5, 1.0]
