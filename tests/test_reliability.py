"""Coefficients of agreement: published values, other software, closed forms and properties."""

from itertools import combinations
from typing import Literal

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from analysis.interviews.coefficients import BLOCK, COEFFICIENTS, statistic
from analysis.interviews.ratings import Ratings, distance
from analysis.interviews.reliability import (
    ReliabilityError,
    as_ratings,
    brennan_prediger,
    cohen_kappa,
    conger_kappa,
    count_ratings,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    misfit,
    percent_agreement,
    scott_pi,
    table_ratings,
    why_undefined,
)

SIX_DECIMALS = 5.1e-7
FIVE_DECIMALS = 5.1e-6
FOUR_DECIMALS = 5.1e-5
ROUNDING = 1e-10
NA = np.nan

BY_NAME = {
    "percent": percent_agreement,
    "alpha_nominal": krippendorff_alpha,
    "cohen": cohen_kappa,
    "scott": scott_pi,
    "fleiss": fleiss_kappa,
    "conger": conger_kappa,
    "gwet_ac1": gwet_ac1,
    "brennan_prediger": brennan_prediger,
}
LEVELS: tuple[Literal["nominal", "ordinal", "interval", "ratio"], ...] = (
    "nominal",
    "ordinal",
    "interval",
    "ratio",
)
few = settings(max_examples=60, deadline=None)


def by_units(*coders):
    return np.array(coders, dtype=float).T


# --- published values -----------------------------------------------------------------------------

# Krippendorff (2011), sections A and C; Wikipedia, "Krippendorff's alpha".
BINARY = by_units([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
FOUR_CODERS = by_units(
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
    [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
)
THREE_CODERS = by_units(
    [NA, NA, NA, NA, NA, 3, 4, 1, 2, 1, 1, 3, 3, NA, 3],
    [1, NA, 2, 1, 3, 3, 4, 3, NA, NA, NA, NA, NA, NA, NA],
    [NA, NA, 2, 1, 3, 4, 4, NA, 2, 1, 1, 3, 3, NA, 4],
)


@pytest.mark.parametrize(
    ("data", "level", "expected"),
    [
        (BINARY, "nominal", 0.095238),
        (FOUR_CODERS, "nominal", 0.743421),
        (FOUR_CODERS, "ordinal", 0.815388),
        (FOUR_CODERS, "interval", 0.849107),
        (FOUR_CODERS, "ratio", 0.797403),
        (THREE_CODERS, "nominal", 0.691358),
        (THREE_CODERS, "interval", 0.810845),
    ],
)
def test_published_alpha(data, level, expected):
    assert krippendorff_alpha(data, level=level) == pytest.approx(expected, abs=SIX_DECIMALS)


# Wikipedia, "Fleiss' kappa" and "Cohen's kappa".
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
# Data sets of the R package irrCAC with the values in its overview: two abstractors and 100
# patients, two diagnoses of 223 patients, six psychiatrists and 15 patients, four raters with gaps.
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
DIAGNOSES = [[40, 4, 4, 17], [6, 25, 2, 13], [4, 1, 21, 12], [15, 5, 9, 45]]
PSYCHIATRISTS = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0],
    [2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6],
    [1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1],
]  # fmt: skip
RATERS = by_units(
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, NA],
    [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 3],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
)
PUBLISHED = {
    "fleiss of wikipedia": (lambda: count_ratings(FLEISS), SIX_DECIMALS, {"fleiss": 0.209931}),
    "cohen 1": (lambda: table_ratings([[20, 5], [10, 15]]), SIX_DECIMALS, {"cohen": 0.4}),
    "cohen 2": (lambda: table_ratings([[45, 15], [25, 15]]), SIX_DECIMALS, {"cohen": 0.130435}),
    "cohen 3": (lambda: table_ratings([[25, 35], [5, 35]]), SIX_DECIMALS, {"cohen": 0.259259}),
    "diagnoses": (
        lambda: table_ratings(DIAGNOSES), FIVE_DECIMALS,
        {"cohen": 0.43150, "gwet_ac1": 0.45616, "scott": 0.43034, "alpha_nominal": 0.43162,
         "brennan_prediger": 0.44993},
    ),
    "abstractors": (
        lambda: table_ratings(ABSTRACTORS), SIX_DECIMALS,
        {"cohen": 0.7964094, "scott": 0.7962397, "gwet_ac1": 0.8493305, "brennan_prediger": 0.835,
         "alpha_nominal": 0.7972585, "percent": 0.89},
    ),
    "psychiatrists": (
        lambda: count_ratings(PSYCHIATRISTS), SIX_DECIMALS,
        {"gwet_ac1": 0.4448007, "fleiss": 0.4139265, "alpha_nominal": 0.4204384,
         "brennan_prediger": 0.4388889, "percent": 0.5511111},
    ),
    "raters with gaps": (
        lambda: RATERS, FIVE_DECIMALS,
        {"percent": 0.8181818, "gwet_ac1": 0.77544, "fleiss": 0.76117, "alpha_nominal": 0.74342,
         "conger": 0.76282, "brennan_prediger": 0.77273},
    ),
    # NVivo, help on the coding comparison query: 1000 characters, 50 coded by both, 150 by one.
    "NVivo": (lambda: table_ratings([[50, 60], [90, 800]]), SIX_DECIMALS, {"percent": 0.85}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "tolerance", "name", "expected"),
    [
        pytest.param(data, tolerance, name, expected, id=f"{case} {name}")
        for case, (data, tolerance, values) in PUBLISHED.items()
        for name, expected in values.items()
    ],
)
def test_published_coefficients(data, tolerance, name, expected):
    assert BY_NAME[name](data()) == pytest.approx(expected, abs=tolerance)


def test_anxiety_ratings_of_the_r_package_irr(oracle):
    data = pd.read_csv(oracle("irr_anxiety.csv"))
    found = {
        "fleiss": fleiss_kappa(data),
        "nominal": krippendorff_alpha(data),
        "ordinal": krippendorff_alpha(data, level="ordinal"),
        "interval": krippendorff_alpha(data, level="interval"),
        "ac1": gwet_ac1(data),
        "quadratic": cohen_kappa(data[["rater1", "rater2"]], weights="quadratic"),
    }
    expected = {"fleiss": -0.04108, "nominal": -0.02373, "ordinal": 0.2284, "interval": 0.1701,
                "ac1": 0.03137, "quadratic": 0.2968}  # fmt: skip
    assert found == pytest.approx(expected, abs=FOUR_DECIMALS)


# --- other software, and the definitions by brute force -------------------------------------------

ratings_with_gaps = arrays(
    np.int64, st.tuples(st.integers(2, 12), st.integers(2, 4)), elements=st.integers(0, 4)
).map(lambda x: np.where(x == 0, np.nan, x))


@few
@given(ratings_with_gaps)
def test_alpha_equals_that_of_the_krippendorff_library(data):
    used = np.unique(data[(~np.isnan(data)).sum(axis=1) >= 2])
    if len(used[~np.isnan(used)]) < 2:
        assert all(np.isnan(krippendorff_alpha(data, level=level)) for level in LEVELS)
        return
    for level in LEVELS:
        expected = krippendorff.alpha(reliability_data=data.T, level_of_measurement=level)
        assert krippendorff_alpha(data, level=level) == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("weights", ["identity", "linear", "quadratic"])
def test_cohen_equals_that_of_scikit_learn(weights):
    data = np.random.default_rng(5).integers(1, 6, (80, 2))
    data[:30, 1] = data[:30, 0]
    other = None if weights == "identity" else weights
    expected = cohen_kappa_score(data[:, 0], data[:, 1], weights=other)
    assert cohen_kappa(data, weights=weights) == pytest.approx(expected, abs=ROUNDING)
    names = pd.DataFrame(data).replace(dict(enumerate("abcde", 1)))
    declared = as_ratings(names, categories="abcde")
    assert cohen_kappa(declared, weights=weights) == pytest.approx(expected, abs=ROUNDING)


def test_weighted_kappa_compares_numbers_by_value():
    gap = np.array([[1, 2], [1, 5], [5, 5], [2, 2], [2, 5], [5, 1]])  # nobody used 3 and 4
    expected = cohen_kappa_score(gap[:, 0], gap[:, 1], labels=range(1, 6), weights="linear")
    by_position = cohen_kappa_score(gap[:, 0], gap[:, 1], weights="linear")
    assert cohen_kappa(gap, weights="linear") == pytest.approx(expected, abs=ROUNDING)
    assert abs(expected - by_position) > 0.01


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 1.0


def set_distance(a, b, level):
    if level == "jaccard":
        return 1 - jaccard(a, b)
    part = 1 if a == b else 2 / 3 if a <= b or b <= a else 1 / 3
    return 1 - jaccard(a, b) * part


def alpha_by_pairs(rows, level):
    """Alpha from its definition, one pair of values at a time."""
    units = [[v for v in row if v is not None] for row in rows]
    units = [unit for unit in units if len(unit) > 1]
    values = [v for unit in units for v in unit]
    n = len(values)
    observed = sum(
        2 * set_distance(a, b, level) / (len(unit) - 1)
        for unit in units
        for a, b in combinations(unit, 2)
    )
    expected = sum(2 * set_distance(a, b, level) for a, b in combinations(values, 2))
    return 1 - (observed / n) / (expected / (n * (n - 1))) if expected else np.nan


code_sets = st.none() | st.frozensets(st.sampled_from("abcd"), max_size=3)


@few
@given(st.integers(2, 3).flatmap(lambda n: st.lists(st.tuples(*[code_sets] * n), min_size=2)))
def test_alpha_of_sets_follows_its_definition(rows):
    if all(value is None for row in rows for value in row):
        return
    for level in ("jaccard", "masi"):
        found = krippendorff_alpha([list(row) for row in rows], level=level)
        assert found == pytest.approx(alpha_by_pairs(rows, level), abs=ROUNDING, nan_ok=True)


@pytest.mark.parametrize(
    ("level", "expected"),
    [("jaccard", [0, 0.5, 2 / 3, 1, 1, 0]), ("masi", [0, 2 / 3, 8 / 9, 1, 1, 0])],
)
def test_distances_of_sets(level, expected):
    # {1, 2} with itself, a superset of four, one that overlaps in one of three, a disjoint one and
    # the empty one; the last is the empty one with itself
    others = [{1, 2}, {1, 2, 3, 4}, {2, 3}, {3, 4}, set()]
    ratings = as_ratings([[other, {1, 2}] for other in others])
    where = {held: k for k, held in enumerate(ratings.categories)}
    between = distance(ratings, level)(np.arange(len(where)), np.arange(len(where)))
    found = [between[where[frozenset(other)], where[frozenset({1, 2})]] for other in others]
    empty = where[frozenset()]
    assert [*found, between[empty, empty]] == pytest.approx(expected, abs=ROUNDING)


# --- properties -----------------------------------------------------------------------------------

complete = arrays(np.int64, st.tuples(st.integers(3, 15), st.just(2)), elements=st.integers(1, 4))


@few
@given(complete)
def test_closed_forms_for_two_coders(data):
    if len(np.unique(data)) == 1:
        return
    small = 1 - 1 / (2 * len(data))  # alpha is pi with the correction for small samples
    assert fleiss_kappa(data) == pytest.approx(scott_pi(data), abs=ROUNDING)
    assert conger_kappa(data) == pytest.approx(cohen_kappa(data), abs=ROUNDING)
    alpha = 1 - (1 - scott_pi(data)) * small
    assert krippendorff_alpha(data) == pytest.approx(alpha, abs=ROUNDING)
    agreeing = (data[:, 0] == data[:, 1]).mean()
    assert percent_agreement(data) == pytest.approx(agreeing, abs=ROUNDING)
    q = len(np.unique(data))
    uniform = (agreeing - 1 / q) / (1 - 1 / q)
    assert brennan_prediger(data) == pytest.approx(uniform, abs=ROUNDING)


@few
@given(complete)
def test_table_and_units_give_the_same(data):
    table = pd.crosstab(data[:, 0], data[:, 1])
    every = np.unique(data)
    ratings = table_ratings(table.reindex(index=every, columns=every, fill_value=0))
    for name, coefficient in BY_NAME.items():
        expected = coefficient(as_ratings(data, categories=every))
        assert coefficient(ratings) == pytest.approx(expected, abs=ROUNDING, nan_ok=True), name


@few
@given(ratings_with_gaps)
def test_counts_and_units_give_the_same(data):
    counts = [[(row == k).sum() for k in (1, 2, 3, 4)] for row in data]
    units = as_ratings(data, categories=[1, 2, 3, 4])
    for name in ("percent", "alpha_nominal", "fleiss", "gwet_ac1", "brennan_prediger"):
        expected = BY_NAME[name](units)
        found = BY_NAME[name](count_ratings(counts))
        assert found == pytest.approx(expected, abs=ROUNDING, nan_ok=True), name


@few
@given(ratings_with_gaps, st.randoms(use_true_random=False))
def test_order_and_names_do_not_matter(data, random):
    units, coders = list(range(len(data))), list(range(data.shape[1]))
    random.shuffle(units)
    random.shuffle(coders)
    renamed = pd.DataFrame(data[units][:, coders]).replace({1: "d", 2: "a", 3: "c", 4: "b"})
    for name, coefficient in BY_NAME.items():
        expected = coefficient(data)
        assert coefficient(renamed) == pytest.approx(expected, abs=ROUNDING, nan_ok=True), name


@pytest.mark.parametrize("name", BY_NAME)
def test_coders_who_agree_throughout_have_one(name):
    data = np.repeat([[1], [2], [2], [3]], 3, axis=1)
    assert BY_NAME[name](data) == pytest.approx(1, abs=ROUNDING)


def test_proportions_give_the_kappa_of_counts():
    counts = np.array(DIAGNOSES)
    for name in ("percent", "cohen", "scott", "gwet_ac1", "brennan_prediger"):
        shares = table_ratings(counts / counts.sum())
        expected = BY_NAME[name](table_ratings(counts))
        assert BY_NAME[name](shares) == pytest.approx(expected, abs=ROUNDING)


def test_declared_categories_count():
    data = [[1, 1], [2, 2], [1, 2]]
    assert brennan_prediger(data) == pytest.approx((2 / 3 - 1 / 2) / (1 / 2), abs=ROUNDING)
    of_four = as_ratings(data, categories=[1, 2, 3, 4])
    assert brennan_prediger(of_four) == pytest.approx((2 / 3 - 1 / 4) / (3 / 4), abs=ROUNDING)
    by_chance = 1 / 2 / 3  # p = 1/2, 1/2, 0, 0
    expected = (2 / 3 - by_chance) / (1 - by_chance)
    assert gwet_ac1(of_four) == pytest.approx(expected, abs=ROUNDING)


# --- resampling -----------------------------------------------------------------------------------


def repeated(ratings, documents, times):
    """Ratings in which each document occurs as often as it was drawn."""
    rows = np.concatenate([np.flatnonzero(documents == d) for d in np.repeat(*times)])
    return Ratings(ratings.values[rows], ratings.categories, ratings.frequency[rows], ordered=True)


def random_ratings(documents, sets):
    rng = np.random.default_rng(11)
    values = rng.integers(1, 5, (40, 3))
    values[:, 1] = np.where(rng.random(40) < 0.6, values[:, 0], values[:, 1])
    data = pd.DataFrame(values).astype(object).mask(rng.random((40, 3)) < 0.1)
    if sets:
        held = {1: {"a"}, 2: {"b"}, 3: {"a", "b"}, 4: {"b", "c"}}
        data = data.map(lambda v: held.get(v, v), na_action="ignore")
    return as_ratings(data), rng.integers(0, documents, 40)


@pytest.mark.parametrize("documents", [2, 9])  # fewer and more than categories
@pytest.mark.parametrize("name", COEFFICIENTS)
def test_a_draw_is_the_coefficient_of_the_repeated_documents(name, documents):
    sets = COEFFICIENTS[name].level in ("jaccard", "masi")
    ratings, document = random_ratings(documents, sets)
    draws = np.random.default_rng(3).integers(1, 4, (4, documents))
    found = statistic(name, ratings, document)(draws)
    for times, value in zip(draws, found, strict=True):
        again = repeated(ratings, document, (np.arange(documents), times))
        every = np.zeros(len(again.values), dtype=int)
        expected = statistic(name, again, every)(np.ones((1, 1)))[0]
        assert value == pytest.approx(expected, abs=ROUNDING)
    assert len(set(found.round(6))) > 1


def test_distances_in_blocks_are_those_in_one_piece():
    rng = np.random.default_rng(2)
    x = rng.permutation(BLOCK * 2 + 50)[:, None].astype(float)  # every value its own category
    data = np.hstack([x, x + rng.integers(-1, 2, x.shape)])
    n, squares = data.size, ((data - data.mean()) ** 2).sum()
    observed = 2 * ((data[:, 0] - data[:, 1]) ** 2).sum() / n
    expected = 1 - observed / (2 * n * squares / (n * (n - 1)))  # as of an analysis of variance
    assert krippendorff_alpha(data, level="interval") == pytest.approx(expected, abs=ROUNDING)


# --- undefined, and refused -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in BY_NAME if n != "percent"])
@pytest.mark.parametrize("categories", [None, [1, 2, 3]])
def test_one_category_is_undefined(name, categories):
    ratings = as_ratings([[1, 1]] * 4, categories=categories)
    assert np.isnan(BY_NAME[name](ratings))
    assert "one category" in why_undefined(ratings, name)
    assert percent_agreement(ratings) == 1
    assert why_undefined(ratings, "percent") == ""


@pytest.mark.parametrize("name", BY_NAME)
def test_without_a_pair_of_values_nothing_is_defined(name):
    data = [[1, None], [None, 2], [1, None]]
    assert np.isnan(BY_NAME[name](data))
    assert "two coders" in why_undefined(data, name)


def test_a_pair_that_shares_no_unit_leaves_the_mean_over_pairs_undefined():
    data = [[1, 1, None], [2, 2, None], [1, None, 1], [2, None, 2]]
    assert np.isnan(cohen_kappa(data))
    assert "share no unit" in why_undefined(data, "cohen")
    assert fleiss_kappa(data) == 1


def test_disagreement_throughout_is_defined():
    assert cohen_kappa([[1, 2]] * 5) == 0
    assert why_undefined([[1, 2]] * 5, "cohen") == ""


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("cohen", lambda: count_ratings([[1, 1], [0, 2]]), "which coder"),
        ("alpha_interval", lambda: [["a", "b"], ["a", "a"]], "needs numbers"),
        ("alpha_ratio", lambda: [[-1, 1], [2, 2]], "numbers from 0"),
        ("alpha_ordinal", lambda: [["low", "high"], ["low", "low"]], "declared order"),
        ("cohen_linear", lambda: [["low", "high"], ["low", "low"]], "declared order"),
        ("alpha_masi", lambda: [["a", "b"], ["a", "a"]], "sets of codes"),
        ("gwet_ac1", lambda: [[{"a", "b"}, {"a"}], [{"b"}, {"b"}]], "one code per unit"),
    ],
)
def test_what_a_coefficient_cannot_take_is_said(name, data, message):
    ratings = as_ratings(data())
    assert message in misfit(ratings, name)
    assert message in why_undefined(ratings, name)


def test_a_coefficient_refuses_what_it_cannot_take():
    with pytest.raises(ReliabilityError, match="alpha_interval: needs numbers"):
        krippendorff_alpha([["a", "b"], ["a", "a"]], level="interval")
    with pytest.raises(ReliabilityError, match=r"no coefficient 'kappa'.*cohen"):
        why_undefined([[1, 2]], "kappa")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: as_ratings([1, 2, 3]), "two columns or more, not 1"),
        (lambda: as_ratings([[1, "a"], [2, 2]]), "mix int, str"),
        (lambda: as_ratings([[1, {"a"}]]), "mix frozenset, int"),
        (lambda: as_ratings([[1, 7], [9, 1]], categories=[1]), r"(?s)no declared.*7.*9"),
        (lambda: table_ratings([[1, 2, 3], [1, 2, 3]]), r"\(2, 3\), not square"),
        (lambda: table_ratings([[1, -2], [np.nan, 2]]), "negative or missing"),
        (lambda: table_ratings(pd.DataFrame([[1, 2], [1, 2]], ["a", "b"], ["b", "a"])), "columns"),
        (lambda: count_ratings([[1.5, 2]]), "whole numbers"),
        (lambda: count_ratings([[np.nan, 2]]), "whole numbers"),
    ],
)
def test_malformed_tables_are_refused(make, message):
    with pytest.raises(ReliabilityError, match=message):
        make()


def test_missing_values_of_all_kinds_are_the_same():
    rows: list[list[int | None]] = [[1, 1], [2, None], [2, 1]]
    kinds = [None, np.nan, pd.NA]
    found = {krippendorff_alpha([[missing if v is None else v for v in row] for row in rows])
             for missing in kinds}  # fmt: skip
    assert found == {krippendorff_alpha([[1, 1], [2, 1]])}


def test_the_callers_table_is_left_as_it_is():
    data = pd.DataFrame([[1, 2], [None, 1], [2, 2]])
    before = data.copy()
    krippendorff_alpha(data, level="ordinal")
    pd.testing.assert_frame_equal(data, before)
