"""Monte Carlo study: what a replication runs, resuming, workers, the summary in closed form."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.models import montecarlo
from analysis.models.delisting import ESTIMATORS as DELISTING_ESTIMATORS
from analysis.models.delisting_design import design_sample, estimate_designs, true_effects
from analysis.models.delisting_terms import FAST
from analysis.models.montecarlo import SUMMARY, run_montecarlo, summarise
from analysis.models.montecarlo_replications import (
    CLUSTERS,
    COLUMNS,
    ESTIMATORS,
    KEYS,
    LADDER,
    LADDER_CLUSTERS,
    LADDER_RUNGS,
    SCENARIOS,
    SPACE,
    SPACE_MODELS,
    Scenario,
    delisting_replication,
    delisting_scenario,
    load_world,
    replicate,
    replication_seed,
    space_replication,
)
from analysis.models.montecarlo_theory import (
    BIASED,
    BOTH,
    COVERS,
    REASONS,
    UNDERSTATED,
    expectation,
)
from analysis.models.simulate_space import SpatialTruth
from analysis.models.spatial_weights import restrict
from analysis.simulate import simulate_counties

RAW = Path(__file__).parents[1] / "data" / "raw"
CALM = delisting_scenario(0.0, 0.0, estimators=ESTIMATORS)
DRIFT = delisting_scenario(0.0105, 0.0, estimators=ESTIMATORS)
SHORT = (CALM, Scenario("space", "space"))


@pytest.fixture(scope="module")
def world():
    return load_world(RAW)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Four replications of two scenarios by two processes, in chunks of one, and their folder."""
    folder = tmp_path_factory.mktemp("chunks")
    lines: list[str] = []
    done = run_montecarlo(
        RAW, folder, replications=4, workers=2, scenarios=SHORT, chunk=1, tell=lines.append
    )
    return done, folder, lines


def one(table, **key):
    row = table[np.logical_and.reduce([table[c] == v for c, v in key.items()])]
    assert len(row) == 1
    return row.iloc[0]


# --- one replication


def test_a_replication_is_what_the_public_functions_give(world):
    table = replicate(world, DRIFT, seed=7)
    assert list(table.columns) == list(COLUMNS)
    assert (table["failure"] == "").all() and not table.duplicated(list(KEYS)).any()
    truth = replace(world.truth, catch_up=0.0105, province_shock_sd=0.0)
    panel = simulate_counties(world.counties, world.poverty, truth, seed=7)
    direct = estimate_designs(
        panel, outcome="log_income", baseline=("disadvantage",), estimators=("sun_abraham",),
        inference=FAST,
    )  # fmt: skip
    for design in ("D1", "D2"):
        known = true_effects(truth, design_sample(panel, design)).set_index("term")["truth"]
        for cluster in CLUSTERS:
            key = {"design": design, "term": "simple", "cluster_by": cluster}
            found = one(table, estimator="sun_abraham", **key)
            expected = one(direct, **key)
            for column in ("value", "se", "ci_low", "ci_high"):
                assert found[column] == pytest.approx(expected[column], abs=1e-14)
            assert found["truth"] == known["simple"]
    assert (table["gamma"] == 0.0105).all() and (table["sigma_p"] == 0).all()


def test_a_replication_has_every_estimator_and_cluster(world):
    table = replicate(world, CALM, seed=1)
    designs = {(d, e, c) for d in ("D1", "D2") for e in ESTIMATORS for c in CLUSTERS}
    rungs = {(LADDER, r, c) for r in LADDER_RUNGS for c in LADDER_CLUSTERS}
    found = set(table[["design", "estimator", "cluster_by"]].itertuples(index=False, name=None))
    assert found == designs | rungs
    space = replicate(world, Scenario("space", "space"), seed=1)
    assert set(space["estimator"]) == set(SPACE_MODELS)
    assert len(space) == 6 * len(SPACE_MODELS) and space["truth"].notna().all()


def test_scenarios_share_their_draws(world):
    """Given disadvantage, the catch-up moves nothing but the rounding of the panel."""
    calm, drift = (replicate(world, scenario, seed=3) for scenario in (CALM, DRIFT))
    conditional = calm["estimator"].isin(["callaway_santanna", "imputation", "two_way"])
    gap = (calm["value"] - drift["value"]).abs()
    assert gap[conditional].max() < 2e-5
    assert gap[calm["estimator"].isin(["callaway_santanna_raw", "raw"])].min() > 1e-3


def test_what_cannot_be_estimated_is_a_failure_with_its_reason(world):
    first = world.poverty["delisted_year"] == 2016
    poverty = world.poverty[~first | (first.cumsum() == 1)]
    table = delisting_replication(
        world.counties, poverty, world.truth, seed=1, estimators=("two_way", "callaway_santanna")
    )
    failed = table[table["design"].isin(["D1", "D2"])]
    assert len(failed) == 8 and failed["value"].isna().all()
    assert failed["failure"].str.contains("cohort 2016 has 1 unit").all()
    assert failed["truth"].notna().all()
    assert (table.loc[table["design"] == LADDER, "failure"] == "").all()


def test_one_failing_estimator_leaves_the_others(world, monkeypatch):
    def refuse_imputation(panel, *, estimators, **options):
        if "imputation" in estimators:
            raise np.linalg.LinAlgError("singular")
        return estimate_designs(panel, estimators=estimators, **options)

    monkeypatch.setattr(
        "analysis.models.montecarlo_replications.estimate_designs", refuse_imputation
    )
    table = delisting_replication(
        world.counties, world.poverty, world.truth, seed=1, estimators=("two_way", "imputation")
    )
    failed = table["failure"] == "LinAlgError: singular"
    assert set(table.loc[failed, "estimator"]) == {"imputation"}
    assert set(table.loc[~failed & (table["design"] == "D1"), "estimator"]) == {"two_way"}


def test_a_space_that_cannot_be_fitted_is_a_failure(world):
    few = restrict(world.weights, world.weights.ids[:60])
    if few.islands:
        few = restrict(few, [name for name in few.ids if name not in few.islands])
    table = space_replication(few, SpatialTruth(years=1), seed=1, draws=50)
    two_way = table["estimator"] != "durbin_pooled"
    assert table.loc[two_way, "failure"].ne("").all()
    assert table["term"].nunique() == 6 and table["truth"].notna().all()


def test_unknown_studies_are_refused(world):
    with pytest.raises(ValueError, match="study 'moon' is not 'delisting' or 'space'"):
        replicate(world, Scenario("odd", "moon"), seed=1)
    bare = replace(world, weights=None)
    with pytest.raises(ValueError, match="has no weights: use load_world"):
        replicate(bare, Scenario("space", "space"), seed=1)


def test_seeds_differ_by_replication_and_study():
    seeds = {replication_seed(study, number) for study in (1, 2) for number in range(200)}
    assert len(seeds) == 400
    assert replication_seed(832, 0) == replication_seed(832, 0)


# --- the study


def test_workers_and_chunks_do_not_change_the_numbers(study, tmp_path):
    again = run_montecarlo(RAW, tmp_path, replications=4, workers=1, scenarios=SHORT, chunk=3)
    pd.testing.assert_frame_equal(again.estimates, study[0].estimates, check_exact=True)
    assert again.minutes > 0


def test_estimates_are_in_order_and_told_of(study):
    done, folder, lines = study
    table = done.estimates
    assert list(table.columns) == ["scenario", "replication", *COLUMNS]
    assert list(dict.fromkeys(table["scenario"])) == [s.name for s in SHORT]
    for _, part in table.groupby("scenario"):
        assert list(dict.fromkeys(part["replication"])) == [0, 1, 2, 3]
    assert len(lines) == 9 and lines[0] == "0 of 8 chunks are there"
    assert lines[-1].startswith("8 of 8 chunks in ")
    assert len(list(folder.rglob("*.parquet"))) == 8


def test_a_study_resumes_where_it_stopped(study):
    done, folder, _ = study
    files = sorted(folder.rglob("*.parquet"))
    before = {path: path.stat().st_mtime_ns for path in files}
    files[2].unlink()
    (files[0].parent / f".{files[0].name}.999999999.part").write_text("half")
    lines: list[str] = []
    again = run_montecarlo(
        RAW, folder, replications=4, workers=2, scenarios=SHORT, chunk=1, tell=lines.append
    )
    pd.testing.assert_frame_equal(again.estimates, done.estimates, check_exact=True)
    assert lines[0] == "7 of 8 chunks are there" and len(lines) == 2
    kept = [path for path in files if path.stat().st_mtime_ns == before[path]]
    assert kept == [path for path in files if path != files[2]]
    assert not list(folder.rglob(".*.part"))


def test_nothing_is_computed_where_all_is_there(study, monkeypatch):
    done, folder, _ = study
    monkeypatch.setattr(montecarlo, "load_world", None)
    again = run_montecarlo(RAW, folder, replications=4, scenarios=SHORT, chunk=1)
    pd.testing.assert_frame_equal(again.estimates, done.estimates)
    fewer = run_montecarlo(RAW, folder, replications=2, scenarios=SHORT[:1], chunk=1)
    assert set(fewer.estimates["replication"]) == {0, 1}
    assert fewer.minutes < done.minutes
    with pytest.raises(TypeError):  # another seed is another study
        run_montecarlo(RAW, folder, replications=4, scenarios=SHORT, chunk=1, seed=1)


def test_a_broken_scenario_ends_the_study_and_keeps_the_rest(tmp_path):
    broken = Scenario("broken", "delisting", (("catch_up", 99.0),))
    with pytest.raises(ValueError, match="catch_up"):
        run_montecarlo(RAW, tmp_path, replications=1, workers=1, scenarios=(CALM, broken), chunk=1)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_impossible_studies_are_refused_with_every_fault(tmp_path):
    twice = (CALM, CALM)
    with pytest.raises(ValueError, match=r"replications is 0(.|\n)*chunk is -1(.|\n)*stands twice"):
        run_montecarlo(RAW, tmp_path, replications=0, chunk=-1, scenarios=twice)
    with pytest.raises(ValueError, match="no scenario"):
        run_montecarlo(RAW, tmp_path, scenarios=())


# --- the summary


def estimates(values, errors, *, truth=0.5, **key):
    own = {
        "scenario": "s", "gamma": 0.0, "sigma_p": 0.0, "design": "D2",
        "estimator": "callaway_santanna", "cluster_by": "code", "term": "simple", "failure": "",
    } | key  # fmt: skip
    values, errors = np.asarray(values, float), np.asarray(errors, float)
    return pd.DataFrame(own | {
        "replication": np.arange(len(values)), "truth": truth, "value": values, "se": errors,
        "ci_low": values - 2 * errors, "ci_high": values + 2 * errors,
    })  # fmt: skip


def test_summary_in_closed_form():
    values, errors = [0.3, 0.5, 0.6, 0.8, np.nan], [0.2, 0.1, 0.1, 0.1, 0.1]
    row = summarise(estimates(values, errors)).iloc[0]
    assert row["mean"] == pytest.approx(0.55) and row["bias"] == pytest.approx(0.05)
    sd = np.sqrt((0.25**2 + 0.05**2 + 0.05**2 + 0.25**2) / 3)
    assert row["sd"] == pytest.approx(sd) and row["bias_mc_error"] == pytest.approx(sd / 2)
    assert row["mean_se"] == pytest.approx(0.125)
    assert row["coverage"] == pytest.approx(0.75)  # |0.8 - 0.5| > 2 x 0.1
    assert row["coverage_mc_error"] == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    assert (row["replications"], row["failures"]) == (5, 1)
    assert row["expected"] == COVERS and row["reason_en"] == REASONS["sound"][0]


def test_summary_has_a_row_for_each_estimator_in_order():
    both = pd.concat([
        estimates([1.0, 2.0], [1.0, 1.0], estimator="two_way"),
        estimates([1.0, 2.0], [1.0, 1.0]),
        estimates([np.nan, np.nan], [1.0, 1.0], cluster_by="province"),
        estimates([1.0, 2.0], [1.0, 1.0], design=SPACE, estimator="durbin", gamma=np.nan,
                  sigma_p=np.nan, cluster_by="none", term="x1 total"),
    ])  # fmt: skip
    table = summarise(both)
    assert list(table.columns) == list(SUMMARY) and len(table) == 4
    assert table["estimator"].tolist() == ["two_way", *["callaway_santanna"] * 2, "durbin"]
    assert table.loc[2, ["mean", "sd", "coverage", "coverage_mc_error"]].isna().all()
    assert table.loc[2, "failures"] == 2


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 2)), min_size=2, max_size=30),
    st.floats(-1, 1),
    st.randoms(use_true_random=False),
)
def test_summary_does_not_depend_on_the_order(draws, truth, random):
    values, errors = zip(*draws, strict=True)
    frame = estimates(values, errors, truth=truth)
    row = summarise(frame).iloc[0]
    assert (
        0 <= row["coverage"] <= 1 and row["coverage_mc_error"] <= 0.5 / np.sqrt(len(draws)) + 1e-12
    )
    assert row["bias"] == pytest.approx(row["mean"] - row["truth"], abs=1e-12)
    mixed = list(range(len(draws)))
    random.shuffle(mixed)
    other = summarise(frame.iloc[mixed]).iloc[0]
    numbers = ["mean", "bias", "sd", "mean_se", "coverage"]
    assert other[numbers].to_numpy(float) == pytest.approx(row[numbers].to_numpy(float), abs=1e-9)


def test_coverage_of_normal_draws_is_that_of_theory():
    """Biased by one standard deviation, a 95 % interval covers Phi(.96) - Phi(-2.96) = .83."""
    rng = np.random.default_rng(0)
    values = 0.5 + rng.normal(size=40_000) + 1.0
    frame = estimates(values, np.ones(len(values)))
    frame = frame.assign(ci_low=values - 1.959964, ci_high=values + 1.959964)
    row = summarise(frame).iloc[0]
    assert row["coverage"] == pytest.approx(0.8299, abs=4 * row["coverage_mc_error"])


def test_a_few_replications_show_what_theory_says(world):
    frames = [
        replicate(world, DRIFT, seed=replication_seed(1, number)).assign(
            scenario=DRIFT.name, replication=number
        )
        for number in range(6)
    ]
    table = summarise(pd.concat(frames))
    sound = table[table["expected"] == COVERS]
    assert (sound["bias"].abs() < 5 * sound["bias_mc_error"]).all()
    for key in (("D2", "callaway_santanna_raw"), ("D2", "two_way_raw"), (LADDER, "raw")):
        own = table[(table["design"] == key[0]) & (table["estimator"] == key[1])]
        assert (own["coverage"] == 0).all() and (own["bias"] > 0.02).all()


# --- expectations


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("D1", "callaway_santanna", "code", 0.004, 0.0), COVERS),
        (("D2", "callaway_santanna", "code", 0.004, 0.02), UNDERSTATED),
        (("D2", "callaway_santanna", "province", 0.0105, 0.02), COVERS),
        (("D2", "callaway_santanna_raw", "code", 0.0, 0.0), COVERS),
        (("D2", "callaway_santanna_raw", "province", 0.004, 0.02), BIASED),
        (("D2", "callaway_santanna_raw", "code", 0.004, 0.02), BOTH),
        (("D1", "imputation", "code", 0.004, 0.0), COVERS),
        (("D1", "imputation", "province", 0.004, 0.0), UNDERSTATED),
        (("D2", "imputation", "province", 0.004, 0.02), COVERS),
        (("D1", "two_way", "province", 0.0, 0.0), BIASED),
        (("D1", "two_way_raw", "code", 0.0, 0.02), BOTH),
        ((LADDER, "raw", "province", 0.0, 0.0), COVERS),
        ((LADDER, "raw", "prefecture", 0.004, 0.02), BOTH),
        ((LADDER, "baseline", "prefecture", 0.004, 0.02), UNDERSTATED),
        ((LADDER, "province", "prefecture", 0.004, 0.02), COVERS),
        ((SPACE, "durbin", "none", np.nan, np.nan), COVERS),
        ((SPACE, "lag", "none", np.nan, np.nan), BIASED),
    ],
)
def test_expectations(row, expected):
    names = ["design", "estimator", "cluster_by", "gamma", "sigma_p"]
    found = expectation(pd.Series(dict(zip(names, row, strict=True))))
    assert found.expected == expected
    shocks = REASONS["province shocks"][0]
    ignored = row[4] > 0 and expected in (UNDERSTATED, BOTH)
    assert (shocks in found.reason_en) == ignored


def test_every_row_of_the_study_has_an_expectation():
    for scenario in SCENARIOS:
        changes = dict(scenario.changes)
        base = {"gamma": changes.get("catch_up"), "sigma_p": changes.get("province_shock_sd")}
        if scenario.study == "space":
            rows = [(SPACE, model, "none") for model in SPACE_MODELS]
        else:
            rows = [(d, e, c) for d in ("D1", "D2") for e in DELISTING_ESTIMATORS for c in CLUSTERS]
            rows += [(LADDER, rung, c) for rung in LADDER_RUNGS for c in LADDER_CLUSTERS]
        for design, estimator, cluster in rows:
            row = base | {"design": design, "estimator": estimator, "cluster_by": cluster}
            found = expectation(pd.Series(row, dtype=object).fillna(np.nan))
            assert found.reason_en and found.reason_zh
    with pytest.raises(ValueError, match="design 'D9' is unknown"):
        expectation(pd.Series({"design": "D9", "estimator": "raw", "gamma": 0, "sigma_p": 0}))
