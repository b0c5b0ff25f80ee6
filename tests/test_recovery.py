"""Estimators recover the truth of a small simulated panel on the embedded map."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import geography, poverty_list, recovery
from analysis.long_difference import ladder
from analysis.panel_fit import MODELS
from analysis.simulate import simulate_counties
from analysis.truth import load_truth, truth_table

RAW = Path(__file__).parents[1] / "data" / "raw"
THREE_SE = 3.0  # a correct estimate is further off once in 370 draws
EVERY = 4  # of the counties of the map
SAME = 1e-10  # rows in another order, rounding of sums
NUMERIC = 1e-5  # slope over counties whose income is rounded to four decimals
TRUTH = load_truth(RAW / "simulation")


def simulated(truth=TRUTH, seed=11):
    """Panel of every fourth county of the map and of the list, and the truth of it."""
    counties = geography.load_counties(RAW / "boundaries").drop(columns="geometry").iloc[::EVERY]
    poverty = geography.fix_poverty_codes(poverty_list.load_list(RAW / "facts"))
    poverty = poverty[poverty["code"].isin(counties["code"])]
    panel = simulate_counties(counties, poverty, truth, seed=seed)
    return panel, truth_table(truth, panel)


@pytest.fixture(scope="module")
def drawn():
    return simulated()


def income_ladder(panel):
    return ladder(
        panel, outcomes=["log_income"], baseline_controls=["disadvantage"], cluster="province"
    )


def distance(row, truth):
    """Distance of an estimate from its truth in standard errors."""
    known = truth.set_index("parameter")["truth"][row["parameter"]]
    return (row["estimate"] - known) / row["se"]


def test_headline_of_the_linkage_slope_recovers_and_naive_ones_do_not(drawn):
    panel, truth = drawn
    before = panel.copy()
    slopes = recovery.linkage_slopes(panel)
    pd.testing.assert_frame_equal(panel, before)
    assert list(slopes) == recovery.COLUMNS and (slopes["parameter"] == "kappa").all()
    off = slopes.set_index("estimator_en").apply(distance, axis=1, truth=truth).abs()
    headline = slopes[slopes["headline"]]["estimator_en"].tolist()
    assert headline == [MODELS["two_way"].label_en]
    assert off[headline[0]] < THREE_SE
    for naive in ("pooled", "between"):
        assert off[MODELS[naive].label_en] > THREE_SE


def test_linkage_slope_uses_the_year_before_of_the_same_county(drawn):
    panel, _ = drawn
    straight, mixed = (
        recovery.linkage_slopes(frame).set_index("estimator_en")
        for frame in (panel, panel.sample(frac=1, random_state=0))
    )
    same = mixed.loc[straight.index, "estimate"]
    assert np.allclose(straight["estimate"], same, rtol=0, atol=SAME)
    pairs = panel["code"].nunique() * (panel["year"].nunique() - 1)
    assert straight.loc[straight["headline"], "n"].tolist() == [pairs]


def test_catch_up_slope_recovers(drawn):
    panel, truth = drawn
    row = recovery.catch_up_slope(panel)
    assert len(row) == 1 and list(row) == recovery.COLUMNS
    assert abs(distance(row.iloc[0], truth)) < THREE_SE
    assert row["n"].item() == (~panel["designated"]).sum()


@pytest.mark.parametrize("catch_up", [0.0, 0.0105])
def test_catch_up_slope_is_the_parameter_where_nothing_is_random(catch_up):
    quiet: dict[str, Any] = {
        field.name: 0.0
        for field in dataclasses.fields(TRUTH)
        if field.name.endswith("_sd") and not field.name.startswith(("disadvantage", "alleviation"))
    }
    panel, _ = simulated(dataclasses.replace(TRUTH, **quiet, catch_up=catch_up))
    estimate = recovery.catch_up_slope(panel)["estimate"].item()
    assert estimate == pytest.approx(catch_up, abs=NUMERIC)


def test_delisting_gap_within_provinces_is_the_headline_and_recovers(drawn):
    panel, truth = drawn
    gaps = recovery.delisting_gaps(income_ladder(panel))
    assert gaps["estimator_en"].tolist() == [en for en, _ in recovery.RUNGS.values()]
    assert gaps["estimator_zh"].tolist() == [zh for _, zh in recovery.RUNGS.values()]
    off = gaps.set_index("estimator_en").apply(distance, axis=1, truth=truth).abs()
    assert gaps.loc[gaps["headline"], "estimator_en"].tolist() == ["within provinces"]
    assert off["within provinces"] < THREE_SE
    assert off["raw gap"] > THREE_SE


def test_other_outcomes_are_no_delisting_gap(drawn):
    table = income_ladder(drawn[0])
    other = table.assign(outcome="poverty_headcount", estimate=99.0)
    both = pd.concat([other, table], ignore_index=True)
    pd.testing.assert_frame_equal(recovery.delisting_gaps(both), recovery.delisting_gaps(table))


def estimates(**columns):
    frame = pd.DataFrame(columns)
    return frame.assign(estimator_en="a", estimator_zh="甲", headline=True, se=1.0, n=9)[
        recovery.COLUMNS
    ]


def test_compare_covers_where_the_closed_interval_holds_the_truth():
    truth = pd.DataFrame({
        "parameter": ["x", "unused"], "truth": [1.0, 5.0], "unit": "u", "label_en": "X",
        "label_zh": "未", "about": "",
    })  # fmt: skip
    first = estimates(parameter="x", estimate=[1.5, 1.5], ci_low=[1.0, 1.01], ci_high=[2.0, 2.0])
    second = estimates(parameter=["x"], estimate=[0.5], ci_low=[0.0], ci_high=[0.99])
    table = recovery.compare(truth, first, second)
    assert table["covers"].tolist() == [True, False, False]
    assert table["truth"].tolist() == [1.0] * 3 and (table["label_zh"] == "未").all()
    unknown = estimates(parameter=["y"], estimate=[0.5], ci_low=[0.0], ci_high=[0.99])
    lost = recovery.compare(truth, unknown)
    assert lost["truth"].isna().all() and not lost["covers"].any()


def test_comparison_meets_its_contract(drawn):
    from analysis.schemas import validate

    panel, truth = drawn
    table = recovery.compare(
        truth,
        recovery.linkage_slopes(panel),
        recovery.delisting_gaps(income_ladder(panel)),
        recovery.catch_up_slope(panel),
    )
    assert len(validate("truth_comparison", table)) == 5 + 4 + 1
