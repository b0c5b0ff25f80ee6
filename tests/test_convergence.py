"""Sigma, beta and densities against other software, closed forms and simulated panels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.models.convergence import BETA_COLUMNS, beta_convergence, nickell_bias
from analysis.models.distributions import (
    bounded_density,
    density_by_year,
    sigma_by_year,
    silverman_bandwidth,
    variance_test,
)

EXACT = 1e-10  # two ways to compute the same number


def converging(rho: float, *, units: int = 400, years: int = 8, seed: int = 5) -> pd.DataFrame:
    """Panel of x_t = rho x_{t-1} + unit effect + year effect + noise from a stationary start."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=units)
    deviation = rng.normal(size=units) / np.sqrt(1 - rho**2)
    rows = []
    for year in range(2010, 2010 + years):
        level = effect / (1 - rho) + deviation + 0.3 * year
        rows.append(pd.DataFrame({"code": range(units), "year": year, "x": level}))
        deviation = rho * deviation + rng.normal(size=units)
    frame = pd.concat(rows, ignore_index=True)
    frame["province"] = frame["code"] % 30
    frame["y"] = np.exp((frame["x"] - 600) / 10)
    frame["control"] = rng.normal(size=len(frame)) + 0.1 * frame["x"]
    return frame


def estimate(panel: pd.DataFrame, **options: Any) -> pd.Series:
    chosen: dict[str, Any] = {"value": "x", "log": False} | options
    return beta_convergence(panel, **chosen).iloc[0]


def test_cross_section_equals_robust_least_squares():
    panel = converging(0.8)
    row = estimate(panel, value="y", log=True, years=(2010, 2017), controls=["control"])
    wide = panel.pivot(index="code", columns="year", values=["y", "control"])
    data = pd.DataFrame({"start": np.log(wide["y"][2010]), "control": wide["control"][2010]})
    data["growth"] = (np.log(wide["y"][2017]) - data["start"]) / 7
    fit = smf.ols("growth ~ start + control", data).fit(cov_type="HC1", use_t=True)
    assert row["estimate"] == pytest.approx(fit.params["start"], abs=EXACT)
    assert row["se"] == pytest.approx(fit.bse["start"], abs=EXACT)
    assert row["model"] == "conditional" and row["span"] == 7 and row["n"] == 400
    speed = -np.log(1 + 7 * row["estimate"]) / 7
    assert row["speed"] == pytest.approx(speed)
    assert row["half_life"] == pytest.approx(np.log(2) / speed)
    assert row["half_life_low"] < row["half_life"] < row["half_life_high"]
    assert row["speed_low"] < row["speed"] < row["speed_high"]


@pytest.mark.parametrize("effects", [None, "province"])
def test_pooled_panel_equals_clustered_least_squares(effects):
    panel = converging(0.8)
    row = estimate(panel, effects=effects, cluster="province")
    data = panel.assign(growth=panel.groupby("code")["x"].shift(-1) - panel["x"]).dropna()
    formula = "growth ~ x + C(year)" + (" + C(province)" if effects else "")
    fit = smf.ols(formula, data).fit(
        cov_type="cluster", cov_kwds={"groups": data["province"], "df_correction": True}
    )
    assert row["estimate"] == pytest.approx(fit.params["x"], abs=EXACT)
    counted = len(fit.params) - (data["province"].nunique() - 1 if effects else 0)
    factor = (len(data) - len(fit.params)) / (len(data) - counted)  # effects nested in clusters
    assert row["se"] == pytest.approx(fit.bse["x"] * np.sqrt(factor), rel=1e-8)
    assert row["model"] == ("conditional" if effects else "absolute")
    assert (row["intervals"], row["clusters"], row["df"]) == (7, 30, 29)


def test_exact_convergence_gives_its_speed_and_half_life():
    start = np.linspace(-1, 1, 50)
    frames = [
        pd.DataFrame({"code": range(50), "year": 2000 + t, "x": 3 + start * np.exp(-0.05 * t)})
        for t in range(0, 21, 10)
    ]
    panel = pd.concat(frames)
    panel["x"] += 1e-9 * np.cos(np.arange(len(panel)))
    row = estimate(panel)
    assert row["speed"] == pytest.approx(0.05, rel=1e-6)
    assert row["half_life"] == pytest.approx(np.log(2) / 0.05, rel=1e-6)


def test_divergence_has_no_half_life():
    panel = pd.DataFrame({"code": [*range(40)] * 2, "year": [2010] * 40 + [2020] * 40})
    start = np.linspace(0, 1, 40)
    panel["x"] = np.concatenate([start, 1.5 * start + 0.01 * np.cos(np.arange(40) * 3)])
    row = estimate(panel)
    assert row["estimate"] > 0 > row["speed"]
    assert np.isinf(row["half_life"]) and np.isinf(row["half_life_high"])


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9])
def test_nickell_bias_of_two_equations_is_half_of_one_plus_rho(rho):
    assert nickell_bias(rho, 2) == pytest.approx(-(1 + rho) / 2, abs=EXACT)
    t = 7
    bracket = 1 - (1 - rho**t) / (t * (1 - rho))
    printed = -(1 + rho) / (t - 1) * bracket / (1 - 2 * rho * bracket / ((1 - rho) * (t - 1)))
    assert nickell_bias(rho, t) == pytest.approx(printed, rel=1e-9)


@pytest.mark.parametrize("rho", [0.3, 0.7])
def test_within_estimate_is_biased_as_stated_and_corrected(rho):
    row = estimate(converging(rho, units=4000, years=6), effects="code")
    assert row["model"] == "within" and "Nickell" in row["note"]
    assert abs(row["estimate"] - (rho - 1)) > 20 * row["se"]
    assert row["nickell_bias"] == pytest.approx(nickell_bias(rho, 5), abs=0.02)
    assert row["estimate_corrected"] == pytest.approx(rho - 1, abs=0.03)


def test_absolute_convergence_reads_effects_as_absence_of_convergence():
    panel = converging(0.5, units=3000)
    absolute, within = estimate(panel), estimate(panel, effects="code")
    assert absolute["estimate"] > -0.25 > -0.5 > within["estimate"]
    assert absolute["note"] == "" and np.isnan(absolute["estimate_corrected"])


@pytest.mark.parametrize(
    ("drop", "controls", "why"),
    [(True, [], "differ in the number of intervals"), (False, ["control"], "the controls")],
)
def test_bias_is_warned_of_where_it_cannot_be_corrected(drop, controls, why):
    panel = converging(0.5)
    panel = panel[(panel["year"] != 2012) | (panel["code"] > 9)] if drop else panel
    row = estimate(panel, effects="code", controls=controls, years=range(2010, 2018))
    assert why in row["note"] and np.isnan(row["estimate_corrected"])
    assert row["left_out"] == 0 or drop


def test_beta_table_is_complete_and_leaves_the_panel_alone():
    panel = converging(0.5)
    panel.loc[5, "x"] = np.nan
    before = panel.copy()
    table = beta_convergence(panel, value="x", log=False)
    assert tuple(table.columns) == BETA_COLUMNS
    assert table["left_out"].iloc[0] == 1  # the interval that starts in the first year
    pd.testing.assert_frame_equal(panel, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"years": (2010, 2012, 2017)}, "not equally spaced"),
        ({"years": (2010, 2035)}, r"no value in \[2035\]"),
        ({"years": (2010,)}, "growth needs two or more"),
        ({"controls": ["x"]}, "is the initial level itself"),
        ({"value": "z"}, "column 'z' is missing"),
        ({"effects": "region"}, "column 'region' is missing"),
        ({"value": "below", "log": True}, "have no logarithm"),
        ({"cluster": "one"}, "at least 2 groups"),
        ({"value": "empty"}, "growth needs two or more"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        estimate(converging(0.5, units=30).assign(one=1, below=-1.0, empty=np.nan), **options)


def test_sigma_equals_numpy_and_weights_count_units():
    panel = converging(0.5, units=50).assign(w=lambda f: 1 + f["code"] % 3)
    table = sigma_by_year(panel, values=["y"])
    year = panel.loc[panel["year"] == 2012, "y"]
    row = table[table["year"] == 2012].iloc[0]
    assert row["sd"] == pytest.approx(year.std())
    assert row["variation"] == pytest.approx(year.std() / year.mean())
    assert row["sd_log"] == pytest.approx(np.log(year).std())
    repeated = panel.loc[panel.index.repeat(panel["w"])]
    weighted = sigma_by_year(panel, values=["y"], weight="w", ddof=0)
    expected = sigma_by_year(repeated, values=["y"], ddof=0)
    for column in ("mean", "sd", "variation", "sd_log"):
        assert weighted[column].to_numpy() == pytest.approx(expected[column].to_numpy())
    equal = sigma_by_year(panel.assign(w=7), values=["y"], weight="w")
    assert equal["sd"].to_numpy() == pytest.approx(table["sd"].to_numpy())


def test_sigma_leaves_out_what_it_cannot_use():
    panel = converging(0.5, units=50)
    panel.loc[panel["year"] == 2011, "x"] = np.nan
    panel.loc[0, "x"] = np.nan
    table = sigma_by_year(panel.assign(x=panel["x"] - 620), values=["x"])
    assert 2011 not in set(table["year"])
    assert table.loc[table["year"] == 2010, "left_out"].item() == 1
    assert table["sd_log"].isna().all()
    with pytest.raises(ValueError, match="no value in any year"):
        sigma_by_year(panel.assign(x=np.nan), values=["x"])


@given(st.integers(0, 10**6), st.floats(-0.9, 0.9), st.floats(0.3, 3))
@settings(max_examples=40, deadline=None)
def test_variance_test_is_the_likelihood_ratio_of_sum_and_difference(seed, slope, scale):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=60)
    last = slope * first + scale * rng.normal(size=60)
    panel = pd.DataFrame({"code": [*range(60)] * 2, "year": [1] * 60 + [2] * 60})
    result = variance_test(panel.assign(x=[*first, *last]), value="x", first=1, last=2)
    r = np.corrcoef(first + last, first - last)[0, 1]  # Pitman (1939) and Morgan (1939)
    assert result.statistic == pytest.approx(-(60 - 2.5) * np.log(1 - r**2), rel=1e-6, abs=1e-9)
    assert (result.n, result.left_out) == (60, 0)


def test_variance_test_keeps_its_size_where_years_are_correlated():
    rng = np.random.default_rng(12)
    rejected = 0
    for _ in range(400):
        first = rng.normal(size=80)
        last = 0.9 * first + np.sqrt(1 - 0.81) * rng.normal(size=80)
        panel = pd.DataFrame({"code": [*range(80)] * 2, "year": [1] * 80 + [2] * 80})
        panel["x"] = [*first, *last]
        rejected += variance_test(panel, value="x", first=1, last=2).p_value < 0.05
    assert stats.binomtest(rejected, 400, 0.05).pvalue > 0.01


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        (pd.DataFrame({"code": [1, 2], "year": [1, 1], "x": [1.0, 2]}), "0 units have 'x'"),
        (
            pd.DataFrame({"code": [*range(5)] * 2, "year": [1] * 5 + [2] * 5, "x": [3.0] * 10}),
            "cannot be compared",
        ),
        (pd.DataFrame({"code": [1, 1], "year": [1, 1], "x": [1.0, 2]}), "share a key"),
    ],
)
def test_variance_test_names_what_is_wrong(panel, message):
    with pytest.raises(ValueError, match=message):
        variance_test(panel, value="x", first=1, last=2)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=15), st.floats(0.01, 3), st.integers(0, 3)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_reflected_density_is_one_in_total_and_flat_at_the_bounds(values, bandwidth, shift):
    bounds = (-shift, 1.0 + shift)
    grid = np.linspace(*bounds, 20001)
    density = bounded_density(values, grid, bandwidth=bandwidth, bounds=bounds)
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-6)
    step = 1e-6
    for inside, bound in ((step, bounds[0]), (-step, bounds[1])):
        at = bounded_density(values, [bound, bound + inside], bandwidth=bandwidth, bounds=bounds)
        assert abs(at[1] - at[0]) < 1e-6 * (1 + bandwidth**-3)


def test_density_far_from_bounds_is_the_ordinary_one():
    rng = np.random.default_rng(2)
    y, w = rng.normal(0.5, 0.05, 200), rng.uniform(0.5, 2, 200)
    grid = np.linspace(0.2, 0.8, 61)
    ordinary = stats.gaussian_kde(y, bw_method=0.3, weights=w)
    h = float(np.sqrt(ordinary.covariance[0, 0]))
    for bounds in ((0.0, 1.0), (-np.inf, np.inf)):
        density = bounded_density(y, grid, bandwidth=h, weights=w, bounds=bounds)
        assert density == pytest.approx(ordinary(grid), abs=1e-9)
    half = bounded_density(y - 0.5, [0.0], bandwidth=h, bounds=(-1, np.inf))
    assert half == pytest.approx(bounded_density(y, [0.5], bandwidth=h))


def test_reflection_mends_the_dip_at_a_bound():
    y = (np.arange(500) + 0.5) / 500  # uniform
    reflected = bounded_density(y, [0.0, 0.5, 1.0], bandwidth=0.05)
    assert reflected == pytest.approx(1, abs=1e-3)
    plain = bounded_density(y, [0.0, 1.0], bandwidth=0.05, bounds=(-np.inf, np.inf))
    assert plain == pytest.approx(0.5, abs=0.01)
    outside = bounded_density(y, [-0.1, 1.1], bandwidth=0.05)
    assert outside.tolist() == [0, 0]


def test_bandwidth_is_silvermans_and_survives_ties():
    y = np.random.default_rng(0).normal(size=100)
    iqr = np.percentile(y, 75) - np.percentile(y, 25)
    expected = 0.9 * min(y.std(ddof=1), iqr / 1.34) * 100**-0.2
    assert silverman_bandwidth(y) == pytest.approx(expected)
    tied = np.array([0.0] * 90 + [1.0] * 10)
    assert silverman_bandwidth(tied) == pytest.approx(0.9 * tied.std(ddof=1) * 100**-0.2)


def test_densities_by_year_share_one_bandwidth_and_grid():
    rng = np.random.default_rng(4)
    panel = pd.DataFrame({"year": np.repeat([2010, 2016, 2022], 100), "rural": [True, False] * 150})
    panel["score"] = rng.beta(2, 4, 300)
    panel.loc[0, "score"] = np.nan
    table = density_by_year(panel, value="score", group="rural", years=(2010, 2022))
    assert table["bandwidth"].nunique() == 1 and len(table) == 2 * 2 * 201
    sizes = table.drop_duplicates(["group", "year"]).set_index(["group", "year"])["n"]
    assert sizes.to_dict() == {
        ("False", 2010): 50, ("False", 2022): 50, ("True", 2010): 49, ("True", 2022): 50,
    }  # fmt: skip
    for _, part in table.groupby(["group", "year"]):
        assert np.trapezoid(part["density"], part["x"]) == pytest.approx(1, abs=1e-4)
    with pytest.raises(ValueError, match="outside"):
        density_by_year(panel.assign(score=panel["score"] * 3), value="score")
    with pytest.raises(ValueError, match="no year has two"):
        density_by_year(panel.assign(score=0.5), value="score")
    with pytest.raises(ValueError, match="column 'town' is missing"):
        density_by_year(panel, value="score", group="town")
    with pytest.raises(ValueError, match="positive number"):
        bounded_density([0.5], [0.5], bandwidth=0)
