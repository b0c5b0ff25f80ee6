"""True effects follow from the parameters; bad parameters are all reported."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.truth import (
    COHORTS,
    YEARS,
    average_effects,
    delisting_effect,
    load_truth,
    truth_table,
)

SIMULATION = Path(__file__).parents[1] / "data" / "raw" / "simulation"
SIZES = dict(zip(COHORTS, (28, 125, 283, 344, 52), strict=True))
SIX_DECIMALS = 5e-7
TRUTH = load_truth(SIMULATION)


def cohort_panel(sizes):
    cohorts = pd.Series([g for g, n in sizes.items() for _ in range(n)], dtype="Int64")
    places = pd.DataFrame({"code": cohorts.index.astype(str), "delisted_year": cohorts})
    return places.merge(pd.DataFrame({"year": YEARS}), how="cross")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("simple", 0.025212), ("group", 0.024269), ("dynamic", 0.031848), ("2020", 0.024620)],
)
def test_average_effects_with_the_real_cohorts(name, expected):
    effects = average_effects(TRUTH, cohort_panel(SIZES))
    assert effects[name] == pytest.approx(expected, abs=SIX_DECIMALS)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=5, max_size=5),
    path=st.lists(st.floats(-0.1, 0.1), min_size=7, max_size=7),
    multiplier=st.lists(st.floats(-2, 2), min_size=5, max_size=5),
)
def test_averages_equal_the_definition_county_by_county(sizes, path, multiplier):
    truth = dataclasses.replace(TRUTH, effect_path=tuple(path), effect_multiplier=tuple(multiplier))
    treated = [
        (g, t - g, multiplier[g - 2016] * path[t - g])
        for g, n in zip(COHORTS, sizes, strict=True)
        for _ in range(n)
        for t in range(g, 2023)
    ]
    cells = pd.DataFrame(treated, columns=["g", "e", "effect"])
    of_county = [cells[cells["g"] == g]["effect"].mean() for g in COHORTS]
    effects = average_effects(truth, cohort_panel(dict(zip(COHORTS, sizes, strict=True))))
    assert effects["simple"] == pytest.approx(cells["effect"].mean(), abs=1e-12)
    assert effects["dynamic"] == pytest.approx(
        cells.groupby("e")["effect"].mean().mean(), abs=1e-12
    )
    assert effects["group"] == pytest.approx(np.average(of_county, weights=sizes), abs=1e-12)


def test_effect_is_zero_before_delisting_but_for_anticipation():
    truth = dataclasses.replace(TRUTH, anticipation=0.5)
    years = np.array([2015, 2016, 2017, 2018, 2019])
    assert delisting_effect(truth, 2018, years) == pytest.approx([0, 0, 0.005, 0.010, 0.020])
    assert delisting_effect(truth, np.nan, years) == pytest.approx(np.zeros(5))
    assert average_effects(truth, cohort_panel(SIZES)) == average_effects(
        TRUTH, cohort_panel(SIZES)
    )


def test_truth_table_names_and_labels():
    table = truth_table(TRUTH, cohort_panel(SIZES)).set_index("parameter")
    averages = [f"delisting_effect_{a}" for a in ("2020", "dynamic", "group", "simple")]
    assert list(table.index) == ["catch_up", *averages, "kappa"]
    assert table.loc["kappa", "truth"] == 0.25
    assert table.loc["catch_up", "truth"] == 0.004
    assert table.notna().all(axis=None)


def test_load_truth_lists_every_problem(tmp_path):
    content = yaml.safe_load((SIMULATION / "truth.yml").read_text(encoding="utf-8"))
    del content["loading"]
    content |= {"kapa": 1, "error_ar": 1.5, "kappa": True, "effect_path": [0.1], "error_sd": "x"}
    content["income_growth"] = [*content["income_growth"][:-1], float("nan")]
    (tmp_path / "truth.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        load_truth(tmp_path)
    text = str(caught.value)
    for part in (
        "7 problems",
        "kapa: unknown parameter (did you mean kappa?)",
        "loading: missing",
        "error_ar: expected a number from -0.95 to 0.95, got 1.5",
        "kappa: expected a number from -1 to 1, got True",
        "effect_path: expected a list of 7 numbers",
        "error_sd: expected a number from 0 to 1, got 'x'",
        "income_growth: expected a list of 12 numbers from -0.5 to 0.5, got nan",
    ):
        assert part in text


def test_a_varied_truth_is_validated():
    with pytest.raises(ValueError, match="catch_up: expected a number"):
        dataclasses.replace(TRUTH, catch_up=4.0)
