"""Markov and spatial Markov against published US state incomes, closed forms and algebra."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from analysis.models.quantile_classes import assign_classes, quantile_edges
from analysis.models.spatial_markov import neighbour_pairs, spatial_markov
from analysis.models.transitions import (
    homogeneity_test,
    mobility,
    steady_state,
    transition_counts,
    transition_counts_by_period,
    transition_probabilities,
    transition_table,
)

PRINTED = 6e-9  # printed with eight decimals
EXACT = 1e-10  # two ways to compute the same number
# US states, quintiles of each year 1929-2009: Rey (2001), as in PySAL's documentation of Markov
US_COUNTS = [
    [729, 71, 1, 0, 0], [72, 567, 80, 3, 0], [0, 81, 631, 86, 2], [0, 3, 86, 573, 56],
    [0, 0, 1, 57, 741],
]  # fmt: skip
US_STEADY = [0.20774716, 0.18725774, 0.20740537, 0.18821787, 0.20937187]
# steady states by quintile of the neighbours, and the test: PySAL's documentation of Spatial_Markov
US_STEADY_BY_NEIGHBOURS = [
    [0.43509425, 0.2635327, 0.20363044, 0.06841983, 0.02932278],
    [0.13391287, 0.33993305, 0.25153036, 0.23343016, 0.04119356],
    [0.12124869, 0.21137444, 0.2635101, 0.29013417, 0.1137326],
    [0.0776413, 0.19748806, 0.25352636, 0.22480415, 0.24654013],
    [0.01776781, 0.19964349, 0.19009833, 0.25524697, 0.3372434],
]
# Kullback, Kupperman & Ku (1962), Technometrics 4(4): two tables, conditional homogeneity 160.96
KULLBACK = (
    [[22, 11, 24, 2, 2, 7], [5, 23, 15, 3, 42, 6], [4, 21, 190, 25, 20, 34],
     [0, 2, 14, 56, 14, 28], [32, 15, 20, 10, 56, 14], [5, 22, 31, 18, 13, 134]],
    [[3, 6, 9, 3, 0, 8], [1, 9, 3, 12, 27, 5], [2, 9, 208, 32, 5, 18],
     [0, 14, 32, 108, 40, 40], [22, 14, 9, 26, 224, 14], [1, 5, 13, 53, 13, 116]],
)  # fmt: skip


def table(rows: list[list[int]]) -> pd.DataFrame:
    labels = range(1, len(rows) + 1)
    return pd.DataFrame(
        rows, index=pd.Index(labels, name="from"), columns=pd.Index(labels, name="to")
    )


@pytest.fixture(scope="module")
def states() -> pd.DataFrame:
    """Income per head of 48 states 1929-2009, shipped with libpysal."""
    from libpysal.examples import get_path

    wide = pd.read_csv(get_path("usjoin.csv")).rename_axis("code").reset_index()
    years = [str(y) for y in range(1929, 2010)]
    long = wide.melt(id_vars="code", value_vars=years, var_name="year", value_name="income")
    return long.astype({"year": int, "code": str})


@pytest.fixture(scope="module")
def state_neighbours() -> pd.DataFrame:
    from libpysal.examples import get_path
    from libpysal.io import open as read

    return read(get_path("states48.gal")).read().to_adjlist(drop_islands=True)


@pytest.fixture(scope="module")
def by_neighbours(states, state_neighbours):
    return spatial_markov(
        states, value="income", neighbours=state_neighbours, relative=True, by_year=False
    )


def test_us_states_have_the_published_counts_and_steady_state(states):
    quintile = assign_classes(states, value="income")
    counts = transition_counts(states.assign(quintile=quintile), state="quintile")
    assert counts.to_numpy().tolist() == US_COUNTS
    steady = steady_state(transition_probabilities(counts))
    assert steady.to_numpy() == pytest.approx(US_STEADY, abs=PRINTED)


def test_steady_state_of_the_given_counts():
    probabilities = transition_probabilities(table(US_COUNTS))
    assert steady_state(probabilities).to_numpy() == pytest.approx(US_STEADY, abs=PRINTED)
    assert np.diag(probabilities) == pytest.approx(
        [0.91011236, 0.78531856, 0.78875, 0.79805014, 0.92740926], abs=PRINTED
    )
    assert mobility(probabilities) == pytest.approx((5 - np.trace(probabilities)) / 4)


def test_spatial_markov_has_the_published_steady_states_and_tests(by_neighbours):
    for row, counts in enumerate(by_neighbours.by_neighbours.values()):
        steady = steady_state(transition_probabilities(counts))
        assert steady.to_numpy() == pytest.approx(US_STEADY_BY_NEIGHBOURS[row], abs=PRINTED)
    test = by_neighbours.test
    assert test.likelihood_ratio == pytest.approx(170.659, abs=5e-4)
    assert test.pearson == pytest.approx(200.624, abs=5e-4)
    assert test.df == 60
    assert test.p_likelihood_ratio == pytest.approx(stats.chi2.sf(170.659, 60), rel=1e-3)
    assert by_neighbours.edges == pytest.approx(
        [0.83999133, 0.94707545, 1.03242697, 1.14911154], abs=PRINTED
    )
    assert by_neighbours.neighbour_edges == pytest.approx(
        [0.88973386, 0.95891917, 1.01469758, 1.1183566], abs=PRINTED
    )
    pooled = transition_probabilities(by_neighbours.counts)
    first = [0.91461837, 0.07503234, 0.00905563, 0.00129366, 0.0]
    assert pooled.loc[1].to_numpy() == pytest.approx(first, abs=PRINTED)


def test_spatial_markov_with_given_edges(states, state_neighbours):
    edges = [0.8, 0.9, 1, 1.2]  # PySAL's test of cutoffs
    result = spatial_markov(
        states, value="income", neighbours=state_neighbours, relative=True, edges=edges,
        neighbour_edges=edges,
    )  # fmt: skip
    poor = transition_probabilities(result.by_neighbours[1])
    assert poor.loc[2].to_numpy() == pytest.approx([0.10638298, 0.68085106, 0.21276596, 0, 0])
    assert poor.loc[5].isna().all()  # no rich state among the poorest neighbours
    rich = transition_probabilities(result.by_neighbours[5])
    assert rich.loc[4].to_numpy() == pytest.approx([0, 0, 0.05660377, 0.90566038, 0.03773585])


def test_homogeneity_of_the_published_example():
    test = homogeneity_test([table(rows) for rows in KULLBACK])
    assert test.likelihood_ratio == pytest.approx(160.96060031170782, abs=1e-9)
    assert test.df == 29  # the published 30 counts a class that is never reached from the fourth


@given(st.integers(0, 10**6), st.integers(2, 5))
@settings(max_examples=50, deadline=None)
def test_pearson_is_the_sum_of_contingency_tests_by_row(seed, k):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, size=(3, k, k))
    test = homogeneity_test([table(rows) for rows in counts.tolist()])
    by_row = [stats.chi2_contingency(counts[:, i], correction=False) for i in range(k)]
    g = [stats.chi2_contingency(counts[:, i], correction=False, lambda_=0) for i in range(k)]
    assert test.pearson == pytest.approx(sum(r.statistic for r in by_row), rel=1e-9)
    assert test.likelihood_ratio == pytest.approx(sum(r.statistic for r in g), rel=1e-9)
    assert test.df == sum(r.dof for r in by_row)
    again = homogeneity_test({"a": table(counts[0].tolist()), "b": table(counts[0].tolist())})
    assert again.likelihood_ratio == pytest.approx(0, abs=1e-9)


def test_homogeneity_keeps_its_size():
    rng = np.random.default_rng(7)
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6]])
    rejected = np.zeros(2)
    for _ in range(500):
        tables = [
            table([rng.multinomial(150, row).tolist() for row in p]) for _ in range(3)
        ]  # fmt: skip
        test = homogeneity_test(tables)
        rejected += np.array([test.p_likelihood_ratio, test.p_pearson]) < 0.05
    for count in rejected.astype(int):
        assert stats.binomtest(count, 500, 0.05).pvalue > 0.01


def test_homogeneity_without_freedom_or_comparison():
    stay = table([[5, 0], [0, 3]])
    test = homogeneity_test([stay, stay])
    assert test.df == 0 and np.isnan(test.p_pearson)
    with pytest.raises(ValueError, match="two or more tables"):
        homogeneity_test([stay])
    with pytest.raises(ValueError, match="the same classes"):
        homogeneity_test([stay, table(US_COUNTS)])


@given(st.integers(0, 10**6), st.integers(2, 7))
@settings(max_examples=60, deadline=None)
def test_rows_sum_to_one_and_steady_states_stay(seed, k):
    counts = np.random.default_rng(seed).integers(0, 9, size=(k, k)) + np.eye(k, dtype=int)
    probabilities = transition_probabilities(table(counts.tolist()))
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1)
    if (counts > 0).all():
        share = steady_state(probabilities)
        assert share.sum() == pytest.approx(1)
        assert share.to_numpy() @ probabilities.to_numpy() == pytest.approx(share.to_numpy())


def test_steady_states_that_are_not_unique_or_known_are_refused():
    apart = transition_probabilities(table([[3, 0, 0], [1, 1, 1], [0, 0, 4]]))
    with pytest.raises(ValueError, match="none of these is ever left: 1; 3"):
        steady_state(apart)
    trap = transition_probabilities(table([[3, 1], [0, 4]]))
    assert steady_state(trap).tolist() == pytest.approx([0, 1])
    swap = transition_probabilities(table([[0, 2], [2, 0]]))
    assert steady_state(swap).tolist() == pytest.approx([0.5, 0.5])
    unknown = transition_probabilities(table([[1, 1], [0, 0]]))
    with pytest.raises(ValueError, match="rows 2: probabilities do not sum to one"):
        steady_state(unknown)


def toy() -> pd.DataFrame:
    rows: list[tuple[str, list[float]]] = [
        ("a", [1, 1, 2, 2]), ("b", [2, 2, 1, 2]), ("c", [1, 2, np.nan, 2]),
    ]  # fmt: skip
    return pd.DataFrame(
        [(code, 2010 + t, s) for code, path in rows for t, s in enumerate(path)],
        columns=["code", "year", "state"],
    )


def test_counts_follow_the_years():
    counts = transition_counts(toy(), state="state")
    assert counts.to_numpy().tolist() == [[1, 3], [1, 2]]
    assert transition_counts(toy(), state="state", step=3).to_numpy().tolist() == [[0, 2], [0, 1]]
    gap = toy().query("year != 2011")
    assert transition_counts(gap, state="state").to_numpy().sum() == 2  # 2010 to 2012 is no step
    wide = transition_counts(toy(), state="state", states=[0, 1, 2])
    assert wide.shape == (3, 3) and wide.loc[0].sum() == 0
    periods = transition_counts_by_period(
        toy(), state="state", periods=[(2010, 2011), (2011, 2013)]
    )
    both = sum(periods.values(), start=0 * counts)
    assert both.to_numpy().tolist() == counts.to_numpy().tolist()
    assert list(periods) == ["2010-2011", "2011-2013"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"step": 10}, "two years 10 apart"),
        ({}, {"states": [1]}, "not among the states"),
        ({}, {"state": "x"}, "column 'x' is missing"),
        ({"code": "a"}, {}, "share a key"),
        ({"state": np.nan}, {}, "two years 1 apart"),
    ],
)
def test_bad_input_of_counts_is_named(change, options, message):
    with pytest.raises(ValueError, match=message):
        transition_counts(toy().assign(**change), **({"state": "state"} | options))


def test_classes_are_closed_above_and_keep_the_index():
    panel = pd.DataFrame(
        {"year": [1] * 4 + [2] * 5, "y": [1.0, 2, 3, 4, 40, 30, 20, 10, np.nan]},
        index=[9, 8, 7, 6, 5, 4, 3, 2, 2],
    )
    before = panel.copy()
    by_year = assign_classes(panel, value="y", classes=2)
    assert by_year.iloc[:8].tolist() == [1, 1, 2, 2, 2, 2, 1, 1] and by_year.isna().sum() == 1
    pooled = assign_classes(panel, value="y", classes=2, by_year=False)
    assert pooled.iloc[:8].tolist() == [1] * 4 + [2] * 4
    given_edges = assign_classes(panel, value="y", edges=[2, 20])
    assert given_edges.iloc[:8].tolist() == [1, 1, 2, 2, 3, 3, 2, 2]
    assert given_edges.index.equals(panel.index)
    pd.testing.assert_frame_equal(panel, before)


def test_classes_that_would_be_empty_are_refused():
    tied = pd.DataFrame({"year": 2010, "y": [0.0] * 8 + [1.0, 2.0]})
    with pytest.raises(ValueError, match="in 2010 have equal edges"):
        assign_classes(tied, value="y")
    with pytest.raises(ValueError, match="2 <= classes <= values"):
        quantile_edges([1.0, 2.0], 5)
    with pytest.raises(ValueError, match="ascending order"):
        assign_classes(tied, value="y", edges=[2, 1])


@pytest.fixture
def ring() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten units in a ring over six years, and an island; unit 3 has no value in one year."""
    rng = np.random.default_rng(3)
    panel = pd.DataFrame(
        [(f"{c:02d}", 2010 + t) for c in range(11) for t in range(6)], columns=["code", "year"]
    )
    panel["y"] = rng.normal(size=len(panel)) + panel["code"].astype(int)
    panel.loc[(panel["code"] == "03") & (panel["year"] == 2012), "y"] = np.nan
    pairs = [(f"{c:02d}", f"{(c + d) % 10:02d}", 2.0) for c in range(10) for d in (-1, 1)]
    pairs += [("10", "10", 0.0)]
    return panel, pd.DataFrame(pairs, columns=["focal", "neighbor", "weight"])


def test_neighbours_are_averaged_by_hand(ring):
    panel, neighbours = ring
    result = spatial_markov(
        panel, value="y", neighbours=neighbours, classes=3, neighbour_classes=2, by_year=False
    )
    y = panel.set_index(["code", "year"])["y"]
    around = {
        (code, year): np.nanmean([y[f"{(int(code) + d) % 10:02d}", year] for d in (-1, 1)])
        for code, year in y.index
        if code != "10"
    }
    own = assign_classes(panel, value="y", classes=3, by_year=False)
    own.index = y.index
    median = np.median(list(around.values()))
    expected = {c: np.zeros((3, 3), dtype=int) for c in (1, 2)}
    for (code, year), mean in around.items():
        if year < 2015 and not (pd.isna(own[code, year]) or pd.isna(own[code, year + 1])):
            expected[1 + (mean > median)][own[code, year] - 1, own[code, year + 1] - 1] += 1
    for c in (1, 2):
        assert result.by_neighbours[c].to_numpy().tolist() == expected[c].tolist()
    assert result.counts.to_numpy().tolist() == (expected[1] + expected[2]).tolist()
    assert result.without_neighbours == ("10",)


def test_spatial_input_is_checked(ring):
    panel, neighbours = ring
    bad = neighbours.assign(focal=neighbours["focal"].radd("x"))
    with pytest.raises(ValueError, match="no 'focal' is among the units"):
        spatial_markov(panel, value="y", neighbours=bad)
    with pytest.raises(ValueError, match="negative or missing weights"):
        spatial_markov(panel, value="y", neighbours=neighbours.assign(weight=-1.0))
    with pytest.raises(ValueError, match="yearly mean is not positive"):
        spatial_markov(panel.assign(y=-panel["y"]), value="y", neighbours=neighbours, relative=True)
    with pytest.raises(ValueError, match="no two years are 10 apart"):
        spatial_markov(panel, value="y", neighbours=neighbours, classes=2, step=10)


def test_pairs_come_from_a_matrix():
    weights = SimpleNamespace(
        ids=("a", "b", "c"), matrix=sparse.csr_array([[0, 1.0, 0], [0.5, 0, 0.5], [0, 1.0, 0]])
    )
    pairs = neighbour_pairs(weights)  # type: ignore[arg-type]
    assert pairs.to_numpy().tolist() == [
        ["a", "b", 1.0], ["b", "a", 0.5], ["b", "c", 0.5], ["c", "b", 1.0],
    ]  # fmt: skip


def test_tidy_table_holds_all_conditions(by_neighbours):
    conditions = {"all": by_neighbours.counts} | {
        str(c): t for c, t in by_neighbours.by_neighbours.items()
    }
    tidy = transition_table(conditions)
    assert len(tidy) == 6 * 25
    sums = tidy.groupby(["condition", "from"])["probability"].sum()
    assert sums.to_numpy() == pytest.approx(1)
    steady = tidy[(tidy["condition"] == "1") & (tidy["from"] == 1)]["steady"]
    assert steady.to_numpy() == pytest.approx(US_STEADY_BY_NEIGHBOURS[0], abs=PRINTED)
    empty = transition_table({"x": table([[1, 1], [0, 0]])})
    assert empty["probability"].isna().tolist() == [False, False, True, True]
    assert empty["steady"].isna().all()
