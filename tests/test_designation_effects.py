"""Effects of many assignments at once equal one regression each, by independent software."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.long_difference import absorbed_least_squares
from analysis.models.designation_effects import (
    BLOCK,
    Comparison,
    least_squares_effects,
    regression_adjusted_effects,
)

EXACT = 1e-9  # rounding of two routes to one number


def comparison(*, n=120, k=3, groups=6, clusters=15, weighted=False, seed=1):
    rng = np.random.default_rng(seed)
    controls = rng.normal(size=(n, k)) * 10.0 ** np.arange(k)
    effects = np.arange(n) % groups if groups > 1 else np.zeros(n, dtype=int)
    y = controls.sum(axis=1) + effects + rng.standard_t(4, n)
    return Comparison(
        change=y, controls=controls, effects=effects,
        weights=rng.uniform(0.5, 4, n) if weighted else np.ones(n),
        clusters={"a": rng.permutation(np.arange(n) % clusters), "effects": np.arange(n) % 12},
    )  # fmt: skip


def assignments(n=120, p=5, seed=2):
    return np.random.default_rng(seed).random((n, p)) < 0.4


def with_dummies(data, d):
    """Least squares with dummies: statsmodels' coefficient and clustered error of designation."""
    dummies = np.eye(data.effects.max() + 1)[data.effects]
    x = np.column_stack([d.astype(float), data.controls, dummies])
    fit = sm.WLS(data.change, x, weights=data.weights).fit(
        cov_type="cluster", cov_kwds={"groups": data.clusters["a"]}
    )
    return fit.params[0], fit.bse[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("k", "groups"), [(0, 1), (3, 1), (0, 6), (3, 6)])
def test_least_squares_equals_regression_with_dummies(k, groups, weighted):
    data = comparison(k=k, groups=groups, weighted=weighted)
    drawn = assignments()
    found = least_squares_effects(data, drawn)
    expected = np.array([with_dummies(data, d) for d in drawn.T])
    assert found.estimates == pytest.approx(expected[:, 0], rel=EXACT)
    assert found.errors["a"] == pytest.approx(expected[:, 1], rel=EXACT)


def test_effects_nested_in_clusters_are_not_counted():
    data, d = comparison(groups=12), assignments(p=1)
    fit = absorbed_least_squares(
        data.change, np.column_stack([d, data.controls]).astype(float), effects=data.effects,
        clusters=data.clusters["effects"],
    )  # fmt: skip
    found = least_squares_effects(data, d)
    assert found.estimates[0] == pytest.approx(fit.slopes[0], rel=EXACT)
    assert found.errors["effects"][0] == pytest.approx(np.sqrt(fit.covariance[0, 0]), rel=EXACT)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_an_assignment_does_not_depend_on_the_others(seed):
    data, drawn = comparison(groups=1), assignments(p=BLOCK + 7, seed=seed)
    for estimate in (least_squares_effects, regression_adjusted_effects):
        together, alone = estimate(data, drawn), estimate(data, drawn[:, [BLOCK + 3]])
        assert together.estimates[BLOCK + 3] == pytest.approx(alone.estimates[0], rel=1e-8)
        assert together.errors["a"][BLOCK + 3] == pytest.approx(alone.errors["a"][0], rel=1e-8)


def test_regression_adjustment_predicts_from_the_others():
    data, drawn = comparison(groups=1, weighted=True), assignments()
    found = regression_adjusted_effects(data, drawn)
    x = sm.add_constant(data.controls)
    for d, estimate in zip(drawn.T, found.estimates, strict=True):
        fit = sm.WLS(data.change[~d], x[~d], weights=data.weights[~d]).fit()
        distance = data.change[d] - fit.predict(x[d])
        assert estimate == pytest.approx(np.average(distance, weights=data.weights[d]), rel=EXACT)


def test_regression_adjustment_equals_callaway_santanna_with_two_periods():
    from diff_diff import CallawaySantAnna

    n = 120
    data, d = comparison(n=n, k=2, groups=1), assignments(p=1)
    before = pd.DataFrame({"id": np.arange(n), "t": 1, "y": 0.0, "g": np.where(d[:, 0], 2, 0)})
    before[["x1", "x2"]] = data.controls
    panel = pd.concat([before, before.assign(t=2, y=data.change)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = CallawaySantAnna(estimation_method="reg", control_group="never_treated").fit(
            panel, outcome="y", unit="id", time="t", first_treat="g", covariates=["x1", "x2"]
        )
    own = Comparison(
        change=data.change, controls=data.controls, effects=data.effects, weights=data.weights,
        clusters={"unit": np.arange(n)},
    )  # fmt: skip
    found = regression_adjusted_effects(own, d)
    assert found.estimates[0] == pytest.approx(fit.overall_att, rel=1e-8)
    without_factor = found.errors["unit"][0] * np.sqrt((n - 1) / n)
    assert without_factor == pytest.approx(fit.overall_se, rel=1e-6)


def test_regression_adjustment_without_controls_is_the_difference_in_means():
    data, drawn = comparison(k=0, groups=1), assignments()
    means = [data.change[d].mean() - data.change[~d].mean() for d in drawn.T]
    assert regression_adjusted_effects(data, drawn).estimates == pytest.approx(means, rel=EXACT)
    assert least_squares_effects(data, drawn).estimates == pytest.approx(means, rel=EXACT)


def test_whole_weights_are_counties_counted_several_times():
    data, drawn = comparison(groups=1), assignments()
    weights = np.random.default_rng(3).integers(1, 4, 120)
    rows = np.repeat(np.arange(120), weights)
    weighted = Comparison(
        change=data.change, controls=data.controls, effects=data.effects,
        weights=weights.astype(float), clusters=data.clusters,
    )  # fmt: skip
    repeated = Comparison(
        change=data.change[rows], controls=data.controls[rows], effects=data.effects[rows],
        weights=np.ones(len(rows)), clusters={k: v[rows] for k, v in data.clusters.items()},
    )  # fmt: skip
    for estimate in (least_squares_effects, regression_adjusted_effects):
        one, other = estimate(weighted, drawn), estimate(repeated, drawn[rows])
        assert one.estimates == pytest.approx(other.estimates, rel=EXACT)
    assert one.errors["a"] == pytest.approx(other.errors["a"], rel=EXACT)


def test_an_assignment_without_variation_has_no_estimate():
    data = comparison(groups=6)
    absorbed = (data.effects == 2)[:, None]
    found = least_squares_effects(data, np.column_stack([absorbed, assignments(p=1)]))
    assert np.isnan(found.estimates).tolist() == [True, False]
    nobody_left = np.ones((120, 1), dtype=bool)
    nobody_left[:3] = False
    assert np.isnan(regression_adjusted_effects(comparison(groups=1), nobody_left).estimates[0])


def altered(**changes):
    data = comparison()
    values = {name: getattr(data, name) for name in Comparison.__dataclass_fields__}
    return Comparison(**(values | changes))


@pytest.mark.parametrize(
    ("estimate", "data", "message"),
    [
        (least_squares_effects, altered(controls=np.ones((120, 2))), "does not vary"),
        (
            least_squares_effects,
            altered(controls=np.arange(240.0).reshape(120, 2) ** 2 @ np.ones((2, 2))),
            "the controls are collinear in 120 counties",
        ),
        (least_squares_effects, altered(clusters={"a": np.zeros(120, dtype=int)}), "1 clusters"),
        (regression_adjusted_effects, altered(), "takes no group effects"),
    ],
)
def test_what_cannot_be_estimated_is_refused(estimate, data, message):
    with pytest.raises(ValueError, match=message):
        estimate(data, assignments())
