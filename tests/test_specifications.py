"""Specification curve: declared choices, their estimates, and what is refused."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from specification_panel import BASELINE, CHOICES, county_panel, run

from analysis.indicators import load_system
from analysis.linkage import build_index
from analysis.long_difference import ladder
from analysis.models.specification_choices import (
    Choices,
    Window,
    control_terms,
    coordination_by_scheme,
    designs,
    sample_flags,
    window,
)
from analysis.models.specifications import COLUMNS
from analysis.panel import estimate_models

RAW = Path(__file__).parents[1] / "data" / "raw"
EXACT = 1e-9  # rounding of two routes to one number
COMPONENTS = pd.DataFrame({
    "variable": ["relief", "schooling"], "subsystem": ["alleviation", "revitalization"]
})  # fmt: skip


# --- declaration


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("none", ()),
        ("level", ("tap_water",)),
        ("baseline", ("tap_water", "relief", "schooling")),
        ("baseline without relief", ("tap_water", "schooling")),
        ("baseline without level + relief", ("schooling",)),
        ("relief + level + relief", ("relief", "tap_water")),
    ],
)
def test_sets_of_controls_are_written_from_columns(expression, terms):
    assert control_terms(expression, outcome="tap_water", baseline=BASELINE) == terms


def test_samples_and_years_are_read():
    assert sample_flags("all") == {}
    assert sample_flags("rural_2010 & not area_changed") == {
        "rural_2010": True, "area_changed": False
    }  # fmt: skip
    assert window("2010-2020") == Window(2010, 2010, 2020, 2020)
    assert window("2010:2012-2016:2020").before == [2010, 2011, 2012]
    for wrong in ("2020-2010", "2010-2012:2011", "2010", "2010:2016-2016:2020"):
        with pytest.raises(ValueError, match="write 2010-2020"):
            window(wrong)


def test_every_combination_once_and_the_headline_first():
    found = list(designs("tap_water", CHOICES, baseline=BASELINE, index=False))
    # regression adjustment without controls is least squares: 3 samples x 2 weights fewer
    assert len(found) == 3 * 4 * 4 * 2 - 6
    assert len(set(found)) == len(found)
    first = found[0]
    assert (first.sample, first.controls, first.estimator) == (
        "rural_2010", "baseline", "province_effects"
    )  # fmt: skip
    same = dataclasses.replace(CHOICES, controls=["baseline", "baseline without schooling"])
    named = {d.controls for d in designs("schooling", same, baseline=BASELINE, index=False)}
    assert named == {"baseline", "baseline without schooling"}
    twice = dataclasses.replace(CHOICES, controls=["level + relief", "relief + level"])
    assert {d.controls for d in designs("toilet", twice, baseline=(), index=False)} == {
        "level + relief"
    }


def test_schemes_apply_to_indices_only():
    choices = Choices(schemes=["entropy", "equal_wang"])
    assert [d.column for d in designs("coordination", choices, baseline=(), index=True)] == [
        "coordination_entropy", "coordination_equal_wang",
    ]  # fmt: skip
    assert [d.scheme for d in designs("toilet", choices, baseline=(), index=False)] == ["none"]


def test_coordination_by_scheme_is_the_index():
    system = load_system(RAW / "indicators", "census")
    rng = np.random.default_rng(4)
    keys = [(f"{i:06d}", year) for i in range(40) for year in (2010, 2020)]
    panel = pd.DataFrame(keys, columns=["code", "year"])
    panel[system.variables] = rng.uniform(1, 99, (len(panel), len(system.variables)))
    panel.loc[5, system.variables[0]] = np.nan
    schemes = ["critic", "critic_wang"]
    found = coordination_by_scheme(panel, system, base_years=[2010, 2020], schemes=schemes)
    index = build_index(panel, system, base_years=[2010, 2020], scheme="critic").index
    both = found.merge(index, on=["code", "year"], how="left")
    assert both["coordination_critic"].isna().sum() == 1
    known = both.dropna()
    assert np.allclose(known["coordination_critic"], known["coordination"])
    assert np.allclose(known["coordination_critic_wang"], known["coordination_wang"])
    assert found["code"].tolist() == panel["code"].tolist()
    with pytest.raises(ValueError, match="'pca' is unknown"):
        coordination_by_scheme(panel, system, base_years=[2010, 2020], schemes=["pca"])


# --- estimates


@pytest.mark.parametrize("cluster", ["province", "prefecture"])
@pytest.mark.parametrize("exclude", [(), ("area_changed",)])
def test_specifications_hold_the_ladder(cluster, exclude):
    panel = county_panel()
    expected = ladder(
        panel, outcomes=["tap_water"], baseline_controls=BASELINE, cluster=cluster, exclude=exclude
    ).set_index("rung")
    found = run(panel).estimates
    sample = "rural_2010" + " & not area_changed" * bool(exclude)
    own = found[
        (found["sample"] == sample) & (found["cluster"] == cluster) & (found["weights"] == "none")
    ]
    rungs = {
        "raw": ("none", "least_squares"), "baseline": ("baseline", "least_squares"),
        "province": ("baseline", "province_effects"),
        "prefecture": ("baseline", "prefecture_effects"),
    }  # fmt: skip
    columns = ["estimate", "se", "p_value", "ci_low", "ci_high", "n", "n_treated", "clusters",
               "excluded_missing", "excluded_singletons"]  # fmt: skip
    for rung, (controls, estimator) in rungs.items():
        row = own[(own["controls"] == controls) & (own["estimator"] == estimator)]
        assert row[columns].astype(float).to_numpy()[0] == pytest.approx(
            expected.loc[rung, columns].astype(float).to_numpy(), rel=EXACT
        )


def test_the_table_is_complete_and_the_panel_is_left_alone():
    panel = county_panel()
    before = panel.copy(deep=True)
    result = run(panel, outcomes=["tap_water", "toilet"], permutations=4)
    found = result.estimates
    assert tuple(found.columns) == COLUMNS
    assert not found.isna().any().any()
    assert found.groupby("outcome")["specification"].apply(list).map(len).eq(180).all()
    assert found.groupby("outcome")["headline"].sum().eq(1).all()
    assert found.loc[found["headline"], "specification"].eq(1).all()
    assert result.null_estimates.shape == result.null_statistics.shape == (len(found), 4)
    pd.testing.assert_frame_equal(panel, before)


def test_means_of_years_are_two_way_fixed_effects():
    panel = county_panel(years=tuple(range(2010, 2017)))
    choices = Choices(
        controls=["none"], estimators=["least_squares"], years=["2010:2012-2013:2016"]
    )
    found = run(panel, choices).estimates.iloc[0]
    rural = panel[panel["rural_2010"]].assign(
        after=lambda f: (f["designated"] & (f["year"] >= 2013)).astype(float)
    )
    fit = estimate_models(
        rural, outcome="tap_water", regressors=["after"], models=("two_way",), errors=("province",)
    )
    assert found["estimate"] == pytest.approx(fit["estimate"].iloc[0], rel=1e-8)


def test_a_missing_value_leaves_the_county_out_everywhere():
    panel = county_panel()
    rural = panel.loc[panel["rural_2010"], "code"].iloc[0]
    panel.loc[(panel["code"] == rural) & (panel["year"] == 2010), "relief"] = np.nan
    found = run(panel).estimates
    assert (found["excluded_missing"] == 1).all()
    one_year = county_panel().drop(index=3)
    assert (run(one_year).estimates["excluded_missing"] == 1).all()


def test_counties_alone_in_their_prefecture_are_counted():
    panel = county_panel()
    alone = panel["code"] == panel.loc[panel["rural_2010"], "code"].iloc[0]
    panel.loc[alone, "prefecture"] = "apart"
    found = run(panel).estimates.set_index("estimator")["excluded_singletons"]
    assert set(found["prefecture_effects"]) == {1}
    assert set(found["province_effects"]) == {0}


# --- refusals


def without_change():
    return county_panel().assign(toilet=50.0)


def all_missing():
    return county_panel().assign(toilet=np.nan)


def collinear():
    return county_panel().assign(schooling=lambda f: 2 * f["relief"])


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "missing column": ({"outcomes": ["bath"]}, "column 'bath' is missing"),
    "no unit": ({"outcomes": ["area"]}, "outcome 'area' has no unit"),
    "no outcome": ({"outcomes": []}, "no outcome is given"),
    "all missing": (
        {"panel": all_missing(), "outcomes": ["toilet"]}, "'toilet' is missing in all rows",
    ),
    "constant": (
        {"panel": without_change(), "outcomes": ["toilet"]}, "the change is the same in all",
    ),
    "collinear": ({"panel": collinear()}, "the controls are collinear in 144 counties"),
    "absorbed": (
        {"panel": county_panel().assign(designated=lambda f: f["province"] < "P4")},
        "designation does not vary given",
    ),
    "nobody": (
        {"panel": county_panel().assign(designated=False)}, "0 of them designated",
    ),
    "changing flag": (
        {"panel": county_panel().assign(designated=lambda f: f["year"] > 2010)},
        "'designated' changes between years",
    ),
    "year": (
        {"choices": Choices(years=["2010-2019"])}, "no row of 2019",
    ),
    "two rows": (
        {"panel": pd.concat([county_panel(), county_panel().head(1)])}, "share a key",
    ),
    "not positive": (
        {
            "panel": county_panel().assign(population=0),
            "choices": Choices(controls=["population"]),
        },
        "'population': not positive",
    ),
    "no generator": ({"permutations": 3, "rng": None}, "permutations need a generator"),
    "component": (
        {"outcomes": ["coordination"], "indices": ["coordination"], "components": COMPONENTS,
         "panel": county_panel().assign(coordination_entropy=lambda f: f["toilet"])},
        "relief: shares relief",
    ),
    "no components": (
        {"outcomes": ["coordination"], "indices": ["coordination"],
         "panel": county_panel().assign(coordination_entropy=lambda f: f["toilet"])},
        "give components",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_gives_one_clear_message(case):
    options, message = REFUSALS[case]
    with pytest.raises(ValueError, match=message):
        run(**options)


def test_a_fault_of_many_specifications_is_one_line():
    with pytest.raises(ValueError) as error:
        run(collinear(), dataclasses.replace(CHOICES, samples=["all"]))
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert "192 counties" in lines[1]
    assert "all / baseline / province_effects / none / 2010-2020 and 7 more" in lines[1]


def test_all_wrong_choices_are_listed():
    wrong = Choices(
        samples=[], controls=["level", "level", "level without relief"], schemes=["pca"],
        estimators=["ols"], clusters=["province"], years=["2020-2010"],
    )  # fmt: skip
    with pytest.raises(ValueError) as error:
        run(choices=wrong)
    for fault in (
        "samples: no alternative", "'level' is listed twice", "has no relief to drop",
        "'pca' is unknown", "'ols' is unknown", "years '2020-2010'",
    ):  # fmt: skip
        assert fault in str(error.value)
    with pytest.raises(ValueError, match="samples: 'all' is one text: give a list"):
        run(choices=Choices(samples="all"))


def test_the_level_of_an_index_is_no_component():
    panel = county_panel().assign(coordination_entropy=lambda f: f["tap_water"] / 100)
    choices = Choices(controls=["level", "population"])
    found = run(
        panel, choices, outcomes=["coordination"], indices=["coordination"], components=COMPONENTS
    )
    assert set(found.estimates["scheme"]) == {"entropy"}
    assert set(found.estimates["unit"]) == {"points of D"}
