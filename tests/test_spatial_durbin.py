"""Spatial lag, error and Durbin models: published values, spreg, dense formulas, bad input."""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from test_spatial import lattice, lattice_weights

from analysis.models.simulate_space import REGRESSORS, SpatialTruth, simulate_spatial_panel
from analysis.models.spatial_durbin import coefficient_table, fit_spatial, nesting_tests
from analysis.models.spatial_effects import average_effects, effect_table
from analysis.models.spatial_input import complete_units
from analysis.models.spatial_weights import restrict, weights_from_matrix

ORACLE = 1e-5  # maximum likelihood in other software stops at about this distance
PUBLISHED = 1e-6
SAME = 1e-8  # the same optimum found with a coarser stopping rule
SMALL = SpatialTruth(years=4)
CROSS = {"time": None, "effects": "none"}
MUNNELL = ("lpcap", "lpc", "lemp", "unemp")


@pytest.fixture(scope="module")
def columbus(oracle):
    frame = pd.read_csv(oracle("columbus_old.csv"))
    frame["code"] = [f"{i:02d}" for i in range(len(frame))]
    matrix = np.loadtxt(oracle("colnb.csv"), delimiter=",")
    return frame, weights_from_matrix(matrix, frame["code"].tolist()), matrix


@pytest.fixture(scope="module")
def munnell(oracle):
    frame = pd.read_csv(oracle("produc.csv"))
    for name in ("gsp", "pcap", "pc", "emp"):
        frame[f"l{name}"] = np.log(frame[name])
    frame["code"] = frame["state"].str.replace(" ", "_")
    matrix = pd.read_csv(oracle("usaww.csv"), index_col=0)
    return frame, weights_from_matrix(matrix.to_numpy(), list(matrix.columns))


@pytest.fixture(scope="module")
def panel():
    weights = lattice_weights(7)
    return simulate_spatial_panel(weights, SMALL, seed=4), weights


def fit(frame, weights, **options):
    chosen = {"outcome": "y", "regressors": list(REGRESSORS)} | options
    return fit_spatial(frame, weights=weights, **chosen)


def quietly(run):
    """spreg prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return run()


def table_of(result):
    return coefficient_table(result).set_index("term")


# --- published values


@pytest.mark.parametrize(
    ("model", "terms", "rho", "likelihood"),
    [
        (
            "lag", {"const": 45.0792498902, "INC": -1.0316156896, "HOVAL": -0.2659262546},
            (0.431023209, 0.1176807252), -182.3904272,
        ),
        (
            "error", {"const": 59.8932190438, "INC": -0.9413119503, "HOVAL": -0.3022502129},
            (0.5617902784, 0.1338686747), -183.380469,
        ),
    ],
)  # fmt: skip
def test_columbus_lag_and_error(columbus, model, terms, rho, likelihood):
    """Values of R spdep lagsarlm and errorsarlm."""
    frame, weights, _ = columbus
    options = {"outcome": "CRIME", "regressors": ["INC", "HOVAL"], "model": model, **CROSS}
    found = fit(frame, weights, **options)
    table = table_of(found)
    for term, value in terms.items():
        assert table.loc[term, "estimate"] == pytest.approx(value, abs=ORACLE)
    assert tuple(table.loc["rho", ["estimate", "se"]]) == pytest.approx(rho, abs=ORACLE)
    assert found.log_likelihood == pytest.approx(likelihood, abs=ORACLE)
    if model == "lag":
        assert found.aic == pytest.approx(374.7808543, abs=ORACLE)  # rho and sigma2 counted


def test_munnell_within(munnell):
    """Values of R splm spml(model = "within"), which uses the demeaned data without correction."""
    frame, weights = munnell
    options = {"outcome": "lgsp", "regressors": MUNNELL, "effects": "entity"}
    lag = table_of(fit(frame, weights, model="lag", correction="none", **options))
    assert tuple(lag.loc["rho", ["estimate", "se"]]) == pytest.approx(
        (0.274688711742, 0.02351640466), abs=PUBLISHED
    )
    assert lag.loc["lpc", "estimate"] == pytest.approx(0.187432519189, abs=PUBLISHED)
    assert lag.loc["lemp", "estimate"] == pytest.approx(0.625090171296, abs=PUBLISHED)
    error = table_of(fit(frame, weights, model="error", correction="none", **options))
    assert tuple(error.loc["rho", ["estimate", "se"]]) == pytest.approx(
        (0.55740132152, 0.03307490544), abs=PUBLISHED
    )


def test_munnell_correction_changes_the_variance_only(munnell):
    """Lee & Yu (2010): with unit effects the variance grows by T / (T - 1), T = 17."""
    frame, weights = munnell
    options = {"outcome": "lgsp", "regressors": MUNNELL, "effects": "entity", "model": "lag"}
    exact, direct = (fit(frame, weights, correction=c, **options) for c in ("lee_yu", "none"))
    assert exact.coefficients == pytest.approx(direct.coefficients, abs=1e-10)
    assert exact.rho == pytest.approx(direct.rho, abs=1e-10)
    assert exact.covariance == pytest.approx(direct.covariance * 17 / 16, rel=1e-8)


# --- other software


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_columbus_durbin_agrees_with_spreg(columbus):
    import libpysal
    import spreg

    frame, weights, matrix = columbus
    w = libpysal.weights.full2W(matrix)
    w.transform = "r"
    y, x = frame[["CRIME"]].to_numpy(), frame[["INC", "HOVAL"]].to_numpy()
    theirs = quietly(lambda: spreg.ML_Lag(y, x, w=w, slx_lags=1, epsilon=1e-12))
    mine = fit(frame, weights, outcome="CRIME", regressors=["INC", "HOVAL"], **CROSS)
    order = [mine.terms.index(t) for t in ("const", "INC", "HOVAL", "W INC", "W HOVAL")]
    assert mine.coefficients[order] == pytest.approx(theirs.betas.ravel()[:-1], abs=ORACLE)
    assert mine.rho == pytest.approx(theirs.rho, abs=1e-7)
    assert mine.log_likelihood == pytest.approx(theirs.logll, abs=SAME)
    places = [*order, len(order)]
    assert mine.covariance[np.ix_(places, places)] == pytest.approx(theirs.vm, abs=1e-4)


def test_munnell_durbin_agrees_with_spreg(munnell):
    import libpysal
    import spreg

    frame, weights = munnell
    ordered = frame.sort_values(["year", "code"], key=lambda c: c.map(_place(weights)))
    w = libpysal.weights.full2W(weights.matrix.toarray())
    w.transform = "r"
    columns = ordered[list(MUNNELL)].to_numpy().reshape(17, 48, 4)
    lagged = np.stack([weights.lag(part) for part in columns])
    x = np.concatenate([columns, lagged], axis=2).reshape(-1, 8)
    y = ordered[["lgsp"]].to_numpy()
    theirs = quietly(lambda: spreg.Panel_FE_Lag(y, x, w, epsilon=1e-12))
    mine = fit(
        frame, weights, outcome="lgsp", regressors=MUNNELL, effects="entity", correction="none"
    )
    assert mine.coefficients == pytest.approx(theirs.betas.ravel()[:-1], abs=ORACLE)
    assert mine.rho == pytest.approx(theirs.rho, abs=1e-6)
    assert np.diag(mine.covariance) == pytest.approx(np.diag(theirs.vm), rel=1e-3)


def _place(weights):
    places = dict(zip(weights.ids, range(len(weights.ids)), strict=True))
    return lambda key: places.get(key, key)


# --- dense formulas


def orthonormal(n):
    """Columns of J = I - 11'/n that span its range, shape (n, n - 1)."""
    return np.linalg.qr(np.eye(n) - 1 / n)[0][:, : n - 1]


def transformed(frame, weights, *, by_unit, by_time):
    """Return y, Z, W after the orthogonal transformations, cross-sections stacked."""
    n = len(weights.ids)
    cube = frame.sort_values(["code", "year"])[["y", *REGRESSORS]].to_numpy().reshape(n, -1, 3)
    w = weights.matrix.toarray()
    cube = np.concatenate([cube, np.einsum("ij,jtk->itk", w, cube[:, :, 1:])], axis=2)
    rows = orthonormal(n) if by_time else np.eye(n)
    years = orthonormal(cube.shape[1]) if by_unit else np.eye(cube.shape[1])
    cube = np.einsum("ia,itk,tb->abk", rows, cube, years)
    small = rows.T @ w @ rows
    m = cube.shape[1]
    stacked = np.moveaxis(cube, 1, 0).reshape(-1, cube.shape[2])
    return stacked[:, 0], stacked[:, 1:], np.kron(np.eye(m), small)


def dense_likelihood(parameters, y, z, w):
    """Log-likelihood of y = rho Wy + Zd + e for (d, rho, sigma2), written out."""
    *d, rho, sigma2 = parameters
    e = y - rho * (w @ y) - z @ np.array(d)
    determinant = np.linalg.slogdet(np.eye(len(y)) - rho * w)[1]
    return determinant - len(y) / 2 * np.log(2 * np.pi * sigma2) - e @ e / (2 * sigma2)


@pytest.mark.parametrize(
    ("effects", "by_unit", "by_time"),
    [("entity", True, False), ("time", False, True), ("two_way", True, True)],
)
def test_transformations_are_those_of_lee_and_yu(panel, effects, by_unit, by_time):
    """The fit maximises the likelihood of explicitly transformed data; so do its variances."""
    frame, weights = panel
    found = fit(frame, weights, effects=effects)
    y, z, w = transformed(frame, weights, by_unit=by_unit, by_time=by_time)
    best = np.array([*found.coefficients, found.rho, found.sigma2])
    assert found.observations == len(y)
    assert dense_likelihood(best, y, z, w) == pytest.approx(found.log_likelihood, abs=1e-8)
    slope = optimize.approx_fprime(best, dense_likelihood, 1e-7, y, z, w)
    assert np.abs(slope).max() < 1e-2  # curvature is of the order of 1e2
    g = w @ np.linalg.inv(np.eye(len(w)) - found.rho * w)
    lag, s = g @ z @ found.coefficients, found.sigma2
    k = z.shape[1]
    matrix = np.zeros((k + 2, k + 2))
    matrix[:k, :k], matrix[:k, k] = z.T @ z / s, z.T @ lag / s
    matrix[k, :k] = matrix[:k, k]
    matrix[k, k] = lag @ lag / s + np.trace(g @ g + g @ g.T)
    matrix[k, k + 1] = matrix[k + 1, k] = np.trace(g) / s
    matrix[k + 1, k + 1] = len(y) / (2 * s**2)
    assert found.covariance == pytest.approx(np.linalg.inv(matrix)[:-1, :-1], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("effects", "by_unit", "by_time"), [("entity", True, False), ("two_way", True, True)]
)
def test_error_model_maximises_the_transformed_likelihood(panel, effects, by_unit, by_time):
    frame, weights = panel
    found = fit(frame, weights, model="error", effects=effects)
    y, z, w = transformed(frame, weights, by_unit=by_unit, by_time=by_time)
    z = z[:, :2]

    def minus(rho):
        a = np.eye(len(y)) - rho * w
        e = a @ y - a @ z @ np.linalg.lstsq(a @ z, a @ y, rcond=None)[0]
        return len(y) / 2 * (np.log(2 * np.pi * (e @ e) / len(y)) + 1) - np.linalg.slogdet(a)[1]

    best = optimize.minimize_scalar(minus, bounds=(-0.9, 0.95), method="bounded")
    assert found.rho == pytest.approx(best.x, abs=1e-4)
    assert found.log_likelihood == pytest.approx(-minus(found.rho), abs=1e-8)
    a = np.eye(len(y)) - found.rho * w
    assert found.covariance[:2, :2] == pytest.approx(
        found.sigma2 * np.linalg.inv((a @ z).T @ a @ z), rel=1e-7
    )


def test_observed_information_is_the_hessian(panel):
    frame, weights = panel
    found = fit(frame, weights, information="observed")
    y, z, w = transformed(frame, weights, by_unit=True, by_time=True)
    best = np.array([*found.coefficients, found.rho, found.sigma2])
    step = 1e-4

    def at(i, j, one, other):
        moved = best.copy()
        moved[i] += one * step
        moved[j] += other * step
        return dense_likelihood(moved, y, z, w)

    size = range(len(best))
    hessian = [
        [(at(i, j, 1, 1) - at(i, j, 1, -1) - at(i, j, -1, 1) + at(i, j, -1, -1)) for j in size]
        for i in size
    ]
    numeric = np.linalg.inv(-np.array(hessian) / (4 * step**2))[:-1, :-1]
    assert found.covariance == pytest.approx(numeric, rel=1e-3, abs=1e-7)
    expected = fit(frame, weights).covariance
    assert np.diag(found.covariance) == pytest.approx(np.diag(expected), rel=0.1)


def test_two_periods_equal_the_model_in_differences(panel):
    """With T = 2 the transformed panel is one cross-section of differences (over root two)."""
    frame, weights = panel
    two = frame[frame["year"] <= 2011]
    wide = two.pivot(index="code", columns="year", values=["y", *REGRESSORS])
    change = {n: (wide[n][2011] - wide[n][2010]).to_numpy() for n in ("y", *REGRESSORS)}
    differences = pd.DataFrame({"code": wide.index, **change})
    panel_fit = fit(two, weights, effects="entity", model="lag")
    y, x = differences["y"].to_numpy(), differences[list(REGRESSORS)].to_numpy()
    w = weights.matrix.toarray()

    def minus(rho):
        z = y - rho * (w @ y)
        e = z - x @ np.linalg.lstsq(x, z, rcond=None)[0]
        return len(y) / 2 * np.log(e @ e) - np.linalg.slogdet(np.eye(len(y)) - rho * w)[1]

    best = optimize.minimize_scalar(minus, bounds=(-0.9, 0.95), method="bounded")
    assert panel_fit.rho == pytest.approx(best.x, abs=1e-5)


def test_effects_are_invariant_to_constants_order_and_scale(panel):
    frame, weights = panel
    base = fit(frame, weights)
    county = frame["code"].astype(int) ** 1.5
    moved = frame.assign(y=frame["y"] + county + frame["year"] ** 2 / 1e3)
    shuffled = moved.sample(frac=1, random_state=1)
    before = shuffled.copy()
    again = fit(shuffled, weights)
    pd.testing.assert_frame_equal(shuffled, before)
    assert again.coefficients == pytest.approx(base.coefficients, abs=1e-7)
    assert again.rho == pytest.approx(base.rho, abs=1e-8)
    permuted = restrict(weights, list(weights.ids[::-1]))
    assert fit(frame, permuted).rho == pytest.approx(base.rho, abs=1e-10)
    scaled = fit(frame.assign(y=frame["y"] * 100), weights)
    assert scaled.coefficients == pytest.approx(100 * base.coefficients, rel=1e-8)


# --- effects


@given(
    rho=st.floats(-0.9, 0.95), beta=st.floats(-2, 2), theta=st.floats(-2, 2), alone=st.booleans(),
    seed=st.integers(0, 1000),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_average_effects_are_those_of_the_dense_inverse(rho, beta, theta, alone, seed):
    raw = np.random.default_rng(seed).random((12, 12))
    np.fill_diagonal(raw, 0)
    if alone:
        raw[:2] = raw[:, :2] = 0
    weights = weights_from_matrix(raw, [str(i) for i in range(12)])
    w = weights.matrix.toarray()
    s = np.linalg.solve(np.eye(12) - rho * w, beta * np.eye(12) + theta * w)
    found = average_effects(weights, rho=rho, beta=np.array([beta]), theta=np.array([theta]))
    direct, total = np.trace(s) / 12, s.sum() / 12
    scale = 1e-8 * (1 + abs(total))
    assert found.ravel() == pytest.approx([direct, total - direct, total], abs=scale)
    if not alone:
        assert found[2, 0] == pytest.approx((beta + theta) / (1 - rho), abs=scale)


def test_simulated_errors_agree_with_the_delta_method(panel):
    frame, weights = panel
    found = fit(frame, weights)
    table = effect_table(found, weights, rng=np.random.default_rng(1), draws=40_000)
    centre = np.append(found.coefficients, found.rho)

    def effects(p):
        return average_effects(weights, rho=p[-1], beta=p[:2], theta=p[2:4]).T.ravel()

    jacobian = optimize.approx_fprime(centre, effects, 1e-6)
    delta = np.sqrt(np.diag(jacobian @ found.covariance @ jacobian.T))
    assert table["value"].to_numpy() == pytest.approx(effects(centre), abs=1e-12)
    assert table["se"].to_numpy() == pytest.approx(delta, rel=0.05)
    assert table["value"].between(table["ci_low"], table["ci_high"]).all()
    total = table.pivot(index="variable", columns="effect", values="value")
    assert (total["direct"] + total["indirect"]).to_numpy() == pytest.approx(total["total"])


def test_models_without_a_lag_of_the_outcome_or_of_x_have_the_effects_they_imply(panel):
    frame, weights = panel
    error = fit(frame, weights, model="error")
    table = effect_table(error, weights, rng=np.random.default_rng(1))
    wide = table.pivot(index="variable", columns="effect", values="value")
    assert wide["direct"].to_numpy() == pytest.approx(error.coefficients)
    assert wide["indirect"].to_numpy() == pytest.approx(0.0)
    lag = fit(frame, weights, model="lag")
    table = effect_table(lag, weights, rng=np.random.default_rng(1))
    total = table[table["effect"] == "total"]["value"].to_numpy()
    assert total == pytest.approx(lag.coefficients / (1 - lag.rho))
    partial = fit(frame, weights, lagged=["x2"])
    assert partial.terms == ("x1", "x2", "W x2")
    assert len(effect_table(partial, weights, rng=np.random.default_rng(1))) == 6


def test_likelihood_ratio_tests_find_the_lags_of_x(panel):
    frame, weights = panel
    options = {"outcome": "y", "regressors": list(REGRESSORS), "weights": weights}
    table = nesting_tests(frame, **options).set_index("test")
    assert (table["statistic"] > 0).all() and (table["df"] == 2).all()
    strong = simulate_spatial_panel(weights, replace(SMALL, theta=(1.0, -1.0)), seed=4)
    assert (nesting_tests(strong, **options)["p_value"] < 1e-6).all()


# --- bad input


def break_panel(frame, how):
    if how == "gap":
        return frame.iloc[1:]
    if how == "twice":
        return pd.concat([frame, frame.iloc[:1]])
    if how == "missing outcome":
        return frame.assign(y=np.nan)
    if how == "stranger":
        return frame.assign(code=frame["code"].replace("000", "x"))
    if how == "constant":
        return frame.assign(x2=frame["code"].astype(int))
    if how == "collinear":
        return frame.assign(x2=2 * frame["x1"] + frame["year"])
    return frame.drop(columns="x1")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("gap", r"1 units lack a period of 4, e.g. \['000'\]"),
        ("twice", "2 rows share a key"),
        ("missing outcome", "'y': 196 missing values: restrict frame and weights"),
        ("stranger", r"(?s)have no weights, e.g. \['x'\].*have no rows, e.g. \['000'\]"),
        ("constant", r"'x2' does not vary once the effects are taken out"),
        ("collinear", "are collinear: drop one"),
        ("column", "'x1' is missing"),
    ],
)
def test_faulty_panels_are_refused(panel, how, message):
    frame, weights = panel
    with pytest.raises(ValueError, match=message):
        fit(break_panel(frame, how), weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "durban"}, "model 'durban' is unknown"),
        ({"effects": "both"}, "effects 'both' is unknown"),
        ({"correction": "x"}, "correction 'x' is unknown"),
        ({"errors": "x", "information": "y"}, r"(?s)errors 'x'.*information 'y'"),
        ({"model": "error", "errors": "unit"}, "not available for the error model"),
        ({"model": "lag", "lagged": ["x1"]}, "has no lagged regressors"),
        ({"lagged": ["z"]}, "lagged 'z' is no regressor"),
        ({"regressors": ["x1", "x1"]}, "'x1' stands twice"),
        ({"regressors": []}, "no regressor"),
        ({"time": None}, "need periods"),
    ],
)
def test_faulty_options_are_refused(panel, options, message):
    frame, weights = panel
    with pytest.raises(ValueError, match=message):
        fit(frame, weights, **options)


def test_time_effects_refuse_islands_and_an_explosive_outcome_is_named(panel):
    frame, weights = panel
    matrix = lattice(7)
    matrix[0] = matrix[:, 0] = 0
    with pytest.raises(ValueError, match=r"1 units without neighbours, e.g. \('000',\)"):
        fit(frame, weights_from_matrix(matrix, weights.ids))
    assert np.isfinite(fit(frame, weights_from_matrix(matrix, weights.ids), effects="entity").rho)
    trend = frame["code"].astype(int) // 7 * (frame["year"] - 2010.0)
    with pytest.raises(ValueError, match="rho is at its bound"):
        fit(frame.assign(y=trend + 1e-9 * frame["y"]), weights)


def test_complete_units_are_those_with_every_period(panel):
    frame, weights = panel
    frame = frame.copy()
    frame.loc[frame.index[0], "x1"] = np.nan
    ids = complete_units(frame, ["y", "x1"])
    assert ids == list(weights.ids[1:])
    part = fit(frame[frame["code"].isin(ids)], restrict(weights, ids))
    assert part.units == 48
    assert complete_units(frame[frame["year"] == 2010], ["y"], time=None) == list(weights.ids)
