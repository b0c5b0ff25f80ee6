"""What a curve says: permutation test, summary, and families of outcomes."""

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from specification_panel import CHOICES, county_panel, run

from analysis.models.multiple_testing import romano_wolf
from analysis.models.specification_choices import Choices
from analysis.models.specification_summary import curve_summary, family_tests, read_families
from analysis.models.specifications import permuted_designation


def summary(result, **options):
    return curve_summary(
        result.estimates, null_estimates=result.null_estimates,
        null_statistics=result.null_statistics, **options,
    )  # fmt: skip


def test_the_effect_is_recovered():
    result = run(county_panel(effect=2.0), permutations=99)
    found = summary(result).iloc[0]
    assert found["headline_estimate"] == pytest.approx(2.0, abs=0.5)
    assert found["permutation_p"] == pytest.approx(0.01)
    assert found["permutation_p_mean_statistic"] == pytest.approx(0.01)
    assert found["share_positive"] == found["share_same_sign"] == 1.0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=30),
    st.integers(0, 2**32 - 1),
)
def test_permutations_keep_the_number_in_each_stratum(counties, seed):
    designated = np.array([c[0] for c in counties])
    strata = np.array([c[1] for c in counties])
    drawn = permuted_designation(designated, strata, draws=7, rng=np.random.default_rng(seed))
    for stratum in np.unique(strata):
        rows = strata == stratum
        assert (drawn[rows].sum(axis=0) == designated[rows].sum()).all()


def test_every_sample_keeps_its_designated_counties():
    panel = county_panel()
    choices = dataclasses.replace(CHOICES, samples=["all", "rural_2010"])
    first, again = (run(panel, choices, permutations=20) for _ in range(2))
    assert np.array_equal(first.null_estimates, again.null_estimates)
    one = run(panel, choices, permutations=20, rng=np.random.default_rng(2))
    assert not np.array_equal(first.null_estimates, one.null_estimates)


def test_the_permutation_test_is_that_of_scipy():
    panel = county_panel(effect=0.35, provinces=1, counties=12)
    choices = Choices(
        samples=["all"], controls=["none"], estimators=["least_squares"], clusters=["code"]
    )
    draws = 20_000
    result = run(panel, choices, permutations=draws)
    found = summary(result)["permutation_p"].iloc[0]
    change = panel.pivot(index="code", columns="year", values="tap_water").diff(axis=1)[2020]
    designated = panel.drop_duplicates("code").set_index("code")["designated"]
    exact = stats.permutation_test(
        (change[designated], change[~designated]), lambda a, b: abs(a.mean() - b.mean()),
        alternative="greater", n_resamples=np.inf,
    ).pvalue  # fmt: skip
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / draws))


def test_the_permutation_test_has_its_level():
    choices = Choices(samples=["all"], estimators=["province_effects"], controls=["none", "level"])
    p_values = []
    for seed in range(80):
        panel = county_panel(provinces=4, counties=12, seed=seed)
        rng = np.random.default_rng(seed)
        change = pd.Series(rng.normal(size=48), index=panel["code"].unique())
        panel["tap_water"] = np.where(panel["year"] == 2020, panel["code"].map(change), 0.0)
        panel["tap_water"] += panel["code"].map(pd.Series(rng.normal(size=48), change.index))
        found = summary(run(panel, choices, permutations=99, rng=rng))
        p_values.append(found["permutation_p"].iloc[0])
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def alike_neighbours(seed):
    """No effect, but designation and change are alike within a prefecture."""
    rng = np.random.default_rng(seed)
    county = np.arange(384)
    prefecture = county // 6
    designated = rng.normal(size=64)[prefecture] + 0.7 * rng.normal(size=384) > 0.3
    places = pd.DataFrame({
        "code": [f"{i:06d}" for i in county], "province": (county // 48).astype(str),
        "prefecture": prefecture.astype(str), "designated": designated,
    })  # fmt: skip
    change = rng.normal(size=64)[prefecture] + rng.normal(size=384)
    return pd.concat(
        [places.assign(year=2010, toilet=0.0), places.assign(year=2020, toilet=change)]
    )


def rejections(column, within):
    choices = Choices(samples=["all"], controls=["none"], clusters=["prefecture"])
    found = [
        summary(
            run(
                alike_neighbours(seed), choices, outcomes=["toilet"], baseline_controls=(),
                permutations=99, within=within,
            )
        )[column].iloc[0]
        for seed in range(120)
    ]  # fmt: skip
    return np.mean(np.array(found) <= 0.05)


def test_alike_neighbours_mislead_the_median_within_provinces_only():
    # standard error of a rate of 5 % in 120 simulations: 2 %
    assert rejections("permutation_p", ("province",)) > 0.1
    assert rejections("permutation_p_mean_statistic", ("province",)) < 0.11
    assert rejections("permutation_p", ("province", "prefecture")) < 0.11


@pytest.mark.slow
def test_two_hundred_specifications_within_a_minute():
    panel = county_panel(provinces=30, counties=96)
    choices = dataclasses.replace(
        CHOICES, controls=[*CHOICES.controls, "level + schooling", "baseline without schooling"]
    )
    begin = time.process_time()
    result = run(panel, choices, permutations=500)
    assert len(result.estimates) >= 200
    assert time.process_time() - begin < 60


def curve_table():
    return pd.DataFrame({
        "outcome": "toilet", "unit": "percentage points", "df": 30,
        "headline": [True, False, False, False],
        "estimate": [1.0, 2.0, -1.0, 4.0], "statistic": [3.0, 1.0, -2.5, 5.0],
    })  # fmt: skip


def test_summary_counts_signs_and_significance():
    found = curve_summary(curve_table()).iloc[0]
    expected = {
        "specifications": 4, "median": 1.5, "lowest": -1.0, "highest": 4.0,
        "headline_estimate": 1.0, "share_significant": 0.75, "share_positive": 0.75,
        "share_same_sign": 0.75, "share_significant_same_sign": 0.5, "mean_statistic": 1.625,
        "permutations": 0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert np.isnan(found["permutation_p"])


def test_p_values_count_draws_that_reach_the_statistic():
    table = curve_table()
    scale = np.array([0.5, -1.0, 1.0, 0.0])
    values, t = (table[c].to_numpy()[:, None] * scale for c in ("estimate", "statistic"))
    found = curve_summary(table, null_estimates=values, null_statistics=t).iloc[0]
    # medians .75, -1.5, 1.5, 0 and the sample's 1.5: distances from their mean .45
    assert found["permutation_p"] == pytest.approx((1 + 2) / 5)
    # at least three of four of one sign: all but the draw of zeros
    assert found["permutation_p_same_sign"] == pytest.approx((1 + 3) / 5)
    # half of them significant in one direction: the sample, its mirror and its double
    assert found["permutation_p_significant"] == pytest.approx((1 + 2) / 5)
    values[0, 3] = np.nan
    lost = curve_summary(table, null_estimates=values, null_statistics=t).iloc[0]
    assert lost["permutation_p_significant"] == pytest.approx((1 + 3) / 5)
    with pytest.raises(ValueError, match=r"do not fit 4 specifications"):
        curve_summary(table, null_estimates=values)
    with pytest.raises(ValueError, match="column 'df' is missing"):
        curve_summary(table.drop(columns="df"))


def test_families_adjust_the_headline_tests():
    outcomes = ["tap_water", "toilet", "schooling"]
    result = run(outcomes=outcomes, permutations=60)
    families = read_families(["living: tap_water, toilet", "people: schooling"])
    found = family_tests(result, families).set_index("outcome")
    heads = result.estimates[result.estimates["headline"]].set_index("outcome")
    p = heads.loc[["tap_water", "toilet"], "p_value"]
    assert found.loc["schooling", "p_holm"] == pytest.approx(heads.loc["schooling", "p_value"])
    assert found.loc[p.idxmin(), "p_holm"] == pytest.approx(2 * p.min())
    assert found["family_size"].tolist() == [2, 2, 1]
    at = result.estimates.index[result.estimates["headline"]][:2]
    expected = romano_wolf(
        result.estimates.loc[at, "statistic"].to_numpy(), result.null_statistics[at].T
    )
    assert found["p_romano_wolf"].iloc[:2].to_numpy() == pytest.approx(expected)
    assert family_tests(run(outcomes=outcomes), families)["p_romano_wolf"].isna().all()


def test_families_are_refused_with_every_fault():
    with pytest.raises(ValueError, match=r"'living': write(.|\n)*'a' is declared twice"):
        read_families(["living", "a: x", "a: y"])
    with pytest.raises(
        ValueError, match=r"'tap_water' is in no(.|\n)*'bath' was not(.|\n)*several"
    ):
        family_tests(run(), {"one": ["bath"], "two": ["bath"]})
