"""Residual dependence, Conley errors and known truth: against the ladder, within and simulation."""

import re
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box
from test_spatial import lattice_weights

from analysis.long_difference import ladder
from analysis.models import space_report as report
from analysis.models import space_residuals as residuals
from analysis.models.simulate_space import SpatialTruth, simulate_spatial_panel
from analysis.models.space_tables import spatial_table
from analysis.models.spatial import residual_moran
from analysis.models.spatial_durbin import fit_spatial
from analysis.models.spatial_weights import restrict

HANZI = re.compile("[一-鿿]")
SIDE = 16
OPTIONS: dict[str, Any] = {
    "baseline_controls": ["population", "relief"],
    "first_year": 2010,
    "last_year": 2020,
}


@pytest.fixture(scope="module")
def weights():
    return lattice_weights(SIDE)


@pytest.fixture(scope="module")
def polygons(weights):
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    shapes = [
        box(100 + 0.2 * c, 30 + 0.2 * r, 100.2 + 0.2 * c, 30.2 + 0.2 * r)
        for r, c in zip(row, column, strict=True)
    ]
    return gpd.GeoDataFrame({"code": list(weights.ids)}, geometry=shapes, crs=4326)


@pytest.fixture(scope="module")
def counties(weights):
    rng, n = np.random.default_rng(8), SIDE**2
    row, column = np.divmod(np.arange(n), SIDE)
    facts = pd.DataFrame({
        "code": weights.ids, "province": [f"P{r // 4}" for r in row],
        "prefecture": [f"F{c // 4}" for c in column], "rural_2010": np.arange(n) % 17 != 0,
        "designated": rng.random(n) < 0.4, "population": rng.integers(10, 99, n),
        "relief": rng.normal(size=n),
    })  # fmt: skip
    start = rng.normal(size=n)
    end = start + 0.5 * facts["designated"] - 0.2 * start + 0.3 * rng.normal(size=n)
    return pd.concat([
        facts.assign(year=2010, schooling=start), facts.assign(year=2020, schooling=end),
    ], ignore_index=True)  # fmt: skip


@pytest.fixture(scope="module")
def panel(weights):
    return simulate_spatial_panel(weights, SpatialTruth(years=5), seed=4)


@pytest.mark.parametrize("cluster", ["province", "prefecture"])
def test_change_sample_is_that_of_the_province_rung(counties, polygons, cluster):
    data, names = residuals.change_sample(counties, outcome="schooling", **OPTIONS)
    rows = residuals.error_rows(
        data, outcome="change", regressors=names, absorb=["province"], cluster=cluster,
        places=residuals.coordinates(polygons), cutoffs=[30.0, 60.0],
    )  # fmt: skip
    known = ladder(
        counties, outcomes=["schooling"], rungs=["province"], cluster=cluster, **OPTIONS
    ).iloc[0]
    own = rows.iloc[0]
    for column in ("estimate", "se", "ci_low", "ci_high", "n", "clusters"):
        assert own[column] == pytest.approx(known[column], rel=1e-9)
    assert rows["cutoff_km"].tolist() == [0, 30, 60]
    assert rows["estimate"].nunique() == 1
    assert rows["neighbours"].is_monotonic_increasing


def test_counties_without_a_point_are_left_out_of_all_errors(counties, polygons):
    data, names = residuals.change_sample(counties, outcome="schooling", **OPTIONS)
    rows = residuals.error_rows(
        data, outcome="change", regressors=names, absorb=["province"], cluster="prefecture",
        places=residuals.coordinates(polygons.iloc[3:]), cutoffs=[60.0],
    )  # fmt: skip
    gone = data["code"].isin(polygons["code"].iloc[:3]).sum()
    assert rows["n"].tolist() == [len(data) - gone] * 2


def test_change_moran_is_that_of_least_squares_with_dummies(counties, weights):
    data, names = residuals.change_sample(counties, outcome="schooling", **OPTIONS)
    found = residuals.change_moran(data, names, weights).iloc[0]
    here = restrict(weights, data["code"].tolist())
    x = np.column_stack([data[names], pd.get_dummies(data["province"]).to_numpy(float)])
    left = data["change"] - x @ np.linalg.lstsq(x, data["change"], rcond=None)[0]
    known = residual_moran(left.to_numpy(), x, here).iloc[0]
    assert found["moran"] == pytest.approx(known["moran"])
    assert found["n"] == len(data)
    assert found["islands"] == len(here.islands)


@pytest.mark.parametrize("periods", [2, 3, 12])
def test_forward_deviations_are_orthonormal_and_sum_to_zero(periods):
    matrix = residuals.forward_deviations(periods)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(periods - 1), atol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-12)


def test_panel_moran_of_two_years_is_that_of_differences(panel, weights):
    two = panel[panel["year"] <= 2011]
    found = residuals.panel_moran(two, outcome="y", regressors=["x1", "x2"], weights=weights)
    change = two.set_index(["code", "year"]).groupby("code").diff().dropna()
    change = change.droplevel("year").loc[list(weights.ids)]
    x = np.column_stack([change[["x1", "x2"]], np.ones(len(change))])
    left = change["y"] - x @ np.linalg.lstsq(x, change["y"], rcond=None)[0]
    known = residual_moran(left.to_numpy(), x, weights)
    for column in ("moran", "expected", "variance", "p_value", "n"):
        assert found[column].iloc[0] == pytest.approx(known[column].iloc[0])


def test_panel_moran_is_standard_normal_without_dependence(weights):
    truth = SpatialTruth(rho=0.0, theta=(0.0, 0.0), years=4)
    z = []
    for seed in range(120):
        frame = simulate_spatial_panel(weights, truth, seed=seed)
        one = residuals.panel_moran(frame, outcome="y", regressors=["x1", "x2"], weights=weights)
        z.append(one["z"].iloc[0])
    assert abs(np.mean(z)) < 3 / np.sqrt(120)
    assert 0.8 < np.std(z) < 1.2


def test_dependence_is_found_and_the_durbin_model_leaves_none(panel, weights):
    both: dict[str, Any] = {"outcome": "y", "regressors": ["x1", "x2"], "weights": weights}
    assert residuals.panel_moran(panel, **both)["p_value"].iloc[0] < 1e-6
    left = residuals.durbin_moran(fit_spatial(panel, **both), weights)
    assert left["n"].iloc[0] == 4 * SIDE**2
    assert left["p_value"].iloc[0] > 0.01


def test_panel_with_gaps_is_refused(panel, weights):
    with pytest.raises(ValueError, match="complete_units"):
        residuals.panel_moran(panel.iloc[1:], outcome="y", regressors=["x1"], weights=weights)


def test_units_on_map_say_who_is_left_out(panel, polygons):
    gap = panel.drop(index=panel.index[0])
    kept, left_out = report.units_on_map(gap, ["y"], polygons.iloc[:-2])
    codes = polygons["code"].tolist()
    assert left_out.to_dict("records") == [
        {"code": code, "reason": reason}
        for code, reason in sorted([
            (panel["code"].iloc[0], "not known in every year"),
            (codes[-2], "no polygon of this code"),
            (codes[-1], "no polygon of this code"),
        ])
    ]  # fmt: skip
    assert len(kept) == SIDE**2 - 3


def test_local_clusters_have_a_row_per_county_and_year(panel, weights):
    years = [2010, 2014]
    table = report.local_clusters(
        panel, weights, variable="y", years=years, rng=np.random.default_rng(1), permutations=99,
        level=0.05,
    )  # fmt: skip
    assert table.groupby("year").size().tolist() == [SIDE**2] * 2
    saved = report.saved_clusters(table, "y")
    assert {"own_score", "neighbour_score", "local_cluster", "variable"} <= set(saved)
    assert not {"z", "lag", "cluster", "value"} & set(saved)


def test_describe_names_the_samples(weights):
    few = restrict(weights, weights.ids[: SIDE * 4])
    table = report.describe({"sample": few, "whole map": weights})
    assert table["sample"].tolist() == ["sample", "whole map"]
    assert table["entities"].tolist() == [SIDE * 4, SIDE**2]


def test_recovery_shows_what_neighbours_left_out_do():
    weights = lattice_weights(24)
    options = {"first_year": 2010, "years": 10, "draws": 500}
    effects, truth, table = report.recovery(weights, simulate=True, seed=2, **options)
    assert set(effects["variable"]) == set(truth["variable"]) == {"x1", "x2"}
    durbin = table[table["spatial_model"] == "durbin"]
    assert ((durbin["estimate"] - durbin["truth"]).abs() < 4 * durbin["se"]).all()
    none = table[table["spatial_model"] == "none"].sort_values(["variable", "effect"])
    assert none["effect"].tolist() == ["direct", "total"] * 2
    assert none.groupby("variable")["estimate"].nunique().eq(1).all()
    assert not none["covers"].iloc[1]


def test_recovery_without_simulation_is_empty_and_typed(weights):
    effects, truth, table = report.recovery(
        weights, simulate=False, first_year=2010, years=2, seed=1, draws=10
    )
    assert len(effects) == len(truth) == len(table) == 0
    assert table["covers"].dtype == bool
    assert table["n"].dtype == np.int64


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_spatial_table_puts_the_errors_side_by_side(counties, polygons, panel, weights, lang):
    data, names = residuals.change_sample(counties, outcome="schooling", **OPTIONS)
    scores = panel.rename(columns={"y": "revitalization", "x1": "alleviation_before"})
    scores = scores.merge(data[["code", "province"]], on="code")
    scores = scores[scores["code"].isin(data["code"])]
    sample = restrict(weights, sorted(scores["code"].unique()))
    alone = set(sample.islands)
    sample = restrict(sample, [c for c in sample.ids if c not in alone])
    scores = scores[scores["code"].isin(sample.ids)]
    regression: dict[str, Any] = {
        "outcome": "revitalization", "regressors": ["alleviation_before"],
    }  # fmt: skip
    places: dict[str, Any] = {"places": residuals.coordinates(polygons), "cutoffs": [40.0, 80.0]}
    errors: pd.DataFrame = pd.concat([
        residuals.error_rows(
            data, outcome="change", regressors=names, absorb=["province"], cluster="prefecture",
            **places,
        ).assign(regression="long difference", outcome="schooling"),
        residuals.error_rows(
            scores, **regression, absorb=["code", "year"], cluster="province", **places
        ).assign(regression="panel", outcome="revitalization"),
    ])  # fmt: skip
    fit, effects = report.durbin(
        scores, sample, **regression, rng=np.random.default_rng(3), draws=100
    )
    left = pd.concat([
        residuals.change_moran(data, names, weights).assign(
            regression="long difference", outcome="schooling"
        ),
        residuals.panel_moran(scores, **regression, weights=sample).assign(
            regression="panel", outcome="revitalization"
        ),
        residuals.durbin_moran(fit, sample).assign(
            regression="spatial Durbin", outcome="revitalization"
        ),
    ])  # fmt: skip
    table = spatial_table(errors, left, fit, effects, lang)
    assert table.frame.shape == (6, 9)
    assert table.frame.columns[4:6].tolist() == ["Conley 40 km", "Conley 80 km"]
    assert table.frame.iloc[:2, 2:].notna().all(axis=None)
    assert table.frame.iloc[-1, 2] == fit.rho
    assert bool(HANZI.search(table.notes + table.caption)) == (lang == "zh")
    simpler = report.simplifications(scores, sample, **regression)
    saved = report.saved_tests(simpler.assign(n=1), simpler)
    assert saved["test"].str.startswith(("least squares", "durbin")).all()
    assert {"test_statistic", "test_df"} <= set(saved)
    assert set(report.saved_fit(effects)["absorbed"]) == {"county and year"}
