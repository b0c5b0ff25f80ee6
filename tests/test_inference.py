"""Errors for few clusters and neighbours: published values, closed forms, brute force, coverage."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.models.inference import (
    COLUMNS,
    Hypothesis,
    cluster_inference,
    conley_inference,
    family_inference,
    great_circle_km,
    wild_cluster_bootstrap,
)
from analysis.models.inference_fit import least_squares, regression_data
from analysis.models.inference_wild import drawn_squares, observed_square, wild_draws, wild_kernel

PETERSEN = 1e-9  # printed with 10 decimals
R_DIGITS = 1e-10  # R prints 12 significant digits of numbers below 1
EXACT = 1e-9  # relative; two ways to compute the same number
ROUGH = 1e-6  # relative; effects absorbed by an iterative method
SIGMAS = 3.5  # Monte Carlo errors allowed for a share; deterministic by seed


def panel(seed: int = 1, *, clusters: int = 9, years: int = 5) -> pd.DataFrame:
    """Counties of unequal clusters over years, with weights, effects and missing rows."""
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 6, clusters)
    county = np.arange(size.sum())
    frame = pd.DataFrame({
        "county": np.repeat(county, years), "year": np.tile(np.arange(years), len(county)),
        "province": np.repeat(np.repeat(np.arange(clusters), size), years),
    })  # fmt: skip
    n = len(frame)
    shock = rng.normal(size=clusters)[frame["province"]]
    frame["x"] = rng.normal(size=n) + shock
    frame["z"] = rng.normal(size=n) + 0.2 * frame["year"]
    frame["y"] = 0.4 * frame["x"] + shock + rng.normal(size=n)
    frame["other"] = frame["y"] + rng.normal(size=n)
    frame["w"] = rng.uniform(0.5, 2, n)
    frame["lat"] = rng.uniform(25, 40, len(county))[frame["county"]]
    frame["lon"] = rng.uniform(100, 115, len(county))[frame["county"]]
    return frame[rng.random(n) > 0.1].reset_index(drop=True)


def design(frame: pd.DataFrame, absorb: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return y and [x, z, constant or all dummies], scaled by nothing."""
    dummies = [pd.get_dummies(frame[c], dtype=float).to_numpy() for c in absorb]
    constant = [] if absorb else [np.ones((len(frame), 1))]
    x = np.hstack([frame[["x", "z"]].to_numpy(), *constant, *dummies])
    return frame["y"].to_numpy(), x


def slope(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(x, y, rcond=None)[0]


def value(table: pd.DataFrame, variance: str, term: str, column: str = "se") -> float:
    keys = (table["error_type"] == variance) & (table["term"] == term)
    return float(table.loc[keys, column].iloc[0])


# Petersen (2009), his test data: constant, slope; R sandwich and Stata agree
CLUSTERED = [
    ("firm", 0.0670127037, 0.0505957259),
    ("year", 0.0233867211, 0.0333889134),
    (("firm", "year"), 0.0650639182, 0.0535580229),
]


@pytest.mark.parametrize(("cluster", "constant", "x"), CLUSTERED)
def test_petersen(oracle: Callable[[str], Path], cluster: Any, constant: float, x: float):
    data = pd.read_csv(oracle("petersen.csv"))
    table = cluster_inference(
        data, outcome="y", regressors=["x"], cluster=cluster, variances=["CR1"]
    )
    assert value(table, "CR1", "const") == pytest.approx(constant, abs=PETERSEN)
    assert value(table, "CR1", "x") == pytest.approx(x, abs=PETERSEN)


# R clubSandwich 0.5.8 on R 4.2.2, vcovCR and coef_test("Satterthwaite"), lm with dummies:
# options, variance, term, standard error, degrees of freedom of CR2
BY_FIRM = {"cluster": "firm"}
TWO_WAY = {"cluster": "firm", "absorb": ["firm", "year"]}
BY_SPAN = {"cluster": "span", "absorb": ["firm", "year"]}
WEIGHTED = {"cluster": "firm", "absorb": ["year"], "weights": "w"}
CLUBSANDWICH = [
    (BY_FIRM, "CR0", "value", 0.0150027280828, None),
    (BY_FIRM, "CR2", "value", 0.0162450777801, 2.34261641339),
    (BY_FIRM, "CR2", "const", 25.6074037718, 6.38609342335),
    (BY_FIRM, "CR3", "capital", 0.155300381453, None),
    (TWO_WAY, "CR2", "value", 0.0208148232743, 2.38867112031),
    (TWO_WAY, "CR2", "capital", 0.100213954232, 1.84346038046),
    (BY_SPAN, "CR0", "capital", 0.0408538901374, None),
    (BY_SPAN, "CR2", "value", 0.0320056301188, 2.77281414074),
    (BY_SPAN, "CR2", "capital", 0.0766601920496, 2.44663408793),
    (WEIGHTED, "CR2", "value", 0.0281755291638, 2.43857990748),  # target = 1/w
    (WEIGHTED, "CR3", "capital", 0.14176977801, None),
]
# R sandwich 3.0-2, vcovHC: a cluster per row
HETEROSCEDASTIC = [("CR1", 0.00681095445687), ("CR2", 0.00695502580131), ("CR3", 0.00716266624438)]


def grunfeld(oracle: Callable[[str], Path]) -> pd.DataFrame:
    data = pd.read_csv(oracle("grunfeld_plm.csv")).rename(columns=str.lower)
    return data.assign(
        span=(data["year"] - 1935) // 4, w=1 + data["firm"] % 3, row=np.arange(len(data))
    )


@pytest.mark.parametrize(("options", "variance", "term", "se", "df"), CLUBSANDWICH)
def test_clubsandwich(
    oracle: Callable[[str], Path], options: Any, variance: str, term: str, se: float, df: Any
):
    table = cluster_inference(
        grunfeld(oracle), outcome="inv", regressors=["value", "capital"],
        variances=[variance], **options,
    )  # fmt: skip
    assert value(table, variance, term) == pytest.approx(se, rel=R_DIGITS)
    if df is not None:
        assert value(table, variance, term, "df") == pytest.approx(df, rel=R_DIGITS)


@pytest.mark.parametrize(("variance", "se"), HETEROSCEDASTIC)
def test_a_cluster_per_row_is_heteroscedastic(
    oracle: Callable[[str], Path], variance: str, se: float
):
    table = cluster_inference(
        grunfeld(oracle), outcome="inv", regressors=["value", "capital"], cluster="row",
        variances=[variance],
    )  # fmt: skip
    assert value(table, variance, "value") == pytest.approx(se, rel=R_DIGITS)


@pytest.mark.parametrize("absorb", [(), ("year",), ("county", "year"), ("province", "year")])
@pytest.mark.parametrize("cluster", ["province", "year"])
def test_jackknife_is_leaving_each_cluster_out(absorb: tuple[str, ...], cluster: str):
    data = panel()
    table = cluster_inference(
        data, outcome="y", regressors=["x", "z"], cluster=cluster, absorb=absorb
    )
    y, x = design(data, absorb)
    full, groups = slope(y, x)[0], data[cluster].unique()
    kept = [(data[cluster] != g).to_numpy() for g in groups]
    moved = [slope(y[rows], x[rows])[0] - full for rows in kept]
    expected = np.sqrt((len(groups) - 1) / len(groups) * np.sum(np.square(moved)))
    assert value(table, "jackknife", "x", "estimate") == pytest.approx(full, rel=EXACT)
    assert value(table, "jackknife", "x") == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("effects", "cluster"),
    [([], "province"), (["year", "county"], "province"), (["province"], "county"),
     (["county", "year"], "year")],
)  # fmt: skip
def test_small_sample_factor_is_that_of_fixest(effects: list[str], cluster: str):
    """pyfixest wants the effects that are nested in the clusters last."""
    pyfixest = pytest.importorskip("pyfixest")
    data = panel()
    table = cluster_inference(
        data, outcome="y", regressors=["x", "z"], cluster=cluster, absorb=effects,
        variances=["CR1"],
    )  # fmt: skip
    formula = "y ~ x + z" + (f" | {' + '.join(effects)}" if effects else "")
    fit = pyfixest.feols(formula, data=data, vcov={"CRV1": cluster})
    assert value(table, "CR1", "x") == pytest.approx(fit.se()["x"], rel=ROUGH)
    assert value(table, "CR1", "x", "p_value") == pytest.approx(fit.pvalue()["x"], rel=1e-5)


def test_redundant_effects_change_nothing():
    options: dict[str, Any] = {"outcome": "y", "regressors": ["x"], "cluster": "province"}
    data = panel()
    once = cluster_inference(data, absorb=["county", "year"], **options)
    twice = cluster_inference(data, absorb=["county", "province", "year"], **options)
    columns = ["estimate", "se", "df", "p_value"]
    np.testing.assert_allclose(once[columns], twice[columns], rtol=1e-8)


def test_equal_clusters_without_regressor_are_a_t_test_of_their_means():
    data = pd.DataFrame({"g": np.repeat(np.arange(7), 4)})
    data["y"] = np.random.default_rng(0).normal(1, 1, 28) + data["g"] % 3
    table = cluster_inference(data, outcome="y", regressors=[], cluster="g")
    expected = stats.ttest_1samp(data.groupby("g")["y"].mean(), 0)
    np.testing.assert_allclose(table["statistic"], expected.statistic, rtol=EXACT)
    np.testing.assert_allclose(table["df"], 6, rtol=EXACT)
    np.testing.assert_allclose(table["p_value"], expected.pvalue, rtol=1e-8)


def test_bell_mccaffrey_of_two_groups():
    """CR2 is the Welch variance; its df are those of two equal variances."""
    a, b, size = 3, 7, 4
    data = pd.DataFrame({"g": np.repeat(np.arange(a + b), size)})
    data["d"] = (data["g"] < a).astype(float)
    data["y"] = np.random.default_rng(0).normal(size=len(data)) + data["g"] % 4
    means = data.groupby("g")[["y", "d"]].mean()
    v1, v0 = means[means["d"] == 1]["y"].var(), means[means["d"] == 0]["y"].var()
    table = cluster_inference(data, outcome="y", regressors=["d"], cluster="g", variances=["CR2"])
    assert value(table, "CR2", "d") == pytest.approx(np.sqrt(v1 / a + v0 / b), rel=EXACT)
    df = (1 / a + 1 / b) ** 2 / (1 / (a**2 * (a - 1)) + 1 / (b**2 * (b - 1)))
    assert value(table, "CR2", "d", "df") == pytest.approx(df, rel=EXACT)


def test_table_counts_and_notes():
    data = panel()
    data.loc[3, "x"] = np.nan
    data = pd.concat([data, data.head(1).assign(county=999)], ignore_index=True)
    before = data.copy(deep=True)
    table = cluster_inference(
        data, outcome="y", regressors=["x"], cluster="province", absorb=["county"]
    )
    assert tuple(table.columns) == COLUMNS
    assert set(table["n"]) == {len(data) - 2}
    assert set(table["dropped_missing"]) == {1} == set(table["dropped_singletons"])
    assert "9 clusters" in table["note"].iloc[0]
    pd.testing.assert_frame_equal(data, before)


def test_a_cluster_that_carries_the_slope_alone_is_reported():
    data = panel()
    data["d"] = (data["province"] == 2).astype(float)
    table = cluster_inference(data, outcome="y", regressors=["d"], cluster="province")
    assert "without 1 of the clusters" in table.query("error_type == 'CR2'")["note"].iloc[0]
    wild = wild_cluster_bootstrap(
        data, outcome="y", regressors=["d"], cluster="province", draws=99,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert wild["effective_clusters"].iloc[0] < 2
    assert "hardly ever rejects" in wild["note"].iloc[0]


def refitted(data: pd.DataFrame, weights: np.ndarray, null: float, options: Any) -> np.ndarray:
    """Return |t*| of each column of cluster weights by refitting the regression with dummies."""
    y, x = design(data, options["absorb"])
    root = np.sqrt(data["w"].to_numpy())
    y, x = root * y, root[:, None] * x
    codes = pd.factorize(data[options["cluster"]], sort=True)[0]
    restricted = y - null * x[:, 0]
    fitted = x[:, 1:] @ slope(restricted, x[:, 1:])
    statistics = []
    for v in weights.T:
        drawn = fitted + null * x[:, 0] + v[codes] * (restricted - fitted)
        coefficients = slope(drawn, x)
        residuals = drawn - x @ coefficients
        free = x[:, 0] - x[:, 1:] @ slope(x[:, 0], x[:, 1:])
        scores = np.bincount(codes, weights=free * residuals)
        statistics.append(abs(coefficients[0] - null) * (free @ free) / np.sqrt(scores @ scores))
    return np.array(statistics)


@pytest.mark.parametrize("absorb", [(), ("county", "year"), ("province", "year")])
@pytest.mark.parametrize(
    ("cluster", "distribution"), [("province", "rademacher"), ("year", "webb")]
)
def test_wild_bootstrap_by_refitting(absorb: tuple[str, ...], cluster: str, distribution: str):
    data, null = panel(clusters=7), 0.2
    points = {
        "rademacher": [-1, 1],
        "webb": [s * np.sqrt(q / 2) for s in (-1, 1) for q in (1, 2, 3)],
    }
    g = data[cluster].nunique()
    every = np.array(list(product(points[distribution], repeat=g))).T[:, ::13]
    options: dict[str, Any] = {"cluster": cluster, "absorb": absorb}
    fitted = regression_data(
        data, outcome="y", regressors=["x", "z"], absorb=absorb, groups=[cluster], weights="w"
    )
    kernel = wild_kernel(least_squares(fitted), fitted.groups[cluster], 0)
    drawn = np.sqrt(drawn_squares(kernel, wild_draws(kernel, every), null))
    np.testing.assert_allclose(drawn, refitted(data, every, null, options), rtol=1e-6)
    ones = refitted(data, np.ones((g, 1)), null, options)
    assert np.sqrt(observed_square(kernel, null)) == pytest.approx(ones[0], rel=1e-8)


def test_enumerated_bootstrap_of_a_mean_is_the_sign_flip_test():
    data = pd.DataFrame({"g": np.repeat(np.arange(8), 3)})
    data["y"] = np.random.default_rng(5).normal(0.4, 1, 24)
    means = data.groupby("g")["y"].mean().to_numpy()
    flips = np.abs(np.array(list(product([-1, 1], repeat=8))) @ means)
    row = wild_cluster_bootstrap(
        data, outcome="y", regressors=[], tested=["const"], cluster="g",
        distribution="rademacher", rng=np.random.default_rng(0),
    ).iloc[0]  # fmt: skip
    reached, larger = flips >= flips[-1] - 1e-12, flips > flips[-1] + 1e-12
    assert row["enumerated"] and row["draws"] == 256
    assert row["p_value"] == reached.mean() > row["p_strict"] == larger.mean()


@pytest.mark.parametrize("distribution", ["rademacher", "webb"])
def test_interval_inverts_the_test(distribution: str):
    options: dict[str, Any] = {
        "outcome": "y", "regressors": ["x", "z"], "tested": ["x"], "cluster": "province",
        "absorb": ["year"], "draws": 999, "distribution": distribution,
    }  # fmt: skip
    rng = np.random.default_rng
    data = panel(clusters=14)
    row = wild_cluster_bootstrap(data, rng=rng(1), **options).iloc[0]
    for bound, sign in (("ci_low", -1), ("ci_high", 1)):
        for shift, inside in ((-1e-6, True), (1e-6, False)):
            null = row[bound] + sign * shift
            again = wild_cluster_bootstrap(data, rng=rng(1), null=null, **options).iloc[0]
            assert (again["p_value"] > 0.05) == inside
    assert row["ci_low"] < row["estimate"] < row["ci_high"]


def test_interval_is_open_where_nothing_can_be_rejected():
    data = panel(clusters=4)
    row = wild_cluster_bootstrap(
        data, outcome="y", regressors=["x"], cluster="province", distribution="rademacher",
        rng=np.random.default_rng(0),
    ).iloc[0]  # fmt: skip
    assert row["p_value"] >= 2 / 16
    assert np.isinf([row["ci_low"], row["ci_high"]]).all()
    assert "no bound" in row["note"]


def test_choice_of_weights_and_reproducibility():
    options: dict[str, Any] = {
        "outcome": "y", "regressors": ["x"], "cluster": "province", "draws": 199,
    }  # fmt: skip
    for clusters, chosen in ((12, "webb"), (13, "rademacher")):
        data = panel(clusters=clusters)
        first, second = (
            wild_cluster_bootstrap(data, rng=np.random.default_rng(4), **options) for _ in range(2)
        )
        assert first["distribution"].iloc[0] == chosen
        pd.testing.assert_frame_equal(first, second)


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.01, 100), shift=st.floats(-50, 50), seed=st.integers(0, 50))
def test_p_values_do_not_depend_on_units(scale: float, shift: float, seed: int):
    data = panel(seed)
    moved = data.assign(y=shift + scale * data["y"], x=data["x"] / scale + shift)
    options: dict[str, Any] = {
        "outcome": "y", "regressors": ["x", "z"], "cluster": "province",
    }  # fmt: skip
    first, second = (cluster_inference(d, **options).query("term == 'x'") for d in (data, moved))
    np.testing.assert_allclose(first["p_value"], second["p_value"], rtol=1e-5)
    a, b = (
        wild_cluster_bootstrap(d, draws=99, rng=np.random.default_rng(0), tested=["x"], **options)
        for d in (data, moved)
    )
    np.testing.assert_allclose(a["p_value"], b["p_value"], rtol=EXACT)
    np.testing.assert_allclose(a["ci_low"] * scale**2, b["ci_low"], rtol=1e-4)


def few_clusters(rng: np.random.Generator) -> pd.DataFrame:
    """Ten clusters of very unequal size, a regressor and errors that both vary by cluster."""
    size = np.array([3, 3, 4, 5, 6, 8, 12, 20, 30, 50])
    g = np.repeat(np.arange(10), size)
    x = rng.normal(size=10)[g] + 0.5 * rng.normal(size=len(g))
    y = rng.normal(size=10)[g] + rng.normal(size=len(g))
    return pd.DataFrame({"g": g, "x": x, "y": y})


def test_coverage_with_few_unequal_clusters():
    """CR1 rejects a true null far too often; CR2, jackknife and bootstrap close to 5 %."""
    rng, replications = np.random.default_rng(11), 200
    options: dict[str, Any] = {"outcome": "y", "regressors": ["x"], "cluster": "g"}
    rejected = {name: 0 for name in ("CR1", "CR2", "jackknife", "wild")}
    for _ in range(replications):
        data = few_clusters(rng)
        table = cluster_inference(data, **options).query("term == 'x'").set_index("error_type")
        wild = wild_cluster_bootstrap(data, draws=399, rng=rng, **options)
        rejected["wild"] += int(wild["p_value"].iloc[0] <= 0.05)
        for name in table.index:
            rejected[name] += int(table.loc[name, "p_value"] <= 0.05)
    share = {name: count / replications for name, count in rejected.items()}
    error = SIGMAS * np.sqrt(0.05 * 0.95 / replications)
    assert share["CR1"] > 0.05 + error
    for name in ("CR2", "jackknife", "wild"):
        assert share[name] < 0.05 + error


def brute_conley(data: pd.DataFrame, cutoff: float, kernel: str, period: str | None) -> np.ndarray:
    y, x = design(data, ())
    points = data[["lat", "lon"]].to_numpy()
    distance = great_circle_km(points, points)
    weight = np.clip(1 - distance / cutoff, 0, 1) if kernel == "bartlett" else distance <= cutoff
    if period:
        weight = weight * (data[period].to_numpy()[:, None] == data[period].to_numpy())
    scores = x * (y - x @ slope(y, x))[:, None]
    bread = np.linalg.inv(x.T @ x)
    n, k = x.shape
    return np.sqrt(np.diag(bread @ scores.T @ weight @ scores @ bread) * n / (n - k))


GEO: dict[str, Any] = {
    "outcome": "y", "regressors": ["x", "z"], "latitude": "lat", "longitude": "lon",
}  # fmt: skip


@pytest.mark.parametrize("period", [None, "year"])
@pytest.mark.parametrize("kernel", ["bartlett", "uniform"])
def test_conley_by_brute_force(kernel: str, period: str | None):
    data = panel()
    table = conley_inference(data, cutoff_km=400, kernel=kernel, period=period, **GEO)
    np.testing.assert_allclose(table["se"], brute_conley(data, 400, kernel, period), rtol=1e-8)
    assert table["locations"].iloc[0] == data["county"].nunique()


def test_conley_of_a_tiny_cutoff():
    """Within a period it is HC1; over time it is CR0 by location."""
    data = panel().assign(row=lambda d: np.arange(len(d)))
    own = {"outcome": "y", "regressors": ["x", "z"]}
    n, k = len(data), 3
    within = conley_inference(data, cutoff_km=0.001, period="year", **GEO)
    hc1 = cluster_inference(data, cluster="row", variances=["CR1"], **own)  # type: ignore[arg-type]
    np.testing.assert_allclose(within["se"], hc1["se"], rtol=EXACT)
    over = conley_inference(data, cutoff_km=0.001, **GEO)
    cr0 = cluster_inference(data, cluster="county", variances=["CR0"], **own)  # type: ignore[arg-type]
    np.testing.assert_allclose(over["se"], cr0["se"] * np.sqrt(n / (n - k)), rtol=EXACT)
    plain = conley_inference(data, cutoff_km=0.001, small_sample=False, **GEO)
    np.testing.assert_allclose(plain["se"], cr0["se"], rtol=EXACT)
    assert set(over["neighbours"]) == {0}


def test_conley_of_everything_is_refused():
    """With every pair counted the scores sum to zero, and so does the variance."""
    table = conley_inference(panel(), cutoff_km=30_000, kernel="uniform", **GEO)
    assert (table["se"].isna() | (table["se"] < 1e-6)).all()


def test_great_circle():
    degree = np.pi * 6371 / 180
    points = np.array([[0.0, 0.0], [0.0, 1.0], [90.0, 0.0], [0.0, 180.0], [0.0, 1e-7]])
    expected = [0, degree, 90 * degree, 180 * degree, 1e-7 * degree]
    np.testing.assert_allclose(great_circle_km(points[:1], points)[0], expected, rtol=1e-9)


def test_family_keeps_the_dependence_of_outcomes():
    data = panel(clusters=15).assign(copy=lambda d: 3 * d["y"] + 1)
    data.loc[data["province"] == 3, "other"] = np.nan
    family = [Hypothesis(o, "x", ("z",), ("year",)) for o in ("y", "copy")]
    options: dict[str, Any] = {"cluster": "province", "draws": 299}
    table = family_inference(data, family, rng=np.random.default_rng(2), **options)
    np.testing.assert_allclose(table["p_romano_wolf"], table["p_value"])
    np.testing.assert_allclose(table["p_holm"], 2 * table["p_value"])
    wide = [*family, Hypothesis("other", "x"), Hypothesis("z", "x")]
    table = family_inference(data, wide, rng=np.random.default_rng(2), **options)
    assert list(table["clusters"]) == [15, 15, 14, 15]
    assert (table["p_romano_wolf"] >= table["p_value"]).all()
    single = wild_cluster_bootstrap(
        data, outcome="y", regressors=["x", "z"], tested=["x"], cluster="province",
        absorb=["year"], draws=299, rng=np.random.default_rng(2),
    ).iloc[0]  # fmt: skip
    for column in ("estimate", "se", "statistic", "p_value"):
        assert table[column].iloc[0] == pytest.approx(single[column], rel=EXACT)


BASE: dict[str, Any] = {"outcome": "y", "regressors": ["x"], "cluster": "province"}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"outcome": "nothing"}, "column 'nothing' is missing"),
    ({"outcome": "text"}, "convert to a numeric type"),
    ({"outcome": "empty"}, "no row is complete"),
    ({"outcome": "infinite"}, "1 infinite values"),
    ({"outcome": "flat"}, "no residual"),
    ({"regressors": ["x", "x"]}, "regressors repeat"),
    ({"regressors": ["x", "y"]}, "is the outcome"),
    ({"regressors": ["x", "flat"]}, "collinear"),
    ({"regressors": ["x", "twice"]}, "collinear"),
    ({"regressors": ["province"], "absorb": ["county"]}, "only between effects"),
    ({"cluster": "flat"}, "at least 2"),
    ({"cluster": ["province", "year"]}, r"\['CR2', 'jackknife'\] need one cluster column"),
    ({"cluster": ["province", "province"]}, "two different ones"),
    ({"weights": "negative"}, "weights are not positive"),
    ({"variances": ["HC9"]}, "variance 'HC9' is unknown"),
    ({"confidence": 95}, "not between 0 and 1"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict[str, Any], message: str):
    data = panel().assign(text="a", empty=np.nan, flat=1.0, negative=-1.0, infinite=0.0)
    data["infinite"] = data["x"].where(data.index > 0, np.inf)
    data["twice"] = 2 * data["x"] + 1
    with pytest.raises(ValueError, match=message):
        cluster_inference(data, **(BASE | change))


def test_every_violation_is_listed():
    with pytest.raises(ValueError, match=r"(?s)2 violation.*draws.*not between"):
        wild_cluster_bootstrap(
            panel(), rng=np.random.default_rng(0), draws=0, confidence=2.0, **BASE
        )
    with pytest.raises(ValueError, match=r"(?s)kernel 'gauss'.*cutoff_km 0"):
        conley_inference(panel(), cutoff_km=0, kernel="gauss", **GEO)
    with pytest.raises(ValueError, match="beyond 90 degrees"):
        conley_inference(panel().assign(lat=1e4), cutoff_km=5, **GEO)
    with pytest.raises(ValueError, match="'w' is tested but not fitted"):
        wild_cluster_bootstrap(panel(), rng=np.random.default_rng(0), tested=["w"], **BASE)
    with pytest.raises(ValueError, match="hypotheses repeat"):
        family_inference(
            panel(), [Hypothesis("y", "x")] * 2, cluster="province", rng=np.random.default_rng(0)
        )
