"""What is reported on the specification curve: the plan, its sweep, its tests and its table."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from specification_panel import BASELINE, CHOICES, county_panel

from analysis.exhibits import save_table
from analysis.indicators import load_system
from analysis.linkage import build_index
from analysis.models.heterogeneity import moderated_effects, moderation_tests
from analysis.models.inference import Hypothesis, family_inference
from analysis.models.specification_choices import Choices, coordination_by_scheme
from analysis.models.specification_plan import Plan, sweep_plan, with_coordination
from analysis.models.specification_report import (
    FEWEST,
    SAVED,
    as_saved,
    by_option,
    main_tests,
    true_gaps,
    withhold_errors,
)
from analysis.models.specification_summary import curve_summary
from analysis.models.specification_tables import families_table
from analysis.truth import delisting_effect, load_truth

RAW = Path(__file__).resolve().parents[1] / "data" / "raw"
HANZI = re.compile("[一-鿿]")
FAMILIES = {"linkage": ["coordination"], "housing": ["toilet", "tap_water"]}
COMPONENTS = pd.DataFrame(
    {"variable": ["tap_water", "schooling"], "subsystem": ["alleviation", "revitalization"]}
)


def plan(choices=CHOICES, families=None, **options: Any) -> Plan:
    given: dict[str, Any] = {"baseline": BASELINE, "components": COMPONENTS} | options
    return Plan(families=families or FAMILIES, choices=choices, **given)


def panel():
    """The small panel with an index that rises by the same in all counties, but for noise."""
    frame = county_panel()
    rng = np.random.default_rng(3)
    index = 0.3 + 0.01 * (frame["year"] - 2010) + rng.normal(0, 0.02, len(frame))
    return frame.assign(coordination_entropy=index, coordination_equal=index**2)


# --- the plan


def test_components_are_no_controls_of_the_index():
    declared = plan()
    assert declared.outcomes == ["coordination", "toilet", "tap_water"]
    assert list(declared.parts()) == [
        (["toilet", "tap_water"], ["relief", "schooling"], ()),
        (["coordination"], ["relief"], ("coordination",)),
    ]
    alone = plan(families={"housing": ["toilet"]})
    assert [outcomes for outcomes, _, _ in alone.parts()] == [["toilet"]]


@pytest.mark.parametrize("scheme", ["entropy", "cv", "critic_wang"])
def test_the_index_is_that_of_its_saved_weights(scheme):
    system = load_system(RAW / "indicators", "census")
    rng = np.random.default_rng(4)
    keys = [(f"{i:06d}", year) for i in range(40) for year in (2010, 2015, 2020)]
    frame = pd.DataFrame(keys, columns=["code", "year"])
    frame[system.variables] = rng.uniform(1, 99, (len(frame), len(system.variables)))
    frame.loc[5, system.variables[0]] = np.nan
    years = [2010, 2015]
    weights = build_index(frame, system, base_years=years).weights
    shuffled = weights.sample(frac=1, random_state=1)
    found = with_coordination(frame, shuffled, [scheme])
    other = coordination_by_scheme(frame, system, base_years=years, schemes=[scheme])
    pd.testing.assert_frame_equal(found, other)


def test_a_scheme_without_weights_is_named():
    with pytest.raises(ValueError, match="'cv' has no weights in linkage_weights"):
        with_coordination(panel(), COMPONENTS.assign(weight_entropy=1.0), ["entropy", "cv"])


# --- the sweep


@pytest.fixture(scope="module")
def swept():
    choices = Choices(
        samples=["rural_2010", "all"], controls=["baseline", "none"],
        schemes=["entropy", "equal"], estimators=["province_effects", "regression_adjustment"],
        clusters=["prefecture", "province"],
    )  # fmt: skip
    declared = plan(choices)
    return declared, sweep_plan(panel(), declared, permutations=30, seed=9)


def test_outcomes_come_as_declared_and_share_their_draws(swept):
    declared, result = swept
    estimates = result.estimates
    assert list(dict.fromkeys(estimates["outcome"])) == declared.outcomes
    assert len(result.null_estimates) == len(result.null_statistics) == len(estimates)
    alone = plan(declared.choices, {"linkage": ["coordination"]})
    one = sweep_plan(panel(), alone, permutations=30, seed=9)
    index = (estimates["outcome"] == "coordination").to_numpy()
    assert np.array_equal(result.null_statistics[index], one.null_statistics)
    copied = panel().assign(toilet=lambda f: f["coordination_entropy"])
    twice = sweep_plan(copied, plan(declared.choices, baseline=["relief"]), permutations=5, seed=9)
    table = twice.estimates
    own = (table["outcome"] == "toilet").to_numpy()
    same = ((table["outcome"] == "coordination") & (table["scheme"] == "entropy")).to_numpy()
    assert np.allclose(twice.null_estimates[own], twice.null_estimates[same])


def test_the_curve_by_option_is_the_curve_of_its_rows(swept):
    estimates = swept[1].estimates
    options = by_option(estimates).set_index(["outcome", "choice", "option"])
    assert set(options.index.get_level_values("choice")) == {
        "sample", "controls", "scheme", "estimator", "cluster",
    }  # fmt: skip
    assert "scheme" not in options.loc["toilet"].index.get_level_values(0)
    rows = estimates[(estimates["outcome"] == "toilet") & (estimates["controls"] == "none")]
    found = options.xs(("toilet", "controls", "none"))
    assert found["specifications"] == len(rows)
    assert found["median"] == rows["estimate"].median()
    assert found["share_significant"] == (rows["p_value"] < 0.05).mean()
    for _, part in options.groupby(["outcome", "choice"]):
        assert part["specifications"].sum() == (estimates["outcome"] == part.index[0][0]).sum()


def test_names_of_the_contracts(swept):
    result = swept[1]
    summary = curve_summary(
        result.estimates, null_estimates=result.null_estimates,
        null_statistics=result.null_statistics,
    )  # fmt: skip
    saved = as_saved(summary)
    assert (saved["permutation_p"] == summary["permutation_p_mean_statistic"]).all()
    assert (saved["permutation_p_median"] == summary["permutation_p"]).all()
    assert not {"sample", "years"} & set(as_saved(result.estimates))
    options = as_saved(by_option(result.estimates))
    assert set(options["choice"]) <= {*SAVED.values(), "controls", "scheme", "cluster"}


# --- truth


def test_true_gaps_are_effects_at_the_end_less_those_before():
    truth = load_truth(RAW / "simulation")
    places = pd.DataFrame({
        "code": ["1", "2", "3"], "name": "x", "province": "P", "prefecture": "F",
        "designated": [True, True, False], "delisted_year": pd.array([2016, 2020, None], "Int64"),
    })  # fmt: skip
    frame = pd.concat([places.assign(year=year) for year in (2010, 2020)])
    found = true_gaps(frame, truth, ["2010-2020", "2010-2019", "2010:2015-2016:2017"])
    assert found is not None
    early, late = (delisting_effect(truth, g, np.arange(2016, 2021)) for g in (2016, 2020))
    assert found["2010-2020"] == pytest.approx((early[4] + late[4]) / 2)
    assert found["2010-2019"] == pytest.approx(early[3] / 2)
    assert found["2010:2015-2016:2017"] == pytest.approx(early[:2].mean() / 2)
    assert true_gaps(frame, None, ["2010-2020"]) is None


# --- tests of families


def test_the_bootstrap_is_that_of_the_main_regressions(swept):
    declared, result = swept
    tests = main_tests(panel(), result, declared, draws=199, seed=4).set_index("outcome")
    frame = panel()
    first, last = (frame[frame["year"] == y].set_index("code") for y in (2010, 2020))
    data = last[["province", "rural_2010", "designated"]].assign(
        d=last["designated"] * 1.0, relief=first["relief"], schooling=first["schooling"],
        group=last["province"] + last["prefecture"],
    )  # fmt: skip
    hypotheses = []
    for outcome in ("toilet", "tap_water"):
        data[f"{outcome} change"] = last[outcome] - first[outcome]
        data[f"{outcome} level"] = first[outcome]
        controls = (f"{outcome} level", "relief", "schooling")
        hypotheses.append(Hypothesis(f"{outcome} change", "d", controls, ("province",)))
    direct = family_inference(
        data[data["rural_2010"]], hypotheses, cluster="group", draws=199,
        rng=np.random.default_rng(4),
    )  # fmt: skip
    housing = tests.loc[["toilet", "tap_water"]]
    assert housing["estimate"].to_numpy() == pytest.approx(direct["estimate"].to_numpy())
    assert housing["se"].to_numpy() == pytest.approx(direct["se"].to_numpy())
    assert housing["n"].tolist() == direct["n"].tolist()
    assert housing["p_bootstrap"].tolist() == direct["p_value"].tolist()
    assert housing["p_romano_wolf_bootstrap"].tolist() == direct["p_romano_wolf"].tolist()
    assert tests["family_size"].to_dict() == {"coordination": 1, "toilet": 2, "tap_water": 2}


@pytest.mark.parametrize(
    "own", [{"estimators": ["regression_adjustment"]}, {"weights": ["population"]}]
)
def test_what_the_bootstrap_does_not_cover_has_none(own):
    declared = plan(Choices(**own), {"housing": ["toilet"]})
    result = sweep_plan(panel(), declared, permutations=5, seed=1)
    tests = main_tests(panel(), result, declared, draws=99, seed=1)
    assert tests[["p_bootstrap", "p_romano_wolf_bootstrap"]].isna().all(axis=None)
    assert tests["p_romano_wolf"].notna().all()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_table_of_families(swept, lang):
    declared, result = swept
    tests = main_tests(panel(), result, declared, draws=99, seed=1)
    table = families_table(tests, lang)
    words = " ".join([table.caption, table.notes, *map(str, table.frame.columns)])
    assert bool(HANZI.search(words)) == (lang == "zh") and "{" not in words
    assert len(table.frame) == 3 and table.frame.shape[1] == 13
    known = families_table(tests, lang, truth=pd.Series({"toilet": 0.5}))
    column = known.frame["Truth" if lang == "en" else "真值"]
    assert column.dropna().tolist() == [0.5] and column.notna().tolist() == [False, True, False]


def test_table_is_printed(swept, tmp_path):
    declared, result = swept
    tests = main_tests(panel(), result, declared, draws=99, seed=1)
    save_table(tmp_path / "tab", lambda lang: families_table(tests, lang), simulated=True)
    assert len(list(tmp_path.iterdir())) == 5


# --- kinds of county


def test_levels_on_few_clusters_have_no_error():
    frame = county_panel(provinces=16)
    where = frame["prefecture"].eq("F0") & frame["province"].isin(["P0", "P1"])
    frame = frame.assign(remote=where)
    options: dict[str, Any] = {"outcomes": ["tap_water", "toilet"], "cluster": "prefecture"}
    effects = moderated_effects(
        frame, moderators=["remote", "region", "relief"], baseline_controls=["relief"], **options
    )
    before = effects.copy()
    found = withhold_errors(effects, frame)
    pd.testing.assert_frame_equal(effects, before)
    thin = (found["moderator"] == "remote") & (found["level"] == "true")
    assert (found.loc[thin, "level_clusters"] <= 2).all() and FEWEST > 2
    lost = ["se", "statistic", "p_value", "ci_low", "ci_high"]
    assert found.loc[thin, lost].isna().all(axis=None)
    assert found.loc[~thin, lost].notna().all(axis=None)
    assert found["estimate"].equals(effects["estimate"])
    assert found.loc[found["moderator"] == "relief", "level_clusters"].isna().all()
    tests = moderation_tests(found).set_index(["outcome", "moderator"])
    assert tests["p_holm"].isna().groupby("moderator").all().to_dict() == {
        "region": False, "relief": False, "remote": True,
    }  # fmt: skip
    assert (tests["family_size"] == 2).all()
    notes = tests["note"].groupby("moderator").first()
    assert "no error given" in notes["remote"] and notes["relief"] == ""
    regions = found[(found["moderator"] == "region") & (found["outcome"] == "toilet")]
    assert (regions["level_clusters"] <= 32).all() and (regions["level_clusters"] >= FEWEST).all()
