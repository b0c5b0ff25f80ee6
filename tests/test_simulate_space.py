"""The simulated spatial panel: its equation, its truth, and what estimators do on it repeatedly."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_spatial import lattice_weights

from analysis.models.simulate_space import (
    REGRESSORS,
    SpatialTruth,
    simulate_spatial_panel,
    spatial_truth,
)
from analysis.models.spatial_durbin import fit_spatial
from analysis.models.spatial_effects import durbin_effects

SMALL = SpatialTruth(years=4)


def fit(frame, weights, **options):
    return fit_spatial(frame, outcome="y", regressors=list(REGRESSORS), weights=weights, **options)


# --- behaviour over repeated samples


def covered(truth, weights, replications, **options):
    known = spatial_truth(weights, truth)
    rows = []
    for seed in range(replications):
        frame = simulate_spatial_panel(weights, truth, seed=[11, seed])
        table = durbin_effects(
            frame, outcome="y", regressors=list(REGRESSORS), weights=weights, draws=1000,
            rng=np.random.default_rng([12, seed]), **options,
        )  # fmt: skip
        table = table.merge(known, on=["variable", "effect"])
        inside = table["truth"].between(table["ci_low"], table["ci_high"])
        rows.append(table.assign(covers=inside, error=table["value"] - table["truth"]))
    draws = pd.concat(rows)
    return draws.groupby(["variable", "effect"])[["covers", "error", "se"]].agg(["mean", "std"])


def test_effects_of_a_short_panel_are_covered_only_with_the_correction():
    """T = 2, where ignoring the estimated county effects halves the variance."""
    weights, truth = lattice_weights(14), replace(SMALL, years=2)
    right = covered(truth, weights, 100, information="observed")
    # error of a share over 100 replications: .022
    assert right[("covers", "mean")].between(0.88, 1.0).all()
    assert right[("covers", "mean")].mean() == pytest.approx(0.95, abs=0.03)
    ratio = right[("se", "mean")] / right[("error", "std")]
    assert ratio.to_numpy() == pytest.approx(1.0, abs=0.22)  # three errors of a sd of 100 draws
    assert (right[("error", "mean")].abs() < 0.35 * right[("error", "std")]).all()
    wrong = covered(truth, weights, 100, information="observed", correction="none")
    assert wrong[("covers", "mean")].mean() == pytest.approx(0.83, abs=0.06)  # 2 Phi(1.96/1.41) - 1


def test_serial_correlation_needs_errors_by_unit():
    truth = replace(SMALL, years=6, error_ar=0.8, regressor_ar=0.8)
    weights = lattice_weights(12)
    naive = covered(truth, weights, 80, information="observed")
    robust = covered(truth, weights, 80, information="observed", errors="unit")
    assert naive[("covers", "mean")].mean() < 0.90
    assert robust[("covers", "mean")].mean() == pytest.approx(0.95, abs=0.035)


def test_errors_by_unit_agree_with_the_model_where_it_holds():
    weights = lattice_weights(20)
    frame = simulate_spatial_panel(weights, replace(SMALL, years=8), seed=2)
    model, unit = (fit(frame, weights, errors=e) for e in ("model", "unit"))
    ratio = np.sqrt(np.diag(unit.covariance) / np.diag(model.covariance))
    assert ratio == pytest.approx(1.0, abs=0.15)


@pytest.mark.slow
def test_effects_are_covered_over_many_replications():
    right = covered(SpatialTruth(years=5), lattice_weights(16), 1000, information="observed")
    assert right[("covers", "mean")].between(0.93, 0.97).all()


def test_naive_estimators_show_the_bias_that_the_simulation_states():
    weights = lattice_weights(30)
    frame = simulate_spatial_panel(weights, replace(SMALL, years=6), seed=1)
    truth = spatial_truth(weights, SMALL).set_index(["variable", "effect"])["truth"]
    right = fit(frame, weights)
    pooled = fit(frame, weights, effects="time")
    assert abs(right.rho - 0.35) < 4 * np.sqrt(right.covariance[-1, -1])
    assert pooled.rho - 0.35 > 4 * np.sqrt(pooled.covariance[-1, -1])
    assert abs(pooled.coefficients[0] - 0.30) > 4 * np.sqrt(pooled.covariance[0, 0])
    values = frame.set_index(["code", "year"])
    within = values - values.groupby("code").transform("mean")
    within = within - within.groupby("year").transform("mean")
    x, y = within[list(REGRESSORS)].to_numpy(), within["y"].to_numpy()
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    assert truth["x1", "direct"] < slopes[0] < truth["x1", "total"] - 0.15


# --- simulation


def test_simulated_panel_satisfies_its_equation():
    weights = lattice_weights(6)
    truth = replace(SMALL, error_sd=0.0, year_sd=0.0, county_sd=0.0)
    frame = simulate_spatial_panel(weights, truth, seed=3)
    assert list(frame) == ["code", "year", "y", *REGRESSORS]
    assert frame["year"].unique().tolist() == [2010, 2011, 2012, 2013]
    wide = {
        n: frame.pivot(index="code", columns="year", values=n).to_numpy() for n in frame.columns[2:]
    }
    right = 0.35 * weights.lag(wide["y"]) + 0.30 * wide["x1"] + 0.15 * wide["x2"]
    right += 0.10 * weights.lag(wide["x1"]) - 0.05 * weights.lag(wide["x2"])
    assert wide["y"] == pytest.approx(right, abs=1e-10)
    pd.testing.assert_frame_equal(frame, simulate_spatial_panel(weights, truth, seed=3))


def test_true_effects_have_their_closed_form():
    known = spatial_truth(lattice_weights(6), SpatialTruth()).set_index(["variable", "effect"])
    assert known.loc[("x1", "total"), "truth"] == pytest.approx(0.40 / 0.65)
    assert known.loc[("x2", "total"), "truth"] == pytest.approx(0.10 / 0.65)


def test_simulation_lists_every_fault():
    with pytest.raises(ValueError) as caught:
        SpatialTruth(rho=1.0, beta=(1.0,), error_sd=-1.0, years=0)
    for part in ("rho is 1.0", "beta has 1 values", "error_sd is -1.0", "years is 0"):
        assert part in str(caught.value)
