"""Coverage study: what is repeated, what is summed up, and what the committed table must show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.households.coverage import (
    BAND,
    EVERYBODY,
    MEASURES,
    METHODS,
    SUMMARY,
    coverage_study,
    load_world,
    method_configs,
    population_truth,
    replicate,
    summarise,
)
from analysis.households.coverage_figures import write_study

ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "raw"
KEYS = ["measure", "group", "method"]


@pytest.fixture(scope="module")
def world():
    whole = load_world(RAW, seed=5, households=4_800)
    provinces = ("46", "64", "22")
    counties = tuple(code for code in whole.counties if code.startswith(provinces))
    return replace(whole, counties=counties)


def test_methods_drop_what_their_names_say(world):
    configs = method_configs(world.config)
    assert tuple(configs) == METHODS
    design, weights, unweighted = configs.values()
    assert design.stratum == ("stratum",) and design.psu == ("village",)
    assert weights.stratum == weights.psu == unweighted.psu == ()
    assert weights.columns == design.columns
    assert set(design.columns) - set(unweighted.columns) == {"weight"}


def test_samples_do_not_depend_on_how_they_are_shared_out(world):
    few = replace(world, config=replace(world.config, measures=("H",)))
    together = replicate(few, [3, 4])
    apart = pd.concat([replicate(few, [3]), replicate(few, [4])], ignore_index=True)
    pd.testing.assert_frame_equal(together, apart)
    assert set(together["method"]) == set(METHODS) and set(together["replication"]) == {3, 4}


def test_a_study_has_every_measure_group_and_method(world, tmp_path):
    table = coverage_study(world, replications=2, workers=1)
    assert list(table.columns) == list(SUMMARY)
    groups = (EVERYBODY, "0", "1")
    expected = {(name, group, how) for name in MEASURES for group in groups for how in METHODS}
    assert set(table[KEYS].itertuples(index=False, name=None)) == expected
    assert len(table) == len(expected) and (table["failures"] == 0).all()
    # the same households with the same weights: only the errors differ
    values = table.set_index(KEYS)["mean"].unstack("method")
    np.testing.assert_allclose(values["weights"], values["design"], rtol=1e-12)
    estimate = table[table["method"] == "design"]
    assert (np.abs(estimate["bias"]) < 6 * estimate["mean_se"]).all()
    write_study(tmp_path / "made", table)
    assert len(pd.read_csv(tmp_path / "made" / "coverage.csv")) == len(table)
    assert "SIMULATED" in (tmp_path / "made" / "coverage_table.html").read_text(encoding="utf-8")


def test_truth_is_the_population_split_into_urban_and_rural(world):
    truth = population_truth(world).set_index(["measure", "group"])["truth"]
    for name in ("H", "M0", "FGT0", "mean_income"):
        low, high = sorted((truth[name, "0"], truth[name, "1"]))
        assert low < truth[name, EVERYBODY] < high
    for group in (EVERYBODY, "0", "1"):
        assert truth["M0", group] == pytest.approx(truth["H", group] * truth["A", group])


def test_the_summary_in_closed_form():
    values = pd.DataFrame(
        {
            "measure": "H", "group": EVERYBODY, "method": "design", "replication": range(5),
            "value": [0.1, 0.2, 0.3, 0.4, np.nan], "se": 0.05, "ci_low": [0.0, 0.1, 0.2, 0.3, 0.3],
            "ci_high": [0.2, 0.3, 0.4, 0.5, 0.5], "n": [10, 20, 30, 40, 50],
        }
    )  # fmt: skip
    truth = pd.DataFrame({"measure": ["H"], "group": [EVERYBODY], "truth": [0.2]})
    row = summarise(values, truth).iloc[0]
    sd = np.sqrt(0.05 / 3)
    expected = {
        "truth": 0.2, "mean": 0.25, "bias": 0.05, "sd": sd, "bias_mc_error": sd / 2,
        "mean_se": 0.05, "coverage": 0.75, "coverage_mc_error": np.sqrt(0.75 * 0.25 / 4),
        "households": 30, "replications": 5, "failures": 1,
    }  # fmt: skip
    for name, value in expected.items():
        assert row[name] == pytest.approx(value), name


def test_numbers_must_be_positive(world):
    with pytest.raises(ValueError, match=r"replications is 0(.|\n)*workers is -1"):
        coverage_study(world, replications=0, workers=-1)


def test_the_committed_study_covers_with_the_design_and_h_m0_and_mean_income_fail_without():
    path = ROOT / "figures" / "households_coverage" / "coverage.csv"
    if not path.is_file():
        pytest.skip(f"{path.name}: not there; run the coverage study")
    table = pd.read_csv(path, dtype={"group": str}).set_index(KEYS)
    assert (table["replications"] >= 500).all() and (table["failures"] == 0).all()
    design = table.xs("design", level="method")
    assert design["coverage"].between(*BAND).all()
    assert (np.abs(design["bias"]) < 4 * design["bias_mc_error"]).all()
    shares = table["coverage"].unstack("method").xs(EVERYBODY, level="group")
    failing = shares.loc[["H", "M0", "mean_income"]]
    assert (failing["weights"] < BAND[0]).all() and (failing["unweighted"] < 0.5).all()


@pytest.mark.slow
def test_workers_do_not_change_the_table(world):
    one, two = (coverage_study(world, replications=20, workers=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)
