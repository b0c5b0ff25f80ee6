"""Spatial weights, Moran's I, its local version and LM tests, against other software."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.geography import load_counties
from analysis.models.spatial import lm_tests, moran, moran_by_year, residual_moran
from analysis.models.spatial_local import CLUSTERS, local_moran
from analysis.models.spatial_weights import (
    Join,
    SpatialWeights,
    contiguity,
    describe_weights,
    nearest_neighbours,
    restrict,
    weights_from_matrix,
)

RAW = Path(__file__).parents[1] / "data" / "raw"
PUBLISHED = 1e-8  # values are given with 8 to 12 digits
SAME = 1e-10  # the same formula in other software


def lattice(side):
    """Rook neighbours of a square lattice, as a binary matrix."""
    row, column = np.divmod(np.arange(side**2), side)
    step = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    return (step == 1).astype(float)


def lattice_weights(side):
    return weights_from_matrix(lattice(side), [f"{i:03d}" for i in range(side**2)])


@pytest.fixture(scope="module")
def columbus(oracle):
    frame = pd.read_csv(oracle("columbus_old.csv"))
    frame["code"] = [f"{i:02d}" for i in range(len(frame))]
    matrix = np.loadtxt(oracle("colnb.csv"), delimiter=",")
    return frame, weights_from_matrix(matrix, frame["code"].tolist()), matrix


@pytest.fixture(scope="module")
def counties():
    layer = load_counties(RAW / "boundaries")
    return layer[layer["region"].notna()]


@pytest.fixture(scope="module")
def china(counties):
    return contiguity(counties)


def quietly(run):
    """spreg prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return run()


# --- weights


def test_the_real_map_has_its_islands_joined_and_named(china):
    facts = describe_weights(china).iloc[0]
    assert facts["units"] == 2848 and facts["islands"] == 0 and facts["min_neighbours"] >= 1
    # 长海, 岱山, 金门, 南澳, 西沙 and 南沙
    assert [j.island for j in china.joined] == [
        "210224", "330921", "350527", "440523", "460301", "460302",
    ]  # fmt: skip
    assert "330921-330902 (1 km)" in facts["joined_units"]
    # mainland with what is joined to it, Hainan, 定海-普陀-岱山, 思明-湖里
    assert facts["components"] == 4 and facts["largest_component"] > 2800
    assert np.asarray(china.matrix.sum(axis=1)).ravel() == pytest.approx(1.0, abs=1e-12)
    assert (china.matrix != 0).toarray().sum() == facts["links"]
    assert ((china.matrix != 0) != (china.matrix != 0).T).nnz == 0


def test_islands_may_be_kept_and_rook_asks_for_an_edge(counties, china):
    kept = contiguity(counties, islands="keep")
    assert kept.islands == tuple(j.island for j in china.joined) and kept.joined == ()
    assert china.matrix.nnz == kept.matrix.nnz + 12
    assert contiguity(counties, rook=True).matrix.nnz < china.matrix.nnz


def test_nearest_neighbours_are_mutual_and_at_least_as_many(counties):
    weights = nearest_neighbours(counties.iloc[:300], neighbours=5)
    degree = np.diff(weights.matrix.indptr)
    assert degree.min() == 5 and ((weights.matrix > 0) != (weights.matrix > 0).T).nnz == 0


@given(
    n=st.integers(4, 12), seed=st.integers(0, 10**6), symmetric=st.booleans(), alone=st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_eigenvalues_are_those_of_the_dense_matrix(n, seed, symmetric, alone):
    rng = np.random.default_rng(seed)
    raw = rng.random((n, n)) * (rng.random((n, n)) < 0.6)
    raw = raw + raw.T if symmetric else raw + np.roll(np.eye(n), 1, axis=1)
    np.fill_diagonal(raw, 0)
    if alone:
        raw[0] = raw[:, 0] = 0
        raw[1, 2] = raw[2, 1] = 1.0
    if ((raw.sum(axis=1) == 0) & (raw.sum(axis=0) > 0)).any() or not raw.any():
        return
    weights = weights_from_matrix(raw, [str(i) for i in range(n)])
    sums = raw.sum(axis=1, keepdims=True)
    dense = raw / np.where(sums > 0, sums, 1)
    assert np.allclose(weights.matrix.toarray(), dense)
    low, high = weights.bounds
    for rho in (0.9 * max(low, -1), 0.3, 0.9 * high):
        determinant = np.linalg.slogdet(np.eye(n) - rho * dense)[1]
        mine = np.log(np.abs(1 - rho * weights.eigenvalues)).sum()
        assert mine == pytest.approx(determinant, abs=1e-8)
    assert -2 <= low < 0 < high <= 1


def test_a_part_of_the_map_is_standardised_again(china):
    part = restrict(china, ["330921", "330902", "110101", "110102"])
    assert part.matrix.toarray()[0].tolist() == [0, 1, 0, 0]
    assert part.joined == (Join("330921", "330902", china.joined[1].km),)
    assert restrict(china, ["110101", "110102", "210224"]).islands == ("210224",)


@pytest.mark.parametrize(
    ("matrix", "ids", "message"),
    [
        (np.ones((2, 3)), list("ab"), "n x n"),
        (np.ones((3, 3)), list("abc"), "its own neighbour"),
        (-lattice(2), list("abcd"), "negative"),
        (lattice(2), list("abca"), "unit a stands twice"),
        (lattice(2)[:2, :2], list("ab"), "too few"),
        (np.zeros((3, 3)), list("abc"), "no unit has a neighbour"),
        (np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]]), list("abc"), "c has no neighbours but is"),
    ],
)
def test_faulty_weights_are_refused(matrix, ids, message):
    with pytest.raises(ValueError, match=message):
        weights_from_matrix(matrix, ids)


def test_unknown_choices_are_refused(counties, china):
    with pytest.raises(ValueError, match="islands 'join' is unknown"):
        contiguity(counties.iloc[:5], islands="join")
    with pytest.raises(ValueError, match="neighbours is 5: use 1 to 4"):
        nearest_neighbours(counties.iloc[:5], neighbours=5)
    with pytest.raises(ValueError, match=r"1 units are not in the weights, e.g. \['x'\]"):
        restrict(china, ["110101", "110102", "x"])


# --- Moran


def test_columbus_moran_and_geary(columbus):
    """Values of R spdep 1.x, moran.test and geary.test under randomisation."""
    frame, weights, _ = columbus
    found = moran(frame["CRIME"].to_numpy(), weights, rng=np.random.default_rng(1))
    expected = (0.51095126408, -0.02083333333, 0.00890876156)
    assert (found.moran, found.expected, found.variance) == pytest.approx(expected, abs=PUBLISHED)
    assert found.z == pytest.approx(5.6341329, abs=1e-7)
    assert found.geary == pytest.approx(0.529869930598, abs=PUBLISHED)
    assert found.p_simulated == 0.001 and found.n == 49


def test_permutations_are_two_sided_and_agree_with_the_normal_test(columbus):
    _, weights, _ = columbus
    values = np.random.default_rng(5).normal(size=49)
    found = moran(values, weights, rng=np.random.default_rng(1), permutations=19_999)
    assert found.p_simulated == pytest.approx(found.p_value, abs=0.02)
    again = moran(values, weights, rng=np.random.default_rng(1), permutations=19_999)
    assert found == again
    mirrored = moran(-values, weights, rng=np.random.default_rng(1), permutations=19_999)
    assert mirrored.moran == pytest.approx(found.moran)


def test_islands_are_left_out_of_moran():
    whole = lattice_weights(5)
    values = np.random.default_rng(2).normal(size=26)
    padded = np.zeros((26, 26))
    padded[:25, :25] = lattice(5)
    island = weights_from_matrix(padded, [str(i) for i in range(26)])
    rng = np.random.default_rng(1)
    one = moran(values, island, rng=rng, permutations=0)
    other = moran(values[:25], whole, rng=rng, permutations=0)
    assert (one.moran, one.n, one.islands) == (other.moran, 25, 1)
    assert np.isnan(one.p_simulated)


def test_moran_by_year_uses_what_each_year_has():
    weights = lattice_weights(6)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({
        "code": np.tile(weights.ids, 2), "year": np.repeat([2010, 2020], 36),
        "a": rng.normal(size=72), "b": rng.normal(size=72),
    })  # fmt: skip
    frame.loc[frame["year"].eq(2020) & frame["code"].isin(["001", "006"]), "a"] = np.nan
    frame.loc[frame["year"].eq(2010), "b"] = np.nan
    before = frame.copy()
    table = moran_by_year(frame, ["a", "b"], weights, rng=np.random.default_rng(1))
    pd.testing.assert_frame_equal(frame, before)
    keys = [tuple(row) for row in table[["variable", "year", "n", "missing", "islands"]].to_numpy()]
    # without 001 and 006 the corner 000 has no neighbour left
    assert keys == [("a", 2010, 36, 0, 0), ("a", 2020, 33, 2, 1), ("b", 2020, 36, 0, 0)]
    with pytest.raises(ValueError, match="'b' has no values at all"):
        moran_by_year(frame.assign(b=np.nan), ["b"], weights, rng=rng)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(36), "all values are equal"),
        (np.full(36, np.nan), "36 values are missing or infinite"),
        (np.arange(35.0), "give one per unit"),
    ],
)
def test_moran_refuses_what_it_cannot_use(values, message):
    with pytest.raises(ValueError, match=message):
        moran(values, lattice_weights(6), rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match=message):
        local_moran(values, lattice_weights(6), rng=np.random.default_rng(1))


# --- local Moran


@pytest.mark.filterwarnings("ignore:The alternative hypothesis:DeprecationWarning")
def test_local_moran_agrees_with_esda(columbus):
    import esda
    import libpysal

    frame, weights, matrix = columbus
    w = libpysal.weights.full2W(matrix)
    w.transform = "r"
    theirs = esda.Moran_Local(frame["CRIME"].to_numpy(), w, permutations=9999, seed=1)
    mine = local_moran(frame["CRIME"].to_numpy(), weights, rng=np.random.default_rng(1))
    n = len(mine)  # esda divides by n - 1
    assert mine["local_moran"].to_numpy() * (n - 1) / n == pytest.approx(theirs.Is, abs=SAME)
    names = {1: "high-high", 2: "low-high", 3: "low-low", 4: "high-low"}
    assert mine["quadrant"].tolist() == [names[q] for q in theirs.q]
    # esda's p is one-sided; the difference of two shares of 9999 draws has an error of .007
    assert mine["p_value"].to_numpy() == pytest.approx(np.minimum(1, 2 * theirs.p_sim), abs=0.035)


def test_mean_of_local_moran_is_moran_and_the_rate_is_controlled(columbus):
    from scipy import stats

    frame, weights, _ = columbus
    values = frame["CRIME"].to_numpy()
    table = local_moran(values, weights, rng=np.random.default_rng(1))
    overall = moran(values, weights, rng=np.random.default_rng(1), permutations=0)
    assert table["local_moran"].mean() == pytest.approx(overall.moran, abs=SAME)
    assert np.allclose(table["p_fdr"], stats.false_discovery_control(table["p_value"]))
    assert set(table["cluster"]) <= set(CLUSTERS)
    flagged = table["cluster"] != "not significant"
    assert (flagged == (table["p_fdr"] <= 0.05)).all() and flagged.sum() < (
        table["p_value"] <= 0.05
    ).sum()


def test_noise_has_no_clusters_and_a_planted_one_is_found():
    weights, rng = lattice_weights(20), np.random.default_rng(8)
    noise = rng.normal(size=400)
    table = local_moran(noise, weights, rng=rng)
    assert (table["p_value"] <= 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert (table["cluster"] != "not significant").sum() <= 1
    row, column = np.divmod(np.arange(400), 20)
    block = (row < 6) & (column < 6)
    found = local_moran(noise + 4 * block, weights, rng=rng)["cluster"]
    inside = (row > 0) & (row < 5) & (column > 0) & (column < 5)
    assert (found[inside] == "high-high").mean() > 0.7
    assert (found[(row > 6) | (column > 6)] != "not significant").sum() <= 3


def test_an_island_has_no_local_moran():
    padded = np.zeros((26, 26))
    padded[:25, :25] = lattice(5)
    weights = weights_from_matrix(padded, [str(i) for i in range(26)])
    table = local_moran(np.arange(26.0), weights, rng=np.random.default_rng(1), permutations=99)
    last = table.iloc[-1]
    assert last[["lag", "local_moran", "p_value", "p_fdr", "cluster", "quadrant"]].isna().all()
    assert table.iloc[:-1].notna().all(axis=None)


# --- residuals


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_columbus_lagrange_multipliers(columbus):
    """Values of R spdep lm.LMtests; SARMA and the residual Moran of spreg."""
    import libpysal
    import spreg

    frame, weights, matrix = columbus
    table = lm_tests(frame, outcome="CRIME", regressors=["INC", "HOVAL"], weights=weights)
    given_values = (5.723130946, 9.363683566, 0.07949492913, 3.720047549)
    assert tuple(table["statistic"][:4]) == pytest.approx(given_values, abs=PUBLISHED)
    w = libpysal.weights.full2W(matrix)
    w.transform = "r"
    y, x = frame[["CRIME"]].to_numpy(), frame[["INC", "HOVAL"]].to_numpy()
    theirs = quietly(lambda: spreg.OLS(y, x, w=w, spat_diag=True, moran=True, vif=False))
    assert table["statistic"].iloc[4] == pytest.approx(theirs.lm_sarma[0], abs=PUBLISHED)
    assert table["p_value"].iloc[4] == pytest.approx(theirs.lm_sarma[1], abs=PUBLISHED)
    full = np.column_stack([np.ones(49), x])
    mine = residual_moran(theirs.u.ravel(), full, weights).iloc[0]
    assert tuple(mine[["moran", "z", "p_value"]]) == pytest.approx(theirs.moran_res, abs=PUBLISHED)


def test_residual_moran_of_a_constant_is_that_of_the_variable(columbus):
    """With a constant only its variance is Cliff & Ord's under normality (esda VI_norm)."""
    frame, weights, _ = columbus
    values = frame["CRIME"].to_numpy()
    mine = residual_moran(values - values.mean(), np.ones(49), weights).iloc[0]
    assert mine["moran"] == pytest.approx(0.51095126408, abs=PUBLISHED)
    assert mine["expected"] == pytest.approx(-1 / 48, abs=SAME)
    assert mine["variance"] == pytest.approx(0.00877983145686468, abs=SAME)  # esda 2.9


def test_panel_multipliers_of_repeated_cross_sections_have_their_size():
    """Under the null LM statistics of a within panel are chi-square with one degree of freedom."""
    weights = lattice_weights(10)
    draws = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({
            "code": np.repeat(weights.ids, 3), "year": np.tile([1, 2, 3], 100),
            "y": rng.normal(size=300), "x": rng.normal(size=300),
        })  # fmt: skip
        options = {"time": "year", "effects": "two_way"}
        table = lm_tests(frame, outcome="y", regressors=["x"], weights=weights, **options)
        draws.append(table.set_index("test")["statistic"])
    mean = pd.DataFrame(draws).mean()
    # standard error of the mean of 120 chi-square(1) draws is .13
    assert mean[["error", "lag", "robust_error", "robust_lag"]].to_numpy() == pytest.approx(
        1.0, abs=0.4
    )


def test_eigenvalues_are_computed_once():
    weights = lattice_weights(5)
    assert isinstance(weights, SpatialWeights) and weights.eigenvalues is weights.eigenvalues
